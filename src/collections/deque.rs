//! `PVecDeque`: a ring in a heap.
//!
//! Invariants, beside those of its buffer:
//! 1. The elements are the `len` places from `head` on, which go on at the block's start behind its end; they are initialised, the others
//!    are not.
//! 2. `head` is less than the capacity, or 0.

use core::alloc::Layout;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter::{Chain, FusedIterator};
use core::marker::PhantomData;
use core::mem;
use core::ops::{Index, IndexMut, Range, RangeBounds};
use core::{ptr, slice};

use super::no_room::granted;
use super::raw::{RawBuffer, count, note, range};
use super::{CloneIn, NoRoom};
use crate::handle::AllocError;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist};

/// A queue with two ends in a heap: `VecDeque`, valid wherever the heap lies.
///
/// It has 32 bytes.
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
        note(self.heap, &raw const self.head, 2);
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

    /// Moves one element to another place.
    ///
    /// # Safety
    /// It is there, and the place's element belongs to nobody.
    unsafe fn shift(&mut self, from: usize, to: usize) {
        let place = self.slot(to);
        note(self.heap, place, 1);
        // SAFETY: the caller's promise.
        unsafe { ptr::copy(self.slot(from), place, 1) };
    }

    /// Inserts an element before `index`; the fewer ones, before or behind it, move.
    ///
    /// # Panics
    /// If `index` is beyond the end, or the heap has no memory for it.
    #[track_caller]
    pub fn insert(&mut self, index: usize, value: T) {
        let len = self.len();
        assert!(index <= len, "insertion at {index} of {len}");
        if index < len / 2 {
            self.push_front(value);
            (0..index).for_each(|at| self.swap(at, at + 1));
        } else {
            self.push_back(value);
            (index..len).rev().for_each(|at| self.swap(at, at + 1));
        }
    }

    /// Takes the element at `index`; the fewer ones, before or behind it, move.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        let len = self.len();
        if index >= len {
            return None;
        }
        if index < len / 2 {
            (0..index).rev().for_each(|at| self.swap(at, at + 1));
            self.pop_front()
        } else {
            (index..len - 1).for_each(|at| self.swap(at, at + 1));
            self.pop_back()
        }
    }

    /// Takes the element at `index`, and the first one takes its place.
    pub fn swap_remove_front(&mut self, index: usize) -> Option<T> {
        if index >= self.len() {
            return None;
        }
        self.swap(0, index);
        self.pop_front()
    }

    /// Takes the element at `index`, and the last one takes its place.
    pub fn swap_remove_back(&mut self, index: usize) -> Option<T> {
        let last = self.len().checked_sub(1).filter(|last| index <= *last)?;
        self.swap(last, index);
        self.pop_back()
    }

    /// Drops the elements from `len` on.
    pub fn truncate(&mut self, len: usize) {
        /// Drops the second row, whatever the first one's `Drop` does.
        struct Row<T>(*mut [T]);

        impl<T> Drop for Row<T> {
            fn drop(&mut self) {
                // SAFETY: as in `truncate`.
                unsafe { self.0.drop_in_place() };
            }
        }

        let old = self.len();
        if len >= old {
            return;
        }
        let [one, other] = self.rows(len..old).map(|places| self.row(places));
        // SAFETY: those beyond are dropped next.
        unsafe { self.set(count(self.head), len) };
        let _other = Row(other);
        // SAFETY: they were initialised, and are not named any more.
        unsafe { one.drop_in_place() };
    }

    /// Drops all elements, and keeps the block.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Keeps the elements that fit the condition, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.compact(0..self.len(), |element| keep(element));
    }

    /// Takes out of a range what is not kept, and drops it when all is in order again.
    fn compact(&mut self, range: Range<usize>, mut keep: impl FnMut(&T) -> bool) {
        let len = self.len();
        let mut kept = range.start;
        for index in range.clone() {
            // What is not kept gathers behind what is, so nothing is lost if the condition panics.
            if self.get(index).is_some_and(&mut keep) {
                if kept != index {
                    self.swap(kept, index);
                }
                kept += 1;
            }
        }
        if kept < range.end {
            self.rotate_rows(kept, range.end, len);
            self.truncate(len - (range.end - kept));
        }
    }

    /// Moves the elements from `from` to `to` to the end of all.
    fn rotate_rows(&mut self, from: usize, to: usize, len: usize) {
        for (back, index) in (to..len).enumerate() {
            self.swap(from + back, index);
        }
    }

    /// Takes the elements of a range. They move to a queue of their own first.
    ///
    /// # Panics
    /// If the range reaches beyond the end, or the heap has no memory for that queue.
    pub fn drain<R: RangeBounds<usize>>(&mut self, range_of: R) -> IntoIter<T, H> {
        let range = range(&range_of, self.len());
        let mut taken = Self::with_capacity_in(range.len(), self.heap);
        for index in range.clone() {
            // SAFETY: the element is there, and not named any more when the loop ends, in which nothing can panic.
            taken.put_back(unsafe { self.slot(index).read() });
        }
        let len = self.len();
        for (back, index) in (range.end..len).enumerate() {
            // SAFETY: the elements of the range were taken.
            unsafe { self.shift(index, range.start + back) };
        }
        // SAFETY: they follow each other from the first on.
        unsafe { self.set(count(self.head), len - range.len()) };
        taken.into_iter()
    }

    /// Splits off the elements from `at` on.
    ///
    /// # Panics
    /// If `at` is beyond the end, or the heap has no memory for them.
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Self {
        self.drain(at..).0
    }

    /// Moves all elements of `other` to the end of this one.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn append(&mut self, other: &mut Self) {
        self.reserve(other.len());
        while let Some(value) = other.pop_front() {
            self.put_back(value);
        }
    }

    /// Moves the first `by` elements to the end.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn rotate_left(&mut self, by: usize) {
        assert!(by <= self.len(), "rotation by {by} of {}", self.len());
        for _ in 0..by {
            self.pop_front().into_iter().for_each(|value| self.put_back(value));
        }
    }

    /// Moves the last `by` elements to the front.
    ///
    /// # Panics
    /// If there are fewer.
    pub fn rotate_right(&mut self, by: usize) {
        assert!(by <= self.len(), "rotation by {by} of {}", self.len());
        self.rotate_left(self.len() - by);
    }

    /// Makes it `len` elements long, with what `make` returns where some are missing.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn resize_with(&mut self, len: usize, mut make: impl FnMut() -> T) {
        self.truncate(len);
        while self.len() < len {
            self.push_back(make());
        }
    }

    /// Puts the elements in one row, in place, and returns it; all count as changed.
    pub fn make_contiguous(&mut self) -> &mut [T] {
        let (head, len, cap) = (count(self.head), self.len(), self.capacity());
        if len > cap - head {
            note(self.heap, self.row(0..cap).cast::<T>(), cap);
            let (behind, first) = (len - (cap - head), self.row(0..cap).cast::<T>());
            // SAFETY: the first row moves down to the second one's end, over places that are free.
            unsafe { ptr::copy(first.wrapping_add(head), first.wrapping_add(behind), cap - head) };
            // SAFETY: all elements lie in the first `len` places.
            unsafe { self.set(0, len) };
            // SAFETY: they are initialised, and nobody else refers to them.
            unsafe { &mut *self.row(0..len) }.rotate_left(behind);
        }
        let row = self.rows(0..len)[0].clone();
        note(self.heap, self.row(row.clone()).cast::<T>(), row.len());
        // SAFETY: the elements lie in one row, and are borrowed with the queue.
        unsafe { &mut *self.row(row) }
    }
}

