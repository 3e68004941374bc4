//! Arbitrary designs by U-statistics: the moments of Barrett, Clarkson and Kupinski (2005) and Gallas
//! (2006; Gallas, Bandos, Samuelson and Wagner 2009), as iMRMC computes them.

use super::merit::{PairSums, Ranked, pair_sums};
use super::obuchowski_rockette::{less, settled};
use super::student::{t_quantile, t_two_sided};
use super::study::Study;
use crate::number::{Interval, StatisticsError};

/// Which estimate of the variance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimator {
    /// Unbiased; may be negative.
    U,
    /// The V-statistic (nonparametric maximum likelihood); biased upward.
    V,
}

/// How the degrees of freedom enter the t distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DfRule {
    /// As iMRMC: rounded down; normal above 50.
    Imrmc,
    /// As they are.
    Fractional,
}

/// Moments of the products of two comparisons of readings in test A and in test B.
///
/// Order M1 to M8: the same reader, then different readers; within each the same positive and negative
/// case, the same positive only, the same negative only, neither.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// Mean area in test A: all comparisons weigh the same, so readers of more cases weigh more.
    pub auc_a: f64,
    /// Mean area in test B.
    pub auc_b: f64,
    /// Unbiased moments; 0 where no pair of readings has the pattern.
    pub unbiased: [f64; 8],
    /// V-statistic moments.
    pub biased: [f64; 8],
    /// Coefficients: shares of the patterns, less 1 for the last.
    pub coefficients: [f64; 8],
    /// Unbiased covariance of the two areas.
    pub covariance: f64,
    /// V-statistic covariance.
    pub covariance_biased: f64,
    /// V-statistic variance components of negative cases, positive cases and readers alone.
    pub components: [f64; 3],
    /// Effective numbers of negative cases, positive cases and readers, less 1.
    pub df: [f64; 3],
}

/// An area, or a difference of two, with its variances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Unbiased variance; may be negative.
    pub variance: f64,
    /// V-statistic variance.
    pub variance_biased: f64,
    /// BDG degrees of freedom with the unbiased variance; none when that is negative.
    pub df: Option<f64>,
    /// The same with the V-statistic variance.
    pub df_biased: Option<f64>,
    /// The smallest of the effective numbers of readers, positive and negative cases, less 1, below
    /// which the degrees of freedom do not fall.
    pub least_df: f64,
}

/// A t (or z) test and interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Inference {
    /// Standard error.
    pub standard_error: f64,
    /// Degrees of freedom that were used; infinite for z.
    pub df: f64,
    /// Two-sided interval.
    pub interval: Interval,
    /// Two-sided p-value of the null value.
    pub p_value: f64,
}

impl Estimate {
    fn of(
        value: f64,
        variance: f64,
        variance_biased: f64,
        components: [f64; 3],
        df: [f64; 3],
    ) -> Self {
        let error: f64 = components
            .iter()
            .zip(df)
            .map(|(c, d)| c * c / d.powi(3))
            .sum();
        let least = df.iter().copied().fold(f64::INFINITY, f64::min);
        // Not below the smallest of the three (Gaylor and Hopper 1969).
        let own = |v: f64| {
            (v >= 0.0)
                .then(|| (v * v / error).max(least))
                .filter(|d| !d.is_nan())
        };
        Self {
            value,
            variance,
            variance_biased,
            df: own(variance),
            df_biased: own(variance_biased),
            least_df: least,
        }
    }

