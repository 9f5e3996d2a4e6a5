//! How long threads that allocate stand still while another one commits.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use outlive::Heap;

use super::scattered::{HEAP, PAGES, random_pages, scatter};
use crate::durable::contender::Contender::Outlive;
use crate::durable::heap::{Array, Words};
use crate::durable::{Bar, Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::spread::Spread;

const FAMILY: &str = "Pauses of threads during the commit of 16,384 pages";
const COMMITS: usize = 15;
/// So many blocks that no magazine holds them.
const MANY: usize = 4096;
const BLOCK: Layout = Layout::new::<[u64; 8]>();

/// A row of one thread's longest pauses.
macro_rules! pauses {
    ($name:literal, $work:expr, $commits:literal, $bars:expr) => {
        Trial {
            name: $name,
            cold: true,
            rows: &[
                Row { family: FAMILY, name: $name, unit: "ms", by: &[Outlive], bars: $bars },
                Row {
                    family: FAMILY,
                    name: concat!($name, "-longest"),
                    unit: "ms",
                    by: &[Outlive],
                    bars: &[],
                },
            ],
            run: |setting, report| {
                let pauses = run(setting, $work, $commits, report);
                report.row($name, pauses.median().expect("commits"));
                report.row(concat!($name, "-longest"), pauses.range().expect("commits").1);
            },
        }
    };
}

pub(super) const TRIALS: &[Trial] = &[
    pauses!("pause-pops", pairs, true, &[Bar::AtMost(1.0)]),
    pauses!("pause-slow-paths", many, true, &[]),
    pauses!("pause-no-commit", pairs, false, &[]),
];

/// The longest time between two looks at the clock.
#[derive(Default)]
struct Watch {
    longest: AtomicU64,
    over: AtomicBool,
}

impl Watch {
    /// Looks at the clock; `last` is when it did so before.
    fn look(&self, last: &mut Instant) {
        let now = Instant::now();
        let pause = u64::try_from((now - *last).as_nanos()).unwrap_or(u64::MAX);
        if pause > self.longest.load(Relaxed) {
            self.longest.store(pause, Relaxed);
        }
        *last = now;
    }
}

/// Milliseconds of the longest pause during each commit, or during as much time without one.
fn run(setting: &Setting, work: fn(&Heap, &Watch), commits: bool, report: &mut Report) -> Spread {
    let bytes = setting.scaled(HEAP);
    let array = Array::built(&setting.folder.join("heap"), bytes);
    array.put(0, 1);
    array.persist();
    let (watch, mut rng, mut pauses) = (Watch::default(), Rng::new(11), Spread::default());
    let mut captures = Spread::default();
    scope(|scope| {
        scope.spawn(|| work(&array.heap, &watch));
        for number in 0..COMMITS as u64 {
            let pages = random_pages(&mut rng, array.words(), setting.scaled(PAGES));
            scatter(&array, &pages, number);
            watch.longest.store(0, Relaxed);
            if commits {
                captures.push(array.persist().capture.as_secs_f64() * 1e3);
            } else {
                sleep(Duration::from_millis(20));
            }
            // A pause that began during the commit may end after it.
            sleep(Duration::from_millis(1));
            pauses.push(watch.longest.load(Relaxed) as f64 / 1e6);
        }
        watch.over.store(true, Relaxed);
    });
    if let Some(capture) = captures.median() {
        report.extra("capture_ms", capture);
    }
    array.close();
    pauses
}

/// Pops and pushes only.
fn pairs(heap: &Heap, watch: &Watch) {
    let mut last = Instant::now();
    while !watch.over.load(Relaxed) {
        let block = allocate(heap);
        free(heap, block);
        watch.look(&mut last);
    }
}

/// Fills and empties magazines, which takes the heap's locks.
fn many(heap: &Heap, watch: &Watch) {
    let (mut last, mut blocks) = (Instant::now(), Vec::with_capacity(MANY));
    while !watch.over.load(Relaxed) {
        for _ in 0..MANY {
            blocks.push(allocate(heap));
            watch.look(&mut last);
        }
        for block in blocks.drain(..) {
            free(heap, block);
            watch.look(&mut last);
        }
    }
}

fn allocate(heap: &Heap) -> NonNull<u8> {
    let block = heap.allocate(BLOCK).expect("room in the heap");
    // SAFETY: the block has at least one byte, which nobody else uses.
    unsafe { block.write_volatile(1) };
    block
}

fn free(heap: &Heap, block: NonNull<u8>) {
    // SAFETY: allocated by `allocate` and not used any more.
    unsafe { heap.deallocate(block, BLOCK) };
}
