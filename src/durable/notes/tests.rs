//! The table against a set of lines.

use std::collections::BTreeSet;

use super::*;
use crate::random::Random;

const START: usize = 1 << 40;

fn notes(pages: usize) -> Notes {
    Notes::new(core::ptr::without_provenance(START), pages * PAGE, false).unwrap()
}

/// The lines that are taken, by their numbers.
fn taken(notes: &Notes) -> BTreeSet<usize> {
    let (mut lines, mut before) = (BTreeSet::new(), None);
    notes.take(|page, mask| {
        assert!(mask != 0 && before < Some(page), "pages in order, each once");
        before = Some(page);
        lines.extend((0..BITS).filter(|line| mask >> line & 1 == 1).map(|line| page * BITS + line));
    });
    lines
}

#[test]
fn notes_agree_with_a_set_of_lines() {
    for pages in [1, 3, 64, 65, 5000, 300_000] {
        let (notes, bytes) = (notes(pages), pages * PAGE);
        let mut random = Random::new(pages as u64);
        let mut model = BTreeSet::new();
        for step in 0..20_000 {
            // Some begin in front of the range or reach beyond its end.
            let slack = PAGE as u64;
            let at = usize::try_from(random.below(bytes as u64 + 2 * slack)).unwrap();
            let len = usize::try_from(random.skewed(14)).unwrap();
            notes.pad().note(START - PAGE + at, len);
            if (PAGE..PAGE + bytes).contains(&at) && len > 0 {
                let first = at - PAGE;
                model.extend(first / LINE..=(first + len - 1).min(bytes - 1) / LINE);
            }
            if step % 500 == 0 {
                assert_eq!(taken(&notes), model);
                assert!(taken(&notes).is_empty(), "what was taken is there no more");
                // As after a commit that failed.
                if random.below(2) == 0 {
                    model.iter().for_each(|line| notes.put(line / BITS, 1 << (line % BITS)));
                } else {
                    model.clear();
                }
            }
        }
    }
}

#[test]
fn every_length_at_every_place_of_a_line_is_noted_and_nothing_else() {
    let notes = notes(4);
    for at in (0..3 * LINE).chain(PAGE - 3..PAGE + 3) {
        for len in (0..=3 * LINE).chain([PAGE - 1, PAGE, PAGE + 1, 2 * PAGE]) {
            notes.pad().note(START + at, len);
            let expected = if len == 0 { 0..0 } else { at / LINE..(at + len - 1) / LINE + 1 };
            assert_eq!(taken(&notes), expected.collect(), "{len} bytes at {at}");
        }
    }
}

#[test]
fn a_pad_for_nothing_takes_no_note() {
    for (at, len) in [(0, 1), (0, usize::MAX), (usize::MAX, 1), (START, PAGE)] {
        NotePad::NONE.note(at, len);
    }
    let notes = notes(2);
    notes.pad().note(START + PAGE, usize::MAX);
    assert!(taken(&notes).is_empty(), "a range that wraps around is no range");
    notes.pad().note(START + PAGE, usize::MAX - START - PAGE);
    assert!(taken(&notes).into_iter().eq(64..128));
}

#[test]
fn notes_of_many_threads_are_all_taken() {
    let notes = notes(1000);
    let (mut seen, threads, each) = (BTreeSet::new(), 4, 20_000);
    let note = |thread: u64| {
        let mut random = Random::new(thread);
        (0..each).map(|_| usize::try_from(random.below(1000 * 64)).unwrap()).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|thread| {
                let notes = &notes;
                scope.spawn(move || {
                    note(thread).iter().for_each(|line| notes.pad().note(START + line * LINE, 8))
                })
            })
            .collect();
        while !workers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            seen.extend(taken(&notes));
        }
    });
    seen.extend(taken(&notes));
    assert_eq!(seen, (0..threads).flat_map(note).collect());
}
