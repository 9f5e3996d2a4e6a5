//! Programs that free and use again what is long enough to be given back, on a disk that is full but for what is reserved.
//!
//! 1. A write to a page of a block finds its space there, however often its run was free before.
//! 2. Whatever a crash leaves, at any point of giving back, the blocks of a commit are those of that commit.
//! 3. Commits that are made while a checkpoint gives back are no different.

use std::alloc::Layout;
use std::sync::Arc;
use std::time::Duration;

use super::blocks::{Block, Held};
use super::crashes::{Effort, crashes_at};
use super::program::{Run, Settings};
use crate::durable::planted::Planted;
use crate::durable::storage::Operation;
use crate::durable::storage::simulated::Random;
use crate::durable::{Durability, Method};
use crate::error::Error;

/// How a program goes.
#[derive(Clone, Copy, Debug)]
struct Churn {
    seed: u64,
    steps: usize,
    /// Whether checkpoints are written by a thread of their own, and slowly.
    in_background: bool,
    /// Disks that are looked at, at each point.
    disks: u64,
    /// Whether the file system knows no holes.
    keeps_space: bool,
}

/// How often space went back, and came back.
#[derive(Clone, Copy, Default, Debug)]
struct Moved {
    given_back: u64,
    taken_back: u64,
}

impl Churn {
    fn run(self) -> Result<Moved, String> {
        let mut random = Random(self.seed);
        let settings = Settings {
            reservation: 8 << 20,
            segment: 64 << 10,
            log_bound: [0, 100 << 10][random.below(2)],
            method: [Method::WriteProtection, Method::LeftTheFile, Method::Everything][random.below(3)],
            durability: [Durability::PowerLoss, Durability::ProcessCrash][random.below(2)],
            find_unnoted: random.below(3) == 0,
            in_background: self.in_background,
        };
        let mut run = Run::with(settings, random);
        if self.keeps_space {
            run.folder.keep_space();
        }
        if self.in_background {
            run.folder.slow_down(Duration::from_micros(300));
        }
        let said = |wrong: String| format!("{self:?}: {wrong}");
        let mut heap = run.open().map_err(said)?;
        for _ in 0..self.steps {
            heap = step(&mut run, heap).map_err(said)?;
            heap.compare(&run.live).map_err(said)?;
        }
        run.folder.die();
        drop(heap);
        run.folder.fail_no_more();
        let count = |operation| run.folder.count(operation);
        let moved = Moved { given_back: count(Operation::GiveBack), taken_back: count(Operation::TakeBack) };
        let effort = Effort { steps: 8, disks: self.disks, again: 50, depth: 1 };
        if self.keeps_space && moved.given_back > count(Operation::Lock) {
            return Err(said("an opening has asked twice whether space can be given back".to_owned()));
        }
        crashes_at(&mut run, 0..usize::MAX, effort).map_err(said)?;
        Ok(moved)
    }
}

/// Blocks of the lengths of runs come and go, and are written in part.
fn step(run: &mut Run, heap: Held) -> Result<Held, String> {
    match run.random.below(16) {
        0..4 => take(run, &heap),
        4..7 => {
            let at = run.random.below(run.live.len().max(1));
            if let Some((offset, block)) =
                run.live.iter().nth(at).map(|(offset, block)| (*offset, block.clone()))
            {
                heap.give(offset, block.layout);
                run.live.remove(&offset);
            }
            // Out of the magazines.
            heap.0.trim();
        }
        7..9 => run.step(&heap),
        9 if run.random.below(4) == 0 => {
            heap.0.close().map_err(|error| format!("closing: {error}"))?;
            return run.open();
        }
        9 if run.random.below(4) == 0 => {
            run.folder.die();
            drop(heap);
            run.folder.live_again();
            return run.open();
        }
        10 if run.random.below(2) == 0 => {
            run.history.tries(Arc::new(run.live.clone()));
            let before = heap.0.last_commit();
            heap.0.compact().map_err(|error| format!("compacting: {error}"))?;
            let last = heap.0.last_commit();
            // At either level, where something was cut off: by then it is missed by nobody.
            let durability = if last > before { Durability::PowerLoss } else { run.settings.durability };
            run.history.makes(last, durability, run.folder.operations());
        }
        _ => run.persist(&heap).map_err(|error| format!("persisting: {error}"))?,
    }
    Ok(heap)
}

/// A block of which some is left as it is, or zeros.
fn take(run: &mut Run, heap: &Held) {
    let size = (20 << 10) + run.random.below(80 << 10);
    let layout = Layout::from_size_align(size, 8).expect("a layout");
    let (zeroed, tracked) = (run.random.below(3) == 0, run.random.below(2) == 0);
    // Few values: what is written again is often what the base has from before.
    let written = if zeroed { size } else { 1 + run.random.below(size) };
    let content = if zeroed { vec![0; size] } else { vec![7; written] };
    if let Some(offset) = heap.take(layout, &content, zeroed, tracked) {
        run.live.insert(offset, Block { layout, content: content.into() });
    }
}

