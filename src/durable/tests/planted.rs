//! Bugs that the crashes of whole heaps must find. Those that need a rare crash of the log alone are looked for in its tests.

use super::crashes::{Effort, program};
use crate::durable::planted::Planted;

/// Many programs rather than many disks of each.
const MANY: Effort = Effort { steps: 24, disks: 3, again: 100, depth: 1 };

/// The bug is found by the programs that find nothing without it.
fn is_found(planted: Planted) {
    let begun = std::time::Instant::now();
    let found = planted.during(|| (0..400).find_map(|seed| program(seed, MANY).err()));
    println!(
        "{planted:?} {:?}: {}",
        begun.elapsed(),
        found.unwrap_or_else(|| panic!("{planted:?} was not found"))
    );
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
