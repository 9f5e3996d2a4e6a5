//! The standard traits of a queue.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{Index, IndexMut};

use super::PVecDeque;
use crate::collections::CloneIn;
use crate::typed::HeapType;

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
