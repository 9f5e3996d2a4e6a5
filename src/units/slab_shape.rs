//! How a slab of each class is cut: pages, blocks, and what is left over for colour.

use super::class::CLASSES;
use super::{Class, LINE, PAGE, low32};

/// The words of a slab's bitmap; with the slab's other fields they fill two lines.
pub(crate) const SLAB_WORDS: usize = 12;
/// The most pages a slab has: one word holds a bit for each.
pub(crate) const SLAB_PAGES_MAX: usize = 64;

const BLOCKS_MAX: usize = SLAB_WORDS * 64;
/// Slabs hold about this many bytes, or this many blocks, whichever is more.
const TARGET_BYTES: usize = 64 << 10;
const TARGET_BLOCKS: usize = 16;

/// The geometry of the slabs of one class.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlabShape {
    /// Bytes from block to block.
    pub(crate) stride: u32,
    /// Pages of the slab's run.
    pub(crate) pages: u32,
    /// Blocks in the slab.
    pub(crate) blocks: u32,
    /// How many different lines (or larger steps of the class's alignment) the first block can start at.
    pub(crate) colours: u32,
    /// The step between two colours, in bytes.
    pub(crate) colour_step: u32,
    /// 2^40 / stride, rounded up: multiplies to a division that is exact within a slab.
    reciprocal: u64,
}

const RECIPROCAL_SHIFT: u32 = 40;

impl SlabShape {
    const fn of(class: Class) -> Self {
        let stride = class.stride();
        let pages = best_pages(stride);
        let blocks = blocks_in(pages, stride);
        let slack = pages * PAGE - blocks * stride;
        let colour_step = if class.align() > LINE { class.align() } else { LINE };
        Self {
            stride: low32(stride),
            pages: low32(pages),
            blocks: low32(blocks),
            colours: low32(slack / colour_step + 1),
            colour_step: low32(colour_step),
            reciprocal: (1_u64 << RECIPROCAL_SHIFT).div_ceil(stride as u64),
        }
    }

    /// The block in which the byte `distance` after the first block lies, and how far into it.
    #[inline]
    pub(crate) const fn locate(&self, distance: u32) -> (u32, u32) {
        let block = low32(((distance as u64 * self.reciprocal) >> RECIPROCAL_SHIFT) as usize);
        (block, distance - block * self.stride)
    }

    /// The words of the bitmap that are in use.
    pub(crate) const fn words(&self) -> usize {
        (self.blocks as usize).div_ceil(64)
    }
}

static SHAPES: [SlabShape; CLASSES] = {
    let mut shapes = [SlabShape::of(smallest()); CLASSES];
    let mut index = 0;
    while index < CLASSES {
        if let Some(class) = Class::from_index(index) {
            shapes[index] = SlabShape::of(class);
        }
        index += 1;
    }
    shapes
};

/// The shape of this class's slabs.
#[inline]
pub(crate) fn shape(class: Class) -> &'static SlabShape {
    &SHAPES[class.index()]
}

const fn smallest() -> Class {
    match Class::from_index(0) {
        Some(class) => class,
        None => unreachable!(),
    }
}

const fn blocks_in(pages: usize, stride: usize) -> usize {
    let fit = pages * PAGE / stride;
    if fit < BLOCKS_MAX { fit } else { BLOCKS_MAX }
}

/// Among the page counts near the target, the one that wastes least of its bytes; the larger of equals.
const fn best_pages(stride: usize) -> usize {
    let by_blocks = TARGET_BLOCKS * stride;
    let want = if by_blocks > TARGET_BYTES { by_blocks } else { TARGET_BYTES };
    let cap = BLOCKS_MAX * stride;
    let bytes = if want < cap { want } else { cap };
    let most = {
        let pages = bytes / PAGE;
        if pages > SLAB_PAGES_MAX {
            SLAB_PAGES_MAX
        } else if pages == 0 {
            1
        } else {
            pages
        }
    };
    let mut best = most;
    let mut pages = most;
    while pages > most / 2 {
        if waste_permille(pages, stride) < waste_permille(best, stride) {
            best = pages;
        }
        pages -= 1;
    }
    best
}

const fn waste_permille(pages: usize, stride: usize) -> usize {
    let bytes = pages * PAGE;
    (bytes - blocks_in(pages, stride) * stride) * 1000 / bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn division_by_reciprocal_is_exact_for_every_byte_of_every_slab() {
        for class in Class::all() {
            let shape = shape(class);
            for distance in 0..shape.pages * low32(PAGE) {
                let (block, rest) = shape.locate(distance);
                assert_eq!((block, rest), (distance / shape.stride, distance % shape.stride));
            }
        }
    }

    #[test]
    fn slabs_fit_their_pages_and_waste_little() {
        for class in Class::all() {
            let shape = shape(class);
            let last_colour = (shape.colours - 1) * shape.colour_step;
            let bytes = shape.pages as usize * PAGE;
            assert!((last_colour + shape.blocks * shape.stride) as usize <= bytes, "{class:?}");
            assert!(shape.pages as usize <= SLAB_PAGES_MAX && shape.blocks as usize <= BLOCKS_MAX);
            assert!(shape.blocks >= 7, "{class:?} {shape:?}");
            let lost = bytes - shape.blocks as usize * class.size();
            assert!(lost * 100 < bytes * 8, "{class:?} loses {lost} of {bytes}");
        }
    }
}
