//! What a heap should hold: its blocks, where they lie, and what is in them.
//!
//! Blocks are known by their distance from the region's base, for the heap may lie at another address when it is opened
//! again. How long a block is and what it holds is what the program asked for and wrote, not what the heap says.
//! Blocks of both kinds of memory are treated alike, but that writes to tracked ones are noted.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::Arc;

use crate::durable::planted::Planted;
use crate::handle::Heap;

/// A block, as its owner knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) layout: Layout,
    pub(super) content: Arc<[u8]>,
}

/// All blocks, by their distances from the base.
pub(super) type Blocks = BTreeMap<u64, Block>;

/// A heap that tests work on by distances from its base.
#[derive(Debug)]
pub(super) struct Held(pub(super) Heap);

impl Held {
    fn address(&self, offset: u64) -> NonNull<u8> {
        let base = self.0.core().region().base().as_ptr();
        NonNull::new(base.wrapping_add(usize::try_from(offset).unwrap())).unwrap()
    }

    fn offset(&self, block: NonNull<u8>) -> u64 {
        self.0.core().region().offset_of(block.as_ptr().addr())
    }

    /// Whether a block is one of the tracked ones.
    fn is_tracked(&self, offset: u64) -> bool {
        self.0.tracked_core().region().locate(self.address(offset).as_ptr().addr()).is_some()
    }

    /// A block that holds `content`; a zeroed one is not written if its content is zeros.
    pub(super) fn take(&self, layout: Layout, content: &[u8], zeroed: bool, tracked: bool) -> Option<u64> {
        let found = match (tracked, zeroed) {
            (false, false) => self.0.allocate(layout),
            (false, true) => self.0.allocate_zeroed(layout),
            (true, false) => self.0.tracked().allocate(layout),
            (true, true) => self.0.tracked().allocate_zeroed(layout),
        };
        let offset = self.offset(found.ok()?);
        if !zeroed {
            self.write(offset, 0, content);
        }
        Some(offset)
    }

    /// Writes into a block, from its byte `at` on.
    pub(super) fn write(&self, offset: u64, at: usize, bytes: &[u8]) {
        let place = self.address(offset).as_ptr().wrapping_add(at);
        if self.is_tracked(offset) && !(Planted::NoteForgotten.is_there() && at % 3 == 2) {
            self.0.tracked().note(place, bytes.len());
        }
        // SAFETY: the caller's program has allocated the block, and it is at least so long.
        unsafe { place.copy_from(bytes.as_ptr(), bytes.len()) };
    }

    pub(super) fn give(&self, offset: u64, layout: Layout) {
        let block = self.address(offset);
        if self.is_tracked(offset) {
            // SAFETY: the caller's program has allocated the block with this layout, and forgets it now.
            unsafe { self.0.tracked().deallocate(block, layout) };
        } else {
            // SAFETY: as above.
            unsafe { self.0.deallocate(block, layout) };
        }
    }

    /// Makes a block longer or shorter; says where it is now.
    pub(super) fn resize(&self, offset: u64, old: Layout, new: Layout) -> Option<u64> {
        let block = self.address(offset);
        let moved = if self.is_tracked(offset) {
            // SAFETY: the caller's program has allocated the block with layout `old`, and uses what comes back.
            unsafe { self.0.tracked().reallocate(block, old, new) }
        } else {
            // SAFETY: as above.
            unsafe { self.0.reallocate(block, old, new) }
        };
        moved.ok().map(|block| self.offset(block))
    }

    fn bytes(&self, offset: u64, len: usize) -> &[u8] {
        // SAFETY: a block of the heap, at least so long; nobody writes while a test compares.
        unsafe { std::slice::from_raw_parts(self.address(offset).as_ptr(), len) }
    }

    /// Whether the heap is in order and holds these blocks, this content, and no other block.
    pub(super) fn compare(&self, blocks: &Blocks) -> Result<(), String> {
        let report = self.0.check();
        if !report.is_clean() {
            return Err(format!("the checker found: {report}"));
        }
        let (mut wrong, mut seen) = (None, 0);
        self.0.for_each_block(|_, info| {
            seen += 1;
            let offset = info.offset.get();
            let found = match blocks.get(&offset) {
                None => Some(format!("a block of {} bytes that nobody has, at {offset:#x}", info.size)),
                Some(block) if info.size < block.layout.size() => {
                    Some(format!("a block of {} bytes at {offset:#x}, not {:?}", info.size, block.layout))
                }
                Some(block) => self.differs(offset, block),
            };
            wrong = wrong.take().or(found);
        });
        match wrong {
            Some(wrong) => Err(wrong),
            None if seen != blocks.len() => {
                Err(format!("{seen} blocks where there should be {}", blocks.len()))
            }
            None => Ok(()),
        }
    }

    fn differs(&self, offset: u64, block: &Block) -> Option<String> {
        let bytes = self.bytes(offset, block.content.len());
        if *bytes == *block.content {
            return None;
        }
        let at = bytes.iter().zip(&*block.content).position(|(found, expected)| found != expected)?;
        Some(format!(
            "{:#x} and not {:#x} in byte {at} of {:?} at {offset:#x}",
            bytes[at], block.content[at], block.layout
        ))
    }
}
