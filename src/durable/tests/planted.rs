//! Bugs that the crashes of whole heaps must find. Those that need a rare crash of the log alone are looked for in its tests.

use rustix::io::Errno;

use super::crashes::{Effort, crashes_at, program};
use super::placed::loses_power;
use super::program::Run;
use crate::durable::planted::Planted;
use crate::durable::storage::simulated::Fault;

/// Many programs rather than many disks of each.
const MANY: Effort = Effort { steps: 24, disks: 3, again: 100, depth: 1 };

/// The bug is found by programs that find nothing without it.
fn is_found_by(planted: Planted, program: impl Fn(u64) -> Result<(), String>) {
    let found = planted.during(|| (0..400).find_map(|seed| program(seed).err().map(|wrong| (seed, wrong))));
    let (seed, wrong) = found.unwrap_or_else(|| panic!("{planted:?} was not found"));
    println!("{planted:?}: {wrong}");
    assert_eq!(program(seed).err(), None, "without {planted:?}");
}

fn is_found(planted: Planted) {
    // The first of these programs takes little time, and finds most of them.
    is_found_by(planted, |seed| program(5 + seed, MANY).map(drop));
}

/// A process dies while it closes a heap, after so many calls; the next one works on with what it finds, and the power
/// fails.
fn died_while_closing(calls: u64) -> Result<(), String> {
    let mut run = Run::new(calls);
    let heap = run.open()?;
    run.take(&heap);
    run.persist(&heap).map_err(|error| error.to_string())?;
    run.folder.die_after(calls);
    drop(heap);
    run.folder.live_again();
    let from = run.folder.operations();
    let heap = run.open()?;
    run.take(&heap);
    run.persist(&heap).map_err(|error| error.to_string())?;
    run.folder.die();
    drop(heap);
    crashes_at(&mut run, from..usize::MAX, Effort { disks: 64, depth: 0, ..MANY }).map(drop)
}

/// A process that ends leaves blocks in its threads' magazines; the next one has them all at its disposal.
fn left_in_magazines(seed: u64) -> Result<(), String> {
    let mut run = Run::new(seed);
    let heap = run.open()?;
    (0..12).for_each(|_| run.take(&heap));
    run.persist(&heap).map_err(|error| error.to_string())?;
    let left = heap.0.stats().cached;
    run.folder.die();
    drop(heap);
    run.folder.live_again();
    match run.open()?.0.stats().cached {
        0 if left > 0 => Ok(()),
        cached => Err(format!("{cached} bytes are in magazines, of {left}")),
    }
}

/// A program without a crash, but for the end of its process.
fn ended(seed: u64) -> Result<(), String> {
    let mut run = Run::new(seed);
    let heap = run.open()?;
    run.steps(heap, 100)?;
    run.open().map(drop)
}

/// A commit that is refused space, and is made once more: everything is in the second one.
fn refused_and_made_again(seed: u64) -> Result<(), String> {
    let mut run = Run::new(seed);
    let heap = run.open()?;
    (0..6).for_each(|_| run.take(&heap));
    run.persist(&heap).map_err(|error| error.to_string())?;
    for calls in 0..4 {
        (0..6).for_each(|_| run.step(&heap));
        run.folder.fail_after(calls, Fault::Refused(Errno::NOSPC));
        let refused = run.persist(&heap).is_err();
        run.folder.fail_no_more();
        if refused {
            run.history.gives_up();
            if run.persist(&heap).is_err() {
                break;
            }
        }
    }
    run.folder.die();
    drop(heap);
    run.folder.live_again();
    run.open().map(drop)
}

#[test]
fn planted_bugs_are_found() {
    is_found(Planted::SyncLeftOut);
    is_found(Planted::SlotsSwapped);
    is_found_by(Planted::SuperblockNotSettled, died_while_closing);
    is_found(Planted::BaseNotSynced);
    is_found(Planted::BaseBeforeLog);
    is_found(Planted::NotApplied);
    is_found(Planted::BroughtInCounts);
    is_found(Planted::PageMissed);
    is_found_by(Planted::PlacedNotSynced, |seed| loses_power(seed).map(drop));
    // A hardened heap has no magazines.
    if !cfg!(feature = "hardened") {
        is_found_by(Planted::MagazinesKept, left_in_magazines);
    }
    is_found_by(Planted::NoteForgotten, ended);
    is_found_by(Planted::NotesNotPutBack, refused_and_made_again);
    is_found(Planted::RecordNotDurable);
    is_found(Planted::SegmentNotSynced);
    is_found(Planted::ChecksumIgnored);
    is_found(Planted::LogNotSynced);
    // These take many programs; the log's own tests find them as well.
    if !cfg!(debug_assertions) {
        is_found(Planted::StaleAccepted);
        is_found(Planted::NotSettled);
    }
}
