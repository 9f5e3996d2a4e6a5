//! Numbers that an attacker cannot foresee, for a hardened heap.

use crate::os;
use crate::sync::Word64;

/// A generator seeded by the system. Threads that ask at the same moment may get the same number, which is no harm.
#[derive(Debug)]
pub(super) struct Chance(Word64);

impl Chance {
    pub(super) fn new() -> Self {
        Self(Word64::new(if cfg!(feature = "hardened") { os::random() } else { 0 }))
    }

    /// A number below `limit`, which is not 0.
    #[allow(clippy::cast_possible_truncation, reason = "below a number of 32 bits")]
    pub(super) fn below(&self, limit: u32) -> u32 {
        (self.next() % u64::from(limit)) as u32
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ (mixed >> 27)
    }
}
