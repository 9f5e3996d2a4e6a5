//! Bugs that the crashes of whole heaps must find.

use super::crashes::{Effort, program};
use crate::durable::planted::Planted;

/// Many programs rather than many disks of each.
const MANY: Effort = Effort { steps: 24, disks: 3, again: 100, depth: 1 };

/// The first seed whose program finds what few do.
const FIRST_RARE: u64 = 13;

/// The bug is found by programs that find nothing without it.
fn is_found(planted: Planted) {
    // One that only shows when a process dies in the midst of closing, and the next one in the midst of opening.
    let first = if planted == Planted::SuperblockNotSettled { FIRST_RARE } else { 0 };
    let found = planted.during(|| {
        (first..first + 100).find_map(|seed| program(seed, MANY).err().map(|wrong| (seed, wrong)))
    });
    let (seed, wrong) = found.unwrap_or_else(|| panic!("{planted:?} was not found"));
    println!("{planted:?}: {wrong}");
    assert_eq!(program(seed, MANY).err(), None, "without {planted:?}");
}

#[test]
fn planted_bugs_are_found() {
    is_found(Planted::SyncLeftOut);
    is_found(Planted::SlotsSwapped);
    is_found(Planted::SuperblockNotSettled);
    is_found(Planted::BaseNotSynced);
    is_found(Planted::BaseBeforeLog);
    is_found(Planted::NotApplied);
    is_found(Planted::PageMissed);
    is_found(Planted::MagazinesKept);
    is_found(Planted::RecordNotDurable);
    is_found(Planted::SegmentNotSynced);
    is_found(Planted::ChecksumIgnored);
    is_found(Planted::StaleAccepted);
    is_found(Planted::NotSettled);
}
