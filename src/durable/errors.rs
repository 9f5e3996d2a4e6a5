//! What failed below, in the words of the crate's error.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Error;
use crate::os;

use super::log::LogError;
use super::storage::{Operation, StorageError};
use super::superblock::SuperblockError;

pub(crate) fn of_storage(error: StorageError) -> Error {
    if error.operation == Operation::Lock && error.source.kind() == ErrorKind::WouldBlock {
        return Error::InUse { file: error.file };
    }
    Error::File {
        operation: error.operation.to_string(),
        file: error.file,
        offset: error.offset,
        source: Arc::new(error.source),
    }
}

pub(super) fn of_superblock(error: SuperblockError, file: PathBuf) -> Error {
    match error {
        SuperblockError::Storage(error) => of_storage(error),
        SuperblockError::Damaged([first, second]) => {
            Error::FileDamaged { file, what: format!("both superblocks are damaged: {first}; {second}") }
        }
        SuperblockError::Unsupported(fault) => Error::OtherVersion { file, what: fault.to_string() },
    }
}

pub(super) fn of_log(error: LogError, file: PathBuf) -> Error {
    match error {
        LogError::Storage(error) => of_storage(error),
        LogError::Failed => Error::Failed { file },
        LogError::Unsupported(fault) => Error::OtherVersion { file, what: fault.to_string() },
        other => Error::LogDamaged { file, what: other.to_string() },
    }
}

pub(super) fn no_memory(fault: os::Fault) -> Error {
    Error::NoMemory { bytes: 0, code: fault.raw_os_error() }
}
