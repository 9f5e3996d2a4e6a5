//! What is committed but not yet in the base: for each page its newest lines.
//!
//! A *patch* is some lines of one page, and points to the page's patch before it; a table has the newest patch of each page.
//! Patches are numbered in the order of their creation and belong to *generations*, which end when a checkpoint begins:
//!
//! ```text
//! open --freeze--> frozen (shared with the checkpoint, and not changed any more) --forget_through--> gone
//! ```
//!
//! 1. A patch's number is larger than that of any patch before it, and points to a smaller one, or to 0.
//! 2. A number below `floor` is void, wherever it stands: a forgotten generation leaves nothing to be tidied up.
//! 3. A page has at most one patch in a generation. In the open generation a newer value of a line replaces the older one in
//!    its place, so a generation never has more lines than were written, however often they were.
//! 4. A checkpoint that failed is of no consequence: what it has frozen is still looked up, and is part of the next one.
//!
//! A page that is written to the base as a whole is dropped from the overlay. That must not happen while a checkpoint could
//! still write older lines over it: see [`Overlay::is_frozen`].

mod chunks;
mod frozen;
mod generation;
mod heads;

use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) use frozen::{Frozen, PatchedPage};

use generation::{Generation, Patch};
use heads::Heads;

use super::lines::Line;

/// Pages that are looked up at once.
const BATCH: usize = 32;

/// Newest lines of pages, by commits and by checkpoints.
#[derive(Debug)]
pub(crate) struct Overlay {
    heads: Heads,
    /// Oldest first.
    frozen: VecDeque<Arc<Generation>>,
    open: Generation,
}

impl Overlay {
    pub(crate) fn new() -> Self {
        Self { heads: Heads::default(), frozen: VecDeque::new(), open: Generation::new(0, 1) }
    }

    /// The smallest number that is not void.
    fn floor(&self) -> u64 {
        self.frozen.front().map_or(self.open.first, |oldest| oldest.first)
    }

    /// The newest patch of a page; below the floor if there is none.
    fn head(&self, page: u64) -> u64 {
        self.heads.get(page)
    }

    fn patch(&self, number: u64) -> (&Generation, &Patch) {
        let generation = if number >= self.open.first {
            &self.open
        } else {
            let after = self.frozen.partition_point(|generation| generation.first <= number);
            &self.frozen[after - 1]
        };
        (generation, generation.patch(number))
    }

    /// Notes new values for the lines of `page` that are in `mask`. They lie in `lines`, one after the other.
    pub(crate) fn add(&mut self, page: u64, mask: u64, lines: &[Line]) {
        debug_assert_eq!(lines.len(), mask.count_ones() as usize);
        let head = self.head(page);
        if head >= self.open.first {
            self.open.add(head, mask, lines);
        } else {
            let number = self.open.push(page, mask, head, lines);
            self.heads.set(page, number);
        }
    }

