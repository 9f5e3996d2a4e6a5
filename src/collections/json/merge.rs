//! JSON merge patch (RFC 7396).
//!
//! Two walks, neither with recursion: the first makes room in every object that gets new members, which is all that can fail; the
//! second moves the patch's values to their places. Names are those of the patch.

use super::PJson;
use super::names::Name;
use crate::collections::raw::note;
use crate::handle::AllocError;
use crate::typed::HeapType;

impl<H: HeapType> PJson<H> {
    /// Applies a JSON merge patch (RFC 7396): members of the patch take the place of those here, null removes them, and objects
    /// are merged member by member. A patch that is no object takes the place of the whole value.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for it; the value is then as it was, and the patch is dropped.
    pub fn merge(&mut self, patch: Self) -> Result<(), AllocError> {
        self.make_room_for(&patch)?;
        let mut pairs = vec![(self, patch)];
        while let Some((target, patch)) = pairs.pop() {
            if target.is_object() && patch.is_object() {
                target.merge_members(patch, &mut pairs);
            } else {
                target.replace(without_nulls(patch));
            }
        }
        Ok(())
    }

    /// Makes room for the members that are new.
    fn make_room_for(&mut self, patch: &Self) -> Result<(), AllocError> {
        let mut pairs = vec![(self, patch)];
        while let Some((target, patch)) = pairs.pop() {
            let (true, Some(members)) = (target.is_object(), patch.members()) else { continue };
            let is_new = |(name, value): &(&str, &Self)| !value.is_null() && target.find(name).is_none();
            let count = members.filter(is_new).count();
            target.reserve_members(count)?;
            let found = positions(target, patch);
            pairs.extend(at_positions(target, found).filter(|(target, _)| target.is_object()));
        }
        Ok(())
    }

    /// Merges the members of one object; what is to be merged below is left in `pairs`.
    fn merge_members<'a>(&'a mut self, mut patch: Self, pairs: &mut Vec<(&'a mut Self, Self)>) {
        let mut gone = vec![false; self.len()];
        for (name, _) in patch.members().into_iter().flatten().filter(|(_, value)| value.is_null()) {
            if let Some(index) = self.find(name) {
                gone[index] = true;
            }
        }
        self.retain_members(|index, _| !gone[index]);
        patch.retain_members(|_, value| !value.is_null());
        let mut below = Vec::new();
        for (name, value) in patch.into_members() {
            match self.find(name.as_str()) {
                Some(index) => below.push((index, value)),
                None => self.append(name, without_nulls(value)),
            }
        }
        below.sort_unstable_by_key(|(index, _)| *index);
        pairs.extend(at_positions(self, below));
    }

    fn replace(&mut self, value: Self) {
        note(self.heap, &raw const *self, 1);
        *self = value;
    }

    /// The members of an object, for good.
    fn into_members(mut self) -> Vec<(Name<H>, Self)> {
        let (len, heap) = (self.len(), self.heap);
        let mut members = Vec::with_capacity(len);
        for index in 0..len {
            // SAFETY: each is read once, and not dropped where it was.
            let name = unsafe { self.name_slot(index).read() };
            // SAFETY: as above.
            members.push((name, unsafe { self.slot(index).read() }));
        }
        let cell = core::mem::replace(&mut self.cell, super::cell::Cell::NULL);
        // SAFETY: its members have moved.
        unsafe { Self::of(cell, heap).free_block() };
        members
    }
}

/// The members of the patch that the target has too, by their index there, in its order.
fn positions<'a, H: HeapType>(target: &PJson<H>, patch: &'a PJson<H>) -> Vec<(usize, &'a PJson<H>)> {
    let members = patch.members().into_iter().flatten();
    let mut found: Vec<_> = members.filter_map(|(name, value)| Some((target.find(name)?, value))).collect();
    found.sort_unstable_by_key(|(index, _)| *index);
    found
}

/// Values of the target, each with what belongs to its index.
fn at_positions<H: HeapType, T>(
    target: &mut PJson<H>,
    found: Vec<(usize, T)>,
) -> impl Iterator<Item = (&mut PJson<H>, T)> {
    let mut found = found.into_iter().peekable();
    target.cells_mut().iter_mut().enumerate().filter_map(move |(index, value)| {
        found.next_if(|(position, _)| *position == index).map(|(_, one)| (value, one))
    })
}

/// Takes out the members that are null, of the value and of objects that are members.
fn without_nulls<H: HeapType>(mut value: PJson<H>) -> PJson<H> {
    let mut objects = vec![&mut value];
    while let Some(object) = objects.pop() {
        if object.is_object() {
            object.retain_members(|_, value| !value.is_null());
            objects.extend(object.cells_mut().iter_mut().filter(|value| value.is_object()));
        }
    }
    value
}
