//! Makes the host of a virtual machine back free memory before a run.
//!
//! Such a host takes free memory away after seconds, and the first touch of a page it took costs many times a usual
//! fault. What was just freed is handed out first, so a run finds memory that the host still backs. The kernel
//! keeps free huge pages apart from small ones: without huge pages here, allocators that ask for them would pay.

use std::hint::black_box;

use rustix::mm::{Advice, madvise};

/// How much is touched and freed, all of it and the part in huge pages.
const ALL: usize = 512 << 20;
const HUGE: usize = 384 << 20;

const PAGE: usize = 4096;

/// Writes to each page of a large block and frees it.
pub fn warm_up() {
    let mut memory: Vec<u8> = Vec::with_capacity(ALL + PAGE);
    let room = memory.spare_capacity_mut();
    let start = room.as_ptr().align_offset(PAGE);
    let huge = room[start..start + HUGE].as_mut_ptr().cast();
    // SAFETY: the range lies in a block of ours and begins at a page; the advice does not change what it holds.
    let advised = unsafe { madvise(huge, HUGE, Advice::LinuxHugepage) };
    // A kernel without huge pages refuses, and gives none to the runs either.
    let _ = advised;
    for page in room.chunks_mut(PAGE) {
        page[0].write(1);
    }
    black_box(memory);
}
