//! Complete programs, each about one thing. All of them are compiled and run with the tests.
//!
//! They are for types that own memory of a heap; the derive comes with the feature `derive`.
//!
//! # A counter that survives
//!
//! The root can be any type that may live in a heap, a number too. What was not persisted is gone with the process.
//!
//! ```
//! outlive::heap!(struct CounterHeap);
//!
//! fn main() -> Result<(), outlive::Error> {
//!     let path = std::env::temp_dir().join(format!("outlive-cookbook-counter-{}", std::process::id()));
//!     for run in 1..=3 {
//!         let counter = CounterHeap::open::<u64>(&path, |_heap| 0)?;
//!         let count = counter.write(|count, _heap| {
//!             *count += 1;
//!             *count
//!         })?;
//!         counter.persist()?;
//!         assert_eq!(count, run);
//!     }
//!     # std::fs::remove_file(path).unwrap();
//!     Ok(())
//! }
//! ```
//!
//! # Structs, enums, and values in blocks of their own
//!
//! A type of the program's own derives [`Persist`](crate::Persist); the lifetime is that of the heap type. An enum says which
//! integer its tags are.
//!
//! ```
//! use outlive::{Persist, typed::PBox};
//!
//! outlive::heap!(struct TreeHeap);
//!
//! #[derive(Persist)]
//! #[repr(u8)]
//! enum Tree<'h> {
//!     Leaf(i64),
//!     Sum(PBox<Tree<'h>, TreeHeap<'h>>, PBox<Tree<'h>, TreeHeap<'h>>),
//! }
//!
//! fn value(tree: &Tree<'_>) -> i64 {
//!     match tree {
//!         Tree::Leaf(value) => *value,
//!         Tree::Sum(left, right) => value(left) + value(right),
//!     }
//! }
//!
//! fn main() -> Result<(), outlive::Error> {
//!     let tree = TreeHeap::in_memory::<Tree>(|_heap| Tree::Leaf(1))?;
//!     tree.write(|tree, heap| {
//!         let before = std::mem::replace(tree, Tree::Leaf(0));
//!         *tree = Tree::Sum(PBox::new_in(before, heap), PBox::new_in(Tree::Leaf(2), heap));
//!     })?;
//!     assert_eq!(tree.read(value)?, 3);
//!     Ok(())
//! }
//! ```
//!
//! # Documents
//!
//! What has no type of its own is JSON (feature `json`): values are read from text, found by pointer, changed in place.
//!
//! ```
//! use outlive::json::{JsonError, Names, PJson};
//! use outlive::{PHashMap, PString, Persist};
//!
//! outlive::heap!(struct NotesHeap);
//!
//! #[derive(Persist)]
//! struct Notes<'h> {
//!     names: Names<NotesHeap<'h>>,
//!     notes: PHashMap<PString<NotesHeap<'h>>, PJson<NotesHeap<'h>>, NotesHeap<'h>>,
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let notes = NotesHeap::in_memory::<Notes>(|heap| Notes {
//!         names: Names::new_in(heap),
//!         notes: PHashMap::new_in(heap),
//!     })?;
//!     notes.write(|notes, heap| -> Result<(), JsonError> {
//!         let text = r#"{"text": "buy tea", "done": false, "price": 4.50}"#;
//!         let mut note = PJson::parse_in(text, &mut notes.names, heap)?;
//!         note.set("/done", PJson::new_in(true, heap), &mut notes.names)?;
//!         notes.notes.insert(PString::from_str_in("tea", heap), note);
//!         Ok(())
//!     })??;
//!     notes.read(|notes| {
//!         let note = notes.notes.get("tea").expect("it was put there");
//!         assert_eq!(note.get("done").and_then(PJson::as_bool), Some(true));
//!         assert_eq!(note.to_string(), r#"{"text":"buy tea","done":true,"price":4.50}"#);
//!     })?;
//!     Ok(())
//! }
//! ```
//!
//! # A change that breaks off
//!
//! A `write` that panics keeps everybody out, until the heap was rolled back to its last commit, or somebody has said that its
//! values are right.
//!
//! ```
//! use std::panic::{AssertUnwindSafe, catch_unwind};
//! use outlive::Error;
//!
//! outlive::heap!(struct PairHeap);
//!
//! fn main() -> Result<(), Error> {
//!     let path = std::env::temp_dir().join(format!("outlive-cookbook-pair-{}", std::process::id()));
//!     let pair = PairHeap::open::<[u64; 2]>(&path, |_heap| [1, 1])?;
//!     let broken = catch_unwind(AssertUnwindSafe(|| {
//!         pair.write(|pair, _heap| {
//!             pair[0] = 2;
//!             panic!("before the other one");
//!         })
//!     }));
//!     assert!(broken.is_err());
//!     assert!(matches!(pair.read(|pair| *pair), Err(Error::Suspect)));
//!     pair.rollback()?;
//!     assert_eq!(pair.read(|pair| *pair)?, [1, 1]);
//!     # drop(pair);
//!     # std::fs::remove_file(path).unwrap();
//!     Ok(())
//! }
//! ```
//!
//! # Further roots
//!
//! Parts of a program that know nothing of each other can have roots of their own in one heap, by name. They are in the same
//! commits.
//!
//! ```
//! use outlive::typed::PBox;
//!
//! outlive::heap!(struct SiteHeap);
//!
//! fn main() -> Result<(), outlive::Error> {
//!     let site = SiteHeap::in_memory::<u64>(|_heap| 0)?;
//!     let title = SiteHeap::root::<PBox<str, SiteHeap>, _>(&site, "title", |heap| PBox::str_in("untitled", heap))?;
//!     title.write(|title, heap| *title = PBox::str_in("Birds", heap))?;
//!     assert_eq!(title.read(|title| title.len())?, 5);
//!     assert_eq!(site.root_names()?, ["title"]);
//!     Ok(())
//! }
//! ```
//!
//! # Many threads
//!
//! A store can be used from any number of threads. Reads go on beside each other and beside commits; a write has the heap for
//! itself.
//!
//! ```
//! outlive::heap!(struct SumHeap);
//!
//! fn main() -> Result<(), outlive::Error> {
//!     let sum = SumHeap::in_memory::<u64>(|_heap| 0)?;
//!     std::thread::scope(|scope| {
//!         for thread in 1..=4 {
//!             let sum = &sum;
//!             scope.spawn(move || sum.write(|sum, _heap| *sum += thread));
//!         }
//!     });
//!     assert_eq!(sum.read(|sum| *sum)?, 10);
//!     Ok(())
//! }
//! ```
//!
//! # Values that were forgotten
//!
//! ```
//! use outlive::typed::PBox;
//!
//! outlive::heap!(struct LeakyHeap);
//!
//! fn main() -> Result<(), outlive::Error> {
//!     let store = LeakyHeap::in_memory::<u64>(|_heap| 0)?;
//!     store.write(|_, heap| std::mem::forget(PBox::new_in([0_u8; 1000], heap)))?;
//!     assert_eq!(store.unreachable()?.len(), 1);
//!     assert_eq!(store.free_unreachable()?[0].size, 1024);
//!     assert!(store.unreachable()?.is_empty());
//!     Ok(())
//! }
//! ```
