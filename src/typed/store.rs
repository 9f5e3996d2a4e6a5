//! A heap with a typed root, open.
//!
//! ```text
//!                 open, in_memory, migrate
//!  nobody's anchor ------------------------> open <-----> suspect   (an update or a write panicked)
//!        ^                                    |  ^           |
//!        +--------- close, drop --------------+  +-----------+
//!                                                 rollback, accept
//! ```
//!
//! 1. The root, and all that belongs to it, is reached inside of accesses only: `read`, `update`, `write` and the functions
//!    that make roots. What they are given has a lifetime that no type outside of the access can name.
//! 2. The heap is there as long as the store, but for the time of a rollback, in which nobody can be inside: the gate
//!    says that the heap is suspect. If it cannot be opened again it stays so.
//! 3. Whoever waits for `inner` is outside of all accesses of this heap (`refuse_within`), so a rollback, which has `inner`
//!    for itself and then waits for the gate, waits for nobody who waits for it.

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::access::{Access, alone, inside, refuse_within};
use super::anchor::{Anchor, Anchored};
use super::heap_type::HeapType;
use super::inspect::{Fault, Inspector};
use super::layouts::Layouts;
use super::persist::Persist;
use super::roots::{Table, free_value, place_value};
use crate::durable::{Commit, FileStats, Replay, Ticket};
use crate::error::Error;
use crate::handle::{Heap, HeapOptions, OpenOptions};
use crate::heap::{Report, Stats};
use crate::sync::Word64;
use crate::units::Offset;

/// A heap with a root of type `R`, open under the heap type `H`.
///
/// It is what `ShopHeap::open::<Shop>` and its sisters return, for a heap type that [`heap!`](crate::heap) has defined.
/// All accesses to the root go through it:
///
/// | | has | beside other accesses | while a commit captures |
/// |---|---|---|---|
/// | [`read`](Store::read) | `&Root` | reads, updates | goes on |
/// | [`update`](Store::update) | `&Root` and the token | reads, updates | waits |
/// | [`write`](Store::write) | `&mut Root` and the token | none | waits |
///
/// ```
/// use outlive::Error;
///
/// outlive::heap!(pub struct CounterHeap);
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-store-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("counter.heap");
/// let counter = CounterHeap::open::<u64>(&path, |_heap| 0)?;
/// counter.write(|count, _heap| *count += 1)?;
/// counter.persist()?;
/// counter.write(|count, _heap| *count += 1)?;
/// counter.close()?;
///
/// let counter = CounterHeap::open::<u64>(&path, |_heap| 0)?;
/// assert_eq!(counter.read(|count| *count)?, 1, "what was persisted");
/// # drop(counter);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), Error>(())
/// ```
pub struct Store<R: Persist, H: Anchored> {
    inner: RwLock<Inner>,
    /// Where the root lies, from the heap's base on. It changes only while nobody is inside.
    root: Word64,
    /// How each root of which the type is known is inspected.
    pub(super) known: Known,
    /// How often a further root was removed, or the heap rolled back: whoever has found one looks again.
    pub(super) removed: Word64,
    opening: Option<Opening>,
    types: PhantomData<(R, H)>,
}

/// How the heap was opened.
#[derive(Clone, Debug)]
struct Opening {
    path: PathBuf,
    options: OpenOptions,
}

#[derive(Debug)]
pub(super) struct Inner {
    /// Where the anchor has it; `None` after a rollback that failed.
    heap: Option<Box<Heap>>,
    /// How often the heap was rolled back.
    generation: u64,
}

/// The lifetime of an access, where a closure's other arguments only follow from it.
#[derive(Clone, Copy, Debug)]
pub struct Within<'h>(PhantomData<&'h ()>);

impl Within<'_> {
    pub(super) fn new() -> Self {
        Self(PhantomData)
    }
}

