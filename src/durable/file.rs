//! A heap's file and its log: what is committed, and where.
//!
//! ```text
//!             append           checkpoint
//!  changes ----------> log ------------------> base
//!                       \______ overlay ______/
//! ```
//!
//! 1. What is committed is the base with the overlay's lines over it, at every moment, in memory and after a crash.
//! 2. The base is written by checkpoints only, and there only with what is committed.
//! 3. The log is made at the first commit. From then on the superblock says that there is one; a heap that is only read
//!    writes nothing.
//! 4. After a failed sync or a failed write of a record nothing is committed any more: what reached the disk is for the
//!    next opening to see.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Error;
use crate::os;
use crate::units::{LINE, PAGE};

use super::dirty::Method;
use super::layout::Layout;
use super::lines::Line;
use super::log::{Identity, Item, Log, LogError, RecordBody, Replayed, SegmentBytes};
use super::mapping::View;
use super::open::new_uuid;
use super::overlay::{Overlay, PatchedPage};
use super::snapshot::Snapshot;
use super::stats::{Counts, FileStats};
use super::storage::{Storage, StorageError, StoredFile};
use super::superblock::{Flags, Stored, Superblock, SuperblockError};

/// The file of a heap that is open for writing.
#[derive(Debug)]
pub(crate) struct HeapFile<S: Storage> {
    storage: S,
    name: OsString,
    base: Arc<S::File>,
    stored: Stored,
    pub(super) layout: Layout,
    pub(super) view: View,
    log: Option<Log<S::File>>,
    segment: SegmentBytes,
    /// The last commit, and how many pages the image has with it.
    pub(super) last: u64,
    pub(super) image_pages: u64,
    pub(super) overlay: Overlay,
    /// Held by whoever writes to what a commit has in the base, or wants it to stay as it is.
    gate: Arc<Mutex<()>>,
    pub(super) counts: Counts,
    failed: bool,
}

/// What an opening found in the log.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Replay {
    /// Commits that were not in the base yet.
    pub commits: u64,
    /// Lines that these changed.
    pub lines: u64,
}

/// The pages that a commit changes, with the values of their changed lines one after the other.
#[derive(Default, Debug)]
pub(crate) struct Changes {
    pub(super) pages: Vec<(u64, u64)>,
    pub(super) lines: Vec<Line>,
}

impl Changes {
    pub(super) fn clear(&mut self) {
        self.pages.clear();
        self.lines.clear();
    }
}

impl<S: Storage> HeapFile<S> {
    /// Takes up the file of which `stored` is the superblock, and replays its log.
    pub(super) fn new(
        storage: S,
        name: OsString,
        base: Arc<S::File>,
        stored: Stored,
        layout: Layout,
        segment: SegmentBytes,
    ) -> Result<(Self, Replay), Error> {
        let longest = layout.file_len(layout.longest()) / PAGE as u64;
        let descriptor = base.descriptor().map_err(of_storage)?;
        // SAFETY: a heap's file is locked, and shortened by nobody while it is open.
        let view = unsafe { View::open(descriptor, 0, longest) }.map_err(no_memory)?;
        let superblock = stored.superblock;
        let mut file = Self {
            storage,
            name,
            base,
            stored,
            layout,
            view,
            log: None,
            segment,
            last: superblock.applied,
            image_pages: superblock.image_pages,
            overlay: Overlay::new(),
            gate: Arc::default(),
            counts: Counts::default(),
            failed: false,
        };
        let replay = file.replay()?;
        Ok((file, replay))
    }

