//! An ordered map in the heap, for many readers and writers at once.
//!
//! A skip list: nodes in the order of their keys on level 0, and on each level above it half of those below, by chance. All
//! links are distances from the heap's base, so that the map is valid wherever the heap lies. No operation waits for
//! another thread, and readers write nothing at all.
//!
//! ```text
//! level 2   head -----------------------> d ----------------------> end
//! level 1   head ---------> b ----------> d ---------> f ---------> end
//! level 0   head --> a ---> b ---> c ---> d ---> e --> f ---> g --> end
//! ```
//!
//! | file | what it owns |
//! |---|---|
//! | `link`, `node`, `header` | the words: links and their marks, towers and states, the head and the counts |
//! | `search` | the two ways through the lists |
//! | `insert`, `remove` | the steps of a change, and who is responsible for a node |
//! | `epochs`, `local` | when nobody can look at a node any more |
//! | `entry`, `iter` | what a user holds |
//!
//! What the map promises itself:
//!
//! 1. A key is in the map if a node with it is reachable on level 0, and that node's link of level 0 is not marked. There is at
//!    most one such node.
//! 2. Each level is in the order of the keys. Levels above 0 only make searches fast: any part of them may be missing.
//! 3. A node on a level is marked there from its top level downwards, level 0 last.
//! 4. Keys and values never change. A value is replaced together with its node, in one step.
//! 5. What is written in the heap is written by who has a token of the heap, or has the map alone.
//!
//! # In a commit
//! A commit waits until no access that may change the heap is under way. So an image shows no operation half done: no
//! node is being linked (`LINKING`) or marked and still on a level, but for operations that a panic has ended. Removed nodes that wait
//! for their readers are in the lists of the header, and the next run frees them.

#[cfg(any(test, loom))]
mod check;
mod entry;
mod epochs;
mod flaws;
mod header;
mod insert;
mod iter;
mod link;
#[cfg(not(loom))]
mod local;
mod node;
#[cfg(not(loom))]
mod persist;
mod remove;
mod search;
#[cfg(all(test, not(loom)))]
mod tests;

use core::borrow::Borrow;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Bound, RangeBounds};
use core::ptr::NonNull;

pub use entry::Entry;
pub use iter::{IntoIter, Iter, Range};

#[cfg(loom)]
pub(crate) use epochs::{Epochs, Participant};
#[cfg(loom)]
pub(crate) use flaws::{Flaw, plant};

use self::epochs::Pin;
use self::header::Header;
use self::node::{Node, Raw};
use self::remove::Chain;
use super::NoRoom;
use super::no_room::granted;
use crate::handle::AllocError;
#[cfg(loom)]
use crate::stand_ins::local;
use crate::typed::HeapType;

/// An ordered map in the heap that many threads can read and change at once, without locks.
///
/// It looks like a `BTreeMap` whose methods take `&self`, with these differences:
///
/// - What changes the map takes the heap's token, which exists only within `write` and `update`. Reading needs none.
/// - A lookup returns an [`Entry`], which keeps key and value where they are for as long as it is held, whatever other
///   threads do to the map meanwhile. Values are never changed in place: [`insert`](PSkipMap::insert) replaces them as a whole,
///   and an entry held from before still shows the old one.
/// - The memory of removed entries, with what key and value own, is given back when no thread can look at it any more: some
///   removals later, by one of them. Whoever holds an entry or an iterator for long delays that for all maps of the process.
/// - An empty map has a block of its own, of 704 bytes.
///
/// ```
/// use outlive::{OpenOptions, PSkipMap};
///
/// outlive::heap!(struct Scores);
///
/// # let folder = std::env::temp_dir().join(format!("outlive-skip-map-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("scores.heap");
/// let store = Scores::open::<PSkipMap<u64, u64, Scores>>(&path, |heap| PSkipMap::new_in(heap))?;
/// std::thread::scope(|scope| {
///     for thread in 0..4 {
///         let store = &store;
///         scope.spawn(move || store.update(|scores, heap| {
///             for key in 0..100 {
///                 scores.insert(4 * key + thread, key, heap);
///             }
///         }));
///     }
/// });
/// store.persist()?;
/// assert_eq!(store.read(|scores| scores.range(10..20).count())?, 10);
/// # drop(store);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// # What holds memory back
/// - An [`Entry`] or an iterator that is never dropped (`mem::forget`, a leak, a cycle of counts) holds back for good what is removed
///   from any map of the process: nothing of it is freed or used again while the process runs. The next run frees it.
/// - In the child of a `fork` the threads that did not come along count as what they were. If one of them held an entry or was
///   in an operation, the child frees nothing of what it removes.
///
/// Neither does harm beside that: what can be looked at stays as it is.
///
/// # Memory that is not there
/// A method without `try_` panics, with the map as it was. The `try_` methods return key and value with the error.
///
/// # Panics in keys and values
/// A comparison that panics ends the operation it is part of: either before anything has happened or after its effect,
/// never between. In the second case one entry that was removed may never be freed: its block is one that nothing refers to.
#[repr(C)]
pub struct PSkipMap<K, V, H: HeapType> {
    /// Where the header lies, from the base.
    header: u64,
    heap: H,
    // Not `Sync` by itself: what one thread puts in another may drop.
    of: PhantomData<*const (K, V)>,
}

