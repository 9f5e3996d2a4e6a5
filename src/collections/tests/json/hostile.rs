//! Bytes under a root that are no document: an inspection finds fault with them, or they are one.

use core::alloc::Layout;
use core::fmt::Write as _;
use core::ptr::NonNull;

use super::super::drive::Place;
use super::super::heap::{TestHeap, start};
use super::super::random::{Random, Seed};
use super::model::{Root, made, value};
use crate::json::{Names, PJson, View};
use crate::typed::{Fault, HeapType, Inspector};

fn inspect(root: *const Root, heap: TestHeap) -> Result<(), Fault> {
    heap.with_heap(|heap| {
        let mut inspector = Inspector::new(heap);
        let at = NonNull::new(root.cast_mut()).unwrap().cast();
        inspector.own(root, heap.offset_of(at).unwrap().get(), Layout::new::<Root>())?;
        // SAFETY: the root lies in the block that was just asked for.
        unsafe { inspector.look_into(root, 1) };
        inspector.finish()
    })
}

/// Looks at all there is, as far as it goes in a cycle's time.
fn visit(value: &PJson<TestHeap>) {
    let mut text = String::new();
    value.write_to(&mut text).unwrap();
    for (name, _) in value.members().into_iter().flatten() {
        let _ = (value.get(name), name.chars().count());
    }
    if let View::Text(text) = value.view() {
        assert!(core::str::from_utf8(text.as_bytes()).is_ok());
    }
    value.elements().into_iter().flatten().for_each(visit);
    value.members().into_iter().flatten().for_each(|(_, value)| visit(value));
    write!(text, "{value:?}").unwrap();
    assert!(text.is_char_boundary(text.len() / 2) || !text.is_ascii());
}

/// All blocks in use.
fn blocks(heap: TestHeap) -> Vec<(u64, usize)> {
    let mut blocks = Vec::new();
    heap.with_heap(|heap| {
        heap.for_each_block(|block, info| blocks.push((heap.offset_of(block).unwrap().get(), info.size)));
    });
    blocks
}

/// Writes something else into a block: a byte, a tag, an offset of another block, or the bytes of another place.
fn damage(blocks: &[(u64, usize)], random: &mut Random, heap: TestHeap) {
    let (offset, size) = blocks[random.below(blocks.len())];
    let at =
        |offset: u64, by: usize| heap.base().as_ptr().wrapping_add(usize::try_from(offset).unwrap() + by);
    let other = blocks[random.below(blocks.len())].0;
    let cell = random.below(size / 8) * 8;
    // SAFETY: all of it lies in blocks in use; what they hold is bytes to whoever reads it next.
    unsafe {
        match random.below(5) {
            0 => at(offset, random.below(size)).write(random.next().to_le_bytes()[0]),
            1 => at(offset, cell + 7)
                .write(*[0, 1, 3, 4, 5, 8, 9, 10, 11, 0x20, 0x2F, 0x30, 0x35].get(random.below(13)).unwrap()),
            2 => at(offset, cell).cast::<[u8; 8]>().write(other.to_le_bytes()),
            3 => at(offset, cell).cast::<[u8; 8]>().write((random.next() >> random.below(64)).to_le_bytes()),
            _ => at(offset, cell).copy_from(at(other, 0), 8),
        }
    }
}

fn document(random: &mut Random, heap: TestHeap) -> Place<Root> {
    let mut names = Names::new_in(heap);
    let array: serde_json::Value = (0..4).map(|_| value(random, 3)).collect();
    let document = made(&array, &mut names, heap);
    Place::put((names, document), heap)
}

#[test]
fn any_bytes_end_in_a_fault_or_in_a_document() {
    let _seed = Seed(5);
    let mut random = Random::new(5);
    let (mut faults, mut sound) = (0, 0);
    for _ in 0..10 {
        let heap = start(1 << 20);
        let mut root = document(&mut random, heap);
        let blocks = blocks(heap);
        inspect(root.get(heap), heap).unwrap();
        let save = |(offset, size): (u64, usize)| {
            let at = heap.base().as_ptr().wrapping_add(usize::try_from(offset).unwrap());
            // SAFETY: a block in use.
            (at, unsafe { core::slice::from_raw_parts(at, size) }.to_vec())
        };
        let saved: Vec<_> = blocks.iter().copied().map(save).collect();
        for _ in 0..400 {
            for _ in 0..=random.below(2) {
                damage(&blocks, &mut random, heap);
            }
            match inspect(root.get(heap), heap) {
                Ok(()) => {
                    visit(&root.get(heap).1);
                    sound += 1;
                }
                Err(_) => faults += 1,
            }
            for (at, bytes) in &saved {
                // SAFETY: the same block.
                unsafe { at.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
            }
        }
        drop(root.take(heap));
        heap.check();
    }
    assert!(faults > 1_000 && sound > 1_000, "{faults} faults, {sound} sound");
}

#[test]
fn what_is_found_sound_can_be_dropped() {
    let _seed = Seed(6);
    let mut random = Random::new(6);
    let mut sound = 0;
    for _ in 0..60 {
        let heap = start(1 << 20);
        let mut root = document(&mut random, heap);
        damage(&blocks(heap), &mut random, heap);
        if inspect(root.get(heap), heap).is_ok() {
            visit(&root.get(heap).1);
            drop(root.take(heap));
            heap.check();
            sound += 1;
        }
    }
    assert!(sound > 10, "{sound}");
}
