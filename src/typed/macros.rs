//! `heap!`, which makes heap types.

/// Defines a type that stands for a heap.
///
/// ```
/// outlive::heap!(pub struct ShopHeap);
/// ```
///
/// The type has a lifetime, `ShopHeap<'h>`, and no size. Values that live in the heap name it: `PVec<u64, ShopHeap<'h>>`; so
/// one that belongs to another heap does not compile. It is a token as well, which closures are given to make such values
/// with. One heap at a time can be open under a type ([`Error::HeapTypeInUse`](crate::Error::HeapTypeInUse)); define another
/// for each heap that is to be open beside it.
///
/// The type has functions that open a heap. They are those of [`Store`](crate::typed::Store):
///
/// - `ShopHeap::open::<Root>(path, init)`,
/// - `ShopHeap::open_with::<Root>(options, path, init)`,
/// - `ShopHeap::in_memory::<Root>(init)`,
/// - `ShopHeap::migrate::<Old, New>(path, change)`,
/// - `ShopHeap::root::<T, _>(&store, name, init)`, for further roots of an open heap.
///
/// With `fixed`, as in `outlive::heap!(pub struct ShopHeap, fixed);`, the heap is only ever opened at the address at which it
/// was made. Then values with plain addresses in them may live in it: the `Vec` and `Box` of `allocator-api2`.
#[macro_export]
macro_rules! heap {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident $(;)?) => {
        $crate::heap!(@define [$(#[$meta])*] [$visibility] $name false);
    };
    ($(#[$meta:meta])* $visibility:vis struct $name:ident, fixed $(;)?) => {
        $crate::heap!(@define [$(#[$meta])*] [$visibility] $name true);
        $crate::heap!(@fixed $name);
    };
    (@fixed $name:ident) => {
        const _: () = {
            use ::core::alloc::Layout;
            use ::core::ptr::NonNull;
            use ::core::result::Result;
            use $crate::typed::fixed::{self, AllocError, Allocator, Fixed};

            // SAFETY: the store refuses heaps of a fixed type that lie elsewhere; the blocks are of the scanned part.
            unsafe impl Fixed for $name<'_> {
                type FixedIn<'h> = $name<'h>;
            }

            // SAFETY: a block stays where it is until it is given back, and all tokens of the type are the same heap, which is
            // open as long as there are tokens.
            unsafe impl Allocator for $name<'_> {
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    fixed::allocate(*self, layout)
                }

                unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: the trait's contract is the same.
                    unsafe { fixed::deallocate(*self, block, layout) }
                }
            }
        };
    };
    (@define [$(#[$meta:meta])*] [$visibility:vis] $name:ident $fixed:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        #[repr(transparent)]
        $visibility struct $name<'h>($crate::typed::Token<'h, $name<'static>>);

        const _: () = {
            use ::core::alloc::Layout;
            use ::core::ptr::NonNull;
            use ::core::result::Result;
            use $crate::typed::{Anchor, Anchored, Named, Persist, Store, Token};
            use $crate::{AllocError, Error, HeapType, OpenOptions};

            static ANCHOR: Anchor = Anchor::new();

            // SAFETY: a token is within an access, for it cannot be made otherwise; it has no size; the anchor is this type's
            // alone, and does as the trait says.
            unsafe impl HeapType for $name<'_> {
                type In<'h> = $name<'h>;

                #[inline(always)]
                fn base(self) -> NonNull<u8> {
                    // SAFETY: whoever has a token is within an access.
                    unsafe { ANCHOR.base() }
                }

                #[inline]
                fn allocate(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                    // SAFETY: whoever has a token is within an access.
                    unsafe { ANCHOR.allocate(layout) }
                }

                #[inline]
                unsafe fn deallocate(self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: whoever has a token is within an access, and the caller's promise.
                    unsafe { ANCHOR.deallocate(block, layout) }
                }

                #[inline]
                unsafe fn reallocate(
                    self,
                    block: NonNull<u8>,
                    old: Layout,
                    new: Layout,
                ) -> Result<NonNull<u8>, AllocError> {
                    // SAFETY: whoever has a token is within an access, and the caller's promise.
                    unsafe { ANCHOR.reallocate(block, old, new) }
                }

                #[inline]
                fn allocate_scanned(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
                    // SAFETY: whoever has a token is within an access.
                    unsafe { ANCHOR.allocate_scanned(layout) }
                }

                #[inline]
                unsafe fn deallocate_scanned(self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: whoever has a token is within an access, and the caller's promise.
                    unsafe { ANCHOR.deallocate_scanned(block, layout) }
                }

                #[inline]
                fn note(self, bytes: *const u8, len: usize) {
                    // SAFETY: whoever has a token is within an access.
                    unsafe { ANCHOR.note(bytes, len) }
                }

                #[inline(always)]
                fn note_aligned(self, bytes: *const u8, _len: usize) {
                    // The line of the first byte is that of all.
                    // SAFETY: whoever has a token is within an access.
                    unsafe { ANCHOR.note(bytes, 1) }
                }
            }

            // SAFETY: the static is in this block, which names no other type; the methods are above.
            unsafe impl Anchored for $name<'_> {
                const NAME: &'static str = ::core::stringify!($name);
                const FIXED: bool = $fixed;

                fn anchor() -> &'static Anchor {
                    &ANCHOR
                }

                unsafe fn token<'h>() -> $name<'h> {
                    // SAFETY: the caller's promise.
                    $name(unsafe { Token::new() })
                }
            }

            #[allow(dead_code, reason = "a program needs one or two of the ways to open a heap")]
            impl<'any> $name<'any> {
                /// Opens the heap in this file, or makes one with the root that `init` makes.
                ///
                /// # Errors
                /// As of [`Store::open`].
                $visibility fn open<R: Persist>(
                    path: impl ::core::convert::AsRef<::std::path::Path>,
                    init: impl for<'h> ::core::ops::FnOnce($name<'h>) -> R::In<'h>,
                ) -> Result<Store<R, $name<'any>>, Error> {
                    Store::open(OpenOptions::new(), path, |heap, _| init(heap))
                }

                /// The same with options.
                ///
                /// # Errors
                /// As of [`Store::open`].
                $visibility fn open_with<R: Persist>(
                    options: OpenOptions,
                    path: impl ::core::convert::AsRef<::std::path::Path>,
                    init: impl for<'h> ::core::ops::FnOnce($name<'h>) -> R::In<'h>,
                ) -> Result<Store<R, $name<'any>>, Error> {
                    Store::open(options, path, |heap, _| init(heap))
                }

                /// Makes a heap in memory, with the root that `init` makes.
                ///
                /// # Errors
                /// As of [`Store::in_memory`].
                $visibility fn in_memory<R: Persist>(
                    init: impl for<'h> ::core::ops::FnOnce($name<'h>) -> R::In<'h>,
                ) -> Result<Store<R, $name<'any>>, Error> {
                    Store::in_memory($crate::HeapOptions::new(), |heap, _| init(heap))
                }

                /// The further root of this name in an open heap; one that is not there yet is made by `init`.
                ///
                /// # Errors
                /// As of [`Store::root`].
                $visibility fn root<'store, T: Persist, R: Persist>(
                    store: &'store Store<R, $name<'any>>,
                    name: &str,
                    init: impl for<'h> ::core::ops::FnOnce($name<'h>) -> T::In<'h>,
                ) -> Result<Named<'store, T, R, $name<'any>>, Error> {
                    Store::root(store, name, |heap, _| init(heap))
                }

                /// Opens a heap whose root is an `Old`, and makes it a `New` in one commit; one that is a `New` already is opened.
                ///
                /// # Errors
                /// As of [`Store::migrate`].
                $visibility fn migrate<Old: Persist, New: Persist>(
                    path: impl ::core::convert::AsRef<::std::path::Path>,
                    change: impl for<'h> ::core::ops::FnOnce(Old::In<'h>, $name<'h>) -> New::In<'h>,
                ) -> Result<Store<New, $name<'any>>, Error> {
                    Store::migrate::<Old>(OpenOptions::new(), path, |old, heap, _| change(old, heap))
                }
            }
        };
    };
}
