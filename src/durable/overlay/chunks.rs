//! Memory for lines: chunks that never move, and are filled one after the other.
//!
//! 1. Lines that are appended together lie in one chunk, one after the other.
//! 2. A chunk is memory of the system's own, which reads as zero: all of its lines can be read, whether they were written or
//!    not.

use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

use crate::durable::lines::{LINES, Line};
use crate::os;
use crate::region::prefetch;
use crate::units::{HUGE, LINE, PAGE, low32};

/// Bytes of a chunk, which are a multiple of themselves in address space too. Few in tests, so that many end.
const BYTES: usize = if cfg!(test) { 2 * PAGE } else { HUGE };

/// Lines of a chunk.
const CHUNK: usize = BYTES / LINE;

const _: () = assert!(CHUNK >= LINES && CHUNK.is_power_of_two());

/// Lines, which are found by the places that they were given.
#[derive(Default)]
pub(super) struct Chunks {
    chunks: Vec<Chunk>,
    /// Lines of the last chunk that are in use.
    used: usize,
    lines: usize,
}

impl Chunks {
    /// How many lines there are.
    pub(super) fn lines(&self) -> usize {
        self.lines
    }

    /// Adds lines, at most those of a page, and says where the first is; the others follow it.
    pub(super) fn append(&mut self, lines: &[Line]) -> u32 {
        let place = self.room_for(lines.len());
        self.chunks[place / CHUNK].lines_mut()[place % CHUNK..][..lines.len()].copy_from_slice(lines);
        low32(place)
    }

    /// Adds one line, and says where it is.
    #[inline]
    pub(super) fn push(&mut self, line: &Line) -> u32 {
        let place = self.room_for(1);
        self.chunks[place / CHUNK].lines_mut()[place % CHUNK] = *line;
        low32(place)
    }

    #[inline]
    fn room_for(&mut self, count: usize) -> usize {
        debug_assert!(count <= LINES);
        if self.chunks.is_empty() || self.used + count > CHUNK {
            self.grow();
        }
        let place = (self.chunks.len() - 1) * CHUNK + self.used;
        self.used += count;
        self.lines += count;
        place
    }

    #[cold]
    fn grow(&mut self) {
        // A page at a time costs a fault for every sixty-four lines. But few heaps ever fill the first chunk.
        let huge = !self.chunks.is_empty();
        self.chunks.push(Chunk::new(huge));
        self.used = 0;
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> &Line {
        let place = place as usize;
        &self.chunks[place / CHUNK].lines()[place % CHUNK]
    }

    #[inline]
    pub(super) fn set(&mut self, place: u32, line: &Line) {
        let place = place as usize;
        self.chunks[place / CHUNK].lines_mut()[place % CHUNK] = *line;
    }

    /// Asks the processor for a line.
    #[inline]
    pub(super) fn prefetch(&self, place: u32) {
        prefetch(self.get(place));
    }
}

impl fmt::Debug for Chunks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunks").field("lines", &self.lines).finish()
    }
}

/// One of them.
struct Chunk(NonNull<[Line; CHUNK]>);

// SAFETY: a chunk owns its memory.
unsafe impl Send for Chunk {}
// SAFETY: as above; through a shared reference it is only read.
unsafe impl Sync for Chunk {}

impl Chunk {
    /// Lines of zeros. Memory that is not there ends the process, as it does wherever a vector grows.
    fn new(huge: bool) -> Self {
        Self::reserved(huge)
            .unwrap_or_else(|_| std::alloc::handle_alloc_error(Layout::new::<[Line; CHUNK]>()))
    }

    fn reserved(huge: bool) -> Result<Self, os::Fault> {
        let base = os::reserve(BYTES, BYTES)?;
        // Its owner from here on.
        let chunk = Self(base.cast());
        // SAFETY: whole pages of the range just reserved.
        unsafe { os::commit(base.as_ptr(), BYTES) }?;
        if huge {
            // A refusal costs time only.
            // SAFETY: as above.
            let _ = unsafe { os::advise_huge(base.as_ptr(), BYTES, true) };
        }
        Ok(chunk)
    }

    #[inline]
    fn lines(&self) -> &[Line; CHUNK] {
        // SAFETY: memory of so many lines, which is the chunk's, reads as zero where nothing was written, and is written
        // through unique references to the chunk only.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn lines_mut(&mut self) -> &mut [Line; CHUNK] {
        // SAFETY: as above, and the reference to the chunk is unique.
        unsafe { self.0.as_mut() }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: reserved in `reserved`, and whoever drops the chunk has no line of it.
        unsafe { os::release(self.0.cast(), BYTES) };
    }
}
