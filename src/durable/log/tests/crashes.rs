//! Crashes, at every point of random programs, and again while recovering and going on.

use std::time::Instant;

use super::heap::*;
use crate::durable::levels::Durability;
use crate::durable::planted::Planted;
use crate::durable::storage::simulated::{Random, SimulatedFolder};

/// How much is tried at each point, and how often a crash is followed by another program.
#[derive(Clone, Copy)]
struct Effort {
    steps: usize,
    /// Disks at one point.
    disks: u64,
    /// One disk of so many is opened and used until it crashes again.
    again: usize,
    /// How many crashes may follow each other.
    depth: u32,
}

/// Runs a program, and looks at what crashes leave of it; says how many disks were looked at.
fn program(seed: u64, effort: Effort) -> Result<u64, String> {
    let mut run = Run::new(seed);
    let trouble = |what: Trouble| format!("seed {seed}: without a crash: {what:?}");
    let heap = run.open().map_err(trouble)?;
    run.steps(heap, effort.steps).map_err(trouble)?;
    crashes(&mut run, effort).map_err(|what| format!("seed {seed}: {what}"))
}

fn crashes(run: &mut Run, effort: Effort) -> Result<u64, String> {
    let begin = run.known[0].0;
    let mut random = Random(run.random.next());
    let mut chance = Random(run.random.next());
    let (mut looked, mut wrong) = (0, None);
    for point in run.folder.crashes().skip(begin) {
        let operations = point.operations;
        looked += point.explore(effort.disks, &mut random, |disk| {
            if wrong.is_some() {
                return;
            }
            let result = check(run, disk, operations).and_then(|last| {
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

/// Compares a disk with what was known to be durable after so many operations; says which commit it holds.
fn check(run: &Run, disk: &SimulatedFolder, operations: usize) -> Result<u64, String> {
    let known = run.known.iter().rev().find(|(end, _)| *end <= operations).expect("from the start").1;
    let seen = look(disk).map_err(|what| format!("after commit {known}: {what:?}"))?;
    let is_durable = run.manner.durability == Durability::PowerLoss;
    if seen.last < known || (is_durable && seen.last > known + 1) {
        return Err(format!("commit {} after commit {known}", seen.last));
    }
    let at = usize::try_from(seen.last - run.first).expect("small");
    match run.history.get(at) {
        Some(image) if **image == seen.image => Ok(seen.last),
        Some(_) => Err(format!("commit {} has other content, after commit {known}", seen.last)),
        None => Err(format!("commit {} was never made", seen.last)),
    }
}

/// Opens what a crash has left, goes on with it, and crashes again.
fn go_on(run: &Run, disk: &SimulatedFolder, last: u64, seed: u64, effort: Effort) -> Result<u64, String> {
    let mut run = run.after(disk, last, seed);
    let trouble = |what: Trouble| format!("after a crash: {what:?}");
    let heap = run.open().map_err(trouble)?;
    run.steps(heap, effort.steps / 2).map_err(trouble)?;
    let effort = Effort { depth: effort.depth - 1, ..effort };
    crashes(&mut run, effort).map_err(|what| format!("after a crash to commit {last}: {what}"))
}

/// Runs programs until one of them finds something, or all have run.
fn programs(seeds: std::ops::Range<u64>, effort: Effort) -> Result<u64, String> {
    seeds.map(|seed| program(seed, effort)).sum()
}

const DEBUG: bool = cfg!(debug_assertions);
const WIDE: Effort = Effort { steps: 12, disks: 48, again: 40, depth: 2 };

#[test]
fn a_crash_leaves_the_last_commit_or_the_next_and_so_do_many() {
    let begun = Instant::now();
    let looked = programs(0..if DEBUG { 4 } else { 150 }, WIDE).unwrap_or_else(|what| panic!("{what}"));
    let seconds = begun.elapsed().as_secs_f64();
    println!("{looked} disks, {:.0} a second", looked as f64 / seconds);
    assert!(looked > 20_000, "{looked}");
}

#[test]
fn small_programs_leave_nothing_else_in_any_way() {
    let effort = Effort { steps: 6, disks: if DEBUG { 1 << 9 } else { 1 << 16 }, again: 2000, depth: 1 };
    let begun = Instant::now();
    let looked =
        programs(1000..if DEBUG { 1003 } else { 1015 }, effort).unwrap_or_else(|what| panic!("{what}"));
    let seconds = begun.elapsed().as_secs_f64();
    println!("{looked} disks, {:.0} a second", looked as f64 / seconds);
    assert!(looked > 5_000, "{looked}");
}

/// The bug is found by the programs that find nothing without it.
fn is_found(planted: Planted) {
    let found = planted.during(|| (0..400).find_map(|seed| program(seed, WIDE).err()));
    println!("{planted:?}: {}", found.expect("the planted bug was not found"));
}

#[test]
fn planted_bugs_are_found() {
    is_found(Planted::SyncLeftOut);
    is_found(Planted::SlotsSwapped);
    is_found(Planted::RecordNotDurable);
    is_found(Planted::SegmentNotSynced);
    is_found(Planted::ChecksumIgnored);
    is_found(Planted::RetiredTooEarly);
    is_found(Planted::StaleAccepted);
    is_found(Planted::NotWiped);
    is_found(Planted::NotSettled);
    is_found(Planted::NameNotSettled);
    is_found(Planted::LogNotSynced);
    is_found(Planted::OnlyLastSettled);
    is_found(Planted::LaterNotWiped);
    // Takes many programs.
    if !DEBUG {
        is_found(Planted::StalePassedOver);
    }
}
