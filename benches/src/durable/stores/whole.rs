//! bincode: a hash map of the standard library, written to a file as a whole and read back as a whole.

use std::collections::HashMap;
use std::fs::{File, rename};
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Entry, Store, VALUE, first_word};

pub(super) struct Whole {
    map: HashMap<u64, [u8; VALUE]>,
    path: PathBuf,
}

impl Whole {
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join("map.bincode");
        let map = File::open(&path).map_or_else(
            |_| HashMap::new(),
            |file| {
                let mut file = BufReader::with_capacity(1 << 20, file);
                bincode::decode_from_std_read(&mut file, bincode::config::standard()).expect("a map")
            },
        );
        Self { map, path }
    }

    fn write(&self) {
        replace(&self.path, |file| {
            let _ =
                bincode::encode_into_std_write(&self.map, file, bincode::config::standard()).expect("a map");
        });
    }
}

/// Writes a file as a whole, and puts it in the place of the one before when it is on the disk.
pub(super) fn replace(path: &Path, write: impl FnOnce(&mut BufWriter<File>)) {
    let new = path.with_extension("new");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&new).expect("a file"));
    write(&mut file);
    file.flush().expect("a write");
    file.get_ref().sync_all().expect("a sync");
    rename(&new, path).expect("a renaming");
    let folder = File::open(path.parent().expect("its folder")).expect("the folder");
    folder.sync_all().expect("a sync");
}

impl Store for Whole {
    fn insert(&mut self, entries: &[Entry]) {
        self.map.reserve(entries.len());
        self.map.extend(entries.iter().copied());
        self.write();
    }

    fn change(&mut self, entries: &[Entry]) {
        for (key, value) in entries {
            *self.map.get_mut(key).expect("an entry") = *value;
        }
    }

    fn update(&mut self, entries: &[Entry]) {
        self.change(entries);
        self.write();
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        self.map[&key]
    }

    fn look_up(&mut self, keys: &[u64]) -> u64 {
        keys.iter().map(|key| first_word(&self.map[key])).fold(0, u64::wrapping_add)
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        Box::new(Self::open(self.path.parent().expect("its folder")))
    }
}
