//! Where the open heap of a heap type is found: one static for each.
//!
//! ```text
//!           claim               moor               cast_off            let_go
//! nobody's --------> claimed --------> heap, base ----------> claimed --------> nobody's
//! ```
//!
//! 1. One store has the anchor at a time, from `claim` to `let_go`, and only that store moors and casts off.
//! 2. `base`, `heap` and `pad` are written by `moor` and `cast_off` alone, before the first access of a store, after its last, or
//!    while its gate keeps everybody out. They are read by those who have a token, and so are inside of an access. So
//!    reads and writes never meet, and plain loads will do: an access begins after `moor` because its thread was given the
//!    store since, or has come through the gate since, and either orders the two.

use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::ptr::{self, NonNull};

use crate::durable::NotePad;
use crate::error::Error;
use crate::handle::{AllocError, Heap};
use crate::sync::{AtomicU32, Gate, Ordering};

/// Shows that its holder is within an access to the heap for which it was made.
///
/// It cannot be made by safe code; `heap!` wraps it in a type for each heap, `H`, of which one cannot become another's.
pub struct Token<'h, H>(Invariant<&'h ()>, Invariant<H>);

/// Neither a longer nor a shorter lifetime will do.
type Invariant<T> = PhantomData<fn(T) -> T>;

impl<H> Clone for Token<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Token<'_, H> {}

impl<H> Token<'_, H> {
    /// # Safety
    /// The caller is within an access to the heap for whose type this is, which does not end before the lifetime.
    #[must_use]
    pub const unsafe fn new() -> Self {
        Self(PhantomData, PhantomData)
    }
}

impl<H> fmt::Debug for Token<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

const NOBODYS: u32 = 0;
const CLAIMED: u32 = 1;

/// Where the open heap of one heap type is found.
pub struct Anchor {
    claimed: AtomicU32,
    base: UnsafeCell<*mut u8>,
    heap: UnsafeCell<*const Heap>,
    /// The heap's own, where a note has it at hand: each change of a collection makes one or more.
    pad: UnsafeCell<NotePad>,
    gate: Gate,
}

// SAFETY: invariant 2; everything else in it is made to be shared.
unsafe impl Sync for Anchor {}

impl Anchor {
    /// The anchor of a heap that is not open.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "there is one in each static of `heap!`, and nowhere else")]
    pub const fn new() -> Self {
        Self {
            claimed: AtomicU32::new(NOBODYS),
            base: UnsafeCell::new(ptr::null_mut()),
            heap: UnsafeCell::new(ptr::null()),
            pad: UnsafeCell::new(NotePad::NONE),
            gate: Gate::new(),
        }
    }

    pub(super) fn gate(&'static self) -> &'static Gate {
        &self.gate
    }

    /// Has the anchor for a store.
    pub(super) fn claim(&self, heap: &'static str) -> Result<(), Error> {
        let claimed = self.claimed.compare_exchange(NOBODYS, CLAIMED, Ordering::Acquire, Ordering::Relaxed);
        claimed.map(drop).map_err(|_| Error::HeapTypeInUse { heap })
    }

    /// Leaves it for another store.
    pub(super) fn let_go(&self) {
        self.gate.trust();
        self.claimed.store(NOBODYS, Ordering::Release);
    }

    /// Names the heap that is open from now on.
    ///
    /// # Safety
    /// The caller has claimed the anchor, nobody is inside of an access, and the heap stays where it is until it is cast off.
    pub(super) unsafe fn moor(&self, heap: &Heap) {
        // SAFETY: the caller's promise: nobody reads it meanwhile.
        unsafe { *self.base.get() = heap.base().as_ptr() };
        // SAFETY: as above.
        unsafe { *self.heap.get() = heap };
        // SAFETY: as above.
        unsafe { *self.pad.get() = heap.pad() };
    }

    /// Names none.
    ///
    /// # Safety
    /// The caller has claimed the anchor, and nobody is inside of an access.
    pub(super) unsafe fn cast_off(&self) {
        // SAFETY: the caller's promise: nobody reads it meanwhile.
        unsafe { *self.base.get() = ptr::null_mut() };
        // SAFETY: as above.
        unsafe { *self.heap.get() = ptr::null() };
        // SAFETY: as above.
        unsafe { *self.pad.get() = NotePad::NONE };
    }

    /// Where the heap lies.
    ///
    /// # Safety
    /// The caller is within an access.
    #[inline(always)]
    #[must_use]
    pub unsafe fn base(&self) -> NonNull<u8> {
        // SAFETY: invariant 2.
        let base = unsafe { *self.base.get() };
        // SAFETY: a heap is moored within an access.
        unsafe { NonNull::new_unchecked(base) }
    }

    /// # Safety
    /// The caller is within an access, which does not end before the lifetime.
    #[inline]
    pub(super) unsafe fn heap<'h>(&self) -> &'h Heap {
        // SAFETY: invariant 2.
        let heap = unsafe { *self.heap.get() };
        // SAFETY: a heap is moored within an access, and stays where it is.
        unsafe { &*heap }
    }

    /// A block of the heap's tracked memory, all of which is noted.
    ///
    /// # Errors
    /// [`AllocError`] where the limit, the region or the machine has no more.
    ///
    /// # Safety
    /// The caller is within an access.
    #[inline]
    pub unsafe fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        let tracked = unsafe { self.heap() }.tracked();
        let block = tracked.allocate(layout)?;
        tracked.note(block.as_ptr(), layout.size());
        Ok(block)
    }

