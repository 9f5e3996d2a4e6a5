//! What can be asked of the allocator, and set.
//!
//! The figures are the heap's own ([`outlive::Stats`]), in the places that the C library has for something like them.

use core::ffi::CStr;
use std::ffi::CString;
use std::fmt::Write as _;

use libc::{EINVAL, FILE, c_int};
use outlive::{Global, Stats};

use crate::set_errno;

/// What `mallinfo2` returns.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Mallinfo2 {
    /// Bytes of pages in play.
    pub arena: usize,
    /// Free runs of pages.
    pub ordblks: usize,
    /// Free blocks of size classes in the threads' magazines.
    pub smblks: usize,
    /// Not used: no block is a mapping of its own.
    pub hblks: usize,
    /// Not used, like `hblks`.
    pub hblkhd: usize,
    /// Not used, as in the C library.
    pub usmblks: usize,
    /// Bytes of blocks in magazines.
    pub fsmblks: usize,
    /// Bytes of blocks in use.
    pub uordblks: usize,
    /// Bytes that are free, those in magazines included.
    pub fordblks: usize,
    /// Not known: what could be given back at the end of the heap.
    pub keepcost: usize,
}

/// What `mallinfo` returns.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Mallinfo {
    fields: [c_int; 10],
}

fn stats() -> Option<Stats> {
    Global.heap().map(outlive::Heap::stats)
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// `mallinfo2(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo2() -> Mallinfo2 {
    let Some(stats) = stats() else { return Mallinfo2::default() };
    let cached: u64 = stats.classes.iter().map(|class| class.cached).sum();
    Mallinfo2 {
        arena: size(stats.total),
        ordblks: stats.free_runs as usize,
        smblks: size(cached),
        fsmblks: size(stats.cached),
        uordblks: size(stats.used),
        fordblks: size(stats.total.saturating_sub(stats.used)),
        ..Mallinfo2::default()
    }
}

/// `mallinfo(3)`: the same, cut off where it does not fit.
#[unsafe(no_mangle)]
pub extern "C" fn mallinfo() -> Mallinfo {
    let Mallinfo2 { arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost } =
        mallinfo2();
    let fields = [arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost];
    Mallinfo { fields: fields.map(|field| c_int::try_from(field).unwrap_or(c_int::MAX)) }
}

/// `mallopt(3)`: 1 for each parameter that the C library knows, and 0 for any other. They are hints for an allocator of
/// another kind, and change nothing here.
#[unsafe(no_mangle)]
pub extern "C" fn mallopt(parameter: c_int, _value: c_int) -> c_int {
    // From `M_MXFAST` down to `M_ARENA_MAX`.
    c_int::from(parameter == 1 || (-8..=-1).contains(&parameter))
}

/// `malloc_trim(3)`: 1 if memory went back to the system. All of it does that can, whatever `pad` says.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_trim(_pad: usize) -> c_int {
    let Some(heap) = Global.heap() else { return 0 };
    let before = heap.stats().purged_pages;
    heap.trim();
    c_int::from(heap.stats().purged_pages > before)
}

/// `malloc_stats(3)`: the heap in numbers, on standard error: first in the words of the C library, which programs look for,
/// then in ours.
#[unsafe(no_mangle)]
pub extern "C" fn malloc_stats() {
    let Some(stats) = stats() else { return };
    let (system, used) = (stats.total, stats.used);
    not_cancelled(|| {
        eprint!(
            "Arena 0:\nsystem bytes     = {system:10}\nin use bytes     = {used:10}\n\
             Total (incl. mmap):\nsystem bytes     = {system:10}\nin use bytes     = {used:10}\n\
             max mmap regions = {0:10}\nmax mmap bytes   = {0:10}\n{stats}",
            0
        );
    });
}

/// Calls `act` while this thread cannot be cancelled: to unwind it here would end the process.
fn not_cancelled<R>(act: impl FnOnce() -> R) -> R {
    const DISABLE: c_int = 1;
    unsafe extern "C" {
        fn pthread_setcancelstate(state: c_int, before: *mut c_int) -> c_int;
    }
    let mut before = 0;
    // SAFETY: the state before is written to `before`.
    unsafe { pthread_setcancelstate(DISABLE, &raw mut before) };
    let result = act();
    // SAFETY: a state that was.
    unsafe { pthread_setcancelstate(before, &raw mut before) };
    result
}

/// `malloc_info(3)`: the heap in numbers, as XML. There are no options.
///
/// # Safety
/// `stream` is open for writing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_info(options: c_int, stream: *mut FILE) -> c_int {
    if options != 0 {
        set_errno(EINVAL);
        return -1;
    }
    let text = CString::new(stats().map(|stats| xml(&stats)).unwrap_or_default()).unwrap_or_default();
    let text: &CStr = &text;
    // SAFETY: the text ends with a zero; the rest is the caller's promise.
    let written = not_cancelled(|| unsafe { libc::fputs(text.as_ptr(), stream) });
    if written < 0 { -1 } else { 0 }
}

/// In the C library's elements, as far as there is something to say in them, and further ones for each size class.
fn xml(stats: &Stats) -> String {
    let mut text = String::from("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n");
    for class in &stats.classes {
        let (from, total) = (class.size, class.free * class.size as u64);
        // Writing into a string does not fail.
        let _ = writeln!(
            text,
            "  <size from=\"{from}\" to=\"{from}\" total=\"{total}\" count=\"{}\"/>",
            class.free
        );
    }
    let cached: u64 = stats.classes.iter().map(|class| class.cached).sum();
    let _ = write!(
        text,
        "</sizes>\n<total type=\"fast\" count=\"{cached}\" size=\"{}\"/>\n\
         <total type=\"rest\" count=\"{}\" size=\"{}\"/>\n\
         <system type=\"current\" size=\"{}\"/>\n<system type=\"max\" size=\"{}\"/>\n\
         <aspace type=\"total\" size=\"{}\"/>\n<aspace type=\"mprotect\" size=\"{}\"/>\n</heap>\n",
        stats.cached, stats.free_runs, stats.free, stats.total, stats.peak, stats.reserved, stats.committed
    );
    let _ = write!(
        text,
        "<total type=\"fast\" count=\"{cached}\" size=\"{}\"/>\n\
         <total type=\"rest\" count=\"{}\" size=\"{}\"/>\n<total type=\"mmap\" count=\"0\" size=\"0\"/>\n\
         <system type=\"current\" size=\"{}\"/>\n<system type=\"max\" size=\"{}\"/>\n\
         <aspace type=\"total\" size=\"{}\"/>\n<aspace type=\"mprotect\" size=\"{}\"/>\n</malloc>\n",
        stats.cached, stats.free_runs, stats.free, stats.total, stats.peak, stats.reserved, stats.committed
    );
    text
}
