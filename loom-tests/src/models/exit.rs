//! A thread that ends, and others that look for idle magazines or for a cache of their own.

use super::heap::{Heap, SLOTS};
use super::{explore, failure};
use crate::magazines::nobody;
use crate::planted::Bug;
use crate::units::Class;

const LEAVER: usize = 0;
const TAKER: usize = 1;
/// Has a seat, and will find a cache once somebody has left.
const NEWCOMER: usize = 2;

/// A thread works a little and ends, while a taker comes.
fn leaver_and_taker(leave: fn(&Heap)) {
    let heap = Heap::new(2, SLOTS + 1);
    heap.fill(LEAVER, SLOTS);
    let leaver = heap.spawn(move |heap| {
        let block = heap.alloc(LEAVER).unwrap();
        heap.free(LEAVER, block);
        leave(heap);
    });
    heap.magazines.take_idle(heap.seat(TAKER), true);
    leaver.join().unwrap();
    heap.assert_whole([]);
    assert!(heap.seat(LEAVER).own().is_null());
}

fn leave(heap: &Heap) {
    heap.magazines.leave(heap.seat(LEAVER));
}

/// An exit that does not lock the registry.
fn slip_away(heap: &Heap) {
    let cache = heap.cache(LEAVER);
    heap.seat(LEAVER).leave(nobody());
    let blocks = cache.drained();
    heap.magazines.pools().lock(Class::ONLY).give(blocks.into_iter());
}

#[test]
fn an_exit_and_a_taker() {
    explore("exit, a taker", Some(5), || leaver_and_taker(leave));
}

#[test]
fn a_cache_passes_from_one_thread_to_the_next() {
    explore("exit, a newcomer and a taker", Some(4), || {
        let heap = Heap::new(2, SLOTS + 1);
        heap.fill(LEAVER, SLOTS);
        let leaver = heap.spawn(leave);
        let newcomer = heap.spawn(|heap| {
            heap.magazines.sit(heap.seat(NEWCOMER));
            heap.alloc(NEWCOMER).inspect(|block| heap.free(NEWCOMER, *block))
        });
        heap.magazines.take_idle(heap.seat(TAKER), true);
        leaver.join().unwrap();
        assert!(newcomer.join().unwrap().is_some());
        heap.assert_whole([]);
    });
}

#[test]
fn an_exit_without_the_registry_is_caught() {
    failure(Bug::None, Some(3), || leaver_and_taker(slip_away));
}
