//! Floor 5: each thread's short stacks of free blocks.
//!
//! A thread's magazines lie together in a *cache*, a record of the region. Its *seat*, in the thread's own storage,
//! points there. Taking a block is a pop and giving one is a push, without an atomic read-modify-write, a lock or a
//! look at the block; everything else is a miss, and all misses come through here: a magazine that is empty, full,
//! not there yet or not there any more simply has nothing to pop and no room to push.
//!
//! A magazine's blocks count as taken in their pool. A miss exchanges many of them at once under the pool's lock.

mod cache;
mod exchange;
mod offsets;
mod seat;
mod seats;

use core::fmt;

use crate::pools::Pools;
use crate::region::{Placed, Table, Zone};
use crate::sync::{Lock, Word32, Word64};

pub(crate) use cache::Cache;
#[cfg(feature = "c-face")]
pub(crate) use cache::Magazine;
#[cfg(feature = "c-face")]
pub(crate) use offsets::C_GRAIN;
pub(crate) use offsets::{LABELS, MagazineAt, capacity};
pub(crate) use seat::Seat;
#[cfg(feature = "c-face")]
pub(crate) use seats::global_magazine;
pub(crate) use seats::{GLOBAL_SEAT, NO_SEAT, SEATS, with_seat};

/// The most threads that have magazines at one time; further ones go straight to the pools.
pub(crate) const CACHES_MAX: u32 = 4096;

/// What the header holds of the caches, under the registry's lock.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct CachesState {
    /// Caches below this have been used.
    pub(crate) high: Word32,
    /// First of the caches without a thread, linked by their `next`; as one more, 0 for none.
    pub(crate) spare: Word32,
    /// The base of the region when the addresses in the magazines were written.
    pub(crate) base: Word64,
}

/// The magazines of all threads in one heap.
///
/// The registry's lock says who sits where: a seat is taken, left, or emptied by another thread under it. It comes
/// before the locks of the pools.
pub(crate) struct Magazines {
    pools: Pools,
    registry: Lock,
    state: Placed<CachesState>,
    caches: Table<Cache>,
}

impl Magazines {
    /// # Safety
    /// `state` lies in the region of `pools`; it and the zone of caches hold what [`Magazines`] wrote, or zeros.
    pub(crate) unsafe fn new(pools: Pools, state: Placed<CachesState>) -> Self {
        // SAFETY: caches are made of atomic integers, for which any bytes are valid.
        let caches = unsafe { pools.runs().region().table(Zone::Caches) };
        Self { pools, registry: Lock::new(), state, caches }
    }

    pub(crate) fn pools(&self) -> &Pools {
        &self.pools
    }

    pub(crate) fn state(&self) -> &CachesState {
        &self.state
    }

    /// The lock itself, for a fork and for the counts.
    pub(crate) fn registry(&self) -> &Lock {
        &self.registry
    }

    /// The caches that have been used, with their threads or without.
    pub(crate) fn caches(&self) -> impl Iterator<Item = &Cache> {
        (0..self.state.high.get() as usize).map(|index| self.caches.at(index))
    }
}

impl fmt::Debug for Magazines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Magazines").field("pools", &self.pools).finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
