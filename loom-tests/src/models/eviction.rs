//! An owner at work, and a taker that empties its magazines meanwhile.

use super::heap::{Heap, SLOTS};
use super::{explore, failure};
use crate::magazines::nobody;
use crate::planted::Bug;
use crate::units::Class;

use Step::{Alloc, Free, Watch};

const OWNER: usize = 0;
const TAKER: usize = 1;

/// What the owner does with the blocks in its hand.
#[derive(Clone, Copy)]
enum Step {
    Alloc,
    Free,
    /// Miss with the next request although there is something to pop.
    Watch,
}

/// An owner with so many blocks in its magazine and so many in its hand does its steps; a taker comes once and then
/// allocates a block, perhaps one of those it took. In the end the owner comes back.
fn owner_and_taker(filled: usize, in_hand: usize, steps: &'static [Step], take: fn(&Heap)) {
    let heap = Heap::new(2, SLOTS + 2);
    let mut hand: Vec<_> = (0..in_hand).map(|_| heap.alloc_directly()).collect();
    heap.fill(OWNER, filled);
    let owner = heap.spawn(move |heap| {
        for step in steps {
            match step {
                Alloc => hand.extend(heap.alloc(OWNER)),
                Free => heap.free(OWNER, hand.pop().unwrap()),
                Watch => heap.magazines.watch(heap.seat(OWNER), 1),
            }
        }
        hand
    });
    take(&heap);
    let taken = heap.alloc(TAKER);
    let mut hand = owner.join().unwrap();
    hand.extend(taken);
    heap.assert_whole(hand.iter().copied());
    hand.extend(heap.alloc(OWNER));
    heap.assert_whole(hand);
}

/// The taker as it should be.
fn take(heap: &Heap) {
    heap.magazines.take_idle(heap.seat(TAKER), true);
}

/// Two pops are under way, one after the other.
fn pops() {
    owner_and_taker(SLOTS, 0, &[Alloc, Alloc], take);
}

/// Two pushes are under way.
fn pushes() {
    owner_and_taker(1, 2, &[Free, Free], take);
}

/// The slot of a pop is pushed into again.
fn pop_and_push() {
    owner_and_taker(SLOTS, 0, &[Alloc, Free], take);
}

/// A refill is under way, and a pop after it.
fn refill() {
    owner_and_taker(0, 0, &[Alloc, Alloc], take);
}

/// A give-back is under way.
fn give_back() {
    owner_and_taker(SLOTS, 1, &[Free], take);
}

/// The owner begins to watch, and ends it.
fn watch() {
    owner_and_taker(SLOTS, 0, &[Watch, Alloc, Alloc], take);
}

#[test]
fn pops_and_a_taker() {
    explore("eviction, pops", None, pops);
}

#[test]
fn pushes_and_a_taker() {
    explore("eviction, pushes", None, pushes);
}

#[test]
fn a_pop_a_push_and_a_taker() {
    explore("eviction, pop and push", None, pop_and_push);
}

#[test]
fn a_refill_and_a_taker() {
    explore("eviction, refill", Some(5), refill);
}

/// A taker that meets a busy owner withdraws, but may have been seen. The owner's magazine is still full then. When it
/// came back to a magazine with the first room nonetheless, the block to be freed fitted nowhere and was lost.
#[test]
fn a_give_back_and_a_taker() {
    explore("eviction, give-back", None, give_back);
}

/// A thread that begins to watch, or ends it, must not overlook that it was evicted.
#[test]
fn a_watch_and_a_taker() {
    explore("eviction, watch", Some(5), watch);
}

/// The owner empties its own magazines.
#[test]
fn a_flush_and_a_taker() {
    explore("eviction, flush", Some(6), || {
        let heap = Heap::new(2, SLOTS);
        heap.fill(OWNER, SLOTS);
        let owner = heap.spawn(|heap| heap.magazines.flush_own(heap.seat(OWNER)));
        take(&heap);
        let had = heap.alloc(TAKER);
        owner.join().unwrap();
        heap.assert_whole(had);
    });
}

#[test]
fn a_longer_turn_and_a_taker() {
    let steps = &[Free, Alloc, Alloc, Free];
    explore("eviction, a longer turn", Some(5), || owner_and_taker(SLOTS - 1, 1, steps, take));
}

#[test]
fn two_takers() {
    explore("eviction, two takers", Some(3), || {
        let heap = Heap::new(3, SLOTS);
        heap.fill(OWNER, SLOTS);
        let owner = heap.spawn(|heap| heap.alloc(OWNER));
        let other = heap.spawn(|heap| heap.magazines.take_idle(heap.seat(2), true));
        take(&heap);
        other.join().unwrap();
        let had = owner.join().unwrap();
        heap.assert_whole(had);
    });
}

/// A taker that goes on although the owner is busy.
fn take_from_busy_owners(heap: &Heap) {
    let _registry = heap.magazines.registry().lock();
    heap.seat(OWNER).evict(nobody());
    let blocks = heap.cache(OWNER).taken_below_tops();
    heap.magazines.pools().lock(Class::ONLY).give(blocks.into_iter());
}

/// A taker that takes the topmost block, too.
fn take_tops(heap: &Heap) {
    let _registry = heap.magazines.registry().lock();
    if heap.seat(OWNER).evict(nobody()) {
        let blocks = heap.cache(OWNER).drained();
        heap.magazines.pools().lock(Class::ONLY).give(blocks.into_iter());
    }
}

#[test]
fn a_taker_that_ignores_the_owner_being_busy_is_caught() {
    failure(Bug::None, Some(3), || owner_and_taker(0, 0, &[Alloc, Alloc], take_from_busy_owners));
}

#[test]
fn a_taker_of_tops_is_caught() {
    failure(Bug::None, Some(3), || owner_and_taker(SLOTS, 0, &[Alloc, Alloc], take_tops));
}

#[test]
fn a_taker_without_a_barrier_is_caught() {
    failure(Bug::NoHeavyBarrier, Some(3), pops);
    failure(Bug::NoHeavyBarrier, Some(3), give_back);
}

#[test]
fn a_barrier_that_spares_pops_is_caught() {
    failure(Bug::SparedPops, Some(3), pops);
}

#[test]
fn a_watch_that_overlooks_an_eviction_is_caught() {
    failure(Bug::BlindSeat, Some(4), watch);
}

#[test]
fn an_owner_without_a_barrier_is_caught() {
    failure(Bug::NoLightBarrier, Some(3), give_back);
}
