//! Changes of many elements, or in the midst of them.

use core::ops::{Range, RangeBounds};
use core::ptr;

use super::{IntoIter, PVecDeque};
use crate::collections::raw::{count, note, range};
use crate::typed::HeapType;

impl<T, H: HeapType> PVecDeque<T, H> {
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

    /// Drops elements where they are, the second row whatever the first one's `Drop` does.
    ///
    /// # Safety
    /// They are initialised, and nobody sees them any more.
    pub(super) unsafe fn drop_rows([one, other]: [*mut [T]; 2]) {
        struct Row<T>(*mut [T]);

        impl<T> Drop for Row<T> {
            fn drop(&mut self) {
                // SAFETY: the promise made to `drop_rows`.
                unsafe { self.0.drop_in_place() };
            }
        }

        let _other = Row(other);
        // SAFETY: the caller's promise.
        unsafe { one.drop_in_place() };
    }

    /// Drops the elements from `len` on.
    pub fn truncate(&mut self, len: usize) {
        let old = self.len();
        if len >= old {
            return;
        }
        let rows = self.rows(len..old).map(|places| self.row(places));
        // SAFETY: those beyond are dropped next.
        unsafe { self.set(count(self.head), len) };
        // SAFETY: they were initialised, and are not named any more.
        unsafe { Self::drop_rows(rows) };
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
