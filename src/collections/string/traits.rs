//! Traits of text, by which it is used as `String` is.

use core::borrow::Borrow;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::ops::{AddAssign, Deref, DerefMut};

use super::PString;
use crate::typed::HeapType;

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
