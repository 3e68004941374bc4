//! The area under part of the curve.

use super::levels::{Count, Focus, Levels, partial_area};
use super::{BOOTSTRAP, Bootstrap, bootstrap_of, clip};
use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, REPLICATES, SCORE, SEED, Sample, Setting, SettingKind, TRUTH,
};
use crate::number::{Answer, Interval, Number, StatisticsError};
use crate::proportion::digits;
use crate::resample::BootstrapInterval;

/// The area under the empirical curve for specificities (or sensitivities) from `from` to `to`,
/// linear between points. With `corrected`, McClish's (1989) scale on which 0.5 is no discrimination
/// and 1 perfect: `(1 + (A - min)/(max - min))/2`, `max = to - from`,
/// `min = (1 - from + 1 - to)(to - from)/2`.
///
/// # Errors
/// Not estimable without a case in each class, and corrected where the curve lies below the diagonal
/// in the range (as pROC); setting error unless `0 <= from < to <= 1`.
pub fn partial_auc(
    truth: &[bool],
    score: &[f64],
    (from, to): (f64, f64),
    focus: Focus,
    corrected: bool,
) -> Result<f64, StatisticsError> {
    let levels = checked(truth, score, from, to)?;
    let area = partial_area(&levels.counts, from, to, focus).unwrap_or(f64::NAN);
    if corrected && area < least(from, to) {
        return Err(StatisticsError::not_estimable(
            "the curve lies below the diagonal in this range, where McClish's correction is not defined",
        ));
    }
    Ok(if corrected {
        correct(area, from, to)
    } else {
        area
    })
}

/// Its bootstrap interval: cases drawn within their class, or whole clusters. As in pROC a replicate
/// below the diagonal is corrected by the same formula.
///
/// # Errors
/// As [`partial_auc`] and [`BootstrapInterval::of`]; not estimable with fewer than two cases (or
/// clusters) of a class, when every replicate is the same, and for BCa with more than 20 000 units, each of which it leaves out in turn.
pub fn partial_auc_interval(
    truth: &[bool],
    score: &[f64],
    (from, to): (f64, f64),
    focus: Focus,
    corrected: bool,
    method: BootstrapInterval,
    bootstrap: Bootstrap<'_>,
) -> Result<Interval, StatisticsError> {
    let value = partial_auc(truth, score, (from, to), focus, corrected)?;
    let levels = checked(truth, score, from, to)?;
    let statistic = |counts: &[Count]| {
        partial_area(counts, from, to, focus)
            .map(|a| if corrected { correct(a, from, to) } else { a })
    };
    replicated(&levels, truth, value, method, bootstrap, statistic)
}

/// What remains where a bootstrap has no width.
pub(super) const NO_WIDTH: &str = "this entry has no other interval here; report the full area beside it, which `roc-auc` gives with interval newcombe";

/// The bootstrap interval of any statistic of the counts.
pub(super) fn replicated(
    levels: &Levels,
    truth: &[bool],
    value: f64,
    method: BootstrapInterval,
    bootstrap: Bootstrap<'_>,
    statistic: impl Fn(&[Count]) -> Option<f64> + Sync,
) -> Result<Interval, StatisticsError> {
    crate::distribution::two_sided_z(bootstrap.level)?;
    let units = levels.resampling(truth, bootstrap.cluster)?;
    let values = units.replicates(levels, bootstrap.seed, bootstrap.replicates, &statistic);
    let jackknife = match method {
        BootstrapInterval::Bca if units.units() > 20_000 => {
            return Err(StatisticsError::not_estimable(
                "BCa leaves out each of more than 20 000 units in turn; use percentile, which hardly differs at this size",
            ));
        }
        BootstrapInterval::Bca => units.jackknife(levels, &statistic),
        _ => Vec::new(),
    };
    method.of(value, &values, &jackknife, bootstrap.level)
}

fn checked(truth: &[bool], score: &[f64], from: f64, to: f64) -> Result<Levels, StatisticsError> {
    if !(0.0 <= from && from < to && to <= 1.0) {
        return Err(StatisticsError::setting(
            "from",
            format!("{from} with `to` {to}"),
            "0 <= from < to <= 1, such as 0.9 and 1",
        ));
    }
    Levels::new(truth, score)
}

