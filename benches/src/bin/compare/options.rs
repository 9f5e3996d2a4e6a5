//! The command line.

use std::path::PathBuf;

use outlive_benches::row::{Bar, Workload};
use outlive_benches::workloads::PAIRS;

use crate::contestants::{ALL, Contestant};

/// What to type.
pub(crate) const USAGE: &str = "\
usage: cargo run --release -p outlive-benches --bin compare -- [options]
  --rounds N           runs of each workload on each allocator (5)
  --quick              one round of the rows that have a bar
  --rows A,B           only workloads with a row whose name begins with one of these
  --allocators A,B     only these: outlive, mimalloc2, mimalloc3, jemalloc, snmalloc, rpmalloc, tcmalloc, glibc
  --profile release    thin LTO, all rows (the default)
  --profile plain      cargo's default release profile, the rows of the family pairs only
  --markdown FILE      writes the tables there too
  --skip-build         takes the binaries of an earlier run
  --list               shows the rows and their bars, measures nothing";

/// How the workloads are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// The workspace's release profile, with thin LTO.
    Release,
    /// What cargo's release profile is by default.
    Plain,
}

impl Profile {
    /// Its name in cargo's manifest, and of its folder.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Plain => "plain",
        }
    }
}

/// A parsed command line.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) quick: bool,
    pub(crate) rows: Vec<String>,
    pub(crate) allocators: Vec<&'static Contestant>,
    pub(crate) profile: Profile,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) skip_build: bool,
    pub(crate) list: bool,
}

impl Options {
    /// Reads the arguments behind the program's name, or says which of them makes no sense.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            rounds: 5,
            quick: false,
            rows: Vec::new(),
            allocators: ALL.iter().collect(),
            profile: Profile::Release,
            markdown: None,
            skip_build: false,
            list: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
                "--quick" => (options.quick, options.rounds) = (true, 1),
                "--rows" => options.rows = value()?.split(',').map(str::to_owned).collect(),
                "--allocators" => options.allocators = contestants(&value()?)?,
                "--profile" => options.profile = profile(&value()?)?,
                "--markdown" => options.markdown = Some(value()?.into()),
                "--skip-build" => options.skip_build = true,
                "--list" => options.list = true,
                _ => return Err(format!("unknown option {argument}")),
            }
        }
        Ok(options)
    }

    /// Whether a workload was asked for.
    pub(crate) fn wants(&self, workload: &Workload) -> bool {
        let in_profile = self.profile == Profile::Release || workload.rows[0].family == PAIRS;
        let named = |row: &str| self.rows.iter().any(|prefix| row.starts_with(prefix));
        let held = workload.rows.iter().any(|row| row.bar != Bar::Shown);
        in_profile
            && (held || !self.quick)
            && (self.rows.is_empty() || workload.rows.iter().any(|row| named(row.name)))
    }
}

fn contestants(names: &str) -> Result<Vec<&'static Contestant>, String> {
    let one = |name| ALL.iter().find(|c| c.name == name).ok_or(format!("no allocator is called {name}"));
    names.split(',').map(one).collect()
}

fn profile(name: &str) -> Result<Profile, String> {
    match name {
        "release" => Ok(Profile::Release),
        "plain" => Ok(Profile::Plain),
        _ => Err(format!("no profile is called {name}")),
    }
}
