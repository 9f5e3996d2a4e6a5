//! The committed image of a file: the base with the overlay's lines over it, on its way into memory.
//!
//! 1. What the file is too short for is memory of our own: it reads as zero, as the file would if it were longer.
//! 2. No number of the image's header is used before it was compared with its bounds.

use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::heap::{Header, NotAnImage};
use crate::os;
use crate::region::{Placed, ZONES, Zone};
use crate::units::{LINE, PAGE};

use super::file::{no_memory, of_storage};
use super::layout::{Layout, Piece};
use super::mapping::map_live;
use super::overlay::Overlay;
use super::place::Reserved;
use super::storage::StoredFile;

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

impl<F: StoredFile> Image<'_, F> {
    /// Maps the image over reserved memory, to be lived in; says how much of each zone that is.
    pub(super) fn map(&self, place: &Reserved) -> Result<[u64; ZONES], Error> {
        let there = self.base.len().map_err(of_storage)?.next_multiple_of(PAGE as u64);
        let header_bytes = self.layout.plan().size(Zone::Header);
        let mut header = self.layout.pieces(Zone::Header, 0, header_bytes);
        header.try_for_each(|piece| self.map_piece(piece, there, place))?;
        let lengths = self.lengths(place)?;
        let rest = self.layout.image(lengths).filter(|piece| piece.offset >= header_bytes);
        { rest }.try_for_each(|piece| self.map_piece(piece, there, place))?;
        Ok(lengths)
    }

    /// Maps a piece, of which the file has what lies before `there`.
    fn map_piece(&self, piece: Piece, there: u64, place: &Reserved) -> Result<(), Error> {
        let start = place.at(piece.offset);
        let found = there.saturating_sub(piece.file).min(piece.bytes as u64);
        let mapped = usize::try_from(found).unwrap_or(piece.bytes);
        if mapped > 0 {
            let descriptor = self.base.descriptor().map_err(of_storage)?;
            // SAFETY: the piece lies in the range just reserved; the file is written only through checkpoints, with lines
            // that the overlay has, whose pages leave the file below or when they are written.
            unsafe { map_live(descriptor, piece.file, start, found / PAGE as u64) }.map_err(no_memory)?;
        }
        if mapped < piece.bytes {
            // SAFETY: whole pages of the reserved range, which nobody uses yet.
            unsafe { os::commit(start.wrapping_add(mapped), piece.bytes - mapped) }.map_err(no_memory)?;
        }
        self.patch(piece, start);
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

    /// What the header, which was just mapped, says of the zones.
    fn lengths(&self, place: &Reserved) -> Result<[u64; ZONES], Error> {
        // SAFETY: the header zone was just mapped, is aligned to a page, and is made of atomic integers.
        let header: Placed<Header> = unsafe { Placed::new(place.base.cast()) };
        let plan = self.layout.plan();
        let (pages, caches) = header.geometry().map_err(|fault| self.not_an_image(fault))?;
        if (pages, caches) != (plan.pages(), plan.caches()) {
            let (wanted, room) = (plan.pages(), plan.caches());
            return Err(self.damaged(format!(
                "its header has room for {pages} pages and {caches} caches where {wanted} and {room} were expected"
            )));
        }
        let lengths = Zone::ALL.map(|zone| header.lengths[zone.index()].get());
        let fits = |zone: Zone| {
            let length = lengths[zone.index()];
            length <= plan.size(zone) as u64 && length.is_multiple_of(PAGE as u64)
        };
        let whole = lengths[Zone::Header.index()] == plan.size(Zone::Header) as u64;
        let bytes = self.pages * PAGE as u64;
        if !whole || !Zone::ALL.into_iter().all(fits) || self.layout.file_len(lengths) != bytes {
            let what = format!("its zones have lengths {lengths:x?}, and the image {bytes:#x} bytes");
            return Err(self.damaged(what));
        }
        let used = header.used();
        match Zone::ALL.into_iter().find(|zone| used[zone.index()] > lengths[zone.index()]) {
            None => Ok(lengths),
            Some(zone) => {
                let (used, length) = (used[zone.index()], lengths[zone.index()]);
                Err(self
                    .damaged(format!("{used:#x} bytes of its zone {zone:?} are used, which has {length:#x}")))
            }
        }
    }

    fn not_an_image(&self, fault: NotAnImage) -> Error {
        let (field, found, expected) = fault.parts();
        let place = self.layout.pieces(Zone::Header, 0, PAGE).next().map_or(0, |piece| piece.file);
        self.damaged(format!(
            "the {field} of the image at {place:#x} is {found:#x} where {expected:#x} was expected"
        ))
    }

    fn damaged(&self, what: String) -> Error {
        Error::FileDamaged { file: PathBuf::from(self.path), what }
    }
}
