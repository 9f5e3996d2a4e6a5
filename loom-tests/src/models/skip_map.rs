//! The skip map: threads that put in, take out, replace and look, at towers of one and two levels.
//!
//! Keys are looked at through a cell of loom's, and dropped as one writes: whoever still looks at a node that is freed is
//! found, and so is whoever may look without that being ordered.

use std::cell::Cell;
use std::cmp::Ordering;

use loom::cell::UnsafeCell;
use loom::thread;

use super::{explore, failure};
use crate::collections::skip_map::{Flaw, PSkipMap, plant};
use crate::planted::Bug;
use crate::stand_ins::arena::Arena;
use crate::stand_ins::local;

struct Key {
    number: u64,
    looks: UnsafeCell<()>,
    live: Cell<bool>,
}

impl Key {
    fn new(number: u64) -> Self {
        Self { number, looks: UnsafeCell::new(()), live: Cell::new(true) }
    }

    fn get(&self) -> u64 {
        self.looks.with(|_| ());
        assert!(self.live.get(), "a key that was dropped");
        self.number
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert!(self.live.replace(false), "dropped twice");
        self.looks.with_mut(|_| ());
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.get().cmp(&other.get())
    }
}

impl std::borrow::Borrow<u64> for Key {
    fn borrow(&self) -> &u64 {
        self.get();
        &self.number
    }
}

type Map = PSkipMap<Key, u64, Arena>;

/// The map of an execution, which its threads share until the last one has ended.
#[derive(Clone, Copy)]
struct Shared(&'static Map);

impl Shared {
    fn put(self, key: u64, value: u64) {
        self.0.insert(Key::new(key), value, Arena);
    }

    fn get(self, key: u64) -> Option<u64> {
        self.0.get(&key).map(|entry| {
            entry.key().get();
            *entry.value()
        })
    }

    fn take(self, key: u64) -> Option<u64> {
        self.0.remove(&key, Arena).map(|entry| {
            entry.key().get();
            *entry.value()
        })
    }

    fn spawn<T: 'static>(
        self,
        number: usize,
        act: impl FnOnce(Self) -> T + 'static,
    ) -> thread::JoinHandle<T> {
        thread::spawn(move || {
            local::be(number);
            act(self)
        })
    }
}

// SAFETY: keys' cells are only written by who has them alone, which loom watches over.
unsafe impl Send for Shared {}

/// Makes a map with towers of this height and these keys, and hands it to `act`; then looks whether all is well.
fn with_map(height: usize, keys: &[u64], act: impl FnOnce(Shared) -> Vec<(u64, u64)>) {
    let arena = Arena::begin();
    local::begin(3);
    local::be(0);
    local::set_height(height);
    let map = Box::into_raw(Box::new(Map::new_in(arena)));
    // SAFETY: it is there until all threads have ended.
    let shared = Shared(unsafe { &*map });
    keys.iter().for_each(|key| shared.put(*key, 0));
    let left = act(shared);
    // SAFETY: as above, and nobody else has it any more.
    let map = *unsafe { Box::from_raw(map) };
    map.check();
    let found = map.iter().map(|entry| (entry.key().get(), *entry.value())).collect::<Vec<_>>();
    assert_eq!(found, left);
    assert_eq!(arena.blocks(), map.len() + map.waiting_len() + 1, "a node was lost");
    drop(map);
    assert_eq!(arena.blocks(), 0);
}

/// One puts a high tower in while another takes it out.
fn insertion_and_removal() {
    with_map(2, &[], |map| {
        let other = map.spawn(1, |map| map.take(5));
        map.put(5, 1);
        match other.join().unwrap() {
            None => vec![(5, 1)],
            Some(value) => {
                assert_eq!(value, 1);
                vec![]
            }
        }
    });
}

/// Two neighbours leave at once.
fn removals_of_neighbours(height: usize) {
    with_map(height, &[3, 4], |map| {
        let other = map.spawn(1, |map| map.take(3));
        assert_eq!(map.take(4), Some(0));
        assert_eq!(other.join().unwrap(), Some(0));
        vec![]
    });
}

/// One comes in behind one that leaves.
fn insertion_behind_a_removal(height: usize) {
    with_map(height, &[3], |map| {
        let other = map.spawn(1, |map| map.take(3));
        map.put(4, 1);
        assert_eq!(other.join().unwrap(), Some(0));
        vec![(4, 1)]
    });
}

/// A key that is replaced is always there, with the one value or the other.
fn replacement_and_lookup() {
    with_map(1, &[5], |map| {
        let other = map.spawn(1, |map| map.get(5));
        map.put(5, 1);
        assert!(other.join().unwrap().is_some(), "a key that is always there was not");
        vec![(5, 1)]
    });
}

