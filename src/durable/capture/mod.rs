//! The capture: what has changed since the last commit, at one point in time.
//!
//! The caller has seized the heap: no slow path of the allocator runs. Pops and pushes go on, and so may writes to blocks of
//! the untracked part.
//!
//! 1. Pages that were found to be written, and lines that were noted, are kept for the next capture where they are not
//!    committed.
//! 2. Pages that no commit has may be written to their place in the file before. They are compared with what is there if
//!    they are written once more; until the commit counts, nobody reads them.
//!    Headers are not written so: where a part has one in the file, it is part of a commit.
//! 3. The magazines of a page are copied from its front to its back, counts before their slots, and only then compared. So
//!    a slot below a count holds a block that was free when the count was read, or became free later; never one that was in
//!    use all the time.
//! 4. The kernel is never asked about the pages of the tracked part. Their noted lines are taken as they are, whether they
//!    differ from what is committed or not: to look there would cost more than to write a line. A page of which all lines are
//!    noted is compared, which costs less than to write all of it; many such pages are zeros that were zeros before.

mod comparing;
mod placing;

use crate::error::Error;
use crate::region::Zone;
use crate::units::{LINE, PAGE};

use super::area::{AREAS, Area, Lengths};
use super::cores::Cores;
use super::diff::LivePage;
use super::dirty::{Method, Tracker};
use super::file::HeapFile;
use super::layout::Piece;
use super::log::RecordBody;
use super::planted::Planted;
use super::reuse::Standing;
use super::span::PageSpan;
use super::storage::Storage;
use comparing::compare;

/// How many noted pages ahead: of most of them one line is needed.
const NOTED_AHEAD: usize = 8;

/// What of a heap is followed.
#[derive(Debug)]
pub(crate) struct Capture {
    tracker: Tracker,
    /// Bytes of each area that the tracker covers, or that were in use when the notes were last taken.
    covered: Lengths,
    /// Bytes of each area that the last commit has.
    committed: Lengths,
    /// Spans of the heap's pages that were written since the last commit.
    pending: Vec<PageSpan>,
    /// Lines of tracked pages that were noted since the last commit, and are not in the table any more; by the pages' numbers
    /// among the tracked ones.
    noted: Vec<(usize, u64)>,
}

/// What a capture looked at.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Looked {
    /// Pages that the kernel was asked about.
    pub(crate) scanned: u64,
    /// Pages that may have been written.
    pub(crate) reported: u64,
    /// Lines that were noted.
    pub(crate) noted: u64,
    /// Pages that the image has with this commit.
    pub(crate) image_pages: u64,
}

impl Capture {
    pub(super) fn new(cores: Cores<'_>, method: Method) -> Self {
        let tracker = Tracker::open(cores.base(), method);
        let committed = cores.committed_lengths();
        Self { tracker, covered: [0; AREAS], committed, pending: Vec::new(), noted: Vec::new() }
    }

    pub(super) fn method(&self) -> Method {
        self.tracker.method()
    }

    /// The heap has become shorter: so much of each area is left, of which nothing may be known any more.
    pub(super) fn cut<S: Storage>(&mut self, file: &HeapFile<S>, lengths: Lengths) {
        let mut left = Vec::new();
        for area in Area::ALL {
            let length = lengths[area.index()];
            self.covered[area.index()] = self.covered[area.index()].min(length);
            left.append(&mut take_between(&mut self.pending, file.layout.pages_of(area, 0, length)));
        }
        self.pending = left;
        let tracked = lengths[Area::TRACKED_PAGES.index()] / PAGE as u64;
        self.noted.retain(|(page, _)| (*page as u64) < tracked);
    }

    /// Bytes of each area that the last commit has.
    pub(super) fn committed(&self) -> Lengths {
        self.committed
    }

    /// How many bytes the heap has grown by since the last commit.
    pub(super) fn growth(&self, cores: Cores<'_>) -> u64 {
        cores.lengths().iter().zip(self.committed).map(|(new, old)| new.saturating_sub(old)).sum()
    }

