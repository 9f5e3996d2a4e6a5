//! What can be said of how a heap in a file is opened.

use std::time::Duration;

use super::HeapOptions;
use crate::durable::{Compression, Durability, Home, LogManner, Rhythm, SegmentBytes, Verify};
use crate::sync::Gate;

/// How long the log gets before a commit first brings it into the heap's file.
const LOG_BOUND: u64 = 64 << 20;

/// How a heap in a file is opened.
///
/// ```no_run
/// use outlive::OpenOptions;
///
/// let heap = OpenOptions::new().create(false).open("shop.heap")?;
/// # Ok::<(), outlive::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct OpenOptions {
    pub(super) heap: HeapOptions,
    pub(super) create: bool,
    pub(super) existing: bool,
    pub(super) read_only: bool,
    pub(super) segment: u64,
    pub(super) log_bound: u64,
    pub(super) rhythm: Rhythm,
    pub(super) log: LogManner,
    pub(super) verify: Verify,
    pub(super) home: Home,
    pub(super) find_unnoted: bool,
    pub(super) gate: Option<&'static Gate>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl OpenOptions {
    /// Opens the file, or makes it; room for 64 GiB, no limit, and a log of up to 64 MiB.
    pub fn new() -> Self {
        Self {
            heap: HeapOptions::new(),
            create: true,
            existing: true,
            read_only: false,
            segment: SegmentBytes::DEFAULT.get(),
            log_bound: LOG_BOUND,
            rhythm: Rhythm::default(),
            log: LogManner::default(),
            verify: Verify::No,
            home: Home::default(),
            find_unnoted: false,
            gate: None,
        }
    }

    /// Whether a file is made where there is none.
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Whether a file that is there already is taken up, rather than refused.
    pub fn existing(mut self, existing: bool) -> Self {
        self.existing = existing;
        self
    }

    /// Whether the heap is only read. Any number of readers can have a file at once, in any processes, but no writer
    /// beside them.
    ///
    /// A reader sees the last commit, after a crash too. It writes nothing to the file, its log and their folder, and
    /// makes nothing there, so it works on a file system that is mounted read-only. The heap's memory is its own: what is
    /// written into blocks is seen by nobody else, and gone with the heap. In such a heap
    ///
    /// - a request for memory gets an [`AllocError`](crate::AllocError), but one that a block already has room for;
    /// - a free does nothing: the block stays what it was;
    /// - blocks that lay in threads' magazines when they were committed stay there ([`BlockState::Cached`]);
    /// - [`Heap::persist`](crate::Heap::persist) is refused with [`Error::ReadOnly`](crate::Error::ReadOnly).
    ///
    /// [`OpenOptions::create`], [`OpenOptions::existing`], [`OpenOptions::absolute_pointers`] and whatever concerns commits do not
    /// count.
    ///
    /// ```
    /// use outlive::{Error, Heap, OpenOptions};
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-reader-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("read.heap");
    /// let heap = Heap::open(&path)?;
    /// heap.persist()?;
    /// assert!(matches!(OpenOptions::new().read_only(true).open(&path), Err(Error::InUse { .. })));
    /// heap.close()?;
    ///
    /// let readers = [OpenOptions::new().read_only(true).open(&path)?, OpenOptions::new().read_only(true).open(&path)?];
    /// assert!(readers.iter().all(|reader| reader.last_commit() == 1));
    /// assert!(matches!(readers[0].persist(), Err(Error::ReadOnly { .. })));
    /// # drop(readers);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// [`BlockState::Cached`]: crate::BlockState::Cached
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// Everything that a heap in a file has in common with one in memory: limit, reservation, pressure.
    pub fn heap(mut self, options: HeapOptions) -> Self {
        self.heap = options;
        self
    }

    /// The bytes of a segment of the log, rounded up to pages. A commit that fits into one is written in one piece.
    pub fn log_segment(mut self, bytes: u64) -> Self {
        self.segment = bytes;
        self
    }

    /// How long the log gets, in bytes, before it is brought into the heap's file.
    pub fn log_bound(mut self, bytes: u64) -> Self {
        self.log_bound = bytes;
        self
    }

    /// Has captures pass a gate, which keeps out who changes values.
    pub(crate) fn gate(mut self, gate: &'static Gate) -> Self {
        self.gate = Some(gate);
        self
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(crate) fn verifies_values(&self) -> bool {
        self.verify == Verify::Full
    }

    /// Whether each commit looks for writes to tracked memory that nobody noted ([`Tracked::note`](crate::Tracked::note)),
    /// and fails with [`Error::Unnoted`](crate::Error::Unnoted) where it finds one. For programs under test: it compares all tracked memory with
    /// what is committed, and the memory of free blocks of that kind stays with the process. It also finds what a `Drop` of the program's
    /// own writes to the value that it is for, if that lies in a collection: nobody sees it any more, and so nothing is lost by it.
    ///
    /// ```
    /// use outlive::{Error, OpenOptions};
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-unnoted-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("shop.heap");
    /// let heap = OpenOptions::new().find_unnoted(true).open(&path)?;
    /// let block = heap.tracked().allocate(std::alloc::Layout::new::<u64>()).unwrap();
    /// // SAFETY: the block holds a number.
    /// unsafe { block.cast::<u64>().write(42) };
    /// assert!(matches!(heap.persist(), Err(Error::Unnoted { .. })));
    /// heap.tracked().note(block.as_ptr(), 8);
    /// assert_eq!(heap.persist()?.noted, 1);
    /// # drop(heap);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    pub fn find_unnoted(mut self, find: bool) -> Self {
        self.find_unnoted = find;
        self
    }

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
    /// ([`Heap::base`](crate::Heap::base)) or not at all: [`Error::AddressTaken`](crate::Error::AddressTaken). A heap that
    /// holds some already stays so whatever this says.
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
}
