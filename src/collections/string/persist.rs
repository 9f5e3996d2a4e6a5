//! Text as part of what lives across runs.

use core::str;

use super::PString;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Order, Parts, Persist};

// SAFETY: it is a vector of bytes, and the text is compared with UTF-8's rules.
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
        parts.remark("vector 1: block, capacity, length; UTF-8");
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let text = unsafe { &*at };
        text.bytes.inspect_bytes(inspector).and_then(|bytes| match str::from_utf8(bytes) {
            Ok(_) => Ok(()),
            Err(error) => Err(inspector.fault(at, format!("text that is not UTF-8: {error}"))),
        })
    }
}
