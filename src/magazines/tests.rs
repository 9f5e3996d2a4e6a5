//! Misses, and threads that come, go and sleep, played by one thread with several seats.

extern crate std;

use std::collections::BTreeMap;
use std::vec::Vec;

use super::seats::{nobody, watched};
use super::*;
use crate::pools::{PoolState, Slab, SlabsState};
use crate::region::{Region, Sizes};
use crate::runs::{Runs, RunsState};
use crate::units::{CLASSES, Class, RunClass};

#[repr(C)]
struct Header {
    runs: RunsState,
    slabs: SlabsState,
    caches: CachesState,
    pools: [PoolState; CLASSES],
}

const SEATED: usize = 4;
const SIZES: Sizes = Sizes {
    header: size_of::<Header>(),
    cache: size_of::<Cache>(),
    caches: CACHES_MAX,
    slab: size_of::<Slab>(),
};

fn magazines() -> Magazines {
    let region = Region::reserve(&SIZES, 1 << 14, 1 << 14).unwrap();
    // SAFETY: the header is committed zeros, made of atomics and aligned to a page; the region outlives views of it.
    let header: Placed<Header> = unsafe { Placed::new(region.base().cast()) };
    let (slabs, states) = (header.part(|header| &header.slabs), header.part(|header| &header.pools));
    // SAFETY: the words are zeros and lie in the region.
    let runs = unsafe { Runs::new(region, header.part(|header| &header.runs)) };
    // SAFETY: as above.
    let pools = unsafe { Pools::new(runs, states, slabs, &LABELS) };
    // SAFETY: as above.
    unsafe { Magazines::new(pools, header.part(|header| &header.caches)) }
}

fn seats(magazines: &Magazines) -> Vec<Seat> {
    let seats: Vec<Seat> = (0..SEATED).map(|_| Seat::new(nobody())).collect();
    seats.iter().for_each(|seat| magazines.sit(seat));
    seats
}

fn take(magazines: &Magazines, seat: &Seat, class: Class) -> usize {
    let hit = seat.cache().magazine(MagazineAt::of_class(class)).pop();
    hit.or_else(|| magazines.take(seat, class)).unwrap().as_ptr().addr()
}

fn give(magazines: &Magazines, seat: &Seat, class: Class, block: usize) {
    let block = core::ptr::with_exposed_provenance_mut(block);
    if !seat.cache().magazine(MagazineAt::of_class(class)).push(block) {
        magazines.give(seat, class, block);
    }
}

fn take_run(magazines: &Magazines, seat: &Seat, class: RunClass) -> usize {
    let hit = magazines.pop_run(seat, class);
    let start = hit.or_else(|| magazines.take_pages(class.pages(), 4096).map(|(start, _)| start));
    start.unwrap().as_ptr().addr()
}

fn give_run(magazines: &Magazines, seat: &Seat, class: RunClass, block: usize) {
    let block = core::ptr::with_exposed_provenance_mut(block);
    if !magazines.push_run(seat, class, block) {
        magazines.give_run(seat, class, block);
    }
}

/// What a seat's cache holds: blocks of size classes, and pages of runs.
fn held(cache: &Cache) -> (u64, u32) {
    let (mut blocks, mut pages) = (0, 0);
    for (index, magazine) in cache.magazines() {
        match RunClass::from_index(index.wrapping_sub(CLASSES)) {
            Some(class) => pages += class.pages() * magazine.held(),
            None => blocks += u64::from(magazine.held()),
        }
    }
    (blocks, pages)
}

/// Compares the counts of caches and pools with what is out.
fn verify(magazines: &Magazines, out: &BTreeMap<usize, Kind>) {
    let (mut blocks, mut pages) = (0, 0);
    for cache in magazines.caches() {
        let here = held(cache);
        assert_eq!(cache.run_pages.get(), here.1);
        assert!(here.1 <= 1024, "{} pages of runs in one cache", here.1);
        (blocks, pages) = (blocks + here.0, pages + here.1);
    }
    let pools = magazines.pools();
    let (mut missing, mut slab_pages) = (0, 0);
    for class in Class::all() {
        let (state, shape) = (pools.state(class), crate::units::shape(class));
        missing += u64::from(state.slabs.get()) * u64::from(shape.blocks) - state.free.get();
        slab_pages += state.slabs.get() * (shape.pages + pools.runs().guard_pages());
    }
    let runs: Vec<_> = out
        .values()
        .filter_map(|kind| if let Kind::Run(class) = kind { Some(class) } else { None })
        .collect();
    assert_eq!(missing, blocks + (out.len() - runs.len()) as u64);
    if pools.runs().guard_pages() == 0 {
        let owned: u32 = runs.into_iter().map(|class| class.pages()).sum();
        assert_eq!(pools.runs().state().used.get(), slab_pages + pages + owned);
    }
    assert!(magazines.state().high.get() as usize <= SEATED);
}

#[derive(Clone, Copy)]
enum Kind {
    Block(Class),
    Run(RunClass),
}

