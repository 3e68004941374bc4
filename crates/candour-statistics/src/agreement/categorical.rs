//! Agreement on categories: Cohen's kappa, weighted kappa, Light's mean kappa, Fleiss' kappa, Gwet's
//! AC1 and AC2, Krippendorff's alpha.
#![allow(
    clippy::indexing_slicing,
    reason = "every index runs over the categories or raters that sized the table it reads"
)]

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, REPLICATES, Role, SEED, Sample, Setting,
    SettingKind,
};
use crate::distribution::{normal_two_sided, t_quantile, t_two_sided, two_sided_z};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::rank::midranks;
use crate::resample::Units;

use super::{
    INTERVAL, RATER, SUBJECT, bootstrapped, check_level, clip, mean, wanted_bootstrap,
    with_interval_or_reason,
};

const RATING: Role = Role {
    name: "rating",
    what: "category given by one rater (one column each), or all ratings in one column with `subject` and `rater`; may be empty",
    kind: Kind::Label,
    need: Need::Many(1),
    missing: true,
};

const CATEGORIES: Setting = Setting {
    name: "categories",
    what: "the categories in their order, also those nobody gave; without it those found, by value or by name",
    kind: SettingKind::Words,
    default: Some(""),
};

const SPACING: Setting = Setting {
    name: "spacing",
    what: "distance of categories in weights: by place in their order, or by their value as numbers",
    kind: SettingKind::Choice(&["index", "value"]),
    default: Some("index"),
};

const PERFECT: &str = "the standard error is 0 here (perfect agreement or no spread), which is no interval; more subjects or the bootstrap over other data would tell";

/// Cohen's kappa, plain or weighted.
pub(super) const KAPPA: Entry = Entry {
    id: "kappa",
    group: Group::Agreement,
    title: "Cohen's kappa, plain or weighted",
    formula: "kappa = (po - pe) / (1 - pe), po = sum w_ij p_ij, pe = sum w_ij p_i. p_.j; w = 1 on the diagonal and 0 off it (none), 1 - |i-j|/(k-1) (linear), 1 - (i-j)^2/(k-1)^2 (quadratic). Large-sample variance for the interval, null variance for the test. Maximum: po = sum min(p_i., p_.i). PABAK = (k po - 1)/(k - 1). With three raters and more the mean over pairs (Light)",
    source: "Cohen 1960, 1968; Fleiss, Cohen and Everitt 1969; Light 1971; Byrt, Bishop and Carlin 1993; positive and negative agreement: Cicchetti and Feinstein 1990, variance by Graham and Bull 1998",
    assumptions: "Raters judge independently; subjects are independent unless `cluster` is given. Subjects without both ratings are left out and counted. Not estimable when expected agreement is 1 (both raters give one and the same category)",
    compared_with: "statsmodels 0.15.0 cohens_kappa; psych 2.2.9 cohen.kappa (its weighted standard error is left out: it weighs rows by their sum of weights, which is not the formula of 1969)",
    roles: &[RATING, SUBJECT, RATER, CLUSTER],
    settings: &[
        Setting {
            name: "weights",
            what: "weights of partial agreement",
            kind: SettingKind::Choice(&["none", "linear", "quadratic"]),
            default: Some("none"),
        },
        SPACING,
        CATEGORIES,
        Setting {
            name: "positive_category",
            what: "the category that counts as positive, where there are two; the second without it",
            kind: SettingKind::OptionalWord,
            default: None,
        },
        LEVEL,
        INTERVAL,
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "kappa",
        "observed_agreement",
        "expected_agreement",
        "null_standard_error",
        "z",
        "p_value",
        "kappa_maximum",
        "pabak",
        "positive_agreement",
        "negative_agreement",
    ],
    run: run_kappa,
};

/// Fleiss' kappa.
pub(super) const KAPPA_FLEISS: Entry = Entry {
    id: "kappa-fleiss",
    group: Group::Agreement,
    title: "Fleiss' kappa for several raters",
    formula: "kappa = (pa - pe) / (1 - pe), pa = mean over subjects of sum_k r_ik (r_ik - 1) / (r_i (r_i - 1)), pe = sum pi_k^2. Test: z = kappa / se0 by Fleiss, Nee and Landis (equal numbers of ratings). Interval: t with n - 1 degrees of freedom on the linearised variance over subjects",
    source: "Fleiss 1971; Fleiss, Nee and Landis 1979; Gwet 2008 and 2014 (interval, missing ratings)",
    assumptions: "Raters of a subject are exchangeable. Subjects independent unless `cluster` is given. With unequal numbers of ratings pi_k is the mean over subjects of r_ik / r_i and there is no null standard error. Not estimable when only one category occurs",
    compared_with: "statsmodels 0.15.0 fleiss_kappa; irrCAC 0.4.4 (Python); the published 0.430 of Fleiss 1971",
    roles: &[RATING, SUBJECT, RATER, CLUSTER],
    settings: &[CATEGORIES, LEVEL, INTERVAL, REPLICATES, SEED],
    numbers: &[
        "kappa",
        "observed_agreement",
        "expected_agreement",
        "null_standard_error",
        "z",
        "p_value",
    ],
    run: run_fleiss,
};

/// Krippendorff's alpha.
pub(super) const KRIPPENDORFF_ALPHA: Entry = Entry {
    id: "krippendorff-alpha",
    group: Group::Agreement,
    title: "Krippendorff's alpha",
    formula: "alpha = 1 - Do / De; Do = (1/n) sum over units of the sum over ordered pairs of delta^2 / (m_u - 1), De = sum over ordered pairs of all n pairable values of delta^2 / (n (n - 1)); delta^2 nominal: 1 if unequal; ordinal: (sum of n_g from c to k less (n_c + n_k)/2)^2; interval: (c - k)^2; ratio: ((c - k)/(c + k))^2",
    source: "Krippendorff 2004, 2011 (Computing Krippendorff's alpha-reliability)",
    assumptions: "Units with fewer than two ratings are left out. The interval is a bootstrap over units (or clusters), not Krippendorff's own resampling of disagreements. Not estimable when all values are the same. Ratio: no negative values",
    compared_with: "krippendorff 0.9.0 (Python)",
    roles: &[RATING, SUBJECT, RATER, CLUSTER],
    settings: &[
        Setting {
            name: "measurement",
            what: "level of measurement",
            kind: SettingKind::Choice(&["nominal", "ordinal", "interval", "ratio"]),
            default: Some("nominal"),
        },
        CATEGORIES,
        LEVEL,
        Setting {
            name: "interval",
            what: "kind of bootstrap interval",
            kind: SettingKind::Choice(&["percentile", "bca", "basic"]),
            default: Some("percentile"),
        },
        REPLICATES,
        SEED,
    ],
    numbers: &["alpha", "pairable_values"],
    run: run_krippendorff,
};

