//! The committed image of a file: the base with the overlay's lines over it, on its way into memory.
//!
//! 1. What the file is too short for is memory of our own: it reads as zero, as the file would if it were longer.
//! 2. No number of an image's header is used before it was compared with its bounds.
//! 3. A heap that was saved before it had a tracked part has zeros where that part's header would be.

use core::mem::offset_of;
use core::ptr::NonNull;
use std::path::Path;

use crate::error::Error;
use crate::heap::{Header, NotAnImage};
use crate::os;
use crate::region::{Placed, ZONES, Zone};
use crate::units::{LINE, PAGE};

use super::area::{Area, Lengths, PARTS, Part, of_both};
use super::errors::{no_memory, of_storage};
use super::fields::FieldFault;
use super::layout::{Layout, Piece};
use super::mapping::map_live;
use super::overlay::Overlay;
use super::place::Reserved;
use super::storage::StoredFile;

/// Pages that are copied in one piece.
const COPIED_AT_ONCE: usize = 64;

/// What is committed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Image<'a, F> {
    pub(super) base: &'a F,
    pub(super) layout: &'a Layout,
    pub(super) overlay: &'a Overlay,
    /// Pages that the file has with the last commit.
    pub(super) pages: u64,
    /// What messages call the file.
    pub(super) path: &'a Path,
}

/// Why an image cannot be brought into memory.
#[derive(Debug)]
pub(super) enum ImageError {
    /// A number of its header cannot be right.
    Damaged(FieldFault),
    Other(Error),
}

impl From<Error> for ImageError {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl<F: StoredFile> Image<'_, F> {
    /// Maps the image over reserved memory, to be lived in; says how much of each area that is. The file may be
    /// changed only where the overlay has lines, or where it is not read any more.
    pub(super) fn map(&self, place: &Reserved) -> Result<Lengths, Error> {
        self.try_map(place).map_err(|error| self.error(error))
    }

    /// The same, for who wants to know what is wrong.
    pub(super) fn try_map(&self, place: &Reserved) -> Result<Lengths, ImageError> {
        self.bring(place, |piece, start, found| {
            let descriptor = self.base.descriptor().map_err(of_storage)?;
            // SAFETY: the piece lies in the range just reserved; what may be written to the file are lines that the overlay
            // has, whose pages leave it below.
            unsafe { map_live(descriptor, piece.file, start, (found / PAGE) as u64) }.map_err(no_memory)
        })
    }

    /// Copies the image to reserved memory, which then has nothing to do with the file; says how much of each area that is.
    pub(super) fn copy(&self, place: &Reserved) -> Result<Lengths, Error> {
        let mut buffer = vec![[0; PAGE]; COPIED_AT_ONCE];
        let copied = self.bring(place, |piece, start, found| {
            // SAFETY: whole pages of the reserved range, which nobody uses yet.
            unsafe { os::commit(start, found) }.map_err(no_memory)?;
            for step in (0..found).step_by(COPIED_AT_ONCE * PAGE) {
                let pages = &mut buffer[..(found - step).div_ceil(PAGE).min(COPIED_AT_ONCE)];
                self.read_pages(piece.file + step as u64, pages)?;
                let filled = pages.iter().enumerate().filter(|(_, page)| **page != [0; PAGE]);
                for (number, page) in filled {
                    let target = start.wrapping_add(step + number * PAGE);
                    // SAFETY: a page of the piece, which nobody else knows yet.
                    unsafe { target.cast::<[u8; PAGE]>().write(*page) };
                }
            }
            Ok(())
        });
        copied.map_err(|error| self.error(error))
    }

    fn error(&self, error: ImageError) -> Error {
        match error {
            ImageError::Damaged(fault) => {
                Error::FileDamaged { file: self.path.to_owned(), what: fault.to_string() }
            }
            ImageError::Other(error) => error,
        }
    }

    /// Reads pages of the base, the last of which may not be there as a whole.
    fn read_pages(&self, from: u64, pages: &mut [[u8; PAGE]]) -> Result<(), Error> {
        let bytes = pages.as_flattened_mut();
        let there = self.base.len().map_err(of_storage)?.saturating_sub(from);
        let there = usize::try_from(there).map_or(bytes.len(), |there| there.min(bytes.len()));
        bytes[there..].fill(0);
        self.base.read_at(from, &mut bytes[..there]).map_err(of_storage)
    }

