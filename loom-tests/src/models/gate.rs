//! The gate: who excludes whom, what is seen of those before, and that nobody sleeps for ever.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle};

use super::{explore, failure};
use crate::planted::Bug;
use crate::sync::{Alone, Gate, Shared, StripeNumber, Suspect};

/// Two numbers behind a gate. Loom refuses two threads of which one writes, and one that has not seen what the last one did.
struct Guarded {
    gate: Gate,
    /// Written by writes.
    written: UnsafeCell<u32>,
    /// Written by updates, of which the models have one at a time; looked at by captures.
    updated: UnsafeCell<u32>,
}

// SAFETY: the numbers are used inside of the gate only, and loom watches that.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

const STRIPE: StripeNumber = StripeNumber(0);

impl Guarded {
    fn new() -> Arc<Self> {
        Arc::new(Self { gate: Gate::new(), written: UnsafeCell::new(0), updated: UnsafeCell::new(0) })
    }

    fn look(&self) -> u32 {
        // SAFETY: inside of the gate.
        self.written.with(|number| unsafe { *number })
    }

    fn read(&self) -> Result<u32, Suspect> {
        self.gate.enter(STRIPE, Shared::Read)?;
        let found = self.look();
        self.gate.leave(STRIPE, Shared::Read);
        Ok(found)
    }

    fn update(&self) -> Result<u32, Suspect> {
        self.gate.enter(STRIPE, Shared::Update)?;
        // SAFETY: inside of the gate.
        self.updated.with_mut(|number| unsafe { *number += 1 });
        let found = self.look();
        self.gate.leave(STRIPE, Shared::Update);
        Ok(found)
    }

    fn write(&self) -> Result<(), Suspect> {
        self.gate.close(Alone::Write)?;
        // SAFETY: inside of the gate.
        self.written.with_mut(|number| unsafe { *number += 1 });
        self.gate.open();
        Ok(())
    }

    /// What a capture has seen of both numbers.
    fn capture(&self) -> Result<(u32, u32), Suspect> {
        self.gate.close(Alone::Capture)?;
        // SAFETY: inside of the gate.
        let found = (self.look(), self.updated.with(|number| unsafe { *number }));
        self.gate.open();
        Ok(found)
    }
}

fn spawn<T: 'static>(guarded: &Arc<Guarded>, act: impl FnOnce(&Guarded) -> T + 'static) -> JoinHandle<T> {
    let guarded = Arc::clone(guarded);
    thread::spawn(move || act(&guarded))
}

fn reads_and_writes() {
    let guarded = Guarded::new();
    let other = spawn(&guarded, |guarded| guarded.write().unwrap());
    assert!(guarded.read().unwrap() <= 1);
    guarded.write().unwrap();
    other.join().unwrap();
    assert_eq!(guarded.read(), Ok(2));
}

#[test]
fn a_read_and_a_write_exclude_each_other() {
    explore("gate, read and write", Some(4), reads_and_writes);
}

fn updates_and_captures() {
    let guarded = Guarded::new();
    let other = spawn(&guarded, |guarded| guarded.capture().unwrap());
    guarded.update().unwrap();
    let (written, updated) = other.join().unwrap();
    assert!(written == 0 && updated <= 1);
    assert_eq!(guarded.capture(), Ok((0, 1)));
}

#[test]
fn an_update_and_a_capture_exclude_each_other() {
    explore("gate, update and capture", None, updates_and_captures);
}

#[test]
fn a_read_goes_on_beside_a_capture() {
    explore("gate, capture within read", None, || {
        let guarded = Guarded::new();
        guarded.gate.enter(STRIPE, Shared::Read).unwrap();
        // It would never end if captures waited for reads.
        let other = spawn(&guarded, |guarded| guarded.capture().unwrap());
        assert_eq!(other.join().unwrap(), (0, 0));
        guarded.gate.leave(STRIPE, Shared::Read);
    });
}

#[test]
fn an_update_within_a_read_does_not_wait_for_the_write_that_waits_for_the_read() {
    explore("gate, update within read", Some(4), || {
        let guarded = Guarded::new();
        guarded.gate.enter(STRIPE, Shared::Read).unwrap();
        let other = spawn(&guarded, |guarded| guarded.write().unwrap());
        guarded.gate.enter(STRIPE, Shared::UpdateWithinRead).unwrap();
        assert_eq!(guarded.look(), 0);
        guarded.gate.leave(STRIPE, Shared::UpdateWithinRead);
        guarded.gate.leave(STRIPE, Shared::Read);
        other.join().unwrap();
        assert_eq!(guarded.read(), Ok(1));
    });
}

fn all_of_them() {
    let guarded = Guarded::new();
    let writer = spawn(&guarded, |guarded| guarded.write().unwrap());
    let capturer = spawn(&guarded, |guarded| guarded.capture().unwrap());
    assert!(guarded.update().unwrap() <= 1);
    assert!(guarded.read().unwrap() <= 1);
    writer.join().unwrap();
    let (written, updated) = capturer.join().unwrap();
    assert!(written <= 1 && updated <= 1);
    assert_eq!(guarded.capture(), Ok((1, 1)));
}

#[test]
fn updates_writes_and_captures_exclude_each_other() {
    explore("gate, update, write and capture", Some(3), all_of_them);
}

#[test]
fn nobody_comes_in_after_a_change_has_broken_off() {
    explore("gate, suspect", None, || {
        let guarded = Guarded::new();
        let other = spawn(&guarded, |guarded| guarded.capture());
        guarded.gate.enter(STRIPE, Shared::Update).unwrap();
        // SAFETY: inside of the gate.
        guarded.updated.with_mut(|number| unsafe { *number = 7 });
        guarded.gate.suspect();
        guarded.gate.leave(STRIPE, Shared::Update);
        match other.join().unwrap() {
            Ok(seen) => assert_eq!(seen, (0, 0), "a half-made change was captured"),
            Err(Suspect) => {}
        }
        assert_eq!(
            (guarded.read(), guarded.write(), guarded.update()),
            (Err(Suspect), Err(Suspect), Err(Suspect))
        );
        guarded.gate.close(Alone::Repair).unwrap();
        guarded.gate.trust();
        guarded.gate.open();
        assert_eq!(guarded.capture(), Ok((0, 7)));
    });
}

#[test]
fn looking_at_the_door_before_counting_is_caught() {
    failure(Bug::HastyEntry, None, reads_and_writes);
    failure(Bug::HastyEntry, None, updates_and_captures);
}

#[test]
fn leaving_without_publishing_is_caught() {
    failure(Bug::RelaxedLeave, None, updates_and_captures);
}

#[test]
fn leaving_without_waking_who_waits_is_caught() {
    assert!(failure(Bug::SilentLeave, None, reads_and_writes).contains("deadlock"));
}
