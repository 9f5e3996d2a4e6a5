//! Removals: a node that has too few entries takes one of a neighbour's, or becomes one with it.

use core::ptr;

use super::{CAP, LEAST, Node, Path, RawTree, Shape};
use crate::typed::HeapType;

impl RawTree {
    /// Takes the entry to which the way leads at `level`. Afterwards the way is the place where the entry was.
    ///
    /// # Safety
    /// There is an entry; key and value can be written.
    #[inline]
    pub(in crate::collections) unsafe fn remove<H: HeapType>(
        &mut self,
        shape: &Shape,
        path: &mut Path,
        level: usize,
        entry: (*mut u8, *mut u8),
        heap: H,
    ) {
        let (node, at) = path.spot(level);
        // SAFETY: the entry is there, and the caller's promise.
        unsafe { ptr::copy_nonoverlapping(node.key(shape, at), entry.0, shape.key) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(node.value(shape, at), entry.1, shape.value) };
        if level == 0 {
            let len = node.len();
            // SAFETY: those behind it move over it.
            unsafe { node.move_entries(shape, at + 1, node, at, len - at - 1, heap) };
            node.set_len(len - 1, heap);
        } else {
            // The entry before it, which is the last one of a leaf, takes its place.
            path.descend(shape, level, true, heap);
            let leaf = path.nodes[0];
            let last = leaf.len() - 1;
            // SAFETY: the place's entry was taken.
            unsafe { leaf.move_entries(shape, last, node, at, 1, heap) };
            leaf.set_len(last, heap);
            path.set(0, leaf, last);
        }
        self.count(-1);
        if path.nodes[0].len() < LEAST {
            // SAFETY: the way leads through this tree.
            unsafe { self.fill_up(shape, path, heap) };
        }
        if level > 0 {
            path.next(shape, heap);
        }
    }

    /// Gives nodes of the way that have too few entries some of their neighbours', from the leaf on.
    ///
    /// # Safety
    /// The way ends at a leaf's edge of this tree.
    #[inline(never)]
    unsafe fn fill_up<H: HeapType>(&mut self, shape: &Shape, path: &mut Path, heap: H) {
        for level in 0..=path.height {
            let node = path.nodes[level];
            if level == path.height {
                if node.len() == 0 {
                    self.drop_root(shape, path, heap);
                }
                return;
            }
            if node.len() >= LEAST {
                return;
            }
            let (parent, at) = path.spot(level + 1);
            let (left, right) = (at.saturating_sub(1), at.saturating_sub(1) + 1);
            // SAFETY: a node above level 0 has at least one entry, so at least two edges.
            let one = unsafe { parent.child(shape, left, heap) };
            // SAFETY: as above.
            let pair = (one, unsafe { parent.child(shape, right, heap) });
            let len = pair.0.len();
            let has_left = at > 0;
            if len + 1 + pair.1.len() <= CAP {
                // SAFETY: the two are neighbours, and fit together.
                unsafe { Self::merge(shape, parent, left, pair, level, heap) };
                if has_left {
                    path.set(level, pair.0, path.at(level) + len + 1);
                    path.set(level + 1, parent, left);
                }
            } else {
                // SAFETY: the two are neighbours, and the one that gives has enough.
                unsafe { Self::rotate(shape, parent, left, pair, level, has_left, heap) };
                if has_left {
                    path.set(level, node, path.at(level) + 1);
                }
                return;
            }
        }
    }

    /// The root has no entry: its only child is the new one.
    fn drop_root<H: HeapType>(&mut self, shape: &Shape, path: &mut Path, heap: H) {
        let old = path.nodes[path.height];
        if path.height == 0 {
            *self = Self::new();
            // SAFETY: the tree has no node any more.
            unsafe { old.free(shape, 0, heap) };
            *path = Path::NOWHERE;
            return;
        }
        // SAFETY: a node above level 0 has an edge.
        self.root = unsafe { old.edge_at(shape, 0) };
        self.height -= 1;
        // SAFETY: nothing leads to it any more.
        unsafe { old.free(shape, path.height, heap) };
        path.height -= 1;
    }

    /// Puts the entry between two neighbours and all of the right one into the left one.
    ///
    /// # Safety
    /// They are neighbours, and fit together.
    unsafe fn merge<H: HeapType>(
        shape: &Shape,
        parent: Node,
        left: usize,
        pair: (Node, Node),
        level: usize,
        heap: H,
    ) {
        let (len, more, above) = (pair.0.len(), pair.1.len(), parent.len());
        // SAFETY: the places behind the left one's entries are free.
        unsafe { parent.move_entries(shape, left, pair.0, len, 1, heap) };
        // SAFETY: as above.
        unsafe { pair.1.move_entries(shape, 0, pair.0, len + 1, more, heap) };
        if level > 0 {
            // SAFETY: as above.
            unsafe { pair.1.move_edges(shape, 0, pair.0, len + 1, more + 1, heap) };
        }
        // SAFETY: the entry has left, and the edge behind it is not needed.
        unsafe { parent.move_entries(shape, left + 1, parent, left, above - left - 1, heap) };
        // SAFETY: as above.
        unsafe { parent.move_edges(shape, left + 2, parent, left + 1, above - left - 1, heap) };
        pair.0.set_len(len + 1 + more, heap);
        parent.set_len(above - 1, heap);
        // SAFETY: nothing leads to it any more.
        unsafe { pair.1.free(shape, level, heap) };
    }

    /// Moves one entry through the parent, to the right or to the left.
    ///
    /// # Safety
    /// The two are neighbours, and the one that gives has more than it needs.
    unsafe fn rotate<H: HeapType>(
        shape: &Shape,
        parent: Node,
        left: usize,
        pair: (Node, Node),
        level: usize,
        to_right: bool,
        heap: H,
    ) {
        let (one, other) = (pair.0.len(), pair.1.len());
        if to_right {
            // SAFETY: there is room for one more.
            unsafe { pair.1.move_entries(shape, 0, pair.1, 1, other, heap) };
            // SAFETY: the place is free now.
            unsafe { parent.move_entries(shape, left, pair.1, 0, 1, heap) };
            // SAFETY: the entry has left.
            unsafe { pair.0.move_entries(shape, one - 1, parent, left, 1, heap) };
            if level > 0 {
                // SAFETY: there is room for one more.
                unsafe { pair.1.move_edges(shape, 0, pair.1, 1, other + 1, heap) };
                // SAFETY: the place is free now.
                unsafe { pair.0.move_edges(shape, one, pair.1, 0, 1, heap) };
            }
            pair.0.set_len(one - 1, heap);
            pair.1.set_len(other + 1, heap);
        } else {
            // SAFETY: there is room for one more.
            unsafe { parent.move_entries(shape, left, pair.0, one, 1, heap) };
            // SAFETY: the entry has left.
            unsafe { pair.1.move_entries(shape, 0, parent, left, 1, heap) };
            // SAFETY: likewise.
            unsafe { pair.1.move_entries(shape, 1, pair.1, 0, other - 1, heap) };
            if level > 0 {
                // SAFETY: there is room for one more.
                unsafe { pair.1.move_edges(shape, 0, pair.0, one + 1, 1, heap) };
                // SAFETY: the edge has left.
                unsafe { pair.1.move_edges(shape, 1, pair.1, 0, other, heap) };
            }
            pair.0.set_len(one + 1, heap);
            pair.1.set_len(other - 1, heap);
        }
    }
}
