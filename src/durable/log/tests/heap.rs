//! The smallest heap that has a superblock, an image and a log, and random programs for it.
//!
//! It commits, writes fresh pages in place, checkpoints what was committed a while ago, closes and opens again, as the real
//! one does; what it should hold is known for every commit.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::sync::Arc;

use rustix::io::Errno;

use super::super::*;
use crate::durable::planted::Planted;
use crate::durable::storage::simulated::{Fault, Random, SimulatedFile, SimulatedFolder};
use crate::durable::superblock::{Flags, IMAGE, Stored, Superblock, SuperblockError};
use crate::units::{LINE, PAGE};

pub(super) const UUID: [u8; 16] = *b"a heap for tests";
/// How long an image can get, in pages.
const MOST_PAGES: usize = 5;

pub(super) fn base_name() -> &'static OsStr {
    OsStr::new("heap")
}

pub(super) fn log_name() -> &'static OsStr {
    OsStr::new("heap.log")
}

/// What a heap holds after some commit.
pub(super) type Image = Arc<Vec<u8>>;

#[derive(Debug)]
#[expect(dead_code, reason = "what is in it is shown by `Debug`")]
pub(super) enum Trouble {
    Superblock(SuperblockError),
    Log(LogError),
    Storage(StorageError),
}

impl From<SuperblockError> for Trouble {
    fn from(error: SuperblockError) -> Self {
        Self::Superblock(error)
    }
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A heap that is open.
pub(super) struct Heap {
    pub(super) folder: SimulatedFolder,
    base: SimulatedFile,
    stored: Stored,
    log: Log<SimulatedFile>,
    body: RecordBody,
    image: Vec<u8>,
    /// Pages with lines that the base does not have.
    dirty: BTreeSet<usize>,
    checkpoint: Option<Checkpoint>,
}

/// A checkpoint on its way: what it will write, as of which commit.
struct Checkpoint {
    image: Vec<u8>,
    pages: BTreeSet<usize>,
    applied: u64,
}

/// What was seen of a heap.
pub(super) struct Seen {
    pub(super) last: u64,
    pub(super) image: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl Seen {
    fn of_base(base: &SimulatedFile, stored: &Stored) -> Result<Self, StorageError> {
        let mut seen = Self { last: stored.superblock.applied, image: Vec::new(), dirty: BTreeSet::new() };
        seen.set_len(base, stored.superblock.image_pages)?;
        Ok(seen)
    }

    fn set_len(&mut self, base: &SimulatedFile, pages: u64) -> Result<(), StorageError> {
        let (before, now) = (self.image.len(), usize::try_from(pages).unwrap() * PAGE);
        self.image.resize(now, 0);
        if before < now { base.read_at(IMAGE + before as u64, &mut self.image[before..]) } else { Ok(()) }
    }

    fn take(&mut self, base: &SimulatedFile, part: &Replayed<'_>) -> Result<(), StorageError> {
        self.set_len(base, part.image_pages)?;
        self.last = part.sequence;
        for item in part.items {
            match item {
                Item::Lines { page, mask, lines } => {
                    let page = usize::try_from(page).unwrap();
                    let set = (0..64).filter(|line| mask >> line & 1 == 1);
                    for (line, bytes) in set.zip(lines.chunks(LINE)) {
                        let at = page * PAGE + line * LINE;
                        self.image[at..at + LINE].copy_from_slice(bytes);
                    }
                    self.dirty.insert(page);
                }
                Item::InPlace { page, count } => {
                    for page in page..page + count {
                        let at = usize::try_from(page).unwrap() * PAGE;
                        base.read_at(IMAGE + at as u64, &mut self.image[at..at + PAGE])?;
                        self.dirty.remove(&usize::try_from(page).unwrap());
                    }
                }
            }
        }
        Ok(())
    }
}

/// What a reader finds, without writing anything.
pub(super) fn look(folder: &SimulatedFolder) -> Result<Seen, Trouble> {
    let base = folder.open(base_name(), Open::ReadOnly)?;
    let stored = Stored::load(&base)?;
    let mut seen = Seen::of_base(&base, &stored)?;
    if folder.exists(log_name())? {
        let log = folder.open(log_name(), Open::ReadOnly)?;
        let mut taken = Ok(());
        let (last, _) = replay(&log, UUID, stored.superblock.applied, |part| {
            if taken.is_ok() {
                taken = seen.take(&base, part);
            }
        })?;
        taken?;
        assert_eq!(last, seen.last);
    }
    Ok(seen)
}

impl Heap {
    pub(super) fn create(folder: &SimulatedFolder) -> Image {
        let base = folder.open(base_name(), Open::New).unwrap();
        base.set_len(IMAGE + (MOST_PAGES * PAGE) as u64).unwrap();
        let first = Superblock {
            uuid: UUID,
            sequence: 0,
            applied: 0,
            base: 0,
            reserved_pages: MOST_PAGES as u64,
            image_pages: 2,
            flags: Flags::default(),
            geometry: 0,
        };
        Stored::create(&base, first).unwrap();
        folder.sync().unwrap();
        Arc::new(vec![0; 2 * PAGE])
    }

