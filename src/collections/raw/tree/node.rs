//! Nodes: their parts, and moving entries and edges within and between them.

use core::ptr::{self, NonNull};

use super::{At, CAP, Shape, note};
use crate::handle::AllocError;
use crate::region::prefetch;
use crate::typed::{Fault, HeapType, Inspector};
use crate::units::LINE;

/// Lines of a node that a search asks for beside the first one: more of them would be in the way of others.
const AHEAD: usize = 2;

/// A node of a living tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::collections) struct Node(pub(super) *mut u8);

// SAFETY: an address. What may be done at it is up to who has it: entries are only reached through the typed map.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

/// Moves bytes to a place that is noted.
///
/// # Safety
/// The bytes can be read there and written here.
#[inline]
unsafe fn carry<H: HeapType>(from: *const u8, to: *mut u8, bytes: usize, heap: H) {
    heap.note(to, bytes);
    // SAFETY: the caller's promise.
    unsafe { ptr::copy(from, to, bytes) };
}

impl Node {
    pub(super) const NONE: Self = Self(ptr::null_mut());

    /// The node in this block.
    ///
    /// # Safety
    /// It is a node of the shape with which it will be asked, and lives as long as the value is used.
    pub(in crate::collections) const unsafe fn new(block: *mut u8) -> Self {
        Self(block)
    }

    pub(super) fn make<H: HeapType>(shape: &Shape, level: usize, heap: H) -> Result<Self, AllocError> {
        let block = heap.allocate(shape.layout(level))?.as_ptr();
        // SAFETY: the block begins with two numbers of 16 bits, and is aligned to 8.
        unsafe {
            Self(block).lengths().cast::<[u16; 2]>().write([0, u16::try_from(level).unwrap_or(u16::MAX)])
        };
        Ok(Self(block))
    }

    /// Gives the block back.
    ///
    /// # Safety
    /// Nobody uses the node after this.
    pub(super) unsafe fn free<H: HeapType>(self, shape: &Shape, level: usize, heap: H) {
        if let Some(block) = NonNull::new(self.0) {
            // SAFETY: allocated in `make` with this layout, and the caller's promise.
            unsafe { heap.deallocate(block, shape.layout(level)) };
        }
    }

    /// Finds fault with a place at which there is to be a node of a level with at least so many entries.
    ///
    /// # Errors
    /// [`Fault`].
    pub(in crate::collections) fn inspect<T>(
        by: *const T,
        at: At,
        level: usize,
        least: usize,
        shape: &Shape,
        inspector: &mut Inspector<'_>,
    ) -> Result<Self, Fault> {
        let node = Self(inspector.own(by, at.get(), shape.layout(level))?.as_ptr());
        if node.level() != level || !(least..=CAP).contains(&node.len()) {
            let what =
                format!("a node of level {} with {} entries at level {level}", node.level(), node.len());
            return Err(inspector.fault(node.0, what));
        }
        Ok(node)
    }

    /// Where it begins.
    pub(in crate::collections) const fn start(self) -> *mut u8 {
        self.0
    }

    /// The length, and the level behind it.
    #[allow(clippy::cast_ptr_alignment, reason = "nodes are aligned to 8")]
    #[inline]
    fn lengths(self) -> *mut u16 {
        self.0.cast::<u16>()
    }

    /// How many entries it has.
    #[inline]
    pub(in crate::collections) fn len(self) -> usize {
        // SAFETY: a node begins with its length.
        usize::from(unsafe { self.lengths().read() })
    }

    /// Its level.
    pub(in crate::collections) fn level(self) -> usize {
        // SAFETY: the level follows the length.
        usize::from(unsafe { self.lengths().wrapping_add(1).read() })
    }

    #[allow(clippy::cast_possible_truncation, reason = "no more than `CAP`")]
    #[inline]
    pub(super) fn set_len<H: HeapType>(self, len: usize, heap: H) {
        debug_assert!(len <= CAP);
        note(heap, self.lengths(), 1);
        // SAFETY: a node begins with its length.
        unsafe { self.lengths().write(len as u16) };
    }

    /// Where key `index` is.
    #[inline]
    pub(in crate::collections) fn key(self, shape: &Shape, index: usize) -> *mut u8 {
        self.0.wrapping_add(shape.keys + index * shape.key)
    }

    /// Where value `index` is.
    #[inline]
    pub(in crate::collections) fn value(self, shape: &Shape, index: usize) -> *mut u8 {
        self.0.wrapping_add(shape.values + index * shape.value)
    }

