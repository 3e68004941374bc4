//! Missing data: pooling of multiple imputations, bounds without assumptions, tipping points.

use crate::accuracy::{NEGATIVE_WORDS, POSITIVE_WORDS, class_of_names};
use crate::catalogue::{Entry, Group, Kind, LEVEL, Need, Role, Sample, Setting, SettingKind};
use crate::comparison::{Counts, DifferenceMethod, difference_interval, difference_score};
use crate::distribution::{normal_tail, two_sided_z};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::proportion::{
    Alternative, Bound, METHOD, ProportionMethod, binomial_test, proportion_interval,
    proportion_number, t_at, t_both_tails,
};

/// How the degrees of freedom of a pooled estimate are reckoned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PooledDf {
    /// Barnard and Rubin 1999, as mice: observed-data df with W / T.
    BarnardRubin,
    /// As R mitools 2.4, whose observed-data df uses W / (W + B) without 1 + 1/m.
    Mitools,
    /// Rubin 1987, for a large complete-data sample.
    Rubin,
}

/// Estimates of imputed data sets, pooled by Rubin's rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pooled {
    /// Mean of the estimates.
    pub estimate: f64,
    /// Mean of the variances, W.
    pub within: f64,
    /// Variance of the estimates, B.
    pub between: f64,
    /// W + (1 + 1/m) B.
    pub total: f64,
    /// Degrees of freedom; infinite when B is 0 and the complete-data df are.
    pub df: f64,
    /// (1 + 1/m) B / W, the relative increase in variance.
    pub relative_increase: f64,
    /// Fraction of missing information, (r + 2 / (df + 3)) / (r + 1).
    pub missing_information: f64,
    /// Imputations.
    pub imputations: usize,
}

/// Rubin's rules (Rubin 1987) with the degrees of freedom of Barnard and Rubin (1999) when
/// `complete_df` is given.
///
/// # Errors
/// Not estimable with fewer than two imputations or a variance of zero; refused when values are not
/// finite, a variance is negative, or the lists differ in length.
pub fn rubin_pooling(
    estimates: &[f64],
    variances: &[f64],
    complete_df: Option<f64>,
    kind: PooledDf,
) -> Result<Pooled, StatisticsError> {
    if estimates.len() != variances.len() {
        return Err(StatisticsError::Data(format!(
            "{} estimates but {} variances",
            estimates.len(),
            variances.len()
        )));
    }
    if let Some(row) = estimates
        .iter()
        .zip(variances)
        .position(|(e, v)| !(e.is_finite() && v.is_finite() && *v >= 0.0))
    {
        return Err(StatisticsError::Value {
            column: "variance".into(),
            row,
            what: "estimate and variance must be finite, the variance not negative".into(),
        });
    }
    if complete_df.is_some_and(|d| d.is_nan() || d <= 0.0) {
        return Err(StatisticsError::setting(
            "complete_df",
            complete_df.unwrap_or(f64::NAN),
            "above 0, such as 97",
        ));
    }
    if estimates.len() < 2 {
        return Err(StatisticsError::not_estimable(
            "one imputation says nothing about the variance between imputations",
        ));
    }
    let m = estimates.len() as f64;
    let estimate = estimates.iter().sum::<f64>() / m;
    let within = variances.iter().sum::<f64>() / m;
    let between = estimates
        .iter()
        .map(|e| (e - estimate).powi(2))
        .sum::<f64>()
        / (m - 1.0);
    let extra = (1.0 + 1.0 / m) * between;
    let total = within + extra;
    if !(estimate.is_finite() && total.is_finite()) {
        return Err(StatisticsError::not_estimable(
            "the sums or squares of such large estimates or variances leave the range of double precision; give them in another unit",
        ));
    }
    if total <= 0.0 {
        return Err(StatisticsError::not_estimable("the total variance is zero"));
    }
    if within <= 0.0 {
        return Err(StatisticsError::not_estimable("every variance is zero"));
    }
    let r = extra / within;
    let large = (m - 1.0) * (1.0 + 1.0 / r).powi(2);
    let df = match (kind, complete_df.filter(|d| d.is_finite())) {
        (PooledDf::Rubin, _) | (_, None) => large,
        (_, Some(complete)) => {
            let share = if kind == PooledDf::Mitools {
                within / (within + between)
            } else {
                within / total
            };
            let observed = (complete + 1.0) / (complete + 3.0) * complete * share;
            1.0 / (1.0 / observed + 1.0 / large)
        }
    };
    Ok(Pooled {
        estimate,
        within,
        between,
        total,
        df,
        relative_increase: r,
        // (r + 2 / (df + 3)) / (r + 1) times W over W, so that a great r does no harm.
        missing_information: (extra + within * 2.0 / (df + 3.0)) / total,
        imputations: estimates.len(),
    })
}

