//! Bits for lines, and two levels of summaries above them.
//!
//! ```text
//! groups   a bit for each word of `pages`          16 MiB of the heap a bit
//! pages    a bit for each word of `masks`          4 KiB a bit
//! masks    a bit for each line of a page           64 bytes a bit
//! ```
//!
//! Any number of threads set bits; one at a time takes all of them.
//!
//! 1. Bits are set from the bottom to the top, and taken from the top to the bottom. So a line whose bit is set has the bits
//!    above it set as well, or somebody is about to set them, or to take the line.
//! 2. Who sets a line's bit sees to the bits above itself, even where another thread is about to: when it returns, the next
//!    taking finds the line. Only who finds the line's bit set already relies on the thread that has set it.
//! 3. Every change of a word is an acquire and a release. A thread that sets a bit in a word that was just taken thereby sees
//!    the words above as they were taken, and so sets their bits again.

use crate::sync::{AtomicU64, Ordering};

/// Bits of a word.
pub(crate) const BITS: usize = 64;

/// The three tables, from the bottom to the top.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a> {
    pub(crate) masks: &'a [AtomicU64],
    pub(crate) pages: &'a [AtomicU64],
    pub(crate) groups: &'a [AtomicU64],
}

impl Bits<'_> {
    /// Sets the bits of these lines of a page.
    pub(crate) fn set(self, page: usize, lines: u64) {
        self.masks[page].fetch_or(lines, Ordering::AcqRel);
        let word = page / BITS;
        raise(&self.pages[word], page);
        raise(&self.groups[word / BITS], word);
    }

    /// Calls `act` with all pages that have lines with bits, in order, and clears the bits.
    pub(crate) fn take(self, mut act: impl FnMut(usize, u64)) {
        for (number, group) in self.groups.iter().enumerate() {
            for word in bits(take_word(group)) {
                let word = number * BITS + word;
                for page in bits(take_word(&self.pages[word])) {
                    let page = word * BITS + page;
                    let lines = take_word(&self.masks[page]);
                    if lines != 0 {
                        act(page, lines);
                    }
                }
            }
        }
    }
}

fn raise(word: &AtomicU64, number: usize) {
    let bit = 1 << (number % BITS);
    if word.load(Ordering::Acquire) & bit == 0 {
        word.fetch_or(bit, Ordering::AcqRel);
    }
}

fn take_word(word: &AtomicU64) -> u64 {
    // Most words are zero, and a swap would make each of them this processor's own.
    if word.load(Ordering::Acquire) == 0 { 0 } else { word.swap(0, Ordering::AcqRel) }
}

/// The numbers of the bits that are set, in order.
fn bits(word: u64) -> impl Iterator<Item = usize> {
    let mut left = word;
    core::iter::from_fn(move || {
        let bit = left.trailing_zeros() as usize;
        left &= left.wrapping_sub(1);
        (bit < BITS).then_some(bit)
    })
}
