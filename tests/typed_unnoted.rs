//! Structs and collections in one another, changed at random in every way that a program has: each commit looks for writes that
//! nobody has noted, and finds none.

mod common;

use common::files::Folder;
use common::random::Random;
use outlive::collections::{PBTreeMap, PHashMap, PHashSet, PString, PVec, PVecDeque};
use outlive::json::{Names, PJson};
use outlive::typed::{PBox, PRc};
use outlive::{OpenOptions, Persist, Verify};

outlive::heap!(struct H);

#[derive(Persist)]
struct Inner<'h> {
    count: u64,
    name: PString<H<'h>>,
    list: PVec<PString<H<'h>>, H<'h>>,
    queue: PVecDeque<u64, H<'h>>,
}

#[derive(Persist)]
struct Root<'h> {
    map: PHashMap<PString<H<'h>>, Inner<'h>, H<'h>>,
    tree: PBTreeMap<u64, PBox<Inner<'h>, H<'h>>, H<'h>>,
    queue: PVecDeque<Inner<'h>, H<'h>>,
    row: Option<PBox<[Inner<'h>], H<'h>>>,
    counted: PRc<Inner<'h>, H<'h>>,
    names: Names<H<'h>>,
    document: PJson<H<'h>>,
    words: PHashSet<PString<H<'h>>, H<'h>>,
}

fn inner(heap: H<'_>) -> Inner<'_> {
    Inner { count: 0, name: PString::new_in(heap), list: PVec::new_in(heap), queue: PVecDeque::new_in(heap) }
}

fn root(heap: H<'_>) -> Root<'_> {
    Root {
        map: PHashMap::new_in(heap),
        tree: PBTreeMap::new_in(heap),
        queue: PVecDeque::new_in(heap),
        row: Some(PBox::from_iter_in([(); 3].map(|()| inner(heap)), heap)),
        counted: PRc::new_in(inner(heap), heap),
        names: Names::new_in(heap),
        document: PJson::object_in(heap),
        words: PHashSet::new_in(heap),
    }
}

fn change<'h>(inner: &mut Inner<'h>, random: &mut Random, heap: H<'h>) {
    inner.count += 1;
    match random.below(9) {
        0 => inner.name.push_str("ab"),
        1 => drop(inner.name.pop()),
        2 => inner.list.push(PString::from_str_in(&"z".repeat(random.below(40)), heap)),
        3 => drop(inner.list.pop()),
        4 => inner.list.iter_mut().take(1).for_each(|text| text.push('q')),
        5 => inner.queue.push_front(inner.count),
        6 => drop(inner.queue.pop_back()),
        7 => {
            inner.list.iter_mut().for_each(|text| text.insert_str(0, "front"));
            inner.name.clear();
        }
        _ => {
            inner.list.sort();
            inner.queue.rotate_left(inner.queue.len() / 2);
            inner.list.retain(|text| text.len() % 5 != 1);
        }
    }
}

fn step<'h>(root: &mut Root<'h>, random: &mut Random, heap: H<'h>) {
    let number = random.below(40_usize);
    let name =
        format!("name {number}{}", if number.is_multiple_of(4) { " with more text than fits" } else { "" });
    let (key, owned) = (number as u64, PString::from_str_in(&name, heap));
    match random.below(16) {
        0 | 1 => change(root.map.entry(owned).or_insert_with(|| inner(heap)), random, heap),
        2 => drop(root.map.remove(&*name)),
        3 => root.map.values_mut().for_each(|inner| change(inner, random, heap)),
        4 => {
            change(root.tree.entry(key).or_insert_with(|| PBox::new_in(inner(heap), heap)), random, heap);
        }
        5 => drop(root.tree.remove(&key)),
        6 => root.tree.range_mut(key..key + 5).for_each(|(_, inner)| change(inner, random, heap)),
        7 if root.queue.len() < 9 => root.queue.push_back(inner(heap)),
        7 => drop(root.queue.pop_front()),
        8 => root.queue.iter_mut().for_each(|inner| change(inner, random, heap)),
        9 => root.queue.iter_mut().take(1).for_each(|inner| change(inner, random, heap)),
        10 => change(&mut root.row.as_mut().unwrap()[number % 3], random, heap),
        11 => change(PRc::get_mut(&mut root.counted).unwrap(), random, heap),
        12 => {
            let text = format!(r#"{{"number": {key}, "text": "text {number} of some length", "list": [1]}}"#);
            let value = PJson::parse_in(&text, &mut root.names, heap).unwrap();
            root.document.insert(&name, value, &mut root.names).unwrap();
        }
        13 => {
            if let Some(list) = root.document.pointer_mut(&format!("/{name}/list")) {
                list.push(PJson::new_in(key, heap)).unwrap();
            } else {
                root.document.remove(&name);
            }
        }
        14 if root.words.remove(&*name) => {}
        14 => drop(root.words.insert(owned)),
        _ => {
            let mut other = inner(heap);
            core::mem::swap(&mut other, &mut root.row.as_mut().unwrap()[0]);
            change(&mut other, random, heap);
            root.queue.push_front(other);
            root.queue.truncate(9);
        }
    }
}

#[test]
fn every_write_of_safe_code_is_noted() {
    for seed in 1..=if cfg!(debug_assertions) { 3 } else { 10 } {
        println!("seed {seed}");
        let folder = Folder::new();
        let path = folder.join("heap");
        let mut random = Random::new(seed);
        let store = H::open_with::<Root>(OpenOptions::new().find_unnoted(true), &path, root).unwrap();
        for commit in 1..=400 {
            for _ in 0..=random.below(20) {
                store.write(|root, heap| step(root, &mut random, heap)).unwrap();
            }
            store.persist().unwrap_or_else(|error| panic!("seed {seed}, commit {commit}: {error}"));
        }
        store.close().unwrap();
        let full = OpenOptions::new().verify(Verify::Full);
        let store = H::open_with::<Root>(full, &path, |_| unreachable!()).unwrap();
        assert_eq!(store.unreachable().unwrap(), []);
    }
}
