//! The log: what is committed and not yet in the base.
//!
//! `docs/format.md` has the layout. A file of one header page and segments of one size; a segment is a row of records, and
//! what follows the last of them is left from earlier. A record is a commit, or a part of one that is longer than a
//! segment.
//!
//! ```text
//! segment: free --place--> current --full--> in use --retire_through--> free
//!                          current --retire_through--> current, from its beginning
//! ```
//!
//! 1. A commit is there if its parts are all there, whole, and written by one opening: a crash leaves none of it or all.
//!    The last part is written when the others are durable.
//! 2. A record says which commit was the last durable one when it was written. A commit up to that one that is missing is
//!    therefore no accident of a crash but damage, and opening says so instead of losing it. Where each commit is made
//!    durable before the next that is every commit in front of another; where none is synced, those that a sync has covered
//!    since, and the others may be gone after a loss of power, in any order: then what lies behind the first that is
//!    missing goes too.
//! 3. A segment is used again when the base durably holds all of its commits. What is left in it has sequences up to
//!    `applied`, at which nobody looks again.
//! 4. Whatever is appended to was durable before: opening writes the commits that it has found once more, in their place,
//!    but those of which a later one says that they are durable. They may have been seen only in memory, written by a
//!    process that died, or by a write that failed. So may the log's own name.
//! 5. When the first commit of an opening is written, no header of a later sequence than the last commit is left: opening
//!    wipes those of the commits that were not finished. Otherwise such a header could come to life: its missing sectors
//!    need only equal those of the next commit, and a sector of zeros is often enough. It would bring back what the
//!    program has never seen, about pages that have other content by now. None is passed over: not behind a record of an
//!    earlier use of the segment either, of which another one may have overwritten the end.
//! 6. A header says which opening wrote it and where. So neither the parts of two attempts can make up a commit, nor a
//!    record that was copied into somebody's data a record.
//! 7. After a write that failed nothing is appended any more: whether the record is there is for the next opening to see.

mod body;
mod header;
mod record;
mod recovery;
mod segments;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::sync::Arc;

use super::buffer::{AlignedBuffer, zero_block};
use super::fields::{FieldFault, fold};
use super::levels::{Durability, LogManner};
use super::planted::Planted;
use super::steps::both;
use super::storage::{Open, Operation, Storage, StorageError, StoredFile};

pub(crate) use body::RecordBody;
use header::Header;
use record::Signature;
pub(crate) use record::{Item, Replayed};
use recovery::Recovery;
pub(crate) use recovery::{Survey, Tally, replay, survey};
pub(crate) use segments::SegmentBytes;
use segments::Segments;

/// How much of a new segment is filled at a time.
const PIECE: u64 = 1 << 20;

/// Which heap's log it is, and which opening of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    pub(crate) uuid: [u8; 16],
    /// A number that no other opening has: chosen by chance.
    pub(crate) opening: u64,
}

/// The log of a heap that is open for writing.
#[derive(Debug)]
pub(crate) struct Log<F> {
    file: Arc<F>,
    identity: Identity,
    segments: Segments,
    manner: LogManner,
    last: u64,
    /// The last commit that is known to be durable.
    settled: u64,
    failed: bool,
}

/// Why a log cannot be read or continued.
#[derive(Debug)]
pub(crate) enum LogError {
    Storage(StorageError),
    /// A new log would take the place of one that is there.
    Exists,
    /// The header, or a record whose checksum is right, is not what it should be.
    Damaged(FieldFault),
    /// A later version of the crate wrote this, or one with other features.
    Unsupported(FieldFault),
    /// A build of this crate with another feature wrote the record at `offset`.
    FeatureMissing {
        feature: &'static str,
        offset: u64,
    },
    /// There is a commit behind one that is missing or damaged.
    Gap {
        /// The commit that is missing.
        expected: u64,
        /// The one that is there.
        found: u64,
        /// Where it lies.
        offset: u64,
    },
    /// Two different commits have this sequence.
    Twice {
        sequence: u64,
    },
    /// A write has failed before; the log must be opened again.
    Failed,
}

