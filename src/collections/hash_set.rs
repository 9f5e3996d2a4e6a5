//! `PHashSet`: the keys of a hash map without values.

use core::borrow::Borrow;
use core::fmt;
use core::hash::Hash;
use core::iter::FusedIterator;

use super::hash_map::{self, PHashMap};
use super::{CloneIn, NoRoom};
use crate::handle::AllocError;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist};

/// A hash set in a heap: `HashSet`, valid wherever the heap lies. What is said of [`PHashMap`] holds for it.
///
/// ```
/// use outlive::PHashSet;
///
/// outlive::heap!(struct SeenHeap);
///
/// let seen = SeenHeap::in_memory::<PHashSet<u64, SeenHeap>>(|heap| PHashSet::from_iter_in([1, 2], heap))?;
/// seen.write(|seen, _heap| assert!(seen.insert(3) && !seen.insert(1)))?;
/// assert_eq!(seen.read(|seen| (seen.len(), seen.contains(&2)))?, (3, true));
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(transparent)]
pub struct PHashSet<T, H: HeapType> {
    map: PHashMap<T, (), H>,
}

impl<T, H: HeapType> PHashSet<T, H> {
    /// An empty set, without a block.
    pub fn new_in(heap: H) -> Self {
        Self { map: PHashMap::new_in(heap) }
    }

    /// How many elements there are.
    pub const fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// How many elements fit without another block.
    pub const fn capacity(&self) -> usize {
        self.map.capacity()
    }

    /// Drops all elements, and keeps the block.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// All elements.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self.map.keys())
    }

    /// Takes all elements, and keeps the block. If the iterator is forgotten, they leak, with the block.
    pub fn drain(&mut self) -> Drain<'_, T, H> {
        Drain(self.map.drain())
    }

    /// Keeps the elements that fit the condition.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.map.retain(|element, ()| keep(element));
    }

    /// Takes the elements that fit the condition, one by one. Those that were not looked at when the iterator goes remain.
    pub fn extract_if(&mut self, mut take: impl FnMut(&T) -> bool) -> impl Iterator<Item = T> {
        self.map.extract_if(move |element, ()| take(element)).map(|(element, ())| element)
    }
}

impl<T: Hash + Eq, H: HeapType> PHashSet<T, H> {
    /// An empty set with room for so many elements.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        Self { map: PHashMap::with_capacity_in(capacity, heap) }
    }

    /// What an iterator yields, in a set.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    pub fn from_iter_in<I: IntoIterator<Item = T>>(elements: I, heap: H) -> Self {
        let mut set = Self::new_in(heap);
        set.extend(elements);
        set
    }

    /// Makes room for so many more elements.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn reserve(&mut self, additional: usize) {
        self.map.reserve(additional);
    }

    /// Makes room for so many more elements.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for them; nothing was changed.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        self.map.try_reserve(additional)
    }

    /// Moves the elements to a block of just their size, if there is memory for it.
    pub fn shrink_to_fit(&mut self) {
        self.map.shrink_to_fit();
    }

    /// Hashes all elements again; see [`PHashMap::rehash`].
    ///
    /// # Panics
    /// If the heap has no memory for a second table.
    pub fn rehash(&mut self) {
        self.map.rehash();
    }

    /// Whether the element is there.
    pub fn contains<Q>(&self, element: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.contains_key(element)
    }

    /// The element that is equal to this one.
    pub fn get<Q>(&self, element: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.get_key_value(element).map(|(element, ())| element)
    }

    /// Puts an element in, if there is none equal to it; `true` if there was none.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[track_caller]
    pub fn insert(&mut self, element: T) -> bool {
        self.map.insert(element, ()).is_none()
    }

    /// Puts an element in, if there is none equal to it; `true` if there was none.
    ///
    /// # Errors
    /// [`NoRoom`], with the element, if the heap has no memory for it.
    pub fn try_insert(&mut self, element: T) -> Result<bool, NoRoom<T>> {
        match self.map.try_insert(element, ()) {
            Ok(before) => Ok(before.is_none()),
            Err(NoRoom((element, ()))) => Err(NoRoom(element)),
        }
    }

    /// Puts an element in the place of one that is equal to it.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[track_caller]
    pub fn replace(&mut self, element: T) -> Option<T> {
        let before = self.take(&element);
        self.insert(element);
        before
    }

    /// Drops an element; `true` if it was there.
    pub fn remove<Q>(&mut self, element: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.remove(element).is_some()
    }

    /// Takes an element.
    pub fn take<Q>(&mut self, element: &Q) -> Option<T>
    where
        T: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.map.remove_entry(element).map(|(element, ())| element)
    }

    /// Whether no element is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.intersection(other).next().is_none()
    }

    /// Whether all elements are in the other one, too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.len() <= other.len() && self.iter().all(|element| other.contains(element))
    }

    /// Whether all elements of the other one are in this one, too.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.is_subset(self)
    }

    /// The elements that are in this one and not in the other.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().filter(|element| !other.contains(*element))
    }

    /// The elements that are in one of them and not in the other.
    pub fn symmetric_difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.difference(other).chain(other.difference(self))
    }

    /// The elements that are in both.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        let (small, large) = if self.len() <= other.len() { (self, other) } else { (other, self) };
        small.iter().filter(|element| large.contains(*element))
    }

    /// The elements that are in one of them, or in both.
    pub fn union<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().chain(other.difference(self))
    }
}

