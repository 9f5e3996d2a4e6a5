//! What a file, or the folder, may hold on the disk.
//!
//! A thing (a sector, a length, the names) has *settled* values, one of which the disk holds for certain, and changes on
//! their way to it, any of which may arrive, in any order.
//!
//! 1. A sync that succeeds leaves each settled value with all changes made to it, in the order of the calls.
//! 2. A sync that fails leaves every outcome as a settled value: no later sync decides between them. Lengths are different:
//!    they are the file system's own records, like names, and stay on their way.
//! 3. A durable write does the same as a sync, for its own sectors and for the length that is needed to read them.
//! 4. `content` holds the first settled value of every sector; a sector is listed only while there is more to know.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::Names;
use super::content::{Content, SECTOR};
use super::journal::{Bytes, Ending};
use super::outcomes::outcomes;

/// A thing with its settled values and the changes on their way.
#[derive(Clone)]
pub(super) struct Possible<T, C> {
    settled: Vec<T>,
    changes: Vec<C>,
}

pub(super) type Sector = Arc<[u8; SECTOR]>;

/// A part of a write, inside of one sector.
#[derive(Clone)]
pub(super) struct Piece {
    bytes: Bytes,
    /// The part of the bytes.
    range: Range<usize>,
    /// Where in the sector it goes.
    at: usize,
}

/// How a thing changes.
pub(super) trait Changes<T> {
    fn apply(&self, value: &T) -> T;
}

impl Changes<Sector> for Piece {
    fn apply(&self, value: &Sector) -> Sector {
        let mut sector = **value;
        self.bytes.put(self.range.clone(), &mut sector[self.at..self.at + self.range.len()]);
        Arc::new(sector)
    }
}

impl Changes<usize> for usize {
    fn apply(&self, _: &usize) -> usize {
        *self
    }
}

impl Changes<Names> for Vec<(std::ffi::OsString, Option<usize>)> {
    fn apply(&self, value: &Names) -> Names {
        let mut names = Arc::clone(value);
        for (name, file) in self {
            match file {
                Some(file) => Arc::make_mut(&mut names).insert(name.clone(), *file),
                None => Arc::make_mut(&mut names).remove(name),
            };
        }
        names
    }
}

impl<T: Clone + PartialEq, C: Changes<T>> Possible<T, C> {
    pub(super) fn new(value: T) -> Self {
        Self { settled: vec![value], changes: Vec::new() }
    }

    pub(super) fn push(&mut self, change: C) {
        self.changes.push(change);
    }

    /// Every value that the disk may hold; the first is the first that is settled.
    pub(super) fn outcomes(&self) -> Vec<T> {
        outcomes(&self.settled, &self.changes, |value, change| change.apply(value))
    }

    /// What has become of this when a sync has ended so.
    pub(super) fn settle(&mut self, ending: Ending) {
        match ending {
            Ending::Done => {
                for value in &mut self.settled {
                    *value = self.changes.iter().fold(value.clone(), |value, change| change.apply(&value));
                }
                let mut known: Vec<T> = Vec::new();
                self.settled.retain(|value| {
                    let new = !known.contains(value);
                    known.extend(new.then(|| value.clone()));
                    new
                });
            }
            Ending::Failed => self.settled = self.outcomes(),
            Ending::Killed => return,
        }
        self.changes.clear();
    }
}

/// What a file may hold.
#[derive(Clone)]
pub(super) struct PossibleFile {
    pub(super) content: Arc<Content>,
    pub(super) sectors: BTreeMap<usize, Possible<Sector, Piece>>,
    pub(super) len: Possible<usize, usize>,
    current_len: usize,
}

impl PossibleFile {
    pub(super) fn new(content: &Arc<Content>) -> Self {
        let len = content.len();
        Self {
            content: Arc::clone(content),
            sectors: BTreeMap::new(),
            len: Possible::new(len),
            current_len: len,
        }
    }

    /// Sends a write on its way.
    pub(super) fn write(&mut self, offset: usize, bytes: &Bytes, len: usize) {
        if len != self.current_len {
            self.len.push(len);
            self.current_len = len;
        }
        let end = offset + bytes.len();
        for sector in sectors(offset, bytes.len()) {
            let (from, to) = (offset.max(sector * SECTOR), end.min((sector + 1) * SECTOR));
            let range = from - offset..to - offset;
            self.send(sector, Piece { bytes: bytes.clone(), range, at: from % SECTOR });
        }
    }

    fn send(&mut self, sector: usize, piece: Piece) {
        if let Some(possible) = self.sectors.get_mut(&sector) {
            possible.push(piece);
            return;
        }
        let now: Sector = Arc::new(*self.content.sector(sector));
        // A whole sector of what is there already is the same wherever it comes in the order.
        if piece.range.len() < SECTOR || *piece.apply(&now) != *now {
            let mut possible = Possible::new(now);
            possible.push(piece);
            self.sectors.insert(sector, possible);
        }
    }

    /// A durable write has ended.
    pub(super) fn settle_write(&mut self, offset: usize, bytes: usize, ending: Ending) {
        sectors(offset, bytes).for_each(|sector| self.settle_sector(sector, ending));
        if ending == Ending::Done && self.len.outcomes().iter().any(|len| *len < offset + bytes) {
            let long = self.len.outcomes().into_iter().filter(|len| *len >= offset + bytes);
            self.len.settled = long.collect();
            self.len.changes.clear();
        }
    }

    /// A sync has ended.
    pub(super) fn settle(&mut self, ending: Ending) {
        let sectors: Vec<usize> = self.sectors.keys().copied().collect();
        sectors.into_iter().for_each(|sector| self.settle_sector(sector, ending));
        if ending == Ending::Done {
            // Whatever was possible before: with the sync the file is as long as it was made last.
            self.len = Possible::new(self.current_len);
        }
    }

    fn settle_sector(&mut self, sector: usize, ending: Ending) {
        let Some(possible) = self.sectors.get_mut(&sector) else { return };
        possible.settle(ending);
        Arc::make_mut(&mut self.content).put(sector * SECTOR, &*possible.settled[0]);
        if possible.settled.len() == 1 && possible.changes.is_empty() {
            self.sectors.remove(&sector);
        }
    }
}

fn sectors(offset: usize, bytes: usize) -> Range<usize> {
    if bytes == 0 { 0..0 } else { offset / SECTOR..(offset + bytes).div_ceil(SECTOR) }
}
