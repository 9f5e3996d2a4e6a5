//! Ways through a tree, which remember where they went at each level.

use super::{CAP, DEPTH, Node, Shape};
use crate::typed::HeapType;

/// A way from the root to a leaf: the node at each level, and an edge or an entry in it.
///
/// A leaf has an edge before, between and behind its entries as well. As a place between two entries a way
/// always ends at a leaf's edge, of which there is one between any two entries of the tree that follow each other.
#[derive(Clone, Debug)]
pub(in crate::collections) struct Path {
    pub(super) nodes: [Node; DEPTH],
    at: [u8; DEPTH],
    pub(super) height: usize,
}

impl Path {
    pub(in crate::collections) const NOWHERE: Self =
        Self { nodes: [Node::NONE; DEPTH], at: [0; DEPTH], height: 0 };

    #[inline]
    pub(super) fn at(&self, level: usize) -> usize {
        usize::from(self.at[level])
    }

    #[allow(clippy::cast_possible_truncation, reason = "no more than `CAP` + 1")]
    #[inline]
    pub(in crate::collections) fn set(&mut self, level: usize, node: Node, at: usize) {
        debug_assert!(at <= CAP);
        self.nodes[level] = node;
        self.at[level] = at as u8;
    }

    /// The node at a level, and the edge or entry in it.
    #[inline]
    pub(in crate::collections) fn spot(&self, level: usize) -> (Node, usize) {
        (self.nodes[level], self.at(level))
    }

    /// Whether both are the same place between two entries.
    #[inline]
    pub(in crate::collections) fn is_at(&self, other: &Self) -> bool {
        self.nodes[0] == other.nodes[0] && self.at[0] == other.at[0]
    }

    #[inline]
    pub(in crate::collections) fn is_nowhere(&self) -> bool {
        self.nodes[0] == Node::NONE
    }

    /// Makes this way, which leads nowhere, the one behind all entries of the tree in which `other` is.
    pub(in crate::collections) fn make_end<H: HeapType>(&mut self, other: &Self, shape: &Shape, heap: H) {
        if other.is_nowhere() {
            return;
        }
        let root = other.nodes[other.height];
        self.height = other.height;
        self.set(self.height, root, root.len());
        self.descend(shape, self.height, true, heap);
    }

    /// Goes on from edge `at` of the node at `level` to the first or last edge below it.
    #[inline]
    pub(super) fn descend<H: HeapType>(&mut self, shape: &Shape, level: usize, last: bool, heap: H) {
        for level in (0..level).rev() {
            let (node, at) = self.spot(level + 1);
            // SAFETY: the way has edges above level 0.
            let child = unsafe { node.child(shape, at, heap) };
            self.set(level, child, if last { child.len() } else { 0 });
        }
    }

    /// Goes over the next entry, and says where it is.
    #[inline]
    pub(in crate::collections) fn next<H: HeapType>(
        &mut self,
        shape: &Shape,
        heap: H,
    ) -> Option<(Node, usize)> {
        let (leaf, at) = self.spot(0);
        if leaf != Node::NONE && at < leaf.len() {
            self.at[0] += 1;
            return Some((leaf, at));
        }
        self.next_above(shape, heap)
    }

    #[inline(never)]
    fn next_above<H: HeapType>(&mut self, shape: &Shape, heap: H) -> Option<(Node, usize)> {
        let found = (1..=self.height).find(|level| self.at(*level) < self.nodes[*level].len())?;
        let spot = self.spot(found);
        self.at[found] += 1;
        self.descend(shape, found, false, heap);
        Some(spot)
    }

    /// At which level the next entry is. There is one.
    pub(in crate::collections) fn level_of_next(&self) -> usize {
        (0..self.height).find(|level| self.at(*level) < self.nodes[*level].len()).unwrap_or(self.height)
    }

    /// Goes back over the entry before, and says where it is.
    #[inline]
    pub(in crate::collections) fn previous<H: HeapType>(
        &mut self,
        shape: &Shape,
        heap: H,
    ) -> Option<(Node, usize)> {
        if self.at[0] > 0 {
            self.at[0] -= 1;
            return Some(self.spot(0));
        }
        let found = (1..=self.height).find(|level| self.at[*level] > 0)?;
        self.at[found] -= 1;
        let spot = self.spot(found);
        self.descend(shape, found, true, heap);
        Some(spot)
    }
}
