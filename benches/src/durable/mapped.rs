//! A file mapped as it is: shared with `msync`, or private as a yardstick for reading.

use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::ptr::{NonNull, null_mut};

use rustix::fs::{Advice as FileAdvice, fadvise};
use rustix::mm::{Advice, MapFlags, MsyncFlags, ProtFlags, madvise, mmap, msync, munmap};

use super::Contender;
use super::disk::{BLOCK, fill};
use super::heap::Words;

/// A mapped file.
#[derive(Debug)]
pub(super) struct Mapped {
    start: NonNull<u64>,
    bytes: usize,
}

impl Mapped {
    /// A new file of `bytes` zeros, cached as this contender says.
    pub(super) fn create(path: &Path, bytes: usize, contender: Contender) -> Self {
        fill(path, bytes);
        let file = File::options().read(true).write(true).open(path).expect("the new file");
        if contender != Contender::MsyncPages {
            return Self::of(&file, bytes);
        }
        // What is clean can leave the cache, and what comes back by single faults comes back page by page.
        fadvise(&file, 0, None, FileAdvice::DontNeed).expect("advice is taken");
        let mapped = Self::of(&file, bytes);
        // SAFETY: the mapping is ours, and the advice does not change what it holds.
        unsafe { madvise(mapped.start.as_ptr().cast(), bytes, Advice::Random) }.expect("advice is taken");
        for page in 0..bytes / BLOCK {
            black_box(mapped.get(page * BLOCK / 8));
        }
        mapped
    }

    /// The whole of a file that is there.
    pub(super) fn open(path: &Path) -> Self {
        let file = File::options().read(true).write(true).open(path).expect("a file");
        let bytes = file.metadata().expect("its length").len();
        Self::of(&file, usize::try_from(bytes).expect("a length that can be mapped"))
    }

    fn of(file: &File, bytes: usize) -> Self {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: without a wish for an address, a new mapping overlaps nothing; nobody else writes to the file.
        let start = unsafe { mmap(null_mut(), bytes, access, MapFlags::SHARED, file, 0) };
        let start = start.expect("a mapping").cast();
        Self { start: NonNull::new(start).expect("a mapping is not null"), bytes }
    }

    /// Makes the pages that were written durable, from one word to another.
    pub(super) fn sync(&self, words: std::ops::Range<usize>) {
        let (from, to) = (words.start * 8 / BLOCK * BLOCK, words.end * 8);
        let start = self.start.as_ptr().cast::<u8>().wrapping_add(from);
        // SAFETY: the range lies in the mapping and starts at a page.
        unsafe { msync(start.cast(), to - from, MsyncFlags::SYNC) }.expect("a sync");
    }

    /// The same with all of it.
    pub(super) fn sync_all(&self) {
        self.sync(0..self.words());
    }
}

impl Words for Mapped {
    fn words(&self) -> usize {
        self.bytes / 8
    }

    fn start(&self) -> NonNull<u64> {
        self.start
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and has this size.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.bytes) };
        debug_assert!(unmapped.is_ok(), "a whole mapping can be unmapped");
    }
}
