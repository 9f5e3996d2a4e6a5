//! What a simulated file holds: pages that are shared between the many disks that hold the same.
//!
//! 1. A page that is not there reads as zero, and so does everything beyond the last one.
//! 2. Bytes beyond the length are zero: cutting clears them, so that growing shows nothing old.

use std::sync::Arc;

pub(crate) const PAGE: usize = 4096;
pub(crate) const SECTOR: usize = 512;

type Page = [u8; PAGE];

static ZERO: Page = [0; PAGE];

#[derive(Clone, Default)]
pub(crate) struct Content {
    len: usize,
    pages: Vec<Option<Arc<Page>>>,
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Where the last page ends that is there.
    pub(crate) fn extent(&self) -> usize {
        self.pages.len() * PAGE
    }

    pub(crate) fn page(&self, number: usize) -> &Page {
        self.pages.get(number).and_then(Option::as_deref).unwrap_or(&ZERO)
    }

    /// Whether this and another content have the same page, without comparing what is in it.
    pub(crate) fn shares(&self, other: &Self, page: usize) -> bool {
        let place = |content: &Self| content.pages.get(page).and_then(Option::as_ref).map(Arc::as_ptr);
        place(self) == place(other)
    }

    pub(crate) fn sector(&self, number: usize) -> &[u8; SECTOR] {
        let at = number * SECTOR % PAGE;
        self.page(number * SECTOR / PAGE)[at..at + SECTOR].try_into().expect("a sector")
    }

    pub(crate) fn read(&self, offset: usize, into: &mut [u8]) {
        let mut done = 0;
        while done < into.len() {
            let (page, from, count) = step(offset + done, into.len() - done);
            into[done..done + count].copy_from_slice(&self.page(page)[from..from + count]);
            done += count;
        }
    }

    /// Writes without changing the length, which the caller sees to; says which pages are others now.
    pub(crate) fn put(&mut self, offset: usize, bytes: &[u8]) -> Vec<usize> {
        let (mut done, mut changed) = (0, Vec::new());
        while done < bytes.len() {
            let (page, from, count) = step(offset + done, bytes.len() - done);
            changed.extend(self.put_in_page(page, from, &bytes[done..done + count]));
            done += count;
        }
        changed
    }

    /// Says which page is another now.
    fn put_in_page(&mut self, page: usize, from: usize, bytes: &[u8]) -> Option<usize> {
        if self.page(page)[from..from + bytes.len()] == *bytes {
            return None;
        }
        if page >= self.pages.len() {
            self.pages.resize(page + 1, None);
        }
        let slot = &mut self.pages[page];
        if bytes == &ZERO[..] {
            *slot = None;
            return Some(page);
        }
        let place = Arc::make_mut(slot.get_or_insert_with(|| Arc::new(ZERO)));
        place[from..from + bytes.len()].copy_from_slice(bytes);
        Some(page)
    }

    /// Makes a range read as zero, without changing the length; says which pages are others now.
    pub(crate) fn zero(&mut self, offset: usize, bytes: usize) -> Vec<usize> {
        let end = offset.saturating_add(bytes).min(self.extent());
        let (mut at, mut changed) = (offset, Vec::new());
        while at < end {
            let (page, from, count) = step(at, end - at);
            if self.pages[page].is_some() {
                changed.extend(self.put_in_page(page, from, &ZERO[..count]));
            }
            at += count;
        }
        changed
    }

    pub(crate) fn set_len(&mut self, len: usize) {
        if len < self.extent() {
            self.zero(len, usize::MAX);
            self.pages.truncate(len.div_ceil(PAGE));
        }
        self.len = len;
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let pages = self.pages.len().max(other.pages.len());
        self.len == other.len && (0..pages).all(|page| self.page(page) == other.page(page))
    }
}

/// The page in which `at` lies, where in it, and how many of `bytes` fit there.
fn step(at: usize, bytes: usize) -> (usize, usize, usize) {
    (at / PAGE, at % PAGE, bytes.min(PAGE - at % PAGE))
}
