//! Appending and reading without crashes: lengths, counts, calls that fail, and bytes that nobody wrote.

use rustix::io::Errno;

use super::heap::*;
use crate::durable::fields::{fold, put_u32, put_u64};
#[cfg(feature = "lz4")]
use crate::durable::levels::Compression;
use crate::durable::levels::{Durability, LogManner};
use crate::durable::log::record::{LZ4, RECORD, RecordHeader, Signature};
use crate::durable::log::*;
use crate::durable::storage::simulated::{Fault, Random, SimulatedFile, SimulatedFolder};
use crate::durable::storage::{BLOCK, Operation};
use crate::units::LINE;

const IDENTITY: Identity = Identity { uuid: UUID, opening: 5 };

fn create(segment: u64) -> (SimulatedFolder, Log<SimulatedFile>) {
    let folder = SimulatedFolder::new();
    let segment = SegmentBytes::new(segment).unwrap();
    let log = Log::create(&folder, log_name(), IDENTITY, 0, segment).unwrap();
    (folder, log)
}

fn put(body: &mut RecordBody, page: u64, lines: &[(u32, u8)]) {
    let mask = lines.iter().fold(0, |mask, (line, _)| mask | 1 << line);
    body.page(page, mask).iter_mut().zip(lines).for_each(|(place, (_, byte))| place.fill(*byte));
}

/// A commit of so many pages, each with line 3 and nothing else.
fn single_lines(log: &mut Log<SimulatedFile>, pages: u64) -> u64 {
    let mut body = log.body();
    (0..pages).for_each(|page| put(&mut body, page, &[(3, 7)]));
    log.append(&mut body, pages.max(1)).unwrap()
}

fn noise(bytes: &mut [u8], random: &mut Random) {
    bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&random.next().to_le_bytes()[..chunk.len()]));
}

/// Everything that a log shows, one line of text for each item.
fn all_of(folder: &SimulatedFolder, applied: u64) -> Result<Vec<String>, LogError> {
    let file = folder.open(log_name(), Open::ReadOnly)?;
    let mut all = Vec::new();
    replay(&file, UUID, applied, |part| {
        all.push(format!("commit {} of {} pages", part.sequence, part.image_pages));
        all.extend(part.items.map(|item| match item {
            Item::InPlace { page, count } => format!("{count} pages from {page}"),
            Item::Lines { page, mask, lines } => {
                let firsts: Vec<u8> = lines.chunks(LINE).map(|line| line[0]).collect();
                format!("page {page}: {mask:#x} {firsts:?}")
            }
        }));
    })?;
    Ok(all)
}

#[test]
fn what_is_appended_is_shown_in_order() {
    let (folder, mut log) = create(32768);
    let mut body = log.body();
    put(&mut body, 2, &[(0, 1), (63, 2)]);
    put(&mut body, 3, &[]);
    body.in_place(5, 4);
    put(&mut body, 1, &[(7, 3)]);
    assert_eq!(log.append(&mut body, 9).unwrap(), 1);
    body.clear();
    assert!(body.is_empty());
    assert_eq!(log.append(&mut body, 4).unwrap(), 2);
    let expected = [
        "commit 1 of 9 pages",
        "page 2: 0x8000000000000001 [1, 2]",
        "4 pages from 5",
        "page 1: 0x80 [3]",
        "commit 2 of 4 pages",
    ];
    assert_eq!(all_of(&folder, 0).unwrap(), expected);
    assert_eq!(all_of(&folder, 1).unwrap(), expected[4..]);
    assert!(all_of(&folder, 2).unwrap().is_empty());
    assert!(matches!(
        Log::create(&folder, log_name(), IDENTITY, 0, SegmentBytes::DEFAULT),
        Err(LogError::Exists)
    ));
}

#[test]
fn an_ordinary_commit_is_one_durable_write_and_nothing_else() {
    let (folder, mut log) = create(32768);
    for _ in 0..8 {
        let before = (folder.calls(), folder.count(Operation::WriteDurable), folder.operations());
        single_lines(&mut log, 50);
        let after = (folder.calls(), folder.count(Operation::WriteDurable), folder.operations());
        assert_eq!(after, (before.0 + 1, before.1 + 1, before.2 + 1));
    }
    log.retire_through(8);
    let before = folder.calls();
    single_lines(&mut log, 50);
    assert_eq!(folder.calls(), before + 1, "a segment that is used again needs nothing");
}

