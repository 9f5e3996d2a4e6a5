//! Random programs of one thread, with a `BTreeMap` beside.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::collections::{NoRoom, PSkipMap};

type Map<const TEST: usize> = PSkipMap<Counted, Counted, In<TEST>>;
type Model = BTreeMap<u64, u64>;

struct Subject<const TEST: usize> {
    heap: In<TEST>,
    live: &'static AtomicI64,
    map: Map<TEST>,
    model: Model,
    random: Random,
    keys: u64,
}

impl<const TEST: usize> Subject<TEST> {
    fn new(seed: u64, keys: u64) -> Self {
        let heap = In::<TEST>::new();
        let live = Box::leak(Box::new(AtomicI64::new(0)));
        let map = PSkipMap::new_in(heap);
        Self { heap, live, map, model: BTreeMap::new(), random: Random(seed), keys }
    }

    fn counted(&self, number: u64) -> Counted {
        Counted::new(number, self.live)
    }

    fn bound(&mut self) -> Bound<u64> {
        let key = self.random.below(self.keys);
        match self.random.below(5) {
            0 => Bound::Unbounded,
            1 | 2 => Bound::Included(key),
            _ => Bound::Excluded(key),
        }
    }

    /// One operation, in both.
    fn step(&mut self) {
        let (key, value) = (self.random.below(self.keys), self.random.below(1000));
        let (counted, other) = (self.counted(key), self.counted(value));
        let map = &self.map;
        let pair = |entry: super::super::Entry<'_, Counted, Counted, In<TEST>>| {
            (entry.key().get(), entry.value().get())
        };
        let own = |(key, value): (&u64, &u64)| (*key, *value);
        match self.random.below(16) {
            0..=3 => {
                let entry = map.insert(counted, other, self.heap);
                assert!(!entry.is_removed());
                assert_eq!(pair(entry), (key, value));
                self.model.insert(key, value);
            }
            4..=6 => {
                let removed = map.remove(&counted, self.heap);
                assert!(removed.as_ref().is_none_or(|entry| entry.is_removed() && !entry.remove(self.heap)));
                assert_eq!(removed.map(pair), self.model.remove_entry(&key));
            }
            7 => {
                let now = *self.model.entry(key).or_insert(value);
                assert_eq!(pair(map.get_or_insert(counted, other, self.heap)), (key, now));
            }
            8 => {
                let now = self.model.entry(key).and_modify(|now| *now = (*now).max(value)).or_insert(value);
                let entry = map.compare_insert(counted, other, |old| old.get() < value, self.heap);
                assert_eq!(pair(entry), (key, *now));
            }
            9 => {
                assert_eq!(map.get(&counted).map(pair), self.model.get_key_value(&key).map(own));
                assert_eq!(map.contains_key(&counted), self.model.contains_key(&key));
            }
            10 => assert_eq!(map.pop_front(self.heap).map(pair), self.model.pop_first()),
            11 => assert_eq!(map.pop_back(self.heap).map(pair), self.model.pop_last()),
            12 => {
                assert_eq!(map.front().map(pair), self.model.first_key_value().map(own));
                assert_eq!(map.back().map(pair), self.model.last_key_value().map(own));
                let next = self.model.range((Bound::Excluded(key), Bound::Unbounded)).next().map(own);
                assert_eq!(
                    map.get(&counted).and_then(|entry| entry.next()).map(pair),
                    next.filter(|_| self.model.contains_key(&key))
                );
                let before = self.model.range(..key).next_back().map(own);
                assert_eq!(
                    map.get(&counted).and_then(|entry| entry.prev()).map(pair),
                    before.filter(|_| self.model.contains_key(&key))
                );
            }
            _ => {
                drop((counted, other));
                self.ranges();
            }
        }
    }

    /// A range, from both ends, in an order by chance.
    fn ranges(&mut self) {
        let (mut from, mut to) = (self.bound(), self.bound());
        if let (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) = (from, to)
            && (a > b || (a == b && (from, to) == (Bound::Excluded(a), Bound::Excluded(b))))
        {
            // `BTreeMap` panics where we have none.
            if a == b {
                to = Bound::Unbounded;
            } else {
                (from, to) = (to, from);
            }
        }
        let live = self.live;
        let bound = |bound: Bound<u64>| bound.map(|key| Counted::new(key, live));
        let pair = |entry: super::super::Entry<'_, Counted, Counted, In<TEST>>| {
            (entry.key().get(), entry.value().get())
        };
        let own = |(key, value): (&u64, &u64)| (*key, *value);
        let lower = self.model.range((from, Bound::Unbounded)).next().map(own);
        assert_eq!(self.map.lower_bound(bound(from).as_ref()).map(pair), lower);
        let upper = self.model.range((Bound::Unbounded, to)).next_back().map(own);
        assert_eq!(self.map.upper_bound(bound(to).as_ref()).map(pair), upper);
        let mut ours = self.map.range((bound(from), bound(to)));
        let mut theirs = self.model.range((from, to));
        loop {
            let (our, their) = match self.random.below(2) {
                0 => (ours.next(), theirs.next()),
                _ => (ours.next_back(), theirs.next_back()),
            };
            assert_eq!(our.map(pair), their.map(own));
            if their.is_none() {
                break;
            }
        }
        assert!(ours.next().is_none() && ours.next_back().is_none());
    }

    fn compare(&self) {
        self.map.check();
        assert!(self.map.is_fully_linked());
        assert_eq!(self.map.len(), self.model.len());
        assert_eq!(self.map.is_empty(), self.model.is_empty());
        let ours = self.map.iter().map(|entry| (entry.key().get(), entry.value().get()));
        assert!(ours.eq(self.model.iter().map(|(key, value)| (*key, *value))));
        assert_eq!(format!("{:?}", self.map), format!("{:?}", self.model));
        let held = 2 * (self.map.len() + self.map.waiting().len());
        assert_eq!(self.live.load(Ordering::Relaxed), held as i64, "keys and values that are there");
    }

    /// Nothing is left but what was there before the map.
    fn end(self) {
        drop(self.map);
        assert_eq!(self.live.load(Ordering::Relaxed), 0);
        assert_eq!(self.heap.blocks(), 0, "blocks that nobody freed");
        assert!(self.heap.heap().check().is_clean());
    }
}

