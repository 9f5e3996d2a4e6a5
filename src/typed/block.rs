//! Blocks of a heap that one value owns, without types: what boxes and counted values are made of.

use core::alloc::Layout;
use core::num::NonZeroU64;
use core::ptr::NonNull;

use super::heap_type::HeapType;
use super::target::Target;
use crate::handle::AllocError;

/// The offset of what has no size.
pub(super) const NOWHERE: NonZeroU64 = NonZeroU64::MIN;

/// The offset of this address.
pub(super) fn offset_of<H: HeapType>(block: NonNull<u8>, heap: H) -> NonZeroU64 {
    let offset = block.as_ptr().addr() - heap.base().as_ptr().addr();
    debug_assert!(offset as u64 >= H::LEAST);
    // SAFETY: no block lies at the base, which the trait promises.
    unsafe { NonZeroU64::new_unchecked(offset as u64) }
}

/// A block of this layout for what is a `T`, and its offset; for a layout without size an aligned address, and an offset that
/// is no block's.
pub(super) fn allocate<T: ?Sized + Target, H: HeapType>(
    layout: Layout,
    heap: H,
) -> Result<(NonNull<u8>, NonZeroU64), AllocError> {
    if layout.size() == 0 {
        return Ok((nowhere(layout), NOWHERE));
    }
    let block = if T::SCANNED { heap.allocate_scanned(layout) } else { heap.allocate(layout) }?;
    Ok((block, offset_of(block, heap)))
}

/// Where a block of this layout lies.
#[inline]
pub(super) fn at<H: HeapType>(offset: NonZeroU64, layout: Layout, heap: H) -> NonNull<u8> {
    if layout.size() == 0 {
        return nowhere(layout);
    }
    #[allow(clippy::cast_possible_truncation, reason = "an offset into memory of this process")]
    // SAFETY: a block of the heap, which is one allocation from its base on.
    unsafe {
        heap.base().byte_add(offset.get() as usize)
    }
}

/// Gives a block back.
///
/// # Safety
/// It came from [`allocate`] for the same type and layout, in this run or an earlier one, and is used no more.
pub(super) unsafe fn free<T: ?Sized + Target, H: HeapType>(offset: NonZeroU64, layout: Layout, heap: H) {
    if layout.size() == 0 {
        return;
    }
    let block = at(offset, layout, heap);
    if T::SCANNED {
        // SAFETY: the caller's promise.
        unsafe { heap.deallocate_scanned(block, layout) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { heap.deallocate(block, layout) };
    }
}

fn nowhere(layout: Layout) -> NonNull<u8> {
    let align = core::num::NonZero::new(layout.align()).unwrap_or(core::num::NonZero::<usize>::MIN);
    NonNull::without_provenance(align)
}

/// What a constructor does that cannot say that there is no memory.
#[cold]
#[inline(never)]
pub(super) fn no_memory(layout: Layout) -> ! {
    panic!("the heap has no memory for {} bytes: free something, or raise its limit", layout.size())
}
