//! What several rounds say together.

use crate::table::{number, range};

/// A figure over several rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figure {
    pub lowest: f64,
    /// The upper one of the two in the middle, for an even number of rounds.
    pub median: f64,
    pub highest: f64,
}

impl Figure {
    /// `None` of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Figure> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let median = *values.get(values.len() / 2)?;
        Some(Figure { lowest: values[0], median, highest: values[values.len() - 1] })
    }

    /// "12.3 (12.1 to 14.0)".
    pub fn with_range(self, decimals: usize) -> String {
        format!("{} ({})", number(self.median, decimals), range(self, decimals))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_the_median_with_its_range() {
        let figure = Figure::of([3.0, 1.0, 2.0]).unwrap();
        assert_eq!((figure.lowest, figure.median, figure.highest), (1.0, 2.0, 3.0));
        assert_eq!(figure.with_range(1), "2.0 (1.0 to 3.0)");
        assert_eq!(Figure::of([]), None);
    }
}
