//! The area under the ROC curve, its variance and its intervals.

use serde::Serialize;

use super::levels::{Levels, both_classes, check_length, check_scores};
use crate::distribution::two_sided_z;
use crate::number::{Interval, StatisticsError};
use crate::rank::{sorted_keys, visit_placements};
use crate::resample::BootstrapInterval;

/// An AUC with DeLong's variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Auc {
    /// The area: the share of (positive, negative) pairs ranked rightly, ties counting half.
    pub value: f64,
    /// DeLong's estimate of its variance.
    pub variance: f64,
    /// Wald interval, clipped to [0, 1].
    pub interval: Interval,
    /// Positive cases.
    pub positive: usize,
    /// Negative cases.
    pub negative: usize,
}

/// AUC of scores (higher means more likely positive) with DeLong's variance and Wald interval
/// (DeLong, DeLong and Clarke-Pearson 1988), by one sort of each class and one pass over both; the
/// counts are whole numbers, so nothing is lost by rounding. Cases are taken to be independent.
/// Infinite scores are allowed: they rank first or last.
///
/// # Errors
/// Not estimable when either class has fewer than two cases, when the classes are perfectly
/// separated or every score is the same (the variance would be 0 and the interval without width; see
/// [`newcombe_interval`]). Data error when a score is not a number, setting error when the level
/// lies outside (0, 1).
pub fn delong_auc(positive: &[f64], negative: &[f64], level: f64) -> Result<Auc, StatisticsError> {
    two_sided_z(level)?;
    let tally = Tally::of(positive, negative)?;
    let (value, variance) = (tally.value(), tally.variance()?);
    Ok(Auc {
        value,
        variance,
        interval: wald_interval(value, variance, level)?.0,
        positive: positive.len(),
        negative: negative.len(),
    })
}

/// The Mann-Whitney estimate of the area alone: the share of (positive, negative) pairs in which
/// the positive scores higher, ties counting half (Bamber 1975).
///
/// # Errors
/// Not estimable without a case in each class; data error when a score is not a number.
pub fn mann_whitney_auc(positive: &[f64], negative: &[f64]) -> Result<f64, StatisticsError> {
    Ok(Tally::of(positive, negative)?.value())
}

/// AUC with the variance of Obuchowski (1997, Biometrics 53:567) for rows that come in clusters, as
/// several lesions or images of one patient. With `A_i` the sum of the positives' components of
/// cluster `i` less its expectation, `B_i` that of the negatives', M and N the classes' sizes:
/// `var = I10/(I10-1) sum A_i^2 / M^2 + I01/(I01-1) sum B_i^2 / N^2 + 2 I/(I-1) sum A_i B_i / (M N)`,
/// where I10 clusters hold a positive, I01 a negative, I either. With clusters of one row it is
/// DeLong's variance. Clusters are taken to be independent; few clusters (below 20 or so) make the
/// interval too narrow.
///
/// # Errors
/// As [`delong_auc`]; not estimable with fewer than two clusters that hold a positive, or a negative.
pub fn clustered_auc(
    truth: &[bool],
    score: &[f64],
    cluster: &[usize],
    level: f64,
) -> Result<Auc, StatisticsError> {
    two_sided_z(level)?;
    let columns = Components::new(truth, &[score])?;
    let variance = columns
        .covariance(Some(cluster))?
        .first()
        .and_then(|row| row.first())
        .copied()
        .unwrap_or(f64::NAN);
    let value = columns.areas.first().copied().unwrap_or(f64::NAN);
    positive_variance(value, variance)?;
    Ok(Auc {
        value,
        variance,
        interval: wald_interval(value, variance, level)?.0,
        positive: columns.positive,
        negative: columns.negative,
    })
}

/// Wald's interval `value -/+ z sqrt(variance)`, clipped to [0, 1], and whether it was clipped.
///
/// # Errors
/// When the level lies outside (0, 1).
pub fn wald_interval(
    value: f64,
    variance: f64,
    level: f64,
) -> Result<(Interval, bool), StatisticsError> {
    let half = two_sided_z(level)? * variance.sqrt();
    let (lower, upper) = (value - half, value + half);
    let interval = Interval {
        lower: lower.max(0.0),
        upper: upper.min(1.0),
        level,
    };
    Ok((interval, lower < 0.0 || upper > 1.0))
}

