//! An allocation and its free, back to back: the fast path and nothing else.
//!
//! A few blocks of the same size stay live meanwhile. Without them some allocators retire and revive the page of
//! that size with each pair, which few real programs make them do.

use std::alloc::{Layout, alloc, dealloc};
use std::hint::black_box;

use crate::block::Block;
use crate::row::{Row, Workload};
use crate::timing::median_per_operation;

/// The family's name. The driver's plain profile runs these rows only.
pub const FAMILY: &str = "pairs";

const REPETITIONS: usize = 15;
const PAIRS: usize = 400_000;
/// Blocks of the measured size that stay live.
const NEIGHBOURS: usize = 4;

/// A row of pairs whose size the compiler does not know.
macro_rules! unknown_size {
    ($name:literal, $size:expr, $align:literal, $part:literal) => {
        Workload {
            name: $name,
            threads: 1,
            cold: false,
            rows: &[Row::nanoseconds(FAMILY, $name, $part)],
            run: |report| {
                let neighbours = [(); NEIGHBOURS].map(|()| Block::untouched($size, $align));
                report.row($name, median_per_operation(REPETITIONS, PAIRS, || pair::<$align>($size, PAIRS)));
                neighbours.into_iter().for_each(Block::free);
            },
        }
    };
}

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "box-u64",
        threads: 1,
        cold: false,
        rows: &[Row::nanoseconds(FAMILY, "box-u64", 0.5)],
        run: |report| {
            let neighbours = black_box([(); NEIGHBOURS].map(|()| Box::new(7u64)));
            report.row("box-u64", median_per_operation(REPETITIONS, PAIRS, || box_pair(PAIRS)));
            drop(neighbours);
        },
    },
    unknown_size!("pair-16", 16, 8, 0.9),
    unknown_size!("pair-24", 24, 8, 0.9),
    unknown_size!("pair-32", 32, 8, 0.9),
    unknown_size!("pair-64", 64, 8, 0.9),
    unknown_size!("pair-100", 100, 8, 0.9),
    unknown_size!("pair-128", 128, 8, 0.9),
    unknown_size!("pair-256", 256, 8, 0.9),
    unknown_size!("pair-512", 512, 8, 0.9),
    unknown_size!("pair-1000", 1000, 8, 0.9),
    unknown_size!("pair-2k", 2 << 10, 8, 0.9),
    unknown_size!("pair-4k", 4 << 10, 8, 0.9),
    unknown_size!("pair-5000", 5000, 8, 0.9),
    unknown_size!("pair-8k", 8 << 10, 8, 0.9),
    unknown_size!("pair-16k", 16 << 10, 8, 0.9),
    unknown_size!("pair-32k", 32 << 10, 8, 0.9),
    unknown_size!("pair-align-64", 192, 64, 0.9),
    unknown_size!("pair-1m", 1 << 20, 8, 1.0),
];

/// `pairs` boxes of a number, each dropped at once. The size is a constant, so all may be inlined.
#[inline]
pub fn box_pair(pairs: usize) {
    for _ in 0..pairs {
        let number = Box::new(7u64);
        // Shows the compiler a reader, so that the box must exist, and leaves the pointer in its register: passed
        // through `black_box` it would go over the stack, which takes longer than some allocators do.
        black_box(&raw const *number);
    }
}

/// `pairs` blocks of `size` bytes, each freed at once; the size is hidden from the compiler.
///
/// # Panics
/// When memory is exhausted or size and `ALIGN` make no valid layout.
#[inline]
pub fn pair<const ALIGN: usize>(size: usize, pairs: usize) {
    assert!(size > 0 && Layout::from_size_align(size, ALIGN).is_ok(), "a valid layout");
    // Hidden twice in a pair: in real programs the free stands elsewhere and must look its class up by itself.
    // SAFETY: the size was checked just now; `black_box` returns what it is given.
    let layout = || unsafe { Layout::from_size_align_unchecked(black_box(size), ALIGN) };
    for _ in 0..pairs {
        // SAFETY: the size is not 0.
        let block = unsafe { alloc(layout()) };
        assert!(!block.is_null(), "memory is exhausted");
        // SAFETY: the block has at least one byte, which nobody else uses.
        unsafe { block.write_volatile(1) };
        // Whatever the allocator noted must be in memory now, and cannot be left out of both calls.
        black_box(block);
        // SAFETY: the block came from an equal layout and is not used again.
        unsafe { dealloc(block, layout()) };
    }
}
