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
    // SAFETY: as the thread runs this, its seats are there.
    act(unsafe { &(&*here::seats())[number] })
}

#[cfg(all(feature = "c-face", target_arch = "x86_64"))]
pub(crate) use here::global_magazine;

/// This thread's magazine at `at` in the global heap.
#[cfg(all(feature = "c-face", not(target_arch = "x86_64")))]
#[inline(always)]
pub(crate) fn global_magazine(at: super::MagazineAt) -> super::Magazine<'static> {
    let cache = with_seat(GLOBAL_SEAT, |seat| core::ptr::from_ref(seat.cache()));
    // SAFETY: the empty caches are statics, and those of the global heap stay mapped.
    unsafe { &*cache }.magazine(at)
}

/// The thread-local, as the compiler makes it.
#[cfg(not(all(feature = "c-face", target_arch = "x86_64")))]
mod here {
    use super::{SEATS, Seat, nobody};

    thread_local! {
        // `const` and without `Drop`: a plain thread-local access, at any time in a thread's life.
        static SEATS_HERE: [Seat; SEATS] = const { [const { Seat::new(nobody()) }; SEATS] };
    }

    #[inline]
    pub(super) fn seats() -> *const [Seat; SEATS] {
        // `try_with` and a closure that captures nothing: these the compiler inlines while it compiles this crate. Whatever
        // is inlined later, in the program, leaves a call behind that asks for the thread-local's address.
        let Ok(seats) = SEATS_HERE.try_with(core::ptr::from_ref) else {
            unreachable!("a thread-local without a destructor is there as long as its thread")
        };
        seats
    }
}

/// The thread-local of the *initial-exec* model: its distance from the thread's pointer is fixed when the library is
/// loaded, so finding it takes two loads within a shared library too. The compiler's own thread-locals would be a call
/// there, which may allocate when the program has loaded another library since.
#[cfg(all(feature = "c-face", target_arch = "x86_64"))]
mod here {
    use core::arch::{asm, global_asm};
    use core::ptr::NonNull;

    use super::super::{Magazine, MagazineAt};
    use super::{EMPTY, GLOBAL_SEAT, SEATS, Seat};

    // What is written here is `[const { Seat::new(nobody()) }; SEATS]`.
    const _: () = assert!(size_of::<Seat>() == 32 && Seat::FAST_AT == 0 && GLOBAL_SEAT == 0);
    global_asm!(
        ".pushsection .tdata.outlive_seats, \"awT\", @progbits",
        ".balign 64",
        ".globl outlive_seats",
        ".hidden outlive_seats",
        ".type outlive_seats, @object",
        ".size outlive_seats, 32 * {seats}",
        "outlive_seats:",
        ".rept {seats}",
        ".quad {empty}",
        ".quad 0, 0, 0",
        ".endr",
        ".popsection",
        seats = const SEATS,
        empty = sym EMPTY,
    );

    #[inline(always)]
    pub(super) fn seats() -> *const [Seat; SEATS] {
        let seats;
        // SAFETY: two loads, of the distance and of the thread's own pointer, neither of which ever changes.
        unsafe {
            asm!(
                "mov {seats}, qword ptr [rip + outlive_seats@GOTTPOFF]",
                "add {seats}, qword ptr fs:[0]",
                seats = out(reg) seats,
                options(pure, readonly, nostack),
            );
        }
        seats
    }

    /// This thread's magazine at `at` in the global heap.
    #[inline(always)]
    pub(crate) fn global_magazine(at: MagazineAt) -> Magazine<'static> {
        let mut place = at.bytes();
        // Not `pure`: what came before in the program must not move behind the look at the seat, nor the other way round.
        // SAFETY: two loads, of the distance and of the global seat's `fast`, at its start.
        unsafe {
            asm!(
                "mov {distance}, qword ptr [rip + outlive_seats@GOTTPOFF]",
                "add {place}, qword ptr fs:[{distance}]",
                distance = out(reg) _,
                place = inout(reg) place,
                options(nostack),
            );
        }
        // SAFETY: a seat never points at null.
        let counts = unsafe { NonNull::new_unchecked(core::ptr::with_exposed_provenance_mut(place)) };
        // SAFETY: the seat points at an empty cache, which is a static, or at one of the global heap, which stays mapped; `at`
        // is the place of a magazine in it.
        unsafe { Magazine::with_counts_at(counts) }
    }
}
