//! Heaps that are saved to files, loaded again, opened, and replaced.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use common::files::{Filler, Folder, content, small};
use outlive::{Error, Global, Heap, HeapOptions};

fn in_memory() -> Heap {
    HeapOptions::new().reservation(256 << 20).in_memory().unwrap()
}

/// Whatever is left in the free memory of a heap, no zeroed block shows it.
fn zeroed_blocks_are_zero(heap: &Heap) {
    for log in [3, 8, 12, 14, 17, 20] {
        for _ in 0..20 {
            let layout = Layout::from_size_align(1 << log, 8).unwrap();
            let block = heap.allocate_zeroed(layout).unwrap();
            // SAFETY: a block of so many bytes.
            let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), layout.size()) };
            assert!(bytes.iter().all(|byte| *byte == 0), "a zeroed block of {} bytes", layout.size());
        }
    }
}

#[test]
fn what_is_saved_is_loaded_and_opened() {
    let folder = Folder::new();
    for seed in 0..4 {
        println!("seed {seed}");
        let mut filler = Filler::new(seed, [9, 14, 18, 21][usize::try_from(seed).unwrap() % 4]);
        let mut heap = in_memory();
        for round in 0..4 {
            filler.run(&heap, 200);
            let expected = content(&heap);
            heap.save(folder.join("saved")).unwrap();
            assert!(content(&heap) == expected, "saving changes nothing");
            assert_eq!(folder.names(), ["saved"]);
            let before = folder.files();

            let reader = small().read_only(true).open(folder.join("saved")).unwrap();
            assert!(content(&reader) == expected && reader.check().is_clean(), "round {round}");
            drop(reader);
            let loaded = Heap::load(folder.join("saved")).unwrap();
            assert!(content(&loaded) == expected && loaded.check().is_clean(), "round {round}");
            // One that was loaded has a tracked part as well.
            assert!(loaded.stats().reserved >= heap.stats().reserved);
            assert!(folder.files() == before, "loading has changed the file");

            fs::copy(folder.join("saved"), folder.join("opened")).unwrap();
            let opened = small().open(folder.join("opened")).unwrap();
            assert!(content(&opened) == expected && opened.check().is_clean(), "round {round}");
            assert_eq!((opened.last_commit(), loaded.last_commit()), (1, 0));
            zeroed_blocks_are_zero(&opened);
            assert_eq!(opened.persist().unwrap().sequence, 2);
            opened.close().unwrap();
            fs::remove_file(folder.join("opened")).unwrap();

            zeroed_blocks_are_zero(&loaded);
            // What was loaded is as good as what was saved, from now on.
            drop(loaded);
            heap = Heap::load(folder.join("saved")).unwrap();
        }
    }
}

#[test]
fn a_heap_in_a_file_is_saved_as_it_is_and_loaded_as_it_was_committed() {
    let folder = Folder::new();
    let mut filler = Filler::new(5, 16);
    let heap = small().open(folder.join("heap")).unwrap();
    for _ in 0..5 {
        filler.run(&heap, 100);
        heap.persist().unwrap();
    }
    let committed = content(&heap);
    filler.run(&heap, 50);
    let current = content(&heap);
    assert!(matches!(Heap::load(folder.join("heap")), Err(Error::InUse { .. })));
    assert!(
        matches!(heap.save(folder.join("heap")), Err(Error::InUse { file }) if file == folder.join("heap"))
    );
    heap.save(folder.join("saved")).unwrap();
    assert!(content(&Heap::load(folder.join("saved")).unwrap()) == current);
    assert_eq!(small().open(folder.join("saved")).unwrap().last_commit(), 6);
    folder.copy("heap", "crashed");
    folder.copy("heap.log", "crashed.log");
    let loaded = Heap::load(folder.join("crashed")).unwrap();
    assert!(content(&loaded) == committed);
    zeroed_blocks_are_zero(&loaded);

    // Saved over what a crash has left: its log is of no more use.
    loaded.save(folder.join("crashed")).unwrap();
    assert_eq!(folder.names(), ["crashed", "heap", "heap.log", "saved"]);
    let reader = small().read_only(true).open(folder.join("crashed")).unwrap();
    assert_eq!(content(&reader), content(&loaded));
    assert!(matches!(heap.save(folder.join("crashed")), Err(Error::InUse { .. })));
    reader.save(folder.join("again")).unwrap();
    assert_eq!(content(&Heap::load(folder.join("again")).unwrap()), content(&reader));
}

#[test]
fn a_loaded_heap_needs_its_file_no_more() {
    let folder = Folder::new();
    let heap = in_memory();
    Filler::new(9, 18).run(&heap, 300);
    heap.save(folder.join("saved")).unwrap();
    let loaded = Heap::load(folder.join("saved")).unwrap();
    fs::OpenOptions::new().write(true).open(folder.join("saved")).unwrap().set_len(0).unwrap();
    assert!(content(&loaded) == content(&heap));
    heap.save(folder.join("saved")).unwrap();
    loaded.save(folder.join("saved")).unwrap();
    assert!(matches!(loaded.persist(), Err(Error::NoFile)));
}

