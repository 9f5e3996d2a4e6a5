//! A file that appears under its name when it is whole.
//!
//! ```text
//! NAME.<chance>.new: content, slots, sync --rename--> NAME --sync of the folder--> done
//! ```
//!
//! 1. At every moment, and after a crash, the name means the file from before or the new one, whole and durable.
//! 2. A file that a heap has open, here or elsewhere, is not replaced.
//! 3. What was begun and failed is removed; a crash may leave it behind, under a name that nobody opens.

use std::ffi::{OsStr, OsString};

use crate::error::Error;

use super::chance;
use super::errors::{of_storage, of_superblock};
use super::file::log_name_of;
use super::storage::{Lock, Open, Storage, StoredFile};
use super::superblock::{Stored, Superblock};

/// Makes `name` the file that `fill` fills, and of which it says the superblock.
pub(crate) fn publish<S: Storage>(
    folder: &S,
    name: &OsStr,
    fill: impl FnOnce(&S::File) -> Result<Superblock, Error>,
) -> Result<(), Error> {
    // Held until the end, so that nobody opens what is being replaced.
    let _before = replaced(folder, name)?;
    let mut unfinished = name.to_owned();
    unfinished.push(format!(".{:016x}.new", chance::number()));
    let made = make(folder, &unfinished, name, fill);
    if made.is_err() && folder.exists(&unfinished).unwrap_or(false) {
        // It is only in the way; the error before is the one to be told.
        let _ = folder.remove(&unfinished);
    }
    made?;
    remove_log(folder, &log_name_of(name))
}

/// The file that has the name now, taken for oneself.
fn replaced<S: Storage>(folder: &S, name: &OsStr) -> Result<Option<S::File>, Error> {
    if !folder.exists(name).map_err(of_storage)? {
        return Ok(None);
    }
    let file = folder.open(name, Open::ReadOnly).map_err(of_storage)?;
    file.lock(Lock::Exclusive).map_err(of_storage)?;
    Ok(Some(file))
}

fn make<S: Storage>(
    folder: &S,
    unfinished: &OsStr,
    name: &OsStr,
    fill: impl FnOnce(&S::File) -> Result<Superblock, Error>,
) -> Result<(), Error> {
    let file = folder.open(unfinished, Open::New).map_err(of_storage)?;
    let first = fill(&file)?;
    Stored::create(&file, first).map_err(|error| of_superblock(error, folder.path(name)))?;
    folder.rename(unfinished, name).map_err(of_storage)?;
    folder.sync().map_err(of_storage)
}

/// Removes the log of the file that was replaced. The new file says that it has none, so it may as well stay.
fn remove_log<S: Storage>(folder: &S, log: &OsString) -> Result<(), Error> {
    if folder.exists(log).map_err(of_storage)? {
        folder.remove(log).map_err(of_storage)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
