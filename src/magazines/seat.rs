//! A seat: where a thread finds its cache.
//!
//! `fast` is what pops and pushes go through: the owner's cache, or the empty cache that has nothing and takes nothing.
//! `own` is the cache that the thread has, whether or not it was evicted.
//!
//! ```text
//!            sit                        evict (a taker)
//!  nobody ---------> fast = own = cache ----------------> fast = empty, own = cache
//!     ^                 |       ^                             |             |
//!     |      leave      |       +---- with_own, on a miss ----+             |
//!     +-----------------+                                                   |
//!     +------------------------------- leave -------------------------------+
//! ```

use core::fmt;
use core::ptr;

use super::cache::Cache;
use crate::sync::{AtomicPtr, Lock, Ordering, heavy_barrier, light_barrier};

/// A thread's way to its magazines in one heap.
pub(crate) struct Seat {
    fast: AtomicPtr<Cache>,
    own: AtomicPtr<Cache>,
}

impl Seat {
    #[cfg(not(loom))]
    pub(crate) const fn new(empty: *mut Cache) -> Self {
        Self { fast: AtomicPtr::new(empty), own: AtomicPtr::new(ptr::null_mut()) }
    }

    #[cfg(loom)]
    pub(crate) fn new(empty: *mut Cache) -> Self {
        Self { fast: AtomicPtr::new(empty), own: AtomicPtr::new(ptr::null_mut()) }
    }

    /// The cache that pops and pushes go through.
    #[inline]
    pub(crate) fn fast(&self) -> *mut Cache {
        self.fast.load(Ordering::Relaxed)
    }

    /// The cache that the thread has; null without one.
    pub(crate) fn own(&self) -> *mut Cache {
        self.own.load(Ordering::Relaxed)
    }

    /// Gives the thread a cache. The caller is the thread, and holds the registry's lock.
    pub(crate) fn sit(&self, cache: *mut Cache) {
        self.own.store(cache, Ordering::Relaxed);
        self.fast.store(cache, Ordering::Relaxed);
    }

    /// Takes the thread's cache away for good; the caller holds the registry's lock, and is the thread itself or
    /// knows that it does nothing.
    pub(crate) fn leave(&self, empty: *mut Cache) {
        self.fast.store(empty, Ordering::Relaxed);
        self.own.store(ptr::null_mut(), Ordering::Relaxed);
    }

    /// Lets the thread itself work on its cache, which no taker touches meanwhile; `None` if it has none.
    pub(crate) fn with_own<R>(&self, registry: &Lock, act: impl FnOnce(&Cache) -> R) -> Option<R> {
        let own = self.own();
        // SAFETY: the cache that a seat names stays mapped until the seat is told to leave it.
        let cache = unsafe { own.as_ref() }?;
        loop {
            cache.set_busy(true);
            // Between these two a taker either sees `busy`, or is seen.
            light_barrier();
            if self.fast() == own {
                let result = act(cache);
                cache.set_busy(false);
                return Some(result);
            }
            cache.set_busy(false);
            let _taker_is_gone = registry.lock();
            cache.close_gaps();
            self.fast.store(own, Ordering::Relaxed);
        }
    }

    /// Evicts the thread from its cache, so that the caller, who holds the registry's lock, may take from it what lies
    /// below the tops; `false` if the thread is at work there, or was evicted before.
    pub(crate) fn evict(&self, empty: *mut Cache) -> bool {
        let own = self.own();
        // SAFETY: as in `with_own`; the registry's lock keeps the seat from leaving.
        let Some(cache) = (unsafe { own.as_ref() }) else { return false };
        if self.fast() != own {
            return false;
        }
        self.fast.store(empty, Ordering::Relaxed);
        if heavy_barrier() && !cache.is_busy() {
            return true;
        }
        self.fast.store(own, Ordering::Relaxed);
        false
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("fast", &self.fast()).field("own", &self.own()).finish()
    }
}
