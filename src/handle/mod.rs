//! Floor 7: the face of a heap that a program holds in its hand.

mod allocator;
mod buffer;
mod copies;
mod file;
#[cfg(test)]
mod gates;
mod open_options;
mod opening;
mod options;
mod root;
mod tracked;

use core::alloc::Layout;
use core::fmt;
use core::num::NonZero;
use core::ptr::NonNull;
use std::sync::Arc;

pub use buffer::BufferHeap;
pub use file::Pending;
pub use open_options::OpenOptions;
pub use options::HeapOptions;
pub use tracked::Tracked;

use crate::durable::{Cores, Durable, NotePad, Notes};
use crate::error::Error;
use crate::heap::{
    BlockInfo, Core, GLOBAL_CORE, Report, Stats, give_seat, pop, pop_any, push, push_any, remove,
};
use crate::magazines::{Seat, with_seat};

/// The system, or the heap's limit, has no memory for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AllocError;

impl fmt::Display for AllocError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no memory for this request: free something, or raise the heap's limit")
    }
}

impl std::error::Error for AllocError {}

/// A heap of its own, apart from the global one.
///
/// `&Heap` is an allocator for collections; the blocks go when the heap goes, which the borrow checker has wait until
/// the collections are gone. A heap can be used from any number of threads.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use outlive::Heap;
///
/// let heap = Heap::in_memory()?;
/// let mut squares = Vec::new_in(&heap);
/// squares.extend((1..=100_u64).map(|n| n * n));
/// assert_eq!(squares.iter().sum::<u64>(), 338_350);
/// assert!(heap.stats().used >= 800);
/// # Ok::<(), outlive::Error>(())
/// ```
pub struct Heap {
    core: NonNull<Core>,
    /// The core of tracked memory; the same one where all memory is alike.
    tracked: NonNull<Core>,
    /// Where it is noted what is written to tracked memory.
    pad: NotePad,
    /// The table behind the pad; `None` where nothing is noted.
    notes: Option<Arc<Notes>>,
    /// Where it is kept, if anywhere.
    file: Option<Box<dyn Durable>>,
    /// Whether it holds absolute pointers, and so belongs to its address.
    is_bound: bool,
}

// SAFETY: cores are made to be used from all threads, and the handle only refers to them.
unsafe impl Send for Heap {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

/// What a request for nothing gets: no block, but an aligned address.
fn nothing(layout: Layout) -> NonNull<u8> {
    NonNull::without_provenance(NonZero::new(layout.align()).unwrap_or(NonZero::<usize>::MIN))
}

/// What is not inlined of an allocation.
#[inline(never)]
fn take(core: &Core, seat: &Seat, layout: Layout) -> Option<NonNull<u8>> {
    pop_any(seat, layout).or_else(|| core.pop_run(seat, layout)).or_else(|| core.allocate(layout))
}

/// What is not inlined of a free.
///
/// # Safety
/// As for [`Heap::deallocate`].
#[inline(never)]
unsafe fn give(core: &Core, seat: &Seat, block: NonNull<u8>, layout: Layout) {
    if !push_any(seat, block.as_ptr(), layout) && !core.push_run(seat, block.as_ptr(), layout) {
        // SAFETY: the caller's promise.
        unsafe { core.deallocate(block, layout) };
    }
}

/// The handle of the global heap; it is only shown to who has seen that heap made.
static GLOBAL_HEAP: Heap = Heap::owning(NonNull::new(GLOBAL_CORE).expect("a static has an address"));

impl Heap {
    /// A heap in memory, with the default options.
    ///
    /// # Errors
    /// [`Error::NoMemory`] where the system has no address space for it.
    pub fn in_memory() -> Result<Self, Error> {
        HeapOptions::new().in_memory()
    }