impl<T, H: HeapType> Drop for PVecDeque<T, H> {
    fn drop(&mut self) {
        /// Gives the block back, whatever the elements' `Drop` does.
        struct Release<'a, T, H: HeapType>(&'a mut PVecDeque<T, H>);

        impl<T, H: HeapType> Drop for Release<'_, T, H> {
            fn drop(&mut self) {
                // SAFETY: the buffer was made for `T`, and the queue is gone.
                unsafe { self.0.buffer.release(Layout::new::<T>(), self.0.heap) };
            }
        }

        Release(self).0.clear();
    }
}

/// Elements of a queue.
pub struct Iter<'a, T>(Chain<slice::Iter<'a, T>, slice::Iter<'a, T>>);

/// Elements of a queue, which count as changed.
pub struct IterMut<'a, T>(Chain<slice::IterMut<'a, T>, slice::IterMut<'a, T>>);

/// The elements of a queue that is no more.
pub struct IntoIter<T, H: HeapType>(PVecDeque<T, H>);

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

macro_rules! elements {
    ($([$($generics:tt)*] $name:ty: $item:ty, $next:ident, $back:ident, |$self:ident| $len:expr;)*) => {$(
        impl<$($generics)*> Iterator for $name {
            type Item = $item;

            #[inline]
            fn next(&mut self) -> Option<$item> {
                self.0.$next()
            }

            fn size_hint(&$self) -> (usize, Option<usize>) {
                ($len, Some($len))
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $name {
            #[inline]
            fn next_back(&mut self) -> Option<$item> {
                self.0.$back()
            }
        }

        impl<$($generics)*> ExactSizeIterator for $name {}
        impl<$($generics)*> FusedIterator for $name {}

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Elements").field("left", &self.len()).finish_non_exhaustive()
            }
        }
    )*};
}

