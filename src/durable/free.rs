//! The free runs of the last commit.
//!
//! They are read from the committed image, through the lists of the bins in its header. What lies there may be damaged where
//! nobody has verified it: a list that cannot be right ends there, and what is found is compared with the live heap before
//! anything is done with it.

use core::mem::offset_of;

use crate::heap::Header;
use crate::region::Zone;
use crate::runs::{Bin, Bins, Kind, Link, RunsState, Tag};
use crate::units::{LINE, PAGE, Page, low32};

use super::area::{Area, Part};
use super::file::HeapFile;
use super::span::PageSpan;
use super::storage::Storage;

/// The free runs of at least `least` pages of a part, sorted, by the numbers of the part's pages.
pub(super) fn runs<S: Storage>(file: &HeapFile<S>, part: Part, least: u32) -> Vec<PageSpan> {
    let image = Committed { file, part };
    let (mut runs, pages) = (Vec::new(), image.pages());
    for bin in Bin::reaching(least) {
        let mut next = image.head(bin);
        while let Some(run) = next.and_then(|page| image.run(page, pages)) {
            runs.push(run);
            if runs.len() as u64 > pages {
                return Vec::new();
            }
            next = image.next(run);
        }
    }
    runs.sort_unstable_by_key(|run| run.first);
    runs.retain(|run| run.count >= u64::from(least));
    let overlap = runs.windows(2).any(|pair| pair[0].end() > pair[1].first);
    if overlap { Vec::new() } else { runs }
}

/// What is committed of a part.
struct Committed<'a, S: Storage> {
    file: &'a HeapFile<S>,
    part: Part,
}

impl<S: Storage> Committed<'_, S> {
    /// How many pages the runs cover, none of which lies behind the part's end.
    fn pages(&self) -> u64 {
        let length = self.word(Zone::Header, offset_of!(Header, lengths) + Zone::Pages.index() * 8);
        let pages = self.half(offset_of!(Header, runs) + offset_of!(RunsState, pages));
        let most = self.file.layout.plan().size(Zone::Pages) / PAGE;
        u64::from(pages).min(length / PAGE as u64).min(most as u64)
    }

    fn head(&self, bin: Bin) -> Option<Page> {
        let bins = offset_of!(Header, runs) + offset_of!(RunsState, bins);
        Link::page(self.half(bins + Bins::head_at(bin)))
    }

    fn run(&self, page: Page, pages: u64) -> Option<PageSpan> {
        let tag =
            Tag::from_bits((u64::from(page.0) < pages).then(|| self.word(Zone::Tags, page.index() * 8))?);
        let run = PageSpan { first: page.0.into(), count: tag.len().into() };
        (tag.is(Kind::Free) && tag.is_first() && run.end() <= pages && run.count > 0).then_some(run)
    }

    fn next(&self, run: PageSpan) -> Option<Page> {
        let at = usize::try_from(run.first).ok()? * 8;
        Link::from_bits(self.word(Zone::Links, at)).next
    }

    /// Four bytes of the header.
    fn half(&self, at: usize) -> u32 {
        let word = self.word(Zone::Header, at / 8 * 8);
        low32(usize::try_from(word >> (at % 8 * 8) & u64::from(u32::MAX)).unwrap_or(0))
    }

    /// Eight bytes of a zone; zeros for what is not there.
    fn word(&self, zone: Zone, at: usize) -> u64 {
        let mut pieces = self.file.layout.pieces(Area::new(self.part, zone), at, at + 8);
        let Some(piece) = pieces.next() else { return 0 };
        let (page, rest) = (piece.file / PAGE as u64, at % PAGE);
        if page >= self.file.image_pages {
            return 0;
        }
        let patched = self.file.overlay.lines_of(page).find(|(line, _)| *line == rest / LINE);
        let line = match patched {
            Some((_, line)) => *line,
            // SAFETY: the file has all pages of its image, and nobody writes to it: no checkpoint is under way.
            None => unsafe { &*self.file.view.page(page) }.as_chunks::<LINE>().0[rest / LINE],
        };
        u64::from_le_bytes(line.as_chunks().0[rest % LINE / 8])
    }
}
