//! Which segment is used for what.
//!
//! 1. A segment's `last` is the highest sequence of a record in it that is still needed, or 0.
//! 2. Records are placed in one segment, the current one, until there is no room in it.

use crate::durable::storage::BLOCK;

/// What a log has before its segments: its header.
pub(super) const HEADER: usize = BLOCK;

/// Bytes of a segment: whole blocks, with room for a page with all its lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SegmentBytes(u64);

impl SegmentBytes {
    pub(crate) const DEFAULT: Self = Self(8 << 20);
    const LEAST: u64 = 2 * BLOCK as u64;
    const MOST: u64 = 1 << 30;

    /// `None` for what is no possible size of a segment.
    pub(crate) const fn new(bytes: u64) -> Option<Self> {
        if bytes >= Self::LEAST && bytes <= Self::MOST && bytes.is_multiple_of(BLOCK as u64) {
            Some(Self(bytes))
        } else {
            None
        }
    }

    /// The possible size nearest above this one, or the largest there is.
    pub(crate) fn nearest(bytes: u64) -> Self {
        Self(bytes.clamp(Self::LEAST, Self::MOST).next_multiple_of(BLOCK as u64))
    }

    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// Where segment `number` begins in the file.
    pub(crate) const fn start(self, number: usize) -> u64 {
        HEADER as u64 + number as u64 * self.0
    }

    /// How many whole segments a file of this length has.
    pub(crate) fn within(self, len: u64) -> usize {
        usize::try_from(len.saturating_sub(HEADER as u64) / self.0).unwrap_or(usize::MAX)
    }

    /// The segment in which a record at `offset` lies.
    pub(crate) fn of(self, offset: u64) -> usize {
        self.within(offset)
    }
}

/// The segments of an open log.
#[derive(Debug)]
pub(super) struct Segments {
    segment: SegmentBytes,
    last: Vec<u64>,
    current: usize,
    /// How much of the current segment is taken.
    taken: u64,
}

impl Segments {
    /// No segments yet.
    pub(super) fn new(segment: SegmentBytes) -> Self {
        Self { segment, last: Vec::new(), current: 0, taken: 0 }
    }

    /// Segments as they were found: the last sequence in each, and where the next record goes.
    pub(super) fn found(segment: SegmentBytes, last: Vec<u64>, next: Option<u64>) -> Self {
        let mut segments = Self { segment, last, current: 0, taken: 0 };
        if let Some(next) = next {
            // A record that ends with its segment leaves the next at the start of another one.
            segments.current = segment.of(next - 1);
            segments.taken = next - segment.start(segments.current);
        }
        segments
    }

    pub(super) fn segment(&self) -> SegmentBytes {
        self.segment
    }

    /// Where the file ends.
    pub(super) fn end(&self) -> u64 {
        self.segment.start(self.last.len())
    }

    pub(super) fn add(&mut self) {
        self.last.push(0);
    }

    fn room(&self) -> u64 {
        if self.last.is_empty() { 0 } else { self.segment.0 - self.taken }
    }

    /// Bytes of the segments with records that are still needed.
    pub(super) fn needed(&self) -> u64 {
        self.last.iter().filter(|last| **last != 0).count() as u64 * self.segment.0
    }

    fn is_free(&self, number: usize) -> bool {
        self.last[number] == 0 && number != self.current
    }

    /// How many segments are missing for records of these lengths.
    pub(super) fn missing(&self, lens: impl Iterator<Item = u64>) -> usize {
        let (mut room, mut wanted) = (self.room(), 0_usize);
        for len in lens {
            if len > room {
                wanted += 1;
                room = self.segment.0;
            }
            room -= len;
        }
        if wanted == 0 {
            return 0;
        }
        let free = (0..self.last.len()).filter(|number| self.is_free(*number)).count();
        wanted.saturating_sub(free)
    }

    /// Finds a place for a record of the commit `sequence`. There is one: see [`Segments::missing`].
    pub(super) fn place(&mut self, len: u64, sequence: u64) -> u64 {
        if len > self.room() {
            let mut numbers = 0..self.last.len();
            self.current = numbers.find(|number| self.is_free(*number)).expect("segments were added before");
            self.taken = 0;
        }
        let offset = self.segment.start(self.current) + self.taken;
        self.taken += len;
        self.last[self.current] = sequence;
        offset
    }

    pub(super) fn retire_through(&mut self, sequence: u64) {
        for last in &mut self.last {
            *last = if *last <= sequence { 0 } else { *last };
        }
        if self.last[self.current] == 0 {
            self.taken = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEGMENT: SegmentBytes = SegmentBytes::new(16384).unwrap();

    #[test]
    fn a_segment_is_used_until_it_is_full_and_again_when_its_commits_are_in_the_base() {
        let mut segments = Segments::new(SEGMENT);
        assert_eq!(segments.missing([8192, 4096, 8192].into_iter()), 2);
        segments.add();
        segments.add();
        let places: Vec<u64> = [8192, 4096, 8192, 8192]
            .into_iter()
            .zip(1..)
            .map(|(len, sequence)| segments.place(len, sequence))
            .collect();
        assert_eq!(places, [4096, 4096 + 8192, 4096 + 16384, 4096 + 16384 + 8192]);
        assert_eq!(segments.missing([4096].into_iter()), 1);
        assert_eq!(segments.needed(), SEGMENT.get() * 2);
        segments.retire_through(1);
        assert_eq!(segments.missing([4096].into_iter()), 1, "commit 2 is in the same segment");
        segments.retire_through(2);
        assert_eq!(segments.missing([16384, 4096].into_iter()), 1);
        assert_eq!(segments.place(4096, 5), 4096);
        assert_eq!(segments.needed(), SEGMENT.get() * 2);
        segments.retire_through(5);
        assert_eq!(segments.needed(), 0);
        assert_eq!(segments.place(4096, 6), 4096, "the current one begins again");
    }

    #[test]
    fn the_next_record_goes_behind_the_last_that_was_found() {
        let mut segments = Segments::found(SEGMENT, vec![3, 4, 0], Some(SEGMENT.start(1) + 4096));
        assert_eq!(segments.place(4096, 5), SEGMENT.start(1) + 4096);
        let mut segments = Segments::found(SEGMENT, vec![3, 4, 0], Some(SEGMENT.start(2)));
        assert_eq!(segments.place(4096, 5), SEGMENT.start(2));
        let mut segments = Segments::found(SEGMENT, vec![0, 4], Some(SEGMENT.start(2)));
        assert_eq!(segments.place(4096, 5), SEGMENT.start(0));
        let mut segments = Segments::found(SEGMENT, vec![0, 0], None);
        assert_eq!(segments.place(4096, 5), SEGMENT.start(0));
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        let bad = [0, 4096, 8193, (1 << 30) + 4096, u64::MAX];
        assert!(bad.iter().all(|bytes| SegmentBytes::new(*bytes).is_none()));
        assert_eq!(SegmentBytes::new(8 << 20), Some(SegmentBytes::DEFAULT));
    }
}