    /// How many bytes of untracked pages were written since the last commit and of tracked lines noted, and how many the heap
    /// has grown by, which may not have been written yet. Where the method cannot say what was written since it was asked
    /// last, that does not count. Nothing is counted beyond `most`.
    pub(super) fn written<S: Storage>(&mut self, cores: Cores<'_>, file: &HeapFile<S>, most: u64) -> u64 {
        if self.covered == [0; AREAS] {
            cores.seize();
            self.collect(cores, file, cores.lengths());
            cores.release();
        }
        self.put_back(cores);
        let mut lines = 0;
        cores.notes.take(|page, noted| {
            lines += u64::from(noted.count_ones());
            self.noted.push((page, noted));
        });
        self.put_back(cores);
        let grown = self.growth(cores);
        let pending: u64 = self.pending.iter().map(|span| span.count * PAGE as u64).sum();
        let known = grown + pending + lines * LINE as u64;
        if known >= most {
            return most;
        }
        let areas = Area::ALL.into_iter().filter(|area| *area != Area::TRACKED_PAGES);
        let ranges: Vec<PageSpan> =
            areas.map(|area| file.layout.pages_of(area, 0, self.committed[area.index()])).collect();
        let pages = self.tracker.written(&ranges, (most - known).div_ceil(PAGE as u64));
        (known + pages * PAGE as u64).min(most)
    }

    /// The pages of an area that no commit has.
    fn grown<S: Storage>(&self, file: &HeapFile<S>, area: Area, lengths: Lengths) -> PageSpan {
        file.layout.pages_of(area, self.committed[area.index()], lengths[area.index()])
    }

    /// Spans of those pages, all of them tracked, of which lines are noted.
    fn noted_within<S: Storage>(&self, file: &HeapFile<S>, span: PageSpan) -> Vec<PageSpan> {
        let origin = tracked_origin(file);
        let pages = self.noted.iter().map(|(page, _)| PageSpan { first: origin + *page as u64, count: 1 });
        let mut spans = pages.filter(|page| (span.first..span.end()).contains(&page.first)).collect();
        merge(&mut spans);
        spans
    }

    /// Puts the changes into `body`.
    pub(super) fn take<S: Storage>(
        &mut self,
        cores: Cores<'_>,
        file: &HeapFile<S>,
        body: &mut RecordBody,
    ) -> Result<Looked, Error> {
        cores.note_lengths();
        cores.captured();
        let lengths = cores.lengths();
        let scanned = self.collect(cores, file, lengths);
        if cores.notes.finds_unnoted {
            super::unnoted::find(cores, file, &self.noted, lengths)?;
        }
        let image_pages = file.layout.file_len(lengths) / PAGE as u64;
        let mut looked = Looked { scanned, reported: 0, noted: 0, image_pages };
        let mut pages = Vec::new();
        for span in &self.pending {
            looked.reported += span.count;
            for piece in file.layout.pieces_of(*span) {
                let is_cache = file.layout.area_at(piece.offset).zone == Zone::Caches;
                pages.extend(pages_of(piece).map(|page| Page { is_cache, ..page }));
            }
        }
        if Planted::PageMissed.is_there() {
            pages.pop();
        }
        compare(cores, file, &pages, body);
        looked.noted = self.take_noted(cores, file, body);
        Ok(looked)
    }

