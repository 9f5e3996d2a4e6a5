//! Heaps in a caller's buffer, and images that are taken up elsewhere.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::alloc::Layout;
use std::collections::BTreeMap;

use common::random::Random;
use outlive::{Error, Heap};

/// Fills a heap in this buffer with blocks whose content is their offset; says which there are.
fn fill(buffer: &mut [u8], seed: u64) -> BTreeMap<u64, usize> {
    let start = buffer.as_ptr().addr().next_multiple_of(4096) as u64;
    let heap = Heap::in_buffer(buffer).unwrap();
    let mut random = Random::new(seed);
    let mut blocks = Vec::new();
    while let Ok(block) = heap.allocate(Layout::from_size_align(random.size(14), 8).unwrap()) {
        let info = heap.info(block.as_ptr()).unwrap();
        assert_eq!(info.offset.get(), block.as_ptr().addr() as u64 - start);
        // SAFETY: the block is ours, and every block holds eight bytes.
        unsafe { block.cast::<u64>().write(info.offset.get()) };
        blocks.push((block, info));
        if random.below(3) == 0 {
            let (block, _) = blocks.swap_remove(random.below(blocks.len()));
            // SAFETY: the block came from this heap.
            unsafe { heap.deallocate_unsized(block) };
        }
    }
    // The refusal emptied the magazines: some blocks are left in them.
    for _ in 0..blocks.len() / 2 {
        let (block, _) = blocks.swap_remove(random.below(blocks.len()));
        // SAFETY: the block came from this heap.
        unsafe { heap.deallocate_unsized(block) };
    }
    assert!(heap.check().is_clean());
    blocks.into_iter().map(|(_, info)| (info.offset.get(), info.size)).collect()
}

/// Compares what is allocated in the image with what should be.
fn verify(heap: &Heap, expected: &BTreeMap<u64, usize>) {
    assert!(heap.check().is_clean());
    let mut found = BTreeMap::new();
    heap.for_each_block(|block, info| {
        // SAFETY: the block is allocated, and every block holds eight bytes.
        assert_eq!(unsafe { block.cast::<u64>().read() }, info.offset.get());
        found.insert(info.offset.get(), info.size);
    });
    assert_eq!(&found, expected);
}

#[test]
fn an_image_is_taken_up_where_it_lies_and_elsewhere() {
    for (seed, size) in (0..20).zip([150 << 10, 400 << 10, 2 << 20, 4 << 20].into_iter().cycle()) {
        let mut buffer = vec![0xAA; size + 4096];
        let expected = fill(&mut buffer, seed);
        let image = buffer[buffer.as_ptr().align_offset(4096)..].to_vec();
        verify(&Heap::attach(&mut buffer).unwrap(), &expected);
        for shift in [0, 8, 64, 1000, 4000] {
            let mut copy = vec![0x55; image.len() + 8192];
            copy[shift..shift + image.len()].copy_from_slice(&image);
            let heap = Heap::attach(&mut copy[shift..]).unwrap();
            verify(&heap, &expected);
            let mut freed = Vec::new();
            heap.for_each_block(|block, _| freed.push(block));
            // SAFETY: the blocks are allocated, and nobody else knows them.
            freed.into_iter().for_each(|block| unsafe { heap.deallocate_unsized(block) });
            heap.trim();
            let stats = heap.stats();
            assert_eq!((stats.used, stats.cached), (0, 0));
            assert!(stats.free_runs == 1 && heap.check().is_clean(), "{}{stats}", heap.check());
        }
    }
}

