//! `PBTreeMap`: an ordered map in a heap.
//!
//! The tree is the untyped one; here are the entries' types, the order of the keys, and what is dropped.
//!
//! Invariant: entries of the tree's nodes are initialised. They are in the order of their keys, as long as the keys' `Ord` is
//! an order and does not change; otherwise entries are not found, and nothing worse.

mod entry;
mod iter;
mod persist;
mod range;
mod traits;

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop, MaybeUninit};

pub use entry::{Entry, OccupiedEntry, VacantEntry};
pub use iter::{
    ExtractIf, IntoIter, IntoKeys, IntoValues, Iter, IterMut, Keys, Range, RangeMut, Values, ValuesMut,
};

use super::NoRoom;
use super::no_room::granted;
use super::raw::{Node, Path, RawTree, Shape, note};
use crate::handle::AllocError;
use crate::typed::HeapType;

/// An ordered map in a heap: `BTreeMap`, valid wherever the heap lies.
///
/// It has 24 bytes. An insertion changes the part of a node behind the new entry, and its neighbours only where a node is full.
///
/// ```
/// use outlive::PBTreeMap;
///
/// outlive::heap!(struct DayHeap);
///
/// let days = DayHeap::in_memory::<PBTreeMap<u32, u64, DayHeap>>(|heap| PBTreeMap::new_in(heap))?;
/// days.write(|days, _heap| {
///     days.extend((1..=30).map(|day| (day, u64::from(day) * 10)));
///     days.retain(|day, _| day % 7 != 0);
/// })?;
/// let sum = days.read(|days| days.range(6..=8).map(|(_, value)| value).sum::<u64>())?;
/// assert_eq!(sum, 60 + 80);
/// assert_eq!(days.read(|days| days.last_key_value().map(|(day, _)| *day))?, Some(30));
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(C)]
pub struct PBTreeMap<K, V, H: HeapType> {
    tree: RawTree,
    heap: H,
    owns: PhantomData<(K, V)>,
}

/// A key of a node.
#[inline]
fn key_at<'a, K, V>(spot: (Node, usize)) -> &'a K {
    // SAFETY: spots come from the tree, whose entries are initialised; callers borrow the map for as long.
    unsafe { &*spot.0.key(&Shape::of::<K, V>(), spot.1).cast::<K>() }
}

/// A value of a node.
#[inline]
fn value_at<K, V>(spot: (Node, usize)) -> *mut V {
    spot.0.value(&Shape::of::<K, V>(), spot.1).cast()
}

/// The first key of the node that is not less than this one, and whether it is equal.
#[inline]
fn position<K: Borrow<Q>, V, Q: Ord + ?Sized>(node: Node, key: &Q) -> (usize, bool) {
    let len = node.len();
    for index in 0..len {
        match key.cmp(key_at::<K, V>((node, index)).borrow()) {
            Ordering::Greater => {}
            Ordering::Equal => return (index, true),
            Ordering::Less => return (index, false),
        }
    }
    (len, false)
}

impl<K, V, H: HeapType> PBTreeMap<K, V, H> {
    const SHAPE: &'static Shape = &Shape::of::<K, V>();

    /// An empty map, without a block.
    pub const fn new_in(heap: H) -> Self {
        Self { tree: RawTree::new(), heap, owns: PhantomData }
    }

    /// How many entries there are.
    #[inline]
    pub const fn len(&self) -> usize {
        self.tree.len()
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at a spot, which counts as changed.
    #[inline]
    fn value_mut(&mut self, spot: (Node, usize)) -> &mut V {
        let value = value_at::<K, V>(spot);
        note(self.heap, value, 1);
        // SAFETY: spots come from the tree, whose entries are initialised, and the map is borrowed alone.
        unsafe { &mut *value }
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V, H> {
        Iter::new(self)
    }

    /// All entries, in the order of their keys; each value counts as changed when it comes.
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V, H> {
        IterMut::new(self)
    }

    /// All keys, in order.
    pub fn keys(&self) -> Keys<'_, K, V, H> {
        Keys::new(self.iter())
    }

    /// All values, in the order of their keys.
    pub fn values(&self) -> Values<'_, K, V, H> {
        Values::new(self.iter())
    }

