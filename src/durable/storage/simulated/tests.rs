//! The simulated disk against naive models of one.

use std::collections::BTreeSet;
use std::ptr;

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

use super::content::SECTOR;
use super::*;
use crate::durable::buffer::AlignedBuffer;
use crate::durable::storage::{BLOCK, Lock, StoredFile};

const NAME: &str = "heap";

fn create(folder: &SimulatedFolder, name: &str) -> SimulatedFile {
    folder.open(name.as_ref(), Open::New).unwrap()
}

fn durable(folder: &SimulatedFolder, name: &str) -> SimulatedFile {
    let file = create(folder, name);
    folder.sync().unwrap();
    file
}

fn all_of(folder: &SimulatedFolder, name: &str) -> Option<Vec<u8>> {
    let file = folder.open(name.as_ref(), Open::ReadOnly).ok()?;
    let mut bytes = vec![1; usize::try_from(file.len().unwrap()).unwrap()];
    file.read_at(0, &mut bytes).unwrap();
    Some(bytes)
}

fn block(byte: u8) -> AlignedBuffer {
    let mut buffer = AlignedBuffer::new();
    buffer.reach(BLOCK).fill(byte);
    buffer
}

/// Every content that the file may have after the last operation.
fn after_all(folder: &SimulatedFolder) -> BTreeSet<Option<Vec<u8>>> {
    let point = folder.crashes().last().unwrap();
    (0..point.disks()).map(|number| all_of(&point.disk(number), NAME)).collect()
}

/// One random operation on a file of a few blocks, done to the model too.
fn step(file: &SimulatedFile, model: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(4 * BLOCK);
    let count = random.below(BLOCK);
    let byte = u8::try_from(random.below(4)).unwrap();
    let reach = |model: &mut Vec<u8>, end: usize| model.resize(model.len().max(end), 0);
    match random.below(6) {
        0 => {
            file.set_len(at as u64).unwrap();
            model.resize(at, 0);
        }
        1 => {
            file.allocate(at as u64, count as u64).unwrap();
            reach(model, at + count);
        }
        2 => {
            file.punch(at as u64, count as u64).unwrap();
            let end = (at + count).min(model.len());
            model[at.min(end)..end].fill(0);
        }
        3 => {
            let at = at / BLOCK * BLOCK;
            file.write_durable_at(at as u64, &block(byte).bytes()[..BLOCK]).unwrap();
            reach(model, at + BLOCK);
            model[at..at + BLOCK].fill(byte);
        }
        _ if count > 0 => {
            file.write_at(at as u64, &vec![byte; count]).unwrap();
            reach(model, at + count);
            model[at..at + count].fill(byte);
        }
        _ => {}
    }
}

#[test]
fn the_current_content_is_that_of_a_plain_file_and_can_be_mapped() {
    let mut random = Random(1);
    for round in 0..200 {
        let folder = SimulatedFolder::new();
        let file = create(&folder, NAME);
        let mut model = Vec::new();
        for operation in 0..30 {
            step(&file, &mut model, &mut random);
            assert_eq!(all_of(&folder, NAME).unwrap(), model, "round {round}, operation {operation}");
            if operation >= 15 && !model.is_empty() {
                assert_eq!(mapped(&file, model.len()), model, "round {round}, operation {operation}");
            }
        }
    }
}

/// What a mapping of the file shows; a mapping that could be written to is refused.
fn mapped(file: &SimulatedFile, len: usize) -> Vec<u8> {
    let descriptor = file.descriptor().unwrap();
    let map = |access, flags| {
        // SAFETY: the kernel chooses a range that nothing uses.
        unsafe { mmap(ptr::null_mut(), len, access, flags, descriptor, 0) }
    };
    assert_eq!(map(ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED), Err(Errno::ACCESS));
    let start = map(ProtFlags::READ, MapFlags::SHARED).unwrap();
    // SAFETY: the mapping is as long, and nobody changes the file meanwhile.
    let bytes = unsafe { core::slice::from_raw_parts(start.cast::<u8>(), len) }.to_vec();
    // SAFETY: just mapped, and nothing refers to it any more.
    unsafe { munmap(start, len) }.unwrap();
    bytes
}

