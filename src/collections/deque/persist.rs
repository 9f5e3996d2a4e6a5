//! Queues as parts of what lives across runs.

use super::PVecDeque;
use crate::collections::raw::{changes_are_noted, count};
use crate::typed::{Fault, HeapType, Inspector, Layouts, Parts, Persist};

// SAFETY: a queue names its block by its offset, and owns nothing else; the buffer's inspection asks for the block, and each
// element that is in use is looked into.
unsafe impl<T: Persist, H: HeapType> Persist for PVecDeque<T, H> {
    type In<'h> = PVecDeque<T::In<'h>, H::In<'h>>;

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        format!("PVecDeque<{}>", layouts.name_of::<T>())
    }

    fn describe(parts: &mut Parts<'_>) {
        parts.remark("ring 1: block, capacity, first, length");
        const { changes_are_noted::<T>() };
        parts.owns::<T>();
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the bytes can be read, and any are good for integers and for nothing.
        let deque = unsafe { &*at };
        let first = deque.buffer.inspect::<T>(deque.len, inspector)?;
        if count(deque.head) >= deque.capacity().max(1) {
            let what = format!("a first element at {} of {}", deque.head, deque.capacity());
            return Err(inspector.fault(at, what));
        }
        for row in deque.rows(0..deque.len()) {
            if size_of::<T>() > 0 && !row.is_empty() {
                let start = first.as_ptr().wrapping_add(row.start).cast_const();
                // SAFETY: the elements lie in the block that was asked for.
                unsafe { inspector.look_into(start, row.len()) };
            }
        }
        Ok(())
    }
}
