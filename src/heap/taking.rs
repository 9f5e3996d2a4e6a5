//! Taking up an image: the blocks in its magazines, whose threads are gone, go back to the pools and the runs.
//!
//! It may be the image of a file that nobody has verified. Giving a block back is no place to find out that it is damaged:
//! what does not fit there is a caller's misuse, and ends the process. So it is found out before, and is an error.
//!
//! 1. Nothing is changed before all magazines were looked at: none holds more than it has room for, or anything but
//!    allocated blocks of its class.
//! 2. Before a block is given back every number is compared that giving it back follows: a page is one in play, a slab one that
//!    was used. What giving it back does not follow is believed, as it is by every request.
//! 3. No list is walked: how long this takes depends on what lies in magazines, and not on the heap's size.
//! 4. A block may lie in two magazines, for a capture copies them while threads go on. It is given back once.
//! 5. After an error the image is not used. What was given back before was so in memory only.

use super::check::{Checker, Finding, FindingKind, Report};
use super::core::Core;
use crate::pools::Slab;
use crate::runs::{Bin, Kind, Link};
use crate::units::{Class, Page, shape};

impl Core {
    /// Makes an image usable in this process, of which no more than the header was verified; says what is damaged of what
    /// this has to do with.
    pub(crate) fn take_up(&self) -> Result<(), Box<Report>> {
        let mut report = Report::new();
        Checker { core: self, report: &mut report }.check_caches();
        if !report.is_clean() {
            return Err(Box::new(report));
        }
        let giving = Giving { core: self };
        self.magazines.take_up(|index, block| giving.can_be_given(index, block.as_ptr().addr())).map_err(
            |finding| {
                let mut report = Report::new();
                report.note(finding);
                Box::new(report)
            },
        )
    }
}

/// What is compared before a block is given back.
struct Giving<'a> {
    core: &'a Core,
}

impl Giving<'_> {
    /// Whether the block at this address, of the magazine with this number, is still to be given back: `false` if it lay in
    /// another one as well.
    fn can_be_given(&self, index: usize, address: usize) -> Result<bool, Finding> {
        let core = self.core;
        let found = core.region().locate(address).filter(|_| core.is_block_of_magazine(index, address));
        let Some((page, _)) = found else { return Ok(false) };
        let tag = core.runs().tag(page);
        if tag.is(Kind::Slab) {
            self.slab_takes(page, tag.slab_id(), tag.index())?;
        } else {
            self.run_is_sound(page, tag.len())?;
        }
        Ok(true)
    }

    /// For a block of slab `id` on `page`, which says that it is page `index` of the slab, whose number and class were compared.
    fn slab_takes(&self, page: Page, id: u32, index: u32) -> Result<(), Finding> {
        let pools = self.core.pools();
        let slab = pools.slabs().at(id);
        let class = slab.class().filter(|_| slab.is_marked(id));
        let starts = slab.first().0.checked_add(index) == Some(page.0);
        let Some(class) = class.filter(|_| starts) else {
            let expected = page.0.saturating_sub(index);
            return Err(self.finding(FindingKind::SlabRecord, page, slab.first().0, expected));
        };
        let tail = pools.state(class).tail.get();
        if slab.free() == 0 {
            // It comes back to its pool's list, behind the last one.
            return self.slab_is_used(page, tail);
        }
        if slab.free() + 1 == shape(class).blocks {
            self.slab_can_go(page, slab, class)?;
        }
        Ok(())
    }

    /// For a slab that becomes empty: it may leave its pool's list, and its run be given back.
    fn slab_can_go(&self, page: Page, slab: &Slab, class: Class) -> Result<(), Finding> {
        let (next, previous) = slab.neighbours();
        self.slab_is_used(page, next)?;
        self.slab_is_used(page, previous)?;
        self.run_is_sound(slab.first(), shape(class).pages + self.core.runs().guard_pages())
    }

    /// A word of a pool's list: one more than the number of a slab, 0 for none.
    fn slab_is_used(&self, page: Page, word: u32) -> Result<(), Finding> {
        let high = self.core.pools().slabs().high();
        if word <= high { Ok(()) } else { Err(self.finding(FindingKind::PoolEntry, page, word, high)) }
    }

    /// For a run that is given back, and becomes one with the free runs to its left and right.
    fn run_is_sound(&self, first: Page, len: u32) -> Result<(), Finding> {
        let runs = self.core.runs();
        let pages = runs.state().pages.get();
        self.fits(FindingKind::RunLength, first, len, pages.saturating_sub(first.0))?;
        let (end, mut merged) = (first.plus(len), len);
        if first.0 > 0 {
            let left = runs.tag(first.minus(1));
            if left.is(Kind::Free) {
                self.fits(FindingKind::RunEnd, first.minus(1), left.len(), first.0)?;
                self.links_are_sound(first.minus(left.len()))?;
                merged += left.len();
            }
        }
        if end.0 < pages {
            let right = runs.tag(end);
            if right.is(Kind::Free) && right.is_first() {
                self.fits(FindingKind::RunLength, end, right.len(), pages - end.0)?;
                self.links_are_sound(end)?;
                merged += right.len();
            }
        }
        self.is_in_play(first, runs.state().bins.head(Bin::of(merged)))
    }

    /// A length that is at least a page, and no more than there are.
    fn fits(&self, kind: FindingKind, at: Page, len: u32, most: u32) -> Result<(), Finding> {
        if (1..=most).contains(&len) { Ok(()) } else { Err(self.finding(kind, at, len, most)) }
    }

    /// For a free run that leaves its bin.
    fn links_are_sound(&self, page: Page) -> Result<(), Finding> {
        let Link { next, previous } = Link::read(self.core.runs().links(), page);
        self.is_in_play(page, next)?;
        self.is_in_play(page, previous)
    }

    /// For a page that a list names, beside what is said of `at`.
    fn is_in_play(&self, at: Page, named: Option<Page>) -> Result<(), Finding> {
        let pages = self.core.runs().state().pages.get();
        match named {
            Some(named) if named.0 >= pages => Err(self.finding(FindingKind::BinEntry, at, named.0, pages)),
            _ => Ok(()),
        }
    }

    fn finding(&self, kind: FindingKind, at: Page, found: u32, expected: u32) -> Finding {
        let offset = self.core.region().offset_of(self.core.region().page_start(at).addr());
        Finding { kind, offset, found: found.into(), expected: expected.into() }
    }
}
