//! Operation programs against the oracle, over every face and backing.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use common::face::{Api04, Face, Plain, Process};
use common::program::{Oracle, Step, run_random};
use outlive::Heap;
use proptest::prelude::*;

#[global_allocator]
static GLOBAL: outlive::Global = outlive::Global::new();

fn step() -> impl Strategy<Value = Step> {
    let size =
        prop_oneof![8 => 0..600_usize, 4 => 0..9000_usize, 2 => 0..140_000_usize, 1 => 0..3_000_000_usize];
    prop_oneof![
        4 => (size.clone(), 0..14_u32, any::<bool>()).prop_map(|(size, align_log, zeroed)| Step::Take { size, align_log, zeroed }),
        3 => any::<usize>().prop_map(|block| Step::Give { block }),
        2 => (any::<usize>(), size, prop::option::of(0..16_u32), any::<bool>())
            .prop_map(|(block, size, align_log, zeroed)| Step::Resize { block, size, align_log, zeroed }),
        1 => Just(Step::Trim),
    ]
}

/// Runs a program with a check after each step; at the end the heap must be as if nothing had been.
fn small_run<F: Face>(face: &F, program: &[Step]) {
    let mut oracle = Oracle::new(face);
    for step in program {
        oracle.run(*step);
        oracle.check();
    }
    oracle.finish();
    oracle_is_gone(face);
}

fn oracle_is_gone<F: Face>(face: &F) {
    face.heap().trim();
    let stats = face.heap().stats();
    assert_eq!((stats.used, stats.cached), (0, 0), "{}", F::NAME);
    assert!(stats.free_runs <= 1, "{} ends in {} free runs", F::NAME, stats.free_runs);
    assert!(face.check().is_clean());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plain_calls_in_memory(program in prop::collection::vec(step(), 1..80)) {
        small_run(&Plain(&Heap::in_memory().unwrap()), &program);
    }

    #[test]
    fn plain_calls_in_a_buffer(program in prop::collection::vec(step(), 1..80), shift in 0..5000_usize) {
        let mut buffer = vec![0xEE; 3 << 20];
        small_run(&Plain(&Heap::in_buffer(&mut buffer[shift..]).unwrap()), &program);
    }

    #[test]
    fn plain_calls_under_a_limit(program in prop::collection::vec(step(), 1..80)) {
        small_run(&Plain(&Heap::options().limit(1 << 20).in_memory().unwrap()), &program);
    }

    #[test]
    fn allocator_api2_04(program in prop::collection::vec(step(), 1..80)) {
        small_run(&Api04(&Heap::in_memory().unwrap()), &program);
    }

    #[cfg(feature = "allocator-api2-02")]
    #[test]
    fn allocator_api2_02(program in prop::collection::vec(step(), 1..80)) {
        small_run(&common::face::Api02(&Heap::in_memory().unwrap()), &program);
    }

    #[cfg(feature = "nightly")]
    #[test]
    fn standard_allocator(program in prop::collection::vec(step(), 1..80)) {
        small_run(&common::face::Std(&Heap::in_memory().unwrap()), &program);
    }
}

#[test]
fn long_programs_in_memory() {
    for seed in 0..6 {
        let heap = Heap::in_memory().unwrap();
        run_random(&Plain(&heap), seed, 30_000, 15, 5_000);
        oracle_is_gone(&Plain(&heap));
    }
}

#[test]
fn long_programs_with_large_blocks() {
    for seed in 10..13 {
        let heap = Heap::in_memory().unwrap();
        run_random(&Api04(&heap), seed, 3_000, 22, 500);
        oracle_is_gone(&Api04(&heap));
    }
}

#[test]
fn long_programs_in_a_small_buffer_that_is_often_full() {
    for (seed, size) in (20..26).zip([150 << 10, 200 << 10, 300 << 10, 1 << 20, 2 << 20, 5 << 20]) {
        let mut buffer = vec![0; size];
        let heap = Heap::in_buffer(&mut buffer).unwrap();
        run_random(&Plain(&heap), seed, 10_000, 14, 100);
        oracle_is_gone(&Plain(&heap));
    }
}

#[test]
fn long_programs_on_the_global_heap_of_a_running_process() {
    for seed in 30..34 {
        run_random(&Process, seed, 30_000, 15, 3_000);
    }
}

#[test]
fn programs_in_many_threads_share_a_heap() {
    let heap = Heap::in_memory().unwrap();
    std::thread::scope(|scope| {
        let heap = &heap;
        let spawn = |seed| scope.spawn(move || run_random(&Plain(heap), seed, 10_000, 14, 1_000));
        let threads: Vec<_> = (40..48).map(spawn).collect();
        // The scope itself does not wait for the ends of its threads, only for their closures.
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    oracle_is_gone(&Plain(&heap));
}
