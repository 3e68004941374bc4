//! Operating points: where to cut, and what the cut gives.

use serde::Serialize;

use super::curve::curve_points;
use super::levels::{Count, Levels, points, sensitivities_at, specificity_at, totals};
use super::partial::replicated;
use super::{Bootstrap, RocPoint, THRESHOLDS, Thresholds, bootstrap_of};
use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, REPLICATES, SCORE, SEED, Sample, Setting, SettingKind, TRUTH,
};
use crate::distribution::two_sided_z;
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::resample::BootstrapInterval;

/// How an operating point is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OperatingRule {
    /// Greatest `Se + r Sp`, `r = (1 - prevalence) / (cost prevalence)`; with cost 1 and prevalence
    /// one half, Youden's index (1950).
    Youden {
        /// See above.
        r: f64,
    },
    /// Least `(1 - Se)^2 + r (1 - Sp)^2`.
    ClosestTopLeft {
        /// See above.
        r: f64,
    },
    /// The lowest threshold whose specificity reaches this: of those the greatest sensitivity.
    Specificity(f64),
    /// The highest threshold whose sensitivity reaches this.
    Sensitivity(f64),
    /// This threshold.
    Threshold(f64),
}

/// A threshold and the cases on either side: positive is `>= threshold`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct OperatingPoint {
    /// The threshold.
    pub threshold: f64,
    /// Positives at or above it.
    pub true_positives: u64,
    /// Positives below it.
    pub false_negatives: u64,
    /// Negatives below it.
    pub true_negatives: u64,
    /// Negatives at or above it.
    pub false_positives: u64,
}

impl OperatingPoint {
    /// Share of positives at or above the threshold.
    #[must_use]
    pub fn sensitivity(&self) -> f64 {
        self.true_positives as f64 / (self.true_positives + self.false_negatives) as f64
    }

    /// Share of negatives below it.
    #[must_use]
    pub fn specificity(&self) -> f64 {
        self.true_negatives as f64 / (self.true_negatives + self.false_positives) as f64
    }
}

/// The points that satisfy the rule best, in ascending order of the threshold: more than one where
/// several are equally good (pROC lists them all, too).
///
/// # Errors
/// Not estimable without a case in each class; setting error for a target outside [0, 1], a
/// threshold that is not a number, or `r` not above 0.
pub fn operating_points(
    truth: &[bool],
    score: &[f64],
    rule: OperatingRule,
    thresholds: Thresholds,
) -> Result<Vec<OperatingPoint>, StatisticsError> {
    check_rule(rule)?;
    let levels = Levels::new(truth, score)?;
    let all = curve_points(&levels, thresholds);
    let (m, n) = (levels.positive as u64, levels.negative as u64);
    let of = |p: &RocPoint| OperatingPoint {
        threshold: p.threshold,
        true_positives: p.true_positives,
        false_negatives: m - p.true_positives,
        true_negatives: p.true_negatives,
        false_positives: n - p.true_negatives,
    };
    if let OperatingRule::Threshold(threshold) = rule {
        let below = levels.scores.partition_point(|s| *s < threshold);
        return Ok(all
            .get(below)
            .map(|p| OperatingPoint { threshold, ..of(p) })
            .into_iter()
            .collect());
    }
    let Some((chosen, best)) = best(&levels.counts, &levels.scores, rule) else {
        return Ok(Vec::new());
    };
    Ok(all
        .iter()
        .take(reachable(&levels.scores))
        .filter(|p| match rule {
            OperatingRule::Youden { .. } | OperatingRule::ClosestTopLeft { .. } => {
                criterion(p.sensitivity, p.specificity, rule) >= best - TIE
            }
            _ => (p.true_positives, p.true_negatives) == chosen,
        })
        .map(of)
        .collect())
}

/// How many points of the curve some threshold gives: above a score of `+inf` there is none.
fn reachable(scores: &[f64]) -> usize {
    scores.len() + usize::from(scores.last() != Some(&f64::INFINITY))
}

fn check_rule(rule: OperatingRule) -> Result<(), StatisticsError> {
    match rule {
        OperatingRule::Youden { r } | OperatingRule::ClosestTopLeft { r }
            if !(r > 0.0 && r.is_finite()) =>
        {
            Err(StatisticsError::setting(
                "prevalence",
                format!("such that r is {r}"),
                "cost above 0 and prevalence between 0 and 1",
            ))
        }
        OperatingRule::Specificity(v) | OperatingRule::Sensitivity(v)
            if !(0.0..=1.0).contains(&v) =>
        {
            Err(StatisticsError::setting(
                "target",
                v,
                "it lies between 0 and 1, such as 0.9",
            ))
        }
        OperatingRule::Threshold(t) if t.is_nan() => {
            Err(StatisticsError::setting("threshold", t, "it is a number"))
        }
        _ => Ok(()),
    }
}

