//! A map as part of a root: its description, and its bytes looked at by somebody who believes none of them.
//!
//! 1. A link is followed only to a node whose whole block the inspector has granted; that decides how high the node is.
//! 2. The levels above the bottom lead to nodes that were met already, forwards, or to ones that a panic has left there.
//! 3. That keys are in order is looked at when all of them were inspected: without it lookups fail, and nothing worse.

use core::cmp::Ordering;
use std::collections::HashMap;

use super::PSkipMap;
use super::header::Header;
use super::link::Link;
use super::node::{HIGHEST, Node, Raw};
use crate::collections::raw::changes_are_noted;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Niche, Parts, Persist, Whole};

/// The nodes of a map that were met, by their distance: how high they are, and how many came before.
struct Walk<'a, 'heap, K, V, H: HeapType> {
    map: *const PSkipMap<K, V, H>,
    inspector: &'a mut Inspector<'heap>,
    met: HashMap<u64, (usize, usize)>,
}

impl<K: Persist, V: Persist, H: HeapType> Walk<'_, '_, K, V, H> {
    /// The node at this distance, of which nobody else has the block.
    fn meet(&mut self, link: Link) -> Result<Raw, Fault> {
        let distance = link.unmarked().word();
        for height in 1..=HIGHEST {
            let front = Node::<K, V>::front(height);
            let Some(start) = distance.checked_sub(front as u64) else { break };
            let Ok(block) = self.inspector.own(self.map, start, Node::<K, V>::layout(height)) else {
                continue;
            };
            // SAFETY: the block is granted, and as long as that.
            let place = unsafe { block.add(front) };
            // SAFETY: any bytes are a state and a tower, which lie in the block.
            let node = unsafe { Raw::at(place) };
            let said = node.state().height();
            if said != height {
                let what = format!("a tower of height {said} in a block for one of {height}");
                return Err(self.inspector.fault(place.as_ptr(), what));
            }
            self.met.insert(distance, (height, self.met.len()));
            // SAFETY: the key lies in the block that was just asked for.
            unsafe { self.inspector.look_into(Node::<K, V>::key_at(node), 1) };
            // SAFETY: so does the value.
            unsafe { self.inspector.look_into(Node::<K, V>::value_at(node), 1) };
            return Ok(node);
        }
        Err(self.inspector.fault(self.map, format!("no node of its kind lies at +{distance:#x}")))
    }

    /// All nodes of the bottom; how many of them are entries.
    fn bottom(&mut self, mut link: Link) -> Result<usize, Fault> {
        let mut entries = 0;
        while link.unmarked() != Link::END {
            link = self.meet(link)?.load(0);
            entries += usize::from(!link.is_marked());
        }
        Ok(entries)
    }

    /// A level above the bottom, whose nodes lie above `base`.
    fn level(&mut self, head: Raw, level: usize, base: core::ptr::NonNull<u8>) -> Result<(), Fault> {
        let (mut link, mut least) = (head.load(level), 0);
        while link.unmarked() != Link::END {
            let distance = link.unmarked().word();
            let node = match self.met.get(&distance).copied() {
                None => self.meet(link)?,
                Some((height, at)) if height > level && at >= least => {
                    least = at + 1;
                    // It was met, so a node lies there.
                    link.node(base).ok_or_else(|| self.inspector.fault(self.map, "no node"))?
                }
                Some(_) => {
                    let what = format!("level {level} goes back to +{distance:#x}, or has no room there");
                    return Err(self.inspector.fault(self.map, what));
                }
            };
            if node.state().height() <= level {
                return Err(self.inspector.fault(self.map, format!("level {level} leads to a lower node")));
            }
            link = node.load(level);
        }
        Ok(())
    }

    fn removed(&mut self, mut link: Link) -> Result<(), Fault> {
        while link != Link::END {
            link = self.meet(link)?.next_removed();
        }
        Ok(())
    }
}

// SAFETY: a map is a number that is not 0; nodes, keys and values are found by distances from the base, and all of them are told of.
// Its own bytes never change while it is shared.
unsafe impl<K: Persist, V: Persist, H: HeapType> Persist for PSkipMap<K, V, H> {
    type In<'h> = PSkipMap<K::In<'h>, V::In<'h>, H::In<'h>>;
    const NICHE: Niche = Niche::not_zero(8);

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        let (key, value) = (layouts.name_of::<K>(), layouts.name_of::<V>());
        format!("PSkipMap<{key}, {value}>")
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("skip list 1");
        const { changes_are_noted::<K>() };
        const { changes_are_noted::<V>() };
        parts.owns::<K>();
        parts.owns::<V>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise; any bytes are a number.
        let distance = unsafe { at.cast::<u64>().read() };
        let header = inspector.own(at, distance, Header::LAYOUT)?.cast::<Header>();
        let base = header.cast::<u8>();
        // SAFETY: the header lies so far above the base.
        let base = unsafe { base.sub(usize::try_from(distance).unwrap_or(0)) };
        let head = Header::head(header);
        let height = head.state().height();
        if !(1..=HIGHEST).contains(&height) {
            return Err(inspector.fault(at, format!("the highest tower of a map cannot be {height}")));
        }
        let mut walk = Walk::<K, V, H> { map: at, inspector, met: HashMap::new() };
        let entries = walk.bottom(head.load(0))?;
        for level in 1..HIGHEST {
            walk.level(head, level, base)?;
        }
        // SAFETY: the header's block was granted, and any bytes are a header.
        let header = unsafe { header.as_ref() };
        for first in header.removed() {
            walk.removed(first)?;
        }
        let len = header.len();
        if len != entries {
            return Err(inspector.fault(at, format!("{entries} entries, where {len} were counted")));
        }
        // SAFETY: header and nodes were asked for and keys are looked into; a map is found in the heap it is in.
        unsafe { inspector.look_when_whole(at) };
        Ok(())
    }
}

/// Of two keys that follow each other the second is the higher one, or the same where the first one's node leaves: its
/// successor has taken its place.
impl<K: Persist, V: Persist, H: HeapType> Whole for PSkipMap<K, V, H> {
    fn look(&self, inspector: &Inspector<'_>) -> Result<(), Fault> {
        let Some(order) = K::order() else { return Ok(()) };
        let base = self.heap.base();
        let mut link = Header::head(self.header_at()).load(0);
        let (mut number, mut before) = (0, None::<(&K, Ordering)>);
        while let Some(node) = link.node(base) {
            // SAFETY: a node of this map, which nobody changes meanwhile.
            let key = unsafe { Node::<K, V>::key(node) };
            if before.is_some_and(|(before, highest)| order(before, key) > highest) {
                let what =
                    format!("node {number} of a skip list has a key that is not above the one before it");
                return Err(inspector.fault(key, what));
            }
            link = node.load(0);
            let highest = if link.is_marked() { Ordering::Equal } else { Ordering::Less };
            (number, before) = (number + 1, Some((key, highest)));
        }
        Ok(())
    }
}
