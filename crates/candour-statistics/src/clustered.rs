//! Proportions whose trials come in clusters (lesions of a patient, readings of a case): ratio
//! estimator, design effect, intraclass correlation, GEE with working independence, cluster
//! bootstrap.

use std::collections::BTreeMap;

use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, Need, REPLICATES, Role, SEED, Sample, Setting, SettingKind,
};
use crate::distribution::two_sided_z;
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::proportion::{Alternative, Bound, OUTCOME, beta_at, t_at, wilson_limits};
use crate::resample::{BootstrapInterval, Units};

/// Successes and trials of one cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusterTotal {
    /// How many of its trials succeeded.
    pub successes: f64,
    /// How many trials it has.
    pub trials: f64,
}

/// Successes and trials of each cluster, in the order of the cluster codes.
///
/// # Errors
/// When the columns differ in length.
pub fn cluster_totals(
    outcome: &[bool],
    cluster: &[usize],
) -> Result<Vec<ClusterTotal>, StatisticsError> {
    if outcome.len() != cluster.len() {
        return Err(StatisticsError::Data(format!(
            "{} outcomes but {} cluster labels",
            outcome.len(),
            cluster.len()
        )));
    }
    let mut totals: BTreeMap<usize, ClusterTotal> = BTreeMap::new();
    for (positive, code) in outcome.iter().zip(cluster) {
        let total = totals.entry(*code).or_insert(ClusterTotal {
            successes: 0.0,
            trials: 0.0,
        });
        total.trials += 1.0;
        if *positive {
            total.successes += 1.0;
        }
    }
    Ok(totals.into_values().collect())
}

/// A proportion from clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusteredProportion {
    /// Sum of successes over sum of trials.
    pub value: f64,
    /// Variance of the ratio estimator, m / (m - 1) * sum (x_i - p n_i)^2 / N^2; none with one
    /// cluster, or when no cluster departs from the common proportion (then it has no estimate).
    pub variance: Option<f64>,
    /// Clusters with at least one trial.
    pub clusters: usize,
    /// Trials.
    pub trials: f64,
    /// variance / (p (1 - p) / N) (Rao and Scott 1992).
    pub design_effect: Option<f64>,
    /// The sandwich variance of logit p under GEE with working independence.
    pub gee_logit_variance: Option<f64>,
    /// The intraclass correlation by analysis of variance.
    pub intraclass: Option<f64>,
}

/// The ratio estimator of a proportion from clusters, which is also the linearisation of survey
/// sampling (R `survey::svymean` with `ids = ~cluster`), with design effect and intraclass
/// correlation. Clusters without trials do not count.
///
/// # Errors
/// Not estimable without trials. Refused: totals that are negative, not finite or contradict each
/// other.
pub fn clustered_proportion(
    totals: &[ClusterTotal],
) -> Result<ClusteredProportion, StatisticsError> {
    let bad = |t: &&ClusterTotal| {
        !(t.successes >= 0.0 && t.trials.is_finite() && t.successes <= t.trials)
    };
    if let Some(t) = totals.iter().find(bad) {
        return Err(StatisticsError::Data(format!(
            "{} successes in {} trials of a cluster",
            t.successes, t.trials
        )));
    }
    let used: Vec<ClusterTotal> = totals.iter().copied().filter(|t| t.trials > 0.0).collect();
    let trials: f64 = used.iter().map(|t| t.trials).sum();
    let successes: f64 = used.iter().map(|t| t.successes).sum();
    if used.is_empty() {
        return Err(StatisticsError::not_estimable("there are no trials"));
    }
    let value = successes / trials;
    let m = used.len() as f64;
    // Whole numbers: x_i N - n_i X is exact, so a residual that is zero is seen to be zero.
    let residuals: f64 = used
        .iter()
        .map(|t| ((t.successes * trials - t.trials * successes) / trials).powi(2))
        .sum();
    let spread = residuals > 0.0 && used.len() > 1;
    let variance = spread.then(|| m / (m - 1.0) * residuals / (trials * trials));
    let binomial = value * (1.0 - value);
    Ok(ClusteredProportion {
        value,
        variance,
        clusters: used.len(),
        trials,
        design_effect: variance.map(|v| v / (binomial / trials)),
        gee_logit_variance: variance.map(|_| residuals / (trials * binomial).powi(2)),
        intraclass: intraclass_correlation(&used),
    })
}

