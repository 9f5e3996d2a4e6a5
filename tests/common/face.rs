//! The faces of an allocator, as the oracle drives them.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use outlive::{Global, Heap, Report};

/// One way to ask for memory.
pub trait Face {
    /// The face's name, for messages.
    const NAME: &'static str;
    /// A block, zeroed if asked for.
    fn take(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>>;
    /// Gives a block back.
    ///
    /// # Safety
    /// The block came from this face with this layout, and is used no more.
    unsafe fn give(&self, block: NonNull<u8>, layout: Layout);
    /// Makes a block larger or smaller, or aligned otherwise; what is new of it is zeroed if asked for.
    ///
    /// # Safety
    /// The block came from this face with layout `old`.
    unsafe fn resize(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Option<NonNull<u8>>;
    /// The heap behind it.
    fn heap(&self) -> &Heap;

    /// What the checker finds.
    fn check(&self) -> Report {
        self.heap().check()
    }
}

/// The heap's plain calls; every other block is freed without its layout.
#[derive(Debug)]
pub struct Plain<'a>(pub &'a Heap);

impl Face for Plain<'_> {
    const NAME: &'static str = "plain calls";

    fn take(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        if zeroed { self.0.allocate_zeroed(layout).ok() } else { self.0.allocate(layout).ok() }
    }

    unsafe fn give(&self, block: NonNull<u8>, layout: Layout) {
        assert!(layout.size() == 0 || self.0.usable_size(block).unwrap() >= layout.size());
        if layout.size() > 0 && (block.as_ptr().addr() / 64).is_multiple_of(2) {
            // SAFETY: the caller's promise.
            unsafe { self.0.deallocate_unsized(block) };
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.0.deallocate(block, layout) };
        }
    }

    unsafe fn resize(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        let block = unsafe { self.0.reallocate(block, old, new) }.ok()?;
        Some(zero_beyond(block, old, new, zeroed))
    }

    fn heap(&self) -> &Heap {
        self.0
    }
}

/// Zeroes what a block has more than before, if asked for.
fn zero_beyond(block: NonNull<u8>, old: Layout, new: Layout, zeroed: bool) -> NonNull<u8> {
    if zeroed && new.size() > old.size() {
        // SAFETY: the block holds the new size.
        unsafe { block.add(old.size()).write_bytes(0, new.size() - old.size()) };
    }
    block
}

macro_rules! trait_face {
    ($name:ident, $what:literal, $($path:tt)*) => {
        #[doc = concat!("`&Heap` as ", $what, ".")]
        #[derive(Debug)]
        pub struct $name<'a>(pub &'a Heap);

        impl Face for $name<'_> {
            const NAME: &'static str = $what;

            fn take(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
                use $($path)*::Allocator;
                let block = if zeroed {
                    Allocator::allocate_zeroed(&self.0, layout)
                } else {
                    Allocator::allocate(&self.0, layout)
                };
                let block = block.ok()?;
                assert!(block.len() >= layout.size());
                Some(block.cast())
            }

            unsafe fn give(&self, block: NonNull<u8>, layout: Layout) {
                use $($path)*::Allocator;
                // SAFETY: the caller's promise.
                unsafe { Allocator::deallocate(&self.0, block, layout) };
            }

            unsafe fn resize(
                &self,
                block: NonNull<u8>,
                old: Layout,
                new: Layout,
                zeroed: bool,
            ) -> Option<NonNull<u8>> {
                use $($path)*::Allocator;
                let moved = if new.size() >= old.size() && zeroed {
                    // SAFETY: the caller's promise, and the new size is no smaller.
                    unsafe { Allocator::grow_zeroed(&self.0, block, old, new) }
                } else if new.size() >= old.size() {
                    // SAFETY: the caller's promise, and the new size is no smaller.
                    unsafe { Allocator::grow(&self.0, block, old, new) }
                } else {
                    // SAFETY: the caller's promise, and the new size is smaller.
                    unsafe { Allocator::shrink(&self.0, block, old, new) }
                };
                moved.ok().map(NonNull::cast)
            }

            fn heap(&self) -> &Heap {
                self.0
            }
        }
    };
}

trait_face!(Api04, "the Allocator of allocator-api2 0.4", allocator_api2::alloc);
#[cfg(feature = "allocator-api2-02")]
trait_face!(Api02, "the Allocator of allocator-api2 0.2", allocator_api2_02::alloc);
#[cfg(feature = "nightly")]
trait_face!(Std, "the Allocator of the standard library", std::alloc);

/// The global allocator, called directly.
#[derive(Debug)]
pub struct Process;

impl Face for Process {
    const NAME: &'static str = "GlobalAlloc";

    fn take(&self, layout: Layout, zeroed: bool) -> Option<NonNull<u8>> {
        if layout.size() == 0 {
            return Some(NonNull::without_provenance(layout.align().try_into().unwrap()));
        }
        // SAFETY: the layout is not empty.
        NonNull::new(unsafe { if zeroed { Global.alloc_zeroed(layout) } else { Global.alloc(layout) } })
    }

    unsafe fn give(&self, block: NonNull<u8>, layout: Layout) {
        if layout.size() > 0 {
            // SAFETY: the caller's promise.
            unsafe { Global.dealloc(block.as_ptr(), layout) };
        }
    }

    unsafe fn resize(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        zeroed: bool,
    ) -> Option<NonNull<u8>> {
        if old.size() == 0 || new.size() == 0 || old.align() != new.align() {
            let moved = self.take(new, zeroed)?;
            // SAFETY: both blocks hold as many bytes.
            unsafe { moved.copy_from_nonoverlapping(block, old.size().min(new.size())) };
            // SAFETY: the caller's promise.
            unsafe { self.give(block, old) };
            return Some(moved);
        }
        // SAFETY: the caller's promise, and neither size is zero.
        let moved = NonNull::new(unsafe { Global.realloc(block.as_ptr(), old, new.size()) })?;
        Some(zero_beyond(moved, old, new, zeroed))
    }

    fn heap(&self) -> &Heap {
        Global.heap().expect("a heap after the first block")
    }
}
