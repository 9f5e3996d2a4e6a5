//! Ours: a hash map that is a heap's root.

use std::path::{Path, PathBuf};

use outlive::PHashMap;
use outlive::typed::Store as Heap;

use super::{Entry, Store, VALUE, first_word};

outlive::heap!(struct Kept);

type Root<'h> = PHashMap<u64, [u8; VALUE], Kept<'h>>;

/// The map's heap.
pub(super) struct Map {
    heap: Heap<Root<'static>, Kept<'static>>,
    path: PathBuf,
}

impl Map {
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join("map.heap");
        Self { heap: Kept::open::<Root<'_>>(&path, |heap| PHashMap::new_in(heap)).expect("a heap"), path }
    }
}

impl Store for Map {
    fn insert(&mut self, entries: &[Entry]) {
        let put = |map: &mut Root<'_>| {
            map.reserve(entries.len());
            map.extend(entries.iter().copied());
        };
        self.heap.write(|map, _| put(map)).expect("a write");
        self.heap.persist().expect("a commit");
    }

    fn change(&mut self, entries: &[Entry]) {
        let put = |map: &mut Root<'_>| {
            for (key, value) in entries {
                *map.get_mut(key).expect("an entry") = *value;
            }
        };
        self.heap.write(|map, _| put(map)).expect("a write");
    }

    fn update(&mut self, entries: &[Entry]) {
        self.change(entries);
        self.heap.persist().expect("a commit");
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        self.heap.read(|map| *map.get(&key).expect("an entry")).expect("a read")
    }

    fn look_up(&mut self, keys: &[u64]) -> u64 {
        let sum = |map: &Root<'_>| {
            keys.iter().map(|key| first_word(map.get(key).expect("an entry"))).fold(0, u64::wrapping_add)
        };
        self.heap.read(|map| sum(map)).expect("a read")
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        let Self { heap, path } = *self;
        heap.close().expect("a clean close");
        Box::new(Self::open(path.parent().expect("its folder")))
    }
}