impl<F: StoredFile> Log<F> {
    /// Makes a log with one segment, in which the commit after `applied` will be the first. A crash leaves all of it or
    /// none: it gets its name when it is whole.
    pub(crate) fn create<S: Storage<File = F>>(
        storage: &S,
        name: &OsStr,
        identity: Identity,
        applied: u64,
        segment: SegmentBytes,
    ) -> Result<Self, LogError> {
        if storage.exists(name)? {
            return Err(LogError::Exists);
        }
        let mut unfinished = OsString::from(name);
        unfinished.push(".new");
        if storage.exists(&unfinished)? {
            storage.remove(&unfinished)?;
        }
        let file = storage.open(&unfinished, Open::New)?;
        file.write_at(0, &Header { uuid: identity.uuid, segment }.encode())?;
        let segments = Segments::new(segment);
        let mut log = Self::over(file, identity, segments, applied);
        log.grow()?;
        storage.rename(&unfinished, name)?;
        storage.sync()?;
        Ok(log)
    }

    /// Opens a log after whatever has happened, and shows every commit after `applied`, in order; says how much that was.
    pub(crate) fn open<S: Storage<File = F>>(
        storage: &S,
        name: &OsStr,
        identity: Identity,
        applied: u64,
        show: impl FnMut(&Replayed<'_>),
    ) -> Result<(Self, Tally), LogError> {
        let file = storage.open(name, Open::Existing)?;
        let Recovery { segments, last, tally, unsettled, leftovers, mut window } =
            recovery::recover(&file, identity.uuid, applied, show)?;
        if !Planted::NameNotSettled.is_there() {
            storage.sync()?;
        }
        if !Planted::NotSettled.is_there() {
            for (offset, bytes) in unsettled {
                file.write_durable_at(offset, window.get(&file, offset, bytes)?)?;
            }
        }
        if !Planted::NotWiped.is_there() && !Planted::StaleAccepted.is_there() {
            for offset in leftovers {
                file.write_durable_at(offset, zero_block())?;
            }
        }
        Ok((Self::over(file, identity, segments, last), tally))
    }

    /// A log all of which is durable, up to its last commit.
    fn over(file: F, identity: Identity, segments: Segments, last: u64) -> Self {
        let manner = LogManner::default();
        Self { file: Arc::new(file), identity, segments, manner, last, settled: last, failed: false }
    }

    /// The same log, whose next commits are written in this manner.
    pub(crate) fn in_manner(self, manner: LogManner) -> Self {
        Self { manner, ..self }
    }

    /// An empty body for a commit to this log.
    pub(crate) fn body(&self) -> RecordBody {
        RecordBody::new(self.segments.segment(), self.manner.compression)
    }

    /// The sequence of the last commit.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Whether a record was written in part, or may have been: nothing more can be appended.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The file, if a sync of it makes commits durable that are not yet.
    pub(crate) fn unsettled(&self) -> Option<Arc<F>> {
        (self.settled < self.last).then(|| Arc::clone(&self.file))
    }

    /// All commits up to this one are durable.
    pub(crate) fn note_settled(&mut self, sequence: u64) {
        self.settled = self.settled.max(sequence);
    }

    /// How long the file is.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.end()
    }

    /// How much of it is taken by segments whose commits the base does not have.
    pub(crate) fn needed(&self) -> u64 {
        self.segments.needed()
    }

    /// Makes a commit of an image of `image_pages` pages, as durable as this log's are; says its sequence. If space is short nothing has
    /// happened; after any other error it is open whether the commit has.
    pub(crate) fn append(&mut self, body: &mut RecordBody, image_pages: u64) -> Result<u64, LogError> {
        let places = self.prepare(body, image_pages)?;
        let written = self.write(body, &places);
        self.end(written)
    }

    /// The same, and while the disk has the records another thread does something with what is in them, whether they come to be
    /// durable or not. Where space is short it does nothing.
    pub(crate) fn append_beside(
        &mut self,
        body: &mut RecordBody,
        image_pages: u64,
        beside: impl FnOnce(&RecordBody) + Send,
    ) -> Result<u64, LogError> {
        let places = self.prepare(body, image_pages)?;
        let body = &*body;
        let written = both(|| self.write(body, &places), || beside(body));
        self.end(written)
    }

