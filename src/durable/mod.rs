//! Floor 7: what makes a heap outlive its process.
//!
//! The live memory is private to the process; the file holds the last commit, and a commit moves it forward in one atomic
//! step. The floor knows files, pages and lines, and nothing of what lies in them.

mod area;
mod base;
mod buffer;
mod capture;
mod chance;
mod check;
mod checkpoint;
mod chunks;
mod compact;
mod cores;
mod diff;
mod dirty;
mod errors;
mod fields;
mod file;
mod free;
#[cfg(fuzzing)]
pub mod fuzzing;
mod ground;
mod holes;
mod image;
mod layout;
mod levels;
mod lines;
mod load;
mod log;
mod mapping;
mod notes;
mod open;
mod overlay;
mod pauses;
mod persist;
mod place;
mod planted;
mod publish;
mod reader;
mod repair;
mod replay;
mod reuse;
mod rhythm;
mod save;
mod snapshot;
mod span;
mod stats;
mod steps;
mod storage;
mod superblock;
mod turns;
mod unnoted;

pub(crate) use area::PARTS;
#[cfg(test)]
pub(crate) use chance::seeded;
pub use check::{FileFinding, FileFindingKind, FileReport, check};
pub(crate) use cores::Cores;
pub(crate) use dirty::Method;
pub(crate) use errors::of_storage;
pub(crate) use levels::LogManner;
pub use levels::{Compression, Durability, Verify};
pub(crate) use load::{Loaded, load};
pub(crate) use log::SegmentBytes;
pub(crate) use notes::{NotePad, Notes};
pub(crate) use open::{Manner, Opened, open, settle_in};
pub use persist::Commit;
pub(crate) use persist::{Durable, Manner as CommitManner, Persistence};
pub(crate) use place::Home;
pub(crate) use publish::publish;
pub(crate) use reader::{OpenedToRead, open_to_read};
pub use repair::{Act, Repair, repair};
pub use replay::Replay;
pub(crate) use rhythm::Rhythm;
pub(crate) use save::save;
pub use stats::FileStats;
#[cfg(test)]
pub(crate) use storage::{
    Open, Operation, StoredFile,
    simulated::{self, SimulatedFolder},
};
pub(crate) use storage::{RealFolder, Storage};
pub(crate) use superblock::Flags;
pub(crate) use turns::Ticket;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::{History, Settings, Taken};
