//! The figures that the rounds gave for one row.

/// Figures of one row and one contestant.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<f64>);

impl Spread {
    /// Adds a figure.
    pub fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    /// The middle one; between the two in the middle where there are two.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let sorted = self.sorted();
        let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
        Some(f64::midpoint(sorted[low], sorted[high]))
    }

    /// The smallest that is no smaller than 99 of 100.
    #[must_use]
    pub fn ninety_ninth(&self) -> Option<f64> {
        self.sorted().get((self.0.len() * 99).div_ceil(100).checked_sub(1)?).copied()
    }

    /// The smallest and the largest.
    #[must_use]
    pub fn range(&self) -> Option<(f64, f64)> {
        let sorted = self.sorted();
        Some((*sorted.first()?, *sorted.last()?))
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted
    }
}

/// A number with about three digits that say something.
#[must_use]
pub fn number_or(value: Option<f64>, missing: &str) -> String {
    match value {
        None => missing.to_owned(),
        Some(value) if value.abs() >= 99.95 => format!("{value:.0}"),
        Some(value) if value.abs() >= 9.995 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ninety_ninth_of_a_hundred_has_one_above_it() {
        let mut spread = Spread::default();
        assert_eq!((spread.median(), spread.ninety_ninth(), spread.range()), (None, None, None));
        (1..=200).rev().for_each(|value| spread.push(f64::from(value)));
        assert_eq!(spread.ninety_ninth(), Some(198.0));
        assert_eq!((spread.median(), spread.range()), (Some(100.5), Some((1.0, 200.0))));
    }
}
