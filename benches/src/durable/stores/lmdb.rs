//! LMDB: a copy-on-write tree in a mapped file.

use std::path::{Path, PathBuf};

use heed::byteorder::BE;
use heed::types::{Bytes, U64};
use heed::{CommitOrAbort, Database, Env, EnvOpenOptions, Error};

use super::{Entry, Store, VALUE, first_word};

/// Address space for the map, far more than is needed.
const ROOM: usize = 4 << 30;

pub(super) struct Lmdb {
    env: Env,
    entries: Database<'static, U64<BE>, Bytes>,
    folder: PathBuf,
}

impl Lmdb {
    pub(super) fn open(folder: &Path) -> Self {
        // SAFETY: nobody else has this file, and it is opened once at a time.
        let env = unsafe { EnvOpenOptions::new().map_size(ROOM).open(folder) }.expect("an environment");
        let write = env.write_txn().expect("a transaction");
        let made = env.create_databases_and_commit(write, |opener, write| {
            opener.create_database(write, None).map(CommitOrAbort::<_, Error>::Commit)
        });
        let entries = made.expect("the unnamed database").unwrap_commit();
        Self { env, entries, folder: folder.to_owned() }
    }
}

impl Store for Lmdb {
    fn insert(&mut self, entries: &[Entry]) {
        self.update(entries);
    }

    fn update(&mut self, entries: &[Entry]) {
        let mut write = self.env.write_txn().expect("a transaction");
        for (key, value) in entries {
            self.entries.put(&mut write, key, value).expect("a put");
        }
        write.commit().expect("a commit");
    }

    fn get(&mut self, key: u64) -> [u8; VALUE] {
        let read = self.env.read_txn().expect("a transaction");
        let value = self.entries.get(&read, &key).expect("a get");
        value.and_then(|value| value.try_into().ok()).expect("an entry")
    }

    fn look_up(&mut self, keys: &[u64]) -> u64 {
        let read = self.env.read_txn().expect("a transaction");
        let one = |key: &u64| {
            let value = self.entries.get(&read, key).expect("a get");
            first_word(value.and_then(|value| value.try_into().ok()).expect("an entry"))
        };
        keys.iter().map(one).fold(0, u64::wrapping_add)
    }

    fn again(self: Box<Self>) -> Box<dyn Store> {
        let Self { env, folder, .. } = *self;
        env.prepare_for_closing().wait();
        Box::new(Self::open(&folder))
    }
}
