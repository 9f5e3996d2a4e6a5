//! A block of equal elements that can become larger or smaller: the core of `PVec` and `PVecDeque`.
//!
//! Invariants:
//! 1. `at` is a block of `cap` elements, or none and `cap` is 0.
//! 2. Elements of no size need no block: `at` is none and `cap` is `u64::MAX`.
//! 3. A resize that fails has changed nothing.

use core::alloc::Layout;
use core::ops::Range;
use core::ptr::NonNull;

use super::{At, count};
use crate::handle::AllocError;
use crate::typed::{Fault, HeapType, Inspector};
use crate::units::PAGE;

/// The bytes that a first block holds at least.
const FIRST_BYTES: usize = 32;

#[derive(Debug)]
#[repr(C)]
pub(in crate::collections) struct RawBuffer {
    at: At,
    cap: u64,
}

/// The layout of `cap` elements.
fn array(element: Layout, cap: usize) -> Result<Layout, AllocError> {
    let bytes = element.size().checked_mul(cap).ok_or(AllocError)?;
    Layout::from_size_align(bytes, element.align()).map_err(|_| AllocError)
}

impl RawBuffer {
    /// No block, for elements of type `T`.
    #[inline]
    pub(in crate::collections) const fn new<T>() -> Self {
        const {
            assert!(
                align_of::<T>() <= PAGE,
                "a heap can be moved by whole pages: no alignment beyond one can be kept"
            )
        };
        Self { at: At::NONE, cap: if size_of::<T>() == 0 { u64::MAX } else { 0 } }
    }

    #[inline]
    pub(in crate::collections) const fn cap(&self) -> usize {
        count(self.cap)
    }

    #[inline]
    pub(in crate::collections) fn ptr<H: HeapType>(&self, heap: H) -> *mut u8 {
        self.at.ptr(heap)
    }

    /// The capacity to have when `needed` elements do not fit: twice as much, and not too little.
    pub(in crate::collections) fn amortized(&self, needed: usize, element: Layout) -> usize {
        let first = (FIRST_BYTES / element.size().max(1)).max(1);
        needed.max(self.cap().saturating_mul(2)).max(first)
    }

    /// Makes the block one of `cap` elements, in place if it can be; the elements that fit stay.
    ///
    /// # Errors
    /// [`AllocError`]: nothing was changed.
    ///
    /// # Safety
    /// `element` is the layout that this buffer was made for; what lies beyond `cap` elements is not needed.
    #[inline(never)]
    pub(in crate::collections) unsafe fn resize<H: HeapType>(
        &mut self,
        cap: usize,
        element: Layout,
        heap: H,
    ) -> Result<(), AllocError> {
        if element.size() == 0 {
            // There is no more than `u64::MAX`.
            return Err(AllocError);
        }
        let new = array(element, cap)?;
        let block = match (self.at.block(heap), cap) {
            (None, 0) => return Ok(()),
            (None, _) => Some(heap.allocate(new)?),
            (Some(block), 0) => {
                // SAFETY: the block is this buffer's own, and holds nothing that is needed.
                unsafe { free(block, element, self.cap(), heap) };
                None
            }
            (Some(block), _) => {
                let old = array(element, self.cap())?;
                // SAFETY: the block is this buffer's own, and was allocated for as many elements.
                Some(unsafe { heap.reallocate(block, old, new) }?)
            }
        };
        self.set(block, cap, heap);
        Ok(())
    }

    /// Moves to another block of `cap` elements, in which those of `parts` lie one after the other from the start.
    ///
    /// # Errors
    /// [`AllocError`]: nothing was changed.
    ///
    /// # Safety
    /// `element` is the layout that this buffer was made for; the parts lie within the old capacity, together they are
    /// no more than `cap`, and what they hold may be moved.
    #[inline(never)]
    pub(in crate::collections) unsafe fn relocate<H: HeapType>(
        &mut self,
        cap: usize,
        element: Layout,
        parts: [Range<usize>; 2],
        heap: H,
    ) -> Result<(), AllocError> {
        if element.size() == 0 {
            return Err(AllocError);
        }
        let block = if cap > 0 { Some(heap.allocate(array(element, cap)?)?) } else { None };
        let mut to = block.map_or(core::ptr::null_mut(), NonNull::as_ptr);
        for part in parts {
            let bytes = part.len() * element.size();
            let from = self.ptr(heap).wrapping_add(part.start * element.size());
            // SAFETY: the part lies in the old block, and the caller's promise leaves room for it in the new one.
            unsafe { to.copy_from_nonoverlapping(from, bytes) };
            to = to.wrapping_add(bytes);
        }
        // SAFETY: the elements have moved.
        unsafe { self.release(element, heap) };
        self.set(block, cap, heap);
        Ok(())
    }

    fn set<H: HeapType>(&mut self, block: Option<NonNull<u8>>, cap: usize, heap: H) {
        self.at = block.map_or(At::NONE, |block| At::of(block.as_ptr(), heap));
        self.cap = cap as u64;
    }

    /// Gives the block back, if there is one.
    ///
    /// # Safety
    /// `element` is the layout that this buffer was made for, and nobody uses the block after this.
    #[inline]
    pub(in crate::collections) unsafe fn release<H: HeapType>(&self, element: Layout, heap: H) {
        if let Some(block) = self.at.block(heap) {
            // SAFETY: the caller's promise.
            unsafe { free(block, element, self.cap(), heap) };
        }
    }

    /// Finds fault with bytes that are to be a buffer for `T` whose first `len` elements are in use, and returns where these lie.
    ///
    /// # Errors
    /// [`Fault`].
    pub(in crate::collections) fn inspect<T>(
        &self,
        len: u64,
        inspector: &mut Inspector<'_>,
    ) -> Result<NonNull<T>, Fault> {
        let element = Layout::new::<T>();
        if len > self.cap {
            return Err(inspector.fault(self, format!("{len} elements where there is room for {}", self.cap)));
        }
        if self.at.is_none() {
            if self.cap != Self::new::<T>().cap {
                return Err(inspector.fault(self, format!("room for {} elements without a block", self.cap)));
            }
            return Ok(NonNull::dangling());
        }
        let layout = array(element, count(self.cap)).ok().filter(|layout| layout.size() > 0);
        let Some(layout) = layout else {
            return Err(inspector
                .fault(self, format!("a block for {} elements of {} bytes", self.cap, element.size())));
        };
        inspector.own(self, self.at.get(), layout).map(NonNull::cast)
    }
}

/// Gives back a block of `cap` elements.
///
/// # Safety
/// It was allocated for as many, and nobody uses it.
#[inline]
unsafe fn free<H: HeapType>(block: NonNull<u8>, element: Layout, cap: usize, heap: H) {
    // SAFETY: a layout of as many bytes was made when the block was allocated.
    let layout = unsafe { Layout::from_size_align_unchecked(element.size() * cap, element.align()) };
    // SAFETY: the caller's promise.
    unsafe { heap.deallocate(block, layout) };
}
