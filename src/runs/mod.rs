//! Floor 3: runs of pages, and the boundary tags by which they merge.
//!
//! The region's pages are divided into runs without gaps. The first and the last page of a run carry its tag, so
//! that a run that becomes free finds its neighbours, and merges with those that are free, in constant time. Free
//! runs wait in two-level bins. This floor knows pages; what a slab does with its run it does not know.
//!
//! All of it is guarded by one lock:
//!
//! 1. The runs cover the pages in play, `0..pages`, each page once.
//! 2. Two free runs never touch: a heap with nothing in use is one free run. (A withdrawn run, whose memory is being
//!    given back without the lock, is not free for that time.)
//! 3. The first and the last page of a run say its kind and length; pages between are `INTERIOR`, except in a slab,
//!    where each page names the slab.
//! 4. A page whose touched bit is clear reads as zero, or as what the region's file has.
//! 5. `used` counts the pages of runs that are not free, and `touched_free` the touched pages of those that are.

mod bins;
mod guard;
mod tag;
mod touched;

use core::fmt;

use crate::misuse::Found;
use crate::region::{Placed, Region, Table, Zone};
use crate::sync::{AtomicPtr, Lock, Ordering, Word32, Word64};
use crate::units::{PAGE_SHIFT, Page};

pub(crate) use bins::{Bin, Bins, Link};
pub(crate) use guard::RunsGuard;
pub(crate) use tag::{Kind, Tag};
pub(crate) use touched::Touched;

/// What the runs keep in the image's header.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct RunsState {
    pub(crate) bins: Bins,
    /// Pages in play: those the runs cover.
    pub(crate) pages: Word32,
    /// Pages of runs that are not free.
    pub(crate) used: Word32,
    /// Touched pages of runs that are free.
    pub(crate) touched_free: Word32,
    /// The least that `touched_free` has been since the last look: what nobody needed in the meantime.
    pub(crate) surplus: Word32,
    /// The most that `used` has been.
    pub(crate) peak: Word32,
}

/// The coalescing core of one heap.
pub(crate) struct Runs {
    region: Region,
    lock: Lock,
    state: Placed<RunsState>,
    tags: Table<Word64>,
    links: Table<Word64>,
    touched: Touched,
    /// The most pages that may be in use.
    limit: Word32,
    /// Pages in use that count as well: the word of runs beside these, which share the limit. Null without such.
    beside: AtomicPtr<Word32>,
    /// Unusable pages behind every run that is not free: 1 in a heap that a hardened build has made in memory.
    guard_pages: u32,
    grown: Word64,
    purged: Word64,
}

impl Runs {
    /// # Safety
    /// `state` lies in `region`; it and the region's tables hold what [`Runs`] wrote, or zeros.
    pub(crate) unsafe fn new(region: Region, state: Placed<RunsState>) -> Self {
        // SAFETY: the zone holds atomic integers, for which any bytes are valid, and outlives the table: both go together.
        let tags = unsafe { region.table(Zone::Tags) };
        // SAFETY: as above.
        let links = unsafe { region.table(Zone::Links) };
        // SAFETY: as above.
        let touched = Touched::new(unsafe { region.table(Zone::Touched) });
        let guard_pages = u32::from(region.is_guarded());
        Self {
            region,
            lock: Lock::new(),
            state,
            tags,
            links,
            touched,
            limit: Word32::new(u32::MAX),
            beside: AtomicPtr::new(core::ptr::null_mut()),
            guard_pages,
            grown: Word64::new(0),
            purged: Word64::new(0),
        }
    }

    /// From now on what `other` uses counts against the limit as well. Two threads that take pages of both at the same
    /// moment may together go beyond it, by what one of them takes.
    ///
    /// # Safety
    /// Nobody uses these runs when `other` is gone.
    pub(crate) unsafe fn share_limit(&self, other: &Self) {
        self.beside.store(core::ptr::from_ref(&other.state.used).cast_mut(), Ordering::Release);
    }

    /// Pages that count against the limit.
    pub(crate) fn in_use(&self) -> u32 {
        // SAFETY: the promise made in `share_limit`.
        let beside = unsafe { self.beside.load(Ordering::Acquire).as_ref() };
        self.state.used.get().saturating_add(beside.map_or(0, Word32::get))
    }

    /// The runs for oneself.
    pub(crate) fn lock(&self) -> RunsGuard<'_> {
        RunsGuard::new(self, self.lock.lock())
    }

    pub(crate) fn region(&self) -> &Region {
        &self.region
    }

    /// The lock itself, for a fork and for the counts.
    pub(crate) fn raw_lock(&self) -> &Lock {
        &self.lock
    }

    /// What the header holds of the runs. Read without the lock, the words may not fit each other.
    pub(crate) fn state(&self) -> &RunsState {
        &self.state
    }

    pub(crate) fn links(&self) -> &Table<Word64> {
        &self.links
    }

    pub(crate) fn touched(&self) -> &Touched {
        &self.touched
    }

    /// The tag of a page. A page that the caller has allocated keeps its tag without the lock.
    #[inline]
    pub(crate) fn tag(&self, page: Page) -> Tag {
        Tag::from_bits(self.tags.at(page.index()).get())
    }

    /// The address of the first page, and the tags of all usable pages: to look up many addresses at once.
    #[inline]
    pub(crate) fn tags(&self) -> (usize, &[Word64]) {
        let (first, bytes) = self.region.pages_span();
        (first, self.tags.first(bytes >> PAGE_SHIFT))
    }

    /// What `address` points at, if it is not a block of a slab.
    pub(crate) fn what_is(&self, address: usize) -> Found {
        let Some((page, rest)) = self.region.locate(address) else { return Found::Foreign };
        let tag = self.tag(page);
        match tag.kind() {
            Some(Kind::Free | Kind::Withdrawn) => Found::FreeRun,
            Some(Kind::Whole) if tag.is_first() && rest == 0 => Found::Run(self.usable(tag.len())),
            Some(Kind::Interior) if self.is_inside_free(page) => Found::FreeRun,
            _ => Found::InsideRun,
        }
    }

    /// Whether a page inside of a run lies in a free one; looks back for the run's start.
    fn is_inside_free(&self, page: Page) -> bool {
        (0..page.0)
            .rev()
            .map(|before| self.tag(Page(before)))
            .find(|tag| !tag.is(Kind::Interior))
            .is_some_and(|tag| tag.is(Kind::Free) || tag.is(Kind::Withdrawn))
    }

    fn set_tag(&self, page: Page, tag: Tag) {
        self.tags.at(page.index()).set(tag.bits());
    }

    /// The pages that a run in use has for its owner.
    pub(crate) fn usable(&self, len: u32) -> u32 {
        len.saturating_sub(self.guard_pages)
    }

    pub(crate) fn guard_pages(&self) -> u32 {
        self.guard_pages
    }

    /// Lets at most `pages` pages be in use from now on.
    pub(crate) fn set_limit(&self, pages: u32) {
        self.limit.set(pages);
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.get()
    }

    /// How often the region grew, and how many pages were given back to the system.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.grown.get(), self.purged.get())
    }
}

impl fmt::Debug for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runs")
            .field("pages", &self.state.pages)
            .field("used", &self.state.used)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
