//! Every operation with a panic at each moment at which code of an element, a closure or an iterator runs, and with each of its
//! allocations failing. What is most likely to go wrong is tried beside the collections' own tests; here is the rest.

use core::fmt::{self, Write};

use super::bomb::{Bomb, Spark, every_moment, tick};
use super::heap::TestHeap;
use crate::collections::{
    CloneIn, PBTreeMap, PBTreeSet, PHashMap, PHashSet, PString, PVec, PVecDeque, btree_map, hash_map,
};

/// Elements from an iterator that panics as well.
fn some(keys: impl IntoIterator<Item = u64>, heap: TestHeap) -> impl Iterator<Item = Bomb> {
    keys.into_iter().map(move |key| {
        tick();
        Bomb::new(key, heap)
    })
}

fn pairs(keys: impl IntoIterator<Item = u64>, heap: TestHeap) -> impl Iterator<Item = (Bomb, Bomb)> {
    some(keys, heap).map(move |key| {
        let value = Bomb::new(key.key + 100, heap);
        (key, value)
    })
}

/// A condition that panics, as elements' code does.
fn is_even(bomb: &Bomb) -> bool {
    tick();
    bomb.key.is_multiple_of(2)
}

#[test]
fn of_a_vector() {
    type Bombs = PVec<Bomb, TestHeap>;
    let make = |heap| PVec::from_iter_in([1, 1, 2, 3, 3, 4, 5, 6].map(|key| Bomb::new(key, heap)), heap);
    let check = |vec: &Bombs| vec.iter().for_each(Bomb::check);
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(make, act, check);
    assert!(every(&|vec, heap| vec.extend(some(10..20, heap))) >= 20);
    assert!(
        every(&|vec, heap| drop(PVec::from_iter_in(vec.drain(..).chain(some(10..12, heap)), heap))) >= 12
    );
    assert!(every(&|vec, _| drop(vec.remove(2))) >= 1);
    assert!(every(&|vec, _| drop(vec.swap_remove(2))) >= 1);
    assert!(every(&|vec, _| drop(vec.pop_if(|last| is_even(last)))) >= 2);
    assert!(every(&|vec, heap| vec.append(&mut PVec::from_iter_in(some(10..13, heap), heap))) >= 6);
    assert!(every(&|vec, _| vec.retain_mut(|bomb| is_even(bomb))) >= 13);
    assert!(every(&|vec, _| vec.extract_if(1..6, |bomb| is_even(bomb)).for_each(drop)) >= 7);
    assert!(every(&|vec, _| drop(vec.drain(2..6).next_back())) >= 4);
    assert!(every(&|vec, _| vec.dedup_by_key(|bomb| is_even(bomb))) >= 9);
    assert!(every(&|vec, _| vec.dedup_by(|one, other| is_even(one) && is_even(other))) >= 9);
    assert!(every(&|vec, heap| assert!(*vec == *vec && PVec::new_in(heap) < *vec)) >= 8);
    assert!(every(&|vec, _| vec.clear()) >= 8);
    assert!(every(&|vec, _| vec.reserve(100)) >= 1);
    let sparks = |heap| PVec::from_iter_in((0..6).map(Spark::new), heap);
    let every = |act: &dyn Fn(&mut PVec<Spark, TestHeap>, TestHeap)| every_moment(sparks, act, |_| ());
    assert!(every(&|vec, _| vec.extend_from_slice(&[7, 8, 9].map(Spark::new))) >= 7);
    assert!(every(&|vec, _| vec.extend_from_within(1..5)) >= 5);
    assert!(every(&|vec, _| vec.resize(12, Spark::new(7))) >= 8);
    assert!(every(&|vec, heap| drop(PVec::from_slice_in(vec, heap))) >= 13);
    assert!(every(&|vec, heap| drop(vec.clone_in(heap))) >= 13);
}

