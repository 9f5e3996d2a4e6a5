//! Databases, and what stands in for one, as one thing: entries of 100 bytes under numbers, changed in commits that are durable.

mod archive;
mod array;
mod fjall;
mod lmdb;
mod map;
mod redb;
mod sqlite;
mod whole;

use std::path::Path;

use super::{Contender, Setting};

/// Bytes of a value.
pub(super) const VALUE: usize = 100;

/// A key and its value.
pub(super) type Entry = (u64, [u8; VALUE]);

/// How many entries are put in with one commit while a store is made.
const AT_ONCE: u64 = 20_000;

/// A store of entries.
pub(super) trait Store {
    /// Puts in entries whose keys are new, as one durable commit.
    fn insert(&mut self, entries: &[Entry]);

    /// Changes entries that are there, as one durable commit.
    fn update(&mut self, entries: &[Entry]);

    /// Changes entries that are there, in memory only; for those whose memory is where one works.
    fn change(&mut self, entries: &[Entry]) {
        unreachable!("{} entries change with a commit", entries.len());
    }

    /// Reads an entry.
    fn get(&mut self, key: u64) -> [u8; VALUE];

    /// Reads many entries, in one transaction where there are such; the sum of their [`first_word`]s.
    fn look_up(&mut self, keys: &[u64]) -> u64 {
        keys.iter().fold(0, |sum, key| sum.wrapping_add(first_word(&self.get(*key))))
    }

    /// Closes it and opens it again.
    fn again(self: Box<Self>) -> Box<dyn Store>;
}

/// The setting's contender with `count` entries under the numbers from 0; ours in plain memory.
pub(super) fn filled(setting: &Setting, count: usize) -> Box<dyn Store> {
    let folder = setting.folder.as_path();
    let store = match setting.contender {
        Contender::Outlive => Box::new(array::Entries::create(folder, count)),
        other => kept(other, folder),
    };
    fill(store, count)
}

/// Puts in `count` entries under the numbers from 0.
pub(super) fn fill(mut store: Box<dyn Store>, count: usize) -> Box<dyn Store> {
    let mut entries = Vec::new();
    for key in 0..count as u64 {
        entries.push((key, value(key, 0)));
        if entries.len() as u64 == AT_ONCE {
            store.insert(&entries);
            entries.clear();
        }
    }
    if !entries.is_empty() {
        store.insert(&entries);
    }
    store
}

/// The contender's map from numbers to values in this folder, made if it is not there.
pub(super) fn kept(contender: Contender, folder: &Path) -> Box<dyn Store> {
    match contender {
        Contender::Outlive => Box::new(map::Map::open(folder)),
        Contender::Lmdb => Box::new(lmdb::Lmdb::open(folder)),
        Contender::Redb => Box::new(redb::Redb::open(folder)),
        Contender::Fjall => Box::new(fjall::Fjall::open(folder)),
        Contender::Sqlite => Box::new(sqlite::Sqlite::open(folder)),
        Contender::Bincode => Box::new(whole::Whole::open(folder)),
        Contender::Rkyv => Box::new(archive::Archive::open(folder)),
        other => unreachable!("{} has no entries", other.name()),
    }
}

/// The first eight bytes of a value, by which many are compared at once.
pub(super) fn first_word(value: &[u8; VALUE]) -> u64 {
    value.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// The value of a key in its `version`, with hardly a byte that stays the same.
pub(super) fn value(key: u64, version: u64) -> [u8; VALUE] {
    let mut rng = crate::rng::Rng::new(key ^ version << 40);
    let mut value = [0; VALUE];
    value.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&rng.bits().to_le_bytes()[..chunk.len()]));
    value
}
