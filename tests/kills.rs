//! A process that works on a heap in a file is killed, again and again, and the next one goes on with what it finds.
//!
//! Four threads each keep a counter and some blocks, found through a root block, and change them only together with a
//! shared lock; a commit is made by whoever has it alone. So each commit holds, for each thread, exactly what its
//! counter says. Beside that the threads allocate and free as they like, and a commit falls into the midst of it: blocks
//! of that may be lost to an image, and the parent frees what the root does not lead to.
//!
//! `OUTLIVE_KILLS` is the number of kills.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(clippy::multiple_unsafe_ops_per_block, clippy::cast_ptr_alignment, reason = "tests read better so")]

mod common;

use std::alloc::Layout;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::ptr::NonNull;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::child;
use common::random::Random;
use outlive::{Durability, Heap, HeapOptions, OpenOptions};

const THREADS: usize = 4;
/// Blocks that a thread keeps.
const BLOCKS: usize = 24;

const TEST: &str = "killed_processes_leave_what_they_have_committed";
const FILE: &str = "OUTLIVE_KILLS_FILE";
const ROOT: &str = "OUTLIVE_KILLS_ROOT";
const SEED: &str = "OUTLIVE_KILLS_SEED";

/// What the root block has for a thread. A block's content follows from the number of the step that wrote it, and so does
/// its length.
#[repr(C)]
#[derive(Clone, Copy)]
struct Kept {
    steps: u64,
    /// For each block its distance from the heap's base, and the step that wrote it; 0 for none.
    blocks: [(u64, u64); BLOCKS],
}

type Root = [Kept; THREADS];

/// An open heap and the addresses that follow from where it lies.
struct Work {
    heap: Heap,
    base: usize,
    root: usize,
}

// SAFETY: addresses of the heap, which threads use as their lock and the numbers of their parts allow.
unsafe impl Sync for Work {}

impl Work {
    fn open(options: OpenOptions, file: &Path, root: u64) -> Self {
        let heap = options.open(file).unwrap();
        let mut base = None;
        heap.for_each_block(|block, info| {
            if info.offset.get() == root {
                base = Some(block.as_ptr().addr() - usize::try_from(root).unwrap());
            }
        });
        let base = base.expect("the root block");
        Self { heap, base, root: base + usize::try_from(root).unwrap() }
    }

    fn address(&self, offset: u64) -> NonNull<u8> {
        NonNull::new((self.base + usize::try_from(offset).unwrap()) as *mut u8).unwrap()
    }

    /// A thread's part of the root.
    fn kept(&self, thread: usize) -> *mut Kept {
        (self.root as *mut Kept).wrapping_add(thread)
    }

    fn read(&self, thread: usize) -> Kept {
        // SAFETY: the root holds this many, and nobody writes to this one meanwhile.
        unsafe { self.kept(thread).read() }
    }

    /// One step of a thread: another block in the place of one that it has.
    fn step(&self, thread: usize) {
        let mut kept = self.read(thread);
        kept.steps += 1;
        let place = usize::try_from(Random::new(kept.steps).next() % BLOCKS as u64).unwrap();
        let (old, written) = kept.blocks[place];
        if written != 0 {
            // SAFETY: the thread's own block, of this layout.
            unsafe { self.heap.deallocate(self.address(old), layout(thread, written)) };
        }
        let layout = layout(thread, kept.steps);
        let block = self.heap.allocate(layout).unwrap();
        let content = content(thread, kept.steps);
        // SAFETY: the block is new, and as long as that.
        unsafe { block.as_ptr().copy_from(content.as_ptr(), content.len()) };
        kept.blocks[place] = ((block.as_ptr().addr() - self.base) as u64, kept.steps);
        // SAFETY: the thread's own part.
        unsafe { self.kept(thread).write(kept) };
    }

    /// Whether all that the root leads to is what it should be; says the threads' steps. Other blocks are freed.
    fn verify(&self) -> [u64; THREADS] {
        let report = self.heap.check();
        assert!(report.is_clean(), "{report}");
        let mut blocks = BTreeSet::from([self.root]);
        for thread in 0..THREADS {
            for (offset, written) in self.read(thread).blocks {
                if written != 0 {
                    let (block, expected) = (self.address(offset), content(thread, written));
                    assert!(self.heap.usable_size(block).is_some_and(|size| size >= expected.len()));
                    // SAFETY: a block of the heap, as long as that.
                    let found = unsafe { std::slice::from_raw_parts(block.as_ptr(), expected.len()) };
                    assert!(*found == *expected, "thread {thread}, step {written}");
                    assert!(blocks.insert(block.as_ptr().addr()), "a block with two owners");
                }
            }
        }
        let mut lost = Vec::new();
        self.heap.for_each_block(|block, _| {
            if !blocks.remove(&block.as_ptr().addr()) {
                lost.push(block);
            }
        });
        assert!(blocks.is_empty(), "blocks that the root leads to are not allocated: {blocks:x?}");
        for block in lost {
            // SAFETY: a block that nobody has any more.
            unsafe { self.heap.deallocate_unsized(block) };
        }
        std::array::from_fn(|thread| self.read(thread).steps)
    }
}

/// A small log, so that it is brought into the file often.
fn options() -> OpenOptions {
    let heap = HeapOptions::new().reservation(1 << 30);
    OpenOptions::new().heap(heap).log_segment(64 << 10).log_bound(256 << 10)
}

fn layout(thread: usize, step: u64) -> Layout {
    let mut random = Random::new(step * THREADS as u64 + thread as u64);
    Layout::from_size_align(8 + random.size(15), 8).unwrap()
}

