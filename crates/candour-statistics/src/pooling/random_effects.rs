//! The random-effects model of one estimate per site: y_i = mu + u_i + e_i, u_i ~ N(0, tau2),
//! e_i ~ N(0, v_i), the within-site variances v_i taken as known.

use serde::Serialize;

use super::root;
use crate::distribution::{
    chi_squared_quantile, chi_squared_tail, normal_two_sided, t_quantile, t_two_sided, two_sided_z,
};
use crate::number::{Interval, StatisticsError};

/// Estimators of the between-site variance tau2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tau2Method {
    /// Restricted maximum likelihood.
    Reml,
    /// DerSimonian and Laird (1986), by moments of Cochran's Q.
    Dl,
    /// Paule and Mandel (1982): the generalised Q equals its expectation; the empirical-Bayes
    /// estimator of Morris (1983).
    Pm,
    /// Maximum likelihood.
    Ml,
    /// Sidik and Jonkman (2005), from the crude variance of the estimates.
    Sj,
    /// Hunter and Schmidt (1990).
    Hs,
    /// Hedges and Olkin (1985), from the unweighted variance.
    He,
    /// No between-site variance: one common effect.
    Fixed,
}

impl Tau2Method {
    /// The words of the `method` setting.
    pub const WORDS: &'static [&'static str] =
        &["reml", "dl", "pm", "ml", "sj", "hs", "he", "fixed"];

    /// Every estimator of tau2, in the order of the words.
    pub const ALL: [Self; 7] = [
        Self::Reml,
        Self::Dl,
        Self::Pm,
        Self::Ml,
        Self::Sj,
        Self::Hs,
        Self::He,
    ];

    /// By its word; REML for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "dl" => Self::Dl,
            "pm" => Self::Pm,
            "ml" => Self::Ml,
            "sj" => Self::Sj,
            "hs" => Self::Hs,
            "he" => Self::He,
            "fixed" => Self::Fixed,
            _ => Self::Reml,
        }
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Reml => "reml",
            Self::Dl => "dl",
            Self::Pm => "pm",
            Self::Ml => "ml",
            Self::Sj => "sj",
            Self::Hs => "hs",
            Self::He => "he",
            Self::Fixed => "fixed",
        }
    }
}

/// How the pooled estimate is tested and its interval made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PooledTest {
    /// Hartung and Knapp (2001), Sidik and Jonkman (2002): variance rescaled by the weighted residual
    /// mean square, t with k - 1 degrees of freedom.
    Knha,
    /// As `knha`, but the scale is never below 1 (Knapp and Hartung 2003, ad hoc).
    KnhaAdhoc,
    /// Wald with the t distribution, k - 1 degrees of freedom.
    T,
    /// Wald with the normal distribution: undercovers with few sites.
    Z,
}

impl PooledTest {
    /// The words of the `test` setting.
    pub const WORDS: &'static [&'static str] = &["knha", "knha-adhoc", "t", "z"];

    /// By its word; `knha` for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "knha-adhoc" => Self::KnhaAdhoc,
            "t" => Self::T,
            "z" => Self::Z,
            _ => Self::Knha,
        }
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Knha => "knha",
            Self::KnhaAdhoc => "knha-adhoc",
            Self::T => "t",
            Self::Z => "z",
        }
    }
}

/// The distribution behind the prediction interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Prediction {
    /// The same as that of the test: t with k - 1 degrees of freedom, or normal (metafor's default).
    AsTest,
    /// t with k - 2 degrees of freedom, at least 1 (Higgins, Thompson and Spiegelhalter 2009; Riley 2011).
    Riley,
}

/// A between-site variance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tau2 {
    /// The estimate, 0 where the equation has no positive root.
    pub value: f64,
    /// Standard error from the expected information; for ML and REML only.
    pub standard_error: Option<f64>,
    /// Whether the estimate was set to 0, the boundary.
    pub at_zero: bool,
    /// How many maxima the likelihood was found to have; 1 for the estimators without a likelihood.
    pub maxima: usize,
}

