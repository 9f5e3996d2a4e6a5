//! A hash table of untyped buckets: the core of `PHashMap`.
//!
//! ```text
//! block: | bucket n-1 | ... | bucket 1 | bucket 0 | control 0 .. n-1 | the first 16 of them again |
//!                                                 ^ ctrl
//! ```
//!
//! A search begins at the bucket that the hash's low bits name and looks at 16 control bytes at once, then at the 16 which are
//! 16 further, then 32 further, and so on: among a power of two of buckets that meets every group. It ends at a group with
//! an empty byte.
//!
//! Invariants:
//! 1. There are `mask + 1` buckets, a power of two and at least 4; or none, and all numbers but the seed are 0.
//! 2. `items` control bytes are full, and `left` empty ones may still become full: `left` is the capacity without the full and
//!    the deleted ones. At least one byte is always empty, so every search ends.
//! 3. The bytes behind the last control byte repeat the first ones; in tables with less than 16 buckets, those between
//!    the two are empty for ever.
//! 4. A full byte is the tag of its entry's hash.
//! 5. Entries move only to a new block, and the old one is given up when all have moved: a hash that panics has
//!    changed nothing.
//!
//! | file | what it has |
//! |---|---|
//! | `grow` | room for more entries |
//! | `indices` | a walk over the buckets in use |
//! | `inspect` | bytes that are to be a table |
//! | this one | searches, and buckets that come into use and go out of it |

mod grow;
mod indices;
mod inspect;

use core::alloc::Layout;
use core::ptr::NonNull;

pub(in crate::collections) use indices::Indices;

use super::group::{DELETED, EMPTY, Group, Mask, WIDTH, is_full, tag};
use super::{At, count, note};
use crate::typed::HeapType;

const LEAST: usize = 4;

#[derive(Debug)]
#[repr(C)]
pub(in crate::collections) struct RawTable {
    ctrl: At,
    mask: u64,
    left: u64,
    items: u64,
    seed: u64,
}

/// How many entries so many buckets are for.
const fn capacity(buckets: usize) -> usize {
    if buckets <= 8 { buckets - 1 } else { buckets / 8 * 7 }
}

/// The block for so many buckets, and where in it the control bytes are.
fn block_layout(buckets: usize, bucket: Layout) -> Option<(Layout, usize)> {
    let align = bucket.align().max(WIDTH);
    let ctrl = buckets.checked_mul(bucket.size())?.checked_next_multiple_of(align)?;
    let bytes = ctrl.checked_add(buckets)?.checked_add(WIDTH)?;
    Some((Layout::from_size_align(bytes, align).ok()?, ctrl))
}

impl RawTable {
    #[inline]
    pub(in crate::collections) const fn new(seed: u64) -> Self {
        Self { ctrl: At::NONE, mask: 0, left: 0, items: 0, seed }
    }

    #[inline]
    pub(in crate::collections) const fn len(&self) -> usize {
        count(self.items)
    }

    #[inline]
    pub(in crate::collections) const fn seed(&self) -> u64 {
        self.seed
    }

    /// How many entries it can hold without another block, as long as none are deleted.
    pub(in crate::collections) const fn capacity(&self) -> usize {
        count(self.items + self.left)
    }

    /// Whether a new entry needs room to be made first.
    #[inline]
    pub(in crate::collections) const fn is_filled(&self) -> bool {
        self.left == 0
    }

    const fn buckets(&self) -> usize {
        count(self.mask) + 1
    }

    /// The control bytes; in no block if there is none.
    #[inline]
    fn ctrl<H: HeapType>(&self, heap: H) -> *mut u8 {
        self.ctrl.ptr(heap)
    }

    /// Where bucket `index` of this size lies.
    #[inline]
    pub(in crate::collections) fn bucket<T, H: HeapType>(&self, index: usize, heap: H) -> *mut T {
        self.ctrl(heap).cast::<T>().wrapping_sub(index + 1)
    }

    /// The bucket at which a search for this hash begins.
    #[inline]
    pub(in crate::collections) const fn home(&self, hash: u64) -> usize {
        count(hash & self.mask)
    }

    fn control<H: HeapType>(&self, index: usize, heap: H) -> u8 {
        debug_assert!(index < self.buckets() + WIDTH);
        // SAFETY: callers have a block, and an index in it.
        unsafe { self.ctrl(heap).wrapping_add(index).read() }
    }

    /// The group from control byte `index` on.
    #[inline]
    fn group<H: HeapType>(&self, index: usize, heap: H) -> Group {
        debug_assert!(!self.ctrl.is_none() && index < self.buckets());
        // SAFETY: callers have a block, and 16 bytes follow the last control byte.
        unsafe { Group::load(self.ctrl(heap).wrapping_add(index)) }
    }

    /// The bucket with this hash that `fits`.
    #[inline]
    pub(in crate::collections) fn find<H: HeapType>(
        &self,
        hash: u64,
        heap: H,
        mut fits: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        if self.items == 0 {
            return None;
        }
        let (mask, tag) = (count(self.mask), tag(hash));
        let (mut at, mut stride) = (count(hash) & mask, 0);
        loop {
            let group = self.group(at, heap);
            for bit in group.matches(tag) {
                let index = (at + bit) & mask;
                if fits(index) {
                    return Some(index);
                }
            }
            if group.empty().any() {
                return None;
            }
            stride += WIDTH;
            at = (at + stride) & mask;
        }
    }

