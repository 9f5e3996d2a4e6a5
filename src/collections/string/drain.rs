//! Characters that are taken out of a text.

use core::fmt;
use core::iter::FusedIterator;
use core::ops::Range;
use core::str;

use super::form::Form;
use super::short::Short;
use crate::collections::{PVec, vec};
use crate::typed::HeapType;

/// What [`PString::drain`](super::PString::drain) takes.
pub struct Drain<'a, H: HeapType> {
    taken: Form<Taken, vec::Drain<'a, u8, H>>,
}

/// What was in a short text, and which bytes of it are still to come: the text has given up all of them already.
struct Taken {
    text: Short,
    left: Range<usize>,
}

impl<'a, H: HeapType> Drain<'a, H> {
    /// Takes a range that begins and ends at characters.
    pub(super) fn new(text: Form<&'a mut Short, &'a mut PVec<u8, H>>, range: Range<usize>) -> Self {
        let taken = match text {
            Form::Short(short) => {
                let taken = Taken { text: *short, left: range.clone() };
                short.replace(range, "");
                Form::Short(taken)
            }
            Form::Long(bytes) => Form::Long(bytes.drain(range)),
        };
        Self { taken }
    }

    /// The text that is still to come.
    pub fn as_str(&self) -> &str {
        match &self.taken {
            Form::Short(taken) => &taken.text.as_str()[taken.left.clone()],
            // SAFETY: the range ends at characters, and only whole ones were taken from it.
            Form::Long(bytes) => unsafe { str::from_utf8_unchecked(bytes.as_slice()) },
        }
    }
}

impl<H: HeapType> Iterator for Drain<'_, H> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let character = self.as_str().chars().next()?;
        match &mut self.taken {
            Form::Short(taken) => taken.left.start += character.len_utf8(),
            Form::Long(bytes) => bytes.take(character.len_utf8()).for_each(drop),
        }
        Some(character)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.as_str().chars().size_hint()
    }
}

impl<H: HeapType> DoubleEndedIterator for Drain<'_, H> {
    fn next_back(&mut self) -> Option<char> {
        let character = self.as_str().chars().next_back()?;
        match &mut self.taken {
            Form::Short(taken) => taken.left.end -= character.len_utf8(),
            Form::Long(bytes) => bytes.rev().take(character.len_utf8()).for_each(drop),
        }
        Some(character)
    }
}

impl<H: HeapType> FusedIterator for Drain<'_, H> {}

impl<H: HeapType> fmt::Debug for Drain<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Drain").field(&self.as_str()).finish()
    }
}
