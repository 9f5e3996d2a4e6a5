//! `PHashMap` and `PHashSet` beside the standard ones.

use core::hash::{Hash, Hasher};
use std::collections::{HashMap, HashSet};

use super::bomb::{Bomb, every_moment};
use super::drive::{self, Subject, assign};
use super::heap::{TestHeap, start};
use super::random::Random;
use crate::collections::hash_map::{Entry, StableHasher};
use crate::collections::{CloneIn, PHashMap, PHashSet, PString};

type Map = PHashMap<PString<TestHeap>, u64, TestHeap>;

/// Texts with numbers.
#[derive(Clone)]
pub(super) struct Texts(HashMap<String, u64>);

impl Subject for Texts {
    type Root = Map;

    fn new(heap: TestHeap) -> (Map, Self) {
        (PHashMap::new_in(heap), Self(HashMap::new()))
    }

    fn step(&mut self, root: &mut Map, random: &mut Random, heap: TestHeap) {
        let std = &mut self.0;
        let key = format!("key {}", random.below(60));
        let own = PString::from_str_in(&key, heap);
        let value = random.next() % 100;
        match random.below(24) {
            0..=6 => assert_eq!(root.insert(own, value), std.insert(key, value)),
            7..=9 => assert_eq!(root.remove(&*key), std.remove(&key)),
            10 => assert_eq!(root.get(&*key), std.get(&key)),
            11 => {
                if let Some(it) = root.get_mut(&*key) {
                    *it += 1;
                }
                if let Some(it) = std.get_mut(&key) {
                    *it += 1;
                }
            }
            12 => {
                *root.entry(own).and_modify(|it| *it *= 2).or_insert(value) += 1;
                *std.entry(key).and_modify(|it| *it *= 2).or_insert(value) += 1;
            }
            13 => {
                let taken = match root.entry(own) {
                    Entry::Occupied(entry) => Some(entry.remove()),
                    Entry::Vacant(entry) => {
                        assert_eq!(entry.key(), &*key);
                        None
                    }
                };
                assert_eq!(taken, std.remove(&key));
            }
            14 => {
                root.retain(|_, it| *it % 3 != 0);
                std.retain(|_, it| *it % 3 != 0);
            }
            15 => {
                let mut a: Vec<_> = root.extract_if(|_, it| *it % 5 == 0).map(|(_, it)| it).collect();
                let mut b: Vec<_> = std.extract_if(|_, it| *it % 5 == 0).map(|(_, it)| it).collect();
                a.sort_unstable();
                b.sort_unstable();
                assert_eq!(a, b);
            }
            16 => root.shrink_to(random.below(100)),
            17 => root.reserve(random.below(100)),
            18 => {
                for it in root.values_mut() {
                    *it += 1;
                }
                for it in std.values_mut() {
                    *it += 1;
                }
            }
            19 => {
                let copy = root.clone_in(heap);
                assert_eq!(copy, *root);
                assign(root, copy, heap);
            }
            20 => root.rehash(),
            21 => {
                let whole = assign(root, PHashMap::new_in(heap), heap);
                let stop = random.below(whole.len() + 1);
                root.extend(whole.into_iter().take(stop));
                std.retain(|key, _| root.contains_key(&**key));
            }
            22 if random.chance(4) => {
                let stop = random.below(4);
                assert!(root.drain().take(stop).all(|(key, it)| std[&*key] == it));
                std.clear();
            }
            _ => assert_eq!(root.try_insert(own, value).unwrap(), std.insert(key, value)),
        }
    }

    fn compare(&self, root: &Map) {
        assert_eq!(root.len(), self.0.len());
        assert_eq!(root.iter().len(), root.keys().filter(|key| self.0.contains_key(&***key)).count());
        assert!(self.0.iter().all(|(key, value)| root.get(&**key) == Some(value)));
        assert!(self.0.iter().all(|(key, value)| root[&**key] == *value));
    }
}

#[test]
fn a_map_is_as_the_standard_one() {
    for seed in 0..6 {
        drive::small::<Texts>(seed, 400);
    }
}

/// Numbers, enough of them for tables of many groups.
#[derive(Clone)]
pub(super) struct Numbers(HashMap<u64, u64>);

impl Subject for Numbers {
    type Root = PHashMap<u64, u64, TestHeap>;

    fn new(heap: TestHeap) -> (Self::Root, Self) {
        (PHashMap::new_in(heap), Self(HashMap::new()))
    }

    fn step(&mut self, root: &mut Self::Root, random: &mut Random, _: TestHeap) {
        // The number of keys that are there goes up and down, so that many are deleted.
        let key = random.next() % 4000;
        if random.below(100) < 20 + 60 * usize::from(self.0.len() % 1024 > 300) {
            assert_eq!(root.remove(&key), self.0.remove(&key));
        } else {
            assert_eq!(root.insert(key, random.next()).is_some(), self.0.insert(key, root[&key]).is_some());
        }
    }

