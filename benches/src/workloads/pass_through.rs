//! One thread allocates, another frees: time, and memory that the freeing thread might strand.
//!
//! Blocks travel in batches through two bounded channels, one with full batches and one that brings the emptied
//! ones back. The channels have their room from the start, and the batches lie in scratch memory.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use crate::block::Block;
use crate::footprint::Footprint;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Bar, Row, Workload};
use crate::scratch::Scratch;
use crate::timing::Samples;

const BATCH: usize = 128;
const BATCHES: usize = 16;

const TIME: Row = Row::nanoseconds("pass-through", "producer-consumer", 1.0);
/// 1.2 times the 1 MiB that can be live, and 8 MiB.
const PEAK: Row = Row::apart("pass-through", "free-only-thread-peak-rss", "MiB", Bar::AtMost(9.2));

pub(super) const WORKLOADS: &[Workload] = &[
    Workload { name: "producer-consumer", threads: 2, cold: true, rows: &[TIME], run: time },
    Workload { name: "free-only-thread", threads: 2, cold: true, rows: &[PEAK], run: memory },
];

/// A batch of blocks on its way.
type Batch<'a> = &'a mut [Option<Block>];

/// Nanoseconds of wall time a block, 16 to 256 bytes.
fn time(report: &mut Report) {
    report.row(TIME.name, pass(3_000_000, 16, 256));
}

/// The peak while 100 MiB pass and at most 1 MiB is live: 2,048 blocks of 512 bytes in the mean.
fn memory(report: &mut Report) {
    let footprint = Footprint::start();
    pass((100 << 20) / 512, 16, 1008);
    report.row(PEAK.name, footprint.peak_growth() / f64::from(1 << 20));
}

/// Lets `blocks` blocks pass and returns the nanoseconds each took, the median over ten parts of the way.
fn pass(blocks: usize, low: usize, high: usize) -> f64 {
    let mut room: Scratch<Option<Block>> = Scratch::new(BATCH * BATCHES, |_| None);
    let (send_full, full) = sync_channel(BATCHES);
    let (send_empty, empty) = sync_channel(BATCHES);
    for batch in room.chunks_exact_mut(BATCH) {
        send_empty.send(batch).expect("room for every batch");
    }
    let batches = blocks / BATCH;
    thread::scope(|scope| {
        scope.spawn(move || produce(batches, low, high, &empty, &send_full));
        scope
            .spawn(move || consume(batches / 10, &full, &send_empty))
            .join()
            .expect("the consumer ended well")
    })
}

fn produce<'a>(
    batches: usize,
    low: usize,
    high: usize,
    empty: &Receiver<Batch<'a>>,
    full: &SyncSender<Batch<'a>>,
) {
    let mut rng = Rng::new(3);
    for _ in 0..batches {
        let Ok(batch) = empty.recv() else { return };
        batch.fill_with(|| Some(Block::new(rng.between(low, high))));
        if full.send(batch).is_err() {
            return;
        }
    }
}

fn consume<'a>(part: usize, full: &Receiver<Batch<'a>>, empty: &SyncSender<Batch<'a>>) -> f64 {
    let mut samples = Samples::new();
    let mut since = Instant::now();
    for count in 1.. {
        let Ok(batch) = full.recv() else { break };
        batch.iter_mut().filter_map(Option::take).for_each(Block::free);
        // The producer needs no more batches when it is done.
        let _ = empty.send(batch);
        if count % part == 0 {
            samples.push(since.elapsed().as_secs_f64() * 1e9 / (part * BATCH) as f64);
            since = Instant::now();
        }
    }
    samples.median()
}
