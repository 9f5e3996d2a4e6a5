//! The two slots at the front of a heap's file: which heap it is, and how much of its log it holds.
//!
//! The layout is in `docs/format.md`. The superblock with the number `sequence` lies in slot `sequence % 2`, so that
//! writing the next one leaves the last one alone.
//!
//! 1. A [`Superblock`] holds what its constructor has proved: whoever has one need not look at the bytes again.
//! 2. At any moment one slot holds a whole superblock that is durable. [`store`](Stored::store) writes only the other.
//! 3. A slot is valid as a whole or not at all: the checksum at its end covers every byte before it.
//! 4. `applied` says that the image holds every commit up to this one. Nobody may reuse their log before the superblock
//!    that says so is durable.
//! 5. A slot that is whole and cannot be understood (a later version, a flag that this one does not know) is not damage:
//!    the file is refused, never taken up through the older slot.

use std::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

use crate::units::PAGE;

use super::buffer::AlignedBuffer;
use super::chunks::Chunks;
use super::fields::{FieldFault, Fields, put_u32, put_u64};
use super::planted::Planted;
use super::storage::{BLOCK, StorageError, StoredFile};

const SLOT: usize = BLOCK;

/// Where the image begins: behind both slots.
pub(crate) const IMAGE: u64 = 2 * SLOT as u64;

/// The version of the format, in which a file is written and the only one that is read.
pub(crate) const VERSION: u32 = 1;

const MAGIC: u64 = u64::from_le_bytes(*b"OUTLIVE\x01");
/// Reads as something else when somebody has swapped the bytes of every word.
const BYTE_ORDER: u32 = 0x0102_0304;

const MAGIC_AT: usize = 0;
const VERSION_AT: usize = MAGIC_AT + 8;
const BYTE_ORDER_AT: usize = VERSION_AT + 4;
const PAGE_SIZE_AT: usize = BYTE_ORDER_AT + 4;
const FLAGS_AT: usize = PAGE_SIZE_AT + 4;
const UUID_AT: usize = FLAGS_AT + 4;
const SEQUENCE_AT: usize = UUID_AT + 16;
const APPLIED_AT: usize = SEQUENCE_AT + 8;
const BASE_AT: usize = APPLIED_AT + 8;
const RESERVED_PAGES_AT: usize = BASE_AT + 8;
const IMAGE_PAGES_AT: usize = RESERVED_PAGES_AT + 8;
const GEOMETRY_AT: usize = IMAGE_PAGES_AT + 8;
const END: usize = GEOMETRY_AT + 8;
const CRC_AT: usize = SLOT - 4;

/// By a table: to use its own instructions the processor is asked for them first, and the first question in a process takes longer
/// than all else that an opening does with the slots.
static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);

const _: () = assert!(UUID_AT == 24 && SEQUENCE_AT == 40 && END == 88);
const _: () = assert!(END <= CRC_AT && SEQUENCE_AT.is_multiple_of(8) && PAGE == 4096);

/// What is true of the whole heap and changes the way it may be opened.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Flags(u32);

impl Flags {
    /// The heap holds absolute pointers, and works only where it was mapped.
    pub(crate) const ABSOLUTE_POINTERS: Self = Self(1);
    /// There is a log, without which the last commits are missing.
    pub(crate) const LOGGED: Self = Self(2);
    /// The file's chunks mirror each other; those of the first heaps are alike.
    pub(crate) const MIRRORED: Self = Self(4);
    const KNOWN: u32 = 7;

    /// Those of a new heap that is, or is not, to hold absolute pointers.
    pub(crate) const fn of_new(is_bound: bool) -> Self {
        if is_bound { Self::MIRRORED.with(Self::ABSOLUTE_POINTERS) } else { Self::MIRRORED }
    }

    pub(crate) const fn chunks(self) -> Chunks {
        if self.has(Self::MIRRORED) { Chunks::Mirrored } else { Chunks::Alike }
    }