/// # Safety
/// As of [`Persist::inspect`].
pub(super) type Inspect = unsafe fn(*const u8, &mut Inspector<'_>) -> Result<(), Fault>;

/// # Safety
/// As of [`Persist::inspect`].
pub(super) unsafe fn inspect<T: Persist>(at: *const u8, inspector: &mut Inspector<'_>) -> Result<(), Fault> {
    // SAFETY: the caller's promise.
    unsafe { T::inspect(at.cast(), inspector) }
}

/// How each root of which the type is known is inspected.
pub(super) struct Known(Mutex<HashMap<String, Inspect>>);

impl Known {
    fn new(root: Inspect) -> Self {
        Self(Mutex::new(HashMap::from([(String::new(), root)])))
    }

    pub(super) fn all(&self) -> MutexGuard<'_, HashMap<String, Inspect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Leaves the anchor when a heap could not be opened, or is closed.
struct Claim(&'static Anchor);

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

/// What the heap's file says of the root's type.
pub(super) fn layout_text<R: Persist, H: Anchored>() -> Result<String, Error> {
    let fixed = if H::FIXED { "at its own address only\n" } else { "" };
    let text = Layouts::text_of::<R, H>().ok_or(Error::OtherHeap { heap: H::NAME })?;
    Ok(format!("{fixed}{text}"))
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

/// The place of a root of which the heap's table says that it is a `T`, or what is wrong.
pub(super) fn find<T: Persist, H: Anchored>(heap: &Heap, table: &Table, name: &str) -> Result<u64, Error> {
    let root = table.find(name).ok_or_else(|| Error::NoRoot { root: name.to_owned() })?;
    let expected = layout_text::<T, H>()?;
    if root.layout != expected {
        return Err(other_layout(name, &root.layout, &expected));
    }
    let wanted = if H::FIXED { heap.base().as_ptr().addr() as u64 } else { 0 };
    table.check_base(wanted)?;
    root.value::<T>(heap).map(|_| root.value)
}

/// Marks the lines that only one of the two layouts has.
fn other_layout(root: &str, found: &str, expected: &str) -> Error {
    let marked = |text: &str, other: &str| {
        let lines = text.lines().map(|line| {
            let mark = if other.lines().any(|other| other == line) { ' ' } else { '>' };
            format!("{mark} {line}\n")
        });
        lines.collect::<String>()
    };
    Error::OtherLayout {
        root: root.to_owned(),
        found: marked(found, expected),
        expected: marked(expected, found),
    }
}

/// Walks one root and all that it owns.
pub(super) fn verify(heap: &Heap, value: u64, how: Inspect) -> Result<(), Error> {
    let mut inspector = Inspector::new(heap);
    walk(heap, value, how, &mut inspector)?;
    Ok(inspector.finish()?)
}

pub(super) fn walk(
    heap: &Heap,
    value: u64,
    how: Inspect,
    inspector: &mut Inspector<'_>,
) -> Result<(), Error> {
    let at = Offset::new(value).and_then(|offset| heap.at(offset)).ok_or(Error::Closed)?;
    // SAFETY: the root's block was compared with its type's layout when it was found, and nobody writes.
    Ok(unsafe { how(at.as_ptr(), inspector) }?)
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

    /// Lets `act` look at the root. Writes wait until it is done; other reads, updates and commits do not.
    ///
    /// # Errors
    /// [`Error::Suspect`]; [`Error::WithinAccess`] within a write of the same thread.
    #[inline]
    pub fn read<T>(&self, act: impl for<'h> FnOnce(&R::In<'h>) -> T) -> Result<T, Error> {
        inside(H::anchor().gate(), Access::Read, || {
            // SAFETY: inside of an access that excludes writes.
            act(unsafe { self.place().as_ref() })
        })
    }

    /// Lets `act` change what can be changed through a shared reference: concurrent collections. Other updates and reads go
    /// on; writes and the captures of commits wait until it is done.
    ///
    /// If `act` panics the heap is suspect.
    ///
    /// # Errors
    /// [`Error::Suspect`]; [`Error::WithinAccess`] within a write of the same thread; [`Error::ReadOnly`].
    #[inline]
    pub fn update<T>(&self, act: impl for<'h> FnOnce(&R::In<'h>, H::In<'h>) -> T) -> Result<T, Error> {
        self.refuse_read_only()?;
        inside(H::anchor().gate(), Access::Update, || {
            // SAFETY: inside of an access that excludes writes.
            let root = unsafe { self.place().as_ref() };
            // SAFETY: inside of an access.
            act(root, unsafe { H::token() })
        })
    }

    /// Lets `act` change the root. Nobody else is inside meanwhile, and no commit captures.
    ///
    /// If `act` panics the heap is suspect: [`Store::rollback`] or [`Store::accept`] makes it usable again.
    ///
    /// # Errors
    /// [`Error::Suspect`]; [`Error::WithinAccess`] within another access of the same thread; [`Error::ReadOnly`].
    #[inline]
    pub fn write<T>(&self, act: impl for<'h> FnOnce(&mut R::In<'h>, H::In<'h>) -> T) -> Result<T, Error> {
        self.refuse_read_only()?;
        inside(H::anchor().gate(), Access::Write, || {
            // SAFETY: inside of an access.
            let token = unsafe { H::token() };
            let mut root = self.place();
            token.note(root.as_ptr().cast(), size_of::<R>());
            // SAFETY: nobody else is inside.
            act(unsafe { root.as_mut() }, token)
        })
    }

    pub(super) fn refuse_read_only(&self) -> Result<(), Error> {
        match &self.opening {
            Some(opening) if opening.options.is_read_only() => {
                Err(Error::ReadOnly { file: opening.path.clone() })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn verifies_values(&self) -> bool {
        self.opening.as_ref().is_some_and(|opening| opening.options.verifies_values())
    }

    /// The root; the caller is inside of an access.
    #[inline]
    fn place<'h>(&self) -> NonNull<R::In<'h>> {
        // SAFETY: the caller is inside.
        let base = unsafe { H::anchor().base() };
        #[allow(clippy::cast_possible_truncation, reason = "an offset into memory of this process")]
        // SAFETY: the root's block, which lies in the heap.
        unsafe { base.byte_add(self.root.get() as usize) }.cast()
    }

    fn inner(&self, what: &'static str) -> Result<RwLockReadGuard<'_, Inner>, Error> {
        refuse_within(H::anchor().gate(), what)?;
        Ok(self.inner.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls `act` with the heap, from outside of all accesses.
    pub(super) fn with_heap<T>(
        &self,
        what: &'static str,
        act: impl FnOnce(&Heap) -> Result<T, Error>,
    ) -> Result<T, Error> {
        act(self.inner(what)?.heap.as_deref().ok_or(Error::Closed)?)
    }

    /// Makes durable what the heap holds; see [`Heap::persist`]. It waits for updates and writes to end, and they for the
    /// moment in which changes are captured.
    ///
    /// # Errors
    /// As [`Heap::persist`]; [`Error::Suspect`]; [`Error::WithinAccess`].
    pub fn persist(&self) -> Result<Commit, Error> {
        self.with_heap("a commit", Heap::persist)
    }

    /// The same, without waiting.
    ///
    /// # Errors
    /// As [`Heap::persist_async`]; [`Error::WithinAccess`]. What becomes of the commit, [`PendingCommit::wait`] says.
    pub fn persist_async(&self) -> Result<PendingCommit<'_, R, H>, Error> {
        let inner = self.inner("a commit")?;
        let ticket = inner.heap.as_deref().ok_or(Error::Closed)?.begin()?;
        Ok(PendingCommit { store: self, ticket, generation: inner.generation })
    }

    /// Takes the free end of the heap out of its file, as [`Heap::compact`] does.
    ///
    /// # Errors
    /// As [`Heap::compact`]; [`Error::Suspect`]; [`Error::WithinAccess`].
    pub fn compact(&self) -> Result<u64, Error> {
        self.with_heap("a compaction", Heap::compact)
    }

    /// The number of the last commit; 0 for a heap in memory.
    ///
    /// # Errors
    /// [`Error::WithinAccess`].
    pub fn last_commit(&self) -> Result<u64, Error> {
        self.with_heap("a question for the last commit", |heap| Ok(heap.last_commit()))
    }

    /// What this opening has found in the heap's log and replayed, as [`Heap::replayed`] says it.
    ///
    /// # Errors
    /// [`Error::WithinAccess`].
    pub fn replayed(&self) -> Result<Option<Replay>, Error> {
        self.with_heap("a question for what was replayed", |heap| Ok(heap.replayed()))
    }

    /// The heap in numbers.
    ///
    /// # Errors
    /// [`Error::WithinAccess`].
    pub fn stats(&self) -> Result<Stats, Error> {
        self.with_heap("a question for numbers", |heap| Ok(heap.stats()))
    }

    /// The heap's file in numbers.
    ///
    /// # Errors
    /// As [`Heap::file_stats`]; [`Error::WithinAccess`].
    pub fn file_stats(&self) -> Result<FileStats, Error> {
        self.with_heap("a question for numbers", Heap::file_stats)
    }

    /// Checks the allocator's tables.
    ///
    /// # Errors
    /// [`Error::WithinAccess`].
    pub fn check(&self) -> Result<Report, Error> {
        self.with_heap("a check", |heap| Ok(heap.check()))
    }

    /// Makes the last commit a file of its own; see [`Heap::snapshot`].
    ///
    /// # Errors
    /// As [`Heap::snapshot`]; [`Error::WithinAccess`].
    pub fn snapshot(&self, path: impl AsRef<Path>) -> Result<u64, Error> {
        self.with_heap("a snapshot", |heap| heap.snapshot(path))
    }

    /// Whether an update or a write has panicked, and nobody has put the heap in order since.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        H::anchor().gate().is_suspect()
    }

    /// Says that the values are right although a change of them has panicked. The heap is usable again.
    ///
    /// The values are whole as far as memory goes, whatever broke off: what can be wrong is what the program means by them.
    ///
    /// # Errors
    /// [`Error::WithinAccess`]; [`Error::Closed`] where a rollback failed.
    pub fn accept(&self) -> Result<(), Error> {
        let gate = H::anchor().gate();
        let inner = self.inner("an acceptance")?;
        inner.heap.as_ref().ok_or(Error::Closed)?;
        alone(gate, "an acceptance", || gate.trust())
    }

    /// Goes back to the last commit: closes the heap without committing, and opens it again in place. Commits that were begun
    /// and not waited for may have been made or not.
    ///
    /// # Errors
    /// [`Error::NoFile`] for a heap in memory, [`Error::WithinAccess`], and what opening returns. In the last case the store
    /// has no heap; another rollback tries again.
    pub fn rollback(&self) -> Result<(), Error> {
        let gate = H::anchor().gate();
        refuse_within(gate, "a rollback")?;
        let opening = self.opening.as_ref().ok_or(Error::NoFile)?;
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        // From here on nobody comes in, and no capture begins; who is inside is waited for.
        gate.suspect();
        alone(gate, "a rollback", || {})?;
        inner.generation += 1;
        self.removed.add(1);
        if let Some(heap) = inner.heap.take() {
            // SAFETY: claimed by this store, and nobody is inside.
            unsafe { H::anchor().cast_off() };
            // What cannot be brought into the one file is in the log, which the opening reads.
            let _ = heap.close();
        }
        let heap = inner.heap.insert(Box::new(opening.open::<H>()?));
        let table = Table::read(heap)?.ok_or(Error::NoRoot { root: String::new() })?;
        self.root.set(find::<R, H>(heap, &table, "")?);
        // SAFETY: claimed by this store, nobody is inside, and the box stays where it is until it is cast off.
        unsafe { H::anchor().moor(heap) };
        alone(gate, "a rollback", || gate.trust())
    }

    /// Brings all commits into the one file and closes the heap. What was not persisted is lost; a drop does the same.
    ///
    /// # Errors
    /// As [`Heap::close`]; [`Error::NoFile`] for a heap in memory.
    pub fn close(mut self) -> Result<(), Error> {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        let heap = inner.heap.take();
        // SAFETY: claimed by this store, which accesses borrow.
        unsafe { H::anchor().cast_off() };
        heap.map_or(Ok(()), |heap| heap.close())
    }
}

impl Opening {
    fn open<H: Anchored>(&self) -> Result<Heap, Error> {
        let options = self.options.clone().gate(H::anchor().gate());
        if H::FIXED { options.absolute_pointers(true) } else { options }.open(&self.path)
    }
}

impl<R: Persist, H: Anchored> Drop for Store<R, H> {
    fn drop(&mut self) {
        let claim = Claim(H::anchor());
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        inner.heap = None;
        drop(claim);
    }
}

impl<R: Persist, H: Anchored> fmt::Debug for Store<R, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("heap", &H::NAME)
            .field("opening", &self.opening)
            .field("suspect", &self.is_suspect())
            .finish_non_exhaustive()
    }
}

/// A commit that [`Store::persist_async`] has begun.
#[derive(Debug)]
#[must_use = "whether the commit worked is said by `wait`"]
pub struct PendingCommit<'store, R: Persist, H: Anchored> {
    store: &'store Store<R, H>,
    ticket: Ticket,
    generation: u64,
}

impl<R: Persist, H: Anchored> PendingCommit<'_, R, H> {
    fn with_heap<T>(&self, act: impl FnOnce(&Heap) -> Result<T, Error>) -> Result<T, Error> {
        let inner = self.store.inner("the wait for a commit")?;
        if inner.generation != self.generation {
            return Err(Error::RolledBack);
        }
        act(inner.heap.as_deref().ok_or(Error::Closed)?)
    }

    /// Whether the commit has been made, or has failed.
    ///
    /// # Errors
    /// [`Error::WithinAccess`], [`Error::RolledBack`].
    pub fn is_done(&self) -> Result<bool, Error> {
        self.with_heap(|heap| Ok(heap.is_covered(self.ticket)))
    }

    /// Waits until the commit is durable.
    ///
    /// # Errors
    /// As [`Store::persist`]; [`Error::RolledBack`].
    pub fn wait(self) -> Result<Commit, Error> {
        self.with_heap(|heap| heap.redeem(self.ticket))
    }
}
