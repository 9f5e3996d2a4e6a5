//! Collections of documents, and what can be done with them.
//!
//! 1. A document is found by its key, which is text. Keys and indexed values lie in cells as the documents' parts do, so that
//!    short ones need no block.
//! 2. An index has an entry for each document that has a value at its pointer: the value's text, and the document's key. Every
//!    change of a document takes its entries out, changes it, and puts them in again.
//! 3. What a method changes is in the next commit. One that fails has changed nothing, or is rolled back to the last commit.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead, Write};
use std::path::Path;

use outlive::json::{JsonError, Names, PJson, View};
use outlive::typed::Store;
use outlive::{AllocError, PBTreeMap, PBTreeSet, PHashMap, Persist};

outlive::heap!(pub(crate) struct DbHeap);

/// Text, without a block if it is short.
#[derive(Persist)]
struct Key<'h>(PJson<DbHeap<'h>>);

/// What is in the heap.
#[derive(Persist)]
struct Root<'h> {
    names: Names<DbHeap<'h>>,
    collections: PBTreeMap<Key<'h>, Collection<'h>, DbHeap<'h>>,
}

#[derive(Persist)]
struct Collection<'h> {
    documents: PHashMap<Key<'h>, PJson<DbHeap<'h>>, DbHeap<'h>>,
    /// By the pointer to the value.
    indexes: PBTreeMap<Key<'h>, Index<'h>, DbHeap<'h>>,
}

/// By the value's text, the keys of the documents that have it.
type Index<'h> = PHashMap<Key<'h>, PBTreeSet<Key<'h>, DbHeap<'h>>, DbHeap<'h>>;

/// How many documents are imported by one commit.
pub(crate) const BATCH: usize = 10_000;

impl<'h> Key<'h> {
    fn new(text: &str, heap: DbHeap<'h>) -> Result<Self, AllocError> {
        PJson::try_new_in(text, heap).map(Self)
    }

    fn as_str(&self) -> &str {
        self.0.as_str().unwrap_or_default()
    }
}

impl Borrow<str> for Key<'_> {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Key<'_> {}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for Key<'_> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.as_str().hash(state);
    }
}

/// Why something could not be done.
#[derive(Debug)]
pub(crate) enum DbError {
    Heap(outlive::Error),
    Json(JsonError),
    Io(io::Error),
    /// There is no such collection.
    Collection(String),
    /// There is no such document.
    Document(String),
    /// A line of an import has no text or number at the key's pointer, or is no document.
    Line(usize, String),
    /// The command is not known, or was given something else than it takes.
    Command(String),
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Heap(error) => error.fmt(f),
            Self::Json(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Collection(name) => write!(f, "there is no collection {name:?}: `put` makes one"),
            Self::Document(key) => write!(f, "there is no document {key:?}"),
            Self::Line(line, what) => write!(f, "line {line}: {what}; lines before it may be imported"),
            Self::Command(usage) => write!(f, "a command is one of these:\n{usage}"),
        }
    }
}

macro_rules! from {
    ($($error:ty => $make:expr;)*) => {$(
        impl From<$error> for DbError {
            fn from(error: $error) -> Self {
                $make(error)
            }
        }
    )*};
}

from! {
    outlive::Error => DbError::Heap;
    JsonError => DbError::Json;
    AllocError => |error| DbError::Json(JsonError::from(error));
    io::Error => DbError::Io;
}

/// A database without collections.
fn empty(heap: DbHeap<'_>) -> Root<'_> {
    Root { names: Names::new_in(heap), collections: PBTreeMap::new_in(heap) }
}

impl<'h> Root<'h> {
    /// A collection, which is made if it is not there, and the names for its documents.
    fn make(
        &mut self,
        name: &str,
        heap: DbHeap<'h>,
    ) -> Result<(&mut Collection<'h>, &mut Names<DbHeap<'h>>), DbError> {
        if !self.collections.contains_key(name) {
            let collection = Collection::new(heap);
            self.collections.try_insert(Key::new(name, heap)?, collection).map_err(AllocError::from)?;
        }
        Ok((find_mut(&mut self.collections, name)?, &mut self.names))
    }
}

impl<'h> Collection<'h> {
    fn new(heap: DbHeap<'h>) -> Self {
        Self { documents: PHashMap::new_in(heap), indexes: PBTreeMap::new_in(heap) }
    }

    /// Puts the entries of a document into the indexes, or takes them out.
    fn index(&mut self, key: &str, is_there: bool, heap: DbHeap<'h>) -> Result<(), AllocError> {
        let Self { documents, indexes } = self;
        let Some(document) = documents.get(key) else { return Ok(()) };
        for (pointer, index) in indexes.iter_mut() {
            if let Some(value) = document.pointer(pointer.as_str()) {
                enter(index, &value.to_string(), key, is_there, heap)?;
            }
        }
        Ok(())
    }

    /// Puts a document, in the place of the one that has this key.
    fn put(&mut self, key: &str, document: PJson<DbHeap<'h>>, heap: DbHeap<'h>) -> Result<(), DbError> {
        self.change(key, heap, |found| {
            if let Some(old) = found.documents.get_mut(key) {
                *old = document;
            } else {
                found.documents.try_insert(Key::new(key, heap)?, document).map_err(AllocError::from)?;
            }
            Ok(())
        })
    }

    /// Changes a document, and its entries with it.
    fn change<T>(
        &mut self,
        key: &str,
        heap: DbHeap<'h>,
        act: impl FnOnce(&mut Self) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        self.index(key, false, heap)?;
        let done = act(self);
        self.index(key, true, heap)?;
        done
    }
}

/// Puts an entry into an index, or takes it out.
fn enter<'h>(
    index: &mut Index<'h>,
    value: &str,
    key: &str,
    is_there: bool,
    heap: DbHeap<'h>,
) -> Result<(), AllocError> {
    if !is_there {
        let is_last = index.get_mut(value).is_some_and(|keys| keys.remove(key) && keys.is_empty());
        if is_last {
            index.remove(value);
        }
        return Ok(());
    }
    if !index.contains_key(value) {
        index.try_insert(Key::new(value, heap)?, PBTreeSet::new_in(heap))?;
    }
    if let Some(keys) = index.get_mut(value) {
        keys.try_insert(Key::new(key, heap)?)?;
    }
    Ok(())
}

