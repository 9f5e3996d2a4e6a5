//! Following pointers: offsets from the heap's base beside addresses, through the same nodes.

use std::hint::black_box;
use std::ptr::{self, NonNull};

use outlive::typed::PPtr;
use outlive::{HeapType, Offset, PVec, Persist};

use crate::Bench;
use crate::rows::{Rows, Side};

/// A node of a ring, which says twice where the next one is.
#[derive(Persist)]
pub(crate) struct Node<'h> {
    next: PPtr<Node<'h>, Bench<'h>>,
    address: u64,
}

const BAR: Option<f64> = Some(1.1);
const STEPS: usize = 1_000_000;

fn pointer<'h>(node: &Node<'h>, heap: Bench<'h>) -> PPtr<Node<'h>, Bench<'h>> {
    let distance = ptr::from_ref(node).addr() - heap.base().addr().get();
    PPtr::new(Offset::new(distance as u64).expect("a block"), (), heap)
}

/// So many nodes, each of which leads to one far away.
fn fill<'h>(nodes: &mut PVec<Node<'h>, Bench<'h>>, count: usize, heap: Bench<'h>) {
    nodes.clear();
    let nowhere = PPtr::new(Offset::new(heap.base().addr().get() as u64).expect("an offset"), (), heap);
    nodes.extend((0..count).map(|_| Node { next: nowhere, address: 0 }));
    let mut places: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let other = crate::scattered(last) % (last as u64 + 1);
        places.swap(last, usize::try_from(other).expect("an index"));
    }
    for (at, place) in places.iter().enumerate() {
        let next = ptr::from_ref(&nodes[places[(at + 1) % count]]);
        // SAFETY: a node of the vector.
        nodes[*place].next = pointer(unsafe { &*next }, heap);
        nodes[*place].address = next.expose_provenance() as u64;
    }
}

pub(crate) fn all<'h>(rows: &Rows, nodes: &mut PVec<Node<'h>, Bench<'h>>, heap: Bench<'h>) {
    for (name, count) in [("chase, 1,000 nodes", 1_000), ("chase, 1,000,000 nodes", 1_000_000)] {
        if !rows.wants(name) {
            continue;
        }
        fill(nodes, count, heap);
        let first = &nodes[0];
        let ours = || {
            let mut at = pointer(first, heap);
            for _ in 0..STEPS {
                // SAFETY: the ring's nodes stay where they are.
                at = unsafe { at.get() }.next;
            }
            at.offset().get()
        };
        let theirs = || {
            let mut at = NonNull::from(first);
            for _ in 0..STEPS {
                // SAFETY: the ring's nodes stay where they are.
                let address = unsafe { at.as_ref() }.address;
                let address = usize::try_from(address).expect("an address");
                let next = ptr::with_exposed_provenance_mut(address);
                // SAFETY: the address of a node.
                at = unsafe { NonNull::new_unchecked(next) };
            }
            black_box(at).addr().get() as u64
        };
        let side = |act| Side { prepare: Box::new(|| ()), act };
        rows.compare(
            name,
            BAR,
            STEPS,
            side(Box::new(ours) as Box<dyn FnMut() -> u64>),
            side(Box::new(theirs)),
        );
    }
    nodes.clear();
    nodes.shrink_to_fit();
}
