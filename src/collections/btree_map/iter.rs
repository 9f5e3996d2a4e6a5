//! Walks over a tree, from both ends.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;

use super::{PBTreeMap, key_at, value_at};
use crate::collections::raw::{Node, Path, Shape, note};
use crate::typed::HeapType;

/// Two places of a tree, and what lies between them. Where `back` leads nowhere it is the tree's end: most who ask for what comes
/// from some key on never look at it.
pub(super) struct Places<K, V> {
    pub(super) front: Path,
    pub(super) back: Path,
    entries: PhantomData<(K, V)>,
}

impl<K, V> Places<K, V> {
    const SHAPE: &'static Shape = &Shape::of::<K, V>();

    /// Those of a tree without entries.
    #[inline]
    pub(super) fn nowhere() -> Self {
        Self { front: Path::NOWHERE, back: Path::NOWHERE, entries: PhantomData }
    }

    fn all<H: HeapType>(map: &PBTreeMap<K, V, H>) -> Self {
        let mut places = Self::nowhere();
        map.tree.end(&mut places.front, Self::SHAPE, false, map.heap);
        map.tree.end(&mut places.back, Self::SHAPE, true, map.heap);
        places
    }

    #[inline]
    fn next<H: HeapType>(&mut self, heap: H) -> Option<(Node, usize)> {
        if self.front.is_at(&self.back) { None } else { self.front.next(Self::SHAPE, heap) }
    }

    #[inline]
    fn next_back<H: HeapType>(&mut self, heap: H) -> Option<(Node, usize)> {
        if self.back.is_nowhere() {
            self.back.make_end(&self.front, Self::SHAPE, heap);
        }
        if self.front.is_at(&self.back) { None } else { self.back.previous(Self::SHAPE, heap) }
    }
}

/// Entries of a range, in order.
pub struct Range<'a, K, V, H> {
    places: Places<K, V>,
    heap: H,
    map: PhantomData<&'a (K, V)>,
}

/// Entries of a range, in order, whose values count as changed when they come.
pub struct RangeMut<'a, K, V, H: HeapType> {
    places: Places<K, V>,
    map: &'a mut PBTreeMap<K, V, H>,
}

/// All entries of a map, in order.
pub struct Iter<'a, K, V, H> {
    range: Range<'a, K, V, H>,
    left: usize,
}

/// All entries of a map, in order, whose values count as changed when they come.
pub struct IterMut<'a, K, V, H: HeapType> {
    range: RangeMut<'a, K, V, H>,
    left: usize,
}

/// The entries of a map that is no more, in order. The memory goes back with the iterator.
pub struct IntoIter<K, V, H: HeapType> {
    places: Places<K, V>,
    map: ManuallyDrop<PBTreeMap<K, V, H>>,
    left: usize,
}

impl<'a, K, V, H: HeapType> Range<'a, K, V, H> {
    pub(super) fn new(places: Places<K, V>, heap: H) -> Self {
        Self { places, heap, map: PhantomData }
    }

    #[inline]
    fn entry(spot: (Node, usize)) -> (&'a K, &'a V) {
        // SAFETY: entries are initialised, and the map is borrowed.
        (key_at::<K, V>(spot), unsafe { &*value_at::<K, V>(spot) })
    }
}

impl<'a, K, V, H: HeapType> RangeMut<'a, K, V, H> {
    pub(super) fn new(places: Places<K, V>, map: &'a mut PBTreeMap<K, V, H>) -> Self {
        Self { places, map }
    }

    #[inline]
    fn entry(&self, spot: (Node, usize)) -> (&'a K, &'a mut V) {
        let value = value_at::<K, V>(spot);
        note(self.map.heap, value, 1);
        // SAFETY: entries are initialised, the map is borrowed alone, and each entry comes once.
        (key_at::<K, V>(spot), unsafe { &mut *value })
    }
}

impl<'a, K, V, H: HeapType> Iter<'a, K, V, H> {
    pub(super) fn new(map: &'a PBTreeMap<K, V, H>) -> Self {
        Self { range: Range::new(Places::all(map), map.heap), left: map.len() }
    }
}

impl<'a, K, V, H: HeapType> IterMut<'a, K, V, H> {
    pub(super) fn new(map: &'a mut PBTreeMap<K, V, H>) -> Self {
        let left = map.len();
        Self { range: RangeMut::new(Places::all(map), map), left }
    }
}

