//! A disk that is full, really: a small file system of the test's own, filled but for a little.
//!
//! For every amount of space that is left, a program makes a heap, grows it, commits, and closes it. Where space runs out
//! there is an error, never a signal; when space is there again the same step works, and nothing that was there is lost.
#![allow(clippy::multiple_unsafe_ops_per_block, reason = "tests read better so")]

use std::alloc::Layout;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::ptr::{NonNull, null};
use std::sync::atomic::{AtomicU64, Ordering};

use outlive::{Error, Heap, HeapOptions, OpenOptions};

const DISK: usize = 12 << 20;
/// By how much the space that is left changes.
const STEP: usize = 88 << 10;
/// More than the program needs.
const MOST: usize = 6 << 20;

/// A mounted file system.
struct Disk(PathBuf);

impl Disk {
    /// Seen by this thread only, and gone with it however the test ends. `None` where this process may not mount.
    fn mount() -> Option<Self> {
        // SAFETY: only changes which mounts this thread sees.
        if unsafe { libc::unshare(libc::CLONE_NEWNS) } != 0 {
            return Self::refused();
        }
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("outlive-full-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let text = |text: &str| CString::new(text).unwrap();
        let (kind, target) = (text("tmpfs"), text(folder.to_str().unwrap()));
        let options = text(&format!("size={DISK}"));
        let (root, private) = (text("/"), libc::MS_REC | libc::MS_PRIVATE);
        // SAFETY: strings that end; nothing else is looked at.
        let code = unsafe { libc::mount(root.as_ptr(), root.as_ptr(), null(), private, null()) };
        assert_eq!(code, 0, "{}", std::io::Error::last_os_error());
        // SAFETY: all are strings that end, and live to the end of the call.
        let code =
            unsafe { libc::mount(kind.as_ptr(), target.as_ptr(), kind.as_ptr(), 0, options.as_ptr().cast()) };
        if code == 0 { Some(Self(folder)) } else { Self::refused() }
    }

    fn refused() -> Option<Self> {
        let error = std::io::Error::last_os_error();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Leaves so many bytes.
    fn fill(&self, left: usize) {
        let mut filler = File::create(self.path("filler")).unwrap();
        let (mut len, piece) = (0, [0; 4096]);
        while let Ok(count) = filler.write(&piece) {
            len += count;
        }
        filler.set_len(len.saturating_sub(left) as u64).unwrap();
    }

    fn make_space(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let target = CString::new(self.0.to_str().unwrap()).unwrap();
        // SAFETY: a string that ends.
        unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) };
        let _ = std::fs::remove_dir(&self.0);
    }
}

/// What a program has done that can run out of space.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    Create,
    Grow,
    Persist,
}

/// A program on a disk that is full but for `left` bytes.
struct Program<'a> {
    disk: &'a Disk,
    file: PathBuf,
    is_full: bool,
    /// Where space ran out.
    stopped: Option<Stage>,
    /// The blocks, by their distances from the base, and the byte that fills them.
    blocks: BTreeMap<u64, (NonNull<u8>, usize, u8)>,
}

fn open(file: &Path) -> Result<Heap, Error> {
    let heap = HeapOptions::new().reservation(64 << 20);
    OpenOptions::new().heap(heap).log_segment(64 << 10).log_bound(512 << 10).open(file)
}

/// Whether this error says that the disk is full.
fn is_full(error: &Error) -> bool {
    matches!(error, Error::File { source, .. } if source.kind() == ErrorKind::StorageFull)
}

impl<'a> Program<'a> {
    fn new(disk: &'a Disk, left: usize) -> Self {
        disk.fill(left);
        let file = disk.path("heap");
        Self { disk, file, is_full: true, stopped: None, blocks: BTreeMap::new() }
    }

    /// Runs a step, and once more with space if there was none.
    fn with_space<T, E>(
        &mut self,
        stage: Stage,
        full: fn(&E) -> bool,
        mut step: impl FnMut() -> Result<T, E>,
    ) -> T
    where
        E: std::fmt::Display,
    {
        step().unwrap_or_else(|error| {
            assert!(full(&error), "{stage:?}: {error}");
            assert!(self.is_full, "{stage:?}: {error}, though there is space");
            self.disk.make_space();
            (self.is_full, self.stopped) = (false, Some(stage));
            step().unwrap_or_else(|again| {
                panic!("{stage:?}: {again}, when there was space again; before: {error}")
            })
        })
    }

