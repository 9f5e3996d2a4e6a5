//! All heaps of the process: for the end of a thread, for a `fork`, and the global one among them.
//!
//! The directory's lock comes before every other.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr;

use super::core::Core;
use super::header::SIZES;
use crate::magazines::{GLOBAL_SEAT, NO_SEAT, SEATS, with_seat};
use crate::os;
use crate::region::Region;
use crate::sync::{AtomicPtr, AtomicU32, Lock, Ordering, Word64};
use crate::units::low32;

struct Directory {
    lock: Lock,
    first: AtomicPtr<Core>,
    /// A bit for each seat number in use.
    seats: Word64,
    hears_of_forks: AtomicU32,
    /// 1 during a fork for which no lock was taken.
    forks_as_it_is: AtomicU32,
}

static DIRECTORY: Directory = Directory {
    lock: Lock::new(),
    first: AtomicPtr::new(ptr::null_mut()),
    // The global heap's number and the number of heaps without a seat are never given out.
    seats: Word64::new(1 << GLOBAL_SEAT | 1 << NO_SEAT),
    hears_of_forks: AtomicU32::new(0),
    forks_as_it_is: AtomicU32::new(0),
};

/// A seat number for a new heap; [`NO_SEAT`] where all are in use.
pub(crate) fn take_seat() -> usize {
    let _held = DIRECTORY.lock.lock();
    let seats = DIRECTORY.seats.get();
    let number = (!seats).trailing_zeros() as usize;
    if number >= SEATS {
        return NO_SEAT;
    }
    DIRECTORY.seats.set(seats | 1 << number);
    number
}

/// Gives back a number from [`take_seat`].
pub(crate) fn give_seat(number: usize) {
    if number != NO_SEAT {
        let _held = DIRECTORY.lock.lock();
        DIRECTORY.seats.set(DIRECTORY.seats.get() & !(1 << number));
    }
}

/// Adds a heap, which stays where it is until [`remove`].
///
/// # Safety
/// `core` stays valid until it is removed.
pub(crate) unsafe fn add(core: *const Core) {
    if DIRECTORY.hears_of_forks.swap(1, Ordering::Relaxed) == 0 {
        os::on_fork(before_fork, after_fork_in_parent, after_fork_in_child);
    }
    let _held = DIRECTORY.lock.lock();
    // SAFETY: the caller's promise.
    let heap = unsafe { &*core };
    heap.next.store(DIRECTORY.first.load(Ordering::Relaxed), Ordering::Relaxed);
    DIRECTORY.first.store(core.cast_mut(), Ordering::Relaxed);
}

/// Takes a heap out, and out of the seats of all threads; nobody uses it any more.
pub(crate) fn remove(core: &Core) {
    let _held = DIRECTORY.lock.lock();
    let next = core.next.load(Ordering::Relaxed);
    let mut link = &DIRECTORY.first;
    loop {
        let at = link.load(Ordering::Relaxed);
        if ptr::eq(at, core) {
            link.store(next, Ordering::Relaxed);
            break;
        }
        // SAFETY: heaps in the directory are valid, and its lock is held.
        let Some(heap) = (unsafe { at.as_ref() }) else { break };
        link = &heap.next;
    }
    core.magazines().unseat_all();
}

/// Calls `act` with each heap; the caller holds the directory's lock.
fn each_heap(mut act: impl FnMut(&Core)) {
    let mut at = DIRECTORY.first.load(Ordering::Relaxed);
    // SAFETY: heaps in the directory are valid, and its lock is held.
    while let Some(heap) = unsafe { at.as_ref() } {
        act(heap);
        at = heap.next.load(Ordering::Relaxed);
    }
}

/// Leaves all seats of this thread, which ends.
pub(super) fn leave_all_seats() {
    let _held = DIRECTORY.lock.lock();
    each_heap(|heap| with_seat(heap.seat(), |seat| heap.magazines().leave(seat)));
}

extern "C" fn before_fork() {
    if os::is_alone() && is_at_work() {
        DIRECTORY.forks_as_it_is.store(1, Ordering::Relaxed);
        return;
    }
    DIRECTORY.lock.seize();
    each_heap(Core::seize);
}

