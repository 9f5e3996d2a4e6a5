//! `PBTreeMap` beside `BTreeMap`.

use core::ops::Bound;
use std::collections::BTreeMap;

use super::bomb::{Bomb, every_moment};
use super::drive::{self, Subject, assign};
use super::heap::{TestHeap, start};
use super::random::Random;
use crate::collections::btree_map::Entry;
use crate::collections::{CloneIn, PBTreeMap, PString};

/// A range of keys below `limit`, with bounds of all kinds.
fn bounds(random: &mut Random, limit: u64) -> (Bound<u64>, Bound<u64>) {
    let (a, b) = (random.next() % limit, random.next() % limit);
    let (low, high) = (a.min(b), a.max(b) + 1);
    let bound = |kind: usize, key| [Bound::Included(key), Bound::Excluded(key), Bound::Unbounded][kind];
    (bound(random.below(3), low), bound(random.below(3), high))
}

/// Numbers: few of them, so that all is checked, or many.
#[derive(Clone)]
pub(super) struct Numbers<const LIMIT: u64>(BTreeMap<u64, u64>);

impl<const LIMIT: u64> Subject for Numbers<LIMIT> {
    type Root = PBTreeMap<u64, u64, TestHeap>;

    fn new(heap: TestHeap) -> (Self::Root, Self) {
        (PBTreeMap::new_in(heap), Self(BTreeMap::new()))
    }

    fn step(&mut self, root: &mut Self::Root, random: &mut Random, heap: TestHeap) {
        let std = &mut self.0;
        let (key, value) = (random.next() % LIMIT, random.next() % 100);
        // The number of entries goes up and down.
        let shrinks = random.below(100) < if std.len() as u64 % (LIMIT / 2) > LIMIT / 4 { 60 } else { 35 };
        if random.below(100) < 80 {
            if shrinks {
                assert_eq!(root.remove_entry(&key), std.remove_entry(&key));
            } else {
                assert_eq!(root.insert(key, value), std.insert(key, value));
            }
            return;
        }
        match random.below(18) {
            0 => assert_eq!(root.get_key_value(&key), std.get_key_value(&key)),
            1 => assert_eq!(root.pop_first(), std.pop_first()),
            2 => assert_eq!(root.pop_last(), std.pop_last()),
            3 => {
                *root.entry(key).and_modify(|it| *it *= 2).or_insert(value) += 1;
                *std.entry(key).and_modify(|it| *it *= 2).or_insert(value) += 1;
            }
            4 => {
                let taken = match root.entry(key) {
                    Entry::Occupied(entry) => Some(entry.remove()),
                    Entry::Vacant(_) => None,
                };
                assert_eq!(taken, std.remove(&key));
            }
            5 | 6 => {
                let range = bounds(random, LIMIT);
                assert!(root.range(range).eq(std.range(range)), "{range:?}");
                assert!(root.range(range).rev().eq(std.range(range).rev()), "{range:?}");
            }
            7 => {
                let range = bounds(random, LIMIT);
                let (mut a, mut b) = (root.range(range), std.range(range));
                for _ in 0..random.below(20) {
                    if random.chance(2) {
                        assert_eq!(a.next(), b.next());
                    } else {
                        assert_eq!(a.next_back(), b.next_back());
                    }
                }
                assert!(a.eq(b));
            }
            8 => {
                let range = bounds(random, LIMIT);
                root.range_mut(range).take(9).for_each(|(_, it)| *it += 1);
                std.range_mut(range).take(9).for_each(|(_, it)| *it += 1);
            }
            9 => {
                let (rest, of) = (random.next() % 7, random.next() % 7 + 1);
                root.retain(|key, _| key % of != rest);
                std.retain(|key, _| key % of != rest);
            }
            10 => {
                let low = random.next() % LIMIT;
                let a: Vec<_> = root.extract_if(|key, _| *key > low && key % 2 == 0).take(5).collect();
                let b: Vec<_> = std.extract_if(.., |key, _| *key > low && key % 2 == 0).take(5).collect();
                assert_eq!(a, b);
            }
            11 => {
                let copy = root.clone_in(heap);
                assert_eq!((&copy, copy.cmp(root)), (&*root, core::cmp::Ordering::Equal));
                assign(root, copy, heap);
            }
            12 => {
                let (mut rest, mut other) = (root.split_off(&key), std.split_off(&key));
                assert!(rest.iter().eq(&other));
                root.append(&mut rest);
                std.append(&mut other);
                assert!(rest.is_empty());
            }
            13 => {
                let whole = assign(root, PBTreeMap::new_in(heap), heap);
                let (mut a, mut b) = (whole.into_iter(), core::mem::take(std).into_iter());
                let stop = random.below(a.len() + 1);
                assert_eq!(a.next_back(), b.next_back());
                root.extend(a.take(stop));
                std.extend(b.take(stop));
            }
            14 => {
                root.values_mut().rev().take(3).for_each(|it| *it += 1);
                std.values_mut().rev().take(3).for_each(|it| *it += 1);
            }
            15 if random.chance(10) => {
                root.clear();
                std.clear();
            }
            16 => {
                let entries = (root.first_key_value(), root.last_key_value());
                assert_eq!(entries, (std.first_key_value(), std.last_key_value()));
            }
            _ => {
                if let Some(it) = root.get_mut(&key) {
                    *it += 1;
                }
                if let Some(it) = std.get_mut(&key) {
                    *it += 1;
                }
            }
        }
    }

