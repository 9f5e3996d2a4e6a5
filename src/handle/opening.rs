//! What else can be said of how a heap in a file is opened: when and how it is persisted, where it lies, what is verified.

use std::path::Path;
use std::time::Duration;

use super::OpenOptions;
use crate::durable::{Compression, Durability, Verify};
use crate::error::Error;
use crate::heap::{Core, Report};

impl OpenOptions {
    /// What commits survive: a loss of power, unless this says otherwise.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.log.durability = durability;
        self
    }

    /// Whether commits are compressed in the log; they are not unless this says so. What it costs is processor time in
    /// each commit, outside of the capture.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.log.compression = compression;
        self
    }

    /// How much is looked at before the heap is opened: no more than opening needs, unless this says otherwise.
    pub fn verify(mut self, verify: Verify) -> Self {
        self.verify = verify;
        self
    }

    /// Has a thread of the heap's own persist it, with pauses of this length. Nothing is written where nothing has changed.
    pub fn persist_every(mut self, pause: Duration) -> Self {
        self.rhythm.every = Some(pause);
        self
    }

    /// Has a thread of the heap's own persist it when this many bytes are *dirty*, whatever the time; together with
    /// [`OpenOptions::persist_every`], when the first of the two is true.
    ///
    /// Dirty is what can be known at little cost: the pages of 4 KiB that were written since the last commit, whole ones
    /// however little was written to them, and what the heap has grown by, written or not. So a commit may come early, and
    /// not late by more than what is written between two looks: every 5 ms, or more rarely in a heap so large that looking
    /// would take more than a fiftieth of the time.
    ///
    /// The kernel counts written pages where [`FileStats::method`](crate::FileStats::method) is "write protection" (Linux
    /// 6.7 or later). Elsewhere only what was written before the first commit and growth are known: take
    /// [`OpenOptions::persist_every`] as well.
    ///
    /// ```
    /// use outlive::OpenOptions;
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-after-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("shop.heap");
    /// let heap = OpenOptions::new().persist_after(1 << 20).open(&path)?;
    /// let block = heap.allocate_zeroed(std::alloc::Layout::new::<[u8; 4 << 20]>()).unwrap();
    /// while heap.last_commit() == 0 {
    ///     std::thread::sleep(std::time::Duration::from_millis(1));
    /// }
    /// # drop(heap);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn persist_after(mut self, bytes: u64) -> Self {
        self.rhythm.after = Some(bytes);
        self
    }

    /// The address of a new heap, a multiple of 2 MiB; one of 16,384 that programs rarely use, by chance, unless this says
    /// otherwise. A heap that is there already keeps its own.
    ///
    /// Where the address is taken a heap is mapped elsewhere, and offsets into it stay true; unless it holds absolute
    /// pointers.
    pub fn base_address(mut self, address: usize) -> Self {
        self.home.address = Some(address);
        self
    }

    /// Whether the heap is to hold absolute pointers. From then on, for good, it opens at its own address
    /// ([`Heap::base`](crate::Heap::base)) or not at all: [`Error::AddressTaken`]. A heap that holds some already stays so
    /// whatever this says.
    ///
    /// ```
    /// use outlive::{Error, Heap, OpenOptions};
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-absolute-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("shop.heap");
    /// let heap = OpenOptions::new().absolute_pointers(true).open(&path)?;
    /// let base = heap.base();
    /// heap.close()?;
    /// assert_eq!(Heap::open(&path)?.base(), base);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    pub fn absolute_pointers(mut self, absolute: bool) -> Self {
        self.home.is_bound = absolute;
        self
    }

    /// Refuses what this build cannot do.
    pub(super) fn has_features(&self, path: &Path) -> Result<(), Error> {
        match self.log.compression {
            Compression::Lz4 if !cfg!(feature = "lz4") => {
                Err(Error::FeatureMissing { file: path.to_owned(), feature: "lz4" })
            }
            _ => Ok(()),
        }
    }

    /// Looks at what was committed, as far as that was asked for.
    pub(super) fn verify_core(&self, core: &Core, path: &Path) -> Result<(), Error> {
        if self.verify == Verify::No {
            return Ok(());
        }
        let report = core.check();
        if report.is_clean() {
            return Ok(());
        }
        Err(damaged(path, Box::new(report)))
    }
}

/// The tables of the heap in this file are damaged.
pub(super) fn damaged(path: &Path, report: Box<Report>) -> Error {
    Error::MetadataDamaged { file: path.to_owned(), report }
}
