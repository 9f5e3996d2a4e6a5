//! The ends of threads, as the C library tells of them.

use core::ffi::{c_int, c_uint, c_void};
use core::ptr;

unsafe extern "C" {
    fn pthread_key_create(key: *mut c_uint, destructor: Option<extern "C" fn(*mut c_void)>) -> c_int;
    fn pthread_key_delete(key: c_uint) -> c_int;
    fn pthread_setspecific(key: c_uint, value: *const c_void) -> c_int;
}

/// A key whose `ended` is called at the end of each thread that was marked with it; `None` where the process has no more.
pub(crate) fn make_thread_key(ended: extern "C" fn(*mut c_void)) -> Option<u32> {
    let mut key = 0;
    // SAFETY: the key is written before the call returns; the function lives as long as the process.
    (unsafe { pthread_key_create(&raw mut key, Some(ended)) } == 0).then_some(key)
}

/// Gives back a key with which no thread was marked.
pub(crate) fn drop_thread_key(key: u32) {
    // SAFETY: the key came from `make_thread_key`.
    unsafe { pthread_key_delete(key) };
}

/// Has the end of this thread noticed; `false` where there is no memory to note that in.
pub(crate) fn mark_thread(key: u32) -> bool {
    // Any value but null will do.
    let mark = ptr::without_provenance(1);
    // SAFETY: the key came from `make_thread_key`, and nobody follows the value.
    unsafe { pthread_setspecific(key, mark) == 0 }
}