#[test]
fn of_a_queue() {
    type Bombs = PVecDeque<Bomb, TestHeap>;
    let make = |heap| {
        let mut deque = PVecDeque::with_capacity_in(8, heap);
        (0..5).for_each(|key| deque.push_back(Bomb::new(key, heap)));
        (5..8).for_each(|key| deque.push_front(Bomb::new(key, heap)));
        deque
    };
    let check = |deque: &Bombs| deque.iter().for_each(Bomb::check);
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(make, act, check);
    assert!(every(&|deque, heap| deque.extend(some(10..20, heap))) >= 20);
    assert!(every(&|deque, _| drop(deque.swap_remove_front(4))) >= 1);
    assert!(every(&|deque, _| drop(deque.swap_remove_back(4))) >= 1);
    assert!(every(&|deque, _| deque.clear()) >= 8);
    assert!(every(&|deque, _| drop(deque.split_off(3))) >= 6);
    assert!(every(&|deque, heap| deque.append(&mut PVecDeque::from_iter_in(some(10..13, heap), heap))) >= 6);
    assert!(every(&|deque, heap| deque.resize_with(12, || some([1], heap).next().unwrap())) >= 8);
    assert!(every(&|deque, _| deque.resize_with(2, || unreachable!())) >= 6);
    assert!(every(&|deque, _| drop(deque.drain(2..6).next_back())) >= 4);
    assert!(
        every(&|deque, heap| drop(core::mem::replace(deque, PVecDeque::new_in(heap)).into_iter().nth(2)))
            >= 8
    );
    assert!(every(&|deque, _| deque.reserve(100)) >= 1);
    assert!(
        every(&|deque, _| {
            drop(deque.pop_front());
            deque.rotate_left(3);
            deque.shrink_to_fit();
            drop(deque.pop_back());
        }) >= 2
    );
    assert!(every(&|deque, heap| assert!(!deque.contains(&Bomb::new(9, heap)))) >= 9);
    assert!(every(&|deque, _| assert!(*deque == *deque)) >= 8);
}

#[test]
fn of_a_hash_map() {
    type Bombs = PHashMap<Bomb, Bomb, TestHeap>;
    let make =
        |heap| PHashMap::from_iter_in((0..7).map(|key| (Bomb::new(key, heap), Bomb::new(key, heap))), heap);
    let check = |map: &Bombs| {
        map.iter().for_each(|(key, value)| (key.check(), value.check()).1);
        assert_eq!(map.iter().count(), map.len());
        assert!(map.keys().all(|key| map.contains_key(key)));
    };
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(make, act, check);
    for key in [3, 30] {
        let bomb = |heap| some([key], heap).next().unwrap();
        assert!(
            every(&|map, heap| assert!(map.get(&bomb(heap)).is_some() == map.contains_key(&bomb(heap)))) >= 3
        );
        assert!(every(&|map, heap| drop(map.remove_entry(&bomb(heap)))) >= 3);
        assert!(
            every(&|map, heap| {
                map.entry(bomb(heap))
                    .and_modify(|value| assert!(is_even(value) || value.key % 2 == 1))
                    .or_insert_with(|| bomb(heap));
            }) >= 5
        );
        assert!(
            every(&|map, heap| {
                map.entry(bomb(heap)).or_insert_with_key(|key| Bomb::new(u64::from(is_even(key)), heap));
            }) >= 4
        );
        assert!(every(&|map, heap| drop(map.entry(bomb(heap)).insert_entry(bomb(heap)).remove_entry())) >= 6);
        assert!(
            every(&|map, heap| match map.entry(bomb(heap)) {
                hash_map::Entry::Occupied(mut entry) => drop(entry.insert(bomb(heap))),
                hash_map::Entry::Vacant(entry) => drop(entry.into_key()),
            }) >= 4
        );
        assert!(
            every(&|map, heap| {
                if let Err(back) = map.try_insert(bomb(heap), bomb(heap)) {
                    let (key, value) = back.into_inner();
                    key.check();
                    value.check();
                    panic!("no memory");
                }
            }) >= 6
        );
    }
    assert!(every(&|map, heap| map.extend(pairs(5..15, heap))) >= 50);
    assert!(every(&|map, _| map.extract_if(|key, _| is_even(key)).for_each(drop)) >= 15);
    assert!(every(&|map, _| map.rehash()) >= 8);
    assert!(
        every(&|map, _| {
            map.retain(|key, _| key.key < 2);
            map.shrink_to_fit();
        }) >= 10
    );
    assert!(every(&|map, _| assert!(*map == *map)) >= 20);
    assert!(
        every(&|map, heap| drop(core::mem::replace(map, PHashMap::new_in(heap)).into_keys().nth(2))) >= 14
    );
    assert!(
        every(&|map, heap| drop(core::mem::replace(map, PHashMap::new_in(heap)).into_values().nth(2))) >= 14
    );
}

