//! A heap type for tests: each thread has a heap of its own, in a leaked buffer or in a file.
//!
//! It can be told to fail, it can move to another address, and it knows which bytes were noted, so that what has changed
//! without having been noted is found ([`Notes::check`]).

use core::alloc::Layout;
use core::cell::{Cell, RefCell};
use core::ops::Deref;
use core::ptr::NonNull;

use crate::typed::HeapType;
use crate::units::LINE;
use crate::{AllocError, BlockInfo, BufferHeap, Commit, Error, Heap};

#[derive(Clone, Copy, Debug)]
pub(super) struct TestHeap(());

thread_local! {
    static BASE: Cell<NonNull<u8>> = const { Cell::new(NonNull::dangling()) };
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
    /// How many allocations succeed before one fails.
    static GRANTS: Cell<u64> = const { Cell::new(u64::MAX) };
    /// Whether the notes of some lines are forgotten, as by a collection that has a bug.
    static FORGETS: Cell<bool> = const { Cell::new(false) };
}

/// Where the heap lies.
enum Backing {
    Buffer(BufferHeap<'static>),
    /// Everything is in tracked memory, as it is for heap types of `heap!`.
    File(Heap),
}

impl Deref for Backing {
    type Target = Heap;

    fn deref(&self) -> &Heap {
        match self {
            Self::Buffer(heap) => heap,
            Self::File(heap) => heap,
        }
    }
}

struct State {
    heap: Backing,
    bytes: usize,
    notes: Option<Notes>,
}

/// The heap's bytes before an operation, and which of them were noted.
struct Notes {
    before: Vec<u8>,
    noted: Vec<bool>,
}

/// A new heap for this thread, in a buffer of `bytes`.
pub(super) fn start(bytes: usize) -> TestHeap {
    let heap = Heap::in_buffer(vec![0_u8; bytes].leak()).unwrap();
    adopt(Backing::Buffer(heap), bytes);
    GRANTS.set(u64::MAX);
    TestHeap(())
}

/// This heap for this thread.
pub(super) fn start_in(heap: Heap) -> TestHeap {
    adopt(Backing::File(heap), 0);
    GRANTS.set(u64::MAX);
    TestHeap(())
}

/// Forgets some notes of what `act` does.
pub(super) fn forgetting<T>(act: impl FnOnce() -> T) -> T {
    FORGETS.set(true);
    let done = act();
    FORGETS.set(false);
    done
}

fn adopt(heap: Backing, bytes: usize) {
    BASE.set(heap.core().region().base());
    STATE.replace(Some(State { heap, bytes, notes: None }));
}

fn with<R>(act: impl FnOnce(&mut State) -> R) -> R {
    STATE.with_borrow_mut(|state| act(state.as_mut().expect("`start` was called")))
}

impl TestHeap {
    /// Takes the image up at another address, and makes the old one unusable.
    pub(super) fn moves(self) {
        let (base, bytes) = (BASE.get(), with(|state| state.bytes));
        let root = with(|state| state.heap.root().and_then(|root| state.heap.offset_of(root)));
        STATE.replace(None);
        // The buffer starts at most a page before the region, and the rest of it is of no concern.
        let fresh = vec![0_u8; bytes].leak();
        let lead = fresh.as_ptr().align_offset(crate::PAGE);
        let len = bytes - lead.max(crate::PAGE);
        // SAFETY: both have as many bytes from their first page on, and the heap over the old ones is gone.
        unsafe { base.as_ptr().copy_to(fresh.as_mut_ptr().add(lead), len) };
        // SAFETY: the heap over them is gone, and nobody should have an address of it any more.
        unsafe { base.as_ptr().write_bytes(0xA5, len) };
        adopt(Backing::Buffer(Heap::attach(fresh).unwrap()), bytes);
        assert_ne!(base, BASE.get());
        assert_eq!(root, with(|state| state.heap.root().and_then(|root| state.heap.offset_of(root))));
    }

    /// Makes a commit of a heap in a file.
    pub(super) fn persist(self) -> Result<Commit, Error> {
        with(|state| state.heap.persist())
    }

    /// Gives the heap up; it is closed where it is dropped.
    pub(super) fn end(self) -> Heap {
        match STATE.take().map(|state| state.heap) {
            Some(Backing::File(heap)) => heap,
            _ => panic!("a heap in a file"),
        }
    }

    /// Bytes in use.
    pub(super) fn used(self) -> u64 {
        with(|state| state.heap.stats().used)
    }

    pub(super) fn check(self) {
        let report = with(|state| state.heap.check());
        assert!(report.is_clean(), "{report}");
    }

    pub(super) fn with_heap<R>(self, act: impl FnOnce(&Heap) -> R) -> R {
        with(|state| act(&state.heap))
    }

    /// Has all allocations fail after `grants` more.
    pub(super) fn grants(self, grants: u64) {
        GRANTS.set(grants);
    }

