//! `PSkipMap` in one thread beside `BTreeMap`. Its own tests have the threads.

use std::collections::BTreeMap;

use super::drive::{self, Subject};
use super::heap::TestHeap;
use super::random::Random;
use crate::collections::skip_map::Entry;
use crate::collections::{PSkipMap, PString};

/// Texts by numbers: values that own blocks, which are freed long after they were removed.
#[derive(Clone)]
pub(super) struct Texts(BTreeMap<u64, String>);

type Text = PString<TestHeap>;

impl Subject for Texts {
    type Root = PSkipMap<u64, Text, TestHeap>;

    fn new(heap: TestHeap) -> (Self::Root, Self) {
        (PSkipMap::new_in(heap), Self(BTreeMap::new()))
    }

    fn step(&mut self, root: &mut Self::Root, random: &mut Random, heap: TestHeap) {
        let std = &mut self.0;
        let (key, text) = (random.next() % 60, "x".repeat(random.below(20)));
        let own = || PString::from_str_in(&text, heap);
        match random.below(20) {
            0..=7 => {
                root.insert(key, own(), heap);
                std.insert(key, text);
            }
            8..=11 => {
                let removed = root.remove(&key, heap).map(|entry| entry.value().to_string());
                assert_eq!(removed, std.remove(&key));
            }
            12 | 13 => {
                let found = root.get_or_insert(key, own(), heap);
                assert_eq!(found.value(), std.entry(key).or_insert(text));
            }
            14 => {
                root.compare_insert(key, own(), |old| text.len() > old.len(), heap);
                let there = std.entry(key).or_default();
                if text.len() > there.len() {
                    *there = text;
                }
            }
            15 => {
                let popped = root.pop_front(heap).map(|entry| *entry.key());
                assert_eq!(popped, std.pop_first().map(|(key, _)| key));
            }
            16 => {
                let popped = root.pop_back(heap).map(|entry| *entry.key());
                assert_eq!(popped, std.pop_last().map(|(key, _)| key));
            }
            17 => root.reclaim(heap),
            18 if random.chance(8) => {
                root.clear(heap);
                std.clear();
            }
            _ => {
                let found = root.range(key..key + 20).map(|entry| *entry.key());
                assert!(found.eq(std.range(key..key + 20).map(|(key, _)| *key)));
            }
        }
    }

    fn compare(&self, root: &Self::Root) {
        root.check();
        assert_eq!(root.len(), self.0.len());
        let is = |entry: Entry<'_, u64, Text, TestHeap>, (key, text): (&u64, &String)| {
            entry.key() == key && entry.value() == text
        };
        assert!(root.iter().zip(&self.0).all(|(entry, expected)| is(entry, expected)));
        assert!(self.0.iter().all(|expected| root.get(expected.0).is_some_and(|entry| is(entry, expected))));
    }
}

#[test]
fn a_skip_map_is_as_the_standard_tree() {
    for seed in 0..2 {
        drive::small::<Texts>(seed, 300);
    }
}
