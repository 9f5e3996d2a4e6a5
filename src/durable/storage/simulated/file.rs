//! An open file of a simulated disk.

use std::ffi::{OsStr, OsString};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use rustix::io::Errno;

use super::journal::{Bytes, Change, Ending, Entry};
use super::{Disk, Fault, Node, SimulatedFolder, error};
use crate::durable::storage::{BLOCK, Lock, Operation, StorageError, StoredFile};

/// An open file; its locks go when it is dropped.
pub(crate) struct SimulatedFile {
    folder: SimulatedFolder,
    name: OsString,
    file: usize,
    handle: u64,
    writable: bool,
    view: OnceLock<Arc<OwnedFd>>,
}

/// Who holds a file.
#[derive(Default)]
pub(super) struct Locks {
    exclusive: Option<u64>,
    shared: Vec<u64>,
}

/// A change on its way: what it does to the content, and what is noted of it.
struct Edit {
    offset: usize,
    bytes: Bytes,
    len: usize,
    durable: bool,
}

impl SimulatedFile {
    pub(super) fn new(
        folder: SimulatedFolder,
        name: &OsStr,
        file: usize,
        handle: u64,
        writable: bool,
    ) -> Self {
        Self { folder, name: name.to_owned(), file, handle, writable, view: OnceLock::new() }
    }

    fn error(&self, operation: Operation, offset: u64, errno: Errno) -> StorageError {
        error(operation, &self.name, offset, errno)
    }

    /// Runs an operation that changes nothing.
    fn ask<T>(
        &self,
        operation: Operation,
        offset: u64,
        answer: impl FnOnce(&mut Node) -> Result<T, Errno>,
    ) -> Result<T, StorageError> {
        let mut disk = self.folder.disk();
        let fault = disk.begin(operation).map_or(Ok(()), |fault| Err(fault.errno()));
        fault
            .and_then(|()| answer(&mut disk.files[self.file]))
            .map_err(|errno| self.error(operation, offset, errno))
    }

    /// Runs an operation that changes the content, unless `edit` finds nothing to change. It is told how many bytes a
    /// write may write before it fails.
    fn change(
        &self,
        operation: Operation,
        offset: u64,
        edit: impl FnOnce(&mut Node, usize) -> Result<Option<Edit>, Errno>,
    ) -> Result<(), StorageError> {
        let mut disk = self.folder.disk();
        let fault = disk.begin(operation);
        if !self.writable {
            return Err(self.error(operation, offset, Errno::BADF));
        }
        let most = match fault {
            Some(fault @ (Fault::Refused(_) | Fault::Dead)) => {
                return Err(self.error(operation, offset, fault.errno()));
            }
            Some(Fault::Partly(count, _)) => count,
            _ => usize::MAX,
        };
        let edit = edit(&mut disk.files[self.file], most);
        if let Some(edit) = edit.map_err(|errno| self.error(operation, offset, errno))? {
            disk.apply(self.file, edit, fault.map_or(Ending::Done, Ending::of));
        }
        fault.map_or(Ok(()), |fault| Err(self.error(operation, offset, fault.errno())))
    }

    /// Zeros of which each sector arrives or not by itself, as far as the file reaches.
    fn zero(&self, operation: Operation, offset: u64, bytes: u64) -> Result<(), StorageError> {
        let at = to_usize(offset);
        self.change(operation, offset, |node, _| {
            let len = node.content.len();
            let count = to_usize(bytes).min(len.saturating_sub(at));
            node.given_back.extend(at.div_ceil(BLOCK)..(at + count) / BLOCK);
            Ok(Some(Edit { offset: at, bytes: Bytes::Zeros(count), len, durable: false }))
        })
    }

    fn write_aligned(&self, operation: Operation, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        assert!(offset.is_multiple_of(BLOCK as u64) && bytes.len().is_multiple_of(BLOCK));
        assert!(bytes.as_ptr().addr().is_multiple_of(BLOCK), "such a write wants an aligned buffer");
        self.folder.take_time();
        self.write(operation, offset, bytes)
    }

    fn write(&self, operation: Operation, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let durable = operation == Operation::WriteDurable;
        let at = to_usize(offset);
        self.change(operation, offset, |node, most| {
            if node.given_back.range(blocks(at, bytes.len())).next().is_some() {
                return Err(Errno::NOSPC);
            }
            let bytes = &bytes[..bytes.len().min(most)];
            let len = node.content.len().max(at + bytes.len());
            Ok((!bytes.is_empty()).then(|| Edit { offset: at, bytes: Bytes::of(bytes), len, durable }))
        })
    }
}

impl Node {
    fn reserve(&mut self, offset: usize, bytes: usize) {
        let range = blocks(offset, bytes);
        self.given_back.retain(|block| !range.contains(block));
    }
}

/// The blocks in which these bytes lie.
fn blocks(offset: usize, bytes: usize) -> Range<usize> {
    offset / BLOCK..(offset + bytes).div_ceil(BLOCK)
}

