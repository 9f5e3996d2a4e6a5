//! Opening a heap whose process was killed, with as long a log as there usually is at the most.

use std::env::current_exe;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::park;

use super::scattered::{HEAP, PAGES, random_pages, scatter, word_of};
use crate::durable::contender::Contender::Outlive;
use crate::durable::heap::{Array, Words, log_bytes};
use crate::durable::{Bar, Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::timing::nanoseconds;

const FAMILY: &str = "Opening after a crash";
/// How long the child's log gets: a checkpoint would begin with the next commit.
const LOGGED: usize = 64 << 20;

/// The argument with which the program becomes the child that is killed.
pub const CHILD: &str = "--crash-child";

pub(super) const TRIALS: &[Trial] = &[Trial {
    name: "crash",
    cold: true,
    rows: &[
        Row {
            family: FAMILY,
            name: "open-after-crash",
            unit: "ms",
            by: &[Outlive],
            bars: &[Bar::AtMost(500.0)],
        },
        Row { family: FAMILY, name: "close-after-crash", unit: "ms", by: &[Outlive], bars: &[] },
    ],
    run,
}];

fn run(setting: &Setting, report: &mut Report) {
    let (path, bytes) = (setting.folder.join("heap"), setting.scaled(HEAP));
    let mut child = Command::new(current_exe().expect("this program"));
    child
        .arg(CHILD)
        .arg(&path)
        .args([bytes, setting.scaled(PAGES), setting.scaled(LOGGED)].map(|n| n.to_string()));
    let mut child = child.stdout(Stdio::piped()).spawn().expect("a child");
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("its output")).read_line(&mut said).expect("a line");
    child.kill().expect("a child that can be killed");
    child.wait().expect("its end");
    let commits: u64 = said.trim().parse().expect("how many commits it made");

    let (time, array) = nanoseconds(|| Array::open(&path, bytes));
    report.row("open-after-crash", time / 1e6);
    report.extra("commits_replayed", commits as f64);
    assert_eq!(array.heap.last_commit(), commits);
    check(&array, commits, setting.scaled(PAGES));
    report.row("close-after-crash", nanoseconds(|| array.close()).0 / 1e6);
}

/// What was killed: it builds a heap, fills a log with commits, says how many commits there are and waits.
pub fn child(path: &Path, bytes: usize, pages: usize, logged: usize) {
    let array = Array::built(path, bytes);
    let mut rng = Rng::new(9);
    loop {
        // Commit 1 built the heap.
        let number = array.heap.last_commit() + 1;
        scatter(&array, &random_pages(&mut rng, array.words(), pages), number);
        array.persist();
        if log_bytes(path) >= logged {
            println!("{number}");
            std::io::stdout().flush().expect("the parent listens");
            park();
        }
    }
}

/// Does what the child did once more, and compares.
fn check(array: &Array, commits: u64, pages: usize) {
    let mut rng = Rng::new(9);
    let mut last = std::collections::BTreeMap::new();
    for number in 2..=commits {
        for page in random_pages(&mut rng, array.words(), pages) {
            last.insert(page, number);
        }
    }
    for (page, number) in last {
        assert_eq!(array.get(word_of(page)), number, "page {page}");
    }
}
