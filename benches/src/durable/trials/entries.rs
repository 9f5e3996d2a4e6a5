//! Random changes of entries of 100 bytes, 1 to 10,000 in a commit: where databases are at home.

use crate::durable::contender::Contender::{Fjall, Lmdb, Outlive, Redb, Sqlite};
use crate::durable::stores::{Entry, Store, fill, filled, kept, value};
use crate::durable::{Bar, Contender, Row, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::spread::Spread;
use crate::timing::nanoseconds;

const FAMILY: &str = "Changes of entries";
const ENTRIES: usize = 1_000_000;
const BY: &[Contender] = &[Outlive, Lmdb, Redb, Fjall, Sqlite];

/// Changes in a commit, and how many such commits there are.
const STEPS: [(usize, usize); 3] = [(1, 1000), (100, 300), (10_000, 60)];
const ROWS: &[Row] = &[
    Row { family: FAMILY, name: "entries-1", unit: "us", by: BY, bars: &[Bar::OfBest(1.0)] },
    Row { family: FAMILY, name: "entries-100", unit: "us", by: BY, bars: &[Bar::OfBest(0.5)] },
    Row { family: FAMILY, name: "entries-10000", unit: "us", by: BY, bars: &[Bar::OfBest(0.15)] },
    Row { family: FAMILY, name: "entries-10000-mean", unit: "us", by: BY, bars: &[Bar::OfBest(0.15)] },
];

/// The same in a hash map that is a heap's root, through its guards and pointers.
const GUARDED: &[Row] = &[
    guarded("guarded-1", &[Bar::OfBestIn(1.0, "entries-1")]),
    guarded("guarded-100", &[Bar::OfBestIn(0.2, "entries-100")]),
    guarded("guarded-10000", &[Bar::OfBestIn(0.1, "entries-10000")]),
    guarded("guarded-10000-mean", &[]),
];

const fn guarded(name: &'static str, bars: &'static [Bar]) -> Row {
    Row { family: FAMILY, name, unit: "us", by: &[Outlive], bars }
}

pub(super) const TRIALS: &[Trial] = &[
    Trial {
        name: "entries",
        cold: true,
        rows: ROWS,
        run: |setting, report| {
            let count = setting.scaled(ENTRIES);
            run(ROWS, filled(setting, count), count, report);
        },
    },
    Trial {
        name: "guarded",
        cold: true,
        rows: GUARDED,
        run: |setting, report| {
            let count = setting.scaled(ENTRIES);
            run(GUARDED, fill(kept(setting.contender, &setting.folder), count), count, report);
        },
    },
];

/// Every entry's last version, to be compared in the end.
struct Versions(Vec<u64>);

fn run(rows: &[Row], mut store: Box<dyn Store>, count: usize, report: &mut Report) {
    let (mut versions, mut rng) = (Versions(vec![0; count]), Rng::new(3));
    let mut version = 0;
    for (row, (changes, commits)) in rows.iter().zip(STEPS) {
        let mut times = Spread::default();
        let mut sum = 0.0;
        for _ in 0..commits {
            version += 1;
            let entries = versions.next(changes, version, &mut rng);
            let time = nanoseconds(|| store.update(&entries)).0 / 1000.0;
            times.push(time);
            sum += time;
        }
        report.row(row.name, times.median().expect("commits"));
        if changes == 10_000 {
            report.row(rows[STEPS.len()].name, sum / commits as f64);
        }
    }
    versions.check(&mut *store.again());
}

impl Versions {
    /// New values for random entries.
    fn next(&mut self, changes: usize, version: u64, rng: &mut Rng) -> Vec<Entry> {
        let one = |_| {
            let key = rng.below(self.0.len());
            self.0[key] = version;
            (key as u64, value(key as u64, version))
        };
        (0..changes).map(one).collect()
    }

    /// Compares one entry of ten with what was written last.
    fn check(&self, store: &mut dyn Store) {
        for (key, &version) in self.0.iter().enumerate().step_by(10) {
            assert!(store.get(key as u64) == value(key as u64, version), "entry {key}, version {version}");
        }
    }
}
