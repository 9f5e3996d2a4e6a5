//! A cache: one thread's magazines, and who may touch which word of them.
//!
//! The *owner* is the thread whose seat points here. Another thread, the *taker*, may empty the magazines of an owner
//! that is idle. The owner's pops and pushes are plain loads and stores, so they cannot notice a taker; instead the
//! taker leaves alone whatever a pop or push under way could still touch:
//!
//! 1. Only the owner changes a count or a room. It does so in a pop or a push through its seat, or while it is `busy`;
//!    those of the magazines for runs only while it is `busy`, so that a taker may empty these.
//! 2. The taker first makes the seat point at nobody, then passes a heavy barrier. A pop or push that began before may
//!    still be under way, but only one; later ones find nobody.
//! 3. If the owner is `busy` after the barrier the taker withdraws. Otherwise the owner cannot become busy without
//!    seeing that it was evicted, and then it waits for the taker's lock.
//! 4. The taker empties slots below the topmost filled one by writing null, and changes no count. The pop or push under
//!    way touches the topmost filled slot or the one above, so the two never meet.
//! 5. The evicted owner, on its next miss and under the taker's lock, closes the gaps and sits down again.

use core::fmt;
use core::ptr::NonNull;

use crate::sync::{AtomicPtr, AtomicU32, Ordering, Word8, Word32, Word64, own};
use crate::units::{CLASSES, MAGAZINES};

use super::offsets::{MagazineAt, capacity};
use super::seat::Seat;

/// What a magazine's last miss was: two of a kind in a row are a streak.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(crate) enum Miss {
    None,
    /// It was empty.
    Take,
    /// It was full.
    Give,
}

/// How many blocks a magazine that was just opened has room for.
const ROOM_FIRST: u32 = if cfg!(loom) { 1 } else { 8 };

/// A thread with no more misses than this in one period is idle.
const IDLE_MISSES: u64 = 64;

/// Where the magazines start within a cache.
pub(super) const MAGAZINES_AT: usize = core::mem::offset_of!(Cache, magazines);

/// One thread's magazines.
#[repr(C, align(128))]
pub(crate) struct Cache {
    /// A magazine without blocks and room, for addresses that have no other: what it is called is 0, which is where it lies.
    _none: Word64,
    /// 1 while the owner exchanges blocks with the pools.
    busy: AtomicU32,
    /// The next cache without a thread; as one more, 0 for the end. Under the registry's lock.
    pub(super) next: Word32,
    /// The owner's seat; null without one. Under the registry's lock, and of this process only.
    pub(super) seat: AtomicPtr<Seat>,
    /// Misses of the owner, and how many there had been at the last look for idle caches.
    pub(super) misses: Word64,
    pub(super) misses_seen: Word64,
    /// Pages of the runs in the magazines.
    pub(super) run_pages: Word32,
    /// The last miss of each magazine.
    last_miss: [Word8; MAGAZINES],
    magazines: Store,
}

/// The counts in front of a magazine's slots.
#[repr(C)]
pub(crate) struct Counts {
    /// Slots in use.
    count: AtomicU32,
    /// Slots that may be used: 0 before the first miss, at most the magazine's capacity.
    room: AtomicU32,
}

impl Counts {
    /// Whoever sees this count, in a copy of the heap too, sees what was put into the slots before.
    #[inline]
    fn set_count(&self, count: u32) {
        self.count.store(count, Ordering::Release);
    }
}

/// One magazine of a cache.
#[derive(Clone, Copy)]
pub(crate) struct Magazine<'a> {
    counts: &'a Counts,
    slots: Slots<'a>,
}

impl<'a> Magazine<'a> {
    #[inline]
    pub(crate) fn count(self) -> u32 {
        // With the store in `set_count`.
        self.counts.count.load(Ordering::Acquire)
    }

    #[inline]
    pub(crate) fn room(self) -> u32 {
        self.counts.room.load(Ordering::Relaxed)
    }

    /// Takes the topmost block; `None` where there is none.
    #[inline]
    pub(crate) fn pop(self) -> Option<NonNull<u8>> {
        let left = own(&self.counts.count).checked_sub(1)?;
        self.counts.set_count(left);
        let block = self.slots.at(left).load(Ordering::Relaxed);
        // SAFETY: slots below the count are filled by pushes and refills, with blocks; the gaps that a taker leaves are
        // closed before the owner comes back.
        Some(unsafe { NonNull::new_unchecked(block) })
    }

