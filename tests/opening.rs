//! What can be chosen when a heap in a file is opened: levels of durability, rhythms, compression, what is verified.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "tests read better so")]

mod common;

use std::alloc::Layout;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use common::files::{Filler, Folder, content, small};
use outlive::{Compression, Durability, Error, Heap, Verify};

#[test]
fn a_commit_says_what_it_survives_and_a_crash_of_the_process_takes_none() {
    let folder = Folder::new();
    let mut filler = Filler::new(3, 12);
    for (round, level) in
        [Durability::ProcessCrash, Durability::PowerLoss, Durability::ProcessCrash].into_iter().enumerate()
    {
        let heap = small().durability(level).open(folder.join("heap")).unwrap();
        for _ in 0..10 {
            filler.run(&heap, 30);
            let commit = heap.persist().unwrap();
            assert_eq!(commit.durability, level);
        }
        // As the end of the process leaves it; the next round goes on with that.
        folder.copy("heap", "left");
        folder.copy("heap.log", "left.log");
        let expected = content(&heap);
        drop(heap);
        fs::remove_file(folder.join("heap")).unwrap();
        let left = small().read_only(true).open(folder.join("left")).unwrap();
        assert_eq!(left.last_commit(), (round as u64 + 1) * 10);
        assert!(content(&left) == expected && left.check().is_clean());
        drop(left);
        fs::rename(folder.join("left"), folder.join("heap")).unwrap();
        fs::rename(folder.join("left.log"), folder.join("heap.log")).unwrap();
    }
}

#[test]
fn what_a_loss_of_power_took_takes_what_follows_and_check_says_so() {
    let folder = Folder::new();
    let mut filler = Filler::new(5, 12);
    let heap = small().durability(Durability::ProcessCrash).open(folder.join("live")).unwrap();
    let mut third = None;
    for commit in 1..=8 {
        filler.run(&heap, 30);
        heap.persist().unwrap();
        third = third.or_else(|| (commit == 3).then(|| content(&heap)));
    }
    folder.copy("live", "heap");
    folder.copy("live.log", "heap.log");
    drop(heap);
    let log = fs::read(folder.join("heap.log")).unwrap();
    let records = log.chunks(4096).zip((0_u64..).step_by(4096));
    let fourth = records.filter(|(block, _)| block.starts_with(b"OUTLREC\x01") && block[24] == 4);
    let file = fs::OpenOptions::new().write(true).open(folder.join("heap.log")).unwrap();
    for (_, at) in fourth {
        // One sector did not arrive.
        file.write_all_at(&[0; 512], at).unwrap();
    }
    let report = outlive::check(folder.join("heap")).unwrap();
    assert!(report.is_clean() && report.last_commit() == Some(3), "{report}");
    assert!(report.findings().iter().all(|finding| finding.kind.is_harmless()));
    assert_eq!(report.total(), 4, "{report}");
    let heap = small().open(folder.join("heap")).unwrap();
    assert!(heap.last_commit() == 3 && Some(content(&heap)) == third);
    Filler::new(1, 9).run(&heap, 20);
    assert_eq!(heap.persist().unwrap().sequence, 4);
    let expected = content(&heap);
    drop(heap);
    assert!(content(&Heap::open(folder.join("heap")).unwrap()) == expected);
}

