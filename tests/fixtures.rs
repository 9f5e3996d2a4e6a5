//! Heaps that earlier versions have written open for ever after.
//!
//! `tests/fixtures/` has, for each form of the format, a heap that was closed and one as a crash leaves it, with commits
//! in its log. A file of a heap is mostly zeros, so a fixture holds its length and then its lines of 64 bytes that are not:
//! their numbers (4 bytes) and their content.
//!
//! The fixtures of a form are made once, when it is final, and then stay as they are. This makes those of the last one in the
//! source; without the variable the same test makes them aside, and sees that they would do:
//!
//! ```sh
//! OUTLIVE_FIXTURES=write cargo test --test fixtures
//! ```
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(clippy::multiple_unsafe_ops_per_block, clippy::cast_ptr_alignment, reason = "tests read better so")]

mod common;

use std::alloc::Layout;
use std::fs;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;

use common::files::{Folder, small};
use common::random::Random;
use outlive::{Heap, Verify};

/// The forms that have fixtures. In the first heaps, of which one has grown, the chunks of the file are alike; in those of today
/// they mirror each other.
const FORMS: [&str; 3] = ["format-1", "format-1-grown", "format-1-mirrored"];
const BLOCKS: usize = 60;
/// Commits in the log of a heap that was not closed.
const COMMITS: u64 = 4;
const LINE: usize = 64;

/// What the root block says of each block: where it is, how long, and from which seed its content is.
type Entry = [u64; 3];
type Root = [Entry; BLOCKS];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = (bytes.len() as u64).to_le_bytes().to_vec();
    for (number, line) in (0_u32..).zip(bytes.chunks(LINE)) {
        if line.iter().any(|byte| *byte != 0) {
            packed.extend(number.to_le_bytes());
            packed.extend(line);
            packed.resize(packed.len() + LINE - line.len(), 0);
        }
    }
    packed
}

fn unpack(packed: &[u8]) -> Vec<u8> {
    let (len, lines) = packed.split_at(8);
    let len = usize::try_from(u64::from_le_bytes(len.try_into().unwrap())).unwrap();
    let mut bytes = vec![0; len.next_multiple_of(LINE)];
    for line in lines.as_chunks::<{ 4 + LINE }>().0 {
        let at = u32::from_le_bytes(line[..4].try_into().unwrap()) as usize * LINE;
        bytes[at..at + LINE].copy_from_slice(&line[4..]);
    }
    bytes.truncate(len);
    bytes
}

fn layout(seed: u64) -> Layout {
    // From bytes to a run of its own.
    let size = [8, 24, 100, 700, 5000, 40_000][usize::try_from(seed % 6).unwrap()];
    Layout::from_size_align(size, 8).unwrap()
}

fn content(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    // Few lines are not zeros, so that the fixtures stay small.
    let size = layout(seed).size();
    (0..size).map(|at| if at % 1024 < LINE { random.next().to_le_bytes()[0] } else { 0 }).collect()
}

fn root(heap: &Heap) -> *mut Root {
    heap.root().unwrap().cast().as_ptr()
}

fn address(heap: &Heap, offset: u64) -> NonNull<u8> {
    let offset = usize::try_from(offset).unwrap();
    NonNull::new(heap.base().as_ptr().wrapping_add(offset)).unwrap()
}

/// A third of the blocks is in tracked memory.
fn is_tracked(place: usize) -> bool {
    place.is_multiple_of(3)
}

/// Puts another block in the place of one that is there, or of none.
fn put(heap: &Heap, place: usize, seed: u64) {
    let entry = root(heap).cast::<Entry>().wrapping_add(place);
    // SAFETY: the root has this many entries, and each names a block of its layout or none.
    unsafe {
        let [old, _, written] = entry.read();
        if old != 0 {
            let (block, layout) = (address(heap, old), layout(written));
            if is_tracked(place) {
                heap.tracked().deallocate(block, layout);
            } else {
                heap.deallocate(block, layout);
            }
        }
        let (layout, content) = (layout(seed), content(seed));
        let block = if is_tracked(place) { heap.tracked().allocate(layout) } else { heap.allocate(layout) };
        let block = block.unwrap();
        block.as_ptr().copy_from(content.as_ptr(), content.len());
        heap.tracked().note(block.as_ptr(), content.len());
        let offset = (block.as_ptr().addr() - heap.base().as_ptr().addr()) as u64;
        entry.write([offset, content.len() as u64, seed]);
    }
}

/// The seeds of all blocks after so many commits.
fn seeds(commits: u64) -> [u64; BLOCKS] {
    let mut seeds = std::array::from_fn(|place| place as u64);
    for commit in 1..commits {
        for change in 0..7 {
            let place = usize::try_from((commit * 13 + change * 5) % BLOCKS as u64).unwrap();
            seeds[place] = commit * 100 + change;
        }
    }
    seeds
}

/// Makes commit after commit.
fn fill(heap: &Heap) {
    let block = heap.allocate_zeroed(Layout::new::<Root>()).unwrap();
    heap.set_root(Some(block));
    for commit in 1..=COMMITS {
        let (before, after) = (seeds(commit - 1), seeds(commit));
        for place in 0..BLOCKS {
            if commit == 1 || before[place] != after[place] {
                put(heap, place, after[place]);
            }
        }
        if commit == COMMITS {
            grow(heap);
        }
        assert_eq!(heap.persist().unwrap().sequence, commit);
    }
}

