//! Traits of a map.

use core::fmt;

use super::PSkipMap;
use crate::typed::HeapType;

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
