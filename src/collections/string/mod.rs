//! `PString`: text in a heap.
//!
//! Invariants:
//! 1. The bytes are UTF-8.
//! 2. Text in place moves to a block when it becomes too long for it, and comes back where a block of just its size is asked for, or
//!    a copy: what only becomes shorter needs no memory, and never moves.

mod drain;
mod form;
mod persist;
mod short;
mod traits;

use core::fmt;
use core::ops::{Range, RangeBounds};
use core::str::{self, Utf8Error};

pub use drain::Drain;

use super::no_room::granted;
use super::raw::range;
use super::vec::Compact;
use super::{CloneIn, NoRoom, PVec};
use crate::handle::AllocError;
use crate::typed::HeapType;
use form::{Bytes, Form};
use short::{ROOM, Short};

/// Growing text in a heap: `String`, valid wherever the heap lies.
///
/// It has 24 bytes, in which text of up to 23 lies itself, and dereferences to `str`. Maps with `PString` keys are asked by `&str`.
///
/// ```
/// use outlive::PString;
///
/// outlive::heap!(struct NoteHeap);
///
/// let note = NoteHeap::in_memory::<PString<NoteHeap>>(|heap| PString::from_str_in("tea", heap))?;
/// note.write(|note, _heap| {
///     note.push_str(" and cups");
///     note.replace_range(..3, "green tea");
/// })?;
/// assert_eq!(note.read(|note| note.to_uppercase())?, "GREEN TEA AND CUPS");
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(transparent)]
pub struct PString<H: HeapType> {
    bytes: Bytes<H>,
}

/// Bytes that are no text, with the reason.
pub struct FromUtf8Error<H: HeapType> {
    bytes: PVec<u8, H>,
    error: Utf8Error,
}

impl<H: HeapType> PString<H> {
    /// Empty text, without a block.
    #[inline]
    pub const fn new_in(heap: H) -> Self {
        Self { bytes: Bytes::short(Short::EMPTY, heap) }
    }