#[test]
fn an_opening_says_what_it_has_replayed() {
    let folder = Folder::new();
    let mut filler = Filler::new(11, 15);
    let heap = small().open(folder.join("live")).unwrap();
    assert_eq!(heap.replayed(), None);
    let lines: u64 = (0..20)
        .map(|_| {
            filler.run(&heap, 60);
            heap.persist().unwrap().lines
        })
        .sum();
    let stats = heap.file_stats().unwrap();
    let crash = |name: &str| {
        folder.copy("live", name);
        folder.copy("live.log", &format!("{name}.log"));
        folder.join(name)
    };
    let (whole, torn) = (crash("whole"), crash("torn"));
    let log = fs::read(folder.join("live.log")).unwrap();
    let records: Vec<(u64, &[u8])> = (0_u64..)
        .step_by(4096)
        .zip(log.chunks(4096))
        .filter(|(_, block)| block.starts_with(b"OUTLREC\x01"))
        .collect();

    for read_only in [true, false] {
        let heap = small().read_only(read_only).open(&whole).unwrap();
        let replay = heap.replayed().unwrap();
        println!("{replay}");
        assert_eq!((replay.commits, replay.lines, replay.bytes), (20, lines, stats.logged_bytes));
        assert_eq!((replay.records, replay.unfinished), (records.len() as u64, false));
        let segments: BTreeSet<u64> = records.iter().map(|(at, _)| (at - 4096) / (64 << 10)).collect();
        assert_eq!(replay.segments, segments.len() as u64);
        assert!(replay.records > 20 && replay.segments > 2, "some commits have several records");
        drop(heap);
    }
    assert_eq!(small().open(&whole).unwrap().replayed(), None, "it was closed");

    let last: Vec<u64> = records.iter().filter(|(_, block)| block[24] == 20).map(|(at, _)| *at).collect();
    let file = fs::OpenOptions::new().write(true).open(folder.join("torn.log")).unwrap();
    // One sector of it arrived as something else.
    file.write_all_at(&[0xaa; 512], last[last.len() - 1] + 512).unwrap();
    for read_only in [true, false] {
        let replay = small().read_only(read_only).open(&torn).unwrap().replayed().unwrap();
        assert_eq!((replay.commits, replay.unfinished), (19, true));
        assert_eq!(replay.records, (records.len() - last.len()) as u64);
    }

    heap.close().unwrap();
    for read_only in [true, false] {
        assert_eq!(small().read_only(read_only).open(folder.join("live")).unwrap().replayed(), None);
    }
    assert_eq!(Heap::in_memory().unwrap().replayed(), None);
}

