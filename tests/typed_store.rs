//! Typed heaps: opening, accesses, commits, and what happens when an access breaks off.
#![allow(clippy::cast_possible_truncation, reason = "tests read better so")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use outlive::collections::{PBTreeMap, PBTreeSet, PHashMap, PHashSet, PSkipMap, PString, PVec, PVecDeque};
use outlive::json::Names;
use outlive::typed::PBox;
use outlive::{Error, OpenOptions, Verify};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("outlive-typed-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn heap(&self) -> PathBuf {
        self.0.join("heap")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn values_are_found_again_by_the_next_opening() {
    outlive::heap!(struct H);
    type Root<'h> = (u64, Option<PBox<[PBox<str, H<'h>>], H<'h>>>);
    let folder = Folder::new("found");
    let store = H::open::<Root>(folder.heap(), |_| (1, None)).unwrap();
    assert_eq!(store.last_commit().unwrap(), 1, "the root is committed by the opening");
    store
        .write(|root, heap| {
            root.0 += 1;
            let words = ["some", "words", ""].map(|word| PBox::str_in(word, heap));
            root.1 = Some(PBox::from_iter_in(words, heap));
        })
        .unwrap();
    assert_eq!(store.persist().unwrap().sequence, 2);
    store.write(|root, heap| root.1.as_mut().unwrap()[1] = PBox::str_in("lost", heap)).unwrap();
    store.close().unwrap();
    for verify in [Verify::No, Verify::Metadata, Verify::Full] {
        let options = OpenOptions::new().verify(verify);
        let store = H::open_with::<Root>(options, folder.heap(), |_| unreachable!()).unwrap();
        let found = store.read(|root| {
            let words = root.1.as_ref().unwrap().iter().map(|word| word.to_string());
            (root.0, words.collect::<Vec<_>>())
        });
        assert_eq!(found.unwrap(), (2, vec!["some".to_owned(), "words".to_owned(), String::new()]));
    }
}

#[test]
fn one_heap_at_a_time_is_open_under_a_type_and_any_number_under_others() {
    outlive::heap!(struct One);
    outlive::heap!(struct Other);
    let first = One::in_memory::<u64>(|_| 1).unwrap();
    match One::in_memory::<u64>(|_| 2) {
        Err(Error::HeapTypeInUse { heap }) => assert_eq!(heap, "One"),
        other => panic!("{other:?}"),
    }
    let other = Other::in_memory::<u64>(|_| 3).unwrap();
    assert_eq!(first.read(|one| *one).unwrap() + other.read(|other| *other).unwrap(), 4);
    drop(first);
    assert_eq!(One::in_memory::<u64>(|_| 5).unwrap().read(|one| *one).unwrap(), 5);
    let broken = catch_unwind(|| One::in_memory::<u64>(|_| panic!("in the making")));
    assert!(broken.is_err());
    One::in_memory::<u64>(|_| 6).unwrap();
}

