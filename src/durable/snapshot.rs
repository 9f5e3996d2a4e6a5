//! The last commit of a heap in use, as a file of its own.
//!
//! ```text
//! gate --> state: which commit, freeze the overlay --> copy the base --> open the gate, write the frozen lines, publish
//! ```
//!
//! 1. Base and frozen lines together are the commit that was the last when the snapshot began.
//! 2. Only checkpoints change what a commit has in the base, and they wait at the gate while it is copied. The gate is taken
//!    first: a snapshot waits for lines that are being written without holding up commits. Commits wait for a checkpoint
//!    that waits, where the log is far too long, and for nothing else.
//! 3. A checkpoint that began before the snapshot, wherever it is, writes nothing that the frozen lines do not have.
//! 4. Commits go on writing where the snapshot's commit has nothing. Whatever was copied of that is wiped.
//! 5. A base that its file system can share is not copied: the gate is held for one call.
//! 6. What was frozen for a snapshot is still looked up and part of the next checkpoint, like that of one that has failed.

use core::mem::offset_of;
use std::sync::Arc;

use crate::error::Error;
use crate::heap::Header;
use crate::region::{ZONES, Zone};
use crate::units::PAGE;

use super::area::{Area, Lengths, PARTS, Part, of_both};
use super::base::wipe;
use super::checkpoint::write_rows;
use super::errors::of_storage;
use super::fields::Fields;
use super::layout::Layout;
use super::overlay::Frozen;
use super::storage::{RealFile, StoredFile};
use super::superblock::{IMAGE, Superblock};

/// Pages that are copied in one piece.
const COPIED_AT_ONCE: usize = 256;

/// A commit, on its way into a file of its own.
#[derive(Debug)]
pub(crate) struct Snapshot<F> {
    pub(super) base: Arc<F>,
    pub(super) layout: Layout,
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
        if bytes > IMAGE {
            wipe(file, &self.layout, self.lengths(file)?)?;
        }
        Ok(self.superblock)
    }

    /// How much of each area the commit has, by the headers that the new file has now.
    fn lengths(&self, file: &RealFile) -> Result<Lengths, Error> {
        let mut parts = [[0; ZONES]; PARTS];
        for part in Part::ALL {
            let mut header = [0; PAGE];
            for piece in self.layout.pieces(Area::new(part, Zone::Header), 0, PAGE) {
                let there = file.len().map_err(of_storage)?.saturating_sub(piece.file).min(PAGE as u64);
                let there = usize::try_from(there).unwrap_or(PAGE);
                file.read_at(piece.file, &mut header[..there]).map_err(of_storage)?;
            }
            let fields = Fields::new(&header, 0);
            let length = |zone| fields.u64(offset_of!(Header, lengths) + zone * size_of::<u64>());
            parts[part.index()] = core::array::from_fn(length);
        }
        Ok(of_both(parts))
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
