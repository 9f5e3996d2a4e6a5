//! The standard traits of a map.

use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;
use core::ops::Index;

use super::{Iter, IterMut, PHashMap};
use crate::collections::CloneIn;
use crate::typed::HeapType;

impl<K: Hash + Eq + CloneIn<H>, V: CloneIn<H>, H: HeapType> CloneIn<H> for PHashMap<K, V, H> {
    fn clone_in(&self, heap: H) -> Self {
        let mut copy = Self::with_capacity_in(self.len(), heap);
        for (key, value) in self {
            copy.insert(key.clone_in(heap), value.clone_in(heap));
        }
        copy
    }
}

impl<K: Hash + Eq, V, H: HeapType> Extend<(K, V)> for PHashMap<K, V, H> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl<'a, K: Hash + Eq + Copy, V: Copy, H: HeapType> Extend<(&'a K, &'a V)> for PHashMap<K, V, H> {
    fn extend<I: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: I) {
        self.extend(entries.into_iter().map(|(key, value)| (*key, *value)));
    }
}

impl<'a, K, V, H: HeapType> IntoIterator for &'a PHashMap<K, V, H> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

impl<'a, K, V, H: HeapType> IntoIterator for &'a mut PHashMap<K, V, H> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V, H>;

    fn into_iter(self) -> IterMut<'a, K, V, H> {
        self.iter_mut()
    }
}

/// # Panics
/// If there is no such key.
impl<K, Q, V, H: HeapType> Index<&Q> for PHashMap<K, V, H>
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
{
    type Output = V;

    fn index(&self, key: &Q) -> &V {
        self.get(key).expect("no entry has this key")
    }
}

impl<K: Hash + Eq, V: PartialEq, H: HeapType> PartialEq for PHashMap<K, V, H> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.iter().all(|(key, value)| other.get(key).is_some_and(|it| it == value))
    }
}

impl<K: Hash + Eq, V: Eq, H: HeapType> Eq for PHashMap<K, V, H> {}

impl<K: fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for PHashMap<K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}