#[test]
fn of_a_tree() {
    type Bombs = PBTreeMap<Bomb, Bomb, TestHeap>;
    let make = |heap| {
        PBTreeMap::from_iter_in((0..17).map(|key| (Bomb::new(2 * key, heap), Bomb::new(key, heap))), heap)
    };
    let check = |map: &Bombs| {
        map.iter().for_each(|(key, value)| (key.check(), value.check()).1);
        assert_eq!(map.iter().count(), map.len());
        assert!(map.keys().is_sorted_by(|one, next| one.key < next.key));
    };
    let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(make, act, check);
    for key in [6, 7] {
        let bomb = |heap| some([key], heap).next().unwrap();
        assert!(
            every(&|map, heap| assert!(map.get(&bomb(heap)).is_some() == map.contains_key(&bomb(heap)))) >= 3
        );
        assert!(every(&|map, heap| drop(map.remove_entry(&bomb(heap)))) >= 3);
        assert!(
            every(&|map, heap| {
                map.entry(bomb(heap))
                    .and_modify(|value| assert!(is_even(value) || value.key % 2 == 1))
                    .or_insert_with(|| bomb(heap));
            }) >= 5
        );
        assert!(
            every(&|map, heap| {
                map.entry(bomb(heap)).or_insert_with_key(|key| Bomb::new(u64::from(is_even(key)), heap));
            }) >= 4
        );
        assert!(
            every(&|map, heap| match map.entry(bomb(heap)) {
                btree_map::Entry::Occupied(mut entry) => {
                    drop(entry.insert(bomb(heap)));
                    drop(entry.remove_entry());
                }
                btree_map::Entry::Vacant(entry) => drop(entry.into_key()),
            }) >= 4
        );
        assert!(
            every(&|map, heap| {
                if let Err(back) = map.try_insert(bomb(heap), bomb(heap)) {
                    let (key, value) = back.into_inner();
                    key.check();
                    value.check();
                    panic!("no memory");
                }
            }) >= 6
        );
        assert!(every(&|map, heap| map.range(bomb(heap)..).for_each(|(key, _)| key.check())) >= 4);
    }
    assert!(every(&|map, heap| map.extend(pairs(25..50, heap))) >= 100);
    assert!(every(&|map, heap| map.append(&mut PBTreeMap::from_iter_in(pairs(30..40, heap), heap))) >= 40);
    assert!(every(&|map, _| map.extract_if(|key, _| is_even(key)).for_each(drop)) >= 40);
    assert!(every(&|map, _| drop((map.pop_first(), map.pop_last()))) >= 4);
    assert!(every(&|map, _| drop(map.first_entry().map(btree_map::OccupiedEntry::remove))) >= 2);
    assert!(every(&|map, _| assert!(*map == *map && *map <= *map)) >= 34);
    assert!(
        every(&|map, heap| drop(core::mem::replace(map, PBTreeMap::new_in(heap)).into_keys().nth(2))) >= 34
    );
    assert!(
        every(&|map, heap| drop(core::mem::replace(map, PBTreeMap::new_in(heap)).into_values().nth_back(2)))
            >= 34
    );
}

