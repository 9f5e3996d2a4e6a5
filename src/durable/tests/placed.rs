//! Growth that is written to its place in the file before the commit that it belongs to, where that commit fails, or the power.
//!
//! It had been lost in part: pages counted as placed when only some of them were, so that the next commit left them out. And
//! zeros were not zeros: a block that was zeroed in memory only, on pages of which the file had got something else by then.

use std::alloc::Layout;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use super::blocks::{Block, Held};
use super::crashes::{Effort, crashes_at};
use super::program::{Run, Settings};
use crate::durable::storage::Operation;
use crate::durable::storage::simulated::{Fault, Random};
use crate::durable::{Durability, Method};

/// More than is placed, and than is written at once.
const SIZE: usize = (2 << 20) + (300 << 10);

fn new(durability: Durability) -> Result<(Run, Held), String> {
    let settings = Settings {
        reservation: 48 << 20,
        segment: 64 << 10,
        log_bound: 1 << 20,
        method: Method::BEST,
        durability,
        find_unnoted: false,
        in_background: false,
    };
    let mut run = Run::with(settings, Random(1));
    let heap = run.open()?;
    run.take(&heap);
    run.persist(&heap).map_err(|error| error.to_string())?;
    Ok((run, heap))
}

/// The same, of which both parts are so full that what comes next lies in two chunks of the file.
fn nearly_grown() -> Result<(Run, Held), String> {
    let (mut run, heap) = new(Durability::PowerLoss)?;
    for tracked in [false, true] {
        take_bytes(&mut run, &heap, 15 << 20, 0, tracked)?;
    }
    run.persist(&heap).map_err(|error| error.to_string())?;
    Ok((run, heap))
}

fn take(run: &mut Run, heap: &Held, byte: u8, tracked: bool) -> Result<u64, String> {
    take_bytes(run, heap, SIZE, byte, tracked)
}

fn take_bytes(run: &mut Run, heap: &Held, size: usize, byte: u8, tracked: bool) -> Result<u64, String> {
    let layout = Layout::from_size_align(size, 8).expect("a layout");
    let content = vec![byte; size];
    let at = heap.take(layout, &content, byte == 0, tracked).ok_or("no block")?;
    run.live.insert(at, Block { layout, content: content.into() });
    Ok(at)
}

/// A commit that fails once is made again, if the heap can; says whether it is.
fn persist_twice(run: &mut Run, heap: &Held) -> Result<bool, String> {
    if run.persist(heap).is_err() {
        run.folder.fail_no_more();
        run.history.gives_up();
        return Ok(run.persist(heap).is_ok());
    }
    run.folder.fail_no_more();
    Ok(true)
}

/// The end of the process, and what the next one finds.
fn die_and_open(run: &mut Run, heap: Held) -> Result<(), String> {
    run.folder.die();
    drop(heap);
    run.folder.live_again();
    run.open().map(drop)
}

/// Growth of both kinds, in a commit of which this call fails; says whether it is made in the end, if it has so many.
fn grows(call: u64, fault: Fault, durability: Durability) -> Result<Option<bool>, String> {
    let (mut run, heap) = new(durability)?;
    take(&mut run, &heap, 7, false)?;
    take(&mut run, &heap, 8, true)?;
    run.folder.fail_after(call, fault);
    let before = run.folder.calls();
    let made = persist_twice(&mut run, &heap)?;
    let so_many = run.folder.calls() - before > call;
    die_and_open(&mut run, heap)?;
    Ok(so_many.then_some(made))
}

/// While growth is being placed, after so many writes, a block of it is freed, and the memory given back: what comes in its place
/// is zeros.
fn zeroed(tracked: bool, writes: u64) -> Result<(), String> {
    let (mut run, heap) = new(Durability::PowerLoss)?;
    let at = take(&mut run, &heap, 7, tracked)?;
    let (folder, written) = (run.folder.clone(), run.folder.count(Operation::WritePast));
    // The other pieces take so long.
    folder.slow_down(Duration::from_millis(60));
    std::thread::scope(|scope| {
        let commit = scope.spawn(|| heap.0.persist().map(drop));
        while folder.count(Operation::WritePast) < written + writes && !commit.is_finished() {
            std::thread::yield_now();
        }
        let block = run.live.remove(&at).expect("just taken");
        heap.give(at, block.layout);
        heap.0.trim();
        take(&mut run, &heap, 0, tracked)?;
        folder.slow_down(Duration::ZERO);
        commit.join().expect("no panic").map_err(|error| error.to_string())
    })?;
    // Whatever of it that commit has, all of it is in the next.
    run.history.tries(Arc::default());
    take(&mut run, &heap, 1, tracked)?;
    run.persist(&heap).map_err(|error| error.to_string())?;
    die_and_open(&mut run, heap)
}

/// The power fails at some point of two commits with growth of both kinds, the second of which changes the first one's; says
/// how many disks were looked at.
pub(super) fn loses_power(seed: u64) -> Result<u64, String> {
    grows_and_loses_power(new(Durability::PowerLoss)?, seed)
}

fn grows_and_loses_power((mut run, heap): (Run, Held), seed: u64) -> Result<u64, String> {
    let from = run.folder.operations();
    for byte in 1..=2 {
        take(&mut run, &heap, byte, false)?;
        take(&mut run, &heap, byte + 2, true)?;
        run.persist(&heap).map_err(|error| error.to_string())?;
        (0..8).for_each(|_| run.step(&heap));
    }
    run.folder.die();
    drop(heap);
    run.random = Random(seed);
    crashes_at(&mut run, from..usize::MAX, Effort { steps: 0, disks: 4, again: 1, depth: 0 })
}

/// Tries one call after the other; says of how many the commit was made in the end.
fn each_call(mut trial: impl FnMut(u64) -> Result<Option<bool>, String>) -> u64 {
    let mut made = 0;
    for call in 0.. {
        match trial(call).unwrap_or_else(|wrong| panic!("call {call}: {wrong}")) {
            Some(is_made) => made += u64::from(is_made),
            None => break,
        }
    }
    made
}

#[test]
fn growth_of_which_a_write_failed_is_in_the_next_commit_as_a_whole() {
    for durability in [Durability::PowerLoss, Durability::ProcessCrash] {
        for fault in [
            Fault::Refused(Errno::NOSPC),
            Fault::Partly(5000, Errno::NOSPC),
            Fault::Refused(Errno::IO),
            Fault::Unsure(Errno::IO),
        ] {
            let made = each_call(|call| grows(call, fault, durability));
            assert!(made >= 6, "{made} commits after {fault:?}: each megabyte is a write");
        }
    }
}

#[test]
fn growth_is_there_or_not_at_all_when_the_power_fails() {
    let looked = loses_power(1).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(looked > 50, "{looked} disks");
}

#[test]
fn growth_into_the_next_chunk_is_there_or_not_at_all_when_the_power_fails() {
    let looked = nearly_grown().and_then(|grown| grows_and_loses_power(grown, 2));
    let looked = looked.unwrap_or_else(|wrong| panic!("{wrong}"));
    assert!(looked > 50, "{looked} disks");
}

#[test]
fn a_zeroed_block_that_is_handed_out_while_growth_is_placed_is_zeros_after_a_restore() {
    for tracked in [false, true] {
        for writes in 1..=6 {
            zeroed(tracked, writes)
                .unwrap_or_else(|wrong| panic!("tracked {tracked}, after {writes} writes: {wrong}"));
        }
    }
}
