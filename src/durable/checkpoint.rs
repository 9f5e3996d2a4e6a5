//! Bringing what is committed into the base, while commits go on.
//!
//! Commits want the same disk and the same processors. So a checkpoint goes through the base from its front to its back, in
//! *pieces*: a piece is written and made durable, and then as much time is left to others as that took. A commit never waits
//! for more than a piece.
//!
//! 1. What is written is what is committed: lines of the overlay, and between them what the base has already.
//! 2. The pages between two pages of a stretch lie between them in the heap as well: they belong to the commit too, and no
//!    commit that is being made writes to their place.
//! 3. The gate is held for as long as something is being written.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::units::{LINE, PAGE};

use super::errors::of_storage;
use super::layout::Layout;
use super::lines::Line;
use super::overlay::{Frozen, PatchedPage};
use super::planted::Planted;
use super::storage::{StorageError, StoredFile};

/// So many pages between two are written as well rather than two writes made of it: a page more costs the disk and the
/// processor a tenth of what another write costs them.
const GAP: u64 = 8;
/// The longest stretch, in pages.
const STRETCH: u64 = 256;
/// A piece ends when so many bytes of it were written, or so many writes made.
const PIECE_BYTES: usize = if cfg!(test) { 64 << 10 } else { 1 << 20 };
const PIECE_WRITES: usize = if cfg!(test) { 8 } else { 128 };

/// Everything that was committed up to some moment, on its way into the base.
#[derive(Debug)]
pub(crate) struct Checkpoint<F> {
    pub(super) base: Arc<F>,
    pub(super) gate: Arc<Mutex<()>>,
    pub(super) frozen: Frozen,
    pub(super) layout: Layout,
    pub(super) applied: u64,
    pub(super) image_pages: u64,
}

impl<F: StoredFile> Checkpoint<F> {
    /// Writes it, durably, when no snapshot needs the base as it is. After each piece `pause` is told how long that took.
    pub(super) fn write(&mut self, pause: impl FnMut(Duration)) -> Result<(), Error> {
        self.write_pages(pause).map_err(of_storage)?;
        if Planted::BaseNotSynced.is_there() {
            return Ok(());
        }
        self.base.sync().map_err(of_storage)
    }

    fn write_pages(&mut self, mut pause: impl FnMut(Duration)) -> Result<(), StorageError> {
        let _base_is_ours = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut writer, layout) = (Writer::new(&*self.base), self.layout);
        let mut pages = self.frozen.pages().peekable();
        let mut stretch: Vec<PatchedPage<'_>> = Vec::new();
        while let Some(page) = pages.next() {
            if let Some(took) = writer.end_piece()? {
                pause(took);
            }
            let (first, mut last) = (page.page, page.page);
            stretch.push(page);
            while let Some(next) =
                pages.next_if(|next| next.page - first < STRETCH && is_near(&layout, last, next.page))
            {
                last = next.page;
                stretch.push(next);
            }
            writer.write(&stretch)?;
            stretch.clear();
        }
        Ok(())
    }
}

/// Whether everything between two pages of the file is to be written with them.
fn is_near(layout: &Layout, page: u64, next: u64) -> bool {
    let place = |page: u64| layout.heap_offset(page * PAGE as u64);
    let apart = next - page;
    apart == 1
        || apart <= GAP + 1
            && place(page)
                .zip(place(next))
                .is_some_and(|(page, next)| (next - page) as u64 == apart * PAGE as u64)
}

/// Writes stretches to the base, piece by piece.
struct Writer<'a, F> {
    base: &'a F,
    row: Vec<Line>,
    pages: Vec<[u8; PAGE]>,
    /// What was written of this piece, and since when.
    bytes: usize,
    writes: usize,
    begun: Instant,
}

impl<'a, F: StoredFile> Writer<'a, F> {
    fn new(base: &'a F) -> Self {
        Self { base, row: Vec::new(), pages: Vec::new(), bytes: 0, writes: 0, begun: Instant::now() }
    }

    /// Writes pages that are near each other.
    fn write(&mut self, stretch: &[PatchedPage<'_>]) -> Result<(), StorageError> {
        let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else { return Ok(()) };
        if self.writes == 0 {
            self.begun = Instant::now();
        }
        if stretch.len() == 1 {
            self.writes += write_rows(self.base, first, &mut self.row)?;
            self.bytes += PAGE;
            return Ok(());
        }
        let (offset, count) = (first.page * PAGE as u64, last.page - first.page + 1);
        self.pages.resize(usize::try_from(count).unwrap_or(0), [0; PAGE]);
        self.base.read_at(offset, self.pages.as_flattened_mut())?;
        for page in stretch {
            let place = usize::try_from(page.page - first.page).unwrap_or(0);
            let (lines, _) = self.pages[place].as_chunks_mut::<LINE>();
            page.lines().for_each(|(line, value)| lines[line] = *value);
        }
        self.base.write_at(offset, self.pages.as_flattened())?;
        self.writes += 1;
        self.bytes += self.pages.len() * PAGE;
        Ok(())
    }

    /// Makes the piece durable if it is long enough; says how long it took.
    fn end_piece(&mut self) -> Result<Option<Duration>, StorageError> {
        let is_long = self.bytes >= PIECE_BYTES || self.writes >= PIECE_WRITES;
        if !is_long || Planted::BaseNotSynced.is_there() {
            return Ok(None);
        }
        self.base.sync()?;
        (self.bytes, self.writes) = (0, 0);
        Ok(Some(self.begun.elapsed()))
    }
}

/// Writes the lines of a page to their place, those in a row together; says how many rows that were.
pub(super) fn write_rows(
    base: &impl StoredFile,
    page: &PatchedPage<'_>,
    row: &mut Vec<Line>,
) -> Result<usize, StorageError> {
    let place = |line: usize| page.page * PAGE as u64 + (line * LINE) as u64;
    let (mut end, mut rows) = (0, 1);
    for (line, value) in page.lines() {
        if line != end && !row.is_empty() {
            base.write_at(place(end - row.len()), row.as_flattened())?;
            row.clear();
            rows += 1;
        }
        row.push(*value);
        end = line + 1;
    }
    base.write_at(place(end - row.len()), row.as_flattened())?;
    row.clear();
    Ok(rows)
}