#[test]
fn a_record_takes_88_bytes_for_itself_and_80_for_each_page_with_one_line() {
    let mut random = Random(1);
    for (pages, blocks) in [(0, 1), (1, 1), (50, 1), (51, 2), (101, 2), (102, 3)] {
        let (_folder, mut log) = create(32768);
        let mut body = log.body();
        for page in 0..pages {
            noise(&mut body.page(page, 1 << 9)[0], &mut random);
        }
        log.append(&mut body, 200).unwrap();
        body.seal();
        let found = body.lens().sum::<u64>() / BLOCK as u64;
        assert_eq!(found, blocks, "{pages} pages");
    }
}

#[test]
fn a_commit_that_is_longer_than_a_segment_goes_out_in_parts() {
    let (folder, mut log) = create(8192);
    single_lines(&mut log, 1);
    let mut body = log.body();
    let mut random = Random(2);
    for page in 0..5 {
        noise(body.page(page, !0).as_flattened_mut(), &mut random);
    }
    let (before, segments) = (folder.count(Operation::WriteDurable), log.bytes() / 8192);
    assert_eq!(log.append(&mut body, 5).unwrap(), 2);
    // A write for each part, and one for the zeros of each segment that was added.
    let added = log.bytes() / 8192 - segments;
    assert_eq!(folder.count(Operation::WriteDurable), before + 5 + added);
    single_lines(&mut log, 1);
    let shown = all_of(&folder, 0).unwrap();
    assert_eq!(shown.iter().filter(|line| *line == "commit 2 of 5 pages").count(), 5);
    assert_eq!(shown.last().unwrap(), "page 0: 0x8 [7]");
    let bytes = log.bytes();
    log.retire_through(3);
    assert_eq!(log.append(&mut body, 5).unwrap(), 4);
    assert_eq!(log.bytes(), bytes, "the segments are used again");
}

#[test]
fn on_a_full_disk_nothing_has_happened_and_the_log_goes_on() {
    let (folder, mut log) = create(8192);
    single_lines(&mut log, 1);
    single_lines(&mut log, 1);
    for call in 0..4 {
        folder.fail_after(call, Fault::Partly(100, Errno::NOSPC));
        let mut body = log.body();
        put(&mut body, 0, &[(0, 1)]);
        let error = log.append(&mut body, 1);
        if call < 3 {
            assert!(matches!(error, Err(LogError::Storage(_))), "call {call}");
            assert_eq!(log.last(), 2);
        } else {
            // The fourth call is the write of the record itself.
            assert!(matches!(error, Err(LogError::Storage(_))), "call {call}");
            assert!(matches!(log.append(&mut body, 1), Err(LogError::Failed)));
        }
        assert_eq!(all_of(&folder, 0).unwrap().iter().filter(|line| line.starts_with("commit")).count(), 2);
    }
    let (mut log, _) =
        Log::open(&folder, log_name(), Identity { opening: 6, ..IDENTITY }, 0, |_| {}).unwrap();
    assert_eq!(single_lines(&mut log, 1), 3);
}

/// Has each call of a program fail in each way; the last commit or the next is there, and everything goes on.
#[test]
fn whichever_call_fails_the_last_commit_is_whole() {
    let faults = [
        Fault::Refused(Errno::IO),
        Fault::Partly(512, Errno::NOSPC),
        Fault::Unsure(Errno::IO),
        Fault::Killed,
    ];
    for seed in 0..2 {
        let calls = {
            let mut run = Run::new(seed);
            let before = run.folder.calls();
            let heap = run.open().unwrap();
            run.steps(heap, 10).unwrap();
            run.folder.calls() - before
        };
        for (call, fault) in (0..calls).flat_map(|call| faults.map(|fault| (call, fault))) {
            let mut run = Run::new(seed);
            run.folder.fail_after(call, fault);
            let failed = match run.open() {
                Ok(heap) => run.steps(heap, 10).is_err(),
                Err(_) => true,
            };
            // What is found is compared with what is known; nothing fails a second time.
            let mut heap =
                run.open().unwrap_or_else(|what| panic!("call {call}, {fault:?}, {failed}: {what:?}"));
            run.commit(&mut heap).unwrap();
            let last = heap.last();
            drop(heap);
            assert_eq!(look(&run.folder).unwrap().last, last);
            for number in 0..3 {
                let disk = run.folder.crashes().last().unwrap().any_disk(&mut Random(number));
                assert_eq!(look(&disk).unwrap().last, last, "call {call}, {fault:?}: lost by a crash");
            }
        }
    }
}

