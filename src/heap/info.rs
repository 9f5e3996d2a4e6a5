//! Looking at single blocks: what lies at an address, and all that is allocated.

use core::ptr::NonNull;

use super::core::Core;
use crate::magazines::MagazineAt;
use crate::pools::{Slab, Spot};
use crate::runs::Kind;
use crate::units::{Class, Offset, Page, RunClass, SLAB_WORDS, shape};

/// Whether a block has an owner.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum BlockState {
    /// It is in use.
    Allocated,
    /// It waits in some thread's magazine.
    Cached,
    /// It is free in its pool, or part of a free run.
    Free,
}

/// What the heap knows of a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct BlockInfo {
    /// The block's first byte, from the heap's base.
    pub offset: Offset,
    /// The bytes it holds.
    pub size: usize,
    /// Its size class; `None` for a run of pages.
    pub class: Option<Class>,
    /// The number of its slab; `None` for a run of pages.
    pub slab: Option<u32>,
    /// Whether it has an owner.
    pub state: BlockState,
}

impl Core {
    /// The block in which this address lies; `None` outside of the heap's pages and between blocks.
    pub(crate) fn info(&self, address: *const u8) -> Option<BlockInfo> {
        let (page, _) = self.region().locate(address.addr())?;
        match self.pools().locate(address.addr()) {
            Some((id, distance)) => self.block_info(id, distance),
            None => self.run_info(page),
        }
    }

    fn block_info(&self, id: u32, distance: u32) -> Option<BlockInfo> {
        let slab = self.pools().slabs().at(id);
        let class = slab.class()?;
        let shape = shape(class);
        let (block, rest) = shape.locate(distance.checked_sub(slab.colour())?);
        if block >= shape.blocks || rest as usize >= class.size() {
            return None;
        }
        let start = self.pools().block_start(slab, shape.stride, block);
        let state = if slab.is_free(block) {
            BlockState::Free
        } else if self.cached(slab, id, class)[block as usize / 64] >> (block % 64) & 1 == 1 {
            BlockState::Cached
        } else {
            BlockState::Allocated
        };
        self.describe(start, class.size(), Some((class, id)), state)
    }

    fn run_info(&self, page: Page) -> Option<BlockInfo> {
        let first = (0..=page.0)
            .rev()
            .map(Page)
            .find(|at| !self.runs().tag(*at).is(Kind::Interior) && self.runs().tag(*at).is_first())?;
        let tag = self.runs().tag(first);
        let start = self.region().page_start(first);
        let (pages, state) = match tag.kind()? {
            Kind::Free | Kind::Withdrawn => (tag.len(), BlockState::Free),
            Kind::Whole if self.is_cached_run(start, self.runs().usable(tag.len())) => {
                (self.runs().usable(tag.len()), BlockState::Cached)
            }
            Kind::Whole => (self.runs().usable(tag.len()), BlockState::Allocated),
            Kind::Interior | Kind::Slab => return None,
        };
        self.describe(start, pages as usize * crate::units::PAGE, None, state)
    }

    fn describe(
        &self,
        start: *mut u8,
        size: usize,
        slab: Option<(Class, u32)>,
        state: BlockState,
    ) -> Option<BlockInfo> {
        let offset = Offset::new(self.region().offset_of(start.addr()))?;
        Some(BlockInfo {
            offset,
            size,
            class: slab.map(|(class, _)| class),
            slab: slab.map(|(_, id)| id),
            state,
        })
    }

    /// The blocks of this slab that wait in magazines, as a bitmap.
    fn cached(&self, slab: &Slab, id: u32, class: Class) -> [u64; SLAB_WORDS] {
        let mut bits = [0; SLAB_WORDS];
        for cache in self.magazines.caches() {
            let magazine = cache.magazine(MagazineAt::of_class(class));
            for block in magazine.oldest(magazine.count()) {
                if let Some((found, distance)) = self.pools().locate(self.magazines.here(block.addr()))
                    && found == id
                    && let Spot::Start(block) = slab.spot(shape(class), distance)
                {
                    bits[block as usize / 64] |= 1 << (block % 64);
                }
            }
        }
        bits
    }

    fn is_cached_run(&self, start: *mut u8, pages: u32) -> bool {
        // A run may also be a block of a size class that found no room for a slab.
        let classes = Class::all().filter(|class| class.pages() == pages).map(MagazineAt::of_class);
        let places = classes.chain(RunClass::exactly(pages).map(MagazineAt::of_run));
        let holds = |at| {
            self.magazines.caches().any(|cache| {
                let magazine = cache.magazine(at);
                magazine
                    .oldest(magazine.count())
                    .any(|block| self.magazines.here(block.addr()) == start.addr())
            })
        };
        places.into_iter().any(holds)
    }

    /// Calls `act` with every allocated block, in address order. No lock is held meanwhile, so what other threads do is
    /// seen or not.
    pub(crate) fn for_each_block(&self, mut act: impl FnMut(NonNull<u8>, BlockInfo)) {
        let mut at = Page(0);
        while at.0 < self.runs().state().pages.get() {
            let tag = self.runs().tag(at);
            let len = match tag.kind() {
                Some(Kind::Slab) => self.each_in_slab(tag.slab_id(), &mut act),
                Some(Kind::Whole) if tag.is_first() => {
                    let start = self.region().page_start(at);
                    if let (Some(block), Some(info)) = (NonNull::new(start), self.run_info(at))
                        && info.state == BlockState::Allocated
                    {
                        act(block, info);
                    }
                    tag.len()
                }
                Some(Kind::Free | Kind::Withdrawn) if tag.is_first() => tag.len(),
                // Another thread is changing what is here.
                _ => 1,
            };
            at = at.plus(len.max(1));
        }
    }

    fn each_in_slab(&self, id: u32, act: &mut impl FnMut(NonNull<u8>, BlockInfo)) -> u32 {
        let slab = self.pools().slabs().at(id);
        let Some(class) = slab.class() else { return 1 };
        let shape = shape(class);
        let free: [u64; SLAB_WORDS] = {
            let _pool = self.pools().lock(class);
            if !slab.is_marked(id) || slab.class() != Some(class) {
                return 1;
            }
            core::array::from_fn(|index| slab.words()[index].get())
        };
        let cached = self.cached(slab, id, class);
        for block in 0..shape.blocks {
            let (word, bit) = (block as usize / 64, block % 64);
            if (free[word] | cached[word]) >> bit & 1 == 1 {
                continue;
            }
            let start = self.pools().block_start(slab, shape.stride, block);
            if let (Some(place), Some(info)) = (
                NonNull::new(start),
                self.describe(start, class.size(), Some((class, id)), BlockState::Allocated),
            ) {
                act(place, info);
            }
        }
        shape.pages + self.runs().guard_pages()
    }
}
