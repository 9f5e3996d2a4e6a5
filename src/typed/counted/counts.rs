//! How owners are counted, by one thread or by any number of them, and the block in which the counts lie.

use core::alloc::Layout;
use core::mem::offset_of;
use core::num::NonZeroU64;

use crate::sync::{AtomicU64, Ordering, fence};
use crate::typed::block;
use crate::typed::heap_type::HeapType;
use crate::typed::inspect::Owners;
use crate::typed::persist::Persist;

/// More owners than there can be.
pub(super) const TOO_MANY: u64 = 1 << 62;

/// The weak count while somebody looks whether he is the only owner. It is never in a commit.
const LOCKED: u64 = u64::MAX;

/// What lies in the block of a counted value.
#[repr(C)]
pub(super) struct Counted<T> {
    pub(super) strong: AtomicU64,
    pub(super) weak: AtomicU64,
    pub(super) value: T,
}

/// Reads the counts of a block.
///
/// # Safety
/// It has room for them, is aligned to them, and nobody writes them meanwhile.
pub(super) unsafe fn counts(block: *const u8) -> Owners {
    #[allow(clippy::cast_ptr_alignment, reason = "the caller's promise")]
    let words = block.cast::<u64>();
    // SAFETY: the caller's promise.
    let strong = unsafe { words.read() };
    // SAFETY: the caller's promise.
    let weak = unsafe { words.add(1) };
    // SAFETY: as above.
    Owners { strong, weak: unsafe { weak.read() } }
}

/// One at a time, or any number of threads at once.
pub(super) trait Counting {
    fn up(count: &AtomicU64) -> u64;
    fn down(count: &AtomicU64) -> u64;
    /// One more, unless there is none.
    fn up_from_some(count: &AtomicU64) -> bool;
    fn get(count: &AtomicU64) -> u64;
    /// One more weak owner, made by a strong one.
    fn up_weak(weak: &AtomicU64) -> u64;
    /// Whether there is one strong owner, who asks, and no weak one.
    fn is_only(strong: &AtomicU64, weak: &AtomicU64) -> bool;
    /// What others did before they went down is seen by who came last.
    fn last();
}

/// Counts of one thread.
#[derive(Debug)]
pub(super) struct Plain;

impl Counting for Plain {
    fn up(count: &AtomicU64) -> u64 {
        let before = Self::get(count);
        count.store(before + 1, Ordering::Relaxed);
        before
    }

    fn down(count: &AtomicU64) -> u64 {
        let before = Self::get(count);
        count.store(before - 1, Ordering::Relaxed);
        before
    }

    fn up_from_some(count: &AtomicU64) -> bool {
        Self::get(count) > 0 && Self::up(count) > 0
    }

    fn get(count: &AtomicU64) -> u64 {
        count.load(Ordering::Relaxed)
    }

    fn up_weak(weak: &AtomicU64) -> u64 {
        Self::up(weak)
    }

    fn is_only(strong: &AtomicU64, weak: &AtomicU64) -> bool {
        Self::get(weak) == 1 && Self::get(strong) == 1
    }

    fn last() {}
}

/// Counts of any number of threads.
#[derive(Debug)]
pub(super) struct Atomic;

impl Counting for Atomic {
    fn up(count: &AtomicU64) -> u64 {
        count.fetch_add(1, Ordering::Relaxed)
    }

    fn down(count: &AtomicU64) -> u64 {
        count.fetch_sub(1, Ordering::Release)
    }

    fn up_from_some(count: &AtomicU64) -> bool {
        let up = |before: u64| (before > 0).then(|| before + 1);
        count.fetch_update(Ordering::Acquire, Ordering::Relaxed, up).is_ok()
    }

    fn get(count: &AtomicU64) -> u64 {
        count.load(Ordering::Acquire)
    }

    fn up_weak(weak: &AtomicU64) -> u64 {
        let up = |before: u64| (before != LOCKED).then(|| before + 1);
        loop {
            match weak.fetch_update(Ordering::Acquire, Ordering::Relaxed, up) {
                Ok(before) => return before,
                Err(_) => core::hint::spin_loop(),
            }
        }
    }

    fn is_only(strong: &AtomicU64, weak: &AtomicU64) -> bool {
        // While the weak count is locked no strong owner makes a weak one, and there is none that could become strong.
        if weak.compare_exchange(1, LOCKED, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return false;
        }
        let is_only = Self::get(strong) == 1;
        weak.store(1, Ordering::Release);
        is_only
    }

    fn last() {
        fence(Ordering::Acquire);
    }
}

impl<T> Counted<T> {
    /// # Safety
    /// An owner of the block, strong or weak, is there as long as the result.
    pub(super) unsafe fn of<'a, H: HeapType>(at: NonZeroU64, heap: H) -> &'a Self
    where
        T: 'a,
    {
        let block = block::at(at, Layout::new::<Self>(), heap);
        // SAFETY: the caller's promise; a value that was dropped is not used.
        unsafe { block.cast().as_ref() }
    }

    pub(super) fn note<H: HeapType>(&self, heap: H) {
        let counts: *const Self = self;
        heap.note(counts.cast(), offset_of!(Self, value));
    }
}

/// Counts one more.
pub(super) fn up<C: Counting>(count: &AtomicU64) {
    assert!(C::up(count) < TOO_MANY, "a value has more owners than there can be");
}

/// Gives up a weak owner, and the block with the last.
///
/// # Safety
/// The caller is one, and is one no more.
pub(super) unsafe fn leave<T: Persist, C: Counting, H: HeapType>(at: NonZeroU64, heap: H) {
    // SAFETY: the caller is an owner.
    let counted = unsafe { Counted::<T>::of(at, heap) };
    counted.note(heap);
    if C::down(&counted.weak) == 1 {
        C::last();
        // SAFETY: nobody refers to the block any more.
        unsafe { block::free::<T, H>(at, Layout::new::<Counted<T>>(), heap) };
    }
}
