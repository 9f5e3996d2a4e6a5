//! The whole-heap checker: reads all metadata, writes none, and survives any bytes.
//!
//! Every number is compared with its bounds before it is used as an index, every list is followed for at most as many
//! steps as it could have, and what is found goes into a report of fixed size: the heap under check may be the one
//! that a longer report would have to be allocated from.

use core::fmt;

use super::core::Core;
use crate::magazines::Cache;
use crate::pools::{Slab, Spot};
use crate::region::Zone;
use crate::runs::{Bin, Bins, Kind, Link, Tag};
use crate::units::{CLASSES, Class, Offset, PAGE, Page, RunClass, shape};

const FINDINGS_KEPT: usize = 32;

/// Something that the checker found to be wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// Where, in bytes from the heap's base.
    pub offset: u64,
    /// What was found there.
    pub found: u64,
    /// What would have been right.
    pub expected: u64,
}

/// The kinds of damage that [`Heap::check`](crate::Heap::check) tells apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum FindingKind {
    /// More pages are in play than the region has.
    PagesInPlay,
    /// No run starts where the one before it ends.
    RunStart,
    /// A run reaches beyond the pages in play.
    RunLength,
    /// The last page of a run does not say what its first page says.
    RunEnd,
    /// A page inside of a run has a tag of its own.
    RunInterior,
    /// Two free runs touch.
    UnmergedRuns,
    /// The pages in use do not add up.
    UsedPages,
    /// The touched pages of free runs do not add up.
    TouchedFreePages,
    /// A bin lists something that is no free run of its length.
    BinEntry,
    /// The bins list another number of runs than there are.
    BinCount,
    /// A bin's bit and its list disagree.
    BinBit,
    /// A slab's record does not belong to its run.
    SlabRecord,
    /// A page of a slab says that it is part of something else.
    SlabPage,
    /// A slab's count of free blocks is not what its bitmap says.
    SlabFree,
    /// A slab's bitmap has bits for blocks that it does not have.
    SlabBits,
    /// A pool lists something that is no slab of its with a free block.
    PoolEntry,
    /// A pool lists another number of slabs than have free blocks.
    PoolList,
    /// A pool's counts are not those of its slabs.
    PoolCount,
    /// The list of spare slab numbers names one that is in use, or does not end.
    SpareSlab,
    /// More caches are in use than there is room for.
    Caches,
    /// A magazine says it holds more than it can.
    MagazineCount,
    /// A magazine holds something that is no allocated block of its class.
    MagazineBlock,
}

/// What a check found.
#[derive(Clone)]
pub struct Report {
    kept: [Option<Finding>; FINDINGS_KEPT],
    total: u64,
}

impl Report {
    /// A report of nothing.
    pub(crate) fn new() -> Self {
        Self { kept: [None; FINDINGS_KEPT], total: 0 }
    }

    /// Adds what was found in another part of the same heap.
    pub(crate) fn join(&mut self, other: &Self) {
        let free = self.kept.iter_mut().filter(|place| place.is_none());
        free.zip(other.findings()).for_each(|(place, finding)| *place = Some(*finding));
        self.total += other.total;
    }

    fn add(&mut self, kind: FindingKind, offset: u64, found: impl Into<u64>, expected: impl Into<u64>) {
        self.note(Finding { kind, offset, found: found.into(), expected: expected.into() });
    }

    /// Adds a finding.
    pub(super) fn note(&mut self, finding: Finding) {
        if let Some(place) = usize::try_from(self.total).ok().and_then(|at| self.kept.get_mut(at)) {
            *place = Some(finding);
        }
        self.total += 1;
    }

    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.total == 0
    }

    /// How many things are wrong.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The first findings, at most 32.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.kept.iter().flatten()
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.findings()).finish()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_clean() {
            return f.write_str("clean");
        }
        writeln!(f, "{} findings", self.total)?;
        for Finding { kind, offset, found, expected } in self.findings() {
            writeln!(f, "  {kind:?} at +{offset:#x}: found {found:#x}, expected {expected:#x}")?;
        }
        Ok(())
    }
}

