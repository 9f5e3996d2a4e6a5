//! Collections under a root whose bytes are values each, and not what finding things in them relies on: `Verify::Full` refuses
//! them at the opening, and names what is wrong.
#![allow(
    clippy::cast_ptr_alignment,
    clippy::multiple_unsafe_ops_per_block,
    reason = "words are written where words are"
)]

use std::path::{Path, PathBuf};

use outlive::collections::{PBTreeMap, PBTreeSet, PHashMap, PHashSet, PSkipMap, PString};
use outlive::json::{Names, PJson};
use outlive::typed::{PBox, Store};
use outlive::{Error, Heap, HeapType, OpenOptions, Persist, Verify};

outlive::heap!(struct H);

#[derive(Persist, PartialEq, Eq, PartialOrd, Ord)]
struct Id(Option<u8>, [char; 2], (bool, u16));

/// Its order is another one than that of its field.
#[derive(Persist, PartialEq, Eq, Clone, Copy)]
struct Last(u64);

impl Ord for Last {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.cmp(&self.0)
    }
}

impl PartialOrd for Last {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Persist, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Color {
    Red,
    Other(u32),
}

#[derive(Persist)]
struct Root<'h> {
    tree: PBTreeMap<u64, u32, H<'h>>,
    words: PBTreeSet<PString<H<'h>>, H<'h>>,
    boxed: PBTreeSet<PBox<str, H<'h>>, H<'h>>,
    ids: PBTreeMap<Id, (), H<'h>>,
    last: PBTreeSet<Last, H<'h>>,
    colors: PBTreeSet<Color, H<'h>>,
    /// Whose comparison is not known to end: their order is not looked at.
    owned: PBTreeSet<PBox<u64, H<'h>>, H<'h>>,
    map: PHashMap<u64, u64, H<'h>>,
    set: PHashSet<u32, H<'h>>,
    list: PSkipMap<u64, u8, H<'h>>,
    names: Names<H<'h>>,
    named: PJson<H<'h>>,
    /// Whose names no table has.
    document: PJson<H<'h>>,
    index: PJson<H<'h>>,
    text: PString<H<'h>>,
    long: PString<H<'h>>,
}

const ENTRIES: u64 = 30;

