//! Memory that is left resident when everything has been freed and half a second has passed.

use std::thread;
use std::time::{Duration, Instant};

use crate::block::Block;
use crate::footprint::Footprint;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Bar, Row, Workload};
use crate::scratch::Scratch;

const SMALL: usize = 200_000;
const LARGE: usize = 8;
const THREADS: usize = 4;
const MIB: f64 = 1_048_576.0;

const ONE: Row = Row::apart("give-back", "all-freed-rss", "MiB", Bar::AtMost(2.0));
const IDLE: Row = Row::apart("give-back", "all-freed-idle-rss", "MiB", Bar::Shown);
const MANY: Row = Row::apart("give-back", "all-freed-threads-rss", "MiB", Bar::AtMost(2.0));

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "all-freed",
        threads: 1,
        cold: true,
        rows: &[ONE],
        run: |report| one_thread(report, ONE.name, work_lightly_half_second),
    },
    Workload {
        name: "all-freed-idle",
        threads: 1,
        cold: true,
        rows: &[IDLE],
        run: |report| one_thread(report, IDLE.name, idle_half_second),
    },
    Workload { name: "all-freed-threads", threads: THREADS, cold: true, rows: &[MANY], run: many_threads },
];

fn one_thread(report: &mut Report, row: &'static str, wait: fn()) {
    let mut room: Scratch<Option<Block>> = Scratch::new(SMALL + LARGE, |_| None);
    let footprint = Footprint::start();
    fill_and_free(&mut room, 10);
    report.extra("peak_mib", footprint.peak_growth() / MIB);
    wait();
    report.row(row, footprint.growth() / MIB);
}

/// The same by several threads, each of which ends when it has freed its part.
fn many_threads(report: &mut Report) {
    let mut room: Scratch<Option<Block>> = Scratch::new(THREADS * (SMALL / THREADS + LARGE), |_| None);
    let footprint = Footprint::start();
    thread::scope(|scope| {
        for (seed, part) in room.chunks_exact_mut(SMALL / THREADS + LARGE).enumerate() {
            scope.spawn(move || fill_and_free(part, seed as u64));
        }
    });
    report.extra("peak_mib", footprint.peak_growth() / MIB);
    work_lightly_half_second();
    report.row(MANY.name, footprint.growth() / MIB);
}

/// Fills the array with small blocks and a few of 4 MiB, and frees all in random order.
fn fill_and_free(room: &mut [Option<Block>], seed: u64) {
    let mut rng = Rng::new(seed);
    let (large, small) = room.split_at_mut(LARGE);
    small.fill_with(|| Some(Block::new(rng.log_normal(200.0, 1.2, 8, 32768))));
    large.fill_with(|| Some(Block::new(4 << 20)));
    rng.shuffle(room);
    room.iter_mut().filter_map(Option::take).for_each(Block::free);
}

/// Half a second in which the thread wakes every millisecond and allocates and frees eight blocks of random sizes,
/// as a server does that is hardly used. An allocator that only cleans up when it is called gets its calls.
pub(super) fn work_lightly_half_second() {
    let mut rng = Rng::new(11);
    let end = Instant::now() + Duration::from_millis(500);
    while Instant::now() < end {
        let blocks: [Block; 8] = std::array::from_fn(|_| Block::new(rng.between(16, 1024)));
        blocks.into_iter().for_each(Block::free);
        thread::sleep(Duration::from_millis(1));
    }
}

/// Half a second without any call.
pub(super) fn idle_half_second() {
    thread::sleep(Duration::from_millis(500));
}
