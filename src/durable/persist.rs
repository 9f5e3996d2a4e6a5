//! A durable heap: its file, what of it is followed, and the one step that moves the file forward.
//!
//! A commit: seize the heap, capture, release it, append to the log, tell the overlay. Commits exclude each other; threads
//! that only pop and push, or write to their blocks, are never held up.
//!
//! When the log is long, a thread of its own brings it into the base while commits go on.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::heap::Core;
use crate::os;

use super::capture::{Capture, Looked};
use super::dirty::Method;
use super::file::{Changes, Checkpoint, HeapFile};
use super::mapping::View;
use super::span::PageSpan;
use super::storage::Storage;

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
}

/// The durable side of a heap.
#[derive(Debug)]
pub(crate) struct Persistence<S: Storage> {
    shared: Arc<Shared<S>>,
    manner: Manner,
    /// Who opened the heap.
    process: u32,
}

/// How commits are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    /// How long the log gets before it is brought into the base.
    pub(crate) log_bound: u64,
    pub(crate) method: Method,
    /// Whether a thread of its own does that.
    pub(crate) in_background: bool,
}

/// What the thread that brings the log into the base needs too.
#[derive(Debug)]
struct Shared<S: Storage> {
    state: Mutex<State<S>>,
    /// Told when `checkpointing` ends.
    ended: Condvar,
}

#[derive(Debug)]
struct State<S: Storage> {
    file: HeapFile<S>,
    capture: Option<Capture>,
    changes: Changes,
    checkpointing: bool,
}

/// So much longer than its bound the log gets while a checkpoint is under way; then commits wait.
const PATIENCE: u64 = 4;
/// From this growth on, pages that no commit has are written to their place and not to the log.
const PLACED_FROM: u64 = 1 << 20;

impl<S: Storage> Shared<S> {
    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, while no checkpoint is under way.
    fn quiet(&self) -> MutexGuard<'_, State<S>> {
        let state = self.state();
        self.ended.wait_while(state, |state| state.checkpointing).unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a checkpoint that was begun, and ends it.
    fn run(&self, mut checkpoint: Checkpoint<S::File>) -> Result<(), Error> {
        let written = checkpoint.write();
        let mut state = self.state();
        let ended = match written {
            Ok(()) => state.file.end_checkpoint(&checkpoint),
            Err(error) => {
                state.file.fail();
                Err(error)
            }
        };
        state.checkpointing = false;
        self.ended.notify_all();
        ended
    }
}

impl<S: Storage> Persistence<S> {
    pub(crate) fn new(file: HeapFile<S>, manner: Manner) -> Self {
        let state = State { file, capture: None, changes: Changes::default(), checkpointing: false };
        let shared = Arc::new(Shared { state: Mutex::new(state), ended: Condvar::new() });
        Self { shared, manner, process: os::process() }
    }

    fn check_process(&self) -> Result<(), Error> {
        if os::process() == self.process { Ok(()) } else { Err(Error::Forked) }
    }

    /// Sees to it that the log does not grow for ever.
    fn bound_log(&self) -> Result<(), Error>
    where
        S: 'static,
    {
        let mut state = self.shared.state();
        let long = state.file.log_bytes();
        if long <= self.manner.log_bound {
            return Ok(());
        }
        if state.checkpointing {
            if long > self.manner.log_bound.saturating_mul(PATIENCE) {
                drop(state);
                drop(self.shared.quiet());
            }
            return Ok(());
        }
        let checkpoint = state.file.begin_checkpoint()?;
        state.checkpointing = true;
        drop(state);
        if !self.manner.in_background {
            return self.shared.run(checkpoint);
        }
        let shared = Arc::clone(&self.shared);
        // Whether it worked is for the next commit to see.
        std::thread::spawn(move || shared.run(checkpoint));
        Ok(())
    }
}

/// Brings what was written past the system's cache back into it: the next commits compare with it.
fn warm(view: &Arc<View>, spans: Vec<PageSpan>) {
    let view = Arc::clone(view);
    std::thread::spawn(move || {
        for span in spans {
            // What cannot be read now is read, or refused, when it is needed.
            let _ = view.populate(span);
        }
    });
}

impl<S: Storage + 'static> Durable for Persistence<S> {
    fn persist(&self, core: &Core) -> Result<Commit, Error> {
        self.check_process()?;
        self.bound_log()?;
        let mut state = self.shared.state();
        let State { file, capture, changes, .. } = &mut *state;
        let mut body = file.body()?;
        let capture = capture.get_or_insert_with(|| Capture::new(core, self.manner.method));
        changes.clear();
        if capture.growth(core) >= PLACED_FROM {
            let placed = capture.place(core, file, &mut body)?;
            if self.manner.in_background {
                warm(&file.view, placed);
            }
        }
        let begun = Instant::now();
        core.seize();
        let Looked { reported, image_pages } = capture.take(core, file, &mut body, changes);
        core.release();
        let captured = Instant::now();
        let sequence = file.append(&mut body, changes, image_pages)?;
        capture.note_commit();
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
        self.check_process()?;
        self.shared.quiet().file.close()
    }

    fn last(&self) -> u64 {
        self.shared.state().file.last
    }
}
