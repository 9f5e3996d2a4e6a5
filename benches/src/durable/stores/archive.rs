//! rkyv: a hash map that is written to a file as a whole, and used there, mapped. It does not change.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use memmap2::Mmap;
use rkyv::Archived;
use rkyv::rancor::Error;

use super::whole::replace;
use super::{Entry, Store, VALUE, first_word};

type Map = HashMap<u64, [u8; VALUE]>;

pub(super) struct Archive {
    file: Option<Mmap>,
    path: PathBuf,
}

impl Archive {
    pub(super) fn open(folder: &Path) -> Self {
        let path = folder.join("map.rkyv");
        // SAFETY: nobody else has this file, and it is replaced as a whole.
        let file = File::open(&path).ok().map(|file| unsafe { Mmap::map(&file) }.expect("a mapping"));
        Self { file, path }
    }

    fn map(&self) -> &Archived<Map> {
        let file = self.file.as_ref().expect("an archive that was opened");
        // SAFETY: the file is what `insert` wrote.
        unsafe { rkyv::access_unchecked(file) }
    }
}

fn value(map: &Archived<Map>, key: u64) -> &[u8; VALUE] {
    map.get(&key.into()).expect("an entry")
}

impl Store for Archive {
    fn insert(&mut self, entries: &[Entry]) {
        let map: Map = entries.iter().copied().collect();
        let bytes = rkyv::to_bytes::<Error>(&map).expect("an archive");
        replace(&self.path, |file| file.write_all(&bytes).expect("a write"));
    }

    fn update(&mut self, _: &[Entry]) {
        unreachable!("an archive does not change");
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        *value(self.map(), key)
    }

    fn look_up(&mut self, keys: &[u64]) -> u64 {
        let map = self.map();
        keys.iter().map(|key| first_word(value(map, *key))).fold(0, u64::wrapping_add)
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        Box::new(Self::open(self.path.parent().expect("its folder")))
    }
}
