//! Random replacement in a large live set of mixed sizes: cache misses, reuse and fragmentation.

use crate::block::Block;
use crate::footprint::Footprint;
use crate::report::Report;
use crate::rng::Rng;
use crate::row::{Bar, Row, Workload};
use crate::scratch::Scratch;
use crate::timing::median_per_operation;

const LIVE: usize = 100_000;
const REPLACED: usize = 300_000;
const REPETITIONS: usize = 8;
const SIZES: usize = 1 << 16;

const TIME: Row = Row::nanoseconds("churn", "churn", 1.0);
const PEAK: Row = Row::ratio("churn", "churn-peak-rss", Bar::AtMost(1.10));

pub(super) const WORKLOADS: &[Workload] =
    &[Workload { name: "churn", threads: 1, cold: true, rows: &[TIME, PEAK], run }];

/// One operation frees a random block of the live set and allocates another in its place.
fn run(report: &mut Report) {
    let mut rng = Rng::new(2);
    let sizes = Scratch::new(SIZES, |_| rng.log_normal(200.0, 1.2, 8, 8192));
    let mut blocks: Scratch<Option<Block>> = Scratch::new(LIVE, |_| None);
    let footprint = Footprint::start();

    let mut requested = 0;
    for place in blocks.iter_mut() {
        let size = sizes[rng.below(SIZES)];
        requested += size;
        *place = Some(Block::new(size));
    }
    let mut most = requested;
    let time = median_per_operation(REPETITIONS, REPLACED, || {
        for _ in 0..REPLACED {
            let place = &mut blocks[rng.below(LIVE)];
            if let Some(old) = place.take() {
                requested -= old.size();
                old.free();
            }
            let size = sizes[rng.below(SIZES)];
            requested += size;
            most = most.max(requested);
            *place = Some(Block::new(size));
        }
    });
    report.row(TIME.name, time);
    report.row(PEAK.name, footprint.peak_growth() / most as f64);
    report.extra("requested_bytes", most as f64);
}
