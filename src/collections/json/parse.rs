//! Values from text, without recursion.
//!
//! 1. `serde_json` reads the text first, keeping nothing: it says whether this is JSON, and what is wrong with it. Strings with escapes
//!    are read by it once more. It does not make the values, because its numbers lose digits unless a feature is on that changes the
//!    numbers of the whole program, and because its values are read by recursion.
//! 2. What comes after is a walk over text of which the grammar is known to be right: it tells apart where values begin and end.
//! 3. Containers are made when they end, with blocks of just their size. Until then their parts lie in two stacks.

use std::collections::HashMap;

use serde::de::IgnoredAny;

use super::cell::{Cell, SMALL, Tag};
use super::names::Name;
use super::{JsonError, Names, Number, PJson};
use crate::handle::AllocError;
use crate::typed::{HeapType, PArc};

/// A container that has not ended yet.
struct Open {
    is_object: bool,
    /// Where its values begin in the stack of values.
    values: usize,
    /// Where its names begin in the stack of names.
    names: usize,
}

/// The walk. What was made so far goes with it.
struct Reader<'a, H: HeapType> {
    text: &'a str,
    at: usize,
    open: Vec<Open>,
    values: Vec<PJson<H>>,
    found: Vec<Name<H>>,
    names: &'a mut Names<H>,
    heap: H,
}

impl<H: HeapType> PJson<H> {
    /// Reads a value from JSON text; white space around it is allowed. Of members of the same name the last one counts, at the
    /// place of the first.
    ///
    /// # Errors
    /// [`JsonError::Syntax`] for text that is no JSON, or more than one value; [`JsonError::NoMemory`]. Nothing is left in the heap but names,
    /// which [`Names::sweep`] frees.
    pub fn parse_in(text: &str, names: &mut Names<H>, heap: H) -> Result<Self, JsonError> {
        serde_json::from_str::<IgnoredAny>(text).map_err(|error| syntax(&error, 0, 0))?;
        let (open, values, found) = (Vec::new(), Vec::new(), Vec::new());
        Reader { text, at: 0, open, values, found, names, heap }.read()
    }
}

/// An error of text that begins behind so many lines and bytes.
fn syntax(error: &serde_json::Error, lines: usize, columns: usize) -> JsonError {
    let what = error.to_string();
    let what = what.split(" at line ").next().unwrap_or_default().to_owned();
    JsonError::Syntax { line: lines + error.line(), column: columns + error.column(), what }
}

impl<H: HeapType> Reader<'_, H> {
    fn read(mut self) -> Result<PJson<H>, JsonError> {
        loop {
            let byte = self.text.as_bytes()[self.at];
            match byte {
                b'[' | b'{' => {
                    let (values, names) = (self.values.len(), self.found.len());
                    self.open.push(Open { is_object: byte == b'{', values, names });
                    self.at += 1;
                    continue;
                }
                b' ' | b'\n' | b'\r' | b'\t' | b',' | b':' => {
                    self.at += 1;
                    continue;
                }
                b']' | b'}' => {
                    self.at += 1;
                    self.end()?;
                }
                b'"' => {
                    if self.string()? {
                        continue;
                    }
                }
                b'n' => self.word(Tag::NULL, 4),
                b't' => self.word(Tag::TRUE, 4),
                b'f' => self.word(Tag::FALSE, 5),
                _ => {
                    let rest = &self.text[self.at..];
                    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                    let len = rest.bytes().take_while(is_part).count();
                    self.values.push(PJson::number(Number::read(&rest[..len]), self.heap)?);
                    self.at += len;
                }
            }
            if self.open.is_empty() {
                return self.values.pop().ok_or(JsonError::NoMemory);
            }
        }
    }

    fn word(&mut self, tag: Tag, len: usize) {
        self.values.push(PJson::of(Cell::new(tag, 0, 0), self.heap));
        self.at += len;
    }

    /// Reads a string; whether it was a member's name.
    fn string(&mut self) -> Result<bool, JsonError> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start + 1..];
        let (mut len, mut is_plain) = (0, true);
        while rest[len] != b'"' {
            let is_escape = rest[len] == b'\\';
            is_plain &= !is_escape;
            len += if is_escape { 2 } else { 1 };
        }
        self.at += len + 2;
        let unescaped;
        let text = if is_plain {
            &self.text[start + 1..=start + len]
        } else {
            unescaped = serde_json::from_str::<String>(&self.text[start..self.at])
                .map_err(|error| self.syntax_within(&error, start))?;
            &unescaped
        };
        let values = self.values.len();
        let is_name = self
            .open
            .last()
            .is_some_and(|open| open.is_object && values - open.values == self.found.len() - open.names);
        if is_name {
            self.found.push(self.names.intern(text, self.heap)?);
        } else {
            self.values.push(PJson::text(text, self.heap)?);
        }
        Ok(is_name)
    }

    /// An error of a part of the text that is within a line.
    fn syntax_within(&self, error: &serde_json::Error, start: usize) -> JsonError {
        let before = &self.text[..start];
        let line = before.rfind('\n').map_or(0, |end| end + 1);
        syntax(error, before.matches('\n').count(), start - line)
    }

    /// Makes the container that ends here.
    fn end(&mut self) -> Result<(), AllocError> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        if open.is_object {
            self.keep_last(&open);
        }
        let tag = if open.is_object { Tag::OBJECT } else { Tag::ARRAY };
        let mut made = PJson::with_room(tag, self.values.len() - open.values, self.heap)?;
        made.fill(&mut self.values, open.values, &mut self.found, open.names);
        self.values.push(made);
        Ok(())
    }

    /// Of members with the same name keeps the last value, at the first place.
    fn keep_last(&mut self, open: &Open) {
        let names = &self.found[open.names..];
        let same = |one: &Name<H>, other: &Name<H>| PArc::ptr_eq(&one.0, &other.0);
        let is_simple = names.len() <= SMALL
            && names.iter().enumerate().all(|(at, name)| !names[..at].iter().any(|other| same(name, other)));
        if is_simple {
            return;
        }
        let mut places = HashMap::new();
        let (names, values) = (self.found.split_off(open.names), self.values.split_off(open.values));
        for (name, value) in names.into_iter().zip(values) {
            let next = self.values.len();
            let place = *places.entry(PArc::as_ptr(&name.0)).or_insert(next);
            if place == next {
                self.found.push(name);
                self.values.push(value);
            } else {
                self.values[place] = value;
            }
        }
    }
}
