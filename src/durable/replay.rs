//! What an opening has found in the log.

use core::fmt;
use std::time::{Duration, Instant};

use super::file::take_in;
use super::log::{Replayed, Tally};
use super::overlay::Overlay;

/// What an opening has found in the log, because the heap was not closed before: the process was killed, say, or the machine
/// lost its power.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Replay {
    /// Commits that were not in the heap's file yet.
    pub commits: u64,
    /// Records of which these were made: one for each that fits into a segment of the log.
    pub records: u64,
    /// Lines of 64 bytes that these changed, counted anew for each commit.
    pub lines: u64,
    /// Bytes of the log that they take.
    pub bytes: u64,
    /// Segments of the log in which they lie.
    pub segments: u64,
    /// Whether behind them lay what does not count: of a commit that was not finished, as far as a trace of it was left, or
    /// of commits that a loss of power took at [`Durability::ProcessCrash`](crate::Durability::ProcessCrash).
    pub unfinished: bool,
    /// How long all this took.
    pub took: Duration,
}

impl Replay {
    /// Takes a part of a commit into the overlay.
    pub(super) fn take_in(&mut self, overlay: &mut Overlay, part: &Replayed<'_>, longest: u64) {
        self.commits += u64::from(part.last);
        self.lines += take_in(overlay, part, longest);
    }

    /// The same, and what the log as a whole says, which was begun to be read at that moment.
    pub(super) fn end(self, tally: Tally, begun: Instant) -> Self {
        let Tally { records, bytes, segments, unfinished } = tally;
        Self { records, bytes, segments, unfinished, took: begun.elapsed(), ..self }
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commits, records, lines, bytes, segments, unfinished, took } = self;
        write!(f, "replayed in {took:.1?}: {commits} commits, {records} records, {lines} lines, ")?;
        write!(f, "{bytes} bytes in {segments} segments")?;
        if *unfinished { f.write_str("; what was not finished is dropped") } else { Ok(()) }
    }
}
