//! `PJson`: a value, and what can be asked of it.
//!
//! Invariants, beside those of the cell:
//! 1. The bytes of text are UTF-8; those of the text of a number are what [`Number::read`] keeps as text.
//! 2. The first `len` cells of a container are values, and in an object the first `len` names are owners of a name. No two
//!    members have names that are equal.
//! 3. A container notes its own cell, and the bytes in its block, before they change. A value that is borrowed to be changed is
//!    noted when it is borrowed.

use core::alloc::Layout;
use core::fmt;
use core::slice;

use super::cell::{Cell, Held, MOST, SHORT, Tag, layout};
use super::{Members, Number};
use crate::collections::no_room::granted;
use crate::collections::raw::note;
use crate::handle::AllocError;
use crate::region::prefetch;
use crate::typed::HeapType;
use crate::units::LINE;

/// A JSON value in a heap: 16 bytes, and what is below it. See [the module](super).
#[repr(C)]
pub struct PJson<H: HeapType> {
    pub(super) cell: Cell,
    pub(super) heap: H,
}

/// What a value is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "they are JSON's own")]
pub enum Kind {
    Null,
    Bool,
    Number,
    Text,
    Array,
    Object,
}

/// A value to look at.
#[allow(missing_docs, reason = "they are JSON's own")]
pub enum View<'a, H: HeapType> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    Text(&'a str),
    Array(&'a [PJson<H>]),
    Object(Members<'a, H>),
}

/// What a value without parts can be made of; numbers, `bool`, text and `()` for null are converted.
///
/// A float that is infinite or not a number is null, as there is no such number in JSON.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs, reason = "they are JSON's own")]
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
}

macro_rules! scalars {
    ($($type:ty => |$value:ident| $scalar:expr;)*) => {$(
        impl<'a> From<$type> for Scalar<'a> {
            fn from($value: $type) -> Self {
                $scalar
            }
        }
    )*};
}

scalars! {
    () => |_value| Self::Null;
    bool => |value| Self::Bool(value);
    u8 => |value| Self::Unsigned(value.into());
    u16 => |value| Self::Unsigned(value.into());
    u32 => |value| Self::Unsigned(value.into());
    u64 => |value| Self::Unsigned(value);
    i8 => |value| Self::Signed(value.into());
    i16 => |value| Self::Signed(value.into());
    i32 => |value| Self::Signed(value.into());
    i64 => |value| Self::Signed(value);
    f32 => |value| Self::Float(value.into());
    f64 => |value| Self::Float(value);
    &'a str => |value| Self::Text(value);
    &'a String => |value| Self::Text(value);
}

impl<H: HeapType> PJson<H> {
    pub(super) const fn of(cell: Cell, heap: H) -> Self {
        Self { cell, heap }
    }

