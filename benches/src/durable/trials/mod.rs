//! The trials: one file a family.

mod between;
mod bulk;
mod crash;
mod entries;
mod extra;
mod kept;
mod opening;
mod pauses;
mod repeated;
mod scattered;
mod small;
mod tracked;

pub use crash::{CHILD, child};
pub use kept::{START, start};

use super::Trial;

/// All families, in the order of the tables.
const FAMILIES: [&[Trial]; 12] = [
    small::TRIALS,
    entries::TRIALS,
    tracked::TRIALS,
    scattered::TRIALS,
    repeated::TRIALS,
    bulk::TRIALS,
    opening::TRIALS,
    crash::TRIALS,
    kept::TRIALS,
    between::TRIALS,
    pauses::TRIALS,
    extra::TRIALS,
];

/// All trials, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static Trial> {
    FAMILIES.into_iter().flatten()
}

/// The trial of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Trial> {
    all().find(|trial| trial.name == name)
}
