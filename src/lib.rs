//! A memory allocator whose heap outlives the process.
#![cfg_attr(feature = "nightly", feature(allocator_api))]

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
mod units;

pub use error::Error;
pub use global::Global;
pub use handle::{AllocError, BufferHeap, Heap, HeapOptions};
pub use heap::{
    BlockInfo, BlockState, ClassStats, Finding, FindingKind, Level, Pressure, Report, Stats, Thresholds,
};
pub use units::{Class, Offset, PAGE};
