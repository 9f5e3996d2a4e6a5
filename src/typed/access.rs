//! Accesses to a heap's values, and what a thread is inside of.
//!
//! A thread keeps a list of its accesses, on its stack, so that one within another does not wait for itself:
//!
//! | within | read | update | write | commit, rollback |
//! |---|---|---|---|---|
//! | read | goes on | passes the gate | refused | refused |
//! | update | goes on | goes on | refused | refused |
//! | write | refused | refused | refused | refused |

use core::cell::Cell;
use core::ptr;

use crate::error::Error;
use crate::sync::{Alone, Gate, Shared, StripeNumber, Suspect, next_stripe};

/// What an access may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    Read,
    Update,
    Write,
}

/// An access of this thread.
struct Inside {
    gate: *const Gate,
    access: Access,
    /// The one in which it was begun.
    outer: *const Inside,
}

thread_local! {
    // `const` and without `Drop`: a plain thread-local access, at any time in a thread's life.
    static INNERMOST: Cell<*const Inside> = const { Cell::new(ptr::null()) };
    static STRIPE: Cell<Option<StripeNumber>> = const { Cell::new(None) };
}

/// Which counts of a gate this thread uses.
#[inline]
fn stripe() -> StripeNumber {
    STRIPE.get().unwrap_or_else(|| {
        let number = next_stripe();
        STRIPE.set(Some(number));
        number
    })
}

/// The access of this thread through this gate that may do most, if there is one.
#[inline]
fn held(gate: &Gate) -> Option<Access> {
    let (mut next, mut most) = (INNERMOST.get(), None);
    // SAFETY: accesses are on the list from when they begin to when they end, and lie on this thread's stack for so long.
    while let Some(inside) = unsafe { next.as_ref() } {
        if ptr::eq(inside.gate, gate) && (most.is_none() || inside.access != Access::Read) {
            most = Some(inside.access);
        }
        next = inside.outer;
    }
    most
}

/// Refuses what would wait for an access of this thread itself.
pub(super) fn refuse_within(gate: &Gate, what: &'static str) -> Result<(), Error> {
    if held(gate).is_some() { Err(Error::WithinAccess { what }) } else { Ok(()) }
}

/// How the gate was passed.
#[derive(Clone, Copy)]
enum Passage {
    /// It was passed before.
    None,
    Shared(Shared),
    Alone,
}

#[inline]
fn pass(gate: &Gate, access: Access) -> Result<Passage, Error> {
    let shared = |who| gate.enter(stripe(), who).map(|()| Passage::Shared(who));
    let passed = match (access, held(gate)) {
        (Access::Read, None) => shared(Shared::Read),
        (Access::Update, None) => shared(Shared::Update),
        (Access::Update, Some(Access::Read)) => shared(Shared::UpdateWithinRead),
        (Access::Write, None) => gate.close(Alone::Write).map(|()| Passage::Alone),
        (Access::Read, Some(Access::Read | Access::Update)) | (Access::Update, Some(Access::Update)) => {
            Ok(Passage::None)
        }
        (Access::Read, _) => return Err(Error::WithinAccess { what: "a read" }),
        (Access::Update, _) => return Err(Error::WithinAccess { what: "an update" }),
        (Access::Write, _) => return Err(Error::WithinAccess { what: "a write" }),
    };
    passed.map_err(|Suspect| Error::Suspect)
}

/// Goes out again, whatever happens.
struct Out<'a> {
    gate: &'a Gate,
    access: Access,
    passage: Passage,
    outer: *const Inside,
    done: bool,
}

impl Drop for Out<'_> {
    #[inline]
    fn drop(&mut self) {
        if !self.done && self.access != Access::Read {
            self.gate.suspect();
        }
        INNERMOST.set(self.outer);
        match self.passage {
            Passage::None => {}
            Passage::Shared(who) => self.gate.leave(stripe(), who),
            Passage::Alone => self.gate.open(),
        }
    }
}

/// Runs `act` inside of the gate. An update or a write that panics makes the heap suspect.
///
/// # Errors
/// [`Error::Suspect`], [`Error::WithinAccess`]; `act` was not called then.
#[inline]
pub(super) fn inside<T>(gate: &Gate, access: Access, act: impl FnOnce() -> T) -> Result<T, Error> {
    let passage = pass(gate, access)?;
    let outer = INNERMOST.get();
    let mut out = Out { gate, access, passage, outer, done: false };
    let here = Inside { gate, access, outer };
    INNERMOST.set(&raw const here);
    let result = act();
    out.done = true;
    drop(out);
    Ok(result)
}

/// Runs `act` alone, to put a heap in order that may be suspect.
///
/// # Errors
/// [`Error::WithinAccess`].
pub(super) fn alone<T>(gate: &Gate, what: &'static str, act: impl FnOnce() -> T) -> Result<T, Error> {
    refuse_within(gate, what)?;
    // A repair is not refused because of what it is to repair.
    if gate.close(Alone::Repair).is_err() {
        return Err(Error::Suspect);
    }
    let outer = INNERMOST.get();
    let out = Out { gate, access: Access::Read, passage: Passage::Alone, outer, done: true };
    let here = Inside { gate, access: Access::Write, outer };
    INNERMOST.set(&raw const here);
    let result = act();
    drop(out);
    Ok(result)
}
