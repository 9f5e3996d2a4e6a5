//! An entry in the hand of a thread.

use core::fmt;

use super::PSkipMap;
use super::epochs::Pin;
use super::node::Raw;
use crate::typed::HeapType;

/// An entry of a [`PSkipMap`]: key and value stay while it is held, also if others remove or replace the entry meanwhile.
///
/// It belongs to its thread.
pub struct Entry<'a, K, V, H: HeapType> {
    map: &'a PSkipMap<K, V, H>,
    node: Raw,
    pin: Pin,
}

impl<'a, K, V, H: HeapType> Entry<'a, K, V, H> {
    /// The node was found under this pin.
    #[inline]
    pub(super) fn new(map: &'a PSkipMap<K, V, H>, node: Raw, pin: Pin) -> Self {
        Self { map, node, pin }
    }

    /// The key.
    #[inline]
    pub fn key(&self) -> &K {
        self.map.key(self.node, &self.pin)
    }

    /// The value.
    #[inline]
    pub fn value(&self) -> &V {
        self.map.value(self.node, &self.pin)
    }

    /// Whether the entry is not in the map any more, because it was removed or its value replaced.
    pub fn is_removed(&self) -> bool {
        self.node.load(0).is_marked()
    }
}

impl<'a, K: Ord, V, H: HeapType> Entry<'a, K, V, H> {
    /// Takes the entry out of the map; `false` if it was not in it any more.
    pub fn remove(&self, heap: H) -> bool {
        let _ = heap;
        self.map.take(self.node, None, &self.pin)
    }

    /// The entry behind this one, or behind where it was.
    pub fn next(&self) -> Option<Self> {
        self.map.after(self.node, &self.pin).map(|node| self.at(node))
    }

    /// The entry before this one, or before where it was.
    pub fn prev(&self) -> Option<Self> {
        let key = self.key();
        self.map.seek(&self.pin, |other| other < key).0.map(|node| self.at(node))
    }

    fn at(&self, node: Raw) -> Self {
        Self { map: self.map, node, pin: self.pin.clone() }
    }
}

impl<K, V, H: HeapType> Clone for Entry<'_, K, V, H> {
    fn clone(&self) -> Self {
        Self { map: self.map, node: self.node, pin: self.pin.clone() }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for Entry<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(self.key()).field(self.value()).finish()
    }
}
