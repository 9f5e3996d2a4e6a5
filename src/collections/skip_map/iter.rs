//! Going through a map, from both ends.
//!
//! 1. Entries come out in strict order, each key once, whatever changes meanwhile. One that is in the map all the time comes out.
//! 2. The two ends meet: what one end gave the other does not give.

use core::borrow::Borrow;
use core::fmt;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::{Bound, RangeBounds};
use core::ptr;

use super::epochs::Pin;
use super::header::Header;
use super::link::Link;
use super::node::{Node, Raw};
use super::remove::Chain;
use super::{Entry, PSkipMap};
use crate::typed::HeapType;

/// What of a map was not given yet.
struct Ends<'a, K, V, H: HeapType> {
    map: &'a PSkipMap<K, V, H>,
    pin: Pin,
    /// The last ones that were given, at either end.
    front: Option<Raw>,
    back: Option<Raw>,
    over: bool,
}

/// The entries of a [`PSkipMap`], in the order of their keys.
pub struct Iter<'a, K, V, H: HeapType> {
    ends: Ends<'a, K, V, H>,
}

/// The entries of a [`PSkipMap`] in a range of keys, in order.
pub struct Range<'a, Q: ?Sized, R, K, V, H: HeapType> {
    ends: Ends<'a, K, V, H>,
    range: R,
    by: PhantomData<fn(&Q)>,
}

/// The entries of a [`PSkipMap`], moved out of it.
pub struct IntoIter<K, V, H: HeapType> {
    emptied: Emptied<K, V, H>,
}

impl<'a, K: Ord, V, H: HeapType> Ends<'a, K, V, H> {
    fn new(map: &'a PSkipMap<K, V, H>) -> Self {
        Self { map, pin: Pin::new(), front: None, back: None, over: false }
    }

    fn next<Q, R>(&mut self, range: &R) -> Option<Entry<'a, K, V, H>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        let next = match self.front {
            _ if self.over => None,
            None => self.map.lower(range.start_bound(), &self.pin),
            Some(front) => self.map.after(front, &self.pin),
        };
        self.front = next.filter(|next| {
            let key = self.map.key(*next, &self.pin);
            let beyond = match range.end_bound() {
                Bound::Unbounded => false,
                Bound::Included(end) => key.borrow() > end,
                Bound::Excluded(end) => key.borrow() >= end,
            };
            !beyond && self.back.is_none_or(|back| key < self.map.key(back, &self.pin))
        });
        self.give(self.front)
    }

    fn next_back<Q, R>(&mut self, range: &R) -> Option<Entry<'a, K, V, H>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
        R: RangeBounds<Q>,
    {
        let next = match self.back {
            _ if self.over => None,
            None => self.map.upper(range.end_bound(), &self.pin),
            Some(back) => {
                let back = self.map.key(back, &self.pin);
                self.map.seek(&self.pin, |key| key < back).0
            }
        };
        self.back = next.filter(|next| {
            let key = self.map.key(*next, &self.pin);
            let before = match range.start_bound() {
                Bound::Unbounded => false,
                Bound::Included(start) => key.borrow() < start,
                Bound::Excluded(start) => key.borrow() <= start,
            };
            !before && self.front.is_none_or(|front| key > self.map.key(front, &self.pin))
        });
        self.give(self.back)
    }

    fn give(&mut self, node: Option<Raw>) -> Option<Entry<'a, K, V, H>> {
        self.over = node.is_none();
        node.map(|node| Entry::new(self.map, node, self.pin.clone()))
    }
}

impl<'a, K: Ord, V, H: HeapType> Iter<'a, K, V, H> {
    pub(super) fn new(map: &'a PSkipMap<K, V, H>) -> Self {
        Self { ends: Ends::new(map) }
    }
}

impl<'a, Q: ?Sized, R, K: Ord, V, H: HeapType> Range<'a, Q, R, K, V, H> {
    pub(super) fn new(map: &'a PSkipMap<K, V, H>, range: R) -> Self {
        Self { ends: Ends::new(map), range, by: PhantomData }
    }
}

impl<'a, K: Ord, V, H: HeapType> Iterator for Iter<'a, K, V, H> {
    type Item = Entry<'a, K, V, H>;

    fn next(&mut self) -> Option<Self::Item> {
        self.ends.next::<K, _>(&..)
    }
}

impl<K: Ord, V, H: HeapType> DoubleEndedIterator for Iter<'_, K, V, H> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.ends.next_back::<K, _>(&..)
    }
}

