//! Repeatability and reproducibility of a measurement.

use crate::catalogue::{
    Entry, Group, Kind, LEVEL, Labels, Need, Role, Sample, Setting, SettingKind,
};
use crate::distribution::{chi_squared_quantile, two_sided_z};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};

use super::{MISSING, check_finite, complete_rows, constant, mean, squares, take, with_left_out};

/// Repeatability.
pub(super) const REPEATABILITY: Entry = Entry {
    id: "repeatability",
    group: Group::Agreement,
    title: "Repeatability: within-subject SD and CV, repeatability coefficient, reproducibility",
    formula: "wSD^2 = sum of squares within subjects / sum (m_i - 1); RC = z sqrt(2) wSD (2.77 wSD for coverage 0.95); wCV by root mean square: wCV^2 = sum (m_i - 1) (s_i / mean_i)^2 / sum (m_i - 1); wCV by logarithms: sqrt(exp(s^2) - 1); %RC = 100 RC factor wCV; on the log scale the limits of a ratio are exp(-/+ 2.77 s). RDC = z sqrt(2) sqrt(condition + subject by condition + residual variance), balanced two-way analysis of variance. Intervals by chi-squared with sum (m_i - 1) degrees of freedom",
    source: "Bland and Altman 1996, BMJ 313:744, 106; Raunig et al. 2015, Stat Methods Med Res 24:27 (QIBA); Obuchowski and Bullen 2018",
    assumptions: "Replicates under the same conditions, normal within subjects with one spread (wSD) or one relative spread (wCV). Subjects with one measurement add nothing. wCV needs positive values. Reproducibility needs every subject under every condition equally often; negative components are set to 0 and noted",
    compared_with: "lme4 1.1.31 (balanced); closed forms in R 4.2.2 written from the papers",
    roles: &[
        Role {
            name: "measurement",
            what: "measured value",
            kind: Kind::Finite,
            need: Need::One,
            missing: true,
        },
        Role {
            name: "subject",
            what: "the subject measured again",
            kind: Kind::Label,
            need: Need::One,
            missing: false,
        },
        Role {
            name: "condition",
            what: "scanner, site or reader of the measurement, for reproducibility",
            kind: Kind::Label,
            need: Need::Optional,
            missing: false,
        },
    ],
    settings: &[
        Setting {
            name: "coverage",
            what: "share of differences of two replicates that the repeatability coefficient covers",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.95"),
        },
        MISSING,
        LEVEL,
    ],
    numbers: &[
        "wsd",
        "repeatability_coefficient",
        "wcv",
        "repeatability_coefficient_percent",
        "wcv_log",
        "repeatability_coefficient_percent_log",
        "change_percent_upper",
        "change_percent_lower",
        "df",
        "mean",
        "reproducibility_coefficient",
        "reproducibility_coefficient_percent",
        "left_out",
    ],
    run: run_repeatability,
};

/// A spread within subjects with its degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Within {
    /// The standard deviation (or coefficient of variation) within subjects.
    pub value: f64,
    /// Degrees of freedom.
    pub df: f64,
    /// Its chi-squared interval.
    pub interval: Interval,
}

/// The standard deviation within subjects, from the values of each.
///
/// # Errors
/// Not estimable: no subject measured twice, or no spread within subjects.
pub fn within_deviation(subjects: &[Vec<f64>], level: f64) -> Result<Within, StatisticsError> {
    pooled(subjects, level, squares)
}

/// The coefficient of variation within subjects by the root mean square method.
///
/// # Errors
/// Not estimable: as above, or a subject's mean is not positive.
pub fn within_cv(subjects: &[Vec<f64>], level: f64) -> Result<Within, StatisticsError> {
    if subjects
        .iter()
        .map(|s| mean(s))
        .any(|m| m.is_nan() || m <= 0.0)
    {
        return Err(StatisticsError::not_estimable(
            "a subject's mean is not positive, so it has no coefficient of variation",
        ));
    }
    pooled(subjects, level, |s| squares(s) / mean(s).powi(2))
}

/// The standard deviation of logarithms within subjects.
///
/// # Errors
/// Not estimable: as above, or a value is not positive.
pub fn within_log_deviation(subjects: &[Vec<f64>], level: f64) -> Result<Within, StatisticsError> {
    if subjects.iter().flatten().any(|v| v.is_nan() || *v <= 0.0) {
        return Err(StatisticsError::not_estimable(
            "a value is not positive, so it has no logarithm",
        ));
    }
    let logs: Vec<Vec<f64>> = subjects
        .iter()
        .map(|s| s.iter().map(|v| v.ln()).collect())
        .collect();
    pooled(&logs, level, squares)
}

