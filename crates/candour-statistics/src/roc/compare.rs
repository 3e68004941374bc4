//! Comparing areas: on the same cases (paired), on different cases (unpaired), against a margin.

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use super::area::{Components, Contrast, positive_variance, wald_interval};
use super::normal_p;
use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, Role, SCORE, Sample, Setting, SettingKind, TRUTH,
};
use crate::distribution::{
    chi_squared_tail, normal_quantile, normal_two_sided, t_cdf, t_quantile, t_two_sided,
    two_sided_z,
};
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::proportion::digits;

/// The difference of two areas on the same cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AreaDifference {
    /// First area less second.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Correlation of the two areas; NaN where one has variance 0.
    pub correlation: f64,
    /// `difference / standard_error`.
    pub z: f64,
    /// Two-sided normal p-value.
    pub p_value: f64,
    /// Wald interval of the difference.
    pub interval: Interval,
}

/// Areas of several scores on the same cases.
#[derive(Clone, Debug, PartialEq)]
pub struct PairedAreas {
    /// Area of each score.
    pub areas: Vec<f64>,
    /// Their covariance matrix; empty where there are too few cases of a class for a variance.
    pub covariance: Vec<Vec<f64>>,
    /// For each pair (i, j), i < j, in lexicographic order, its difference or why there is no test.
    pub pairs: Vec<(usize, usize, Result<AreaDifference, StatisticsError>)>,
    /// Test that all areas are equal: chi-squared, degrees of freedom, p-value.
    pub overall: Result<(f64, usize, f64), StatisticsError>,
}

