//! Before `main`, after a thread's end has begun, in the child of a `fork`.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::alloc::Layout;
use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};

use outlive::{Global, Heap};

#[global_allocator]
static GLOBAL: Global = Global::new();

/// How many threads have magazines where one has worked: a hardened heap has none.
const ONE_THREAD: u32 = if cfg!(feature = "hardened") { 0 } else { 1 };

static BEFORE_MAIN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn before_main() {
    let words: Vec<usize> = (0..1000).collect();
    BEFORE_MAIN.store(words.iter().sum(), Ordering::Relaxed);
}

#[used]
// SAFETY: the section holds pointers to functions of this type, called once before `main`.
#[unsafe(link_section = ".init_array")]
static EARLY: extern "C" fn() = before_main;

#[test]
fn it_works_before_main() {
    assert_eq!(BEFORE_MAIN.load(Ordering::Relaxed), 499_500);
}

static DROPPED: AtomicUsize = AtomicUsize::new(0);
/// A heap for the ends of threads alone, so that its numbers are theirs.
static LATE: OnceLock<Heap> = OnceLock::new();

struct AllocatesInDrop(Vec<String>);

impl Drop for AllocatesInDrop {
    fn drop(&mut self) {
        let copies: Vec<String> = (0..2000).map(|n| format!("{n} {}", self.0.len())).collect();
        DROPPED.fetch_add(copies.len(), Ordering::Relaxed);
        allocator_api2::vec::Vec::new_in(LATE.get().unwrap()).extend(copies.iter().map(String::len));
    }
}

/// Runs when all thread-local values are gone, the allocator's among them.
extern "C" fn last_of_all(_: *mut libc::c_void) {
    drop(AllocatesInDrop(vec!["c".to_owned()]));
}

/// Has the C library call [`last_of_all`] at the end of this thread.
fn end_late() {
    static KEY: OnceLock<libc::pthread_key_t> = OnceLock::new();
    let key = *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the key is written here, and the function lives as long as the process.
        assert_eq!(unsafe { libc::pthread_key_create(&raw mut key, Some(last_of_all)) }, 0);
        key
    });
    // SAFETY: the key was made; its value is only compared with null.
    assert_eq!(unsafe { libc::pthread_setspecific(key, (&raw const LATE).cast()) }, 0);
}

thread_local! {
    static FIRST: RefCell<Option<AllocatesInDrop>> = const { RefCell::new(None) };
    static SECOND: RefCell<Option<AllocatesInDrop>> = const { RefCell::new(None) };
}

#[test]
fn it_works_while_thread_locals_are_destroyed() {
    let late = LATE.get_or_init(|| Heap::in_memory().unwrap());
    for _ in 0..50 {
        let live = || {
            end_late();
            FIRST.with(|first| *first.borrow_mut() = Some(AllocatesInDrop(vec!["a".to_owned()])));
            drop(vec![1_u8; 100]);
            SECOND.with(|second| *second.borrow_mut() = Some(AllocatesInDrop(vec!["b".to_owned(); 100])));
        };
        std::thread::spawn(live).join().unwrap();
    }
    assert_eq!(DROPPED.load(Ordering::Relaxed), 50 * 3 * 2000);
    let stats = late.stats();
    assert_eq!((stats.used, stats.cached, stats.threads), (0, 0, 0), "a thread left magazines behind");
    assert!(late.check().is_clean() && Global.heap().unwrap().check().is_clean());
}

/// Held by tests that need seats for their heaps, or take them all.
static SEATS: Mutex<()> = Mutex::new(());

#[test]
fn a_heap_dropped_before_its_threads_end_is_forgotten_by_them() {
    let _seats = SEATS.lock();
    // More heaps than address space or seats would do for at one time.
    for _ in 0..600 {
        let heaps: Vec<Heap> = (0..5).map(|_| Heap::in_memory().unwrap()).collect();
        for heap in &heaps {
            let layout = Layout::new::<[u64; 9]>();
            let block = heap.allocate(layout).unwrap();
            // SAFETY: the block came from this heap with this layout.
            unsafe { heap.deallocate(block, layout) };
            assert_eq!(heap.stats().threads, ONE_THREAD, "the seats of closed heaps can be had again");
        }
    }
}

#[test]
fn more_heaps_than_seats_work_all_the_same() {
    let _seats = SEATS.lock();
    let heaps: Vec<Heap> =
        (0..100).map(|_| Heap::options().reservation(1 << 30).in_memory().unwrap()).collect();
    let vectors: Vec<_> = heaps
        .iter()
        .enumerate()
        .map(|(n, heap)| {
            let mut vector = allocator_api2::vec::Vec::new_in(heap);
            vector.extend(0..n);
            vector
        })
        .collect();
    assert!(vectors.iter().enumerate().all(|(n, vector)| vector.len() == n));
    drop(vectors);
    for heap in &heaps {
        assert!(heap.check().is_clean());
        heap.trim();
        assert_eq!((heap.stats().used, heap.stats().cached), (0, 0));
    }
}

/// Forks while other threads allocate, and has the child allocate, free, start threads and check its heap.
#[test]
fn the_child_of_a_fork_goes_on_alone() {
    if common::child::is("forks") {
        return fork_many_times();
    }
    let output = common::child::run("the_child_of_a_fork_goes_on_alone", "forks");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn fork_many_times() {
    let stop = AtomicBool::new(false);
    let other_heap = Heap::in_memory().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut round = 0;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    let blocks: Vec<Vec<u8>> = (0..50).map(|n| vec![0; 1 + (n * round) % 5000]).collect();
                    let mut words = allocator_api2::vec::Vec::new_in(&other_heap);
                    words.extend(blocks.iter().map(Vec::len));
                    // Too large for a magazine: the lock of the runs is taken each time.
                    drop(allocator_api2::vec::Vec::<u8, _>::with_capacity_in(3 << 20, &other_heap));
                }
            });
        }
        let kept: Vec<String> = (0..100).map(|n| n.to_string()).collect();
        let failure = (0..60).find_map(|_| {
            // SAFETY: the child only runs code that a forked process may: memory, threads of its own, and `_exit`.
            let child = unsafe { libc::fork() };
            if child == 0 {
                let code = i32::from(!child_is_well(&kept, &other_heap));
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(code) };
            }
            let mut status = 0;
            // SAFETY: waits for the child just made.
            let ended = unsafe { libc::waitpid(child, &raw mut status, 0) };
            (child < 0 || ended != child || status != 0).then_some((child, ended, status))
        });
        // Before a failure is told: the scope waits for its threads.
        stop.store(true, Ordering::Relaxed);
        assert_eq!(failure, None, "a child failed");
    });
}

fn child_is_well(kept: &[String], other_heap: &Heap) -> bool {
    let copies: Vec<String> = kept.to_vec();
    let sum: usize = std::thread::spawn(move || copies.iter().map(String::len).sum()).join().unwrap_or(0);
    let mut words = allocator_api2::vec::Vec::new_in(other_heap);
    (0..10_000_usize).for_each(|n| words.push(n));
    let is_well = |heap: &Heap| heap.check().is_clean() && heap.stats().threads == ONE_THREAD;
    sum == 190 && is_well(Global.heap().unwrap()) && is_well(other_heap)
}
