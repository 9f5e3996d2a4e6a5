//! Values in a heap with several owners.
//!
//! The block: strong count, weak count, value. All strong owners together are one weak one.
//!
//! Counts change only in the hands of somebody who has the token, and so never while a commit captures: an owner is not
//! cloned, but shared by [`PRc::share`], which takes it, and dropped where owned values can be, in a `write` or an `update`.
//! Like any other change they are noted.

mod counts;

use core::alloc::Layout;
use core::any::TypeId;
use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::num::NonZeroU64;
use core::ops::Deref;
use core::ptr::NonNull;

use self::counts::{Atomic, Counted, Counting as _, Plain, TOO_MANY, counts, leave, up};
use super::block;
use super::heap_type::HeapType;
use super::inspect::{Fault, Inspector, Owners};
use super::layouts::{Layouts, Parts};
use super::niche::Niche;
use super::persist::Persist;
use super::pointer::PPtr;
use crate::handle::AllocError;
use crate::sync::AtomicU64;

macro_rules! counted {
    ($strong:ident, $weak:ident, $counting:ident, $owns:ty, $(#[$strong_doc:meta])*) => {
        $(#[$strong_doc])*
        #[repr(C)]
        pub struct $strong<T: Persist, H: HeapType> {
            at: NonZeroU64,
            heap: H,
            owns: PhantomData<$owns>,
        }

        #[doc = concat!("A reference to the value of a [`", stringify!($strong), "`] that does not keep it: 8 bytes.")]
        #[repr(C)]
        pub struct $weak<T: Persist, H: HeapType> {
            at: NonZeroU64,
            heap: H,
            owns: PhantomData<$owns>,
        }

        impl<T: Persist, H: HeapType> $strong<T, H> {
            /// Moves a value into the heap.
            ///
            /// # Panics
            /// Where the heap has no memory for it.
            #[must_use]
            pub fn new_in(value: T, heap: H) -> Self {
                Self::try_new_in(value, heap).unwrap_or_else(|_| block::no_memory(Layout::new::<Counted<T>>()))
            }

            /// Moves a value into the heap.
            ///
            /// # Errors
            /// [`AllocError`] where the heap has no memory for it; the value is dropped then.
            pub fn try_new_in(value: T, heap: H) -> Result<Self, AllocError> {
                let (block, at) = block::allocate::<T, H>(Layout::new::<Counted<T>>(), heap)?;
                let (strong, weak) = (AtomicU64::new(1), AtomicU64::new(1));
                // SAFETY: a fresh block of this layout.
                unsafe { block.cast().write(Counted { strong, weak, value }) };
                Ok(Self { at, heap, owns: PhantomData })
            }

            fn counted(&self) -> &Counted<T> {
                // SAFETY: this is an owner.
                unsafe { Counted::of(self.at, self.heap) }
            }

            /// One more owner of the same value.
            #[must_use]
            pub fn share(this: &Self, heap: H) -> Self {
                let counted = this.counted();
                counted.note(heap);
                up::<$counting>(&counted.strong);
                Self { at: this.at, heap, owns: PhantomData }
            }

            /// A reference that does not keep the value.
            #[must_use]
            pub fn downgrade(this: &Self, heap: H) -> $weak<T, H> {
                let counted = this.counted();
                counted.note(heap);
                assert!($counting::up_weak(&counted.weak) < TOO_MANY, "a value has more owners than there can be");
                $weak { at: this.at, heap, owns: PhantomData }
            }

            /// How many owners the value has.
            #[must_use]
            pub fn strong_count(this: &Self) -> u64 {
                $counting::get(&this.counted().strong)
            }

            /// How many weak references there are.
            #[must_use]
            pub fn weak_count(this: &Self) -> u64 {
                $counting::get(&this.counted().weak).saturating_sub(1)
            }

            /// Whether both are owners of one value.
            #[must_use]
            pub fn ptr_eq(this: &Self, other: &Self) -> bool {
                this.at == other.at
            }

            /// A pointer to the value, which does not keep it.
            #[must_use]
            pub fn as_ptr(this: &Self) -> PPtr<T, H> {
                let value = offset_of!(Counted<T>, value) as u64;
                PPtr::from_parts(this.at.saturating_add(value), (), this.heap)
            }

            /// The value, to be changed, if it has no other owner and no weak reference. It is noted for the next commit.
            pub fn get_mut(this: &mut Self) -> Option<&mut T> {
                let counted = this.counted();
                if !$counting::is_only(&counted.strong, &counted.weak) {
                    return None;
                }
                let mut value = Self::as_ptr(this).as_non_null();
                this.heap.note(value.as_ptr().cast(), size_of::<T>());
                // SAFETY: no other owner is there, and none can come while this one is borrowed.
                Some(unsafe { value.as_mut() })
            }
        }

        impl<T: Persist, H: HeapType> $weak<T, H> {
            /// An owner of the value, if it is still there.
            #[must_use]
            pub fn upgrade(&self, heap: H) -> Option<$strong<T, H>> {
                // SAFETY: this is a weak owner.
                let counted = unsafe { Counted::<T>::of(self.at, self.heap) };
                counted.note(heap);
                $counting::up_from_some(&counted.strong)
                    .then(|| $strong { at: self.at, heap, owns: PhantomData })
            }

            /// One more reference to the same value.
            #[must_use]
            pub fn share(this: &Self, heap: H) -> Self {
                // SAFETY: this is a weak owner.
                let counted = unsafe { Counted::<T>::of(this.at, this.heap) };
                counted.note(heap);
                up::<$counting>(&counted.weak);
                Self { at: this.at, heap, owns: PhantomData }
            }
        }

        impl<T: Persist, H: HeapType> Deref for $strong<T, H> {
            type Target = T;

            #[inline]
            fn deref(&self) -> &T {
                &self.counted().value
            }
        }

        impl<T: Persist, H: HeapType> Drop for $strong<T, H> {
            fn drop(&mut self) {
                /// Gives up the block although the value's drop panics.
                struct Leave<T: Persist, H: HeapType>(NonZeroU64, H, PhantomData<T>);

                impl<T: Persist, H: HeapType> Drop for Leave<T, H> {
                    fn drop(&mut self) {
                        // SAFETY: all strong owners together are a weak one, and the last of them is gone.
                        unsafe { leave::<T, $counting, H>(self.0, self.1) };
                    }
                }

                let counted = self.counted();
                counted.note(self.heap);
                if $counting::down(&counted.strong) != 1 {
                    return;
                }
                $counting::last();
                let _leave = Leave(self.at, self.heap, PhantomData::<T>);
                let value = Self::as_ptr(self).as_non_null();
                // SAFETY: the last owner is gone, and no weak reference becomes an owner any more.
                unsafe { NonNull::drop_in_place(value) };
            }
        }

        impl<T: Persist, H: HeapType> Drop for $weak<T, H> {
            fn drop(&mut self) {
                // SAFETY: this is a weak owner, and is gone.
                unsafe { leave::<T, $counting, H>(self.at, self.heap) };
            }
        }

        impl<T: Persist + fmt::Debug, H: HeapType> fmt::Debug for $strong<T, H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (**self).fmt(f)
            }
        }

        impl<T: Persist, H: HeapType> fmt::Debug for $weak<T, H> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!("(", stringify!($weak), ")"))
            }
        }

        impl<T: Persist + PartialEq, H: HeapType> PartialEq for $strong<T, H> {
            fn eq(&self, other: &Self) -> bool {
                **self == **other
            }
        }

        impl<T: Persist + Eq, H: HeapType> Eq for $strong<T, H> {}

        // SAFETY: an offset of a block that the inspector compares with what is allocated, with its other owners, and with
        // how many of them it counts; the value is inspected once.
        unsafe impl<T: Persist, H: HeapType> Persist for $strong<T, H> {
            type In<'h> = $strong<T::In<'h>, H::In<'h>>;
            const NICHE: Niche = Niche::not_zero(8);

            fn name(layouts: &mut Layouts) -> String {
                layouts.holds::<H>();
                format!(concat!(stringify!($strong), "<{}>"), layouts.name_of::<T>())
            }

            fn describe(parts: &mut Parts<'_>) {
                parts.owns::<T>();
                parts.remark(&format!("value at +{} of its block", offset_of!(Counted<T>, value)));
            }

            unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
                let one = Owners { strong: 1, weak: 0 };
                // SAFETY: the caller's promise.
                unsafe { inspect::<T>(at.cast(), one, TypeId::of::<$counting>(), inspector) }
            }
        }

        // SAFETY: as above; a value that counts no owner was dropped, and is not inspected.
        unsafe impl<T: Persist, H: HeapType> Persist for $weak<T, H> {
            type In<'h> = $weak<T::In<'h>, H::In<'h>>;
            const NICHE: Niche = Niche::not_zero(8);

            fn name(layouts: &mut Layouts) -> String {
                layouts.holds::<H>();
                format!(concat!(stringify!($weak), "<{}>"), layouts.name_of::<T>())
            }

            fn describe(parts: &mut Parts<'_>) {
                parts.owns::<T>();
                parts.remark(&format!("value at +{} of its block", offset_of!(Counted<T>, value)));
            }

            unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
                let one = Owners { strong: 0, weak: 1 };
                // SAFETY: the caller's promise.
                unsafe { inspect::<T>(at.cast(), one, TypeId::of::<$counting>(), inspector) }
            }
        }
    };
}

