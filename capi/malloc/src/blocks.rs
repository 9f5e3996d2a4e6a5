//! malloc, calloc, realloc and free, in all their forms, with the C library's edge cases.
//!
//! | call | answer |
//! |---|---|
//! | a request for 0 bytes | a block of its own, to be freed |
//! | `realloc(block, 0)` | the block is freed, and the answer is null, with `errno` as it was |
//! | a product of sizes that overflows, or more than `PTRDIFF_MAX` bytes | null, `ENOMEM`; `realloc` leaves the block |
//! | `posix_memalign` with what is no power of two, or no multiple of a pointer's size | `EINVAL`, as its result |
//! | `aligned_alloc` and `memalign` with what is no power of two | null, `EINVAL`; the next power of two |

use core::ffi::c_void;
use core::ptr;

use libc::{EINVAL, ENOMEM, c_int};
use outlive::c;

use crate::set_errno;

const PAGE: usize = outlive::PAGE;

/// The block, or null and `ENOMEM`.
fn or_no_memory(block: *mut u8) -> *mut c_void {
    if block.is_null() {
        set_errno(ENOMEM);
    }
    block.cast()
}

/// `malloc(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn malloc(size: usize) -> *mut c_void {
    match c::allocate_held(size) {
        Some(block) => block.as_ptr().cast(),
        None => malloc_missed(size),
    }
}

#[cold]
#[inline(never)]
extern "C" fn malloc_missed(size: usize) -> *mut c_void {
    or_no_memory(c::allocate(size))
}

/// `free(3)`.
///
/// # Safety
/// `block` is null, or came from a function of this library and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { c::free(block.cast()) };
}

/// `calloc(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        Some(bytes) => or_no_memory(c::allocate_zeroed(bytes)),
        None => or_no_memory(ptr::null_mut()),
    }
}

/// `realloc(3)`.
///
/// # Safety
/// As for [`free`], if a block is returned or `size` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn realloc(block: *mut c_void, size: usize) -> *mut c_void {
    if block.is_null() {
        return malloc(size);
    }
    if size == 0 {
        // SAFETY: the caller's promise.
        unsafe { free(block) };
        return ptr::null_mut();
    }
    // SAFETY: the caller's promise.
    or_no_memory(unsafe { c::reallocate(block.cast(), size) })
}

/// `reallocarray(3)`.
///
/// # Safety
/// As for [`realloc`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn reallocarray(block: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: the caller's promise.
        Some(bytes) => unsafe { realloc(block, bytes) },
        None => or_no_memory(ptr::null_mut()),
    }
}

/// `posix_memalign(3)`.
///
/// # Safety
/// `place` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn posix_memalign(place: *mut *mut c_void, align: usize, size: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<*mut c_void>()) {
        return EINVAL;
    }
    let block = c::allocate_aligned(size, align);
    if block.is_null() {
        // Nobody promises that, but the C library does it, and programs look there.
        set_errno(ENOMEM);
        return ENOMEM;
    }
    // SAFETY: the caller's promise.
    unsafe { *place = block.cast() };
    0
}

/// `aligned_alloc(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn aligned_alloc(align: usize, size: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        set_errno(EINVAL);
        return ptr::null_mut();
    }
    or_no_memory(c::allocate_aligned(size, align))
}

/// `memalign(3)`: an alignment that is no power of two becomes the next one.
#[unsafe(no_mangle)]
pub extern "C" fn memalign(align: usize, size: usize) -> *mut c_void {
    match align.checked_next_power_of_two() {
        Some(align) => or_no_memory(c::allocate_aligned(size, align)),
        None => {
            set_errno(EINVAL);
            ptr::null_mut()
        }
    }
}

/// `valloc(3)`.
#[unsafe(no_mangle)]
pub extern "C" fn valloc(size: usize) -> *mut c_void {
    or_no_memory(c::allocate_aligned(size, PAGE))
}

/// `pvalloc(3)`: whole pages.
#[unsafe(no_mangle)]
pub extern "C" fn pvalloc(size: usize) -> *mut c_void {
    match size.checked_next_multiple_of(PAGE) {
        Some(bytes) => valloc(bytes),
        None => or_no_memory(ptr::null_mut()),
    }
}

/// `malloc_usable_size(3)`.
///
/// # Safety
/// `block` is null, or came from a function of this library and is in use.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn malloc_usable_size(block: *mut c_void) -> usize {
    // SAFETY: the caller's promise.
    unsafe { c::usable_size(block.cast()) }
}

/// `free_sized` of C23. What the caller says of the block is not needed.
///
/// # Safety
/// As for [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_sized(block: *mut c_void, _size: usize) {
    // SAFETY: the caller's promise.
    unsafe { c::free(block.cast()) };
}

/// `free_aligned_sized` of C23.
///
/// # Safety
/// As for [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn free_aligned_sized(block: *mut c_void, _align: usize, _size: usize) {
    // SAFETY: the caller's promise.
    unsafe { c::free(block.cast()) };
}

/// `cfree(3)`, which old programs still call.
///
/// # Safety
/// As for [`free`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cfree(block: *mut c_void) {
    // SAFETY: the caller's promise.
    unsafe { c::free(block.cast()) };
}