/// An open database.
pub(crate) struct Database {
    store: Store<Root<'static>, DbHeap<'static>>,
}

impl Database {
    /// Opens the database in a file, or makes one.
    pub(crate) fn open(path: impl AsRef<Path>) -> Result<Self, DbError> {
        Ok(Self { store: DbHeap::open::<Root>(path, empty)? })
    }

    /// Makes everything since the last time durable.
    pub(crate) fn persist(&self) -> Result<(), DbError> {
        self.store.persist()?;
        Ok(())
    }

    /// Closes it; what was not persisted is gone.
    pub(crate) fn close(self) -> Result<(), DbError> {
        Ok(self.store.close()?)
    }

    /// The bytes of the heap that are in use.
    pub(crate) fn used(&self) -> Result<u64, DbError> {
        Ok(self.store.stats()?.used)
    }

    /// Changes the database. What fails in the midst of it is rolled back to the last commit.
    fn change<T>(
        &self,
        act: impl for<'h> FnOnce(&mut Root<'h>, DbHeap<'h>) -> Result<T, DbError>,
    ) -> Result<T, DbError> {
        let done = self.store.write(|root, heap| act(root, heap))?;
        if done.is_err() {
            self.store.rollback()?;
        }
        done
    }

    /// Puts documents into a collection, which is made if it is not there; those of the same key are replaced.
    pub(crate) fn put_all<K: AsRef<str>, T: AsRef<str>>(
        &self,
        collection: &str,
        documents: impl IntoIterator<Item = (K, T)>,
    ) -> Result<(), DbError> {
        self.change(|root, heap| {
            let (found, names) = root.make(collection, heap)?;
            for (key, text) in documents {
                let document = PJson::parse_in(text.as_ref(), names, heap)?;
                found.put(key.as_ref(), document, heap)?;
            }
            Ok(())
        })
    }

    /// The text of a document, or of the value at a pointer in it.
    pub(crate) fn get(&self, collection: &str, key: &str, pointer: &str) -> Result<Option<String>, DbError> {
        self.store.read(|root| {
            let found = root.collections.get(collection);
            let document = found.and_then(|found| found.documents.get(key));
            Ok(document.and_then(|document| document.pointer(pointer)).map(|value| {
                let mut text = String::with_capacity(512);
                // A string takes everything.
                let _ = value.write_to(&mut text);
                text
            }))
        })?
    }

    /// Applies a JSON merge patch to a document.
    pub(crate) fn patch(&self, collection: &str, key: &str, patch: &str) -> Result<(), DbError> {
        self.change(|root, heap| {
            let patch = PJson::parse_in(patch, &mut root.names, heap)?;
            find_mut(&mut root.collections, collection)?.change(key, heap, |found| {
                let document = found.documents.get_mut(key);
                Ok(document.ok_or_else(|| DbError::Document(key.to_owned()))?.merge(patch)?)
            })
        })
    }

    /// Takes a document out.
    pub(crate) fn delete(&self, collection: &str, key: &str) -> Result<(), DbError> {
        self.change(|root, heap| {
            let found = find_mut(&mut root.collections, collection)?;
            found.index(key, false, heap)?;
            found.documents.remove(key).map(drop).ok_or_else(|| DbError::Document(key.to_owned()))
        })
    }

    /// Has documents found by the value at a pointer.
    pub(crate) fn index(&self, collection: &str, pointer: &str) -> Result<(), DbError> {
        self.change(|root, heap| {
            let found = find_mut(&mut root.collections, collection)?;
            let mut index = PHashMap::new_in(heap);
            for (key, document) in &found.documents {
                if let Some(value) = document.pointer(pointer) {
                    enter(&mut index, &value.to_string(), key.as_str(), true, heap)?;
                }
            }
            found.indexes.insert(Key::new(pointer, heap)?, index);
            Ok(())
        })
    }

