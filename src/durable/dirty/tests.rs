//! All methods over the same memory, beside a model that knows what was written.

use std::collections::BTreeSet;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::*;
use crate::durable::mapping::map_live;
use crate::durable::tests::file_of;
use crate::random::Random;
use crate::units::HUGE;

const METHODS: [Method; 3] = [Method::WriteProtection, Method::LeftTheFile, Method::Everything];

/// What a range of memory is made of.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// A private mapping of a file.
    File,
    Anonymous,
    /// Anonymous memory for which huge pages are asked.
    Huge,
}

const KINDS: [Kind; 3] = [Kind::File, Kind::Anonymous, Kind::Huge];

/// Reserved memory, mapped from its front in pieces of one kind or another.
struct Memory {
    base: NonNull<u8>,
    room: u64,
    mapped: u64,
}

// SAFETY: tests share it between threads that only touch it through atomics.
unsafe impl Sync for Memory {}

impl Memory {
    fn new(room: u64) -> Self {
        Self { base: os::reserve(bytes(room), HUGE).unwrap(), room, mapped: 0 }
    }

    fn map(&mut self, kind: Kind, pages: u64) -> PageSpan {
        let span = PageSpan { first: self.mapped, count: pages };
        assert!(span.end() <= self.room);
        let start = self.page(span.first);
        // SAFETY: whole pages of the reserved range that nobody uses yet; the file is changed by nobody.
        match kind {
            // SAFETY: as above.
            Kind::File => unsafe { map_live(file_of(&vec![7; bytes(pages)]).as_fd(), 0, start, pages) },
            // SAFETY: as above.
            Kind::Anonymous | Kind::Huge => unsafe { os::commit(start, bytes(pages)) },
        }
        .unwrap();
        if kind != Kind::File {
            // SAFETY: as above.
            unsafe { os::advise_huge(start, bytes(pages), kind == Kind::Huge) }.unwrap();
        }
        self.mapped += pages;
        span
    }

    fn page(&self, page: u64) -> *mut u8 {
        assert!(page <= self.room);
        self.base.as_ptr().wrapping_add(bytes(page))
    }

    fn word(&self, page: u64, word: u64) -> &AtomicU64 {
        assert!(page < self.mapped && word < 512);
        let words =
            self.base.cast::<[AtomicU64; 512]>().as_ptr().wrapping_add(usize::try_from(page).unwrap());
        // SAFETY: a mapped page, which is only touched through atomics.
        unsafe { &(*words)[usize::try_from(word).unwrap()] }
    }

    fn purge(&self, span: PageSpan) {
        // SAFETY: whole mapped pages, and the tests do not need what they hold.
        unsafe { os::purge(self.page(span.first), bytes(span.count)) }.unwrap();
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the range came from `reserve`, and nothing uses it any more.
        unsafe { os::release(self.base, bytes(self.room)) };
    }
}

fn bytes(pages: u64) -> usize {
    usize::try_from(pages).unwrap() * PAGE
}

fn pages(spans: &[PageSpan]) -> BTreeSet<u64> {
    spans.iter().flat_map(|span| span.first..span.end()).collect()
}

/// What a tracker reports, which must lie in the ranges.
fn collect(tracker: &mut Tracker, ranges: &[PageSpan]) -> BTreeSet<u64> {
    let mut found = Vec::new();
    let scan = tracker.collect(ranges, &mut |span| found.push(span));
    let found_pages = pages(&found);
    assert_eq!(scan.reported, found_pages.len() as u64, "a page was reported twice");
    assert_eq!(scan.spans, found.len() as u64);
    assert!(found_pages.is_subset(&pages(ranges)));
    found_pages
}

/// What a tracker must report, and what it may.
#[derive(Default)]
struct Model {
    written: BTreeSet<u64>,
    purged: BTreeSet<u64>,
    never_collected: BTreeSet<u64>,
}

/// A tracker that is right about everything so far.
struct Checked {
    tracker: Tracker,
    model: Model,
}

