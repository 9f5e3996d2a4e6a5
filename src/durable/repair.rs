//! Mending a heap's files, where it can be said why that is right.
//!
//! 1. A damaged slot is written anew as any superblock is: with the next number, from the one that is whole.
//! 2. What is left of a commit that was not finished is taken out of the log, by zeros over the headers of its records, as
//!    the next opening would do it.
//! 3. A log with a gap is left alone, and a damaged slot beside it. The commits before the gap cannot be gone back to: a
//!    checkpoint may have been on its way, and has brought an unknown part of later ones into the base. And where a slot
//!    is damaged, it may have been the newer one, and the log been used again since.
//! 4. Nothing else is touched, and no act is done that the report does not name.

use core::fmt;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::error::Error;

use super::buffer::zero_block;
use super::check::{FileReport, examine};
use super::errors::{of_storage, of_superblock};
use super::file::log_name_of;
use super::log::Survey;
use super::storage::{Lock, Open, RealFolder, Storage, StoredFile};
use super::superblock::Stored;

/// Something that [`repair`] did.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Act {
    /// A superblock slot was written anew.
    SlotWritten {
        /// The heap's file.
        file: PathBuf,
        /// Where the slot lies.
        offset: u64,
    },
    /// A record was taken out of the log.
    RecordRemoved {
        /// The log.
        file: PathBuf,
        /// Where the record lay.
        offset: u64,
        /// The commit of which it was.
        commit: u64,
    },
}

/// What [`repair`] found and did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Repair {
    /// What was found before.
    pub before: FileReport,
    /// What was done, in this order.
    pub acts: Vec<Act>,
    /// What is found now.
    pub after: FileReport,
}

/// Mends what [`check`](crate::check) has found, as far as that is certain to be right, and says what it did.
///
/// - A damaged superblock slot is written anew from the other.
/// - What is left of a commit that was not finished is taken out of the log.
///
/// Nothing else is touched: damage of other kinds is in [`Repair::after`] as it was in [`Repair::before`]. That holds for a
/// log with a gap too, since an older commit cannot be gone back to with certainty: take an older copy, or a snapshot.
///
/// ```
/// use std::os::unix::fs::FileExt;
///
/// use outlive::Heap;
///
/// # let folder = std::env::temp_dir().join(format!("outlive-doc-repair-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("shop.heap");
/// Heap::open(&path)?.close()?;
/// let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
/// file.write_all_at(&[0xee; 100], 0).unwrap();
///
/// assert!(!outlive::check(&path)?.is_clean());
/// let repair = outlive::repair(&path)?;
/// assert!(repair.after.is_clean() && repair.acts.len() == 1);
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), outlive::Error>(())
/// ```
///
/// # Errors
/// [`Error::InUse`] where a heap has the file open, [`Error::NoMemory`], or [`Error::File`] with what the system said:
/// acts that were done before that stay done, each of them as a whole.
pub fn repair(path: impl AsRef<Path>) -> Result<Repair, Error> {
    let (folder, name) = RealFolder::of(path.as_ref()).map_err(of_storage)?;
    repair_in(&folder, &name)
}

/// The same in any storage.
pub(super) fn repair_in<S: Storage>(storage: &S, name: &OsStr) -> Result<Repair, Error> {
    let base = storage.open(name, Open::Existing).map_err(of_storage)?;
    base.lock(Lock::Exclusive).map_err(of_storage)?;
    let before = examine(storage, name, &base)?;
    let mut acts = Vec::new();
    if let (Some(stored), Some(_)) = (before.stored, before.report.last_commit())
        && before.survey.as_ref().is_none_or(|survey| !survey.has_gap)
    {
        if stored.damaged.is_some() {
            acts.push(write_slot(storage, name, &base, stored)?);
        }
        if let Some(survey) = &before.survey {
            cut(storage, name, survey, &mut acts)?;
        }
    }
    let after = examine(storage, name, &base)?.report;
    Ok(Repair { before: before.report, acts, after })
}

fn write_slot<S: Storage>(
    storage: &S,
    name: &OsStr,
    base: &S::File,
    mut stored: Stored,
) -> Result<Act, Error> {
    let file = storage.path(name);
    let superblock = stored.superblock;
    stored.store(base, superblock).map_err(|error| of_superblock(error, file.clone()))?;
    Ok(Act::SlotWritten { file, offset: stored.superblock.place() })
}

fn cut<S: Storage>(storage: &S, name: &OsStr, survey: &Survey, acts: &mut Vec<Act>) -> Result<(), Error> {
    if survey.behind.is_empty() {
        return Ok(());
    }
    let name = log_name_of(name);
    let log = storage.open(&name, Open::Existing).map_err(of_storage)?;
    for (offset, commit) in &survey.behind {
        log.write_durable_at(*offset, zero_block()).map_err(of_storage)?;
        acts.push(Act::RecordRemoved { file: storage.path(&name), offset: *offset, commit: *commit });
    }
    Ok(())
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SlotWritten { file, offset } => {
                write!(f, "{}: superblock at {offset:#x} written anew", file.display())
            }
            Self::RecordRemoved { file, offset, commit } => {
                write!(f, "{}: record of commit {commit} at {offset:#x} removed", file.display())
            }
        }
    }
}
