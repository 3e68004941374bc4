//! Diagnostic accuracy of a yes-or-no call against the reference standard: sensitivity to odds
//! ratio, goals, predictive values at a stated prevalence, indeterminate results, partial
//! verification.

use std::collections::BTreeMap;

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, Role, SCORE, Sample, Setting, SettingKind,
    TRUTH,
};
use crate::clustered::{
    ClusterTotal, ClusteredMethod, clustered_interval, clustered_proportion, few_clusters_note,
};
use crate::comparison::{
    OddsRatioMethod, RatioMethod, attach, odds_ratio_interval, ratio_interval, ratio_number,
};
use crate::distribution::{chi_squared_tail, normal_tail, two_sided_z};
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::proportion::{
    Alternative, Bound, CLUSTERED_METHOD, METHOD, ProportionMethod, binomial_test, idle,
    method_note, proportion_interval, proportion_number, score_test,
};

/// Counts of a 2x2 table of call against truth. Whole numbers, kept as reals for the arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confusion {
    /// Diseased and called positive.
    pub tp: f64,
    /// Healthy and called positive.
    pub fp: f64,
    /// Diseased and called negative.
    pub missed: f64,
    /// Healthy and called negative.
    pub tn: f64,
}

impl Confusion {
    /// Counts rows.
    ///
    /// # Errors
    /// When the columns differ in length.
    pub fn count(truth: &[bool], call: &[bool]) -> Result<Self, StatisticsError> {
        same_length(truth.len(), call.len())?;
        let mut table = Self::default();
        for (t, c) in truth.iter().zip(call) {
            table.add(*t, *c);
        }
        Ok(table)
    }

    fn add(&mut self, truth: bool, call: bool) {
        let cell = match (truth, call) {
            (true, true) => &mut self.tp,
            (false, true) => &mut self.fp,
            (true, false) => &mut self.missed,
            (false, false) => &mut self.tn,
        };
        *cell += 1.0;
    }

    fn total(&self) -> f64 {
        self.tp + self.fp + self.missed + self.tn
    }

    fn has_empty_cell(&self) -> bool {
        [self.tp, self.fp, self.missed, self.tn].contains(&0.0)
    }
}

/// Tables of each cluster, in the order of the codes.
///
/// # Errors
/// When the columns differ in length.
pub fn cluster_tables(
    truth: &[bool],
    call: &[bool],
    cluster: &[usize],
) -> Result<Vec<Confusion>, StatisticsError> {
    same_length(truth.len(), call.len())?;
    same_length(truth.len(), cluster.len())?;
    let mut tables: BTreeMap<usize, Confusion> = BTreeMap::new();
    for ((t, c), code) in truth.iter().zip(call).zip(cluster) {
        tables.entry(*code).or_default().add(*t, *c);
    }
    Ok(tables.into_values().collect())
}

/// The measures of a 2x2 table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant says its own name")]
pub enum Measure {
    Sensitivity,
    Specificity,
    PositivePredictiveValue,
    NegativePredictiveValue,
    Accuracy,
    BalancedAccuracy,
    Youden,
    PositiveLikelihoodRatio,
    NegativeLikelihoodRatio,
    DiagnosticOddsRatio,
    F1,
    Matthews,
    Prevalence,
}

