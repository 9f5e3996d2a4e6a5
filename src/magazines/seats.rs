//! The seats of this thread, one for each heap that has a number.

use super::{Cache, Seat};

/// How many heaps can have magazines at one time. The last number has nobody's seat: it is for heaps without one.
pub(crate) const SEATS: usize = 64;
/// The number of heaps that came too late for a seat: threads use their pools directly.
pub(crate) const NO_SEAT: usize = SEATS - 1;
/// The number of the process's global heap.
pub(crate) const GLOBAL_SEAT: usize = 0;

/// The cache of whoever has none: nothing to pop, no room to push, and never written.
static EMPTY: Cache = Cache::empty();

/// The same, for who watches.
static WATCHED: Cache = Cache::empty();

thread_local! {
    // `const` and without `Drop`: a plain thread-local access, at any time in a thread's life.
    static SEATS_HERE: [Seat; SEATS] = const { [const { Seat::new(nobody()) }; SEATS] };
}

/// The cache that a seat points at while nobody sits there.
pub(crate) const fn nobody() -> *mut Cache {
    (&raw const EMPTY).cast_mut()
}

/// The cache that a seat points at while its thread watches.
pub(crate) const fn watched() -> *mut Cache {
    (&raw const WATCHED).cast_mut()
}

/// Calls `act` with this thread's seat in the heap of this number.
#[inline]
pub(crate) fn with_seat<R>(number: usize, act: impl FnOnce(&Seat) -> R) -> R {
    // `try_with` and a closure that captures nothing: these the compiler inlines while it compiles this crate. Whatever is
    // inlined later, in the program, leaves a call behind that asks for the thread-local's address.
    let Ok(seats) = SEATS_HERE.try_with(core::ptr::from_ref) else {
        unreachable!("a thread-local without a destructor is there as long as its thread")
    };
    // SAFETY: as the thread runs this, the seats are there.
    act(unsafe { &(&*seats)[number] })
}
