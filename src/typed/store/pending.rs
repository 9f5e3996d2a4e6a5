//! Commits that are waited for later.

use super::Store;
use crate::durable::{Commit, Ticket};
use crate::error::Error;
use crate::handle::Heap;
use crate::typed::anchor::Anchored;
use crate::typed::persist::Persist;

/// A commit that [`Store::persist_async`] has begun.
///
/// ```
/// outlive::heap!(struct CounterHeap);
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-pending-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("counter.heap");
/// let counter = CounterHeap::open::<u64>(&path, |_heap| 1)?;
/// counter.write(|count, _heap| *count += 1)?;
/// let commit = counter.persist_async()?;
/// // Meanwhile the program goes on.
/// let number = commit.wait()?.sequence;
/// assert_eq!(counter.last_commit()?, number);
/// # drop(counter);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "whether the commit worked is said by `wait`"]
pub struct PendingCommit<'store, R: Persist, H: Anchored> {
    pub(super) store: &'store Store<R, H>,
    pub(super) ticket: Ticket,
    pub(super) generation: u64,
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