/// Compares the areas of two or more scores on the same cases by DeLong's covariance (DeLong,
/// DeLong and Clarke-Pearson 1988), or Obuchowski's (1997) where clusters are given. Each pair:
/// `z = (A1 - A2) / se(A1 - A2)`. All together: `(L A)' (L S L')^-1 (L A)` with L the differences of
/// neighbours, chi-squared with one degree of freedom less than there are scores. p-values of pairs
/// are not adjusted for their number.
///
/// # Errors
/// Not estimable without a case of each class; with one case (or cluster) of a class the areas stand, and
/// every pair and the test of all hold the reason why they have no variance. Data error for columns of
/// different length, fewer than two scores, or a score that is not a number; setting error for the level.
pub fn paired_areas(
    truth: &[bool],
    scores: &[&[f64]],
    cluster: Option<&[usize]>,
    level: f64,
) -> Result<PairedAreas, StatisticsError> {
    let z_level = two_sided_z(level)?;
    if scores.len() < 2 {
        return Err(StatisticsError::Data(
            "a comparison takes two scores at least".into(),
        ));
    }
    let columns = Components::new(truth, scores)?;
    let spread = match columns.spread(cluster) {
        Ok(spread) => spread,
        Err(why @ StatisticsError::NotEstimable(_)) => {
            let of = |i: usize| (i + 1..scores.len()).map(move |j| (i, j));
            return Ok(PairedAreas {
                areas: columns.areas,
                covariance: Vec::new(),
                pairs: (0..scores.len())
                    .flat_map(of)
                    .map(|(i, j)| (i, j, Err(why.clone())))
                    .collect(),
                overall: Err(why),
            });
        }
        Err(other) => return Err(other),
    };
    let areas: Vec<Contrast> = (0..scores.len()).map(|i| (i, None)).collect();
    let covariance = spread.covariance(&areas);
    let at = |i: usize, j: usize| {
        covariance
            .get(i)
            .and_then(|r| r.get(j))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let area = |i: usize| columns.areas.get(i).copied().unwrap_or(f64::NAN);
    let mut pairs = Vec::new();
    for i in 0..scores.len() {
        for j in i + 1..scores.len() {
            let variance = spread.covariance(&[(i, Some(j))]);
            let variance = variance
                .first()
                .and_then(|r| r.first())
                .copied()
                .unwrap_or(f64::NAN);
            let difference = area(i) - area(j);
            pairs.push((
                i,
                j,
                tested(variance).map(|se| {
                    let z = difference / se;
                    AreaDifference {
                        difference,
                        standard_error: se,
                        correlation: (at(i, j) / (at(i, i) * at(j, j)).sqrt()).clamp(-1.0, 1.0),
                        z,
                        p_value: normal_two_sided(z),
                        interval: Interval {
                            lower: difference - z_level * se,
                            upper: difference + z_level * se,
                            level,
                        },
                    }
                }),
            ));
        }
    }
    let neighbours: Vec<Contrast> = (1..scores.len()).map(|j| (j - 1, Some(j))).collect();
    let differences: Vec<f64> = (1..scores.len()).map(|j| area(j - 1) - area(j)).collect();
    let overall = overall(&differences, &spread.covariance(&neighbours));
    Ok(PairedAreas {
        areas: columns.areas,
        covariance,
        pairs,
        overall,
    })
}

/// The standard error, where the variance of a difference is more than rounding.
fn tested(variance: f64) -> Result<f64, StatisticsError> {
    if variance > 1e-30 {
        Ok(variance.sqrt())
    } else {
        Err(StatisticsError::not_estimable(
            "the two scores rank the cases alike (or both separate them perfectly): the difference has variance 0 and no test",
        ))
    }
}

fn overall(
    differences: &[f64],
    covariance: &[Vec<f64>],
) -> Result<(f64, usize, f64), StatisticsError> {
    let df = differences.len();
    let s = DMatrix::from_iterator(df, df, covariance.iter().flatten().copied());
    let eigen = s.clone().symmetric_eigenvalues();
    let (least, most) = (eigen.min(), eigen.max());
    // Two scores that rank alike, or linear dependence: the quadratic form has no inverse.
    let singular = || {
        StatisticsError::not_estimable(
            "the covariance of the differences is singular: scores rank the cases alike",
        )
    };
    if !(least > 1e-12 * most && most > 1e-30) {
        return Err(singular());
    }
    let d = DVector::from_column_slice(differences);
    let solved = s.cholesky().ok_or_else(singular)?.solve(&d);
    let chi_squared = d.dot(&solved);
    Ok((chi_squared, df, chi_squared_tail(chi_squared, df as f64)))
}

/// Areas of one score in two groups of different cases.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct UnpairedAreas {
    /// The two areas.
    pub areas: [f64; 2],
    /// Their variances.
    pub variances: [f64; 2],
    /// First less second.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// `difference / standard_error`: D of pROC.
    pub d: f64,
    /// Satterthwaite's degrees of freedom, `(V1+V2)^2 / (V1^2/(N1-1) + V2^2/(N2-1))`.
    pub degrees_of_freedom: f64,
    /// Two-sided p-value by Student's t with these degrees of freedom, as pROC prints it.
    pub p_value: f64,
    /// Two-sided normal p-value.
    pub p_normal: f64,
}

/// One group of an unpaired comparison.
type Arm<'a> = (&'a [bool], &'a [f64], Option<&'a [usize]>);

/// Compares areas on different cases: truth, score and, where rows come in clusters, their codes,
/// for each group. N counts cases, or clusters.
///
/// # Errors
/// As [`super::delong_auc`] for either group.
pub fn unpaired_areas(first: Arm<'_>, second: Arm<'_>) -> Result<UnpairedAreas, StatisticsError> {
    let one = |(truth, score, cluster): Arm<'_>| -> Result<(f64, f64, f64), StatisticsError> {
        let columns = Components::new(truth, &[score])?;
        let area = columns.areas.first().copied().unwrap_or(f64::NAN);
        let variance = columns
            .covariance(cluster)?
            .first()
            .and_then(|r| r.first())
            .copied()
            .unwrap_or(f64::NAN);
        positive_variance(area, variance)?;
        let units = cluster.map_or(truth.len(), |codes| {
            let mut names = codes.to_vec();
            names.sort_unstable();
            names.dedup();
            names.len()
        });
        Ok((area, variance, units as f64))
    };
    let ((a, v, n), (b, w, k)) = (one(first)?, one(second)?);
    let standard_error = (v + w).sqrt();
    let d = (a - b) / standard_error;
    let degrees_of_freedom = (v + w).powi(2) / (v * v / (n - 1.0) + w * w / (k - 1.0));
    Ok(UnpairedAreas {
        areas: [a, b],
        variances: [v, w],
        difference: a - b,
        standard_error,
        d,
        degrees_of_freedom,
        p_value: t_two_sided(d, degrees_of_freedom),
        p_normal: normal_two_sided(d),
    })
}

