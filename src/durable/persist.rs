//! A durable heap: its file, what of it is followed, and the one step that moves the file forward.
//!
//! A commit: seize the heap, capture, release it, append to the log, tell the overlay. Commits exclude each other; threads
//! that only pop and push, or write to their blocks, are never held up.
//!
//! Callers who come while a commit is under way share the next one. When the log is long, a thread of its own brings it into
//! the base while commits go on.

use core::ptr::NonNull;
use std::ffi::OsStr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::heap::Core;
use crate::os;
use crate::units::PAGE;

use super::capture::{Capture, Looked};
use super::checkpoint::Checkpoint;
use super::compact::cut_heap;
use super::cores::Cores;
use super::dirty::Method;
use super::file::HeapFile;
use super::levels::Durability;
use super::log::RecordBody;
use super::mapping::View;
use super::notes::Notes;
use super::pauses::Pauses;
use super::planted::Planted;
use super::publish::publish;
use super::replay::Replay;
use super::rhythm::Rhythm;
use super::span::PageSpan;
use super::stats::FileStats;
use super::storage::{RealFolder, Storage};
use super::turns::{Ticket, Turns};

/// What a commit did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Commit {
    /// Its number: one more than that of the commit before.
    pub sequence: u64,
    /// What it survives.
    pub durability: Durability,
    /// Lines of 64 bytes that it changed.
    pub lines: u64,
    /// Pages of 4 KiB in which they lie.
    pub pages: u64,
    /// Pages that the system was asked about: all but those of tracked blocks.
    pub scanned: u64,
    /// Pages that were compared, because they may have been written.
    pub compared: u64,
    /// Lines of tracked blocks that were noted. They are among the changed ones, but for those of pages that were noted as a
    /// whole and are as they were.
    pub noted: u64,
    /// How long the allocator's slow paths were held up.
    pub capture: Duration,
    /// How long it took until the changes were durable.
    pub log: Duration,
}

/// What the face of a heap asks of its file. Whoever calls keeps the heap's cores as they are for so long.
pub(crate) trait Durable: Send + Sync + core::fmt::Debug {
    /// Takes a ticket for a commit of everything that was written so far.
    fn ask(&self) -> Result<Ticket, Error>;

