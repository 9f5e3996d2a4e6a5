//! `&Heap` and `Tracked` as the allocators of collections: one body for each of the traits by that name.

use super::{Heap, Tracked};

macro_rules! allocator_face {
    ($face:ty, $owner:ident, $($path:tt)*) => {
        const _: () = {
            use core::alloc::Layout;
            use core::ptr::NonNull;
            use $($path)*::{AllocError, Allocator};

            fn slice(block: NonNull<u8>, layout: Layout) -> NonNull<[u8]> {
                NonNull::slice_from_raw_parts(block, layout.size())
            }

            // SAFETY: a block stays where it is until it is given back, the heap outlives its borrows, and copies of a
            // reference are the same heap.
            unsafe impl Allocator for $face {
                #[inline]
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    $owner::allocate(self, layout).map(|block| slice(block, layout)).map_err(|_| AllocError)
                }

                #[inline]
                fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    $owner::allocate_zeroed(self, layout).map(|block| slice(block, layout)).map_err(|_| AllocError)
                }

                #[inline]
                unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: the trait's contract is the same.
                    unsafe { $owner::deallocate(self, block, layout) };
                }

                #[inline]
                unsafe fn grow(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the trait's contract is the same.
                    let moved = unsafe { self.reallocate(block, old, new) };
                    moved.map(|block| slice(block, new)).map_err(|_| AllocError)
                }

                #[inline]
                unsafe fn grow_zeroed(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the trait's contract is the same.
                    let moved = unsafe { self.reallocate(block, old, new) }.map_err(|_| AllocError)?;
                    // SAFETY: the block holds `new.size()` bytes, which the trait has be no less than `old.size()`.
                    let fresh = unsafe { moved.add(old.size()) };
                    self.will_write(fresh, new.size() - old.size());
                    // SAFETY: as above.
                    unsafe { fresh.write_bytes(0, new.size() - old.size()) };
                    Ok(slice(moved, new))
                }

                #[inline]
                unsafe fn shrink(&self, block: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    // SAFETY: the trait's contract is the same.
                    let moved = unsafe { self.reallocate(block, old, new) };
                    moved.map(|block| slice(block, new)).map_err(|_| AllocError)
                }
            }
        };
    };
}

allocator_face!(&Heap, Heap, allocator_api2::alloc);
allocator_face!(Tracked<'_>, Tracked, allocator_api2::alloc);
#[cfg(feature = "allocator-api2-02")]
allocator_face!(&Heap, Heap, allocator_api2_02::alloc);
#[cfg(feature = "allocator-api2-02")]
allocator_face!(Tracked<'_>, Tracked, allocator_api2_02::alloc);
#[cfg(feature = "nightly")]
allocator_face!(&Heap, Heap, std::alloc);
#[cfg(feature = "nightly")]
allocator_face!(Tracked<'_>, Tracked, std::alloc);
