//! Threads that allocate, write, verify, exchange and free blocks of all sizes for some seconds.
//!
//! ```text
//! cargo run --release --example stress_test -- 20
//! ```
//!
//! The argument is the number of seconds, 5 without one. At the end the heap must be clean, and must hold no more than
//! at the start; otherwise the exit code is 1.

use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use outlive::{Global, Heap};

#[global_allocator]
static GLOBAL: Global = Global::new();

/// More threads than most machines have cores, so that lock holders are preempted now and then.
const THREADS: usize = 8;
/// How many blocks each thread keeps.
const KEPT: usize = 2000;

static STOP: AtomicBool = AtomicBool::new(false);
static ROUNDS: AtomicU64 = AtomicU64::new(0);

fn main() -> ExitCode {
    let seconds = std::env::args().nth(1).map_or(Ok(5), |text| text.parse());
    let (Ok(seconds), Some(heap)) = (seconds, GLOBAL.heap()) else {
        eprintln!("usage: stress_test [SECONDS]");
        return ExitCode::FAILURE;
    };
    let before = heap.stats().used;
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| mpsc::channel()).unzip();
    let handles: Vec<_> = receivers
        .into_iter()
        .enumerate()
        .map(|(number, inbox)| {
            let next = senders[(number + 1) % THREADS].clone();
            thread::spawn(move || work(number as u64 + 1, &next, &inbox))
        })
        .collect();
    // The threads hold clones; a channel closes when the thread that sends to it ends.
    drop(senders);
    show_progress(heap, Duration::from_secs(seconds));
    STOP.store(true, Ordering::Relaxed);
    let failed = handles.into_iter().map(thread::JoinHandle::join).filter(Result::is_err).count();
    verdict(heap, before, failed)
}

/// One thread: replaces random blocks, and passes every eighth that it gives up to its neighbour, who frees it.
fn work(seed: u64, next: &Sender<Block>, inbox: &Receiver<Block>) {
    let mut random = Random(seed);
    let mut blocks: Vec<Block> = (0..KEPT).map(|_| Block::new(&mut random)).collect();
    while !STOP.load(Ordering::Relaxed) {
        for _ in 0..1000 {
            let place = random.below(KEPT);
            let old = std::mem::replace(&mut blocks[place], Block::new(&mut random));
            old.verify();
            if random.below(8) == 0 {
                // Refused where the neighbour has ended already: the block is freed here then.
                let _ = next.send(old);
            }
        }
        inbox.try_iter().for_each(|block| block.verify());
        ROUNDS.fetch_add(1000, Ordering::Relaxed);
    }
}

fn show_progress(heap: &Heap, time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        thread::sleep(time.saturating_sub(start.elapsed()).min(Duration::from_secs(1)));
        let stats = heap.stats();
        println!(
            "{:>4.0} s  {:>12} blocks replaced   used {:>4} MiB   resident {:>4} MiB   misses {:>10}",
            start.elapsed().as_secs_f64(),
            ROUNDS.load(Ordering::Relaxed),
            stats.used >> 20,
            stats.resident >> 20,
            stats.misses,
        );
    }
}

fn verdict(heap: &Heap, before: u64, failed: usize) -> ExitCode {
    heap.trim();
    let (stats, report) = (heap.stats(), heap.check());
    println!("\n{stats}\nmetadata: {report}");
    // The standard library keeps a few things of its first threads; a lost block of ours would be one of thousands.
    let left = stats.used.saturating_sub(before);
    println!("{left} bytes more in use than at the start, {failed} threads failed");
    if report.is_clean() && failed == 0 && left < 64 << 10 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A block whose every byte says which block it is.
struct Block {
    mark: u8,
    bytes: Vec<u8>,
}

impl Block {
    /// Most of them below 128 bytes, and fewer of each larger size up to 128 KiB.
    fn new(random: &mut Random) -> Self {
        let doublings = random.below(8) + random.below(2) * random.below(11);
        let size = 1 + random.below(1 << doublings);
        let mark = u8::try_from(random.below(256)).unwrap_or_default();
        Self { mark, bytes: vec![mark; size] }
    }

    fn verify(&self) {
        assert!(self.bytes.iter().all(|byte| *byte == self.mark), "somebody else wrote into this block");
    }
}

/// Marsaglia's xorshift: good enough to choose sizes, and it allocates nothing.
struct Random(u64);

impl Random {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or_default() % bound
    }
}
