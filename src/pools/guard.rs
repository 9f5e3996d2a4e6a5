//! What can be done with a pool while its lock is held.

use core::fmt;

use super::{Place, PoolState, Pools, Slab, Spot, Strip};
use crate::misuse::{Claimed, Found, Misuse};
use crate::sync::Held;
use crate::units::{Class, PAGE, PAGE_SHIFT, SlabShape, low32, shape};

/// How many empty slabs a pool keeps for the next refill.
const EMPTY_KEPT: u32 = 1;

/// A pool, for the holder of its lock.
pub(crate) struct PoolGuard<'a> {
    pools: &'a Pools,
    class: Class,
    shape: &'static SlabShape,
    state: &'a PoolState,
    _held: Held<'a>,
}

impl<'a> PoolGuard<'a> {
    #[inline]
    pub(super) fn new(pools: &'a Pools, class: Class, held: Held<'a>) -> Self {
        Self { pools, class, shape: shape(class), state: pools.state(class), _held: held }
    }

    /// Hands out up to `count` blocks, in address order within a slab, to `accept`; says how many there were.
    #[inline]
    pub(crate) fn take(&self, count: u32, mut accept: impl FnMut(*mut u8)) -> u32 {
        let mut missing = count;
        while missing > 0 {
            let Some(id) = self.first_slab() else { break };
            let slab = self.pools.slabs.at(id);
            if cfg!(feature = "hardened") && !slab.is_stamped(id, self.class) {
                let address = self.pools.block_start(slab, 0, 0).addr();
                self.misuse(address, Found::DamagedSlab { slab: id });
            }
            let had = slab.free();
            let got = self.take_from(slab, missing, &mut accept);
            slab.sub_free(got);
            self.state.free.sub(u64::from(got));
            missing -= got;
            if had == self.shape.blocks {
                self.state.empty.sub(1);
            }
            if got == had {
                self.unlink(slab);
            }
            if got == 0 {
                break;
            }
        }
        self.state.taken.add(u64::from(count - missing));
        count - missing
    }

    fn take_from(&self, slab: &Slab, count: u32, accept: &mut impl FnMut(*mut u8)) -> u32 {
        if cfg!(feature = "hardened") {
            return self.take_any_from(slab, accept);
        }
        let base = self.pools.block_start(slab, 0, 0);
        let stride = self.shape.stride as usize;
        let mut missing = count;
        let (mut first, mut last) = (u32::MAX, 0);
        for (index, word) in slab.words()[..self.shape.words()].iter().enumerate() {
            let mut bits = word.get();
            if bits == 0 {
                continue;
            }
            first = first.min(low32(index * 64) + bits.trailing_zeros());
            while bits != 0 && missing > 0 {
                let block = index * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                missing -= 1;
                last = block;
                accept(base.wrapping_add(block * stride));
            }
            word.set(bits);
            if missing == 0 {
                break;
            }
        }
        if missing < count && (slab.aged() != 0 || slab.has_holes()) {
            self.note_use(slab, slab.pages_of(self.shape, first, low32(last)));
        }
        count - missing
    }

    /// Hands out one free block of a slab, whichever chance picks.
    fn take_any_from(&self, slab: &Slab, accept: &mut impl FnMut(*mut u8)) -> u32 {
        let skipped = self.pools.chance().below(slab.free().max(1));
        let is_picked = |&(seen, _): &(u32, u32)| seen == skipped;
        let free = (0..self.shape.blocks).filter(|block| slab.is_free(*block));
        let Some((_, block)) = (0..).zip(free).find(is_picked) else { return 0 };
        let word = &slab.words()[block as usize / 64];
        word.set(word.get() & !(1 << (block % 64)));
        accept(self.pools.block_start(slab, self.shape.stride, block));
        self.note_use(slab, slab.pages_of(self.shape, block, block));
        1
    }

    /// Notes that these pages of a slab, where pages were free or without memory, are about to be written.
    #[cold]
    fn note_use(&self, slab: &Slab, pages: u64) {
        slab.set_aged(slab.aged() & !pages);
        if slab.has_holes() {
            let touched = self.pools.runs.touched();
            spans(pages, |first, len| touched.set(slab.first().plus(first), len));
            slab.set_holes(touched.count(slab.first(), self.shape.pages) < self.shape.pages);
        }
    }