    /// The bucket with this hash that `fits`, or else the free one in which it is to be. There is [room](Self::is_filled).
    #[inline]
    pub(in crate::collections) fn find_or_free<H: HeapType>(
        &self,
        hash: u64,
        heap: H,
        mut fits: impl FnMut(usize) -> bool,
    ) -> Result<usize, usize> {
        let (mask, tag) = (count(self.mask), tag(hash));
        let (mut at, mut stride, mut free) = (count(hash) & mask, 0, None);
        loop {
            let group = self.group(at, heap);
            for bit in group.matches(tag) {
                let index = (at + bit) & mask;
                if fits(index) {
                    return Ok(index);
                }
            }
            free = free.or_else(|| group.free().first().map(|bit| (at + bit) & mask));
            if let Some(free) = free
                && group.empty().any()
            {
                return Err(self.really_free(free, heap));
            }
            stride += WIDTH;
            at = (at + stride) & mask;
        }
    }

    /// The free bucket in which an entry with this hash is to be.
    fn free<H: HeapType>(&self, hash: u64, heap: H) -> usize {
        let mask = count(self.mask);
        let (mut at, mut stride) = (count(hash) & mask, 0);
        loop {
            if let Some(bit) = self.group(at, heap).free().first() {
                return self.really_free((at + bit) & mask, heap);
            }
            stride += WIDTH;
            at = (at + stride) & mask;
        }
    }

    /// In a table smaller than a group, a byte between the last one and the repeated first ones may have been taken for a bucket.
    #[inline]
    fn really_free<H: HeapType>(&self, index: usize, heap: H) -> usize {
        if is_full(self.control(index, heap)) {
            self.group(0, heap).free().first().unwrap_or(index)
        } else {
            index
        }
    }

    /// Where the repetition of a control byte is; itself if it is not repeated.
    #[inline]
    fn repeated(&self, index: usize) -> usize {
        (index.wrapping_sub(WIDTH) & count(self.mask)) + WIDTH
    }

    #[inline]
    fn set_control<H: HeapType>(&mut self, index: usize, control: u8, heap: H) {
        debug_assert!(index < self.buckets());
        let repeated = self.repeated(index);
        let place = self.ctrl(heap).wrapping_add(index);
        note(heap, place, 1);
        // SAFETY: the block has a byte for each bucket.
        unsafe { place.write(control) };
        if repeated != index {
            let place = self.ctrl(heap).wrapping_add(repeated);
            note(heap, place, 1);
            // SAFETY: 16 more bytes follow those of the buckets.
            unsafe { place.write(control) };
        }
    }

    /// Counts bucket `index`, in which an entry was just written, as in use.
    ///
    /// # Safety
    /// It was free, and holds an entry with this hash.
    #[inline]
    pub(in crate::collections) unsafe fn fill<H: HeapType>(&mut self, index: usize, hash: u64, heap: H) {
        let before = self.control(index, heap);
        debug_assert!(!is_full(before));
        self.left -= u64::from(before == EMPTY);
        self.items += 1;
        self.set_control(index, tag(hash), heap);
    }

    /// Counts bucket `index` as free.
    ///
    /// # Safety
    /// It was in use, and its entry belongs to the caller from here on.
    #[inline]
    pub(in crate::collections) unsafe fn vacate<H: HeapType>(&mut self, index: usize, heap: H) {
        debug_assert!(is_full(self.control(index, heap)));
        let before = self.group(index.wrapping_sub(WIDTH) & count(self.mask), heap).empty();
        let from = self.group(index, heap).empty();
        // If no search has ever seen a group around it without an empty byte, none relies on this one.
        let relied_on = before.behind() + from.before() >= 16;
        self.left += u64::from(!relied_on);
        self.items -= 1;
        self.set_control(index, if relied_on { DELETED } else { EMPTY }, heap);
    }

    /// All buckets in use.
    #[inline]
    pub(in crate::collections) fn indices<H: HeapType>(&self, heap: H) -> Indices {
        let group = if self.ctrl.is_none() { Mask::NONE } else { self.group(0, heap).full() };
        Indices { group, at: 0, left: self.len(), ctrl: self.ctrl(heap) }
    }

    /// Forgets all entries, and keeps the block.
    pub(in crate::collections) fn reset<H: HeapType>(&mut self, heap: H) {
        self.items = 0;
        if !self.ctrl.is_none() {
            let bytes = self.buckets() + WIDTH;
            note(heap, self.ctrl(heap), bytes);
            // SAFETY: the block has a byte for each bucket, and 16 more.
            unsafe { self.ctrl(heap).write_bytes(EMPTY, bytes) };
            self.left = capacity(self.buckets()) as u64;
        }
    }

    /// The table, with an empty one left in its place.
    pub(in crate::collections) fn take(&mut self) -> Self {
        let seed = self.seed;
        core::mem::replace(self, Self::new(seed))
    }

    /// Gives the block back, if there is one.
    ///
    /// # Safety
    /// `bucket` is the layout of the buckets, and nobody uses the block after this.
    pub(in crate::collections) unsafe fn release<H: HeapType>(&self, bucket: Layout, heap: H) {
        if self.ctrl.is_none() {
            return;
        }
        if let Some((layout, ctrl)) = block_layout(self.buckets(), bucket)
            && let Some(block) = NonNull::new(self.ctrl(heap).wrapping_sub(ctrl))
        {
            // SAFETY: allocated in `supply` with this layout.
            unsafe { heap.deallocate(block, layout) };
        }
    }
}
