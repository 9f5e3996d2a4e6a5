//! One block of the measured allocator, owned, so that the workloads themselves need no `unsafe`.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::ptr::NonNull;

/// The distance of the bytes that are written to make a whole block resident.
const PAGE: usize = 4096;

/// A block with the layout it was asked for. It is freed by [`Block::free`] only; losing it leaks.
#[derive(Debug)]
pub struct Block {
    start: NonNull<u8>,
    size: u32,
    align: u32,
}

impl Block {
    /// Allocates `size` bytes aligned to 8 and writes to each page of them.
    #[inline]
    #[must_use]
    pub fn new(size: usize) -> Self {
        let block = Self::untouched(size, 8);
        block.touch();
        block
    }

    /// Allocates `size` bytes aligned to `align` and leaves them as they are.
    #[inline]
    #[must_use]
    pub fn untouched(size: usize, align: usize) -> Self {
        let layout = Layout::from_size_align(size, align).expect("a valid layout");
        assert!(size > 0 && size <= u32::MAX as usize, "a size that the workloads use");
        // SAFETY: the size is not 0.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start) else { handle_alloc_error(layout) };
        Self { start, size: narrow(size), align: narrow(align) }
    }

    /// The size that was asked for.
    #[inline]
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size as usize
    }

    /// The numbers of the first and the last page it lies in.
    #[must_use]
    pub fn pages(&self) -> (usize, usize) {
        let start = self.start.addr().get();
        (start / PAGE, (start + self.size() - 1) / PAGE)
    }

    /// Writes the first byte, and one in each further page the block reaches into.
    #[inline]
    pub fn touch(&self) {
        let size = self.size();
        self.write(0);
        if size >= PAGE {
            for offset in (PAGE..size).step_by(PAGE) {
                self.write(offset);
            }
            self.write(size - 1);
        }
    }

    /// Gives the block back.
    #[inline]
    pub fn free(self) {
        // SAFETY: both numbers come from the valid layout the block was allocated with.
        let layout = unsafe { Layout::from_size_align_unchecked(self.size(), self.align as usize) };
        // SAFETY: the block came from this allocator with this layout, and `self` is gone afterwards.
        unsafe { dealloc(self.start.as_ptr(), layout) };
    }

    /// Writes one byte, in a way the compiler keeps although the block is freed unread.
    #[inline]
    fn write(&self, offset: usize) {
        debug_assert!(offset < self.size());
        // SAFETY: the offset lies in the block.
        let place = unsafe { self.start.add(offset) };
        // SAFETY: the place is allocated, writable and owned through `self`.
        unsafe { place.write_volatile(1) };
    }
}

#[inline]
#[expect(
    clippy::cast_possible_truncation,
    reason = "`untouched` checks the size, and an alignment is smaller"
)]
const fn narrow(number: usize) -> u32 {
    number as u32
}

// SAFETY: a block may be freed by any thread, and `self` is its only owner.
unsafe impl Send for Block {}