#[test]
fn random_programs_of_four_seats_lose_nothing_and_end_with_nothing() {
    let classes: Vec<Class> = [8, 64, 400, 9000].into_iter().filter_map(Class::of_size).collect();
    let lengths: Vec<RunClass> = [9, 64, 320, 448, 512].into_iter().filter_map(RunClass::of_pages).collect();
    for seed in 0..20_u64 {
        let magazines = magazines();
        let (seats, mut out) = (seats(&magazines), BTreeMap::<usize, Kind>::new());
        let mut state = seed;
        let mut random = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % limit
        };
        for step in 0..400 {
            let seat = &seats[random(SEATED)];
            match random(20) {
                0..7 => {
                    let class = classes[random(classes.len())];
                    for _ in 0..random(100) {
                        let block = take(&magazines, seat, class);
                        assert!(out.insert(block, Kind::Block(class)).is_none(), "seed {seed} step {step}");
                    }
                }
                7..10 => {
                    let class = lengths[random(lengths.len())];
                    let run = take_run(&magazines, seat, class);
                    assert!(out.insert(run, Kind::Run(class)).is_none(), "seed {seed} step {step}");
                }
                10..17 => {
                    let gone: Vec<_> =
                        out.iter().map(|(block, kind)| (*block, *kind)).step_by(1 + random(3)).collect();
                    for (block, kind) in gone.into_iter().take(random(200)) {
                        out.remove(&block);
                        match kind {
                            Kind::Block(class) => give(&magazines, seat, class, block),
                            Kind::Run(class) => give_run(&magazines, seat, class, block),
                        }
                    }
                }
                17 => magazines.take_idle(seat, random(2) == 0),
                18 => magazines.flush_own(seat),
                _ => {
                    magazines.leave(seat);
                    assert_eq!(seat.own(), core::ptr::null_mut());
                    magazines.sit(seat);
                }
            }
            verify(&magazines, &out);
        }
        for (block, kind) in core::mem::take(&mut out) {
            match kind {
                Kind::Block(class) => give(&magazines, &seats[0], class, block),
                Kind::Run(class) => give_run(&magazines, &seats[0], class, block),
            }
        }
        seats.iter().for_each(|seat| magazines.leave(seat));
        verify(&magazines, &out);
        Class::all().for_each(|class| {
            magazines.pools().lock(class).give_back(true);
        });
        assert_eq!(magazines.pools().runs().state().used.get(), 0, "seed {seed}");
        assert!(magazines.caches().all(|cache| !cache.has_owner() && held(cache) == (0, 0)));
    }
}

// A hardened heap hands blocks out in no order.
#[cfg(not(feature = "hardened"))]
#[test]
fn what_is_allocated_in_a_row_lies_in_a_row() {
    let (magazines, class) = (magazines(), Class::of_size(64).unwrap());
    let seats = seats(&magazines);
    let blocks: Vec<_> = (0..200).map(|_| take(&magazines, &seats[0], class)).collect();
    assert!(blocks.windows(2).all(|pair| pair[0] + class.stride() == pair[1]));
    magazines.unseat_all();
}

#[test]
fn only_the_idle_are_evicted_and_keep_what_lies_on_top() {
    let (magazines, class) = (magazines(), Class::of_size(64).unwrap());
    let seats = seats(&magazines);
    let [me, busy, idle, _] = &seats[..] else { panic!("four seats") };
    let work = |seat: &Seat, rounds: u32| {
        for _ in 0..rounds {
            let blocks: Vec<_> = (0..200).map(|_| take(&magazines, seat, class)).collect();
            blocks.into_iter().for_each(|block| give(&magazines, seat, class, block));
        }
    };
    // SAFETY: the seats have caches, which live as long as the magazines.
    let blocks = |seat: &Seat| held(unsafe { seat.own().as_ref() }.unwrap()).0;
    [me, busy, idle].into_iter().for_each(|seat| work(seat, 1));
    magazines.take_idle(me, false);
    [me, busy, idle].into_iter().for_each(|seat| work(seat, 1));
    work(busy, 30);
    assert!([me, busy, idle].iter().all(|seat| blocks(seat) > 8));
    magazines.take_idle(me, false);
    assert!(blocks(busy) > 8, "a busy thread keeps its blocks");
    assert_eq!((blocks(me), blocks(idle)), (0, 1));
    work(idle, 1);
    assert!(blocks(idle) > 8, "an evicted thread comes back");
    let before = blocks(busy);
    busy.with_own(magazines.registry(), |_| magazines.take_idle(me, true));
    assert_eq!((blocks(busy), blocks(idle)), (before, 1), "who is in the midst of a miss is left alone");
    magazines.unseat_all();
}

#[test]
fn a_thread_watches_for_as_long_as_it_was_told() {
    let (magazines, class) = (magazines(), Class::of_size(64).unwrap());
    let seats = seats(&magazines);
    let seat = &seats[0];
    magazines.watch(seat, 5);
    for _ in 0..5 {
        assert_eq!(seat.fast(), watched());
        assert!(magazines.take(seat, class).is_some());
    }
    assert_eq!(seat.fast(), seat.own());
    magazines.unseat_all();
}

/// A magazine that has become wide and is empty stays as it is: its page of an image need not be copied.
#[test]
fn who_takes_up_an_image_empties_magazines_and_leaves_empty_ones_alone() {
    let magazines = magazines();
    let seats = seats(&magazines);
    let base = magazines.pools().runs().region().base().as_ptr().addr();
    magazines.state().base.set(base as u64);
    let [filled, emptied] = [3, 5].map(|index| Class::from_index(index).unwrap());
    let magazine = |class| seats[0].cache().magazine(MagazineAt::of_class(class));
    for class in [filled, emptied] {
        take(&magazines, &seats[0], class);
    }
    while magazine(emptied).pop().is_some() {}
    let (count, room) = (magazine(filled).count() as usize, magazine(emptied).room());
    assert!(count > 0 && room > 0);
    let given = core::cell::Cell::new(0);
    let taken: Result<(), ()> = magazines.take_up(|index, _| {
        assert_eq!(index, 3);
        given.set(given.get() + 1);
        Ok(true)
    });
    assert_eq!((taken, given.get()), (Ok(()), count));
    assert_eq!((magazine(filled).count(), magazine(emptied).room()), (0, room));
}
