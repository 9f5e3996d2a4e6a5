//! The collections of a heap beside those of the standard library and hashbrown, which take their memory from the same
//! allocator. Each row is the best of several rounds, in which the two take turns.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::Instant;

use outlive::{PBTreeMap, PHashMap, PVec};

#[global_allocator]
static GLOBAL: outlive::Global = outlive::Global::new();

outlive::heap!(struct Bench);

type Root<'h> = (PVec<u64, Bench<'h>>, PHashMap<u64, u64, Bench<'h>>, PBTreeMap<u64, u64, Bench<'h>>);

const ENTRIES: u64 = 1_000_000;
const ROUNDS: usize = 7;

/// A number that looks random, different for each `n`.
fn scattered(n: u64) -> u64 {
    let mixed = (n ^ (n >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
}

/// The best times of one thing done by two, in nanoseconds an entry.
fn row(name: &str, mut ours: impl FnMut() -> u64, mut theirs: impl FnMut() -> u64) {
    let time = |act: &mut dyn FnMut() -> u64| {
        let start = Instant::now();
        black_box(act());
        start.elapsed().as_secs_f64() * 1e9 / ENTRIES as f64
    };
    let (mut best, mut other) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        best = best.min(time(&mut ours));
        other = other.min(time(&mut theirs));
    }
    println!("{name:<24} {best:>8.2} ns {other:>8.2} ns   ratio {:.2}", best / other);
}

fn vectors(ours: &mut PVec<u64, Bench<'_>>) {
    let mut theirs = Vec::new();
    row(
        "vec push, growing",
        || {
            ours.clear();
            ours.shrink_to_fit();
            (0..ENTRIES).for_each(|n| ours.push(black_box(n)));
            ours.len() as u64
        },
        || {
            theirs = Vec::new();
            (0..ENTRIES).for_each(|n| theirs.push(black_box(n)));
            theirs.len() as u64
        },
    );
    row(
        "vec push, with room",
        || {
            ours.clear();
            (0..ENTRIES).for_each(|n| ours.push(black_box(n)));
            ours.len() as u64
        },
        || {
            theirs.clear();
            (0..ENTRIES).for_each(|n| theirs.push(black_box(n)));
            theirs.len() as u64
        },
    );
    let places: Vec<usize> = (0..ENTRIES).map(|n| (scattered(n) % ENTRIES) as usize).collect();
    row(
        "vec index",
        || places.iter().map(|place| ours[*place]).fold(0, u64::wrapping_add),
        || places.iter().map(|place| theirs[*place]).fold(0, u64::wrapping_add),
    );
    row(
        "vec iterate",
        || ours.iter().fold(0, |sum, n| sum ^ n.wrapping_mul(3)),
        || theirs.iter().fold(0, |sum, n| sum ^ n.wrapping_mul(3)),
    );
}

fn hash_maps(ours: &mut PHashMap<u64, u64, Bench<'_>>) {
    let mut theirs = hashbrown::HashMap::new();
    row(
        "hash insert, growing",
        || {
            ours.clear();
            ours.shrink_to_fit();
            (0..ENTRIES).for_each(|n| {
                let _ = ours.insert(scattered(n), n);
            });
            ours.len() as u64
        },
        || {
            theirs = hashbrown::HashMap::new();
            (0..ENTRIES).for_each(|n| {
                let _ = theirs.insert(scattered(n), n);
            });
            theirs.len() as u64
        },
    );
    row(
        "hash insert, with room",
        || {
            ours.clear();
            (0..ENTRIES).for_each(|n| {
                let _ = ours.insert(scattered(n), n);
            });
            ours.len() as u64
        },
        || {
            theirs.clear();
            (0..ENTRIES).for_each(|n| {
                let _ = theirs.insert(scattered(n), n);
            });
            theirs.len() as u64
        },
    );
    let order: Vec<u64> = (0..ENTRIES).map(|n| scattered(scattered(n + 7) % ENTRIES)).collect();
    row(
        "hash get, there",
        || order.iter().filter_map(|key| ours.get(key)).fold(0, |sum, n| sum ^ n),
        || order.iter().filter_map(|key| theirs.get(key)).fold(0, |sum, n| sum ^ n),
    );
    row(
        "hash get, not there",
        || order.iter().filter_map(|key| ours.get(&!key)).count() as u64,
        || order.iter().filter_map(|key| theirs.get(&!key)).count() as u64,
    );
    row(
        "hash iterate",
        || ours.values().fold(0, |sum, n| sum ^ n),
        || theirs.values().fold(0, |sum, n| sum ^ n),
    );
    row(
        "hash remove and insert",
        || {
            order
                .iter()
                .map(|key| {
                    let n = ours.remove(key).unwrap_or(0);
                    ours.insert(*key, n);
                    n
                })
                .fold(0, |sum, n| sum ^ n)
        },
        || {
            order
                .iter()
                .map(|key| {
                    let n = theirs.remove(key).unwrap_or(0);
                    theirs.insert(*key, n);
                    n
                })
                .fold(0, |sum, n| sum ^ n)
        },
    );
}

fn trees(ours: &mut PBTreeMap<u64, u64, Bench<'_>>) {
    let mut theirs = BTreeMap::new();
    row(
        "tree insert, scattered",
        || {
            ours.clear();
            (0..ENTRIES).for_each(|n| {
                let _ = ours.insert(scattered(n), n);
            });
            ours.len() as u64
        },
        || {
            theirs.clear();
            (0..ENTRIES).for_each(|n| {
                let _ = theirs.insert(scattered(n), n);
            });
            theirs.len() as u64
        },
    );
    let order: Vec<u64> = (0..ENTRIES).map(|n| scattered(scattered(n + 7) % ENTRIES)).collect();
    row(
        "tree get",
        || order.iter().filter_map(|key| ours.get(key)).fold(0, |sum, n| sum ^ n),
        || order.iter().filter_map(|key| theirs.get(key)).fold(0, |sum, n| sum ^ n),
    );
    for len in [10, 1000] {
        row(
            &format!("tree range of {len}"),
            || {
                order
                    .iter()
                    .take(ENTRIES as usize / len)
                    .map(|key| ours.range(*key..).take(len).fold(0, |sum, (_, n)| sum ^ n))
                    .fold(0, |sum, n| sum ^ n)
            },
            || {
                order
                    .iter()
                    .take(ENTRIES as usize / len)
                    .map(|key| theirs.range(*key..).take(len).fold(0, |sum, (_, n)| sum ^ n))
                    .fold(0, |sum, n| sum ^ n)
            },
        );
    }
    row(
        "tree iterate",
        || ours.values().fold(0, |sum, n| sum ^ n),
        || theirs.values().fold(0, |sum, n| sum ^ n),
    );
    row(
        "tree remove and insert",
        || {
            order
                .iter()
                .map(|key| {
                    let n = ours.remove(key).unwrap_or(0);
                    ours.insert(*key, n);
                    n
                })
                .fold(0, |sum, n| sum ^ n)
        },
        || {
            order
                .iter()
                .map(|key| {
                    let n = theirs.remove(key).unwrap_or(0);
                    theirs.insert(*key, n);
                    n
                })
                .fold(0, |sum, n| sum ^ n)
        },
    );
    row(
        "tree insert, in order",
        || {
            ours.clear();
            (0..ENTRIES).for_each(|n| {
                let _ = ours.insert(n, n);
            });
            ours.len() as u64
        },
        || {
            theirs.clear();
            (0..ENTRIES).for_each(|n| {
                let _ = theirs.insert(n, n);
            });
            theirs.len() as u64
        },
    );
}

fn main() -> Result<(), outlive::Error> {
    println!("{:<24} {:>11} {:>11}", "", "heap", "other");
    let store = Bench::in_memory::<Root>(|heap| {
        (PVec::new_in(heap), PHashMap::new_in(heap), PBTreeMap::new_in(heap))
    })?;
    store.write(|(vec, map, tree), _| {
        vectors(vec);
        hash_maps(map);
        trees(tree);
    })
}
