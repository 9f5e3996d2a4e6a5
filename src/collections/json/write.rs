//! Values as text, without recursion.

use core::fmt::{self, Write};
use core::slice;

use super::value::View;
use super::{Members, PJson};
use crate::typed::HeapType;

/// What is left of a container that is being written.
enum Level<'a, H: HeapType> {
    Elements(slice::Iter<'a, PJson<H>>),
    Members(Members<'a, H>),
}

impl<H: HeapType> PJson<H> {
    /// Writes the value as JSON text, without spaces. `to_string` does it as well, with some more steps for each part.
    ///
    /// # Errors
    /// What the writer returns; a `String` takes everything.
    pub fn write_to<W: Write>(&self, to: &mut W) -> fmt::Result {
        let mut levels = Vec::new();
        let mut value = self;
        loop {
            let begun = levels.len();
            value.approach();
            match value.view() {
                View::Array(elements) => {
                    to.write_char('[')?;
                    levels.push(Level::Elements(elements.iter()));
                }
                View::Object(members) => {
                    to.write_char('{')?;
                    levels.push(Level::Members(members));
                }
                View::Text(text) => write_text(text, to)?,
                View::Number(number) => number.write_to(to)?,
                View::Null => to.write_str("null")?,
                View::Bool(truth) => to.write_str(if truth { "true" } else { "false" })?,
            }
            // The first part of a container has no comma before it.
            let mut is_first = levels.len() > begun;
            value = loop {
                let Some(level) = levels.last_mut() else { return Ok(()) };
                if let Some(next) = level.next(is_first, to)? {
                    break next;
                }
                is_first = false;
                levels.pop();
            };
        }
    }
}

impl<'a, H: HeapType> Level<'a, H> {
    /// Goes on to the next part, or ends.
    fn next<W: Write>(&mut self, is_first: bool, to: &mut W) -> Result<Option<&'a PJson<H>>, fmt::Error> {
        let (next, end) = match self {
            Self::Elements(elements) => (elements.next().map(|value| (None, value)), ']'),
            Self::Members(members) => (members.next().map(|(name, value)| (Some(name), value)), '}'),
        };
        let Some((name, value)) = next else {
            to.write_char(end)?;
            return Ok(None);
        };
        if !is_first {
            to.write_char(',')?;
        }
        if let Some(name) = name {
            write_text(name, to)?;
            to.write_char(':')?;
        }
        Ok(Some(value))
    }
}

/// What stands for a byte that cannot be in a string as it is.
fn escape(byte: u8) -> &'static str {
    match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        0x08 => "\\b",
        0x0C => "\\f",
        _ => "\\u",
    }
}

/// Where the first byte is that cannot be in a string as it is.
#[inline]
fn find_escaped(bytes: &[u8]) -> Option<usize> {
    if is_plain(bytes) {
        return None;
    }
    bytes.iter().position(|byte| *byte < b' ' || matches!(byte, b'"' | b'\\'))
}

/// Whether all bytes can be. Eight are looked at together, some of them twice.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    let word = |at: usize| bytes[at..].first_chunk().map_or(0, |word| u64::from_le_bytes(*word));
    let half = |at: usize| bytes[at..].first_chunk().map_or(0, |half| u32::from_le_bytes(*half));
    match bytes.len() {
        0 => true,
        len @ 1..4 => {
            let [first, middle, last] = [0, len / 2, len - 1].map(|at| u64::from(bytes[at]));
            is_plain_word(first | middle << 8 | last << 16 | 0x2020_2020_2000_0000)
        }
        len @ 4..8 => is_plain_word(u64::from(half(0)) | u64::from(half(len - 4)) << 32),
        len => is_plain_word(word(len - 8)) && (0..len - 8).step_by(8).all(|at| is_plain_word(word(at))),
    }
}

#[inline]
fn is_plain_word(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    // Not 0 if there is a byte less than `n`.
    let less = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & (ONES << 7);
    let (quote, slash) = (word ^ (ONES * u64::from(b'"')), word ^ (ONES * u64::from(b'\\')));
    less(word, 0x20) | less(quote, 1) | less(slash, 1) == 0
}

fn write_text<W: Write>(text: &str, to: &mut W) -> fmt::Result {
    to.write_char('"')?;
    let mut rest = text;
    while let Some(at) = find_escaped(rest.as_bytes()) {
        to.write_str(&rest[..at])?;
        let byte = rest.as_bytes()[at];
        let escaped = escape(byte);
        to.write_str(escaped)?;
        if escaped == "\\u" {
            write!(to, "{byte:04x}")?;
        }
        rest = &rest[at + 1..];
    }
    to.write_str(rest)?;
    to.write_char('"')
}

impl<H: HeapType> fmt::Display for PJson<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

/// The same text.
impl<H: HeapType> fmt::Debug for PJson<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(f)
    }
}

impl<H: HeapType> fmt::Debug for View<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Bool(truth) => f.debug_tuple("Bool").field(truth).finish(),
            Self::Number(number) => f.debug_tuple("Number").field(number).finish(),
            Self::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Self::Array(elements) => f.debug_tuple("Array").field(elements).finish(),
            Self::Object(members) => f.debug_tuple("Object").field(members).finish(),
        }
    }
}
