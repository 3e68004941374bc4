//! Performance in subgroups: every stratum with its interval, and one test of interaction for each
//! factor instead of a p-value for each subset.

use serde::Serialize;

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, REPLICATES, Role, SCORE, SEED, Sample,
    Setting, SettingKind, TRUTH,
};
use crate::distribution::{chi_squared_tail, f_tail, t_quantile, two_sided_z};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::pooling::{expit, forest};
use crate::random::Philox;
use crate::rank::placements;

/// The statistics of this module.
pub const ENTRIES: &[Entry] = &[Entry {
    id: "subgroups",
    group: Group::Subgroups,
    title: "Performance by subgroup with tests of interaction",
    formula: "per level: x / n with Wilson's interval, AUC with DeLong's, mean with Student's t; with clusters: ratio estimator, Wilson at the effective sample size, Obuchowski's AUC variance. Interaction: likelihood ratio, Pearson or logistic Wald; Q = sum(w (y - mean)^2) of AUCs; Welch's F of means; with clusters the sandwich Wald statistic, or a permutation of whole clusters; Holm over factors",
    source: "Wilson 1927; DeLong 1988; Obuchowski 1997; Rao & Scott 1992; Welch 1951; Liang & Zeger 1986; Cochran 1954; Holm 1979; FDA 2022 CADe guidance on subgroups",
    assumptions: "levels are named before the data are seen; a missing level is one of its own; levels below the minimum are not estimable and left out of the test; without cluster rows count as independent; a large p-value is no proof of equal performance",
    compared_with: "R 4.2.2 chisq.test, glm, oneway.test; geepack geeglm; pROC 1.18.0; metafor 3.8-1 for Q",
    roles: &[
        Role {
            need: Need::Optional,
            ..TRUTH
        },
        Role {
            name: "call",
            what: "the test's call: positive or negative; this or score with threshold",
            kind: Kind::Binary,
            need: Need::Optional,
            missing: false,
        },
        Role {
            need: Need::Optional,
            ..SCORE
        },
        Role {
            name: "value",
            what: "a measurement whose mean is compared",
            kind: Kind::Finite,
            need: Need::Optional,
            missing: false,
        },
        Role {
            name: "stratum",
            what: "a factor of subgroups, such as sex, site or scanner; an empty cell is the level `(not recorded)`",
            kind: Kind::Label,
            need: Need::Many(1),
            missing: true,
        },
        CLUSTER,
    ],
    settings: &[
        Setting {
            name: "measure",
            what: "what is estimated in each stratum",
            kind: SettingKind::Choice(&[
                "sensitivity",
                "specificity",
                "ppv",
                "npv",
                "accuracy",
                "auc",
                "mean",
            ]),
            default: Some("sensitivity"),
        },
        Setting {
            name: "threshold",
            what: "score from which the call is positive",
            kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
            default: None,
        },
        Setting {
            name: "minimum",
            what: "cases of the measure's denominator (each class for the AUC; clusters where given) below which a stratum is not estimable",
            kind: SettingKind::Whole(1, 1_000_000),
            default: Some("10"),
        },
        Setting {
            name: "test",
            what: "test of interaction; the first three concern proportions of independent rows (AUC: Q; mean: Welch; clusters: sandwich)",
            kind: SettingKind::Choice(&["likelihood-ratio", "pearson", "wald", "permutation"]),
            default: Some("likelihood-ratio"),
        },
        Setting {
            name: "scale",
            what: "scale of the AUC's interval and Q",
            kind: SettingKind::Choice(&["logit", "identity"]),
            default: Some("logit"),
        },
        Setting {
            name: "two_way",
            what: "whether to tabulate the cells of each pair of factors, worst first",
            kind: SettingKind::Flag,
            default: Some("false"),
        },
        LEVEL,
        SEED,
        REPLICATES,
    ],
    // The `measure` that is asked for comes first, of all rows.
    numbers: &[
        "sensitivity",
        "specificity",
        "ppv",
        "npv",
        "accuracy",
        "auc",
        "mean",
        "interaction_p_value({stratum})",
        "interaction_p_value_holm({stratum})",
        "{stratum} = {level}",
    ],
    run: run_subgroups,
}];

/// What is estimated in each stratum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Share of the diseased that are called positive.
    Sensitivity,
    /// Share of the others that are called negative.
    Specificity,
    /// Share of the called positive that are diseased.
    Ppv,
    /// Share of the called negative that are not.
    Npv,
    /// Share of right calls.
    Accuracy,
    /// Area under the ROC curve.
    Auc,
    /// Mean of a measurement.
    Mean,
}

impl Measure {
    fn from_word(word: &str) -> Self {
        match word {
            "specificity" => Self::Specificity,
            "ppv" => Self::Ppv,
            "npv" => Self::Npv,
            "accuracy" => Self::Accuracy,
            "auc" => Self::Auc,
            "mean" => Self::Mean,
            _ => Self::Sensitivity,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Sensitivity => "sensitivity",
            Self::Specificity => "specificity",
            Self::Ppv => "ppv",
            Self::Npv => "npv",
            Self::Accuracy => "accuracy",
            Self::Auc => "auc",
            Self::Mean => "mean",
        }
    }
}

/// One case that counts for the measure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Case {
    /// 1 or 0 for a proportion, the measurement for a mean, the score for an AUC.
    pub value: f64,
    /// The reference standard; read by the AUC only.
    pub positive: bool,
    /// What rows of one patient share; the row's own number where rows are independent.
    pub cluster: usize,
}

