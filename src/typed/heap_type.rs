//! A heap as a type, and the token that shows that it is open.
//!
//! ```text
//! write/update/open(init) ---> token H = ShopHeap<'h> ---> values that hold H: PBox<T, H>, PVec<T, H>, ...
//! ```
//!
//! 1. A value of type `H` exists only while the heap is open, and within one access to it: whoever has one may use the
//!    heap. The lifetime in it is that of the access, and invariant, so that neither it nor a value with it leaves.
//! 2. Values that own memory of the heap hold an `H`, which takes no room, as a `Vec<T, A>` holds its allocator. In the
//!    file it has no bytes, so it is there again, with the lifetime of the next access.
//! 3. Where the heap lies changes only while nobody has an `H`.

use core::alloc::Layout;
use core::ptr::NonNull;

use crate::handle::AllocError;

/// A heap as a type: what [`heap!`](crate::heap) defines.
///
/// A value of it is a token without size. It is given to the closures of `write` and `update` and to the one that makes a
/// new heap's root, is held by every value that owns memory of the heap, and exists nowhere else; that is why its methods
/// are safe.
///
/// # Safety
/// - Values of the type exist only while the heap is open, and only within an access to it, which excludes that the heap
///   is closed or rolled back; none can be made by safe code in another way.
/// - The type has size 0 and alignment 1.
/// - All values of types that differ only in their lifetimes mean the same heap, and types that differ in more mean
///   different ones.
/// - [`allocate`](HeapType::allocate) returns memory of the heap, which is at least [`LEAST`](HeapType::LEAST) bytes from
///   its base, and nobody else's until it is given back.
pub unsafe trait HeapType: Copy {
    /// The same heap in another access.
    type In<'h>: HeapType + 'h;

    /// No block lies nearer to the base than so many bytes, so that smaller numbers can mean something else.
    const LEAST: u64 = 4096;

    /// Where the open heap lies: a plain load of a static.
    fn base(self) -> NonNull<u8>;

    /// A block for `layout`, whose size is not 0, from the part of the heap whose changes are [noted](HeapType::note).
    /// Its bytes count as noted until the next commit.
    ///
    /// # Errors
    /// [`AllocError`] where the limit, the region or the machine has no more.
    fn allocate(self, layout: Layout) -> Result<NonNull<u8>, AllocError>;

    /// Takes back a block.
    ///
    /// # Safety
    /// The block came from [`allocate`](HeapType::allocate) of this heap, in this run or an earlier one, with a layout of
    /// the same size and alignment, and is used no more.
    unsafe fn deallocate(self, block: NonNull<u8>, layout: Layout);

    /// Makes a block larger or smaller, in place where that can be done. On success the old pointer is no more, and the whole
    /// new block counts as noted.
    ///
    /// # Errors
    /// [`AllocError`]; the block is then as it was.
    ///
    /// # Safety
    /// As for [`deallocate`](HeapType::deallocate), with `old`; the size of `new` is not 0.
    unsafe fn reallocate(
        self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError>;

    /// A block from the part of the heap whose changes are found without notes, for values that can change through a shared
    /// reference ([`Persist::SCANNED`](super::Persist::SCANNED)).
    ///
    /// # Errors
    /// As of [`allocate`](HeapType::allocate).
    fn allocate_scanned(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        self.allocate(layout)
    }

    /// Takes back a block of [`allocate_scanned`](HeapType::allocate_scanned).
    ///
    /// # Safety
    /// As of [`deallocate`](HeapType::deallocate).
    unsafe fn deallocate_scanned(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { self.deallocate(block, layout) };
    }

    /// Says that these bytes are about to change, or have changed within this access: the next commit takes them along.
    /// A few instructions where they were noted already.
    ///
    /// Whoever lends a value to be changed (a write its root, a box its value, a collection an element) has noted all of its
    /// bytes. So what a value changes of itself, by way of `&mut self`, it does not note; what it changes of its blocks, it does.
    ///
    /// The bytes lie in blocks from [`allocate`](HeapType::allocate). Others, and none, are allowed and do nothing.
    fn note(self, bytes: *const u8, len: usize);

    /// The same for a value whose size is no more than its alignment: no line's end lies within it, which need not be looked
    /// into.
    #[inline(always)]
    fn note_aligned(self, bytes: *const u8, len: usize) {
        self.note(bytes, len);
    }
}