/// The interval made on the logit scale and carried back: `logit(a) -/+ z se / (a (1 - a))` (Pepe
/// 2003, section 5.2). It stays within (0, 1).
///
/// # Errors
/// Not estimable at 0 and 1; setting error when the level lies outside (0, 1).
pub fn logit_interval(value: f64, variance: f64, level: f64) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    if !(value > 0.0 && value < 1.0) {
        return Err(StatisticsError::not_estimable(format!(
            "an area of {value} has no logit"
        )));
    }
    let centre = (value / (1.0 - value)).ln();
    let half = z * variance.sqrt() / (value * (1.0 - value));
    let back = |x: f64| 1.0 / (1.0 + (-x).exp());
    Ok(Interval {
        lower: back(centre - half),
        upper: back(centre + half),
        level,
    })
}

/// Newcombe's method 5 (2006, Statistics in Medicine 25:559): the areas `t` for which
/// `(value - t)^2 <= z^2 V(t)`, with the variance of Hanley and McNeil's exponential model in
/// which both class sizes of its bracket stand at their mean:
/// `V(t) = t (1-t) (1 + N* (1-t)/(2-t) + N* t/(1+t)) / (m n)`, `N* = (m + n)/2 - 1`. It depends on
/// the scores through the area alone and has a sound width at 0 and 1.
///
/// # Errors
/// Not estimable without a case in each class; setting error when the level lies outside (0, 1).
pub fn newcombe_interval(
    value: f64,
    positive: usize,
    negative: usize,
    level: f64,
) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    both_classes(positive, negative)?;
    let (m, n) = (positive as f64, negative as f64);
    let star = f64::midpoint(m, n) - 1.0;
    let spread = |t: f64| {
        let bracket = 1.0 + star * ((1.0 - t) / (2.0 - t) + t / (1.0 + t));
        z * (t * (1.0 - t) * bracket / (m * n)).sqrt()
    };
    // Between the estimate and the end of the scale the sign changes once.
    let lower = if value <= 0.0 {
        0.0
    } else {
        bisect(value, 0.0, |t| value - t < spread(t))
    };
    let upper = if value >= 1.0 {
        1.0
    } else {
        bisect(value, 1.0, |t| t - value < spread(t))
    };
    Ok(Interval {
        lower,
        upper,
        level,
    })
}

/// The variance of Hanley and McNeil (1982, Radiology 143:29) under the exponential model:
/// `(a(1-a) + (m-1)(Q1-a^2) + (n-1)(Q2-a^2)) / (m n)`, `Q1 = a/(2-a)`, `Q2 = 2a^2/(1+a)`, for `m`
/// positives and `n` negatives. It does not look at the scores beyond their area.
#[must_use]
pub fn hanley_mcneil_variance(value: f64, positive: usize, negative: usize) -> f64 {
    let (m, n) = (positive as f64, negative as f64);
    let (q1, q2) = (value / (2.0 - value), 2.0 * value * value / (1.0 + value));
    (value * (1.0 - value) + (m - 1.0) * (q1 - value * value) + (n - 1.0) * (q2 - value * value))
        / (m * n)
}

/// The bootstrap interval of the area: cases drawn within their class, or whole clusters (those with
/// a positive apart from those without). One sort, then each replicate is counted by weights in O(n).
///
/// # Errors
/// As [`mann_whitney_auc`] and [`BootstrapInterval::of`]; not estimable under perfect separation,
/// for then every replicate is the same.
pub fn bootstrap_auc(
    truth: &[bool],
    score: &[f64],
    cluster: Option<&[usize]>,
    method: BootstrapInterval,
    replicates: u64,
    seed: u64,
    level: f64,
) -> Result<Interval, StatisticsError> {
    two_sided_z(level)?;
    let levels = Levels::new(truth, score)?;
    let units = levels.resampling(truth, cluster)?;
    let value = super::levels::area(&levels.counts).unwrap_or(f64::NAN);
    let values = units.replicates(&levels, seed, replicates, super::levels::area);
    let jackknife = match method {
        BootstrapInterval::Bca => left_out(truth, &levels, cluster)?,
        _ => Vec::new(),
    };
    method.of(value, &values, &jackknife, level)
}