#[test]
fn a_write_that_panics_makes_the_heap_suspect_until_it_is_rolled_back() {
    outlive::heap!(struct H);
    type Root<'h> = PBox<[u64; 2], H<'h>>;
    let folder = Folder::new("rollback");
    let store = H::open::<Root>(folder.heap(), |heap| PBox::new_in([1, 1], heap)).unwrap();
    store.write(|root, _| **root = [2, 2]).unwrap();
    store.persist().unwrap();
    let break_off = || {
        let broken = catch_unwind(AssertUnwindSafe(|| {
            store.write(|root, _| {
                root[0] = 3;
                panic!("half-way");
            })
        }));
        assert!(broken.is_err() && store.is_suspect());
    };
    break_off();
    assert!(matches!(store.read(|_| ()), Err(Error::Suspect)));
    assert!(matches!(store.update(|_, _| ()), Err(Error::Suspect)));
    assert!(matches!(store.write(|_, _| ()), Err(Error::Suspect)));
    assert!(matches!(store.persist(), Err(Error::Suspect)));
    let pending = store.persist_async().unwrap();
    assert!(matches!(pending.wait(), Err(Error::Suspect)));
    let pending = store.persist_async().unwrap();
    store.rollback().unwrap();
    assert!(matches!(pending.wait(), Err(Error::RolledBack)));
    assert_eq!(store.read(|root| **root).unwrap(), [2, 2]);

    break_off();
    store.accept().unwrap();
    assert_eq!(store.read(|root| **root).unwrap(), [3, 2]);
    store.persist().unwrap();
    store.write(|root, _| **root = [9, 9]).unwrap();
    store.rollback().unwrap();
    assert_eq!(store.read(|root| **root).unwrap(), [3, 2], "a heap that is not suspect goes back as well");
    assert!(catch_unwind(AssertUnwindSafe(|| store.read(|_| panic!("in a read")))).is_err());
    assert!(!store.is_suspect(), "a read changes nothing");
    assert!(catch_unwind(AssertUnwindSafe(|| store.update(|_, _| panic!("in an update")))).is_err());
    assert!(store.is_suspect());
    drop(store);
    assert_eq!(
        H::open::<Root>(folder.heap(), |_| unreachable!()).unwrap().read(|root| **root).unwrap(),
        [3, 2]
    );

    let memory = H::in_memory::<Root>(|heap| PBox::new_in([1, 2], heap)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| memory.write(|_, _| panic!("half-way")))).is_err());
    assert!(matches!(memory.rollback(), Err(Error::NoFile)));
    assert!(memory.is_suspect());
    memory.accept().unwrap();
    assert_eq!(memory.read(|root| **root).unwrap(), [1, 2]);
}

#[test]
fn a_rollback_that_cannot_open_the_file_can_be_tried_again() {
    outlive::heap!(struct H);
    let folder = Folder::new("again");
    let store = H::open::<u64>(folder.heap(), |_| 7).unwrap();
    store.write(|root, _| *root = 8).unwrap();
    let aside = folder.0.join("aside");
    std::fs::rename(folder.heap(), &aside).unwrap();
    std::fs::create_dir(folder.heap()).unwrap();
    assert!(store.rollback().is_err());
    assert!(matches!(store.read(|_| ()), Err(Error::Suspect)));
    assert!(matches!(store.accept(), Err(Error::Closed)));
    assert!(matches!(store.persist(), Err(Error::Closed)));
    std::fs::remove_dir(folder.heap()).unwrap();
    std::fs::rename(&aside, folder.heap()).unwrap();
    store.rollback().unwrap();
    assert_eq!(store.read(|root| *root).unwrap(), 7);
}

#[test]
fn accesses_within_accesses_go_on_or_are_refused_and_never_wait_for_themselves() {
    outlive::heap!(struct H);
    let folder = Folder::new("nested");
    let store = H::open::<u64>(folder.heap(), |_| 7).unwrap();
    let is_refused = |result: Result<(), Error>| matches!(result, Err(Error::WithinAccess { .. }));
    let refused_in_all = |name: &str| {
        assert!(is_refused(store.write(|_, _| ())), "{name}");
        assert!(is_refused(store.persist().map(drop)), "{name}");
        assert!(is_refused(store.persist_async().map(drop)), "{name}");
        assert!(is_refused(store.rollback()), "{name}");
        assert!(is_refused(store.accept()), "{name}");
        assert!(is_refused(store.stats().map(drop)), "{name}");
    };
    store
        .read(|outer| {
            refused_in_all("read");
            assert_eq!(store.read(|inner| *inner).unwrap(), *outer);
            store.update(|_, _| refused_in_all("update within read")).unwrap();
        })
        .unwrap();
    store
        .update(|_, _| {
            refused_in_all("update");
            store.read(|_| store.update(|_, _| refused_in_all("update within update")).unwrap()).unwrap();
        })
        .unwrap();
    store
        .write(|_, _| {
            refused_in_all("write");
            assert!(is_refused(store.read(|_| ())));
            assert!(is_refused(store.update(|_, _| ())));
        })
        .unwrap();
    store.persist().unwrap();
}

