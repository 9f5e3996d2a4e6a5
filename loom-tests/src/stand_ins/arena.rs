//! A heap that uses no memory twice.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use super::handle::AllocError;
use crate::typed::HeapType;

const BYTES: usize = 1 << 15;

#[repr(align(4096))]
struct Memory([u8; BYTES]);

std::thread_local! {
    static MEMORY: RefCell<Box<Memory>> = RefCell::new(Box::new(Memory([0; BYTES])));
    static USED: Cell<usize> = const { Cell::new(0) };
    static BLOCKS: Cell<usize> = const { Cell::new(0) };
}

/// The heap of this execution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arena;

impl Arena {
    /// An empty one.
    pub(crate) fn begin() -> Self {
        USED.set(4096);
        BLOCKS.set(0);
        Self
    }

    /// How many blocks there are.
    pub(crate) fn blocks(self) -> usize {
        BLOCKS.get()
    }
}

// SAFETY: the memory is there as long as the test's thread, and each part of it is given out once in an execution.
unsafe impl HeapType for Arena {
    type In<'h> = Self;

    fn base(self) -> NonNull<u8> {
        MEMORY.with_borrow_mut(|memory| NonNull::from(&mut **memory).cast())
    }

    fn allocate(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let start = USED.get().next_multiple_of(layout.align());
        USED.set(start + layout.size());
        assert!(USED.get() <= BYTES, "the arena is too small");
        BLOCKS.set(BLOCKS.get() + 1);
        // SAFETY: within the memory.
        Ok(unsafe { self.base().add(start) })
    }

    unsafe fn deallocate(self, _: NonNull<u8>, _: Layout) {
        BLOCKS.set(BLOCKS.get() - 1);
    }

    unsafe fn reallocate(self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError)
    }

    fn note(self, _: *const u8, _: usize) {}
}