#[test]
fn a_commit_behind_a_damaged_one_is_reported_and_not_lost() {
    let (folder, mut log) = create(32768);
    for _ in 0..3 {
        single_lines(&mut log, 1);
    }
    let file = folder.open(log_name(), Open::Existing).unwrap();
    for at in [0, RECORD as u64] {
        let place = 2 * BLOCK as u64 + at;
        let mut old = [0; 1];
        file.read_at(place, &mut old).unwrap();
        file.write_at(place, &[!old[0]]).unwrap();
        match all_of(&folder, 0) {
            Err(LogError::Gap { expected: 2, found: 3, offset }) => assert_eq!(offset, 3 * BLOCK as u64),
            other => panic!("{other:?}"),
        }
        assert_eq!(all_of(&folder, 2).unwrap().len(), 2);
        file.write_at(place, &old).unwrap();
    }
    assert_eq!(all_of(&folder, 0).unwrap().len(), 6);
}

/// Somebody keeps a copy of the log in the heap: what it holds is no record where it lies.
#[test]
fn a_record_that_was_copied_elsewhere_is_none() {
    let (folder, mut log) = create(32768);
    single_lines(&mut log, 1);
    single_lines(&mut log, 2);
    let shown = all_of(&folder, 0).unwrap();
    let file = folder.open(log_name(), Open::Existing).unwrap();
    let mut record = [0; BLOCK];
    file.read_at(2 * BLOCK as u64, &mut record).unwrap();
    file.write_at(4 * BLOCK as u64, &record).unwrap();
    assert_eq!(all_of(&folder, 0).unwrap(), shown);
}

#[test]
fn another_heaps_log_and_a_damaged_header_are_refused() {
    let (folder, mut log) = create(8192);
    single_lines(&mut log, 1);
    let file = folder.open(log_name(), Open::Existing).unwrap();
    let other = replay(&file, [1; 16], 0, |_| {}).unwrap_err();
    assert!(matches!(other, LogError::Damaged(fault) if fault.field == "uuid"), "{other}");
    for at in [0, 9, 13, 20, 33, BLOCK as u64 - 1] {
        let mut old = [0; 1];
        file.read_at(at, &mut old).unwrap();
        file.write_at(at, &[!old[0]]).unwrap();
        assert!(matches!(all_of(&folder, 0), Err(LogError::Damaged(_))), "byte {at}");
        file.write_at(at, &old).unwrap();
    }
    file.set_len(1000).unwrap();
    assert!(matches!(all_of(&folder, 0), Err(LogError::Damaged(_))));
    let mut page = header::Header { uuid: UUID, segment: SegmentBytes::DEFAULT }.encode();
    for (at, value, field) in [(8, 2, "version"), (12, 0x0403_0201, "byte order"), (32, 4096, "segment size")]
    {
        let mut page = page;
        put_u32(&mut page, at, value);
        let crc = crc32fast::hash(&page[..BLOCK - 4]);
        put_u32(&mut page, BLOCK - 4, crc);
        file.write_at(0, &page).unwrap();
        let found = all_of(&folder, 0).unwrap_err();
        let (LogError::Damaged(fault) | LogError::Unsupported(fault)) = found else { panic!("{found}") };
        assert_eq!((fault.field, fault.found), (field, u64::from(value)));
    }
    page[0] = 0;
    file.write_at(0, &page).unwrap();
    assert!(all_of(&folder, 0).is_err());
}

