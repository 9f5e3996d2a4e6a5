//! Checks and repairs of heaps' files, whole, damaged and made of garbage.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::cast_possible_truncation,
    reason = "tests read better so"
)]

mod common;

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;

use common::files::{Filler, Folder, content, small};
use common::random::Random;
use outlive::{Act, Error, FileFindingKind as Kind, FileReport, HeapOptions, OpenOptions, check, repair};

/// What a crash leaves after some commits, as `heap` and `heap.log`, and what each of them holds.
fn crashed(folder: &Folder, commits: usize) -> BTreeMap<u64, BTreeMap<u64, Vec<u8>>> {
    let mut filler = Filler::new(4, 13);
    let heap = small().open(folder.join("live")).unwrap();
    let mut history = BTreeMap::new();
    for _ in 0..commits {
        filler.run(&heap, 60);
        heap.persist().unwrap();
        history.insert(heap.last_commit(), content(&heap));
    }
    folder.copy("live", "heap");
    folder.copy("live.log", "heap.log");
    history
}

fn closed(folder: &Folder) -> BTreeMap<u64, Vec<u8>> {
    let heap = small().open(folder.join("heap")).unwrap();
    Filler::new(6, 13).run(&heap, 200);
    heap.persist().unwrap();
    let content = content(&heap);
    heap.close().unwrap();
    content
}

fn put(folder: &Folder, name: &str, at: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(folder.join(name)).unwrap();
    file.write_all_at(bytes, at).unwrap();
}

fn kinds(report: &FileReport) -> Vec<Kind> {
    report.findings().iter().map(|finding| finding.kind).collect()
}

/// Where the records of the log begin, by their commits.
fn records(folder: &Folder) -> BTreeMap<u64, u64> {
    let log = fs::read(folder.join("heap.log")).unwrap();
    let blocks = log.chunks(4096).zip((0_u64..).step_by(4096));
    let records = blocks.filter(|(block, _)| block.starts_with(b"OUTLREC\x01"));
    records.map(|(block, at)| (u64::from_le_bytes(block[24..32].try_into().unwrap()), at)).collect()
}

#[test]
fn whole_files_are_clean_and_stay_as_they_are() {
    let folder = Folder::new();
    crashed(&folder, 5);
    let before = folder.files();
    let report = check(folder.join("heap")).unwrap();
    assert!(report.is_clean() && report.total() == 0, "{report}");
    assert_eq!((report.last_commit(), report.heap().unwrap().total()), (Some(5), 0));
    assert!(folder.files() == before);
    let repaired = repair(folder.join("heap")).unwrap();
    assert!(repaired.acts.is_empty() && repaired.after.is_clean());
    assert!(folder.files() == before);
    let writer = small().open(folder.join("heap")).unwrap();
    assert!(matches!(check(folder.join("heap")), Err(Error::InUse { .. })));
    assert!(matches!(repair(folder.join("heap")), Err(Error::InUse { .. })));
    writer.close().unwrap();
    let reader = small().read_only(true).open(folder.join("heap")).unwrap();
    assert!(check(folder.join("heap")).unwrap().is_clean());
    assert!(matches!(repair(folder.join("heap")), Err(Error::InUse { .. })));
    drop(reader);
    assert!(matches!(check(folder.join("nothing")), Err(Error::File { .. })));
    assert!(matches!(check(folder.path()), Err(Error::File { .. })));
}

#[test]
fn a_damaged_slot_is_found_and_written_anew() {
    for (slot, seed) in [(0, 1), (1, 2), (0, 3), (1, 4)] {
        let folder = Folder::new();
        let expected = closed(&folder);
        let at = slot * 4096 + Random::new(seed).below(4000) as u64;
        put(&folder, "heap", at, &[0xA5, 0x5A, 0xA5]);
        let report = check(folder.join("heap")).unwrap();
        assert_eq!(kinds(&report), [Kind::Slot]);
        assert!(!report.is_clean() && report.last_commit() == Some(1));
        let repaired = repair(folder.join("heap")).unwrap();
        let file = folder.join("heap");
        assert_eq!(repaired.acts, [Act::SlotWritten { file, offset: slot * 4096 }]);
        assert!(repaired.after.is_clean() && repaired.after.total() == 0, "{}", repaired.after);
        // Now the other one may go.
        put(&folder, "heap", (1 - slot) * 4096 + 100, &[0xA5; 100]);
        assert!(content(&small().open(folder.join("heap")).unwrap()) == expected);
    }
}