    /// Puts a block on top; `false` where there is no room.
    #[inline]
    pub(crate) fn push(self, block: *mut u8) -> bool {
        let count = own(&self.counts.count);
        if count >= own(&self.counts.room) {
            return false;
        }
        self.slots.at(count).store(block, Ordering::Relaxed);
        self.counts.set_count(count + 1);
        true
    }

    /// Fills an empty magazine with these blocks, the first to be popped first.
    #[inline]
    pub(crate) fn fill(self, blocks: &[*mut u8]) {
        debug_assert!(self.count() == 0 && blocks.len() <= self.room() as usize);
        for (block, index) in blocks.iter().rev().zip(0..) {
            self.slots.at(index).store(*block, Ordering::Relaxed);
        }
        self.counts.set_count(crate::units::low32(blocks.len()));
    }

    /// The `count` oldest blocks.
    pub(crate) fn oldest(self, count: u32) -> impl Iterator<Item = *mut u8> + Clone + use<'a> {
        (0..count).map(move |index| self.slots.at(index).load(Ordering::Relaxed))
    }

    /// How many blocks there are, gaps not counted.
    pub(crate) fn held(self) -> u32 {
        crate::units::low32(self.oldest(self.count()).filter(|block| !block.is_null()).count())
    }

    /// Forgets the `gone` oldest blocks, at least half of them.
    pub(crate) fn drop_oldest(self, gone: u32) {
        let left = self.count() - gone;
        debug_assert!(left <= gone);
        // The count first: a copy of the heap made between the moves then shows no block in both of its slots.
        self.counts.set_count(left);
        for index in 0..left {
            let block = self.slots.at(gone + index).load(Ordering::Relaxed);
            self.slots.at(index).store(block, Ordering::Release);
        }
    }

    /// Hands every block to `accept`, but the topmost, and leaves null in their places.
    fn take_below_top(self, accept: &mut dyn FnMut(NonNull<u8>)) {
        for index in 0..self.count().saturating_sub(1) {
            let slot = self.slots.at(index);
            if let Some(block) = NonNull::new(slot.load(Ordering::Relaxed)) {
                slot.store(core::ptr::null_mut(), Ordering::Relaxed);
                accept(block);
            }
        }
    }

    /// Closes the gaps that [`Magazine::take_below_top`] left.
    fn close_gaps(self) {
        let mut left = 0;
        for index in 0..self.count() {
            let block = self.slots.at(index).load(Ordering::Relaxed);
            if !block.is_null() {
                self.slots.at(left).store(block, Ordering::Relaxed);
                left += 1;
            }
        }
        self.counts.set_count(left);
    }

    pub(crate) fn set_room(self, room: u32) {
        self.counts.room.store(room, Ordering::Relaxed);
    }
}

