//! The participant of this thread, and the epochs of this process: one for all maps of all heaps.

use core::cell::Cell;
use core::ptr::{self, NonNull};

use super::epochs::{Epochs, Participant};

static EPOCHS: Epochs = Epochs::new();

thread_local! {
    // `const` and without `Drop`: a plain thread-local access, at any time in a thread's life.
    static HERE: Cell<*const Participant> = const { Cell::new(ptr::null()) };
    /// Touched when a thread gets its participant, and dropped when the thread ends.
    static EXIT: Exit = const { Exit };
}

struct Exit;

impl Drop for Exit {
    fn drop(&mut self) {
        let here = HERE.get();
        // SAFETY: participants stay.
        if let Some(participant) = unsafe { here.as_ref() }
            && participant.leave()
        {
            HERE.set(ptr::null());
        }
    }
}

pub(super) fn epochs() -> &'static Epochs {
    &EPOCHS
}

/// The participant of this thread.
#[inline]
pub(super) fn participant() -> NonNull<Participant> {
    // `try_with` is inlined where the thread-local is, see `magazines/seats.rs`.
    let here = HERE.try_with(Cell::get).unwrap_or(ptr::null());
    NonNull::new(here.cast_mut()).unwrap_or_else(join)
}

#[cold]
fn join() -> NonNull<Participant> {
    let participant = EPOCHS.join();
    HERE.set(participant.as_ptr());
    if EXIT.try_with(|_| ()).is_err() {
        // The thread is ending: nobody will be told of its end any more.
        // SAFETY: participants stay.
        unsafe { participant.as_ref() }.pass_with_last_pin();
    }
    participant
}

/// The thread has no participant any more.
pub(super) fn forget() {
    HERE.set(ptr::null());
}
