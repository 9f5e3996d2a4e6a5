//! The coalescing core against a list of who owns which page.

extern crate std;

use core::ptr::NonNull;
use std::vec::Vec;

use super::*;
use crate::random::Random;
use crate::region::{Sizes, Zone};
use crate::units::PAGE;

const PAGES: u32 = 4096;
const SIZES: Sizes = Sizes { header: size_of::<RunsState>(), cache: 64, caches: 1, slab: 128 };

fn runs() -> Runs {
    let region = Region::reserve(&SIZES, PAGES, PAGES).unwrap();
    // SAFETY: the header is committed zeros, large enough for the state, which is made of atomics.
    let state = unsafe { Placed::new(NonNull::new(region.base().as_ptr().cast()).unwrap()) };
    // SAFETY: the state lies in the region, which is all zeros.
    unsafe { Runs::new(region, state) }
}

/// A run as its owner knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Owned {
    first: u32,
    pages: u32,
}

/// Walks over all runs and compares them with what their owners know, and the bins with both.
fn verify(runs: &Runs, owned: &[Owned]) {
    let mut owned = owned.to_vec();
    owned.sort_by_key(|run| run.first);
    let mut owned = owned.into_iter().peekable();
    let (mut at, mut free_before, mut used, mut free_runs) = (0, false, 0, Vec::new());
    while at < runs.state().pages.get() {
        let tag = runs.tag(Page(at));
        assert!(tag.is_first(), "page {at}: {tag:?}");
        let free = tag.is(Kind::Free);
        if free {
            assert!(!free_before, "two free runs touch at page {at}");
            free_runs.push((at, tag.len()));
        } else {
            let run = owned.next().expect("a run in use that nobody owns");
            assert_eq!((run.first, run.pages), (at, runs.usable(tag.len())));
            used += tag.len();
        }
        assert_eq!(runs.tag(Page(at + tag.len() - 1)), Tag::last(tag.kind().unwrap(), tag.len()));
        (1..tag.len().saturating_sub(1))
            .for_each(|inner| assert_eq!(runs.tag(Page(at + inner)), Tag::INTERIOR));
        free_before = free;
        at += tag.len();
    }
    assert_eq!(owned.next(), None, "a run that somebody owns is not there");
    assert_eq!(runs.state().used.get(), used);
    let mut binned = Vec::new();
    for bin in Bin::all() {
        assert!(runs.state().bins.bits_are_true(bin));
        let mut next = runs.state().bins.head(bin);
        while let Some(page) = next {
            assert_eq!(Bin::of(runs.tag(page).len()), bin);
            binned.push((page.0, runs.tag(page).len()));
            next = Link::read(runs.links(), page).next;
        }
    }
    binned.sort_unstable();
    assert_eq!(binned, free_runs);
    assert_eq!(runs.lock().free_runs() as usize, free_runs.len());
    assert_eq!(runs.lock().longest_free(), free_runs.iter().map(|(_, len)| *len).max().unwrap_or(0));
    let touched: u32 = free_runs.iter().map(|(first, len)| runs.touched().count(Page(*first), *len)).sum();
    assert_eq!(runs.state().touched_free.get(), touched);
}

/// What the counters should be, as far as they depend on what was before.
#[derive(Default)]
struct Counts {
    peak: u32,
    grown: u64,
    purged: u64,
    pages: u32,
    /// The least that `touched_free` has been since the last look.
    surplus: u32,
}

impl Counts {
    /// Follows one step, and compares.
    fn follow(&mut self, runs: &Runs) {
        let state = runs.state();
        self.peak = self.peak.max(state.used.get());
        self.grown += u64::from(state.pages.get() > self.pages);
        self.pages = state.pages.get();
        self.surplus = self.surplus.min(state.touched_free.get());
        assert_eq!(state.peak.get(), self.peak);
        assert_eq!(runs.counts(), (self.grown, self.purged));
    }
}

#[test]
fn random_programs_keep_every_invariant_and_end_as_one_run() {
    for seed in 0..40 {
        let (runs, mut random, mut owned) = (runs(), Random::new(seed), Vec::<Owned>::new());
        let mut counts = Counts::default();
        for step in 0..600 {
            match random.below(10) {
                0..4 => {
                    let most = 1 << random.below(8);
                    let (pages, align) = (1 + random.below(most), PAGE << random.below(5));
                    if let Some(taken) = runs.lock().take(pages, align) {
                        let start = runs.region().page_start(taken.first);
                        assert!(start.addr().is_multiple_of(align), "seed {seed} step {step}");
                        owned.push(Owned { first: taken.first.0, pages });
                    }
                }
                4..7 if !owned.is_empty() => {
                    let run = owned.swap_remove(random.below(owned.len()));
                    runs.lock().give(Page(run.first), run.pages).unwrap();
                }
                7..9 if !owned.is_empty() => {
                    let at = random.below(owned.len());
                    let pages = 1 + random.below(200);
                    if runs.lock().resize(Page(owned[at].first), owned[at].pages, pages).unwrap() {
                        owned[at].pages = pages;
                    } else {
                        assert!(pages > owned[at].pages, "seed {seed} step {step}: a run could not shrink");
                    }
                }
                _ if random.below(3) == 0 => {
                    assert_eq!(runs.lock().surplus(), counts.surplus, "seed {seed} step {step}");
                    counts.surplus = runs.state().touched_free.get();
                }
                _ => {
                    let withdrawn = runs.lock().withdraw();
                    if let Some((first, len)) = withdrawn {
                        counts.purged += u64::from(runs.touched().count(first, len));
                        // SAFETY: the run was withdrawn: nobody uses it.
                        let purged = unsafe { runs.region().purge(first, len) };
                        runs.lock().readmit(first, len, purged);
                    }
                }
            }
            verify(&runs, &owned);
            counts.follow(&runs);
        }
        for run in owned {
            runs.lock().give(Page(run.first), run.pages).unwrap();
        }
        verify(&runs, &[]);
        assert_eq!(runs.lock().free_runs(), 1, "seed {seed}");
        assert_eq!(runs.lock().longest_free(), runs.state().pages.get());
    }
}

