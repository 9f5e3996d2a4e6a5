//! What fuzz targets call: parsers of this floor, over bytes that were never in a file.
//!
//! Compiled with `--cfg fuzzing` only, so that it is no part of the crate that anybody uses.

use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use super::fields::{Fields, fold, put_u32, put_u64};
use super::log::{replay, survey};
use super::open::layout_of;
use super::storage::{BLOCK, Lock, Operation, StorageError, StoredFile};
use super::superblock::Stored;

/// The heap whose log is parsed.
const UUID: [u8; 16] = *b"a heap to fuzz..";

/// A file that is only read.
#[derive(Debug)]
struct Bytes(Vec<u8>);

/// Parses both slots of a superblock, and what follows from them.
pub fn superblock(bytes: &[u8]) {
    let file = Bytes(bytes.to_vec());
    let len = bytes.len() as u64;
    if let Ok(stored) = Stored::load(&file) {
        let _ = layout_of(&stored.superblock, len).map_err(|fault| fault.error(&PathBuf::new()).to_string());
    }
    let _ = Stored::is_half_made(&file);
}

/// Replays a log, and surveys it.
pub fn log(bytes: &[u8], applied: u64) {
    let file = Bytes(bytes.to_vec());
    let (mut shown, mut lines) = (0, 0);
    let replayed = replay(&file, UUID, applied, |part| {
        shown = part.sequence;
        lines += part.items.count();
    });
    let surveyed = survey(&file, UUID, applied, |_| {});
    if let (Ok((last, _)), Ok(survey)) = (replayed, surveyed) {
        assert!(last == survey.last && (shown == last || shown == 0) && !survey.has_gap);
    }
}

/// Makes the checksums of superblocks right, so that what they cover is looked at.
pub fn mend_superblock(bytes: &mut [u8]) {
    for slot in bytes.chunks_exact_mut(BLOCK).take(2) {
        mend_page(slot);
    }
}

/// Makes identity, places and checksums of a log right.
pub fn mend_log(bytes: &mut [u8]) {
    mend_log_of(bytes, UUID);
}

/// The same for the log of the heap with this superblock.
pub fn mend_log_beside(base: &[u8], log: &mut [u8]) {
    if base.len() >= BLOCK {
        mend_log_of(log, Fields::new(base, 0).bytes(24));
    }
}

fn mend_log_of(bytes: &mut [u8], uuid: [u8; 16]) {
    let len = bytes.len();
    if len < BLOCK {
        return;
    }
    bytes[16..32].copy_from_slice(&uuid);
    mend_page(&mut bytes[..BLOCK]);
    for at in (BLOCK..len.saturating_sub(88)).step_by(BLOCK) {
        let record = &mut bytes[at..];
        if !record.starts_with(b"OUTLREC") {
            continue;
        }
        put_u64(record, 8, fold(uuid));
        put_u64(record, 32, at as u64);
        let stored = Fields::new(record, 0).u32(64) as usize;
        if let Some(body) = record.get(88..88 + stored) {
            let crc = crc32fast::hash(body);
            put_u32(record, 80, crc);
        }
        let crc = crc32fast::hash(&record[..84]);
        put_u32(record, 84, crc);
    }
}

/// A page whose last four bytes are the checksum of the others.
fn mend_page(page: &mut [u8]) {
    let crc = crc32fast::hash(&page[..BLOCK - 4]);
    put_u32(page, BLOCK - 4, crc);
}

impl Bytes {
    fn refuse<T>(&self, operation: Operation) -> Result<T, StorageError> {
        let source = io::ErrorKind::Unsupported.into();
        Err(StorageError { operation, file: PathBuf::from("bytes"), offset: 0, source })
    }
}

impl StoredFile for Bytes {
    fn len(&self) -> Result<u64, StorageError> {
        Ok(self.0.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> Result<(), StorageError> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        match from.checked_add(into.len()).and_then(|to| self.0.get(from..to)) {
            Some(bytes) => Ok(into.copy_from_slice(bytes)),
            None => self.refuse(Operation::Read),
        }
    }

    fn set_len(&self, _: u64) -> Result<(), StorageError> {
        self.refuse(Operation::SetLen)
    }

    fn allocate(&self, _: u64, _: u64) -> Result<(), StorageError> {
        self.refuse(Operation::Allocate)
    }

    fn punch(&self, _: u64, _: u64) -> Result<(), StorageError> {
        self.refuse(Operation::Punch)
    }

    fn give_back(&self, _: u64, _: u64) -> Result<bool, StorageError> {
        self.refuse(Operation::GiveBack)
    }

    fn take_back(&self, _: u64, _: u64) -> Result<(), StorageError> {
        self.refuse(Operation::TakeBack)
    }

    fn write_at(&self, _: u64, _: &[u8]) -> Result<(), StorageError> {
        self.refuse(Operation::Write)
    }

    fn write_past_at(&self, _: u64, _: &[u8]) -> Result<(), StorageError> {
        self.refuse(Operation::WritePast)
    }

    fn write_durable_at(&self, _: u64, _: &[u8]) -> Result<(), StorageError> {
        self.refuse(Operation::WriteDurable)
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.refuse(Operation::Sync)
    }

    fn lock(&self, _: Lock) -> Result<(), StorageError> {
        Ok(())
    }

    fn descriptor(&self) -> Result<BorrowedFd<'_>, StorageError> {
        self.refuse(Operation::Descriptor)
    }
}