    pub(super) fn open(
        folder: &SimulatedFolder,
        opening: u64,
        segment: SegmentBytes,
        manner: LogManner,
    ) -> Result<Self, Trouble> {
        let identity = Identity { uuid: UUID, opening };
        let base = folder.open(base_name(), Open::Existing)?;
        let stored = Stored::load(&base)?;
        let mut seen = Seen::of_base(&base, &stored)?;
        let applied = stored.superblock.applied;
        let log = if folder.exists(log_name())? {
            let mut taken = Ok(());
            let (log, _) = Log::open(folder, log_name(), identity, applied, |part| {
                if taken.is_ok() {
                    taken = seen.take(&base, part);
                }
            })?;
            taken?;
            log
        } else {
            Log::create(folder, log_name(), identity, applied, segment)?
        };
        assert_eq!(log.last(), seen.last);
        let log = log.in_manner(manner);
        let body = log.body();
        let Seen { image, dirty, .. } = seen;
        let folder = folder.clone();
        Ok(Self { folder, base, stored, log, body, image, dirty, checkpoint: None })
    }

    pub(super) fn last(&self) -> u64 {
        self.log.last()
    }

    fn pages(&self) -> usize {
        self.image.len() / PAGE
    }

    /// Captures a commit that makes the image this one, whose fresh pages are written in place first.
    pub(super) fn commit(&mut self, next: &[u8]) -> Result<u64, Trouble> {
        self.body.clear();
        let (before, pages) = (self.pages(), next.len() / PAGE);
        for page in 0..pages.min(before) {
            let range = page * PAGE..(page + 1) * PAGE;
            let (old, new) = (&self.image[range.clone()], &next[range]);
            let (old, new) = (old.as_chunks::<LINE>().0, new.as_chunks::<LINE>().0);
            let changed: Vec<usize> = (0..new.len()).filter(|line| old[*line] != new[*line]).collect();
            let places = self.body.page(page as u64, changed.iter().fold(0, |mask, line| mask | 1 << line));
            for (line, place) in changed.into_iter().zip(places) {
                *place = new[line];
                self.dirty.insert(page);
            }
        }
        if pages > before {
            // An older commit may have had these pages. From here on no crash goes back to it.
            self.settle_log()?;
            self.base.write_at(IMAGE + self.image.len() as u64, &next[self.image.len()..])?;
            self.base.sync()?;
            self.body.in_place(before as u64, (pages - before) as u64);
            for fresh in before..pages {
                self.dirty.remove(&fresh);
                // A checkpoint that began earlier must not write what the page was then.
                self.checkpoint.iter_mut().for_each(|checkpoint| {
                    checkpoint.pages.remove(&fresh);
                });
            }
        }
        let sequence = self.log.append(&mut self.body, pages as u64)?;
        self.image = next.to_vec();
        Ok(sequence)
    }

