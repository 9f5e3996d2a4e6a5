//! Making a heap's file, and taking one up.
//!
//! ```text
//! no file ---create---> slots only ---first commit---> slots, image, log ---close---> slots, image
//! ```
//!
//! 1. A new file has its two slots and nothing else: the image of commit 0 is empty, and formatted in memory. A file no
//!    longer than its slots holds nothing that was committed, so one that a crash left half-made is made again.
//! 2. Opening reads the superblock, the log, and the header of the image, and maps the rest: how long it takes does not
//!    depend on the heap's size. It writes nothing but what the log needs to be continued.
//! 3. Nothing in the file is believed before it was compared with what the checksums cover.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use core::ptr::NonNull;

use crate::error::Error;
use crate::heap::{Core, Header, SIZES};
use crate::os;
use crate::region::{Ground, Placed, Plan, Region, ZONES, Zone};
use crate::units::{HUGE, LINE, PAGE, low32};

use super::chance;
use super::file::{HeapFile, Replay, no_memory, of_storage, of_superblock};
use super::layout::{Layout, Piece};
use super::log::SegmentBytes;
use super::mapping::map_live;
use super::planted::Planted;
use super::storage::{Lock, Open, Operation, Storage, StoredFile};
use super::superblock::{Flags, IMAGE, Stored, Superblock};

/// The range of addresses from which a heap gets its own, away from where the system puts things: 64 TiB in steps of 4 GiB.
const FIRST_BASE: u64 = 0x1100_0000_0000;
const BASES: u64 = 1 << 14;
const BASE_STEP: u64 = 4 << 30;

/// How a file is opened.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Whether a file may be made, and whether there may be one already.
    pub(crate) create: bool,
    pub(crate) existing: bool,
    /// Pages of address space for a new heap.
    pub(crate) pages: u32,
    pub(crate) segment: SegmentBytes,
}

/// A file that was opened, and the region over it.
pub(crate) struct Opened<S: Storage> {
    pub(crate) file: HeapFile<S>,
    pub(crate) region: Region,
    /// Whether the region is to be formatted: nothing was ever committed.
    pub(crate) is_new: bool,
    pub(crate) replay: Replay,
}

/// Opens or makes the file `name`.
pub(crate) fn open<S: Storage>(storage: S, name: &OsStr, manner: &Manner) -> Result<Opened<S>, Error> {
    let path = PathBuf::from(name);
    let exists = storage.exists(name).map_err(of_storage)?;
    let how = match (exists, manner) {
        (true, Manner { existing: true, .. }) | (false, Manner { create: false, .. }) => Open::Existing,
        _ => Open::New,
    };
    let base = storage.open(name, how).map_err(of_storage)?;
    base.lock(Lock::Exclusive).map_err(of_storage)?;
    let stored = if manner.create && base.len().map_err(of_storage)? <= IMAGE {
        match Stored::load(&base) {
            Ok(stored) => stored,
            Err(_) => create(&storage, &base, manner, &path)?,
        }
    } else {
        Stored::load(&base).map_err(|error| of_superblock(error, path.clone()))?
    };
    take_up(storage, name.to_owned(), base, stored, manner)
}

/// Makes what was committed usable in this process: nobody sits at the magazines of the image any more.
pub(crate) fn settle_in(core: &Core) {
    if !Planted::MagazinesKept.is_there() {
        core.take_up();
    }
}

/// Writes the slots of a file that has nothing.
fn create<S: Storage>(
    storage: &S,
    base: &S::File,
    manner: &Manner,
    path: &std::path::Path,
) -> Result<Stored, Error> {
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&chance::number().to_le_bytes());
    uuid[8..].copy_from_slice(&chance::number().to_le_bytes());
    let slot = u64::from(uuid[0]) << 8 | u64::from(uuid[1]);
    let first = Superblock {
        uuid,
        sequence: 0,
        applied: 0,
        base: FIRST_BASE + slot % BASES * BASE_STEP,
        reserved_pages: u64::from(manner.pages),
        image_pages: IMAGE / PAGE as u64,
        flags: Flags::default(),
        geometry: Header::geometry_of(),
    };
    let stored = Stored::create(base, first).map_err(|error| of_superblock(error, path.to_owned()))?;
    storage.sync().map_err(of_storage)?;
    Ok(stored)
}

fn take_up<S: Storage>(
    storage: S,
    name: OsString,
    base: S::File,
    stored: Stored,
    manner: &Manner,
) -> Result<Opened<S>, Error> {
    let path = PathBuf::from(&name);
    let superblock = stored.superblock;
    if superblock.geometry != Header::geometry_of() {
        let what = format!(
            "its geometry is {:#x} where {:#x} was expected",
            superblock.geometry,
            Header::geometry_of()
        );
        return Err(Error::OtherVersion { file: path, what });
    }
    let too_long = |what: &str| Error::FileDamaged { file: path.clone(), what: what.to_owned() };
    // The same room as ever: where in the region a byte lies depends on it.
    let pages =
        u32::try_from(superblock.reserved_pages).map_err(|_| too_long("it has room for too many pages"))?;
    let layout = Layout::of(pages).ok_or_else(|| too_long("its tables have no room"))?;
    let base = Arc::new(base);
    let (file, replay) = HeapFile::new(storage, name, Arc::clone(&base), stored, layout, manner.segment)?;
    if file.image_pages * PAGE as u64 > layout.file_len(layout.longest()) {
        return Err(too_long("its image is longer than its room"));
    }
    let place = Reserved::new(usize::try_from(superblock.base).unwrap_or(0), layout.plan().bytes())?;
    let is_new = file.image_pages * (PAGE as u64) <= IMAGE;
    let lengths = if is_new { [0; ZONES] } else { map(&file, &place, &path)? };
    let ground = Box::new(FileGround { base, layout });
    // SAFETY: the range was just reserved, and the front of each zone mapped.
    let region = unsafe { Region::on_file(place.keep(), *layout.plan(), lengths, ground) };
    region.ensure(Zone::Header, layout.plan().size(Zone::Header)).map_err(|fault| no_room(fault, path))?;
    Ok(Opened { file, region, is_new, replay })
}

