//! Memory whose writers say what they write.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{AllocError, Heap, nothing};
use crate::heap::{pop, pop_any, push, push_any};
use crate::magazines::{Seat, with_seat};

/// The part of a heap whose blocks a commit does not look for changes in: it takes the lines that were [noted](Tracked::note).
///
/// What a commit costs then depends on what has changed, and not on how large the heap is. Blocks of both kinds are in the
/// same commits. In heaps that are not in files, tracked memory is like any other, and notes mean nothing.
///
/// ```
/// use std::alloc::Layout;
/// use outlive::Heap;
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-tracked-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("shop.heap");
/// let heap = Heap::open(&path)?;
/// let counter = heap.tracked().allocate(Layout::new::<u64>()).unwrap().cast::<u64>();
/// for count in 1..=3 {
///     heap.tracked().note(counter.as_ptr().cast(), 8);
///     // SAFETY: the block holds a number, and nobody else has it.
///     unsafe { counter.write(count) };
///     assert_eq!(heap.persist()?.noted, 1);
/// }
/// # drop(heap);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// It is an allocator like `&Heap`. A block goes back to where it came from: one of `Tracked` to `Tracked`, one of `Heap` to
/// `Heap`. Questions about blocks ([`Heap::info`], [`Heap::usable_size`], [`Heap::offset_of`]) are the heap's for both kinds.
#[derive(Clone, Copy, Debug)]
pub struct Tracked<'heap> {
    heap: &'heap Heap,
}

impl Heap {
    /// The heap's tracked memory.
    #[inline]
    pub fn tracked(&self) -> Tracked<'_> {
        Tracked { heap: self }
    }
}

impl<'heap> Tracked<'heap> {
    /// The heap that it is a part of.
    pub fn heap(&self) -> &'heap Heap {
        self.heap
    }

    /// Says that `len` bytes from `address` on, of a tracked block, are about to be written: the next commit takes the lines
    /// of 64 bytes in which they lie.
    ///
    /// Whoever writes to a tracked block notes it before, each time, and no commit runs from then to the end of the write:
    /// a commit takes all notes, and what is written behind its back, or was not noted at all, may be missing from this
    /// commit and from all later ones, until the same line is noted again. Which bytes are missing then is not said: those
    /// of a write may be there in part. In the running process such a write is like any other; it is after the next opening
    /// that the old bytes are back. So a value whose every combination of old and new bytes is valid is at most out of date;
    /// of any other, a program that reads it after an opening must know that its writes were noted.
    /// [`OpenOptions::find_unnoted`](crate::OpenOptions::find_unnoted) finds writes that were not.
    ///
    /// What the allocator itself writes to blocks, it notes: zeros, and what it copies when a block moves. What a block
    /// holds that was just allocated need not be noted before it is written.
    ///
    /// Any address will do: where there is no tracked memory nothing is noted. To note what is noted already takes a few
    /// instructions.
    #[inline]
    pub fn note(&self, address: *const u8, len: usize) {
        self.heap.pad.note(address.addr(), len);
    }

    /// A block for `layout`. A layout of size zero gets a dangling pointer at its alignment, and no block.
    ///
    /// # Errors
    /// [`AllocError`] where the limit, the region or the machine has no more.
    #[inline]
    pub fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        with_seat(self.heap.tracked_core().seat(), |seat| {
            pop(seat, layout).or_else(|| self.take(seat, layout)).ok_or(AllocError)
        })
    }

    /// What is not inlined of [`Tracked::allocate`].
    #[inline(never)]
    fn take(&self, seat: &Seat, layout: Layout) -> Option<NonNull<u8>> {
        let core = self.heap.tracked_core();
        pop_any(seat, layout).or_else(|| core.pop_run(seat, layout)).or_else(|| core.allocate(layout))
    }

    /// A block for `layout` that reads as zero, and that a commit finds so.
    ///
    /// # Errors
    /// As [`Tracked::allocate`].
    pub fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        let core = self.heap.tracked_core();
        core.allocate_zeroed(layout, |block| self.will_write(block, layout.size())).ok_or(AllocError)
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// The block came from this heap's tracked memory with this layout, or one of the same size and alignment, and is used
    /// no more.
    #[inline]
    pub unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        with_seat(self.heap.tracked_core().seat(), |seat| {
            if !push(seat, block.as_ptr(), layout) {
                // SAFETY: the caller's promise.
                unsafe { self.give(seat, block, layout) };
            }
        });
    }

    /// What is not inlined of [`Tracked::deallocate`].
    ///
    /// # Safety
    /// As there.
    #[inline(never)]
    unsafe fn give(&self, seat: &Seat, block: NonNull<u8>, layout: Layout) {
        let core = self.heap.tracked_core();
        if !push_any(seat, block.as_ptr(), layout) && !core.push_run(seat, block.as_ptr(), layout) {
            // SAFETY: the caller's promise.
            unsafe { core.deallocate(block, layout) };
        }
    }

    /// Makes a block larger or smaller, in place where that can be done. On success the old pointer is no more. What is
    /// copied to another place is noted there.
    ///
    /// # Errors
    /// [`AllocError`]; the block is then as it was.
    ///
    /// # Safety
    /// The block came from this heap's tracked memory with layout `old`.
    pub unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        if new.size() == 0 {
            // SAFETY: the caller's promise.
            unsafe { self.deallocate(block, old) };
            return Ok(nothing(new));
        }
        let will_write = |moved, len| self.will_write(moved, len);
        // SAFETY: the caller's promise.
        unsafe { self.heap.tracked_core().reallocate(block, old, new, will_write) }.ok_or(AllocError)
    }

    /// The bytes that the block at this address holds; `None` where no allocated block starts.
    pub fn usable_size(&self, block: NonNull<u8>) -> Option<usize> {
        self.heap.tracked_core().usable_size(block)
    }

    /// Notes what the allocator itself is about to write.
    #[inline]
    pub(super) fn will_write(&self, block: NonNull<u8>, len: usize) {
        self.note(block.as_ptr(), len);
    }
}
