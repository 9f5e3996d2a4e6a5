//! The standard traits of a map.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::Index;

use super::{Iter, IterMut, PBTreeMap};
use crate::collections::CloneIn;
use crate::typed::HeapType;

impl<K: Ord + CloneIn<H>, V: CloneIn<H>, H: HeapType> CloneIn<H> for PBTreeMap<K, V, H> {
    fn clone_in(&self, heap: H) -> Self {
        let entries = self.iter().map(|(key, value)| (key.clone_in(heap), value.clone_in(heap)));
        Self::from_iter_in(entries, heap)
    }
}

impl<K: Ord, V, H: HeapType> Extend<(K, V)> for PBTreeMap<K, V, H> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<'a, K: Ord + Copy, V: Copy, H: HeapType> Extend<(&'a K, &'a V)> for PBTreeMap<K, V, H> {
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        self.extend(entries.into_iter().map(|(key, value)| (*key, *value)));
    }
}

impl<'a, K, V, H: HeapType> IntoIterator for &'a PBTreeMap<K, V, H> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V, H>;

    fn into_iter(self) -> Iter<'a, K, V, H> {
        self.iter()
    }
}

impl<'a, K, V, H: HeapType> IntoIterator for &'a mut PBTreeMap<K, V, H> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V, H>;

    fn into_iter(self) -> IterMut<'a, K, V, H> {
        self.iter_mut()
    }
}

/// # Panics
/// If there is no such key.
impl<K, Q, V, H: HeapType> Index<&Q> for PBTreeMap<K, V, H>
where
    K: Ord + Borrow<Q>,
    Q: Ord + ?Sized,
{
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry has this key")
    }
}

impl<K: PartialEq, V: PartialEq, H: HeapType> PartialEq for PBTreeMap<K, V, H> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other)
    }
}

impl<K: Eq, V: Eq, H: HeapType> Eq for PBTreeMap<K, V, H> {}

impl<K: PartialOrd, V: PartialOrd, H: HeapType> PartialOrd for PBTreeMap<K, V, H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.iter().partial_cmp(other)
    }
}

impl<K: Ord, V: Ord, H: HeapType> Ord for PBTreeMap<K, V, H> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.iter().cmp(other)
    }
}

impl<K: Hash, V: Hash, H: HeapType> Hash for PBTreeMap<K, V, H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.len().hash(state);
        self.iter().for_each(|entry| entry.hash(state));
    }
}

impl<K: fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for PBTreeMap<K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}
