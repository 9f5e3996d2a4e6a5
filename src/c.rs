//! Floor 7: the face for C, whose frees do not say what they free.
//!
//! These are the requests and frees of the process's heap, the one that [`Global`](crate::Global) stands for, with what
//! C asks of them: 16 bytes of alignment, a block of its own for a request for nothing, and a free that knows an address
//! only. What `malloc` answers beyond that (`errno`, overflow, alignments that are none) is the caller's business. The
//! library `liboutlive_malloc.so` is made of them.
//!
//! A free finds the magazine of its block by the tag of the block's page (`runs/tag.rs`): every page of a slab says it. The
//! slab itself is looked at when the magazine is given back, like for any other free.
//!
//! ```
//! use outlive::c;
//!
//! let block = c::allocate(100);
//! assert!(!block.is_null());
//! // SAFETY: the block is this one's, and used no more.
//! unsafe {
//!     assert!(c::usable_size(block) >= 100);
//!     let block = c::reallocate(block, 1000);
//!     c::free(block);
//! }
//! ```

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use crate::heap::{magazine_of, pop_any, process_heap};
use crate::magazines::{C_GRAIN, GLOBAL_SEAT, MagazineAt, global_magazine, with_seat};
use crate::units::SMALL_MAX;

/// The alignment of every block.
pub const ALIGN: usize = C_GRAIN;

/// A block of at least `size` bytes; null where the system has no more memory.
#[inline(always)]
#[must_use]
pub fn allocate(size: usize) -> *mut u8 {
    match allocate_held(size) {
        Some(block) => block.as_ptr(),
        None => allocate_missed(size),
    }
}

/// The part of [`allocate`] that is to be inlined: a block that this thread's magazine has. Who gets none asks `allocate`.
#[inline(always)]
#[must_use]
pub fn allocate_held(size: usize) -> Option<NonNull<u8>> {
    if size > SMALL_MAX {
        return None;
    }
    // SAFETY: compared above.
    global_magazine(unsafe { MagazineAt::of_size_in_c(size) }).pop()
}

#[cold]
#[inline(never)]
fn allocate_missed(size: usize) -> *mut u8 {
    or_null(layout(size, ALIGN).and_then(take))
}

/// The layout of a request, which is never for nothing; `None` where no block could be so large.
fn layout(size: usize, align: usize) -> Option<Layout> {
    Layout::from_size_align(size.max(1), align).ok()
}

fn take(layout: Layout) -> Option<NonNull<u8>> {
    let core = process_heap()?;
    let held = with_seat(GLOBAL_SEAT, |seat| pop_any(seat, layout).or_else(|| core.pop_run(seat, layout)));
    held.or_else(|| core.allocate(layout))
}

/// A block of at least `size` bytes that read as zero; null where the system has no more memory.
#[inline]
#[must_use]
pub fn allocate_zeroed(size: usize) -> *mut u8 {
    match allocate_held(size) {
        Some(block) => {
            // SAFETY: the block is the caller's alone, and holds at least this many bytes.
            unsafe { block.write_bytes(0, size) };
            block.as_ptr()
        }
        None => {
            or_null(layout(size, ALIGN).and_then(|layout| process_heap()?.allocate_zeroed(layout, |_| {})))
        }
    }
}

/// A block of at least `size` bytes at a multiple of `align`; null where the system has no more memory, or where `align`
/// is no power of two.
#[must_use]
pub fn allocate_aligned(size: usize, align: usize) -> *mut u8 {
    or_null(layout(size, align.max(ALIGN)).and_then(take))
}

/// Takes back a block; null is none.
///
/// # Safety
/// The block came from one of the functions here, and is used no more.
#[inline(always)]
pub unsafe fn free(block: *mut u8) {
    match magazine_of(block) {
        Some(at) if global_magazine(at).push(block) => {}
        // SAFETY: the caller's promise.
        _ => unsafe { free_missed(block) },
    }
}

/// # Safety
/// As for [`free`].
#[cold]
#[inline(never)]
unsafe extern "C" fn free_missed(block: *mut u8) {
    if let (Some(block), Some(core)) = (NonNull::new(block), process_heap()) {
        // SAFETY: the caller's promise.
        unsafe { core.deallocate_missed(block) };
    }
}

/// Makes a block larger or smaller, in place where that can be done. On success the old pointer is no more; null where the
/// system has no more memory, and the block is then as it was.
///
/// # Safety
/// The block came from one of the functions here, and is not null.
#[must_use]
pub unsafe fn reallocate(block: *mut u8, size: usize) -> *mut u8 {
    let (Some(layout), Some(block)) = (layout(size, ALIGN), NonNull::new(block)) else {
        return ptr::null_mut();
    };
    // SAFETY: the caller's promise.
    or_null(process_heap().and_then(|core| unsafe { core.reallocate_unsized(block, layout) }))
}

/// How many bytes of a block can be used; 0 where no block begins.
///
/// # Safety
/// The block came from one of the functions here, or is null.
#[must_use]
pub unsafe fn usable_size(block: *mut u8) -> usize {
    let size = |block| process_heap()?.usable_size(block);
    NonNull::new(block).and_then(size).unwrap_or(0)
}

fn or_null(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}