#[test]
fn programs_of_one_thread_agree_with_a_btree_map() {
    for seed in 0..60 {
        println!("seed {seed}");
        let mut subject = Subject::<0>::new(seed, [3, 12, 300][(seed % 3) as usize]);
        for _ in 0..300 {
            subject.step();
            subject.compare();
        }
        subject.end();
    }
}

#[test]
fn a_large_map_agrees_with_a_btree_map() {
    let mut subject = Subject::<1>::new(7, 1_500);
    for _ in 0..10_000 {
        subject.step();
    }
    subject.compare();
    subject.map.clear(subject.heap);
    subject.model.clear();
    subject.compare();
    subject.end();
}

#[test]
fn entries_keep_what_was_replaced_and_removed() {
    let subject = Subject::<2>::new(0, 1);
    let key = || subject.counted(1);
    let first = subject.map.insert(key(), subject.counted(10), subject.heap);
    let second = subject.map.insert(key(), subject.counted(20), subject.heap);
    let third = subject.map.remove(&key(), subject.heap).unwrap();
    for number in 2..200 {
        subject.map.insert(subject.counted(number), subject.counted(0), subject.heap);
        assert!(subject.map.remove(&subject.counted(number), subject.heap).is_some());
    }
    assert_eq!([&first, &second, &third].map(|entry| entry.value().get()), [10, 20, 20]);
    assert!(first.is_removed() && second.is_removed() && third.is_removed() && subject.map.is_empty());
    assert_eq!((first.next().is_none(), third.prev().is_none()), (true, true));
    drop((first, second, third));
    subject.end();
}

