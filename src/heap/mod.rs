//! Floor 6: the heap, put together from the floors below, for whichever face asks.
//!
//! A [`Core`] allocates by the route of a layout, counts, checks, gives memory back as time passes, and refuses what
//! its limit forbids. It knows nothing of files and nothing of who holds it.

mod check;
mod core;
mod decay;
mod directory;
mod exit;
mod fast;
mod header;
mod info;
#[cfg(feature = "c-face")]
mod lookup;
mod pressure;
mod stats;
mod taking;

pub(crate) use self::core::Core;
pub use check::{Finding, FindingKind, Report};
pub(crate) use directory::{GLOBAL_CORE, add, give_seat, process_heap, remove, take_seat};
pub(crate) use fast::{pop, pop_any, push, push_any};
pub(crate) use header::{Header, NotAnImage, SIZES};
pub use info::{BlockInfo, BlockState};
#[cfg(feature = "c-face")]
pub(crate) use lookup::magazine_of;
pub use pressure::{Level, Pressure, Thresholds};
pub use stats::{ClassStats, Stats};

#[cfg(test)]
mod tests;
