//! What happens on a miss, and when threads come, go, sleep or vanish.
//!
//! 1. A block leaves its magazine before it enters its pool, and leaves its pool before it enters a magazine. So a copy
//!    of the heap made at any moment, by a `fork` or a capture, may miss a block, but never shows one twice.

use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};

use super::cache::Miss;
use super::seats::{nobody, watched};
use super::{Cache, MagazineAt, Magazines, Seat, capacity};
use crate::misuse::{Claimed, Misuse};
use crate::pools::BATCH;
use crate::region::{Zone, prefetch};
use crate::sync::{Ordering, heavy_barrier};
use crate::units::{CLASSES, Class, RunClass};

/// The pages of runs that one thread's magazines may hold together: 4 MiB.
const RUN_PAGES_HELD: u32 = 1024;

impl Magazines {
    /// A block of `class` for a thread whose magazine has none.
    pub(crate) fn take(&self, seat: &Seat, class: Class) -> Option<NonNull<u8>> {
        match seat.with_own(&self.registry, |cache| self.take_into(cache, class)) {
            Some(block) => block,
            None => self.take_directly(class),
        }
    }

    fn take_into(&self, cache: &Cache, class: Class) -> Option<NonNull<u8>> {
        let magazine = cache.magazine(MagazineAt::of_class(class));
        if let Some(block) = magazine.pop() {
            return Some(block);
        }
        let streak = cache.note_miss(class.index(), Miss::Take);
        let room = cache.widen(class.index());
        let want = if streak { room } else { room.div_ceil(2) };
        let mut blocks = Blocks::new();
        // The caller is about to write to these blocks, which may have been idle for long.
        self.pools.lock(class).take(want, |block| {
            prefetch(block);
            blocks.push(block);
        });
        magazine.fill(blocks.as_slice());
        magazine.pop().or_else(|| self.take_directly(class))
    }

    /// A block of `class` for a thread without magazines.
    pub(crate) fn take_directly(&self, class: Class) -> Option<NonNull<u8>> {
        let (mut found, pool) = (None, self.pools.lock(class));
        pool.take(1, |block| found = NonNull::new(block));
        found.or_else(|| pool.take_run().and_then(NonNull::new))
    }

    /// Takes back a block of `class` from a thread whose magazine has no room.
    pub(crate) fn give(&self, seat: &Seat, class: Class, block: *mut u8) {
        if seat.with_own(&self.registry, |cache| self.give_into(cache, class, block)).is_none() {
            self.give_directly(class, block);
        }
    }

    fn give_into(&self, cache: &Cache, class: Class, block: *mut u8) {
        let magazine = cache.magazine(MagazineAt::of_class(class));
        if magazine.push(block) {
            return;
        }
        let streak = cache.note_miss(class.index(), Miss::Give);
        let room = magazine.room();
        if cache.widen(class.index()) == room {
            let count = magazine.count();
            let gone = if streak { count } else { count.div_ceil(2) };
            let mut blocks = Blocks::new();
            magazine.oldest(gone).for_each(|block| blocks.push(block));
            magazine.drop_oldest(gone);
            self.pools.give(class, blocks.as_slice());
        }
        let pushed = magazine.push(block);
        debug_assert!(pushed);
    }

    /// Takes back a block of `class` from a thread without magazines.
    pub(crate) fn give_directly(&self, class: Class, block: *mut u8) {
        self.pools.give(class, &[block]);
    }

    /// A run of `class` out of this thread's magazines.
    #[inline]
    pub(crate) fn pop_run(&self, seat: &Seat, class: RunClass) -> Option<NonNull<u8>> {
        let held = seat.with_own(&self.registry, |cache| {
            let block = cache.magazine(MagazineAt::of_run(class)).pop()?;
            cache.run_pages.sub(class.pages());
            Some(block)
        });
        held.flatten()
    }

    /// Puts a run of `class` into this thread's magazines, if there is room.
    #[inline]
    pub(crate) fn push_run(&self, seat: &Seat, class: RunClass, block: *mut u8) -> bool {
        let held = seat.with_own(&self.registry, |cache| {
            let pages = cache.run_pages.get() + class.pages();
            let kept = pages <= RUN_PAGES_HELD && cache.magazine(MagazineAt::of_run(class)).push(block);
            if kept {
                cache.run_pages.set(pages);
            }
            kept
        });
        held == Some(true)
    }

    /// A run of its own; whether it reads as zero.
    pub(crate) fn take_pages(&self, pages: u32, align: usize) -> Option<(NonNull<u8>, bool)> {
        let runs = self.pools.runs();
        let taken = runs.lock().take(pages, align)?;
        NonNull::new(runs.region().page_start(taken.first)).map(|start| (start, taken.zero))
    }

    /// Takes back a run of `class` that [`Magazines::push_run`] found no room for.
    pub(crate) fn give_run(&self, seat: &Seat, class: RunClass, block: *mut u8) {
        seat.with_own(&self.registry, |cache| {
            cache.magazine(MagazineAt::of_run(class)).set_room(capacity(CLASSES + class.index()));
            if cache.run_pages.get() + class.pages() > RUN_PAGES_HELD {
                self.drain_runs(cache);
            }
        });
        if !self.push_run(seat, class, block) {
            self.give_pages(class.pages(), block);
        }
    }

