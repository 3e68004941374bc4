//! The area under the ROC curve.

use serde::Serialize;

use crate::proportion::{Interval, StatisticsError, normal_quantile};

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
    let z = normal_quantile(level)?;
    if positive.iter().chain(negative).any(|s| s.is_nan()) {
        return Err(StatisticsError::Score);
    }
    let (m, n) = (positive.len(), negative.len());
    if m < 2 || n < 2 {
        return Ok(None);
    }
    let all: Vec<f64> = positive.iter().chain(negative).copied().collect();
    let pooled = midranks(&all);
    let (pooled_positive, pooled_negative) = pooled.split_at(m);
    let (mf, nf) = (m as f64, n as f64);
    // The structural components: for each case, the share of the other class it ranks rightly against.
    let v10: Vec<f64> = pooled_positive
        .iter()
        .zip(midranks(positive))
        .map(|(all, own)| (all - own) / nf)
        .collect();
    let v01: Vec<f64> = pooled_negative
        .iter()
        .zip(midranks(negative))
        .map(|(all, own)| 1.0 - (all - own) / mf)
        .collect();
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

/// Ranks from 1, equal values sharing the mean of their ranks.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = values.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0usize;
    for ties in order.chunk_by(|a, b| a.1 == b.1) {
        let rank = before as f64 + (ties.len() as f64 + 1.0) / 2.0;
        for (at, _) in ties {
            if let Some(slot) = ranks.get_mut(*at) {
                *slot = rank;
            }
        }
        before += ties.len();
    }
    ranks
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
        assert_eq!(
            delong_auc(&[f64::NAN, 0.4], &[0.1, 0.2], 0.95),
            Err(StatisticsError::Score)
        );
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