// SAFETY: the map owns its keys and values, and nothing else but plain memory of the heap.
unsafe impl<K: Send, V: Send, H: HeapType + Send> Send for PSkipMap<K, V, H> {}
// SAFETY: threads that share the map see each other's keys and values, hence `Sync`, and drop them, hence `Send`. Everything else
// that they share are atomics.
unsafe impl<K: Send + Sync, V: Send + Sync, H: HeapType + Sync> Sync for PSkipMap<K, V, H> {}

impl<K, V, H: HeapType> PSkipMap<K, V, H> {
    /// An empty map.
    ///
    /// # Panics
    /// Where the heap has no memory for its header.
    #[track_caller]
    pub fn new_in(heap: H) -> Self {
        granted(Self::try_new_in(heap))
    }

    /// An empty map.
    ///
    /// # Errors
    /// [`AllocError`] where the heap has no memory for its header.
    pub fn try_new_in(heap: H) -> Result<Self, AllocError> {
        let header = Header::allocate(heap)?;
        let distance = header.addr().get() - heap.base().addr().get();
        Ok(Self { header: distance as u64, heap, of: PhantomData })
    }

    /// How many entries there are; while others insert and remove, about how many.
    pub fn len(&self) -> usize {
        self.header().len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.first(&Pin::new()).is_none()
    }

    /// Frees what removed entries have left, as far as nobody can look at it any more. Removals do that as they go; this is for
    /// who wants it now: a commit has then less to take along.
    pub fn reclaim(&self, heap: H) {
        let _ = heap;
        let epochs = local::epochs();
        for _ in 0..=epochs::SAFE {
            epochs.advance();
        }
        let pin = Pin::new();
        for shard in self.header().shards() {
            shard.collect(epochs.now(), self.heap, |free| {
                // SAFETY: what the lists let go of, nobody looks at.
                drop(unsafe { Chain::<K, V, H>::new(free, self.heap) });
            });
        }
        drop(pin);
    }

    #[inline]
    fn header_at(&self) -> NonNull<Header> {
        let distance = usize::try_from(self.header).unwrap_or(0);
        // SAFETY: the header's place in the heap.
        unsafe { self.heap.base().add(distance) }.cast()
    }

    fn header(&self) -> &Header {
        // SAFETY: the header is there as long as the map, and changes only through atomics unless the map is borrowed mutably.
        unsafe { self.header_at().as_ref() }
    }

    fn value<'a>(&self, node: Raw, _pin: &'a Pin) -> &'a V {
        // SAFETY: as for `key`.
        unsafe { Node::<K, V>::value(node) }
    }
}

impl<K: Ord, V, H: HeapType> PSkipMap<K, V, H> {
    /// A map of these entries; of several with the same key, the last one.
    ///
    /// # Panics
    /// Where the heap has not enough memory.
    #[track_caller]
    pub fn from_iter_in<I: IntoIterator<Item = (K, V)>>(entries: I, heap: H) -> Self {
        let mut map = Self::new_in(heap);
        map.extend(entries);
        map
    }

