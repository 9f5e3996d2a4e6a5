//! A B-tree of untyped nodes: the core of `PBTreeMap`.
//!
//! ```text
//! node: | len, level | keys: 11 | values: 11 | edges: 12, above level 0 |
//! ```
//!
//! Nodes do not know their parents: a commit takes what has changed, and a split would change all the children that move.
//! Who changes the tree has come down from the root, and knows the way ([`Path`]).
//!
//! Invariants:
//! 1. `root` is a node at level `height`; or none, and all numbers are 0. Edges of a node at level n + 1 lead to nodes at level n;
//!    leaves are at level 0.
//! 2. A node has at most `CAP` entries, and at least `LEAST` if it is not the root, which has at least 1.
//! 3. An insertion has all the nodes that it will need before it changes anything.
//!
//! | file | what it has |
//! |---|---|
//! | `shape`, `node` | where the parts of a node are, and what is done to one |
//! | `path` | ways through the tree, and on from an entry to its neighbours |
//! | `insert`, `remove` | what changes more than one node |
//! | this one | the tree as a whole: search, inspection, release |

mod insert;
mod node;
mod path;
mod remove;
mod shape;

pub(in crate::collections) use node::Node;
pub(in crate::collections) use path::Path;
pub(in crate::collections) use shape::Shape;

use super::{At, count, note};
use crate::typed::{Fault, HeapType, Inspector};

/// Entries of a node, and half of them: a node with less takes some of its neighbours', or becomes one with them.
pub(in crate::collections) const CAP: usize = 11;
pub(in crate::collections) const LEAST: usize = CAP / 2;
/// No tree is higher: each level has six times the nodes, and 6^17 nodes of 32 bytes are more than can be addressed.
pub(in crate::collections) const DEPTH: usize = 18;

#[derive(Debug)]
#[repr(C)]
pub(in crate::collections) struct RawTree {
    root: At,
    height: u64,
    len: u64,
}

impl RawTree {
    pub(in crate::collections) const fn new() -> Self {
        Self { root: At::NONE, height: 0, len: 0 }
    }

    #[inline]
    pub(in crate::collections) const fn len(&self) -> usize {
        count(self.len)
    }

    #[inline]
    pub(in crate::collections) const fn height(&self) -> usize {
        count(self.height)
    }

    #[inline]
    pub(in crate::collections) fn root<H: HeapType>(&self, heap: H) -> Option<Node> {
        if self.root.is_none() { None } else { Some(Node(self.root.ptr(heap))) }
    }

    /// Makes `path`, which leads nowhere, the way along which `choose` says the edge in each node, and whether it found there what
    /// it looks for; from there on the way goes to the last edge below, or with `after` to the first one behind.
    ///
    /// Ways are long: they are made where they are needed, and not moved there.
    #[inline]
    pub(in crate::collections) fn seek<H: HeapType>(
        &self,
        path: &mut Path,
        shape: &Shape,
        after: bool,
        heap: H,
        mut choose: impl FnMut(Node) -> (usize, bool),
    ) {
        let Some(mut node) = self.root(heap) else { return };
        path.height = self.height();
        let mut level = path.height;
        loop {
            let (at, found) = choose(node);
            let at = at + usize::from(found && after);
            path.set(level, node, at);
            if found {
                return path.descend(shape, level, !after, heap);
            }
            if level == 0 {
                return;
            }
            // SAFETY: above level 0, and `choose` returns an edge.
            node = unsafe { node.child_ahead(shape, at, heap) };
            level -= 1;
        }
    }

    /// Makes `path`, which leads nowhere, the way to what `choose` finds, as far as it goes; says at which level it was found.
    #[inline]
    pub(in crate::collections) fn search<H: HeapType>(
        &self,
        path: &mut Path,
        shape: &Shape,
        heap: H,
        mut choose: impl FnMut(Node) -> (usize, bool),
    ) -> Option<usize> {
        let mut node = self.root(heap)?;
        path.height = self.height();
        let mut level = path.height;
        loop {
            let (at, found) = choose(node);
            path.set(level, node, at);
            if found || level == 0 {
                return found.then_some(level);
            }
            // SAFETY: above level 0, and `choose` returns an edge.
            node = unsafe { node.child_ahead(shape, at, heap) };
            level -= 1;
        }
    }

    /// Makes `path`, which leads nowhere, the place before all entries, or behind them.
    pub(in crate::collections) fn end<H: HeapType>(
        &self,
        path: &mut Path,
        shape: &Shape,
        last: bool,
        heap: H,
    ) {
        self.seek(path, shape, true, heap, |node| (if last { node.len() } else { 0 }, false));
    }

    #[inline]
    fn count(&mut self, more: i64) {
        self.len = self.len.wrapping_add_signed(more);
    }

    /// Finds fault with bytes that are to be a tree, and returns its root if it has one.
    ///
    /// # Errors
    /// [`Fault`].
    pub(in crate::collections) fn inspect(
        &self,
        shape: &Shape,
        inspector: &mut Inspector<'_>,
    ) -> Result<Option<Node>, Fault> {
        if self.root.is_none() {
            let nothing = self.height == 0 && self.len == 0;
            return if nothing { Ok(None) } else { Err(inspector.fault(self, "entries without a root")) };
        }
        if self.height >= DEPTH as u64 {
            return Err(inspector.fault(self, format!("a tree of {} levels", self.height)));
        }
        Node::inspect(self, self.root, self.height(), 1, shape, inspector).map(Some)
    }

    /// Gives back all nodes.
    ///
    /// # Safety
    /// Nobody uses the tree after this, and its entries belong to nobody.
    pub(in crate::collections) unsafe fn release<H: HeapType>(&self, shape: &Shape, heap: H) {
        unsafe fn free<H: HeapType>(node: Node, level: usize, shape: &Shape, heap: H) {
            if level > 0 {
                for edge in 0..=node.len() {
                    // SAFETY: above level 0, and an edge of the node.
                    let child = unsafe { node.child(shape, edge, heap) };
                    // SAFETY: the caller's promise; no deeper than the tree is high.
                    unsafe { free(child, level - 1, shape, heap) };
                }
            }
            // SAFETY: the caller's promise.
            unsafe { node.free(shape, level, heap) };
        }
        if let Some(root) = self.root(heap) {
            // SAFETY: the caller's promise.
            unsafe { free(root, self.height(), shape, heap) };
        }
    }
}
