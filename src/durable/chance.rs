//! Numbers by chance: which heap it is, and which opening of it.

use crate::os;

/// A number that nobody else has.
pub(super) fn number() -> u64 {
    #[cfg(test)]
    if let Some(number) = seeded::next() {
        return number;
    }
    os::random()
}

/// What no other heap has.
pub(super) fn uuid() -> [u8; 16] {
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&number().to_le_bytes());
    uuid[8..].copy_from_slice(&number().to_le_bytes());
    uuid
}

/// The same numbers in each run of a test that has failed.
#[cfg(test)]
pub(crate) mod seeded {
    use core::cell::Cell;

    use crate::durable::storage::simulated::Random;

    thread_local! {
        static SEED: Cell<Option<u64>> = const { Cell::new(None) };
    }

    /// From now on the numbers of this thread follow from `seed`.
    pub(crate) fn begin(seed: u64) {
        SEED.set(Some(seed));
    }

    pub(super) fn next() -> Option<u64> {
        let seed = SEED.get()?;
        SEED.set(Some(seed.wrapping_add(1)));
        Some(Random(seed).next())
    }
}
