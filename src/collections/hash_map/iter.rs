//! Walks over a map.

use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};

use super::{Bucket, PHashMap};
use crate::collections::raw::{Indices, RawTable, drop_each, note};
use crate::typed::HeapType;

/// The buckets in use, by address.
#[derive(Debug)]
struct Places<K, V> {
    indices: Indices,
    /// Where the control bytes begin, before which the buckets lie.
    ctrl: *mut Bucket<K, V>,
}

impl<K, V> Places<K, V> {
    fn new<H: HeapType>(table: &RawTable, heap: H) -> Self {
        Self { indices: table.indices(heap), ctrl: table.bucket::<Bucket<K, V>, H>(0, heap).wrapping_add(1) }
    }
}

impl<K, V> Clone for Places<K, V> {
    fn clone(&self) -> Self {
        Self { indices: self.indices.clone(), ctrl: self.ctrl }
    }
}

impl<K, V> Iterator for Places<K, V> {
    type Item = *mut Bucket<K, V>;

    #[inline]
    fn next(&mut self) -> Option<*mut Bucket<K, V>> {
        self.indices.next().map(|index| self.ctrl.wrapping_sub(index + 1))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.indices.size_hint()
    }
}

/// All entries of a map.
pub struct Iter<'a, K, V> {
    places: Places<K, V>,
    map: PhantomData<&'a (K, V)>,
}

// SAFETY: it is a shared borrow of entries.
unsafe impl<K: Sync, V: Sync> Send for Iter<'_, K, V> {}
// SAFETY: as above.
unsafe impl<K: Sync, V: Sync> Sync for Iter<'_, K, V> {}

impl<'a, K, V> Iter<'a, K, V> {
    pub(super) fn new<H: HeapType>(map: &'a PHashMap<K, V, H>) -> Self {
        Self { places: Places::new(&map.table, map.heap), map: PhantomData }
    }
}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self { places: self.places.clone(), map: PhantomData }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        // SAFETY: buckets in use are initialised, and the map is borrowed.
        self.places.next().map(|place| unsafe { &*place }).map(|bucket| (&bucket.key, &bucket.value))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

/// All entries of a map, whose values count as changed when they come.
pub struct IterMut<'a, K, V, H: HeapType> {
    places: Places<K, V>,
    map: &'a mut PHashMap<K, V, H>,
}

// SAFETY: it borrows the map alone.
unsafe impl<K: Send, V: Send, H: HeapType + Send> Send for IterMut<'_, K, V, H> {}
// SAFETY: shared, it shows nothing.
unsafe impl<K: Sync, V: Sync, H: HeapType + Sync> Sync for IterMut<'_, K, V, H> {}

impl<'a, K, V, H: HeapType> IterMut<'a, K, V, H> {
    pub(super) fn new(map: &'a mut PHashMap<K, V, H>) -> Self {
        Self { places: Places::new(&map.table, map.heap), map }
    }
}

impl<'a, K, V, H: HeapType> Iterator for IterMut<'a, K, V, H> {
    type Item = (&'a K, &'a mut V);

