//! One run: warm the host's memory, start the process, read what it found.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use outlive_benches::report::{Line, parse_line};
use outlive_benches::row::Workload;

use crate::contestants::Contestant;
use crate::warm::warm_up;

/// A run that takes longer is stopped and counts as failed.
const LIMIT: Duration = Duration::from_secs(120);

/// A figure with its name.
pub(crate) type Figure = (String, f64);

/// The figures of one run.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// A value for each row.
    pub(crate) rows: Vec<Figure>,
    /// The peak resident size and what else the workload told.
    pub(crate) extras: Vec<Figure>,
}

/// Runs one workload on one allocator, or says how it failed.
pub(crate) fn run(program: &Path, contestant: &Contestant, workload: &Workload) -> Result<Found, String> {
    let mut command = Command::new(program);
    // An empty environment: no setting of an allocator gets in by chance.
    command.arg(workload.name).env_clear().stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(library) = contestant.preload {
        command.env("LD_PRELOAD", library);
    }
    if workload.cold {
        warm_up();
    }
    let mut child = command.spawn().map_err(|error| format!("did not start: {error}"))?;
    let status = wait(&mut child)?;
    let (output, complaints) = (text(child.stdout.take()), text(child.stderr.take()));
    if complaints.contains("cannot be preloaded") {
        return Err("the library could not be preloaded".to_owned());
    }
    if !status.success() {
        return Err(ending(status));
    }
    Ok(read(&output))
}

/// Waits for the end. The output of a workload fits into the pipe, so it can be read afterwards.
fn wait(child: &mut Child) -> Result<ExitStatus, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > LIMIT {
            // Either may fail when the process ended just now; the run is lost all the same.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("took more than {} s", LIMIT.as_secs()));
        }
        sleep(Duration::from_millis(5));
    }
}

fn ending(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("ended by signal {signal}"),
        (None, code) => format!("ended with code {}", code.unwrap_or(-1)),
    }
}

fn text(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    // What cannot be read is missing, and a missing row is reported.
    let _ = stream.map(|mut stream| stream.read_to_end(&mut bytes));
    String::from_utf8_lossy(&bytes).into_owned()
}

fn read(output: &str) -> Found {
    let mut found = Found::default();
    for Line { row, value, extras } in output.lines().filter_map(parse_line) {
        found.rows.push((row.to_owned(), value));
        found.extras = extras.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    }
    found
}
