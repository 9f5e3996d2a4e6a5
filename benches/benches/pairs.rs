//! Criterion's view of the fast path: an allocation and its free, back to back.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use outlive_benches::allocator::{CHOSEN, Chosen};
use outlive_benches::workloads::{box_pair, pair};

#[global_allocator]
static GLOBAL: Chosen = CHOSEN;

/// The size is a constant and all may be inlined.
fn known_size(criterion: &mut Criterion) {
    criterion.bench_function("box-u64", |bencher| bencher.iter_custom(|pairs| time(pairs, box_pair)));
}

/// The size is hidden from the compiler.
fn unknown_size(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pair");
    for size in [16, 24, 64, 100, 256, 1000, 4 << 10, 5000, 32 << 10, 1 << 20] {
        group.bench_with_input(BenchmarkId::from_parameter(size), &size, |bencher, &size| {
            bencher.iter_custom(|pairs| time(pairs, |pairs| pair::<8>(size, pairs)));
        });
    }
    group.bench_function("192-align-64", |bencher| {
        bencher.iter_custom(|pairs| time(pairs, |pairs| pair::<64>(192, pairs)));
    });
    group.finish();
}

/// Times a function that does as many pairs as it is told.
fn time(pairs: u64, work: impl FnOnce(usize)) -> Duration {
    let pairs = usize::try_from(pairs).expect("a number of pairs");
    let start = Instant::now();
    work(pairs);
    start.elapsed()
}

criterion_group!(benches, known_size, unknown_size);
criterion_main!(benches);
