//! How an `Option` says `None`.
//!
//! The compiler has `None` take the place of bytes that no value of the type can be, where there are such. Where these lie
//! is followed here; which of them it takes is its own affair, differs from one compiler to the next, and is read from what
//! it makes of a `None` when the program is compiled ([`Niche::none_of`]).
//!
//! 1. A compiler that chooses another place ends in an error of the compilation, and never in bytes that are taken for a value.
//! 2. What it takes is part of the type's description, so that a heap in which another compiler's program has written is not
//!    misread.

use core::mem::MaybeUninit;

/// Which bytes of a type's values are never used, if any: there an `Option` of it says `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Niche {
    /// None: the option has a tag before the value.
    Tagged,
    /// A number at a place in the value, which is not all that its bytes could be.
    At {
        /// Bytes from the value's start.
        offset: usize,
        /// Bytes of the number: 1, 2, 4, 8 or 16.
        width: usize,
        /// How many numbers no value has there, one after another; the last one is followed by 0.
        left: u128,
    },
}

/// The bytes by which an `Option` says `None`: a little-endian number of `width` bytes, so far from the option's start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Nothing {
    pub(super) offset: usize,
    pub(super) width: usize,
    pub(super) number: u128,
}

impl Niche {
    /// A number at the value's start that is never 0.
    pub const fn not_zero(width: usize) -> Self {
        Self::At { offset: 0, width, left: 1 }
    }

    /// A number at the value's start that is below this one, which is neither 0 nor all that the bytes could be.
    pub const fn below(width: usize, bound: u128) -> Self {
        Self::At { offset: 0, width, left: most(width) - (bound - 1) }
    }

    /// The tag of an enum, at its start.
    pub const fn of_tags(width: usize, tags: &[i128]) -> Self {
        let (mut left, mut at) = (0, 0);
        while at < tags.len() {
            let behind = left_behind(width, tags, at);
            left = if behind > left { behind } else { left };
            at += 1;
        }
        if left == 0 { Self::Tagged } else { Self::At { offset: 0, width, left } }
    }

    /// The same, of a field at this place.
    pub const fn moved(self, by: usize) -> Self {
        match self {
            Self::At { offset, width, left } => Self::At { offset: offset + by, width, left },
            Self::Tagged => self,
        }
    }

    /// That of a struct, from the one of its other fields and that of one more: the roomier one, or the first.
    pub const fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Tagged, _) => other,
            (_, Self::Tagged) => self,
            (Self::At { offset: this, left: here, .. }, Self::At { offset: that, left: there, .. }) => {
                if there > here || (there == here && that < this) {
                    other
                } else {
                    self
                }
            }
        }
    }

    /// What is left of it when it has said one `None`.
    pub const fn taken(self) -> Self {
        match self {
            Self::At { offset, width, left } if left > 1 => Self::At { offset, width, left: left - 1 },
            _ => Self::Tagged,
        }
    }

    /// By which bytes the compiler's `Option<T>` says `None`, `T` being the type whose niche this is. Where the compiler has
    /// chosen another place, the constant in which this is called does not compile.
    pub(super) const fn none_of<T>(self) -> Nothing {
        let none = MaybeUninit::new(None::<T>);
        let bytes = (&raw const none).cast::<u8>();
        let distance = size_of::<Option<T>>() - size_of::<T>();
        let (offset, width) = match self {
            Self::At { offset, width, .. } => (offset, width),
            Self::Tagged => (0, tag_width(distance)),
        };
        assert!(
            matches!(self, Self::Tagged) == (distance > 0),
            "this compiler lays out an `Option` of the type otherwise: own the value in a `PBox` instead"
        );
        // SAFETY: a place inside of `T` is one inside of the option, which is as large, and a tag is as wide as what lies before
        // the value; whether the bytes are written is seen by the compiler, for this runs in a constant.
        let number = unsafe { read(bytes, offset, width) };
        assert!(matches!(self, Self::At { .. }) || number == 0);
        Nothing { offset, width, number }
    }
}

/// How many numbers follow the tag at `at`, going around, that are no tags themselves.
const fn left_behind(width: usize, tags: &[i128], at: usize) -> u128 {
    let (mut left, mut other) = (most(width), 0);
    while other < tags.len() {
        let distance = tags[other].wrapping_sub(tags[at]).cast_unsigned() & most(width);
        left = if distance > 0 && distance - 1 < left { distance - 1 } else { left };
        other += 1;
    }
    left
}

/// How many bytes a tag has before a value that lies so far behind it.
const fn tag_width(distance: usize) -> usize {
    if distance > 16 { 1 } else { distance }
}

/// The highest number of so many bytes.
const fn most(width: usize) -> u128 {
    u128::MAX >> (128 - 8 * width)
}

/// A little-endian number of `width` bytes at `bytes + offset`.
///
/// # Safety
/// These bytes can be read.
pub(super) const unsafe fn read(bytes: *const u8, offset: usize, width: usize) -> u128 {
    let (mut number, mut at) = (0, 0);
    while at < width {
        // SAFETY: the caller's promise.
        let place = unsafe { bytes.add(offset + at) };
        // SAFETY: as above.
        let byte = unsafe { place.read() };
        number |= (byte as u128) << (8 * at);
        at += 1;
    }
    number
}