fn run_rubin(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    two_sided_z(level)?;
    let (kind, id) = match sample.word("df") {
        "mitools" => (PooledDf::Mitools, "rubin.mitools-df"),
        "rubin-1987" => (PooledDf::Rubin, "rubin.rubin-1987-df"),
        _ => (PooledDf::BarnardRubin, "rubin.barnard-rubin-1999"),
    };
    let complete = sample.optional_real("complete_df");
    let p = rubin_pooling(
        sample.reals("estimate"),
        sample.reals("variance"),
        complete,
        kind,
    )?;
    let n = p.imputations;
    let se = p.total.sqrt();
    let half = t_at(f64::midpoint(1.0, level), p.df) * se;
    let t = (p.estimate - sample.real("null")) / se;
    let mut answer = Answer::default();
    answer.numbers.push(
        Number::plain("estimate", "rubin-1987.mean", p.estimate, n)
            .with_standard_error(se)
            .with_interval(
                Interval {
                    lower: p.estimate - half,
                    upper: p.estimate + half,
                    level,
                },
                id,
            ),
    );
    for (name, definition, value) in [
        ("df", id, p.df),
        ("t", "wald.t", t),
        ("p_value", "wald.t.two-sided", t_both_tails(t, p.df)),
        ("within_variance", "rubin-1987", p.within),
        ("between_variance", "rubin-1987", p.between),
        ("total_variance", "rubin-1987", p.total),
        ("relative_increase", "rubin-1987", p.relative_increase),
        (
            "missing_information",
            "rubin-1987.df-corrected",
            p.missing_information,
        ),
        (
            "lambda",
            "share-of-variance-due-to-missing",
            // r / (1 + r), which a great r leaves at 1.
            1.0 / (1.0 + 1.0 / p.relative_increase),
        ),
    ] {
        answer
            .numbers
            .push(Number::plain(name, definition, value, n));
    }
    if p.between == 0.0 {
        answer.notes.push("the estimates do not differ between imputations: nothing was missing, or the imputation is not proper".into());
    }
    if complete.is_some() && kind == PooledDf::Rubin {
        answer
            .notes
            .push("`complete_df` is not used: rubin-1987 takes a large sample for granted".into());
    }
    if complete.is_none() && kind != PooledDf::Rubin {
        answer
            .notes
            .push("without `complete_df` the complete data count as a large sample".into());
    }
    answer
        .notes
        .push("covariates and reference may be imputed; the index test never".into());
    Ok(answer)
}

/// Successes, failures and missing outcomes of one group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Incomplete {
    /// Known successes.
    pub successes: u64,
    /// Known failures.
    pub failures: u64,
    /// Outcomes that are missing.
    pub missing: u64,
}

impl Incomplete {
    /// Successes and trials when this many of the missing ones count as successes.
    #[must_use]
    pub fn with(&self, assumed: u64) -> Counts {
        (
            self.successes + assumed.min(self.missing),
            self.successes + self.failures + self.missing,
        )
    }

    fn complete(&self) -> Counts {
        (self.successes, self.successes + self.failures)
    }
}