    /// Brings what the log has, and the base not, into the overlay.
    fn replay(&mut self) -> Result<Replay, Error> {
        let name = self.log_name();
        let exists = self.storage.exists(&name).map_err(of_storage)?;
        self.stored.settle_log(exists);
        let superblock = self.stored.superblock;
        if !exists {
            return if superblock.flags.has(Flags::LOGGED) {
                Err(Error::LogMissing { file: self.path(&name), applied: superblock.applied })
            } else {
                Ok(Replay::default())
            };
        }
        if !superblock.flags.has(Flags::LOGGED) {
            // Made by an opening that ended before its first commit, or left by a clean close that could not remove it.
            self.storage.remove(&name).map_err(of_storage)?;
            return Ok(Replay::default());
        }
        let (mut replay, overlay) = (Replay::default(), &mut self.overlay);
        let (image_pages, longest) =
            (&mut self.image_pages, self.layout.file_len(self.layout.longest()) / PAGE as u64);
        let log = Log::open(&self.storage, &name, identity(&superblock), superblock.applied, |part| {
            replay.commits += u64::from(part.last);
            replay.lines += take_in(overlay, part, longest);
            *image_pages = part.image_pages;
        });
        let log = log.map_err(|error| self.of_log(error))?;
        self.last = log.last();
        self.log = Some(log);
        Ok(replay)
    }

    /// The last superblock.
    pub(super) fn superblock(&self) -> &Superblock {
        &self.stored.superblock
    }

    pub(super) fn base(&self) -> &Arc<S::File> {
        &self.base
    }

    /// An empty body for the next commit; makes the log if there is none yet.
    pub(super) fn body(&mut self) -> Result<RecordBody, Error> {
        if self.failed {
            return Err(Error::Failed { file: self.path(&self.name) });
        }
        if self.log.is_none() {
            let superblock = self.stored.superblock;
            let name = self.log_name();
            let log = Log::create(&self.storage, &name, identity(&superblock), self.last, self.segment);
            self.log = Some(log.map_err(|error| self.of_log(error))?);
            self.store(Superblock { flags: superblock.flags.with(Flags::LOGGED), ..superblock })?;
        }
        self.log.as_ref().map(Log::body).ok_or_else(|| Error::Failed { file: self.path(&self.name) })
    }

    /// Makes these changes durable, in one step, as the next commit. Where there is no room for them nothing has happened.
    pub(super) fn append(
        &mut self,
        body: &mut RecordBody,
        changes: &Changes,
        image_pages: u64,
    ) -> Result<u64, Error> {
        let Some(log) = &mut self.log else { return Err(Error::Failed { file: self.path(&self.name) }) };
        let appended = log.append(body, image_pages);
        let sequence = appended.map_err(|error| {
            self.failed = !is_harmless(&error);
            self.of_log(error)
        })?;
        self.counts.commits += 1;
        self.counts.logged_bytes += body.bytes();
        let mut from = 0;
        for (page, mask) in &changes.pages {
            let to = from + mask.count_ones() as usize;
            self.overlay.add(*page, *mask, &changes.lines[from..to]);
            from = to;
        }
        (self.last, self.image_pages) = (sequence, image_pages);
        Ok(sequence)
    }

    /// The file in numbers.
    pub(super) fn stats(&self, method: Method) -> Result<FileStats, Error> {
        let Counts { commits, logged_bytes, checkpoints } = self.counts;
        Ok(FileStats {
            path: self.path(&self.name),
            last_commit: self.last,
            file_bytes: self.base.len().map_err(of_storage)?,
            log_bytes: self.log_bytes(),
            overlay_lines: self.overlay.lines(),
            method: method.name(),
            commits,
            logged_bytes,
            checkpoints,
        })
    }