    /// From here on it is known what is noted.
    pub(super) fn watch(self) {
        with(|state| {
            let mut notes = state.notes.take().unwrap_or(Notes { before: Vec::new(), noted: Vec::new() });
            let bytes = pages(state);
            notes.before.clear();
            notes.before.extend_from_slice(bytes);
            notes.noted.clear();
            notes.noted.resize(bytes.len(), false);
            state.notes = Some(notes);
        });
    }

    /// All bytes of live blocks that have changed since `watch` were noted. Returns how many were noted.
    pub(super) fn check_notes(self) -> usize {
        with(|state| {
            let notes = state.notes.take().expect("`watch` was called");
            let (now, base) = (pages(state), BASE.get().addr().get());
            let check = |block: NonNull<u8>, info: BlockInfo| {
                let start = block.addr().get() - base;
                for at in start..start + info.size {
                    assert!(
                        now[at] == notes.before[at] || notes.noted[at],
                        "byte {} of the block of {} at +{start:#x} changed from {:#x} to {:#x}, and was not noted",
                        at - start,
                        info.size,
                        notes.before[at],
                        now[at],
                    );
                }
            };
            state.heap.for_each_block(check);
            let noted = notes.noted.iter().filter(|noted| **noted).count();
            state.notes = Some(notes);
            noted
        })
    }
}

impl State {
    /// # Safety
    /// As of [`HeapType::deallocate`].
    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        match &self.heap {
            // SAFETY: the caller's promise.
            Backing::Buffer(heap) => unsafe { heap.deallocate(block, layout) },
            // SAFETY: the caller's promise.
            Backing::File(heap) => unsafe { heap.tracked().deallocate(block, layout) },
        }
    }

    /// # Safety
    /// As of [`HeapType::reallocate`].
    unsafe fn reallocate(
        &self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        match &self.heap {
            // SAFETY: the caller's promise.
            Backing::Buffer(heap) => unsafe { heap.reallocate(block, old, new) },
            // SAFETY: the caller's promise.
            Backing::File(heap) => unsafe { heap.tracked().reallocate(block, old, new) },
        }
    }
}

/// All of the region.
fn pages(state: &State) -> &'static [u8] {
    let len = state.bytes - crate::PAGE;
    // SAFETY: the buffer is leaked, and has as many bytes from its first page on; no other thread has to do with it, and
    // the slice is gone before the heap is used again.
    unsafe { core::slice::from_raw_parts(BASE.get().as_ptr(), len) }
}

fn note(at: *const u8, len: usize) {
    with(|state| {
        if let Backing::File(heap) = &state.heap {
            heap.tracked().note(at, len);
        }
        let start = at.addr().wrapping_sub(BASE.get().addr().get());
        if let Some(notes) = state.notes.as_mut()
            && start < notes.noted.len()
        {
            notes.noted[start..start + len].fill(true);
        }
    });
}

/// Notes a new block. Where what was noted is looked at byte by byte, the bytes behind it belong to it: they may have changed while it
/// was free.
fn note_block(block: NonNull<u8>, size: usize) {
    if with(|state| matches!(state.heap, Backing::File(_))) {
        return note(block.as_ptr(), size);
    }
    note(block.as_ptr(), with(|state| state.heap.usable_size(block)).unwrap_or(size));
}

// SAFETY: a heap of the thread's own, which lies where `BASE` says; tests keep no values over `moves` but those whose
// owner lies in the heap.
unsafe impl HeapType for TestHeap {
    type In<'h> = Self;

    fn base(self) -> NonNull<u8> {
        BASE.get()
    }

    fn allocate(self, layout: Layout) -> Result<NonNull<u8>, AllocError> {
        assert_ne!(layout.size(), 0);
        let left = GRANTS.get().checked_sub(1).ok_or(AllocError)?;
        GRANTS.set(left);
        let block = with(|state| match &state.heap {
            Backing::Buffer(heap) => heap.allocate(layout),
            Backing::File(heap) => heap.tracked().allocate(layout),
        })?;
        // What comes without being written is seen as what it is: anything.
        // SAFETY: the block has as many bytes.
        unsafe { block.write_bytes(0xC3, layout.size()) };
        note_block(block, layout.size());
        Ok(block)
    }

    unsafe fn deallocate(self, block: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { block.write_bytes(0xD5, layout.size()) };
        // What lies behind the layout's end in the next block here was never anybody's.
        note(block.as_ptr(), layout.size());
        // SAFETY: the caller's promise.
        with(|state| unsafe { state.deallocate(block, layout) });
    }

    unsafe fn reallocate(
        self,
        block: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<u8>, AllocError> {
        assert_ne!(new.size(), 0);
        let left = GRANTS.get().checked_sub(1).ok_or(AllocError)?;
        GRANTS.set(left);
        // SAFETY: the caller's promise.
        let block = with(|state| unsafe { state.reallocate(block, old, new) })?;
        note_block(block, new.size());
        Ok(block)
    }

    fn note(self, bytes: *const u8, len: usize) {
        let distance = bytes.addr().wrapping_sub(BASE.get().addr().get());
        if !(FORGETS.get() && distance / LINE % 3 == 1) {
            note(bytes, len);
        }
    }
}