/// The fewest missing outcomes that must count as successes for the exact one-sided test at `alpha` to
/// show that the proportion exceeds the goal; `None` when not even all of them are enough. 0 means that
/// the conclusion stands whatever the missing ones were.
///
/// # Errors
/// Not estimable without rows; refused when the goal lies outside [0, 1].
pub fn tipping_point(
    data: &Incomplete,
    goal: f64,
    alpha: f64,
) -> Result<Option<u64>, StatisticsError> {
    let shows = |assumed: u64| -> Result<bool, StatisticsError> {
        let (x, n) = data.with(assumed);
        Ok(binomial_test(x, n, goal, Alternative::Greater)? <= alpha)
    };
    if !shows(data.missing)? {
        return Ok(None);
    }
    // More successes only help, so halving finds the fewest.
    let (mut low, mut high) = (0, data.missing);
    while low < high {
        let middle = low + (high - low) / 2;
        if shows(middle)? {
            high = middle
        } else {
            low = middle + 1
        }
    }
    Ok(Some(low))
}

/// For each number of assumed successes among the first group's missing outcomes, from 0 up, the most
/// assumed successes among the reference's at which the score test at `alpha` still shows p1 - p2 >
/// -margin; `None` when not even 0.
///
/// # Errors
/// Not estimable when a group has no rows; refused when the margin lies outside [0, 1).
pub fn tipping_line(
    first: &Incomplete,
    reference: &Incomplete,
    margin: f64,
    alpha: f64,
) -> Result<Vec<Option<u64>>, StatisticsError> {
    if !(0.0..1.0).contains(&margin) {
        return Err(StatisticsError::setting(
            "margin",
            margin,
            "from 0 to below 1",
        ));
    }
    let shows = |a: u64, b: u64| -> Result<bool, StatisticsError> {
        match difference_score(first.with(a), reference.with(b), -margin, false) {
            Ok(z) => Ok(normal_tail(z) <= alpha),
            // All outcomes the same and no margin: nothing is shown.
            Err(StatisticsError::NotEstimable(_))
                if first.with(a).1 > 0 && reference.with(b).1 > 0 =>
            {
                Ok(false)
            }
            Err(other) => Err(other),
        }
    };
    (0..=first.missing)
        .map(|a| {
            if !shows(a, 0)? {
                return Ok(None);
            }
            let (mut low, mut high) = (0, reference.missing);
            while low < high {
                let middle = low + (high - low).div_ceil(2);
                if shows(a, middle)? {
                    low = middle
                } else {
                    high = middle - 1
                }
            }
            Ok(Some(low))
        })
        .collect()
}

/// The groups of a sample, by name: one without a column `group`.
fn groups(sample: &Sample) -> Result<Vec<(String, Incomplete)>, StatisticsError> {
    let Some(outcome) = sample.labels("outcome") else {
        return Err(StatisticsError::Data("no column `outcome`".into()));
    };
    let class = class_of_names(sample, "outcome", outcome)?;
    let (codes, names) = match sample.labels("group") {
        Some(g) => (g.complete(), g.names.clone()),
        None => (vec![0; outcome.codes.len()], vec!["all".to_owned()]),
    };
    let mut out: Vec<(String, Incomplete)> = names
        .into_iter()
        .map(|n| (n, Incomplete::default()))
        .collect();
    for (cell, group) in outcome.codes.iter().zip(codes) {
        if let Some((_, counts)) = out.get_mut(group) {
            match cell.and_then(|c| class.get(c)) {
                Some(true) => counts.successes += 1,
                Some(false) => counts.failures += 1,
                None => counts.missing += 1,
            }
        }
    }
    let word = sample.word("reference");
    if out.len() < 2 && !word.is_empty() {
        return Err(StatisticsError::setting(
            "reference",
            word,
            "it needs a column `group` with two groups",
        ));
    }
    if out.len() == 2 && !word.is_empty() {
        if !out.iter().any(|(n, _)| n == word) {
            return Err(StatisticsError::setting(
                "reference",
                word,
                "one of the groups",
            ));
        }
        out.sort_by_key(|(n, _)| n != word);
    }
    // The reference sorts first, but is named second.
    if out.len() == 2 {
        out.reverse();
    }
    if out.len() > 2 {
        return Err(StatisticsError::Data(format!(
            "`group` has {} groups; it takes one or two",
            out.len()
        )));
    }
    Ok(out)
}

