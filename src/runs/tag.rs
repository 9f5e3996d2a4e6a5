//! The boundary tag: eight bytes for each page that say what the page is part of.
//!
//! ```text
//! bits  0..3   kind
//! bit   3      first page of its run
//! bit   4      last page of its run
//! bits  5..12  for a page of a slab: its number within the slab
//! bits 16..32  for a page of a slab: its label, by which a free without a layout finds the magazine; 0 for any other page
//! bits 32..64  for a free or a whole run: its length in pages; for a page of a slab: the slab
//! ```

use core::fmt;

use crate::units::PAGE_SHIFT;

const KIND: u64 = 0b111;
const FIRST: u64 = 1 << 3;
const LAST: u64 = 1 << 4;
const INDEX_SHIFT: u32 = 5;
const INDEX: u64 = 0x7f << INDEX_SHIFT;
const LABEL_SHIFT: u32 = 16;
const VALUE_SHIFT: u32 = 32;

/// What a page is part of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A run, but neither its first nor its last page: those say which.
    Interior,
    /// A run that nobody uses.
    Free,
    /// A run that is one block.
    Whole,
    /// A slab.
    Slab,
    /// A free run that nobody can have, while its memory is given back.
    Withdrawn,
}

/// A boundary tag.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u64);

impl Tag {
    /// Which quarter of a tag, as it lies in memory, is the label.
    #[cfg(feature = "c-face")]
    pub(crate) const LABEL_QUARTER: usize = {
        assert!(cfg!(target_endian = "little"));
        LABEL_SHIFT as usize / 16
    };

    /// The tag of a page inside of a run.
    pub(crate) const INTERIOR: Self = Self(0);

    /// The tag of the first page of a run of `len` pages; of its only page where `len` is 1.
    pub(crate) const fn first(kind: Kind, len: u32) -> Self {
        let last = if len == 1 { LAST } else { 0 };
        Self(kind as u64 | FIRST | last | (len as u64) << VALUE_SHIFT)
    }

    /// The tag of the last page of a run of `len` pages; of its only page where `len` is 1.
    pub(crate) const fn last(kind: Kind, len: u32) -> Self {
        let first = if len == 1 { FIRST } else { 0 };
        Self(kind as u64 | first | LAST | (len as u64) << VALUE_SHIFT)
    }

    /// The tag of page `index` of the `len` pages of slab `slab`, whose blocks' magazine is called `label`.
    pub(crate) const fn slab(slab: u32, index: u32, len: u32, label: u16) -> Self {
        let first = if index == 0 { FIRST } else { 0 };
        let last = if index + 1 == len { LAST } else { 0 };
        let (index, label) = ((index as u64) << INDEX_SHIFT, (label as u64) << LABEL_SHIFT);
        Self(Kind::Slab as u64 | first | last | index & INDEX | label | (slab as u64) << VALUE_SHIFT)
    }

    pub(crate) const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// The kind, or `None` for bits that no tag has.
    pub(crate) const fn kind(self) -> Option<Kind> {
        match self.0 & KIND {
            0 => Some(Kind::Interior),
            1 => Some(Kind::Free),
            2 => Some(Kind::Whole),
            3 => Some(Kind::Slab),
            4 => Some(Kind::Withdrawn),
            _ => None,
        }
    }

    pub(crate) const fn is(self, kind: Kind) -> bool {
        self.0 & KIND == kind as u64
    }

    pub(crate) const fn is_first(self) -> bool {
        self.0 & FIRST != 0
    }

    pub(crate) const fn is_last(self) -> bool {
        self.0 & LAST != 0
    }

    /// The length of a free or a whole run.
    #[allow(clippy::cast_possible_truncation, reason = "the upper half")]
    pub(crate) const fn len(self) -> u32 {
        (self.0 >> VALUE_SHIFT) as u32
    }

    /// The slab that the page is part of.
    pub(crate) const fn slab_id(self) -> u32 {
        self.len()
    }

    /// For a page of a slab: the slab in the upper half, and in the lower how far the byte at `rest` of this page lies from
    /// the start of the slab's run.
    #[inline]
    pub(crate) const fn place(self, rest: usize) -> u64 {
        let pages = (self.0 & INDEX) << (PAGE_SHIFT - INDEX_SHIFT);
        self.0 >> VALUE_SHIFT << VALUE_SHIFT | pages | rest as u64
    }

    /// The page's number within its slab.
    #[allow(clippy::cast_possible_truncation, reason = "seven bits")]
    pub(crate) const fn index(self) -> u32 {
        ((self.0 & INDEX) >> INDEX_SHIFT) as u32
    }

    /// For a page of a slab what its blocks' magazine is called; 0 for any other.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "sixteen bits")]
    pub(crate) const fn label(self) -> u16 {
        (self.0 >> LABEL_SHIFT) as u16
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(kind) = self.kind() else { return write!(f, "Tag({:#x})", self.0) };
        write!(f, "{kind:?}")?;
        match kind {
            Kind::Interior => {}
            Kind::Free | Kind::Whole | Kind::Withdrawn => write!(f, " of {}", self.len())?,
            Kind::Slab => write!(f, " {} page {}", self.slab_id(), self.index())?,
        }
        if self.is_first() {
            f.write_str(" first")?;
        }
        if self.is_last() {
            f.write_str(" last")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_say_what_they_were_made_of() {
        for kind in [Kind::Free, Kind::Whole, Kind::Withdrawn] {
            for len in [1, 2, u32::MAX] {
                let (first, last) = (Tag::first(kind, len), Tag::last(kind, len));
                assert!(first.is_first() && last.is_last());
                assert_eq!((first.is_last(), last.is_first()), (len == 1, len == 1));
                assert_eq!((first.kind(), last.kind()), (Some(kind), Some(kind)));
                assert_eq!((first.len(), last.len()), (len, len));
            }
        }
        let middle = Tag::slab(77, 3, 5, 0xfff8);
        assert_eq!((middle.kind(), middle.slab_id(), middle.index()), (Some(Kind::Slab), 77, 3));
        assert_eq!((middle.label(), middle.place(5)), (0xfff8, 77 << 32 | 3 << 12 | 5));
        assert_eq!(Tag::first(Kind::Whole, u32::MAX).label(), 0);
        assert!(!middle.is_first() && !middle.is_last());
        assert_eq!(Tag::from_bits(7).kind(), None);
    }
}