fn pooled(
    subjects: &[Vec<f64>],
    level: f64,
    own: impl Fn(&[f64]) -> f64,
) -> Result<Within, StatisticsError> {
    two_sided_z(level)?;
    check_finite(
        "measurement",
        &subjects.iter().flatten().copied().collect::<Vec<f64>>(),
    )?;
    let df: f64 = subjects
        .iter()
        .map(|s| (s.len() as f64 - 1.0).max(0.0))
        .sum();
    if df == 0.0 {
        return Err(StatisticsError::not_estimable(
            "no subject is measured twice",
        ));
    }
    if subjects.iter().all(|s| constant(s)) {
        return Err(StatisticsError::not_estimable(
            "every subject's values are the same: no spread was seen, which is no proof that there is none",
        ));
    }
    let sum: f64 = subjects
        .iter()
        .filter(|s| s.len() > 1)
        .map(|s| own(s))
        .sum();
    let value = (sum / df).sqrt();
    Ok(Within {
        value,
        df,
        interval: Interval {
            lower: value * (df / chi_squared_quantile(f64::midpoint(1.0, level), df)).sqrt(),
            upper: value * (df / chi_squared_quantile((1.0 - level) / 2.0, df)).sqrt(),
            level,
        },
    })
}

/// Variance components of subjects under conditions, balanced, with replicates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reproducibility {
    /// Standard deviation under changing conditions: condition, interaction and residual together.
    pub deviation: f64,
    /// Between subjects.
    pub subject: f64,
    /// Between conditions.
    pub condition: f64,
    /// Subject by condition; 0 where one measurement each leaves it in the residual.
    pub interaction: f64,
    /// Residual.
    pub residual: f64,
    /// Satterthwaite's degrees of freedom of `deviation` squared; NaN when a component is at 0.
    pub df: f64,
    /// Whether a negative component was set to 0.
    pub at_boundary: bool,
}

/// Reproducibility from `cells[subject][condition]`, each with as many replicates.
///
/// # Errors
/// Data: not balanced. Not estimable: fewer than two subjects or conditions, no spread.
pub fn reproducibility(cells: &[Vec<Vec<f64>>]) -> Result<Reproducibility, StatisticsError> {
    let a = cells.len() as f64;
    let b = cells.first().map_or(0, Vec::len);
    let r = cells.first().and_then(|c| c.first()).map_or(0, Vec::len);
    if cells
        .iter()
        .any(|s| s.len() != b || s.iter().any(|c| c.len() != r || r == 0))
    {
        return Err(StatisticsError::not_estimable(
            "reproducibility needs every subject under every condition equally often; fit a mixed model for other designs",
        ));
    }
    if a < 2.0 || b < 2 {
        return Err(StatisticsError::not_estimable(
            "fewer than two subjects or conditions",
        ));
    }
    let (bf, rf) = (b as f64, r as f64);
    let all: Vec<f64> = cells.iter().flatten().flatten().copied().collect();
    check_finite("measurement", &all)?;
    if constant(&all) {
        return Err(StatisticsError::not_estimable(
            "all measurements are the same",
        ));
    }
    let of_subject: Vec<f64> = cells
        .iter()
        .map(|s| mean(&s.iter().flatten().copied().collect::<Vec<f64>>()))
        .collect();
    let of_condition: Vec<f64> = (0..b)
        .map(|j| {
            let column: Vec<f64> = cells
                .iter()
                .filter_map(|s| s.get(j))
                .flatten()
                .copied()
                .collect();
            mean(&column)
        })
        .collect();
    let grand = mean(&all);
    let (mut interaction, mut residual) = (0.0, 0.0);
    for (s, ms) in cells.iter().zip(&of_subject) {
        for (c, mc) in s.iter().zip(&of_condition) {
            let m = mean(c);
            interaction += rf * (m - ms - mc + grand).powi(2);
            residual += squares(c);
        }
    }
    let ms_subject =
        bf * rf * of_subject.iter().map(|m| (m - grand).powi(2)).sum::<f64>() / (a - 1.0);
    let ms_condition = a
        * rf
        * of_condition
            .iter()
            .map(|m| (m - grand).powi(2))
            .sum::<f64>()
        / (bf - 1.0);
    let df_interaction = (a - 1.0) * (bf - 1.0);
    let ms_interaction = interaction / df_interaction;
    let df_residual = a * bf * (rf - 1.0);
    // With one measurement in each cell the interaction cannot be told from the residual.
    let ms_residual = if r > 1 {
        residual / df_residual
    } else {
        ms_interaction
    };
    let raw_interaction = if r > 1 {
        (ms_interaction - ms_residual) / rf
    } else {
        0.0
    };
    let raw_condition = (ms_condition - ms_interaction) / (a * rf);
    let at_boundary = raw_interaction < 0.0 || raw_condition < 0.0;
    let (interaction, condition) = (raw_interaction.max(0.0), raw_condition.max(0.0));
    let total = condition + interaction + ms_residual;
    if total.is_nan() || total <= 0.0 {
        return Err(StatisticsError::not_estimable("no spread within subjects"));
    }
    // total = MSB/(a r) + MSAB (1/r - 1/(a r)) + MSE (1 - 1/r) while no component is at 0.
    // Taken over the total, so that their squares stay within range.
    let mut spread = (ms_condition / total / (a * rf)).powi(2) / (bf - 1.0);
    spread += (ms_interaction / total * (1.0 / rf - 1.0 / (a * rf))).powi(2) / df_interaction;
    if r > 1 {
        spread += (ms_residual / total * (1.0 - 1.0 / rf)).powi(2) / df_residual;
    }
    Ok(Reproducibility {
        deviation: total.sqrt(),
        subject: ((ms_subject - ms_interaction) / (bf * rf)).max(0.0),
        condition,
        interaction,
        residual: ms_residual,
        df: if at_boundary { f64::NAN } else { 1.0 / spread },
        at_boundary,
    })
}

