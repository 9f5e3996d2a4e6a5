//! Snapshots of heaps that go on meanwhile.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};

use common::files::{Filler, Folder, content, small};
use outlive::{Error, Heap};

#[test]
fn a_snapshot_is_the_last_commit_and_nothing_else() {
    let folder = Folder::new();
    for seed in 0..3 {
        let name = format!("heap-{seed}");
        let mut filler = Filler::new(seed, 15);
        let mut heap = small().log_bound(256 << 10).open(folder.join(&name)).unwrap();
        assert_eq!(heap.snapshot(folder.join("snapshot")).unwrap(), 0);
        assert!(content(&small().open(folder.join("snapshot")).unwrap()).is_empty());
        for round in 0..8 {
            filler.run(&heap, 80);
            heap.persist().unwrap();
            let committed = content(&heap);
            filler.run(&heap, 20);
            let live = content(&heap);
            let commit = heap.snapshot(folder.join("snapshot")).unwrap();
            assert_eq!((commit, content(&heap) == live), (heap.last_commit(), true));
            let snapshot = small().open(folder.join("snapshot")).unwrap();
            assert!(content(&snapshot) == committed && snapshot.check().is_clean(), "{seed}, {round}");
            assert_eq!(snapshot.last_commit(), commit);
            assert!(matches!(heap.snapshot(folder.join("snapshot")), Err(Error::InUse { .. })));
            // It is a heap like any other.
            Filler::new(seed, 12).run(&snapshot, 30);
            assert_eq!(snapshot.persist().unwrap().sequence, commit + 1);
            snapshot.close().unwrap();
            assert!(content(&heap) == live);
            if round == 4 {
                heap.persist().unwrap();
                heap.close().unwrap();
                heap = small().log_bound(256 << 10).open(folder.join(&name)).unwrap();
                assert!(content(&heap) == live);
            }
        }
        assert!(matches!(heap.snapshot(folder.join(&name)), Err(Error::InUse { .. })));
        heap.close().unwrap();
    }
}

/// Stands for all that a heap holds.
fn digest(heap: &Heap) -> u64 {
    let mut hasher = DefaultHasher::new();
    heap.for_each_block(|block, info| {
        // SAFETY: an allocated block of so many bytes, which nobody changes.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), info.size) };
        (info.offset.get(), bytes).hash(&mut hasher);
    });
    hasher.finish()
}

#[test]
fn commits_and_checkpoints_go_on_while_snapshots_are_made() {
    let folder = Folder::new();
    let heap = small().log_bound(128 << 10).open(folder.join("heap")).unwrap();
    // Enough for a checkpoint to come while the base is copied.
    let mut filler = Filler::new(21, 18);
    filler.run(&heap, 2000);
    heap.persist().unwrap();
    let mut history = BTreeMap::from([(heap.last_commit(), digest(&heap))]);
    let done = AtomicBool::new(false);
    let snapshots = std::thread::scope(|scope| {
        let taken = scope.spawn(|| {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let commit = heap.snapshot(folder.join("snapshot")).unwrap();
                let snapshot = small().read_only(true).open(folder.join("snapshot")).unwrap();
                assert!(snapshot.check().is_clean());
                seen.push((commit, snapshot.last_commit(), digest(&snapshot)));
            }
            seen
        });
        for _ in 0..30 {
            filler.run(&heap, 60);
            let commit = heap.persist().unwrap();
            history.insert(commit.sequence, digest(&heap));
        }
        done.store(true, Ordering::Relaxed);
        taken.join().unwrap()
    });
    println!("{} snapshots", snapshots.len());
    assert!(snapshots.len() > 3);
    for (commit, last, found) in snapshots {
        assert_eq!(commit, last);
        assert!(history[&commit] == found, "commit {commit}");
    }
}

#[test]
fn what_has_no_commits_of_its_own_is_refused() {
    let folder = Folder::new();
    let memory = Heap::in_memory().unwrap();
    assert!(matches!(memory.snapshot(folder.join("snapshot")), Err(Error::NoFile)));
    small().open(folder.join("heap")).unwrap().close().unwrap();
    let reader = small().read_only(true).open(folder.join("heap")).unwrap();
    assert!(matches!(reader.snapshot(folder.join("snapshot")), Err(Error::ReadOnly { .. })));
    assert_eq!(folder.names(), ["heap"]);
}
