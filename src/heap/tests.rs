//! The checker, and taking up, against damage of every kind, one at a time; and an image that names a block twice.

extern crate std;

use std::vec::Vec;

use core::ptr::NonNull;

use super::check::FindingKind as Kind;
use super::{Core, SIZES, give_seat, take_seat};
use crate::magazines::{MagazineAt, with_seat};
use crate::region::{Region, Sizes, Table, Zone};
use crate::runs::{Bin, Kind as RunKind, Tag};
use crate::sync::{Word32, Word64};
use crate::units::{Class, PAGE, Page, low32, shape};

const PAGES: u32 = 1 << 10;
const CACHES: u32 = 4;

/// A heap in which everything there can be occurs, and where to find it.
struct Furnished {
    core: Core,
    /// The middle one of three runs, free.
    hole: Page,
    /// The one before it, in use.
    run: Page,
    /// A slab with free blocks, and one of another class.
    slab: u32,
    other: u32,
    tags: Table<Word64>,
    links: Table<Word64>,
    /// The words of the slabs' records, 32 for each slab; see `pools/slab.rs`.
    records: Table<Word32>,
}

/// A class whose slabs leave bits of their bitmap's last word unused.
fn class() -> Class {
    Class::of_size(200).unwrap()
}

const RECORD: u32 = 32;

impl Furnished {
    fn new() -> Self {
        let region = Region::reserve(&Sizes { caches: CACHES, ..SIZES }, PAGES, PAGES).unwrap();
        // SAFETY: the region is fresh, and so all zeros.
        let core = unsafe { Core::new(region, take_seat()) };
        core.format();
        let magazines = core.magazines();
        let runs: Vec<_> = [4, 3, 5].map(|pages| magazines.take_pages(pages, PAGE).unwrap().0).into();
        magazines.give_pages(3, runs[1].as_ptr());
        let page = |block: NonNull<u8>| core.region().locate(block.as_ptr().addr()).unwrap().0;
        let (run, hole) = (page(runs[0]), page(runs[1]));
        let slab_of = |block: NonNull<u8>| core.pools().locate(block.as_ptr().addr()).unwrap().0;
        let slab = slab_of(magazines.take_directly(class()).unwrap());
        let other = slab_of(magazines.take_directly(Class::of_size(1000).unwrap()).unwrap());
        // A third slab that is closed, so that its number is spare.
        let size = Class::of_size(24).unwrap();
        magazines.give_directly(size, magazines.take_directly(size).unwrap().as_ptr());
        core.pools().lock(size).give_back(true);
        with_seat(core.seat(), |seat| {
            magazines.sit(seat);
            // Leaves blocks in the magazine.
            let block = magazines.take(seat, class()).unwrap();
            magazines.give(seat, class(), block.as_ptr());
        });
        magazines.unseat_all();
        let region = core.region();
        // SAFETY: the zone holds atomic integers, and the core lives as long as the table.
        let tags = unsafe { region.table(Zone::Tags) };
        // SAFETY: as above.
        let links = unsafe { region.table(Zone::Links) };
        // SAFETY: as above.
        let records = unsafe { region.table(Zone::Slabs) };
        Self { core, hole, run, slab, other, tags, links, records }
    }

    fn tag(&self, page: Page) -> &Word64 {
        self.tags.at(page.index())
    }

    /// Word `word` of the record of the slab.
    fn record(&self, word: u32) -> &Word32 {
        self.records.at((self.slab * RECORD + word) as usize)
    }

    fn slab_start(&self) -> Page {
        self.core.pools().slabs().at(self.slab).first()
    }

    fn pages_in(&self, first: Page) -> u32 {
        Tag::from_bits(self.tag(first).get()).len()
    }

    /// Word `word` of the first thread's magazine of the class: its count, its room, and the halves of its slots.
    fn magazine(&self, word: usize) -> &Word32 {
        let cache = self.core.magazines().caches().next().unwrap();
        let start = NonNull::from(cache).cast::<u8>();
        // SAFETY: the magazine lies in its cache, and its slots follow its counts.
        let place = unsafe { start.add(MagazineAt::of_class(class()).bytes() + 4 * word) };
        // SAFETY: as above; all of it is made of atomic integers.
        unsafe { place.cast().as_ref() }
    }

    /// Makes the magazine's oldest slot hold this distance from what it held.
    fn shift_oldest(&self, bytes: u32) {
        self.magazine(2).add(bytes);
    }
}

impl Drop for Furnished {
    fn drop(&mut self) {
        give_seat(self.core.seat());
    }
}

type Damage = (Kind, fn(&Furnished));

