//! `liboutlive`: the crate's heaps for C and C++, under the names of `capi/include/outlive.h`.
//!
//! A heap is a pointer to a [`heap::Handle`]. Every function that can fail for more than want of memory returns a [`Code`], and
//! leaves a message for the thread that called it (`code`). Nothing here unwinds into C: what the crate promises cannot fail
//! ends the process if it does.
//!
//! | file | what |
//! |---|---|
//! | `code` | codes and messages |
//! | `open` | heaps in memory, in buffers and in files, and their ends |
//! | `blocks` | allocation and free, addresses and offsets |
//! | `durable` | commits and copies |
//! | `names` | roots, by which the next run finds its data |
//! | `statistics` | numbers, and the checker |
#![allow(unreachable_pub, reason = "what is exported is reached by name")]

mod blocks;
mod code;
mod durable;
mod names;
mod open;
mod statistics;

use core::ffi::c_char;

/// The version of the library, as `MAJOR.MINOR.PATCH`.
#[unsafe(no_mangle)]
pub extern "C" fn outlive_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