    /// A heap in a buffer, of fixed size, with the default options.
    ///
    /// What was in the buffer is lost. After the heap is gone the buffer holds its image, which [`Heap::attach`] can
    /// take up again, in a copy of the buffer too.
    ///
    /// ```
    /// use allocator_api2::boxed::Box;
    /// use outlive::Heap;
    ///
    /// let mut buffer = vec![0; 256 << 10];
    /// let heap = Heap::in_buffer(&mut buffer)?;
    /// let answer = Box::new_in(42, &*heap);
    /// assert_eq!(*answer, 42);
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`].
    pub fn in_buffer(buffer: &mut [u8]) -> Result<BufferHeap<'_>, Error> {
        HeapOptions::new().in_buffer(buffer)
    }

    /// Takes up the image of a heap that lies in a buffer, wherever the buffer lies now.
    ///
    /// The metadata is checked before anything is believed. What was allocated stays allocated, at the same offsets;
    /// what lay in the magazines of the image's threads becomes free.
    ///
    /// # Errors
    /// [`Error::NotAnImage`], [`Error::Damaged`] or [`Error::BufferTooSmall`]; the buffer is unchanged then.
    pub fn attach(buffer: &mut [u8]) -> Result<BufferHeap<'_>, Error> {
        HeapOptions::new().attach(buffer)
    }

    /// How a new heap is to be.
    pub fn options() -> HeapOptions {
        HeapOptions::new()
    }

    /// The handle of the global heap, for who has its core.
    pub(crate) fn of_core(core: &'static Core) -> &'static Self {
        debug_assert!(core::ptr::eq(core, GLOBAL_CORE));
        &GLOBAL_HEAP
    }

    /// A handle that owns its core: one that came from `HeapOptions::place`, is in the directory, and belongs to nobody
    /// else; or the global one.
    const fn owning(core: NonNull<Core>) -> Self {
        Self { core, tracked: core, pad: NotePad::NONE, notes: None, file: None, is_bound: false }
    }

    /// Where the heap begins: the address from which its offsets are counted.
    ///
    /// A heap in a file comes back to the same one where that is free, and one that holds absolute pointers
    /// ([`OpenOptions::absolute_pointers`]) nowhere else.
    ///
    /// ```
    /// let heap = outlive::Heap::in_memory()?;
    /// let block = heap.allocate(std::alloc::Layout::new::<u64>()).unwrap();
    /// let offset = heap.info(block.as_ptr()).unwrap().offset.get();
    /// assert_eq!(heap.base().as_ptr().addr() as u64 + offset, block.as_ptr().addr() as u64);
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn base(&self) -> NonNull<u8> {
        self.core().region().base()
    }

    pub(crate) fn core(&self) -> &Core {
        // SAFETY: the core lives as long as its handle, and the global one's handle is shown only after it was made.
        unsafe { self.core.as_ref() }
    }

    /// Whether a block starts at this address that was allocated with a layout like this one, from this kind of memory.
    pub(crate) fn is_block_of(&self, block: NonNull<u8>, layout: Layout, tracked: bool) -> bool {
        let core = if tracked { self.tracked_core() } else { self.core() };
        core.region().locate(block.as_ptr().addr()).is_some() && core.is_block_of(block, layout)
    }

    /// Where changes of tracked memory are noted, for who has to have it at hand; it is the same as long as the heap is open.
    pub(crate) fn pad(&self) -> NotePad {
        self.pad
    }

    /// The core of tracked memory, which may be the same one.
    pub(crate) fn tracked_core(&self) -> &Core {
        // SAFETY: as above.
        unsafe { self.tracked.as_ref() }
    }

    /// The heap's cores, each once.
    pub(crate) fn parts(&self) -> impl DoubleEndedIterator<Item = &Core> {
        let second = (self.tracked != self.core).then(|| self.tracked_core());
        [Some(self.core()), second].into_iter().flatten()
    }

    /// The core in whose pages this address lies; the first one where it lies in none.
    fn core_of(&self, address: usize) -> &Core {
        self.parts().find(|core| core.region().locate(address).is_some()).unwrap_or_else(|| self.core())
    }

    /// What a commit works on; only heaps in files that are written have it.
    fn cores(&self) -> Result<Cores<'_>, Error> {
        let notes = self.notes.as_deref().ok_or(Error::NoFile)?;
        Ok(Cores { untracked: self.core(), tracked: self.tracked_core(), notes })
    }

    /// Hears what the allocator itself writes to blocks; of untracked ones nobody wants to know.
    #[allow(clippy::unused_self, reason = "the same call on tracked memory has something to do")]
    #[inline]
    fn will_write(&self, _: NonNull<u8>, _: usize) {}

    /// A block for `layout`. A layout of size zero gets a dangling pointer at its alignment, and no block.
    ///
    /// # Errors
    /// [`AllocError`] where the limit, the region or the machine has no more.
    #[inline]
    pub fn allocate(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        with_seat(self.core().seat(), |seat| {
            pop(seat, layout).or_else(|| take(self.core(), seat, layout)).ok_or(AllocError)
        })
    }

