//! The address space of a heap in a file.
//!
//! A heap has an address of its own, which its superblock names, and lies there if it can. What it holds is found by
//! offsets; but if it holds absolute pointers it is mapped there or not at all.

use core::ptr::NonNull;
use std::path::Path;

use crate::error::Error;
use crate::os;
use crate::region::Plan;
use crate::units::HUGE;

use super::area::{PARTS, Part};
use super::chance;
use super::chunks::Chunks;
use super::errors::no_memory;
use super::layout::Layout;
use super::superblock::Superblock;

/// The range of addresses from which a heap gets its own, away from where the system puts things: 64 TiB in steps of 4 GiB.
const FIRST_BASE: u64 = 0x1100_0000_0000;
const BASES: u64 = 1 << 14;
const BASE_STEP: u64 = 4 << 30;
/// How many of these are tried.
const TRIALS: usize = 8;

/// What the options say of a heap's address.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Home {
    /// The address for a new heap.
    pub(crate) address: Option<usize>,
    /// Whether the heap is to hold absolute pointers.
    pub(crate) is_bound: bool,
}

impl Home {
    /// An address for a new heap with room for so many pages, which nobody else gets as long as it is kept. One that is taken will
    /// do, unless the heap has to lie there.
    pub(super) fn choose(self, pages: u32, path: &Path) -> Result<Chosen, Error> {
        let bytes = Layout::of(pages, Chunks::Mirrored).map_or(0, |layout| layout.span());
        if let Some(address) = self.address {
            if !address.is_multiple_of(HUGE) || address == 0 {
                return Err(Error::AddressNotAligned { found: address as u64, expected: HUGE as u64 });
            }
            let place = Reserved::exactly(address, bytes);
            if self.is_bound && place.is_none() {
                let (file, wanted) = (path.to_owned(), address as u64);
                return Err(Error::AddressTaken { file, wanted, bytes: bytes as u64 });
            }
            return Ok(Chosen { address: address as u64, place });
        }
        let mut chosen = Chosen { address: 0, place: None };
        for _ in 0..TRIALS {
            let address = FIRST_BASE + chance::number() % BASES * BASE_STEP;
            let place = Reserved::exactly(usize::try_from(address).unwrap_or(0), bytes);
            chosen = Chosen { address, place };
            if chosen.place.is_some() {
                break;
            }
        }
        Ok(chosen)
    }
}

/// An address for a new heap, and the address space there if it is free.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) address: u64,
    pub(super) place: Option<Reserved>,
}

/// Address space that is given back unless it is kept.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) base: NonNull<u8>,
    bytes: usize,
}

impl Reserved {
    /// For the heap with this superblock. If it holds absolute pointers, or is to, that is its own address or none.
    pub(super) fn of(
        superblock: &Superblock,
        layout: &Layout,
        is_bound: bool,
        path: &Path,
    ) -> Result<Self, Error> {
        let (address, bytes) = (usize::try_from(superblock.base).unwrap_or(0), layout.span());
        if !is_bound && !superblock.is_bound() {
            return Self::new(address, bytes);
        }
        Self::exactly(address, bytes).ok_or_else(|| Error::AddressTaken {
            file: path.to_owned(),
            wanted: superblock.base,
            bytes: bytes as u64,
        })
    }

    /// Whether this is where such a heap lies, all of it.
    pub(super) fn is_for(&self, superblock: &Superblock, layout: &Layout) -> bool {
        (self.base.addr().get() as u64, self.bytes) == (superblock.base, layout.span())
    }

    /// At this address, if it is free.
    pub(super) fn exactly(address: usize, bytes: usize) -> Option<Self> {
        let possible = address.is_multiple_of(HUGE) && address > 0;
        let base = if possible { os::reserve_at(address, bytes).ok()? } else { return None };
        Some(Self { base, bytes })
    }

    /// At the heap's own address if it is free, and elsewhere if not.
    pub(super) fn new(address: usize, bytes: usize) -> Result<Self, Error> {
        if let Some(own) = Self::exactly(address, bytes) {
            return Ok(own);
        }
        let base = os::reserve(bytes, HUGE).map_err(no_memory)?;
        Ok(Self { base, bytes })
    }

    /// The address so many bytes into it.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.bytes);
        self.base.as_ptr().wrapping_add(offset)
    }

    /// Where the two regions of a heap begin, each of which gives its own range back. What lies between them goes now.
    pub(super) fn keep(self, plan: &Plan) -> [NonNull<u8>; PARTS] {
        let (base, start) = (self.base, Part::Tracked.start(plan));
        debug_assert!(start + plan.bytes() == self.bytes);
        core::mem::forget(self);
        // SAFETY: both lie in the range that was reserved.
        let [gap, second] = [plan.bytes(), start].map(|offset| unsafe { base.add(offset) });
        if second > gap {
            // SAFETY: part of what was reserved, and of neither region.
            unsafe { os::release(gap, start - plan.bytes()) };
        }
        [base, second]
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // SAFETY: reserved in `new`, and not kept.
        unsafe { os::release(self.base, self.bytes) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chosen_address_is_nobody_elses_as_long_as_it_is_kept() {
        // Below where heaps get their own, and above what a sanitizer has for itself.
        let home = Home { address: Some(0x1080_0000_0000), is_bound: true };
        let choose = || home.choose(64, Path::new("heap"));
        let chosen = choose().unwrap();
        assert!(matches!(choose(), Err(Error::AddressTaken { wanted: 0x1080_0000_0000, .. })));
        drop(chosen);
        assert!(choose().unwrap().place.is_some());
    }
}
