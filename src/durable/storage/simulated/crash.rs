//! The disks that a crash may leave.
//!
//! 1. At the point `k` the first `k` operations have ended, and the next one was on its way.
//! 2. Everything that may be independent of everything else is a choice of its own: each sector, each file's length, and
//!    the names. A disk is one option of every choice, and two different ones differ in content.
//! 3. Names whose sync has failed are still on their way: they are the file system's own records, which it keeps until
//!    they are written, or takes no more changes at all.

use std::sync::Arc;

use super::content::{Content, SECTOR};
use super::journal::{Change, Ending, Entry};
use super::possible::{Possible, PossibleFile, Sector};
use super::{Names, Random, SimulatedFolder, Snapshot};

/// Goes through a journal, from point to point.
pub(crate) struct Crashes {
    journal: Vec<Entry>,
    at: usize,
    ended: bool,
    names: Possible<Names, Vec<(std::ffi::OsString, Option<usize>)>>,
    files: Vec<PossibleFile>,
}

/// One point at which the power may fail.
pub(crate) struct CrashPoint {
    /// How many operations have ended before it.
    pub(crate) operations: usize,
    names: Vec<Names>,
    files: Vec<Arc<Content>>,
    lens: Vec<Choice<usize>>,
    sectors: Vec<(usize, Choice<Sector>)>,
}

/// One of several values of a file.
struct Choice<T> {
    file: usize,
    options: Vec<T>,
}

impl Crashes {
    pub(super) fn new(first: &Snapshot, journal: Vec<Entry>) -> Self {
        let files = first.files.iter().map(PossibleFile::new).collect();
        Self { journal, at: 0, ended: false, names: Possible::new(Arc::clone(&first.names)), files }
    }

    fn begin(&mut self, entry: &Entry) {
        match &entry.change {
            Change::Names(names) => {
                let files = names.iter().filter_map(|(_, file)| *file);
                let most = files.max().map_or(0, |file| file + 1);
                while self.files.len() < most {
                    self.files.push(PossibleFile::new(&Arc::default()));
                }
                self.names.push(names.clone());
            }
            Change::Bytes { file, offset, bytes, len, .. } => self.files[*file].write(*offset, bytes, *len),
            Change::SyncNames | Change::Sync { .. } => {}
        }
    }

    fn end(&mut self, entry: &Entry) {
        match &entry.change {
            Change::SyncNames if entry.ending == Ending::Done => self.names.settle(Ending::Done),
            Change::Sync { file } => self.files[*file].settle(entry.ending),
            Change::Bytes { file, offset, bytes, durable: true, .. } if entry.ending != Ending::Killed => {
                self.files[*file].settle_write(*offset, bytes.len(), entry.ending);
            }
            Change::Bytes { .. } | Change::Names(_) | Change::SyncNames => {}
        }
    }

    fn point(&self) -> CrashPoint {
        let lens = self
            .files
            .iter()
            .enumerate()
            .map(|(file, possible)| Choice { file, options: possible.len.outcomes() });
        let sectors = self.files.iter().enumerate().flat_map(|(file, possible)| {
            possible
                .sectors
                .iter()
                .map(move |(sector, values)| (*sector, Choice { file, options: values.outcomes() }))
        });
        CrashPoint {
            operations: self.at,
            names: self.names.outcomes(),
            files: self.files.iter().map(|possible| Arc::clone(&possible.content)).collect(),
            lens: lens.collect(),
            sectors: sectors.filter(|(_, choice)| choice.options.len() > 1).collect(),
        }
    }
}

impl Iterator for Crashes {
    type Item = CrashPoint;

    fn next(&mut self) -> Option<CrashPoint> {
        if self.ended {
            return None;
        }
        let Some(entry) = self.journal.get(self.at).cloned() else {
            self.ended = true;
            return Some(self.point());
        };
        self.begin(&entry);
        let point = self.point();
        self.end(&entry);
        self.at += 1;
        Some(point)
    }
}

impl CrashPoint {
    fn choices(&self) -> impl Iterator<Item = usize> {
        let lens = self.lens.iter().map(|choice| choice.options.len());
        let sectors = self.sectors.iter().map(|(_, choice)| choice.options.len());
        std::iter::once(self.names.len()).chain(lens).chain(sectors)
    }

    /// How many disks there are; `u64::MAX` for that many or more.
    pub(crate) fn disks(&self) -> u64 {
        self.choices().fold(1, |product: u64, options| product.saturating_mul(options as u64))
    }

    /// Disk `number` of them.
    pub(crate) fn disk(&self, mut number: u64) -> SimulatedFolder {
        self.build(|options| {
            let chosen = number % options as u64;
            number /= options as u64;
            usize::try_from(chosen).expect("an option")
        })
    }

    /// One of the disks. Chance decides first how much of what was on its way has arrived, so that nearly nothing and
    /// nearly all of it come up as often as half of it.
    pub(crate) fn any_disk(&self, random: &mut Random) -> SimulatedFolder {
        let arrived = [1, 8, 32, 56, 63][random.below(5)];
        self.build(|options| match random.below(64) {
            _ if options == 1 => 0,
            dice if dice % 8 == 7 => random.below(options),
            dice if dice < arrived => options - 1,
            _ => 0,
        })
    }

    /// Shows all disks to `look` if there are at most `most` of them, and that many by chance otherwise; says how many.
    pub(crate) fn explore(
        &self,
        most: u64,
        random: &mut Random,
        mut look: impl FnMut(&SimulatedFolder),
    ) -> u64 {
        let disks = self.disks();
        if disks <= most {
            (0..disks).for_each(|number| look(&self.disk(number)));
        } else {
            (0..most).for_each(|_| look(&self.any_disk(random)));
        }
        disks.min(most)
    }

    fn build(&self, mut choose: impl FnMut(usize) -> usize) -> SimulatedFolder {
        let names = Arc::clone(&self.names[choose(self.names.len())]);
        let mut files = self.files.clone();
        let mut lens = Vec::with_capacity(files.len());
        for choice in &self.lens {
            lens.push(choice.options[choose(choice.options.len())]);
        }
        for (sector, choice) in &self.sectors {
            let chosen = choose(choice.options.len());
            if chosen != 0 {
                Arc::make_mut(&mut files[choice.file]).put(sector * SECTOR, &*choice.options[chosen]);
            }
        }
        for (file, len) in files.iter_mut().zip(lens) {
            if file.len() != len || file.extent() > len {
                Arc::make_mut(file).set_len(len);
            }
        }
        SimulatedFolder::holding(Snapshot { names, files })
    }
}
