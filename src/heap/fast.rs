//! The fast path: a block from the thread's magazine, or into it, inlined into whoever asks.
//!
//! With a constant layout this is eight instructions: the thread's cache, the magazine's count, a compare, the count
//! again, the slot. Whatever else there is to do is one call out of line, so that callers stay small: what is inlined
//! everywhere must not keep the compiler from inlining the callers themselves.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::magazines::{MagazineAt, Seat};
use crate::units::{CLASS_ALIGN, LINE_ALIGN_MAX, SMALL_MAX};

/// Frees of larger blocks are not inlined. A node of a tree is freed where the tree is walked, and a walk with a free
/// inlined in it is itself no longer inlined into its loop: dropping a `BTreeMap` took half as long again. The limit lies
/// where few programs have as many blocks above it as below, for where they mix the processor guesses wrong.
const INLINE_FREE_MAX: usize = 128;

/// The magazine for `layout`, if its size is at most `max` and its alignment that of any block, as nearly all are.
#[inline(always)]
fn magazine(layout: Layout, max: usize) -> Option<MagazineAt> {
    const { assert!(INLINE_FREE_MAX <= SMALL_MAX) };
    if layout.align() > CLASS_ALIGN || layout.size() > max {
        return None;
    }
    // SAFETY: compared above, with what is at most `SMALL_MAX`.
    Some(unsafe { MagazineAt::of_size(layout.size()) })
}

/// The magazine for `layout` if it is small and aligned to no more than a line: rounding the size up gives the alignment.
#[inline]
fn any_magazine(layout: Layout) -> Option<MagazineAt> {
    let (size, align) = (layout.size(), layout.align());
    if align > LINE_ALIGN_MAX {
        return None;
    }
    // No overflow: a layout's size rounded up to its alignment is at most `isize::MAX`.
    let size = (size + (align - 1)) & !(align - 1);
    // SAFETY: compared before.
    (size <= SMALL_MAX).then(|| unsafe { MagazineAt::of_size(size) })
}

/// A block for `layout` from this thread's magazine, at this seat.
#[inline(always)]
pub(crate) fn pop(seat: &Seat, layout: Layout) -> Option<NonNull<u8>> {
    seat.cache().magazine(magazine(layout, SMALL_MAX)?).pop()
}

/// The same out of line, for layouts that [`pop`] leaves alone too.
#[inline]
pub(crate) fn pop_any(seat: &Seat, layout: Layout) -> Option<NonNull<u8>> {
    seat.cache().magazine(any_magazine(layout)?).pop()
}

/// Puts a block of `layout` into this thread's magazine, at this seat; `false` where it found no place.
#[inline(always)]
pub(crate) fn push(seat: &Seat, block: *mut u8, layout: Layout) -> bool {
    magazine(layout, INLINE_FREE_MAX).is_some_and(|at| seat.cache().magazine(at).push(block))
}

/// The same out of line, for layouts that [`push`] leaves alone too.
#[inline]
pub(crate) fn push_any(seat: &Seat, block: *mut u8, layout: Layout) -> bool {
    any_magazine(layout).is_some_and(|at| seat.cache().magazine(at).push(block))
}
