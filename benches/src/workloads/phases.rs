//! A heap that grows and shrinks eight times over 10 million operations, with short and long lives mixed.
//!
//! Each phase allocates three times for each free until the live set is large, replaces blocks there for a while,
//! and frees until few are left, which then lie scattered over all the memory. Half of the frees take a young
//! block, half any block. Half a second after the last shrink the resident size is set in relation to what lives.

use crate::block::Block;
use crate::footprint::Footprint;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Bar, Kind, Row, Workload};
use crate::scratch::Scratch;
use crate::timing::nanoseconds;
use crate::workloads::give_back::{idle_half_second, work_lightly_half_second};

const PHASES: usize = 8;
const OPERATIONS: usize = 10_000_000;
const LARGE: usize = 300_000;
const SMALL: usize = 7_500;
const SIZES: usize = 1 << 16;

const TIME: Row = Row { kind: Kind::Apart, bar: Bar::Shown, ..Row::nanoseconds("phases", "phases", 1.0) };
const PEAK: Row = Row::ratio("phases", "phases-peak-rss", Bar::OfBest(1.0));
const SHRUNK: Row = Row::ratio("phases", "phases-rss-over-live", Bar::AtMost(8.0));
const SHRUNK_IDLE: Row = Row::apart("phases", "phases-idle-rss-over-live", "x", Bar::Shown);

pub(super) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "phases",
        threads: 1,
        cold: true,
        rows: &[TIME, PEAK, SHRUNK],
        run: |report| {
            let found = run(work_lightly_half_second, report);
            report.row(TIME.name, found.time);
            report.row(PEAK.name, found.peak);
            report.row(SHRUNK.name, found.shrunk);
        },
    },
    Workload {
        name: "phases-idle",
        threads: 1,
        cold: true,
        rows: &[SHRUNK_IDLE],
        run: |report| {
            let found = run(idle_half_second, report);
            report.row(SHRUNK_IDLE.name, found.shrunk);
        },
    },
];

struct Found {
    time: f64,
    peak: f64,
    shrunk: f64,
}

fn run(wait: fn(), report: &mut Report) -> Found {
    let mut heap = Heap::new();
    let footprint = Footprint::start();
    let (time, ()) = nanoseconds(|| {
        for phase in 1..=PHASES {
            heap.grow();
            heap.replace_until(OPERATIONS * phase / PHASES - (LARGE - SMALL));
            heap.shrink();
        }
    });
    let peak = footprint.peak_growth();
    wait();
    report.extra("live_pages_over_live", heap.live_pages() as f64 * 4096.0 / heap.requested as f64);
    report.extra("live_bytes", heap.requested as f64);
    report.extra("peak_requested_bytes", heap.most as f64);
    Found {
        time: time / heap.operations as f64,
        peak: peak / heap.most as f64,
        shrunk: footprint.growth() / heap.requested as f64,
    }
}

/// The live blocks, the first `live` places of an array, and what was done to them.
struct Heap {
    blocks: Scratch<Option<Block>>,
    sizes: Scratch<usize>,
    rng: Rng,
    live: usize,
    requested: usize,
    most: usize,
    operations: usize,
}

impl Heap {
    fn new() -> Self {
        let mut rng = Rng::new(9);
        let sizes = Scratch::new(SIZES, |_| rng.log_normal(300.0, 1.2, 8, 8192));
        let blocks = Scratch::new(LARGE, |_| None);
        Self { blocks, sizes, rng, live: 0, requested: 0, most: 0, operations: 0 }
    }

    fn grow(&mut self) {
        while self.live < LARGE {
            if self.rng.below(4) == 0 && self.live > 0 {
                self.free();
            } else {
                self.allocate();
            }
        }
    }

    fn replace_until(&mut self, operations: usize) {
        while self.operations < operations {
            self.free();
            self.allocate();
        }
    }

    fn shrink(&mut self) {
        while self.live > SMALL {
            self.free();
        }
    }

    #[inline]
    fn allocate(&mut self) {
        let size = self.sizes[self.rng.below(SIZES)];
        self.blocks[self.live] = Some(Block::new(size));
        self.live += 1;
        self.operations += 1;
        self.requested += size;
        self.most = self.most.max(self.requested);
    }

    /// Pages in which some live block lies: what must stay resident as long as no block is moved.
    fn live_pages(&mut self) -> usize {
        let blocks = &mut self.blocks[..self.live];
        blocks.sort_unstable_by_key(|block| block.as_ref().map(Block::pages));
        let mut next = 0;
        let mut pages = 0;
        for (first, last) in blocks.iter().flatten().map(Block::pages) {
            pages += (last + 1).saturating_sub(first.max(next));
            next = next.max(last + 1);
        }
        pages
    }

    /// Frees one block and closes the gap with the last. The young are at the end.
    #[inline]
    fn free(&mut self) {
        let young = if self.rng.below(2) == 0 { self.live / 16 } else { self.live };
        let chosen = self.live - 1 - self.rng.below(young.max(1));
        self.live -= 1;
        self.operations += 1;
        self.blocks.swap(chosen, self.live);
        if let Some(block) = self.blocks[self.live].take() {
            self.requested -= block.size();
            block.free();
        }
    }
}
