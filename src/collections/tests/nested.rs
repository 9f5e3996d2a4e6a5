//! Collections in collections: whoever lends one to be changed has noted its bytes, which it does not do itself.
//!
//! Each way to borrow what lies in a container is used to change collections of all kinds, beside the standard library's.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::drive::{self, Place, Subject, assign};
use super::heap::{TestHeap, start};
use super::random::Random;
use crate::collections::{PBTreeMap, PHashMap, PVec, PVecDeque};
use crate::typed::PBox;

/// One of each kind.
type Inner = (
    PVec<u64, TestHeap>,
    PVecDeque<u64, TestHeap>,
    PHashMap<u64, u64, TestHeap>,
    PBTreeMap<u64, u64, TestHeap>,
);
type StdInner = (Vec<u64>, VecDeque<u64>, HashMap<u64, u64>, BTreeMap<u64, u64>);

fn inner(heap: TestHeap) -> Inner {
    (PVec::new_in(heap), PVecDeque::new_in(heap), PHashMap::new_in(heap), PBTreeMap::new_in(heap))
}

/// What is done to one of each kind: whatever changes one of their own numbers.
macro_rules! change {
    ($inner:expr, $n:expr) => {{
        let ((vec, deque, hash, tree), n) = ($inner, $n);
        let key = n % 8;
        match n % 7 {
            0 => drop((vec.pop(), deque.pop_front(), hash.remove(&key), tree.remove(&key))),
            1 => {
                vec.truncate(2);
                deque.truncate(2);
                hash.retain(|key, _| key % 3 > 0);
                tree.retain(|key, _| key % 3 > 0);
            }
            2 if n % 3 == 0 => {
                vec.clear();
                deque.clear();
                hash.clear();
                tree.clear();
            }
            3 => {
                vec.shrink_to_fit();
                deque.rotate_left(deque.len() / 2);
                hash.shrink_to_fit();
                hash.drain().for_each(drop);
                tree.pop_first();
            }
            _ => {
                vec.push(n);
                deque.push_front(n);
                hash.insert(key, n);
                tree.insert(key, n);
            }
        }
    }};
}

fn change(inner: &mut Inner, n: u64) {
    change!(inner, n);
}

fn change_std(inner: &mut StdInner, n: u64) {
    change!(inner, n);
}

fn assert_same(ours: &Inner, theirs: &StdInner) {
    assert_eq!(ours.0, theirs.0);
    assert!(ours.1.iter().eq(&theirs.1));
    assert_eq!(ours.2.len(), theirs.2.len());
    assert!(ours.2.iter().all(|(key, value)| theirs.2.get(key) == Some(value)));
    assert!(ours.3.iter().eq(&theirs.3));
}

type Root = (
    PVec<Inner, TestHeap>,
    PVecDeque<Inner, TestHeap>,
    PHashMap<u64, Inner, TestHeap>,
    PBTreeMap<u64, Inner, TestHeap>,
    PBox<Inner, TestHeap>,
    Option<PBox<[Inner], TestHeap>>,
);

/// How many are in each container.
const LEN: usize = 4;

/// The elements of all containers, by container and number.
#[derive(Clone)]
struct Nested([[StdInner; LEN]; 6]);

impl Subject for Nested {
    type Root = Root;

    fn new(heap: TestHeap) -> (Root, Self) {
        let some = || (0..LEN).map(|_| inner(heap));
        let named = || (0..).zip(some());
        let root = (
            PVec::from_iter_in(some(), heap),
            PVecDeque::from_iter_in(some(), heap),
            PHashMap::from_iter_in(named(), heap),
            PBTreeMap::from_iter_in(named(), heap),
            PBox::new_in(inner(heap), heap),
            Some(PBox::from_iter_in(some(), heap)),
        );
        (root, Self(Default::default()))
    }