/// Intraclass correlation of a binary outcome by one-way analysis of variance,
/// (MSB - MSW) / (MSB + (n0 - 1) MSW) with n0 = (N - sum n_i^2 / N) / (m - 1) (Ridout, Demetrio and
/// Firth 1999). None with fewer than two clusters, when every cluster has one trial, or when the
/// outcome is constant.
#[must_use]
pub fn intraclass_correlation(totals: &[ClusterTotal]) -> Option<f64> {
    let used: Vec<&ClusterTotal> = totals.iter().filter(|t| t.trials > 0.0).collect();
    let m = used.len() as f64;
    let n: f64 = used.iter().map(|t| t.trials).sum();
    let x: f64 = used.iter().map(|t| t.successes).sum();
    if used.len() < 2 || n <= m || x == 0.0 || x == n {
        return None;
    }
    let p = x / n;
    let between = used
        .iter()
        .map(|t| t.trials * (t.successes / t.trials - p).powi(2))
        .sum::<f64>()
        / (m - 1.0);
    let within = used
        .iter()
        .map(|t| t.successes * (1.0 - t.successes / t.trials))
        .sum::<f64>()
        / (n - m);
    let n0 = (n - used.iter().map(|t| t.trials * t.trials).sum::<f64>() / n) / (m - 1.0);
    let below = between + (n0 - 1.0) * within;
    (below > 0.0).then(|| (between - within) / below)
}

/// How the interval of a clustered proportion is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusteredMethod {
    /// Wilson's interval at the effective sample size N / design effect (Rao and Scott 1992).
    WilsonEffective,
    /// p +- z se (R `confint(svymean())`).
    Wald,
    /// p +- t se with m - 1 degrees of freedom (R `svyciprop(method = "mean")`).
    WaldT,
    /// On the logit scale with t of m - 1 degrees of freedom (R `svyciprop(method = "logit")`).
    LogitT,
    /// Clopper-Pearson at the effective sample size (Korn and Graubard 1998; R `svyciprop(method =
    /// "beta")`).
    Beta,
    /// On the logit scale by the GEE sandwich with working independence and z (geepack).
    Gee,
}

impl ClusteredMethod {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::WilsonEffective,
        Self::Wald,
        Self::WaldT,
        Self::LogitT,
        Self::Beta,
        Self::Gee,
    ];

    /// The words of the `method` setting, where the bootstrap stands beside these.
    pub const WORDS: &'static [&'static str] = &[
        "wilson-effective",
        "wald",
        "wald-t",
        "logit-t",
        "beta",
        "gee",
        "bootstrap-percentile",
        "bootstrap-bca",
    ];

    /// Its id in results.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::WilsonEffective => "ratio.wilson-effective",
            Self::Wald => "ratio.wald",
            Self::WaldT => "ratio.wald-t",
            Self::LogitT => "ratio.logit-t",
            Self::Beta => "ratio.korn-graubard",
            Self::Gee => "gee-independence.logit",
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "wald" => Self::Wald,
            "wald-t" => Self::WaldT,
            "logit-t" => Self::LogitT,
            "beta" => Self::Beta,
            "gee" => Self::Gee,
            _ => Self::WilsonEffective,
        }
    }
}

