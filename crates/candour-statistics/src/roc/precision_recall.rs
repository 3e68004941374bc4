//! Precision and recall.

use serde::Serialize;

use super::levels::{self, Levels};
use super::partial::{NO_WIDTH, replicated};
use super::{BOOTSTRAP, Bootstrap, bootstrap_of, clip, idle_bootstrap};
use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, REPLICATES, SCORE, SEED, Sample, Setting, SettingKind, TRUTH,
};
use crate::distribution::two_sided_z;
use crate::number::{Answer, Curve, Figure, Interval, Number, StatisticsError};
use crate::resample::BootstrapInterval;

/// A point of the precision-recall curve: what calling every score `>= threshold` positive would give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PrecisionRecallPoint {
    /// The threshold, an observed score.
    pub threshold: f64,
    /// Share of those at or above it that are positive.
    pub precision: f64,
    /// Share of positives at or above it.
    pub recall: f64,
}

/// Average precision: `sum (R_k - R_(k-1)) P_k` over the distinct scores from the highest, a step
/// integral without interpolation (as `average_precision_score` of scikit-learn; a trapezoid would
/// be too optimistic). A score without skill has the prevalence.
///
/// # Errors
/// Not estimable without a case in each class; data error when a score is not a number.
pub fn average_precision(truth: &[bool], score: &[f64]) -> Result<f64, StatisticsError> {
    Ok(levels::average_precision(&Levels::new(truth, score)?.counts).unwrap_or(f64::NAN))
}

/// Its bootstrap interval: cases drawn within their class, so that the prevalence stays, or whole
/// clusters.
///
/// # Errors
/// As [`average_precision`] and [`BootstrapInterval::of`]; not estimable with fewer than two cases (or
/// clusters) of a class, when every replicate is the same, and for BCa with more than 20 000 units.
pub fn average_precision_interval(
    truth: &[bool],
    score: &[f64],
    method: BootstrapInterval,
    bootstrap: Bootstrap<'_>,
) -> Result<Interval, StatisticsError> {
    let levels = Levels::new(truth, score)?;
    let value = levels::average_precision(&levels.counts).unwrap_or(f64::NAN);
    replicated(
        &levels,
        truth,
        value,
        method,
        bootstrap,
        levels::average_precision,
    )
}

/// The points of the curve from the highest threshold to the lowest.
///
/// # Errors
/// As [`average_precision`].
pub fn precision_recall_curve(
    truth: &[bool],
    score: &[f64],
) -> Result<Vec<PrecisionRecallPoint>, StatisticsError> {
    let levels = Levels::new(truth, score)?;
    let (mut tp, mut fp) = (0u64, 0u64);
    Ok(levels
        .scores
        .iter()
        .zip(&levels.counts)
        .rev()
        .map(|(threshold, count)| {
            tp += u64::from(count.positive);
            fp += u64::from(count.negative);
            PrecisionRecallPoint {
                threshold: *threshold,
                precision: tp as f64 / (tp + fp) as f64,
                recall: tp as f64 / levels.positive as f64,
            }
        })
        .collect())
}

/// The logit interval of Boyd, Eng and Page (2013): `logit(a) -/+ z / sqrt(m a (1 - a))` with `m`
/// positives, carried back.
fn logit(value: f64, positive: usize, level: f64) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    if !(value > 0.0 && value < 1.0) {
        return Err(StatisticsError::not_estimable(format!(
            "an average precision of {value} has no logit"
        )));
    }
    let centre = (value / (1.0 - value)).ln();
    let half = z / (positive as f64 * value * (1.0 - value)).sqrt();
    let back = |x: f64| 1.0 / (1.0 + (-x).exp());
    Ok(Interval {
        lower: back(centre - half),
        upper: back(centre + half),
        level,
    })
}