/// The area without each case, or without each cluster, from the components in O(n): leaving out
/// cluster g takes away its positives' pairs and its negatives' pairs, less those counted twice.
fn left_out(
    truth: &[bool],
    levels: &Levels,
    cluster: Option<&[usize]>,
) -> Result<Vec<Option<f64>>, StatisticsError> {
    let (m, n) = (levels.positive as f64, levels.negative as f64);
    let components = levels.components(truth);
    let wins: f64 = truth
        .iter()
        .zip(&components)
        .filter(|(t, _)| **t)
        .map(|(_, v)| v * n)
        .sum();
    let area = |wins: f64, m: f64, n: f64| (m > 0.0 && n > 0.0).then(|| wins / (m * n));
    let Some(codes) = cluster else {
        return Ok(truth
            .iter()
            .zip(&components)
            .map(|(t, v)| {
                if *t {
                    area(wins - v * n, m - 1.0, n)
                } else {
                    area(wins - v * m, m, n - 1.0)
                }
            })
            .collect());
    };
    check_length(truth.len(), codes.len(), "cluster")?;
    let mut rows: Vec<(usize, u32, bool, f64)> = codes
        .iter()
        .zip(&levels.of_row)
        .zip(truth.iter().zip(&components))
        .map(|((c, level), (t, v))| (*c, *level, *t, *v))
        .collect();
    rows.sort_unstable_by_key(|r| (r.0, r.1));
    Ok(rows
        .chunk_by(|a, b| a.0 == b.0)
        .map(|members| {
            let (mut own_wins, mut a, mut b, mut taken) = (0.0, 0.0, 0.0, 0.0);
            for ties in members.chunk_by(|x, y| x.1 == y.1) {
                let here = ties.iter().filter(|r| r.2).count() as f64;
                let there = ties.len() as f64 - here;
                own_wins += here * (b + there / 2.0);
                a += here;
                b += there;
                taken += ties
                    .iter()
                    .map(|r| if r.2 { r.3 * n } else { r.3 * m })
                    .sum::<f64>();
            }
            area(wins - (taken - own_wins), m - a, n - b)
        })
        .collect())
}

/// Whole-number sums of the placements, in halves.
pub(crate) struct Tally {
    positive: u64,
    negative: u64,
    positives_before: u64,
    negatives_before: u64,
    /// Sum over positives of twice the negatives below, and of its square.
    of_positive: (u128, u128),
    /// Sum over negatives of twice the positives above, and of its square.
    of_negative: (u128, u128),
}

impl Tally {
    fn of(positive: &[f64], negative: &[f64]) -> Result<Self, StatisticsError> {
        if positive.iter().chain(negative).any(|s| s.is_nan()) {
            return Err(StatisticsError::Data(
                "a score is not a number; refuse the case before its score is counted".into(),
            ));
        }
        let mut tally = Self::new(positive.len() as u64, negative.len() as u64)?;
        let (positive, negative) = (sorted_keys(positive), sorted_keys(negative));
        let (mut rest_positive, mut rest_negative) = (positive.as_slice(), negative.as_slice());
        while let Some(key) = match (rest_positive.first(), rest_negative.first()) {
            (Some(a), Some(b)) => Some(*a.min(b)),
            (a, b) => a.or(b).copied(),
        } {
            let (a, after) = run(rest_positive, key);
            rest_positive = after;
            let (b, after) = run(rest_negative, key);
            rest_negative = after;
            tally.level(a, b);
        }
        Ok(tally)
    }

    /// For this many cases, none counted yet.
    pub(crate) fn new(positive: u64, negative: u64) -> Result<Self, StatisticsError> {
        both_classes(positive as usize, negative as usize)?;
        // Below this no sum leaves 128 bits.
        if positive.max(negative) > 1 << 30 {
            return Err(StatisticsError::Data(format!(
                "{} cases of one class; at most {} are ranked",
                positive.max(negative),
                1u64 << 30
            )));
        }
        Ok(Self {
            positive,
            negative,
            positives_before: 0,
            negatives_before: 0,
            of_positive: (0, 0),
            of_negative: (0, 0),
        })
    }

