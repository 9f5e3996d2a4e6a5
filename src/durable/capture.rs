//! The capture: what has changed since the last commit, at one point in time.
//!
//! The caller has seized the heap: no slow path of the allocator runs. Pops and pushes go on, and so may writes to blocks.
//!
//! 1. Pages that were found to be written, and not committed, are kept for the next capture.
//! 2. Pages that no commit has may be written to their place in the file before. They are compared with what is there if
//!    they are written once more; until the commit counts, nobody reads them.
//! 3. The magazines of a page are copied from its front to its back, counts before their slots, and only then compared. So
//!    a slot below a count holds a block that was free when the count was read, or became free later; never one that was in
//!    use all the time.

use crate::error::Error;
use crate::heap::Core;
use crate::region::{ZONES, Zone};
use crate::units::PAGE;

use super::buffer::AlignedBuffer;
use super::diff::LivePage;
use super::dirty::{Method, Tracker};
use super::errors::of_storage;
use super::file::{Changes, HeapFile};
use super::layout::Piece;
use super::log::RecordBody;
use super::planted::Planted;
use super::span::PageSpan;
use super::storage::{Storage, StoredFile};

/// How many pages ahead the processor is asked for.
const AHEAD: usize = 2;

/// What of a region is followed.
#[derive(Debug)]
pub(crate) struct Capture {
    tracker: Tracker,
    /// Bytes of each zone that the tracker covers.
    covered: [u64; ZONES],
    /// Bytes of each zone that the last commit has.
    committed: [u64; ZONES],
    /// Spans of the region that were written since the last commit.
    pending: Vec<PageSpan>,
}

/// What a capture looked at.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Looked {
    /// Pages that may have been written.
    pub(crate) reported: u64,
    /// Pages that the image has with this commit.
    pub(crate) image_pages: u64,
}

impl Capture {
    pub(super) fn new(core: &Core, method: Method) -> Self {
        let tracker = Tracker::open(core.region().base(), method);
        let committed = core.committed_lengths();
        Self { tracker, covered: [0; ZONES], committed, pending: Vec::new() }
    }

    pub(super) fn method(&self) -> Method {
        self.tracker.method()
    }

    /// How many bytes the heap has grown by since the last commit.
    pub(super) fn growth(&self, core: &Core) -> u64 {
        core.region().lengths().iter().zip(self.committed).map(|(new, old)| new - old).sum()
    }

    /// Writes written pages that no commit has to their place in the file, durably, so that the capture has only those to
    /// compare that are written once more; says where in the file that was. The heap is seized while it is asked for them, and not while they are written.
    pub(super) fn place<S: Storage>(
        &mut self,
        core: &Core,
        file: &HeapFile<S>,
        body: &mut RecordBody,
    ) -> Result<Vec<PageSpan>, Error> {
        core.seize();
        let lengths = core.region().lengths();
        self.collect(core, lengths);
        core.release();
        let (mut buffer, mut placed) = (AlignedBuffer::new(), Vec::new());
        for zone in Zone::ALL {
            let range = [self.committed, lengths].map(|lengths| {
                usize::try_from(lengths[zone.index()]).unwrap_or(0) + core.region().plan().start(zone)
            });
            for span in take_between(&mut self.pending, range.map(|byte| (byte / PAGE) as u64)) {
                for piece in file.layout.pieces_of(span) {
                    placed.push(place_piece(core, file, piece, body, &mut buffer)?);
                }
            }
        }
        Ok(placed)
    }

    /// Puts the changes into `body`, and once more into `changes`.
    pub(super) fn take<S: Storage>(
        &mut self,
        core: &Core,
        file: &HeapFile<S>,
        body: &mut RecordBody,
        changes: &mut Changes,
    ) -> Looked {
        core.note_lengths();
        core.region().captured();
        let lengths = core.region().lengths();
        self.collect(core, lengths);
        let mut looked = Looked { reported: 0, image_pages: file.layout.file_len(lengths) / PAGE as u64 };
        let mut pages = Vec::new();
        for span in &self.pending {
            looked.reported += span.count;
            for piece in file.layout.pieces_of(*span) {
                let steps = (0..piece.bytes).step_by(PAGE);
                pages.extend(steps.map(|step| Page {
                    offset: piece.offset + step,
                    file: (piece.file + step as u64) / PAGE as u64,
                    is_cache: file.layout.plan().zone_at(piece.offset) == Zone::Caches,
                }));
            }
        }
        if Planted::PageMissed.is_there() {
            pages.pop();
        }
        for (index, page) in pages.iter().enumerate() {
            if let Some(next) = pages.get(index + AHEAD) {
                live(core, next.offset).prefetch(file.view.page(next.file));
            }
            page.compare(core, file, body, changes);
        }
        looked
    }

