//! Files of Linux.
//!
//! A name is resolved once, by [`RealFolder::of`]: links are followed there, to the folder in which the file really lies,
//! so that whoever opens a heap through a link finds the log beside it. Inside of the folder no link is followed.
//!
//! 1. Whatever is not a regular file is refused before it is opened, for opening may block (a FIFO) or act (a device);
//!    and once more after, for the name may mean something else by then.
//! 2. Both descriptors of a [`RealFile`] are of the same file.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FallocateFlags, FileType, FlockOperation, Mode, OFlags, Stat};
use rustix::io::{Errno, ReadWriteFlags, retry_on_intr};

use super::{BLOCK, Lock, NotAFile, Open, Operation, Storage, StorageError, StoredFile};

/// What is written in one piece where space can only be had by writing zeros.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// What is added to every way of opening: never the terminal of the process, never waiting, never through a link.
const CAREFUL: OFlags = OFlags::CLOEXEC.union(OFlags::NOCTTY).union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW);

/// An open folder.
#[derive(Debug)]
pub(crate) struct RealFolder {
    folder: OwnedFd,
    path: PathBuf,
}

/// An open file.
#[derive(Debug)]
pub(crate) struct RealFile {
    file: OwnedFd,
    /// The same file for writes past the page cache, where the file system has that.
    direct: Option<OwnedFd>,
    path: PathBuf,
}

impl RealFolder {
    /// The folder in which the file `path` lies or would be made, and the file's name in it.
    pub(crate) fn of(path: &Path) -> Result<(Self, OsString), StorageError> {
        let failed = |source| error(Operation::Open, path, 0, source);
        let real = resolve(path).map_err(failed)?;
        let name = real.file_name().ok_or(NotAFile::Folder).map_err(|reason| failed(reason.into()))?;
        let parent = real.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder =
            retry_on_intr(|| rustix::fs::open(parent, flags, Mode::empty())).map_err(|e| failed(e.into()))?;
        Ok((Self { folder, path: parent.to_owned() }, name.to_owned()))
    }

    /// Refuses what is no regular file, without opening it.
    fn look_at(&self, name: &OsStr) -> io::Result<()> {
        match retry_on_intr(|| rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(stat) => regular(&stat),
            Err(errno) => Err(errno.into()),
        }
    }

    fn open_file(&self, name: &OsStr, how: Open) -> io::Result<RealFile> {
        if how != Open::New {
            self.look_at(name)?;
        }
        let flags = CAREFUL
            | match how {
                Open::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
                Open::Existing => OFlags::RDWR,
                Open::ReadOnly => OFlags::RDONLY,
            };
        let mode = Mode::RUSR | Mode::WUSR;
        let file = retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags, mode))?;
        let stat = rustix::fs::fstat(&file)?;
        regular(&stat)?;
        let direct = if how == Open::ReadOnly { None } else { self.open_direct(name, &stat) };
        Ok(RealFile { file, direct, path: self.path.join(name) })
    }

    /// The file of this name for writes past the page cache; `None` where the file system has no such thing, or where the
    /// name means another file than the one that `stat` is of.
    fn open_direct(&self, name: &OsStr, stat: &Stat) -> Option<OwnedFd> {
        let flags = CAREFUL | OFlags::WRONLY | OFlags::DIRECT;
        let direct = retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags, Mode::empty())).ok()?;
        let same = rustix::fs::fstat(&direct).ok()?;
        ((same.st_dev, same.st_ino) == (stat.st_dev, stat.st_ino)).then_some(direct)
    }

    fn error(&self, operation: Operation, name: &OsStr, source: impl Into<io::Error>) -> StorageError {
        error(operation, &self.path.join(name), 0, source)
    }
}

impl Storage for RealFolder {
    type File = RealFile;

    fn open(&self, name: &OsStr, how: Open) -> Result<RealFile, StorageError> {
        self.open_file(name, how).map_err(|e| self.error(Operation::Open, name, e))
    }

    fn exists(&self, name: &OsStr) -> Result<bool, StorageError> {
        match retry_on_intr(|| rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW)) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.error(Operation::Exists, name, errno)),
        }
    }

    fn remove(&self, name: &OsStr) -> Result<(), StorageError> {
        retry_on_intr(|| rustix::fs::unlinkat(&self.folder, name, AtFlags::empty()))
            .map_err(|e| self.error(Operation::Remove, name, e))
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), StorageError> {
        retry_on_intr(|| rustix::fs::renameat(&self.folder, from, &self.folder, to))
            .map_err(|e| self.error(Operation::Rename, from, e))
    }

    fn sync(&self) -> Result<(), StorageError> {
        retry_on_intr(|| rustix::fs::fsync(&self.folder))
            .map_err(|e| error(Operation::SyncFolder, &self.path, 0, e))
    }

    fn path(&self, name: &OsStr) -> PathBuf {
        self.path.join(name)
    }
}

