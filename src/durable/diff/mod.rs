//! Which lines of a live page differ from what is committed.
//!
//! What is committed is the base's page with the overlay's lines over it. A live page may be written while it is compared,
//! so it is never read as ordinary memory: a line is loaded by instructions whose meaning does not depend on what
//! others do (`racing`), and what is compared is the loaded copy.
//!
//! 1. A line that nobody writes meanwhile is found if and only if it differs, and its value is exact.
//! 2. A line that is written meanwhile may be found or not, with any mixture of old and new. Its page is reported again
//!    after the write, so the next comparison finds whatever is wrong with it.
//! 3. A line is compared with its newest committed value only: with the overlay's if that has one. So a line that was set
//!    back to what the base has is found, and one that equals the overlay's is not.

mod racing;

use super::lines::{LINES, Line, lines_in};
use crate::region::prefetch;
use crate::sync::{Ordering, fence};
use crate::units::{LINE, PAGE};

/// Lines at the front of a page that are prefetched. The processor goes on by itself from there; more of them only wait for
/// each other.
const PREFETCHED: usize = 4;

/// A page in memory that others may be writing to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LivePage(*const [Line; LINES]);

impl LivePage {
    /// # Safety
    /// A page at `address` is mapped for as long as this is used. Its address is a multiple of a line.
    pub(crate) unsafe fn new(address: *const u8) -> Self {
        let lines = address.cast::<[Line; LINES]>();
        debug_assert!(lines.addr().is_multiple_of(LINE));
        Self(lines)
    }

    #[inline]
    fn line(self, line: usize) -> *const Line {
        self.0.cast::<Line>().wrapping_add(line)
    }

    /// Asks the processor for this page and its base's, which are to be compared soon.
    #[inline]
    pub(crate) fn prefetch(self, base: *const [u8; PAGE]) {
        for line in 0..PREFETCHED {
            prefetch(self.line(line));
            prefetch(base.cast::<Line>().wrapping_add(line));
        }
    }

    /// Asks the processor for these lines.
    #[inline]
    pub(crate) fn prefetch_lines(self, mask: u64) {
        lines_in(mask).for_each(|line| prefetch(self.line(line)));
    }

    /// Copies these lines, one after the other.
    #[inline]
    pub(crate) fn take(self, mask: u64, into: &mut [Line]) {
        debug_assert_eq!(into.len(), mask.count_ones() as usize);
        for (line, place) in lines_in(mask).zip(into) {
            // SAFETY: a line of the mapped page.
            *place = unsafe { racing::load(self.line(line)) };
        }
    }

    /// The lines that differ from `base` with `patches`, the newest committed values of some lines, over it.
    pub(crate) fn differing<'a>(
        self,
        base: &[u8; PAGE],
        patches: impl Iterator<Item = (usize, &'a Line)>,
    ) -> u64 {
        let (lines, _) = base.as_chunks::<LINE>();
        // SAFETY: the page is mapped, by the promise made in `new`, and `base` has as many lines.
        let mut mask = unsafe { racing::differing(self.0, lines) };
        for (line, committed) in patches {
            // SAFETY: a line of the mapped page.
            let differs = unsafe { racing::differs_from(self.line(line), committed) };
            mask = mask & !(1 << line) | u64::from(differs) << line;
        }
        mask
    }

    /// All lines of the page, from its front to its back: what is seen of a line is no older than of those before it.
    pub(crate) fn copy_to(self, page: &mut [u8; PAGE]) {
        let (lines, _) = page.as_chunks_mut::<LINE>();
        for (number, line) in lines.iter_mut().enumerate() {
            // SAFETY: a line of the mapped page.
            *line = unsafe { racing::load(self.line(number)) };
            fence(Ordering::Acquire);
        }
    }
}

#[cfg(test)]
mod tests;
