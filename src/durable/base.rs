//! What is written to the base: changed lines, and zeros where no commit has anything.

use crate::error::Error;
use crate::region::ZONES;
use crate::units::{LINE, PAGE};

use super::errors::of_storage;
use super::layout::Layout;
use super::lines::Line;
use super::overlay::PatchedPage;
use super::storage::{StorageError, StoredFile};

/// Writes the lines of a page to their place, those in a row together.
pub(super) fn write_rows(
    base: &impl StoredFile,
    page: &PatchedPage<'_>,
    row: &mut Vec<Line>,
) -> Result<(), StorageError> {
    let place = |line: usize| page.page * PAGE as u64 + (line * LINE) as u64;
    let mut end = 0;
    for (line, value) in page.lines() {
        if line != end && !row.is_empty() {
            base.write_at(place(end - row.len()), row.as_flattened())?;
            row.clear();
        }
        row.push(*value);
        end = line + 1;
    }
    base.write_at(place(end - row.len()), row.as_flattened())?;
    row.clear();
    Ok(())
}

/// Makes what lies behind zones of these lengths read as zero; says whether the file has such bytes.
pub(super) fn wipe(base: &impl StoredFile, layout: &Layout, lengths: [u64; ZONES]) -> Result<bool, Error> {
    let len = base.len().map_err(of_storage)?;
    let mut wiped = false;
    for piece in layout.beyond(lengths).filter(|piece| piece.file < len) {
        let bytes = (piece.bytes as u64).min(len - piece.file);
        base.punch(piece.file, bytes).map_err(of_storage)?;
        wiped = true;
    }
    Ok(wiped)
}
