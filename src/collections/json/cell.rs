//! The sixteen bytes of a value, as they lie in the heap.
//!
//! ```text
//!           0        8              15 16
//! integer   | number | 0            |k|     also floats, by their bits; null, false and true have 0
//! short     | up to 15 bytes of text|k|     k says how many; the rest is 0
//! long      | offset | length, 56 b |k|     text, or the text of a number, of 16 bytes and more
//! container | offset | len | cap    |k|     28 bits each; no block is offset 0 and capacity 0
//! ```
//!
//! 1. All bytes 0 is null.
//! 2. A block belongs to the one value whose cell has its offset. Copying a cell is moving the value, or looking at it.
//! 3. The block of an array has `cap` cells. That of an object has `cap` cells, then `cap` names of 8 bytes, and if `cap` is more
//!    than [`SMALL`] then `cap` numbers of 4 bytes: the members' places in the order of their names.
//! 4. Numbers are little-endian.

use core::alloc::Layout;

use crate::handle::AllocError;

/// What a cell is, in its last byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub(super) struct Tag(pub(super) u8);

impl Tag {
    pub(super) const NULL: Self = Self(0);
    pub(super) const FALSE: Self = Self(1);
    pub(super) const TRUE: Self = Self(2);
    pub(super) const UNSIGNED: Self = Self(3);
    /// Below 0.
    pub(super) const SIGNED: Self = Self(4);
    pub(super) const FLOAT: Self = Self(5);
    pub(super) const ARRAY: Self = Self(8);
    pub(super) const OBJECT: Self = Self(9);
    pub(super) const TEXT: Self = Self(10);
    pub(super) const NUMBER: Self = Self(11);
    /// And the length.
    pub(super) const SHORT_TEXT: Self = Self(0x20);
    /// And the length.
    pub(super) const SHORT_NUMBER: Self = Self(0x30);

    /// Whether this is short text, or the text of a short number, as `kind` says.
    #[inline]
    pub(super) const fn is_short(self, kind: Self) -> bool {
        self.0 & 0xF0 == kind.0
    }

    #[inline]
    pub(super) const fn is_container(self) -> bool {
        self.0 & 0xFE == Self::ARRAY.0
    }

    #[inline]
    pub(super) const fn is_long(self) -> bool {
        self.0 & 0xFE == Self::TEXT.0
    }
}

/// So many bytes of text lie in the cell.
pub(super) const SHORT: usize = 15;

/// An object with room for more members than this has an index.
pub(super) const SMALL: usize = 16;

/// The most elements or members.
pub(super) const MOST: usize = (1 << 28) - 1;

const CELL: usize = 16;
const NAME: usize = 8;
const PLACE: usize = 4;

/// See above.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, align(8))]
pub(super) struct Cell([u8; CELL]);

const _: () = assert!(size_of::<Cell>() == 16 && align_of::<Cell>() == 8 && size_of::<usize>() == 8);

/// What a container's cell says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    /// Where the block starts, from the heap's base on.
    pub(super) at: u64,
    pub(super) len: usize,
    pub(super) cap: usize,
}

impl Held {
    pub(super) const NONE: Self = Self { at: 0, len: 0, cap: 0 };
}

#[allow(clippy::cast_possible_truncation, reason = "both have 64 bits, as asserted above")]
const fn length(number: u64) -> usize {
    number as usize
}

impl Cell {
    pub(super) const NULL: Self = Self([0; CELL]);

    /// `high` has 56 bits.
    #[inline]
    pub(super) fn new(tag: Tag, low: u64, high: u64) -> Self {
        debug_assert!(high >> 56 == 0);
        let mut bytes = [0; CELL];
        bytes[..8].copy_from_slice(&low.to_le_bytes());
        bytes[8..].copy_from_slice(&(high | u64::from(tag.0) << 56).to_le_bytes());
        Self(bytes)
    }

    /// Text that fits.
    #[inline]
    pub(super) fn short(kind: Tag, text: &[u8]) -> Self {
        let len = text.len();
        let mut bytes = [0; CELL];
        bytes[..len].copy_from_slice(text);
        #[allow(clippy::cast_possible_truncation, reason = "no more than 15, or the line above has panicked")]
        let tag = kind.0 + len as u8;
        bytes[CELL - 1] = tag;
        Self(bytes)
    }

    #[inline]
    pub(super) fn container(tag: Tag, held: Held) -> Self {
        debug_assert!(held.len <= held.cap && held.cap <= MOST);
        Self::new(tag, held.at, held.len as u64 | (held.cap as u64) << 28)
    }

    #[inline]
    pub(super) const fn tag(self) -> Tag {
        Tag(self.0[CELL - 1])
    }

    /// A number of 8 bytes at `at`.
    #[inline]
    fn word(&self, at: usize) -> u64 {
        self.0[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
    }

    /// The number, or the offset.
    #[inline]
    pub(super) fn low(&self) -> u64 {
        self.word(0)
    }

    /// The length of long text.
    #[inline]
    pub(super) fn len(&self) -> usize {
        length(self.word(8) & ((1 << 56) - 1))
    }

    /// The text in a short cell.
    #[inline]
    pub(super) fn short_bytes(&self) -> &[u8] {
        &self.0[..usize::from(self.tag().0 & 0xF)]
    }

    #[inline]
    pub(super) fn held(&self) -> Held {
        let high = self.len() as u64;
        Held { at: self.low(), len: length(high) & MOST, cap: length(high >> 28) }
    }
}

/// The block of a container with room for `cap`.
pub(super) fn layout(tag: Tag, cap: usize) -> Result<Layout, AllocError> {
    if cap > MOST {
        return Err(AllocError);
    }
    let each = if tag == Tag::ARRAY { CELL } else { CELL + NAME };
    let places = if tag == Tag::OBJECT && cap > SMALL { cap * PLACE } else { 0 };
    Layout::from_size_align(cap * each + places, align_of::<Cell>()).map_err(|_| AllocError)
}

/// Where the names begin in an object's block.
#[inline]
pub(super) const fn names_at(cap: usize) -> usize {
    cap * CELL
}

/// Where the places begin in the block of an object with an index.
#[inline]
pub(super) const fn places_at(cap: usize) -> usize {
    cap * (CELL + NAME)
}
