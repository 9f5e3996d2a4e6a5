//! A map of entries that a program keeps from one run to the next: built once, read and changed, and there again after a start.

use std::env::current_exe;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::durable::contender::Contender::{Bincode, Fjall, Lmdb, Outlive, Redb, Rkyv, Sqlite};
use crate::durable::stores::{self, Entry, first_word, value};
use crate::durable::{Bar, Contender, Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::spread::Spread;
use crate::timing::nanoseconds;

const FAMILY: &str = "A map that is kept";
const ENTRIES: usize = 1_000_000;
const LOOKUPS: usize = 100_000;
const ROUNDS: usize = 7;
const STARTS: usize = 7;

/// The argument with which the program becomes one that opens the map, looks entries up, says their sum, and ends.
pub const START: &str = "--start";

const ALL: &[Contender] = &[Outlive, Lmdb, Redb, Fjall, Sqlite, Bincode, Rkyv];
const CHANGED: &[Contender] = &[Outlive, Lmdb, Redb, Fjall, Sqlite, Bincode];
const IN_MEMORY: &[Contender] = &[Outlive, Bincode];
const AGAINST_ALL: &[Bar] = &[Bar::OfBest(1.0), Bar::Of(1.0, Bincode), Bar::Of(1.0, Rkyv)];

const ROWS: &[Row] = &[
    Row { family: FAMILY, name: "kept-build", unit: "ms", by: ALL, bars: AGAINST_ALL },
    Row {
        family: FAMILY,
        name: "kept-lookup",
        unit: "ns",
        by: ALL,
        bars: &[Bar::OfBest(1.0), Bar::Of(1.2, Rkyv)],
    },
    Row { family: FAMILY, name: "kept-change", unit: "ns", by: IN_MEMORY, bars: &[Bar::Of(1.0, Bincode)] },
    Row {
        family: FAMILY,
        name: "kept-commit",
        unit: "ms",
        by: CHANGED,
        bars: &[Bar::OfBest(1.0), Bar::Of(1.0, Bincode)],
    },
    Row { family: FAMILY, name: "kept-start", unit: "ms", by: ALL, bars: AGAINST_ALL },
    Row { family: FAMILY, name: "kept-start-100000", unit: "ms", by: ALL, bars: AGAINST_ALL },
];

pub(super) const TRIALS: &[Trial] = &[Trial { name: "kept", cold: true, rows: ROWS, run }];

fn run(setting: &Setting, report: &mut Report) {
    let (count, lookups) = (setting.scaled(ENTRIES), setting.scaled(LOOKUPS));
    let entries: Vec<Entry> = (0..count as u64).map(|key| (key, value(key, 0))).collect();
    let (time, store) = nanoseconds(|| {
        let mut store = stores::kept(setting.contender, &setting.folder);
        store.insert(&entries);
        store
    });
    report.row("kept-build", time / 1e6);
    let mut store = store.again();
    // Everything is in memory that any contender will have there.
    check(store.look_up(&keys(count, count, 0)), &keys(count, count, 0));
    let mut times = Spread::default();
    for round in 1..=ROUNDS as u64 {
        let keys = keys(count, lookups, round);
        let (time, sum) = nanoseconds(|| store.look_up(&keys));
        check(sum, &keys);
        times.push(time / lookups as f64);
    }
    report.row("kept-lookup", times.median().expect("rounds"));
    let changed = |round, version| -> Vec<Entry> {
        keys(count, lookups, round).into_iter().map(|key| (key, value(key, version))).collect()
    };
    if IN_MEMORY.contains(&setting.contender) {
        let mut times = Spread::default();
        for round in 1..=ROUNDS as u64 {
            let entries = changed(round, 0);
            times.push(nanoseconds(|| store.change(&entries)).0 / lookups as f64);
        }
        report.row("kept-change", times.median().expect("rounds"));
    }
    if CHANGED.contains(&setting.contender) {
        let mut times = Spread::default();
        for round in 1..=ROUNDS as u64 {
            let entries = changed(round, round);
            times.push(nanoseconds(|| store.update(&entries)).0 / 1e6);
        }
        report.row("kept-commit", times.median().expect("rounds"));
        // So that the starts know what to expect.
        store.update(&entries);
        store = store.again();
    }
    drop(store);
    report.row("kept-start", starts(setting, count, 1));
    report.row("kept-start-100000", starts(setting, count, lookups));
}

/// Milliseconds from the start of a process until it has looked up so many entries.
fn starts(setting: &Setting, count: usize, lookups: usize) -> f64 {
    let mut times = Spread::default();
    for _ in 0..STARTS {
        let mut program = Command::new(current_exe().expect("this program"));
        program.args([START, setting.contender.name()]).arg(&setting.folder).env_clear();
        program.args([count, lookups].map(|n| n.to_string())).stdout(Stdio::piped());
        let (time, (mut child, said)) = nanoseconds(|| {
            let mut child = program.spawn().expect("a child");
            let mut said = String::new();
            BufReader::new(child.stdout.take().expect("its output")).read_line(&mut said).expect("a line");
            (child, said)
        });
        assert!(child.wait().expect("its end").success());
        check(said.trim().parse().expect("a sum"), &keys(count, lookups, lookups as u64));
        times.push(time / 1e6);
    }
    times.median().expect("starts")
}

/// What is started: it opens the map and says what it finds.
pub fn start(contender: Contender, folder: &Path, count: usize, lookups: usize) {
    let mut store = stores::kept(contender, folder);
    println!("{}", store.look_up(&keys(count, lookups, lookups as u64)));
}

/// Random keys, the same for the same seed.
fn keys(count: usize, number: usize, seed: u64) -> Vec<u64> {
    let mut rng = Rng::new(seed + 17);
    (0..number).map(|_| rng.below(count) as u64).collect()
}

/// Compares the sum of what was found with that of what was written.
fn check(sum: u64, keys: &[u64]) {
    let right = keys.iter().fold(0, |sum: u64, key| sum.wrapping_add(first_word(&value(*key, 0))));
    assert_eq!(sum, right, "the values of {} keys", keys.len());
}
