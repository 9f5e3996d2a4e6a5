//! All figures of all runs, and what follows from them.

use std::collections::BTreeMap;

use outlive_benches::child::Found;
use outlive_benches::durable::{Bar, Contender, Row, Trial};
use outlive_benches::spread::Spread;

/// Figures by contender and row, and what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// Failures as sentences, with how often each was seen.
    pub(crate) failures: BTreeMap<String, usize>,
    figures: BTreeMap<(Contender, String), Spread>,
    extras: BTreeMap<(&'static str, String, Contender), Spread>,
}

impl Results {
    /// Notes one run. A row that the trial should have told and did not is a failure as well.
    pub(crate) fn add(&mut self, contender: Contender, trial: &Trial, run: Result<Found, String>) {
        let found = match run {
            Ok(found) => found,
            Err(reason) => return self.fail(contender, trial.name, &reason),
        };
        for row in trial.rows.iter().filter(|row| row.by.contains(&contender)) {
            if !found.rows.iter().any(|(name, _)| name == row.name) {
                self.fail(contender, row.name, "no figure");
            }
        }
        for (row, value) in found.rows {
            self.figures.entry((contender, row)).or_default().push(value);
        }
        for (extra, value) in found.extras {
            self.extras.entry((trial.name, extra, contender)).or_default().push(value);
        }
    }

    fn fail(&mut self, contender: Contender, place: &str, reason: &str) {
        *self.failures.entry(format!("{}: {place}: {reason}", contender.name())).or_default() += 1;
    }

    /// The figures of a row, if any run gave one.
    pub(crate) fn figures(&self, contender: Contender, row: &str) -> Option<&Spread> {
        self.figures.get(&(contender, row.to_owned()))
    }

    /// The median of a row.
    pub(crate) fn median(&self, contender: Contender, row: &str) -> Option<f64> {
        self.figures(contender, row)?.median()
    }

    /// The median of each further figure: trial, name, contender, value.
    pub(crate) fn extras(&self) -> impl Iterator<Item = (&'static str, &str, Contender, f64)> {
        self.extras
            .iter()
            .filter_map(|((trial, name, who), all)| Some((*trial, name.as_str(), *who, all.median()?)))
    }

    /// What a bar comes to as a value of the row; none where there is nothing to compare with.
    pub(crate) fn limit(&self, row: &Row, bar: Bar) -> Option<f64> {
        match bar {
            Bar::AtMost(limit) => Some(limit),
            Bar::OfBest(part) => Some(part * self.best(row.name)?),
            Bar::Of(part, contender) => Some(part * self.median(contender, row.name)?),
            Bar::OfBestIn(part, other) => Some(part * self.best(other)?),
            Bar::OfIn(part, contender, other) => Some(part * self.median(contender, other)?),
            Bar::OfRow(part, other) => Some(part * self.median(Contender::Outlive, other)?),
            Bar::Above(by, other) => Some(by + self.median(Contender::Outlive, other)?),
        }
    }

    /// Whether we reach a bar; none where that cannot be said.
    pub(crate) fn reached(&self, row: &Row, bar: Bar) -> Option<bool> {
        Some(self.median(Contender::Outlive, row.name)? <= self.limit(row, bar)?)
    }

    /// The best database's median.
    fn best(&self, row: &str) -> Option<f64> {
        let medians = Contender::DATABASES.iter().filter_map(|database| self.median(*database, row));
        medians.min_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use outlive_benches::durable::named;

    use super::*;

    fn found(figures: &[(&str, f64)]) -> Result<Found, String> {
        let rows = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        Ok(Found { rows, extras: Vec::new() })
    }

    #[test]
    fn a_bar_is_a_limit_that_other_figures_set() {
        let trial = named("commit-8b-100m").expect("a trial");
        let mut results = Results::default();
        for (who, value) in [
            (Contender::Outlive, 40.0),
            (Contender::Disk, 30.0),
            (Contender::Lmdb, 80.0),
            (Contender::Fjall, 50.0),
            (Contender::Msync, 10.0),
        ] {
            results.add(who, trial, found(&[("commit-8b-100m", value), ("commit-8b-100m-p99", value)]));
        }
        let row = &trial.rows[0];
        let limits = [
            (Bar::AtMost(39.0), 39.0),
            (Bar::OfBest(0.5), 25.0),
            (Bar::Of(1.5, Contender::Disk), 45.0),
            (Bar::OfBestIn(0.5, "commit-8b-100m"), 25.0),
            (Bar::OfIn(1.5, Contender::Disk, "commit-8b-100m"), 45.0),
            (Bar::OfRow(2.0, "commit-8b-100m"), 80.0),
            (Bar::Above(1.0, "commit-8b-100m"), 41.0),
        ];
        for (bar, limit) in limits {
            assert_eq!(results.limit(row, bar), Some(limit));
            assert_eq!(results.reached(row, bar), Some(limit >= 40.0));
        }
        let nowhere = "commit-8b-1g";
        let nothing = [
            Bar::OfBestIn(1.0, nowhere),
            Bar::OfIn(1.0, Contender::Disk, nowhere),
            Bar::OfRow(1.0, nowhere),
            Bar::Above(1.0, nowhere),
        ];
        assert!(nothing.iter().all(|bar| results.limit(row, *bar).is_none()));
        assert!(results.failures.is_empty());
    }

    #[test]
    fn never_drops_a_failure() {
        let trial = named("crash").expect("a trial");
        let mut results = Results::default();
        results.add(Contender::Outlive, trial, Err("ended by signal 11".to_owned()));
        results.add(Contender::Outlive, trial, found(&[("open-after-crash", 1.0)]));
        let failures: Vec<_> = results.failures.keys().map(String::as_str).collect();
        assert_eq!(failures, ["outlive: close-after-crash: no figure", "outlive: crash: ended by signal 11"]);
    }
}