impl Measure {
    /// All of them, in the order they are printed.
    pub const ALL: &'static [Self] = &[
        Self::Sensitivity,
        Self::Specificity,
        Self::PositivePredictiveValue,
        Self::NegativePredictiveValue,
        Self::Accuracy,
        Self::BalancedAccuracy,
        Self::Youden,
        Self::PositiveLikelihoodRatio,
        Self::NegativeLikelihoodRatio,
        Self::DiagnosticOddsRatio,
        Self::F1,
        Self::Matthews,
        Self::Prevalence,
    ];

    /// Its name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sensitivity => "sensitivity",
            Self::Specificity => "specificity",
            Self::PositivePredictiveValue => "ppv",
            Self::NegativePredictiveValue => "npv",
            Self::Accuracy => "accuracy",
            Self::BalancedAccuracy => "balanced_accuracy",
            Self::Youden => "youden",
            Self::PositiveLikelihoodRatio => "lr_positive",
            Self::NegativeLikelihoodRatio => "lr_negative",
            Self::DiagnosticOddsRatio => "diagnostic_odds_ratio",
            Self::F1 => "f1",
            Self::Matthews => "mcc",
            Self::Prevalence => "prevalence",
        }
    }

    fn definition(self) -> &'static str {
        match self {
            Self::Sensitivity => "tp/(tp+fn)",
            Self::Specificity => "tn/(tn+fp)",
            Self::PositivePredictiveValue => "ppv.at-study-prevalence",
            Self::NegativePredictiveValue => "npv.at-study-prevalence",
            Self::Accuracy => "(tp+tn)/n",
            Self::BalancedAccuracy => "(sensitivity+specificity)/2",
            Self::Youden => "sensitivity+specificity-1",
            Self::PositiveLikelihoodRatio => "sensitivity/(1-specificity)",
            Self::NegativeLikelihoodRatio => "(1-sensitivity)/specificity",
            Self::DiagnosticOddsRatio => "tp*tn/(fp*fn)",
            Self::F1 => "2tp/(2tp+fp+fn)",
            Self::Matthews => "mcc.phi",
            Self::Prevalence => "(tp+fn)/n",
        }
    }

    /// Numerator and denominator where the measure is a proportion.
    fn proportion(self, t: &Confusion) -> Option<(f64, f64)> {
        match self {
            Self::Sensitivity => Some((t.tp, t.tp + t.missed)),
            Self::Specificity => Some((t.tn, t.tn + t.fp)),
            Self::PositivePredictiveValue => Some((t.tp, t.tp + t.fp)),
            Self::NegativePredictiveValue => Some((t.tn, t.tn + t.missed)),
            Self::Accuracy => Some((t.tp + t.tn, t.total())),
            Self::Prevalence => Some((t.tp + t.missed, t.total())),
            _ => None,
        }
    }

    /// Its value; `None` where a denominator is zero, infinity for a ratio over zero.
    #[must_use]
    pub fn value(self, t: &Confusion) -> Option<f64> {
        if let Some((x, n)) = self.proportion(t) {
            return (n > 0.0).then(|| x / n);
        }
        let (diseased, healthy) = (t.tp + t.missed, t.fp + t.tn);
        let both = diseased > 0.0 && healthy > 0.0;
        let ratio = |a: f64, b: f64| (both && (a > 0.0 || b > 0.0)).then(|| a / b);
        match self {
            Self::BalancedAccuracy => both.then(|| f64::midpoint(t.tp / diseased, t.tn / healthy)),
            Self::Youden => both.then(|| t.tp / diseased + t.tn / healthy - 1.0),
            Self::PositiveLikelihoodRatio => ratio(t.tp / diseased, t.fp / healthy),
            Self::NegativeLikelihoodRatio => ratio(t.missed / diseased, t.tn / healthy),
            Self::DiagnosticOddsRatio => ratio(t.tp * t.tn, t.fp * t.missed),
            Self::F1 => {
                let below = 2.0 * t.tp + t.fp + t.missed;
                (below > 0.0).then(|| 2.0 * t.tp / below)
            }
            Self::Matthews => {
                let below = (t.tp + t.fp) * (t.tn + t.missed) * diseased * healthy;
                (below > 0.0).then(|| (t.tp * t.tn - t.fp * t.missed) / below.sqrt())
            }
            _ => None,
        }
    }

    /// Derivatives by (tp, fp, fn, tn) of the measure, or of its logarithm for the three ratios.
    fn gradient(self, t: &Confusion) -> Option<[f64; 4]> {
        let (p, q, diseased, healthy) =
            (t.tp + t.fp, t.tn + t.missed, t.tp + t.missed, t.fp + t.tn);
        let n = t.total();
        // d(x / m) = (dx - (x / m) dm) / m
        let share = |x: f64, m: f64, dx: [f64; 4], dm: [f64; 4]| -> [f64; 4] {
            let mut out = [0.0; 4];
            for ((o, a), b) in out.iter_mut().zip(dx).zip(dm) {
                *o = (a - x / m * b) / m;
            }
            out
        };
        let add = |a: [f64; 4], b: [f64; 4], factor: f64| -> [f64; 4] {
            let mut out = a;
            for (o, v) in out.iter_mut().zip(b) {
                *o = factor * (*o + v);
            }
            out
        };
        let gradient = match self {
            Self::Sensitivity => share(t.tp, diseased, [1., 0., 0., 0.], [1., 0., 1., 0.]),
            Self::Specificity => share(t.tn, healthy, [0., 0., 0., 1.], [0., 1., 0., 1.]),
            Self::PositivePredictiveValue => share(t.tp, p, [1., 0., 0., 0.], [1., 1., 0., 0.]),
            Self::NegativePredictiveValue => share(t.tn, q, [0., 0., 0., 1.], [0., 0., 1., 1.]),
            Self::Accuracy => share(t.tp + t.tn, n, [1., 0., 0., 1.], [1.; 4]),
            Self::Prevalence => share(diseased, n, [1., 0., 1., 0.], [1.; 4]),
            Self::Youden => add(
                Self::Sensitivity.gradient(t)?,
                Self::Specificity.gradient(t)?,
                1.0,
            ),
            Self::BalancedAccuracy => add(
                Self::Sensitivity.gradient(t)?,
                Self::Specificity.gradient(t)?,
                0.5,
            ),
            Self::PositiveLikelihoodRatio => [
                1.0 / t.tp - 1.0 / diseased,
                1.0 / healthy - 1.0 / t.fp,
                -1.0 / diseased,
                1.0 / healthy,
            ],
            Self::NegativeLikelihoodRatio => [
                -1.0 / diseased,
                1.0 / healthy,
                1.0 / t.missed - 1.0 / diseased,
                1.0 / healthy - 1.0 / t.tn,
            ],
            Self::DiagnosticOddsRatio => [1.0 / t.tp, -1.0 / t.fp, -1.0 / t.missed, 1.0 / t.tn],
            Self::F1 => share(
                2.0 * t.tp,
                2.0 * t.tp + t.fp + t.missed,
                [2., 0., 0., 0.],
                [2., 1., 1., 0.],
            ),
            Self::Matthews => {
                let root = (p * q * diseased * healthy).sqrt();
                let mcc = (t.tp * t.tn - t.fp * t.missed) / root;
                let half = mcc / 2.0;
                [
                    t.tn / root - half * (1.0 / p + 1.0 / diseased),
                    -t.missed / root - half * (1.0 / p + 1.0 / healthy),
                    -t.fp / root - half * (1.0 / q + 1.0 / diseased),
                    t.tp / root - half * (1.0 / q + 1.0 / healthy),
                ]
            }
        };
        gradient.iter().all(|g| g.is_finite()).then_some(gradient)
    }

    fn is_ratio(self) -> bool {
        matches!(
            self,
            Self::PositiveLikelihoodRatio
                | Self::NegativeLikelihoodRatio
                | Self::DiagnosticOddsRatio
        )
    }

    /// Variance by the delta method from the multinomial table, or from the tables of whole
    /// clusters with the factor m / (m - 1), of the measure (of its logarithm for likelihood ratios
    /// and odds ratio, which gives the intervals of Simel, Samsa and Matchar 1991). `None` where the
    /// variance vanishes, and of a ratio or the MCC where any cell is empty: then sensitivity or
    /// specificity is 0 or 1, and its share of the variance is 0 and no estimate.
    #[must_use]
    pub fn variance(self, t: &Confusion, clusters: Option<&[Confusion]>) -> Option<f64> {
        if (self.is_ratio() || self == Self::Matthews) && t.has_empty_cell() {
            return None;
        }
        let g = self.gradient(t)?;
        let dot = |c: &Confusion| -> f64 {
            g.iter()
                .zip([c.tp, c.fp, c.missed, c.tn])
                .map(|(a, b)| a * b)
                .sum()
        };
        let variance = match clusters {
            None => g
                .iter()
                .zip([t.tp, t.fp, t.missed, t.tn])
                .map(|(a, count)| a * a * count)
                .sum::<f64>(),
            Some(clusters) => {
                // Clusters that carry no weight for this measure do not count.
                let used: Vec<&Confusion> = clusters.iter().filter(|c| self.touches(c)).collect();
                let m = used.len() as f64;
                if used.len() < 2 {
                    return None;
                }
                m / (m - 1.0) * used.iter().map(|c| dot(c).powi(2)).sum::<f64>()
            }
        };
        // Rounding leaves about 1e-32 where the true variance is zero.
        (variance > 1e-28).then_some(variance)
    }

    fn touches(self, c: &Confusion) -> bool {
        match self.proportion(c) {
            Some((_, n)) => n > 0.0,
            None => c.total() > 0.0,
        }
    }
}

fn same_length(a: usize, b: usize) -> Result<(), StatisticsError> {
    if a == b {
        Ok(())
    } else {
        Err(StatisticsError::Data(format!(
            "one column has {a} rows, another {b}"
        )))
    }
}

/// How F1 gets its interval: it is 2 J / (1 + J) of the proportion J = tp / (tp + fp + fn).
const F1_WORDS: &[&str] = &["wilson-transformed", "delta"];

