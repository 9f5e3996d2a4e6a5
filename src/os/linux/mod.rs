//! Linux, through typed system calls.

mod memory;
#[cfg(all(feature = "c-face", target_arch = "x86_64"))]
mod threads;
mod tracking;

use core::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::thread::{MembarrierCommand, futex, membarrier};
use rustix::time::{ClockId, clock_gettime};

pub(crate) use memory::{
    advise_huge, commit, forbid, map_private, map_shared, populate, purge, release, renew, reserve,
    reserve_at, supply,
};
#[cfg(all(feature = "c-face", target_arch = "x86_64"))]
pub(crate) use threads::{drop_thread_key, make_thread_key, mark_thread};
pub(crate) use tracking::{PageMap, Pick, PickedPages, Userfault, page_is};

/// What a refused system call answered.
pub(crate) type Fault = Errno;

/// Bytes of the system's page: the grain of everything that maps, protects or purges.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// The process that asks: another one in a child of `fork`.
pub(crate) fn process() -> u32 {
    rustix::process::getpid().as_raw_nonzero().get().unsigned_abs()
}

/// A clock that only moves forward, a few milliseconds coarse and cheap to read.
pub(crate) fn milliseconds() -> u64 {
    let now = clock_gettime(ClockId::MonotonicCoarse);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds * 1000 + nanoseconds / 1_000_000
}

/// A number that nobody outside of the process can know; the clock where the system has no better one.
pub(crate) fn random() -> u64 {
    let mut bytes = [0_u8; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => u64::from_le_bytes(bytes),
        _ => milliseconds(),
    }
}

/// Sleeps while `word` holds `value`, or a little less long: the caller looks again.
pub(crate) fn wait_while(word: &AtomicU32, value: u32) {
    // An early return (a signal, a changed word) is what the caller's loop is for.
    let _ = futex::wait(word, futex::Flags::PRIVATE, value, None);
}

/// Wakes so many of the threads that sleep on `word`.
pub(crate) fn wake(word: &AtomicU32, threads: u32) {
    // Waking nobody is no failure.
    let _ = futex::wake(word, futex::Flags::PRIVATE, threads);
}

/// A full barrier on every thread of this process; `false` where the kernel offers none.
pub(crate) fn barrier_everywhere() -> bool {
    match membarrier(MembarrierCommand::PrivateExpedited) {
        Ok(()) => true,
        // Not registered yet: the first time in this process, or in a child of `fork`.
        Err(Errno::PERM) => {
            membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok()
                && membarrier(MembarrierCommand::PrivateExpedited).is_ok()
        }
        Err(_) => false,
    }
}

/// Has the C library call these around every `fork`: before it, and after it in the parent and in the child.
pub(crate) fn on_fork(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    unsafe extern "C" {
        fn pthread_atfork(
            before: Option<extern "C" fn()>,
            parent: Option<extern "C" fn()>,
            child: Option<extern "C" fn()>,
        ) -> core::ffi::c_int;
    }
    // A refusal means no memory for a few words, at start-up; a later `fork` is then as safe as with any
    // allocator that knows nothing of it.
    // SAFETY: the three functions live as long as the process.
    let _ = unsafe { pthread_atfork(Some(before), Some(parent), Some(child)) };
}

/// Whether this process is known to have one thread only.
pub(crate) fn is_alone() -> bool {
    #[cfg(feature = "c-face")]
    {
        unsafe extern "C" {
            static __libc_single_threaded: core::ffi::c_char;
        }
        // SAFETY: the C library's own byte, which changes only when this thread itself makes or joins another.
        unsafe { (&raw const __libc_single_threaded).read_volatile() != 0 }
    }
    // Not every C library can be asked.
    #[cfg(not(feature = "c-face"))]
    false
}

/// Writes `message` to standard error and aborts the process.
pub(crate) fn die(message: &[u8]) -> ! {
    #[allow(unused_unsafe, reason = "rustix makes this safe by a feature that others may switch on")]
    // SAFETY: descriptor 2 stays open in any program that wants to read this; a closed one only refuses the write.
    let stderr = unsafe { rustix::stdio::stderr() };
    // Nothing is left to do where even this fails.
    let _ = rustix::io::write(stderr, message);
    std::process::abort()
}