#[test]
fn what_is_no_image_is_refused_with_a_reason() {
    let mut small = vec![0; 5000];
    assert!(matches!(Heap::in_buffer(&mut small), Err(Error::BufferTooSmall { .. })));
    assert!(matches!(Heap::in_buffer(&mut []), Err(Error::BufferTooSmall { .. })));
    assert!(matches!(Heap::attach(&mut []), Err(Error::BufferTooSmall { .. })));
    let mut zeros = vec![0; 1 << 20];
    let refused = Heap::attach(&mut zeros).unwrap_err();
    assert!(matches!(refused, Error::NotAnImage { field: "magic number", found: 0, .. }), "{refused}");
    let mut buffer = vec![0; 1 << 20];
    fill(&mut buffer, 1);
    let half = &mut buffer[..300 << 10];
    let refused = Heap::attach(half).unwrap_err();
    assert!(matches!(refused, Error::BufferTooSmall { .. }), "{refused}");
    assert!(refused.to_string().contains("pass a larger one"));
    let lead = buffer.as_ptr().align_offset(4096);
    for (at, expected) in [(0, "magic number"), (8, "format version"), (12, "page size")] {
        buffer[lead + at] ^= 1;
        let refused = Heap::attach(&mut buffer).unwrap_err();
        assert!(matches!(refused, Error::NotAnImage { field, .. } if field == expected), "{refused}");
        buffer[lead + at] ^= 1;
    }
    assert!(Heap::attach(&mut buffer).is_ok());
}

/// A buffer whose image has to be moved before it can be checked is as it was when the image is refused.
#[test]
fn a_refused_image_stays_as_it_was() {
    let mut buffer = vec![0; 300 << 10];
    fill(&mut buffer, 2);
    let image = &buffer[buffer.as_ptr().align_offset(4096)..];
    // What the pages leave over at the buffer's end is not part of the image.
    let image = &image[..image.len() - 8192];
    let place = 1000..1000 + image.len();
    let mut refused = 0;
    for at in (32..4096).step_by(24) {
        let mut copy = vec![0x55; image.len() + 20_000];
        copy[place.clone()].copy_from_slice(image);
        copy[place.start + at] ^= 0x10;
        let before = copy.clone();
        if matches!(Heap::attach(&mut copy), Err(Error::Damaged(_))) {
            assert!(copy == before, "byte {at}");
            refused += 1;
        }
    }
    assert!(refused > 20, "{refused} refused");
}

/// Damaged images are refused, or are taken up and can be used: never undefined behaviour, a panic or an endless loop.
#[test]
fn damaged_images_are_refused_or_harmless() {
    let mut buffer = vec![0; 600 << 10];
    fill(&mut buffer, 7);
    let lead = buffer.as_ptr().align_offset(4096);
    let metadata = lead..lead + (120 << 10);
    let (mut refused, mut taken_up) = (0, 0);
    for seed in 0..4000 {
        let mut random = Random::new(seed);
        let mut copy = vec![0; buffer.len() + 4096];
        let shift = copy.as_ptr().align_offset(4096);
        copy[shift..shift + buffer.len() - lead].copy_from_slice(&buffer[lead..]);
        let image = &mut copy[shift..];
        for _ in 0..1 + random.below(4) {
            // Most of it where a small heap has most of its metadata.
            let reach = if random.below(4) == 0 { metadata.len() } else { 16 << 10 };
            let at = random.below(reach) & !7;
            let word = match random.below(4) {
                0 => random.next(),
                1 => u64::MAX,
                2 => 1 << random.below(64),
                _ => random.next() % 1000,
            };
            let old = u64::from_le_bytes(image[at..at + 8].try_into().unwrap());
            let new = if random.below(2) == 0 { word } else { old ^ word };
            image[at..at + 8].copy_from_slice(&new.to_le_bytes());
        }
        match Heap::attach(image) {
            Err(Error::Damaged(report)) => {
                assert!(report.total() > 0 && report.findings().next().is_some());
                refused += 1;
            }
            Err(_) => refused += 1,
            Ok(heap) => {
                taken_up += 1;
                assert!(heap.check().is_clean(), "seed {seed}");
                let mut blocks = Vec::new();
                while let Ok(block) = heap.allocate(Layout::new::<[u64; 40]>()) {
                    blocks.push(block);
                }
                heap.for_each_block(|_, _| {});
                for block in blocks {
                    // SAFETY: the block came from this heap with this layout.
                    unsafe { heap.deallocate(block, Layout::new::<[u64; 40]>()) };
                }
                assert!(heap.check().is_clean(), "seed {seed}");
            }
        }
    }
    assert!(refused > 1000 && taken_up > 100, "{refused} refused, {taken_up} taken up");
}
