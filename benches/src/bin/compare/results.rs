//! All figures of all runs, and what follows from them.

use std::collections::BTreeMap;

use outlive_benches::child::Found;
use outlive_benches::row::{Bar, Row, Workload};
use outlive_benches::spread::Spread;

use crate::contestants::OURS;

/// Samples by allocator and row, and what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// The allocators that ran, in the order of the columns.
    pub(crate) contestants: Vec<&'static str>,
    /// Failures as sentences, with how often each was seen.
    pub(crate) failures: BTreeMap<String, usize>,
    samples: BTreeMap<(&'static str, String), Spread>,
    extras: BTreeMap<(&'static str, &'static str, String), Spread>,
}

impl Results {
    /// Notes an allocator that will run.
    pub(crate) fn take_part(&mut self, contestant: &'static str) {
        self.contestants.push(contestant);
    }

    /// Notes an allocator that could not be had.
    pub(crate) fn absent(&mut self, contestant: &'static str, reason: &str) {
        self.failures.insert(format!("{contestant}: all rows: {reason}"), 1);
    }

    /// Notes one run. A row that the workload should have told and did not is a failure as well.
    pub(crate) fn add(&mut self, contestant: &'static str, workload: &Workload, run: Result<Found, String>) {
        let found = match run {
            Ok(found) => found,
            Err(reason) => return self.fail(contestant, workload.name, &reason),
        };
        for row in workload.rows {
            if !found.rows.iter().any(|(name, _)| name == row.name) {
                self.fail(contestant, row.name, "no figure");
            }
        }
        for (row, value) in found.rows {
            self.samples.entry((contestant, row)).or_default().push(value);
        }
        for (extra, value) in found.extras {
            self.extras.entry((contestant, workload.name, extra)).or_default().push(value);
        }
    }

    fn fail(&mut self, contestant: &str, place: &str, reason: &str) {
        *self.failures.entry(format!("{contestant}: {place}: {reason}")).or_default() += 1;
    }

    /// The allocators that ran, without ours.
    pub(crate) fn rivals(&self) -> impl Iterator<Item = &'static str> {
        self.contestants.iter().copied().filter(|&name| name != OURS)
    }

    /// The samples of a row, if any run gave one.
    pub(crate) fn samples(&self, contestant: &'static str, row: &str) -> Option<&Spread> {
        self.samples.get(&(contestant, row.to_owned()))
    }

    /// The median of a row, if any run gave a figure.
    pub(crate) fn median(&self, contestant: &'static str, row: &str) -> Option<f64> {
        self.samples(contestant, row)?.median()
    }

    /// The best rival in a row, and its median.
    pub(crate) fn best(&self, row: &str) -> Option<(&'static str, f64)> {
        let medians = self.rivals().filter_map(|rival| Some((rival, self.median(rival, row)?)));
        medians.min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// An allocator's median over the best rival's. None where a ratio says nothing, as with a size below zero.
    pub(crate) fn over_best(&self, contestant: &'static str, row: &str) -> Option<f64> {
        ratio(self.median(contestant, row)?, self.best(row)?.1)
    }

    /// Our median over an allocator's.
    pub(crate) fn ours_over(&self, contestant: &'static str, row: &str) -> Option<f64> {
        ratio(self.median(OURS, row)?, self.median(contestant, row)?)
    }

    /// Whether we reach the bar of a row; none where there is nothing to reach or to compare.
    pub(crate) fn reached(&self, row: &Row, bar: Bar) -> Option<bool> {
        let ours = self.median(OURS, row.name)?;
        match bar {
            Bar::OfBest(part) => Some(ours <= part * self.best(row.name)?.1),
            Bar::AtMost(limit) => Some(ours <= limit),
            Bar::Shown => None,
        }
    }

    /// The median of each further figure: allocator, workload, name, value.
    pub(crate) fn extras(&self) -> impl Iterator<Item = (&'static str, &'static str, &str, f64)> {
        let value = |samples: &Spread| samples.median();
        self.extras
            .iter()
            .filter_map(move |((who, what, name), all)| Some((*who, *what, name.as_str(), value(all)?)))
    }
}

fn ratio(one: f64, other: f64) -> Option<f64> {
    (one > 0.0 && other > 0.0).then(|| one / other)
}

/// The geometric mean, if there is anything to take it of.
pub(crate) fn geometric_mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value.ln(), count + 1));
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use outlive_benches::workloads::named;

    use super::*;

    /// A run of a workload with one row.
    fn found(row: &str, value: f64) -> Result<Found, String> {
        Ok(Found { rows: vec![(row.to_owned(), value)], extras: Vec::new() })
    }

    #[test]
    fn compares_medians_with_the_best_rival() {
        let box_pair = named("box-u64").expect("a workload");
        let mut results = Results::default();
        for (who, values) in
            [(OURS, [1.0, 9.0, 2.0]), ("glibc", [8.0, 8.0, 8.0]), ("jemalloc", [4.0, 5.0, 1.0])]
        {
            results.take_part(who);
            values.iter().for_each(|&value| results.add(who, box_pair, found("box-u64", value)));
        }
        assert_eq!(results.best("box-u64"), Some(("jemalloc", 4.0)));
        assert_eq!(results.over_best(OURS, "box-u64"), Some(0.5));
        assert_eq!(results.reached(&box_pair.rows[0], Bar::OfBest(0.5)), Some(true));
        assert_eq!(results.reached(&box_pair.rows[0], Bar::AtMost(1.9)), Some(false));
        assert!(results.failures.is_empty());
    }

    #[test]
    fn never_drops_a_failure() {
        let bulk = named("bulk-64-fifo").expect("a workload");
        let mut results = Results::default();
        results.add("glibc", bulk, Err("ended by signal 11".to_owned()));
        results.add("glibc", bulk, found("bulk-64-cold", 1.0));
        let failures: Vec<_> = results.failures.keys().map(String::as_str).collect();
        assert_eq!(
            failures,
            [
                "glibc: bulk-64-fifo-again: no figure",
                "glibc: bulk-64-fifo-free: no figure",
                "glibc: bulk-64-fifo: ended by signal 11",
            ]
        );
    }

    #[test]
    fn a_mean_of_nothing_is_nothing() {
        assert_eq!(geometric_mean(std::iter::empty()), None);
        let mean = geometric_mean([0.5, 2.0].into_iter()).expect("a mean");
        assert!((mean - 1.0).abs() < 1e-12);
    }
}
