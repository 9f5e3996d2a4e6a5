//! A heap in a file that is only read, by any number of processes at once.
//!
//! 1. Nothing is written to the file, its log or their folder, and nothing is made or removed there.
//! 2. The file is held by a shared lock from before the first look to the end: no writer is there meanwhile.
//! 3. What the log has and the base not is put over the private mapping, so readers see the last commit after a crash too.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::time::Instant;

use crate::error::Error;
use crate::heap::Core;
use crate::os;
use crate::region::{Ground, Region, Zone};
use crate::units::PAGE;

use super::area::{AREAS, Area, Lengths, PARTS, Part};
use super::cores::Cores;
use super::errors::{no_memory, of_log, of_storage, of_superblock};
use super::file::log_name_of;
use super::image::Image;
use super::layout::Layout;
use super::log;
use super::open::{fits, is_guarded, is_new, layout_of, regions};
use super::overlay::Overlay;
use super::persist::{Commit, Durable};
use super::place::Reserved;
use super::replay::Replay;
use super::rhythm::Rhythm;
use super::stats::FileStats;
use super::storage::{Lock, Open, RealFolder, Storage, StoredFile};
use super::superblock::{Flags, IMAGE, Stored, Superblock};
use super::turns::Ticket;

/// What a file and its log hold, read and not changed. Nobody changes it as long as this lives.
#[derive(Debug)]
pub(super) struct Committed<F> {
    pub(super) base: F,
    pub(super) superblock: Superblock,
    pub(super) layout: Layout,
    pub(super) overlay: Overlay,
    pub(super) last: u64,
    pub(super) image_pages: u64,
    /// What the log had, if there is one.
    pub(super) replayed: Option<Replay>,
    pub(super) path: PathBuf,
}

impl<F: StoredFile> Committed<F> {
    /// Reads the file `name` and its log.
    pub(super) fn read<S: Storage<File = F>>(storage: &S, name: &OsStr) -> Result<Self, Error> {
        let path = storage.path(name);
        let base = storage.open(name, Open::ReadOnly).map_err(of_storage)?;
        base.lock(Lock::Shared).map_err(of_storage)?;
        let mut stored = Stored::load(&base).map_err(|error| of_superblock(error, path.clone()))?;
        let log = log_name_of(name);
        stored.settle_log(storage.exists(&log).map_err(of_storage)?);
        let superblock = stored.superblock;
        let bytes = base.len().map_err(of_storage)?;
        let layout = layout_of(&superblock, bytes).map_err(|fault| fault.error(&path))?;
        let mut committed = Self {
            base,
            superblock,
            layout,
            overlay: Overlay::new(),
            last: superblock.applied,
            image_pages: superblock.image_pages,
            replayed: None,
            path,
        };
        if superblock.flags.has(Flags::LOGGED) {
            committed.replay(storage, &log)?;
        }
        fits(&committed.layout, committed.image_pages, &committed.path)?;
        Ok(committed)
    }

    fn replay<S: Storage<File = F>>(&mut self, storage: &S, name: &OsString) -> Result<(), Error> {
        let Superblock { uuid, applied, .. } = self.superblock;
        if !storage.exists(name).map_err(of_storage)? {
            return Err(Error::LogMissing { file: storage.path(name), applied });
        }
        let (begun, mut replay) = (Instant::now(), Replay::default());
        let log = storage.open(name, Open::ReadOnly).map_err(of_storage)?;
        let longest = self.layout.file_len(self.layout.longest()) / PAGE as u64;
        let read = log::replay(&log, uuid, applied, |part| {
            replay.take_in(&mut self.overlay, part, longest);
            self.image_pages = part.image_pages;
        });
        let (last, tally) = read.map_err(|error| of_log(error, storage.path(name)))?;
        (self.last, self.replayed) = (last, Some(replay.end(tally, begun)));
        Ok(())
    }

    /// Whether nothing was ever committed.
    pub(super) fn is_new(&self) -> bool {
        self.image_pages * (PAGE as u64) <= IMAGE
    }