impl RealFile {
    fn error(&self, operation: Operation, offset: u64, source: impl Into<io::Error>) -> StorageError {
        error(operation, &self.path, offset, source)
    }

    /// Makes this file one that shares the content of `of`, until either is changed; `false` where the file system cannot.
    pub(crate) fn share(&self, of: BorrowedFd<'_>) -> bool {
        retry_on_intr(|| rustix::fs::ioctl_ficlone(&self.file, of)).is_ok()
    }

    /// Writes past the page cache; `false` where that cannot be done.
    fn write_direct(&self, offset: u64, bytes: &[u8], how: ReadWriteFlags) -> Result<bool, (u64, io::Error)> {
        debug_assert!(bytes.as_ptr().addr().is_multiple_of(BLOCK) && bytes.len().is_multiple_of(BLOCK));
        debug_assert!(offset.is_multiple_of(BLOCK as u64));
        let Some(direct) = &self.direct else { return Ok(false) };
        let write = |rest: &[u8], at| rustix::io::pwritev2(direct, &[IoSlice::new(rest)], at, how);
        match write_all_by(write, offset, bytes) {
            Ok(()) => Ok(true),
            // The file system opens files in this way but does not write so, or not with blocks of this size.
            Err((_, Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS)) => Ok(false),
            Err((at, errno)) => Err((at, errno.into())),
        }
    }

    /// What `allocate` does where the file system cannot: every page of the range that reads as zero is written.
    ///
    /// Nobody else writes to the file meanwhile: whoever allocates holds its lock for himself.
    fn write_zeros(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let len = rustix::fs::fstat(&self.file)?.st_size.cast_unsigned();
        let end = offset.checked_add(bytes).ok_or(Errno::FBIG)?;
        let mut at = offset;
        while at < end {
            let step = (end - at).min(BLOCK as u64 - at % BLOCK as u64);
            let mut block = [0; BLOCK];
            let block = &mut block[..to_usize(step)];
            if at < len {
                let inside = to_usize(step.min(len - at));
                read_all(self.file.as_fd(), at, &mut block[..inside])?;
            }
            if block.iter().all(|byte| *byte == 0) {
                write_all(self.file.as_fd(), at, block).map_err(|(_, e)| e)?;
            }
            at += step;
        }
        Ok(())
    }

    /// What `punch` does where the file system cannot; like that, it does not make the file longer.
    fn overwrite_with_zeros(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let len = rustix::fs::fstat(&self.file)?.st_size.cast_unsigned();
        let end = offset.checked_add(bytes).ok_or(Errno::FBIG)?.min(len);
        let mut at = offset;
        while at < end {
            let step = (end - at).min(ZEROS.len() as u64);
            write_all(self.file.as_fd(), at, &ZEROS[..to_usize(step)]).map_err(|(_, e)| e)?;
            at += step;
        }
        Ok(())
    }
}

impl StoredFile for RealFile {
    fn len(&self) -> Result<u64, StorageError> {
        let stat = rustix::fs::fstat(&self.file).map_err(|e| self.error(Operation::Len, 0, e))?;
        Ok(stat.st_size.cast_unsigned())
    }

    fn set_len(&self, len: u64) -> Result<(), StorageError> {
        retry_on_intr(|| rustix::fs::ftruncate(&self.file, len))
            .map_err(|e| self.error(Operation::SetLen, len, e))
    }

