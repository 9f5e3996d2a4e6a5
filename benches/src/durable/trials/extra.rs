//! Memory that a commit costs beyond the pages that were written.

use super::scattered::{HEAP, PAGES, random_pages, scatter};
use crate::durable::contender::Contender::Outlive;
use crate::durable::disk::BLOCK;
use crate::durable::heap::{Array, Words};
use crate::durable::usage::{anonymous, of_files};
use crate::durable::{Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;

const FAMILY: &str = "Memory beside the dirty pages, 16,384 of 1 GiB";
/// Commits, each of as many other pages; all of them together fit into the log.
const COMMITS: u64 = 10;

pub(super) const TRIALS: &[Trial] = &[Trial {
    name: "extra",
    cold: true,
    rows: &[
        Row { family: FAMILY, name: "extra-own", unit: "MiB", by: &[Outlive], bars: &[] },
        Row { family: FAMILY, name: "extra-mapped", unit: "MiB", by: &[Outlive], bars: &[] },
        Row { family: FAMILY, name: "extra-own-10-commits", unit: "MiB", by: &[Outlive], bars: &[] },
    ],
    run,
}];

fn run(setting: &Setting, report: &mut Report) {
    let bytes = setting.scaled(HEAP);
    let array = Array::built(&setting.folder.join("heap"), bytes);
    let (mut rng, mut dirty) = (Rng::new(13), std::collections::BTreeSet::new());
    let mebibytes = |bytes: f64| bytes / f64::from(1 << 20);
    let (own, mapped) = (anonymous(), of_files());
    for number in 1..=COMMITS {
        let pages = random_pages(&mut rng, array.words(), setting.scaled(PAGES));
        scatter(&array, &pages, number);
        array.persist();
        dirty.extend(pages);
        let beyond = mebibytes(anonymous() - own - (dirty.len() * BLOCK) as f64);
        if number == 1 {
            report.row("extra-own", beyond);
            report.row("extra-mapped", mebibytes(of_files() - mapped));
        } else if number == COMMITS {
            report.row("extra-own-10-commits", beyond);
        }
    }
    array.close();
}