/// Runs programs until so many have run, or one finds something.
fn programs(count: u64, in_background: bool, disks: u64) -> Result<Moved, String> {
    let mut all = Moved::default();
    for seed in 0..count {
        let moved = Churn { seed, steps: STEPS, in_background, disks, keeps_space: false }.run()?;
        all.given_back += moved.given_back;
        all.taken_back += moved.taken_back;
    }
    Ok(all)
}

const DEBUG: bool = cfg!(debug_assertions);
/// Steps of a program.
const STEPS: usize = if DEBUG { 60 } else { 120 };

#[test]
fn space_that_went_back_is_there_when_it_is_used_again() {
    let moved = programs(if DEBUG { 2 } else { 12 }, false, 2).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{moved:?}");
    assert!(moved.given_back > 10 && moved.taken_back > 3, "{moved:?}");
}

#[test]
fn commits_go_on_while_space_goes_back() {
    let moved = programs(if DEBUG { 2 } else { 8 }, true, 2).unwrap_or_else(|wrong| panic!("{wrong}"));
    println!("{moved:?}");
    assert!(moved.given_back > 10 && moved.taken_back > 3, "{moved:?}");
}

#[test]
fn where_a_file_system_knows_no_holes_it_is_asked_once_and_nothing_else_is_different() {
    let mut asked = 0;
    for seed in 0..if DEBUG { 2 } else { 6 } {
        let churn = Churn { seed, steps: STEPS, in_background: false, disks: 1, keeps_space: true };
        asked += churn.run().unwrap_or_else(|wrong| panic!("{wrong}")).given_back;
    }
    assert!(asked > 0);
}

/// What `with_a_free_run` makes.
struct Freed {
    run: Run,
    heap: Held,
    /// Where the block lay, and where the one behind it does.
    block: u64,
    other: u64,
}

/// A heap with a block in its image that was freed since, and one behind it.
fn with_a_free_run(log_bound: u64, in_background: bool, tracked: bool) -> Result<Freed, String> {
    let settings = Settings {
        reservation: 8 << 20,
        segment: 64 << 10,
        log_bound,
        method: Method::BEST,
        durability: Durability::PowerLoss,
        find_unnoted: false,
        in_background,
    };
    let mut run = Run::with(settings, Random(1));
    let said = |error: Error| error.to_string();
    let heap = run.open()?;
    let block = heap.take(layout(), &[7; SIZE], false, tracked).ok_or("no block")?;
    let other = heap.take(layout(), &[7; SIZE], false, tracked).ok_or("no block")?;
    run.live.insert(block, Block { layout: layout(), content: vec![7; SIZE].into() });
    run.live.insert(other, Block { layout: layout(), content: vec![7; SIZE].into() });
    run.persist(&heap).map_err(said)?;
    heap.0.close().map_err(said)?;
    let heap = run.open()?;
    heap.give(block, layout());
    run.live.remove(&block);
    heap.0.trim();
    run.persist(&heap).map_err(said)?;
    Ok(Freed { run, heap, block, other })
}

const SIZE: usize = 120 << 10;

fn layout() -> Layout {
    Layout::from_size_align(SIZE, 8).expect("a layout")
}

/// Writes all of a block, and persists the heap.
fn write(run: &mut Run, heap: &Held, block: u64, byte: u8) -> Result<(), String> {
    heap.write(block, 0, &[byte; SIZE]);
    run.live.insert(block, Block { layout: layout(), content: vec![byte; SIZE].into() });
    run.persist(heap).map_err(|error| error.to_string())
}

/// Takes the block that was freed, and persists the heap.
fn take_again(run: &mut Run, heap: &Held, block: u64, byte: u8, tracked: bool) -> Result<(), String> {
    let content = vec![byte; SIZE];
    if heap.take(layout(), &content, byte == 0, tracked) != Some(block) {
        return Err("it lies elsewhere".to_owned());
    }
    run.live.insert(block, Block { layout: layout(), content: content.into() });
    run.persist(heap).map_err(|error| error.to_string())
}

/// Uses space again and loses power before it was durably taken back, on a disk that is full.
fn loses_its_space(tracked: bool) -> Result<(), String> {
    let Freed { mut run, heap, block, other } = with_a_free_run(1 << 20, false, tracked)?;
    let said = |error: Error| error.to_string();
    heap.0.close().map_err(said)?;
    assert!(run.folder.count(Operation::GiveBack) > 0);
    let heap = run.open()?;
    // The first commit of an opening syncs the file.
    write(&mut run, &heap, other, 1)?;
    take_again(&mut run, &heap, block, 8, tracked)?;
    run.folder.die();
    drop(heap);
    run.folder.live_again();
    run.folder.lose_space();

    // Nothing is lost, and commits go on in the log.
    let heap = run.open()?;
    write(&mut run, &heap, block, 9)?;
    match heap.0.close() {
        Err(Error::File { source, .. }) if source.kind() == std::io::ErrorKind::StorageFull => {}
        other => return Err(format!("a full disk, but closing: {other:?}")),
    }
    run.folder.make_space();
    let heap = run.open()?;
    heap.0.close().map_err(said)?;
    run.open().map(drop)
}

