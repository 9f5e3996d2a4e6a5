//! Opening a heap in a file, to write or to read.

use std::ffi::OsStr;
use std::path::Path;

use super::{Heap, OpenOptions};
use crate::durable::{
    CommitManner, Compression, Manner, Method, Opened, OpenedToRead, Persistence, RealFolder, SegmentBytes,
    Storage, Verify, open, open_to_read, settle_in,
};
use crate::error::Error;
use crate::heap::{Core, Report};
use crate::units::{PAGE, low32};

impl OpenOptions {
    /// Opens the heap in this file, or makes one.
    ///
    /// # Errors
    /// As [`Heap::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Heap, Error> {
        let (folder, name) = RealFolder::of(path.as_ref()).map_err(crate::durable::of_storage)?;
        self.open_in(folder, &name, Method::BEST, true)
    }

    /// The same in any storage, with the checkpoints in the commits that are due for one, unless they are written in the
    /// background.
    pub(crate) fn open_in<S: Storage + 'static>(
        self,
        storage: S,
        name: &OsStr,
        method: Method,
        in_background: bool,
    ) -> Result<Heap, Error> {
        if self.read_only {
            return self.view_in(&storage, name);
        }
        let path = storage.path(name);
        self.has_features(&path)?;
        let manner = Manner {
            create: self.create,
            existing: self.existing,
            pages: low32(self.heap.reserved().div_ceil(PAGE).clamp(1, u32::MAX as usize)),
            segment: SegmentBytes::nearest(self.segment),
            log: self.log,
            home: self.home,
            finds_unnoted: self.find_unnoted,
        };
        let Opened { file, regions, is_new, notes } = open(storage, name, &manner)?;
        let begin = |part: usize, core: &Core| {
            if let Some((field, found, most)) = core.beyond_its_tables() {
                let what = format!("its {field} is {found:#x}, and its tables end at {most:#x}");
                return Err(Error::FileDamaged { file: path.clone(), what });
            }
            if let Some(gate) = self.gate {
                core.set_gate(gate);
            }
            if is_new[part] {
                core.format();
                return Ok(());
            }
            self.verify_core(core, &path)?;
            settle_in(core).map_err(|report| damaged(&path, report))
        };
        // SAFETY: the regions hold what was committed, or zeros.
        let mut heap = unsafe { self.heap.over(regions, begin) }?;
        (heap.pad, heap.notes, heap.is_bound) = (notes.pad(), Some(notes), file.is_bound());
        let manner = CommitManner { log_bound: self.log_bound, method, in_background };
        heap.file = Some(Box::new(Persistence::new(file, manner)));
        if self.rhythm.is_any() {
            heap.durable()?.repeat(heap.cores()?, self.rhythm)?;
        }
        Ok(heap)
    }

    fn view_in<S: Storage>(self, storage: &S, name: &OsStr) -> Result<Heap, Error> {
        let OpenedToRead { reader, regions, begin, is_new, is_bound } = open_to_read(storage, name)?;
        let path = storage.path(name);
        let begin = |part: usize, core: &Core| {
            if !is_new[part] {
                self.verify_core(core, &path)?;
            }
            begin[part](core);
            Ok(())
        };
        // SAFETY: the regions hold what was committed, or zeros.
        let mut heap = unsafe { self.heap.over_image(regions, begin) }?;
        heap.is_bound = is_bound;
        heap.file = Some(Box::new(reader));
        Ok(heap)
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