/// An operation on a file of one block, for the naive model of crashes.
#[derive(Clone, Debug)]
enum Op {
    Write { at: usize, byte: u8, count: usize },
    Punch { at: usize, count: usize },
    Durable(u8),
    DurableInDoubt(u8),
    Sync,
    FailedSync,
}

impl Op {
    fn any(random: &mut Random) -> Self {
        let at = random.below(8) * 256;
        let count = (1 + random.below(4)) * 256;
        let byte = u8::try_from(1 + random.below(3)).unwrap();
        match random.below(10) {
            0 => Self::Punch { at, count },
            1 => Self::Durable(byte),
            2 => Self::DurableInDoubt(byte),
            3 => Self::Sync,
            4 => Self::FailedSync,
            _ => Self::Write { at, byte, count },
        }
    }

    fn run(&self, folder: &SimulatedFolder, file: &SimulatedFile) {
        match *self {
            Self::Write { at, byte, count } => file.write_at(at as u64, &vec![byte; count]).unwrap(),
            Self::Punch { at, count } => file.punch(at as u64, count as u64).unwrap(),
            Self::Durable(byte) => file.write_durable_at(0, &block(byte).bytes()[..BLOCK]).unwrap(),
            Self::DurableInDoubt(byte) => {
                folder.fail_after(0, Fault::Unsure(Errno::IO));
                file.write_durable_at(0, &block(byte).bytes()[..BLOCK]).unwrap_err();
            }
            Self::Sync => file.sync().unwrap(),
            Self::FailedSync => {
                folder.fail_after(0, Fault::Refused(Errno::IO));
                file.sync().unwrap_err();
            }
        }
    }

    /// What the operation does to byte `at`, if anything.
    fn effect(&self, byte_at: usize) -> Option<u8> {
        match *self {
            Self::Write { at, byte, count } => (at..at + count).contains(&byte_at).then_some(byte),
            Self::Punch { at, count } => (at..at + count).contains(&byte_at).then_some(0),
            Self::Durable(byte) | Self::DurableInDoubt(byte) => Some(byte),
            Self::Sync | Self::FailedSync => None,
        }
    }
}

/// Half sectors are the smallest that the operations tell apart: a sector is two bytes to the model.
type Halves = (u8, u8);

/// What one sector may hold, by trying everything: the values that are certain, and the operations on their way.
struct Naive {
    sector: usize,
    certain: BTreeSet<Halves>,
    coming: Vec<Op>,
}

impl Naive {
    fn after(&self, before: Halves, op: &Op) -> Halves {
        let at = self.sector * SECTOR;
        (op.effect(at).unwrap_or(before.0), op.effect(at + 256).unwrap_or(before.1))
    }

    fn orders(&self, value: Halves, left: &[Op], found: &mut BTreeSet<Halves>) {
        found.insert(value);
        for chosen in 0..left.len() {
            let mut rest = left.to_vec();
            let op = rest.remove(chosen);
            self.orders(self.after(value, &op), &rest, found);
        }
    }

    fn possible(&self) -> BTreeSet<Halves> {
        let mut found = BTreeSet::new();
        self.certain.iter().for_each(|value| self.orders(*value, &self.coming, &mut found));
        found
    }

    fn begin(&mut self, op: &Op) {
        if !matches!(op, Op::Sync | Op::FailedSync) {
            self.coming.push(op.clone());
        }
    }

    fn end(&mut self, op: &Op) {
        match op {
            Op::Sync | Op::Durable(_) => {
                let all = |value: &Halves| self.coming.iter().fold(*value, |v, op| self.after(v, op));
                self.certain = self.certain.iter().map(all).collect();
                self.coming.clear();
            }
            Op::FailedSync | Op::DurableInDoubt(_) => {
                self.certain = self.possible();
                self.coming.clear();
            }
            Op::Write { .. } | Op::Punch { .. } => {}
        }
    }
}

