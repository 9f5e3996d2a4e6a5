//! A vector that is taken apart.

use core::alloc::Layout;
use core::fmt;
use core::iter::FusedIterator;
use core::mem::ManuallyDrop;
use core::ptr;
use core::slice;

use super::PVec;
use crate::typed::HeapType;

/// The elements of a vector that is no more.
pub struct IntoIter<T, H: HeapType> {
    /// Its block, while its elements are named by the two numbers.
    vec: ManuallyDrop<PVec<T, H>>,
    next: usize,
    end: usize,
}

impl<T, H: HeapType> IntoIter<T, H> {
    /// The elements that are still to come.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: those between the two numbers are initialised, and borrowed with this value.
        unsafe { slice::from_raw_parts(self.vec.slot(self.next), self.end - self.next) }
    }
}

impl<T, H: HeapType> IntoIterator for PVec<T, H> {
    type Item = T;
    type IntoIter = IntoIter<T, H>;

    #[inline]
    fn into_iter(self) -> IntoIter<T, H> {
        let end = self.len();
        IntoIter { vec: ManuallyDrop::new(self), next: 0, end }
    }
}

impl<T, H: HeapType> Iterator for IntoIter<T, H> {
    type Item = T;

    #[inline]
    fn next(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        // SAFETY: it was initialised, and is not named any more.
        Some(unsafe { self.vec.slot(self.next - 1).read() })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl<T, H: HeapType> DoubleEndedIterator for IntoIter<T, H> {
    #[inline]
    fn next_back(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        self.end -= 1;
        // SAFETY: it was initialised, and is not named any more.
        Some(unsafe { self.vec.slot(self.end).read() })
    }
}

impl<T, H: HeapType> ExactSizeIterator for IntoIter<T, H> {}
impl<T, H: HeapType> FusedIterator for IntoIter<T, H> {}

impl<T, H: HeapType> Drop for IntoIter<T, H> {
    fn drop(&mut self) {
        /// Gives the block back, whatever the elements' `Drop` does.
        struct Release<'a, T, H: HeapType>(&'a PVec<T, H>);

        impl<T, H: HeapType> Drop for Release<'_, T, H> {
            fn drop(&mut self) {
                // SAFETY: the buffer was made for `T`, and this is its only owner.
                unsafe { self.0.buffer.release(Layout::new::<T>(), self.0.heap) };
            }
        }

        let left = ptr::slice_from_raw_parts_mut(self.vec.slot(self.next), self.end - self.next);
        let _release = Release(&self.vec);
        // SAFETY: they are initialised, and nobody sees them any more.
        unsafe { left.drop_in_place() };
    }
}

impl<T: fmt::Debug, H: HeapType> fmt::Debug for IntoIter<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IntoIter").field(&self.as_slice()).finish()
    }
}
