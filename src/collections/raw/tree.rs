//! A B-tree of untyped nodes: the core of `PBTreeMap`.
//!
//! ```text
//! node: | len, level | keys: 11 | values: 11 | edges: 12, above level 0 |
//! ```
//!
//! Nodes do not know their parents: a commit takes what has changed, and a split would change all the children that move.
//! Who changes the tree has come down from the root, and knows the way ([`Path`]).
//!
//! Invariants:
//! 1. `root` is a node at level `height`; or none, and all numbers are 0. Edges of a node at level n + 1 lead to nodes at level n;
//!    leaves are at level 0.
//! 2. A node has at most `CAP` entries, and at least `LEAST` if it is not the root, which has at least 1.
//! 3. An insertion has all the nodes that it will need before it changes anything.

use core::alloc::Layout;
use core::ptr::{self, NonNull};

use super::{At, count, note};
use crate::handle::AllocError;
use crate::region::prefetch;
use crate::typed::{Fault, HeapType, Inspector};
use crate::units::LINE;

/// Entries of a node, and half of them: a node with less takes some of its neighbours', or becomes one with them.
pub(in crate::collections) const CAP: usize = 11;
pub(in crate::collections) const LEAST: usize = CAP / 2;
/// Lines of a node that a search asks for beside the first one: more of them would be in the way of others.
const AHEAD: usize = 2;
/// No tree is higher: each level has six times the nodes, and 6^17 nodes of 32 bytes are more than can be addressed.
pub(in crate::collections) const DEPTH: usize = 18;

/// Where the parts of a node are.
#[derive(Clone, Copy, Debug)]
pub(in crate::collections) struct Shape {
    key: usize,
    value: usize,
    keys: usize,
    values: usize,
    edges: usize,
    leaf: Layout,
    inner: Layout,
}

/// A node of a living tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::collections) struct Node(*mut u8);

/// A way from the root to a leaf: the node at each level, and an edge or an entry in it.
///
/// A leaf has an edge before, between and behind its entries as well. As a place between two entries a way
/// always ends at a leaf's edge, of which there is one between any two entries of the tree that follow each other.
#[derive(Clone, Debug)]
pub(in crate::collections) struct Path {
    nodes: [Node; DEPTH],
    at: [u8; DEPTH],
    height: usize,
}

#[derive(Debug)]
#[repr(C)]
pub(in crate::collections) struct RawTree {
    root: At,
    height: u64,
    len: u64,
}

// SAFETY: an address. What may be done at it is up to who has it: entries are only reached through the typed map.
unsafe impl Send for Node {}
// SAFETY: as above.
unsafe impl Sync for Node {}

impl Shape {
    pub(in crate::collections) const fn of<K, V>() -> Self {
        const fn up(value: usize, align: usize) -> usize {
            value.next_multiple_of(align)
        }
        const fn layout(size: usize, align: usize) -> Layout {
            match Layout::from_size_align(up(size, align), align) {
                Ok(layout) => layout,
                Err(_) => panic!("a node of such entries is larger than memory"),
            }
        }
        let align = if align_of::<K>() > align_of::<V>() { align_of::<K>() } else { align_of::<V>() };
        let align = if align > 8 { align } else { 8 };
        assert!(
            align <= crate::units::PAGE,
            "a heap can be moved by whole pages: no alignment beyond one can be kept"
        );
        let keys = up(4, align_of::<K>());
        let values = up(keys + CAP * size_of::<K>(), align_of::<V>());
        let end = values + CAP * size_of::<V>();
        let edges = up(end, 8);
        Self {
            key: size_of::<K>(),
            value: size_of::<V>(),
            keys,
            values,
            edges,
            leaf: layout(end, align),
            inner: layout(edges + (CAP + 1) * 8, align),
        }
    }

