//! Further roots of a heap, by name.
//!
//! A [`Named`] remembers where its root lies, and looks it up again when a root was removed or the heap rolled back since. That
//! is decided within the access, which keeps out who removes or rolls back.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

use super::access::{Access, inside};
use super::anchor::Anchored;
use super::heap_type::HeapType;
use super::persist::Persist;
use super::roots::{Table, free_value, place_value};
use super::store::{Inspect, Store, Within, find, inspect, layout_text, verify};
use crate::error::Error;
use crate::handle::Heap;
use crate::sync::{AtomicU64, Ordering};
use crate::units::Offset;

/// A further root of a heap, of type `T`; see `root` of a heap type.
///
/// ```
/// use outlive::PVec;
///
/// outlive::heap!(struct ShopHeap);
///
/// let shop = ShopHeap::in_memory::<u64>(|_heap| 1)?;
/// let log = ShopHeap::root::<PVec<u64, ShopHeap>, _>(&shop, "log", |heap| PVec::new_in(heap))?;
/// log.write(|log, _heap| log.push(7))?;
/// assert_eq!(log.read(|log| log.len())?, 1);
/// # Ok::<(), outlive::Error>(())
/// ```
pub struct Named<'store, T: Persist, R: Persist, H: Anchored> {
    store: &'store Store<R, H>,
    name: String,
    /// Where it lies.
    place: AtomicU64,
    /// When that was looked up; it is written after the place, and read before it.
    when: AtomicU64,
    value: PhantomData<T>,
}

impl<R: Persist, H: Anchored> Store<R, H> {
    /// The further root of this name; one that is not there yet is made by `init`, and committed with the next commit.
    ///
    /// # Errors
    /// [`Error::OtherLayout`], [`Error::OtherHeap`], [`Error::ValuesDamaged`] as for the heap's own root; [`Error::HeapFull`];
    /// [`Error::NoRoot`] for one that is not there in a heap that is only read; [`Error::WithinAccess`]; [`Error::Suspect`].
    pub fn root<T: Persist>(
        &self,
        name: &str,
        init: impl for<'h> FnOnce(H::In<'h>, Within<'h>) -> T::In<'h>,
    ) -> Result<Named<'_, T, R, H>, Error> {
        let no_root = || Error::NoRoot { root: name.to_owned() };
        if name.is_empty() {
            return Err(no_root());
        }
        let layout = layout_text::<T, H>()?;
        self.with_heap("a further root", |heap| {
            inside(H::anchor().gate(), Access::Write, || {
                let mut table = Table::read(heap)?.ok_or_else(no_root)?;
                let value = if table.find(name).is_some() {
                    find::<T, H>(heap, &table, name)?
                } else if self.refuse_read_only().is_err() {
                    return Err(no_root());
                } else {
                    // SAFETY: inside of an access.
                    let value = init(unsafe { H::token() }, Within::new());
                    let value = place_value::<T>(heap, value)?;
                    table.put(heap, name, &layout, value)?;
                    table.write(heap)?;
                    value
                };
                if self.verifies_values() {
                    verify(heap, value, inspect::<T>)?;
                }
                self.known.all().insert(name.to_owned(), inspect::<T> as Inspect);
                let (place, when) = (AtomicU64::new(value), AtomicU64::new(self.removed.get()));
                Ok(Named { store: self, name: name.to_owned(), place, when, value: PhantomData })
            })?
        })
    }

    /// Drops the further root of this name, which has to be a `T`.
    ///
    /// # Errors
    /// [`Error::NoRoot`]; [`Error::OtherLayout`]; [`Error::ReadOnly`]; [`Error::WithinAccess`]; [`Error::Suspect`].
    pub fn remove_root<T: Persist>(&self, name: &str) -> Result<(), Error> {
        self.refuse_read_only()?;
        if name.is_empty() {
            return Err(Error::NoRoot { root: String::new() });
        }
        self.with_heap("the removal of a root", |heap| {
            inside(H::anchor().gate(), Access::Write, || {
                let mut table = Table::read(heap)?.unwrap_or_default();
                let value = find::<T, H>(heap, &table, name)?;
                table.remove(name);
                table.write(heap)?;
                self.removed.add(1);
                self.known.all().remove(name);
                let block = at(heap, value)?;
                // SAFETY: the table has said that it is a `T`, and does not refer to it any more.
                unsafe { block.cast::<T::In<'_>>().drop_in_place() };
                // SAFETY: nothing is in it any more.
                unsafe { free_value::<T>(heap, block) };
                Ok(())
            })?
        })
    }

    /// The names of the heap's further roots.
    ///
    /// # Errors
    /// [`Error::WithinAccess`], [`Error::Suspect`], [`Error::ValuesDamaged`].
    pub fn root_names(&self) -> Result<Vec<String>, Error> {
        self.with_heap("a question for roots", |heap| {
            let table = inside(H::anchor().gate(), Access::Read, || Table::read(heap))??.unwrap_or_default();
            let names = table.roots().iter().map(|root| root.name.clone());
            Ok(names.filter(|name| !name.is_empty()).collect())
        })
    }
}

