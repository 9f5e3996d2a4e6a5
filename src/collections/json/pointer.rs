//! JSON pointers (RFC 6901).

use std::borrow::Cow;

use super::value::View;
use super::{JsonError, Kind, Names, PJson};
use crate::typed::HeapType;

/// The parts of a pointer, if it is one.
fn tokens(pointer: &str) -> Option<impl DoubleEndedIterator<Item = Cow<'_, str>>> {
    let mut parts = pointer.split('/');
    let is_one = parts.next() == Some("") && parts.clone().all(is_token);
    is_one.then(|| parts.map(unescaped))
}

/// Each `~` is followed by 0 or 1.
fn is_token(token: &str) -> bool {
    token.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']))
}

fn unescaped(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// The index that a token means: without sign, and without zeros before it.
fn index(token: &str) -> Option<usize> {
    let is_index = token == "0" || (token.starts_with(|digit: char| digit != '0' && digit != '+'));
    if is_index { token.parse().ok() } else { None }
}

impl<H: HeapType> PJson<H> {
    /// The index of the part that a token names.
    fn part(&self, token: &str) -> Option<usize> {
        match self.view() {
            View::Array(elements) => index(token).filter(|index| *index < elements.len()),
            View::Object(_) => self.find(token),
            _ => None,
        }
    }

    /// The value at a JSON pointer (RFC 6901); `""` is the whole value. Nothing where there is none, or where this is no
    /// pointer.
    ///
    /// ```
    /// # use outlive::json::{Names, PJson};
    /// # outlive::heap!(struct DocHeap);
    /// # let store = DocHeap::in_memory::<(Names<DocHeap>, PJson<DocHeap>)>(|heap| (Names::new_in(heap), PJson::new_in((), heap)))?;
    /// # store.write(|(names, value), heap| {
    /// *value = PJson::parse_in(r#"{"a/b": [10, {"": true}]}"#, names, heap)?;
    /// assert_eq!(value.pointer("/a~1b/0").and_then(PJson::as_u64), Some(10));
    /// assert_eq!(value.pointer("/a~1b/1/").and_then(PJson::as_bool), Some(true));
    /// assert!(value.pointer("/a~1b/2").is_none());
    /// # Ok::<(), outlive::json::JsonError>(())
    /// # })?.unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn pointer(&self, pointer: &str) -> Option<&Self> {
        let mut at = self;
        for token in tokens(pointer)? {
            at = &at.cells()[at.part(&token)?];
        }
        Some(at)
    }

    /// The same value, which counts as changed.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Self> {
        let mut at = self;
        for token in tokens(pointer)? {
            let index = at.part(&token)?;
            at = &mut at.cells_mut()[index];
        }
        crate::collections::raw::note(at.heap, &raw const *at, 1);
        Some(at)
    }

    /// What holds the part at a pointer, and the part's token; nothing for the whole value.
    fn holder<'a>(&mut self, pointer: &'a str) -> Result<Option<(&mut Self, Cow<'a, str>)>, JsonError> {
        let mut tokens = tokens(pointer).ok_or_else(|| JsonError::Pointer { pointer: pointer.to_owned() })?;
        let Some(last) = tokens.next_back() else { return Ok(None) };
        let mut at = self;
        for token in tokens {
            let index = at.part(&token).ok_or_else(|| at.nothing(&token))?;
            at = &mut at.cells_mut()[index];
        }
        Ok(Some((at, last)))
    }

    /// What is wrong with a token that names no part.
    fn nothing(&self, token: &str) -> JsonError {
        if self.cell.tag().is_container() {
            JsonError::Nothing { token: token.to_owned(), len: self.len() }
        } else {
            JsonError::Kind { found: self.kind(), expected: Kind::Object }
        }
    }

    /// Puts a value at a JSON pointer, and returns the one that was there. What holds it has to be there: an object gets a new
    /// member, an array a new element at `-` or at its length.
    ///
    /// # Errors
    /// [`JsonError::Pointer`], [`JsonError::Nothing`], [`JsonError::Kind`], [`JsonError::NoMemory`]; the value is dropped then.
    pub fn set(
        &mut self,
        pointer: &str,
        value: Self,
        names: &mut Names<H>,
    ) -> Result<Option<Self>, JsonError> {
        let heap = self.heap;
        let Some((holder, token)) = self.holder(pointer)? else {
            crate::collections::raw::note(heap, &raw const *self, 1);
            return Ok(Some(core::mem::replace(self, value)));
        };
        if holder.is_object() {
            return holder.insert(&token, value, names);
        }
        match holder.part(&token) {
            Some(index) => Ok(Some(core::mem::replace(holder.cell_mut(index), value))),
            None if holder.is_array() && (token == "-" || index(&token) == Some(holder.len())) => {
                holder.push(value).map(|()| None)
            }
            None => Err(holder.nothing(&token)),
        }
    }

    /// Takes the value at a JSON pointer out of what holds it. The whole value is left as null.
    ///
    /// # Errors
    /// [`JsonError::Pointer`], [`JsonError::Nothing`], [`JsonError::Kind`].
    pub fn take(&mut self, pointer: &str) -> Result<Self, JsonError> {
        let heap = self.heap;
        let Some((holder, token)) = self.holder(pointer)? else {
            crate::collections::raw::note(heap, &raw const *self, 1);
            return Ok(core::mem::replace(self, Self::of(super::cell::Cell::NULL, heap)));
        };
        let taken = match index(&token) {
            Some(index) if holder.is_array() => holder.remove_at(index),
            _ => holder.remove(&token),
        };
        taken.ok_or_else(|| holder.nothing(&token))
    }
}
