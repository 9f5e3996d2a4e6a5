//! Tracked memory through the public face: collections, both kinds together, notes from many threads, and what
//! `find_unnoted` says.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "tests read better so")]

mod common;

use std::alloc::Layout;

use allocator_api2::vec::Vec as TrackedVec;
use common::files::{Folder, small};
use outlive::{Error, Heap};

#[test]
fn both_kinds_are_in_one_commit_and_found_again() {
    let folder = Folder::new();
    let heap = small().find_unnoted(true).open(folder.join("heap")).unwrap();
    let layout = Layout::new::<[u64; 40]>();
    let mut offsets = Vec::new();
    for number in 0..500_u64 {
        let tracked = number % 3 == 0;
        let block = if tracked { heap.tracked().allocate(layout) } else { heap.allocate(layout) }.unwrap();
        heap.tracked().note(block.as_ptr(), layout.size());
        // SAFETY: the block holds so many numbers.
        unsafe { block.cast::<[u64; 40]>().write([number; 40]) };
        offsets.push(heap.offset_of(block).unwrap());
        assert_eq!(heap.at(offsets[offsets.len() - 1]), Some(block));
        assert_eq!(heap.info(block.as_ptr()).unwrap().offset, offsets[offsets.len() - 1]);
        assert!(heap.usable_size(block).unwrap() >= layout.size());
        assert_eq!(heap.tracked().usable_size(block).is_some(), tracked);
    }
    heap.persist().unwrap();
    let stats = heap.stats();
    assert!(stats.used >= 500 * 320 && heap.check().is_clean());
    heap.close().unwrap();

    for heap in [small().open(folder.join("heap")).unwrap(), {
        std::fs::copy(folder.join("heap"), folder.join("copy")).unwrap();
        Heap::load(folder.join("copy")).unwrap()
    }] {
        for (number, offset) in (0_u64..).zip(&offsets) {
            // SAFETY: the block holds what was committed.
            assert_eq!(unsafe { heap.at(*offset).unwrap().cast::<[u64; 40]>().read() }, [number; 40]);
        }
        let mut blocks = 0;
        heap.for_each_block(|_, _| blocks += 1);
        assert_eq!(blocks, 500);
        heap.save(folder.join("saved")).unwrap();
        let loaded = Heap::load(folder.join("saved")).unwrap();
        // SAFETY: as above.
        assert_eq!(unsafe { loaded.at(offsets[300]).unwrap().cast::<u64>().read() }, 300);
        heap.trim();
        assert!(heap.check().is_clean());
    }
}

#[test]
fn a_collection_grows_in_tracked_memory_and_what_moves_is_noted() {
    let folder = Folder::new();
    let heap = small().find_unnoted(true).open(folder.join("heap")).unwrap();
    let mut numbers: TrackedVec<u64, _> = TrackedVec::new_in(heap.tracked());
    for number in 0..50_000_u64 {
        if numbers.len() == numbers.capacity() {
            numbers.reserve(1);
        }
        // SAFETY: there is room for one more.
        let place = unsafe { numbers.as_ptr().add(numbers.len()) };
        heap.tracked().note(place.cast(), 8);
        numbers.push(number);
        if number % 9_973 == 0 {
            heap.persist().unwrap();
        }
    }
    heap.set_root(Some(std::ptr::NonNull::from(&mut numbers[0]).cast()));
    heap.persist().unwrap();
    std::mem::forget(numbers);
    heap.close().unwrap();
    let again = small().open(folder.join("heap")).unwrap();
    // SAFETY: so many numbers were committed.
    let found = unsafe { std::slice::from_raw_parts(again.root().unwrap().cast::<u64>().as_ptr(), 50_000) };
    assert!(found.iter().copied().eq(0..50_000));
}