    /// Takes back blocks of this class, all of them allocated, which lie at these places.
    ///
    /// A block that is not, or not of this class, ends the process with a message.
    pub(super) fn give(&self, blocks: &[*mut u8], places: &[Place]) {
        let (slabs, mut at) = (self.pools.slabs.used(), 0);
        while at < places.len() {
            let (place, ahead) = (places[at], &places[at..]);
            let strip = Strip::first_of(ahead.len(), self.shape.stride, |at| ahead[at].0);
            if !self.give_strip(slabs, place, strip) {
                self.give_otherwise(place, &blocks[at..at + strip.len()]);
            }
            at += strip.len();
        }
    }

    /// Takes back a strip of blocks whose first lies at `place`, in one of these slabs (`heap/taking.rs` compares what this
    /// follows before it is done in an image that nobody has verified); `false`, and nothing done, if they
    /// do not all lie there, are not of this class, or not allocated.
    #[inline]
    pub(super) fn give_strip(&self, slabs: &[Slab], place: Place, strip: Strip) -> bool {
        let (id, shape) = (place.slab(), self.shape);
        let Some(slab) = slabs.get(id as usize) else { return false };
        let Spot::Start(number) = slab.spot(shape, place.distance()) else { return false };
        if !slab.is_stamped(id, self.class) || !strip.set_free(slab, shape, number) {
            return false;
        }
        let (had, len) = (slab.free(), low32(strip.len()));
        slab.add_free(len);
        self.state.free.add(u64::from(len));
        if had == 0 || had + len == shape.blocks {
            self.move_slab(id, slab, had);
        }
        true
    }

    /// Takes back a block that is a run of its own, at no place in a slab; anything else is misuse.
    #[cold]
    #[inline(never)]
    fn give_otherwise(&self, place: Place, blocks: &[*mut u8]) {
        if place != Place::NOWHERE {
            self.not_given(blocks);
        }
        self.give_run(blocks[0]);
    }

    /// Reports the first of these blocks that cannot be given back.
    #[cold]
    fn not_given(&self, blocks: &[*mut u8]) -> ! {
        let found = |block: &*mut u8| (block.addr(), self.pools.what_is(block.addr()));
        let is_wrong = |(_, found): &(usize, Found)| !matches!(found, Found::Block { class, .. } if *class == self.class);
        let (address, found) = blocks.iter().map(found).find(is_wrong).unwrap_or_else(|| found(&blocks[0]));
        self.misuse(address, found)
    }

    /// Puts a slab that had no free block, or is all free now, where it belongs.
    #[cold]
    fn move_slab(&self, id: u32, slab: &Slab, had: u32) {
        if had == 0 {
            self.push_back(id, slab);
        }
        if slab.free() == self.shape.blocks {
            self.became_empty(id, slab);
        }
    }

    #[cold]
    fn became_empty(&self, id: u32, slab: &Slab) {
        if self.state.empty.get() >= EMPTY_KEPT {
            self.unlink(slab);
            self.close(id, slab);
        } else {
            self.state.empty.add(1);
        }
    }

    /// Gives the run of an empty slab, which is in no list, back to the runs.
    fn close(&self, id: u32, slab: &Slab) {
        slab.close();
        self.state.slabs.sub(1);
        self.state.free.sub(u64::from(self.shape.blocks));
        let runs = self.pools.runs.lock();
        runs.give_slab(slab.first(), self.shape.pages);
        self.pools.slabs.give_id(id);
    }

    /// The first slab with a free block, a new one if there is none.
    #[inline]
    fn first_slab(&self) -> Option<u32> {
        match self.state.head.get().checked_sub(1) {
            Some(id) => Some(id),
            None => self.open(),
        }
    }

    #[cold]
    fn open(&self) -> Option<u32> {
        let runs = self.pools.runs.lock();
        let id = self.pools.slabs.next_id(&runs)?;
        let taken = runs.take_slab(self.shape.pages, id, self.pools.label(self.class))?;
        self.pools.slabs.take_id(id);
        drop(runs);
        let slab = self.pools.slabs.at(id);
        slab.open(id, self.class, taken.first);
        self.furnish(slab);
        self.push_back(id, slab);
        self.state.slabs.add(1);
        self.state.empty.add(1);
        self.state.free.add(u64::from(self.shape.blocks));
        Some(id)
    }

    /// Finds out whether a new slab has holes. A class that has filled slabs is likely to fill this one too: then it gets
    /// its memory at once, rather than by a fault for each page.
    fn furnish(&self, slab: &Slab) {
        let (runs, pages) = (&self.pools.runs, self.shape.pages);
        let mut touched = runs.touched().count(slab.first(), pages);
        if touched == 0 && self.state.slabs.get() > 0 && runs.region().supply(slab.first(), pages) {
            runs.touched().set(slab.first(), pages);
            touched = pages;
        }
        slab.set_holes(touched < pages);
    }

