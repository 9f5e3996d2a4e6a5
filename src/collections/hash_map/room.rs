//! Room for entries: made before they come, given back when they are gone.

use core::hash::Hash;

use super::{PHashMap, hash_of};
use crate::collections::no_room::granted;
use crate::handle::AllocError;
use crate::typed::HeapType;

impl<K: Hash + Eq, V, H: HeapType> PHashMap<K, V, H> {
    /// Makes room for so many more entries.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn reserve(&mut self, additional: usize) {
        granted(self.try_reserve(additional));
    }

    /// Makes room for so many more entries.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for them; nothing was changed.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        let hash = hash_of::<K, V>(self.table.seed());
        // SAFETY: the buckets have this layout, and full ones hold an entry.
        unsafe { self.table.reserve(additional, Self::BUCKET, &hash, self.heap) }
    }

    /// Moves the entries to a block of just their size. Where there is no memory for it they stay where they are.
    pub fn shrink_to_fit(&mut self) {
        self.shrink_to(0);
    }

    /// Moves the entries to a smaller block, for at least `capacity`, if there is memory for it.
    pub fn shrink_to(&mut self, capacity: usize) {
        let capacity = capacity.max(self.len());
        if capacity < self.capacity() {
            let _ = self.rebuild(capacity);
        }
    }

    /// Hashes all keys again, for when their `Hash` feeds other bytes than when the map was written: a type's own
    /// implementation has changed, or the standard library's.
    ///
    /// # Panics
    /// If the heap has no memory for a second table.
    pub fn rehash(&mut self) {
        granted(self.rebuild(self.len()));
    }

    fn rebuild(&mut self, capacity: usize) -> Result<(), AllocError> {
        let hash = hash_of::<K, V>(self.table.seed());
        // SAFETY: the buckets have this layout, and full ones hold an entry.
        unsafe { self.table.rebuild(capacity, Self::BUCKET, &hash, self.heap) }
    }
}