/// Gwet's AC1 and AC2.
pub(super) const AGREEMENT_AC1: Entry = Entry {
    id: "agreement-ac1",
    group: Group::Agreement,
    title: "Gwet's AC1 and AC2",
    formula: "AC = (pa - pe) / (1 - pe), pe = Tw / (q (q - 1)) sum pi_k (1 - pi_k), Tw the sum of the weights, q the number of categories; AC1 with identity weights, AC2 with others; interval: t with n - 1 degrees of freedom on the linearised variance over subjects, the upper limit at most 1",
    source: "Gwet 2008; Gwet 2014 (Handbook of Inter-Rater Reliability, 4th edition)",
    assumptions: "q counts the categories of the setting, else those found. Ratings may be missing; subjects with one rating count in pi_k only. Subjects independent unless `cluster` is given",
    compared_with: "irrCAC 0.4.4 (Python)",
    roles: &[RATING, SUBJECT, RATER, CLUSTER],
    settings: &[
        Setting {
            name: "weights",
            what: "weights of partial agreement",
            kind: SettingKind::Choice(&["identity", "linear", "quadratic", "ordinal"]),
            default: Some("identity"),
        },
        SPACING,
        CATEGORIES,
        LEVEL,
        INTERVAL,
        REPLICATES,
        SEED,
    ],
    numbers: &["ac", "p_value", "observed_agreement", "expected_agreement"],
    run: run_ac1,
};

/// Weights of partial agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// 1 on the diagonal, 0 off it.
    Identity,
    /// 1 less the distance as a share of the largest.
    Linear,
    /// 1 less the squared distance as a share of the largest.
    Quadratic,
    /// Gwet's: 1 less the pairs of ranks from one category to the other, as a share of the most.
    Ordinal,
}

impl Weights {
    /// The table of weights of categories at these positions.
    #[must_use]
    pub fn table(self, positions: &[f64]) -> Vec<Vec<f64>> {
        let k = positions.len();
        let low = positions.iter().copied().fold(f64::INFINITY, f64::min);
        let high = positions.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let span = if high > low { high - low } else { 1.0 };
        let pairs = |i: usize, j: usize| {
            let m = i.abs_diff(j) as f64 + 1.0;
            m * (m - 1.0) / 2.0
        };
        let most = pairs(0, k.saturating_sub(1)).max(1.0);
        (0..k)
            .map(|i| {
                (0..k)
                    .map(|j| {
                        let distance = (positions[i] - positions[j]).abs() / span;
                        match self {
                            Self::Identity => f64::from(u8::from(i == j)),
                            Self::Linear => 1.0 - distance,
                            Self::Quadratic => 1.0 - distance * distance,
                            Self::Ordinal => 1.0 - pairs(i, j) / most,
                        }
                    })
                    .collect()
            })
            .collect()
    }

    fn from_word(word: &str) -> Self {
        match word {
            "linear" => Self::Linear,
            "quadratic" => Self::Quadratic,
            "ordinal" => Self::Ordinal,
            _ => Self::Identity,
        }
    }
}

/// Cohen's kappa of a table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kappa {
    /// (po - pe) / (1 - pe).
    pub value: f64,
    /// Observed (weighted) agreement po.
    pub observed: f64,
    /// Agreement expected by chance pe.
    pub expected: f64,
    /// Large-sample standard error (Fleiss, Cohen and Everitt 1969), for intervals.
    pub standard_error: f64,
    /// Standard error when kappa is 0, for the test.
    pub null_standard_error: f64,
    /// The largest unweighted kappa that the margins allow; NaN with other weights.
    pub maximum: f64,
}

/// Cohen's kappa of a square table of counts (rows: first rater) under a table of weights.
///
/// # Errors
/// Data: the table is not square or holds no counts. Not estimable: no subjects, or expected
/// agreement is 1.
pub fn cohen_kappa(counts: &[Vec<f64>], weights: &[Vec<f64>]) -> Result<Kappa, StatisticsError> {
    let k = counts.len();
    let square = |t: &[Vec<f64>]| t.len() == k && t.iter().all(|r| r.len() == k);
    if !square(counts)
        || !square(weights)
        || counts
            .iter()
            .flatten()
            .any(|c| !(*c >= 0.0 && c.is_finite()))
        || weights.iter().flatten().any(|w| !w.is_finite())
    {
        return Err(StatisticsError::Data(
            "kappa needs a square table of counts and weights of the same size".into(),
        ));
    }
    let n: f64 = counts.iter().flatten().sum();
    if n == 0.0 {
        return Err(StatisticsError::not_estimable(
            "no subject has both ratings",
        ));
    }
    let p: Vec<Vec<f64>> = counts
        .iter()
        .map(|r| r.iter().map(|c| c / n).collect())
        .collect();
    let row: Vec<f64> = counts.iter().map(|r| r.iter().sum::<f64>() / n).collect();
    let column: Vec<f64> = (0..k)
        .map(|j| counts.iter().map(|r| r[j]).sum::<f64>() / n)
        .collect();
    let mut observed = 0.0;
    let mut expected = 0.0;
    // Disagreement summed on its own keeps 1 - pe exact when it is small.
    let (mut disagree, mut disagree_expected) = (0.0, 0.0);
    for i in 0..k {
        for j in 0..k {
            observed += weights[i][j] * p[i][j];
            expected += weights[i][j] * row[i] * column[j];
            disagree += (1.0 - weights[i][j]) * p[i][j];
            disagree_expected += (1.0 - weights[i][j]) * row[i] * column[j];
        }
    }
    if disagree_expected <= 1e-14 {
        return Err(StatisticsError::not_estimable(
            "expected agreement is 1: both raters give one and the same category, so kappa is 0/0",
        ));
    }
    let of_row: Vec<f64> = (0..k)
        .map(|i| (0..k).map(|j| column[j] * weights[i][j]).sum())
        .collect();
    let of_column: Vec<f64> = (0..k)
        .map(|j| (0..k).map(|i| row[i] * weights[i][j]).sum())
        .collect();
    let (mut large, mut null) = (0.0, 0.0);
    for i in 0..k {
        for j in 0..k {
            let both = of_row[i] + of_column[j];
            large += p[i][j] * (weights[i][j] * disagree_expected - both * disagree).powi(2);
            null += row[i] * column[j] * (weights[i][j] - both).powi(2);
        }
    }
    let centre = observed * expected - 2.0 * expected + observed;
    let large = (large - centre * centre) / (n * disagree_expected.powi(4));
    let null = (null - expected * expected) / (n * disagree_expected.powi(2));
    let plain = (0..k).all(|i| (0..k).all(|j| weights[i][j] == f64::from(u8::from(i == j))));
    let maximum = if plain {
        let best: f64 = row.iter().zip(&column).map(|(a, b)| a.min(*b)).sum();
        (best - expected) / disagree_expected
    } else {
        f64::NAN
    };
    let root = |v: f64| if v > 1e-16 / n { v.sqrt() } else { 0.0 };
    Ok(Kappa {
        value: 1.0 - disagree / disagree_expected,
        observed,
        expected,
        standard_error: if disagree == 0.0 { 0.0 } else { root(large) },
        null_standard_error: root(null),
        maximum,
    })
}

