//! Changes in the midst of a vector.

use core::ops::{Range, RangeBounds};
use core::ptr;

use super::drain::Compact;
use super::{Drain, ExtractIf, PVec};
use crate::collections::NoRoom;
use crate::collections::clone::CloneIn;
use crate::collections::no_room::granted;
use crate::collections::raw::{note, range};
use crate::typed::HeapType;

impl<T, H: HeapType> PVec<T, H> {
    /// Moves `len` elements within the block.
    ///
    /// # Safety
    /// The elements are initialised, the places lie within the capacity, and what is there belongs to nobody.
    unsafe fn shift(&mut self, from: usize, to: usize, len: usize) {
        note(self.heap, self.slot(to), len);
        // SAFETY: the caller's promise.
        unsafe { ptr::copy(self.slot(from), self.slot(to), len) };
    }

    /// Inserts an element before `index`.
    ///
    /// # Panics
    /// If `index` is beyond the end, or the heap has no memory for it.
    #[track_caller]
    pub fn insert(&mut self, index: usize, value: T) {
        assert!(index <= self.len(), "insertion at {index} of {}", self.len());
        if self.len() == self.capacity() {
            granted(self.grow());
        }
        self.insert_one(index, value);
    }

    /// Inserts an element before `index`.
    ///
    /// # Errors
    /// [`NoRoom`], with the element, if the heap has no memory for it.
    ///
    /// # Panics
    /// If `index` is beyond the end.
    #[track_caller]
    pub fn try_insert(&mut self, index: usize, value: T) -> Result<(), NoRoom<T>> {
        assert!(index <= self.len(), "insertion at {index} of {}", self.len());
        if self.len() == self.capacity() && self.grow().is_err() {
            return Err(NoRoom(value));
        }
        self.insert_one(index, value);
        Ok(())
    }

    fn insert_one(&mut self, index: usize, value: T) {
        let len = self.len();
        // SAFETY: both callers made room for one more, and the place that becomes free is written next.
        unsafe { self.shift(index, index + 1, len - index) };
        let slot = self.slot(index);
        note(self.heap, slot, 1);
        // SAFETY: within the capacity, and its element has moved on.
        unsafe { slot.write(value) };
        // SAFETY: there is one more.
        unsafe { self.set_len(len + 1) };
    }

