//! Files that are no heaps, or damaged ones: each is refused with an error of the right kind, whose message names the file
//! and what to do, and no byte of anything changes.
#![cfg_attr(feature = "nightly", feature(allocator_api))]
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "the shared parts read better so")]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use common::child;
use common::files::{Filler, Folder, content, small};
use outlive::{Error, Heap};

/// What is expected of an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    FileDamaged,
    LogDamaged,
    LogMissing,
    OtherVersion,
    File,
    AddressTaken,
    Opens,
}

fn kind(result: &Result<Heap, Error>) -> Kind {
    match result {
        Ok(_) => Kind::Opens,
        Err(Error::FileDamaged { .. }) => Kind::FileDamaged,
        Err(Error::LogDamaged { .. }) => Kind::LogDamaged,
        Err(Error::LogMissing { .. }) => Kind::LogMissing,
        Err(Error::OtherVersion { .. }) => Kind::OtherVersion,
        Err(Error::File { .. }) => Kind::File,
        Err(Error::AddressTaken { .. }) => Kind::AddressTaken,
        Err(other) => panic!("{other:?}"),
    }
}

/// A heap that was closed (`closed`), and one as a crash leaves it (`heap` and `heap.log`), both with the same blocks.
struct Samples {
    closed: Vec<u8>,
    base: Vec<u8>,
    log: Vec<u8>,
}

fn samples() -> Samples {
    let folder = Folder::new();
    let heap = small().open(folder.join("live")).unwrap();
    let mut filler = Filler::new(7, 11);
    for _ in 0..4 {
        filler.run(&heap, 60);
        heap.persist().unwrap();
    }
    let (base, log) = (fs::read(folder.join("live")).unwrap(), fs::read(folder.join("live.log")).unwrap());
    heap.close().unwrap();
    Samples { closed: fs::read(folder.join("live")).unwrap(), base, log }
}

/// What is in the files. When they were written does not count: an opening writes a superblock once more as it is, before it
/// believes what the log has.
fn bytes(folder: &Folder) -> BTreeMap<String, Vec<u8>> {
    folder.files().into_iter().map(|(name, (content, _))| (name, content)).collect()
}

/// Opens `heap` to write and to read; both are refused in this way, by a message that says so much, and change nothing.
fn refused(folder: &Folder, expected: Kind, words: &[&str], what: &str) {
    for read_only in [true, false] {
        let before = bytes(folder);
        let result = small().read_only(read_only).open(folder.join("heap"));
        assert_eq!(kind(&result), expected, "{what}, read only {read_only}: {:?}", result.err());
        let message = result.unwrap_err().to_string();
        let file = folder.path().display().to_string();
        for word in words.iter().chain([&file.as_str()]) {
            assert!(message.contains(word), "{what}: no {word:?} in {message:?}");
        }
        assert!(bytes(folder) == before, "{what}: changed, read only {read_only}");
    }
}

fn put(bytes: &mut [u8], at: usize, value: u64, width: usize) {
    bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
}

/// Makes the checksum of a page right, which is in its last four bytes.
fn mend(page: &mut [u8]) {
    let crc = crc32fast(&page[..4092]);
    put(page, 4092, u64::from(crc), 4);
}

/// CRC-32 as the format has it, a bit at a time.
fn crc32fast(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 }
            },
        )
    })
}

/// A field of a page: where, how wide, whether a version owns it, and values with what each leads to.
struct Field<'a> {
    name: &'a str,
    at: usize,
    width: usize,
    values: &'a [(u64, Kind, &'a str)],
}

