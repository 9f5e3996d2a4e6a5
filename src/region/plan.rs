//! How a region is divided.
//!
//! ```text
//! 0        header    the heap's own words
//!          caches    the threads' magazines
//!          touched   a bit a page: has it been written since it was last known to be zero
//!          tags      8 bytes a page: what the page is part of
//!          links     8 bytes a page: neighbours in a list of free runs
//!          slabs     128 bytes a slab, at most one slab a page
//! pages    the pages themselves, at a multiple of the huge page where the memory is our own
//! ```

use crate::units::{HUGE, LINE, PAGE, low32};

/// Zones start at multiples of this, the largest alignment of what they hold.
pub(crate) const RECORD_ALIGN: usize = 2 * LINE;

/// A part of the region with one use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(crate) enum Zone {
    Header,
    Caches,
    Touched,
    Tags,
    Links,
    Slabs,
    Pages,
}

pub(crate) const ZONES: usize = 7;

impl Zone {
    pub(crate) const ALL: [Self; ZONES] =
        [Self::Header, Self::Caches, Self::Touched, Self::Tags, Self::Links, Self::Slabs, Self::Pages];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// What the floors above put into the zones, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) header: usize,
    pub(crate) cache: usize,
    pub(crate) caches: u32,
    pub(crate) slab: usize,
}

/// Where each zone starts and ends, in bytes from the region's base.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Plan {
    /// `edges[z]..edges[z + 1]` is the zone `z`.
    edges: [usize; ZONES + 1],
    pages: u32,
    caches: u32,
}

impl Plan {
    /// The plan of a reserved region: zones end at system pages, and the pages start at a huge one.
    pub(crate) fn reserved(sizes: &Sizes, pages: u32) -> Self {
        // No system has larger pages than this.
        Self::divide(sizes, pages, 64 << 10, HUGE)
    }

    /// The plan that gets the most pages out of a buffer of `bytes`; `None` where not even one fits.
    pub(crate) fn fitting(sizes: &Sizes, bytes: usize) -> Option<Self> {
        // Every page costs itself and its entries in the tables, so this many is an upper bound.
        let (mut low, mut high) = (0, low32((bytes / PAGE).min(u32::MAX as usize)));
        while low < high {
            let middle = high - (high - low) / 2;
            if Self::packed(sizes, middle).bytes() <= bytes { low = middle } else { high = middle - 1 }
        }
        (low > 0).then(|| Self::packed(sizes, low))
    }

    /// The plan of a buffer with so many pages: zones follow each other without gaps.
    pub(crate) fn packed(sizes: &Sizes, pages: u32) -> Self {
        Self::divide(sizes, pages, RECORD_ALIGN, PAGE)
    }

    fn divide(sizes: &Sizes, pages: u32, grain: usize, pages_grain: usize) -> Self {
        let count = pages as usize;
        let lengths = [
            sizes.header,
            sizes.cache * sizes.caches as usize,
            count.div_ceil(64) * 8,
            count * 8,
            count * 8,
            count * sizes.slab,
            count * PAGE,
        ];
        let mut edges = [0; ZONES + 1];
        for (zone, length) in lengths.into_iter().enumerate() {
            let end = edges[zone] + length;
            let grain = if zone + 1 == Zone::Pages.index() { pages_grain } else { grain };
            edges[zone + 1] = if zone == Zone::Pages.index() { end } else { end.next_multiple_of(grain) };
        }
        Self { edges, pages, caches: sizes.caches }
    }

    /// The region's length.
    pub(crate) const fn bytes(&self) -> usize {
        self.edges[ZONES]
    }

    pub(crate) const fn start(&self, zone: Zone) -> usize {
        self.edges[zone.index()]
    }

    pub(crate) const fn size(&self, zone: Zone) -> usize {
        self.edges[zone.index() + 1] - self.edges[zone.index()]
    }

    /// The zone in which byte `offset` of the region lies.
    pub(crate) fn zone_at(&self, offset: usize) -> Zone {
        Zone::ALL.into_iter().rfind(|zone| self.start(*zone) <= offset).unwrap_or(Zone::Header)
    }

    /// How many pages the region has room for.
    pub(crate) const fn pages(&self) -> u32 {
        self.pages
    }

    /// How many threads can have magazines.
    pub(crate) const fn caches(&self) -> u32 {
        self.caches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes { header: 5000, cache: 20_000, caches: 3, slab: 128 };

    #[test]
    fn zones_follow_each_other_and_start_where_their_entries_may() {
        for pages in [1, 7, 64, 100_000] {
            for plan in [Plan::reserved(&SIZES, pages), Plan::packed(&SIZES, pages)] {
                let mut end = 0;
                for zone in Zone::ALL {
                    assert_eq!(plan.start(zone), end);
                    assert!(plan.start(zone).is_multiple_of(RECORD_ALIGN));
                    end += plan.size(zone);
                }
                assert_eq!(end, plan.bytes());
                assert!(plan.start(Zone::Pages).is_multiple_of(PAGE));
                assert_eq!(plan.size(Zone::Pages), pages as usize * PAGE);
            }
        }
    }

    #[test]
    fn a_buffer_is_used_as_far_as_it_reaches() {
        for bytes in (60_000..400_000).step_by(1111) {
            match Plan::fitting(&SIZES, bytes) {
                Some(plan) => {
                    assert!(plan.bytes() <= bytes);
                    assert!(Plan::packed(&SIZES, plan.pages() + 1).bytes() > bytes);
                }
                None => assert!(Plan::packed(&SIZES, 1).bytes() > bytes),
            }
        }
    }
}