    /// Takes the element at `index`; those behind it move up.
    ///
    /// # Panics
    /// If it is not there.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> T {
        let len = self.len();
        assert!(index < len, "removal of {index} of {len}");
        // SAFETY: it is initialised, and those behind it move over it.
        let value = unsafe { self.slot(index).read() };
        // SAFETY: the element at `index` was taken.
        unsafe { self.shift(index + 1, index, len - index - 1) };
        // SAFETY: there is one less.
        unsafe { self.set_len(len - 1) };
        value
    }

    /// Takes the element at `index`, and the last one takes its place.
    ///
    /// # Panics
    /// If it is not there.
    #[track_caller]
    pub fn swap_remove(&mut self, index: usize) -> T {
        let len = self.len();
        assert!(index < len, "removal of {index} of {len}");
        // SAFETY: it is initialised, and overwritten or beyond the length next.
        let value = unsafe { self.slot(index).read() };
        if index + 1 < len {
            // SAFETY: the element at `index` was taken.
            unsafe { self.shift(len - 1, index, 1) };
        }
        // SAFETY: there is one less.
        unsafe { self.set_len(len - 1) };
        value
    }

    /// Moves all elements of `other` to the end of this one.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn append(&mut self, other: &mut Self) {
        let (len, more) = (self.len(), other.len());
        self.reserve(more);
        note(self.heap, self.slot(len), more);
        // SAFETY: there is room for `more`, in another block than the other vector's.
        unsafe { ptr::copy_nonoverlapping(other.slot(0), self.slot(len), more) };
        // SAFETY: they are this vector's from here on.
        unsafe { other.set_len(0) };
        // SAFETY: they were just written.
        unsafe { self.set_len(len + more) };
    }

    /// Splits off the elements from `at` on.
    ///
    /// # Panics
    /// If `at` is beyond the end, or the heap has no memory for them.
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Self {
        let len = self.len();
        assert!(at <= len, "split at {at} of {len}");
        let mut rest = Self::new_in(self.heap);
        rest.reserve_exact(len - at);
        note(rest.heap, rest.slot(0), len - at);
        // SAFETY: there is room for them, in another block.
        unsafe { ptr::copy_nonoverlapping(self.slot(at), rest.slot(0), len - at) };
        // SAFETY: they belong to the other vector from here on.
        unsafe { self.set_len(at) };
        // SAFETY: they were just written.
        unsafe { rest.set_len(len - at) };
        rest
    }

    /// Keeps the elements that fit the condition, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        let len = self.len();
        let mut rest = Compact::new(self, 0..len);
        while let Some(value) = rest.peek() {
            if keep(value) { rest.keep() } else { drop(rest.take()) }
        }
    }

    /// Keeps the elements that fit the condition, which may change them. All of them count as changed.
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        self.extract_if(.., |value| !keep(value)).for_each(drop);
    }

    /// Takes the elements of a range that fit the condition, one by one. All that the condition looks at count as changed.
    /// Those that were not looked at when the iterator goes remain; if it is forgotten, they leak.
    ///
    /// # Panics
    /// If the range reaches beyond the end.
    pub fn extract_if<F, R>(&mut self, range_of: R, take: F) -> ExtractIf<'_, T, H, F>
    where
        F: FnMut(&mut T) -> bool,
        R: RangeBounds<usize>,
    {
        let range = range(&range_of, self.len());
        ExtractIf::new(Compact::new(self, range), take)
    }

    /// Takes the elements of a range. Those behind it move up when the iterator goes; if it is forgotten, they leak.
    ///
    /// # Panics
    /// If the range reaches beyond the end.
    pub fn drain<R: RangeBounds<usize>>(&mut self, range_of: R) -> Drain<'_, T, H> {
        let range = range(&range_of, self.len());
        Drain::new(self, range)
    }

    /// Drops all but the first of each row of equal elements.
    pub fn dedup(&mut self)
    where
        T: PartialEq,
    {
        self.dedup_by(|a, b| a == b);
    }

    /// Drops all but the first of each row of elements with equal keys.
    pub fn dedup_by_key<K: PartialEq>(&mut self, mut key: impl FnMut(&mut T) -> K) {
        self.dedup_by(|a, b| key(a) == key(b));
    }

    /// Drops all but the first of each row of elements that are `same` as the one kept before them. All that are
    /// compared count as changed.
    pub fn dedup_by(&mut self, mut same: impl FnMut(&mut T, &mut T) -> bool) {
        let len = self.len();
        let mut rest = Compact::new(self, 0..len);
        while let Some((before, value)) = rest.peek_mut() {
            if before.is_some_and(|before| same(value, before)) { drop(rest.take()) } else { rest.keep() }
        }
    }

    /// Appends a copy of each element.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn extend_from_slice(&mut self, elements: &[T])
    where
        T: Clone,
    {
        /// Takes over what was written, whatever the elements' `Clone` does.
        struct Written<'a, T, H: HeapType>(&'a mut PVec<T, H>, usize);

        impl<T, H: HeapType> Drop for Written<'_, T, H> {
            fn drop(&mut self) {
                // SAFETY: as many elements were written.
                unsafe { self.0.set_len(self.1) };
            }
        }

        self.reserve(elements.len());
        let first = self.slot(self.len());
        note(self.heap, first, elements.len());
        let len = self.len();
        let mut written = Written(self, len);
        for (index, element) in elements.iter().enumerate() {
            // SAFETY: there is room for as many as the slice has.
            unsafe { first.wrapping_add(index).write(element.clone()) };
            written.1 = len + index + 1;
        }
    }

    /// Appends copies of a range of its own elements.
    ///
    /// # Panics
    /// If the range reaches beyond the end, or the heap has no memory for them.
    pub fn extend_from_within<R: RangeBounds<usize>>(&mut self, range_of: R)
    where
        T: Clone,
    {
        let range = range(&range_of, self.len());
        self.reserve(range.len());
        for index in range {
            let value = self.as_slice()[index].clone();
            self.append_one(value);
        }
    }

    /// Makes it `len` elements long, with copies of `value` where some are missing.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn resize(&mut self, len: usize, value: T)
    where
        T: Clone,
    {
        self.resize_with(len, || value.clone());
    }

    /// Makes it `len` elements long, with what `make` returns where some are missing.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn resize_with(&mut self, len: usize, mut make: impl FnMut() -> T) {
        self.truncate(len);
        self.reserve(len - self.len());
        while self.len() < len {
            self.append_one(make());
        }
    }
}

impl<T: Copy, H: HeapType> PVec<T, H> {
    /// Puts `elements` in the place of a range.
    pub(in crate::collections) fn replace(&mut self, range: Range<usize>, elements: &[T]) {
        let len = self.len();
        debug_assert!(range.start <= range.end && range.end <= len);
        self.reserve(elements.len().saturating_sub(range.len()));
        if range.len() != elements.len() {
            // SAFETY: the elements behind the range move to where those that come in end, for which there is room.
            unsafe { self.shift(range.end, range.start + elements.len(), len - range.end) };
        }
        let to = self.slot(range.start);
        note(self.heap, to, elements.len());
        // SAFETY: the place was just made, and a slice of another owner does not overlap it.
        unsafe { ptr::copy_nonoverlapping(elements.as_ptr(), to, elements.len()) };
        // SAFETY: all of them are written.
        unsafe { self.set_len(len - range.len() + elements.len()) };
    }
}

impl<T: CloneIn<H>, H: HeapType> CloneIn<H> for PVec<T, H> {
    fn clone_in(&self, heap: H) -> Self {
        let mut copy = Self::with_capacity_in(self.len(), heap);
        for element in self {
            copy.append_one(element.clone_in(heap));
        }
        copy
    }
}