macro_rules! of_a_set {
    ($test:ident, $set:ident) => {
        #[test]
        fn $test() {
            type Bombs = $set<Bomb, TestHeap>;
            let make = |heap| $set::from_iter_in((0..9).map(|key| Bomb::new(key, heap)), heap);
            let check = |set: &Bombs| {
                set.iter().for_each(Bomb::check);
                assert!(set.iter().count() == set.len() && set.iter().all(|element| set.contains(element)));
            };
            let every = |act: &dyn Fn(&mut Bombs, TestHeap)| every_moment(make, act, check);
            for key in [3, 30] {
                let bomb = |heap| some([key], heap).next().unwrap();
                assert!(every(&|set, heap| assert!(set.insert(bomb(heap)) == (key == 30))) >= 3);
                assert!(every(&|set, heap| assert!(set.remove(&bomb(heap)) == (key == 3))) >= 3);
                assert!(every(&|set, heap| drop(set.take(&bomb(heap)))) >= 3);
                assert!(every(&|set, heap| drop(set.replace(bomb(heap)))) >= 3);
                assert!(
                    every(&|set, heap| {
                        if let Err(back) = set.try_insert(bomb(heap)) {
                            back.into_inner().check();
                            panic!("no memory");
                        }
                    }) >= 3
                );
            }
            assert!(every(&|set, heap| set.extend(some(5..20, heap))) >= 40);
            assert!(every(&|set, _| set.retain(is_even)) >= 13);
            assert!(every(&|set, _| set.extract_if(is_even).for_each(drop)) >= 13);
            assert!(every(&|set, _| set.clear()) >= 9);
            assert!(every(&|set, heap| drop(set.clone_in(heap))) >= 18);
            assert!(
                every(&|set, heap| {
                    let other = $set::from_iter_in(some(5..12, heap), heap);
                    assert_eq!((set.union(&other).count(), set.intersection(&other).count()), (12, 4));
                    assert_eq!((set.difference(&other).count(), set.is_subset(&other)), (5, false));
                }) >= 40
            );
            assert!(
                every(&|set, heap| drop(core::mem::replace(set, $set::new_in(heap)).into_iter().nth(2))) >= 9
            );
        }
    };
}

of_a_set!(of_a_hash_set, PHashSet);
of_a_set!(of_a_tree_set, PBTreeSet);

#[test]
fn of_a_hash_set_alone() {
    let make = |heap| PHashSet::from_iter_in((0..9).map(|key| Bomb::new(key, heap)), heap);
    let every = |act: &dyn Fn(&mut PHashSet<Bomb, TestHeap>, TestHeap)| {
        every_moment(make, act, |set| assert!(set.iter().all(|element| set.contains(element))))
    };
    assert!(every(&|set, _| drop(set.drain().nth(2))) >= 9);
    assert!(every(&|set, _| set.reserve(100)) >= 9);
    assert!(every(&|set, _| set.rehash()) >= 9);
}

const TEXT: &str = "aß€🦀 and some more of these";
/// It lies in its `PString`.
const SHORT: &str = "aß€🦀";

/// Whose text ends in a panic, now and then.
struct Shown;

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in ["€", "ß"] {
            tick();
            f.write_str(part)?;
        }
        Ok(())
    }
}