    /// Brings the image piece by piece to reserved memory: `piece` does so for what the file has.
    fn bring(
        &self,
        place: &Reserved,
        mut piece: impl FnMut(Piece, *mut u8, usize) -> Result<(), Error>,
    ) -> Result<Lengths, ImageError> {
        let there = self.base.len().map_err(of_storage)?.next_multiple_of(PAGE as u64);
        let mut bring = |at: Piece| self.bring_piece(at, there, place, &mut piece);
        let header_bytes = self.layout.plan().size(Zone::Header);
        let mut parts = [[0; ZONES]; PARTS];
        for part in Part::ALL {
            let header = Area::new(part, Zone::Header);
            self.layout.pieces(header, 0, header_bytes).try_for_each(&mut bring)?;
            parts[part.index()] = self.lengths(place, part).map_err(ImageError::Damaged)?;
        }
        let (lengths, at) =
            (of_both(parts), self.header(Part::Untracked) + offset_of!(Header, lengths) as u64);
        self.expect("length of the image", at, self.layout.file_len(lengths), self.pages * PAGE as u64)
            .map_err(ImageError::Damaged)?;
        for part in Part::ALL {
            let pieces = self.layout.image(part, parts[part.index()]);
            let header_end = part.start(self.layout.plan()) + header_bytes;
            pieces.filter(|piece| piece.offset >= header_end).try_for_each(&mut bring)?;
        }
        Ok(lengths)
    }

    /// Brings a piece, of which the file has what lies before `there`.
    fn bring_piece(
        &self,
        at: Piece,
        there: u64,
        place: &Reserved,
        piece: &mut impl FnMut(Piece, *mut u8, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = place.at(at.offset);
        let found = there.saturating_sub(at.file).min(at.bytes as u64);
        let found = usize::try_from(found).unwrap_or(at.bytes);
        if found > 0 {
            piece(at, start, found)?;
        }
        if found < at.bytes {
            // SAFETY: whole pages of the reserved range, which nobody uses yet.
            unsafe { os::commit(start.wrapping_add(found), at.bytes - found) }.map_err(no_memory)?;
        }
        self.patch(at, start);
        Ok(())
    }

    /// Writes the overlay's lines over a piece that was just mapped at `start`.
    fn patch(&self, piece: Piece, start: *mut u8) {
        let first = piece.file / PAGE as u64;
        for page in self.overlay.patched(first, first + (piece.bytes / PAGE) as u64) {
            let at = usize::try_from(page - first).unwrap_or(0) * PAGE;
            for (line, value) in self.overlay.lines_of(page) {
                let target = start.wrapping_add(at + line * LINE);
                // SAFETY: a line of the piece, which nobody else knows yet.
                unsafe { target.cast::<[u8; LINE]>().write(*value) };
            }
        }
    }

    /// What the header of a part, which was just brought, says of its zones; zeros where there is no such part yet.
    fn lengths(&self, place: &Reserved, part: Part) -> Result<[u64; ZONES], FieldFault> {
        let start = place.at(part.start(self.layout.plan()));
        if part == Part::Tracked && is_zero(start) {
            return Ok([0; ZONES]);
        }
        let start = NonNull::new(start).unwrap_or(place.base).cast::<Header>();
        // SAFETY: the header zone was just mapped, is aligned to a page, and is made of atomic integers.
        let header: Placed<Header> = unsafe { Placed::new(start) };
        let plan = self.layout.plan();
        let (pages, caches) = header.geometry().map_err(|fault| self.not_an_image(fault, part))?;
        let (word, own) = (u64::from, self.header(part));
        self.expect("pages with room", own, word(pages), word(plan.pages()))?;
        self.expect("caches with room", own, word(caches), word(plan.caches()))?;
        let lengths = Zone::ALL.map(|zone| header.lengths[zone.index()].get());
        let used = header.used();
        for zone in Zone::ALL {
            let (length, size) = (lengths[zone.index()], plan.size(zone) as u64);
            let whole = zone == Zone::Header;
            let at = own + (offset_of!(Header, lengths) + zone.index() * 8) as u64;
            let wanted = if whole { size } else { length.min(size) / PAGE as u64 * PAGE as u64 };
            self.expect("length of a zone", at, length, wanted)?;
            self.expect("used length of a zone", at, used[zone.index()], used[zone.index()].min(length))?;
        }
        Ok(lengths)
    }

    fn not_an_image(&self, fault: NotAnImage, part: Part) -> FieldFault {
        let (field, found, expected) = fault.parts();
        FieldFault { field, found, expected, offset: self.header(part) }
    }

    /// Where the header of a part lies in the file.
    fn header(&self, part: Part) -> u64 {
        self.layout.pieces(Area::new(part, Zone::Header), 0, PAGE).next().map_or(0, |piece| piece.file)
    }

    fn expect(&self, field: &'static str, offset: u64, found: u64, expected: u64) -> Result<(), FieldFault> {
        if found == expected { Ok(()) } else { Err(FieldFault { field, found, expected, offset }) }
    }
}

/// Whether the header at this address, of a region that was just brought, has nothing.
fn is_zero(header: *mut u8) -> bool {
    // SAFETY: the header zone was just mapped, and nobody else knows it yet.
    unsafe { header.cast::<[u8; size_of::<Header>()]>().read() }.iter().all(|byte| *byte == 0)
}
