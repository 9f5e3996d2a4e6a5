//! Readers of what a crash leaves, on a simulated disk: they see a commit, and leave no trace.

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::ptr::NonNull;

use crate::durable::Method;
use crate::durable::storage::simulated::{Random, SimulatedFolder};
use crate::{Heap, HeapOptions, OpenOptions};

fn options() -> OpenOptions {
    OpenOptions::new().heap(HeapOptions::new().reservation(8 << 20)).log_segment(16 << 10)
}

fn open(folder: &SimulatedFolder, options: OpenOptions) -> Heap {
    options.open_in(folder.clone(), OsStr::new("heap"), Method::Everything, false).unwrap()
}

/// Every allocated block, by its offset.
fn content(heap: &Heap) -> BTreeMap<u64, Vec<u8>> {
    let mut blocks = BTreeMap::new();
    heap.for_each_block(|block, info| {
        // SAFETY: an allocated block of so many bytes, which nobody changes.
        let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), info.size) };
        blocks.insert(info.offset.get(), bytes.to_vec());
    });
    blocks
}

/// Changes a few blocks.
fn change(heap: &Heap, blocks: &mut Vec<(NonNull<u8>, Layout)>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        if blocks.len() > 8 {
            let (block, layout) = blocks.swap_remove(random.below(blocks.len()));
            // SAFETY: allocated below with this layout, and taken out of the list.
            unsafe { heap.deallocate(block, layout) };
        }
        let layout = Layout::from_size_align(1 + random.below(3000), 8).unwrap();
        let block = heap.allocate(layout).unwrap();
        // SAFETY: a block of so many bytes.
        unsafe { block.write_bytes(u8::try_from(random.below(256)).unwrap(), layout.size()) };
        blocks.push((block, layout));
    }
}

#[test]
fn readers_see_a_whole_commit_after_a_crash_at_any_point_and_change_nothing() {
    let folder = SimulatedFolder::new();
    let mut random = Random(11);
    let heap = open(&folder, options());
    let (mut blocks, mut commits) = (Vec::new(), vec![(folder.operations(), BTreeMap::new())]);
    for _ in 0..4 {
        change(&heap, &mut blocks, &mut random);
        heap.persist().unwrap();
        commits.push((folder.operations(), content(&heap)));
    }
    drop(heap);
    let begin = commits[0].0;
    let mut seen = vec![0; commits.len()];
    for point in folder.crashes().skip(begin) {
        let known = commits.iter().rposition(|(end, _)| *end <= point.operations).unwrap();
        point.explore(3, &mut random, |disk| {
            let before = disk.operations();
            let reader = open(disk, options().read_only(true));
            let last = usize::try_from(reader.last_commit()).unwrap();
            assert!(last == known || last == known + 1, "{last} after {known}");
            assert!(content(&reader) == commits[last].1, "operation {}", point.operations);
            let other = open(disk, options().read_only(true));
            assert!(content(&other) == commits[last].1);
            drop((reader, other));
            assert_eq!(disk.operations(), before, "a reader has written");
            let writer = open(disk, options());
            assert_eq!(usize::try_from(writer.last_commit()).unwrap(), last);
            assert!(content(&writer) == commits[last].1);
            seen[last] += 1;
        });
    }
    println!("{seen:?}");
    assert!(seen.iter().all(|count| *count > 0));
}
