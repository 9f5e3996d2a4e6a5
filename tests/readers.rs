//! Heaps that are only read: beside each other, after crashes, and without leaving a trace.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::alloc::Layout;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::ptr::NonNull;

use common::files::{Filler, Folder, content, small};
use outlive::{Error, Heap};

fn reader(folder: &Folder, name: &str) -> Result<Heap, Error> {
    small().read_only(true).open(folder.join(name))
}

#[test]
fn readers_see_the_last_commit_whether_or_not_it_is_in_the_base() {
    let folder = Folder::new();
    for seed in 0..3 {
        println!("seed {seed}");
        let mut filler = Filler::new(seed, 14);
        let mut heap = small().open(folder.join("heap")).unwrap();
        for round in 0..6 {
            filler.run(&heap, 60);
            heap.persist().unwrap();
            let (committed, last) = (content(&heap), heap.last_commit());
            filler.run(&heap, 10);
            // What a crash would leave, with its log.
            folder.copy("heap", "copy");
            folder.copy("heap.log", "copy.log");
            let before = folder.files();
            let readers = [reader(&folder, "copy").unwrap(), reader(&folder, "copy").unwrap()];
            for reader in &readers {
                assert_eq!(
                    (content(reader) == committed, reader.last_commit()),
                    (true, last),
                    "round {round}"
                );
                assert!(reader.check().is_clean());
            }
            drop(readers);
            assert!(before == folder.files(), "a reader has changed something");
            if round % 2 == 1 {
                filler = Filler::new(seed + 100 * round, 14);
                heap.persist().unwrap();
                let closed = content(&heap);
                heap.close().unwrap();
                assert!(content(&reader(&folder, "heap").unwrap()) == closed);
                heap = small().open(folder.join("heap")).unwrap();
                assert!(content(&heap) == closed);
            }
        }
        drop(heap);
        fs::remove_file(folder.join("heap")).unwrap();
    }
}

#[test]
fn readers_share_and_writers_do_not() {
    let folder = Folder::new();
    let path = folder.join("heap");
    assert!(matches!(reader(&folder, "heap"), Err(Error::File { .. })));
    assert!(folder.names().is_empty(), "a reader makes nothing");

    let writer = small().open(&path).unwrap();
    assert!(matches!(reader(&folder, "heap"), Err(Error::InUse { file }) if file == path));
    assert!(matches!(small().open(&path), Err(Error::InUse { .. })));
    writer.close().unwrap();

    let readers: Vec<Heap> = (0..5).map(|_| reader(&folder, "heap").unwrap()).collect();
    assert!(matches!(small().open(&path), Err(Error::InUse { file }) if file == path));
    drop(readers);
    small().open(&path).unwrap();
}

#[test]
fn a_heap_without_commits_reads_as_empty() {
    let folder = Folder::new();
    small().open(folder.join("heap")).unwrap().close().unwrap();
    let reader = reader(&folder, "heap").unwrap();
    assert!(content(&reader).is_empty() && reader.check().is_clean());
    assert_eq!(reader.last_commit(), 0);
    assert!(reader.allocate(Layout::new::<u64>()).is_err());
}

#[test]
fn nothing_is_allocated_freed_or_given_back() {
    let folder = Folder::new();
    let mut filler = Filler::new(7, 16);
    let heap = small().open(folder.join("heap")).unwrap();
    filler.run(&heap, 500);
    heap.persist().unwrap();
    heap.close().unwrap();
    let before = folder.files();

    let reader = reader(&folder, "heap").unwrap();
    let (blocks, stats) = (content(&reader), reader.stats());
    let all_sizes = (0..22).map(|log| Layout::from_size_align(1 << log, 8).unwrap());
    for layout in all_sizes {
        assert!(reader.allocate(layout).is_err() && reader.allocate_zeroed(layout).is_err(), "{layout:?}");
    }
    let mut all = Vec::new();
    reader.for_each_block(|block, info| all.push((block, info.size)));
    assert!(all.len() > 50);
    for (block, size) in all {
        let layout = Layout::from_size_align(size, 1).unwrap();
        let larger = Layout::from_size_align(size * 3 + 5000, 1).unwrap();
        let smaller = Layout::from_size_align(size.div_ceil(4), 1).unwrap();
        // SAFETY: a block of this size, of a heap in which a free does nothing.
        unsafe {
            assert!(reader.reallocate(block, layout, larger).is_err());
            let _: Result<NonNull<u8>, _> = reader.reallocate(block, layout, smaller);
            reader.deallocate(block, layout);
            reader.deallocate_unsized(block);
        }
    }
    reader.trim();
    assert!(content(&reader) == blocks && reader.check().is_clean());
    let now = reader.stats();
    assert_eq!((stats.used, stats.free, stats.cached), (now.used, now.free, now.cached));
    assert!(matches!(reader.persist(), Err(Error::ReadOnly { file }) if file == folder.join("heap")));
    // Private memory may be written.
    reader.for_each_block(|block, info| {
        // SAFETY: a block of so many bytes that nobody else has.
        unsafe { block.write_bytes(0x77, info.size) };
    });
    reader.close().unwrap();
    assert!(folder.files() == before);
}

#[test]
fn magazines_of_the_image_stay_as_they_were() {
    let folder = Folder::new();
    let heap = small().open(folder.join("heap")).unwrap();
    let layout = Layout::from_size_align(48, 8).unwrap();
    let blocks: Vec<NonNull<u8>> = (0..40).map(|_| heap.allocate(layout).unwrap()).collect();
    for block in &blocks {
        // SAFETY: allocated above.
        unsafe { heap.deallocate(*block, layout) };
    }
    heap.persist().unwrap();
    let cached = heap.stats().cached;
    folder.copy("heap", "copy");
    folder.copy("heap.log", "copy.log");
    // The heap is still where it was, so the copy lies elsewhere.
    let reader = reader(&folder, "copy").unwrap();
    assert_eq!((reader.stats().cached, reader.stats().threads), (cached, 0));
    assert_eq!(cached > 0, !cfg!(feature = "hardened"));
    assert!(reader.check().is_clean());
    assert_eq!(content(&reader), content(&heap));
    drop(heap);
    // Threads come and go without touching them.
    std::thread::scope(|scope| {
        scope.spawn(|| assert!(reader.allocate(layout).is_err()));
    });
    assert_eq!(reader.stats().cached, cached);
}

#[test]
fn a_file_and_a_folder_that_cannot_be_written_are_enough() {
    let test = "a_file_and_a_folder_that_cannot_be_written_are_enough";
    if !common::child::is(test) {
        let output = common::child::run(test, test);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    // Nothing is forbidden to the system's administrator.
    common::child::be_nobody();
    let folder = Folder::new();
    let mut filler = Filler::new(3, 12);
    let heap = small().open(folder.join("heap")).unwrap();
    filler.run(&heap, 100);
    heap.persist().unwrap();
    let committed = content(&heap);
    folder.copy("heap", "copy");
    folder.copy("heap.log", "copy.log");
    for name in ["copy", "copy.log"] {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o400)).unwrap();
    }
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    assert!(small().open(folder.join("copy")).is_err() && fs::write(folder.join("new"), "").is_err());
    let read = reader(&folder, "copy").map(|reader| content(&reader));
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert!(read.unwrap() == committed);
}