/// One-sided tests of a difference (new less reference) against a margin.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MarginTests {
    /// The margin, above 0.
    pub margin: f64,
    /// Level of each one-sided test.
    pub alpha: f64,
    /// p-value of `difference <= -margin`.
    pub non_inferiority_p: f64,
    /// Whether non-inferiority is shown.
    pub non_inferior: bool,
    /// p-value of `difference <= 0`.
    pub superiority_p: f64,
    /// Whether superiority is shown: it is tested only after non-inferiority was.
    pub superior: bool,
    /// Greater p-value of the two one-sided tests against `-margin` and `margin`.
    pub equivalence_p: f64,
    /// Whether equivalence is shown.
    pub equivalent: bool,
}

/// Tests against a margin in closed order: non-inferiority first, superiority only once it is shown,
/// both at one-sided `alpha` without adjustment (Liu et al. 2006; EMA CPMP/EWP/482/99). Equivalence
/// by two one-sided tests (Schuirmann 1987). `degrees_of_freedom` is infinite for the normal.
///
/// # Errors
/// When the margin is not above 0, `alpha` lies outside (0, 0.5) or the standard error is not above 0.
pub fn margin_tests(
    difference: f64,
    standard_error: f64,
    degrees_of_freedom: f64,
    margin: f64,
    alpha: f64,
) -> Result<MarginTests, StatisticsError> {
    if !(margin > 0.0 && margin < 1.0) {
        return Err(StatisticsError::setting(
            "margin",
            margin,
            "it lies between 0 and 1, such as 0.05",
        ));
    }
    if !(alpha > 0.0 && alpha < 0.5) {
        return Err(StatisticsError::setting(
            "alpha",
            alpha,
            "it lies between 0 and 0.5, such as 0.025",
        ));
    }
    if !(standard_error > 0.0 && standard_error.is_finite()) {
        return Err(StatisticsError::not_estimable(
            "the difference has no standard error above 0",
        ));
    }
    let above = |bound: f64| t_cdf((bound - difference) / standard_error, degrees_of_freedom);
    let non_inferiority_p = above(-margin);
    let superiority_p = above(0.0);
    let not_superior_p = t_cdf((difference - margin) / standard_error, degrees_of_freedom);
    let equivalence_p = non_inferiority_p.max(not_superior_p);
    let non_inferior = non_inferiority_p < alpha;
    Ok(MarginTests {
        margin,
        alpha,
        non_inferiority_p,
        non_inferior,
        superiority_p,
        superior: non_inferior && superiority_p < alpha,
        equivalence_p,
        equivalent: equivalence_p < alpha,
    })
}

const MARGIN: Setting = Setting {
    name: "margin",
    what: "margin of non-inferiority and equivalence on the scale of the area, fixed in the plan; absent: difference only",
    kind: SettingKind::OptionalReal(0.0, 1.0),
    default: None,
};

const SCORES: Role = Role {
    need: Need::Many(2),
    what: "scores of the tests on the same cases, the new one first; higher means more likely positive",
    ..SCORE
};

/// The role `group`.
pub(super) const GROUP: Role = Role {
    name: "group",
    what: "which of two groups of different cases the row belongs to",
    kind: Kind::Label,
    need: Need::One,
    missing: false,
};