/// How chance agreement is counted in [`agreement_coefficient`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chance {
    /// Gwet's AC1 and AC2.
    Gwet,
    /// Fleiss' (Scott's) generalised kappa.
    Fleiss,
}

/// A chance-corrected coefficient with its linearised standard error over subjects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficient {
    /// (pa - pe) / (1 - pe).
    pub value: f64,
    /// Observed agreement.
    pub observed: f64,
    /// Agreement by chance.
    pub expected: f64,
    /// Linearised standard error (Gwet 2008); NaN with one subject.
    pub standard_error: f64,
    /// Subjects with a rating at least.
    pub subjects: usize,
}

/// Gwet's AC or Fleiss' kappa from the number of ratings of each category for each subject, with
/// missing ratings (Gwet 2014).
///
/// # Errors
/// Not estimable: no subject with two ratings, or expected agreement is 1. Data: tables of unequal
/// size.
pub fn agreement_coefficient(
    counts: &[Vec<f64>],
    weights: &[Vec<f64>],
    chance: Chance,
) -> Result<Coefficient, StatisticsError> {
    let q = weights.len();
    if weights.iter().any(|r| r.len() != q) || counts.iter().any(|r| r.len() != q) {
        return Err(StatisticsError::Data(
            "one count for each category and subject, and square weights, please".into(),
        ));
    }
    let rated: Vec<(&Vec<f64>, f64)> = counts
        .iter()
        .map(|r| (r, r.iter().sum::<f64>()))
        .filter(|(_, r)| *r > 0.0)
        .collect();
    let n = rated.len() as f64;
    let paired = rated.iter().filter(|(_, r)| *r >= 2.0).count() as f64;
    if paired == 0.0 {
        return Err(StatisticsError::not_estimable("no subject has two ratings"));
    }
    if q < 2 {
        return Err(StatisticsError::not_estimable(
            "only one category: there is nothing to disagree about",
        ));
    }
    let agreement = |r: &[f64], total: f64| -> f64 {
        (0..q)
            .map(|k| {
                let near: f64 = (0..q).map(|l| weights[k][l] * r[l]).sum();
                r[k] * (near - 1.0)
            })
            .sum::<f64>()
            / (total * (total - 1.0))
    };
    let observed = rated
        .iter()
        .filter(|(_, t)| *t >= 2.0)
        .map(|(r, t)| agreement(r, *t))
        .sum::<f64>()
        / paired;
    let share: Vec<f64> = (0..q)
        .map(|k| rated.iter().map(|(r, t)| r[k] / t).sum::<f64>() / n)
        .collect();
    let scale = weights.iter().flatten().sum::<f64>() / (q as f64 * (q as f64 - 1.0));
    let near: Vec<f64> = (0..q)
        .map(|k| {
            (0..q)
                .map(|l| share[l] * f64::midpoint(weights[k][l], weights[l][k]))
                .sum()
        })
        .collect();
    let part = |k: usize| match chance {
        Chance::Gwet => scale * (1.0 - share[k]),
        Chance::Fleiss => near[k],
    };
    let expected: f64 = (0..q).map(|k| share[k] * part(k)).sum();
    if 1.0 - expected <= 1e-14 {
        return Err(StatisticsError::not_estimable(
            "expected agreement is 1: only one category was given",
        ));
    }
    let value = (observed - expected) / (1.0 - expected);
    let spread: f64 = rated
        .iter()
        .map(|(r, t)| {
            let own = if *t >= 2.0 {
                n / paired * (agreement(r, *t) - expected) / (1.0 - expected)
            } else {
                0.0
            };
            let by_chance: f64 = (0..q).map(|k| part(k) * r[k]).sum::<f64>() / t;
            let linear = own - 2.0 * (1.0 - value) * (by_chance - expected) / (1.0 - expected);
            (linear - value).powi(2)
        })
        .sum();
    Ok(Coefficient {
        value,
        observed,
        expected,
        standard_error: (spread / (n * (n - 1.0))).sqrt(),
        subjects: rated.len(),
    })
}

/// Fleiss' kappa of subjects that all have the same number of ratings.
#[derive(Clone, Debug, PartialEq)]
pub struct FleissKappa {
    /// The kappa.
    pub value: f64,
    /// Its standard error when there is no agreement beyond chance (Fleiss, Nee and Landis 1979).
    pub null_standard_error: f64,
    /// For each category kappa against the rest; none where the category never or always occurs.
    pub by_category: Vec<Option<f64>>,
    /// Standard error of each of these under the null.
    pub category_null_standard_error: f64,
}

