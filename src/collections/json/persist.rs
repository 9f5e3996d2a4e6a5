//! Values as parts of what lives across runs.
//!
//! As with keys of maps, what is not looked at is whether names come twice, and whether an index is in order: members of such an
//! object may not be found, and nothing worse.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::cell::{Cell, SMALL, Tag, layout, names_at, places_at};
use super::names::{Name, NameText};
use super::number::is_kept_as_text;
use super::{Names, PJson};
use crate::collections::PHashSet;
use crate::typed::{Fault, HeapType, Inspector, Layouts, PArc, Parts, Persist};

// SAFETY: a cell of which the tag is looked at first. A block is asked for with just the layout that the cell says, and all
// that is in use in it is looked into.
unsafe impl<H: HeapType> Persist for PJson<H> {
    type In<'h> = PJson<H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        String::from("PJson")
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("document 1: cells with the tag in the last byte, names behind the cells, index from 17 members on");
        parts.owns::<Name<H>>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for a cell and for nothing.
        let cell = unsafe { (*at).cell };
        let tag = cell.tag();
        let is_sound = match tag {
            Tag::NULL | Tag::FALSE | Tag::TRUE | Tag::UNSIGNED => true,
            Tag::SIGNED => cell.low().cast_signed() < 0,
            Tag::FLOAT => f64::from_bits(cell.low()).is_finite(),
            Tag::TEXT | Tag::NUMBER => return inspect_long(cell, at.cast(), inspector),
            Tag::ARRAY | Tag::OBJECT => return inspect_container::<H>(cell, at.cast(), inspector),
            _ if tag.is_short(Tag::SHORT_TEXT) => core::str::from_utf8(cell.short_bytes()).is_ok(),
            _ if tag.is_short(Tag::SHORT_NUMBER) => {
                core::str::from_utf8(cell.short_bytes()).is_ok_and(is_kept_as_text)
            }
            _ => false,
        };
        if is_sound { Ok(()) } else { Err(inspector.fault(at, format!("{cell:?} is no value"))) }
    }
}

fn inspect_long(cell: Cell, at: *const u8, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
    let layout = Layout::from_size_align(cell.len(), 1).ok().filter(|layout| layout.size() > 0);
    let Some(layout) = layout else {
        return Err(inspector.fault(at, format!("text of {} bytes in a block", cell.len())));
    };
    let block = inspector.own(at, cell.low(), layout)?;
    // SAFETY: the block that was just asked for has as many bytes.
    let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), cell.len()) };
    match core::str::from_utf8(bytes) {
        Ok(text) if cell.tag() == Tag::TEXT || is_kept_as_text(text) => Ok(()),
        Ok(_) => {
            Err(inspector.fault(block.as_ptr(), "text that is no number, or one that has a cell of its own"))
        }
        Err(error) => Err(inspector.fault(block.as_ptr(), error.to_string())),
    }
}

fn inspect_container<H: HeapType>(
    cell: Cell,
    at: *const u8,
    inspector: &mut Inspector<'_>,
) -> Result<(), Fault> {
    let (held, tag) = (cell.held(), cell.tag());
    if held.cap == 0 && held.len == 0 && held.at == 0 {
        return Ok(());
    }
    let layout = layout(tag, held.cap).ok().filter(|_| held.len <= held.cap && held.cap > 0);
    let Some(layout) = layout else {
        return Err(inspector.fault(at, format!("{held:?} is no container")));
    };
    let block = inspector.own(at, held.at, layout)?;
    if tag == Tag::OBJECT {
        if held.cap > SMALL {
            inspect_places(block, held.cap, held.len, inspector)?;
        }
        // SAFETY: within the block.
        let names = unsafe { block.byte_add(names_at(held.cap)) };
        // SAFETY: the names lie in the block that was asked for.
        unsafe { inspector.look_into::<Name<H>>(names.as_ptr().cast(), held.len) };
    }
    // SAFETY: the cells lie in the block that was asked for.
    unsafe { inspector.look_into::<PJson<H>>(block.as_ptr().cast(), held.len) };
    Ok(())
}

/// Finds fault with an index in which a place is missing.
fn inspect_places(
    block: NonNull<u8>,
    cap: usize,
    len: usize,
    inspector: &Inspector<'_>,
) -> Result<(), Fault> {
    #[allow(clippy::cast_ptr_alignment, reason = "the places follow the names")]
    // SAFETY: within the block.
    let places = unsafe { block.byte_add(places_at(cap)) }.as_ptr().cast::<u32>();
    // SAFETY: the block has room for them, and any bytes are numbers.
    let places = unsafe { core::slice::from_raw_parts(places, len) };
    let mut seen = vec![false; len];
    for place in places {
        match seen.get_mut(*place as usize) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                return Err(
                    inspector.fault(places.as_ptr(), format!("an index of {len} members with {place}"))
                );
            }
        }
    }
    Ok(())
}

// SAFETY: text, which is inspected as such.
unsafe impl<H: HeapType> Persist for NameText<H> {
    type In<'h> = NameText<H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("NameText<{}>", layouts.name_of::<PJson<H>>())
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for a cell.
        let tag = unsafe { (*at).0.cell.tag() };
        if tag != Tag::TEXT && !tag.is_short(Tag::SHORT_TEXT) {
            return Err(inspector.fault(at, "a name that is no text"));
        }
        // SAFETY: the caller's promise; the type is transparent.
        unsafe { PJson::inspect(at.cast::<PJson<H>>(), inspector) }
    }
}

// SAFETY: an owner of a counted value, and nothing else.
unsafe impl<H: HeapType> Persist for Name<H> {
    type In<'h> = Name<H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("Name<{}>", layouts.name_of::<PArc<NameText<H>, H>>())
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise; the type is transparent.
        unsafe { PArc::inspect(at.cast::<PArc<NameText<H>, H>>(), inspector) }
    }
}

// SAFETY: a set, and nothing else.
unsafe impl<H: HeapType> Persist for Names<H> {
    type In<'h> = Names<H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        format!("Names<{}>", layouts.name_of::<PHashSet<Name<H>, H>>())
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise; the type is transparent.
        unsafe { PHashSet::inspect(at.cast::<PHashSet<Name<H>, H>>(), inspector) }
    }
}
