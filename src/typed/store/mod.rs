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
//!
//! | file | what it has |
//! |---|---|
//! | `opening` | how there comes to be a store: claims, moorings, first roots, migrations |
//! | `known` | roots of which the type is known: their layouts compared, their values walked |
//! | `rollback` | what becomes of a heap in which a change has panicked |
//! | `pending` | commits that are waited for later |
//! | this one | the store: accesses, commits, and what can be asked |

mod known;
mod opening;
mod pending;
mod rollback;

use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;
use std::path::Path;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use self::known::Known;
pub(super) use self::known::{Inspect, find, inspect, layout_text, verify, walk};
use self::opening::{Claim, Opening};
pub use self::pending::PendingCommit;
use super::access::{Access, inside, refuse_within};
use super::anchor::Anchored;
use super::heap_type::HeapType;
use super::persist::Persist;
use crate::durable::{Commit, FileStats, Replay};
use crate::error::Error;
use crate::handle::Heap;
use crate::heap::{Report, Stats};
use crate::sync::Word64;

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

impl<R: Persist, H: Anchored> Store<R, H> {
    /// Lets `act` look at the root. Writes wait until it is done; other reads, updates and commits do not.
    ///
    /// Atomics can be changed in it all the same. A commit that captures meanwhile takes each of them as it was at some moment, not
    /// all as of one: what belongs together is changed in an [`update`](Store::update), for which captures wait.
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

    /// Lets `act` change what can be changed through a shared reference: atomics, and concurrent collections. Other updates and reads go
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