/// The interval of a clustered proportion. Where the variance has no estimate because every outcome
/// is the same, the effective-sample Wilson interval counts each cluster as one trial, which is its
/// worst case (design effect = mean cluster size).
///
/// # Errors
/// Not estimable where the variance is not, but for that case. The level must lie in (0, 1).
pub fn clustered_interval(
    p: &ClusteredProportion,
    level: f64,
    method: ClusteredMethod,
) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    let value = p.value;
    let constant = value <= 0.0 || value >= 1.0;
    if constant && method == ClusteredMethod::WilsonEffective {
        let (lower, upper) = wilson_limits(value, p.clusters as f64, z);
        return Ok(Interval {
            lower,
            upper,
            level,
        });
    }
    let (Some(variance), Some(effect), Some(gee)) =
        (p.variance, p.design_effect, p.gee_logit_variance)
    else {
        return Err(StatisticsError::not_estimable(no_variance(p)));
    };
    let se = variance.sqrt();
    let df = p.clusters as f64 - 1.0;
    let high = f64::midpoint(1.0, level);
    let t = t_at(high, df);
    let logit = (value / (1.0 - value)).ln();
    let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
    let (lower, upper) = match method {
        ClusteredMethod::WilsonEffective => wilson_limits(value, p.trials / effect, z),
        ClusteredMethod::Wald => ((value - z * se).max(0.0), (value + z * se).min(1.0)),
        ClusteredMethod::WaldT => ((value - t * se).max(0.0), (value + t * se).min(1.0)),
        ClusteredMethod::LogitT => {
            let half = t * se / (value * (1.0 - value));
            (expit(logit - half), expit(logit + half))
        }
        ClusteredMethod::Beta => {
            let n = p.trials / effect * (t_at(high, p.trials - 1.0) / t).powi(2);
            let x = n * value;
            (
                beta_at(1.0 - high, x, n - x + 1.0),
                beta_at(high, x + 1.0, n - x),
            )
        }
        ClusteredMethod::Gee => {
            let half = z * gee.sqrt();
            (expit(logit - half), expit(logit + half))
        }
    };
    Ok(Interval {
        lower,
        upper,
        level,
    })
}

fn no_variance(p: &ClusteredProportion) -> &'static str {
    if p.clusters < 2 {
        "one cluster alone says nothing about the spread between clusters"
    } else if p.value <= 0.0 || p.value >= 1.0 {
        "every outcome is the same, so the spread between clusters has no estimate"
    } else {
        "no cluster departs from the common proportion, so the spread between clusters has no estimate"
    }
}

/// The bootstrap over whole clusters.
///
/// # Errors
/// Not estimable with fewer than two clusters or without spread; the level must lie in (0, 1).
pub fn clustered_bootstrap(
    totals: &[ClusterTotal],
    level: f64,
    seed: u64,
    replicates: u64,
    method: BootstrapInterval,
) -> Result<Interval, StatisticsError> {
    two_sided_z(level)?;
    let p = clustered_proportion(totals)?;
    if p.variance.is_none() {
        return Err(StatisticsError::not_estimable(no_variance(&p)));
    }
    let used: Vec<ClusterTotal> = totals.iter().copied().filter(|t| t.trials > 0.0).collect();
    let ratio = |x: f64, n: f64| (n > 0.0).then(|| x / n);
    let share = |rows: &[usize]| {
        let (mut x, mut n) = (0.0, 0.0);
        for total in rows.iter().filter_map(|r| used.get(*r)) {
            x += total.successes;
            n += total.trials;
        }
        ratio(x, n)
    };
    let units = Units::independent(used.len());
    let draws = units.bootstrap(seed, replicates, share);
    let jackknife = match method {
        // Each cluster taken off the sums, which are whole numbers: nothing is added up again.
        BootstrapInterval::Bca => {
            let all: f64 = used.iter().map(|t| t.successes).sum();
            used.iter()
                .map(|t| ratio(all - t.successes, p.trials - t.trials))
                .collect()
        }
        _ => Vec::new(),
    };
    method.of(p.value, &draws, &jackknife, level)
}

