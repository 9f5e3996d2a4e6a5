//! Every size and every alignment, as a thread's first request too, and blocks of gigabytes.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use common::face::{Face, Plain};
use outlive::{Global, Heap};

#[global_allocator]
static GLOBAL: Global = Global::new();

/// Takes a block, writes and reads its ends, and gives it back.
fn pass_through<F: Face>(face: &F, layout: Layout) {
    let block = face.take(layout, false).unwrap_or_else(|| panic!("{layout:?} was refused"));
    assert!(block.as_ptr().addr().is_multiple_of(layout.align()), "{layout:?}");
    if layout.size() > 0 {
        // SAFETY: the block is ours, and both bytes lie in it.
        unsafe {
            block.write(1);
            block.add(layout.size() - 1).write(2);
            assert_eq!(block.read(), if layout.size() == 1 { 2 } else { 1 });
        }
    }
    // SAFETY: the block came from this face with this layout.
    unsafe { face.give(block, layout) };
}

#[test]
fn every_size_to_64_kib_at_every_small_alignment() {
    let heap = Heap::in_memory().unwrap();
    for align_log in 0..=12 {
        for size in 0..=64 << 10 {
            pass_through(&Plain(&heap), Layout::from_size_align(size, 1 << align_log).unwrap());
        }
    }
    assert!(heap.check().is_clean());
    heap.trim();
    assert_eq!(heap.stats().used, 0);
}

#[test]
fn every_alignment_to_2_mib() {
    let heap = Heap::in_memory().unwrap();
    for align_log in 0..=21 {
        for size in [0, 1, 7, 64, 1000, 4096, 5000, 32 << 10, (32 << 10) + 1, 100_000, 1 << 20, 3 << 20] {
            pass_through(&Plain(&heap), Layout::from_size_align(size, 1 << align_log).unwrap());
        }
    }
    assert!(heap.check().is_clean());
}

#[test]
fn every_size_as_the_first_request_of_a_thread() {
    let heap = Heap::in_memory().unwrap();
    // Every size would be 65,537 threads: every one to 1 KiB, then one prime step after the other.
    for size in (0..=1024).chain((1024..=64 << 10).step_by(61)) {
        let heap = &heap;
        std::thread::scope(|scope| {
            let run = move || pass_through(&Plain(heap), Layout::from_size_align(size, 8).unwrap());
            scope.spawn(run).join().unwrap();
        });
    }
    for align_log in 0..=21 {
        let heap = &heap;
        std::thread::scope(|scope| {
            let run =
                move || pass_through(&Plain(heap), Layout::from_size_align(48, 1 << align_log).unwrap());
            scope.spawn(run).join().unwrap();
        });
    }
    assert!(heap.check().is_clean());
    heap.trim();
    assert_eq!((heap.stats().used, heap.stats().cached), (0, 0));
}

#[test]
fn blocks_of_gigabytes_are_reserved_and_only_touched_where_used() {
    let heap = Heap::in_memory().unwrap();
    for shift in 26..=32 {
        let layout = Layout::from_size_align(1 << shift, 1 << 12).unwrap();
        let block = heap.allocate_zeroed(layout).unwrap();
        for at in [0, layout.size() / 2, layout.size() - 1] {
            // SAFETY: the byte lies in the block, which reads as zero.
            let byte = unsafe { block.add(at) };
            // SAFETY: as above.
            unsafe {
                assert_eq!(byte.read(), 0);
                byte.write(9);
            }
        }
        // SAFETY: the block came from this heap with this layout.
        unsafe { heap.deallocate(block, layout) };
        heap.trim();
    }
    assert!(heap.check().is_clean());
    assert_eq!(heap.stats().resident, 0);
}

#[test]
fn what_cannot_be_had_is_refused_and_breaks_nothing() {
    let heap = Heap::options().reservation(64 << 20).in_memory().unwrap();
    let max = isize::MAX as usize;
    for (size, align) in
        [(max, 1), (max - 4095, 4096), (65 << 20, 8), (1, 1 << 40), (max / 2, 2), (8, 1 << 62)]
    {
        let layout = Layout::from_size_align(size, align).unwrap();
        assert!(heap.allocate(layout).is_err(), "{layout:?}");
        assert!(heap.allocate_zeroed(layout).is_err(), "{layout:?}");
        // SAFETY: the layout is not empty.
        if size > 1 << 50 || align > 1 << 45 {
            // SAFETY: as above.
            assert!(unsafe { Global.alloc(layout) }.is_null(), "{layout:?}");
        }
        let small = Layout::new::<[u64; 100]>();
        let block = heap.allocate(small).unwrap();
        // SAFETY: the block came from this heap with this layout; a refusal leaves it as it was.
        let refused =
            unsafe { heap.reallocate(block, small, Layout::from_size_align(size, 8).unwrap_or(layout)) };
        if size > 1 << 20 {
            assert!(refused.is_err());
            // SAFETY: the block came from this heap with this layout.
            unsafe { heap.deallocate(block, small) };
        } else if let Ok(block) = refused {
            // SAFETY: the block is now one of the new layout.
            unsafe { heap.deallocate(block, Layout::from_size_align(size, 8).unwrap()) };
        }
    }
    assert!(heap.check().is_clean());
    heap.trim();
    assert_eq!(heap.stats().used, 0);
}

#[test]
fn nothing_at_all_is_served_without_a_block() {
    let heap = Heap::in_memory().unwrap();
    for align_log in 0..=21 {
        let layout = Layout::from_size_align(0, 1 << align_log).unwrap();
        let block = heap.allocate(layout).unwrap();
        assert!(block.as_ptr().addr().is_multiple_of(layout.align()));
        let larger = Layout::from_size_align(100, 1 << align_log).unwrap();
        // SAFETY: the block came from this heap with this layout.
        let block = unsafe { heap.reallocate(block, layout, larger) }.unwrap();
        assert!(heap.usable_size(block).unwrap() >= 100);
        // SAFETY: as above, with the larger layout.
        let block: NonNull<u8> = unsafe { heap.reallocate(block, larger, layout) }.unwrap();
        // SAFETY: as above, with the empty layout.
        unsafe { heap.deallocate(block, layout) };
    }
    heap.trim();
    assert_eq!((heap.stats().used, heap.stats().cached), (0, 0));
}
