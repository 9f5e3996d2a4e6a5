//! A program whose own memory is ours, and that has a heap in a file: what the two may wait for at each other.
#![cfg_attr(feature = "nightly", feature(allocator_api))]

mod common;

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::files::{Folder, small};
use outlive::{Global, Heap};

#[global_allocator]
static GLOBAL: Global = Global::new();

/// More than enough pages for a commit to be made by two threads, in either part.
const BLOCK: Layout = Layout::new::<[u8; 24 << 20]>();
const COMMITS: u8 = 6;

/// Runs `act` in a thread; one that waits for ever is no reason to do so as well.
fn in_time(act: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        act();
        done.send(()).expect("somebody waits");
    });
    match is_done.recv_timeout(Duration::from_secs(120)) {
        // Whoever panics waits as well, with its end.
        Err(mpsc::RecvTimeoutError::Timeout) => std::process::abort(),
        _ => thread.join().expect("no panic"),
    }
}

/// Changes all of both blocks and commits that, again and again.
fn commit_large(heap: &Heap, blocks: [NonNull<u8>; 2]) {
    for byte in 1..=COMMITS {
        for block in blocks {
            // SAFETY: a block of so many bytes.
            unsafe { block.write_bytes(byte, BLOCK.size()) };
            heap.tracked().note(block.as_ptr(), BLOCK.size());
        }
        let commit = heap.persist().unwrap();
        assert!(commit.pages >= 2 * (BLOCK.size() / 4096) as u64 || byte == 1, "{commit:?}");
    }
}

fn open(folder: &Folder) -> (Heap, [NonNull<u8>; 2]) {
    let heap = small().open(folder.join("heap")).unwrap();
    let blocks = [heap.allocate(BLOCK).unwrap(), heap.tracked().allocate(BLOCK).unwrap()];
    (heap, blocks)
}

#[test]
fn a_commit_by_two_threads_does_not_wait_for_the_end_of_one() {
    in_time(|| {
        let folder = Folder::new();
        let (heap, blocks) = open(&folder);
        commit_large(&heap, blocks);
        heap.close().unwrap();
    });
}

#[test]
fn commits_go_on_while_threads_come_and_go_and_the_process_forks() {
    in_time(|| {
        let folder = Folder::new();
        let (heap, blocks) = open(&folder);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let words: Vec<String> = (0..100).map(|number| number.to_string()).collect();
                    thread::scope(|scope| drop(scope.spawn(move || words.concat())));
                }
            });
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    // SAFETY: the child does nothing but end.
                    match unsafe { libc::fork() } {
                        // SAFETY: as above.
                        0 => unsafe { libc::_exit(0) },
                        child => {
                            let mut status = 0;
                            // SAFETY: the status is there to be written.
                            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
                            assert_eq!(status, 0);
                        }
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            });
            commit_large(&heap, blocks);
            done.store(true, Ordering::Relaxed);
        });
        heap.close().unwrap();
    });
}