    /// All values, in the order of their keys; each counts as changed when it comes.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V, H> {
        ValuesMut::new(self.iter_mut())
    }

    /// All keys, in order, for good.
    pub fn into_keys(self) -> IntoKeys<K, V, H> {
        IntoKeys::new(self.into_iter())
    }

    /// All values, in the order of their keys, for good.
    pub fn into_values(self) -> IntoValues<K, V, H> {
        IntoValues::new(self.into_iter())
    }

    /// The entry with the lowest key.
    pub fn first_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }

    /// The entry with the highest key.
    pub fn last_key_value(&self) -> Option<(&K, &V)> {
        self.iter().next_back()
    }

    /// The entry with the lowest key.
    pub fn first_entry(&mut self) -> Option<OccupiedEntry<'_, K, V, H>> {
        if self.is_empty() {
            return None;
        }
        let mut path = Path::NOWHERE;
        self.tree.end(&mut path, Self::SHAPE, false, self.heap);
        Some(OccupiedEntry { map: self, path, level: 0 })
    }

    /// The entry with the highest key.
    pub fn last_entry(&mut self) -> Option<OccupiedEntry<'_, K, V, H>> {
        if self.is_empty() {
            return None;
        }
        let mut path = Path::NOWHERE;
        self.tree.end(&mut path, Self::SHAPE, true, self.heap);
        path.previous(Self::SHAPE, self.heap);
        Some(OccupiedEntry { map: self, path, level: 0 })
    }

    /// Takes the entry with the lowest key.
    pub fn pop_first(&mut self) -> Option<(K, V)> {
        self.first_entry().map(OccupiedEntry::remove_entry)
    }

    /// Takes the entry with the highest key.
    pub fn pop_last(&mut self) -> Option<(K, V)> {
        self.last_entry().map(OccupiedEntry::remove_entry)
    }

    /// Drops all entries.
    pub fn clear(&mut self) {
        drop(mem::replace(self, Self::new_in(self.heap)));
    }

    /// Keeps the entries that fit the condition. All values count as changed.
    pub fn retain(&mut self, mut keep: impl FnMut(&K, &mut V) -> bool) {
        self.extract_if(|key, value| !keep(key, value)).for_each(drop);
    }

    /// Takes the entries that fit the condition, one by one and in order. Values count as changed when the condition looks at
    /// them. Those that were not looked at when the iterator goes remain.
    pub fn extract_if<F: FnMut(&K, &mut V) -> bool>(&mut self, take: F) -> ExtractIf<'_, K, V, H, F> {
        ExtractIf::new(self, take)
    }

    /// Takes the entry to which the way leads at `level`.
    fn take(&mut self, path: &mut Path, level: usize) -> (K, V) {
        let mut key = MaybeUninit::<K>::uninit();
        let mut value = MaybeUninit::<V>::uninit();
        let places = (key.as_mut_ptr().cast(), value.as_mut_ptr().cast());
        // SAFETY: callers have found an entry there.
        unsafe { self.tree.remove(Self::SHAPE, path, level, places, self.heap) };
        // SAFETY: the entry's key was written there.
        let key = unsafe { key.assume_init() };
        // SAFETY: as above.
        (key, unsafe { value.assume_init() })
    }

    /// Puts an entry where the way ends, and returns its value's address.
    #[inline]
    fn put(&mut self, path: &mut Path, key: K, value: V) -> Result<*mut V, NoRoom<(K, V)>> {
        let entry = ManuallyDrop::new((key, value));
        let places = ((&raw const entry.0).cast(), (&raw const entry.1).cast());
        // SAFETY: the way comes from a search in this tree, and the entry is the tree's if this succeeds.
        let outcome = unsafe { self.tree.insert(Self::SHAPE, path, places, self.heap) };
        match outcome {
            Ok(value) => Ok(value.cast()),
            Err(AllocError) => Err(NoRoom(ManuallyDrop::into_inner(entry))),
        }
    }
}

