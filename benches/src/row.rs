//! What a row of the tables is: a name, a unit, and the bar it is held to.

use crate::report::Report;

/// One process run of one allocator, which yields one or more rows.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// The name on the command line of the `workload` binary.
    pub name: &'static str,
    /// Threads that work at the same time. With one, the process is pinned to a core.
    pub threads: usize,
    /// Whether the run takes fresh memory, so that the driver warms the host's free memory first.
    pub cold: bool,
    /// The rows it yields, all of them in each run.
    pub rows: &'static [Row],
    /// Does the work.
    pub run: fn(&mut Report),
}

/// One figure that is compared between allocators; smaller is better.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// A stable name.
    pub name: &'static str,
    /// The rows that are averaged together before families are.
    pub family: &'static str,
    /// The unit of its value.
    pub unit: &'static str,
    /// Which mean it enters.
    pub kind: Kind,
    /// What outlive must reach.
    pub bar: Bar,
}

/// Which geometric mean a row enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The mean of times.
    Time,
    /// The mean of memory.
    Memory,
    /// None: an absolute limit, or only shown.
    Apart,
}

/// What outlive must reach in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At most this part of the best rival's value.
    OfBest(f64),
    /// At most this value.
    AtMost(f64),
    /// Nothing; the row is shown.
    Shown,
}

impl Row {
    /// A row of nanoseconds, held to `part` of the best.
    #[must_use]
    pub const fn nanoseconds(family: &'static str, name: &'static str, part: f64) -> Self {
        Self { name, family, unit: "ns", kind: Kind::Time, bar: Bar::OfBest(part) }
    }

    /// A row of milliseconds, held to the best.
    #[must_use]
    pub const fn milliseconds(family: &'static str, name: &'static str) -> Self {
        Self { name, family, unit: "ms", kind: Kind::Time, bar: Bar::OfBest(1.0) }
    }

    /// A row of memory over what was asked for.
    #[must_use]
    pub const fn ratio(family: &'static str, name: &'static str, bar: Bar) -> Self {
        Self { name, family, unit: "x", kind: Kind::Memory, bar }
    }

    /// A row that enters no mean.
    #[must_use]
    pub const fn apart(family: &'static str, name: &'static str, unit: &'static str, bar: Bar) -> Self {
        Self { name, family, unit, kind: Kind::Apart, bar }
    }
}
