//! The core: allocation and free by route, out of line.

use core::alloc::Layout;
use core::fmt;
use core::ptr::{self, NonNull};

use super::decay::Decay;
use super::fast::{pop_any, push_any};
use super::header::Header;
use super::pressure::Gauge;
use crate::magazines::{Cache, LABELS, Magazines, NO_SEAT, Seat, with_seat};
use crate::misuse::{Claimed, Misuse};
use crate::pools::{Pools, Slab};
use crate::region::{Placed, Region, ZONES, Zone};
use crate::runs::{Kind, Runs};
use crate::sync::{Alone, AtomicPtr, Gate, Lock, Ordering, Suspect, Word8, Word64};
use crate::units::{Class, Offset, PAGE, Page, Route, RunClass, SMALL_MAX, pages_for, shape};

/// Freed memory is filled with this in a hardened heap.
const FREED: u8 = 0xDE;

/// One heap, without its face.
pub(crate) struct Core {
    pub(super) magazines: Magazines,
    pub(super) header: Placed<Header>,
    pub(super) decay: Decay,
    pub(super) gauge: Gauge,
    /// The number of the heap's seat in every thread.
    pub(super) seat: usize,
    /// The next heap of the process, under the directory's lock.
    pub(super) next: AtomicPtr<Core>,
    /// 1 for a heap that is only looked at: nothing is allocated, freed or given back.
    frozen: Word8,
    /// What captures pass, if others may keep them out.
    gate: AtomicPtr<Gate>,
}

/// A capture is under way.
#[derive(Debug)]
pub(crate) struct Passed<'a>(Option<&'a Gate>);

impl Drop for Passed<'_> {
    fn drop(&mut self) {
        if let Some(gate) = self.0 {
            gate.open();
        }
    }
}

