//! SQLite: a tree of pages, with a write-ahead log.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::{Entry, Store, VALUE, first_word};

pub(super) struct Sqlite {
    connection: Connection,
    folder: PathBuf,
}

impl Sqlite {
    pub(super) fn open(folder: &Path) -> Self {
        let connection = Connection::open(folder.join("entries.sqlite")).expect("a database");
        // The cache has room for all entries, as that of the others.
        let settings = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-262144;
            CREATE TABLE IF NOT EXISTS entries (key INTEGER PRIMARY KEY, value BLOB NOT NULL);";
        connection.execute_batch(settings).expect("settings");
        Self { connection, folder: folder.to_owned() }
    }

    fn run(&mut self, statement: &str, entries: &[Entry]) {
        let write = self.connection.transaction().expect("a transaction");
        let mut prepared = write.prepare_cached(statement).expect("a statement");
        for (key, value) in entries {
            let changed = prepared.execute((key.cast_signed(), value.as_slice())).expect("an execution");
            assert_eq!(changed, 1);
        }
        drop(prepared);
        write.commit().expect("a commit");
    }
}

impl Store for Sqlite {
    fn insert(&mut self, entries: &[Entry]) {
        self.run("INSERT INTO entries (key, value) VALUES (?1, ?2)", entries);
    }

    fn update(&mut self, entries: &[Entry]) {
        self.run("UPDATE entries SET value = ?2 WHERE key = ?1", entries);
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        let query = "SELECT value FROM entries WHERE key = ?1";
        let value: Vec<u8> =
            self.connection.query_row(query, [key.cast_signed()], |row| row.get(0)).expect("an entry");
        value.try_into().expect("a value of this size")
    }

    fn look_up(&mut self, keys: &[u64]) -> u64 {
        let read = self.connection.transaction().expect("a transaction");
        let mut query = read.prepare_cached("SELECT value FROM entries WHERE key = ?1").expect("a statement");
        let mut one = |key: &u64| {
            let word = query.query_row([key.cast_signed()], |row| {
                Ok(first_word(row.get_ref(0)?.as_blob()?.try_into().expect("a value of this size")))
            });
            word.expect("an entry")
        };
        keys.iter().map(&mut one).fold(0, u64::wrapping_add)
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        let Self { connection, folder } = *self;
        connection.close().expect("a clean close");
        Box::new(Self::open(&folder))
    }
}
