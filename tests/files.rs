//! Heaps in real files.
#![allow(clippy::cast_possible_truncation, reason = "tests read better so")]

use std::alloc::Layout;
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use outlive::{Error, Heap, HeapOptions, OpenOptions};

/// A folder of the test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("outlive-files-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn heap(&self) -> PathBuf {
        self.0.join("a.heap")
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// The heap's counter, made when it is not there yet.
fn counter(heap: &Heap) -> &AtomicU64 {
    let root = heap.root().unwrap_or_else(|| {
        let root = heap.allocate_zeroed(Layout::new::<AtomicU64>()).unwrap();
        heap.set_root(Some(root));
        root
    });
    let counter: NonNull<AtomicU64> = root.cast();
    // SAFETY: the root is a counter that is never freed, and any bytes are one.
    unsafe { counter.as_ref() }
}

fn found(path: &Path) -> u64 {
    let heap = Heap::restore(path).unwrap();
    assert!(heap.check().is_clean());
    counter(&heap).load(Ordering::Relaxed)
}

#[test]
fn a_close_and_a_drop_leave_one_file_with_what_was_persisted() {
    let folder = Folder::new();
    for round in 1..=6 {
        let heap = Heap::open(folder.heap()).unwrap();
        assert_eq!(counter(&heap).fetch_add(1, Ordering::Relaxed), round - 1);
        heap.persist().unwrap();
        assert_eq!(folder.names(), ["a.heap", "a.heap.log"]);
        counter(&heap).fetch_add(1000, Ordering::Relaxed);
        if round % 2 == 0 {
            heap.close().unwrap()
        } else {
            drop(heap)
        }
        assert_eq!(folder.names(), ["a.heap"]);
    }
    assert_eq!(found(&folder.heap()), 6);
}

#[test]
fn what_is_there_and_what_is_not_are_refused_when_asked_to() {
    let folder = Folder::new();
    let refused = Heap::restore(folder.heap()).unwrap_err();
    assert!(matches!(&refused, Error::File { operation, .. } if operation == "opening"), "{refused}");
    drop(Heap::open(folder.heap()).unwrap());
    let refused = OpenOptions::new().existing(false).open(folder.heap()).unwrap_err();
    assert!(matches!(&refused, Error::File { operation, .. } if operation == "opening"), "{refused}");
    let heap = Heap::open(folder.heap()).unwrap();
    let refused = Heap::open(folder.heap()).unwrap_err();
    assert!(matches!(&refused, Error::InUse { file } if file.ends_with("a.heap")), "{refused}");
    drop(heap);
    assert!(Heap::open(folder.heap()).is_ok());
    assert!(matches!(Heap::in_memory().unwrap().persist(), Err(Error::NoFile)));
}

#[test]
fn what_did_not_change_is_not_written() {
    let folder = Folder::new();
    let heap = Heap::open(folder.heap()).unwrap();
    counter(&heap);
    assert_eq!(heap.persist().unwrap().sequence, 1);
    let again = heap.persist().unwrap();
    assert_eq!((again.sequence, again.lines, heap.last_commit()), (1, 0, 1));
    counter(&heap).store(7, Ordering::Relaxed);
    let changed = heap.persist().unwrap();
    assert_eq!((changed.sequence, changed.lines), (2, 1));
}