    fn allocate(&self, offset: u64, bytes: u64) -> Result<(), StorageError> {
        if bytes == 0 {
            return Ok(());
        }
        match retry_on_intr(|| rustix::fs::fallocate(&self.file, FallocateFlags::empty(), offset, bytes)) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.write_zeros(offset, bytes),
            other => other.map_err(io::Error::from),
        }
        .map_err(|e| self.error(Operation::Allocate, offset, e))
    }

    fn punch(&self, offset: u64, bytes: u64) -> Result<(), StorageError> {
        if bytes == 0 {
            return Ok(());
        }
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match retry_on_intr(|| rustix::fs::fallocate(&self.file, flags, offset, bytes)) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.overwrite_with_zeros(offset, bytes),
            other => other.map_err(io::Error::from),
        }
        .map_err(|e| self.error(Operation::Punch, offset, e))
    }

    fn give_back(&self, offset: u64, bytes: u64) -> Result<bool, StorageError> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        match retry_on_intr(|| rustix::fs::fallocate(&self.file, flags, offset, bytes)) {
            Ok(()) => Ok(true),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(false),
            Err(errno) => Err(self.error(Operation::GiveBack, offset, errno)),
        }
    }

    fn take_back(&self, offset: u64, bytes: u64) -> Result<(), StorageError> {
        let flags = FallocateFlags::KEEP_SIZE;
        match retry_on_intr(|| rustix::fs::fallocate(&self.file, flags, offset, bytes)) {
            // Such a file system has given nothing back either.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(errno) => Err(self.error(Operation::TakeBack, offset, errno)),
        }
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        read_all(self.file.as_fd(), offset, into).map_err(|e| self.error(Operation::Read, offset, e))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        write_all(self.file.as_fd(), offset, bytes).map_err(|(at, e)| self.error(Operation::Write, at, e))
    }

    fn write_past_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let failed = |(at, e)| self.error(Operation::WritePast, at, e);
        if self.write_direct(offset, bytes, ReadWriteFlags::empty()).map_err(failed)? {
            return Ok(());
        }
        write_all(self.file.as_fd(), offset, bytes).map_err(failed)
    }

    fn write_durable_at(&self, offset: u64, bytes: &[u8]) -> Result<(), StorageError> {
        let failed = |(at, e)| self.error(Operation::WriteDurable, at, e);
        if self.write_direct(offset, bytes, ReadWriteFlags::DSYNC).map_err(failed)? {
            return Ok(());
        }
        write_all(self.file.as_fd(), offset, bytes).map_err(failed)?;
        retry_on_intr(|| rustix::fs::fdatasync(&self.file))
            .map_err(|e| self.error(Operation::WriteDurable, offset, e))
    }

    fn sync(&self) -> Result<(), StorageError> {
        retry_on_intr(|| rustix::fs::fdatasync(&self.file)).map_err(|e| self.error(Operation::Sync, 0, e))
    }

    fn lock(&self, lock: Lock) -> Result<(), StorageError> {
        let operation = match lock {
            Lock::Exclusive => FlockOperation::NonBlockingLockExclusive,
            Lock::Shared => FlockOperation::NonBlockingLockShared,
        };
        retry_on_intr(|| rustix::fs::flock(&self.file, operation))
            .map_err(|e| self.error(Operation::Lock, 0, e))
    }

    fn descriptor(&self) -> Result<BorrowedFd<'_>, StorageError> {
        Ok(self.file.as_fd())
    }
}

fn error(operation: Operation, path: &Path, offset: u64, source: impl Into<io::Error>) -> StorageError {
    StorageError { operation, file: path.to_owned(), offset, source: source.into() }
}

/// Follows all links of `path`, the last part of which need not be there.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    // A link to nothing stays an error: a file made in its place would not be where the link says.
    if fs::symlink_metadata(path).is_ok() {
        return Err(NotAFile::Link.into());
    }
    let name = path.file_name().ok_or(io::ErrorKind::NotFound)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(fs::canonicalize(parent)?.join(name))
}

fn regular(stat: &Stat) -> io::Result<()> {
    let reason = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(()),
        FileType::Directory => NotAFile::Folder,
        FileType::Fifo => NotAFile::Fifo,
        FileType::CharacterDevice | FileType::BlockDevice => NotAFile::Device,
        FileType::Socket => NotAFile::Socket,
        FileType::Symlink => NotAFile::Link,
        FileType::Unknown => NotAFile::Unknown,
    };
    Err(reason.into())
}

fn read_all(file: BorrowedFd<'_>, offset: u64, into: &mut [u8]) -> io::Result<()> {
    let mut done = 0;
    while done < into.len() {
        match retry_on_intr(|| rustix::io::pread(file, &mut into[done..], offset + done as u64))? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => done += count,
        }
    }
    Ok(())
}

/// Writes everything, or says where it failed.
fn write_all(file: BorrowedFd<'_>, offset: u64, bytes: &[u8]) -> Result<(), (u64, io::Error)> {
    write_all_by(|rest, at| rustix::io::pwrite(file, rest, at), offset, bytes)
        .map_err(|(at, errno)| (at, errno.into()))
}

/// The same with this call, which may write less than it is given. One that writes nothing has an input/output error.
fn write_all_by(
    write: impl Fn(&[u8], u64) -> rustix::io::Result<usize>,
    offset: u64,
    bytes: &[u8],
) -> Result<(), (u64, Errno)> {
    let mut done = 0;
    while done < bytes.len() {
        let at = offset + done as u64;
        match retry_on_intr(|| write(&bytes[done..], at)) {
            Ok(0) => return Err((at, Errno::IO)),
            Ok(count) => done += count,
            Err(errno) => return Err((at, errno)),
        }
    }
    Ok(())
}

/// Of a part of a buffer, which fits.
#[allow(clippy::cast_possible_truncation, reason = "the callers pass at most the length of a buffer")]
fn to_usize(bytes: u64) -> usize {
    bytes as usize
}

#[cfg(test)]
mod tests;
