//! A folder seen through the few files of one heap, and one open file of them.
//!
//! All that the durable floor asks of a file system goes through these two traits, which are small enough to fake: the
//! real one ([`RealFolder`]) is Linux, the simulated one forgets what was not synced and fails when it is told to.
//!
//! What an implementation promises, and all that may be relied upon:
//!
//! 1. After [`StoredFile::sync`] has succeeded, everything done to this file before it survives a loss of power. A sync
//!    that has failed says nothing about what was done before it, and neither does any later one; but for the length,
//!    which is the file system's own record: that is durable with the next sync that succeeds.
//! 2. After [`StoredFile::write_durable_at`] has succeeded, these bytes survive, and the length that is needed to read
//!    them. Nothing else does.
//! 3. After [`Storage::sync`] has succeeded, the names created, removed and renamed before it survive. A rename is
//!    atomic: at no time is there neither the old name nor the new one.
//! 4. Everything else may or may not have reached the disk, in any order, and writes in part. Within one sector of 512
//!    bytes a write is atomic.
//! 5. What lies between the old end of a file and the new one, or was allocated or punched, reads as zero.

mod real;
#[cfg(test)]
pub(crate) mod simulated;

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

pub(crate) use real::{RealFile, RealFolder};

/// What a durable write's buffer, offset and length are multiples of.
pub(crate) const BLOCK: usize = 4096;

/// A folder.
pub(crate) trait Storage: fmt::Debug + Send + Sync {
    /// An open file of it.
    type File: StoredFile;

    /// Opens a regular file; anything else is refused with [`NotAFile`].
    fn open(&self, name: &OsStr, how: Open) -> Result<Self::File, StorageError>;

    fn exists(&self, name: &OsStr) -> Result<bool, StorageError>;

    fn remove(&self, name: &OsStr) -> Result<(), StorageError>;

    /// Gives a file another name, in the place of the file that has it.
    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), StorageError>;

    /// Makes names durable.
    fn sync(&self) -> Result<(), StorageError>;

    /// What messages call a file of this folder.
    fn path(&self, name: &OsStr) -> PathBuf {
        PathBuf::from(name)
    }
}

/// An open file.
pub(crate) trait StoredFile: fmt::Debug + Send + Sync + 'static {
    fn len(&self) -> Result<u64, StorageError>;

    fn set_len(&self, len: u64) -> Result<(), StorageError>;

    /// Reserves space for a range, beyond the end too, so that writing there cannot run out of it.
    fn allocate(&self, offset: u64, bytes: u64) -> Result<(), StorageError>;

    /// Makes a range inside of the file read as zero, and gives its space back where that is possible.
    fn punch(&self, offset: u64, bytes: u64) -> Result<(), StorageError>;

    /// Gives the space of a range inside of the file back, which then reads as zero; `false`, and nothing is done, where the
    /// file system cannot. After an error nobody knows what the range reads as.
    fn give_back(&self, offset: u64, bytes: u64) -> Result<bool, StorageError>;

    /// Reserves the space of a range inside of the file that may have been given back. What it reads as stays as it is.
    fn take_back(&self, offset: u64, bytes: u64) -> Result<(), StorageError>;

    /// Fills `into`; a file that ends before that is an error.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), StorageError>;

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Writes past the system's cache where it can, with the same multiples as a durable write: for much that nobody reads soon.
    fn write_past_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Writes, and returns when the bytes are durable. Their address, their length and the offset are multiples of
    /// [`BLOCK`].
    fn write_durable_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError>;

    /// Makes everything done to this file durable.
    fn sync(&self) -> Result<(), StorageError>;

    /// Takes the file for oneself or together with other readers, until it is closed. Does not wait: a file that somebody
    /// else holds is an error of kind `WouldBlock`.
    fn lock(&self, lock: Lock) -> Result<(), StorageError>;

    /// A descriptor of the current content, for mapping it. Nothing may be written through it.
    fn descriptor(&self) -> Result<BorrowedFd<'_>, StorageError>;
}

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Open {
    /// It must not be there yet. Its owner alone may read and write it.
    New,
    /// It must be there.
    Existing,
    /// It must be there, and is only read.
    ReadOnly,
}

/// How a file is locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lock {
    Exclusive,
    Shared,
}

/// What was asked of a file or a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    Open,
    Exists,
    Remove,
    Rename,
    SyncFolder,
    Len,
    SetLen,
    Allocate,
    Punch,
    GiveBack,
    TakeBack,
    Read,
    Write,
    WritePast,
    WriteDurable,
    Sync,
    Lock,
    #[cfg(any(test, fuzzing))]
    Descriptor,
}

/// An operation that failed, and where.
#[derive(Debug)]
pub(crate) struct StorageError {
    pub(crate) operation: Operation,
    pub(crate) file: PathBuf,
    /// Where in the file; 0 for what concerns all of it.
    pub(crate) offset: u64,
    pub(crate) source: io::Error,
}

impl StorageError {
    /// Whether there was no room for what was asked: nothing is wrong with the disk.
    pub(crate) fn is_no_space(&self) -> bool {
        let kinds = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded, io::ErrorKind::FileTooLarge];
        kinds.contains(&self.source.kind())
    }
}

/// Why something that has a name cannot be opened as a heap's file; the inner error of an [`io::Error`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NotAFile {
    Folder,
    Fifo,
    Device,
    Socket,
    Link,
    Unknown,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "opening",
            Self::Exists => "looking for",
            Self::Remove => "removing",
            Self::Rename => "renaming",
            Self::SyncFolder => "syncing the folder",
            Self::Len => "asking for the length of",
            Self::SetLen => "changing the length of",
            Self::Allocate => "allocating space in",
            Self::Punch => "zeroing a part of",
            Self::GiveBack => "giving back space of",
            Self::TakeBack => "allocating space in",
            Self::Read => "reading",
            Self::Write | Self::WritePast => "writing",
            Self::WriteDurable => "durably writing",
            Self::Sync => "syncing",
            Self::Lock => "locking",
            #[cfg(any(test, fuzzing))]
            Self::Descriptor => "sharing",
        })
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, file, offset, source } = self;
        write!(f, "{operation} {} at {offset:#x}: {source}", file.display())
    }
}

impl std::error::Error for StorageError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

impl fmt::Display for NotAFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "it is a folder, not a file",
            Self::Fifo => "it is a FIFO, not a file",
            Self::Device => "it is a device, not a file",
            Self::Socket => "it is a socket, not a file",
            Self::Link => "it is a symbolic link, not a file",
            Self::Unknown => "it is not a regular file",
        })
    }
}

impl std::error::Error for NotAFile {}

impl From<NotAFile> for io::Error {
    fn from(reason: NotAFile) -> Self {
        Self::new(io::ErrorKind::InvalidInput, reason)
    }
}