    /// Empty text with room for so many bytes.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        granted(Self::try_with_capacity_in(capacity, heap))
    }

    fn try_with_capacity_in(capacity: usize, heap: H) -> Result<Self, AllocError> {
        if capacity <= ROOM {
            return Ok(Self::new_in(heap));
        }
        Ok(Self { bytes: Bytes::long(PVec::try_with_capacity_in(capacity, heap)?) })
    }

    /// A copy of `text`.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[inline]
    pub fn from_str_in(text: &str, heap: H) -> Self {
        granted(Self::try_from_str_in(text, heap))
    }

    /// A copy of `text`.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for it.
    pub fn try_from_str_in(text: &str, heap: H) -> Result<Self, AllocError> {
        if let Some(short) = Short::of(text) {
            return Ok(Self { bytes: Bytes::short(short, heap) });
        }
        let mut bytes = PVec::try_with_capacity_in(text.len(), heap)?;
        bytes.extend_from_slice(text.as_bytes());
        Ok(Self { bytes: Bytes::long(bytes) })
    }

    /// What an iterator of characters or texts yields, in one.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    pub fn from_iter_in<T, I: IntoIterator<Item = T>>(parts: I, heap: H) -> Self
    where
        Self: Extend<T>,
    {
        let mut text = Self::new_in(heap);
        text.extend(parts);
        text
    }

    /// The text that these bytes are.
    ///
    /// # Errors
    /// [`FromUtf8Error`], with the bytes, if they are not UTF-8.
    pub fn from_utf8(bytes: PVec<u8, H>) -> Result<Self, FromUtf8Error<H>> {
        match str::from_utf8(&bytes) {
            Ok(_) => Ok(Self { bytes: Bytes::long(bytes) }),
            Err(error) => Err(FromUtf8Error { bytes, error }),
        }
    }

    /// Its bytes.
    ///
    /// # Panics
    /// If they lie in the text itself, and the heap has no memory for a block.
    pub fn into_bytes(self) -> PVec<u8, H> {
        let heap = self.bytes.heap();
        match self.bytes.into_form() {
            Form::Short(short) => PVec::from_slice_in(short.as_str().as_bytes(), heap),
            Form::Long(bytes) => bytes,
        }
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        match self.bytes.form() {
            Form::Short(short) => short.as_str(),
            // SAFETY: they are UTF-8.
            Form::Long(bytes) => unsafe { str::from_utf8_unchecked(bytes.as_slice()) },
        }
    }

    /// The text, all of which counts as changed.
    pub fn as_mut_str(&mut self) -> &mut str {
        match self.bytes.form_mut() {
            Form::Short(short) => short.as_mut_str(),
            // SAFETY: they are UTF-8.
            Form::Long(bytes) => unsafe { str::from_utf8_unchecked_mut(bytes.as_mut_slice()) },
        }
    }

    /// How many bytes it has.
    #[inline]
    pub const fn len(&self) -> usize {
        match self.bytes.form() {
            Form::Short(short) => short.len(),
            Form::Long(bytes) => bytes.len(),
        }
    }

    /// Whether it has none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes fit without another block.
    pub const fn capacity(&self) -> usize {
        match self.bytes.form() {
            Form::Short(_) => ROOM,
            Form::Long(bytes) => bytes.capacity(),
        }
    }

    /// Makes room for so many more bytes.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn reserve(&mut self, additional: usize) {
        granted(self.try_reserve(additional));
    }

    /// Makes room for so many more bytes.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for them; nothing was changed.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        match self.bytes.form() {
            Form::Short(short) if additional <= ROOM - short.len() => Ok(()),
            _ => self.vec_with_room(additional).map(drop),
        }
    }

    /// The bytes in a block, with room for so many more.
    fn vec_with_room(&mut self, additional: usize) -> Result<&mut PVec<u8, H>, AllocError> {
        if let Form::Short(short) = self.bytes.form() {
            let mut bytes = PVec::new_in(self.bytes.heap());
            bytes.try_reserve(short.len().checked_add(additional).ok_or(AllocError)?)?;
            bytes.extend_from_slice(short.as_str().as_bytes());
            self.bytes = Bytes::long(bytes);
        }
        match self.bytes.form_mut() {
            Form::Long(bytes) => bytes.try_reserve(additional).map(|()| bytes),
            Form::Short(_) => unreachable!("the text was just moved to a block"),
        }
    }

    /// Gives up room that is not needed: text that fits into 23 bytes gives its block back, other text moves to one of just its size if
    /// there is memory for it.
    pub fn shrink_to_fit(&mut self) {
        if let Form::Long(bytes) = self.bytes.form_mut()
            && bytes.len() > ROOM
        {
            bytes.shrink_to_fit();
        } else if let Some(short) = Short::of(self) {
            self.bytes = Bytes::short(short, self.bytes.heap());
        }
    }

    /// Appends a character.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[track_caller]
    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }

    /// Appends text.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    #[inline]
    #[track_caller]
    pub fn push_str(&mut self, text: &str) {
        if let Form::Short(short) = self.bytes.form_mut()
            && short.replace(short.len()..short.len(), text)
        {
            return;
        }
        granted(self.vec_with_room(text.len())).extend_from_slice(text.as_bytes());
    }

    /// Appends text.
    ///
    /// # Errors
    /// [`NoRoom`], with the text, if the heap has no memory for it.
    pub fn try_push_str<'a>(&mut self, text: &'a str) -> Result<(), NoRoom<&'a str>> {
        self.try_reserve(text.len()).map_err(|_| NoRoom(text))?;
        self.push_str(text);
        Ok(())
    }

    /// Takes the last character.
    pub fn pop(&mut self) -> Option<char> {
        let last = self.chars().next_back()?;
        self.cut(self.len() - last.len_utf8());
        Some(last)
    }

    /// Drops what lies behind the first `len` bytes, of at least as many.
    fn cut(&mut self, len: usize) {
        match self.bytes.form_mut() {
            Form::Short(short) => short.truncate(len),
            Form::Long(bytes) => bytes.truncate(len),
        }
    }

    /// Drops what lies behind the first `len` bytes.
    ///
    /// # Panics
    /// If a character lies across.
    #[track_caller]
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            assert!(self.is_char_boundary(len), "byte {len} is within a character");
            self.cut(len);
        }
    }

    /// Makes it empty, and keeps the block if there is one.
    pub fn clear(&mut self) {
        self.cut(0);
    }

    /// Inserts a character at byte `index`.
    ///
    /// # Panics
    /// If a character lies across, or the heap has no memory for it.
    #[track_caller]
    pub fn insert(&mut self, index: usize, character: char) {
        self.insert_str(index, character.encode_utf8(&mut [0; 4]));
    }

    /// Inserts text at byte `index`.
    ///
    /// # Panics
    /// If a character lies across, or the heap has no memory for it.
    #[track_caller]
    pub fn insert_str(&mut self, index: usize, text: &str) {
        self.replace_range(index..index, text);
    }

    /// Takes the character at byte `index`.
    ///
    /// # Panics
    /// If none starts there.
    #[track_caller]
    pub fn remove(&mut self, index: usize) -> char {
        let Some(character) = self[index..].chars().next() else { panic!("no character at byte {index}") };
        self.replace_range(index..index + character.len_utf8(), "");
        character
    }

    /// Keeps the characters that fit the condition.
    pub fn retain(&mut self, mut keep: impl FnMut(char) -> bool) {
        let bytes = match self.bytes.form_mut() {
            Form::Short(short) => {
                let mut kept = Short::EMPTY;
                for character in short.as_str().chars().filter(|character| keep(*character)) {
                    kept.replace(kept.len()..kept.len(), character.encode_utf8(&mut [0; 4]));
                }
                *short = kept;
                return;
            }
            Form::Long(bytes) => bytes,
        };
        let len = bytes.len();
        let mut rest = Compact::new(bytes, 0..len);
        // SAFETY: what is left begins with a character, for only whole ones were passed.
        while let Some(character) = unsafe { str::from_utf8_unchecked(rest.left()) }.chars().next() {
            let keep = keep(character);
            for _ in 0..character.len_utf8() {
                if keep {
                    rest.keep()
                } else {
                    let _ = rest.take();
                }
            }
        }
    }

    /// Puts `text` in the place of a range of bytes.
    ///
    /// # Panics
    /// If a character lies across an end of the range, or the heap has no memory for it.
    #[track_caller]
    pub fn replace_range<R: RangeBounds<usize>>(&mut self, range_of: R, text: &str) {
        let range = self.checked(&range_of);
        if let Form::Short(short) = self.bytes.form_mut()
            && short.replace(range.clone(), text)
        {
            return;
        }
        let more = text.len().saturating_sub(range.len());
        granted(self.vec_with_room(more)).replace(range, text.as_bytes());
    }

    #[track_caller]
    fn checked(&self, bounds: &impl RangeBounds<usize>) -> Range<usize> {
        let range = range(bounds, self.len());
        for end in [range.start, range.end] {
            assert!(self.is_char_boundary(end), "byte {end} is within a character");
        }
        range
    }

    /// Takes the characters of a range of bytes. What is behind it moves up when the iterator goes.
    ///
    /// # Panics
    /// If a character lies across an end of the range.
    #[track_caller]
    pub fn drain<R: RangeBounds<usize>>(&mut self, range_of: R) -> Drain<'_, H> {
        let range = self.checked(&range_of);
        Drain::new(self.bytes.form_mut(), range)
    }

    /// Splits off what is behind the first `at` bytes.
    ///
    /// # Panics
    /// If a character lies across, or the heap has no memory for it.
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Self {
        assert!(self.is_char_boundary(at), "byte {at} is within a character");
        let rest = Self::from_str_in(&self[at..], self.bytes.heap());
        self.cut(at);
        rest
    }
}

impl<H: HeapType> CloneIn<H> for PString<H> {
    fn clone_in(&self, heap: H) -> Self {
        Self::from_str_in(self, heap)
    }
}

impl<H: HeapType> FromUtf8Error<H> {
    /// The bytes.
    pub fn into_bytes(self) -> PVec<u8, H> {
        self.bytes
    }

    /// Why they are no text.
    pub fn utf8_error(&self) -> Utf8Error {
        self.error
    }
}

impl<H: HeapType> fmt::Debug for FromUtf8Error<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<H: HeapType> fmt::Display for FromUtf8Error<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<H: HeapType> std::error::Error for FromUtf8Error<H> {}