    /// Makes sure that there is space, and gives each record its place and its header; says where they go.
    fn prepare(&mut self, body: &mut RecordBody, image_pages: u64) -> Result<Vec<u64>, LogError> {
        assert!(body.end() <= image_pages, "a commit names pages outside of its image");
        if self.failed {
            return Err(LogError::Failed);
        }
        body.seal();
        for _ in 0..self.segments.missing(body.lens()) {
            self.grow()?;
        }
        let signature = Signature { heap: fold(self.identity.uuid), opening: self.identity.opening };
        let (sequence, numbers) = (self.last + 1, 0..body.parts());
        let sign = |number| {
            let offset = self.segments.place(body.len_of(number), sequence);
            body.sign(number, signature, sequence, image_pages, self.settled, offset);
            offset
        };
        Ok(numbers.map(sign).collect())
    }

    /// Writes signed records to their places.
    fn write(&self, body: &RecordBody, places: &[u64]) -> Result<(), StorageError> {
        for (bytes, offset) in body.records().zip(places) {
            match self.manner.durability {
                Durability::PowerLoss if !Planted::RecordNotDurable.is_there() => {
                    self.file.write_durable_at(*offset, bytes)?;
                }
                _ => self.file.write_at(*offset, bytes)?,
            }
        }
        Ok(())
    }

    /// Ends a commit whose records are written, or may not be.
    fn end(&mut self, written: Result<(), StorageError>) -> Result<u64, LogError> {
        self.failed = written.is_err();
        written?;
        self.last += 1;
        if self.manner.durability == Durability::PowerLoss {
            self.settled = self.last;
        }
        Ok(self.last)
    }

    /// Lets the segments be used again whose commits the base durably holds, which are those up to `sequence`.
    pub(crate) fn retire_through(&mut self, sequence: u64) {
        let early = u64::from(Planted::RetiredTooEarly.is_there());
        self.segments.retire_through(sequence + early);
    }

    /// Adds a segment, with all its space reserved and written, so that no commit waits for the file system's own records.
    fn grow(&mut self) -> Result<(), LogError> {
        let (offset, bytes) = (self.segments.end(), self.segments.segment().get());
        self.file.allocate(offset, bytes)?;
        // Past the system's cache: from there each record would have to be thrown out, with the pages around it.
        let mut zeros = AlignedBuffer::new();
        let piece = usize::try_from(bytes.min(PIECE)).unwrap_or(usize::MAX);
        zeros.reach(piece);
        for at in (offset..offset + bytes).step_by(piece) {
            let left = usize::try_from(offset + bytes - at).unwrap_or(piece);
            let zeros = &zeros.bytes()[..left.min(piece)];
            if Planted::SegmentNotSynced.is_there() {
                self.file.write_at(at, zeros)?;
            } else {
                // Nothing of a commit is written here: to fail is what any other write may do.
                let plain = |error| StorageError { operation: Operation::Write, ..error };
                self.file.write_durable_at(at, zeros).map_err(plain)?;
            }
        }
        if !Planted::SegmentNotSynced.is_there() {
            self.file.sync()?;
        }
        self.segments.add();
        Ok(())
    }
}

impl From<StorageError> for LogError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Exists => f.write_str("the heap has a log already, which may hold commits: open it"),
            Self::Damaged(fault) => write!(f, "the log is damaged: {fault}"),
            Self::Unsupported(fault) => {
                write!(f, "another version of the crate, or one with other features, wrote this log: {fault}")
            }
            Self::FeatureMissing { feature, offset } => {
                write!(f, "the record at {offset:#x} needs the feature {feature}, which this build lacks")
            }
            Self::Gap { expected, found, offset } => write!(
                f,
                "commit {expected} is missing from the log or damaged, and commit {found} at {offset:#x} comes after it"
            ),
            Self::Twice { sequence } => write!(f, "the log holds two different commits {sequence}"),
            Self::Failed => f.write_str("an earlier write to the log has failed: open the heap again"),
        }
    }
}

impl std::error::Error for LogError {}

#[cfg(test)]
mod tests;