fn least(from: f64, to: f64) -> f64 {
    ((1.0 - from) + (1.0 - to)) * (to - from) / 2.0
}

fn correct(area: f64, from: f64, to: f64) -> f64 {
    let least = least(from, to);
    f64::midpoint(1.0, (area - least) / ((to - from) - least))
}

pub(super) const ENTRY: Entry = Entry {
    id: "roc-partial-auc",
    group: Group::Roc,
    title: "Partial area under the ROC curve",
    formula: "area under sensitivity for specificities in [from, to] (focus specificity), or under specificity for sensitivities in it (focus sensitivity), linear between points; corrected: (1 + (A - min)/(max - min))/2",
    source: "McClish 1989, Med Decis Making 9:190; Robin et al. 2011 (pROC)",
    assumptions: "The range was fixed before the data were opened. The corrected area is not defined below the diagonal. The interval is by bootstrap within classes or by cluster",
    compared_with: "pROC 1.18.0 auc(partial.auc = c(to, from), partial.auc.focus, partial.auc.correct)",
    roles: &[TRUTH, SCORE, CLUSTER],
    settings: &[
        LEVEL,
        Setting {
            name: "from",
            what: "lower end of the range",
            kind: SettingKind::Real(0.0, 1.0),
            default: Some("0.9"),
        },
        Setting {
            name: "to",
            what: "upper end of the range",
            kind: SettingKind::Real(0.0, 1.0),
            default: Some("1"),
        },
        Setting {
            name: "focus",
            what: "which rate the range lies on",
            kind: SettingKind::Choice(&["specificity", "sensitivity"]),
            default: Some("specificity"),
        },
        Setting {
            name: "corrected",
            what: "McClish's correction to a scale from 0.5 to 1",
            kind: SettingKind::Flag,
            default: Some("false"),
        },
        BOOTSTRAP,
        REPLICATES,
        SEED,
    ],
    numbers: &["partial_auc", "greatest"],
    run,
};

fn run(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, score) = (sample.binary("truth"), sample.reals("score"));
    let clusters = sample.labels("cluster").map(|l| l.complete());
    let range = (sample.real("from"), sample.real("to"));
    let word = sample.word("focus");
    let focus = if word == "sensitivity" {
        Focus::Sensitivity
    } else {
        Focus::Specificity
    };
    let corrected = sample.flag("corrected");
    let mut answer = Answer::default();
    let n = truth.len();
    let definition = format!(
        "auc.partial.{word}{}",
        if corrected { ".mcclish" } else { "" }
    );
    let value = partial_auc(truth, score, range, focus, corrected)?;
    let number = Number::plain("partial_auc", definition, value, n);
    let method = BootstrapInterval::from_word(sample.word("bootstrap"));
    let interval = partial_auc_interval(
        truth,
        score,
        range,
        focus,
        corrected,
        method,
        bootstrap_of(sample, clusters.as_deref()),
    );
    let width = range.1 - range.0;
    let (lowest, highest) = if corrected {
        (correct(0.0, range.0, range.1), 1.0)
    } else {
        (0.0, width)
    };
    answer
        .numbers
        .push(match interval.and_then(|i| clip(i, lowest, highest)) {
            Ok((i, clipped)) => {
                if clipped {
                    answer.notes.push(format!(
                        "a limit lay outside {} to {} and was clipped; percentile stays inside",
                        digits(lowest),
                        digits(highest)
                    ));
                }
                number.with_interval(i, method.id())
            }
            Err(StatisticsError::NotEstimable(why)) => {
                number.without_interval(format!("{why}; {NO_WIDTH}"))
            }
            Err(other) => return Err(other),
        });
    answer
        .numbers
        .push(Number::plain("greatest", "width-of-range", width, n));
    answer.notes.push(format!(
        "range {} to {} of {word}, linear interpolation at its ends",
        range.0, range.1
    ));
    answer.curves.push(super::curve::figure(
        "ROC curve",
        &super::roc_curve(truth, score, super::Thresholds::Midpoint)?,
    ));
    Ok(answer)
}
