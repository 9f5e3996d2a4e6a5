//! The same small changes in tracked memory, where whoever writes notes what: a commit costs what it changes.

use std::alloc::Layout;
use std::path::Path;
use std::ptr::NonNull;

use outlive::{Commit, Heap};

use crate::durable::contender::Contender::{Disk, Outlive};
use crate::durable::disk::BLOCK;
use crate::durable::{Bar, Row, Setting, Trial};
use crate::report::Report;
use crate::rng::Rng;
use crate::spread::Spread;
use crate::timing::nanoseconds;

const FAMILY: &str = "Tracked memory";
const ENTRIES: usize = 1_000_000;
/// Bytes of an entry.
const ENTRY: usize = 100;

/// Changes in a commit, and how many such commits there are.
const STEPS: [(usize, usize); 3] = [(1, 1000), (100, 300), (10_000, 60)];

const fn row(name: &'static str, bars: &'static [Bar]) -> Row {
    Row { family: FAMILY, name, unit: "us", by: &[Outlive], bars }
}

/// Eight bytes of random entries, and whole entries.
const ROWS: &[Row] = &[
    row("tracked-1", &[Bar::AtMost(50.0)]),
    row("tracked-100", &[Bar::AtMost(60.0)]),
    row("tracked-10000", &[Bar::AtMost(1500.0)]),
    row("tracked-10000-mean", &[]),
    row("tracked-whole-1", &[]),
    row("tracked-whole-100", &[Bar::OfBestIn(0.2, "entries-100")]),
    row("tracked-whole-10000", &[Bar::OfBestIn(0.1, "entries-10000")]),
    row("tracked-whole-10000-mean", &[]),
];

const COMMITS: usize = 1000;
/// Commits before those that count.
const WARM: usize = 100;

/// One word of a heap of so many bytes.
macro_rules! small {
    ($name:literal, $bytes:expr, $bars:expr) => {
        Trial {
            name: $name,
            cold: false,
            rows: &[row($name, $bars)],
            run: |setting, report| report.row($name, small(setting, setting.scaled($bytes))),
        }
    };
}

pub(super) const TRIALS: &[Trial] = &[
    Trial { name: "tracked-entries", cold: true, rows: ROWS, run },
    small!("tracked-8b-16m", 16 << 20, &[]),
    small!("tracked-8b-100m", 100 << 20, &[Bar::OfIn(1.5, Disk, "commit-8b-100m")]),
    small!("tracked-8b-1g", 1 << 30, &[Bar::OfRow(1.1, "tracked-8b-16m")]),
];

/// A heap with one tracked block, which is the root.
struct Block {
    heap: Heap,
    start: NonNull<u8>,
    bytes: usize,
}

impl Block {
    /// A new one, filled, closed and opened again.
    fn built(path: &Path, bytes: usize) -> Self {
        let heap = Heap::open(path).expect("a new heap");
        let layout = Layout::from_size_align(bytes, BLOCK).expect("a valid layout");
        let start = heap.tracked().allocate(layout).expect("room in the heap");
        heap.set_root(Some(start));
        let new = Self { heap, start, bytes };
        (0..bytes / 8).for_each(|word| new.put(word * 8, &(word as u64 | 1).to_le_bytes()));
        new.heap.persist().expect("a commit");
        new.close();
        Self::open(path, bytes)
    }

    fn open(path: &Path, bytes: usize) -> Self {
        let heap = Heap::restore(path).expect("a heap");
        let start = heap.root().expect("the root that was set");
        Self { heap, start, bytes }
    }

    /// Notes these bytes, and writes them.
    fn put(&self, at: usize, value: &[u8]) {
        assert!(at + value.len() <= self.bytes);
        // SAFETY: compared just now.
        let place = unsafe { self.start.add(at) }.as_ptr();
        self.heap.tracked().note(place, value.len());
        // SAFETY: bytes of our own block.
        unsafe { place.copy_from_nonoverlapping(value.as_ptr(), value.len()) };
    }

    fn word(&self, at: usize) -> u64 {
        assert!(at + 8 <= self.bytes);
        // SAFETY: compared just now.
        let place = unsafe { self.start.add(at) };
        // SAFETY: bytes of our own block, which was filled.
        unsafe { place.cast::<u64>().read_unaligned() }
    }

    fn persist(&self) -> Commit {
        self.heap.persist().expect("a commit")
    }

    fn close(self) {
        self.heap.close().expect("a clean close");
    }
}

fn run(setting: &Setting, report: &mut Report) {
    let (count, path) = (setting.scaled(ENTRIES), setting.folder.join("heap"));
    let block = Block::built(&path, count * ENTRY);
    // The first commit makes the log.
    block.put(0, &[1]);
    block.persist();
    let (mut rng, mut version, mut last) = (Rng::new(3), 1_u8, vec![0; count]);
    for (rows, len) in ROWS.chunks(4).zip([8, ENTRY]) {
        for (row, (changes, commits)) in rows.iter().zip(STEPS) {
            let (mut times, mut sum, mut parts) = (Spread::default(), 0.0, [0.0; 2]);
            for _ in 0..commits {
                version = version.wrapping_add(1).max(2);
                let keys: Vec<usize> = (0..changes).map(|_| rng.below(count)).collect();
                keys.iter().for_each(|key| last[*key] = version);
                let value = [version; ENTRY];
                let (time, commit) = nanoseconds(|| {
                    keys.iter().for_each(|key| block.put(key * ENTRY, &value[..len]));
                    block.persist()
                });
                assert!(commit.noted >= 1 && commit.compared <= 4, "nothing else was looked at");
                times.push(time / 1000.0);
                sum += time / 1000.0;
                parts[0] += commit.capture.as_secs_f64() * 1e6 / commits as f64;
                parts[1] += commit.log.as_secs_f64() * 1e6 / commits as f64;
            }
            report.row(row.name, times.median().expect("commits"));
            if changes == 10_000 {
                report.row(rows[3].name, sum / commits as f64);
                report.extra(if len == 8 { "capture_us" } else { "capture_whole_us" }, parts[0]);
                report.extra(if len == 8 { "log_us" } else { "log_whole_us" }, parts[1]);
            }
        }
    }
    block.close();
    let again = Block::open(&path, count * ENTRY);
    for (key, version) in last.into_iter().enumerate().filter(|(_, version)| *version > 0) {
        assert_eq!(again.word(key * ENTRY), u64::from_le_bytes([version; 8]), "entry {key}");
    }
}

/// Microseconds of a commit of one word.
fn small(setting: &Setting, bytes: usize) -> f64 {
    let path = setting.folder.join("heap");
    let block = Block::built(&path, bytes);
    let (mut rng, mut times, mut last) = (Rng::new(1), Spread::default(), (0, 0));
    for number in 0..(WARM + COMMITS) as u64 {
        let at = rng.below(bytes / 8) * 8;
        let (time, commit) = nanoseconds(|| {
            block.put(at, &number.to_le_bytes());
            block.persist()
        });
        assert_eq!(commit.lines, 1, "nothing else was changed");
        if number >= WARM as u64 {
            times.push(time / 1000.0);
        }
        last = (at, number);
    }
    block.close();
    assert_eq!(Block::open(&path, bytes).word(last.0), last.1);
    times.median().expect("commits")
}