impl<K, V, H: HeapType> IntoIterator for PBTreeMap<K, V, H> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, H>;

    fn into_iter(self) -> IntoIter<K, V, H> {
        let (places, left) = (Places::all(&self), self.len());
        IntoIter { places, map: ManuallyDrop::new(self), left }
    }
}

impl<K, V, H: HeapType> IntoIter<K, V, H> {
    /// Reads an entry that the walk has passed.
    fn entry(spot: (Node, usize)) -> (K, V) {
        // SAFETY: entries are initialised, and each comes once.
        let key = unsafe { core::ptr::read(key_at::<K, V>(spot)) };
        // SAFETY: as above.
        (key, unsafe { value_at::<K, V>(spot).read() })
    }
}

impl<'a, K, V, H: HeapType> Iterator for Range<'a, K, V, H> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.places.next(self.heap).map(Self::entry)
    }
}

impl<K, V, H: HeapType> DoubleEndedIterator for Range<'_, K, V, H> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.places.next_back(self.heap).map(Self::entry)
    }
}

impl<'a, K, V, H: HeapType> Iterator for RangeMut<'a, K, V, H> {
    type Item = (&'a K, &'a mut V);

    fn next(&mut self) -> Option<Self::Item> {
        self.places.next(self.map.heap).map(|spot| self.entry(spot))
    }
}

impl<K, V, H: HeapType> DoubleEndedIterator for RangeMut<'_, K, V, H> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.places.next_back(self.map.heap).map(|spot| self.entry(spot))
    }
}

macro_rules! counted {
    ($([$($generics:tt)*] $name:ty: $item:ty, |$self:ident| $next:expr, $back:expr;)*) => {$(
        impl<$($generics)*> Iterator for $name {
            type Item = $item;

            #[inline]
            fn next(&mut $self) -> Option<$item> {
                let entry = $next?;
                $self.left = $self.left.saturating_sub(1);
                Some(entry)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.left, Some(self.left))
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $name {
            #[inline]
            fn next_back(&mut $self) -> Option<$item> {
                let entry = $back?;
                $self.left = $self.left.saturating_sub(1);
                Some(entry)
            }
        }

        impl<$($generics)*> ExactSizeIterator for $name {}
        impl<$($generics)*> FusedIterator for $name {}

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Entries").field("left", &self.left).finish_non_exhaustive()
            }
        }
    )*};
}

counted! {
    ['a, K, V, H: HeapType] Iter<'a, K, V, H>: (&'a K, &'a V), |self| self.range.next(), self.range.next_back();
    ['a, K, V, H: HeapType] IterMut<'a, K, V, H>: (&'a K, &'a mut V), |self| self.range.next(), self.range.next_back();
    [K, V, H: HeapType] IntoIter<K, V, H>: (K, V), |self|
        self.places.next(self.map.heap).map(Self::entry), self.places.next_back(self.map.heap).map(Self::entry);
}

impl<K, V, H: HeapType> Drop for IntoIter<K, V, H> {
    fn drop(&mut self) {
        /// Gives the nodes back, whatever the entries' `Drop` does.
        struct Release<'a, K, V, H: HeapType>(&'a mut IntoIter<K, V, H>);
        /// Goes on when a `Drop` panics.
        struct Rest<'a, K, V, H: HeapType>(&'a mut IntoIter<K, V, H>);

        impl<K, V, H: HeapType> Drop for Release<'_, K, V, H> {
            fn drop(&mut self) {
                let map = &self.0.map;
                // SAFETY: this was the tree's only owner, and its entries were read or dropped.
                unsafe { map.tree.release(PBTreeMap::<K, V, H>::SHAPE, map.heap) };
            }
        }

        impl<K, V, H: HeapType> Drop for Rest<'_, K, V, H> {
            fn drop(&mut self) {
                self.0.by_ref().for_each(drop);
            }
        }

        let release = Release(self);
        if core::mem::needs_drop::<(K, V)>() {
            let rest = Rest(&mut *release.0);
            rest.0.by_ref().for_each(drop);
        }
    }
}

/// What [`PBTreeMap::extract_if`] takes.
pub struct ExtractIf<'a, K, V, H: HeapType, F> {
    path: Path,
    map: &'a mut PBTreeMap<K, V, H>,
    take: F,
}