/// What [`clustered_proportion`] found, as an answer.
pub(crate) fn proportion_answer(
    totals: &[ClusterTotal],
    level: f64,
    bound: Bound,
    goal: Option<(f64, Alternative)>,
) -> Result<Answer, StatisticsError> {
    let p = clustered_proportion(totals)?;
    let mut answer = Answer::default();
    let n = p.trials as usize;
    let two_sided = match bound {
        Bound::TwoSided => level,
        _ => 2.0 * level - 1.0,
    };
    let interval =
        clustered_interval(&p, two_sided, ClusteredMethod::WilsonEffective).map(|i| match bound {
            Bound::TwoSided => i,
            Bound::Lower => Interval {
                upper: 1.0,
                level,
                ..i
            },
            Bound::Upper => Interval {
                lower: 0.0,
                level,
                ..i
            },
        });
    answer.numbers.push(with_interval(
        "proportion",
        &p,
        interval,
        ClusteredMethod::WilsonEffective.id(),
    )?);
    describe(&mut answer, &p, true);
    if let Some((goal, alternative)) = goal {
        let z = match p.variance {
            Some(v) => Number::plain(
                "z_score",
                "ratio-estimator.wald",
                (p.value - goal) / v.sqrt(),
                n,
            ),
            None => Number::none("z_score", "ratio-estimator.wald", n, no_variance(&p)),
        };
        let p_value = match z.value {
            Some(z) => Number::plain(
                "p_value",
                "ratio-estimator.wald.normal",
                alternative.normal_p(z),
                n,
            ),
            None => Number::none("p_value", "ratio-estimator.wald.normal", n, no_variance(&p)),
        };
        answer.numbers.extend([z, p_value]);
    }
    Ok(answer)
}

fn with_interval(
    name: &str,
    p: &ClusteredProportion,
    interval: Result<Interval, StatisticsError>,
    method: &str,
) -> Result<Number, StatisticsError> {
    let mut number = Number::plain(
        name,
        "proportion.ratio-estimator",
        p.value,
        p.trials as usize,
    );
    if let Some(v) = p.variance {
        number = number.with_standard_error(v.sqrt());
    }
    match interval {
        Ok(i) => Ok(number.with_interval(i, method)),
        Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
        Err(other) => Err(other),
    }
}

/// Why fewer than 20 clusters want care, where there are so few.
pub(crate) fn few_clusters_note(clusters: usize) -> Option<String> {
    (clusters < 20).then(|| {
        format!("{clusters} clusters: variances from fewer than about 20 clusters are unsure, and normal intervals too narrow")
    })
}

/// Clusters, design effect, effective trials and intraclass correlation; `wilson`: whether the interval
/// is Wilson's at the effective sample size.
fn describe(answer: &mut Answer, p: &ClusteredProportion, wilson: bool) {
    let n = p.trials as usize;
    let or_none = |name: &str, definition: &str, value: Option<f64>, reason: &str| match value {
        Some(v) => Number::plain(name, definition, v, n),
        None => Number::none(name, definition, n, reason),
    };
    let reason = no_variance(p);
    answer
        .numbers
        .push(Number::plain("clusters", "count", p.clusters as f64, n));
    answer.numbers.push(or_none(
        "design_effect",
        "design-effect.rao-scott-1992",
        p.design_effect,
        reason,
    ));
    answer.numbers.push(or_none(
        "effective_trials",
        "trials.over.design-effect",
        p.design_effect.map(|d| p.trials / d),
        reason,
    ));
    answer.numbers.push(or_none(
        "intraclass_correlation",
        "icc.anova",
        p.intraclass,
        "it needs two clusters, one of them with two trials, and outcomes that differ",
    ));
    if p.variance.is_none() && (p.value <= 0.0 || p.value >= 1.0) {
        answer.notes.push(
            if wilson {
                "every outcome is the same: the interval counts each cluster as one trial, its worst case"
            } else {
                "every outcome is the same, so this method has no interval; wilson-effective counts each cluster as one trial, its worst case"
            }
            .into(),
        );
    }
    if p.design_effect.is_some_and(|d| d < 1.0) {
        answer.notes.push(
            "the design effect is below 1: outcomes differ more within clusters than chance would"
                .into(),
        );
    }
    answer.notes.extend(few_clusters_note(p.clusters));
}

