//! What can go wrong, and what to do about it.

use core::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::heap::{BlockInfo, Report};

/// Why a heap could not be made or taken up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The system refused address space or memory for the heap's beginning.
    NoMemory {
        /// The bytes that were asked for last.
        bytes: usize,
        /// The system's error number.
        code: i32,
    },
    /// The buffer is too small for a heap, or for the image in it.
    BufferTooSmall {
        /// Its usable bytes, from its first page boundary on.
        found: usize,
        /// The bytes that are needed, from a page boundary on.
        expected: usize,
    },
    /// The buffer does not hold the image of a heap.
    NotAnImage {
        /// Which word of the header is not what it should be.
        field: &'static str,
        /// What it is.
        found: u64,
        /// What it should be.
        expected: u64,
    },
    /// The buffer holds the image of a heap whose metadata is damaged.
    Damaged(Box<Report>),
    /// The limit leaves no room for a single block.
    LimitTooSmall {
        /// The limit in bytes.
        found: usize,
        /// The least that can work.
        expected: usize,
    },
    /// The system refused an operation on the heap's file, its log or their folder. What is committed is not affected.
    File {
        /// What was tried.
        operation: String,
        /// The file.
        file: PathBuf,
        /// Where in the file; 0 for what concerns all of it.
        offset: u64,
        /// What the system answered.
        source: Arc<std::io::Error>,
    },
    /// Another opener has the heap's file.
    InUse {
        /// The file.
        file: PathBuf,
    },
    /// The file is no heap, or a damaged one. Nothing was changed.
    FileDamaged {
        /// The file.
        file: PathBuf,
        /// What was found, what was expected, and where.
        what: String,
    },
    /// Another version of this crate, or one with other features, wrote the file.
    OtherVersion {
        /// The file.
        file: PathBuf,
        /// What was found, and what was expected.
        what: String,
    },
    /// The file needs a feature of this crate that this build was made without, or the options ask for one.
    FeatureMissing {
        /// The file.
        file: PathBuf,
        /// The feature.
        feature: &'static str,
    },
    /// There is damage in the metadata of a heap's last commit: the checker found it, which [`Verify::Metadata`](crate::Verify)
    /// asked for, or what every opening for writing looks at is damaged. The commit is what it was.
    MetadataDamaged {
        /// The file.
        file: PathBuf,
        /// What was found.
        report: Box<Report>,
    },
    /// The log of a heap is damaged. Nothing was changed.
    LogDamaged {
        /// The log.
        file: PathBuf,
        /// What was found, what was expected, and where.
        what: String,
    },
    /// The log that holds the last commits of a heap is not there.
    LogMissing {
        /// The log.
        file: PathBuf,
        /// The last commit that the heap's file itself holds.
        applied: u64,
    },
    /// The address at which the heap was is taken, and the heap holds absolute pointers.
    AddressTaken {
        /// The heap's file.
        file: PathBuf,
        /// The address.
        wanted: u64,
        /// How many bytes from there on are needed.
        bytes: u64,
    },
    /// A heap cannot begin at the address that was asked for.
    AddressNotAligned {
        /// The address.
        found: u64,
        /// What it has to be a multiple of.
        expected: u64,
    },
    /// A write or a sync has failed earlier. The last commit is whole; this heap makes no further ones.
    Failed {
        /// The file.
        file: PathBuf,
    },
    /// The heap was opened by another process, of which this one is a `fork`.
    Forked,
    /// The heap is in memory only.
    NoFile,
    /// The heap cannot be written to a file.
    CannotSave {
        /// What is in the way, and what to do instead.
        why: &'static str,
    },
    /// A tracked block was written to and nobody noted it. Nothing was committed.
    Unnoted {
        /// Where the first such line of 64 bytes lies.
        address: usize,
        /// The same, from the heap's base.
        offset: u64,
        /// The block that lies there.
        block: BlockInfo,
    },
    /// The heap was opened to be read.
    ReadOnly {
        /// The file.
        file: PathBuf,
    },
    /// A heap is open under this heap type already.
    HeapTypeInUse {
        /// The heap type.
        heap: &'static str,
    },
    /// An update or a write of the heap's values has panicked, and may have left them half-changed.
    Suspect,
    /// A thread has begun something within an access to the same heap, where it would wait for itself.
    WithinAccess {
        /// What it has begun.
        what: &'static str,
    },
    /// A root in the heap is of another type than the program's, or of the same in another layout.
    OtherLayout {
        /// The root's name; empty for that of the heap itself.
        root: String,
        /// The layout of the values in the heap, in lines: types, and fields with their places. Lines that only one of the
        /// two has are marked.
        found: String,
        /// That of the program's type.
        expected: String,
    },
    /// A root's type has to do with another heap type than the one under which its heap is opened.
    OtherHeap {
        /// The one under which it is opened.
        heap: &'static str,
    },
    /// The heap has no root of this name.
    NoRoot {
        /// The name; empty for that of the heap itself.
        root: String,
    },
    /// The type of a root is not known, because it was not opened since the heap was.
    UnknownRoot {
        /// The root.
        root: String,
    },
    /// What lies under a root cannot be what it should be. Nothing was changed.
    ValuesDamaged {
        /// What was found, what can be there, and where.
        what: String,
    },
    /// The heap has no memory for what was asked of it.
    HeapFull,
    /// The heap could not be opened again after a rollback.
    Closed,
    /// A rollback came between the beginning of a commit and its end.
    RolledBack,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory { bytes, code } => write!(
                f,
                "the system refused {bytes} bytes of address space (error {code}): raise the process's limit on address \
                 space, or ask for a smaller reservation"
            ),
            Self::BufferTooSmall { found, expected } => write!(
                f,
                "the buffer has {found} bytes from its first page boundary on, and at least {expected} are needed: pass a \
                 larger one, or one that is aligned to a page"
            ),
            Self::NotAnImage { field, found, expected } => write!(
                f,
                "the buffer holds no heap of this version: its {field} is {found:#x} where {expected:#x} was expected; \
                 make a new heap with `in_buffer`, or use the version of the crate that wrote this one"
            ),
            Self::Damaged(report) => write!(
                f,
                "the buffer holds a heap whose metadata is damaged; nothing was changed, take an older copy: {report}"
            ),
            Self::LimitTooSmall { found, expected } => write!(
                f,
                "a limit of {found} bytes leaves no room for a block: at least {expected} are needed"
            ),
            Self::File { operation, file, offset, source } => write!(
                f,
                "{operation} {} at {offset:#x} failed: {source}; the last commit is not affected",
                file.display()
            ),
            Self::InUse { file } => write!(
                f,
                "{} is open already, here or in another process: close it there first",
                file.display()
            ),
            Self::FileDamaged { file, what } => {
                write!(f, "{} is no heap, or a damaged one: {what}; nothing was changed", file.display())
            }
            Self::OtherVersion { file, what } => write!(
                f,
                "{} was written by another version of this crate, or one with other features, which can open it: {what}",
                file.display()
            ),
            Self::FeatureMissing { file, feature } => write!(
                f,
                "{} needs the feature `{feature}` of this crate, which this build lacks: build with it",
                file.display()
            ),
            Self::MetadataDamaged { file, report } => write!(
                f,
                "{} holds a heap whose metadata is damaged; see what else `check` finds, and take an older copy or a snapshot: \
                 {report}",
                file.display()
            ),
            Self::LogDamaged { file, what } => write!(
                f,
                "{} is damaged: {what}; nothing was changed, take a copy of it and of the heap's file",
                file.display()
            ),
            Self::LogMissing { file, applied } => write!(
                f,
                "{} is missing, with the commits after {applied}: put it back beside the heap's file",
                file.display()
            ),
            Self::AddressTaken { file, wanted, bytes } => write!(
                f,
                "{} holds absolute pointers and works only at {wanted:#x}, where something else lies within its {bytes} \
                 bytes: open it earlier in the program, or make it anew at another address",
                file.display()
            ),
            Self::AddressNotAligned { found, expected } => write!(
                f,
                "a heap cannot begin at {found:#x}: take an address above 0 that is a multiple of {expected:#x}"
            ),
            Self::Failed { file } => write!(
                f,
                "an earlier write to {} or its log has failed: open the heap again, its last commit is whole",
                file.display()
            ),
            Self::Forked => {
                f.write_str("this process is a fork of the one that opened the heap: open it here")
            }
            Self::NoFile => f.write_str("the heap is in memory only: open one in a file to persist it"),
            Self::CannotSave { why } => write!(f, "the heap cannot be saved: {why}"),
            Self::Unnoted { address, offset, block } => write!(
                f,
                "the line of 64 bytes at {address:#x}, {offset:#x} from the heap's base, was written and not noted; a block \
                 of {} bytes at {:#x} lies there: call `note` before each write to it. Nothing was committed",
                block.size,
                block.offset.get()
            ),
            Self::ReadOnly { file } => write!(
                f,
                "{} was opened to be read: open it without `read_only` to persist anything",
                file.display()
            ),
            Self::HeapTypeInUse { heap } => write!(
                f,
                "a heap is open as `{heap}` already: close it first, or define another type with `heap!`"
            ),
            Self::Suspect => f.write_str(
                "a change of the heap's values has panicked, and they may be half-changed: go back to the last commit with \
                 `rollback`, or look and say that they are right with `accept`",
            ),
            Self::WithinAccess { what } => {
                write!(f, "{what} was begun within an access to the same heap: begin it before or after that")
            }
            Self::OtherLayout { root, found, expected } => {
                let root = Named(root);
                write!(
                    f,
                    "{root} has another layout than the program's type: open it with the type that it was made with, or \
                     change it with `migrate`\nin the heap:\n{found}in the program:\n{expected}"
                )
            }
            Self::OtherHeap { heap } => write!(
                f,
                "the root's type has values or pointers of another heap in it than `{heap}`: make it of those of `{heap}`"
            ),
            Self::NoRoot { root } => write!(f, "there is no {}", Named(root)),
            Self::UnknownRoot { root } => {
                write!(f, "what belongs to the {} can only be said when its type is known: open it first", Named(root))
            }
            Self::ValuesDamaged { what } => {
                write!(f, "values in the heap are damaged: {what}; nothing was changed, take an older copy")
            }
            Self::HeapFull => {
                f.write_str("the heap has no memory for this: free something, or raise its limit")
            }
            Self::RolledBack => f.write_str(
                "the heap was rolled back since this commit was begun: look whether the last commit is this one or the one \
                 before",
            ),
            Self::Closed => f.write_str(
                "the heap could not be opened again after a rollback: see to what was in the way, and roll back once more",
            ),
        }
    }
}

/// A root, as messages call it.
struct Named<'a>(&'a str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("root of the heap") } else { write!(f, "root {:?}", self.0) }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { source, .. } => Some(source),
            _ => None,
        }
    }
}
