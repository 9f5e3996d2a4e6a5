//! Pages that lost their protection, by a userfault descriptor and `PAGEMAP_SCAN`.
//!
//! ```text
//! not covered --cover--> unprotected --first collect--> protected --write (the kernel)--> written
//!                                                           ^------------- collect -----------'
//! ```
//!
//! Nothing is registered or protected before the first `collect` over a page, because a registered range is populated
//! page by page instead of many at once. From then on:
//!
//! 1. A page of a covered range is in `unprotected`, or it is protected, or its next `collect` reports it.
//! 2. A page with a page table is protected only in the step that also finds it, by the kernel's scan under the lock of
//!    that table, so that no write comes between. The one exception is reported without being asked about.
//!
//! The kernel counts every page without protection as written, those included that are there only as the file's or as
//! zeros, and those of which there is only a page table. So a first `collect` goes in three steps:
//!
//! - What is private memory and unprotected is reported and protected: everything that was written before.
//! - Where a page table's whole share of the range has no page, there may be no table, and what has none is picked and
//!   protected in two steps. So the first page of the share is protected, which makes the table, and reported, since it
//!   may have been written in between.
//! - What has no private memory is protected without being reported. A page that was written after the first step has
//!   private memory now, and remains for the next `collect`.
//!
//! After that only what is written loses its protection, and the kernel's plain scan, which looks at nothing but the page
//! tables, finds exactly that: once over everything without a change, and once more, reporting and protecting, where it
//! has found something. There are two exceptions. Where a huge page of the file was mapped as a whole, the first write to
//! it takes the whole mapping away; and purged anonymous memory has nothing left to be protected. Either leaves page
//! tables full of pages without protection, so a span as long as that goes through the three steps again. A program may
//! have written as much, of course, and then the first step reports it.

use core::fmt;
use core::ops::Range;
use core::ptr::NonNull;

use super::{DirtyPages, PageSpan};
use crate::durable::span::SpanSet;
use crate::os::{self, PageMap, Pick, PickedPages, Userfault, page_is};
use crate::units::PAGE;

/// Entries for one step of a scan: room for many lone pages at little cost.
const FOUND: usize = 4096;
/// Bytes that one page table maps.
const TABLE: u64 = TABLE_PAGES * PAGE as u64;
const TABLE_PAGES: u64 = PAGE as u64 / 8;

/// What lost its protection.
const WRITTEN: Pick = Pick { inverted: 0, all: page_is::WRITTEN, any: 0, protect: true };
/// The same, to see where it is.
const LOOK: Pick = Pick { protect: false, ..WRITTEN };
/// What has private memory and no protection.
const WRITTEN_PRIVATE: Pick = Pick {
    inverted: page_is::FILE | page_is::ZERO,
    all: page_is::WRITTEN | page_is::FILE | page_is::ZERO,
    any: page_is::PRESENT | page_is::SWAPPED,
    protect: true,
};
/// What is not there.
const ABSENT: Pick = Pick {
    inverted: page_is::PRESENT | page_is::SWAPPED,
    all: page_is::PRESENT | page_is::SWAPPED,
    any: 0,
    protect: false,
};
/// What has no private memory: not there, the file's, or zeros.
const NOT_PRIVATE: Pick = Pick {
    inverted: page_is::PRESENT | page_is::SWAPPED,
    all: page_is::SWAPPED,
    any: page_is::PRESENT | page_is::FILE | page_is::ZERO,
    protect: true,
};

/// Reports pages that were written since they were protected.
pub(super) struct WriteProtection {
    userfault: Userfault,
    scanner: Scanner,
    /// Covered spans that are not registered yet: whole ones, so that they stay whole mappings for the kernel.
    unregistered: Vec<PageSpan>,
    /// Covered pages that no `collect` has seen yet.
    unprotected: SpanSet,
}

impl WriteProtection {
    /// Refused where the system lacks what is needed, or does not allow it.
    pub(super) fn open(base: NonNull<u8>) -> Result<Self, os::Fault> {
        let base = base.as_ptr().addr() as u64;
        let scanner =
            Scanner { map: PageMap::open()?, base, found: vec![PickedPages::default(); FOUND].into() };
        let userfault = Userfault::open()?;
        let mut this = Self { userfault, scanner, unregistered: Vec::new(), unprotected: SpanSet::default() };
        this.scanner.refused_by_old_kernels()?;
        Ok(this)
    }

    /// The three steps.
    fn protect(&mut self, span: PageSpan, accept: &mut dyn FnMut(PageSpan)) -> Result<(), os::Fault> {
        let Self { userfault, scanner, .. } = self;
        scanner.report(&WRITTEN_PRIVATE, span, accept)?;
        let base = scanner.base;
        scanner.scan(&ABSENT, span, &mut |absent| {
            for page in shares(base, span, absent) {
                let address = base + page * PAGE as u64;
                userfault.protect(address..address + PAGE as u64)?;
                accept(PageSpan { first: page, count: 1 });
            }
            Ok(())
        })?;
        scanner.scan(&NOT_PRIVATE, span, &mut |_| Ok(()))
    }

