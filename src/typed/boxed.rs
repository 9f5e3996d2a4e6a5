//! A value that owns its block in a heap.

use core::alloc::Layout;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::mem::{self, ManuallyDrop};
use core::num::NonZeroU64;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

use super::block;
use super::heap_type::HeapType;
use super::inspect::{Fault, Inspector};
use super::layouts::Layouts;
use super::niche::Niche;
use super::persist::{Order, Persist};
use super::pointer::PPtr;
use super::target::Target;
use crate::handle::AllocError;

/// A value in a heap of its own, as `Box` is one in the process's: 8 bytes, and as many for a slice's or text's length.
///
/// `Option<PBox<T, H>>` is as large. Borrowing the value to change it notes its bytes for the next commit.
///
/// ```
/// use outlive::typed::PBox;
///
/// outlive::heap!(struct DocHeap);
/// type Text<'h> = PBox<str, DocHeap<'h>>;
///
/// let store = DocHeap::in_memory::<Text>(|heap| PBox::str_in("tea", heap))?;
/// store.write(|text, heap| {
///     text.make_ascii_uppercase();
///     assert_eq!(**text, *"TEA");
///     *text = PBox::str_in("coffee", heap);
/// })?;
/// assert_eq!(store.read(|text| text.len())?, 6);
/// # Ok::<(), outlive::Error>(())
/// ```
#[repr(C)]
pub struct PBox<T: ?Sized + Target, H: HeapType> {
    at: NonZeroU64,
    meta: T::Meta,
    heap: H,
    owns: PhantomData<T>,
}

impl<T: Persist, H: HeapType> PBox<T, H> {
    /// Moves a value into the heap.
    ///
    /// # Panics
    /// Where the heap has no memory for it; within a `write` that makes the heap suspect. [`PBox::try_new_in`] says so instead.
    #[must_use]
    pub fn new_in(value: T, heap: H) -> Self {
        Self::try_new_in(value, heap).unwrap_or_else(|_| block::no_memory(Layout::new::<T>()))
    }

    /// Moves a value into the heap.
    ///
    /// # Errors
    /// [`AllocError`] where the heap has no memory for it; the value is dropped then.
    pub fn try_new_in(value: T, heap: H) -> Result<Self, AllocError> {
        let (block, at) = block::allocate::<T, H>(Layout::new::<T>(), heap)?;
        // SAFETY: a fresh block of the type's layout.
        unsafe { block.cast().write(value) };
        Ok(Self { at, meta: (), heap, owns: PhantomData })
    }

    /// Moves the value out, and frees its block.
    #[must_use]
    pub fn into_inner(this: Self) -> T {
        let this = ManuallyDrop::new(this);
        // SAFETY: the value is the box's, which is not dropped.
        let value = unsafe { this.pointer().read() };
        // SAFETY: the block is the box's, and nothing is in it any more.
        unsafe { block::free::<T, H>(this.at, Layout::new::<T>(), this.heap) };
        value
    }
}

impl<T: Persist, H: HeapType> PBox<[T], H> {
    /// Moves values into the heap, one behind the other.
    ///
    /// # Panics
    /// Where the heap has no memory for them, or the iterator is not as long as it says.
    #[must_use]
    pub fn from_iter_in<I>(values: I, heap: H) -> Self
    where
        I: IntoIterator<Item = T>,
        I::IntoIter: ExactSizeIterator,
    {
        let mut values = values.into_iter();
        let len = values.len();
        let layout = Layout::array::<T>(len).unwrap_or_else(|_| block::no_memory(Layout::new::<T>()));
        let (block, at) = block::allocate::<T, H>(layout, heap).unwrap_or_else(|_| block::no_memory(layout));
        let mut filling = Filling { block: block.cast::<T>(), filled: 0, at, layout, heap };
        while filling.filled < len {
            let value = values.next().expect("an iterator is as long as it says");
            // SAFETY: the block has room for `len` values.
            let place = unsafe { filling.block.add(filling.filled) };
            // SAFETY: as above.
            unsafe { place.write(value) };
            filling.filled += 1;
        }
        mem::forget(filling);
        Self { at, meta: len as u64, heap, owns: PhantomData }
    }
}

/// Values that are put into a block; dropped with it if that breaks off.
struct Filling<T: Persist, H: HeapType> {
    block: NonNull<T>,
    filled: usize,
    at: NonZeroU64,
    layout: Layout,
    heap: H,
}

impl<T: Persist, H: HeapType> Drop for Filling<T, H> {
    fn drop(&mut self) {
        // SAFETY: so many values were written.
        unsafe { NonNull::slice_from_raw_parts(self.block, self.filled).drop_in_place() };
        // SAFETY: allocated with this layout, and used no more.
        unsafe { block::free::<T, H>(self.at, self.layout, self.heap) };
    }
}

impl<H: HeapType> PBox<str, H> {
    /// Copies text into the heap.
    ///
    /// # Panics
    /// Where the heap has no memory for it.
    #[must_use]
    pub fn str_in(text: &str, heap: H) -> Self {
        Self::try_str_in(text, heap).unwrap_or_else(|_| block::no_memory(Layout::for_value(text)))
    }

