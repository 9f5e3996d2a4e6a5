//! Where the bytes of a heap's two regions lie in its file.
//!
//! In memory each area has its address space from the start, and is used from its front. The file is dense: it grows by
//! [chunks](Chunks).
//!
//! ```text
//! file     0         8 KiB                              2 MiB        18 MiB       34 MiB                   72 MiB
//!          | slots   | headers | tables of | tables of  | 16 MiB of  | 16 MiB of  | chunk 1: pages t.,     | chunk 2:
//!          |         | of both | untracked | tracked    | pages, u.  | pages, t.  | tables, pages u.       | pages u., t.
//! ```
//!
//! 1. An area's first `unit` bytes are in chunk 0, and so on: where a byte lies depends on nothing but its area and its place
//!    there, so a heap can be given more address space later.
//! 2. The pages of a chunk start at a multiple of 2 MiB, in the file as in memory, and so can be mapped by huge pages.
//! 3. No two bytes lie at the same place, and none in the superblock's slots.
//! 4. A chunk's room for an area that is not used is a hole. Small chunks first keep a heap that uses one of its parts only
//!    from seeming much longer than it is.

use core::ops::Range;

use crate::heap::SIZES;
use crate::region::{Plan, ZONES, Zone};
use crate::units::{HUGE, PAGE};

use super::area::{Area, Lengths, PARTS, Part};
use super::chunks::Chunks;
use super::span::PageSpan;
use super::superblock::IMAGE;

/// Pages of a part in the first chunk.
const PAGES_UNIT: usize = 16 << 20;
/// Threads whose caches are in the first chunk.
const CACHES_UNIT: usize = 32;
/// Records of slabs in the first chunk: most slabs have a dozen pages or more.
const SLABS_UNIT: usize = PAGES_UNIT / PAGE / 8;
/// What a table grows by at the least: with less in the first chunk, its first step would reach into later ones.
const TABLE_UNIT: usize = 64 << 10;
/// All of the first chunk but its pages.
const TABLES_UNIT: usize = HUGE;

/// How the regions of a heap with this plan lie in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    plan: Plan,
    chunks: Chunks,
    /// How much of each zone of a part is in the first chunk.
    units: [usize; ZONES],
}

/// Bytes that follow each other in memory and in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// How far from the heap's base they lie.
    pub(crate) offset: usize,
    /// Where they lie in the file.
    pub(crate) file: u64,
    pub(crate) bytes: usize,
}

impl Piece {
    /// The pages of the file that it is.
    pub(crate) fn in_file(&self) -> PageSpan {
        PageSpan { first: self.file / PAGE as u64, count: (self.bytes / PAGE) as u64 }
    }
}

impl Layout {
    /// `cache` and `slab` are the sizes of these records; `None` where the tables of the first chunk have no room.
    fn new(plan: Plan, chunks: Chunks, cache: usize, slab: usize) -> Option<Self> {
        let units = [
            plan.size(Zone::Header),
            CACHES_UNIT * cache,
            TABLE_UNIT,
            TABLE_UNIT,
            TABLE_UNIT,
            SLABS_UNIT * slab,
            PAGES_UNIT,
        ];
        let layout = Self { plan, chunks, units };
        let last = Area::new(Part::Tracked, Zone::Slabs);
        let end = layout.file_start(last, 0) + units[Zone::Slabs.index()];
        let fits = end <= TABLES_UNIT && units.iter().all(|unit| unit.is_multiple_of(PAGE) && *unit > 0);
        fits.then_some(layout)
    }

    /// The layout of a heap each of whose parts has room for so many pages.
    pub(crate) fn of(pages: u32, chunks: Chunks) -> Option<Self> {
        Self::new(Plan::reserved(&SIZES, pages), chunks, SIZES.cache, SIZES.slab)
    }

    /// All areas in use to their ends.
    pub(crate) fn longest(&self) -> Lengths {
        Area::ALL.map(|area| self.plan.size(area.zone) as u64)
    }

