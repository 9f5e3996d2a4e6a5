//! Where the bytes of a heap's two regions lie in its file.
//!
//! In memory each area has its address space from the start, and is used from its front. The file is dense: it grows by
//! *chunks*, each as large as all before it, and each with a piece of every area.
//!
//! ```text
//! file     0         8 KiB                              2 MiB        18 MiB       34 MiB      68 MiB
//!          | slots   | headers | tables of | tables of  | 16 MiB of  | 16 MiB of  | chunk 1:  | chunk 2: twice
//!          |         | of both | untracked | tracked    | pages, u.  | pages, t.  | the same  | as much
//! ```
//!
//! 1. An area's first `unit` bytes are in chunk 0, the next `unit` in chunk 1, the next two in chunk 2, and so on: where a
//!    byte lies depends on nothing but its area and its place there, so a heap can be given more address space later.
//! 2. The pages of a chunk start at a multiple of 2 MiB, in the file as in memory, and so can be mapped by huge pages.
//! 3. No two bytes lie at the same place, and none in the superblock's slots.
//! 4. A chunk's room for an area that is not used is a hole. Small chunks first keep a heap that uses one of its parts only
//!    from seeming much longer than it is.

use crate::heap::SIZES;
use crate::region::{Plan, ZONES, Zone};
use crate::units::{HUGE, PAGE};

use super::area::{AREAS, Area, Lengths, PARTS, Part};
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
/// All of a chunk but its pages.
const TABLES_UNIT: usize = HUGE;
const CHUNK_UNIT: usize = TABLES_UNIT + PARTS * PAGES_UNIT;

/// How the regions of a heap with this plan lie in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
    plan: Plan,
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
    fn new(plan: Plan, cache: usize, slab: usize) -> Option<Self> {
        let units = [
            plan.size(Zone::Header),
            CACHES_UNIT * cache,
            TABLE_UNIT,
            TABLE_UNIT,
            TABLE_UNIT,
            SLABS_UNIT * slab,
            PAGES_UNIT,
        ];
        let layout = Self { plan, units };
        let last = Area::new(Part::Tracked, Zone::Slabs);
        let end = layout.place_in_chunk(last, 0) + units[Zone::Slabs.index()];
        let fits = end <= TABLES_UNIT && units.iter().all(|unit| unit.is_multiple_of(PAGE) && *unit > 0);
        fits.then_some(layout)
    }

    /// The layout of a heap each of whose parts has room for so many pages.
    pub(crate) fn of(pages: u32) -> Option<Self> {
        Self::new(Plan::reserved(&SIZES, pages), SIZES.cache, SIZES.slab)
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

    /// The pieces in which the bytes `from..to` of an area lie, in order.
    pub(crate) fn pieces(&self, area: Area, from: usize, to: usize) -> impl Iterator<Item = Piece> + use<> {
        let layout = *self;
        let mut at = from;
        core::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let chunk = layout.chunk_of(area.zone, at);
            let (start, end) = layout.zone_part(area.zone, chunk);
            let bytes = end.min(to) - at;
            let file = layout.file_start(area, chunk) + (at - start);
            let piece = Piece { offset: area.start(&layout.plan) + at, file: file as u64, bytes };
            at += bytes;
            Some(piece)
        })
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
        let chunk = (file / CHUNK_UNIT).checked_ilog2().map_or(0, |doublings| doublings + 1);
        let is_there = |area: &Area| self.zone_part(area.zone, chunk).0 < self.plan.size(area.zone);
        let pieces = Area::ALL.into_iter().filter(is_there).map(|area| (self.file_start(area, chunk), area));
        // The last piece that starts before this byte.
        let (place, area) = pieces.filter(|(place, _)| *place <= file).max_by_key(|(place, _)| *place)?;
        let (start, end) = self.zone_part(area.zone, chunk);
        let at = start + (file - place);
        (at < end && at < self.plan.size(area.zone)).then(|| area.start(&self.plan) + at)
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

    /// Where in the file this chunk's piece of an area starts.
    fn file_start(&self, area: Area, chunk: u32) -> usize {
        // As many bytes lie in front of a chunk as it has itself, but for the first.
        let start = if chunk == 0 { 0 } else { CHUNK_UNIT << (chunk - 1) };
        start + self.place_in_chunk(area, chunk)
    }

    /// How far into the chunk that is.
    fn place_in_chunk(&self, area: Area, chunk: u32) -> usize {
        let (part, scale) = (area.part.index(), chunk.saturating_sub(1));
        if area.zone == Zone::Pages {
            return (TABLES_UNIT + part * PAGES_UNIT) << scale;
        }
        let header = self.units[Zone::Header.index()];
        let slots = if chunk == 0 { usize::try_from(IMAGE).unwrap_or(0) } else { 0 };
        if area.zone == Zone::Header {
            return slots + part * header;
        }
        let tables = &self.units[1..Zone::Pages.index()];
        let before: usize = tables[..area.zone.index() - 1].iter().sum();
        let other_part = part * tables.iter().sum::<usize>();
        // The slots and the headers are in the first chunk only.
        let first = if chunk == 0 { slots + PARTS * header } else { 0 };
        first + ((other_part + before) << scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(pages: u32) -> Layout {
        Layout::of(pages).unwrap()
    }

    #[test]
    fn every_page_of_every_area_has_a_place_of_its_own() {
        let layout = layout(1 << 18);
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
        let (small, large) = (layout(1 << 16), layout(1 << 24));
        for area in Area::ALL {
            let file = |layout: &Layout, at| layout.pieces(area, at, at + 1).next().unwrap().file;
            for at in (0..small.plan.size(area.zone)).step_by(PAGE * 7) {
                assert_eq!(file(&small, at), file(&large, at));
            }
        }
    }

    #[test]
    fn a_file_is_little_longer_than_its_pages_and_at_most_twice_where_one_part_is_used() {
        let layout = layout(1 << 24);
        for pages in [1_u64, 1000, 1 << 15, 1 << 20] {
            for used in [&Part::ALL[..1], &Part::ALL[1..], &Part::ALL] {
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
                let bytes = pages << 13;
                let most = bytes + bytes / 15 + TABLES_UNIT as u64 + PAGES_UNIT as u64;
                assert!(layout.file_len(lengths) <= most, "{pages} pages in {used:?}");
            }
        }
    }
}
