//! Ordinary collections in heaps that are only ever open at one address: `Vec` and `Box` of allocator-api2, and with the feature
//! `nightly` those of the standard library. Where both put their words in the same places they have the same layout, and each
//! reads what the other wrote.
//!
//! They hold plain addresses, and note nothing: their blocks are of the heap's scanned part. Where in a `Vec` its three words
//! lie is for its crate and the compiler to choose; it is found out by making one whose words are known, and described, so that
//! another build's choice is another layout.

use core::alloc::Layout;
use core::mem::ManuallyDrop;
use core::num::NonZero;
use core::ptr::NonNull;

use super::heap_type::HeapType;
use super::inspect::{Fault, Inspector};
use super::layouts::{Layouts, Parts};
use super::niche::Niche;
use super::persist::Persist;
pub use allocator_api2::alloc::{AllocError, Allocator};

/// A heap type whose heap is only ever open at the address at which it was made: `heap!(struct ShopHeap, fixed)`.
///
/// ```
/// # #![cfg_attr(feature = "nightly", feature(allocator_api))]
/// use allocator_api2::vec::Vec;
///
/// outlive::heap!(struct NumberHeap, fixed);
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-fixed-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("number.heap");
/// let numbers = NumberHeap::open::<Vec<u64, NumberHeap>>(&path, |heap| Vec::new_in(heap))?;
/// numbers.write(|numbers, _| numbers.extend(1..=100))?;
/// numbers.persist()?;
/// numbers.close()?;
///
/// let numbers = NumberHeap::open::<Vec<u64, NumberHeap>>(&path, |_| unreachable!())?;
/// assert_eq!(numbers.read(|numbers| numbers.iter().sum::<u64>())?, 5050);
/// # drop(numbers);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// # Safety
/// A heap under this type is refused where it would lie at another address than the one at which it was made. As an allocator
/// it hands out blocks of [`HeapType::allocate_scanned`].
#[diagnostic::on_unimplemented(
    message = "a heap under `{Self}` can be open at any address",
    label = "holds addresses, which mean nothing there",
    note = "define the heap as `heap!(struct ShopHeap, fixed)`, or use `PVec` and `PBox`"
)]
pub unsafe trait Fixed: HeapType + Allocator + Standard {
    /// The same heap in another access.
    type FixedIn<'h>: Fixed + 'h;
}

/// An allocator by the standard library's trait as well, with the feature `nightly`; without it, anything.
#[cfg(feature = "nightly")]
pub trait Standard: std::alloc::Allocator {}

/// An allocator by the standard library's trait as well, with the feature `nightly`; without it, anything.
#[cfg(not(feature = "nightly"))]
pub trait Standard {}

#[cfg(feature = "nightly")]
impl<H: std::alloc::Allocator> Standard for H {}

#[cfg(not(feature = "nightly"))]
impl<H> Standard for H {}

/// Makes a heap type an allocator by one of the traits by that name.
#[doc(hidden)]
#[macro_export]
macro_rules! __fixed_allocator {
    ($name:ident, $($path:tt)*) => {
        const _: () = {
            use ::core::alloc::Layout;
            use ::core::ptr::NonNull;
            use ::core::result::Result;
            use $crate::typed::fixed;
            use $($path)*::{AllocError, Allocator};

            // SAFETY: a block stays where it is until it is given back, and all tokens of the type are the same heap, which is
            // open as long as there are tokens.
            unsafe impl Allocator for $name<'_> {
                fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
                    fixed::allocate(*self, layout).map_err(|_| AllocError)
                }

                unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
                    // SAFETY: the trait's contract is the same.
                    unsafe { fixed::deallocate(*self, block, layout) }
                }
            }
        };
    };
}

/// The same by the standard library's trait, where there is one.
#[cfg(feature = "nightly")]
#[doc(hidden)]
#[macro_export]
macro_rules! __fixed_standard {
    ($name:ident) => {
        $crate::__fixed_allocator!($name, ::std::alloc);
    };
}

/// The same by the standard library's trait, where there is one.
#[cfg(not(feature = "nightly"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __fixed_standard {
    ($name:ident) => {};
}

/// A block for a collection.
///
/// # Errors
/// [`AllocError`].
pub fn allocate<H: HeapType>(heap: H, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
    if layout.size() == 0 {
        let align = NonZero::new(layout.align()).unwrap_or(NonZero::<usize>::MIN);
        return Ok(NonNull::slice_from_raw_parts(NonNull::without_provenance(align), 0));
    }
    let block = heap.allocate_scanned(layout).map_err(|_| AllocError)?;
    Ok(NonNull::slice_from_raw_parts(block, layout.size()))
}

/// Takes back a block of a collection.
///
/// # Safety
/// It came from [`allocate`] with this layout, and is used no more.
pub unsafe fn deallocate<H: HeapType>(heap: H, block: NonNull<u8>, layout: Layout) {
    if layout.size() > 0 {
        // SAFETY: the caller's promise.
        unsafe { heap.deallocate_scanned(block, layout) };
    }
}

/// The numbers of the words of a vector in which address, length and capacity lie.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Words {
    address: usize,
    len: usize,
    capacity: usize,
}

