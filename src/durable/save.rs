//! The content of a heap, written to a file that it has nothing to do with afterwards.
//!
//! First the tables are copied, while the heap is seized: a point in time. Then the blocks that were in use at that time
//! are written, page by page, straight from where they lie; what their owners change meanwhile may be in the file or not.
//!
//! 1. Only pages of runs in use are read, and of these only such as were touched. All others are holes in the file.
//! 2. Pages of zeros are holes as well.
//! 3. The magazines are copied from their front to their back, counts before their slots, as a commit does it.
//! 4. A page behind a run that nobody may touch is not read. Where there are such pages the heap stays seized to the end,
//!    since otherwise they could come to lie elsewhere.

use crate::error::Error;
use crate::heap::{Core, Header};
use crate::region::{ZONES, Zone};
use crate::runs::{Kind, Tag};
use crate::units::{PAGE, Page, low32};

use super::area::{AREAS, Area, Part};
use super::chance;
use super::diff::LivePage;
use super::errors::of_storage;
use super::fields::Fields;
use super::layout::Layout;
use super::storage::StoredFile;
use super::superblock::{Flags, Superblock};

/// Pages that are written in one piece.
const WRITTEN_AT_ONCE: usize = 64;
/// How much longer the tables may have become between being measured and being copied.
const SLACK: usize = 16 << 20;

/// Writes what the heap holds, as an image, and says what the superblock is to say of it: one commit after `last`.
pub(crate) fn save(
    cores: &[&Core],
    file: &impl StoredFile,
    last: u64,
    flags: Flags,
) -> Result<Superblock, Error> {
    let region = cores[0].region();
    let layout = Layout::of(region.plan().pages(), flags.chunks())
        .ok_or(Error::CannotSave { why: "its tables have no room" })?;
    let stays_seized = region.is_guarded();
    let mut tables = Tables::with_room(cores, layout)?;
    while !Tables::take(&mut tables, cores, stays_seized) {
        tables = Tables::with_room(cores, layout)?;
    }
    let mut lengths = [0; AREAS];
    for (tables, part) in tables.iter().zip(Part::ALL) {
        for zone in Zone::ALL {
            lengths[Area::new(part, zone).index()] = tables.lengths[zone.index()];
        }
    }
    let image_bytes = layout.file_len(lengths);
    let written = file.set_len(image_bytes).map_err(of_storage).and_then(|()| {
        tables.iter().zip(cores).try_for_each(|(tables, core)| {
            let pages = Vec::with_capacity(WRITTEN_AT_ONCE);
            write(tables, &mut Writer { file, core, part: tables.part, pages, start: 0 })
        })
    });
    if stays_seized {
        cores.iter().rev().for_each(|core| core.release());
    }
    written?;
    Ok(Superblock {
        uuid: chance::uuid(),
        sequence: 0,
        applied: last + 1,
        base: region.base().as_ptr().addr() as u64,
        reserved_pages: u64::from(region.plan().pages()),
        image_pages: image_bytes / PAGE as u64,
        flags,
        geometry: Header::geometry_of(region.is_guarded()),
    })
}

fn write<F: StoredFile>(tables: &Tables, writer: &mut Writer<'_, F>) -> Result<(), Error> {
    tables.each_page(&mut |at, page| writer.add(at, page))?;
    tables.each_live_page(writer.core.runs().guard_pages(), &mut |page| {
        writer.add_live(&tables.layout, page)
    })?;
    writer.flush()
}

/// A copy of everything of a region but its pages.
struct Tables {
    part: Part,
    layout: Layout,
    lengths: [u64; ZONES],
    /// The used parts of the zones, one after the other.
    pages: Vec<[u8; PAGE]>,
    room: usize,
}

impl Tables {
    /// Room for the tables of each core.
    fn with_room(cores: &[&Core], layout: Layout) -> Result<Vec<Self>, Error> {
        cores.iter().zip(Part::ALL).map(|(core, part)| Self::with_room_for(core, part, layout)).collect()
    }

    fn with_room_for(core: &Core, part: Part, layout: Layout) -> Result<Self, Error> {
        let lengths = core.region().lengths();
        let room = table_bytes(&lengths) / PAGE + SLACK / PAGE;
        let mut pages = Vec::new();
        let refused = |_| Error::NoMemory { bytes: room * PAGE, code: 12 };
        pages.try_reserve_exact(room).map_err(refused)?;
        Ok(Self { part, layout, lengths, pages, room })
    }

    /// Copies the tables while all of the heap is seized; `false` where they have become longer than there is room. Nothing
    /// is allocated meanwhile: the heap may be the one that it would come from.
    fn take(all: &mut [Self], cores: &[&Core], stays_seized: bool) -> bool {
        cores.iter().for_each(|core| core.seize());
        let fits = all.iter_mut().zip(cores).all(|(tables, core)| tables.take_one(core));
        if !fits || !stays_seized {
            cores.iter().rev().for_each(|core| core.release());
        }
        fits
    }