elements! {
    ['a, T] Iter<'a, T>: &'a T, next, next_back, |self| self.0.size_hint().0;
    ['a, T] IterMut<'a, T>: &'a mut T, next, next_back, |self| self.0.size_hint().0;
    [T, H: HeapType] IntoIter<T, H>: T, pop_front, pop_back, |self| self.0.len();
}

impl<T, H: HeapType> IntoIterator for PVecDeque<T, H> {
    type Item = T;
    type IntoIter = IntoIter<T, H>;

    fn into_iter(self) -> IntoIter<T, H> {
        IntoIter(self)
    }
}

impl<'a, T, H: HeapType> IntoIterator for &'a PVecDeque<T, H> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T, H: HeapType> IntoIterator for &'a mut PVecDeque<T, H> {
    type Item = &'a mut T;
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

/// # Panics
/// If there is no such element.
impl<T, H: HeapType> Index<usize> for PVecDeque<T, H> {
    type Output = T;

    fn index(&self, index: usize) -> &T {
        self.get(index).expect("no element has this index")
    }
}

/// # Panics
/// If there is no such element.
impl<T, H: HeapType> IndexMut<usize> for PVecDeque<T, H> {
    fn index_mut(&mut self, index: usize) -> &mut T {
        self.get_mut(index).expect("no element has this index")
    }
}

impl<T, H: HeapType> Extend<T> for PVecDeque<T, H> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        elements.into_iter().for_each(|element| self.push_back(element));
    }
}

impl<'a, T: Copy + 'a, H: HeapType> Extend<&'a T> for PVecDeque<T, H> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, elements: I) {
        self.extend(elements.into_iter().copied());
    }
}

impl<T: CloneIn<H>, H: HeapType> CloneIn<H> for PVecDeque<T, H> {
    fn clone_in(&self, heap: H) -> Self {
        let mut copy = Self::with_capacity_in(self.len(), heap);
        self.iter().for_each(|element| copy.put_back(element.clone_in(heap)));
        copy
    }
}

impl<T: PartialEq, H: HeapType> PartialEq for PVecDeque<T, H> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

impl<T: Eq, H: HeapType> Eq for PVecDeque<T, H> {}

impl<T: PartialOrd, H: HeapType> PartialOrd for PVecDeque<T, H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.iter().partial_cmp(other)
    }
}

impl<T: Ord, H: HeapType> Ord for PVecDeque<T, H> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other)
    }
}

impl<T: Hash, H: HeapType> Hash for PVecDeque<T, H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.len().hash(state);
        self.iter().for_each(|element| element.hash(state));
    }
}

impl<T: fmt::Debug, H: HeapType> fmt::Debug for PVecDeque<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

// SAFETY: a queue names its block by its offset, and owns nothing else; the buffer's inspection asks for the block, and each
// element that is in use is looked into.
unsafe impl<T: Persist, H: HeapType> Persist for PVecDeque<T, H> {
    type In<'h> = PVecDeque<T::In<'h>, H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("PVecDeque<{}>", layouts.name_of::<T>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("ring 1: block, capacity, first, length");
        parts.owns::<T>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let deque = unsafe { &*at };
        let first = deque.buffer.inspect::<T>(deque.len, inspector)?;
        if count(deque.head) >= deque.capacity().max(1) {
            let what = format!("a first element at {} of {}", deque.head, deque.capacity());
            return Err(inspector.fault(at, what));
        }
        for row in deque.rows(0..deque.len()) {
            if size_of::<T>() > 0 && !row.is_empty() {
                let start = first.as_ptr().wrapping_add(row.start).cast_const();
                // SAFETY: the elements lie in the block that was asked for.
                unsafe { inspector.look_into(start, row.len()) };
            }
        }
        Ok(())
    }
}

const _: () = assert!(mem::size_of::<RawBuffer>() == 16);