/// All orders in which five neighbours can be freed: merging to the left, to the right, and to both sides.
#[test]
fn every_order_of_freeing_neighbours_merges_them() {
    fn permute(order: &mut Vec<usize>, rest: &[usize], act: &mut impl FnMut(&[usize])) {
        if rest.is_empty() {
            return act(order);
        }
        for (at, run) in rest.iter().enumerate() {
            order.push(*run);
            let others: Vec<usize> =
                rest.iter().enumerate().filter(|(other, _)| *other != at).map(|(_, run)| *run).collect();
            permute(order, &others, act);
            order.pop();
        }
    }
    let runs = runs();
    permute(&mut Vec::new(), &[0, 1, 2, 3, 4], &mut |order| {
        let mut owned: Vec<Owned> = [1, 2, 3, 1, 5]
            .into_iter()
            .map(|pages| Owned { first: runs.lock().take(pages, PAGE).unwrap().first.0, pages })
            .collect();
        let all = owned.clone();
        for run in order {
            runs.lock().give(Page(all[*run].first), all[*run].pages).unwrap();
            owned.retain(|other| *other != all[*run]);
            verify(&runs, &owned);
        }
        assert_eq!(runs.lock().free_runs(), 1);
    });
}

#[test]
fn what_is_no_run_is_refused_and_changes_nothing() {
    let runs = runs();
    let first = runs.lock().take(4, PAGE).unwrap().first;
    for (page, pages) in (0..4).flat_map(|page| (1..6).map(move |pages| (page, pages))) {
        assert!((page, pages) == (0, 4) || runs.lock().give(first.plus(page), pages).is_err());
    }
    assert!(runs.lock().resize(first, 5, 9).is_err());
    verify(&runs, &[Owned { first: first.0, pages: 4 }]);
    runs.lock().give(first, 4).unwrap();
    assert!(runs.lock().give(first, 4).is_err());
    verify(&runs, &[]);
    assert_eq!(runs.what_is(runs.region().page_start(first).addr()), Found::FreeRun);
    assert_eq!(runs.what_is(0x1000), Found::Foreign);
}

#[test]
fn a_limit_and_the_regions_end_are_refusals() {
    let runs = runs();
    runs.set_limit(100);
    assert!(runs.lock().take(101, PAGE).is_none());
    let half = runs.lock().take(60, PAGE).unwrap().first;
    assert!(runs.lock().take(60, PAGE).is_none());
    assert_eq!(runs.lock().resize(half, 60, 101), Ok(false));
    runs.set_limit(u32::MAX);
    assert!(runs.lock().take(PAGES, PAGE).is_none());
    assert!(runs.lock().take(u32::MAX, PAGE).is_none());
    assert!(runs.lock().take(1, 1 << 62).is_none());
    assert_eq!(runs.lock().resize(half, 60, u32::MAX), Ok(false));
    runs.lock().give(half, 60).unwrap();
    let all = runs.lock().take(PAGES - runs.guard_pages(), PAGE).unwrap().first;
    runs.lock().give(all, PAGES - runs.guard_pages()).unwrap();
}

/// Where a run of just the length is the only one left, it is found, although shorter ones lie in its bin.
#[test]
fn the_last_run_that_fits_is_found() {
    let runs = runs();
    // The shortest length of its bin is 32.
    let first = runs.lock().take(34, PAGE).unwrap().first;
    let rest = PAGES - 34 - 2 * runs.guard_pages();
    assert!(runs.lock().take(rest, PAGE).is_some());
    runs.lock().give(first, 34).unwrap();
    assert!(runs.lock().take(35, PAGE).is_none());
    assert_eq!(runs.lock().take(34, PAGE).map(|taken| taken.first), Some(first));
}

#[test]
fn fresh_and_purged_pages_are_known_to_be_zero() {
    let runs = runs();
    let taken = runs.lock().take(8, PAGE).unwrap();
    assert!(taken.zero);
    runs.lock().give(taken.first, 8).unwrap();
    let again = runs.lock().take(8, PAGE).unwrap();
    assert_eq!((again.first, again.zero), (taken.first, false));
    runs.lock().give(again.first, 8).unwrap();
    let (first, len) = runs.lock().withdraw().unwrap();
    // SAFETY: the run was withdrawn: nobody uses it.
    assert!(unsafe { runs.region().purge(first, len) });
    runs.lock().readmit(first, len, true);
    assert!(runs.lock().withdraw().is_none());
    assert!(runs.lock().take(8, PAGE).unwrap().zero);
    assert_eq!(runs.region().plan().size(Zone::Pages), PAGES as usize * PAGE);
}