/// Of the superblock. Every value stands in both slots, with right checksums.
const SUPERBLOCK: &[Field] = {
    use Kind::{FileDamaged, Opens, OtherVersion};
    &[
        Field {
            name: "version",
            at: 8,
            width: 4,
            values: &[
                (0, OtherVersion, "version at 0x8 is 0x0 where 0x1"),
                (2, OtherVersion, "version at 0x8 is 0x2 where 0x1"),
                (0xFFFF_FFFF, OtherVersion, "0xffffffff where 0x1"),
            ],
        },
        Field {
            name: "byte order",
            at: 12,
            width: 4,
            values: &[(0x0403_0201, OtherVersion, "byte order at 0xc"), (0, OtherVersion, "byte order")],
        },
        Field {
            name: "page size",
            at: 16,
            width: 4,
            values: &[
                (0, OtherVersion, "page size at 0x10 is 0x0 where 0x1000"),
                (65536, OtherVersion, "0x10000"),
            ],
        },
        Field {
            name: "flags",
            at: 20,
            width: 4,
            // In its first chunk a heap whose chunks are alike is like another one.
            values: &[
                (0, Opens, ""),
                (8, OtherVersion, "flags at 0x14 is 0x8"),
                (0x8000_0000, OtherVersion, "flags"),
            ],
        },
        Field {
            name: "applied",
            at: 48,
            width: 8,
            values: &[(u64::MAX, FileDamaged, "applied at"), (1 << 63, FileDamaged, "applied at")],
        },
        // Any address will do, or another one.
        Field {
            name: "base",
            at: 56,
            width: 8,
            values: &[
                (0, Opens, ""),
                (1, Opens, ""),
                (4096, Opens, ""),
                (u64::MAX, Opens, ""),
                (1 << 63, Opens, ""),
            ],
        },
        Field {
            name: "reserved pages",
            at: 64,
            width: 8,
            values: &[
                (0, FileDamaged, "reserved pages at"),
                (1, FileDamaged, ""),
                (1 << 32, FileDamaged, "reserved pages at"),
                (u64::MAX, FileDamaged, "reserved pages at"),
            ],
        },
        Field {
            name: "image pages",
            at: 72,
            width: 8,
            values: &[
                (3, FileDamaged, ""),
                (1 << 40, FileDamaged, "image pages at"),
                (u64::MAX, FileDamaged, "image pages at"),
            ],
        },
        Field {
            name: "geometry",
            at: 80,
            width: 8,
            values: &[(0, OtherVersion, "geometry at"), (u64::MAX, OtherVersion, "geometry at")],
        },
    ]
};

/// Of the log's header.
const LOG: &[Field] = {
    use Kind::{LogDamaged, OtherVersion};
    &[
        Field { name: "magic", at: 0, width: 8, values: &[(0, LogDamaged, "magic at 0x0 is 0x0 where")] },
        Field {
            name: "version",
            at: 8,
            width: 4,
            values: &[
                (0, OtherVersion, "version at 0x8 is 0x0 where 0x1"),
                (2, OtherVersion, "version at 0x8 is 0x2 where 0x1"),
            ],
        },
        Field {
            name: "byte order",
            at: 12,
            width: 4,
            values: &[(0x0403_0201, OtherVersion, "byte order at 0xc is 0x4030201 where 0x1020304")],
        },
        Field { name: "uuid", at: 16, width: 8, values: &[(5, LogDamaged, "uuid at 0x10 is 0x5")] },
        Field { name: "uuid", at: 24, width: 8, values: &[(5, LogDamaged, "uuid at 0x18 is 0x5")] },
        Field {
            name: "segment size",
            at: 32,
            width: 8,
            values: &[
                (0, LogDamaged, "segment size at 0x20 is 0x0"),
                (4096, LogDamaged, "segment size"),
                (8193, LogDamaged, "segment size"),
                ((1 << 30) + 4096, LogDamaged, "segment size"),
                (u64::MAX, LogDamaged, "segment size at 0x20 is 0xffffffffffffffff"),
            ],
        },
    ]
};

#[test]
fn every_field_of_the_superblock_is_looked_at() {
    let (folder, samples) = (Folder::new(), samples());
    for Field { name, at, width, values } in SUPERBLOCK {
        for (value, expected, words) in *values {
            let mut bytes = samples.closed.clone();
            for slot in bytes.chunks_exact_mut(4096).take(2) {
                put(slot, *at, *value, *width);
                mend(slot);
            }
            fs::write(folder.join("heap"), bytes).unwrap();
            let what = format!("{name} {value:#x}");
            if *expected == Kind::Opens {
                let reader = small().read_only(true).open(folder.join("heap")).expect(&what);
                assert!(reader.check().is_clean(), "{what}");
            } else {
                refused(&folder, *expected, &[words], &what);
            }
        }
    }
    for (at, words) in [(0, "magic at 0x0 is"), (200, "checksum at 0xffc is"), (4092, "checksum at 0xffc")] {
        let mut bytes = samples.closed.clone();
        bytes[at] ^= 0x40;
        bytes[at + 4096] ^= 0x40;
        fs::write(folder.join("heap"), bytes).unwrap();
        refused(&folder, Kind::FileDamaged, &["both superblocks are damaged", words], "both slots");
    }
}

