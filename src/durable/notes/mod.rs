//! Which lines of the tracked blocks are about to change, as those who change them say.
//!
//! ```text
//! clear --note (any thread, before it writes)--> noted --capture--> taken --commit--> clear
//!                                                  ^---- the commit failed ----'
//! ```
//!
//! A table beside the region has a word for each of its pages, with a bit for each line, and summaries above
//! ([`bits`]); it is anonymous memory, of which only what is touched costs anything. To note what is noted already is to
//! look at one word.
//!
//! 1. A line of a tracked block that was written since the last commit is noted, or its writer has broken the contract of
//!    [`NotePad::note`].
//! 2. A capture takes all notes. If its commit fails they are put back before the next one looks.
//! 3. Notes are no part of the image: a heap that was just opened is as it was committed, and has none.

mod bits;
#[cfg(test)]
mod tests;

use core::fmt;
use core::ptr::NonNull;
use core::slice;

use crate::os;
use crate::sync::{AtomicU64, Ordering};
use crate::units::{LINE, PAGE};

use bits::{BITS, Bits};

/// Where the lines of a range of memory are noted: all that a note needs, to be copied to where it is at hand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NotePad {
    /// The address of the first page.
    start: usize,
    /// How many bytes from there on are tracked; 0 where nothing is.
    bytes: usize,
    /// A word for each page, then the summaries, level by level.
    table: NonNull<AtomicU64>,
}

/// Levels of the table. Every capture looks at all words of the topmost: with three summaries at one for each gibibyte.
const LEVELS: usize = 4;

// SAFETY: a pad refers to atomics only, which are there as long as the heap.
unsafe impl Send for NotePad {}
// SAFETY: as above.
unsafe impl Sync for NotePad {}

impl NotePad {
    /// Where nothing is tracked.
    pub(crate) const NONE: Self = Self { start: 0, bytes: 0, table: NonNull::dangling() };

    /// Says that these bytes are about to be written. What lies outside of the tracked pages is not noted.
    ///
    /// The caller notes before it writes, and no capture runs from the one to the end of the other.
    #[inline]
    pub(crate) fn note(&self, address: usize, len: usize) {
        let first = address.wrapping_sub(self.start);
        if first >= self.bytes || len == 0 {
            return;
        }
        // What is inlined everywhere has to be short, and nearly all that is noted lies in one line.
        if len <= LINE - first % LINE {
            // SAFETY: the table has a word for each page of the range.
            let word = unsafe { self.table.add(first / PAGE) };
            // SAFETY: as above; the table is there as long as the heap.
            let word = unsafe { word.as_ref() };
            if word.load(Ordering::Relaxed) >> (first / LINE % BITS) & 1 != 0 {
                return;
            }
        }
        self.set(first, first.wrapping_add(len).wrapping_sub(1));
    }

    /// What is not inlined of [`NotePad::note`]: lines that are not noted yet, and ranges of several lines.
    #[cold]
    #[inline(never)]
    fn set(&self, first: usize, last: usize) {
        if last < first {
            return;
        }
        let bits = self.bits();
        let last = last.min(self.bytes - 1);
        for page in first / PAGE..=last / PAGE {
            let lines = lines_between(first.max(page * PAGE), last.min(page * PAGE + PAGE - 1));
            if bits.lines(page) & lines != lines {
                bits.set(page, lines);
            }
        }
    }

    fn bits(&self) -> Bits<'_, LEVELS> {
        let mut used = 0;
        let levels = words(self.bytes).map(|len| {
            // SAFETY: the table has so many words in front of this level.
            let first = unsafe { self.table.add(used) };
            used += len;
            // SAFETY: and so many of it, which are atomics, for as long as the heap is there.
            unsafe { slice::from_raw_parts(first.as_ptr(), len) }
        });
        Bits { levels }
    }
}

/// How many words each level of the table for so many bytes has.
const fn words(bytes: usize) -> [usize; LEVELS] {
    let mut words = [bytes.div_ceil(PAGE); LEVELS];
    let mut level = 1;
    while level < LEVELS {
        words[level] = words[level - 1].div_ceil(BITS);
        level += 1;
    }
    words
}

/// The lines of a page in which the bytes `first..=last` of that page lie.
#[inline]
fn lines_between(first: usize, last: usize) -> u64 {
    const { assert!(PAGE / LINE == BITS) };
    let line = |byte: usize| byte / LINE % BITS;
    (u64::MAX << line(first)) & (u64::MAX >> (BITS - 1 - line(last)))
}

/// The table.
pub(crate) struct Notes {
    pad: NotePad,
    table_bytes: usize,
    /// Whether commits look for what was written without a note.
    pub(crate) finds_unnoted: bool,
}

impl Notes {
    /// A table for `bytes` bytes from `start` on, whole pages.
    pub(crate) fn new(start: *const u8, bytes: usize, finds_unnoted: bool) -> Result<Self, os::Fault> {
        let words: usize = words(bytes).into_iter().sum();
        let table_bytes = (words * size_of::<u64>()).next_multiple_of(os::page_size());
        let table = os::reserve(table_bytes, os::page_size())?;
        // The owner of the memory from here on, so that it goes where the rest fails.
        let pad = NotePad { start: start.addr(), bytes, table: table.cast() };
        let notes = Self { pad, table_bytes, finds_unnoted };
        // SAFETY: whole pages of the range just reserved.
        unsafe { os::commit(table.as_ptr(), table_bytes) }?;
        // Few of its pages will be touched in most heaps; with huge ones they would be all of it. A refusal costs memory only.
        // SAFETY: as above.
        let _ = unsafe { os::advise_huge(table.as_ptr(), table_bytes, false) };
        Ok(notes)
    }

    pub(crate) fn pad(&self) -> NotePad {
        self.pad
    }

    /// Notes bytes by their distance from the first.
    pub(crate) fn note(&self, from: usize, len: usize) {
        self.pad.note(self.pad.start.wrapping_add(from), len);
    }

    /// Takes all notes: calls `act` with the pages' numbers and their noted lines, in order.
    pub(crate) fn take(&self, act: impl FnMut(usize, u64)) {
        self.pad.bits().take(act);
    }

    /// Puts notes back that were taken, or adds some.
    pub(crate) fn put(&self, page: usize, lines: u64) {
        self.pad.bits().set(page, lines);
    }
}

impl Drop for Notes {
    fn drop(&mut self) {
        // SAFETY: reserved in `new`; whoever drops the table uses no pad of it any more.
        unsafe { os::release(self.pad.table.cast(), self.table_bytes) };
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes").field("pad", &self.pad).finish_non_exhaustive()
    }
}
