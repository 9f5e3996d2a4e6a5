//! The block that a map has from its beginning: the head of all lists, and what is counted.
//!
//! What changes with every insertion or removal is there several times, in lines of its own: each thread has the shard of
//! its number. The sum is what counts.
//!
//! A shard's lists hold the nodes that were removed and may still be looked at, those of an epoch in the list of its number.
//! They lie in the heap, so that what a run leaves there is found and freed by the next one.
//!
//! ```text
//! 63      48 47                     0
//! |  epoch  |  first removed node   |      the epoch's low bits; all nodes of a list were retired in it
//! ```
//!
//! 1. A node enters a list only as one of the epoch that the list is of; if the list is of another epoch, it is taken over:
//!    what was in it is older by four epochs or more, or from an earlier run, and is freed.
//! 2. Who retires is pinned, so that no list can be of a later epoch than its own, of the same number.
//! 3. An epoch of an earlier run can look like one of this run. Then what is in the list is freed later, and not sooner.

use core::alloc::Layout;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;

use super::epochs::SAFE;
use super::link::Link;
use super::node::{HIGHEST, Raw, State};
use crate::handle::AllocError;
use crate::sync::{AtomicU64, Ordering};
use crate::typed::HeapType;

/// How many threads at a time can count without being in each other's way.
pub(super) const SHARDS: usize = if cfg!(loom) { 1 } else { 8 };

/// More than the epochs for which a node must wait.
const LISTS: usize = 4;

const _: () = assert!(LISTS as u64 > SAFE && (1 << 16) % LISTS == 0);

#[repr(C, align(64))]
pub(super) struct Header {
    tower: [AtomicU64; HIGHEST],
    /// A state, whose height is that of the highest node there was.
    head: AtomicU64,
    shards: [Shard; SHARDS],
}

#[repr(C, align(64))]
pub(super) struct Shard {
    len: AtomicU64,
    removed: [AtomicU64; LISTS],
}

/// A list of removed nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Removed(u64);

impl Removed {
    const EMPTY: Self = Self(0);

    fn new(first: Link, epoch: u64) -> Self {
        Self(epoch << 48 | first.word())
    }

    fn first(self) -> Link {
        Link::of(self.0 & ((1 << 48) - 1))
    }

    /// How long ago it was filled, if that was in this run; at least, in epochs.
    fn age(self, now: u64) -> u64 {
        now.wrapping_sub(self.0 >> 48) & 0xFFFF
    }
}

impl Header {
    pub(super) const LAYOUT: Layout = Layout::new::<Self>();

    /// That of an empty map.
    ///
    /// # Errors
    /// [`AllocError`] where there is no memory.
    pub(super) fn allocate(heap: impl HeapType) -> Result<NonNull<Self>, AllocError> {
        let header = heap.allocate(Self::LAYOUT)?.cast::<Self>();
        let word = || AtomicU64::new(0);
        let shard = || Shard { len: word(), removed: core::array::from_fn(|_| word()) };
        let new = Self {
            tower: core::array::from_fn(|_| word()),
            head: AtomicU64::new(State::new(1, false).word()),
            shards: core::array::from_fn(|_| shard()),
        };
        // SAFETY: the block has this layout.
        unsafe { header.write(new) };
        Ok(header)
    }

    /// The head of all lists, as a node with the highest tower.
    #[inline]
    pub(super) fn head(header: NonNull<Self>) -> Raw {
        // SAFETY: the head lies within the header.
        let head = unsafe { header.cast::<u8>().add(offset_of!(Self, head)) };
        // SAFETY: the tower lies in front of it, with level 0 last.
        unsafe { Raw::at(head) }
    }

    /// The shard of the thread with this number.
    pub(super) fn shard(&self, number: usize) -> &Shard {
        &self.shards[number % SHARDS]
    }

    pub(super) fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// The first nodes of all lists of removed ones.
    pub(super) fn removed(&self) -> [Link; SHARDS * LISTS] {
        core::array::from_fn(|index| {
            let list = &self.shards[index / LISTS].removed[index % LISTS];
            Removed(list.load(Ordering::Acquire)).first()
        })
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        let sum =
            self.shards.iter().fold(0_u64, |sum, shard| sum.wrapping_add(shard.len.load(Ordering::Relaxed)));
        // While shards are read one after the other, an entry's removal may be seen without its insertion.
        usize::try_from(sum.cast_signed()).unwrap_or(0)
    }
}

impl Shard {
    pub(super) fn count_one_more(&self, heap: impl HeapType) {
        note(&self.len, heap);
        self.len.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_one_less(&self, heap: impl HeapType) {
        note(&self.len, heap);
        self.len.fetch_sub(1, Ordering::Relaxed);
    }

    /// Puts a node that was removed before `epoch` was read into its list, and returns what can be freed instead.
    pub(super) fn retire(&self, node: Raw, epoch: u64, heap: impl HeapType) -> Link {
        let list = &self.removed[index(epoch)];
        let new = Removed::new(Link::to(node, heap.base()), epoch);
        note(list, heap);
        let mut old = list.load(Ordering::Acquire);
        loop {
            let same = Removed(old).age(epoch) == 0;
            let (rest, free) = match Removed(old).first() {
                first if same => (first, Link::END),
                first => (Link::END, first),
            };
            node.set_next_removed(rest, heap);
            match list.compare_exchange(old, new.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return free,
                Err(newer) => old = newer,
            }
        }
    }

    /// Takes what nobody can look at any more out of the lists; calls `free` with the first node of each.
    pub(super) fn collect(&self, now: u64, heap: impl HeapType, mut free: impl FnMut(Link)) {
        for list in &self.removed {
            let old = list.load(Ordering::Acquire);
            if Removed(old).first() == Link::END || Removed(old).age(now) < SAFE {
                continue;
            }
            note(list, heap);
            let empty = Removed::EMPTY.0;
            if list.compare_exchange(old, empty, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                free(Removed(old).first());
            }
        }
    }
}

fn index(epoch: u64) -> usize {
    usize::try_from(epoch % LISTS as u64).unwrap_or(0)
}

fn note(word: &AtomicU64, heap: impl HeapType) {
    heap.note(core::ptr::from_ref(word).cast(), size_of::<AtomicU64>());
}

const _: () = assert!(cfg!(loom) || offset_of!(Header, shards) == 192);
