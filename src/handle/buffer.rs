//! Heaps in memory that the caller owns.
//!
//! The region starts at the buffer's first page boundary. An image that lies elsewhere, because the buffer was copied to
//! one that is aligned otherwise, is moved there first: offsets count from the image's own start.

use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, Range};
use core::ptr::NonNull;

use super::Heap;
use crate::error::Error;
use crate::heap::{Core, Header, SIZES};
use crate::magazines::{CACHES_MAX, NO_SEAT};
use crate::region::{Plan, Region, Sizes, Zone};
use crate::units::{PAGE, low32};

/// One thread's magazines may take this share of a buffer; in a small one threads go without.
const CACHE_SHARE: usize = 64;
const BUFFER_CACHES_MAX: usize = 64;

/// A [`Heap`] in a buffer, which stays borrowed as long as the heap lives.
pub struct BufferHeap<'buffer> {
    heap: Heap,
    buffer: PhantomData<&'buffer mut [u8]>,
}

impl BufferHeap<'_> {
    /// `heap` lies in a buffer that is borrowed for this lifetime.
    pub(super) fn new(heap: Heap) -> Self {
        Self { heap, buffer: PhantomData }
    }
}

impl Deref for BufferHeap<'_> {
    type Target = Heap;

    fn deref(&self) -> &Heap {
        &self.heap
    }
}

impl fmt::Debug for BufferHeap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BufferHeap").field(&self.heap).finish()
    }
}

/// The part of the buffer from its first page boundary on.
fn aligned(memory: &mut [u8]) -> &mut [u8] {
    let lead = memory.as_ptr().align_offset(PAGE);
    memory.get_mut(lead..).unwrap_or_default()
}

/// A region over the buffer, all zeros but for the pages.
pub(super) fn fresh(memory: &mut [u8]) -> Result<Region, Error> {
    let memory = aligned(memory);
    let caches = (memory.len() / CACHE_SHARE / SIZES.cache).min(BUFFER_CACHES_MAX);
    let sizes = Sizes { caches: low32(caches), ..SIZES };
    let Some(plan) = Plan::fitting(&sizes, memory.len()) else {
        return Err(Error::BufferTooSmall { found: memory.len(), expected: Plan::packed(&sizes, 1).bytes() });
    };
    memory[..plan.start(Zone::Pages)].fill(0);
    Ok(over(memory, plan))
}

/// A region over the image in the buffer, which has been checked.
pub(super) fn image(memory: &mut [u8]) -> Result<Region, Error> {
    let (start, plan) = find(memory)?;
    let lead = memory.as_ptr().align_offset(PAGE).min(memory.len());
    let room = memory.len() - lead;
    if plan.bytes() > room {
        return Err(Error::BufferTooSmall { found: room, expected: plan.bytes() });
    }
    let moved = Moved::new(memory, start..start + plan.bytes(), lead);
    let region = over(&mut memory[lead..], plan);
    let report = {
        // SAFETY: any bytes will do for looking at them: the checker believes none before it has compared it.
        let core = unsafe { Core::new(region, NO_SEAT) };
        core.check()
    };
    if !report.is_clean() {
        moved.undo(memory);
        return Err(Error::Damaged(Box::new(report)));
    }
    Ok(over(&mut memory[lead..], plan))
}

/// An image that was moved within its buffer, by less than a page.
struct Moved {
    from: Range<usize>,
    to: usize,
    /// What lay in its new place and not in the old one.
    covered: Range<usize>,
    before: [u8; PAGE],
}

impl Moved {
    fn new(memory: &mut [u8], from: Range<usize>, to: usize) -> Self {
        let end = to + from.len();
        let covered = if to < from.start { to..from.start } else { from.end..end };
        let mut before = [0; PAGE];
        before[..covered.len()].copy_from_slice(&memory[covered.clone()]);
        memory.copy_within(from.clone(), to);
        Self { from, to, covered, before }
    }

    fn undo(self, memory: &mut [u8]) {
        memory.copy_within(self.to..self.to + self.from.len(), self.from.start);
        memory[self.covered.clone()].copy_from_slice(&self.before[..self.covered.len()]);
    }
}

/// Lays a region over the start of `memory`, whose pages are aligned and for which the plan was made.
fn over(memory: &mut [u8], plan: Plan) -> Region {
    assert!(plan.bytes() <= memory.len());
    // SAFETY: the bytes are borrowed for as long as the heap lives (`BufferHeap`), and `aligned` saw to the alignment.
    unsafe { Region::over(NonNull::from(memory).cast(), plan) }
}

/// Where in the buffer the image starts, and its plan.
///
/// It started at a page boundary when it was made, so it is looked for at this buffer's first, and then at every line
/// within a page.
fn find(memory: &mut [u8]) -> Result<(usize, Plan), Error> {
    let lead = memory.as_ptr().align_offset(PAGE);
    let first = geometry(memory, lead);
    let (start, found) = match first {
        Ok(found) => (lead, found),
        Err(refused) => (0..PAGE)
            .find_map(|start| geometry(memory, start).ok().map(|found| (start, found)))
            .ok_or(refused)?,
    };
    let (pages, caches) = found;
    let sizes = Sizes { caches, ..SIZES };
    let room = memory.len() - start;
    // Compared first, so that what follows cannot overflow.
    if pages as usize > room / PAGE || caches > CACHES_MAX || Plan::packed(&sizes, pages).bytes() > room {
        return Err(Error::BufferTooSmall { found: room, expected: (pages as usize).saturating_mul(PAGE) });
    }
    Ok((start, Plan::packed(&sizes, pages)))
}

/// What the header at `start` says, read from a copy that is aligned.
fn geometry(memory: &[u8], start: usize) -> Result<(u32, u32), Error> {
    let bytes = memory.get(start..).and_then(|rest| rest.get(..size_of::<Header>()));
    let Some(bytes) = bytes else {
        return Err(Error::BufferTooSmall { found: memory.len(), expected: start + size_of::<Header>() });
    };
    let mut copy = core::mem::MaybeUninit::<Header>::uninit();
    // SAFETY: as many bytes are read as the copy has, and they do not overlap.
    unsafe { copy.as_mut_ptr().cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    // SAFETY: a header is made of atomic integers, for which any bytes are valid.
    let header = unsafe { copy.assume_init_ref() };
    header.geometry().map_err(|refused| {
        let (field, found, expected) = refused.parts();
        Error::NotAnImage { field, found, expected }
    })
}
