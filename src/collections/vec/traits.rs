//! The standard traits of a vector.

use core::borrow::{Borrow, BorrowMut};
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Deref, DerefMut, Index, IndexMut};
use core::slice::{self, SliceIndex};

use super::PVec;
use crate::typed::HeapType;

impl<T, H: HeapType> Deref for PVec<T, H> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

/// All elements count as changed.
impl<T, H: HeapType> DerefMut for PVec<T, H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

impl<T, I: SliceIndex<[T]>, H: HeapType> Index<I> for PVec<T, H> {
    type Output = I::Output;

    #[inline]
    fn index(&self, index: I) -> &I::Output {
        &self.as_slice()[index]
    }
}

/// What is indexed counts as changed, and nothing else.
impl<T, I: SliceIndex<[T]>, H: HeapType> IndexMut<I> for PVec<T, H> {
    #[inline]
    fn index_mut(&mut self, index: I) -> &mut I::Output {
        // SAFETY: the elements are initialised, and borrowed alone.
        let elements = unsafe { slice::from_raw_parts_mut(self.slot(0), self.len()) };
        let heap = self.heap;
        let found = &mut elements[index];
        let bytes = size_of_val(found);
        heap.note((&raw const *found).cast(), bytes);
        found
    }
}

impl<T, H: HeapType> AsRef<[T]> for PVec<T, H> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T, H: HeapType> AsMut<[T]> for PVec<T, H> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T, H: HeapType> Borrow<[T]> for PVec<T, H> {
    fn borrow(&self) -> &[T] {
        self
    }
}

impl<T, H: HeapType> BorrowMut<[T]> for PVec<T, H> {
    fn borrow_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T, H: HeapType> Extend<T> for PVec<T, H> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        let mut elements = elements.into_iter();
        while let Some(element) = elements.next() {
            if self.len() == self.capacity() {
                self.reserve(elements.size_hint().0.saturating_add(1));
            }
            self.append_one(element);
        }
    }
}

impl<'a, T: Copy + 'a, H: HeapType> Extend<&'a T> for PVec<T, H> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, elements: I) {
        self.extend(elements.into_iter().copied());
    }
}

impl<'a, T, H: HeapType> IntoIterator for &'a PVec<T, H> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T, H: HeapType> IntoIterator for &'a mut PVec<T, H> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    #[inline]
    fn into_iter(self) -> slice::IterMut<'a, T> {
        self.iter_mut()
    }
}

impl<T: fmt::Debug, H: HeapType> fmt::Debug for PVec<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

macro_rules! equal_to {
    ($([$($generics:tt)*] $other:ty),* $(,)?) => {$(
        impl<T: PartialEq<U>, U, H: HeapType, $($generics)*> PartialEq<$other> for PVec<T, H> {
            fn eq(&self, other: &$other) -> bool {
                self.as_slice() == &other[..]
            }
        }
    )*};
}

equal_to!([G: HeapType] PVec<U, G>, [] [U], [] &[U], [] &mut [U], [const N: usize] [U; N], [const N: usize] &[U; N], [] Vec<U>);

impl<T: Eq, H: HeapType> Eq for PVec<T, H> {}

impl<T: PartialOrd, H: HeapType> PartialOrd for PVec<T, H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.as_slice().partial_cmp(other.as_slice())
    }
}

impl<T: Ord, H: HeapType> Ord for PVec<T, H> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_slice().cmp(other.as_slice())
    }
}

impl<T: Hash, H: HeapType> Hash for PVec<T, H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.as_slice().hash(state);
    }
}

impl<H: HeapType> std::io::Write for PVec<u8, H> {
    /// Fails only where the heap has no memory, with nothing written.
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.try_reserve(bytes.len()).map_err(|_| std::io::Error::from(std::io::ErrorKind::OutOfMemory))?;
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
