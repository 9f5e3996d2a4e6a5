//! Which way a `Layout` goes: to a size class, to a class of whole runs, or to a run of its own.
//!
//! The route depends on the layout alone, so a free with the same layout takes the same way back without looking
//! anything up. Size classes and run classes are served through magazines, which are numbered together.

use core::alloc::Layout;

use super::class::COLOUR_MIN;
use super::{CLASSES, Class, PAGE, PAGE_SHIFT, SMALL_MAX, low32, pages_for, round_up};

/// Alignments up to a line are had by rounding the size up, whatever the size.
pub(crate) const LINE_ALIGN_MAX: usize = super::LINE;

/// The largest run that goes through a magazine.
pub(crate) const RUN_CLASS_MAX: usize = 2 << 20;
const RUN_PAGES_MAX: u32 = low32(RUN_CLASS_MAX / PAGE);
/// One class for each count to 8 pages, then eight to each doubling up to 512.
pub(crate) const RUN_CLASSES: usize = 8 + 8 * 6;
/// How many magazines a thread has.
pub(crate) const MAGAZINES: usize = CLASSES + RUN_CLASSES;

/// A length of runs that magazines hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RunClass(u8);

#[allow(clippy::cast_possible_truncation, reason = "run classes are below 56")]
impl RunClass {
    /// The shortest run class of at least `pages` pages.
    pub(crate) const fn of_pages(pages: u32) -> Option<Self> {
        if pages > RUN_PAGES_MAX || pages == 0 {
            return None;
        }
        if pages <= 8 {
            return Some(Self((pages - 1) as u8));
        }
        let last = pages - 1;
        let doubling = last.ilog2();
        Some(Self((8 + (doubling - 3) * 8 + (last >> (doubling - 3)) - 8) as u8))
    }

    /// The run class whose length is exactly `pages`.
    pub(crate) fn exactly(pages: u32) -> Option<Self> {
        Self::of_pages(pages).filter(|class| class.pages() == pages)
    }

    pub(crate) const fn from_index(index: usize) -> Option<Self> {
        if index < RUN_CLASSES { Some(Self(index as u8)) } else { None }
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }

    pub(crate) const fn pages(self) -> u32 {
        let index = self.0 as u32;
        if index < 8 {
            return index + 1;
        }
        let doubling = (index - 8) / 8;
        (8 + (index - 8) % 8 + 1) << doubling
    }
}

/// The way of a layout through the allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    /// A block of a slab.
    Small(Class),
    /// A run of a length that magazines hold, aligned to a page.
    Run(RunClass),
    /// A run of its own, of just so many pages, at this alignment in bytes.
    Pages { pages: u32, align: usize },
}

impl Route {
    /// The way of `layout`, or `None` where no heap could ever be large enough.
    #[inline]
    pub(crate) const fn of(layout: Layout) -> Option<Self> {
        let (size, align) = (layout.size(), layout.align());
        let Some(rounded) = round_up(size, align) else { return None };
        let whole_lines = align <= LINE_ALIGN_MAX || (align <= COLOUR_MIN / 2 && rounded < COLOUR_MIN);
        if rounded <= SMALL_MAX && whole_lines {
            return match Class::of_size(rounded) {
                Some(class) => Some(Self::Small(class)),
                None => None,
            };
        }
        let Some(pages) = pages_for(if size == 0 { 1 } else { size }) else { return None };
        if align <= PAGE
            && let Some(class) = RunClass::of_pages(pages)
        {
            return Some(Self::Run(class));
        }
        Some(Self::Pages { pages, align: if align > PAGE { align } else { PAGE } })
    }

    /// The bytes that a block on this route holds.
    pub(crate) const fn capacity(self) -> usize {
        match self {
            Self::Small(class) => class.size(),
            Self::Run(class) => (class.pages() as usize) << PAGE_SHIFT,
            Self::Pages { pages, .. } => (pages as usize) << PAGE_SHIFT,
        }
    }

    /// The pages of this route's run; `None` for a block of a slab.
    pub(crate) const fn run_pages(self) -> Option<u32> {
        match self {
            Self::Small(_) => None,
            Self::Run(class) => Some(class.pages()),
            Self::Pages { pages, .. } => Some(pages),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_classes_are_the_shortest_that_hold_the_pages() {
        let mut last = 0;
        for index in 0..RUN_CLASSES {
            let class = RunClass::from_index(index).unwrap();
            assert!(class.pages() > last);
            last = class.pages();
            assert_eq!(RunClass::exactly(class.pages()), Some(class));
        }
        assert_eq!(last, RUN_PAGES_MAX);
        for pages in 1..=RUN_PAGES_MAX {
            let class = RunClass::of_pages(pages).unwrap();
            assert!(class.pages() >= pages && (class.pages() - pages) * 8 <= class.pages());
            assert!(class.index() == 0 || RunClass::from_index(class.index() - 1).unwrap().pages() < pages);
        }
        assert_eq!(RunClass::of_pages(RUN_PAGES_MAX + 1), None);
    }

    #[test]
    fn every_route_holds_its_layout_at_its_alignment() {
        for align_log in 0..=22 {
            let align = 1_usize << align_log;
            for size in (1..=70_000).step_by(7).chain([1 << 20, 3 << 20, 1 << 30]) {
                let layout = Layout::from_size_align(size, align).unwrap();
                let route = Route::of(layout).unwrap();
                assert!(route.capacity() >= size, "{layout:?} {route:?}");
                match route {
                    Route::Small(class) => assert!(class.align() >= align, "{layout:?} {route:?}"),
                    Route::Run(_) => assert!(align <= PAGE),
                    Route::Pages { align: got, .. } => assert!(got >= align),
                }
            }
        }
    }

    #[test]
    fn what_no_heap_can_hold_has_no_route() {
        let layout = Layout::from_size_align(isize::MAX as usize - 4095, 4096).unwrap();
        assert_eq!(Route::of(layout), None);
    }
}