/// The estimate of one stratum.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Cases in the denominator (of both classes for an AUC).
    pub n: usize,
    /// Successes of a proportion, positives of an AUC; none for a mean.
    pub events: Option<usize>,
    /// Clusters among the cases.
    pub clusters: usize,
    /// The estimate.
    pub value: Option<f64>,
    /// Its standard error on its own scale.
    pub standard_error: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// How the interval was made.
    pub method: &'static str,
    /// Why there is no estimate or no interval.
    pub reason: Option<String>,
    /// Each cluster's part in the error of the estimate: cluster and sum.
    #[serde(skip)]
    influence: Vec<(usize, f64)>,
}

/// A test that all levels of a factor have the same value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heterogeneity {
    /// Which test it is.
    pub test: &'static str,
    /// Its statistic.
    pub statistic: f64,
    /// Its degrees of freedom, the second infinite for a chi-squared test.
    pub df: (f64, f64),
    /// Its p-value.
    pub p_value: f64,
}

/// The share of successes. Independent cases: Wilson's interval. Clusters: the ratio estimator with
/// variance C / (C - 1) sum(u^2), u = sum over a cluster's cases of (x - p) / n, and Wilson's interval
/// at the effective size p (1 - p) / variance, at most n, with the t quantile of C - 1 degrees of
/// freedom in place of the normal (as Korn and Graubard 1998 correct the exact interval). Where all or no cases succeed that variance
/// is 0; the number of clusters then stands for the size, as if each were one case.
///
/// # Errors
/// Not estimable without cases; level outside (0, 1).
pub fn share(cases: &[Case], clustered: bool, level: f64) -> Result<Estimate, StatisticsError> {
    let z = two_sided_z(level)?;
    if cases.is_empty() {
        return Err(StatisticsError::not_estimable(
            "there are no cases in the denominator",
        ));
    }
    let n = cases.len() as f64;
    let events = cases.iter().filter(|c| c.value != 0.0).count();
    let p = events as f64 / n;
    let influence = by_cluster(
        cases
            .iter()
            .map(|c| (c.cluster, (f64::from(u8::from(c.value != 0.0)) - p) / n)),
    );
    let clusters = influence.len();
    let (size, method, variance) = if clustered {
        let c = clusters as f64;
        let variance = c / (c - 1.0) * influence.iter().map(|(_, u)| u * u).sum::<f64>();
        if events == 0 || events == cases.len() {
            (c, "wilson.clusters", f64::NAN)
        } else if clusters < 2 {
            (f64::NAN, "wilson.effective-n.t", f64::NAN)
        } else if variance > 0.0 {
            (
                (p * (1.0 - p) / variance).min(n),
                "wilson.effective-n.t",
                variance,
            )
        } else {
            // Every cluster has the very same share.
            (n, "wilson.effective-n.t", variance)
        }
    } else {
        (n, "wilson", p * (1.0 - p) / n)
    };
    // A variance from few clusters is itself uncertain: Student's quantile instead of the normal.
    let z = if clustered && variance.is_finite() {
        t_quantile(f64::midpoint(1.0, level), clusters as f64 - 1.0)
    } else {
        z
    };
    let interval = size.is_finite().then(|| {
        let scale = 1.0 + z * z / size;
        let centre = (p + z * z / (2.0 * size)) / scale;
        let half = z / scale * (p * (1.0 - p) / size + z * z / (4.0 * size * size)).sqrt();
        Interval {
            lower: if events == 0 {
                0.0
            } else {
                (centre - half).max(0.0)
            },
            upper: if events == cases.len() {
                1.0
            } else {
                (centre + half).min(1.0)
            },
            level,
        }
    });
    Ok(Estimate {
        n: cases.len(),
        events: Some(events),
        clusters,
        value: Some(p),
        standard_error: (variance > 0.0).then(|| variance.sqrt()),
        reason: interval
            .is_none()
            .then(|| "one cluster: no variance between clusters".to_owned()),
        interval,
        method,
        influence,
    })
}

/// The mean with Student's interval: n - 1 degrees of freedom, or with clusters the ratio estimator's
/// variance C / (C - 1) sum(u^2) and C - 1.
///
/// # Errors
/// Not estimable without cases; level outside (0, 1).
pub fn mean(cases: &[Case], clustered: bool, level: f64) -> Result<Estimate, StatisticsError> {
    two_sided_z(level)?;
    if cases.is_empty() {
        return Err(StatisticsError::not_estimable("there are no cases"));
    }
    let n = cases.len() as f64;
    let first = cases.first().map_or(0.0, |c| c.value);
    let mean = first + cases.iter().map(|c| c.value - first).sum::<f64>() / n;
    let influence = by_cluster(cases.iter().map(|c| (c.cluster, (c.value - mean) / n)));
    let units = influence.len() as f64;
    let variance = units / (units - 1.0) * influence.iter().map(|(_, u)| u * u).sum::<f64>();
    let estimable = influence.len() >= 2 && variance > 0.0;
    let half = t_quantile(f64::midpoint(1.0, level), units - 1.0) * variance.sqrt();
    Ok(Estimate {
        n: cases.len(),
        events: None,
        clusters: influence.len(),
        value: Some(mean),
        standard_error: estimable.then(|| variance.sqrt()),
        interval: estimable.then_some(Interval {
            lower: mean - half,
            upper: mean + half,
            level,
        }),
        method: if clustered { "t.clusters" } else { "t" },
        reason: (!estimable).then(|| "no spread between units: no interval".to_owned()),
        influence,
    })
}

