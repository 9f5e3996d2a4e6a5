//! Where the parts of a node are, for entries of a kind.

use core::alloc::Layout;

use super::CAP;

/// Where the parts of a node are.
#[derive(Clone, Copy, Debug)]
pub(in crate::collections) struct Shape {
    pub(super) key: usize,
    pub(super) value: usize,
    pub(super) keys: usize,
    pub(super) values: usize,
    pub(super) edges: usize,
    pub(super) leaf: Layout,
    pub(super) inner: Layout,
}

impl Shape {
    pub(in crate::collections) const fn of<K, V>() -> Self {
        const fn up(value: usize, align: usize) -> usize {
            value.next_multiple_of(align)
        }
        const fn layout(size: usize, align: usize) -> Layout {
            match Layout::from_size_align(up(size, align), align) {
                Ok(layout) => layout,
                Err(_) => panic!("a node of such entries is larger than memory"),
            }
        }
        let align = if align_of::<K>() > align_of::<V>() { align_of::<K>() } else { align_of::<V>() };
        let align = if align > 8 { align } else { 8 };
        assert!(
            align <= crate::units::PAGE,
            "a heap can be moved by whole pages: no alignment beyond one can be kept"
        );
        let keys = up(4, align_of::<K>());
        let values = up(keys + CAP * size_of::<K>(), align_of::<V>());
        let end = values + CAP * size_of::<V>();
        let edges = up(end, 8);
        Self {
            key: size_of::<K>(),
            value: size_of::<V>(),
            keys,
            values,
            edges,
            leaf: layout(end, align),
            inner: layout(edges + (CAP + 1) * 8, align),
        }
    }

    /// The layout of a node at this level.
    pub(in crate::collections) const fn layout(&self, level: usize) -> Layout {
        if level == 0 { self.leaf } else { self.inner }
    }
}