#[test]
fn both_slots_damaged_are_left_alone() {
    let folder = Folder::new();
    closed(&folder);
    put(&folder, "heap", 0, &[1; 8]);
    put(&folder, "heap", 4096 + 2000, &[1; 8]);
    let before = folder.files();
    let repaired = repair(folder.join("heap")).unwrap();
    assert_eq!(kinds(&repaired.before), [Kind::Slot, Kind::Slot]);
    let [first, second] = repaired.before.findings() else { panic!("two slots") };
    assert_eq!((first.field, first.offset, first.found), ("magic", 0, 0x0101_0101_0101_0101));
    assert_eq!((second.field, second.offset), ("checksum", 8188));
    assert!(repaired.acts.is_empty() && !repaired.after.is_clean() && repaired.after.last_commit().is_none());
    assert!(folder.files() == before);
}

#[test]
fn an_unfinished_commit_is_harmless_and_can_be_taken_out() {
    let folder = Folder::new();
    let history = crashed(&folder, 6);
    let at = records(&folder)[&6];
    put(&folder, "heap.log", at + 100, &[0xEE; 8]);
    let report = check(folder.join("heap")).unwrap();
    assert_eq!((kinds(&report), report.is_clean()), (vec![Kind::Unfinished], true));
    assert_eq!((report.last_commit(), report.findings()[0].offset), (Some(5), at));
    let repaired = repair(folder.join("heap")).unwrap();
    let file = folder.join("heap.log");
    assert_eq!(repaired.acts, [Act::RecordRemoved { file, offset: at, commit: 6 }]);
    assert_eq!(repaired.after.total(), 0);
    let heap = small().open(folder.join("heap")).unwrap();
    assert!(heap.last_commit() == 5 && content(&heap) == history[&5]);
}

#[test]
fn a_gap_is_named_and_left_alone() {
    let folder = Folder::new();
    crashed(&folder, 6);
    let at = records(&folder);
    put(&folder, "heap.log", at[&3] + 200, &[0xEE; 8]);
    for damages_a_slot in [false, true] {
        if damages_a_slot {
            put(&folder, "heap", 50, &[0xEE; 8]);
        }
        let before = folder.files();
        let repaired = repair(folder.join("heap")).unwrap();
        let mut expected = vec![Kind::Slot; usize::from(damages_a_slot)];
        expected.extend([Kind::Unfinished, Kind::Gap, Kind::Gap, Kind::Gap]);
        assert_eq!(kinds(&repaired.before), expected);
        let gaps = repaired.before.findings().iter().filter(|finding| finding.kind == Kind::Gap);
        let gaps: Vec<_> = gaps.map(|gap| (gap.offset, gap.found, gap.expected)).collect();
        assert_eq!(gaps, [(at[&4], 4, 3), (at[&5], 5, 3), (at[&6], 6, 3)]);
        assert!(repaired.acts.is_empty() && repaired.before.last_commit() == Some(2));
        assert!(folder.files() == before);
        assert!(matches!(small().open(folder.join("heap")), Err(Error::LogDamaged { .. })));
    }
}

/// What is damaged, how, and what is found.
type Case<'a> = (&'a str, &'a dyn Fn(&Folder), Kind);

