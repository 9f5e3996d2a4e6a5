//! What was done to a simulated disk.

use std::ffi::OsString;
use std::ops::Range;
use std::sync::Arc;

use super::Fault;

static ZEROS: [u8; 4096] = [0; 4096];

/// One operation.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) change: Change,
    pub(super) ending: Ending,
}

/// What an operation changes, or makes durable.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Each name is given to a file, or taken away, all at once.
    Names(Vec<(OsString, Option<usize>)>),
    SyncNames,
    /// A range gets other bytes. The file ends at `len` afterwards.
    Bytes {
        file: usize,
        offset: usize,
        bytes: Bytes,
        len: usize,
        durable: bool,
    },
    Sync {
        file: usize,
    },
}

/// How an operation ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    Done,
    /// With an error, after which nobody knows what is on the disk.
    Failed,
    /// The process died before the end.
    Killed,
}

/// Bytes of a write, without storing many zeros.
#[derive(Clone, Debug)]
pub(super) enum Bytes {
    Zeros(usize),
    These(Arc<[u8]>),
}

impl Ending {
    pub(super) fn of(fault: Fault) -> Self {
        if fault == Fault::Killed { Self::Killed } else { Self::Failed }
    }
}

impl Bytes {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let is_zero = bytes.chunks(ZEROS.len()).all(|chunk| *chunk == ZEROS[..chunk.len()]);
        if is_zero { Self::Zeros(bytes.len()) } else { Self::These(bytes.into()) }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Zeros(count) => *count,
            Self::These(bytes) => bytes.len(),
        }
    }

    /// Puts the bytes of `range` into `place`, which is as long.
    pub(super) fn put(&self, range: Range<usize>, place: &mut [u8]) {
        match self {
            Self::Zeros(_) => place.fill(0),
            Self::These(bytes) => place.copy_from_slice(&bytes[range]),
        }
    }
}
