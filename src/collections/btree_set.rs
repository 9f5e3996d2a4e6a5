//! `PBTreeSet`: the keys of an ordered map without values.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter::FusedIterator;
use core::ops::RangeBounds;

use super::btree_map::{self, PBTreeMap};
use super::{CloneIn, NoRoom};
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist};

/// An ordered set in a heap: `BTreeSet`, valid wherever the heap lies.
///
/// ```
/// use outlive::PBTreeSet;
///
/// outlive::heap!(struct NameHeap);
///
/// let names = NameHeap::in_memory::<PBTreeSet<u64, NameHeap>>(|heap| PBTreeSet::from_iter_in([5, 1, 3], heap))?;
/// names.write(|names, _heap| assert!(names.insert(2) && names.remove(&5)))?;
/// assert!(names.read(|names| names.range(2..).eq([&2, &3]))?);
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(transparent)]
pub struct PBTreeSet<T, H: HeapType> {
    map: PBTreeMap<T, (), H>,
}

impl<T, H: HeapType> PBTreeSet<T, H> {
    /// An empty set, without a block.
    pub const fn new_in(heap: H) -> Self {
        Self { map: PBTreeMap::new_in(heap) }
    }

    /// How many elements there are.
    pub const fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// All elements, in order.
    pub fn iter(&self) -> Iter<'_, T, H> {
        Iter(self.map.keys())
    }

    /// The lowest element.
    pub fn first(&self) -> Option<&T> {
        self.map.first_key_value().map(|(element, ())| element)
    }

    /// The highest element.
    pub fn last(&self) -> Option<&T> {
        self.map.last_key_value().map(|(element, ())| element)
    }

    /// Takes the lowest element.
    pub fn pop_first(&mut self) -> Option<T> {
        self.map.pop_first().map(|(element, ())| element)
    }

    /// Takes the highest element.
    pub fn pop_last(&mut self) -> Option<T> {
        self.map.pop_last().map(|(element, ())| element)
    }

    /// Drops all elements.
    pub fn clear(&mut self) {
        self.map.clear();
    }

    /// Keeps the elements that fit the condition.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.map.retain(|element, ()| keep(element));
    }

    /// Takes the elements that fit the condition, one by one and in order.
    pub fn extract_if(&mut self, mut take: impl FnMut(&T) -> bool) -> impl Iterator<Item = T> {
        self.map.extract_if(move |element, ()| take(element)).map(|(element, ())| element)
    }
}

impl<T: Ord, H: HeapType> PBTreeSet<T, H> {
    /// What an iterator yields, in a set.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    pub fn from_iter_in<I: IntoIterator<Item = T>>(elements: I, heap: H) -> Self {
        let mut set = Self::new_in(heap);
        set.extend(elements);
        set
    }

    /// Whether the element is there.
    pub fn contains<Q>(&self, element: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.contains_key(element)
    }

    /// The element that is equal to this one.
    pub fn get<Q>(&self, element: &Q) -> Option<&T>
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
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

    /// Drops an element; `true` if it was there.
    pub fn remove<Q>(&mut self, element: &Q) -> bool
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.remove(element).is_some()
    }

    /// Takes an element.
    pub fn take<Q>(&mut self, element: &Q) -> Option<T>
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.map.remove_entry(element).map(|(element, ())| element)
    }

    /// Puts an element in, in the place of one that is equal to it, which is returned.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[track_caller]
    pub fn replace(&mut self, element: T) -> Option<T> {
        self.map.replace_key(element, ())
    }

    /// Moves all elements of the other one here.
    ///
    /// # Panics
    /// As [`PBTreeMap::append`].
    #[track_caller]
    pub fn append(&mut self, other: &mut Self) {
        self.map.append(&mut other.map);
    }

    /// Splits off the elements from this one on.
    ///
    /// # Panics
    /// As [`PBTreeMap::split_off`].
    #[track_caller]
    pub fn split_off<Q>(&mut self, element: &Q) -> Self
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        Self { map: self.map.split_off(element) }
    }

    /// The elements of a range, in order.
    ///
    /// # Panics
    /// As [`PBTreeMap::range`].
    pub fn range<Q, R>(&self, range: R) -> Range<'_, T, H>
    where
        T: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        Range(self.map.range(range))
    }

    /// Whether all elements are in the other one, too.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.len() <= other.len() && self.iter().all(|element| other.contains(element))
    }

    /// Whether all elements of the other one are in this one, too.
    pub fn is_superset(&self, other: &Self) -> bool {
        other.is_subset(self)
    }

    /// Whether no element is in both.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.intersection(other).next().is_none()
    }

    /// The elements that are in both, in order.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().filter(|element| other.contains(*element))
    }

    /// The elements that are in this one and not in the other, in order.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.iter().filter(|element| !other.contains(*element))
    }

    /// The elements that are in one of them and not in the other: first this one's, in order, then the other's.
    pub fn symmetric_difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> + Clone {
        self.difference(other).chain(other.difference(self))
    }

    /// The elements that are in one of them, or in both, in order.
    pub fn union<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a T> {
        let (mut one, mut other) = (self.iter().peekable(), other.iter().peekable());
        core::iter::from_fn(move || match (one.peek(), other.peek()) {
            (Some(a), Some(b)) => match a.cmp(b) {
                Ordering::Less => one.next(),
                Ordering::Greater => other.next(),
                Ordering::Equal => {
                    other.next();
                    one.next()
                }
            },
            (Some(_), None) => one.next(),
            (None, _) => other.next(),
        })
    }
}

