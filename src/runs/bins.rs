//! The free runs, sorted by length into two levels of bins.
//!
//! The first level is the power of two below a length, the second divides it into eight. A word with a bit for each
//! first level, and a byte's worth for each second, find the smallest bin that surely fits in a few instructions.
//! The runs of a bin are a list through the `links` table, so that a free run's own pages stay untouched.
//!
//! 1. A run is in the bin of its length, once, and only while its tags say that it is free.
//! 2. A bit is set exactly where a bin (or a first level) has a run.

use core::mem::offset_of;

use crate::region::Table;
use crate::sync::{Word32, Word64};
use crate::units::{Page, low32};

const SECOND: usize = 8;
const SECOND_LOG: u32 = 3;
const FIRST: usize = 30;

/// The heads of the lists; part of the image, under the lock of the runs.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct Bins {
    first: Word32,
    second: [Word32; FIRST],
    heads: [Word32; FIRST * SECOND],
}

/// The number of a bin.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Bin(usize);

impl Bin {
    pub(crate) const COUNT: usize = FIRST * SECOND;

    /// The bin in which a run of `len` pages lies.
    pub(crate) const fn of(len: u32) -> Self {
        if len < 8 {
            return Self(len as usize);
        }
        let log = len.ilog2();
        let first = log - SECOND_LOG + 1;
        let second = (len >> (log - SECOND_LOG)) & 7;
        Self(first as usize * SECOND + second as usize)
    }

    /// The first bin all of whose runs have at least `len` pages.
    const fn fitting(len: u32) -> Self {
        if len < 8 {
            return Self(len as usize);
        }
        let step = 1 << (len.ilog2() - SECOND_LOG);
        match len.checked_add(step - 1) {
            Some(rounded) => Self::of(rounded),
            None => Self(Self::COUNT),
        }
    }

    /// All bins, shortest runs first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// All bins in which a run of at least `len` pages may lie, and one with shorter ones at the most.
    pub(crate) fn reaching(len: u32) -> impl Iterator<Item = Self> {
        (Self::of(len).0..Self::COUNT).map(Self)
    }

    const fn first(self) -> usize {
        self.0 / SECOND
    }

    const fn second(self) -> usize {
        self.0 % SECOND
    }
}

/// A page as a list holds it: one more than its number, so that 0 is the end.
const END: u32 = 0;

fn linked(page: Option<Page>) -> u32 {
    page.map_or(END, |page| page.0 + 1)
}

fn unlinked(word: u32) -> Option<Page> {
    word.checked_sub(1).map(Page)
}

/// A free run's neighbours in its list: the next in the low half, the one before in the high half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) next: Option<Page>,
    pub(crate) previous: Option<Page>,
}

impl Link {
    pub(crate) fn read(links: &Table<Word64>, page: Page) -> Self {
        Self::from_bits(links.at(page.index()).get())
    }

    /// A page of a list as the image's words have it; none at the list's end.
    pub(crate) fn page(word: u32) -> Option<Page> {
        unlinked(word)
    }

    pub(crate) fn from_bits(bits: u64) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "the two halves")]
        Self { next: unlinked(bits as u32), previous: unlinked((bits >> 32) as u32) }
    }

    fn write(self, links: &Table<Word64>, page: Page) {
        let bits = u64::from(linked(self.next)) | u64::from(linked(self.previous)) << 32;
        links.at(page.index()).set(bits);
    }
}

impl Bins {
    /// Adds the free run of `len` pages at `page`.
    pub(crate) fn insert(&self, links: &Table<Word64>, page: Page, len: u32) {
        let bin = Bin::of(len);
        let next = self.head(bin);
        Link { next, previous: None }.write(links, page);
        if let Some(next) = next {
            Link { previous: Some(page), ..Link::read(links, next) }.write(links, next);
        }
        self.set_head(bin, Some(page));
    }

