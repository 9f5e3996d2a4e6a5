//! The untyped cores: what is compiled once for a heap, whatever the elements are.

mod buffer;
mod place;

pub(super) use buffer::RawBuffer;
pub(super) use place::{At, count, note, range};

use crate::handle::AllocError;

/// The end of an infallible method for which there is no memory.
#[cold]
#[inline(never)]
#[track_caller]
pub(super) fn exhausted(error: AllocError) -> ! {
    panic!("{error}; the collection is as it was, and its `try_` methods return this as an error")
}

/// The value, or the end of an infallible method.
#[inline]
#[track_caller]
pub(super) fn granted<T>(outcome: Result<T, AllocError>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => exhausted(error),
    }
}