#[test]
fn a_write_that_nobody_noted_is_named_and_stops_the_commit() {
    let folder = Folder::new();
    let heap = small().find_unnoted(true).open(folder.join("heap")).unwrap();
    let layout = Layout::new::<[u64; 100]>();
    let blocks: Vec<_> = (0..100).map(|_| heap.tracked().allocate_zeroed(layout).unwrap()).collect();
    heap.persist().unwrap();
    // SAFETY: a word of the block.
    let word = unsafe { blocks[70].cast::<u64>().add(31) };
    // SAFETY: as above.
    unsafe { word.write(7) };
    let before = heap.last_commit();
    match heap.persist() {
        Err(Error::Unnoted { address, offset, block }) => {
            assert_eq!(address, word.as_ptr().addr() & !63);
            assert_eq!(block.offset, heap.offset_of(blocks[70]).unwrap());
            assert!(block.offset.get() <= offset + 63 && offset < block.offset.get() + block.size as u64);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(heap.last_commit(), before);
    heap.tracked().note(word.as_ptr().cast(), 8);
    let commit = heap.persist().unwrap();
    assert_eq!((commit.sequence, commit.lines), (before + 1, 1));
    // Free memory may hold anything.
    // SAFETY: the block was allocated with this layout.
    unsafe { heap.tracked().deallocate(blocks[3], layout) };
    heap.trim();
    heap.persist().unwrap();
}

#[test]
fn threads_note_their_own_lines_while_others_commit_in_turns() {
    let folder = Folder::new();
    let heap = small().find_unnoted(true).open(folder.join("heap")).unwrap();
    let gate = std::sync::RwLock::new(());
    let words = 4096;
    let block = heap.tracked().allocate_zeroed(Layout::array::<u64>(4 * words).unwrap()).unwrap();
    heap.set_root(Some(block));
    let start = block.as_ptr().expose_provenance();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (heap, gate) = (&heap, &gate);
            scope.spawn(move || {
                for number in 1..=20_000_usize {
                    let _writing = gate.read().unwrap();
                    let place = std::ptr::with_exposed_provenance_mut::<u64>(start);
                    // Words of all threads lie in each line.
                    let place = place.wrapping_add(number % words * 4 + thread);
                    heap.tracked().note(place.cast(), 8);
                    // SAFETY: a word of the block that no other thread writes.
                    unsafe { place.write(number as u64) };
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..50 {
                let _committing = gate.write().unwrap();
                heap.persist().unwrap();
            }
        });
    });
    heap.persist().unwrap();
    // SAFETY: so many words were written.
    let written = unsafe { std::slice::from_raw_parts(block.cast::<u64>().as_ptr(), 4 * words) }.to_vec();
    drop(heap);
    let again = small().open(folder.join("heap")).unwrap();
    // SAFETY: so many words were committed.
    let found =
        unsafe { std::slice::from_raw_parts(again.root().unwrap().cast::<u64>().as_ptr(), 4 * words) };
    assert!(found == written);
}

#[test]
fn elsewhere_it_is_memory_like_any_other() {
    let heap = Heap::in_memory().unwrap();
    let block = heap.tracked().allocate(Layout::new::<u64>()).unwrap();
    heap.tracked().note(block.as_ptr(), 8);
    assert_eq!(heap.info(block.as_ptr()).map(|info| info.size), Some(8));
    let mut buffer = vec![0; 1 << 20];
    let heap = Heap::in_buffer(&mut buffer).unwrap();
    let mut numbers = TrackedVec::new_in(heap.tracked());
    numbers.extend(0..1000_u64);
    assert!(heap.check().is_clean() && numbers.iter().copied().eq(0..1000));
}

#[test]
fn the_limit_is_that_of_both_parts_together() {
    let folder = Folder::new();
    let options = outlive::HeapOptions::new().reservation(256 << 20).limit(16 << 20);
    let heap = outlive::OpenOptions::new().heap(options).open(folder.join("heap")).unwrap();
    let layout = Layout::from_size_align(3 << 20, 8).unwrap();
    let mut count = 0;
    while (if count % 2 == 0 { heap.allocate(layout) } else { heap.tracked().allocate(layout) }).is_ok() {
        count += 1;
    }
    assert_eq!(count, 5);
    assert!(heap.tracked().allocate(layout).is_err() && heap.allocate(layout).is_err());
    assert_eq!(heap.stats().limit, Some(16 << 20));
}
