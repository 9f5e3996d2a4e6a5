//! A heap of a few blocks for a few threads, which knows at any time who owns what.

use std::sync::Arc;

use loom::cell::UnsafeCell;
use loom::thread::{self, JoinHandle};

use crate::magazines::{Cache, Magazine, MagazineAt, Magazines, Seat, capacity, nobody};
use crate::pools::number;
use crate::primitive;
use crate::units::Class;

/// As many slots as a magazine of the models has.
pub(super) const SLOTS: usize = ROOM as usize;
const ROOM: u32 = capacity(0);

pub(super) struct Heap {
    pub(super) magazines: Magazines,
    /// Every thread's own; a model uses one only in its thread, or before that starts and after it ends.
    seats: Vec<Seat>,
    /// What the blocks hold: whether somebody has them. Loom refuses an access that is not after the last owner's.
    owned: Vec<UnsafeCell<bool>>,
}

// SAFETY: the seats and magazines are atomic, and loom watches the cells.
unsafe impl Sync for Heap {}
// SAFETY: nothing in it belongs to a thread.
unsafe impl Send for Heap {}

impl Heap {
    /// A heap of so many blocks with so many threads, all of which have their caches. One more thread has a seat but no
    /// cache, and there is none for it until another thread leaves.
    pub(super) fn new(threads: usize, blocks: usize) -> Arc<Self> {
        primitive::watch_stores(false);
        let magazines = Magazines::new(threads, blocks);
        let seats: Vec<_> = (0..=threads).map(|_| Seat::new(nobody())).collect();
        let heap = Self { magazines, seats, owned: (0..blocks).map(|_| UnsafeCell::new(false)).collect() };
        heap.seats[..threads].iter().for_each(|seat| heap.magazines.sit(seat));
        Arc::new(heap)
    }

    pub(super) fn seat(&self, thread: usize) -> &Seat {
        &self.seats[thread]
    }

    /// The cache of a thread that has one.
    pub(super) fn cache(&self, thread: usize) -> &Cache {
        // SAFETY: caches live as long as the heap.
        unsafe { &*self.seat(thread).own() }
    }

    /// The magazine through which this thread's pops and pushes go at this moment.
    fn fast(&self, thread: usize) -> Magazine<'_> {
        primitive::struck();
        // SAFETY: a seat points at the empty cache or at one of the heap's.
        only(unsafe { &*self.seat(thread).fast() })
    }

    /// A block for this thread, as the heap finds it: from the magazine, or after a miss.
    pub(super) fn alloc(&self, thread: usize) -> Option<*mut u8> {
        let popped = self.fast(thread).pop();
        let found = popped.or_else(|| self.magazines.take(self.seat(thread), Class::ONLY))?.as_ptr();
        self.own(found, true);
        Some(found)
    }

    /// A block from the pool, past all magazines.
    pub(super) fn alloc_directly(&self) -> *mut u8 {
        let found = self.magazines.take_directly(Class::ONLY).expect("a block in the pool").as_ptr();
        self.own(found, true);
        found
    }

    /// Takes a block back from this thread.
    pub(super) fn free(&self, thread: usize, block: *mut u8) {
        self.own(block, false);
        if !self.fast(thread).push(block) {
            self.magazines.give(self.seat(thread), Class::ONLY, block);
        }
    }

    /// Writes into a block that somebody has it now, or no longer.
    fn own(&self, block: *mut u8, owned: bool) {
        self.owned[number(block)].with_mut(|cell| {
            // SAFETY: loom fails the model if another thread is there, or was and nothing came between.
            let cell = unsafe { &mut *cell };
            assert_eq!(*cell, !owned, "block {} has two owners", number(block));
            *cell = owned;
        });
    }

    /// Fills the magazine of this thread, which has not started, with so many blocks and opens all of its slots.
    pub(super) fn fill(&self, thread: usize, blocks: usize) {
        let magazine = only(self.cache(thread));
        magazine.set_room(ROOM);
        for _ in 0..blocks {
            let block = self.magazines.take_directly(Class::ONLY).expect("enough blocks in the pool");
            assert!(magazine.push(block.as_ptr()));
        }
    }

    /// Runs `act` in a thread of its own.
    pub(super) fn spawn<R: 'static>(
        self: &Arc<Self>,
        act: impl FnOnce(&Self) -> R + 'static,
    ) -> JoinHandle<R> {
        let heap = Arc::clone(self);
        thread::spawn(move || act(&heap))
    }

    /// The blocks in the caches and in the pool, as a copy of the memory made at this moment shows them. The caller has
    /// locked the pool.
    pub(super) fn copied(&self) -> Vec<usize> {
        let caches = self.magazines.caches().flat_map(|cache| only(cache).copied());
        let held = caches.filter(|block| !block.is_null()).map(number);
        let mut shown: Vec<_> = held.chain(self.magazines.pools().free_blocks()).collect();
        shown.sort_unstable();
        shown
    }

    /// Fails unless each block but those in `hand` is in one place. All threads have ended.
    pub(super) fn assert_whole(&self, hand: impl IntoIterator<Item = *mut u8>) {
        let _pool = self.magazines.pools().lock(Class::ONLY);
        let mut found = self.copied();
        found.extend(hand.into_iter().map(number));
        found.sort_unstable();
        let all: Vec<_> = (0..self.owned.len()).collect();
        assert_eq!(found, all, "blocks were lost, or are in two places");
    }
}

/// The magazine of a cache.
pub(super) fn only(cache: &Cache) -> Magazine<'_> {
    cache.magazine(MagazineAt::of_class(Class::ONLY))
}
