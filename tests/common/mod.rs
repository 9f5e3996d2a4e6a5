//! What the tests share: one generator of operation programs, one oracle, and the faces they drive.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

pub mod child;
pub mod face;
pub mod files;
pub mod program;
pub mod random;
