//! A strip: blocks in a row that lie one after the other, upward or downward.
//!
//! What is allocated together is often freed together, and then a strip goes back in one step.

use super::Slab;
use crate::units::{SlabShape, low32};

/// How many blocks, and which way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strip {
    len: usize,
    down: bool,
}

impl Strip {
    /// The strip with which a row of `row` blocks begins, at least one; `position` tells where a block of the row lies.
    #[inline]
    pub(super) fn first_of(row: usize, stride: u32, position: impl Fn(usize) -> u64) -> Self {
        let step = |at: usize| position(at).wrapping_sub(position(at - 1));
        let up = u64::from(stride);
        if row < 2 || (step(1) != up && step(1) != up.wrapping_neg()) {
            return Self { len: 1, down: false };
        }
        let first = step(1);
        let len = (2..row).find(|at| step(*at) != first).unwrap_or(row);
        Self { len, down: first != up }
    }

    #[inline]
    pub(super) fn len(self) -> usize {
        self.len
    }

    /// Marks the blocks of a slab free, of which the first has this number; `false`, and no change, where one of them is
    /// free already, or outside of the slab's blocks.
    #[inline]
    pub(super) fn set_free(self, slab: &Slab, shape: &SlabShape, number: u32) -> bool {
        if self.len == 1 {
            return slab.set_one_free(number);
        }
        let len = low32(self.len);
        let first = if self.down { number.wrapping_sub(len - 1) } else { number };
        first <= number && first + len <= shape.blocks && slab.set_free(first, len)
    }
}
