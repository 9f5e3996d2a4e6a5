//! What is written to the base: changed lines, and zeros where no commit has anything.
//!
//! 1. Lines are those of a commit. What is written between them is what the base has there already.
//! 2. The pages between two pages of a stretch lie between them in the heap as well: they belong to the commit too, and no
//!    commit that is being made writes to their place.

use std::iter::Peekable;

use crate::error::Error;
use crate::units::{LINE, PAGE};

use super::area::Lengths;
use super::errors::of_storage;
use super::layout::Layout;
use super::lines::Line;
use super::overlay::PatchedPage;
use super::steps::by_two;
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
    let (mut pages, mut stretch, mut buffers) = (pages.peekable(), Vec::new(), Buffers::default());
    while take_stretch(layout, &mut pages, &mut stretch) {
        after(write_stretch(base, &stretch, &mut buffers)?)?;
    }
    Ok(())
}

/// The same by two threads. While one writes, which the system lets only one do at a time, the other one reads.
pub(super) fn write_near_by_two<'a>(
    base: &impl StoredFile,
    layout: &Layout,
    pages: impl Iterator<Item = PatchedPage<'a>> + Send,
) -> Result<(), StorageError> {
    let mut pages = pages.peekable();
    by_two(
        |(stretch, _): &mut (Vec<_>, Buffers)| take_stretch(layout, &mut pages, stretch),
        |(stretch, buffers)| write_stretch(base, stretch, buffers).map(drop),
    )
}

/// What is used again for each stretch.
#[derive(Default)]
struct Buffers {
    row: Vec<Line>,
    pages: Vec<[u8; PAGE]>,
}

/// Takes the next pages that are to be written together; `false` where there are no more.
fn take_stretch<'a>(
    layout: &Layout,
    pages: &mut Peekable<impl Iterator<Item = PatchedPage<'a>>>,
    stretch: &mut Vec<PatchedPage<'a>>,
) -> bool {
    stretch.clear();
    let Some(page) = pages.next() else { return false };
    let (first, mut last) = (page.page, page.page);
    stretch.push(page);
    while let Some(next) =
        pages.next_if(|next| next.page - first < STRETCH && is_near(layout, last, next.page))
    {
        last = next.page;
        stretch.push(next);
    }
    true
}

/// Whether everything between two pages of the file is to be written with them.
fn is_near(layout: &Layout, page: u64, next: u64) -> bool {
    let place = |page: u64| layout.heap_offset(page * PAGE as u64);
    let apart = next - page;
    apart == 1
        || apart <= GAP + 1
            && place(page)
                .zip(place(next))
                .and_then(|(page, next)| next.checked_sub(page))
                .is_some_and(|bytes| bytes as u64 == apart * PAGE as u64)
}

/// Writes a page's lines, or pages that are near each other in one piece, with what the base has between their lines.
fn write_stretch(
    base: &impl StoredFile,
    stretch: &[PatchedPage<'_>],
    Buffers { row, pages }: &mut Buffers,
) -> Result<Written, StorageError> {
    let (first, last) = match stretch {
        [] => return Ok(Written::default()),
        [page] => return Ok(Written { pages: 1, writes: write_rows(base, page, row)? }),
        [first, .., last] => (first, last),
    };
    let (offset, place) =
        (first.page * PAGE as u64, |page: u64| usize::try_from(page - first.page).unwrap_or(usize::MAX));
    pages.resize(place(last.page) + 1, [0; PAGE]);
    base.read_at(offset, pages.as_flattened_mut())?;
    for page in stretch {
        let (lines, _) = pages[place(page.page)].as_chunks_mut::<LINE>();
        page.lines().for_each(|(line, value)| lines[line] = *value);
    }
    match base.write_at(offset, pages.as_flattened()) {
        // What lies between them may have been given back, and there is no room for it any more.
        Err(error) if error.is_no_space() => {
            let writes = stretch.iter().map(|page| write_rows(base, page, row)).sum::<Result<_, _>>()?;
            Ok(Written { pages: stretch.len(), writes })
        }
        written => written.map(|()| Written { pages: pages.len(), writes: 1 }),
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

#[cfg(test)]
mod tests;
