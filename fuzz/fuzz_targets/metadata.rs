//! A heap in a buffer whose metadata were changed: whatever the checker lets pass must work.
#![no_main]

use std::alloc::Layout;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use outlive::Heap;

const BYTES: usize = 256 << 10;

/// Aligned, so that the image never moves within its buffer.
#[derive(Clone)]
#[repr(align(4096))]
struct Buffer([u8; BYTES]);

/// A heap with blocks of many sizes, some freed again.
static IMAGE: LazyLock<Box<Buffer>> = LazyLock::new(|| {
    let mut buffer = Box::new(Buffer([0; BYTES]));
    let heap = Heap::in_buffer(&mut buffer.0).unwrap();
    let mut blocks = Vec::new();
    for size in (1..400).step_by(9).chain([1000, 3000, 5000, 9000, 20_000]) {
        let layout = Layout::from_size_align(size, 8).unwrap();
        blocks.extend(heap.allocate(layout).map(|block| (block, layout)));
    }
    for (block, layout) in blocks.into_iter().step_by(3) {
        // SAFETY: allocated above with this layout, and used by nobody.
        unsafe { heap.deallocate(block, layout) };
    }
    drop(heap);
    buffer
});

fuzz_target!(|input: &[u8]| {
    let mut buffer = IMAGE.clone();
    outlive_fuzz::patch(&mut buffer.0, input);
    let before = buffer.clone();
    let Ok(heap) = Heap::attach(&mut buffer.0) else {
        assert!(buffer.0 == before.0, "a refused image was changed");
        return;
    };
    assert!(heap.check().is_clean());
    let mut blocks = Vec::new();
    heap.for_each_block(|block, info| blocks.push((block, info.size)));
    for (block, _) in blocks.iter().step_by(2) {
        // SAFETY: the checked heap names it as one that is handed out, and nobody uses it.
        unsafe { heap.deallocate_unsized(*block) };
    }
    for size in [8, 64, 700, 5000] {
        let layout = Layout::from_size_align(size, 8).unwrap();
        if let Ok(block) = heap.allocate(layout) {
            // SAFETY: just allocated, of this size.
            unsafe { block.write_bytes(1, size) };
        }
    }
    let _ = heap.stats();
    let report = heap.check();
    assert!(report.is_clean(), "{report}");
});