    /// Takes a block of tracked memory back.
    ///
    /// # Safety
    /// As of [`Tracked::deallocate`](crate::Tracked::deallocate), and the caller is within an access.
    #[inline]
    pub unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        let tracked = unsafe { self.heap() }.tracked();
        // SAFETY: the same.
        unsafe { tracked.deallocate(block, layout) };
    }

    /// Makes a block of tracked memory larger or smaller, and notes all of it.
    ///
    /// # Errors
    /// [`AllocError`]; the block is then as it was.
    ///
    /// # Safety
    /// As of [`Tracked::reallocate`](crate::Tracked::reallocate), and the caller is within an access.
    #[inline]
    pub unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        let tracked = unsafe { self.heap() }.tracked();
        // SAFETY: the same.
        let moved = unsafe { tracked.reallocate(block, old, new) }?;
        tracked.note(moved.as_ptr(), new.size());
        Ok(moved)
    }

    /// A block of the heap's other memory.
    ///
    /// # Errors
    /// As of [`Anchor::allocate`].
    ///
    /// # Safety
    /// The caller is within an access.
    pub unsafe fn allocate_scanned(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        // SAFETY: the caller's promise.
        unsafe { self.heap() }.allocate(layout)
    }

    /// Takes a block of the other memory back.
    ///
    /// # Safety
    /// As of [`Heap::deallocate`], and the caller is within an access.
    pub unsafe fn deallocate_scanned(&self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        let heap = unsafe { self.heap() };
        // SAFETY: the same.
        unsafe { heap.deallocate(block, layout) };
    }

    /// Says that these bytes of tracked memory change.
    ///
    /// # Safety
    /// The caller is within an access.
    #[inline]
    pub unsafe fn note(&self, bytes: *const u8, len: usize) {
        // SAFETY: invariant 2.
        let pad = unsafe { &*self.pad.get() };
        pad.note(bytes.addr(), len);
    }
}

impl fmt::Debug for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Anchor").field("gate", &self.gate).finish_non_exhaustive()
    }
}

/// A heap type with an anchor, as `heap!` makes them.
///
/// # Safety
/// `anchor` is the same static for all lifetimes of one heap type, no other heap type has it, and the methods of
/// [`HeapType`](super::HeapType) are those of the anchor.
pub unsafe trait Anchored: super::HeapType {
    /// The type's name.
    const NAME: &'static str;

    /// Whether values may have addresses in them, because the heap is never open at another place than the one at which it
    /// was made.
    const FIXED: bool;

    /// The static by which the type finds its heap.
    fn anchor() -> &'static Anchor;

    /// # Safety
    /// As of [`Token::new`].
    unsafe fn token<'h>() -> Self::In<'h>;
}
