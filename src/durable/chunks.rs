//! How a heap's file grows: by *chunks*, each with as much of every area's pages as all before it.
//!
//! ```text
//!              chunk 0            1                  2                  3
//! mirrored   | tables, u, t    | t, tables, u     | u, t             | t, tables, u     | u, t  ...
//! alike      | tables, u, t    | tables, u, t     | tables, u, t     | tables, u, t     | tables, u, t  ...
//!
//!              u, t: pages of the untracked and of the tracked part
//! ```
//!
//! Whatever lies in a row, in memory as in the file, is mapped by one call when the heap is opened. So chunks mirror each other, by
//! which an area's pages in two chunks lie side by side, and tables come with every other chunk, enough for the next one too: a
//! gigabyte that grew has four pieces of pages and of each table, where it would have seven if all chunks were alike, as they were
//! in the first heaps.
//!
//! All here is counted in units: what chunk 0 has.

use core::ops::Range;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Chunks {
    Alike,
    Mirrored,
}

impl Chunks {
    /// Which units of an area's pages are in a chunk.
    pub(super) fn pages(chunk: u32) -> Range<usize> {
        let before = |chunk: u32| if chunk == 0 { 0 } else { 1 << (chunk - 1) };
        before(chunk)..before(chunk + 1)
    }

    /// Which units of its tables are.
    pub(super) fn tables(self, chunk: u32) -> Range<usize> {
        match self {
            Self::Alike => Self::pages(chunk),
            Self::Mirrored if chunk == 0 => 0..1,
            Self::Mirrored => 1 << (chunk / 2 * 2)..1 << (chunk.div_ceil(2) * 2),
        }
    }

    /// The chunk that has this unit of an area's pages.
    pub(super) fn of_pages(unit: usize) -> u32 {
        unit.checked_ilog2().map_or(0, |doublings| doublings + 1)
    }

    /// The chunk that has this unit of its tables.
    pub(super) fn of_tables(self, unit: usize) -> u32 {
        match (self, unit.checked_ilog2()) {
            (_, None) => 0,
            (Self::Alike, Some(doublings)) => doublings + 1,
            (Self::Mirrored, Some(doublings)) => doublings / 2 * 2 + 1,
        }
    }

    /// Whether a chunk begins with the pages of the second part and ends with those of the first.
    pub(super) fn is_turned(self, chunk: u32) -> bool {
        self == Self::Mirrored && chunk % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_in_one_chunk_and_tables_come_no_later_than_pages() {
        for chunks in [Chunks::Alike, Chunks::Mirrored] {
            let (mut pages, mut tables) = (0, 0);
            for chunk in 0..12 {
                assert_eq!((Chunks::pages(chunk).start, chunks.tables(chunk).start), (pages, tables));
                assert!(Chunks::pages(chunk).all(|unit| Chunks::of_pages(unit) == chunk));
                assert!(chunks.tables(chunk).all(|unit| chunks.of_tables(unit) == chunk), "{chunks:?}");
                (pages, tables) = (Chunks::pages(chunk).end, chunks.tables(chunk).end);
                assert!(tables >= pages);
            }
        }
    }
}