const DAMAGES: &[Damage] = &[
    (Kind::PagesInPlay, |heap| heap.core.runs().state().pages.set(PAGES + 1)),
    (Kind::RunStart, |heap| heap.tag(heap.run).set(Tag::INTERIOR.bits())),
    (Kind::RunStart, |heap| {
        heap.tag(heap.run).set(Tag::last(RunKind::Whole, heap.pages_in(heap.run)).bits())
    }),
    (Kind::RunStart, |heap| heap.tag(heap.run).set(7)),
    (Kind::RunStart, |heap| heap.tag(heap.slab_start()).set(Tag::slab(heap.slab, 1, 99, 0).bits())),
    (Kind::RunLength, |heap| heap.tag(heap.run).set(Tag::first(RunKind::Whole, u32::MAX).bits())),
    (Kind::RunLength, |heap| heap.tag(heap.run).set(Tag::first(RunKind::Whole, 0).bits())),
    (Kind::RunLength, |heap| heap.tag(heap.slab_start()).set(Tag::slab(u32::MAX, 0, 99, 0).bits())),
    (Kind::RunEnd, |heap| heap.tag(heap.hole.minus(1)).set(Tag::last(RunKind::Whole, 99).bits())),
    (Kind::RunInterior, |heap| heap.tag(heap.run.plus(1)).set(Tag::first(RunKind::Free, 1).bits())),
    (Kind::UnmergedRuns, |heap| {
        let rest = heap.pages_in(heap.hole) - 1;
        heap.tag(heap.hole).set(Tag::first(RunKind::Free, 1).bits());
        heap.tag(heap.hole.plus(1)).set(Tag::first(RunKind::Free, rest).bits());
        heap.tag(heap.hole.plus(rest)).set(Tag::last(RunKind::Free, rest).bits());
    }),
    (Kind::UsedPages, |heap| heap.core.runs().state().used.add(1)),
    (Kind::TouchedFreePages, |heap| heap.core.runs().state().touched_free.add(1)),
    (Kind::TouchedFreePages, |heap| heap.core.runs().touched().clear(heap.hole, 1)),
    // A bin that names a run in use, one that is no page, one that goes round, one that says what was before wrongly.
    (Kind::BinEntry, |heap| heap.core.runs().state().bins.insert(heap.core.runs().links(), heap.run, 4)),
    (Kind::BinEntry, |heap| heap.links.at(heap.hole.index()).set(u64::from(u32::MAX))),
    (Kind::BinEntry, |heap| heap.links.at(heap.hole.index()).set(u64::from(heap.hole.0 + 1))),
    (Kind::BinEntry, |heap| heap.links.at(heap.hole.index()).add(1 << 32)),
    (Kind::BinCount, |heap| {
        let (state, links) = (heap.core.runs().state(), heap.core.runs().links());
        state.bins.remove(links, heap.hole, heap.pages_in(heap.hole));
    }),
    (Kind::BinBit, |heap| {
        let bin = Bin::of(heap.pages_in(heap.hole));
        heap.core.runs().state().bins.flip_bit(bin);
    }),
    (Kind::SlabRecord, |heap| heap.record(0).add(1)),
    (Kind::SlabRecord, |heap| heap.record(1).add(1)),
    (Kind::SlabRecord, |heap| heap.record(3).add(1)),
    (Kind::SlabRecord, |heap| heap.record(3).set(shape(class()).colours * shape(class()).colour_step)),
    (Kind::SlabPage, |heap| heap.tag(heap.slab_start().plus(1)).set(Tag::INTERIOR.bits())),
    // The label of another class, in all of the slab's pages.
    (Kind::SlabPage, |heap| {
        let len = shape(class()).pages + heap.core.runs().guard_pages();
        let label = heap.core.pools().label(Class::of_size(8).unwrap());
        for index in 0..len {
            heap.tag(heap.slab_start().plus(index)).set(Tag::slab(heap.slab, index, len, label).bits());
        }
    }),
    (Kind::SlabFree, |heap| heap.record(2).add(1 << 16)),
    (Kind::SlabBits, |heap| heap.record(RECORD - 1).set(1)),
    (Kind::PoolEntry, |heap| heap.core.pools().state(class()).head.set(u32::MAX)),
    (Kind::PoolEntry, |heap| heap.core.pools().state(class()).head.set(heap.other + 1)),
    (Kind::PoolEntry, |heap| heap.record(4).set(heap.slab + 1)),
    (Kind::PoolEntry, |heap| heap.record(5).set(heap.other + 1)),
    (Kind::PoolList, |heap| heap.core.pools().state(class()).tail.set(heap.other + 1)),
    (Kind::PoolList, |heap| heap.core.pools().state(class()).head.set(0)),
    (Kind::PoolCount, |heap| heap.core.pools().state(class()).slabs.add(1)),
    (Kind::PoolCount, |heap| heap.core.pools().state(class()).empty.add(1)),
    (Kind::PoolCount, |heap| heap.core.pools().state(class()).free.add(1)),
    (Kind::SpareSlab, |heap| heap.core.header.slabs.spare.set(heap.slab + 1)),
    (Kind::SpareSlab, |heap| heap.core.header.slabs.spare.set(u32::MAX)),
    (Kind::SpareSlab, |heap| heap.core.header.slabs.high.set(low32(heap.core.pools().slabs().room() + 1))),
    (Kind::SpareSlab, |heap| {
        let spare = heap.core.pools().slabs().spare();
        heap.records.at(((spare - 1) * RECORD + 4) as usize).set(spare);
    }),
    (Kind::Caches, |heap| heap.core.magazines().state().high.set(CACHES + 1)),
    // More than there is memory for, though not more than there is room for.
    (Kind::Caches, |heap| heap.core.magazines().state().high.set(CACHES)),
    (Kind::MagazineCount, |heap| heap.magazine(0).set(heap.magazine(1).get() + 1)),
    (Kind::MagazineCount, |heap| heap.magazine(1).set(1000)),
    // The inside of a block, a free block of the slab, and nothing of ours.
    (Kind::MagazineBlock, |heap| heap.shift_oldest(8)),
    (Kind::MagazineBlock, |heap| heap.shift_oldest(low32(100 * class().stride()))),
    (Kind::MagazineBlock, |heap| heap.shift_oldest(1 << 31)),
];

