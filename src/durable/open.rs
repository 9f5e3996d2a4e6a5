//! Making a heap's file, and taking one up.
//!
//! ```text
//! no file ---create---> slots only ---first commit---> slots, image, log ---close---> slots, image
//! ```
//!
//! 1. A new file has its two slots and nothing else: the image of commit 0 is empty, and formatted in memory. Where a
//!    crash left less than that, it is made again; so are the slots of a heap that has no commit yet, which may never have
//!    become durable. A file that is no such thing is refused, and stays as it is.
//! 2. Opening reads the superblock, the log, and the header of the image, and maps the rest: how long it takes does not
//!    depend on the heap's size. It writes what the log needs to be continued, and what the log has to its place.
//! 3. What no commit has reads as zero: an opening after a crash sees to that, for commits write there before they count.
//! 4. Nothing in the file is believed before it was compared with what the checksums cover.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::Error;
use crate::heap::{Core, Header, Report};
use crate::os;
use crate::region::{Ground, Region, Zone};
use crate::units::PAGE;

use super::area::{AREAS, Area, Lengths, PARTS, Part, of_part};
use super::chance;
use super::errors::{no_memory, of_storage, of_superblock};
use super::fields::FieldFault;
use super::file::{HeapFile, log_name_of};
use super::ground::FileGround;
use super::image::Image;
use super::layout::Layout;
use super::levels::LogManner;
use super::log::SegmentBytes;
use super::notes::Notes;
use super::overlay::Overlay;
use super::place::{Chosen, Home, Reserved};
use super::planted::Planted;
use super::span::PageSpan;
use super::storage::{Lock, Open, Operation, Storage, StoredFile};
use super::superblock::{Flags, IMAGE, Stored, Superblock, SuperblockField};

/// More than a heap makes in any time; what counts further does not overflow.
const MOST_COMMITS: u64 = 1 << 62;

/// How a file is opened.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Whether a file may be made, and whether there may be one already.
    pub(crate) create: bool,
    pub(crate) existing: bool,
    /// Pages of address space for each part of a new heap.
    pub(crate) pages: u32,
    pub(crate) segment: SegmentBytes,
    pub(crate) log: LogManner,
    pub(crate) home: Home,
    /// Whether commits look for what was written without a note.
    pub(crate) finds_unnoted: bool,
}

/// A file that was opened, and the regions over it.
pub(crate) struct Opened<S: Storage> {
    pub(crate) file: HeapFile<S>,
    pub(crate) regions: [Region; PARTS],
    /// Whether a region is to be formatted: nothing of it was ever committed.
    pub(crate) is_new: [bool; PARTS],
    pub(crate) notes: Arc<Notes>,
}

/// Opens or makes the file `name`.
pub(crate) fn open<S: Storage>(storage: S, name: &OsStr, manner: &Manner) -> Result<Opened<S>, Error> {
    let exists = storage.exists(name).map_err(of_storage)?;
    let how = match (exists, manner) {
        (true, Manner { existing: true, .. }) | (false, Manner { create: false, .. }) => Open::Existing,
        _ => Open::New,
    };
    if how == Open::New {
        // Refused before there is a file.
        manner.home.choose(manner.pages, &storage.path(name))?;
    }
    let base = storage.open(name, how).map_err(of_storage)?;
    base.lock(Lock::Exclusive).map_err(of_storage)?;
    let (stored, place) = superblock(&storage, name, &base, manner)?;
    take_up(storage, name.to_owned(), base, stored, place, manner)
}

/// Makes what was committed usable in this process: nobody sits at the magazines of the image any more. Of a damaged image,
/// which then is not to be used, it says what is wrong.
pub(crate) fn settle_in(core: &Core) -> Result<(), Box<Report>> {
    if Planted::MagazinesKept.is_there() { Ok(()) } else { core.take_up() }
}

/// Reads the superblock; makes one for a file that has none, if a file may be made, and keeps the place that it names.
fn superblock<S: Storage>(
    storage: &S,
    name: &OsStr,
    base: &S::File,
    manner: &Manner,
) -> Result<(Stored, Option<Reserved>), Error> {
    let path = storage.path(name);
    let of_superblock = |error| of_superblock(error, path.clone());
    // Beside a log, or with an image, the slots count: if one says otherwise, the other one may be the newer.
    let has_nothing = base.len().map_err(of_storage)? <= IMAGE
        && !storage.exists(&log_name_of(name)).map_err(of_storage)?;
    match Stored::load(base) {
        // Whoever made it may not have lived to see it durable, and nothing tells.
        Ok(stored) if has_nothing && !stored.superblock.has_commits() => {
            let stored = Stored::create(base, stored.superblock).map_err(of_superblock)?;
            storage.sync().map_err(of_storage)?;
            Ok((stored, None))
        }
        Err(_) if has_nothing && manner.create && Stored::is_half_made(base).map_err(of_superblock)? => {
            create(storage, base, manner, &path)
        }
        other => Ok((other.map_err(of_superblock)?, None)),
    }
}

