//! Maps as parts of what lives across runs.

use core::marker::PhantomData;

use super::PBTreeMap;
use crate::collections::raw::{CAP, LEAST, Node, Shape};
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist};

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
        format!("PBTreeMap<{}, {}>", layouts.name_of::<K>(), layouts.name_of::<V>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("tree 1: root, height, length");
        parts.owns::<AtNode<K, V>>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let map = unsafe { &*at };
        if let Some(root) = map.tree.inspect(Self::SHAPE, inspector)? {
            // SAFETY: the block was just asked for.
            unsafe { inspector.look_into(root.start().cast::<AtNode<K, V>>().cast_const(), 1) };
        }
        Ok(())
    }
}