pub(super) const ENTRY: Entry = Entry {
    id: "precision-recall",
    group: Group::Roc,
    title: "Average precision",
    formula: "AP = sum (R_k - R_(k-1)) P_k over distinct scores from the highest: a step integral. Interval by bootstrap within classes or by cluster, or logit(AP) -/+ z/sqrt(m AP (1-AP))",
    source: "Davis and Goadrich 2006; Boyd, Eng and Page 2013; scikit-learn average_precision_score",
    assumptions: "The value depends on the prevalence in the data, which is printed beside it: it does not carry over to another prevalence. Cases (or clusters) are independent; the logit interval takes rows to be",
    compared_with: "scikit-learn 1.9.1 average_precision_score, precision_recall_curve",
    roles: &[TRUTH, SCORE, CLUSTER],
    settings: &[
        LEVEL,
        Setting {
            name: "interval",
            what: "how the interval is made: bootstrap or logit",
            kind: SettingKind::Choice(&["bootstrap", "logit"]),
            default: Some("bootstrap"),
        },
        BOOTSTRAP,
        REPLICATES,
        SEED,
    ],
    numbers: &["average_precision", "prevalence"],
    run,
};

fn run(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, score) = (sample.binary("truth"), sample.reals("score"));
    let clusters = sample.labels("cluster").map(|l| l.complete());
    let value = average_precision(truth, score)?;
    let n = truth.len();
    let positive = truth.iter().filter(|t| **t).count();
    let mut answer = Answer::default();
    let number = Number::plain("average_precision", "average-precision.step", value, n);
    let made = if sample.word("interval") == "logit" {
        if clusters.is_some() {
            return Err(StatisticsError::setting(
                "interval",
                "`logit` with clusters",
                "it takes rows to be independent; use bootstrap",
            ));
        }
        logit(value, positive, sample.real("level")).map(|i| (i, "logit"))
    } else {
        let method = BootstrapInterval::from_word(sample.word("bootstrap"));
        average_precision_interval(
            truth,
            score,
            method,
            bootstrap_of(sample, clusters.as_deref()),
        )
        .map(|i| (i, method.id()))
    };
    let made = made.and_then(|(interval, method)| Ok((clip(interval, 0.0, 1.0)?, method)));
    answer.numbers.push(match made {
        Ok(((interval, clipped), method)) => {
            if clipped {
                answer.notes.push(
                    "a limit lay outside [0, 1] and was clipped; percentile stays inside".into(),
                );
            }
            number.with_interval(interval, method)
        }
        Err(StatisticsError::NotEstimable(why)) => {
            let remedy = if value < 1.0 && clusters.is_none() {
                "interval `logit` needs no replicates"
            } else {
                NO_WIDTH
            };
            number.without_interval(format!("{why}; {remedy}"))
        }
        Err(other) => return Err(other),
    });
    idle_bootstrap(&mut answer, sample);
    let prevalence = positive as f64 / n as f64;
    answer.numbers.push(Number::plain(
        "prevalence",
        "positives-over-all",
        prevalence,
        n,
    ));
    answer.notes.push(format!(
        "a score without skill has an average precision of the prevalence, {prevalence:.4} here"
    ));
    let points = precision_recall_curve(truth, score)?;
    let step = points.len().div_ceil(2000).max(1);
    let last = points.len().saturating_sub(1);
    let drawn: Vec<&PrecisionRecallPoint> = points
        .iter()
        .enumerate()
        .filter(|(at, _)| at % step == 0 || *at == last)
        .map(|(_, p)| p)
        .collect();
    let mut curve = Curve::line(
        Figure::PrecisionRecall,
        "precision and recall",
        drawn.iter().map(|p| p.recall).collect(),
        drawn.iter().map(|p| p.precision).collect(),
    );
    curve.labels = drawn.iter().map(|p| format!("{:?}", p.threshold)).collect();
    answer.curves.push(curve);
    answer.curves.push(Curve::line(
        Figure::PrecisionRecall,
        "prevalence",
        vec![0.0, 1.0],
        vec![prevalence, prevalence],
    ));
    Ok(answer)
}