impl Checked {
    fn all(memory: &Memory) -> Vec<Self> {
        let open = |method| Tracker::open(memory.base, method);
        METHODS.map(|method| Self { tracker: open(method), model: Model::default() }).into()
    }

    fn collect(&mut self, ranges: &[PageSpan]) {
        let asked = pages(ranges);
        let found = collect(&mut self.tracker, ranges);
        let method = self.tracker.method();
        let written: BTreeSet<u64> = self.model.written.intersection(&asked).copied().collect();
        let missed: Vec<_> = written.difference(&found).collect();
        assert!(missed.is_empty(), "{method:?} has missed {missed:?}");
        if method == Method::WriteProtection {
            let known = |page: &u64| {
                written.contains(page)
                    || self.model.purged.contains(page)
                    || self.model.never_collected.contains(page)
            };
            let more: Vec<_> = found.iter().filter(|page| !known(page)).collect();
            assert!(more.is_empty(), "{more:?} were not written");
        }
        for set in [&mut self.model.written, &mut self.model.purged, &mut self.model.never_collected] {
            set.retain(|page| !asked.contains(page));
        }
    }
}

/// Random ranges of what is mapped: all of it, or pieces with gaps.
fn ranges(random: &mut Random, mapped: u64) -> Vec<PageSpan> {
    if random.below(2) == 0 {
        return vec![PageSpan { first: 0, count: mapped }];
    }
    let mut ends: Vec<u64> = (0..2 * random.below(8)).map(|_| random.below(mapped + 1)).collect();
    ends.sort_unstable();
    ends.chunks_exact(2).map(|ends| PageSpan::between(ends[0], ends[1])).collect()
}

fn random_program(seed: u64, kinds: &[Kind]) {
    eprintln!("seed {seed}, {kinds:?}");
    let mut random = Random::new(seed);
    let mut memory = Memory::new(1 << 12);
    let mut all = Checked::all(&memory);
    for step in 0..40 {
        if step == 0 || (random.below(8) == 0 && memory.room - memory.mapped >= 1500) {
            let kind = kinds[usize::try_from(random.below(kinds.len() as u64)).unwrap()];
            let span = memory.map(kind, 1 + random.below(1500));
            for checked in &mut all {
                checked.tracker.cover(span);
                checked.model.never_collected.extend(span.first..span.end());
            }
        }
        for _ in 0..random.skewed(7) {
            let (page, word) = (random.below(memory.mapped), random.below(512));
            memory.word(page, word).fetch_add(1, Ordering::Relaxed);
            all.iter_mut().for_each(|checked| {
                checked.model.written.insert(page);
            });
        }
        for _ in 0..random.below(100) {
            memory.word(random.below(memory.mapped), random.below(512)).load(Ordering::Relaxed);
        }
        if random.below(4) == 0 {
            let first = random.below(memory.mapped);
            let count = (1 + random.skewed(10)).min(memory.mapped - first);
            memory.purge(PageSpan { first, count });
            for checked in &mut all {
                checked.model.written.retain(|page| !(first..first + count).contains(page));
                checked.model.purged.extend(first..first + count);
            }
        }
        for checked in &mut all {
            if random.below(2) == 0 {
                let ranges = ranges(&mut random, memory.mapped);
                checked.collect(&ranges);
            }
        }
    }
    let everything = [PageSpan { first: 0, count: memory.mapped }];
    all.iter_mut().for_each(|checked| checked.collect(&everything));
}

#[test]
fn random_programs_over_memory_of_one_kind() {
    for kind in KINDS {
        (0..6).for_each(|seed| random_program(seed, &[kind]));
    }
}

#[test]
fn random_programs_over_memory_of_all_kinds() {
    (100..116).for_each(|seed| random_program(seed, &KINDS));
}

