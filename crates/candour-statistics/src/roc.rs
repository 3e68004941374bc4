//! The area under the ROC curve.

use serde::Serialize;

use crate::distribution::two_sided_z;
use crate::number::{Interval, StatisticsError};
use crate::rank::placements;

/// An AUC with DeLong's variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Auc {
    /// The area: the share of (positive, negative) pairs ranked rightly, ties counting half.
    pub value: f64,
    /// DeLong's estimate of its variance.
    pub variance: f64,
    /// Wald interval, clipped to [0, 1].
    pub interval: Interval,
    /// Positive cases.
    pub positive: usize,
    /// Negative cases.
    pub negative: usize,
}

/// AUC of scores (higher means more likely positive) with DeLong's variance (DeLong, DeLong and
/// Clarke-Pearson 1988), by midranks in O(n log n) (Sun and Xu 2014). `None` when either class has
/// fewer than two cases, for then the variance has no estimate. Infinite scores are allowed: they
/// rank first or last.
///
/// # Errors
/// When a score is not a number or the level lies outside (0, 1).
pub fn delong_auc(
    positive: &[f64],
    negative: &[f64],
    level: f64,
) -> Result<Option<Auc>, StatisticsError> {
    let z = two_sided_z(level)?;
    if positive.iter().chain(negative).any(|s| s.is_nan()) {
        return Err(StatisticsError::Data(
            "a score is not a number; refuse the case before its score is counted".into(),
        ));
    }
    let (m, n) = (positive.len(), negative.len());
    if m < 2 || n < 2 {
        return Ok(None);
    }
    let (mf, nf) = (m as f64, n as f64);
    let (v10, v01) = placements(positive, negative);
    let value = v10.iter().sum::<f64>() / mf;
    let variance = sample_variance(&v10, value) / mf + sample_variance(&v01, value) / nf;
    let half = z * variance.sqrt();
    let interval = Interval {
        lower: (value - half).max(0.0),
        upper: (value + half).min(1.0),
        level,
    };
    Ok(Some(Auc {
        value,
        variance,
        interval,
        positive: m,
        negative: n,
    }))
}

fn sample_variance(values: &[f64], mean: f64) -> f64 {
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// testdata/statistics/delong.json: AUC by scikit-learn, variance by the definition of 1988 in
    /// O(n^2), z by scipy; testdata/statistics/delong.py makes it.
    #[test]
    fn delong_agrees_with_the_definition_and_with_scikit_learn() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/statistics/delong.json"
        );
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            let list = |k: &str| -> Vec<f64> {
                case[k]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| v.as_f64().unwrap())
                    .collect()
            };
            let got = delong_auc(&list("positive"), &list("negative"), 0.95)
                .unwrap()
                .unwrap();
            for (name, value) in [
                ("auc", got.value),
                ("variance", got.variance),
                ("lower", got.interval.lower),
                ("upper", got.interval.upper),
            ] {
                let expected = case[name].as_f64().unwrap();
                assert!(
                    (value - expected).abs() < 1e-9,
                    "{name}: {value} against {expected}"
                );
            }
        }
    }

    #[test]
    fn too_few_cases_are_not_estimable_and_no_number_is_refused() {
        assert_eq!(delong_auc(&[0.5], &[0.1, 0.2], 0.95), Ok(None));
        assert_eq!(delong_auc(&[0.5, 0.4], &[], 0.95), Ok(None));
        assert!(matches!(
            delong_auc(&[f64::NAN, 0.4], &[0.1, 0.2], 0.95),
            Err(StatisticsError::Data(_))
        ));
    }

    proptest! {
        #[test]
        fn swapping_the_classes_mirrors_the_area(
            a in prop::collection::vec(-5i32..5, 2..40), b in prop::collection::vec(-5i32..5, 2..40)
        ) {
            let f = |v: &[i32]| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
            let one = delong_auc(&f(&a), &f(&b), 0.95).unwrap().unwrap();
            let two = delong_auc(&f(&b), &f(&a), 0.95).unwrap().unwrap();
            prop_assert!((one.value + two.value - 1.0).abs() < 1e-12);
            prop_assert!((one.variance - two.variance).abs() < 1e-12);
        }
    }
}
