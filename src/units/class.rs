//! The size classes: 8-byte steps to 128, then eight to each doubling up to 32 KiB.
//!
//! 80 classes. A request of 50 bytes or more loses at most an eighth of its block to rounding.
//!
//! From 1 KiB on, a class whose size is a power of two has blocks one line further apart than its size: blocks
//! at 4 KiB strides share one set of the first-level cache, and writing to a few dozen of them in turn is several
//! times slower than at an odd number of lines.

use super::LINE;

/// How many size classes there are.
pub(crate) const CLASSES: usize = 80;
/// The largest request, rounding included, that a size class serves.
pub(crate) const SMALL_MAX: usize = 32 << 10;
/// From this size on, classes promise lines and no more: their strides and colours break larger alignments.
pub(crate) const COLOUR_MIN: usize = 1 << 10;

/// The alignment that every block has, whatever its class.
pub(crate) const CLASS_ALIGN: usize = FINE_STEP;

const FINE_MAX: usize = 128;
const FINE_STEP: usize = 8;
const FINE_CLASSES: usize = FINE_MAX / FINE_STEP;
const STEPS: usize = 8;

/// A size class: the blocks of one size that a slab is cut into.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Class(u8);

#[allow(clippy::cast_possible_truncation, reason = "class numbers are below 80")]
impl Class {
    /// The smallest class whose blocks hold `size` bytes; a request of nothing is served like one of a byte.
    pub const fn of_size(size: usize) -> Option<Self> {
        if size > SMALL_MAX {
            return None;
        }
        if size <= FINE_MAX {
            return Some(Self((size.saturating_sub(1) / FINE_STEP) as u8));
        }
        let last = size - 1;
        let doubling = last.ilog2() as usize;
        let step = (last >> (doubling - 3)) - STEPS;
        Some(Self((FINE_CLASSES + (doubling - 7) * STEPS + step) as u8))
    }

    /// The class with this number, if there is one.
    pub const fn from_index(index: usize) -> Option<Self> {
        if index < CLASSES { Some(Self(index as u8)) } else { None }
    }

    /// This class's number, from 0 for the smallest.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The bytes a block of this class holds.
    pub const fn size(self) -> usize {
        let index = self.index();
        if index < FINE_CLASSES {
            return (index + 1) * FINE_STEP;
        }
        let doubling = (index - FINE_CLASSES) / STEPS;
        let step = (index - FINE_CLASSES) % STEPS;
        (STEPS + step + 1) << (doubling + 4)
    }

    /// The largest request that goes to the class below: everything above it, up to `size`, is served here.
    pub(crate) const fn size_below(self) -> usize {
        if self.0 == 0 { 0 } else { Self(self.0 - 1).size() }
    }

    /// The distance from one block of a slab to the next.
    pub(crate) const fn stride(self) -> usize {
        let size = self.size();
        if size >= COLOUR_MIN && size.is_power_of_two() { size + LINE } else { size }
    }

    /// The alignment that every block of this class has.
    pub(crate) const fn align(self) -> usize {
        let size = self.size();
        if size >= COLOUR_MIN { LINE } else { 1 << size.trailing_zeros() }
    }

    /// The pages that a block of this class fills when it is a run of its own.
    pub(crate) const fn pages(self) -> u32 {
        super::low32(self.size().div_ceil(super::PAGE))
    }

    /// All classes, smallest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..CLASSES).map(|index| Self(index as u8))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "class numbers are below 80")]
const _: () = {
    // Every class serves its own size, and the class above serves one byte more.
    let mut index = 0;
    while index < CLASSES {
        let class = Class(index as u8);
        assert!(matches!(Class::of_size(class.size()), Some(found) if found.0 == class.0));
        assert!(class.stride().is_multiple_of(class.align()));
        if index + 1 < CLASSES {
            assert!(matches!(Class::of_size(class.size() + 1), Some(found) if found.0 == class.0 + 1));
        }
        index += 1;
    }
    assert!(Class((CLASSES - 1) as u8).size() == SMALL_MAX);
    assert!(Class::of_size(SMALL_MAX + 1).is_none());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_of_a_size_is_the_smallest_that_holds_it() {
        for size in 1..=SMALL_MAX {
            let class = Class::of_size(size).unwrap();
            let smallest = Class::all().find(|class| class.size() >= size).unwrap();
            assert_eq!(class, smallest, "size {size}");
            assert!(class.size_below() < size);
        }
    }

    #[test]
    fn rounding_loses_at_most_an_eighth_from_50_bytes_on() {
        for size in 50..=SMALL_MAX {
            let block = Class::of_size(size).unwrap().size();
            assert!((block - size) * 8 <= block, "{size} in a block of {block}");
        }
    }

    #[test]
    fn a_size_rounded_to_its_alignment_gets_it() {
        for align in [1, 2, 4, 8, 16, 32, 64] {
            for size in (0..=SMALL_MAX).step_by(align) {
                let class = Class::of_size(size.max(align)).unwrap();
                assert!(class.align() >= align, "size {size} align {align}");
            }
        }
    }
}
