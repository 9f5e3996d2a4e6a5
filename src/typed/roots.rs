//! The table of a heap's roots: by name, with the layout and the place of each.
//!
//! It is a block of little-endian words, which the heap's own root refers to. `docs/format.md` has it. A change makes a new
//! table and frees the old one.
//!
//! 1. Nothing in it is believed before it was compared with what the heap has allocated.
//! 2. Names differ, and the root of the heap itself has the empty one.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::inspect::Fault;
use super::persist::Persist;
use crate::error::Error;
use crate::handle::Heap;
use crate::units::Offset;

const MAGIC: u64 = u64::from_le_bytes(*b"OUTLROOT");
const VERSION: u64 = 1;
const MAGIC_AT: usize = 0;
const VERSION_AT: usize = 1;
/// The address of the heap's base, if there are addresses in it; 0 otherwise.
const BASE_AT: usize = 2;
const COUNT_AT: usize = 3;
const ENTRIES_AT: usize = 4;
/// Words of an entry: offset and length of its name, offset and length of its layout, offset of its value.
const ENTRY: usize = 5;

/// Bytes of the heap that hold a text; of no length they are no block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Text {
    offset: u64,
    len: u64,
}

/// One root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Root {
    pub(super) name: String,
    pub(super) layout: String,
    /// Where its value lies.
    pub(super) value: u64,
    blocks: [Text; 2],
}

/// All roots of a heap.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Table {
    /// The address at which the heap has to lie, or 0.
    pub(super) base: u64,
    roots: Vec<Root>,
    /// The table's own block; `None` for one that was not written yet.
    block: Option<(u64, usize)>,
    /// Texts that the next table does not need.
    old: Vec<Text>,
}

/// The layout of a root's block, which there always is.
pub(super) fn layout_of_value<T>() -> Layout {
    let layout = Layout::new::<T>();
    if layout.size() > 0 { layout } else { Layout::from_size_align(1, layout.align()).unwrap_or(layout) }
}

/// Puts a value into a block of its own; says where.
pub(super) fn place_value<T: Persist>(heap: &Heap, value: T::In<'_>) -> Result<u64, Error> {
    let layout = layout_of_value::<T>();
    let tracked = heap.tracked();
    let block = if T::SCANNED { heap.allocate(layout) } else { tracked.allocate(layout) };
    let block = block.map_err(|_| Error::HeapFull)?;
    tracked.note(block.as_ptr(), layout.size());
    // SAFETY: a fresh block of the type's layout, which its lifetime does not change.
    unsafe { block.cast().write(value) };
    heap.offset_of(block).map(Offset::get).ok_or(Error::HeapFull)
}

/// Frees the block of a value that was dropped or moved out.
///
/// # Safety
/// It came from [`place_value`] for this type, and is used no more.
pub(super) unsafe fn free_value<T: Persist>(heap: &Heap, block: NonNull<u8>) {
    let layout = layout_of_value::<T>();
    if T::SCANNED {
        // SAFETY: the caller's promise.
        unsafe { heap.deallocate(block, layout) };
    } else {
        // SAFETY: the caller's promise.
        unsafe { heap.tracked().deallocate(block, layout) };
    }
}

fn layout_of_text(len: u64) -> Option<Layout> {
    Layout::array::<u8>(usize::try_from(len).ok()?).ok()
}

fn layout_of_table(roots: usize) -> Option<Layout> {
    Layout::array::<u64>(roots.checked_mul(ENTRY)?.checked_add(ENTRIES_AT)?).ok()
}

fn damaged(at: u64, what: impl Into<String>) -> Error {
    Fault { at, what: what.into() }.into()
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::ValuesDamaged { what: fault.to_string() }
    }
}

/// The allocated block of this layout at this offset.
fn block(heap: &Heap, offset: u64, layout: Layout, tracked: bool) -> Option<NonNull<u8>> {
    heap.at(Offset::new(offset)?).filter(|block| heap.is_block_of(*block, layout, tracked))
}

