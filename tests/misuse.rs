//! Frees that cannot be right end the process with a message that says what was found and what was claimed.
//!
//! Each case runs in a process of its own. Without the feature `hardened` the fault is found when the magazine is given
//! back at the latest, so each case ends with enough frees for that; with it, at once.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::alloc::Layout;
use std::ptr::NonNull;

use outlive::Heap;

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

/// Takes and gives back enough blocks of this size that every magazine of it is given back.
fn give_back_magazines(heap: &Heap, size: usize) {
    if cfg!(feature = "hardened") {
        return;
    }
    let blocks: Vec<_> = (0..2000).map(|_| heap.allocate(layout(size)).unwrap()).collect();
    // SAFETY: the blocks came from this heap with this layout. (They may hold one twice: that is the point.)
    blocks.into_iter().for_each(|block| unsafe { heap.deallocate(block, layout(size)) });
    heap.trim();
}

fn twice_small(heap: &Heap) {
    let block = heap.allocate(layout(64)).unwrap();
    for _ in 0..2 {
        // SAFETY: none: the second time is the fault under test.
        unsafe { heap.deallocate(block, layout(64)) };
    }
    give_back_magazines(heap, 64);
}

fn twice_large(heap: &Heap) {
    let block = heap.allocate(layout(5 << 20)).unwrap();
    for _ in 0..2 {
        // SAFETY: none: the second time is the fault under test.
        unsafe { heap.deallocate(block, layout(5 << 20)) };
    }
}

fn foreign(heap: &Heap) {
    let elsewhere = Box::leak(Box::new([0_u64; 8]));
    // SAFETY: none: this is the fault under test.
    unsafe { heap.deallocate(NonNull::from(elsewhere).cast(), layout(64)) };
    give_back_magazines(heap, 64);
}

fn inner_small(heap: &Heap) {
    let block = heap.allocate(layout(64)).unwrap();
    // SAFETY: none: this is the fault under test.
    unsafe { heap.deallocate(block.add(16), layout(64)) };
    give_back_magazines(heap, 64);
}

fn inner_large(heap: &Heap) {
    let block = heap.allocate(layout(5 << 20)).unwrap();
    // SAFETY: none: this is the fault under test.
    unsafe { heap.deallocate(block.add(8192), layout(5 << 20)) };
}

fn wrong_class(heap: &Heap) {
    let block = heap.allocate(layout(64)).unwrap();
    // SAFETY: none: this is the fault under test.
    unsafe { heap.deallocate(block, layout(200)) };
    give_back_magazines(heap, 200);
}

fn wrong_pages(heap: &Heap) {
    let block = heap.allocate(layout(5 << 20)).unwrap();
    // SAFETY: none: this is the fault under test.
    unsafe { heap.deallocate(block, layout(6 << 20)) };
}

fn unsized_foreign(heap: &Heap) {
    let elsewhere = Box::leak(Box::new([0_u64; 8]));
    // SAFETY: none: this is the fault under test.
    unsafe { heap.deallocate_unsized(NonNull::from(elsewhere).cast()) };
}

fn unsized_inner(heap: &Heap) {
    let block = heap.allocate(layout(64)).unwrap();
    // SAFETY: none: this is the fault under test.
    unsafe { heap.deallocate_unsized(block.add(8)) };
}

fn wrong_resize(heap: &Heap) {
    let block = heap.allocate(layout(5 << 20)).unwrap();
    // SAFETY: none: this is the fault under test.
    let _ = unsafe { heap.reallocate(block, layout(6 << 20), layout(7 << 20)) };
}

type Case = (&'static str, fn(&Heap), &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "twice_small",
        twice_small,
        &["double free", "a block of 64 bytes in slab", "with a layout of 57 to 64 bytes"],
    ),
    (
        "twice_large",
        twice_large,
        &["double free", "a run of pages that is free already", "layout of 1280 pages"],
    ),
    ("foreign", foreign, &["foreign free", "outside of this heap", "with a layout of 57 to 64 bytes"]),
    ("inner_small", inner_small, &["inner free", "whose blocks have 64 bytes"]),
    ("inner_large", inner_large, &["inner free", "inside of a run"]),
    (
        "wrong_class",
        wrong_class,
        &["wrong layout", "for layouts of 57 to 64 bytes", "with a layout of 193 to 208 bytes"],
    ),
    ("wrong_pages", wrong_pages, &["wrong layout", "a run of 1280 pages", "with a layout of 1536 pages"]),
    ("unsized_foreign", unsized_foreign, &["foreign free", "without a layout"]),
    ("unsized_inner", unsized_inner, &["inner free", "without a layout"]),
    ("wrong_resize", wrong_resize, &["wrong layout", "a run of 1280 pages", "with a layout of 1536 pages"]),
];

#[test]
fn misuse_ends_the_process_with_a_message() {
    for (name, case, _) in CASES {
        if common::child::is(name) {
            case(&Heap::in_memory().unwrap());
            println!("SURVIVED");
            return;
        }
    }
    for (name, _, expected) in CASES {
        let output = common::child::run("misuse_ends_the_process_with_a_message", name);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("SURVIVED"),
            "{name} went unnoticed"
        );
        for part in *expected {
            assert!(said.contains(part), "{name}: {part:?} is missing in {said:?}");
        }
    }
}

#[cfg(feature = "hardened")]
mod hardened {
    use super::*;

    #[test]
    fn freed_memory_is_filled() {
        let heap = Heap::in_memory().unwrap();
        for size in [8, 64, 5000, 100_000, 5 << 20] {
            let block = heap.allocate(layout(size)).unwrap();
            // SAFETY: the block is ours.
            unsafe { block.write_bytes(7, size) };
            // SAFETY: the block came from this heap with this layout.
            unsafe { heap.deallocate(block, layout(size)) };
            for at in [0, size / 2, size - 1] {
                // SAFETY: the page is still mapped; reading it is what the test is about.
                assert_ne!(unsafe { block.as_ptr().add(at).read_volatile() }, 7, "byte {at} of {size}");
            }
        }
    }

    #[test]
    fn reuse_is_not_predictable() {
        let heap = Heap::in_memory().unwrap();
        let blocks: Vec<_> = (0..64).map(|_| heap.allocate(layout(64)).unwrap()).collect();
        let ascending = blocks.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((8..56).contains(&ascending), "{ascending} of 63 steps lead upward");
    }

    #[test]
    fn a_run_ends_at_a_guard_page() {
        if common::child::is("guard") {
            let heap = Heap::in_memory().unwrap();
            let block = heap.allocate(layout(5 << 20)).unwrap();
            // SAFETY: none: writing behind the block is the fault under test.
            unsafe { block.as_ptr().add(5 << 20).write_volatile(1) };
            println!("SURVIVED");
            return;
        }
        let output = common::child::run("hardened::a_run_ends_at_a_guard_page", "guard");
        assert!(!output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("SURVIVED"));
    }
}
