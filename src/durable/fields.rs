//! Numbers at fixed places of a page that lies in a file.
//!
//! Every number is little-endian, whatever the machine. Bytes from a file are not trusted: what is wrong with them is told
//! as a [`FieldFault`], by the name and the place of the field.

use std::fmt;

/// A field that does not hold what it should.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FieldFault {
    pub(crate) field: &'static str,
    pub(crate) found: u64,
    pub(crate) expected: u64,
    /// Where the field lies in the file.
    pub(crate) offset: u64,
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, expected, offset } = self;
        write!(f, "{field} at {offset:#x} is {found:#x} where {expected:#x} was expected")
    }
}

/// A page from a file, and where it came from.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    bytes: &'a [u8],
    offset: u64,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8], offset: u64) -> Self {
        Self { bytes, offset }
    }

    pub(crate) fn bytes<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes[at..at + N].try_into().expect("as long")
    }

    pub(crate) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.bytes(at))
    }

    pub(crate) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.bytes(at))
    }

    /// Finds fault with the field at `at` unless it holds what is expected.
    pub(crate) fn expect(
        &self,
        field: &'static str,
        at: usize,
        found: u64,
        expected: u64,
    ) -> Result<(), FieldFault> {
        if found == expected { Ok(()) } else { Err(self.fault(field, at, found, expected)) }
    }

    pub(crate) fn fault(&self, field: &'static str, at: usize, found: u64, expected: u64) -> FieldFault {
        FieldFault { field, found, expected, offset: self.offset + at as u64 }
    }
}

pub(crate) fn put_u32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub(crate) fn put_u64(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// The first half of a heap's identity folded into the second: what tells records of two heaps apart.
pub(crate) fn fold(uuid: [u8; 16]) -> u64 {
    let fields = Fields::new(&uuid, 0);
    fields.u64(0) ^ fields.u64(8).rotate_left(32)
}