/// Fleiss' kappa with null standard errors, from counts of each category for each subject.
///
/// # Errors
/// Not estimable: fewer than two ratings each, unequal numbers of ratings, one category only.
pub fn fleiss_kappa(counts: &[Vec<f64>]) -> Result<FleissKappa, StatisticsError> {
    let q = counts.first().map_or(0, Vec::len);
    let m: f64 = counts.first().map_or(0.0, |r| r.iter().sum());
    if counts
        .iter()
        .any(|r| r.len() != q || r.iter().sum::<f64>() != m)
    {
        return Err(StatisticsError::not_estimable(
            "subjects have unequal numbers of ratings, for which the null standard error is not defined",
        ));
    }
    if m < 2.0 {
        return Err(StatisticsError::not_estimable("no subject has two ratings"));
    }
    let n = counts.len() as f64;
    let share: Vec<f64> = (0..q)
        .map(|k| counts.iter().map(|r| r[k]).sum::<f64>() / (n * m))
        .collect();
    let spread: f64 = share.iter().map(|p| p * (1.0 - p)).sum();
    if spread <= 1e-14 {
        return Err(StatisticsError::not_estimable(
            "expected agreement is 1: only one category was given",
        ));
    }
    let apart =
        |k: usize| counts.iter().map(|r| r[k] * (m - r[k])).sum::<f64>() / (n * m * (m - 1.0));
    let disagree: f64 = (0..q).map(apart).sum();
    let third: f64 = share.iter().map(|p| p * (1.0 - p) * (1.0 - 2.0 * p)).sum();
    let base = 2.0 / (n * m * (m - 1.0));
    Ok(FleissKappa {
        value: 1.0 - disagree / spread,
        null_standard_error: (base * (spread * spread - third)).max(0.0).sqrt() / spread,
        by_category: (0..q)
            .map(|k| {
                let own = share[k] * (1.0 - share[k]);
                (own > 0.0).then(|| 1.0 - apart(k) / own)
            })
            .collect(),
        category_null_standard_error: base.sqrt(),
    })
}

/// Levels of measurement of [`krippendorff_alpha`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measurement {
    /// Names.
    Nominal,
    /// Places in an order.
    Ordinal,
    /// Numbers with distances.
    Interval,
    /// Numbers with a true zero.
    Ratio,
}

impl Measurement {
    fn from_word(word: &str) -> Self {
        match word {
            "ordinal" => Self::Ordinal,
            "interval" => Self::Interval,
            "ratio" => Self::Ratio,
            _ => Self::Nominal,
        }
    }

    fn id(self) -> &'static str {
        match self {
            Self::Nominal => "alpha.krippendorff.nominal",
            Self::Ordinal => "alpha.krippendorff.ordinal",
            Self::Interval => "alpha.krippendorff.interval",
            Self::Ratio => "alpha.krippendorff.ratio",
        }
    }
}

/// Units made ready for many resamples: units with the same ratings are one pattern, and a resample
/// counts how often each pattern was drawn. That needs no sort.
struct Alpha {
    /// Each unit's pattern.
    pattern: Vec<usize>,
    /// The places in `values` of each pattern's ratings; none where there are fewer than two.
    patterns: Vec<Vec<usize>>,
    /// Each pattern's observed disagreement; unused at the ordinal level, whose distances depend on
    /// the resample.
    own: Vec<f64>,
    /// The values, each once.
    values: Vec<f64>,
    measurement: Measurement,
}

impl Alpha {
    fn new(units: &[Vec<f64>], measurement: Measurement) -> Self {
        let mut values: Vec<f64> = units.iter().flatten().map(|v| v + 0.0).collect();
        values.sort_unstable_by(f64::total_cmp);
        values.dedup();
        let mut known: std::collections::BTreeMap<Vec<usize>, usize> =
            std::collections::BTreeMap::new();
        let mut patterns = Vec::new();
        let pattern = units
            .iter()
            .map(|u| {
                let mut places: Vec<usize> = if u.len() < 2 {
                    Vec::new()
                } else {
                    u.iter()
                        .map(|v| values.partition_point(|w| *w < *v))
                        .collect()
                };
                places.sort_unstable();
                let next = patterns.len();
                *known.entry(places).or_insert_with_key(|places| {
                    patterns.push(places.clone());
                    next
                })
            })
            .collect();
        let own = patterns
            .iter()
            .map(|places| {
                let ratings: Vec<f64> = places.iter().map(|v| values[*v]).collect();
                within(&ratings, measurement)
            })
            .collect();
        Self {
            pattern,
            patterns,
            own,
            values,
            measurement,
        }
    }

    /// Alpha of the units drawn; none where they leave no disagreement to expect.
    fn of(&self, rows: &[usize]) -> Option<f64> {
        let mut times = vec![0u32; self.patterns.len()];
        for row in rows {
            times[self.pattern[*row]] += 1;
        }
        let mut counts = vec![0.0; self.values.len()];
        for (places, times) in self.patterns.iter().zip(&times) {
            for place in places {
                counts[*place] += f64::from(*times);
            }
        }
        if counts.iter().filter(|c| **c > 0.0).count() < 2 {
            return None;
        }
        let n: f64 = counts.iter().sum();
        let observed_by = |own: &dyn Fn(usize) -> f64| -> f64 {
            times
                .iter()
                .enumerate()
                .filter(|(_, t)| **t > 0)
                .map(|(at, t)| f64::from(*t) * own(at))
                .sum()
        };
        let (observed, scale) = if self.measurement == Measurement::Ordinal {
            let mut below = 0.0;
            let ranks: Vec<f64> = counts
                .iter()
                .map(|c| {
                    below += c;
                    below - (c - 1.0) / 2.0
                })
                .collect();
            let own = |at: usize| {
                let ratings: Vec<f64> = self.patterns[at].iter().map(|v| ranks[*v]).collect();
                within(&ratings, self.measurement)
            };
            (observed_by(&own), ranks)
        } else {
            (observed_by(&|at| self.own[at]), self.values.clone())
        };
        let groups: Vec<(f64, f64)> = scale
            .into_iter()
            .zip(counts)
            .filter(|(_, c)| *c > 0.0)
            .collect();
        Some(1.0 - (n - 1.0) * observed / expected(&groups, n, self.measurement))
    }
}