impl Core {
    /// # Safety
    /// The region's header and tables hold a heap, or zeros.
    pub(crate) unsafe fn new(region: Region, seat: usize) -> Self {
        let start = region.base().cast::<Header>();
        // SAFETY: the region starts with room for a header, committed and aligned to a page, of atomic integers only.
        let header: Placed<Header> = unsafe { Placed::new(start) };
        let (slabs, states) = (header.part(|header| &header.slabs), header.part(|header| &header.pools));
        // SAFETY: the caller's promise, for the words of the runs.
        let runs = unsafe { Runs::new(region, header.part(|header| &header.runs)) };
        // SAFETY: the same, for those of the pools.
        let pools = unsafe { Pools::new(runs, states, slabs, &LABELS) };
        // SAFETY: the same, for those of the caches.
        let magazines = unsafe { Magazines::new(pools, header.part(|header| &header.magazines)) };
        let next = AtomicPtr::new(ptr::null_mut());
        Self {
            magazines,
            header,
            decay: Decay::new(),
            gauge: Gauge::new(),
            seat,
            next,
            frozen: Word8::new(0),
            gate: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Has all captures pass this gate from now on; nothing was captured yet.
    pub(crate) fn set_gate(&self, gate: &'static Gate) {
        self.gate.store(ptr::from_ref(gate).cast_mut(), Ordering::Release);
    }

    fn gate(&self) -> Option<&Gate> {
        // SAFETY: only references to statics are stored there.
        unsafe { self.gate.load(Ordering::Acquire).as_ref() }
    }

    /// Refuses captures of values of which a change broke off.
    pub(crate) fn refuse_suspect(&self) -> Result<(), Suspect> {
        if self.gate().is_some_and(Gate::is_suspect) { Err(Suspect) } else { Ok(()) }
    }

    /// Waits until nobody changes the heap's values, and keeps others from it until the result is dropped.
    pub(crate) fn pass_gate(&self) -> Result<Passed<'_>, Suspect> {
        let gate = self.gate();
        gate.map_or(Ok(()), |gate| gate.close(Alone::Capture))?;
        Ok(Passed(gate))
    }

    /// Makes the zeros of the region an empty heap.
    pub(crate) fn format(&self) {
        self.header.format(self.region().plan());
        self.header.magazines.base.set(self.region().base().as_ptr().addr() as u64);
    }

    /// The header's word for the root.
    pub(crate) fn root(&self) -> &Word64 {
        &self.header.root
    }

    /// Where an address among the usable pages lies.
    pub(crate) fn offset_of(&self, address: NonNull<u8>) -> Option<Offset> {
        let address = address.as_ptr().addr();
        self.region().locate(address)?;
        Offset::new(self.region().offset_of(address))
    }

    /// The address at an offset, if it lies among the usable pages.
    pub(crate) fn at(&self, offset: Offset) -> Option<NonNull<u8>> {
        let distance = usize::try_from(offset.get()).ok()?;
        let address = self.region().at(distance);
        self.region().locate(address.addr())?;
        NonNull::new(address)
    }

    /// Compares the numbers by which tables are read with what is usable of these: the field, what it says, what it may say.
    pub(crate) fn beyond_its_tables(&self) -> Option<(&'static str, u32, u32)> {
        let region = self.region();
        [
            ("number of caches", self.magazines.state().high.get(), region.usable::<Cache>(Zone::Caches)),
            ("number of slabs", self.pools().slabs().high(), region.usable::<Slab>(Zone::Slabs)),
            ("number of pages", self.runs().state().pages.get(), region.pages()),
        ]
        .into_iter()
        .find(|(_, found, most)| found > most)
    }

    /// Makes a copy of an image a heap that is only looked at; its magazines stay as they are.
    pub(crate) fn view(&self) {
        self.magazines.disown_all();
        self.frozen.set(1);
    }

    /// Makes the zeros of the region an empty heap that is only looked at.
    pub(crate) fn format_to_view(&self) {
        self.format();
        self.view();
    }

    fn is_frozen(&self) -> bool {
        self.frozen.get() != 0
    }

    pub(crate) fn set_thresholds(&self, thresholds: super::Thresholds) {
        self.gauge.set_thresholds(thresholds);
    }

    pub(crate) fn set_callback(&self, callback: fn(super::Pressure)) {
        self.gauge.set_callback(callback);
    }

    /// Lets at most `bytes` bytes of pages be in use from now on; `None` for no limit.
    pub(crate) fn set_limit(&self, bytes: Option<usize>) {
        let pages = bytes.map_or(u32::MAX, |bytes| u32::try_from(bytes / PAGE).unwrap_or(u32::MAX));
        self.runs().set_limit(pages);
        self.gauge.look(self.runs());
    }

    pub(crate) fn magazines(&self) -> &Magazines {
        &self.magazines
    }

    pub(crate) fn pools(&self) -> &Pools {
        self.magazines.pools()
    }

    pub(crate) fn runs(&self) -> &Runs {
        self.pools().runs()
    }

    pub(crate) fn region(&self) -> &Region {
        self.runs().region()
    }

    pub(crate) fn seat(&self) -> usize {
        self.seat
    }

    /// Takes all locks of the heap, in their order: nothing but pops and pushes goes on until [`Core::release`].
    pub(crate) fn seize(&self) {
        self.magazines.registry().seize();
        self.pools().raw_locks().iter().for_each(Lock::seize);
        self.runs().raw_lock().seize();
    }

    /// Whether one of the locks that [`Core::seize`] takes is held at this moment.
    pub(crate) fn is_locked(&self) -> bool {
        let others = [self.magazines.registry(), self.runs().raw_lock()];
        self.pools().raw_locks().iter().chain(others).any(|lock| lock.try_lock().is_none())
    }

    /// Notes in the header how far each zone reaches, for an image; the heap is seized.
    pub(crate) fn note_lengths(&self) {
        for (word, length) in self.header.lengths.iter().zip(self.region().lengths()) {
            // A header that is not written is not looked at by the commit.
            if word.get() != length {
                word.set(length);
            }
        }
    }

    /// What [`Core::note_lengths`] noted last, or what the image had when it was taken up.
    pub(crate) fn committed_lengths(&self) -> [u64; ZONES] {
        core::array::from_fn(|zone| self.header.lengths[zone].get())
    }

    /// Undoes [`Core::seize`].
    pub(crate) fn release(&self) {
        self.runs().raw_lock().release();
        self.pools().raw_locks().iter().for_each(Lock::release);
        self.magazines.registry().release();
    }

    /// Calls `act` with this thread's seat, seated if it can be.
    pub(super) fn seated<R>(&self, act: impl FnOnce(&Seat) -> R) -> R {
        with_seat(self.seat, |seat| {
            let may_sit = self.seat != NO_SEAT && !cfg!(feature = "hardened");
            if seat.own().is_null() && may_sit && super::exit::will_be_heard_of() {
                self.magazines.sit(seat);
            }
            act(seat)
        })
    }

    /// A run for `layout` from the magazines at this seat, if such a layout goes through them and they have one.
    #[inline]
    pub(crate) fn pop_run(&self, seat: &Seat, layout: Layout) -> Option<NonNull<u8>> {
        self.magazines.pop_run(seat, run_class(layout)?)
    }

    /// Puts a run of `layout` into the magazines at this seat, if such a layout goes through them and there is room.
    #[inline]
    pub(crate) fn push_run(&self, seat: &Seat, block: *mut u8, layout: Layout) -> bool {
        run_class(layout).is_some_and(|class| self.magazines.push_run(seat, class, block))
    }

    /// A block for `layout` that the magazines did not have; `None` where the limit, the region or the machine has no
    /// more.
    #[cold]
    #[inline(never)]
    pub(crate) fn allocate(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.allocate_either(layout).map(|(block, _)| block)
    }

    /// A block for `layout` that reads as zero. Calls `will_write` before any of its bytes is written.
    pub(crate) fn allocate_zeroed(
        &self,
        layout: Layout,
        will_write: impl FnOnce(NonNull<u8>),
    ) -> Option<NonNull<u8>> {
        let (block, zero) = self.allocate_either(layout)?;
        if !zero {
            will_write(block);
            // SAFETY: the block is the caller's alone, and holds at least this many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        Some(block)
    }

    /// A block, and whether it is known to read as zero.
    fn allocate_either(&self, layout: Layout) -> Option<(NonNull<u8>, bool)> {
        if self.is_frozen() {
            return None;
        }
        let route = Route::of(layout)?;
        let found = self.try_route(route).or_else(|| {
            self.relieve();
            self.try_route(route)
        });
        self.look_around();
        found
    }

    fn try_route(&self, route: Route) -> Option<(NonNull<u8>, bool)> {
        match route {
            Route::Small(class) => {
                self.seated(|seat| self.magazines.take(seat, class)).map(|block| (block, false))
            }
            _ if self.gauge.refuses_runs() => None,
            Route::Run(class) => self.magazines.take_pages(class.pages(), PAGE),
            Route::Pages { pages, align } => self.magazines.take_pages(pages, align),
        }
    }

    /// Takes back a block of `layout` that the magazines had no room for.
    ///
    /// # Safety
    /// The block came from this heap with this layout, and nobody uses it any more.
    #[cold]
    #[inline(never)]
    pub(crate) unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        if self.is_frozen() {
            return;
        }
        let Some(route) = Route::of(layout) else {
            Misuse::of(block, Claimed::Nothing, self.pools()).report();
        };
        self.give_route(block.as_ptr(), route);
    }

    /// Takes back a block whose layout is not known, as C's `free` does.
    ///
    /// # Safety
    /// The block came from this heap, and nobody uses it any more.
    pub(crate) unsafe fn deallocate_unsized(&self, block: NonNull<u8>) {
        if self.is_frozen() {
            return;
        }
        match self.route_of(block) {
            Some(route) => self.give_route(block.as_ptr(), route),
            None => Misuse::of(block, Claimed::Nothing, self.pools()).report(),
        }
    }

    /// Takes back a block of the process's heap that no magazine of size classes took, as C's `free` does.
    ///
    /// # Safety
    /// As for [`Core::deallocate_unsized`].
    #[cfg(feature = "c-face")]
    pub(crate) unsafe fn deallocate_missed(&self, block: NonNull<u8>) {
        if self.is_frozen() {
            return;
        }
        match self.route_of(block) {
            Some(Route::Run(class))
                if with_seat(self.seat, |seat| self.magazines.push_run(seat, class, block.as_ptr())) => {}
            Some(route) => self.give_route(block.as_ptr(), route),
            None => Misuse::of(block, Claimed::Nothing, self.pools()).report(),
        }
    }

    /// Makes the block at this address, whose layout is not known, hold what `new` asks for, in place if that can be done.
    /// A block that has room enough is left where it is, unless most of it would lie idle.
    ///
    /// # Safety
    /// The block came from this heap, at an alignment of at least `new`'s, and is given up if the call succeeds.
    #[cfg(feature = "c-face")]
    pub(crate) unsafe fn reallocate_unsized(&self, block: NonNull<u8>, new: Layout) -> Option<NonNull<u8>> {
        let Some(from) = self.route_of(block) else {
            Misuse::of(block, Claimed::Nothing, self.pools()).report();
        };
        let (to, has) = (Route::of(new)?, from.capacity());
        let is_filled = new.size() <= has && new.size() > has / 2 && from.run_pages().is_none();
        if from == to || is_filled || self.resize(block, from, to, new.align()) {
            return Some(block);
        }
        let Some(moved) = with_seat(self.seat, |seat| pop_any(seat, new)).or_else(|| self.allocate(new))
        else {
            return (new.size() <= has).then_some(block);
        };
        // SAFETY: both blocks hold the smaller of the two sizes, and the new one is nobody else's.
        unsafe { moved.copy_from_nonoverlapping(block, has.min(new.size())) };
        // SAFETY: the caller's promise.
        unsafe { self.deallocate_missed(block) };
        Some(moved)
    }

    fn give_route(&self, block: *mut u8, route: Route) {
        if cfg!(feature = "hardened") {
            self.fill_freed(block, route);
        }
        match route {
            Route::Small(class) => self.seated(|seat| self.magazines.give(seat, class, block)),
            Route::Run(class) => self.seated(|seat| self.magazines.give_run(seat, class, block)),
            Route::Pages { pages, .. } => self.magazines.give_pages(pages, block),
        }
        self.look_around();
    }

    /// Overwrites a block about to be freed, if it is one of this route: what is not is left for the free to report.
    fn fill_freed(&self, block: *mut u8, route: Route) {
        let Some(block) = NonNull::new(block) else { return };
        let is_run = |pages: u32| matches!(self.route_of(block).and_then(Route::run_pages), Some(found) if found == pages);
        let matches = match route {
            Route::Small(class) => self.route_of(block) == Some(Route::Small(class)),
            Route::Run(_) | Route::Pages { .. } => route.run_pages().is_some_and(is_run),
        };
        if matches {
            // SAFETY: the caller of the free has given the block up, and it holds this many bytes.
            unsafe { block.write_bytes(FREED, route.capacity()) };
            self.region().changed(block.as_ptr(), route.capacity());
        }
    }

    /// The route by which the block at this address was allocated, as the page table knows it.
    ///
    /// `None` for anything but the start of a block that is allocated, as far as a magazine lets this be seen.
    pub(crate) fn route_of(&self, block: NonNull<u8>) -> Option<Route> {
        let address = block.as_ptr().addr();
        if let Some((id, distance)) = self.pools().locate(address) {
            let slab = self.pools().slabs().at(id);
            let class = slab.class().filter(|_| slab.is_marked(id))?;
            return match slab.spot(shape(class), distance) {
                crate::pools::Spot::Start(block) if !slab.is_free(block) => Some(Route::Small(class)),
                _ => None,
            };
        }
        let (page, 0) = self.region().locate(address)? else { return None };
        let pages = self.whole_run(page)?;
        Some(RunClass::exactly(pages).map_or(Route::Pages { pages, align: PAGE }, Route::Run))
    }

    /// The pages of the run that starts at `page` and is one block.
    fn whole_run(&self, page: Page) -> Option<u32> {
        let tag = self.runs().tag(page);
        (tag.is(Kind::Whole) && tag.is_first()).then(|| self.runs().usable(tag.len()))
    }

    /// Whether a block starts at this address that was allocated with a layout like this one, and can be freed with it.
    pub(crate) fn is_block_of(&self, block: NonNull<u8>, layout: Layout) -> bool {
        let (found, wanted) = (self.route_of(block), Route::of(layout));
        match (found, wanted) {
            (Some(Route::Small(found)), Some(Route::Small(wanted))) => found == wanted,
            // Where no slab has room a small block is a run of its own.
            (Some(found), Some(Route::Small(wanted))) => found.run_pages() == Some(wanted.pages()),
            (Some(found), Some(wanted)) => {
                found.run_pages().is_some() && found.run_pages() == wanted.run_pages()
            }
            _ => false,
        }
    }

    /// The bytes that the block at this address holds; `None` if there is none.
    pub(crate) fn usable_size(&self, block: NonNull<u8>) -> Option<usize> {
        self.route_of(block).map(Route::capacity)
    }

    /// Makes a block of `old` one of `new`, in place if that can be done. Where it moves, `will_write` is called with its new
    /// place and how many bytes of it are written, before they are.
    ///
    /// # Safety
    /// The block came from this heap with layout `old`, and is given up if the call succeeds.
    pub(crate) unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
        will_write: impl FnOnce(NonNull<u8>, usize),
    ) -> Option<NonNull<u8>> {
        let (from, to) = (Route::of(old)?, Route::of(new)?);
        if from == to || self.resize(block, from, to, new.align()) {
            return Some(block);
        }
        let moved = with_seat(self.seat, |seat| pop_any(seat, new)).or_else(|| self.allocate(new))?;
        let kept = old.size().min(new.size());
        will_write(moved, kept);
        // SAFETY: both blocks hold the smaller of the two sizes, and the new one is nobody else's.
        unsafe { moved.copy_from_nonoverlapping(block, kept) };
        if !with_seat(self.seat, |seat| push_any(seat, block.as_ptr(), old)) {
            // SAFETY: the caller's promise.
            unsafe { self.deallocate(block, old) };
        }
        Some(moved)
    }

