//! A file's current content once more, in memory that can be mapped.
//!
//! Tests open disks by the thousand, most of which have most pages in common. What showed a file that is gone shows the next
//! one, when the pages that differ were written.
//!
//! 1. Between any two calls a memory shows the content that it follows, as a whole.
//! 2. Memory of a file that is gone is used again by the same thread only: there, whatever was mapped of it is gone too.

use std::cell::RefCell;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{MemfdFlags, Mode, OFlags};
use rustix::io::Errno;

use super::content::{Content, PAGE};

/// So much is kept of files that are gone.
const KEPT: usize = 4;

thread_local! {
    /// Memory of files that are gone, with what it shows.
    static KEPT_MEMORY: RefCell<Vec<(Memory, Arc<Content>)>> = const { RefCell::new(Vec::new()) };
}

/// What shows a file's content.
pub(super) struct Memory {
    file: OwnedFd,
    /// The same, which cannot be written through.
    view: Arc<OwnedFd>,
}

impl Memory {
    pub(super) fn of(content: &Content) -> Result<Self, Errno> {
        let kept = KEPT_MEMORY.try_with(|kept| kept.borrow_mut().pop()).ok().flatten();
        let (memory, shown) = match kept {
            Some(kept) => kept,
            None => (Self::new()?, Arc::default()),
        };
        memory.set_len(content);
        // What is not written reads as zero, and most pages of a heap's file do.
        for page in (0..content.len().div_ceil(PAGE)).filter(|page| !content.shares(&shown, *page)) {
            memory.put(content, page);
        }
        Ok(memory)
    }

    fn new() -> Result<Self, Errno> {
        let file = rustix::fs::memfd_create("simulated", MemfdFlags::CLOEXEC)?;
        let path = format!("/proc/self/fd/{}", file.as_raw_fd());
        let view = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { file, view: Arc::new(view) })
    }

    /// Its file, which shows `content`, is gone.
    pub(super) fn keep(self, content: Arc<Content>) {
        // At the end of a thread nothing is kept.
        let _ = KEPT_MEMORY.try_with(|kept| {
            let mut kept = kept.borrow_mut();
            if kept.len() < KEPT {
                kept.push((self, content));
            }
        });
    }

    pub(super) fn view(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.view)
    }

    /// Takes over a range of the content, and its length.
    pub(super) fn follow(&self, content: &Content, offset: usize, bytes: usize) {
        self.set_len(content);
        let end = offset.saturating_add(bytes).min(content.len());
        (offset / PAGE..end.div_ceil(PAGE)).for_each(|page| self.put(content, page));
    }

    fn set_len(&self, content: &Content) {
        rustix::fs::ftruncate(&self.file, content.len() as u64).expect("room in memory");
    }

    fn put(&self, content: &Content, page: usize) {
        let count = PAGE.min(content.len() - page * PAGE);
        let written = rustix::io::pwrite(&self.file, &content.page(page)[..count], (page * PAGE) as u64);
        assert_eq!(written, Ok(count), "room in memory");
    }
}
