//! The ROC curve, its thresholds and its bands.

use serde::Serialize;

use super::levels::{Count, Levels, points, sensitivities_at};
use crate::number::{Curve, Figure, StatisticsError};
use crate::resample::quantile;

/// A point of the ROC curve: what calling every score `>= threshold` positive would give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RocPoint {
    /// The threshold.
    pub threshold: f64,
    /// Share of positives at or above it.
    pub sensitivity: f64,
    /// Share of negatives below it.
    pub specificity: f64,
    /// Positives at or above it.
    pub true_positives: u64,
    /// Negatives below it.
    pub true_negatives: u64,
}

/// Which number stands for a cut between two neighbouring scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thresholds {
    /// Half way between them, with infinite ends, as pROC prints them. Where half way is no number
    /// strictly above the lower score, the higher score itself.
    Midpoint,
    /// The higher of the two, a score that was observed; beyond the highest, infinity.
    Observed,
}

impl Thresholds {
    /// The words of the `thresholds` setting.
    pub const WORDS: &'static [&'static str] = &["midpoint", "observed"];

    /// By its word; midpoint for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        if word == "observed" {
            Self::Observed
        } else {
            Self::Midpoint
        }
    }
}

/// The points of the empirical ROC curve in ascending order of the threshold, from all positive to
/// none positive, one for each cut between distinct scores. The last point, where nothing is positive,
/// has the threshold `+inf`, also where a score is `+inf` and no number lies above it: no operating point
/// is ever chosen there.
///
/// # Errors
/// Not estimable without a case in each class; data error when a score is not a number.
pub fn roc_curve(
    truth: &[bool],
    score: &[f64],
    thresholds: Thresholds,
) -> Result<Vec<RocPoint>, StatisticsError> {
    Ok(curve_points(&Levels::new(truth, score)?, thresholds))
}

pub(super) fn curve_points(levels: &Levels, thresholds: Thresholds) -> Vec<RocPoint> {
    let (m, n) = (levels.positive as f64, levels.negative as f64);
    cuts(&levels.scores, thresholds)
        .into_iter()
        .zip(points(&levels.counts))
        .map(|(threshold, (tp, tn))| RocPoint {
            threshold,
            sensitivity: tp as f64 / m,
            specificity: tn as f64 / n,
            true_positives: tp,
            true_negatives: tn,
        })
        .collect()
}

fn cuts(scores: &[f64], thresholds: Thresholds) -> Vec<f64> {
    let last = f64::INFINITY;
    match thresholds {
        Thresholds::Observed => scores.iter().copied().chain([last]).collect(),
        Thresholds::Midpoint => std::iter::once(f64::NEG_INFINITY)
            .chain(scores.iter().zip(scores.iter().skip(1)).map(|(a, b)| {
                let sum = (a + b) / 2.0;
                // Halves first where the sum would leave the range of numbers, as pROC does.
                let middle = if sum.abs() > 1e100 {
                    a / 2.0 + b / 2.0
                } else {
                    sum
                };
                if middle > *a && middle <= *b {
                    middle
                } else {
                    *b
                }
            }))
            .chain([last])
            .collect(),
    }
}

/// A band around the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Band {
    /// At each specificity the percentile interval of the sensitivity (as `ci.se` of pROC): it covers
    /// each point with the stated level, not the whole curve.
    Pointwise,
    /// `sensitivity -/+ c sd` with one `c` for all the specificities, the quantile over replicates of
    /// the greatest standardised deviation (sup-t): it covers the curve at all the specificities at once.
    Simultaneous,
}

/// The sensitivity at fixed specificities with its band.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SensitivityBand {
    /// The specificities, ascending.
    pub specificity: Vec<f64>,
    /// The sensitivity at each: the greatest where a threshold has just this specificity, else by
    /// linear interpolation.
    pub sensitivity: Vec<f64>,
    /// Lower limits.
    pub lower: Vec<f64>,
    /// Upper limits.
    pub upper: Vec<f64>,
}

/// Who is drawn in a bootstrap, how often, by which seed and to which level.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap<'a> {
    /// Cluster codes by row; without them rows are drawn within their class.
    pub cluster: Option<&'a [usize]>,
    /// Replicates.
    pub replicates: u64,
    /// Seed.
    pub seed: u64,
    /// Confidence level.
    pub level: f64,
}

