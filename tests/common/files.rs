//! Folders for tests, what lies in them, and what a heap holds.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use outlive::{Heap, HeapOptions, OpenOptions};

use super::random::Random;

/// A folder of its own, gone with its content when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

/// A file as others see it.
pub type File = (Vec<u8>, SystemTime);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("outlive-test-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// All regular files: their content, and when that was changed.
    pub fn files(&self) -> BTreeMap<String, File> {
        let entries = fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        files
            .map(|entry| {
                let changed = entry.metadata().unwrap().modified().unwrap();
                let content = fs::read(entry.path()).unwrap_or_default();
                (entry.file_name().into_string().unwrap(), (content, changed))
            })
            .collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    /// Copies a file as a crash would leave it: whatever is in it now.
    pub fn copy(&self, from: &str, to: &str) {
        fs::copy(self.join(from), self.join(to)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Options for small heaps with a small log.
pub fn small() -> OpenOptions {
    OpenOptions::new().heap(HeapOptions::new().reservation(256 << 20)).log_segment(64 << 10)
}

/// Every allocated block, by its offset.
pub fn content(heap: &Heap) -> BTreeMap<u64, Vec<u8>> {
    let mut blocks = BTreeMap::new();
    heap.for_each_block(|block, info| {
        // SAFETY: an allocated block of so many bytes, which nobody changes.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), info.size) };
        blocks.insert(info.offset.get(), bytes.to_vec());
    });
    blocks
}

/// A program that fills a heap, changes what is in it and takes things out.
#[derive(Debug)]
pub struct Filler {
    random: Random,
    blocks: Vec<(usize, Layout)>,
    most: usize,
}

impl Filler {
    /// Blocks have up to `1 << log` bytes.
    pub fn new(seed: u64, log: usize) -> Self {
        Self { random: Random::new(seed), blocks: Vec::new(), most: log }
    }

    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Frees everything.
    pub fn clear(&mut self, heap: &Heap) {
        let base = base(heap);
        for (block, layout) in self.blocks.drain(..) {
            let block = NonNull::new(base.as_ptr().wrapping_add(block)).unwrap();
            // SAFETY: allocated below with this layout, and taken out of the list.
            unsafe { heap.deallocate(block, layout) };
        }
    }

    /// Does so many random things.
    pub fn run(&mut self, heap: &Heap, steps: usize) {
        // Offsets, because a heap may lie elsewhere when it is opened again.
        let base = base(heap);
        let place = |offset: usize| NonNull::new(base.as_ptr().wrapping_add(offset)).unwrap();
        for _ in 0..steps {
            match self.random.below(4) {
                0 if !self.blocks.is_empty() => {
                    let (block, layout) = self.blocks.swap_remove(self.random.below(self.blocks.len()));
                    // SAFETY: allocated here with this layout, and taken out of the list.
                    unsafe { heap.deallocate(place(block), layout) };
                }
                1 if !self.blocks.is_empty() => {
                    let (block, layout) = self.blocks[self.random.below(self.blocks.len())];
                    self.fill(place(block), layout.size());
                }
                _ => {
                    let layout = Layout::from_size_align(self.random.size(self.most), 8).unwrap();
                    let block = heap.allocate(layout).unwrap();
                    // All of it is somebody's: what nobody has written since it was allocated may be anything in a commit.
                    let size = heap.info(block.as_ptr()).unwrap().size;
                    // SAFETY: a new block of so many bytes.
                    unsafe { block.write_bytes(0x5A, size) };
                    self.fill(block, layout.size());
                    self.blocks.push((block.as_ptr().addr() - base.as_ptr().addr(), layout));
                }
            }
        }
    }

    fn fill(&mut self, block: NonNull<u8>, size: usize) {
        let byte = u8::try_from(self.random.below(256)).unwrap();
        let from = self.random.below(size);
        // SAFETY: inside of a block of so many bytes.
        unsafe { block.add(from).write_bytes(byte, size - from) };
    }
}

/// Where the heap lies.
fn base(heap: &Heap) -> NonNull<u8> {
    let layout = Layout::new::<u64>();
    let block = heap.allocate(layout).unwrap();
    let offset = usize::try_from(heap.info(block.as_ptr()).unwrap().offset.get()).unwrap();
    let base = NonNull::new(block.as_ptr().wrapping_sub(offset)).unwrap();
    // SAFETY: just allocated, with this layout.
    unsafe { heap.deallocate(block, layout) };
    base
}
