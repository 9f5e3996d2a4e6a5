//! Members of objects.
//!
//! Invariants of an object with an index, which is one with room for more than [`SMALL`] members:
//! 1. Its first `len` places are each of the numbers below `len` once.
//! 2. The names at these places are in ascending order.
//!
//! An object that is being built has no index yet, and is not searched: [`PJson::sort_places`] ends that.

use core::slice;

use super::cell::{Held, MOST, SMALL, Tag, names_at, places_at};
use super::names::Name;
use super::{JsonError, Kind, MembersMut, Names, PJson};
use crate::collections::raw::note;
use crate::handle::AllocError;
use crate::typed::HeapType;

/// An index as it is kept.
#[allow(clippy::cast_possible_truncation, reason = "there are less than 2^28 members")]
fn place(index: usize) -> u32 {
    debug_assert!(index <= MOST);
    index as u32
}

impl<H: HeapType> PJson<H> {
    /// Where the name of member `index` is, or would be.
    #[inline]
    pub(super) fn name_slot(&self, index: usize) -> *mut Name<H> {
        let held = self.cell.held();
        #[allow(clippy::cast_ptr_alignment, reason = "the names follow the cells")]
        self.place(held.at).wrapping_add(names_at(held.cap)).cast::<Name<H>>().wrapping_add(index)
    }

    /// Where place `index` of the index is, or would be.
    fn place_slot(&self, index: usize) -> *mut u32 {
        let held = self.cell.held();
        #[allow(clippy::cast_ptr_alignment, reason = "the places follow the names")]
        self.place(held.at).wrapping_add(places_at(held.cap)).cast::<u32>().wrapping_add(index)
    }

    /// The names of an object's members.
    #[inline]
    pub(super) fn names(&self) -> &[Name<H>] {
        debug_assert!(self.is_object());
        // SAFETY: the first `len` names of an object are there, and borrowed with it.
        unsafe { slice::from_raw_parts(self.name_slot(0), self.cell.held().len) }
    }

    fn is_indexed(&self) -> bool {
        self.cell.held().cap > SMALL
    }

    /// The places of an object with an index.
    fn places(&self) -> &[u32] {
        debug_assert!(self.is_indexed());
        // SAFETY: the first `len` places were written, and are borrowed with the object.
        unsafe { slice::from_raw_parts(self.place_slot(0), self.cell.held().len) }
    }

    /// The same to be changed, all of them.
    fn places_mut(&mut self) -> &mut [u32] {
        debug_assert!(self.is_indexed());
        let len = self.cell.held().len;
        note(self.heap, self.place_slot(0), len);
        // SAFETY: as for `places`, and borrowed alone; any number is one.
        unsafe { slice::from_raw_parts_mut(self.place_slot(0), len) }
    }

    /// Where a name is in the index of an object that has one, or where it would be.
    fn rank(&self, name: &str) -> Result<usize, usize> {
        let names = self.names();
        self.places().binary_search_by(|place| names[*place as usize].as_str().cmp(name))
    }

