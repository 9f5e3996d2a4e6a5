//! Iterators over the members of an object.

use core::iter::{FusedIterator, Zip};
use core::slice;

use super::PJson;
use super::names::Name;
use crate::collections::raw::note;
use crate::typed::HeapType;

/// Names and values of an object's members, in their order.
pub struct Members<'a, H: HeapType>(Zip<slice::Iter<'a, Name<H>>, slice::Iter<'a, PJson<H>>>);

/// The same, with values that can be changed; each counts as changed when it comes.
pub struct MembersMut<'a, H: HeapType> {
    names: slice::Iter<'a, Name<H>>,
    values: slice::IterMut<'a, PJson<H>>,
    heap: H,
}

impl<'a, H: HeapType> Members<'a, H> {
    #[inline]
    pub(super) fn new(object: &'a PJson<H>) -> Self {
        Self(object.names().iter().zip(object.cells()))
    }

    /// The next member with its name as the heap has it.
    #[inline]
    pub(super) fn next_named(&mut self) -> Option<(&'a Name<H>, &'a PJson<H>)> {
        self.0.next()
    }
}

impl<'a, H: HeapType> MembersMut<'a, H> {
    pub(super) fn new(object: &'a mut PJson<H>) -> Self {
        let (heap, len, names, values) = (object.heap, object.len(), object.name_slot(0), object.slot(0));
        // SAFETY: the object has as many names, and is borrowed alone.
        let names = unsafe { slice::from_raw_parts(names, len) };
        // SAFETY: it has as many values, which lie before the names.
        let values = unsafe { slice::from_raw_parts_mut(values, len) };
        Self { names: names.iter(), values: values.iter_mut(), heap }
    }
}

impl<H: HeapType> Clone for Members<'_, H> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<'a, H: HeapType> Iterator for Members<'a, H> {
    type Item = (&'a str, &'a PJson<H>);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|(name, value)| (name.as_str(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<H: HeapType> DoubleEndedIterator for Members<'_, H> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.0.next_back().map(|(name, value)| (name.as_str(), value))
    }
}

impl<H: HeapType> ExactSizeIterator for Members<'_, H> {}
impl<H: HeapType> FusedIterator for Members<'_, H> {}

impl<'a, H: HeapType> Iterator for MembersMut<'a, H> {
    type Item = (&'a str, &'a mut PJson<H>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = (self.names.next()?, self.values.next()?);
        note(self.heap, &raw const *value, 1);
        Some((name.as_str(), value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.names.size_hint()
    }
}

impl<H: HeapType> ExactSizeIterator for MembersMut<'_, H> {}
impl<H: HeapType> FusedIterator for MembersMut<'_, H> {}

impl<H: HeapType> core::fmt::Debug for Members<'_, H> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_map().entries(self.clone()).finish()
    }
}

impl<H: HeapType> core::fmt::Debug for MembersMut<'_, H> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.names.clone().map(Name::as_str)).finish()
    }
}
