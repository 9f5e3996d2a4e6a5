//! What a heap in a file can do.

use std::path::Path;

use super::{Heap, OpenOptions};
use crate::durable::{Commit, Durable, FileStats, Replay, Ticket};
use crate::error::Error;

/// A commit that [`Heap::persist_async`] has begun.
#[derive(Debug)]
#[must_use = "whether the commit worked is said by `wait`"]
pub struct Pending<'heap> {
    heap: &'heap Heap,
    ticket: Ticket,
}

impl Pending<'_> {
    /// Whether the commit has been made, or has failed.
    pub fn is_done(&self) -> bool {
        self.heap.is_covered(self.ticket)
    }

    /// Waits until the commit is durable.
    ///
    /// # Errors
    /// As [`Heap::persist`].
    pub fn wait(self) -> Result<Commit, Error> {
        self.heap.redeem(self.ticket)
    }
}

impl Heap {
    /// Opens the heap in this file as its last commit left it, or makes a new one.
    ///
    /// After a crash, of the program or of the machine, that is the last commit for which [`Heap::persist`] has returned,
    /// or the one that it was making. Opening does not depend on the heap's size.
    ///
    /// ```
    /// use outlive::Heap;
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("first.heap");
    /// let heap = Heap::open(&path)?;
    /// let block = heap.allocate(std::alloc::Layout::new::<u64>()).unwrap();
    /// let commit = heap.persist()?;
    /// assert_eq!(commit.sequence, 1);
    /// # drop(heap);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InUse`], [`Error::FileDamaged`], [`Error::LogDamaged`], [`Error::LogMissing`], [`Error::OtherVersion`],
    /// [`Error::FeatureMissing`], [`Error::AddressTaken`], [`Error::AddressNotAligned`], [`Error::MetadataDamaged`],
    /// [`Error::NoMemory`], or [`Error::File`] with what the system said. The last commit is not affected by any of them.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        OpenOptions::new().open(path)
    }

    /// The same as [`Heap::open`], for a file that is there.
    ///
    /// # Errors
    /// As [`Heap::open`].
    pub fn restore(path: impl AsRef<Path>) -> Result<Self, Error> {
        OpenOptions::new().create(false).open(path)
    }

    /// Makes everything in the heap durable, as one commit: after a crash all of it is there, or none.
    ///
    /// Other threads go on allocating and freeing meanwhile. What they write into their blocks while this runs may be in
    /// the commit or not.
    ///
    /// # Errors
    /// [`Error::NoFile`] for a heap in memory, [`Error::File`] with what the system said, [`Error::Failed`] after a sync
    /// or a write to the log has failed, [`Error::Forked`]. The last commit is not affected by any of them.
    pub fn persist(&self) -> Result<Commit, Error> {
        let file = self.durable()?;
        let ticket = file.ask()?;
        file.redeem(self.cores()?, ticket)
    }

    /// The same, without waiting: a thread of its own makes the commit, of everything that was written before this call.
    ///
    /// ```
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-async-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("async.heap");
    /// let heap = outlive::Heap::open(&path)?;
    /// let block = heap.allocate(std::alloc::Layout::new::<u64>()).unwrap();
    /// let pending = heap.persist_async()?;
    /// // ... something else ...
    /// assert_eq!(pending.wait()?.sequence, 1);
    /// # drop(heap);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFile`], [`Error::Forked`]; what becomes of the commit, [`Pending::wait`] says.
    pub fn persist_async(&self) -> Result<Pending<'_>, Error> {
        Ok(Pending { heap: self, ticket: self.begin()? })
    }

    /// Has a thread of its own make the commit that [`Heap::redeem`] waits for.
    pub(crate) fn begin(&self) -> Result<Ticket, Error> {
        let file = self.durable()?;
        let ticket = file.ask()?;
        file.begin(self.cores()?, ticket)?;
        Ok(ticket)
    }

    pub(crate) fn is_covered(&self, ticket: Ticket) -> bool {
        self.durable().is_ok_and(|file| file.is_covered(ticket))
    }

    pub(crate) fn redeem(&self, ticket: Ticket) -> Result<Commit, Error> {
        self.durable()?.redeem(self.cores()?, ticket)
    }

    /// Brings all commits into the one file and closes the heap. What was not persisted is lost.
    ///
    /// Dropping the heap does the same, and cannot say whether it worked; where it did not, the next opening does.
    ///
    /// # Errors
    /// As [`Heap::persist`].
    pub fn close(self) -> Result<(), Error> {
        self.durable()?.close(self.cores().ok())
    }

    /// Makes the heap's file shorter: what is free at the end of the heap is taken out of it, with everything that is written so
    /// far made durable by a commit; says how many bytes that are. Nothing is moved, so that a block near the end keeps all that
    /// lies before it. Free space elsewhere goes back to the file system by itself, and the file only seems as long.
    ///
    /// Other threads' commits wait meanwhile, and so do their misses for a moment.
    ///
    /// ```
    /// use std::alloc::Layout;
    ///
    /// use outlive::Heap;
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-compact-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("shop.heap");
    /// let heap = Heap::open(&path)?;
    /// let block = heap.allocate(Layout::new::<[u8; 8 << 20]>()).unwrap();
    /// heap.persist()?;
    /// // SAFETY: allocated with this layout, and used no more.
    /// unsafe { heap.deallocate(block, Layout::new::<[u8; 8 << 20]>()) };
    /// let before = heap.file_stats()?.file_bytes;
    /// assert!(heap.compact()? >= 7 << 20);
    /// assert!(heap.file_stats()?.file_bytes + (7 << 20) <= before);
    /// # drop(heap);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Heap::persist`]. The last commit is not affected by any of them, and the heap is no larger than before.
    pub fn compact(&self) -> Result<u64, Error> {
        let file = self.durable()?;
        self.trim();
        file.compact(self.cores().ok())
    }

    /// The number of the last commit; 0 for a heap in memory, and before the first.
    pub fn last_commit(&self) -> u64 {
        self.file.as_ref().map_or(0, |file| file.last())
    }

    /// What this opening has found in the heap's log and replayed; `None` where there was none: the heap was closed the last
    /// time, or is new, or has no file. Read-only openings say it too.
    ///
    /// ```
    /// use outlive::{Heap, OpenOptions};
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-replayed-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let (path, copy) = (folder.join("shop.heap"), folder.join("copy.heap"));
    /// let heap = Heap::open(&path)?;
    /// heap.persist()?;
    /// // What a crash would leave now: the file and its log.
    /// std::fs::copy(&path, &copy).unwrap();
    /// std::fs::copy(folder.join("shop.heap.log"), folder.join("copy.heap.log")).unwrap();
    /// heap.close()?;
    ///
    /// assert_eq!(Heap::open(&path)?.replayed(), None);
    /// let replay = Heap::open(&copy)?.replayed().expect("a log");
    /// assert_eq!((replay.commits, replay.unfinished), (1, false));
    /// println!("{replay}");
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    pub fn replayed(&self) -> Option<Replay> {
        self.file.as_ref().and_then(|file| file.replayed())
    }

    /// The heap's file in numbers; [`Heap::stats`] has those of its memory.
    ///
    /// ```
    /// use outlive::Heap;
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-numbers-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("shop.heap");
    /// let heap = Heap::open(&path)?;
    /// heap.persist()?;
    /// let stats = heap.file_stats()?;
    /// assert_eq!((stats.last_commit, stats.commits), (1, 1));
    /// println!("{stats}");
    /// # drop(heap);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFile`] for a heap in memory, [`Error::Forked`], [`Error::File`] with what the system said.
    pub fn file_stats(&self) -> Result<FileStats, Error> {
        self.durable()?.stats()
    }

    pub(super) fn durable(&self) -> Result<&dyn Durable, Error> {
        self.file.as_deref().ok_or(Error::NoFile)
    }
}

