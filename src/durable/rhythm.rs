//! When a heap commits by itself: after some time, after some bytes, or whichever comes first.

use std::time::Duration;

/// How often it is looked how much was written.
const LOOK: Duration = Duration::from_millis(5);
/// A look takes at most this part of the time: so many times as long as the last one passes before the next.
const SHARE: u32 = 50;

/// When to commit.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Rhythm {
    /// So long after the last time.
    pub(crate) every: Option<Duration>,
    /// When at least so many bytes are to be looked at.
    pub(crate) after: Option<u64>,
}

impl Rhythm {
    /// Whether there is anything to wait for.
    pub(crate) fn is_any(self) -> bool {
        self.every.is_some() || self.after.is_some()
    }

    /// How long to wait until it can be time, when so much has passed since the last commit and the last look took `look`.
    pub(super) fn pause(self, passed: Duration, look: Duration) -> Duration {
        let rest = self.every.map(|every| every.saturating_sub(passed));
        let next = self.after.map(|_| LOOK.max(look * SHARE));
        rest.into_iter().chain(next).min().unwrap_or(Duration::MAX)
    }

    /// Whether it is time. `written` counts bytes up to a bound.
    pub(super) fn is_due(self, passed: Duration, written: impl FnOnce(u64) -> u64) -> bool {
        let time = self.every.is_some_and(|every| passed >= every);
        // Without a byte there is nothing to commit.
        time || self.after.is_some_and(|bytes| written(bytes.max(1)) >= bytes.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn it_is_time_when_time_has_passed_or_enough_was_written() {
        let both = Rhythm { every: Some(SECOND), after: Some(100) };
        let is_due = |rhythm: Rhythm, passed, found: u64| rhythm.is_due(passed, |most| found.min(most));
        assert!(is_due(both, SECOND, 0) && is_due(both, Duration::ZERO, 100));
        assert!(!is_due(both, SECOND / 2, 99));
        let bytes = Rhythm { every: None, ..both };
        assert!(!is_due(bytes, SECOND * 100, 99) && is_due(bytes, Duration::ZERO, 5000));
        assert!(!is_due(Rhythm { after: Some(0), ..bytes }, SECOND, 0));
        let time = Rhythm { after: None, ..both };
        assert!(!is_due(time, SECOND / 2, u64::MAX) && is_due(time, SECOND, 0));
    }

    #[test]
    fn a_look_that_takes_long_is_rare_and_a_commit_is_not_late() {
        let both = Rhythm { every: Some(SECOND), after: Some(100) };
        assert_eq!(both.pause(Duration::ZERO, Duration::ZERO), LOOK);
        assert_eq!(both.pause(Duration::ZERO, SECOND / 100), SECOND / 2);
        assert_eq!(both.pause(SECOND - LOOK / 2, SECOND), LOOK / 2);
        assert_eq!(Rhythm { after: None, ..both }.pause(SECOND * 2, Duration::ZERO), Duration::ZERO);
    }
}