fn counts_table(groups: &[(String, Incomplete)]) -> Table {
    Table {
        name: "counts".into(),
        columns: ["group", "successes", "failures", "missing"]
            .map(str::to_owned)
            .to_vec(),
        rows: groups
            .iter()
            .map(|(name, g)| {
                vec![
                    Cell::Text(name.clone()),
                    Cell::Whole(g.successes as i64),
                    Cell::Whole(g.failures as i64),
                    Cell::Whole(g.missing as i64),
                ]
            })
            .collect(),
    }
}

fn run_bounds(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let method = ProportionMethod::from_word(sample.word("method"));
    let groups = groups(sample)?;
    let mut answer = Answer::default();
    if let [(_, first), (_, reference)] = groups.as_slice() {
        for (name, definition, a, b) in [
            (
                "difference_worst_case",
                "missing.first-fails.reference-succeeds",
                first.with(0),
                reference.with(reference.missing),
            ),
            (
                "difference_best_case",
                "missing.first-succeeds.reference-fails",
                first.with(first.missing),
                reference.with(0),
            ),
            (
                "difference_complete_case",
                "missing.left-out",
                first.complete(),
                reference.complete(),
            ),
            (
                "difference_all_fail",
                "missing.is-failure",
                first.with(0),
                reference.with(0),
            ),
        ] {
            let n = (a.1 + b.1) as usize;
            answer.numbers.push(Number::from_result(
                name,
                definition,
                n,
                difference_interval(a, b, level, DifferenceMethod::Newcombe).map(|i| {
                    Number::plain(
                        name,
                        definition,
                        a.0 as f64 / a.1 as f64 - b.0 as f64 / b.1 as f64,
                        n,
                    )
                    .with_interval(i, DifferenceMethod::Newcombe.id())
                }),
            )?);
        }
    }
    for (name, g) in &groups {
        let suffix = if groups.len() == 2 {
            format!(".{name}")
        } else {
            String::new()
        };
        for (stem, definition, (x, n)) in [
            ("proportion_worst_case", "missing.is-failure", g.with(0)),
            (
                "proportion_best_case",
                "missing.is-success",
                g.with(g.missing),
            ),
            ("proportion_complete_case", "missing.left-out", g.complete()),
        ] {
            answer.numbers.push(proportion_number(
                &format!("{stem}{suffix}"),
                definition,
                x,
                n,
                level,
                method,
                Bound::TwoSided,
            )?);
        }
        let (worst, n) = g.with(0);
        let (best, _) = g.with(g.missing);
        let (region_name, region_definition) = (
            format!("uncertainty_region{suffix}"),
            "worst-to-best-case.interval-only",
        );
        let width_name = format!("uncertainty_width{suffix}");
        let width_definition = "best-less-worst-case";
        let [region, width] = match (
            proportion_interval(worst, n, level, method, Bound::TwoSided),
            proportion_interval(best, n, level, method, Bound::TwoSided),
        ) {
            (Ok(low), Ok(high)) => [
                Number::none(
                    region_name,
                    region_definition,
                    n as usize,
                    "a region has no estimate of its own: any value between worst and best case fits the data",
                )
                .with_interval(
                    Interval {
                        lower: low.interval.lower,
                        upper: high.interval.upper,
                        level,
                    },
                    format!("worst-lower.best-upper.{}", method.id()),
                ),
                Number::plain(
                    width_name,
                    width_definition,
                    high.value - low.value,
                    n as usize,
                ),
            ],
            (Err(StatisticsError::NotEstimable(r)), _)
            | (_, Err(StatisticsError::NotEstimable(r))) => [
                Number::none(region_name, region_definition, n as usize, r.clone()),
                Number::none(width_name, width_definition, n as usize, r),
            ],
            (Err(other), _) | (_, Err(other)) => return Err(other),
        };
        answer.numbers.extend([region, width]);
        answer.numbers.push(Number::plain(
            format!("missing{suffix}"),
            "count",
            g.missing as f64,
            n as usize,
        ));
    }
    answer.tables.push(counts_table(&groups));
    answer.notes.push("worst and best case assume nothing about why outcomes are missing; the complete case assumes they are missing at random".into());
    Ok(answer)
}

