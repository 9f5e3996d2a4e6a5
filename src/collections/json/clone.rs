//! Copies, without recursion.

use super::PJson;
use super::cell::{Cell, Tag};
use super::members::Members;
use super::value::View;
use crate::collections::CloneIn;
use crate::collections::no_room::granted;
use crate::handle::AllocError;
use crate::typed::HeapType;

/// A container that is being copied. What was copied so far goes with it.
struct Level<'a, H: HeapType> {
    rest: Rest<'a, H>,
    copy: PJson<H>,
}

enum Rest<'a, H: HeapType> {
    Elements(core::slice::Iter<'a, PJson<H>>),
    Members(Members<'a, H>),
}

impl<'a, H: HeapType> Level<'a, H> {
    /// The next value to copy. Its name is in the copy already.
    fn next(&mut self) -> Option<(Option<super::names::Name<H>>, &'a PJson<H>)> {
        match &mut self.rest {
            Rest::Elements(elements) => elements.next().map(|value| (None, value)),
            Rest::Members(members) => {
                members.next_named().map(|(name, value)| (Some(name.share(self.copy.heap)), value))
            }
        }
    }
}

/// Puts a value behind the others of a container that is being made.
fn put<H: HeapType>(container: &mut PJson<H>, name: Option<super::names::Name<H>>, value: PJson<H>) {
    match name {
        Some(name) => container.append_unsorted(name, value),
        None => container.append_cell(value),
    }
}

impl<H: HeapType> PJson<H> {
    /// A copy of its own, in the same heap.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for it.
    pub fn try_clone_in(&self, heap: H) -> Result<Self, AllocError> {
        let mut levels: Vec<(Level<'_, H>, Option<super::names::Name<H>>)> = Vec::new();
        let mut next = (None, self);
        loop {
            let (mut name, from) = next;
            let mut done = match from.view() {
                View::Array(elements) => {
                    let copy = Self::with_room(Tag::ARRAY, elements.len(), heap)?;
                    levels.push((Level { rest: Rest::Elements(elements.iter()), copy }, name.take()));
                    None
                }
                View::Object(members) => {
                    let copy = Self::with_room(Tag::OBJECT, members.len(), heap)?;
                    levels.push((Level { rest: Rest::Members(members), copy }, name.take()));
                    None
                }
                View::Text(text) => Some(Self::text(text, heap)?),
                View::Number(number) => Some(Self::number(number, heap)?),
                View::Null | View::Bool(_) => Some(Self::of(Cell::new(from.cell.tag(), 0, 0), heap)),
            };
            next = loop {
                let Some((level, own_name)) = levels.last_mut() else {
                    return done.ok_or(AllocError);
                };
                if let Some(value) = done.take() {
                    put(&mut level.copy, name.take(), value);
                }
                if let Some(next) = level.next() {
                    break next;
                }
                level.copy.sort_places();
                name = own_name.take();
                done = levels.pop().map(|(level, _)| level.copy);
            };
        }
    }
}

impl<H: HeapType> CloneIn<H> for PJson<H> {
    fn clone_in(&self, heap: H) -> Self {
        granted(self.try_clone_in(heap))
    }
}
