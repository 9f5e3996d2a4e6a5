//! Eight threads at once.

use std::sync::atomic::{AtomicBool, AtomicU64};

use super::*;
use crate::collections::PSkipMap;

const THREADS: u64 = 8;

/// All threads change a few keys, and every entry that comes by must be whole.
fn mixed<const TEST: usize>(rounds: u64, keys: u64) {
    let heap = In::<TEST>::new();
    let live: &AtomicI64 = Box::leak(Box::new(AtomicI64::new(0)));
    let map = PSkipMap::new_in(heap);
    let counted = |number| Counted::new(number, live);
    thread::scope(|scope| {
        for number in 0..THREADS {
            let map = &map;
            scope.spawn(move || {
                let mut random = Random(number + rounds);
                COMPARISONS.set(number);
                for round in 0..rounds {
                    let key = random.below(keys);
                    if random.below(20) == 0 {
                        ALLOCATIONS_LEFT.set(usize::from(random.below(2) == 0));
                    }
                    match random.below(10) {
                        0..=3 => {
                            if let Ok(entry) = map.try_insert(counted(key), counted(key * 1000 + round), heap)
                            {
                                assert_eq!(entry.value().get(), key * 1000 + round);
                            }
                        }
                        4..=6 => {
                            if let Some(entry) = map.remove(&counted(key), heap) {
                                assert_eq!(entry.key().get(), key);
                            }
                        }
                        7 => {
                            let mut last = None;
                            for entry in map.iter().take(20) {
                                assert!(last < Some(entry.key().get()));
                                assert!(entry.value().get() >= entry.key().get() * 1000);
                                last = Some(entry.key().get());
                            }
                        }
                        8 => {
                            let entry = if round % 2 == 0 { map.pop_front(heap) } else { map.pop_back(heap) };
                            assert!(entry.is_none_or(|entry| entry.key().get() < keys));
                        }
                        _ => {
                            if let Some(entry) = map.get(&counted(key)) {
                                thread::yield_now();
                                assert_eq!(entry.key().get(), key);
                                assert!(entry.value().get() >= key * 1000);
                            }
                        }
                    }
                    ALLOCATIONS_LEFT.set(usize::MAX);
                }
            });
        }
    });
    map.check();
    assert!(map.is_fully_linked());
    let held = 2 * (map.len() + map.waiting().len());
    assert_eq!(live.load(Ordering::Relaxed), held as i64);
    assert_eq!(heap.blocks(), map.len() + map.waiting().len() + 1);
    drop(map);
    assert_eq!((live.load(Ordering::Relaxed), heap.blocks()), (0, 0));
    assert!(heap.heap().check().is_clean());
}

#[test]
fn few_keys_and_much_strife() {
    for round in 0..10 {
        mixed::<16>(2000 + round, 4);
    }
}

#[test]
fn more_keys() {
    mixed::<17>(20_000, 300);
}

/// A key that is replaced all the time is always there.
fn replaced<const TEST: usize>(flaw: Option<Flaw>) {
    let heap = In::<TEST>::new();
    let map = PSkipMap::<u64, u64, _>::from_iter_in((0..10).map(|key| (key, 0)), heap);
    let (over, seen) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                plant(flaw);
                for round in 0..20_000 {
                    map.insert(5, round, heap);
                }
                over.store(true, Ordering::Relaxed);
            });
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    if map.get(&5).is_none() || map.iter().filter(|entry| *entry.key() == 5).count() != 1 {
                        panic!("a key that is always there was not");
                    }
                    seen.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    map.check();
    assert!(map.len() == 10 && seen.into_inner() > 0);
}

#[test]
fn a_key_is_there_while_its_value_is_replaced() {
    replaced::<19>(None);
}

#[test]
fn a_gap_in_the_replacement_is_caught() {
    assert!(is_caught(Flaw::GapInReplacement, || replaced::<20>(Some(Flaw::GapInReplacement))));
}

#[test]
fn threads_that_end_leave_their_place_to_others() {
    let heap = In::<21>::new();
    let map = PSkipMap::<u64, u64, _>::new_in(heap);
    let numbers = (0..200).map(|key| {
        thread::scope(|scope| {
            let act = || {
                map.insert(key, key, heap);
                super::super::epochs::Pin::new().participant().number()
            };
            scope.spawn(act).join().unwrap()
        })
    });
    let most = numbers.max().unwrap();
    assert!(most < 150, "{most}");
    assert_eq!(map.len(), 200);
}
