//! Proportions and their intervals.

use serde::Serialize;

use crate::distribution::two_sided_z;
use crate::number::{Interval, StatisticsError};

/// A proportion of trials, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Proportion {
    /// How many trials succeeded.
    pub successes: u64,
    /// How many trials there were; at least 1.
    pub trials: u64,
    /// `successes / trials`.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

/// A proportion with Wilson's score interval, without continuity correction (Wilson 1927;
/// method 3 of Newcombe 1998). `None` when there are no trials.
///
/// # Errors
/// When the counts contradict each other or the level lies outside (0, 1).
pub fn wilson_interval(
    successes: u64,
    trials: u64,
    level: f64,
) -> Result<Option<Proportion>, StatisticsError> {
    let z = two_sided_z(level)?;
    if successes > trials {
        return Err(StatisticsError::Data(format!("{successes} successes in {trials} trials; count again")));
    }
    if trials == 0 {
        return Ok(None);
    }
    let (x, n) = (successes as f64, trials as f64);
    let p = x / n;
    let scale = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // At 0 and n the limit is exactly 0 and 1; rounding must not move it.
    let lower = if successes == 0 {
        0.0
    } else {
        (centre - half).max(0.0)
    };
    let upper = if successes == trials {
        1.0
    } else {
        (centre + half).min(1.0)
    };
    Ok(Some(Proportion {
        successes,
        trials,
        value: p,
        interval: Interval {
            lower,
            upper,
            level,
        },
    }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Newcombe RG (1998), Two-sided confidence intervals for the single proportion, Statistics in
    /// Medicine 17:857-872, table I, method 3 (score, no continuity correction), 95 %.
    #[test]
    fn wilson_agrees_with_newcombe_table_one() {
        for (x, n, lower, upper) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let got = wilson_interval(x, n, 0.95).unwrap().unwrap().interval;
            assert!((got.lower - lower).abs() < 5.1e-5, "{x}/{n}: {got:?}");
            assert!((got.upper - upper).abs() < 5.1e-5, "{x}/{n}: {got:?}");
        }
    }

    /// NIST/SEMATECH handbook and any normal table: z(0.95) = 1.959964, z(0.99) = 2.575829.
    #[test]
    fn quantiles_agree_with_the_normal_table() {
        assert!((two_sided_z(0.95).unwrap() - 1.959_964).abs() < 5e-7);
        assert!((two_sided_z(0.99).unwrap() - 2.575_829).abs() < 5e-7);
        for bad in [0.0, 1.0, -1.0, 2.0, f64::NAN] {
            assert!(two_sided_z(bad).is_err());
        }
    }

    /// Verifies SRS-020.
    #[test]
    fn no_trials_is_not_estimable_and_bad_counts_are_named() {
        assert_eq!(wilson_interval(0, 0, 0.95), Ok(None));
        assert!(matches!(wilson_interval(3, 2, 0.95), Err(StatisticsError::Data(_))));
    }

    proptest! {
        #[test]
        fn wilson_contains_the_estimate_and_mirrors(x in 0u64..500, extra in 0u64..500, level in 0.5f64..0.999) {
            let n = x + extra;
            prop_assume!(n > 0);
            let a = wilson_interval(x, n, level).unwrap().unwrap();
            prop_assert!(0.0 <= a.interval.lower && a.interval.lower <= a.value);
            prop_assert!(a.value <= a.interval.upper && a.interval.upper <= 1.0);
            let b = wilson_interval(n - x, n, level).unwrap().unwrap();
            prop_assert!((a.interval.lower - (1.0 - b.interval.upper)).abs() < 1e-12);
        }
    }
}
