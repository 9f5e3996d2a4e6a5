//! Every collection against the standard library's, in a heap that moves, that counts what was noted, and that fails.
#![allow(clippy::multiple_unsafe_ops_per_block, clippy::needless_range_loop, reason = "tests read better so")]

mod bomb;
mod btree_map;
mod crashes;
mod deque;
mod drive;
mod hash_map;
mod heap;
#[cfg(feature = "json")]
mod json;
mod moments;
mod nested;
mod pinned;
mod random;
#[cfg(feature = "serde")]
mod serde;
mod skip_map;
mod string;
mod vec;
