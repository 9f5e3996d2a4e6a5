//! Where the bytes of a region lie in its file.
//!
//! In memory each zone has its address space from the start, and is used from its front. The file is dense: it grows by
//! *chunks*, each as large as all before it, and each with a part of every zone.
//!
//! ```text
//! file     0         8 KiB                                     2 MiB          130 MiB          260 MiB
//!          | slots   | header caches touched tags links slabs  | 128 MiB of   | chunk 1:       | chunk 2: twice
//!          |         |                                         | pages        | the same again | as much
//! ```
//!
//! 1. A zone's first `unit` bytes are in chunk 0, the next `unit` in chunk 1, the next two in chunk 2, and so on: where a
//!    byte lies depends on nothing but its zone and its place there, so a heap can be given more address space later.
//! 2. The pages of a chunk start at a multiple of 2 MiB, in the file as in memory, and so can be mapped by huge pages.
//! 3. No two bytes lie at the same place, and none in the superblock's slots.

use crate::heap::SIZES;
use crate::region::{Plan, ZONES, Zone};
use crate::units::{HUGE, PAGE};

use super::span::PageSpan;
use super::superblock::IMAGE;

/// Pages of the first chunk.
const PAGES_UNIT: usize = 128 << 20;
/// Threads whose caches are in the first chunk.
const CACHES_UNIT: usize = 32;
/// Records of slabs in the first chunk: most slabs have a dozen pages or more.
const SLABS_UNIT: usize = PAGES_UNIT / PAGE / 8;
/// Far more bits than the pages of a chunk need, but as much as a zone grows by at the least.
const TOUCHED_UNIT: usize = 64 << 10;
/// All of a chunk but its pages.
const TABLES_UNIT: usize = HUGE;
const CHUNK_UNIT: usize = TABLES_UNIT + PAGES_UNIT;

/// How a region with this plan lies in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    plan: Plan,
    /// How much of each zone is in the first chunk.
    units: [usize; ZONES],
}

/// Bytes that follow each other in the region and in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Where they lie in the region.
    pub(crate) offset: usize,
    /// Where they lie in the file.
    pub(crate) file: u64,
    pub(crate) bytes: usize,
}

impl Layout {
    /// `cache` and `slab` are the sizes of these records; `None` where the tables of the first chunk have no room.
    fn new(plan: Plan, cache: usize, slab: usize) -> Option<Self> {
        let tables = PAGES_UNIT / PAGE;
        let units = [
            plan.size(Zone::Header),
            CACHES_UNIT * cache,
            TOUCHED_UNIT,
            tables * 8,
            tables * 8,
            SLABS_UNIT * slab,
            PAGES_UNIT,
        ];
        let layout = Self { plan, units };
        let end = layout.part_start(Zone::Slabs, 0) + units[Zone::Slabs.index()];
        let fits = end <= TABLES_UNIT && units.iter().all(|unit| unit.is_multiple_of(PAGE) && *unit > 0);
        fits.then_some(layout)
    }

    /// The layout of a heap with room for so many pages.
    pub(crate) fn of(pages: u32) -> Option<Self> {
        Self::new(Plan::reserved(&SIZES, pages), SIZES.cache, SIZES.slab)
    }

