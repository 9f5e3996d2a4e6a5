//! Crashes of heaps with a collection in them, at every point of random programs.
//!
//! The programs are those of [`drive`](super::drive), over a heap in a file on a simulated disk, which is closed, dies and is opened
//! again in between, at its address or at another one. What a crash leaves is opened: the checker finds nothing, every block is
//! reached from the root, and the collection is as its oracle was at the last commit whose `persist` had returned, or at the one
//! after it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::drive::{Place, Subject, check_reach};
use super::heap::{TestHeap, forgetting, start_in};
use super::random::{Random, Seed};
use super::{btree_map, deque, hash_map, skip_map, string, vec};
use crate::durable::simulated::Random as Chance;
use crate::durable::{History, Settings, SimulatedFolder, Taken, seeded};

const DEBUG: bool = cfg!(debug_assertions);

/// How often a program works and persists, or ends and goes on.
const ROUNDS: usize = 24;
/// One point of so many at which a program may crash is looked at.
const POINTS: usize = if DEBUG { 4 } else { 1 };
/// Disks at one point of a program.
const DISKS_AT_ONCE: u64 = if DEBUG { 1 } else { 4 };
/// One disk of so many is used until it crashes again.
const AGAIN: usize = if DEBUG { 60 } else { 500 };

/// How many disks each test looks at, at the least.
const DISKS: &str = "OUTLIVE_CRASH_DISKS";
/// The one program to run.
const SEED: &str = "OUTLIVE_CRASH_SEED";

/// A program that runs on a disk, and what it should have left there.
struct Run<S> {
    folder: SimulatedFolder,
    settings: Settings,
    /// The oracles; `None` where there was no root.
    history: History<Option<S>>,
    /// Where the heap was mapped first.
    home: usize,
    random: Random,
}

/// An open heap with its collection, and the oracle of what is in it.
struct Live<S: Subject> {
    heap: TestHeap,
    root: Place<S::Root>,
    oracle: S,
}

/// The heap is in order, nothing in it is lost, and the collection is as it should be. Only the last of these believes its bytes.
fn inspect<S: Subject>(root: &Place<S::Root>, oracle: &S, heap: TestHeap) {
    heap.check();
    check_reach(root.see(heap), heap);
    oracle.compare(root.see(heap));
}

impl<S: Subject> Run<S> {
    /// A program on an empty disk.
    fn new(seed: u64) -> Self {
        Self {
            folder: SimulatedFolder::new(),
            settings: Settings::any(&mut Chance(seed), seed),
            history: History::new(None),
            home: 0,
            random: Random::new(seed),
        }
    }

    /// Goes on where a crash has left a disk, on which `last` was found.
    fn after(&self, folder: &SimulatedFolder, last: u64, seed: u64) -> Self {
        Self {
            folder: folder.clone(),
            settings: self.settings,
            history: self.history.after(last),
            home: self.home,
            random: Random::new(seed),
        }
    }

    /// Opens what lies on a disk, which holds commit `known` or the next one; says which.
    fn look(&self, disk: &SimulatedFolder, known: u64, elsewhere: bool) -> (TestHeap, u64) {
        let _taken = (elsewhere && self.home != 0).then(|| Taken::new(self.home));
        let heap = self.settings.open_heap(disk);
        let heap = heap.unwrap_or_else(|error| panic!("after commit {known}: {error}"));
        let last = heap.last_commit();
        let expected = self.history.expected(last, known, self.settings.durability);
        let heap = start_in(heap);
        match expected.unwrap_or_else(|wrong| panic!("{wrong}")) {
            Some(oracle) => inspect(&Place::there(), oracle, heap),
            None => assert_eq!(heap.with_heap(|heap| heap.root()), None),
        }
        (heap, last)
    }

    /// Opens the heap, at its address or at another one, and goes on with what it holds. A new one gets a root and a commit.
    fn open(&mut self) -> Live<S> {
        let elsewhere = self.random.chance(2);
        let (heap, last) = self.look(&self.folder, self.history.last_made(), elsewhere);
        if self.home == 0 {
            self.home = heap.with_heap(|heap| heap.base().as_ptr().addr());
        }
        self.history.found(last, self.folder.operations());
        if let Some(Some(oracle)) = self.history.at(last).cloned() {
            return Live { heap, root: Place::there(), oracle };
        }
        let (root, oracle) = S::new(heap);
        let live = Live { heap, root: Place::put(root, heap), oracle };
        self.persist(&live).unwrap_or_else(|error| panic!("persisting: {error}"));
        live
    }

