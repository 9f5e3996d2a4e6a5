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
//! tables, reports exactly that. Purged anonymous memory loses its protection too, and is reported.

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
const TABLE: u64 = (PAGE / 8 * PAGE) as u64;

/// What lost its protection.
const WRITTEN: Pick = Pick { inverted: 0, all: page_is::WRITTEN, any: 0, protect: true };
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

    /// The first `collect` over these pages.
    fn protect(&mut self, span: PageSpan, accept: &mut dyn FnMut(PageSpan)) -> Result<(), os::Fault> {
        let Self { userfault, scanner, .. } = self;
        let range = scanner.addresses(span);
        scanner.scan(&WRITTEN_PRIVATE, range.clone(), &mut |written| {
            accept(written);
            Ok(())
        })?;
        let base = scanner.base;
        scanner.scan(&ABSENT, range.clone(), &mut |absent| {
            for page in shares(base, span, absent) {
                let address = base + page * PAGE as u64;
                userfault.protect(address..address + PAGE as u64)?;
                accept(PageSpan { first: page, count: 1 });
            }
            Ok(())
        })?;
        scanner.scan(&NOT_PRIVATE, range, &mut |_| Ok(()))
    }
}

impl DirtyPages for WriteProtection {
    fn cover(&mut self, span: PageSpan) {
        if !span.is_empty() {
            self.unregistered.push(span);
            self.unprotected.insert(span);
        }
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
                    let addresses = self.scanner.addresses(piece);
                    self.scanner.scan(&WRITTEN, addresses, &mut |written| {
                        accept(written);
                        Ok(())
                    })?;
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

    /// Calls `accept` with all spans of picked pages.
    fn scan(
        &mut self,
        pick: &Pick,
        range: Range<u64>,
        accept: &mut dyn FnMut(PageSpan) -> Result<(), os::Fault>,
    ) -> Result<(), os::Fault> {
        let mut at = range.start;
        while at < range.end {
            let (filled, walked_to) = self.map.scan(pick, at..range.end, &mut self.found)?;
            for picked in &self.found[..filled] {
                let Range { start, end } = picked.addresses();
                let page = |address: u64| (address - self.base) / PAGE as u64;
                accept(PageSpan::between(page(start), page(end)))?;
            }
            if walked_to <= at {
                return Err(os::Fault::INVAL);
            }
            at = walked_to;
        }
        Ok(())
    }
}