    /// Counts `a` positives and `b` negatives at the next higher score.
    #[inline]
    pub(crate) fn level(&mut self, a: u64, b: u64) {
        let below = u128::from(2 * self.negatives_before + b);
        let above = u128::from(2 * (self.positive - self.positives_before) - a);
        self.of_positive.0 += u128::from(a) * below;
        self.of_positive.1 += u128::from(a) * below * below;
        self.of_negative.0 += u128::from(b) * above;
        self.of_negative.1 += u128::from(b) * above * above;
        self.positives_before += a;
        self.negatives_before += b;
    }

    pub(crate) fn value(&self) -> f64 {
        self.of_positive.0 as f64
            / (2 * u128::from(self.positive) * u128::from(self.negative)) as f64
    }

    /// DeLong's variance. Refused where it is 0 or has no estimate.
    pub(crate) fn variance(&self) -> Result<f64, StatisticsError> {
        let value = self.value();
        if self.positive < 2 || self.negative < 2 {
            return Err(StatisticsError::not_estimable(format!(
                "the area is {value}, but with {} positive and {} negative cases its variance has no estimate; two of each are needed",
                self.positive, self.negative
            )));
        }
        // The variance of the placements' mean: (k S2 - S1^2) / (k (k-1)) / k, in units of 1/(2 n).
        let part = |k: u64, other: u64, (sum, square): (u128, u128)| {
            let k = u128::from(k);
            let spread = k * square - sum * sum;
            spread as f64 / (k * k * (k - 1)) as f64 / (4.0 * (other as f64) * (other as f64))
        };
        let variance = part(self.positive, self.negative, self.of_positive)
            + part(self.negative, self.positive, self.of_negative);
        positive_variance(value, variance)?;
        Ok(variance)
    }
}

fn run(keys: &[u64], key: u64) -> (u64, &[u64]) {
    let length = keys.iter().take_while(|k| **k == key).count();
    (length as u64, keys.get(length..).unwrap_or(&[]))
}

/// Refuses a variance that is 0, with the reason the area itself gives.
pub(crate) fn positive_variance(value: f64, variance: f64) -> Result<(), StatisticsError> {
    if variance > 0.0 {
        return Ok(());
    }
    Err(StatisticsError::not_estimable(
        if value == 0.0 || value == 1.0 {
            format!(
                "the classes are perfectly separated (area {value}), so the estimated variance is 0 and says nothing"
            )
        } else {
            format!(
                "the area is {value} and its estimated variance is {variance:.3e}: the score does not vary enough within the classes"
            )
        },
    ))
}

/// DeLong's components of one or more scores on the same rows.
pub(crate) struct Components {
    pub(crate) areas: Vec<f64>,
    pub(crate) positive: usize,
    pub(crate) negative: usize,
    /// The rows, positives before negatives.
    rows: Vec<u32>,
    /// By score, in the order of `rows`: of a positive twice the negatives it exceeds, of a negative
    /// twice the positives that exceed it, ties counting one. Whole, so that sums are exact.
    placements: Vec<Vec<u32>>,
}

/// An area, or what it exceeds another area by.
pub(super) type Contrast = (usize, Option<usize>);

impl Components {
    pub(crate) fn new(truth: &[bool], scores: &[&[f64]]) -> Result<Self, StatisticsError> {
        let positive = truth.iter().filter(|t| **t).count();
        let negative = truth.len() - positive;
        let mut all = Self {
            areas: Vec::new(),
            positive,
            negative,
            rows: vec![0; truth.len()],
            placements: Vec::new(),
        };
        let (mut next_positive, mut next_negative) = (0, positive);
        for (t, row) in truth.iter().zip(0..) {
            let place = if *t { next_positive } else { next_negative };
            if let Some(slot) = all.rows.get_mut(place) {
                *slot = row;
            }
            next_positive += usize::from(*t);
            next_negative += usize::from(!*t);
        }
        for score in scores {
            check_scores(truth.len(), score)?;
            both_classes(positive, negative)?;
            let by_class: Vec<f64> = all
                .rows
                .iter()
                .map(|row| score.get(*row as usize).copied().unwrap_or(f64::NAN))
                .collect();
            let mut placements = vec![0; truth.len()];
            visit_placements(&by_class, positive, |place, halves| {
                if let Some(slot) = placements.get_mut(place) {
                    *slot = halves as u32;
                }
            });
            all.placements.push(placements);
            all.areas
                .push(all.twice_wins(all.areas.len()) as f64 / (2 * positive * negative) as f64);
        }
        Ok(all)
    }