/// Two replace the same value.
fn replacements(height: usize) {
    with_map(height, &[5], |map| {
        let other = map.spawn(1, |map| map.put(5, 2));
        map.put(5, 1);
        other.join().unwrap();
        vec![(5, map.get(5).filter(|value| [1, 2].contains(value)).expect("one of them"))]
    });
}

/// A value is replaced while its entry is taken out.
fn replacement_and_removal(height: usize) {
    with_map(height, &[5], |map| {
        let other = map.spawn(1, |map| map.take(5));
        map.put(5, 1);
        match other.join().unwrap() {
            Some(0) => vec![(5, 1)],
            taken => {
                assert_eq!(taken, Some(1));
                vec![]
            }
        }
    });
}

/// One looks at an entry that another takes out, and whose memory it wants back at once.
fn lookup_and_reclamation() {
    with_map(1, &[5], |map| {
        let other = map.spawn(1, |map| map.get(5));
        assert_eq!(map.take(5), Some(0));
        map.0.reclaim(Arena);
        assert!([None, Some(0)].contains(&other.join().unwrap()));
        vec![]
    });
}

/// The same, but who wants the memory back is a third thread: the fence that the remover has passed is not its own.
fn lookup_and_reclamation_by_a_third() {
    with_map(1, &[5], |map| {
        let other = map.spawn(1, |map| map.get(5));
        let remover = map.spawn(2, |map| map.take(5));
        map.0.reclaim(Arena);
        assert!([None, Some(0)].contains(&other.join().unwrap()));
        assert_eq!(remover.join().unwrap(), Some(0));
        vec![]
    });
}

/// As [`failure`], with a flaw of the map's own.
fn flaw_is_found(flaw: Flaw, preemptions: Option<usize>, execution: impl Fn() + Send + Sync + 'static) {
    failure(Bug::None, preemptions, move || {
        plant(Some(flaw));
        execution();
    });
    plant(None);
}

#[test]
fn a_tower_that_is_linked_while_it_is_taken_out_is_retired_once() {
    explore("skip map, insertion and removal", Some(4), insertion_and_removal);
}

#[test]
fn neighbours_leave() {
    explore("skip map, removals of neighbours", None, || removals_of_neighbours(1));
    explore("skip map, removals of high neighbours", Some(4), || removals_of_neighbours(2));
}

#[test]
fn one_comes_where_another_leaves() {
    explore("skip map, insertion behind a removal", None, || insertion_behind_a_removal(1));
    explore("skip map, high insertion behind a removal", Some(4), || insertion_behind_a_removal(2));
}

#[test]
fn a_replaced_key_is_always_there() {
    explore("skip map, replacement and lookup", None, replacement_and_lookup);
}

#[test]
fn two_replace_a_value() {
    explore("skip map, replacements", Some(3), || replacements(1));
    explore("skip map, high replacements", Some(2), || replacements(2));
}

#[test]
fn a_value_is_replaced_or_taken_out() {
    explore("skip map, replacement and removal", Some(3), || replacement_and_removal(1));
    explore("skip map, high replacement and removal", Some(2), || replacement_and_removal(2));
}

#[test]
fn nobody_looks_at_what_is_freed() {
    explore("skip map, lookup and reclamation", Some(3), lookup_and_reclamation);
    explore("skip map, lookup, removal and reclamation", Some(2), lookup_and_reclamation_by_a_third);
}

#[test]
fn epochs_that_wait_for_nobody_are_caught() {
    flaw_is_found(Flaw::Unpinned, Some(3), lookup_and_reclamation);
}

#[test]
fn nodes_freed_at_once_are_caught() {
    flaw_is_found(Flaw::FreedAtOnce, Some(3), lookup_and_reclamation);
}

#[test]
fn removers_that_do_not_wait_for_who_links_are_caught() {
    flaw_is_found(Flaw::NoHandshake, Some(3), insertion_and_removal);
}

#[test]
fn gaps_in_replacements_are_caught() {
    flaw_is_found(Flaw::GapInReplacement, Some(3), replacement_and_lookup);
}

#[test]
fn readers_that_the_barrier_spares_are_caught() {
    failure(Bug::NoLightBarrier, Some(3), lookup_and_reclamation);
}

#[test]
fn an_epoch_that_passes_no_barrier_is_caught() {
    failure(Bug::NoHeavyBarrier, Some(3), lookup_and_reclamation_by_a_third);
}
