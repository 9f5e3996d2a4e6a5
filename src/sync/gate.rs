//! A gate between those who read a heap's values, change them, and capture them.
//!
//! | who | goes on beside |
//! |---|---|
//! | read | reads, updates, a capture |
//! | update: changes through shared references | reads, updates |
//! | write: has the values for itself | nothing |
//! | capture: copies what has changed | reads |
//!
//! Reads and updates are counted, in one of several *stripes* so that threads do not meet there. A write and a capture are
//! *alone*: they take a lock, close the door to whom they exclude, and wait until the counts of these are zero.
//!
//! ```text
//! read, update:   count + 1,  look at the door:  open   -> inside;  count - 1, and if somebody waits for it, wake that one
//!                                                closed -> count - 1, sleep until the door opens, again
//! write, capture: lock,  close the door,  look at the counts:  all zero -> alone;  open the door, wake who sleeps at it
//!                                                              else     -> sleep until somebody leaves, again
//! ```
//!
//! 1. Whoever counts itself looks at the door afterwards, and whoever closes the door looks at the counts afterwards; these
//!    four are sequentially consistent. So one of two sees the other.
//! 2. What was done inside is seen by the next one whom it excludes: counts go down and doors open with release.
//! 3. A heap is *suspect* after a change that broke off. Then nobody comes in but who puts it in order; the door says so, and
//!    it is looked at once more when one has come to be alone.

use core::fmt;

use super::lock::{sleep_while, spin, wake_all, wake_one};
use super::{AtomicU32, Lock, Ordering};

/// The door is closed to reads and updates.
const WRITE: u32 = 1;
/// The door is closed to updates.
const CAPTURE: u32 = 2;
/// A change broke off.
const SUSPECT: u32 = 4;
/// Somebody may be asleep at the door.
const SLEEPERS: u32 = 8;

const STRIPES: usize = if cfg!(loom) { 1 } else { 8 };

/// How often somebody who waits looks again before it sleeps.
const SPINS: u32 = if cfg!(loom) { 1 } else { 64 };

/// A change of the heap's values broke off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Suspect;

/// The gate of one heap.
pub(crate) struct Gate {
    door: AtomicU32,
    /// Goes up when somebody leaves for whom somebody waits.
    left: AtomicU32,
    alone: Lock,
    stripes: [Stripe; STRIPES],
}

#[repr(align(64))]
struct Stripe {
    reads: AtomicU32,
    updates: AtomicU32,
}

/// Who is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shared {
    Read,
    Update,
    /// An update of a thread that is in a read already, for which a write may be waiting.
    UpdateWithinRead,
}

/// Who is alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alone {
    Write,
    Capture,
    /// A write that puts a suspect heap in order.
    Repair,
}

/// One of the stripes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct StripeNumber(pub(crate) u32);

impl Shared {
    fn closed_by(self) -> u32 {
        match self {
            Self::Read => WRITE,
            Self::Update => WRITE | CAPTURE,
            Self::UpdateWithinRead => CAPTURE,
        }
    }
}

impl Alone {
    fn closes(self) -> u32 {
        if self == Self::Capture { CAPTURE } else { WRITE }
    }
}

impl Gate {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Self {
        let stripes = [const { Stripe { reads: AtomicU32::new(0), updates: AtomicU32::new(0) } }; STRIPES];
        Self { door: AtomicU32::new(0), left: AtomicU32::new(0), alone: Lock::new(), stripes }
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Self {
        let stripes = [Stripe { reads: AtomicU32::new(0), updates: AtomicU32::new(0) }];
        Self { door: AtomicU32::new(0), left: AtomicU32::new(0), alone: Lock::new(), stripes }
    }

    fn count(&self, stripe: StripeNumber, who: Shared) -> &AtomicU32 {
        let stripe = &self.stripes[stripe.0 as usize % STRIPES];
        if who == Shared::Read { &stripe.reads } else { &stripe.updates }
    }