fn root(heap: H<'_>) -> Root<'_> {
    let mut names = Names::new_in(heap);
    let parse = |text: &str| PJson::parse_in(text, &mut Names::new_in(heap), heap).unwrap();
    let members = (0..20).map(|number| format!("\"name{number:02}\": {number}")).collect::<Vec<_>>();
    let index = parse(&format!("{{{}}}", members.join(", ")));
    let document = parse(r#"{"a": 1.50, "b": 12345678901234567890123, "c": "a text of many letters"}"#);
    let list = PSkipMap::new_in(heap);
    for key in 0..ENTRIES {
        list.insert(key * 10, 1, heap);
    }
    // A node that leaves, and the one that takes its place, have the same key.
    list.insert(50, 2, heap);
    Root {
        tree: PBTreeMap::from_iter_in((0..ENTRIES).map(|key| (key * 10, 1)), heap),
        words: PBTreeSet::from_iter_in(
            ["one", "three", "two"].map(|word| PString::from_str_in(word, heap)),
            heap,
        ),
        boxed: PBTreeSet::from_iter_in(["one", "three", "two"].map(|word| PBox::str_in(word, heap)), heap),
        ids: PBTreeMap::from_iter_in(
            [(None, 'x', 9), (Some(1), 'a', 8), (Some(1), 'a', 9), (Some(1), 'b', 0)]
                .map(|(first, second, third)| (Id(first, ['k', second], (false, third)), ())),
            heap,
        ),
        last: PBTreeSet::from_iter_in((0..ENTRIES).map(Last), heap),
        colors: PBTreeSet::from_iter_in([Color::Red, Color::Other(1), Color::Other(2)], heap),
        owned: PBTreeSet::from_iter_in((0..ENTRIES).map(|key| PBox::new_in(key * 10, heap)), heap),
        map: PHashMap::from_iter_in((0..ENTRIES).map(|key| (key, key)), heap),
        set: PHashSet::from_iter_in(0..5, heap),
        list,
        named: PJson::parse_in(r#"{"p": {"q": 1}}"#, &mut names, heap).unwrap(),
        names,
        document,
        index,
        text: PString::from_str_in("in place", heap),
        long: PString::from_str_in("a text that has a block", heap),
    }
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("outlive-hostile-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn opened(path: &Path, verify: Verify) -> Result<Store<Root<'static>, H<'static>>, Error> {
    H::open_with::<Root>(OpenOptions::new().create(false).verify(verify), path, |_| unreachable!())
}

/// Bytes to be written to a distance from the base.
type Patch = (usize, Vec<u8>);

/// What is to be written over a value. References to it say that nobody changes it, so it is written when they are gone.
fn put<T, U>(place: *const T, by: usize, value: U, heap: H<'_>) -> Vec<Patch> {
    // SAFETY: the bytes of a value without gaps.
    let bytes = unsafe { std::slice::from_raw_parts((&raw const value).cast::<u8>(), size_of::<U>()) };
    vec![(place.addr() + by - heap.base().addr().get(), bytes.to_vec())]
}

/// A word of a collection, of which all fields are words.
fn word<T>(place: &T, index: usize) -> u64 {
    assert!((index + 1) * 8 <= size_of::<T>());
    // SAFETY: inside of the value.
    unsafe { (&raw const *place).cast::<u64>().add(index).read() }
}

fn at(offset: u64, heap: H<'_>) -> *const u8 {
    heap.base().as_ptr().wrapping_add(usize::try_from(offset).unwrap())
}

/// Makes all empty buckets deleted ones, so that a search finds no end.
fn fill<T>(table: &T, heap: H<'_>) -> Vec<Patch> {
    let buckets = usize::try_from(word(table, 1)).unwrap() + 1;
    let control = at(word(table, 0), heap);
    // SAFETY: the table has a byte for each bucket, and 16 more.
    let bytes = unsafe { std::slice::from_raw_parts(control, buckets + 16) };
    let empty = (0..buckets + 16).filter(|index| bytes[*index] == 0xFF);
    empty
        .flat_map(|index| put(control, index, 0x80_u8, heap))
        .chain(put(&raw const *table, 16, 0_u64, heap))
        .collect()
}

/// A key in the middle of what is in order.
fn some<'a, T: 'a>(keys: impl Iterator<Item = &'a T>) -> *const T {
    &raw const *keys.take(2).last().unwrap()
}

type Damage = for<'h> fn(&Root<'h>, H<'h>) -> Vec<Patch>;

const DAMAGES: &[(&str, Damage)] = &[
    ("a tree of 30 entries, where 29 were counted", |root, heap| {
        put(&raw const root.tree, 16, ENTRIES - 1, heap)
    }),
    ("a tree of 3 entries, where 4 were counted", |root, heap| put(&raw const root.words, 16, 4_u64, heap)),
    ("key 2 of a tree is not above", |root, heap| put(some(root.tree.keys()), 0, 20_u64, heap)),
    ("key 1 of a tree is not above", |root, heap| put(some(root.tree.keys()), 0, 0_u64, heap)),
    ("key 2 of a tree is not above", |root, heap| {
        put(root.words.iter().nth(1).unwrap().as_ptr(), 0, *b"twx", heap)
    }),
    ("key 1 of a tree is not above", |root, heap| {
        put(root.boxed.iter().nth(1).unwrap().as_ptr(), 0, *b"a", heap)
    }),
    ("key 2 of a tree is not above", |root, heap| {
        put(&raw const root.ids.keys().nth(1).unwrap().2.1, 0, 9_u16, heap)
    }),
    ("key 3 of a tree is not above", |root, heap| {
        put(&raw const root.ids.keys().nth(2).unwrap().1[1], 0, 'c', heap)
    }),
    ("key 1 of a tree is not above", |root, heap| put(some(root.last.iter()), 0, 40_u64, heap)),
    ("key 2 of a tree is not above", |root, heap| put(some(root.colors.iter()), 4, 3_u32, heap)),
    ("control bytes that do not fit", |root, heap| put(&raw const root.map, 24, ENTRIES - 1, heap)),
    ("control bytes that do not fit", |root, heap| put(&raw const root.map, 16, 0_u64, heap)),
    ("control bytes that do not fit", |root, heap| fill(&root.map, heap)),
    ("control bytes that do not fit", |root, heap| fill(&root.set, heap)),
    ("entries, where 31 were counted", |root, heap| {
        let header = at(word(&root.list, 0), heap).cast::<u64>();
        // SAFETY: the header has more words than these, of which one is the count of this thread.
        let count = (0..100).find(|index| unsafe { header.add(*index).read() } == ENTRIES).unwrap();
        put(header, count * 8, ENTRIES + 1, heap)
    }),
    ("of a skip list has a key that is not above", |root, heap| {
        put(root.list.get(&70).unwrap().key(), 0, 80_u64, heap)
    }),
    ("of a skip list has a key that is not above", |root, heap| {
        put(root.list.back().unwrap().key(), 0, 1_u64, heap)
    }),
    ("an object with a name twice", |root, heap| put(name(&root.document, 0), 0, *b"b", heap)),
    ("an index out of order", |root, heap| put(name(&root.index, 5), 0, *b"name99", heap)),
    ("the name \"q\" twice", |root, heap| put(name(&root.named, 0), 0, *b"q", heap)),
    ("a name that is no text", |root, heap| put(name(&root.document, 0), 15, 0_u8, heap)),
    ("text that is not UTF-8", |root, heap| put(root.text.as_ptr(), 7, 0xC3_u8, heap)),
    ("text that is not UTF-8", |root, heap| put(root.long.as_ptr(), 0, 0xFF_u8, heap)),
    ("24 bytes of text in place, where 23 fit", |root, heap| {
        put(&raw const root.text, 23, 0x80_u8 + 24, heap)
    }),
    ("127 bytes of text in place, where 23 fit", |root, heap| put(&raw const root.text, 23, 0xFF_u8, heap)),
    ("elements where there is room for", |root, heap| put(&raw const root.text, 23, 0x70_u8, heap)),
    ("invalid utf-8", |root, heap| {
        put(root.document.get("c").unwrap().as_str().unwrap().as_ptr(), 3, 0xFF_u8, heap)
    }),
    ("is no value", |root, heap| put(root.document.get("a").unwrap(), 1, *b"x", heap)),
    ("text that is no number", |root, heap| {
        put(at(word(root.document.get("b").unwrap(), 0), heap), 4, *b"-", heap)
    }),
];

/// The text of a member's name.
fn name(object: &PJson<H<'_>>, index: usize) -> *const u8 {
    object.members().unwrap().nth(index).unwrap().0.as_ptr()
}

/// Opens a heap that was damaged.
fn damaged(
    path: &Path,
    pristine: &Path,
    damage: impl for<'h> FnOnce(&Root<'h>, H<'h>) -> Vec<Patch>,
) -> Result<(), String> {
    std::fs::copy(pristine, path).unwrap();
    let store = opened(path, Verify::default()).unwrap();
    let patches = store.update(damage).unwrap();
    store.close().unwrap();
    let heap = Heap::open(path).unwrap();
    for (offset, bytes) in patches {
        let place = heap.base().as_ptr().wrapping_add(offset);
        heap.tracked().note(place, bytes.len());
        // SAFETY: inside of a block, to which nobody has a reference.
        unsafe { place.copy_from(bytes.as_ptr(), bytes.len()) };
    }
    heap.persist().unwrap();
    heap.close().unwrap();
    match opened(path, Verify::Full) {
        Ok(_) => Ok(()),
        Err(Error::ValuesDamaged { what }) => Err(what),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn what_nothing_is_found_in_is_refused_and_named() {
    let folder = Folder::new("collections");
    let (path, pristine) = (folder.0.join("heap"), folder.0.join("pristine"));
    H::open::<Root>(&pristine, root).unwrap().close().unwrap();
    drop(opened(&pristine, Verify::Full).unwrap());
    let mut missed = Vec::new();
    for (what, damage) in DAMAGES {
        match damaged(&path, &pristine, *damage) {
            Err(found) if found.contains(what) => {}
            other => missed.push((what, other)),
        }
    }
    assert!(missed.is_empty(), "{missed:#?}");
    // One text of 128 has the same seven bits of hash, by chance, and then is where it belongs.
    let mut passed = 0;
    for letter in b'A'..=b'L' {
        match damaged(&path, &pristine, |root, heap| put(name(&root.named, 0), 0, letter, heap)) {
            Ok(()) => passed += 1,
            Err(found) => assert!(found.contains("twice, or with another's hash"), "{found}"),
        }
    }
    assert!(passed < 4, "{passed} of 12 names with another's hash");
    let unknown_order: Damage = |root, heap| put(&raw const **root.owned.first().unwrap(), 0, 1000_u64, heap);
    assert_eq!(damaged(&path, &pristine, unknown_order), Ok(()));
}