/// Criteria closer than this are equal: they differ by rounding.
const TIE: f64 = 1e-13;

fn criterion(se: f64, sp: f64, rule: OperatingRule) -> f64 {
    match rule {
        OperatingRule::Youden { r } => se + r * sp,
        OperatingRule::ClosestTopLeft { r } => -((1.0 - se).powi(2) + r * (1.0 - sp).powi(2)),
        _ => 0.0,
    }
}

/// True positives and true negatives at the best point (the lowest threshold of several), and the
/// criterion there.
fn best(counts: &[Count], scores: &[f64], rule: OperatingRule) -> Option<((u64, u64), f64)> {
    let (m, n) = totals(counts);
    if m == 0 || n == 0 {
        return None;
    }
    let rates = |(tp, tn): (u64, u64)| (tp as f64 / m as f64, tn as f64 / n as f64);
    let mut points = points(counts).take(reachable(scores));
    match rule {
        OperatingRule::Threshold(t) => points
            .nth(scores.partition_point(|s| *s < t))
            .map(|p| (p, 0.0)),
        OperatingRule::Specificity(target) => {
            points.find(|p| rates(*p).1 >= target).map(|p| (p, 0.0))
        }
        OperatingRule::Sensitivity(target) => points
            .take_while(|p| rates(*p).0 >= target)
            .last()
            .map(|p| (p, 0.0)),
        _ => {
            let mut found: Option<((u64, u64), f64)> = None;
            for point in points {
                let (se, sp) = rates(point);
                let value = criterion(se, sp, rule);
                if found.is_none_or(|(_, most)| value > most + TIE) {
                    found = Some((point, value));
                }
            }
            found
        }
    }
}

/// Sensitivity at a fixed specificity, by pROC's convention (the greatest where a threshold has just
/// this specificity, else linear between neighbours), with its percentile bootstrap interval
/// (`ci.se`).
///
/// # Errors
/// As [`operating_points`]; the interval alone is missing where every replicate is the same.
pub fn sensitivity_at_specificity(
    truth: &[bool],
    score: &[f64],
    specificity: f64,
    bootstrap: Bootstrap<'_>,
) -> Result<(f64, Result<Interval, StatisticsError>), StatisticsError> {
    check_rule(OperatingRule::Specificity(specificity))?;
    at_fixed(truth, score, bootstrap, |counts| {
        sensitivities_at(counts, &[specificity]).and_then(|v| v.first().copied())
    })
}

/// Specificity at a fixed sensitivity, by the same convention (`ci.sp`).
///
/// # Errors
/// As [`sensitivity_at_specificity`].
pub fn specificity_at_sensitivity(
    truth: &[bool],
    score: &[f64],
    sensitivity: f64,
    bootstrap: Bootstrap<'_>,
) -> Result<(f64, Result<Interval, StatisticsError>), StatisticsError> {
    check_rule(OperatingRule::Sensitivity(sensitivity))?;
    at_fixed(truth, score, bootstrap, |counts| {
        specificity_at(counts, sensitivity)
    })
}

fn at_fixed(
    truth: &[bool],
    score: &[f64],
    bootstrap: Bootstrap<'_>,
    statistic: impl Fn(&[Count]) -> Option<f64> + Sync,
) -> Result<(f64, Result<Interval, StatisticsError>), StatisticsError> {
    two_sided_z(bootstrap.level)?;
    let levels = Levels::new(truth, score)?;
    let value = statistic(&levels.counts).unwrap_or(f64::NAN);
    let interval = replicated(
        &levels,
        truth,
        value,
        BootstrapInterval::Percentile,
        bootstrap,
        statistic,
    );
    Ok((value, interval))
}

/// Wilson's score interval of a share.
fn wilson(successes: u64, trials: u64, level: f64) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    let (x, n) = (successes as f64, trials as f64);
    let p = x / n;
    let scale = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    Ok(Interval {
        lower: if successes == 0 {
            0.0
        } else {
            (centre - half).max(0.0)
        },
        upper: if successes == trials {
            1.0
        } else {
            (centre + half).min(1.0)
        },
        level,
    })
}

