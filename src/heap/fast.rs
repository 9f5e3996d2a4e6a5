//! The fast path: a block from the thread's magazine, or into it, inlined into whoever asks.
//!
//! With a constant layout this is eight instructions: the thread's cache, the magazine's count, a compare, the count
//! again, the slot. Whatever else there is to do is one call out of line, so that callers stay small: what is inlined
//! everywhere must not keep the compiler from inlining the callers themselves.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::magazines::{MagazineAt, fast_cache};
use crate::units::{CLASS_ALIGN, LINE_ALIGN_MAX, SMALL_MAX};

/// The magazine for `layout`, if it is small and its alignment that of any block, as nearly all are.
#[inline(always)]
fn magazine(layout: Layout) -> Option<MagazineAt> {
    if layout.align() > CLASS_ALIGN || layout.size() > SMALL_MAX {
        return None;
    }
    // SAFETY: compared above.
    Some(unsafe { MagazineAt::of_size(layout.size()) })
}

/// The magazine for `layout` if it is small and aligned to more than any block, but no more than a line: rounding the size
/// up gives the alignment.
#[inline]
fn aligned_magazine(layout: Layout) -> Option<MagazineAt> {
    let (size, align) = (layout.size(), layout.align());
    if align <= CLASS_ALIGN || align > LINE_ALIGN_MAX {
        return None;
    }
    // No overflow: a layout's size rounded up to its alignment is at most `isize::MAX`.
    let size = (size + (align - 1)) & !(align - 1);
    // SAFETY: compared before.
    (size <= SMALL_MAX).then(|| unsafe { MagazineAt::of_size(size) })
}

/// A block for `layout` from this thread's magazine in the heap with this seat number.
#[inline(always)]
pub(crate) fn pop(seat: usize, layout: Layout) -> Option<NonNull<u8>> {
    fast_cache(seat).magazine(magazine(layout)?).pop()
}

/// The same for a layout that [`pop`] leaves alone because of its alignment.
#[inline]
pub(crate) fn pop_aligned(seat: usize, layout: Layout) -> Option<NonNull<u8>> {
    fast_cache(seat).magazine(aligned_magazine(layout)?).pop()
}

/// Puts a block of `layout` into this thread's magazine in the heap with this seat number; `false` where it found no
/// place.
#[inline(always)]
pub(crate) fn push(seat: usize, block: *mut u8, layout: Layout) -> bool {
    magazine(layout).is_some_and(|at| fast_cache(seat).magazine(at).push(block))
}

/// The same for a layout that [`push`] leaves alone because of its alignment.
#[inline]
pub(crate) fn push_aligned(seat: usize, block: *mut u8, layout: Layout) -> bool {
    aligned_magazine(layout).is_some_and(|at| fast_cache(seat).magazine(at).push(block))
}
