//! Elements that own a block and panic at a moment of the test's choice, and the trial of every moment.

use core::cell::Cell;
use core::cmp::Ordering;
use core::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use super::heap::{TestHeap, start};
use crate::collections::{CloneIn, PVec};

thread_local! {
    /// How many calls of elements' code go well before one panics.
    static FUSE: Cell<u64> = const { Cell::new(u64::MAX) };
    /// Whether panics of this thread are expected.
    static QUIET: Cell<bool> = const { Cell::new(false) };
    /// Elements that exist.
    static ALIVE: Cell<i64> = const { Cell::new(0) };
}

pub(super) struct Bomb {
    pub(super) key: u64,
    block: PVec<u64, TestHeap>,
}

impl Bomb {
    pub(super) fn new(key: u64, heap: TestHeap) -> Self {
        let block = PVec::from_slice_in(&[key, !key], heap);
        ALIVE.set(ALIVE.get() + 1);
        Self { key, block }
    }

    /// It is a live element, and no bytes of a former one.
    pub(super) fn check(&self) {
        assert_eq!(self.block, [self.key, !self.key]);
    }
}

/// An element without a block, which can be copied without a token.
#[derive(PartialEq, Debug)]
pub(super) struct Spark(pub(super) u64);

impl Spark {
    pub(super) fn new(key: u64) -> Self {
        ALIVE.set(ALIVE.get() + 1);
        Self(key)
    }
}

impl Clone for Spark {
    fn clone(&self) -> Self {
        tick();
        Self::new(self.0)
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
        tick();
    }
}

/// Burns the fuse by one call.
pub(super) fn tick() {
    let left = FUSE.get();
    if left == 0 {
        FUSE.set(u64::MAX);
        panic!("injected");
    }
    FUSE.set(if left == u64::MAX { left } else { left - 1 });
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.check();
        self.key = u64::MAX;
        ALIVE.set(ALIVE.get() - 1);
        tick();
    }
}

impl CloneIn<TestHeap> for Bomb {
    fn clone_in(&self, heap: TestHeap) -> Self {
        tick();
        Self::new(self.key, heap)
    }
}

impl PartialEq for Bomb {
    fn eq(&self, other: &Self) -> bool {
        tick();
        self.key == other.key
    }
}

impl Eq for Bomb {}

impl PartialOrd for Bomb {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bomb {
    fn cmp(&self, other: &Self) -> Ordering {
        tick();
        self.key.cmp(&other.key)
    }
}

impl Hash for Bomb {
    fn hash<S: Hasher>(&self, state: &mut S) {
        tick();
        self.key.hash(state);
    }
}

/// What happens to be injected.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Injected {
    Panic,
    NoMemory,
}

/// Does `act` to what `make` makes, again and again: with a panic in the first call of an element's code, in the
/// second, and so on, and then with the first allocation failing, the second, and so on. After each, `check` sees
/// the collection, which is dropped then; no element and no block may be left.
///
/// Returns how many moments there were.
pub(super) fn every_moment<C>(
    make: impl Fn(TestHeap) -> C,
    act: impl Fn(&mut C, TestHeap),
    check: impl Fn(&C),
) -> u64 {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                hook(panic);
            }
        }));
    });
    let mut moments = 0;
    for injected in [Injected::Panic, Injected::NoMemory] {
        for moment in 0.. {
            let heap = start(2 << 20);
            let before = (heap.used(), ALIVE.get());
            let mut collection = make(heap);
            match injected {
                Injected::Panic => FUSE.set(moment),
                Injected::NoMemory => heap.grants(moment),
            }
            QUIET.set(true);
            let acted = catch_unwind(AssertUnwindSafe(|| act(&mut collection, heap)));
            QUIET.set(false);
            let fired = match injected {
                Injected::Panic => FUSE.get() == u64::MAX,
                Injected::NoMemory => acted.is_err(),
            };
            FUSE.set(u64::MAX);
            heap.grants(u64::MAX);
            check(&collection);
            drop(collection);
            heap.check();
            let after = (heap.used(), ALIVE.get());
            assert_eq!(before, after, "{injected:?} at moment {moment}: bytes in use and elements");
            if !fired {
                acted.expect("nothing was injected");
                break;
            }
            moments += 1;
        }
    }
    moments
}