    fn twice_wins(&self, score: usize) -> u64 {
        let placements = self.placements.get(score).map_or(&[][..], Vec::as_slice);
        placements
            .iter()
            .take(self.positive)
            .map(|halves| u64::from(*halves))
            .sum()
    }

    /// The covariance matrix of the areas: DeLong's, or Obuchowski's where clusters are given.
    pub(crate) fn covariance(
        &self,
        cluster: Option<&[usize]>,
    ) -> Result<Vec<Vec<f64>>, StatisticsError> {
        let areas: Vec<Contrast> = (0..self.areas.len()).map(|i| (i, None)).collect();
        Ok(self.spread(cluster)?.covariance(&areas))
    }

    /// What the covariance of areas and of their differences is computed from.
    pub(super) fn spread(&self, cluster: Option<&[usize]>) -> Result<Spread, StatisticsError> {
        let Some(codes) = cluster else {
            if self.positive < 2 || self.negative < 2 {
                return Err(StatisticsError::not_estimable(format!(
                    "with {} positive and {} negative cases the variance has no estimate; two of each are needed",
                    self.positive, self.negative
                )));
            }
            let classes: Vec<(&[u32], &[u32])> = self
                .placements
                .iter()
                .map(|p| p.split_at(self.positive))
                .collect();
            let positives: Vec<&[u32]> = classes.iter().map(|c| c.0).collect();
            let negatives: Vec<&[u32]> = classes.iter().map(|c| c.1).collect();
            return Ok(Spread::Cases([
                Class::of(&positives, self.positive, self.negative),
                Class::of(&negatives, self.negative, self.positive),
            ]));
        };
        check_length(self.rows.len(), codes.len(), "cluster")?;
        let mut names = codes.to_vec();
        names.sort_unstable();
        names.dedup();
        let places: Vec<usize> = self
            .rows
            .iter()
            .map(|row| {
                codes
                    .get(*row as usize)
                    .map_or(0, |c| names.binary_search(c).unwrap_or(0))
            })
            .collect();
        let (of_positives, of_negatives) = places.split_at(self.positive);
        let sums = |places: &[usize], values: &mut dyn Iterator<Item = u32>| {
            let mut sums = vec![0i128; names.len()];
            for (place, value) in places.iter().zip(values) {
                if let Some(sum) = sums.get_mut(*place) {
                    *sum += i128::from(value);
                }
            }
            sums
        };
        let positives = sums(of_positives, &mut std::iter::repeat(1));
        let negatives = sums(of_negatives, &mut std::iter::repeat(1));
        let with = |members: &[i128]| members.iter().filter(|k| **k > 0).count();
        let (with_positive, with_negative) = (with(&positives), with(&negatives));
        if with_positive < 2 || with_negative < 2 {
            return Err(StatisticsError::not_estimable(format!(
                "{with_positive} clusters hold a positive and {with_negative} a negative; two of each are needed for a variance"
            )));
        }
        // The sum of a cluster's components less its expectation, in units of 1/(2 m n).
        let less_expected = |sums: Vec<i128>, members: &[i128], class: usize, wins: u64| {
            sums.iter()
                .zip(members)
                .map(|(sum, k)| class as i128 * sum - k * i128::from(wins))
                .collect::<Vec<i128>>()
        };
        let sums = self
            .placements
            .iter()
            .enumerate()
            .map(|(score, placements)| {
                let (a, b) = placements.split_at(self.positive);
                let (a, b) = (
                    sums(of_positives, &mut a.iter().copied()),
                    sums(of_negatives, &mut b.iter().copied()),
                );
                let wins = self.twice_wins(score);
                [
                    less_expected(a, &positives, self.positive, wins),
                    less_expected(b, &negatives, self.negative, wins),
                ]
            })
            .collect();
        let correction = |clusters: usize| clusters as f64 / (clusters as f64 - 1.0);
        Ok(Spread::Clusters {
            sums,
            unit: 2.0 * self.positive as f64 * self.negative as f64,
            classes: [self.positive as f64, self.negative as f64],
            corrections: [with_positive, with_negative, names.len()].map(correction),
        })
    }
}

