//! What a pointer into a heap may point at: values, slices of them, and text.

use core::alloc::Layout;
use core::fmt;
use core::hash::Hash;
use core::ptr::NonNull;

use super::inspect::{Fault, Inspector};
use super::layouts::Layouts;
use super::persist::{Order, Persist};

/// A type that a pointer into a heap can point at: a [`Persist`] type, a slice of one, or `str`.
///
/// # Safety
/// As of [`Persist`], for the values in a block of [`layout`](Target::layout).
#[diagnostic::on_unimplemented(
    message = "a pointer into a heap cannot point at `{Self}`",
    label = "has no meaning in the next run",
    note = "trait objects find their functions through addresses, which are others in each run: use an enum of the types",
    note = "sized types are let in by `#[derive(outlive::Persist)]`; slices of them and `str` are as well"
)]
pub unsafe trait Target {
    /// The same type in another access to its heap.
    type In<'h>: ?Sized + Target + 'h;

    /// What a pointer says beside the place: nothing, or a length.
    type Meta: Copy + Eq + Ord + Hash + fmt::Debug + Persist + Send + Sync + Unpin;

    /// Whether bytes of the values can change through a shared reference.
    const SCANNED: bool;

    /// How values are ordered, if an inspection may ask; see [`Persist::order`].
    #[must_use]
    fn order() -> Option<Order<Self>> {
        None
    }

    /// How large it is; `None` for more than can be.
    fn layout(meta: Self::Meta) -> Option<Layout>;

    /// What a pointer to this value says beside the place.
    fn meta(&self) -> Self::Meta;

    /// The pointer to what begins here.
    fn pointer(start: NonNull<u8>, meta: Self::Meta) -> NonNull<Self>;

    /// The type's name; see [`Persist::name`].
    fn name(layouts: &mut Layouts) -> String;

    /// Inspects the values in a block, after the value that owns it.
    ///
    /// # Errors
    /// A [`Fault`] of the bytes, if they are looked at at once.
    ///
    /// # Safety
    /// The block was just asked for, with `layout(meta)`, and nobody writes meanwhile.
    unsafe fn look_into(
        start: NonNull<u8>,
        meta: Self::Meta,
        inspector: &mut Inspector<'_>,
    ) -> Result<(), Fault>;
}

// SAFETY: as for the type itself.
unsafe impl<T: Persist> Target for T {
    type In<'h> = T::In<'h>;
    type Meta = ();
    const SCANNED: bool = T::SCANNED;

    fn layout((): ()) -> Option<Layout> {
        Some(Layout::new::<T>())
    }

    fn meta(&self) {}

    fn pointer(start: NonNull<u8>, (): ()) -> NonNull<Self> {
        start.cast()
    }

    fn name(layouts: &mut Layouts) -> String {
        layouts.name_of::<T>()
    }

    unsafe fn look_into(start: NonNull<u8>, (): (), inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise.
        unsafe { inspector.look_into::<T>(start.as_ptr().cast(), 1) };
        Ok(())
    }
}

fn length(meta: u64) -> usize {
    usize::try_from(meta).unwrap_or(usize::MAX)
}

// SAFETY: as for the type of the elements, each of which is inspected.
unsafe impl<T: Persist> Target for [T] {
    type In<'h> = [T::In<'h>];
    type Meta = u64;
    const SCANNED: bool = T::SCANNED;

    fn layout(meta: u64) -> Option<Layout> {
        Layout::array::<T>(usize::try_from(meta).ok()?).ok()
    }

    fn meta(&self) -> u64 {
        self.len() as u64
    }

    fn pointer(start: NonNull<u8>, meta: u64) -> NonNull<Self> {
        NonNull::slice_from_raw_parts(start.cast(), length(meta))
    }

    fn name(layouts: &mut Layouts) -> String {
        format!("[{}]", layouts.name_of::<T>())
    }

    unsafe fn look_into(start: NonNull<u8>, meta: u64, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        // SAFETY: the caller's promise.
        unsafe { inspector.look_into::<T>(start.as_ptr().cast(), length(meta)) };
        Ok(())
    }
}

// SAFETY: text is bytes, of which is seen that they are UTF-8.
unsafe impl Target for str {
    type In<'h> = str;
    type Meta = u64;
    const SCANNED: bool = false;

    fn order() -> Option<Order<Self>> {
        Some(Ord::cmp)
    }

    fn layout(meta: u64) -> Option<Layout> {
        <[u8]>::layout(meta)
    }

    fn meta(&self) -> u64 {
        self.len() as u64
    }

    fn pointer(start: NonNull<u8>, meta: u64) -> NonNull<Self> {
        let bytes = <[u8]>::pointer(start, meta);
        // A pointer to text is one to its bytes.
        #[allow(clippy::as_conversions, reason = "there is no other way between the two")]
        let text = bytes.as_ptr() as *mut str;
        // SAFETY: the same address.
        unsafe { NonNull::new_unchecked(text) }
    }

    fn name(_: &mut Layouts) -> String {
        String::from("str")
    }

    unsafe fn look_into(start: NonNull<u8>, meta: u64, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
        let bytes = <[u8]>::pointer(start, meta);
        // SAFETY: the caller's promise; any bytes are bytes.
        let found = core::str::from_utf8(unsafe { bytes.as_ref() });
        found.map(drop).map_err(|error| inspector.fault(start.as_ptr(), error.to_string()))
    }
}