/// Maps the committed image; says how much of each zone that is.
fn map<S: Storage>(
    file: &HeapFile<S>,
    place: &Reserved,
    path: &std::path::Path,
) -> Result<[u64; ZONES], Error> {
    let (layout, base) = (&file.layout, file.base());
    let (len, applied) = (base.len().map_err(of_storage)?, file.superblock().image_pages * PAGE as u64);
    if len < applied {
        let what = format!("it has {len:#x} bytes, and the image {applied:#x}");
        return Err(Error::FileDamaged { file: path.to_owned(), what });
    }
    // The length that a later commit relied upon may not have survived; what was in between is in the log, or was zeros.
    let needed = file.image_pages * PAGE as u64;
    if len < needed {
        base.set_len(needed).map_err(of_storage)?;
    }
    let descriptor = base.descriptor().map_err(of_storage)?;
    let map_piece = |piece: Piece| {
        let start = place.base.as_ptr().wrapping_add(piece.offset);
        // SAFETY: the piece lies in the range just reserved; the file is written only through checkpoints, with lines that
        // the overlay has, whose pages leave the file below or when they are written.
        unsafe { map_live(descriptor, piece.file, start, (piece.bytes / PAGE) as u64) }.map_err(no_memory)?;
        restore(file, piece, place);
        Ok::<(), Error>(())
    };
    let header = layout.pieces(Zone::Header, 0, layout.plan().size(Zone::Header));
    header.into_iter().try_for_each(map_piece)?;
    // SAFETY: the header zone was just mapped, is aligned to a page, and is made of atomic integers.
    let words: Placed<Header> = unsafe { Placed::new(place.base.cast()) };
    let lengths = Zone::ALL.map(|zone| words.lengths[zone.index()].get());
    let fits = |zone: Zone| {
        let length = lengths[zone.index()];
        length <= layout.plan().size(zone) as u64 && length.is_multiple_of(PAGE as u64)
    };
    if !Zone::ALL.into_iter().all(fits) || layout.file_len(lengths) != needed {
        let what = format!("its zones have lengths {lengths:x?}, and the image {needed:#x} bytes");
        return Err(Error::FileDamaged { file: path.to_owned(), what });
    }
    let header_bytes = layout.plan().size(Zone::Header);
    layout.image(lengths).filter(|piece| piece.offset >= header_bytes).try_for_each(map_piece)?;
    Ok(lengths)
}

/// Writes the overlay's lines over a piece that was just mapped.
fn restore<S: Storage>(file: &HeapFile<S>, piece: Piece, place: &Reserved) {
    let first = piece.file / PAGE as u64;
    for page in file.overlay.patched(first, first + (piece.bytes / PAGE) as u64) {
        let at = piece.offset + usize::try_from(page - first).unwrap_or(0) * PAGE;
        for (line, value) in file.overlay.lines_of(page) {
            let target = place.base.as_ptr().wrapping_add(at + line * LINE);
            // SAFETY: a line of the piece, which nobody else knows yet.
            unsafe { target.cast::<[u8; LINE]>().write(*value) };
        }
    }
}

/// Why a new heap has no memory: a region refuses it where its file has no space.
fn no_room(fault: os::Fault, file: PathBuf) -> Error {
    if fault != os::Fault::NOSPC {
        return no_memory(fault);
    }
    let operation = Operation::Allocate.to_string();
    Error::File { operation, file, offset: 0, source: Arc::new(fault.into()) }
}

/// Address space that is given back unless it is kept.
struct Reserved {
    base: NonNull<u8>,
    bytes: usize,
}

impl Reserved {
    /// At the heap's own address if it is free.
    fn new(address: usize, bytes: usize) -> Result<Self, Error> {
        let aligned = address.is_multiple_of(HUGE) && address > 0;
        let own = if aligned { os::reserve_at(address, bytes).ok() } else { None };
        let base = own.map_or_else(|| os::reserve(bytes, HUGE).map_err(no_memory), Ok)?;
        Ok(Self { base, bytes })
    }

    fn keep(self) -> NonNull<u8> {
        let base = self.base;
        core::mem::forget(self);
        base
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // SAFETY: reserved in `new`, and not kept.
        unsafe { os::release(self.base, self.bytes) };
    }
}

/// The file as what a region stands on: it has the space before memory is promised.
#[derive(Debug)]
struct FileGround<F> {
    base: Arc<F>,
    layout: Layout,
}

impl<F: StoredFile> Ground for FileGround<F> {
    fn promise(&self, zone: Zone, from: usize, to: usize) -> bool {
        self.layout
            .pieces(zone, from, to)
            .all(|piece| self.base.allocate(piece.file, piece.bytes as u64).is_ok())
    }
}