fn at(heap: &Heap, offset: u64) -> Result<NonNull<u8>, Error> {
    Offset::new(offset).and_then(|offset| heap.at(offset)).ok_or(Error::Closed)
}

impl<T: Persist, R: Persist, H: Anchored> Named<'_, T, R, H> {
    /// The root's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the root lies; the caller is inside of an access.
    fn value<'h>(&self) -> Result<NonNull<T::In<'h>>, Error> {
        // SAFETY: the caller is inside.
        let heap = unsafe { H::anchor().heap() };
        let removed = self.store.removed.get();
        if self.when.load(Ordering::Acquire) != removed {
            let table = Table::read(heap)?.unwrap_or_default();
            self.place.store(find::<T, H>(heap, &table, &self.name)?, Ordering::Relaxed);
            self.when.store(removed, Ordering::Release);
        }
        at(heap, self.place.load(Ordering::Relaxed)).map(NonNull::cast)
    }

    /// As [`Store::read`], for this root.
    ///
    /// # Errors
    /// As there; [`Error::NoRoot`] if it was removed, or was not there yet in the commit to which the heap was rolled back.
    pub fn read<A>(&self, act: impl for<'h> FnOnce(&T::In<'h>) -> A) -> Result<A, Error> {
        inside(H::anchor().gate(), Access::Read, || {
            // SAFETY: inside of an access that excludes writes.
            Ok(act(unsafe { self.value()?.as_ref() }))
        })?
    }

    /// As [`Store::update`], for this root.
    ///
    /// # Errors
    /// As there and for [`Named::read`].
    pub fn update<A>(&self, act: impl for<'h> FnOnce(&T::In<'h>, H::In<'h>) -> A) -> Result<A, Error> {
        self.store.refuse_read_only()?;
        inside(H::anchor().gate(), Access::Update, || {
            let value = self.value()?;
            // SAFETY: inside of an access that excludes writes.
            let value = unsafe { value.as_ref() };
            // SAFETY: inside of an access.
            Ok(act(value, unsafe { H::token() }))
        })?
    }

    /// As [`Store::write`], for this root. It excludes accesses to all roots of the heap.
    ///
    /// # Errors
    /// As there and for [`Named::read`].
    pub fn write<A>(&self, act: impl for<'h> FnOnce(&mut T::In<'h>, H::In<'h>) -> A) -> Result<A, Error> {
        self.store.refuse_read_only()?;
        inside(H::anchor().gate(), Access::Write, || {
            let mut value = self.value()?;
            // SAFETY: inside of an access.
            let token = unsafe { H::token() };
            token.note(value.as_ptr().cast(), size_of::<T>());
            // SAFETY: nobody else is inside.
            Ok(act(unsafe { value.as_mut() }, token))
        })?
    }
}

impl<T: Persist, R: Persist, H: Anchored> fmt::Debug for Named<'_, T, R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Named").field("name", &self.name).field("store", &self.store).finish()
    }
}
