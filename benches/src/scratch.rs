//! Arrays that the harness keeps for itself, mapped straight from the kernel.
//!
//! They never pass through the measured allocator, and every page is written when they are made, so they neither
//! fault in a timed part nor change the resident size later.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::ptr::{NonNull, null_mut};
use std::slice;

use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// A fixed array of `T` in memory of its own. Elements are not dropped with it.
pub struct Scratch<T> {
    start: NonNull<T>,
    len: usize,
}

impl<T> Scratch<T> {
    /// An array of `len` elements, each made by `element` from its index.
    ///
    /// # Panics
    /// When the kernel gives no memory, or `T` asks for more than a page of alignment.
    pub fn new(len: usize, mut element: impl FnMut(usize) -> T) -> Self {
        assert!(align_of::<T>() <= 4096, "a mapping is aligned to a page and no more");
        // SAFETY: without a wish for an address, a new anonymous mapping overlaps nothing.
        let mapped = unsafe {
            mmap_anonymous(null_mut(), bytes::<T>(len), ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        let start = NonNull::new(mapped.expect("scratch memory").cast::<T>()).expect("a mapping is not null");
        for index in 0..len {
            // SAFETY: `index` is below `len`, for which the mapping has room.
            let place = unsafe { start.add(index) };
            // SAFETY: the place is mapped, writable, aligned and holds nothing yet.
            unsafe { place.write(element(index)) };
        }
        Self { start, len }
    }
}

/// The size of a mapping for `len` elements; never 0, which the kernel refuses.
fn bytes<T>(len: usize) -> usize {
    len.checked_mul(size_of::<T>()).expect("scratch size").max(1)
}

impl<T> Deref for Scratch<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `new` wrote all `len` elements, and the mapping lives as long as `self`.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Scratch<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as in `deref`; `&mut self` makes the view the only one.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T> Drop for Scratch<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, has this size, and no view of it can outlive `self`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), bytes::<T>(self.len)) };
        debug_assert!(unmapped.is_ok(), "a whole mapping can be unmapped");
    }
}

// SAFETY: the array owns its elements, as a `Vec` does, so it may move to another thread when they may.
unsafe impl<T: Send> Send for Scratch<T> {}
// SAFETY: a shared array only gives shared views of its elements.
unsafe impl<T: Sync> Sync for Scratch<T> {}

impl<T> fmt::Debug for Scratch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scratch").field("len", &self.len).finish_non_exhaustive()
    }
}
