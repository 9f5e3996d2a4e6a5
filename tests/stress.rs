//! Many blocks, many threads, many short lives.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use outlive::{Global, Heap};

#[global_allocator]
static GLOBAL: Global = Global::new();

fn global() -> &'static Heap {
    Global.heap().unwrap()
}

#[test]
fn a_hundred_thousand_in_a_row() {
    let blocks: Vec<Box<[u8]>> =
        (0..100_000).map(|n| vec![n as u8; 1 + n % 700].into_boxed_slice()).collect();
    assert!(
        blocks
            .iter()
            .enumerate()
            .all(|(n, block)| block.len() == 1 + n % 700 && block.iter().all(|b| *b == n as u8))
    );
    assert!(global().check().is_clean());
}

#[test]
fn a_million_alternating() {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    for n in 0..1_000_000_usize {
        let block = vec![n as u8; 1 + n * 7 % 3000];
        if n % 1000 == 0 {
            kept.push(block);
        } else {
            assert_eq!(block[block.len() - 1], n as u8);
        }
    }
    assert_eq!(kept.len(), 1000);
    assert!(global().check().is_clean());
}

#[test]
fn thirty_two_threads_exchange_blocks() {
    const THREADS: usize = 32;
    type Tagged = (usize, Box<[usize]>);
    let inboxes: Vec<Mutex<Vec<Tagged>>> = (0..THREADS).map(|_| Mutex::new(Vec::new())).collect();
    std::thread::scope(|scope| {
        for me in 0..THREADS {
            let inboxes = &inboxes;
            scope.spawn(move || {
                for round in 0..2_000 {
                    let tag = me * 10_000 + round;
                    let block = vec![tag; 1 + (me * 31 + round * 17) % 200].into_boxed_slice();
                    inboxes[(me + round) % THREADS].lock().unwrap().push((tag, block));
                    let received = std::mem::take(&mut *inboxes[me].lock().unwrap());
                    for (tag, block) in received {
                        assert!(block.iter().all(|word| *word == tag));
                    }
                }
            });
        }
    });
    assert!(global().check().is_clean());
}

#[test]
fn one_thread_allocates_and_another_frees() {
    let (sender, receiver) = mpsc::sync_channel::<Vec<Box<[u8]>>>(4);
    let freer = std::thread::spawn(move || receiver.iter().map(|batch| batch.len()).sum::<usize>());
    for n in 0..2_000 {
        sender.send((0..100).map(|m| vec![1; 8 + (n * m) % 2000].into_boxed_slice()).collect()).unwrap();
    }
    drop(sender);
    assert_eq!(freer.join().unwrap(), 200_000);
    assert!(global().check().is_clean());
}

#[test]
fn ten_thousand_short_threads_leave_no_memory_behind() {
    let heap = Heap::in_memory().unwrap();
    let mut after_first = 0;
    for n in 0..10_000 {
        let heap = &heap;
        std::thread::scope(|scope| {
            let live = move || {
                let mut words = allocator_api2::vec::Vec::new_in(heap);
                words.extend(0..n % 500);
                words.len()
            };
            assert_eq!(scope.spawn(live).join().unwrap(), n % 500);
        });
        if n == 1000 {
            after_first = heap.stats().total;
        }
    }
    let stats = heap.stats();
    assert_eq!((stats.used, stats.cached, stats.threads), (0, 0, 0));
    // A region of this size grows by 2 MiB at a time, and threads may overlap their successors while they end.
    assert!(stats.total <= after_first + (4 << 20), "{} bytes in play, {after_first} early on", stats.total);
    heap.trim();
    assert_eq!(heap.stats().resident, 0);
    assert!(heap.check().is_clean());
}

const SIZES: [usize; 7] = [16, 64, 400, 2000, 9000, 100_000, 1 << 20];

/// Takes a hundred blocks that all hold something else, and gives them back.
fn take_a_hundred(heap: &Heap, size: usize) {
    let take = |n: u8| {
        let mut block = allocator_api2::vec::Vec::with_capacity_in(size, heap);
        block.resize(16, n);
        block
    };
    let blocks: Vec<_> = (0..100).map(take).collect();
    assert!(blocks.iter().zip(0_u8..).all(|(block, n)| **block == [n; 16]));
}

/// Counts that do not depend on the machine: what a sleeping thread and a freeing thread may hold.
#[test]
fn sleeping_threads_strand_only_what_lies_on_top() {
    let heap = Heap::in_memory().unwrap();
    let (filled, is_filled) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        // Goes when a check fails, so that the sleeper wakes.
        let (wake, is_woken) = mpsc::channel::<()>();
        let heap = &heap;
        let sleeper = scope.spawn(move || {
            SIZES.into_iter().for_each(|size| take_a_hundred(heap, size));
            filled.send(()).unwrap();
            is_woken.recv().unwrap();
            // Awake again, the thread finds its magazines in order.
            SIZES.into_iter().for_each(|size| take_a_hundred(heap, size));
        });
        is_filled.recv().unwrap();
        let before = heap.stats().cached;
        heap.trim();
        let after = heap.stats().cached;
        if !cfg!(feature = "hardened") {
            assert!(before > 100_000, "the sleeper holds {before} bytes");
        }
        assert!(after < 16_000, "after a trim the sleeper still holds {after} bytes");
        assert!(heap.check().is_clean());
        wake.send(()).unwrap();
        sleeper.join().unwrap();
    });
    heap.trim();
    assert_eq!((heap.stats().used, heap.stats().cached), (0, 0));
    assert!(heap.check().is_clean());
}

#[test]
fn memory_goes_back_as_time_passes() {
    let heap = Heap::in_memory().unwrap();
    let mut blocks: Vec<_> =
        (0..100_000).map(|n| allocator_api2::boxed::Box::new_in([n as u8; 300], &heap)).collect();
    let full = heap.stats().resident;
    assert!(full > 30_000_000);
    // Before the frees: on a slow machine a period may pass in the midst of them.
    let start = Instant::now();
    // A block stays in many of the slabs, of which most pages can go back all the same.
    let mut number = 0..;
    blocks.retain(|_| number.next().unwrap() % 500 == 0);
    // Light work of random sizes, as a server does between requests: the clock is looked at in misses.
    let mut random = common::random::Random::new(1);
    while heap.stats().resident > full / 4 {
        assert!(start.elapsed() < Duration::from_secs(20), "{}", heap.stats());
        let some: Vec<_> = (0..10)
            .map(|_| allocator_api2::vec::Vec::<u8, _>::with_capacity_in(random.size(14), &heap))
            .collect();
        drop(some);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(start.elapsed() > Duration::from_millis(90), "given back at once, after {:?}", start.elapsed());
    let stats = heap.stats();
    assert!(stats.decay_periods >= 1 && stats.purged_pages * 4096 > full / 2, "{stats}");
    assert!(blocks.iter().enumerate().all(|(n, block)| **block == [(n * 500) as u8; 300]));
    assert!(heap.check().is_clean());
}
