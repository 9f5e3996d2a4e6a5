//! The untyped cores: what is compiled once for a heap, whatever the elements are.

mod buffer;
mod group;
mod place;
mod table;
mod tree;

pub(super) use buffer::RawBuffer;
pub(super) use place::{At, changes_are_noted, count, note, range};
pub(super) use table::{Indices, RawTable};
pub(super) use tree::{CAP, LEAST, Node, Path, RawTree, Shape};

/// Drops each of the values, also those behind one whose `Drop` panics.
///
/// # Safety
/// The values are initialised, and nobody uses them after this.
pub(super) unsafe fn drop_each<T>(values: &mut impl Iterator<Item = *mut T>) {
    /// Goes on when a `Drop` panics.
    struct Rest<'a, T, I: Iterator<Item = *mut T>>(&'a mut I);

    impl<T, I: Iterator<Item = *mut T>> Drop for Rest<'_, T, I> {
        fn drop(&mut self) {
            for value in self.0.by_ref() {
                // SAFETY: the caller's promise.
                unsafe { value.drop_in_place() };
            }
        }
    }

    if !core::mem::needs_drop::<T>() {
        return;
    }
    let rest = Rest(values);
    for value in rest.0.by_ref() {
        // SAFETY: the caller's promise.
        unsafe { value.drop_in_place() };
    }
}
