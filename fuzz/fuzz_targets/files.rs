//! The two files of a heap, as a crash leaves them, changed in any way: looked at, read, mended and opened.
//!
//! The input: flags, how much each file is shortened, how many changes are the base's; then changes.
#![no_main]

use std::alloc::Layout;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use outlive::{Error, Heap, HeapOptions, OpenOptions, Verify};

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let parent = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = parent.join(format!("outlive-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
});

/// The parts of a base file that hold anything, and the whole of a log.
struct Files {
    base: Vec<u8>,
    log: Vec<u8>,
}

fn options() -> OpenOptions {
    OpenOptions::new().heap(HeapOptions::new().reservation(1 << 20)).log_segment(16 << 10)
}

static FILES: LazyLock<Files> = LazyLock::new(|| {
    let (path, log) = (FOLDER.join("first"), FOLDER.join("first.log"));
    let heap = options().open(&path).unwrap();
    let allocate = |size| heap.allocate(Layout::from_size_align(size, 8).unwrap()).unwrap();
    let blocks: Vec<_> = (1..400).step_by(29).map(allocate).collect();
    heap.set_root(Some(blocks[3]));
    heap.persist().unwrap();
    // SAFETY: a block of this heap, used no more.
    unsafe { heap.deallocate_unsized(blocks[5]) };
    allocate(9000);
    heap.persist().unwrap();
    heap.snapshot(FOLDER.join("whole")).unwrap();
    let files = Files { base: fs::read(FOLDER.join("whole")).unwrap(), log: fs::read(&log).unwrap() };
    let first = Files { base: fs::read(&path).unwrap(), log: files.log.clone() };
    drop(heap);
    assert!(first.base.len() < 4 << 20);
    // The base with everything in it, beside the log that brought it there: both orders of a checkpoint's end.
    let mut base = files.base;
    base[..8192].copy_from_slice(&first.base[..8192]);
    Files { base, log: first.log }
});

/// What may be done with a heap that has been verified.
fn use_it(heap: &Heap) {
    heap.for_each_block(|_, _| {});
    let _ = heap.root();
    let _ = heap.stats();
    if let Ok(block) = heap.allocate(Layout::new::<[u8; 100]>()) {
        // SAFETY: just allocated, and used by nobody.
        unsafe { heap.deallocate_unsized(block) };
    }
}

fuzz_target!(|input: &[u8]| {
    let [how, cut_base, cut_log, share, changes @ ..] = input else { return };
    let Files { mut base, mut log } = Files { base: FILES.base.clone(), log: FILES.log.clone() };
    let split = (usize::from(*share) * 12).min(changes.len());
    let (for_base, for_log) = changes.split_at(split);
    // Mostly the slots, the header and the tables: the first mebibyte has them all.
    let tables = base.len().min(1 << 20);
    outlive_fuzz::patch(&mut base[..tables], for_base);
    outlive_fuzz::patch(&mut log, for_log);
    if how & 1 != 0 {
        base.truncate(base.len() - usize::from(*cut_base) * 4099 % (base.len() + 1));
    }
    if how & 2 != 0 {
        log.truncate(log.len() - usize::from(*cut_log) * 1033 % (log.len() + 1));
    }
    if how & 4 != 0 {
        outlive::fuzzing::mend_superblock(&mut base);
    }
    if how & 8 != 0 {
        outlive::fuzzing::mend_log_beside(&base, &mut log);
    }
    let (path, log_path) = (FOLDER.join("heap"), FOLDER.join("heap.log"));
    let put = || {
        fs::write(&path, &base).unwrap();
        if how & 16 == 0 {
            fs::write(&log_path, &log).unwrap();
        } else {
            let _ = fs::remove_file(&log_path);
        }
    };
    put();

    let report = outlive::check(&path).unwrap();
    let reader = options().read_only(true).verify(Verify::Metadata).open(&path);
    // What `check` calls clean can be read.
    assert!(reader.is_ok() || !report.is_clean(), "{report}: {}", reader.unwrap_err());
    if let Ok(reader) = reader {
        use_it(&reader);
        assert_eq!(report.last_commit(), Some(reader.last_commit()), "{report}");
    }
    // Reading alone believes nothing that leads astray, verified or not.
    drop(options().read_only(true).open(&path));
    assert!(fs::read(&path).unwrap() == base, "changed by looking at it");
    // Opening it for writing believes nothing either, and neither does closing it; every request in between would.
    match options().open(&path) {
        Err(Error::MetadataDamaged { report: found, .. }) => assert!(!report.is_clean(), "{found}"),
        opened => drop(opened),
    }
    put();
    if how & 32 != 0 {
        let repair = outlive::repair(&path).unwrap();
        let _ = repair.after.to_string();
    }
    // To use it takes that.
    if let Ok(heap) = options().verify(Verify::Metadata).open(&path) {
        use_it(&heap);
        if heap.persist().is_ok() {
            assert!(heap.check().is_clean());
        }
    }
    let _ = fs::remove_file(&log_path);
});
