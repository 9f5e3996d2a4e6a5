//! Databases as one thing: entries of 100 bytes under numbers, changed in commits that are durable.

mod array;
mod fjall;
mod lmdb;
mod redb;
mod sqlite;

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

    /// Reads an entry.
    fn get(&mut self, key: u64) -> [u8; VALUE];

    /// Closes it and opens it again.
    fn again(self: Box<Self>) -> Box<dyn Store>;
}

/// The setting's contender with `count` entries under the numbers from 0.
pub(super) fn filled(setting: &Setting, count: usize) -> Box<dyn Store> {
    let folder = setting.folder.as_path();
    let mut store: Box<dyn Store> = match setting.contender {
        Contender::Outlive => Box::new(array::Entries::create(folder, count)),
        Contender::Lmdb => Box::new(lmdb::Lmdb::open(folder)),
        Contender::Redb => Box::new(redb::Redb::open(folder)),
        Contender::Fjall => Box::new(fjall::Fjall::open(folder)),
        Contender::Sqlite => Box::new(sqlite::Sqlite::open(folder)),
        other => unreachable!("{} has no entries", other.name()),
    };
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

/// The value of a key in its `version`, with hardly a byte that stays the same.
pub(super) fn value(key: u64, version: u64) -> [u8; VALUE] {
    let mut rng = crate::rng::Rng::new(key ^ version << 40);
    let mut value = [0; VALUE];
    value.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&rng.bits().to_le_bytes()[..chunk.len()]));
    value
}
