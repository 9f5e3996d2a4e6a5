//! Insertions: a full node is split, from the leaf upwards, with nodes that were all made before.

use super::{At, CAP, DEPTH, LEAST, Node, Path, RawTree, Shape};
use crate::handle::AllocError;
use crate::typed::HeapType;

/// Nodes that nobody has yet. Those left over go back.
struct Fresh<'a, H: HeapType> {
    nodes: [Node; DEPTH + 1],
    made: usize,
    shape: &'a Shape,
    heap: H,
}

impl<H: HeapType> Fresh<'_, H> {
    fn take(&mut self, level: usize) -> Node {
        core::mem::replace(&mut self.nodes[level], Node::NONE)
    }
}

impl<H: HeapType> Drop for Fresh<'_, H> {
    fn drop(&mut self) {
        for (level, node) in self.nodes[..self.made].iter().enumerate() {
            // SAFETY: nodes that were taken are none; the others belong to nobody.
            unsafe { node.free(self.shape, level, self.heap) };
        }
    }
}

impl RawTree {
    /// Inserts an entry where the way ends, and returns its value's address. The way is of no use afterwards.
    ///
    /// # Errors
    /// [`AllocError`]: nothing was changed.
    ///
    /// # Safety
    /// The way ends at a leaf's edge of this tree. Key and value can be read, and belong to the tree on success.
    #[inline]
    pub(in crate::collections) unsafe fn insert<H: HeapType>(
        &mut self,
        shape: &Shape,
        path: &mut Path,
        entry: (*const u8, *const u8),
        heap: H,
    ) -> Result<*mut u8, AllocError> {
        let (leaf, at) = path.spot(0);
        if leaf == Node::NONE || leaf.len() == CAP {
            // SAFETY: the caller's promise.
            return unsafe { self.insert_splitting(shape, path, entry, heap) };
        }
        // SAFETY: there is room, and the caller's promise.
        unsafe { leaf.insert(shape, at, entry, None, heap) };
        self.count(1);
        Ok(leaf.value(shape, at))
    }

    /// # Safety
    /// As for `insert`.
    #[cold]
    #[inline(never)]
    unsafe fn insert_splitting<H: HeapType>(
        &mut self,
        shape: &Shape,
        path: &mut Path,
        entry: (*const u8, *const u8),
        heap: H,
    ) -> Result<*mut u8, AllocError> {
        let mut fresh = Fresh { nodes: [Node::NONE; DEPTH + 1], made: 0, shape, heap };
        if self.root.is_none() {
            let leaf = Node::make(shape, 0, heap)?;
            self.root = At::of(leaf.0, heap);
            path.set(0, leaf, 0);
        } else {
            let full = (0..=path.height).take_while(|level| path.nodes[*level].len() == CAP).count();
            let needed = if full > path.height { full + 1 } else { full };
            assert!(needed <= DEPTH, "a tree of {} entries has no room in memory", self.len);
            for level in 0..needed {
                fresh.nodes[level] = Node::make(shape, level, heap)?;
                fresh.made = level + 1;
            }
        }
        // SAFETY: as many nodes were made as are full, and the caller's promise.
        let value = unsafe { self.insert_at(0, path, entry, None, &mut fresh) };
        self.count(1);
        Ok(value)
    }

    /// Inserts an entry where the way leads at `level`, and returns its value's address.
    ///
    /// # Safety
    /// As for `insert`; for each full node from this level on there is a fresh one, and one more if the root is full.
    unsafe fn insert_at<H: HeapType>(
        &mut self,
        level: usize,
        path: &mut Path,
        entry: (*const u8, *const u8),
        right: Option<Node>,
        fresh: &mut Fresh<'_, H>,
    ) -> *mut u8 {
        let (shape, heap) = (fresh.shape, fresh.heap);
        let (mut node, mut at) = path.spot(level);
        if node.len() == CAP {
            // Both halves have at least `LEAST` entries when the new one is in.
            let (middle, to_right) = match at {
                0..LEAST => (LEAST - 1, None),
                LEAST => (LEAST, None),
                _ if at == LEAST + 1 => (LEAST, Some(0)),
                _ => (LEAST + 1, Some(at - LEAST - 2)),
            };
            let new = fresh.take(level);
            let moved = CAP - middle - 1;
            // SAFETY: the entries behind the middle one go to a node that has none.
            unsafe { node.move_entries(shape, middle + 1, new, 0, moved, heap) };
            if level > 0 {
                // SAFETY: likewise with the edges behind it.
                unsafe { node.move_edges(shape, middle + 1, new, 0, moved + 1, heap) };
            }
            new.set_len(moved, heap);
            node.set_len(middle, heap);
            if level == path.height {
                let root = fresh.take(level + 1);
                root.set_edge(shape, 0, At::of(node.0, heap), heap);
                self.root = At::of(root.0, heap);
                self.height += 1;
                path.height += 1;
                path.set(level + 1, root, 0);
            }
            // The middle one is read from where it is, before the new one may take its place.
            let up = (node.key(shape, middle).cast_const(), node.value(shape, middle).cast_const());
            // SAFETY: it is part of neither half any more.
            unsafe { self.insert_at(level + 1, path, up, Some(new), fresh) };
            if let Some(to) = to_right {
                (node, at) = (new, to);
            }
        }
        // SAFETY: there is room now, and the caller's promise.
        unsafe { node.insert(shape, at, entry, right, heap) };
        node.value(shape, at)
    }
}
