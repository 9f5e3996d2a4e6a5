//! Builds the `workload` binary once per allocator, runs all workloads on all of them and prints the tables.
//!
//! The runs are interleaved: in each round every workload runs on every allocator in turn, each time in a new
//! process, so that a machine that slows down for a while does so for all. What is shown are medians over rounds.

mod build;
mod contestants;
mod options;
mod report;
mod results;
mod run;

use std::process::ExitCode;

use outlive_benches::row::Workload;
use outlive_benches::workloads;

use crate::build::{Binary, build_all};
use crate::options::{Options, USAGE};
use crate::results::Results;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| compare(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), String> {
    let chosen: Vec<_> = workloads::all().filter(|workload| options.wants(workload)).collect();
    if chosen.is_empty() {
        return Err("no row has such a name; --list shows them".to_owned());
    }
    if options.list {
        print!("{}", report::rows(&chosen, options.profile).text());
        return Ok(());
    }
    let binaries = build_all(options);
    let results = measure(&chosen, &binaries, options.rounds);
    let tables = report::tables(&chosen, &results, options);
    for (title, table) in &tables {
        println!("{title}\n\n{}", table.text());
    }
    print!("{}", report::notes(&chosen, &results, options.profile));
    options.markdown.as_ref().map_or(Ok(()), |file| {
        std::fs::write(
            file,
            report::markdown(&tables, &report::notes(&chosen, &results, options.profile), options),
        )
        .map_err(|error| format!("the markdown file was not written: {error}"))
    })
}

fn measure(workloads: &[&Workload], binaries: &[Binary], rounds: usize) -> Results {
    let mut results = Results::default();
    for binary in binaries {
        match &binary.program {
            Ok(_) => results.take_part(binary.contestant.name),
            Err(reason) => results.absent(binary.contestant.name, reason),
        }
    }
    for round in 0..rounds {
        for (number, workload) in workloads.iter().enumerate() {
            eprintln!(
                "round {} of {rounds}, {} of {}: {}",
                round + 1,
                number + 1,
                workloads.len(),
                workload.name
            );
            // Nobody always comes first or after the same other.
            for place in 0..binaries.len() {
                let binary = &binaries[(place + round + number) % binaries.len()];
                if let Ok(program) = &binary.program {
                    results.add(
                        binary.contestant.name,
                        workload,
                        run::run(program, binary.contestant, workload),
                    );
                }
            }
        }
    }
    results
}
