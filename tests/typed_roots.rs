//! Further roots, migration, and values with several owners.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use outlive::typed::{PArc, PArcWeak, PBox, PRc, PWeak};
use outlive::{Error, OpenOptions, Persist, Verify};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("outlive-roots-{name}-{}", std::process::id()));
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
fn a_change_of_a_further_root_is_in_the_next_commit() {
    outlive::heap!(struct H);
    let folder = Folder::new("changed");
    let store = H::open::<u64>(folder.heap(), |_| 1).unwrap();
    let numbers = H::root::<[u64; 2], _>(&store, "numbers", |_| [1, 2]).unwrap();
    // What was noted for the new root is gone with this commit.
    store.persist().unwrap();
    numbers.write(|numbers, _| numbers[1] = 3).unwrap();
    store.persist().unwrap();
    store.close().unwrap();
    let store = H::open::<u64>(folder.heap(), |_| unreachable!()).unwrap();
    let numbers = H::root::<[u64; 2], _>(&store, "numbers", |_| unreachable!()).unwrap();
    assert_eq!(numbers.read(|numbers| *numbers).unwrap(), [1, 3]);
}

#[test]
fn further_roots_are_found_by_name_and_follow_rollbacks() {
    outlive::heap!(struct H);
    type Text<'h> = PBox<str, H<'h>>;
    let folder = Folder::new("further");
    let store = H::open::<u64>(folder.heap(), |_| 1).unwrap();
    let text = H::root::<Text, _>(&store, "text", |heap| PBox::str_in("first", heap)).unwrap();
    let other = H::root::<[u64; 2], _>(&store, "numbers", |_| [1, 2]).unwrap();
    assert_eq!(
        (text.name(), store.root_names().unwrap()),
        ("text", vec!["text".to_owned(), "numbers".to_owned()])
    );
    text.write(|text, heap| *text = PBox::str_in("second", heap)).unwrap();
    store.persist().unwrap();
    text.write(|text, heap| *text = PBox::str_in("third", heap)).unwrap();
    let late = H::root::<u8, _>(&store, "late", |_| 3).unwrap();
    store.remove_root::<[u64; 2]>("numbers").unwrap();
    assert!(matches!(other.read(|_| ()), Err(Error::NoRoot { root }) if root == "numbers"));
    assert_eq!(text.read(|text| text.to_string()).unwrap(), "third");
    assert_eq!(store.unreachable().unwrap(), []);
    store.rollback().unwrap();
    assert_eq!(text.read(|text| text.to_string()).unwrap(), "second");
    assert_eq!(other.update(|other, _| *other).unwrap(), [1, 2]);
    assert!(matches!(late.read(|_| ()), Err(Error::NoRoot { root }) if root == "late"));
    assert!(matches!(store.remove_root::<u64>(""), Err(Error::NoRoot { .. })));
    assert!(matches!(store.remove_root::<u64>("text"), Err(Error::OtherLayout { .. })));
    assert!(
        matches!(H::root::<u64, _>(&store, "text", |_| 0), Err(Error::OtherLayout { root, .. }) if root == "text")
    );
    assert!(matches!(text.write(|_, _| store.root_names()).unwrap(), Err(Error::WithinAccess { .. })));
    store.close().unwrap();

    let store = H::open::<u64>(folder.heap(), |_| unreachable!()).unwrap();
    assert!(matches!(store.unreachable(), Err(Error::UnknownRoot { .. })));
    H::root::<Text, _>(&store, "text", |_| unreachable!()).unwrap();
    H::root::<[u64; 2], _>(&store, "numbers", |_| unreachable!()).unwrap();
    assert_eq!(store.unreachable().unwrap(), []);
}

mod old {
    use super::*;

    outlive::heap!(pub(super) struct H);

    #[derive(Persist)]
    pub(super) struct Item<'h> {
        pub(super) name: PBox<str, H<'h>>,
    }

    #[derive(Persist)]
    pub(super) struct Shop<'h> {
        pub(super) items: PBox<[Item<'h>], H<'h>>,
    }
}

mod new {
    use super::*;

