//! The tables: every row with its bar, the means, the spread, further figures; and what failed.

use std::fmt::Write;

use outlive_benches::row::{Bar, Kind, Row, Workload};
use outlive_benches::spread::number_or;
use outlive_benches::table::Table;

use crate::contestants::OURS;
use crate::options::{Options, Profile};
use crate::results::{Results, geometric_mean};

/// A table and what stands above it.
pub(crate) type Titled = (&'static str, Table);

/// All tables of a run.
pub(crate) fn tables(workloads: &[&Workload], results: &Results, options: &Options) -> Vec<Titled> {
    let rows = distinct(workloads);
    vec![
        ("Medians, smaller is better", medians(&rows, results, options.profile)),
        ("Means: geometric, each row's median over the best rival's", means(&rows, results)),
        ("Smallest and largest of all rounds", spread(&rows, results)),
        ("Further figures, medians", extras(workloads, results)),
    ]
}

/// The rows that would be measured, with their bars.
pub(crate) fn rows(workloads: &[&Workload], profile: Profile) -> Table {
    let mut table = Table::new(["row", "family", "unit", "bar"]);
    for row in distinct(workloads) {
        table.row([row.name, row.family, row.unit, &bar_text(bar(row, profile))]);
    }
    table
}

/// What failed or is missing, and which bars are not reached; a line each.
pub(crate) fn notes(workloads: &[&Workload], results: &Results, profile: Profile) -> String {
    let mut text = String::new();
    for (failure, times) in &results.failures {
        let _ = writeln!(text, "FAILED {failure} ({times} times)");
    }
    let rows = distinct(workloads);
    let verdict = |row: &&Row| results.reached(row, bar(row, profile));
    let missed =
        rows.iter().filter(|row| verdict(row) == Some(false)).map(|row| row.name).collect::<Vec<_>>();
    let reached = rows.iter().filter(|row| verdict(row) == Some(true)).count();
    if reached + missed.len() > 0 {
        let _ = writeln!(text, "bars reached: {reached}, missed: {} {}", missed.len(), missed.join(" "));
    }
    text
}

/// The file for the documentation.
pub(crate) fn markdown(tables: &[Titled], notes: &str, options: &Options) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!(
        "Measured by `compare`: profile `{}`, {} rounds, {cores} cores. What each row is, and how noise is handled, \
         is in `benches/README.md`.\n",
        options.profile.name(),
        options.rounds
    );
    for (title, table) in tables {
        let _ = write!(text, "\n### {title}\n\n{}", table.markdown());
    }
    if !notes.is_empty() {
        let _ = write!(text, "\n### Notes\n\n```text\n{notes}```\n");
    }
    text
}

/// Each row once, although several workloads may yield it.
fn distinct<'a>(workloads: &[&'a Workload]) -> Vec<&'a Row> {
    let mut rows: Vec<&Row> = Vec::new();
    for row in workloads.iter().flat_map(|workload| workload.rows) {
        if !rows.iter().any(|known| known.name == row.name) {
            rows.push(row);
        }
    }
    rows
}

/// The bar of a row. Where nothing is inlined across crates, the best is enough.
const fn bar(row: &Row, profile: Profile) -> Bar {
    match profile {
        Profile::Release => row.bar,
        Profile::Plain => Bar::OfBest(1.0),
    }
}

fn bar_text(bar: Bar) -> String {
    match bar {
        Bar::OfBest(part) => format!("{part} of best"),
        Bar::AtMost(limit) => format!("at most {limit}"),
        Bar::Shown => String::new(),
    }
}

fn medians(rows: &[&Row], results: &Results, profile: Profile) -> Table {
    let head = ["row", "unit"].into_iter().chain(results.contestants.iter().copied());
    let mut table = Table::new(head.chain(["best rival", "ours/best", "bar", "reached"]));
    for row in rows {
        let mut cells = vec![row.name.to_owned(), row.unit.to_owned()];
        cells
            .extend(results.contestants.iter().map(|who| number_or(results.median(who, row.name), "failed")));
        cells.push(results.best(row.name).map_or("", |best| best.0).to_owned());
        cells.push(number(results.over_best(OURS, row.name)));
        cells.push(bar_text(bar(row, profile)));
        let reached = results.reached(row, bar(row, profile));
        cells.push(reached.map_or("", |reached| if reached { "yes" } else { "NO" }).to_owned());
        table.row(cells);
    }
    table
}

