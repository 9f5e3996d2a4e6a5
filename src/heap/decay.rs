//! Giving memory back as time passes.
//!
//! Nobody runs in the background: the clock is looked at in some of the misses. Each time a period has passed, one
//! thread gives back what was free all through it:
//!
//! - of the free runs as many touched pages as were never needed since the last time, longest runs first;
//! - slabs, and pages inside of slabs, that held no block at the last look and hold none now;
//! - what lies in the magazines of threads that had no miss.
//!
//! Memory that is in use again and again is never "free all through a period", so a busy heap faults no pages in.
//!
//! A thread whose requests all hit its magazines would never look at the clock. So as long as there may be something to
//! give back, a thread that looks *watches* for a bounded number of requests, each of which looks again; once in each
//! step of the clock. For a busy thread that is over in a moment, and costs it a few hundredths of a percent; a quiet one
//! goes on watching until all is given back.

use super::core::Core;
use crate::magazines::with_seat;
use crate::os;
use crate::runs::Runs;
use crate::sync::{Lock, Word8, Word64};
use crate::units::Class;

/// How long something must have been free before its memory goes back, in milliseconds; at most twice as long.
const PERIOD: u64 = 100;

/// How many requests a thread watches in one step of the clock.
const WATCHED: u32 = 1000;

/// When this heap gave back memory last.
#[derive(Debug)]
pub(super) struct Decay {
    lock: Lock,
    last: Word64,
    /// When a thread began to watch last.
    watched: Word64,
    /// Whether the last period found anything to give back, now or at its next end.
    pending: Word8,
    looks: Word64,
}

impl Decay {
    pub(super) fn new() -> Self {
        Self {
            lock: Lock::new(),
            last: Word64::new(0),
            watched: Word64::new(0),
            pending: Word8::new(1),
            looks: Word64::new(0),
        }
    }

    /// How many periods were acted upon.
    pub(super) fn looks(&self) -> u64 {
        self.looks.get()
    }

    /// Gives back what is due, if a period has passed and no other thread is at it.
    pub(super) fn look(&self, core: &Core) {
        let now = os::milliseconds();
        if self.last.get() == 0 {
            self.last.set(now);
        }
        if now.saturating_sub(self.last.get()) >= PERIOD
            && let Some(_held) = self.lock.try_lock()
        {
            self.last.set(now);
            self.end_period(core);
        }
        self.watch(core, now);
    }

    fn end_period(&self, core: &Core) {
        self.looks.add(1);
        with_seat(core.seat(), |seat| core.magazines().take_idle(seat, false));
        let mut pending = false;
        for class in Class::all() {
            if core.pools().state(class).slabs.get() > 0 {
                pending |= core.pools().lock(class).give_back(false);
            }
        }
        let surplus = core.runs().lock().surplus();
        self.purge_runs(core.runs(), surplus);
        self.pending.set(u8::from(pending));
    }

    /// Has this thread watch for a while, if there may be something to give back soon.
    fn watch(&self, core: &Core, now: u64) {
        let may_be = self.pending.get() != 0 || core.runs().state().touched_free.get() > 0;
        if may_be && self.watched.get() != now {
            self.watched.set(now);
            with_seat(core.seat(), |seat| core.magazines().watch(seat, WATCHED));
        }
    }

    /// Gives back the memory of at least `pages` touched pages of free runs, as far as there are so many. The lock of
    /// the runs is not held meanwhile.
    pub(super) fn purge_runs(&self, runs: &Runs, pages: u32) {
        let mut missing = pages;
        while missing > 0 {
            let Some((first, len)) = runs.lock().withdraw() else { return };
            let count = runs.touched().count(first, len);
            // All of it: with huge pages, memory comes for pages that nobody touched, because a neighbour was.
            // SAFETY: the run was withdrawn: nobody uses or gets it before it is readmitted.
            let purged = unsafe { runs.region().purge(first, len) };
            runs.lock().readmit(first, len, purged);
            if !purged {
                return;
            }
            missing = missing.saturating_sub(count);
        }
    }
}
