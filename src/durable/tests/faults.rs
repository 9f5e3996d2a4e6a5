//! Each call of the storage fails once, in each way, in a program that does everything.
//!
//! Whatever fails is an error or of no consequence, never a panic; what was committed is whole, at once after opening
//! again and after a crash. Where only space was short, and nothing is in doubt, the heap goes on by itself.

use std::alloc::Layout;

use rustix::io::Errno;

use super::blocks::{Block, Held};
use super::crashes::{Effort, crashes_at};
use super::program::{Run, Settings};
use crate::durable::storage::Operation;
use crate::durable::storage::simulated::{Fault, Random};
use crate::durable::superblock::IMAGE;
use crate::durable::{Durability, Method};
use crate::error::Error;

/// What the program does, one after the other. It begins with a file that is not there.
#[derive(Clone, Copy, Debug)]
enum Step {
    Take(usize),
    /// Changes a few lines.
    Write(usize),
    Persist,
    /// Ends without closing, and opens again.
    Die,
    Close,
}

const PROGRAM: [Step; 27] = [
    Step::Take(100),
    Step::Take(5000),
    Step::Persist,
    Step::Write(3),
    Step::Persist,
    // Growth: of the pages, and of the log.
    Step::Take(300 << 10),
    Step::Persist,
    Step::Take(200 << 10),
    Step::Write(5),
    Step::Persist,
    Step::Write(9),
    Step::Persist,
    // The log is longer than its bound.
    Step::Write(2),
    Step::Persist,
    Step::Die,
    Step::Take(40 << 10),
    Step::Write(4),
    Step::Persist,
    Step::Write(30),
    Step::Persist,
    Step::Close,
    Step::Write(4),
    Step::Persist,
    Step::Close,
    Step::Take(10),
    Step::Persist,
    Step::Die,
];

const FAULTS: [Fault; 5] = [
    Fault::Refused(Errno::NOSPC),
    Fault::Refused(Errno::IO),
    Fault::Partly(700, Errno::NOSPC),
    Fault::Partly(5000, Errno::IO),
    Fault::Unsure(Errno::IO),
];

/// Crashes are tried after one failed call of so many.
const CRASHES: u64 = if cfg!(debug_assertions) { 16 } else { 1 };

struct Trial {
    run: Run,
    /// Which call fails.
    call: u64,
    /// Operations of the disk until then.
    failed_at: Option<usize>,
}

impl Trial {
    fn new(call: u64, fault: Fault, durability: Durability) -> Self {
        let settings = Settings {
            reservation: 4 << 20,
            segment: 16 << 10,
            log_bound: 48 << 10,
            method: Method::BEST,
            durability,
            find_unnoted: false,
            in_background: false,
        };
        let run = Run::with(settings, Random(call));
        run.folder.fail_after(call, fault);
        Self { run, call, failed_at: None }
    }

    /// Whether it is the fault, and nothing else, that this error came of.
    fn expect(&mut self, error: &Error) -> Result<(), String> {
        if self.run.folder.calls() <= self.call || self.failed_at.is_some() {
            return Err(format!("nothing had failed (again): {error}"));
        }
        self.failed_at = Some(self.run.folder.operations());
        match error {
            Error::File { .. } => Ok(()),
            other => Err(format!("a failed call is not said to be one: {other}")),
        }
    }

    fn all(&mut self) -> Result<(), String> {
        let mut heap = self.open()?;
        for (number, step) in PROGRAM.into_iter().enumerate() {
            let said = |wrong: String| format!("step {number}, {step:?}: {wrong}");
            let before = self.failed_at;
            heap = self.step(heap, step).map_err(said)?;
            if before != self.failed_at {
                heap.compare(&self.run.live).map_err(said)?;
            }
        }
        heap.compare(&self.run.live)?;
        self.run.folder.die();
        drop(heap);
        Ok(())
    }

    /// Opens the heap; what was refused once works the second time.
    fn open(&mut self) -> Result<Held, String> {
        let heap = match self.run.settings.open(&self.run.folder) {
            Ok(heap) => heap,
            Err(error) => {
                self.expect(&error)?;
                return self.run.open();
            }
        };
        self.run.take_up(&heap)?;
        Ok(heap)
    }

    fn step(&mut self, heap: Held, step: Step) -> Result<Held, String> {
        match step {
            Step::Take(size) => self.take(&heap, size)?,
            Step::Write(lines) => self.write(&heap, lines),
            Step::Persist => return self.persist(heap),
            Step::Die => {
                self.run.folder.die();
                drop(heap);
                self.run.folder.live_again();
                return self.open();
            }
            Step::Close => {
                if let Err(error) = heap.0.close() {
                    self.expect(&error)?;
                }
                return self.open();
            }
        }
        Ok(heap)
    }

