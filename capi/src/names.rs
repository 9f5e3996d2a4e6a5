//! Roots by name: how the next run finds its data.
//!
//! The heap's one root (`Heap::root`) is a block of its own, the *directory*:
//!
//! ```text
//! offset  bytes
//!  0      8      magic
//!  8      8      number of entries
//! 16      48     zero
//! 64      64 n   entries: 8 bytes of offset, 56 bytes of name, padded with zeros
//! ```
//!
//! 1. The entries have different names, none of which is empty.
//! 2. The block has room for all entries, which is compared before any is read.
//! 3. A full directory is copied to a larger block, and the root is set to that before the old one is freed.
//!
//! What is in the directory is durable with the next commit, like everything else. Numbers are little-endian.

use core::alloc::Layout;
use core::ffi::{c_char, c_void};
use core::ptr::{self, NonNull};
use std::sync::PoisonError;

use heap::{Heap, Offset};

use crate::code::{Code, Failure, answer, text};
use crate::open::{Handle, handle};

const MAGIC: u64 = u64::from_le_bytes(*b"OUTLROOT");
const LINE: usize = 64;
const NAME: usize = 56;
/// How many names the first directory has room for, with its head, in a block of its size class.
const FIRST_ROOM: usize = 7;

#[repr(C)]
struct Head {
    magic: u64,
    count: u64,
    zero: [u8; 48],
}

#[repr(C)]
struct Entry {
    offset: u64,
    name: [u8; NAME],
}

const _: () =
    assert!(size_of::<Head>() == LINE && size_of::<Entry>() == LINE && cfg!(target_endian = "little"));

/// The directory of a heap, found and compared with the block that it lies in.
struct Directory {
    head: NonNull<Head>,
    room: usize,
}

impl Directory {
    /// The directory of a heap; `None` where there is none yet.
    fn of(heap: &Heap) -> Result<Option<Self>, Failure> {
        let Some(head) = heap.root().map(NonNull::cast::<Head>) else { return Ok(None) };
        let bytes = heap.usable_size(head.cast()).unwrap_or(0);
        let other = || {
            Failure::new(
                Code::OutliveOtherRoots,
                "the heap's root is no directory of names: use the program that wrote it",
            )
        };
        if bytes < LINE || !head.cast::<u8>().as_ptr().addr().is_multiple_of(align_of::<Head>()) {
            return Err(other());
        }
        let directory = Self { head, room: bytes / LINE - 1 };
        // SAFETY: the block has room for a head.
        let Head { magic, count, .. } = unsafe { head.as_ref() };
        if *magic != MAGIC || *count > directory.room as u64 {
            return Err(other());
        }
        Ok(Some(directory))
    }

    /// A new directory with room for `room` entries, which is not the heap's yet.
    fn make(heap: &Heap, room: usize) -> Result<Self, Failure> {
        let layout = Layout::from_size_align((room + 1) * LINE, LINE)
            .map_err(|_| Failure::argument("too many names"))?;
        let head = heap.allocate_zeroed(layout)?.cast::<Head>();
        // SAFETY: the block was allocated for this.
        unsafe { head.write(Head { magic: MAGIC, count: 0, zero: [0; 48] }) };
        Ok(Self { head, room })
    }

    fn entries(&mut self) -> &mut [Entry] {
        // SAFETY: the count was compared with the block, and entries are valid with any content. The lock of the handle keeps
        // others away.
        let count = unsafe { self.head.as_ref() }.count;
        let count = usize::try_from(count).unwrap_or(0).min(self.room);
        // SAFETY: the entries follow the head.
        let first = unsafe { self.head.add(1) }.cast().as_ptr();
        // SAFETY: as above.
        unsafe { core::slice::from_raw_parts_mut(first, count) }
    }

    fn find(&mut self, name: &[u8; NAME]) -> Option<usize> {
        self.entries().iter().position(|entry| entry.name == *name)
    }

    fn set_count(&mut self, count: usize) {
        // SAFETY: the head is one, and the lock of the handle keeps others away.
        unsafe { self.head.as_mut().count = count as u64 };
    }

    /// Adds an entry; there is room.
    fn push(&mut self, entry: Entry) {
        let count = self.entries().len();
        debug_assert!(count < self.room);
        // SAFETY: the block has room for one more.
        let place = unsafe { self.head.cast::<Entry>().add(1 + count) };
        // SAFETY: as above.
        unsafe { place.write(entry) };
        self.set_count(count + 1);
    }

    fn remove(&mut self, at: usize) {
        let entries = self.entries();
        let last = entries.len() - 1;
        entries.swap(at, last);
        self.set_count(last);
    }

    /// A copy with twice the room, which becomes the heap's.
    fn widen(mut self, heap: &Heap) -> Result<Self, Failure> {
        let mut larger = Self::make(heap, self.room * 2 + 1)?;
        for Entry { offset, name } in self.entries() {
            larger.push(Entry { offset: *offset, name: *name });
        }
        heap.set_root(Some(larger.head.cast()));
        // SAFETY: the old directory is the heap's root no more, and this is all that knew of it.
        unsafe { heap.deallocate_unsized(self.head.cast()) };
        Ok(larger)
    }
}

