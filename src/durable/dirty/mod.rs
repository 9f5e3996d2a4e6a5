//! Which pages may have been written since they were last asked about.
//!
//! Three methods answer, and a [`Tracker`] holds the best one that the system allows:
//!
//! | method | asks | reports |
//! |---|---|---|
//! | `WriteProtection` | a userfault descriptor and `PAGEMAP_SCAN`, Linux 6.7 | pages written since the last answer |
//! | `LeftTheFile` | `/proc/self/pagemap` | pages written since they were mapped, and some that were only read |
//! | `Everything` | nothing | every page |
//!
//! 1. A page that was written is reported by the first `collect` whose ranges contain it and which began after the write. A
//!    write while `collect` runs is reported by that one or by the next.
//! 2. More may be reported than was written: the caller compares.
//! 3. What was *purged* (or mapped anew) is not a write: whoever does that knows it. While `collect` runs, no page of its
//!    ranges may be purged or mapped anew.
//! 4. A child of `fork` gets every page reported, and asks the kernel nothing: the descriptors it has inherited still
//!    mean its parent.

mod compare;
mod pagemap;
mod scan;

use core::fmt;
use core::ptr::NonNull;

use super::span::PageSpan;
use crate::os;
use crate::units::PAGE;

/// A way to find out which pages may have been written.
pub(crate) trait DirtyPages: Send + fmt::Debug {
    /// From now on these pages, which are mapped, can be asked about; all that was written to them before counts as
    /// written. Pages that are mapped anew are to be covered again.
    fn cover(&mut self, span: PageSpan);

    /// How many pages of `ranges`, which were all collected once, were written since; not counted beyond `most`. Nothing is
    /// forgotten by that. `None` where the method cannot tell.
    fn count(&mut self, _ranges: &[PageSpan], _most: u64) -> Option<u64> {
        None
    }

    /// Reports pages of `ranges`, which are covered and do not overlap, by calling `accept`. What is reported is forgotten
    /// here: a caller that fails to commit it keeps it. After an error the method is of no more use.
    fn collect(&mut self, ranges: &[PageSpan], accept: &mut dyn FnMut(PageSpan)) -> Result<(), os::Fault>;
}

/// The methods, best first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Method {
    WriteProtection,
    LeftTheFile,
    Everything,
}

impl Method {
    pub(crate) const BEST: Self = Self::WriteProtection;

    /// What statistics call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::WriteProtection => "write protection",
            Self::LeftTheFile => "left the file",
            Self::Everything => "everything",
        }
    }

    fn next(self) -> Self {
        match self {
            Self::WriteProtection => Self::LeftTheFile,
            Self::LeftTheFile | Self::Everything => Self::Everything,
        }
    }

    fn start(self, base: NonNull<u8>) -> Result<Box<dyn DirtyPages>, os::Fault> {
        Ok(match self {
            Self::WriteProtection => Box::new(scan::WriteProtection::open(base)?),
            Self::LeftTheFile => Box::new(pagemap::LeftTheFile::open(base)?),
            Self::Everything => Box::new(compare::Everything),
        })
    }
}

/// What one `collect` has found.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Scan {
    /// Pages that were looked at.
    pub(crate) looked_at: u64,
    /// Pages that were reported.
    pub(crate) reported: u64,
    /// Spans in which they were reported.
    pub(crate) spans: u64,
}

/// Finds written pages by the best method that works, and by a lesser one when it stops working.
#[derive(Debug)]
pub(crate) struct Tracker {
    method: Method,
    pages: Box<dyn DirtyPages>,
    base: NonNull<u8>,
    /// Who asked first.
    process: u32,
}

// SAFETY: the base is an address to compute with, and is never read through.
unsafe impl Send for Tracker {}

impl Tracker {
    /// A tracker for the region at `base`, by the method `first` or the next one that the system allows. It covers nothing
    /// yet.
    pub(crate) fn open(base: NonNull<u8>, first: Method) -> Self {
        // The kernel counts in its own pages; where those are larger than ours, its answers would have to be translated.
        let first = if os::page_size() == PAGE { first } else { Method::Everything };
        let (method, pages) = Self::start(base, first);
        Self { method, pages, base, process: os::process() }
    }

    fn start(base: NonNull<u8>, first: Method) -> (Method, Box<dyn DirtyPages>) {
        let mut method = first;
        loop {
            match method.start(base) {
                Ok(pages) => return (method, pages),
                Err(_) => method = method.next(),
            }
        }
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// See [`DirtyPages::cover`].
    pub(crate) fn cover(&mut self, span: PageSpan) {
        self.pages.cover(span);
    }

    /// See [`DirtyPages::count`]; 0 where nobody can tell.
    pub(crate) fn written(&mut self, ranges: &[PageSpan], most: u64) -> u64 {
        if os::process() == self.process { self.pages.count(ranges, most).unwrap_or(0) } else { 0 }
    }

    /// See [`DirtyPages::collect`]. Where a method fails half way the next one starts from the beginning, so that a page
    /// may be reported twice.
    pub(crate) fn collect(&mut self, ranges: &[PageSpan], accept: &mut dyn FnMut(PageSpan)) -> Scan {
        if os::process() != self.process {
            self.fall_back_to(Method::Everything);
        }
        loop {
            let mut scan =
                Scan { looked_at: ranges.iter().map(|range| range.count).sum(), ..Scan::default() };
            let collected = self.pages.collect(ranges, &mut |span| {
                scan.reported += span.count;
                scan.spans += 1;
                accept(span);
            });
            match collected {
                Ok(()) => return scan,
                // The lesser methods keep no state between two answers, so nothing has to be covered again.
                Err(_) => self.fall_back_to(self.method.next()),
            }
        }
    }

    #[cold]
    fn fall_back_to(&mut self, method: Method) {
        (self.method, self.pages) = Self::start(self.base, method);
    }
}

#[cfg(test)]
mod tests;
