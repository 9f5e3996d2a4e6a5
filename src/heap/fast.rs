//! The fast path: a block from the thread's magazine, or into it, inlined into whoever asks.
//!
//! With a constant layout this is eight instructions or fewer: the thread's cache, the magazine's count, a compare,
//! the count again, the slot. Everything else is a miss and out of line.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::magazines::{MagazineAt, fast_cache};
use crate::units::{CLASS_ALIGN, LINE_ALIGN_MAX, SMALL_MAX};

/// The magazine for `layout`, if it is small and no more than line-aligned, as nearly all are.
#[inline(always)]
fn magazine(layout: Layout) -> Option<MagazineAt> {
    let (mut size, align) = (layout.size(), layout.align());
    if align > CLASS_ALIGN {
        if align > LINE_ALIGN_MAX {
            return None;
        }
        // No overflow: a layout's size rounded up to its alignment is at most `isize::MAX`.
        size = (size + (align - 1)) & !(align - 1);
    }
    if size > SMALL_MAX {
        return None;
    }
    // SAFETY: compared above.
    Some(unsafe { MagazineAt::of_size(size) })
}

/// What came of asking the magazine.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Popped {
    Block(NonNull<u8>),
    /// It was empty.
    Miss,
    /// Such layouts do not go through it.
    Other,
}

/// A block for `layout` from this thread's magazine in the heap with this seat number.
#[inline(always)]
pub(crate) fn pop(seat: usize, layout: Layout) -> Popped {
    match magazine(layout) {
        Some(at) => fast_cache(seat).magazine(at).pop().map_or(Popped::Miss, Popped::Block),
        None => Popped::Other,
    }
}

/// What came of offering a block to the magazine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    Done,
    /// It was full.
    Miss,
    /// Such layouts do not go through it.
    Other,
}

/// Puts a block of `layout` into this thread's magazine in the heap with this seat number.
#[inline(always)]
pub(crate) fn push(seat: usize, block: *mut u8, layout: Layout) -> Pushed {
    match magazine(layout) {
        Some(at) if fast_cache(seat).magazine(at).push(block) => Pushed::Done,
        Some(_) => Pushed::Miss,
        None => Pushed::Other,
    }
}
