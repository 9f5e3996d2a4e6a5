//! A slab: a run cut into blocks of one class, described out of line.
//!
//! ```text
//!  0  mark      u32   tells a slab in use from anything else
//!  4  first     u32   first page of its run
//!  8  class     u8
//!  9  holes     u8    1: some pages of free blocks are not touched
//! 10  free      u16   how many blocks are free
//! 12  colour    u32   distance of the first block from the run's start, in bytes
//! 16  next      u32   neighbours in its pool's list of slabs with free blocks,
//! 20  previous  u32   as one more than the slab's number; 0 for none
//! 24  aged      u64   pages that held no block at the last look, a bit each
//! 32  words     12 x u64   a bit for each block: 1 where it is free
//! ```

use crate::sync::{Word8, Word16, Word32, Word64};
use crate::units::{Class, PAGE, Page, SLAB_WORDS, SlabShape, low32, shape};

const MARK: u32 = 0x51AB_0C2B;

/// The record of one slab, 128 bytes.
#[repr(C, align(128))]
#[derive(Debug)]
pub(crate) struct Slab {
    mark: Word32,
    first: Word32,
    class: Word8,
    holes: Word8,
    free: Word16,
    colour: Word32,
    pub(super) next: Word32,
    pub(super) previous: Word32,
    aged: Word64,
    words: [Word64; SLAB_WORDS],
}

const _: () = assert!(size_of::<Slab>() == 128);

/// The mark of slab `id` of `class`.
#[inline]
fn stamp(id: u32, class: Class) -> u32 {
    MARK ^ id.wrapping_mul(0x9E37_79B9) ^ low32(class.index())
}

/// What a pointer into a slab points at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spot {
    /// The first byte of this block.
    Start(u32),
    /// Anything else.
    Elsewhere,
}

#[allow(clippy::cast_possible_truncation, reason = "a slab has at most 768 blocks, and fewer than 64 Ki")]
impl Slab {
    /// Makes the record that of a slab of `class` whose run starts at `first`, all blocks free.
    pub(super) fn open(&self, id: u32, class: Class, first: Page) {
        let shape = shape(class);
        self.first.set(first.0);
        self.class.set(class.index() as u8);
        self.holes.set(0);
        self.free.set(shape.blocks as u16);
        self.colour.set(id % shape.colours * shape.colour_step);
        self.aged.set(0);
        for (index, word) in self.words.iter().enumerate() {
            let blocks = (shape.blocks as usize).saturating_sub(index * 64);
            word.set(if blocks >= 64 { !0 } else { (1 << blocks) - 1 });
        }
        self.mark.set(stamp(id, class));
    }

    /// Makes the record that of no slab.
    pub(super) fn close(&self) {
        self.mark.set(0);
    }

    /// Whether this is the record of slab `id` of `class`, in use and not overwritten.
    #[inline]
    pub(super) fn is_stamped(&self, id: u32, class: Class) -> bool {
        self.mark.get() == stamp(id, class)
    }

    /// Whether this is the record of slab `id`, in use and not overwritten.
    pub(crate) fn is_marked(&self, id: u32) -> bool {
        self.class().is_some_and(|class| self.is_stamped(id, class))
    }

    /// The class, or `None` for a number that no class has.
    #[inline]
    pub(crate) fn class(&self) -> Option<Class> {
        Class::from_index(usize::from(self.class.get()))
    }

    #[inline]
    pub(crate) fn first(&self) -> Page {
        Page(self.first.get())
    }

    #[inline]
    pub(crate) fn free(&self) -> u32 {
        u32::from(self.free.get())
    }

    #[inline]
    pub(super) fn add_free(&self, blocks: u32) {
        self.free.add(blocks as u16);
    }

    #[inline]
    pub(super) fn sub_free(&self, blocks: u32) {
        self.free.sub(blocks as u16);
    }

    /// The distance of the first block from the run's start.
    #[inline]
    pub(crate) fn colour(&self) -> u32 {
        self.colour.get()
    }

    pub(crate) fn words(&self) -> &[Word64; SLAB_WORDS] {
        &self.words
    }