#[test]
fn free_memory_and_zeros_are_holes() {
    let folder = Folder::new();
    let heap = in_memory();
    let large = Layout::from_size_align(64 << 20, 8).unwrap();
    let block = heap.allocate(large).unwrap();
    // SAFETY: a block of so many bytes.
    unsafe { block.write_bytes(0, large.size()) };
    // SAFETY: as above.
    unsafe { block.add(33 << 20).write(1) };
    let gone = heap.allocate(Layout::from_size_align(32 << 20, 8).unwrap()).unwrap();
    // SAFETY: as above.
    unsafe { gone.write_bytes(7, 32 << 20) };
    let kept = heap.allocate(Layout::from_size_align(1 << 20, 8).unwrap()).unwrap();
    // SAFETY: as above.
    unsafe { kept.write_bytes(7, 1 << 20) };
    // SAFETY: allocated above with this layout.
    unsafe { heap.deallocate(gone, Layout::from_size_align(32 << 20, 8).unwrap()) };
    heap.save(folder.join("saved")).unwrap();
    let file = fs::metadata(folder.join("saved")).unwrap();
    assert!(file.len() > 97 << 20);
    assert!(file.blocks() * 512 < 2 << 20, "{} KiB", file.blocks() / 2);
    assert_eq!(file.mode() & 0o777, 0o600);
    assert!(content(&Heap::load(folder.join("saved")).unwrap()) == content(&heap));
}

#[test]
fn buffers_and_the_process_s_own_heap_are_refused() {
    let folder = Folder::new();
    let mut buffer = vec![0; 1 << 20];
    let heap = Heap::in_buffer(&mut buffer).unwrap();
    let refused = heap.save(folder.join("saved")).unwrap_err();
    assert!(matches!(refused, Error::CannotSave { .. }) && refused.to_string().contains("Heap::attach"));
    let global = Global::new();
    assert!(matches!(global.heap().unwrap().save(folder.join("saved")), Err(Error::CannotSave { .. })));
    assert!(folder.names().is_empty());
}

#[test]
fn others_go_on_while_a_heap_is_saved() {
    let folder = Folder::new();
    let heap = in_memory();
    let mut filler = Filler::new(1, 15);
    filler.run(&heap, 300);
    let mut mine = Vec::new();
    heap.for_each_block(|block, info| mine.push((block, info)));
    let bytes = |block: NonNull<u8>, size: usize| {
        // SAFETY: a block of so many bytes, which nobody changes.
        unsafe { std::slice::from_raw_parts(block.as_ptr(), size) }.to_vec()
    };
    let expected: BTreeMap<u64, Vec<u8>> =
        mine.iter().map(|(block, info)| (info.offset.get(), bytes(*block, info.size))).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 0..3 {
            let (heap, done) = (&heap, &done);
            scope.spawn(move || {
                let mut filler = Filler::new(seed + 10, 17);
                while !done.load(Ordering::Relaxed) {
                    filler.run(heap, 50);
                    filler.clear(heap);
                }
            });
        }
        for round in 0..8 {
            heap.save(folder.join("saved")).unwrap();
            let loaded = Heap::load(folder.join("saved")).unwrap();
            assert!(loaded.check().is_clean(), "round {round}");
            let found = content(&loaded);
            assert!(expected.iter().all(|(offset, bytes)| found.get(offset) == Some(bytes)), "round {round}");
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let folder = Folder::new();
    let heap = in_memory();
    Filler::new(2, 14).run(&heap, 400);
    heap.save(folder.join("saved")).unwrap();
    let original = fs::read(folder.join("saved")).unwrap();
    let mut random = common::random::Random::new(3);
    // The tables lie in front of the pages.
    let words: Vec<usize> = (8192..2 << 20).step_by(8).filter(|at| original[*at..at + 8] != [0; 8]).collect();
    let mut refused = 0;
    for round in 0..120 {
        let mut bytes = original.clone();
        for _ in 0..1 + random.below(4) {
            let at = words[random.below(words.len())];
            let value =
                [random.next(), u64::MAX, random.next() >> 40, 1 << random.below(64)][random.below(4)];
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        fs::OpenOptions::new()
            .write(true)
            .open(folder.join("saved"))
            .unwrap()
            .write_all_at(&bytes, 0)
            .unwrap();
        match Heap::load(folder.join("saved")) {
            Ok(heap) => assert!(heap.check().is_clean()),
            Err(Error::FileDamaged { file, .. }) => {
                assert_eq!(file, folder.join("saved"));
                refused += 1;
            }
            Err(other) => panic!("round {round}: {other}"),
        }
        assert!(fs::read(folder.join("saved")).unwrap() == bytes);
    }
    println!("{refused} refused");
    assert!(refused > 30);
}