impl Cache {
    /// The magazine at this place.
    #[inline]
    pub(crate) fn magazine(&self, at: MagazineAt) -> Magazine<'_> {
        Store::magazine(self, at)
    }

    /// All magazines, with their numbers.
    pub(crate) fn magazines(&self) -> impl Iterator<Item = (usize, Magazine<'_>)> {
        (0..MAGAZINES).map(|index| (index, self.magazine(MagazineAt::of_index(index))))
    }

    /// Whether a thread of this process has this cache.
    pub(crate) fn has_owner(&self) -> bool {
        !self.seat.load(Ordering::Relaxed).is_null()
    }

    /// Whether there was next to no miss since this was last asked.
    pub(super) fn is_idle(&self) -> bool {
        let misses = self.misses.get();
        let idle = misses.wrapping_sub(self.misses_seen.get()) <= IDLE_MISSES;
        self.misses_seen.set(misses);
        idle
    }

    /// Misses of all threads that have had this cache.
    pub(crate) fn misses(&self) -> u64 {
        self.misses.get()
    }

    pub(super) fn set_busy(&self, busy: bool) {
        // Whoever sees the end of an exchange sees all of it.
        self.busy.store(u32::from(busy), Ordering::Release);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Acquire) != 0
    }

    /// Notes a miss of this magazine; says whether the one before was of the same kind.
    pub(super) fn note_miss(&self, index: usize, miss: Miss) -> bool {
        self.misses.add(1);
        let last = &self.last_miss[index];
        let streak = last.get() == miss as u8;
        last.set(miss as u8);
        streak
    }

    /// Gives a magazine that misses more room, up to its capacity; says how much it has.
    pub(super) fn widen(&self, index: usize) -> u32 {
        let magazine = self.magazine(MagazineAt::of_index(index));
        let room = (magazine.room() * 2).max(ROOM_FIRST).min(capacity(index));
        magazine.set_room(room);
        room
    }

    /// Hands to `accept` every block that no pop or push under way can touch, for a taker (see the rules above).
    pub(super) fn take_below_tops(&self, accept: &mut dyn FnMut(usize, NonNull<u8>)) {
        for (index, magazine) in self.magazines() {
            if index < CLASSES {
                magazine.take_below_top(&mut |block| accept(index, block));
            } else {
                // Only touched by an owner that is busy, and it is not.
                while let Some(block) = magazine.pop() {
                    accept(index, block);
                }
            }
        }
        self.run_pages.set(0);
    }

    /// Makes the magazines whole again after a taker was here, and small.
    pub(super) fn close_gaps(&self) {
        for (_, magazine) in self.magazines() {
            magazine.close_gaps();
            // A taker that withdrew took nothing: the blocks that are still there need their room.
            magazine.set_room(magazine.room().min(ROOM_FIRST.max(magazine.count())));
        }
    }

    /// Hands every block to `accept` and leaves the magazines as they were before the first miss.
    ///
    /// There is no owner, or it is the caller.
    pub(super) fn drain(&self, accept: &mut dyn FnMut(usize, NonNull<u8>)) {
        self.run_pages.set(0);
        for (index, magazine) in self.magazines() {
            let count = magazine.count();
            magazine.counts.set_count(0);
            magazine.set_room(0);
            self.last_miss[index].set(Miss::None as u8);
            // A null is a gap where a taker has been.
            magazine.oldest(count).filter_map(NonNull::new).for_each(|block| accept(index, block));
        }
    }

    /// Hands every block to `accept`. Magazines without blocks are not written to: in an image that was just opened, the first write to
    /// a page is a copy of it.
    ///
    /// There is no owner.
    pub(super) fn take_out(&self, accept: &mut dyn FnMut(usize, NonNull<u8>)) {
        for (index, magazine) in self.magazines() {
            let count = magazine.count();
            if count > 0 {
                magazine.counts.set_count(0);
                magazine.oldest(count).filter_map(NonNull::new).for_each(|block| accept(index, block));
            }
        }
        self.run_pages.set(0);
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blocks: u32 = self.magazines().map(|(_, magazine)| magazine.count()).sum();
        f.debug_struct("Cache").field("blocks", &blocks).field("misses", &self.misses).finish_non_exhaustive()
    }
}

#[cfg(loom)]
pub(crate) use modelled::{Slots, Store};
#[cfg(not(loom))]
pub(crate) use packed::{Slots, Store};

/// The magazines as they lie in the region: one after the other.
#[cfg(not(loom))]
mod packed {
    use super::{Cache, Counts, Magazine, MagazineAt};
    use crate::magazines::offsets::CACHE_WORDS;
    use crate::sync::{AtomicPtr, AtomicU32, AtomicU64};
    use core::marker::PhantomData;
    use core::ptr::NonNull;

    /// The words of all magazines.
    #[repr(C, align(64))]
    pub(crate) struct Store([AtomicU64; CACHE_WORDS]);

