//! What any allocator worth its name must do, as absolute limits.

use crate::block::Block;
use crate::footprint::Footprint;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Bar, Row, Workload};
use crate::scratch::Scratch;
use crate::timing::nanoseconds;

const BLOCKS: usize = 100_000;

const ALLOC: Row = Row::apart("floor", "floor-alloc", "ns", Bar::AtMost(100.0));
const FREE: Row = Row::apart("floor", "floor-free", "ns", Bar::AtMost(50.0));
const TOTAL: Row = Row::apart("floor", "floor-alloc-and-free", "ms", Bar::AtMost(100.0));
const FRAGMENTATION: Row = Row::apart("floor", "floor-fragmentation", "%", Bar::AtMost(15.0));
const RANGE: Row = Row::apart("floor", "floor-8b-to-1g", "ms", Bar::Shown);

pub(super) const WORKLOADS: &[Workload] = &[
    Workload { name: "floor", threads: 1, cold: true, rows: &[ALLOC, FREE, TOTAL, FRAGMENTATION], run: bulk },
    Workload { name: "floor-sizes", threads: 1, cold: true, rows: &[RANGE], run: sizes },
];

/// 100,000 blocks of 16 to 512 bytes from a cold start, and their frees. Fragmentation is the part of the resident
/// growth that nobody asked for, with half of the blocks freed at random and as many allocated anew.
fn bulk(report: &mut Report) {
    let mut rng = Rng::new(12);
    let sizes = Scratch::new(BLOCKS, |_| rng.between(16, 512));
    let mut blocks: Scratch<Option<Block>> = Scratch::new(BLOCKS, |_| None);
    let footprint = Footprint::start();

    let (alloc, ()) = nanoseconds(|| fill(&mut blocks, &sizes));
    let (free, ()) = nanoseconds(|| empty(&mut blocks));
    report.row(ALLOC.name, alloc / BLOCKS as f64);
    report.row(FREE.name, free / BLOCKS as f64);
    report.row(TOTAL.name, (alloc + free) / 1e6);

    fill(&mut blocks, &sizes);
    rng.shuffle(&mut blocks);
    empty(&mut blocks[..BLOCKS / 2]);
    fill(&mut blocks[..BLOCKS / 2], &sizes);
    let requested: usize = blocks.iter().flatten().map(Block::size).sum();
    report.row(FRAGMENTATION.name, 100.0 * (1.0 - requested as f64 / footprint.growth()));
}

fn fill(blocks: &mut [Option<Block>], sizes: &[usize]) {
    for (place, &size) in blocks.iter_mut().zip(sizes) {
        *place = Some(Block::new(size));
    }
}

fn empty(blocks: &mut [Option<Block>]) {
    blocks.iter_mut().filter_map(Option::take).for_each(Block::free);
}

/// Blocks from 8 bytes doubling to 1 GiB, all live at the same time, and their frees. Those to 4 MiB are touched.
fn sizes(report: &mut Report) {
    let mut blocks: Scratch<Option<Block>> = Scratch::new(28, |_| None);
    let (time, ()) = nanoseconds(|| {
        for (power, place) in blocks.iter_mut().enumerate() {
            let block = Block::untouched(8 << power, 8);
            if power < 20 {
                block.touch();
            }
            *place = Some(block);
        }
        empty(&mut blocks);
    });
    report.row(RANGE.name, time / 1e6);
}