    /// What was captured is committed.
    pub(super) fn note_commit(&mut self) {
        self.pending.clear();
        self.committed = self.covered;
    }

    fn collect(&mut self, core: &Core, lengths: [u64; ZONES]) {
        let plan = core.region().plan();
        let page = |bytes: u64| bytes / PAGE as u64;
        let mut ranges = Vec::new();
        for zone in Zone::ALL {
            let (index, start) = (zone.index(), page(plan.start(zone) as u64));
            let (old, new) = (page(self.covered[index]), page(lengths[index]));
            self.tracker.cover(PageSpan::between(start + old, start + new));
            ranges.push(PageSpan { first: start, count: new });
        }
        self.covered = lengths;
        let pending = &mut self.pending;
        self.tracker.collect(&ranges, &mut |span| pending.push(span));
        merge(pending);
    }
}

/// How much is written to the file at once.
const PLACED_AT_ONCE: usize = 1 << 20;

fn place_piece<S: Storage>(
    core: &Core,
    file: &HeapFile<S>,
    piece: Piece,
    body: &mut RecordBody,
    buffer: &mut AlignedBuffer,
) -> Result<PageSpan, Error> {
    for at in (0..piece.bytes).step_by(PLACED_AT_ONCE) {
        let bytes = (piece.bytes - at).min(PLACED_AT_ONCE);
        let copy = &mut buffer.reach(bytes)[..bytes];
        for (page, offset) in
            copy.as_chunks_mut::<PAGE>().0.iter_mut().zip((piece.offset + at..).step_by(PAGE))
        {
            live(core, offset).copy_to(page);
        }
        file.base().write_durable_at(piece.file + at as u64, copy).map_err(of_storage)?;
    }
    let placed = PageSpan { first: piece.file / PAGE as u64, count: (piece.bytes / PAGE) as u64 };
    body.in_place(placed.first, placed.count);
    Ok(placed)
}

/// Takes the parts of sorted spans out that lie between these pages.
fn take_between(spans: &mut Vec<PageSpan>, [from, to]: [u64; 2]) -> Vec<PageSpan> {
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for span in spans.drain(..) {
        let (first, end) = (span.first.clamp(from, to), span.end().clamp(from, to));
        taken.push(PageSpan::between(first, end));
        left.push(PageSpan::between(span.first, span.end().min(from)));
        left.push(PageSpan::between(span.first.max(to), span.end()));
    }
    taken.retain(|span| !span.is_empty());
    left.retain(|span| !span.is_empty());
    *spans = left;
    taken
}

/// The page at this offset of the region.
fn live(core: &Core, offset: usize) -> LivePage {
    let address = core.region().base().as_ptr().wrapping_add(offset);
    // SAFETY: a usable page of the region, which is mapped as long as its core is there.
    unsafe { LivePage::new(address) }
}

/// Sorts spans, and makes one of those that overlap or touch.
fn merge(spans: &mut Vec<PageSpan>) {
    spans.sort_unstable_by_key(|span| span.first);
    spans.dedup_by(|next, span| {
        let joined = next.first <= span.end();
        if joined {
            *span = PageSpan::between(span.first, span.end().max(next.end()));
        }
        joined
    });
}

/// A page of the region, and of the file.
#[derive(Clone, Copy, Debug)]
struct Page {
    /// Where it lies in the region.
    offset: usize,
    /// Its number in the file.
    file: u64,
    /// Whether pops and pushes may write to it.
    is_cache: bool,
}

impl Page {
    fn compare<S: Storage>(
        self,
        core: &Core,
        file: &HeapFile<S>,
        body: &mut RecordBody,
        changes: &mut Changes,
    ) {
        let mut copy = Copy([0; PAGE]);
        let mut live = live(core, self.offset);
        if self.is_cache {
            live.copy_to(&mut copy.0);
            // SAFETY: the copy is there to the end of this function.
            live = unsafe { LivePage::new(copy.0.as_ptr()) };
        }
        // SAFETY: the file reaches to the end of what the region uses, and only lines that the overlay has are being
        // written to it.
        let base = unsafe { &*file.view.page(self.file) };
        let from = changes.lines.len();
        let mask = live.diff(base, file.overlay.lines_of(self.file), &mut changes.lines);
        if mask != 0 {
            changes.pages.push((self.file, mask));
            let mut page = body.page(self.file);
            for (line, value) in super::lines::lines_in(mask).zip(&changes.lines[from..]) {
                *page.line(crate::units::low32(line)) = *value;
            }
        }
    }
}

/// A page's copy, aligned as pages of the region are.
#[repr(align(64))]
struct Copy([u8; PAGE]);