/// All elements of a set, in order.
pub struct Iter<'a, T, H: HeapType>(btree_map::Keys<'a, T, (), H>);

/// The elements of a range, in order.
pub struct Range<'a, T, H: HeapType>(btree_map::Range<'a, T, (), H>);

/// The elements of a set that is no more, in order.
pub struct IntoIter<T, H: HeapType>(btree_map::IntoKeys<T, (), H>);

impl<T, H: HeapType> Clone for Iter<'_, T, H> {
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

        impl<$($generics)*> DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<$item> {
                self.0.next_back().map(|$next| $element)
            }
        }

        impl<$($generics)*> FusedIterator for $name {}

        impl<$($generics)*> fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct("Elements").finish_non_exhaustive()
            }
        }
    )*};
}

elements! {
    ['a, T, H: HeapType] Iter<'a, T, H>: &'a T, |element| element;
    ['a, T, H: HeapType] Range<'a, T, H>: &'a T, |(element, ())| element;
    [T, H: HeapType] IntoIter<T, H>: T, |element| element;
}

impl<T, H: HeapType> ExactSizeIterator for Iter<'_, T, H> {}
impl<T, H: HeapType> ExactSizeIterator for IntoIter<T, H> {}

impl<T, H: HeapType> IntoIterator for PBTreeSet<T, H> {
    type Item = T;
    type IntoIter = IntoIter<T, H>;

    fn into_iter(self) -> IntoIter<T, H> {
        IntoIter(self.map.into_keys())
    }
}

impl<'a, T, H: HeapType> IntoIterator for &'a PBTreeSet<T, H> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T, H>;

    fn into_iter(self) -> Iter<'a, T, H> {
        self.iter()
    }
}

impl<T: Ord, H: HeapType> Extend<T> for PBTreeSet<T, H> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, elements: I) {
        self.map.extend(elements.into_iter().map(|element| (element, ())));
    }
}

impl<'a, T: Ord + Copy + 'a, H: HeapType> Extend<&'a T> for PBTreeSet<T, H> {
    fn extend<I: IntoIterator<Item = &'a T>>(&mut self, elements: I) {
        self.extend(elements.into_iter().copied());
    }
}

impl<T: Ord + CloneIn<H>, H: HeapType> CloneIn<H> for PBTreeSet<T, H> {
    fn clone_in(&self, heap: H) -> Self {
        Self { map: self.map.clone_in(heap) }
    }
}

impl<T: PartialEq, H: HeapType> PartialEq for PBTreeSet<T, H> {
    fn eq(&self, other: &Self) -> bool {
        self.map == other.map
    }
}

impl<T: Eq, H: HeapType> Eq for PBTreeSet<T, H> {}

impl<T: PartialOrd, H: HeapType> PartialOrd for PBTreeSet<T, H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.map.partial_cmp(&other.map)
    }
}

impl<T: Ord, H: HeapType> Ord for PBTreeSet<T, H> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.map.cmp(&other.map)
    }
}

impl<T: Hash, H: HeapType> Hash for PBTreeSet<T, H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.map.hash(state);
    }
}

impl<T: fmt::Debug, H: HeapType> fmt::Debug for PBTreeSet<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self).finish()
    }
}

// SAFETY: it is a map.
unsafe impl<T: Persist, H: HeapType> Persist for PBTreeSet<T, H> {
    type In<'h> = PBTreeSet<T::In<'h>, H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("PBTreeSet<{}>", layouts.name_of::<T>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.field::<PBTreeMap<T, (), H>>("map", 0);
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise; the set is its map.
        unsafe { PBTreeMap::inspect(at.cast::<PBTreeMap<T, (), H>>(), inspector) }
    }
}
