//! Floor 9: collections that live in a heap, valid at whatever address the heap lies.
//!
//! They look like the standard library's, with these differences:
//!
//! - They are made with the heap's token (`new_in`, `from_iter_in`, `clone_in`), which only exists where the heap may
//!   be changed. That is also why they are not `Clone` but [`CloneIn`], and deserialised through [`DeserializeIn`].
//! - What they hold is named by its distance from the heap's base, in words of 64 bits, and their layout is fixed.
//!   An empty collection owns no block.
//! - Before bytes of a collection's blocks change the heap is told ([`HeapType::note`](crate::HeapType::note)), so that a commit takes
//!   those and no others. Its own bytes were noted by whoever has lent it to be changed.
//!   A mutable slice counts as changed as a whole; `get_mut`, `swap`, `push` and indexing by one place note just that.
//! - What lies in them cannot be an atomic, or have one in it: it could change without being borrowed for that, and nobody would note it.
//!   That does not compile where a heap is opened; a `PBox<[AtomicU64]>` does, and so do collections of boxes.
//! - **Memory that is not there:** the standard library aborts the process. Here a method without `try_` panics, with
//!   the collection as it was before: inside of a write that ends in an error, and the heap can go on, or be rolled back.
//!   The `try_` methods return [`AllocError`](crate::AllocError), or [`NoRoom`] with the value that found no place.
//! - **Panics of elements** (in `Drop`, `Hash`, `Eq`, `Ord`, closures) leave a collection whole, and never with an
//!   element twice. What is being removed when its own `Drop` panics counts as removed; the others of the same
//!   operation are dropped all the same, except where a method says that they leak.

pub mod btree_map;
pub mod btree_set;
mod clone;
pub mod deque;
pub mod hash_map;
pub mod hash_set;
#[cfg(feature = "json")]
pub mod json;
mod no_room;
mod raw;
#[cfg(doctest)]
mod refused;
#[cfg(feature = "serde")]
mod serde;
pub mod skip_map;
pub mod string;
#[cfg(test)]
mod tests;
pub mod vec;

pub use btree_map::PBTreeMap;
pub use btree_set::PBTreeSet;
pub use clone::CloneIn;
pub use deque::PVecDeque;
pub use hash_map::PHashMap;
pub use hash_set::PHashSet;
pub use no_room::NoRoom;
#[cfg(feature = "serde")]
pub use serde::{DeserializeIn, SeedIn};
pub use skip_map::PSkipMap;
pub use string::PString;
pub use vec::PVec;