    /// The same for what was noted; says how many lines that was.
    fn take_noted<S: Storage>(&self, cores: Cores<'_>, file: &HeapFile<S>, body: &mut RecordBody) -> u64 {
        let (mut count, mut compared) = (0, Vec::new());
        let start = Area::TRACKED_PAGES.start(file.layout.plan());
        let mut piece = Piece { offset: 0, file: 0, bytes: 0 };
        for (index, (page, lines)) in self.noted.iter().enumerate() {
            if let Some((next, lines)) = self.noted.get(index + NOTED_AHEAD) {
                live(cores, start + next * PAGE).prefetch_lines(*lines);
            }
            let offset = start + page * PAGE;
            if offset.wrapping_sub(piece.offset) >= piece.bytes {
                // To the end of the area: the pages that follow are likely to lie in the same piece.
                let size = file.layout.plan().size(Zone::Pages);
                let found = file.layout.pieces(Area::TRACKED_PAGES, page * PAGE, size).next();
                piece = found.unwrap_or(piece);
            }
            let page = Page {
                offset,
                file: (piece.file + (offset - piece.offset) as u64) / PAGE as u64,
                is_cache: false,
            };
            count += u64::from(lines.count_ones());
            if *lines == u64::MAX || file.standing(page.file) != Standing::Known {
                compared.push(page);
            } else {
                live(cores, offset).take(*lines, body.page(page.file, *lines));
            }
        }
        compare(cores, file, &compared, body);
        count
    }

    /// What was captured is committed.
    pub(super) fn note_commit(&mut self) {
        self.pending.clear();
        self.noted.clear();
        self.committed = self.covered;
    }

    /// What was captured is not committed: the notes are as if it had never been.
    pub(super) fn put_back(&mut self, cores: Cores<'_>) {
        if Planted::NotesNotPutBack.is_there() {
            self.noted.clear();
        }
        self.noted.drain(..).for_each(|(page, lines)| cores.notes.put(page, lines));
    }

    /// Finds what was written, and takes what was noted; says how many pages the kernel was asked about.
    fn collect<S: Storage>(&mut self, cores: Cores<'_>, file: &HeapFile<S>, lengths: Lengths) -> u64 {
        let mut ranges = Vec::new();
        for area in Area::ALL.into_iter().filter(|area| *area != Area::TRACKED_PAGES) {
            let (old, new) = (self.covered[area.index()], lengths[area.index()]);
            self.tracker.cover(file.layout.pages_of(area, old, new));
            ranges.push(file.layout.pages_of(area, 0, new));
        }
        self.covered = lengths;
        let pending = &mut self.pending;
        let scan = self.tracker.collect(&ranges, &mut |span| pending.push(span));
        merge(pending);
        self.put_back(cores);
        let (noted, usable) = (&mut self.noted, lengths[Area::TRACKED_PAGES.index()] / PAGE as u64);
        // A note of what nobody can have written to yet is a mistake, and counts for nothing.
        cores.notes.take(|page, lines| noted.extend(((page as u64) < usable).then_some((page, lines))));
        scan.looked_at
    }
}

/// The number of the first tracked page among the heap's.
fn tracked_origin<S: Storage>(file: &HeapFile<S>) -> u64 {
    file.layout.pages_of(Area::TRACKED_PAGES, 0, 0).first
}

/// The number of a page among the tracked ones.
fn noted_page<S: Storage>(file: &HeapFile<S>, page: u64) -> usize {
    usize::try_from(page - tracked_origin(file)).unwrap_or(usize::MAX)
}

/// Takes the parts of sorted spans out that lie within this one.
fn take_between(spans: &mut Vec<PageSpan>, within: PageSpan) -> Vec<PageSpan> {
    let (from, to) = (within.first, within.end());
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

/// The page at this offset of the heap.
pub(super) fn live(cores: Cores<'_>, offset: usize) -> LivePage {
    let address = cores.base().as_ptr().wrapping_add(offset);
    // SAFETY: a usable page of one of the regions, which is mapped as long as the cores are there.
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

/// The pages of a piece.
fn pages_of(piece: Piece) -> impl Iterator<Item = Page> {
    (0..piece.bytes).step_by(PAGE).map(move |step| Page {
        offset: piece.offset + step,
        file: (piece.file + step as u64) / PAGE as u64,
        is_cache: false,
    })
}

/// A page of the heap, and of the file.
#[derive(Clone, Copy, Debug)]
struct Page {
    /// How far it lies from the heap's base.
    offset: usize,
    /// Its number in the file.
    file: u64,
    /// Whether pops and pushes may write to it.
    is_cache: bool,
}