/// See [`Components::spread`].
pub(super) enum Spread {
    /// The positives' and the negatives' placements.
    Cases([Class; 2]),
    /// By score the sums of the positives' and of the negatives' components in each cluster less
    /// their expectation, in units of `1 / unit`; the sizes of the classes; `I/(I-1)` for the clusters
    /// with a positive, with a negative, and all.
    Clusters {
        sums: Vec<[Vec<i128>; 2]>,
        unit: f64,
        classes: [f64; 2],
        corrections: [f64; 3],
    },
}

impl Spread {
    /// The covariance matrix of areas and differences of areas.
    pub(super) fn covariance(&self, contrasts: &[Contrast]) -> Vec<Vec<f64>> {
        match self {
            Self::Cases(classes) => symmetric(contrasts, |x, y| {
                classes.iter().map(|class| class.covariance(*x, *y)).sum()
            }),
            Self::Clusters {
                sums,
                unit,
                classes: [m, n],
                corrections: [c10, c01, c11],
            } => {
                let column = |(score, less): Contrast, class: usize| -> Vec<f64> {
                    let of = |score: usize| sums.get(score).and_then(|s| s.get(class));
                    let less = less
                        .and_then(of)
                        .into_iter()
                        .flatten()
                        .chain(std::iter::repeat(&0));
                    of(score)
                        .into_iter()
                        .flatten()
                        .zip(less)
                        .map(|(a, b)| (a - b) as f64 / unit)
                        .collect()
                };
                let columns: Vec<[Vec<f64>; 2]> = contrasts
                    .iter()
                    .map(|c| [column(*c, 0), column(*c, 1)])
                    .collect();
                symmetric(&columns, |[ra, rb], [sa, sb]| {
                    let (mut a, mut b, mut across) = (0.0, 0.0, 0.0);
                    for ((ra, rb), (sa, sb)) in ra.iter().zip(rb).zip(sa.iter().zip(sb)) {
                        a += ra * sa;
                        b += rb * sb;
                        across += ra * sb + rb * sa;
                    }
                    c10 * a / (m * m) + c01 * b / (n * n) + c11 * across / (m * n)
                })
            }
        }
    }
}

/// The spread of one class's placements.
pub(super) struct Class {
    /// For each two scores x and y `k sum(x y) - sum(x) sum(y)` over the class's k cases.
    products: Vec<Vec<i128>>,
    /// `k^2 (k - 1)`.
    divisor: f64,
    /// The square of twice the other class's size.
    unit: f64,
}

impl Class {
    fn of(placements: &[&[u32]], cases: usize, others: usize) -> Self {
        let k = cases as u128;
        let sums: Vec<u128> = placements
            .iter()
            .map(|p| p.iter().map(|halves| u128::from(*halves)).sum())
            .collect();
        let columns: Vec<(&[u32], u128)> = placements.iter().copied().zip(sums).collect();
        Self {
            products: symmetric(&columns, |(x, of_x), (y, of_y)| {
                (k * sum_of_products(x, y)) as i128 - (of_x * of_y) as i128
            }),
            divisor: (k * k * (k - 1)) as f64,
            unit: 4.0 * (others as f64) * (others as f64),
        }
    }

    /// The part that this class has in the covariance of two areas or differences.
    fn covariance(&self, x: Contrast, y: Contrast) -> f64 {
        let at = |i: usize, j: usize| {
            let row = self.products.get(i);
            row.and_then(|r| r.get(j)).copied().unwrap_or(0)
        };
        let with = |i: usize| at(i, y.0) - y.1.map_or(0, |j| at(i, j));
        let product = with(x.0) - x.1.map_or(0, with);
        product as f64 / self.divisor / self.unit
    }
}

