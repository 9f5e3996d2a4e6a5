//! 100,000 blocks allocated one after the other, then freed one after the other, in three orders.
//!
//! Each order is a process of its own, which allocates cold, then frees and allocates again many times. The cold
//! figures of all three processes fall into the same row.

use crate::block::Block;
use crate::footprint::Footprint;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Bar, Row, Workload};
use crate::scratch::Scratch;
use crate::timing::{Samples, nanoseconds};

const BLOCKS: usize = 100_000;
const CYCLES: usize = 15;

/// The order in which blocks are freed, as a way to number them.
#[derive(Clone, Copy)]
enum Order {
    Fifo,
    Lifo,
    Random,
}

/// A process that frees in one order. Names are literals: rows must be known without running anything.
macro_rules! bulk {
    ($family:literal, $order_name:literal, $order:expr, $sizes:expr, [$($more:expr),*]) => {
        Workload {
            name: concat!($family, "-", $order_name),
            threads: 1,
            cold: true,
            rows: &[
                Row::nanoseconds($family, concat!($family, "-cold"), 1.0),
                Row::nanoseconds($family, concat!($family, "-", $order_name, "-free"), 1.0),
                Row::nanoseconds($family, concat!($family, "-", $order_name, "-again"), 1.0),
                $($more),*
            ],
            run: |report| {
                let found = run($order, $sizes, report);
                report.row(concat!($family, "-cold"), found.cold);
                report.row(concat!($family, "-", $order_name, "-free"), found.free);
                report.row(concat!($family, "-", $order_name, "-again"), found.again);
            },
        }
    };
}

pub(super) const WORKLOADS: &[Workload] = &[
    bulk!("bulk-64", "fifo", Order::Fifo, (64, 64), []),
    bulk!("bulk-64", "lifo", Order::Lifo, (64, 64), []),
    bulk!("bulk-64", "random", Order::Random, (64, 64), []),
    bulk!("bulk-mixed", "fifo", Order::Fifo, (8, 1024), [RSS, BEYOND_ROUNDING]),
    bulk!("bulk-mixed", "lifo", Order::Lifo, (8, 1024), []),
    bulk!("bulk-mixed", "random", Order::Random, (8, 1024), []),
];

/// Resident growth over requested bytes, all blocks live.
const RSS: Row = Row::ratio("bulk-mixed", "bulk-mixed-rss", Bar::Shown);

/// Resident growth over the bytes that [`class_size`] would take. Rivals round otherwise; for them it is a
/// comparison with our classes.
const BEYOND_ROUNDING: Row = Row::apart("bulk-mixed", "bulk-mixed-rss-over-classes", "x", Bar::AtMost(1.05));

/// Nanoseconds a block.
struct Found {
    cold: f64,
    free: f64,
    again: f64,
}

fn run(order: Order, (low, high): (usize, usize), report: &mut Report) -> Found {
    let mut rng = Rng::new(1);
    let sizes = Scratch::new(BLOCKS, |_| rng.between(low, high));
    let order = free_order(order, &mut rng);
    let mut blocks: Scratch<Option<Block>> = Scratch::new(BLOCKS, |_| None);
    let footprint = Footprint::start();

    let cold = nanoseconds(|| allocate(&mut blocks, &sizes)).0;
    if low != high {
        measure_memory(footprint, &sizes, report);
    }
    let (mut free, mut again) = (Samples::new(), Samples::new());
    for _ in 0..CYCLES {
        free.push(nanoseconds(|| free_all(&mut blocks, &order)).0);
        again.push(nanoseconds(|| allocate(&mut blocks, &sizes)).0);
    }
    let each = BLOCKS as f64;
    Found { cold: cold / each, free: free.median() / each, again: again.median() / each }
}

fn allocate(blocks: &mut [Option<Block>], sizes: &[usize]) {
    for (place, &size) in blocks.iter_mut().zip(sizes) {
        *place = Some(Block::new(size));
    }
}

fn free_all(blocks: &mut [Option<Block>], order: &[usize]) {
    for &index in order {
        if let Some(block) = blocks[index].take() {
            block.free();
        }
    }
}

fn free_order(order: Order, rng: &mut Rng) -> Scratch<usize> {
    let mut numbers = Scratch::new(BLOCKS, |index| match order {
        Order::Fifo | Order::Random => index,
        Order::Lifo => BLOCKS - 1 - index,
    });
    if matches!(order, Order::Random) {
        rng.shuffle(&mut numbers);
    }
    numbers
}

fn measure_memory(footprint: Footprint, sizes: &[usize], report: &mut Report) {
    let growth = footprint.growth();
    let requested: usize = sizes.iter().sum();
    let rounded: usize = sizes.iter().map(|&size| class_size(size)).sum();
    report.row(RSS.name, growth / requested as f64);
    report.row(BEYOND_ROUNDING.name, growth / rounded as f64);
    report.extra("requested_bytes", requested as f64);
}

/// The size rounded up to classes of 8 bytes to 128, then eight to a doubling.
const fn class_size(size: usize) -> usize {
    let step = if size <= 128 { 8 } else { size.next_power_of_two() / 16 };
    size.next_multiple_of(step)
}

const _: () = assert!(class_size(8) == 8 && class_size(121) == 128 && class_size(129) == 144);
const _: () = assert!(class_size(256) == 256 && class_size(257) == 288 && class_size(1000) == 1024);
