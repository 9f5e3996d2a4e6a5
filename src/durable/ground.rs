//! The file as what a region stands on: it has the space before memory is promised, and before pages that were free are used
//! again.

use std::sync::Arc;

use crate::region::{Ground, Zone};

use super::area::{Area, Part};
use super::holes::Holes;
use super::layout::Layout;
use super::notes::Notes;
use super::storage::StoredFile;

/// What one part of a heap stands on.
#[derive(Debug)]
pub(super) struct FileGround<F> {
    pub(super) base: Arc<F>,
    pub(super) holes: Arc<Holes>,
    pub(super) layout: Layout,
    pub(super) part: Part,
    /// What to tell of changes to memory of no block, if anybody looks for changes that were not noted. Otherwise they are
    /// not worth a line in the log.
    pub(super) notes: Option<Arc<Notes>>,
}

impl<F: StoredFile> Ground for FileGround<F> {
    fn promise(&self, zone: Zone, from: usize, to: usize) -> bool {
        self.layout.pieces(Area::new(self.part, zone), from, to).all(|piece| {
            let has_space = self.base.allocate(piece.file, piece.bytes as u64).is_ok();
            if has_space {
                self.holes.grown(piece.in_file());
            }
            has_space
        })
    }

    fn promise_again(&self, from: usize, to: usize) -> bool {
        let area = Area::new(self.part, Zone::Pages);
        self.layout.pieces(area, from, to).all(|piece| {
            match self.holes.take_back(&*self.base, piece.in_file()) {
                Ok(may_read_otherwise) => {
                    if may_read_otherwise {
                        let at = piece.offset - area.start(self.layout.plan());
                        self.changed(at, at + piece.bytes);
                    }
                    true
                }
                Err(_) => false,
            }
        })
    }

    fn changed(&self, from: usize, to: usize) {
        if let Some(notes) = &self.notes {
            notes.note(from, to - from);
        }
    }
}
