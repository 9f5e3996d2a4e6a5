//! Crashes of a whole heap, at every point of random programs, and again while recovering and going on.
//!
//! What a crash leaves is opened: the checker finds nothing, and the blocks are those of the last commit whose `persist`
//! had returned, or of the one after it. Every so often the heap then works on, and crashes again.

use std::ffi::OsStr;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use super::program::{Run, Taken};
use crate::durable::storage::simulated::{Random, SimulatedFolder};
use crate::durable::storage::{Open, Storage, StoredFile};
use crate::error::Error;

/// How much is tried at each point, and how often a crash is followed by another program.
#[derive(Clone, Copy)]
pub(super) struct Effort {
    pub(super) steps: usize,
    /// Disks at one point.
    pub(super) disks: u64,
    /// One disk of so many is opened and used until it crashes again.
    pub(super) again: usize,
    /// How many crashes may follow each other.
    pub(super) depth: u32,
}

const DEBUG: bool = cfg!(debug_assertions);

const WIDE: Effort =
    Effort { steps: 24, disks: if DEBUG { 3 } else { 16 }, again: if DEBUG { 300 } else { 2000 }, depth: 2 };
const EVERYTHING: Effort =
    Effort { steps: 4, disks: if DEBUG { 32 } else { 1 << 10 }, again: 1000, depth: 1 };

/// Disks at one point of a program that goes on after a crash.
const DISKS_AGAIN: u64 = 16;

/// How many disks each test looks at, at the least.
const DISKS: &str = "OUTLIVE_CRASH_DISKS";
/// For how many seconds crashes are tried, with seeds that begin somewhere.
const SECONDS: &str = "OUTLIVE_CRASH_SECONDS";
/// The one program to run.
const SEED: &str = "OUTLIVE_CRASH_SEED";

/// Runs a program, and looks at what crashes leave of it; says how many disks were looked at.
pub(super) fn program(seed: u64, effort: Effort) -> Result<u64, String> {
    let mut run = Run::new(seed);
    let said = |wrong: String| format!("seed {seed}: {wrong}");
    run.open().and_then(|heap| run.steps(heap, effort.steps)).map_err(said)?;
    crashes(&mut run, effort).map_err(said)
}

/// Looks at what crashes leave of a program that has run.
fn crashes(run: &mut Run, effort: Effort) -> Result<u64, String> {
    crashes_at(run, 0..usize::MAX, effort)
}