    /// The keys of the documents that have this value at a pointer: by its index if there is one, by looking at all otherwise.
    pub(crate) fn find(&self, collection: &str, pointer: &str, value: &str) -> Result<Vec<String>, DbError> {
        self.store.read(|root| {
            let found = root.collections.get(collection);
            let found = found.ok_or_else(|| DbError::Collection(collection.to_owned()))?;
            if let Some(index) = found.indexes.get(pointer) {
                let keys = index.get(value).into_iter().flatten();
                return Ok(keys.map(|key| key.as_str().to_owned()).collect());
            }
            let has = |document: &PJson<DbHeap<'_>>| {
                document.pointer(pointer).is_some_and(|found| found.to_string() == value)
            };
            let documents = found.documents.iter().filter(|(_, document)| has(document));
            let mut keys: Vec<String> = documents.map(|(key, _)| key.as_str().to_owned()).collect();
            keys.sort();
            Ok(keys)
        })?
    }

    /// Imports JSON lines, each a document whose key is at a pointer, and says how many. There is a commit after each so many.
    pub(crate) fn import(
        &self,
        collection: &str,
        pointer: &str,
        lines: impl BufRead,
    ) -> Result<usize, DbError> {
        let (mut batch, mut count) = (Vec::with_capacity(BATCH), 0);
        let mut lines = lines.lines().enumerate();
        loop {
            batch.clear();
            for (number, line) in lines.by_ref().take(BATCH) {
                batch.push((number + 1, line?));
            }
            if batch.is_empty() {
                return Ok(count);
            }
            count += self.import_batch(collection, pointer, &batch)?;
            self.persist()?;
        }
    }

    fn import_batch(
        &self,
        collection: &str,
        pointer: &str,
        lines: &[(usize, String)],
    ) -> Result<usize, DbError> {
        self.change(|root, heap| {
            let (found, names) = root.make(collection, heap)?;
            let mut count = 0;
            for (number, line) in lines.iter().filter(|(_, line)| !line.trim().is_empty()) {
                let document = PJson::parse_in(line, names, heap);
                let document = document.map_err(|error| DbError::Line(*number, error.to_string()))?;
                let key = key_of(&document, pointer).map_err(|what| DbError::Line(*number, what))?;
                found.put(&key, document, heap)?;
                count += 1;
            }
            Ok(count)
        })
    }

    /// Writes the documents of a collection as JSON lines, in no order.
    pub(crate) fn export(&self, collection: &str, to: &mut impl Write) -> Result<(), DbError> {
        self.store.read(|root| {
            let found = root.collections.get(collection);
            let found = found.ok_or_else(|| DbError::Collection(collection.to_owned()))?;
            let mut line = String::new();
            for document in found.documents.values() {
                line.clear();
                // A string takes everything.
                let _ = document.write_to(&mut line);
                line.push('\n');
                to.write_all(line.as_bytes())?;
            }
            Ok(())
        })?
    }

    /// The collections, and how many documents each has.
    pub(crate) fn list(&self) -> Result<Vec<(String, usize)>, DbError> {
        Ok(self.store.read(|root| {
            root.collections
                .iter()
                .map(|(name, found)| (name.as_str().to_owned(), found.documents.len()))
                .collect()
        })?)
    }

    /// Whether no block of the heap is without an owner, and every document is in the indexes as it should be.
    pub(crate) fn is_whole(&self) -> Result<bool, DbError> {
        let is_right = self.store.read(|root| {
            root.collections.values().all(|found| {
                found.indexes.iter().all(|(pointer, index)| {
                    let entries: usize = index.values().map(PBTreeSet::len).sum();
                    let has = |(key, document): (&Key<'_>, &PJson<DbHeap<'_>>)| {
                        let value = document.pointer(pointer.as_str())?.to_string();
                        Some(index.get(value.as_str()).is_some_and(|keys| keys.contains(key.as_str())))
                    };
                    let mut indexed = found.documents.iter().filter_map(has).collect::<Vec<_>>();
                    indexed.len() == entries && indexed.drain(..).all(|is_there| is_there)
                })
            })
        })?;
        Ok(is_right && self.store.unreachable()?.is_empty() && self.store.check()?.is_clean())
    }
}

fn find_mut<'a, 'h>(
    collections: &'a mut PBTreeMap<Key<'h>, Collection<'h>, DbHeap<'h>>,
    name: &str,
) -> Result<&'a mut Collection<'h>, DbError> {
    collections.get_mut(name).ok_or_else(|| DbError::Collection(name.to_owned()))
}

/// The key that a document has at a pointer.
fn key_of(document: &PJson<DbHeap<'_>>, pointer: &str) -> Result<String, String> {
    match document.pointer(pointer).map(PJson::view) {
        Some(View::Text(key)) => Ok(key.to_owned()),
        Some(View::Number(key)) => Ok(key.to_string()),
        _ => {
            Err(format!("there is no text or number at {pointer:?}, where the document's key is looked for"))
        }
    }
}
