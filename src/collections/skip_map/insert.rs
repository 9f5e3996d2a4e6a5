//! Putting entries in.
//!
//! ```text
//!                         level 0 of its left neighbour, or of the node it replaces
//! new, nobody's  ------------------------------------------------> in the map
//!                                                                     |  link_tower: levels 1, 2, ...
//!                                                                     v
//!                                                                  linked (LINKING cleared)
//! ```
//!
//! 1. A key is in the map from the one exchange on level 0 on. If the key is there already, that exchange marks the old node's link
//!    and makes it lead to the new node: the old one leaves and the new one comes in one step, and nobody finds none.
//! 2. A node's link is set before it is linked on that level, and only if it is not marked. Whoever links it stops at the
//!    first mark.
//! 3. Between the exchange and the end nothing of the caller's runs but comparisons. If one of them panics, the new node is
//!    less high than it was to be, which costs nothing but time.

use super::epochs::Pin;
use super::flaws::{Flaw, planted};
use super::link::Link;
use super::node::{HIGHEST, Node, Raw};
use super::search::Place;
use super::{Entry, NoRoom, PSkipMap};
use crate::typed::HeapType;

/// A node that is in no map yet.
struct Draft<K, V, H: HeapType> {
    node: Raw,
    heap: H,
    of: core::marker::PhantomData<(K, V)>,
}

impl<K, V, H: HeapType> Drop for Draft<K, V, H> {
    fn drop(&mut self) {
        // SAFETY: nobody has seen it.
        unsafe { Node::<K, V>::free(self.node, self.heap) };
    }
}

/// A node that is being linked; at the end, however it comes, somebody is responsible for it.
struct Linking<'a, K: Ord, V, H: HeapType> {
    map: &'a PSkipMap<K, V, H>,
    node: Raw,
    pin: &'a Pin,
}

impl<K: Ord, V, H: HeapType> Drop for Linking<'_, K, V, H> {
    fn drop(&mut self) {
        let before = self.node.note_linked(self.map.heap);
        // A comparison that has panicked would do so again: then the node stays a block that nothing refers to.
        if before.is_removed() && !std::thread::panicking() && !planted(Flaw::NoHandshake) {
            self.map.take_out(self.node, self.pin);
        }
    }
}

impl<K: Ord, V, H: HeapType> PSkipMap<K, V, H> {
    /// Puts the entry in, if there is none with its key or `replaces` says yes to that one's value. Returns the entry that is there now.
    pub(super) fn put(
        &self,
        key: K,
        value: V,
        mut replaces: impl FnMut(&V) -> bool,
    ) -> Result<Entry<'_, K, V, H>, NoRoom<(K, V)>> {
        let pin = Pin::new();
        let mut place = self.place(&key, &pin);
        if let Some(old) = place.found
            && !replaces(self.value(old, &pin))
        {
            return Ok(Entry::new(self, old, pin));
        }
        let height = place.found.map_or_else(|| self.height_by_chance(&pin), |old| old.state().height());
        let node = Node::make(key, value, height, self.heap).map_err(NoRoom)?;
        let draft = Draft::<K, V, H> { node, heap: self.heap, of: core::marker::PhantomData };
        let key = self.key(node, &pin);
        self.head().raise(height, self.heap);
        while !self.link_bottom(node, &place) {
            place = self.place(key, &pin);
            if let Some(old) = place.found
                && !replaces(self.value(old, &pin))
            {
                return Ok(Entry::new(self, old, pin));
            }
        }
        core::mem::forget(draft);
        let linking = Linking { map: self, node, pin: &pin };
        match place.found {
            None => self.shard(&pin).count_one_more(self.heap),
            Some(old) => place = self.let_go(old, Some(place), &pin),
        }
        if height > 1 {
            self.link_tower(node, place, &pin);
            drop(linking);
        } else {
            core::mem::forget(linking);
        }
        Ok(Entry::new(self, node, pin))
    }

    /// Makes the node the one that has its key, if nobody was faster.
    fn link_bottom(&self, node: Raw, place: &Place) -> bool {
        let to_node = Link::to(node, self.base());
        for level in 0..node.state().height() {
            node.prepare(level, place.right[level]);
        }
        let Some(old) = place.found else {
            return place.left[0].exchange(0, place.right[0], to_node, self.heap).is_ok();
        };
        if planted(Flaw::GapInReplacement) {
            self.mark(old);
            return false;
        }
        self.mark_upper(old);
        let mut next = old.load(0);
        while !next.is_marked() {
            node.prepare(0, next);
            match old.exchange(0, next, to_node.marked(), self.heap) {
                Ok(()) => return true,
                Err(newer) => next = newer,
            }
        }
        false
    }

    /// Links the levels above the bottom, until somebody removes the node.
    fn link_tower(&self, node: Raw, mut place: Place, pin: &Pin) {
        let to_node = Link::to(node, self.base());
        for level in 1..node.state().height() {
            loop {
                let right = place.right[level];
                let now = node.load(level);
                if now.is_marked() || (now != right && node.exchange(level, now, right, self.heap).is_err()) {
                    return;
                }
                if place.left[level].exchange(level, right, to_node, self.heap).is_ok() {
                    break;
                }
                place = self.place(self.key(node, pin), pin);
                if place.found != Some(node) {
                    return;
                }
            }
        }
    }

    /// A height: half of them are 1, of the rest half 2, and so on; at most one more than there is.
    #[cfg(not(loom))]
    fn height_by_chance(&self, pin: &Pin) -> usize {
        let random = &pin.participant().random;
        let mut word = random.get();
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        random.set(word);
        let height = 1 + word.wrapping_mul(0x2545_F491_4F6C_DD1D).trailing_zeros() as usize;
        height.min(self.head().state().height() + 1).min(HIGHEST)
    }

    /// The height that the model wants.
    #[cfg(loom)]
    fn height_by_chance(&self, _: &Pin) -> usize {
        super::local::height().min(HIGHEST)
    }
}
