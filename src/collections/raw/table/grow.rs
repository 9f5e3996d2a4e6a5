//! Room for more entries: a new block, to which all of them move.

use core::alloc::Layout;

use super::{LEAST, RawTable, block_layout, capacity};
use crate::collections::raw::group::{EMPTY, WIDTH, tag};
use crate::collections::raw::{At, count};
use crate::handle::AllocError;
use crate::typed::HeapType;

/// How many buckets so many entries need.
fn buckets_for(entries: usize) -> Result<usize, AllocError> {
    if entries < 8 {
        return Ok(if entries < LEAST { LEAST } else { 8 });
    }
    let least = entries.checked_mul(8).ok_or(AllocError)? / 7;
    least.checked_next_power_of_two().ok_or(AllocError)
}

impl RawTable {
    /// Makes room for `additional` more entries.
    ///
    /// # Errors
    /// [`AllocError`]: nothing was changed.
    ///
    /// # Safety
    /// `bucket` is the layout of the buckets, and `hash` the hash of the entry in one.
    #[cold]
    #[inline(never)]
    pub(in crate::collections) unsafe fn reserve<H: HeapType>(
        &mut self,
        additional: usize,
        bucket: Layout,
        hash: &dyn Fn(*const u8) -> u64,
        heap: H,
    ) -> Result<(), AllocError> {
        if additional <= count(self.left) {
            return Ok(());
        }
        let needed = self.len().checked_add(additional).ok_or(AllocError)?;
        let full = if self.ctrl.is_none() { 0 } else { capacity(self.buckets()) };
        // Where most of the others are deleted, a table of the same size without these will do.
        let entries = if needed <= full / 2 { full } else { needed.max(full + 1) };
        // SAFETY: the caller's promise.
        unsafe { self.rebuild(entries, bucket, hash, heap) }
    }

    /// Moves all entries to a new table with room for at least `entries`, or to none for 0.
    ///
    /// # Errors
    /// [`AllocError`]: nothing was changed.
    ///
    /// # Safety
    /// As for [`reserve`](Self::reserve); `entries` is no less than there are.
    pub(in crate::collections) unsafe fn rebuild<H: HeapType>(
        &mut self,
        entries: usize,
        bucket: Layout,
        hash: &dyn Fn(*const u8) -> u64,
        heap: H,
    ) -> Result<(), AllocError> {
        let mut new = Owned { table: Self::new(self.seed), bucket, heap };
        if entries > 0 {
            new.table.supply(buckets_for(entries)?, bucket, heap)?;
        }
        let (size, from) = (bucket.size(), self.ctrl(heap));
        for index in self.indices(heap) {
            let entry = from.wrapping_sub((index + 1) * size);
            let hash = hash(entry);
            let index = new.table.free(hash, heap);
            let ctrl = new.table.ctrl(heap);
            // SAFETY: the bucket is a free one of the new block.
            unsafe { ctrl.wrapping_sub((index + 1) * size).copy_from_nonoverlapping(entry, size) };
            for index in [index, new.table.repeated(index)] {
                // SAFETY: the block has a byte for each bucket, and 16 more.
                unsafe { ctrl.wrapping_add(index).write(tag(hash)) };
            }
        }
        new.table.items = self.items;
        new.table.left -= self.items;
        core::mem::swap(self, &mut new.table);
        Ok(())
    }

    /// A block for so many buckets, all of them empty.
    fn supply<H: HeapType>(&mut self, buckets: usize, bucket: Layout, heap: H) -> Result<(), AllocError> {
        let (layout, ctrl) = block_layout(buckets, bucket).ok_or(AllocError)?;
        let block = heap.allocate(layout)?;
        let ctrl = block.as_ptr().wrapping_add(ctrl);
        // SAFETY: the block has a byte for each bucket from there on, and 16 more.
        unsafe { ctrl.write_bytes(EMPTY, buckets + WIDTH) };
        self.ctrl = At::of(ctrl, heap);
        self.mask = (buckets - 1) as u64;
        self.left = capacity(buckets) as u64;
        Ok(())
    }
}

/// A table whose block nobody else has: it goes with the value.
struct Owned<H: HeapType> {
    table: RawTable,
    bucket: Layout,
    heap: H,
}

impl<H: HeapType> Drop for Owned<H> {
    fn drop(&mut self) {
        // SAFETY: what is in the block was not moved there for good, or was moved away.
        unsafe { self.table.release(self.bucket, self.heap) };
    }
}