    /// The slots of one magazine.
    #[derive(Clone, Copy)]
    pub(crate) struct Slots<'a> {
        first: NonNull<AtomicPtr<u8>>,
        cache: PhantomData<&'a Cache>,
    }

    impl Store {
        const fn empty() -> Self {
            Self([const { AtomicU64::new(0) }; CACHE_WORDS])
        }

        #[inline]
        pub(crate) fn magazine(cache: &Cache, at: MagazineAt) -> Magazine<'_> {
            // SAFETY: a `MagazineAt` is the offset of a magazine within a cache.
            let counts = unsafe { NonNull::from(cache).cast::<u8>().add(at.bytes()) }.cast::<Counts>();
            // SAFETY: a magazine's counts are followed by its slots.
            let first = unsafe { counts.add(1) }.cast();
            // SAFETY: the word is aligned for two halves, and atomic integers are valid with any content.
            Magazine { counts: unsafe { counts.as_ref() }, slots: Slots { first, cache: PhantomData } }
        }
    }

    impl Magazine<'_> {
        /// The magazine whose counts lie here.
        ///
        /// # Safety
        /// They do, in a cache that stays where it is as long as this is used.
        #[cfg(feature = "c-face")]
        #[inline(always)]
        pub(crate) unsafe fn with_counts_at(counts: NonNull<Counts>) -> Self {
            // SAFETY: a magazine's counts are followed by its slots.
            let first = unsafe { counts.add(1) }.cast();
            // SAFETY: the caller's promise.
            Self { counts: unsafe { counts.as_ref() }, slots: Slots { first, cache: PhantomData } }
        }
    }

    impl<'a> Slots<'a> {
        /// The slot with this number, which the callers keep below the magazine's room, and so its capacity.
        #[inline]
        pub(crate) fn at(self, index: u32) -> &'a AtomicPtr<u8> {
            // SAFETY: counts and rooms never exceed the capacity of their magazine: only the methods of `Magazine` and
            // `Cache::widen` set them, and an image that says otherwise is refused before it is used.
            let slot = unsafe { self.first.add(index as usize) };
            // SAFETY: as above; atomic pointers are valid with any content.
            unsafe { slot.as_ref() }
        }
    }

    impl Cache {
        /// A cache that has nothing and takes nothing.
        pub(crate) const fn empty() -> Self {
            Self {
                _none: crate::sync::Word64::new(0),
                busy: AtomicU32::new(0),
                next: crate::sync::Word32::new(0),
                seat: AtomicPtr::new(core::ptr::null_mut()),
                misses: crate::sync::Word64::new(0),
                misses_seen: crate::sync::Word64::new(0),
                run_pages: crate::sync::Word32::new(0),
                last_miss: [const { crate::sync::Word8::new(0) }; crate::units::MAGAZINES],
                magazines: Store::empty(),
            }
        }
    }
}

/// The magazines as loom can follow them.
#[cfg(loom)]
mod modelled {
    use super::{Cache, Counts, Magazine, MagazineAt};
    use crate::magazines::offsets::capacity;
    use crate::sync::{AtomicPtr, AtomicU32, Word8, Word32, Word64};
    use crate::units::MAGAZINES;

    pub(crate) struct Store(Vec<(Counts, Vec<AtomicPtr<u8>>)>);

    impl Magazine<'_> {
        /// The blocks that a copy of the memory, made at this moment, would show.
        pub(crate) fn copied(self) -> impl Iterator<Item = *mut u8> {
            (0..self.counts.count.newest()).map(move |index| self.slots.at(index).newest())
        }
    }

    #[derive(Clone, Copy)]
    pub(crate) struct Slots<'a>(&'a [AtomicPtr<u8>]);

    impl Store {
        pub(crate) fn magazine(cache: &Cache, at: MagazineAt) -> Magazine<'_> {
            let (counts, slots) = &cache.magazines.0[at.index()];
            Magazine { counts, slots: Slots(slots) }
        }
    }

    impl<'a> Slots<'a> {
        pub(crate) fn at(self, index: u32) -> &'a AtomicPtr<u8> {
            &self.0[index as usize]
        }
    }

    impl Cache {
        pub(crate) fn new() -> Self {
            let magazine = |index| {
                let counts = Counts { count: AtomicU32::new(0), room: AtomicU32::new(0) };
                (counts, (0..capacity(index)).map(|_| AtomicPtr::new(core::ptr::null_mut())).collect())
            };
            Self {
                _none: Word64::new(0),
                busy: AtomicU32::new(0),
                next: Word32::new(0),
                seat: AtomicPtr::new(core::ptr::null_mut()),
                misses: Word64::new(0),
                misses_seen: Word64::new(0),
                run_pages: Word32::new(0),
                last_miss: core::array::from_fn(|_| Word8::new(0)),
                magazines: Store((0..MAGAZINES).map(magazine).collect()),
            }
        }
    }
}
