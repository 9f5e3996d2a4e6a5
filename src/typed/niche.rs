//! How an `Option` says `None`.
//!
//! The compiler has `None` take the place of bytes that no value of the type can be, where there are such. What it chooses is
//! followed here, and compared with what it does when the program is compiled ([`Niche::holds_for`]): a compiler that chooses
//! otherwise ends in an error of the compilation, and never in bytes that are taken for a value.

use core::mem::MaybeUninit;

/// Which bytes of a type's values are never used, if any: there an `Option` of it says `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Niche {
    /// None: the option has a tag before the value.
    Tagged,
    /// A little-endian number at a place in the value, which is only ever in this range.
    At {
        /// Bytes from the value's start.
        offset: usize,
        /// Bytes of the number: 1, 2, 4, 8 or 16.
        width: usize,
        /// The lowest that a value has.
        start: u128,
        /// The highest.
        end: u128,
    },
}

impl Niche {
    /// A number at the value's start that is never 0.
    pub const fn not_zero(width: usize) -> Self {
        Self::At { offset: 0, width, start: 1, end: most(width) }
    }

    /// The tag of an enum, at its start.
    pub const fn of_tags(width: usize, tags: &[i128]) -> Self {
        let (mut low, mut high, mut at) = (i128::MAX, i128::MIN, 0);
        while at < tags.len() {
            low = if tags[at] < low { tags[at] } else { low };
            high = if tags[at] > high { tags[at] } else { high };
            at += 1;
        }
        if low < 0 {
            return Self::Tagged;
        }
        Self::At { offset: 0, width, start: low.cast_unsigned(), end: high.cast_unsigned() }
    }

    /// The same, of a field at this place.
    pub const fn moved(self, by: usize) -> Self {
        match self {
            Self::At { offset, width, start, end } => Self::At { offset: offset + by, width, start, end },
            Self::Tagged => self,
        }
    }

    /// That of a struct, from the one of its other fields and that of one more: the roomier one, or the first.
    pub const fn or(self, other: Self) -> Self {
        let (Self::At { offset: this, .. }, Self::At { offset: that, .. }) = (self, other) else {
            return if matches!(self, Self::Tagged) { other } else { self };
        };
        let (here, there) = (self.left(), other.left());
        if there > here || (there == here && that < this) { other } else { self }
    }

    /// How many numbers are left.
    const fn left(self) -> u128 {
        match self {
            Self::Tagged => 0,
            Self::At { width, start, end, .. } => most(width) - (end - start),
        }
    }

    /// What is left of it when it has said one `None`.
    pub const fn taken(self) -> Self {
        match (self, self.none()) {
            (Self::At { offset, width, start, end }, Some(none)) => {
                let (start, end) = if none < start { (none, end) } else { (start, none) };
                if end - start == most(width) { Self::Tagged } else { Self::At { offset, width, start, end } }
            }
            _ => Self::Tagged,
        }
    }

    /// The number that says `None`.
    pub const fn none(self) -> Option<u128> {
        let Self::At { width, start, end, .. } = self else { return None };
        let above = most(width) - end;
        if start > 0 && (start <= above || above == 0) {
            Some(start - 1)
        } else if above > 0 {
            Some(end + 1)
        } else {
            None
        }
    }

    /// Whether the compiler's `Option<T>` is as this niche of `T` has it. Where it does not even say `None` by these bytes,
    /// the constant in which this is called does not compile.
    pub const fn holds_for<T>(self) -> bool {
        let none = MaybeUninit::new(None::<T>);
        let bytes = (&raw const none).cast::<u8>();
        match (self, self.none()) {
            (Self::At { offset, width, .. }, Some(number)) => {
                // SAFETY: a place inside of `T` is one inside of the option, which is as large; whether the bytes are
                // written is seen by the compiler, for this runs in a constant.
                size_of::<Option<T>>() == size_of::<T>() && unsafe { read(bytes, offset, width) } == number
            }
            _ => {
                let width = tag_width(size_of::<Option<T>>() - size_of::<T>());
                // SAFETY: as above.
                size_of::<Option<T>>() > size_of::<T>() && unsafe { read(bytes, 0, width) } == 0
            }
        }
    }
}

/// How many bytes a tag has before a value that lies so far behind it.
pub(super) const fn tag_width(distance: usize) -> usize {
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