/// What a known vector has for its words; no type is aligned to so much.
const LEN: usize = (1 << 40) + 1;
const CAPACITY: usize = (1 << 40) + 2;

impl Words {
    /// Those of a vector whose elements lie at `address`, and which has `LEN` and `CAPACITY`, or for elements without size a
    /// capacity of its own choice.
    fn of(words: [usize; 3], address: usize) -> Self {
        let place = |word: usize| words.iter().position(|found| *found == word).unwrap_or(0);
        let (address, len) = (place(address), place(LEN));
        Self { address, len, capacity: 3 - address - len }
    }
}

/// Lets the vectors and boxes of a library live in such heaps.
macro_rules! ordinary {
    ($vec:path, $box:path) => {
        const _: () = {
            use $box as Box;
            use $vec as Vec;

            /// Where the words of a vector are.
            fn words<T, H: Fixed>() -> Words {
                const { assert!(size_of::<Vec<T, H>>() == 3 * size_of::<usize>(), "a vector is three words") };
                // SAFETY: a heap type has no size, and this one is not used.
                let heap = unsafe { NonNull::<H>::dangling().read() };
                let start = NonNull::<T>::dangling().as_ptr();
                // SAFETY: it is never dropped or used: only its words are looked at.
                let known = ManuallyDrop::new(unsafe { Vec::from_raw_parts_in(start, LEN, CAPACITY, heap) });
                // SAFETY: three words without gaps, for there are no more bytes; an address is looked at as a number.
                let words = unsafe { (&raw const known).cast::<[usize; 3]>().read() };
                Words::of(words, start.addr())
            }

            // SAFETY: three words, which are compared with what is allocated; the elements are inspected. The heap lies where it did, so the
            // address is right. The words change by way of exclusive references only, and the elements are in the scanned part.
            unsafe impl<T: Persist, H: Fixed> Persist for Vec<T, H> {
                type In<'h> = Vec<T::In<'h>, H::FixedIn<'h>>;

                fn name(layouts: &mut Layouts) -> String {
                    layouts.holds::<H>();
                    format!("Vec<{}>", layouts.name_of::<T>())
                }

                fn describe(parts: &mut Parts<'_>) {
                    parts.owns::<T>();
                    let Words { address, len, capacity } = words::<T, H>();
                    parts.remark(&format!("words {address}, {len}, {capacity}: address, length, capacity"));
                }

                unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
                    let words = words::<T, H>();
                    // SAFETY: the caller's promise; any bytes are numbers.
                    let found = unsafe { at.cast::<[usize; 3]>().read() };
                    let (address, len, capacity) = (found[words.address], found[words.len], found[words.capacity]);
                    if address == 0 || !address.is_multiple_of(align_of::<T>()) {
                        return Err(inspector.fault(at, format!("{address:#x} is no address of a vector's elements")));
                    }
                    let room = if size_of::<T>() == 0 { usize::MAX } else { capacity };
                    if len > room {
                        return Err(inspector.fault(at, format!("a vector with room for {capacity} does not have {len}")));
                    }
                    let layout = Layout::array::<T>(capacity).ok();
                    // The standard library's have no other capacity, whatever the elements are.
                    let layout = layout.filter(|_| capacity <= isize::MAX.cast_unsigned());
                    let layout =
                        layout.ok_or_else(|| inspector.fault(at, format!("no vector has room for {capacity}")))?;
                    if layout.size() == 0 {
                        return Ok(());
                    }
                    let start = inspector.own_scanned(at, inspector.offset_of(address), layout)?;
                    // SAFETY: the block was just asked for, and has room for more.
                    unsafe { inspector.look_into::<T>(start.as_ptr().cast(), len) };
                    Ok(())
                }
            }

            // SAFETY: an address, which is compared with what is allocated; the value is inspected. As for vectors.
            unsafe impl<T: Persist, H: Fixed> Persist for Box<T, H> {
                type In<'h> = Box<T::In<'h>, H::FixedIn<'h>>;
                const NICHE: Niche = Niche::not_zero(size_of::<usize>());

                fn name(layouts: &mut Layouts) -> String {
                    layouts.holds::<H>();
                    format!("Box<{}>", layouts.name_of::<T>())
                }

                fn describe(parts: &mut Parts<'_>) {
                    parts.owns::<T>();
                }

                unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
                    const { assert!(size_of::<Self>() == size_of::<usize>(), "a box is an address") };
                    // SAFETY: the caller's promise; any bytes are a number.
                    let address = unsafe { at.cast::<usize>().read() };
                    if address == 0 || !address.is_multiple_of(align_of::<T>()) {
                        return Err(inspector.fault(at, format!("{address:#x} is no address of a box's value")));
                    }
                    if size_of::<T>() == 0 {
                        return Ok(());
                    }
                    let start = inspector.own_scanned(at, inspector.offset_of(address), Layout::new::<T>())?;
                    // SAFETY: the block was just asked for.
                    unsafe { inspector.look_into::<T>(start.as_ptr().cast(), 1) };
                    Ok(())
                }
            }
        };
    };
}

ordinary!(allocator_api2::vec::Vec, allocator_api2::boxed::Box);
#[cfg(feature = "nightly")]
ordinary!(std::vec::Vec, std::boxed::Box);