/// One unit's part of the observed disagreement.
fn within(ratings: &[f64], measurement: Measurement) -> f64 {
    if ratings.len() < 2 {
        0.0
    } else {
        disagreement(ratings, measurement) / (ratings.len() as f64 - 1.0)
    }
}

fn distance(a: f64, b: f64, measurement: Measurement) -> f64 {
    match measurement {
        Measurement::Nominal => f64::from(u8::from(a != b)),
        Measurement::Ordinal | Measurement::Interval => (a - b).powi(2),
        Measurement::Ratio if a == b => 0.0,
        Measurement::Ratio => ((a - b) / (a + b)).powi(2),
    }
}

/// Sum of squared distances over ordered pairs of one unit's values (midranks at the ordinal level).
fn disagreement(values: &[f64], measurement: Measurement) -> f64 {
    match measurement {
        // Over ordered pairs it is 2 m times the sum of squares.
        Measurement::Ordinal | Measurement::Interval => {
            2.0 * values.len() as f64 * super::squares(values)
        }
        _ => values
            .iter()
            .map(|a| {
                values
                    .iter()
                    .map(|b| distance(*a, *b, measurement))
                    .sum::<f64>()
            })
            .sum(),
    }
}

/// The same over all `n` values, given as values with their counts.
fn expected(groups: &[(f64, f64)], n: f64, measurement: Measurement) -> f64 {
    match measurement {
        Measurement::Nominal => groups.iter().map(|(_, c)| c * (n - c)).sum(),
        Measurement::Ordinal | Measurement::Interval => {
            let first = groups.iter().map(|(v, c)| v * c).sum::<f64>() / n;
            let mean = first + groups.iter().map(|(v, c)| c * (v - first)).sum::<f64>() / n;
            2.0 * n
                * groups
                    .iter()
                    .map(|(v, c)| c * (v - mean).powi(2))
                    .sum::<f64>()
        }
        Measurement::Ratio => groups
            .iter()
            .map(|(a, ca)| {
                groups
                    .iter()
                    .map(|(b, cb)| ca * cb * distance(*a, *b, measurement))
                    .sum::<f64>()
            })
            .sum(),
    }
}

/// Krippendorff's alpha of the values given to each unit; units with fewer than two are left out.
///
/// # Errors
/// Not estimable: no unit with two values, or all values the same. Value: not finite, or negative at
/// ratio level.
pub fn krippendorff_alpha(
    units: &[Vec<f64>],
    measurement: Measurement,
) -> Result<f64, StatisticsError> {
    let kept: Vec<&Vec<f64>> = units.iter().filter(|u| u.len() >= 2).collect();
    let mut all: Vec<f64> = kept.iter().flat_map(|u| u.iter().copied()).collect();
    super::check_finite("rating", &all)?;
    if all.is_empty() {
        return Err(StatisticsError::not_estimable("no unit has two ratings"));
    }
    if measurement == Measurement::Ratio && all.iter().any(|v| *v < 0.0) {
        return Err(StatisticsError::Data(
            "a rating is negative; the ratio level has no values below 0, use interval".into(),
        ));
    }
    if super::constant(&all) {
        return Err(StatisticsError::not_estimable(
            "all ratings are the same, so there is no disagreement to expect",
        ));
    }
    if measurement == Measurement::Ordinal {
        // The ordinal distance is the distance of the midranks of all pairable values.
        all = midranks(&all);
    }
    let n = all.len() as f64;
    let mut observed = 0.0;
    let mut at = 0;
    for unit in &kept {
        let values = &all[at..at + unit.len()];
        at += unit.len();
        observed += within(values, measurement);
    }
    all.sort_unstable_by(f64::total_cmp);
    let groups: Vec<(f64, f64)> = all
        .chunk_by(|a, b| a == b)
        .map(|c| (c[0], c.len() as f64))
        .collect();
    Ok(1.0 - (n - 1.0) * observed / expected(&groups, n, measurement))
}

/// Ratings of subjects (rows) by raters (columns).
struct Ratings {
    rows: Vec<Vec<Option<usize>>>,
    categories: Vec<String>,
    raters: Vec<String>,
    cluster: Option<Vec<usize>>,
}

impl Ratings {
    /// From wide or long form.
    fn of(sample: &Sample) -> Result<Self, StatisticsError> {
        let columns = sample.all_labels("rating");
        let every: Vec<&String> = columns.iter().flat_map(|(_, l)| l.names.iter()).collect();
        let order = sample.words("categories");
        let categories = if order.is_empty() {
            Labels::of(&every).names
        } else {
            if let Some(other) = every.iter().find(|n| !order.contains(n)) {
                return Err(StatisticsError::setting(
                    "categories",
                    format!("without `{other}`"),
                    "it must list every category that occurs",
                ));
            }
            let mut seen = order.to_vec();
            seen.sort();
            seen.dedup();
            if seen.len() != order.len() {
                return Err(StatisticsError::setting(
                    "categories",
                    order.join(","),
                    "each category once",
                ));
            }
            order.to_vec()
        };
        let place = |labels: &Labels, code: Option<usize>| {
            code.and_then(|c| labels.names.get(c))
                .and_then(|n| categories.iter().position(|c| c == n))
        };
        let cluster = sample.labels("cluster").map(Labels::complete);
        if let (Some(subject), Some(rater)) = (sample.labels("subject"), sample.labels("rater")) {
            let [(_, rating)] = columns.as_slice() else {
                return Err(StatisticsError::Data(
                    "with `subject` and `rater` (long form) give one `rating` column".into(),
                ));
            };
            if rater.names.len() < 2 {
                return Err(StatisticsError::not_estimable("there is one rater only"));
            }
            let mut rows = vec![vec![None; rater.names.len()]; subject.names.len()];
            let mut of_subject = vec![0; subject.names.len()];
            for (at, ((s, r), code)) in subject
                .codes
                .iter()
                .zip(&rater.codes)
                .zip(&rating.codes)
                .enumerate()
            {
                let (Some(s), Some(r)) = (*s, *r) else {
                    continue;
                };
                if code.is_some() && rows[s][r].is_some() {
                    return Err(StatisticsError::Value {
                        column: "rating".into(),
                        row: at,
                        what: "is a second rating of this subject by this rater; keep one".into(),
                    });
                }
                if code.is_some() {
                    rows[s][r] = place(rating, *code);
                }
                if let Some(c) = &cluster {
                    of_subject[s] = c.get(at).copied().unwrap_or(0);
                }
            }
            return Ok(Self {
                rows,
                categories,
                raters: rater.names.clone(),
                cluster: cluster.map(|_| of_subject),
            });
        }
        if columns.len() < 2 {
            return Err(StatisticsError::Data(
                "give two `rating` columns at least, or one with `subject` and `rater`".into(),
            ));
        }
        let maps: Vec<Vec<Option<usize>>> = columns
            .iter()
            .map(|(_, l)| (0..l.names.len()).map(|c| place(l, Some(c))).collect())
            .collect();
        let rows = (0..sample.rows())
            .map(|row| {
                columns
                    .iter()
                    .zip(&maps)
                    .map(|((_, l), map)| l.codes[row].and_then(|c| map[c]))
                    .collect()
            })
            .collect();
        Ok(Self {
            rows,
            categories,
            raters: columns.iter().map(|(n, _)| (*n).to_owned()).collect(),
            cluster,
        })
    }

