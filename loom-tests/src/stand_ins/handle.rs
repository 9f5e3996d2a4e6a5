//! What a heap says that has no memory.

use std::fmt;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(unreachable_pub, reason = "named by a public trait")]
pub struct AllocError;

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no memory")
    }
}

impl std::error::Error for AllocError {}