#[test]
fn space_that_was_taken_back_need_not_be_durable() {
    for tracked in [false, true] {
        loses_its_space(tracked).unwrap_or_else(|wrong| panic!("tracked {tracked}: {wrong}"));
    }
}

/// A page that was given back and is not durably so yet is used for zeros, which it reads as; then the power fails.
fn zeros_over_a_hole() -> Result<(), String> {
    let Freed { mut run, heap, block, other } = with_a_free_run(100 << 10, true, false)?;
    // The log is long enough now for the next commit to begin a checkpoint, but not for it to wait for that.
    write(&mut run, &heap, other, 1)?;
    let folder = run.folder.clone();
    folder.slow_syncs(Duration::from_millis(400));
    let given_back = folder.count(Operation::GiveBack);
    write(&mut run, &heap, other, 2)?;
    // Until all has gone back: only the last sync is missing.
    while folder.count(Operation::GiveBack) == given_back {
        std::thread::yield_now();
    }
    std::thread::sleep(Duration::from_millis(60));
    folder.slow_syncs(Duration::ZERO);
    let before = folder.operations();
    take_again(&mut run, &heap, block, 0, false)?;
    let after = folder.operations();
    folder.die();
    drop(heap);
    folder.fail_no_more();
    crashes_at(&mut run, before..after + 1, Effort { steps: 0, disks: 40, again: 1, depth: 0 }).map(drop)
}

#[test]
fn what_reads_as_zero_before_that_is_durable_is_committed() {
    zeros_over_a_hole().unwrap_or_else(|wrong| panic!("{wrong}"));
    let found = Planted::OpenCompared.during(zeros_over_a_hole);
    println!("OpenCompared: {}", found.expect_err("the planted bug was not found"));
}

/// A heap that was longer dies while it is compacted, after so many calls; the next opening uses what was cut off for zeros.
/// Says whether there were so many calls.
fn dies_while_compacted(calls: u64) -> Result<bool, String> {
    let settings = Settings {
        reservation: 8 << 20,
        segment: 64 << 10,
        log_bound: 1 << 20,
        method: Method::BEST,
        durability: Durability::PowerLoss,
        find_unnoted: false,
        in_background: false,
    };
    let mut run = Run::with(settings, Random(calls));
    let said = |error: Error| error.to_string();
    let mut heap = run.open()?;
    let layout = Layout::from_size_align(90 << 10, 8).expect("a layout");
    let content = vec![7; layout.size()];
    for tracked in [false, true] {
        // Of the second commit, so that the log has it and not the image.
        for _ in 0..2 {
            let at = heap.take(layout, &content, false, tracked).ok_or("no block")?;
            heap.give(at, layout);
        }
        run.take(&heap);
    }
    run.persist(&heap).map_err(said)?;
    let long: Vec<u64> = [false, true, true, false]
        .into_iter()
        .filter_map(|tracked| heap.take(layout, &content, false, tracked))
        .collect();
    run.live.extend(long.iter().map(|at| (*at, Block { layout, content: content.clone().into() })));
    run.persist(&heap).map_err(said)?;
    for at in long {
        heap.give(at, layout);
        run.live.remove(&at);
    }
    run.persist(&heap).map_err(said)?;
    run.history.tries(Arc::new(run.live.clone()));
    let before = run.folder.calls();
    run.folder.die_after(calls);
    let compacted = heap.0.compact();
    let all = run.folder.calls() - before <= calls;
    if compacted.is_ok() {
        run.history.makes(heap.0.last_commit(), Durability::PowerLoss, run.folder.operations());
    }
    drop(heap);
    run.folder.live_again();
    heap = run.open()?;
    let zeros = vec![0; layout.size()];
    for tracked in [false, true, false, true] {
        let at = heap.take(layout, &zeros, true, tracked).ok_or("no block")?;
        run.live.insert(at, Block { layout, content: zeros.clone().into() });
    }
    run.persist(&heap).map_err(said)?;
    heap.compare(&run.live)?;
    heap.0.close().map_err(said)?;
    run.open().map(|_| !all)
}

#[test]
fn a_compaction_that_dies_at_any_call_leaves_the_heap_before_it_or_after_it() {
    let mut calls = 0;
    while dies_while_compacted(calls).unwrap_or_else(|wrong| panic!("call {calls}: {wrong}")) {
        calls += 1;
    }
    println!("{calls} calls");
    assert!(calls > 10);
    let found =
        Planted::EndRemembered.during(|| (0..calls).find_map(|call| dies_while_compacted(call).err()));
    println!("EndRemembered: {}", found.expect("the planted bug was not found"));
}

#[test]
fn planted_bugs_are_found() {
    for planted in [Planted::GivenBackEarly, Planted::BaseNotSynced, Planted::CutEarly] {
        let found = planted.during(|| programs(20, false, 2));
        println!("{planted:?}: {}", found.expect_err("the planted bug was not found"));
    }
}
