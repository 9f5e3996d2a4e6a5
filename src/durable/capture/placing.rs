//! Growth that goes to its place in the file, and not through the log: written once instead of twice.
//!
//! It is copied before it is written, as some file systems take a checksum of what is written meanwhile. A page that changes
//! after that is captured as well.

use crate::durable::area::Area;
use crate::durable::buffer::AlignedBuffer;
use crate::durable::cores::Cores;
use crate::durable::errors::of_storage;
use crate::durable::file::HeapFile;
use crate::durable::layout::Piece;
use crate::durable::log::RecordBody;
use crate::durable::span::PageSpan;
use crate::durable::steps::{by_one, by_two};
use crate::durable::storage::{Storage, StorageError, StoredFile};
use crate::error::Error;
use crate::region::Zone;
use crate::units::PAGE;

use super::{Capture, live, noted_page, take_between};

/// How much is written to the file at once.
const AT_ONCE: usize = 1 << 20;
/// From so many bytes on a second thread copies while the first one writes.
const SHARED_FROM: usize = if cfg!(test) { 2 } else { 4 } * AT_ONCE;

impl Capture {
    /// Writes written pages that no commit has to their place in the file, so that the capture has only those to look at that
    /// are written once more; says where in the file that was. The heap is seized while it is asked for them, and not while
    /// they are written.
    pub(in crate::durable) fn place<S: Storage>(
        &mut self,
        cores: Cores<'_>,
        file: &HeapFile<S>,
        body: &mut RecordBody,
    ) -> Result<Vec<PageSpan>, Error> {
        cores.seize();
        // What is zeroed from now on is written: the file may have got something else.
        cores.captured();
        let lengths = cores.lengths();
        self.collect(cores, file, lengths);
        cores.release();
        let (mut pieces, mut left) = (Vec::new(), self.pending.clone());
        for area in Area::ALL.into_iter().filter(|area| area.zone != Zone::Header) {
            let grown = self.grown(file, area, lengths);
            let spans = if area == Area::TRACKED_PAGES {
                self.noted_within(file, grown)
            } else {
                take_between(&mut left, grown)
            };
            pieces.extend(spans.into_iter().flat_map(|span| file.layout.pieces_of(span)));
        }
        write(cores, &**file.base(), &pieces).map_err(of_storage)?;
        // Not before all of it is there: what was not placed remains to be captured.
        let tracked = self.grown(file, Area::TRACKED_PAGES, lengths);
        let first = noted_page(file, tracked.first);
        self.noted.retain(|(page, _)| *page < first);
        self.pending = left;
        let placed: Vec<PageSpan> = pieces.iter().map(Piece::in_file).collect();
        placed.iter().for_each(|span| body.in_place(span.first, span.count));
        Ok(placed)
    }
}

/// A part of a piece on its way to the file.
#[derive(Default)]
struct Carried {
    part: Option<Piece>,
    copy: AlignedBuffer,
}

impl Carried {
    fn write(&mut self, cores: Cores<'_>, base: &impl StoredFile) -> Result<(), StorageError> {
        let Some(Piece { offset, file, bytes }) = self.part else { return Ok(()) };
        let copy = &mut self.copy.reach(bytes)[..bytes];
        let (pages, _) = copy.as_chunks_mut::<PAGE>();
        for (page, offset) in pages.iter_mut().zip((offset..).step_by(PAGE)) {
            live(cores, offset).copy_to(page);
        }
        base.write_past_at(file, copy)
    }
}

/// Writes what these pieces hold now to their place.
fn write(cores: Cores<'_>, base: &impl StoredFile, pieces: &[Piece]) -> Result<(), StorageError> {
    let mut parts = pieces.iter().flat_map(|piece| parts(*piece));
    let take = |carried: &mut Carried| {
        carried.part = parts.next();
        carried.part.is_some()
    };
    let step = |carried: &mut Carried| carried.write(cores, base);
    let bytes: usize = pieces.iter().map(|piece| piece.bytes).sum();
    if bytes < SHARED_FROM { by_one(take, step) } else { by_two(take, step) }
}

/// The piece in parts that are written at once.
fn parts(Piece { offset, file, bytes }: Piece) -> impl Iterator<Item = Piece> {
    (0..bytes).step_by(AT_ONCE).map(move |at| Piece {
        offset: offset + at,
        file: file + at as u64,
        bytes: (bytes - at).min(AT_ONCE),
    })
}
