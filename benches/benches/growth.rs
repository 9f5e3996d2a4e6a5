//! Criterion's view of `realloc`: vectors that grow by pushes.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use outlive_benches::allocator::{CHOSEN, Chosen};
use outlive_benches::workloads::{many_vecs, one_vec};

#[global_allocator]
static GLOBAL: Chosen = CHOSEN;

/// One vector that grows to so many bytes.
fn one(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one-vec");
    group.sample_size(20);
    for bytes in [4 << 10, 256 << 10, 16 << 20, 64 << 20] {
        group.bench_with_input(BenchmarkId::from_parameter(bytes), &bytes, |bencher, &bytes| {
            bencher.iter(|| one_vec(bytes));
        });
    }
    group.finish();
}

/// 32 vectors that grow in turn to 4 KiB.
fn many(criterion: &mut Criterion) {
    criterion.bench_function("32-vecs-4k", |bencher| bencher.iter(many_vecs));
}

criterion_group!(benches, one, many);
criterion_main!(benches);
