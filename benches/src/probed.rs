//! The functions whose instructions are counted.
//!
//! They are in this crate and the allocator's static is in a binary, as in most programs: across crates less is inlined,
//! and once what counted as 19 instructions in the binary itself was a call more in everything else.

use std::alloc::{Layout, alloc, dealloc};

/// A new box. The value is a constant: keeping one over a call that may come is its caller's business.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn probe_box_new() -> Box<u64> {
    Box::new(7)
}

/// The drop of one.
#[inline(never)]
#[unsafe(no_mangle)]
pub fn probe_box_drop(boxed: Box<u64>) {
    drop(boxed);
}

/// An allocation of a size unknown at compile time.
///
/// # Safety
/// As [`alloc`].
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe fn probe_alloc(layout: Layout) -> *mut u8 {
    // SAFETY: the caller's promise.
    unsafe { alloc(layout) }
}

/// A free of such a size.
///
/// # Safety
/// As [`dealloc`].
#[inline(never)]
#[unsafe(no_mangle)]
pub unsafe fn probe_dealloc(block: *mut u8, layout: Layout) {
    // SAFETY: the caller's promise.
    unsafe { dealloc(block, layout) };
}
