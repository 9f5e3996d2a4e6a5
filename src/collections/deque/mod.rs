//! `PVecDeque`: a ring in a heap.
//!
//! Invariants, beside those of its buffer:
//! 1. The elements are the `len` places from `head` on, which go on at the block's start behind its end; they are initialised, the others
//!    are not.
//! 2. `head` is less than the capacity, or 0.

mod edit;
mod iter;
mod persist;
mod traits;

use core::alloc::Layout;
use core::marker::PhantomData;
use core::ops::{Range, RangeBounds};
use core::{mem, ptr};

pub use iter::{IntoIter, Iter, IterMut};

use super::NoRoom;
use super::no_room::granted;
use super::raw::{RawBuffer, count, note, range};
use crate::handle::AllocError;
use crate::typed::HeapType;

/// A queue with two ends in a heap: `VecDeque`, valid wherever the heap lies.
///
/// It has 32 bytes.
///
/// ```
/// use outlive::PVecDeque;
///
/// outlive::heap!(struct QueueHeap);
///
/// let queue = QueueHeap::in_memory::<PVecDeque<u64, QueueHeap>>(|heap| PVecDeque::new_in(heap))?;
/// queue.write(|queue, _heap| {
///     queue.extend([1, 2, 3]);
///     queue.push_front(0);
///     assert_eq!((queue.pop_front(), queue.pop_back()), (Some(0), Some(3)));
/// })?;
/// assert_eq!(queue.read(|queue| queue.iter().sum::<u64>())?, 3);
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(C)]
pub struct PVecDeque<T, H: HeapType> {
    buffer: RawBuffer,
    head: u64,
    len: u64,
    heap: H,
    owns: PhantomData<T>,
}

impl<T, H: HeapType> PVecDeque<T, H> {
    /// An empty queue, without a block.
    pub const fn new_in(heap: H) -> Self {
        Self { buffer: RawBuffer::new::<T>(), head: 0, len: 0, heap, owns: PhantomData }
    }

