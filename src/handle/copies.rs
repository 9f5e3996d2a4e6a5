//! Copies of heaps in files that they do not live in.

use std::path::Path;

use super::{Heap, HeapOptions};
use crate::durable::{Flags, Loaded, RealFolder, load, of_storage, publish, save};
use crate::error::Error;
use crate::heap::GLOBAL_CORE;

impl Heap {
    /// Writes what the heap holds to a file that [`Heap::load`] and [`Heap::open`] take up, and keeps no connection with it.
    ///
    /// A file of that name is replaced in one step: after a crash there is the old one or the new one. Blocks keep their
    /// offsets. Memory that is free, and pages of zeros, take no space in the file.
    ///
    /// The heap may be one in memory, one that was loaded, or one in a file, whose current content it is then, persisted or
    /// not. In use by other threads, it is saved as it was at one moment; what they write into their blocks meanwhile may
    /// be in the file or not. The slow paths of the allocator wait while its tables are copied.
    ///
    /// ```
    /// use allocator_api2::boxed::Box;
    /// use outlive::Heap;
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-save-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("saved.heap");
    /// let heap = Heap::in_memory()?;
    /// let answer = Box::leak(Box::new_in(42_u64, &heap));
    /// let offset = heap.info(std::ptr::from_ref(answer).cast()).unwrap().offset;
    /// heap.save(&path)?;
    ///
    /// let loaded = Heap::load(&path)?;
    /// let mut found = None;
    /// loaded.for_each_block(|block, info| {
    ///     if info.offset == offset {
    ///         // SAFETY: the block holds what was put into it.
    ///         found = Some(unsafe { block.cast::<u64>().read() });
    ///     }
    /// });
    /// assert_eq!(found, Some(42));
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::InUse`] where a heap has the file open (this one too), [`Error::CannotSave`] for a heap in a buffer, which
    /// divides its memory otherwise and whose blocks would get other offsets, and for the process's own heap;
    /// [`Error::NoMemory`], or [`Error::File`] with what the system said. A file that was there before is still there then.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        if self.core.as_ptr() == GLOBAL_CORE {
            return Err(Error::CannotSave {
                why: "it is the process's own, and would be changed by saving it",
            });
        }
        if self.core().region().is_buffer() {
            let why =
                "it lies in a buffer, whose bytes are its image: keep a copy of them, for `Heap::attach`";
            return Err(Error::CannotSave { why });
        }
        let (folder, name) = RealFolder::of(path.as_ref()).map_err(of_storage)?;
        let flags = Flags::of_new(self.is_bound);
        publish(&folder, &name, |file| {
            let cores: Vec<_> = self.parts().collect();
            save(&cores, file, self.last_commit(), flags)
        })
    }

    /// Makes the last commit of a heap in a file a file of its own, which opens like any other; says which commit that is.
    ///
    /// The heap goes on meanwhile. Where the file system shares content between files that costs next to nothing; elsewhere
    /// the file is copied, and only a commit that finds the log too long waits for that. What was not persisted is not in
    /// the snapshot: [`Heap::save`] is for that, and for heaps that are only read.
    ///
    /// ```
    /// use outlive::Heap;
    ///
    /// # let folder = std::env::temp_dir().join(format!("outlive-doc-snapshot-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("shop.heap");
    /// let heap = Heap::open(&path)?;
    /// heap.persist()?;
    /// let commit = heap.snapshot(folder.join("yesterday.heap"))?;
    /// assert_eq!(commit, 1);
    /// assert_eq!(Heap::open(folder.join("yesterday.heap"))?.last_commit(), 1);
    /// # drop(heap);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok::<(), outlive::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoFile`] for a heap in memory, [`Error::ReadOnly`] for one that is only read, [`Error::InUse`] where a heap
    /// has the file open (this one too), [`Error::Forked`], [`Error::Failed`] after a write that has failed, or [`Error::File`] with
    /// what the system said. A file that was there before is still there then.
    pub fn snapshot(&self, path: impl AsRef<Path>) -> Result<u64, Error> {
        let file = self.durable()?;
        let (folder, name) = RealFolder::of(path.as_ref()).map_err(of_storage)?;
        file.snapshot(&folder, &name)
    }

    /// A heap in memory with what a file holds: one that was saved, or any other heap's as its last commit left it.
    ///
    /// The file is only read, and can be changed, replaced or removed afterwards. The heap is at the address at which it
    /// was saved if that is free, has the same offsets, and room for as much.
    ///
    /// # Errors
    /// [`Error::InUse`] where a heap has the file open for writing; [`Error::FileDamaged`], also where the checker finds
    /// fault with the metadata; otherwise as [`Heap::open`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        HeapOptions::new().load(path)
    }
}

impl HeapOptions {
    /// Makes a heap in memory with what a file holds; see [`Heap::load`]. The reservation is that of the file.
    ///
    /// # Errors
    /// As there, and [`Error::LimitTooSmall`].
    pub fn load(self, path: impl AsRef<Path>) -> Result<Heap, Error> {
        let (folder, name) = RealFolder::of(path.as_ref()).map_err(of_storage)?;
        let Loaded { regions, is_new, is_bound, path } = load(&folder, &name)?;
        // SAFETY: the regions hold images, or zeros.
        let loaded = unsafe { self.over_unchecked(regions, is_new) }?;
        let mut heap = loaded.map_err(|report| Error::FileDamaged {
            file: path,
            what: format!("its metadata is damaged: {report}"),
        })?;
        heap.is_bound = is_bound;
        Ok(heap)
    }
}
