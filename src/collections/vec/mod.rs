//! `PVec`: a vector in a heap.
//!
//! Invariants, beside those of its buffer:
//! 1. The first `len` elements are initialised, the others are not; `len` is at most the capacity.
//! 2. Elements are noted before they change: one by one where one changes, as a range where a range moves.

mod drain;
mod edit;
mod into_iter;
mod persist;
mod traits;

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ptr;
use core::slice;

pub(super) use drain::Compact;
pub use drain::{Drain, ExtractIf};
pub use into_iter::IntoIter;

use super::NoRoom;
use super::no_room::granted;
use super::raw::{RawBuffer, count, note};
use crate::handle::AllocError;
use crate::typed::HeapType;

/// A growing array in a heap: `Vec`, valid wherever the heap lies.
///
/// It has 24 bytes, and dereferences to a slice. See [the module](super) for what is different from `Vec`.
///
/// ```
/// use outlive::PVec;
///
/// outlive::heap!(struct ListHeap);
///
/// let list = ListHeap::in_memory::<PVec<u64, ListHeap>>(|heap| PVec::from_iter_in([3, 2, 1], heap))?;
/// list.write(|list, _heap| {
///     list.push(5);
///     list.sort();
///     list.retain(|number| number % 2 == 1);
///     assert_eq!(list.drain(1..).collect::<Vec<_>>(), [3, 5]);
/// })?;
/// assert_eq!(list.read(|list| list[0])?, 1);
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(C)]
pub struct PVec<T, H: HeapType> {
    buffer: RawBuffer,
    len: u64,
    heap: H,
    owns: PhantomData<T>,
}

impl<T, H: HeapType> PVec<T, H> {
    /// An empty vector, without a block.
    #[inline]
    pub const fn new_in(heap: H) -> Self {
        Self { buffer: RawBuffer::new::<T>(), len: 0, heap, owns: PhantomData }
    }

