//! Floor 4: for each size class a pool of slabs, with a bitmap of free blocks each.
//!
//! A slab belongs to its pool, never to a thread. Blocks are handed out in address order, so that what is allocated
//! together lies together, whatever the order it was freed in. Nothing is written into a free block.
//!
//! Each pool has a lock; the lock of the runs is taken inside of it where a slab comes or goes.
//!
//! 1. The pool's list holds exactly the slabs that have a free block.
//! 2. A slab's count of free blocks is the number of bits set in its bitmap.
//! 3. A block whose bit is clear has an owner: a caller, or a magazine.
//! 4. Where the limit or the region leaves no room for a slab, a block may be a run of its own; it comes back as one.
//! 5. A free block's page may be untouched, or given back to the system, only if the slab has holes; its touched bit
//!    says so.

mod chance;
mod guard;
mod slab;
mod slabs;
mod strip;

use core::fmt;
use core::mem::MaybeUninit;

use crate::misuse::Found;
use crate::region::{Placed, Zone, prefetch};
use crate::runs::{Kind, Runs, Tag};
use crate::sync::{Lock, Word32, Word64};
use crate::units::{CLASSES, Class, PAGE, PAGE_SHIFT, Page, low32, shape};

use chance::Chance;
pub(crate) use guard::PoolGuard;
pub(crate) use slab::{Slab, Spot};
pub(crate) use slabs::{Slabs, SlabsState};
use strip::Strip;

/// What a pool keeps in the image's header, on a line of its own.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct PoolState {
    /// First and last slab of the list, as one more than their numbers; 0 for none.
    pub(crate) head: Word32,
    pub(crate) tail: Word32,
    pub(crate) slabs: Word32,
    /// Slabs all of whose blocks are free.
    pub(crate) empty: Word32,
    pub(crate) free: Word64,
    /// Blocks handed out so far, to magazines as well as to callers.
    pub(crate) taken: Word64,
}

/// How many blocks are given back under one taking of the lock, at the most.
pub(crate) const BATCH: usize = 64;

/// Where a block lies: the number of its slab and the distance from the start of the slab's run, in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place(u64);

impl Place {
    /// In no slab: no slab has this number, for which there is no room beside its own pages.
    const NOWHERE: Self = Self((u32::MAX as u64) << 32);

    #[inline]
    fn slab(self) -> u32 {
        low32((self.0 >> 32) as usize)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the lower half")]
    fn distance(self) -> u32 {
        self.0 as u32
    }
}

/// The pools of one heap.
pub(crate) struct Pools {
    runs: Runs,
    slabs: Slabs,
    states: Placed<[PoolState; CLASSES]>,
    locks: [Lock; CLASSES],
    chance: Chance,
    /// What the magazine of each class is called.
    labels: &'static Labels,
}

/// What the tags of a class's slabs say for those who know an address and nothing else.
pub(crate) type Labels = [u16; CLASSES];

impl Pools {
    /// # Safety
    /// `states` and `slabs` lie in the region of `runs`; they and its table of slabs hold what [`Pools`] wrote, or
    /// zeros.
    pub(crate) unsafe fn new(
        runs: Runs,
        states: Placed<[PoolState; CLASSES]>,
        slabs: Placed<SlabsState>,
        labels: &'static Labels,
    ) -> Self {
        // SAFETY: slabs are made of atomic integers, for which any bytes are valid.
        let table = unsafe { runs.region().table(Zone::Slabs) };
        Self {
            slabs: Slabs::new(slabs, table),
            runs,
            states,
            locks: [const { Lock::new() }; CLASSES],
            chance: Chance::new(),
            labels,
        }
    }

    /// What the magazine of a class is called.
    pub(crate) fn label(&self, class: Class) -> u16 {
        self.labels[class.index()]
    }

    pub(crate) fn runs(&self) -> &Runs {
        &self.runs
    }

    pub(crate) fn slabs(&self) -> &Slabs {
        &self.slabs
    }

    fn chance(&self) -> &Chance {
        &self.chance
    }

    /// The pool of `class` for oneself.
    #[inline]
    pub(crate) fn lock(&self, class: Class) -> PoolGuard<'_> {
        PoolGuard::new(self, class, self.locks[class.index()].lock())
    }

    /// The locks themselves, for a fork and for the counts.
    pub(crate) fn raw_locks(&self) -> &[Lock; CLASSES] {
        &self.locks
    }

    /// What the header holds of a pool. Read without its lock, the words may not fit each other.
    pub(crate) fn state(&self, class: Class) -> &PoolState {
        &self.states[class.index()]
    }

    /// Takes back blocks of `class`, all of them allocated. Where they lie is found out first, and the records of their
    /// slabs are asked for, so that the lock is held for as short a time as can be.
    pub(crate) fn give(&self, class: Class, blocks: &[*mut u8]) {
        let ((first, tags), slabs) = (self.runs.tags(), self.slabs.used());
        let place = |block: *mut u8| {
            let distance = block.addr().wrapping_sub(first);
            match tags.get(distance >> PAGE_SHIFT).map(|tag| Tag::from_bits(tag.get())) {
                Some(tag) if tag.is(Kind::Slab) => {
                    prefetch(slabs.as_ptr().wrapping_add(tag.slab_id() as usize));
                    Place(tag.place(distance % PAGE))
                }
                _ => Place::NOWHERE,
            }
        };
        for blocks in blocks.chunks(BATCH) {
            let strip = Strip::first_of(blocks.len(), shape(class).stride, |at| blocks[at].addr() as u64);
            if strip.len() == blocks.len() && self.lock(class).give_strip(slabs, place(blocks[0]), strip) {
                continue;
            }
            let mut places = [const { MaybeUninit::uninit() }; BATCH];
            for (at, block) in places.iter_mut().zip(blocks) {
                at.write(place(*block));
            }
            // SAFETY: as many places were written as there are blocks.
            let places = unsafe { places[..blocks.len()].assume_init_ref() };
            self.lock(class).give(blocks, places);
        }
    }

    /// The slab in which `address` lies, and the distance from the start of its run.
    ///
    /// For a block that the caller has allocated the answer stays true without a lock.
    #[inline]
    pub(crate) fn locate(&self, address: usize) -> Option<(u32, u32)> {
        let (page, rest) = self.runs.region().locate(address)?;
        let tag = self.runs.tag(page);
        tag.is(Kind::Slab).then(|| (tag.slab_id(), (tag.index() << PAGE_SHIFT) + rest))
    }

    /// What `address` points at, for a message.
    pub(crate) fn what_is(&self, address: usize) -> Found {
        let Some((id, distance)) = self.locate(address) else { return self.runs.what_is(address) };
        let slab = self.slabs.at(id);
        let Some(class) = slab.class().filter(|_| slab.is_marked(id)) else {
            return Found::DamagedSlab { slab: id };
        };
        match slab.spot(shape(class), distance) {
            Spot::Start(block) if slab.is_free(block) => Found::FreeBlock { class, slab: id },
            Spot::Start(_) => Found::Block { class, slab: id },
            Spot::Elsewhere => Found::InsideBlock { class, slab: id },
        }
    }

    /// The address of block `block` of this slab.
    pub(crate) fn block_start(&self, slab: &Slab, stride: u32, block: u32) -> *mut u8 {
        let start: Page = slab.first();
        self.runs
            .region()
            .page_start(start)
            .wrapping_add(slab.colour() as usize + block as usize * stride as usize)
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools").field("runs", &self.runs).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
