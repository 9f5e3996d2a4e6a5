//! One word on each of many pages of a large heap, and then one commit: what a commit costs that finds little everywhere.

use crate::durable::contender::Contender::{Msync, MsyncPages, Outlive};
use crate::durable::heap::{Array, PAGE_WORDS, Words, first_value};
use crate::durable::mapped::Mapped;
use crate::durable::usage::written;
use crate::durable::{Bar, Contender, Row, Setting, Trial};
use crate::rng::Rng;
use crate::timing::nanoseconds;

const FAMILY: &str = "16,384 pages of a heap of 1 GiB";
/// The heap's bytes.
pub(super) const HEAP: usize = 1 << 30;
/// The pages with a word that changes.
pub(super) const PAGES: usize = 16_384;
const ALL: &[Contender] = &[Outlive, Msync, MsyncPages];

/// A heap that was just opened, and one all of whose pages were written and committed before.
macro_rules! scattered {
    ($name:literal, $written:literal) => {
        Trial {
            name: $name,
            cold: true,
            rows: &[
                Row { family: FAMILY, name: concat!($name, "-persist"), unit: "ms", by: ALL, bars: &[] },
                Row { family: FAMILY, name: concat!($name, "-all"), unit: "ms", by: ALL, bars: &[] },
                Row { family: FAMILY, name: concat!($name, "-to-disk"), unit: "MiB", by: ALL, bars: &[] },
                Row {
                    family: FAMILY,
                    name: concat!($name, "-log-a-line"),
                    unit: "bytes",
                    by: &[Outlive],
                    bars: &[Bar::AtMost(100.0)],
                },
            ],
            run: |setting, report| {
                let found = run(setting, $written);
                report.row(concat!($name, "-persist"), found.persist);
                report.row(concat!($name, "-all"), found.all);
                report.row(concat!($name, "-to-disk"), found.bytes / f64::from(1 << 20));
                if let Some(lines) = found.lines {
                    report.row(concat!($name, "-log-a-line"), found.bytes / lines);
                    report.extra("capture_ms", found.capture);
                }
            },
        }
    };
}

pub(super) const TRIALS: &[Trial] =
    &[scattered!("scattered-opened", false), scattered!("scattered-written", true)];

/// What one round of writes and their commit took.
#[derive(Default)]
struct Found {
    /// Milliseconds.
    persist: f64,
    all: f64,
    capture: f64,
    /// To the disk.
    bytes: f64,
    /// Lines that were logged, if somebody counts them.
    lines: Option<f64>,
}

/// Different pages in random order.
pub(super) fn random_pages(rng: &mut Rng, words: usize, count: usize) -> Vec<usize> {
    let mut pages: Vec<usize> = (0..words / PAGE_WORDS).collect();
    rng.shuffle(&mut pages);
    pages.truncate(count);
    pages
}

/// Changes one word on each of these pages: which one depends on the page only.
pub(super) fn scatter(words: &impl Words, pages: &[usize], value: u64) {
    for &page in pages {
        words.put(word_of(page), value);
    }
}

/// The word of a page that [`scatter`] changes.
pub(super) const fn word_of(page: usize) -> usize {
    page * PAGE_WORDS + page * 37 % PAGE_WORDS
}

fn run(setting: &Setting, written_before: bool) -> Found {
    let bytes = setting.scaled(HEAP);
    let pages = random_pages(&mut Rng::new(5), bytes / 8, setting.scaled(PAGES));
    let path = setting.folder.join("heap");
    if setting.contender != Outlive {
        let mapped = Mapped::create(&path, bytes, setting.contender);
        return measure(&mapped, &pages, written_before, || {
            mapped.sync_all();
            Found::default()
        });
    }
    let array = Array::built(&path, bytes);
    let found = measure(&array, &pages, written_before, || {
        let commit = array.persist();
        Found {
            capture: commit.capture.as_secs_f64() * 1e3,
            lines: Some(commit.lines as f64),
            ..Found::default()
        }
    });
    array.close();
    check(&Array::open(&path, bytes), &pages, written_before);
    found
}

fn measure(
    words: &impl Words,
    pages: &[usize],
    written_before: bool,
    mut persist: impl FnMut() -> Found,
) -> Found {
    if written_before {
        let all: Vec<usize> = (0..words.words() / PAGE_WORDS).collect();
        scatter(words, &all, 1);
        persist();
    } else {
        // The first commit makes the log.
        words.put(0, 1);
        persist();
    }
    let before = written();
    let (writes, ()) = nanoseconds(|| scatter(words, pages, 2));
    let (time, found) = nanoseconds(persist);
    let bytes = written() - before;
    Found { persist: time / 1e6, all: (writes + time) / 1e6, bytes, ..found }
}

/// Whether all words are there after the heap was closed and opened.
fn check(array: &Array, pages: &[usize], written_before: bool) {
    for page in 0..array.words() / PAGE_WORDS {
        let word = word_of(page);
        let old = if written_before { 1 } else { first_value(word) };
        let is_old = array.get(word) == old || (word == 0 && array.get(word) == 1);
        assert!(is_old || array.get(word) == 2, "page {page}");
    }
    assert!(pages.iter().all(|&page| array.get(word_of(page)) == 2), "what was committed");
}
