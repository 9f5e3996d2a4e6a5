//! Floor 8: values that live in a heap across runs, for code without `unsafe`.
//!
//! Knows heaps in files and their commits; does not know collections.

mod heap_type;
mod inspect;
mod layouts;
mod niche;
mod persist;

pub use heap_type::HeapType;
pub use inspect::{Fault, Inspector};
pub use layouts::{Layouts, Parts};
pub use niche::Niche;
pub use persist::Persist;