fn run_clustered(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let cluster = sample
        .labels("cluster")
        .map(|l| l.complete())
        .unwrap_or_default();
    let totals = cluster_totals(sample.binary("outcome"), &cluster)?;
    let p = clustered_proportion(&totals)?;
    let word = sample.word("method");
    let bootstrap = match word {
        "bootstrap-percentile" => Some(BootstrapInterval::Percentile),
        "bootstrap-bca" => Some(BootstrapInterval::Bca),
        _ => None,
    };
    let (interval, id) = match bootstrap {
        Some(kind) => (
            clustered_bootstrap(
                &totals,
                level,
                sample.whole("seed"),
                sample.whole("replicates"),
                kind,
            ),
            format!("cluster-{}", kind.id()),
        ),
        None => {
            let method = ClusteredMethod::from_word(word);
            (
                clustered_interval(&p, level, method),
                method.id().to_owned(),
            )
        }
    };
    let mut answer = Answer::default();
    answer
        .numbers
        .push(with_interval("proportion", &p, interval, &id)?);
    describe(&mut answer, &p, word == "wilson-effective");
    let n = p.trials as usize;
    answer.numbers.push(match p.gee_logit_variance {
        Some(v) => Number::plain(
            "logit",
            "gee-independence.logit",
            (p.value / (1.0 - p.value)).ln(),
            n,
        )
        .with_standard_error(v.sqrt()),
        None => Number::none("logit", "gee-independence.logit", n, no_variance(&p)),
    });
    let mut rows = Vec::new();
    for method in ClusteredMethod::ALL {
        let (lower, upper) = match clustered_interval(&p, level, *method) {
            Ok(i) => (Cell::Real(i.lower), Cell::Real(i.upper)),
            Err(StatisticsError::NotEstimable(_)) => (Cell::None, Cell::None),
            Err(other) => return Err(other),
        };
        rows.push(vec![Cell::Text(method.id().into()), lower, upper]);
    }
    answer.tables.push(Table {
        name: "intervals by method".into(),
        columns: vec!["method".into(), "lower".into(), "upper".into()],
        rows,
    });
    Ok(answer)
}

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[Entry {
    id: "proportion-clustered",
    group: Group::Proportions,
    title: "Proportion from clusters, with design effect and intraclass correlation",
    formula: "p = sum x_i / sum n_i; var = m/(m-1) sum (x_i - p n_i)^2 / N^2; design effect = var / (p(1-p)/N); \
        effective trials = N / design effect; ICC = (MSB - MSW) / (MSB + (n0 - 1) MSW)",
    source: "Cochran 1977, ratio estimator; Rao and Scott 1992 Biometrics 48:577; Liang and Zeger 1986; Korn and \
        Graubard 1998; Ridout, Demetrio and Firth 1999; Genders 2012 Radiology 265:910",
    assumptions: "Clusters are independent of each other; trials within one need not be. Fewer than two clusters: \
        no variance. GEE sandwich without small-sample correction, as geepack.",
    compared_with: "R 4.2: survey 4.1-1 svymean, svyciprop; geepack 1.3.9 geeglm",
    roles: &[
        Role {
            need: Need::One,
            ..OUTCOME
        },
        Role {
            need: Need::One,
            ..CLUSTER
        },
    ],
    settings: &[
        Setting {
            name: "method",
            what: "interval of the proportion",
            kind: SettingKind::Choice(ClusteredMethod::WORDS),
            default: Some("wilson-effective"),
        },
        LEVEL,
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "proportion",
        "clusters",
        "design_effect",
        "effective_trials",
        "intraclass_correlation",
        "logit",
    ],
    run: run_clustered,
}];
