//! What is written to the base outside of checkpoints: zeros where no commit has anything.

use crate::error::Error;

use super::area::Lengths;
use super::errors::of_storage;
use super::layout::Layout;
use super::storage::StoredFile;

/// Makes what lies behind areas of these lengths read as zero; says whether the file has such bytes.
pub(super) fn wipe(base: &impl StoredFile, layout: &Layout, lengths: Lengths) -> Result<bool, Error> {
    let len = base.len().map_err(of_storage)?;
    let mut wiped = false;
    for piece in layout.beyond(lengths).filter(|piece| piece.file < len) {
        let bytes = (piece.bytes as u64).min(len - piece.file);
        base.punch(piece.file, bytes).map_err(of_storage)?;
        wiped = true;
    }
    Ok(wiped)
}
