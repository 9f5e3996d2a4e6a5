//! How a heap is to be, and making it so.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::{BufferHeap, Heap, buffer};
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

    /// Makes a heap of this region, which `begin` puts in order unless it refuses to.
    ///
    /// # Safety
    /// The region's header and tables hold a heap, or zeros.
    pub(super) unsafe fn over(
        &self,
        region: Region,
        begin: impl FnOnce(&Core) -> Result<(), Error>,
    ) -> Result<Heap, Error> {
        // SAFETY: the caller's promise.
        let core = unsafe { self.place(region, take_seat) }?;
        let begun = {
            // SAFETY: the core was just placed.
            let core = unsafe { core.as_ref() };
            begin(core)
        };
        if let Err(error) = begun {
            // SAFETY: placed above, and nobody else knows it.
            unsafe { discard(core) };
            return Err(error);
        }
        self.finish(core, |_| {})
    }

    /// The same for a heap that is only looked at, in which no thread has magazines. `begin` puts it in order unless
    /// `verified` refuses to.
    ///
    /// # Safety
    /// As for [`HeapOptions::over`].
    pub(super) unsafe fn over_image(
        &self,
        region: Region,
        verified: impl FnOnce(&Core) -> Result<(), Error>,
        begin: fn(&Core),
    ) -> Result<Heap, Error> {
        // SAFETY: the caller's promise.
        let core = unsafe { self.place(region, || NO_SEAT) }?;
        let result = {
            // SAFETY: the core was just placed.
            let core = unsafe { core.as_ref() };
            verified(core)
        };
        if let Err(error) = result {
            // SAFETY: placed above, and nobody else knows it. It has no seat of its own.
            unsafe { unplace(core) };
            return Err(error);
        }
        self.finish(core, begin)
    }

    /// The same for an image of which only the bounds were compared: makes it a heap if the checker finds nothing, and
    /// otherwise returns what it found. A region of zeros is formatted.
    ///
    /// # Safety
    /// The region's header and tables are usable as far as the header's words refer to them.
    pub(super) unsafe fn over_unchecked(
        &self,
        region: Region,
        is_new: bool,
    ) -> Result<Result<Heap, Report>, Error> {
        // SAFETY: any bytes will do for looking at them: the checker believes none before it has compared it.
        let core = unsafe { self.place(region, take_seat) }?;
        if is_new {
            return self.finish(core, Core::format).map(Ok);
        }
        let report = {
            // SAFETY: the core was just placed.
            let core = unsafe { core.as_ref() };
            core.check()
        };
        if report.is_clean() {
            return self.finish(core, Core::take_up).map(Ok);
        }
        // SAFETY: placed above, and nobody else knows it.
        unsafe { discard(core) };
        Ok(Err(report))
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
        self.finish(core, Core::format)
    }

    /// Makes a heap in a buffer; see [`Heap::in_buffer`].
    ///
    /// # Errors
    /// [`Error::BufferTooSmall`], [`Error::LimitTooSmall`].
    pub fn in_buffer(self, memory: &mut [u8]) -> Result<BufferHeap<'_>, Error> {
        let region = buffer::fresh(memory)?;
        // SAFETY: the region's header and tables were just cleared.
        let core = unsafe { self.place(region, take_seat) }?;
        Ok(BufferHeap::new(self.finish(core, Core::format)?))
    }

    /// Takes up the image in a buffer; see [`Heap::attach`].
    ///
    /// # Errors
    /// [`Error::NotAnImage`], [`Error::Damaged`], [`Error::BufferTooSmall`], [`Error::LimitTooSmall`].
    pub fn attach(self, memory: &mut [u8]) -> Result<BufferHeap<'_>, Error> {
        let region = buffer::image(memory)?;
        // SAFETY: the region holds an image that has been checked.
        let core = unsafe { self.place(region, take_seat) }?;
        Ok(BufferHeap::new(self.finish(core, Core::take_up)?))
    }

    /// Puts a core for this region where it can stay.
    ///
    /// # Safety
    /// The region's header and tables hold a checked heap, or zeros.
    unsafe fn place(&self, region: Region, seat: fn() -> usize) -> Result<NonNull<Core>, Error> {
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
        Ok(place)
    }

    /// Makes a placed core a heap: `begin` puts its region in order before anybody else can see it.
    fn finish(&self, core: NonNull<Core>, begin: impl FnOnce(&Core)) -> Result<Heap, Error> {
        {
            // SAFETY: the core was just placed.
            let core = unsafe { core.as_ref() };
            begin(core);
            core.set_thresholds(self.thresholds);
            core.set_limit(self.limit);
            if let Some(callback) = self.on_pressure {
                core.set_callback(callback);
            }
            if self.initial > 0 && !core.region().is_buffer() {
                let pages = low32(self.initial.div_ceil(PAGE).min(u32::MAX as usize));
                // Not being able to is noticed when the memory is needed.
                let _ = core.region().grow(pages);
            }
        }
        // SAFETY: the core stays where it is until its handle is dropped, which removes it first.
        unsafe { add(core.as_ptr()) };
        // SAFETY: placed, added, and nobody else's.
        Ok(unsafe { Heap::owning(core) })
    }
}

/// Drops a core that did not become a heap's, and gives back its place and its seat.
///
/// # Safety
/// `core` came from [`HeapOptions::place`] with a seat of its own, and nobody else knows it.
unsafe fn discard(core: NonNull<Core>) {
    let seat = {
        // SAFETY: the caller's promise.
        let core = unsafe { core.as_ref() };
        core.seat()
    };
    // SAFETY: the same.
    unsafe { unplace(core) };
    give_seat(seat);
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
