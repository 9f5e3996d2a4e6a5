//! Finding things again: places that mean the same wherever a heap is mapped, and the one that a program begins with.

use core::ptr::NonNull;

use super::Heap;
use crate::units::Offset;

impl Heap {
    /// Where an address lies in the heap; `None` outside of the pages that can hold blocks.
    ///
    /// The offset means the same in every later run, and in every copy of the heap.
    pub fn offset_of(&self, address: NonNull<u8>) -> Option<Offset> {
        self.core_of(address.as_ptr().addr()).offset_of(address)
    }

    /// The address at this offset, as long as the heap is open; `None` outside of the pages that can hold blocks.
    ///
    /// ```
    /// # let heap = outlive::Heap::in_memory()?;
    /// let block = heap.allocate(std::alloc::Layout::new::<u64>()).unwrap();
    /// let offset = heap.offset_of(block).unwrap();
    /// assert_eq!(heap.at(offset), Some(block));
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn at(&self, offset: Offset) -> Option<NonNull<u8>> {
        self.parts().find_map(|core| core.at(offset))
    }

    /// The block from which a program finds everything else: what [`Heap::set_root`] said last, in this run or before the
    /// last commit of another.
    pub fn root(&self) -> Option<NonNull<u8>> {
        self.at(Offset::new(self.core().root().get())?)
    }

    /// Names the block that [`Heap::root`] finds. In a file it counts from the next commit on, like everything else.
    ///
    /// An address outside of the heap names none.
    pub fn set_root(&self, block: Option<NonNull<u8>>) {
        let offset = block.and_then(|block| self.offset_of(block));
        self.core().root().set(offset.map_or(0, Offset::get));
    }
}