#[test]
fn the_kernels_answer_is_exact_once_everything_is_protected() {
    for kind in KINDS {
        let mut memory = Memory::new(2048);
        let all = memory.map(kind, 2048);
        let mut tracker = Tracker::open(memory.base, Method::BEST);
        assert_eq!(tracker.method(), Method::WriteProtection, "this kernel should have all that is needed");
        tracker.cover(all);
        for page in [3, 700, 2047] {
            memory.word(page, 9).store(1, Ordering::Relaxed);
        }
        (0..2048).step_by(5).for_each(|page| {
            memory.word(page, 0).load(Ordering::Relaxed);
        });
        let first = collect(&mut tracker, &[all]);
        assert!(first.is_superset(&[3, 700, 2047].into()));
        // A huge page is there, and written, as a whole; of other memory only what stands for a missing page table.
        assert!(kind == Kind::Huge || first.len() <= 3 + 4, "{first:?}");
        assert!(collect(&mut tracker, &[all]).is_empty());
        (0..2048).for_each(|page| {
            memory.word(page, 1).load(Ordering::Relaxed);
        });
        assert!(collect(&mut tracker, &[all]).is_empty(), "reading is not writing");
        for page in [0, 3, 1024] {
            memory.word(page, 9).store(2, Ordering::Relaxed);
        }
        assert_eq!(collect(&mut tracker, &[all]), [0, 3, 1024].into());
    }
}

#[test]
fn a_huge_page_of_the_file_that_falls_apart_is_not_reported_as_a_whole() {
    let mut memory = Memory::new(2048);
    let all = memory.map(Kind::File, 2048);
    // SAFETY: whole mapped pages.
    unsafe { os::populate(memory.base.as_ptr(), bytes(2048)) }.unwrap();
    let mut tracker = Tracker::open(memory.base, Method::BEST);
    tracker.cover(all);
    assert!(collect(&mut tracker, &[all]).is_empty());
    memory.word(700, 0).store(1, Ordering::Relaxed);
    memory.word(1023, 0).store(1, Ordering::Relaxed);
    assert_eq!(collect(&mut tracker, &[all]), [700, 1023].into());
}

#[test]
fn purged_memory_is_not_reported_as_a_whole() {
    let mut memory = Memory::new(2048);
    let all = memory.map(Kind::Anonymous, 2048);
    let mut tracker = Tracker::open(memory.base, Method::BEST);
    tracker.cover(all);
    (0..2048).for_each(|page| memory.word(page, 0).store(1, Ordering::Relaxed));
    assert_eq!(collect(&mut tracker, &[all]).len(), 2048);
    memory.purge(PageSpan { first: 0, count: 1024 });
    memory.word(3, 0).store(1, Ordering::Relaxed);
    // What stands for an empty page table is page 512, if the kernel has kept that table.
    let found = collect(&mut tracker, &[all]);
    assert!(found.contains(&3) && found.is_subset(&[3, 512].into()), "{found:?}");
    memory.word(4, 0).store(1, Ordering::Relaxed);
    memory.word(5, 0).load(Ordering::Relaxed);
    assert_eq!(collect(&mut tracker, &[all]), [4].into());
}

/// Keeps a copy of one word of each page up to date by what a tracker reports, while threads write to those words.
fn copy_while_writing(method: Method, kind: Kind) {
    const PAGES: u64 = 1 << 11;
    let mut memory = Memory::new(PAGES);
    let all = memory.map(kind, PAGES);
    let mut tracker = Tracker::open(memory.base, method);
    tracker.cover(all);
    let mut copy: Vec<u64> = (0..PAGES).map(|page| memory.word(page, 5).load(Ordering::Relaxed)).collect();
    let mut follow = |memory: &Memory| {
        tracker.collect(&[all], &mut |span| {
            for page in span.first..span.end() {
                copy[usize::try_from(page).unwrap()] = memory.word(page, 5).load(Ordering::SeqCst);
            }
        })
    };
    let (stop, memory) = (AtomicBool::new(false), &memory);
    thread::scope(|scope| {
        for writer in 0..3 {
            let stop = &stop;
            scope.spawn(move || {
                let mut random = Random::new(writer);
                while !stop.load(Ordering::Relaxed) {
                    memory.word(random.below(PAGES), 5).fetch_add(1, Ordering::SeqCst);
                    if random.below(64) == 0 {
                        thread::yield_now();
                    }
                }
            });
        }
        for _ in 0..300 {
            follow(memory);
            thread::yield_now();
        }
        stop.store(true, Ordering::Relaxed);
    });
    follow(memory);
    let now: Vec<u64> = (0..PAGES).map(|page| memory.word(page, 5).load(Ordering::Relaxed)).collect();
    assert!(copy == now, "{method:?} over {kind:?} has lost a write");
}

