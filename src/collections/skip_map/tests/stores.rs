//! Maps in stores: changed by many threads, committed meanwhile, found again, and inspected.

use std::thread;

use crate::collections::PSkipMap;
use crate::typed::PBox;

crate::heap!(struct Kept);

type Root<'h> = PSkipMap<u64, PBox<u64, Kept<'h>>, Kept<'h>>;

#[test]
fn a_map_in_a_file_is_found_as_it_was_committed() {
    let folder = std::env::temp_dir().join(format!("outlive-skip-map-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("heap");
    let open = || Kept::open::<Root<'_>>(&path, |heap| PSkipMap::new_in(heap)).unwrap();
    let store = open();
    thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..500 {
                    store
                        .update(|map, heap| {
                            map.insert(round * 4 + thread, PBox::new_in(round, heap), heap);
                            map.remove(&(round * 2 + thread % 2), heap);
                        })
                        .unwrap();
                    if round % 100 == thread {
                        store.persist().unwrap();
                    }
                }
            });
        }
    });
    let seen = store
        .read(|map| map.iter().map(|entry| (*entry.key(), **entry.value())).collect::<Vec<_>>())
        .unwrap();
    assert!(seen.len() > 500);
    assert!(store.unreachable().unwrap().is_empty(), "all blocks are known");
    store.persist().unwrap();
    store.update(|map, heap| map.clear(heap)).unwrap();
    drop(store);
    let store = open();
    let found = store.read(|map| {
        map.check();
        map.iter().map(|entry| (*entry.key(), **entry.value())).collect::<Vec<_>>()
    });
    assert!(found.unwrap() == seen);
    assert!(store.unreachable().unwrap().is_empty());
    store.update(|map, heap| map.reclaim(heap)).unwrap();
    // A tower that says it is higher than its block has room for.
    store
        .update(|map, heap| {
            let entry = map.insert(1, PBox::new_in(1, heap), heap);
            let state = core::ptr::from_ref(entry.key()).cast::<u64>().wrapping_sub(1).cast_mut();
            // SAFETY: the state lies in front of a key of its alignment, and nobody else has the map.
            unsafe { *state ^= 8 << 48 };
        })
        .unwrap();
    let fault = store.unreachable().unwrap_err().to_string();
    assert!(fault.contains("a tower of height"), "{fault}");
    // Nothing may drop that.
    std::mem::forget(store);
    std::fs::remove_dir_all(&folder).unwrap();
}