pub(super) const PAIRED: Entry = Entry {
    id: "roc-compare-paired",
    group: Group::Roc,
    title: "Areas of two or more scores on the same cases",
    formula: "z = (A1 - A2)/sqrt(S11 + S22 - 2 S12), S by DeLong, with clusters by Obuchowski; all scores: (L A)'(L S L')^-1 (L A), chi-squared with k - 1 degrees of freedom. With a margin d: non-inferior when (A1 - A2 + d)/se exceeds the one-sided quantile of (1 - level)/2, then superior; equivalent by two one-sided tests",
    source: "DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837; Obuchowski 1997, Biometrics 53:567; Liu et al. 2006, Stat Med 25:1219; Schuirmann 1987",
    assumptions: "The same cases were scored by every test; cases (or clusters) are independent. The first column is the new test, the second the reference: differences are new less reference. The margin was fixed before the data were opened. With one case (or cluster) of a class areas and differences are given without interval and test. Scores that rank the cases alike have no test; where one area has variance 0 (perfect separation) no claim is made. p-values of pairs are not adjusted",
    compared_with: "pROC 1.18.0 (roc.test, ci, cov); MLstatkit 0.1.91; definitions in O(n^2) in R 4.2",
    roles: &[TRUTH, SCORES, CLUSTER],
    settings: &[LEVEL, MARGIN],
    // Of two scores `difference` comes first, of more `chi_squared`.
    numbers: &[
        "difference",
        "difference_{score}_{score}",
        "chi_squared",
        "df",
        "z",
        "z_{score}_{score}",
        "p_value",
        "p_value_pair_{score}_{score}",
        "correlation",
        "non_inferiority_p_value",
        "non_inferior",
        "superiority_p_value",
        "superior",
        "equivalence_p_value",
        "equivalent",
        "one_sided_lower_limit",
        "auc_{score}",
    ],
    run: run_paired,
};

