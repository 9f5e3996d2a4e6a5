//! Which pages were written: the kernel's two answers.
//!
//! A *userfault descriptor* in its asynchronous mode protects pages of the ranges registered with it. The kernel itself
//! lifts the protection of a page when it is written, and nobody has to answer for that. The *page map* of the process
//! tells which pages are without protection, and protects them again in the same step (`PAGEMAP_SCAN`, since Linux 6.7);
//! in its older form it has a word for each page.
//!
//! Protection of this kind changes no content and fails no access, so none of this is unsafe to ask for any address.

use core::ffi::c_void;
use core::ops::Range;
use std::os::fd::OwnedFd;

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, pread};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Updater, ioctl, opcode};
use rustix::mm::{UserfaultfdFlags, userfaultfd};

use super::{Fault, page_size};

const UFFD_API: u64 = 0xAA;
/// Only accesses of the program itself would ever be reported, for which no privilege is needed.
const UFFD_USER_MODE_ONLY: u32 = 1;
/// Pages that are not there yet can be protected, and those of a file's mapping even after their memory was reclaimed.
const FEATURE_WP_UNPOPULATED: u64 = 1 << 13;
/// A write to a protected page goes through at once, and lifts the protection.
const FEATURE_WP_ASYNC: u64 = 1 << 15;
const REGISTER_MODE_WP: u64 = 1 << 1;
const WRITEPROTECT_MODE_WP: u64 = 1;

const SCAN_WP_MATCHING: u64 = 1;
const SCAN_CHECK_WPASYNC: u64 = 1 << 1;

#[repr(C)]
struct UffdioApi {
    api: u64,
    features: u64,
    ioctls: u64,
}

#[repr(C)]
struct UffdioRegister {
    start: u64,
    len: u64,
    mode: u64,
    ioctls: u64,
}

#[repr(C)]
struct UffdioWriteprotect {
    start: u64,
    len: u64,
    mode: u64,
}

#[repr(C)]
struct PmScanArg {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    vec: u64,
    vec_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

const API: Opcode = opcode::read_write::<UffdioApi>(0xAA, 0x3F);
const REGISTER: Opcode = opcode::read_write::<UffdioRegister>(0xAA, 0x00);
const WRITEPROTECT: Opcode = opcode::read_write::<UffdioWriteprotect>(0xAA, 0x06);
const PAGEMAP_SCAN: Opcode = opcode::read_write::<PmScanArg>(b'f', 16);

const _: () = assert!(size_of::<PmScanArg>() == 96);

/// What a scan can ask of a page.
pub(crate) mod page_is {
    /// Without protection. Never true of a page without a page table.
    pub(crate) const WRITTEN: u64 = 1 << 1;
    /// In the page cache of a file.
    pub(crate) const FILE: u64 = 1 << 2;
    pub(crate) const PRESENT: u64 = 1 << 3;
    /// Not present but noted in the page table: in swap, being moved, or protected without being there.
    pub(crate) const SWAPPED: u64 = 1 << 4;
    /// The page of zeros that the kernel shows where anonymous memory is read before it is written.
    pub(crate) const ZERO: u64 = 1 << 5;
}

/// Which pages a scan is about, in bits of [`page_is`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pick {
    /// These count the other way round.
    pub(crate) inverted: u64,
    /// All of these must hold.
    pub(crate) all: u64,
    /// One of these must hold, if there are any.
    pub(crate) any: u64,
    /// Whether what is picked is protected, in the same step.
    pub(crate) protect: bool,
}

/// Pages in a row that a scan has picked, by their addresses.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct PickedPages {
    start: u64,
    end: u64,
    categories: u64,
}

impl PickedPages {
    pub(crate) fn addresses(&self) -> Range<u64> {
        self.start..self.end
    }
}

/// A descriptor that protects pages of this process until they are written.
#[derive(Debug)]
pub(crate) struct Userfault(OwnedFd);

impl Userfault {
    /// Refused by an older kernel, by one that was built without it, and where the process may not.
    pub(crate) fn open() -> Result<Self, Fault> {
        let flags = UserfaultfdFlags::CLOEXEC | UserfaultfdFlags::NONBLOCK;
        let flags = flags | UserfaultfdFlags::from_bits_retain(UFFD_USER_MODE_ONLY);
        // SAFETY: in the asynchronous mode set below, the descriptor can neither stop a thread nor change what it reads.
        let descriptor = unsafe { userfaultfd(flags) }?;
        let mut api =
            UffdioApi { api: UFFD_API, features: FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED, ioctls: 0 };
        // SAFETY: the opcode takes exactly this structure, and writes no further than its end.
        let request = unsafe { Updater::<API, _>::new(&mut api) };
        // SAFETY: the descriptor is a userfault descriptor, which knows the opcode.
        unsafe { ioctl(&descriptor, request) }?;
        Ok(Self(descriptor))
    }

