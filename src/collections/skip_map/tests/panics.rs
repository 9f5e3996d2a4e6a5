//! Comparisons and drops that panic, at each place where one is made.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicI64;

use super::*;
use crate::collections::PSkipMap;

/// Has the operation panic at its first comparison or drop, at its second, and so on until none is left to panic.
fn at_each_step<const TEST: usize>(
    operation: impl Fn(&PSkipMap<Counted, Counted, In<TEST>>, &dyn Fn(u64) -> Counted),
) -> u64 {
    let heap = In::<TEST>::new();
    for step in 0.. {
        let live: &AtomicI64 = Box::leak(Box::new(AtomicI64::new(0)));
        let counted = |number| Counted::new(number, live);
        let map = PSkipMap::new_in(heap);
        for number in 0..40 {
            map.insert(counted(number), counted(number), heap);
        }
        GOOD.set(step);
        let outcome = catch_unwind(AssertUnwindSafe(|| operation(&map, &counted)));
        GOOD.set(u64::MAX);
        // All is well with what comes after: nodes that were half done are gone once somebody has come by.
        for number in 0..40 {
            map.insert(counted(number), counted(7), heap);
        }
        map.remove(&counted(100), heap);
        map.check();
        assert_eq!(map.len(), 40);
        for number in 0..40 {
            assert_eq!(map.remove(&counted(number), heap).map(|entry| entry.value().get()), Some(7));
        }
        map.check();
        drop(map);
        // One entry may have been lost: a key and a value, in a block.
        let lost = (live.load(Ordering::Relaxed), heap.blocks());
        assert!(lost == (0, 0) || (outcome.is_err() && lost == (2, 1)), "{lost:?} lost at step {step}");
        heap.heap().for_each_block(|_, _| {});
        if lost.1 != 0 {
            // For the next step.
            In::<TEST>::new();
        }
        if outcome.is_ok() {
            return step;
        }
    }
    unreachable!("no operation is endless")
}

#[test]
fn insertions_that_panic() {
    let new = at_each_step::<8>(|map, counted| drop(map.insert(counted(100), counted(1), In)));
    let replaced = at_each_step::<8>(|map, counted| drop(map.insert(counted(20), counted(1), In)));
    let kept = at_each_step::<8>(|map, counted| drop(map.get_or_insert(counted(20), counted(1), In)));
    // How many there are is a matter of the towers.
    assert!(new > 0 && replaced > 0 && kept > 1, "{new} {replaced} {kept}");
}

#[test]
fn removals_that_panic() {
    let steps = at_each_step::<9>(|map, counted| {
        for number in 10..20 {
            let key = std::mem::ManuallyDrop::new(counted(number));
            key.live.fetch_sub(1, Ordering::Relaxed);
            map.remove(&*key, In);
        }
    });
    // Some of the drops of what was removed are among them.
    assert!(steps > 20, "{steps}");
    at_each_step::<9>(|map, _| while map.pop_back(In).is_some_and(|entry| entry.key().get() > 10) {});
}