fn run_paired(sample: &Sample) -> Result<Answer, StatisticsError> {
    let truth = sample.binary("truth");
    let columns = sample.all_reals("score");
    let level = sample.real("level");
    let margin = sample.optional_real("margin");
    let clusters = sample.labels("cluster").map(|l| l.complete());
    let scores: Vec<&[f64]> = columns.iter().map(|(_, s)| *s).collect();
    let names: Vec<&str> = columns.iter().map(|(n, _)| *n).collect();
    let name = |i: usize| names.get(i).copied().unwrap_or("");
    if margin.is_some() && scores.len() != 2 {
        return Err(StatisticsError::setting(
            "margin",
            format!("given with {} scores", scores.len()),
            "a margin takes two scores: the new one and the reference",
        ));
    }
    let found = paired_areas(truth, &scores, clusters.as_deref(), level)?;
    let n = truth.len();
    let (definition, method) = if clusters.is_some() {
        ("auc-difference.obuchowski", "obuchowski.wald")
    } else {
        ("auc-difference.delong", "delong")
    };
    let mut answer = Answer::default();
    let only_pair = scores.len() == 2;
    let certain: Vec<&str> = (0..scores.len())
        .filter(|i| {
            let variance = found.covariance.get(*i).and_then(|r| r.get(*i));
            variance.is_some_and(|v| tested(*v).is_err())
        })
        .map(name)
        .collect();
    if !certain.is_empty() {
        answer.notes.push(format!(
            "CAUTION: the estimated variance of the area of {} is 0 (perfect separation, or scores that do not vary within the classes), and differences count that area as known without error: their standard errors are too small. No claim against a margin is made; `roc-auc` gives each area, with interval newcombe where rows are independent",
            certain.join(", ")
        ));
    }
    if !only_pair {
        match &found.overall {
            Ok((chi, df, p)) => answer.numbers.extend([
                Number::plain("chi_squared", "all-equal.wald", *chi, n),
                Number::plain("df", "scores-less-one", *df as f64, n),
                Number::plain("p_value", "chi-squared", *p, n),
            ]),
            Err(why) => answer.numbers.push(Number::none(
                "chi_squared",
                "all-equal.wald",
                n,
                reason(why)?,
            )),
        }
        answer
            .notes
            .push("p-values of pairs are not adjusted for their number".into());
    } else {
        answer.notes.push(format!(
            "the difference is new less reference: `{}` (first column) less `{}`",
            name(0),
            name(1)
        ));
    }
    let mut forest = Curve::line(
        Figure::Forest,
        "differences of areas",
        Vec::new(),
        Vec::new(),
    );
    let mut rows = Vec::new();
    for (i, j, pair) in &found.pairs {
        let area = |k: usize| found.areas.get(k).copied().unwrap_or(f64::NAN);
        let label = format!("{} - {}", name(*i), name(*j));
        let suffix = if only_pair {
            String::new()
        } else {
            format!("_{}_{}", name(*i), name(*j))
        };
        match pair {
            Ok(d) => {
                answer.numbers.push(
                    Number::plain(format!("difference{suffix}"), definition, d.difference, n)
                        .with_standard_error(d.standard_error)
                        .with_interval(d.interval, method),
                );
                answer
                    .numbers
                    .push(Number::plain(format!("z{suffix}"), "wald", d.z, n));
                answer.numbers.push(normal_p(
                    &format!(
                        "{}{suffix}",
                        if only_pair { "p_value" } else { "p_value_pair" }
                    ),
                    d.z,
                    n,
                ));
                if only_pair {
                    answer.numbers.push(if d.correlation.is_nan() {
                        Number::none(
                            "correlation",
                            "of-areas",
                            n,
                            "one of the areas has variance 0",
                        )
                    } else {
                        Number::plain("correlation", "of-areas", d.correlation, n)
                    });
                }
                rows.push(vec![
                    Cell::Text(label.clone()),
                    Cell::Real(d.difference),
                    Cell::Real(d.interval.lower),
                    Cell::Real(d.interval.upper),
                    Cell::Real(d.z),
                    Cell::Real(d.p_value),
                ]);
                forest.y.push(forest.x.len() as f64 + 1.0);
                forest.x.push(d.difference);
                forest.lower.push(d.interval.lower);
                forest.upper.push(d.interval.upper);
                forest.labels.push(label);
            }
            Err(why) => {
                answer.numbers.push(
                    Number::plain(
                        format!("difference{suffix}"),
                        definition,
                        area(*i) - area(*j),
                        n,
                    )
                    .without_interval(reason(why)?),
                );
                answer
                    .numbers
                    .push(Number::none(format!("z{suffix}"), "wald", n, reason(why)?));
                rows.push(vec![
                    Cell::Text(label),
                    Cell::Real(area(*i) - area(*j)),
                    Cell::None,
                    Cell::None,
                    Cell::None,
                    Cell::None,
                ]);
            }
        }
    }
    if let (Some(margin), Some((_, _, pair))) = (margin, found.pairs.first()) {
        match pair {
            Ok(_) if !certain.is_empty() => no_margin(
                &mut answer,
                "one-sided.normal",
                "the variance of one area is estimated as 0, so the standard error of the difference is too small for a claim",
                n,
            ),
            Ok(d) => push_margin(
                &mut answer,
                d.difference,
                d.standard_error,
                f64::INFINITY,
                margin,
                level,
                n,
            )?,
            Err(why) => no_margin(&mut answer, "one-sided.normal", &reason(why)?, n),
        }
    }
    for (i, value) in found.areas.iter().enumerate() {
        let variance = found.covariance.get(i).and_then(|r| r.get(i)).copied();
        let name = format!("auc_{}", name(i));
        answer.numbers.push(match (variance, &found.overall) {
            // Without a covariance nothing has a test, all for the one reason.
            (None, Err(why)) => {
                Number::plain(name, "auc.mann-whitney", *value, n).without_interval(reason(why)?)
            }
            (variance, _) => {
                area_number(name, *value, variance.unwrap_or(f64::NAN), level, method, n)?
            }
        });
    }
    answer.tables.push(Table {
        name: "differences".into(),
        columns: ["pair", "difference", "lower", "upper", "z", "p_value"]
            .map(String::from)
            .to_vec(),
        rows,
    });
    answer.curves.push(forest);
    for (label, score) in &columns {
        answer.curves.push(super::curve::figure(
            *label,
            &super::roc_curve(truth, score, super::Thresholds::Midpoint)?,
        ));
    }
    Ok(answer)
}