/// All elements of a set.
pub struct Iter<'a, T>(hash_map::Keys<'a, T, ()>);

/// The elements of a set that is no more.
pub struct IntoIter<T, H: HeapType>(hash_map::IntoKeys<T, (), H>);

/// What [`PHashSet::drain`] takes.
pub struct Drain<'a, T, H: HeapType>(hash_map::Drain<'a, T, (), H>);

impl<T> Clone for Iter<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

macro_rules! elements {
    ($([$($generics:tt)*] $name:ty: $item:ty, |$next:pat_param| $element:expr;)*) => {$(
        impl<$($generics)*> Iterator for $name {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                self.0.next().map(|$next| $element)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                self.0.size_hint()
            }
        }

        impl<$($generics)*> ExactSizeIterator for $name {}
        impl<$($generics)*> FusedIterator for $name {}

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Elements").field("left", &self.len()).finish_non_exhaustive()
            }
        }
    )*};
}

elements! {
    ['a, T] Iter<'a, T>: &'a T, |element| element;
    [T, H: HeapType] IntoIter<T, H>: T, |element| element;
    [T, H: HeapType] Drain<'_, T, H>: T, |(element, ())| element;
}

impl<T, H: HeapType> IntoIterator for PHashSet<T, H> {
    type Item = T;
    type IntoIter = IntoIter<T, H>;

    fn into_iter(self) -> IntoIter<T, H> {
        IntoIter(self.map.into_keys())
    }
}

impl<'a, T, H: HeapType> IntoIterator for &'a PHashSet<T, H> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T: Hash + Eq, H: HeapType> Extend<T> for PHashSet<T, H> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        self.map.extend(elements.into_iter().map(|element| (element, ())));
    }
}

impl<'a, T: Hash + Eq + Copy + 'a, H: HeapType> Extend<&'a T> for PHashSet<T, H> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, elements: I) {
        self.extend(elements.into_iter().copied());
    }
}

impl<T: Hash + Eq + CloneIn<H>, H: HeapType> CloneIn<H> for PHashSet<T, H> {
    fn clone_in(&self, heap: H) -> Self {
        Self { map: self.map.clone_in(heap) }
    }
}

impl<T: Hash + Eq, H: HeapType> PartialEq for PHashSet<T, H> {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl<T: Hash + Eq, H: HeapType> Eq for PHashSet<T, H> {}

impl<T: fmt::Debug, H: HeapType> fmt::Debug for PHashSet<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

// SAFETY: it is a map.
unsafe impl<T: Persist, H: HeapType> Persist for PHashSet<T, H> {
    type In<'h> = PHashSet<T::In<'h>, H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("PHashSet<{}>", layouts.name_of::<T>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.field::<PHashMap<T, (), H>>("map", 0);
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise; the set is its map.
        unsafe { PHashMap::inspect(at.cast::<PHashMap<T, (), H>>(), inspector) }
    }
}
