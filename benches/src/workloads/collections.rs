//! Two collections of 500,000 entries, built from nothing and dropped, twice in one process.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::hint::black_box;

use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Row, Workload};
use crate::timing::nanoseconds;

const ENTRIES: u32 = 500_000;

/// A process that builds and drops twice, a row each.
macro_rules! twice {
    ($name:literal, $build:expr) => {
        Workload {
            name: $name,
            threads: 1,
            cold: true,
            rows: &[
                Row::milliseconds("collections", concat!($name, "-build-1")),
                Row::milliseconds("collections", concat!($name, "-drop-1")),
                Row::milliseconds("collections", concat!($name, "-build-2")),
                Row::milliseconds("collections", concat!($name, "-drop-2")),
            ],
            run: |report| {
                once(report, concat!($name, "-build-1"), concat!($name, "-drop-1"), $build);
                once(report, concat!($name, "-build-2"), concat!($name, "-drop-2"), $build);
            },
        }
    };
}

pub(super) const WORKLOADS: &[Workload] = &[twice!("hash-map", hash_map), twice!("btree-map", btree_map)];

/// Times one build and one drop.
pub(super) fn once<T>(
    report: &mut Report,
    build_row: &'static str,
    drop_row: &'static str,
    build: impl FnOnce() -> T,
) {
    let (time, built) = nanoseconds(build);
    report.row(build_row, time / 1e6);
    report.row(drop_row, nanoseconds(|| drop(black_box(built))).0 / 1e6);
}

/// Keys and values of their own allocations in a table that grows by doubling. The hasher has no random seed.
fn hash_map() -> HashMap<String, Vec<u32>, BuildHasherDefault<DefaultHasher>> {
    let mut rng = Rng::new(6);
    let mut map = HashMap::default();
    for number in 0..ENTRIES {
        let mut key = String::new();
        let _ = write!(key, "entry {number} of {:x}", rng.bits());
        map.insert(key, vec![number; rng.between(1, 32)]);
    }
    map
}

/// Keys in random order, so that nodes split everywhere.
fn btree_map() -> BTreeMap<u64, Box<[u8]>> {
    let mut rng = Rng::new(7);
    let mut map = BTreeMap::new();
    // One by one: collecting would sort first and build the tree from the bottom.
    for _ in 0..ENTRIES {
        map.insert(rng.bits(), vec![1; rng.between(8, 128)].into_boxed_slice());
    }
    map
}
