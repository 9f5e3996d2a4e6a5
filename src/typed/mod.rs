//! Floor 8: values that live in a heap across runs, for code without `unsafe`.
//!
//! Knows heaps in files and their commits; does not know collections.

mod heap_type;

pub use heap_type::HeapType;
