//! The real trait of heaps that are types.

#[path = "../../src/typed/heap_type.rs"]
mod heap_type;

pub(crate) use heap_type::HeapType;
