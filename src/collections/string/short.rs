//! Text of a few bytes that lies in its `PString`.

use core::ops::Range;
use core::str;

/// How many bytes fit: all but the one that says how many there are.
pub(super) const ROOM: usize = 23;

/// What is added to the length, so that no vector has such a byte there.
const MARK: u8 = 0x80;

/// Bytes of text, zeros, and in the last byte the length and the mark.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Short([u8; ROOM + 1]);

impl Short {
    pub(super) const EMPTY: Self = {
        let mut bytes = [0; ROOM + 1];
        bytes[ROOM] = MARK;
        Self(bytes)
    };

    /// This text, if it is short enough.
    #[inline]
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut short = Self::EMPTY;
        short.replace(0..0, text).then_some(short)
    }

    /// Whether bytes that are this or a vector are this.
    #[inline]
    pub(super) const fn is_marked(&self) -> bool {
        self.0[ROOM] & MARK != 0
    }

    /// How many bytes there are; where nobody has checked them, perhaps more than fit.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        (self.0[ROOM] & !MARK) as usize
    }

    /// The bytes, if they are no more than fit.
    pub(super) fn checked_bytes(&self) -> Option<&[u8]> {
        self.0[..ROOM].get(..self.len())
    }

    #[inline]
    pub(super) fn as_str(&self) -> &str {
        debug_assert!(self.len() <= ROOM);
        // SAFETY: the length is at most the room.
        let bytes = unsafe { self.0.get_unchecked(..self.len()) };
        // SAFETY: they are UTF-8.
        unsafe { str::from_utf8_unchecked(bytes) }
    }

    pub(super) fn as_mut_str(&mut self) -> &mut str {
        let len = self.len();
        // SAFETY: they are UTF-8.
        unsafe { str::from_utf8_unchecked_mut(&mut self.0[..len]) }
    }

    #[allow(clippy::cast_possible_truncation, reason = "no more than the room")]
    fn set_len(&mut self, len: usize) {
        self.0[ROOM] = len as u8 | MARK;
    }

    /// Drops what lies behind the first `len` bytes.
    pub(super) fn truncate(&mut self, len: usize) {
        self.0[len..ROOM].fill(0);
        self.set_len(len);
    }

    /// Puts `text` in the place of a range that begins and ends at characters, unless it does not fit.
    #[inline]
    pub(super) fn replace(&mut self, range: Range<usize>, text: &str) -> bool {
        let (len, end) = (self.len(), range.start + text.len());
        let new = len - range.len() + text.len();
        if new > ROOM {
            return false;
        }
        self.0.copy_within(range.end..len, end);
        self.0[range.start..end].copy_from_slice(text.as_bytes());
        self.0[new..ROOM].fill(0);
        self.set_len(new);
        true
    }
}
