//! What the tests of this floor share.

mod blocks;
mod crashes;
mod faults;
mod placed;
// The files of a hardened heap are made in the same way, and it takes long: once is enough.
#[cfg(not(feature = "hardened"))]
mod planted;
mod program;
mod purged;
mod reuse;

pub(crate) use program::{Settings, Taken};

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

/// A file with this content, which is gone when it is closed.
pub(super) fn file_of(bytes: &[u8]) -> File {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("outlive-durable-{}-{count}", std::process::id()));
    std::fs::write(&path, bytes).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file
}

/// A small generator of random numbers: the same ones for the same seed.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        mixed ^ (mixed >> 33)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// A number below `1 << log`, small ones far more often than large ones.
    pub(super) fn skewed(&mut self, log: u64) -> u64 {
        let limit = 1 << self.below(log + 1);
        self.below(limit)
    }
}
