//! What the tests share: one generator of operation programs, one oracle, and the faces they drive.
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

pub mod child;
pub mod face;
pub mod files;
pub mod program;
pub mod random;
