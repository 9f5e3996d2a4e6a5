//! How a heap is to be, and making it so.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{BufferHeap, Heap, buffer};
use crate::durable::PARTS;
use crate::error::Error;
use crate::heap::{Core, Pressure, Report, SIZES, Thresholds, add, give_seat, take_seat};
use crate::magazines::NO_SEAT;
use crate::os;
use crate::region::Region;
use crate::units::{PAGE, low32};

/// Room for 64 GiB.
const RESERVATION: usize = 64 << 30;

/// How a new heap is to be.
///
/// ```
/// use outlive::Heap;
///
/// let heap = Heap::options().limit(8 << 20).in_memory()?;
/// let layout = std::alloc::Layout::new::<[u8; 16 << 20]>();
/// assert!(heap.allocate(layout).is_err());
/// # Ok::<(), outlive::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct HeapOptions {
    limit: Option<usize>,
    reservation: usize,
    initial: usize,
    thresholds: Thresholds,
    on_pressure: Option<fn(Pressure)>,
}

impl Default for HeapOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl HeapOptions {
    /// No limit, room for 64 GiB, nothing usable before it is needed.
    pub fn new() -> Self {
        Self {
            limit: None,
            reservation: RESERVATION,
            initial: 0,
            thresholds: Thresholds::default(),
            on_pressure: None,
        }
    }

