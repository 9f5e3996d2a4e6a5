//! What a trial is, and the rows it yields.

use std::path::PathBuf;

use super::Contender;
use crate::report::Report;

/// One process run of one contender.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// Its name on the command line.
    pub name: &'static str,
    /// Whether it takes fresh memory, so that the driver warms the host's free memory first.
    pub cold: bool,
    /// Its rows.
    pub rows: &'static [Row],
    /// Does the work.
    pub run: fn(&Setting, &mut Report),
}

/// One figure; smaller is better.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The table it stands in.
    pub family: &'static str,
    /// A stable name.
    pub name: &'static str,
    /// The unit of its value.
    pub unit: &'static str,
    /// Who yields it.
    pub by: &'static [Contender],
    /// What outlive must reach, all of it.
    pub bars: &'static [Bar],
}

/// What outlive must reach in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    /// At most this value.
    AtMost(f64),
    /// At most this part of the best database's value.
    OfBest(f64),
    /// At most this part of another contender's value.
    Of(f64, Contender),
    /// At most this part of the best database's value in another row.
    OfBestIn(f64, &'static str),
    /// At most this part of another contender's value in another row.
    OfIn(f64, Contender, &'static str),
    /// At most this part of our own value in another row.
    OfRow(f64, &'static str),
    /// At most so much more than our own value in another row.
    Above(f64, &'static str),
}

/// Who works where, and how large everything is.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who is measured.
    pub contender: Contender,
    /// An empty folder of the process's own.
    pub folder: PathBuf,
    /// Whether all sizes are a sixteenth, to see that everything runs.
    pub small: bool,
}

impl Trial {
    /// Whether any of its rows is yielded by this contender.
    pub fn is_for(&self, contender: Contender) -> bool {
        self.rows.iter().any(|row| row.by.contains(&contender))
    }
}

impl Setting {
    /// This size, or a sixteenth.
    #[must_use]
    pub const fn scaled(&self, size: usize) -> usize {
        if self.small { size / 16 } else { size }
    }
}