/// The AUC with DeLong's variance, or with clusters Obuchowski's (1997); Wald interval on the logit
/// scale or on its own, the latter clipped to [0, 1].
///
/// # Errors
/// Not estimable without two units in each class; a data error for scores that are not numbers.
pub fn auc(
    cases: &[Case],
    clustered: bool,
    logit: bool,
    level: f64,
) -> Result<Estimate, StatisticsError> {
    let z = two_sided_z(level)?;
    if cases.iter().any(|c| c.value.is_nan()) {
        return Err(StatisticsError::Data("a score is not a number".into()));
    }
    let of = |positive: bool| -> Vec<&Case> {
        cases.iter().filter(|c| c.positive == positive).collect()
    };
    let (pos, neg) = (of(true), of(false));
    let scores = |c: &[&Case]| -> Vec<f64> { c.iter().map(|c| c.value).collect() };
    if pos.is_empty() || neg.is_empty() {
        return Err(StatisticsError::not_estimable(
            "one class only: there is no AUC",
        ));
    }
    let (m, n) = (pos.len() as f64, neg.len() as f64);
    let (v10, v01) = placements(&scores(&pos), &scores(&neg));
    let value = v10.iter().sum::<f64>() / m;
    let sums = |c: &[&Case], v: &[f64], size: f64| {
        by_cluster(
            c.iter()
                .zip(v)
                .map(|(c, v)| (c.cluster, (v - value) / size)),
        )
    };
    let (u10, u01) = (sums(&pos, &v10, m), sums(&neg, &v01, n));
    let influence = by_cluster(u10.iter().chain(&u01).copied());
    let square = |u: &[(usize, f64)]| {
        let i = u.len() as f64;
        i / (i - 1.0) * u.iter().map(|(_, u)| u * u).sum::<f64>()
    };
    // Twice the sum of products is what is left of the square of the sum.
    let total = influence.len() as f64;
    let both: f64 = influence.iter().map(|(_, u)| u * u).sum::<f64>()
        - u10.iter().chain(&u01).map(|(_, u)| u * u).sum::<f64>();
    let cross = if clustered {
        total / (total - 1.0) * both
    } else {
        0.0
    };
    let variance = square(&u10) + square(&u01) + cross;
    let reason = if u10.len() < 2 || u01.len() < 2 {
        Some("one class has a single unit: no variance".to_owned())
    } else if variance <= 1e-300 || !variance.is_finite() {
        Some(
            "the estimated variance is 0 (perfect separation or a constant score): no interval"
                .to_owned(),
        )
    } else if logit && (value <= 0.0 || value >= 1.0) {
        Some("the AUC is 0 or 1 and has no logit".to_owned())
    } else {
        None
    };
    let se = variance.sqrt();
    let interval = reason.is_none().then(|| {
        if logit {
            let (y, half) = (
                (value / (1.0 - value)).ln(),
                z * se / (value * (1.0 - value)),
            );
            Interval {
                lower: expit(y - half),
                upper: expit(y + half),
                level,
            }
        } else {
            Interval {
                lower: (value - z * se).max(0.0),
                upper: (value + z * se).min(1.0),
                level,
            }
        }
    });
    Ok(Estimate {
        n: cases.len(),
        events: Some(pos.len()),
        clusters: influence.len(),
        value: Some(value),
        standard_error: interval.is_some().then_some(se),
        interval,
        method: match (clustered, logit) {
            (false, false) => "delong",
            (false, true) => "delong.logit",
            (true, false) => "obuchowski",
            (true, true) => "obuchowski.logit",
        },
        reason,
        influence,
    })
}

/// Pearson's chi-squared statistic of equal shares, without continuity correction.
///
/// # Errors
/// Not estimable with fewer than two levels, or when all or no cases succeed.
pub fn pearson(levels: &[(usize, usize)]) -> Result<Heterogeneity, StatisticsError> {
    let (p, df) = common_share(levels)?;
    let statistic = levels
        .iter()
        .map(|(x, n)| (*x as f64 - *n as f64 * p).powi(2) / (*n as f64 * p * (1.0 - p)))
        .sum();
    Ok(chi_squared("pearson", statistic, df))
}

/// The likelihood-ratio statistic 2 sum(O ln(O / E)) of equal shares: the deviance test of a logistic
/// model with the factor against one without.
///
/// # Errors
/// As [`pearson`].
pub fn likelihood_ratio(levels: &[(usize, usize)]) -> Result<Heterogeneity, StatisticsError> {
    let (p, df) = common_share(levels)?;
    let term = |observed: f64, expected: f64| {
        if observed > 0.0 {
            observed * (observed / expected).ln()
        } else {
            0.0
        }
    };
    let statistic = levels
        .iter()
        .map(|(x, n)| {
            let (x, n) = (*x as f64, *n as f64);
            2.0 * (term(x, n * p) + term(n - x, n * (1.0 - p)))
        })
        .sum();
    Ok(chi_squared("likelihood-ratio", statistic, df))
}

/// The Wald statistic of the factor in a logistic model.
///
/// # Errors
/// Not estimable with fewer than two levels, or when a level has no or only successes.
pub fn logistic_wald(levels: &[(usize, usize)]) -> Result<Heterogeneity, StatisticsError> {
    if levels.iter().any(|(x, n)| *x == 0 || x >= n) {
        return Err(no_logit());
    }
    let y: Vec<f64> = levels
        .iter()
        .map(|(x, n)| (*x as f64 / (*n - *x) as f64).ln())
        .collect();
    let v: Vec<f64> = levels
        .iter()
        .map(|(x, n)| 1.0 / *x as f64 + 1.0 / (*n - *x) as f64)
        .collect();
    let mut test = equality(
        &y,
        &nalgebra::DMatrix::from_diagonal(&nalgebra::DVector::from_vec(v)),
    )?;
    test.test = "wald.logit";
    Ok(test)
}

