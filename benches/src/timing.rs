//! Timing of repeated work, with samples kept on the stack.

use std::time::Instant;

/// The most samples one measurement may take.
const CAPACITY: usize = 512;

/// A bounded list of samples.
#[derive(Clone, Debug)]
pub struct Samples {
    values: [f64; CAPACITY],
    len: usize,
}

impl Samples {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { values: [0.0; CAPACITY], len: 0 }
    }

    /// Adds a sample.
    ///
    /// # Panics
    /// When there are too many.
    pub const fn push(&mut self, value: f64) {
        self.values[self.len] = value;
        self.len += 1;
    }

    /// The middle one, or the lower of the two in the middle.
    ///
    /// # Panics
    /// When there are none.
    #[must_use]
    pub fn median(&self) -> f64 {
        let mut sorted = self.values;
        let sorted = &mut sorted[..self.len];
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[(sorted.len() - 1) / 2]
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self::new()
    }
}

/// Nanoseconds that `work` took, and its result.
pub fn nanoseconds<R>(work: impl FnOnce() -> R) -> (f64, R) {
    let start = Instant::now();
    let result = work();
    (start.elapsed().as_secs_f64() * 1e9, result)
}

/// The median over `repetitions` of the nanoseconds one of `operations` takes when `work` does them all.
/// One more repetition goes first and does not count.
pub fn median_per_operation(repetitions: usize, operations: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut samples = Samples::new();
    for _ in 0..repetitions {
        samples.push(nanoseconds(&mut work).0 / operations as f64);
    }
    samples.median()
}
