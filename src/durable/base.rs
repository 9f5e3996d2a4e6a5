//! What is written to the base: changed lines, and zeros where no commit has anything.
//!
//! 1. Lines are those of a commit. What is written between them is what the base has there already.
//! 2. The pages between two pages of a stretch lie between them in the heap as well: they belong to the commit too, and no
//!    commit that is being made writes to their place.

use crate::error::Error;
use crate::units::{LINE, PAGE};

use super::area::Lengths;
use super::errors::of_storage;
use super::layout::Layout;
use super::lines::Line;
use super::overlay::PatchedPage;
use super::storage::{StorageError, StoredFile};

/// So many pages between two are written as well rather than two writes made of it: a page more costs the disk and the
/// processor a tenth of what another write costs them.
const GAP: u64 = 8;
/// The longest stretch, in pages.
const STRETCH: u64 = 256;

/// How much was written.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Written {
    pub(super) pages: usize,
    pub(super) writes: usize,
}

/// Writes the lines of pages, which come in the order of their numbers, to their place; those that are near each other
/// together. After each step `after` is told what it has written.
pub(super) fn write_near<'a>(
    base: &impl StoredFile,
    layout: &Layout,
    pages: impl Iterator<Item = PatchedPage<'a>>,
    mut after: impl FnMut(Written) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let (mut pages, mut stretch, mut row, mut buffer) =
        (pages.peekable(), Vec::new(), Vec::new(), Vec::new());
    while let Some(page) = pages.next() {
        let (first, mut last) = (page.page, page.page);
        stretch.push(page);
        while let Some(next) =
            pages.next_if(|next| next.page - first < STRETCH && is_near(layout, last, next.page))
        {
            last = next.page;
            stretch.push(next);
        }
        let written = match &stretch[..] {
            [page] => Written { pages: 1, writes: write_rows(base, page, &mut row)? },
            pages => match write_stretch(base, pages, &mut buffer) {
                // What lies between them may have been given back, and there is no room for it any more.
                Err(error) if error.is_no_space() => {
                    let writes =
                        pages.iter().map(|page| write_rows(base, page, &mut row)).sum::<Result<_, _>>()?;
                    Written { pages: pages.len(), writes }
                }
                written => written?,
            },
        };
        after(written)?;
        stretch.clear();
    }
    Ok(())
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

/// Writes pages that are near each other in one piece, with what the base has between their lines.
fn write_stretch(
    base: &impl StoredFile,
    stretch: &[PatchedPage<'_>],
    buffer: &mut Vec<[u8; PAGE]>,
) -> Result<Written, StorageError> {
    let (Some(first), Some(last)) = (stretch.first(), stretch.last()) else { return Ok(Written::default()) };
    let (offset, place) =
        (first.page * PAGE as u64, |page: u64| usize::try_from(page - first.page).unwrap_or(usize::MAX));
    buffer.resize(place(last.page) + 1, [0; PAGE]);
    base.read_at(offset, buffer.as_flattened_mut())?;
    for page in stretch {
        let (lines, _) = buffer[place(page.page)].as_chunks_mut::<LINE>();
        page.lines().for_each(|(line, value)| lines[line] = *value);
    }
    base.write_at(offset, buffer.as_flattened())?;
    Ok(Written { pages: buffer.len(), writes: 1 })
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
