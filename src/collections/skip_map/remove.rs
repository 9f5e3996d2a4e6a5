//! Taking entries out, and giving their memory back.
//!
//! ```text
//!             mark: upper levels, then level 0        from all levels            nobody looks at it
//! in the map ---------------------------------> gone --------------------> out ---------------------> retired --> freed
//! ```
//!
//! 1. A key is out of the map from the one step on that marks the link of level 0. Whoever makes it is the remover.
//! 2. A node is retired when it is on no level and will be on none: by its remover, or by who still links it if that takes
//!    longer (see `node.rs`); of the two, the second makes sure that no level has it.
//! 3. Retired nodes lie in lists in the heap (`header.rs`) until no pinned thread can be at them (`epochs.rs`).
//! 4. If a comparison or a `Drop` panics on the way, what was not retired yet is not freed: it is a block that nothing refers to.

use core::marker::PhantomData;

use super::epochs::Pin;
use super::flaws::{Flaw, planted};
use super::header::Shard;
use super::link::Link;
use super::node::{Node, Raw};
use super::search::Place;
use super::{PSkipMap, local};
use crate::typed::HeapType;

/// After how many nodes a thread tries to have the epoch move on.
const PATIENCE: u64 = if cfg!(any(test, loom)) { 4 } else { 64 };

/// A list of removed nodes, freed at its end, also if dropping one of them panics.
pub(super) struct Chain<K, V, H: HeapType> {
    first: Link,
    heap: H,
    of: PhantomData<(K, V)>,
}

impl<K, V, H: HeapType> Chain<K, V, H> {
    /// # Safety
    /// The nodes are of this type and heap, nobody looks at them, and they are in no other list.
    pub(super) unsafe fn new(first: Link, heap: H) -> Self {
        Self { first, heap, of: PhantomData }
    }
}

impl<K, V, H: HeapType> Drop for Chain<K, V, H> {
    fn drop(&mut self) {
        while let Some(node) = self.first.node(self.heap.base()) {
            self.first = node.next_removed();
            // After a panic this goes on; a second one ends the process, as it does everywhere.
            let rest = Self { first: self.first, heap: self.heap, of: PhantomData };
            // SAFETY: by the promise to `new`; and the node is in this list no more.
            unsafe { Node::<K, V>::free(node, self.heap) };
            core::mem::forget(rest);
        }
    }
}

impl<K, V, H: HeapType> PSkipMap<K, V, H> {
    pub(super) fn shard(&self, pin: &Pin) -> &Shard {
        self.header().shard(pin.participant().number())
    }

    /// Has new links from the upper levels of the node lead nowhere: it will soon leave.
    pub(super) fn mark_upper(&self, node: Raw) {
        for level in (1..node.state().height()).rev() {
            if !node.load(level).is_marked() {
                node.mark(level, self.heap);
            }
        }
    }

    /// Takes the node's key out of the map, if it is still there.
    pub(super) fn mark(&self, node: Raw) -> bool {
        self.mark_upper(node);
        !node.load(0).is_marked() && !node.mark(0, self.heap).is_marked()
    }

    /// Puts a node that no level has in the list of its epoch, and frees what has been there long enough.
    fn retire(&self, node: Raw, pin: &Pin) {
        if planted(Flaw::FreedAtOnce) {
            // SAFETY: not given, which is the flaw.
            return unsafe { Node::<K, V>::free(node, self.heap) };
        }
        let epochs = local::epochs();
        let free = self.shard(pin).retire(node, epochs.after_removal(), self.heap);
        if pin.participant().count_retired().is_multiple_of(PATIENCE) {
            epochs.advance();
        }
        // SAFETY: what the lists let go of, nobody looks at.
        drop(unsafe { Chain::<K, V, H>::new(free, self.heap) });
    }
}

impl<K: Ord, V, H: HeapType> PSkipMap<K, V, H> {
    /// Takes the node's entry out, if it is still there; `place` is its key's, if that is known.
    pub(super) fn take(&self, node: Raw, place: Option<Place>, pin: &Pin) -> bool {
        let taken = self.mark(node);
        if taken {
            self.shard(pin).count_one_less(self.heap);
            self.let_go(node, place, pin);
        }
        taken
    }

    /// Takes a node whose key is out of the map from all levels, and retires it unless it is still being linked. Returns a
    /// place of the key without the node.
    pub(super) fn let_go(&self, node: Raw, place: Option<Place>, pin: &Pin) -> Place {
        let linking = node.note_removed(self.heap).is_linking() && !planted(Flaw::NoHandshake);
        let place = place.filter(|_| !linking).and_then(|place| self.unlink(node, place));
        // A search takes it out as well.
        let place = place.unwrap_or_else(|| self.place(self.key(node, pin), pin));
        if !linking {
            self.retire(node, pin);
        }
        place
    }

    /// Takes a marked node from all levels by its key's place; returns the place without it, if it was still true.
    fn unlink(&self, node: Raw, mut place: Place) -> Option<Place> {
        let to_node = Link::to(node, self.base());
        for level in (0..node.state().height()).rev() {
            if place.right[level] != to_node {
                return None;
            }
            let next = node.load(level).unmarked();
            place.left[level].exchange(level, to_node, next, self.heap).ok()?;
            place.right[level] = next;
        }
        Some(place)
    }

    /// Takes a node from all levels, of which nobody will link it to another, and retires it.
    pub(super) fn take_out(&self, node: Raw, pin: &Pin) {
        self.place(self.key(node, pin), pin);
        self.retire(node, pin);
    }
}
