//! `PHashMap`: a hash table in a heap.
//!
//! The table is the untyped one; here are the entries' types, keys' `Hash` and `Eq`, and what is dropped.
//!
//! Invariant: each full bucket of the table holds an initialised entry, and its hash is that of its key, as long as the key's
//! `Hash` and `Eq` agree with each other and do not change; otherwise entries are not found, and nothing worse.

mod entry;
mod hasher;
mod iter;
mod persist;
mod room;
mod traits;

use core::alloc::Layout;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash, Hasher};
use core::marker::PhantomData;
use core::mem;

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use hasher::StableHasher;
pub use iter::{Drain, ExtractIf, IntoIter, IntoKeys, IntoValues, Iter, IterMut, Keys, Values, ValuesMut};

use super::NoRoom;
use super::raw::{RawTable, drop_each, note};
use crate::region::prefetch;
use crate::typed::HeapType;

/// A hash map in a heap: `HashMap`, valid wherever the heap lies.
///
/// It has 40 bytes. Each map has a seed of its own, by chance, and keeps it: iteration has the same order in every run, and
/// keys chosen to collide in one map do not in another. The hash is [`StableHasher`], which never changes; what a key
/// feeds it is up to the key's `Hash`, of which [the hasher's documentation](StableHasher) says more.
///
/// ```
/// use outlive::{PHashMap, PString};
///
/// outlive::heap!(struct StockHeap);
///
/// type Stock<'h> = PHashMap<PString<StockHeap<'h>>, u32, StockHeap<'h>>;
///
/// let stock = StockHeap::in_memory::<Stock>(|heap| PHashMap::new_in(heap))?;
/// stock.write(|stock, heap| {
///     for name in ["tea", "cup", "tea"] {
///         *stock.entry(PString::from_str_in(name, heap)).or_insert(0) += 1;
///     }
/// })?;
/// assert_eq!(stock.read(|stock| (stock.get("tea").copied(), stock.contains_key("pot")))?, (Some(2), false));
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(C)]
pub struct PHashMap<K, V, H: HeapType> {
    table: RawTable,
    heap: H,
    owns: PhantomData<(K, V)>,
}

/// A key with its value, as they lie in the table.
#[repr(C)]
struct Bucket<K, V> {
    key: K,
    value: V,
}

/// A seed that is hard to guess, without a call of the system for each.
fn seed() -> u64 {
    std::hash::RandomState::new().hash_one(0_u8)
}

impl<K, V, H: HeapType> PHashMap<K, V, H> {
    const BUCKET: Layout = Layout::new::<Bucket<K, V>>();

    /// An empty map, without a block.
    pub fn new_in(heap: H) -> Self {
        Self { table: RawTable::new(seed()), heap, owns: PhantomData }
    }

    /// How many entries there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many entries fit without another block.
    pub const fn capacity(&self) -> usize {
        self.table.capacity()
    }

    #[inline]
    fn place(&self, index: usize) -> *mut Bucket<K, V> {
        self.table.bucket(index, self.heap)
    }

    /// An entry in use.
    #[inline]
    fn bucket(&self, index: usize) -> &Bucket<K, V> {
        // SAFETY: indices come from the table, whose full buckets are initialised.
        unsafe { &*self.place(index) }
    }

    /// The value of an entry in use, which counts as changed.
    #[inline]
    fn value_mut(&mut self, index: usize) -> &mut V {
        // SAFETY: as for `bucket`, and borrowed alone.
        let value = unsafe { &mut (*self.place(index)).value };
        note(self.heap, &raw const *value, 1);
        value
    }

    /// Takes the entry out of a bucket.
    #[inline]
    fn take(&mut self, index: usize) -> (K, V) {
        // SAFETY: the entry belongs to the caller.
        unsafe { self.table.vacate(index, self.heap) };
        // SAFETY: it was in use, and is not any more.
        let bucket = unsafe { self.place(index).read() };
        (bucket.key, bucket.value)
    }

    /// Writes an entry to a free bucket.
    #[inline]
    fn put(&mut self, index: usize, hash: u64, key: K, value: V) {
        let place = self.place(index);
        note(self.heap, place, 1);
        // SAFETY: the caller found a free bucket of the table.
        unsafe { place.write(Bucket { key, value }) };
        // SAFETY: it was free, and was just written.
        unsafe { self.table.fill(index, hash, self.heap) };
    }

    /// Drops all entries, and keeps the block.
    pub fn clear(&mut self) {
        drop(self.drain());
    }

    /// Takes all entries, and keeps the block. If the iterator is forgotten, they leak, with the block.
    pub fn drain(&mut self) -> Drain<'_, K, V, H> {
        Drain::new(self)
    }

    /// All entries.
    #[inline]
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(self)
    }

    /// All entries; each value counts as changed when it comes.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V, H> {
        IterMut::new(self)
    }

    /// All keys.
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys::new(self)
    }

    /// All values.
    pub fn values(&self) -> Values<'_, K, V> {
        Values::new(self)
    }

    /// All values; each counts as changed when it comes.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V, H> {
        ValuesMut::new(self)
    }

    /// All keys, for good.
    pub fn into_keys(self) -> IntoKeys<K, V, H> {
        IntoKeys::new(self)
    }

    /// All values, for good.
    pub fn into_values(self) -> IntoValues<K, V, H> {
        IntoValues::new(self)
    }

    /// Keeps the entries that fit the condition. All values count as changed.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.extract_if(|key, value| !keep(key, value)).for_each(drop);
    }

    /// Takes the entries that fit the condition, one by one. Values count as changed when the condition looks at them. Those
    /// that were not looked at when the iterator goes remain.
    pub fn extract_if<F: FnMut(&K, &mut V) -> bool>(&mut self, take: F) -> ExtractIf<'_, K, V, H, F> {
        ExtractIf::new(self, take)
    }
}

