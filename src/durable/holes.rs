//! Which pages of a heap's file have their space, and which were given back because the last commit has them free.
//!
//! ```text
//! unknown --------take_back--------> backed <--take_back-- given back
//!    \________________________________/ mark                  ^
//!                     |  ^ take_back: it was not given back   |
//!                     v  |                                    |
//!                    marked ---------------give_back----------'
//! ```
//!
//! Pages are those of the file. Those that the heap grows by are *backed*: their space was reserved. After an opening it is
//! *unknown* which are: free ones may have been given back before. Everything but backed is asked for before it is used.
//!
//! 1. A page of a run in use has its space: whoever takes a run sees to it first, under the lock of the runs.
//! 2. Only pages are marked that the commit which a checkpoint brings into the base has free, and that are free at this moment
//!    too; under the lock of the runs, so that nobody takes them in between.
//! 3. A page that was marked is given back only while it is marked: a run that is taken unmarks its pages, and waits where
//!    the system is giving one of them back.
//! 4. Space that could not be given back is not tried again by this opening: the file system cannot, or has no room for its
//!    own records. What such pages hold is open.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::units::PAGE;

use super::span::{PageSpan, SpanSet};
use super::storage::{StorageError, StoredFile};

/// The shortest free run, in pages, of which space is given back: less than that costs more records of the file system, and
/// more calls when it is used again, than it is worth.
pub(super) const LEAST: u32 = if cfg!(test) { 4 } else { 16 };
/// How many pages are given back by one call, for which a thread that wants one of them waits.
const AT_ONCE: u64 = if cfg!(test) { 8 } else { 1024 };

/// A bit for each page of the file, up to the last one that was asked for: a file may become much longer than it is.
#[derive(Default, Debug)]
struct Bits(Vec<u64>);

/// What is known of the pages.
#[derive(Default, Debug)]
struct State {
    backed: Bits,
    given_back: Bits,
    marked: SpanSet,
    /// Whether giving back has failed.
    stopped: bool,
}

/// The pages of one file.
#[derive(Debug)]
pub(super) struct Holes {
    /// Held while space is given back or taken back; taken before the state.
    turn: Mutex<()>,
    state: Mutex<State>,
}

impl Holes {
    /// For a file of which nothing is known.
    pub(super) fn new() -> Self {
        Self { turn: Mutex::new(()), state: Mutex::new(State::default()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves the space of pages that the heap grows by. It may have had them once.
    pub(super) fn grow(&self, base: &impl StoredFile, span: PageSpan) -> Result<(), StorageError> {
        let _nothing_goes_back = self.turn();
        self.state().marked.take(span);
        base.allocate(span.first * PAGE as u64, span.count * PAGE as u64)?;
        self.note_backed(span);
        Ok(())
    }

    fn note_backed(&self, span: PageSpan) {
        let mut state = self.state();
        state.backed.set(span, true);
        state.given_back.set(span, false);
    }

    /// Sees to it that these pages, which are about to be used, have their space; says whether they may read as something else
    /// now than they did.
    pub(super) fn take_back(&self, base: &impl StoredFile, span: PageSpan) -> Result<bool, StorageError> {
        if self.state().backed.are_set(span) {
            return Ok(false);
        }
        let _nothing_goes_back = self.turn();
        self.state().marked.take(span);
        base.take_back(span.first * PAGE as u64, span.count * PAGE as u64)?;
        self.note_backed(span);
        Ok(true)
    }

    /// Whether these pages have their space is unknown from now on; where it is `to_go` they are marked. Says which of them were
    /// not given back before.
    pub(super) fn mark(&self, span: PageSpan, to_go: bool) -> Vec<PageSpan> {
        let mut state = self.state();
        if state.stopped {
            return Vec::new();
        }
        let there = state.given_back.clear_of(span);
        for span in &there {
            state.backed.set(*span, false);
            if to_go {
                state.marked.insert(*span);
            }
        }
        there
    }

    /// Whether a page that was marked is still free.
    pub(super) fn is_idle(&self, page: u64) -> bool {
        !self.state().backed.are_set(PageSpan { first: page, count: 1 })
    }

    /// Whether the space of a page was given back, and not asked for since.
    pub(super) fn is_given_back(&self, page: u64) -> bool {
        self.state().given_back.are_set(PageSpan { first: page, count: 1 })
    }

    /// Gives back the space of all pages that are marked; says of which pages nobody knows now what they hold.
    pub(super) fn give_back(&self, base: &impl StoredFile) -> Option<PageSpan> {
        loop {
            let _nobody_takes_it = self.turn();
            let span = self.state().marked.take_last(AT_ONCE)?;
            let done = base.give_back(span.first * PAGE as u64, span.count * PAGE as u64);
            let mut state = self.state();
            if let Ok(true) = done {
                state.given_back.set(span, true);
                continue;
            }
            state.stopped = true;
            state.marked = SpanSet::default();
            return done.is_err().then_some(span);
        }
    }
}

impl Bits {
    /// Calls `act` with the words in which bits of these pages lie, and with these bits.
    fn words(&mut self, span: PageSpan, mut act: impl FnMut(u64, &mut u64, u64)) {
        let words = usize::try_from(span.end().div_ceil(64)).unwrap_or(usize::MAX);
        if words > self.0.len() {
            self.0.resize(words, 0);
        }
        let mut at = span.first;
        while at < span.end() {
            let stop = ((at / 64 + 1) * 64).min(span.end());
            let ones = u64::MAX >> (64 - (stop - at));
            if let Some(word) = usize::try_from(at / 64).ok().and_then(|at| self.0.get_mut(at)) {
                act(at / 64 * 64, word, ones << (at % 64));
            }
            at = stop;
        }
    }

    fn set(&mut self, span: PageSpan, value: bool) {
        self.words(span, |_, word, bits| if value { *word |= bits } else { *word &= !bits });
    }

    fn are_set(&mut self, span: PageSpan) -> bool {
        let mut all = true;
        self.words(span, |_, word, bits| all &= *word & bits == bits);
        all
    }

    /// Those of these pages whose bits are not set, in order.
    fn clear_of(&mut self, span: PageSpan) -> Vec<PageSpan> {
        let mut set = SpanSet::default();
        self.words(span, |first, word, bits| {
            let mut left = !*word & bits;
            while left != 0 {
                let from = u64::from(left.trailing_zeros());
                let count = u64::from((left >> from).trailing_ones());
                set.insert(PageSpan { first: first + from, count });
                left &= !(u64::MAX >> (64 - count) << from);
            }
        });
        set.spans().to_vec()
    }
}

#[cfg(test)]
mod tests;
