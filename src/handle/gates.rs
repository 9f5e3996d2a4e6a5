//! Counts that a commit is held to, on every machine: bytes in the log, pages looked at, and what is asked of the disk.

use std::alloc::Layout;
use std::ffi::OsStr;
use std::ptr::NonNull;

use super::{Heap, HeapOptions, OpenOptions};
use crate::durable::{Method, Operation, SimulatedFolder, Storage, StoredFile};
use crate::units::PAGE;

const PAGES: usize = 2000;
const SEGMENT: u64 = 1 << 20;

/// A heap with a block of [`PAGES`] pages, one commit, and a log with room for many more.
struct Subject {
    folder: SimulatedFolder,
    heap: Heap,
    block: NonNull<u8>,
}

impl Subject {
    fn new(log_bound: u64) -> Self {
        let folder = SimulatedFolder::new();
        let options = OpenOptions::new().heap(HeapOptions::new().reservation(32 << 20));
        let options = options.log_segment(SEGMENT).log_bound(log_bound);
        let heap = options.open_in(folder.clone(), OsStr::new("heap"), Method::BEST, false).unwrap();
        let block = heap.allocate(Layout::from_size_align(PAGES * PAGE, PAGE).unwrap()).unwrap();
        // SAFETY: the block has so many bytes.
        unsafe { block.write_bytes(1, PAGES * PAGE) };
        heap.persist().unwrap();
        Self { folder, heap, block }
    }

    /// Changes one word in each of these lines; a page has 64 of them.
    fn change(&self, lines: impl Iterator<Item = usize>, value: u64) {
        for line in lines {
            assert!(line < PAGES * 64);
            // SAFETY: checked just now.
            let place = unsafe { self.block.add(line * 64) };
            // SAFETY: an aligned word of the block.
            unsafe { place.cast::<u64>().write(value) };
        }
    }

    /// How far the log is filled, in whole blocks: what was not written yet reads as zero.
    fn filled(&self) -> usize {
        let log = self.folder.open(OsStr::new("heap.log"), crate::durable::Open::ReadOnly).unwrap();
        let mut bytes = vec![0; usize::try_from(log.len().unwrap()).unwrap()];
        log.read_at(0, &mut bytes).unwrap();
        bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| (last + 1).next_multiple_of(PAGE))
    }

    /// How often each of the operations was called that take time.
    fn counts(&self) -> [u64; 5] {
        use Operation::{Allocate, Sync, SyncFolder, Write, WriteDurable};
        [WriteDurable, Write, Sync, SyncFolder, Allocate].map(|operation| self.folder.count(operation))
    }
}

#[test]
fn an_ordinary_commit_is_one_durable_write_and_nothing_else() {
    let subject = Subject::new(u64::MAX);
    subject.change(0..1, 2);
    subject.heap.persist().unwrap();
    for (lines, value) in [(1, 3), (40, 4), (PAGES, 5)] {
        let (calls, [durable, others @ ..]) = (subject.folder.calls(), subject.counts());
        subject.change((0..lines).map(|page| page * 64), value);
        let commit = subject.heap.persist().unwrap();
        assert_eq!((commit.lines, commit.pages), (lines as u64, lines as u64));
        assert_eq!(subject.counts(), [[durable + 1].as_slice(), &others].concat()[..], "{lines} lines");
        assert_eq!(subject.folder.calls(), calls + 1, "{lines} lines");
    }
}

#[test]
fn a_changed_line_costs_less_than_a_hundred_bytes_of_log() {
    let subject = Subject::new(u64::MAX);
    // Scattered lines each name their page; those of one page share that. Few lines fit into the one block there must be.
    let all_of_a_few_pages = (0..64 * 20).collect::<Vec<_>>();
    let cases = [
        (vec![64 * 7], PAGE),
        ((0..40).map(|page| page * 64).collect(), PAGE),
        ((0..PAGES).map(|page| page * 64 + page % 64).collect(), PAGES * 90),
        (all_of_a_few_pages, 64 * 20 * 66 + PAGE),
    ];
    for (value, (lines, most)) in (10..).zip(cases) {
        let before = subject.filled();
        subject.change(lines.iter().copied(), value);
        assert_eq!(subject.heap.persist().unwrap().lines, lines.len() as u64);
        let bytes = subject.filled() - before;
        assert!(bytes > 0 && bytes <= most, "{bytes} bytes for {} lines, at most {most}", lines.len());
    }
}

/// Heaps with so many tracked pages in one block, all of them noted, written and committed.
fn tracked(pages: usize, mut step: impl FnMut(&Heap, NonNull<u8>)) {
    let folder = SimulatedFolder::new();
    let options = OpenOptions::new().heap(HeapOptions::new().reservation(64 << 20));
    let heap = options.open_in(folder, OsStr::new("heap"), Method::BEST, false).unwrap();
    let block = heap.tracked().allocate(Layout::from_size_align(pages * PAGE, PAGE).unwrap()).unwrap();
    heap.tracked().note(block.as_ptr(), pages * PAGE);
    // SAFETY: the block has so many bytes.
    unsafe { block.write_bytes(1, pages * PAGE) };
    heap.persist().unwrap();
    // What the first commit itself has changed.
    heap.persist().unwrap();
    step(&heap, block);
}

#[test]
fn a_tracked_change_logs_one_line_and_looks_at_no_page_whatever_the_size_of_the_heap() {
    let mut scanned = Vec::new();
    for pages in [16, 1000, 8000] {
        tracked(pages, |heap, block| {
            for (value, at) in [(2, 0), (3, pages * PAGE - 8), (4, pages / 2 * PAGE + 640)] {
                // SAFETY: a word of the block.
                let word = unsafe { block.add(at) };
                heap.tracked().note(word.as_ptr(), 8);
                // SAFETY: as above.
                unsafe { word.cast::<u64>().write(value) };
                let commit = heap.persist().unwrap();
                assert_eq!((commit.lines, commit.noted, commit.pages, commit.compared), (1, 1, 1, 0));
                scanned.push((pages, commit.scanned));
            }
        });
    }
    // The tables: far less than a hundredth of what they describe, beyond what an empty heap has.
    let of = |pages: usize| scanned.iter().find(|(of, _)| *of == pages).unwrap().1;
    assert!(scanned.iter().all(|(pages, scanned)| *scanned == of(*pages)));
    println!("{scanned:?}");
    assert!(of(8000) - of(16) <= 8000 / 100, "{scanned:?}");
}

#[test]
fn what_is_not_noted_is_not_looked_for_unless_that_is_asked_for() {
    tracked(16, |heap, block| {
        // SAFETY: a word of the block.
        unsafe { block.cast::<u64>().write(7) };
        let before = heap.last_commit();
        let commit = heap.persist().unwrap();
        assert_eq!((commit.sequence, commit.lines), (before, 0));
    });
}

#[test]
fn the_log_is_brought_into_the_image_once_it_is_long_and_not_with_each_commit_from_then_on() {
    let subject = Subject::new(2 * SEGMENT);
    for value in 20..60 {
        subject.change((0..PAGES).map(|page| page * 64), value);
        subject.heap.persist().unwrap();
    }
    // Commits of 160 KiB: every dozen of them a checkpoint is due.
    let checkpoints = subject.heap.file_stats().unwrap().checkpoints;
    assert!((2..=5).contains(&checkpoints), "{checkpoints} checkpoints");
}
