//! The numbers of slabs, and the table of their records.
//!
//! Numbers are dense, so that the records of a heap fill few lines and pages. All of this belongs to the lock of the
//! runs: a slab comes and goes together with its run.

use core::fmt;

use super::Slab;
use crate::region::{Placed, Table, Zone};
use crate::runs::RunsGuard;
use crate::sync::Word32;

/// What the header holds of the slabs' numbers.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct SlabsState {
    /// Numbers below this have been used.
    pub(crate) high: Word32,
    /// First of the numbers given back, linked by the records' `next`; as one more, 0 for none.
    pub(crate) spare: Word32,
}

/// The records of all slabs.
pub(crate) struct Slabs {
    state: Placed<SlabsState>,
    table: Table<Slab>,
}

impl Slabs {
    pub(crate) fn new(state: Placed<SlabsState>, table: Table<Slab>) -> Self {
        Self { state, table }
    }

    #[inline]
    pub(crate) fn at(&self, id: u32) -> &Slab {
        self.table.at(id as usize)
    }

    /// The records of all numbers that have been used: to look up many at once.
    #[inline]
    pub(crate) fn used(&self) -> &[Slab] {
        self.table.first(self.high() as usize)
    }

    /// Numbers below this have been used.
    pub(crate) fn high(&self) -> u32 {
        self.state.high.get()
    }

    /// The first spare number, as one more; 0 for none.
    pub(crate) fn spare(&self) -> u32 {
        self.state.spare.get()
    }

    /// How many slabs there is room for.
    pub(crate) fn room(&self) -> usize {
        self.table.len()
    }

    /// The number that the next slab gets, with room in the table for its record.
    pub(super) fn next_id(&self, runs: &RunsGuard<'_>) -> Option<u32> {
        if let Some(spare) = self.state.spare.get().checked_sub(1) {
            return Some(spare);
        }
        let id = self.state.high.get();
        let entries = id as usize + 1;
        if entries > self.table.len() {
            return None;
        }
        runs.region().ensure(Zone::Slabs, entries * size_of::<Slab>()).ok()?;
        Some(id)
    }

    /// Takes the number that [`Slabs::next_id`] named.
    pub(super) fn take_id(&self, id: u32) {
        if self.state.spare.get() == id + 1 {
            self.state.spare.set(self.at(id).next.get());
        } else {
            self.state.high.set(id + 1);
        }
    }

    /// Gives back the number of a slab that is closed.
    pub(super) fn give_id(&self, id: u32) {
        self.at(id).next.set(self.state.spare.get());
        self.state.spare.set(id + 1);
    }
}

impl fmt::Debug for Slabs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slabs({} used)", self.high())
    }
}
