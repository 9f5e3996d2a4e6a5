//! What a checkpoint writes: generations that no commit changes any more.

use std::sync::Arc;

use super::generation::{Generation, Patch};
use crate::durable::lines::{LINES, Line, lines_in};

/// All lines up to the end of a generation, page by page.
#[derive(Debug)]
pub(crate) struct Frozen {
    /// Oldest first, and at least one.
    generations: Vec<Arc<Generation>>,
    /// Pages and their patches, as indexes of generation and patch; sorted, so that a page's newest comes last.
    order: Vec<(u64, u32, u32)>,
}

impl Frozen {
    pub(super) fn new(generations: Vec<Arc<Generation>>) -> Self {
        Self { generations, order: Vec::new() }
    }

    /// What can be forgotten once all of this is in the base.
    pub(crate) fn generation(&self) -> u64 {
        self.generations.last().map_or(0, |newest| newest.id)
    }

    /// All pages that have patched lines, in the order of their numbers. Sorts them first, which takes a while.
    pub(crate) fn pages(&mut self) -> impl Iterator<Item = PatchedPage<'_>> {
        self.order = self.sorted();
        self.order.chunk_by(|left, right| left.0 == right.0).map(|patches| self.page(patches))
    }

    fn sorted(&self) -> Vec<(u64, u32, u32)> {
        let mut order = Vec::new();
        for (generation, index) in self.generations.iter().zip(0..) {
            let patches = generation.patches().iter().zip(0..).filter(|(patch, _)| patch.mask != 0);
            order.extend(patches.map(|(patch, number)| (patch.page, index, number)));
        }
        order.sort_unstable();
        order
    }

    fn page(&self, patches: &[(u64, u32, u32)]) -> PatchedPage<'_> {
        let mut page = PatchedPage { page: patches[0].0, mask: 0, lines: [None; LINES] };
        for (_, generation, patch) in patches {
            let generation = &self.generations[*generation as usize];
            let patch: &Patch = &generation.patches()[*patch as usize];
            page.mask |= patch.mask;
            lines_in(patch.mask).for_each(|line| page.lines[line] = Some(generation.line(patch, line)));
        }
        page
    }
}

/// A page and the newest value of each of its patched lines.
#[derive(Debug)]
pub(crate) struct PatchedPage<'a> {
    pub(crate) page: u64,
    pub(crate) mask: u64,
    lines: [Option<&'a Line>; LINES],
}

impl<'a> PatchedPage<'a> {
    pub(super) fn new(page: u64, patched: impl Iterator<Item = (usize, &'a Line)>) -> Self {
        let (mut mask, mut lines) = (0, [None; LINES]);
        for (line, value) in patched {
            mask |= 1 << line;
            lines[line] = Some(value);
        }
        Self { page, mask, lines }
    }

    /// Numbers and values of the patched lines, in the order of their numbers.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &'a Line)> {
        self.lines.iter().enumerate().filter_map(|(number, line)| line.map(|line| (number, line)))
    }
}
