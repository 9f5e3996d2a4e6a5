//! Bytes whose address is a multiple of the block: what can be written past the page cache.
//!
//! 1. Every byte was zero or written by the owner: growing adds zeros, and nothing is ever cleared for reuse.

use super::storage::BLOCK;

/// One block, where it must lie.
#[derive(Clone)]
#[repr(C, align(4096))]
struct Block([u8; BLOCK]);

const _: () = assert!(size_of::<Block>() == BLOCK && align_of::<Block>() == BLOCK);

/// A buffer of whole blocks that grows and is used again.
#[derive(Default)]
pub(crate) struct AlignedBuffer {
    blocks: Vec<Block>,
}

impl AlignedBuffer {
    pub(crate) const fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.len() * BLOCK
    }

    /// All of it, made at least `bytes` long.
    pub(crate) fn reach(&mut self, bytes: usize) -> &mut [u8] {
        let blocks = bytes.div_ceil(BLOCK);
        if blocks > self.blocks.len() {
            self.blocks.resize(blocks.max(self.blocks.len() * 2), Block([0; BLOCK]));
        }
        self.bytes_mut()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the blocks are `len` initialised bytes without padding, in one allocation that this borrow keeps.
        unsafe { core::slice::from_raw_parts(self.blocks.as_ptr().cast::<u8>(), self.len()) }
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let len = self.len();
        // SAFETY: as above, and the borrow is unique; any bytes are a block.
        unsafe { core::slice::from_raw_parts_mut(self.blocks.as_mut_ptr().cast::<u8>(), len) }
    }
}

/// A block of zeros.
pub(crate) fn zero_block() -> &'static [u8] {
    static ZERO: Block = Block([0; BLOCK]);
    &ZERO.0
}

impl core::fmt::Debug for AlignedBuffer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("AlignedBuffer").field("len", &self.len()).finish()
    }
}