#[test]
fn of_text_in_place() {
    let make = |heap| PString::from_str_in(SHORT, heap);
    let long = "🦀".repeat(20);
    // What fails has changed nothing, and what works everything.
    let all = |act: &dyn Fn(&mut PString<TestHeap>, TestHeap), expected: &str| {
        every_moment(make, act, |text| assert!(*text == *SHORT || *text == *expected, "{text}"))
    };
    assert_eq!(all(&|text, _| text.push_str(" and more"), &format!("{SHORT} and more")), 0);
    assert!(all(&|text, _| text.push_str(&long), &format!("{SHORT}{long}")) >= 1);
    assert!(all(&|text, _| text.insert_str(1, &long), &SHORT.replacen('a', &format!("a{long}"), 1)) >= 1);
    assert!(all(&|text, _| text.replace_range(1..3, &long), &SHORT.replacen('ß', &long, 1)) >= 1);
    assert!(all(&|text, _| text.try_push_str(&long).unwrap(), &format!("{SHORT}{long}")) >= 1);
    assert!(all(&|text, _| text.reserve(100), SHORT) >= 1);
    let keep = |character| {
        tick();
        character != 'ß'
    };
    assert!(all(&|text, _| text.retain(keep), "a€🦀") >= 4);
    assert_eq!(all(&|text, _| drop(text.drain(1..3)), "a€🦀"), 0);
    assert_eq!(all(&|text, _| drop((text.split_off(3), text.pop())), "a"), 0);
}

/// Text has no elements whose code could panic; closures and iterators can, and memory fails.
#[test]
fn of_text() {
    let make = |heap| PString::from_str_in(TEXT, heap);
    let moments = |act: &dyn Fn(&mut PString<TestHeap>, TestHeap), between: &dyn Fn(&str) -> bool| {
        every_moment(make, act, |text| {
            assert!(
                core::str::from_utf8(text.as_bytes()).is_ok_and(|text| text == TEXT || between(text)),
                "{text}"
            );
        })
    };
    let long = "🦀".repeat(20);
    // What fails has changed nothing, and what works everything.
    let all = |act: &dyn Fn(&mut PString<TestHeap>, TestHeap), expected: &str| {
        moments(act, &|text| text == expected)
    };
    assert!(all(&|text, _| text.push('€'), &format!("{TEXT}€")) >= 1);
    assert!(all(&|text, _| text.push_str(&long), &format!("{TEXT}{long}")) >= 1);
    assert!(all(&|text, _| *text += &long, &format!("{TEXT}{long}")) >= 1);
    assert!(all(&|text, _| text.insert(1, '€'), &TEXT.replacen('a', "a€", 1)) >= 1);
    assert!(all(&|text, _| text.insert_str(1, &long), &TEXT.replacen('a', &format!("a{long}"), 1)) >= 1);
    assert!(all(&|text, _| text.replace_range(1..3, &long), &TEXT.replacen('ß', &long, 1)) >= 1);
    assert!(all(&|text, _| text.try_push_str(&long).unwrap(), &format!("{TEXT}{long}")) >= 1);
    assert!(all(&|text, _| text.reserve(100), TEXT) >= 1);
    assert!(all(&|text, heap| drop(text.clone_in(heap)), TEXT) >= 1);
    assert!(all(&|text, heap| drop(PString::from_iter_in(text.chars(), heap)), TEXT) >= 1);
    assert!(all(&|text, _| drop(text.split_off(3)), "aß") >= 1);
    assert!(
        all(
            &|text, _| {
                text.truncate(3);
                text.shrink_to_fit();
            },
            "aß"
        ) <= 1
    );
    // What comes piece by piece is there as far as it came.
    let parts = || long.chars().inspect(|_| tick());
    assert!(
        moments(&|text, _| text.extend(parts()), &|text| format!("{TEXT}{long}").starts_with(text)) >= 20
    );
    assert!(moments(&|text, _| write!(text, "{Shown}{long}").unwrap(), &|text| text.starts_with(TEXT)) >= 3);
    let is_kept = |character: char| {
        tick();
        character.is_ascii()
    };
    let kept = |text: &str| text.ends_with("e") && text.starts_with('a');
    assert_eq!(moments(&|text, _| text.retain(is_kept), &kept), TEXT.chars().count() as u64);
    assert!(
        moments(&|text, _| text.drain(1..6).for_each(|_| tick()), &|text| text == TEXT.replace("ß€", ""))
            >= 2
    );
}
