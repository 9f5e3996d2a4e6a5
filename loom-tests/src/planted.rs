//! Bugs that a model plants to see that it would be caught.

use std::cell::Cell;

/// What is wrong, if anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Bug {
    None,
    /// Whoever frees a lock wakes nobody.
    ForgottenWaiter,
    /// A sleeper does not look at the word once more before it sleeps.
    HastySleeper,
    /// Freeing a lock publishes nothing.
    RelaxedUnlock,
    /// The pools are not locked.
    OpenPools,
    /// The taker passes no barrier.
    NoHeavyBarrier,
    /// The barrier does not reach the owner's pops and pushes.
    SparedPops,
    /// A seat that was looked at is written later, whatever somebody else wrote there in between.
    BlindSeat,
    /// Who leaves a gate does not publish what he did inside.
    RelaxedLeave,
    /// Who enters a gate looks at the door before he counts himself.
    HastyEntry,
    /// Who leaves a gate does not look for somebody who waits.
    SilentLeave,
    /// The owner passes no barrier between saying that it is busy and looking whether it was evicted.
    NoLightBarrier,
}

std::thread_local! {
    // All threads of a model are coroutines of the test's own thread.
    static PLANTED: Cell<Bug> = const { Cell::new(Bug::None) };
}

/// Plants `bug` in all models that this test runs from now on.
pub(crate) fn plant(bug: Bug) {
    PLANTED.set(bug);
}

/// Whether this is what is wrong.
pub(crate) fn is(bug: Bug) -> bool {
    PLANTED.get() == bug
}