/// A pooled estimate with everything said about its heterogeneity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pooled {
    /// Sites.
    pub sites: usize,
    /// The pooled estimate.
    pub estimate: f64,
    /// Its standard error, 0 where `knha` finds no spread at all.
    pub standard_error: f64,
    /// Degrees of freedom of its test; infinite for the normal distribution.
    pub df: f64,
    /// `estimate / standard_error`.
    pub statistic: f64,
    /// Two-sided p-value of the pooled estimate being 0.
    pub p_value: f64,
    /// Interval of the pooled estimate; none where the standard error is 0.
    pub interval: Option<Interval>,
    /// Between-site variance.
    pub tau2: Tau2,
    /// Q-profile interval of tau2 (Viechtbauer 2007); none where Q is so small that it is empty.
    pub tau2_interval: Option<Interval>,
    /// Share of the variance that lies between sites, in per cent.
    pub i2: f64,
    /// Total variance over the typical within-site variance.
    pub h2: f64,
    /// The interval of tau2 carried over to I2 (per cent).
    pub i2_interval: Option<Interval>,
    /// The interval of tau2 carried over to H2.
    pub h2_interval: Option<Interval>,
    /// Cochran's Q with the weights 1 / v.
    pub q: f64,
    /// Upper tail of the chi-squared distribution at Q with k - 1 degrees of freedom.
    pub q_p_value: f64,
    /// Interval for the true value of a new site; none for one common effect.
    pub prediction: Option<Interval>,
    /// Weights in per cent, one per site.
    pub weights: Vec<f64>,
    /// What the reader must know.
    pub notes: Vec<String>,
}

/// Pools one estimate per site.
///
/// mu = sum(w y) / sum(w), w = 1 / (v + tau2). Compared with `rma` of metafor 3.8: the same
/// definitions throughout; REML, ML and PM are solved here to the last digits, where metafor stops
/// its Fisher scoring at steps of 1e-5 and its root search at 1.2e-4, so that its default output
/// differs from ours (and from its own with a tight threshold) by that much.
///
/// # Errors
/// Not estimable with fewer than two sites; a data error for variances that are not positive or
/// numbers that are not finite.
pub fn pool(
    estimates: &[f64],
    variances: &[f64],
    method: Tau2Method,
    test: PooledTest,
    prediction: Prediction,
    level: f64,
) -> Result<Pooled, StatisticsError> {
    let z = two_sided_z(level)?;
    check(estimates, variances)?;
    let k = estimates.len();
    let df1 = k as f64 - 1.0;
    let mut notes = Vec::new();
    let tau2 = between_site_variance(estimates, variances, method)?;
    if tau2.at_zero {
        notes.push(format!(
            "the {} equation has no positive root: tau2 is set to 0, its boundary; that is no proof of homogeneity",
            method.word()
        ));
    }
    if tau2.maxima > 1 {
        notes.push(format!(
            "the likelihood of tau2 has {} maxima: the highest is taken; tools that climb from one start may report another",
            tau2.maxima
        ));
    }
    let w = weights(variances, tau2.value);
    let sum_w: f64 = w.iter().sum();
    let estimate = weighted_mean(estimates, &w);
    let q_own: f64 = weighted_square(estimates, &w, estimate);
    let scale = match test {
        PooledTest::Knha => q_own / df1,
        PooledTest::KnhaAdhoc => (q_own / df1).max(1.0),
        PooledTest::T | PooledTest::Z => 1.0,
    };
    let standard_error = (scale / sum_w).sqrt();
    let df = if test == PooledTest::Z {
        f64::INFINITY
    } else {
        df1
    };
    let critical = if test == PooledTest::Z {
        z
    } else {
        t_quantile(f64::midpoint(1.0, level), df)
    };
    let statistic = estimate / standard_error;
    let p_value = if test == PooledTest::Z {
        normal_two_sided(statistic)
    } else {
        t_two_sided(statistic, df)
    };
    let around = |half: f64| Interval {
        lower: estimate - half,
        upper: estimate + half,
        level,
    };
    let interval = (standard_error > 0.0).then(|| around(critical * standard_error));
    if interval.is_none() {
        notes.push("all estimates are equal: the residual mean square is 0 and gives no interval; use test `z`".into());
    } else if test == PooledTest::Knha && scale < 1.0 {
        notes.push("the Hartung-Knapp scale is below 1: the interval is narrower than Wald's with the same tau2".into());
    }

    let w0 = weights(variances, 0.0);
    let q = weighted_square(estimates, &w0, weighted_mean(estimates, &w0));
    let typical = typical_variance(&w0);
    let (i2, h2) = if method == Tau2Method::Fixed {
        (100.0 * ((q - df1) / q).max(0.0), q / df1)
    } else {
        (
            100.0 * tau2.value / (typical + tau2.value),
            (typical + tau2.value) / typical,
        )
    };
    let i2 = if q > 0.0 { i2 } else { 0.0 };
    let random = method != Tau2Method::Fixed;
    let tau2_interval = if random {
        q_profile(estimates, variances, level)?
    } else {
        None
    };
    if random && tau2_interval.is_none() {
        notes.push("Q lies below the lower critical value: the Q-profile interval of tau2 is empty (sites agree more closely than their variances allow)".into());
    }
    let carried = |f: &dyn Fn(f64) -> f64| {
        tau2_interval.map(|t| Interval {
            lower: f(t.lower),
            upper: f(t.upper),
            level,
        })
    };
    let prediction = (random && standard_error > 0.0).then(|| {
        let critical = match prediction {
            Prediction::AsTest => critical,
            Prediction::Riley => t_quantile(f64::midpoint(1.0, level), (df1 - 1.0).max(1.0)),
        };
        around(critical * (standard_error * standard_error + tau2.value).sqrt())
    });
    if k < 5 && random {
        notes.push(format!(
            "{k} sites say little about tau2: read its interval, not its estimate"
        ));
    }
    Ok(Pooled {
        sites: k,
        estimate,
        standard_error,
        df,
        statistic,
        p_value,
        interval,
        tau2,
        tau2_interval,
        i2,
        h2,
        i2_interval: carried(&|t| 100.0 * t / (typical + t)),
        h2_interval: carried(&|t| (typical + t) / typical),
        q,
        q_p_value: chi_squared_tail(q, df1),
        prediction,
        weights: w.iter().map(|w| 100.0 * w / sum_w).collect(),
        notes,
    })
}

