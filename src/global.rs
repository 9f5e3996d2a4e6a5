//! Floor 7: the face of the process's own allocator.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};

use crate::Heap;
use crate::heap::{pop, pop_any, process_heap, push, push_any};
use crate::magazines::{GLOBAL_SEAT, Seat, with_seat};
use crate::units::SMALL_MAX;

/// The global allocator: one heap for the whole process, made at the first allocation and never closed.
///
/// ```
/// #[global_allocator]
/// static GLOBAL: outlive::Global = outlive::Global::new();
///
/// fn main() {
///     let words = vec!["faster", "than", "before"];
///     assert_eq!(words.len(), 3);
/// }
/// ```
///
/// All values of this type are the same heap. It works before `main`, in threads whose thread-local values are being
/// destroyed, and in the child of a `fork`. It must not be used in a signal handler that may have interrupted it, like
/// any allocator.
#[derive(Clone, Copy, Default, Debug)]
pub struct Global;

impl Global {
    /// The global allocator, for a `static`.
    pub const fn new() -> Self {
        Self
    }

    /// The heap behind it, with everything that can be asked of a [`Heap`]; `None` where the system has no address
    /// space for one.
    ///
    /// ```
    /// # #[global_allocator]
    /// # static GLOBAL: outlive::Global = outlive::Global::new();
    /// let kept = vec![0_u8; 5000];
    /// let stats = outlive::Global.heap().unwrap().stats();
    /// assert!(stats.used >= 5000);
    /// # drop(kept);
    /// ```
    pub fn heap(self) -> Option<&'static Heap> {
        process_heap().map(Heap::of_core)
    }
}

// What is not inlined comes in steps: first what a magazine can still serve, then the rest. The first steps are generic
// in the seat's number so that they are compiled together with the program: there a thread-local is two loads, while
// within a library it is a call, around which registers have to be saved.

/// Larger alignments, runs, misses.
#[inline(never)]
fn take<const SEAT: usize>(layout: Layout) -> *mut u8 {
    if layout.size() > SMALL_MAX {
        return take_run::<SEAT>(layout);
    }
    match with_seat(SEAT, |seat| pop_any(seat, layout)) {
        Some(block) => block.as_ptr(),
        None => take_missed(layout),
    }
}

#[inline(never)]
fn take_run<const SEAT: usize>(layout: Layout) -> *mut u8 {
    match with_seat(SEAT, |seat| process_heap()?.pop_run(seat, layout)) {
        Some(block) => block.as_ptr(),
        None => take_missed(layout),
    }
}

#[inline(never)]
fn take_missed(layout: Layout) -> *mut u8 {
    or_null(process_heap().and_then(|core| core.allocate(layout)))
}

/// Larger blocks and alignments, runs, full magazines.
#[inline(never)]
fn give<const SEAT: usize>(block: *mut u8, layout: Layout) {
    if layout.size() > SMALL_MAX {
        return give_run::<SEAT>(block, layout);
    }
    if !with_seat(SEAT, |seat| push_any(seat, block, layout)) {
        give_missed(block, layout);
    }
}

#[inline(never)]
fn give_run<const SEAT: usize>(block: *mut u8, layout: Layout) {
    let push = |seat: &Seat| process_heap().is_some_and(|core| core.push_run(seat, block, layout));
    if !with_seat(SEAT, push) {
        give_missed(block, layout);
    }
}

#[inline(never)]
fn give_missed(block: *mut u8, layout: Layout) {
    if let (Some(core), Some(block)) = (process_heap(), NonNull::new(block)) {
        // SAFETY: `dealloc`'s contract is the same.
        unsafe { core.deallocate(block, layout) };
    }
}

fn or_null(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}

// SAFETY: blocks come from `Core`, which hands out each only once, holding at least the layout's size at its
// alignment, until it is given back; nothing here unwinds.
unsafe impl GlobalAlloc for Global {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match with_seat(GLOBAL_SEAT, |seat| pop(seat, layout)) {
            Some(block) => block.as_ptr(),
            None => take::<GLOBAL_SEAT>(layout),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !with_seat(GLOBAL_SEAT, |seat| push(seat, block, layout)) {
            give::<GLOBAL_SEAT>(block, layout);
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match with_seat(GLOBAL_SEAT, |seat| pop(seat, layout)) {
            Some(block) => {
                // SAFETY: the block is the caller's alone, and holds at least this many bytes.
                unsafe { block.write_bytes(0, layout.size()) };
                block.as_ptr()
            }
            None => or_null(process_heap().and_then(|core| core.allocate_zeroed(layout, |_| {}))),
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let (Some(core), Some(block)) = (process_heap(), NonNull::new(block)) else { return ptr::null_mut() };
        let Ok(new) = Layout::from_size_align(new_size, layout.align()) else { return ptr::null_mut() };
        // SAFETY: `realloc`'s contract is the same.
        or_null(unsafe { core.reallocate(block, layout, new, |_, _| {}) })
    }
}
