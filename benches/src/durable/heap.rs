//! Memory as an array of words, and a heap in a file that holds one.

use std::alloc::Layout;
use std::fs::metadata;
use std::path::Path;
use std::ptr::NonNull;

use outlive::{Commit, Heap};

use super::disk::BLOCK;

/// Words in a page.
pub(super) const PAGE_WORDS: usize = BLOCK / 8;

/// Memory that is read and written word by word.
pub(super) trait Words {
    /// How many there are.
    fn words(&self) -> usize;

    /// The first; the others follow it.
    fn start(&self) -> NonNull<u64>;

    /// Reads one.
    #[inline]
    fn get(&self, index: usize) -> u64 {
        assert!(index < self.words());
        // SAFETY: checked just now.
        let place = unsafe { self.start().add(index) };
        // SAFETY: one of our words, which nobody else writes to.
        unsafe { place.read_volatile() }
    }

    /// Writes one.
    #[inline]
    fn put(&self, index: usize, value: u64) {
        assert!(index < self.words());
        // SAFETY: checked just now.
        let place = unsafe { self.start().add(index) };
        // SAFETY: one of our words, which nobody else reads.
        unsafe { place.write_volatile(value) };
    }

    /// Gives every word a value that is not 0.
    fn fill(&self) {
        (0..self.words()).for_each(|index| self.put(index, first_value(index)));
    }

    /// Reads every word.
    fn sum(&self) -> u64 {
        (0..self.words()).fold(0, |sum, index| sum.wrapping_add(self.get(index)))
    }
}

/// What [`Words::fill`] wrote.
pub(super) const fn first_value(index: usize) -> u64 {
    (index as u64 ^ 0x5555).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1
}

/// How long the log of an open heap is.
pub(super) fn log_bytes(heap: &Path) -> usize {
    let log = metadata(heap.with_extension("log"));
    log.map_or(0, |log| usize::try_from(log.len()).expect("a length"))
}

/// A heap in a file, with one block, which is the root.
#[derive(Debug)]
pub(super) struct Array {
    /// The heap.
    pub(super) heap: Heap,
    block: NonNull<u64>,
    words: usize,
}

impl Array {
    /// A new heap with a block of `bytes` bytes that are not written yet.
    pub(super) fn create(path: &Path, bytes: usize) -> Self {
        let heap = Heap::open(path).expect("a new heap");
        let layout = Layout::from_size_align(bytes, BLOCK).expect("a valid layout");
        let block = heap.allocate(layout).expect("room in the heap");
        heap.set_root(Some(block));
        Self { heap, block: block.cast(), words: bytes / 8 }
    }

    /// The same, filled and closed: opened again, nothing of it is in memory of its own.
    pub(super) fn built(path: &Path, bytes: usize) -> Self {
        let new = Self::create(path, bytes);
        new.fill();
        new.persist();
        new.close();
        Self::open(path, bytes)
    }

    /// The heap that [`Array::create`] made.
    pub(super) fn open(path: &Path, bytes: usize) -> Self {
        let heap = Heap::restore(path).expect("a heap");
        let block = heap.root().expect("the root that was set").cast();
        Self { heap, block, words: bytes / 8 }
    }

    /// Makes everything durable.
    pub(super) fn persist(&self) -> Commit {
        self.heap.persist().expect("a commit")
    }

    /// Closes the heap.
    pub(super) fn close(self) {
        self.heap.close().expect("a clean close");
    }
}

impl Words for Array {
    #[inline]
    fn words(&self) -> usize {
        self.words
    }

    #[inline]
    fn start(&self) -> NonNull<u64> {
        self.block
    }
}
