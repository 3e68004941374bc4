//! Agreement of raters and methods: kappa and its kin, intraclass correlation, Bland-Altman limits,
//! concordance, repeatability, linearity and the regressions of method comparison.

pub mod bland_altman;
pub mod categorical;
pub mod concordance;
pub mod icc;
pub mod regression;
pub mod repeatability;

use crate::catalogue::{Entry, Kind, Need, Role, Sample, Setting, SettingKind};
use crate::number::{Interval, Number, StatisticsError};
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
    let replicates = units.bootstrap(sample.whole("seed"), sample.whole("replicates"), &statistic);
    let jackknife = if method == BootstrapInterval::Bca {
        units.jackknife(&statistic)
    } else {
        Vec::new()
    };
    match method.of(estimate, &replicates, &jackknife, sample.real("level")) {
        Ok(interval) if interval.lower < interval.upper => {
            let values: Vec<f64> = replicates.into_iter().flatten().collect();
            Ok(number
                .with_standard_error(variance(&values).sqrt())
                .with_interval(interval, method.id()))
        }
        Ok(_) => Ok(number.without_interval("every bootstrap replicate has the same value")),
        Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
        Err(other) => Err(other),
    }
}

/// `number` with the interval, unless it has no width or is not finite.
fn with_interval_or_reason(
    number: Number,
    interval: Interval,
    method: &str,
    reason: &str,
) -> Number {
    if interval.lower < interval.upper && interval.lower.is_finite() && interval.upper.is_finite() {
        number.with_interval(interval, method)
    } else {
        number.without_interval(reason)
    }
}

fn check_level(level: f64) -> Result<(), StatisticsError> {
    crate::distribution::two_sided_z(level).map(|_| ())
}

/// Refuses values that are not finite.
fn check_finite(name: &str, values: &[f64]) -> Result<(), StatisticsError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(row) => Err(StatisticsError::Value {
            column: name.to_owned(),
            row,
            what: "is not a finite number".to_owned(),
        }),
        None => Ok(()),
    }
}

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

/// Whether all values are the same.
fn constant(values: &[f64]) -> bool {
    values.windows(2).all(|w| w.first() == w.last())
}

fn take<T: Copy>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter()
        .filter_map(|r| values.get(*r).copied())
        .collect()
}

fn median(sorted: &[f64]) -> f64 {
    crate::resample::quantile(sorted, 0.5)
}