impl Text {
    fn read(self, heap: &Heap) -> Option<String> {
        if self.len == 0 {
            return Some(String::new());
        }
        let block = block(heap, self.offset, layout_of_text(self.len)?, false)?;
        let len = usize::try_from(self.len).ok()?;
        // SAFETY: a block of so many bytes, which nobody writes.
        let bytes = unsafe { core::slice::from_raw_parts(block.as_ptr(), len) };
        core::str::from_utf8(bytes).ok().map(str::to_owned)
    }

    fn write(heap: &Heap, text: &str) -> Result<Self, Error> {
        if text.is_empty() {
            return Ok(Self { offset: 0, len: 0 });
        }
        let layout = Layout::for_value(text);
        let block = heap.allocate(layout).map_err(|_| Error::HeapFull)?;
        // SAFETY: a fresh block of so many bytes.
        unsafe { block.copy_from_nonoverlapping(NonNull::from(text).cast(), text.len()) };
        Ok(Self { offset: heap.offset_of(block).map_or(0, Offset::get), len: text.len() as u64 })
    }

    /// # Safety
    /// The text was read or written, and is not needed any more.
    unsafe fn free(self, heap: &Heap) {
        let block = Offset::new(self.offset).and_then(|offset| heap.at(offset));
        if let (Some(block), Some(layout)) = (block, layout_of_text(self.len)) {
            // SAFETY: the caller's promise.
            unsafe { heap.deallocate(block, layout) };
        }
    }
}

impl Table {
    /// A table without roots, for a heap with this word for its address.
    pub(super) fn new(base: u64) -> Self {
        Self { base, ..Self::default() }
    }

    /// The table of a heap; `None` for a heap that has no root.
    pub(super) fn read(heap: &Heap) -> Result<Option<Self>, Error> {
        let Some(start) = heap.root() else { return Ok(None) };
        let offset = heap.offset_of(start).map_or(0, Offset::get);
        let short = || damaged(offset, "no table of roots is here, which the heap's root refers to");
        let words = heap.usable_size(start).map_or(0, |bytes| bytes / size_of::<u64>());
        let is_aligned = start.as_ptr().addr().is_multiple_of(align_of::<u64>());
        if words < ENTRIES_AT || !is_aligned {
            return Err(short());
        }
        // SAFETY: an allocated block that has so many words, which nobody writes.
        let words = unsafe { core::slice::from_raw_parts(start.cast::<u64>().as_ptr(), words) };
        let [magic, version] = [words[MAGIC_AT], words[VERSION_AT]].map(u64::from_le);
        if (magic, version) != (MAGIC, VERSION) {
            let what = format!(
                "a table of roots begins with {MAGIC:#x} and {VERSION}, and not with {magic:#x} and {version}"
            );
            return Err(damaged(offset, what));
        }
        let count = usize::try_from(u64::from_le(words[COUNT_AT])).unwrap_or(usize::MAX);
        let layout = layout_of_table(count).filter(|layout| heap.is_block_of(start, *layout, false));
        let layout = layout.ok_or_else(|| damaged(offset, format!("{count} roots have no room here")))?;
        let entries = words[ENTRIES_AT..].as_chunks::<ENTRY>().0.iter().take(count);
        let roots = entries.map(|entry| Root::read(heap, offset, &entry.map(u64::from_le)));
        let roots = roots.collect::<Result<Vec<_>, _>>()?;
        let names: std::collections::HashSet<_> = roots.iter().map(|root| &root.name).collect();
        if names.len() < roots.len() {
            return Err(damaged(offset, "two roots have the same name"));
        }
        Ok(Some(Self {
            base: u64::from_le(words[BASE_AT]),
            roots,
            block: Some((offset, layout.size())),
            old: Vec::new(),
        }))
    }

