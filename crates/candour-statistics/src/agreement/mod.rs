//! Agreement of raters and methods: kappa and its kin, intraclass correlation, Bland-Altman limits,
//! concordance, repeatability, linearity and the regressions of method comparison.

pub mod bland_altman;
pub mod categorical;
pub mod concordance;
pub mod icc;
pub mod regression;
pub mod repeatability;

use crate::catalogue::{Entry, Kind, Labels, Need, Role, Sample, Setting, SettingKind};
use crate::number::{Answer, Interval, Number, StatisticsError};
use crate::resample::{BootstrapInterval, Units};

/// The entries of this group.
pub const ENTRIES: &[Entry] = &[
    categorical::KAPPA,
    categorical::KAPPA_FLEISS,
    categorical::KRIPPENDORFF_ALPHA,
    categorical::AGREEMENT_AC1,
    icc::ICC,
    bland_altman::BLAND_ALTMAN,
    concordance::CCC,
    repeatability::REPEATABILITY,
    regression::LINEARITY,
    regression::DEMING,
    regression::PASSING_BABLOK,
];

const SUBJECT: Role = Role {
    name: "subject",
    what: "the subject or case that a row belongs to",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const RATER: Role = Role {
    name: "rater",
    what: "the rater of a row, where one `rating` column holds all ratings in long form (with `subject`)",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const INTERVAL: Setting = Setting {
    name: "interval",
    what: "how the interval is made: by the formula named in the result, or by the bootstrap; with `cluster` the bootstrap always",
    kind: SettingKind::Choice(&["asymptotic", "percentile", "bca", "basic"]),
    default: Some("asymptotic"),
};

/// What becomes of rows without all measurements.
pub(crate) const MISSING: Setting = Setting {
    name: "missing",
    what: "rows that lack a measured value: refused, or left out and counted (complete-case)",
    kind: SettingKind::Choice(&["refuse", "complete-case"]),
    default: Some("refuse"),
};

/// The rows in which no column of these roles is empty; a row that lacks one is refused or left out, as
/// the setting `missing` says.
pub(crate) fn complete_rows(
    sample: &Sample,
    roles: &[&str],
) -> Result<Vec<usize>, StatisticsError> {
    let columns: Vec<(&str, &[f64])> = roles.iter().flat_map(|r| sample.all_reals(r)).collect();
    let labels: Vec<(&str, &Labels)> = roles.iter().flat_map(|r| sample.all_labels(r)).collect();
    let lacking = |row: usize| {
        let number = columns
            .iter()
            .find(|(_, values)| values.get(row).is_some_and(|v| v.is_nan()))
            .map(|(name, _)| *name);
        number.or_else(|| {
            labels
                .iter()
                .find(|(_, l)| l.codes.get(row).is_some_and(Option::is_none))
                .map(|(name, _)| *name)
        })
    };
    let mut kept = Vec::with_capacity(sample.rows());
    for row in 0..sample.rows() {
        match lacking(row) {
            None => kept.push(row),
            Some(name) if sample.word("missing") != "complete-case" => {
                return Err(StatisticsError::Value {
                    column: name.to_owned(),
                    row,
                    what: "is empty or not a number; set `missing` to complete-case to leave such rows out, and say so in the plan".into(),
                });
            }
            Some(_) => {}
        }
    }
    Ok(kept)
}

/// Says how many rows (or subjects) the setting `missing` left out.
pub(crate) fn left_out(answer: &mut Answer, count: usize, of: usize, what: &str) {
    answer
        .numbers
        .push(Number::plain("left_out", "complete-case", count as f64, of));
    answer
        .notes
        .push(format!("{count} of {of} {what} and are left out"));
}

/// The answer with the count of rows left out, where the setting `missing` leaves any out.
pub(crate) fn with_left_out(mut answer: Answer, sample: &Sample, kept: usize) -> Answer {
    if sample.word("missing") == "complete-case" {
        left_out(
            &mut answer,
            sample.rows() - kept,
            sample.rows(),
            "rows lack a value",
        );
    }
    answer
}

/// The bootstrap that the settings ask for; none where the formula serves.
fn wanted_bootstrap(sample: &Sample, clustered: bool) -> Option<BootstrapInterval> {
    match sample.word("interval") {
        "asymptotic" if !clustered => None,
        word => Some(BootstrapInterval::from_word(word)),
    }
}

/// Gives `number` a bootstrap interval and standard error; rows are drawn by their cluster.
fn bootstrapped(
    number: Number,
    sample: &Sample,
    units: &Units,
    method: BootstrapInterval,
    statistic: impl Fn(&[usize]) -> Option<f64> + Sync,
) -> Result<Number, StatisticsError> {
    let Some(estimate) = number.value else {
        return Ok(number);
    };
    let mut number = number;
    number.interval = None;
    number.standard_error = None;
    number.interval_method = None;
    if units.len() < 2 {
        return Ok(number.without_interval("one cluster only: nothing to draw from"));
    }
    let (replicates, jackknife) = resamples(sample, units, method, statistic);
    from_resamples(number, estimate, method, replicates, &jackknife, sample)
}

/// The statistic on every bootstrap replicate and, for BCa, with each cluster left out.
fn resamples<T: Send>(
    sample: &Sample,
    units: &Units,
    method: BootstrapInterval,
    statistic: impl Fn(&[usize]) -> Option<T> + Sync,
) -> (Vec<Option<T>>, Vec<Option<T>>) {
    let replicates = units.bootstrap(sample.whole("seed"), sample.whole("replicates"), &statistic);
    let jackknife = if method == BootstrapInterval::Bca {
        units.jackknife(&statistic)
    } else {
        Vec::new()
    };
    (replicates, jackknife)
}

fn from_resamples(
    number: Number,
    estimate: f64,
    method: BootstrapInterval,
    replicates: Vec<Option<f64>>,
    jackknife: &[Option<f64>],
    sample: &Sample,
) -> Result<Number, StatisticsError> {
    match method.of(estimate, &replicates, jackknife, sample.real("level")) {
        Ok(interval) => {
            let values: Vec<f64> = replicates.into_iter().flatten().collect();
            Ok(number
                .with_standard_error(variance(&values).sqrt())
                .with_interval(interval, method.id()))
        }
        Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
        Err(other) => Err(other),
    }
}

/// `number` with the interval, unless it has no width or neither limit is finite.
fn with_interval_or_reason(
    number: Number,
    interval: Interval,
    method: &str,
    reason: &str,
) -> Number {
    if interval.bounds() {
        number.with_interval(interval, method)
    } else {
        number.without_interval(reason)
    }
}

/// `number` with its interval cut off at the ends of the range that its values can have; a note says
/// so. A method that knows no ends (Wald, jackknife, basic bootstrap) may pass them.
pub(crate) fn clip(number: Number, low: f64, high: f64, notes: &mut Vec<String>) -> Number {
    let Some(interval) = number.interval else {
        return number;
    };
    let clipped = Interval {
        lower: interval.lower.clamp(low, high),
        upper: interval.upper.clamp(low, high),
        level: interval.level,
    };
    if clipped == interval {
        return number;
    }
    let end = |v: f64, no: &str| {
        if v.is_finite() {
            v.to_string()
        } else {
            no.to_owned()
        }
    };
    notes.push(format!(
        "the interval of `{}` ({}) passed the end of the range from {} to {} and was clipped there",
        number.name,
        number.interval_method.as_deref().unwrap_or(""),
        end(low, "minus infinity"),
        end(high, "infinity"),
    ));
    if clipped.lower < clipped.upper {
        Number {
            interval: Some(clipped),
            ..number
        }
    } else {
        Number {
            interval: None,
            interval_method: None,
            ..number
        }
        .without_interval("the whole interval lies outside the possible range")
    }
}

fn check_level(level: f64) -> Result<(), StatisticsError> {
    crate::distribution::two_sided_z(level).map(|_| ())
}

/// Refuses values that are not finite, and such as are so large or so small that their squares leave
/// the range of double precision.
pub(crate) fn check_finite(name: &str, values: &[f64]) -> Result<(), StatisticsError> {
    if let Some(row) = values.iter().position(|v| !v.is_finite()) {
        return Err(StatisticsError::Value {
            column: name.to_owned(),
            row,
            what: "is not a finite number".to_owned(),
        });
    }
    let most = largest(values);
    if most != 0.0 && !(SMALLEST..=LARGEST).contains(&most) {
        return Err(StatisticsError::not_estimable(format!(
            "the largest value of `{name}` is {most:e}: sums of squares of such values leave the range of double precision; give them in another unit, between {SMALLEST:e} and {LARGEST:e}"
        )));
    }
    Ok(())
}

const LARGEST: f64 = 1e150;
/// Neighbouring numbers of this size differ by 1e-146, whose square still has all its digits.
const SMALLEST: f64 = 1e-130;

fn check_pairs(first: &[f64], second: &[f64]) -> Result<(), StatisticsError> {
    check_finite("first", first)?;
    check_finite("second", second)?;
    if first.len() == second.len() {
        Ok(())
    } else {
        Err(StatisticsError::Data(format!(
            "{} values against {}; give pairs",
            first.len(),
            second.len()
        )))
    }
}

/// The mean, with a second pass for the rounding of the first. NaN when there is none.
fn mean(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let first = values.iter().sum::<f64>() / n;
    first + values.iter().map(|v| v - first).sum::<f64>() / n
}

fn squares(values: &[f64]) -> f64 {
    let m = mean(values);
    values.iter().map(|v| (v - m).powi(2)).sum()
}

/// The sample variance.
fn variance(values: &[f64]) -> f64 {
    squares(values) / (values.len() as f64 - 1.0)
}

fn products(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x), mean(y));
    x.iter().zip(y).map(|(a, b)| (a - mx) * (b - my)).sum()
}