    /// Makes a commit.
    fn persist(&mut self, live: &Live<S>) -> Result<(), crate::Error> {
        self.history.tries(Some(live.oracle.clone()));
        let commit = live.heap.persist()?;
        self.history.makes(commit.sequence, commit.durability, self.folder.operations());
        Ok(())
    }

    /// The process dies after some calls from now on: during a commit, or while the heap is closed.
    fn die(&mut self, live: Live<S>) -> Live<S> {
        let calls = 1 << self.random.below(6);
        self.folder.die_after(self.random.below(calls) as u64);
        if self.random.chance(3) {
            drop(live.heap.end().close());
        } else {
            drop(self.persist(&live));
            drop(live.heap.end());
        }
        self.folder.fail_no_more();
        self.open()
    }

    /// Runs the program, to the end of its process.
    fn steps(&mut self, rounds: usize) {
        let mut live = self.open();
        for _ in 0..rounds {
            for _ in 0..1 << self.random.below(6) {
                live.oracle.step(live.root.get(live.heap), &mut self.random, live.heap);
            }
            live = match self.random.below(16) {
                0 => {
                    live.heap.end().close().unwrap_or_else(|error| panic!("closing: {error}"));
                    self.open()
                }
                1 | 2 => self.die(live),
                _ => {
                    inspect(&live.root, &live.oracle, live.heap);
                    self.persist(&live).unwrap_or_else(|error| panic!("persisting: {error}"));
                    live
                }
            };
        }
        self.folder.die();
        drop(live.heap.end());
        self.folder.fail_no_more();
    }

    /// Looks at what crashes leave of a program that has run; says at how many disks.
    fn crashes(&mut self, depth: u32) -> u64 {
        let (mut disks, mut looked) = (Chance(self.random.next()), 0);
        for point in self.folder.crashes() {
            if !self.random.chance(POINTS) {
                continue;
            }
            let known = self.history.known_after(point.operations);
            looked += point.explore(DISKS_AT_ONCE, &mut disks, |disk| {
                let elsewhere = self.random.chance(2);
                let (heap, last) = self.look(disk, known, elsewhere);
                disk.die();
                drop(heap.end());
                disk.live_again();
                if depth > 0 && self.random.chance(AGAIN) {
                    let seed = self.random.next();
                    let mut again = self.after(disk, last, seed);
                    again.steps(ROUNDS / 2);
                    again.crashes(depth - 1);
                }
            });
        }
        looked
    }
}

/// Runs a program, and looks at what crashes leave of it; says how many disks that were.
fn program<S: Subject>(seed: u64) -> u64 {
    let _seed = Seed(seed);
    seeded::begin(seed << 20);
    let mut run = Run::<S>::new(seed);
    run.steps(ROUNDS);
    run.crashes(1)
}

/// Runs programs until so many disks were looked at, or what the environment asks for.
fn programs<S: Subject>() {
    let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
    let (first, least) = match number(SEED) {
        Some(seed) => (seed, 0),
        None => (0, number(DISKS).unwrap_or(if DEBUG { 300 } else { 4000 })),
    };
    let mut looked = 0;
    for seed in first.. {
        looked += program::<S>(seed);
        if looked >= least {
            println!("seeds {first} to {seed}: {looked} disks");
            break;
        }
    }
}

#[test]
fn vectors_outlive_crashes() {
    programs::<vec::Nested>();
}

#[test]
fn texts_outlive_crashes() {
    programs::<string::Text>();
}

#[test]
fn queues_outlive_crashes() {
    programs::<deque::Texts>();
}

#[test]
fn hash_maps_outlive_crashes() {
    programs::<hash_map::Texts>();
}

#[test]
fn trees_outlive_crashes() {
    programs::<btree_map::Numbers<80>>();
    programs::<btree_map::Numbers<600>>();
}

#[test]
fn skip_maps_outlive_crashes() {
    programs::<skip_map::Texts>();
}

/// One of a few programs, which find nothing without it, notices that notes are missing.
fn notices<S: Subject>() {
    let fails = |seed: &u64| catch_unwind(AssertUnwindSafe(|| program::<S>(*seed))).is_err();
    let found = forgetting(|| (0..8).find(fails));
    program::<S>(found.expect("what was not noted is missing"));
}

#[test]
fn notes_that_are_forgotten_are_noticed() {
    notices::<vec::Nested>();
    notices::<string::Text>();
    notices::<deque::Texts>();
    notices::<hash_map::Texts>();
    notices::<btree_map::Numbers<80>>();
    notices::<skip_map::Texts>();
}