/// Blocks for which the first chunk of a file has no room.
const LARGE: Layout = Layout::new::<[u64; 5 << 19]>();
/// What the last words of such blocks say, in either part.
const ENDS: [u64; 2] = [u64::MAX / 3, u64::MAX / 5];

fn last_word(block: NonNull<u8>) -> *mut u64 {
    block.as_ptr().wrapping_add(LARGE.size() - size_of::<u64>()).cast()
}

/// Makes two of them.
fn grow(heap: &Heap) {
    let blocks = [heap.allocate(LARGE).unwrap(), heap.tracked().allocate(LARGE).unwrap()];
    for (block, end) in blocks.into_iter().zip(ENDS) {
        // SAFETY: the block's last word.
        unsafe { last_word(block).write(end) };
        heap.tracked().note(last_word(block).cast(), size_of::<u64>());
    }
}

/// How often that was done to this heap.
fn grown(heap: &Heap) -> usize {
    let mut ends = Vec::new();
    heap.for_each_block(|block, info| {
        if info.size >= LARGE.size() {
            // SAFETY: as above.
            ends.push(unsafe { last_word(block).read() });
        }
    });
    let (untracked, tracked): (Vec<u64>, Vec<u64>) = ends.iter().partition(|end| **end == ENDS[0]);
    assert!(tracked.iter().all(|end| *end == ENDS[1]) && tracked.len() == untracked.len(), "{ends:x?}");
    tracked.len()
}

fn verify(heap: &Heap, commit: u64) {
    assert_eq!(heap.last_commit(), commit);
    let report = heap.check();
    assert!(report.is_clean(), "{report}");
    // SAFETY: the root block is one.
    let found = unsafe { root(heap).read() };
    for ([offset, len, written], seed) in found.into_iter().zip(seeds(commit)) {
        let expected = content(seed);
        assert_eq!((written, len), (seed, expected.len() as u64));
        let (block, len) = (address(heap, offset), expected.len());
        assert!(heap.usable_size(block).is_some_and(|usable| usable >= len));
        // SAFETY: a block that is at least as long.
        assert!(unsafe { std::slice::from_raw_parts(block.as_ptr(), len) } == expected, "block {seed}");
    }
}

/// Writes the fixtures of the last form into a folder.
fn make_in(folder: &Path) {
    let scratch = Folder::new();
    let heap = small().log_segment(256 << 10).open(scratch.join("heap")).unwrap();
    fill(&heap);
    let form = FORMS[FORMS.len() - 1];
    let save = |from: &str, name: &str| {
        let packed = pack(&fs::read(scratch.join(from)).unwrap());
        println!("{name}: {} bytes", packed.len());
        fs::write(folder.join(format!("{form}-{name}")), packed).unwrap();
    };
    save("heap", "crashed.heap");
    save("heap.log", "crashed.heap.log");
    heap.close().unwrap();
    save("heap", "closed.heap");
}

#[test]
fn this_version_can_make_its_fixtures() {
    let aside = Folder::new();
    make_in(aside.path());
    open_all(aside.path(), &FORMS[FORMS.len() - 1..]);
    if std::env::var_os("OUTLIVE_FIXTURES").is_some_and(|what| what == "write") {
        make_in(&folder());
    }
}

#[test]
fn heaps_of_every_form_open() {
    open_all(&folder(), &FORMS);
}

/// Opens the fixtures of these forms, and goes on with them.
fn open_all(folder: &Path, forms: &[&str]) {
    for form in forms {
        let scratch = Folder::new();
        for name in ["crashed.heap", "crashed.heap.log", "closed.heap"] {
            let packed = fs::read(folder.join(format!("{form}-{name}"))).unwrap();
            fs::write(scratch.join(name), unpack(&packed)).unwrap();
        }
        for name in ["crashed.heap", "closed.heap"] {
            let path = scratch.join(name);
            let before = scratch.files();
            assert!(outlive::check(&path).unwrap().is_clean(), "{name}");
            verify(&small().read_only(true).open(&path).unwrap(), COMMITS);
            assert!(scratch.files() == before, "{name}");
            let heap = small().verify(Verify::Metadata).open(&path).unwrap();
            verify(&heap, COMMITS);
            // It goes on.
            for (place, seed) in (0..).zip(seeds(COMMITS + 1)) {
                put(&heap, place, seed);
            }
            grow(&heap);
            heap.persist().unwrap();
            heap.close().unwrap();
            let heap = Heap::open(&path).unwrap();
            verify(&heap, COMMITS + 1);
            assert_eq!(grown(&heap), if *form == "format-1" { 1 } else { 2 });
        }
    }
}

#[test]
fn packing_loses_nothing() {
    let mut bytes = vec![0; 1000];
    (bytes[70], bytes[999]) = (1, 2);
    assert!(unpack(&pack(&bytes)) == bytes && pack(&bytes).len() == 8 + 2 * 68);
}