    /// The same for many pages. Where their lines lie is looked up for some of them at once: each look waits for memory.
    pub(crate) fn add_all<'a>(&mut self, pages: impl Iterator<Item = (u64, u64, &'a [Line])>) {
        let (mut pages, mut batch) = (pages.peekable(), Vec::with_capacity(BATCH));
        while pages.peek().is_some() {
            batch.extend(pages.by_ref().take(BATCH).map(|(page, mask, lines)| Added {
                page,
                mask,
                lines,
                head: self.head(page),
            }));
            let known = |added: &&Added<'_>| added.head >= self.open.first;
            batch.iter().filter(known).for_each(|added| self.open.prefetch(added.head));
            batch.iter().filter(known).for_each(|added| self.open.prefetch_list(added.head, added.mask));
            batch.iter().filter(known).for_each(|added| self.open.prefetch_lines(added.head, added.mask));
            for Added { page, mask, lines, .. } in batch.drain(..) {
                self.add(page, mask, lines);
            }
        }
    }

    /// Asks the processor for the lines of pages that are looked at next: for all of them at once, as each look waits for memory.
    pub(crate) fn prefetch(&self, pages: impl Iterator<Item = u64> + Clone) {
        let heads = pages.map(|page| self.head(page)).filter(|head| *head >= self.open.first);
        heads.clone().for_each(|head| self.open.prefetch(head));
        heads.clone().for_each(|head| self.open.prefetch_list(head, u64::MAX));
        heads.for_each(|head| self.open.prefetch_lines(head, u64::MAX));
    }

    /// Whether a checkpoint may still write lines of this page. Until it is done and forgotten, such a page is not to be
    /// written to the base as a whole; its lines are logged like those of others.
    pub(crate) fn is_frozen(&self, page: u64) -> bool {
        let head = self.head(page);
        let frozen = if head >= self.open.first { self.open.patch(head).older } else { head };
        frozen >= self.floor()
    }

    /// Forgets all lines of a page, because the base has all of it now. The page is not frozen.
    pub(crate) fn drop_page(&mut self, page: u64) {
        debug_assert!(!self.is_frozen(page));
        let head = self.head(page);
        if head >= self.open.first {
            self.open.empty(head);
        }
        if head != 0 {
            self.heads.set(page, 0);
        }
    }

    /// The newest value of each patched line of a page, in no order.
    #[inline]
    pub(crate) fn lines_of(&self, page: u64) -> LinesOf<'_> {
        let head = self.head(page);
        LinesOf { overlay: self, number: head, floor: self.floor(), seen: 0, current: None }
    }

    /// The pages from `from` to `to` that have patched lines.
    pub(crate) fn patched(&self, from: u64, to: u64) -> impl Iterator<Item = u64> {
        self.heads.since(self.floor(), from, to)
    }

    /// The pages from `from` to `to` that have patched lines, in the order of their numbers.
    pub(crate) fn pages(&self, from: u64, to: u64) -> impl Iterator<Item = PatchedPage<'_>> {
        self.patched(from, to).map(|page| PatchedPage::new(page, self.lines_of(page)))
    }

    /// Lines for which memory is used.
    pub(crate) fn lines(&self) -> u64 {
        let frozen = self.frozen.iter().map(|generation| generation.lines()).sum::<usize>();
        (frozen + self.open.lines()) as u64
    }

    /// Ends the open generation. Everything that was added so far, and is not forgotten, is handed to a checkpoint, which
    /// may use it in a thread of its own; what is added from now on is not seen there.
    pub(crate) fn freeze(&mut self) -> Frozen {
        let next = Generation::new(self.open.id + 1, self.open.end());
        self.frozen.push_back(Arc::new(core::mem::replace(&mut self.open, next)));
        Frozen::new(self.frozen.iter().cloned().collect())
    }

    /// Forgets what [`Frozen::generation`] and those before it have, because the base has it now.
    pub(crate) fn forget_through(&mut self, generation: u64) {
        debug_assert!(generation < self.open.id);
        let keep = self.frozen.partition_point(|frozen| frozen.id <= generation);
        self.frozen.drain(..keep);
    }
}

/// A page on its way into the overlay.
struct Added<'a> {
    page: u64,
    mask: u64,
    lines: &'a [Line],
    /// Its newest patch.
    head: u64,
}

/// The patched lines of one page: their numbers and values.
#[derive(Clone, Debug)]
pub(crate) struct LinesOf<'a> {
    overlay: &'a Overlay,
    /// The next patch to look at.
    number: u64,
    floor: u64,
    /// Lines of patches that were looked at.
    seen: u64,
    /// The patch of which lines are being returned, and which of them are left.
    current: Option<(&'a Generation, &'a Patch, u64)>,
}

impl<'a> Iterator for LinesOf<'a> {
    type Item = (usize, &'a Line);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((generation, patch, rest)) = &mut self.current
                && *rest != 0
            {
                let line = rest.trailing_zeros() as usize;
                *rest &= *rest - 1;
                return Some((line, generation.line(patch, line)));
            }
            if self.number < self.floor {
                return None;
            }
            let (generation, patch) = self.overlay.patch(self.number);
            self.number = patch.older;
            self.current = Some((generation, patch, patch.mask & !self.seen));
            self.seen |= patch.mask;
        }
    }
}

#[cfg(test)]
mod tests;