/// Welch's (1951) test of equal means under unequal variances, from `(n, mean, variance)`.
///
/// # Errors
/// Not estimable with fewer than two levels or a level without spread.
pub fn welch(levels: &[(usize, f64, f64)]) -> Result<Heterogeneity, StatisticsError> {
    let k = levels.len() as f64;
    if levels.len() < 2 {
        return Err(too_few());
    }
    if levels
        .iter()
        .any(|(n, _, s2)| *n < 2 || *s2 <= 0.0 || s2.is_nan())
    {
        return Err(StatisticsError::not_estimable(
            "a level has no spread: Welch's test weighs by its inverse",
        ));
    }
    let w: Vec<f64> = levels.iter().map(|(n, _, s2)| *n as f64 / s2).collect();
    let total: f64 = w.iter().sum();
    let centre = w.iter().zip(levels).map(|(w, l)| w * l.1).sum::<f64>() / total;
    let loss: f64 = w
        .iter()
        .zip(levels)
        .map(|(w, l)| (1.0 - w / total).powi(2) / (l.0 as f64 - 1.0))
        .sum::<f64>()
        / (k * k - 1.0);
    let between = w
        .iter()
        .zip(levels)
        .map(|(w, l)| w * (l.1 - centre).powi(2))
        .sum::<f64>();
    let statistic = between / ((k - 1.0) * (1.0 + 2.0 * (k - 2.0) * loss));
    let df = (k - 1.0, 1.0 / (3.0 * loss));
    Ok(Heterogeneity {
        test: "welch",
        statistic,
        df,
        p_value: f_tail(statistic, df.0, df.1),
    })
}

/// The Wald test that all values are equal, y' (W - W 1 1' W / 1' W 1) y with W the inverse of the
/// covariance; with a diagonal covariance Cochran's Q.
///
/// # Errors
/// Not estimable with fewer than two values or a covariance that is singular.
pub fn equality(
    values: &[f64],
    covariance: &nalgebra::DMatrix<f64>,
) -> Result<Heterogeneity, StatisticsError> {
    let k = values.len();
    if k < 2 {
        return Err(too_few());
    }
    if covariance.nrows() != k || covariance.ncols() != k {
        return Err(StatisticsError::Data(
            "values and covariance differ in size".into(),
        ));
    }
    // A singular covariance may pass the factorisation by rounding: judge it by its correlation.
    let scales: Vec<f64> = covariance.diagonal().iter().map(|v| v.sqrt()).collect();
    if scales.iter().any(|s| !(*s > 0.0 && s.is_finite())) {
        return Err(StatisticsError::not_estimable(
            "a level has a variance of 0 or none",
        ));
    }
    let scale = nalgebra::DVector::from_vec(scales);
    let correlation = covariance.component_div(&(&scale * scale.transpose()));
    let Some(factor) = correlation
        .cholesky()
        .filter(|c| c.l_dirty().diagonal().iter().all(|d| *d > 1e-6))
    else {
        return Err(StatisticsError::not_estimable(
            "the covariance of the levels is singular: too few clusters for so many levels",
        ));
    };
    let y = nalgebra::DVector::from_column_slice(values);
    // Equal values must give 0 exactly, whatever their size.
    let y = y
        .add_scalar(-values.first().copied().unwrap_or(0.0))
        .component_div(&scale);
    let one = scale.map(|s| 1.0 / s);
    let (wy, w1) = (factor.solve(&y), factor.solve(&one));
    let statistic = (y.dot(&wy) - one.dot(&wy).powi(2) / one.dot(&w1)).max(0.0);
    Ok(chi_squared("cochran-q", statistic, k as f64 - 1.0))
}

/// Holm's (1979) step-down adjustment of p-values, in their order.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p.iter().copied().enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    let mut adjusted = vec![f64::NAN; p.len()];
    let mut running = 0.0_f64;
    for (rank, (at, value)) in order.iter().enumerate() {
        running = running.max((value * (p.len() - rank) as f64).min(1.0));
        if let Some(slot) = adjusted.get_mut(*at) {
            *slot = running;
        }
    }
    adjusted
}

fn chi_squared(test: &'static str, statistic: f64, df: f64) -> Heterogeneity {
    Heterogeneity {
        test,
        statistic,
        df: (df, f64::INFINITY),
        p_value: chi_squared_tail(statistic, df),
    }
}

fn too_few() -> StatisticsError {
    StatisticsError::not_estimable(
        "fewer than two levels are estimable: there is nothing to compare",
    )
}

fn no_logit() -> StatisticsError {
    StatisticsError::not_estimable(
        "a level has no or only successes, so its logit is infinite; use `permutation`, or `likelihood-ratio` where rows are independent",
    )
}

fn common_share(levels: &[(usize, usize)]) -> Result<(f64, f64), StatisticsError> {
    if levels.len() < 2 {
        return Err(too_few());
    }
    if levels.iter().any(|(x, n)| x > n || *n == 0) {
        return Err(StatisticsError::Data(
            "more successes than cases, or a level without cases".into(),
        ));
    }
    let (x, n) = levels.iter().fold((0usize, 0usize), |s, l| {
        (s.0.saturating_add(l.0), s.1.saturating_add(l.1))
    });
    if x == 0 || x == n {
        return Err(StatisticsError::not_estimable(
            "all or no cases succeed: the test has no expected counts",
        ));
    }
    Ok((x as f64 / n as f64, levels.len() as f64 - 1.0))
}

/// Sums by cluster, in the clusters' order.
fn by_cluster(parts: impl Iterator<Item = (usize, f64)>) -> Vec<(usize, f64)> {
    let mut parts: Vec<(usize, f64)> = parts.collect();
    parts.sort_by_key(|p| p.0);
    parts
        .chunk_by(|a, b| a.0 == b.0)
        .map(|c| (c.first().map_or(0, |p| p.0), c.iter().map(|p| p.1).sum()))
        .collect()
}

