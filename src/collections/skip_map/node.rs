//! A node: a tower of links that grows downwards, a word of state, the key and the value.
//!
//! ```text
//! block                                     node
//!   | next(h-1) | ... | next(1) | next(0) |  state  |  key  |  value  |
//! ```
//!
//! What a search needs of a node lies together, wherever the node is met: its link of a low level, and its key.
//!
//! The state:
//!
//! ```text
//! 63    55    54        53     52    48 47                    0
//! |   0   | REMOVED | LINKING | height |  next removed node    |
//! ```
//!
//! 1. The height never changes.
//! 2. `LINKING` is set in a node higher than 1 until whoever inserts it is done; `REMOVED` is set by whoever removes it.
//!    Who finds the other's bit in its place, of these two, is the last one to have to do with the node, and retires it.
//! 3. The link to the next removed node is written by whoever retires the node, and means nothing before.

use core::alloc::Layout;
use core::mem::{ManuallyDrop, align_of, offset_of, size_of};
use core::ptr::NonNull;

use super::link::Link;
use crate::sync::{AtomicU64, Ordering};
use crate::typed::HeapType;

/// The highest tower. In a map of so many entries that the highest level has many, searches take a little longer.
pub(super) const HIGHEST: usize = if cfg!(loom) { 2 } else { 23 };

const WORD: usize = size_of::<AtomicU64>();
const HEIGHT_AT: u32 = 48;
const NEXT: u64 = (1 << HEIGHT_AT) - 1;
const LINKING: u64 = 1 << 53;
const REMOVED: u64 = 1 << 54;

const _: () = assert!(HIGHEST < 1 << 5);

/// A node from its state on; the tower lies in front of it.
#[repr(C)]
pub(super) struct Node<K, V> {
    state: AtomicU64,
    key: K,
    value: V,
}

/// A node, or the head of all nodes, of whatever key and value.
///
/// One exists only where its memory does: between its making and the moment at which nobody can still look at it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Raw(NonNull<AtomicU64>);

/// What a node's state says.
#[derive(Clone, Copy)]
pub(super) struct State(u64);

impl State {
    pub(super) const fn new(height: usize, linking: bool) -> Self {
        Self((height as u64) << HEIGHT_AT | if linking { LINKING } else { 0 })
    }

    pub(super) const fn word(self) -> u64 {
        self.0
    }

    pub(super) const fn height(self) -> usize {
        (self.0 >> HEIGHT_AT & 31) as usize
    }

    pub(super) const fn is_linking(self) -> bool {
        self.0 & LINKING != 0
    }

    pub(super) const fn is_removed(self) -> bool {
        self.0 & REMOVED != 0
    }
}

impl Raw {
    /// # Safety
    /// A node, or a head, lies there.
    #[inline]
    pub(super) unsafe fn at(state: NonNull<u8>) -> Self {
        Self(state.cast())
    }

    #[inline]
    pub(super) fn address(self) -> core::num::NonZero<usize> {
        self.0.addr()
    }

    fn word(&self) -> &AtomicU64 {
        // SAFETY: by the type's promise the memory is there.
        unsafe { self.0.as_ref() }
    }

    /// The word of a level that the node has.
    #[inline]
    fn next(&self, level: usize) -> &AtomicU64 {
        debug_assert!(level < HIGHEST);
        // SAFETY: the tower lies in front of the state, one word a level, and the node has this one: searches come to a
        // node on a level that it is linked in, and others ask for its height first.
        let word = unsafe { self.0.sub(level + 1) };
        // SAFETY: as for `word`.
        unsafe { word.as_ref() }
    }

    #[inline]
    pub(super) fn load(self, level: usize) -> Link {
        Link::of(self.next(level).load(Ordering::Acquire))
    }

    /// Writes a link of a node that nobody else has seen yet.
    pub(super) fn prepare(self, level: usize, link: Link) {
        self.next(level).store(link.word(), Ordering::Relaxed);
    }

    /// Changes a link, if it is what it was.
    #[inline]
    pub(super) fn exchange(
        self,
        level: usize,
        old: Link,
        new: Link,
        heap: impl HeapType,
    ) -> Result<(), Link> {
        let word = self.next(level);
        heap.note(core::ptr::from_ref(word).cast(), WORD);
        let done = word.compare_exchange(old.word(), new.word(), Ordering::AcqRel, Ordering::Acquire);
        done.map(|_| ()).map_err(Link::of)
    }

    /// Marks a link, and says what it was.
    pub(super) fn mark(self, level: usize, heap: impl HeapType) -> Link {
        let word = self.next(level);
        heap.note(core::ptr::from_ref(word).cast(), WORD);
        Link::of(word.fetch_or(Link::MARK, Ordering::AcqRel))
    }

    pub(super) fn state(self) -> State {
        State(self.word().load(Ordering::Acquire))
    }

    /// Says that the node is removed; returns what its state was.
    pub(super) fn note_removed(self, heap: impl HeapType) -> State {
        heap.note(self.0.as_ptr().cast(), WORD);
        State(self.word().fetch_or(REMOVED, Ordering::AcqRel))
    }

    /// Says that the node is linked as far as it will be; returns what its state was.
    pub(super) fn note_linked(self, heap: impl HeapType) -> State {
        heap.note(self.0.as_ptr().cast(), WORD);
        State(self.word().fetch_and(!LINKING, Ordering::AcqRel))
    }

    /// The removed node behind this one in its list.
    pub(super) fn next_removed(self) -> Link {
        Link::of(self.word().load(Ordering::Relaxed) & NEXT)
    }