/// What the walk over the runs counted, for comparison with the lists.
#[derive(Default)]
struct Seen {
    free_runs: u32,
    used: u32,
    touched_free: u32,
}

/// What the walk counted of one class.
#[derive(Clone, Copy, Default)]
struct SeenClass {
    slabs: u32,
    listed: u32,
    empty: u32,
    free: u64,
}

impl Core {
    /// Checks the whole heap. Slow paths of other threads wait meanwhile.
    pub(crate) fn check(&self) -> Report {
        let _registry = self.magazines.registry().lock();
        self.pools().raw_locks().iter().for_each(crate::sync::Lock::seize);
        let mut report = Report::new();
        {
            let _runs = self.runs().raw_lock().lock();
            Checker { core: self, report: &mut report }.check();
        }
        self.pools().raw_locks().iter().for_each(crate::sync::Lock::release);
        report
    }

    /// The record of this slab, if there can be one of this number.
    fn slab(&self, id: u32) -> Option<&Slab> {
        let slabs = self.pools().slabs();
        (id < slabs.high().min(self.region().usable::<Slab>(Zone::Slabs))).then(|| slabs.at(id))
    }

    /// Whether an allocated block of the magazine with this number starts at `address`.
    pub(super) fn is_block_of_magazine(&self, index: usize, address: usize) -> bool {
        let Some((page, rest)) = self.region().locate(address) else { return false };
        // There are tags for the pages in play only.
        if page.0 >= self.runs().state().pages.get() {
            return false;
        }
        let tag = self.runs().tag(page);
        if let Some(class) = Class::from_index(index) {
            if tag.is(Kind::Whole) {
                return rest == 0 && tag.is_first() && self.runs().usable(tag.len()) == class.pages();
            }
            let Some(slab) = self.slab(tag.slab_id()).filter(|_| tag.is(Kind::Slab)) else { return false };
            let distance = tag.index() * crate::units::low32(PAGE) + rest;
            return slab.class() == Some(class)
                && matches!(slab.spot(shape(class), distance), Spot::Start(block) if !slab.is_free(block));
        }
        let pages = RunClass::from_index(index - CLASSES).map(RunClass::pages);
        let len = self.runs().usable(tag.len());
        rest == 0 && tag.is(Kind::Whole) && tag.is_first() && pages == Some(len)
    }
}

/// One check of a heap.
pub(super) struct Checker<'a> {
    pub(super) core: &'a Core,
    pub(super) report: &'a mut Report,
}

