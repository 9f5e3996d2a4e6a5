//! The command line.

use std::path::{Path, PathBuf};

use outlive_benches::durable::{Contender, Trial};

/// What to type.
pub(crate) const USAGE: &str = "\
usage: cargo run --release -p outlive-benches --features durable --bin durable -- [options]
  --rounds N           runs of each trial on each contender (3)
  --small              one round with a sixteenth of all sizes, to see that everything runs
  --rows A,B           only trials with a row whose name begins with one of these
  --contenders A,B     only these: outlive, memory, lmdb, redb, fjall, sqlite, msync, msync-pages, disk
  --folder DIR         where the files lie, and so which disk is measured (target/durable)
  --markdown FILE      writes the tables there too
  --list               shows the rows and their bars, measures nothing";

/// A parsed command line.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) small: bool,
    pub(crate) rows: Vec<String>,
    pub(crate) contenders: Vec<Contender>,
    pub(crate) folder: PathBuf,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) list: bool,
}

impl Options {
    /// Reads the arguments behind the program's name, or says which of them makes no sense.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            rounds: 3,
            small: false,
            rows: Vec::new(),
            contenders: Contender::ALL.to_vec(),
            folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/durable"),
            markdown: None,
            list: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match argument.as_str() {
                "--rounds" => options.rounds = value()?.parse().map_err(|_| "--rounds needs a number")?,
                "--small" => (options.small, options.rounds) = (true, 1),
                "--rows" => options.rows = value()?.split(',').map(str::to_owned).collect(),
                "--contenders" => options.contenders = contenders(&value()?)?,
                "--folder" => options.folder = value()?.into(),
                "--markdown" => options.markdown = Some(value()?.into()),
                "--list" => options.list = true,
                _ => return Err(format!("unknown option {argument}")),
            }
        }
        Ok(options)
    }

    /// Whether a trial was asked for.
    pub(crate) fn wants(&self, trial: &Trial) -> bool {
        let named = |row: &str| self.rows.iter().any(|prefix| row.starts_with(prefix));
        self.rows.is_empty() || trial.rows.iter().any(|row| named(row.name))
    }
}

fn contenders(names: &str) -> Result<Vec<Contender>, String> {
    let one = |name| Contender::named(name).ok_or(format!("no contender is called {name}"));
    names.split(',').map(one).collect()
}
