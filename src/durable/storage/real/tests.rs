//! Real files, against what they should hold, and the ways in which opening must refuse.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::durable::buffer::AlignedBuffer;

/// A folder of its own for one test, which goes when that ends.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("outlive-real-{}-{number}", process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn of(&self, name: &str) -> Result<(RealFolder, OsString), StorageError> {
        RealFolder::of(&self.0.join(name))
    }

    fn create(&self, name: &str) -> (RealFolder, RealFile) {
        let (folder, name) = self.of(name).unwrap();
        let file = folder.open(&name, Open::New).unwrap();
        (folder, file)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn refusal(result: Result<RealFile, StorageError>) -> NotAFile {
    let error = result.expect_err("refused");
    assert_eq!(error.operation, Operation::Open);
    *error.source.get_ref().expect("a reason").downcast_ref::<NotAFile>().expect("a reason of ours")
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.0.join("folder")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, scratch.0.join("fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0)
        .unwrap();
    let _socket = UnixListener::bind(scratch.0.join("socket")).unwrap();
    symlink("loop", scratch.0.join("loop")).unwrap();
    symlink("nowhere", scratch.0.join("dangling")).unwrap();
    let (folder, _) = scratch.of("any").unwrap();
    for how in [Open::Existing, Open::ReadOnly] {
        assert_eq!(refusal(folder.open("folder".as_ref(), how)), NotAFile::Folder);
        assert_eq!(refusal(folder.open("fifo".as_ref(), how)), NotAFile::Fifo);
        assert_eq!(refusal(folder.open("socket".as_ref(), how)), NotAFile::Socket);
        assert_eq!(refusal(folder.open("loop".as_ref(), how)), NotAFile::Link);
        let (devices, name) = RealFolder::of(Path::new("/dev/null")).unwrap();
        assert_eq!(refusal(devices.open(&name, how)), NotAFile::Device);
        let missing = folder.open("missing".as_ref(), how).unwrap_err();
        assert_eq!(missing.source.kind(), io::ErrorKind::NotFound);
    }
    let looped = scratch.of("loop").unwrap_err();
    assert_eq!(looped.source.raw_os_error(), Some(Errno::LOOP.raw_os_error()));
    assert!(scratch.of("dangling").unwrap_err().source.get_ref().unwrap().is::<NotAFile>());
    let twice = folder.open("fifo".as_ref(), Open::New).unwrap_err();
    assert_eq!(twice.source.kind(), io::ErrorKind::AlreadyExists);
}

#[test]
fn a_link_leads_to_the_folder_of_its_file() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.0.join("there")).unwrap();
    let (folder, file) = scratch.create("there/heap");
    file.write_at(0, b"first").unwrap();
    symlink("there/heap", scratch.0.join("link")).unwrap();
    let (linked, name) = scratch.of("link").unwrap();
    assert_eq!(name, "heap");
    assert_eq!(linked.path, folder.path);
    let mut bytes = [0; 5];
    linked.open(&name, Open::ReadOnly).unwrap().read_at(0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"first");
}

#[test]
fn a_new_file_is_its_owners_alone() {
    let scratch = Scratch::new();
    let (folder, file) = scratch.create("heap");
    assert_eq!(fs::metadata(scratch.0.join("heap")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        folder.open("heap".as_ref(), Open::New).unwrap_err().source.kind(),
        io::ErrorKind::AlreadyExists
    );
    let reader = folder.open("heap".as_ref(), Open::ReadOnly).unwrap();
    assert!(reader.write_at(0, b"no").is_err());
    file.lock(Lock::Shared).unwrap();
    reader.lock(Lock::Shared).unwrap();
    assert_eq!(file.lock(Lock::Exclusive).unwrap_err().source.kind(), io::ErrorKind::WouldBlock);
    drop(reader);
    file.lock(Lock::Exclusive).unwrap();
}

#[test]
fn content_is_what_was_written_allocated_and_punched() {
    let scratch = Scratch::new();
    let (_folder, file) = scratch.create("heap");
    file.allocate(0, 3 * BLOCK as u64).unwrap();
    assert_eq!(file.len().unwrap(), 3 * BLOCK as u64);
    let mut buffer = AlignedBuffer::new();
    buffer.reach(2 * BLOCK).fill(7);
    file.write_durable_at(BLOCK as u64, &buffer.bytes()[..2 * BLOCK]).unwrap();
    file.write_at(10, b"small").unwrap();
    file.punch(BLOCK as u64, BLOCK as u64).unwrap();
    file.sync().unwrap();
    let mut expected = vec![0; 3 * BLOCK];
    expected[2 * BLOCK..].fill(7);
    expected[10..15].copy_from_slice(b"small");
    let mut found = vec![1; 3 * BLOCK];
    file.read_at(0, &mut found).unwrap();
    assert_eq!(found, expected);
    file.set_len(20).unwrap();
    assert_eq!(file.len().unwrap(), 20);
    let end = file.read_at(16, &mut found[..5]).unwrap_err();
    assert_eq!((end.source.kind(), end.offset), (io::ErrorKind::UnexpectedEof, 16));
}

#[test]
fn what_a_file_system_cannot_do_is_done_by_writing() {
    let scratch = Scratch::new();
    let (_folder, mut file) = scratch.create("heap");
    file.write_at(5000, b"kept").unwrap();
    file.write_zeros(100, 10_000).unwrap();
    assert_eq!(file.len().unwrap(), 10_100);
    file.overwrite_with_zeros(5002, 1 << 20).unwrap();
    assert_eq!(file.len().unwrap(), 10_100);
    let mut expected = vec![0; 10_100];
    expected[5000..5002].copy_from_slice(b"ke");
    let mut found = vec![1; 10_100];
    file.read_at(0, &mut found).unwrap();
    assert_eq!(found, expected);
    file.direct = None;
    let mut buffer = AlignedBuffer::new();
    buffer.reach(BLOCK).fill(9);
    file.write_durable_at(0, &buffer.bytes()[..BLOCK]).unwrap();
    file.read_at(BLOCK as u64 - 1, &mut found[..2]).unwrap();
    assert_eq!(found[..2], [9, 0]);
}

#[test]
fn names_are_made_moved_and_removed() {
    let scratch = Scratch::new();
    let (folder, file) = scratch.create("new");
    file.write_at(0, b"content").unwrap();
    let (old, new) = (OsStr::new("old"), OsStr::new("new"));
    folder.open(old, Open::New).unwrap();
    folder.rename(new, old).unwrap();
    folder.sync().unwrap();
    assert!(folder.exists(old).unwrap() && !folder.exists(new).unwrap());
    assert_eq!(folder.open(old, Open::Existing).unwrap().len().unwrap(), 7);
    folder.remove(old).unwrap();
    assert!(!folder.exists(old).unwrap());
    let missing = folder.remove(old).unwrap_err();
    assert_eq!((missing.operation, missing.source.kind()), (Operation::Remove, io::ErrorKind::NotFound));
    assert!(missing.to_string().contains("/old at 0x0: "), "{missing}");
}
