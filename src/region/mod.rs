//! Floor 2: one contiguous range of memory that grows in place and never moves.
//!
//! The region is divided into zones: the header, the tables that describe the pages, and the pages themselves. In a
//! reserved region each zone has all its address space from the start and is committed from its front as it is
//! needed; in a caller's buffer everything is there from the start. What the tables mean is not known here.
//!
//! 1. A zone's committed bytes are a prefix of it, and only grow; but for the pages, whose end can be cut off.
//! 2. Committed memory that nobody has written reads as zero, in a buffer as well: taking one up clears the tables.

mod place;
mod plan;

use core::fmt;
use core::ptr::NonNull;

use crate::os;
use crate::sync::{Word8, Word32, Word64};
use crate::units::{HUGE, PAGE, Page, low32, round_up};

pub(crate) use place::{Placed, Table, prefetch};
use plan::RECORD_ALIGN;
pub(crate) use plan::{Plan, Sizes, ZONES, Zone};

/// A heap whose pages fill less than this asks for no huge page: one alone would be a large part of it.
const HUGE_FROM: usize = HUGE;
/// A heap that uses less than this, having used more, gets small pages again: light work in it would otherwise bring back
/// two megabytes with each page that it touches first.
const SMALL_AGAIN: usize = 8 * HUGE;
/// From this size on it then asks for huge pages again.
const HUGE_AGAIN: usize = 16 * HUGE;
/// Where address space is short, caches have room for this part of what pages have.
const CACHES_SHARE: usize = 8;
/// What a zone grows by at the least, so that growing is rare.
const TABLE_STEP: usize = 64 << 10;
const PAGES_STEP: usize = 256 << 10;
/// What the pages grow by at the most, beyond what was asked for.
const PAGES_STEP_MAX: usize = 64 << 20;

/// Where a region's memory comes from.
#[derive(Debug)]
enum Backing {
    /// Address space of our own, committed as needed.
    Reserved,
    /// Memory that the caller owns, all of it usable.
    Buffer,
    /// Address space of our own, the front of each zone read from a file. The file is asked before more is promised.
    File(Box<dyn Ground>),
}

/// What a file-backed region stands on.
pub(crate) trait Ground: Send + Sync + fmt::Debug {
    /// Makes sure that the bytes `from..to` of a zone can be kept. The fault is [`os::Fault::NOSPC`] where there is no room for
    /// them, and anything else where the storage fails.
    fn promise(&self, zone: Zone, from: usize, to: usize) -> Result<(), os::Fault>;

    /// Does the same for bytes of the pages that were promised before and may have been given back since: nobody used them.
    fn promise_again(&self, from: usize, to: usize) -> Result<(), os::Fault>;

    /// Whether the memory of pages that nobody uses may go back. What they read as then is the file's, and may change with it.
    fn may_purge(&self) -> bool;

    /// These bytes of the pages, which belong to no block, have changed: they were filled.
    fn changed(&self, from: usize, to: usize);
}

/// A contiguous range of memory, divided by its [`Plan`].
pub(crate) struct Region {
    base: NonNull<u8>,
    /// How far the region lies behind the place that its heap's offsets count from.
    origin: usize,
    /// The address of the first page.
    first: usize,
    plan: Plan,
    backing: Backing,
    /// Usable bytes of each zone, from its front. The header's and the caches' belong to the registry's lock, the
    /// others to the lock of the runs.
    committed: [Word64; ZONES],
    /// Pages below this were mapped from a file, or are part of a commit: when their memory is given back they read as
    /// what the file has, or as zero while the image still has what was there.
    zero_from: Word32,
    /// 1 while huge pages are asked for. Under the lock of the runs.
    huge: Word8,
    /// Bytes of pages in use from which on they are. Under the lock of the runs.
    huge_from: Word64,
    system_page: usize,
    /// A word of the process that is told how many bytes of pages are usable.
    told: Option<&'static Word64>,
    /// Whether there is a page that nobody uses behind every run.
    guarded: bool,
}

// SAFETY: the pointer is to memory that the region owns (or borrows for its whole life) and hands out by address only.
unsafe impl Send for Region {}
// SAFETY: as above; the counters are atomic.
unsafe impl Sync for Region {}