    fn compare(&self, root: &Self::Root) {
        assert_eq!(root.len(), self.0.len());
        assert!(root.iter().eq(&self.0));
        assert!(root.iter().rev().eq(self.0.iter().rev()));
        assert!(self.0.iter().all(|(key, value)| root.get(key) == Some(value)));
        if LIMIT < 1000 {
            assert_eq!(format!("{root:?}"), format!("{:?}", self.0));
        }
    }
}

#[test]
fn a_tree_is_as_the_standard_one() {
    for seed in 0..4 {
        drive::small::<Numbers<80>>(seed, 1000);
        drive::small::<Numbers<600>>(seed, 1500);
    }
}

#[test]
fn a_large_tree_is_as_the_standard_one() {
    drive::large::<Numbers<20_000>>(5, 150_000);
}

#[test]
fn trees_that_grow_and_shrink_at_their_ends_stay_whole() {
    let heap = start(8 << 20);
    let before = heap.used();
    let mut map = PBTreeMap::new_in(heap);
    for key in 0..3000_u64 {
        assert_eq!(map.insert(key, key), None);
    }
    for key in (3000..6000).rev() {
        assert_eq!(map.insert(key, key), None);
    }
    assert!(map.iter().map(|(key, _)| *key).eq(0..6000));
    assert!((0..2000).all(|key| map.pop_first() == Some((key, key))));
    assert!((4000..6000).rev().all(|key| map.pop_last() == Some((key, key))));
    assert!(map.keys().copied().eq(2000..4000));
    assert!((2000..4000).all(|key| map.remove(&key) == Some(key)));
    assert_eq!((map.len(), heap.used()), (0, before));
}

#[test]
fn texts_are_found_by_texts() {
    let heap = start(2 << 20);
    let texts = ["b", "", "a", "ab"].map(|text| (PString::from_str_in(text, heap), text.len()));
    let map = PBTreeMap::from_iter_in(texts, heap);
    assert_eq!((map.get("ab"), map.get("c")), (Some(&2), None));
    let found: Vec<&str> =
        map.range::<str, _>((Bound::Excluded("a"), Bound::Unbounded)).map(|(key, _)| &**key).collect();
    assert_eq!(found, ["ab", "b"]);
}

#[test]
fn an_insertion_notes_what_moves() {
    let heap = start(256 << 10);
    let mut place = drive::Place::put(PBTreeMap::from_iter_in((0..8_u64).map(|key| (key, key)), heap), heap);
    heap.watch();
    let map = place.get(heap);
    map.insert(8, 8);
    // The map itself, the entry, and the length of the node.
    assert_eq!(heap.check_notes(), size_of_val(map) + 16 + 2);
    heap.watch();
    let map = place.get(heap);
    map.remove(&6);
    assert_eq!(heap.check_notes(), size_of_val(map) + 2 * 16 + 2);
    drop(place.take(heap));
}

#[test]
#[should_panic(expected = "begins behind its end")]
fn a_range_that_ends_before_it_begins_is_refused() {
    let heap = start(256 << 10);
    let map = PBTreeMap::from_iter_in([(1, 1)], heap);
    let (low, high) = (1, 3);
    let _ = map.range(high..low);
}

type Bombs = PBTreeMap<Bomb, Bomb, TestHeap>;

/// Just so many that one more splits a leaf.
fn bombs(heap: TestHeap) -> Bombs {
    PBTreeMap::from_iter_in((0..17).map(|key| (Bomb::new(2 * key, heap), Bomb::new(key, heap))), heap)
}