/// The reason of what is not estimable; other errors pass.
fn reason(error: &StatisticsError) -> Result<String, StatisticsError> {
    match error {
        StatisticsError::NotEstimable(why) => Ok(why.clone()),
        other => Err(other.clone()),
    }
}

fn area_number(
    name: String,
    value: f64,
    variance: f64,
    level: f64,
    method: &str,
    n: usize,
) -> Result<Number, StatisticsError> {
    let number = Number::plain(name, "auc.mann-whitney", value, n);
    Ok(match positive_variance(value, variance) {
        Ok(()) => number
            .with_standard_error(variance.sqrt())
            .with_interval(wald_interval(value, variance, level)?.0, method),
        Err(why) => number.without_interval(reason(&why)?),
    })
}

/// The places of the margin's tests, where none has a value.
fn no_margin(answer: &mut Answer, definition: &str, why: &str, n: usize) {
    for (name, definition) in [
        ("non_inferiority_p_value", definition),
        ("non_inferior", "p-below-alpha"),
        ("superiority_p_value", definition),
        ("superior", "after-non-inferiority"),
        ("equivalence_p_value", "two-one-sided-tests"),
        ("equivalent", "p-below-alpha"),
        ("one_sided_lower_limit", definition),
    ] {
        answer.numbers.push(Number::none(name, definition, n, why));
    }
}

fn push_margin(
    answer: &mut Answer,
    difference: f64,
    standard_error: f64,
    df: f64,
    margin: f64,
    level: f64,
    n: usize,
) -> Result<(), StatisticsError> {
    let alpha = (1.0 - level) / 2.0;
    let tests = margin_tests(difference, standard_error, df, margin, alpha)?;
    let definition = if df.is_infinite() {
        "one-sided.normal"
    } else {
        "one-sided.t-satterthwaite"
    };
    let quantile = if df.is_infinite() {
        normal_quantile(1.0 - alpha)
    } else {
        t_quantile(1.0 - alpha, df)
    };
    answer.numbers.extend([
        Number::plain(
            "non_inferiority_p_value",
            definition,
            tests.non_inferiority_p,
            n,
        ),
        Number::plain(
            "non_inferior",
            "p-below-alpha",
            f64::from(u8::from(tests.non_inferior)),
            n,
        ),
        if tests.non_inferior {
            Number::plain("superiority_p_value", definition, tests.superiority_p, n)
        } else {
            Number::none(
                "superiority_p_value",
                definition,
                n,
                "not tested: non-inferiority was not shown, and the order is closed",
            )
        },
        Number::plain(
            "superior",
            "after-non-inferiority",
            f64::from(u8::from(tests.superior)),
            n,
        ),
        Number::plain(
            "equivalence_p_value",
            "two-one-sided-tests",
            tests.equivalence_p,
            n,
        ),
        Number::plain(
            "equivalent",
            "p-below-alpha",
            f64::from(u8::from(tests.equivalent)),
            n,
        ),
        Number::plain(
            "one_sided_lower_limit",
            definition,
            difference - quantile * standard_error,
            n,
        ),
    ]);
    answer.notes.push(format!(
        "margin {margin}, one-sided level {}; order: non-inferiority, then superiority",
        digits(alpha)
    ));
    Ok(())
}

