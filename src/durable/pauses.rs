//! Pauses of a worker whom others let take its time, until somebody waits for it.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Where a worker pauses. It has a lock of its own: the worker must not queue with those for whom it pauses.
#[derive(Default, Debug)]
pub(super) struct Pauses {
    waiting: Mutex<usize>,
    changed: Condvar,
}

/// Somebody waits: as long as this lives there are no pauses.
#[derive(Debug)]
pub(super) struct Hurry<'a>(&'a Pauses);

impl Pauses {
    /// Lets so much time pass, unless somebody waits.
    pub(super) fn pause(&self, time: Duration) {
        drop(self.changed.wait_timeout_while(self.waiting(), time, |waiting| *waiting == 0));
    }

    /// From now on somebody waits.
    pub(super) fn hurry(&self) -> Hurry<'_> {
        *self.waiting() += 1;
        self.changed.notify_all();
        Hurry(self)
    }

    fn waiting(&self) -> MutexGuard<'_, usize> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        *self.0.waiting() -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(1000);

    #[test]
    fn whoever_waits_ends_a_pause_and_there_is_none_until_he_is_gone() {
        let (pauses, begun) = (Pauses::default(), Instant::now());
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| (0..3).for_each(|_| pauses.pause(LONG)));
            let first = pauses.hurry();
            let second = pauses.hurry();
            drop(first);
            worker.join().expect("no panic");
            drop(second);
        });
        assert!(begun.elapsed() < LONG);
        let begun = Instant::now();
        pauses.pause(Duration::from_millis(20));
        assert!(begun.elapsed() >= Duration::from_millis(20));
    }
}
