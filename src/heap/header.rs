//! The header: what an image says of itself, and the words of all floors.

use crate::magazines::{CACHES_MAX, Cache, CachesState};
use crate::pools::{PoolState, Slab, SlabsState};
use crate::region::{Plan, Sizes, ZONES};
use crate::runs::RunsState;
use crate::sync::{Word32, Word64};
use crate::units::{CLASSES, PAGE, low32};

/// The first bytes of a region.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Header {
    /// Written last, when everything else is in order.
    magic: Word64,
    version: Word32,
    page: Word32,
    /// The plan: how many pages and caches there is room for.
    pages: Word32,
    caches: Word32,
    /// Where the block lies that the program begins with, as an offset; 0 for none.
    pub(crate) root: Word64,
    /// In a file: the usable bytes of each zone when it was committed.
    pub(crate) lengths: [Word64; ZONES],
    pub(crate) runs: RunsState,
    pub(crate) slabs: SlabsState,
    pub(crate) magazines: CachesState,
    pub(crate) pools: [PoolState; CLASSES],
}

/// What the floors put into a region that grows.
pub(crate) const SIZES: Sizes = Sizes {
    header: size_of::<Header>(),
    cache: size_of::<Cache>(),
    caches: CACHES_MAX,
    slab: size_of::<Slab>(),
};

/// Why bytes are not an image of a heap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotAnImage {
    Magic(u64),
    Version(u32),
    Page(u32),
}

impl NotAnImage {
    /// Which word of the header it is, what was found there and what was expected.
    pub(crate) fn parts(self) -> (&'static str, u64, u64) {
        match self {
            Self::Magic(found) => ("magic number", found, Header::MAGIC),
            Self::Version(found) => ("format version", u64::from(found), u64::from(Header::VERSION)),
            Self::Page(found) => ("page size", u64::from(found), PAGE as u64),
        }
    }
}

impl Header {
    /// "outlive" and a zero, read as a little-endian number.
    pub(crate) const MAGIC: u64 = 0x0065_7669_6C74_756F;
    /// The layout of everything in the region. Any change to it is a new number.
    pub(crate) const VERSION: u32 = 1;

    /// A fingerprint of everything that the format's version does not say and an image depends on; `guarded` is one whose
    /// runs have a page behind them that nobody uses.
    pub(crate) fn geometry_of(guarded: bool) -> u64 {
        [
            size_of::<Self>() as u64,
            size_of::<Cache>() as u64,
            size_of::<Slab>() as u64,
            CLASSES as u64,
            u64::from(guarded),
        ]
        .into_iter()
        .fold(u64::from(Self::VERSION), |mixed, word| {
            (mixed ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29)
        })
    }

    /// Makes the header of zeros that of an empty heap.
    pub(crate) fn format(&self, plan: &Plan) {
        self.version.set(Self::VERSION);
        self.page.set(low32(PAGE));
        self.pages.set(plan.pages());
        self.caches.set(plan.caches());
        self.magic.set(Self::MAGIC);
    }

    /// How many bytes of each zone the words of the header refer to.
    pub(crate) fn used(&self) -> [u64; ZONES] {
        let pages = u64::from(self.runs.pages.get());
        let caches = u64::from(self.magazines.high.get()) * size_of::<Cache>() as u64;
        let slabs = u64::from(self.slabs.high.get()) * size_of::<Slab>() as u64;
        [0, caches, pages.div_ceil(64) * 8, pages * 8, pages * 8, slabs, pages * PAGE as u64]
    }

    /// The numbers of pages and caches that the image has room for, if it is one.
    pub(crate) fn geometry(&self) -> Result<(u32, u32), NotAnImage> {
        if self.magic.get() != Self::MAGIC {
            return Err(NotAnImage::Magic(self.magic.get()));
        }
        if self.version.get() != Self::VERSION {
            return Err(NotAnImage::Version(self.version.get()));
        }
        if self.page.get() as usize != PAGE {
            return Err(NotAnImage::Page(self.page.get()));
        }
        Ok((self.pages.get(), self.caches.get()))
    }
}
