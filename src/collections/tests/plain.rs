//! Numbers as elements.

use crate::typed::{Fault, Inspector, Layouts, Persist};

macro_rules! plain {
    ($($number:ty),*) => {$(
        // SAFETY: any bytes are a number, which owns nothing.
        unsafe impl Persist for $number {
            type In<'h> = Self;

            fn name(_: &mut Layouts) -> String {
                stringify!($number).into()
            }

            unsafe fn inspect(_: *const Self, _: &mut Inspector<'_>) -> Result<(), Fault> {
                Ok(())
            }
        }
    )*};
}

plain!(u8, u16, u32, u64, ());
