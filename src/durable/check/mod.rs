//! Looking at a heap's files, whatever is in them.
//!
//! 1. Nothing is written. The file is held by a shared lock (a repair holds it for itself).
//! 2. Time and memory are bounded by the lengths of the files: the log is read once, no list is longer than it has blocks,
//!    and the image is mapped, not read, but for the allocator's tables.
//! 3. What is found first decides what can be looked at next: superblocks, then the log, then the image with the log's
//!    lines over it, then the metadata in it.

mod report;

use std::ffi::OsStr;
use std::path::Path;

use crate::error::Error;
use crate::heap::{Core, Report};
use crate::magazines::NO_SEAT;
use crate::units::PAGE;

pub use report::{FileFinding, FileFindingKind, FileReport};

use super::errors::of_storage;
use super::fields::FieldFault;
use super::file::{log_name_of, take_in};
use super::image::{Image, ImageError};
use super::log::{LogError, Survey, survey};
use super::open::{SuperblockFault, is_guarded, is_new, layout_of, regions};
use super::overlay::Overlay;
use super::place::Reserved;
use super::reader::NoGround;
use super::storage::{Lock, Open, RealFolder, Storage, StoredFile};
use super::superblock::{Flags, IMAGE, Stored, SuperblockError};

/// Looks at a heap's file, its log, and the allocator's metadata in them; reads only.
///
/// It can be run on anything, takes time and memory in proportion to the files, and lists what it found. Readers may have
/// the heap open meanwhile.
///
/// ```
/// use outlive::Heap;
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-check-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("shop.heap");
/// let heap = Heap::open(&path)?;
/// heap.persist()?;
/// heap.close()?;
/// let report = outlive::check(&path)?;
/// assert!(report.is_clean(), "{report}");
/// assert_eq!(report.last_commit(), Some(1));
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// # Errors
/// [`Error::InUse`] where a heap has the file open for writing, [`Error::NoMemory`], or [`Error::File`] with what the
/// system said. Whatever is wrong with the content is in the report.
pub fn check(path: impl AsRef<Path>) -> Result<FileReport, Error> {
    let (folder, name) = RealFolder::of(path.as_ref()).map_err(of_storage)?;
    check_in(&folder, &name)
}

/// The same in any storage.
pub(super) fn check_in<S: Storage>(storage: &S, name: &OsStr) -> Result<FileReport, Error> {
    let base = storage.open(name, Open::ReadOnly).map_err(of_storage)?;
    base.lock(Lock::Shared).map_err(of_storage)?;
    Ok(examine(storage, name, &base)?.report)
}

/// What was found, and what a repair has to know beyond that.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) report: FileReport,
    pub(super) stored: Option<Stored>,
    pub(super) survey: Option<Survey>,
}

/// Looks at a file that is open and locked.
pub(super) fn examine<S: Storage>(storage: &S, name: &OsStr, base: &S::File) -> Result<Examined, Error> {
    let path = storage.path(name);
    let mut report = FileReport::new(path.clone());
    let examined = |report, stored, survey| Ok(Examined { report, stored, survey });
    let Some(mut stored) = slots(base, &mut report, &path)? else { return examined(report, None, None) };
    stored.settle_log(storage.exists(&log_name_of(name)).map_err(of_storage)?);
    let superblock = stored.superblock;
    let layout = match layout_of(&superblock, base.len().map_err(of_storage)?) {
        Ok(layout) => layout,
        Err(fault) => {
            let (kind, fault) = match fault {
                SuperblockFault::Version(fault) => (FileFindingKind::Version, fault),
                SuperblockFault::Damaged(fault) => (FileFindingKind::Superblock, fault),
            };
            report.add(&path, kind, fault);
            return examined(report, Some(stored), None);
        }
    };
    let longest = layout.file_len(layout.longest()) / PAGE as u64;
    let mut logged = Logged { overlay: Overlay::new(), image_pages: superblock.image_pages, longest };
    report.last_commit = Some(superblock.applied);
    let mut survey = None;
    if superblock.flags.has(Flags::LOGGED) {
        survey = log(storage, name, &stored, &mut logged, &mut report)?;
        let Some(survey) = &survey else {
            report.last_commit = None;
            return examined(report, Some(stored), None);
        };
        report.last_commit = Some(survey.last);
    }
    let image =
        Image { base, layout: &layout, overlay: &logged.overlay, pages: logged.image_pages, path: &path };
    metadata(&image, is_guarded(&superblock), superblock.base, &mut report)?;
    examined(report, Some(stored), survey)
}

