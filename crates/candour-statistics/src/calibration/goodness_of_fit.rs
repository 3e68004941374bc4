//! Tests of calibration: Spiegelhalter's z and the statistic of Hosmer and Lemeshow.

use super::check;
use crate::catalogue::{Entry, Group, PROBABILITY, Sample, Setting, SettingKind, TRUTH};
use crate::distribution::{chi_squared_tail, normal_two_sided};
use crate::number::{Answer, Cell, Number, StatisticsError, Table};

/// Spiegelhalter's z (1986): sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)), standard normal when
/// the probabilities are right. It sees only departures that change the Brier score.
///
/// # Errors
/// Not estimable without rows, or when every probability is 0, 1/2 or 1, for then the variance is 0.
/// Data: lengths, values.
pub fn spiegelhalter_z(truth: &[bool], probability: &[f64]) -> Result<f64, StatisticsError> {
    check(truth, probability)?;
    let (mut excess, mut variance) = (0.0, 0.0);
    for (y, p) in truth.iter().zip(probability) {
        let lean = 1.0 - 2.0 * p;
        excess += (f64::from(u8::from(*y)) - p) * lean;
        variance += lean * lean * p * (1.0 - p);
    }
    if variance <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "every probability is 0, 0.5 or 1, where Spiegelhalter's statistic has no variance",
        ));
    }
    Ok(excess / variance.sqrt())
}

/// Whose data the Hosmer-Lemeshow test looks at, which sets its degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The data that the model was fitted to: groups - 2.
    Development,
    /// Other data: as many as there are groups (Hosmer, Lemeshow and Sturdivant 2013, section 5.2).
    External,
}

/// The Hosmer-Lemeshow test.
#[derive(Clone, Debug, PartialEq)]
pub struct HosmerLemeshow {
    /// Pearson's sum over groups and both outcomes.
    pub statistic: f64,
    /// Degrees of freedom.
    pub df: usize,
    /// Upper tail of chi-squared.
    pub p_value: f64,
    /// Each group: upper edge, rows, observed positives, expected positives.
    pub groups: Vec<(f64, usize, usize, f64)>,
}

/// Hosmer and Lemeshow's statistic as `ResourceSelection::hoslem.test` computes it: groups between the
/// quantiles k/g of the probabilities (type 7), edges that coincide merged, closed on the right, the
/// lowest closed on both sides; degrees of freedom by the groups that are formed (fewer than asked for
/// when probabilities are tied). A group that stays empty, because two edges differ in the last digit
/// only, is left out, where `hoslem.test` returns NaN.
///
/// # Errors
/// Not estimable: no rows, fewer groups than the degrees of freedom need, an expected count of 0 or
/// of all (a group whose probabilities are all 0 or all 1). Setting: fewer than 2 groups. Data: lengths,
/// values.
pub fn hosmer_lemeshow(
    truth: &[bool],
    probability: &[f64],
    groups: usize,
    use_: Use,
) -> Result<HosmerLemeshow, StatisticsError> {
    check(truth, probability)?;
    if groups < 2 {
        return Err(StatisticsError::setting(
            "groups",
            groups,
            "at least 2, such as 10",
        ));
    }
    let mut sorted: Vec<f64> = probability.iter().map(|p| p + 0.0).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let step = 1.0 / groups as f64;
    let mut edges: Vec<f64> = (0..=groups)
        .map(|k| r_quantile(&sorted, (k as f64 * step).min(1.0)))
        .collect();
    edges.dedup();
    let inside = edges.get(1..edges.len().saturating_sub(1)).unwrap_or(&[]);
    let mut found: Vec<(f64, usize, usize, f64)> = edges
        .iter()
        .skip(1)
        .map(|e| (*e, 0usize, 0usize, 0.0f64))
        .collect();
    for (y, p) in truth.iter().zip(probability) {
        if let Some(group) = found.get_mut(inside.partition_point(|e| *e < *p)) {
            group.1 += 1;
            group.2 += usize::from(*y);
            group.3 += p;
        }
    }
    found.retain(|g| g.1 > 0);
    let formed = found.len();
    let df = match use_ {
        Use::Development => formed.saturating_sub(2),
        Use::External => formed,
    };
    if formed < 2 || df == 0 {
        return Err(StatisticsError::not_estimable(format!(
            "the probabilities form {formed} groups, too few for the test"
        )));
    }
    let mut statistic = 0.0;
    for (_, n, positive, expected) in &found {
        let (n, positive) = (*n as f64, *positive as f64);
        let negative = n - expected;
        // The rounding of a sum of ones must not pass for an expectation.
        if !(*expected > 0.0 && negative > 1e-12 * n) {
            return Err(StatisticsError::not_estimable(
                "a group expects no positives or no negatives (probabilities of 0 or 1), so its term is undefined",
            ));
        }
        statistic +=
            (positive - expected).powi(2) / expected + (n - positive - negative).powi(2) / negative;
    }
    Ok(HosmerLemeshow {
        statistic,
        df,
        p_value: chi_squared_tail(statistic, df as f64),
        groups: found,
    })
}

