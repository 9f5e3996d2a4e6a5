//! Bugs that the crashes of whole heaps must find. Those that need a rare crash of the log alone are looked for in its tests.

use super::crashes::{Effort, crashes_at, program};
use super::program::Run;
use crate::durable::planted::Planted;

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
    is_found_by(planted, |seed| program(seed, MANY).map(drop));
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
    // A hardened heap has no magazines.
    if !cfg!(feature = "hardened") {
        // Needs a crash soon after the first commit, which few programs have.
        is_found_by(Planted::MagazinesKept, |seed| program(110 + seed, MANY).map(drop));
    }
    is_found(Planted::NoteForgotten);
    is_found(Planted::NotesNotPutBack);
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