/// One measure with its interval. Proportions: the binomial interval of `method`, with clusters the
/// effective-sample Wilson interval of the ratio estimator. Ratios: log-normal. Youden and balanced
/// accuracy: square-and-add of the two intervals (Zou and Donner 2008), with clusters the delta
/// method. F1: transformed binomial or delta method. MCC: delta method, clipped.
///
/// # Errors
/// When the level lies outside (0, 1).
pub fn measure_number(
    measure: Measure,
    table: &Confusion,
    clusters: Option<&[Confusion]>,
    level: f64,
    method: ProportionMethod,
    f1_by_delta: bool,
) -> Result<Number, StatisticsError> {
    let z = two_sided_z(level)?;
    let (name, definition) = (measure.name(), measure.definition());
    let n = match measure.proportion(table) {
        Some((_, n)) => n as usize,
        None => table.total() as usize,
    };
    let Some(value) = measure.value(table) else {
        return Ok(Number::none(
            name,
            definition,
            n,
            empty_reason(measure, table),
        ));
    };
    if let Some((x, trials)) = measure.proportion(table) {
        let Some(clusters) = clusters else {
            return proportion_number(
                name,
                definition,
                x as u64,
                trials as u64,
                level,
                method,
                Bound::TwoSided,
            );
        };
        let totals: Vec<ClusterTotal> = clusters
            .iter()
            .filter_map(|c| measure.proportion(c))
            .map(|(successes, trials)| ClusterTotal { successes, trials })
            .collect();
        let p = clustered_proportion(&totals)?;
        let mut number = Number::plain(name, definition, value, n);
        if let Some(v) = p.variance {
            number = number.with_standard_error(v.sqrt());
        }
        return match clustered_interval(&p, level, ClusteredMethod::WilsonEffective) {
            Ok(i) => Ok(number.with_interval(i, ClusteredMethod::WilsonEffective.id())),
            Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
            Err(other) => Err(other),
        };
    }
    let mut number = Number::plain(name, definition, value, n);
    let variance = measure.variance(table, clusters);
    if measure.is_ratio() {
        if table.has_empty_cell() {
            let reason = if clusters.is_some() {
                "a cell of the table is empty, so the logarithm of the ratio has no sound variance; no other interval takes clusters"
            } else {
                "a cell of the table is empty, so the logarithm of the ratio has no sound variance; `likelihood-ratios` with interval score gives an interval"
            };
            // An infinite ratio is no estimate.
            return Ok(if value.is_finite() {
                number.without_interval(reason)
            } else {
                Number::none(
                    name,
                    definition,
                    n,
                    format!("the ratio is infinite: {reason}"),
                )
            });
        }
        return Ok(match variance {
            Some(v) => {
                let half = z * v.sqrt();
                number.with_standard_error(value * v.sqrt()).with_interval(
                    Interval {
                        lower: (value.ln() - half).exp(),
                        upper: (value.ln() + half).exp(),
                        level,
                    },
                    if clusters.is_some() {
                        "log-normal.clustered"
                    } else {
                        "log-normal.simel-1991"
                    },
                )
            }
            None => number.without_interval("the logarithm of the ratio has no variance estimate"),
        });
    }
    if let Some(v) = variance {
        number = number.with_standard_error(v.sqrt());
    }
    match (measure, clusters) {
        (Measure::Youden | Measure::BalancedAccuracy, None) => {
            let limits = |x: f64, n: f64| {
                proportion_interval(x as u64, n as u64, level, method, Bound::TwoSided)
            };
            let (diseased, healthy) = (table.tp + table.missed, table.fp + table.tn);
            match (limits(table.tp, diseased), limits(table.tn, healthy)) {
                (Ok(se), Ok(sp)) => {
                    let down = (se.value - se.interval.lower).hypot(sp.value - sp.interval.lower);
                    let up = (se.interval.upper - se.value).hypot(sp.interval.upper - sp.value);
                    let factor = if measure == Measure::Youden { 1.0 } else { 0.5 };
                    Ok(number.with_interval(
                        Interval {
                            lower: value - factor * down,
                            upper: value + factor * up,
                            level,
                        },
                        format!("square-and-add.{}", method.id()),
                    ))
                }
                (Err(StatisticsError::NotEstimable(r)), _)
                | (_, Err(StatisticsError::NotEstimable(r))) => Ok(number.without_interval(r)),
                (Err(other), _) | (_, Err(other)) => Err(other),
            }
        }
        (Measure::F1, None) if !f1_by_delta => {
            let trials = table.tp + table.fp + table.missed;
            match proportion_interval(
                table.tp as u64,
                trials as u64,
                level,
                method,
                Bound::TwoSided,
            ) {
                Ok(j) => {
                    let f1 = |j: f64| 2.0 * j / (1.0 + j);
                    Ok(number.with_interval(
                        Interval {
                            lower: f1(j.interval.lower),
                            upper: f1(j.interval.upper),
                            level,
                        },
                        format!("transformed.{}", method.id()),
                    ))
                }
                Err(StatisticsError::NotEstimable(r)) => Ok(number.without_interval(r)),
                Err(other) => Err(other),
            }
        }
        _ => Ok(match variance {
            Some(v) => {
                let half = z * v.sqrt();
                let (least, most) = match measure {
                    Measure::Youden | Measure::Matthews => (-1.0, 1.0),
                    _ => (0.0, 1.0),
                };
                number.with_interval(
                    Interval {
                        lower: (value - half).max(least),
                        upper: (value + half).min(most),
                        level,
                    },
                    if clusters.is_some() {
                        "delta.clustered"
                    } else {
                        "delta"
                    },
                )
            }
            None if measure == Measure::Matthews && table.has_empty_cell() => number
                .without_interval(
                    "a cell of the table is empty, so the delta method has no sound variance",
                ),
            None => number.without_interval("the variance of the delta method vanishes here"),
        }),
    }
}

fn empty_reason(measure: Measure, t: &Confusion) -> &'static str {
    if t.total() == 0.0 {
        return "there are no rows";
    }
    match measure {
        Measure::Sensitivity => "there are no diseased cases",
        Measure::Specificity => "there are no healthy cases",
        Measure::PositivePredictiveValue => "nothing was called positive",
        Measure::NegativePredictiveValue => "nothing was called negative",
        Measure::F1 => "there are neither diseased cases nor positive calls",
        _ if t.tp + t.missed == 0.0 => "there are no diseased cases",
        _ if t.fp + t.tn == 0.0 => "there are no healthy cases",
        Measure::Matthews => "every call is the same",
        _ => "numerator and denominator are both zero",
    }
}

/// A predictive value at a stated prevalence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PredictiveValue {
    /// The value; none where no case would be called so.
    pub value: Option<f64>,
    /// Variance of its logit; none at a value of 0 or 1.
    pub logit_variance: Option<f64>,
    /// Its interval, made on the logit scale; none where the variance is.
    pub interval: Option<Interval>,
}

/// Where the prevalence comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Prevalence {
    /// Stated, without error.
    Stated(f64),
    /// Estimated as successes out of trials; its logit adds 1 / (n p (1 - p)) to the variance.
    Estimated(u64, u64),
}

/// Positive and negative predictive value at a prevalence, with intervals on the logit scale
/// (Mercaldo, Lau and Zhou 2007). `adjusted` adds z^2 / 2 to each cell, as they advise when
/// sensitivity or specificity is 1. Each of the two has its own value and interval, whatever the other
/// lacks.
///
/// # Errors
/// Not estimable when a class is empty; refused when the prevalence lies outside (0, 1).
pub fn predictive_values(
    table: &Confusion,
    prevalence: Prevalence,
    level: f64,
    adjusted: bool,
) -> Result<(PredictiveValue, PredictiveValue), StatisticsError> {
    let z = two_sided_z(level)?;
    let (p, extra) = match prevalence {
        Prevalence::Stated(p) => (p, 0.0),
        Prevalence::Estimated(x, n) => {
            crate::proportion::check_counts(x, n)?;
            if n == 0 {
                return Err(StatisticsError::not_estimable(
                    "the prevalence has no trials",
                ));
            }
            let p = x as f64 / n as f64;
            (p, 1.0 / (n as f64 * p * (1.0 - p)))
        }
    };
    if !(p > 0.0 && p < 1.0) {
        return Err(StatisticsError::setting(
            "prevalence",
            p,
            "it lies between 0 and 1, both excluded",
        ));
    }
    let (diseased, healthy) = (table.tp + table.missed, table.fp + table.tn);
    if diseased == 0.0 || healthy == 0.0 {
        return Err(StatisticsError::not_estimable(
            "it needs diseased and healthy cases",
        ));
    }
    let more = if adjusted { z * z / 2.0 } else { 0.0 };
    let (tp, missed, fp, tn) = (
        table.tp + more,
        table.missed + more,
        table.fp + more,
        table.tn + more,
    );
    let (n1, n0) = (tp + missed, fp + tn);
    let (se, sp) = (tp / n1, tn / n0);
    let value = |hit: f64, other: f64, variance: f64| {
        // At the prevalence p: hit = P(truth as called, called), other = P(truth otherwise, called).
        let value = (hit + other > 0.0).then(|| hit / (hit + other));
        let sound = hit > 0.0 && other > 0.0 && variance.is_finite() && variance > 0.0;
        let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
        let (logit, half) = ((hit / other).ln(), z * variance.sqrt());
        PredictiveValue {
            value,
            logit_variance: sound.then_some(variance),
            interval: sound.then(|| Interval {
                lower: expit(logit - half),
                upper: expit(logit + half),
                level,
            }),
        }
    };
    Ok((
        value(
            p * se,
            (1.0 - p) * fp / n0,
            (1.0 - se) / tp + sp / fp + extra,
        ),
        value(
            (1.0 - p) * sp,
            p * missed / n1,
            se / missed + (1.0 - sp) / tn + extra,
        ),
    ))
}