    /// Takes back a run of `pages` pages.
    pub(crate) fn give_pages(&self, pages: u32, block: *mut u8) {
        let (runs, address) = (self.pools.runs(), block.addr());
        let given = match runs.region().locate(address) {
            Some((first, 0)) => runs.lock().give(first, pages).is_ok(),
            _ => false,
        };
        if !given {
            Misuse { address, claimed: Claimed::Pages(pages), found: self.pools.what_is(address) }.report();
        }
    }

    fn drain_runs(&self, cache: &Cache) {
        cache.run_pages.set(0);
        for (index, magazine) in cache.magazines().skip(CLASSES) {
            while let Some(block) = magazine.pop() {
                self.give_by_index(index, block.as_ptr());
            }
        }
    }

    /// Takes back a block of the magazine with this number.
    fn give_by_index(&self, index: usize, block: *mut u8) {
        if let Some(class) = Class::from_index(index) {
            self.give_directly(class, block);
        } else if let Some(class) = RunClass::from_index(index - CLASSES) {
            self.give_pages(class.pages(), block);
        }
    }

    /// Finds the thread of this seat a cache; without a spare one, and with no room for another, it goes without.
    pub(crate) fn sit(&self, seat: &Seat) {
        let _registry = self.registry.lock();
        let index = match self.state.spare.get().checked_sub(1) {
            Some(spare) => {
                self.state.spare.set(self.caches.at(spare as usize).next.get());
                spare
            }
            None => {
                let high = self.state.high.get();
                let entries = high as usize + 1;
                if entries > self.caches.len()
                    || self.pools.runs().region().ensure(Zone::Caches, entries * size_of::<Cache>()).is_err()
                {
                    return;
                }
                self.state.high.set(high + 1);
                high
            }
        };
        let cache = self.caches.at(index as usize);
        cache.seat.store(ptr::from_ref(seat).cast_mut(), Ordering::Relaxed);
        seat.sit(ptr::from_ref(cache).cast_mut());
    }

    /// Empties the cache of this thread, which is about to end, and lets others have it.
    pub(crate) fn leave(&self, seat: &Seat) {
        // Nobody but the thread itself sits down.
        if seat.own().is_null() {
            return;
        }
        let _registry = self.registry.lock();
        // SAFETY: the cache that a seat names stays mapped until the seat leaves it, below.
        let Some(cache) = (unsafe { seat.own().as_ref() }) else { return };
        seat.leave(nobody());
        self.retire(cache);
    }

    /// Empties a cache without an owner and lets others have it; the caller holds the registry's lock.
    fn retire(&self, cache: &Cache) {
        self.drain(cache);
        self.spare(cache);
    }

    /// Lets others have a cache that is empty; the caller holds the registry's lock.
    fn spare(&self, cache: &Cache) {
        cache.seat.store(ptr::null_mut(), Ordering::Relaxed);
        cache.set_busy(false);
        cache.next.set(self.state.spare.get());
        self.state.spare.set(self.index_of(cache) + 1);
    }

    fn index_of(&self, cache: &Cache) -> u32 {
        let distance = ptr::from_ref(cache).addr() - ptr::from_ref(self.caches.at(0)).addr();
        crate::units::low32(distance / size_of::<Cache>())
    }

    fn drain(&self, cache: &Cache) {
        let mut batch = Batch::new(self);
        cache.drain(&mut |index, block| batch.add(index, block.as_ptr()));
        batch.flush();
    }

    /// Takes from the caches of threads what they do not need: all of it from those that had next to no miss since the
    /// last look, or from every one with `even_busy`.
    pub(crate) fn take_idle(&self, own: &Seat, even_busy: bool) {
        if even_busy || self.is_idle(own) {
            self.flush_own(own);
        }
        let _registry = self.registry.lock();
        for cache in self.caches() {
            let seat = cache.seat.load(Ordering::Relaxed);
            // SAFETY: a seat outlives its thread's stay in the registry, whose lock is held.
            let Some(seat) = (unsafe { seat.as_ref() }) else { continue };
            let idle = cache.is_idle();
            if ptr::eq(seat, own) || !(idle || even_busy) || !seat.evict(nobody()) {
                continue;
            }
            let mut batch = Batch::new(self);
            cache.take_below_tops(&mut |index, block| batch.add(index, block.as_ptr()));
            batch.flush();
        }
    }

    /// Has this thread miss with each of its next `requests` requests.
    pub(crate) fn watch(&self, seat: &Seat, requests: u32) {
        seat.watch(requests, watched());
    }

    fn is_idle(&self, own: &Seat) -> bool {
        own.with_own(&self.registry, Cache::is_idle).unwrap_or(false)
    }

    /// Empties this thread's own magazines.
    pub(crate) fn flush_own(&self, seat: &Seat) {
        seat.with_own(&self.registry, |cache| self.drain(cache));
    }

