//! The scattered commit 50 times, with the checkpoints that this makes due; and small commits while one is under way.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::scattered::{HEAP, PAGES, random_pages, scatter};
use crate::durable::contender::Contender::{Msync, MsyncPages, Outlive};
use crate::durable::disk::BLOCK;
use crate::durable::heap::{Array, Words};
use crate::durable::mapped::Mapped;
use crate::durable::usage::{threads, written};
use crate::durable::{Bar, Contender, Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::spread::Spread;
use crate::timing::nanoseconds;

const FAMILY: &str = "The same 50 times, with checkpoints";
const COMMITS: usize = 50;
const ALL: &[Contender] = &[Outlive, Msync, MsyncPages];

/// By then, scattered commits have made a log that is long enough for a checkpoint, however small the sizes.
const MOST_SCATTERED: u64 = 4000;
/// More small commits than fit beside a checkpoint.
const MOST_SMALL: usize = 100_000;
/// The heads of the heap's file, which a checkpoint changes as its last deed.
const SLOTS: usize = 8192;

pub(super) const TRIALS: &[Trial] = &[
    Trial {
        name: "repeated",
        cold: true,
        rows: &[
            Row { family: FAMILY, name: "repeated-commit", unit: "ms", by: ALL, bars: &[] },
            Row { family: FAMILY, name: "repeated-mean", unit: "ms", by: ALL, bars: &[] },
            Row { family: FAMILY, name: "repeated-longest", unit: "ms", by: ALL, bars: &[] },
            Row { family: FAMILY, name: "repeated-disk-over-pages", unit: "x", by: ALL, bars: &[] },
        ],
        run: repeated,
    },
    Trial {
        name: "beside-checkpoint",
        cold: true,
        rows: &[
            Row { family: FAMILY, name: "beside-checkpoint", unit: "us", by: &[Outlive], bars: &[] },
            Row {
                family: FAMILY,
                name: "beside-checkpoint-p99",
                unit: "us",
                by: &[Outlive],
                bars: &[Bar::AtMost(2000.0)],
            },
        ],
        run: beside,
    },
];

/// Other pages each time. What the heap's close brings to the disk counts for the bytes, not for the time.
fn repeated(setting: &Setting, report: &mut Report) {
    let bytes = setting.scaled(HEAP);
    let path = setting.folder.join("heap");
    if setting.contender == Outlive {
        let array = Array::built(&path, bytes);
        let before = written();
        let times = commits(setting, &array, || {
            array.persist();
        });
        array.close();
        tell(setting, &times, written() - before, report);
    } else {
        let mapped = Mapped::create(&path, bytes, setting.contender);
        let before = written();
        let times = commits(setting, &mapped, || mapped.sync_all());
        tell(setting, &times, written() - before, report);
    }
}

/// Milliseconds of each commit, writes included.
fn commits(setting: &Setting, words: &impl Words, persist: impl Fn()) -> Vec<f64> {
    let mut rng = Rng::new(6);
    let one = |number| {
        let pages = random_pages(&mut rng, words.words(), setting.scaled(PAGES));
        nanoseconds(|| {
            scatter(words, &pages, number);
            persist();
        })
    };
    (1..=COMMITS as u64).map(one).map(|(time, ())| time / 1e6).collect()
}

fn tell(setting: &Setting, times: &[f64], bytes: f64, report: &mut Report) {
    let mut spread = Spread::default();
    times.iter().for_each(|&time| spread.push(time));
    let pages = (COMMITS * setting.scaled(PAGES) * BLOCK) as f64;
    report.row("repeated-commit", spread.median().expect("commits"));
    report.row("repeated-mean", times.iter().sum::<f64>() / COMMITS as f64);
    report.row("repeated-longest", spread.range().expect("commits").1);
    report.row("repeated-disk-over-pages", bytes / pages);
}

/// Commits scattered pages until one of them begins a checkpoint, and small changes from then on until that is over.
fn beside(setting: &Setting, report: &mut Report) {
    let bytes = setting.scaled(HEAP);
    let path = setting.folder.join("heap");
    let array = Array::built(&path, bytes);
    let mut rng = Rng::new(7);
    // What the heap's building left to a thread must be over: from then on a second thread is a checkpoint's.
    while threads() > 1.0 {
        sleep(Duration::from_millis(10));
    }
    let begun = (1..MOST_SCATTERED).find(|&number| {
        let pages = random_pages(&mut rng, array.words(), setting.scaled(PAGES));
        scatter(&array, &pages, number);
        array.persist();
        threads() > 1.0
    });
    assert!(begun.is_some(), "no commit began a checkpoint");
    let (slots, mut times) = (slots(&path), Spread::default());
    let mut commits = 0;
    while self::slots(&path) == slots && commits < MOST_SMALL {
        let index = rng.below(array.words());
        array.put(index, 1);
        times.push(nanoseconds(|| array.persist()).0 / 1000.0);
        commits += 1;
    }
    report.row("beside-checkpoint", times.median().expect("commits"));
    report.row("beside-checkpoint-p99", times.ninety_ninth().expect("commits"));
    report.extra("commits_beside", f64::from(u32::try_from(commits).expect("few")));
    report.extra("longest_us", times.range().expect("commits").1);
    array.close();
}

fn slots(heap: &Path) -> Vec<u8> {
    let mut slots = vec![0; SLOTS];
    File::open(heap).and_then(|file| file.read_exact_at(&mut slots, 0)).expect("the heap's file");
    slots
}