#[test]
fn a_crash_leaves_what_trying_everything_finds() {
    let mut random = Random(2);
    let (mut disks, mut most) = (0, 0);
    for round in 0..1000 {
        let folder = SimulatedFolder::new();
        let file = durable(&folder, NAME);
        file.write_durable_at(0, &block(9).bytes()[..BLOCK]).unwrap();
        let before = folder.operations();
        let ops: Vec<Op> = (0..6).map(|_| Op::any(&mut random)).collect();
        ops.iter().for_each(|op| op.run(&folder, &file));
        let new = |sector| Naive { sector, certain: BTreeSet::from([(9, 9)]), coming: Vec::new() };
        let mut models: Vec<Naive> = (0..8).map(new).collect();
        for (point, op) in folder.crashes().skip(before).zip(&ops) {
            models.iter_mut().for_each(|model| model.begin(op));
            let possible: Vec<_> = models.iter().map(Naive::possible).collect();
            if models.iter().any(|model| model.coming.len() > 3) {
                // From here on the disk tries only some of the orders.
                break;
            }
            let product: usize = possible.iter().map(BTreeSet::len).product();
            assert_eq!(point.disks(), product as u64, "round {round}: {ops:?}");
            if product <= 600 {
                compare(&point, &possible, &format!("round {round}: {ops:?}"));
                disks += product;
                most = most.max(product);
            }
            models.iter_mut().for_each(|model| model.end(op));
        }
    }
    assert!(disks > 50_000 && most > 500, "the programs leave too little to compare: {disks}, {most}");
}

fn compare(point: &CrashPoint, possible: &[BTreeSet<Halves>], context: &str) {
    let mut seen = BTreeSet::new();
    for number in 0..point.disks() {
        let bytes = all_of(&point.disk(number), NAME).expect(context);
        let halves: Vec<Halves> =
            bytes.chunks(SECTOR).map(|sector| (sector[0], sector[SECTOR - 1])).collect();
        assert!(bytes.chunks(256).all(|half| half.iter().all(|byte| *byte == half[0])), "{context}");
        assert!(halves.iter().zip(possible).all(|(halves, set)| set.contains(halves)), "{context}");
        assert!(seen.insert(halves), "the same disk twice: {context}");
    }
}

#[test]
fn a_length_is_durable_with_a_sync_or_with_the_bytes_that_need_it() {
    let folder = SimulatedFolder::new();
    let file = durable(&folder, NAME);
    file.allocate(0, 3 * BLOCK as u64).unwrap();
    let lens = |folder: &SimulatedFolder| -> Vec<usize> {
        after_all(folder).into_iter().map(|content| content.unwrap().len()).collect()
    };
    assert_eq!(lens(&folder), [0, 3 * BLOCK]);
    file.write_durable_at(0, &block(1).bytes()[..BLOCK]).unwrap();
    assert_eq!(lens(&folder), [3 * BLOCK]);
    file.set_len(BLOCK as u64).unwrap();
    assert_eq!(lens(&folder), [BLOCK, 3 * BLOCK]);
    file.sync().unwrap();
    assert_eq!(lens(&folder), [BLOCK]);
}

#[test]
fn names_are_durable_with_the_folder_and_a_rename_is_atomic() {
    let folder = SimulatedFolder::new();
    let file = create(&folder, "new");
    file.write_durable_at(0, &block(1).bytes()[..BLOCK]).unwrap();
    let old = create(&folder, NAME);
    let names = |folder: &SimulatedFolder| -> BTreeSet<String> {
        let point = folder.crashes().last().unwrap();
        let name = |disk: SimulatedFolder, name: &str| match all_of(&disk, name) {
            None => '-',
            Some(bytes) if bytes.is_empty() => '0',
            Some(_) => '1',
        };
        let both = |number| [name(point.disk(number), "new"), name(point.disk(number), NAME)];
        (0..point.disks()).map(|number| both(number).iter().collect()).collect()
    };
    let set = |all: &[&str]| all.iter().map(ToString::to_string).collect::<BTreeSet<String>>();
    assert_eq!(names(&folder), set(&["--", "-0", "1-", "10"]));
    folder.sync().unwrap();
    folder.rename("new".as_ref(), NAME.as_ref()).unwrap();
    assert_eq!(names(&folder), set(&["10", "-1"]));
    folder.sync().unwrap();
    assert_eq!(names(&folder), set(&["-1"]));
    folder.remove(NAME.as_ref()).unwrap();
    assert_eq!(names(&folder), set(&["-1", "--"]));
    folder.fail_after(0, Fault::Refused(Errno::IO));
    folder.sync().unwrap_err();
    assert_eq!(names(&folder), set(&["-1", "--"]));
    folder.sync().unwrap();
    assert_eq!(names(&folder), set(&["--"]));
    drop(old);
}

