//! Pointers into a heap that mean the same in every run.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::num::NonZeroU64;
use core::ptr::NonNull;

use super::heap_type::HeapType;
use super::inspect::{Fault, Inspector};
use super::layouts::Layouts;
use super::niche::Niche;
use super::persist::Persist;
use super::target::Target;
use crate::handle::Heap;
use crate::units::Offset;

/// Stands in a [`PPtr`] for a heap that is found at run time: `heap.get(pointer)`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Untyped;

/// A pointer into a heap: an offset from the heap's base, of 8 bytes, and a length for slices and text.
///
/// It does not own what it points at, and does not keep it from being dropped or moved away; that is why it takes `unsafe` to
/// follow it. It is for what would be a raw pointer or an index: back references, nodes of lists. There are no casts: an
/// offset that is taken for one of another type would be believed by the next run.
///
/// `Option<PPtr<T, H>>` is as small. `H` is the type of the heap, which [`heap!`](crate::heap) defines, or [`Untyped`]: then
/// it is followed by [`Heap::get`].
///
/// ```
/// use outlive::typed::{PBox, PPtr};
///
/// outlive::heap!(struct DocHeap);
///
/// let store = DocHeap::in_memory::<PBox<u64, DocHeap>>(|heap| PBox::new_in(7, heap))?;
/// let seen = store.read(|number| {
///     let pointer: PPtr<u64, _> = PBox::as_ptr(number);
///     // SAFETY: the box is there, and nobody changes it during a `read`.
///     unsafe { *pointer.get() }
/// })?;
/// assert_eq!(seen, 7);
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(C)]
pub struct PPtr<T: ?Sized + Target, H = Untyped> {
    at: NonZeroU64,
    meta: T::Meta,
    heap: H,
    to: PhantomData<T>,
}

impl<T: ?Sized + Target, H: Copy> PPtr<T, H> {
    pub(super) fn from_parts(at: NonZeroU64, meta: T::Meta, heap: H) -> Self {
        Self { at, meta, heap, to: PhantomData }
    }

    pub(super) fn parts(self) -> (NonZeroU64, T::Meta, H) {
        (self.at, self.meta, self.heap)
    }

    /// Where it points.
    #[must_use]
    pub fn offset(self) -> Offset {
        Offset::from(self.at)
    }

    /// What it points at begins at this offset.
    #[must_use]
    pub fn new(offset: Offset, meta: T::Meta, heap: H) -> Self {
        Self::from_parts(offset.into(), meta, heap)
    }
}

impl<T: ?Sized + Target, H: HeapType> PPtr<T, H> {
    /// Where it points in this run.
    #[inline]
    #[must_use]
    pub fn as_non_null(self) -> NonNull<T> {
        resolve(self.at, self.meta, self.heap)
    }

    /// What it points at.
    ///
    /// # Safety
    /// A value of the type lies there, which is not dropped, moved away or changed as long as the reference is used.
    #[inline]
    #[must_use]
    pub unsafe fn get<'a>(self) -> &'a T
    where
        H: 'a,
    {
        // SAFETY: the caller's promise.
        unsafe { self.as_non_null().as_ref() }
    }

    /// What it points at, to be changed: notes it for the next commit.
    ///
    /// # Safety
    /// As for [`PPtr::get`], within a `write` or an `update`, and nobody else uses the value meanwhile.
    #[inline]
    #[must_use]
    pub unsafe fn get_mut<'a>(self) -> &'a mut T
    where
        H: 'a,
    {
        let mut pointer = self.as_non_null();
        // SAFETY: the caller's promise.
        let value = unsafe { pointer.as_mut() };
        self.heap.note(pointer.as_ptr().cast(), size_of_val(value));
        value
    }
}

/// The place in this run. What has no size lies nowhere.
#[inline]
pub(super) fn resolve<T: ?Sized + Target, H: HeapType>(at: NonZeroU64, meta: T::Meta, heap: H) -> NonNull<T> {
    #[allow(clippy::cast_possible_truncation, reason = "an offset into memory of this process")]
    let start = heap.base().as_ptr().wrapping_add(at.get() as usize);
    // SAFETY: a heap does not reach to the end of the address space, and offsets are less than its length; an offset that is
    // not from the heap is not followed.
    T::pointer(unsafe { NonNull::new_unchecked(start) }, meta)
}

impl Heap {
    /// The pointer to a value in a block of this heap; `None` outside of its pages.
    pub fn pointer_to<T: ?Sized + Target>(&self, value: &T) -> Option<PPtr<T>> {
        let offset = self.offset_of(NonNull::from(value).cast())?;
        Some(PPtr::new(offset, value.meta(), Untyped))
    }

    /// What a pointer points at in this heap, wherever that lies in this run.
    ///
    /// ```
    /// # let heap = outlive::Heap::in_memory()?;
    /// use allocator_api2::boxed::Box;
    ///
    /// let number = Box::new_in(7_u64, &heap);
    /// let pointer = heap.pointer_to(&*number).unwrap();
    /// // SAFETY: the box is there, and not changed.
    /// assert_eq!(unsafe { *heap.get(pointer) }, 7);
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Safety
    /// The pointer was made for this heap, in this run or another, and a value of the type lies there now, which is not
    /// dropped, moved away or changed as long as the reference is used.
    pub unsafe fn get<T: ?Sized + Target>(&self, pointer: PPtr<T>) -> &T {
        #[allow(clippy::cast_possible_truncation, reason = "an offset into memory of this process")]
        let start = self.base().as_ptr().wrapping_add(pointer.at.get() as usize);
        // SAFETY: a heap does not reach to the end of the address space.
        let start = unsafe { NonNull::new_unchecked(start) };
        // SAFETY: the caller's promise.
        unsafe { T::pointer(start, pointer.meta).as_ref() }
    }
}

impl<T: ?Sized + Target, H: Copy> Clone for PPtr<T, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ?Sized + Target, H: Copy> Copy for PPtr<T, H> {}

impl<T: ?Sized + Target, H> PartialEq for PPtr<T, H> {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.meta) == (other.at, other.meta)
    }
}

impl<T: ?Sized + Target, H> Eq for PPtr<T, H> {}

impl<T: ?Sized + Target, H> PartialOrd for PPtr<T, H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: ?Sized + Target, H> Ord for PPtr<T, H> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.meta).cmp(&(other.at, other.meta))
    }
}

impl<T: ?Sized + Target, H> Hash for PPtr<T, H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        (self.at, self.meta).hash(state);
    }
}

impl<T: ?Sized + Target, H> fmt::Debug for PPtr<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PPtr({:?})", Offset::from(self.at))
    }
}

// SAFETY: an offset, which is followed by `unsafe` code only; so any but 0 is a value, of any type.
unsafe impl<T: ?Sized + Target, H: HeapType> Persist for PPtr<T, H> {
    type In<'h> = PPtr<T::In<'h>, H::In<'h>>;
    const NICHE: Niche = Niche::not_zero(8);

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        format!("PPtr<{}>", T::name(layouts))
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise.
        if unsafe { at.cast::<u64>().read() } != 0 {
            return Ok(());
        }
        Err(inspector.fault(at, "a pointer is not 0"))
    }
}