    #[allow(clippy::cast_ptr_alignment, reason = "blocks are aligned to 8, and edges lie at a multiple of 8")]
    #[inline]
    fn edge(self, shape: &Shape, index: usize) -> *mut At {
        // One behind the last is where no edges are moved from.
        debug_assert!(index <= CAP + 1);
        self.0.wrapping_add(shape.edges).cast::<At>().wrapping_add(index)
    }

    /// The place to which edge `index` leads.
    ///
    /// # Safety
    /// The node is above level 0, and `index` no more than its length.
    pub(in crate::collections) unsafe fn edge_at(self, shape: &Shape, index: usize) -> At {
        // SAFETY: the caller's promise.
        unsafe { self.edge(shape, index).read() }
    }

    /// The node to which edge `index` leads.
    ///
    /// # Safety
    /// The node is above level 0, and `index` no more than its length.
    #[inline]
    pub(in crate::collections) unsafe fn child<H: HeapType>(
        self,
        shape: &Shape,
        index: usize,
        heap: H,
    ) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { self.edge(shape, index).read() }.ptr(heap))
    }

    /// The same for a search, which goes on in that node: lines of it behind the first one are asked for together.
    ///
    /// # Safety
    /// As for `child`.
    #[inline]
    pub(in crate::collections) unsafe fn child_ahead<H: HeapType>(
        self,
        shape: &Shape,
        index: usize,
        heap: H,
    ) -> Self {
        // SAFETY: the caller's promise.
        let child = unsafe { self.child(shape, index, heap) };
        for line in 1..=AHEAD {
            if line * LINE < shape.leaf.size() {
                prefetch(child.0.wrapping_add(line * LINE));
            }
        }
        child
    }

    /// Moves `len` entries, from `from` on, to `to` in another node or this one.
    ///
    /// # Safety
    /// The entries are there, and the places may be overwritten.
    #[inline]
    pub(super) unsafe fn move_entries<H: HeapType>(
        self,
        shape: &Shape,
        from: usize,
        other: Self,
        to: usize,
        len: usize,
        heap: H,
    ) {
        debug_assert!(from + len <= CAP && to + len <= CAP);
        // SAFETY: the caller's promise.
        unsafe { carry(self.key(shape, from), other.key(shape, to), len * shape.key, heap) };
        // SAFETY: the caller's promise.
        unsafe { carry(self.value(shape, from), other.value(shape, to), len * shape.value, heap) };
    }

    /// Moves `len` edges, likewise.
    ///
    /// # Safety
    /// As for `move_entries`.
    pub(super) unsafe fn move_edges<H: HeapType>(
        self,
        shape: &Shape,
        from: usize,
        other: Self,
        to: usize,
        len: usize,
        heap: H,
    ) {
        debug_assert!(from + len <= CAP + 1 && to + len <= CAP + 1);
        let (from, to) = (self.edge(shape, from), other.edge(shape, to));
        // SAFETY: the caller's promise.
        unsafe { carry(from.cast(), to.cast(), len * size_of::<At>(), heap) };
    }

    /// Inserts an entry at `index`, and behind it the edge to `right` if there is one. There is room.
    ///
    /// # Safety
    /// Key and value can be read, and belong to the node afterwards.
    #[inline]
    pub(super) unsafe fn insert<H: HeapType>(
        self,
        shape: &Shape,
        index: usize,
        entry: (*const u8, *const u8),
        right: Option<Self>,
        heap: H,
    ) {
        let len = self.len();
        debug_assert!(len < CAP && index <= len);
        // SAFETY: there is room for one more.
        unsafe { self.move_entries(shape, index, self, index + 1, len - index, heap) };
        // SAFETY: the place is free now.
        unsafe { carry(entry.0, self.key(shape, index), shape.key, heap) };
        // SAFETY: as above.
        unsafe { carry(entry.1, self.value(shape, index), shape.value, heap) };
        if let Some(right) = right {
            // SAFETY: there is room for one more.
            unsafe { self.move_edges(shape, index + 1, self, index + 2, len - index, heap) };
            self.set_edge(shape, index + 1, At::of(right.0, heap), heap);
        }
        self.set_len(len + 1, heap);
    }

    pub(super) fn set_edge<H: HeapType>(self, shape: &Shape, index: usize, to: At, heap: H) {
        let place = self.edge(shape, index);
        note(heap, place, 1);
        // SAFETY: only called for nodes above level 0, with an index up to `CAP`.
        unsafe { place.write(to) };
    }
}