    /// Reports and protects what lost its protection in a span that had it.
    fn renew(&mut self, span: PageSpan, accept: &mut dyn FnMut(PageSpan)) -> Result<(), os::Fault> {
        let mut rest = span;
        while !rest.is_empty() {
            let mut lost = Vec::new();
            let looked_to = self.scanner.step(&LOOK, rest, &mut |found| {
                note(&mut lost, found);
                Ok(())
            })?;
            for near in lost {
                match near {
                    Lost::Scattered(near) => self.scanner.report(&WRITTEN, near, accept)?,
                    Lost::Whole(span) => self.protect(span, accept)?,
                }
            }
            rest = PageSpan::between(looked_to, rest.end());
        }
        Ok(())
    }
}

/// Where protection was lost.
enum Lost {
    /// By some of these pages, the first and the last among them.
    Scattered(PageSpan),
    /// By all of these, as many as a page table has.
    Whole(PageSpan),
}

/// Notes that `found` has lost its protection, together with what is noted last if that is near: to walk over a few pages
/// costs less than another call.
fn note(lost: &mut Vec<Lost>, found: PageSpan) {
    match lost.last_mut() {
        _ if found.count >= TABLE_PAGES => lost.push(Lost::Whole(found)),
        Some(Lost::Scattered(last)) if found.first - last.end() < TABLE_PAGES => {
            *last = PageSpan::between(last.first, found.end());
        }
        _ => lost.push(Lost::Scattered(found)),
    }
}

impl DirtyPages for WriteProtection {
    fn cover(&mut self, span: PageSpan) {
        if !span.is_empty() {
            self.unregistered.push(span);
            self.unprotected.insert(span);
        }
    }

    fn count(&mut self, ranges: &[PageSpan], most: u64) -> Option<u64> {
        let mut count = 0;
        for range in ranges {
            let mut rest = *range;
            while !rest.is_empty() && count < most {
                let walked = self.scanner.step(&LOOK, rest, &mut |found| {
                    count += found.count;
                    Ok(())
                });
                rest = PageSpan::between(walked.ok()?, rest.end());
            }
        }
        Some(count.min(most))
    }

    fn collect(&mut self, ranges: &[PageSpan], accept: &mut dyn FnMut(PageSpan)) -> Result<(), os::Fault> {
        for span in self.unregistered.drain(..) {
            self.userfault.register(self.scanner.addresses(span))?;
        }
        for range in ranges {
            for (piece, unprotected) in self.unprotected.take(*range) {
                if unprotected {
                    self.protect(piece, accept)?;
                } else {
                    self.renew(piece, accept)?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for WriteProtection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteProtection").field("unprotected", &self.unprotected).finish_non_exhaustive()
    }
}

/// The first pages of all page tables' shares of `span` in which every page is one of `absent`.
fn shares(base: u64, span: PageSpan, absent: PageSpan) -> impl Iterator<Item = u64> {
    let table_of = move |page: u64| (base + page * PAGE as u64) / TABLE;
    let first_of = move |table: u64| (table * TABLE).saturating_sub(base).div_ceil(PAGE as u64);
    (table_of(absent.first)..=table_of(absent.end() - 1))
        .map(move |table| first_of(table).max(span.first)..first_of(table + 1).min(span.end()))
        .filter(move |share| absent.first <= share.start && share.end <= absent.end())
        .map(|share| share.start)
}

/// Scans of the region, in pages.
struct Scanner {
    map: PageMap,
    /// The address of page 0.
    base: u64,
    found: Box<[PickedPages]>,
}

impl Scanner {
    /// Fails where the kernel knows no scan, without looking at any page.
    fn refused_by_old_kernels(&mut self) -> Result<(), os::Fault> {
        self.map.scan(&ABSENT, 0..0, &mut self.found).map(|_| ())
    }

    fn addresses(&self, span: PageSpan) -> Range<u64> {
        self.base + span.first * PAGE as u64..self.base + span.end() * PAGE as u64
    }

    /// Reports all picked pages of `span`.
    fn report(
        &mut self,
        pick: &Pick,
        span: PageSpan,
        accept: &mut dyn FnMut(PageSpan),
    ) -> Result<(), os::Fault> {
        self.scan(pick, span, &mut |found| {
            accept(found);
            Ok(())
        })
    }

    /// Calls `act` with all spans of picked pages in `span`.
    fn scan(
        &mut self,
        pick: &Pick,
        span: PageSpan,
        act: &mut dyn FnMut(PageSpan) -> Result<(), os::Fault>,
    ) -> Result<(), os::Fault> {
        let mut rest = span;
        while !rest.is_empty() {
            rest = PageSpan::between(self.step(pick, rest, act)?, rest.end());
        }
        Ok(())
    }

    /// Goes as far as there is room for what is found, and says where that is.
    fn step(
        &mut self,
        pick: &Pick,
        span: PageSpan,
        act: &mut dyn FnMut(PageSpan) -> Result<(), os::Fault>,
    ) -> Result<u64, os::Fault> {
        let page = |address: u64| (address - self.base) / PAGE as u64;
        let (filled, walked_to) = self.map.scan(pick, self.addresses(span), &mut self.found)?;
        for found in &self.found[..filled] {
            let Range { start, end } = found.addresses();
            act(PageSpan::between(page(start), page(end)))?;
        }
        // A walk without progress would never end.
        if page(walked_to) > span.first { Ok(page(walked_to)) } else { Err(os::Fault::INVAL) }
    }
}