/// The covariance of estimates that may share clusters: sum(u_i u_j) over clusters.
fn covariance(estimates: &[&Estimate]) -> nalgebra::DMatrix<f64> {
    nalgebra::DMatrix::from_fn(estimates.len(), estimates.len(), |i, j| {
        let (Some(a), Some(b)) = (estimates.get(i), estimates.get(j)) else {
            return 0.0;
        };
        // Both lists are in the order of the clusters.
        let mut other = b.influence.iter().peekable();
        let mut sum = 0.0;
        for (cluster, u) in &a.influence {
            while other.next_if(|o| o.0 < *cluster).is_some() {}
            if let Some(o) = other.peek().filter(|o| o.0 == *cluster) {
                sum += u * o.1;
            }
        }
        sum
    })
}

/// What the run reads: the cases that count, each with its row.
struct Analysis {
    measure: Measure,
    cases: Vec<(usize, Case)>,
    clustered: bool,
    minimum: usize,
    logit: bool,
    level: f64,
}

impl Analysis {
    fn new(sample: &Sample) -> Result<Self, StatisticsError> {
        let measure = Measure::from_word(sample.word("measure"));
        let clusters = sample.labels("cluster").map(Labels::complete);
        let truth = sample.all_binary("truth").first().map(|(_, c)| *c);
        let need = |what: &str| {
            StatisticsError::Data(format!(
                "the measure `{}` needs the column `{what}`",
                measure.word()
            ))
        };
        let cluster = |row: usize| {
            clusters
                .as_ref()
                .and_then(|c| c.get(row))
                .copied()
                .unwrap_or(row)
        };
        let case = |row: usize, value: f64, positive: bool| {
            (
                row,
                Case {
                    value,
                    positive,
                    cluster: cluster(row),
                },
            )
        };
        let cases: Vec<(usize, Case)> = match measure {
            Measure::Mean => sample
                .optional_reals("value")
                .ok_or_else(|| need("value"))?
                .iter()
                .enumerate()
                .map(|(row, v)| case(row, *v, false))
                .collect(),
            Measure::Auc => {
                let truth = truth.ok_or_else(|| need("truth"))?;
                let score = sample
                    .optional_reals("score")
                    .ok_or_else(|| need("score"))?;
                score
                    .iter()
                    .zip(truth)
                    .enumerate()
                    .map(|(row, (s, t))| case(row, *s, *t))
                    .collect()
            }
            _ => {
                let truth = truth.ok_or_else(|| need("truth"))?;
                let call = calls(sample)?;
                truth
                    .iter()
                    .zip(&call)
                    .enumerate()
                    .filter_map(|(row, (t, c))| {
                        let (counts, success) = match measure {
                            Measure::Sensitivity => (*t, *c),
                            Measure::Specificity => (!*t, !*c),
                            Measure::Ppv => (*c, *t),
                            Measure::Npv => (!*c, !*t),
                            _ => (true, t == c),
                        };
                        counts.then(|| case(row, f64::from(u8::from(success)), *t))
                    })
                    .collect()
            }
        };
        Ok(Self {
            measure,
            cases,
            clustered: clusters.is_some(),
            minimum: sample.whole("minimum") as usize,
            logit: sample.word("scale") != "identity",
            level: sample.real("level"),
        })
    }

    /// The estimate of these cases, or the reason why there is none.
    fn estimate(&self, cases: &[Case]) -> Result<Estimate, StatisticsError> {
        let units = |of: &dyn Fn(&Case) -> bool| {
            by_cluster(cases.iter().filter(|c| of(c)).map(|c| (c.cluster, 1.0))).len()
        };
        let least = if self.measure == Measure::Auc {
            units(&|c| c.positive).min(units(&|c| !c.positive))
        } else {
            units(&|_| true)
        };
        let result = if least < self.minimum {
            Err(StatisticsError::not_estimable(format!(
                "{least} {}{} {} below the minimum of {}",
                if self.clustered { "clusters" } else { "cases" },
                if self.measure == Measure::Auc {
                    " in the smaller class"
                } else {
                    ""
                },
                if least == 1 { "is" } else { "are" },
                self.minimum
            )))
        } else {
            match self.measure {
                Measure::Auc => auc(cases, self.clustered, self.logit, self.level),
                Measure::Mean => mean(cases, self.clustered, self.level),
                _ => share(cases, self.clustered, self.level),
            }
        };
        match result {
            Err(StatisticsError::NotEstimable(reason)) => Ok(Estimate {
                n: cases.len(),
                events: match self.measure {
                    Measure::Mean => None,
                    Measure::Auc => Some(cases.iter().filter(|c| c.positive).count()),
                    _ => Some(cases.iter().filter(|c| c.value != 0.0).count()),
                },
                clusters: units(&|_| true),
                value: None,
                standard_error: None,
                interval: None,
                method: "",
                reason: Some(reason),
                influence: Vec::new(),
            }),
            other => other,
        }
    }

    fn number(&self, name: String, e: &Estimate) -> Number {
        let definition = format!(
            "{}.{}",
            self.measure.word(),
            match (self.measure, self.clustered) {
                (Measure::Auc, _) => "mann-whitney",
                (_, true) => "ratio-estimator",
                (Measure::Mean, false) => "arithmetic",
                (_, false) => "observed",
            }
        );
        let Some(value) = e.value else {
            return Number::none(name, definition, e.n, e.reason.clone().unwrap_or_default());
        };
        let mut number = Number::plain(name, definition, value, e.n);
        if let Some(se) = e.standard_error {
            number = number.with_standard_error(se);
        }
        match e.interval {
            Some(i) => number.with_interval(i, e.method),
            None => number.without_interval(e.reason.clone().unwrap_or_default()),
        }
    }

