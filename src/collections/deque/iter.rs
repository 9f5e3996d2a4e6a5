//! Elements of a queue, one after the other.

use core::fmt;
use core::iter::{Chain, FusedIterator};
use core::slice;

use super::PVecDeque;
use crate::typed::HeapType;

/// Elements of a queue.
pub struct Iter<'a, T>(pub(super) Chain<slice::Iter<'a, T>, slice::Iter<'a, T>>);

/// Elements of a queue, which count as changed.
pub struct IterMut<'a, T>(pub(super) Chain<slice::IterMut<'a, T>, slice::IterMut<'a, T>>);

/// The elements of a queue that is no more.
pub struct IntoIter<T, H: HeapType>(pub(super) PVecDeque<T, H>);

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
