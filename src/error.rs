//! What can go wrong, and what to do about it.

use core::fmt;

use crate::heap::Report;

/// Why a heap could not be made or taken up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused address space or memory for the heap's beginning.
    NoMemory {
        /// The bytes that were asked for last.
        bytes: usize,
        /// The system's error number.
        code: i32,
    },
    /// The buffer is too small for a heap, or for the image in it.
    BufferTooSmall {
        /// Its usable bytes, from its first page boundary on.
        found: usize,
        /// The bytes that are needed, from a page boundary on.
        expected: usize,
    },
    /// The buffer does not hold the image of a heap.
    NotAnImage {
        /// Which word of the header is not what it should be.
        field: &'static str,
        /// What it is.
        found: u64,
        /// What it should be.
        expected: u64,
    },
    /// The buffer holds the image of a heap whose metadata is damaged.
    Damaged(Box<Report>),
    /// The limit leaves no room for a single block.
    LimitTooSmall {
        /// The limit in bytes.
        found: usize,
        /// The least that can work.
        expected: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory { bytes, code } => write!(
                f,
                "the system refused {bytes} bytes of address space (error {code}): raise the process's limit on address \
                 space, or ask for a smaller reservation"
            ),
            Self::BufferTooSmall { found, expected } => write!(
                f,
                "the buffer has {found} bytes from its first page boundary on, and at least {expected} are needed: pass a \
                 larger one, or one that is aligned to a page"
            ),
            Self::NotAnImage { field, found, expected } => write!(
                f,
                "the buffer holds no heap of this version: its {field} is {found:#x} where {expected:#x} was expected; \
                 make a new heap with `in_buffer`, or use the version of the crate that wrote this one"
            ),
            Self::Damaged(report) => write!(
                f,
                "the buffer holds a heap whose metadata is damaged; nothing was changed, take an older copy: {report}"
            ),
            Self::LimitTooSmall { found, expected } => write!(
                f,
                "a limit of {found} bytes leaves no room for a block: at least {expected} are needed"
            ),
        }
    }
}

impl std::error::Error for Error {}