    /// The index of the member of this name, if this is an object that has it.
    #[inline]
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        if !self.is_object() {
            return None;
        }
        if self.is_indexed() {
            return self.rank(name).ok().map(|rank| self.places()[rank] as usize);
        }
        self.names().iter().position(|other| other.as_str() == name)
    }

    /// The value of the member of this name, if this is an object that has it.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.find(name).map(|index| &self.cells()[index])
    }

    /// The value of the member of this name, which counts as changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Self> {
        let index = self.find(name)?;
        Some(self.cell_mut(index))
    }

    /// The members, whose values count as changed when they come, if this is an object.
    pub fn members_mut(&mut self) -> Option<MembersMut<'_, H>> {
        if self.is_object() { Some(MembersMut::new(self)) } else { None }
    }

    /// Gives a member a value, and returns the one that it had. A new member comes last.
    ///
    /// # Errors
    /// [`JsonError::Kind`] where this is no object, [`JsonError::NoMemory`]; the value is dropped then.
    pub fn insert(
        &mut self,
        name: &str,
        value: Self,
        names: &mut Names<H>,
    ) -> Result<Option<Self>, JsonError> {
        self.demand(Kind::Object)?;
        if let Some(index) = self.find(name) {
            return Ok(Some(core::mem::replace(self.cell_mut(index), value)));
        }
        self.reserve_members(1)?;
        let name = names.intern(name, self.heap)?;
        self.append(name, value);
        Ok(None)
    }

    /// Takes a member out of an object that has it; those behind it move up.
    pub fn remove(&mut self, name: &str) -> Option<Self> {
        let index = self.find(name)?;
        let len = self.len();
        if self.is_indexed() {
            self.forget_place(index);
        }
        let slot = self.name_slot(index);
        note(self.heap, slot, len - index);
        // SAFETY: an owner of a name, which is not used any more where it was.
        let name = unsafe { slot.read() };
        // SAFETY: those behind it are names of the same block.
        unsafe { slot.wrapping_add(1).copy_to(slot, len - index - 1) };
        let value = self.take_cell(index);
        drop(name);
        Some(value)
    }

    /// Takes the place of a member that goes out of the index; those behind it have one less.
    fn forget_place(&mut self, index: usize) {
        let gone = place(index);
        let places = self.places_mut();
        let rank = places.iter().position(|place| *place == gone).unwrap_or(places.len() - 1);
        places.copy_within(rank + 1.., rank);
        places.iter_mut().filter(|place| **place > gone).for_each(|place| *place -= 1);
    }

    /// Makes room for `additional` more members.
    pub(super) fn reserve_members(&mut self, additional: usize) -> Result<(), AllocError> {
        if self.room() >= additional {
            return Ok(());
        }
        let (heap, held) = (self.heap, self.cell.held());
        let new = Self::with_room(Tag::OBJECT, self.amortized(additional)?, heap)?;
        // The members have moved when this goes, and so it owns nothing.
        let mut new = core::mem::ManuallyDrop::new(new);
        // SAFETY: the new block has room for more.
        unsafe { new.slot(0).copy_from_nonoverlapping(self.slot(0), held.len) };
        // SAFETY: as above.
        unsafe { new.name_slot(0).copy_from_nonoverlapping(self.name_slot(0), held.len) };
        if self.is_indexed() {
            // SAFETY: as above, since the larger of the two has an index if the smaller has.
            unsafe { new.place_slot(0).copy_from_nonoverlapping(self.place_slot(0), held.len) };
        }
        let was_indexed = self.is_indexed();
        let grown = Held { len: held.len, ..new.cell.held() };
        new.set_held(grown);
        if new.is_indexed() && !was_indexed {
            new.sort_places();
        }
        let old = Self::of(self.cell, heap);
        self.set_held(new.cell.held());
        // SAFETY: its members have moved.
        unsafe { old.free_block() };
        Ok(())
    }

    /// Puts a member behind the others of an object that has room, and has none of this name.
    pub(super) fn append(&mut self, name: Name<H>, value: Self) {
        if self.is_indexed() {
            let (len, Ok(rank) | Err(rank)) = (self.len(), self.rank(name.as_str()));
            let slot = self.place_slot(rank);
            note(self.heap, slot, len + 1 - rank);
            // SAFETY: there is room for one more behind those that move.
            unsafe { slot.copy_to(slot.wrapping_add(1), len - rank) };
            // SAFETY: what was there has moved.
            unsafe { slot.write(place(len)) };
        }
        self.append_unsorted(name, value);
    }

    /// The same without the index.
    #[inline]
    pub(super) fn append_unsorted(&mut self, name: Name<H>, value: Self) {
        let slot = self.name_slot(self.cell.held().len);
        note(self.heap, slot, 1);
        // SAFETY: callers made room.
        unsafe { slot.write(name) };
        self.append_cell(value);
    }

    /// Moves values into a new container with room for just these, and for an object their names: those from so many on.
    pub(super) fn fill(
        &mut self,
        values: &mut Vec<Self>,
        first: usize,
        names: &mut Vec<Name<H>>,
        first_name: usize,
    ) {
        let held = self.cell.held();
        let moved = &values[first..];
        assert!(held.len == 0 && held.cap == moved.len(), "a new container with just the room");
        // SAFETY: the block has room for just as many. It is new, and counts as noted.
        unsafe { self.slot(0).copy_from_nonoverlapping(moved.as_ptr(), held.cap) };
        if self.is_object() {
            let moved = &names[first_name..];
            assert_eq!(held.cap, moved.len(), "a name for each value");
            // SAFETY: as above.
            unsafe { self.name_slot(0).copy_from_nonoverlapping(moved.as_ptr(), held.cap) };
            // SAFETY: those behind have moved.
            unsafe { names.set_len(first_name) };
        }
        // SAFETY: those behind have moved.
        unsafe { values.set_len(first) };
        self.set_held(Held { len: held.cap, ..held });
        if self.is_object() {
            self.sort_places();
        }
    }

    /// Makes the index anew, if there is one.
    pub(super) fn sort_places(&mut self) {
        if !self.is_indexed() {
            return;
        }
        let mut places: Vec<u32> = (0..self.len()).map(place).collect();
        let names = self.names();
        places.sort_unstable_by(|one, other| {
            names[*one as usize].as_str().cmp(names[*other as usize].as_str())
        });
        note(self.heap, self.place_slot(0), places.len());
        // SAFETY: the block has a place for each member.
        unsafe { self.place_slot(0).copy_from_nonoverlapping(places.as_ptr(), places.len()) };
    }

    /// Keeps the members whose index and value fit the condition, in their order.
    pub(super) fn retain_members(&mut self, mut keep: impl FnMut(usize, &Self) -> bool) {
        let len = self.len();
        let kept: Vec<bool> =
            self.cells().iter().enumerate().map(|(index, value)| keep(index, value)).collect();
        let Some(first) = kept.iter().position(|kept| !kept) else { return };
        note(self.heap, self.slot(first), len - first);
        note(self.heap, self.name_slot(first), len - first);
        let mut next = first;
        for (index, _) in kept.iter().enumerate().skip(first).filter(|(_, kept)| **kept) {
            self.swap_members(next, index);
            next += 1;
        }
        // Those that go are behind the others now.
        for index in next..len {
            // SAFETY: a member that is not counted any more when this is over; nothing in between can panic.
            unsafe { self.slot(index).drop_in_place() };
            // SAFETY: as above.
            unsafe { self.name_slot(index).drop_in_place() };
        }
        self.set_held(Held { len: next, ..self.cell.held() });
        self.sort_places();
    }

    fn swap_members(&mut self, one: usize, other: usize) {
        // SAFETY: both are members of this object.
        unsafe { self.slot(one).swap(self.slot(other)) };
        // SAFETY: as above.
        unsafe { self.name_slot(one).swap(self.name_slot(other)) };
    }
}