/// Damages a log in random places: what is shown is what was appended, or there is an error.
#[test]
fn garbage_shows_nothing_that_was_not_appended() {
    let mut random = Random(4);
    let (folder, mut log) = create(16384);
    for pages in 1..12 {
        single_lines(&mut log, pages * 7);
    }
    let whole = all_of(&folder, 0).unwrap();
    let file = folder.open(log_name(), Open::Existing).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(0, &mut bytes).unwrap();
    let (mut errors, mut shorter) = (0, 0);
    for _ in 0..2000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random.below(3) {
            let at = BLOCK + random.below(bytes.len() - BLOCK);
            match random.below(3) {
                0 => damaged[at] ^= 1 << random.below(8),
                1 => noise(&mut damaged[at..(at + 600).min(bytes.len())], &mut random),
                // A block from elsewhere.
                _ => {
                    let from = BLOCK + random.below(bytes.len() / BLOCK - 1) * BLOCK;
                    let to = at / BLOCK * BLOCK;
                    damaged.copy_within(from..from + BLOCK, to);
                }
            }
        }
        file.write_at(0, &damaged).unwrap();
        match all_of(&folder, 0) {
            Ok(shown) => {
                assert_eq!(shown[..], whole[..shown.len()]);
                shorter += usize::from(shown.len() < whole.len());
            }
            Err(LogError::Gap { .. }) => errors += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(errors > 500 && shorter > 50, "{errors}, {shorter}");
}

/// Bodies with a right checksum and any content: an error or items that lie in the image, and no panic.
#[test]
fn a_body_that_is_nonsense_is_an_error_even_with_a_right_checksum() {
    let mut random = Random(5);
    let (folder, _log) = create(32768);
    let file = folder.open(log_name(), Open::Existing).unwrap();
    let (mut errors, mut fine) = (0, 0);
    for _ in 0..5000 {
        let mut record = vec![0; 2 * BLOCK];
        let stored = random.below(4) * LINE + random.below(3) * 16 + random.below(8) / 7;
        noise(&mut record[RECORD..RECORD + stored], &mut random);
        if stored >= 16 && random.below(4) > 0 {
            put_u64(&mut record, RECORD, random.next() & (1 << 63 | 7));
            put_u64(&mut record, RECORD + 8, 1 << random.below(5));
        }
        let body_crc = crc32fast::hash(&record[RECORD..RECORD + stored]);
        let small = |number: usize| u32::try_from(number).unwrap();
        let header = RecordHeader {
            signature: Signature { heap: fold(UUID), opening: random.next() },
            sequence: 1,
            image_pages: 8,
            settled: 0,
            part: 0,
            flags: 1 | if random.below(8) == 0 { LZ4 } else { 0 },
            stored: small(stored),
            plain: small(random.below(1 << 20)),
            items: small(random.below(2)),
            lines: small(random.below(2)),
            body_crc,
        };
        header.encode(BLOCK as u64, &mut record);
        file.write_at(BLOCK as u64, &record).unwrap();
        match all_of(&folder, 0) {
            Ok(_) => fine += 1,
            Err(LogError::Damaged(fault)) => {
                assert!(fault.offset >= BLOCK as u64 && fault.offset < 3 * BLOCK as u64, "{fault}");
                errors += 1;
            }
            Err(LogError::FeatureMissing { feature, .. }) => assert_eq!(feature, "lz4"),
            Err(other) => panic!("{other}"),
        }
    }
    assert!(errors > 1000 && fine > 50, "{errors}, {fine}");
}

#[test]
fn real_files_hold_a_log_too() {
    let scratch = std::env::temp_dir().join(format!("outlive-log-{}", std::process::id()));
    std::fs::create_dir(&scratch).unwrap();
    let (folder, name) = crate::durable::storage::RealFolder::of(&scratch.join("heap.log")).unwrap();
    let mut log = Log::create(&folder, &name, IDENTITY, 0, SegmentBytes::new(65536).unwrap()).unwrap();
    let mut body = log.body();
    for commit in 1..=40_u8 {
        body.clear();
        put(&mut body, 1, &[(u32::from(commit), commit)]);
        put(&mut body, 2, &[(0, commit), (1, commit)]);
        log.append(&mut body, 3).unwrap();
        if commit == 20 {
            log.retire_through(10);
        }
    }
    drop(log);
    let mut shown = Vec::new();
    let show = |part: &Replayed<'_>| shown.push((part.sequence, part.items.count()));
    let (log, _) = Log::open(&folder, &name, Identity { opening: 6, ..IDENTITY }, 10, show).unwrap();
    assert_eq!(shown, (11..=40).map(|sequence| (sequence, 2)).collect::<Vec<_>>());
    assert_eq!(log.last(), 40);
    std::fs::remove_dir_all(&scratch).unwrap();
}

#[cfg(feature = "lz4")]
#[test]
fn a_body_is_compressed_where_that_saves_a_block() {
    let (folder, log) = create(1 << 20);
    let mut log = log.in_manner(LogManner { compression: Compression::Lz4, ..LogManner::default() });
    let mut body = log.body();
    for page in 0..100 {
        body.page(page, !0).as_flattened_mut().fill(5);
    }
    log.append(&mut body, 100).unwrap();
    let file = folder.open(log_name(), Open::ReadOnly).unwrap();
    let mut first = [0; RECORD];
    file.read_at(BLOCK as u64, &mut first).unwrap();
    let header = RecordHeader::parse(&first, BLOCK as u64, fold(UUID), 1 << 20).unwrap();
    assert_eq!(header.flags, 1 | LZ4);
    assert!(header.padded() < 10 * BLOCK as u64, "{}", header.padded());
    assert_eq!(all_of(&folder, 0).unwrap().len(), 101);
    assert!(all_of(&folder, 0).unwrap()[100].ends_with(&format!("{:?}", [5; 64])));
}

/// A log of five commits that no disk was waited for, of which the one with this number lost its body.
fn unsynced_without(lost: u64) -> (SimulatedFolder, Log<SimulatedFile>) {
    let (folder, log) = create(1 << 20);
    let manner = LogManner { durability: Durability::ProcessCrash, ..LogManner::default() };
    let mut log = log.in_manner(manner);
    let before = (folder.count(Operation::WriteDurable), folder.count(Operation::Sync));
    for _ in 0..5 {
        single_lines(&mut log, 1);
    }
    assert_eq!((folder.count(Operation::WriteDurable), folder.count(Operation::Sync)), before);
    let file = folder.open(log_name(), Open::Existing).unwrap();
    file.write_at(lost * BLOCK as u64 + 100, &[0xEE; 8]).unwrap();
    (folder, log)
}

#[test]
fn what_was_not_synced_may_be_lost_and_takes_what_follows_with_it() {
    for lost in 1..=5 {
        let (folder, log) = unsynced_without(lost);
        drop(log);
        // A line for each commit, and one for its page.
        assert_eq!(all_of(&folder, 0).unwrap().len() as u64, 2 * (lost - 1));
        let before = folder.count(Operation::WriteDurable);
        let (log, _) =
            Log::open(&folder, log_name(), Identity { opening: 6, ..IDENTITY }, 0, |_| {}).unwrap();
        assert_eq!((log.last(), log.unsettled().is_none()), (lost - 1, true));
        // What is kept is durable, in rows of two blocks, and of the rest no header is left.
        let written = folder.count(Operation::WriteDurable) - before;
        assert_eq!(written, (lost - 1).div_ceil(2) + (6 - lost));
        let (again, _) =
            Log::open(&folder, log_name(), Identity { opening: 7, ..IDENTITY }, 0, |_| {}).unwrap();
        assert_eq!(again.last(), lost - 1);
    }
}

#[test]
fn what_was_synced_and_is_gone_is_damage_at_any_level() {
    let (folder, mut log) = unsynced_without(2);
    log.unsettled().unwrap().sync().unwrap();
    log.note_settled(5);
    assert!(log.unsettled().is_none());
    assert_eq!(all_of(&folder, 0).unwrap().len(), 2, "no record says so yet");
    single_lines(&mut log, 1);
    match all_of(&folder, 0).unwrap_err() {
        LogError::Gap { expected: 2, found: 6, offset } => assert_eq!(offset, 6 * BLOCK as u64),
        other => panic!("{other}"),
    }
}

#[cfg(not(feature = "lz4"))]
#[test]
fn a_compressed_record_names_the_feature_that_it_needs() {
    let (folder, mut log) = create(1 << 20);
    single_lines(&mut log, 1);
    let file = folder.open(log_name(), Open::Existing).unwrap();
    let mut record = [0; RECORD];
    file.read_at(BLOCK as u64, &mut record).unwrap();
    let header = RecordHeader::parse(&record, BLOCK as u64, fold(UUID), 1 << 20).unwrap();
    RecordHeader { flags: header.flags | LZ4, ..header }.encode(BLOCK as u64, &mut record);
    file.write_at(BLOCK as u64, &record).unwrap();
    let error = all_of(&folder, 0).unwrap_err();
    assert!(matches!(error, LogError::FeatureMissing { feature: "lz4", offset: 4096 }), "{error}");
}

/// Such a log was called clean, and could not be opened.
#[test]
fn a_record_that_calls_itself_settled_is_unfinished_like_any_other() {
    let (folder, mut log) = create(1 << 20);
    single_lines(&mut log, 1);
    let file = folder.open(log_name(), Open::Existing).unwrap();
    let mut record = [0; RECORD];
    file.read_at(BLOCK as u64, &mut record).unwrap();
    let header = RecordHeader::parse(&record, BLOCK as u64, fold(UUID), 1 << 20).unwrap();
    RecordHeader { settled: 1, body_crc: !header.body_crc, ..header }.encode(BLOCK as u64, &mut record);
    file.write_at(BLOCK as u64, &record).unwrap();
    assert_eq!(all_of(&folder, 0).unwrap().len(), 0);
    let survey = survey(&file, UUID, 0, |_| {}).unwrap();
    assert!(!survey.has_gap && survey.behind == [(BLOCK as u64, 1)]);
}
