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

use super::core::Core;
use crate::magazines::with_seat;
use crate::os;
use crate::runs::Runs;
use crate::sync::{Lock, Word64};
use crate::units::Class;

/// How long something must have been free before its memory goes back, in milliseconds; at most twice as long.
const PERIOD: u64 = 100;

/// When this heap gave back memory last.
#[derive(Debug)]
pub(super) struct Decay {
    lock: Lock,
    last: Word64,
    looks: Word64,
}

impl Decay {
    pub(super) fn new() -> Self {
        Self { lock: Lock::new(), last: Word64::new(0), looks: Word64::new(0) }
    }

    /// How many periods were acted upon.
    pub(super) fn looks(&self) -> u64 {
        self.looks.get()
    }

    /// Gives back what is due, if a period has passed and no other thread is at it.
    pub(super) fn look(&self, core: &Core) {
        let now = os::milliseconds();
        if now.saturating_sub(self.last.get()) < PERIOD {
            return;
        }
        let Some(_held) = self.lock.try_lock() else { return };
        self.last.set(now);
        self.looks.add(1);
        with_seat(core.seat(), |seat| core.magazines().take_idle(seat, false));
        for class in Class::all() {
            if core.pools().state(class).slabs.get() > 0 {
                core.pools().lock(class).give_back(false);
            }
        }
        let surplus = core.runs().lock().surplus();
        self.purge_runs(core.runs(), surplus);
    }

    /// Gives back the memory of at least `pages` touched pages of free runs, as far as there are so many. The lock of
    /// the runs is not held meanwhile.
    pub(super) fn purge_runs(&self, runs: &Runs, pages: u32) {
        let mut missing = pages;
        while missing > 0 {
            let Some((first, len)) = runs.lock().withdraw() else { return };
            let (mut purged, mut count) = (true, 0);
            runs.touched().spans(first, len, |start, pages| {
                // SAFETY: the run was withdrawn: nobody uses or gets it before it is readmitted.
                purged &= unsafe { runs.region().purge(start, pages) };
                count += pages;
            });
            runs.lock().readmit(first, len, purged);
            if !purged {
                return;
            }
            missing = missing.saturating_sub(count);
        }
    }
}
