//! One run: warm the host's memory, start the process, read what it found.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use outlive_benches::child::{self, Found};
use outlive_benches::row::Workload;
use outlive_benches::warm::warm_up;

use crate::contestants::Contestant;

/// A run that takes longer is stopped and counts as failed.
const LIMIT: Duration = Duration::from_secs(120);

/// Runs one workload on one allocator, or says how it failed.
pub(crate) fn run(program: &Path, contestant: &Contestant, workload: &Workload) -> Result<Found, String> {
    let mut command = Command::new(program);
    // An empty environment: no setting of an allocator gets in by chance.
    command.arg(workload.name).env_clear();
    if let Some(library) = contestant.preload {
        command.env("LD_PRELOAD", library);
    }
    if workload.cold {
        warm_up();
    }
    child::run(&mut command, LIMIT)
}