#[test]
fn other_damage_is_named_and_left_alone() {
    let cases: [Case; 6] = [
        ("no log", &|folder| fs::remove_file(folder.join("heap.log")).unwrap(), Kind::LogMissing),
        ("another heap's log", &|folder| put(folder, "heap.log", 0, &other_log()), Kind::Log),
        ("the log's header", &|folder| put(folder, "heap.log", 16, &[1; 9]), Kind::Log),
        ("an empty log", &|folder| fs::write(folder.join("heap.log"), []).unwrap(), Kind::Log),
        ("the image", &|folder| put(folder, "live", 8192, &[0x11; 4]), Kind::Image),
        ("the file's length", &|folder| shorten(folder, "live", 1 << 20), Kind::Superblock),
    ];
    for (what, damage, kind) in cases {
        let folder = Folder::new();
        crashed(&folder, 3);
        // One that was closed, beside the one that was not.
        small().open(folder.join("live")).unwrap().close().unwrap();
        let name = if matches!(kind, Kind::Image | Kind::Superblock) { "live" } else { "heap" };
        assert!(check(folder.join(name)).unwrap().is_clean());
        damage(&folder);
        let before = folder.files();
        let repaired = repair(folder.join(name)).unwrap();
        assert_eq!(kinds(&repaired.before), [kind], "{what}: {}", repaired.before);
        assert!(repaired.acts.is_empty() && !repaired.after.is_clean(), "{what}");
        assert!(folder.files() == before && !repaired.before.to_string().is_empty(), "{what}");
        assert!(small().open(folder.join(name)).is_err(), "{what}");
    }
}

fn shorten(folder: &Folder, name: &str, bytes: u64) {
    fs::OpenOptions::new().write(true).open(folder.join(name)).unwrap().set_len(bytes).unwrap();
}

fn other_log() -> Vec<u8> {
    let folder = Folder::new();
    crashed(&folder, 1);
    fs::read(folder.join("heap.log")).unwrap()[..4096].to_vec()
}

#[test]
fn damaged_metadata_is_in_the_report() {
    let folder = Folder::new();
    closed(&folder);
    let original = fs::read(folder.join("heap")).unwrap();
    let mut random = Random::new(8);
    let words: Vec<usize> = (8192..2 << 20).step_by(8).filter(|at| original[*at..at + 8] != [0; 8]).collect();
    let mut found = 0;
    for _ in 0..100 {
        fs::write(folder.join("heap"), &original).unwrap();
        for _ in 0..1 + random.below(3) {
            let value = [random.next(), u64::MAX, 0, random.next() >> 40][random.below(4)];
            put(&folder, "heap", words[random.below(words.len())] as u64, &value.to_le_bytes());
        }
        let before = folder.files();
        let report = check(folder.join("heap")).unwrap();
        found += u32::from(!report.is_clean());
        assert!(folder.files() == before);
    }
    println!("{found} found");
    assert!(found > 30);
}

#[test]
fn garbage_is_survived_and_left_as_it_is() {
    let folder = Folder::new();
    crashed(&folder, 4);
    let (base, log) = (fs::read(folder.join("heap")).unwrap(), fs::read(folder.join("heap.log")).unwrap());
    for seed in 0..250 {
        let mut random = Random::new(seed);
        for (name, original) in [("heap", &base), ("heap.log", &log)] {
            let mut bytes = original.clone();
            for _ in 0..random.below(4) {
                match random.below(4) {
                    0 => bytes.truncate(random.below(bytes.len() + 1)),
                    1 => bytes.resize(bytes.len() + random.below(10_000), 0x55),
                    2 if bytes.len() > 5000 => {
                        let from = random.below(bytes.len() - 4096);
                        let to = random.below(bytes.len() - 4096);
                        bytes.copy_within(from / 4096 * 4096..(from / 4096 + 1) * 4096, to / 512 * 512);
                    }
                    _ => {
                        let end = bytes.len().min(40_000);
                        for _ in 0..40.min(end) {
                            bytes[random.below(end)] = u8::try_from(random.below(256)).unwrap();
                        }
                    }
                }
            }
            fs::write(folder.join(name), bytes).unwrap();
        }
        let before = folder.files();
        let report = check(folder.join("heap")).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(folder.files() == before, "seed {seed}");
        if report.is_clean() {
            let reader = small().read_only(true).open(folder.join("heap")).unwrap();
            assert_eq!(Some(reader.last_commit()), report.last_commit(), "seed {seed}");
            assert!(reader.check().is_clean(), "seed {seed}");
        }
        let repaired = repair(folder.join("heap")).unwrap();
        assert!(repaired.acts.is_empty() == (folder.files() == before), "seed {seed}");
    }
}

