//! Is there an order in which one thread could have done it all?
//!
//! Threads record what they ask and what they are answered, with the moments of both. Operations of one key concern no other, so
//! each key's history is looked at alone (which is enough: orders of all keys that agree with the moments can be merged).
//! The search tries, as the next in the order, any operation that began before every other one has ended, and remembers
//! which sets of operations in which state have led nowhere.

use std::collections::HashSet;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;

use super::*;
use crate::collections::PSkipMap;

const THREADS: u64 = 8;

/// What was asked of a key, and what was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Act {
    Insert(u64),
    /// Puts the first in; the second is there then.
    GetOrInsert(u64, u64),
    /// Puts the first in if it is more than what is there; the second is there then.
    InsertMore(u64, u64),
    Get(Option<u64>),
    Remove(Option<u64>),
}

#[derive(Clone, Copy, Debug)]
struct Operation {
    key: u64,
    act: Act,
    from: u64,
    to: u64,
}

impl Act {
    /// What is there after it, if it can be answered so.
    fn after(self, there: Option<u64>) -> Option<Option<u64>> {
        match self {
            Self::Insert(value) => Some(Some(value)),
            Self::GetOrInsert(value, now) => (there.unwrap_or(value) == now).then_some(Some(now)),
            Self::InsertMore(value, now) => {
                let after = there.map_or(value, |there| there.max(value));
                (after == now).then_some(Some(now))
            }
            Self::Get(answer) => (answer == there).then_some(there),
            Self::Remove(answer) => (answer == there).then_some(None),
        }
    }
}

/// Whether the operations on one key, which was not there, can be put in an order.
fn is_possible(mut operations: Vec<Operation>) -> bool {
    operations.sort_by_key(|operation| operation.from);
    let mut dead_ends = HashSet::new();
    // Done are the first `front`, and those of the bits behind it.
    fn search(
        operations: &[Operation],
        front: usize,
        done: u128,
        there: Option<u64>,
        dead_ends: &mut HashSet<(usize, u128, Option<u64>)>,
    ) -> bool {
        let (front, done) =
            (front + done.trailing_ones() as usize, done.checked_shr(done.trailing_ones()).unwrap_or(0));
        if front >= operations.len() {
            return true;
        }
        if !dead_ends.insert((front, done, there)) {
            return false;
        }
        let mut first_end = u64::MAX;
        for (at, operation) in operations[front..].iter().enumerate() {
            if operation.from > first_end {
                break;
            }
            assert!(at < 128, "too many operations at once");
            if done >> at & 1 == 1 {
                continue;
            }
            first_end = first_end.min(operation.to);
            if let Some(after) = operation.act.after(there)
                && operations[front..]
                    .iter()
                    .enumerate()
                    .take(at)
                    .all(|(earlier, other)| done >> earlier & 1 == 1 || other.to > operation.from)
                && search(operations, front, done | 1 << at, after, dead_ends)
            {
                return true;
            }
        }
        false
    }
    search(&operations, 0, 0, None, &mut dead_ends)
}

/// Eight threads on few keys; what each of them did.
fn record<const TEST: usize>(seed: u64, flaw: Option<Flaw>) -> Vec<Operation> {
    const KEYS: u64 = 3;
    let heap = In::<TEST>::new();
    let live: &AtomicI64 = Box::leak(Box::new(AtomicI64::new(0)));
    let map = PSkipMap::new_in(heap);
    // Neighbours that come and go, so that searches go over nodes that leave.
    let counted = |number: u64| Counted::new(number, live);
    let (clock, start) = (AtomicU64::new(0), Barrier::new(8));
    let tick = || clock.fetch_add(1, Ordering::SeqCst);
    let run = |thread: u64| {
        plant(flaw);
        let mut random = Random(seed * 100 + thread);
        COMPARISONS.set(seed * 8 + thread);
        let mut done = Vec::new();
        start.wait();
        for round in 0..40 {
            let key = 10 * (1 + random.below(KEYS));
            let value = 1000 * thread + round;
            let from = tick();
            let act = match random.below(10) {
                0 | 1 => {
                    map.insert(counted(key), counted(value), heap);
                    Act::Insert(value)
                }
                2 => Act::GetOrInsert(
                    value,
                    map.get_or_insert(counted(key), counted(value), heap).value().get(),
                ),
                3 => {
                    let entry =
                        map.compare_insert(counted(key), counted(value), |old| old.get() < value, heap);
                    Act::InsertMore(value, entry.value().get())
                }
                4 | 5 => Act::Remove(map.remove(&counted(key), heap).map(|entry| entry.value().get())),
                6 => {
                    let found = map.range(counted(key)..=counted(key)).next();
                    Act::Get(found.map(|entry| entry.value().get()))
                }
                _ => Act::Get(map.get(&counted(key)).map(|entry| entry.value().get())),
            };
            done.push(Operation { key, act, from, to: tick() });
            if random.below(3) == 0 {
                let neighbour = 10 * (1 + random.below(KEYS)) - 1 - random.below(2);
                map.insert(counted(neighbour), counted(0), heap);
                map.remove(&counted(neighbour), heap);
            }
        }
        done
    };
    thread::scope(|scope| {
        let run = &run;
        let threads = (0..THREADS).map(|thread| scope.spawn(move || run(thread))).collect::<Vec<_>>();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

fn histories<const TEST: usize>(seeds: std::ops::Range<u64>, flaw: Option<Flaw>) -> u64 {
    let mut impossible = 0;
    for seed in seeds {
        let operations = record::<TEST>(seed, flaw);
        for key in [10, 20, 30] {
            let one = operations.iter().filter(|operation| operation.key == key).copied().collect::<Vec<_>>();
            if !is_possible(one.clone()) {
                impossible += 1;
                if flaw.is_none() {
                    panic!("seed {seed}, key {key}: no order explains {one:#?}");
                }
            }
        }
    }
    impossible
}

#[test]
fn histories_of_eight_threads_have_an_order() {
    histories::<22>(0..400, None);
}

#[test]
fn histories_with_a_gap_in_replacements_have_none() {
    assert!(histories::<23>(0..200, Some(Flaw::GapInReplacement)) > 0);
}

#[test]
fn the_search_for_an_order_knows_right_from_wrong() {
    let operation = |act, from, to| Operation { key: 0, act, from, to };
    let put = operation(Act::Insert(1), 0, 1);
    assert!(is_possible(vec![put, operation(Act::Get(Some(1)), 2, 3)]));
    assert!(!is_possible(vec![put, operation(Act::Get(None), 2, 3)]));
    // At the same time, either will do; but not first the one and then the other.
    let long = operation(Act::Insert(1), 0, 9);
    assert!(is_possible(vec![long, operation(Act::Get(None), 2, 3), operation(Act::Get(Some(1)), 4, 5)]));
    assert!(!is_possible(vec![long, operation(Act::Get(Some(1)), 2, 3), operation(Act::Get(None), 4, 5)]));
    assert!(!is_possible(vec![
        put,
        operation(Act::Remove(Some(1)), 2, 5),
        operation(Act::Remove(Some(1)), 3, 6)
    ]));
    assert!(is_possible(vec![
        put,
        operation(Act::Remove(Some(1)), 2, 5),
        operation(Act::Remove(None), 3, 6)
    ]));
    assert!(!is_possible(vec![put, operation(Act::GetOrInsert(2, 2), 2, 3)]));
    assert!(is_possible(vec![
        put,
        operation(Act::InsertMore(2, 2), 2, 3),
        operation(Act::InsertMore(1, 2), 4, 5)
    ]));
}
