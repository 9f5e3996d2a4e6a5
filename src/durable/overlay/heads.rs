//! The newest patch of each page: a table by page number, of which only parts that are used exist.

use core::fmt;

/// Pages whose numbers lie together.
const PART: usize = 512;

/// Patch numbers by page, 0 where there was none.
#[derive(Default)]
pub(super) struct Heads(Vec<Option<Box<[u64; PART]>>>);

impl Heads {
    #[inline]
    pub(super) fn get(&self, page: u64) -> u64 {
        let (part, entry) = place(page);
        self.0.get(part).and_then(Option::as_ref).map_or(0, |part| part[entry])
    }

    #[inline]
    pub(super) fn set(&mut self, page: u64, number: u64) {
        let (part, entry) = place(page);
        if part >= self.0.len() {
            self.0.resize_with(part + 1, || None);
        }
        self.0[part].get_or_insert_with(|| Box::new([0; PART]))[entry] = number;
    }

    /// The pages from `from` to `to` that have a patch number of `floor` or more.
    pub(super) fn since(&self, floor: u64, from: u64, to: u64) -> impl Iterator<Item = u64> {
        let parts = self
            .0
            .iter()
            .zip((0_u64..).step_by(PART))
            .filter_map(|(part, first)| Some((part.as_ref()?, first)));
        let near = parts.filter(move |(_, first)| *first < to && first + PART as u64 > from);
        near.flat_map(move |(part, first)| {
            let entries = part.iter().zip(first..).filter(move |(number, _)| **number >= floor.max(1));
            entries.map(|(_, page)| page).filter(move |page| (from..to).contains(page))
        })
    }
}

impl fmt::Debug for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Heads({} of {} parts)", self.0.iter().flatten().count(), self.0.len())
    }
}

/// Page numbers are those of the file, so the table is no longer than the region's own tables.
#[inline]
fn place(page: u64) -> (usize, usize) {
    let page = usize::try_from(page).expect("a page of the file");
    (page / PART, page % PART)
}