fn run_tipping(sample: &Sample) -> Result<Answer, StatisticsError> {
    let alpha = sample.real("alpha");
    let groups = groups(sample)?;
    let mut answer = Answer::default();
    answer.tables.push(counts_table(&groups));
    match groups.as_slice() {
        [(_, data)] => {
            let goal = sample.optional_real("goal").ok_or_else(|| {
                StatisticsError::setting("goal", "not given", "one group needs a goal, such as 0.8")
            })?;
            if sample.real("margin") != 0.0 {
                return Err(StatisticsError::setting(
                    "margin",
                    sample.real("margin"),
                    "one group has a goal and no margin; a margin needs a column `group` with two groups",
                ));
            }
            let (_, n) = data.with(0);
            let definition = "tipping-point.exact-binomial.one-sided";
            let point = tipping_point(data, goal, alpha);
            let n = n as usize;
            let point = match point {
                Ok(p) => p,
                Err(StatisticsError::NotEstimable(reason)) => {
                    answer
                        .numbers
                        .push(Number::none("tipping_successes", definition, n, reason));
                    return Ok(answer);
                }
                Err(other) => return Err(other),
            };
            match point {
                Some(k) => {
                    answer.numbers.push(Number::plain(
                        "tipping_successes",
                        definition,
                        k as f64,
                        n,
                    ));
                    answer.numbers.push(if data.missing > 0 {
                        Number::plain(
                            "tipping_share",
                            definition,
                            k as f64 / data.missing as f64,
                            n,
                        )
                    } else {
                        Number::none("tipping_share", definition, n, "nothing is missing")
                    });
                    answer.notes.push(if k == 0 {
                        "the goal is met even when every missing outcome is a failure".into()
                    } else {
                        format!("the goal is met when at least {k} of {} missing outcomes are successes", data.missing)
                    });
                }
                None => {
                    let reason = "the goal is not met even when every missing outcome is a success";
                    answer
                        .numbers
                        .push(Number::none("tipping_successes", definition, n, reason));
                    answer
                        .numbers
                        .push(Number::none("tipping_share", definition, n, reason));
                }
            }
            let (x, trials) = data.complete();
            answer.numbers.push(proportion_number(
                "proportion_complete_case",
                "missing.left-out",
                x,
                trials,
                1.0 - 2.0 * alpha,
                ProportionMethod::Wilson,
                Bound::TwoSided,
            )?);
            for (name, (x, trials)) in [
                ("p_value_worst_case", data.with(0)),
                ("p_value_best_case", data.with(data.missing)),
            ] {
                let p = binomial_test(x, trials, goal, Alternative::Greater)?;
                answer
                    .numbers
                    .push(Number::plain(name, "binomial.exact.one-sided", p, n));
            }
        }
        [(_, first), (_, reference)] => {
            if let Some(goal) = sample.optional_real("goal") {
                return Err(StatisticsError::setting(
                    "goal",
                    goal,
                    "two groups are compared with each other, by `margin`; a goal is for one group",
                ));
            }
            let margin = sample.real("margin");
            let definition = "tipping-line.farrington-manning.one-sided";
            let n = (first.with(0).1 + reference.with(0).1) as usize;
            let line = match tipping_line(first, reference, margin, alpha) {
                Ok(l) => l,
                Err(StatisticsError::NotEstimable(reason)) => {
                    answer
                        .numbers
                        .push(Number::none("share_of_scenarios", definition, n, reason));
                    return Ok(answer);
                }
                Err(other) => return Err(other),
            };
            let holds: u64 = line.iter().flatten().map(|b| b + 1).sum();
            let all = (first.missing + 1) as f64 * (reference.missing + 1) as f64;
            answer.numbers.push(Number::plain(
                "share_of_scenarios",
                definition,
                holds as f64 / all,
                n,
            ));
            let worst = line.first().copied().flatten() == Some(reference.missing);
            answer.numbers.push(Number::plain(
                "holds_in_worst_case",
                definition,
                f64::from(u8::from(worst)),
                n,
            ));
            for (name, a, b) in [
                (
                    "p_value_worst_case",
                    first.with(0),
                    reference.with(reference.missing),
                ),
                (
                    "p_value_best_case",
                    first.with(first.missing),
                    reference.with(0),
                ),
                (
                    "p_value_complete_case",
                    first.complete(),
                    reference.complete(),
                ),
            ] {
                answer.numbers.push(Number::from_result(
                    name,
                    "farrington-manning.one-sided",
                    n,
                    difference_score(a, b, -margin, false).map(|z| {
                        Number::plain(name, "farrington-manning.one-sided", normal_tail(z), n)
                    }),
                )?);
            }
            answer.tables.push(Table {
                name: "tipping line".into(),
                columns: vec![
                    "assumed successes, first".into(),
                    "most assumed successes, reference".into(),
                ],
                rows: line
                    .iter()
                    .enumerate()
                    .map(|(a, b)| {
                        vec![
                            Cell::Whole(a as i64),
                            b.map_or(Cell::None, |b| Cell::Whole(b as i64)),
                        ]
                    })
                    .collect(),
            });
        }
        _ => return Err(StatisticsError::not_estimable("there are no rows")),
    }
    Ok(answer)
}

