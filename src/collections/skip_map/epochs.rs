//! When memory that threads may still look at can be used again.
//!
//! A thread that looks at nodes is *pinned*: it has said in which epoch it began. The epoch moves on by one when no thread
//! is pinned in an older one. What was taken out of a list in epoch `e` is out of everybody's sight in epoch `e + 3`.
//!
//! 1. `pinned` is 0, or twice the epoch that its thread read before it looked at anything, and one. Only that thread
//!    changes it.
//! 2. The epoch goes from `e` to `e + 1` only by a thread that has read `e`, then passed the heavy barrier, and then found
//!    nobody pinned in an epoch before `e`.
//! 3. Who retires a node has taken it out of the list, passed a full fence, and then read the epoch.
//!
//! Why three. Say that a node was retired in `e`. A thread that is pinned in `e + 1` or before keeps the epoch below
//! `e + 3`, by 2. One that read `e + 2` reads what whoever wrote that had passed on; and that one read `e + 1`, which is later
//! than what the node's retirer read after its fence, so its barrier came after the fence: the thread finds the
//! node taken out. One that the barrier's scan did not find pinned began after it, with the same result.
//!
//! The two halves of the barrier make pinning cheap: a store, and nothing that a processor would wait for. Where the system
//! has no such barrier, each pinning passes a full fence instead.

use core::cell::Cell;
use core::fmt;
use core::ptr::{self, NonNull};

use super::flaws::{Flaw, planted};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, Ordering, fence, heavy_barrier, light_barrier};

/// How many epochs later nobody looks at a node any more.
pub(super) const SAFE: u64 = 3;

/// The epoch, and all threads that have ever been pinned.
pub(crate) struct Epochs {
    now: AtomicU64,
    first: AtomicPtr<Participant>,
}

/// What a thread says of itself, in memory that stays.
#[repr(align(128))]
pub(crate) struct Participant {
    pinned: AtomicU64,
    /// 1 while a thread has it.
    taken: AtomicU32,
    /// Set before others see it.
    next: Cell<*mut Participant>,
    number: Cell<usize>,
    fenced: Cell<bool>,
    /// How many pins its thread has.
    depth: Cell<usize>,
    /// The thread is ending, and this goes with its last pin.
    passing: Cell<bool>,
    /// What the thread has retired.
    retired: Cell<u64>,
    pub(super) random: Cell<u64>,
}

// SAFETY: the cells are written by the one thread that has taken the participant, and `next`, `number` and `fenced` before any
// other thread can see it, and never again. `taken` hands the rest over.
unsafe impl Sync for Participant {}
// SAFETY: as above.
unsafe impl Send for Participant {}

impl Epochs {
    #[cfg(not(loom))]
    pub(super) const fn new() -> Self {
        Self { now: AtomicU64::new(0), first: AtomicPtr::new(ptr::null_mut()) }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        Self { now: AtomicU64::new(0), first: AtomicPtr::new(ptr::null_mut()) }
    }