    /// The layout of a node at this level.
    pub(in crate::collections) const fn layout(&self, level: usize) -> Layout {
        if level == 0 { self.leaf } else { self.inner }
    }
}

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
    const NONE: Self = Self(ptr::null_mut());

    /// The node in this block.
    ///
    /// # Safety
    /// It is a node of the shape with which it will be asked, and lives as long as the value is used.
    pub(in crate::collections) const unsafe fn new(block: *mut u8) -> Self {
        Self(block)
    }

    fn make<H: HeapType>(shape: &Shape, level: usize, heap: H) -> Result<Self, AllocError> {
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
    unsafe fn free<H: HeapType>(self, shape: &Shape, level: usize, heap: H) {
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
    fn set_len<H: HeapType>(self, len: usize, heap: H) {
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
    unsafe fn move_entries<H: HeapType>(
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
    unsafe fn move_edges<H: HeapType>(
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
    unsafe fn insert<H: HeapType>(
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

    fn set_edge<H: HeapType>(self, shape: &Shape, index: usize, to: At, heap: H) {
        let place = self.edge(shape, index);
        note(heap, place, 1);
        // SAFETY: only called for nodes above level 0, with an index up to `CAP`.
        unsafe { place.write(to) };
    }
}

impl Path {
    pub(in crate::collections) const NOWHERE: Self =
        Self { nodes: [Node::NONE; DEPTH], at: [0; DEPTH], height: 0 };

    #[inline]
    fn at(&self, level: usize) -> usize {
        usize::from(self.at[level])
    }

    #[allow(clippy::cast_possible_truncation, reason = "no more than `CAP` + 1")]
    #[inline]
    pub(in crate::collections) fn set(&mut self, level: usize, node: Node, at: usize) {
        debug_assert!(at <= CAP);
        self.nodes[level] = node;
        self.at[level] = at as u8;
    }

    /// The node at a level, and the edge or entry in it.
    #[inline]
    pub(in crate::collections) fn spot(&self, level: usize) -> (Node, usize) {
        (self.nodes[level], self.at(level))
    }

    /// Whether both are the same place between two entries.
    #[inline]
    pub(in crate::collections) fn is_at(&self, other: &Self) -> bool {
        self.nodes[0] == other.nodes[0] && self.at[0] == other.at[0]
    }

    #[inline]
    pub(in crate::collections) fn is_nowhere(&self) -> bool {
        self.nodes[0] == Node::NONE
    }

    /// Makes this way, which leads nowhere, the one behind all entries of the tree in which `other` is.
    pub(in crate::collections) fn make_end<H: HeapType>(&mut self, other: &Self, shape: &Shape, heap: H) {
        if other.is_nowhere() {
            return;
        }
        let root = other.nodes[other.height];
        self.height = other.height;
        self.set(self.height, root, root.len());
        self.descend(shape, self.height, true, heap);
    }

    /// Goes on from edge `at` of the node at `level` to the first or last edge below it.
    #[inline]
    fn descend<H: HeapType>(&mut self, shape: &Shape, level: usize, last: bool, heap: H) {
        for level in (0..level).rev() {
            let (node, at) = self.spot(level + 1);
            // SAFETY: the way has edges above level 0.
            let child = unsafe { node.child(shape, at, heap) };
            self.set(level, child, if last { child.len() } else { 0 });
        }
    }

    /// Goes over the next entry, and says where it is.
    #[inline]
    pub(in crate::collections) fn next<H: HeapType>(
        &mut self,
        shape: &Shape,
        heap: H,
    ) -> Option<(Node, usize)> {
        let (leaf, at) = self.spot(0);
        if leaf != Node::NONE && at < leaf.len() {
            self.at[0] += 1;
            return Some((leaf, at));
        }
        self.next_above(shape, heap)
    }

    #[inline(never)]
    fn next_above<H: HeapType>(&mut self, shape: &Shape, heap: H) -> Option<(Node, usize)> {
        let found = (1..=self.height).find(|level| self.at(*level) < self.nodes[*level].len())?;
        let spot = self.spot(found);
        self.at[found] += 1;
        self.descend(shape, found, false, heap);
        Some(spot)
    }

    /// At which level the next entry is. There is one.
    pub(in crate::collections) fn level_of_next(&self) -> usize {
        (0..self.height).find(|level| self.at(*level) < self.nodes[*level].len()).unwrap_or(self.height)
    }

    /// Goes back over the entry before, and says where it is.
    #[inline]
    pub(in crate::collections) fn previous<H: HeapType>(
        &mut self,
        shape: &Shape,
        heap: H,
    ) -> Option<(Node, usize)> {
        if self.at[0] > 0 {
            self.at[0] -= 1;
            return Some(self.spot(0));
        }
        let found = (1..=self.height).find(|level| self.at[*level] > 0)?;
        self.at[found] -= 1;
        let spot = self.spot(found);
        self.descend(shape, found, true, heap);
        Some(spot)
    }
}

/// Nodes that nobody has yet. Those left over go back.
struct Fresh<'a, H: HeapType> {
    nodes: [Node; DEPTH + 1],
    made: usize,
    shape: &'a Shape,
    heap: H,
}

impl<H: HeapType> Fresh<'_, H> {
    fn take(&mut self, level: usize) -> Node {
        core::mem::replace(&mut self.nodes[level], Node::NONE)
    }
}

impl<H: HeapType> Drop for Fresh<'_, H> {
    fn drop(&mut self) {
        for (level, node) in self.nodes[..self.made].iter().enumerate() {
            // SAFETY: nodes that were taken are none; the others belong to nobody.
            unsafe { node.free(self.shape, level, self.heap) };
        }
    }
}

impl RawTree {
    pub(in crate::collections) const fn new() -> Self {
        Self { root: At::NONE, height: 0, len: 0 }
    }

    #[inline]
    pub(in crate::collections) const fn len(&self) -> usize {
        count(self.len)
    }

    #[inline]
    pub(in crate::collections) const fn height(&self) -> usize {
        count(self.height)
    }

    #[inline]
    pub(in crate::collections) fn root<H: HeapType>(&self, heap: H) -> Option<Node> {
        if self.root.is_none() { None } else { Some(Node(self.root.ptr(heap))) }
    }

    /// Makes `path`, which leads nowhere, the way along which `choose` says the edge in each node, and whether it found there what
    /// it looks for; from there on the way goes to the last edge below, or with `after` to the first one behind.
    ///
    /// Ways are long: they are made where they are needed, and not moved there.
    #[inline]
    pub(in crate::collections) fn seek<H: HeapType>(
        &self,
        path: &mut Path,
        shape: &Shape,
        after: bool,
        heap: H,
        mut choose: impl FnMut(Node) -> (usize, bool),
    ) {
        let Some(mut node) = self.root(heap) else { return };
        path.height = self.height();
        let mut level = path.height;
        loop {
            let (at, found) = choose(node);
            let at = at + usize::from(found && after);
            path.set(level, node, at);
            if found {
                return path.descend(shape, level, !after, heap);
            }
            if level == 0 {
                return;
            }
            // SAFETY: above level 0, and `choose` returns an edge.
            node = unsafe { node.child_ahead(shape, at, heap) };
            level -= 1;
        }
    }

    /// Makes `path`, which leads nowhere, the way to what `choose` finds, as far as it goes; says at which level it was found.
    #[inline]
    pub(in crate::collections) fn search<H: HeapType>(
        &self,
        path: &mut Path,
        shape: &Shape,
        heap: H,
        mut choose: impl FnMut(Node) -> (usize, bool),
    ) -> Option<usize> {
        let mut node = self.root(heap)?;
        path.height = self.height();
        let mut level = path.height;
        loop {
            let (at, found) = choose(node);
            path.set(level, node, at);
            if found || level == 0 {
                return found.then_some(level);
            }
            // SAFETY: above level 0, and `choose` returns an edge.
            node = unsafe { node.child_ahead(shape, at, heap) };
            level -= 1;
        }
    }

    /// Makes `path`, which leads nowhere, the place before all entries, or behind them.
    pub(in crate::collections) fn end<H: HeapType>(
        &self,
        path: &mut Path,
        shape: &Shape,
        last: bool,
        heap: H,
    ) {
        self.seek(path, shape, true, heap, |node| (if last { node.len() } else { 0 }, false));
    }

    /// Inserts an entry where the way ends, and returns its value's address. The way is of no use afterwards.
    ///
    /// # Errors
    /// [`AllocError`]: nothing was changed.
    ///
    /// # Safety
    /// The way ends at a leaf's edge of this tree. Key and value can be read, and belong to the tree on success.
    #[inline]
    pub(in crate::collections) unsafe fn insert<H: HeapType>(
        &mut self,
        shape: &Shape,
        path: &mut Path,
        entry: (*const u8, *const u8),
        heap: H,
    ) -> Result<*mut u8, AllocError> {
        let (leaf, at) = path.spot(0);
        if leaf == Node::NONE || leaf.len() == CAP {
            // SAFETY: the caller's promise.
            return unsafe { self.insert_splitting(shape, path, entry, heap) };
        }
        // SAFETY: there is room, and the caller's promise.
        unsafe { leaf.insert(shape, at, entry, None, heap) };
        self.count(1, heap);
        Ok(leaf.value(shape, at))
    }

    #[inline]
    fn count<H: HeapType>(&mut self, more: i64, heap: H) {
        note(heap, &raw const self.len, 1);
        self.len = self.len.wrapping_add_signed(more);
    }

    /// # Safety
    /// As for `insert`.
    #[cold]
    #[inline(never)]
    unsafe fn insert_splitting<H: HeapType>(
        &mut self,
        shape: &Shape,
        path: &mut Path,
        entry: (*const u8, *const u8),
        heap: H,
    ) -> Result<*mut u8, AllocError> {
        let mut fresh = Fresh { nodes: [Node::NONE; DEPTH + 1], made: 0, shape, heap };
        if self.root.is_none() {
            let leaf = Node::make(shape, 0, heap)?;
            note(heap, &raw const *self, 1);
            self.root = At::of(leaf.0, heap);
            path.set(0, leaf, 0);
        } else {
            let full = (0..=path.height).take_while(|level| path.nodes[*level].len() == CAP).count();
            let needed = if full > path.height { full + 1 } else { full };
            assert!(needed <= DEPTH, "a tree of {} entries has no room in memory", self.len);
            for level in 0..needed {
                fresh.nodes[level] = Node::make(shape, level, heap)?;
                fresh.made = level + 1;
            }
        }
        // SAFETY: as many nodes were made as are full, and the caller's promise.
        let value = unsafe { self.insert_at(0, path, entry, None, &mut fresh) };
        self.count(1, heap);
        Ok(value)
    }

    /// Inserts an entry where the way leads at `level`, and returns its value's address.
    ///
    /// # Safety
    /// As for `insert`; for each full node from this level on there is a fresh one, and one more if the root is full.
    unsafe fn insert_at<H: HeapType>(
        &mut self,
        level: usize,
        path: &mut Path,
        entry: (*const u8, *const u8),
        right: Option<Node>,
        fresh: &mut Fresh<'_, H>,
    ) -> *mut u8 {
        let (shape, heap) = (fresh.shape, fresh.heap);
        let (mut node, mut at) = path.spot(level);
        if node.len() == CAP {
            // Both halves have at least `LEAST` entries when the new one is in.
            let (middle, to_right) = match at {
                0..LEAST => (LEAST - 1, None),
                LEAST => (LEAST, None),
                _ if at == LEAST + 1 => (LEAST, Some(0)),
                _ => (LEAST + 1, Some(at - LEAST - 2)),
            };
            let new = fresh.take(level);
            let moved = CAP - middle - 1;
            // SAFETY: the entries behind the middle one go to a node that has none.
            unsafe { node.move_entries(shape, middle + 1, new, 0, moved, heap) };
            if level > 0 {
                // SAFETY: likewise with the edges behind it.
                unsafe { node.move_edges(shape, middle + 1, new, 0, moved + 1, heap) };
            }
            new.set_len(moved, heap);
            node.set_len(middle, heap);
            if level == path.height {
                let root = fresh.take(level + 1);
                root.set_edge(shape, 0, At::of(node.0, heap), heap);
                note(heap, &raw const *self, 1);
                self.root = At::of(root.0, heap);
                self.height += 1;
                path.height += 1;
                path.set(level + 1, root, 0);
            }
            // The middle one is read from where it is, before the new one may take its place.
            let up = (node.key(shape, middle).cast_const(), node.value(shape, middle).cast_const());
            // SAFETY: it is part of neither half any more.
            unsafe { self.insert_at(level + 1, path, up, Some(new), fresh) };
            if let Some(to) = to_right {
                (node, at) = (new, to);
            }
        }
        // SAFETY: there is room now, and the caller's promise.
        unsafe { node.insert(shape, at, entry, right, heap) };
        node.value(shape, at)
    }

    /// Takes the entry to which the way leads at `level`. Afterwards the way is the place where the entry was.
    ///
    /// # Safety
    /// There is an entry; key and value can be written.
    #[inline]
    pub(in crate::collections) unsafe fn remove<H: HeapType>(
        &mut self,
        shape: &Shape,
        path: &mut Path,
        level: usize,
        entry: (*mut u8, *mut u8),
        heap: H,
    ) {
        let (node, at) = path.spot(level);
        // SAFETY: the entry is there, and the caller's promise.
        unsafe { ptr::copy_nonoverlapping(node.key(shape, at), entry.0, shape.key) };
        // SAFETY: as above.
        unsafe { ptr::copy_nonoverlapping(node.value(shape, at), entry.1, shape.value) };
        if level == 0 {
            let len = node.len();
            // SAFETY: those behind it move over it.
            unsafe { node.move_entries(shape, at + 1, node, at, len - at - 1, heap) };
            node.set_len(len - 1, heap);
        } else {
            // The entry before it, which is the last one of a leaf, takes its place.
            path.descend(shape, level, true, heap);
            let leaf = path.nodes[0];
            let last = leaf.len() - 1;
            // SAFETY: the place's entry was taken.
            unsafe { leaf.move_entries(shape, last, node, at, 1, heap) };
            leaf.set_len(last, heap);
            path.set(0, leaf, last);
        }
        self.count(-1, heap);
        if path.nodes[0].len() < LEAST {
            // SAFETY: the way leads through this tree.
            unsafe { self.fill_up(shape, path, heap) };
        }
        if level > 0 {
            path.next(shape, heap);
        }
    }

    /// Gives nodes of the way that have too few entries some of their neighbours', from the leaf on.
    ///
    /// # Safety
    /// The way ends at a leaf's edge of this tree.
    #[inline(never)]
    unsafe fn fill_up<H: HeapType>(&mut self, shape: &Shape, path: &mut Path, heap: H) {
        for level in 0..=path.height {
            let node = path.nodes[level];
            if level == path.height {
                if node.len() == 0 {
                    self.drop_root(shape, path, heap);
                }
                return;
            }
            if node.len() >= LEAST {
                return;
            }
            let (parent, at) = path.spot(level + 1);
            let (left, right) = (at.saturating_sub(1), at.saturating_sub(1) + 1);
            // SAFETY: a node above level 0 has at least one entry, so at least two edges.
            let one = unsafe { parent.child(shape, left, heap) };
            // SAFETY: as above.
            let pair = (one, unsafe { parent.child(shape, right, heap) });
            let len = pair.0.len();
            let has_left = at > 0;
            if len + 1 + pair.1.len() <= CAP {
                // SAFETY: the two are neighbours, and fit together.
                unsafe { Self::merge(shape, parent, left, pair, level, heap) };
                if has_left {
                    path.set(level, pair.0, path.at(level) + len + 1);
                    path.set(level + 1, parent, left);
                }
            } else {
                // SAFETY: the two are neighbours, and the one that gives has enough.
                unsafe { Self::rotate(shape, parent, left, pair, level, has_left, heap) };
                if has_left {
                    path.set(level, node, path.at(level) + 1);
                }
                return;
            }
        }
    }

    /// The root has no entry: its only child is the new one.
    fn drop_root<H: HeapType>(&mut self, shape: &Shape, path: &mut Path, heap: H) {
        let old = path.nodes[path.height];
        note(heap, &raw const *self, 1);
        if path.height == 0 {
            *self = Self::new();
            // SAFETY: the tree has no node any more.
            unsafe { old.free(shape, 0, heap) };
            *path = Path::NOWHERE;
            return;
        }
        // SAFETY: a node above level 0 has an edge.
        self.root = unsafe { old.edge_at(shape, 0) };
        self.height -= 1;
        // SAFETY: nothing leads to it any more.
        unsafe { old.free(shape, path.height, heap) };
        path.height -= 1;
    }

    /// Puts the entry between two neighbours and all of the right one into the left one.
    ///
    /// # Safety
    /// They are neighbours, and fit together.
    unsafe fn merge<H: HeapType>(
        shape: &Shape,
        parent: Node,
        left: usize,
        pair: (Node, Node),
        level: usize,
        heap: H,
    ) {
        let (len, more, above) = (pair.0.len(), pair.1.len(), parent.len());
        // SAFETY: the places behind the left one's entries are free.
        unsafe { parent.move_entries(shape, left, pair.0, len, 1, heap) };
        // SAFETY: as above.
        unsafe { pair.1.move_entries(shape, 0, pair.0, len + 1, more, heap) };
        if level > 0 {
            // SAFETY: as above.
            unsafe { pair.1.move_edges(shape, 0, pair.0, len + 1, more + 1, heap) };
        }
        // SAFETY: the entry has left, and the edge behind it is not needed.
        unsafe { parent.move_entries(shape, left + 1, parent, left, above - left - 1, heap) };
        // SAFETY: as above.
        unsafe { parent.move_edges(shape, left + 2, parent, left + 1, above - left - 1, heap) };
        pair.0.set_len(len + 1 + more, heap);
        parent.set_len(above - 1, heap);
        // SAFETY: nothing leads to it any more.
        unsafe { pair.1.free(shape, level, heap) };
    }

    /// Moves one entry through the parent, to the right or to the left.
    ///
    /// # Safety
    /// The two are neighbours, and the one that gives has more than it needs.
    unsafe fn rotate<H: HeapType>(
        shape: &Shape,
        parent: Node,
        left: usize,
        pair: (Node, Node),
        level: usize,
        to_right: bool,
        heap: H,
    ) {
        let (one, other) = (pair.0.len(), pair.1.len());
        if to_right {
            // SAFETY: there is room for one more.
            unsafe { pair.1.move_entries(shape, 0, pair.1, 1, other, heap) };
            // SAFETY: the place is free now.
            unsafe { parent.move_entries(shape, left, pair.1, 0, 1, heap) };
            // SAFETY: the entry has left.
            unsafe { pair.0.move_entries(shape, one - 1, parent, left, 1, heap) };
            if level > 0 {
                // SAFETY: there is room for one more.
                unsafe { pair.1.move_edges(shape, 0, pair.1, 1, other + 1, heap) };
                // SAFETY: the place is free now.
                unsafe { pair.0.move_edges(shape, one, pair.1, 0, 1, heap) };
            }
            pair.0.set_len(one - 1, heap);
            pair.1.set_len(other + 1, heap);
        } else {
            // SAFETY: there is room for one more.
            unsafe { parent.move_entries(shape, left, pair.0, one, 1, heap) };
            // SAFETY: the entry has left.
            unsafe { pair.1.move_entries(shape, 0, parent, left, 1, heap) };
            // SAFETY: likewise.
            unsafe { pair.1.move_entries(shape, 1, pair.1, 0, other - 1, heap) };
            if level > 0 {
                // SAFETY: there is room for one more.
                unsafe { pair.1.move_edges(shape, 0, pair.0, one + 1, 1, heap) };
                // SAFETY: the edge has left.
                unsafe { pair.1.move_edges(shape, 1, pair.1, 0, other, heap) };
            }
            pair.0.set_len(one + 1, heap);
            pair.1.set_len(other - 1, heap);
        }
    }

    /// Finds fault with bytes that are to be a tree, and returns its root if it has one.
    ///
    /// # Errors
    /// [`Fault`].
    pub(in crate::collections) fn inspect(
        &self,
        shape: &Shape,
        inspector: &mut Inspector<'_>,
    ) -> Result<Option<Node>, Fault> {
        if self.root.is_none() {
            let nothing = self.height == 0 && self.len == 0;
            return if nothing { Ok(None) } else { Err(inspector.fault(self, "entries without a root")) };
        }
        if self.height >= DEPTH as u64 {
            return Err(inspector.fault(self, format!("a tree of {} levels", self.height)));
        }
        Node::inspect(self, self.root, self.height(), 1, shape, inspector).map(Some)
    }

    /// Gives back all nodes.
    ///
    /// # Safety
    /// Nobody uses the tree after this, and its entries belong to nobody.
    pub(in crate::collections) unsafe fn release<H: HeapType>(&self, shape: &Shape, heap: H) {
        unsafe fn free<H: HeapType>(node: Node, level: usize, shape: &Shape, heap: H) {
            if level > 0 {
                for edge in 0..=node.len() {
                    // SAFETY: above level 0, and an edge of the node.
                    let child = unsafe { node.child(shape, edge, heap) };
                    // SAFETY: the caller's promise; no deeper than the tree is high.
                    unsafe { free(child, level - 1, shape, heap) };
                }
            }
            // SAFETY: the caller's promise.
            unsafe { node.free(shape, level, heap) };
        }
        if let Some(root) = self.root(heap) {
            // SAFETY: the caller's promise.
            unsafe { free(root, self.height(), shape, heap) };
        }
    }
}
