//! Elements that leave a vector while it stays.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Range;
use core::ptr;

use super::PVec;
use crate::collections::raw::note;
use crate::typed::HeapType;

/// A vector that some elements leave, one by one: `[kept | gap | to come]`.
///
/// The vector's length is that of the kept ones meanwhile, and the others are this value's. In the end those to come move over the
/// gap; if that never happens they leak.
pub(in crate::collections) struct Compact<'a, T, H: HeapType> {
    vec: &'a mut PVec<T, H>,
    kept: usize,
    next: usize,
    /// Where those begin that are not looked at.
    end: usize,
    len: usize,
}

impl<'a, T, H: HeapType> Compact<'a, T, H> {
    pub(in crate::collections) fn new(vec: &'a mut PVec<T, H>, range: Range<usize>) -> Self {
        let len = vec.len();
        debug_assert!(range.start <= range.end && range.end <= len);
        // SAFETY: the elements beyond are this value's.
        unsafe { vec.set_len(range.start) };
        Self { vec, kept: range.start, next: range.start, end: range.end, len }
    }

    /// Those that are still to be looked at.
    pub(in crate::collections) fn left(&self) -> &[T] {
        // SAFETY: they are initialised, and borrowed with this value.
        unsafe { core::slice::from_raw_parts(self.vec.slot(self.next), self.end - self.next) }
    }

    /// The next one.
    pub(super) fn peek(&self) -> Option<&T> {
        self.left().first()
    }

    /// The next one, and the last that was kept; both count as changed.
    pub(super) fn peek_mut(&mut self) -> Option<(Option<&mut T>, &mut T)> {
        if self.next >= self.end {
            return None;
        }
        let place = |index| {
            let slot = self.vec.slot(index);
            note(self.vec.heap, slot, 1);
            // SAFETY: both are initialised, and different elements.
            unsafe { &mut *slot }
        };
        Some((self.kept.checked_sub(1).map(place), place(self.next)))
    }

    /// The next one stays, behind those that were kept.
    pub(in crate::collections) fn keep(&mut self) {
        debug_assert!(self.next < self.end);
        if self.next != self.kept {
            let slot = self.vec.slot(self.kept);
            note(self.vec.heap, slot, 1);
            // SAFETY: the place belongs to the gap.
            unsafe { ptr::copy_nonoverlapping(self.vec.slot(self.next), slot, 1) };
        }
        self.next += 1;
        self.kept += 1;
    }

    /// The next one leaves.
    pub(in crate::collections) fn take(&mut self) -> T {
        debug_assert!(self.next < self.end);
        self.next += 1;
        // SAFETY: it was initialised, and is part of the gap now.
        unsafe { self.vec.slot(self.next - 1).read() }
    }

    /// The last of those that are looked at leaves.
    fn take_back(&mut self) -> T {
        debug_assert!(self.next < self.end);
        // SAFETY: it is initialised, and the caller, which keeps none, skips it with the gap.
        let value = unsafe { self.vec.slot(self.end - 1).read() };
        self.end -= 1;
        value
    }
}

impl<T, H: HeapType> Drop for Compact<'_, T, H> {
    fn drop(&mut self) {
        let rest = self.len - self.next;
        if self.next != self.kept && rest > 0 {
            note(self.vec.heap, self.vec.slot(self.kept), rest);
            // SAFETY: the places belong to the gap and to those that move.
            unsafe { ptr::copy(self.vec.slot(self.next), self.vec.slot(self.kept), rest) };
        }
        // SAFETY: they follow each other from the first on.
        unsafe { self.vec.set_len(self.kept + rest) };
    }
}

/// What [`PVec::drain`] takes.
pub struct Drain<'a, T, H: HeapType> {
    rest: Compact<'a, T, H>,
    /// Where the range ends, whose elements may be taken from behind.
    end: usize,
}

impl<'a, T, H: HeapType> Drain<'a, T, H> {
    pub(super) fn new(vec: &'a mut PVec<T, H>, range: Range<usize>) -> Self {
        let end = range.end;
        Self { rest: Compact::new(vec, range), end }
    }

    /// The elements that are still to come.
    pub fn as_slice(&self) -> &[T] {
        self.rest.left()
    }
}

impl<T, H: HeapType> Iterator for Drain<'_, T, H> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        (!self.rest.left().is_empty()).then(|| self.rest.take())
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.rest.left().len(), Some(self.rest.left().len()))
    }
}

impl<T, H: HeapType> DoubleEndedIterator for Drain<'_, T, H> {
    fn next_back(&mut self) -> Option<T> {
        (!self.rest.left().is_empty()).then(|| self.rest.take_back())
    }
}

impl<T, H: HeapType> ExactSizeIterator for Drain<'_, T, H> {}
impl<T, H: HeapType> FusedIterator for Drain<'_, T, H> {}

impl<T, H: HeapType> Drop for Drain<'_, T, H> {
    fn drop(&mut self) {
        let left = self.rest.left().len();
        let elements = ptr::slice_from_raw_parts_mut(self.rest.vec.slot(self.rest.next), left);
        // All of the range is gap from here on; what lies behind it moves when `rest` goes, whatever `Drop` does.
        self.rest.next = self.end;
        self.rest.end = self.end;
        // SAFETY: they are initialised, and belong to nobody any more.
        unsafe { elements.drop_in_place() };
    }
}

impl<T: fmt::Debug, H: HeapType> fmt::Debug for Drain<'_, T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.as_slice()).finish()
    }
}

/// What [`PVec::extract_if`] takes.
pub struct ExtractIf<'a, T, H: HeapType, F> {
    rest: Compact<'a, T, H>,
    take: F,
}

impl<'a, T, H: HeapType, F> ExtractIf<'a, T, H, F> {
    pub(super) fn new(rest: Compact<'a, T, H>, take: F) -> Self {
        Self { rest, take }
    }
}

impl<T, H: HeapType, F: FnMut(&mut T) -> bool> Iterator for ExtractIf<'_, T, H, F> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while !self.rest.left().is_empty() {
            let slot = self.rest.vec.slot(self.rest.next);
            note(self.rest.vec.heap, slot, 1);
            // SAFETY: those to come are initialised, and nobody else refers to them.
            if (self.take)(unsafe { &mut *slot }) {
                return Some(self.rest.take());
            }
            self.rest.keep();
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.rest.left().len()))
    }
}

impl<T, H: HeapType, F: FnMut(&mut T) -> bool> FusedIterator for ExtractIf<'_, T, H, F> {}

impl<T, H: HeapType, F> fmt::Debug for ExtractIf<'_, T, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractIf").field("left", &self.rest.left().len()).finish_non_exhaustive()
    }
}
