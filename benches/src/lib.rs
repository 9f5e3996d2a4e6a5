//! Workloads that measure outlive beside its rivals, and what they share.
//!
//! The binary `workload` runs one of [`workloads::ALL`] on the allocator its features chose and prints the
//! figures; the binary `compare` builds it once per allocator, runs everything interleaved and prints tables.
//! Whatever a workload needs for its own bookkeeping lies in [`scratch`] memory, outside of the allocator.

pub mod allocator;
pub mod block;
pub mod child;
#[cfg(feature = "durable")]
pub mod durable;
pub mod footprint;
pub mod pin;
#[cfg(feature = "probe")]
pub mod probed;
pub mod report;
pub mod rng;
pub mod row;
pub mod scratch;
pub mod spread;
pub mod table;
pub mod timing;
pub mod warm;
pub mod workloads;
