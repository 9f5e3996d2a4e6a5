//! Walking a root and everything that it owns, in bytes of which nothing is believed.
//!
//! 1. No byte is taken for a value before it was seen to be one: types look at their own bytes, and ask for each block that
//!    they own by its offset. They get it if an allocated block of just that layout starts there.
//! 2. A block has one owner, or owners that share it and agree on what is in it.
//! 3. Blocks are looked into one after another, not one within another: a long list needs no long stack. There are at most
//!    as many as the heap has, so the walk ends on any bytes.
//! 4. What only values can be asked, as whether keys are in order, is asked when all of them were inspected ([`Whole`]).
//! 5. What was asked for is what can be reached; the rest of the heap's blocks belong to nobody.

use core::alloc::Layout;
use core::any::TypeId;
use core::fmt;
use core::ptr::NonNull;
use std::collections::HashMap;

use super::persist::Persist;
use super::target::Target;
use crate::handle::Heap;
use crate::units::Offset;

/// Bytes that cannot be what they should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where in the heap they lie; the base where they are not part of a block.
    pub at: u64,
    /// What was found, and what can be there.
    pub what: String,
}

/// Walks values; see [`Persist::inspect`].
#[derive(Debug)]
pub struct Inspector<'heap> {
    heap: &'heap Heap,
    owned: HashMap<u64, Owned>,
    /// Blocks that were found and not looked into yet.
    later: Vec<Later>,
    /// What is to be asked of values when all of them were inspected.
    wholes: Vec<Finish>,
}

/// A value of which more is asked than that its bytes are one, when all that it owns was inspected.
///
/// A value at fault is still a value: what is asked here is what the type's methods rely on to find things, not to be safe.
pub(crate) trait Whole {
    /// Finds fault with the value.
    fn look(&self, inspector: &Inspector<'_>) -> Result<(), Fault>;
}

/// A value, and what is to be asked of it.
#[derive(Clone, Copy, Debug)]
struct Finish {
    at: *const u8,
    look: unsafe fn(*const u8, &Inspector<'_>) -> Result<(), Fault>,
}

/// A block that is owned.
#[derive(Clone, Copy, Debug)]
enum Owned {
    Once,
    Shared { by: Kind, owners: Owners, counts: unsafe fn(*const u8) -> Owners },
}

/// What a shared block's value is, and how its owners are counted.
type Kind = (TypeId, TypeId);

/// More than a count can be.
const MOST: u64 = 1 << 62;

/// How many owners of a shared block there are.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Owners {
    pub(super) strong: u64,
    pub(super) weak: u64,
}

/// Values in a block, one behind the other.
#[derive(Clone, Copy, Debug)]
struct Later {
    at: *const u8,
    count: usize,
    inspect: unsafe fn(*const u8, usize, &mut Inspector<'_>) -> Result<(), Fault>,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at +{:#x}: {}", self.at, self.what)
    }
}

impl<'heap> Inspector<'heap> {
    pub(crate) fn new(heap: &'heap Heap) -> Self {
        Self { heap, owned: HashMap::new(), later: Vec::new(), wholes: Vec::new() }
    }

    /// A fault of the bytes at this address.
    pub fn fault<T: ?Sized>(&self, at: *const T, what: impl Into<String>) -> Fault {
        let offset = NonNull::new(at.cast_mut().cast()).and_then(|at| self.heap.offset_of(at));
        Fault { at: offset.map_or(0, Offset::get), what: what.into() }
    }

    /// How far from the heap's base an address lies, for values that hold addresses.
    pub(super) fn offset_of(&self, address: usize) -> u64 {
        address.wrapping_sub(self.heap.base().as_ptr().addr()) as u64
    }

    /// The block that the value at `by` owns alone: one of this layout must start at `offset`, and nobody else own it. It came
    /// from [`HeapType::allocate`](super::HeapType::allocate).
    ///
    /// # Errors
    /// A [`Fault`] that says what is there instead.
    pub fn own<B: ?Sized>(
        &mut self,
        by: *const B,
        offset: u64,
        layout: Layout,
    ) -> Result<NonNull<u8>, Fault> {
        self.own_one(by, offset, layout, true)
    }

    /// The same for a block from [`HeapType::allocate_scanned`](super::HeapType::allocate_scanned).
    ///
    /// # Errors
    /// As of [`Inspector::own`].
    pub fn own_scanned<B: ?Sized>(
        &mut self,
        by: *const B,
        offset: u64,
        layout: Layout,
    ) -> Result<NonNull<u8>, Fault> {
        self.own_one(by, offset, layout, false)
    }

    /// The same for a block of whichever kind a `T` lies in.
    pub(super) fn own_by<B: ?Sized, T: ?Sized + Target>(
        &mut self,
        by: *const B,
        offset: u64,
        layout: Layout,
    ) -> Result<NonNull<u8>, Fault> {
        self.own_one(by, offset, layout, !T::SCANNED)
    }

    fn own_one<B: ?Sized>(
        &mut self,
        by: *const B,
        offset: u64,
        layout: Layout,
        tracked: bool,
    ) -> Result<NonNull<u8>, Fault> {
        let block = self.block(by, offset, layout, tracked)?;
        match self.owned.insert(offset, Owned::Once) {
            None => Ok(block),
            Some(_) => {
                Err(self.fault(by, format!("its block at +{offset:#x} belongs to another value, too")))
            }
        }
    }

