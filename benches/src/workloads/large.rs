//! Large blocks, each allocated, touched in every page and freed, over and over.

use crate::block::Block;
use crate::row::{Bar, Kind, Row, Workload};
use crate::timing::median_per_operation;

/// Blocks of so many MiB, so many times for one sample.
macro_rules! large {
    ($name:literal, $mib:literal, $cycles:literal) => {
        Workload {
            name: $name,
            threads: 1,
            cold: true,
            rows: &[Row {
                name: $name,
                family: "large",
                unit: "us",
                kind: Kind::Time,
                bar: Bar::OfBest(1.0),
            }],
            run: |report| {
                let cycles = || (0..$cycles).for_each(|_| Block::new($mib << 20).free());
                report.row($name, median_per_operation(7, 1000 * $cycles, cycles));
            },
        }
    };
}

pub(super) const WORKLOADS: &[Workload] = &[
    large!("large-1m", 1, 100),
    large!("large-4m", 4, 30),
    large!("large-16m", 16, 8),
    large!("large-64m", 64, 2),
    large!("large-256m", 256, 1),
];
