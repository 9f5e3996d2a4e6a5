//! Heaps whose tables are damaged, opened for writing by who verifies nothing: an opening ends in a heap or an error.
//!
//! That is done in a process of its own, which an abort, a fault or a loop without end would end.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "tests read better so")]

mod common;

use std::alloc::Layout;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use common::child;
use common::files::{Filler, Folder, small};
use common::random::Random;
use outlive::{Error, Heap, check};

const CHILD: &str = "opener";
const FOLDER: &str = "OUTLIVE_TEST_FOLDER";
/// An opening that takes so many seconds has no end.
const LONGEST: u32 = 60;
/// How many damaged copies there are of each heap, unless a variable says otherwise.
const SEEDS: &str = "OUTLIVE_TEST_SEEDS";
/// Behind the slots, and before the pages of the first part, lie all of its tables.
const TABLES: std::ops::Range<usize> = 8192..2 << 20;
/// Behind the headers of both parts.
const BEHIND_HEADERS: usize = 8192 + (128 << 10);

/// Fills a heap so that blocks of many classes, and runs, lie in the magazines of two threads when it is committed.
fn fill(heap: &Heap, commits: usize) {
    let barrier = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut filler = Filler::new(5, 12);
            filler.run(heap, 200);
            filler.clear(heap);
            barrier.wait();
            barrier.wait();
        });
        barrier.wait();
        let mut filler = Filler::new(4, 13);
        for _ in 0..commits {
            filler.run(heap, 100);
            for size in [40_000, 70_000, 130_000] {
                let layout = Layout::from_size_align(size, 8).unwrap();
                for block in [(); 3].map(|()| heap.allocate(layout).unwrap()) {
                    // SAFETY: allocated with this layout, and used by nobody.
                    unsafe { heap.deallocate(block, layout) };
                }
            }
            for size in (8..2000).step_by(90) {
                let layout = Layout::from_size_align(size, 8).unwrap();
                let blocks = [(); 2].map(|()| heap.tracked().allocate(layout).unwrap());
                // SAFETY: as above.
                unsafe { heap.tracked().deallocate(blocks[0], layout) };
            }
            heap.persist().unwrap();
        }
        barrier.wait();
    });
}

/// A heap that was closed (`closed`), and one as a crash leaves it (`crashed`, `crashed.log`).
fn samples(folder: &Folder) {
    let heap = small().open(folder.join("live")).unwrap();
    fill(&heap, 3);
    folder.copy("live", "crashed");
    folder.copy("live.log", "crashed.log");
    heap.close().unwrap();
    fs::rename(folder.join("live"), folder.join("closed")).unwrap();
}

/// Changes words of the tables: to anything, to what is nearly right, to what another word says.
fn damage(bytes: &mut [u8], random: &mut Random) {
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let from = [TABLES.start, BEHIND_HEADERS][random.below(2)];
    let words: Vec<usize> = (from..TABLES.end).step_by(8).filter(|at| word(bytes, *at) != 0).collect();
    for _ in 0..1 + random.below(8) {
        let [at, other] = [(); 2].map(|()| words[random.below(words.len())]);
        let old = word(bytes, at);
        let value = match random.below(8) {
            0 => random.next(),
            1 => [0, u64::MAX][random.below(2)],
            2 => random.next() >> 40,
            3 => old ^ 1 << random.below(64),
            4 => old.wrapping_add(random.below(100)),
            5 => old & u64::from(u32::MAX) | random.next() << 32,
            6 => old >> 32 << 32 | random.skewed(32),
            _ => word(bytes, other),
        };
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }
}

fn seeds() -> u64 {
    std::env::var(SEEDS).ok().map_or(150, |seeds| seeds.parse().unwrap())
}

/// Opens damaged copies of a heap; says how many were taken up, and how many refused for their tables.
fn open_damaged(folder: &Path, name: &str, seeds: u64) -> (u32, u32) {
    let original = fs::read(folder.join(name)).unwrap();
    let log = fs::read(folder.join(name).with_extension("log")).ok();
    let (path, log_path) = (folder.join("heap"), folder.join("heap.log"));
    let (mut opened, mut refused) = (0, 0);
    for seed in 0..seeds {
        let mut bytes = original.clone();
        damage(&mut bytes, &mut Random::new(seed));
        fs::write(&path, &bytes).unwrap();
        if let Some(log) = &log {
            fs::write(&log_path, log).unwrap();
        }
        println!("{name}, seed {seed}");
        // SAFETY: sets a clock, whose signal ends the process.
        unsafe { libc::alarm(LONGEST) };
        match small().open(&path) {
            Ok(heap) => {
                opened += 1;
                drop(heap);
            }
            Err(Error::MetadataDamaged { report, .. }) => {
                refused += 1;
                assert!(!report.is_clean() && !check(&path).unwrap().is_clean(), "{name}, seed {seed}");
                // What the log has is brought to its place before tables are looked at.
                assert!(log.is_some() || fs::read(&path).unwrap() == bytes, "{name}, seed {seed}: changed");
            }
            Err(Error::FileDamaged { .. }) => {}
            Err(other) => panic!("{name}, seed {seed}: {other:?}"),
        }
    }
    (opened, refused)
}

#[test]
fn openings_of_damaged_tables_end_in_a_heap_or_an_error() {
    if child::is(CHILD) {
        let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
        for name in ["closed", "crashed"] {
            let (opened, refused) = open_damaged(&folder, name, seeds());
            println!("{name}: {opened} opened, {refused} refused");
            assert!(opened > 20 && (refused > 20 || cfg!(feature = "hardened")), "{opened} {refused}");
        }
        return;
    }
    let folder = Folder::new();
    samples(&folder);
    let mut opener = child::command("openings_of_damaged_tables_end_in_a_heap_or_an_error", CHILD);
    let output = opener.env(FOLDER, folder.path()).output().unwrap();
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    let last: Vec<_> = said[0].lines().rev().take(4).collect();
    assert!(output.status.success(), "{}: {last:?} {}", output.status, said[1]);
    println!("{last:?}");
}
