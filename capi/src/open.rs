//! Heaps in memory, in buffers and in files, and their ends.

use core::ffi::{c_char, c_void};
use core::slice;
use std::sync::Mutex;

use heap::{BufferHeap, Heap, HeapOptions, OpenOptions};

use crate::code::{Code, Failure, answer, text};

/// How a heap is to be. All zeros are the defaults.
#[repr(C)]
#[derive(Clone, Copy, Default, Debug)]
pub struct Options {
    /// The most bytes of pages that may be in use at one time; 0 for no limit.
    pub limit: usize,
    /// Bytes of address space to reserve, beyond which the heap cannot grow; 0 for 64 GiB.
    pub reservation: usize,
    /// Whether the file must exist.
    pub must_exist: bool,
    /// Whether the file must not exist.
    pub must_be_new: bool,
    /// Whether the heap is only read.
    pub read_only: bool,
}

/// A heap. It can be used from any number of threads, and is closed by one.
pub struct Handle {
    kept: Kept,
    /// Excludes changes of the directory of names from each other.
    pub(crate) names: Mutex<()>,
}

enum Kept {
    File(Heap),
    Memory(Heap),
    Buffer(BufferHeap<'static>),
}

impl Handle {
    pub(crate) fn heap(&self) -> &Heap {
        match &self.kept {
            Kept::File(heap) | Kept::Memory(heap) => heap,
            Kept::Buffer(heap) => heap,
        }
    }
}

/// The heap behind a handle.
///
/// # Safety
/// `handle` is null, or came from one of the functions that make heaps and was not closed.
pub(crate) unsafe fn handle<'a>(handle: *const Handle) -> Result<&'a Handle, Failure> {
    // SAFETY: the caller's promise.
    unsafe { handle.as_ref() }.ok_or_else(|| Failure::argument("the heap is a null pointer"))
}

/// # Safety
/// `options` is null, or can be read.
unsafe fn options(options: *const Options) -> (Options, HeapOptions) {
    // SAFETY: the caller's promise.
    let options = unsafe { options.as_ref() }.copied().unwrap_or_default();
    let mut of_heap = Heap::options();
    if options.limit > 0 {
        of_heap = of_heap.limit(options.limit);
    }
    if options.reservation > 0 {
        of_heap = of_heap.reservation(options.reservation);
    }
    (options, of_heap)
}

/// Hands out a heap that was made.
///
/// # Safety
/// `place` is null, or can be written.
unsafe fn hand_out(made: Result<Kept, Failure>, place: *mut *mut Handle) -> Code {
    if place.is_null() {
        return answer(Err(Failure::argument("the place for the heap is a null pointer")));
    }
    let made = made.map(|kept| Box::into_raw(Box::new(Handle { kept, names: Mutex::new(()) })));
    // SAFETY: the caller's promise.
    unsafe { place.write(*made.as_ref().unwrap_or(&core::ptr::null_mut())) };
    answer(made.map(|_| ()))
}

/// Opens the heap in a file, or makes it, and writes it to `heap`. What its last commit left is there again.
///
/// # Safety
/// `path` ends with a zero; `options` is null or can be read; `heap` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_open(
    path: *const c_char,
    options: *const Options,
    heap: *mut *mut Handle,
) -> Code {
    // SAFETY: the caller's promise.
    let (wanted, of_heap) = unsafe { self::options(options) };
    // SAFETY: as above.
    let path = unsafe { text(path, "the path") };
    let made = path.and_then(|path| {
        let open = OpenOptions::new()
            .heap(of_heap)
            .create(!wanted.must_exist)
            .existing(!wanted.must_be_new)
            .read_only(wanted.read_only);
        Ok(Kept::File(open.open(path)?))
    });
    // SAFETY: as above.
    unsafe { hand_out(made, heap) }
}

/// Makes a heap in memory, which is gone when it is closed.
///
/// # Safety
/// `options` is null or can be read; `heap` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_in_memory(options: *const Options, heap: *mut *mut Handle) -> Code {
    // SAFETY: the caller's promise.
    let (_, of_heap) = unsafe { self::options(options) };
    let made = of_heap.in_memory().map(Kept::Memory).map_err(Failure::from);
    // SAFETY: as above.
    unsafe { hand_out(made, heap) }
}

/// Makes a heap in a buffer of the caller's, of fixed size. When it is closed the buffer holds its image.
///
/// # Safety
/// `buffer` has `size` bytes, which nobody else uses until the heap is closed; `options` is null or can be read; `heap` can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_in_buffer(
    buffer: *mut c_void,
    size: usize,
    options: *const Options,
    heap: *mut *mut Handle,
) -> Code {
    // SAFETY: the caller's promise.
    let (_, of_heap) = unsafe { self::options(options) };
    // SAFETY: as above.
    let made =
        unsafe { memory(buffer, size) }.and_then(|memory| Ok(Kept::Buffer(of_heap.in_buffer(memory)?)));
    // SAFETY: as above.
    unsafe { hand_out(made, heap) }
}

/// Takes up the image that a heap left in a buffer, wherever the buffer lies now. Its metadata is checked first.
///
/// # Safety
/// As for `outlive_in_buffer`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_attach(
    buffer: *mut c_void,
    size: usize,
    options: *const Options,
    heap: *mut *mut Handle,
) -> Code {
    // SAFETY: the caller's promise.
    let (_, of_heap) = unsafe { self::options(options) };
    // SAFETY: as above.
    let made = unsafe { memory(buffer, size) }.and_then(|memory| Ok(Kept::Buffer(of_heap.attach(memory)?)));
    // SAFETY: as above.
    unsafe { hand_out(made, heap) }
}

/// # Safety
/// `buffer` is null, or has `size` bytes that nobody else uses.
unsafe fn memory(buffer: *mut c_void, size: usize) -> Result<&'static mut [u8], Failure> {
    if buffer.is_null() {
        return Err(Failure::argument("the buffer is a null pointer"));
    }
    // SAFETY: the caller's promise; to the allocator any bytes are as good as any others.
    Ok(unsafe { slice::from_raw_parts_mut(buffer.cast(), size) })
}

/// Closes a heap; null is none. What was not persisted is gone, and so is the handle, whatever the answer.
///
/// # Safety
/// `heap` is null, or came from one of the functions that make heaps, and is used no more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_close(heap: *mut Handle) -> Code {
    if heap.is_null() {
        return Code::OutliveOk;
    }
    // SAFETY: the caller's promise.
    let handle = unsafe { Box::from_raw(heap) };
    answer(match handle.kept {
        Kept::File(heap) => heap.close().map_err(Failure::from),
        Kept::Memory(_) | Kept::Buffer(_) => Ok(()),
    })
}
