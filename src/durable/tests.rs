//! What the tests of this floor share.

mod appends;
mod blocks;
mod crashes;
mod faults;
mod history;
mod placed;
// The files of a hardened heap are made in the same way, and it takes long: once is enough.
#[cfg(not(feature = "hardened"))]
mod planted;
mod program;
mod purged;
mod reuse;

pub(crate) use history::History;
pub(crate) use program::{Settings, Taken};

use std::ffi::OsStr;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

use super::file::HeapFile;
use super::levels::LogManner;
use super::log::SegmentBytes;
use super::open::{Manner, Opened, open};
use super::place::Home;
use super::storage::simulated::SimulatedFolder;

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

/// The file of a new heap, in a folder that is a simulated disk.
pub(super) fn heap_file(folder: SimulatedFolder, segment: SegmentBytes) -> HeapFile<SimulatedFolder> {
    let manner = Manner {
        create: true,
        existing: true,
        pages: 1 << 10,
        segment,
        log: LogManner::default(),
        home: Home::default(),
        finds_unnoted: false,
    };
    let Opened { file, .. } = open(folder, OsStr::new("heap"), &manner).unwrap();
    file
}