    pub(super) fn image(&self) -> Image<'_, F> {
        let Self { base, layout, overlay, image_pages, path, .. } = self;
        Image { base, layout, overlay, pages: *image_pages, path }
    }

    /// Address space for the regions, at the heap's own address if that is free or has to be.
    pub(super) fn place(&self) -> Result<Reserved, Error> {
        Reserved::of(&self.superblock, &self.layout, false, &self.path)
    }

    /// Lays regions over the image, of which the front of each area is there; says which are to be formatted. Each has at
    /// least the memory of its header.
    ///
    /// # Safety
    /// The first `lengths` bytes of each area are usable.
    pub(super) unsafe fn regions(
        &self,
        place: Reserved,
        mut lengths: Lengths,
        ground: impl Fn(Part) -> Box<dyn Ground>,
    ) -> Result<([Region; PARTS], [bool; PARTS]), Error> {
        let is_new = is_new(&lengths);
        let plan = self.layout.plan();
        for part in Part::ALL.into_iter().filter(|part| is_new[part.index()]) {
            let bytes = plan.size(Zone::Header);
            // SAFETY: whole pages of the reserved range, which nobody uses yet.
            unsafe { os::commit(place.at(part.start(plan)), bytes) }.map_err(no_memory)?;
            lengths[Area::new(part, Zone::Header).index()] = bytes as u64;
        }
        let guarded = is_guarded(&self.superblock);
        // SAFETY: the caller's promise, and what was done just now.
        Ok((unsafe { regions(place, &self.layout, lengths, guarded, ground) }, is_new))
    }
}

/// What a region stands on that does not grow.
#[derive(Debug)]
pub(super) struct NoGround;

impl Ground for NoGround {
    fn promise(&self, _: Zone, _: usize, _: usize) -> Result<(), os::Fault> {
        Err(os::Fault::ROFS)
    }

    fn promise_again(&self, _: usize, _: usize) -> Result<(), os::Fault> {
        Err(os::Fault::ROFS)
    }

    fn may_purge(&self) -> bool {
        true
    }

    fn changed(&self, _: usize, _: usize) {}
}

/// A heap that was opened to be read.
pub(crate) struct OpenedToRead<F> {
    pub(crate) reader: Reader<F>,
    pub(crate) regions: [Region; PARTS],
    /// What puts each region in order.
    pub(crate) begin: [fn(&Core); PARTS],
    /// Of which of them nothing was ever committed.
    pub(crate) is_new: [bool; PARTS],
    /// Whether the heap holds absolute pointers.
    pub(crate) is_bound: bool,
}

/// Opens the file `name` to be read.
pub(crate) fn open_to_read<S: Storage>(storage: &S, name: &OsStr) -> Result<OpenedToRead<S::File>, Error> {
    let committed = Committed::read(storage, name)?;
    let place = committed.place()?;
    let lengths = if committed.is_new() { [0; AREAS] } else { committed.image().map(&place)? };
    // SAFETY: mapped as far as that.
    let (regions, is_new) = unsafe { committed.regions(place, lengths, |_| Box::new(NoGround)) }?;
    let begin = is_new.map(|is_new| if is_new { Core::format_to_view as fn(&Core) } else { Core::view });
    let is_bound = committed.superblock.is_bound();
    let Committed { base, last, path, replayed, .. } = committed;
    Ok(OpenedToRead { reader: Reader { base, last, path, replayed }, regions, begin, is_new, is_bound })
}

/// The durable side of a heap that is only read.
#[derive(Debug)]
pub(crate) struct Reader<F> {
    /// Kept for its lock as well.
    base: F,
    last: u64,
    path: PathBuf,
    replayed: Option<Replay>,
}

impl<F> Reader<F> {
    fn refuse<T>(&self) -> Result<T, Error> {
        Err(Error::ReadOnly { file: self.path.clone() })
    }
}

impl<F: StoredFile> Durable for Reader<F> {
    fn ask(&self) -> Result<Ticket, Error> {
        self.refuse()
    }

    fn begin(&self, _: Cores<'_>, _: Ticket) -> Result<(), Error> {
        self.refuse()
    }

    fn redeem(&self, _: Cores<'_>, _: Ticket) -> Result<Commit, Error> {
        self.refuse()
    }

    fn is_covered(&self, _: Ticket) -> bool {
        false
    }

    fn repeat(&self, _: Cores<'_>, _: Rhythm) -> Result<(), Error> {
        self.refuse()
    }

    fn compact(&self, _: Option<Cores<'_>>) -> Result<u64, Error> {
        self.refuse()
    }

    fn close(&self, _: Option<Cores<'_>>) -> Result<(), Error> {
        Ok(())
    }

    fn last(&self) -> u64 {
        self.last
    }

    fn replayed(&self) -> Option<Replay> {
        self.replayed
    }

    fn stats(&self) -> Result<FileStats, Error> {
        Ok(FileStats {
            path: self.path.clone(),
            last_commit: self.last,
            file_bytes: self.base.len().map_err(of_storage)?,
            log_bytes: 0,
            overlay_lines: 0,
            method: "none",
            commits: 0,
            logged_bytes: 0,
            checkpoints: 0,
        })
    }

    fn snapshot(&self, _: &RealFolder, _: &OsStr) -> Result<u64, Error> {
        self.refuse()
    }
}

#[cfg(test)]
mod tests;