    /// The test of `null` and the interval.
    ///
    /// # Errors
    /// Not estimable when the variance is not positive or the degrees of freedom are below 1.
    pub fn infer(
        &self,
        estimator: Estimator,
        rule: DfRule,
        null: f64,
        level: f64,
    ) -> Result<Inference, StatisticsError> {
        if !(level > 0.0 && level < 1.0) {
            return Err(StatisticsError::setting(
                "level",
                level,
                "it lies between 0 and 1, such as 0.95",
            ));
        }
        let (variance, df) = match estimator {
            Estimator::U => (self.variance, self.df),
            Estimator::V => (self.variance_biased, self.df_biased),
        };
        let df = match (rule, df) {
            (DfRule::Imrmc, Some(d)) if d > 50.0 => f64::INFINITY,
            (DfRule::Imrmc, Some(d)) => d.floor(),
            (DfRule::Fractional, Some(d)) => d,
            (_, None) => f64::NAN,
        };
        if !(variance > 0.0 && variance.is_finite()) {
            return Err(StatisticsError::not_estimable(format!(
                "the variance estimate is {variance:.3e}, not positive{}",
                if estimator == Estimator::U {
                    "; the V-statistic (variance v) is never negative"
                } else {
                    ""
                }
            )));
        }
        if df.is_nan() || df < 1.0 {
            return Err(StatisticsError::not_estimable(
                "the degrees of freedom are below 1: too few readers or cases",
            ));
        }
        let standard_error = variance.sqrt();
        let t = (self.value - null) / standard_error;
        let upper = f64::midpoint(1.0, level);
        let (quantile, p_value) = (t_quantile(upper, df), t_two_sided(t, df));
        Ok(Inference {
            standard_error,
            df,
            interval: Interval {
                lower: self.value - quantile * standard_error,
                upper: self.value + quantile * standard_error,
                level,
            },
            p_value,
        })
    }
}

/// The U-statistic analysis of all tests of a study.
#[derive(Clone, Debug, PartialEq)]
pub struct UStatistics {
    /// Area in each cell: test, reader, area, positive and negative readings.
    pub cells: Vec<(usize, usize, f64, usize, usize)>,
    /// Moments of each test with itself.
    pub tests: Vec<Moments>,
    /// Each test's area.
    pub estimates: Vec<Estimate>,
    /// For each pair of tests (a before b): their moments and the difference a less b.
    pub pairs: Vec<(usize, usize, Moments, Estimate)>,
}

impl UStatistics {
    /// Moments, variances and degrees of freedom. Time grows with the product of positive and negative
    /// readings for each pair of readers, memory with the readings.
    ///
    /// # Errors
    /// Not estimable when a cell has no positive or no negative reading, or a test lacks two readers,
    /// two positive or two negative cases.
    pub fn new(study: &Study) -> Result<Self, StatisticsError> {
        let occupied = study.occupied();
        for (t, r) in &occupied {
            let cell = study.readings(*t, *r);
            if cell.positive.is_empty() || cell.negative.is_empty() {
                return Err(StatisticsError::not_estimable(format!(
                    "{} has {} positive and {} negative readings; the area needs one of each",
                    study.place(*t, *r),
                    cell.positive.len(),
                    cell.negative.len()
                )));
            }
        }
        let all: Vec<Ranked> = occupied
            .iter()
            .map(|(t, r)| Ranked::of(study.readings(*t, *r)))
            .collect();
        let sums = pair_sums(&all);
        let between = |a: usize, b: usize| {
            let (low, high) = (a.min(b), a.max(b));
            sums.get(high * (high + 1) / 2 + low)
                .copied()
                .unwrap_or_default()
        };
        let moments = |a: usize, b: usize| {
            let mut same = PairSums::default();
            let mut every = PairSums::default();
            let mut total = [(0.0, 0.0); 2];
            for (i, ((ti, ri), x)) in occupied.iter().zip(&all).enumerate() {
                for (slot, test) in total.iter_mut().zip([a, b]) {
                    if *ti == test {
                        slot.0 += x.total;
                        slot.1 += x.pairs();
                    }
                }
                if *ti != a {
                    continue;
                }
                for (j, (tj, rj)) in occupied.iter().enumerate() {
                    if *tj == b {
                        let own = between(i, j);
                        every.add(&own);
                        if ri == rj {
                            same.add(&own);
                        }
                    }
                }
            }
            let [first, second] = total.map(|(s, n)| s / n);
            Moments::of(first, second, &same, &every)
        };
        let mut tests = Vec::new();
        let mut estimates = Vec::new();
        for t in 0..study.tests.len() {
            let own = moments(t, t);
            if own.coefficients.last().is_none_or(|c| *c <= -1.0) {
                return Err(StatisticsError::not_estimable(format!(
                    "in test {} of {} (in the order of their names) no two readings differ in reader, positive and negative case: it needs two readers and two cases of each class",
                    t + 1,
                    study.tests.len()
                )));
            }
            estimates.push(Estimate::of(
                own.auc_a,
                own.covariance,
                own.covariance_biased,
                own.components,
                own.df,
            ));
            tests.push(own);
        }
        let mut pairs = Vec::new();
        for (a, (x, ea)) in tests.iter().zip(&estimates).enumerate() {
            for (b, (y, eb)) in tests.iter().zip(&estimates).enumerate().skip(a + 1) {
                let both = moments(a, b);
                let lowest = |i: [f64; 3], j: [f64; 3]| {
                    let ([a, b, c], [d, e, f]) = (i, j);
                    [a.min(d), b.min(e), c.min(f)]
                };
                let mut components = x.components;
                for ((c, y), both) in components.iter_mut().zip(y.components).zip(both.components) {
                    *c += y - 2.0 * both;
                }
                // What rounding leaves of 0 where the tests agree.
                let less_shared = |a: f64, b: f64, both: f64| {
                    settled(a + b - 2.0 * both, 1e-10 * (a.abs() + b.abs()))
                };
                let estimate = Estimate::of(
                    less(ea.value, eb.value),
                    less_shared(ea.variance, eb.variance, both.covariance),
                    less_shared(
                        ea.variance_biased,
                        eb.variance_biased,
                        both.covariance_biased,
                    ),
                    components,
                    lowest(x.df, y.df),
                );
                pairs.push((a, b, both, estimate));
            }
        }
        let cells = occupied
            .iter()
            .zip(&all)
            .map(|((t, r), c)| {
                (
                    *t,
                    *r,
                    c.total / c.pairs(),
                    c.positive.len(),
                    c.negative.len(),
                )
            })
            .collect();
        Ok(Self {
            cells,
            tests,
            estimates,
            pairs,
        })
    }
}

