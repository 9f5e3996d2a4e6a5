//! `PVec` beside `Vec`.

use super::bomb::{Bomb, every_moment};
use super::drive::{self, Place, Subject, assign};
use super::heap::{TestHeap, start};
use super::random::Random;
use crate::collections::{CloneIn, PVec};

type Text = PVec<u8, TestHeap>;

/// A vector of vectors: elements that own blocks.
#[derive(Clone)]
pub(super) struct Nested(Vec<Vec<u8>>);

fn text(random: &mut Random) -> Vec<u8> {
    (0..random.below(12)).map(|_| b'a' + u8::try_from(random.below(3)).unwrap()).collect()
}

impl Subject for Nested {
    type Root = PVec<Text, TestHeap>;

    fn new(heap: TestHeap) -> (Self::Root, Self) {
        (PVec::new_in(heap), Self(Vec::new()))
    }

    fn step(&mut self, root: &mut Self::Root, random: &mut Random, heap: TestHeap) {
        let std = &mut self.0;
        let len = std.len();
        let one = text(random);
        let own = PVec::from_slice_in(&one, heap);
        let index = random.below(len + 1);
        match random.below(30) {
            0..=5 => {
                std.push(one);
                root.push(own);
            }
            6 => assert_eq!(root.pop().map(|text| text.to_vec()), std.pop()),
            7 => {
                std.insert(index, one);
                root.insert(index, own);
            }
            8 if len > 0 => assert_eq!(root.remove(index.min(len - 1)), std.remove(index.min(len - 1))),
            9 if len > 0 => {
                assert_eq!(root.swap_remove(index.min(len - 1)), std.swap_remove(index.min(len - 1)));
            }
            10 => {
                std.truncate(len.saturating_sub(random.below(4)));
                root.truncate(std.len());
            }
            11 => {
                let range = random.range(len);
                let (mut a, mut b) = (root.drain(range.clone()), std.drain(range));
                for _ in 0..random.below(4) {
                    assert_eq!(a.next().map(|text| text.to_vec()), b.next());
                    assert_eq!(a.next_back().map(|text| text.to_vec()), b.next_back());
                }
            }
            12 => {
                root.retain(|text| text.len() % 4 != 1);
                std.retain(|text| text.len() % 4 != 1);
            }
            13 => {
                root.retain_mut(|text| {
                    text.push(b'x');
                    text.len() < 11
                });
                std.retain_mut(|text| {
                    text.push(b'x');
                    text.len() < 11
                });
            }
            14 => {
                root.dedup_by_key(|text| text.len() / 4);
                std.dedup_by_key(|text| text.len() / 4);
            }
            15 => {
                root.dedup();
                std.dedup();
            }
            16 => {
                let range = random.range(len);
                let stop = random.below(3);
                let a = root.extract_if(range.clone(), |text| text.len() > 5).take(stop).count();
                let b = std.extract_if(range, |text| text.len() > 5).take(stop).count();
                assert_eq!(a, b);
            }
            17 => {
                let mut rest = root.split_off(index);
                assert_eq!(rest, std[index..]);
                rest.append(root);
                assert!(root.is_empty());
                root.append(&mut rest);
                root.rotate_left(len - index);
            }
            18 => {
                let copy = root.clone_in(heap);
                assert_eq!(copy, *root);
                let order = copy.partial_cmp(root);
                assert_eq!(order, Some(core::cmp::Ordering::Equal));
                assign(root, copy, heap);
            }
            19 => {
                root.resize_with(index + 3, || PVec::from_slice_in(b"new", heap));
                std.resize(index + 3, b"new".to_vec());
            }
            20 => root.shrink_to(random.below(2 * len + 1)),
            21 if len > 0 => {
                root[index.min(len - 1)].extend_from_slice(b"yz");
                std[index.min(len - 1)].extend_from_slice(b"yz");
            }
            22 if len > 0 => {
                root[index.min(len - 1)..].reverse();
                std[index.min(len - 1)..].reverse();
                root.swap(0, index.min(len - 1));
                std.swap(0, index.min(len - 1));
            }
            23 => {
                root.sort();
                std.sort();
            }
            24 => {
                for text in root.iter_mut().take(2) {
                    text.insert(0, b'i');
                }
                for text in std.iter_mut().take(2) {
                    text.insert(0, b'i');
                }
            }
            25 => {
                let whole = assign(root, PVec::new_in(heap), heap);
                let mut parts = whole.into_iter();
                assert_eq!(parts.len(), len);
                let last = parts.next_back();
                root.extend(parts.by_ref().take(index));
                root.extend(last);
                let mut parts = core::mem::take(std).into_iter();
                let last = parts.next_back();
                std.extend(parts.by_ref().take(index));
                std.extend(last);
            }
            26 => assert!(root.try_reserve(usize::MAX / 2).is_err()),
            27 => root.reserve(random.below(20)),
            28 => {
                assert_eq!(
                    root.pop_if(|text| text.len() < 5).map(|text| text.to_vec()),
                    std.pop_if(|text| text.len() < 5)
                );
            }
            _ if random.chance(8) => {
                root.clear();
                std.clear();
            }
            _ => {
                if let (Some(a), Some(b)) = (root.last_mut(), std.last_mut()) {
                    let range = random.range(a.len());
                    a.extend_from_within(range.clone());
                    b.extend_from_within(range);
                }
            }
        }
    }

