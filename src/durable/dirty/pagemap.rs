//! Pages that are no longer the file's, by the words of `/proc/self/pagemap`.
//!
//! In a private mapping of a file a page is the file's until the first write to it, and anonymous from then on. Anonymous
//! memory has no page until it is touched. The kernel cannot be asked to forget either, so a page that was written once
//! is reported every time. In swap it is still reported; and so is anonymous memory that was only read, which cannot be
//! told apart from what was written.

use core::fmt;
use core::ptr::NonNull;

use super::{DirtyPages, PageSpan};
use crate::os;
use crate::units::PAGE;

const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_A_FILE: u64 = 1 << 61;

/// Words that are read at once: enough for 32 MiB.
const WORDS: usize = 8192;

/// Reports pages that have left the file, or that are anonymous and there.
pub(super) struct LeftTheFile {
    map: os::PageMap,
    base: u64,
    words: Box<[u64]>,
}

impl LeftTheFile {
    pub(super) fn open(base: NonNull<u8>) -> Result<Self, os::Fault> {
        let map = os::PageMap::open()?;
        Ok(Self { map, base: base.as_ptr().addr() as u64, words: vec![0; WORDS].into() })
    }

    /// Reads the words of `span`, as many as there is room for.
    fn read(&mut self, span: PageSpan) -> Result<&[u64], os::Fault> {
        let most = usize::try_from(span.count).unwrap_or(usize::MAX).min(WORDS);
        match self.map.words(self.base + span.first * PAGE as u64, &mut self.words[..most])? {
            0 => Err(os::Fault::INVAL),
            count => Ok(&self.words[..count]),
        }
    }
}

impl DirtyPages for LeftTheFile {
    fn cover(&mut self, _: PageSpan) {}

    fn collect(&mut self, ranges: &[PageSpan], accept: &mut dyn FnMut(PageSpan)) -> Result<(), os::Fault> {
        for range in ranges {
            let mut rest = *range;
            while !rest.is_empty() {
                let words = self.read(rest)?;
                report(rest.first, words, accept);
                rest = PageSpan::between(rest.first + words.len() as u64, rest.end());
            }
        }
        Ok(())
    }
}

impl fmt::Debug for LeftTheFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeftTheFile").field("map", &self.map).finish_non_exhaustive()
    }
}

/// Reports spans of pages, the first of which is `first`, whose words say that they are private.
fn report(first: u64, words: &[u64], accept: &mut dyn FnMut(PageSpan)) {
    let mut page = first;
    for neighbours in words.chunk_by(|left, right| is_private(*left) == is_private(*right)) {
        let count = neighbours.len() as u64;
        if is_private(neighbours[0]) {
            accept(PageSpan { first: page, count });
        }
        page += count;
    }
}

fn is_private(word: u64) -> bool {
    word & (PRESENT | SWAPPED) != 0 && word & OF_A_FILE == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood() {
        let words =
            [0, PRESENT, SWAPPED | 5, PRESENT | OF_A_FILE, PRESENT, SWAPPED | OF_A_FILE, OF_A_FILE, SWAPPED];
        let mut found = Vec::new();
        report(100, &words, &mut |span| found.push((span.first, span.count)));
        assert_eq!(found, [(101, 2), (104, 1), (107, 1)]);
    }
}