#[test]
fn every_field_of_the_logs_header_is_looked_at() {
    let (folder, samples) = (Folder::new(), samples());
    fs::write(folder.join("heap"), &samples.base).unwrap();
    for Field { name, at, width, values } in LOG {
        for (value, expected, words) in *values {
            let mut log = samples.log.clone();
            put(&mut log, *at, *value, *width);
            mend(&mut log[..4096]);
            fs::write(folder.join("heap.log"), log).unwrap();
            refused(&folder, *expected, &["heap.log", words], &format!("{name} {value:#x}"));
        }
    }
    let mut log = samples.log;
    log[100] ^= 1;
    fs::write(folder.join("heap.log"), log).unwrap();
    refused(&folder, Kind::LogDamaged, &["checksum at 0xffc", "take a copy"], "the log's checksum");
}

#[test]
fn files_of_every_interesting_length_are_refused() {
    let (folder, samples) = (Folder::new(), samples());
    let len = samples.closed.len();
    for short in [1, 87, 511, 4095, 4096, 4097, 8191, 8192, 8193, 12288, 2 << 20, len - 4096, len - 1] {
        fs::write(folder.join("heap"), &samples.closed[..short]).unwrap();
        refused(&folder, Kind::FileDamaged, &["where"], &format!("{short} bytes"));
    }
    // The base is as long as it was when the log began: it may be longer, and is extended where it is shorter.
    fs::write(folder.join("heap"), &samples.base).unwrap();
    for short in [0, 1, 87, 4095] {
        fs::write(folder.join("heap.log"), &samples.log[..short]).unwrap();
        refused(&folder, Kind::LogDamaged, &["heap.log", "where"], &format!("a log of {short} bytes"));
    }
    // A log has its first segment before it has its name.
    for short in [4096, 4097, 5000, 4095 + (64 << 10)] {
        fs::write(folder.join("heap.log"), &samples.log[..short]).unwrap();
        let words = format!("length at 0x0 is {short:#x} where 0x11000");
        refused(&folder, Kind::LogDamaged, &["heap.log", &words], &format!("a log of {short} bytes"));
    }
    fs::remove_file(folder.join("heap.log")).unwrap();
    refused(&folder, Kind::LogMissing, &["heap.log", "put it back"], "no log");
}

#[test]
fn files_that_were_swapped_are_refused() {
    let (folder, one, other) = (Folder::new(), samples(), samples());
    fs::write(folder.join("heap"), &one.base).unwrap();
    fs::write(folder.join("heap.log"), &other.log).unwrap();
    refused(&folder, Kind::LogDamaged, &["uuid at 0x10"], "the log of another heap");
    fs::write(folder.join("heap"), &one.log).unwrap();
    fs::write(folder.join("heap.log"), &one.base).unwrap();
    refused(&folder, Kind::FileDamaged, &["magic at 0x0"], "log and heap exchanged");
}

#[test]
fn what_is_no_heap_is_refused() {
    let folder = Folder::new();
    let text = "It was a bright cold day in April, and the clocks were striking thirteen.\n";
    for (what, bytes) in [
        ("a line", text.as_bytes().to_vec()),
        ("a book", text.repeat(1000).into_bytes()),
        ("ones", vec![0xFF; 100_000]),
        ("zeros", vec![0; 100_000]),
    ] {
        fs::write(folder.join("heap"), bytes).unwrap();
        refused(&folder, Kind::FileDamaged, &["magic at 0x0 is", "nothing was changed"], what);
    }
    // To be read, a file without anything is no heap; to be written, a new one.
    fs::write(folder.join("heap"), []).unwrap();
    assert_eq!(kind(&small().read_only(true).open(folder.join("heap"))), Kind::FileDamaged);
    assert_eq!(kind(&small().create(false).open(folder.join("heap"))), Kind::FileDamaged);
    assert!(folder.files()["heap"].0.is_empty());
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = Folder::new();
    let at = folder.join("heap");
    fs::create_dir(&at).unwrap();
    refused(&folder, Kind::File, &["it is a folder, not a file"], "a folder");
    fs::remove_dir(&at).unwrap();
    let name = std::ffi::CString::new(at.to_str().unwrap()).unwrap();
    // SAFETY: a name that ends with a zero.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    refused(&folder, Kind::File, &["it is a FIFO, not a file"], "a FIFO");
    fs::remove_file(&at).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(&at).unwrap();
    refused(&folder, Kind::File, &["it is a socket, not a file"], "a socket");
    drop(socket);
    fs::remove_file(&at).unwrap();
    symlink("nowhere", &at).unwrap();
    refused(&folder, Kind::File, &["symbolic link"], "a link to nothing");
    fs::remove_file(&at).unwrap();
    symlink("/dev/null", &at).unwrap();
    let error = small().open(&at).unwrap_err().to_string();
    assert!(error.contains("it is a device, not a file"), "{error}");
    fs::remove_file(&at).unwrap();
    // A link to a heap is followed, and its log lies beside the heap.
    let target = Folder::new();
    symlink(target.join("real"), &at).unwrap_or_default();
    fs::write(target.join("real"), samples().closed).unwrap();
    let heap = small().open(&at).unwrap();
    heap.allocate(std::alloc::Layout::new::<u64>()).unwrap();
    heap.persist().unwrap();
    assert_eq!(target.names(), ["real", "real.log"]);
    drop(heap);
    // What stands in the place of a log.
    fs::remove_file(&at).unwrap();
    let samples = samples();
    fs::write(&at, &samples.base).unwrap();
    fs::create_dir(folder.join("heap.log")).unwrap();
    let before = bytes(&folder);
    let error = small().open(&at).unwrap_err().to_string();
    assert!(error.contains("heap.log") && error.contains("it is a folder"), "{error}");
    assert!(bytes(&folder) == before);
}

