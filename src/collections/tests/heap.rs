//! A heap type for tests: each thread has a heap of its own in a leaked buffer.
//!
//! It can be told to fail, it can move to another address, and it knows which bytes were noted, so that what has changed
//! without having been noted is found ([`Notes::check`]).

use core::alloc::Layout;
use core::cell::{Cell, RefCell};
use core::ptr::NonNull;

use crate::typed::HeapType;
use crate::{AllocError, BlockInfo, BufferHeap, Heap};

#[derive(Clone, Copy, Debug)]
pub(super) struct TestHeap(());

thread_local! {
    static BASE: Cell<NonNull<u8>> = const { Cell::new(NonNull::dangling()) };
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
    /// How many allocations succeed before one fails.
    static GRANTS: Cell<u64> = const { Cell::new(u64::MAX) };
}

struct State {
    heap: BufferHeap<'static>,
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
    adopt(heap, bytes);
    GRANTS.set(u64::MAX);
    TestHeap(())
}

fn adopt(heap: BufferHeap<'static>, bytes: usize) {
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
        adopt(Heap::attach(fresh).unwrap(), bytes);
        assert_ne!(base, BASE.get());
        assert_eq!(root, with(|state| state.heap.root().and_then(|root| state.heap.offset_of(root))));
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

/// All of the region.
fn pages(state: &State) -> &'static [u8] {
    let len = state.bytes - crate::PAGE;
    // SAFETY: the buffer is leaked, and has as many bytes from its first page on; no other thread has to do with it, and
    // the slice is gone before the heap is used again.
    unsafe { core::slice::from_raw_parts(BASE.get().as_ptr(), len) }
}

fn note(at: *const u8, len: usize) {
    with(|state| {
        let start = at.addr().wrapping_sub(BASE.get().addr().get());
        if let Some(notes) = state.notes.as_mut()
            && start < notes.noted.len()
        {
            notes.noted[start..start + len].fill(true);
        }
    });
}

/// Notes a new block, with the bytes behind it that belong to it: they may have changed while it was free.
fn note_block(block: NonNull<u8>, size: usize) {
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
        let block = with(|state| state.heap.allocate(layout))?;
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
        with(|state| unsafe { state.heap.deallocate(block, layout) });
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
        let block = with(|state| unsafe { state.heap.reallocate(block, old, new) })?;
        note_block(block, new.size());
        Ok(block)
    }

    fn note(self, bytes: *const u8, len: usize) {
        note(bytes, len);
    }
}
