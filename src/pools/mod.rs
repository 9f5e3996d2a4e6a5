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

use core::fmt;

use crate::misuse::Found;
use crate::region::{Placed, Zone};
use crate::runs::{Kind, Runs};
use crate::sync::{Lock, Word32, Word64};
use crate::units::{CLASSES, Class, PAGE, PAGE_SHIFT, Page, low32, shape};

use chance::Chance;
pub(crate) use guard::PoolGuard;
pub(crate) use slab::{Slab, Spot};
pub(crate) use slabs::{Slabs, SlabsState};

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
    const NOWHERE: Self = Self::new(u32::MAX, 0);

    #[inline]
    const fn new(slab: u32, distance: u32) -> Self {
        Self((slab as u64) << 32 | distance as u64)
    }

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

/// Blocks in a row that lie one after the other, upward or downward: what is allocated together is often freed together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strip {
    /// Where the first of them lies.
    place: Place,
    /// Its number in the row.
    at: usize,
    len: u32,
    down: bool,
}

impl Strip {
    const NONE: Self = Self { place: Place::NOWHERE, at: 0, len: 0, down: false };
}

/// The pools of one heap.
pub(crate) struct Pools {
    runs: Runs,
    slabs: Slabs,
    states: Placed<[PoolState; CLASSES]>,
    locks: [Lock; CLASSES],
    chance: Chance,
}

impl Pools {
    /// # Safety
    /// `states` and `slabs` lie in the region of `runs`; they and its table of slabs hold what [`Pools`] wrote, or
    /// zeros.
    pub(crate) unsafe fn new(
        runs: Runs,
        states: Placed<[PoolState; CLASSES]>,
        slabs: Placed<SlabsState>,
    ) -> Self {
        // SAFETY: slabs are made of atomic integers, for which any bytes are valid.
        let table = unsafe { runs.region().table(Zone::Slabs) };
        Self {
            slabs: Slabs::new(slabs, table),
            runs,
            states,
            locks: [const { Lock::new() }; CLASSES],
            chance: Chance::new(),
        }
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
        for blocks in blocks.chunks(BATCH) {
            let mut strips = [Strip::NONE; BATCH];
            let count = self.strips(shape(class).stride as usize, blocks, &mut strips);
            self.lock(class).give(blocks, &strips[..count]);
        }
    }

    /// Divides blocks into strips; says how many there are.
    #[inline]
    fn strips(&self, stride: usize, blocks: &[*mut u8], strips: &mut [Strip; BATCH]) -> usize {
        let (first, bytes) = self.runs.region().pages_span();
        let (mut at, mut count) = (0, 0);
        while let Some(block) = blocks.get(at) {
            let start = block.addr();
            let follow = |step: usize| {
                let next = (1..).map(|index: usize| start.wrapping_add(index.wrapping_mul(step)));
                1 + blocks[at + 1..]
                    .iter()
                    .zip(next)
                    .take_while(|(block, next)| block.addr() == *next)
                    .count()
            };
            let (mut len, mut down) = (follow(stride), false);
            if len == 1 {
                len = follow(stride.wrapping_neg());
                down = len > 1;
            }
            let distance = start.wrapping_sub(first);
            let place = if distance < bytes { self.place(distance) } else { Place::NOWHERE };
            strips[count] = Strip { place, at, len: low32(len), down };
            count += 1;
            at += len;
        }
        count
    }

    /// Where the block lies that starts `distance` bytes after the first page.
    #[inline]
    fn place(&self, distance: usize) -> Place {
        let tag = self.runs.tag(Page(low32(distance >> PAGE_SHIFT)));
        if !tag.is(Kind::Slab) {
            return Place::NOWHERE;
        }
        self.slabs.prefetch(tag.slab_id());
        Place::new(tag.slab_id(), tag.index() << PAGE_SHIFT | low32(distance % PAGE))
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
