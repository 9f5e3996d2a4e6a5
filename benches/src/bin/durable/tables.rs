//! A table a family with every row's medians and bars; the spread, further figures; and what failed.

use std::fmt::Write;

use outlive_benches::durable::{Bar, Contender, Row, Trial};
use outlive_benches::spread::number_or;
use outlive_benches::table::Table;

use crate::options::Options;
use crate::results::Results;

/// A table and what stands above it.
pub(crate) type Titled = (String, Table);

/// All tables of a run.
pub(crate) fn all(trials: &[&Trial], results: &Results, options: &Options) -> Vec<Titled> {
    let mut families: Vec<&str> = rows_of(trials).map(|row| row.family).collect();
    families.dedup();
    let of = |family: &str| {
        let rows: Vec<&Row> = rows_of(trials).filter(|row| row.family == family).collect();
        (family.to_owned(), medians(&rows, results, &options.contenders))
    };
    let mut tables: Vec<Titled> = families.into_iter().map(of).collect();
    tables.push(("Smallest and largest of all rounds".to_owned(), spread(trials, results, options)));
    tables.push(("Further figures, medians".to_owned(), extras(results)));
    tables
}

/// The rows that would be measured, with their bars.
pub(crate) fn rows(trials: &[&Trial]) -> Table {
    let mut table = Table::new(["row", "unit", "by", "bars"]);
    for row in rows_of(trials) {
        let by: Vec<_> = row.by.iter().map(|contender| contender.name()).collect();
        let bars: Vec<_> = row.bars.iter().map(|bar| bar_text(*bar)).collect();
        table.row([row.name, row.unit, &by.join(" "), &bars.join("; ")]);
    }
    table
}

/// What failed or is missing, and which bars are not reached; a line each.
pub(crate) fn notes(trials: &[&Trial], results: &Results) -> String {
    let mut text = String::new();
    for (failure, times) in &results.failures {
        let _ = writeln!(text, "FAILED {failure} ({times} times)");
    }
    let (mut reached, mut missed) = (0, Vec::new());
    for row in rows_of(trials) {
        for bar in row.bars {
            match results.reached(row, *bar) {
                Some(true) => reached += 1,
                Some(false) => missed.push(format!("{} ({})", row.name, bar_text(*bar))),
                None => {}
            }
        }
    }
    let _ = writeln!(text, "bars reached: {reached}, missed: {} {}", missed.len(), missed.join(", "));
    text
}

/// The file for the documentation.
pub(crate) fn markdown(tables: &[Titled], notes: &str, options: &Options) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let sizes = if options.small { "a sixteenth of all sizes, " } else { "" };
    let mut text = format!(
        "Measured by `durable`: {sizes}{} rounds, {cores} cores; medians, smaller is better. What each row is, and how \
         noise is handled, is in `benches/README.md`.\n",
        options.rounds
    );
    for (title, table) in tables {
        let _ = write!(text, "\n### {title}\n\n{}", table.markdown());
    }
    let _ = write!(text, "\n### Notes\n\n```text\n{notes}```\n");
    text
}

fn rows_of<'a>(trials: &[&'a Trial]) -> impl Iterator<Item = &'a Row> {
    trials.iter().flat_map(|trial| trial.rows)
}

fn bar_text(bar: Bar) -> String {
    match bar {
        Bar::AtMost(limit) => format!("at most {limit}"),
        Bar::OfBest(part) => format!("{part} of the best database"),
        Bar::Of(part, contender) => format!("{part} of {}", contender.name()),
        Bar::OfBestIn(part, row) => format!("{part} of the best database in {row}"),
        Bar::OfIn(part, contender, row) => format!("{part} of {} in {row}", contender.name()),
        Bar::OfRow(part, row) => format!("{part} of {row}"),
        Bar::Above(by, row) => format!("{by} above {row}"),
    }
}

/// A bar with what it comes to, and whether it is reached.
fn verdict(row: &Row, bar: Bar, results: &Results) -> String {
    let reached = results.reached(row, bar).map_or("", |reached| if reached { ": yes" } else { ": NO" });
    match (bar, results.limit(row, bar)) {
        (Bar::AtMost(_), _) | (_, None) => format!("{}{reached}", bar_text(bar)),
        (_, limit) => format!("{}, {}{reached}", bar_text(bar), number_or(limit, "")),
    }
}

fn medians(rows: &[&Row], results: &Results, contenders: &[Contender]) -> Table {
    let columns: Vec<Contender> =
        contenders.iter().copied().filter(|who| rows.iter().any(|row| row.by.contains(who))).collect();
    let head = ["row", "unit"].into_iter().chain(columns.iter().map(|who| who.name()));
    let mut table = Table::new(head.chain(["bars"]));
    for row in rows {
        let figure = |who: &Contender| {
            let missing = if row.by.contains(who) { "failed" } else { "" };
            number_or(results.median(*who, row.name), missing)
        };
        let mut cells = vec![row.name.to_owned(), row.unit.to_owned()];
        cells.extend(columns.iter().map(figure));
        let verdicts: Vec<_> = row.bars.iter().map(|bar| verdict(row, *bar, results)).collect();
        cells.push(verdicts.join("; "));
        table.row(cells);
    }
    table
}

fn spread(trials: &[&Trial], results: &Results, options: &Options) -> Table {
    let names = options.contenders.iter().map(|who| who.name());
    let mut table = Table::new(["row"].into_iter().chain(names));
    for row in rows_of(trials) {
        let range = |who: &Contender| {
            let (low, high) = results.figures(*who, row.name)?.range()?;
            Some(format!("{} – {}", number_or(Some(low), ""), number_or(Some(high), "")))
        };
        let cells = options.contenders.iter().map(|who| range(who).unwrap_or_default());
        table.row([row.name.to_owned()].into_iter().chain(cells));
    }
    table
}

/// What trials told beside their rows. The peak is their preparations', mostly.
fn extras(results: &Results) -> Table {
    let mut table = Table::new(["trial", "figure", "contender", "value"]);
    for (trial, name, who, value) in results.extras().filter(|extra| extra.1 != "peak_rss_kib") {
        table.row([trial, name, who.name(), &number_or(Some(value), "")]);
    }
    table
}
