//! A small deterministic random generator (SplitMix64), the same on every machine and for every allocator.

/// The generator's state: a counter that a mixing function turns into noise.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator that always yields the same sequence for the same `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    #[inline]
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the result is below `bound`, a usize")]
    pub const fn below(&mut self, bound: usize) -> usize {
        ((self.bits() as u128 * bound as u128) >> 64) as usize
    }

    /// A number in `low..=high`.
    #[inline]
    pub const fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// A size around `median` whose logarithm is normally distributed with deviation `sigma`, kept in `low..=high`.
    #[expect(clippy::cast_possible_truncation, reason = "clamped to the range of a usize first")]
    #[expect(clippy::cast_sign_loss, reason = "an exponential is positive")]
    pub fn log_normal(&mut self, median: f64, sigma: f64, low: usize, high: usize) -> usize {
        // The sum of twelve uniform numbers less six is close to a standard normal one.
        let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        (median * (sigma * normal).exp()).clamp(low as f64, high as f64) as usize
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A number in `0.0..1.0`.
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }
}
