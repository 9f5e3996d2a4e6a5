//! `liboutlive_malloc.so`: the C library's allocator, and C++'s, replaced by outlive, for programs that were never compiled
//! for it.
//!
//! ```text
//! LD_PRELOAD=/path/to/liboutlive_malloc.so program
//! ```
//!
//! The library exports the C library's own names, so that the loader finds them here first, the C library's own calls
//! included. Every block comes from the process's heap of the crate `outlive`, through its module `c`; what is here is what
//! the names promise beyond a block: `errno`, overflow, alignments that are none, statistics, and C++'s exceptions.
//!
//! 1. Nothing here allocates on the way to a block: the crate does not, and of the C library only what does not is called.
//!    The statistics do allocate, like any program, and hold no lock meanwhile.
//! 2. A call that succeeds leaves `errno` alone; so does every free.
//! 3. Everything works from the first call on, which the loader makes before any constructor ran, until the last one.
//!
//! | file | what |
//! |---|---|
//! | `blocks` | malloc, calloc, realloc and free, in all their forms |
//! | `cxx` | new and delete |
//! | `statistics` | what can be asked, and set |
//! | `fork` | the C library's own locks around a `fork` |

#![allow(unreachable_pub, reason = "what is exported is reached by name")]

mod blocks;
mod cxx;
mod fork;
mod statistics;

/// Sets this thread's `errno`.
#[cold]
fn set_errno(code: libc::c_int) {
    // SAFETY: the C library has an `errno` for each thread, at any time.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: as above.
    unsafe { place.write(code) };
}