const RIGHTS: &str = "rights_that_are_missing_are_named";
const SAMPLE: &str = "OUTLIVE_BAD_INPUT_SAMPLE";

#[test]
fn rights_that_are_missing_are_named() {
    if child::is("nobody") {
        let path = PathBuf::from(std::env::var_os(SAMPLE).unwrap());
        let set = |path: &std::path::Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
        fs::set_permissions(path.parent().unwrap(), Permissions::from_mode(0o777)).unwrap();
        set(&path, 0o444).unwrap();
        child::be_nobody();
        let error = small().open(&path).unwrap_err();
        let Error::File { operation, file, source, .. } = &error else { panic!("{error}") };
        assert!(operation == "opening" && *file == path, "{error}");
        assert_eq!(source.kind(), std::io::ErrorKind::PermissionDenied);
        // To be read it opens.
        assert!(small().read_only(true).open(&path).unwrap().check().is_clean());
        let absent = path.parent().unwrap().join("absent").join("heap");
        assert!(matches!(small().open(absent).unwrap_err(), Error::File { .. }));
        return;
    }
    let folder = Folder::new();
    fs::write(folder.join("heap"), samples().closed).unwrap();
    let before = folder.files();
    let output = child::command(RIGHTS, "nobody").env(SAMPLE, folder.join("heap")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(folder.files()["heap"].0, before["heap"].0);
}

#[test]
fn a_record_with_a_wrong_field_is_never_half_taken() {
    let (folder, samples) = (Folder::new(), samples());
    fs::write(folder.join("heap"), &samples.base).unwrap();
    let all = {
        fs::write(folder.join("heap.log"), &samples.log).unwrap();
        content(&small().read_only(true).open(folder.join("heap")).unwrap())
    };
    let records: Vec<usize> = (4096..samples.log.len())
        .step_by(4096)
        .filter(|at| samples.log[*at..].starts_with(b"OUTLREC\x01"))
        .collect();
    assert_eq!(records.len(), 4);
    for (number, at) in records.iter().enumerate() {
        for field in (0..88).step_by(4) {
            for value in [0, 1, 0x7FFF_FFFF, 0xFFFF_FFFF] {
                for is_mended in [false, true] {
                    let mut log = samples.log.clone();
                    put(&mut log, at + field, value, 4);
                    if is_mended {
                        let crc = crc32fast(&log[*at..at + 84]);
                        put(&mut log, at + 84, u64::from(crc), 4);
                    }
                    let what = format!("record {number}, field {field}, {value:#x}, mended {is_mended}");
                    fs::write(folder.join("heap.log"), &log).unwrap();
                    let result = small().read_only(true).open(folder.join("heap"));
                    match kind(&result) {
                        Kind::Opens => {
                            let heap = result.unwrap();
                            assert!(heap.check().is_clean(), "{what}");
                            assert!(heap.last_commit() >= number as u64 || is_mended, "{what}");
                            assert!(heap.last_commit() < 4 || content(&heap) == all, "{what}");
                        }
                        Kind::LogDamaged | Kind::OtherVersion | Kind::FileDamaged => {}
                        other => panic!("{what}: {other:?}"),
                    }
                    assert!(fs::read(folder.join("heap.log")).unwrap() == log, "{what}");
                }
            }
        }
    }
    assert!(fs::read(folder.join("heap")).unwrap() == samples.base);
}
