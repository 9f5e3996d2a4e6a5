//! Allocation and free, addresses and offsets.

use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{self, NonNull};

use heap::{Heap, Offset};

use crate::code::{Failure, answer};
use crate::open::{Handle, handle};

/// The alignment of every block that asks for no other.
const ALIGN: usize = 16;

/// What a request for `size` bytes is in Rust. A request for nothing is one for a byte, so that it gets a block as well.
fn layout(size: usize, align: usize) -> Result<Layout, Failure> {
    let layout = Layout::from_size_align(size.max(1), align).and_then(|layout| layout.align_to(ALIGN));
    layout.map_err(|_| {
        Failure::argument(&format!(
            "no block can have {size} bytes at a multiple of {align}: that must be a power of two"
        ))
    })
}

/// The block, or null and a message.
fn or_null(block: Result<NonNull<u8>, Failure>) -> *mut c_void {
    match block {
        Ok(block) => block.as_ptr().cast(),
        Err(failure) => {
            answer(Err(failure));
            ptr::null_mut()
        }
    }
}

/// Allocates `size` bytes, aligned to 16; null where there is no memory for them.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_alloc(heap: *const Handle, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    unsafe { outlive_alloc_aligned(heap, ALIGN, size) }
}

/// Allocates `size` bytes that are zero, aligned to 16; null where there is no memory for them.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_alloc_zeroed(heap: *const Handle, size: usize) -> *mut c_void {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    or_null(handle.and_then(|handle| Ok(handle.heap().allocate_zeroed(layout(size, ALIGN)?)?)))
}

/// Allocates `size` bytes at a multiple of `align`, a power of two, or of 16 if that is more; null where there is no memory
/// for them.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_alloc_aligned(
    heap: *const Handle,
    align: usize,
    size: usize,
) -> *mut c_void {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    or_null(handle.and_then(|handle| Ok(handle.heap().allocate(layout(size, align)?)?)))
}

/// Makes a block larger or smaller, and returns where it is now, aligned to 16: its content moves along. Null where there is no
/// memory; the block is then as it was. A null `block` is a new one.
///
/// # Safety
/// `heap` is open; `block` is null, or one of its blocks, and used no more if the call succeeds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_realloc(
    heap: *const Handle,
    block: *mut c_void,
    size: usize,
) -> *mut c_void {
    let Some(block) = NonNull::new(block.cast::<u8>()) else {
        // SAFETY: the caller's promise.
        return unsafe { outlive_alloc(heap, size) };
    };
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    or_null(handle.and_then(|handle| {
        let (heap, new) = (handle.heap(), layout(size, ALIGN)?);
        let old = Layout::from_size_align(usable(heap, block)?, ALIGN).map_err(|_| no_block())?;
        // SAFETY: the block is one of this heap's, and a layout of all the bytes that it holds stands for the one it was
        // allocated with: both name the same class, or the same number of pages.
        Ok(unsafe { heap.reallocate(block, old, new) }?)
    }))
}

/// Frees a block; null is none. What is no block of the heap ends the process with a message.
///
/// # Safety
/// `heap` is open; `block` is null, or one of its blocks, and used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_free(heap: *const Handle, block: *mut c_void) {
    // SAFETY: the caller's promise.
    if let (Ok(handle), Some(block)) = (unsafe { handle(heap) }, NonNull::new(block.cast())) {
        // SAFETY: as above.
        unsafe { handle.heap().deallocate_unsized(block) };
    }
}

/// The bytes that a block holds, which may be more than were asked for; 0 where no block begins.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_usable_size(heap: *const Handle, block: *const c_void) -> usize {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) }.ok();
    let block = NonNull::new(block.cast_mut().cast());
    handle.zip(block).and_then(|(handle, block)| handle.heap().usable_size(block)).unwrap_or(0)
}

fn usable(heap: &Heap, block: NonNull<u8>) -> Result<usize, Failure> {
    heap.usable_size(block).ok_or_else(no_block)
}

fn no_block() -> Failure {
    Failure::argument("no block of this heap begins at this address")
}

/// Where an address lies in the heap, which is the same in every run; 0 for null and for what lies outside of it.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_offset_of(heap: *const Handle, address: *const c_void) -> u64 {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) }.ok();
    let address = NonNull::new(address.cast_mut().cast());
    handle.zip(address).and_then(|(handle, address)| handle.heap().offset_of(address)).map_or(0, Offset::get)
}

/// The address at an offset; null for 0 and for what lies outside of the heap.
///
/// # Safety
/// `heap` is open.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_at(heap: *const Handle, offset: u64) -> *mut c_void {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) }.ok();
    let found = handle.zip(Offset::new(offset)).and_then(|(handle, offset)| handle.heap().at(offset));
    found.map_or(ptr::null_mut(), |address| address.as_ptr().cast())
}