/// What partial verification lets one estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BeggGreenes {
    /// The estimate.
    pub value: f64,
    /// Variance of its logit.
    pub logit_variance: f64,
}

/// Counts under partial verification: by call, how many were verified diseased, verified healthy
/// and not verified.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Verification {
    /// Called positive: diseased, healthy, not verified.
    pub positive: (f64, f64, f64),
    /// Called negative: diseased, healthy, not verified.
    pub negative: (f64, f64, f64),
}

/// Sensitivity and specificity corrected for partial verification (Begg and Greenes 1983), with
/// their variance on the logit scale, 1 / (N tau (1 - tau)) + (1 - phi1) / (phi1 v1) + phi0 ... by
/// the delta method (equations of Zhou, McClish and Obuchowski 2002, chapter 10). It holds when the
/// choice to verify depends on the call alone.
///
/// # Errors
/// Not estimable when no positive or no negative call was verified, or a needed cell is empty.
pub fn begg_greenes(v: &Verification) -> Result<(BeggGreenes, BeggGreenes), StatisticsError> {
    let (s1, r1, u1) = v.positive;
    let (s0, r0, u0) = v.negative;
    if [s1, r1, u1, s0, r0, u0]
        .iter()
        .any(|x| !(*x >= 0.0 && x.is_finite()))
    {
        return Err(StatisticsError::Data(
            "counts must be finite and not negative".into(),
        ));
    }
    let (n1, n0) = (s1 + r1 + u1, s0 + r0 + u0);
    if s1 + r1 == 0.0 || s0 + r0 == 0.0 {
        return Err(StatisticsError::not_estimable(
            "it needs verified cases among positive and among negative calls",
        ));
    }
    if n1 == 0.0 || n0 == 0.0 {
        return Err(StatisticsError::not_estimable(
            "it needs positive and negative calls",
        ));
    }
    let one = |hit1: f64, other1: f64, hit0: f64, other0: f64, wanted_positive: bool| {
        // Share of each call's verified cases that belong to the class in question.
        let (phi1, phi0) = (hit1 / (hit1 + other1), hit0 / (hit0 + other0));
        let (a, b) = (n1 * phi1, n0 * phi0);
        if a + b == 0.0 {
            return Err(StatisticsError::not_estimable(
                "no verified case belongs to the class",
            ));
        }
        let value = if wanted_positive {
            a / (a + b)
        } else {
            b / (a + b)
        };
        let logit_variance = 1.0 / n1
            + 1.0 / n0
            + other1 / (hit1 * (hit1 + other1))
            + other0 / (hit0 * (hit0 + other0));
        Ok(BeggGreenes {
            value,
            logit_variance,
        })
    };
    Ok((one(s1, r1, s0, r0, true)?, one(r1, s1, r0, s0, false)?))
}

const CALL: Role = Role {
    name: "call",
    what: "the index test's call: positive or negative; or give `score` and the setting `threshold`",
    kind: Kind::Binary,
    need: Need::Optional,
    missing: false,
};

const SCORE_OPTIONAL: Role = Role {
    need: Need::Optional,
    ..SCORE
};

const THRESHOLD: Setting = Setting {
    name: "threshold",
    what: "a score at or above it is a positive call",
    kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
    default: None,
};

const ADJUSTED: Setting = Setting {
    name: "adjusted",
    what: "add z^2 / 2 to each cell, for tables with an empty one",
    kind: SettingKind::Flag,
    default: Some("false"),
};

/// The calls of a sample, from `call` or from `score` and `threshold`.
fn calls(sample: &Sample) -> Result<Vec<bool>, StatisticsError> {
    let call = sample.binary("call");
    match (
        sample.optional_reals("score"),
        sample.optional_real("threshold"),
    ) {
        (None, None) if sample.rows() == call.len() => Ok(call.to_vec()),
        (Some(score), Some(threshold)) if call.is_empty() => {
            Ok(score.iter().map(|s| *s >= threshold).collect())
        }
        _ => Err(StatisticsError::Data(
            "give either a column `call`, or a column `score` and the setting `threshold`".into(),
        )),
    }
}

fn run_accuracy(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let method = ProportionMethod::from_word(sample.word("method"));
    let truth = sample.binary("truth");
    let call = calls(sample)?;
    let table = Confusion::count(truth, &call)?;
    let clusters = match sample.labels("cluster") {
        Some(l) => Some(cluster_tables(truth, &call, &l.complete())?),
        None => None,
    };
    let by_delta = sample.word("f1_interval") == "delta";
    let mut answer = Answer::default();
    for measure in Measure::ALL {
        answer.numbers.push(measure_number(
            *measure,
            &table,
            clusters.as_deref(),
            level,
            method,
            by_delta,
        )?);
    }
    if sample.word("youden_interval") == "sum-of-limits" {
        let limits = |name: &str| answer.number(name).and_then(|n| n.interval);
        if let (Some(se), Some(sp)) = (limits("sensitivity"), limits("specificity")) {
            let interval = Interval {
                lower: se.lower + sp.lower - 1.0,
                upper: se.upper + sp.upper - 1.0,
                level,
            };
            if let Some(youden) = answer.numbers.iter_mut().find(|n| n.name == "youden") {
                youden.interval = Some(interval);
                youden.interval_method = Some("sum-of-limits.epiR".into());
            }
            answer.notes.push("the sum of limits of sensitivity and specificity is conservative for Youden's index".into());
        }
    }
    if let Some(clusters) = &clusters {
        answer.notes.push(format!(
            "variances by the ratio estimator over {} clusters; each measure counts the clusters that have cases for it",
            clusters.len()
        ));
        idle(&mut answer, sample, "method", "wilson", CLUSTERED_METHOD);
        idle(
            &mut answer,
            sample,
            "f1_interval",
            "wilson-transformed",
            "with clusters F1 has the delta method",
        );
        for measure in [Measure::Sensitivity, Measure::Specificity] {
            let naive = measure.variance(&table, None);
            let honest = measure.variance(&table, Some(clusters));
            let name = format!("design_effect_{}", measure.name());
            let n = measure.proportion(&table).map_or(0, |(_, n)| n as usize);
            few_clusters(&mut answer, measure, clusters);
            answer.numbers.push(match (naive, honest) {
                (Some(a), Some(b)) => {
                    if b < a {
                        answer.notes.push(format!(
                            "the design effect of {} is below 1: its outcomes differ more within clusters than chance would",
                            measure.name()
                        ));
                    }
                    Number::plain(name, "design-effect.rao-scott-1992", b / a, n)
                }
                _ => Number::none(
                    name,
                    "design-effect.rao-scott-1992",
                    n,
                    "the variance has no estimate",
                ),
            });
        }
    } else {
        answer.notes.extend(method_note(method).map(str::to_owned));
    }
    answer
        .notes
        .push("predictive values and F1 hold at this study's prevalence only".into());
    answer.tables.push(confusion_table(&table));
    let shares: Vec<&Number> = answer
        .numbers
        .iter()
        .filter(|n| {
            n.interval.is_some()
                && ["sensitivity", "specificity", "ppv", "npv", "accuracy"]
                    .contains(&n.name.as_str())
        })
        .collect();
    let curve = Curve {
        figure: Figure::Forest,
        label: "accuracy".into(),
        x: shares.iter().map(|n| n.value.unwrap_or(f64::NAN)).collect(),
        y: (0..shares.len()).map(|i| i as f64).collect(),
        lower: shares
            .iter()
            .map(|n| n.interval.map_or(f64::NAN, |i| i.lower))
            .collect(),
        upper: shares
            .iter()
            .map(|n| n.interval.map_or(f64::NAN, |i| i.upper))
            .collect(),
        labels: shares.iter().map(|n| n.name.clone()).collect(),
    };
    answer.curves.push(curve);
    Ok(answer)
}

