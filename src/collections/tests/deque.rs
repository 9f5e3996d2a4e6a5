//! `PVecDeque` beside `VecDeque`.

use std::collections::VecDeque;

use super::bomb::{Bomb, every_moment};
use super::drive::{self, Subject, assign};
use super::heap::{TestHeap, start};
use super::random::Random;
use crate::collections::{CloneIn, PString, PVecDeque};

#[derive(Clone)]
pub(super) struct Texts(VecDeque<String>);

impl Subject for Texts {
    type Root = PVecDeque<PString<TestHeap>, TestHeap>;

    fn new(heap: TestHeap) -> (Self::Root, Self) {
        (PVecDeque::new_in(heap), Self(VecDeque::new()))
    }

    fn step(&mut self, root: &mut Self::Root, random: &mut Random, heap: TestHeap) {
        let std = &mut self.0;
        let len = std.len();
        let text = format!("{}", random.below(50));
        let own = PString::from_str_in(&text, heap);
        let index = random.below(len + 1);
        let as_text = |text: Option<PString<TestHeap>>| text.map(|text| text.to_string());
        match random.below(24) {
            0..=3 => {
                root.push_back(own);
                std.push_back(text);
            }
            4..=7 => {
                root.push_front(own);
                std.push_front(text);
            }
            8 | 9 => assert_eq!(as_text(root.pop_back()), std.pop_back()),
            10 | 11 => assert_eq!(as_text(root.pop_front()), std.pop_front()),
            12 => {
                root.insert(index, own);
                std.insert(index, text);
            }
            13 => assert_eq!(as_text(root.remove(index)), std.remove(index)),
            14 => {
                let range = random.range(len);
                let (mut a, mut b) = (root.drain(range.clone()), std.drain(range));
                assert_eq!((as_text(a.next()), as_text(a.next_back())), (b.next(), b.next_back()));
            }
            15 => {
                root.retain(|text| text.len() > 1);
                std.retain(|text| text.len() > 1);
            }
            16 => {
                root.make_contiguous().sort();
                std.make_contiguous().sort();
                assert!(root.as_slices().1.is_empty());
            }
            17 => {
                root.rotate_left(index);
                std.rotate_left(index);
            }
            18 => {
                let mut rest = root.split_off(index);
                let mut other = std.split_off(index);
                rest.append(root);
                other.append(std);
                assign(root, rest, heap);
                *std = other;
            }
            19 => root.shrink_to_fit(),
            20 => {
                root.truncate(index);
                std.truncate(index);
                let copy = root.clone_in(heap);
                assert_eq!((&copy, copy.cmp(root)), (&*root, core::cmp::Ordering::Equal));
                assign(root, copy, heap);
            }
            21 => {
                root.range_mut(..index).for_each(|text| text.push('x'));
                std.range_mut(..index).for_each(|text| text.push('x'));
                assert!(root.range(index..).map(|text| &**text).eq(std.range(index..)));
            }
            22 => {
                assert_eq!(as_text(root.swap_remove_front(index)), std.swap_remove_front(index));
                assert_eq!(as_text(root.swap_remove_back(index)), std.swap_remove_back(index));
            }
            _ => {
                root.resize_with(len + 2, || PString::from_str_in("new", heap));
                std.resize(len + 2, "new".into());
                if let Some(text) = root.back_mut() {
                    text.push('!');
                }
                if let Some(text) = std.back_mut() {
                    text.push('!');
                }
            }
        }
    }

    fn compare(&self, root: &Self::Root) {
        assert_eq!(root.len(), self.0.len());
        assert!(root.iter().map(|text| &**text).eq(&self.0), "{root:?} beside {:?}", self.0);
        assert!(root.iter().rev().map(|text| &**text).eq(self.0.iter().rev()));
        assert!((0..root.len()).all(|index| root[index] == self.0[index]));
    }
}

#[test]
fn a_queue_is_as_the_standard_one() {
    for seed in 0..6 {
        drive::small::<Texts>(seed, 400);
    }
    drive::large::<Texts>(3, 4_000);
}

#[test]
fn elements_without_a_size_need_no_block() {
    let heap = start(256 << 10);
    let before = heap.used();
    let mut deque = PVecDeque::from_iter_in([(); 5], heap);
    deque.push_front(());
    deque.insert(1, ());
    assert_eq!((deque.len(), deque.pop_back(), deque.remove(1)), (7, Some(()), Some(())));
    assert_eq!((deque.iter().count(), heap.used()), (5, before));
}

#[test]
fn a_push_notes_the_element_and_no_more() {
    let heap = start(256 << 10);
    let mut place = drive::Place::put(PVecDeque::with_capacity_in(100, heap), heap);
    place.get(heap).push_back(1_u64);
    heap.watch();
    let deque = place.get(heap);
    deque.push_front(2_u64);
    assert_eq!(heap.check_notes(), size_of_val(deque) + 8);
    drop(place.take(heap));
}

type Bombs = PVecDeque<Bomb, TestHeap>;

/// Full, and with both rows in use.
fn bombs(heap: TestHeap) -> Bombs {
    let mut deque = PVecDeque::with_capacity_in(8, heap);
    (0..5).for_each(|key| deque.push_back(Bomb::new(key, heap)));
    (5..8).for_each(|key| deque.push_front(Bomb::new(key, heap)));
    deque
}

#[test]
fn panics_and_failures_at_every_moment_leave_a_queue_whole() {
    let check = |deque: &Bombs| deque.iter().for_each(Bomb::check);
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(bombs, act, check);
    assert!(every(&|deque, heap| deque.push_back(Bomb::new(9, heap))) >= 2);
    assert!(every(&|deque, heap| deque.push_front(Bomb::new(9, heap))) >= 2);
    assert!(every(&|deque, heap| deque.insert(2, Bomb::new(9, heap))) >= 2);
    assert!(every(&|deque, _| drop(deque.remove(2))) >= 1);
    assert!(every(&|deque, _| deque.truncate(1)) >= 7);
    assert!(every(&|deque, _| deque.retain(|bomb| bomb.key % 2 == 0)) >= 4);
    assert!(every(&|deque, _| drop(deque.drain(2..5))) >= 4);
    assert!(every(&|deque, heap| drop(deque.clone_in(heap))) >= 16);
    assert!(every(&|deque, heap| *deque = PVecDeque::new_in(heap)) >= 8);
    assert!(every(&|deque, _| deque.make_contiguous().sort()) >= 7);
    assert!(
        every(&|deque, _| {
            deque.retain(|bomb| {
                super::bomb::tick();
                bomb.key < 4
            });
        }) >= 12
    );
}
