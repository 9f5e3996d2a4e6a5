//! What one workload found, and the line format in which it tells the driver.
//!
//! A line is `row=NAME value=NUMBER`, followed by any further `key=NUMBER`. Nothing is printed, and nothing
//! allocated, before the workload is over.

use crate::footprint;

/// The most figures and the most extras of one workload.
const CAPACITY: usize = 16;

/// A named number.
type Figure = (&'static str, f64);

/// The figures of one run.
#[derive(Debug, Default)]
pub struct Report {
    rows: [Option<Figure>; CAPACITY],
    extras: [Option<Figure>; CAPACITY],
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Notes the value of a row.
    pub fn row(&mut self, name: &'static str, value: f64) {
        add(&mut self.rows, (name, value));
    }

    /// Notes a further figure that no bar is set for.
    pub fn extra(&mut self, name: &'static str, value: f64) {
        add(&mut self.extras, (name, value));
    }

    /// Prints one line for each row: its value, the process's peak, the extras.
    pub fn print(&self) {
        let peak = footprint::peak() / 1024;
        for (name, value) in self.rows.iter().flatten() {
            print!("row={name} value={value:.4} peak_rss_kib={peak}");
            for (name, value) in self.extras.iter().flatten() {
                print!(" {name}={value:.4}");
            }
            println!();
        }
    }
}

fn add(figures: &mut [Option<Figure>], figure: Figure) {
    let free = figures.iter_mut().find(|place| place.is_none()).expect("room for another figure");
    *free = Some(figure);
}

/// A line that [`Report::print`] wrote.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    /// The row.
    pub row: &'a str,
    /// Its value.
    pub value: f64,
    /// The other figures.
    pub extras: Vec<(&'a str, f64)>,
}

/// Reads a line back; `None` for any other line.
#[must_use]
pub fn parse_line(line: &str) -> Option<Line<'_>> {
    let mut fields = line.split_whitespace().map(|field| field.split_once('='));
    let ("row", row) = fields.next()?? else { return None };
    let ("value", value) = fields.next()?? else { return None };
    let extras = fields.flatten().filter_map(|(key, number)| Some((key, number.parse().ok()?))).collect();
    Some(Line { row, value: value.parse().ok()?, extras })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_of_figures_only() {
        let line = parse_line("row=churn value=30.5 peak_rss_kib=100");
        assert_eq!(line, Some(Line { row: "churn", value: 30.5, extras: vec![("peak_rss_kib", 100.0)] }));
        assert_eq!(parse_line("thread panicked"), None);
        assert_eq!(parse_line("row=churn value=fast"), None);
        assert_eq!(parse_line(""), None);
    }
}
