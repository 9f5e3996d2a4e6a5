//! Entries by their order: the ends of a map, the next to a bound, and ranges.

use core::borrow::Borrow;
use core::ops::{Bound, RangeBounds};

use super::epochs::Pin;
use super::node::Raw;
use super::{Entry, Iter, PSkipMap, Range};
use crate::typed::HeapType;

impl<K: Ord, V, H: HeapType> PSkipMap<K, V, H> {
    /// The first entry.
    pub fn front(&self) -> Option<Entry<'_, K, V, H>> {
        let pin = Pin::new();
        self.first(&pin).map(|node| Entry::new(self, node, pin))
    }

    /// The last entry.
    pub fn back(&self) -> Option<Entry<'_, K, V, H>> {
        let pin = Pin::new();
        self.seek(&pin, |_| true).0.map(|node| Entry::new(self, node, pin))
    }

    /// Takes the first entry out.
    pub fn pop_front(&self, heap: H) -> Option<Entry<'_, K, V, H>> {
        loop {
            let entry = self.front()?;
            if entry.remove(heap) {
                return Some(entry);
            }
        }
    }

    /// Takes the last entry out.
    pub fn pop_back(&self, heap: H) -> Option<Entry<'_, K, V, H>> {
        loop {
            let entry = self.back()?;
            if entry.remove(heap) {
                return Some(entry);
            }
        }
    }

    /// Takes entries out, one after the other, until there is none.
    pub fn clear(&self, heap: H) {
        while self.pop_front(heap).is_some() {}
    }

    /// The first entry whose key is not before the bound.
    pub fn lower_bound<Q>(&self, bound: Bound<&Q>) -> Option<Entry<'_, K, V, H>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let pin = Pin::new();
        self.lower(bound, &pin).map(|node| Entry::new(self, node, pin))
    }

    /// The last entry whose key is not after the bound.
    pub fn upper_bound<Q>(&self, bound: Bound<&Q>) -> Option<Entry<'_, K, V, H>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let pin = Pin::new();
        self.upper(bound, &pin).map(|node| Entry::new(self, node, pin))
    }

    /// All entries, in the order of their keys. What is put in or taken out meanwhile may be among them or not.
    pub fn iter(&self) -> Iter<'_, K, V, H> {
        Iter::new(self)
    }

    /// The entries whose keys are in the range, in order; as with [`iter`](PSkipMap::iter), what changes meanwhile may be seen
    /// or not.
    ///
    /// A range that ends before it begins is empty.
    pub fn range<Q, R>(&self, range: R) -> Range<'_, Q, R, K, V, H>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        Range::new(self, range)
    }

    pub(super) fn lower<Q>(&self, bound: Bound<&Q>, pin: &Pin) -> Option<Raw>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match bound {
            Bound::Unbounded => self.first(pin),
            Bound::Included(bound) => self.seek(pin, |key| key.borrow() < bound).1,
            Bound::Excluded(bound) => self.seek(pin, |key| key.borrow() <= bound).1,
        }
    }

    pub(super) fn upper<Q>(&self, bound: Bound<&Q>, pin: &Pin) -> Option<Raw>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        match bound {
            Bound::Unbounded => self.seek(pin, |_| true).0,
            Bound::Included(bound) => self.seek(pin, |key| key.borrow() <= bound).0,
            Bound::Excluded(bound) => self.seek(pin, |key| key.borrow() < bound).0,
        }
    }
}
