//! Whether predicted probabilities mean what they say: level and slope (Cox), smooth curves with ICI
//! (Austin and Steyerberg), binned calibration errors, proper scores with their decompositions, the
//! tests of Spiegelhalter and of Hosmer and Lemeshow, and the fits that recalibrate.

mod binned_error;
mod curve;
mod goodness_of_fit;
mod level_and_slope;
pub mod logistic;
mod recalibration;
mod score;
pub mod smoother;

pub use binned_error::{
    Bin, Binning, Edges, Norm, Side, bins, calibration_error, debiased_squared_error,
    folded_normal_error, top_label,
};
pub use curve::{IntegratedCalibration, integrated_calibration};
pub use goodness_of_fit::{HosmerLemeshow, Use, hosmer_lemeshow, spiegelhalter_z};
pub use level_and_slope::{
    Coefficient, JointCalibration, ObservedExpected, calibration_in_the_large, calibration_slope,
    likelihood_at, observed_expected, profile_in_the_large, profile_slope,
};
pub use recalibration::{Covariate, Method, Parameter, Recalibration, recalibrate};
pub use score::{
    Decomposition, brier_score, corp_decomposition, log_loss, murphy_decomposition,
    stephenson_decomposition,
};

use crate::catalogue::{Entry, Sample, Setting, SettingKind};
use crate::number::{Interval, Number, StatisticsError};
use crate::resample::{BootstrapInterval, Units};

/// The entries of the catalogue that stand here.
pub const ENTRIES: &[Entry] = &[
    level_and_slope::IN_THE_LARGE,
    level_and_slope::SLOPE,
    curve::CURVE,
    binned_error::ERROR,
    score::BRIER,
    score::LOG_LOSS,
    goodness_of_fit::SPIEGELHALTER,
    goodness_of_fit::HOSMER_LEMESHOW,
    recalibration::RECALIBRATE,
];

/// What happens to probabilities of exactly 0 or 1, whose logit (and log loss) is infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AtBounds {
    /// The statistic is refused.
    Refuse,
    /// They are moved to `c` and `1 - c`, and so is every probability beyond.
    Clip(f64),
    /// Their rows are left out, as `rms::val.prob` does.
    LeaveOut,
}

const AT_BOUNDS: Setting = Setting {
    name: "at_bounds",
    what: "what happens to probabilities of exactly 0 or 1, whose logit is infinite: refuse the statistic, clip them by `clip`, or leave their rows out",
    kind: SettingKind::Choice(&["refuse", "clip", "leave-out"]),
    default: Some("refuse"),
};

const CLIP: Setting = Setting {
    name: "clip",
    what: "with `at_bounds` clip, probabilities are moved into [clip, 1 - clip]",
    kind: SettingKind::Open(0.0, 0.5),
    default: Some("1e-6"),
};

const SANDWICH: Setting = Setting {
    name: "sandwich",
    what: "with a cluster column: `cr1` multiplies the sandwich variance by G/(G - 1) (sandwich::vcovCL), `cr0` does not (rms::robcov, geepack)",
    kind: SettingKind::Choice(&["cr1", "cr0"]),
    default: Some("cr1"),
};

const BOOTSTRAP: Setting = Setting {
    name: "interval",
    what: "how the bootstrap interval is made",
    kind: SettingKind::Choice(BootstrapInterval::WORDS),
    default: Some("percentile"),
};

const WALD_OR_BOOTSTRAP: Setting = Setting {
    name: "interval",
    what: "how the interval is made: from the analytic variance (wald) or by bootstrap",
    kind: SettingKind::Choice(&["wald", "percentile", "bca", "basic"]),
    default: Some("wald"),
};

impl AtBounds {
    fn from_sample(sample: &Sample) -> Self {
        match sample.word("at_bounds") {
            "clip" => Self::Clip(sample.real("clip")),
            "leave-out" => Self::LeaveOut,
            _ => Self::Refuse,
        }
    }
}

/// Probabilities made safe for the logit.
#[derive(Clone, Debug, PartialEq)]
pub struct Inner {
    /// The rows that stay, by their place.
    pub rows: Vec<usize>,
    /// Their probabilities, strictly between 0 and 1.
    pub probability: Vec<f64>,
    /// How many were moved or left out.
    pub touched: usize,
}

impl Inner {
    /// The logits of the probabilities.
    #[must_use]
    pub fn logits(&self) -> Vec<f64> {
        self.probability.iter().map(|p| logit(*p)).collect()
    }

    fn take<T: Copy>(&self, values: &[T]) -> Vec<T> {
        self.rows
            .iter()
            .filter_map(|r| values.get(*r))
            .copied()
            .collect()
    }

