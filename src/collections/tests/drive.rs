//! One runner for all collections: random operations beside the standard library's collection.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::heap::{TestHeap, start};
use super::random::{Random, Seed};
use crate::typed::{HeapType, Inspector, Persist};

/// A collection and its oracle.
pub(super) trait Subject: Clone {
    type Root: Persist;

    /// An empty collection, and an empty oracle.
    fn new(heap: TestHeap) -> (Self::Root, Self);

    /// Does the same to both, and compares what they answer.
    fn step(&mut self, root: &mut Self::Root, random: &mut Random, heap: TestHeap);

    /// Both hold the same.
    fn compare(&self, root: &Self::Root);
}

/// Puts another value in the root's place, which a write notes.
pub(super) fn assign<T>(root: &mut T, value: T, heap: TestHeap) -> T {
    heap.note((&raw const *root).cast(), size_of::<T>());
    core::mem::replace(root, value)
}

/// The root's place in the heap.
pub(super) struct Place<T>(core::marker::PhantomData<T>);

impl<T> Place<T> {
    pub(super) fn put(value: T, heap: TestHeap) -> Self {
        let block = heap.allocate(Layout::new::<T>()).unwrap().cast::<T>();
        // SAFETY: a new block of this layout.
        unsafe { block.write(value) };
        heap.with_heap(|heap| heap.set_root(Some(block.cast())));
        Self(core::marker::PhantomData)
    }

    /// That of a heap which has one.
    pub(super) fn there() -> Self {
        Self(core::marker::PhantomData)
    }

    fn at(heap: TestHeap) -> NonNull<T> {
        heap.with_heap(|heap| heap.root()).unwrap().cast()
    }

    /// The root, which counts as changed, as in a write.
    pub(super) fn get(&mut self, heap: TestHeap) -> &mut T {
        let mut at = Self::at(heap);
        heap.note(at.as_ptr().cast(), size_of::<T>());
        // SAFETY: `put` wrote one there, which is borrowed with this value.
        unsafe { at.as_mut() }
    }

    pub(super) fn see(&self, heap: TestHeap) -> &T {
        // SAFETY: as above.
        unsafe { Self::at(heap).as_ref() }
    }

    pub(super) fn take(self, heap: TestHeap) -> T {
        let block = Self::at(heap);
        // SAFETY: `put` wrote one there, which is not read again.
        let value = unsafe { block.read() };
        // SAFETY: allocated with this layout in `put`.
        unsafe { heap.deallocate(block.cast(), Layout::new::<T>()) };
        value
    }
}

/// Each allocated block is reached from the root, and no byte of what is there is at fault.
pub(super) fn check_reach<T: Persist>(root: *const T, heap: TestHeap) {
    heap.with_heap(|heap| {
        let mut inspector = Inspector::new(heap);
        let at = NonNull::new(root.cast_mut()).unwrap().cast();
        let offset = heap.offset_of(at).unwrap().get();
        inspector.own(root, offset, Layout::new::<T>()).unwrap();
        // SAFETY: the root lies in the block that was just asked for.
        unsafe { inspector.look_into(root, 1) };
        inspector.finish().unwrap();
        heap.for_each_block(|_, info| {
            assert!(inspector.has_seen(info.offset.get()), "{info:?} belongs to nobody");
        });
    });
}

/// `steps` random operations in a small heap, everything checked after each.
pub(super) fn small<S: Subject>(seed: u64, steps: usize) {
    roomy::<S>(seed, steps, 384 << 10);
}

/// The same in a heap of so many bytes, with room for blocks of many sizes.
pub(super) fn roomy<S: Subject>(seed: u64, steps: usize, bytes: usize) {
    run::<S>(seed, steps, bytes, 1);
}

/// Many random operations, checked at times.
pub(super) fn large<S: Subject>(seed: u64, steps: usize) {
    run::<S>(seed, steps, 32 << 20, steps / 20);
}

fn run<S: Subject>(seed: u64, steps: usize, bytes: usize, often: usize) {
    let _seed = Seed(seed);
    let mut random = Random::new(seed);
    let heap = start(bytes);
    let before = heap.used();
    let (root, mut subject) = S::new(heap);
    let mut place = Place::put(root, heap);
    for step in 1..=steps {
        let checked = step % often == 0;
        if checked {
            heap.watch();
        }
        subject.step(place.get(heap), &mut random, heap);
        if checked {
            heap.check_notes();
            heap.check();
            subject.compare(place.see(heap));
            check_reach(place.see(heap), heap);
        }
        if random.chance(20 * often) {
            heap.moves();
            subject.compare(place.see(heap));
        }
    }
    drop(place.take(heap));
    heap.check();
    assert_eq!(heap.used(), before, "blocks were left");
}