    /// The block in which a value and the counts of its owners lie; `true` if this is the first of them that was met.
    ///
    /// # Safety
    /// `counts` reads the counts of any block that has this layout.
    pub(super) unsafe fn share<T: Persist>(
        &mut self,
        by: *const u8,
        offset: u64,
        layout: Layout,
        kind: Kind,
        one: Owners,
        counts: unsafe fn(*const u8) -> Owners,
    ) -> Result<(NonNull<u8>, bool), Fault> {
        let block = self.block(by, offset, layout, !T::SCANNED)?;
        match self.owned.get_mut(&offset) {
            None => {
                self.owned.insert(offset, Owned::Shared { by: kind, owners: one, counts });
                Ok((block, true))
            }
            Some(Owned::Shared { by: same, owners, .. }) if *same == kind => {
                *owners = Owners { strong: owners.strong + one.strong, weak: owners.weak + one.weak };
                Ok((block, false))
            }
            Some(_) => {
                Err(self
                    .fault(by, format!("its block at +{offset:#x} belongs to a value of another kind, too")))
            }
        }
    }

    /// The allocated block of this layout that starts at `offset`.
    fn block<B: ?Sized>(
        &self,
        by: *const B,
        offset: u64,
        layout: Layout,
        tracked: bool,
    ) -> Result<NonNull<u8>, Fault> {
        let found = Offset::new(offset).and_then(|offset| self.heap.at(offset));
        let found = found.filter(|block| block.as_ptr().addr().is_multiple_of(layout.align()));
        found.filter(|block| self.heap.is_block_of(*block, layout, tracked)).ok_or_else(|| {
            let (size, align) = (layout.size(), layout.align());
            self.fault(
                by,
                format!(
                    "no block of {size} bytes, aligned to {align}, starts at +{offset:#x}, which it refers to"
                ),
            )
        })
    }

    /// Has so many values in a block looked into, after this one.
    ///
    /// # Safety
    /// They lie in a block that was just [asked for](Inspector::own), from `first` on.
    pub unsafe fn look_into<T: Persist>(&mut self, first: *const T, count: usize) {
        /// # Safety
        /// As for `look_into`.
        unsafe fn each<T: Persist>(
            at: *const u8,
            count: usize,
            inspector: &mut Inspector<'_>,
        ) -> Result<(), Fault> {
            let first = at.cast::<T>();
            for index in 0..count {
                // SAFETY: the caller's promise.
                let value = unsafe { first.add(index) };
                // SAFETY: as above; nobody writes while a heap is inspected.
                unsafe { T::inspect(value, inspector) }?;
            }
            Ok(())
        }
        self.later.push(Later { at: first.cast(), count, inspect: each::<T> });
    }

    /// Has a value looked at as a whole when everything was inspected.
    ///
    /// # Safety
    /// It is one if no fault is found with its bytes and with what was told of it. It is open under the heap type with which it
    /// finds what it owns.
    pub(crate) unsafe fn look_when_whole<T: Whole>(&mut self, at: *const T) {
        /// # Safety
        /// A value lies there.
        unsafe fn look<T: Whole>(at: *const u8, inspector: &Inspector<'_>) -> Result<(), Fault> {
            // SAFETY: the caller's promise; nobody writes while a heap is inspected.
            unsafe { &*at.cast::<T>() }.look(inspector)
        }
        self.wholes.push(Finish { at: at.cast(), look: look::<T> });
    }

    /// Walks on until nothing is left to look into.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        while let Some(Later { at, count, inspect }) = self.later.pop() {
            // SAFETY: `look_into` was promised that the values lie there.
            unsafe { inspect(at, count, self) }?;
        }
        self.check_counts()?;
        for Finish { at, look } in core::mem::take(&mut self.wholes) {
            // SAFETY: everything was inspected, so what lies there is a value, as `look_when_whole` was promised.
            unsafe { look(at, self) }?;
        }
        Ok(())
    }

    /// Owners that a shared block has not counted would use it when it is gone.
    fn check_counts(&self) -> Result<(), Fault> {
        for (&offset, owned) in &self.owned {
            let Owned::Shared { owners, counts, .. } = owned else { continue };
            let block = Offset::new(offset).and_then(|offset| self.heap.at(offset));
            let Some(block) = block else { continue };
            // SAFETY: the block has the layout for which `counts` was given.
            let found = unsafe { counts(block.as_ptr()) };
            // All strong owners together are a weak one.
            let weak = owners.weak + u64::from(owners.strong > 0);
            let is_enough = found.strong >= owners.strong && found.weak >= weak;
            if !is_enough || found.strong > MOST || found.weak > MOST {
                let what = format!("it counts {found:?}, and has at least {owners:?}");
                return Err(Fault { at: offset, what });
            }
        }
        Ok(())
    }

    /// Whether the block at this offset was reached.
    pub(crate) fn has_seen(&self, offset: u64) -> bool {
        self.owned.contains_key(&offset)
    }
}