    /// All zones in use to their ends.
    pub(crate) fn longest(&self) -> [u64; ZONES] {
        Zone::ALL.map(|zone| self.plan.size(zone) as u64)
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The pieces in which the bytes `from..to` of a zone lie, in order.
    pub(crate) fn pieces(&self, zone: Zone, from: usize, to: usize) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        let mut at = from;
        core::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let chunk = layout.chunk_of(zone, at);
            let (start, end) = layout.zone_part(zone, chunk);
            let bytes = end.min(to) - at;
            let file = layout.file_start(zone, chunk) + (at - start);
            let piece = Piece { offset: layout.plan.start(zone) + at, file: file as u64, bytes };
            at += bytes;
            Some(piece)
        })
    }

    /// The pieces of a span of the region's pages, as far as they have a place in the file.
    pub(crate) fn pieces_of(&self, span: PageSpan) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        let bytes = |pages: u64| usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(PAGE);
        let (from, to) = (bytes(span.first), bytes(span.end()));
        Zone::ALL.into_iter().flat_map(move |zone| {
            let (start, size) = (layout.plan.start(zone), layout.plan.size(zone));
            layout.pieces(zone, from.saturating_sub(start), to.saturating_sub(start).min(size))
        })
    }

    /// The pieces of the whole image, of whose zones so many bytes are in use.
    pub(crate) fn image(&self, lengths: [u64; ZONES]) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        Zone::ALL.into_iter().flat_map(move |zone| {
            let length = usize::try_from(lengths[zone.index()]).unwrap_or(0).min(layout.plan.size(zone));
            layout.pieces(zone, 0, length)
        })
    }

    /// The pieces behind what is in use of each zone.
    pub(crate) fn beyond(&self, lengths: [u64; ZONES]) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        Zone::ALL.into_iter().flat_map(move |zone| {
            let size = layout.plan.size(zone);
            layout.pieces(zone, usize::try_from(lengths[zone.index()]).unwrap_or(size), size)
        })
    }

    /// How long a file is that has room for these zones.
    pub(crate) fn file_len(&self, lengths: [u64; ZONES]) -> u64 {
        self.image(lengths).map(|piece| piece.file + piece.bytes as u64).max().unwrap_or(IMAGE)
    }

    /// Where in the region the byte at `file` lies; `None` for bytes of no zone.
    pub(crate) fn region_offset(&self, file: u64) -> Option<usize> {
        let file = usize::try_from(file).ok()?;
        let chunk = (file / CHUNK_UNIT).checked_ilog2().map_or(0, |doublings| doublings + 1);
        // The zone with the last part that starts before this byte.
        let zone = Zone::ALL.into_iter().rfind(|zone| self.file_start(*zone, chunk) <= file)?;
        let (start, end) = self.zone_part(zone, chunk);
        let at = start + (file - self.file_start(zone, chunk));
        (at < end && at < self.plan.size(zone)).then(|| self.plan.start(zone) + at)
    }

    /// The chunk in which byte `at` of a zone lies.
    fn chunk_of(&self, zone: Zone, at: usize) -> u32 {
        (at / self.units[zone.index()]).checked_ilog2().map_or(0, |doublings| doublings + 1)
    }

    /// What of the zone is in this chunk.
    fn zone_part(&self, zone: Zone, chunk: u32) -> (usize, usize) {
        let unit = self.units[zone.index()];
        if chunk == 0 { (0, unit) } else { (unit << (chunk - 1), unit << chunk) }
    }

    /// Where in the file this chunk's part of a zone starts.
    fn file_start(&self, zone: Zone, chunk: u32) -> usize {
        // As many bytes lie in front of a chunk as it has itself, but for the first.
        let start = if chunk == 0 { 0 } else { CHUNK_UNIT << (chunk - 1) };
        start + self.part_start(zone, chunk)
    }

    /// How far into the chunk that is.
    fn part_start(&self, zone: Zone, chunk: u32) -> usize {
        let scale = chunk.saturating_sub(1);
        if zone == Zone::Pages {
            return TABLES_UNIT << scale;
        }
        let before: usize = self.units[1.min(zone.index())..zone.index()].iter().sum();
        // The slots and the header are in the first chunk only.
        let first = if chunk == 0 && zone != Zone::Header { self.units[Zone::Header.index()] } else { 0 };
        let slots = if chunk == 0 { usize::try_from(IMAGE).unwrap_or(0) } else { 0 };
        slots + first + (before << scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(pages: u32) -> Layout {
        Layout::of(pages).unwrap()
    }

    #[test]
    fn every_page_of_every_zone_has_a_place_of_its_own() {
        let layout = layout(1 << 18);
        let mut seen = std::collections::BTreeMap::new();
        for zone in Zone::ALL {
            let mut at = 0;
            for piece in layout.pieces(zone, 0, layout.plan.size(zone)) {
                assert_eq!(piece.offset, layout.plan.start(zone) + at, "{zone:?}");
                at += piece.bytes;
                assert!(piece.file >= IMAGE && piece.bytes.is_multiple_of(PAGE));
                assert_eq!(seen.insert(piece.file, piece), None);
                for step in [0, PAGE, piece.bytes / 2, piece.bytes - 1] {
                    let inside = step.min(piece.bytes - 1);
                    let found = layout.region_offset(piece.file + inside as u64);
                    assert_eq!(found, Some(piece.offset + inside), "{zone:?} {piece:?}");
                }
                if zone == Zone::Pages {
                    assert!(piece.file.is_multiple_of(HUGE as u64) && piece.offset.is_multiple_of(HUGE));
                }
            }
            assert_eq!(at, layout.plan.size(zone));
        }
        let pieces: Vec<Piece> = seen.into_values().collect();
        assert!(pieces.windows(2).all(|pair| pair[0].file + pair[0].bytes as u64 <= pair[1].file));
    }

    #[test]
    fn no_place_changes_when_there_is_more_address_space() {
        let (small, large) = (layout(1 << 16), layout(1 << 24));
        for zone in Zone::ALL {
            let file = |layout: &Layout, at| layout.pieces(zone, at, at + 1).next().unwrap().file;
            for at in (0..small.plan.size(zone)).step_by(PAGE * 7) {
                assert_eq!(file(&small, at), file(&large, at));
            }
        }
    }

    #[test]
    fn a_file_is_little_longer_than_its_pages() {
        let layout = layout(1 << 24);
        for pages in [1_u64, 1000, 1 << 15, 1 << 20] {
            let mut lengths = [0; ZONES];
            lengths[Zone::Header.index()] = 64 << 10;
            lengths[Zone::Pages.index()] = pages << 12;
            lengths[Zone::Tags.index()] = (pages * 8).next_multiple_of(4096);
            let bytes = pages << 12;
            assert!(layout.file_len(lengths) <= bytes + bytes / 60 + (2 << 20));
        }
    }
}
