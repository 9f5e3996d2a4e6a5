//! Address space, and what is mapped there.

use core::ffi::c_void;
use core::ptr::{self, NonNull};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap,
};

use super::{Fault, page_size};

/// Reserves `bytes` of address space whose base is a multiple of `align`, both multiples of the page.
pub(crate) fn reserve(bytes: usize, align: usize) -> Result<NonNull<u8>, Fault> {
    // What the kernel gives is a multiple of the page already.
    let spare = align.saturating_sub(page_size());
    let span = bytes.checked_add(spare).ok_or(Errno::NOMEM)?;
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
    // SAFETY: a null hint without `FIXED` lets the kernel choose a range that nothing uses.
    let start = unsafe { mmap_anonymous(ptr::null_mut(), span, ProtFlags::empty(), flags) }?.cast::<u8>();
    let lead = start.align_offset(align);
    // SAFETY: the aligned base lies inside the range just mapped, which is longer than `bytes` by all that may lie before it.
    let base = unsafe { start.add(lead) };
    // SAFETY: both trims lie inside the range just mapped, outside of what is returned, and nothing points there.
    unsafe { trim(start, lead) }?;
    // SAFETY: as above.
    unsafe { trim(base.wrapping_add(bytes), spare - lead) }?;
    NonNull::new(base).ok_or(Errno::NOMEM)
}

/// Reserves `bytes` of address space at `address`, if nothing else is there; both are multiples of the page.
pub(crate) fn reserve_at(address: usize, bytes: usize) -> Result<NonNull<u8>, Fault> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
    let wanted = ptr::without_provenance_mut(address);
    // SAFETY: the kernel refuses the address where anything is mapped.
    let found = unsafe { mmap_anonymous(wanted, bytes, ProtFlags::empty(), flags) }?;
    let base = NonNull::new(found.cast::<u8>()).ok_or(Errno::NOMEM)?;
    if base.as_ptr().addr() != address {
        // A kernel that does not know the flag takes the address for a hint.
        // SAFETY: just reserved, and nothing points there.
        unsafe { release(base, bytes) };
        return Err(Errno::EXIST);
    }
    Ok(base)
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

/// Gives back address space, and whatever is mapped there.
///
/// # Safety
/// `bytes` from `base` came from [`reserve`], [`reserve_at`] or [`map_shared`], and nothing uses them from now on.
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

/// Makes these pages what they were when they were reserved: unusable, and without anything in them.
///
/// # Safety
/// `bytes` from `start` are whole pages of a range from [`reserve`] or [`reserve_at`], and nothing uses them.
pub(crate) unsafe fn renew(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
    // SAFETY: the range is the caller's, so nothing else is replaced, and nobody needs what was there.
    unsafe { mmap_anonymous(start.cast(), bytes, ProtFlags::empty(), flags) }?;
    Ok(())
}

/// Asks for huge pages where this range is touched from now on, or for none.
///
/// # Safety
/// `bytes` from `start` are whole pages of a range from [`reserve`] or [`map_shared`].
pub(crate) unsafe fn advise_huge(start: *mut u8, bytes: usize, huge: bool) -> Result<(), Fault> {
    let advice = if huge { Advice::LinuxHugepage } else { Advice::LinuxNoHugepage };
    // SAFETY: the range is the caller's, and the advice changes no content.
    unsafe { madvise(start.cast(), bytes, advice) }
}

/// Maps `bytes` of a file from `offset` on over reserved pages, to be read and written. What is written stays in memory:
/// a page leaves the file with the first write to it.
///
/// # Safety
/// `bytes` from `start` are whole pages of a range from [`reserve`], and nobody needs what they hold. As long as they are
/// mapped, nobody shortens the file to less than is read, or writes to it where a page has not left it yet and is being read.
pub(crate) unsafe fn map_private(
    file: BorrowedFd<'_>,
    offset: u64,
    start: *mut u8,
    bytes: usize,
) -> Result<(), Fault> {
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
    // No swap is promised for pages that may never be written, as with reserved ones.
    let flags = flags | MapFlags::NORESERVE;
    // SAFETY: the range is the caller's, so nothing else is replaced, and nobody needs what was there.
    unsafe { mmap(start.cast(), bytes, access, flags, file, offset) }?;
    Ok(())
}

/// A read-only view of `bytes` of a file from `offset` on, at an address that is a multiple of `align`: it shows whatever
/// is written to the file. Given back with [`release`].
///
/// # Safety
/// As long as the view lives, nobody shortens the file to less than is read, and nobody reads from the view what is being
/// written to the file.
pub(crate) unsafe fn map_shared(
    file: BorrowedFd<'_>,
    offset: u64,
    bytes: usize,
    align: usize,
) -> Result<NonNull<u8>, Fault> {
    let flags = MapFlags::SHARED;
    // For a long file most file systems choose such an address themselves.
    // SAFETY: a null hint without `FIXED` lets the kernel choose a range that nothing uses.
    let chosen = unsafe { mmap(ptr::null_mut(), bytes, ProtFlags::READ, flags, file, offset) }?.cast::<u8>();
    let chosen = NonNull::new(chosen).ok_or(Errno::NOMEM)?;
    if chosen.as_ptr().addr().is_multiple_of(align) {
        return Ok(chosen);
    }
    // SAFETY: just mapped, and nothing points there.
    unsafe { release(chosen, bytes) };
    let base = reserve(bytes, align)?;
    // SAFETY: the range was just reserved, and nothing uses it yet.
    let mapped =
        unsafe { mmap(base.as_ptr().cast(), bytes, ProtFlags::READ, flags | MapFlags::FIXED, file, offset) };
    if let Err(fault) = mapped {
        // SAFETY: as above.
        unsafe { release(base, bytes) };
        return Err(fault);
    }
    Ok(base)
}

/// Gives these pages their memory at once, which costs less than a fault for each.
///
/// # Safety
/// `bytes` from `start` are whole pages of a committed range.
pub(crate) unsafe fn supply(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    // SAFETY: the caller's promise; contents stay as they are.
    unsafe { madvise(start.cast(), bytes, Advice::LinuxPopulateWrite) }
}

/// Brings mapped pages into memory as if all of them were read, so that none of these first reads is a fault later.
///
/// # Safety
/// `bytes` from `start` are whole pages of a range from [`reserve`] or [`map_shared`].
pub(crate) unsafe fn populate(start: *mut u8, bytes: usize) -> Result<(), Fault> {
    // SAFETY: the range is the caller's, and reading changes no content.
    unsafe { madvise(start.cast(), bytes, Advice::LinuxPopulateRead) }
}