    pub(crate) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a slot says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Superblock {
    pub(crate) uuid: [u8; 16],
    /// Which superblock of this heap it is, from 0 on.
    pub(crate) sequence: u64,
    /// The last commit that the image holds.
    pub(crate) applied: u64,
    /// The address at which the region was mapped.
    pub(crate) base: u64,
    /// How many pages the region has room for, its tables not counted.
    pub(crate) reserved_pages: u64,
    /// How long the file is, in pages, with commit `applied`.
    pub(crate) image_pages: u64,
    pub(crate) flags: Flags,
    /// A fingerprint of how the allocator divides the region.
    pub(crate) geometry: u64,
}

/// A field that may hold what no heap has, though its checksum is right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SuperblockField {
    Geometry,
    Applied,
    ReservedPages,
    ImagePages,
}

/// Why no superblock can be had.
#[derive(Debug)]
pub(crate) enum SuperblockError {
    Storage(StorageError),
    /// Both slots are damaged.
    Damaged([FieldFault; 2]),
    /// A slot is whole, and another version of the crate wrote it.
    Unsupported(FieldFault),
}

/// The superblock that counts, and how the other slot is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stored {
    pub(crate) superblock: Superblock,
    /// What is wrong with the other slot, if anything.
    pub(crate) damaged: Option<FieldFault>,
}

/// Why a slot is no superblock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SlotFault {
    Damaged(FieldFault),
    Unsupported(FieldFault),
}

impl Superblock {
    fn slot(sequence: u64) -> u64 {
        sequence % 2
    }

    /// Where its slot lies.
    pub(super) fn place(&self) -> u64 {
        Self::slot(self.sequence) * SLOT as u64
    }

    /// Finds fault with one of its fields, in the slot in which it lies.
    pub(super) fn fault(&self, field: SuperblockField, expected: u64) -> FieldFault {
        let (name, at, found) = match field {
            SuperblockField::Geometry => ("geometry", GEOMETRY_AT, self.geometry),
            SuperblockField::Applied => ("applied", APPLIED_AT, self.applied),
            SuperblockField::ReservedPages => ("reserved pages", RESERVED_PAGES_AT, self.reserved_pages),
            SuperblockField::ImagePages => ("image pages", IMAGE_PAGES_AT, self.image_pages),
        };
        let offset = self.place() + at as u64;
        FieldFault { field: name, found, expected, offset }
    }

    /// Whether the heap holds absolute pointers, and so belongs to its address.
    pub(crate) fn is_bound(&self) -> bool {
        self.flags.has(Flags::ABSOLUTE_POINTERS)
    }

    /// Whether anything was ever committed, to the image or to a log.
    pub(crate) fn has_commits(&self) -> bool {
        self.sequence > 1 || self.applied > 0 || self.flags.has(Flags::LOGGED)
    }

    fn encode(&self, slot: &mut [u8]) {
        slot.fill(0);
        put_u64(slot, MAGIC_AT, MAGIC);
        put_u32(slot, VERSION_AT, VERSION);
        put_u32(slot, BYTE_ORDER_AT, BYTE_ORDER);
        put_u32(slot, PAGE_SIZE_AT, 4096);
        put_u32(slot, FLAGS_AT, self.flags.0);
        slot[UUID_AT..UUID_AT + 16].copy_from_slice(&self.uuid);
        put_u64(slot, SEQUENCE_AT, self.sequence);
        put_u64(slot, APPLIED_AT, self.applied);
        put_u64(slot, BASE_AT, self.base);
        put_u64(slot, RESERVED_PAGES_AT, self.reserved_pages);
        put_u64(slot, IMAGE_PAGES_AT, self.image_pages);
        put_u64(slot, GEOMETRY_AT, self.geometry);
        let crc = CRC.checksum(&slot[..CRC_AT]);
        put_u32(slot, CRC_AT, crc);
    }

