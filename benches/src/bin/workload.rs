//! Runs one named workload on the allocator of this build and prints its figures, one line a row.

use std::process::ExitCode;

use outlive_benches::allocator::{CHOSEN, Chosen};
use outlive_benches::pin::pin_to_last_core;
use outlive_benches::report::Report;
use outlive_benches::workloads;

#[global_allocator]
static GLOBAL: Chosen = CHOSEN;

fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(workload) = workloads::named(&name) else {
        eprintln!("usage: workload NAME, where NAME is one of");
        workloads::all().for_each(|workload| eprintln!("  {}", workload.name));
        return ExitCode::FAILURE;
    };
    // The argument must not lie among the blocks that are measured.
    drop(name);
    if workload.threads == 1 {
        pin_to_last_core();
    }
    let mut report = Report::new();
    (workload.run)(&mut report);
    report.print();
    ExitCode::SUCCESS
}