#[test]
fn no_commit_is_lost_with_a_slot() {
    for slot in [0, 4096] {
        for repaired in [false, true] {
            let folder = Folder::new();
            let history = crashed(&folder, 6);
            put(&folder, "heap", slot + 60, &[0xEE; 8]);
            if repaired {
                assert!(repair(folder.join("heap")).unwrap().after.is_clean());
            }
            let reader = small().read_only(true).open(folder.join("heap")).unwrap();
            assert!(reader.last_commit() == 6 && content(&reader) == history[&6]);
            drop(reader);
            let heap = small().open(folder.join("heap")).unwrap();
            assert!(heap.last_commit() == 6 && content(&heap) == history[&6]);
            Filler::new(1, 10).run(&heap, 20);
            heap.persist().unwrap();
            // Another crash.
            folder.copy("heap", "again");
            folder.copy("heap.log", "again.log");
            let again = small().open(folder.join("again")).unwrap();
            assert!(again.last_commit() == 7 && content(&again) == content(&heap));
        }
    }
}

#[test]
fn no_word_of_the_header_leads_out_of_the_image() {
    let folder = Folder::new();
    closed(&folder);
    let original = fs::read(folder.join("heap")).unwrap();
    let word = |at: usize| u64::from_le_bytes(original[at..at + 8].try_into().unwrap());
    let words = (8192..8192 + (64 << 10)).step_by(8).filter(|at| word(*at) != 0);
    let mut found = 0;
    for at in words {
        for value in [word(at).wrapping_add(100), word(at).wrapping_add(100 << 32), u64::MAX] {
            put(&folder, "heap", at as u64, &value.to_le_bytes());
            found += u32::from(!check(folder.join("heap")).unwrap().is_clean());
        }
        put(&folder, "heap", at as u64, &word(at).to_le_bytes());
    }
    println!("{found} found");
    assert!(found > 60);
}

#[test]
fn magazines_that_name_pages_without_tags_are_survived() {
    let folder = Folder::new();
    let options = HeapOptions::new().reservation(256 << 20).initial(200 << 20);
    let heap = OpenOptions::new().heap(options).log_segment(64 << 10).open(folder.join("heap")).unwrap();
    let mut filler = Filler::new(6, 9);
    filler.run(&heap, 200);
    filler.clear(&heap);
    let block = heap.allocate(Layout::new::<u64>()).unwrap();
    let base = block.as_ptr().addr() as u64 - heap.info(block.as_ptr()).unwrap().offset.get();
    heap.persist().unwrap();
    let (reserved, total) = (heap.stats().reserved, heap.stats().total);
    heap.close().unwrap();
    // Fewer pages in play, and so much of the tags that it is just enough for them: the header's length of that zone, and
    // its word that counts the pages.
    put(&folder, "heap", 8192 + 48, &4096_u64.to_le_bytes());
    let pages = u32::try_from(total / 4096).unwrap().to_le_bytes();
    let header = fs::read(folder.join("heap")).unwrap()[8192..8192 + (64 << 10)].to_vec();
    for at in (80..header.len()).step_by(4).filter(|at| header[*at..at + 4] == pages) {
        put(&folder, "heap", 8192 + at as u64, &100_u32.to_le_bytes());
    }
    let original = fs::read(folder.join("heap")).unwrap();
    let mut damaged = 0;
    // Behind the slots and the headers of both parts.
    for at in (8192 + (128 << 10)..2 << 20).step_by(8) {
        let word = u64::from_le_bytes(original[at..at + 8].try_into().unwrap());
        if (base + (1 << 20)..base + reserved).contains(&word) {
            // Far behind the pages in play.
            put(&folder, "heap", at as u64, &(word + (150 << 20)).to_le_bytes());
            damaged += 1;
        }
    }
    // Without magazines nothing is named.
    assert_eq!(damaged > 0, !cfg!(feature = "hardened"));
    let report = check(folder.join("heap")).unwrap();
    assert!(report.findings().is_empty() && !report.heap().unwrap().is_clean(), "{report}");
}