fn content(thread: usize, step: u64) -> Vec<u8> {
    let mut random = Random::new(!(step * THREADS as u64 + thread as u64));
    let words = layout(thread, step).size().div_ceil(8);
    (0..words).flat_map(|_| random.next().to_le_bytes()).take(layout(thread, step).size()).collect()
}

/// Works until it is killed, now and then closing the heap and opening it again. Each commit that has returned is a line
/// on the standard output: its number, and the steps that it holds.
fn work(file: &Path, root: u64, seed: u64) {
    let mut random = Random::new(seed);
    loop {
        // The end of a process takes nothing at either level, and each may follow the other.
        let level = [Durability::PowerLoss, Durability::ProcessCrash][random.below(2)];
        let work = Work::open(options().durability(level), file, root);
        let (changes, is_over) = (RwLock::new(()), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let (work, changes, is_over, seed) = (&work, &changes, &is_over, random.next());
                scope.spawn(move || act(work, changes, is_over, thread, seed));
            }
            std::thread::sleep(Duration::from_millis(random.next() % 100));
            is_over.store(true, Ordering::Relaxed);
        });
        if random.below(2) == 0 { work.heap.close().unwrap() } else { drop(work) }
    }
}

/// What a thread does.
fn act(work: &Work, changes: &RwLock<()>, is_over: &AtomicBool, thread: usize, seed: u64) {
    let (mut random, mut own) = (Random::new(seed), Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        match random.below(16) {
            0 => {
                let _alone = changes.write().unwrap();
                let commit = work.heap.persist().unwrap().sequence;
                let steps: [u64; THREADS] = std::array::from_fn(|thread| work.read(thread).steps);
                let [a, b, c, d] = steps;
                let line = format!("{commit} {a} {b} {c} {d}\n");
                // In one piece, and past any buffer that would be lost.
                std::io::stderr().write_all(line.as_bytes()).unwrap();
            }
            1..6 => {
                let _shared = changes.read().unwrap();
                work.step(thread);
            }
            6..11 => {
                let layout = Layout::from_size_align(random.size(13), 8).unwrap();
                own.push((work.heap.allocate(layout).unwrap(), layout));
            }
            _ => {
                if let Some((block, layout)) = own.pop() {
                    // SAFETY: the thread's own block.
                    unsafe { work.heap.deallocate(block, layout) };
                }
            }
        }
    }
    for (block, layout) in own {
        // SAFETY: as above.
        unsafe { work.heap.deallocate(block, layout) };
    }
}

/// Starts the worker and kills it after a while; says what it had reported last.
fn kill(file: &Path, root: u64, seed: u64) -> Option<(u64, [u64; THREADS])> {
    let mut random = Random::new(seed);
    let mut command = child::command(TEST, "worker");
    command.env(FILE, file).env(ROOT, root.to_string()).env(SEED, random.next().to_string());
    let mut worker = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut pipe = worker.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        pipe.read_to_string(&mut said).map(|_| said)
    });
    std::thread::sleep(Duration::from_micros(random.next() % 120_000));
    worker.kill().unwrap();
    let status = worker.wait().unwrap();
    let said = reader.join().unwrap().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "it ended by itself: {said}");
    let line = said.lines().next_back()?;
    let numbers: Vec<u64> = line.split(' ').map(|word| word.parse().expect(line)).collect();
    Some((numbers[0], numbers[1..].try_into().unwrap()))
}

/// A new heap with a root block in a folder of its own.
fn create() -> (PathBuf, u64) {
    let folder = std::env::temp_dir().join(format!("outlive-kills-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("heap");
    let heap = options().open(&file).unwrap();
    let root = heap.allocate_zeroed(Layout::new::<Root>()).unwrap();
    let offset = heap.info(root.as_ptr()).unwrap().offset.get();
    heap.persist().unwrap();
    heap.close().unwrap();
    (file, offset)
}

#[test]
fn killed_processes_leave_what_they_have_committed() {
    let number = |name| std::env::var(name).ok().map(|value: String| value.parse::<u64>().expect("a number"));
    if child::is("worker") {
        let file = PathBuf::from(std::env::var_os(FILE).unwrap());
        return work(&file, number(ROOT).unwrap(), number(SEED).unwrap());
    }
    let kills = number("OUTLIVE_KILLS").unwrap_or(12);
    let seed = u64::from(std::process::id());
    println!("seed {seed}");
    let ((file, root), mut random) = (create(), Random::new(seed));
    let (mut known, mut steps, mut reports) = (1, [0; THREADS], 0);
    for round in 0..kills {
        if let Some((commit, reported)) = kill(&file, root, random.next()) {
            assert!(commit >= known, "round {round}");
            (known, steps) = (commit, reported);
            reports += 1;
        }
        let work = Work::open(options(), &file, root);
        let last = work.heap.last_commit();
        assert!(last == known || last == known + 1, "round {round}: commit {last} after commit {known}");
        let found = work.verify();
        let is_next = last > known;
        let as_known = found.iter().zip(steps).all(
            |(found, known)| {
                if is_next { *found >= known } else { *found == known }
            },
        );
        assert!(as_known, "round {round}: {found:?} in commit {last}, {steps:?} in commit {known}");
        known = work.heap.persist().unwrap().sequence;
        steps = found;
        if random.below(2) == 0 {
            work.heap.close().unwrap();
        }
    }
    println!("{kills} kills, {reports} after a commit, {known} commits");
    assert!(reports * 2 > kills, "most of them have to have done something");
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
}
