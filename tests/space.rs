//! Space of a heap's file that the heap does not need, on a real file system.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "tests read better so")]

mod common;

use std::alloc::Layout;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::ptr::NonNull;

use common::files::{Filler, Folder, content, small};
use outlive::{Error, Heap};

const MIB: usize = 1 << 20;

/// Whether files of this folder can have their space given back.
fn can_give_back(folder: &Folder) -> bool {
    let file = File::create(folder.join("probe")).unwrap();
    file.set_len(1 << 16).unwrap();
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: an open file, and numbers.
    let can = unsafe { libc::fallocate(file.as_raw_fd(), mode, 0, 4096) } == 0;
    std::fs::remove_file(folder.join("probe")).unwrap();
    can
}

/// How much space a file takes.
fn space(path: &Path) -> usize {
    usize::try_from(std::fs::metadata(path).unwrap().blocks()).unwrap() * 512
}

fn layout() -> Layout {
    Layout::from_size_align(MIB, 8).unwrap()
}

fn fill(heap: &Heap, byte: u8) -> NonNull<u8> {
    let block = heap.allocate(layout()).unwrap();
    // SAFETY: a block of so many bytes.
    unsafe { block.write_bytes(byte, MIB) };
    block
}

#[test]
fn what_is_free_takes_no_space_and_what_is_used_again_has_it() {
    let folder = Folder::new();
    let path = folder.join("heap");
    let heap = small().open(&path).unwrap();
    let blocks: Vec<_> = (0..32).map(|byte| fill(&heap, byte)).collect();
    heap.persist().unwrap();
    for block in blocks.iter().skip(1).filter(|block| **block != blocks[20]) {
        // SAFETY: a block of this heap, with its layout.
        unsafe { heap.deallocate(*block, layout()) };
    }
    heap.trim();
    heap.persist().unwrap();
    assert!(space(&path) >= 32 * MIB);
    let kept = content(&heap);
    assert!(kept.len() == 2 && kept.values().all(|bytes| bytes.iter().all(|byte| *byte == bytes[0])));
    heap.close().unwrap();
    let (whole, can) = (std::fs::metadata(&path).unwrap().len(), can_give_back(&folder));
    assert!(!can || space(&path) < 4 * MIB, "{} bytes for 2 MiB of blocks", space(&path));
    assert!(outlive::check(&path).unwrap().is_clean());

    // Readers, snapshots and later openings see the same.
    assert!(content(&small().read_only(true).open(&path).unwrap()) == kept);
    let heap = small().open(&path).unwrap();
    assert!(heap.check().is_clean() && content(&heap) == kept);
    heap.snapshot(folder.join("copy")).unwrap();
    assert!(content(&small().open(folder.join("copy")).unwrap()) == kept);

    let again: Vec<_> = (0..30).map(|byte| fill(&heap, 100 + byte)).collect();
    assert!(space(&path) >= 32 * MIB, "what was promised is reserved");
    assert_eq!(again.len(), 30);
    heap.persist().unwrap();
    let used = content(&heap);
    // As a crash of the process would leave it.
    folder.copy("heap", "left");
    folder.copy("heap.log", "left.log");
    heap.close().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().len(), whole, "nothing had to grow");
    for name in ["heap", "left"] {
        let heap = small().open(folder.join(name)).unwrap();
        assert!(heap.check().is_clean() && content(&heap) == used, "{name}");
    }
}

#[test]
fn what_stays_free_goes_back_while_the_heap_is_open() {
    let folder = Folder::new();
    let path = folder.join("heap");
    let heap = small().log_bound(0).open(&path).unwrap();
    let kept = fill(&heap, 1);
    let blocks: Vec<_> = (0..16).map(|byte| fill(&heap, byte)).collect();
    heap.persist().unwrap();
    for block in blocks {
        // SAFETY: a block of this heap, with its layout.
        unsafe { heap.deallocate(block, layout()) };
    }
    heap.trim();
    if can_give_back(&folder) {
        let begun = std::time::Instant::now();
        let mut byte = 2;
        while space(&path) > 8 * MIB {
            assert!(begun.elapsed().as_secs() < 60, "{} bytes are still there", space(&path));
            // Commits are what brings checkpoints along.
            // SAFETY: the block is the test's own.
            unsafe { kept.write_bytes(byte, MIB) };
            byte = byte.wrapping_add(1);
            heap.persist().unwrap();
        }
    }
    let expected = content(&heap);
    heap.close().unwrap();
    assert!(content(&small().open(&path).unwrap()) == expected);
}

