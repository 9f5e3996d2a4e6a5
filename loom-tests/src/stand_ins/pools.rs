//! A pool of a few blocks behind the real lock. Loom refuses any access to its bits that the lock does not order.

use loom::cell::UnsafeCell;

use super::misuse::Found;
use super::region::Region;
use super::units::{CLASSES, Class};
use crate::planted::{self, Bug};
use crate::sync::{Held, Lock};

/// More than any magazine holds.
pub(crate) const BATCH: usize = 8;

/// Where the first block would lie. Nobody reads what is there.
const FIRST: usize = 0x1000;
const STRIDE: usize = 16;

/// The block with this number.
pub(crate) fn block(number: usize) -> *mut u8 {
    std::ptr::without_provenance_mut(FIRST + number * STRIDE)
}

/// The number of a block.
pub(crate) fn number(block: *mut u8) -> usize {
    (block.addr() - FIRST) / STRIDE
}

pub(crate) struct Pools {
    runs: Runs,
    slabs: Slabs,
    lock: Lock,
    /// Which of the blocks are free.
    free: UnsafeCell<Vec<bool>>,
}

impl Pools {
    /// A pool with so many blocks, all of them free.
    pub(crate) fn new(blocks: usize) -> Self {
        Self {
            runs: Runs(Region),
            slabs: Slabs,
            lock: Lock::new(),
            free: UnsafeCell::new(vec![true; blocks]),
        }
    }

    pub(crate) fn lock(&self, class: Class) -> PoolGuard<'_> {
        assert_eq!(class, Class::ONLY);
        PoolGuard { pools: self, _held: (!planted::is(Bug::OpenPools)).then(|| self.lock.lock()) }
    }

    pub(crate) fn raw_locks(&self) -> [&Lock; CLASSES] {
        [&self.lock]
    }

    /// The blocks that are free; the caller has locked the pools.
    pub(crate) fn free_blocks(&self) -> Vec<usize> {
        // SAFETY: loom fails the model if anybody changes the bits meanwhile.
        self.free
            .with(|free| unsafe { &*free }.iter().enumerate().filter(|bit| *bit.1).map(|bit| bit.0).collect())
    }

    pub(crate) fn runs(&self) -> &Runs {
        &self.runs
    }

    pub(crate) fn slabs(&self) -> &Slabs {
        &self.slabs
    }

    pub(crate) fn give(&self, class: Class, blocks: &[*mut u8]) {
        self.lock(class).give(blocks.iter().copied());
    }

    pub(crate) fn what_is(&self, _: usize) -> Found {
        Found
    }
}

pub(crate) struct PoolGuard<'a> {
    pools: &'a Pools,
    _held: Option<Held<'a>>,
}

impl PoolGuard<'_> {
    /// Hands over first and clears the bits then, as the real one does.
    pub(crate) fn take(&self, count: u32, mut accept: impl FnMut(*mut u8)) -> u32 {
        self.pools.free.with_mut(|free| {
            // SAFETY: loom fails the model if anybody looks at the bits meanwhile.
            let free = unsafe { &mut *free };
            let mut taken = 0;
            for (number, bit) in free.iter_mut().enumerate().filter(|(_, bit)| **bit).take(count as usize) {
                accept(block(number));
                *bit = false;
                taken += 1;
            }
            taken
        })
    }

    /// There is no room for a run either.
    pub(crate) fn take_run(&self) -> Option<*mut u8> {
        None
    }

    pub(crate) fn give(&self, blocks: impl Iterator<Item = *mut u8>) {
        self.pools.free.with_mut(|free| {
            // SAFETY: as in `take`.
            let free = unsafe { &mut *free };
            for block in blocks {
                let bit = &mut free[number(block)];
                assert!(!*bit, "block {} given twice", number(block));
                *bit = true;
            }
        });
    }
}

pub(crate) struct Slabs;

impl Slabs {
    pub(crate) fn prefetch(&self, _: u32) {}
}

/// There are none.
pub(crate) struct Runs(Region);

pub(crate) struct Taken {
    pub(crate) first: u32,
    pub(crate) zero: bool,
}

impl Runs {
    pub(crate) fn region(&self) -> &Region {
        &self.0
    }

    pub(crate) fn lock(&self) -> &Self {
        self
    }

    pub(crate) fn take(&self, _: u32, _: usize) -> Option<Taken> {
        None
    }

    pub(crate) fn give(&self, _: u32, _: u32) -> Result<(), ()> {
        Err(())
    }
}