fn sum_of_products(x: &[u32], y: &[u32]) -> u128 {
    // Placements are below 2e8 (see `check_scores`): 256 products stay within 64 bits.
    let products = |(x, y): (&[u32], &[u32])| {
        x.iter().zip(y).fold(0u64, |sum, (a, b)| {
            sum.wrapping_add(u64::from(*a).wrapping_mul(u64::from(*b)))
        })
    };
    x.chunks(256)
        .zip(y.chunks(256))
        .map(|pieces| u128::from(products(pieces)))
        .sum()
}

/// The symmetric matrix with these entries; only those on and below the diagonal are computed.
fn symmetric<T, E: Copy + Default>(columns: &[T], entry: impl Fn(&T, &T) -> E) -> Vec<Vec<E>> {
    let mut lower: Vec<Vec<E>> = Vec::with_capacity(columns.len());
    for (i, r) in columns.iter().enumerate() {
        lower.push(columns.iter().take(i + 1).map(|s| entry(r, s)).collect());
    }
    let at = |i: usize, j: usize| lower.get(i).and_then(|r| r.get(j)).copied();
    (0..columns.len())
        .map(|i| {
            (0..columns.len())
                .map(|j| at(i.max(j), i.min(j)).unwrap_or_default())
                .collect()
        })
        .collect()
}

