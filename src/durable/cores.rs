//! The two allocators of a heap in a file, as a commit sees them.

use core::ptr::NonNull;

use crate::heap::Core;
use crate::region::ZONES;

use super::area::{Lengths, PARTS, of_both};
use super::notes::Notes;

/// Both cores of a heap, and the notes of what is written to blocks of the tracked one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores<'a> {
    pub(crate) untracked: &'a Core,
    pub(crate) tracked: &'a Core,
    pub(crate) notes: &'a Notes,
}

impl<'a> Cores<'a> {
    /// In the order of the parts.
    pub(super) fn both(self) -> [&'a Core; PARTS] {
        [self.untracked, self.tracked]
    }

    /// Where the heap's offsets count from.
    pub(super) fn base(self) -> NonNull<u8> {
        self.untracked.region().base()
    }

    /// Takes all locks of both: see [`Core::seize`]. In this order, which is that of the directory.
    pub(super) fn seize(self) {
        self.both().into_iter().for_each(Core::seize);
    }

    pub(super) fn release(self) {
        self.both().into_iter().rev().for_each(Core::release);
    }

    /// How much of each area is usable.
    pub(super) fn lengths(self) -> Lengths {
        self.lengths_by(|core| core.region().lengths())
    }

    /// How much of each area the last commit has.
    pub(super) fn committed_lengths(self) -> Lengths {
        self.lengths_by(Core::committed_lengths)
    }

    fn lengths_by(self, lengths: impl Fn(&Core) -> [u64; ZONES]) -> Lengths {
        of_both(self.both().map(lengths))
    }

    /// All usable pages become part of a commit: see [`Core::note_lengths`] and [`Region::captured`]. The heap is seized.
    ///
    /// [`Region::captured`]: crate::region::Region::captured
    pub(super) fn captured(self) {
        for core in self.both() {
            core.region().captured();
        }
    }

    pub(super) fn note_lengths(self) {
        self.both().into_iter().for_each(Core::note_lengths);
    }
}