impl Region {
    /// Reserves a region with room for `pages` pages, or for half as many, and so on down to `least`, where address
    /// space is short. Then it takes no more than two thirds of what there is, for others need some as well, and fewer
    /// threads can have magazines.
    pub(crate) fn reserve(sizes: &Sizes, pages: u32, least: u32) -> Result<Self, os::Fault> {
        let mut sizes = *sizes;
        let mut pages = pages.max(least);
        let mut is_short = false;
        loop {
            let plan = Plan::reserved(&sizes, pages);
            let spare = if is_short { (plan.bytes() / 2).next_multiple_of(os::page_size()) } else { 0 };
            match os::reserve(plan.bytes() + spare, HUGE) {
                Ok(base) => {
                    if let Some(end) =
                        NonNull::new(base.as_ptr().wrapping_add(plan.bytes())).filter(|_| spare > 0)
                    {
                        // SAFETY: just reserved, and nothing points there.
                        unsafe { os::release(end, spare) };
                    }
                    let region = Self::new(base, plan, Backing::Reserved);
                    region.ensure(Zone::Header, plan.size(Zone::Header))?;
                    return Ok(region);
                }
                Err(fault) if pages <= least => return Err(fault),
                Err(_) => {
                    pages = (pages / 2).max(least);
                    let room = pages as usize * PAGE / CACHES_SHARE / sizes.cache;
                    sizes.caches = sizes.caches.min(low32(room.max(1)));
                    is_short = true;
                }
            }
        }
    }

    /// Lays a region over memory that is all usable, divided by `plan`.
    ///
    /// # Safety
    /// `plan.bytes()` bytes from `base`, a multiple of the page, are valid for reads and writes and used by nobody
    /// else as long as the region lives.
    pub(crate) unsafe fn over(base: NonNull<u8>, plan: Plan) -> Self {
        debug_assert!(base.as_ptr().addr().is_multiple_of(PAGE));
        let region = Self::new(base, plan, Backing::Buffer);
        for zone in Zone::ALL {
            region.committed[zone.index()].set(plan.size(zone) as u64);
        }
        region
    }

    /// Lays a region over reserved memory into whose zones, from the front of each, so many bytes were mapped from a file.
    /// Offsets count from `origin` bytes in front of it.
    ///
    /// # Safety
    /// `plan.bytes()` bytes from `base` came from [`os::reserve`] or [`os::reserve_at`] and are the region's; the first
    /// `lengths` bytes of each zone, whole system pages, are usable.
    pub(crate) unsafe fn on_file(
        base: NonNull<u8>,
        origin: usize,
        plan: Plan,
        lengths: [u64; ZONES],
        guarded: bool,
        ground: Box<dyn Ground>,
    ) -> Self {
        let mut region = Self::new(base, plan, Backing::File(ground));
        region.guarded = guarded;
        region.origin = origin;
        for (committed, length) in region.committed.iter().zip(lengths) {
            committed.set(length);
        }
        region.zero_from.set(region.pages());
        region
    }

