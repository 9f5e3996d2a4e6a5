//! redb: a copy-on-write tree, with its own cache.

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, TableDefinition};

use super::{Entry, Store, VALUE, first_word};

const ENTRIES: TableDefinition<'_, u64, &[u8; VALUE]> = TableDefinition::new("entries");

pub(super) struct Redb {
    database: Database,
    folder: PathBuf,
}

impl Redb {
    pub(super) fn open(folder: &Path) -> Self {
        let database = Database::create(folder.join("entries.redb")).expect("a database");
        Self { database, folder: folder.to_owned() }
    }
}

impl Store for Redb {
    fn insert(&mut self, entries: &[Entry]) {
        self.update(entries);
    }

    fn update(&mut self, entries: &[Entry]) {
        // Durable at once unless told otherwise.
        let write = self.database.begin_write().expect("a transaction");
        let mut table = write.open_table(ENTRIES).expect("the table");
        for (key, value) in entries {
            table.insert(key, value).expect("an insert");
        }
        drop(table);
        write.commit().expect("a commit");
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        let read = self.database.begin_read().expect("a transaction");
        let table = read.open_table(ENTRIES).expect("the table");
        *table.get(key).expect("a get").expect("an entry").value()
    }

    fn look_up(&mut self, keys: &[u64]) -> u64 {
        let read = self.database.begin_read().expect("a transaction");
        let table = read.open_table(ENTRIES).expect("the table");
        let one = |key: &u64| first_word(table.get(key).expect("a get").expect("an entry").value());
        keys.iter().map(one).fold(0, u64::wrapping_add)
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        let Self { database, folder } = *self;
        drop(database);
        Box::new(Self::open(&folder))
    }
}