/// A name as it lies in an entry.
///
/// # Safety
/// `name` is null, or ends with a zero.
unsafe fn name(name: *const c_char) -> Result<[u8; NAME], Failure> {
    // SAFETY: the caller's promise.
    let name = unsafe { text(name, "the name") }?.as_bytes();
    let mut padded = [0; NAME];
    match padded.get_mut(..name.len()) {
        Some(place) if !name.is_empty() => place.copy_from_slice(name),
        _ => return Err(Failure::argument("a name has 1 to 56 bytes")),
    }
    Ok(padded)
}

/// Names a block, so that `outlive_root` finds it, in this run and, after a commit, in any later one. A name that is given
/// already is given to this block; with a null `block` it is taken away.
///
/// # Safety
/// `heap` is open; `name` ends with a zero.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_set_root(
    heap: *const Handle,
    name: *const c_char,
    block: *const c_void,
) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    // SAFETY: as above.
    let name = unsafe { self::name(name) };
    answer(handle.and_then(|handle| set(handle, &name?, NonNull::new(block.cast_mut().cast()))))
}

fn set(handle: &Handle, name: &[u8; NAME], block: Option<NonNull<u8>>) -> Result<(), Failure> {
    let _held = handle.names.lock().unwrap_or_else(PoisonError::into_inner);
    let heap = handle.heap();
    let mut known = Directory::of(heap)?;
    let at = known.as_mut().and_then(|directory| directory.find(name));
    let Some(block) = block else {
        if let (Some(directory), Some(at)) = (known.as_mut(), at) {
            directory.remove(at);
        }
        return Ok(());
    };
    let offset = heap
        .offset_of(block)
        .ok_or_else(|| Failure::argument("the address does not lie in this heap"))?
        .get();
    let mut directory = match known {
        Some(directory) => directory,
        None => {
            let directory = Directory::make(heap, FIRST_ROOM)?;
            heap.set_root(Some(directory.head.cast()));
            directory
        }
    };
    if let Some(at) = at {
        directory.entries()[at].offset = offset;
        return Ok(());
    }
    if directory.entries().len() == directory.room {
        directory = directory.widen(heap)?;
    }
    directory.push(Entry { offset, name: *name });
    Ok(())
}

/// The block of this name, in `block`; null there, and `OUTLIVE_NO_ROOT`, if there is none.
///
/// # Safety
/// `heap` is open; `name` ends with a zero; `block` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_root(
    heap: *const Handle,
    name: *const c_char,
    block: *mut *mut c_void,
) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    // SAFETY: as above.
    let name = unsafe { self::name(name) };
    let found = handle.and_then(|handle| find(handle, &name?));
    // SAFETY: as above.
    let Some(place) = (unsafe { block.as_mut() }) else {
        return answer(Err(Failure::argument("the place for the block is a null pointer")));
    };
    *place = found.as_ref().map_or(ptr::null_mut(), |found| found.as_ptr().cast());
    answer(found.map(|_| ()))
}

fn find(handle: &Handle, name: &[u8; NAME]) -> Result<NonNull<u8>, Failure> {
    let _held = handle.names.lock().unwrap_or_else(PoisonError::into_inner);
    let heap = handle.heap();
    let found = Directory::of(heap)?.and_then(|mut directory| {
        let at = directory.find(name)?;
        heap.at(Offset::new(directory.entries()[at].offset)?)
    });
    found.ok_or_else(|| Failure::new(Code::OutliveNoRoot, "the heap has no root of this name"))
}

/// Calls `each` with every name and its block, and with `closure`, until it returns false. It must not change the names.
///
/// # Safety
/// `heap` is open; `each` can be called.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn outlive_each_root(
    heap: *const Handle,
    each: Option<unsafe extern "C" fn(name: *const c_char, block: *mut c_void, closure: *mut c_void) -> bool>,
    closure: *mut c_void,
) -> Code {
    // SAFETY: the caller's promise.
    let handle = unsafe { handle(heap) };
    answer(handle.and_then(|handle| {
        let each = each.ok_or_else(|| Failure::argument("the function is a null pointer"))?;
        let _held = handle.names.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(mut directory) = Directory::of(handle.heap())? else { return Ok(()) };
        for Entry { offset, name } in directory.entries() {
            // A name that fills its place has no zero behind it there.
            let mut text = [0_u8; NAME + 1];
            text[..NAME].copy_from_slice(name);
            let block = Offset::new(*offset).and_then(|offset| handle.heap().at(offset));
            let block = block.map_or(ptr::null_mut(), |block| block.as_ptr().cast());
            // SAFETY: the caller's promise.
            if !unsafe { each(text.as_ptr().cast(), block, closure) } {
                break;
            }
        }
        Ok(())
    }))
}