pub(super) const ENTRY: Entry = Entry {
    id: "roc-operating-point",
    group: Group::Roc,
    title: "Operating point",
    formula: "youden: greatest Se + r Sp; closest_topleft: least (1-Se)^2 + r (1-Sp)^2, r = (1 - prevalence)/(cost prevalence); fixed_specificity: lowest threshold with Sp >= target; fixed_sensitivity: highest threshold with Se >= target; given: the threshold itself. Se and Sp with Wilson's interval, or by bootstrap with the rule applied anew in each replicate",
    source: "Youden 1950, Cancer 3:32; Perkins and Schisterman 2006, Am J Epidemiol 163:670; Robin et al. 2011 (pROC coords, ci.se); Wilson 1927",
    assumptions: "A threshold chosen on the same data makes Se and Sp look better than they will be: choose it on tuning data and give it here. Wilson's interval takes the threshold as fixed and rows as independent; with clusters the bootstrap is used",
    compared_with: "pROC 1.18.0 coords (best, specificity, sensitivity, threshold), ci.se",
    roles: &[TRUTH, SCORE, CLUSTER],
    settings: &[
        LEVEL,
        Setting {
            name: "rule",
            what: "how the point is chosen; auto: given where `threshold` is, else youden",
            kind: SettingKind::Choice(&[
                "auto",
                "youden",
                "closest_topleft",
                "fixed_specificity",
                "fixed_sensitivity",
                "given",
            ]),
            default: Some("auto"),
        },
        Setting {
            name: "target",
            what: "the specificity or sensitivity that a fixed rule must reach",
            kind: SettingKind::OptionalReal(0.0, 1.0),
            default: None,
        },
        Setting {
            name: "threshold",
            what: "the threshold of rule `given`; positive is `>= threshold`",
            kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
            default: None,
        },
        Setting {
            name: "cost",
            what: "cost of a missed positive relative to a false alarm, for youden and closest_topleft",
            kind: SettingKind::Real(1e-6, 1e6),
            default: Some("1"),
        },
        Setting {
            name: "prevalence",
            what: "prevalence where the test is used, for youden and closest_topleft",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.5"),
        },
        THRESHOLDS,
        Setting {
            name: "interval",
            what: "wilson (threshold taken as fixed) or bootstrap (percentile; the rule applied anew in each replicate)",
            kind: SettingKind::Choice(&["wilson", "bootstrap"]),
            default: Some("wilson"),
        },
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "sensitivity",
        "specificity",
        "threshold",
        "youden",
        "sensitivity_at_specificity",
        "specificity_at_sensitivity",
        "true_positives",
        "false_positives",
        "true_negatives",
        "false_negatives",
    ],
    run,
};