/// The between-site variance.
///
/// DL: (Q - (k - 1)) / (S1 - S2 / S1), S_r = sum(v^-r). HE: s2(y) - mean(v). HS: (Q - k) / S1.
/// SJ: t0 sum(w (y - mu_w)^2) / (k - 1) with t0 = sum((y - mean)^2) / k, w = 1 / (v + t0).
/// PM: the root of sum(w (y - mu_w)^2) = k - 1. ML and REML: the root of the (restricted) score at
/// the global maximum of the likelihood over tau2 >= 0, bracketed by a grid and bisected to the last
/// digit. Negative values are set to 0 and flagged.
///
/// # Errors
/// As [`pool`].
pub fn between_site_variance(
    estimates: &[f64],
    variances: &[f64],
    method: Tau2Method,
) -> Result<Tau2, StatisticsError> {
    check(estimates, variances)?;
    let k = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / k;
    let square: f64 = estimates.iter().map(|y| (y - mean).powi(2)).sum();
    let w0 = weights(variances, 0.0);
    let (s1, s2) = (
        w0.iter().sum::<f64>(),
        w0.iter().map(|w| w * w).sum::<f64>(),
    );
    let q = weighted_square(estimates, &w0, weighted_mean(estimates, &w0));
    let mut maxima = 1;
    let raw = match method {
        Tau2Method::Fixed => {
            return Ok(Tau2 {
                value: 0.0,
                standard_error: None,
                at_zero: false,
                maxima: 1,
            });
        }
        Tau2Method::Dl => (q - (k - 1.0)) / (s1 - s2 / s1),
        Tau2Method::He => square / (k - 1.0) - variances.iter().sum::<f64>() / k,
        Tau2Method::Hs => (q - k) / s1,
        Tau2Method::Sj => {
            let crude = square / k;
            if crude > 0.0 {
                let w = weights(variances, crude);
                crude * weighted_square(estimates, &w, weighted_mean(estimates, &w)) / (k - 1.0)
            } else {
                0.0
            }
        }
        Tau2Method::Pm => {
            if q <= k - 1.0 {
                0.0
            } else {
                generalised_q_root(estimates, variances, k - 1.0)?
            }
        }
        Tau2Method::Ml | Tau2Method::Reml => {
            let (value, found) =
                likelihood_maximum(estimates, variances, method == Tau2Method::Reml)?;
            maxima = found;
            value
        }
    };
    let value = raw.max(0.0);
    let w = weights(variances, value);
    let [a, b, c] = power_sums(&w);
    let standard_error = match method {
        Tau2Method::Ml => Some((2.0 / b).sqrt()),
        Tau2Method::Reml => Some((2.0 / (b - 2.0 * c / a + (b / a).powi(2))).sqrt()),
        _ => None,
    };
    Ok(Tau2 {
        value,
        standard_error,
        at_zero: raw <= 0.0,
        maxima,
    })
}