#[test]
fn what_a_failed_sync_leaves_in_doubt_stays_in_doubt() {
    let folder = SimulatedFolder::new();
    let file = durable(&folder, NAME);
    file.set_len(SECTOR as u64).unwrap();
    file.sync().unwrap();
    file.write_at(0, &[1; 10]).unwrap();
    folder.fail_after(0, Fault::Refused(Errno::IO));
    assert_eq!(file.sync().unwrap_err().source.raw_os_error(), Some(Errno::IO.raw_os_error()));
    file.write_at(10, &[2; 10]).unwrap();
    file.sync().unwrap();
    let starts: Vec<[u8; 2]> =
        after_all(&folder).into_iter().flatten().map(|all| [all[0], all[10]]).collect();
    assert_eq!(starts, [[0, 2], [1, 2]]);
    assert_eq!(all_of(&folder, NAME).unwrap()[..12], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2]);
}

#[test]
fn a_write_that_fails_may_have_written_a_part_and_one_that_was_killed_is_made_good_by_a_sync() {
    let folder = SimulatedFolder::new();
    let file = durable(&folder, NAME);
    folder.fail_after(1, Fault::Partly(SECTOR, Errno::NOSPC));
    file.write_durable_at(0, &block(1).bytes()[..BLOCK]).unwrap();
    let full = file.write_durable_at(BLOCK as u64, &block(2).bytes()[..BLOCK]).unwrap_err();
    assert_eq!(full.source.kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), (BLOCK + SECTOR) as u64);
    assert_eq!(after_all(&folder).len(), 3, "absent, only its length, or there");
    folder.fail_after(0, Fault::Killed);
    file.write_durable_at(0, &block(3).bytes()[..BLOCK]).unwrap_err();
    assert_eq!(after_all(&folder).len(), 3 * 256);
    file.sync().unwrap();
    assert!(after_all(&folder).into_iter().flatten().all(|all| all[..BLOCK] == [3; BLOCK]));
}

#[test]
fn a_crash_of_what_a_crash_left_starts_from_there() {
    let folder = SimulatedFolder::new();
    let file = durable(&folder, NAME);
    file.write_at(0, &[1; SECTOR]).unwrap();
    let left = folder.crashes().last().unwrap();
    let contents: BTreeSet<_> = (0..left.disks())
        .flat_map(|number| {
            let disk = left.disk(number);
            disk.open(NAME.as_ref(), Open::Existing).unwrap().write_at(0, &[2; SECTOR]).unwrap();
            after_all(&disk)
        })
        .flatten()
        .map(|content| content.first().copied())
        .collect();
    assert_eq!(contents, BTreeSet::from([None, Some(0), Some(1), Some(2)]));
    assert_eq!(all_of(&folder, NAME).unwrap(), [1; SECTOR]);
}

#[test]
fn locks_keep_others_out_until_they_are_dropped() {
    let folder = SimulatedFolder::new();
    let writer = create(&folder, NAME);
    let reader = folder.open(NAME.as_ref(), Open::ReadOnly).unwrap();
    writer.lock(Lock::Shared).unwrap();
    reader.lock(Lock::Shared).unwrap();
    assert_eq!(writer.lock(Lock::Exclusive).unwrap_err().source.kind(), io::ErrorKind::WouldBlock);
    drop(reader);
    writer.lock(Lock::Exclusive).unwrap();
    let reader = folder.open(NAME.as_ref(), Open::ReadOnly).unwrap();
    assert_eq!(reader.lock(Lock::Shared).unwrap_err().source.kind(), io::ErrorKind::WouldBlock);
    assert!(reader.write_at(0, b"no").is_err());
}