    fn new(base: NonNull<u8>, plan: Plan, backing: Backing) -> Self {
        let committed = [const { Word64::new(0) }; ZONES];
        let guarded = cfg!(feature = "hardened") && matches!(backing, Backing::Reserved);
        Self {
            base,
            origin: 0,
            first: base.as_ptr().wrapping_add(plan.start(Zone::Pages)).addr(),
            plan,
            backing,
            committed,
            zero_from: Word32::new(0),
            huge: Word8::new(0),
            huge_from: Word64::new(HUGE_FROM as u64),
            system_page: os::page_size().max(PAGE),
            told: None,
            guarded,
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Whether the memory is a caller's, and so can neither grow nor be given back.
    pub(crate) fn is_buffer(&self) -> bool {
        matches!(self.backing, Backing::Buffer)
    }

    /// Whether there is a page that nobody uses behind every run.
    pub(crate) fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// Whether memory that nobody has written reads as zero, and pages can be made unusable.
    pub(crate) fn is_anonymous(&self) -> bool {
        matches!(self.backing, Backing::Reserved)
    }

    /// Whether untouched pages from `first` on read as zero.
    pub(crate) fn reads_zero(&self, first: Page) -> bool {
        first.0 >= self.zero_from.get()
    }

    /// All usable pages become part of a commit. From now on a block of them that is to be zeros is written, even where
    /// memory reads as zero: a page that was given back and not written would not be captured.
    pub(crate) fn captured(&self) {
        // Where the end was cut off, what was there is still in the file.
        self.zero_from.set(self.pages().max(self.zero_from.get()));
    }

    /// Usable bytes of each zone, from its front.
    pub(crate) fn lengths(&self) -> [u64; ZONES] {
        Zone::ALL.map(|zone| self.committed[zone.index()].get())
    }

    /// Bytes that are usable, in all zones together.
    pub(crate) fn committed(&self) -> u64 {
        self.committed.iter().map(Word64::get).sum()
    }

    /// The table that fills `zone`.
    ///
    /// # Safety
    /// The zone holds `T`s, for which any bytes are valid, and the table is not used after the region is gone.
    pub(crate) unsafe fn table<T>(&self, zone: Zone) -> Table<T> {
        const { assert!(align_of::<T>() <= RECORD_ALIGN) };
        let len = self.plan.size(zone) / size_of::<T>();
        // SAFETY: the zone lies in the region, aligned as just compared; the rest is the caller's promise.
        unsafe { Table::new(self.zone_start(zone).cast::<T>(), len) }
    }

    fn zone_start(&self, zone: Zone) -> NonNull<u8> {
        // SAFETY: every zone starts inside the region.
        unsafe { self.base.add(self.plan.start(zone)) }
    }

    /// How many `T`s of the table that fills `zone` are usable.
    pub(crate) fn usable<T>(&self, zone: Zone) -> u32 {
        low32((self.committed_in(zone) / size_of::<T>()).min(u32::MAX as usize))
    }

    /// Makes at least the first `bytes` of `zone` usable.
    pub(crate) fn ensure(&self, zone: Zone, bytes: usize) -> Result<(), os::Fault> {
        let have = self.committed_in(zone);
        if bytes <= have {
            return Ok(());
        }
        let step = (have / 2).max(TABLE_STEP);
        self.commit_to(zone, bytes.max(have.saturating_add(step)))
    }

    #[inline]
    fn committed_in(&self, zone: Zone) -> usize {
        usize::try_from(self.committed[zone.index()].get()).unwrap_or(usize::MAX)
    }

    fn commit_to(&self, zone: Zone, bytes: usize) -> Result<(), os::Fault> {
        let have = self.committed_in(zone);
        let size = self.plan.size(zone);
        let target = round_up(bytes, self.system_page).map_or(size, |rounded| rounded.min(size));
        if bytes > size || self.is_buffer() {
            return Err(os::Fault::NOMEM);
        }
        if let Backing::File(ground) = &self.backing {
            ground.promise(zone, have, target)?;
        }
        // SAFETY: the zone is longer than `have`.
        let start = unsafe { self.zone_start(zone).add(have) };
        // SAFETY: whole pages of the reserved range: zones and their committed parts end at system pages.
        unsafe { os::commit(start.as_ptr(), target - have) }?;
        self.committed[zone.index()].set(target as u64);
        if let (Zone::Pages, Some(word)) = (zone, self.told) {
            word.set(target as u64);
        }
        Ok(())
    }

    /// Has `word` say at any time how many bytes of pages are usable; the region lives as long as the process.
    #[cfg(feature = "c-face")]
    pub(crate) fn tell(&mut self, word: &'static Word64) {
        word.set(self.committed_in(Zone::Pages) as u64);
        self.told = Some(word);
    }

    /// How many pages are usable.
    pub(crate) fn pages(&self) -> u32 {
        low32(self.committed_in(Zone::Pages) / PAGE)
    }

    /// Makes at least `pages` pages usable, and a step more where there is room; says how many are.
    pub(crate) fn grow(&self, pages: u32) -> Result<u32, os::Fault> {
        let have = self.committed_in(Zone::Pages);
        let want = pages as usize * PAGE;
        let size = self.plan.size(Zone::Pages);
        if want <= have {
            return Ok(self.pages());
        }
        if want > size {
            return Err(os::Fault::NOMEM);
        }
        let step = (have / 4).clamp(PAGES_STEP, PAGES_STEP_MAX);
        let mut target = want.max(have + step).min(size);
        if target > HUGE_FROM {
            target = round_up(target, HUGE).map_or(size, |rounded| rounded.min(size));
        }
        self.commit_to(Zone::Pages, target).or_else(|_| self.commit_to(Zone::Pages, want))?;
        Ok(self.pages())
    }

    /// Makes only the first `pages` pages usable; says whether that was done. The region must stand on a file.
    ///
    /// # Safety
    /// Nobody uses the pages behind that. The caller holds the lock of the runs.
    pub(crate) unsafe fn cut(&self, pages: u32) -> bool {
        let (have, left) = (self.committed_in(Zone::Pages), pages as usize * PAGE);
        if left >= have || !matches!(self.backing, Backing::File(_)) || self.system_page != PAGE {
            return false;
        }
        let start = self.page_start(Page(pages));
        // SAFETY: whole pages of the reserved range, which nobody uses by the caller's promise.
        if unsafe { os::renew(start, have - left) }.is_err() {
            return false;
        }
        if self.huge.get() != 0 {
            // Without huge pages everything works the same, only slower.
            // SAFETY: as above.
            let _ = unsafe { os::advise_huge(start, have - left, true) };
        }
        self.zero_from.set(self.pages().max(self.zero_from.get()));
        self.committed[Zone::Pages.index()].set(left as u64);
        true
    }

    /// Asks for huge pages, if `used` bytes of pages in use are enough for that.
    #[inline]
    pub(crate) fn grown_to(&self, used: usize) {
        if used as u64 >= self.huge_from.get() && self.huge.get() == 0 {
            self.ask_for_pages(true);
        }
    }

    /// Asks for small pages again, if a heap that was large uses only `used` bytes any more.
    pub(crate) fn shrunk_to(&self, used: usize) {
        if used < SMALL_AGAIN && self.huge.get() != 0 && self.pages() as usize * PAGE >= HUGE_AGAIN {
            self.huge_from.set(HUGE_AGAIN as u64);
            self.ask_for_pages(false);
        }
    }

    #[cold]
    fn ask_for_pages(&self, huge: bool) {
        self.huge.set(u8::from(huge));
        let size = self.plan.size(Zone::Pages);
        if size > HUGE_FROM && !self.is_buffer() {
            // SAFETY: the zone is longer than this.
            let start = unsafe { self.zone_start(Zone::Pages).add(HUGE_FROM) };
            // Without huge pages everything works the same, only slower.
            // SAFETY: whole pages of the reserved range.
            let _ = unsafe { os::advise_huge(start.as_ptr(), size - HUGE_FROM, huge) };
        }
    }

    /// Gives pages about to be written their memory at once, where huge pages would not; says whether they have it.
    pub(crate) fn supply(&self, first: Page, count: u32) -> bool {
        let is_huge = self.huge.get() != 0 && first.bytes() >= HUGE_FROM;
        if is_huge || !self.reads_zero(first) || self.is_buffer() || self.system_page != PAGE {
            return false;
        }
        // SAFETY: the pages are usable.
        unsafe { os::supply(self.page_start(first), count as usize * PAGE) }.is_ok()
    }

    /// Gives back the memory of `count` pages from `first` on, if whole system pages lie in them; says whether it went
    /// back. They then read as zero, or as what their file has.
    ///
    /// # Safety
    /// The pages are usable and nobody needs what they hold.
    pub(crate) unsafe fn purge(&self, first: Page, count: u32) -> bool {
        let refused = matches!(&self.backing, Backing::File(ground) if !ground.may_purge());
        if self.is_buffer() || refused || self.system_page != PAGE {
            return false;
        }
        // SAFETY: whole pages of the reserved range; nobody needs them by the caller's promise.
        unsafe { os::purge(self.page_start(first), count as usize * PAGE) }.is_ok()
    }

    /// Makes sure that `count` pages from `first` on, which nobody uses, can be kept when they are used again.
    #[inline]
    pub(crate) fn promise_again(&self, first: Page, count: u32) -> Result<(), os::Fault> {
        match &self.backing {
            Backing::File(ground) => {
                ground.promise_again(first.bytes(), first.bytes() + count as usize * PAGE)
            }
            Backing::Reserved | Backing::Buffer => Ok(()),
        }
    }

    /// Tells the file's side that these bytes, of no block, have changed.
    pub(crate) fn changed(&self, start: *const u8, bytes: usize) {
        if let Backing::File(ground) = &self.backing {
            let from = start.addr() - self.page_start(Page(0)).addr();
            ground.changed(from, from + bytes);
        }
    }

    /// Makes any access to this page a fault, where the memory is our own.
    ///
    /// # Safety
    /// The page is usable, and nobody uses it until [`Region::allow`].
    pub(crate) unsafe fn forbid(&self, page: Page) {
        if self.is_anonymous() && self.system_page == PAGE {
            // A refusal (too many mappings) leaves the page without a guard, which breaks nothing.
            // SAFETY: a whole page of the reserved range, and the caller's promise.
            let _ = unsafe { os::forbid(self.page_start(page), PAGE) };
        }
    }

    /// Undoes [`Region::forbid`]; says whether the page is usable again.
    pub(crate) fn allow(&self, page: Page) -> bool {
        // SAFETY: a whole page of the reserved range.
        !self.is_anonymous() || unsafe { os::commit(self.page_start(page), PAGE) }.is_ok()
    }

    /// The address of a page's first byte.
    #[inline]
    pub(crate) fn page_start(&self, page: Page) -> *mut u8 {
        self.base.as_ptr().wrapping_add(self.plan.start(Zone::Pages) + page.bytes())
    }

    /// The page in which `address` lies, and how far into it; `None` outside of the usable pages.
    #[inline]
    pub(crate) fn locate(&self, address: usize) -> Option<(Page, u32)> {
        let distance = address.wrapping_sub(self.first);
        if distance < self.committed_in(Zone::Pages) {
            Some((Page(low32(distance / PAGE)), low32(distance % PAGE)))
        } else {
            None
        }
    }

    /// The address of the first page, and how many bytes of pages are usable: what [`Region::locate`] compares with.
    #[inline]
    pub(crate) fn pages_span(&self) -> (usize, usize) {
        (self.first, self.committed_in(Zone::Pages))
    }

    /// How far `address` lies from where offsets count from; meaningless for addresses outside of the region.
    pub(crate) fn offset_of(&self, address: usize) -> u64 {
        address.wrapping_sub(self.base.as_ptr().addr()).wrapping_add(self.origin) as u64
    }

    /// The address at an offset, which may lie outside of the region.
    pub(crate) fn at(&self, offset: usize) -> *mut u8 {
        self.base.as_ptr().wrapping_add(offset.wrapping_sub(self.origin))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if !self.is_buffer() {
            // SAFETY: the range came from `reserve` or `reserve_at`, and whoever drops the region uses it no more.
            unsafe { os::release(self.base, self.plan.bytes()) };
        }
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("base", &self.base)
            .field("backing", &self.backing)
            .field("committed", &self.committed())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { header: 5000, cache: 1024, caches: 4, slab: 128 };

    #[test]
    fn a_region_grows_in_place_and_purged_pages_read_as_zero() {
        let region = Region::reserve(&SIZES, 1 << 16, 16).unwrap();
        let base = region.base();
        for want in [1, 65, 1000, 1 << 16] {
            assert!(region.grow(want).unwrap() >= want);
            let last = region.page_start(Page(want - 1));
            // SAFETY: the page is committed, and only this test uses it.
            unsafe { last.write(7) };
            // SAFETY: as above, and nobody needs the byte.
            assert!(unsafe { region.purge(Page(want - 1), 1) });
            // SAFETY: as above.
            assert_eq!(unsafe { last.read() }, 0);
        }
        assert_eq!(region.base(), base);
        assert!(region.grow((1 << 16) + 1).is_err());
        assert_eq!(region.locate(region.page_start(Page(3)).addr() + 17), Some((Page(3), 17)));
        assert_eq!(region.locate(base.as_ptr().addr()), None);
        let last = region.page_start(Page((1 << 16) - 1)).addr() + PAGE - 1;
        assert_eq!(region.locate(last), Some((Page((1 << 16) - 1), low32(PAGE - 1))));
        assert_eq!(region.locate(last + 1), None);
        assert_eq!(region.offset_of(last + 1), region.plan().bytes() as u64);
    }

    #[test]
    fn huge_pages_are_asked_for_as_long_as_a_heap_is_large() {
        let region = Region::reserve(&SIZES, 1 << 14, 16).unwrap();
        let asked = |used: usize, grown: bool| {
            if grown {
                region.grown_to(used)
            } else {
                region.shrunk_to(used)
            }
            region.huge.get() == 1
        };
        assert!(!asked(HUGE_FROM - PAGE, true) && asked(HUGE_FROM, true));
        assert!(asked(0, false), "a heap that has never been much larger keeps them");
        region.grow(low32(HUGE_AGAIN / PAGE)).unwrap();
        assert!(asked(SMALL_AGAIN, false) && !asked(SMALL_AGAIN - PAGE, false));
        assert!(!asked(HUGE_AGAIN - PAGE, true) && asked(HUGE_AGAIN, true));
    }

    #[test]
    fn where_address_space_is_short_less_is_reserved() {
        // With so much beside each page no process has room for all of them.
        let sizes = Sizes { slab: 1 << 16, caches: u32::MAX, ..SIZES };
        assert!(Region::reserve(&sizes, u32::MAX, u32::MAX).is_err());
        let region = Region::reserve(&sizes, u32::MAX, 1 << 10).unwrap();
        let plan = region.plan();
        assert!((1 << 10..u32::MAX).contains(&plan.pages()));
        assert!(plan.caches() as usize * sizes.cache <= plan.size(Zone::Pages) / CACHES_SHARE);
        // What was kept free for others is there.
        let quarter = round_up(plan.size(Zone::Pages) / 4, os::page_size()).unwrap();
        let others = os::reserve(quarter, os::page_size()).unwrap();
        // SAFETY: just reserved, and nothing points there.
        unsafe { os::release(others, quarter) };
    }
}
