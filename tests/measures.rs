//! What can be asked of a heap: numbers, blocks, pressure.
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

use std::alloc::Layout;
use std::collections::BTreeSet;
use std::sync::Mutex;

use allocator_api2::vec::Vec as HeapVec;
use outlive::{BlockState, Class, Heap, Level, PAGE, Pressure, Thresholds};

/// Pages that a hardened heap puts behind a run.
const GUARD: usize = if cfg!(feature = "hardened") { 1 } else { 0 };

#[test]
fn the_numbers_add_up() {
    let heap = Heap::in_memory().unwrap();
    let mut owned = Vec::new();
    for size in (1..2000_usize).chain([40_000, 100_000, 1 << 20, 5 << 20]) {
        owned.push(HeapVec::<u8, _>::with_capacity_in(size, &heap));
    }
    let stats = heap.stats();
    let requested: usize = owned.iter().map(HeapVec::capacity).sum();
    assert!(stats.used >= requested as u64 && stats.used < requested as u64 * 9 / 8 + 10_000, "{stats}");
    assert!(stats.used + stats.cached + stats.free <= stats.total && stats.total <= stats.committed);
    assert!(stats.committed <= stats.reserved && stats.peak <= stats.total && stats.resident <= stats.total);
    let in_classes: u64 = stats.classes.iter().map(|class| class.blocks - class.free - class.cached).sum();
    assert_eq!(in_classes, 1999);
    assert!(stats.to_string().contains("fragmentation"));
    assert!(stats.committed > stats.total, "the tables are usable memory too");
    let full = stats;
    drop(owned);
    heap.trim();
    let stats = heap.stats();
    assert_eq!((stats.used, stats.cached, stats.resident, stats.free_runs), (0, 0, 0, 1));
    assert!(stats.fragmentation == 0.0 && stats.free == stats.total);
    assert!(stats.peak >= full.used && stats.purged_pages * 4096 >= full.resident);
    assert!(stats.growths > 1 && stats.locks > full.locks && stats.lock_waits <= stats.locks);
    assert_eq!(stats.misses > 0, cfg!(not(feature = "hardened")));
}

#[test]
fn fragmentation_is_the_share_outside_of_the_longest_free_run() {
    let heap = Heap::in_memory().unwrap();
    let layout = Layout::from_size_align(3 << 20, 8).unwrap();
    let blocks: Vec<_> = (0..8).map(|_| heap.allocate(layout).unwrap()).collect();
    let end = heap.stats().free;
    for block in blocks.iter().step_by(2) {
        // SAFETY: the block came from this heap with this layout.
        unsafe { heap.deallocate(*block, layout) };
    }
    let stats = heap.stats();
    let holes = stats.free - end;
    assert!(holes >= 12 << 20);
    let outside = (holes + end - end.max(holes / 4)) as f64;
    assert!((stats.fragmentation - outside / (holes + end) as f64).abs() < 1e-9, "{stats}");
    assert_eq!(stats.free_runs, 4 + u32::from(end > 0));
}

// A hardened heap has no magazines.
#[cfg(not(feature = "hardened"))]
#[test]
fn a_thread_that_repeats_itself_takes_next_to_no_lock() {
    let heap = Heap::in_memory().unwrap();
    let before = heap.stats().locks;
    for n in 0..10_000 {
        let size = [8, 100, 5000, 40_000, 1 << 20][n % 5];
        drop(HeapVec::<u8, _>::with_capacity_in(size, &heap));
    }
    let taken = heap.stats().locks - before;
    assert!(taken < 500, "{taken} locks");
}

#[test]
fn what_is_wanted_at_first_is_usable_at_once() {
    let heap = Heap::options().initial(10 << 20).in_memory().unwrap();
    assert!(heap.stats().committed >= 10 << 20);
    assert_eq!((heap.stats().total, heap.stats().resident), (0, 0));
    assert!(Heap::in_memory().unwrap().stats().committed < 1 << 20);
}

