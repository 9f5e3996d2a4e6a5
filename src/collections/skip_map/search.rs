//! Finding places among the nodes.
//!
//! Two ways. Who only looks steps over nodes that are on their way out, and changes nothing: a reader is held up by nobody and
//! may run where nothing may be written. Who is going to change something takes such nodes out of the lists that it comes by,
//! and finds the *place* of a key: on each level the last node before the key, and the link from it.
//!
//! 1. A search goes on only from nodes whose link of that level was not marked when it was read. Such a node was in the
//!    map at some moment of the search; of one that left before the search began, the links may be too old to be true.
//! 2. In a place, each link was read unmarked in the node to the left of it, and leads to no node before the key.
//! 3. If a link of a place leads to a node that has the key, it is the node of level 0, which the place names: no node is
//!    ever linked in front of another one with its key, which would hide that from who takes it out.

use core::borrow::Borrow;
use core::ptr::NonNull;

use super::header::Header;
use super::link::Link;
use super::node::{HIGHEST, Node, Raw};
use super::{PSkipMap, epochs::Pin};
use crate::typed::HeapType;

/// Where a key belongs.
pub(super) struct Place {
    pub(super) left: [Raw; HIGHEST],
    pub(super) right: [Link; HIGHEST],
    /// The node that has the key.
    pub(super) found: Option<Raw>,
}

impl<K, V, H: HeapType> PSkipMap<K, V, H> {
    #[inline]
    pub(super) fn base(&self) -> NonNull<u8> {
        self.heap.base()
    }

    #[inline]
    pub(super) fn head(&self) -> Raw {
        Header::head(self.header_at())
    }

    /// The key of a node that the pinned thread has come to.
    #[inline]
    pub(super) fn key<'a>(&self, node: Raw, _pin: &'a Pin) -> &'a K {
        // SAFETY: searches come only to nodes of this map, beside the head, which has no key that anybody asks for; and while
        // the thread is pinned they stay.
        unsafe { Node::<K, V>::key(node) }
    }

    /// The first of the nodes from `link` on that is not on its way out of level 0.
    fn first_staying(&self, mut link: Link) -> Option<Raw> {
        let base = self.base();
        loop {
            let node = link.node(base)?;
            let next = node.load(0);
            if !next.is_marked() {
                return Some(node);
            }
            link = next;
        }
    }

    /// The node that has a key.
    pub(super) fn find<Q>(&self, key: &Q, pin: &Pin) -> Option<Raw>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let base = self.base();
        let mut left = self.head();
        for level in (0..left.state().height()).rev() {
            let mut link = left.load(level);
            if level > 0 {
                left.prefetch(level - 1, base);
            }
            while let Some(node) = link.node(base) {
                let next = node.load(level);
                if next.is_marked() {
                    link = next;
                    continue;
                }
                let order = self.key(node, pin).borrow().cmp(key);
                if order.is_lt() {
                    left = node;
                    link = next;
                    if level > 0 {
                        left.prefetch(level - 1, base);
                    }
                } else if order.is_eq() && (level == 0 || !node.load(0).is_marked()) {
                    return Some(node);
                } else {
                    break;
                }
            }
        }
        None
    }

    /// The last node for which `is_before` says yes, and the first one after it. The nodes for which it does come first.
    pub(super) fn seek(&self, pin: &Pin, is_before: impl Fn(&K) -> bool) -> (Option<Raw>, Option<Raw>) {
        let base = self.base();
        'anew: loop {
            let (mut left, mut right) = (self.head(), None);
            for level in (0..left.state().height()).rev() {
                let mut link = left.load(level);
                if level > 0 {
                    left.prefetch(level - 1, base);
                } else if link.is_marked() {
                    // It left meanwhile, and is not the last one any more.
                    continue 'anew;
                }
                right = None;
                while let Some(node) = link.node(base) {
                    let next = node.load(level);
                    if next.is_marked() {
                        link = next;
                    } else if is_before(self.key(node, pin)) {
                        left = node;
                        link = next;
                        if level > 0 {
                            left.prefetch(level - 1, base);
                        }
                    } else {
                        right = Some(node);
                        break;
                    }
                }
            }
            return ((left != self.head()).then_some(left), right);
        }
    }

    /// The first node.
    pub(super) fn first(&self, _pin: &Pin) -> Option<Raw> {
        self.first_staying(self.head().load(0))
    }

    /// The node behind this one, which may have left.
    pub(super) fn after(&self, node: Raw, pin: &Pin) -> Option<Raw>
    where
        K: Ord,
    {
        let link = node.load(0);
        if link.is_marked() {
            let key = self.key(node, pin);
            return self.seek(pin, |other| other <= key).1;
        }
        self.first_staying(link)
    }

    /// The place of a key. Takes nodes that are on their way out with it.
    pub(super) fn place<Q>(&self, key: &Q, pin: &Pin) -> Place
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        loop {
            if let Some(place) = self.try_place(key, pin) {
                return place;
            }
        }
    }

    /// The place, unless somebody else changed something on the way.
    fn try_place<Q>(&self, key: &Q, pin: &Pin) -> Option<Place>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let (base, heap) = (self.base(), self.heap);
        let mut left = self.head();
        let mut place = Place { left: [left; HIGHEST], right: [Link::END; HIGHEST], found: None };
        for level in (0..left.state().height()).rev() {
            let mut link = left.load(level);
            if link.is_marked() {
                return None;
            }
            if level > 0 {
                left.prefetch(level - 1, base);
            }
            let mut equal = None;
            while let Some(node) = link.node(base) {
                let next = node.load(level);
                if next.is_marked() {
                    left.exchange(level, link, next.unmarked(), heap).ok()?;
                    link = next.unmarked();
                    continue;
                }
                let order = self.key(node, pin).borrow().cmp(key);
                if order.is_lt() {
                    left = node;
                    link = next;
                    if level > 0 {
                        left.prefetch(level - 1, base);
                    }
                } else {
                    equal = order.is_eq().then_some(node);
                    break;
                }
            }
            // One that has the key was there above, and is not what is there now.
            if equal.is_some() || level == 0 {
                if place.found.is_some() && place.found != equal {
                    return None;
                }
                place.found = equal;
            }
            (place.left[level], place.right[level]) = (left, link);
        }
        Some(place)
    }
}