    /// Makes a run longer or shorter in place, if both routes are runs and nothing is in the way.
    fn resize(&self, block: NonNull<u8>, from: Route, to: Route, align: usize) -> bool {
        let (Some(old), Some(new)) = (from.run_pages(), to.run_pages()) else { return false };
        let address = block.as_ptr().addr();
        if self.is_frozen() || !address.is_multiple_of(align) || (new > old && self.gauge.refuses_runs()) {
            return false;
        }
        let resized = match self.region().locate(address) {
            Some((first, 0)) => self.runs().lock().resize(first, old, new).ok(),
            _ => None,
        };
        self.look_around();
        resized.unwrap_or_else(|| Misuse::of(block, Claimed::Pages(old), self.pools()).report())
    }

    /// Empties this thread's magazines and gives back everything that is free, to the pools and to the system.
    pub(crate) fn trim(&self) {
        if self.is_frozen() {
            return;
        }
        self.relieve();
        self.decay.purge_runs(self.runs(), u32::MAX);
    }

    /// See [`Magazines::settle`].
    pub(crate) fn settle(&self) {
        self.magazines.settle();
    }

    /// Brings what magazines and pools hold without need back to where any request can have it.
    #[cold]
    fn relieve(&self) {
        self.seated(|seat| self.magazines.take_idle(seat, true));
        for class in Class::all() {
            self.pools().lock(class).give_back(true);
        }
    }

    /// After a miss: has enough time passed, is memory running short?
    fn look_around(&self) {
        self.decay.look(self);
        self.gauge.look(self.runs());
    }
}

/// The run class of a layout that is too large for a size class and needs no more than a page's alignment.
#[inline]
fn run_class(layout: Layout) -> Option<RunClass> {
    if layout.size() <= SMALL_MAX || layout.align() > PAGE {
        return None;
    }
    RunClass::of_pages(pages_for(layout.size())?)
}

impl Misuse {
    fn of(block: NonNull<u8>, claimed: Claimed, pools: &Pools) -> Self {
        let address = block.as_ptr().addr();
        Self { address, claimed, found: pools.what_is(address) }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core")
            .field("magazines", &self.magazines)
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}