    fn note(&self, at_bounds: AtBounds) -> Option<String> {
        let n = self.touched;
        (n > 0).then(|| match at_bounds {
            AtBounds::Clip(c) => format!(
                "{n} probabilities outside [{c}, 1 - {c}] were moved to its ends (at_bounds = clip)"
            ),
            _ => format!("{n} rows with a probability of exactly 0 or 1 were left out (at_bounds = leave-out)"),
        })
    }
}

/// Treats probabilities of exactly 0 and 1 as `at_bounds` says.
///
/// # Errors
/// Not estimable when there are such and they are refused, or when no row is left.
pub fn inner(probability: &[f64], at_bounds: AtBounds) -> Result<Inner, StatisticsError> {
    let at = |p: f64| p <= 0.0 || p >= 1.0;
    let count = probability.iter().filter(|p| at(**p)).count();
    let all = || (0..probability.len()).collect::<Vec<usize>>();
    match at_bounds {
        AtBounds::Refuse if count > 0 => Err(StatisticsError::not_estimable(format!(
            "{count} probabilities are exactly 0 or 1, where the logit is infinite; state in the plan whether to clip them or leave them out (setting at_bounds)"
        ))),
        AtBounds::Refuse => Ok(Inner {
            rows: all(),
            probability: probability.to_vec(),
            touched: 0,
        }),
        AtBounds::Clip(c) => Ok(Inner {
            rows: all(),
            touched: probability
                .iter()
                .filter(|p| **p < c || **p > 1.0 - c)
                .count(),
            probability: probability.iter().map(|p| p.max(c).min(1.0 - c)).collect(),
        }),
        AtBounds::LeaveOut => {
            let rows: Vec<usize> = probability
                .iter()
                .enumerate()
                .filter(|(_, p)| !at(**p))
                .map(|(r, _)| r)
                .collect();
            if rows.is_empty() {
                return Err(StatisticsError::not_estimable(
                    "every probability is exactly 0 or 1; no row is left",
                ));
            }
            let kept = rows
                .iter()
                .filter_map(|r| probability.get(*r))
                .copied()
                .collect();
            Ok(Inner {
                rows,
                probability: kept,
                touched: count,
            })
        }
    }
}

/// ln(p / (1 - p)).
fn logit(p: f64) -> f64 {
    p.ln() - (-p).ln_1p()
}

/// Refuses columns of different lengths, no rows, and values that are no probabilities.
pub(crate) fn check(truth: &[bool], probability: &[f64]) -> Result<(), StatisticsError> {
    if truth.len() != probability.len() {
        return Err(StatisticsError::Data(format!(
            "{} truths and {} probabilities",
            truth.len(),
            probability.len()
        )));
    }
    if truth.is_empty() {
        return Err(StatisticsError::not_estimable("no rows"));
    }
    match probability.iter().position(|p| !(0.0..=1.0).contains(p)) {
        Some(row) => Err(StatisticsError::Value {
            column: "probability".into(),
            row,
            what: "is no probability; it lies between 0 and 1".into(),
        }),
        None => Ok(()),
    }
}

/// 1 for true, 0 for false.
fn indicator(truth: &[bool]) -> Vec<f64> {
    truth.iter().map(|y| f64::from(u8::from(*y))).collect()
}

/// The mean; NaN of nothing.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The rows of a statistic by cluster, for variances.
pub(crate) fn clusters_of(sample: &Sample) -> Option<Vec<usize>> {
    sample
        .labels("cluster")
        .map(crate::catalogue::Labels::complete)
}

/// The standard error of a sum of influences, summed first within clusters: the square root of
/// G/(G - 1) times the sum of squares of the cluster sums about their mean. `scale` is the size of the
/// statistic, against which rounding is told from variation.
///
/// # Errors
/// Not estimable with fewer than two clusters, or when the influences do not vary.
pub(crate) fn influence_error(
    influence: &[f64],
    cluster: Option<&[usize]>,
    scale: f64,
) -> Result<f64, StatisticsError> {
    let sums: Vec<f64> = match cluster {
        None => influence.to_vec(),
        Some(_) => Units::new(influence.len(), cluster, None)
            .clusters()
            .iter()
            .map(|rows| rows.iter().filter_map(|r| influence.get(*r)).sum())
            .collect(),
    };
    let groups = sums.len() as f64;
    if sums.len() < 2 {
        return Err(StatisticsError::not_estimable(
            "fewer than two independent units, so no variance",
        ));
    }
    let middle = mean(&sums);
    let squares: f64 = sums.iter().map(|s| (s - middle) * (s - middle)).sum();
    let variance = squares * groups / (groups - 1.0);
    // Sums that differ by their rounding only do not vary.
    if variance.sqrt() <= 1e-13 * scale.abs() || variance <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "the units do not vary, so the variance is not estimable",
        ));
    }
    Ok(variance.sqrt())
}

