//! Commits and copies.

use core::ffi::c_char;

use crate::code::{Code, Failure, answer, text};
use crate::open::{Handle, handle};

/// A commit that was made.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct CommitDone {
    /// Its number: one more than that of the commit before.
    pub sequence: u64,
    /// Lines of 64 bytes that it changed.
    pub lines: u64,
    /// Pages of 4096 bytes in which they lie.
    pub pages: u64,
}

/// Makes everything in the heap durable in one step: after any crash all of it is there, or all that the commit before left.
/// Other threads must not be in the midst of changing what belongs together. `commit` may be null.
///
/// # Safety
/// `heap` is open; `commit` is null, or can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_persist(heap: *const Handle, commit: *mut CommitDone) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    let done = handle.and_then(|handle| Ok(handle.heap().persist()?));
    answer(done.map(|done| {
        // SAFETY: as above.
        if let Some(commit) = unsafe { commit.as_mut() } {
            *commit = CommitDone { sequence: done.sequence, lines: done.lines, pages: done.pages };
        }
    }))
}

/// Copies the last commit of a heap into a file of its own, which appears as a whole, while the heap goes on.
///
/// # Safety
/// `heap` is open; `path` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_snapshot(heap: *const Handle, path: *const c_char) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    // SAFETY: as above.
    let path = unsafe { text(path, "the path") };
    answer(handle.and_then(|handle| handle.heap().snapshot(path?).map(|_| ()).map_err(Failure::from)))
}

/// Writes a heap as it is, in memory or not, to a file, which appears as a whole and can be opened.
///
/// # Safety
/// `heap` is open; `path` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_save(heap: *const Handle, path: *const c_char) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    // SAFETY: as above.
    let path = unsafe { text(path, "the path") };
    answer(handle.and_then(|handle| handle.heap().save(path?).map_err(Failure::from)))
}
