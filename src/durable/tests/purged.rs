//! Pages whose memory went back to the system between two commits.
//!
//! Such a page reads as zero in memory, and nobody has written to it, while the image still has what was there before. A
//! block that is zeroed without being written must be zeros in the image too.

use std::alloc::Layout;
use std::time::Duration;

use super::blocks::Block;
use super::program::{Run, Settings};
use crate::durable::storage::simulated::Random;
use crate::durable::{Durability, Method};
use crate::error::Error;

/// Fills blocks, commits, frees them, gives the memory back, and takes zeroed blocks instead; then dies after a commit.
fn purged(
    method: Method,
    sizes: &[usize],
    reopened: bool,
    find_unnoted: bool,
    tracked: bool,
) -> Result<(), String> {
    let settings = Settings {
        reservation: 16 << 20,
        segment: 64 << 10,
        log_bound: 1 << 20,
        method,
        durability: Durability::PowerLoss,
        find_unnoted,
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
        for (reopened, find_unnoted) in [(false, false), (true, false), (true, true)] {
            for sizes in [&[200 << 10][..], &[5 << 20], &[40 << 10; 8]] {
                for tracked in [false, true] {
                    purged(method, sizes, reopened, find_unnoted, tracked).unwrap_or_else(|wrong| {
                        panic!("{method:?}, reopened {reopened}, looking {find_unnoted}, tracked {tracked}: {wrong}")
                    });
                }
            }
        }
    }
}

/// A commit had named a write that nobody had made. Memory that had gone back showed what the base had there; a commit had that;
/// and then a checkpoint wrote to the base what an older one had.
#[test]
fn what_a_checkpoint_writes_under_purged_pages_is_no_write_that_nobody_noted() {
    let settings = Settings {
        reservation: 8 << 20,
        segment: 64 << 10,
        log_bound: 0,
        method: Method::BEST,
        // A checkpoint then begins with a sync, which takes long: the next commit is made before it writes.
        durability: Durability::ProcessCrash,
        find_unnoted: true,
        in_background: true,
    };
    let layout = Layout::from_size_align(40 << 10, 8).unwrap();
    let trial = || -> Result<(), Error> {
        let mut run = Run::with(settings, Random(1));
        let heap = run.open().unwrap();
        let block = heap.take(layout, &[7; 40 << 10], false, true).unwrap();
        heap.0.persist()?;
        heap.0.close()?;
        let heap = settings.open(&run.folder)?;
        heap.write(block, 0, &[8; 40 << 10]);
        heap.0.persist()?;
        heap.give(block, layout);
        heap.0.trim();
        assert_eq!(heap.take(layout, &[9], false, true), Some(block));
        run.folder.slow_down(Duration::from_millis(40));
        heap.0.persist()?;
        run.folder.slow_down(Duration::ZERO);
        for byte in 0..20 {
            std::thread::sleep(Duration::from_millis(10));
            heap.write(block, 0, &[byte]);
            heap.0.persist()?;
        }
        Ok(())
    };
    trial().unwrap();
}