    /// The test of interaction over levels that are estimable.
    fn interaction(
        &self,
        levels: &[(&Estimate, &[Case])],
        word: &str,
        seed: u64,
        replicates: u64,
    ) -> Result<Heterogeneity, StatisticsError> {
        if levels.len() < 2 {
            return Err(too_few());
        }
        if word == "permutation" {
            return self.permutation(levels, seed, replicates);
        }
        let estimates: Vec<&Estimate> = levels.iter().map(|l| l.0).collect();
        let values: Vec<f64> = estimates.iter().filter_map(|e| e.value).collect();
        match (self.measure, self.clustered) {
            (Measure::Mean, false) => {
                let levels: Vec<(usize, f64, f64)> = estimates
                    .iter()
                    .map(|e| {
                        let se = e.standard_error.unwrap_or(0.0);
                        (e.n, e.value.unwrap_or(f64::NAN), se * se * e.n as f64)
                    })
                    .collect();
                welch(&levels)
            }
            (Measure::Mean, true) => {
                let mut test = equality(&values, &covariance(&estimates))?;
                test.test = "sandwich.identity";
                Ok(test)
            }
            (Measure::Auc, _) => {
                if let Some(e) = estimates.iter().find(|e| e.standard_error.is_none()) {
                    return Err(StatisticsError::not_estimable(format!(
                        "a level has no variance ({}); use `permutation`",
                        e.reason.clone().unwrap_or_default()
                    )));
                }
                let mut spread = covariance(&estimates);
                // On the diagonal each level's own variance, with its own small-sample factors.
                let own: Vec<f64> = estimates
                    .iter()
                    .map(|e| e.standard_error.unwrap_or(0.0).powi(2))
                    .collect();
                spread.set_diagonal(&nalgebra::DVector::from_vec(own));
                let (values, spread) = if self.logit {
                    on_logit(&values, &spread)
                } else {
                    (values, spread)
                };
                let mut test = equality(&values, &spread)?;
                test.test = match (self.clustered, self.logit) {
                    (false, true) => "cochran-q.delong.logit",
                    (false, false) => "cochran-q.delong.identity",
                    (true, true) => "wald.obuchowski.logit",
                    (true, false) => "wald.obuchowski.identity",
                };
                Ok(test)
            }
            (_, true) => {
                if values.iter().any(|p| *p <= 0.0 || *p >= 1.0) {
                    return Err(no_logit());
                }
                let (values, spread) = on_logit(&values, &covariance(&estimates));
                let mut test = equality(&values, &spread)?;
                test.test = "sandwich.logit";
                Ok(test)
            }
            (_, false) => {
                let counts: Vec<(usize, usize)> = estimates
                    .iter()
                    .map(|e| (e.events.unwrap_or(0), e.n))
                    .collect();
                match word {
                    "pearson" => pearson(&counts),
                    "wald" => logistic_wald(&counts),
                    _ => likelihood_ratio(&counts),
                }
            }
        }
    }

    /// Permutes the levels among whole clusters; the statistic is sum(n (y - mean)^2) over levels,
    /// for the AUC with n = 1 / (1 / positives + 1 / negatives).
    fn permutation(
        &self,
        levels: &[(&Estimate, &[Case])],
        seed: u64,
        replicates: u64,
    ) -> Result<Heterogeneity, StatisticsError> {
        use rayon::prelude::*;
        let mut owner: Vec<(usize, usize)> = levels
            .iter()
            .enumerate()
            .flat_map(|(l, (_, cases))| cases.iter().map(move |c| (c.cluster, l)))
            .collect();
        owner.sort_unstable();
        owner.dedup();
        if owner.windows(2).any(|w| matches!(w, [a, b] if a.0 == b.0)) {
            return Err(StatisticsError::not_estimable(
                "a cluster has rows in two levels: whole clusters cannot be permuted; use the sandwich test",
            ));
        }
        let place: std::collections::BTreeMap<usize, usize> = owner
            .iter()
            .enumerate()
            .map(|(at, (cluster, _))| (*cluster, at))
            .collect();
        let cases: Vec<(usize, Case)> = levels
            .iter()
            .flat_map(|(_, cases)| cases.iter())
            .map(|c| (place.get(&c.cluster).copied().unwrap_or(0), *c))
            .collect();
        let own: Vec<usize> = owner.iter().map(|(_, l)| *l).collect();
        let observed = self.spread(&cases, &own, levels.len());
        let beaten = (0..replicates)
            .into_par_iter()
            .filter(|r| {
                let mut moved = own.clone();
                Philox::new(seed, *r).shuffle(&mut moved);
                self.spread(&cases, &moved, levels.len()) >= observed * (1.0 - 1e-12)
            })
            .count();
        Ok(Heterogeneity {
            test: "permutation",
            statistic: observed,
            df: (levels.len() as f64 - 1.0, f64::INFINITY),
            p_value: (beaten as f64 + 1.0) / (replicates as f64 + 1.0),
        })
    }

