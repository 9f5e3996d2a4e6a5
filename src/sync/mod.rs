//! Floor 1: the one place that names atomics and waits.
//!
//! Everything above takes its atomics, fences and locks from here, so that the models in `loom-tests/` can put
//! loom's in their place.

mod gate;
mod lock;
mod words;

#[cfg(not(loom))]
pub(crate) use gate::next_stripe;
pub(crate) use gate::{Alone, Gate, Shared, StripeNumber, Suspect};
pub(crate) use lock::{Held, Lock};
pub(crate) use words::{Word8, Word16, Word32, Word64};

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering, compiler_fence, fence};
// Loom's, as the models wrap them.
#[cfg(loom)]
pub(crate) use crate::primitive::{AtomicPtr, AtomicU32, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, fence};

/// The owner's half of an asymmetric barrier whose other half is [`heavy_barrier`]: costs nothing, and only keeps
/// the compiler from moving memory accesses across it.
#[inline]
pub(crate) fn light_barrier() {
    #[cfg(not(loom))]
    compiler_fence(Ordering::SeqCst);
    #[cfg(loom)]
    crate::primitive::light_fence();
}

/// Reads a word that no other thread writes: a plain load, which the compiler may combine with what uses it.
///
/// Other threads may read the word too; its one writer stores atomically.
#[inline]
pub(crate) fn own(word: &AtomicU32) -> u32 {
    #[cfg(not(loom))]
    // SAFETY: the word is valid, and every store to it comes from this thread, or came before this thread got it from
    // another under a lock; so nothing races with this load.
    return unsafe { word.as_ptr().read() };
    #[cfg(loom)]
    return word.load(Ordering::Relaxed);
}

/// Makes every other thread of the process pass a full barrier; `false` where the system has no such call.
///
/// After it, a thread's accesses before its [`light_barrier`] are visible here, or those after it see what was
/// stored here before.
pub(crate) fn heavy_barrier() -> bool {
    #[cfg(not(loom))]
    return crate::os::barrier_everywhere();
    #[cfg(loom)]
    {
        crate::primitive::heavy_fence();
        true
    }
}
