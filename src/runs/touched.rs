//! A bit for each page: has it been written since its memory came from the system, or went back there?
//!
//! Set when a run is handed out, or blocks of a slab are; cleared when the memory went back. So a zeroed block clears only
//! what needs it, a purge visits only what has memory, and resident memory can be counted without asking the system.
//!
//! Neighbouring pages may be different owners' business, so the words are changed bit by bit, atomically.

use core::fmt;

use crate::region::Table;
use crate::sync::Word64;
use crate::units::Page;

/// The bits of all pages.
pub(crate) struct Touched(Table<Word64>);

impl Touched {
    pub(crate) const fn new(words: Table<Word64>) -> Self {
        Self(words)
    }

    /// How many of `len` pages from `first` on are touched.
    pub(crate) fn count(&self, first: Page, len: u32) -> u32 {
        let mut count = 0;
        self.words(first, len, |word, mask| count += (word.get() & mask).count_ones());
        count
    }

    pub(crate) fn set(&self, first: Page, len: u32) {
        self.words(first, len, |word, mask| {
            if word.get() & mask != mask {
                word.set_bits(mask);
            }
        });
    }

    pub(crate) fn clear(&self, first: Page, len: u32) {
        self.words(first, len, |word, mask| word.clear_bits(mask));
    }

    /// The last touched page among `len` pages from `first` on.
    pub(crate) fn last(&self, first: Page, len: u32) -> Option<Page> {
        let mut last = None;
        self.spans(first, len, |page, count| last = Some(page.plus(count - 1)));
        last
    }

    /// Calls `act` with each maximal span of touched pages among `len` pages from `first` on.
    pub(crate) fn spans(&self, first: Page, len: u32, mut act: impl FnMut(Page, u32)) {
        let end = first.0 + len;
        let mut page = first.0;
        while page < end {
            let start = self.find(page, end, true);
            page = self.find(start, end, false);
            if start < page {
                act(Page(start), page - start);
            }
        }
    }

    /// The first page from `page` on, before `end`, whose bit is `wanted`; `end` if there is none.
    fn find(&self, page: u32, end: u32, wanted: bool) -> u32 {
        let mut at = page;
        while at < end {
            let bits = self.0.at(at as usize / 64).get();
            let bits = (if wanted { bits } else { !bits }) >> (at % 64);
            if bits != 0 {
                return (at + bits.trailing_zeros()).min(end);
            }
            at = (at / 64 + 1) * 64;
        }
        end
    }

    fn words(&self, first: Page, len: u32, mut act: impl FnMut(&Word64, u64)) {
        let (mut at, end) = (first.index(), first.index() + len as usize);
        while at < end {
            let stop = ((at / 64 + 1) * 64).min(end);
            let ones = if stop - at == 64 { !0 } else { (1 << (stop - at)) - 1 };
            act(self.0.at(at / 64), ones << (at % 64));
            at = stop;
        }
    }
}

impl fmt::Debug for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Touched({} words)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::ptr::NonNull;
    use std::vec::Vec;

    #[test]
    fn spans_and_counts_agree_with_a_list_of_bools() {
        let words: Vec<Word64> = (0..4).map(|_| Word64::new(0)).collect();
        // SAFETY: the words live to the end of the test and are changed through shared references only.
        let touched = Touched::new(unsafe { Table::new(NonNull::from(&words[0]), words.len()) });
        let mut model = [false; 256];
        let mut seed = 7_u32;
        for step in 0..4000_u32 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let first = (seed >> 8) % 256;
            let len = (seed >> 20) % (257 - first);
            let range = first as usize..(first + len) as usize;
            if step % 2 == 0 {
                touched.set(Page(first), len)
            } else {
                touched.clear(Page(first), len)
            }
            model[range.clone()].fill(step % 2 == 0);
            let look = (seed >> 4) % 256;
            let rest = 256 - look;
            let expected = model[look as usize..].iter().filter(|bit| **bit).count();
            assert_eq!(touched.count(Page(look), rest) as usize, expected);
            let mut seen = [false; 256];
            touched.spans(Page(look), rest, |page, len| {
                assert!(len > 0 && (page.0 == look || !model[page.index() - 1]));
                seen[page.index()..page.index() + len as usize].fill(true);
            });
            assert_eq!(seen[look as usize..], model[look as usize..]);
        }
    }
}
