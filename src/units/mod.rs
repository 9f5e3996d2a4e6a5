//! Floor 1: what everything is measured in.
//!
//! Pages, lines, size classes and the way a `Layout` takes through the allocator. Pure arithmetic: this floor
//! knows no memory, no thread and no operating system. All of it is `const`, so that most of it is tested at
//! compile time and a constant `Layout` folds to a constant address.

mod class;
mod offset;
mod route;
mod slab_shape;

pub use class::Class;
pub(crate) use class::{CLASS_ALIGN, CLASSES, SMALL_MAX};
pub use offset::Offset;
pub(crate) use offset::Page;
pub(crate) use route::{LINE_ALIGN_MAX, MAGAZINES, RUN_CLASSES, Route, RunClass};
pub(crate) use slab_shape::{SLAB_WORDS, SlabShape, shape};

/// Bytes of a page, the unit in which the region is cut into runs.
pub const PAGE: usize = 1 << PAGE_SHIFT;
pub(crate) const PAGE_SHIFT: u32 = 12;
/// Bytes of a cache line, the unit of colours and of false sharing.
pub(crate) const LINE: usize = 64;
/// Bytes of a huge page, the unit in which a large heap grows.
pub(crate) const HUGE: usize = 2 << 20;

/// The pages that `bytes` fill, the last one perhaps in part; `None` where that many cannot be counted.
pub(crate) const fn pages_for(bytes: usize) -> Option<u32> {
    let pages = bytes.div_ceil(PAGE);
    if pages <= u32::MAX as usize { Some(low32(pages)) } else { None }
}

/// `value` rounded up to a multiple of `unit`, a power of two; `None` on overflow.
pub(crate) const fn round_up(value: usize, unit: usize) -> Option<usize> {
    debug_assert!(unit.is_power_of_two());
    match value.checked_add(unit - 1) {
        Some(sum) => Some(sum & !(unit - 1)),
        None => None,
    }
}

/// The low half of a number that the caller knows to fit.
#[allow(clippy::cast_possible_truncation)]
pub(crate) const fn low32(value: usize) -> u32 {
    debug_assert!(value <= u32::MAX as usize);
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const _: () = assert!(PAGE.is_power_of_two() && LINE.is_power_of_two() && HUGE.is_multiple_of(PAGE));

    #[test]
    fn rounding_is_exact_and_never_wraps() {
        assert_eq!(round_up(0, 8), Some(0));
        assert_eq!(round_up(1, 8), Some(8));
        assert_eq!(round_up(usize::MAX - 7, 8), Some(usize::MAX - 7));
        assert_eq!(round_up(usize::MAX - 6, 8), None);
        assert_eq!(pages_for(0), Some(0));
        assert_eq!(pages_for(PAGE + 1), Some(2));
        assert_eq!(pages_for(usize::MAX), None);
    }
}