impl<K: Hash + Eq, V, H: HeapType> PHashMap<K, V, H> {
    /// An empty map with room for so many entries.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        let mut map = Self::new_in(heap);
        map.reserve(capacity);
        map
    }

    /// What an iterator yields, in a map.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    pub fn from_iter_in<I: IntoIterator<Item = (K, V)>>(entries: I, heap: H) -> Self {
        let mut map = Self::new_in(heap);
        map.extend(entries);
        map
    }

    #[inline]
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        hash(self.table.seed(), key)
    }

    #[inline]
    fn find<Q>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.is_empty() {
            return None;
        }
        let hash = self.hash(key);
        prefetch(self.place(self.table.home(hash)));
        self.table.find(hash, self.heap, |index| key == self.bucket(index).key.borrow())
    }

    /// The value of this key.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key).map(|index| &self.bucket(index).value)
    }

    /// The value of this key, which counts as changed.
    #[inline]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key).map(|index| self.value_mut(index))
    }

    /// The entry with this key.
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key).map(|index| self.bucket(index)).map(|bucket| (&bucket.key, &bucket.value))
    }

    /// Whether there is an entry with this key.
    #[inline]
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.find(key).is_some()
    }

    /// Gives a key a value, and returns the one that it had. The key that is there stays.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[inline]
    #[track_caller]
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let hash = self.hash(&key);
        if self.table.is_filled() && self.find(&key).is_none() {
            self.reserve(1);
        }
        self.insert_hashed(hash, key, value)
    }

    /// Gives a key a value, and returns the one that it had.
    ///
    /// # Errors
    /// [`NoRoom`], with key and value, if the heap has no memory for the entry.
    pub fn try_insert(&mut self, key: K, value: V) -> Result<Option<V>, NoRoom<(K, V)>> {
        let hash = self.hash(&key);
        if self.table.is_filled() && self.find(&key).is_none() && self.try_reserve(1).is_err() {
            return Err(NoRoom((key, value)));
        }
        Ok(self.insert_hashed(hash, key, value))
    }

    /// Gives a key a value. There is room for one more, or the key is there.
    #[inline]
    fn insert_hashed(&mut self, hash: u64, key: K, value: V) -> Option<V> {
        // Where the entry is or will be, most likely; it comes near while the control bytes do.
        prefetch(self.place(self.table.home(hash)));
        let found = self.table.find_or_free(hash, self.heap, |index| key == self.bucket(index).key);
        match found {
            Ok(index) => {
                // Before there is a value to return, which would leak if this panicked.
                drop(key);
                Some(mem::replace(self.value_mut(index), value))
            }
            Err(index) => {
                self.put(index, hash, key, value);
                None
            }
        }
    }

    /// Takes the value of a key.
    #[inline]
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (key, value) = self.remove_entry(key)?;
        // While the value is no result yet, which would leak if this panicked.
        drop(key);
        Some(value)
    }

    /// Takes the entry with this key.
    #[inline]
    pub fn remove_entry<Q>(&mut self, key: &Q) -> Option<(K, V)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if self.is_empty() {
            return None;
        }
        let hash = self.hash(key);
        prefetch(self.place(self.table.home(hash)));
        let found = self.table.find(hash, self.heap, |index| key == self.bucket(index).key.borrow());
        found.map(|index| self.take(index))
    }

    /// The place of a key, in use or not.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, H> {
        Entry::new(self, key)
    }
}

#[inline]
fn hash<Q: Hash + ?Sized>(seed: u64, key: &Q) -> u64 {
    let mut hasher = StableHasher::new(seed);
    key.hash(&mut hasher);
    hasher.finish()
}

/// The hash of the entry in a bucket in use.
fn hash_of<K: Hash, V>(seed: u64) -> impl Fn(*const u8) -> u64 {
    move |bucket| {
        // SAFETY: the table asks for entries in use only.
        let bucket = unsafe { &*bucket.cast::<Bucket<K, V>>() };
        hash(seed, &bucket.key)
    }
}

impl<K, V, H: HeapType> Drop for PHashMap<K, V, H> {
    fn drop(&mut self) {
        /// Gives the block back, whatever the entries' `Drop` does.
        struct Release<'a, K, V, H: HeapType>(&'a PHashMap<K, V, H>);

        impl<K, V, H: HeapType> Drop for Release<'_, K, V, H> {
            fn drop(&mut self) {
                // SAFETY: the buckets have this layout, and the map is gone.
                unsafe { self.0.table.release(PHashMap::<K, V, H>::BUCKET, self.0.heap) };
            }
        }

        let release = Release(self);
        let map = release.0;
        // SAFETY: the buckets in use are initialised, and nobody sees the map any more.
        unsafe { drop_each(&mut map.table.indices(map.heap).map(|index| map.place(index))) };
    }
}
