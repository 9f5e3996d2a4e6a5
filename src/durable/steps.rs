//! Work that two threads may share: while one of them waits for the disk or for memory, the other one goes on.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// Takes step after step: `take` puts the next one into its `hands` and says whether there was one, and `step` does it. Where a
/// step fails, no other one is taken, and that is the answer.
pub(super) fn by_one<Hands: Default, E>(
    mut take: impl FnMut(&mut Hands) -> bool,
    step: impl Fn(&mut Hands) -> Result<(), E>,
) -> Result<(), E> {
    let mut hands = Hands::default();
    while take(&mut hands) {
        step(&mut hands)?;
    }
    Ok(())
}

/// The same by two threads, with hands of their own. No two take at a time, so the steps are begun in order.
pub(super) fn by_two<Hands: Default, E: Send>(
    take: impl FnMut(&mut Hands) -> bool + Send,
    step: impl Fn(&mut Hands) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let take = Mutex::new(Some(take));
    let rest = || take.lock().unwrap_or_else(PoisonError::into_inner);
    let work = || {
        let mut hands = Hands::default();
        while rest().as_mut().is_some_and(|take| take(&mut hands)) {
            step(&mut hands).inspect_err(|_| *rest() = None)?;
        }
        Ok(())
    };
    let others = Mutex::new(Ok(()));
    let own = thread::scope(|scope| {
        let other = || *others.lock().unwrap_or_else(PoisonError::into_inner) = work();
        // Without a second thread it takes longer. It is not joined: the scope waits until it has done its work, and not for its end,
        // in which it leaves the heaps, for whose locks it may have to wait. The caller may hold them.
        drop(thread::Builder::new().spawn_scoped(scope, other));
        work()
    });
    own.and(others.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Does both, the second one in a thread of its own. Where that does not begin before the first one is done, this thread does both.
pub(super) fn both<T>(first: impl FnOnce() -> T, second: impl FnOnce() + Send) -> T {
    let second = Mutex::new(Some(second));
    let do_second = || {
        let second = second.lock().unwrap_or_else(PoisonError::into_inner).take();
        second.into_iter().for_each(|second| second());
    };
    thread::scope(|scope| {
        // Not joined, as above.
        drop(thread::Builder::new().spawn_scoped(scope, do_second));
        let done = first();
        do_second();
        done
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;

    /// Takes the numbers below `count`, of which the step of `bad` fails; says which were done.
    fn numbers(count: u32, bad: Option<u32>) -> (Result<(), u32>, BTreeSet<u32>) {
        let (mut next, done) = (0..count, Mutex::new(BTreeSet::new()));
        let result = by_two(
            |hand: &mut u32| next.next().map(|number| *hand = number).is_some(),
            |hand| {
                match bad {
                    Some(bad) if *hand == bad => return Err(bad),
                    Some(bad) if *hand > bad => thread::sleep(Duration::from_millis(1)),
                    _ => {}
                }
                assert!(done.lock().unwrap().insert(*hand), "{hand} twice");
                Ok(())
            },
        );
        (result, done.into_inner().unwrap())
    }

    #[test]
    fn every_step_is_done_once_by_somebody() {
        for count in [0, 1, 2, 1000] {
            let (result, done) = numbers(count, None);
            assert_eq!(result, Ok(()));
            assert!(done.into_iter().eq(0..count));
        }
    }

    #[test]
    fn a_step_that_fails_is_the_answer_and_ends_the_others() {
        for bad in [0, 1, 500] {
            let (result, done) = numbers(1000, Some(bad));
            assert_eq!(result, Err(bad));
            assert!((0..bad).all(|number| done.contains(&number)));
            assert!(done.len() < bad as usize + 100, "{} steps after it", done.len());
        }
    }

    #[test]
    fn both_are_done_beside_each_other_or_in_turn() {
        for (first, second) in [(0, 0), (0, 10), (10, 0)] {
            let pause = |milliseconds| thread::sleep(Duration::from_millis(milliseconds));
            let mut is_done = false;
            let result = both(
                || {
                    pause(first);
                    7
                },
                || {
                    pause(second);
                    is_done = true;
                },
            );
            assert_eq!((result, is_done), (7, true));
        }
    }
}
