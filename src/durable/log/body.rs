//! What a commit changes, captured straight into the bytes that are written.
//!
//! A body is filled item by item, behind the room for its record's header; when a segment would not take more, the next
//! part begins. The buffers are used again for the next commit.
//!
//! 1. A part with its header and padding is never longer than a segment, and no item crosses from one into the next.
//! 2. A page without changed lines leaves nothing behind.

use crate::durable::buffer::AlignedBuffer;
use crate::durable::fields::put_u64;
use crate::durable::levels::Compression;
use crate::durable::lines::Line;
use crate::durable::storage::BLOCK;
use crate::units::LINE;

use super::record::{IN_PLACE, ITEM, Item, Items, LAST, RECORD, RecordHeader, Signature};
use super::segments::SegmentBytes;

/// The changes of one commit.
#[derive(Debug)]
pub(crate) struct RecordBody {
    parts: Vec<Part>,
    segment: usize,
    end: u64,
    pages: u64,
    lines: u64,
    compression: Compression,
}

/// What goes into one record.
#[derive(Debug, Default)]
struct Part {
    buffer: AlignedBuffer,
    /// Where the body ends.
    used: usize,
    items: u32,
    lines: u32,
    sealed: Sealed,
    /// The record once more with a compressed body, if that is what is written.
    #[cfg(feature = "lz4")]
    packed: AlignedBuffer,
}

/// What is known of a part when nothing is added any more.
#[derive(Clone, Copy, Debug, Default)]
struct Sealed {
    flags: u32,
    stored: usize,
    crc: u32,
}

impl RecordBody {
    pub(super) fn new(segment: SegmentBytes, compression: Compression) -> Self {
        let segment = usize::try_from(segment.get()).expect("a segment fits into memory");
        Self { parts: vec![Part::new()], segment, end: 0, pages: 0, lines: 0, compression }
    }

    /// Takes everything out, and keeps one buffer for what comes next.
    pub(crate) fn clear(&mut self) {
        self.parts.truncate(1);
        self.parts[0].clear();
        (self.end, self.pages, self.lines) = (0, 0, 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts[0].items == 0
    }

    /// Adds a page of which the lines in `mask` are changed: where their values go, one after the other.
    pub(crate) fn page(&mut self, page: u64, mask: u64) -> &mut [Line] {
        assert!(page < IN_PLACE - 1, "no image is that long");
        if mask == 0 {
            return &mut [];
        }
        let count = mask.count_ones();
        self.end = self.end.max(page + 1);
        self.pages += 1;
        self.lines += u64::from(count);
        let bytes = count as usize * LINE;
        let part = self.with_room(ITEM + bytes);
        let at = part.used;
        part.put_item(at, page, mask);
        part.lines += count;
        part.used = at + ITEM + bytes;
        part.buffer.bytes_mut()[at + ITEM..at + ITEM + bytes].as_chunks_mut().0
    }

    /// Adds a range of pages that are durable in their place in the base.
    pub(crate) fn in_place(&mut self, page: u64, count: u64) {
        let end = page.checked_add(count).filter(|end| *end < IN_PLACE).expect("no image is that long");
        if count == 0 {
            return;
        }
        self.end = self.end.max(end);
        let part = self.with_room(ITEM);
        let at = part.used;
        part.put_item(at, page | IN_PLACE, count);
        part.used = at + ITEM;
    }

    /// The part to which so much can be added.
    fn with_room(&mut self, bytes: usize) -> &mut Part {
        let full = self.parts.last().is_none_or(|part| part.used + bytes > self.segment);
        if full {
            self.parts.push(Part::new());
        }
        let part = self.parts.last_mut().expect("there is one");
        part.buffer.reach(part.used + bytes);
        part
    }

    /// How many pages have changed lines.
    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    /// How many lines these are.
    pub(crate) fn lines(&self) -> u64 {
        self.lines
    }

    /// What was added, in its order.
    pub(crate) fn items(&self) -> impl Iterator<Item = Item<'_>> {
        self.parts.iter().flat_map(|part| Items::added(&part.buffer.bytes()[RECORD..part.used]))
    }