#[test]
fn every_block_is_seen_once_and_known() {
    let heap = Heap::in_memory().unwrap();
    let layout = |size| Layout::from_size_align(size, 8).unwrap();
    let sizes: Vec<usize> = (1..600).chain([30_000, 40_000, 300_000, 3 << 20]).collect();
    let blocks: Vec<_> = sizes.iter().map(|size| heap.allocate(layout(*size)).unwrap()).collect();
    let mut seen = BTreeSet::new();
    heap.for_each_block(|block, info| {
        assert!(seen.insert(block), "{info:?} twice");
        assert_eq!(info.state, BlockState::Allocated);
    });
    assert_eq!(seen, blocks.iter().copied().collect());
    for (block, size) in blocks.iter().zip(&sizes) {
        for inside in [0, size / 2, size - 1] {
            let info = heap.info(block.as_ptr().wrapping_add(inside)).unwrap();
            assert!(info.size >= *size && info.state == BlockState::Allocated);
            assert_eq!(info.class, Class::of_size(*size));
            assert_eq!(info.slab.is_some(), info.class.is_some());
            assert_eq!(heap.usable_size(*block), Some(info.size));
        }
    }
    for odd in [0, 1] {
        for (block, size) in blocks.iter().zip(&sizes).skip(odd).step_by(2) {
            // SAFETY: the block came from this heap with this layout.
            unsafe { heap.deallocate(*block, layout(*size)) };
            let state = heap.info(block.as_ptr()).unwrap().state;
            assert_ne!(state, BlockState::Allocated, "a block of {size}");
        }
        heap.trim();
        for (number, block) in blocks.iter().enumerate() {
            let expected = if number % 2 <= odd { BlockState::Free } else { BlockState::Allocated };
            // The slab may be gone, and other blocks lie there, or none.
            let info = heap.info(block.as_ptr());
            assert!(info.is_none_or(|info| info.state == expected), "{info:?}");
            assert_eq!(heap.usable_size(*block).is_some(), expected == BlockState::Allocated);
        }
    }
    heap.for_each_block(|_, info| panic!("{info:?} is free"));
    assert_eq!(heap.info(std::ptr::null()), None);
}

// A hardened heap leaves free blocks between those that are in use.
#[cfg(not(feature = "hardened"))]
#[test]
fn every_address_of_a_slab_lies_in_its_block_or_in_none() {
    let heap = Heap::in_memory().unwrap();
    // Slabs of this class have something left over at their ends.
    let layout = Layout::from_size_align(4096, 8).unwrap();
    let blocks: BTreeSet<_> = (0..100).map(|_| heap.allocate(layout).unwrap().as_ptr()).collect();
    let (first, last) = (*blocks.first().unwrap(), *blocks.last().unwrap());
    let mut outside = 0;
    for distance in (0..last.addr() - first.addr()).step_by(64) {
        let address = first.wrapping_add(distance);
        let below = *blocks.range(..=address).next_back().unwrap();
        let found = heap.info(address);
        if address.addr() < below.addr() + layout.size() {
            assert_eq!(found.map(|info| info.state), Some(BlockState::Allocated));
            assert_eq!(found, heap.info(below));
        }
        // Blocks lie at most a line further apart than they are long.
        if address.addr() >= below.addr() + layout.size() + 64 {
            assert_eq!(found, None);
            outside += 1;
        }
    }
    assert!(outside > 0, "no address belongs to no block");
}

static HEARD: Mutex<Vec<Pressure>> = Mutex::new(Vec::new());

#[test]
fn pressure_is_told_and_large_blocks_are_refused_before_small_ones() {
    let limit = 16 << 20;
    let heap = Heap::options()
        .limit(limit)
        .thresholds(Thresholds { warn: 50, relieve: 70, refuse: 90 })
        .on_pressure(|pressure| HEARD.lock().unwrap().push(pressure))
        .in_memory()
        .unwrap();
    let large = Layout::from_size_align(100_000, 8).unwrap();
    let small = Layout::from_size_align(100, 8).unwrap();
    let mut blocks = Vec::new();
    while let Ok(block) = heap.allocate(large) {
        blocks.push(block);
    }
    let stats = heap.stats();
    assert_eq!(stats.level, Level::Refuse);
    assert_eq!(stats.level_risen, [1, 1, 1]);
    // The block with which the level was reached may have passed it by its own size.
    assert!((limit / 100 * 88..limit / 100 * 91).contains(&(stats.used as usize)), "{stats}");
    let larger = Layout::from_size_align(200_000, 8).unwrap();
    let last = *blocks.last().unwrap();
    // SAFETY: the block came from this heap with this layout, and stays as it is where it is refused.
    assert!(unsafe { heap.reallocate(last, large, larger) }.is_err());
    assert!(heap.allocate(small).is_ok(), "small blocks are still served");
    let levels: Vec<Level> = HEARD.lock().unwrap().iter().map(|pressure| pressure.level).collect();
    assert_eq!(levels, [Level::Warn, Level::Relieve, Level::Refuse]);
    for block in blocks {
        // SAFETY: the block came from this heap with this layout.
        unsafe { heap.deallocate(block, large) };
    }
    heap.trim();
    assert_eq!(heap.stats().level, Level::Calm);
    assert_eq!(HEARD.lock().unwrap().last().unwrap().level, Level::Calm);
    assert!(heap.allocate(large).is_ok());
}