    fn compare(&self, root: &Self::Root) {
        assert_eq!(root.len(), self.0.len());
        assert!(self.0.iter().all(|(key, value)| root.get(key) == Some(value)));
        assert!(root.iter().all(|(key, value)| self.0.get(key) == Some(value)));
    }
}

#[test]
fn a_large_map_is_as_the_standard_one() {
    drive::large::<Numbers>(5, 200_000);
}

/// All keys have one of three hashes: searches are long, and see many deleted bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Colliding(u64);

impl Hash for Colliding {
    fn hash<S: Hasher>(&self, state: &mut S) {
        (self.0 % 3).hash(state);
    }
}

#[test]
fn keys_that_collide_are_told_apart() {
    let heap = start(2 << 20);
    let mut random = Random::new(3);
    let (mut map, mut std) = (PHashMap::new_in(heap), HashMap::new());
    for _ in 0..6000 {
        let key = random.next() % 90;
        if random.chance(2) {
            assert_eq!(map.remove(&Colliding(key)), std.remove(&key));
        } else {
            assert_eq!(map.insert(Colliding(key), key), std.insert(key, key));
        }
        assert_eq!(map.len(), std.len());
    }
    for key in 0..90 {
        assert_eq!(map.get(&Colliding(key)), std.get(&key));
    }
}

#[test]
fn the_hash_never_changes() {
    let hash = |seed, bytes: &[u8]| {
        let mut hasher = StableHasher::new(seed);
        hasher.write(bytes);
        hasher.finish()
    };
    let text: Vec<u8> = (0..=255).collect();
    let lens = [0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 100, 256];
    let found: Vec<u64> = lens.iter().map(|len| hash(7, &text[..*len])).collect();
    assert_eq!(found, super::pinned::BYTES, "{found:#x?}");
    let numbers = |seed| {
        let mut hasher = StableHasher::new(seed);
        let mut found = Vec::new();
        let mut see = |hasher: &StableHasher| found.push(hasher.finish());
        1_u8.hash(&mut hasher);
        see(&hasher);
        2_u16.hash(&mut hasher);
        3_u32.hash(&mut hasher);
        see(&hasher);
        4_u64.hash(&mut hasher);
        5_u128.hash(&mut hasher);
        see(&hasher);
        6_usize.hash(&mut hasher);
        (-7_i8).hash(&mut hasher);
        (-8_i64).hash(&mut hasher);
        (-9_isize).hash(&mut hasher);
        see(&hasher);
        ("text", 'c', true, [1_u8, 2, 3]).hash(&mut hasher);
        see(&hasher);
        found
    };
    let found = [numbers(0), numbers(u64::MAX)].concat();
    assert_eq!(found, super::pinned::NUMBERS, "{found:#x?}");
}

#[test]
fn hashes_are_spread() {
    // Numbers in a row, multiples of large powers, and texts of two letters fill the buckets of a table evenly.
    let hash = |value: &dyn Fn(&mut StableHasher)| {
        let mut hasher = StableHasher::new(0x1234_5678_9ABC_DEF1);
        value(&mut hasher);
        hasher.finish()
    };
    let spread = |name: &str, hashes: Vec<u64>| {
        for shift in [0, 57 - 10, 54] {
            let mut counts = [0_u32; 1024];
            hashes.iter().for_each(|hash| counts[usize::try_from(hash >> shift).unwrap() % 1024] += 1);
            let mean = hashes.len() as f64 / 1024.0;
            let square: f64 = counts.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum();
            // Chi square with 1023 degrees of freedom: 1300 is six standard deviations off.
            assert!(square < 1300.0, "{name} at bit {shift}: {square}");
        }
    };
    for step in [1, 8, 1 << 12, 1 << 32, 1 << 47] {
        spread(
            &format!("step {step}"),
            (0..65_536_u64).map(|n| hash(&|state| (n * step).hash(state))).collect(),
        );
    }
    let text = |n: u64| format!("{n:x}");
    spread("texts", (0..65_536).map(|n| hash(&|state| text(n).hash(state))).collect());
}

#[test]
fn an_insertion_notes_the_entry_and_its_byte() {
    let heap = start(256 << 10);
    let mut place = drive::Place::put(PHashMap::with_capacity_in(100, heap), heap);
    place.get(heap).insert(1_u64, 1_u64);
    heap.watch();
    let map = place.get(heap);
    map.insert(2, 2);
    let noted = heap.check_notes() - size_of_val(map);
    // A byte among the first 16 is noted twice.
    assert!((16 + 1..=16 + 2).contains(&noted), "{noted}");
    heap.watch();
    *map.get_mut(&2).unwrap() = 3;
    assert_eq!(heap.check_notes(), 8);
    heap.watch();
    assert_eq!(map.get(&2), Some(&3));
    assert_eq!(heap.check_notes(), 0);
    heap.watch();
    let map = place.get(heap);
    map.remove(&2);
    assert!(heap.check_notes() - size_of_val(map) <= 2);
    drop(place.take(heap));
}

