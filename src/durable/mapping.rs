//! The base file's image in memory, twice: to be lived in, and to be compared with.
//!
//! *Live* memory is a private mapping of the file: it reads what the file has until it is written, and nothing that is
//! written there reaches the file. A [`View`] is a shared one, only to be read, and shows what is written to the file.
//!
//! Huge pages are asked for in both. Where the file system can, what is read then comes into the system's cache in pieces of
//! 2 MiB, by which live memory is mapped as long as nobody writes to it.

use core::fmt;
use core::ptr::NonNull;
use std::os::fd::BorrowedFd;

use crate::os;
use crate::units::{HUGE, PAGE};

use super::span::PageSpan;

/// Maps `pages` pages of `file` from `offset` on over reserved memory, to be lived in.
///
/// # Safety
/// As for [`os::map_private`].
pub(crate) unsafe fn map_live(
    file: BorrowedFd<'_>,
    offset: u64,
    start: *mut u8,
    pages: u64,
) -> Result<(), os::Fault> {
    let bytes = bytes(pages).ok_or(os::Fault::NOMEM)?;
    // SAFETY: the caller's promise.
    unsafe { os::map_private(file, offset, start, bytes) }?;
    if bytes >= HUGE {
        // SAFETY: mapped just now.
        unsafe { ask_for_huge(start, bytes) };
    }
    Ok(())
}

/// A read-only view of an image. It starts at a multiple of a huge page, without which the kernel cannot map large parts
/// of its cache in one step.
pub(crate) struct View {
    base: NonNull<u8>,
    pages: u64,
}

// SAFETY: the view owns its mapping, and gives out addresses only.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl View {
    /// Maps `pages` pages of `file` from `offset` on. That may be more than the file has: pages come into being as it
    /// grows.
    ///
    /// # Safety
    /// As long as the view lives, the file is not shortened, but for pages that nobody reads any more.
    pub(crate) unsafe fn open(file: BorrowedFd<'_>, offset: u64, pages: u64) -> Result<Self, os::Fault> {
        let bytes = bytes(pages).ok_or(os::Fault::NOMEM)?;
        // SAFETY: the caller's promise; what is read while it is written is up to those who read.
        let base = unsafe { os::map_shared(file, offset, bytes, HUGE) }?;
        Ok(Self { base, pages })
    }

    /// The address of a page, to be read where the file has it and while nobody writes it.
    #[inline]
    pub(crate) fn page(&self, page: u64) -> *const [u8; PAGE] {
        debug_assert!(page <= self.pages);
        self.base.as_ptr().cast::<[u8; PAGE]>().wrapping_add(bytes(page).unwrap_or(0) / PAGE).cast_const()
    }

    /// Brings pages that the file has into memory, so that no comparison waits for them.
    pub(crate) fn populate(&self, span: PageSpan) -> Result<(), os::Fault> {
        let (first, end) = (span.first.min(self.pages), span.end().min(self.pages));
        let all = bytes(self.pages).ok_or(os::Fault::NOMEM)?;
        let bytes = bytes(end - first).ok_or(os::Fault::NOMEM)?;
        // For all of it: advice for a part would split the mapping.
        // SAFETY: the view's own mapping.
        unsafe { ask_for_huge(self.base.as_ptr(), all) };
        // SAFETY: whole pages of the mapping.
        unsafe { os::populate(self.page(first).cast_mut().cast(), bytes) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        if let Some(bytes) = bytes(self.pages) {
            // SAFETY: the mapping is the view's, and whoever drops it reads no more.
            unsafe { os::release(self.base, bytes) };
        }
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("base", &self.base).field("pages", &self.pages).finish()
    }
}

/// Asks for huge pages. A kernel that knows none refuses, and reads small ones.
///
/// # Safety
/// As for [`os::advise_huge`].
unsafe fn ask_for_huge(start: *mut u8, bytes: usize) {
    // SAFETY: the caller's promise.
    let _ = unsafe { os::advise_huge(start, bytes, true) };
}

fn bytes(pages: u64) -> Option<usize> {
    usize::try_from(pages).ok()?.checked_mul(PAGE)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};
    use std::os::fd::AsFd;

    use super::*;
    use crate::durable::tests::file_of;

    #[test]
    fn a_view_shows_what_is_written_and_what_grows() {
        let mut file = file_of(&[7; 3 * PAGE]);
        // SAFETY: nobody shortens the file.
        let view = unsafe { View::open(file.as_fd(), PAGE as u64, 100) }.unwrap();
        assert!(view.page(0).addr().is_multiple_of(HUGE));
        view.populate(PageSpan { first: 0, count: 2 }).unwrap();
        // SAFETY: the file has the page, and nobody writes it.
        assert_eq!(unsafe { view.page(1).read() }, [7; PAGE]);
        assert!(view.populate(PageSpan { first: 0, count: 3 }).is_err(), "the file has no such page yet");
        file.seek(SeekFrom::Start(2 * PAGE as u64)).unwrap();
        file.write_all(&[8; 2 * PAGE]).unwrap();
        for page in [1, 2] {
            // SAFETY: as above.
            assert_eq!(unsafe { view.page(page).read() }, [8; PAGE]);
        }
        // SAFETY: as above.
        assert_eq!(unsafe { view.page(0).read() }, [7; PAGE]);
    }

    #[test]
    fn what_is_written_to_live_memory_stays_out_of_the_file() {
        let mut file = file_of(&[7; 2 * PAGE]);
        let live = os::reserve(2 * PAGE, HUGE).unwrap().as_ptr();
        // SAFETY: the pages were just reserved; the file is written only where its page has been left.
        unsafe { map_live(file.as_fd(), 0, live, 2) }.unwrap();
        // SAFETY: a mapped page of the test's own.
        unsafe { live.write(8) };
        file.write_all(&[9; PAGE]).unwrap();
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [[9; PAGE], [7; PAGE]].concat());
        // SAFETY: as above.
        let seen = unsafe { live.cast::<[[u8; PAGE]; 2]>().read() };
        assert_eq!((seen[0][0], &seen[0][1..], seen[1]), (8, &[7; PAGE - 1][..], [7; PAGE]));
        // SAFETY: reserved above, and used no more.
        unsafe { os::release(NonNull::new(live).unwrap(), 2 * PAGE) };
    }

    #[test]
    fn a_view_that_cannot_be_is_refused() {
        let file = file_of(&[7; PAGE]);
        for (offset, pages) in [(1, 1), (0, 1 << 50), (0, u64::MAX)] {
            // SAFETY: nobody shortens the file.
            assert!(unsafe { View::open(file.as_fd(), offset, pages) }.is_err());
        }
    }
}
