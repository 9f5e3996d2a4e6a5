//! Maps in another run: elsewhere in memory, and with removed nodes that the run before did not free.

use std::mem::ManuallyDrop;

use super::*;
use crate::collections::PSkipMap;

type Map<const TEST: usize> = PSkipMap<u64, [u64; 3], In<TEST>>;

/// A map whose run ends with entries held, so that nothing can be freed; and what it holds.
fn made<const TEST: usize>(heap: In<TEST>) -> ManuallyDrop<Map<TEST>> {
    let map = Map::new_in(heap);
    map.insert(5000, [0; 3], heap);
    let held = map.front().unwrap();
    for key in 0..1000 {
        map.insert(key, [key; 3], heap);
    }
    for key in (0..1000).step_by(2) {
        map.insert(key, [key + 1; 3], heap);
    }
    for key in (0..1000).step_by(4) {
        map.remove(&key, heap);
    }
    assert!(map.waiting().len() >= 700, "{} wait", map.waiting().len());
    drop(held);
    ManuallyDrop::new(map)
}

fn is_as_made<const TEST: usize>(map: &Map<TEST>) {
    map.check();
    assert_eq!(map.len(), 751);
    for key in 0..1000 {
        let value = if key % 2 == 0 { key + 1 } else { key };
        assert_eq!(map.get(&key).map(|entry| *entry.value()), (key % 4 != 0).then_some([value; 3]));
    }
}

/// The map after the heap's image was moved: saved, and loaded while the old one is still in its place.
fn moved<const TEST: usize>() -> (In<TEST>, Map<TEST>) {
    let heap = In::<TEST>::new();
    let map = made(heap);
    let folder = std::env::temp_dir().join(format!("outlive-skip-map-{}-{TEST}", std::process::id()));
    heap.heap().save(&folder).unwrap();
    let base = heap.base();
    let heap = In::<TEST>::with(Heap::load(&folder).unwrap());
    std::fs::remove_file(&folder).unwrap();
    assert_ne!(heap.base(), base, "the same address");
    // The next run finds its root as bytes of the image.
    // SAFETY: a distance from the base, which means the same there.
    let map = unsafe { core::ptr::read(&raw const *map) };
    (heap, map)
}

#[test]
fn a_map_is_the_same_at_another_address() {
    let (heap, map) = moved::<12>();
    is_as_made(&map);
    for key in 0..2000 {
        map.insert(key, [0; 3], heap);
        map.remove(&(key / 2), heap);
    }
    map.check();
    drop(map);
    assert_eq!(heap.blocks(), 0);
}

#[test]
fn what_a_run_has_not_freed_the_next_one_frees() {
    let (heap, map) = moved::<13>();
    let (waiting, blocks) = (map.waiting().len(), heap.blocks());
    assert_eq!(blocks, map.len() + waiting + 1);
    // Other tests of this process may hold the epoch up for a moment.
    for _ in 0..10_000 {
        map.reclaim(heap);
        if map.waiting().is_empty() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    assert_eq!((map.waiting().len(), heap.blocks()), (0, map.len() + 1));
    is_as_made(&map);
}

#[test]
fn a_map_with_leftovers_is_dropped_with_them() {
    let (heap, map) = moved::<14>();
    drop(map);
    assert_eq!(heap.blocks(), 0);
}

#[test]
fn removals_free_what_was_removed_before_them() {
    let heap = In::<15>::new();
    let map = Map::new_in(heap);
    let most = (0..100_000).map(|key| {
        map.insert(key % 50, [key; 3], heap);
        map.remove(&((key + 25) % 50), heap);
        // Only now and then, and from the lists' heads: it is slow.
        if key % 1000 == 0 { map.waiting().len() } else { 0 }
    });
    let most = most.max().unwrap();
    // Tests that run beside this one hold the epoch up now and then.
    assert!(most < 50_000, "{most} nodes wait");
}
