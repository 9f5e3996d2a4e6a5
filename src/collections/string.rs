//! `PString`: text in a heap.
//!
//! Invariant: the bytes are UTF-8.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter::FusedIterator;
use core::ops::{AddAssign, Deref, DerefMut, Range, RangeBounds};
use core::str::{self, Utf8Error};

use super::raw::range;
use super::vec::Compact;
use super::{CloneIn, NoRoom, PVec, vec};
use crate::handle::AllocError;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Order, Parts, Persist};

/// Growing text in a heap: `String`, valid wherever the heap lies.
///
/// It has 24 bytes, and dereferences to `str`. Maps with `PString` keys are asked by `&str`.
#[repr(transparent)]
pub struct PString<H: HeapType> {
    bytes: PVec<u8, H>,
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
        Self { bytes: PVec::new_in(heap) }
    }

    /// Empty text with room for so many bytes.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn with_capacity_in(capacity: usize, heap: H) -> Self {
        Self { bytes: PVec::with_capacity_in(capacity, heap) }
    }

    /// A copy of `text`.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    pub fn from_str_in(text: &str, heap: H) -> Self {
        Self { bytes: PVec::from_slice_in(text.as_bytes(), heap) }
    }

    /// A copy of `text`.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for it.
    pub fn try_from_str_in(text: &str, heap: H) -> Result<Self, AllocError> {
        let mut copy = Self { bytes: PVec::try_with_capacity_in(text.len(), heap)? };
        copy.push_str(text);
        Ok(copy)
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
            Ok(_) => Ok(Self { bytes }),
            Err(error) => Err(FromUtf8Error { bytes, error }),
        }
    }

    /// Its bytes.
    pub fn into_bytes(self) -> PVec<u8, H> {
        self.bytes
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        // SAFETY: they are UTF-8.
        unsafe { str::from_utf8_unchecked(self.bytes.as_slice()) }
    }

    /// The text, all of which counts as changed.
    pub fn as_mut_str(&mut self) -> &mut str {
        // SAFETY: they are UTF-8.
        unsafe { str::from_utf8_unchecked_mut(self.bytes.as_mut_slice()) }
    }

    /// How many bytes it has.
    #[inline]
    pub const fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has none.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes fit without another block.
    pub const fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Makes room for so many more bytes.
    ///
    /// # Panics
    /// If the heap has no memory for them.
    pub fn reserve(&mut self, additional: usize) {
        self.bytes.reserve(additional);
    }

    /// Makes room for so many more bytes.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for them; nothing was changed.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), AllocError> {
        self.bytes.try_reserve(additional)
    }

    /// Moves the text to a block of just its size, if there is memory for it.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
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
        self.bytes.extend_from_slice(text.as_bytes());
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
        self.bytes.truncate(self.len() - last.len_utf8());
        Some(last)
    }

    /// Drops what lies behind the first `len` bytes.
    ///
    /// # Panics
    /// If a character lies across.
    #[track_caller]
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            assert!(self.is_char_boundary(len), "byte {len} is within a character");
            self.bytes.truncate(len);
        }
    }

    /// Makes it empty, and keeps the block.
    pub fn clear(&mut self) {
        self.bytes.clear();
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
        let len = self.len();
        let mut rest = Compact::new(&mut self.bytes, 0..len);
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
        self.bytes.replace(range, text.as_bytes());
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
        Drain { bytes: self.bytes.drain(range) }
    }

    /// Splits off what is behind the first `at` bytes.
    ///
    /// # Panics
    /// If a character lies across, or the heap has no memory for it.
    #[track_caller]
    pub fn split_off(&mut self, at: usize) -> Self {
        assert!(self.is_char_boundary(at), "byte {at} is within a character");
        Self { bytes: self.bytes.split_off(at) }
    }
}

impl<H: HeapType> CloneIn<H> for PString<H> {
    fn clone_in(&self, heap: H) -> Self {
        Self::from_str_in(self, heap)
    }
}

/// What [`PString::drain`] takes.
pub struct Drain<'a, H: HeapType> {
    bytes: vec::Drain<'a, u8, H>,
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

impl<H: HeapType> Deref for PString<H> {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
    }
}

/// All of it counts as changed.
impl<H: HeapType> DerefMut for PString<H> {
    fn deref_mut(&mut self) -> &mut str {
        self.as_mut_str()
    }
}

impl<H: HeapType> AsRef<str> for PString<H> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl<H: HeapType> AsRef<[u8]> for PString<H> {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl<H: HeapType> Borrow<str> for PString<H> {
    #[inline]
    fn borrow(&self) -> &str {
        self
    }
}

/// As `str` hashes.
impl<H: HeapType> Hash for PString<H> {
    #[inline]
    fn hash<S: Hasher>(&self, state: &mut S) {
        self.as_str().hash(state);
    }
}

impl<H: HeapType, G: HeapType> PartialEq<PString<G>> for PString<H> {
    #[inline]
    fn eq(&self, other: &PString<G>) -> bool {
        self.as_str() == other.as_str()
    }
}

impl<H: HeapType> Eq for PString<H> {}

impl<H: HeapType> PartialOrd for PString<H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<H: HeapType> Ord for PString<H> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other)
    }
}

macro_rules! equal_to {
    ($($other:ty),*) => {$(
        impl<H: HeapType> PartialEq<$other> for PString<H> {
            fn eq(&self, other: &$other) -> bool {
                self.as_str() == &other[..]
            }
        }

        impl<H: HeapType> PartialEq<PString<H>> for $other {
            fn eq(&self, other: &PString<H>) -> bool {
                &self[..] == other.as_str()
            }
        }
    )*};
}

equal_to!(str, &str, String);

impl<H: HeapType> fmt::Debug for PString<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl<H: HeapType> fmt::Display for PString<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// Fails only where the heap has no memory.
impl<H: HeapType> fmt::Write for PString<H> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_push_str(text).map_err(|_| fmt::Error)
    }
}

impl<H: HeapType> AddAssign<&str> for PString<H> {
    fn add_assign(&mut self, text: &str) {
        self.push_str(text);
    }
}

impl<H: HeapType> Extend<char> for PString<H> {
    fn extend<I: IntoIterator<Item = char>>(&mut self, characters: I) {
        characters.into_iter().for_each(|character| self.push(character));
    }
}

impl<'a, H: HeapType> Extend<&'a str> for PString<H> {
    fn extend<I: IntoIterator<Item = &'a str>>(&mut self, texts: I) {
        texts.into_iter().for_each(|text| self.push_str(text));
    }
}

impl<H: HeapType> Extend<String> for PString<H> {
    fn extend<I: IntoIterator<Item = String>>(&mut self, texts: I) {
        texts.into_iter().for_each(|text| self.push_str(&text));
    }
}

// SAFETY: it is a vector of bytes, and the text is compared with UTF-8's rules.
unsafe impl<H: HeapType> Persist for PString<H> {
    type In<'h> = PString<H::In<'h>>;

    fn order() -> Option<Order<Self>> {
        Some(Ord::cmp)
    }

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        "PString".into()
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("vector 1: block, capacity, length; UTF-8");
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let text = unsafe { &*at };
        text.bytes.inspect_bytes(inspector).and_then(|bytes| match str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(inspector.fault(at, format!("text that is not UTF-8: {error}"))),
        })
    }
}
