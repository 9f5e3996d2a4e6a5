//! Vectors as parts of what lives across runs.

use super::PVec;
use crate::collections::raw::changes_are_noted;
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist};

// SAFETY: a vector names its block by its offset, and owns nothing else; the buffer's inspection asks for the block, and
// each element that is in use is looked into.
unsafe impl<T: Persist, H: HeapType> Persist for PVec<T, H> {
    type In<'h> = PVec<T::In<'h>, H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        format!("PVec<{}>", layouts.name_of::<T>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("vector 1: block, capacity, length");
        const { changes_are_noted::<T>() };
        parts.owns::<T>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let vec = unsafe { &*at };
        let first = vec.buffer.inspect::<T>(vec.len, inspector)?;
        if size_of::<T>() > 0 {
            // SAFETY: the elements lie in the block that was asked for.
            unsafe { inspector.look_into(first.as_ptr().cast_const(), vec.len()) };
        }
        Ok(())
    }
}

impl<H: HeapType> PVec<u8, H> {
    /// The bytes of a vector in which nothing is believed yet.
    pub(in crate::collections) fn inspect_bytes(
        &self,
        inspector: &mut Inspector<'_>,
    ) -> Result<&[u8], Fault> {
        let first = self.buffer.inspect::<u8>(self.len, inspector)?;
        // SAFETY: they lie in the block that was asked for, and nobody writes them meanwhile.
        Ok(unsafe { core::slice::from_raw_parts(first.as_ptr(), self.len()) })
    }
}