/// A note where few clusters hold cases of the class that the measure is about.
fn few_clusters(answer: &mut Answer, measure: Measure, clusters: &[Confusion]) {
    let used = clusters.iter().filter(|c| measure.touches(c)).count();
    answer
        .notes
        .extend(few_clusters_note(used).map(|note| format!("{}: {note}", measure.name())));
}

fn confusion_table(t: &Confusion) -> Table {
    let row = |name: &str, a: f64, b: f64| {
        vec![
            Cell::Text(name.into()),
            Cell::Whole(a as i64),
            Cell::Whole(b as i64),
            Cell::Whole((a + b) as i64),
        ]
    };
    Table {
        name: "call against truth".into(),
        columns: vec![
            "call".into(),
            "diseased".into(),
            "healthy".into(),
            "all".into(),
        ],
        rows: vec![
            row("positive", t.tp, t.fp),
            row("negative", t.missed, t.tn),
            row("all", t.tp + t.missed, t.fp + t.tn),
        ],
    }
}

fn run_goals(sample: &Sample) -> Result<Answer, StatisticsError> {
    let alpha = sample.real("alpha");
    let truth = sample.binary("truth");
    let call = calls(sample)?;
    let table = Confusion::count(truth, &call)?;
    let method = ProportionMethod::from_word(sample.word("method"));
    let exact = sample.word("test") == "exact";
    let clusters = match sample.labels("cluster") {
        Some(l) => Some(cluster_tables(truth, &call, &l.complete())?),
        None => None,
    };
    let level = 1.0 - 2.0 * alpha;
    let mut numbers = Vec::new();
    let mut answer = Answer::default();
    let mut worst: Option<f64> = Some(0.0);
    for (measure, goal) in [
        (Measure::Sensitivity, sample.real("sensitivity_goal")),
        (Measure::Specificity, sample.real("specificity_goal")),
    ] {
        let number = measure_number(measure, &table, clusters.as_deref(), level, method, false)?;
        if let Some(clusters) = &clusters {
            few_clusters(&mut answer, measure, clusters);
        }
        let (x, n) = measure.proportion(&table).unwrap_or((0.0, 0.0));
        let name = format!("p_value_{}", measure.name());
        let (result, definition) = match &clusters {
            Some(clusters) => (
                match measure.variance(&table, Some(clusters)) {
                    Some(v) => Ok(normal_tail((x / n - goal) / v.sqrt())),
                    None => Err(StatisticsError::not_estimable(
                        "the variance between clusters has no estimate",
                    )),
                },
                "ratio-estimator.wald.one-sided",
            ),
            None if exact => (
                binomial_test(x as u64, n as u64, goal, Alternative::Greater),
                "binomial.exact.one-sided",
            ),
            None => (
                score_test(x as u64, n as u64, goal, Alternative::Greater).map(|(_, p)| p),
                "score-test.one-sided",
            ),
        };
        worst = match (&result, worst) {
            (Ok(p), Some(w)) => Some(w.max(*p)),
            _ => None,
        };
        numbers.push(number);
        numbers.push(Number::from_result(
            name.clone(),
            definition,
            n as usize,
            result.map(|p| Number::plain(name.clone(), definition, p, n as usize)),
        )?);
    }
    let n = table.total() as usize;
    match worst {
        Some(p) => {
            answer.numbers.push(Number::plain(
                "both_met",
                "co-primary.intersection-union",
                f64::from(u8::from(p <= alpha)),
                n,
            ));
            answer
                .numbers
                .push(Number::plain("p_value", "co-primary.larger-of-both", p, n));
        }
        None => {
            let reason = "one of the two tests has no value";
            answer.numbers.push(Number::none(
                "both_met",
                "co-primary.intersection-union",
                n,
                reason,
            ));
            answer.numbers.push(Number::none(
                "p_value",
                "co-primary.larger-of-both",
                n,
                reason,
            ));
        }
    }
    answer.numbers.extend(numbers);
    answer.notes.push(format!(
        "both goals must be exceeded at one-sided {alpha}; alpha is not split, and the power is at most that of the weaker test"
    ));
    if clusters.is_some() {
        idle(&mut answer, sample, "method", "wilson", CLUSTERED_METHOD);
        answer.notes.push("with clusters the tests are Wald tests by the ratio estimator (`test` concerns independent rows), and the intervals Wilson's at the effective sample size: near a boundary the two may disagree".into());
    }
    answer.tables.push(confusion_table(&table));
    Ok(answer)
}

fn run_predictive(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let table = Confusion::count(sample.binary("truth"), &calls(sample)?)?;
    let cases = crate::proportion::count_setting(sample, "prevalence_cases")?;
    let trials = crate::proportion::count_setting(sample, "prevalence_trials")?;
    let (prevalence, origin) = match (sample.optional_real("prevalence"), cases, trials) {
        (Some(p), None, None) => (Prevalence::Stated(p), "stated"),
        (None, Some(x), Some(n)) => (Prevalence::Estimated(x, n), "estimated"),
        _ => {
            return Err(StatisticsError::Data(
                "give either the setting `prevalence`, or both `prevalence_cases` and `prevalence_trials`".into(),
            ));
        }
    };
    let adjusted = sample.flag("adjusted");
    let method = if adjusted {
        "logit.mercaldo-2007.adjusted"
    } else {
        "logit.mercaldo-2007"
    };
    let n = table.total() as usize;
    let mut answer = Answer::default();
    let names = ["ppv", "npv"];
    match predictive_values(&table, prevalence, level, adjusted) {
        Ok((ppv, npv)) => {
            for (name, v) in names.into_iter().zip([ppv, npv]) {
                let definition = format!("{name}.prevalence-{origin}");
                answer
                    .numbers
                    .push(match (v.value, v.logit_variance, v.interval) {
                        (Some(value), Some(variance), Some(interval)) => {
                            Number::plain(name, definition, value, n)
                                .with_standard_error(variance.sqrt() * value * (1.0 - value))
                                .with_interval(interval, method)
                        }
                        (Some(value), ..) => Number::plain(name, definition, value, n)
                            .without_interval(
                                "a cell of the table is empty, so the logit has no variance; set `adjusted`",
                            ),
                        (None, ..) => Number::none(
                            name,
                            definition,
                            n,
                            if name == "ppv" {
                                "nothing was called positive"
                            } else {
                                "nothing was called negative"
                            },
                        ),
                    });
            }
            if !adjusted && table.has_empty_cell() {
                answer.notes.push("sensitivity or specificity is 0 or 1 here, and an interval takes it as certain: set `adjusted`".into());
            }
            if adjusted {
                answer
                    .notes
                    .push("z^2 / 2 is added to each cell, so values move towards one half".into());
            }
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            answer.numbers.extend(names.map(|name| {
                Number::none(
                    name,
                    format!("{name}.prevalence-{origin}"),
                    n,
                    reason.clone(),
                )
            }));
        }
        Err(other) => return Err(other),
    }
    match prevalence {
        Prevalence::Stated(v) => {
            answer
                .numbers
                .push(Number::plain("prevalence", "prevalence.stated", v, n));
            answer
                .notes
                .push("the prevalence is taken as known; its source belongs in the plan".into());
        }
        Prevalence::Estimated(x, trials) => {
            answer.numbers.push(proportion_number(
                "prevalence",
                "prevalence.estimated",
                x,
                trials,
                level,
                ProportionMethod::Wilson,
                Bound::TwoSided,
            )?);
            answer.notes.push(
                "the variance of the estimated prevalence is added on the logit scale".into(),
            );
        }
    }
    answer.tables.push(confusion_table(&table));
    Ok(answer)
}

