//! C++'s new and delete, under the names that the Itanium ABI gives them.
//!
//! A `new` that finds no memory calls the program's new-handler and tries again, for as long as there is one; then it
//! throws `std::bad_alloc`, or answers null in its `nothrow` form. Handler and exception are those of the program's own C++
//! library, if it has one: their names are weak here, so that programs without one can be run as well.

use core::arch::asm;
use core::ffi::{CStr, c_char, c_void};

use outlive::c;

/// The address of a function that may not be there.
macro_rules! weak {
    ($name:literal as $kind:ty) => {{
        let address: *const ();
        // SAFETY: one load from the table of addresses, which the loader filled.
        unsafe {
            asm!(
                concat!(".weak ", $name),
                concat!("mov {address}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                address = out(reg) address,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        // SAFETY: a function of this type, by its name, or null.
        unsafe { core::mem::transmute::<*const (), Option<$kind>>(address) }
    }};
}

type Handler = extern "C-unwind" fn();

/// The program's new-handler.
fn new_handler() -> Option<Handler> {
    let get = weak!("_ZSt15get_new_handlerv" as extern "C" fn() -> Option<Handler>)?;
    get()
}

/// Throws `std::bad_alloc`, with the C++ library of the program: GCC's or LLVM's.
fn throw_bad_alloc() -> ! {
    type Throw = extern "C-unwind" fn();
    let throw = weak!("_ZSt17__throw_bad_allocv" as Throw)
        .or_else(|| weak!("_ZNSt3__117__throw_bad_allocEv" as Throw));
    if let Some(throw) = throw {
        throw();
    }
    std::process::abort()
}

/// A block, after as many calls of the new-handler as it takes; null where there is no handler.
#[cold]
#[inline(never)]
extern "C-unwind" fn insist(size: usize, align: usize) -> *mut u8 {
    loop {
        let block = c::allocate_aligned(size, align);
        if !block.is_null() {
            return block;
        }
        match new_handler() {
            Some(handler) => handler(),
            None => return block,
        }
    }
}

#[cold]
#[inline(never)]
extern "C-unwind" fn insist_or_throw(size: usize, align: usize) -> *mut c_void {
    let block = insist(size, align);
    if block.is_null() {
        throw_bad_alloc();
    }
    block.cast()
}

/// What the `nothrow` forms do. Where there is a handler, it may throw, and that exception would have to be caught here, which
/// only C++ can do: the C++ library's own function of this name does it, with our throwing `new` inside.
#[cold]
#[inline(never)]
extern "C" fn insist_or_null(
    size: usize,
    align: usize,
    name: *const c_char,
    quietly: *const c_void,
) -> *mut c_void {
    type Plain = extern "C" fn(usize, *const c_void) -> *mut c_void;
    type Aligned = extern "C" fn(usize, usize, *const c_void) -> *mut c_void;
    let block = c::allocate_aligned(size, align);
    if !block.is_null() || new_handler().is_none() {
        return block.cast();
    }
    // SAFETY: the name ends with a zero.
    let next = unsafe { libc::dlsym(libc::RTLD_NEXT, name) };
    if next.is_null() {
        return next;
    }
    if align == c::ALIGN {
        // SAFETY: the function of this name has this type.
        let next = unsafe { core::mem::transmute::<*mut c_void, Plain>(next) };
        return next(size, quietly);
    }
    // SAFETY: as above.
    let next = unsafe { core::mem::transmute::<*mut c_void, Aligned>(next) };
    next(size, align, quietly)
}

/// The name under which a function is exported.
macro_rules! name {
    ($function:ident) => {
        match CStr::from_bytes_with_nul(concat!(stringify!($function), "\0").as_bytes()) {
            Ok(name) => name.as_ptr(),
            Err(_) => unreachable!(),
        }
    };
}

macro_rules! new {
    ($($throwing:ident, $quiet:ident, $throwing_aligned:ident, $quiet_aligned:ident: $form:literal;)*) => {$(
        #[doc = concat!("`operator ", $form, "(size_t)`.")]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $throwing(size: usize) -> *mut c_void {
            match c::allocate_held(size) {
                Some(block) => block.as_ptr().cast(),
                None => insist_or_throw(size, c::ALIGN),
            }
        }

        #[doc = concat!("`operator ", $form, "(size_t, const std::nothrow_t &)`.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $quiet(size: usize, quietly: *const c_void) -> *mut c_void {
            match c::allocate_held(size) {
                Some(block) => block.as_ptr().cast(),
                None => insist_or_null(size, c::ALIGN, name!($quiet), quietly),
            }
        }

        #[doc = concat!("`operator ", $form, "(size_t, std::align_val_t)`.")]
        #[unsafe(no_mangle)]
        pub extern "C-unwind" fn $throwing_aligned(size: usize, align: usize) -> *mut c_void {
            insist_or_throw(size, align)
        }

        #[doc = concat!("`operator ", $form, "(size_t, std::align_val_t, const std::nothrow_t &)`.")]
        #[unsafe(no_mangle)]
        pub extern "C" fn $quiet_aligned(size: usize, align: usize, quietly: *const c_void) -> *mut c_void {
            // An alignment that every block has is no reason to call the wrong one of the two.
            insist_or_null(size, align.max(2 * c::ALIGN), name!($quiet_aligned), quietly)
        }
    )*};
}

macro_rules! delete {
    ($($name:ident($($more:ident: $kind:ty),*): $form:literal;)*) => {$(
        #[doc = concat!("`operator ", $form, "`.")]
        ///
        /// # Safety
        /// `block` is null, or came from the matching `operator new`, and is used no more.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(block: *mut c_void, $($more: $kind),*) {
            // SAFETY: the caller's promise.
            unsafe { c::free(block.cast()) };
        }
    )*};
}

// The names are the ABI's.
#[allow(non_snake_case, reason = "the ABI's names")]
mod names {
    use super::{CStr, c, c_void, insist_or_null, insist_or_throw};

    new! {
        _Znwm, _ZnwmRKSt9nothrow_t, _ZnwmSt11align_val_t, _ZnwmSt11align_val_tRKSt9nothrow_t: "new";
        _Znam, _ZnamRKSt9nothrow_t, _ZnamSt11align_val_t, _ZnamSt11align_val_tRKSt9nothrow_t: "new[]";
    }

    delete! {
        _ZdlPv(): "delete(void *)";
        _ZdaPv(): "delete[](void *)";
        _ZdlPvm(_size: usize): "delete(void *, size_t)";
        _ZdaPvm(_size: usize): "delete[](void *, size_t)";
        _ZdlPvSt11align_val_t(_align: usize): "delete(void *, std::align_val_t)";
        _ZdaPvSt11align_val_t(_align: usize): "delete[](void *, std::align_val_t)";
        _ZdlPvmSt11align_val_t(_size: usize, _align: usize): "delete(void *, size_t, std::align_val_t)";
        _ZdaPvmSt11align_val_t(_size: usize, _align: usize): "delete[](void *, size_t, std::align_val_t)";
        _ZdlPvRKSt9nothrow_t(_quietly: *const c_void): "delete(void *, const std::nothrow_t &)";
        _ZdaPvRKSt9nothrow_t(_quietly: *const c_void): "delete[](void *, const std::nothrow_t &)";
        _ZdlPvSt11align_val_tRKSt9nothrow_t(_align: usize, _quietly: *const c_void):
            "delete(void *, std::align_val_t, const std::nothrow_t &)";
        _ZdaPvSt11align_val_tRKSt9nothrow_t(_align: usize, _quietly: *const c_void):
            "delete[](void *, std::align_val_t, const std::nothrow_t &)";
    }
}
