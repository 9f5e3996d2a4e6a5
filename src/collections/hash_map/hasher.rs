//! The hash of a table that outlives its program.
//!
//! 1. The same bytes with the same seed have the same hash in every build of every version: the numbers below and the order
//!    of the steps are part of the format, and pinned by tests. A change of them is a change of the format.
//! 2. What bytes a key feeds is up to its `Hash`. Integers feed their value; those of the size of an address feed 64 bits.
//!    The standard library promises neither the same bytes between its versions nor between processors: slices of
//!    integers feed them as they lie in memory. Should it ever change, `PHashMap::rehash` puts a map right.
//! 3. Everything is mixed by one operation: the product of two words to 128 bits, whose halves are put together by exclusive
//!    or. One factor has what came before, the other a key made of the seed. One more product spreads the last word: without
//!    it, numbers in a row can fill a table in clumps.

use core::hash::Hasher;

const STEP: u64 = 0x9FB2_1C65_1E98_DF25;
const KEY: u64 = 0xA076_1D64_78BD_642F;

/// The state of a hash under way.
#[derive(Clone, Debug)]
pub struct StableHasher {
    state: u64,
    key: u64,
}

impl StableHasher {
    /// A hash whose results depend on `seed`.
    #[inline]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, key: seed.rotate_left(32) ^ KEY }
    }
}

/// The halves of the product, put together.
#[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
#[inline]
const fn folded(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// A little-endian word at `at`, which is there.
#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u64::from_le_bytes(*word))
}

#[inline]
fn half(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |half| u64::from(u32::from_le_bytes(*half)))
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        let mut state = self.state.wrapping_add((len as u64).wrapping_mul(STEP));
        let (low, high) = if len > 16 {
            // The last 16 bytes come below, and may have been met in part.
            let mut rest = bytes;
            while rest.len() > 16 {
                state = folded(state ^ word(rest, 0), self.key ^ word(rest, 8));
                rest = &rest[16..];
            }
            (word(bytes, len - 16), word(bytes, len - 8))
        } else if len >= 8 {
            (word(bytes, 0), word(bytes, len - 8))
        } else if len >= 4 {
            (half(bytes, 0), half(bytes, len - 4))
        } else if len > 0 {
            let middle = u64::from(bytes[len / 2]) << 8;
            (u64::from(bytes[0]), middle | u64::from(bytes[len - 1]))
        } else {
            (0, 0)
        };
        self.state = folded(state ^ low, self.key ^ high);
    }

    #[inline]
    fn write_u8(&mut self, number: u8) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u16(&mut self, number: u16) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.state = folded(self.state ^ number, self.key);
    }

    #[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
    #[inline]
    fn write_u128(&mut self, number: u128) {
        self.write_u64(number as u64);
        self.write_u64((number >> 64) as u64);
    }

    #[inline]
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    #[inline]
    fn write_i8(&mut self, number: i8) {
        self.write_i64(i64::from(number));
    }

    #[inline]
    fn write_i16(&mut self, number: i16) {
        self.write_i64(i64::from(number));
    }

    #[inline]
    fn write_i32(&mut self, number: i32) {
        self.write_i64(i64::from(number));
    }

    #[inline]
    fn write_i64(&mut self, number: i64) {
        self.write_u64(number.cast_unsigned());
    }

    #[inline]
    fn write_i128(&mut self, number: i128) {
        self.write_u128(number.cast_unsigned());
    }

    #[inline]
    fn write_isize(&mut self, number: isize) {
        self.write_i64(number as i64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        folded(self.state, STEP)
    }
}