/// Writes the slots of a file that has nothing.
fn create<S: Storage>(
    storage: &S,
    base: &S::File,
    manner: &Manner,
    path: &Path,
) -> Result<(Stored, Option<Reserved>), Error> {
    let uuid = chance::uuid();
    let Chosen { address, place } = manner.home.choose(manner.pages, path)?;
    let first = Superblock {
        uuid,
        sequence: 0,
        applied: 0,
        base: address,
        reserved_pages: u64::from(manner.pages),
        image_pages: IMAGE / PAGE as u64,
        flags: Flags::of_new(manner.home.is_bound),
        geometry: Header::geometry_of(false),
    };
    let stored = Stored::create(base, first).map_err(|error| of_superblock(error, path.to_owned()))?;
    storage.sync().map_err(of_storage)?;
    Ok((stored, place))
}

fn take_up<S: Storage>(
    storage: S,
    name: OsString,
    base: S::File,
    stored: Stored,
    place: Option<Reserved>,
    manner: &Manner,
) -> Result<Opened<S>, Error> {
    let path = storage.path(&name);
    let superblock = stored.superblock;
    let is_bound = superblock.is_bound() || manner.home.is_bound;
    // The same room as ever: where in the region a byte lies depends on it.
    let bytes = base.len().map_err(of_storage)?;
    let layout = layout_of(&superblock, bytes).map_err(|fault| fault.error(&path))?;
    let base = Arc::new(base);
    // Before anything is written.
    let place = match place.filter(|place| place.is_for(&superblock, &layout)) {
        Some(place) => place,
        None => Reserved::of(&superblock, &layout, is_bound, &path)?,
    };
    let mut file =
        HeapFile::new(storage, name, Arc::clone(&base), stored, layout, (manner.segment, manner.log))?;
    fits(&layout, file.image_pages, &path)?;
    let lengths = if file.image_pages * (PAGE as u64) <= IMAGE {
        wipe_beyond(&file, [0; AREAS])?
    } else {
        map(&mut file, &place, &path)?
    };
    if is_bound {
        file.bind()?;
    }
    let tracked = place.at(Area::TRACKED_PAGES.start(layout.plan()));
    let notes =
        Notes::new(tracked, layout.plan().size(Zone::Pages), manner.finds_unnoted).map_err(no_memory)?;
    let notes = Arc::new(notes);
    let (holes, faults) = (Arc::clone(&file.holes), Arc::clone(&file.faults));
    let ground = |part| {
        let notes = (part == Part::Tracked && manner.finds_unnoted).then(|| Arc::clone(&notes));
        let (base, holes, faults) = (Arc::clone(&base), Arc::clone(&holes), Arc::clone(&faults));
        Box::new(FileGround { base, holes, faults, layout, part, notes }) as Box<dyn Ground>
    };
    // SAFETY: the front of each zone was just mapped.
    let regions = unsafe { regions(place, &layout, lengths, is_guarded(&superblock), ground) };
    for region in &regions {
        let header = layout.plan().size(Zone::Header);
        region.ensure(Zone::Header, header).map_err(|fault| no_room(fault, path.clone()))?;
    }
    Ok(Opened { file, regions, is_new: is_new(&lengths), notes })
}

/// Lays the two regions of a heap over the range that was reserved for both.
///
/// # Safety
/// The first `lengths` bytes of each area are usable.
pub(super) unsafe fn regions(
    place: Reserved,
    layout: &Layout,
    lengths: Lengths,
    guarded: bool,
    ground: impl Fn(Part) -> Box<dyn Ground>,
) -> [Region; PARTS] {
    let (plan, bases) = (layout.plan(), place.keep(layout.plan()));
    Part::ALL.map(|part| {
        let (base, origin) = (bases[part.index()], part.start(plan));
        // SAFETY: the range is reserved, and the rest is the caller's promise.
        unsafe { Region::on_file(base, origin, *plan, of_part(&lengths, part), guarded, ground(part)) }
    })
}

/// Which parts have nothing that was ever committed: not even a header.
pub(super) fn is_new(lengths: &Lengths) -> [bool; PARTS] {
    Part::ALL.map(|part| lengths[Area::new(part, Zone::Header).index()] == 0)
}

/// Why a superblock that is whole cannot be right.
#[derive(Clone, Copy, Debug)]
pub(super) enum SuperblockFault {
    /// Another version of the crate, or one with other features, wrote it.
    Version(FieldFault),
    Damaged(FieldFault),
}

impl SuperblockFault {
    pub(super) fn error(self, path: &Path) -> Error {
        let file = path.to_owned();
        match self {
            Self::Version(fault) => Error::OtherVersion { file, what: fault.to_string() },
            Self::Damaged(fault) => Error::FileDamaged { file, what: fault.to_string() },
        }
    }
}

