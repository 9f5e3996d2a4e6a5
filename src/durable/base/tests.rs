//! What is written by one thread and by two, beside a model.

use std::ffi::OsStr;

use rustix::io::Errno;

use super::*;
use crate::durable::chunks::Chunks;
use crate::durable::lines::{LINES, lines_in};
use crate::durable::overlay::Overlay;
use crate::durable::storage::simulated::{Fault, SimulatedFile, SimulatedFolder};
use crate::durable::storage::{Open, Operation, Storage};
use crate::random::Random;

/// Pages of the first chunk: headers, tables, and pages of the untracked part. What lies behind another page in the file may
/// lie before it in the heap; to ask how far apart they are overflowed once.
const PAGES: u64 = 1500;

fn file() -> (SimulatedFolder, SimulatedFile, Vec<u8>) {
    let folder = SimulatedFolder::new();
    let file = folder.open(OsStr::new("base"), Open::New).unwrap();
    let content: Vec<u8> = (0..PAGES).flat_map(|page| [page.to_le_bytes()[0] | 1; PAGE]).collect();
    file.write_at(0, &content).unwrap();
    (folder, file, content)
}

/// Lines of pages that are sometimes near each other, and what the file is to be with them.
fn random_lines(seed: u64, content: &mut [u8]) -> Overlay {
    eprintln!("seed {seed}");
    let (mut random, mut overlay, mut page) = (Random::new(seed), Overlay::new(), 2);
    while page < PAGES {
        let mask = random.next() & random.next() | 1 << random.below(LINES as u64);
        let lines: Vec<Line> = lines_in(mask).map(|_| [random.next().to_le_bytes()[0]; LINE]).collect();
        overlay.add(page, mask, &lines);
        for (line, value) in lines_in(mask).zip(&lines) {
            let at = usize::try_from(page).unwrap() * PAGE + line * LINE;
            content[at..at + LINE].copy_from_slice(value);
        }
        page += if random.below(40) == 0 { random.below(50) } else { 0 } + 1 + random.skewed(2);
    }
    overlay
}

fn content_of(file: &SimulatedFile) -> Vec<u8> {
    let mut found = vec![0; usize::try_from(PAGES).unwrap() * PAGE];
    file.read_at(0, &mut found).unwrap();
    found
}

#[test]
fn one_thread_and_two_write_the_lines_and_nothing_else() {
    let layout = Layout::of(1 << 16, Chunks::Mirrored).unwrap();
    for seed in 0..20 {
        let (folder, file, mut content) = file();
        let overlay = random_lines(seed, &mut content);
        let before = folder.count(Operation::Write);
        if seed % 2 == 0 {
            write_near(&file, &layout, overlay.pages(0, PAGES), |_| Ok(())).unwrap();
        } else {
            write_near_by_two(&file, &layout, overlay.pages(0, PAGES)).unwrap();
        }
        assert!(content_of(&file) == content);
        assert!(folder.count(Operation::Write) - before < PAGES / 4, "near pages go together");
    }
}

#[test]
fn whichever_call_fails_two_threads_end_with_its_error() {
    let layout = Layout::of(1 << 16, Chunks::Mirrored).unwrap();
    let (folder, file, mut content) = file();
    let overlay = random_lines(100, &mut content);
    let before = folder.calls();
    write_near_by_two(&file, &layout, overlay.pages(0, PAGES)).unwrap();
    let calls = folder.calls() - before;
    assert!(calls > 20);
    for call in 0..calls {
        folder.fail_after(call, Fault::Refused(Errno::IO));
        let failed = write_near_by_two(&file, &layout, overlay.pages(0, PAGES)).unwrap_err();
        assert_eq!(failed.source.raw_os_error(), Some(Errno::IO.raw_os_error()));
        folder.fail_no_more();
    }
    write_near_by_two(&file, &layout, overlay.pages(0, PAGES)).unwrap();
    assert!(content_of(&file) == content);
}