    /// Where the last page ends that the body names.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Computes all that does not depend on where the records will lie.
    pub(super) fn seal(&mut self) {
        let last = self.parts.len() - 1;
        for (number, part) in self.parts.iter_mut().enumerate() {
            part.seal(self.compression);
            part.sealed.flags |= if number == last { LAST } else { 0 };
        }
    }

    pub(super) fn parts(&self) -> u32 {
        u32::try_from(self.parts.len()).expect("fewer parts than blocks")
    }

    /// How long the records of a sealed body are.
    pub(super) fn lens(&self) -> impl Iterator<Item = u64> {
        self.parts.iter().map(|part| part.padded() as u64)
    }

    /// How many bytes of the log a sealed body takes.
    pub(crate) fn bytes(&self) -> u64 {
        self.lens().sum()
    }

    pub(super) fn len_of(&self, part: u32) -> u64 {
        self.parts[part as usize].padded() as u64
    }

    /// Gives a sealed part the header of its record, which lies at `offset` in the file.
    pub(super) fn sign(
        &mut self,
        number: u32,
        signature: Signature,
        sequence: u64,
        image_pages: u64,
        settled: u64,
        offset: u64,
    ) {
        let part = &mut self.parts[number as usize];
        let Sealed { flags, stored, crc } = part.sealed;
        let header = RecordHeader {
            signature,
            sequence,
            image_pages,
            settled,
            part: number,
            flags,
            stored: small(stored),
            plain: small(part.used - RECORD),
            items: part.items,
            lines: part.lines,
            body_crc: crc,
        };
        let padded = part.padded();
        header.encode(offset, &mut part.record_mut()[..padded]);
    }

    /// The records of signed parts.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.parts.iter().map(|part| &part.record()[..part.padded()])
    }
}

impl Part {
    fn new() -> Self {
        let mut part = Self { used: RECORD, ..Self::default() };
        part.buffer.reach(RECORD);
        part
    }

    fn clear(&mut self) {
        (self.used, self.items, self.lines) = (RECORD, 0, 0);
    }

    fn put_item(&mut self, at: usize, page: u64, word: u64) {
        let bytes = self.buffer.bytes_mut();
        put_u64(bytes, at, page);
        put_u64(bytes, at + 8, word);
        self.items += 1;
    }

    fn padded(&self) -> usize {
        (RECORD + self.sealed.stored).next_multiple_of(BLOCK)
    }

    fn seal(&mut self, compression: Compression) {
        self.sealed = Sealed { flags: 0, stored: self.used - RECORD, crc: 0 };
        if compression == Compression::Lz4 {
            self.pack();
        }
        let (end, padded) = (RECORD + self.sealed.stored, self.padded());
        let record = self.record_mut();
        record[end..padded].fill(0);
        self.sealed.crc = crc32fast::hash(&self.record_mut()[RECORD..end]);
    }

    /// Compresses the body, if that saves a block.
    #[cfg(feature = "lz4")]
    fn pack(&mut self) {
        use lz4_flex::block::{compress_into, get_maximum_output_size};

        if self.padded() == BLOCK {
            return;
        }
        let plain = &self.buffer.bytes()[RECORD..self.used];
        let packed = self.packed.reach(RECORD + get_maximum_output_size(plain.len()));
        let Ok(stored) = compress_into(plain, &mut packed[RECORD..]) else { return };
        if (RECORD + stored).next_multiple_of(BLOCK) < self.padded() {
            self.sealed = Sealed { flags: super::record::LZ4, stored, crc: 0 };
        }
    }

    /// Opening has refused a heap that is to be written so.
    #[cfg(not(feature = "lz4"))]
    fn pack(&mut self) {
        debug_assert!(false, "compressed without the feature lz4");
    }

    /// The bytes that are written.
    fn record_mut(&mut self) -> &mut [u8] {
        #[cfg(feature = "lz4")]
        if self.is_packed() {
            return self.packed.bytes_mut();
        }
        self.buffer.bytes_mut()
    }

    fn record(&self) -> &[u8] {
        #[cfg(feature = "lz4")]
        if self.is_packed() {
            return self.packed.bytes();
        }
        self.buffer.bytes()
    }

    #[cfg(feature = "lz4")]
    fn is_packed(&self) -> bool {
        self.sealed.flags & super::record::LZ4 != 0
    }
}

fn small(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("at most a segment")
}
