//! Bootstrap, jackknife and permutation over whole clusters, stratified where asked, with one random
//! stream for each replicate: the same seed gives the same digits on any number of threads.

use std::cmp::Ordering;

use rayon::prelude::*;

use crate::distribution::{normal_cdf, normal_quantile};
use crate::number::{Interval, StatisticsError};
use crate::random::Philox;

/// What is drawn with replacement: clusters of rows, within strata.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// The rows of each cluster.
    clusters: Vec<Vec<usize>>,
    /// The clusters of each stratum.
    strata: Vec<Vec<usize>>,
}

impl Units {
    /// Each of `rows` rows on its own, in one stratum.
    #[must_use]
    pub fn independent(rows: usize) -> Self {
        Self {
            clusters: (0..rows).map(|r| vec![r]).collect(),
            strata: vec![(0..rows).collect()],
        }
    }

    /// The rows of one cluster code together; without codes each row on its own. With `strata`, a
    /// cluster belongs to the stratum of its first row, and as many clusters are drawn in each
    /// stratum as it has.
    #[must_use]
    pub fn new(rows: usize, cluster: Option<&[usize]>, strata: Option<&[usize]>) -> Self {
        let clusters: Vec<Vec<usize>> = match cluster {
            None => (0..rows).map(|r| vec![r]).collect(),
            Some(codes) => gather(codes),
        };
        let strata = match strata {
            None => vec![(0..clusters.len()).collect()],
            Some(codes) => {
                let own: Vec<usize> = clusters
                    .iter()
                    .map(|c| c.first().and_then(|r| codes.get(*r)).copied().unwrap_or(0))
                    .collect();
                gather(&own)
            }
        };
        Self { clusters, strata }
    }

    /// How many clusters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.clusters.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clusters.is_empty()
    }

    /// The rows of each cluster.
    #[must_use]
    pub fn clusters(&self) -> &[Vec<usize>] {
        &self.clusters
    }

    /// The rows of replicate `replicate` under `seed`; rows appear as often as their cluster is drawn.
    #[must_use]
    pub fn draw(&self, seed: u64, replicate: u64) -> Vec<usize> {
        let mut random = Philox::new(seed, replicate);
        let mut rows = Vec::new();
        for stratum in &self.strata {
            for _ in 0..stratum.len() {
                let cluster = stratum.get(random.below(stratum.len())).copied();
                rows.extend(
                    cluster
                        .and_then(|c| self.clusters.get(c))
                        .into_iter()
                        .flatten(),
                );
            }
        }
        rows
    }

    /// `statistic` on each replicate's rows, in the order of the replicates.
    pub fn bootstrap<T: Send>(
        &self,
        seed: u64,
        replicates: u64,
        statistic: impl Fn(&[usize]) -> T + Sync,
    ) -> Vec<T> {
        (0..replicates)
            .into_par_iter()
            .map(|b| statistic(&self.draw(seed, b)))
            .collect()
    }

    /// `statistic` with each cluster left out in turn.
    pub fn jackknife<T: Send>(&self, statistic: impl Fn(&[usize]) -> T + Sync) -> Vec<T> {
        (0..self.clusters.len())
            .into_par_iter()
            .map(|left_out| {
                let rows: Vec<usize> = self
                    .clusters
                    .iter()
                    .enumerate()
                    .filter(|(c, _)| *c != left_out)
                    .flat_map(|(_, rows)| rows.iter().copied())
                    .collect();
                statistic(&rows)
            })
            .collect()
    }
}

fn gather(codes: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: std::collections::BTreeMap<usize, Vec<usize>> =
        std::collections::BTreeMap::new();
    for (at, code) in codes.iter().enumerate() {
        groups.entry(*code).or_default().push(at);
    }
    groups.into_values().collect()
}

/// How a bootstrap interval is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootstrapInterval {
    /// Quantiles of the replicates (Efron 1979).
    Percentile,
    /// Bias-corrected and accelerated (Efron 1987); the acceleration from the jackknife.
    Bca,
    /// Twice the estimate less the quantiles.
    Basic,
}

