//! The end of a thread, which leaves its seats.
//!
//! ```text
//!  nothing is known ---> it will be heard of ---> it has begun
//! ```
//!
//! A thread whose end has begun gets no magazines any more: nobody would empty them.

pub(super) use way::will_be_heard_of;

/// By the destructor of a thread-local.
#[cfg(not(all(feature = "c-face", target_arch = "x86_64")))]
mod way {
    use core::cell::Cell;

    /// Leaves all seats when its thread ends.
    struct Exit;

    thread_local! {
        static EXIT: Exit = const { Exit };
        static ENDED: Cell<bool> = const { Cell::new(false) };
    }

    impl Drop for Exit {
        fn drop(&mut self) {
            ENDED.set(true);
            super::super::directory::leave_all_seats();
        }
    }

    /// Makes sure that the end of this thread is noticed; `false` where that can no longer be, because it has begun.
    pub(in super::super) fn will_be_heard_of() -> bool {
        !ENDED.get() && EXIT.try_with(|_| ()).is_ok()
    }
}

/// By a key of the C library's, whose destructors come after those of thread-locals. To register one of these the C
/// library allocates, and so it would ask here again.
#[cfg(all(feature = "c-face", target_arch = "x86_64"))]
mod way {
    use core::arch::{asm, global_asm};

    use crate::os;
    use crate::sync::{AtomicU32, Ordering, Word64};

    const UNKNOWN: u64 = 0;
    const HEARD_OF: u64 = 1;
    const BEGUN: u64 = 2;

    /// One more than the key; 0 before there is one.
    static KEY: AtomicU32 = AtomicU32::new(0);

    // Of the same model as the seats (`magazines/seats.rs`), and for the same reason.
    global_asm!(
        ".pushsection .tbss.outlive_exit, \"awT\", @nobits",
        ".balign 8",
        ".globl outlive_exit",
        ".hidden outlive_exit",
        ".type outlive_exit, @object",
        ".size outlive_exit, 8",
        "outlive_exit:",
        ".zero 8",
        ".popsection",
    );

    fn with_state<R>(act: impl FnOnce(&Word64) -> R) -> R {
        let state: *const Word64;
        // SAFETY: two loads, of the distance and of the thread's own pointer, neither of which ever changes.
        unsafe {
            asm!(
                "mov {state}, qword ptr [rip + outlive_exit@GOTTPOFF]",
                "add {state}, qword ptr fs:[0]",
                state = out(reg) state,
                options(pure, readonly, nostack),
            );
        }
        // SAFETY: the thread's own word, which is there as long as the thread.
        act(unsafe { &*state })
    }

    /// Makes sure that the end of this thread is noticed; `false` where that cannot be, or can no longer be.
    pub(in super::super) fn will_be_heard_of() -> bool {
        with_state(|state| match state.get() {
            UNKNOWN => {
                // Before the C library is asked: what it does for that may come here again.
                state.set(HEARD_OF);
                let heard_of = key().is_some_and(os::mark_thread);
                state.set(if heard_of { HEARD_OF } else { UNKNOWN });
                heard_of
            }
            known => known == HEARD_OF,
        })
    }

    fn key() -> Option<u32> {
        let known = KEY.load(Ordering::Acquire);
        if known != 0 {
            return Some(known - 1);
        }
        let made = os::make_thread_key(ended)?;
        match KEY.compare_exchange(0, made + 1, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(made),
            Err(others) => {
                os::drop_thread_key(made);
                Some(others - 1)
            }
        }
    }

    extern "C" fn ended(_mark: *mut core::ffi::c_void) {
        with_state(|state| state.set(BEGUN));
        super::super::directory::leave_all_seats();
    }
}
