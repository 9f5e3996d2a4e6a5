//! Places in the heap, counts, and notes.

use core::ops::{Bound, Range, RangeBounds};
use core::ptr::NonNull;

use crate::typed::{HeapType, Persist};
use crate::units::LINE;

const _: () = assert!(size_of::<usize>() == 8, "counts are 64 bits wide in the heap");

/// A count of the heap as an index in memory.
#[allow(clippy::cast_possible_truncation, reason = "both have 64 bits, as asserted above")]
#[inline]
pub(in crate::collections) const fn count(value: u64) -> usize {
    value as usize
}

/// Where a block starts, in bytes from the heap's base; 0, where the heap's header lies, for no block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(in crate::collections) struct At(u64);

impl At {
    pub(in crate::collections) const NONE: Self = Self(0);

    /// The place of a block, or of a byte in one.
    #[inline]
    pub(in crate::collections) fn of<H: HeapType>(block: *const u8, heap: H) -> Self {
        Self((block.addr() - heap.base().addr().get()) as u64)
    }

    #[inline]
    pub(in crate::collections) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The distance from the base, as a file that nobody has checked may have it.
    pub(in crate::collections) const fn get(self) -> u64 {
        self.0
    }

    /// The address. For no block it is the heap's base, which is aligned to a page: as good as any for no elements.
    #[inline]
    pub(in crate::collections) fn ptr<H: HeapType>(self, heap: H) -> *mut u8 {
        heap.base().as_ptr().wrapping_add(count(self.0))
    }

    /// The block, if there is one.
    #[inline]
    pub(in crate::collections) fn block<H: HeapType>(self, heap: H) -> Option<NonNull<u8>> {
        if self.is_none() { None } else { NonNull::new(self.ptr(heap)) }
    }
}

/// Says that `len` values from `place` on are about to change.
#[inline]
pub(in crate::collections) fn note<H: HeapType, T>(heap: H, place: *const T, len: usize) {
    if len == 1 && size_of::<T>() <= align_of::<T>() && align_of::<T>() <= LINE {
        heap.note_aligned(place.cast(), size_of::<T>());
    } else {
        heap.note(place.cast(), len * size_of::<T>());
    }
}

/// Compiles for what may lie in a collection's blocks, whose changes are noted: nothing that changes without being borrowed for it.
pub(in crate::collections) const fn changes_are_noted<T: Persist>() {
    assert!(
        !T::SCANNED,
        "what lies in a collection cannot be an atomic, or have one in it: nobody would note its changes. Put it in a PBox"
    );
}

/// The range of indices that `bounds` mean in a sequence of `len`.
#[track_caller]
pub(in crate::collections) fn range(bounds: &impl RangeBounds<usize>, len: usize) -> Range<usize> {
    let start = match bounds.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match bounds.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => len,
    };
    assert!(start <= end && end <= len, "the range {start}..{end} of {len}");
    start..end
}