fn means(rows: &[&Row], results: &Results) -> Table {
    let head =
        ["allocator", "time", "memory", "together", "families", "rows", "worst row", "at", "ours over it"];
    let mut table = Table::new(head);
    let of = |kind| rows.iter().copied().filter(|row| row.kind == kind).collect::<Vec<_>>();
    let (time, memory) = (of(Kind::Time), of(Kind::Memory));
    let together = [time.as_slice(), memory.as_slice()].concat();
    for &who in &results.contestants {
        let over_best = |rows: &[&Row]| number(mean(rows, |row| results.over_best(who, row)));
        let ours = mean(&together, |row| results.ours_over(who, row)).filter(|_| who != OURS);
        let (row, worst) = worst(who, &together, results).unwrap_or_default();
        table.row([
            who.to_owned(),
            over_best(&time),
            over_best(&memory),
            over_best(&together),
            number(mean_of_families(&together, |row| results.over_best(who, row))),
            together.iter().filter(|row| results.over_best(who, row.name).is_some()).count().to_string(),
            row.to_owned(),
            number(Some(worst).filter(|&worst| worst > 0.0)),
            number(ours),
        ]);
    }
    table
}

fn mean(rows: &[&Row], ratio: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    geometric_mean(rows.iter().filter_map(|row| ratio(row.name)))
}

/// The mean in which each family weighs the same, however many rows it has.
fn mean_of_families(rows: &[&Row], ratio: impl Fn(&str) -> Option<f64>) -> Option<f64> {
    let mut families: Vec<_> = rows.iter().map(|row| row.family).collect();
    families.dedup();
    geometric_mean(families.iter().filter_map(|&family| {
        let members: Vec<_> = rows.iter().copied().filter(|row| row.family == family).collect();
        mean(&members, &ratio)
    }))
}

/// The row in which an allocator is furthest behind the best rival.
fn worst<'a>(who: &'static str, rows: &[&'a Row], results: &Results) -> Option<(&'a str, f64)> {
    let ratios = rows.iter().filter_map(|row| Some((row.name, results.over_best(who, row.name)?)));
    ratios.max_by(|a, b| a.1.total_cmp(&b.1))
}

fn spread(rows: &[&Row], results: &Results) -> Table {
    let mut table = Table::new(["row"].into_iter().chain(results.contestants.iter().copied()));
    for row in rows {
        let range = |who| {
            let (low, high) = results.samples(who, row.name)?.range()?;
            Some(format!("{} – {}", number(Some(low)), number(Some(high))))
        };
        let cells = results.contestants.iter().map(|&who| range(who).unwrap_or_else(|| "failed".to_owned()));
        table.row([row.name.to_owned()].into_iter().chain(cells));
    }
    table
}

/// What workloads told beside their rows. For those that only go back and forth in a few blocks it says nothing.
fn extras(workloads: &[&Workload], results: &Results) -> Table {
    let telling = |name: &str| workloads.iter().any(|workload| workload.cold && workload.name == name);
    let mut names: Vec<(&str, &str)> =
        results.extras().map(|(_, workload, name, _)| (workload, name)).collect();
    names.retain(|(workload, _)| telling(workload));
    names.sort_unstable();
    names.dedup();
    let mut table = Table::new(["workload", "figure"].into_iter().chain(results.contestants.iter().copied()));
    for (workload, name) in names {
        let value = |who| results.extras().find(|extra| (extra.0, extra.1, extra.2) == (who, workload, name));
        let cells = results.contestants.iter().map(|&who| number(value(who).map(|extra| extra.3)));
        table.row([workload.to_owned(), name.to_owned()].into_iter().chain(cells));
    }
    table
}

fn number(value: Option<f64>) -> String {
    number_or(value, "")
}
