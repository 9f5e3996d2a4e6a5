//! A lock of four bytes that sleeps in the kernel when its holder is not running.
//!
//! States of `word`: `FREE`, `HELD`, and `WAITED_FOR` (held, and somebody may be asleep).
//!
//! ```text
//! FREE --lock--> HELD --unlock--> FREE
//!                HELD --lock of another, after some spinning--> WAITED_FOR --unlock, wakes one--> FREE
//! ```
//!
//! 1. Only the thread that moved the word away from `FREE` is inside.
//! 2. Whoever sleeps has set the word to `WAITED_FOR` first, and whoever wakes sets it again: no waiter is forgotten.
//!
//! With many more threads than cores the holder is often preempted; waiters that spin would burn the time it needs.

use core::fmt;

use super::{AtomicU32, Ordering, Word64};

const FREE: u32 = 0;
const HELD: u32 = 1;
const WAITED_FOR: u32 = 2;

/// How often a waiter looks again before it sleeps: longer than a refill takes, far shorter than a time slice.
const SPINS: u32 = if cfg!(loom) { 1 } else { 64 };

/// A lock that guards words of the image by convention: the owner's page says which.
#[repr(align(64))]
pub(crate) struct Lock {
    word: AtomicU32,
    takings: Word64,
    waits: Word64,
}

/// Shows that a [`Lock`] is held, and frees it when dropped.
#[must_use]
pub(crate) struct Held<'a> {
    lock: &'a Lock,
}

impl Lock {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        Self { word: AtomicU32::new(FREE), takings: Word64::new(0), waits: Word64::new(0) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { word: AtomicU32::new(FREE), takings: Word64::new(0), waits: Word64::new(0) }
    }

    #[inline]
    pub(crate) fn lock(&self) -> Held<'_> {
        if self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.lock_contended();
        }
        self.takings.add(1);
        Held { lock: self }
    }

    /// The lock if it is free at this moment.
    pub(crate) fn try_lock(&self) -> Option<Held<'_>> {
        self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).ok()?;
        self.takings.add(1);
        Some(Held { lock: self })
    }

    /// How often the lock was taken, and how often somebody had to wait for it.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.takings.get(), self.waits.get())
    }

    #[cold]
    fn lock_contended(&self) {
        for _ in 0..SPINS {
            spin();
            if self.word.load(Ordering::Relaxed) == FREE
                && self.word.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                self.waits.add(1);
                return;
            }
        }
        while self.word.swap(WAITED_FOR, Ordering::Acquire) != FREE {
            sleep_while(&self.word, WAITED_FOR);
        }
        self.waits.add(1);
    }

    /// Takes the lock and leaves it taken, for the time of a `fork`.
    pub(crate) fn seize(&self) {
        core::mem::forget(self.lock());
    }

    /// Frees what [`Lock::seize`] took.
    ///
    /// The caller has seized the lock, and nobody else has freed it since.
    pub(crate) fn release(&self) {
        if self.word.swap(FREE, Ordering::Release) == WAITED_FOR {
            wake_one(&self.word);
        }
    }
}

impl Drop for Held<'_> {
    #[inline]
    fn drop(&mut self) {
        self.lock.release();
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (takings, waits) = self.counts();
        f.debug_struct("Lock").field("takings", &takings).field("waits", &waits).finish_non_exhaustive()
    }
}

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

#[cfg(not(loom))]
pub(super) fn spin() {
    core::hint::spin_loop();
}

#[cfg(not(loom))]
pub(super) fn sleep_while(word: &AtomicU32, value: u32) {
    crate::os::wait_while(word, value);
}

#[cfg(not(loom))]
pub(super) fn wake_one(word: &AtomicU32) {
    crate::os::wake(word, 1);
}

#[cfg(not(loom))]
pub(super) fn wake_all(word: &AtomicU32) {
    crate::os::wake(word, i32::MAX.cast_unsigned());
}

// Not a yield: loom would let everybody else run first, and nobody would ever sleep.
#[cfg(loom)]
pub(super) fn spin() {}

#[cfg(loom)]
pub(super) fn sleep_while(word: &AtomicU32, value: u32) {
    word.sleep_while(value);
}

#[cfg(loom)]
pub(super) fn wake_one(word: &AtomicU32) {
    word.wake_one();
}

#[cfg(loom)]
pub(super) fn wake_all(word: &AtomicU32) {
    word.wake_all();
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use super::*;
    use std::thread;

    #[test]
    fn many_threads_exclude_each_other() {
        let (lock, counter) = (Lock::new(), Word64::new(0));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let _held = lock.lock();
                        let before = counter.get();
                        // Lets the others come, on a single core too.
                        if before % 100 == 0 {
                            thread::yield_now();
                        }
                        counter.set(before + 1);
                    }
                });
            }
        });
        assert_eq!(counter.get(), 16 * 20_000);
        let (takings, waits) = lock.counts();
        assert_eq!(takings, 16 * 20_000);
        assert!((1..=takings).contains(&waits), "{waits} waits");
        assert!(lock.try_lock().is_some());
        let _held = lock.lock();
        assert!(lock.try_lock().is_none());
    }
}
