//! A value that found no place, and what methods without `try_` do then.

use core::fmt;

use crate::handle::AllocError;

/// The heap had no memory for this value: it was not taken, and the collection is as it was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NoRoom<T>(pub T);

impl<T> NoRoom<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> fmt::Debug for NoRoom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NoRoom(..)")
    }
}

impl<T> fmt::Display for NoRoom<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        AllocError.fmt(f)
    }
}

impl<T> std::error::Error for NoRoom<T> {}

impl<T> From<NoRoom<T>> for AllocError {
    fn from(_: NoRoom<T>) -> Self {
        Self
    }
}

/// The value, or the end of a method that returns no error.
#[inline]
#[track_caller]
pub(super) fn granted<T, E: Into<AllocError>>(outcome: Result<T, E>) -> T {
    match outcome {
        Ok(value) => value,
        Err(error) => exhausted(error.into()),
    }
}

/// The end of a method that returns no error, where the heap has no memory.
#[cold]
#[inline(never)]
#[track_caller]
fn exhausted(error: AllocError) -> ! {
    panic!("{error}; the collection is as it was, and its `try_` methods return this as an error")
}
