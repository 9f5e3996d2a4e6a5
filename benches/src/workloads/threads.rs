//! Threads that replace random blocks and hand their blocks on to each other, in the manner of the larson test.
//!
//! Each thread owns a desk of blocks. After some replacements it exchanges the desk for one that lies on a shared
//! tray, its own and its neighbour's by turns, so that desks wander and blocks are freed by other threads than
//! those that allocated them. Nobody waits for anybody: a thread only holds a tray's lock to swap two pointers.
//!
//! The figure is wall time over all replacements of all threads, from the moment the first of them begins to the
//! moment the last is done. The threads note both themselves: on a machine with fewer cores than threads the main
//! thread may get no core until much later.

use std::mem::swap;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::Instant;

use crate::allocator::slow_paths;
use crate::block::Block;
use crate::footprint::Footprint;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Bar, Kind, Row, Workload};
use crate::scratch::Scratch;
use crate::timing::Samples;

/// Blocks on a desk.
const DESK: usize = 1000;
/// Replacements between two exchanges of desks.
const TURN: usize = 4000;
/// Replacements of all threads in one repetition, the same for any number of threads.
const REPLACED: usize = 6_400_000;
const REPETITIONS: usize = 5;
const SIZES: (usize, usize) = (16, 1024);

const PEAK: Row = Row::ratio("threads", "larson-32-peak-rss", Bar::AtMost(1.3));

/// A run with so many threads.
macro_rules! larson {
    ($name:literal, $threads:literal, [$($row:expr),*]) => {
        Workload {
            name: $name,
            threads: $threads,
            cold: true,
            rows: &[$($row),*],
            run: |report| {
                let found = run($threads, report);
                report.row($name, found.time);
                if $threads == 32 {
                    report.row(PEAK.name, found.peak);
                }
            },
        }
    };
}

/// A row that is shown for the scaling, without a bar.
const fn shown(name: &'static str) -> Row {
    Row { name, family: "threads", unit: "ns", kind: Kind::Apart, bar: Bar::Shown }
}

pub(super) const WORKLOADS: &[Workload] = &[
    larson!("larson-1", 1, [shown("larson-1")]),
    larson!("larson-2", 2, [Row::nanoseconds("threads", "larson-2", 1.0)]),
    larson!("larson-4", 4, [shown("larson-4")]),
    larson!("larson-8", 8, [Row::nanoseconds("threads", "larson-8", 1.0)]),
    larson!("larson-16", 16, [shown("larson-16")]),
    larson!("larson-32", 32, [Row::nanoseconds("threads", "larson-32", 1.0), PEAK]),
];

/// The blocks that one thread works on at a time.
type Desk<'a> = &'a mut [Option<Block>];

/// When the first thread began, and when the last was done.
type Span = (Instant, Instant);

struct Found {
    time: f64,
    peak: f64,
}

fn run(threads: usize, report: &mut Report) -> Found {
    let mut rng = Rng::new(4);
    let mut room: Scratch<Option<Block>> = Scratch::new(2 * threads * DESK, |_| None);
    let footprint = Footprint::start();
    room.fill_with(|| Some(Block::new(rng.between(SIZES.0, SIZES.1))));

    let mut samples = Samples::new();
    let before = slow_paths();
    let (owned, spare) = room.split_at_mut(threads * DESK);
    let trays: Vec<Mutex<Desk>> = spare.chunks_exact_mut(DESK).map(Mutex::new).collect();
    let gate = Barrier::new(threads + 1);
    let span = Mutex::new(None);
    thread::scope(|scope| {
        for (number, desk) in owned.chunks_exact_mut(DESK).enumerate() {
            let (trays, gate, span) = (&trays, &gate, &span);
            scope.spawn(move || work(number, desk, trays, gate, span));
        }
        for repetition in 0..=REPETITIONS {
            gate.wait();
            gate.wait();
            let Some((begin, end)) = span.lock().expect("no thread panics").take() else { continue };
            if repetition > 0 {
                samples.push(end.duration_since(begin).as_secs_f64() * 1e9 / REPLACED as f64);
            }
        }
    });
    drop(trays);
    if let (Some(before), Some(after)) = (before, slow_paths()) {
        let thousands = (REPLACED * (REPETITIONS + 1)) as f64 / 1000.0;
        report.extra("locks_per_1000", (after.locks - before.locks) as f64 / thousands);
    }
    let live: usize = room.iter().flatten().map(Block::size).sum();
    report.extra("requested_bytes", live as f64);
    Found { time: samples.median(), peak: footprint.peak_growth() / live as f64 }
}

/// One thread: as many repetitions as the main thread times, each between two meetings at the gate.
fn work<'a>(
    number: usize,
    mut desk: Desk<'a>,
    trays: &[Mutex<Desk<'a>>],
    gate: &Barrier,
    span: &Mutex<Option<Span>>,
) {
    let mut rng = Rng::new(5 + number as u64);
    let turns = REPLACED / TURN / trays.len();
    for _ in 0..=REPETITIONS {
        gate.wait();
        let begin = Instant::now();
        for turn in 0..turns {
            for _ in 0..TURN {
                let place = &mut desk[rng.below(DESK)];
                if let Some(old) = place.take() {
                    old.free();
                }
                *place = Some(Block::new(rng.between(SIZES.0, SIZES.1)));
            }
            let tray = &trays[(number + turn % 2) % trays.len()];
            swap(&mut desk, &mut *tray.lock().expect("no thread panics"));
        }
        widen(&mut span.lock().expect("no thread panics"), (begin, Instant::now()));
        gate.wait();
    }
}

/// Stretches the span of a repetition over that of one thread.
fn widen(span: &mut Option<Span>, (begin, end): Span) {
    let (first, last) = span.unwrap_or((begin, end));
    *span = Some((first.min(begin), last.max(end)));
}