    /// Goes in beside others; [`Gate::leave`] with the same arguments goes out.
    #[inline]
    pub(crate) fn enter(&self, stripe: StripeNumber, who: Shared) -> Result<(), Suspect> {
        let count = self.count(stripe, who);
        loop {
            count.fetch_add(1, Ordering::SeqCst);
            between();
            let door = self.door.load(Ordering::SeqCst);
            if door & (who.closed_by() | SUSPECT) == 0 {
                return Ok(());
            }
            self.turn_back(count, who)?;
        }
    }

    #[cold]
    fn turn_back(&self, count: &AtomicU32, who: Shared) -> Result<(), Suspect> {
        self.uncount(count);
        let mut spins = 0;
        loop {
            let door = self.door.load(Ordering::Acquire);
            if door & SUSPECT != 0 {
                return Err(Suspect);
            }
            if door & who.closed_by() == 0 {
                return Ok(());
            }
            if spins < SPINS {
                spins += 1;
                spin();
                continue;
            }
            let asleep = door | SLEEPERS;
            let said = self.door.compare_exchange(door, asleep, Ordering::Relaxed, Ordering::Relaxed);
            if said.is_ok() {
                sleep_while(&self.door, asleep);
            }
        }
    }

    /// Goes out.
    #[inline]
    pub(crate) fn leave(&self, stripe: StripeNumber, who: Shared) {
        self.uncount(self.count(stripe, who));
    }

    #[inline]
    fn uncount(&self, count: &AtomicU32) {
        count.fetch_sub(1, Ordering::SeqCst);
        between();
        if self.door.load(Ordering::SeqCst) & (WRITE | CAPTURE) != 0 {
            self.tell();
        }
    }

    #[cold]
    fn tell(&self) {
        self.left.fetch_add(1, Ordering::SeqCst);
        wake_one(&self.left);
    }

    /// Goes in alone; [`Gate::open`] goes out.
    pub(crate) fn close(&self, who: Alone) -> Result<(), Suspect> {
        self.alone.seize();
        self.door.fetch_or(who.closes(), Ordering::SeqCst);
        between();
        self.wait_until_left(who);
        if who != Alone::Repair && self.is_suspect() {
            self.open();
            return Err(Suspect);
        }
        Ok(())
    }

    fn wait_until_left(&self, who: Alone) {
        let mut spins = 0;
        loop {
            let left = self.left.load(Ordering::SeqCst);
            if self.is_left_by(who) {
                return;
            }
            if spins < SPINS {
                spins += 1;
                spin();
            } else {
                sleep_while(&self.left, left);
            }
        }
    }

    fn is_left_by(&self, who: Alone) -> bool {
        self.stripes.iter().all(|stripe| {
            let no_reads = who == Alone::Capture || stripe.reads.load(Ordering::SeqCst) == 0;
            no_reads && stripe.updates.load(Ordering::SeqCst) == 0
        })
    }

    /// Opens the door for everybody.
    pub(crate) fn open(&self) {
        let before = self.door.fetch_and(!(WRITE | CAPTURE | SLEEPERS), Ordering::Release);
        if before & SLEEPERS != 0 {
            wake_all(&self.door);
        }
        self.alone.release();
    }

    /// Says that a change has broken off; whoever says so is still inside.
    pub(crate) fn suspect(&self) {
        self.door.fetch_or(SUSPECT, Ordering::SeqCst);
    }

    /// Says that the heap is in order again; whoever says so is alone.
    pub(crate) fn trust(&self) {
        self.door.fetch_and(!SUSPECT, Ordering::SeqCst);
    }

    pub(crate) fn is_suspect(&self) -> bool {
        self.door.load(Ordering::SeqCst) & SUSPECT != 0
    }
}

/// Loom has sequentially consistent fences, and takes such accesses for weaker ones.
#[inline]
fn between() {
    #[cfg(loom)]
    crate::primitive::between();
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("suspect", &self.is_suspect()).finish_non_exhaustive()
    }
}

/// A stripe for one more thread.
#[cfg(not(loom))]
pub(crate) fn next_stripe() -> StripeNumber {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    StripeNumber(NEXT.fetch_add(1, Ordering::Relaxed))
}