impl<'a, K, V, H: HeapType, F> ExtractIf<'a, K, V, H, F> {
    pub(super) fn new(map: &'a mut PBTreeMap<K, V, H>, take: F) -> Self {
        Self { path: Places::all(map).front, map, take }
    }
}

impl<K, V, H: HeapType, F: FnMut(&K, &mut V) -> bool> Iterator for ExtractIf<'_, K, V, H, F> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            let mut before = self.path.clone();
            let spot = self.path.next(PBTreeMap::<K, V, H>::SHAPE, self.map.heap)?;
            let value = self.map.value_mut(spot);
            if (self.take)(key_at::<K, V>(spot), value) {
                let level = before.level_of_next();
                let entry = self.map.take(&mut before, level);
                self.path = before;
                return Some(entry);
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.map.len()))
    }
}

impl<K, V, H: HeapType, F: FnMut(&K, &mut V) -> bool> FusedIterator for ExtractIf<'_, K, V, H, F> {}

impl<K, V, H: HeapType, F> fmt::Debug for ExtractIf<'_, K, V, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractIf").finish_non_exhaustive()
    }
}

impl<K, V> Clone for Places<K, V> {
    fn clone(&self) -> Self {
        Self { front: self.front.clone(), back: self.back.clone(), entries: PhantomData }
    }
}

impl<K, V, H: HeapType> Clone for Range<'_, K, V, H> {
    fn clone(&self) -> Self {
        Self::new(self.places.clone(), self.heap)
    }
}

impl<K, V, H: HeapType> Clone for Iter<'_, K, V, H> {
    fn clone(&self) -> Self {
        Self { range: self.range.clone(), left: self.left }
    }
}

impl<K, V, H: HeapType> FusedIterator for Range<'_, K, V, H> {}
impl<K, V, H: HeapType> FusedIterator for RangeMut<'_, K, V, H> {}

impl<K: fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for Range<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<K, V, H: HeapType> fmt::Debug for RangeMut<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeMut").finish_non_exhaustive()
    }
}

macro_rules! parts {
    ($($(#[$doc:meta])* [$($generics:tt)*] $name:ident<$($arg:tt),*>($whole:ty): $part:ty, |$key:ident, $value:ident| $pick:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name<$($generics)*>($whole);

        impl<$($generics)*> $name<$($arg),*> {
            pub(super) fn new(whole: $whole) -> Self {
                Self(whole)
            }
        }

        impl<$($generics)*> Iterator for $name<$($arg),*> {
            type Item = $part;

            #[inline]
            fn next(&mut self) -> Option<$part> {
                self.0.next().map(|($key, $value)| $pick)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<$($generics)*> DoubleEndedIterator for $name<$($arg),*> {
            fn next_back(&mut self) -> Option<$part> {
                self.0.next_back().map(|($key, $value)| $pick)
            }
        }

        impl<$($generics)*> ExactSizeIterator for $name<$($arg),*> {}
        impl<$($generics)*> FusedIterator for $name<$($arg),*> {}

        impl<$($generics)*> fmt::Debug for $name<$($arg),*> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("left", &self.len()).finish_non_exhaustive()
            }
        }
    )*};
}

parts! {
    /// All keys of a map, in order.
    ['a, K, V, H: HeapType] Keys<'a, K, V, H>(Iter<'a, K, V, H>): &'a K, |key, _value| key;
    /// All values of a map, in the order of their keys.
    ['a, K, V, H: HeapType] Values<'a, K, V, H>(Iter<'a, K, V, H>): &'a V, |_key, value| value;
    /// All values of a map, in the order of their keys, which count as changed when they come.
    ['a, K, V, H: HeapType] ValuesMut<'a, K, V, H>(IterMut<'a, K, V, H>): &'a mut V, |_key, value| value;
    /// The keys of a map that is no more, in order.
    [K, V, H: HeapType] IntoKeys<K, V, H>(IntoIter<K, V, H>): K, |key, _value| key;
    /// The values of a map that is no more, in the order of their keys.
    [K, V, H: HeapType] IntoValues<K, V, H>(IntoIter<K, V, H>): V, |_key, value| value;
}

impl<K, V, H: HeapType> Clone for Keys<'_, K, V, H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
