//! The first page of a log: which heap's it is, and how it is divided. Written once, before the file has its name.

use crate::durable::fields::{Fields, put_u32, put_u64};

use super::LogError;
use super::segments::{HEADER, SegmentBytes};

/// The version of the log's format, in which it is written and the only one that is read.
const VERSION: u32 = 1;
const MAGIC: u64 = u64::from_le_bytes(*b"OUTLOG\0\x01");
/// Reads as something else when somebody has swapped the bytes of every word.
const BYTE_ORDER: u32 = 0x0102_0304;

const MAGIC_AT: usize = 0;
const VERSION_AT: usize = MAGIC_AT + 8;
const BYTE_ORDER_AT: usize = VERSION_AT + 4;
const UUID_AT: usize = BYTE_ORDER_AT + 4;
const SEGMENT_AT: usize = UUID_AT + 16;
const END: usize = SEGMENT_AT + 8;
const CRC_AT: usize = HEADER - 4;

const _: () = assert!(UUID_AT == 16 && SEGMENT_AT == 32 && END <= CRC_AT);

/// What the page says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) uuid: [u8; 16],
    pub(super) segment: SegmentBytes,
}

impl Header {
    pub(super) fn encode(&self) -> [u8; HEADER] {
        let mut page = [0; HEADER];
        put_u64(&mut page, MAGIC_AT, MAGIC);
        put_u32(&mut page, VERSION_AT, VERSION);
        put_u32(&mut page, BYTE_ORDER_AT, BYTE_ORDER);
        page[UUID_AT..UUID_AT + 16].copy_from_slice(&self.uuid);
        put_u64(&mut page, SEGMENT_AT, self.segment.get());
        let crc = crc32fast::hash(&page[..CRC_AT]);
        put_u32(&mut page, CRC_AT, crc);
        page
    }

    /// Proves the page, of the log of the heap `uuid`.
    pub(super) fn parse(page: &[u8; HEADER], uuid: [u8; 16]) -> Result<Self, LogError> {
        let fields = Fields::new(page, 0);
        let word = |at| u64::from(fields.u32(at));
        let crc = u64::from(crc32fast::hash(&page[..CRC_AT]));
        fields.expect("magic", MAGIC_AT, fields.u64(MAGIC_AT), MAGIC).map_err(LogError::Damaged)?;
        fields.expect("checksum", CRC_AT, word(CRC_AT), crc).map_err(LogError::Damaged)?;
        let order = u64::from(BYTE_ORDER);
        fields
            .expect("byte order", BYTE_ORDER_AT, word(BYTE_ORDER_AT), order)
            .map_err(LogError::Unsupported)?;
        let version = u64::from(VERSION);
        fields.expect("version", VERSION_AT, word(VERSION_AT), version).map_err(LogError::Unsupported)?;
        let halves = |bytes: &[u8; 16]| [Fields::new(bytes, 0).u64(0), Fields::new(bytes, 0).u64(8)];
        let (found, expected) = (halves(&fields.bytes(UUID_AT)), halves(&uuid));
        fields.expect("uuid", UUID_AT, found[0], expected[0]).map_err(LogError::Damaged)?;
        fields.expect("uuid", UUID_AT + 8, found[1], expected[1]).map_err(LogError::Damaged)?;
        let bytes = fields.u64(SEGMENT_AT);
        let fault = || fields.fault("segment size", SEGMENT_AT, bytes, SegmentBytes::DEFAULT.get());
        let segment = SegmentBytes::new(bytes).ok_or_else(fault).map_err(LogError::Damaged)?;
        Ok(Self { uuid, segment })
    }
}
