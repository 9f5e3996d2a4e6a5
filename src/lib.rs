//! A memory allocator whose heap outlives the process.
//!
//! There are two ways in:
//!
//! - [`Global`] is the process's allocator: `#[global_allocator] static GLOBAL: Global = Global::new();`.
//! - [`Heap`] is a heap of its own, for collections that take an allocator: in memory, in a buffer, or in a file. It has a
//!   limit if it is given one ([`HeapOptions`]). What a buffer holds after its heap is gone is an image, which
//!   [`Heap::attach`] takes up again at any address. A heap in a file ([`Heap::open`]) is found in the next run as its last
//!   [`Heap::persist`] left it, whatever happened in between.
//!
//! On top of the second there are values that live in a heap across runs, for code without `unsafe`: [`heap!`] and the module
//! [`typed`]. The [`cookbook`] has programs to begin with.
//!
//! A heap in a file can be read by many at once ([`OpenOptions::read_only`]), saved and loaded ([`Heap::save`],
//! [`Heap::load`]), copied while it is in use ([`Heap::snapshot`]), checked ([`check`]) and mended ([`repair`]).
//!
//! Both are the same machinery, and answer the same questions: [`Stats`] in numbers, [`BlockInfo`] of an address, and a
//! [`Report`] of the checker, which reads all metadata. [`Pressure`] tells how near a heap is to its limit.
//!
//! ```
//! use allocator_api2::vec::Vec;
//! use outlive::Heap;
//!
//! #[global_allocator]
//! static GLOBAL: outlive::Global = outlive::Global::new();
//!
//! fn main() -> Result<(), outlive::Error> {
//!     let text = String::from("from the global heap");
//!     let heap = Heap::in_memory()?;
//!     let mut bytes = Vec::new_in(&heap);
//!     bytes.extend_from_slice(text.as_bytes());
//!     assert!(heap.check().is_clean());
//!     Ok(())
//! }
//! ```
//!
//! # Floors
//!
//! Modules use those below them, never one above. From the bottom:
//!
//! | floor | module | what it is about |
//! |---|---|---|
//! | 1 | `units`, `sync`, `os`, `misuse` | sizes and classes; atomics and locks; system calls; what is said of a wrong free |
//! | 2 | `region` | one contiguous range of memory that grows in place |
//! | 3 | `runs` | runs of pages, merged by boundary tags |
//! | 4 | `pools` | slabs of one size class, with bitmaps |
//! | 5 | `magazines` | each thread's short stacks of free blocks |
//! | 6 | `heap` | allocation and free, limits, statistics, the checker |
//! | 7 | `global`, `handle` | [`Global`] and [`Heap`] |
//! | 7 | `durable` | the files of a heap: log, commit, checkpoint, recovery |
//! | 8 | [`typed`] | roots, accesses, pointers and boxes: values that live across runs |
//! | 9 | [`collections`] | vectors, text, queues, maps and sets in a heap, at whatever address it lies |
//!
//! `docs/design.md` in the repository follows one allocation through all of them.
//!
//! # Features
//!
//! - `allocator-api2-02` (on by default): `Allocator` of allocator-api2 0.2 beside that of 0.4, for hashbrown and bumpalo.
//! - `nightly`: the standard library's own `Allocator`, with a nightly compiler.
//! - `derive`: `#[derive(Persist)]`, for types that live in a heap.
//! - `c-face`: the module `c`, of requests and frees as C has them. For shared libraries that stand in for the C library's
//!   `malloc`: thread-locals are found so fast there that they cannot be loaded late, by `dlopen`.
//! - `serde`: `Serialize` for [`Stats`], [`Finding`] and the [`collections`], which are read with the heap's token.
//! - `json`: documents, the module `json`.
//! - `hardened`: every free is verified at once, freed memory is filled, and runs have guard pages between them.
//!
//! # Errors and misuse
//!
//! Memory that is not there is an [`AllocError`] or a null pointer, as the caller's trait has it, and never an abort of
//! ours. A free that cannot be right (a block freed twice, a pointer from elsewhere, a wrong layout) ends the process
//! with a message.
#![cfg_attr(feature = "nightly", feature(allocator_api))]

#[cfg(feature = "c-face")]
pub mod c;
pub mod collections;
#[cfg(any(doc, doctest))]
pub mod cookbook;
mod durable;
mod error;
mod global;
mod handle;
mod heap;
mod magazines;
mod misuse;
mod os;
mod pools;
mod region;
mod runs;
mod sync;
pub mod typed;
mod units;

#[cfg(feature = "json")]
pub use collections::json;
pub use collections::{PBTreeMap, PBTreeSet, PHashMap, PHashSet, PSkipMap, PString, PVec, PVecDeque};
#[cfg(fuzzing)]
#[doc(hidden)]
pub use durable::fuzzing;
pub use durable::{
    Act, Commit, Compression, Durability, FileFinding, FileFindingKind, FileReport, FileStats, Repair,
    Replay, Verify, check, repair,
};
pub use error::Error;
pub use global::Global;
pub use handle::{AllocError, BufferHeap, Heap, HeapOptions, OpenOptions, Pending, Tracked};
pub use heap::{
    BlockInfo, BlockState, ClassStats, Finding, FindingKind, Level, Pressure, Report, Stats, Thresholds,
};
/// Lets a struct or an enum live in a heap; see [`typed::Persist`].
#[cfg(feature = "derive")]
pub use outlive_derive::Persist;
pub use typed::{HeapType, Persist};
pub use units::{Class, Offset, PAGE};

/// The README's examples, compiled and run like any other.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
