//! Floor 8: values that live in a heap across runs, for code without `unsafe`.
//!
//! Knows heaps in files and their commits; does not know collections.

mod access;
mod anchor;
mod basic;
mod block;
mod boxed;
mod counted;
pub mod fixed;
mod heap_type;
mod inspect;
mod layouts;
mod macros;
mod named;
mod niche;
mod order;
mod persist;
mod pointer;
mod reach;
mod roots;
mod store;
mod target;

pub use anchor::{Anchor, Anchored, Token};
pub use boxed::PBox;
pub use counted::{PArc, PArcWeak, PRc, PWeak};
pub use heap_type::HeapType;
pub(crate) use inspect::Whole;
pub use inspect::{Fault, Inspector};
pub use layouts::{Layouts, Parts};
pub use named::Named;
pub use niche::Niche;
#[doc(hidden)]
pub use order::{Probe, Unordered};
pub use persist::{Order, Persist};
pub use pointer::{PPtr, Untyped};
pub use reach::Unreachable;
pub use store::{PendingCommit, Store, Within};
pub use target::Target;