    #[derive(Persist)]
    pub(super) struct Item<'h> {
        pub(super) name: PBox<str, old::H<'h>>,
        pub(super) price: Option<u64>,
    }

    #[derive(Persist)]
    pub(super) struct Shop<'h> {
        pub(super) items: PBox<[Item<'h>], old::H<'h>>,
        pub(super) visits: u64,
    }
}

#[test]
fn a_root_is_migrated_in_one_commit() {
    use old::H;
    let folder = Folder::new("migrate");
    let names = ["tea", "coffee", "milk"];
    let store = H::open::<old::Shop>(folder.heap(), |heap| old::Shop {
        items: PBox::from_iter_in(names.map(|name| old::Item { name: PBox::str_in(name, heap) }), heap),
    });
    store.unwrap().close().unwrap();
    match H::open::<new::Shop>(folder.heap(), |_| unreachable!()) {
        Err(error @ Error::OtherLayout { .. }) => {
            let text = error.to_string();
            assert!(text.contains(">   +16 visits: u64") && text.contains("> Item: 16 bytes"), "{text}");
            assert!(
                text.contains(" price: Option<u64>") && text.contains("    +0 items: PBox<[Item]>"),
                "{text}"
            );
        }
        other => panic!("{other:?}"),
    }
    let broken =
        catch_unwind(|| H::migrate::<old::Shop, new::Shop>(folder.heap(), |_, _| panic!("half-way")));
    assert!(broken.is_err());
    let wrong = H::migrate::<u64, new::Shop>(folder.heap(), |_, _| unreachable!());
    assert!(matches!(wrong, Err(Error::OtherLayout { .. })));
    let migrate = |calls: &mut u32| {
        H::migrate::<old::Shop, new::Shop>(folder.heap(), |old, heap| {
            *calls += 1;
            // Names are moved; the old items' block goes with the old root.
            let names = old.items.iter().map(|item| PBox::str_in(&item.name, heap)).collect::<Vec<_>>();
            let items = names.into_iter().map(|name| new::Item { price: Some(name.len() as u64), name });
            new::Shop { items: PBox::from_iter_in(items, heap), visits: 1 }
        })
        .unwrap()
    };
    let mut calls = 0;
    let store = migrate(&mut calls);
    assert_eq!((calls, store.last_commit().unwrap()), (1, 2));
    assert_eq!(store.unreachable().unwrap(), []);
    drop(store);
    drop(migrate(&mut calls));
    assert_eq!(calls, 1, "what is new already is opened");
    let options = OpenOptions::new().verify(Verify::Full);
    let store = H::open_with::<new::Shop>(options, folder.heap(), |_| unreachable!()).unwrap();
    let found = store.read(|shop| {
        assert_eq!(shop.visits, 1);
        shop.items.iter().map(|item| (item.name.to_string(), item.price.unwrap())).collect::<Vec<_>>()
    });
    assert_eq!(found.unwrap(), names.map(|name| (name.to_owned(), name.len() as u64)));
    assert_eq!(store.unreachable().unwrap(), []);
}

/// Says when it is dropped.
#[derive(Persist)]
struct Loud(u64);

static DROPPED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

impl Drop for Loud {
    fn drop(&mut self) {
        DROPPED.lock().unwrap().push(self.0);
    }
}