type Bombs = PHashMap<Bomb, Bomb, TestHeap>;

fn bombs(heap: TestHeap) -> Bombs {
    PHashMap::from_iter_in((0..7).map(|key| (Bomb::new(key, heap), Bomb::new(key + 100, heap))), heap)
}

#[test]
fn panics_and_failures_at_every_moment_leave_a_map_whole() {
    let check = |map: &Bombs| {
        let mut seen = 0;
        for (key, value) in map {
            key.check();
            value.check();
            seen += 1;
        }
        assert_eq!(seen, map.len());
        assert!(map.keys().all(|key| map.contains_key(key)));
    };
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(bombs, act, check);
    let two = |key, heap| (Bomb::new(key, heap), Bomb::new(key + 100, heap));
    assert!(
        every(&|map, heap| {
            let (key, value) = two(7, heap);
            map.insert(key, value);
        }) >= 10
    );
    assert!(
        every(&|map, heap| {
            let (key, value) = two(3, heap);
            map.insert(key, value);
        }) >= 5
    );
    assert!(
        every(&|map, heap| {
            let (key, value) = two(9, heap);
            map.entry(key).or_insert(value);
        }) >= 10
    );
    assert!(every(&|map, heap| drop(map.remove(&Bomb::new(3, heap)))) >= 5);
    assert!(every(&|map, _| map.retain(|key, _| key.key % 2 == 0)) >= 6);
    assert!(every(&|map, _| map.clear()) >= 14);
    assert!(every(&|map, _| drop(map.drain().nth(2))) >= 14);
    assert!(
        every(&|map, heap| drop(core::mem::replace(map, PHashMap::new_in(heap)).into_iter().nth(2))) >= 14
    );
    assert!(every(&|map, _| map.reserve(100)) >= 8);
    assert!(every(&|map, heap| drop(map.clone_in(heap))) >= 28);
    assert!(every(&|map, heap| *map = PHashMap::new_in(heap)) >= 14);
    assert!(
        every(&|map, _| {
            map.retain(|key, _| {
                super::bomb::tick();
                key.key < 4
            });
        }) >= 13
    );
}

#[test]
fn what_finds_no_place_comes_back() {
    let heap = start(256 << 10);
    let mut map = PHashMap::new_in(heap);
    heap.grants(0);
    assert_eq!(map.try_insert(7, 8).unwrap_err().into_inner(), (7, 8));
    assert!(map.try_reserve(1).is_err() && map.try_reserve(usize::MAX).is_err());
    heap.grants(1);
    assert_eq!(
        (map.try_insert(1, 1), map.try_insert(2, 2), map.try_insert(3, 3)),
        (Ok(None), Ok(None), Ok(None))
    );
    // A full table takes a key that is there, and no other.
    assert_eq!(map.try_insert(2, 4), Ok(Some(2)));
    assert!(map.try_insert(4, 4).is_err());
    assert_eq!(map.insert(2, 5), Some(4));
}

#[test]
fn sets_are_as_the_standard_ones() {
    let heap = start(2 << 20);
    let mut random = Random::new(8);
    for _ in 0..60 {
        let mut some = || (0..random.below(30)).map(|_| random.next() % 40).collect::<Vec<_>>();
        let (one, other) = (some(), some());
        let (a, b) = (
            PHashSet::from_iter_in(one.iter().copied(), heap),
            PHashSet::from_iter_in(other.iter().copied(), heap),
        );
        let (x, y): (HashSet<u64>, HashSet<u64>) = (one.into_iter().collect(), other.into_iter().collect());
        let sorted = |elements: &mut dyn Iterator<Item = &u64>| {
            let mut sorted: Vec<u64> = elements.copied().collect();
            sorted.sort_unstable();
            sorted
        };
        assert_eq!(sorted(&mut a.union(&b)), sorted(&mut x.union(&y)));
        assert_eq!(sorted(&mut a.intersection(&b)), sorted(&mut x.intersection(&y)));
        assert_eq!(sorted(&mut a.difference(&b)), sorted(&mut x.difference(&y)));
        assert_eq!(sorted(&mut a.symmetric_difference(&b)), sorted(&mut x.symmetric_difference(&y)));
        assert_eq!((a.is_subset(&b), a.is_disjoint(&b)), (x.is_subset(&y), x.is_disjoint(&y)));
        assert_eq!((a.len(), a.contains(&3), a.get(&4)), (x.len(), x.contains(&3), x.get(&4)));
        let mut c = a.clone_in(heap);
        assert!(c == a && c.is_superset(&a));
        assert_eq!(c.replace(3), x.get(&3).copied());
        assert!(c.remove(&3) && c.insert(*c.iter().next().unwrap_or(&1)) == c.is_empty());
        c.retain(|element| element % 2 == 0);
        assert!(c.into_iter().all(|element| element % 2 == 0));
    }
}