#[test]
fn no_write_is_lost_while_scans_run() {
    for kind in KINDS {
        METHODS.iter().for_each(|method| copy_while_writing(*method, kind));
    }
}

#[test]
fn no_write_is_lost_between_the_steps_of_a_scan() {
    // Whoever is told of pages writes to others at once: every step of a scan is followed by writes that it cannot know.
    for seed in 0..60_u64 {
        let mut memory = Memory::new(1 << 13);
        let mut random = Random::new(seed);
        let mut tracker = Tracker::open(memory.base, METHODS[usize::try_from(seed % 2).unwrap()]);
        let (mut copy, mut all) = (vec![0; 1 << 13], Vec::new());
        for kind in KINDS {
            let span = memory.map(kind, 2500);
            tracker.cover(span);
            all.push(span);
            (span.first..span.end()).for_each(|page| {
                let word = if kind == Kind::File { memory.word(page, 5).load(Ordering::Relaxed) } else { 0 };
                copy[usize::try_from(page).unwrap()] = word;
            });
        }
        for round in 0..6 {
            for _ in 0..random.skewed(5) {
                memory.word(random.below(memory.mapped), 5).fetch_add(1, Ordering::Relaxed);
            }
            tracker.collect(&all, &mut |span| {
                for page in span.first..span.end() {
                    copy[usize::try_from(page).unwrap()] = memory.word(page, 5).load(Ordering::Relaxed);
                }
                if round < 5 {
                    // The first page of a page table's share is a special case.
                    let page = random.below(memory.mapped) & !(511 * random.below(2));
                    memory.word(page, 5).fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for page in 0..memory.mapped {
            let now = memory.word(page, 5).load(Ordering::Relaxed);
            assert_eq!(copy[usize::try_from(page).unwrap()], now, "page {page} with seed {seed}");
        }
    }
}

#[test]
fn more_lone_pages_than_a_step_has_room_for() {
    const PAGES: u64 = 20_000;
    let mut memory = Memory::new(PAGES);
    let all = memory.map(Kind::Anonymous, PAGES);
    for method in METHODS {
        let mut tracker = Tracker::open(memory.base, method);
        tracker.cover(all);
        for round in 1..4 {
            let written: BTreeSet<u64> = (0..PAGES).step_by(round + 1).collect();
            written.iter().for_each(|page| memory.word(*page, 0).store(1, Ordering::Relaxed));
            let found = collect(&mut tracker, &[all]);
            assert!(written.is_subset(&found));
            assert!(method != Method::WriteProtection || found == written);
        }
    }
}

#[test]
fn no_write_is_lost_to_the_first_scan() {
    // The writers begin before anything is protected, so that every round races with all steps of the protection.
    for round in 0..200_u64 {
        let mut memory = Memory::new(1024);
        let all = memory.map(KINDS[usize::try_from(round % 3).unwrap()], 1024);
        let mut tracker = Tracker::open(memory.base, Method::BEST);
        tracker.cover(all);
        let (begun, memory) = (AtomicBool::new(false), &memory);
        let (mut copy, mut seen) = (vec![0; 1024], BTreeSet::new());
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut random = Random::new(round);
                for _ in 0..3000 {
                    memory.word(random.below(1024), 5).store(1, Ordering::SeqCst);
                    begun.store(true, Ordering::Relaxed);
                }
            });
            while !begun.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            for page in collect(&mut tracker, &[all]) {
                seen.insert(page);
                copy[usize::try_from(page).unwrap()] = memory.word(page, 5).load(Ordering::SeqCst);
            }
        });
        for page in collect(&mut tracker, &[all]) {
            seen.insert(page);
            copy[usize::try_from(page).unwrap()] = memory.word(page, 5).load(Ordering::SeqCst);
        }
        for page in 0..1024 {
            let now = memory.word(page, 5).load(Ordering::SeqCst);
            let unseen = now != 1 && !seen.contains(&page);
            assert!(unseen || copy[usize::try_from(page).unwrap()] == now, "page {page} of round {round}");
        }
    }
}