/// How the region lies in a file of so many bytes, if its superblock can be right.
pub(super) fn layout_of(superblock: &Superblock, bytes: u64) -> Result<Layout, SuperblockFault> {
    use SuperblockFault::{Damaged, Version};
    let fault = |field, expected| superblock.fault(field, expected);
    let expected = Header::geometry_of(false);
    if superblock.geometry != expected && !is_guarded(superblock) {
        return Err(Version(fault(SuperblockField::Geometry, expected)));
    }
    if superblock.applied > MOST_COMMITS {
        return Err(Damaged(fault(SuperblockField::Applied, MOST_COMMITS)));
    }
    let pages = u32::try_from(superblock.reserved_pages).ok().filter(|pages| *pages > 0);
    let layout = pages.and_then(|pages| Layout::of(pages, superblock.flags.chunks()));
    let layout = layout.ok_or(Damaged(fault(SuperblockField::ReservedPages, u64::from(u32::MAX))))?;
    // The file was as long when this was written, and becomes shorter only when both slots say so. A new one may have lost its
    // second slot.
    let most = (layout.file_len(layout.longest()) / PAGE as u64).min(bytes.max(IMAGE) / PAGE as u64);
    if superblock.image_pages > most {
        return Err(Damaged(fault(SuperblockField::ImagePages, most)));
    }
    Ok(layout)
}

/// Finds fault with an image that is longer than its room.
pub(super) fn fits(layout: &Layout, image_pages: u64, path: &Path) -> Result<(), Error> {
    let longest = layout.file_len(layout.longest()) / PAGE as u64;
    if image_pages <= longest {
        return Ok(());
    }
    let what = format!("its last commit has {image_pages:#x} pages where {longest:#x} have room");
    Err(Error::FileDamaged { file: path.to_owned(), what })
}

/// Whether the image is of a heap that a hardened build has made in memory, which only such builds understand.
pub(super) fn is_guarded(superblock: &Superblock) -> bool {
    cfg!(feature = "hardened") && superblock.geometry == Header::geometry_of(true)
}

/// Maps the committed image, and wipes what lies behind it; says how much of each area that is.
///
/// What the log has is written to the base, which memory shows: changing memory instead costs a fault and a copy for each page.
/// Where that fails, for want of space perhaps, memory is changed.
fn map<S: Storage>(file: &mut HeapFile<S>, place: &Reserved, path: &Path) -> Result<Lengths, Error> {
    // The length that a later commit relied upon may not have survived; what was in between is in the log, or was zeros.
    let needed = file.image_pages * PAGE as u64;
    if file.base().len().map_err(of_storage)? < needed {
        file.base().set_len(needed).map_err(of_storage)?;
    }
    if headers(&file.layout).try_for_each(|span| file.bring_in(span)).is_ok() {
        let lengths = image(file, &Overlay::new(), path).map(place)?;
        file.forget_beyond(lengths);
        // The headers say what to wipe. The rest comes after that: it need not be durable, and a sync would wait for it.
        wipe_beyond(file, lengths)?;
        if file.bring_in(PageSpan::between(0, file.image_pages)).is_ok() {
            return Ok(lengths);
        }
    }
    let lengths = image(file, &file.overlay, path).map(place)?;
    file.forget_beyond(lengths);
    wipe_beyond(file, lengths)
}

/// The pages of the file in which the headers of both parts lie.
fn headers(layout: &Layout) -> impl Iterator<Item = PageSpan> + use<> {
    let (layout, bytes) = (*layout, layout.plan().size(Zone::Header));
    let areas = Part::ALL.into_iter().map(|part| Area::new(part, Zone::Header));
    let pieces = areas.flat_map(move |area| layout.pieces(area, 0, bytes));
    pieces.map(|piece| PageSpan { first: piece.file / PAGE as u64, count: (piece.bytes / PAGE) as u64 })
}

fn image<'a, S: Storage>(file: &'a HeapFile<S>, overlay: &'a Overlay, path: &'a Path) -> Image<'a, S::File> {
    Image { base: &**file.base(), layout: &file.layout, overlay, pages: file.image_pages, path }
}

/// Wipes what lies behind areas of these lengths, if commits may have written there.
fn wipe_beyond<S: Storage>(file: &HeapFile<S>, lengths: Lengths) -> Result<Lengths, Error> {
    if file.superblock().flags.has(Flags::LOGGED) {
        file.wipe_beyond(lengths)?;
    }
    Ok(lengths)
}

/// Why a new heap has no memory: the system has none, or the file no space.
fn no_room(fault: os::Fault, file: PathBuf) -> Error {
    if fault == os::Fault::NOMEM {
        return no_memory(fault);
    }
    let operation = Operation::Allocate.to_string();
    Error::File { operation, file, offset: 0, source: Arc::new(fault.into()) }
}
