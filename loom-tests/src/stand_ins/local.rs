//! The epochs of an execution, the participants of its threads, and the heights of towers.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use crate::collections::skip_map::{Epochs, Participant};

std::thread_local! {
    // All threads of a model are coroutines of the test's own thread.
    static EPOCHS: Cell<Option<&'static Epochs>> = const { Cell::new(None) };
    static PARTICIPANTS: RefCell<Vec<NonNull<Participant>>> = const { RefCell::new(Vec::new()) };
    static HEIGHT: Cell<usize> = const { Cell::new(1) };
}

loom::thread_local! {
    /// Which of the participants a thread has.
    static NUMBER: Cell<usize> = Cell::new(0);
}

/// Begins an execution with so many threads.
pub(crate) fn begin(threads: usize) {
    let epochs: &'static Epochs = Box::leak(Box::new(Epochs::new()));
    EPOCHS.set(Some(epochs));
    PARTICIPANTS.set((0..threads).map(|_| epochs.join()).collect());
}

/// This thread is the one with this number.
pub(crate) fn be(number: usize) {
    NUMBER.with(|here| here.set(number));
}

/// Towers are so high from now on.
pub(crate) fn set_height(height: usize) {
    HEIGHT.set(height);
}

pub(crate) fn height() -> usize {
    HEIGHT.get()
}

pub(crate) fn epochs() -> &'static Epochs {
    EPOCHS.get().expect("an execution that has begun")
}

pub(crate) fn participant() -> NonNull<Participant> {
    PARTICIPANTS.with_borrow(|participants| participants[NUMBER.with(Cell::get)])
}

pub(crate) fn forget() {}