pub(super) const UNPAIRED: Entry = Entry {
    id: "roc-compare-unpaired",
    group: Group::Roc,
    title: "Areas of one score in two groups of different cases",
    formula: "D = (A1 - A2)/sqrt(V1 + V2), 1 the new group, 2 the reference, V by DeLong (with clusters by Obuchowski); Student's t with Satterthwaite's degrees of freedom (V1+V2)^2/(V1^2/(N1-1) + V2^2/(N2-1)), and the normal p-value beside it",
    source: "DeLong, DeLong and Clarke-Pearson 1988; pROC 1.18.0 roc.test(paired = FALSE)",
    assumptions: "The groups hold different cases (no cluster in both) and are independent. The difference is new less reference; the reference is `reference_group`, without it the group that sorts first",
    compared_with: "pROC 1.18.0",
    roles: &[TRUTH, SCORE, GROUP, CLUSTER],
    settings: &[
        LEVEL,
        MARGIN,
        Setting {
            name: "reference_group",
            what: "the group to compare with; without it the one that sorts first",
            kind: SettingKind::OptionalWord,
            default: None,
        },
        Setting {
            name: "distribution",
            what: "distribution of the interval and of the margin's tests: t (Satterthwaite) or normal",
            kind: SettingKind::Choice(&["t", "normal"]),
            default: Some("t"),
        },
    ],
    numbers: &[
        "difference",
        "d",
        "df",
        "p_value",
        "p_value_normal",
        "non_inferiority_p_value",
        "non_inferior",
        "superiority_p_value",
        "superior",
        "equivalence_p_value",
        "equivalent",
        "one_sided_lower_limit",
        "auc_{group}",
    ],
    run: run_unpaired,
};

/// Truth, scores and clusters of one group.
type Rows = (Vec<bool>, Vec<f64>, Option<Vec<usize>>);

/// The two groups.
pub(super) struct Split {
    pub(super) names: [String; 2],
    pub(super) arms: [Rows; 2],
}

/// Splits the sample by its two groups.
pub(super) fn split(sample: &Sample) -> Result<Split, StatisticsError> {
    let labels = sample.labels("group").cloned().unwrap_or_default();
    let [first, second] = labels.names.as_slice() else {
        return Err(StatisticsError::Data(format!(
            "`group` has {} values; it takes two",
            labels.names.len()
        )));
    };
    let clusters = sample.labels("cluster").map(|l| l.complete());
    let groups = labels.complete();
    let arm = |code: usize| {
        let rows = || groups.iter().map(move |g| *g == code);
        let keep = |v: &[f64]| {
            v.iter()
                .zip(rows())
                .filter(|(_, k)| *k)
                .map(|(v, _)| *v)
                .collect::<Vec<f64>>()
        };
        let truth: Vec<bool> = sample
            .binary("truth")
            .iter()
            .zip(rows())
            .filter(|(_, k)| *k)
            .map(|(t, _)| *t)
            .collect();
        let own = clusters.as_ref().map(|c| {
            c.iter()
                .zip(rows())
                .filter(|(_, k)| *k)
                .map(|(c, _)| *c)
                .collect::<Vec<usize>>()
        });
        (truth, keep(sample.reals("score")), own)
    };
    let arms = [arm(0), arm(1)];
    let mut group_of = std::collections::BTreeMap::new();
    for (row, (cluster, group)) in clusters.iter().flatten().zip(&groups).enumerate() {
        if *group_of.entry(*cluster).or_insert(*group) != *group {
            return Err(StatisticsError::Value {
                column: "cluster".into(),
                row,
                what: "is a cluster with rows in both groups, so the groups are not independent; put the scores side by side and compare them paired".into(),
            });
        }
    }
    Ok(Split {
        names: [first.clone(), second.clone()],
        arms,
    })
}