fn run(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, score) = (sample.binary("truth"), sample.reals("score"));
    let clusters = sample.labels("cluster").map(|l| l.complete());
    let level = sample.real("level");
    let (target, threshold) = (
        sample.optional_real("target"),
        sample.optional_real("threshold"),
    );
    let word = match sample.word("rule") {
        "auto" if threshold.is_some() => "given",
        "auto" => "youden",
        word => word,
    };
    let needed = |setting: &str, value: Option<f64>| {
        value.ok_or_else(|| {
            StatisticsError::setting(setting, "not given", format!("rule `{word}` needs it"))
        })
    };
    let refused = |setting: &str, value: f64, rules: &str| {
        Err(StatisticsError::setting(
            setting,
            format!("{value} with rule `{word}`"),
            format!("it belongs to {rules}"),
        ))
    };
    let fixed = matches!(word, "fixed_specificity" | "fixed_sensitivity");
    match (target, threshold) {
        (Some(t), _) if !fixed => {
            return refused("target", t, "rule fixed_specificity or fixed_sensitivity");
        }
        (_, Some(t)) if word != "given" => return refused("threshold", t, "rule given"),
        _ => {}
    }
    let weighted = matches!(word, "youden" | "closest_topleft");
    for (setting, default) in [("cost", 1.0), ("prevalence", 0.5)] {
        let value = sample.real(setting);
        if !weighted && value != default {
            return refused(setting, value, "rule youden or closest_topleft");
        }
    }
    let r = (1.0 - sample.real("prevalence")) / (sample.real("cost") * sample.real("prevalence"));
    let rule = match word {
        "closest_topleft" => OperatingRule::ClosestTopLeft { r },
        "fixed_specificity" => OperatingRule::Specificity(needed("target", target)?),
        "fixed_sensitivity" => OperatingRule::Sensitivity(needed("target", target)?),
        "given" => OperatingRule::Threshold(needed("threshold", threshold)?),
        _ => OperatingRule::Youden { r },
    };
    let thresholds = Thresholds::from_word(sample.word("thresholds"));
    let found = operating_points(truth, score, rule, thresholds)?;
    let levels = Levels::new(truth, score)?;
    let Some(point) = found.first() else {
        return Err(StatisticsError::not_estimable(
            "no threshold satisfies the rule (above a score of +inf there is none)",
        ));
    };
    let bootstrap = bootstrap_of(sample, clusters.as_deref());
    let resampled = clusters.is_some() || sample.word("interval") == "bootstrap";
    let mut answer = Answer::default();
    let (m, n) = (levels.positive, levels.negative);
    let suffix = format!("at-threshold.{word}");
    let rates = |counts: &[Count]| {
        let (m, n) = totals(counts);
        best(counts, &levels.scores, rule)
            .map(|((tp, tn), _)| (tp as f64 / m as f64, tn as f64 / n as f64))
    };
    let with_interval =
        |number: Number, successes: u64, trials: u64, pick: fn((f64, f64)) -> f64| {
            if !resampled {
                return Ok(number.with_interval(wilson(successes, trials, level)?, "wilson"));
            }
            let value = successes as f64 / trials as f64;
            match replicated(
                &levels,
                truth,
                value,
                BootstrapInterval::Percentile,
                bootstrap,
                |c| rates(c).map(pick),
            ) {
                Ok(i) => Ok(number.with_interval(i, BootstrapInterval::Percentile.id())),
                Err(StatisticsError::NotEstimable(why)) => Ok(number.without_interval(why)),
                Err(other) => Err(other),
            }
        };
    answer.numbers.push(with_interval(
        Number::plain(
            "sensitivity",
            format!("sensitivity.{suffix}"),
            point.sensitivity(),
            m,
        ),
        point.true_positives,
        m as u64,
        |r| r.0,
    )?);
    answer.numbers.push(with_interval(
        Number::plain(
            "specificity",
            format!("specificity.{suffix}"),
            point.specificity(),
            n,
        ),
        point.true_negatives,
        n as u64,
        |r| r.1,
    )?);
    answer.numbers.push(Number::plain(
        "threshold",
        format!("positive-at-or-above.{}", sample.word("thresholds")),
        point.threshold,
        m + n,
    ));
    answer.numbers.push(Number::plain(
        "youden",
        "se-plus-sp-less-one",
        point.sensitivity() + point.specificity() - 1.0,
        m + n,
    ));
    match rule {
        OperatingRule::Specificity(target) => {
            let (value, interval) = sensitivity_at_specificity(truth, score, target, bootstrap)?;
            push_fixed(
                &mut answer,
                "sensitivity_at_specificity",
                value,
                interval,
                m,
            )?;
        }
        OperatingRule::Sensitivity(target) => {
            let (value, interval) = specificity_at_sensitivity(truth, score, target, bootstrap)?;
            push_fixed(
                &mut answer,
                "specificity_at_sensitivity",
                value,
                interval,
                n,
            )?;
        }
        _ => {}
    }
    for (name, value) in [
        ("true_positives", point.true_positives),
        ("false_positives", point.false_positives),
        ("true_negatives", point.true_negatives),
        ("false_negatives", point.false_negatives),
    ] {
        answer
            .numbers
            .push(Number::plain(name, "count", value as f64, m + n));
    }
    answer.tables.push(Table {
        name: "equally good thresholds".into(),
        columns: ["threshold", "sensitivity", "specificity"]
            .map(String::from)
            .to_vec(),
        rows: found
            .iter()
            .map(|p| {
                vec![
                    Cell::Real(p.threshold),
                    Cell::Real(p.sensitivity()),
                    Cell::Real(p.specificity()),
                ]
            })
            .collect(),
    });
    if found.len() > 1 {
        answer.notes.push(format!(
            "{} thresholds are equally good; the lowest (greatest sensitivity) is given",
            found.len()
        ));
    }
    if word != "given" {
        answer.notes.push(if resampled {
            "the threshold was chosen on these data: the estimates are optimistic, although the interval repeats the choice".into()
        } else {
            "the threshold was chosen on these data: estimates and Wilson intervals are optimistic; choose it on tuning data and give it".into()
        });
    }
    if clusters.is_some() {
        answer
            .notes
            .push("rows come in clusters: intervals by bootstrap of whole clusters, since Wilson's takes rows to be independent".into());
    }
    answer.curves.push(super::curve::figure(
        "ROC curve",
        &curve_points(&levels, thresholds),
    ));
    answer.curves.push(Curve::line(
        Figure::Roc,
        "operating point",
        vec![1.0 - point.specificity()],
        vec![point.sensitivity()],
    ));
    Ok(answer)
}

fn push_fixed(
    answer: &mut Answer,
    name: &str,
    value: f64,
    interval: Result<Interval, StatisticsError>,
    n: usize,
) -> Result<(), StatisticsError> {
    let number = Number::plain(name, "interpolated.proc", value, n);
    answer.numbers.push(match interval {
        Ok(i) => number.with_interval(i, BootstrapInterval::Percentile.id()),
        Err(StatisticsError::NotEstimable(why)) => number.without_interval(why),
        Err(other) => return Err(other),
    });
    Ok(())
}
