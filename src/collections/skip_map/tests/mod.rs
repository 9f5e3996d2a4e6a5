//! The map against simpler maps, and against itself in many threads.

mod history;
mod leftovers;
mod model;
mod notes;
mod panics;
mod stores;
mod threads;

use core::alloc::Layout;
use core::cell::Cell;
use core::ptr::NonNull;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};
use std::thread;

use super::flaws::{Flaw, plant};
use crate::handle::{AllocError, Heap};
use crate::random::Random;
use crate::typed::HeapType;

/// Which heap each test has: it is a type, and tests run at the same time.
static HEAPS: [AtomicPtr<Heap>; 32] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 32];

thread_local! {
    /// After how many more allocations of this thread there is no memory.
    static ALLOCATIONS_LEFT: Cell<usize> = const { Cell::new(usize::MAX) };
    /// What this thread has said that it is about to change.
    static NOTED: std::cell::RefCell<Option<Vec<(usize, usize)>>> = const { std::cell::RefCell::new(None) };
}

/// The heap of the test with this number.
#[derive(Clone, Copy, Debug)]
struct In<const TEST: usize>;

impl<const TEST: usize> In<TEST> {
    /// A heap that is there until the test has its next one, or the process ends.
    fn new() -> Self {
        Self::with(Heap::in_memory().unwrap())
    }

    fn with(heap: Heap) -> Self {
        let before = HEAPS[TEST].swap(Box::leak(Box::new(heap)), Ordering::AcqRel);
        if !before.is_null() {
            // SAFETY: it was leaked here. Its maps are gone, and the test has no thread now but this one.
            drop(unsafe { Box::from_raw(before) });
        }
        Self
    }

    fn heap(self) -> &'static Heap {
        // SAFETY: it was leaked, and stays as long as there is something of the test in it.
        unsafe { HEAPS[TEST].load(Ordering::Acquire).as_ref() }.expect("a heap for this test")
    }

    /// How many blocks are in use. Threads that have done their work may still be giving back what their magazines had: it waits
    /// for them.
    fn blocks(self) -> usize {
        self.heap().settle();
        let mut blocks = 0;
        self.heap().for_each_block(|_, _| blocks += 1);
        blocks
    }
}

// SAFETY: a heap stays as long as there is something of its test in it.
unsafe impl<const TEST: usize> HeapType for In<TEST> {
    type In<'h> = Self;

    fn base(self) -> NonNull<u8> {
        self.heap().core().region().base()
    }

    fn allocate(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        let left = ALLOCATIONS_LEFT.get();
        if left == 0 {
            return Err(AllocError);
        }
        ALLOCATIONS_LEFT.set(left.saturating_sub(usize::from(left != usize::MAX)));
        let block = self.heap().allocate(layout)?;
        // SAFETY: it has so many bytes. Whoever reads what it has not written gets nonsense.
        unsafe { block.write_bytes(0xA5, layout.size()) };
        Ok(block)
    }

    unsafe fn deallocate(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: by the caller's promise. Who still looks at it gets nonsense.
        unsafe { block.write_bytes(0x5A, layout.size()) };
        // SAFETY: as above.
        unsafe { self.heap().deallocate(block, layout) };
    }

    unsafe fn reallocate(self, _: NonNull<u8>, _: Layout, _: Layout) -> Result<NonNull<u8>, AllocError> {
        Err(AllocError)
    }

    fn note(self, bytes: *const u8, len: usize) {
        NOTED.with_borrow_mut(|noted| noted.iter_mut().for_each(|noted| noted.push((bytes.addr(), len))));
    }
}

/// A number that counts how many of its kind there are, says that it is whole, and yields now and then when compared.
struct Counted {
    number: u64,
    live: &'static AtomicI64,
    whole: u64,
}

const WHOLE: u64 = 0x0123_4567_89AB_CDEF;

thread_local! {
    static COMPARISONS: Cell<u64> = const { Cell::new(0) };
    /// How many more comparisons, or drops, go well.
    static GOOD: Cell<u64> = const { Cell::new(u64::MAX) };
}

fn good() {
    let good = GOOD.get();
    if good == 0 {
        GOOD.set(u64::MAX);
        panic!("on purpose");
    }
    GOOD.set(good.saturating_sub(u64::from(good != u64::MAX)));
}

impl Counted {
    fn new(number: u64, live: &'static AtomicI64) -> Self {
        live.fetch_add(1, Ordering::Relaxed);
        Self { number, live, whole: WHOLE }
    }

    fn get(&self) -> u64 {
        assert_eq!(self.whole, WHOLE, "memory that was freed");
        self.number
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(self.whole, WHOLE, "memory that was freed");
        self.whole = 0;
        self.live.fetch_sub(1, Ordering::Relaxed);
        good();
    }
}

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Counted {}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        good();
        let comparisons = COMPARISONS.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        COMPARISONS.set(comparisons);
        if comparisons >> 60 == 0 {
            thread::yield_now();
        }
        self.get().cmp(&other.get())
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Runs `test` in this thread with the flaw; says whether it failed.
fn is_caught(flaw: Flaw, test: impl FnOnce()) -> bool {
    plant(Some(flaw));
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(test));
    plant(None);
    outcome.is_err()
}