    /// Sees to it that the commit is made, by another thread.
    fn begin(&self, cores: Cores<'_>, ticket: Ticket) -> Result<(), Error>;

    /// Waits for the commit, or makes it.
    fn redeem(&self, cores: Cores<'_>, ticket: Ticket) -> Result<Commit, Error>;

    fn is_covered(&self, ticket: Ticket) -> bool;

    /// Commits again and again, in this rhythm.
    fn repeat(&self, cores: Cores<'_>, rhythm: Rhythm) -> Result<(), Error>;

    /// Takes the free end of the heap out of its file; says how many bytes that are. A heap that is only read has no cores to
    /// commit.
    fn compact(&self, cores: Option<Cores<'_>>) -> Result<u64, Error>;

    /// Brings all commits into the one file. No thread of the heap's own uses its cores any more.
    fn close(&self, cores: Option<Cores<'_>>) -> Result<(), Error>;

    /// The last commit.
    fn last(&self) -> u64;

    /// What the opening has found in the log, if there was one.
    fn replayed(&self) -> Option<Replay>;

    /// The file in numbers.
    fn stats(&self) -> Result<FileStats, Error>;

    /// Makes the last commit a file of its own; says which commit that is.
    fn snapshot(&self, folder: &RealFolder, name: &OsStr) -> Result<u64, Error>;
}

/// The durable side of a heap.
#[derive(Debug)]
pub(crate) struct Persistence<S: Storage> {
    shared: Arc<Shared<S>>,
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

/// What threads of the heap's own need too.
#[derive(Debug)]
struct Shared<S: Storage> {
    manner: Manner,
    turns: Turns<Result<Commit, Error>>,
    state: Mutex<State<S>>,
    /// Told when `checkpointing` ends, and when `closing` begins.
    changed: Condvar,
    /// Of a checkpoint that is under way.
    pauses: Pauses,
    /// Threads that commit, or write checkpoints.
    workers: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug)]
struct State<S: Storage> {
    file: HeapFile<S>,
    capture: Option<Capture>,
    /// Used again for each commit.
    body: Option<RecordBody>,
    checkpointing: bool,
    closing: bool,
}

impl<S: Storage> State<S> {
    /// How many bytes the next commit has to look at, or `most` if that are more.
    fn written(&mut self, cores: Cores<'_>, method: Method, most: u64) -> u64 {
        let capture = self.capture.get_or_insert_with(|| Capture::new(cores, method));
        capture.written(cores, &self.file, most)
    }
}

/// So much longer than its bound the log gets while a checkpoint is under way; then commits wait.
const PATIENCE: u64 = 4;
/// From this growth on, pages that no commit has are written to their place and not to the log.
const PLACED_FROM: u64 = 1 << 20;
/// Pages that are brought into the system's cache in one piece.
const WARMED_AT_ONCE: usize = (4 << 20) / PAGE;

impl<S: Storage> Shared<S> {
    fn state(&self) -> MutexGuard<'_, State<S>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, while no checkpoint is under way.
    fn quiet(&self) -> MutexGuard<'_, State<S>> {
        let _hurry = self.pauses.hurry();
        let state = self.state();
        self.changed.wait_while(state, |state| state.checkpointing).unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a checkpoint that was begun, and ends it.
    fn run(&self, mut checkpoint: Checkpoint<S::File>) -> Result<(), Error> {
        let written = checkpoint.write(Some(&mut |took| {
            if self.manner.in_background {
                self.pauses.pause(took);
            }
        }));
        let mut state = self.state();
        let ended = match written {
            Ok(()) => state.file.end_checkpoint(&checkpoint),
            Err(error) => {
                state.file.fail();
                Err(error)
            }
        };
        state.checkpointing = false;
        self.changed.notify_all();
        ended
    }
}

impl<S: Storage + 'static> Shared<S> {
    /// Sees to it that the log does not grow for ever.
    fn bound_log(self: &Arc<Self>, cores: Cores<'_>) -> Result<(), Error> {
        let mut state = self.state();
        let long = state.file.log_bytes();
        if long <= self.manner.log_bound {
            return Ok(());
        }
        if state.checkpointing {
            if long > self.manner.log_bound.saturating_mul(PATIENCE) {
                drop(state);
                drop(self.quiet());
            }
            return Ok(());
        }
        state.file.mark_free(cores, false);
        let checkpoint = state.file.begin_checkpoint()?;
        state.checkpointing = true;
        drop(state);
        if !self.manner.in_background {
            return self.run(checkpoint);
        }
        let shared = Arc::clone(self);
        self.employ(thread::spawn(move || {
            // Whether it worked is for the next commit to see.
            let _ = shared.run(checkpoint);
        }));
        Ok(())
    }

    /// Brings what was written past the system's cache back into it: the next commits compare with it. The view keeps the
    /// file locked, so the heap's close waits for this to end, which it does with the next piece.
    fn warm(self: &Arc<Self>, view: &Arc<View>, spans: Vec<PageSpan>) {
        let (shared, view) = (Arc::clone(self), Arc::clone(view));
        self.employ(thread::spawn(move || {
            for span in spans {
                for first in (span.first..span.end()).step_by(WARMED_AT_ONCE) {
                    if shared.state().closing {
                        return;
                    }
                    let end = span.end().min(first + WARMED_AT_ONCE as u64);
                    // What cannot be read now is read, or refused, when it is needed.
                    let _ = view.populate(PageSpan::between(first, end));
                }
            }
        }));
    }

    fn employ(&self, worker: JoinHandle<()>) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| !worker.is_finished());
        workers.push(worker);
    }

    /// Waits for all threads of the heap's own to end.
    fn dismiss(&self) {
        self.state().closing = true;
        self.changed.notify_all();
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in workers {
            // A worker that panicked has nothing more to do.
            let _ = worker.join();
        }
    }

    fn commit(self: &Arc<Self>, cores: Cores<'_>) -> Result<Commit, Error> {
        self.bound_log(cores)?;
        cores.untracked.refuse_suspect().map_err(|_| Error::Suspect)?;
        self.commit_now(&mut self.state(), cores)
    }

    fn commit_now(self: &Arc<Self>, state: &mut State<S>, cores: Cores<'_>) -> Result<Commit, Error> {
        let State { file, capture, body, .. } = state;
        file.begin_commit()?;
        let body = match body {
            Some(body) => body,
            None => body.insert(file.body()?),
        };
        body.clear();
        let followed = capture.get_or_insert_with(|| Capture::new(cores, self.manner.method));
        if followed.growth(cores) >= PLACED_FROM {
            let placed = followed.place(cores, file, body)?;
            file.sync_placed()?;
            if self.manner.in_background {
                self.warm(&file.view, placed);
            }
        }
        let Ok(passed) = cores.untracked.pass_gate() else {
            // What was placed stays where it is, and is read when a commit has its pages; what is written to them from now on is
            // followed, as it would be after a commit.
            return Err(Error::Suspect);
        };
        let begun = Instant::now();
        cores.seize();
        let looked = followed.take(cores, file, body);
        cores.release();
        drop(passed);
        let Looked { scanned, reported, noted, image_pages } = looked?;
        let captured = Instant::now();
        // What has not changed is durable already.
        let sequence = if body.is_empty() { file.last } else { file.append(body, image_pages)? };
        followed.note_commit();
        Ok(Commit {
            sequence,
            durability: file.durability(),
            lines: body.lines(),
            pages: body.pages(),
            scanned,
            compared: reported,
            noted,
            capture: captured - begun,
            log: captured.elapsed(),
        })
    }

    /// See [`compact`](super::compact).
    fn compact(self: &Arc<Self>, cores: Cores<'_>) -> Result<u64, Error> {
        cores.untracked.refuse_suspect().map_err(|_| Error::Suspect)?;
        let mut state = self.quiet();
        let State { file, capture, .. } = &mut *state;
        file.begin_commit()?;
        let followed = capture.get_or_insert_with(|| Capture::new(cores, self.manner.method));
        let Some(before) = cut_heap(cores, file, followed) else { return Ok(0) };
        self.commit_now(&mut state, cores)?;
        let State { file, capture, .. } = &mut *state;
        let committed = capture.as_ref().map_or(before, Capture::committed);
        let given_back = file.mark_end(cores, committed, before);
        file.mark_free(cores, false);
        if Planted::CutEarly.is_there() {
            file.cut(cores)?;
        }
        file.checkpoint()?;
        file.cut(cores)?;
        Ok(given_back)
    }

    /// Commits when it is time, or enough was written, until the heap closes.
    fn commit_again_and_again(self: &Arc<Self>, cores: Cores<'_>, rhythm: Rhythm) {
        let (mut committed, mut look) = (Instant::now(), Duration::ZERO);
        loop {
            let state = self.state();
            let pause = rhythm.pause(committed.elapsed(), look);
            let waited = self.changed.wait_timeout_while(state, pause, |state| !state.closing);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.closing {
                return;
            }
            let begun = Instant::now();
            let due =
                rhythm.is_due(committed.elapsed(), |most| state.written(cores, self.manner.method, most));
            look = begun.elapsed();
            drop(state);
            if due {
                // A commit that fails is seen by the next caller who asks for one; this one tries again.
                let _ = self.turns.redeem(self.turns.take(), || self.commit(cores));
                committed = Instant::now();
            }
        }
    }
}

impl<S: Storage + 'static> Persistence<S> {
    pub(crate) fn new(file: HeapFile<S>, manner: Manner) -> Self {
        let state = State { file, capture: None, body: None, checkpointing: false, closing: false };
        let shared = Arc::new(Shared {
            manner,
            turns: Turns::new(),
            state: Mutex::new(state),
            changed: Condvar::new(),
            pauses: Pauses::default(),
            workers: Mutex::new(Vec::new()),
        });
        Self { shared, process: os::process() }
    }

    fn check_process(&self) -> Result<(), Error> {
        if os::process() == self.process { Ok(()) } else { Err(Error::Forked) }
    }

    /// Has a thread of its own work on the cores, until the heap closes at the latest.
    fn work(&self, cores: Cores<'_>, work: impl FnOnce(&Arc<Shared<S>>, Cores<'_>) + Send + 'static) {
        let (shared, cores) = (Arc::clone(&self.shared), Kept::new(cores));
        self.shared.employ(thread::spawn(move || work(&shared, cores.get())));
    }
}