fn run_repeatability(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let factor = two_sided_z(sample.real("coverage"))? * std::f64::consts::SQRT_2;
    let rows = complete_rows(sample, &["measurement"])?;
    let values = take(sample.reals("measurement"), &rows);
    if values.is_empty() {
        return Err(StatisticsError::not_estimable("there are no measurements"));
    }
    // Their mean and logarithms are taken too, not only the squares within subjects.
    check_finite("measurement", &values)?;
    let codes = |role: &str| {
        sample
            .labels(role)
            .map(|l| numbered(&take(&Labels::complete(l), &rows)))
    };
    let (subject, n) = codes("subject").unwrap_or_default();
    let (condition, conditions) = codes("condition").unzip();
    // Replicates are measurements of one subject under one condition.
    let mut groups: std::collections::BTreeMap<(usize, usize), Vec<f64>> =
        std::collections::BTreeMap::new();
    for (at, (v, s)) in values.iter().zip(&subject).enumerate() {
        let c = condition
            .as_ref()
            .and_then(|c| c.get(at))
            .copied()
            .unwrap_or(0);
        groups.entry((*s, c)).or_default().push(*v);
    }
    let replicates: Vec<Vec<f64>> = groups.values().cloned().collect();
    let mut answer = Answer::default();
    let within = within_deviation(&replicates, level);
    if let (Err(StatisticsError::NotEstimable(_)), true) = (&within, condition.is_some()) {
        // One measurement under each condition: reproducibility still has an answer.
    } else if let Err(e) = &within {
        return Err(e.clone());
    }
    let push = |answer: &mut Answer,
                name: &str,
                definition: &str,
                w: &Result<Within, StatisticsError>,
                map: &dyn Fn(f64) -> f64|
     -> Result<(), StatisticsError> {
        answer.numbers.push(match w {
            Ok(w) => Number::plain(name, definition, map(w.value), n).with_interval(
                Interval {
                    lower: map(w.interval.lower),
                    upper: map(w.interval.upper),
                    level,
                },
                "chi-squared",
            ),
            Err(StatisticsError::NotEstimable(reason)) => {
                Number::none(name, definition, n, reason.clone())
            }
            Err(other) => return Err(other.clone()),
        });
        Ok(())
    };
    push(&mut answer, "wsd", "wsd.anova", &within, &|v| v)?;
    push(
        &mut answer,
        "repeatability_coefficient",
        "rc.z-sqrt2-wsd",
        &within,
        &|v| factor * v,
    )?;
    let cv = within_cv(&replicates, level);
    push(&mut answer, "wcv", "wcv.root-mean-square", &cv, &|v| v)?;
    push(
        &mut answer,
        "repeatability_coefficient_percent",
        "rc-percent.root-mean-square",
        &cv,
        &|v| 100.0 * factor * v,
    )?;
    let log = within_log_deviation(&replicates, level);
    let log_cv = |s: f64| (s * s).exp_m1().sqrt();
    push(&mut answer, "wcv_log", "wcv.log", &log, &log_cv)?;
    push(
        &mut answer,
        "repeatability_coefficient_percent_log",
        "rc-percent.log",
        &log,
        &|s| 100.0 * factor * log_cv(s),
    )?;
    push(
        &mut answer,
        "change_percent_upper",
        "log.exp(z-sqrt2-s)-1",
        &log,
        &|s| 100.0 * (factor * s).exp_m1(),
    )?;
    // A falling map: its interval's ends change places.
    answer.numbers.push(match &log {
        Ok(w) => {
            let map = |s: f64| 100.0 * (-factor * s).exp_m1();
            Number::plain(
                "change_percent_lower",
                "log.exp(-z-sqrt2-s)-1",
                map(w.value),
                n,
            )
            .with_interval(
                Interval {
                    lower: map(w.interval.upper),
                    upper: map(w.interval.lower),
                    level,
                },
                "chi-squared",
            )
        }
        Err(StatisticsError::NotEstimable(reason)) => Number::none(
            "change_percent_lower",
            "log.exp(-z-sqrt2-s)-1",
            n,
            reason.clone(),
        ),
        Err(other) => return Err(other.clone()),
    });
    if let Ok(w) = &within {
        answer
            .numbers
            .push(Number::plain("df", "sum(m - 1)", w.df, n));
    }
    answer
        .numbers
        .push(Number::plain("mean", "mean", mean(&values), n));
    if let Some(conditions) = conditions {
        let cells: Vec<Vec<Vec<f64>>> = (0..n)
            .map(|s| {
                (0..conditions)
                    .map(|c| groups.get(&(s, c)).cloned().unwrap_or_default())
                    .collect()
            })
            .collect();
        match reproducibility(&cells) {
            Ok(r) => {
                let chi = |p: f64| (r.df / chi_squared_quantile(p, r.df)).sqrt();
                let number = |name: &str, definition: &str, scale: f64| {
                    let number = Number::plain(name, definition, scale * r.deviation, n);
                    if r.df.is_finite() {
                        let interval = Interval {
                            lower: scale * r.deviation * chi(f64::midpoint(1.0, level)),
                            upper: scale * r.deviation * chi((1.0 - level) / 2.0),
                            level,
                        };
                        number.with_interval(interval, "chi-squared.satterthwaite")
                    } else {
                        number.without_interval("a variance component came out negative and was set to 0, for which Satterthwaite's interval does not hold")
                    }
                };
                answer
                    .numbers
                    .push(number("reproducibility_coefficient", "rdc.z-sqrt2", factor));
                if mean(&values) > 0.0 {
                    answer.numbers.push(number(
                        "reproducibility_coefficient_percent",
                        "rdc-percent.of-grand-mean",
                        100.0 * factor / mean(&values),
                    ));
                }
                answer.tables.push(Table {
                    name: "variance".into(),
                    columns: ["source", "component"].map(str::to_owned).to_vec(),
                    rows: [
                        ("subject", r.subject),
                        ("condition", r.condition),
                        ("subject by condition", r.interaction),
                        ("residual", r.residual),
                    ]
                    .into_iter()
                    .map(|(name, v)| vec![Cell::Text(name.into()), Cell::Real(v)])
                    .collect(),
                });
                if r.at_boundary {
                    answer
                        .notes
                        .push("a variance component came out negative and was set to 0".into());
                }
            }
            Err(StatisticsError::NotEstimable(reason)) => {
                answer.numbers.push(Number::none(
                    "reproducibility_coefficient",
                    "rdc.z-sqrt2",
                    n,
                    reason,
                ));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(with_left_out(answer, sample, rows.len()))
}

/// The codes numbered from 0 without gaps, in their order, and how many there are.
fn numbered(codes: &[usize]) -> (Vec<usize>, usize) {
    let mut known = codes.to_vec();
    known.sort_unstable();
    known.dedup();
    let places = codes
        .iter()
        .map(|c| known.partition_point(|k| k < c))
        .collect();
    (places, known.len())
}
