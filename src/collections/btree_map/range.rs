//! Parts of a map: ranges, and what is moved from one map to another.

use core::borrow::Borrow;
use core::ops::{Bound, RangeBounds};

use super::PBTreeMap;
use super::iter::{Places, Range, RangeMut};
use crate::typed::HeapType;

impl<K: Ord, V, H: HeapType> PBTreeMap<K, V, H> {
    /// The entries whose keys lie in a range, in order.
    ///
    /// # Panics
    /// If the range begins behind its end, or at its end with both excluded.
    pub fn range<Q, R>(&self, range: R) -> Range<'_, K, V, H>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        Range::new(self.places(&range), self.heap)
    }

    /// The entries whose keys lie in a range, in order; each value counts as changed when it comes.
    ///
    /// # Panics
    /// As [`range`](Self::range).
    pub fn range_mut<Q, R>(&mut self, range: R) -> RangeMut<'_, K, V, H>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        RangeMut::new(self.places(&range), self)
    }

    fn places<Q>(&self, range: &impl RangeBounds<Q>) -> Places<K, V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        use Bound::{Excluded, Included, Unbounded};
        match (range.start_bound(), range.end_bound()) {
            (Excluded(start), Excluded(end)) => {
                assert!(start < end, "a range that begins at its end, or behind it")
            }
            (Included(start) | Excluded(start), Included(end) | Excluded(end)) => {
                assert!(start <= end, "a range that begins behind its end");
            }
            _ => {}
        }
        let mut places = Places::nowhere();
        match range.start_bound() {
            Included(key) => self.seek(&mut places.front, key, false),
            Excluded(key) => self.seek(&mut places.front, key, true),
            Unbounded => self.tree.end(&mut places.front, Self::SHAPE, false, self.heap),
        }
        match range.end_bound() {
            Included(key) => self.seek(&mut places.back, key, true),
            Excluded(key) => self.seek(&mut places.back, key, false),
            Unbounded => {}
        }
        places
    }

    /// Moves all entries of `other` into this map.
    ///
    /// # Panics
    /// If the heap has no memory for them. Those that were moved before are in this map then, the others in `other`, but for
    /// the one that found no place.
    pub fn append(&mut self, other: &mut Self) {
        while let Some((key, value)) = other.pop_first() {
            self.insert(key, value);
        }
    }

    /// Splits off the entries whose keys are not less than `key`.
    ///
    /// # Panics
    /// If the heap has no memory for them. Those split off before are dropped then.
    pub fn split_off<Q>(&mut self, key: &Q) -> Self
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut rest = Self::new_in(self.heap);
        while let Some(entry) = self.last_entry()
            && entry.key().borrow() >= key
        {
            let (key, value) = entry.remove_entry();
            rest.insert(key, value);
        }
        rest
    }
}
