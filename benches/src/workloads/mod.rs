//! The workloads: one file a family, one [`Workload`] a process, one row a figure.

mod bulk;
mod churn;
mod collections;
mod floor;
mod give_back;
mod growth;
mod json;
mod large;
mod pairs;
mod pass_through;
mod phases;
mod threads;

pub use growth::{many_vecs, one_vec};
pub use pairs::{FAMILY as PAIRS, box_pair, pair};

use crate::row::Workload;

/// All families, in the order of the tables.
const FAMILIES: [&[Workload]; 12] = [
    pairs::WORKLOADS,
    bulk::WORKLOADS,
    churn::WORKLOADS,
    pass_through::WORKLOADS,
    threads::WORKLOADS,
    growth::WORKLOADS,
    large::WORKLOADS,
    collections::WORKLOADS,
    json::WORKLOADS,
    phases::WORKLOADS,
    give_back::WORKLOADS,
    floor::WORKLOADS,
];

/// All workloads, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static Workload> {
    FAMILIES.into_iter().flatten()
}

/// The workload of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Workload> {
    all().find(|workload| workload.name == name)
}
