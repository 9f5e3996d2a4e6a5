//! Finding writes that nobody noted: for programs under test.
//!
//! A tracked block is compared, as a whole, with what is committed. What differs and was not noted is a write whose change
//! would be missing after a restart. Free memory is left out: what it holds means nothing.

use crate::error::Error;
use crate::heap::BlockState;
use crate::units::{LINE, PAGE};

use super::area::{Area, Lengths};
use super::capture::live;
use super::cores::Cores;
use super::file::HeapFile;
use super::lines::lines_in;
use super::storage::Storage;

/// Fails with the first line of a tracked block that differs from what is committed and is not among the noted ones, which
/// are sorted.
pub(super) fn find<S: Storage>(
    cores: Cores<'_>,
    file: &HeapFile<S>,
    noted: &[(usize, u64)],
    lengths: Lengths,
) -> Result<(), Error> {
    let length = usize::try_from(lengths[Area::TRACKED_PAGES.index()]).unwrap_or(0);
    let mut noted = noted.iter().peekable();
    for piece in file.layout.pieces(Area::TRACKED_PAGES, 0, length) {
        for step in (0..piece.bytes).step_by(PAGE) {
            let (offset, place) = (piece.offset + step, (piece.file + step as u64) / PAGE as u64);
            let page = (offset - Area::TRACKED_PAGES.start(file.layout.plan())) / PAGE;
            let lines = noted.next_if(|(next, _)| *next == page).map_or(0, |(_, lines)| *lines);
            // SAFETY: the file reaches to the end of what the heap uses, and only lines that the overlay has are being
            // written to it.
            let base = unsafe { &*file.view.page(place) };
            let mask = live(cores, offset).differing(base, file.overlay.lines_of(place));
            if let Some(error) = lines_in(mask & !lines).find_map(|line| error(cores, offset + line * LINE)) {
                return Err(error);
            }
        }
    }
    Ok(())
}

/// What is said of the line at this offset, if a block in use lies there.
fn error(cores: Cores<'_>, offset: usize) -> Option<Error> {
    let line = cores.base().as_ptr().wrapping_add(offset);
    // Where a small block begins within the line, the line's first byte is another's.
    let block = (0..LINE).step_by(8).map(|step| line.wrapping_add(step)).find_map(|address| {
        cores.tracked.info(address).filter(|block| block.state == BlockState::Allocated)
    })?;
    Some(Error::Unnoted { address: line.addr(), offset: offset as u64, block })
}