#[test]
fn panics_and_failures_at_every_moment_leave_a_tree_whole() {
    let check = |map: &Bombs| {
        let mut last = None;
        let mut seen = 0;
        for (key, value) in map {
            key.check();
            value.check();
            assert!(last < Some(key.key));
            last = Some(key.key);
            seen += 1;
        }
        assert_eq!(seen, map.len());
    };
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(bombs, act, check);
    for key in [33, 35, 7, 8] {
        let moments = every(&|map, heap| {
            let (key, value) = (Bomb::new(key, heap), Bomb::new(1, heap));
            map.insert(key, value);
        });
        assert!(moments >= 5, "{moments}");
    }
    assert!(
        every(&|map, heap| {
            let (key, value) = (Bomb::new(100, heap), Bomb::new(1, heap));
            map.entry(key).or_insert(value);
        }) >= 5
    );
    assert!(every(&|map, heap| drop(map.remove(&Bomb::new(10, heap)))) >= 4);
    assert!(every(&|map, _| map.retain(|key, _| key.key % 4 == 0)) >= 16);
    assert!(every(&|map, _| map.clear()) >= 34);
    assert!(
        every(&|map, heap| drop(core::mem::replace(map, PBTreeMap::new_in(heap)).into_iter().nth(2))) >= 34
    );
    assert!(every(&|map, heap| drop(map.clone_in(heap))) >= 68);
    assert!(every(&|map, heap| drop(map.split_off(&Bomb::new(9, heap)))) >= 20);
    assert!(
        every(&|map, _| {
            map.retain(|key, _| {
                super::bomb::tick();
                key.key < 14
            });
        }) >= 30
    );
}

#[test]
fn what_finds_no_place_comes_back() {
    let heap = start(256 << 10);
    let mut map = PBTreeMap::new_in(heap);
    heap.grants(0);
    assert_eq!(map.try_insert(7, 8).unwrap_err().into_inner(), (7, 8));
    heap.grants(1);
    for key in 0..11 {
        assert_eq!(map.try_insert(key, key), Ok(None));
    }
    assert!(map.try_insert(11, 11).is_err());
    assert_eq!(map.try_insert(3, 4), Ok(Some(3)));
    // A split needs two nodes: with one, nothing happens.
    heap.grants(1);
    assert!(map.try_insert(11, 11).is_err());
    heap.grants(2);
    assert_eq!((map.try_insert(11, 11), map.len()), (Ok(None), 12));
}

#[test]
fn an_element_is_replaced_in_its_place() {
    use crate::collections::PBTreeSet;

    /// Told apart by the first number.
    #[derive(Debug)]
    struct Named(u64, u64);

    impl PartialEq for Named {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }

    impl Eq for Named {}

    impl PartialOrd for Named {
        fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Named {
        fn cmp(&self, other: &Self) -> core::cmp::Ordering {
            self.0.cmp(&other.0)
        }
    }

    let heap = start(256 << 10);
    let set = PBTreeSet::from_iter_in((0..100).map(|name| Named(name, 1)), heap);
    let mut place = drive::Place::put(set, heap);
    heap.watch();
    heap.grants(0);
    let set = place.get(heap);
    let before = set.replace(Named(50, 2)).unwrap();
    assert_eq!((before.1, set.get(&Named(50, 0)).unwrap().1), (1, 2));
    assert_eq!(heap.check_notes(), size_of_val(set) + 16);
    drop(place.take(heap));
}

#[test]
fn sets_are_as_the_standard_ones() {
    use crate::collections::PBTreeSet;
    use std::collections::BTreeSet;

    let heap = start(2 << 20);
    let mut random = Random::new(8);
    for _ in 0..60 {
        let mut some = || (0..random.below(40)).map(|_| random.next() % 60).collect::<Vec<_>>();
        let (one, other) = (some(), some());
        let (mut a, b) = (
            PBTreeSet::from_iter_in(one.iter().copied(), heap),
            PBTreeSet::from_iter_in(other.iter().copied(), heap),
        );
        let (mut x, y): (BTreeSet<u64>, BTreeSet<u64>) =
            (one.into_iter().collect(), other.into_iter().collect());
        assert!(a.union(&b).eq(x.union(&y)) && a.intersection(&b).eq(x.intersection(&y)));
        assert_eq!(
            a.symmetric_difference(&b).collect::<BTreeSet<_>>(),
            x.symmetric_difference(&y).collect::<BTreeSet<_>>()
        );
        assert!(a.difference(&b).eq(x.difference(&y)) && a.range(10..30).rev().eq(x.range(10..30).rev()));
        assert_eq!((a.is_subset(&b), a.is_disjoint(&b)), (x.is_subset(&y), x.is_disjoint(&y)));
        assert_eq!(
            (a.first(), a.last(), a.len(), a.contains(&3)),
            (x.first(), x.last(), x.len(), x.contains(&3))
        );
        assert_eq!((a.insert(3), a.remove(&4), a.take(&5)), (x.insert(3), x.remove(&4), x.take(&5)));
        assert_eq!((a.pop_first(), a.pop_last()), (x.pop_first(), x.pop_last()));
        assert_eq!((a.replace(7), a.replace(50)), (x.replace(7), x.replace(50)));
        let (mut high, mut upper) = (a.split_off(&30), x.split_off(&30));
        assert!(a.iter().eq(&x) && high.iter().eq(&upper));
        high.append(&mut a.clone_in(heap));
        upper.append(&mut x.clone());
        assert!(high.into_iter().eq(upper));
        a.retain(|element| element % 2 == 0);
        x.retain(|element| element % 2 == 0);
        assert!(a.clone_in(heap) == a && a.into_iter().eq(x));
    }
}