impl<K: Ord, V, H: HeapType> PBTreeMap<K, V, H> {
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
    fn find<Q>(&self, key: &Q) -> Option<(Node, usize)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut node = self.tree.root(self.heap)?;
        let mut level = self.tree.height();
        loop {
            let (at, found) = position::<K, V, Q>(node, key);
            if found {
                return Some((node, at));
            }
            level = level.checked_sub(1)?;
            // SAFETY: the node is above level 0, and `at` is no more than its length.
            node = unsafe { node.child_ahead(Self::SHAPE, at, self.heap) };
        }
    }

    #[inline]
    fn search<Q>(&self, path: &mut Path, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.tree.search(path, Self::SHAPE, self.heap, |node| position::<K, V, Q>(node, key))
    }

    /// The place before this key, or behind it.
    fn seek<Q>(&self, path: &mut Path, key: &Q, after: bool)
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.tree.seek(path, Self::SHAPE, after, self.heap, |node| position::<K, V, Q>(node, key));
    }

    /// The value of this key.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        // SAFETY: entries are initialised, and the map is borrowed.
        self.find(key).map(|spot| unsafe { &*value_at::<K, V>(spot) })
    }

    /// The value of this key, which counts as changed.
    #[inline]
    pub fn get_mut<Q>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.find(key).map(|spot| self.value_mut(spot))
    }

    /// The entry with this key.
    pub fn get_key_value<Q>(&self, key: &Q) -> Option<(&K, &V)>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        // SAFETY: entries are initialised, and the map is borrowed.
        self.find(key).map(|spot| (key_at::<K, V>(spot), unsafe { &*value_at::<K, V>(spot) }))
    }

    /// Whether there is an entry with this key.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
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
        granted(self.try_insert(key, value))
    }

    /// Gives a key a value, and returns the one that it had.
    ///
    /// # Errors
    /// [`NoRoom`], with key and value, if the heap has no memory for the entry.
    #[inline]
    pub fn try_insert(&mut self, key: K, value: V) -> Result<Option<V>, NoRoom<(K, V)>> {
        let mut path = Path::NOWHERE;
        if let Some(level) = self.search(&mut path, &key) {
            // Before there is a value to return, which would leak if this panicked.
            drop(key);
            return Ok(Some(mem::replace(self.value_mut(path.spot(level)), value)));
        }
        self.put(&mut path, key, value).map(|_| None)
    }

    /// Puts an entry in, or only the key in the place of one that is equal to it, which is returned.
    #[track_caller]
    pub(in crate::collections) fn replace_key(&mut self, key: K, value: V) -> Option<K> {
        let mut path = Path::NOWHERE;
        let Some(level) = self.search(&mut path, &key) else {
            granted(self.put(&mut path, key, value).map(drop));
            return None;
        };
        let (node, index) = path.spot(level);
        let place = node.key(Self::SHAPE, index).cast::<K>();
        note(self.heap, place, 1);
        // SAFETY: entries are initialised, and the map is borrowed alone.
        Some(unsafe { place.replace(key) })
    }

    /// Takes the value of a key.
    #[inline]
    pub fn remove<Q>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
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
        Q: Ord + ?Sized,
    {
        let mut path = Path::NOWHERE;
        self.search(&mut path, key).map(|level| self.take(&mut path, level))
    }

    /// The place of a key, with an entry or without.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, H> {
        let mut path = Path::NOWHERE;
        match self.search(&mut path, &key) {
            Some(level) => Entry::Occupied(OccupiedEntry { map: self, path, level }),
            None => Entry::Vacant(VacantEntry { map: self, path, key }),
        }
    }
}

impl<K, V, H: HeapType> Drop for PBTreeMap<K, V, H> {
    fn drop(&mut self) {
        // SAFETY: nobody sees the map any more.
        let whole = unsafe { core::ptr::read(self) };
        drop(whole.into_iter());
    }
}
