//! Quartiles, what counts as the same, and a slope. Pure arithmetic.

/// A middle and how far values lie around it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QuartileSpread {
    /// A quarter of the values lies below.
    pub low: f64,
    /// Half of them.
    pub median: f64,
    /// Three quarters.
    pub high: f64,
}

impl QuartileSpread {
    /// The quartiles of these values, between two of them where they fall between two; `None`
    /// without any.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> =
            values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            low: quantile(&sorted, 0.25)?,
            median: quantile(&sorted, 0.5)?,
            high: quantile(&sorted, 0.75)?,
        })
    }

    /// How far from 1 a loop is from itself, as a share of it: the larger way to a quartile.
    pub(crate) fn noise(&self) -> f64 {
        (self.high - 1.0).max(1.0 - self.low).max(0.0)
    }

    /// Whether a ratio differs from 1 by no more than that noise, or by less than it differs from
    /// itself: its own middle half holds 1.
    pub(crate) fn is_same(&self, noise: f64) -> bool {
        (self.median - 1.0).abs() <= noise || (self.low..=self.high).contains(&1.0)
    }
}

/// The value below which that share of the sorted values lies.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a list of some thousands"
)]
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let (below, rest) = (place.floor() as usize, place.fract());
    let above = sorted[(below + 1).min(last)];
    Some(sorted[below] + (above - sorted[below]) * rest)
}

/// The slope of `ln y` over `ln x`, by least squares: 0 for what costs the same for any number, 1
/// for what costs twice as much for twice as many. `None` for fewer than two different `x`.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let points: Vec<(f64, f64)> = points
        .iter()
        .filter(|(x, y)| *x > 0.0 && *y > 0.0)
        .map(|(x, y)| (x.ln(), y.ln()))
        .collect();
    #[expect(clippy::cast_precision_loss, reason = "a few points")]
    let count = points.len() as f64;
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut both, mut square) = (0.0, 0.0);
    for (x, y) in &points {
        both += (x - mean_x) * (y - mean_y);
        square += (x - mean_x) * (x - mean_x);
    }
    (square > 0.0).then(|| both / square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn quartiles(values: &[f64], expected: Option<(f64, f64, f64)>) {
        let spread = QuartileSpread::of(values).map(|s| (s.low, s.median, s.high));
        assert_eq!(spread, expected);
    }

    #[test]
    fn quartiles_lie_between_values() {
        quartiles(&[], None);
        quartiles(&[f64::NAN], None);
        quartiles(&[3.0], Some((3.0, 3.0, 3.0)));
        quartiles(&[2.0, 1.0], Some((1.25, 1.5, 1.75)));
        quartiles(&[5.0, 1.0, 4.0, 2.0, 3.0], Some((2.0, 3.0, 4.0)));
        quartiles(&[1.0, 1.0, 1.0, 100.0], Some((1.0, 1.0, 25.75)));
    }

    #[test]
    fn a_difference_within_the_noise_is_none() {
        let again = QuartileSpread { low: 0.98, median: 1.0, high: 1.01 };
        let noise = again.noise();
        assert!((noise - 0.02).abs() < 1e-9);
        let with = |median: f64| QuartileSpread { low: median, median, high: median };
        assert!(with(1.019).is_same(noise) && with(0.981).is_same(noise) && again.is_same(noise));
        assert!(!with(1.03).is_same(noise) && !with(0.97).is_same(noise));
        // Of a loop that is not itself on the average, that is the noise, too.
        let skewed = QuartileSpread { low: 1.02, median: 1.03, high: 1.05 };
        assert!((skewed.noise() - 0.05).abs() < 1e-9 && skewed.is_same(skewed.noise()));
        assert!(with(1.0).is_same(QuartileSpread { low: 1.0, median: 1.0, high: 1.0 }.noise()));
        // Nor is one that the half of the rounds contradict.
        assert!(QuartileSpread { low: 0.9, median: 1.2, high: 1.4 }.is_same(noise));
        assert!(!QuartileSpread { low: 1.01, median: 1.2, high: 1.4 }.is_same(noise));
    }

    #[test]
    fn the_slope_is_the_power_of_what_is_watched() {
        let with = |power: f64, factor: f64| -> Vec<(f64, f64)> {
            [100.0, 300.0, 1000.0, 9900.0]
                .iter()
                .map(|x: &f64| (*x, factor * x.powf(power)))
                .collect()
        };
        for power in [0.0, 1.0, 1.27] {
            let found = slope(&with(power, 80.0)).expect("four points");
            assert!((found - power).abs() < 1e-9, "{found}");
        }
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[(100.0, 5.0)]), None);
        assert_eq!(slope(&[(100.0, 5.0), (100.0, 6.0)]), None);
        assert_eq!(slope(&[(100.0, 5.0), (0.0, 6.0)]), None);
    }
}