#[test]
fn a_child_of_fork_neither_loses_writes_nor_takes_its_parents() {
    for kind in KINDS {
        let mut memory = Memory::new(1024);
        let all = memory.map(kind, 1024);
        let mut tracker = Tracker::open(memory.base, Method::BEST);
        tracker.cover(all);
        memory.word(7, 0).store(1, Ordering::Relaxed);
        collect(&mut tracker, &[all]);
        memory.word(8, 0).store(1, Ordering::Relaxed);
        // SAFETY: the child touches memory that is there and asks for its end; what it frees there is the C library's, which allows that.
        let child = unsafe { libc::fork() };
        assert!(child >= 0);
        if child == 0 {
            memory.word(9, 0).store(1, Ordering::Relaxed);
            let mut seen = 0;
            let scan = tracker.collect(&[all], &mut |span| seen += span.count);
            let right = seen == 1024 && scan.reported == 1024 && tracker.method() == Method::Everything;
            // SAFETY: ends the child without running anything of the parent's.
            unsafe { libc::_exit(i32::from(!right)) };
        }
        memory.word(10, 0).store(1, Ordering::Relaxed);
        let mut status = -1;
        // SAFETY: the child is ours, and the status is a place for its end.
        assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
        assert_eq!(status, 0, "the child has asked the kernel about its parent's pages");
        memory.word(11, 0).store(1, Ordering::Relaxed);
        assert_eq!(collect(&mut tracker, &[all]), [8, 10, 11].into());
        assert_eq!(tracker.method(), Method::WriteProtection);
    }
}

/// A method that works for a while.
#[derive(Debug)]
struct Failing(u32);

impl DirtyPages for Failing {
    fn cover(&mut self, _: PageSpan) {}

    fn collect(&mut self, ranges: &[PageSpan], accept: &mut dyn FnMut(PageSpan)) -> Result<(), os::Fault> {
        self.0 -= 1;
        accept(ranges[0]);
        if self.0 == 0 { Err(os::Fault::NOMEM) } else { Ok(()) }
    }
}

#[test]
fn a_method_that_stops_working_is_replaced_and_nothing_is_lost() {
    let mut memory = Memory::new(64);
    let all = memory.map(Kind::File, 64);
    let mut tracker = Tracker::open(memory.base, Method::BEST);
    tracker.pages = Box::new(Failing(2));
    tracker.cover(all);
    memory.word(60, 0).fetch_add(1, Ordering::Relaxed);
    let halves = [PageSpan { first: 0, count: 32 }, PageSpan { first: 32, count: 32 }];
    tracker.collect(&halves, &mut |_| ());
    assert_eq!(tracker.method(), Method::WriteProtection);
    let mut found = Vec::new();
    let scan = tracker.collect(&halves, &mut |span| found.push(span));
    assert_eq!((tracker.method(), scan.reported), (Method::LeftTheFile, 1));
    assert_eq!(found, [halves[0], PageSpan { first: 60, count: 1 }]);
    // What the kernel refuses in earnest: pages that were never covered.
    let mut tracker = Tracker::open(memory.base, Method::BEST);
    assert_eq!(collect(&mut tracker, &[all]), [60].into());
    assert_eq!(tracker.method(), Method::LeftTheFile);
}

#[test]
fn each_method_can_be_asked_for_and_has_a_name() {
    let memory = Memory::new(1);
    let names = METHODS.map(|method| Tracker::open(memory.base, method).method().name());
    assert_eq!(names, ["write protection", "left the file", "everything"]);
}