    fn spread(&self, cases: &[(usize, Case)], level_of: &[usize], levels: usize) -> f64 {
        let mut parts: Vec<(f64, f64)> = Vec::with_capacity(levels);
        if self.measure == Measure::Auc {
            let mut scores = vec![(Vec::new(), Vec::new()); levels];
            for (at, c) in cases {
                if let Some(slot) = level_of.get(*at).and_then(|l| scores.get_mut(*l)) {
                    if c.positive {
                        slot.0.push(c.value)
                    } else {
                        slot.1.push(c.value)
                    }
                }
            }
            for (pos, neg) in &scores {
                if !pos.is_empty() && !neg.is_empty() {
                    let (m, n) = (pos.len() as f64, neg.len() as f64);
                    let (v10, _) = placements(pos, neg);
                    parts.push((m * n / (m + n), v10.iter().sum::<f64>() / m));
                }
            }
        } else {
            let mut sums = vec![(0.0, 0.0); levels];
            for (at, c) in cases {
                if let Some(slot) = level_of.get(*at).and_then(|l| sums.get_mut(*l)) {
                    slot.0 += 1.0;
                    slot.1 += c.value;
                }
            }
            parts.extend(sums.iter().filter(|s| s.0 > 0.0).map(|(n, s)| (*n, s / n)));
        }
        let total: f64 = parts.iter().map(|p| p.0).sum();
        let centre = parts.iter().map(|p| p.0 * p.1).sum::<f64>() / total;
        parts.iter().map(|p| p.0 * (p.1 - centre).powi(2)).sum()
    }
}

fn on_logit(values: &[f64], spread: &nalgebra::DMatrix<f64>) -> (Vec<f64>, nalgebra::DMatrix<f64>) {
    let slope = nalgebra::DVector::from_iterator(
        values.len(),
        values.iter().map(|p| 1.0 / (p * (1.0 - p))),
    );
    (
        values.iter().map(|p| (p / (1.0 - p)).ln()).collect(),
        spread.component_mul(&(&slope * slope.transpose())),
    )
}

/// The call column, or the score at or above the threshold.
pub(crate) fn calls(sample: &Sample) -> Result<Vec<bool>, StatisticsError> {
    match (sample.all_binary("call").first(), sample.optional_reals("score"), sample.optional_real("threshold")) {
        (Some((_, call)), _, None) => Ok(call.to_vec()),
        (None, Some(score), Some(threshold)) => Ok(score.iter().map(|s| *s >= threshold).collect()),
        (Some(_), _, Some(_)) => Err(StatisticsError::Data(
            "`call` and `threshold` are both given; the call is either the column or the score at the threshold".into(),
        )),
        _ => Err(StatisticsError::Data("give `call`, or `score` with the setting `threshold`".into())),
    }
}

/// The name of each row's level, an empty cell's being `(not recorded)`, with the names in order. A table
/// that says `(not recorded)` in so many words means the same level.
pub(crate) fn level_names(labels: &Labels) -> (Vec<usize>, Vec<String>) {
    const NOT_RECORDED: &str = "(not recorded)";
    let mut names = labels.names.clone();
    let said = names.iter().position(|n| n == NOT_RECORDED);
    let missing = said.unwrap_or(names.len());
    let codes: Vec<usize> = labels.codes.iter().map(|c| c.unwrap_or(missing)).collect();
    if said.is_none() && codes.contains(&missing) {
        names.push(NOT_RECORDED.into());
    }
    (codes, names)
}

