//! The skip map beside crossbeam's: lookups mixed with insertions and removals, in several threads.
//!
//! ```sh
//! cargo bench -p outlive-benches --features skip-map --bench skip_map [-- FILTER]
//! ```
//!
//! A map has half of all keys. Each operation takes a key by chance: a lookup, or in turn an insertion and a removal, so that
//! as many keys are there at the end. Rounds are interleaved; shown are medians of the time that an operation takes of a
//! processor, and of the rounds' ratios (theirs to ours: above 1 we are faster).
#![allow(missing_docs, reason = "a program")]

use std::alloc::Layout;
use std::hint::black_box;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Barrier, OnceLock};
use std::thread;
use std::time::Instant;

use crossbeam_skiplist::SkipMap;
use outlive::typed::HeapType;
use outlive::{AllocError, Heap, PSkipMap};
use outlive_benches::rng::Rng;
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 7;

static HEAP: OnceLock<Heap> = OnceLock::new();
static BASE: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// A heap in memory, as a type.
#[derive(Clone, Copy, Debug)]
struct Memory;

impl Memory {
    fn heap() -> &'static Heap {
        HEAP.get_or_init(|| Heap::in_memory().expect("memory"))
    }

    fn open() -> Self {
        let block = Self::heap().allocate(Layout::new::<u64>()).expect("memory");
        let offset = Self::heap().offset_of(block).expect("a block of it").get();
        let base = block.as_ptr().wrapping_sub(usize::try_from(offset).expect("an offset"));
        BASE.store(base, Ordering::Relaxed);
        Self
    }
}

// SAFETY: the heap is open until the program ends, and its memory is nobody else's.
unsafe impl HeapType for Memory {
    type In<'h> = Self;

    #[inline]
    fn base(self) -> NonNull<u8> {
        // SAFETY: set by `open`, the one way to such a value.
        unsafe { NonNull::new_unchecked(BASE.load(Ordering::Relaxed)) }
    }

    #[inline]
    fn allocate(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        Self::heap().allocate(layout)
    }

    #[inline]
    unsafe fn deallocate(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: by the caller's promise.
        unsafe { Self::heap().deallocate(block, layout) };
    }

    unsafe fn reallocate(self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError)
    }

    #[inline]
    fn note(self, _: *const u8, _: usize) {}
}

/// What is measured of a map.
trait Map: Sync {
    type Value: Copy + Default + Send + Sync + 'static;
    fn new() -> Self;
    fn look(&self, key: u64) -> bool;
    fn insert(&self, key: u64);
    fn remove(&self, key: u64);
    fn sum(&self) -> u64;
}

struct Ours<V>(PSkipMap<u64, V, Memory>);
struct Theirs<V>(SkipMap<u64, V>);

impl<V: Copy + Default + Send + Sync + 'static> Map for Ours<V> {
    type Value = V;

    fn new() -> Self {
        Self(PSkipMap::new_in(Memory::open()))
    }

    #[inline]
    fn look(&self, key: u64) -> bool {
        self.0.get(&key).is_some_and(|entry| *black_box(entry.key()) == key)
    }

    #[inline]
    fn insert(&self, key: u64) {
        self.0.insert(key, V::default(), Memory);
    }

    #[inline]
    fn remove(&self, key: u64) {
        self.0.remove(&key, Memory);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|entry| *entry.key()).sum()
    }
}

impl<V: Copy + Default + Send + Sync + 'static> Map for Theirs<V> {
    type Value = V;

    fn new() -> Self {
        Self(SkipMap::new())
    }

    #[inline]
    fn look(&self, key: u64) -> bool {
        self.0.get(&key).is_some_and(|entry| *black_box(entry.key()) == key)
    }

    #[inline]
    fn insert(&self, key: u64) {
        self.0.insert(key, V::default());
    }

    #[inline]
    fn remove(&self, key: u64) {
        self.0.remove(&key);
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|entry| *entry.key()).sum()
    }
}

