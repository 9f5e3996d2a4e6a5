//! Finding out whether a type is `Ord` where nothing asks for it: in macros, and in the derive.
//!
//! A method of the type itself comes before one of a trait, if it can be called at all.

use core::marker::PhantomData;

use super::persist::Order;

/// Knows how values of a `T` are ordered, if they are.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<T>);

impl<T> Probe<T> {
    /// One for this type.
    #[expect(clippy::new_without_default, reason = "it is made by macros only")]
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Ord> Probe<T> {
    /// How values are ordered.
    #[must_use]
    pub fn order(&self) -> Option<Order<T>> {
        Some(T::cmp)
    }
}

/// What there is of a type without an order.
pub trait Unordered<T> {
    /// Nothing.
    fn order(&self) -> Option<Order<T>>;
}

impl<T> Unordered<T> for Probe<T> {
    fn order(&self) -> Option<Order<T>> {
        None
    }
}
