//! Typed views of the region's memory.

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;

use crate::os;

/// A `T` at a fixed place of the region.
pub(crate) struct Placed<T>(NonNull<T>);

// SAFETY: a `Placed` only gives shared access, which `T: Sync` allows from any thread.
unsafe impl<T: Sync> Send for Placed<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Placed<T> {}

impl<T> Placed<T> {
    /// # Safety
    /// `place` is aligned and holds a valid `T`, changed only through shared references, as long as this is used.
    pub(crate) const unsafe fn new(place: NonNull<T>) -> Self {
        Self(place)
    }
}

impl<T> Placed<T> {
    /// A part of it, at its own place.
    pub(crate) fn part<U>(&self, choose: impl FnOnce(&T) -> &U) -> Placed<U> {
        Placed(NonNull::from(choose(self)))
    }
}

impl<T> Deref for Placed<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `new`'s contract.
        unsafe { self.0.as_ref() }
    }
}

impl<T> fmt::Debug for Placed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Placed({:?})", self.0)
    }
}

/// An array that fills a zone of the region. It may be longer than what is committed.
pub(crate) struct Table<T> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: a table only gives shared access, which `T: Sync` allows from any thread.
unsafe impl<T: Sync> Send for Table<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Table<T> {}

impl<T> Table<T> {
    /// # Safety
    /// `start` is aligned; its `len` entries, as far as they are committed, hold valid `T`s changed only through
    /// shared references, as long as the table is used. Entries that are not committed are never asked for.
    pub(crate) const unsafe fn new(start: NonNull<T>, len: usize) -> Self {
        Self { start, len }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// The entry at `index`.
    ///
    /// An index beyond the table can only come from damaged metadata; going on would damage more, so it ends the
    /// process.
    #[inline]
    pub(crate) fn at(&self, index: usize) -> &T {
        if index >= self.len {
            beyond();
        }
        // SAFETY: the index is within the table, and committed by `new`'s contract.
        let entry = unsafe { self.start.add(index) };
        // SAFETY: as above.
        unsafe { entry.as_ref() }
    }

    /// The first `len` entries, which are committed.
    #[inline]
    pub(crate) fn first(&self, len: usize) -> &[T] {
        if len > self.len {
            beyond();
        }
        // SAFETY: the entries are within the table, and committed by `new`'s contract.
        unsafe { core::slice::from_raw_parts(self.start.as_ptr(), len) }
    }
}

/// Asks the processor to bring the line at `place` near; harmless for any address.
#[inline]
pub(crate) fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no architectural effect and faults at no address.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

#[cold]
#[inline(never)]
fn beyond() -> ! {
    os::die(b"outlive: the heap's metadata is damaged: an entry points beyond its table\n")
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:?}, {} entries)", self.start, self.len)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    extern crate std;
    use super::*;
    use std::process::Command;

    const CHILD: &str = "OUTLIVE_TEST_TABLE";

    #[test]
    fn an_entry_beyond_its_table_ends_the_process() {
        if std::env::var_os(CHILD).is_some() {
            let words = [1_u64, 2, 3];
            // SAFETY: the words live as long as the table, which is one shorter than they are.
            let table = unsafe { Table::new(NonNull::from(&words[0]), 2) };
            assert_eq!((*table.at(0), *table.at(1)), (1, 2));
            std::println!("SURVIVED {}", table.at(2));
            return;
        }
        let test = "region::place::tests::an_entry_beyond_its_table_ends_the_process";
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output = child.args([test, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
        let said = std::string::String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("an entry points beyond its table"), "{said}");
    }
}