    /// Takes out the free run of `len` pages at `page`.
    pub(crate) fn remove(&self, links: &Table<Word64>, page: Page, len: u32) {
        let Link { next, previous } = Link::read(links, page);
        match previous {
            Some(previous) => Link { next, ..Link::read(links, previous) }.write(links, previous),
            None => self.set_head(Bin::of(len), next),
        }
        if let Some(next) = next {
            Link { previous, ..Link::read(links, next) }.write(links, next);
        }
    }

    /// A run of the smallest bin all of whose runs have at least `len` pages.
    pub(crate) fn good_fit(&self, len: u32) -> Option<Page> {
        self.head(self.first_at_least(Bin::fitting(len))?)
    }

    /// The first run of the bin `len` itself falls into, whose runs may be too short by less than a step.
    pub(crate) fn near_fit(&self, len: u32) -> Option<Page> {
        self.head(Bin::of(len))
    }

    /// The smallest bin from `bin` on that has a run.
    fn first_at_least(&self, bin: Bin) -> Option<Bin> {
        if bin.0 >= Bin::COUNT {
            return None;
        }
        let here = self.second[bin.first()].get() & (!0 << bin.second());
        if here != 0 {
            return Some(Bin(bin.first() * SECOND + here.trailing_zeros() as usize));
        }
        let above = self.first.get() & (!0_u32).checked_shl(low32(bin.first()) + 1).unwrap_or(0);
        if above == 0 {
            return None;
        }
        let first = above.trailing_zeros() as usize;
        Some(Bin(first * SECOND + self.second.get(first)?.get().trailing_zeros() as usize))
    }

    /// The bins that have runs, longest runs first.
    pub(crate) fn longest_first(&self) -> impl Iterator<Item = Page> {
        (0..Bin::COUNT).rev().filter_map(|bin| self.head(Bin(bin)))
    }

    /// How far into the bins the word of a bin's first run lies.
    pub(crate) const fn head_at(bin: Bin) -> usize {
        offset_of!(Self, heads) + bin.0 * size_of::<Word32>()
    }

    /// The first run of a bin.
    pub(crate) fn head(&self, bin: Bin) -> Option<Page> {
        unlinked(self.heads[bin.0].get())
    }

    fn set_head(&self, bin: Bin, page: Option<Page>) {
        self.heads[bin.0].set(linked(page));
        let (first, second) = (bin.first(), bin.second());
        let word = &self.second[first];
        if page.is_some() {
            word.set(word.get() | 1 << second);
            self.first.set(self.first.get() | 1 << first);
        } else {
            word.set(word.get() & !(1 << second));
            if word.get() == 0 {
                self.first.set(self.first.get() & !(1 << first));
            }
        }
    }

    /// Makes the bit of this bin wrong.
    #[cfg(test)]
    pub(crate) fn flip_bit(&self, bin: Bin) {
        let word = &self.second[bin.first()];
        word.set(word.get() ^ 1 << bin.second());
    }

    /// Whether the bits say of this bin what its head says, and none is set that could not be.
    pub(crate) fn bits_are_true(&self, bin: Bin) -> bool {
        let second = self.second[bin.first()].get();
        let first = self.first.get();
        (second >> bin.second() & 1 == 1) == self.head(bin).is_some()
            && (first >> bin.first() & 1 == 1) == (second != 0)
            && second >> SECOND == 0
            && first >> FIRST == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_ordered_and_a_fitting_bin_holds_nothing_shorter() {
        let lengths = || (1..5000_u32).chain([1 << 20, (1 << 20) + 1, 1 << 28, u32::MAX - 1, u32::MAX]);
        let mut last = Bin(0);
        for len in lengths() {
            let bin = Bin::of(len);
            assert!(bin >= last && bin.0 < Bin::COUNT, "{len} {bin:?}");
            last = bin;
            let fitting = Bin::fitting(len);
            assert!(fitting >= bin && fitting.0 <= bin.0 + 1, "{len}: {bin:?}, {fitting:?}");
            if len > 1 {
                assert!(Bin::of(len - 1) < fitting, "a run of {} in the bin fitting {len}", len - 1);
            }
        }
    }
}
