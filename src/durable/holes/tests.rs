//! Pages against a model: what is marked, given back and taken back by chance.

use std::ffi::OsStr;

use rustix::io::Errno;

use super::*;
use crate::durable::storage::simulated::{Fault, SimulatedFile, SimulatedFolder};
use crate::durable::storage::{Open, Operation, Storage};
use crate::random::Random;

const PAGES: u64 = 200;

/// A disk, and a file on it with so many pages of ones.
fn file() -> (SimulatedFolder, SimulatedFile) {
    let folder = SimulatedFolder::new();
    let file = folder.open(OsStr::new("file"), Open::New).unwrap();
    file.write_at(0, &vec![1; usize::try_from(PAGES).unwrap() * PAGE]).unwrap();
    (folder, file)
}

/// What each page has in the file.
fn content(file: &SimulatedFile) -> Vec<bool> {
    let mut bytes = vec![0; usize::try_from(PAGES).unwrap() * PAGE];
    file.read_at(0, &mut bytes).unwrap();
    let pages = bytes.as_chunks::<PAGE>().0.iter();
    pages.map(|page| page.iter().all(|byte| *byte == 1)).collect()
}

#[test]
fn pages_that_are_marked_go_back_unless_they_are_taken_again() {
    let mut random = Random::new(3);
    for seed in 0..200 {
        let (folder, file) = file();
        let holes = Holes::new();
        let (mut there, mut marked) = (vec![true; 200], vec![false; 200]);
        for _ in 0..40 {
            let span = PageSpan { first: random.below(PAGES), count: 1 + random.skewed(5) };
            let span = PageSpan::between(span.first, span.end().min(PAGES));
            let range = usize::try_from(span.first).unwrap()..usize::try_from(span.end()).unwrap();
            match random.below(4) {
                0 => {
                    let known: u64 = holes.mark(span, true).iter().map(|span| span.count).sum();
                    let new = there[range.clone()].iter().filter(|there| **there).count();
                    assert_eq!(known, new as u64, "seed {seed}");
                    range.for_each(|page| marked[page] |= there[page]);
                    assert!((span.first..span.end()).all(|page| holes.is_idle(page)));
                }
                1 => {
                    assert_eq!(holes.give_back(&file), None);
                    for page in 0..200 {
                        there[page] &= !std::mem::take(&mut marked[page]);
                    }
                    assert_eq!(content(&file), there, "seed {seed}");
                }
                _ => {
                    let asked = folder.count(Operation::TakeBack);
                    holes.take_back(&file, span).unwrap();
                    assert!(!holes.take_back(&file, span).unwrap());
                    assert!(folder.count(Operation::TakeBack) <= asked + 1);
                    assert!((span.first..span.end()).all(|page| !holes.is_idle(page)));
                    for page in range.clone() {
                        (there[page], marked[page]) = (true, false);
                    }
                    let bytes = vec![1; range.len() * PAGE];
                    file.write_at(span.first * PAGE as u64, &bytes).unwrap();
                }
            }
        }
    }
}

#[test]
fn a_page_has_its_space_before_it_is_used_again_or_nobody_gets_it() {
    let (folder, file) = file();
    let (holes, span) = (Holes::new(), PageSpan { first: 10, count: 20 });
    holes.grow(&file, PageSpan { first: 0, count: PAGES }).unwrap();
    assert!(!holes.take_back(&file, span).unwrap(), "it has its space");
    assert_eq!(holes.mark(span, true), [span]);
    assert_eq!(holes.give_back(&file), None);
    assert!(file.write_at(15 * PAGE as u64, &[1]).unwrap_err().is_no_space(), "the disk is full");
    let part = PageSpan { first: 12, count: 5 };
    folder.fail_after(0, Fault::Refused(Errno::NOSPC));
    assert!(holes.take_back(&file, part).is_err() && holes.is_idle(12));
    assert!(holes.take_back(&file, part).unwrap() && !holes.is_idle(12) && holes.is_idle(17));
    file.write_at(15 * PAGE as u64, &[1]).unwrap();
    assert_eq!(holes.mark(span, true), [part], "the others went back before");
}

#[test]
fn what_cannot_be_given_back_is_not_tried_again() {
    let (folder, file) = file();
    let (holes, span) = (Holes::new(), PageSpan { first: 10, count: 2 * AT_ONCE });
    holes.mark(span, true);
    folder.fail_after(1, Fault::Unsure(Errno::IO));
    assert_eq!(holes.give_back(&file), Some(PageSpan { first: 10, count: AT_ONCE }));
    assert_eq!(
        (holes.give_back(&file), holes.mark(PageSpan { first: 100, count: 9 }, true)),
        (None, Vec::new())
    );
    assert_eq!(folder.count(Operation::GiveBack), 2);
}

#[test]
fn a_file_system_without_holes_is_asked_once() {
    let (folder, file) = file();
    let (holes, span) = (Holes::new(), PageSpan { first: 10, count: 2 * AT_ONCE });
    folder.keep_space();
    holes.mark(span, true);
    assert_eq!(holes.give_back(&file), None, "what it holds is known");
    assert!(holes.mark(PageSpan { first: 100, count: 9 }, true).is_empty());
    assert_eq!((holes.give_back(&file), folder.count(Operation::GiveBack)), (None, 1));
    assert!(!holes.is_given_back(10) && content(&file).iter().all(|there| *there));
    holes.take_back(&file, span).unwrap();
    assert!(!holes.is_idle(10));
}