/// Threads count, each call of `persist` covers what its caller has counted, and callers share commits.
#[test]
fn many_callers_share_commits() {
    let folder = Folder::new();
    let heap = Heap::open(folder.heap()).unwrap();
    let (count, last) = (counter(&heap), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..25 {
                    count.fetch_add(1, Ordering::Relaxed);
                    last.fetch_max(heap.persist().unwrap().sequence, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(heap.last_commit(), last.into_inner());
    assert!(heap.last_commit() <= 200);
    drop(heap);
    assert_eq!(found(&folder.heap()), 200);
}

#[test]
fn commits_are_made_by_other_threads_when_asked_to() {
    let folder = Folder::new();
    let heap = Heap::open(folder.heap()).unwrap();
    counter(&heap).store(5, Ordering::Relaxed);
    let pending = heap.persist_async().unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    while !pending.is_done() {
        assert!(Instant::now() < end, "nobody made the commit");
        thread::yield_now();
    }
    assert_eq!(pending.wait().unwrap().sequence, 1);
    counter(&heap).store(6, Ordering::Relaxed);
    // Not waited for: the close does.
    let _ = heap.persist_async().unwrap();
    drop(heap);
    assert_eq!(found(&folder.heap()), 6);
}

#[test]
fn a_heap_persists_itself_when_it_is_told_to() {
    let folder = Folder::new();
    let heap = OpenOptions::new().persist_every(Duration::from_millis(5)).open(folder.heap()).unwrap();
    counter(&heap).store(1, Ordering::Relaxed);
    let end = Instant::now() + Duration::from_secs(20);
    for wanted in 1..=3 {
        counter(&heap).store(wanted * 10, Ordering::Relaxed);
        while heap.last_commit() < wanted {
            assert!(Instant::now() < end, "nobody made commit {wanted}");
            thread::sleep(Duration::from_millis(1));
        }
    }
    let last = heap.last_commit();
    thread::sleep(Duration::from_millis(50));
    assert!(heap.last_commit() <= last + 1, "a heap that does not change is persisted");
    drop(heap);
    assert_eq!(found(&folder.heap()), 30);
}

/// The log is brought into the file while commits go on, and stays within its bound and what commits meanwhile.
#[test]
fn the_log_is_bounded() {
    let folder = Folder::new();
    let options = OpenOptions::new()
        .heap(HeapOptions::new().reservation(1 << 30))
        .log_segment(64 << 10)
        .log_bound(256 << 10);
    let heap = options.clone().open(folder.heap()).unwrap();
    let block = heap.allocate_zeroed(Layout::new::<[u64; 1 << 17]>()).unwrap().cast::<u64>();
    heap.set_root(Some(block.cast()));
    for round in 0..300_u64 {
        for page in 0..64 {
            let at = (round * 64 + page) as usize * 512 % (1 << 17) + (round % 7) as usize;
            let place = block.as_ptr().wrapping_add(at);
            // SAFETY: within the block.
            unsafe { place.write(round) };
        }
        heap.persist().unwrap();
    }
    let bytes = std::fs::metadata(folder.0.join("a.heap.log")).unwrap().len();
    assert!(bytes < 3 << 20, "the log has {bytes} bytes");
    // SAFETY: the whole block is initialised.
    let before = unsafe { std::slice::from_raw_parts(block.as_ptr(), 1 << 17) }.to_vec();
    heap.close().unwrap();
    let heap = options.open(folder.heap()).unwrap();
    let block = heap.root().unwrap().cast::<u64>();
    // SAFETY: as above.
    let after = unsafe { std::slice::from_raw_parts(block.as_ptr(), 1 << 17) };
    assert!(before == after);
}

#[test]
fn twenty_heaps_are_open_at_once() {
    let folder = Folder::new();
    let open = |number: u64| Heap::open(folder.0.join(format!("{number}.heap"))).unwrap();
    let heaps: Vec<Heap> = (0..20).map(open).collect();
    for (heap, number) in heaps.iter().zip(0..) {
        counter(heap).store(number, Ordering::Relaxed);
        heap.persist().unwrap();
    }
    drop(heaps);
    let heaps: Vec<Heap> = (0..20).map(open).collect();
    assert!(heaps.iter().zip(0..).all(|(heap, number)| counter(heap).load(Ordering::Relaxed) == number));
}

/// What the heap's own threads still do with the file is over when it is closed, and so is its lock.
#[test]
fn a_heap_that_was_just_built_and_closed_can_be_opened() {
    let folder = Folder::new();
    let heap = Heap::open(folder.heap()).unwrap();
    let layout = Layout::new::<[u64; 32 << 20]>();
    let block = heap.allocate(layout).unwrap();
    // SAFETY: the block has so many bytes.
    unsafe { block.write_bytes(7, layout.size()) };
    heap.persist().unwrap();
    heap.close().unwrap();
    assert!(Heap::restore(folder.heap()).is_ok());
}