    /// Puts an entry in, in place of one with the same key.
    ///
    /// # Panics
    /// Where the heap has no memory; the map is then as it was.
    #[track_caller]
    pub fn insert(&self, key: K, value: V, heap: H) -> Entry<'_, K, V, H> {
        granted(self.try_insert(key, value, heap))
    }

    /// Puts an entry in, in place of one with the same key.
    ///
    /// # Errors
    /// [`NoRoom`] with the key and the value; the map is then as it was.
    pub fn try_insert(&self, key: K, value: V, heap: H) -> Result<Entry<'_, K, V, H>, NoRoom<(K, V)>> {
        let _ = heap;
        self.put(key, value, |_| true)
    }

    /// The entry of the key; puts this one in if there is none.
    ///
    /// # Panics
    /// Where the heap has no memory; the map is then as it was.
    #[track_caller]
    pub fn get_or_insert(&self, key: K, value: V, heap: H) -> Entry<'_, K, V, H> {
        granted(self.try_get_or_insert(key, value, heap))
    }

    /// The entry of the key; puts this one in if there is none.
    ///
    /// # Errors
    /// [`NoRoom`] with the key and the value; the map is then as it was.
    pub fn try_get_or_insert(&self, key: K, value: V, heap: H) -> Result<Entry<'_, K, V, H>, NoRoom<(K, V)>> {
        let _ = heap;
        self.put(key, value, |_| false)
    }

    /// Puts an entry in if there is none with this key, or if `replaces` says yes to the value of the one there is. Returns the
    /// entry that is there then.
    ///
    /// `replaces` may be asked several times, if other threads replace the value meanwhile. What it last said yes to is what was replaced.
    ///
    /// # Panics
    /// Where the heap has no memory; the map is then as it was.
    #[track_caller]
    pub fn compare_insert<F>(&self, key: K, value: V, replaces: F, heap: H) -> Entry<'_, K, V, H>
    where
        F: FnMut(&V) -> bool,
    {
        granted(self.try_compare_insert(key, value, replaces, heap))
    }

    /// As [`compare_insert`](PSkipMap::compare_insert).
    ///
    /// # Errors
    /// [`NoRoom`] with the key and the value; the map is then as it was.
    pub fn try_compare_insert<F>(
        &self,
        key: K,
        value: V,
        replaces: F,
        heap: H,
    ) -> Result<Entry<'_, K, V, H>, NoRoom<(K, V)>>
    where
        F: FnMut(&V) -> bool,
    {
        let _ = heap;
        self.put(key, value, replaces)
    }

    /// The entry of a key.
    #[inline]
    pub fn get<Q>(&self, key: &Q) -> Option<Entry<'_, K, V, H>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let pin = Pin::new();
        self.find(key, &pin).map(|node| Entry::new(self, node, pin))
    }

    /// Whether there is an entry with this key.
    pub fn contains_key<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.find(key, &Pin::new()).is_some()
    }

    /// Takes an entry out; what was there can be read as long as it is held.
    pub fn remove<Q>(&self, key: &Q, heap: H) -> Option<Entry<'_, K, V, H>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let _ = heap;
        let pin = Pin::new();
        loop {
            let place = self.place(key, &pin);
            let node = place.found?;
            if self.take(node, Some(place), &pin) {
                return Some(Entry::new(self, node, pin));
            }
        }
    }

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

    fn lower<Q>(&self, bound: Bound<&Q>, pin: &Pin) -> Option<Raw>
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

    fn upper<Q>(&self, bound: Bound<&Q>, pin: &Pin) -> Option<Raw>
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

impl<K: Ord, V, H: HeapType> Extend<(K, V)> for PSkipMap<K, V, H> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        // Who has the map alone may change it.
        for (key, value) in entries {
            self.insert(key, value, self.heap);
        }
    }
}

impl<K: fmt::Debug + Ord, V: fmt::Debug, H: HeapType> fmt::Debug for PSkipMap<K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for entry in self {
            map.entry(entry.key(), entry.value());
        }
        map.finish()
    }
}

impl<K, V, H: HeapType> Drop for PSkipMap<K, V, H> {
    fn drop(&mut self) {
        drop(iter::Emptied::new(self));
    }
}