/// The last point, going from `from` towards `to`, at which `holds` is still true (it holds at once
/// beyond `from`), to the last digit.
fn bisect(from: f64, to: f64, holds: impl Fn(f64) -> bool) -> f64 {
    // At an estimate of 0 or 1 the two sides touch at the estimate itself: start a little inside.
    let (mut inside, mut outside) = (from + (to - from) * 1e-12, to);
    for _ in 0..200 {
        let middle = f64::midpoint(inside, outside);
        if middle == inside || middle == outside {
            break;
        }
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    f64::midpoint(inside, outside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// testdata/statistics/delong.json: AUC by scikit-learn, variance by the definition of 1988 in
    /// O(n^2), z by scipy; testdata/statistics/delong.py makes it.
    #[test]
    fn delong_agrees_with_the_definition_and_with_scikit_learn() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../testdata/statistics/delong.json"
        );
        let cases: Vec<serde_json::Value> =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            let list = |k: &str| -> Vec<f64> {
                case[k]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|v| v.as_f64().unwrap())
                    .collect()
            };
            let got = delong_auc(&list("positive"), &list("negative"), 0.95).unwrap();
            for (name, value) in [
                ("auc", got.value),
                ("variance", got.variance),
                ("lower", got.interval.lower),
                ("upper", got.interval.upper),
            ] {
                let expected = case[name].as_f64().unwrap();
                assert!(
                    (value - expected).abs() <= 1e-12 * expected.abs(),
                    "{name}: {value} against {expected}"
                );
            }
        }
    }

    #[test]
    fn too_few_cases_are_not_estimable_and_no_number_is_refused() {
        let refused = |p: &[f64], n: &[f64]| {
            matches!(
                delong_auc(p, n, 0.95),
                Err(StatisticsError::NotEstimable(_))
            )
        };
        assert!(refused(&[0.5], &[0.1, 0.2]));
        assert!(refused(&[0.5, 0.4], &[]));
        assert!(refused(&[], &[]));
        // Perfect separation either way, and a constant score.
        assert!(refused(&[0.8, 0.9], &[0.1, 0.2]));
        assert!(refused(&[0.1, 0.2], &[0.8, 0.9]));
        assert!(refused(&[0.5, 0.5], &[0.5, 0.5]));
        assert!(matches!(
            delong_auc(&[f64::NAN, 0.4], &[0.1, 0.2], 0.95),
            Err(StatisticsError::Data(_))
        ));
        assert!(delong_auc(&[0.3, 0.4], &[0.1, 0.35], 1.0).is_err());
    }

    #[test]
    fn infinite_and_tiny_scores_rank_and_zeros_tie() {
        let inf = f64::INFINITY;
        assert_eq!(mann_whitney_auc(&[0.0], &[-0.0]).unwrap(), 0.5);
        assert_eq!(
            mann_whitney_auc(&[1e-301, 1e300], &[0.0, 1e-302]).unwrap(),
            1.0
        );
        assert_eq!(
            mann_whitney_auc(&[inf, -inf], &[0.0, inf]).unwrap(),
            (1.0 + 0.5) / 4.0
        );
    }

    proptest! {
        #[test]
        fn swapping_the_classes_mirrors_the_area(
            a in prop::collection::vec(-5i32..5, 2..40), b in prop::collection::vec(-5i32..5, 2..40)
        ) {
            let f = |v: &[i32], s: f64| v.iter().map(|x| s * f64::from(*x)).collect::<Vec<_>>();
            let one = delong_auc(&f(&a, 1.0), &f(&b, 1.0), 0.95);
            prop_assume!(one.is_ok());
            let one = one.unwrap();
            for two in [delong_auc(&f(&b, 1.0), &f(&a, 1.0), 0.95), delong_auc(&f(&a, -1.0), &f(&b, -1.0), 0.95)] {
                let two = two.unwrap();
                prop_assert!((one.value + two.value - 1.0).abs() < 1e-14);
                prop_assert!((one.variance - two.variance).abs() < 1e-14);
            }
        }

        #[test]
        fn the_area_does_not_change_under_a_rising_map(
            a in prop::collection::vec(-5i32..5, 2..30), b in prop::collection::vec(-5i32..5, 2..30)
        ) {
            let map = |v: &[i32], f: fn(f64) -> f64| v.iter().map(|x| f(f64::from(*x))).collect::<Vec<_>>();
            let one = delong_auc(&map(&a, |x| x), &map(&b, |x| x), 0.9);
            let two = delong_auc(&map(&a, |x| 3.0 + x.exp()), &map(&b, |x| 3.0 + x.exp()), 0.9);
            prop_assert_eq!(one, two);
        }

        #[test]
        fn clusters_of_one_row_give_delong(
            rows in prop::collection::vec((any::<bool>(), -5i32..5), 6..50)
        ) {
            let truth: Vec<bool> = rows.iter().map(|r| r.0).collect();
            let score: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
            let class = |c: bool| rows.iter().filter(|r| r.0 == c).map(|r| f64::from(r.1)).collect::<Vec<_>>();
            let one = delong_auc(&class(true), &class(false), 0.95);
            let own: Vec<usize> = (0..rows.len()).map(|i| 1000 - 3 * i).collect();
            match (one, clustered_auc(&truth, &score, &own, 0.95)) {
                (Ok(a), Ok(b)) => {
                    prop_assert_eq!(a.value, b.value);
                    prop_assert!((a.variance - b.variance).abs() <= 1e-12 * a.variance);
                }
                (a, b) => prop_assert!(a.is_err() && b.is_err()),
            }
        }

        #[test]
        fn leaving_out_agrees_with_counting_again(
            rows in prop::collection::vec((any::<bool>(), -5i32..5, 0usize..6), 6..40)
        ) {
            let truth: Vec<bool> = rows.iter().map(|r| r.0).collect();
            let score: Vec<f64> = rows.iter().map(|r| f64::from(r.1)).collect();
            let cluster: Vec<usize> = rows.iter().map(|r| r.2).collect();
            let Ok(levels) = Levels::new(&truth, &score) else { return Ok(()); };
            let quick = left_out(&truth, &levels, Some(&cluster)).unwrap();
            let mut names = cluster.clone();
            names.sort_unstable();
            names.dedup();
            prop_assert_eq!(quick.len(), names.len());
            for (name, got) in names.into_iter().zip(quick) {
                let class = |c: bool| rows.iter().filter(|r| r.0 == c && r.2 != name).map(|r| f64::from(r.1)).collect::<Vec<_>>();
                match (got, mann_whitney_auc(&class(true), &class(false))) {
                    (Some(a), Ok(b)) => prop_assert!((a - b).abs() < 1e-12),
                    (a, b) => prop_assert!(a.is_none() && b.is_err()),
                }
            }
        }
    }
}