    fn take(&mut self, heap: &Held, size: usize) -> Result<(), String> {
        let layout = Layout::from_size_align(size, 8).expect("a layout");
        // Zeros, so that the pages of large blocks need not be logged.
        let content = vec![0; size];
        let (before, tracked) = (self.run.folder.calls(), self.run.live.len() % 2 == 1);
        let offset = heap.take(layout, &content, true, tracked).or_else(|| {
            let failed = (before..self.run.folder.calls()).contains(&self.call);
            failed.then(|| heap.take(layout, &content, true, tracked)).flatten()
        });
        let offset = offset.ok_or("no block, though there is space")?;
        self.run.live.insert(offset, Block { layout, content: content.into() });
        Ok(())
    }

    fn write(&mut self, heap: &Held, lines: usize) {
        let longest = self.run.live.iter().max_by_key(|(_, block)| block.content.len());
        // What failed may have been the commit of the first blocks.
        let Some((offset, block)) = longest else { return };
        let (offset, mut content) = (*offset, block.content.to_vec());
        for _ in 0..lines {
            let at = self.run.random.below(content.len());
            content[at] = content[at].wrapping_add(1);
            heap.write(offset, at, &content[at..=at]);
        }
        self.run.live.get_mut(&offset).expect("the block").content = content.into();
    }

    /// A commit that fails is made a second time, by the same heap or after opening again.
    fn persist(&mut self, heap: Held) -> Result<Held, String> {
        let Err(error) = self.run.persist(&heap) else { return Ok(heap) };
        self.expect(&error)?;
        self.run.history.gives_up();
        match self.run.persist(&heap) {
            Ok(()) => Ok(heap),
            Err(Error::Failed { .. }) if is_in_doubt(&error, self.run.settings.durability) => {
                drop(heap);
                let heap = self.open()?;
                self.run.persist(&heap).map_err(|third| format!("{third}, after: {error}"))?;
                Ok(heap)
            }
            Err(second) => Err(format!("{second}, after: {error}")),
        }
    }
}

/// Whether nobody knows what the failed call has left on the disk: a heap may then demand to be opened again.
fn is_in_doubt(error: &Error, durability: Durability) -> bool {
    let Error::File { operation, offset, file, source } = error else { return false };
    let is_write = *operation == Operation::Write.to_string();
    let is_superblock = is_write && file == "heap" && *offset < IMAGE;
    // Of a record that is not synced.
    let is_log = file.to_string_lossy().starts_with("heap.log");
    let asked = |other: Operation| *operation == other.to_string();
    let is_space = is_write || asked(Operation::Allocate) || asked(Operation::TakeBack);
    // Not for want of space.
    let is_faulty = is_space && source.raw_os_error() == Some(Errno::IO.raw_os_error());
    let is_record = is_write && is_log && durability == Durability::ProcessCrash;
    is_superblock
        || is_faulty
        || is_record
        || [Operation::Sync, Operation::WriteDurable].iter().any(|asked| *operation == asked.to_string())
}

/// Has this call fail; says whether the program made so many.
fn trial(call: u64, fault: Fault, durability: Durability) -> Result<bool, String> {
    let mut trial = Trial::new(call, fault, durability);
    let said = |wrong: String| format!("call {call}, {fault:?}, {durability:?}: {wrong}");
    trial.all().map_err(said)?;
    trial.run.folder.fail_no_more();
    // A crash soon after what has failed.
    if let Some(at) = trial.failed_at
        && call.is_multiple_of(CRASHES)
    {
        let effort = Effort { steps: 0, disks: 2, again: 1, depth: 0 };
        crashes_at(&mut trial.run, at.saturating_sub(2)..at + 10, effort).map_err(said)?;
    }
    Ok(trial.run.folder.calls() > call)
}

/// Has each call fail; says all that is wrong.
fn trials(fault: Fault, durability: Durability) -> Vec<String> {
    let mut wrong = Vec::new();
    for call in 0.. {
        match trial(call, fault, durability) {
            Ok(true) => {}
            Ok(false) => break,
            Err(what) => wrong.push(what),
        }
    }
    wrong
}

#[test]
fn any_call_may_fail() {
    // Where time is short, a fault of each kind.
    let step = if cfg!(debug_assertions) { 2 } else { 1 };
    let faults = FAULTS.into_iter().step_by(step).map(|fault| (fault, Durability::PowerLoss));
    let unsynced = FAULTS[1..4].iter().step_by(step).map(|fault| (*fault, Durability::ProcessCrash));
    let wrong: Vec<String> =
        faults.chain(unsynced).flat_map(|(fault, durability)| trials(fault, durability)).collect();
    assert!(wrong.is_empty(), "{} times:\n{}", wrong.len(), wrong.join("\n"));
}