/// R's quantile of type 7 with its rounding: edges that meet tied probabilities must agree to the
/// last digit.
fn r_quantile(sorted: &[f64], p: f64) -> f64 {
    let at = 1.0 + (sorted.len() as f64 - 1.0) * p;
    let low = at.floor();
    let get = |i: f64| {
        sorted
            .get((i as usize).saturating_sub(1))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let (a, b) = (get(low), get(at.ceil()));
    let h = at - low;
    if h > 0.0 && a != b {
        (1.0 - h) * a + h * b
    } else {
        a
    }
}

/// `spiegelhalter-z`.
pub(super) const SPIEGELHALTER: Entry = Entry {
    id: "spiegelhalter-z",
    group: Group::Calibration,
    title: "Spiegelhalter's test of calibration",
    formula: "z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p(1 - p)); p-value two-sided, standard normal",
    source: "Spiegelhalter 1986 Stat Med 5:421",
    assumptions: "rows independent: with several rows of a patient the test is too eager; probabilities fixed beforehand (not fitted to these data). Not rejecting is no proof of calibration",
    compared_with: "rms 6.5-0 val.prob (S:z, S:p); mapie 1.6.0 (same z; its p-value is one-sided)",
    roles: &[TRUTH, PROBABILITY],
    settings: &[],
    numbers: &["z", "p_value"],
    run: run_spiegelhalter,
};

const GROUPS: Setting = Setting {
    name: "groups",
    what: "groups by quantiles of the probability",
    kind: SettingKind::Whole(2, 1000),
    default: Some("10"),
};

const USE: Setting = Setting {
    name: "use",
    what: "external data (df = groups) or the data the model was fitted to (development, df = groups - 2)",
    kind: SettingKind::Choice(&["external", "development"]),
    default: Some("external"),
};

/// `hosmer-lemeshow`.
pub(super) const HOSMER_LEMESHOW: Entry = Entry {
    id: "hosmer-lemeshow",
    group: Group::Calibration,
    title: "Hosmer-Lemeshow test",
    formula: "sum over groups of (O - E)^2/E for positives and for negatives; groups at quantiles k/g (type 7), closed on the right, coinciding edges merged; chi-squared with groups (external) or groups - 2 (development) degrees of freedom",
    source: "Hosmer and Lemeshow 1980; Hosmer, Lemeshow and Sturdivant 2013, Applied Logistic Regression, 3rd edition, 5.2",
    assumptions: "rows independent; expected counts of at least 5 in most cells. Depends on the grouping, blind at small n and over-eager at large n: report it, never decide on it",
    compared_with: "ResourceSelection::hoslem.test, its definition run in R 4.2 (quantile, cut, xtabs)",
    roles: &[TRUTH, PROBABILITY],
    settings: &[GROUPS, USE],
    numbers: &["chi_squared", "df", "p_value"],
    run: run_hosmer_lemeshow,
};

fn run_spiegelhalter(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, probability) = (sample.binary("truth"), sample.reals("probability"));
    let z = spiegelhalter_z(truth, probability)?;
    let n = truth.len();
    Ok(Answer {
        numbers: vec![
            Number::plain("z", "spiegelhalter-z.1986", z, n),
            Number::plain(
                "p_value",
                "spiegelhalter-z.two-sided.normal",
                normal_two_sided(z),
                n,
            ),
        ],
        ..Answer::default()
    })
}

fn run_hosmer_lemeshow(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (truth, probability) = (sample.binary("truth"), sample.reals("probability"));
    let asked = usize::try_from(sample.whole("groups")).unwrap_or(usize::MAX);
    let word = sample.word("use");
    let use_ = if word == "development" {
        Use::Development
    } else {
        Use::External
    };
    let test = hosmer_lemeshow(truth, probability, asked, use_)?;
    let n = truth.len();
    let definition = format!("hosmer-lemeshow.quantile-cut.{asked}-groups.{word}");
    let mut notes = Vec::new();
    if test.groups.len() < asked {
        notes.push(format!(
            "ties left {} of the {asked} groups asked for",
            test.groups.len()
        ));
    }
    let small = test
        .groups
        .iter()
        .flat_map(|g| [g.3, g.1 as f64 - g.3])
        .filter(|e| *e < 5.0)
        .count();
    if small > 0 {
        notes.push(format!(
            "{small} of {} expected counts are below 5; the chi-squared law is rough there",
            2 * test.groups.len()
        ));
    }
    let rows = test
        .groups
        .iter()
        .map(|(upper, n, positive, expected)| {
            vec![
                Cell::Real(*upper),
                Cell::Whole(i64::try_from(*n).unwrap_or(i64::MAX)),
                Cell::Whole(i64::try_from(*positive).unwrap_or(i64::MAX)),
                Cell::Real(*expected),
            ]
        })
        .collect();
    Ok(Answer {
        numbers: vec![
            Number::plain("chi_squared", definition.clone(), test.statistic, n),
            Number::plain("df", format!("{definition}.df"), test.df as f64, n),
            Number::plain(
                "p_value",
                format!("{definition}.upper-tail"),
                test.p_value,
                n,
            ),
        ],
        tables: vec![Table {
            name: "groups".into(),
            columns: ["upper", "n", "observed", "expected"]
                .map(str::to_owned)
                .to_vec(),
            rows,
        }],
        notes,
        ..Answer::default()
    })
}
