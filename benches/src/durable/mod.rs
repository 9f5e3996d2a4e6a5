//! A heap in a file, beside databases and a plain mapping, on the same disk.
//!
//! A [`Trial`] on one [`Contender`] is one process, which works in a fresh folder and yields a figure for each of its rows
//! that the contender takes part in. Every commit of every contender is durable against a loss of power when it returns.

mod contender;
mod disk;
mod heap;
mod mapped;
mod stores;
mod trial;
mod trials;
mod usage;

pub use contender::Contender;
pub use trial::{Bar, Row, Setting, Trial};
pub use trials::{CHILD, START, all, child, named, start};
