//! A heap in memory, made of what a file holds.
//!
//! The image is copied. A private mapping would be there at once and fault each page in later, but the file would have to
//! stay as it is for as long as the heap lives, and could not even be saved to; the copy is at home in memory, with pages
//! that may be huge, and the file can be replaced or removed.

use std::ffi::OsStr;
use std::path::PathBuf;

use crate::error::Error;
use crate::os;
use crate::region::{Ground, Region, Zone};
use crate::units::{HUGE, PAGE};

use super::area::{AREAS, Area, PARTS, Part};
use super::place::Reserved;
use super::reader::Committed;
use super::storage::{Storage, StoredFile};

/// An image from this length on is copied to huge pages.
const HUGE_FROM: usize = 8 * HUGE;

/// A heap's content in memory.
pub(crate) struct Loaded {
    pub(crate) regions: [Region; PARTS],
    /// Whether a region is to be formatted: nothing of it was ever committed.
    pub(crate) is_new: [bool; PARTS],
    /// Whether the heap holds absolute pointers.
    pub(crate) is_bound: bool,
    /// What messages call the file.
    pub(crate) path: PathBuf,
}

/// Copies the last commit of the file `name`, which is read and not changed.
pub(crate) fn load<S: Storage>(storage: &S, name: &OsStr) -> Result<Loaded, Error> {
    let committed = Committed::read(storage, name)?;
    let place = committed.place()?;
    ask_for_huge_pages(&committed, &place);
    let lengths = if committed.is_new() { [0; AREAS] } else { committed.image().copy(&place)? };
    // SAFETY: copied as far as that.
    let (regions, is_new) = unsafe { committed.regions(place, lengths, |_| Box::new(Memory)) }?;
    Ok(Loaded { regions, is_new, is_bound: committed.superblock.is_bound(), path: committed.path })
}

/// Without huge pages nearly all of the time that copying takes goes into faults: 2.1 s a GiB, against 0.8 with them.
fn ask_for_huge_pages<F: StoredFile>(committed: &Committed<F>, place: &Reserved) {
    let pages = usize::try_from(committed.image_pages).unwrap_or(0) * PAGE;
    let plan = committed.layout.plan();
    if pages >= HUGE_FROM && plan.size(Zone::Pages) > HUGE {
        for part in Part::ALL {
            let start = place.at(Area::new(part, Zone::Pages).start(plan));
            // Without them everything works the same.
            // SAFETY: whole pages of the reserved range.
            let _ = unsafe { os::advise_huge(start, plan.size(Zone::Pages), true) };
        }
    }
}

/// What a region stands on that is in memory only, but began with what a file has: its pages are not known to be zero.
#[derive(Debug)]
struct Memory;

impl Ground for Memory {
    fn promise(&self, _: Zone, _: usize, _: usize) -> Result<(), os::Fault> {
        Ok(())
    }

    fn promise_again(&self, _: usize, _: usize) -> Result<(), os::Fault> {
        Ok(())
    }

    fn may_purge(&self) -> bool {
        true
    }

    fn changed(&self, _: usize, _: usize) {}
}
