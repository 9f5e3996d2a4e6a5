//! Where something lies: in bytes from the region's base, or in pages from its first page.

use core::fmt;
use core::num::NonZeroU64;

use super::PAGE;

/// A place in a heap, in bytes from the base of its region. It means the same wherever the region is mapped.
///
/// The region begins with its header, so no block lies at 0 and `Option<Offset>` is as small as `Offset`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(NonZeroU64);

impl Offset {
    /// The offset `bytes` from the base, or `None` for the base itself, where no block can lie.
    pub const fn new(bytes: u64) -> Option<Self> {
        match NonZeroU64::new(bytes) {
            Some(bytes) => Some(Self(bytes)),
            None => None,
        }
    }

    /// The distance from the base in bytes.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl From<NonZeroU64> for Offset {
    fn from(bytes: NonZeroU64) -> Self {
        Self(bytes)
    }
}

impl From<Offset> for NonZeroU64 {
    fn from(offset: Offset) -> Self {
        offset.0
    }
}

impl fmt::Debug for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:#x}", self.get())
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The number of a page, counted from the first page that can hold a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Page(pub(crate) u32);

impl Page {
    /// This page's distance from the first page, in bytes.
    pub(crate) const fn bytes(self) -> usize {
        self.0 as usize * PAGE
    }

    /// The page `count` further on.
    pub(crate) const fn plus(self, count: u32) -> Self {
        Self(self.0 + count)
    }

    /// The page `count` before this one.
    pub(crate) const fn minus(self, count: u32) -> Self {
        Self(self.0 - count)
    }

    /// As an index into a table with one entry a page.
    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}", self.0)
    }
}