fn run_subgroups(sample: &Sample) -> Result<Answer, StatisticsError> {
    let analysis = Analysis::new(sample)?;
    let all: Vec<Case> = analysis.cases.iter().map(|c| c.1).collect();
    let overall = analysis.estimate(&all)?;
    let mut forest_rows = Vec::new();
    let on_forest = |rows: &mut Vec<(String, f64, f64, f64)>, name: &str, e: &Estimate| {
        if let (Some(v), Some(i)) = (e.value, e.interval) {
            rows.push((name.to_owned(), v, i.lower, i.upper));
        }
    };
    on_forest(&mut forest_rows, "all", &overall);
    let mut answer = Answer::default();
    let mut level_numbers = Vec::new();
    let mut level_rows = Vec::new();
    let mut tests: Vec<(String, usize, Result<Heterogeneity, String>)> = Vec::new();
    let factors = sample.all_labels("stratum");
    let mut coded = Vec::new();
    for (factor, labels) in &factors {
        let (codes, names) = level_names(labels);
        let by_level = split(&analysis.cases, &codes, names.len());
        let mut estimates = Vec::new();
        for (name, cases) in names.iter().zip(&by_level) {
            let e = analysis.estimate(cases)?;
            let label = format!("{factor} = {name}");
            level_numbers.push(analysis.number(label.clone(), &e));
            level_rows.push(level_row(
                vec![Cell::Text((*factor).into()), Cell::Text(name.clone())],
                &e,
            ));
            on_forest(&mut forest_rows, &label, &e);
            estimates.push(e);
        }
        let estimable: Vec<(&Estimate, &[Case])> = estimates
            .iter()
            .zip(&by_level)
            .filter(|(e, _)| e.value.is_some())
            .map(|(e, c)| (e, c.as_slice()))
            .collect();
        if estimable.len() < names.len() {
            answer.notes.push(format!(
                "{} of {} levels of `{factor}` are not estimable and left out of its test",
                names.len() - estimable.len(),
                names.len()
            ));
        }
        let test = match analysis.interaction(
            &estimable,
            sample.word("test"),
            sample.whole("seed"),
            sample.whole("replicates"),
        ) {
            Ok(test) => Ok(test),
            Err(StatisticsError::NotEstimable(reason)) => Err(reason),
            Err(other) => return Err(other),
        };
        tests.push(((*factor).to_owned(), estimable.len(), test));
        coded.push((*factor, codes, names));
    }
    let raw: Vec<f64> = tests
        .iter()
        .filter_map(|t| t.2.as_ref().ok().map(|t| t.p_value))
        .collect();
    let mut adjusted = holm(&raw).into_iter();
    let mut test_rows = Vec::new();
    answer
        .numbers
        .push(analysis.number(analysis.measure.word().into(), &overall));
    for (factor, levels, test) in &tests {
        let (name, corrected) = (
            format!("interaction_p_value({factor})"),
            format!("interaction_p_value_holm({factor})"),
        );
        match test {
            Ok(t) => {
                let holm = adjusted.next().unwrap_or(f64::NAN);
                answer
                    .numbers
                    .push(Number::plain(name, t.test, t.p_value, overall.n));
                answer.numbers.push(Number::plain(
                    corrected,
                    format!("{}.holm", t.test),
                    holm,
                    overall.n,
                ));
                test_rows.push(vec![
                    Cell::Text(factor.clone()),
                    Cell::Whole(*levels as i64),
                    Cell::Text(t.test.into()),
                    Cell::Real(t.statistic),
                    Cell::Real(t.df.0),
                    Cell::Real(t.df.1),
                    Cell::Real(t.p_value),
                    Cell::Real(holm),
                ]);
            }
            Err(reason) => {
                answer
                    .numbers
                    .push(Number::none(name, "interaction", overall.n, reason.clone()));
                test_rows.push(vec![
                    Cell::Text(factor.clone()),
                    Cell::Whole(*levels as i64),
                    Cell::Text(format!("not estimable: {reason}")),
                    Cell::None,
                    Cell::None,
                    Cell::None,
                    Cell::None,
                    Cell::None,
                ]);
            }
        }
    }
    answer.numbers.extend(level_numbers);
    answer.tables.push(Table {
        name: "subgroups".into(),
        columns: [
            "factor",
            "level",
            "n",
            "events",
            "clusters",
            "estimate",
            "lower",
            "upper",
            "not_estimable",
        ]
        .map(str::to_owned)
        .into(),
        rows: level_rows,
    });
    answer.tables.push(Table {
        name: "interaction".into(),
        columns: [
            "factor",
            "levels_tested",
            "test",
            "statistic",
            "df1",
            "df2",
            "p_value",
            "p_value_holm",
        ]
        .map(str::to_owned)
        .into(),
        rows: test_rows,
    });
    if sample.flag("two_way") {
        let mut rest = coded.as_slice();
        while let Some((first, later)) = rest.split_first() {
            for second in later {
                answer.tables.push(two_way(&analysis, first, second)?);
            }
            rest = later;
        }
        answer.notes.push(
            "the worst of many cells looks worse than it is: two-way cells are for exploration"
                .into(),
        );
    }
    if analysis.measure == Measure::Auc
        && !analysis.logit
        && forest_rows.iter().any(|r| r.2 <= 0.0 || r.3 >= 1.0)
    {
        answer.notes.push(
            "a limit of an AUC was clipped to 0 or 1; the logit scale needs no clipping".into(),
        );
    }
    answer
        .curves
        .push(forest(analysis.measure.word(), forest_rows));
    if analysis.measure == Measure::Auc {
        answer.notes.push("DeLong's variance is poorly estimated in small strata and near an AUC of 1: Q is then only approximate; compare the permutation test".into());
    }
    answer.notes.push("the test of interaction speaks of the factor as a whole; intervals of single strata are not adjusted for their number".into());
    Ok(answer)
}

type Factor<'a> = (&'a str, Vec<usize>, Vec<String>);

fn two_way(analysis: &Analysis, a: &Factor, b: &Factor) -> Result<Table, StatisticsError> {
    let width = b.2.len();
    let codes: Vec<usize> = a.1.iter().zip(&b.1).map(|(x, y)| x * width + y).collect();
    let by_cell = split(&analysis.cases, &codes, a.2.len() * width);
    let mut rows: Vec<(f64, Vec<Cell>)> = Vec::new();
    let pairs = a.2.iter().flat_map(|x| b.2.iter().map(move |y| (x, y)));
    for ((x, y), cases) in pairs.zip(&by_cell) {
        let e = analysis.estimate(cases)?;
        rows.push((
            e.value.unwrap_or(f64::INFINITY),
            level_row(vec![Cell::Text(x.clone()), Cell::Text(y.clone())], &e),
        ));
    }
    rows.sort_by(|p, q| p.0.total_cmp(&q.0));
    let mut columns = vec![a.0.to_owned(), b.0.to_owned()];
    columns.extend(
        [
            "n",
            "events",
            "clusters",
            "estimate",
            "lower",
            "upper",
            "not_estimable",
        ]
        .map(str::to_owned),
    );
    Ok(Table {
        name: format!("{} by {}, lowest first", a.0, b.0),
        columns,
        rows: rows.into_iter().map(|r| r.1).collect(),
    })
}

fn level_row(mut row: Vec<Cell>, e: &Estimate) -> Vec<Cell> {
    let real = |v: Option<f64>| v.map_or(Cell::None, Cell::Real);
    row.push(Cell::Whole(e.n as i64));
    row.push(e.events.map_or(Cell::None, |x| Cell::Whole(x as i64)));
    row.push(Cell::Whole(e.clusters as i64));
    row.push(real(e.value));
    row.push(real(e.interval.map(|i| i.lower)));
    row.push(real(e.interval.map(|i| i.upper)));
    row.push(e.reason.clone().map_or(Cell::None, Cell::Text));
    row
}

fn split(cases: &[(usize, Case)], codes: &[usize], levels: usize) -> Vec<Vec<Case>> {
    let mut by_level = vec![Vec::new(); levels];
    for (row, case) in cases {
        if let Some(slot) = codes.get(*row).and_then(|c| by_level.get_mut(*c)) {
            slot.push(*case);
        }
    }
    by_level
}
