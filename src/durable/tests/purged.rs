//! Pages whose memory went back to the system between two commits.
//!
//! Such a page reads as zero in memory, and nobody has written to it, while the image still has what was there before. A
//! block that is zeroed without being written must be zeros in the image too.

use std::alloc::Layout;

use super::blocks::Block;
use super::program::{Run, Settings};
use crate::durable::storage::simulated::Random;
use crate::durable::{Durability, Method};

/// Fills blocks, commits, frees them, gives the memory back, and takes zeroed blocks instead; then dies after a commit.
fn purged(method: Method, sizes: &[usize], reopened: bool, tracked: bool) -> Result<(), String> {
    let settings = Settings {
        reservation: 16 << 20,
        segment: 64 << 10,
        log_bound: 1 << 20,
        method,
        durability: Durability::PowerLoss,
        find_unnoted: reopened,
        in_background: false,
    };
    let mut run = Run::with(settings, Random(1));
    let mut heap = run.open()?;
    for size in sizes {
        let layout = Layout::from_size_align(*size, 8).expect("a layout");
        let content = vec![7; *size];
        let offset = heap.take(layout, &content, false, tracked).ok_or("no block")?;
        run.live.insert(offset, Block { layout, content: content.into() });
    }
    run.persist(&heap).map_err(|error| error.to_string())?;
    if reopened {
        heap.0.close().map_err(|error| error.to_string())?;
        heap = run.open()?;
    }
    for (offset, block) in std::mem::take(&mut run.live) {
        heap.give(offset, block.layout);
    }
    heap.0.trim();
    for size in sizes {
        let layout = Layout::from_size_align(*size, 8).expect("a layout");
        let content = vec![0; *size];
        let offset = heap.take(layout, &content, true, tracked).ok_or("no block")?;
        run.live.insert(offset, Block { layout, content: content.into() });
    }
    heap.compare(&run.live)?;
    run.persist(&heap).map_err(|error| error.to_string())?;
    run.folder.die();
    drop(heap);
    run.folder.live_again();
    run.open().map(drop)
}

#[test]
fn a_zeroed_block_on_purged_pages_is_zeros_after_a_restore() {
    for method in [Method::WriteProtection, Method::LeftTheFile, Method::Everything] {
        for reopened in [false, true] {
            for sizes in [&[200 << 10][..], &[5 << 20], &[40 << 10; 8]] {
                for tracked in [false, true] {
                    purged(method, sizes, reopened, tracked).unwrap_or_else(|wrong| {
                        panic!("{method:?}, reopened {reopened}, tracked {tracked}: {wrong}")
                    });
                }
            }
        }
    }
}