#[test]
fn damage_of_every_kind_is_found() {
    for (number, (kind, damage)) in DAMAGES.iter().enumerate() {
        let heap = Furnished::new();
        assert!(heap.core.check().is_clean(), "{}", heap.core.check());
        damage(&heap);
        let report = heap.core.check();
        assert!(report.findings().any(|finding| finding.kind == *kind), "{number}, {kind:?}: {report}");
    }
}

#[test]
fn a_block_that_lies_in_two_magazines_is_taken_up_once() {
    let heap = Furnished::new();
    let cached = heap.magazine(0).get();
    assert!(cached >= 2);
    (0..2).for_each(|half| heap.magazine(4 + half).set(heap.magazine(2 + half).get()));
    let before = heap.core.pools().state(class()).free.get();
    heap.core.take_up().unwrap();
    assert_eq!(heap.core.pools().state(class()).free.get(), before + u64::from(cached) - 1);
    assert!(heap.core.check().is_clean(), "{}", heap.core.check());
}

impl Furnished {
    /// Makes the slab say that it has so many free blocks.
    fn say_free(&self, blocks: u32) {
        let word = self.record(2);
        word.set(word.get() & 0xFFFF | blocks << 16);
    }

    /// Makes the slab say that all of its blocks but one are free, so that it goes with the next one, and the pages beside it
    /// that they are part of something else.
    fn say_nearly_empty(&self) {
        self.core.pools().state(class()).empty.set(1);
        self.say_free(shape(class()).blocks - 1);
        for page in [self.slab_start().minus(1), self.slab_end()] {
            self.tag(page).set(Tag::INTERIOR.bits());
        }
    }

    /// The page behind the slab's run.
    fn slab_end(&self) -> Page {
        self.slab_start().plus(self.slab_pages())
    }

    fn slab_pages(&self) -> u32 {
        shape(class()).pages + self.core.runs().guard_pages()
    }

    /// Has the page behind the slab be a free run of a page, with these neighbours in its list.
    fn say_free_behind(&self, links: u64) {
        self.tag(self.slab_end()).set(Tag::first(RunKind::Free, 1).bits());
        self.links.at(self.slab_end().index()).set(links);
    }

    /// Has the free run of so many pages that is looked for next be one that is not in play.
    fn insert_beyond(&self, len: u32) {
        self.core.runs().state().bins.insert(self.core.runs().links(), Page(PAGES - 1), len);
    }
}