impl BootstrapInterval {
    /// The words of the `interval` setting, in the order of the variants.
    pub const WORDS: &'static [&'static str] = &["percentile", "bca", "basic"];

    /// By its word; percentile for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "bca" => Self::Bca,
            "basic" => Self::Basic,
            _ => Self::Percentile,
        }
    }

    /// Its id in results: `bootstrap.percentile`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Percentile => "bootstrap.percentile",
            Self::Bca => "bootstrap.bca",
            Self::Basic => "bootstrap.basic",
        }
    }

    /// The interval of `estimate` from its replicates and, for BCa, its jackknife values (`None`
    /// replicates had no value; they are left out, and more than a tenth of them is refused).
    ///
    /// # Errors
    /// Not estimable when too few replicates have a value, when so few differ that both limits fall on one
    /// value (an interval without width would claim certainty), or BCa has no jackknife spread.
    pub fn of(
        self,
        estimate: f64,
        replicates: &[Option<f64>],
        jackknife: &[Option<f64>],
        level: f64,
    ) -> Result<Interval, StatisticsError> {
        let mut values: Vec<f64> = replicates
            .iter()
            .flatten()
            .copied()
            .filter(|v| !v.is_nan())
            // -0, which an empty sum gives, is 0 in the reasons below.
            .map(|v| v + 0.0)
            .collect();
        if values.len() < 100 || values.len() * 10 < replicates.len() * 9 {
            return Err(StatisticsError::not_estimable(format!(
                "{} of {} bootstrap replicates have no value",
                replicates.len() - values.len(),
                replicates.len()
            )));
        }
        values.sort_unstable_by(f64::total_cmp);
        if let (Some(least), Some(most)) = (values.first(), values.last())
            && least == most
        {
            return Err(StatisticsError::not_estimable(format!(
                "every replicate is {least}, so the interval would have no width"
            )));
        }
        let (low, high) = ((1.0 - level) / 2.0, f64::midpoint(1.0, level));
        let (lower, upper) = match self {
            Self::Percentile => (quantile(&values, low), quantile(&values, high)),
            Self::Basic => (
                2.0 * estimate - quantile(&values, high),
                2.0 * estimate - quantile(&values, low),
            ),
            Self::Bca => {
                let below = values.iter().filter(|v| **v < estimate).count() as f64
                    + values.iter().filter(|v| **v == estimate).count() as f64 / 2.0;
                let z0 = normal_quantile(below / values.len() as f64);
                let jack: Vec<f64> = jackknife.iter().flatten().copied().collect();
                if jack.len() != jackknife.len() || jack.len() < 2 {
                    return Err(StatisticsError::not_estimable(
                        "leaving one unit out leaves no value, so BCa has no acceleration; use percentile",
                    ));
                }
                let mean = jack.iter().sum::<f64>() / jack.len() as f64;
                let square: f64 = jack.iter().map(|v| (mean - v).powi(2)).sum();
                let cube: f64 = jack.iter().map(|v| (mean - v).powi(3)).sum();
                if !(z0.is_finite() && square > 0.0) {
                    return Err(StatisticsError::not_estimable(
                        "the replicates do not spread around the estimate, so BCa has no interval",
                    ));
                }
                let a = cube / (6.0 * square.powf(1.5));
                let moved = |p: f64| {
                    let z = z0 + normal_quantile(p);
                    normal_cdf(z0 + z / (1.0 - a * z))
                };
                (
                    quantile(&values, moved(low)),
                    quantile(&values, moved(high)),
                )
            }
        };
        match lower.partial_cmp(&upper) {
            Some(Ordering::Less) => Ok(Interval {
                lower,
                upper,
                level,
            }),
            Some(Ordering::Equal) => Err(StatisticsError::not_estimable(format!(
                "all but a few replicates are {lower}, so both limits fall there and the interval would have no width"
            ))),
            _ => Err(StatisticsError::not_estimable(
                "the lower limit does not lie below the upper; use percentile",
            )),
        }
    }
}

/// The quantile of sorted values by linear interpolation (type 7 of Hyndman and Fan 1996; the
/// default of R and NumPy). NaN when there is none.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    if sorted.is_empty() || p.is_nan() {
        return f64::NAN;
    }
    let at = (sorted.len() - 1) as f64 * p.clamp(0.0, 1.0);
    let low = at.floor();
    let get = |i: f64| sorted.get(i as usize).copied().unwrap_or(f64::NAN);
    let (a, b) = (get(low), get(at.ceil()));
    if a == b { a } else { a + (at - low) * (b - a) }
}