#[cfg(test)]
mod tests {
    use std::alloc::Layout;
    use std::ffi::OsStr;
    use std::ptr::NonNull;

    use super::*;
    use crate::durable::{Method, SimulatedFolder, Storage};
    use crate::handle::HeapOptions;

    fn open(folder: &SimulatedFolder) -> Heap {
        OpenOptions::new()
            .heap(HeapOptions::new().reservation(16 << 20))
            .open_in(folder.clone(), OsStr::new("heap"), Method::BEST, false)
            .unwrap()
    }

    /// The first number of every block, in order.
    fn numbers(heap: &Heap) -> Vec<u64> {
        let mut numbers = Vec::new();
        // SAFETY: the blocks of these tests hold a number each.
        heap.for_each_block(|block, _| numbers.push(unsafe { block.cast::<u64>().read() }));
        numbers.sort_unstable();
        numbers
    }

    fn put(heap: &Heap, number: u64, layout: Layout) -> NonNull<u8> {
        let block = heap.allocate(layout).unwrap();
        // SAFETY: the block holds a number.
        unsafe { block.cast::<u64>().write(number) };
        block
    }

    #[test]
    fn a_heap_is_found_as_its_last_commit_left_it_after_a_crash_and_after_a_close() {
        let (folder, layouts) =
            (SimulatedFolder::new(), [Layout::new::<u64>(), Layout::new::<[u64; 9000]>()]);
        let heap = open(&folder);
        assert_eq!((heap.replayed(), heap.last_commit()), (None, 0));
        let blocks: Vec<_> = (0..200).map(|n| put(&heap, n, layouts[usize::from(n % 50 == 0)])).collect();
        assert_eq!(heap.persist().unwrap().sequence, 1);
        // SAFETY: a block of this heap, with its layout.
        unsafe { heap.deallocate(blocks[7], layouts[0]) };
        put(&heap, 1000, layouts[0]);
        assert_eq!(heap.persist().unwrap().sequence, 2);
        put(&heap, 2000, layouts[1]);
        let kept: Vec<u64> = (0..7).chain(8..200).chain([1000]).collect();

        let crashed = folder.crashes().last().unwrap().disk(0);
        let found = open(&crashed);
        assert_eq!((found.replayed().unwrap().commits, found.last_commit()), (2, 2));
        assert_eq!(numbers(&found), kept);
        assert!(found.check().is_clean());
        put(&found, 3000, layouts[0]);
        assert_eq!(found.persist().unwrap().sequence, 3);
        found.close().unwrap();
        assert!(!crashed.exists(OsStr::new("heap.log")).unwrap());
        let again = open(&crashed);
        assert_eq!((again.replayed(), again.last_commit()), (None, 3));
        assert_eq!(numbers(&again), [&kept[..], &[3000]].concat());

        drop(heap);
        assert_eq!(numbers(&open(&folder)), kept, "a drop keeps what was committed and nothing more");
    }
}