    fn units(&self) -> Units {
        Units::new(self.rows.len(), self.cluster.as_deref(), None)
    }

    fn positions(&self, spacing: &str) -> Result<Vec<f64>, StatisticsError> {
        if spacing != "value" {
            return Ok((0..self.categories.len()).map(|i| i as f64).collect());
        }
        self.values()
    }

    fn values(&self) -> Result<Vec<f64>, StatisticsError> {
        self.categories
            .iter()
            .enumerate()
            .map(|(at, c)| {
                c.parse::<f64>()
                    .ok()
                    .filter(|v| v.is_finite())
                    .ok_or_else(|| {
                        StatisticsError::Data(format!(
                            "category {} of {} of the ratings (in their order) is not a number, which this setting needs",
                            at + 1,
                            self.categories.len()
                        ))
                    })
            })
            .collect()
    }

    /// The table of two raters over some rows.
    fn table(&self, a: usize, b: usize, rows: &[usize]) -> Vec<Vec<f64>> {
        let k = self.categories.len();
        let mut table = vec![vec![0.0; k]; k];
        for row in rows {
            if let (Some(i), Some(j)) = (self.rows[*row][a], self.rows[*row][b]) {
                table[i][j] += 1.0;
            }
        }
        table
    }

    /// Counts of each category for each subject.
    fn counts(&self) -> Vec<Vec<f64>> {
        self.rows
            .iter()
            .map(|row| {
                let mut count = vec![0.0; self.categories.len()];
                for category in row.iter().flatten() {
                    count[*category] += 1.0;
                }
                count
            })
            .collect()
    }
}

fn run_kappa(sample: &Sample) -> Result<Answer, StatisticsError> {
    let z = two_sided_z(sample.real("level"))?;
    let ratings = Ratings::of(sample)?;
    let kind = Weights::from_word(sample.word("weights"));
    let weights = kind.table(&ratings.positions(sample.word("spacing"))?);
    let raters = ratings.raters.len();
    let all: Vec<usize> = (0..ratings.rows.len()).collect();
    let units = ratings.units();
    let word = match sample.word("weights") {
        "none" => "unweighted",
        other => other,
    };
    let boot = wanted_bootstrap(sample, ratings.cluster.is_some());
    let mut answer = Answer::default();
    if raters > 2 {
        return light(sample, &ratings, &weights, word);
    }
    let table = ratings.table(0, 1, &all);
    let n: f64 = table.iter().flatten().sum();
    let rated = n as usize;
    let dropped = all.len() - rated;
    if dropped > 0 {
        answer.notes.push(format!(
            "{dropped} of {} subjects have not both ratings and are left out",
            all.len()
        ));
    }
    let kappa = cohen_kappa(&table, &weights)?;
    let definition = format!("kappa.cohen.{word}");
    let mut number = Number::plain("kappa", definition.clone(), kappa.value, rated);
    number = match boot {
        Some(method) => bootstrapped(number, sample, &units, method, |rows| {
            cohen_kappa(&ratings.table(0, 1, rows), &weights)
                .ok()
                .map(|k| k.value)
        })?,
        None => {
            let half = z * kappa.standard_error;
            let interval = Interval {
                lower: kappa.value - half,
                upper: kappa.value + half,
                level: sample.real("level"),
            };
            with_interval_or_reason(number, interval, "wald.fleiss-cohen-everitt-1969", PERFECT)
                .with_standard_error(kappa.standard_error)
        }
    };
    answer
        .numbers
        .push(clip(number, -1.0, 1.0, &mut answer.notes));
    let plain =
        |name: &str, definition: &str, value: f64| Number::plain(name, definition, value, rated);
    answer.numbers.push(plain(
        "observed_agreement",
        &format!("observed.{word}"),
        kappa.observed,
    ));
    answer.numbers.push(plain(
        "expected_agreement",
        &format!("expected.cohen.{word}"),
        kappa.expected,
    ));
    if kappa.null_standard_error > 0.0 {
        let z0 = kappa.value / kappa.null_standard_error;
        answer.numbers.push(plain(
            "null_standard_error",
            "fleiss-cohen-everitt-1969.null",
            kappa.null_standard_error,
        ));
        answer.numbers.push(plain("z", "wald.null", z0));
        answer.numbers.push(plain(
            "p_value",
            "normal.two-sided.null",
            normal_two_sided(z0),
        ));
        if ratings.cluster.is_some() {
            answer.notes.push(
                "z and p_value count subjects as independent; with `cluster` read the interval"
                    .into(),
            );
        }
    }
    if kappa.maximum.is_nan() {
        answer.numbers.push(Number::none(
            "kappa_maximum",
            "kappa.maximum",
            rated,
            "defined for unweighted kappa only",
        ));
    } else {
        answer.numbers.push(plain(
            "kappa_maximum",
            "kappa.maximum-given-margins",
            kappa.maximum,
        ));
    }
    let k = ratings.categories.len();
    let diagonal: f64 = (0..k).map(|i| table[i][i]).sum::<f64>() / n;
    answer.numbers.push(plain(
        "pabak",
        "pabak.byrt-1993",
        (k as f64 * diagonal - 1.0) / (k as f64 - 1.0),
    ));
    let mut specific = Table {
        name: "specific_agreement".into(),
        columns: ["category", "first", "second", "both", "specific_agreement"]
            .map(str::to_owned)
            .to_vec(),
        rows: Vec::new(),
    };
    let mut agreement_on = Vec::new();
    for i in 0..k {
        let first: f64 = table[i].iter().sum();
        let second: f64 = table.iter().map(|r| r[i]).sum();
        let both = table[i][i];
        let value = (first + second > 0.0).then(|| 2.0 * both / (first + second));
        agreement_on.push((both, first + second - 2.0 * both, value));
        specific.rows.push(vec![
            Cell::Text(ratings.categories[i].clone()),
            Cell::Whole(first as i64),
            Cell::Whole(second as i64),
            Cell::Whole(both as i64),
            value.map_or(Cell::None, Cell::Real),
        ]);
    }
    if k == 2 {
        let positive = match sample.word("positive_category") {
            "" => 1,
            word => ratings
                .categories
                .iter()
                .position(|c| c == word)
                .ok_or_else(|| {
                    StatisticsError::setting(
                        "positive_category",
                        format!("`{word}`"),
                        "one of the two categories of the ratings",
                    )
                })?,
        };
        for (name, at) in [
            ("positive_agreement", positive),
            ("negative_agreement", 1 - positive),
        ] {
            let (both, apart, value) = agreement_on[at];
            answer.numbers.push(match value {
                None => Number::none(
                    name,
                    "specific-agreement",
                    rated,
                    "neither rater gave this category",
                ),
                Some(value) => {
                    let total = 2.0 * both + apart;
                    let se = (4.0 * both * apart * (both + apart)).sqrt() / (total * total);
                    let interval = Interval {
                        lower: (value - z * se).max(0.0),
                        upper: (value + z * se).min(1.0),
                        level: sample.real("level"),
                    };
                    let number = plain(name, "specific-agreement", value);
                    if ratings.cluster.is_some() {
                        number.without_interval(
                            "the formula counts subjects as independent, which `cluster` denies",
                        )
                    } else {
                        with_interval_or_reason(
                            number,
                            interval,
                            "wald.graham-bull-1998.clipped",
                            "its delta-method standard error is 0 at the boundary",
                        )
                    }
                }
            });
        }
    }
    answer.tables.push(specific);
    answer.tables.push(cross_table(&ratings, &table));
    Ok(answer)
}

