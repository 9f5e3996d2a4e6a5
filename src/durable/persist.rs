//! A durable heap: its file, what of it is followed, and the one step that moves the file forward.
//!
//! A commit: seize the heap, capture, release it, append to the log, tell the overlay. Commits exclude each other; threads
//! that only pop and push, or write to their blocks, are never held up.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::heap::Core;
use crate::os;

use super::capture::{Capture, Looked};
use super::dirty::Method;
use super::file::{Changes, HeapFile};
use super::publish::publish;
use super::stats::FileStats;
use super::storage::{RealFolder, Storage};

/// What a commit did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Commit {
    /// Its number: one more than that of the commit before.
    pub sequence: u64,
    /// Lines of 64 bytes that it changed.
    pub lines: u64,
    /// Pages of 4 KiB in which they lie.
    pub pages: u64,
    /// Pages that were compared, because they may have been written.
    pub compared: u64,
    /// How long the allocator's slow paths were held up.
    pub capture: Duration,
    /// How long it took until the changes were durable.
    pub log: Duration,
}

/// What the face of a heap asks of its file.
pub(crate) trait Durable: Send + Sync + core::fmt::Debug {
    fn persist(&self, core: &Core) -> Result<Commit, Error>;

    /// Brings all commits into the one file.
    fn close(&self) -> Result<(), Error>;

    /// The last commit.
    fn last(&self) -> u64;

    /// The file in numbers.
    fn stats(&self) -> Result<FileStats, Error>;

    /// Makes the last commit a file of its own; says which commit that is.
    fn snapshot(&self, folder: &RealFolder, name: &OsStr) -> Result<u64, Error>;
}

/// The durable side of a heap.
#[derive(Debug)]
pub(crate) struct Persistence<S: Storage> {
    state: Mutex<State<S>>,
    /// How long the log gets before it is brought into the base.
    log_bound: u64,
    method: Method,
    /// Who opened the heap.
    process: u32,
}

#[derive(Debug)]
struct State<S: Storage> {
    file: HeapFile<S>,
    capture: Option<Capture>,
    changes: Changes,
}

impl<S: Storage> Persistence<S> {
    pub(crate) fn new(file: HeapFile<S>, log_bound: u64, method: Method) -> Self {
        let state = State { file, capture: None, changes: Changes::default() };
        Self { state: Mutex::new(state), log_bound, method, process: os::process() }
    }

    fn state(&self) -> Result<MutexGuard<'_, State<S>>, Error> {
        if os::process() != self.process {
            return Err(Error::Forked);
        }
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<S: Storage> Durable for Persistence<S> {
    fn persist(&self, core: &Core) -> Result<Commit, Error> {
        let mut state = self.state()?;
        let State { file, capture, changes } = &mut *state;
        if file.log_bytes() > self.log_bound {
            file.checkpoint()?;
        }
        let mut body = file.body()?;
        let capture = capture.get_or_insert_with(|| Capture::new(core, self.method));
        changes.clear();
        let begun = Instant::now();
        core.seize();
        let Looked { reported, image_pages } = capture.take(core, file, &mut body, changes);
        core.release();
        let captured = Instant::now();
        let sequence = file.append(&mut body, changes, image_pages)?;
        capture.committed();
        Ok(Commit {
            sequence,
            lines: changes.lines.len() as u64,
            pages: changes.pages.len() as u64,
            compared: reported,
            capture: captured - begun,
            log: captured.elapsed(),
        })
    }

    fn close(&self) -> Result<(), Error> {
        self.state()?.file.close()
    }

    fn last(&self) -> u64 {
        self.state().map_or(0, |state| state.file.last)
    }

    fn stats(&self) -> Result<FileStats, Error> {
        let state = self.state()?;
        state.file.stats(state.capture.as_ref().map_or(self.method, Capture::method))
    }

    fn snapshot(&self, folder: &RealFolder, name: &OsStr) -> Result<u64, Error> {
        let mut state = self.state()?;
        let mut snapshot = state.file.snapshot();
        let gate = Arc::clone(&snapshot.gate);
        // Taken while the state is held, as checkpoints do: none comes between the two.
        let held = gate.lock().unwrap_or_else(PoisonError::into_inner);
        drop(state);
        publish(folder, name, |file| snapshot.write(file, || drop(held)))?;
        Ok(snapshot.commit())
    }
}
