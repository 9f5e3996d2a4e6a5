//! What may be asked of the log: how durable a commit is, and whether it is compressed.

use core::fmt;

/// What a commit survives.
///
/// The level belongs to an opening, not to the file: the next one may choose another. Whatever the level, what is found
/// again is a whole commit, never a mixture; and closing a heap makes everything in it survive a loss of power.
///
/// ```
/// use outlive::{Durability, OpenOptions};
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-levels-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("fast.heap");
/// let heap = OpenOptions::new().durability(Durability::ProcessCrash).open(&path)?;
/// let commit = heap.persist()?; // no disk was waited for
/// assert_eq!(commit.durability, Durability::ProcessCrash);
/// heap.close()?; // but here
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum Durability {
    /// A commit survives the end of the process and a loss of power: it waits for the disk.
    #[default]
    PowerLoss,
    /// A commit survives the end of the process, however it ends, and not a loss of power: it waits for the system's
    /// memory only. A loss of power leaves an earlier commit, whole; no older one than the last checkpoint or the last
    /// opening has seen.
    ProcessCrash,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerLoss => "survives a loss of power",
            Self::ProcessCrash => "survives the end of the process",
        })
    }
}

/// How commits are written to the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Compression {
    /// As they are.
    #[default]
    No,
    /// As LZ4 blocks, where that saves at least a page. Needs the feature `lz4`, to write such a log and to read it.
    Lz4,
}

/// Both, for one opening.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct LogManner {
    pub(crate) durability: Durability,
    pub(crate) compression: Compression,
}

/// How much of a heap is looked at before it is opened.
///
/// ```
/// use outlive::{OpenOptions, Verify};
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-verify-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("shop.heap");
/// # outlive::Heap::open(&path)?.close()?;
/// let heap = OpenOptions::new().verify(Verify::Metadata).open(&path)?;
/// # drop(heap);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
#[non_exhaustive]
pub enum Verify {
    /// What opening needs: superblocks, the log as a whole, the header of the image. The time does not depend on the
    /// heap's size. Opening and closing end in a heap or an error, whatever is in the file. The rest of the allocator's tables
    /// is believed: where somebody has damaged them, requests to a heap that is opened for writing may do anything, end the
    /// process with the message for a free that cannot be right, or hand out memory that is in use.
    #[default]
    No,
    /// All that the allocator knows besides, by the checker: [`Heap::check`](crate::Heap::check) before anybody uses the
    /// heap. For files that come from anywhere. The time is in proportion to its pages, some milliseconds a gigabyte; blocks are not read.
    Metadata,
    /// The same, and in a typed heap every value that can be reached from its root, in proportion to them in time and memory.
    /// What cannot be a value is refused ([`Error::ValuesDamaged`](crate::Error::ValuesDamaged)), whatever bytes it has, and so is
    /// a collection that counts other entries than it has, or whose keys are out of order ([`Persist::order`](crate::Persist::order)
    /// says which are compared).
    Full,
}
