//! Floor 1: the operating system, and the only place with system calls.
//!
//! Address space is *reserved* (it costs nothing and cannot be touched), *committed* (it may be touched, and reads
//! as zero until it is written) and *purged* (its memory goes back, and it reads as zero again). Files are mapped over
//! reserved space; which pages were written can be asked of the kernel. Nothing here knows what the memory is for.

mod linux;

#[cfg(all(feature = "c-face", target_arch = "x86_64"))]
pub(crate) use linux::{drop_thread_key, make_thread_key, mark_thread};

pub(crate) use linux::{
    Fault, PageMap, Pick, PickedPages, Userfault, advise_huge, barrier_everywhere, commit, die, forbid,
    is_alone, map_private, map_shared, milliseconds, on_fork, page_is, page_size, populate, process, purge,
    random, release, renew, reserve, reserve_at, supply, wait_while, wake,
};