    /// A block for `layout` that reads as zero.
    ///
    /// # Errors
    /// As [`Heap::allocate`].
    pub fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        if layout.size() == 0 {
            return Ok(nothing(layout));
        }
        self.core().allocate_zeroed(layout, |_| {}).ok_or(AllocError)
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// The block came from this heap with this layout, or one of the same size and alignment, and is used no more.
    #[inline]
    pub unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        with_seat(self.core().seat(), |seat| {
            if !push(seat, block.as_ptr(), layout) {
                // SAFETY: the caller's promise.
                unsafe { give(self.core(), seat, block, layout) };
            }
        });
    }

    /// Takes back a block whose layout the caller does not know; the page table does.
    ///
    /// # Safety
    /// The block came from this heap, with a layout of at least one byte, and is used no more.
    pub unsafe fn deallocate_unsized(&self, block: NonNull<u8>) {
        // SAFETY: the caller's promise.
        unsafe { self.core_of(block.as_ptr().addr()).deallocate_unsized(block) };
    }

    /// Makes a block larger or smaller, in place where that can be done. On success the old pointer is no more.
    ///
    /// # Errors
    /// [`AllocError`]; the block is then as it was.
    ///
    /// # Safety
    /// The block came from this heap with layout `old`.
    pub unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        if old.size() == 0 {
            return self.allocate(new);
        }
        if new.size() == 0 {
            // SAFETY: the caller's promise.
            unsafe { self.deallocate(block, old) };
            return Ok(nothing(new));
        }
        // SAFETY: the caller's promise.
        unsafe { self.core().reallocate(block, old, new, |_, _| {}) }.ok_or(AllocError)
    }

    /// The bytes that the block at this address holds; `None` where no allocated block starts.
    pub fn usable_size(&self, block: NonNull<u8>) -> Option<usize> {
        self.core_of(block.as_ptr().addr()).usable_size(block)
    }

    /// Gives back to the system all memory that is free, magazines included.
    pub fn trim(&self) {
        self.parts().for_each(Core::trim);
    }

    /// Lets at most `bytes` of pages be in use from now on, by slabs and large blocks together; `None` for no limit.
    /// A limit below what is in use only forbids more.
    pub fn set_limit(&self, bytes: Option<usize>) {
        self.parts().for_each(|core| core.set_limit(bytes));
    }

    /// The heap in numbers.
    pub fn stats(&self) -> Stats {
        self.parts().map(Core::stats).reduce(Stats::join).unwrap_or_else(|| self.core().stats())
    }

    /// What the heap knows of the block in which this address lies; `None` outside of blocks.
    pub fn info(&self, address: *const u8) -> Option<BlockInfo> {
        self.core_of(address.addr()).info(address)
    }

    /// Calls `act` with every allocated block, in address order: tracked ones last. What other threads allocate and free
    /// meanwhile is seen or not. A thread that ends gives back what it had at hand, and until it has ended such blocks may be
    /// seen as well.
    pub fn for_each_block(&self, mut act: impl FnMut(NonNull<u8>, BlockInfo)) {
        self.parts().for_each(|core| core.for_each_block(&mut act));
    }

    /// What [`Heap::for_each_block`] has found to be allocated before this, and [`Heap::info`] finds so after it, is allocated: nobody
    /// makes requests of the heap meanwhile, but threads may end and have free blocks in their hands.
    pub(crate) fn settle(&self) {
        self.parts().for_each(Core::settle);
    }

    /// Checks all metadata; reads only. Other threads' misses wait meanwhile.
    ///
    /// ```
    /// # let heap = outlive::Heap::in_memory()?;
    /// assert!(heap.check().is_clean());
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn check(&self) -> Report {
        let mut report = Report::new();
        self.parts().for_each(|core| report.join(&core.check()));
        report
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        if self.core.as_ptr() == GLOBAL_CORE {
            return;
        }
        if let Some(file) = self.file.take() {
            // What does not work now is done by the next opening.
            let _ = file.close(self.cores().ok());
        }
        let seats = [self.core(), self.tracked_core()].map(Core::seat);
        self.parts().for_each(remove);
        if self.tracked != self.core {
            // SAFETY: the handle owns its cores, which came from `HeapOptions::place` and are in no list or seat any more.
            unsafe { options::unplace(self.tracked) };
            give_seat(seats[1]);
        }
        // SAFETY: as above.
        unsafe { options::unplace(self.core) };
        give_seat(seats[0]);
    }
}

impl fmt::Debug for Heap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.parts()).finish()
    }
}