fn run_unpaired(sample: &Sample) -> Result<Answer, StatisticsError> {
    let Split {
        mut names,
        mut arms,
    } = split(sample)?;
    // The groups come sorted by name: the reference goes second.
    let word = sample.word("reference_group");
    let [first, second] = &names;
    if !(word.is_empty() || word == first || word == second) {
        return Err(StatisticsError::setting(
            "reference_group",
            format!("`{word}`"),
            "one of the two groups of the column `group`",
        ));
    }
    if word != second {
        names.reverse();
        arms.reverse();
    }
    let [name_a, name_b] = &names;
    let [(ta, sa, ca), (tb, sb, cb)] = &arms;
    let level = sample.real("level");
    let n = sample.rows();
    let method = if ca.is_some() {
        "obuchowski.wald"
    } else {
        "delong"
    };
    let mut answer = Answer::default();
    let definition = format!("auc-difference.{name_a}-less-{name_b}");
    match unpaired_areas((ta, sa, ca.as_deref()), (tb, sb, cb.as_deref())) {
        Ok(found) => {
            let df = if sample.word("distribution") == "normal" {
                f64::INFINITY
            } else {
                found.degrees_of_freedom
            };
            let half = t_quantile(f64::midpoint(1.0, level), df) * found.standard_error;
            answer.numbers.extend([
                Number::plain("difference", definition, found.difference, n)
                    .with_standard_error(found.standard_error)
                    .with_interval(
                        Interval {
                            lower: found.difference - half,
                            upper: found.difference + half,
                            level,
                        },
                        format!(
                            "{method}.{}",
                            if df.is_infinite() {
                                "normal"
                            } else {
                                "t-satterthwaite"
                            }
                        ),
                    ),
                Number::plain("d", "wald", found.d, n),
                Number::plain("df", "satterthwaite", found.degrees_of_freedom, n),
                Number::plain("p_value", "t-satterthwaite.two-sided", found.p_value, n),
                Number::plain("p_value_normal", "normal.two-sided", found.p_normal, n),
            ]);
            if let Some(margin) = sample.optional_real("margin") {
                push_margin(
                    &mut answer,
                    found.difference,
                    found.standard_error,
                    df,
                    margin,
                    level,
                    n,
                )?;
            }
            for (name, (value, variance)) in names
                .iter()
                .zip(found.areas.into_iter().zip(found.variances))
            {
                answer.numbers.push(area_number(
                    format!("auc_{name}"),
                    value,
                    variance,
                    level,
                    method,
                    n,
                )?);
            }
        }
        Err(StatisticsError::NotEstimable(why)) => {
            let areas: Vec<f64> = arms
                .iter()
                .map(|(t, s, _)| {
                    Components::new(t, &[s]).map(|c| c.areas.first().copied().unwrap_or(f64::NAN))
                })
                .collect::<Result<_, _>>()?;
            if let [a, b] = areas.as_slice() {
                answer.numbers.push(
                    Number::plain("difference", definition, a - b, n).without_interval(why.clone()),
                );
                answer.numbers.push(Number::none(
                    "p_value",
                    "t-satterthwaite.two-sided",
                    n,
                    why.clone(),
                ));
                if sample.optional_real("margin").is_some() {
                    no_margin(&mut answer, "one-sided", &why, n);
                }
                for (name, value) in names.iter().zip([a, b]) {
                    answer.numbers.push(Number::plain(
                        format!("auc_{name}"),
                        "auc.mann-whitney",
                        *value,
                        n,
                    ));
                }
            }
        }
        Err(other) => return Err(other),
    }
    answer.notes.push(format!(
        "the difference is new less reference: group `{name_a}` less reference `{name_b}`"
    ));
    for (name, (t, s, _)) in names.iter().zip(&arms) {
        answer.curves.push(super::curve::figure(
            name.clone(),
            &super::roc_curve(t, s, super::Thresholds::Midpoint)?,
        ));
    }
    Ok(answer)
}
