//! What can go wrong with a document.

use core::fmt;

use super::Kind;
use crate::handle::AllocError;

/// Why a document could not be read or changed. What was to change is as it was.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum JsonError {
    /// The text is not JSON.
    Syntax {
        /// The line, from 1 on.
        line: usize,
        /// The byte in the line, from 1 on.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// A pointer is neither empty nor begins with `/`, or has a `~` that is not followed by 0 or 1 (RFC 6901).
    Pointer {
        /// The pointer.
        pointer: String,
    },
    /// There is nothing at this part of a pointer, or at this index.
    Nothing {
        /// The member's name or the element's index that was looked for.
        token: String,
        /// How many members or elements there are.
        len: usize,
    },
    /// A value of another kind was expected.
    Kind {
        /// What is there.
        found: Kind,
        /// What can be used here.
        expected: Kind,
    },
    /// The heap has no memory, or an array or object would have more than 268,435,455 parts.
    NoMemory,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { line, column, what } => {
                write!(f, "this is no JSON, at line {line}, byte {column}: {what}")
            }
            Self::Pointer { pointer } => {
                write!(
                    f,
                    "{pointer:?} is no JSON pointer: write it as `/name/0`, with `~1` for `/` and `~0` for `~`"
                )
            }
            Self::Nothing { token, len } => {
                write!(f, "there is nothing at {token:?} of {len}: make it first, or choose another place")
            }
            Self::Kind { found, expected } => {
                write!(f, "{found} was found where {expected} is needed: replace the value first")
            }
            Self::NoMemory => AllocError.fmt(f),
        }
    }
}

impl std::error::Error for JsonError {}

impl From<AllocError> for JsonError {
    fn from(_: AllocError) -> Self {
        Self::NoMemory
    }
}
