//! The last commit of a heap in use, as a file of its own.
//!
//! ```text
//! state: which commit, freeze the overlay --> gate: copy the base --> write the frozen lines, publish
//! ```
//!
//! 1. Base and frozen lines together are the commit that was the last when the snapshot began.
//! 2. Only checkpoints change what a commit has in the base, and they wait at the gate while it is copied. Commits wait for
//!    a checkpoint that waits, and for nothing else.
//! 3. A base that its file system can share is not copied: the gate is held for one call.
//! 4. What was frozen for a snapshot is still looked up and part of the next checkpoint, like that of one that has failed.

use std::sync::{Arc, Mutex};

use crate::error::Error;
use crate::units::PAGE;

use super::file::{of_storage, write_rows};
use super::overlay::Frozen;
use super::storage::{RealFile, StoredFile};
use super::superblock::{IMAGE, Superblock};

/// Pages that are copied in one piece.
const COPIED_AT_ONCE: usize = 256;

/// A commit, on its way into a file of its own.
#[derive(Debug)]
pub(crate) struct Snapshot<F> {
    pub(super) base: Arc<F>,
    pub(super) gate: Arc<Mutex<()>>,
    pub(super) frozen: Frozen,
    /// What the new file is to say of itself.
    pub(super) superblock: Superblock,
}

impl<F: StoredFile> Snapshot<F> {
    /// Which commit it is.
    pub(crate) fn commit(&self) -> u64 {
        self.superblock.applied
    }

    /// Writes the commit to a new file, and says what its superblock is to be. `unlock` is called when other threads may
    /// begin a checkpoint.
    pub(crate) fn write(&mut self, file: &RealFile, unlock: impl FnOnce()) -> Result<Superblock, Error> {
        let bytes = self.superblock.image_pages * PAGE as u64;
        self.copy_base(file, bytes)?;
        unlock();
        file.set_len(bytes).map_err(of_storage)?;
        let mut row = Vec::new();
        for page in self.frozen.pages() {
            write_rows(file, &page, &mut row).map_err(of_storage)?;
        }
        Ok(self.superblock)
    }

    fn copy_base(&self, file: &RealFile, bytes: u64) -> Result<(), Error> {
        if file.share(self.base.descriptor().map_err(of_storage)?) {
            return Ok(());
        }
        let end = self.base.len().map_err(of_storage)?.min(bytes);
        let mut buffer = vec![[0; PAGE]; COPIED_AT_ONCE];
        let mut at = IMAGE;
        while at < end {
            let count = (end - at).min((COPIED_AT_ONCE * PAGE) as u64);
            let pages = &mut buffer[..usize::try_from(count).unwrap_or(0).div_ceil(PAGE)];
            let last = pages.len() - 1;
            pages[last].fill(0);
            let there = usize::try_from(count).unwrap_or(0);
            self.base.read_at(at, &mut pages.as_flattened_mut()[..there]).map_err(of_storage)?;
            write_filled(file, at, pages)?;
            at += count;
        }
        Ok(())
    }
}

/// Writes pages that are not zero, those in a row together: the others are holes.
fn write_filled(file: &RealFile, at: u64, pages: &[[u8; PAGE]]) -> Result<(), Error> {
    let mut place = at;
    for row in pages.chunk_by(|one, other| (*one == [0; PAGE]) == (*other == [0; PAGE])) {
        if row[0] != [0; PAGE] {
            file.write_at(place, row.as_flattened()).map_err(of_storage)?;
        }
        place += (row.len() * PAGE) as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
