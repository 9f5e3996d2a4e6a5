//! Vectors that grow by pushes: `realloc`, in place or by a move.

use std::hint::black_box;

use crate::row::{Row, Workload};
use crate::timing::median_per_operation;

const ONE: Row = Row::milliseconds("growth", "vec-64m");
const MANY: Row = Row::nanoseconds("growth", "vecs-4k", 1.0);

/// Vectors that grow in turn.
const VECS: usize = 32;

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "vec-64m",
        threads: 1,
        cold: true,
        rows: &[ONE],
        run: |report| report.row(ONE.name, median_per_operation(9, 1_000_000, || one_vec(64 << 20))),
    },
    Workload {
        name: "vecs-4k",
        threads: 1,
        cold: false,
        rows: &[MANY],
        run: |report| {
            report.row(MANY.name, median_per_operation(51, 100 * VECS, || (0..100).for_each(|_| many_vecs())))
        },
    },
];

/// Pushes numbers to one vector until it holds `bytes`, and drops it.
pub fn one_vec(bytes: usize) {
    let mut vec = Vec::new();
    for number in 0..bytes / size_of::<u64>() {
        vec.push(number as u64);
    }
    black_box(vec);
}

/// Pushes a number to each of 32 vectors in turn until each holds 4 KiB, and drops them.
pub fn many_vecs() {
    let mut vecs = [const { Vec::new() }; VECS];
    for number in 0..4096 / size_of::<u64>() {
        for vec in &mut vecs {
            vec.push(number as u64);
        }
    }
    black_box(vecs);
}
