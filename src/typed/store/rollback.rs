//! What becomes of a heap in which a change has panicked.

use std::sync::PoisonError;

use super::Store;
use super::known::find;
use crate::error::Error;
use crate::typed::access::{alone, refuse_within};
use crate::typed::anchor::Anchored;
use crate::typed::persist::Persist;
use crate::typed::roots::Table;

impl<R: Persist, H: Anchored> Store<R, H> {
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
    /// ```
    /// outlive::heap!(struct CounterHeap);
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-rollback-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("counter.heap");
    /// let counter = CounterHeap::open::<u64>(&path, |_heap| 1)?;
    /// let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
    ///     counter.write(|count, _heap| {
    ///         *count = 2;
    ///         panic!("half done");
    ///     })
    /// }));
    /// assert!(changed.is_err() && counter.is_suspect());
    /// counter.rollback()?;
    /// assert_eq!(counter.read(|count| *count)?, 1);
    /// # drop(counter);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
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
}
