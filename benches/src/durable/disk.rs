//! The disk itself: aligned writes past the system's cache, each durable when it returns.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::scratch::Scratch;

/// The unit of all positions and lengths.
pub(super) const BLOCK: usize = 4096;

/// A file that is written past the cache.
#[derive(Debug)]
pub(super) struct Direct {
    file: File,
    /// Mapped, and so aligned to a page.
    buffer: Scratch<u8>,
}

impl Direct {
    /// A new file of `bytes` bytes, all of them written once so that the file system has nothing to note any more, and a
    /// buffer for writes of up to `most`.
    pub(super) fn create(path: &Path, bytes: usize, most: usize) -> Self {
        fill(path, bytes);
        let flags = OFlags::WRONLY | OFlags::DIRECT | OFlags::DSYNC;
        let file = rustix::fs::open(path, flags, Mode::empty()).expect("a file system with O_DIRECT").into();
        Self { file, buffer: Scratch::new(most, |index| index.to_le_bytes()[0]) }
    }

    /// Writes the first `bytes` bytes of the buffer to this place.
    pub(super) fn write(&self, offset: usize, bytes: usize) {
        self.file.write_all_at(&self.buffer[..bytes], offset as u64).expect("a write to the disk");
    }
}

/// Makes a file of zeros through the system's cache, which then has it in large pieces, and syncs it.
pub(super) fn fill(path: &Path, bytes: usize) {
    fs::write(path, []).expect("a new file");
    let file = File::options().write(true).open(path).expect("the new file");
    let zeros = vec![0; 1 << 20];
    for offset in (0..bytes).step_by(zeros.len()) {
        let step = zeros.len().min(bytes - offset);
        file.write_all_at(&zeros[..step], offset as u64).expect("room on the disk");
    }
    file.sync_all().expect("a sync");
}
