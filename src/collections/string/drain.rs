//! Characters that are taken out of a text.

use core::fmt;
use core::iter::FusedIterator;
use core::str;

use crate::collections::vec;
use crate::typed::HeapType;

/// What [`PString::drain`](super::PString::drain) takes.
pub struct Drain<'a, H: HeapType> {
    pub(super) bytes: vec::Drain<'a, u8, H>,
}

impl<H: HeapType> Drain<'_, H> {
    /// The text that is still to come.
    pub fn as_str(&self) -> &str {
        // SAFETY: the range ends at characters, and only whole ones were taken from it.
        unsafe { str::from_utf8_unchecked(self.bytes.as_slice()) }
    }
}

impl<H: HeapType> Iterator for Drain<'_, H> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let character = self.as_str().chars().next()?;
        self.bytes.by_ref().take(character.len_utf8()).for_each(drop);
        Some(character)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.as_str().chars().size_hint()
    }
}

impl<H: HeapType> DoubleEndedIterator for Drain<'_, H> {
    fn next_back(&mut self) -> Option<char> {
        let character = self.as_str().chars().next_back()?;
        self.bytes.by_ref().rev().take(character.len_utf8()).for_each(drop);
        Some(character)
    }
}

impl<H: HeapType> FusedIterator for Drain<'_, H> {}

impl<H: HeapType> fmt::Debug for Drain<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.as_str()).finish()
    }
}
