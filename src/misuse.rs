//! Floor 1: what is said when a free cannot be right.
//!
//! A block freed twice may have two owners already; a layout that is wrong has counted on bytes that belong to
//! somebody else. Nothing that runs after that can be trusted, so the process ends, with a message that says what
//! was found and what was expected. Nothing here allocates.

use core::fmt::{self, Write};

use crate::os;
use crate::units::{Class, PAGE};

/// What a caller said of a block when it freed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Claimed {
    Small(Class),
    Pages(u32),
    /// A free without a layout.
    Nothing,
}

/// What the block's address turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Found {
    /// Outside of the heap's pages.
    Foreign,
    /// Inside of a free run.
    FreeRun,
    /// Inside of a run, but not its first byte.
    InsideRun,
    /// A run of so many pages.
    Run(u32),
    /// A free block of a slab.
    FreeBlock { class: Class, slab: u32 },
    /// A block of a slab of another class.
    Block { class: Class, slab: u32 },
    /// A slab, but not the first byte of a block.
    InsideBlock { class: Class, slab: u32 },
    /// A slab whose mark is not what it should be.
    DamagedSlab { slab: u32 },
}

/// A free that cannot be right.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Misuse {
    pub(crate) address: usize,
    pub(crate) claimed: Claimed,
    pub(crate) found: Found,
}

impl Misuse {
    /// Says what is wrong, and ends the process.
    #[cold]
    pub(crate) fn report(self) -> ! {
        let mut message = Message { bytes: [0; 512], len: 0 };
        // A message that is too long is cut off.
        let _ = writeln!(message, "outlive: {self}");
        os::die(message.bytes.get(..message.len).unwrap_or_default())
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, claimed, found } = self;
        match found {
            Found::Foreign => write!(f, "foreign free: {address:#x} lies outside of this heap"),
            Found::FreeRun => {
                write!(f, "double free: {address:#x} lies in a run of pages that is free already")
            }
            Found::InsideRun => write!(f, "inner free: {address:#x} lies inside of a run, not at its start"),
            Found::Run(pages) => {
                let bytes = *pages as usize * PAGE;
                write!(f, "wrong layout: {address:#x} is a run of {pages} pages ({bytes} bytes)")
            }
            Found::FreeBlock { class, slab } => {
                write!(
                    f,
                    "double free: {address:#x}, a block of {} bytes in slab {slab}, is free already",
                    class.size()
                )
            }
            Found::Block { class, slab } => {
                let (low, high) = (class.size_below() + 1, class.size());
                write!(
                    f,
                    "wrong layout: {address:#x} is a block of slab {slab}, for layouts of {low} to {high} bytes"
                )
            }
            Found::InsideBlock { class, slab } => write!(
                f,
                "inner free: {address:#x} lies inside of slab {slab}, whose blocks have {} bytes, but not at the start of one",
                class.size()
            ),
            Found::DamagedSlab { slab } => {
                write!(
                    f,
                    "damaged metadata: the mark of slab {slab}, where {address:#x} lies, was overwritten"
                )
            }
        }?;
        match claimed {
            Claimed::Small(class) => {
                write!(
                    f,
                    "; it was freed with a layout of {} to {} bytes",
                    class.size_below() + 1,
                    class.size()
                )
            }
            Claimed::Pages(pages) => write!(f, "; it was freed with a layout of {pages} pages"),
            Claimed::Nothing => f.write_str("; it was freed without a layout"),
        }
    }
}

/// Text in a fixed place.
struct Message {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Message {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let fits = text.len().min(room.len());
        room[..fits].copy_from_slice(&text.as_bytes()[..fits]);
        self.len += fits;
        if fits == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
