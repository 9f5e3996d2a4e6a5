//! Pops, pushes, refills and give-backs of two threads that share a pool.

use super::heap::{Heap, SLOTS};
use super::{explore, failure};
use crate::planted::Bug;

/// Two threads take two blocks each where there are only three, and give them back.
fn both_refill() {
    let heap = Heap::new(2, 3);
    let turn = |thread| {
        move |heap: &Heap| {
            let had = [heap.alloc(thread), heap.alloc(thread)];
            had.into_iter().flatten().for_each(|block| heap.free(thread, block));
        }
    };
    let other = heap.spawn(turn(1));
    turn(0)(&heap);
    other.join().unwrap();
    heap.assert_whole([]);
}

/// A thread with full magazines frees a block while another looks for some: it may get just those.
fn one_gives_back_what_the_other_takes() {
    let heap = Heap::new(2, SLOTS + 1);
    let block = heap.alloc(0).unwrap();
    heap.fill(0, SLOTS);
    let other = heap.spawn(|heap| [heap.alloc(1), heap.alloc(1)]);
    heap.free(0, block);
    let had = other.join().unwrap();
    heap.assert_whole(had.into_iter().flatten());
}

/// As above, and in the other direction at the same time.
fn both_give_back() {
    let heap = Heap::new(2, 2 * SLOTS + 2);
    let [first, second] = [0, 1].map(|thread| heap.alloc(thread).unwrap());
    [0, 1].iter().for_each(|thread| heap.fill(*thread, SLOTS));
    let other = heap.spawn(move |heap| {
        heap.free(1, second);
        heap.alloc(1)
    });
    heap.free(0, first);
    let had = [heap.alloc(0), other.join().unwrap()];
    heap.assert_whole(had.into_iter().flatten());
}

#[test]
fn refills_share_out_the_pool() {
    explore("exchange, refills", None, both_refill);
}

#[test]
fn what_one_gives_back_another_gets() {
    explore("exchange, a give-back and a refill", Some(5), one_gives_back_what_the_other_takes);
}

#[test]
fn give_backs_mix() {
    explore("exchange, give-backs", None, both_give_back);
}

#[test]
fn pools_without_locks_are_caught() {
    failure(Bug::OpenPools, None, one_gives_back_what_the_other_takes);
}
