//! The capture: what has changed since the last commit, at one point in time.
//!
//! The caller has seized the heap: no slow path of the allocator runs. Pops and pushes go on, and so may writes to blocks.
//!
//! 1. Pages that were found to be written, and not committed, are kept for the next capture.
//! 2. The magazines of a page are copied from its front to its back, counts before their slots, and only then compared. So
//!    a slot below a count holds a block that was free when the count was read, or became free later; never one that was in
//!    use all the time.

use crate::heap::Core;
use crate::region::Zone;
use crate::units::PAGE;

use super::diff::LivePage;
use super::dirty::{Method, Tracker};
use super::file::{Changes, HeapFile};
use super::layout::Layout;
use super::log::RecordBody;
use super::planted::Planted;
use super::span::PageSpan;
use super::storage::Storage;
use crate::region::ZONES;

/// How many pages ahead the processor is asked for.
const AHEAD: usize = 2;

/// What of a region is followed.
#[derive(Debug)]
pub(crate) struct Capture {
    tracker: Tracker,
    /// Bytes of each zone that the tracker covers.
    covered: [u64; ZONES],
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
        Self { tracker, covered: [0; ZONES], pending: Vec::new() }
    }

    pub(super) fn method(&self) -> Method {
        self.tracker.method()
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
            pages_of(&file.layout, *span, &mut |page| pages.push(page));
        }
        if Planted::PageMissed.is_there() {
            pages.pop();
        }
        for (index, page) in pages.iter().enumerate() {
            if let Some(next) = pages.get(index + AHEAD) {
                next.live(core).prefetch(file.view.page(next.file));
            }
            page.compare(core, file, body, changes);
        }
        looked
    }

    /// What was captured is committed.
    pub(super) fn committed(&mut self) {
        self.pending.clear();
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
    fn live(self, core: &Core) -> LivePage {
        let address = core.region().base().as_ptr().wrapping_add(self.offset);
        // SAFETY: a usable page of the region, which is mapped as long as its core is there.
        unsafe { LivePage::new(address) }
    }

    fn compare<S: Storage>(
        self,
        core: &Core,
        file: &HeapFile<S>,
        body: &mut RecordBody,
        changes: &mut Changes,
    ) {
        let mut copy = Copy([0; PAGE]);
        let mut live = self.live(core);
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

/// Calls `act` with each page of a span of the region that has a place in the file.
fn pages_of(layout: &Layout, span: PageSpan, act: &mut impl FnMut(Page)) {
    let bytes = |pages: u64| usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(PAGE);
    let (from, to) = (bytes(span.first), bytes(span.end()));
    for zone in Zone::ALL {
        let start = layout.plan().start(zone);
        let (first, end) = (from.max(start), to.min(start + layout.plan().size(zone)));
        if first >= end {
            continue;
        }
        for piece in layout.pieces(zone, first - start, end - start) {
            for step in (0..piece.bytes).step_by(PAGE) {
                let file = (piece.file + step as u64) / PAGE as u64;
                act(Page { offset: piece.offset + step, file, is_cache: zone == Zone::Caches });
            }
        }
    }
}
