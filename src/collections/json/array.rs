//! Elements of arrays.

use super::cell::{Held, layout};
use super::{JsonError, Kind, PJson};
use crate::collections::raw::note;
use crate::handle::AllocError;
use crate::typed::HeapType;

impl<H: HeapType> PJson<H> {
    pub(super) fn demand(&self, expected: Kind) -> Result<(), JsonError> {
        let found = self.kind();
        if found == expected { Ok(()) } else { Err(JsonError::Kind { found, expected }) }
    }

    /// The element at `index`, if this is an array.
    #[inline]
    pub fn at(&self, index: usize) -> Option<&Self> {
        self.elements()?.get(index)
    }

    /// The element at `index`, which counts as changed.
    pub fn at_mut(&mut self, index: usize) -> Option<&mut Self> {
        if !self.is_array() || index >= self.len() {
            return None;
        }
        Some(self.cell_mut(index))
    }

    /// The value in a container at an index that it has, which counts as changed.
    pub(super) fn cell_mut(&mut self, index: usize) -> &mut Self {
        note(self.heap, self.slot(index), 1);
        &mut self.cells_mut()[index]
    }

    /// The elements, all of which count as changed, if this is an array.
    pub fn elements_mut(&mut self) -> Option<&mut [Self]> {
        if !self.is_array() {
            return None;
        }
        note(self.heap, self.slot(0), self.len());
        Some(self.cells_mut())
    }

    /// Makes room for `additional` more elements.
    fn reserve_elements(&mut self, additional: usize) -> Result<(), AllocError> {
        if self.room() >= additional {
            return Ok(());
        }
        let (held, tag, heap) = (self.cell.held(), self.cell.tag(), self.heap);
        let cap = self.amortized(additional)?;
        let new = layout(tag, cap)?;
        let block = if let (Some(block), true) = (core::ptr::NonNull::new(self.place(held.at)), held.cap > 0)
        {
            // SAFETY: the block is this array's, and was allocated for `cap` cells.
            unsafe { heap.reallocate(block, layout(tag, held.cap)?, new) }?
        } else {
            heap.allocate(new)?
        };
        let at = (block.addr().get() - heap.base().addr().get()) as u64;
        self.set_held(Held { at, cap, ..held });
        Ok(())
    }

    /// Appends an element to an array.
    ///
    /// # Errors
    /// [`JsonError::Kind`] where this is none, [`JsonError::NoMemory`]; the value is dropped then.
    pub fn push(&mut self, value: Self) -> Result<(), JsonError> {
        self.insert_at(self.len(), value)
    }

    /// Puts an element before the one at `index` of an array, or behind the last.
    ///
    /// # Errors
    /// [`JsonError::Kind`] where this is none, [`JsonError::Nothing`] for an index beyond its length, [`JsonError::NoMemory`]; the
    /// value is dropped then.
    pub fn insert_at(&mut self, index: usize, value: Self) -> Result<(), JsonError> {
        self.demand(Kind::Array)?;
        let len = self.len();
        if index > len {
            return Err(JsonError::Nothing { token: index.to_string(), len });
        }
        self.reserve_elements(1)?;
        let slot = self.slot(index);
        note(self.heap, slot, len + 1 - index);
        // SAFETY: there is room for one more behind those that move.
        unsafe { slot.copy_to(slot.wrapping_add(1), len - index) };
        // SAFETY: what was there has moved.
        unsafe { slot.write(value) };
        self.set_held(Held { len: len + 1, ..self.cell.held() });
        Ok(())
    }

    /// Takes the element at `index` out of an array; those behind it move up.
    pub fn remove_at(&mut self, index: usize) -> Option<Self> {
        if !self.is_array() || index >= self.len() {
            return None;
        }
        Some(self.take_cell(index))
    }

    /// Takes a value out of a container that has it, whose others move up.
    pub(super) fn take_cell(&mut self, index: usize) -> Self {
        let held = self.cell.held();
        let slot = self.slot(index);
        note(self.heap, slot, held.len - index);
        // SAFETY: a value of the container, which belongs to the caller from here on.
        let value = unsafe { slot.read() };
        // SAFETY: those behind it are values of the same block.
        unsafe { slot.wrapping_add(1).copy_to(slot, held.len - index - 1) };
        self.set_held(Held { len: held.len - 1, ..held });
        value
    }

    /// Puts a value behind the others of a container that has room.
    pub(super) fn append_cell(&mut self, value: Self) {
        let held = self.cell.held();
        debug_assert!(held.len < held.cap);
        let slot = self.slot(held.len);
        note(self.heap, slot, 1);
        // SAFETY: callers made room.
        unsafe { slot.write(value) };
        self.set_held(Held { len: held.len + 1, ..held });
    }
}
