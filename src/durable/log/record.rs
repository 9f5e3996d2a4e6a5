//! One record: a commit, or a part of one.
//!
//! 1. A [`RecordHeader`] that was parsed is one that was written: its checksum is right, and it lies where it says.
//! 2. [`Items`] were proved as a whole before the first is shown, or are our own: walking over them cannot fail.

use crate::durable::fields::{FieldFault, Fields, put_u32, put_u64};
use crate::durable::storage::BLOCK;
use crate::units::LINE;

use super::LogError;

const MAGIC: u64 = u64::from_le_bytes(*b"OUTLREC\x01");

const MAGIC_AT: usize = 0;
const HEAP_AT: usize = MAGIC_AT + 8;
const OPENING_AT: usize = HEAP_AT + 8;
const SEQUENCE_AT: usize = OPENING_AT + 8;
const OFFSET_AT: usize = SEQUENCE_AT + 8;
const IMAGE_PAGES_AT: usize = OFFSET_AT + 8;
const SETTLED_AT: usize = IMAGE_PAGES_AT + 8;
const PART_AT: usize = SETTLED_AT + 8;
const FLAGS_AT: usize = PART_AT + 4;
const STORED_AT: usize = FLAGS_AT + 4;
const PLAIN_AT: usize = STORED_AT + 4;
const ITEMS_AT: usize = PLAIN_AT + 4;
const LINES_AT: usize = ITEMS_AT + 4;
const BODY_CRC_AT: usize = LINES_AT + 4;
const CRC_AT: usize = BODY_CRC_AT + 4;
/// Bytes of a record's header, behind which its body begins.
pub(super) const RECORD: usize = CRC_AT + 4;

const _: () = assert!(PART_AT == 56 && RECORD == 88);

/// Page and mask, or page and count.
pub(super) const ITEM: usize = 16;
/// Marks an item as a range of pages that were written in place.
pub(super) const IN_PLACE: u64 = 1 << 63;

/// The last part of its commit.
pub(super) const LAST: u32 = 1;
/// The body is compressed.
pub(super) const LZ4: u32 = 2;
const KNOWN: u32 = LAST | LZ4;

/// Whose record it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Signature {
    pub(super) heap: u64,
    pub(super) opening: u64,
}

/// What the beginning of a record says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RecordHeader {
    pub(super) signature: Signature,
    pub(super) sequence: u64,
    /// How long the image is after this commit.
    pub(super) image_pages: u64,
    /// The last commit that was durable when this one was written.
    pub(super) settled: u64,
    /// Which part of its commit it is, from 0 on.
    pub(super) part: u32,
    pub(super) flags: u32,
    /// Bytes of the body as they lie in the file.
    pub(super) stored: u32,
    /// Bytes of the body when it is not compressed.
    pub(super) plain: u32,
    pub(super) items: u32,
    pub(super) lines: u32,
    pub(super) body_crc: u32,
}

impl RecordHeader {
    pub(super) fn encode(&self, offset: u64, bytes: &mut [u8]) {
        put_u64(bytes, MAGIC_AT, MAGIC);
        put_u64(bytes, HEAP_AT, self.signature.heap);
        put_u64(bytes, OPENING_AT, self.signature.opening);
        put_u64(bytes, SEQUENCE_AT, self.sequence);
        put_u64(bytes, OFFSET_AT, offset);
        put_u64(bytes, IMAGE_PAGES_AT, self.image_pages);
        put_u64(bytes, SETTLED_AT, self.settled);
        put_u32(bytes, PART_AT, self.part);
        put_u32(bytes, FLAGS_AT, self.flags);
        put_u32(bytes, STORED_AT, self.stored);
        put_u32(bytes, PLAIN_AT, self.plain);
        put_u32(bytes, ITEMS_AT, self.items);
        put_u32(bytes, LINES_AT, self.lines);
        put_u32(bytes, BODY_CRC_AT, self.body_crc);
        let crc = crc32fast::hash(&bytes[..CRC_AT]);
        put_u32(bytes, CRC_AT, crc);
    }

    /// The header at the front of `bytes`, which come from `offset`; `None` where there is none of this heap, or none that
    /// fits into the `room` that its segment has from there on.
    pub(super) fn parse(bytes: &[u8], offset: u64, heap: u64, room: u64) -> Option<Self> {
        let fields = Fields::new(bytes, offset);
        let ours = fields.u64(MAGIC_AT) == MAGIC
            && fields.u64(HEAP_AT) == heap
            && fields.u64(OFFSET_AT) == offset
            && fields.u32(CRC_AT) == crc32fast::hash(&bytes[..CRC_AT]);
        let header = Self {
            signature: Signature { heap, opening: fields.u64(OPENING_AT) },
            sequence: fields.u64(SEQUENCE_AT),
            image_pages: fields.u64(IMAGE_PAGES_AT),
            settled: fields.u64(SETTLED_AT),
            part: fields.u32(PART_AT),
            flags: fields.u32(FLAGS_AT),
            stored: fields.u32(STORED_AT),
            plain: fields.u32(PLAIN_AT),
            items: fields.u32(ITEMS_AT),
            lines: fields.u32(LINES_AT),
            body_crc: fields.u32(BODY_CRC_AT),
        };
        (ours && header.padded() <= room).then_some(header)
    }