impl PairSums {
    fn add(&mut self, other: &Self) {
        for (a, b) in self.sums.iter_mut().zip(other.sums) {
            *a += b;
        }
        for (a, b) in self.counts.iter_mut().zip(other.counts) {
            *a += b;
        }
    }
}

impl Moments {
    /// From the sums over pairs of one reader and over all pairs of readers.
    fn of(auc_a: f64, auc_b: f64, same: &PairSums, every: &PairSums) -> Self {
        // Sums over pairs that coincide in exactly what the pattern says.
        let exact = |same: [f64; 4], every: [f64; 4]| {
            let only = |[both, positive, negative, all]: [f64; 4]| {
                [
                    both,
                    positive - both,
                    negative - both,
                    all - positive - negative + both,
                ]
            };
            let ([a, b, c, d], [e, f, g, h]) = (only(same), only(every));
            [a, b, c, d, e - a, f - b, g - c, h - d]
        };
        let sums = exact(same.sums, every.sums);
        let counts = exact(same.counts, every.counts);
        let over = |(s, n): (f64, f64)| if n > 0.0 { s / n } else { 0.0 };
        let divide = |s: [f64; 8], n: [f64; 8]| {
            let mut out = [0.0; 8];
            for (slot, pair) in out.iter_mut().zip(s.into_iter().zip(n)) {
                *slot = over(pair);
            }
            out
        };
        let join = |a: [f64; 4], b: [f64; 4]| {
            let ([p, q, r, s], [t, u, v, w]) = (a, b);
            [p, q, r, s, t, u, v, w]
        };
        let unbiased = divide(sums, counts);
        let biased = divide(join(same.sums, every.sums), join(same.counts, every.counts));
        let [.., all] = every.counts;
        let mut coefficients = counts.map(|n| n / all);
        if let Some(last) = coefficients.last_mut() {
            *last -= 1.0;
        }
        let dot = |m: &[f64; 8]| m.iter().zip(coefficients).map(|(m, c)| m * c).sum::<f64>();
        let [_, _, _, b4, _, b6, b7, b8] = biased;
        let [c1, c2, c3, c4, c5, c6, c7, _] = coefficients;
        Self {
            auc_a,
            auc_b,
            unbiased,
            biased,
            coefficients,
            covariance: dot(&unbiased),
            covariance_biased: dot(&biased),
            components: [b7 - b8, b6 - b8, b4 - b8],
            df: [c1 + c3 + c5 + c7, c1 + c2 + c5 + c6, c1 + c2 + c3 + c4]
                .map(|share| (1.0 / share - 1.0).round_ties_even()),
        }
    }
}