#[test]
fn a_limit_is_an_error_and_never_more() {
    let heap = Heap::options().limit(4 << 20).in_memory().unwrap();
    let mut vectors = Vec::new();
    loop {
        let mut vector = HeapVec::<u64, _>::new_in(&heap);
        if vector.try_reserve(1000).is_err() {
            break;
        }
        vectors.push(vector);
    }
    assert!(heap.stats().used <= 4 << 20 && vectors.len() > 300);
    vectors.truncate(100);
    assert!(HeapVec::<u64, _>::new_in(&heap).try_reserve(1000).is_ok(), "what was freed can be had again");
    drop(vectors);
    heap.set_limit(None);
    assert!(HeapVec::<u8, _>::new_in(&heap).try_reserve(64 << 20).is_ok());
    assert!(Heap::options().limit(10).in_memory().is_err());
}

#[test]
fn a_limit_counts_whole_pages() {
    let layout = |pages: usize| Layout::from_size_align(pages * PAGE, 8).unwrap();
    // Neither length is rounded up on its way.
    let heap = Heap::options().limit((10 + GUARD) * PAGE + PAGE - 1).in_memory().unwrap();
    assert!(heap.allocate(layout(11)).is_err());
    assert!(heap.allocate(layout(10)).is_ok());
}

/// What is free in slabs and magazines goes to who needs it before a request is refused.
#[test]
fn at_the_limit_free_blocks_make_room_for_others() {
    let heap = Heap::options().limit((1 << 20) + GUARD * PAGE).in_memory().unwrap();
    let small = Layout::from_size_align(100, 8).unwrap();
    let blocks: Vec<_> = std::iter::from_fn(|| heap.allocate(small).ok()).collect();
    assert!(blocks.len() > 8000);
    for block in blocks {
        // SAFETY: the block came from this heap with this layout.
        unsafe { heap.deallocate(block, small) };
    }
    assert!(heap.allocate(Layout::from_size_align(1 << 20, 8).unwrap()).is_ok(), "{}", heap.stats());
}

#[test]
fn a_level_that_is_jumped_over_counts_as_reached() {
    let heap = Heap::options().limit(1 << 20).in_memory().unwrap();
    let layout = Layout::from_size_align(950_000, 8).unwrap();
    assert!(heap.allocate(layout).is_ok());
    assert_eq!((heap.stats().level, heap.stats().level_risen), (Level::Relieve, [1, 1, 0]));
}

#[test]
fn collections_of_others_live_in_a_heap() {
    let heap = Heap::in_memory().unwrap();
    let mut map = hashbrown::HashMap::new_in(&heap);
    for n in 0..10_000_u64 {
        map.insert(n, allocator_api2::boxed::Box::new_in(n * n, &heap));
    }
    assert!((0..10_000).all(|n| *map[&n] == n * n));
    assert!(heap.stats().used > 240_000);
    drop(map);
    heap.trim();
    assert_eq!(heap.stats().used, 0);
}

/// Classes whose blocks are further apart than they are long have bytes between them that are nobody's.
#[test]
fn nothing_is_known_of_bytes_between_blocks() {
    let heap = Heap::in_memory().unwrap();
    let layout = Layout::from_size_align(4096, 8).unwrap();
    let block = heap.allocate(layout).unwrap();
    let at = |bytes: usize| heap.info(block.as_ptr().wrapping_add(bytes)).map(|info| info.state);
    assert_eq!((at(0), at(4095)), (Some(BlockState::Allocated), Some(BlockState::Allocated)));
    assert_eq!((at(4096), at(4096 + 63)), (None, None));
    // SAFETY: the block came from this heap with this layout.
    unsafe { heap.deallocate(block, layout) };
}