    /// Sets the removed node behind this one, of a node that is nobody else's any more but its readers'.
    pub(super) fn set_next_removed(self, next: Link, heap: impl HeapType) {
        heap.note(self.0.as_ptr().cast(), WORD);
        let rest = self.word().load(Ordering::Relaxed) & !NEXT;
        self.word().store(rest | next.word(), Ordering::Relaxed);
    }

    /// Raises the height of a head, which is that of the highest node there was.
    pub(super) fn raise(self, height: usize, heap: impl HeapType) {
        if self.state().height() < height {
            heap.note(self.0.as_ptr().cast(), WORD);
            self.word().fetch_max(State::new(height, false).word(), Ordering::AcqRel);
        }
    }

    /// Asks the processor for the node behind this one, before it is looked at.
    #[inline]
    pub(super) fn prefetch(self, level: usize, base: NonNull<u8>) {
        #[cfg(not(loom))]
        {
            let link = Link::of(self.next(level).load(Ordering::Relaxed));
            let distance = usize::try_from(link.unmarked().word()).unwrap_or(0);
            crate::region::prefetch(base.as_ptr().wrapping_add(distance));
        }
        #[cfg(loom)]
        let _ = (level, base);
    }
}

impl<K, V> Node<K, V> {
    /// Bytes in front of a node of this height.
    pub(super) const fn front(height: usize) -> usize {
        (height * WORD).next_multiple_of(align_of::<Self>())
    }

    /// The block of a node of this height.
    pub(super) const fn layout(height: usize) -> Layout {
        let size = Self::front(height) + size_of::<Self>();
        let line = if size <= 32 { 32 } else { 64 };
        let align = if align_of::<Self>() > line { align_of::<Self>() } else { line };
        match Layout::from_size_align(size, align) {
            Ok(layout) => layout,
            Err(_) => panic!("a key and a value that no address space could hold"),
        }
    }

    /// A new node that nobody has seen.
    ///
    /// # Errors
    /// The key and the value, where there is no memory.
    pub(super) fn make(key: K, value: V, height: usize, heap: impl HeapType) -> Result<Raw, (K, V)> {
        let Ok(block) = heap.allocate(Self::layout(height)) else { return Err((key, value)) };
        // SAFETY: the block begins with so many bytes.
        let node = unsafe { block.add(Self::front(height)) };
        let state = AtomicU64::new(State::new(height, height > 1).word());
        // SAFETY: behind them there is room for a node, aligned since the front is a multiple of its alignment.
        unsafe { node.cast::<Self>().write(Self { state, key, value }) };
        for level in 1..=height {
            // SAFETY: the front has a word for each level.
            let word = unsafe { node.cast::<AtomicU64>().sub(level) };
            // SAFETY: as above; aligned as the state is.
            unsafe { word.write(AtomicU64::new(0)) };
        }
        // SAFETY: it was written just now.
        Ok(unsafe { Raw::at(node) })
    }

    /// Drops key and value, and gives the block back, even if one of them panics.
    ///
    /// # Safety
    /// `node` came from [`Node::make`] of this type and heap, nobody can look at it any more, and it is used no more.
    pub(super) unsafe fn free(node: Raw, heap: impl HeapType) {
        struct Block<H: HeapType>(NonNull<u8>, Layout, H);
        impl<H: HeapType> Drop for Block<H> {
            fn drop(&mut self) {
                // SAFETY: the block of a node, with its layout; nobody uses it any more.
                unsafe { self.2.deallocate(self.0, self.1) };
            }
        }
        let height = node.state().height();
        // SAFETY: the front lies before the node, in the same block.
        let block = unsafe { node.0.cast::<u8>().sub(Self::front(height)) };
        let _block = Block(block, Self::layout(height), heap);
        let this = node.0.cast::<Self>().as_ptr();
        // SAFETY: the node is there until `_block` goes, and this is the only drop of it.
        unsafe { core::ptr::drop_in_place(this) };
    }

    /// The key and the value, with the block given back.
    ///
    /// # Safety
    /// As for [`Node::free`].
    pub(super) unsafe fn into_parts(node: Raw, heap: impl HeapType) -> (K, V) {
        // SAFETY: by the caller's promise; what was read here is not dropped below.
        let Self { key, value, .. } = unsafe { node.0.cast::<Self>().read() };
        // SAFETY: the same node, whose state stays as it is; there is nothing to drop in it any more.
        unsafe { Node::<ManuallyDrop<K>, ManuallyDrop<V>>::free(node, heap) };
        (key, value)
    }

    /// Where the key of a node of this type lies.
    #[cfg(not(loom))]
    pub(super) fn key_at(node: Raw) -> *const K {
        node.0.as_ptr().wrapping_byte_add(offset_of!(Self, key)).cast()
    }

    /// Where the value of a node of this type lies.
    #[cfg(not(loom))]
    pub(super) fn value_at(node: Raw) -> *const V {
        node.0.as_ptr().wrapping_byte_add(offset_of!(Self, value)).cast()
    }

    /// # Safety
    /// `node` is a node of this type, not a head, and stays for `'a`.
    #[inline]
    pub(super) unsafe fn key<'a>(node: Raw) -> &'a K {
        let this = node.0.cast::<Self>().as_ptr();
        // SAFETY: by the caller's promise; keys never change.
        unsafe { &(*this).key }
    }

    /// # Safety
    /// `node` is a node of this type, not a head, and stays for `'a`.
    #[inline]
    pub(super) unsafe fn value<'a>(node: Raw) -> &'a V {
        let this = node.0.cast::<Self>().as_ptr();
        // SAFETY: by the caller's promise; values never change.
        unsafe { &(*this).value }
    }
}

const _: () = assert!(offset_of!(Node<u64, u64>, state) == 0);