#[test]
fn readers_see_no_write_half_done_and_neither_does_a_commit() {
    outlive::heap!(struct H);
    type Root<'h> = [PBox<u64, H<'h>>; 2];
    let folder = Folder::new("whole");
    let store = H::open_with::<Root>(
        OpenOptions::new().persist_every(Duration::from_millis(1)),
        folder.heap(),
        |heap| [PBox::new_in(0, heap), PBox::new_in(0, heap)],
    )
    .unwrap();
    let (stop, reads, mut snapshots) = (AtomicBool::new(false), AtomicU64::new(0), Vec::new());
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let [a, b] = store.read(|root| [*root[0], *root[1]]).unwrap();
                    assert_eq!(a, b);
                    reads.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let write = store.write(|root, _| {
                        *root[0] += 1;
                        thread::sleep(Duration::from_millis(1));
                        *root[1] += 1;
                    });
                    write.unwrap();
                }
            });
        }
        for number in 0..15 {
            let path = folder.0.join(number.to_string());
            let before = store.last_commit().unwrap();
            store.snapshot(&path).unwrap();
            snapshots.push(path);
            while store.last_commit().unwrap() == before {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(reads.load(Ordering::Relaxed) > 0);
    drop(store);
    for path in snapshots {
        let store = H::open::<Root>(path, |_| unreachable!()).unwrap();
        let [a, b] = store.read(|root| [*root[0], *root[1]]).unwrap();
        assert_eq!(a, b, "what was committed is whole");
    }
}

#[test]
fn a_heap_that_is_only_read_is_not_written() {
    outlive::heap!(struct H);
    let folder = Folder::new("reader");
    let read_only = || OpenOptions::new().read_only(true);
    H::open::<u64>(folder.heap(), |_| 7).unwrap().close().unwrap();
    let store = H::open_with::<u64>(read_only(), folder.heap(), |_| unreachable!()).unwrap();
    assert_eq!(store.read(|root| *root).unwrap(), 7);
    assert!(matches!(store.write(|_, _| ()), Err(Error::ReadOnly { .. })));
    assert!(matches!(store.update(|_, _| ()), Err(Error::ReadOnly { .. })));
    assert!(matches!(store.persist(), Err(Error::ReadOnly { .. })));
    drop(store);
    let empty = folder.0.join("empty");
    drop(outlive::Heap::open(&empty).unwrap());
    match H::open_with::<u64>(read_only(), &empty, |_| unreachable!()) {
        Err(Error::NoRoot { root }) => assert_eq!(root, ""),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_root_of_another_layout_is_refused_and_both_are_shown() {
    outlive::heap!(struct H);
    outlive::heap!(struct Other);
    let folder = Folder::new("layout");
    H::open::<(u64, PBox<u32, H>)>(folder.heap(), |heap| (1, PBox::new_in(2, heap))).unwrap();
    match H::open::<(u64, PBox<i32, H>)>(folder.heap(), |_| unreachable!()) {
        Err(Error::OtherLayout { root, found, expected }) => {
            assert_eq!(root, "");
            assert!(found.contains("> u32: 4 bytes"), "{found}");
            assert!(expected.contains(">   +8 1: PBox<i32>"), "{expected}");
            assert!(expected.contains("    +0 0: u64"), "{expected}");
        }
        other => panic!("{other:?}"),
    }
    // The same text, with a pointer that would be followed in a heap that is not open.
    match H::open::<(u64, PBox<u32, Other>)>(folder.heap(), |_| unreachable!()) {
        Err(Error::OtherHeap { heap }) => assert_eq!(heap, "H"),
        other => panic!("{other:?}"),
    }
    H::open::<(u64, PBox<u32, H>)>(folder.heap(), |_| unreachable!()).unwrap();
}

/// Their layouts do not name the heap; they would be followed in one that is not open.
#[test]
fn collections_of_another_heap_are_refused_whatever_their_layout() {
    outlive::heap!(struct H);
    outlive::heap!(struct Other);
    let folder = Folder::new("other");
    macro_rules! refused {
        ($($type:ident<$($part:ty),* $(,)?>)*) => {$(
            let path = folder.0.join(stringify!($type));
            H::open::<$type<$($part,)* H>>(&path, |heap| $type::new_in(heap)).unwrap();
            match H::open::<$type<$($part,)* Other>>(&path, |_| unreachable!()) {
                Err(Error::OtherHeap { heap }) => assert_eq!(heap, "H"),
                other => panic!("{}: {other:?}", stringify!($type)),
            }
        )*};
    }
    refused!(PVec<u8> PVecDeque<u8> PString<> PHashMap<u8, u8> PHashSet<u8> PBTreeMap<u8, u8>);
    refused!(PBTreeSet<u8> PSkipMap<u8, u8> Names<>);
}

#[test]
fn what_was_placed_for_a_commit_that_was_refused_is_in_the_next_one() {
    outlive::heap!(struct H);
    type Root<'h> = (Option<PBox<[u64], H<'h>>>, PBox<[AtomicU64], H<'h>>);
    let folder = Folder::new("placed");
    let store = H::open::<Root>(folder.heap(), |heap| (None, PBox::from_iter_in([], heap))).unwrap();
    const LEN: u32 = 1 << 20;
    let inside = AtomicBool::new(false);
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            catch_unwind(AssertUnwindSafe(|| {
                store.write(|root, heap| {
                    root.0 = Some(PBox::from_iter_in((0..LEN as usize).map(|number| number as u64), heap));
                    root.1 = PBox::from_iter_in(
                        (0..LEN as usize).map(|number| AtomicU64::new(number as u64)),
                        heap,
                    );
                    inside.store(true, Ordering::Release);
                    // Long enough for the commit to have written what is new, and to wait at the gate.
                    thread::sleep(Duration::from_millis(700));
                    panic!("late");
                })
            }))
        });
        while !inside.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert!(matches!(store.persist(), Err(Error::Suspect)));
        assert!(writer.join().unwrap().is_err());
    });
    store.accept().unwrap();
    store.write(|root, _| root.0.as_mut().unwrap()[7] = 0).unwrap();
    store.write(|root, _| root.0.as_mut().unwrap()[7] = 7).unwrap();
    store.persist().unwrap();
    // What a crash would leave now.
    let copy = folder.0.join("copy");
    std::fs::copy(folder.heap(), &copy).unwrap();
    std::fs::copy(folder.0.join("heap.log"), folder.0.join("copy.log")).unwrap();
    store.close().unwrap();
    let options = OpenOptions::new().verify(Verify::Full);
    let store = H::open_with::<Root>(options, copy, |_| unreachable!()).unwrap();
    store
        .read(|root| {
            let numbers = root.0.as_ref().unwrap();
            assert_eq!((numbers.len(), root.1.len()), (LEN as usize, LEN as usize));
            assert!((0..u64::from(LEN)).zip(numbers.iter()).all(|(expected, number)| expected == *number));
            assert!(
                (0..u64::from(LEN))
                    .zip(root.1.iter())
                    .all(|(expected, number)| expected == number.load(Ordering::Relaxed))
            );
        })
        .unwrap();
}

#[test]
fn free_blocks_in_the_hands_of_threads_belong_to_nobody() {
    outlive::heap!(struct H);
    let folder = Folder::new("hands");
    let store = H::open::<u64>(folder.heap(), |_| 0).unwrap();
    let fill_magazines = || {
        store
            .update(|_, heap| {
                let sizes = (0..600).map(|number| 8 + number % 20 * 50);
                let boxes: Vec<_> = sizes.map(|size| PBox::from_iter_in(vec![0_u8; size], heap)).collect();
                drop(boxes);
            })
            .unwrap();
    };
    thread::scope(|scope| {
        let work = || (0..300).for_each(|_| thread::scope(|scope| drop(scope.spawn(fill_magazines))));
        let workers = [scope.spawn(work), scope.spawn(work)];
        // Empties its own magazines, beside accesses.
        scope.spawn(|| {
            for _ in 0..30 {
                fill_magazines();
                store.compact().unwrap();
            }
        });
        while workers.iter().any(|worker| !worker.is_finished()) {
            assert_eq!(store.unreachable().unwrap(), []);
        }
    });
}
