//! Roots by their types: what the heap's table says of one is compared with what the program has, and its values are walked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Error;
use crate::handle::Heap;
use crate::typed::anchor::Anchored;
use crate::typed::inspect::{Fault, Inspector};
use crate::typed::layouts::Layouts;
use crate::typed::persist::Persist;
use crate::typed::roots::Table;
use crate::units::Offset;

/// # Safety
/// As of [`Persist::inspect`].
pub(in crate::typed) type Inspect = unsafe fn(*const u8, &mut Inspector<'_>) -> Result<(), Fault>;

/// # Safety
/// As of [`Persist::inspect`].
pub(in crate::typed) unsafe fn inspect<T: Persist>(
    at: *const u8,
    inspector: &mut Inspector<'_>,
) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { T::inspect(at.cast(), inspector) }
}

/// How each root of which the type is known is inspected.
pub(in crate::typed) struct Known(Mutex<HashMap<String, Inspect>>);

impl Known {
    pub(super) fn new(root: Inspect) -> Self {
        Self(Mutex::new(HashMap::from([(String::new(), root)])))
    }

    pub(in crate::typed) fn all(&self) -> MutexGuard<'_, HashMap<String, Inspect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the heap's file says of the root's type.
pub(in crate::typed) fn layout_text<R: Persist, H: Anchored>() -> Result<String, Error> {
    let fixed = if H::FIXED { "at its own address only\n" } else { "" };
    let text = Layouts::text_of::<R, H>().ok_or(Error::OtherHeap { heap: H::NAME })?;
    Ok(format!("{fixed}{text}"))
}

/// The place of a root of which the heap's table says that it is a `T`, or what is wrong.
pub(in crate::typed) fn find<T: Persist, H: Anchored>(
    heap: &Heap,
    table: &Table,
    name: &str,
) -> Result<u64, Error> {
    let root = table.find(name).ok_or_else(|| Error::NoRoot { root: name.to_owned() })?;
    let expected = layout_text::<T, H>()?;
    if root.layout != expected {
        return Err(other_layout(name, &root.layout, &expected));
    }
    let wanted = if H::FIXED { heap.base().as_ptr().addr() as u64 } else { 0 };
    table.check_base(wanted)?;
    root.value::<T>(heap).map(|_| root.value)
}

/// Marks the lines that only one of the two layouts has.
fn other_layout(root: &str, found: &str, expected: &str) -> Error {
    let marked = |text: &str, other: &str| {
        let lines = text.lines().map(|line| {
            let mark = if other.lines().any(|other| other == line) { ' ' } else { '>' };
            format!("{mark} {line}\n")
        });
        lines.collect::<String>()
    };
    Error::OtherLayout {
        root: root.to_owned(),
        found: marked(found, expected),
        expected: marked(expected, found),
    }
}

/// Walks one root and all that it owns.
pub(in crate::typed) fn verify(heap: &Heap, value: u64, how: Inspect) -> Result<(), Error> {
    let mut inspector = Inspector::new(heap);
    walk(heap, value, how, &mut inspector)?;
    Ok(inspector.finish()?)
}

pub(in crate::typed) fn walk(
    heap: &Heap,
    value: u64,
    how: Inspect,
    inspector: &mut Inspector<'_>,
) -> Result<(), Error> {
    let at = Offset::new(value).and_then(|offset| heap.at(offset)).ok_or(Error::Closed)?;
    // SAFETY: the root's block was compared with its type's layout when it was found, and nobody writes.
    Ok(unsafe { how(at.as_ptr(), inspector) }?)
}