/// How many threads, how many keys in the map, how many of a hundred operations are lookups; how many operations in all.
#[derive(Clone, Copy, Debug)]
struct Row {
    threads: u64,
    keys: u64,
    lookups: u64,
    operations: u64,
}

fn filled<M: Map>(keys: u64) -> M {
    let map = M::new();
    let mut rng = Rng::new(1);
    for _ in 0..2 * keys {
        let key = rng.bits();
        if key.is_multiple_of(2) {
            map.insert(key % (2 * keys));
        } else {
            map.remove(key % (2 * keys));
        }
    }
    map
}

/// Nanoseconds an operation: by the clock, and of the processors' time. Only the second means something on a machine that
/// others use.
type Cost = [f64; 2];

/// The processor's time that this thread has had, in nanoseconds.
fn spent() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

fn run<M: Map>(map: &M, row: Row, round: u64) -> Cost {
    let start = Barrier::new(usize::try_from(row.threads).expect("a few") + 1);
    let each = row.operations / row.threads;
    thread::scope(|scope| {
        let start = &start;
        let threads: Vec<_> = (0..row.threads)
            .map(|thread| {
                scope.spawn(move || {
                    let mut rng = Rng::new(round * 64 + thread);
                    start.wait();
                    let before = spent();
                    for _ in 0..each {
                        let bits = rng.bits();
                        let key = (bits >> 8) % (2 * row.keys);
                        if bits & 127 < row.lookups * 128 / 100 {
                            black_box(map.look(key));
                        } else if bits & 128 == 0 {
                            map.insert(key);
                        } else {
                            map.remove(key);
                        }
                    }
                    spent() - before
                })
            })
            .collect();
        start.wait();
        let begun = Instant::now();
        let spent: f64 = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
        [begun.elapsed().as_secs_f64() * 1e9, spent].map(|cost| cost / (each * row.threads) as f64)
    })
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

fn compare<V: Copy + Default + Send + Sync + 'static>(name: &str, filter: &str) {
    for keys in [1_000, 100_000, 1_000_000] {
        let mut maps = None;
        for lookups in [100, 90, 50] {
            for threads in [1, 2, 8] {
                let title = format!("{name} {keys} keys, {lookups} % lookups, {threads} threads");
                if !title.contains(filter) {
                    continue;
                }
                let (ours, theirs) =
                    maps.get_or_insert_with(|| (filled::<Ours<V>>(keys), filled::<Theirs<V>>(keys)));
                let row = Row {
                    threads,
                    keys,
                    lookups,
                    operations: if keys > 500_000 { 200_000 } else { 400_000 },
                };
                let rounds: Vec<_> = (0..ROUNDS as u64)
                    .map(|round| (run(ours, row, round), run(theirs, row, round)))
                    .collect();
                let ratio =
                    |by: usize| median(rounds.iter().map(|(ours, theirs)| theirs[by] / ours[by]).collect());
                let ours = median(rounds.iter().map(|(ours, _)| ours[1]).collect());
                let theirs = median(rounds.iter().map(|(_, theirs)| theirs[1]).collect());
                println!("{title:<52} {ours:>7.0} {theirs:>7.0} ns   {:.2} {:.2}", ratio(0), ratio(1));
            }
        }
        if let Some((ours, theirs)) = maps {
            let walk = |sum: &dyn Fn() -> u64| {
                let begun = Instant::now();
                black_box(sum());
                begun.elapsed().as_secs_f64() * 1e3
            };
            let (ours, theirs) = (walk(&|| ours.sum()), walk(&|| theirs.sum()));
            println!("{name} {keys} keys, iteration: {ours:.2} {theirs:.2} ms   {:.2}", theirs / ours);
        }
    }
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!("{:<52} {:>7} {:>7}      ratio by clock, by processors' time", "", "ours", "theirs");
    compare::<u64>("u64", &filter);
    compare::<[u64; 12]>("96 bytes", &filter);
}
