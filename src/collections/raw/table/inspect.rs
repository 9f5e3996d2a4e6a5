//! Bytes that are to be a table.

use core::alloc::Layout;

use super::{LEAST, RawTable, block_layout, capacity};
use crate::collections::raw::group::{DELETED, EMPTY, WIDTH, is_full};
use crate::typed::{Fault, Inspector};

impl RawTable {
    /// Finds fault with bytes that are to be a table, and calls `act` with each row of neighbouring buckets in use: their lowest
    /// address and their number.
    ///
    /// # Errors
    /// [`Fault`].
    pub(in crate::collections) fn inspect(
        &self,
        bucket: Layout,
        inspector: &mut Inspector<'_>,
        mut act: impl FnMut(&mut Inspector<'_>, *const u8, usize),
    ) -> Result<(), Fault> {
        if self.ctrl.is_none() {
            let nothing = self.mask == 0 && self.left == 0 && self.items == 0;
            return if nothing { Ok(()) } else { Err(inspector.fault(self, "entries without a block")) };
        }
        let buckets = usize::try_from(self.mask).ok().and_then(|mask| mask.checked_add(1));
        let buckets = buckets.filter(|buckets| buckets.is_power_of_two() && *buckets >= LEAST);
        let shape = buckets.and_then(|buckets| Some((buckets, block_layout(buckets, bucket)?)));
        let Some((buckets, (layout, distance))) = shape else {
            return Err(inspector.fault(self, format!("a table with the mask {:#x}", self.mask)));
        };
        let start = self.ctrl.get().saturating_sub(distance as u64);
        let block = inspector.own(self, start, layout)?;
        let ctrl = block.as_ptr().wrapping_add(distance).cast_const();
        // SAFETY: the block has as many bytes there.
        let bytes = unsafe { core::slice::from_raw_parts(ctrl, buckets + WIDTH) };
        let repeated = |index: usize| bytes[self.repeated(index)] == bytes[index];
        let between = bytes.get(buckets..WIDTH).unwrap_or_default();
        let full = bytes[..buckets].iter().filter(|byte| is_full(**byte)).count();
        let free = bytes[..buckets].iter().filter(|byte| **byte == EMPTY).count();
        let deleted = bytes[..buckets].iter().filter(|byte| **byte == DELETED).count();
        let sound = (0..buckets).all(repeated)
            && between.iter().all(|byte| *byte == EMPTY)
            && full + free + deleted == buckets
            && full as u64 == self.items
            && (full + deleted) as u64 + self.left == capacity(buckets) as u64;
        if !sound {
            return Err(inspector.fault(self, "control bytes that do not fit the numbers of the table"));
        }
        let mut rows = bytes[..buckets].chunk_by(|a, b| is_full(*a) == is_full(*b));
        let mut index = 0;
        rows.by_ref().for_each(|row| {
            index += row.len();
            if is_full(row[0]) {
                act(inspector, ctrl.wrapping_sub(index * bucket.size()), row.len());
            }
        });
        Ok(())
    }
}
