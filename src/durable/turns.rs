//! Commits that callers share.
//!
//! Who wants a commit takes a ticket. One of them commits, for all who had a ticket when it began; the others wait, and
//! whoever came meanwhile shares the next one.
//!
//! 1. A ticket is covered by a commit that began after it was taken.
//! 2. At most one commit is under way.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Who waits for what. `T` is what a commit answers.
#[derive(Debug)]
pub(super) struct Turns<T> {
    state: Mutex<State<T>>,
    turned: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// The last ticket.
    taken: u64,
    /// Tickets up to this one are covered.
    covered: u64,
    busy: bool,
    answer: Option<T>,
}

/// A wish for a commit.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Ticket(u64);

impl<T: Clone> Turns<T> {
    pub(super) fn new() -> Self {
        let state = State { taken: 0, covered: 0, busy: false, answer: None };
        Self { state: Mutex::new(state), turned: Condvar::new() }
    }

    pub(super) fn take(&self) -> Ticket {
        let mut state = self.state();
        state.taken += 1;
        Ticket(state.taken)
    }

    /// Whether a commit has covered the ticket.
    pub(super) fn is_covered(&self, ticket: Ticket) -> bool {
        self.state().covered >= ticket.0
    }

    /// Waits until a commit has covered the ticket, and makes it if nobody else does.
    pub(super) fn redeem(&self, ticket: Ticket, commit: impl FnOnce() -> T) -> T {
        let mut state = self.state();
        loop {
            if state.covered >= ticket.0
                && let Some(answer) = &state.answer
            {
                return answer.clone();
            }
            if !state.busy {
                break;
            }
            state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.busy = true;
        let covers = state.taken;
        drop(state);
        let turn = Turn(self);
        let answer = commit();
        let mut state = self.state();
        (state.covered, state.answer) = (covers, Some(answer.clone()));
        drop(state);
        drop(turn);
        answer
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a turn, whatever becomes of its commit.
struct Turn<'a, T: Clone>(&'a Turns<T>);

impl<T: Clone> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.0.state().busy = false;
        self.0.turned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_ticket_is_covered_by_a_commit_that_began_after_it_and_few_commits_cover_many() {
        let (turns, clock, commits) = (Turns::new(), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let before = clock.fetch_add(1, Ordering::SeqCst);
                        let ticket = turns.take();
                        let begun = turns.redeem(ticket, || {
                            commits.fetch_add(1, Ordering::SeqCst);
                            let begun = clock.fetch_add(1, Ordering::SeqCst);
                            thread::sleep(Duration::from_micros(300));
                            begun
                        });
                        assert!(begun > before && turns.is_covered(ticket));
                    }
                });
            }
        });
        let commits = commits.into_inner();
        assert!((50..200).contains(&commits), "{commits} commits for 400 tickets");
    }

    #[test]
    fn a_commit_that_panics_leaves_the_next_one_free() {
        let turns = Turns::<u64>::new();
        let ticket = turns.take();
        let failed = thread::scope(|scope| {
            scope.spawn(|| turns.redeem(ticket, || panic!("on purpose"))).join().is_err()
        });
        assert!(failed && !turns.is_covered(ticket));
        assert_eq!(turns.redeem(ticket, || 7), 7);
    }
}
