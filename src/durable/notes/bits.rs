//! Bits for lines, and levels of summaries above them.
//!
//! ```text
//! level 3    a bit for each word of level 2    16 MiB of the heap a bit
//! level 2    a bit for each word of level 1   256 KiB of the heap a bit
//! level 1    a bit for each word of level 0     4 KiB a bit
//! level 0    a bit for each line of a page      64 bytes a bit
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

/// The words of all levels, from the bottom to the top.
#[derive(Clone, Copy)]
pub(crate) struct Bits<'a, const LEVELS: usize> {
    pub(crate) levels: [&'a [AtomicU64]; LEVELS],
}

impl<const LEVELS: usize> Bits<'_, LEVELS> {
    /// The bits of the lines of a page.
    pub(crate) fn lines(self, page: usize) -> u64 {
        self.levels[0][page].load(Ordering::Relaxed)
    }

    /// Sets the bits of these lines of a page.
    pub(crate) fn set(self, page: usize, lines: u64) {
        self.levels[0][page].fetch_or(lines, Ordering::AcqRel);
        let mut number = page;
        for level in &self.levels[1..] {
            raise(&level[number / BITS], number);
            number /= BITS;
        }
    }

    /// Calls `act` with all pages that have lines with bits, in order, and clears the bits.
    pub(crate) fn take(self, mut act: impl FnMut(usize, u64)) {
        let top = LEVELS - 1;
        for number in 0..self.levels[top].len() {
            self.take_below(top, number, &mut act);
        }
    }

    /// The same for what a word stands for.
    fn take_below(self, level: usize, number: usize, act: &mut impl FnMut(usize, u64)) {
        let word = take_word(&self.levels[level][number]);
        if level > 0 {
            bits(word).for_each(|bit| self.take_below(level - 1, number * BITS + bit, act));
        } else if word != 0 {
            act(number, word);
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