/// Cores that are there until the workers have ended.
struct Kept {
    untracked: NonNull<Core>,
    tracked: NonNull<Core>,
    notes: NonNull<Notes>,
}

// SAFETY: cores and notes are made to be used from all threads.
unsafe impl Send for Kept {}

impl Kept {
    fn new(cores: Cores<'_>) -> Self {
        let Cores { untracked, tracked, notes } = cores;
        Self { untracked: untracked.into(), tracked: tracked.into(), notes: notes.into() }
    }

    fn get(&self) -> Cores<'_> {
        // `close` waits for the workers, and the heap calls it before its cores and their notes go.
        Cores {
            // SAFETY: as said.
            untracked: unsafe { self.untracked.as_ref() },
            // SAFETY: as said.
            tracked: unsafe { self.tracked.as_ref() },
            // SAFETY: as said.
            notes: unsafe { self.notes.as_ref() },
        }
    }
}

impl<S: Storage + 'static> Durable for Persistence<S> {
    fn ask(&self) -> Result<Ticket, Error> {
        self.check_process().map(|()| self.shared.turns.take())
    }

    fn begin(&self, cores: Cores<'_>, ticket: Ticket) -> Result<(), Error> {
        self.check_process()?;
        self.work(cores, move |shared, cores| {
            // Whoever waits for the ticket gets the answer.
            let _ = shared.turns.redeem(ticket, || shared.commit(cores));
        });
        Ok(())
    }

    fn redeem(&self, cores: Cores<'_>, ticket: Ticket) -> Result<Commit, Error> {
        self.check_process()?;
        self.shared.turns.redeem(ticket, || self.shared.commit(cores))
    }

    fn is_covered(&self, ticket: Ticket) -> bool {
        self.shared.turns.is_covered(ticket)
    }

    fn repeat(&self, cores: Cores<'_>, rhythm: Rhythm) -> Result<(), Error> {
        self.check_process()?;
        self.work(cores, move |shared, cores| shared.commit_again_and_again(cores, rhythm));
        Ok(())
    }

    fn compact(&self, cores: Option<Cores<'_>>) -> Result<u64, Error> {
        self.check_process()?;
        cores.map_or(Ok(0), |cores| self.shared.compact(cores))
    }

    fn close(&self, cores: Option<Cores<'_>>) -> Result<(), Error> {
        self.check_process()?;
        self.shared.dismiss();
        // Nobody holds the gate: snapshots borrow the heap that is being closed.
        let Some(cores) = cores else { return Ok(()) };
        let mut state = self.shared.quiet();
        let committed = state.capture.as_ref().map(Capture::committed);
        state.file.close(cores, committed)
    }

    fn last(&self) -> u64 {
        self.shared.state().file.last
    }

    fn replayed(&self) -> Option<Replay> {
        self.shared.state().file.replayed
    }

    fn stats(&self) -> Result<FileStats, Error> {
        self.check_process()?;
        let state = self.shared.state();
        state.file.stats(state.capture.as_ref().map_or(self.shared.manner.method, Capture::method))
    }

    fn snapshot(&self, folder: &RealFolder, name: &OsStr) -> Result<u64, Error> {
        self.check_process()?;
        let gate = self.shared.state().file.gate();
        // Before the state, so that commits do not wait where a checkpoint is under way. One that begins afterwards waits.
        let held = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut snapshot = self.shared.state().file.snapshot()?;
        publish(folder, name, |file| snapshot.write(file, || drop(held)))?;
        Ok(snapshot.commit())
    }
}
