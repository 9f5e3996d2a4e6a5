//! Patches that are forgotten together, and the memory of their lines.
//!
//! Lines lie in chunks that never move; those of one patch lie in one chunk, one after the other.

use core::fmt;

use crate::durable::lines::{LINES, Line, lines_in, place_of};
use crate::units::{LINE, low32};

/// Lines of a chunk: a quarter of a mebibyte, of which at most a 64th is left over. Few in tests, so that many end.
const CHUNK: usize = if cfg!(test) { 150 } else { 4096 };

/// Some lines of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    pub(super) page: u64,
    /// Lines that have a value here.
    pub(super) mask: u64,
    /// Lines that have a place here.
    places: u64,
    /// The number of the page's patch before this one.
    pub(super) older: u64,
    /// Where the first place is.
    first: u32,
}

/// Patches with numbers in a row.
pub(super) struct Generation {
    pub(super) id: u64,
    /// The number of the first patch.
    pub(super) first: u64,
    patches: Vec<Patch>,
    chunks: Vec<Vec<Line>>,
}

impl Generation {
    pub(super) fn new(id: u64, first: u64) -> Self {
        Self { id, first, patches: Vec::new(), chunks: Vec::new() }
    }

    /// The number that the next patch gets.
    pub(super) fn end(&self) -> u64 {
        self.first + self.patches.len() as u64
    }

    pub(super) fn patches(&self) -> &[Patch] {
        &self.patches
    }

    #[inline]
    pub(super) fn patch(&self, number: u64) -> &Patch {
        &self.patches[self.index(number)]
    }

    #[inline]
    fn index(&self, number: u64) -> usize {
        usize::try_from(number - self.first).unwrap_or(usize::MAX)
    }

    /// The value of a line that has a place in `patch`.
    #[inline]
    pub(super) fn line(&self, patch: &Patch, line: usize) -> &Line {
        let at = patch.first as usize + place_of(line, patch.places);
        &self.chunks[at / CHUNK][at % CHUNK]
    }

    #[inline]
    fn line_mut(&mut self, patch: Patch, line: usize) -> &mut Line {
        let at = patch.first as usize + place_of(line, patch.places);
        &mut self.chunks[at / CHUNK][at % CHUNK]
    }

    /// Adds a patch with values for the lines in `mask`, and says its number.
    pub(super) fn push(
        &mut self,
        page: u64,
        mask: u64,
        older: u64,
        lines: impl Iterator<Item = Line>,
    ) -> u64 {
        let number = self.end();
        let first = self.place_for(mask.count_ones() as usize);
        self.patches.push(Patch { page, mask, places: mask, older, first });
        if let Some(chunk) = self.chunks.last_mut() {
            chunk.extend(lines);
        }
        number
    }

    /// Finds room for `count` lines in a row, and says where.
    fn place_for(&mut self, count: usize) -> u32 {
        if self.chunks.last().is_none_or(|chunk| chunk.len() + count > CHUNK) {
            self.chunks.push(Vec::with_capacity(CHUNK));
        }
        let last = self.chunks.len() - 1;
        low32(last * CHUNK + self.chunks[last].len())
    }

    /// Makes the page's patches of this generation, the newest of which is `head`, one with room for all lines, which
    /// points to `older`. Says its number.
    pub(super) fn merge(&mut self, page: u64, head: u64, older: u64) -> u64 {
        let (mut lines, mut mask, mut number) = ([[0; LINE]; LINES], 0, head);
        while number >= self.first {
            let patch = *self.patch(number);
            lines_in(patch.mask).for_each(|line| lines[line] = *self.line(&patch, line));
            mask |= patch.mask;
            number = self.empty(number);
        }
        let wide = self.push(page, !0, older, lines.into_iter());
        let index = self.index(wide);
        self.patches[index].mask = mask;
        wide
    }

    /// Puts the values of `lines`, which are those in `mask`, into the places of this patch for the lines in `wanted`; says
    /// for which it has places.
    pub(super) fn replace(&mut self, number: u64, mask: u64, wanted: u64, lines: &[Line]) -> u64 {
        let index = self.index(number);
        let patch = &mut self.patches[index];
        let found = patch.places & wanted;
        patch.mask |= found;
        let patch = *patch;
        for line in lines_in(found) {
            *self.line_mut(patch, line) = lines[place_of(line, mask)];
        }
        found
    }

    /// Lines for which memory is used.
    pub(super) fn lines(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    /// Takes the lines out of a patch, and says which is the one before it.
    pub(super) fn empty(&mut self, number: u64) -> u64 {
        let index = self.index(number);
        self.patches[index].mask = 0;
        self.patches[index].older
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({}: patches {}..{})", self.id, self.first, self.end())
    }
}