/// What giving back the blocks of the magazine meets, and would follow.
const MET: &[Damage] = &[
    (Kind::MagazineCount, |heap| heap.magazine(0).set(heap.magazine(1).get() + 1)),
    (Kind::MagazineCount, |heap| heap.magazine(1).set(1000)),
    (Kind::MagazineCount, |heap| {
        heap.magazine(0).set(u32::MAX);
        heap.magazine(1).set(u32::MAX);
    }),
    (Kind::MagazineBlock, |heap| heap.shift_oldest(8)),
    (Kind::MagazineBlock, |heap| heap.shift_oldest(low32(100 * class().stride()))),
    (Kind::MagazineBlock, |heap| heap.shift_oldest(1 << 31)),
    // A block of another class: the slab says so, or its page does.
    (Kind::MagazineBlock, |heap| heap.record(2).set(heap.record(2).get() & !0xFF)),
    (Kind::MagazineBlock, |heap| {
        for index in 0..heap.slab_pages() {
            heap.tag(heap.slab_start().plus(index)).set(Tag::slab(heap.other, index, 99, 0).bits());
        }
    }),
    (Kind::MagazineBlock, |heap| {
        for index in 0..heap.slab_pages() {
            heap.tag(heap.slab_start().plus(index)).set(Tag::slab(u32::MAX, index, 99, 0).bits());
        }
    }),
    (Kind::MagazineBlock, |heap| heap.record(3).add(1)),
    (Kind::MagazineBlock, |heap| (8..RECORD).for_each(|word| heap.record(word).set(u32::MAX))),
    (Kind::SlabRecord, |heap| heap.record(0).add(1)),
    (Kind::SlabRecord, |heap| heap.record(1).add(1)),
    (Kind::SlabRecord, |heap| heap.record(1).set(u32::MAX)),
    (Kind::PoolEntry, |heap| {
        heap.say_free(0);
        heap.core.pools().state(class()).tail.set(heap.core.pools().slabs().high() + 1);
    }),
    (Kind::PoolEntry, |heap| {
        heap.say_nearly_empty();
        heap.record(4).set(u32::MAX);
    }),
    (Kind::PoolEntry, |heap| {
        heap.say_nearly_empty();
        heap.record(5).set(u32::MAX);
    }),
    (Kind::RunEnd, |heap| {
        heap.say_nearly_empty();
        heap.tag(heap.slab_start().minus(1)).set(Tag::last(RunKind::Free, 0).bits());
    }),
    (Kind::RunEnd, |heap| {
        heap.say_nearly_empty();
        heap.tag(heap.slab_start().minus(1)).set(Tag::last(RunKind::Free, heap.slab_start().0 + 1).bits());
    }),
    (Kind::RunLength, |heap| {
        heap.say_nearly_empty();
        heap.tag(heap.slab_end()).set(Tag::first(RunKind::Free, 0).bits());
    }),
    (Kind::RunLength, |heap| {
        heap.say_nearly_empty();
        heap.tag(heap.slab_end()).set(Tag::first(RunKind::Free, u32::MAX).bits());
    }),
    (Kind::BinEntry, |heap| {
        heap.say_nearly_empty();
        heap.say_free_behind(u64::from(u32::MAX));
    }),
    (Kind::BinEntry, |heap| {
        heap.say_nearly_empty();
        heap.say_free_behind(u64::from(u32::MAX) << 32);
    }),
    (Kind::BinEntry, |heap| {
        heap.say_nearly_empty();
        heap.insert_beyond(heap.slab_pages());
    }),
    (Kind::RunLength, |heap| {
        heap.say_nearly_empty();
        heap.core.runs().state().pages.set(heap.slab_end().0 - 1);
    }),
];

#[test]
fn damage_that_taking_up_meets_is_an_error() {
    for (number, (kind, damage)) in MET.iter().enumerate() {
        let heap = Furnished::new();
        damage(&heap);
        let report = heap.core.take_up().expect_err("a damaged image was taken up");
        assert!(report.findings().any(|finding| finding.kind == *kind), "{number}, {kind:?}: {report}");
    }
}

#[test]
fn damage_that_taking_up_does_not_meet_is_survived() {
    for (_, damage) in DAMAGES {
        let heap = Furnished::new();
        damage(&heap);
        if heap.core.beyond_its_tables().is_none() {
            // Whether it is met depends on what it is.
            let _ = heap.core.take_up();
        }
    }
}

/// A list that goes round, one that names no page, and runs that are longer than the heap, or nothing.
const ENDLESS: [fn(&Furnished); 5] = [
    |heap| heap.links.at(heap.hole.index()).set(u64::from(heap.hole.0 + 1)),
    |heap| heap.links.at(heap.hole.index()).set(u64::from(u32::MAX)),
    |heap| heap.links.at(heap.hole.index()).set(u64::from(heap.run.0 + 1)),
    |heap| heap.tag(heap.hole).set(Tag::first(RunKind::Free, u32::MAX).bits()),
    |heap| heap.tag(heap.hole).set(Tag::first(RunKind::Free, 0).bits()),
];

#[test]
fn free_runs_of_damaged_lists_have_no_more_pages_than_there_are() {
    for (number, damage) in ENDLESS.iter().enumerate() {
        let heap = Furnished::new();
        let pages = heap.core.runs().state().pages.get();
        damage(&heap);
        let mut seen = 0;
        heap.core.runs().lock().free_from(1, |page, len| {
            assert!(len <= pages - page.0, "{number}: {len} pages at {page:?}");
            seen += len;
            assert!(seen <= pages, "{number}");
        });
    }
}