/// The band of sensitivity at these specificities (any order, within [0, 1]).
///
/// # Errors
/// As [`roc_curve`]; setting error for a specificity outside [0, 1]; not estimable with fewer than two
/// cases (or clusters) of a class, when more than a tenth of the replicates lacks a class, and where the
/// band has no width at any specificity (perfect separation, a constant score).
pub fn sensitivity_band(
    truth: &[bool],
    score: &[f64],
    specificities: &[f64],
    band: Band,
    bootstrap: Bootstrap<'_>,
) -> Result<SensitivityBand, StatisticsError> {
    crate::distribution::two_sided_z(bootstrap.level)?;
    let mut grid = specificities.to_vec();
    if let Some(bad) = grid.iter().find(|s| !(0.0..=1.0).contains(*s)) {
        return Err(StatisticsError::setting(
            "specificities",
            bad,
            "each lies between 0 and 1",
        ));
    }
    grid.sort_unstable_by(f64::total_cmp);
    let levels = Levels::new(truth, score)?;
    let units = levels.resampling(truth, bootstrap.cluster)?;
    let at = |counts: &[Count]| sensitivities_at(counts, &grid);
    let sensitivity = at(&levels.counts).unwrap_or_default();
    let all = units.replicates(&levels, bootstrap.seed, bootstrap.replicates, at);
    let replicates: Vec<&Vec<f64>> = all.iter().flatten().collect();
    if replicates.len() < 100 || replicates.len() * 10 < all.len() * 9 {
        return Err(StatisticsError::not_estimable(format!(
            "{} of {} bootstrap replicates lack a class",
            all.len() - replicates.len(),
            all.len()
        )));
    }
    let columns: Vec<Vec<f64>> = (0..grid.len())
        .map(|place| {
            replicates
                .iter()
                .filter_map(|r| r.get(place).copied())
                .collect()
        })
        .collect();
    let (low, high) = (
        (1.0 - bootstrap.level) / 2.0,
        f64::midpoint(1.0, bootstrap.level),
    );
    let limits: Vec<(f64, f64)> = match band {
        Band::Pointwise => columns
            .into_iter()
            .map(|mut column| {
                column.sort_unstable_by(f64::total_cmp);
                (quantile(&column, low), quantile(&column, high))
            })
            .collect(),
        Band::Simultaneous => {
            let spread: Vec<f64> = columns.iter().map(|c| standard_deviation(c)).collect();
            let mut greatest: Vec<f64> = replicates
                .iter()
                .map(|r| {
                    r.iter()
                        .zip(&sensitivity)
                        .zip(&spread)
                        .filter(|(_, sd)| **sd > 0.0)
                        .map(|((v, centre), sd)| (v - centre).abs() / sd)
                        .fold(0.0, f64::max)
                })
                .collect();
            greatest.sort_unstable_by(f64::total_cmp);
            let c = quantile(&greatest, bootstrap.level);
            sensitivity
                .iter()
                .zip(&spread)
                .map(|(v, sd)| ((v - c * sd).max(0.0), (v + c * sd).min(1.0)))
                .collect()
        }
    };
    if limits.iter().all(|(l, u)| l == u) {
        return Err(StatisticsError::not_estimable(
            "every replicate gives the same curve (perfect separation, or a constant score), so the band would have no width",
        ));
    }
    let (lower, upper) = limits.into_iter().unzip();
    Ok(SensitivityBand {
        specificity: grid,
        sensitivity,
        lower,
        upper,
    })
}

pub(super) fn standard_deviation(values: &[f64]) -> f64 {
    let k = values.len() as f64;
    let mean = values.iter().sum::<f64>() / k;
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (k - 1.0)).sqrt()
}

/// More corners than this are thinned in a figure.
const DRAWN_AT_MOST: usize = 2000;

/// The curve as a figure with its thresholds: points within a straight run are left out, which does
/// not change the line.
pub(super) fn figure(label: impl Into<String>, points: &[RocPoint]) -> Curve {
    let straight = |a: &RocPoint, b: &RocPoint, c: &RocPoint| {
        let (dx0, dy0) = (
            b.true_negatives - a.true_negatives,
            a.true_positives - b.true_positives,
        );
        let (dx1, dy1) = (
            c.true_negatives - b.true_negatives,
            b.true_positives - c.true_positives,
        );
        u128::from(dx0) * u128::from(dy1) == u128::from(dx1) * u128::from(dy0)
    };
    let corners: Vec<&RocPoint> = points
        .iter()
        .enumerate()
        .filter(|(at, point)| {
            match (
                at.checked_sub(1).and_then(|p| points.get(p)),
                points.get(at + 1),
            ) {
                (Some(before), Some(after)) => !straight(before, point, after),
                _ => true,
            }
        })
        .map(|(_, point)| point)
        .collect();
    let step = corners.len().div_ceil(DRAWN_AT_MOST).max(1);
    let last = corners.len().saturating_sub(1);
    let drawn: Vec<&RocPoint> = corners
        .into_iter()
        .enumerate()
        .filter(|(at, _)| at % step == 0 || *at == last)
        .map(|(_, point)| point)
        .rev()
        .collect();
    let mut curve = Curve::line(
        Figure::Roc,
        label,
        drawn.iter().map(|p| 1.0 - p.specificity).collect(),
        drawn.iter().map(|p| p.sensitivity).collect(),
    );
    curve.labels = drawn.iter().map(|p| format!("{:?}", p.threshold)).collect();
    curve
}

/// The band as a figure.
pub(super) fn band_figure(label: impl Into<String>, band: &SensitivityBand) -> Curve {
    let back = |v: &[f64]| v.iter().rev().copied().collect::<Vec<f64>>();
    let mut curve = Curve::line(
        Figure::Roc,
        label,
        band.specificity.iter().rev().map(|s| 1.0 - s).collect(),
        back(&band.sensitivity),
    );
    (curve.lower, curve.upper) = (back(&band.lower), back(&band.upper));
    curve
}