    /// The next and the previous slab in the list, as one more than their numbers; 0 for none.
    pub(crate) fn neighbours(&self) -> (u32, u32) {
        (self.next.get(), self.previous.get())
    }

    pub(super) fn has_holes(&self) -> bool {
        self.holes.get() != 0
    }

    pub(super) fn set_holes(&self, holes: bool) {
        self.holes.set(u8::from(holes));
    }

    pub(super) fn aged(&self) -> u64 {
        self.aged.get()
    }

    pub(super) fn set_aged(&self, pages: u64) {
        self.aged.set(pages);
    }

    /// What lies `distance` bytes after the start of the slab's run.
    #[inline]
    pub(crate) fn spot(&self, shape: &SlabShape, distance: u32) -> Spot {
        let Some(distance) = distance.checked_sub(self.colour()) else { return Spot::Elsewhere };
        match shape.locate(distance) {
            (block, 0) if block < shape.blocks => Spot::Start(block),
            _ => Spot::Elsewhere,
        }
    }

    /// Marks an allocated block free; `false` where it is free already. The count is the caller's to raise.
    #[inline]
    pub(super) fn set_one_free(&self, block: u32) -> bool {
        let word = &self.words[block as usize / 64];
        let (bits, bit) = (word.get(), 1 << (block % 64));
        word.set(bits | bit);
        bits & bit == 0
    }

    /// Marks `len` allocated blocks from `first` on free; `false`, and no change, where one of them is free already.
    /// The count is the caller's to raise.
    #[inline]
    pub(super) fn set_free(&self, first: u32, len: u32) -> bool {
        let (mut at, end) = (first, first + len);
        while at < end {
            let stop = ((at / 64 + 1) * 64).min(end);
            let mask = (!0 >> (64 - (stop - at))) << (at % 64);
            let word = &self.words[at as usize / 64];
            let bits = word.get();
            if bits & mask != 0 {
                self.undo_free(first, at);
                return false;
            }
            word.set(bits | mask);
            at = stop;
        }
        true
    }

    /// Takes back what `set_free` did before it met a free block, so that the report names that one.
    #[cold]
    fn undo_free(&self, first: u32, end: u32) {
        for block in first..end {
            let word = &self.words[block as usize / 64];
            word.set(word.get() & !(1 << (block % 64)));
        }
    }

    #[inline]
    pub(crate) fn is_free(&self, block: u32) -> bool {
        self.words[block as usize / 64].get() >> (block % 64) & 1 == 1
    }

    /// The pages of the slab's run, a bit each, in which no allocated block has a byte.
    pub(super) fn empty_pages(&self) -> u64 {
        let Some(class) = self.class() else { return 0 };
        let shape = shape(class);
        let mut pages = 0;
        for page in 0..shape.pages {
            let (start, end) = (page * low32(PAGE), (page + 1) * low32(PAGE));
            let from = shape.locate(start.saturating_sub(self.colour())).0;
            let to = end.checked_sub(self.colour() + 1).map_or(0, |last| shape.locate(last).0 + 1);
            if self.all_free(from, to.min(shape.blocks)) {
                pages |= 1 << page;
            }
        }
        pages
    }

    /// The pages, a bit each, from the first byte of block `first` to the last of block `last`.
    pub(super) fn pages_of(&self, shape: &SlabShape, first: u32, last: u32) -> u64 {
        let start = |block| self.colour() + block * shape.stride;
        let (from, to) = (start(first) / low32(PAGE), (start(last) + shape.stride - 1) / low32(PAGE));
        (!0 >> (63 - to)) & (!0 << from)
    }

    fn all_free(&self, from: u32, to: u32) -> bool {
        let mut block = from;
        while block < to {
            let stop = ((block / 64 + 1) * 64).min(to);
            let ones = if stop - block == 64 { !0 } else { (1 << (stop - block)) - 1 };
            let mask = ones << (block % 64);
            if self.words[block as usize / 64].get() & mask != mask {
                return false;
            }
            block = stop;
        }
        true
    }
}
