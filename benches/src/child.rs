//! One run as a process of its own: start it, wait for its end, read what it found.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::report::{Line, parse_line};

/// A figure with its name.
pub type Figure = (String, f64);

/// The figures of one run.
#[derive(Debug, Default)]
pub struct Found {
    /// A value for each row.
    pub rows: Vec<Figure>,
    /// The peak resident size and what else the workload told.
    pub extras: Vec<Figure>,
}

/// Runs a command to its end, or says how it failed. One that takes longer than `limit` is stopped and has failed.
///
/// # Errors
/// When it does not start, takes too long, complains that a library cannot be preloaded, or does not end well.
pub fn run(command: &mut Command, limit: Duration) -> Result<Found, String> {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("did not start: {error}"))?;
    let status = wait(&mut child, limit)?;
    let (output, complaints) = (text(child.stdout.take()), text(child.stderr.take()));
    if complaints.contains("cannot be preloaded") {
        return Err("the library could not be preloaded".to_owned());
    }
    if !status.success() {
        return Err(ending(status, &complaints));
    }
    Ok(read(&output))
}

/// Waits for the end. The output of a run fits into the pipe, so it can be read afterwards.
fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            // Either may fail when the process ended just now; the run is lost all the same.
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("took more than {} s", limit.as_secs()));
        }
        sleep(Duration::from_millis(5));
    }
}

/// How it ended, and the last thing it said.
fn ending(status: ExitStatus, complaints: &str) -> String {
    let how = match (status.signal(), status.code()) {
        (Some(signal), _) => format!("ended by signal {signal}"),
        (None, code) => format!("ended with code {}", code.unwrap_or(-1)),
    };
    let said = complaints.lines().rev().find(|line| !line.starts_with("note:"));
    said.map_or_else(|| how.clone(), |said| format!("{how}: {said}"))
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
