//! Values as text, without recursion.

use core::fmt::{self, Write};
use core::slice;

use super::value::View;
use super::{Members, Number, PJson};
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
                View::Number(number) => write_number(number, to)?,
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
fn escape(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'"' => "\\\"",
        b'\\' => "\\\\",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        0x08 => "\\b",
        0x0C => "\\f",
        0x00..0x20 => "\\u",
        _ => return None,
    })
}

fn write_text<W: Write>(text: &str, to: &mut W) -> fmt::Result {
    to.write_char('"')?;
    let mut rest = text;
    while let Some((at, escaped)) =
        rest.bytes().enumerate().find_map(|(at, byte)| escape(byte).map(|escaped| (at, escaped)))
    {
        to.write_str(&rest[..at])?;
        to.write_str(escaped)?;
        if escaped == "\\u" {
            write!(to, "{:04x}", rest.as_bytes()[at])?;
        }
        rest = &rest[at + 1..];
    }
    to.write_str(rest)?;
    to.write_char('"')
}

fn write_number<W: Write>(number: Number<'_>, to: &mut W) -> fmt::Result {
    match number {
        Number::Text(text) => to.write_str(text),
        number => write!(to, "{number}"),
    }
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
