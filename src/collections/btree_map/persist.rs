//! Maps as parts of what lives across runs.
//!
//! The length is that of the whole tree, and the order is that of values: both are looked at when all of it was inspected. In a tree
//! that is out of order keys are not found, and nothing worse.

use core::cmp::Ordering;
use core::marker::PhantomData;

use super::{PBTreeMap, key_at};
use crate::collections::raw::{CAP, LEAST, Node, Path, Shape, changes_are_noted};
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist, Whole};

/// Stands at the beginning of a node, whose entries and children it has looked into.
struct AtNode<K, V>(PhantomData<(K, V)>);

// SAFETY: it is only ever a place to begin at; everything in the node is inspected.
unsafe impl<K: Persist, V: Persist> Persist for AtNode<K, V> {
    type In<'h> = AtNode<K::In<'h>, V::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("Node<{}, {}>", layouts.name_of::<K>(), layouts.name_of::<V>())
    }

    fn describe(parts: &mut Parts<'_>) {
        let shape = Shape::of::<K, V>();
        parts.remark(&format!("{CAP} entries: {shape:?}"));
        parts.owns::<K>();
        parts.owns::<V>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        let shape = Shape::of::<K, V>();
        // SAFETY: the node was asked for by who had it looked into, and its level and length were compared.
        let node = unsafe { Node::new(at.cast::<u8>().cast_mut()) };
        for index in 0..node.len() {
            // SAFETY: key and value lie in the block.
            unsafe { K::inspect(node.key(&shape, index).cast::<K>(), inspector) }?;
            // SAFETY: as above.
            unsafe { V::inspect(node.value(&shape, index).cast::<V>(), inspector) }?;
        }
        let Some(below) = node.level().checked_sub(1) else { return Ok(()) };
        for index in 0..=node.len() {
            // SAFETY: the node is above level 0, and has as many edges.
            let edge = unsafe { node.edge_at(&shape, index) };
            let child = Node::inspect(at, edge, below, LEAST, &shape, inspector)?;
            // SAFETY: the block was just asked for.
            unsafe { inspector.look_into(child.start().cast::<Self>().cast_const(), 1) };
        }
        Ok(())
    }
}

// SAFETY: a map names its root by its offset, and owns nothing else; each node is asked for by the one above it, and looked into.
unsafe impl<K: Persist, V: Persist, H: HeapType> Persist for PBTreeMap<K, V, H> {
    type In<'h> = PBTreeMap<K::In<'h>, V::In<'h>, H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        format!("PBTreeMap<{}, {}>", layouts.name_of::<K>(), layouts.name_of::<V>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("tree 1: root, height, length");
        const { changes_are_noted::<K>() };
        const { changes_are_noted::<V>() };
        parts.owns::<AtNode<K, V>>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let map = unsafe { &*at };
        if let Some(root) = map.tree.inspect(Self::SHAPE, inspector)? {
            // SAFETY: the block was just asked for.
            unsafe { inspector.look_into(root.start().cast::<AtNode<K, V>>().cast_const(), 1) };
            // SAFETY: all nodes are asked for and looked into; a map is found in the heap it is in.
            unsafe { inspector.look_when_whole(at) };
        }
        Ok(())
    }
}

impl<K: Persist, V: Persist, H: HeapType> Whole for PBTreeMap<K, V, H> {
    fn look(&self, inspector: &Inspector<'_>) -> Result<(), Fault> {
        let mut path = Path::NOWHERE;
        self.tree.end(&mut path, Self::SHAPE, false, self.heap);
        let (mut entries, mut before) = (0, None::<&K>);
        while let Some(spot) = path.next(Self::SHAPE, self.heap) {
            let key = key_at::<K, V>(spot);
            if let (Some(order), Some(before)) = (K::order(), before)
                && order(before, key) != Ordering::Less
            {
                let what = format!("key {entries} of a tree is not above the one before it");
                return Err(inspector.fault(key, what));
            }
            (entries, before) = (entries + 1, Some(key));
        }
        if entries == self.len() {
            return Ok(());
        }
        Err(inspector.fault(self, format!("a tree of {entries} entries, where {} were counted", self.len())))
    }
}
