//! Looks at every word of a map that nobody changes meanwhile.

use std::collections::HashSet;

use super::PSkipMap;
use super::epochs::Pin;
use super::link::Link;
use super::node::Raw;
use crate::typed::HeapType;

impl<K: Ord, V, H: HeapType> PSkipMap<K, V, H> {
    /// Nodes of a level, in its order.
    fn level(&self, level: usize) -> Vec<Raw> {
        let mut link = self.head().load(level);
        core::iter::from_fn(|| {
            assert!(!link.is_marked(), "a mark on level {level}, with nobody at work");
            let node = link.node(self.base())?;
            link = node.load(level);
            Some(node)
        })
        .collect()
    }

    /// Nodes that wait to be freed.
    pub(super) fn waiting(&self) -> Vec<Raw> {
        let mut nodes = Vec::new();
        for mut link in self.header().removed() {
            while let Some(node) = link.node(self.base()) {
                nodes.push(node);
                link = node.next_removed();
            }
        }
        nodes
    }

    /// How many nodes wait to be freed.
    #[cfg(loom)]
    pub(crate) fn waiting_len(&self) -> usize {
        self.waiting().len()
    }

    /// Panics unless the map is as it should be while nobody is at work.
    pub(crate) fn check(&self) {
        let pin = Pin::new();
        let bottom = self.level(0);
        assert_eq!(bottom.len(), self.len());
        let height = self.head().state().height();
        let mut below = bottom.iter().map(|node| node.address()).collect::<HashSet<_>>();
        for level in 0..super::node::HIGHEST {
            let nodes = self.level(level);
            let keys = nodes.iter().map(|node| self.key(*node, &pin)).collect::<Vec<_>>();
            assert!(keys.is_sorted_by(|a, b| a < b), "level {level} is out of order");
            assert!(nodes.is_empty() || level < height);
            for node in &nodes {
                assert!(node.state().height() > level && !node.state().is_linking());
                assert!(!node.state().is_removed());
            }
            let set = nodes.iter().map(|node| node.address()).collect::<HashSet<_>>();
            assert!(set.is_subset(&below), "level {level} has what the one below has not");
            below = set;
        }
        for node in self.waiting() {
            assert!(node.state().is_removed() && node.load(0).is_marked());
            assert!(!bottom.contains(&node), "removed, and still there");
        }
        assert!(self.head().load(height.min(super::node::HIGHEST - 1) - 1) != Link::END.marked());
    }

    /// Whether each node is on all levels that it has room for, as it is unless something panicked.
    pub(super) fn is_fully_linked(&self) -> bool {
        let bottom = self.level(0);
        (1..super::node::HIGHEST).all(|level| {
            let high = bottom.iter().filter(|node| node.state().height() > level);
            high.count() == self.level(level).len()
        })
    }
}
