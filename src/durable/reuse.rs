//! Giving space of the file back that the heap does not use, and committing it anew when it is used again.
//!
//! ```text
//! a checkpoint begins: mark_free --> open --it ends: the base has zeros--> known
//!                                     \--it could not be given back-----> open
//! ```
//!
//! 1. A page is given back only if the commit that the checkpoint brings into the base has it free. That commit is durable
//!    before, so no crash goes back to one that needs the page.
//! 2. While a page is *open* nobody knows what the base has there, now or after a crash. If it is used again, each commit that
//!    finds it written takes all of it, and relies on nothing there.
//! 3. An open page that is still free is not committed at all, and neither is one that was given back: it has no space.
//! 4. A page that is not open any more was given back, durably, and reads as zero; or was used again before that, and is as
//!    it was.
//!    Nothing relies on the space of a page that was taken back being there after a crash, so nothing is synced for it: the log
//!    has what was committed there until a checkpoint has written it, and is durable. If there is no space any more that is an
//!    error of that checkpoint, and the next opening goes on.
//! 5. What the log has for a page that its commit has free is not written by the checkpoint, and the page is open as long as
//!    another opening may have given it back: there may be no space for it.

use crate::region::Zone;
use crate::runs::RunsGuard;
use crate::units::{PAGE, Page};

use super::area::{Area, PARTS, Part};
use super::cores::Cores;
use super::file::HeapFile;
use super::free;
use super::holes::LEAST;
use super::planted::Planted;
use super::span::{PageSpan, SpanSet, in_both};
use super::storage::Storage;

/// How many runs are looked at while threads that want one wait.
const AT_ONCE: usize = if cfg!(test) { 3 } else { 128 };

/// What is known of a page of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Standing {
    /// The base with the overlay's lines is what is committed.
    Known,
    /// It is used again: all of its lines are to be committed.
    Open,
    /// Nobody uses it, and nothing of it needs to be committed.
    Free,
}

/// What checkpoints give back.
#[derive(Default, Debug)]
pub(super) struct Reuse {
    /// Free runs of each part, by its pages, of the commit that the last checkpoint has brought into the base; before the first
    /// one nobody knows what was free then.
    idle: Option<[Vec<PageSpan>; PARTS]>,
    /// Pages of which the checkpoint that begins now writes nothing, and gives most of them back.
    free: SpanSet,
    open: SpanSet,
    /// Whether anything was ever marked.
    has_begun: bool,
}

impl Reuse {
    /// Pages of which the checkpoint writes nothing.
    pub(super) fn begin(&mut self) -> SpanSet {
        core::mem::take(&mut self.free)
    }

    /// What was marked of these has been given back, but for what was lost.
    pub(super) fn end(&mut self, free: &SpanSet, lost: Option<PageSpan>) {
        for span in free.spans() {
            self.open.take(*span);
        }
        lost.into_iter().for_each(|span| self.open.insert(span));
    }
}

impl<S: Storage> HeapFile<S> {
    /// Marks what the checkpoint that begins next gives back: what the last commit and the heap have free, and had at the last
    /// checkpoint as well; all of it where it is the first or the last.
    pub(super) fn mark_free(&mut self, cores: Cores<'_>, is_last: bool) {
        let before = self.reuse.idle.take().filter(|_| !is_last);
        // The log of an opening that has ended may have lines for shorter ones too.
        let least = if before.is_none() && self.replayed.is_some() { 1 } else { LEAST };
        let committed = Part::ALL.map(|part| free::runs(self, part, least));
        for (part, core) in Part::ALL.into_iter().zip(cores.both()) {
            let now = &committed[part.index()];
            let idle = before.as_ref().map(|before| in_both(now, &before[part.index()]));
            let idle = idle.as_ref().unwrap_or(now);
            if idle.is_empty() && !Planted::GivenBackEarly.is_there() {
                continue;
            }
            // What the log may have lines for is not to be missed. That comes once, after a crash.
            if least == 1 || Planted::GivenBackEarly.is_there() {
                let (runs, mut free) = (core.runs().lock(), Vec::new());
                runs.free_from(least, |page, len| free.push(span_of(page, len)));
                free.sort_unstable_by_key(|run| run.first);
                let both = if Planted::GivenBackEarly.is_there() { free } else { in_both(idle, &free) };
                self.mark_long(part, &both, least);
                continue;
            }
            for some in now.chunks(AT_ONCE) {
                let idle = within(idle, some);
                // The runs are locked, so that nobody takes one of these in between, but not for longer.
                let runs = core.runs().lock();
                let free = some.iter().filter_map(|run| still_free(&runs, *run)).collect::<Vec<_>>();
                self.mark_long(part, &in_both(idle, &free), least);
            }
        }
        self.reuse.idle = Some(committed);
    }

    /// Marks those of these spans that are long enough.
    fn mark_long(&mut self, part: Part, spans: &[PageSpan], least: u32) {
        spans.iter().filter(|span| span.count >= least.into()).for_each(|span| self.mark(part, *span));
    }

    /// Marks these pages of a part.
    pub(super) fn mark(&mut self, part: Part, span: PageSpan) {
        let bytes = |pages: u64| usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(PAGE);
        let pages = Area::new(part, Zone::Pages);
        for piece in self.layout.pieces(pages, bytes(span.first), bytes(span.end())) {
            for free in self.holes.mark(piece.in_file(), span.count >= LEAST.into()) {
                self.reuse.has_begun = true;
                self.reuse.free.insert(free);
                self.reuse.open.insert(free);
            }
        }
    }

    /// What is known of a page in which the heap may differ from the last commit. The heap is seized.
    pub(super) fn standing(&self, page: u64) -> Standing {
        if !self.reuse.has_begun || Planted::OpenCompared.is_there() {
            return Standing::Known;
        }
        match (self.reuse.open.contains(page), self.holes.is_idle(page)) {
            (true, true) => Standing::Free,
            (true, false) => Standing::Open,
            // What the heap has there from before is nothing that the file needs.
            (false, _) if self.holes.is_given_back(page) => Standing::Free,
            (false, _) => Standing::Known,
        }
    }
}

fn span_of(page: Page, len: u32) -> PageSpan {
    PageSpan { first: page.0.into(), count: len.into() }
}

/// What of a committed free run is free now.
fn still_free(runs: &RunsGuard<'_>, run: PageSpan) -> Option<PageSpan> {
    let (first, len) = (u32::try_from(run.first).ok()?, u32::try_from(run.count).ok()?);
    runs.still_free(Page(first), len).map(|(page, len)| span_of(page, len))
}

/// Those of sorted spans that reach between the first and the last of others.
fn within<'a>(spans: &'a [PageSpan], others: &[PageSpan]) -> &'a [PageSpan] {
    let (first, end) =
        (others.first().map_or(0, |span| span.first), others.last().map_or(0, |span| span.end()));
    let from = spans.partition_point(|span| span.end() <= first);
    let to = spans.partition_point(|span| span.first < end);
    &spans[from..to.max(from)]
}