/// Inspects one owner of a counted value.
///
/// # Safety
/// `at` is aligned to 8, 8 bytes can be read there, and nobody writes meanwhile.
unsafe fn inspect<T: Persist>(
    at: *const u64,
    one: Owners,
    kind: TypeId,
    inspector: &mut Inspector<'_>,
) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    let offset = unsafe { at.read() };
    let layout = Layout::new::<Counted<T>>();
    let kind = (TypeId::of::<T::In<'static>>(), kind);
    // SAFETY: a block of this layout begins with its counts.
    let (block, is_first) = unsafe { inspector.share::<T>(at.cast(), offset, layout, kind, one, counts) }?;
    // SAFETY: as above.
    let is_there = unsafe { counts(block.as_ptr()) }.strong > 0;
    if is_first && is_there {
        // SAFETY: inside of the block.
        let value = unsafe { block.byte_add(offset_of!(Counted<T>, value)) };
        // SAFETY: the block was just asked for.
        unsafe { inspector.look_into::<T>(value.as_ptr().cast(), 1) };
    }
    Ok(())
}

counted!(PRc, PWeak, Plain, *const T,
    /// A value in a heap with several owners, of one thread at a time, as `Rc` is one in the process's: 8 bytes.
    ///
    /// Another owner is made by [`share`](PRc::share), with the token; there is no `clone`, because a `read` could do that while
    /// a commit captures the counts.
    ///
    /// ```
    /// use outlive::typed::PRc;
    ///
    /// outlive::heap!(struct DocHeap);
    ///
    /// let store = DocHeap::in_memory::<(PRc<u64, DocHeap>, Option<PRc<u64, DocHeap>>)>(|heap| (PRc::new_in(7, heap), None))?;
    /// store.write(|(first, second), heap| *second = Some(PRc::share(first, heap)))?;
    /// assert_eq!(store.read(|(first, _)| (**first, PRc::strong_count(first)))?, (7, 2));
    /// # Ok::<(), outlive::Error>(())
    /// ```
);

counted!(PArc, PArcWeak, Atomic, T,
    /// A value in a heap with several owners, of any number of threads, as `Arc` is one in the process's: 8 bytes.
    ///
    /// Another owner is made by [`share`](PArc::share), with the token; there is no `clone`, because a `read` could do that while
    /// a commit captures the counts.
);
