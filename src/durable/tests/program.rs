//! Random programs on a durable heap, and what each of their commits should hold.

use std::alloc::Layout;
use std::ffi::OsStr;
use std::ptr::NonNull;
use std::sync::Arc;

use rustix::io::Errno;

use super::blocks::{Block, Blocks, Held};
use super::history::History;
use crate::durable::chance::seeded;
use crate::durable::storage::simulated::{Fault, Random, SimulatedFolder};
use crate::durable::{Durability, Method};
use crate::error::Error;
use crate::handle::{Heap, HeapOptions, OpenOptions};
use crate::os;
use crate::units::PAGE;

/// How the heap of a program is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(super) reservation: usize,
    pub(super) segment: u64,
    pub(super) log_bound: u64,
    pub(super) method: Method,
    pub(crate) durability: Durability,
    pub(super) find_unnoted: bool,
    pub(super) in_background: bool,
}

impl Settings {
    /// Small ones: segments that a commit does not fit into, a log that is often brought into the base.
    pub(crate) fn any(random: &mut Random, seed: u64) -> Self {
        Self {
            durability: if seed % 4 == 3 { Durability::ProcessCrash } else { Durability::PowerLoss },
            reservation: (4 << 20) << random.below(3),
            segment: [8 << 10, 12 << 10, 16 << 10, 64 << 10][random.below(4)],
            log_bound: [0, 32 << 10, 64 << 10, 1 << 20][random.below(4)],
            method: [Method::WriteProtection, Method::LeftTheFile, Method::Everything][random.below(3)],
            find_unnoted: random.below(4) == 0,
            in_background: false,
        }
    }

    pub(super) fn open(self, folder: &SimulatedFolder) -> Result<Held, Error> {
        self.open_heap(folder).map(Held)
    }

    pub(crate) fn open_heap(self, folder: &SimulatedFolder) -> Result<Heap, Error> {
        let heap = HeapOptions::new().reservation(self.reservation);
        let options = OpenOptions::new().heap(heap).log_segment(self.segment).log_bound(self.log_bound);
        let options = options.durability(self.durability);
        let options = options.find_unnoted(self.find_unnoted);
        let (name, in_background) = (OsStr::new("heap"), self.in_background);
        options.open_in(folder.clone(), name, self.method, in_background)
    }
}

/// Keeps an address taken, so that a heap which was there is mapped elsewhere.
pub(crate) struct Taken(Option<NonNull<u8>>);

impl Taken {
    pub(crate) fn new(address: usize) -> Self {
        Self(os::reserve_at(address, PAGE).ok())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(base) = self.0 {
            // SAFETY: reserved in `new`, and used by nobody.
            unsafe { os::release(base, PAGE) };
        }
    }
}

/// A program that runs on a disk, and what it should have left there.
pub(super) struct Run {
    pub(super) folder: SimulatedFolder,
    pub(super) settings: Settings,
    pub(super) history: History<Arc<Blocks>>,
    /// Where the heap was mapped first.
    pub(super) home: usize,
    pub(super) live: Blocks,
    pub(super) random: Random,
}

impl Run {
    /// A program on an empty disk.
    pub(super) fn new(seed: u64) -> Self {
        seeded::begin(seed << 20);
        let mut random = Random(seed);
        let settings = Settings::any(&mut random, seed);
        Self::with(settings, random)
    }

    pub(super) fn with(settings: Settings, random: Random) -> Self {
        Self {
            folder: SimulatedFolder::new(),
            settings,
            history: History::new(Arc::default()),
            home: 0,
            live: Blocks::new(),
            random,
        }
    }

    /// Goes on where a crash has left a disk, on which `last` was found.
    pub(super) fn after(&self, folder: &SimulatedFolder, last: u64, seed: u64) -> Self {
        Self {
            folder: folder.clone(),
            settings: self.settings,
            history: self.history.after(last),
            home: self.home,
            live: self.blocks(last),
            random: Random(seed),
        }
    }

    /// What is in a commit that was found.
    fn blocks(&self, commit: u64) -> Blocks {
        self.history.at(commit).map(|blocks| Blocks::clone(blocks)).expect("a commit that was tried")
    }

    /// Compares an opened heap with what it should hold; says which commit that is.
    pub(super) fn compare(&self, heap: &Held, known: u64) -> Result<u64, String> {
        let last = heap.0.last_commit();
        let blocks = self.history.expected(last, known, self.settings.durability)?;
        heap.compare(blocks).map_err(|wrong| format!("in commit {last}, after commit {known}: {wrong}"))?;
        Ok(last)
    }

    /// Opens the heap; from now on the commit that it holds is durable.
    pub(super) fn open(&mut self) -> Result<Held, String> {
        let heap = self.settings.open(&self.folder).map_err(|error| format!("opening: {error}"))?;
        self.take_up(&heap)?;
        Ok(heap)
    }

    /// Goes on with what an opened heap holds.
    pub(super) fn take_up(&mut self, heap: &Held) -> Result<(), String> {
        let last = self.compare(heap, self.history.last_made())?;
        self.live = self.blocks(last);
        self.history.found(last, self.folder.operations());
        if self.home == 0 {
            self.home = heap.0.core().region().base().as_ptr().addr();
        }
        Ok(())
    }

    /// Opens the heap, now and then after dying in the midst of that.
    fn reopen(&mut self) -> Result<Held, String> {
        if self.random.below(3) == 0 {
            self.folder.die_after(self.random.below(24) as u64);
            drop(self.settings.open(&self.folder));
            self.folder.fail_no_more();
        }
        self.open()
    }