impl Disk {
    fn apply(&mut self, file: usize, edit: Edit, ending: Ending) {
        let node = &mut self.files[file];
        let content = Arc::make_mut(&mut node.content);
        let Edit { offset, bytes, len, durable } = edit;
        let changed = match &bytes {
            Bytes::Zeros(count) => content.zero(offset, *count),
            Bytes::These(these) => content.put(offset, these),
        };
        if len != content.len() {
            content.set_len(len);
        }
        if let Some(memory) = &node.memory {
            memory.follow(content, &changed);
        }
        self.journal.push(Entry { change: Change::Bytes { file, offset, bytes, len, durable }, ending });
    }
}

impl std::fmt::Debug for SimulatedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SimulatedFile").finish_non_exhaustive()
    }
}

impl StoredFile for SimulatedFile {
    fn len(&self) -> Result<u64, StorageError> {
        self.ask(Operation::Len, 0, |node| Ok(node.content.len() as u64))
    }

    fn set_len(&self, len: u64) -> Result<(), StorageError> {
        let len = to_usize(len);
        self.change(Operation::SetLen, len as u64, |node, _| {
            let cut = node.content.extent().max(node.content.len()).saturating_sub(len);
            Ok(Some(Edit { offset: len, bytes: Bytes::Zeros(cut), len, durable: false }))
        })
    }

    fn allocate(&self, offset: u64, bytes: u64) -> Result<(), StorageError> {
        let end = to_usize(offset + bytes);
        self.change(Operation::Allocate, offset, |node, _| {
            node.reserve(to_usize(offset), to_usize(bytes));
            let len = node.content.len().max(end);
            Ok(Some(Edit { offset: len, bytes: Bytes::Zeros(0), len, durable: false }))
        })
    }

    fn punch(&self, offset: u64, bytes: u64) -> Result<(), StorageError> {
        self.zero(Operation::Punch, offset, bytes)
    }

    fn give_back(&self, offset: u64, bytes: u64) -> Result<bool, StorageError> {
        self.folder.take_time();
        if self.folder.disk().keeps_space {
            return self.ask(Operation::GiveBack, offset, |_| Ok(false));
        }
        self.zero(Operation::GiveBack, offset, bytes).map(|()| true)
    }

    fn take_back(&self, offset: u64, bytes: u64) -> Result<(), StorageError> {
        self.change(Operation::TakeBack, offset, |node, _| {
            assert!(
                to_usize(offset + bytes) <= node.content.len(),
                "only space inside of the file goes back"
            );
            let had = node.given_back.clone();
            node.reserve(to_usize(offset), to_usize(bytes));
            node.taken_back.extend(had.difference(&node.given_back));
            Ok(None)
        })
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        let at = to_usize(offset);
        self.ask(Operation::Read, offset, |node| {
            if at.saturating_add(into.len()) > node.content.len() {
                return Err(Errno::NODATA);
            }
            node.content.read(at, into);
            Ok(())
        })
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.write(Operation::Write, offset, bytes)
    }

    fn write_past_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.write_aligned(Operation::WritePast, offset, bytes)
    }

    fn write_durable_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        self.write_aligned(Operation::WriteDurable, offset, bytes)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.folder.take_time();
        let delay = self.folder.disk().sync_delay;
        std::thread::sleep(delay);
        let mut disk = self.folder.disk();
        let fault = disk.begin(Operation::Sync);
        if let Some(fault @ Fault::Dead) = fault {
            return Err(self.error(Operation::Sync, 0, fault.errno()));
        }
        let ending = fault.map_or(Ending::Done, Ending::of);
        disk.journal.push(Entry { change: Change::Sync { file: self.file }, ending });
        if ending == Ending::Done {
            disk.files[self.file].taken_back.clear();
        }
        fault.map_or(Ok(()), |fault| Err(self.error(Operation::Sync, 0, fault.errno())))
    }

    fn lock(&self, lock: Lock) -> Result<(), StorageError> {
        self.ask(Operation::Lock, 0, |node| {
            let locks = &mut node.locks;
            let others = |holder: &u64| *holder != self.handle;
            let taken = locks.exclusive.iter().any(others)
                || (lock == Lock::Exclusive && locks.shared.iter().any(others));
            if taken {
                return Err(Errno::AGAIN);
            }
            locks.release(self.handle);
            match lock {
                Lock::Exclusive => locks.exclusive = Some(self.handle),
                Lock::Shared => locks.shared.push(self.handle),
            }
            Ok(())
        })
    }

    fn descriptor(&self) -> Result<BorrowedFd<'_>, StorageError> {
        let view = self.ask(Operation::Descriptor, 0, |node| node.show())?;
        Ok(self.view.get_or_init(|| view).as_fd())
    }
}

impl Locks {
    fn release(&mut self, handle: u64) {
        self.exclusive = self.exclusive.filter(|holder| *holder != handle);
        self.shared.retain(|holder| *holder != handle);
    }
}

impl Drop for SimulatedFile {
    fn drop(&mut self) {
        // A disk that a panicking test has left behind needs no unlocking.
        if let Ok(mut disk) = self.folder.0.lock() {
            disk.files[self.file].locks.release(self.handle);
        }
    }
}

fn to_usize(number: u64) -> usize {
    usize::try_from(number).expect("a simulated file is small")
}