fn cross_table(ratings: &Ratings, table: &[Vec<f64>]) -> Table {
    Table {
        name: "ratings".into(),
        columns: std::iter::once(format!("{} \\ {}", ratings.raters[0], ratings.raters[1]))
            .chain(ratings.categories.iter().cloned())
            .collect(),
        rows: table
            .iter()
            .zip(&ratings.categories)
            .map(|(row, name)| {
                std::iter::once(Cell::Text(name.clone()))
                    .chain(row.iter().map(|c| Cell::Whole(*c as i64)))
                    .collect()
            })
            .collect(),
    }
}

/// Light's kappa: the mean over pairs of raters.
fn light(
    sample: &Sample,
    ratings: &Ratings,
    weights: &[Vec<f64>],
    word: &str,
) -> Result<Answer, StatisticsError> {
    let raters = ratings.raters.len();
    let pairs: Vec<(usize, usize)> = (0..raters)
        .flat_map(|a| (a + 1..raters).map(move |b| (a, b)))
        .collect();
    let all: Vec<usize> = (0..ratings.rows.len()).collect();
    let of = |rows: &[usize]| -> Result<Vec<Kappa>, StatisticsError> {
        pairs
            .iter()
            .map(|(a, b)| cohen_kappa(&ratings.table(*a, *b, rows), weights))
            .collect()
    };
    let average = |kappas: &[Kappa]| mean(&kappas.iter().map(|k| k.value).collect::<Vec<f64>>());
    let kappas = of(&all)?;
    let number = Number::plain(
        "kappa",
        format!("kappa.light.{word}"),
        average(&kappas),
        all.len(),
    );
    let method =
        wanted_bootstrap(sample, true).unwrap_or(crate::resample::BootstrapInterval::Percentile);
    let number = bootstrapped(number, sample, &ratings.units(), method, |rows| {
        of(rows).ok().map(|k| average(&k))
    })?;
    let mut notes = vec!["more than two raters: the mean kappa over pairs (Light 1971), its interval by the bootstrap over subjects".into()];
    Ok(Answer {
        numbers: vec![clip(number, -1.0, 1.0, &mut notes)],
        tables: vec![Table {
            name: "pairs".into(),
            columns: [
                "first",
                "second",
                "kappa",
                "standard_error",
                "observed_agreement",
            ]
            .map(str::to_owned)
            .to_vec(),
            rows: pairs
                .iter()
                .zip(&kappas)
                .map(|((a, b), k)| {
                    vec![
                        Cell::Text(ratings.raters[*a].clone()),
                        Cell::Text(ratings.raters[*b].clone()),
                        Cell::Real(k.value),
                        Cell::Real(k.standard_error),
                        Cell::Real(k.observed),
                    ]
                })
                .collect(),
        }],
        notes,
        ..Answer::default()
    })
}

/// The number of a coefficient with its t interval or its bootstrap.
fn coefficient_number(
    sample: &Sample,
    ratings: &Ratings,
    counts: &[Vec<f64>],
    weights: &[Vec<f64>],
    chance: Chance,
    name: &str,
    definition: String,
) -> Result<(Number, Coefficient), StatisticsError> {
    let level = sample.real("level");
    let c = agreement_coefficient(counts, weights, chance)?;
    let number = Number::plain(name, definition, c.value, c.subjects);
    let number = match wanted_bootstrap(sample, ratings.cluster.is_some()) {
        Some(method) => bootstrapped(number, sample, &ratings.units(), method, |rows| {
            let drawn: Vec<Vec<f64>> = rows.iter().map(|r| counts[*r].clone()).collect();
            agreement_coefficient(&drawn, weights, chance)
                .ok()
                .map(|c| c.value)
        })?,
        None => {
            let half =
                t_quantile(f64::midpoint(1.0, level), c.subjects as f64 - 1.0) * c.standard_error;
            let interval = Interval {
                lower: c.value - half,
                upper: c.value + half,
                level,
            };
            if half > 0.0 {
                with_interval_or_reason(number, interval, "t.gwet-2014", PERFECT)
                    .with_standard_error(c.standard_error)
            } else {
                number.without_interval(if c.subjects < 2 {
                    "one subject has no spread"
                } else {
                    PERFECT
                })
            }
        }
    };
    Ok((number, c))
}

