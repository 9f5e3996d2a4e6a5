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
//!
//! A thread may also *watch*: `fast` then points at a second empty cache, so that each request misses and has a look
//! around, while `own` goes on serving it. Only the thread itself begins and ends that, while it is busy.

use core::fmt;
use core::ptr;

use super::cache::Cache;
use crate::sync::{AtomicPtr, Lock, Ordering, Word32, heavy_barrier, light_barrier};

/// A thread's way to its magazines in one heap.
#[repr(C)]
pub(crate) struct Seat {
    fast: AtomicPtr<Cache>,
    own: AtomicPtr<Cache>,
    /// What `fast` points at while the thread watches: another cache that has nothing and takes nothing.
    watch: AtomicPtr<Cache>,
    /// How many requests it still watches.
    watching: Word32,
}

impl Seat {
    /// How far `fast` lies from the start of a seat.
    #[cfg(feature = "c-face")]
    pub(crate) const FAST_AT: usize = core::mem::offset_of!(Self, fast);

    // With C's face the seats are written by hand, in `seats.rs`.
    #[cfg(all(not(loom), any(test, not(all(feature = "c-face", target_arch = "x86_64")))))]
    pub(crate) const fn new(empty: *mut Cache) -> Self {
        Self {
            fast: AtomicPtr::new(empty),
            own: AtomicPtr::new(ptr::null_mut()),
            watch: AtomicPtr::new(ptr::null_mut()),
            watching: Word32::new(0),
        }
    }

    #[cfg(loom)]
    pub(crate) fn new(empty: *mut Cache) -> Self {
        Self {
            fast: AtomicPtr::new(empty),
            own: AtomicPtr::new(ptr::null_mut()),
            watch: AtomicPtr::new(ptr::null_mut()),
            watching: Word32::new(0),
        }
    }

    /// The cache that pops and pushes go through.
    #[inline]
    pub(crate) fn fast(&self) -> *mut Cache {
        self.fast.load(Ordering::Relaxed)
    }

    /// The cache of the thread itself, for one pop or push.
    #[inline]
    pub(crate) fn cache(&self) -> &Cache {
        // A taker counts on at most one pop or push being under way: this look must not move up into the one before.
        light_barrier();
        // SAFETY: a seat points at an empty cache, or at one that stays mapped until its heap closes, which nobody can
        // do while another uses the heap.
        unsafe { &*self.fast() }
    }

    /// The cache that the thread has; null without one.
    pub(crate) fn own(&self) -> *mut Cache {
        self.own.load(Ordering::Relaxed)
    }

    /// Has the thread itself miss with each of its next `requests` requests, which are served from its cache all the
    /// same. `empty` is a cache like the one that stands for nobody, but another.
    pub(crate) fn watch(&self, requests: u32, empty: *mut Cache) {
        let own = self.own();
        if own.is_null() {
            return;
        }
        self.watch.store(empty, Ordering::Relaxed);
        self.watching.set(requests);
        self.point_fast(own, empty);
    }

    /// Moves `fast` unless a taker has evicted the thread, at however late a moment: a plain store could undo that.
    fn point_fast(&self, from: *mut Cache, to: *mut Cache) {
        let _evicted_instead = self.fast.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether the thread was not evicted but watches, which this request counts towards the end of. The thread is busy.
    #[cold]
    #[inline(never)]
    fn watches(&self) -> bool {
        let watch = self.watch.load(Ordering::Relaxed);
        if self.fast() != watch {
            return false;
        }
        let left = self.watching.get().saturating_sub(1);
        self.watching.set(left);
        if left == 0 {
            self.point_fast(watch, self.own());
        }
        true
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
    #[inline(always)]
    pub(crate) fn with_own<R>(&self, registry: &Lock, act: impl FnOnce(&Cache) -> R) -> Option<R> {
        let own = self.own();
        // SAFETY: the cache that a seat names stays mapped until the seat is told to leave it.
        let cache = unsafe { own.as_ref() }?;
        loop {
            cache.set_busy(true);
            // Between these two a taker either sees `busy`, or is seen.
            light_barrier();
            if self.fast() == own || self.watches() {
                let result = act(cache);
                cache.set_busy(false);
                return Some(result);
            }
            self.come_back(cache, registry);
        }
    }

    /// Sits down again after an eviction, when the taker is gone.
    #[cold]
    #[inline(never)]
    fn come_back(&self, cache: &Cache, registry: &Lock) {
        cache.set_busy(false);
        let _taker_is_gone = registry.lock();
        cache.close_gaps();
        self.fast.store(self.own(), Ordering::Relaxed);
    }

    /// Evicts the thread from its cache, so that the caller, who holds the registry's lock, may take from it what lies
    /// below the tops; `false` if the thread is at work there, or was evicted before.
    pub(crate) fn evict(&self, empty: *mut Cache) -> bool {
        let own = self.own();
        // SAFETY: as in `with_own`; the registry's lock keeps the seat from leaving.
        let Some(cache) = (unsafe { own.as_ref() }) else { return false };
        let before = self.fast.swap(empty, Ordering::Relaxed);
        if before == empty {
            return false;
        }
        if heavy_barrier() && !cache.is_busy() {
            return true;
        }
        self.fast.store(before, Ordering::Relaxed);
        false
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("fast", &self.fast()).field("own", &self.own()).finish()
    }
}