    fn take_one(&mut self, core: &Core) -> bool {
        core.note_lengths();
        self.lengths = core.region().lengths();
        let fits = table_bytes(&self.lengths) / PAGE <= self.room;
        if fits {
            self.copy(core);
        }
        fits
    }

    fn copy(&mut self, core: &Core) {
        for zone in Zone::ALL.into_iter().filter(|zone| *zone != Zone::Pages) {
            let start = core.region().plan().start(zone);
            for at in (0..length(&self.lengths, zone)).step_by(PAGE) {
                let address = core.region().base().as_ptr().wrapping_add(start + at);
                // SAFETY: a usable page of the region, which is there as long as its core.
                let live = unsafe { LivePage::new(address) };
                self.pages.push([0; PAGE]);
                if let Some(page) = self.pages.last_mut() {
                    live.copy_to(page);
                }
            }
        }
    }

    /// Calls `act` with every page of the tables and its place in the file.
    fn each_page(&self, act: &mut impl FnMut(u64, &[u8; PAGE]) -> Result<(), Error>) -> Result<(), Error> {
        let mut pages = self.pages.iter();
        for zone in Zone::ALL.into_iter().filter(|zone| *zone != Zone::Pages) {
            for piece in self.layout.pieces(Area::new(self.part, zone), 0, length(&self.lengths, zone)) {
                let places = (piece.file..).step_by(PAGE);
                places
                    .zip(pages.by_ref().take(piece.bytes / PAGE))
                    .try_for_each(|(at, page)| act(at, page))?;
            }
        }
        Ok(())
    }

    /// A word of a zone, by its number.
    fn word(&self, zone: Zone, number: usize) -> u64 {
        let before = Zone::ALL[..zone.index()].iter().map(|zone| length(&self.lengths, *zone)).sum::<usize>();
        let at = before + number * 8;
        Fields::new(&self.pages[at / PAGE], 0).u64(at % PAGE)
    }

    /// Calls `act` with every touched page of runs in use, of which the last `guard` ones are not to be read.
    fn each_live_page(
        &self,
        guard: u32,
        act: &mut impl FnMut(Page) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let entries = length(&self.lengths, Zone::Tags) / 8;
        let pages = low32((length(&self.lengths, Zone::Pages) / PAGE).min(entries));
        let tag = |page: u32| Tag::from_bits(self.word(Zone::Tags, page as usize));
        let mut at = 0;
        // Where the pages in play end the tags are zeros: no run begins there.
        while at < pages && tag(at).is_first() {
            let len = if tag(at).is(Kind::Slab) {
                (at..pages).find(|page| tag(*page).is_last()).map_or(1, |last| last + 1 - at)
            } else {
                tag(at).len().max(1)
            };
            let end = at.saturating_add(len).min(pages);
            if tag(at).is(Kind::Whole) || tag(at).is(Kind::Slab) {
                let touched =
                    |page: &u32| self.word(Zone::Touched, *page as usize / 64) >> (page % 64) & 1 == 1;
                (at..end - guard).filter(touched).try_for_each(|page| act(Page(page)))?;
            }
            at = end;
        }
        Ok(())
    }
}

fn length(lengths: &[u64; ZONES], zone: Zone) -> usize {
    usize::try_from(lengths[zone.index()]).unwrap_or(0)
}

fn table_bytes(lengths: &[u64; ZONES]) -> usize {
    Zone::ALL.into_iter().filter(|zone| *zone != Zone::Pages).map(|zone| length(lengths, zone)).sum()
}

/// Writes pages that follow each other in the file together.
struct Writer<'a, F> {
    file: &'a F,
    core: &'a Core,
    part: Part,
    pages: Vec<[u8; PAGE]>,
    /// Where the first of them goes.
    start: u64,
}

impl<F: StoredFile> Writer<'_, F> {
    fn add(&mut self, at: u64, page: &[u8; PAGE]) -> Result<(), Error> {
        if *page == [0; PAGE] {
            return Ok(());
        }
        if at != self.start + (self.pages.len() * PAGE) as u64 || self.pages.len() == WRITTEN_AT_ONCE {
            self.flush()?;
            self.start = at;
        }
        self.pages.push(*page);
        Ok(())
    }

    fn add_live(&mut self, layout: &Layout, page: Page) -> Result<(), Error> {
        // SAFETY: a usable page of the region, which nobody makes unusable: see rule 4.
        let live = unsafe { LivePage::new(self.core.region().page_start(page)) };
        let mut copy = [0; PAGE];
        live.copy_to(&mut copy);
        let mut pieces = layout.pieces(Area::new(self.part, Zone::Pages), page.bytes(), page.bytes() + PAGE);
        pieces.try_for_each(|piece| self.add(piece.file, &copy))
    }

    fn flush(&mut self) -> Result<(), Error> {
        if !self.pages.is_empty() {
            self.file.write_at(self.start, self.pages.as_flattened()).map_err(of_storage)?;
            self.pages.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
