//! A capture: under all locks, and while threads pop and push, a magazine is copied word by word, its count first.
//!
//! What the copy shows may be of no single moment. But no block that was in use all the time is in it: it would be free in
//! the image, and part of somebody's data there.

use super::heap::{Heap, SLOTS, only};
use super::{explore, failure};
use crate::planted::Bug;
use crate::pools::number;

/// In which order a magazine is copied.
#[derive(Clone, Copy)]
enum Order {
    CountFirst,
    SlotsFirst,
}

/// Captures while `work` is under way in a thread that has a block in use all the time. That block was in its magazine
/// once, so that some slot may still name it.
fn capture_during(filled: usize, order: Order, work: fn(&Heap)) {
    let heap = Heap::new(1, SLOTS + 2);
    heap.fill(0, filled);
    let in_use = heap.alloc(0).expect("a block in the magazine");
    let worker = heap.spawn(work);
    let shown = capture(&heap, order);
    worker.join().unwrap();
    assert!(!shown.contains(&number(in_use)), "the capture shows block {}, which is in use", number(in_use));
}

fn capture(heap: &Heap, order: Order) -> Vec<usize> {
    heap.magazines.registry().seize();
    heap.magazines.pools().raw_locks().iter().for_each(|lock| lock.seize());
    let magazine = only(heap.cache(0));
    let (count, slots): (_, Vec<_>) = match order {
        Order::CountFirst => {
            let count = magazine.count();
            (count, magazine.oldest(count).collect())
        }
        Order::SlotsFirst => {
            let slots = magazine.oldest(u32::try_from(SLOTS).unwrap()).collect();
            (magazine.count(), slots)
        }
    };
    let shown = slots.into_iter().take(count as usize).filter(|block| !block.is_null()).map(number).collect();
    heap.magazines.pools().raw_locks().iter().for_each(|lock| lock.release());
    heap.magazines.registry().release();
    shown
}

/// Two blocks come and go through the slot that named the block in use.
fn pops_and_pushes(heap: &Heap) {
    let block = heap.alloc(0).unwrap();
    heap.free(0, block);
    let (one, two) = (heap.alloc(0).unwrap(), heap.alloc(0).unwrap());
    heap.free(0, one);
    heap.free(0, two);
}

#[test]
fn a_capture_during_pops_and_pushes() {
    explore("capture, pops and pushes", None, || {
        capture_during(SLOTS, Order::CountFirst, pops_and_pushes);
    });
}

/// While the refill wrote its slots and its count in no order, a capture could show what the slots had named before.
#[test]
fn a_capture_during_a_refill() {
    explore("capture, refill", None, || {
        capture_during(1, Order::CountFirst, |heap| {
            heap.alloc(0);
        });
    });
}

#[test]
fn a_capture_during_a_give_back() {
    explore("capture, give-back", Some(3), || {
        capture_during(SLOTS, Order::CountFirst, |heap| {
            let blocks = [heap.alloc_directly(), heap.alloc_directly()];
            blocks.into_iter().for_each(|block| heap.free(0, block));
        });
    });
}

#[test]
fn slots_that_are_copied_before_their_count_are_caught() {
    let message = failure(Bug::None, Some(2), || {
        capture_during(SLOTS, Order::SlotsFirst, |heap| {
            let blocks = [heap.alloc_directly(), heap.alloc_directly()];
            blocks.into_iter().for_each(|block| heap.free(0, block));
        });
    });
    assert!(message.contains("in use"), "{message}");
}
