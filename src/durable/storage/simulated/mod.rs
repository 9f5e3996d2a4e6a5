//! A disk for tests, which keeps what is durable apart from what is only done, and fails when it is told to.
//!
//! Every operation takes effect at once on the *current* content, which is what reads and mappings show, and is noted in a
//! journal. [`SimulatedFolder::crashes`] goes through the journal and says, for a crash during any operation, which
//! contents the disk may have afterwards; each of them is a disk of its own, on which recovery can run and crash again.
//!
//! 1. The journal begins with a disk that is durable as a whole, and holds every change since in the order of the calls.
//! 2. A file's descriptor shows the current content, and nothing can be written through it: no change escapes the journal.
//! 3. Disks share the pages that none of them has changed.
//! 4. Space that was given back is gone until it is allocated or taken back: a write there finds none. After a crash nobody
//!    knows what was given back, and all of it is there.

mod content;
mod crash;
mod file;
mod journal;
mod memory;
mod outcomes;
mod possible;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rustix::io::Errno;

use super::{Open, Operation, Storage, StorageError};

use content::Content;
pub(crate) use crash::CrashPoint;
use crash::Crashes;
use file::Locks;
pub(crate) use file::SimulatedFile;
use journal::{Change, Ending, Entry};
use memory::Memory;

/// Names and the numbers of their files.
type Names = Arc<BTreeMap<OsString, usize>>;

/// How an operation fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Nothing was done. A file's sync leaves everything before it in doubt, however it fails.
    Refused(Errno),
    /// A write wrote so many bytes, and whether they are on the disk is in doubt.
    Partly(usize, Errno),
    /// Everything was done, and whether it is on the disk is in doubt.
    Unsure(Errno),
    /// Everything was done and nothing of it is durable yet; the process died before it could know.
    Killed,
    /// The process has died before: nothing is done.
    Dead,
}

impl Fault {
    fn errno(self) -> Errno {
        match self {
            Self::Refused(errno) | Self::Partly(_, errno) | Self::Unsure(errno) => errno,
            Self::Killed | Self::Dead => Errno::INTR,
        }
    }
}

/// A small source of chance, the same for the same seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }
}

/// A file, whether or not it still has a name.
#[derive(Default)]
struct Node {
    content: Arc<Content>,
    memory: Option<Memory>,
    locks: Locks,
    /// Blocks whose space went back: the disk is full, and no write gets it again.
    given_back: BTreeSet<usize>,
    /// Those that got it again since the file was synced.
    taken_back: BTreeSet<usize>,
}

impl Node {
    fn of(content: Arc<Content>) -> Self {
        let mut node = Self::default();
        node.content = content;
        node
    }

    /// The current content, to be mapped.
    fn show(&mut self) -> Result<Arc<OwnedFd>, Errno> {
        let memory = match self.memory.take() {
            Some(memory) => memory,
            None => Memory::of(&self.content)?,
        };
        Ok(self.memory.insert(memory).view())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            memory.keep(std::mem::take(&mut self.content));
        }
    }
}

#[derive(Default)]
struct Disk {
    names: Names,
    files: Vec<Node>,
    /// What the disk held, durably, before the first entry of the journal.
    first: Snapshot,
    journal: Vec<Entry>,
    faults: BTreeMap<u64, Fault>,
    /// The call during which the process dies.
    dies_at: u64,
    calls: u64,
    /// How long it takes to give space back, and to make something durable.
    delay: Duration,
    /// How much longer a sync takes.
    sync_delay: Duration,
    counts: [u64; Operation::Descriptor as usize + 1],
    handles: u64,
    /// Whether no space can be given back.
    keeps_space: bool,
}

/// A disk all of which is durable.
#[derive(Clone, Default)]
struct Snapshot {
    names: Names,
    files: Vec<Arc<Content>>,
}

/// A folder of a simulated disk; clones are of the same.
#[derive(Clone)]
pub(crate) struct SimulatedFolder(Arc<Mutex<Disk>>);

impl std::fmt::Debug for SimulatedFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SimulatedFolder({} operations)", self.operations())
    }
}

impl SimulatedFolder {
    pub(crate) fn new() -> Self {
        Self::holding(Snapshot::default())
    }

    fn holding(first: Snapshot) -> Self {
        let files = first.files.iter().map(|content| Node::of(Arc::clone(content))).collect();
        let names = Arc::clone(&first.names);
        Self(Arc::new(Mutex::new(Disk { names, files, first, dies_at: u64::MAX, ..Disk::default() })))
    }

    /// How many operations the journal holds.
    pub(crate) fn operations(&self) -> usize {
        self.disk().journal.len()
    }

    /// How often this was called.
    pub(crate) fn count(&self, operation: Operation) -> u64 {
        self.disk().counts[operation as usize]
    }

    /// How many calls there were that could have failed.
    pub(crate) fn calls(&self) -> u64 {
        self.disk().calls
    }

    /// Has the call fail that comes after `calls` others.
    pub(crate) fn fail_after(&self, calls: u64, fault: Fault) {
        let mut disk = self.disk();
        let call = disk.calls + calls + 1;
        disk.faults.insert(call, fault);
    }

    /// Has the process die during the call that comes after `calls` others: no later one does anything.
    pub(crate) fn die_after(&self, calls: u64) {
        let mut disk = self.disk();
        disk.dies_at = disk.calls + calls + 1;
    }

    /// Has the process die now.
    pub(crate) fn die(&self) {
        self.disk().dies_at = 0;
    }

    /// How many of the calls that shall fail have not come yet.
    pub(crate) fn calls_that_fail(&self) -> usize {
        self.disk().faults.len()
    }

    /// From now on it takes so long to give space back, or to make something of a file durable.
    pub(crate) fn slow_down(&self, delay: Duration) {
        self.disk().delay = delay;
    }

