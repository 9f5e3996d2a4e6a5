//! The caches of whoever has none. They are made anew for each execution, as all of loom's objects are.

use std::cell::RefCell;
use std::ptr;

use super::Cache;

/// Stands for nobody, and for who watches.
type Empty = Option<Box<[Cache; 2]>>;

std::thread_local! {
    // Kept when the execution ends, since what is left of it may still point there; dropping it is no step of a model.
    static EMPTY: RefCell<Empty> = const { RefCell::new(None) };
}

/// Makes the empty caches of this execution.
pub(crate) fn furnish() {
    EMPTY.set(Some(Box::new([Cache::new(), Cache::new()])));
}

fn empty(index: usize) -> *mut Cache {
    EMPTY.with_borrow(|caches| {
        caches.as_ref().map_or(ptr::null_mut(), |caches| ptr::from_ref(&caches[index]).cast_mut())
    })
}

/// The cache that a seat points at while nobody sits there.
pub(crate) fn nobody() -> *mut Cache {
    empty(0)
}

/// The cache that a seat points at while its thread watches.
pub(crate) fn watched() -> *mut Cache {
    empty(1)
}