#[test]
fn values_with_several_owners_go_with_the_last() {
    outlive::heap!(struct H);
    type Root<'h> = (Option<PRc<Loud, H<'h>>>, Option<PRc<Loud, H<'h>>>, Option<PWeak<Loud, H<'h>>>);
    let folder = Folder::new("counted");
    // With every write to be noted, or the commit fails.
    let options = || OpenOptions::new().verify(Verify::Full).find_unnoted(true);
    let store = H::open_with::<Root>(options(), folder.heap(), |_| (None, None, None)).unwrap();
    store
        .write(|(first, second, weak), heap| {
            let value = PRc::new_in(Loud(1), heap);
            *weak = Some(PRc::downgrade(&value, heap));
            *second = Some(PRc::share(&value, heap));
            *first = Some(value);
        })
        .unwrap();
    store.persist().unwrap();
    store.close().unwrap();
    let store = H::open_with::<Root>(options(), folder.heap(), |_| unreachable!()).unwrap();
    assert_eq!(store.unreachable().unwrap(), []);
    store
        .write(|(first, second, weak), heap| {
            let (one, other) = (first.as_mut().unwrap(), second.as_ref().unwrap());
            assert!(PRc::ptr_eq(one, other) && one.0 == 1);
            assert_eq!((PRc::strong_count(one), PRc::weak_count(one)), (2, 1));
            assert!(PRc::get_mut(one).is_none());
            *second = None;
            assert!(PRc::get_mut(one).is_none(), "a weak one is there");
            let again = weak.as_ref().unwrap().upgrade(heap).unwrap();
            assert_eq!(PRc::strong_count(&again), 2);
            drop(again);
            assert!(DROPPED.lock().unwrap().is_empty());
            *first = None;
            assert_eq!(*DROPPED.lock().unwrap(), [1]);
            assert!(weak.as_ref().unwrap().upgrade(heap).is_none());
            let more = PWeak::share(weak.as_ref().unwrap(), heap);
            *weak = Some(more);
        })
        .unwrap();
    assert_eq!(store.unreachable().unwrap(), []);
    store.persist().unwrap();
    store
        .write(|(first, _, weak), heap| {
            *weak = None;
            *first = Some(PRc::new_in(Loud(2), heap));
            PRc::get_mut(first.as_mut().unwrap()).unwrap().0 = 3;
            *first = None;
        })
        .unwrap();
    store.persist().unwrap();
    assert_eq!(*DROPPED.lock().unwrap(), [1, 3]);
    assert_eq!(store.unreachable().unwrap(), []);
}

#[test]
fn threads_share_values_in_updates() {
    outlive::heap!(struct H);
    type Root<'h> = (PArc<u64, H<'h>>, PArcWeak<u64, H<'h>>);
    let store = H::in_memory::<Root>(|heap| {
        let value = PArc::new_in(7, heap);
        let weak = PArc::downgrade(&value, heap);
        (value, weak)
    })
    .unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    store
                        .update(|(value, weak), heap| {
                            let mut owners: Vec<_> = (0..5).map(|_| PArc::share(value, heap)).collect();
                            owners.extend(weak.upgrade(heap));
                            assert!(owners.iter().all(|owner| **owner == 7));
                            let _weak = PArc::downgrade(&owners[0], heap);
                        })
                        .unwrap();
                }
            });
        }
    });
    let counts = store.write(|(value, weak), heap| {
        let counts = (PArc::strong_count(value), PArc::weak_count(value));
        assert!(PArc::get_mut(value).is_none());
        *weak = PArc::downgrade(&PArc::new_in(1, heap), heap);
        *PArc::get_mut(value).unwrap() = 8;
        assert!(weak.upgrade(heap).is_none());
        counts
    });
    assert_eq!(counts.unwrap(), (1, 1));
    assert_eq!(store.unreachable().unwrap(), []);
    let broken = catch_unwind(AssertUnwindSafe(|| {
        store.update(|(value, _), heap| {
            let _shared = PArc::share(value, heap);
            panic!("the owner goes all the same");
        })
    }));
    assert!(broken.is_err());
    store.accept().unwrap();
    assert_eq!(store.read(|(value, _)| PArc::strong_count(value)).unwrap(), 1);
}

#[test]
fn what_changes_through_shared_references_is_committed_without_notes() {
    outlive::heap!(struct H);
    type Root<'h> = (AtomicU64, PBox<AtomicU64, H<'h>>, PBox<[AtomicU64], H<'h>>, PArc<AtomicU64, H<'h>>);
    let folder = Folder::new("atomics");
    let options = || OpenOptions::new().verify(Verify::Full).find_unnoted(true);
    let counters = |root: &Root<'_>| {
        [&root.0, &root.1, &root.2[1], &root.3].map(|count| count.fetch_add(1, Ordering::Relaxed))
    };
    for run in 0..3 {
        let store = H::open_with::<Root>(options(), folder.heap(), |heap| {
            let new = || AtomicU64::new(0);
            (
                new(),
                PBox::new_in(new(), heap),
                PBox::from_iter_in([new(), new()], heap),
                PArc::new_in(new(), heap),
            )
        });
        let store = store.unwrap();
        assert_eq!(store.update(|root, _| counters(root)).unwrap(), [run; 4]);
        store.persist().unwrap();
        assert_eq!(store.unreachable().unwrap(), []);
        store.read(|root| counters(root)).unwrap();
    }
}