    /// Writes the table, makes it the heap's, and frees the one before.
    pub(super) fn write(&mut self, heap: &Heap) -> Result<(), Error> {
        let layout = layout_of_table(self.roots.len()).ok_or(Error::HeapFull)?;
        let start = heap.allocate(layout).map_err(|_| Error::HeapFull)?;
        let mut words = vec![MAGIC, VERSION, self.base, self.roots.len() as u64];
        for root in &self.roots {
            let [name, layout] = root.blocks;
            words.extend([name.offset, name.len, layout.offset, layout.len, root.value]);
        }
        for (index, word) in words.iter().enumerate() {
            // SAFETY: the block was allocated for as many words.
            let place = unsafe { start.cast::<u64>().add(index) };
            // SAFETY: as above.
            unsafe { place.write(word.to_le()) };
        }
        heap.set_root(Some(start));
        let before = self.block.replace((heap.offset_of(start).map_or(0, Offset::get), layout.size()));
        if let Some((offset, size)) = before {
            // SAFETY: the heap refers to another table now.
            unsafe { Text { offset, len: size as u64 }.free_words(heap) };
        }
        for text in self.old.drain(..) {
            // SAFETY: the same.
            unsafe { text.free(heap) };
        }
        Ok(())
    }

    /// Why the heap cannot be used where it lies.
    pub(super) fn elsewhere(&self, heap: &Heap, wanted: u64) -> Error {
        if wanted == 0 {
            let what = format!("a heap that may lie anywhere is said to belong at {:#x}", self.base);
            return damaged(self.block.map_or(0, |(offset, _)| offset), what);
        }
        let bytes = usize::try_from(heap.stats().reserved).unwrap_or(usize::MAX);
        Error::AddressTaken { address: usize::try_from(self.base).unwrap_or(0), bytes }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Root> {
        self.roots.iter().find(|root| root.name == name)
    }

    pub(super) fn roots(&self) -> &[Root] {
        &self.roots
    }

    /// Adds a root, in the place of one of the same name. The table is to be written next.
    pub(super) fn put(&mut self, heap: &Heap, name: &str, layout: &str, value: u64) -> Result<(), Error> {
        let blocks = [Text::write(heap, name)?, Text::write(heap, layout)?];
        self.remove(name);
        self.roots.push(Root { name: name.to_owned(), layout: layout.to_owned(), value, blocks });
        Ok(())
    }

    /// Removes a root. The table is to be written next.
    pub(super) fn remove(&mut self, name: &str) {
        if let Some(index) = self.roots.iter().position(|root| root.name == name) {
            self.old.extend(self.roots.remove(index).blocks);
        }
    }

    /// The offsets of all blocks that the table is made of.
    pub(super) fn blocks(&self) -> impl Iterator<Item = u64> {
        let texts = self.roots.iter().flat_map(|root| root.blocks).filter(|text| text.len > 0);
        self.block.iter().map(|(offset, _)| *offset).chain(texts.map(|text| text.offset))
    }
}

impl Text {
    /// # Safety
    /// As of [`Text::free`], for a block of words.
    unsafe fn free_words(self, heap: &Heap) {
        let block = Offset::new(self.offset).and_then(|offset| heap.at(offset));
        let words = usize::try_from(self.len).unwrap_or(0) / size_of::<u64>();
        if let (Some(block), Ok(layout)) = (block, Layout::array::<u64>(words)) {
            // SAFETY: the caller's promise.
            unsafe { heap.deallocate(block, layout) };
        }
    }
}

impl Root {
    fn read(heap: &Heap, table: u64, entry: &[u64; ENTRY]) -> Result<Self, Error> {
        let [name_at, name_len, layout_at, layout_len, value] = *entry;
        let blocks = [Text { offset: name_at, len: name_len }, Text { offset: layout_at, len: layout_len }];
        let text = |text: Text| {
            let what = || {
                format!("no text of {} bytes is at +{:#x}, which the table refers to", text.len, text.offset)
            };
            text.read(heap).ok_or_else(|| damaged(table, what()))
        };
        Ok(Self { name: text(blocks[0])?, layout: text(blocks[1])?, value, blocks })
    }

    /// The value, if a block of its layout is there.
    pub(super) fn value<T: Persist>(&self, heap: &Heap) -> Result<NonNull<u8>, Error> {
        let layout = layout_of_value::<T>();
        let (size, align) = (layout.size(), layout.align());
        let found = block(heap, self.value, layout, !T::SCANNED)
            .filter(|block| block.as_ptr().addr().is_multiple_of(align));
        found.ok_or_else(|| {
            damaged(
                self.value,
                format!("no value of {size} bytes, aligned to {align}, is here, which the root refers to"),
            )
        })
    }
}
