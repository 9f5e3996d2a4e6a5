//! Where each magazine lies in a cache, and how much it holds.
//!
//! Magazines follow each other, each a word of counts and then its slots. The way from a size to its magazine is one
//! load from a table of byte offsets, or nothing at all where the size is constant.

use crate::units::{CLASSES, Class, MAGAZINES, RUN_CLASSES, RunClass, SMALL_MAX};

/// The bytes that one magazine of small blocks may hold.
const MAGAZINE_BYTES: usize = 12 << 10;
const SLOTS_MIN: usize = if cfg!(loom) { 3 } else { 6 };
const SLOTS_MAX: usize = if cfg!(loom) { 3 } else { 64 };
const GRAIN: usize = 8;

/// The place of a magazine: its distance from the start of the cache, in bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct MagazineAt(u16);

impl MagazineAt {
    /// The magazine of a class.
    #[inline]
    pub(crate) const fn of_class(class: Class) -> Self {
        Self(OFFSETS[class.index()])
    }

    /// The magazine of a run class.
    #[inline]
    pub(crate) const fn of_run(class: RunClass) -> Self {
        Self(OFFSETS[CLASSES + class.index()])
    }

    /// The magazine with this number: the size classes first, then the run classes.
    pub(crate) const fn of_index(index: usize) -> Self {
        Self(OFFSETS[index])
    }

    /// The magazine for requests of `size` bytes, at most [`SMALL_MAX`].
    ///
    /// # Safety
    /// `size` is at most [`SMALL_MAX`].
    #[inline]
    pub(crate) const unsafe fn of_size(size: usize) -> Self {
        debug_assert!(size <= SMALL_MAX);
        // Not `div_ceil`, which cannot know that the sum does not overflow.
        #[allow(clippy::manual_div_ceil)]
        let index = (size + (GRAIN - 1)) / GRAIN;
        // SAFETY: the table has an entry for each multiple of the grain up to `SMALL_MAX`.
        let offset = unsafe { BY_SIZE.as_ptr().add(index) };
        // SAFETY: as above.
        Self(unsafe { *offset })
    }

    /// The magazine for requests of `size` bytes, at most [`SMALL_MAX`], whose blocks are aligned to 16.
    ///
    /// # Safety
    /// `size` is at most [`SMALL_MAX`].
    #[cfg(feature = "c-face")]
    #[inline(always)]
    pub(crate) unsafe fn of_size_in_c(size: usize) -> Self {
        debug_assert!(size <= SMALL_MAX);
        #[allow(clippy::manual_div_ceil, reason = "the sum does not overflow")]
        let index = (size + (C_GRAIN - 1)) / C_GRAIN;
        // SAFETY: the table has an entry for each multiple of the grain up to `SMALL_MAX`.
        Self(unsafe { *BY_SIZE_IN_C.get_unchecked(index) })
    }

    /// The magazine that the tag of a slab's page calls so, or the one of no blocks and no room.
    #[cfg(feature = "c-face")]
    #[inline(always)]
    pub(crate) const fn of_label(label: u16) -> Self {
        Self(label)
    }

    #[inline]
    pub(crate) const fn bytes(self) -> usize {
        self.0 as usize
    }

    /// The number of the magazine at this place.
    #[cfg(loom)]
    pub(crate) fn index(self) -> usize {
        OFFSETS.iter().position(|offset| *offset == self.0).unwrap_or(MAGAZINES)
    }
}

/// How many blocks the magazine with this number has room for.
pub(crate) const fn capacity(index: usize) -> u32 {
    let slots = if let Some(class) = Class::from_index(index) {
        clamp(MAGAZINE_BYTES / class.size(), SLOTS_MIN, SLOTS_MAX)
    } else if let Some(class) = RunClass::from_index(index - CLASSES) {
        // Runs are dear to hold and their pages dear to lose: a few of the short ones, one of each long one.
        clamp(64 / class.pages() as usize, 1, 4)
    } else {
        0
    };
    crate::units::low32(slots)
}

const fn clamp(value: usize, low: usize, high: usize) -> usize {
    if value < low {
        low
    } else if value > high {
        high
    } else {
        value
    }
}

/// The words of all magazines together.
pub(crate) const CACHE_WORDS: usize = {
    let (mut words, mut index) = (0, 0);
    while index < MAGAZINES {
        words += 1 + capacity(index) as usize;
        index += 1;
    }
    words
};

static OFFSETS: [u16; MAGAZINES] = OFFSET_VALUES;

/// What the tags of each class's slabs say: the place of its magazine. No magazine has the place 0.
pub(crate) static LABELS: [u16; CLASSES] = {
    let (mut labels, mut index) = ([0; CLASSES], 0);
    while index < CLASSES {
        labels[index] = OFFSET_VALUES[index];
        assert!(labels[index] != 0);
        index += 1;
    }
    labels
};

#[allow(clippy::cast_possible_truncation, reason = "asserted below")]
const OFFSET_VALUES: [u16; MAGAZINES] = {
    assert!(super::cache::MAGAZINES_AT + CACHE_WORDS * 8 <= u16::MAX as usize);
    let mut offsets = [0; MAGAZINES];
    let (mut words, mut index) = (0, 0);
    while index < MAGAZINES {
        offsets[index] = (super::cache::MAGAZINES_AT + words * 8) as u16;
        words += 1 + capacity(index) as usize;
        index += 1;
    }
    offsets
};

static BY_SIZE: [u16; SMALL_MAX / GRAIN + 1] = {
    let mut table = [0; SMALL_MAX / GRAIN + 1];
    let mut index = 0;
    while index < table.len() {
        table[index] = match Class::of_size(index * GRAIN) {
            Some(class) => OFFSET_VALUES[class.index()],
            None => unreachable!(),
        };
        index += 1;
    }
    table
};

/// What C's allocations are aligned to.
#[cfg(feature = "c-face")]
pub(crate) const C_GRAIN: usize = 16;

#[cfg(feature = "c-face")]
static BY_SIZE_IN_C: [u16; SMALL_MAX / C_GRAIN + 1] = {
    let mut table = [0; SMALL_MAX / C_GRAIN + 1];
    let mut index = 0;
    while index < table.len() {
        // A request for nothing gets a block as well.
        let size = if index == 0 { C_GRAIN } else { index * C_GRAIN };
        table[index] = match Class::of_size(size) {
            Some(class) => OFFSET_VALUES[class.index()],
            None => unreachable!(),
        };
        index += 1;
    }
    table
};

const _: () = assert!(RUN_CLASSES + CLASSES == MAGAZINES);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_size_finds_the_magazine_of_its_class() {
        for size in 0..=SMALL_MAX {
            let class = Class::of_size(size).unwrap();
            // SAFETY: the size is in range.
            assert_eq!(unsafe { MagazineAt::of_size(size) }, MagazineAt::of_class(class), "size {size}");
        }
    }

    #[test]
    fn magazines_do_not_overlap_and_stay_within_their_bytes() {
        for index in 0..MAGAZINES {
            let end = MagazineAt::of_index(index).bytes() + 8 * (1 + capacity(index) as usize);
            let next = if index + 1 < MAGAZINES {
                MagazineAt::of_index(index + 1).bytes()
            } else {
                crate::magazines::cache::MAGAZINES_AT + CACHE_WORDS * 8
            };
            assert_eq!(end, next);
        }
        for class in Class::all() {
            let held = capacity(class.index()) as usize * class.size();
            assert!(held <= MAGAZINE_BYTES.max(SLOTS_MIN * class.size()));
        }
    }
}
