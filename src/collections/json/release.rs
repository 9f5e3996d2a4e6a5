//! The end of a value, however deep it is: without recursion, and without memory.
//!
//! The last cell of a container is taken out of it again and again. Where that is a container itself, the walk goes down into it;
//! the place that it leaves behind takes the cell of the container above, which leads back:
//!
//! ```text
//! above's block: a b c | link to what is above it, at the place `len`
//! current's block: d e f
//! ```
//!
//! A link is read when the walk comes back to the container in whose block it lies, whose `len` is then what it was.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::PJson;
use super::cell::{Cell, Held, Tag, layout};
use crate::collections::raw::note;
use crate::typed::HeapType;

impl<H: HeapType> PJson<H> {
    /// Gives a container's block back.
    ///
    /// # Safety
    /// What was in it was dropped or has moved, and the value is used no more.
    pub(super) unsafe fn free_block(self) {
        let this = core::mem::ManuallyDrop::new(self);
        let held = this.cell.held();
        if held.cap > 0
            && let Some(block) = NonNull::new(this.place(held.at))
            && let Ok(layout) = layout(this.cell.tag(), held.cap)
        {
            // SAFETY: allocated with this layout, as the cell says.
            unsafe { this.heap.deallocate(block, layout) };
        }
    }

    /// Gives the block of long text back.
    ///
    /// # Safety
    /// The value is one, and is used no more.
    unsafe fn free_text(&self) {
        if let (Some(block), Ok(layout)) =
            (NonNull::new(self.place(self.cell.low())), Layout::from_size_align(self.cell.len(), 1))
        {
            // SAFETY: allocated with this layout, as the cell says.
            unsafe { self.heap.deallocate(block, layout) };
        }
    }

    /// Takes the last cell out of a container that has one, and drops its name.
    fn pop_cell(&mut self) -> Cell {
        let held = self.cell.held();
        let last = held.len - 1;
        if self.is_object() {
            // SAFETY: the last name, which is not counted any more.
            unsafe { self.name_slot(last).drop_in_place() };
        }
        self.cell = Cell::container(self.cell.tag(), Held { len: last, ..held });
        // SAFETY: a cell of the container.
        unsafe { self.slot(last).cast::<Cell>().read() }
    }

    /// Frees a container and all that is below it.
    ///
    /// # Safety
    /// The value is used no more.
    unsafe fn free_tree(cell: Cell, heap: H) {
        let here = |cell| core::mem::ManuallyDrop::new(Self::of(cell, heap));
        let (mut current, mut above) = (here(cell), Cell::NULL);
        loop {
            if current.cell.held().len > 0 {
                let child = here(current.pop_cell());
                if child.cell.tag().is_container() && child.cell.held().cap > 0 {
                    let link = current.slot(current.cell.held().len).cast::<Cell>();
                    note(heap, link, 1);
                    // SAFETY: the place that the child has left.
                    unsafe { link.write(above) };
                    above = current.cell;
                    current = child;
                } else if child.cell.tag().is_long() {
                    // SAFETY: nobody has the child any more.
                    unsafe { child.free_text() };
                }
                continue;
            }
            // SAFETY: all that was in it is gone.
            unsafe { Self::of(current.cell, heap).free_block() };
            if above == Cell::NULL {
                return;
            }
            current = here(above);
            // SAFETY: written when the walk went down from there; its length has not changed since.
            above = unsafe { current.slot(current.cell.held().len).cast::<Cell>().read() };
        }
    }
}

impl<H: HeapType> Drop for PJson<H> {
    #[inline]
    fn drop(&mut self) {
        let tag: Tag = self.cell.tag();
        if tag.is_container() {
            // SAFETY: the value goes.
            unsafe { Self::free_tree(self.cell, self.heap) };
        } else if tag.is_long() {
            // SAFETY: the value goes.
            unsafe { self.free_text() };
        }
    }
}