fn len(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

#[test]
fn a_compacted_heap_has_a_shorter_file_and_can_grow_again() {
    let folder = Folder::new();
    let path = folder.join("heap");
    let heap = small().open(&path).unwrap();
    let blocks: Vec<_> = (0..40).map(|byte| fill(&heap, byte)).collect();
    heap.persist().unwrap();
    assert!(heap.compact().unwrap() < 20 * MIB as u64, "what it has grown by ahead of need");
    let (long, last) = (len(&path), heap.last_commit());
    for block in &blocks[4..] {
        // SAFETY: a block of this heap, with its layout.
        unsafe { heap.deallocate(*block, layout()) };
    }
    let given_back = heap.compact().unwrap();
    // What is left of the second chunk are tables, which lie behind its first 16 MiB of pages.
    let (ends, most) = (len(&path), (34 + 16 + 3 * 2) * MIB as u64);
    assert!(given_back >= 36 * MIB as u64 && long >= 80 * MIB as u64 && ends <= most, "{given_back}, {ends}");
    assert!(heap.last_commit() > last && heap.check().is_clean());
    assert!(!can_give_back(&folder) || space(&path) < 12 * MIB);
    let kept = content(&heap);
    assert_eq!(heap.compact().unwrap(), 0, "there is nothing left to cut");

    // As a crash would leave it, and with the newer superblock damaged.
    for slot in [0, 4096] {
        folder.copy("heap", "left");
        folder.copy("heap.log", "left.log");
        let file = std::fs::OpenOptions::new().write(true).open(folder.join("left")).unwrap();
        file.write_all_at(&[0xee; 512], slot).unwrap();
        assert!(content(&small().read_only(true).open(folder.join("left")).unwrap()) == kept);
        std::fs::remove_file(folder.join("left.log")).unwrap();
    }

    let more: Vec<_> = (0..20).map(|byte| fill(&heap, 50 + byte)).collect();
    // SAFETY: a block of this heap, with its layout.
    unsafe { heap.deallocate(more[0], layout()) };
    let zeros = heap.allocate_zeroed(layout()).unwrap();
    // SAFETY: a block of so many bytes.
    assert!(unsafe { std::slice::from_raw_parts(zeros.as_ptr(), MIB) }.iter().all(|byte| *byte == 0));
    heap.persist().unwrap();
    let grown = content(&heap);
    assert_eq!(grown.len(), 24);
    heap.close().unwrap();
    let heap = small().open(&path).unwrap();
    assert!(content(&heap) == grown && heap.check().is_clean());
    heap.close().unwrap();
    let reader = small().read_only(true).open(&path).unwrap();
    assert!(matches!(reader.compact(), Err(Error::ReadOnly { .. })));
    assert!(matches!(Heap::in_memory().unwrap().compact(), Err(Error::NoFile)));
}

#[test]
fn a_heap_is_compacted_while_others_use_it() {
    let folder = Folder::new();
    let path = folder.join("heap");
    let heap = small().log_bound(256 << 10).open(&path).unwrap();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2_u64)
            .map(|seed| {
                let heap = &heap;
                scope.spawn(move || {
                    let mut filler = Filler::new(seed, 18);
                    for _ in 0..30 {
                        filler.run(heap, 20);
                        filler.clear(heap);
                        heap.persist().unwrap();
                    }
                    filler.run(heap, 30);
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            heap.compact().unwrap();
        }
    });
    assert!(heap.check().is_clean());
    heap.compact().unwrap();
    heap.persist().unwrap();
    let expected = content(&heap);
    drop(heap);
    let heap = small().open(&path).unwrap();
    assert!(heap.check().is_clean() && content(&heap) == expected);
}