/// How far apart two values may lie that are computed alike from measured values of size 1 and would be the
/// same but for rounding: each measured value is rounded by half a unit in the last place (2^-53) when it is
/// typed, and a difference, quotient or logarithm of two adds as much again for each step. Two such results
/// differ by less than 8 units.
const ROUNDING: f64 = 8.0 * f64::EPSILON;

/// Values that are the same but for the rounding of the measured values, made the same: 0.7 - 0.6 and 0.5 -
/// 0.4 differ in the 17th digit, which is no spread to make an interval from. `scale` is the size of the
/// largest value that the results were computed from, in the results' unit; results within
/// [`ROUNDING`] of it above the least of a group count as that least value.
fn without_rounding(values: &[f64], scale: f64) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut out = values.to_vec();
    let mut least = f64::NEG_INFINITY;
    for (value, at) in order {
        if value - least > ROUNDING * scale {
            least = value;
        }
        if let Some(slot) = out.get_mut(at) {
            *slot = least;
        }
    }
    out
}

/// The largest size among the values; 0 when there are none.
fn largest(values: &[f64]) -> f64 {
    values.iter().map(|v| v.abs()).fold(0.0, f64::max)
}

/// Whether all points lie on the line but for rounding, which is no spread to judge it by.
fn on_line(x: &[f64], y: &[f64], slope: f64, intercept: f64) -> bool {
    let scale = largest(y)
        .max(slope.abs() * largest(x))
        .max(intercept.abs());
    x.iter()
        .zip(y)
        .all(|(x, y)| (y - intercept - slope * x).abs() <= 1e-13 * scale)
}

/// Whether all values are the same.
fn constant(values: &[f64]) -> bool {
    values.windows(2).all(|w| w.first() == w.last())
}

pub(crate) fn take<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter()
        .filter_map(|r| values.get(*r).copied())
        .collect()
}

fn median(sorted: &[f64]) -> f64 {
    crate::resample::quantile(sorted, 0.5)
}