fn run_likelihood(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let table = Confusion::count(sample.binary("truth"), &calls(sample)?)?;
    let n = table.total() as usize;
    let (diseased, healthy) = (table.tp + table.missed, table.fp + table.tn);
    let (tp, fp, missed, tn) = (
        table.tp as u64,
        table.fp as u64,
        table.missed as u64,
        table.tn as u64,
    );
    let mut answer = Answer::default();
    for measure in [
        Measure::PositiveLikelihoodRatio,
        Measure::NegativeLikelihoodRatio,
        Measure::DiagnosticOddsRatio,
    ] {
        let log = measure_number(
            measure,
            &table,
            None,
            level,
            ProportionMethod::Wilson,
            false,
        )?;
        if sample.word("interval") != "score" || diseased == 0.0 || healthy == 0.0 {
            answer.numbers.push(log);
            continue;
        }
        let ratio = |x1: u64, x2: u64| {
            ratio_interval(
                (x1, diseased as u64),
                (x2, healthy as u64),
                level,
                RatioMethod::Koopman,
            )
        };
        let (parts, interval, method) = match measure {
            Measure::PositiveLikelihoodRatio => (
                (table.tp / diseased, table.fp / healthy),
                ratio(tp, fp),
                RatioMethod::Koopman.id(),
            ),
            Measure::NegativeLikelihoodRatio => (
                (table.missed / diseased, table.tn / healthy),
                ratio(missed, tn),
                RatioMethod::Koopman.id(),
            ),
            _ => (
                (table.tp * table.tn, table.fp * table.missed),
                odds_ratio_interval(
                    (tp, diseased as u64),
                    (fp, healthy as u64),
                    level,
                    OddsRatioMethod::Score,
                ),
                OddsRatioMethod::Score.id(),
            ),
        };
        let number = if parts == (0.0, 0.0) {
            // Nothing over nothing has no value, but may have limits.
            let none = Number::none(
                measure.name(),
                measure.definition(),
                n,
                empty_reason(measure, &table),
            );
            attach(none.clone(), interval, method).map(|a| Number {
                not_estimable: none.not_estimable,
                ..a
            })?
        } else {
            ratio_number(
                measure.name(),
                measure.definition(),
                parts,
                n,
                interval,
                method,
            )?
        };
        answer.numbers.push(Number {
            standard_error: log.standard_error,
            ..number
        });
    }
    answer.tables.push(confusion_table(&table));
    Ok(answer)
}

fn run_indeterminate(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let method = ProportionMethod::from_word(sample.word("method"));
    let truth = sample.binary("truth");
    let words =
        ["positive_words", "negative_words", "indeterminate_words"].map(|w| sample.words(w));
    let Some(result) = sample.labels("result") else {
        return Err(StatisticsError::Data("no column `result`".into()));
    };
    // Which of the three words each name is; an empty cell is an indeterminate result.
    let mut kinds = Vec::new();
    for (code, name) in result.names.iter().enumerate() {
        kinds.push(kind_of("result", result.first_row(code), name, &words)?);
    }
    let mut counts = [[0u64; 2]; 3];
    for (code, diseased) in result.codes.iter().zip(truth) {
        let kind = code.and_then(|c| kinds.get(c)).copied().unwrap_or(2);
        if let Some(cell) = counts
            .get_mut(kind)
            .and_then(|r| r.get_mut(usize::from(!*diseased)))
        {
            *cell += 1;
        }
    }
    let [[tp, fp], [missed, tn], [unsure1, unsure0]] = counts;
    let (n1, n0) = (tp + missed + unsure1, fp + tn + unsure0);
    let mut answer = Answer::default();
    let mut push = |name: &str, definition: &str, x: u64, n: u64| -> Result<(), StatisticsError> {
        answer.numbers.push(proportion_number(
            name,
            definition,
            x,
            n,
            level,
            method,
            Bound::TwoSided,
        )?);
        Ok(())
    };
    push(
        "sensitivity_worst_case",
        "intention-to-diagnose.indeterminate-is-wrong",
        tp,
        n1,
    )?;
    push(
        "specificity_worst_case",
        "intention-to-diagnose.indeterminate-is-wrong",
        tn,
        n0,
    )?;
    push(
        "sensitivity_best_case",
        "indeterminate-is-right",
        tp + unsure1,
        n1,
    )?;
    push(
        "specificity_best_case",
        "indeterminate-is-right",
        tn + unsure0,
        n0,
    )?;
    push(
        "sensitivity_complete_case",
        "indeterminate-left-out",
        tp,
        tp + missed,
    )?;
    push(
        "specificity_complete_case",
        "indeterminate-left-out",
        tn,
        fp + tn,
    )?;
    push(
        "sensitivity_indeterminate_positive",
        "indeterminate-is-positive",
        tp + unsure1,
        n1,
    )?;
    push(
        "specificity_indeterminate_positive",
        "indeterminate-is-positive",
        tn,
        n0,
    )?;
    push("indeterminate_diseased", "share-indeterminate", unsure1, n1)?;
    push("indeterminate_healthy", "share-indeterminate", unsure0, n0)?;
    push(
        "indeterminate",
        "share-indeterminate",
        unsure1 + unsure0,
        n1 + n0,
    )?;
    let rows = ["positive", "negative", "indeterminate"]
        .iter()
        .zip(counts)
        .map(|(name, [a, b])| {
            vec![
                Cell::Text((*name).into()),
                Cell::Whole(a as i64),
                Cell::Whole(b as i64),
                Cell::Whole((a + b) as i64),
            ]
        })
        .collect();
    answer.tables.push(Table {
        name: "result against truth".into(),
        columns: vec![
            "result".into(),
            "diseased".into(),
            "healthy".into(),
            "all".into(),
        ],
        rows,
    });
    if unsure1 + unsure0 > 0 {
        answer.notes.push(format!(
            "{} of {} results are indeterminate; the primary analysis counts them as wrong",
            unsure1 + unsure0,
            n1 + n0
        ));
    }
    answer.notes.extend(method_note(method).map(str::to_owned));
    Ok(answer)
}

