//! A small generator of random numbers whose seed is printed where a test fails. The unit tests have it too.

/// A 64-bit linear congruential generator, mixed on output.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator that always gives the same numbers for this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9E37_79B9_7F4A_7C15)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
        mixed ^ (mixed >> 33)
    }

    /// A number below `limit`.
    pub fn below<N: TryFrom<u64> + TryInto<u64>>(&mut self, limit: N) -> N {
        let limit = limit.try_into().unwrap_or_else(|_| unreachable!("a limit below 0"));
        N::try_from(self.next() % limit).unwrap_or_else(|_| unreachable!("below a number of its type"))
    }

    /// Whether something happens that does so once `of` so many times.
    pub fn chance(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    /// A range of indices in a sequence of `len`.
    pub fn range(&mut self, len: usize) -> core::ops::Range<usize> {
        let (a, b) = (self.below(len + 1), self.below(len + 1));
        a.min(b)..a.max(b)
    }

    /// A number below `1 << log`, small ones far more often than large ones.
    pub fn skewed(&mut self, log: u64) -> u64 {
        let limit = 1 << self.below(log + 1);
        self.below(limit)
    }

    /// A size up to `1 << log`, small ones far more often than large ones.
    pub fn size(&mut self, log: usize) -> usize {
        let most = 1 << self.below(log + 1);
        1 + self.below(most)
    }
}