    fn step(&mut self, root: &mut Root, random: &mut Random, heap: TestHeap) {
        let (vec, deque, hash, tree, one, row) = root;
        let (place, n) = (random.below(LEN), random.next() % 1000);
        let key = place as u64;
        let way = random.below(30);
        // The container, and whether all of its elements change.
        let (container, all) = match way {
            0..=6 => (0, way > 3),
            7..=12 => (1, way > 9),
            13..=19 => (2, way > 16),
            20..=25 => (3, way > 23),
            26..=27 => (4, true),
            _ => (5, false),
        };
        let places = if all { 0..LEN } else { place..place + 1 };
        self.0[container][places].iter_mut().for_each(|inner| change_std(inner, n));
        match way {
            0 => change(&mut vec[place], n),
            1 => change(vec.get_mut(place).unwrap(), n),
            2 => vec[place..].iter_mut().take(1).for_each(|inner| change(inner, n)),
            3 => {
                let mut taken = vec.remove(place);
                change(&mut taken, n);
                vec.insert(place, taken);
            }
            4 => vec.iter_mut().for_each(|inner| change(inner, n)),
            5 => vec.retain_mut(|inner| {
                change(inner, n);
                true
            }),
            6 => {
                let all: Vec<Inner> = vec.drain(..).collect();
                vec.extend(all);
                vec.as_mut_slice().iter_mut().for_each(|inner| change(inner, n));
            }
            7 => change(&mut deque[place], n),
            8 => {
                deque.swap(0, place);
                change(deque.front_mut().unwrap(), n);
                deque.swap(0, place);
            }
            9 => deque.range_mut(place..=place).for_each(|inner| change(inner, n)),
            10 => deque.iter_mut().for_each(|inner| change(inner, n)),
            11 => deque.make_contiguous().iter_mut().for_each(|inner| change(inner, n)),
            12 => {
                let (one, other) = deque.as_mut_slices();
                one.iter_mut().chain(other).for_each(|inner| change(inner, n));
                deque.rotate_left(2);
                deque.rotate_right(2);
            }
            13 => change(hash.get_mut(&key).unwrap(), n),
            14 => change(hash.entry(key).or_insert_with(|| unreachable!()), n),
            15 => {
                let mut taken = hash.remove(&key).unwrap();
                change(&mut taken, n);
                hash.insert(key, taken);
            }
            16 => drop(hash.entry(key).and_modify(|inner| change(inner, n))),
            17 => hash.iter_mut().for_each(|(_, inner)| change(inner, n)),
            18 => hash.values_mut().for_each(|inner| change(inner, n)),
            19 => hash.retain(|_, inner| {
                change(inner, n);
                true
            }),
            20 => change(tree.get_mut(&key).unwrap(), n),
            21 => tree.range_mut(key..=key).for_each(|(_, inner)| change(inner, n)),
            22 => drop(tree.entry(key).and_modify(|inner| change(inner, n))),
            23 => {
                let mut taken = tree.remove(&key).unwrap();
                change(&mut taken, n);
                change(tree.entry(key).or_insert(taken), 4);
                change_std(&mut self.0[3][place], 4);
            }
            24 => tree.iter_mut().for_each(|(_, inner)| change(inner, n)),
            25 => tree.values_mut().for_each(|inner| change(inner, n)),
            26 => change(one, n),
            27 => {
                let mut other = PBox::new_in(inner(heap), heap);
                core::mem::swap(&mut *other, &mut **one);
                change(&mut other, n);
                assign(one, other, heap);
            }
            _ => change(&mut row.as_mut().unwrap()[place], n),
        }
    }

    fn compare(&self, root: &Root) {
        let (vec, deque, hash, tree, one, row) = root;
        for place in 0..LEN {
            let key = place as u64;
            let row = &row.as_ref().unwrap()[place];
            let ours = [&vec[place], &deque[place], &hash[&key], &tree[&key], &**one, row];
            ours.into_iter().zip(&self.0).for_each(|(ours, theirs)| assert_same(ours, &theirs[place]));
        }
    }
}

#[test]
fn what_is_lent_is_noted() {
    let seeds = if cfg!(debug_assertions) { 4 } else { 40 };
    (0..seeds).for_each(|seed| drive::roomy::<Nested>(seed, 200, 3 << 19));
}

/// Where a value is dropped in its place, nobody has noted it: it would be a write that nobody noted, if it wrote to itself.
#[test]
fn what_is_dropped_writes_nothing_to_itself() {
    type Some = (PVec<Inner, TestHeap>, PVecDeque<Inner, TestHeap>, PHashMap<u64, Inner, TestHeap>);
    let heap = start(3 << 19);
    let filled = |n: u64| {
        let mut filled = inner(heap);
        (0..8).for_each(|more| change(&mut filled, 7 * (n + more) + 4));
        filled
    };
    let some: Some = (
        PVec::from_iter_in((0..5).map(filled), heap),
        PVecDeque::from_iter_in((0..5).map(filled), heap),
        PHashMap::from_iter_in((0..5).map(|n| (n, filled(n))), heap),
    );
    let mut place = Place::put(some, heap);
    heap.watch();
    let (vec, deque, hash) = place.get(heap);
    vec.truncate(1);
    deque.truncate(1);
    hash.clear();
    heap.check_notes();
    drop(place.take(heap));
}