fn run_verification(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let z = two_sided_z(level)?;
    let call = calls(sample)?;
    let Some(truth) = sample.labels("truth") else {
        return Err(StatisticsError::Data("no column `truth`".into()));
    };
    let class = class_of_names(sample, "truth", truth)?;
    let mut v = Verification::default();
    for (call, code) in call.iter().zip(&truth.codes) {
        let side = if *call {
            &mut v.positive
        } else {
            &mut v.negative
        };
        match code.and_then(|c| class.get(c)) {
            Some(true) => side.0 += 1.0,
            Some(false) => side.1 += 1.0,
            None => side.2 += 1.0,
        }
    }
    let n = call.len();
    let mut answer = Answer::default();
    let names = ["sensitivity", "specificity"];
    match begg_greenes(&v) {
        Ok((se, sp)) => {
            for (name, e) in names.iter().zip([se, sp]) {
                let number = Number::plain(*name, "begg-greenes-1983", e.value, n);
                let spread = e.value * (1.0 - e.value);
                answer
                    .numbers
                    .push(if e.logit_variance.is_finite() && spread > 0.0 {
                        let se = spread * e.logit_variance.sqrt();
                        let interval = if sample.word("interval") == "wald" {
                            Interval {
                                lower: (e.value - z * se).max(0.0),
                                upper: (e.value + z * se).min(1.0),
                                level,
                            }
                        } else {
                            let (logit, half) = (
                                (e.value / (1.0 - e.value)).ln(),
                                z * e.logit_variance.sqrt(),
                            );
                            let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
                            Interval {
                                lower: expit(logit - half),
                                upper: expit(logit + half),
                                level,
                            }
                        };
                        number.with_standard_error(se).with_interval(
                            interval,
                            format!("begg-greenes.{}", sample.word("interval")),
                        )
                    } else {
                        number.without_interval(
                            "a verified cell is empty, so the variance has no estimate",
                        )
                    });
            }
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            for name in names {
                answer
                    .numbers
                    .push(Number::none(name, "begg-greenes-1983", n, reason.clone()));
            }
        }
        Err(other) => return Err(other),
    }
    let ((s1, r1, u1), (s0, r0, u0)) = (v.positive, v.negative);
    answer.numbers.push(proportion_number(
        "sensitivity_verified_only",
        "naive.verified-only",
        s1 as u64,
        (s1 + s0) as u64,
        level,
        ProportionMethod::Wilson,
        Bound::TwoSided,
    )?);
    answer.numbers.push(proportion_number(
        "specificity_verified_only",
        "naive.verified-only",
        r0 as u64,
        (r1 + r0) as u64,
        level,
        ProportionMethod::Wilson,
        Bound::TwoSided,
    )?);
    answer.numbers.push(proportion_number(
        "verified_positive_calls",
        "share-verified",
        (s1 + r1) as u64,
        (s1 + r1 + u1) as u64,
        level,
        ProportionMethod::Wilson,
        Bound::TwoSided,
    )?);
    answer.numbers.push(proportion_number(
        "verified_negative_calls",
        "share-verified",
        (s0 + r0) as u64,
        (s0 + r0 + u0) as u64,
        level,
        ProportionMethod::Wilson,
        Bound::TwoSided,
    )?);
    let (a, b, c, d) = (s1 + r1, u1, s0 + r0, u0);
    let below = (a + b) * (c + d) * (a + c) * (b + d);
    if below > 0.0 {
        let chi2 = (a + b + c + d) * (a * d - b * c).powi(2) / below;
        let p = chi_squared_tail(chi2, 1.0);
        answer.numbers.push(Number::plain(
            "p_value_verification",
            "pearson.verification-by-call",
            p,
            n,
        ));
        answer.notes.push(if p < 0.05 {
            "whether a case was verified depends on the call: the verified-only values are biased"
                .into()
        } else {
            "no sign that verification depends on the call, which is no proof that it does not"
                .to_owned()
        });
    } else {
        answer.numbers.push(Number::none(
            "p_value_verification",
            "pearson.verification-by-call",
            n,
            "all or none were verified, or all calls are the same",
        ));
    }
    answer
        .notes
        .push("the correction holds only if the choice to verify depends on the call alone".into());
    let row = |name: &str, (s, r, u): (f64, f64, f64)| {
        vec![
            Cell::Text(name.into()),
            Cell::Whole(s as i64),
            Cell::Whole(r as i64),
            Cell::Whole(u as i64),
        ]
    };
    answer.tables.push(Table {
        name: "call against verified truth".into(),
        columns: vec![
            "call".into(),
            "diseased".into(),
            "healthy".into(),
            "not verified".into(),
        ],
        rows: vec![row("positive", v.positive), row("negative", v.negative)],
    });
    Ok(answer)
}

/// For each name of the column whether it is one of the positive words; refuses a name that is no word of either kind.
pub(crate) fn class_of_names(
    sample: &Sample,
    column: &str,
    labels: &Labels,
) -> Result<Vec<bool>, StatisticsError> {
    let words = ["positive_words", "negative_words"].map(|w| sample.words(w));
    labels
        .names
        .iter()
        .enumerate()
        .map(|(code, name)| {
            kind_of(column, labels.first_row(code), name, &words).map(|kind| kind == 0)
        })
        .collect()
}

/// Which of the lists of words the name is in, in capitals or not.
fn kind_of(
    column: &str,
    row: usize,
    name: &str,
    lists: &[&[String]],
) -> Result<usize, StatisticsError> {
    let wrong = |what: String| StatisticsError::Value {
        column: column.to_owned(),
        row,
        what,
    };
    let lower = name.trim().to_lowercase();
    let mut found = lists
        .iter()
        .enumerate()
        .filter(|(_, words)| words.iter().any(|w| w.to_lowercase() == lower));
    match (found.next(), found.next()) {
        (Some((kind, _)), None) => Ok(kind),
        (Some(_), Some(_)) => Err(wrong(format!(
            "stands in two of the lists of words: {}",
            shown(lists)
        ))),
        _ => Err(wrong(format!(
            "is none of the words {}; name the words by the settings `positive_words` and `negative_words`",
            shown(lists)
        ))),
    }
}

fn shown(lists: &[&[String]]) -> String {
    let each: Vec<String> = lists.iter().map(|l| l.join(", ")).collect();
    each.join(" / ")
}

/// The words for a positive cell of a label column.
pub(crate) const POSITIVE_WORDS: Setting = Setting {
    name: "positive_words",
    what: "the words of a positive cell, in capitals or not",
    kind: SettingKind::Words,
    default: Some("1,true,yes,positive"),
};

/// The words for a negative cell of a label column.
pub(crate) const NEGATIVE_WORDS: Setting = Setting {
    name: "negative_words",
    what: "the words of a negative cell, in capitals or not",
    kind: SettingKind::Words,
    default: Some("0,false,no,negative"),
};

