//! Allocating and freeing in a heap that has a file, between two commits: the file must not be felt.

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;

use outlive::Heap;

use crate::durable::contender::Contender::{Memory, Outlive};
use crate::durable::{Bar, Contender, Row, Setting, Trial};
use crate::pin::pin_to_last_core;
use crate::report::Report;
use crate::rng::Rng;
use crate::timing::median_per_operation;

const FAMILY: &str = "Between two commits";
const BY: &[Contender] = &[Outlive, Memory];
const BARS: &[Bar] = &[Bar::Of(1.1, Memory)];
const PAIRS: usize = 400_000;
const LIVE: usize = 100_000;
const REPLACED: usize = 300_000;
const REPETITIONS: usize = 9;

pub(super) const TRIALS: &[Trial] = &[Trial {
    name: "between",
    cold: true,
    rows: &[
        Row { family: FAMILY, name: "between-pair", unit: "ns", by: BY, bars: BARS },
        Row { family: FAMILY, name: "between-churn", unit: "ns", by: BY, bars: BARS },
    ],
    run,
}];

/// A block and its layout.
type Block = (NonNull<u8>, Layout);

fn run(setting: &Setting, report: &mut Report) {
    pin_to_last_core();
    let heap = match setting.contender {
        Memory => Heap::in_memory(),
        _ => Heap::open(setting.folder.join("heap")),
    };
    let heap = heap.expect("a heap");
    let mut rng = Rng::new(2);
    let mut blocks: Vec<Block> = (0..setting.scaled(LIVE)).map(|_| allocate(&heap, &mut rng)).collect();
    if setting.contender == Outlive {
        heap.persist().expect("a commit");
    }
    // The repetition that does not count makes the pages dirty again.
    report.row("between-churn", churn(&heap, &mut blocks, &mut rng));
    report.row("between-pair", median_per_operation(REPETITIONS, PAIRS, || pairs(&heap)));
}

fn churn(heap: &Heap, blocks: &mut [Block], rng: &mut Rng) -> f64 {
    median_per_operation(REPETITIONS, REPLACED, || {
        for _ in 0..REPLACED {
            let place = &mut blocks[rng.below(blocks.len())];
            let (block, layout) = *place;
            // SAFETY: allocated from this heap with this layout, and replaced below.
            unsafe { heap.deallocate(block, layout) };
            *place = allocate(heap, rng);
        }
    })
}

fn allocate(heap: &Heap, rng: &mut Rng) -> Block {
    let size = rng.log_normal(200.0, 1.2, 8, 8192);
    let layout = Layout::from_size_align(size, 8).expect("a valid layout");
    let block = heap.allocate(layout).expect("room in the heap");
    // SAFETY: the block has at least one byte, which nobody else uses.
    unsafe { block.write_volatile(1) };
    (block, layout)
}

fn pairs(heap: &Heap) {
    for _ in 0..PAIRS {
        let layout = black_box(Layout::new::<[u64; 8]>());
        let block = heap.allocate(layout).expect("room in the heap");
        // SAFETY: the block has at least one byte, which nobody else uses.
        unsafe { block.write_volatile(1) };
        // SAFETY: allocated just now with this layout.
        unsafe { heap.deallocate(black_box(block), layout) };
    }
}