    /// Proves the bytes of slot `number`.
    fn parse(slot: &[u8], number: u64) -> Result<Self, SlotFault> {
        let fields = Fields::new(slot, number * SLOT as u64);
        let damaged = |field, at, found, expected| {
            fields.expect(field, at, found, expected).map_err(SlotFault::Damaged)
        };
        let supported = |field, at, found, expected| {
            fields.expect(field, at, found, expected).map_err(SlotFault::Unsupported)
        };
        let word = |at| u64::from(fields.u32(at));
        damaged("magic", MAGIC_AT, fields.u64(MAGIC_AT), MAGIC)?;
        damaged("checksum", CRC_AT, word(CRC_AT), u64::from(CRC.checksum(&slot[..CRC_AT])))?;
        supported("byte order", BYTE_ORDER_AT, word(BYTE_ORDER_AT), u64::from(BYTE_ORDER))?;
        supported("version", VERSION_AT, word(VERSION_AT), u64::from(VERSION))?;
        supported("page size", PAGE_SIZE_AT, word(PAGE_SIZE_AT), PAGE as u64)?;
        let flags = fields.u32(FLAGS_AT);
        supported("flags", FLAGS_AT, u64::from(flags), u64::from(flags & Flags::KNOWN))?;
        let superblock = Self {
            uuid: fields.bytes(UUID_AT),
            sequence: fields.u64(SEQUENCE_AT),
            applied: fields.u64(APPLIED_AT),
            base: fields.u64(BASE_AT),
            reserved_pages: fields.u64(RESERVED_PAGES_AT),
            image_pages: fields.u64(IMAGE_PAGES_AT),
            flags: Flags(flags),
            geometry: fields.u64(GEOMETRY_AT),
        };
        damaged("slot", SEQUENCE_AT, Self::slot(superblock.sequence), number)?;
        Ok(superblock)
    }

    fn write(&self, file: &impl StoredFile, number: u64) -> Result<(), SuperblockError> {
        let mut buffer = AlignedBuffer::new();
        self.encode(&mut buffer.reach(SLOT)[..SLOT]);
        Ok(file.write_at(number * SLOT as u64, &buffer.bytes()[..SLOT])?)
    }
}

impl Stored {
    /// Writes both slots of a new file. `first` is the superblock of commit 0.
    pub(crate) fn create(file: &impl StoredFile, first: Superblock) -> Result<Self, SuperblockError> {
        let superblock = Superblock { sequence: 1, ..first };
        Superblock { sequence: 0, ..first }.write(file, 0)?;
        superblock.write(file, 1)?;
        if !Planted::FirstSyncLeftOut.is_there() {
            file.sync()?;
        }
        Ok(Self { superblock, damaged: None })
    }

    /// Whether a crash can have left this of [`create`](Self::create), of a file that is no longer than that: nothing but
    /// slots, in which sectors are missing.
    pub(crate) fn is_half_made(file: &impl StoredFile) -> Result<bool, SuperblockError> {
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        let is_first = |slot: &[u8]| {
            let fields = Fields::new(slot, 0);
            let flags = Flags(fields.u32(FLAGS_AT)).without(Flags::of_new(true));
            let written =
                fields.u64(SEQUENCE_AT) > 1 || fields.u64(APPLIED_AT) > 0 || flags != Flags::default();
            fields.u64(MAGIC_AT) == MAGIC && !written
        };
        let bytes = Self::read(file)?;
        Ok(bytes
            .chunks_exact(SLOT)
            .all(|slot| is_zero(&slot[END..CRC_AT]) && (is_zero(&slot[..END]) || is_first(slot))))
    }

    /// Reads both slots and chooses the newer one that is whole.
    pub(crate) fn load(file: &impl StoredFile) -> Result<Self, SuperblockError> {
        Self::choose(&Self::read(file)?)
    }

    /// Both slots. What a file is too short for reads as zero, which is damage like any other.
    fn read(file: &impl StoredFile) -> Result<[u8; 2 * SLOT], SuperblockError> {
        let mut bytes = [0; 2 * SLOT];
        let len = file.len()?.min(bytes.len() as u64);
        file.read_at(0, &mut bytes[..usize::try_from(len).unwrap_or(0)])?;
        Ok(bytes)
    }

    /// Decides whether there is a log, where there is one of that name. A slot that is damaged may have been the one that
    /// says so; a log of which nothing is needed any more does no harm.
    pub(crate) fn settle_log(&mut self, exists: bool) {
        if exists && self.damaged.is_some() {
            self.superblock.flags = self.superblock.flags.with(Flags::LOGGED);
        }
    }

