//! From a file, or from nothing, to a store: who claims the anchor, moors a heap there, and finds, makes or migrates its root.

use core::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::RwLock;

use super::known::{Inspect, Known, find, inspect, layout_text, verify};
use super::{Inner, Store, Within};
use crate::error::Error;
use crate::handle::{Heap, HeapOptions, OpenOptions};
use crate::sync::Word64;
use crate::typed::access::{Access, inside};
use crate::typed::anchor::{Anchor, Anchored};
use crate::typed::persist::Persist;
use crate::typed::roots::{Table, free_value, place_value};
use crate::units::Offset;

/// How the heap was opened.
#[derive(Clone, Debug)]
pub(super) struct Opening {
    pub(super) path: PathBuf,
    pub(super) options: OpenOptions,
}

impl Opening {
    pub(super) fn open<H: Anchored>(&self) -> Result<Heap, Error> {
        let options = self.options.clone().gate(H::anchor().gate());
        if H::FIXED { options.absolute_pointers(true) } else { options }.open(&self.path)
    }
}

/// Leaves the anchor when a heap could not be opened, or is closed.
pub(super) struct Claim(pub(super) &'static Anchor);

impl Claim {
    fn new<H: Anchored>() -> Result<Self, Error> {
        H::anchor().claim(H::NAME).map(|()| Self(H::anchor()))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // SAFETY: claimed in `new`; accesses borrow the store, which is going or was never made.
        unsafe { self.0.cast_off() };
        self.0.let_go();
    }
}

/// A heap that is moored, and not a store yet.
struct Moored<H: Anchored> {
    // Before the claim: the heap goes first.
    heap: Box<Heap>,
    claim: Claim,
    types: PhantomData<H>,
}

impl<H: Anchored> Moored<H> {
    fn new(claim: Claim, heap: Heap) -> Self {
        let heap = Box::new(heap);
        // SAFETY: claimed, no store has given an access, and the box stays where it is until it is cast off.
        unsafe { claim.0.moor(&heap) };
        Self { heap, claim, types: PhantomData }
    }

    /// Puts a new value into the heap; says where.
    fn place<T: Persist>(
        &self,
        make: impl for<'h> FnOnce(H::In<'h>, Within<'h>) -> T::In<'h>,
    ) -> Result<u64, Error> {
        let place = || {
            // SAFETY: inside of an access.
            let value = make(unsafe { H::token() }, Within::new());
            place_value::<T>(&self.heap, value)
        };
        inside(self.claim.0.gate(), Access::Write, place)?
    }

    fn store<R: Persist>(self, root: u64, opening: Option<Opening>) -> Store<R, H> {
        let Self { heap, claim, .. } = self;
        core::mem::forget(claim);
        Store {
            inner: RwLock::new(Inner { heap: Some(heap), generation: 0 }),
            root: Word64::new(root),
            known: Known::new(inspect::<R>),
            removed: Word64::new(0),
            opening,
            types: PhantomData,
        }
    }
}

impl<R: Persist, H: Anchored> Store<R, H> {
    /// Opens the heap in this file, or makes one, with the root that `init` makes, and commits it.
    ///
    /// # Errors
    /// - what [`Heap::open`] and [`Heap::persist`] return;
    /// - [`Error::HeapTypeInUse`] where a heap is open under this heap type;
    /// - [`Error::OtherLayout`] where the root is of another type, or its layout has changed: `migrate` takes it up;
    /// - [`Error::AddressTaken`] for a `fixed` heap type where the heap's address is not free;
    /// - [`Error::ValuesDamaged`] for a root that is not there, and with [`Verify::Full`](crate::Verify) for any value that
    ///   cannot be;
    /// - [`Error::NoRoot`] for a heap that is only read and has no root yet.
    pub fn open(
        options: OpenOptions,
        path: impl AsRef<Path>,
        init: impl for<'h> FnOnce(H::In<'h>, Within<'h>) -> R::In<'h>,
    ) -> Result<Self, Error> {
        let claim = Claim::new::<H>()?;
        let opening = Opening { path: path.as_ref().to_owned(), options };
        let moored = Moored::<H>::new(claim, opening.open::<H>()?);
        let Some(table) = Table::read(&moored.heap)? else {
            if opening.options.is_read_only() {
                return Err(Error::NoRoot { root: String::new() });
            }
            let root = Self::begin(&moored, init)?;
            moored.heap.persist()?;
            return Ok(moored.store(root, Some(opening)));
        };
        let root = find::<R, H>(&moored.heap, &table, "")?;
        if opening.options.verifies_values() {
            verify(&moored.heap, root, inspect::<R>)?;
        }
        Ok(moored.store(root, Some(opening)))
    }

    /// Makes a heap in memory, with the root that `init` makes. It is gone with the store.
    ///
    /// # Errors
    /// What [`HeapOptions::in_memory`] returns, [`Error::HeapTypeInUse`], [`Error::HeapFull`].
    pub fn in_memory(
        options: HeapOptions,
        init: impl for<'h> FnOnce(H::In<'h>, Within<'h>) -> R::In<'h>,
    ) -> Result<Self, Error> {
        let claim = Claim::new::<H>()?;
        let moored = Moored::<H>::new(claim, options.in_memory()?);
        let root = Self::begin(&moored, init)?;
        Ok(moored.store(root, None))
    }

    /// Makes the root of a heap that has none.
    fn begin(
        moored: &Moored<H>,
        init: impl for<'h> FnOnce(H::In<'h>, Within<'h>) -> R::In<'h>,
    ) -> Result<u64, Error> {
        let layout = layout_text::<R, H>()?;
        let root = moored.place::<R>(init)?;
        let base = if H::FIXED { moored.heap.base().as_ptr().addr() as u64 } else { 0 };
        let mut table = Table::new(base);
        table.put(&moored.heap, "", &layout, root)?;
        table.write(&moored.heap)?;
        Ok(root)
    }

    /// Opens the heap in this file, whose root is an `Old`, and makes it what `change` makes of that, in one commit. If it is
    /// an `R` already the heap is opened, and nothing is changed; so a program can open its heap by this for as long as
    /// there are old ones about.
    ///
    /// `change` has the old root for itself: what it does not move to the new one is dropped.
    ///
    /// ```
    /// use outlive::Error;
    ///
    /// outlive::heap!(struct CounterHeap);
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-migrate-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("counter.heap");
    /// drop(CounterHeap::open::<u32>(&path, |_heap| 7)?);
    /// assert!(matches!(CounterHeap::open::<u64>(&path, |_heap| 0), Err(Error::OtherLayout { .. })));
    ///
    /// let counter = CounterHeap::migrate::<u32, u64>(&path, |old, _heap| u64::from(old))?;
    /// assert_eq!(counter.read(|count| *count)?, 7);
    /// # drop(counter);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::open`]; the file is then as it was. The same if `change` panics.
    pub fn migrate<Old: Persist>(
        options: OpenOptions,
        path: impl AsRef<Path>,
        change: impl for<'h> FnOnce(Old::In<'h>, H::In<'h>, Within<'h>) -> R::In<'h>,
    ) -> Result<Self, Error> {
        let claim = Claim::new::<H>()?;
        let opening = Opening { path: path.as_ref().to_owned(), options };
        let moored = Moored::<H>::new(claim, opening.open::<H>()?);
        let heap = &*moored.heap;
        let mut table = Table::read(heap)?.ok_or(Error::NoRoot { root: String::new() })?;
        let layout = layout_text::<R, H>()?;
        let is_new = table.find("").is_some_and(|root| root.layout == layout);
        let (root, how) = if is_new {
            (find::<R, H>(heap, &table, "")?, inspect::<R> as Inspect)
        } else {
            (find::<Old, H>(heap, &table, "")?, inspect::<Old> as Inspect)
        };
        if opening.options.verifies_values() {
            verify(heap, root, how)?;
        }
        if is_new {
            return Ok(moored.store(root, Some(opening)));
        }
        let old = Offset::new(root).and_then(|offset| heap.at(offset)).ok_or(Error::Closed)?;
        let root = moored.place::<R>(|heap, within| {
            // SAFETY: the table says that it is an `Old`, and it is not used as one again: if `change` panics, nothing of
            // this is committed.
            change(unsafe { old.cast().read() }, heap, within)
        })?;
        table.put(heap, "", &layout, root)?;
        table.write(heap)?;
        // SAFETY: it held an `Old`, and the table does not refer to it any more.
        unsafe { free_value::<Old>(heap, old) };
        heap.persist()?;
        Ok(moored.store(root, Some(opening)))
    }
}