/// Whether a lock is held: in a process of one thread that is the thread itself, which was interrupted by a signal and forks
/// in the handler. It cannot wait for the lock, and needs not: the child of such a fork may do nothing that would allocate.
fn is_at_work() -> bool {
    let Some(_held) = DIRECTORY.lock.try_lock() else { return true };
    let mut held = false;
    each_heap(|heap| held |= heap.is_locked());
    held
}

/// Whether the last fork found the locks as they were, and left them.
fn forked_as_it_was() -> bool {
    DIRECTORY.forks_as_it_is.swap(0, Ordering::Relaxed) != 0
}

extern "C" fn after_fork_in_parent() {
    if forked_as_it_was() {
        return;
    }
    each_heap(Core::release);
    DIRECTORY.lock.release();
}

extern "C" fn after_fork_in_child() {
    if forked_as_it_was() {
        return;
    }
    each_heap(Core::release);
    each_heap(|heap| with_seat(heap.seat(), |seat| heap.magazines().adopt_orphans(seat)));
    DIRECTORY.lock.release();
}

/// The process's global heap, made when it is first asked for.
struct Process {
    core: UnsafeCell<MaybeUninit<Core>>,
    state: AtomicU32,
}

const UNMADE: u32 = 0;
const MAKING: u32 = 1;
const MADE: u32 = 2;
const FAILED: u32 = 3;

/// Room for a terabyte, or for as much as the system lets a process reserve.
const GLOBAL_PAGES: u32 = low32((1 << 40) / crate::units::PAGE);
/// Less than a mebibyte is not worth being a global heap.
const GLOBAL_PAGES_LEAST: u32 = low32((1 << 20) / crate::units::PAGE);

// SAFETY: `core` is written once, by the thread that moved `state` to `MAKING`, and read only after `MADE` was seen.
unsafe impl Sync for Process {}

static PROCESS: Process =
    Process { core: UnsafeCell::new(MaybeUninit::uninit()), state: AtomicU32::new(UNMADE) };

/// The process's global heap; `None` where the system has no address space for it.
#[inline]
pub(crate) fn process_heap() -> Option<&'static Core> {
    if PROCESS.state.load(Ordering::Acquire) != MADE && !make_process_heap() {
        return None;
    }
    // SAFETY: `MADE` was seen, so the core was written and is never changed as a whole.
    Some(unsafe { &*GLOBAL_CORE })
}

/// Where the global heap's core lies, made or not.
pub(crate) const GLOBAL_CORE: *mut Core = PROCESS.core.get().cast::<Core>();

#[cold]
#[inline(never)]
fn make_process_heap() -> bool {
    loop {
        match PROCESS.state.compare_exchange(UNMADE, MAKING, Ordering::Acquire, Ordering::Acquire) {
            Ok(_) => break,
            Err(MADE) => return true,
            Err(FAILED) => return false,
            // Another thread is at it: a few system calls' time.
            Err(_) => std::thread::yield_now(),
        }
    }
    #[allow(unused_mut, reason = "only C's face has to be told something by the region")]
    let Ok(mut region) = Region::reserve(&SIZES, GLOBAL_PAGES, GLOBAL_PAGES_LEAST) else {
        PROCESS.state.store(FAILED, Ordering::Release);
        return false;
    };
    #[cfg(feature = "c-face")]
    region.tell(&super::lookup::USABLE);
    // SAFETY: the region is fresh, and so all zeros.
    let core = unsafe { Core::new(region, GLOBAL_SEAT) };
    core.format();
    #[cfg(feature = "c-face")]
    super::lookup::point_at(&core);
    // SAFETY: only the thread that set `MAKING` is here, and nobody reads before `MADE`.
    unsafe { GLOBAL_CORE.write(core) };
    // SAFETY: a static lives as long as the process.
    unsafe { add(GLOBAL_CORE) };
    PROCESS.state.store(MADE, Ordering::Release);
    true
}