    /// How each of the two regions is divided.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How much address space both take.
    pub(crate) fn span(&self) -> usize {
        Part::Tracked.start(&self.plan) + self.plan.bytes()
    }

    /// The area in which the byte so far from the heap's base lies.
    pub(crate) fn area_at(&self, offset: usize) -> Area {
        Area::at(&self.plan, offset)
    }

    /// The pages of this area, by their distances from the heap's base in pages, of whose bytes so many are meant.
    pub(crate) fn pages_of(&self, area: Area, from: u64, to: u64) -> PageSpan {
        let start = area.start(&self.plan) as u64;
        PageSpan::between((start + from) / PAGE as u64, (start + to) / PAGE as u64)
    }

    /// The pieces in which the bytes `from..to` of an area lie, in order and as long as can be.
    pub(crate) fn pieces(&self, area: Area, from: usize, to: usize) -> impl Iterator<Item = Piece> + use<> {
        let (layout, mut at) = (*self, from);
        core::iter::from_fn(move || {
            let mut piece = layout.piece(area, at, to)?;
            at += piece.bytes;
            while let Some(next) = layout.piece(area, at, to)
                && next.file == piece.file + piece.bytes as u64
            {
                piece.bytes += next.bytes;
                at += next.bytes;
            }
            Some(piece)
        })
    }

    /// What of these bytes of an area is in the chunk of the first.
    fn piece(&self, area: Area, from: usize, to: usize) -> Option<Piece> {
        if from >= to {
            return None;
        }
        let chunk = self.chunk_of(area.zone, from);
        let part = self.zone_part(area.zone, chunk);
        let file = self.file_start(area, chunk) + (from - part.start);
        let offset = area.start(&self.plan) + from;
        Some(Piece { offset, file: file as u64, bytes: part.end.min(to) - from })
    }