    /// A value without parts: null, a truth, a number or text.
    ///
    /// # Panics
    /// If the heap has no memory for long text.
    pub fn new_in<'a>(value: impl Into<Scalar<'a>>, heap: H) -> Self {
        granted(Self::try_new_in(value, heap))
    }

    /// A value without parts: null, a truth, a number or text.
    ///
    /// # Errors
    /// [`AllocError`] if the heap has no memory for long text.
    pub fn try_new_in<'a>(value: impl Into<Scalar<'a>>, heap: H) -> Result<Self, AllocError> {
        let cell = match value.into() {
            Scalar::Bool(value) => Cell::new(if value { Tag::TRUE } else { Tag::FALSE }, 0, 0),
            Scalar::Unsigned(value) => return Self::number(Number::Unsigned(value), heap),
            Scalar::Signed(value) => {
                let number = u64::try_from(value).map_or(Number::Signed(value), Number::Unsigned);
                return Self::number(number, heap);
            }
            Scalar::Float(value) if value.is_finite() => return Self::number(Number::Float(value), heap),
            Scalar::Null | Scalar::Float(_) => Cell::NULL,
            Scalar::Text(text) => return Self::text(text, heap),
        };
        Ok(Self::of(cell, heap))
    }

    /// An array without elements.
    pub fn array_in(heap: H) -> Self {
        Self::of(Cell::container(Tag::ARRAY, Held::NONE), heap)
    }

    /// An object without members.
    pub fn object_in(heap: H) -> Self {
        Self::of(Cell::container(Tag::OBJECT, Held::NONE), heap)
    }

    pub(super) fn number(number: Number<'_>, heap: H) -> Result<Self, AllocError> {
        match (number.cell(), number) {
            (Some(cell), _) => Ok(Self::of(cell, heap)),
            (None, Number::Text(text)) => Self::bytes(text.as_bytes(), Tag::SHORT_NUMBER, Tag::NUMBER, heap),
            (None, _) => Ok(Self::of(Cell::NULL, heap)),
        }
    }

    pub(super) fn text(text: &str, heap: H) -> Result<Self, AllocError> {
        Self::bytes(text.as_bytes(), Tag::SHORT_TEXT, Tag::TEXT, heap)
    }

    fn bytes(bytes: &[u8], short: Tag, long: Tag, heap: H) -> Result<Self, AllocError> {
        if bytes.len() <= SHORT {
            return Ok(Self::of(Cell::short(short, bytes), heap));
        }
        let block = heap.allocate(Layout::for_value(bytes))?;
        // SAFETY: a new block of as many bytes.
        unsafe { block.as_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        let at = block.addr().get() - heap.base().addr().get();
        Ok(Self::of(Cell::new(long, at as u64, bytes.len() as u64), heap))
    }

    /// An empty container with room for just so many.
    pub(super) fn with_room(tag: Tag, cap: usize, heap: H) -> Result<Self, AllocError> {
        let mut held = Held { cap, ..Held::NONE };
        if cap > 0 {
            let block = heap.allocate(layout(tag, cap)?)?;
            held.at = (block.addr().get() - heap.base().addr().get()) as u64;
        }
        Ok(Self::of(Cell::container(tag, held), heap))
    }

    /// The address at this distance from the base.
    #[inline]
    pub(super) fn place(&self, offset: u64) -> *mut u8 {
        #[allow(clippy::cast_possible_truncation, reason = "an offset into memory of this process")]
        self.heap.base().as_ptr().wrapping_add(offset as usize)
    }

    /// Where cell `index` of a container is, or would be.
    #[inline]
    pub(super) fn slot(&self, index: usize) -> *mut Self {
        #[allow(
            clippy::cast_ptr_alignment,
            reason = "blocks of containers are aligned to cells, and the base is"
        )]
        self.place(self.cell.low()).cast::<Self>().wrapping_add(index)
    }

    /// Says another length, or another block, of a container.
    #[inline]
    pub(super) fn set_held(&mut self, held: Held) {
        note(self.heap, &raw const self.cell, 1);
        self.cell = Cell::container(self.cell.tag(), held);
    }

    /// The values in a container; none in another value.
    #[inline]
    pub(super) fn cells(&self) -> &[Self] {
        if !self.cell.tag().is_container() {
            return &[];
        }
        // SAFETY: the first `len` cells of a container are values, and borrowed with it.
        unsafe { slice::from_raw_parts(self.slot(0), self.cell.held().len) }
    }

    /// The same to be changed, without a note.
    #[inline]
    pub(super) fn cells_mut(&mut self) -> &mut [Self] {
        if !self.cell.tag().is_container() {
            return &mut [];
        }
        // SAFETY: as for `cells`, and borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.slot(0), self.cell.held().len) }
    }

    /// Brings the blocks of what is in a container near, all of them at once: a walk would wait for one after another.
    #[inline]
    pub(super) fn approach(&self) {
        if self.is_object() {
            prefetch(self.name_slot(0));
        }
        for value in self.cells() {
            let (tag, block) = (value.cell.tag(), value.place(value.cell.low()));
            if tag.is_container() || tag.is_long() {
                prefetch(block);
            }
            if tag.is_container() {
                prefetch(block.wrapping_add(LINE));
            }
        }
    }

    /// The bytes of text, or of the text of a number.
    #[inline]
    fn chars(&self) -> &str {
        let bytes = if self.cell.tag().is_long() {
            // SAFETY: the block of long text has as many bytes, and is borrowed with the value.
            unsafe { slice::from_raw_parts(self.place(self.cell.low()), self.cell.len()) }
        } else {
            self.cell.short_bytes()
        };
        debug_assert!(core::str::from_utf8(bytes).is_ok());
        // SAFETY: invariant 1; callers have seen that this is text.
        unsafe { core::str::from_utf8_unchecked(bytes) }
    }

    /// The value, to be told apart by `match`.
    #[inline]
    pub fn view(&self) -> View<'_, H> {
        let tag = self.cell.tag();
        let low = self.cell.low();
        match tag {
            Tag::FALSE | Tag::TRUE => View::Bool(tag == Tag::TRUE),
            Tag::UNSIGNED => View::Number(Number::Unsigned(low)),
            Tag::SIGNED => View::Number(Number::Signed(low.cast_signed())),
            Tag::FLOAT => View::Number(Number::Float(f64::from_bits(low))),
            Tag::ARRAY => View::Array(self.cells()),
            Tag::OBJECT => View::Object(Members::new(self)),
            Tag::TEXT => View::Text(self.chars()),
            Tag::NUMBER => View::Number(Number::Text(self.chars())),
            tag if tag.is_short(Tag::SHORT_TEXT) => View::Text(self.chars()),
            tag if tag.is_short(Tag::SHORT_NUMBER) => View::Number(Number::Text(self.chars())),
            _ => View::Null,
        }
    }

    /// What the value is.
    pub fn kind(&self) -> Kind {
        match self.view() {
            View::Null => Kind::Null,
            View::Bool(_) => Kind::Bool,
            View::Number(_) => Kind::Number,
            View::Text(_) => Kind::Text,
            View::Array(_) => Kind::Array,
            View::Object(_) => Kind::Object,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.cell.tag() == Tag::NULL
    }

    #[inline]
    pub(super) fn is_array(&self) -> bool {
        self.cell.tag() == Tag::ARRAY
    }

    #[inline]
    pub(super) fn is_object(&self) -> bool {
        self.cell.tag() == Tag::OBJECT
    }

    /// The truth, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let View::Bool(value) = self.view() { Some(value) } else { None }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<Number<'_>> {
        if let View::Number(number) = self.view() { Some(number) } else { None }
    }

    /// The number, if it is an integer from 0 on that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.as_number()?.as_u64()
    }

    /// The number, if it is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.as_number()?.as_i64()
    }

    /// The float next to the number, if it is one.
    pub fn as_f64(&self) -> Option<f64> {
        self.as_number().map(Number::as_f64)
    }

    /// The text, if it is text.
    #[inline]
    pub fn as_str(&self) -> Option<&str> {
        let tag = self.cell.tag();
        if tag.is_short(Tag::SHORT_TEXT) || tag == Tag::TEXT { Some(self.chars()) } else { None }
    }

    /// The elements, if it is an array.
    #[inline]
    pub fn elements(&self) -> Option<&[Self]> {
        if self.is_array() { Some(self.cells()) } else { None }
    }

    /// The names and values of an object's members, in their order.
    #[inline]
    pub fn members(&self) -> Option<Members<'_, H>> {
        if self.is_object() { Some(Members::new(self)) } else { None }
    }

    /// How many elements or members it has; 0 for a value without parts.
    pub fn len(&self) -> usize {
        self.cells().len()
    }

    /// Whether it has no elements or members.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many more fit into a container's block.
    pub(super) fn room(&self) -> usize {
        let held = self.cell.held();
        held.cap - held.len
    }

    /// The capacity for `additional` more, some of it in advance.
    ///
    /// # Errors
    /// [`AllocError`] where it would be more than can be.
    pub(super) fn amortized(&self, additional: usize) -> Result<usize, AllocError> {
        let held = self.cell.held();
        let needed = held.len.checked_add(additional).filter(|needed| *needed <= MOST).ok_or(AllocError)?;
        Ok(needed.max(held.cap * 2).clamp(2, MOST))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a truth",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}
