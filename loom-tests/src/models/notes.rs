//! Notes against a capture: whatever is noted is taken once, by the capture under way or by the next.

use std::sync::Arc;

use loom::thread;

use super::{explore, failure};
use crate::bits::Bits;
use crate::planted::{self, Bug};
use crate::sync::{AtomicU64, Ordering};

/// Two pages under one word of each summary. There are two of those: one is below another, as all others are.
struct Table {
    masks: [AtomicU64; 2],
    pages: [AtomicU64; 1],
    groups: [AtomicU64; 1],
}

impl Table {
    fn new() -> Arc<Self> {
        let word = || AtomicU64::new(0);
        Arc::new(Self { masks: [word(), word()], pages: [word()], groups: [word()] })
    }

    fn bits(&self) -> Bits<'_, 3> {
        Bits { levels: [&self.masks, &self.pages, &self.groups] }
    }

    /// As a writer notes: nothing where the bits are set already.
    fn note(&self, page: usize, lines: u64) {
        if self.masks[page].load(Ordering::Relaxed) & lines == lines {
            return;
        }
        if planted::is(Bug::SummaryFirst) {
            self.groups[0].fetch_or(1, Ordering::AcqRel);
            self.pages[0].fetch_or(1 << page, Ordering::AcqRel);
            self.masks[page].fetch_or(lines, Ordering::AcqRel);
        } else {
            self.bits().set(page, lines);
        }
    }

    /// All notes, as bits of both pages.
    fn take(&self) -> [u64; 2] {
        let mut taken = [0; 2];
        if planted::is(Bug::SummaryClearedLast) {
            let pages = self.pages[0].load(Ordering::Acquire);
            for (page, lines) in taken.iter_mut().enumerate().filter(|(page, _)| pages >> page & 1 == 1) {
                *lines = self.masks[page].swap(0, Ordering::AcqRel);
            }
            self.pages[0].swap(0, Ordering::AcqRel);
            self.groups[0].swap(0, Ordering::AcqRel);
        } else {
            self.bits().take(|page, lines| taken[page] |= lines);
        }
        taken
    }
}

/// Two threads that note while a third takes; then all is over, and it takes once more.
fn race(notes: [(usize, u64); 2]) {
    let table = Table::new();
    let writers = notes.map(|(page, lines)| {
        let table = Arc::clone(&table);
        thread::spawn(move || table.note(page, lines))
    });
    let during = table.take();
    writers.into_iter().for_each(|writer| writer.join().unwrap());
    let after = table.take();
    for (page, lines) in notes {
        assert_eq!((during[page] | after[page]) & lines, lines, "a note is lost");
    }
    assert_eq!(table.take(), [0; 2], "a note is taken twice");
}

/// A thread notes a line of a page in which another notes one as well; when its note has returned, a capture finds it,
/// wherever the other is.
fn returned() {
    let table = Table::new();
    let other = {
        let table = Arc::clone(&table);
        thread::spawn(move || table.note(0, 1))
    };
    table.note(0, 2);
    assert_eq!(table.take()[0] & 2, 2, "a note that has returned is not found");
    other.join().unwrap();
}

/// The same, while a first capture is under way.
fn returned_beside_a_capture() {
    let table = Table::new();
    table.note(0, 4);
    let other = {
        let table = Arc::clone(&table);
        thread::spawn(move || table.note(0, 1))
    };
    let taker = {
        let table = Arc::clone(&table);
        thread::spawn(move || table.take())
    };
    table.note(0, 2);
    let first = taker.join().unwrap();
    let second = table.take();
    assert_eq!((first[0] | second[0]) & 6, 6, "a note that has returned is not found");
    other.join().unwrap();
}

#[test]
fn notes_of_one_page_are_taken() {
    explore("notes, one page", None, || race([(0, 1), (0, 2)]));
}

#[test]
fn notes_of_two_pages_are_taken() {
    explore("notes, two pages", None, || race([(0, 1), (1, 1)]));
}

#[test]
fn the_same_note_twice_is_taken() {
    explore("notes, one line", None, || race([(0, 1), (0, 1)]));
}

#[test]
fn a_note_that_has_returned_is_found() {
    explore("notes, returned", None, returned);
    explore("notes, returned beside a capture", Some(3), returned_beside_a_capture);
}

#[test]
fn a_summary_that_is_cleared_after_the_masks_is_caught() {
    assert!(failure(Bug::SummaryClearedLast, None, || race([(0, 1), (1, 1)])).contains("lost"));
}

#[test]
fn a_summary_that_is_set_before_the_mask_is_caught() {
    assert!(failure(Bug::SummaryFirst, None, || race([(0, 1), (1, 1)])).contains("lost"));
}
