//! Loom's atomics, with a look at the memory behind them.
//!
//! A load may see any value that the memory model allows. [`AtomicU32::newest`] and [`AtomicPtr::newest`] instead say
//! what lies in memory at this moment, without being a step of the model: what a copy of all memory would hold. For
//! loom to try that moment between any two stores, they must be steps on one object: see [`watch_stores`].

use loom::sync::atomic as modelled;
use loom::sync::{Condvar, Mutex};
use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic as plain;

use crate::planted::{self, Bug};

pub(crate) use loom::sync::atomic::Ordering;

std::thread_local! {
    static STORES: RefCell<Option<Arc<modelled::AtomicU32>>> = const { RefCell::new(None) };
}

/// Whether every store of this execution is to be a step that loom orders with every [`moment`].
pub(crate) fn watch_stores(yes: bool) {
    STORES.set(yes.then(|| Arc::new(modelled::AtomicU32::new(0))));
}

/// The step at which a store reaches the memory, or at which a copy of the memory begins. It orders nothing else, and
/// until the thread's next step nobody else runs.
pub(crate) fn moment() {
    if let Some(stores) = STORES.with_borrow(Option::clone) {
        stores.fetch_add(1, Ordering::Relaxed);
    }
}

/// An integer on which threads can sleep.
pub(crate) struct AtomicU32 {
    modelled: modelled::AtomicU32,
    newest: plain::AtomicU32,
    bed: Bed,
}

/// Where the kernel keeps those that sleep on a word.
struct Bed {
    door: Mutex<()>,
    sleepers: Condvar,
}

impl AtomicU32 {
    pub(crate) fn new(value: u32) -> Self {
        let bed = Bed { door: Mutex::new(()), sleepers: Condvar::new() };
        Self { modelled: modelled::AtomicU32::new(value), newest: plain::AtomicU32::new(value), bed }
    }

    /// What a copy of the memory holds.
    pub(crate) fn newest(&self) -> u32 {
        self.newest.load(Ordering::Relaxed)
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        self.modelled.load(order)
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.modelled.store(value, order);
        moment();
        self.newest.store(value, Ordering::Relaxed);
    }

    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        let weaker = order == Ordering::Release && planted::is(Bug::RelaxedUnlock);
        let before = self.modelled.swap(value, if weaker { Ordering::Relaxed } else { order });
        self.newest.store(value, Ordering::Relaxed);
        before
    }

    pub(crate) fn compare_exchange(
        &self,
        old: u32,
        new: u32,
        yes: Ordering,
        no: Ordering,
    ) -> Result<u32, u32> {
        let before = self.modelled.compare_exchange(old, new, yes, no)?;
        self.newest.store(new, Ordering::Relaxed);
        Ok(before)
    }

    fn update(&self, change: impl Fn(u32) -> u32, before: u32) -> u32 {
        moment();
        self.newest.store(change(before), Ordering::Relaxed);
        before
    }

    pub(crate) fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
        self.update(|before| before.wrapping_add(value), self.modelled.fetch_add(value, order))
    }

    pub(crate) fn fetch_sub(&self, value: u32, order: Ordering) -> u32 {
        let order = if planted::is(Bug::RelaxedLeave) { Ordering::Relaxed } else { order };
        self.update(|before| before.wrapping_sub(value), self.modelled.fetch_sub(value, order))
    }

    pub(crate) fn fetch_or(&self, value: u32, order: Ordering) -> u32 {
        self.update(|before| before | value, self.modelled.fetch_or(value, order))
    }

    pub(crate) fn fetch_and(&self, value: u32, order: Ordering) -> u32 {
        self.update(|before| before & value, self.modelled.fetch_and(value, order))
    }

    /// Sleeps until woken, if the word holds `value`. The kernel compares and lies down as one step.
    pub(crate) fn sleep_while(&self, value: u32) {
        if planted::is(Bug::HastySleeper) {
            let door = self.bed.door.lock().unwrap();
            drop(self.bed.sleepers.wait(door));
            return;
        }
        let door = self.bed.door.lock().unwrap();
        if self.modelled.load(Ordering::Relaxed) == value {
            drop(self.bed.sleepers.wait(door));
        }
    }

    /// Wakes one that sleeps on the word.
    pub(crate) fn wake_one(&self) {
        if !planted::is(Bug::ForgottenWaiter) && !planted::is(Bug::SilentLeave) {
            let _door = self.bed.door.lock().unwrap();
            self.bed.sleepers.notify_one();
        }
    }
}

impl AtomicU32 {
    /// Wakes all that sleep on the word.
    pub(crate) fn wake_all(&self) {
        if !planted::is(Bug::ForgottenWaiter) {
            let _door = self.bed.door.lock().unwrap();
            self.bed.sleepers.notify_all();
        }
    }
}

/// A pointer.
pub(crate) struct AtomicPtr<T> {
    modelled: modelled::AtomicPtr<T>,
    newest: plain::AtomicPtr<T>,
}

impl<T> AtomicPtr<T> {
    pub(crate) fn new(value: *mut T) -> Self {
        Self { modelled: modelled::AtomicPtr::new(value), newest: plain::AtomicPtr::new(value) }
    }

    /// What a copy of the memory holds.
    pub(crate) fn newest(&self) -> *mut T {
        self.newest.load(Ordering::Relaxed)
    }

    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.modelled.load(order)
    }

    pub(crate) fn store(&self, value: *mut T, order: Ordering) {
        self.modelled.store(value, order);
        moment();
        self.newest.store(value, Ordering::Relaxed);
    }

    pub(crate) fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
        let before = self.modelled.swap(value, order);
        moment();
        self.newest.store(value, Ordering::Relaxed);
        before
    }

    pub(crate) fn compare_exchange(
        &self,
        old: *mut T,
        new: *mut T,
        yes: Ordering,
        no: Ordering,
    ) -> Result<*mut T, *mut T> {
        if planted::is(Bug::BlindSeat) {
            let before = self.load(no);
            if before == old {
                self.store(new, yes);
            }
            return Ok(before);
        }
        let before = self.modelled.compare_exchange(old, new, yes, no)?;
        moment();
        self.newest.store(new, Ordering::Relaxed);
        Ok(before)
    }
}

/// Between an access and another that must not come before it.
pub(crate) fn between() {
    if !planted::is(Bug::HastyEntry) {
        modelled::fence(Ordering::SeqCst);
    }
}

/// The owner's half of the asymmetric barrier.
pub(crate) fn light_fence() {
    if !planted::is(Bug::NoLightBarrier) {
        modelled::fence(Ordering::SeqCst);
    }
}

/// What the taker's half does to an owner that passes no half of its own, wherever it is struck.
pub(crate) fn struck() {
    if !planted::is(Bug::SparedPops) {
        modelled::fence(Ordering::SeqCst);
    }
}

/// The taker's half of the asymmetric barrier.
pub(crate) fn heavy_fence() {
    if !planted::is(Bug::NoHeavyBarrier) {
        modelled::fence(Ordering::SeqCst);
    }
}