    fn compare(&self, root: &Self::Root) {
        assert_eq!(root.len(), self.0.len());
        assert!(root.iter().zip(&self.0).all(|(a, b)| a == b), "{root:?} beside {:?}", self.0);
        assert_eq!(format!("{root:?}"), format!("{:?}", self.0));
    }
}

#[test]
fn a_vector_of_vectors_is_as_the_standard_one() {
    for seed in 0..4 {
        drive::small::<Nested>(seed, 250);
    }
}

#[test]
fn a_large_vector_is_as_the_standard_one() {
    drive::large::<Nested>(1, 4_000);
}

#[test]
fn elements_without_a_size_need_no_block() {
    let heap = start(256 << 10);
    let before = heap.used();
    let mut vec = PVec::from_iter_in([(); 5], heap);
    vec.insert(2, ());
    assert_eq!((vec.len(), vec.pop(), vec.remove(1)), (6, Some(()), ()));
    assert_eq!((vec.into_iter().count(), heap.used()), (4, before));
}

#[test]
fn a_push_notes_the_element_and_no_more() {
    let heap = start(256 << 10);
    let mut place = Place::put(PVec::with_capacity_in(100, heap), heap);
    place.get(heap).push(1_u64);
    heap.watch();
    let vec = place.get(heap);
    vec.push(2_u64);
    assert_eq!(heap.check_notes(), size_of_val(vec) + 8);
    heap.watch();
    vec[1] = 3;
    assert_eq!(heap.check_notes(), 8);
    heap.watch();
    assert_eq!(vec.iter().sum::<u64>(), 4);
    assert_eq!(heap.check_notes(), 0);
    drop(place.take(heap));
}

type Bombs = PVec<Bomb, TestHeap>;

fn bombs(heap: TestHeap) -> Bombs {
    PVec::from_iter_in([1, 1, 2, 3, 3, 4, 5, 6].map(|key| Bomb::new(key, heap)), heap)
}

#[test]
fn panics_and_failures_at_every_moment_leave_a_vector_whole() {
    let check = |vec: &Bombs| vec.iter().for_each(Bomb::check);
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(bombs, act, check);
    assert!(every(&|vec, _| vec.truncate(3)) >= 5);
    assert!(every(&|vec, heap| vec.push(Bomb::new(7, heap))) >= 2);
    assert!(every(&|vec, heap| vec.insert(1, Bomb::new(7, heap))) >= 2);
    assert!(every(&|vec, heap| drop(vec.clone_in(heap))) >= 16);
    assert!(every(&|vec, _| vec.retain(|bomb| bomb.key % 2 == 0)) >= 4);
    assert!(every(&|vec, _| vec.dedup()) >= 8);
    assert!(every(&|vec, _| drop(vec.drain(2..5))) >= 3);
    assert!(every(&|vec, _| drop(vec.extract_if(1..6, |bomb| bomb.key > 2).next())) >= 1);
    assert!(every(&|vec, heap| *vec = PVec::new_in(heap)) >= 8);
    assert!(every(&|vec, heap| drop(core::mem::replace(vec, PVec::new_in(heap)).into_iter().nth(2))) >= 8);
    assert!(every(&|vec, _| drop(vec.split_off(4))) >= 5);
    assert!(every(&|vec, heap| vec.resize_with(20, || Bomb::new(9, heap))) >= 12);
    assert!(every(&|vec, _| vec.sort()) >= 7);
    assert!(
        every(&|vec, _| {
            vec.retain(|bomb| {
                super::bomb::tick();
                bomb.key < 4
            });
        }) >= 8
    );
}

#[test]
fn what_finds_no_place_comes_back() {
    let heap = start(256 << 10);
    let mut vec = PVec::new_in(heap);
    heap.grants(0);
    assert_eq!(vec.try_push(7).unwrap_err().into_inner(), 7);
    assert_eq!(vec.try_insert(0, 8).unwrap_err().into_inner(), 8);
    assert!(vec.try_reserve(1).is_err() && PVec::<u8, _>::try_with_capacity_in(1, heap).is_err());
    heap.grants(1);
    vec.try_push(7).unwrap();
    vec.shrink_to_fit();
    assert_eq!(vec, [7]);
    heap.check();
}
