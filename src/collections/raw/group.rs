//! Sixteen control bytes at once.
//!
//! A group has 16 bytes on every machine, because the layout of a table depends on it; where there are no vectors of that
//! size, two words stand for one.

/// Bytes of a group.
pub(in crate::collections) const WIDTH: usize = 16;

/// Of a bucket that was never used since the table was made.
pub(in crate::collections) const EMPTY: u8 = 0xFF;
/// Of a bucket whose entry is gone, where a search must go on.
pub(in crate::collections) const DELETED: u8 = 0x80;

/// The byte of a bucket in use: seven bits of the hash.
#[allow(clippy::cast_possible_truncation, reason = "seven bits are left")]
#[inline]
pub(in crate::collections) const fn tag(hash: u64) -> u8 {
    (hash >> 57) as u8
}

#[inline]
pub(in crate::collections) const fn is_full(control: u8) -> bool {
    control & DELETED == 0
}

/// Which bytes of a group are meant, the first one at the lowest bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::collections) struct Mask(u16);

impl Mask {
    pub(in crate::collections) const NONE: Self = Self(0);

    #[inline]
    pub(in crate::collections) fn any(self) -> bool {
        self.0 != 0
    }

    #[inline]
    pub(in crate::collections) fn first(self) -> Option<usize> {
        if self.0 == 0 { None } else { Some(self.0.trailing_zeros() as usize) }
    }

    /// How many before the first one.
    #[inline]
    pub(in crate::collections) fn before(self) -> u32 {
        self.0.trailing_zeros()
    }

    /// How many behind the last one.
    #[inline]
    pub(in crate::collections) fn behind(self) -> u32 {
        self.0.leading_zeros()
    }
}

impl Iterator for Mask {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

#[cfg(target_feature = "sse2")]
pub(in crate::collections) use vector::Group;
#[cfg(not(target_feature = "sse2"))]
pub(in crate::collections) use words::Group;

#[cfg(target_feature = "sse2")]
mod vector {
    use core::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

    use super::{EMPTY, Mask};

    #[derive(Clone, Copy)]
    pub(in crate::collections) struct Group(__m128i);

    #[allow(clippy::cast_possible_truncation, reason = "a mask has 16 bits")]
    impl Group {
        /// # Safety
        /// 16 bytes can be read at `at`.
        #[inline]
        pub(in crate::collections) unsafe fn load(at: *const u8) -> Self {
            // SAFETY: the caller's promise; no alignment is asked for.
            Self(unsafe { _mm_loadu_si128(at.cast()) })
        }

        #[inline]
        pub(in crate::collections) fn matches(self, control: u8) -> Mask {
            // SAFETY: the instruction is part of every processor that this is compiled for.
            let wanted = unsafe { _mm_set1_epi8(control.cast_signed()) };
            // SAFETY: as above.
            let equal = unsafe { _mm_cmpeq_epi8(self.0, wanted) };
            // SAFETY: as above.
            Mask(unsafe { _mm_movemask_epi8(equal) } as u16)
        }

        #[inline]
        pub(in crate::collections) fn empty(self) -> Mask {
            self.matches(EMPTY)
        }

        /// Those without an entry.
        #[inline]
        pub(in crate::collections) fn free(self) -> Mask {
            // SAFETY: the instruction is part of every processor that this is compiled for.
            Mask(unsafe { _mm_movemask_epi8(self.0) } as u16)
        }

        #[inline]
        pub(in crate::collections) fn full(self) -> Mask {
            Mask(!self.free().0)
        }
    }
}

#[cfg(any(test, not(target_feature = "sse2")))]
mod words {
    use super::{EMPTY, Mask};

    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = LOW << 7;

    #[derive(Clone, Copy)]
    pub(in crate::collections) struct Group([u64; 2]);

    /// The highest bits of the eight bytes, in their order: each byte's bit reaches its place by one term of the product, and no
    /// two terms meet.
    #[allow(clippy::cast_possible_truncation, reason = "eight bits are left")]
    fn bits(word: u64) -> u8 {
        ((word >> 7 & LOW).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8
    }

    fn mask(words: [u64; 2]) -> Mask {
        Mask(u16::from(bits(words[0])) | u16::from(bits(words[1])) << 8)
    }

    impl Group {
        /// # Safety
        /// 16 bytes can be read at `at`.
        pub(in crate::collections) unsafe fn load(at: *const u8) -> Self {
            // SAFETY: the caller's promise.
            let words: [[u8; 8]; 2] = unsafe { at.cast::<[[u8; 8]; 2]>().read_unaligned() };
            Self(words.map(u64::from_le_bytes))
        }

        pub(in crate::collections) fn matches(self, control: u8) -> Mask {
            mask(self.0.map(|word| {
                let other = word ^ (LOW * u64::from(control));
                // The high bit of each byte that is 0; no sum carries into the next byte.
                !(((other & !HIGH) + !HIGH) | other) & HIGH
            }))
        }

        pub(in crate::collections) fn empty(self) -> Mask {
            self.matches(EMPTY)
        }

        pub(in crate::collections) fn free(self) -> Mask {
            mask(self.0)
        }

        pub(in crate::collections) fn full(self) -> Mask {
            mask(self.0.map(|word| !word))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_group_see_what_is_there() {
        let mut number = 1_u64;
        for _ in 0..20_000 {
            let bytes: [u8; WIDTH] = core::array::from_fn(|_| {
                number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                [EMPTY, DELETED, 0, 1, 0x7F, tag(number)][usize::try_from(number >> 40).unwrap() % 6]
            });
            let mask = |fits: &dyn Fn(u8) -> bool| {
                Mask(bytes.iter().rev().fold(0, |mask, byte| mask << 1 | u16::from(fits(*byte))))
            };
            // SAFETY: there are 16 bytes.
            let one = unsafe { Group::load(bytes.as_ptr()) };
            // SAFETY: the same.
            let other = unsafe { words::Group::load(bytes.as_ptr()) };
            for wanted in [EMPTY, DELETED, 0, 1, 0x7F, bytes[3]] {
                let expected = mask(&|byte| byte == wanted);
                assert_eq!((one.matches(wanted), other.matches(wanted)), (expected, expected), "{bytes:?}");
            }
            assert_eq!(
                (one.free(), other.free()),
                (mask(&|byte| !is_full(byte)), mask(&|byte| !is_full(byte)))
            );
            assert_eq!((one.full(), other.full()), (mask(&is_full), mask(&is_full)));
            assert_eq!(
                (one.empty(), other.empty()),
                (mask(&|byte| byte == EMPTY), mask(&|byte| byte == EMPTY))
            );
        }
    }
}