    /// The pieces of a span of the heap's pages, as far as they have a place in the file.
    pub(crate) fn pieces_of(&self, span: PageSpan) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        let bytes = |pages: u64| usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(PAGE);
        let (from, to) = (bytes(span.first), bytes(span.end()));
        Area::ALL.into_iter().flat_map(move |area| {
            let (start, size) = (area.start(&layout.plan), layout.plan.size(area.zone));
            layout.pieces(area, from.saturating_sub(start), to.saturating_sub(start).min(size))
        })
    }

    /// The pieces of what is in use of a part, of whose zones so many bytes are.
    pub(crate) fn image(&self, part: Part, lengths: [u64; ZONES]) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        Zone::ALL.into_iter().flat_map(move |zone| {
            let length = usize::try_from(lengths[zone.index()]).unwrap_or(0).min(layout.plan.size(zone));
            layout.pieces(Area::new(part, zone), 0, length)
        })
    }

    /// The pieces behind what is in use of each area.
    pub(crate) fn beyond(&self, lengths: Lengths) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        Area::ALL.into_iter().flat_map(move |area| {
            let size = layout.plan.size(area.zone);
            layout.pieces(area, usize::try_from(lengths[area.index()]).unwrap_or(size), size)
        })
    }

    /// How long a file is that has room for these areas.
    pub(crate) fn file_len(&self, lengths: Lengths) -> u64 {
        let parts =
            Part::ALL.into_iter().flat_map(|part| self.image(part, super::area::of_part(&lengths, part)));
        parts.map(|piece| piece.file + piece.bytes as u64).max().unwrap_or(IMAGE)
    }

    /// How far from the heap's base the byte at `file` lies; `None` for bytes of no area.
    pub(crate) fn heap_offset(&self, file: u64) -> Option<usize> {
        let file = usize::try_from(file).ok()?;
        // As if there were no tables, which is this chunk or the one behind it.
        let latest = Chunks::of_pages(file / (PARTS * PAGES_UNIT));
        let chunk = if self.chunk_start(latest) <= file { latest } else { latest - 1 };
        Area::ALL.into_iter().find_map(|area| {
            let part = self.zone_part(area.zone, chunk);
            let at = part.start + file.checked_sub(self.file_start(area, chunk))?;
            (at < part.end && at < self.plan.size(area.zone)).then(|| area.start(&self.plan) + at)
        })
    }

    /// The chunk in which byte `at` of a zone lies.
    fn chunk_of(&self, zone: Zone, at: usize) -> u32 {
        let unit = at / self.units[zone.index()];
        if zone == Zone::Pages { Chunks::of_pages(unit) } else { self.chunks.of_tables(unit) }
    }

    /// What of the zone is in this chunk.
    fn zone_part(&self, zone: Zone, chunk: u32) -> Range<usize> {
        let units = match zone {
            Zone::Pages => Chunks::pages(chunk),
            // All of it is in the first chunk.
            Zone::Header if chunk > 0 => 1..1,
            _ => self.chunks.tables(chunk),
        };
        let unit = self.units[zone.index()];
        unit * units.start..unit * units.end
    }

    /// Where in the file a chunk starts.
    fn chunk_start(&self, chunk: u32) -> usize {
        TABLES_UNIT * self.chunks.tables(chunk).start + PARTS * PAGES_UNIT * Chunks::pages(chunk).start
    }

    /// Where in the file this chunk's piece of an area starts.
    fn file_start(&self, area: Area, chunk: u32) -> usize {
        let tables = self.chunks.tables(chunk).len();
        let (all_tables, pages) = (TABLES_UNIT * tables, PAGES_UNIT * Chunks::pages(chunk).len());
        // Where the tables, the pages of the untracked and those of the tracked part are.
        let in_chunk = if self.chunks.is_turned(chunk) {
            [pages, pages + all_tables, 0]
        } else {
            [0, all_tables, all_tables + pages]
        };
        let place = match area.zone {
            Zone::Pages => in_chunk[1 + area.part.index()],
            _ => in_chunk[0] + self.place_in_tables(area, chunk, tables),
        };
        self.chunk_start(chunk) + place
    }

    /// How far into the tables of a chunk, which has so many units of them, those of an area start.
    fn place_in_tables(&self, area: Area, chunk: u32, tables: usize) -> usize {
        let (part, header) = (area.part.index(), self.units[Zone::Header.index()]);
        let slots = if chunk == 0 { usize::try_from(IMAGE).unwrap_or(0) } else { 0 };
        if area.zone == Zone::Header {
            return slots + part * header;
        }
        let units = &self.units[1..Zone::Pages.index()];
        let before: usize = units[..area.zone.index() - 1].iter().sum();
        let other_part = part * units.iter().sum::<usize>();
        // The slots and the headers are in the first chunk only.
        let first = if chunk == 0 { slots + PARTS * header } else { 0 };
        first + (other_part + before) * tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durable::area::AREAS;

    const BOTH: [Chunks; 2] = [Chunks::Alike, Chunks::Mirrored];

    fn layout(pages: u32, chunks: Chunks) -> Layout {
        Layout::of(pages, chunks).unwrap()
    }

    #[test]
    fn every_page_of_every_area_has_a_place_of_its_own() {
        BOTH.into_iter().for_each(|chunks| has_places(&layout(1 << 18, chunks)));
    }

    fn has_places(layout: &Layout) {
        let mut seen = std::collections::BTreeMap::new();
        for area in Area::ALL {
            let mut at = 0;
            for piece in layout.pieces(area, 0, layout.plan.size(area.zone)) {
                assert_eq!(piece.offset, area.start(&layout.plan) + at, "{area:?}");
                at += piece.bytes;
                for inside in [0, piece.bytes / 2, piece.bytes - 1] {
                    assert_eq!(layout.heap_offset(piece.file + inside as u64), Some(piece.offset + inside));
                }
                assert!(piece.file >= IMAGE && piece.bytes.is_multiple_of(PAGE));
                assert_eq!(seen.insert(piece.file, piece), None);
                if area.zone == Zone::Pages {
                    assert!(piece.file.is_multiple_of(HUGE as u64) && piece.offset.is_multiple_of(HUGE));
                }
            }
            assert_eq!(at, layout.plan.size(area.zone));
        }
        let pieces: Vec<Piece> = seen.into_values().collect();
        assert!(pieces.windows(2).all(|pair| pair[0].file + pair[0].bytes as u64 <= pair[1].file));
    }

    #[test]
    fn no_place_changes_when_there_is_more_address_space() {
        for (chunks, area) in BOTH.into_iter().flat_map(|chunks| Area::ALL.map(|area| (chunks, area))) {
            let (small, large) = (layout(1 << 16, chunks), layout(1 << 24, chunks));
            let file = |layout: &Layout, at| layout.pieces(area, at, at + 1).next().unwrap().file;
            for at in (0..small.plan.size(area.zone)).step_by(PAGE * 7) {
                assert_eq!(file(&small, at), file(&large, at));
            }
        }
    }

    #[test]
    fn places_are_part_of_the_format() {
        const MIB: usize = 1 << 20;
        // Chunk, tags of the first part, pages of both.
        for (chunks, chunk, tags, pages) in [
            (Chunks::Alike, 0, Some(0xc_8000), [2, 18]),
            (Chunks::Alike, 1, Some(0x22a_6000), [36, 52]),
            (Chunks::Alike, 2, Some(0x454_c000), [72, 104]),
            (Chunks::Alike, 6, Some(0x454c_0000), [1152, 1664]),
            (Chunks::Mirrored, 0, Some(0xc_8000), [2, 18]),
            (Chunks::Mirrored, 1, Some(0x33f_2000), [56, 34]),
            (Chunks::Mirrored, 2, None, [72, 104]),
            (Chunks::Mirrored, 3, Some(0xcfc_8000), [224, 136]),
            (Chunks::Mirrored, 4, None, [288, 416]),
        ] {
            let layout = layout(1 << 24, chunks);
            let start = |part, zone| layout.file_start(Area::new(part, zone), chunk);
            assert_eq!(Part::ALL.map(|part| start(part, Zone::Pages) / MIB), pages, "{chunks:?} {chunk}");
            if let Some(tags) = tags {
                assert_eq!(start(Part::Untracked, Zone::Tags), tags, "{chunks:?} {chunk}");
            }
        }
    }

    #[test]
    fn a_gigabyte_that_grew_is_four_pieces() {
        for (chunks, most) in [(Chunks::Alike, 7), (Chunks::Mirrored, 4)] {
            let layout = layout(1 << 24, chunks);
            for part in Part::ALL {
                assert_eq!(layout.pieces(Area::new(part, Zone::Pages), 0, 1 << 30).count(), most);
                assert_eq!(layout.pieces(Area::new(part, Zone::Tags), 0, 2 << 20).count(), most.min(6));
            }
        }
    }

    #[test]
    fn a_file_is_little_longer_than_what_it_has_room_for() {
        const USES: [&[Part]; 3] = [&[Part::Untracked], &[Part::Tracked], &Part::ALL];
        for pages in [1_u64, 1000, 4097, 8193, 1 << 15, 1 << 20] {
            for (chunks, used) in BOTH.into_iter().flat_map(|chunks| USES.map(|used| (chunks, used))) {
                let mut lengths = [0; AREAS];
                for part in used {
                    let length =
                        |zone, bytes: u64| (Area::new(*part, zone).index(), bytes.next_multiple_of(4096));
                    let all = [
                        length(Zone::Header, 64 << 10),
                        length(Zone::Pages, pages << 12),
                        length(Zone::Tags, pages * 8),
                    ];
                    all.into_iter().for_each(|(area, bytes)| lengths[area] = bytes);
                }
                // Two parts, each of which is at the front of a chunk of its own; one part may lie behind as much room twice.
                let bytes = pages << 12;
                let most = bytes * 3 + bytes / 3 + TABLES_UNIT as u64 + PAGES_UNIT as u64;
                let found = layout(1 << 24, chunks).file_len(lengths);
                assert!(found <= most, "{pages} pages in {used:?}, {chunks:?}: {found}, {most}");
            }
        }
    }
}
