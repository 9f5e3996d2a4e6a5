//! The copy of the tables is one of a single moment.

use std::alloc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::HeapOptions;
use crate::durable::chunks::Chunks;

/// Goes from run to run; says what does not fit together.
fn walk(tables: &Tables) -> Result<u32, String> {
    let entries = low32(length(&tables.lengths, Zone::Tags) / 8);
    let tag = |page: u32| Tag::from_bits(tables.word(Zone::Tags, page as usize));
    let (mut at, mut runs, mut after_free) = (0, 0, false);
    while at < entries && tag(at).is_first() {
        let first = tag(at);
        if first.is(Kind::Free) && after_free {
            return Err(format!("two free runs meet at page {at}"));
        }
        let len = if first.is(Kind::Slab) {
            (at..entries).find(|page| tag(*page).is_last()).map_or(0, |last| last + 1 - at)
        } else {
            first.len()
        };
        let last = at.wrapping_add(len).wrapping_sub(1);
        if len == 0 || last >= entries || !tag(last).is_last() || tag(last).kind() != first.kind() {
            return Err(format!("the run at page {at} has no end: {first:?}"));
        }
        (after_free, runs, at) = (first.is(Kind::Free), runs + 1, at + len);
    }
    Ok(runs)
}

#[test]
fn tables_are_copied_at_one_moment() {
    let heap = HeapOptions::new().reservation(64 << 20).in_memory().unwrap();
    let layout = alloc::Layout::from_size_align(1, 1).unwrap();
    let blocks: Vec<_> = (0..20_000).map(|_| heap.allocate(layout).unwrap()).collect();
    let (done, mut most) = (AtomicBool::new(false), 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Runs beyond what magazines hold: each of these splits and merges free runs.
            let layouts =
                [3 << 20, 5 << 20, 4 << 20].map(|size| alloc::Layout::from_size_align(size, 8).unwrap());
            while !done.load(Ordering::Relaxed) {
                let held = layouts.map(|layout| heap.allocate(layout).unwrap());
                for (block, layout) in held.into_iter().zip(layouts) {
                    // SAFETY: allocated just now with this layout.
                    unsafe { heap.deallocate(block, layout) };
                }
            }
        });
        let layout = Layout::of(heap.core().region().plan().pages(), Chunks::Mirrored).unwrap();
        let mut wrong = None;
        for _ in 0..1500 {
            let cores = [heap.core()];
            let mut tables = Tables::with_room(&cores, layout).unwrap();
            while !Tables::take(&mut tables, &cores, false) {
                tables = Tables::with_room(&cores, layout).unwrap();
            }
            match walk(&tables[0]) {
                Ok(runs) => most = runs.max(most),
                Err(what) => wrong = Some(what),
            }
        }
        done.store(true, Ordering::Relaxed);
        assert_eq!(wrong, None);
    });
    assert!(most > 3 && !blocks.is_empty());
}
