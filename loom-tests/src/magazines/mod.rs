//! The real magazines, over a stand-in for the region's records and for the threads' own storage.

#[path = "../../../src/magazines/cache.rs"]
mod cache;
#[path = "../../../src/magazines/exchange.rs"]
mod exchange;
#[path = "../../../src/magazines/offsets.rs"]
mod offsets;
#[path = "../../../src/magazines/seat.rs"]
mod seat;
mod seats;

use crate::pools::Pools;
use crate::region::Table;
use crate::sync::{Lock, Word32, Word64};

pub(crate) use cache::{Cache, Magazine};
pub(crate) use offsets::{MagazineAt, capacity};
pub(crate) use seat::Seat;
pub(crate) use seats::nobody;

pub(crate) struct CachesState {
    high: Word32,
    spare: Word32,
    base: Word64,
}

pub(crate) struct Magazines {
    pools: Pools,
    registry: Lock,
    state: CachesState,
    caches: Table<Cache>,
}

impl Magazines {
    /// Magazines for so many threads over a pool of so many blocks.
    pub(crate) fn new(threads: usize, blocks: usize) -> Self {
        seats::furnish();
        Self {
            pools: Pools::new(blocks),
            registry: Lock::new(),
            state: CachesState { high: Word32::new(0), spare: Word32::new(0), base: Word64::new(0) },
            caches: Table::new((0..threads).map(|_| Cache::new()).collect()),
        }
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }

    pub(crate) fn registry(&self) -> &Lock {
        &self.registry
    }

    pub(crate) fn caches(&self) -> impl Iterator<Item = &Cache> {
        (0..self.state.high.get() as usize).map(|index| self.caches.at(index))
    }
}

impl Cache {
    /// For takers and exits that a model gets wrong on purpose.
    pub(crate) fn drained(&self) -> Vec<*mut u8> {
        let mut blocks = Vec::new();
        self.drain(&mut |_, block| blocks.push(block.as_ptr()));
        blocks
    }

    /// As above.
    pub(crate) fn taken_below_tops(&self) -> Vec<*mut u8> {
        let mut blocks = Vec::new();
        self.take_below_tops(&mut |_, block| blocks.push(block.as_ptr()));
        blocks
    }
}