    fn choose(bytes: &[u8; 2 * SLOT]) -> Result<Self, SuperblockError> {
        let (first, second) = bytes.split_at(SLOT);
        let mut slots = [Superblock::parse(first, 0), Superblock::parse(second, 1)];
        if let [Ok(first), Ok(second)] = &slots {
            let newer = usize::from(second.sequence > first.sequence);
            slots[1 - newer] = of_the_same_heap(first, second, 1 - newer);
        }
        match slots {
            [Err(SlotFault::Unsupported(fault)), _] | [_, Err(SlotFault::Unsupported(fault))] => {
                Err(SuperblockError::Unsupported(fault))
            }
            [Err(SlotFault::Damaged(first)), Err(SlotFault::Damaged(second))] => {
                Err(SuperblockError::Damaged([first, second]))
            }
            [Ok(superblock), Err(SlotFault::Damaged(fault))]
            | [Err(SlotFault::Damaged(fault)), Ok(superblock)] => {
                Ok(Self { superblock, damaged: Some(fault) })
            }
            [Ok(first), Ok(second)] => {
                let superblock = if first.sequence > second.sequence { first } else { second };
                Ok(Self { superblock, damaged: None })
            }
        }
    }

    /// Writes the superblock once more, in its place, and makes it durable. It may have been seen only in memory, written by
    /// a process that died before it was synced, or whose sync failed.
    pub(crate) fn settle(&self, file: &impl StoredFile) -> Result<(), SuperblockError> {
        if Planted::SuperblockNotSettled.is_there() {
            return Ok(());
        }
        self.superblock.write(file, Superblock::slot(self.superblock.sequence))?;
        Ok(file.sync()?)
    }

    /// Makes `next` the superblock that counts, in the place of the oldest or of a damaged one.
    pub(crate) fn store(&mut self, file: &impl StoredFile, next: Superblock) -> Result<(), SuperblockError> {
        let superblock = Superblock { sequence: self.superblock.sequence + 1, ..next };
        let swapped = u64::from(Planted::SlotsSwapped.is_there());
        superblock.write(file, Superblock::slot(superblock.sequence + swapped))?;
        if !Planted::SyncLeftOut.is_there() {
            file.sync()?;
        }
        *self = Self { superblock, damaged: None };
        Ok(())
    }
}

/// The older of two whole slots, unless it belongs to another heap.
fn of_the_same_heap(first: &Superblock, second: &Superblock, older: usize) -> Result<Superblock, SlotFault> {
    let [this, newer] = if older == 0 { [first, second] } else { [second, first] };
    let word = |uuid: &[u8; 16]| Fields::new(uuid, 0).u64(0);
    if this.uuid == newer.uuid {
        return Ok(*this);
    }
    Err(SlotFault::Damaged(FieldFault {
        field: "uuid",
        found: word(&this.uuid),
        expected: word(&newer.uuid),
        offset: (older * SLOT + UUID_AT) as u64,
    }))
}

impl From<StorageError> for SuperblockError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl fmt::Display for SuperblockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(error) => error.fmt(f),
            Self::Damaged([first, second]) => {
                write!(f, "both superblocks are damaged ({first}; {second}): take a copy of the file")
            }
            Self::Unsupported(fault) => {
                write!(f, "another version of the crate wrote this heap, and can open it: {fault}")
            }
        }
    }
}