#[test]
fn entries_move_out_of_a_map_in_order_and_the_rest_is_dropped() {
    let mut subject = Subject::<3>::new(3, 50);
    for _ in 0..200 {
        subject.step();
    }
    let Subject { heap, live, map, model, .. } = subject;
    let half = model.len() / 2;
    let ours = map.into_iter().take(half).map(|(key, value)| (key.get(), value.get())).collect::<Vec<_>>();
    assert!(half > 5 && ours.into_iter().eq(model.into_iter().take(half)));
    assert_eq!((live.load(Ordering::Relaxed), heap.blocks()), (0, 0));
}

#[test]
fn what_finds_no_memory_comes_back_and_leaves_the_map_as_it_was() {
    let mut subject = Subject::<4>::new(5, 40);
    ALLOCATIONS_LEFT.set(0);
    assert!(Map::<4>::try_new_in(subject.heap).is_err());
    for round in 0..2000 {
        ALLOCATIONS_LEFT.set(usize::MAX);
        subject.step();
        ALLOCATIONS_LEFT.set(0);
        let key = subject.random.below(40);
        let (heap, live) = (subject.heap, subject.live);
        let new = || (Counted::new(key, live), Counted::new(round, live));
        let (inserted, got, compared) = {
            let map = &subject.map;
            let failed = |outcome: Result<_, NoRoom<(Counted, Counted)>>| {
                outcome
                    .map(|_: super::super::Entry<'_, _, _, _>| ())
                    .map_err(|NoRoom((key, value))| (key.get(), value.get()))
            };
            let (first, second) = new();
            let inserted = failed(map.try_insert(first, second, heap));
            let (first, second) = new();
            let got = failed(map.try_get_or_insert(first, second, heap));
            let (first, second) = new();
            (inserted, got, failed(map.try_compare_insert(first, second, |_| false, heap)))
        };
        assert_eq!(inserted, Err((key, round)));
        let there = subject.model.contains_key(&key);
        assert_eq!(got, if there { Ok(()) } else { Err((key, round)) });
        assert_eq!(compared, got);
        subject.compare();
    }
    ALLOCATIONS_LEFT.set(usize::MAX);
    subject.end();
}

#[test]
#[should_panic(expected = "no memory for this request")]
fn insert_panics_without_memory() {
    let subject = Subject::<5>::new(0, 1);
    let (key, value) = (subject.counted(0), subject.counted(0));
    ALLOCATIONS_LEFT.set(0);
    subject.map.insert(key, value, subject.heap);
}

#[test]
fn keys_are_found_by_what_they_borrow_as_and_maps_are_made_of_entries() {
    let heap = In::<6>::new();
    let words = ["tea", "milk", "sugar", "tea"];
    let map = PSkipMap::from_iter_in(words.iter().enumerate().map(|(at, word)| (word.to_string(), at)), heap);
    assert_eq!(map.get("tea").map(|entry| *entry.value()), Some(3));
    assert_eq!(
        map.range::<str, _>((Bound::Included("n"), Bound::Excluded("t")))
            .map(|entry| entry.key().clone())
            .collect::<Vec<_>>(),
        ["sugar"]
    );
    assert_eq!(map.range::<str, _>((Bound::Included("x"), Bound::Included("b"))).count(), 0);
    assert_eq!(format!("{map:?}"), r#"{"milk": 1, "sugar": 2, "tea": 3}"#);
    assert!(map.remove("milk", heap).is_some() && map.remove("milk", heap).is_none());
    let mut ends = map.iter();
    assert!(ends.next().is_some() && ends.next_back().is_some() && ends.next().is_none());
}

#[test]
fn keys_and_values_of_any_alignment_have_a_place() {
    #[repr(align(128))]
    #[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
    struct Wide(u8);
    let heap = In::<7>::new();
    let map = PSkipMap::new_in(heap);
    for number in 0..100 {
        map.insert(Wide(number), u128::from(number), heap);
    }
    let nothing = PSkipMap::new_in(heap);
    nothing.insert((), (), heap);
    nothing.insert((), (), heap);
    assert_eq!(nothing.len(), 1);
    for entry in &map {
        assert_eq!(
            (core::ptr::from_ref(entry.key()).addr() % 128, *entry.value()),
            (0, entry.key().0.into())
        );
    }
    drop((map, nothing));
    assert_eq!(heap.blocks(), 0);
}
