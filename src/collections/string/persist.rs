//! Text as part of what lives across runs.

use core::str;

use super::PString;
use super::form::Form;
use super::short::ROOM;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Order, Parts, Persist};

// SAFETY: it is a vector of bytes, or no more bytes than fit, and the text is compared with UTF-8's rules.
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
        parts.remark(
            "text 1: up to 23 bytes and their number + 128, or vector 1: block, capacity, length; UTF-8",
        );
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let text = unsafe { &*at };
        let bytes = match text.bytes.form() {
            Form::Short(short) => short.checked_bytes().ok_or_else(|| {
                inspector.fault(at, format!("{} bytes of text in place, where {ROOM} fit", short.len()))
            })?,
            Form::Long(bytes) => bytes.inspect_bytes(inspector)?,
        };
        let found = str::from_utf8(bytes);
        found.map(drop).map_err(|error| inspector.fault(at, format!("text that is not UTF-8: {error}")))
    }
}
