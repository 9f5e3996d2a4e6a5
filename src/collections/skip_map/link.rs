//! What one node says of the next: where it is, and whether the one that says so is leaving.
//!
//! ```text
//! 63        48 47                       1   0
//! |     0     | distance from the base |  mark |
//! ```
//!
//! A link that is marked never changes again: its owner is no longer in the list of that level, or about to leave it.

use core::fmt;
use core::ptr::NonNull;

use super::node::Raw;

/// A link of a tower. No node is the distance 0, which is never a node's.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Link(u64);

const MARK: u64 = 1;

impl Link {
    pub(super) const END: Self = Self(0);
    /// What is added to a link to mark it.
    pub(super) const MARK: u64 = MARK;

    pub(super) const fn of(word: u64) -> Self {
        Self(word)
    }

    /// To `node`, which lies above `base`.
    #[inline]
    pub(super) fn to(node: Raw, base: NonNull<u8>) -> Self {
        Self((node.address().get() - base.addr().get()) as u64)
    }

    pub(super) const fn word(self) -> u64 {
        self.0
    }

    #[inline]
    pub(super) const fn is_marked(self) -> bool {
        self.0 & MARK != 0
    }

    #[inline]
    pub(super) const fn marked(self) -> Self {
        Self(self.0 | MARK)
    }

    #[inline]
    pub(super) const fn unmarked(self) -> Self {
        Self(self.0 & !MARK)
    }

    /// The node, if there is one; the mark does not matter.
    #[inline]
    pub(super) fn node(self, base: NonNull<u8>) -> Option<Raw> {
        let distance = usize::try_from(self.unmarked().0).unwrap_or(0);
        if distance == 0 {
            return None;
        }
        // SAFETY: links are made of nodes of this heap (`to`), so the distance stays within its region.
        let place = unsafe { base.add(distance) };
        // SAFETY: what lies there was made a node before a link to it was.
        Some(unsafe { Raw::at(place) })
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:#x}{}", self.unmarked().0, if self.is_marked() { " (marked)" } else { "" })
    }
}
