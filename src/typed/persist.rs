//! What may live in a heap across runs.

use core::cmp::Ordering;

use super::inspect::{Fault, Inspector};
use super::layouts::{Layouts, Parts};
use super::niche::Niche;

/// How values of a type are ordered.
pub type Order<T> = fn(&T, &T) -> Ordering;

/// A type whose values may live in a heap across runs, as part of a root or in memory that a root owns.
///
/// It is implemented for numbers, `bool`, `char`, arrays, tuples, `Option`, `PhantomData`, atomics, `NonZero`, `Duration` and
/// the types of this crate that own memory of a heap; `#[derive(Persist)]` does it for structs and enums of such types
/// (feature `derive`).
///
/// ```
/// use outlive::{PString, PVec, Persist};
///
/// outlive::heap!(struct ShopHeap);
///
/// #[derive(Persist)]
/// struct Shop<'h> {
///     name: PString<ShopHeap<'h>>,
///     items: PVec<Item, ShopHeap<'h>>,
/// }
///
/// #[derive(Persist)]
/// #[repr(u8)]
/// enum Item {
///     Tea { grams: u32 },
///     Cup,
/// }
///
/// let shop = ShopHeap::in_memory::<Shop>(|heap| Shop {
///     name: PString::from_str_in("tea shop", heap),
///     items: PVec::from_iter_in([Item::Cup, Item::Tea { grams: 100 }], heap),
/// })?;
/// let grams = shop.read(|shop| {
///     shop.items.iter().map(|item| if let Item::Tea { grams } = item { *grams } else { 0 }).sum::<u32>()
/// })?;
/// assert_eq!(grams, 100);
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// # Other compilers
/// A root opens for programs in which its types have the same layout, and is refused by others, which show both layouts. Two
/// builds by one compiler agree. Builds by two compilers agree on structs with `#[repr(C)]`, and on `Option`s of what is not a
/// `bool`, a `char`, an enum or a `Duration`: put a heap that is to be read after a change of the compiler together of these.
///
/// # Safety
/// - A value means the same in every run: it has no address, no descriptor, no thread and nothing else of a process in it,
///   and refers to memory of its heap only by offsets. All memory that it owns is its heap's.
/// - `In<'h>` is the same type, with the same layout, but for lifetimes of heap types.
/// - `name` and `describe` tell types apart between which bytes must not go over from one run to the next: different sizes,
///   places, meanings or rules for the values have a different description.
/// - `name` has told of every heap type of which the type has a value ([`Layouts::holds`]), or calls the `name` of the types
///   that do ([`Layouts::name_of`], [`Parts::field`], [`Parts::owns`]).
/// - `inspect` returns `Ok` only for bytes that are a value of the type, and has told the inspector of every block that the
///   value owns.
/// - `SCANNED` is true if bytes of the value itself can change through a shared reference.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot live in a heap across runs",
    label = "has no meaning in the next run, or owns memory outside of the heap",
    note = "instead of `Box`, `Rc`, `Arc`, `String`, `Vec`, `HashMap`, `BTreeMap` and the like use `PBox`, `PRc`, `PArc`, \
            `PString`, `PVec`, `PHashMap`, `PBTreeMap`, which own memory of the heap",
    note = "instead of references and raw pointers use `PPtr` or keys; of trait objects, an enum of the types; of functions, an \
            enum that names them; of `Cell`, `RefCell` and `Mutex`, plain fields, which a `write` has for itself",
    note = "a struct or an enum of your own is let in by `#[derive(outlive::Persist)]`"
)]
pub unsafe trait Persist: Sized {
    /// The same type in another access to its heap.
    type In<'h>: Persist + 'h;

    /// Whether bytes of the value itself can change through a shared reference, as an atomic's can.
    const SCANNED: bool = false;

    /// Bytes that no value has, by which `Option<Self>` says `None`. One that the compiler does not see, or sees elsewhere, is
    /// an error of the compilation where the option is used.
    const NICHE: Niche = Niche::Tagged;

    /// How values are ordered, if an inspection may ask: for types that are made of numbers and text, whose comparison ends
    /// whatever the values are. Trees with such keys are seen to be in order.
    ///
    /// The derive has it where all fields do and the type is `Ord`.
    #[must_use]
    fn order() -> Option<Order<Self>> {
        None
    }

    /// The type's name, as layouts show it; `layouts` names the types that are its arguments.
    fn name(layouts: &mut Layouts) -> String;

    /// Tells of the type's parts, if it has any.
    fn describe(parts: &mut Parts<'_>) {
        let _ = parts;
    }

    /// Finds fault with bytes that are to be a value of the type, and tells the inspector of all blocks that it owns.
    ///
    /// # Errors
    /// A [`Fault`] that says which bytes cannot be.
    ///
    /// # Safety
    /// `at` is aligned for the type, and so many bytes can be read there, which nobody writes meanwhile. They need not be a
    /// value of the type.
    unsafe fn inspect(at: *const Self, inspector: &mut Inspector<'_>) -> Result<(), Fault>;
}