    /// Waits until blocks that were on their way from a magazine to its pool have arrived there; others may have set out meanwhile.
    pub(crate) fn settle(&self) {
        // Who leaves, or is evicted, does so under the lock.
        drop(self.registry.lock());
        heavy_barrier();
        for cache in self.caches() {
            while !cache.seat.load(Ordering::Relaxed).is_null() && cache.is_busy() {
                std::thread::yield_now();
            }
        }
    }

    /// In the child of a `fork`: only the thread of seat `own` came along. The others' magazines are emptied.
    ///
    /// The other threads stopped between two instructions of a pop, a push or a miss. A block that was on its way is
    /// lost to the child, but none is in two places.
    pub(crate) fn adopt_orphans(&self, own: &Seat) {
        let _registry = self.registry.lock();
        for cache in self.caches() {
            let seat = cache.seat.load(Ordering::Relaxed);
            if seat.is_null() || ptr::eq(seat, own) {
                continue;
            }
            self.retire(cache);
        }
    }

    /// Where a block lies now whose address was put into a magazine when the region lay at the recorded base.
    pub(crate) fn here(&self, address: usize) -> usize {
        let base = self.pools.runs().region().base().as_ptr().addr();
        #[allow(clippy::cast_possible_truncation, reason = "addresses have 64 bits")]
        let written = self.state.base.get() as usize;
        base.wrapping_add(address.wrapping_sub(written))
    }

    /// Empties all caches of an image just taken up, whose threads are gone, and makes them spare.
    ///
    /// No magazine says that it holds more than it can. `can_be_given` says of each block, with its magazine's number, whether
    /// it is to be given back, and of an image that is damaged what is wrong: then this ends, and the image is not to be used.
    pub(crate) fn take_up<E>(
        &self,
        can_be_given: impl Fn(usize, NonNull<u8>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let _registry = self.registry.lock();
        self.state.spare.set(0);
        let base = self.pools.runs().region().base().as_ptr();
        for cache in self.caches() {
            let mut done = Ok(());
            cache.take_out(&mut |index, block| {
                let distance = self.here(block.as_ptr().addr()).wrapping_sub(base.addr());
                let Some(block) = NonNull::new(base.wrapping_add(distance)).filter(|_| done.is_ok()) else {
                    return;
                };
                match can_be_given(index, block) {
                    Ok(true) => self.give_by_index(index, block.as_ptr()),
                    Ok(false) => {}
                    Err(wrong) => done = Err(wrong),
                }
            });
            done?;
            self.spare(cache);
        }
        self.state.base.set(base.addr() as u64);
        Ok(())
    }

    /// Takes the caches of an image from the threads that had them, which are of another process. What lies in them stays.
    pub(crate) fn disown_all(&self) {
        let _registry = self.registry.lock();
        for cache in self.caches() {
            cache.seat.store(ptr::null_mut(), Ordering::Relaxed);
            cache.set_busy(false);
        }
    }

    /// Makes every seat of this heap forget it; its owner has it for itself and is about to close it.
    pub(crate) fn unseat_all(&self) {
        let _registry = self.registry.lock();
        for cache in self.caches() {
            let seat = cache.seat.load(Ordering::Relaxed);
            // SAFETY: a seat outlives its thread's stay in the registry, whose lock is held.
            if let Some(seat) = unsafe { seat.as_ref() } {
                seat.leave(nobody());
            }
        }
    }
}

/// Blocks on their way between a magazine and its pool, in neither.
struct Blocks {
    blocks: [MaybeUninit<*mut u8>; BATCH],
    count: usize,
}

impl Blocks {
    #[inline]
    fn new() -> Self {
        Self { blocks: [MaybeUninit::uninit(); BATCH], count: 0 }
    }

    #[inline]
    fn push(&mut self, block: *mut u8) {
        self.blocks[self.count].write(block);
        self.count += 1;
    }

    #[inline]
    fn as_slice(&self) -> &[*mut u8] {
        let filled = &self.blocks[..self.count];
        // SAFETY: `push` has written all blocks below the count.
        unsafe { &*(ptr::from_ref(filled) as *const [*mut u8]) }
    }
}

/// Blocks of any magazines on their way to their pools, those of one magazine together.
struct Batch<'a> {
    magazines: &'a Magazines,
    index: usize,
    blocks: Blocks,
}

impl<'a> Batch<'a> {
    fn new(magazines: &'a Magazines) -> Self {
        Self { magazines, index: 0, blocks: Blocks::new() }
    }

    fn add(&mut self, index: usize, block: *mut u8) {
        if index != self.index || self.blocks.count == BATCH {
            self.flush();
            self.index = index;
        }
        self.blocks.push(block);
    }

    fn flush(&mut self) {
        let blocks = self.blocks.as_slice();
        match Class::from_index(self.index) {
            Some(class) => self.magazines.pools.give(class, blocks),
            None => blocks.iter().for_each(|block| self.magazines.give_by_index(self.index, *block)),
        }
        self.blocks.count = 0;
    }
}