    /// Copies text into the heap.
    ///
    /// # Errors
    /// [`AllocError`] where the heap has no memory for it.
    pub fn try_str_in(text: &str, heap: H) -> Result<Self, AllocError> {
        let (block, at) = block::allocate::<str, H>(Layout::for_value(text), heap)?;
        // SAFETY: a fresh block of so many bytes.
        unsafe { block.copy_from_nonoverlapping(NonNull::from(text).cast(), text.len()) };
        Ok(Self { at, meta: text.len() as u64, heap, owns: PhantomData })
    }
}

impl<T: ?Sized + Target, H: HeapType> PBox<T, H> {
    fn layout(&self) -> Layout {
        // A box was made with a layout.
        T::layout(self.meta).unwrap_or(Layout::new::<()>())
    }

    #[inline]
    fn pointer(&self) -> NonNull<T> {
        T::pointer(block::at(self.at, self.layout(), self.heap), self.meta)
    }

    /// A pointer to the value, which does not keep it there.
    #[must_use]
    pub fn as_ptr(this: &Self) -> PPtr<T, H> {
        PPtr::from_parts(this.at, this.meta, this.heap)
    }

    /// Gives up the block; it stays allocated until a box is made of the pointer again.
    #[must_use]
    pub fn into_ptr(this: Self) -> PPtr<T, H> {
        let this = ManuallyDrop::new(this);
        Self::as_ptr(&this)
    }

    /// Owns a value again that [`PBox::into_ptr`] gave up.
    ///
    /// # Safety
    /// The pointer came from `into_ptr`, in this run or an earlier one, and nothing was made of it since.
    #[must_use]
    pub unsafe fn from_ptr(pointer: PPtr<T, H>) -> Self {
        let (at, meta, heap) = pointer.parts();
        Self { at, meta, heap, owns: PhantomData }
    }
}

impl<T: ?Sized + Target, H: HeapType> Deref for PBox<T, H> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the value is the box's.
        unsafe { self.pointer().as_ref() }
    }
}

impl<T: ?Sized + Target, H: HeapType> DerefMut for PBox<T, H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        let mut pointer = self.pointer();
        self.heap.note(pointer.as_ptr().cast(), self.layout().size());
        // SAFETY: the value is the box's, which is borrowed for as long.
        unsafe { pointer.as_mut() }
    }
}

impl<T: ?Sized + Target, H: HeapType> Drop for PBox<T, H> {
    fn drop(&mut self) {
        /// Frees the block although the value's drop panics.
        struct Free<T: ?Sized + Target, H: HeapType>(NonZeroU64, Layout, H, PhantomData<T>);

        impl<T: ?Sized + Target, H: HeapType> Drop for Free<T, H> {
            fn drop(&mut self) {
                // SAFETY: the block was the box's.
                unsafe { block::free::<T, H>(self.0, self.1, self.2) };
            }
        }

        let _free = Free(self.at, self.layout(), self.heap, PhantomData::<T>);
        // SAFETY: the value is the box's, and used no more.
        unsafe { self.pointer().drop_in_place() };
    }
}

impl<T: ?Sized + Target + fmt::Debug, H: HeapType> fmt::Debug for PBox<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + Target + fmt::Display, H: HeapType> fmt::Display for PBox<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + Target + PartialEq, H: HeapType> PartialEq for PBox<T, H> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Target + Eq, H: HeapType> Eq for PBox<T, H> {}

impl<T: ?Sized + Target + PartialOrd, H: HeapType> PartialOrd for PBox<T, H> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (**self).partial_cmp(&**other)
    }
}

impl<T: ?Sized + Target + Ord, H: HeapType> Ord for PBox<T, H> {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl<T: ?Sized + Target + Hash, H: HeapType> Hash for PBox<T, H> {
    fn hash<S: Hasher>(&self, state: &mut S) {
        (**self).hash(state);
    }
}

// SAFETY: an offset and a length, both of which are compared with what is allocated there; the value is inspected.
unsafe impl<T: ?Sized + Target, H: HeapType> Persist for PBox<T, H> {
    type In<'h> = PBox<T::In<'h>, H::In<'h>>;
    const NICHE: Niche = Niche::not_zero(8);

    fn order() -> Option<Order<Self>> {
        T::order()?;
        Some(|one, other| T::order().map_or(Ordering::Equal, |order| order(one, other)))
    }

    fn name(layouts: &mut Layouts) -> String {
        layouts.holds::<H>();
        format!("PBox<{}>", T::name(layouts))
    }

    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise; any bytes are a number.
        let offset = unsafe { at.cast::<u64>().read() };
        // SAFETY: inside of the box.
        let meta = unsafe { &raw const (*at).meta };
        // SAFETY: the caller's promise; a length, or nothing.
        let meta = unsafe { meta.read() };
        let layout =
            T::layout(meta).ok_or_else(|| inspector.fault(at, format!("no value has {meta:?} elements")))?;
        if offset == 0 {
            return Err(inspector.fault(at, "an owner of a value does not have offset 0"));
        }
        if layout.size() == 0 {
            return Ok(());
        }
        let start = inspector.own_by::<_, T>(at, offset, layout)?;
        // SAFETY: just asked for.
        unsafe { T::look_into(start, meta, inspector) }
    }
}