impl<'a, Q, R, K, V, H> Iterator for Range<'a, Q, R, K, V, H>
where
    Q: Ord + ?Sized,
    R: RangeBounds<Q>,
    K: Ord + Borrow<Q>,
    H: HeapType,
{
    type Item = Entry<'a, K, V, H>;

    fn next(&mut self) -> Option<Self::Item> {
        self.ends.next(&self.range)
    }
}

impl<Q, R, K, V, H> DoubleEndedIterator for Range<'_, Q, R, K, V, H>
where
    Q: Ord + ?Sized,
    R: RangeBounds<Q>,
    K: Ord + Borrow<Q>,
    H: HeapType,
{
    fn next_back(&mut self) -> Option<Self::Item> {
        self.ends.next_back(&self.range)
    }
}

impl<'a, K: Ord, V, H: HeapType> IntoIterator for &'a PSkipMap<K, V, H> {
    type Item = Entry<'a, K, V, H>;
    type IntoIter = Iter<'a, K, V, H>;

    fn into_iter(self) -> Iter<'a, K, V, H> {
        self.iter()
    }
}

/// A map that nobody has any more, and of which one entry after the other is taken from the front.
pub(super) struct Emptied<K, V, H: HeapType> {
    map: ManuallyDrop<PSkipMap<K, V, H>>,
    first: Link,
}

impl<K, V, H: HeapType> Emptied<K, V, H> {
    /// The map is used no more but for this.
    pub(super) fn new(map: &mut PSkipMap<K, V, H>) -> Self {
        let (header, heap) = (map.header, map.heap);
        let map = ManuallyDrop::new(PSkipMap { header, heap, of: PhantomData });
        let first = map.head().load(0);
        Self { map, first }
    }

    /// The first node, which is then in no map.
    fn pop(&mut self) -> Option<Raw> {
        let node = self.first.node(self.map.base())?;
        self.first = node.load(0).unmarked();
        Some(node)
    }
}

impl<K, V, H: HeapType> Drop for Emptied<K, V, H> {
    fn drop(&mut self) {
        /// Goes on after a panic.
        struct Rest<'a, K, V, H: HeapType>(&'a mut Emptied<K, V, H>);
        impl<K, V, H: HeapType> Drop for Rest<'_, K, V, H> {
            fn drop(&mut self) {
                while let Some(node) = self.0.pop() {
                    let heap = self.0.map.heap;
                    let rest = Rest(self.0);
                    // SAFETY: nobody has the map, and the node is in it no more.
                    unsafe { Node::<K, V>::free(node, heap) };
                    core::mem::forget(rest);
                }
            }
        }
        /// Gives the header back, at last.
        struct Block<H: HeapType>(ptr::NonNull<Header>, H);
        impl<H: HeapType> Drop for Block<H> {
            fn drop(&mut self) {
                // SAFETY: the header's block, with its layout; nobody uses it any more.
                unsafe { self.1.deallocate(self.0.cast(), Header::LAYOUT) };
            }
        }
        let _block = Block(self.map.header_at(), self.map.heap);
        let removed = self.map.header().removed();
        // SAFETY: nobody has the map, so nobody looks at its nodes.
        let _removed = removed.map(|first| unsafe { Chain::<K, V, H>::new(first, self.map.heap) });
        drop(Rest(self));
    }
}

impl<K, V, H: HeapType> Iterator for IntoIter<K, V, H> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let node = self.emptied.pop()?;
        // SAFETY: nobody has the map, and the node is in it no more.
        Some(unsafe { Node::<K, V>::into_parts(node, self.emptied.map.heap) })
    }
}

impl<K, V, H: HeapType> IntoIterator for PSkipMap<K, V, H> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V, H>;

    fn into_iter(self) -> IntoIter<K, V, H> {
        IntoIter { emptied: Emptied::new(&mut ManuallyDrop::new(self)) }
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for Iter<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ends.fmt(f)
    }
}

impl<Q: ?Sized, R: fmt::Debug, K: Ord + fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug
    for Range<'_, Q, R, K, V, H>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Range").field("range", &self.range).field("ends", &self.ends).finish()
    }
}

impl<K, V, H: HeapType> fmt::Debug for IntoIter<K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter").field("first", &self.emptied.first).finish_non_exhaustive()
    }
}

impl<K: Ord + fmt::Debug, V: fmt::Debug, H: HeapType> fmt::Debug for Ends<'_, K, V, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = |node: Option<Raw>| node.map(|node| self.map.key(node, &self.pin));
        f.debug_struct("Ends").field("front", &key(self.front)).field("back", &key(self.back)).finish()
    }
}