    fn next(&mut self) -> Option<(&'a K, &'a mut V)> {
        let place = self.places.next()?;
        // SAFETY: buckets in use are initialised, the map is borrowed alone, and each bucket comes once.
        let bucket = unsafe { &mut *place };
        note(self.map.heap, &raw const bucket.value, 1);
        Some((&bucket.key, &mut bucket.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

/// The entries of a map that is no more.
pub struct IntoIter<K, V, H: HeapType> {
    places: Places<K, V>,
    map: ManuallyDrop<PHashMap<K, V, H>>,
}

// SAFETY: it owns the entries.
unsafe impl<K: Send, V: Send, H: HeapType + Send> Send for IntoIter<K, V, H> {}
// SAFETY: shared, it shows nothing.
unsafe impl<K: Sync, V: Sync, H: HeapType + Sync> Sync for IntoIter<K, V, H> {}

impl<K, V, H: HeapType> IntoIterator for PHashMap<K, V, H> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, H>;

    fn into_iter(self) -> IntoIter<K, V, H> {
        IntoIter { places: Places::new(&self.table, self.heap), map: ManuallyDrop::new(self) }
    }
}

impl<K, V, H: HeapType> Iterator for IntoIter<K, V, H> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        // SAFETY: buckets in use are initialised, and each comes once.
        self.places.next().map(|place| unsafe { place.read() }).map(|bucket| (bucket.key, bucket.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl<K, V, H: HeapType> Drop for IntoIter<K, V, H> {
    fn drop(&mut self) {
        /// Gives the block back, whatever the entries' `Drop` does.
        struct Release<'a, K, V, H: HeapType>(&'a PHashMap<K, V, H>);

        impl<K, V, H: HeapType> Drop for Release<'_, K, V, H> {
            fn drop(&mut self) {
                // SAFETY: the buckets have this layout, and this was their only owner.
                unsafe { self.0.table.release(PHashMap::<K, V, H>::BUCKET, self.0.heap) };
            }
        }

        let _release = Release(&self.map);
        // SAFETY: those left are initialised, and nobody sees them any more.
        unsafe { drop_each(&mut self.places) };
    }
}

/// What [`PHashMap::drain`] takes.
pub struct Drain<'a, K, V, H: HeapType> {
    places: Places<K, V>,
    /// The map is empty meanwhile.
    table: ManuallyDrop<RawTable>,
    map: &'a mut PHashMap<K, V, H>,
}

// SAFETY: it owns the entries, and borrows the map alone.
unsafe impl<K: Send, V: Send, H: HeapType + Send> Send for Drain<'_, K, V, H> {}
// SAFETY: shared, it shows nothing.
unsafe impl<K: Sync, V: Sync, H: HeapType + Sync> Sync for Drain<'_, K, V, H> {}

impl<'a, K, V, H: HeapType> Drain<'a, K, V, H> {
    pub(super) fn new(map: &'a mut PHashMap<K, V, H>) -> Self {
        let places = Places::new(&map.table, map.heap);
        let table = ManuallyDrop::new(map.table.take());
        Self { places, table, map }
    }
}

impl<K, V, H: HeapType> Iterator for Drain<'_, K, V, H> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        // SAFETY: buckets in use are initialised, and each comes once.
        self.places.next().map(|place| unsafe { place.read() }).map(|bucket| (bucket.key, bucket.value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.places.size_hint()
    }
}

impl<K, V, H: HeapType> Drop for Drain<'_, K, V, H> {
    fn drop(&mut self) {
        /// Gives the map its block again, whatever the entries' `Drop` does.
        struct PutBack<'a, 'b, K, V, H: HeapType>(&'a mut Drain<'b, K, V, H>);

        impl<K, V, H: HeapType> Drop for PutBack<'_, '_, K, V, H> {
            fn drop(&mut self) {
                let Drain { table, map, .. } = &mut *self.0;
                table.reset(map.heap);
                mem::swap(&mut map.table, table);
            }
        }

        let put_back = PutBack(self);
        // SAFETY: those left are initialised, and nobody sees them any more.
        unsafe { drop_each(&mut put_back.0.places) };
    }
}

/// What [`PHashMap::extract_if`] takes.
pub struct ExtractIf<'a, K, V, H: HeapType, F> {
    indices: Indices,
    map: &'a mut PHashMap<K, V, H>,
    take: F,
}

impl<'a, K, V, H: HeapType, F> ExtractIf<'a, K, V, H, F> {
    pub(super) fn new(map: &'a mut PHashMap<K, V, H>, take: F) -> Self {
        Self { indices: map.table.indices(map.heap), map, take }
    }
}

impl<K, V, H: HeapType, F: FnMut(&K, &mut V) -> bool> Iterator for ExtractIf<'_, K, V, H, F> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        for index in self.indices.by_ref() {
            let place = self.map.place(index);
            // SAFETY: buckets in use are initialised, and the map is borrowed alone.
            let bucket = unsafe { &mut *place };
            note(self.map.heap, &raw const bucket.value, 1);
            if (self.take)(&bucket.key, &mut bucket.value) {
                return Some(self.map.take(index));
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.indices.size_hint().1)
    }
}

macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident<$($life:lifetime,)? K, V $(, $heap:ident)?>: $whole:ty => $part:ty, |$key:ident, $value:ident| $pick:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name<$($life,)? K, V $(, $heap: HeapType)?>($whole);

        impl<$($life,)? K, V $(, $heap: HeapType)?> Iterator for $name<$($life,)? K, V $(, $heap)?> {
            type Item = $part;

            fn next(&mut self) -> Option<$part> {
                self.0.next().map(|($key, $value)| $pick)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<$($life,)? K, V $(, $heap: HeapType)?> ExactSizeIterator for $name<$($life,)? K, V $(, $heap)?> {}
        impl<$($life,)? K, V $(, $heap: HeapType)?> FusedIterator for $name<$($life,)? K, V $(, $heap)?> {}

        impl<$($life,)? K, V $(, $heap: HeapType)?> fmt::Debug for $name<$($life,)? K, V $(, $heap)?> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).field("left", &self.len()).finish_non_exhaustive()
            }
        }
    )*};
}

parts! {
    /// All keys of a map.
    Keys<'a, K, V>: Iter<'a, K, V> => &'a K, |key, _value| key;
    /// All values of a map.
    Values<'a, K, V>: Iter<'a, K, V> => &'a V, |_key, value| value;
    /// All values of a map, which count as changed when they come.
    ValuesMut<'a, K, V, H>: IterMut<'a, K, V, H> => &'a mut V, |_key, value| value;
    /// The keys of a map that is no more.
    IntoKeys<K, V, H>: IntoIter<K, V, H> => K, |key, value| { drop(value); key };
    /// The values of a map that is no more.
    IntoValues<K, V, H>: IntoIter<K, V, H> => V, |key, value| { drop(key); value };
}

impl<'a, K, V> Keys<'a, K, V> {
    pub(super) fn new<H: HeapType>(map: &'a PHashMap<K, V, H>) -> Self {
        Self(map.iter())
    }
}

impl<'a, K, V> Values<'a, K, V> {
    pub(super) fn new<H: HeapType>(map: &'a PHashMap<K, V, H>) -> Self {
        Self(map.iter())
    }
}

impl<'a, K, V, H: HeapType> ValuesMut<'a, K, V, H> {
    pub(super) fn new(map: &'a mut PHashMap<K, V, H>) -> Self {
        Self(map.iter_mut())
    }
}

impl<K, V, H: HeapType> IntoKeys<K, V, H> {
    pub(super) fn new(map: PHashMap<K, V, H>) -> Self {
        Self(map.into_iter())
    }
}

impl<K, V, H: HeapType> IntoValues<K, V, H> {
    pub(super) fn new(map: PHashMap<K, V, H>) -> Self {
        Self(map.into_iter())
    }
}

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> Clone for Values<'_, K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

macro_rules! exact {
    ($([$($generics:tt)*] $name:ty),* $(,)?) => {$(
        impl<$($generics)*> ExactSizeIterator for $name {}
        impl<$($generics)*> FusedIterator for $name {}

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Entries").field("left", &self.len()).finish_non_exhaustive()
            }
        }
    )*};
}

exact!(
    [K, V] Iter<'_, K, V>,
    [K, V, H: HeapType] IterMut<'_, K, V, H>,
    [K, V, H: HeapType] IntoIter<K, V, H>,
    [K, V, H: HeapType] Drain<'_, K, V, H>,
);

impl<K, V, H: HeapType, F: FnMut(&K, &mut V) -> bool> FusedIterator for ExtractIf<'_, K, V, H, F> {}

impl<K, V, H: HeapType, F> fmt::Debug for ExtractIf<'_, K, V, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtractIf").finish_non_exhaustive()
    }
}
