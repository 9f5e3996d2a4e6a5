//! The lock: one is inside, it sees what the last one wrote, and every sleeper is woken.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread;

use super::{explore, failure};
use crate::planted::Bug;
use crate::sync::Lock;

/// A number behind a lock. Loom refuses two threads at it, and one that has not seen what the last one did.
struct Guarded {
    lock: Lock,
    number: UnsafeCell<u32>,
}

// SAFETY: the number is used under the lock only, and loom watches that.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self { lock: Lock::new(), number: UnsafeCell::new(0) })
    }

    fn add_one(&self) {
        let _held = self.lock.lock();
        // SAFETY: the lock is held.
        self.number.with_mut(|number| unsafe { *number += 1 });
    }

    fn number(&self) -> u32 {
        let _held = self.lock.lock();
        // SAFETY: the lock is held.
        self.number.with(|number| unsafe { *number })
    }
}

/// So many threads, each adding one so many times, and the first of them among them.
fn count_up(threads: u32, times: u32) {
    let guarded = Guarded::new();
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let guarded = Arc::clone(&guarded);
            thread::spawn(move || (0..times).for_each(|_| guarded.add_one()))
        })
        .collect();
    (0..times).for_each(|_| guarded.add_one());
    others.into_iter().for_each(|other| other.join().unwrap());
    assert_eq!(guarded.number(), threads * times);
    assert_eq!(guarded.lock.counts().0, u64::from(threads * times) + 1);
}

#[test]
fn two_threads_take_turns() {
    explore("lock, 2 threads twice", None, || count_up(2, 2));
}

#[test]
fn three_threads_take_turns() {
    explore("lock, 3 threads", Some(4), || count_up(3, 1));
}

#[test]
fn trying_takes_the_lock_or_leaves_it() {
    explore("lock, tried", None, || {
        let guarded = Guarded::new();
        let other = Arc::clone(&guarded);
        let other = thread::spawn(move || other.add_one());
        let tried = guarded.lock.try_lock().map(|_held| {
            // SAFETY: the lock is held.
            guarded.number.with_mut(|number| unsafe { *number += 1 });
        });
        other.join().unwrap();
        assert_eq!(guarded.number(), 1 + u32::from(tried.is_some()));
    });
}

#[test]
fn an_unlock_that_forgets_the_waiter_is_caught() {
    assert!(failure(Bug::ForgottenWaiter, None, || count_up(2, 1)).contains("deadlock"));
}

#[test]
fn a_sleeper_that_does_not_look_again_is_caught() {
    assert!(failure(Bug::HastySleeper, None, || count_up(2, 1)).contains("deadlock"));
}

#[test]
fn an_unlock_that_publishes_nothing_is_caught() {
    assert!(failure(Bug::RelaxedUnlock, None, || count_up(2, 1)).contains("Causality violation"));
}