    /// A participant for a thread that has none: one that was given back, or a new one.
    pub(crate) fn join(&self) -> NonNull<Participant> {
        let free = self.all().find(|participant| {
            participant.taken.compare_exchange(0, 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        });
        if let Some(participant) = free {
            return NonNull::from(participant);
        }
        let first = self.first.load(Ordering::Acquire);
        let participant = NonNull::from(Box::leak(Box::new(Participant::new(!heavy_barrier()))));
        let mut next = first;
        loop {
            // SAFETY: it was leaked just now, and stays.
            let new = unsafe { participant.as_ref() };
            // SAFETY: participants stay.
            let number = unsafe { next.as_ref() }.map_or(0, |next| next.number.get() + 1);
            new.next.set(next);
            new.number.set(number);
            let seed = participant.addr().get() as u64 ^ (number as u64) << 32;
            new.random.set(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
            match self.first.compare_exchange(next, participant.as_ptr(), Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return participant,
                Err(newer) => next = newer,
            }
        }
    }

    fn all(&self) -> impl Iterator<Item = &Participant> {
        let mut next = self.first.load(Ordering::Acquire);
        core::iter::from_fn(move || {
            // SAFETY: participants stay as long as the epochs, and were written before they were linked.
            let participant = unsafe { next.as_ref() }?;
            next = participant.next.get();
            Some(participant)
        })
    }

    /// The epoch, for who has taken a node out of a list and is about to retire it.
    pub(super) fn after_removal(&self) -> u64 {
        fence(Ordering::SeqCst);
        self.now.load(Ordering::Acquire)
    }

    pub(super) fn now(&self) -> u64 {
        self.now.load(Ordering::Acquire)
    }

    /// The next epoch, if no thread holds it up.
    pub(crate) fn advance(&self) -> bool {
        let now = self.now.load(Ordering::Acquire);
        // Nobody is interrupted in vain.
        if self.is_held_up(now) {
            return false;
        }
        if !heavy_barrier() {
            if !self.all().all(|participant| participant.fenced.get()) {
                return false;
            }
            fence(Ordering::SeqCst);
        }
        !self.is_held_up(now)
            && self.now.compare_exchange(now, now + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    fn is_held_up(&self, now: u64) -> bool {
        !planted(Flaw::Unpinned)
            && self.all().any(|participant| {
                let pinned = participant.pinned.load(Ordering::Acquire);
                pinned != 0 && pinned < 2 * now
            })
    }
}

impl Participant {
    fn new(fenced: bool) -> Self {
        Self {
            pinned: AtomicU64::new(0),
            taken: AtomicU32::new(1),
            next: Cell::new(ptr::null_mut()),
            number: Cell::new(0),
            fenced: Cell::new(fenced),
            depth: Cell::new(0),
            passing: Cell::new(false),
            retired: Cell::new(0),
            random: Cell::new(1),
        }
    }

    /// Which one it is.
    pub(super) fn number(&self) -> usize {
        self.number.get()
    }

    /// How many nodes the thread has retired, with one more.
    pub(super) fn count_retired(&self) -> u64 {
        self.retired.set(self.retired.get() + 1);
        self.retired.get()
    }

    #[inline]
    fn enter(&self, epochs: &Epochs) {
        let now = epochs.now.load(Ordering::Acquire);
        self.pinned.store(2 * now + 1, Ordering::Relaxed);
        if self.fenced.get() {
            fence(Ordering::SeqCst);
        } else {
            light_barrier();
        }
    }

    /// The thread ends: others may have it, at once or with the thread's last pin; `true` if at once.
    pub(super) fn leave(&self) -> bool {
        let idle = self.depth.get() == 0;
        self.passing.set(!idle);
        if idle {
            self.taken.store(0, Ordering::Release);
        }
        idle
    }

    /// As [`leave`](Participant::leave), once the thread has pinned itself and is not pinned any more.
    pub(super) fn pass_with_last_pin(&self) {
        self.passing.set(true);
    }

    #[cold]
    fn pass(&self) {
        self.passing.set(false);
        super::local::forget();
        self.taken.store(0, Ordering::Release);
    }
}

/// Shows that its thread is pinned: what it can reach stays where it is.
pub(super) struct Pin {
    participant: NonNull<Participant>,
}

impl Pin {
    /// Pins this thread, once more.
    #[inline]
    pub(super) fn new() -> Self {
        let pin = Self { participant: super::local::participant() };
        let participant = pin.participant();
        let depth = participant.depth.get();
        participant.depth.set(depth + 1);
        if depth == 0 {
            participant.enter(super::local::epochs());
        }
        pin
    }

    #[inline]
    pub(super) fn participant(&self) -> &Participant {
        // SAFETY: participants stay.
        unsafe { self.participant.as_ref() }
    }
}

impl Clone for Pin {
    #[inline]
    fn clone(&self) -> Self {
        let depth = &self.participant().depth;
        depth.set(depth.get() + 1);
        Self { participant: self.participant }
    }
}

impl Drop for Pin {
    #[inline]
    fn drop(&mut self) {
        let participant = self.participant();
        let depth = participant.depth.get() - 1;
        participant.depth.set(depth);
        if depth == 0 {
            participant.pinned.store(0, Ordering::Release);
            if participant.passing.get() {
                participant.pass();
            }
        }
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pin").field("depth", &self.participant().depth.get()).finish_non_exhaustive()
    }
}
