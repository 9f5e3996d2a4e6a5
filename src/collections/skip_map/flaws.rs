//! Bugs that a test plants to see that it would be caught.

/// What is wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Epochs move on whoever is pinned.
    Unpinned,
    /// A removed node is freed at once.
    FreedAtOnce,
    /// Whoever removes a node does not wait for who still links it, and that one does not look whether it was removed.
    NoHandshake,
    /// A value is replaced by a removal and an insertion.
    GapInReplacement,
}

/// Whether this is what is wrong; never outside of tests.
#[inline]
pub(super) fn planted(flaw: Flaw) -> bool {
    #[cfg(any(test, loom))]
    return here::FLAW.get() == Some(flaw);
    #[cfg(not(any(test, loom)))]
    {
        let _ = flaw;
        false
    }
}

/// Plants `flaw` in all that this thread does from now on.
#[cfg(any(test, loom))]
pub(crate) fn plant(flaw: Option<Flaw>) {
    here::FLAW.set(flaw);
}

#[cfg(any(test, loom))]
mod here {
    use core::cell::Cell;

    std::thread_local! {
        pub(super) static FLAW: Cell<Option<super::Flaw>> = const { Cell::new(None) };
    }
}
