//! Pages that were written, compared with what is committed: on its way into the commit is what differs.

use std::convert::Infallible;
use std::sync::{Mutex, PoisonError};

use crate::durable::cores::Cores;
use crate::durable::diff::LivePage;
use crate::durable::file::HeapFile;
use crate::durable::lines::Line;
use crate::durable::log::RecordBody;
use crate::durable::reuse::Standing;
use crate::durable::steps::{by_one, by_two};
use crate::durable::storage::Storage;
use crate::units::{LINE, PAGE};

use super::{Page, live};

/// How many pages ahead the processor is asked for.
const AHEAD: usize = 2;
/// Pages whose committed lines are asked for at once.
const BATCH: usize = 16;
/// How many are compared before what was found goes into the commit.
const STEP: usize = 16 * BATCH;
/// From so many pages on a second thread helps: below, it would be done before that runs.
const SHARED_FROM: usize = if cfg!(test) { 2 * STEP } else { 8 * STEP };

/// What differs in some pages.
#[derive(Default)]
struct Found {
    pages: Vec<(u64, u64)>,
    lines: Vec<Line>,
}

/// Some pages, and what differs in them.
#[derive(Default)]
struct Compared<'a> {
    pages: &'a [Page],
    found: Found,
}

/// Puts what differs in these pages into the commit, in no order.
pub(super) fn compare<'p, S: Storage>(
    cores: Cores<'_>,
    file: &HeapFile<S>,
    pages: &'p [Page],
    body: &mut RecordBody,
) {
    let (mut steps, body) = (pages.chunks(STEP), Mutex::new(body));
    let take = |compared: &mut Compared<'p>| {
        compared.pages = steps.next().unwrap_or_default();
        !compared.pages.is_empty()
    };
    let step = |compared: &mut Compared<'p>| {
        compared.find(cores, file);
        compared.found.put_into(&mut body.lock().unwrap_or_else(PoisonError::into_inner));
        Ok::<_, Infallible>(())
    };
    let Ok(()) = if pages.len() < SHARED_FROM { by_one(take, step) } else { by_two(take, step) };
}

impl Compared<'_> {
    fn find<S: Storage>(&mut self, cores: Cores<'_>, file: &HeapFile<S>) {
        for (index, page) in self.pages.iter().enumerate() {
            if index % BATCH == 0 {
                let batch = self.pages[index..].iter().take(BATCH);
                file.overlay.prefetch(batch.map(|page| page.file));
            }
            if let Some(next) = self.pages.get(index + AHEAD) {
                live(cores, next.offset).prefetch(file.view.page(next.file));
            }
            self.found.compare(*page, cores, file);
        }
    }
}

impl Found {
    fn put_into(&mut self, body: &mut RecordBody) {
        let mut lines = &self.lines[..];
        for (page, mask) in self.pages.drain(..) {
            let (these, rest) = lines.split_at(mask.count_ones() as usize);
            body.page(page, mask).copy_from_slice(these);
            lines = rest;
        }
        self.lines.clear();
    }

    /// Room for the lines of a page that differ.
    fn room(&mut self, page: u64, mask: u64) -> &mut [Line] {
        if mask == 0 {
            return &mut [];
        }
        self.pages.push((page, mask));
        let used = self.lines.len();
        self.lines.resize(used + mask.count_ones() as usize, [0; LINE]);
        &mut self.lines[used..]
    }

    fn compare<S: Storage>(&mut self, page: Page, cores: Cores<'_>, file: &HeapFile<S>) {
        let live = live(cores, page.offset);
        match file.standing(page.file) {
            Standing::Known => {}
            Standing::Free => return,
            Standing::Open => {
                live.take(u64::MAX, self.room(page.file, u64::MAX));
                return;
            }
        }
        if !page.is_cache {
            return self.compare_with(live, page.file, file);
        }
        let mut copy = Copy([0; PAGE]);
        live.copy_to(&mut copy.0);
        // SAFETY: the copy is there to the end of this function.
        self.compare_with(unsafe { LivePage::new(copy.0.as_ptr()) }, page.file, file);
    }

    fn compare_with<S: Storage>(&mut self, live: LivePage, page: u64, file: &HeapFile<S>) {
        // SAFETY: the file reaches to the end of what the region uses, and only lines that the overlay has are being
        // written to it.
        let base = unsafe { &*file.view.page(page) };
        let mask = live.differing(base, file.overlay.lines_of(page));
        live.take(mask, self.room(page, mask));
    }
}

/// A page's copy, aligned as pages of the region are.
#[repr(align(64))]
struct Copy([u8; PAGE]);
