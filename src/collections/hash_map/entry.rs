//! The place of one key.

use core::fmt;
use core::hash::Hash;
use core::mem;

use super::PHashMap;
use crate::collections::NoRoom;
use crate::typed::HeapType;

/// The place of a key: with an entry, or without.
///
/// ```
/// use outlive::PHashMap;
/// use outlive::collections::hash_map::Entry;
///
/// outlive::heap!(struct StockHeap);
///
/// let stock = StockHeap::in_memory::<PHashMap<u64, u32, StockHeap>>(|heap| PHashMap::new_in(heap))?;
/// stock.write(|stock, _heap| {
///     stock.entry(7).and_modify(|count| *count += 1).or_insert(1);
///     match stock.entry(7) {
///         Entry::Occupied(entry) => assert_eq!(entry.remove(), 1),
///         Entry::Vacant(_) => unreachable!(),
///     }
///     assert!(stock.is_empty());
/// })?;
/// # Ok::<(), outlive::Error>(())
/// ```
pub enum Entry<'a, K, V, H: HeapType> {
    /// There is an entry.
    Occupied(OccupiedEntry<'a, K, V, H>),
    /// There is none.
    Vacant(VacantEntry<'a, K, V, H>),
}

/// An entry that is there.
pub struct OccupiedEntry<'a, K, V, H: HeapType> {
    map: &'a mut PHashMap<K, V, H>,
    index: usize,
}

/// A place without an entry.
pub struct VacantEntry<'a, K, V, H: HeapType> {
    map: &'a mut PHashMap<K, V, H>,
    hash: u64,
    key: K,
}

impl<'a, K: Hash + Eq, V, H: HeapType> Entry<'a, K, V, H> {
    pub(super) fn new(map: &'a mut PHashMap<K, V, H>, key: K) -> Self {
        let hash = map.hash(&key);
        match map.table.find(hash, map.heap, |index| key == map.bucket(index).key) {
            Some(index) => Self::Occupied(OccupiedEntry { map, index }),
            None => Self::Vacant(VacantEntry { map, hash, key }),
        }
    }

    /// The value, which is `value` if there was none. It counts as changed.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn or_insert(self, value: V) -> &'a mut V {
        self.or_insert_with(|| value)
    }

    /// The value, which is what `make` returns if there was none. It counts as changed.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn or_insert_with(self, make: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| make())
    }

    /// The value, which is what `make` returns for the key if there was none. It counts as changed.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn or_insert_with_key(self, make: impl FnOnce(&K) -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => {
                let value = make(&entry.key);
                entry.insert(value)
            }
        }
    }

    /// The value, which is the default one if there was none. It counts as changed.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value, if there is one.
    #[must_use]
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// The key.
    pub fn key(&self) -> &K {
        match self {
            Self::Occupied(entry) => entry.key(),
            Self::Vacant(entry) => entry.key(),
        }
    }

    /// Sets the value.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V, H> {
        match self {
            Self::Occupied(mut entry) => {
                entry.insert(value);
                entry
            }
            Self::Vacant(entry) => entry.insert_entry(value),
        }
    }
}

impl<'a, K, V, H: HeapType> OccupiedEntry<'a, K, V, H> {
    /// The key that is there.
    pub fn key(&self) -> &K {
        &self.map.bucket(self.index).key
    }

    /// The value.
    pub fn get(&self) -> &V {
        &self.map.bucket(self.index).value
    }

    /// The value, which counts as changed.
    pub fn get_mut(&mut self) -> &mut V {
        self.map.value_mut(self.index)
    }

    /// The value, which counts as changed, for as long as the map is borrowed.
    pub fn into_mut(self) -> &'a mut V {
        self.map.value_mut(self.index)
    }

    /// Sets the value, and returns the one that was there.
    pub fn insert(&mut self, value: V) -> V {
        mem::replace(self.get_mut(), value)
    }

    /// Takes the value, and drops the key.
    pub fn remove(self) -> V {
        let (key, value) = self.remove_entry();
        drop(key);
        value
    }

    /// Takes the entry.
    pub fn remove_entry(self) -> (K, V) {
        self.map.take(self.index)
    }
}

impl<'a, K, V, H: HeapType> VacantEntry<'a, K, V, H> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.key
    }

    /// The key, for good.
    pub fn into_key(self) -> K {
        self.key
    }
}

impl<'a, K: Hash + Eq, V, H: HeapType> VacantEntry<'a, K, V, H> {
    /// Gives the key a value, which counts as changed.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn insert(self, value: V) -> &'a mut V {
        self.insert_entry(value).into_mut()
    }

    /// Gives the key a value.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V, H> {
        self.map.reserve(1);
        self.put(value)
    }

    /// Gives the key a value.
    ///
    /// # Errors
    /// [`NoRoom`], with key and value, if the heap has no memory for the entry.
    pub fn try_insert(self, value: V) -> Result<&'a mut V, NoRoom<(K, V)>> {
        match self.map.try_reserve(1) {
            Ok(()) => Ok(self.put(value).into_mut()),
            Err(_) => Err(NoRoom((self.key, value))),
        }
    }

    fn put(self, value: V) -> OccupiedEntry<'a, K, V, H> {
        let index = match self.map.table.find_or_free(self.hash, self.map.heap, |_| false) {
            Ok(index) | Err(index) => index,
        };
        self.map.put(index, self.hash, self.key, value);
        OccupiedEntry { map: self.map, index }
    }
}

impl<K: fmt::Debug + Hash + Eq, V: fmt::Debug, H: HeapType> fmt::Debug for Entry<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Occupied(entry) => entry.fmt(f),
            Self::Vacant(entry) => entry.fmt(f),
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for OccupiedEntry<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OccupiedEntry").field("key", self.key()).field("value", self.get()).finish()
    }
}

impl<K: fmt::Debug, V, H: HeapType> fmt::Debug for VacantEntry<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VacantEntry").field(self.key()).finish()
    }
}