const ALPHA: Setting = Setting {
    name: "alpha",
    what: "one-sided error of each test; the intervals have level 1 - 2 alpha",
    kind: SettingKind::OneSidedError,
    default: Some("0.025"),
};

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "accuracy",
        group: Group::Proportions,
        title: "Diagnostic accuracy of a call: sensitivity, specificity, predictive values, ratios",
        formula: "Se = tp/(tp+fn), Sp = tn/(tn+fp), LR+ = Se/(1-Sp), LR- = (1-Se)/Sp, DOR = tp tn/(fp fn), F1 = \
            2tp/(2tp+fp+fn), MCC = (tp tn - fp fn)/sqrt of the four margins; var log LR+ = 1/tp - 1/(tp+fn) + 1/fp - \
            1/(fp+tn); with clusters m/(m-1) sum over clusters of (gradient . cluster table)^2",
        source: "STARD 2015; Simel, Samsa and Matchar 1991 J Clin Epidemiol 44:763; Zou and Donner 2008; Takahashi \
            2022 (F1 by delta method); Rao and Scott 1992",
        assumptions: "A call is positive when score >= threshold. Rows are independent unless `cluster` is given. \
            Predictive values hold at the study's prevalence. An empty cell leaves ratios without an interval.",
        compared_with: "R epiR 2.0.57 epi.tests; R survey 4.1-1; scikit-learn 1.9.1 (F1, MCC)",
        roles: &[TRUTH, CALL, SCORE_OPTIONAL, CLUSTER],
        settings: &[
            THRESHOLD,
            LEVEL,
            METHOD,
            Setting {
                name: "youden_interval",
                what: "interval of Youden's index: square-and-add, or the sum of both lower and both upper limits as epiR",
                kind: SettingKind::Choice(&["square-and-add", "sum-of-limits"]),
                default: Some("square-and-add"),
            },
            Setting {
                name: "f1_interval",
                what: "interval of F1: transformed from tp / (tp + fp + fn), or by the delta method",
                kind: SettingKind::Choice(F1_WORDS),
                default: Some("wilson-transformed"),
            },
        ],
        numbers: &[
            "sensitivity",
            "specificity",
            "ppv",
            "npv",
            "accuracy",
            "balanced_accuracy",
            "youden",
            "lr_positive",
            "lr_negative",
            "diagnostic_odds_ratio",
            "f1",
            "mcc",
            "prevalence",
            "design_effect_sensitivity",
            "design_effect_specificity",
        ],
        run: run_accuracy,
    },
    Entry {
        id: "accuracy-goals",
        group: Group::Proportions,
        title: "Sensitivity and specificity against goals, both to be met",
        formula: "H0: Se <= goal or Sp <= goal; rejected when both one-sided tests reject at alpha; p = max(p_Se, p_Sp)",
        source: "Berger 1982 (intersection-union); Chernick and Liu 2002 (saw-tooth of exact power)",
        assumptions: "Both goals are fixed before the data are seen. No split of alpha. With `cluster`, a Wald test by \
            the ratio estimator.",
        compared_with: "scipy 1.17.1 binomtest",
        roles: &[TRUTH, CALL, SCORE_OPTIONAL, CLUSTER],
        settings: &[
            Setting {
                name: "sensitivity_goal",
                what: "what the sensitivity must exceed",
                kind: SettingKind::Open(0.0, 1.0),
                default: None,
            },
            Setting {
                name: "specificity_goal",
                what: "what the specificity must exceed",
                kind: SettingKind::Open(0.0, 1.0),
                default: None,
            },
            ALPHA,
            Setting {
                name: "test",
                what: "exact binomial or score test",
                kind: SettingKind::Choice(&["exact", "score"]),
                default: Some("exact"),
            },
            METHOD,
            THRESHOLD,
        ],
        numbers: &[
            "both_met",
            "p_value",
            "sensitivity",
            "p_value_sensitivity",
            "specificity",
            "p_value_specificity",
        ],
        run: run_goals,
    },
    Entry {
        id: "predictive-values",
        group: Group::Proportions,
        title: "Predictive values at a stated or estimated prevalence",
        formula: "logit PPV = logit p + log(Se/(1-Sp)), var = (1-Se)/(n1 Se) + Sp/(n0 (1-Sp)) [+ 1/(n p (1-p))]; \
            logit NPV = -logit p + log(Sp/(1-Se)), var = Se/(n1 (1-Se)) + (1-Sp)/(n0 Sp) [+ 1/(n p (1-p))]",
        source: "Mercaldo, Lau and Zhou 2007 Stat Med 26:2170",
        assumptions: "Sensitivity and specificity carry over to the population of that prevalence. An estimated \
            prevalence is independent of the table.",
        compared_with: "the formulas of the paper in R 4.2",
        roles: &[TRUTH, CALL, SCORE_OPTIONAL],
        settings: &[
            Setting {
                name: "prevalence",
                what: "the prevalence, taken as known",
                kind: SettingKind::OptionalReal(0.0, 1.0),
                default: None,
            },
            Setting {
                name: "prevalence_cases",
                what: "diseased persons in the sample that the prevalence is estimated from",
                kind: SettingKind::OptionalReal(0.0, crate::proportion::LARGEST_COUNT),
                default: None,
            },
            Setting {
                name: "prevalence_trials",
                what: "size of the sample that the prevalence is estimated from",
                kind: SettingKind::OptionalReal(0.0, crate::proportion::LARGEST_COUNT),
                default: None,
            },
            ADJUSTED,
            LEVEL,
            THRESHOLD,
        ],
        numbers: &["ppv", "npv", "prevalence"],
        run: run_predictive,
    },
    Entry {
        id: "likelihood-ratios",
        group: Group::Proportions,
        title: "Likelihood ratios and diagnostic odds ratio",
        formula: "LR+ = Se/(1-Sp), LR- = (1-Se)/Sp, DOR = tp tn/(fp fn); log-normal interval, or Koopman's score interval of a ratio of proportions and the score interval of an odds ratio",
        source: "Simel, Samsa and Matchar 1991; Koopman 1984 Biometrics 40:513; Gart and Nam 1988",
        assumptions: "Rows are independent. An empty cell leaves no log-normal interval; the score interval remains. \
            Both numerators zero: not estimable.",
        compared_with: "statsmodels 0.15.0 confint_proportions_2indep (log); score test inverted by scipy 1.17.1 brentq",
        roles: &[TRUTH, CALL, SCORE_OPTIONAL],
        settings: &[
            Setting {
                name: "interval",
                what: "log-normal or score interval",
                kind: SettingKind::Choice(&["log", "score"]),
                default: Some("log"),
            },
            LEVEL,
            THRESHOLD,
        ],
        numbers: &["lr_positive", "lr_negative", "diagnostic_odds_ratio"],
        run: run_likelihood,
    },
    Entry {
        id: "indeterminate",
        group: Group::Proportions,
        title: "Accuracy with indeterminate results: worst, best and complete case",
        formula: "3x2 table; worst case: Se = tp/n1, Sp = tn/n0 over all cases; best case: indeterminate counts as \
            right; complete case: indeterminate left out",
        source: "Schuetz, Schlattmann and Dewey 2012 BMJ 345:e6717; STARD 2015 items 15 and 16",
        assumptions: "Every case has a reference result. An empty cell of `result` counts as indeterminate. Nothing is \
            dropped unseen.",
        compared_with: "statsmodels 0.15.0 proportion_confint",
        roles: &[
            TRUTH,
            Role {
                name: "result",
                what: "the index test's result: positive, negative or indeterminate; empty counts as indeterminate",
                kind: Kind::Label,
                need: Need::One,
                missing: true,
            },
        ],
        settings: &[
            POSITIVE_WORDS,
            NEGATIVE_WORDS,
            Setting {
                name: "indeterminate_words",
                what: "the words of an indeterminate result, in capitals or not",
                kind: SettingKind::Words,
                default: Some("indeterminate"),
            },
            METHOD,
            LEVEL,
        ],
        numbers: &[
            "sensitivity_worst_case",
            "specificity_worst_case",
            "sensitivity_best_case",
            "specificity_best_case",
            "sensitivity_complete_case",
            "specificity_complete_case",
            "sensitivity_indeterminate_positive",
            "specificity_indeterminate_positive",
            "indeterminate_diseased",
            "indeterminate_healthy",
            "indeterminate",
        ],
        run: run_indeterminate,
    },
    Entry {
        id: "partial-verification",
        group: Group::MissingData,
        title: "Sensitivity and specificity when only some cases were verified",
        formula: "Se = n1 phi1/(n1 phi1 + n0 phi0), Sp = n0 (1-phi0)/(n0 (1-phi0) + n1 (1-phi1)), phi = share of \
            diseased among verified; var logit Se = 1/n1 + 1/n0 + r1/(s1 v1) + r0/(s0 v0), var logit Sp = 1/n1 + 1/n0 + \
            s1/(r1 v1) + s0/(r0 v0)",
        source: "Begg and Greenes 1983 Biometrics 39:207; Zhou, McClish and Obuchowski 2002, chapter 10",
        assumptions: "Whether a case was verified depends on the call alone (missing at random given the call). The \
            entry tests whether it depends on the call and says so.",
        compared_with: "the formulas of the paper and a numerical delta method in R 4.2",
        roles: &[
            Role {
                name: "truth",
                what: "reference standard; empty where the case was not verified",
                kind: Kind::Label,
                need: Need::One,
                missing: true,
            },
            CALL,
            SCORE_OPTIONAL,
        ],
        settings: &[
            POSITIVE_WORDS,
            NEGATIVE_WORDS,
            Setting {
                name: "interval",
                what: "interval on the logit scale, or Wald",
                kind: SettingKind::Choice(&["logit", "wald"]),
                default: Some("logit"),
            },
            LEVEL,
            THRESHOLD,
        ],
        numbers: &[
            "sensitivity",
            "specificity",
            "sensitivity_verified_only",
            "specificity_verified_only",
            "verified_positive_calls",
            "verified_negative_calls",
            "p_value_verification",
        ],
        run: run_verification,
    },
];
