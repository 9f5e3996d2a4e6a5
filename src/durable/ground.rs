//! The file as what a region stands on: it has the space before memory is promised, and before pages that were free are used
//! again.
//!
//! Where there is no space, nothing is wrong: the request gets no memory, and the heap goes on. Any other fault is kept for the
//! next commit, which says what it was: as after any fault of the storage, there is none after that.

use std::sync::{Arc, Mutex, PoisonError};

use crate::os;
use crate::region::{Ground, Zone};

use super::area::{Area, Part};
use super::holes::Holes;
use super::layout::Layout;
use super::notes::Notes;
use super::storage::{StorageError, StoredFile};

/// The first fault of the storage that a request for memory has met.
#[derive(Default, Debug)]
pub(super) struct Faults(Mutex<Option<StorageError>>);

impl Faults {
    /// What the request is told.
    fn meet(&self, error: StorageError) -> os::Fault {
        if error.is_no_space() {
            return os::Fault::NOSPC;
        }
        let fault = os::Fault::from_io_error(&error.source).unwrap_or(os::Fault::IO);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        fault
    }

    /// The fault, for who sees to it that there are no more commits.
    pub(super) fn take(&self) -> Option<StorageError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What one part of a heap stands on.
#[derive(Debug)]
pub(super) struct FileGround<F> {
    pub(super) base: Arc<F>,
    pub(super) holes: Arc<Holes>,
    pub(super) faults: Arc<Faults>,
    pub(super) layout: Layout,
    pub(super) part: Part,
    /// What to tell of changes to memory of no block, if anybody looks for changes that were not noted. Otherwise they are
    /// not worth a line in the log.
    pub(super) notes: Option<Arc<Notes>>,
}

impl<F: StoredFile> Ground for FileGround<F> {
    fn promise(&self, zone: Zone, from: usize, to: usize) -> Result<(), os::Fault> {
        let mut pieces = self.layout.pieces(Area::new(self.part, zone), from, to);
        let grown = pieces.try_for_each(|piece| self.holes.grow(&*self.base, piece.in_file()));
        grown.map_err(|error| self.faults.meet(error))
    }

    fn promise_again(&self, from: usize, to: usize) -> Result<(), os::Fault> {
        let area = Area::new(self.part, Zone::Pages);
        for piece in self.layout.pieces(area, from, to) {
            let taken = self.holes.take_back(&*self.base, piece.in_file());
            let may_read_otherwise = taken.map_err(|error| self.faults.meet(error))?;
            if may_read_otherwise {
                let at = piece.offset - area.start(self.layout.plan());
                self.changed(at, at + piece.bytes);
            }
        }
        Ok(())
    }

    fn may_purge(&self) -> bool {
        // Lines that a checkpoint writes below such a page would look like writes that nobody noted.
        self.notes.is_none()
    }

    fn changed(&self, from: usize, to: usize) {
        if let Some(notes) = &self.notes {
            notes.note(from, to - from);
        }
    }
}