/// How an entry bootstraps: over whole clusters, seed and replicates as set.
pub(crate) struct Resampling {
    pub(crate) units: Units,
    seed: u64,
    replicates: u64,
    kind: BootstrapInterval,
    pub(crate) level: f64,
}

impl Resampling {
    /// From the settings `seed`, `replicates`, `interval`, `level` and the cluster column; with
    /// `strata`, as many are drawn in each stratum as it has.
    pub(crate) fn from_sample(sample: &Sample, rows: usize, strata: Option<&[usize]>) -> Self {
        let cluster = clusters_of(sample);
        Self {
            units: Units::new(rows, cluster.as_deref(), strata),
            seed: sample.whole("seed"),
            replicates: sample.whole("replicates"),
            kind: BootstrapInterval::from_word(sample.word("interval")),
            level: sample.real("level"),
        }
    }

    pub(crate) fn id(&self) -> String {
        let by = if self.units.clusters().iter().any(|c| c.len() > 1) {
            ".by-cluster"
        } else {
            ""
        };
        format!("{}{by}", self.kind.id())
    }

    /// The replicates of several statistics at once: for each statistic its values.
    pub(crate) fn replicates(
        &self,
        statistics: usize,
        compute: impl Fn(&[usize]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Vec<Option<f64>>> {
        columns(
            statistics,
            self.units.bootstrap(self.seed, self.replicates, compute),
        )
    }

    /// Intervals of several statistics at once.
    pub(crate) fn intervals(
        &self,
        estimates: &[Option<f64>],
        replicates: &[Vec<Option<f64>>],
        compute: impl Fn(&[usize]) -> Vec<Option<f64>> + Sync,
    ) -> Vec<Result<Interval, StatisticsError>> {
        let jackknife = if self.kind == BootstrapInterval::Bca {
            columns(estimates.len(), self.units.jackknife(compute))
        } else {
            vec![Vec::new(); estimates.len()]
        };
        estimates
            .iter()
            .zip(replicates)
            .zip(&jackknife)
            .map(|((estimate, values), left_out)| self.interval(*estimate, values, left_out))
            .collect()
    }

    fn interval(
        &self,
        estimate: Option<f64>,
        values: &[Option<f64>],
        left_out: &[Option<f64>],
    ) -> Result<Interval, StatisticsError> {
        if self.units.len() < 2 {
            return Err(StatisticsError::not_estimable(
                "fewer than two independent units to draw from",
            ));
        }
        let estimate =
            estimate.ok_or_else(|| StatisticsError::not_estimable("there is no estimate"))?;
        self.kind.of(estimate, values, left_out, self.level)
    }
}

fn columns(statistics: usize, rows: Vec<Vec<Option<f64>>>) -> Vec<Vec<Option<f64>>> {
    let mut all = vec![Vec::with_capacity(rows.len()); statistics];
    for row in rows {
        for (column, value) in all.iter_mut().zip(row) {
            column.push(value);
        }
    }
    all
}

/// The number with its interval, or with the reason why it has none.
pub(crate) fn attach(
    number: Number,
    interval: Result<Interval, StatisticsError>,
    method: &str,
) -> Result<Number, StatisticsError> {
    match interval {
        Ok(interval) => Ok(number.with_interval(interval, method)),
        Err(StatisticsError::NotEstimable(reason)) if number.value.is_some() => {
            Ok(number.without_interval(reason))
        }
        Err(StatisticsError::NotEstimable(_)) => Ok(number),
        Err(other) => Err(other),
    }
}

/// Wald interval and standard error from influences.
pub(crate) fn wald(
    number: Number,
    influence: &[f64],
    cluster: Option<&[usize]>,
    level: f64,
) -> Result<Number, StatisticsError> {
    let Some(value) = number.value else {
        return Ok(number);
    };
    let method = if cluster.is_some() {
        "wald.by-cluster"
    } else {
        "wald"
    };
    let z = crate::distribution::two_sided_z(level)?;
    match influence_error(influence, cluster, value) {
        Ok(error) => Ok(number
            .with_interval(
                Interval {
                    lower: value - z * error,
                    upper: value + z * error,
                    level,
                },
                method,
            )
            .with_standard_error(error)),
        Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
        Err(other) => Err(other),
    }
}

/// Rows of a slice by their places.
fn pick<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter()
        .filter_map(|r| values.get(*r))
        .copied()
        .collect()
}