/// The Q-profile interval of tau2 (Viechtbauer 2007): the values at which the generalised Q equals
/// the chi-squared quantiles with k - 1 degrees of freedom. `None` where Q at 0 lies below the lower
/// quantile, so that no value fits.
///
/// # Errors
/// As [`pool`].
pub fn q_profile(
    estimates: &[f64],
    variances: &[f64],
    level: f64,
) -> Result<Option<Interval>, StatisticsError> {
    check(estimates, variances)?;
    let df = estimates.len() as f64 - 1.0;
    let (low, high) = (
        chi_squared_quantile((1.0 - level) / 2.0, df),
        chi_squared_quantile(f64::midpoint(1.0, level), df),
    );
    let q = generalised_q(estimates, variances, 0.0);
    if q < low {
        return Ok(None);
    }
    Ok(Some(Interval {
        lower: if q <= high {
            0.0
        } else {
            generalised_q_root(estimates, variances, high)?
        },
        upper: generalised_q_root(estimates, variances, low)?,
        level,
    }))
}

/// One site's part in the heterogeneity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SiteResidual {
    /// Its term of Cochran's Q.
    pub q_contribution: f64,
    /// The pooled estimate without it, with its standard error.
    pub without: f64,
    /// Standard error of `without` (Wald).
    pub without_standard_error: f64,
    /// tau2 without it.
    pub without_tau2: f64,
    /// Its distance from the others, (y - mu) / sqrt(v + tau2 + se2), all without it: the
    /// externally standardised residual (Viechtbauer and Cheung 2010; metafor `rstudent`).
    pub deleted_residual: f64,
}

/// Each site against the others.
///
/// # Errors
/// Not estimable with fewer than three sites; otherwise as [`pool`].
pub fn site_residuals(
    estimates: &[f64],
    variances: &[f64],
    method: Tau2Method,
) -> Result<Vec<SiteResidual>, StatisticsError> {
    check(estimates, variances)?;
    if estimates.len() < 3 {
        return Err(StatisticsError::not_estimable(
            "leaving one site out of fewer than three leaves nothing to pool",
        ));
    }
    let w0 = weights(variances, 0.0);
    let common = weighted_mean(estimates, &w0);
    let mut residuals = Vec::with_capacity(estimates.len());
    for (at, ((y, v), w)) in estimates.iter().zip(variances).zip(&w0).enumerate() {
        let left = |values: &[f64]| -> Vec<f64> {
            values
                .iter()
                .enumerate()
                .filter(|(i, _)| *i != at)
                .map(|(_, x)| *x)
                .collect()
        };
        let (ys, vs) = (left(estimates), left(variances));
        let tau2 = between_site_variance(&ys, &vs, method)?.value;
        let others = weights(&vs, tau2);
        let without = weighted_mean(&ys, &others);
        let square_error = 1.0 / others.iter().sum::<f64>();
        residuals.push(SiteResidual {
            q_contribution: w * (y - common).powi(2),
            without,
            without_standard_error: square_error.sqrt(),
            without_tau2: tau2,
            deleted_residual: (y - without) / (v + tau2 + square_error).sqrt(),
        });
    }
    Ok(residuals)
}

fn check(estimates: &[f64], variances: &[f64]) -> Result<(), StatisticsError> {
    if estimates.len() != variances.len() {
        return Err(StatisticsError::Data(format!(
            "{} estimates and {} variances; each site gives both",
            estimates.len(),
            variances.len()
        )));
    }
    for (row, (y, v)) in estimates.iter().zip(variances).enumerate() {
        // Squares of both, weighted twice, must stay within the range of f64.
        if y.is_nan() || y.abs() > 1e60 {
            return Err(StatisticsError::Value {
                column: "estimate".into(),
                row,
                what: format!("{y} is not finite, or beyond 1e60"),
            });
        }
        if !(1e-90..=1e90).contains(v) {
            return Err(StatisticsError::Value {
                column: "variance".into(),
                row,
                what: format!("{v} is no variance; a site's estimate has a positive finite one"),
            });
        }
    }
    if estimates.len() < 2 {
        return Err(StatisticsError::not_estimable(format!(
            "{} site; pooling needs two at least",
            estimates.len()
        )));
    }
    Ok(())
}

fn weights(variances: &[f64], tau2: f64) -> Vec<f64> {
    variances.iter().map(|v| 1.0 / (v + tau2)).collect()
}

fn weighted_mean(values: &[f64], weights: &[f64]) -> f64 {
    let total: f64 = weights.iter().sum();
    // Differences from the first value: equal values then pool to themselves exactly.
    let first = values.first().copied().unwrap_or(0.0);
    first
        + values
            .iter()
            .zip(weights)
            .map(|(y, w)| (w / total) * (y - first))
            .sum::<f64>()
}

fn weighted_square(values: &[f64], weights: &[f64], centre: f64) -> f64 {
    values
        .iter()
        .zip(weights)
        .map(|(y, w)| w * (y - centre).powi(2))
        .sum()
}