fn run_fleiss(sample: &Sample) -> Result<Answer, StatisticsError> {
    check_level(sample.real("level"))?;
    let ratings = Ratings::of(sample)?;
    let counts = ratings.counts();
    let positions = ratings.positions("index")?;
    let weights = Weights::Identity.table(&positions);
    let balanced = fleiss_kappa(&counts);
    let definition = if balanced.is_ok() {
        "kappa.fleiss-1971"
    } else {
        "kappa.fleiss.gwet-2014-missing"
    };
    let (number, c) = coefficient_number(
        sample,
        &ratings,
        &counts,
        &weights,
        Chance::Fleiss,
        "kappa",
        definition.into(),
    )?;
    let n = c.subjects;
    let mut notes = Vec::new();
    let mut answer = Answer {
        numbers: vec![
            clip(number, -1.0, 1.0, &mut notes),
            Number::plain("observed_agreement", "observed.pairs", c.observed, n),
            Number::plain("expected_agreement", "expected.fleiss", c.expected, n),
        ],
        notes,
        ..Answer::default()
    };
    match balanced {
        Ok(f) => {
            if f.null_standard_error > 0.0 {
                let z = f.value / f.null_standard_error;
                answer.numbers.push(Number::plain(
                    "null_standard_error",
                    "fleiss-nee-landis-1979",
                    f.null_standard_error,
                    n,
                ));
                answer.numbers.push(Number::plain("z", "wald.null", z, n));
                answer.numbers.push(Number::plain(
                    "p_value",
                    "normal.two-sided.null",
                    normal_two_sided(z),
                    n,
                ));
            }
            answer.tables.push(Table {
                name: "categories".into(),
                columns: ["category", "kappa", "null_standard_error", "z", "p_value"]
                    .map(str::to_owned)
                    .to_vec(),
                rows: ratings
                    .categories
                    .iter()
                    .zip(&f.by_category)
                    .map(|(name, kappa)| {
                        let se = f.category_null_standard_error;
                        let mut row = vec![Cell::Text(name.clone())];
                        row.extend(match kappa {
                            Some(k) => [
                                Cell::Real(*k),
                                Cell::Real(se),
                                Cell::Real(k / se),
                                Cell::Real(normal_two_sided(k / se)),
                            ],
                            None => [Cell::None, Cell::None, Cell::None, Cell::None],
                        });
                        row
                    })
                    .collect(),
            });
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            answer
                .numbers
                .push(Number::none("p_value", "normal.two-sided.null", n, reason));
        }
        Err(other) => return Err(other),
    }
    Ok(answer)
}

fn run_krippendorff(sample: &Sample) -> Result<Answer, StatisticsError> {
    check_level(sample.real("level"))?;
    let ratings = Ratings::of(sample)?;
    let measurement = Measurement::from_word(sample.word("measurement"));
    let values = match measurement {
        Measurement::Nominal | Measurement::Ordinal => ratings.positions("index")?,
        _ => ratings.values()?,
    };
    let units: Vec<Vec<f64>> = ratings
        .rows
        .iter()
        .map(|r| r.iter().flatten().map(|c| values[*c]).collect())
        .collect();
    let pairable = units.iter().filter(|u| u.len() >= 2).count();
    let alpha = krippendorff_alpha(&units, measurement)?;
    let number = Number::plain("alpha", measurement.id(), alpha, pairable);
    let method =
        wanted_bootstrap(sample, true).unwrap_or(crate::resample::BootstrapInterval::Percentile);
    let ready = Alpha::new(&units, measurement);
    let number = bootstrapped(number, sample, &ratings.units(), method, |rows| {
        ready.of(rows)
    })?;
    let mut notes = Vec::new();
    let number = clip(number, f64::NEG_INFINITY, 1.0, &mut notes);
    let pairs = units
        .iter()
        .filter(|u| u.len() >= 2)
        .map(Vec::len)
        .sum::<usize>();
    let mut answer = Answer {
        numbers: vec![
            number,
            Number::plain("pairable_values", "count", pairs as f64, pairable),
        ],
        notes,
        ..Answer::default()
    };
    if pairable < units.len() {
        answer.notes.push(format!(
            "{} of {} units have fewer than two ratings and are left out",
            units.len() - pairable,
            units.len()
        ));
    }
    Ok(answer)
}

fn run_ac1(sample: &Sample) -> Result<Answer, StatisticsError> {
    check_level(sample.real("level"))?;
    let ratings = Ratings::of(sample)?;
    let counts = ratings.counts();
    let word = sample.word("weights");
    let weights = Weights::from_word(word).table(&ratings.positions(sample.word("spacing"))?);
    let definition = if word == "identity" {
        "ac1.gwet-2008".to_owned()
    } else {
        format!("ac2.gwet-2014.{word}")
    };
    let (number, c) = coefficient_number(
        sample,
        &ratings,
        &counts,
        &weights,
        Chance::Gwet,
        "ac",
        definition,
    )?;
    let n = c.subjects;
    let p = match number.standard_error {
        Some(se) if se > 0.0 => Number::plain(
            "p_value",
            "two-sided.t",
            t_two_sided(c.value / se, n as f64 - 1.0),
            n,
        ),
        _ => Number::none("p_value", "two-sided.t", n, "there is no standard error"),
    };
    let mut notes = Vec::new();
    Ok(Answer {
        numbers: vec![
            clip(number, -1.0, 1.0, &mut notes),
            Number::plain("observed_agreement", "observed.pairs", c.observed, n),
            Number::plain("expected_agreement", "expected.gwet", c.expected, n),
            p,
        ],
        notes,
        ..Answer::default()
    })
}