    /// The most bytes of pages that may be in use, by slabs and large blocks together. More is refused with an error.
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = Some(bytes);
        self
    }

    /// How many bytes the heap can ever grow to. Address space for them is taken at once; memory is not.
    pub fn reservation(mut self, bytes: usize) -> Self {
        self.reservation = bytes;
        self
    }

    /// How many bytes are made usable at once; they still cost no memory until they are touched.
    pub fn initial(mut self, bytes: usize) -> Self {
        self.initial = bytes;
        self
    }

    /// The shares of the limit at which the level of pressure rises: 75, 85 and 95 percent unless this says otherwise.
    pub fn thresholds(mut self, thresholds: Thresholds) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// Is called whenever the level of pressure has changed, by the thread whose request changed it, which holds no
    /// lock of the heap's and may free what it likes.
    pub fn on_pressure(mut self, callback: fn(Pressure)) -> Self {
        self.on_pressure = Some(callback);
        self
    }

    pub(super) fn reserved(&self) -> usize {
        self.reservation
    }

    /// Makes a heap of these regions, each of which `begin` puts in order unless it refuses to.
    ///
    /// # Safety
    /// The regions' headers and tables hold heaps, or zeros.
    pub(super) unsafe fn over(
        &self,
        regions: [Region; PARTS],
        begin: impl Fn(usize, &Core) -> Result<(), Error>,
    ) -> Result<Heap, Error> {
        // SAFETY: the caller's promise.
        let cores = unsafe { self.place_both(regions, take_seat) }?;
        for (number, core) in cores.iter().enumerate() {
            begin(number, core.get())?;
        }
        Ok(self.finish_both(cores))
    }

    /// The same for a heap that is only looked at, in which no thread has magazines. `begin` puts each region in
    /// order unless it refuses to.
    ///
    /// # Safety
    /// As for [`HeapOptions::over`].
    pub(super) unsafe fn over_image(
        &self,
        regions: [Region; PARTS],
        begin: impl Fn(usize, &Core) -> Result<(), Error>,
    ) -> Result<Heap, Error> {
        // SAFETY: the caller's promise.
        let cores = unsafe { self.place_both(regions, || NO_SEAT) }?;
        for (number, core) in cores.iter().enumerate() {
            begin(number, core.get())?;
        }
        Ok(self.finish_both(cores))
    }

    /// The same for images of which only the bounds were compared: makes them a heap if the checker finds nothing, and
    /// otherwise returns what it found. A region of zeros is formatted.
    ///
    /// # Safety
    /// The regions' headers and tables are usable as far as the headers' words refer to them.
    pub(super) unsafe fn over_unchecked(
        &self,
        regions: [Region; PARTS],
        is_new: [bool; PARTS],
    ) -> Result<Result<Heap, Report>, Error> {
        // SAFETY: any bytes will do for looking at them: the checker believes none before it has compared it.
        let cores = unsafe { self.place_both(regions, take_seat) }?;
        let mut report = Report::new();
        for (core, _) in cores.iter().zip(is_new).filter(|(_, is_new)| !is_new) {
            report.join(&core.get().check());
        }
        if !report.is_clean() {
            return Ok(Err(report));
        }
        for (core, is_new) in cores.iter().zip(is_new) {
            if is_new {
                core.get().format();
            } else if let Err(report) = core.get().take_up() {
                return Ok(Err(*report));
            }
        }
        Ok(Ok(self.finish_both(cores)))
    }

    /// Puts a core for each region where it can stay. They count against one limit.
    ///
    /// # Safety
    /// As for [`HeapOptions::place`].
    unsafe fn place_both(
        &self,
        regions: [Region; PARTS],
        seat: fn() -> usize,
    ) -> Result<[Placed; PARTS], Error> {
        let [untracked, tracked] = regions;
        // SAFETY: the caller's promise.
        let untracked = unsafe { self.place(untracked, seat) }?;
        // SAFETY: the same.
        let tracked = unsafe { self.place(tracked, seat) }?;
        let runs = [&untracked, &tracked].map(|core| core.get().runs());
        // SAFETY: both are dropped together, or with the heap that they become.
        unsafe { runs[0].share_limit(runs[1]) };
        // SAFETY: the same.
        unsafe { runs[1].share_limit(runs[0]) };
        Ok([untracked, tracked])
    }

    /// Makes a heap in memory.
    ///
    /// # Errors
    /// [`Error::NoMemory`] where the system has no address space for it, [`Error::LimitTooSmall`].
    pub fn in_memory(self) -> Result<Heap, Error> {
        let pages = low32(self.reservation.div_ceil(PAGE).clamp(1, u32::MAX as usize));
        let region =
            Region::reserve(&SIZES, pages, pages).map_err(|fault| no_memory(self.reservation, fault))?;
        // SAFETY: the region is fresh, and so all zeros.
        let core = unsafe { self.place(region, take_seat) }?;
        core.get().format();
        Ok(self.finish(core))
    }

    /// Makes a heap in a buffer; see [`Heap::in_buffer`].
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::LimitTooSmall`].
    pub fn in_buffer(self, memory: &mut [u8]) -> Result<BufferHeap<'_>, Error> {
        let region = buffer::fresh(memory)?;
        // SAFETY: the region's header and tables were just cleared.
        let core = unsafe { self.place(region, take_seat) }?;
        core.get().format();
        Ok(BufferHeap::new(self.finish(core)))
    }

    /// Takes up the image in a buffer; see [`Heap::attach`].
    ///
    /// # Errors
    /// [`Error::NotAnImage`], [`Error::Damaged`], [`Error::BufferTooSmall`], [`Error::LimitTooSmall`].
    pub fn attach(self, memory: &mut [u8]) -> Result<BufferHeap<'_>, Error> {
        let region = buffer::image(memory)?;
        // SAFETY: the region holds an image that has been checked.
        let core = unsafe { self.place(region, take_seat) }?;
        core.get().take_up().map_err(Error::Damaged)?;
        Ok(BufferHeap::new(self.finish(core)))
    }

    /// Puts a core for this region where it can stay.
    ///
    /// # Safety
    /// The region's header and tables hold a checked heap, or zeros.
    unsafe fn place(&self, region: Region, seat: fn() -> usize) -> Result<Placed, Error> {
        if let Some(limit) = self.limit.filter(|limit| *limit < PAGE) {
            return Err(Error::LimitTooSmall { found: limit, expected: PAGE });
        }
        // SAFETY: a core is not empty.
        let place = unsafe { std::alloc::alloc(Layout::new::<Core>()) };
        #[allow(clippy::cast_ptr_alignment, reason = "allocated with the alignment of a core")]
        let place = place.cast::<Core>();
        let Some(place) = NonNull::new(place) else {
            return Err(no_memory(size_of::<Core>(), os::Fault::NOMEM));
        };
        // SAFETY: the caller's promise.
        let core = unsafe { Core::new(region, seat()) };
        // SAFETY: the memory is fresh, and large and aligned enough.
        unsafe { place.write(core) };
        Ok(Placed(place))
    }

    /// Makes a placed core, whose region is in order, a heap.
    fn finish(&self, core: Placed) -> Heap {
        self.prepare(core.get());
        if self.initial > 0 && !core.get().region().is_buffer() {
            let pages = low32(self.initial.div_ceil(PAGE).min(u32::MAX as usize));
            // Not being able to is noticed when the memory is needed.
            let _ = core.get().region().grow(pages);
        }
        Heap::owning(core.list())
    }

    /// Makes two placed cores, whose regions are in order, a heap with a tracked part.
    fn finish_both(&self, [untracked, tracked]: [Placed; PARTS]) -> Heap {
        self.prepare(tracked.get());
        // First, so that it comes last wherever all heaps are gone through: a fork takes locks in the order of a commit.
        let tracked = tracked.list();
        let mut heap = self.finish(untracked);
        heap.tracked = tracked;
        heap
    }

    fn prepare(&self, core: &Core) {
        core.set_thresholds(self.thresholds);
        core.set_limit(self.limit);
        if let Some(callback) = self.on_pressure {
            core.set_callback(callback);
        }
    }
}

/// A core that is in its place and in no list; it goes with this.
struct Placed(NonNull<Core>);

impl Placed {
    fn get(&self) -> &Core {
        // SAFETY: the core was placed, and goes with this or later.
        unsafe { self.0.as_ref() }
    }

    /// Shows the core to the process.
    fn list(self) -> NonNull<Core> {
        let core = self.0;
        core::mem::forget(self);
        // SAFETY: the core stays where it is until its handle is dropped, which removes it first.
        unsafe { add(core.as_ptr()) };
        core
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        let seat = self.get().seat();
        // SAFETY: the core came from `HeapOptions::place`, and nobody else knows it.
        unsafe { unplace(self.0) };
        give_seat(seat);
    }
}

/// Drops a core and gives back its place.
///
/// # Safety
/// `core` came from [`HeapOptions::place`], and nobody uses it any more.
pub(super) unsafe fn unplace(core: NonNull<Core>) {
    // SAFETY: the caller's promise.
    unsafe { core.drop_in_place() };
    // SAFETY: `place` allocated it with this layout.
    unsafe { std::alloc::dealloc(core.as_ptr().cast(), Layout::new::<Core>()) };
}

fn no_memory(bytes: usize, fault: os::Fault) -> Error {
    Error::NoMemory { bytes, code: fault.raw_os_error() }
}