/// Looks at the superblocks; finds the one that counts, if there is one.
fn slots(base: &impl StoredFile, report: &mut FileReport, path: &Path) -> Result<Option<Stored>, Error> {
    match Stored::load(base) {
        Ok(stored) => {
            if let Some(fault) = stored.damaged {
                report.add(path, FileFindingKind::Slot, fault);
            }
            Ok(Some(stored))
        }
        Err(SuperblockError::Storage(error)) => Err(of_storage(error)),
        Err(SuperblockError::Damaged(faults)) => {
            faults.into_iter().for_each(|fault| report.add(path, FileFindingKind::Slot, fault));
            Ok(None)
        }
        Err(SuperblockError::Unsupported(fault)) => {
            report.add(path, FileFindingKind::Version, fault);
            Ok(None)
        }
    }
}

/// What the log adds to the base.
struct Logged {
    overlay: Overlay,
    image_pages: u64,
    longest: u64,
}

/// Looks at the log, and takes in what it holds.
fn log<S: Storage>(
    storage: &S,
    name: &OsStr,
    stored: &Stored,
    logged: &mut Logged,
    report: &mut FileReport,
) -> Result<Option<Survey>, Error> {
    let (name, superblock) = (log_name_of(name), stored.superblock);
    let path = storage.path(&name);
    let fault = |field, found, expected, offset| FieldFault { field, found, expected, offset };
    if !storage.exists(&name).map_err(of_storage)? {
        report.add(&path, FileFindingKind::LogMissing, fault("the log", 0, 1, 0));
        return Ok(None);
    }
    let file = storage.open(&name, Open::ReadOnly).map_err(of_storage)?;
    let found = survey(&file, superblock.uuid, superblock.applied, |part| {
        take_in(&mut logged.overlay, part, logged.longest);
        logged.image_pages = part.image_pages.min(logged.longest);
    });
    let (kind, fault) = match found {
        Ok(survey) => {
            let missing = survey.last + 1;
            for (offset, sequence) in &survey.behind {
                let whose =
                    if *sequence == missing { FileFindingKind::Unfinished } else { FileFindingKind::Gap };
                report.add(&path, whose, fault("commit", *sequence, missing, *offset));
            }
            return Ok(Some(survey));
        }
        Err(LogError::Storage(error)) => return Err(of_storage(error)),
        Err(LogError::Damaged(fault)) => (FileFindingKind::Log, fault),
        Err(LogError::Unsupported(fault)) => (FileFindingKind::Version, fault),
        Err(LogError::Twice { sequence }) => {
            (FileFindingKind::Twice, fault("commits of one number", sequence, 0, 0))
        }
        Err(LogError::Gap { expected, found, offset }) => {
            (FileFindingKind::Gap, fault("commit", found, expected, offset))
        }
        Err(LogError::Exists | LogError::Failed) => return Ok(None),
    };
    report.add(&path, kind, fault);
    Ok(None)
}

/// Runs the allocator's own checker over a private mapping of the image.
fn metadata<F: StoredFile>(
    image: &Image<'_, F>,
    guarded: bool,
    address: u64,
    report: &mut FileReport,
) -> Result<(), Error> {
    if image.pages * (PAGE as u64) <= IMAGE {
        return Ok(());
    }
    let place = Reserved::new(usize::try_from(address).unwrap_or(0), image.layout.span())?;
    let lengths = match image.try_map(&place) {
        Ok(lengths) => lengths,
        Err(ImageError::Damaged(fault)) => {
            report.add(image.path, FileFindingKind::Image, fault);
            return Ok(());
        }
        Err(ImageError::Other(error)) => return Err(error),
    };
    // SAFETY: mapped as far as that.
    let regions = unsafe { regions(place, image.layout, lengths, guarded, |_| Box::new(NoGround)) };
    let mut heap = Report::new();
    for (region, is_new) in regions.into_iter().zip(is_new(&lengths)) {
        if !is_new {
            // SAFETY: any bytes will do for looking at them: the checker believes none before it has compared it.
            let core = unsafe { Core::new(region, NO_SEAT) };
            heap.join(&core.check());
        }
    }
    report.heap = Some(heap);
    Ok(())
}