    fn settle_log(&mut self) -> Result<(), Trouble> {
        if let Some(log) = self.log.unsettled().filter(|_| !Planted::LogNotSynced.is_there()) {
            log.sync()?;
            self.log.note_settled(self.log.last());
        }
        Ok(())
    }

    pub(super) fn begin_checkpoint(&mut self) {
        if self.checkpoint.is_none() {
            let pages = std::mem::take(&mut self.dirty);
            self.checkpoint = Some(Checkpoint { image: self.image.clone(), pages, applied: self.last() });
        }
    }

    pub(super) fn end_checkpoint(&mut self) -> Result<(), Trouble> {
        let Some(Checkpoint { image, pages, applied }) = self.checkpoint.take() else { return Ok(()) };
        self.settle_log()?;
        for page in pages.into_iter().filter(|page| (page + 1) * PAGE <= image.len()) {
            self.base.write_at(IMAGE + (page * PAGE) as u64, &image[page * PAGE..(page + 1) * PAGE])?;
        }
        self.base.sync()?;
        let image_pages = (image.len() / PAGE) as u64;
        let next = Superblock { applied, image_pages, ..self.stored.superblock };
        self.stored.store(&self.base, next)?;
        self.log.retire_through(applied);
        Ok(())
    }

    /// Leaves only the base behind.
    fn close(mut self) -> Result<(), Trouble> {
        self.end_checkpoint()?;
        self.begin_checkpoint();
        self.end_checkpoint()?;
        self.folder.remove(log_name())?;
        Ok(self.folder.sync()?)
    }
}

/// A program that runs on a disk, and what it should have left there.
pub(super) struct Run {
    pub(super) folder: SimulatedFolder,
    pub(super) segment: SegmentBytes,
    pub(super) manner: LogManner,
    /// The image after each commit that was tried, the first after `first` commits.
    pub(super) history: Vec<Image>,
    pub(super) first: u64,
    /// How many operations had ended when it was known that this commit is durable.
    pub(super) known: Vec<(usize, u64)>,
    /// The last commit that was made: the end of the process leaves it.
    made: u64,
    pub(super) random: Random,
}

impl Run {
    /// A heap without commits.
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let folder = SimulatedFolder::new();
        let image = Heap::create(&folder);
        let segment = SegmentBytes::new([8192, 12288, 16384, 32768][random.below(4)]).unwrap();
        let known = vec![(folder.operations(), 0)];
        let durability = if seed % 3 == 2 { Durability::ProcessCrash } else { Durability::PowerLoss };
        let manner = LogManner { durability, ..LogManner::default() };
        Self { folder, segment, manner, history: vec![image], first: 0, known, made: 0, random }
    }

    /// Goes on where a crash has left a disk, on which `last` was found.
    pub(super) fn after(&self, folder: &SimulatedFolder, last: u64, seed: u64) -> Self {
        let at = usize::try_from(last - self.first).unwrap();
        Self {
            folder: folder.clone(),
            segment: self.segment,
            // The next opening may choose otherwise.
            manner: if seed.is_multiple_of(3) { LogManner::default() } else { self.manner },
            history: vec![Arc::clone(&self.history[at])],
            first: last,
            known: vec![(0, last)],
            made: last,
            random: Random(seed),
        }
    }

    pub(super) fn open(&mut self) -> Result<Heap, Trouble> {
        let opening = self.random.next();
        let heap = Heap::open(&self.folder, opening, self.segment, self.manner)?;
        self.learn(&heap)?;
        Ok(heap)
    }