    fn push_back(&self, id: u32, slab: &Slab) {
        let tail = self.state.tail.get();
        slab.next.set(0);
        slab.previous.set(tail);
        match tail.checked_sub(1) {
            Some(last) => self.pools.slabs.at(last).next.set(id + 1),
            None => self.state.head.set(id + 1),
        }
        self.state.tail.set(id + 1);
    }

    fn unlink(&self, slab: &Slab) {
        let (next, previous) = (slab.next.get(), slab.previous.get());
        match previous.checked_sub(1) {
            Some(previous) => self.pools.slabs.at(previous).next.set(next),
            None => self.state.head.set(next),
        }
        match next.checked_sub(1) {
            Some(next) => self.pools.slabs.at(next).previous.set(previous),
            None => self.state.tail.set(previous),
        }
    }

    /// Gives back what the list's slabs hold without need: empty slabs, and the memory of pages that hold no block,
    /// if they were so at the last look already (or at once, with `at_once`). Says whether anything went back or may go
    /// back at the next look.
    pub(crate) fn give_back(&self, at_once: bool) -> bool {
        let mut busy = false;
        let mut next = self.state.head.get();
        while let Some(id) = next.checked_sub(1) {
            let slab = self.pools.slabs.at(id);
            next = slab.next.get();
            // Fewer free blocks than a page holds cannot leave a page empty.
            if (slab.free() as usize * self.class.stride()) >> PAGE_SHIFT == 0 {
                continue;
            }
            let due = if at_once { !0 } else { slab.aged() };
            if slab.free() == self.shape.blocks && due != 0 {
                self.state.empty.sub(1);
                self.unlink(slab);
                self.close(id, slab);
                busy = true;
                continue;
            }
            let (empty, touched) = (slab.empty_pages(), self.touched(slab));
            busy |= empty & touched != 0;
            slab.set_aged(empty & touched & !due);
            if empty & touched & due != 0 {
                // With them the untouched ones: with huge pages, they got memory because a neighbour was touched.
                self.purge(slab, empty & (due | !touched), (empty & touched & due).count_ones());
            }
        }
        busy
    }

    /// The pages of the slab's run, a bit each, that are touched.
    fn touched(&self, slab: &Slab) -> u64 {
        let mut pages = 0;
        self.pools.runs.touched().spans(slab.first(), self.shape.pages, |first, len| {
            pages |= (!0 >> (64 - len)) << (first.0 - slab.first().0);
        });
        pages
    }

    /// Gives back the memory of these pages of a slab, all of them without a block and some of them touched.
    fn purge(&self, slab: &Slab, pages: u64, touched: u32) {
        let (runs, mut purged) = (&self.pools.runs, true);
        spans(pages, |first, len| {
            // SAFETY: no allocated block has a byte on these pages, and none gets one while the pool is locked.
            purged &= unsafe { runs.region().purge(slab.first().plus(first), len) };
        });
        if purged {
            slab.set_holes(true);
            spans(pages, |first, len| runs.touched().clear(slab.first().plus(first), len));
            runs.lock().note_purged(touched);
        }
    }

    /// A block of this class as a run of its own, where there is no room for a slab.
    #[cold]
    pub(crate) fn take_run(&self) -> Option<*mut u8> {
        let runs = &self.pools.runs;
        let taken = runs.lock().take(self.class.pages(), PAGE)?;
        Some(runs.region().page_start(taken.first))
    }

    /// Takes back a block that is a run of its own.
    #[cold]
    fn give_run(&self, block: *mut u8) {
        let (runs, address) = (&self.pools.runs, block.addr());
        let given = match runs.region().locate(address) {
            Some((first, 0)) => runs.lock().give(first, self.class.pages()).is_ok(),
            _ => false,
        };
        if !given {
            self.misuse(address, runs.what_is(address));
        }
    }

    #[cold]
    fn misuse(&self, address: usize, found: Found) -> ! {
        Misuse { address, claimed: Claimed::Small(self.class), found }.report()
    }
}

/// Calls `act` with the start and length of each span of ones.
fn spans(bits: u64, mut act: impl FnMut(u32, u32)) {
    let (mut bits, mut at) = (bits, 0);
    while bits != 0 {
        let zeros = bits.trailing_zeros();
        at += zeros;
        bits >>= zeros;
        let ones = bits.trailing_ones();
        act(at, ones);
        at += ones;
        bits = bits.checked_shr(ones).unwrap_or(0);
    }
}

impl fmt::Debug for PoolGuard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolGuard")
            .field("class", &self.class)
            .field("state", self.state)
            .finish_non_exhaustive()
    }
}
