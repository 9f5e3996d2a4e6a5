//! The C library's list of streams around a `fork`.
//!
//! A `fork` takes the heap's locks and then, within the C library, the lock of the list of streams. Another thread may hold
//! that lock and wait for a stream, whose holder is in the midst of a request and waits for the heap: `fflush(NULL)` beside
//! `getline`, for one. The C library knows of that and takes its own allocator's locks last. Here the handlers of `fork`
//! have all run by then; so the lock of the list is taken before the heap's, which later takings by the same thread do
//! not mind.
//!
//! Handlers run before a `fork` in the reverse order of their registration, and after it in that order. The heap's are
//! registered when it is made, which is before those here.

use core::ffi::c_int;

unsafe extern "C" {
    fn _IO_list_lock();
    fn _IO_list_unlock();
    fn _IO_list_resetlock();
    fn pthread_atfork(
        before: Option<unsafe extern "C" fn()>,
        parent: Option<unsafe extern "C" fn()>,
        child: Option<unsafe extern "C" fn()>,
    ) -> c_int;
}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOADING: extern "C" fn() = at_loading;

extern "C" fn at_loading() {
    // Makes the heap, and with it its handlers, if nobody has asked for a block yet.
    // SAFETY: the block is used by nobody.
    unsafe { outlive::c::free(outlive::c::allocate(1)) };
    // A refusal means no memory for a few words.
    // SAFETY: the functions live as long as the process; in the child the lock is nobody's any more, whoever had it.
    let _ = unsafe { pthread_atfork(Some(_IO_list_lock), Some(_IO_list_unlock), Some(_IO_list_resetlock)) };
}
