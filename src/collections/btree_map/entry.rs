//! The place of one key.

use core::fmt;
use core::mem;

use super::{PBTreeMap, key_at, value_at};
use crate::collections::NoRoom;
use crate::collections::no_room::granted;
use crate::collections::raw::Path;
use crate::typed::HeapType;

/// The place of a key: with an entry, or without.
pub enum Entry<'a, K, V, H: HeapType> {
    /// There is an entry.
    Occupied(OccupiedEntry<'a, K, V, H>),
    /// There is none.
    Vacant(VacantEntry<'a, K, V, H>),
}

/// An entry that is there.
pub struct OccupiedEntry<'a, K, V, H: HeapType> {
    pub(super) map: &'a mut PBTreeMap<K, V, H>,
    pub(super) path: Path,
    pub(super) level: usize,
}

/// A place without an entry.
pub struct VacantEntry<'a, K, V, H: HeapType> {
    pub(super) map: &'a mut PBTreeMap<K, V, H>,
    pub(super) path: Path,
    pub(super) key: K,
}

impl<'a, K, V, H: HeapType> Entry<'a, K, V, H> {
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
}

impl<'a, K, V, H: HeapType> OccupiedEntry<'a, K, V, H> {
    /// The key that is there.
    pub fn key(&self) -> &K {
        key_at::<K, V>(self.path.spot(self.level))
    }

    /// The value.
    pub fn get(&self) -> &V {
        // SAFETY: entries are initialised, and the map is borrowed.
        unsafe { &*value_at::<K, V>(self.path.spot(self.level)) }
    }

    /// The value, which counts as changed.
    pub fn get_mut(&mut self) -> &mut V {
        self.map.value_mut(self.path.spot(self.level))
    }

    /// The value, which counts as changed, for as long as the map is borrowed.
    pub fn into_mut(self) -> &'a mut V {
        self.map.value_mut(self.path.spot(self.level))
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
    pub fn remove_entry(mut self) -> (K, V) {
        self.map.take(&mut self.path, self.level)
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

    /// Gives the key a value, which counts as changed.
    ///
    /// # Panics
    /// If the heap has no memory for the entry.
    #[track_caller]
    pub fn insert(self, value: V) -> &'a mut V {
        granted(self.try_insert(value))
    }

    /// Gives the key a value, which counts as changed.
    ///
    /// # Errors
    /// [`NoRoom`], with key and value, if the heap has no memory for the entry.
    pub fn try_insert(mut self, value: V) -> Result<&'a mut V, NoRoom<(K, V)>> {
        let place = self.map.put(&mut self.path, self.key, value)?;
        // SAFETY: the value was just put there, noted, and is borrowed with the map.
        Ok(unsafe { &mut *place })
    }
}

impl<K: fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for Entry<'_, K, V, H> {
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
