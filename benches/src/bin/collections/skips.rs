//! `PSkipMap` beside crossbeam's `SkipMap`: lookups mixed with insertions and removals, in several threads.
//!
//! A map has half of all keys. Each operation takes a key by chance: a lookup, or in turn an insertion and a removal, so that
//! as many keys are there at the end. Figures are of the processors' time, so that threads that wait for a core count nothing.

use std::hint::black_box;
use std::sync::Barrier;
use std::thread;

use crossbeam_skiplist::SkipMap;
use outlive::{Error, PSkipMap};
use outlive_benches::rng::Rng;

use crate::rows::{Rows, spent};
use crate::{Bench, Opened};

/// At least its throughput.
const BAR: Option<f64> = Some(1.0);
/// In a round, all threads together; fewer where each takes long.
const fn operations(keys: u64) -> u64 {
    if keys > 100_000 { 100_000 } else { 400_000 }
}

/// How many threads, how many keys in the map, how many of 128 operations are lookups.
#[derive(Clone, Copy)]
struct Mix {
    threads: u64,
    keys: u64,
    lookups: u64,
}

/// What is measured of a map, by one of its threads.
trait Map {
    fn look(&self, key: u64) -> bool;
    fn put(&self, key: u64);
    fn take(&self, key: u64);
}

struct Ours<'a, 'h>(&'a PSkipMap<u64, u64, Bench<'h>>, Bench<'h>);

impl Map for Ours<'_, '_> {
    fn look(&self, key: u64) -> bool {
        self.0.get(&key).is_some_and(|entry| *black_box(entry.value()) == key)
    }

    fn put(&self, key: u64) {
        self.0.insert(key, key, self.1);
    }

    fn take(&self, key: u64) {
        self.0.remove(&key, self.1);
    }
}

impl Map for &SkipMap<u64, u64> {
    fn look(&self, key: u64) -> bool {
        self.get(&key).is_some_and(|entry| *black_box(entry.value()) == key)
    }

    fn put(&self, key: u64) {
        self.insert(key, key);
    }

    fn take(&self, key: u64) {
        self.remove(&key);
    }
}

/// What a thread does; says how long it took.
fn work(map: &impl Map, mix: Mix, seed: u64, start: &Barrier) -> f64 {
    let mut rng = Rng::new(seed);
    start.wait();
    let before = spent();
    for _ in 0..operations(mix.keys) / mix.threads {
        let bits = rng.bits();
        let key = (bits >> 8) % (2 * mix.keys);
        if bits & 127 < mix.lookups {
            black_box(map.look(key));
        } else if bits & 128 == 0 {
            map.put(key);
        } else {
            map.take(key);
        }
    }
    spent() - before
}

/// All threads of a round; nanoseconds an operation.
fn round(mix: Mix, act: impl Fn(u64, &Barrier) -> f64 + Sync) -> f64 {
    let start = Barrier::new(usize::try_from(mix.threads).expect("a few"));
    let (start, act) = (&start, &act);
    let spent: f64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..mix.threads).map(|seed| scope.spawn(move || act(seed, start))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    spent / (operations(mix.keys) / mix.threads * mix.threads) as f64
}

/// Half of the keys, in an order by chance.
fn fill(map: &impl Map, keys: u64) {
    let mut rng = Rng::new(1);
    let mut all: Vec<u64> = (0..2 * keys).filter(|_| rng.bits() & 256 == 0).collect();
    for last in (1..all.len()).rev() {
        all.swap(last, usize::try_from(rng.bits() % (last as u64 + 1)).expect("an index"));
    }
    all.into_iter().for_each(|key| map.put(key));
}

pub(crate) fn all(rows: &Rows, store: &Opened) -> Result<(), Error> {
    for keys in [1_000, 1_000_000] {
        if !rows.wants_some_of("skip map") {
            continue;
        }
        let theirs = &SkipMap::new();
        fill(&theirs, keys);
        store.update(|root, heap| fill(&Ours(&root.skips, heap), keys))?;
        for (percent, lookups) in [(90, 115), (50, 64)] {
            for threads in [1, 2, 8] {
                let name = format!("skip map, {keys} keys, {percent} % lookups, {threads} threads");
                let mix = Mix { threads, keys, lookups };
                let ours = |seed, start: &Barrier| {
                    let done = store.update(|root, heap| work(&Ours(&root.skips, heap), mix, seed, start));
                    done.expect("an update")
                };
                let other = |seed, start: &Barrier| work(&theirs, mix, seed, start);
                rows.medians(&name, BAR, || round(mix, ours), || round(mix, other));
            }
        }
        store.update(|root, heap| {
            root.skips.clear(heap);
            root.skips.reclaim(heap);
        })?;
    }
    Ok(())
}