    /// How many bytes of the file the record takes.
    pub(super) fn padded(&self) -> u64 {
        (RECORD as u64 + u64::from(self.stored)).next_multiple_of(BLOCK as u64)
    }

    pub(super) fn is_last(&self) -> bool {
        self.flags & LAST != 0
    }

    pub(super) fn is_packed(&self) -> bool {
        self.flags & LZ4 != 0
    }

    /// The body that was compressed to `stored`, which lies at `offset` of the file, and fits into a segment.
    #[cfg(feature = "lz4")]
    pub(super) fn unpack(&self, stored: &[u8], offset: u64, segment: u64) -> Result<Vec<u8>, FieldFault> {
        let fault = |expected| {
            Fields::new(&[], offset).fault("length of a body", PLAIN_AT, u64::from(self.plain), expected)
        };
        if u64::from(self.plain) > segment {
            return Err(fault(segment));
        }
        let mut body = vec![0; self.plain as usize];
        let len = lz4_flex::block::decompress_into(stored, &mut body).map_err(|_| fault(0))?;
        if len == body.len() { Ok(body) } else { Err(fault(len as u64)) }
    }

    #[cfg(not(feature = "lz4"))]
    pub(super) fn unpack(&self, _: &[u8], offset: u64, _: u64) -> Result<Vec<u8>, FieldFault> {
        Err(Fields::new(&[], offset).fault(
            "flags of a record",
            FLAGS_AT,
            u64::from(self.flags),
            u64::from(LAST),
        ))
    }

    /// Finds fault with flags that no version up to this one writes, or this build cannot read.
    pub(super) fn supported(&self, offset: u64) -> Result<(), LogError> {
        let (found, expected) = (u64::from(self.flags), u64::from(self.flags & KNOWN));
        let known = Fields::new(&[], offset).expect("flags of a record", FLAGS_AT, found, expected);
        known.map_err(LogError::Unsupported)?;
        if self.is_packed() && !cfg!(feature = "lz4") {
            return Err(LogError::FeatureMissing { feature: "lz4", offset });
        }
        Ok(())
    }
}

/// A part of a commit, as the log shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Replayed<'a> {
    #[cfg_attr(not(any(test, fuzzing)), allow(dead_code, reason = "asked for by tests"))]
    pub(crate) sequence: u64,
    /// How long the image is after this commit.
    pub(crate) image_pages: u64,
    /// Whether it is the last part of its commit.
    pub(crate) last: bool,
    pub(crate) items: Items<'a>,
}

/// What a part of a commit changes, in the order in which it was captured.
#[derive(Clone, Copy)]
pub(crate) struct Items<'a>(&'a [u8]);

/// One change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Item<'a> {
    /// Lines of a page: those whose bits are set in `mask`, one after the other.
    Lines { page: u64, mask: u64, lines: &'a [u8] },
    /// So many pages from `page` on were written to the base before the commit.
    InPlace { page: u64, count: u64 },
}

impl<'a> Items<'a> {
    /// What a body has that was filled here.
    pub(super) fn added(body: &'a [u8]) -> Self {
        Self(body)
    }

    /// Proves a body, which lies at `offset` of the file.
    pub(super) fn prove(body: &'a [u8], header: &RecordHeader, offset: u64) -> Result<Self, FieldFault> {
        let fields = Fields::new(body, offset + RECORD as u64);
        let (mut at, mut items, mut lines) = (0, 0, 0);
        while at < body.len() {
            let rest = body.len() - at;
            if rest < ITEM {
                return Err(fields.fault("bytes of an item", at, rest as u64, ITEM as u64));
            }
            let (page, word) = (fields.u64(at), fields.u64(at + 8));
            let count = if page & IN_PLACE == 0 { 1 } else { word };
            let end = (page & !IN_PLACE).checked_add(count).filter(|end| *end <= header.image_pages);
            end.ok_or_else(|| fields.fault("page", at, page & !IN_PLACE, header.image_pages))?;
            if word == 0 {
                return Err(fields.fault("mask or count", at + 8, 0, 1));
            }
            if page & IN_PLACE == 0 {
                let wanted = word.count_ones() as usize * LINE;
                if rest - ITEM < wanted {
                    return Err(fields.fault("bytes of lines", at, (rest - ITEM) as u64, wanted as u64));
                }
                at += wanted;
                lines += u64::from(word.count_ones());
            }
            at += ITEM;
            items += 1;
        }
        fields.expect("items", 0, items, u64::from(header.items))?;
        fields.expect("lines", 0, lines, u64::from(header.lines))?;
        Ok(Self(body))
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.0.is_empty() {
            return None;
        }
        let (item, rest) = self.0.split_at(ITEM);
        let fields = Fields::new(item, 0);
        let (page, word) = (fields.u64(0), fields.u64(8));
        if page & IN_PLACE != 0 {
            self.0 = rest;
            return Some(Item::InPlace { page: page & !IN_PLACE, count: word });
        }
        let (lines, rest) = rest.split_at(word.count_ones() as usize * LINE);
        self.0 = rest;
        Some(Item::Lines { page, mask: word, lines })
    }
}

impl std::fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Items").field("bytes", &self.0.len()).finish()
    }
}
