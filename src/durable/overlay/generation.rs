//! Patches that are forgotten together, and the memory of their lines.
//!
//! Lines lie in the order in which they came: what is added is written behind what was added before, and what is replaced
//! stays where it is. A patch says where its lines lie in one of two ways:
//!
//! ```text
//! push --> row (one after the other, in one chunk) --add of other lines--> listed (a place for each line)
//! ```
//!
//! 1. A list has the places of the lines in `mask`, in their order, and room for some more. One that has become too short is
//!    left behind for one of twice the room, so lists never take more than eight bytes for each line of a page.

use core::fmt;

use super::chunks::Chunks;
use crate::durable::lines::{Line, lines_in, place_of};
use crate::region::prefetch;
use crate::units::low32;

/// The room of a page's first list.
const LIST: usize = 4;

/// The lines of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    pub(super) page: u64,
    /// Lines that have a value here.
    pub(super) mask: u64,
    /// The number of the page's patch in an earlier generation, if it has one.
    pub(super) older: u64,
    /// Where the first line lies, or where the list of their places begins.
    at: u32,
    /// How many places the list has room for; 0 for a row.
    room: u32,
}

/// Patches with numbers in a row.
pub(super) struct Generation {
    pub(super) id: u64,
    /// The number of the first patch.
    pub(super) first: u64,
    patches: Vec<Patch>,
    lists: Vec<u32>,
    lines: Chunks,
}

impl Generation {
    pub(super) fn new(id: u64, first: u64) -> Self {
        Self { id, first, patches: Vec::new(), lists: Vec::new(), lines: Chunks::default() }
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

    /// The value of a line that `patch` has.
    #[inline]
    pub(super) fn line(&self, patch: &Patch, line: usize) -> &Line {
        self.lines.get(self.place(patch, line))
    }

    #[inline]
    fn place(&self, patch: &Patch, line: usize) -> u32 {
        let at = patch.at as usize + place_of(line, patch.mask);
        if patch.room == 0 { low32(at) } else { self.lists[at] }
    }

    /// Asks the processor for a patch.
    #[inline]
    pub(super) fn prefetch(&self, number: u64) {
        prefetch(self.patches.as_ptr().wrapping_add(self.index(number)));
    }

    /// Asks it for the list of those of these lines that a patch has, which was asked for.
    #[inline]
    pub(super) fn prefetch_list(&self, number: u64, mask: u64) {
        let patch = self.patch(number);
        let known = mask & patch.mask;
        if patch.room != 0 && known != 0 {
            let at = patch.at as usize + place_of(known.trailing_zeros() as usize, patch.mask);
            prefetch(self.lists.as_ptr().wrapping_add(at));
        }
    }

    /// And for the places of those of them that it has.
    #[inline]
    pub(super) fn prefetch_lines(&self, number: u64, mask: u64) {
        let patch = self.patch(number);
        lines_in(mask & patch.mask).for_each(|line| self.lines.prefetch(self.place(patch, line)));
    }

    /// Adds a patch for a page that has none here, with values for the lines in `mask`; says its number.
    pub(super) fn push(&mut self, page: u64, mask: u64, older: u64, lines: &[Line]) -> u64 {
        let number = self.end();
        let at = self.lines.append(lines);
        self.patches.push(Patch { page, mask, older, at, room: 0 });
        number
    }

    /// Gives the lines in `mask` these values in a patch, which may have some of them.
    pub(super) fn add(&mut self, number: u64, mask: u64, lines: &[Line]) {
        let index = self.index(number);
        let patch = self.patches[index];
        if mask & !patch.mask == 0 {
            for (line, value) in lines_in(mask).zip(lines) {
                self.lines.set(self.place(&patch, line), value);
            }
            return;
        }
        self.make_room(index, (patch.mask | mask).count_ones() as usize);
        for (line, value) in lines_in(mask).zip(lines) {
            let patch = &self.patches[index];
            if patch.mask >> line & 1 != 0 {
                self.lines.set(self.place(patch, line), value);
            } else {
                let place = self.lines.push(value);
                self.insert(index, line, place);
            }
        }
    }

    /// Sees to it that a patch has a list with room for so many lines.
    fn make_room(&mut self, index: usize, lines: usize) {
        let Patch { mask, at, room, .. } = self.patches[index];
        if room as usize >= lines {
            return;
        }
        let (list, old) = (self.lists.len(), at as usize..at as usize + mask.count_ones() as usize);
        let wanted = lines.next_power_of_two().max(LIST);
        if room == 0 {
            self.lists.extend(old.map(low32));
        } else {
            self.lists.extend_from_within(old);
        }
        self.lists.resize(list + wanted, 0);
        let patch = &mut self.patches[index];
        (patch.at, patch.room) = (low32(list), low32(wanted));
    }

    /// Says that a line lies there, which the patch does not have yet. Its list has room.
    fn insert(&mut self, index: usize, line: usize, place: u32) {
        let patch = &mut self.patches[index];
        let count = patch.mask.count_ones() as usize;
        patch.mask |= 1 << line;
        let list = &mut self.lists[patch.at as usize..][..=count];
        let at = place_of(line, patch.mask);
        list.copy_within(at..count, at + 1);
        list[at] = place;
    }

    /// Lines for which memory is used.
    pub(super) fn lines(&self) -> usize {
        self.lines.lines()
    }

    /// Takes the lines out of a patch.
    pub(super) fn empty(&mut self, number: u64) {
        let index = self.index(number);
        self.patches[index].mask = 0;
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({}: patches {}..{})", self.id, self.first, self.end())
    }
}
