//! What can be done with the runs while their lock is held.

use core::fmt;

use super::{Bin, Kind, Runs, RunsState, Tag};
use crate::region::{Region, Zone};
use crate::sync::Held;
use crate::units::{PAGE, Page, low32};

/// How many runs of the near-fitting bin are looked at before the region grows.
const NEAR_FIT_LOOKS: usize = 16;

/// The most pages that are out of circulation while their memory is given back.
const WITHDRAW_MAX: u32 = 4096;

/// A run just taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) first: Page,
    /// Whether all of it reads as zero.
    pub(crate) zero: bool,
}

/// Why a run could not be given back or resized: what the tag of its supposed first page says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Wrong {
    pub(crate) tag: Tag,
}

/// The runs, for the holder of their lock.
pub(crate) struct RunsGuard<'a> {
    runs: &'a Runs,
    _held: Held<'a>,
}

impl<'a> RunsGuard<'a> {
    pub(super) fn new(runs: &'a Runs, held: Held<'a>) -> Self {
        Self { runs, _held: held }
    }

    pub(crate) fn region(&self) -> &'a Region {
        &self.runs.region
    }

    fn state(&self) -> &'a RunsState {
        &self.runs.state
    }

    /// A run of `pages` pages whose first byte lies at a multiple of `align`, used whole; `None` where the limit or
    /// the region's end is in the way.
    pub(crate) fn take(&self, pages: u32, align: usize) -> Option<Taken> {
        let len = pages.checked_add(self.runs.guard_pages)?;
        let taken = self.cut(len, align)?;
        self.runs.touched.set(taken.first, len);
        self.tag_ends(taken.first, len, Kind::Whole);
        Some(taken)
    }

    /// A run of `pages` pages, each of which says that it is part of slab `slab`, whose blocks' magazine is called `label`.
    /// Its owner notes which it touches.
    pub(crate) fn take_slab(&self, pages: u32, slab: u32, label: u16) -> Option<Taken> {
        let len = pages.checked_add(self.runs.guard_pages)?;
        let taken = self.cut(len, PAGE)?;
        for index in 0..len {
            self.runs.set_tag(taken.first.plus(index), Tag::slab(slab, index, len, label));
        }
        Some(taken)
    }

    /// Makes the whole run at `first` free; `pages` is what its owner thinks it has.
    pub(crate) fn give(&self, first: Page, pages: u32) -> Result<(), Wrong> {
        let len = self.whole_len(first, pages)?;
        self.free(first, len);
        Ok(())
    }

    /// Makes the run of a slab of `pages` pages at `first` free.
    pub(crate) fn give_slab(&self, first: Page, pages: u32) {
        let len = pages + self.runs.guard_pages;
        for index in 0..len {
            self.runs.set_tag(first.plus(index), Tag::INTERIOR);
        }
        self.free(first, len);
    }

    /// Makes the whole run at `first` as long as `new` pages without moving it; `false` where something is in the way.
    pub(crate) fn resize(&self, first: Page, old: u32, new: u32) -> Result<bool, Wrong> {
        let len = self.whole_len(first, old)?;
        let guard = self.runs.guard_pages;
        if new == old {
            return Ok(true);
        }
        if new < old {
            let keep = new + guard;
            self.untag_ends(first, len);
            self.tag_ends(first, keep, Kind::Whole);
            self.allow_guard(first, len);
            self.free_part(first.plus(keep), len - keep);
            self.forbid_guard(first, keep);
            return Ok(true);
        }
        let Some(want) = new.checked_add(guard) else { return Ok(false) };
        Ok(self.extend(first, len, want))
    }

    /// The length of the whole run at `first`, if it has as many pages as its owner thinks.
    fn whole_len(&self, first: Page, pages: u32) -> Result<u32, Wrong> {
        let tag = self.runs.tag(first);
        let len = tag.len();
        if tag.is(Kind::Whole) && tag.is_first() && self.runs.usable(len) == pages {
            Ok(len)
        } else {
            Err(Wrong { tag })
        }
    }

    fn extend(&self, first: Page, len: u32, want: u32) -> bool {
        let (more, next) = (want - len, first.plus(len));
        if !self.within_limit(more) {
            return false;
        }
        let mut beyond = self.free_at(next).unwrap_or(0);
        if beyond < more {
            // Only a run that reaches the end of the pages in play can get more.
            if next.plus(beyond).0 != self.state().pages.get() || self.grow(more - beyond).is_none() {
                return false;
            }
            beyond = self.free_at(next).unwrap_or(0);
        }
        if self.runs.region.promise_again(next, more).is_err() {
            return false;
        }
        self.allow_guard(first, len);
        self.state().bins.remove(&self.runs.links, next, beyond);
        self.untag_ends(next, beyond);
        self.untag_ends(first, len);
        if beyond > more {
            self.put(next.plus(more), beyond - more);
        }
        self.use_pages(next, more);
        self.runs.touched.set(next, more);
        self.tag_ends(first, want, Kind::Whole);
        self.forbid_guard(first, want);
        true
    }

    /// The length of the free run that starts at `page`, if there is one.
    fn free_at(&self, page: Page) -> Option<u32> {
        if page.0 >= self.state().pages.get() {
            return None;
        }
        let tag = self.runs.tag(page);
        (tag.is(Kind::Free) && tag.is_first()).then(|| tag.len())
    }

    fn within_limit(&self, more: u32) -> bool {
        self.runs.in_use().checked_add(more).is_some_and(|used| used <= self.runs.limit.get())
    }

    /// Cuts `len` pages at a multiple of `align` out of a free run; their tags are the caller's to set.
    fn cut(&self, len: u32, align: usize) -> Option<Taken> {
        if !self.within_limit(len) {
            return None;
        }
        let slack = low32((align / PAGE).min(u32::MAX as usize)).saturating_sub(1);
        let span = len.checked_add(slack)?;
        let (found, found_len) = match self.find(span) {
            Some(found) => found,
            None => {
                self.grow(span.saturating_sub(self.free_tail()))?;
                self.find(span)?
            }
        };
        let lead = low32(self.runs.region.page_start(found).align_offset(align) / PAGE);
        debug_assert!(lead <= slack);
        let first = found.plus(lead);
        self.runs.region.promise_again(first, len).ok()?;
        self.state().bins.remove(&self.runs.links, found, found_len);
        self.untag_ends(found, found_len);
        if lead > 0 {
            self.put(found, lead);
        }
        let rest = found_len - lead - len;
        if rest > 0 {
            self.put(first.plus(len), rest);
        }
        let zero = self.use_pages(first, len);
        self.forbid_guard(first, len);
        Some(Taken { first, zero })
    }

    /// A free run of at least `len` pages, and its length.
    fn find(&self, len: u32) -> Option<(Page, u32)> {
        let (state, links) = (self.state(), &self.runs.links);
        let length = |page: Page| (page, self.runs.tag(page).len());
        if let Some(page) = state.bins.good_fit(len) {
            return Some(length(page));
        }
        let mut next = state.bins.near_fit(len);
        for _ in 0..NEAR_FIT_LOOKS {
            let (page, found) = length(next?);
            if found >= len {
                return Some((page, found));
            }
            next = super::Link::read(links, page).next;
        }
        None
    }

    /// The length of the free run that ends the pages in play, or 0.
    fn free_tail(&self) -> u32 {
        let pages = self.state().pages.get();
        if pages == 0 {
            return 0;
        }
        let tag = self.runs.tag(Page(pages - 1));
        if tag.is(Kind::Free) { tag.len() } else { 0 }
    }

    /// Brings at least `more` new pages into play, as a free run that merges with the last one.
    fn grow(&self, more: u32) -> Option<()> {
        let have = self.state().pages.get();
        let want = have.checked_add(more.max(1))?;
        if want > self.runs.region.plan().pages() {
            return None;
        }
        // A step beyond what the tables can describe would be of no use, so they go first, for one page more each.
        let pages = self.runs.region.grow(want).ok()?;
        let entries = pages as usize;
        for (zone, bytes) in
            [(Zone::Touched, entries.div_ceil(64) * 8), (Zone::Tags, entries * 8), (Zone::Links, entries * 8)]
        {
            self.runs.region.ensure(zone, bytes).ok()?;
        }
        self.runs.grown.add(1);
        self.state().pages.set(pages);
        if self.runs.region.is_buffer() {
            // What a caller's memory held before is anything but zeros.
            self.runs.touched.set(Page(have), pages - have);
            self.state().touched_free.add(pages - have);
        }
        self.merge(Page(have), pages - have);
        Some(())
    }

    /// Takes the free run at the end out of play, but for what is missing to a multiple of `step` pages, where the region stands on
    /// a file; says how many pages are left, if that are fewer.
    pub(crate) fn cut_end(&self, step: u32) -> Option<u32> {
        let (state, tail) = (self.state(), self.free_tail());
        let (pages, first) = (state.pages.get(), Page(state.pages.get() - tail));
        let left = first.0.max(1).next_multiple_of(step);
        if left >= pages {
            return None;
        }
        state.bins.remove(&self.runs.links, first, tail);
        self.untag_ends(first, tail);
        // SAFETY: the pages behind it are those of the free run, and the lock is held.
        let is_cut = unsafe { self.runs.region.cut(left) };
        let end = if is_cut { left } else { pages };
        if is_cut {
            let touched = self.runs.touched.count(Page(left), pages - left);
            self.runs.touched.clear(Page(left), pages - left);
            state.touched_free.sub(touched);
            state.surplus.set(state.surplus.get().min(state.touched_free.get()));
            state.pages.set(left);
        }
        if end > first.0 {
            self.put(first, end - first.0);
        }
        is_cut.then_some(left)
    }

    /// Counts pages as used; says whether all of them read as zero.
    fn use_pages(&self, first: Page, len: u32) -> bool {
        let state = self.state();
        let touched = self.runs.touched.count(first, len);
        state.used.add(len);
        state.peak.set(state.peak.get().max(state.used.get()));
        self.runs.region.grown_to(state.used.get() as usize * PAGE);
        state.touched_free.sub(touched);
        state.surplus.set(state.surplus.get().min(state.touched_free.get()));
        touched == 0 && self.runs.region.reads_zero(first)
    }

    /// Frees a run in use whose tags may still stand.
    fn free(&self, first: Page, len: u32) {
        self.untag_ends(first, len);
        self.allow_guard(first, len);
        self.free_part(first, len);
    }

    /// Frees pages in use whose tags are all `INTERIOR`.
    fn free_part(&self, first: Page, len: u32) {
        let state = self.state();
        state.used.sub(len);
        state.touched_free.add(self.runs.touched.count(first, len));
        self.merge(first, len);
    }

    /// Makes these pages, with the free runs left and right of them, one free run. (`heap/taking.rs` compares what this follows
    /// before it is done in an image that nobody has verified.)
    fn merge(&self, first: Page, len: u32) {
        let (mut first, mut len) = (first, len);
        if first.0 > 0 {
            let left = self.runs.tag(first.minus(1));
            if left.is(Kind::Free) {
                first = first.minus(left.len());
                self.state().bins.remove(&self.runs.links, first, left.len());
                self.untag_ends(first, left.len());
                len += left.len();
            }
        }
        if let Some(right) = self.free_at(first.plus(len)) {
            let next = first.plus(len);
            self.state().bins.remove(&self.runs.links, next, right);
            self.untag_ends(next, right);
            len += right;
        }
        self.put(first, len);
    }

    /// Makes untagged pages a free run without looking at its neighbours.
    fn put(&self, first: Page, len: u32) {
        self.tag_ends(first, len, Kind::Free);
        self.state().bins.insert(&self.runs.links, first, len);
    }

    fn tag_ends(&self, first: Page, len: u32, kind: Kind) {
        self.runs.set_tag(first.plus(len - 1), Tag::last(kind, len));
        self.runs.set_tag(first, Tag::first(kind, len));
    }

    fn untag_ends(&self, first: Page, len: u32) {
        self.runs.set_tag(first.plus(len - 1), Tag::INTERIOR);
        self.runs.set_tag(first, Tag::INTERIOR);
    }

    fn forbid_guard(&self, first: Page, len: u32) {
        if self.runs.guard_pages > 0 {
            // SAFETY: the last page of a run in use belongs to nobody in a heap with guard pages.
            unsafe { self.runs.region.forbid(first.plus(len - 1)) };
        }
    }

    fn allow_guard(&self, first: Page, len: u32) {
        if self.runs.guard_pages > 0 {
            self.runs.region.allow(first.plus(len - 1));
        }
    }

    /// How many touched free pages nobody has needed since this was last asked: the end of a period.
    pub(crate) fn surplus(&self) -> u32 {
        let state = self.state();
        let surplus = state.surplus.get();
        self.runs.region.shrunk_to(state.used.get() as usize * PAGE);
        state.surplus.set(state.touched_free.get());
        surplus.min(state.touched_free.get())
    }

    /// Takes touched pages out of the longest free run that has any, at most [`WITHDRAW_MAX`] and at its end, out of
    /// circulation for [`RunsGuard::readmit`].
    pub(crate) fn withdraw(&self) -> Option<(Page, u32)> {
        let (bins, links) = (&self.state().bins, &self.runs.links);
        for head in bins.longest_first() {
            let mut next = Some(head);
            while let Some(first) = next {
                let len = self.runs.tag(first).len();
                if let Some(last) = self.runs.touched.last(first, len) {
                    return Some(self.withdraw_from(first, len, last.plus(1)));
                }
                next = super::Link::read(links, first).next;
            }
        }
        None
    }

    /// Withdraws the pages that end before `end` from the free run of `len` pages at `first`.
    fn withdraw_from(&self, first: Page, len: u32, end: Page) -> (Page, u32) {
        self.state().bins.remove(&self.runs.links, first, len);
        self.untag_ends(first, len);
        let start = Page(end.0.saturating_sub(WITHDRAW_MAX).max(first.0));
        if start > first {
            self.put(first, start.0 - first.0);
        }
        let beyond = first.0 + len - end.0;
        if beyond > 0 {
            self.put(end, beyond);
        }
        let withdrawn = end.0 - start.0;
        self.tag_ends(start, withdrawn, Kind::Withdrawn);
        (start, withdrawn)
    }

    /// Brings a withdrawn run back, whose touched pages have been purged where `purged` says so.
    pub(crate) fn readmit(&self, first: Page, len: u32, purged: bool) {
        let touched = self.runs.touched.count(first, len);
        if purged {
            self.runs.touched.clear(first, len);
            self.runs.purged.add(u64::from(touched));
            let state = self.state();
            state.touched_free.sub(touched);
            state.surplus.set(state.surplus.get().min(state.touched_free.get()));
        }
        self.untag_ends(first, len);
        self.merge(first, len);
    }

    /// Notes that the memory of so many pages of runs in use was given back.
    pub(crate) fn note_purged(&self, pages: u32) {
        self.runs.purged.add(u64::from(pages));
    }

    /// Those of these pages, a free run once, that are free as far as their first or their last one tells.
    pub(crate) fn still_free(&self, first: Page, len: u32) -> Option<(Page, u32)> {
        if let Some(found) = self.free_at(first) {
            return Some((first, found.min(len)));
        }
        let end = first.plus(len);
        let tag = (end.0 <= self.state().pages.get()).then(|| self.runs.tag(end.minus(1)))?;
        let found = tag.len().min(len);
        (tag.is(Kind::Free) && tag.is_last()).then(|| (end.minus(found), found))
    }

    /// Calls `act` with every free run of at least `least` pages, in no order. Nobody may have verified the lists: one that
    /// cannot be right ends there, and together they name no more pages than there are.
    pub(crate) fn free_from(&self, least: u32, mut act: impl FnMut(Page, u32)) {
        let mut left = self.state().pages.get();
        for bin in Bin::reaching(least) {
            let mut next = self.state().bins.head(bin);
            while let Some((page, len)) = next.and_then(|page| Some((page, self.free_at(page)?))) {
                left = match left.checked_sub(len.max(1)) {
                    Some(left) if len <= self.state().pages.get() - page.0 => left,
                    _ => break,
                };
                if len >= least {
                    act(page, len);
                }
                next = super::Link::read(&self.runs.links, page).next;
            }
        }
    }

    /// Counts how many free runs there are.
    pub(crate) fn free_runs(&self) -> u32 {
        let mut count = 0;
        for bin in Bin::all() {
            let mut next = self.state().bins.head(bin);
            while let Some(page) = next {
                count += 1;
                next = super::Link::read(&self.runs.links, page).next;
            }
        }
        count
    }

    /// The length of the longest free run.
    pub(crate) fn longest_free(&self) -> u32 {
        let (bins, links) = (&self.state().bins, &self.runs.links);
        let mut longest = 0;
        let mut next = bins.longest_first().next();
        while let Some(page) = next {
            longest = longest.max(self.runs.tag(page).len());
            next = super::Link::read(links, page).next;
        }
        longest
    }
}

impl fmt::Debug for RunsGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.runs, f)
    }
}