/// Looks at what crashes leave between these operations.
pub(super) fn crashes_at(run: &mut Run, range: Range<usize>, effort: Effort) -> Result<u64, String> {
    let mut random = Random(run.random.next());
    let mut chance = Random(run.random.next());
    let (mut looked, mut wrong) = (0, None);
    for point in run.folder.crashes().skip(range.start).take(range.len()) {
        let operations = point.operations;
        looked += point.explore(effort.disks, &mut random, |disk| {
            if wrong.is_some() {
                return;
            }
            let result = look(run, disk, operations, chance.below(2) == 0).and_then(|last| {
                if effort.depth > 0 && chance.below(effort.again) == 0 {
                    looked += go_on(run, disk, last, chance.next(), effort)?;
                }
                Ok(())
            });
            wrong = result.err().map(|what| format!("operation {operations}: {what}"));
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
    }
    Ok(looked)
}

/// Opens a disk, at the old address or another one, in a process that dies after that; says which commit it holds.
fn look(run: &Run, disk: &SimulatedFolder, operations: usize, elsewhere: bool) -> Result<u64, String> {
    let taken = elsewhere.then(|| Taken::new(run.home));
    let known = run.history.known_after(operations);
    let heap = run.settings.open(disk).map_err(|error| format!("after commit {known}: {error}"))?;
    let last = run.compare(&heap, known)?;
    disk.die();
    drop((heap, taken));
    disk.live_again();
    Ok(last)
}

/// Opens what a crash has left, goes on with it, and crashes again.
fn go_on(run: &Run, disk: &SimulatedFolder, last: u64, seed: u64, effort: Effort) -> Result<u64, String> {
    let mut run = run.after(disk, last, seed);
    let said = |wrong: String| format!("after a crash to commit {last}: {wrong}");
    let heap = run.open().map_err(said)?;
    run.steps(heap, effort.steps / 2).map_err(said)?;
    // With as many disks as before, each program would become as many as it has operations.
    let disks = effort.disks.min(DISKS_AGAIN);
    crashes(&mut run, Effort { disks, depth: effort.depth - 1, ..effort }).map_err(said)
}

/// Which programs run.
#[derive(Clone, Copy)]
struct Programs {
    first: u64,
    /// Until so many disks were looked at, and so much time has passed.
    disks: u64,
    time: Duration,
}

impl Programs {
    /// As many as look at so many disks; or what the environment asks for.
    fn of(first: u64, disks: u64) -> Self {
        let number = |name| std::env::var(name).ok().map(|value| value.parse::<u64>().expect("a number"));
        let now = || SystemTime::UNIX_EPOCH.elapsed().expect("after 1970").as_secs() << 16;
        match (number(SEED), number(SECONDS)) {
            (Some(seed), _) => Self { first: seed, disks: 0, time: Duration::ZERO },
            (None, Some(seconds)) => Self { first: now(), disks: 0, time: Duration::from_secs(seconds) },
            (None, None) => Self { first, disks: number(DISKS).unwrap_or(disks), time: Duration::ZERO },
        }
    }

    /// Runs them, in two threads; says how many disks were looked at.
    fn run(self, effort: Effort) -> u64 {
        let begun = Instant::now();
        let (next, looked, wrong) =
            (AtomicU64::new(self.first), AtomicU64::new(0), Mutex::new(None::<String>));
        let is_done = || {
            let enough = looked.load(Ordering::Relaxed) >= self.disks && begun.elapsed() >= self.time;
            (next.load(Ordering::Relaxed) > self.first && enough) || wrong.lock().expect("whole").is_some()
        };
        let work = || {
            while !is_done() {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                match program(seed, effort) {
                    Ok(count) => drop(looked.fetch_add(count, Ordering::Relaxed)),
                    Err(what) => *wrong.lock().expect("whole") = Some(what),
                }
            }
        };
        std::thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
        let (seconds, count) = (begun.elapsed().as_secs_f64(), next.into_inner() - self.first);
        let (looked, wrong) = (looked.into_inner(), wrong.into_inner().expect("whole"));
        println!(
            "seeds from {}: {count} programs, {looked} disks, {:.0} a second",
            self.first,
            looked as f64 / seconds
        );
        match wrong {
            Some(what) => panic!("{what}"),
            None => looked,
        }
    }
}

#[test]
fn a_crash_leaves_the_last_commit_or_the_next_and_so_do_many() {
    let looked = Programs::of(0, if DEBUG { 1500 } else { 20_000 }).run(WIDE);
    assert!(looked > 1000, "{looked}");
}

#[test]
fn small_programs_leave_nothing_else_in_any_way() {
    let looked = Programs::of(1 << 20, if DEBUG { 1000 } else { 20_000 }).run(EVERYTHING);
    assert!(looked > 1000, "{looked}");
}

#[test]
fn a_file_that_lost_its_end_is_damaged_and_not_filled_with_zeros() {
    let mut run = Run::new(3);
    let heap = run.open().expect("a new heap");
    (0..20).for_each(|_| run.take(&heap));
    run.persist(&heap).expect("a commit");
    heap.0.close().expect("closed");
    let file = run.folder.open(OsStr::new("heap"), Open::Existing).expect("the file");
    let len = file.len().expect("a length");
    for lost in [1, 4096, len / 2] {
        file.set_len(len - lost).expect("shorter");
        let error = run.settings.open(&run.folder).err();
        assert!(matches!(error, Some(Error::FileDamaged { .. })), "{lost} bytes: {error:?}");
    }
}
