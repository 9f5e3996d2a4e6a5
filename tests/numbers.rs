//! A heap's file in numbers.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::fs;

use common::files::{Filler, Folder, small};
use outlive::{Error, Heap};

#[test]
fn the_numbers_are_those_of_the_files() {
    let folder = Folder::new();
    let heap = small().log_bound(100 << 10).open(folder.join("heap")).unwrap();
    let fresh = heap.file_stats().unwrap();
    assert_eq!((fresh.log_bytes, fresh.overlay_lines, fresh.commits, fresh.checkpoints), (0, 0, 0, 0));
    let mut filler = Filler::new(2, 14);
    // Lines since the last checkpoint that has ended, and since the one before.
    let (mut lines, mut older, mut longest, mut checkpoints, mut logged) = (0, 0, 0, 0, 0);
    for round in 1..=40 {
        filler.run(&heap, 40);
        let commit = heap.persist().unwrap();
        let stats = heap.file_stats().unwrap();
        assert_eq!(stats.path, folder.join("heap"));
        assert_eq!((stats.last_commit, stats.commits), (round, round));
        assert_eq!(stats.file_bytes, fs::metadata(folder.join("heap")).unwrap().len());
        assert!(stats.log_bytes <= fs::metadata(folder.join("heap.log")).unwrap().len());
        if stats.checkpoints > checkpoints {
            assert!(longest > 100 << 10, "a checkpoint before the log is long enough");
            (lines, older, longest, checkpoints) = (0, lines, 0, stats.checkpoints);
        }
        lines += commit.lines;
        longest = longest.max(stats.log_bytes);
        // Lines that were changed again have one place, and a page with many patches gets room for all of its lines.
        assert!(stats.overlay_lines >= commit.lines.min(1), "round {round}");
        assert!(stats.overlay_lines <= (older + lines) * 64, "round {round}");
        // A record is its header, its items and its lines, in whole blocks.
        let bytes = stats.logged_bytes - logged;
        let least = 80 + commit.pages * 16 + commit.lines * 64;
        let most = if cfg!(feature = "lz4") { bytes } else { least + least / (56 << 10) * 8192 + 8192 };
        assert!(
            (cfg!(feature = "lz4") || bytes >= least) && bytes <= most,
            "{bytes} for {least}, round {round}"
        );
        assert!(bytes > 0 && bytes.is_multiple_of(4096));
        logged = stats.logged_bytes;
        assert!(["write protection", "left the file", "everything"].contains(&stats.method));
    }
    assert!(checkpoints > 2);
    heap.close().unwrap();
    let reader = small().read_only(true).open(folder.join("heap")).unwrap();
    let stats = reader.file_stats().unwrap();
    assert_eq!((stats.last_commit, stats.commits, stats.method), (40, 0, "none"));
    assert!(matches!(Heap::in_memory().unwrap().file_stats(), Err(Error::NoFile)));
}