    /// An empty queue with room for `capacity` elements.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        let mut deque = Self::new_in(heap);
        deque.reserve(capacity);
        deque
    }

    /// What an iterator yields, in a queue.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    pub fn from_iter_in<I: IntoIterator<Item = T>>(elements: I, heap: H) -> Self {
        let mut deque = Self::new_in(heap);
        deque.extend(elements);
        deque
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
    pub const fn capacity(&self) -> usize {
        self.buffer.cap()
    }

    /// The place in the block of the element at `index`, or of the one to come there.
    #[inline]
    fn place(&self, index: usize) -> usize {
        let (head, cap) = (count(self.head), self.capacity());
        // Neither is more than the capacity; together they may be more than fits a word where elements have no size.
        if index >= cap - head { index - (cap - head) } else { head + index }
    }

    #[inline]
    fn slot(&self, index: usize) -> *mut T {
        self.buffer.ptr(self.heap).cast::<T>().wrapping_add(self.place(index))
    }

    /// The places of a range of elements: a row, and a second one at the block's start.
    fn rows(&self, range: Range<usize>) -> [Range<usize>; 2] {
        if range.is_empty() {
            return [0..0, 0..0];
        }
        let first = self.place(range.start);
        let in_first = range.len().min(self.capacity() - first);
        [first..first + in_first, 0..range.len() - in_first]
    }

    fn row(&self, places: Range<usize>) -> *mut [T] {
        let first = self.buffer.ptr(self.heap).cast::<T>().wrapping_add(places.start);
        ptr::slice_from_raw_parts_mut(first, places.len())
    }

    fn slices(&self, range: Range<usize>) -> (&[T], &[T]) {
        let [one, other] = self.rows(range).map(|places| self.row(places));
        // SAFETY: callers name elements that are there, and borrow them with the queue.
        (unsafe { &*one }, unsafe { &*other })
    }

    fn slices_mut(&mut self, range: Range<usize>) -> (&mut [T], &mut [T]) {
        let [one, other] = self.rows(range).map(|places| self.row(places));
        for row in [one, other] {
            note(self.heap, row.cast::<T>(), row.len());
        }
        // SAFETY: callers name elements that are there, and borrow them alone; the rows do not overlap.
        (unsafe { &mut *one }, unsafe { &mut *other })
    }

    /// Sets first element and length.
    ///
    /// # Safety
    /// The elements that are named are initialised, and others have an owner or may leak.
    #[inline]
    unsafe fn set(&mut self, head: usize, len: usize) {
        self.head = head as u64;
        self.len = len as u64;
    }

    fn resize_buffer(&mut self, cap: usize) -> Result<(), AllocError> {
        let parts = self.rows(0..self.len());
        // SAFETY: the buffer was made for `T`, and the elements are no more than the new capacity.
        unsafe { self.buffer.relocate(cap, Layout::new::<T>(), parts, self.heap) }?;
        // SAFETY: they lie at the start of the new block.
        unsafe { self.set(0, self.len()) };
        Ok(())
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

    /// Moves the elements to a block of just their size. Where there is no memory for it they stay where they are.
    pub fn shrink_to_fit(&mut self) {
        if self.len() < self.capacity() {
            let _ = self.resize_buffer(self.len());
        }
    }

    /// Appends an element.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[inline]
    #[track_caller]
    pub fn push_back(&mut self, value: T) {
        granted(self.try_reserve(1));
        self.put_back(value);
    }

    /// Puts an element before all others.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[inline]
    #[track_caller]
    pub fn push_front(&mut self, value: T) {
        granted(self.try_reserve(1));
        self.put_front(value);
    }

    /// Appends an element.
    ///
    /// # Errors
    /// [`NoRoom`], with the element, if the heap has no memory for it.
    pub fn try_push_back(&mut self, value: T) -> Result<(), NoRoom<T>> {
        if self.try_reserve(1).is_err() {
            return Err(NoRoom(value));
        }
        self.put_back(value);
        Ok(())
    }

    /// Puts an element before all others.
    ///
    /// # Errors
    /// [`NoRoom`], with the element, if the heap has no memory for it.
    pub fn try_push_front(&mut self, value: T) -> Result<(), NoRoom<T>> {
        if self.try_reserve(1).is_err() {
            return Err(NoRoom(value));
        }
        self.put_front(value);
        Ok(())
    }

    #[inline]
    fn put_back(&mut self, value: T) {
        let slot = self.slot(self.len());
        note(self.heap, slot, 1);
        // SAFETY: callers made room for one more.
        unsafe { slot.write(value) };
        // SAFETY: it was just written.
        unsafe { self.set(count(self.head), self.len() + 1) };
    }

    #[inline]
    fn put_front(&mut self, value: T) {
        // The last place of the ring is the one before the first.
        let head = self.place(self.capacity() - 1);
        let slot = self.buffer.ptr(self.heap).cast::<T>().wrapping_add(head);
        note(self.heap, slot, 1);
        // SAFETY: callers made room for one more, so the place before the first element is free.
        unsafe { slot.write(value) };
        // SAFETY: it was just written.
        unsafe { self.set(head, self.len() + 1) };
    }

    /// Takes the last element.
    pub fn pop_back(&mut self) -> Option<T> {
        let len = self.len().checked_sub(1)?;
        // SAFETY: the last one is the caller's.
        unsafe { self.set(count(self.head), len) };
        // SAFETY: it was initialised, and is not named any more.
        Some(unsafe { self.slot(len).read() })
    }

    /// Takes the first element.
    pub fn pop_front(&mut self) -> Option<T> {
        let len = self.len().checked_sub(1)?;
        // SAFETY: it is initialised, and not named from the next line on.
        let value = unsafe { self.slot(0).read() };
        // SAFETY: the first one is the caller's.
        unsafe { self.set(self.place(1), len) };
        Some(value)
    }

    /// The element at `index`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&T> {
        // SAFETY: the element is there, and borrowed with the queue.
        (index < self.len()).then(|| unsafe { &*self.slot(index) })
    }

    /// The element at `index`, which counts as changed.
    #[inline]
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len() {
            return None;
        }
        let slot = self.slot(index);
        note(self.heap, slot, 1);
        // SAFETY: the element is there, and borrowed with the queue.
        Some(unsafe { &mut *slot })
    }

    /// The first element.
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The last element.
    pub fn back(&self) -> Option<&T> {
        self.get(self.len().wrapping_sub(1))
    }

    /// The first element, which counts as changed.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// The last element, which counts as changed.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len().wrapping_sub(1))
    }

    /// The elements, in two rows.
    pub fn as_slices(&self) -> (&[T], &[T]) {
        self.slices(0..self.len())
    }

    /// The elements, in two rows; all count as changed.
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        self.slices_mut(0..self.len())
    }

    /// All elements.
    pub fn iter(&self) -> Iter<'_, T> {
        self.range(..)
    }

    /// All elements, which count as changed.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        self.range_mut(..)
    }

    /// The elements of a range of indices.
    ///
    /// # Panics
    /// If the range reaches beyond the end.
    pub fn range<R: RangeBounds<usize>>(&self, range_of: R) -> Iter<'_, T> {
        let (one, other) = self.slices(range(&range_of, self.len()));
        Iter(one.iter().chain(other))
    }

    /// The elements of a range of indices, which count as changed.
    ///
    /// # Panics
    /// If the range reaches beyond the end.
    pub fn range_mut<R: RangeBounds<usize>>(&mut self, range_of: R) -> IterMut<'_, T> {
        let range = range(&range_of, self.len());
        let (one, other) = self.slices_mut(range);
        IterMut(one.iter_mut().chain(other))
    }

    /// Whether one element is equal to this one.
    pub fn contains(&self, value: &T) -> bool
    where
        T: PartialEq,
    {
        self.iter().any(|element| element == value)
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
        // SAFETY: both are elements of the block.
        unsafe { ptr::swap(self.slot(a), self.slot(b)) };
    }
}

impl<T, H: HeapType> Drop for PVecDeque<T, H> {
    fn drop(&mut self) {
        /// Gives the block back, whatever the elements' `Drop` does.
        struct Release<'a, T, H: HeapType>(&'a PVecDeque<T, H>);

        impl<T, H: HeapType> Drop for Release<'_, T, H> {
            fn drop(&mut self) {
                // SAFETY: the buffer was made for `T`, and the queue is gone.
                unsafe { self.0.buffer.release(Layout::new::<T>(), self.0.heap) };
            }
        }

        // Nothing is written to the queue itself: who drops it where it is has not noted it.
        let rows = self.rows(0..self.len()).map(|places| self.row(places));
        let _release = Release(self);
        // SAFETY: the elements are initialised, and nobody sees the queue any more.
        unsafe { Self::drop_rows(rows) };
    }
}

const _: () = assert!(mem::size_of::<RawBuffer>() == 16);