    /// From now on no space can be given back, as on a file system that knows no holes.
    pub(crate) fn keep_space(&self) {
        self.disk().keeps_space = true;
    }

    /// Takes the space away again that was taken back and not synced, as a loss of power may, on a disk that is full.
    pub(crate) fn lose_space(&self) {
        for node in &mut self.disk().files {
            node.given_back.append(&mut node.taken_back);
        }
    }

    /// The disk is not full any more.
    pub(crate) fn make_space(&self) {
        self.disk().files.iter_mut().for_each(|node| node.given_back.clear());
    }

    /// From now on a sync of a file takes so much longer.
    pub(crate) fn slow_syncs(&self, delay: Duration) {
        self.disk().sync_delay = delay;
    }

    /// Lets that time pass.
    fn take_time(&self) {
        let delay = self.disk().delay;
        if delay > Duration::ZERO {
            std::thread::sleep(delay);
        }
    }

    /// From now on nothing fails any more.
    pub(crate) fn fail_no_more(&self) {
        let mut disk = self.disk();
        disk.faults.clear();
        disk.dies_at = u64::MAX;
    }

    /// Another process comes after one that has died.
    pub(crate) fn live_again(&self) {
        self.disk().dies_at = u64::MAX;
    }

    /// All that may be left by a crash, one point after the other.
    pub(crate) fn crashes(&self) -> Crashes {
        let disk = self.disk();
        Crashes::new(&disk.first, disk.journal.clone())
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no test panics inside of the disk")
    }

    /// Runs one operation on names: `change` does it, and says what is noted.
    fn on_names<T>(
        &self,
        operation: Operation,
        name: &OsStr,
        change: impl FnOnce(&mut Disk) -> Result<(T, Option<Change>), Errno>,
    ) -> Result<T, StorageError> {
        let failed = |errno: Errno| error(operation, name, 0, errno);
        let mut disk = self.disk();
        let fault = disk.begin(operation);
        if let Some(fault @ (Fault::Refused(_) | Fault::Dead)) = fault {
            return Err(failed(fault.errno()));
        }
        let (answer, change) = change(&mut disk).map_err(failed)?;
        if let Some(change) = change {
            disk.journal.push(Entry { change, ending: fault.map_or(Ending::Done, Ending::of) });
        }
        fault.map_or(Ok(answer), |fault| Err(failed(fault.errno())))
    }
}

impl Disk {
    /// Counts a call; says whether it is one that shall fail.
    fn begin(&mut self, operation: Operation) -> Option<Fault> {
        self.calls += 1;
        self.counts[operation as usize] += 1;
        if self.calls >= self.dies_at {
            return Some(if self.calls == self.dies_at { Fault::Killed } else { Fault::Dead });
        }
        if self.faults.is_empty() { None } else { self.faults.remove(&self.calls) }
    }

    fn find(&self, name: &OsStr) -> Result<usize, Errno> {
        self.names.get(name).copied().ok_or(Errno::NOENT)
    }

    fn create(&mut self, name: &OsStr) -> Result<usize, Errno> {
        if self.names.contains_key(name) {
            return Err(Errno::EXIST);
        }
        let file = self.files.len();
        self.files.push(Node::default());
        Arc::make_mut(&mut self.names).insert(name.to_owned(), file);
        Ok(file)
    }
}

impl Storage for SimulatedFolder {
    type File = SimulatedFile;

    fn open(&self, name: &OsStr, how: Open) -> Result<SimulatedFile, StorageError> {
        let file = self.on_names(Operation::Open, name, |disk| match how {
            Open::New => {
                let file = disk.create(name)?;
                Ok((file, Some(Change::Names(vec![(name.to_owned(), Some(file))]))))
            }
            Open::Existing | Open::ReadOnly => Ok((disk.find(name)?, None)),
        })?;
        let mut disk = self.disk();
        disk.handles += 1;
        Ok(SimulatedFile::new(self.clone(), name, file, disk.handles, how != Open::ReadOnly))
    }

    fn exists(&self, name: &OsStr) -> Result<bool, StorageError> {
        self.on_names(Operation::Exists, name, |disk| Ok((disk.names.contains_key(name), None)))
    }

    fn remove(&self, name: &OsStr) -> Result<(), StorageError> {
        self.on_names(Operation::Remove, name, |disk| {
            disk.find(name)?;
            Arc::make_mut(&mut disk.names).remove(name);
            Ok(((), Some(Change::Names(vec![(name.to_owned(), None)]))))
        })
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), StorageError> {
        self.on_names(Operation::Rename, from, |disk| {
            let file = disk.find(from)?;
            let names = Arc::make_mut(&mut disk.names);
            names.remove(from);
            names.insert(to.to_owned(), file);
            Ok(((), Some(Change::Names(vec![(from.to_owned(), None), (to.to_owned(), Some(file))]))))
        })
    }

    fn sync(&self) -> Result<(), StorageError> {
        let mut disk = self.disk();
        let fault = disk.begin(Operation::SyncFolder);
        if fault != Some(Fault::Dead) {
            disk.journal
                .push(Entry { change: Change::SyncNames, ending: fault.map_or(Ending::Done, Ending::of) });
        }
        fault.map_or(Ok(()), |fault| Err(error(Operation::SyncFolder, OsStr::new("."), 0, fault.errno())))
    }
}

fn error(operation: Operation, name: &OsStr, offset: u64, errno: Errno) -> StorageError {
    let source = match errno {
        Errno::NODATA => io::ErrorKind::UnexpectedEof.into(),
        _ => io::Error::from(errno),
    };
    StorageError { operation, file: PathBuf::from(name), offset, source }
}

#[cfg(test)]
mod tests;