const OUTCOME_OR_EMPTY: Role = Role {
    name: "outcome",
    what: "the outcome: a positive word, a negative word, or empty where it is missing",
    kind: Kind::Label,
    need: Need::One,
    missing: true,
};

const GROUP: Role = Role {
    name: "group",
    what: "which of two groups a row belongs to; without it there is one",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const REFERENCE: Setting = Setting {
    name: "reference",
    what: "the group to compare with; without it the one that sorts first",
    kind: SettingKind::OptionalWord,
    default: None,
};

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "missing-rubin-pooling",
        group: Group::MissingData,
        title: "Pooling of multiple imputations",
        formula: "T = W + (1 + 1/m) B; df = (m-1)(1 + 1/r)^2, r = (1 + 1/m) B / W; Barnard-Rubin: 1/(1/df + 1/df_obs), \
            df_obs = (v+1)/(v+3) v W/T",
        source: "Rubin 1987; Barnard and Rubin 1999 Biometrika 86:948",
        assumptions: "Estimates are nearly normal and come from proper imputations of the same data. Fewer than two \
            imputations: not estimable.",
        compared_with: "R mitools 2.4 MIcombine",
        roles: &[
            Role {
                name: "estimate",
                what: "the estimate from each imputed data set",
                kind: Kind::Finite,
                need: Need::One,
                missing: false,
            },
            Role {
                name: "variance",
                what: "its variance (the square of its standard error)",
                kind: Kind::Finite,
                need: Need::One,
                missing: false,
            },
        ],
        settings: &[
            LEVEL,
            Setting {
                name: "complete_df",
                what: "degrees of freedom if nothing were missing; without it infinite",
                // Data from which anything is estimated have a degree of freedom at least.
                kind: SettingKind::OptionalReal(1.0, 1e9),
                default: None,
            },
            Setting {
                name: "df",
                what: "degrees of freedom after Barnard and Rubin, as R mitools, or after Rubin",
                kind: SettingKind::Choice(&["barnard-rubin", "mitools", "rubin-1987"]),
                default: Some("barnard-rubin"),
            },
            Setting {
                name: "null",
                what: "the value that the p-value tests",
                // Wider than any estimate of the field, and short enough to be read in an error.
                kind: SettingKind::Real(-1e12, 1e12),
                default: Some("0"),
            },
        ],
        numbers: &[
            "estimate",
            "df",
            "t",
            "p_value",
            "within_variance",
            "between_variance",
            "total_variance",
            "relative_increase",
            "missing_information",
            "lambda",
        ],
        run: run_rubin,
    },
    Entry {
        id: "missing-bounds",
        group: Group::MissingData,
        title: "Worst, best and complete case of a binary outcome with missing values",
        formula: "worst: missing are failures; best: missing are successes; complete: left out. Difference: worst = first \
            fails, reference succeeds. uncertainty_region: lower limit of the worst to upper limit of the best case, an interval without estimate; \
            uncertainty_width: best less worst case, the share of missing outcomes",
        source: "Manski 1989; Horowitz and Manski 2000; EMA guideline on missing data 2010",
        assumptions: "None about why outcomes are missing, but for the complete case (missing completely at random).",
        compared_with: "statsmodels 0.15.0 proportion_confint",
        roles: &[OUTCOME_OR_EMPTY, GROUP],
        settings: &[POSITIVE_WORDS, NEGATIVE_WORDS, REFERENCE, METHOD, LEVEL],
        // Of two groups `difference_worst_case` comes first.
        numbers: &[
            "proportion_worst_case",
            "proportion_best_case",
            "proportion_complete_case",
            "uncertainty_region",
            "uncertainty_width",
            "missing",
            "difference_worst_case",
            "difference_best_case",
            "difference_complete_case",
            "difference_all_fail",
            "proportion_worst_case.{group}",
            "proportion_best_case.{group}",
            "proportion_complete_case.{group}",
            "uncertainty_region.{group}",
            "uncertainty_width.{group}",
            "missing.{group}",
        ],
        run: run_bounds,
    },
    Entry {
        id: "missing-tipping-point",
        group: Group::MissingData,
        title: "Tipping point of a conclusion under missing outcomes",
        formula: "one group: the fewest successes among the missing at which the exact test shows p > goal; two groups: for \
            each number of successes among the first group's missing the most among the reference's at which the \
            Farrington-Manning test shows p1 - p2 > -margin",
        source: "Yan, Lee and Li 2009 J Biopharm Stat 19:1085; Liublinska and Rubin 2014 Stat Med 33:4170",
        assumptions: "Tests are one-sided at alpha. More successes in the first group never weaken the conclusion.",
        compared_with: "full enumeration in Python with scipy 1.17.1 and statsmodels 0.15.0",
        roles: &[OUTCOME_OR_EMPTY, GROUP],
        settings: &[
            POSITIVE_WORDS,
            NEGATIVE_WORDS,
            REFERENCE,
            Setting {
                name: "goal",
                what: "the goal of one group",
                kind: SettingKind::OptionalReal(0.0, 1.0),
                default: None,
            },
            Setting {
                name: "margin",
                what: "the non-inferiority margin of two groups; 0 is superiority",
                kind: SettingKind::Real(0.0, 0.999),
                default: Some("0"),
            },
            Setting {
                name: "alpha",
                what: "one-sided error of the test",
                kind: SettingKind::Open(0.0, 0.5),
                default: Some("0.025"),
            },
        ],
        // Of two groups `share_of_scenarios` comes first.
        numbers: &[
            "tipping_successes",
            "tipping_share",
            "proportion_complete_case",
            "share_of_scenarios",
            "holds_in_worst_case",
            "p_value_worst_case",
            "p_value_best_case",
            "p_value_complete_case",
        ],
        run: run_tipping,
    },
];