    /// How long the log is.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log.as_ref().map_or(0, Log::bytes)
    }

    /// Brings everything that is committed into the base, and lets the log be used again.
    pub(super) fn checkpoint(&mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed { file: self.path(&self.name) });
        }
        let gate = Arc::clone(&self.gate);
        let _base_is_ours = gate.lock().unwrap_or_else(PoisonError::into_inner);
        let mut frozen = self.overlay.freeze();
        let generation = frozen.generation();
        let mut row = Vec::new();
        for page in frozen.pages() {
            write_rows(&*self.base, &page, &mut row).map_err(of_storage)?;
        }
        self.sync_base()?;
        let superblock =
            Superblock { applied: self.last, image_pages: self.image_pages, ..self.stored.superblock };
        self.store(superblock)?;
        if let Some(log) = &mut self.log {
            log.retire_through(self.last);
        }
        self.overlay.forget_through(generation);
        self.counts.checkpoints += 1;
        Ok(())
    }

    /// The last commit, to be written to another file while this one goes on.
    pub(super) fn snapshot(&mut self) -> Snapshot<S::File> {
        let superblock = self.stored.superblock;
        let superblock = Superblock {
            uuid: new_uuid(),
            applied: self.last,
            image_pages: self.image_pages,
            flags: superblock.flags.without(Flags::LOGGED),
            ..superblock
        };
        let (base, gate) = (Arc::clone(&self.base), Arc::clone(&self.gate));
        Snapshot { base, gate, frozen: self.overlay.freeze(), superblock }
    }

    /// Leaves the one file behind that has everything.
    pub(super) fn close(&mut self) -> Result<(), Error> {
        if self.log.is_none() {
            return Ok(());
        }
        self.checkpoint()?;
        let superblock = self.stored.superblock;
        // In both slots: each of them alone is enough to open the heap.
        for _ in 0..2 {
            self.store(Superblock { flags: superblock.flags.without(Flags::LOGGED), ..superblock })?;
        }
        self.log = None;
        self.storage.remove(&self.log_name()).map_err(of_storage)?;
        self.storage.sync().map_err(of_storage)
    }

    fn sync_base(&mut self) -> Result<(), Error> {
        self.base.sync().map_err(|error| {
            self.failed = true;
            of_storage(error)
        })
    }

    fn store(&mut self, superblock: Superblock) -> Result<(), Error> {
        self.stored.store(&*self.base, superblock).map_err(|error| {
            self.failed = true;
            of_superblock(error, self.path(&self.name))
        })
    }

    fn log_name(&self) -> OsString {
        log_name_of(&self.name)
    }

    /// What messages call a file.
    fn path(&self, name: &OsStr) -> PathBuf {
        self.storage.path(name)
    }

    fn of_log(&self, error: LogError) -> Error {
        of_log(error, self.path(&self.log_name()))
    }
}

/// The name of the log that belongs to the file `name`.
pub(super) fn log_name_of(name: &OsStr) -> OsString {
    let mut name = name.to_owned();
    name.push(".log");
    name
}

/// Writes the lines of a page to their place, those in a row together.
pub(super) fn write_rows(
    base: &impl StoredFile,
    page: &PatchedPage<'_>,
    row: &mut Vec<Line>,
) -> Result<(), StorageError> {
    let place = |line: usize| page.page * PAGE as u64 + (line * LINE) as u64;
    let mut end = 0;
    for (line, value) in page.lines() {
        if line != end && !row.is_empty() {
            base.write_at(place(end - row.len()), row.as_flattened())?;
            row.clear();
        }
        row.push(*value);
        end = line + 1;
    }
    base.write_at(place(end - row.len()), row.as_flattened())?;
    row.clear();
    Ok(())
}

/// Whether nothing was written, so that the heap can go on.
fn is_harmless(error: &LogError) -> bool {
    matches!(error, LogError::Storage(error) if error.operation == super::storage::Operation::Allocate)
}

/// Adds a part of a commit to the overlay; says how many lines it had.
pub(super) fn take_in(overlay: &mut Overlay, part: &Replayed<'_>, longest: u64) -> u64 {
    let mut count = 0;
    for item in part.items {
        match item {
            Item::Lines { page, mask, lines } if page < longest => {
                overlay.add(page, mask, lines.as_chunks::<LINE>().0);
                count += u64::from(mask.count_ones());
            }
            Item::InPlace { page, count } => {
                (page..page.saturating_add(count).min(longest)).for_each(|page| overlay.drop_page(page));
            }
            Item::Lines { .. } => {}
        }
    }
    count
}

fn identity(superblock: &Superblock) -> Identity {
    Identity { uuid: superblock.uuid, opening: os::random() }
}

pub(crate) fn of_storage(error: StorageError) -> Error {
    if error.operation == super::storage::Operation::Lock
        && error.source.kind() == std::io::ErrorKind::WouldBlock
    {
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
