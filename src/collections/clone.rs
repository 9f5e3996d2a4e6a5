//! Copies of values that own blocks.

use crate::typed::HeapType;

/// `Clone` for what may own blocks of a heap: a copy allocates, so it needs the heap's token.
///
/// Everything that is `Clone` is also this. A struct with collections in it implements it by cloning its fields:
///
/// ```
/// use outlive::PString;
/// use outlive::collections::CloneIn;
///
/// outlive::heap!(struct ShopHeap);
///
/// struct Item<'h> {
///     name: PString<ShopHeap<'h>>,
///     price: u64,
/// }
///
/// impl<'h> CloneIn<ShopHeap<'h>> for Item<'h> {
///     fn clone_in(&self, heap: ShopHeap<'h>) -> Self {
///         Self { name: self.name.clone_in(heap), price: self.price }
///     }
/// }
/// ```
pub trait CloneIn<H: HeapType>: Sized {
    /// A copy of its own, in the same heap.
    ///
    /// # Panics
    /// If the heap has no memory for it.
    fn clone_in(&self, heap: H) -> Self;
}

impl<T: Clone, H: HeapType> CloneIn<H> for T {
    #[inline]
    fn clone_in(&self, _heap: H) -> Self {
        self.clone()
    }
}