    fn take(&mut self, heap: &Heap, size: usize) {
        let layout = Layout::from_size_align(size, 8).unwrap();
        let block = self.with_space(Stage::Grow, |_| true, || heap.allocate(layout));
        let offset = heap.info(block.as_ptr()).unwrap().offset.get();
        self.blocks.insert(offset, (block, size, 0));
        self.fill(1);
    }

    /// Fills all blocks with another byte.
    fn fill(&mut self, by: u8) {
        for (block, size, byte) in self.blocks.values_mut() {
            *byte = byte.wrapping_add(by);
            // SAFETY: a block of the program's own.
            unsafe { block.write_bytes(*byte, *size) };
        }
    }

    fn persist(&mut self, heap: &Heap) {
        self.with_space(Stage::Persist, is_full, || heap.persist());
    }

    fn run(&mut self) {
        let file = self.file.clone();
        let heap = self.with_space(Stage::Create, is_full, || open(&file));
        (0..20).for_each(|_| self.take(&heap, 700));
        self.persist(&heap);
        (0..3).for_each(|_| self.take(&heap, 300 << 10));
        self.persist(&heap);
        // The log gets longer than its bound.
        for _ in 0..3 {
            self.fill(1);
            self.persist(&heap);
        }
        if self.is_full {
            // What is committed has its place: to bring it there needs no more.
            self.disk.make_space();
            self.disk.fill(0);
        }
        heap.close().unwrap();
        self.verify();
        if self.is_full {
            self.disk.make_space();
        }
        std::fs::remove_file(&self.file).unwrap();
        assert_eq!(std::fs::read_dir(&self.disk.0).unwrap().count(), 0, "files are left");
    }

    fn verify(&self) {
        let heap = open(&self.file).unwrap();
        assert!(heap.check().is_clean());
        let mut seen = 0;
        heap.for_each_block(|block, info| {
            let (_, size, byte) = self.blocks[&info.offset.get()];
            // SAFETY: a block of the heap, at least so long.
            let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), size) };
            assert!(bytes.iter().all(|found| *found == byte));
            seen += 1;
        });
        assert_eq!(seen, self.blocks.len());
    }
}

#[test]
fn a_full_disk_is_an_error_and_work_goes_on_when_there_is_space() {
    let Some(disk) = Disk::mount() else {
        println!("not tested: this process may not mount a file system");
        return;
    };
    let mut stopped: BTreeMap<Option<Stage>, u32> = BTreeMap::new();
    for left in (0..MOST).step_by(STEP) {
        let mut program = Program::new(&disk, left);
        program.run();
        *stopped.entry(program.stopped).or_default() += 1;
    }
    println!("where space ran out: {stopped:?}");
    for stage in [Some(Stage::Create), Some(Stage::Grow), Some(Stage::Persist), None] {
        assert!(stopped.contains_key(&stage), "{stage:?}");
    }
}

#[test]
fn what_went_back_is_promised_again_only_where_there_is_space() {
    let Some(disk) = Disk::mount() else {
        println!("not tested: this process may not mount a file system");
        return;
    };
    let (file, layout) = (disk.path("heap"), Layout::from_size_align(4 << 20, 8).unwrap());
    let heap = open(&file).unwrap();
    let block = heap.allocate(layout).unwrap();
    // SAFETY: a block of so many bytes.
    unsafe { block.write_bytes(1, layout.size()) };
    heap.persist().unwrap();
    // SAFETY: allocated with this layout, and used no more.
    unsafe { heap.deallocate(block, layout) };
    heap.trim();
    heap.persist().unwrap();
    heap.close().unwrap();

    let heap = open(&file).unwrap();
    heap.allocate(Layout::new::<u64>()).unwrap();
    heap.persist().unwrap();
    disk.fill(1 << 20);
    assert!(heap.allocate(layout).is_err(), "promised without space");
    disk.make_space();
    let block = heap.allocate(layout).unwrap();
    disk.fill(0);
    // SAFETY: a block of so many bytes.
    unsafe { block.write_bytes(2, layout.size()) };
    disk.make_space();
    heap.persist().unwrap();
    disk.fill(0);
    heap.close().unwrap();
    let found = open(&file).unwrap();
    assert!(found.check().is_clean());
    let mut seen = 0;
    found.for_each_block(|block, info| {
        // SAFETY: a block of the heap of at least one byte.
        seen += usize::from(info.size >= layout.size() && unsafe { block.read() } == 2);
    });
    assert_eq!(seen, 1);
}
