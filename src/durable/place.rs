//! The address space of a heap in a file.

use core::ptr::NonNull;

use crate::error::Error;
use crate::os;
use crate::region::Plan;
use crate::units::HUGE;

use super::area::{PARTS, Part};
use super::errors::no_memory;

/// Address space that is given back unless it is kept.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) base: NonNull<u8>,
    bytes: usize,
}

impl Reserved {
    /// At the heap's own address if it is free.
    pub(super) fn new(address: usize, bytes: usize) -> Result<Self, Error> {
        let aligned = address.is_multiple_of(HUGE) && address > 0;
        let own = if aligned { os::reserve_at(address, bytes).ok() } else { None };
        let base = own.map_or_else(|| os::reserve(bytes, HUGE).map_err(no_memory), Ok)?;
        Ok(Self { base, bytes })
    }

    /// The address so many bytes into it.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.bytes);
        self.base.as_ptr().wrapping_add(offset)
    }

    /// Where the two regions of a heap begin, each of which gives its own range back. What lies between them goes now.
    pub(super) fn keep(self, plan: &Plan) -> [NonNull<u8>; PARTS] {
        let (base, start) = (self.base, Part::Tracked.start(plan));
        debug_assert!(start + plan.bytes() == self.bytes);
        core::mem::forget(self);
        // SAFETY: both lie in the range that was reserved.
        let [gap, second] = [plan.bytes(), start].map(|offset| unsafe { base.add(offset) });
        if second > gap {
            // SAFETY: part of what was reserved, and of neither region.
            unsafe { os::release(gap, start - plan.bytes()) };
        }
        [base, second]
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // SAFETY: reserved in `new`, and not kept.
        unsafe { os::release(self.base, self.bytes) };
    }
}