impl Checker<'_> {
    fn check(&mut self) {
        let pages = self.core.runs().state().pages.get();
        let room = self.core.region().pages();
        if pages > room {
            self.report.add(FindingKind::PagesInPlay, 0_u64, pages, room);
            return;
        }
        let mut classes = [SeenClass::default(); CLASSES];
        let seen = self.walk(pages, &mut classes);
        let state = self.core.runs().state();
        if seen.used != state.used.get() {
            self.report.add(FindingKind::UsedPages, 0_u64, state.used.get(), seen.used);
        }
        if seen.touched_free != state.touched_free.get() {
            self.report.add(
                FindingKind::TouchedFreePages,
                0_u64,
                state.touched_free.get(),
                seen.touched_free,
            );
        }
        self.check_bins(pages, seen.free_runs);
        for class in Class::all() {
            self.check_pool(class, classes[class.index()]);
        }
        self.check_spare_slabs();
        self.check_caches();
    }

    fn page_offset(&self, page: Page) -> u64 {
        self.core.region().offset_of(self.core.region().page_start(page).addr())
    }

    /// Goes from run to run, in address order.
    fn walk(&mut self, pages: u32, classes: &mut [SeenClass; CLASSES]) -> Seen {
        let mut seen = Seen::default();
        let mut at = Page(0);
        let mut after_free = false;
        while at.0 < pages {
            let tag = self.core.runs().tag(at);
            let Some(len) = self.run_at(at, tag, pages) else { return seen };
            let free = tag.is(Kind::Free);
            if free {
                seen.free_runs += 1;
                seen.touched_free += self.core.runs().touched().count(at, len);
                if after_free {
                    self.report.add(FindingKind::UnmergedRuns, self.page_offset(at), tag.bits(), 0_u64);
                }
            } else if tag.is(Kind::Withdrawn) {
                seen.touched_free += self.core.runs().touched().count(at, len);
            } else {
                seen.used += len;
            }
            if tag.is(Kind::Slab) {
                self.check_slab(at, tag.slab_id(), classes);
            }
            after_free = free;
            at = at.plus(len);
        }
        seen
    }

    /// The length of the run at `at`, if everything its pages say fits together.
    fn run_at(&mut self, at: Page, tag: Tag, pages: u32) -> Option<u32> {
        let offset = self.page_offset(at);
        let (len, slab) = match tag.kind() {
            Some(Kind::Free | Kind::Whole | Kind::Withdrawn) if tag.is_first() => (tag.len(), false),
            Some(Kind::Slab) if tag.is_first() && tag.index() == 0 => {
                (self.slab_pages(tag.slab_id()).unwrap_or(0), true)
            }
            _ => {
                self.report.add(FindingKind::RunStart, offset, tag.bits(), 0_u64);
                return None;
            }
        };
        if len == 0 || len > pages - at.0 {
            self.report.add(FindingKind::RunLength, offset, len, pages - at.0);
            return None;
        }
        for index in 1..len {
            let expected = match (slab, index + 1 == len) {
                (true, _) => Tag::slab(tag.slab_id(), index, len, tag.label()),
                (false, true) => Tag::last(tag.kind().unwrap_or(Kind::Interior), len),
                (false, false) => Tag::INTERIOR,
            };
            let found = self.core.runs().tag(at.plus(index));
            if found != expected {
                let kind = match (slab, index + 1 == len) {
                    (true, _) => FindingKind::SlabPage,
                    (false, true) => FindingKind::RunEnd,
                    (false, false) => FindingKind::RunInterior,
                };
                self.report.add(kind, self.page_offset(at.plus(index)), found.bits(), expected.bits());
            }
        }
        Some(len)
    }

    fn slab_pages(&self, id: u32) -> Option<u32> {
        Some(shape(self.core.slab(id)?.class()?).pages + self.core.runs().guard_pages())
    }

    fn check_slab(&mut self, at: Page, id: u32, classes: &mut [SeenClass; CLASSES]) {
        let offset = self.page_offset(at);
        let core = self.core;
        let slabs = core.pools().slabs();
        let slab = slabs.at(id);
        let Some(class) = slab.class().filter(|_| slab.is_marked(id) && slab.first() == at) else {
            self.report.add(FindingKind::SlabRecord, offset, slab.first().0, at.0);
            return;
        };
        let (found, expected) = (core.runs().tag(at).label(), core.pools().label(class));
        if found != expected {
            self.report.add(FindingKind::SlabPage, offset, found, expected);
        }
        let shape = shape(class);
        if !slab.colour().is_multiple_of(shape.colour_step)
            || slab.colour() / shape.colour_step >= shape.colours
        {
            self.report.add(FindingKind::SlabRecord, offset, slab.colour(), 0_u64);
        }
        let mut free = 0;
        for (index, word) in slab.words().iter().enumerate() {
            let blocks = (shape.blocks as usize).saturating_sub(index * 64);
            let valid = if blocks >= 64 { !0 } else { (1 << blocks) - 1 };
            if word.get() & !valid != 0 {
                self.report.add(FindingKind::SlabBits, offset, word.get(), word.get() & valid);
            }
            free += (word.get() & valid).count_ones();
        }
        if free != slab.free() {
            self.report.add(FindingKind::SlabFree, offset, slab.free(), free);
        }
        let seen = &mut classes[class.index()];
        seen.slabs += 1;
        seen.free += u64::from(free);
        seen.listed += u32::from(free > 0);
        seen.empty += u32::from(free == shape.blocks);
    }

    fn check_bins(&mut self, pages: u32, expected: u32) {
        let core = self.core;
        let (runs, bins): (_, &Bins) = (core.runs(), &core.runs().state().bins);
        let mut listed = 0;
        for bin in Bin::all() {
            if !bins.bits_are_true(bin) {
                self.report.add(FindingKind::BinBit, 0_u64, 0_u64, 0_u64);
            }
            let (mut next, mut previous) = (bins.head(bin), None);
            while let Some(page) = next {
                listed += 1;
                let good = page.0 < pages && {
                    let tag = runs.tag(page);
                    tag.is(Kind::Free) && tag.is_first() && Bin::of(tag.len()) == bin
                };
                let link =
                    good.then(|| Link::read(runs.links(), page)).filter(|link| link.previous == previous);
                // A loop would list more runs than there are.
                let Some(link) = link.filter(|_| listed <= expected) else {
                    self.report.add(FindingKind::BinEntry, self.page_offset(page), page.0, expected);
                    break;
                };
                (previous, next) = (Some(page), link.next);
            }
        }
        if listed != expected {
            self.report.add(FindingKind::BinCount, 0_u64, listed, expected);
        }
    }

    fn check_pool(&mut self, class: Class, seen: SeenClass) {
        let core = self.core;
        let state = core.pools().state(class);
        let offset = core.region().offset_of(core::ptr::from_ref(state).addr());
        let counts = [
            (u64::from(state.slabs.get()), u64::from(seen.slabs)),
            (u64::from(state.empty.get()), u64::from(seen.empty)),
            (state.free.get(), seen.free),
        ];
        for (found, expected) in counts.into_iter().filter(|(found, expected)| found != expected) {
            self.report.add(FindingKind::PoolCount, offset, found, expected);
        }
        let (mut next, mut previous, mut listed) = (state.head.get(), 0, 0);
        while let Some(id) = next.checked_sub(1) {
            listed += 1;
            let good = self.core.slab(id).filter(|slab| {
                slab.is_marked(id)
                    && slab.class() == Some(class)
                    && slab.free() > 0
                    && slab.neighbours().1 == previous
            });
            let Some(slab) = good.filter(|_| listed <= seen.listed) else {
                self.report.add(FindingKind::PoolEntry, offset, id, seen.listed);
                return;
            };
            (previous, next) = (id + 1, slab.neighbours().0);
        }
        if listed != seen.listed || state.tail.get() != previous {
            self.report.add(FindingKind::PoolList, offset, listed, seen.listed);
        }
    }

    fn check_spare_slabs(&mut self) {
        let core = self.core;
        let slabs = core.pools().slabs();
        let high = slabs.high();
        if high as usize > slabs.room() {
            self.report.add(FindingKind::SpareSlab, 0_u64, high, slabs.room() as u64);
            return;
        }
        let mut next = slabs.spare();
        for _ in 0..=high {
            let Some(id) = next.checked_sub(1) else { return };
            let Some(slab) = self.core.slab(id).filter(|slab| !slab.is_marked(id)) else {
                self.report.add(FindingKind::SpareSlab, 0_u64, id, high);
                return;
            };
            next = slab.neighbours().0;
        }
        self.report.add(FindingKind::SpareSlab, 0_u64, next, high);
    }

    /// Looks at all magazines.
    pub(super) fn check_caches(&mut self) {
        let core = self.core;
        let (high, room) = (core.magazines.state().high.get(), core.region().usable::<Cache>(Zone::Caches));
        if high > room {
            self.report.add(FindingKind::Caches, 0_u64, high, room);
            return;
        }
        for cache in core.magazines.caches() {
            let offset = core.region().offset_of(core::ptr::from_ref(cache).addr());
            for (index, magazine) in cache.magazines() {
                let capacity = crate::magazines::capacity(index);
                if magazine.count() > magazine.room() || magazine.room() > capacity {
                    self.report.add(FindingKind::MagazineCount, offset, magazine.count(), capacity);
                    continue;
                }
                for block in magazine.oldest(magazine.count()).filter(|block| !block.is_null()) {
                    if !self.core.is_block_of_magazine(index, core.magazines.here(block.addr())) {
                        self.report.add(
                            FindingKind::MagazineBlock,
                            offset,
                            block.addr() as u64,
                            index as u64,
                        );
                    }
                }
            }
        }
    }
}

impl Finding {
    /// Where the finding lies, as an [`Offset`]; `None` for what concerns the heap as a whole.
    pub fn place(&self) -> Option<Offset> {
        Offset::new(self.offset)
    }
}
