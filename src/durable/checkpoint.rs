//! Bringing what is committed into the base, while commits go on.
//!
//! Commits want the same disk and the same processors. So a checkpoint goes through the base from its front to its back, in
//! *pieces*: a piece is written and made durable, and then as much time is left to others as that took. A commit never waits
//! for more than a piece.
//!
//! 1. Nothing is written before the log durably holds it.
//! 2. The gate is held for as long as something is being written.
//! 3. What is given back comes after what is written, since pages between others are written with them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;

use super::base::{Written, write_near};
use super::errors::of_storage;
use super::holes::Holes;
use super::layout::Layout;
use super::overlay::Frozen;
use super::planted::Planted;
use super::span::{PageSpan, SpanSet};
use super::storage::{StorageError, StoredFile};

/// A piece ends when so many pages were written, or so many writes made.
const PIECE_PAGES: usize = if cfg!(test) { 16 } else { 256 };
const PIECE_WRITES: usize = if cfg!(test) { 8 } else { 128 };

/// Everything that was committed up to some moment, on its way into the base.
#[derive(Debug)]
pub(crate) struct Checkpoint<F> {
    pub(super) base: Arc<F>,
    pub(super) gate: Arc<Mutex<()>>,
    /// The log, if there are commits in it that a loss of power would take.
    pub(super) log: Option<Arc<F>>,
    pub(super) frozen: Frozen,
    pub(super) layout: Layout,
    pub(super) holes: Arc<Holes>,
    /// Pages that the commit has free: none of their lines is written, and those that are marked are given back.
    pub(super) free: SpanSet,
    /// Pages that could not be given back, and of which nobody knows what they hold.
    pub(super) lost: Option<PageSpan>,
    pub(super) applied: u64,
    pub(super) image_pages: u64,
}

impl<F: StoredFile> Checkpoint<F> {
    /// Writes it, durably, when no snapshot needs the base as it is. After each piece `pause` is told how long that took;
    /// without it, all is one piece.
    pub(super) fn write(&mut self, pause: Option<&mut dyn FnMut(Duration)>) -> Result<(), Error> {
        if let Some(log) = self.log.as_ref().filter(|_| !Planted::LogNotSynced.is_there()) {
            log.sync().map_err(of_storage)?;
        }
        self.write_pages(pause).map_err(of_storage)?;
        if Planted::BaseNotSynced.is_there() {
            return Ok(());
        }
        self.base.sync().map_err(of_storage)
    }

    fn write_pages(&mut self, mut pause: Option<&mut dyn FnMut(Duration)>) -> Result<(), StorageError> {
        let _base_is_ours = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut piece = Piece { written: Written::default(), begun: Instant::now() };
        let Self { frozen, free, .. } = self;
        let pages = frozen.pages().filter(|page| !free.contains(page.page));
        write_near(&*self.base, &self.layout, pages, |written| {
            if let Some(pause) = &mut pause
                && let Some(took) = piece.end(&*self.base, written)?
            {
                pause(took);
                piece.begun = Instant::now();
            }
            Ok(())
        })?;
        self.lost = self.holes.give_back(&*self.base);
        Ok(())
    }
}

/// What is written before others may have the disk again.
struct Piece {
    written: Written,
    begun: Instant,
}

impl Piece {
    /// Makes the piece durable if it is long enough now; says how long it took.
    fn end(&mut self, base: &impl StoredFile, written: Written) -> Result<Option<Duration>, StorageError> {
        self.written.pages += written.pages;
        self.written.writes += written.writes;
        let is_long = self.written.pages >= PIECE_PAGES || self.written.writes >= PIECE_WRITES;
        if !is_long || Planted::BaseNotSynced.is_there() {
            return Ok(None);
        }
        base.sync()?;
        self.written = Written::default();
        Ok(Some(self.begun.elapsed()))
    }
}
