//! A copy of all memory, made under all locks while threads are at work, as a `fork` makes it.
//!
//! The copy is of one moment: it shows what each thread has stored up to some point, and nothing after it. It may lack
//! blocks, which are on their way, but shows none twice: the child gives what lies in its magazines back to its pools.

use super::heap::{Heap, SLOTS, only};
use super::{explore, failure};
use crate::magazines::Cache;
use crate::planted::Bug;
use crate::pools::block;
use crate::primitive::{moment, watch_stores};
use crate::units::Class;

/// Copies the memory while `work` is under way in a thread whose magazine has so many blocks.
fn copy_during(filled: usize, work: fn(&Heap, *mut u8)) {
    let heap = Heap::new(2, SLOTS + 2);
    let block = heap.alloc_directly();
    heap.fill(0, filled);
    watch_stores(true);
    let worker = heap.spawn(move |heap| work(heap, block));
    copy(&heap);
    worker.join().unwrap();
}

fn copy(heap: &Heap) {
    heap.magazines.registry().seize();
    heap.magazines.pools().raw_locks().iter().for_each(|lock| lock.seize());
    moment();
    let shown = heap.copied();
    assert!(shown.is_sorted_by(|one, next| one < next), "the copy shows blocks twice: {shown:?}");
    heap.magazines.pools().raw_locks().iter().for_each(|lock| lock.release());
    heap.magazines.registry().release();
}

#[test]
fn a_copy_during_pops_and_pushes() {
    explore("copy, pops and pushes", None, || {
        copy_during(2, |heap, block| {
            heap.free(0, block);
            let block = heap.alloc(0).unwrap();
            // Another thread frees what this one allocated.
            heap.free(1, block);
        });
    });
}

#[test]
fn a_copy_during_refills() {
    explore("copy, refills", None, || {
        copy_during(0, |heap, _| {
            heap.alloc(0);
            heap.alloc(0);
        });
    });
}

/// The blocks that stay move down when the oldest leave: while the count was lowered last, a copy made between the
/// moves showed one block in two slots, and the child of a `fork` ended with a message about a block freed twice.
#[test]
fn a_copy_during_a_give_back() {
    explore("copy, give-back", None, || copy_during(SLOTS, |heap, block| heap.free(0, block)));
}

#[test]
fn a_copy_during_a_flush() {
    explore("copy, flush", None, || copy_during(SLOTS, |heap, _| heap.magazines.flush_own(heap.seat(0))));
}

#[test]
fn a_copy_during_an_eviction_and_a_return() {
    explore("copy, eviction", None, || {
        copy_during(SLOTS, |heap, block| {
            heap.magazines.take_idle(heap.seat(1), true);
            heap.free(0, block);
        });
    });
}

#[test]
fn a_copy_during_an_exit() {
    explore("copy, exit", None, || copy_during(SLOTS, |heap, _| heap.magazines.leave(heap.seat(0))));
}

fn with_cache(heap: &Heap, act: impl FnOnce(&Cache)) {
    heap.seat(0).with_own(heap.magazines.registry(), act);
}

#[test]
fn blocks_that_enter_the_pool_before_they_leave_the_magazine_are_caught() {
    let message = failure(Bug::None, Some(2), || {
        copy_during(SLOTS, |heap, _| {
            with_cache(heap, |cache| {
                let magazine = only(cache);
                heap.magazines.pools().lock(Class::ONLY).give(magazine.oldest(2));
                magazine.drop_oldest(2);
            });
        });
    });
    assert!(message.contains("twice"));
}

#[test]
fn blocks_that_enter_a_magazine_before_they_leave_the_pool_are_caught() {
    let message = failure(Bug::None, Some(2), || {
        copy_during(0, |heap, _| {
            with_cache(heap, |cache| {
                let free = {
                    let _pool = heap.magazines.pools().lock(Class::ONLY);
                    heap.magazines.pools().free_blocks()[0]
                };
                only(cache).set_room(1);
                only(cache).push(block(free));
                heap.magazines.pools().lock(Class::ONLY).take(1, |_| ());
            });
        });
    });
    assert!(message.contains("twice"));
}