    /// Allows protection in a range of whole mapped pages. Nothing is protected yet.
    pub(crate) fn register(&self, range: Range<u64>) -> Result<(), Fault> {
        let len = range.end - range.start;
        let mut register = UffdioRegister { start: range.start, len, mode: REGISTER_MODE_WP, ioctls: 0 };
        // SAFETY: the opcode takes exactly this structure, and writes no further than its end.
        let request = unsafe { Updater::<REGISTER, _>::new(&mut register) };
        // SAFETY: the descriptor is a userfault descriptor, which knows the opcode; in its mode nothing but the
        // protection of pages changes.
        unsafe { ioctl(&self.0, request) }
    }

    /// Protects all pages of a registered range, written or not, there or not.
    pub(crate) fn protect(&self, range: Range<u64>) -> Result<(), Fault> {
        let len = range.end - range.start;
        let mut protect = UffdioWriteprotect { start: range.start, len, mode: WRITEPROTECT_MODE_WP };
        // SAFETY: the opcode takes exactly this structure.
        let request = unsafe { Updater::<WRITEPROTECT, _>::new(&mut protect) };
        // SAFETY: as in `register`.
        unsafe { ioctl(&self.0, request) }
    }
}

/// The page map of this process, and of no child that inherits it.
#[derive(Debug)]
pub(crate) struct PageMap(OwnedFd);

impl PageMap {
    pub(crate) fn open() -> Result<Self, Fault> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, "/proc/self/pagemap", flags, Mode::empty())?))
    }

    /// Walks through a range of whole pages and notes the picked ones in `found`, neighbours together. Says how many
    /// entries are filled, and where it ended: before the range's end if there was no room for more.
    ///
    /// Refused where a page is in no registered range. Whether a page is picked and its protection are one step, which
    /// no write comes between, except for pages without a page table: those can be written after they were picked and
    /// before they are protected.
    pub(crate) fn scan(
        &self,
        pick: &Pick,
        range: Range<u64>,
        found: &mut [PickedPages],
    ) -> Result<(usize, u64), Fault> {
        let protect = if pick.protect { SCAN_WP_MATCHING } else { 0 };
        let mut argument = PmScanArg {
            size: size_of::<PmScanArg>() as u64,
            flags: SCAN_CHECK_WPASYNC | protect,
            start: range.start,
            end: range.end,
            walk_end: range.start,
            vec: found.as_mut_ptr().expose_provenance() as u64,
            vec_len: found.len() as u64,
            max_pages: 0,
            category_inverted: pick.inverted,
            category_mask: pick.all,
            category_anyof_mask: pick.any,
            // Exactly what is asked for in the plain case, for which the kernel has a faster way.
            return_mask: page_is::WRITTEN,
        };
        // SAFETY: the descriptor is a page map, which knows the opcode (or refuses it), and the argument names no more
        // entries than `found` has.
        let filled = unsafe { ioctl(&self.0, ScanCall(&mut argument)) }?;
        Ok((filled, argument.walk_end))
    }

    /// Reads the words of pages in a row from the one at `address` on; says how many there were.
    pub(crate) fn words(&self, address: u64, words: &mut [u64]) -> Result<usize, Fault> {
        let offset = address / page_size() as u64 * 8;
        let bytes = size_of_val(words);
        // SAFETY: the same memory, in which any bytes are valid words, borrowed for as long as the slice lives.
        let bytes = unsafe { core::slice::from_raw_parts_mut(words.as_mut_ptr().cast::<u8>(), bytes) };
        Ok(pread(&self.0, bytes, offset)? / 8)
    }
}

/// The call of `PAGEMAP_SCAN`, which answers with a count.
struct ScanCall<'a>(&'a mut PmScanArg);

// SAFETY: the opcode takes exactly this structure and writes its result into it, and into the vector that it names.
unsafe impl Ioctl for ScanCall<'_> {
    type Output = usize;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        PAGEMAP_SCAN
    }

    fn as_ptr(&mut self) -> *mut c_void {
        core::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> Result<usize, Errno> {
        usize::try_from(output).map_err(|_| Errno::INVAL)
    }
}
