//! Measures heaps in files beside databases and a plain mapping, on one disk, and prints the tables.
//!
//! The runs are interleaved: in each round every trial runs on every contender in turn, each time in a new process and a
//! new folder. What is shown are medians over rounds.

mod options;
mod results;
mod tables;

use std::env::current_exe;
use std::fs::{create_dir_all, remove_dir_all};
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use outlive_benches::child;
use outlive_benches::durable::{self, CHILD, Contender, START, Setting, Trial};
use outlive_benches::report::Report;
use outlive_benches::warm::warm_up;

use crate::options::{Options, USAGE};
use crate::results::Results;

/// A run that takes longer is stopped and counts as failed.
const LIMIT: Duration = Duration::from_secs(300);
/// The argument with which this program runs one trial.
const TRIAL: &str = "--trial";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        [TRIAL, trial, contender, folder, size] => run_trial(trial, contender, folder, size),
        [CHILD, heap, bytes, pages, logged] => run_child(heap, [bytes, pages, logged]),
        [START, contender, folder, count, lookups] => run_start(contender, folder, [count, lookups]),
        _ => Options::parse(arguments.into_iter()).and_then(|options| compare(&options)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn run_trial(trial: &str, contender: &str, folder: &str, size: &str) -> Result<(), String> {
    let trial = durable::named(trial).ok_or("no such trial")?;
    let contender = Contender::named(contender).ok_or("no such contender")?;
    let setting = Setting { contender, folder: folder.into(), small: size == "small" };
    let mut report = Report::new();
    (trial.run)(&setting, &mut report);
    report.print();
    Ok(())
}

fn run_child(heap: &str, numbers: [&str; 3]) -> Result<(), String> {
    let [bytes, pages, logged] = parsed(numbers)?;
    durable::child(Path::new(heap), bytes, pages, logged);
    Ok(())
}

fn run_start(contender: &str, folder: &str, numbers: [&str; 2]) -> Result<(), String> {
    let contender = Contender::named(contender).ok_or("no such contender")?;
    let [count, lookups] = parsed(numbers)?;
    durable::start(contender, Path::new(folder), count, lookups);
    Ok(())
}

fn parsed<const N: usize>(texts: [&str; N]) -> Result<[usize; N], String> {
    let mut numbers = [0; N];
    for (number, text) in numbers.iter_mut().zip(texts) {
        *number = text.parse().map_err(|_| format!("{text} is no number"))?;
    }
    Ok(numbers)
}

fn compare(options: &Options) -> Result<(), String> {
    let chosen: Vec<_> = durable::all().filter(|trial| options.wants(trial)).collect();
    if chosen.is_empty() {
        return Err("no row has such a name; --list shows them".to_owned());
    }
    if options.list {
        print!("{}", tables::rows(&chosen).text());
        return Ok(());
    }
    let results = measure(&chosen, options)?;
    let tables = tables::all(&chosen, &results, options);
    for (title, table) in &tables {
        println!("{title}\n\n{}", table.text());
    }
    let notes = tables::notes(&chosen, &results);
    print!("{notes}");
    options.markdown.as_ref().map_or(Ok(()), |file| {
        std::fs::write(file, tables::markdown(&tables, &notes, options))
            .map_err(|error| format!("the markdown file was not written: {error}"))
    })
}

fn measure(trials: &[&Trial], options: &Options) -> Result<Results, String> {
    let mut results = Results::default();
    let rounds = options.rounds;
    for round in 0..rounds {
        for (number, trial) in trials.iter().enumerate() {
            eprintln!("round {} of {rounds}, {} of {}: {}", round + 1, number + 1, trials.len(), trial.name);
            let contenders: Vec<_> =
                options.contenders.iter().copied().filter(|one| trial.is_for(*one)).collect();
            // Nobody always comes first or after the same other.
            for place in 0..contenders.len() {
                let contender = contenders[(place + round + number) % contenders.len()];
                results.add(contender, trial, run(trial, contender, options)?);
            }
        }
    }
    Ok(results)
}

/// Runs one trial in a folder of its own. That there is none is an error; how the trial fails is a result.
fn run(
    trial: &Trial,
    contender: Contender,
    options: &Options,
) -> Result<Result<child::Found, String>, String> {
    let folder = options.folder.join(format!("{}-{}", trial.name, contender.name()));
    let problem = |error: std::io::Error| format!("{}: {error}", folder.display());
    // What a run that was stopped has left behind.
    let _ = remove_dir_all(&folder);
    create_dir_all(&folder).map_err(problem)?;
    if trial.cold {
        warm_up();
    }
    let program = current_exe().map_err(problem)?;
    let size = if options.small { "small" } else { "full" };
    let mut command = Command::new(program);
    command.args([TRIAL, trial.name, contender.name()]).arg(&folder).arg(size).env_clear();
    let found = child::run(&mut command, LIMIT);
    remove_dir_all(&folder).map_err(problem)?;
    // What this run left to be written must not be the next one's burden.
    rustix::fs::sync();
    Ok(found)
}