/// sum(w), sum(w^2), sum(w^3).
fn power_sums(weights: &[f64]) -> [f64; 3] {
    weights
        .iter()
        .fold([0.0; 3], |[a, b, c], w| [a + w, b + w * w, c + w * w * w])
}

/// Higgins and Thompson's (2002) typical within-site variance.
fn typical_variance(w0: &[f64]) -> f64 {
    let [a, b, _] = power_sums(w0);
    (w0.len() as f64 - 1.0) / (a - b / a)
}

fn generalised_q(estimates: &[f64], variances: &[f64], tau2: f64) -> f64 {
    let w = weights(variances, tau2);
    weighted_square(estimates, &w, weighted_mean(estimates, &w))
}

/// The tau2 at which the generalised Q, which falls in tau2, equals `target`; Q at 0 lies above it.
fn generalised_q_root(
    estimates: &[f64],
    variances: &[f64],
    target: f64,
) -> Result<f64, StatisticsError> {
    let excess = |t: f64| generalised_q(estimates, variances, t) - target;
    let mut upper = variances.iter().copied().fold(0.0, f64::max);
    for _ in 0..400 {
        if excess(upper) <= 0.0 {
            return Ok(root(0.0, upper, excess));
        }
        upper *= 4.0;
    }
    Err(StatisticsError::not_estimable(
        "the generalised Q does not fall to its target: tau2 has no finite value",
    ))
}

fn log_likelihood(estimates: &[f64], variances: &[f64], tau2: f64, restricted: bool) -> f64 {
    let w = weights(variances, tau2);
    let sum: f64 = w.iter().sum();
    let logs: f64 = w.iter().map(|w| w.ln()).sum();
    let fit = weighted_square(estimates, &w, weighted_mean(estimates, &w));
    0.5 * (logs - fit - if restricted { sum.ln() } else { 0.0 })
}

/// Twice the derivative of the (restricted) log-likelihood in tau2.
fn score(estimates: &[f64], variances: &[f64], tau2: f64, restricted: bool) -> f64 {
    let w = weights(variances, tau2);
    let mean = weighted_mean(estimates, &w);
    let fit: f64 = estimates
        .iter()
        .zip(&w)
        .map(|(y, w)| (w * (y - mean)).powi(2))
        .sum();
    let [a, b, _] = power_sums(&w);
    fit - a + if restricted { b / a } else { 0.0 }
}

/// The global maximum over tau2 >= 0, and how many maxima there are: a grid finds its neighbourhood,
/// the score its place.
fn likelihood_maximum(
    estimates: &[f64],
    variances: &[f64],
    restricted: bool,
) -> Result<(f64, usize), StatisticsError> {
    let k = estimates.len() as f64;
    let mean = estimates.iter().sum::<f64>() / k;
    // Beyond sum((y - mean)^2) plus the largest variance the score is negative: each residual term
    // is at most the spread, weighed by 1 / (v + tau2)^2, against at least (k - 1) / k of sum(w).
    let spread: f64 = estimates.iter().map(|y| (y - mean).powi(2)).sum();
    let smallest = variances.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = variances.iter().copied().fold(0.0, f64::max);
    let top = 4.0 * (spread + largest);
    let bottom = 1e-4 * smallest.min(spread / k).max(smallest * 1e-6);
    const STEPS: i32 = 120;
    let grid: Vec<f64> = std::iter::once(0.0)
        .chain((0..=STEPS).map(|i| bottom * (top / bottom).powf(f64::from(i) / f64::from(STEPS))))
        .collect();
    let best = grid
        .iter()
        .map(|t| log_likelihood(estimates, variances, *t, restricted))
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |(i, _)| i);
    let slope = |t: f64| score(estimates, variances, t, restricted);
    // A maximum lies wherever the score turns from rising to falling, and at 0 where it starts falling.
    let rising: Vec<bool> = grid.iter().map(|t| slope(*t) > 0.0).collect();
    let maxima = rising
        .windows(2)
        .filter(|w| matches!(w, [true, false]))
        .count()
        + usize::from(rising.first() == Some(&false));
    let at = |i: usize| grid.get(i).copied().unwrap_or(top);
    if best == 0 && slope(0.0) <= 0.0 {
        return Ok((0.0, maxima));
    }
    let (low, high) = (at(best.saturating_sub(1)), at(best + 1));
    if slope(low) < 0.0 || slope(high) > 0.0 {
        return Err(StatisticsError::not_estimable(
            "the likelihood of tau2 has no maximum that can be bracketed",
        ));
    }
    Ok((root(low, high, slope), maxima))
}
