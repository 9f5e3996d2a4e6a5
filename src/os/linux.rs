//! Linux, through typed system calls.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use core::sync::atomic::AtomicU32;

use rustix::io::Errno;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap};
use rustix::thread::{MembarrierCommand, futex, membarrier};
use rustix::time::{ClockId, clock_gettime};

/// What a refused system call answered.
pub(crate) type Fault = Errno;

/// Bytes of the system's page: the grain of [`commit`], [`forbid`] and [`purge`].
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// Reserves `bytes` of address space whose base is a multiple of `align`, both multiples of the page.
pub(crate) fn reserve(bytes: usize, align: usize) -> Result<NonNull<u8>, Fault> {
    let span = bytes.checked_add(align).ok_or(Errno::NOMEM)?;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a null hint without `FIXED` lets the kernel choose a range that nothing uses.
    let start = unsafe { mmap_anonymous(ptr::null_mut(), span, ProtFlags::empty(), flags) }?.cast::<u8>();
    let lead = start.align_offset(align);
    // SAFETY: the aligned base lies inside the range just mapped, which is `align` longer than `bytes`.
    let base = unsafe { start.add(lead) };
    // SAFETY: both trims lie inside the range just mapped, outside of what is returned, and nothing points there.
    unsafe { trim(start, lead) }?;
    // SAFETY: as above.
    unsafe { trim(base.wrapping_add(bytes), align - lead) }?;
    NonNull::new(base).ok_or(Errno::NOMEM)
}

/// # Safety
/// `bytes` from `start` are mapped, and nothing points there.
unsafe fn trim(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    if bytes == 0 {
        return Ok(());
    }
    // SAFETY: the caller's promise.
    unsafe { munmap(start.cast::<c_void>(), bytes) }
}

/// Gives back address space.
///
/// # Safety
/// `bytes` from `base` came from [`reserve`], and nothing uses them from now on.
pub(crate) unsafe fn release(base: NonNull<u8>, bytes: usize) {
    // A refusal could only leave the range mapped, which harms nobody.
    // SAFETY: the caller's promise.
    let _ = unsafe { munmap(base.as_ptr().cast(), bytes) };
}

/// Makes reserved pages usable.
///
/// # Safety
/// `bytes` from `start` are whole pages of a range from [`reserve`].
pub(crate) unsafe fn commit(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    // SAFETY: the range is the caller's, and gaining access breaks nobody's assumption.
    unsafe { mprotect(start.cast(), bytes, MprotectFlags::READ | MprotectFlags::WRITE) }
}

/// Makes every access to these pages a fault, until they are committed again.
///
/// # Safety
/// `bytes` from `start` are whole pages of a range from [`reserve`], and nothing uses them until then.
pub(crate) unsafe fn forbid(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { mprotect(start.cast(), bytes, MprotectFlags::empty()) }
}

/// Gives the memory of these pages back; they stay usable and read as zero.
///
/// # Safety
/// `bytes` from `start` are whole pages of a committed anonymous range, and nobody needs what they hold.
pub(crate) unsafe fn purge(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise. `DONTNEED` rather than `FREE`, whose pages count as resident until the machine
    // runs short.
    unsafe { madvise(start.cast(), bytes, Advice::LinuxDontNeed) }
}

/// Gives these pages their memory at once, which costs less than a fault for each.
///
/// # Safety
/// `bytes` from `start` are whole pages of a committed range.
pub(crate) unsafe fn populate(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise; contents stay as they are.
    unsafe { madvise(start.cast(), bytes, Advice::LinuxPopulateWrite) }
}

/// Asks for huge pages where this range is touched from now on, or for none.
///
/// # Safety
/// `bytes` from `start` are whole pages of a range from [`reserve`].
pub(crate) unsafe fn advise_huge(start: *mut u8, bytes: usize, huge: bool) -> Result<(), Fault> {
    let advice = if huge { Advice::LinuxHugepage } else { Advice::LinuxNoHugepage };
    // SAFETY: the range is the caller's, and the advice changes no content.
    unsafe { madvise(start.cast(), bytes, advice) }
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

/// Wakes one thread that sleeps on `word`.
pub(crate) fn wake_one(word: &AtomicU32) {
    // Waking nobody is no failure.
    let _ = futex::wake(word, futex::Flags::PRIVATE, 1);
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

/// Writes `message` to standard error and aborts the process.
pub(crate) fn die(message: &[u8]) -> ! {
    #[allow(unused_unsafe, reason = "rustix makes this safe by a feature that others may switch on")]
    // SAFETY: descriptor 2 stays open in any program that wants to read this; a closed one only refuses the write.
    let stderr = unsafe { rustix::stdio::stderr() };
    // Nothing is left to do where even this fails.
    let _ = rustix::io::write(stderr, message);
    std::process::abort()
}