/// Waits until the heap has made more commits than that.
fn wait_for_more(heap: &Heap, commits: u64) -> bool {
    let begun = Instant::now();
    while heap.last_commit() <= commits {
        if begun.elapsed() > Duration::from_secs(20) {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

#[test]
fn a_heap_persists_itself_when_enough_was_written_and_not_before() {
    let folder = Folder::new();
    let heap = small().open(folder.join("heap")).unwrap();
    let block = heap.allocate(Layout::new::<[u8; 8 << 20]>()).unwrap();
    // SAFETY: inside of the block.
    let write = |from: usize, bytes: usize| unsafe { block.add(from).write_bytes(9, bytes) };
    write(0, 8 << 20);
    let offset = usize::try_from(heap.info(block.as_ptr()).unwrap().offset.get()).unwrap();
    heap.persist().unwrap();
    heap.close().unwrap();

    let heap = small().persist_after(1 << 20).open(folder.join("heap")).unwrap();
    let block = heap.base().as_ptr().wrapping_add(offset);
    let write = |from: usize, bytes: usize, byte: u8| {
        // SAFETY: inside of the block, at its place in this opening.
        unsafe { block.add(from).write_bytes(byte, bytes) };
    };
    // Opening itself writes a little, in the tables.
    write(0, 256 << 10, 1);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(heap.last_commit(), 1, "too little was written");
    write(0, 2 << 20, 2);
    assert!(wait_for_more(&heap, 1));
    if heap.file_stats().unwrap().method == "write protection" {
        // The commit may have come while that was being written; the rest is in this one. From now on only what the kernel has
        // seen since counts.
        heap.persist().unwrap();
        let before = heap.last_commit();
        for round in 0..20 {
            write(0, 64 << 10, 10 + round);
            std::thread::sleep(Duration::from_millis(3));
        }
        assert_eq!(heap.last_commit(), before, "the same pages, again and again");
        (0..300).for_each(|page| write((1 << 20) + page * 4096, 1, 77));
        assert!(wait_for_more(&heap, before));
    }
    let before = heap.last_commit();
    let large = heap.allocate_zeroed(Layout::new::<[u8; 40 << 20]>()).unwrap();
    assert!(wait_for_more(&heap, before), "growth counts, {large:?}");
}

/// What grew before the first look counted as seen, and a heap that nobody wrote to was never persisted.
#[test]
fn growth_counts_whenever_it_is_looked_at() {
    for wait in [0, 100] {
        let folder = Folder::new();
        let heap = small().persist_after(1 << 20).open(folder.join("heap")).unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        let block = heap.allocate_zeroed(Layout::new::<[u8; 4 << 20]>()).unwrap();
        assert!(wait_for_more(&heap, 0), "{block:?}");
    }
}

#[test]
fn time_and_bytes_go_together() {
    let folder = Folder::new();
    let options = small().persist_after(1 << 30).persist_every(Duration::from_millis(20));
    let heap = options.open(folder.join("heap")).unwrap();
    let block = heap.allocate_zeroed(Layout::new::<u64>()).unwrap();
    assert!(wait_for_more(&heap, 0), "time has passed, {block:?}");
}

#[test]
fn damaged_metadata_is_refused_if_that_was_asked_for() {
    let folder = Folder::new();
    let heap = small().open(folder.join("heap")).unwrap();
    Filler::new(6, 13).run(&heap, 300);
    heap.persist().unwrap();
    heap.close().unwrap();
    for read_only in [false, true] {
        let options = small().verify(Verify::Metadata).read_only(read_only);
        assert!(options.open(folder.join("heap")).unwrap().check().is_clean());
    }
    // A slab's record, where the checker looks and opening does not.
    let original = fs::read(folder.join("heap")).unwrap();
    let damaged = (8192..2 << 20).step_by(64).rfind(|at| original[*at..at + 8] != [0; 8]).unwrap();
    let file = fs::OpenOptions::new().write(true).open(folder.join("heap")).unwrap();
    file.write_all_at(&[0xA5; 8], damaged as u64).unwrap();
    for read_only in [true, false] {
        let before = folder.files();
        let options = small().verify(Verify::Metadata).read_only(read_only);
        match options.open(folder.join("heap")).unwrap_err() {
            Error::MetadataDamaged { file, report } => {
                assert!(file == folder.join("heap") && !report.is_clean());
            }
            other => panic!("{other}"),
        }
        assert!(folder.files() == before);
        assert!(!small().read_only(read_only).open(folder.join("heap")).unwrap().check().is_clean());
        fs::write(folder.join("heap"), &before["heap"].0).unwrap();
    }
}

#[test]
fn compression_is_an_option_and_needs_its_feature() {
    let folder = Folder::new();
    let options = || small().compression(Compression::Lz4);
    if !cfg!(feature = "lz4") {
        match options().open(folder.join("heap")).unwrap_err() {
            Error::FeatureMissing { file, feature: "lz4" } => assert_eq!(file, folder.join("heap")),
            other => panic!("{other}"),
        }
        assert!(folder.names().is_empty());
        return;
    }
    let mut logged = Vec::new();
    for options in [options(), small(), options()] {
        let heap = options.open(folder.join("heap")).unwrap();
        let block = heap.allocate(Layout::new::<[u8; 200_000]>()).unwrap();
        // SAFETY: the block is as long.
        unsafe { block.write_bytes(7, 200_000) };
        heap.persist().unwrap();
        logged.push(heap.file_stats().unwrap().logged_bytes);
        folder.copy("heap", "left");
        folder.copy("heap.log", "left.log");
        let left = Heap::open(folder.join("left")).unwrap();
        assert!(content(&left) == content(&heap) && left.check().is_clean());
        left.close().unwrap();
    }
    assert!(logged[0] * 4 < logged[1] && logged[2] * 4 < logged[1], "{logged:?}");
}
