//! A heap's file and its log: what is committed, and where.
//!
//! ```text
//!             append           checkpoint
//!  changes ----------> log ------------------> base
//!                       \______ overlay ______/
//! ```
//!
//! 1. What is committed is the base with the overlay's lines over it, at every moment, in memory and after a crash.
//! 2. The base is written by checkpoints, with what is committed, and by commits where no commit has anything yet.
//! 3. The log is made at the first commit. From then on the superblock says that there is one; a heap that is only read
//!    writes nothing.
//! 4. The base gets no line of a commit that is not durable in the log.
//! 5. After a failed sync or a failed write of a record nothing is committed any more, and the overlay is used no more, in which
//!    such a record's lines may be: what reached the disk is for the next opening to see.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::error::Error;
use crate::units::{LINE, PAGE};

use super::area::Lengths;
use super::base::{wipe, write_near, write_near_by_two};
use super::chance;
use super::checkpoint::Checkpoint;
use super::cores::Cores;
use super::dirty::Method;
use super::errors::{no_memory, of_log, of_storage, of_superblock};
use super::ground::Faults;
use super::holes::Holes;
use super::layout::Layout;
use super::levels::{Durability, LogManner};
use super::lines::{Line, lines_in};
use super::log::{Identity, Item, Log, LogError, RecordBody, Replayed, SegmentBytes};
use super::mapping::View;
use super::overlay::Overlay;
use super::planted::Planted;
use super::replay::Replay;
use super::reuse::Reuse;
use super::snapshot::Snapshot;
use super::span::PageSpan;
use super::stats::{Counts, FileStats};
use super::storage::{Storage, StorageError, StoredFile};
use super::superblock::{Flags, Stored, Superblock};

/// From so many pages on a second thread helps to bring them in: below, it would be done before the thread runs.
const SHARED_FROM: usize = 4096;
/// From so many pages on a second thread adds a commit to the overlay while the disk has it.
const ADDED_BESIDE_FROM: u64 = if cfg!(test) { 4 } else { 1024 };

/// The file of a heap that is open for writing.
#[derive(Debug)]
pub(crate) struct HeapFile<S: Storage> {
    storage: S,
    name: OsString,
    base: Arc<S::File>,
    stored: Stored,
    pub(super) layout: Layout,
    pub(super) view: Arc<View>,
    log: Option<Log<S::File>>,
    segment: SegmentBytes,
    manner: LogManner,
    /// The last commit, and how many pages the image has with it.
    pub(super) last: u64,
    pub(super) image_pages: u64,
    pub(super) overlay: Overlay,
    /// Held by whoever writes to what a commit has in the base, or wants it to stay as it is.
    gate: Arc<Mutex<()>>,
    pub(super) counts: Counts,
    pub(super) holes: Arc<Holes>,
    pub(super) faults: Arc<Faults>,
    pub(super) reuse: Reuse,
    /// Whether behind what the last commit has may lie something that an earlier one had.
    pub(super) has_old_end: bool,
    /// What this opening has found in the log, if there was one.
    pub(super) replayed: Option<Replay>,
    failed: bool,
}

