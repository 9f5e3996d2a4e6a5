//! One change of eight bytes, made durable, again and again: what a commit costs at the least.

use crate::durable::contender::Contender::{Disk, Fjall, Lmdb, Msync, Outlive, Redb, Sqlite};
use crate::durable::disk::{BLOCK, Direct};
use crate::durable::heap::{Array, Words, first_value};
use crate::durable::mapped::Mapped;
use crate::durable::stores::{filled, value};
use crate::durable::{Bar, Contender, Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::spread::Spread;
use crate::timing::nanoseconds;

const FAMILY: &str = "One change of 8 bytes";
const COMMITS: usize = 2000;
/// Commits before those that count.
const WARM: usize = 100;

/// A trial with a heap of so many bytes. Names are literals: rows must be known without running anything.
macro_rules! small {
    ($name:literal, $bytes:expr, $by:expr, $bars:expr, $tail_bars:expr) => {
        Trial {
            name: $name,
            cold: false,
            rows: &[
                Row { family: FAMILY, name: $name, unit: "us", by: $by, bars: $bars },
                Row { family: FAMILY, name: concat!($name, "-p99"), unit: "us", by: $by, bars: $tail_bars },
            ],
            run: |setting, report| {
                let times = run(setting, setting.scaled($bytes));
                report.row($name, times.median().expect("commits"));
                report.row(concat!($name, "-p99"), times.ninety_ninth().expect("commits"));
            },
        }
    };
}

const EVERYBODY: &[Contender] = &[Outlive, Lmdb, Redb, Fjall, Sqlite, Msync, Disk];
const AGAINST_ALL: &[Bar] = &[Bar::Of(1.5, Disk), Bar::OfBest(1.0)];

pub(super) const TRIALS: &[Trial] = &[
    small!("commit-8b-16m", 16 << 20, &[Outlive, Msync], &[], &[]),
    small!("commit-8b-100m", 100 << 20, EVERYBODY, AGAINST_ALL, AGAINST_ALL),
    small!("commit-8b-1g", 1 << 30, &[Outlive, Msync], &[Bar::OfRow(1.2, "commit-8b-16m")], &[]),
    Trial {
        name: "append-4k-growing",
        cold: false,
        rows: &[Row { family: FAMILY, name: "append-4k-growing", unit: "us", by: &[Disk], bars: &[] }],
        run: growing,
    },
];

fn run(setting: &Setting, bytes: usize) -> Spread {
    match setting.contender {
        Outlive => in_heap(setting, bytes),
        Msync => in_mapping(setting, bytes),
        Disk => on_disk(setting),
        _ => in_database(setting, bytes),
    }
}

/// Microseconds of each of [`COMMITS`].
fn commits(mut commit: impl FnMut(u64)) -> Spread {
    let mut times = Spread::default();
    for number in 0..WARM + COMMITS {
        let time = nanoseconds(|| commit(number as u64 + 1)).0;
        if number >= WARM {
            times.push(time / 1000.0);
        }
    }
    times
}

fn in_heap(setting: &Setting, bytes: usize) -> Spread {
    let path = setting.folder.join("heap");
    let array = Array::built(&path, bytes);
    let mut rng = Rng::new(1);
    let mut last = 0;
    let times = commits(|number| {
        last = rng.below(array.words());
        array.put(last, number);
        assert_eq!(array.persist().pages, 1, "no other page was changed");
    });
    // A crash would do as well; what was committed is there either way.
    array.close();
    let again = Array::open(&path, bytes);
    assert_eq!(again.get(last), (WARM + COMMITS) as u64);
    let untouched = (0..again.words()).filter(|&index| again.get(index) == first_value(index)).count();
    assert!(untouched >= again.words() - WARM - COMMITS && untouched < again.words());
    times
}

fn in_mapping(setting: &Setting, bytes: usize) -> Spread {
    let mapped = Mapped::create(&setting.folder.join("mapped"), bytes, setting.contender);
    let mut rng = Rng::new(1);
    commits(|number| {
        let index = rng.below(mapped.words());
        mapped.put(index, number);
        mapped.sync(index..index + 1);
    })
}

/// As many bytes of entries as the heap has, of which one gets eight other bytes.
fn in_database(setting: &Setting, bytes: usize) -> Spread {
    let count = bytes / 100;
    let mut store = filled(setting, count);
    let mut rng = Rng::new(1);
    commits(|number| {
        let key = rng.below(count) as u64;
        let mut entry = value(key, 0);
        entry[..8].copy_from_slice(&number.to_le_bytes());
        store.update(&[(key, entry)]);
    })
}

/// One block after the other of a file that has its space.
fn on_disk(setting: &Setting) -> Spread {
    let disk = Direct::create(&setting.folder.join("disk"), (WARM + COMMITS + 1) * BLOCK, BLOCK);
    commits(|number| disk.write(usize::try_from(number).expect("a small number") * BLOCK, BLOCK))
}

/// One block after the other behind the end of a file.
fn growing(setting: &Setting, report: &mut Report) {
    let disk = Direct::create(&setting.folder.join("disk"), BLOCK, BLOCK);
    let times = commits(|number| disk.write(usize::try_from(number).expect("a small number") * BLOCK, BLOCK));
    report.row("append-4k-growing", times.median().expect("commits"));
}