    /// Opens the heap, now and then with a call that fails meanwhile, or has the process die.
    fn reopen(&mut self) -> Result<Heap, Trouble> {
        if self.random.below(2) == 0 {
            return self.open();
        }
        let fault = [Fault::Killed, Fault::Unsure(Errno::IO)][self.random.below(2)];
        self.folder.fail_after(self.random.below(16) as u64, fault);
        let opened = self.open();
        self.folder.fail_no_more();
        opened.or_else(|_| self.open())
    }

    /// Compares what is open with what should be there; from now on it is durable.
    fn learn(&mut self, heap: &Heap) -> Result<(), Trouble> {
        let at = usize::try_from(heap.last() - self.first).unwrap();
        let known = self.made;
        let expected = self.history.get(at).filter(|_| heap.last() >= known);
        if expected.is_none_or(|image| **image != heap.image) {
            panic!("commit {} is not what it was, after {known} was known", heap.last());
        }
        self.history.truncate(at + 1);
        self.made = heap.last();
        self.known.push((self.folder.operations(), heap.last()));
        Ok(())
    }

    /// An image that differs from the last one by little or by much. Few different bytes: sectors of different commits are
    /// often the same.
    fn next_image(&mut self) -> Image {
        let mut image = Vec::clone(self.history.last().unwrap());
        let random = &mut self.random;
        match random.below(6) {
            0 if image.len() < MOST_PAGES * PAGE => {
                let byte = u8::try_from(random.below(3)).unwrap();
                image.resize(image.len() + PAGE, byte);
                let at = image.len() - PAGE;
                image[at..at + LINE].fill(u8::try_from(random.below(250)).unwrap());
            }
            0 | 1 if image.len() > 2 * PAGE => image.truncate(image.len() - PAGE),
            2 | 3 => {
                let fill = u8::try_from(1 + random.below(2)).unwrap();
                for page in 0..1 + random.below(2) {
                    let place = &mut image[page * PAGE..(page + 1) * PAGE];
                    // Noise, the same each time: a log that compresses keeps the sectors of it too.
                    let mut noise = Random(fill.into());
                    place.chunks_mut(8).for_each(|word| word.copy_from_slice(&noise.next().to_le_bytes()));
                    image[page * PAGE + random.below(LINE)] = u8::try_from(3 + random.below(250)).unwrap();
                }
            }
            _ => {
                for _ in 0..1 + random.below(4) {
                    let line = random.below(image.len() / LINE) * LINE;
                    image[line..line + LINE].fill(u8::try_from(random.below(250)).unwrap());
                }
            }
        }
        Arc::new(image)
    }

    pub(super) fn commit(&mut self, heap: &mut Heap) -> Result<(), Trouble> {
        let next = self.next_image();
        self.history.push(Arc::clone(&next));
        let sequence = heap.commit(&next)?;
        assert_eq!(sequence, self.first + self.history.len() as u64 - 1);
        self.made = sequence;
        if self.manner.durability == Durability::PowerLoss {
            self.known.push((self.folder.operations(), sequence));
        }
        Ok(())
    }

    /// Runs so many random steps.
    pub(super) fn steps(&mut self, mut heap: Heap, steps: usize) -> Result<(), Trouble> {
        for _ in 0..steps {
            match self.random.below(16) {
                0 | 1 => heap.begin_checkpoint(),
                2 | 3 => heap.end_checkpoint()?,
                4 => {
                    heap.close()?;
                    heap = self.reopen()?;
                }
                5 => {
                    drop(heap);
                    heap = self.reopen()?;
                }
                6 | 7 => {
                    let fault = [Fault::Killed, Fault::Unsure(Errno::IO)][self.random.below(2)];
                    self.folder.fail_after(0, fault);
                    // Whichever call it is, the heap has to be opened again.
                    drop(self.commit(&mut heap));
                    drop(heap);
                    heap = self.open()?;
                }
                _ => self.commit(&mut heap)?,
            }
        }
        Ok(())
    }
}