impl std::error::Error for SuperblockError {}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;
    use crate::durable::storage::simulated::{Random, SimulatedFile, SimulatedFolder};
    use crate::durable::storage::{Open, Storage};

    const FIRST: Superblock = Superblock {
        uuid: *b"0123456789abcdef",
        sequence: 0,
        applied: 0,
        base: 0x7000_0000_0000,
        reserved_pages: 1000,
        image_pages: 10,
        flags: Flags::ABSOLUTE_POINTERS,
        geometry: 0x1234_5678_9abc_def0,
    };

    fn name() -> &'static OsStr {
        OsStr::new("heap")
    }

    fn create() -> (SimulatedFolder, SimulatedFile, Stored) {
        let folder = SimulatedFolder::new();
        let file = folder.open(name(), Open::New).unwrap();
        folder.sync().unwrap();
        let stored = Stored::create(&file, FIRST).unwrap();
        (folder, file, stored)
    }

    fn reopened(folder: &SimulatedFolder) -> Result<Stored, SuperblockError> {
        Stored::load(&folder.open(name(), Open::ReadOnly).unwrap())
    }

    /// Writes so many superblocks, and crashes in all ways: the last one that was stored is there, or the next.
    fn crashes() -> Result<u64, String> {
        let (folder, file, mut stored) = create();
        let begin = folder.operations();
        let mut ends = vec![(begin, stored.superblock)];
        for applied in 1..=5 {
            stored
                .store(&file, Superblock { applied, image_pages: 10 + applied, ..stored.superblock })
                .unwrap();
            ends.push((folder.operations(), stored.superblock));
        }
        let mut seen = 0;
        for point in folder.crashes().skip(begin) {
            let last = ends.iter().rposition(|(end, _)| *end <= point.operations).unwrap();
            let mut wrong = None;
            seen += point.explore(1 << 12, &mut Random(3), |disk| {
                let found = reopened(disk).ok().map(|stored| stored.superblock);
                let allowed = ends[last..].iter().take(2).any(|(_, allowed)| found == Some(*allowed));
                if !allowed {
                    wrong = Some(format!("{found:?} after {last}, at operation {}", point.operations));
                }
            });
            wrong.map_or(Ok(()), Err)?;
        }
        Ok(seen)
    }

    #[test]
    fn a_crash_leaves_the_last_superblock_or_the_next() {
        assert!(crashes().unwrap() > 15);
        let bug = |planted: Planted| planted.during(crashes).expect_err("the planted bug was not found");
        bug(Planted::SyncLeftOut);
        bug(Planted::SlotsSwapped);
    }

    #[test]
    fn one_damaged_slot_is_named_and_the_other_is_used() {
        let (folder, file, mut stored) = create();
        stored.store(&file, Superblock { applied: 7, ..stored.superblock }).unwrap();
        assert_eq!(reopened(&folder).unwrap(), stored);
        for byte in (0..SLOT as u64).step_by(13).chain([CRC_AT as u64, SLOT as u64 - 1]) {
            let mut old = [0; 1];
            file.read_at(byte, &mut old).unwrap();
            file.write_at(byte, &[old[0] ^ 0x10]).unwrap();
            let mut other = reopened(&folder).unwrap();
            assert_eq!(other.superblock.applied, 0, "byte {byte}");
            let fault = other.damaged.expect("a fault");
            assert_eq!(fault.field, if byte < 8 { "magic" } else { "checksum" }, "byte {byte}");
            file.write_at(SLOT as u64 + byte, &[0xee]).unwrap();
            assert!(matches!(reopened(&folder), Err(SuperblockError::Damaged(_))), "byte {byte}");
            // The next superblock takes the place of the damaged one.
            other.superblock.sequence = 1;
            other.store(&file, Superblock { applied: 7, ..other.superblock }).unwrap();
            Superblock { sequence: 1, ..FIRST }.write(&file, 1).unwrap();
        }
        assert_eq!(reopened(&folder).unwrap().superblock.applied, 7);
    }

    #[test]
    fn a_whole_slot_of_another_version_is_refused_and_not_passed_over() {
        for (at, field) in [(VERSION_AT, "version"), (PAGE_SIZE_AT, "page size"), (FLAGS_AT, "flags")] {
            let (folder, file, _) = create();
            let mut slot = [0; SLOT];
            FIRST.encode(&mut slot);
            put_u32(&mut slot, at, 14);
            let crc = crc32fast::hash(&slot[..CRC_AT]);
            put_u32(&mut slot, CRC_AT, crc);
            file.write_at(0, &slot).unwrap();
            match reopened(&folder).unwrap_err() {
                SuperblockError::Unsupported(fault) => {
                    assert_eq!((fault.field, fault.found, fault.offset), (field, 14, at as u64));
                }
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn slots_of_two_heaps_a_slot_in_the_wrong_place_and_a_short_file_are_faults() {
        let (folder, file, _) = create();
        Superblock { uuid: *b"another heap's  ", ..FIRST }.write(&file, 0).unwrap();
        assert_eq!(reopened(&folder).unwrap().damaged.map(|fault| fault.field), Some("uuid"));
        Superblock { sequence: 4, ..FIRST }.write(&file, 1).unwrap();
        let damaged = reopened(&folder).unwrap().damaged.unwrap();
        assert_eq!((damaged.field, damaged.offset), ("slot", (SLOT + SEQUENCE_AT) as u64));
        file.set_len(100).unwrap();
        assert!(matches!(reopened(&folder), Err(SuperblockError::Damaged(_))));
    }
}