impl<S: Storage> HeapFile<S> {
    /// Takes up the file of which `stored` is the superblock, and replays its log.
    pub(super) fn new(
        storage: S,
        name: OsString,
        base: Arc<S::File>,
        stored: Stored,
        layout: Layout,
        (segment, manner): (SegmentBytes, LogManner),
    ) -> Result<Self, Error> {
        let longest = layout.file_len(layout.longest()) / PAGE as u64;
        let descriptor = base.descriptor().map_err(of_storage)?;
        // SAFETY: a heap's file is locked, and while it is open it is cut only behind all pages that anybody reads.
        let view = Arc::new(unsafe { View::open(descriptor, 0, longest) }.map_err(no_memory)?);
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
            manner,
            last: superblock.applied,
            image_pages: superblock.image_pages,
            overlay: Overlay::new(),
            gate: Arc::default(),
            counts: Counts::default(),
            holes: Arc::new(Holes::new()),
            faults: Arc::default(),
            reuse: Reuse::default(),
            has_old_end: false,
            replayed: None,
            failed: false,
        };
        file.replayed = file.replay()?;
        Ok(file)
    }

    /// Brings what the log has, and the base not, into the overlay.
    fn replay(&mut self) -> Result<Option<Replay>, Error> {
        let begun = Instant::now();
        let name = self.log_name();
        let exists = self.storage.exists(&name).map_err(of_storage)?;
        if !exists {
            let superblock = self.stored.superblock;
            return if superblock.flags.has(Flags::LOGGED) {
                Err(Error::LogMissing { file: self.path(&name), applied: superblock.applied })
            } else {
                Ok(None)
            };
        }
        // What the log still has is decided by the superblock: before anything of it goes, that is durable. As it was read:
        // with one slot damaged, nothing else may be written into the other.
        self.stored.settle(&*self.base).map_err(|error| of_superblock(error, self.path(&self.name)))?;
        self.stored.settle_log(exists);
        let superblock = self.stored.superblock;
        if !superblock.flags.has(Flags::LOGGED) {
            // Made by an opening that ended before its first commit, or left by a clean close that could not remove it.
            self.storage.remove(&name).map_err(of_storage)?;
            return Ok(None);
        }
        let (mut replay, overlay) = (Replay::default(), &mut self.overlay);
        let (image_pages, longest) =
            (&mut self.image_pages, self.layout.file_len(self.layout.longest()) / PAGE as u64);
        let log = Log::open(&self.storage, &name, identity(&superblock), superblock.applied, |part| {
            replay.take_in(overlay, part, longest);
            *image_pages = part.image_pages;
        });
        let (log, tally) = log.map_err(|error| self.of_log(error))?;
        self.last = log.last();
        self.log = Some(log.in_manner(self.manner));
        Ok(Some(replay.end(tally, begun)))
    }

    /// Writes what the log has of these pages to its place in the base, so that whatever maps the base has it. It need not
    /// become durable: the overlay keeps it for the next checkpoint, and the log until that is done.
    pub(super) fn bring_in(&mut self, span: PageSpan) -> Result<(), Error> {
        let pages = self.overlay.pages(span.first, span.end());
        let are_many = self.overlay.patched(span.first, span.end()).nth(SHARED_FROM).is_some();
        if are_many {
            write_near_by_two(&*self.base, &self.layout, pages).map_err(of_storage)?;
        } else {
            write_near(&*self.base, &self.layout, pages, |_| Ok(())).map_err(of_storage)?;
        }
        if Planted::BroughtInCounts.is_there() {
            let (applied, image_pages) = (self.last, self.image_pages);
            self.store(Superblock { applied, image_pages, ..self.stored.superblock })?;
        }
        Ok(())
    }

    /// Says in the superblock that the heap belongs to its address, before it holds the first pointer.
    pub(super) fn bind(&mut self) -> Result<(), Error> {
        let superblock = self.stored.superblock;
        if superblock.is_bound() {
            return Ok(());
        }
        self.store(Superblock { flags: superblock.flags.with(Flags::ABSOLUTE_POINTERS), ..superblock })
    }

    /// Whether the heap belongs to its address.
    pub(crate) fn is_bound(&self) -> bool {
        self.stored.superblock.is_bound()
    }

    /// What commits survive.
    pub(super) fn durability(&self) -> Durability {
        self.manner.durability
    }

    /// The last superblock.
    pub(super) fn superblock(&self) -> &Superblock {
        &self.stored.superblock
    }

    pub(super) fn base(&self) -> &Arc<S::File> {
        &self.base
    }

    /// Makes sure that a commit can be made; makes the log if there is none yet.
    pub(super) fn begin_commit(&mut self) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Failed { file: self.path(&self.name) });
        }
        if let Some(fault) = self.faults.take() {
            self.failed = true;
            return Err(of_storage(fault));
        }
        if self.log.is_none() {
            let superblock = self.stored.superblock;
            let name = self.log_name();
            if !superblock.flags.has(Flags::LOGGED) && self.storage.exists(&name).map_err(of_storage)? {
                // An attempt that failed when the log had its name already: no commit is in it.
                self.storage.remove(&name).map_err(of_storage)?;
            }
            let log = Log::create(&self.storage, &name, identity(&superblock), self.last, self.segment);
            self.log = Some(log.map_err(|error| self.of_log(error))?.in_manner(self.manner));
            self.store(Superblock { flags: superblock.flags.with(Flags::LOGGED), ..superblock })?;
        }
        Ok(())
    }

    /// An empty body for commits.
    pub(super) fn body(&self) -> Result<RecordBody, Error> {
        self.log.as_ref().map(Log::body).ok_or_else(|| Error::Failed { file: self.path(&self.name) })
    }

    /// Makes durable what was placed in the base, before a commit counts on it.
    pub(super) fn sync_placed(&mut self) -> Result<(), Error> {
        let synced = if Planted::PlacedNotSynced.is_there() { Ok(()) } else { self.base.sync() };
        // What a checkpoint has written meanwhile may be lost as well, and its own sync would not be told.
        self.failed |= synced.is_err();
        synced.map_err(of_storage)
    }

    /// Makes these changes durable, in one step, as the next commit. Where there is no room for them nothing has happened.
    pub(super) fn append(&mut self, body: &mut RecordBody, image_pages: u64) -> Result<u64, Error> {
        if Planted::BaseBeforeLog.is_there() {
            self.write_early(body).map_err(of_storage)?;
        }
        let Some(log) = &mut self.log else { return Err(Error::Failed { file: self.path(&self.name) }) };
        let by_two = body.pages() >= ADDED_BESIDE_FROM;
        let appended = if by_two {
            let overlay = &mut self.overlay;
            log.append_beside(body, image_pages, |body| overlay.add_all(changed(body)))
        } else {
            log.append(body, image_pages)
        };
        let doubtful = log.has_failed();
        let sequence = appended.map_err(|error| {
            self.failed = doubtful || !is_harmless(&error);
            self.of_log(error)
        })?;
        self.counts.commits += 1;
        self.counts.logged_bytes += body.bytes();
        if !by_two {
            self.overlay.add_all(changed(body));
        }
        (self.last, self.image_pages) = (sequence, image_pages);
        Ok(sequence)
    }

    /// What no commit may do: writes changes to the base that are not committed yet.
    fn write_early(&self, body: &RecordBody) -> Result<(), StorageError> {
        for (page, mask, lines) in changed(body) {
            for (line, value) in lines_in(mask).zip(lines) {
                self.base.write_at(page * PAGE as u64 + (line * LINE) as u64, value)?;
            }
        }
        Ok(())
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

    /// How much of the log is still needed. The file does not become shorter when less of it is.
    pub(super) fn log_bytes(&self) -> u64 {
        self.log.as_ref().map_or(0, Log::needed)
    }

    /// Begins to bring everything that is committed into the base. Until [`HeapFile::end_checkpoint`] commits go on.
    /// What was marked just before it is given back on this occasion.
    pub(super) fn begin_checkpoint(&mut self) -> Result<Checkpoint<S::File>, Error> {
        if self.failed {
            return Err(Error::Failed { file: self.path(&self.name) });
        }
        let (base, gate) = (Arc::clone(&self.base), Arc::clone(&self.gate));
        let (frozen, layout) = (self.overlay.freeze(), self.layout);
        let log = self.log.as_ref().and_then(Log::unsettled);
        let (free, holes) = (self.reuse.begin(), Arc::clone(&self.holes));
        let (applied, image_pages) = (self.last, self.image_pages);
        Ok(Checkpoint { base, gate, log, frozen, layout, holes, free, lost: None, applied, image_pages })
    }

    /// Says in the superblock what the base has now, and lets the log be used again.
    pub(super) fn end_checkpoint(&mut self, checkpoint: &Checkpoint<S::File>) -> Result<(), Error> {
        let Checkpoint { applied, image_pages, .. } = *checkpoint;
        if !Planted::NotApplied.is_there() {
            self.store(Superblock { applied, image_pages, ..self.stored.superblock })?;
        }
        if let Some(log) = &mut self.log {
            log.note_settled(applied);
            log.retire_through(applied);
        }
        self.overlay.forget_through(checkpoint.frozen.generation());
        self.reuse.end(&checkpoint.free, checkpoint.lost);
        self.counts.checkpoints += 1;
        Ok(())
    }

    /// The same in one step.
    pub(super) fn checkpoint(&mut self) -> Result<(), Error> {
        let mut checkpoint = self.begin_checkpoint()?;
        checkpoint.write(None).inspect_err(|_| self.fail())?;
        self.end_checkpoint(&checkpoint)
    }

    /// The checkpoint did not reach the disk.
    pub(super) fn fail(&mut self) {
        self.failed = true;
    }

    /// Makes space that no commit has read as zero, whatever an opening that crashed may have written there.
    pub(super) fn wipe_beyond(&self, lengths: Lengths) -> Result<(), Error> {
        let wiped = wipe(&*self.base, &self.layout, lengths)?;
        if wiped && !Planted::SuperblockNotSettled.is_there() {
            self.base.sync().map_err(of_storage)?;
        }
        Ok(())
    }

    /// Forgets what the log has behind areas of these lengths: a later commit has less.
    pub(super) fn forget_beyond(&mut self, lengths: Lengths) {
        let pieces = self.layout.beyond(lengths).filter(|_| !Planted::EndRemembered.is_there());
        for piece in pieces {
            let span = piece.in_file();
            let pages: Vec<u64> = self.overlay.patched(span.first, span.end()).collect();
            pages.into_iter().for_each(|page| self.overlay.drop_page(page));
        }
    }

    /// Held while the base is to stay as it is: taken before whatever guards the heap's file, as checkpoints wait for it.
    pub(super) fn gate(&self) -> Arc<Mutex<()>> {
        Arc::clone(&self.gate)
    }

    /// The last commit, to be written to another file while this one goes on.
    pub(super) fn snapshot(&mut self) -> Result<Snapshot<S::File>, Error> {
        if self.failed {
            return Err(Error::Failed { file: self.path(&self.name) });
        }
        let superblock = self.stored.superblock;
        let superblock = Superblock {
            uuid: chance::uuid(),
            applied: self.last,
            image_pages: self.image_pages,
            flags: superblock.flags.without(Flags::LOGGED),
            ..superblock
        };
        let (base, layout) = (Arc::clone(&self.base), self.layout);
        Ok(Snapshot { base, layout, frozen: self.overlay.freeze(), superblock })
    }

    /// Leaves the one file behind that has everything; of each area the last commit has so much, if there was one.
    pub(super) fn close(&mut self, cores: Cores<'_>, committed: Option<Lengths>) -> Result<(), Error> {
        if self.log.is_none() {
            return Ok(());
        }
        if let Some(lengths) = committed.filter(|_| self.has_old_end) {
            self.wipe_beyond(lengths).inspect_err(|_| self.fail())?;
        }
        self.mark_free(cores, true);
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

    pub(super) fn store(&mut self, superblock: Superblock) -> Result<(), Error> {
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

/// Whether an error that came before a record was written leaves nothing in doubt, so that the heap can go on: there was no
/// space for a segment, which does not count before it is whole.
fn is_harmless(error: &LogError) -> bool {
    use super::storage::Operation;
    matches!(error, LogError::Storage(error)
        if error.is_no_space() && matches!(error.operation, Operation::Allocate | Operation::Write))
}

/// The pages of a body that have changed lines, which of them these are, and their values.
fn changed(body: &RecordBody) -> impl Iterator<Item = (u64, u64, &[Line])> {
    body.items().filter_map(lines_of)
}

fn lines_of(item: Item<'_>) -> Option<(u64, u64, &[Line])> {
    match item {
        Item::Lines { page, mask, lines } => Some((page, mask, lines.as_chunks().0)),
        Item::InPlace { .. } => None,
    }
}

/// Adds a part of a commit to the overlay; says how many lines it had.
pub(super) fn take_in(overlay: &mut Overlay, part: &Replayed<'_>, longest: u64) -> u64 {
    let (mut items, mut count) = (part.items.peekable(), 0);
    while items.peek().is_some() {
        let lines = std::iter::from_fn(|| lines_of(items.next_if(|item| lines_of(*item).is_some())?));
        overlay.add_all(lines.filter(|(page, ..)| *page < longest).inspect(|(_, mask, _)| {
            count += u64::from(mask.count_ones());
        }));
        if let Some(Item::InPlace { page, count }) = items.next() {
            (page..page.saturating_add(count).min(longest)).for_each(|page| overlay.drop_page(page));
        }
    }
    count
}

fn identity(superblock: &Superblock) -> Identity {
    Identity { uuid: superblock.uuid, opening: chance::number() }
}
