//! Numbers, and the checker.

use core::ffi::c_char;

use crate::code::{Code, Failure, answer, text};
use crate::open::{Handle, handle};

/// A heap in numbers, in bytes unless it says otherwise.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Statistics {
    /// Address space: what the heap can grow to.
    pub reserved: u64,
    /// Memory that can be touched.
    pub committed: u64,
    /// About what the system counts as resident.
    pub resident: u64,
    /// Blocks in use.
    pub used: u64,
    /// Blocks that wait in threads' magazines.
    pub cached: u64,
    /// Free blocks and pages.
    pub free: u64,
    /// The most that was in use at one time, in whole pages.
    pub peak: u64,
    /// The limit; 0 without one.
    pub limit: u64,
    /// The number of the last commit; 0 without one.
    pub last_commit: u64,
}

/// The heap in numbers, at about one moment.
///
/// # Safety
/// `heap` is open; `statistics` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_statistics_of(heap: *const Handle, statistics: *mut Statistics) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    answer(handle.and_then(|handle| {
        // SAFETY: as above.
        let place = unsafe { statistics.as_mut() };
        let place =
            place.ok_or_else(|| Failure::argument("the place for the statistics is a null pointer"))?;
        let stats = handle.heap().stats();
        *place = Statistics {
            reserved: stats.reserved,
            committed: stats.committed,
            resident: stats.resident,
            used: stats.used,
            cached: stats.cached,
            free: stats.free,
            peak: stats.peak,
            limit: stats.limit.unwrap_or(0),
            last_commit: handle.heap().last_commit(),
        };
        Ok(())
    }))
}

/// Gives back to the system all memory that is free.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_trim(heap: *const Handle) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    answer(handle.map(|handle| handle.heap().trim()))
}

/// Checks all metadata of an open heap, and changes nothing. `OUTLIVE_DAMAGED` if there is anything to say, which the
/// message does.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_check(heap: *const Handle) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    answer(handle.and_then(|handle| {
        let report = handle.heap().check();
        if report.is_clean() { Ok(()) } else { Err(Failure::new(Code::OutliveDamaged, report.to_string())) }
    }))
}

/// Checks the files of a heap that nobody has open, and changes nothing. `OUTLIVE_DAMAGED` if there is anything to say,
/// which the message does.
///
/// # Safety
/// `path` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_check_file(path: *const c_char) -> Code {
    // SAFETY: the caller's promise.
    let path = unsafe { text(path, "the path") };
    answer(path.and_then(|path| {
        let report = heap::check(path)?;
        if report.is_clean() { Ok(()) } else { Err(Failure::new(Code::OutliveDamaged, report.to_string())) }
    }))
}
