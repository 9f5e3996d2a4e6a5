//! Making a heap's file shorter.
//!
//! ```text
//! cut the live heap's end --> commit --> checkpoint, which gives the end back --> both superblocks --> cut the file
//! ```
//!
//! Only what is free at the end of a part's pages goes; nothing is moved.
//!
//! 1. Until the commit that has less is durable, and in both superblocks, the file keeps what the one before has.
//! 2. No commit comes between the steps. The heap may grow meanwhile, as it may at any time: what it grows by is not given back,
//!    and the file is cut behind it.
//! 3. Pages that the heap had once are written whenever they are to be zeros: what lies in the file there may be anything. When
//!    the heap is closed it is wiped, as it is by an opening after a crash.

use crate::error::Error;
use crate::region::Zone;
use crate::units::PAGE;

use super::area::{Area, Lengths, Part};
use super::capture::Capture;
use super::cores::Cores;
use super::errors::of_storage;
use super::file::HeapFile;
use super::span::PageSpan;
use super::storage::{Storage, StoredFile};

/// A part's pages end at a multiple of so many.
const STEP: u32 = if cfg!(test) { 2 } else { 64 };

/// Takes the free end of each part out of the live heap; says how long the parts were.
pub(super) fn cut_heap<S: Storage>(
    cores: Cores<'_>,
    file: &HeapFile<S>,
    followed: &mut Capture,
) -> Option<Lengths> {
    let before = cores.lengths();
    let cut = cores.both().map(|core| core.runs().lock().cut_end(STEP));
    let mut lengths = before;
    for (part, pages) in Part::ALL.into_iter().zip(cut) {
        if let Some(pages) = pages {
            lengths[Area::new(part, Zone::Pages).index()] = u64::from(pages) * PAGE as u64;
        }
    }
    followed.cut(file, lengths);
    (lengths != before).then_some(before)
}

impl<S: Storage> HeapFile<S> {
    /// Has the next checkpoint give back the pages that lie behind what the last commit has, up to these lengths, and behind what
    /// the heap has grown to since; says how many bytes that are.
    pub(super) fn mark_end(&mut self, cores: Cores<'_>, committed: Lengths, before: Lengths) -> u64 {
        let mut bytes = 0;
        for (part, core) in Part::ALL.into_iter().zip(cores.both()) {
            let area = Area::new(part, Zone::Pages).index();
            let _nobody_grows = core.runs().lock();
            let first = (committed[area] / PAGE as u64).max(core.region().pages().into());
            let span = PageSpan::between(first, before[area] / PAGE as u64);
            self.mark(part, span);
            bytes += span.count * PAGE as u64;
        }
        self.has_old_end = true;
        bytes
    }

    /// Cuts the file behind what the heap has.
    pub(super) fn cut(&mut self, cores: Cores<'_>) -> Result<(), Error> {
        // In the other slot as well: an older one would miss what is cut off.
        self.store(*self.superblock())?;
        cores.seize();
        let len = self.layout.file_len(cores.lengths());
        let cut = match self.base().len() {
            Ok(now) if now > len => self.base().set_len(len),
            other => other.map(drop),
        };
        cores.release();
        cut.map_err(of_storage)
    }
}
