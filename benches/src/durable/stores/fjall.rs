//! fjall: a journal and sorted files, merged by threads of its own.

use std::path::{Path, PathBuf};

use fjall::{Database, Keyspace, KeyspaceCreateOptions, PersistMode};

use super::{Entry, Store, VALUE};

/// More than all entries, as the others have through the system's cache.
const CACHE: u64 = 256 << 20;

pub(super) struct Fjall {
    database: Database,
    entries: Keyspace,
    folder: PathBuf,
}

impl Fjall {
    pub(super) fn open(folder: &Path) -> Self {
        let database = Database::builder(folder).cache_size(CACHE).open().expect("a database");
        let entries = database.keyspace("entries", KeyspaceCreateOptions::default).expect("a keyspace");
        Self { database, entries, folder: folder.to_owned() }
    }
}

impl Store for Fjall {
    fn insert(&mut self, entries: &[Entry]) {
        self.update(entries);
    }

    fn update(&mut self, entries: &[Entry]) {
        let mut batch = self.database.batch().durability(Some(PersistMode::SyncAll));
        for (key, value) in entries {
            batch.insert(&self.entries, ordered(*key), value.as_slice());
        }
        batch.commit().expect("a commit");
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        let value = self.entries.get(ordered(key)).expect("a get").expect("an entry");
        value.as_ref().try_into().expect("a value of this size")
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        let Self { database, entries, folder } = *self;
        drop((entries, database));
        Box::new(Self::open(&folder))
    }
}

/// A key whose bytes have the order of the numbers.
#[expect(clippy::big_endian_bytes, reason = "the database orders keys as strings of bytes")]
const fn ordered(key: u64) -> [u8; 8] {
    key.to_be_bytes()
}