    /// An empty vector with room for `capacity` elements.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        granted(Self::try_with_capacity_in(capacity, heap))
    }

    /// An empty vector with room for `capacity` elements.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for them.
    pub fn try_with_capacity_in(capacity: usize, heap: H) -> Result<Self, AllocError> {
        let mut vec = Self::new_in(heap);
        vec.try_reserve_exact(capacity)?;
        Ok(vec)
    }

    /// What an iterator yields, in a vector.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    pub fn from_iter_in<I: IntoIterator<Item = T>>(elements: I, heap: H) -> Self {
        let mut vec = Self::new_in(heap);
        vec.extend(elements);
        vec
    }

    /// Copies of a slice's elements.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn from_slice_in(elements: &[T], heap: H) -> Self
    where
        T: Clone,
    {
        let mut vec = Self::with_capacity_in(elements.len(), heap);
        vec.extend_from_slice(elements);
        vec
    }

    /// How many elements there are.
    #[inline]
    pub const fn len(&self) -> usize {
        count(self.len)
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many elements fit without another block.
    #[inline]
    pub const fn capacity(&self) -> usize {
        self.buffer.cap()
    }

    /// The elements.
    #[inline]
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: the first `len` elements are initialised, and borrowed with the vector.
        unsafe { slice::from_raw_parts(self.slot(0), self.len()) }
    }

    /// The elements, all of which count as changed.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        note(self.heap, self.slot(0), self.len());
        // SAFETY: as for `as_slice`, and borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.slot(0), self.len()) }
    }

    /// Where element `index` is, or would be.
    #[inline]
    fn slot(&self, index: usize) -> *mut T {
        self.buffer.ptr(self.heap).cast::<T>().wrapping_add(index)
    }

    /// Sets the length.
    ///
    /// # Safety
    /// The first `len` elements are initialised, and those beyond have an owner or may leak.
    #[inline]
    unsafe fn set_len(&mut self, len: usize) {
        debug_assert!(len <= self.capacity());
        self.len = len as u64;
    }

    /// Moves the elements to a block of `cap`.
    fn resize_buffer(&mut self, cap: usize) -> Result<(), AllocError> {
        debug_assert!(cap >= self.len());
        // SAFETY: the buffer was made for `T`, and the elements are no more than the new capacity.
        unsafe { self.buffer.resize(cap, Layout::new::<T>(), self.heap) }
    }

    /// Makes room for one more, where there is none.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> Result<(), AllocError> {
        self.try_reserve(1)
    }

    /// Makes room for `additional` more elements, and some in advance.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn reserve(&mut self, additional: usize) {
        granted(self.try_reserve(additional));
    }

    /// Makes room for `additional` more elements, and some in advance.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for them; nothing was changed.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        if self.capacity() - self.len() >= additional {
            return Ok(());
        }
        let needed = self.len().checked_add(additional).ok_or(AllocError)?;
        self.resize_buffer(self.buffer.amortized(needed, Layout::new::<T>()))
    }

    /// Makes room for `additional` more elements, and none in advance.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn reserve_exact(&mut self, additional: usize) {
        granted(self.try_reserve_exact(additional));
    }

    /// Makes room for `additional` more elements, and none in advance.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for them; nothing was changed.
    pub fn try_reserve_exact(&mut self, additional: usize) -> Result<(), AllocError> {
        if self.capacity() - self.len() >= additional {
            return Ok(());
        }
        self.resize_buffer(self.len().checked_add(additional).ok_or(AllocError)?)
    }

    /// Moves the elements to a block of just their size. Where there is no memory for it they stay where they are.
    pub fn shrink_to_fit(&mut self) {
        self.shrink_to(0);
    }

    /// Moves the elements to a smaller block, for at least `capacity`. Where there is no memory for it they stay where
    /// they are.
    pub fn shrink_to(&mut self, capacity: usize) {
        let capacity = capacity.max(self.len());
        if capacity < self.capacity() {
            let _ = self.resize_buffer(capacity);
        }
    }

    /// Appends an element.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[inline(always)]
    #[track_caller]
    pub fn push(&mut self, value: T) {
        if self.len() == self.capacity() {
            granted(self.grow());
        }
        self.append_one(value);
    }

    /// Appends an element.
    ///
    /// # Errors
    /// [`NoRoom`], with the element, if the heap has no memory for it.
    #[inline]
    pub fn try_push(&mut self, value: T) -> Result<(), NoRoom<T>> {
        if self.len() == self.capacity() && self.grow().is_err() {
            return Err(NoRoom(value));
        }
        self.append_one(value);
        Ok(())
    }

    /// Appends an element for which there is room.
    #[inline]
    fn append_one(&mut self, value: T) {
        let len = self.len();
        debug_assert!(len < self.capacity());
        let slot = self.slot(len);
        note(self.heap, slot, 1);
        // SAFETY: both callers made room for one more.
        unsafe { slot.write(value) };
        self.len += 1;
    }

    /// Takes the last element.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let len = self.len().checked_sub(1)?;
        // SAFETY: the element beyond is owned by the caller from here on.
        unsafe { self.set_len(len) };
        // SAFETY: it was initialised, and belongs to nobody else now.
        Some(unsafe { self.slot(len).read() })
    }

    /// Takes the last element if it fits the condition.
    pub fn pop_if(&mut self, condition: impl FnOnce(&mut T) -> bool) -> Option<T> {
        if condition(self.last_mut()?) { self.pop() } else { None }
    }

    /// Drops the elements from `len` on.
    pub fn truncate(&mut self, len: usize) {
        let old = self.len();
        if len >= old {
            return;
        }
        // SAFETY: those beyond are dropped next.
        unsafe { self.set_len(len) };
        let rest = ptr::slice_from_raw_parts_mut(self.slot(len), old - len);
        // SAFETY: they were initialised, and belong to nobody since the length was set.
        unsafe { rest.drop_in_place() };
    }

    /// Drops all elements, and keeps the block.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// The element at `index`, which counts as changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len() {
            return None;
        }
        let slot = self.slot(index);
        note(self.heap, slot, 1);
        // SAFETY: it is initialised, and borrowed with the vector.
        Some(unsafe { &mut *slot })
    }

    /// The first element, which counts as changed.
    pub fn first_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// The last element, which counts as changed.
    pub fn last_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len().wrapping_sub(1))
    }

    /// Exchanges two elements.
    ///
    /// # Panics
    /// If one of them is not there.
    pub fn swap(&mut self, a: usize, b: usize) {
        let len = self.len();
        assert!(a < len && b < len, "elements {a} and {b} of {len}");
        for index in [a, b] {
            note(self.heap, self.slot(index), 1);
        }
        // SAFETY: both are initialised elements of the same block.
        unsafe { ptr::swap(self.slot(a), self.slot(b)) };
    }
}

impl<T, H: HeapType> Drop for PVec<T, H> {
    fn drop(&mut self) {
        /// Gives the block back, whatever the elements' `Drop` does.
        struct Release<'a, T, H: HeapType>(&'a PVec<T, H>);

        impl<T, H: HeapType> Drop for Release<'_, T, H> {
            fn drop(&mut self) {
                // SAFETY: the buffer was made for `T`, and the vector is gone.
                unsafe { self.0.buffer.release(Layout::new::<T>(), self.0.heap) };
            }
        }

        let elements = ptr::slice_from_raw_parts_mut(self.slot(0), self.len());
        let _release = Release(self);
        // SAFETY: the elements are initialised, and nobody sees the vector any more.
        unsafe { elements.drop_in_place() };
    }
}