    /// Makes a commit. After an error the heap may go on, or has to be opened again.
    pub(super) fn persist(&mut self, heap: &Held) -> Result<(), Error> {
        self.history.tries(Arc::new(self.live.clone()));
        let commit = heap.0.persist()?;
        let same = self.history.makes(commit.sequence, commit.durability, self.folder.operations());
        if same.is_some_and(|same| Some(&same) != self.history.at(commit.sequence)) {
            let what = "no commit was made although blocks have changed".to_owned();
            return Err(Error::LogDamaged { file: "heap".into(), what });
        }
        Ok(())
    }

    /// Runs so many random steps.
    pub(super) fn steps(&mut self, mut heap: Held, steps: usize) -> Result<(), String> {
        for _ in 0..steps {
            heap = match self.random.below(64) {
                0 | 1 => {
                    heap.0.close().map_err(|error| format!("closing: {error}"))?;
                    self.reopen()?
                }
                2..6 => self.trouble(heap)?,
                6..22 => {
                    self.persist(&heap).map_err(|error| format!("persisting: {error}"))?;
                    heap
                }
                22 => {
                    heap.0.trim();
                    heap
                }
                23 | 24 => {
                    std::thread::scope(|scope| scope.spawn(|| self.step(&heap)).join()).expect("a step");
                    heap
                }
                _ => {
                    self.step(&heap);
                    heap
                }
            };
            heap.compare(&self.live).map_err(|wrong| format!("without a crash: {wrong}"))?;
        }
        // As if the process had ended without a word.
        self.folder.die();
        drop(heap);
        self.folder.fail_no_more();
        Ok(())
    }

    /// The process dies during a commit or while the heap is closed, or a call fails meanwhile.
    fn trouble(&mut self, heap: Held) -> Result<Held, String> {
        let calls = 1 << self.random.below(7);
        let calls = self.random.below(calls) as u64;
        let fault = self.random.below(4);
        match fault {
            0 => self.folder.fail_after(calls, Fault::Unsure(Errno::IO)),
            1 => self.folder.fail_after(calls, Fault::Refused(Errno::IO)),
            _ => self.folder.die_after(calls),
        }
        if self.random.below(3) == 0 {
            drop(heap.0.close());
        } else {
            if self.persist(&heap).is_err() && fault < 2 {
                self.folder.fail_no_more();
                // Where nothing has happened the same commit is made now; otherwise the heap says that it has failed.
                self.history.gives_up();
                if self.persist(&heap).is_ok() {
                    return Ok(heap);
                }
            }
            drop(heap);
        }
        self.folder.fail_no_more();
        self.reopen()
    }

    /// One step of the program's own: allocates, frees, resizes, or writes.
    pub(super) fn step(&mut self, heap: &Held) {
        match self.random.below(16) {
            0..6 => self.take(heap),
            6..8 => self.give(heap),
            8..10 => self.resize(heap),
            _ => self.write(heap),
        }
    }

    fn layout(&mut self) -> Layout {
        let log = [6, 6, 6, 9, 9, 12, 15, 19][self.random.below(8)];
        let size = 1 + self.random.below((1 << log) - 1);
        Layout::from_size_align(size, 1 << self.random.below(7)).expect("a layout")
    }

    /// Few different bytes: sectors of different commits are often the same.
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let seed = u8::try_from(self.random.below(4)).expect("a byte");
        match self.random.below(3) {
            0 => vec![seed; len],
            1 => (0..=250).cycle().map(|byte| byte ^ seed).take(len).collect(),
            _ => {
                let mut noise = Random(seed.into());
                std::iter::repeat_with(|| noise.next().to_le_bytes()).flatten().take(len).collect()
            }
        }
    }

    pub(super) fn take(&mut self, heap: &Held) {
        let (layout, zeroed) = (self.layout(), self.random.below(4) == 0);
        let content = if zeroed { vec![0; layout.size()] } else { self.bytes(layout.size()) };
        let tracked = self.random.below(2) == 0;
        if let Some(offset) = heap.take(layout, &content, zeroed, tracked) {
            self.live.insert(offset, Block { layout, content: content.into() });
        }
    }

    fn any(&mut self) -> Option<(u64, Block)> {
        let at = if self.live.is_empty() { return None } else { self.random.below(self.live.len()) };
        self.live.iter().nth(at).map(|(offset, block)| (*offset, block.clone()))
    }

    fn give(&mut self, heap: &Held) {
        if let Some((offset, block)) = self.any() {
            heap.give(offset, block.layout);
            self.live.remove(&offset);
        }
    }

    fn resize(&mut self, heap: &Held) {
        let Some((offset, block)) = self.any() else { return };
        let size = self.layout().size();
        let layout = Layout::from_size_align(size, block.layout.align()).expect("a layout");
        let Some(moved) = heap.resize(offset, block.layout, layout) else { return };
        let kept = size.min(block.content.len());
        let mut content = block.content[..kept].to_vec();
        content.extend(self.bytes(size - kept));
        heap.write(moved, kept, &content[kept..]);
        self.live.remove(&offset);
        self.live.insert(moved, Block { layout, content: content.into() });
    }

    fn write(&mut self, heap: &Held) {
        let Some((offset, block)) = self.any() else { return };
        let at = self.random.below(block.content.len());
        let most = (block.content.len() - at).min(1 << self.random.below(13));
        let count = 1 + self.random.below(most);
        let bytes = self.bytes(count);
        heap.write(offset, at, &bytes);
        let mut content = block.content.to_vec();
        content[at..at + count].copy_from_slice(&bytes);
        self.live.insert(offset, Block { content: content.into(), ..block });
    }
}
