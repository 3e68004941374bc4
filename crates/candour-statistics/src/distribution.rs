//! Distribution functions and quantiles. Arguments out of range give NaN, never a panic.

use statrs::distribution::{
    Beta, ChiSquared, Continuous as _, ContinuousCDF as _, FisherSnedecor, Normal, StudentsT,
};
use statrs::function::erf::erfc;

use crate::number::StatisticsError;

/// The two-sided standard normal quantile `z` of a confidence level: 1.959964 for 0.95.
///
/// # Errors
/// When the level lies outside (0, 1).
pub fn two_sided_z(level: f64) -> Result<f64, StatisticsError> {
    if !(level > 0.0 && level < 1.0) {
        return Err(StatisticsError::setting(
            "level",
            level,
            "it lies between 0 and 1, such as 0.95",
        ));
    }
    Ok(-normal_quantile((1.0 - level) / 2.0))
}

/// Standard normal density.
#[must_use]
pub fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt()
}

/// Standard normal distribution function P(X <= x).
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x / std::f64::consts::SQRT_2)
}

/// Standard normal upper tail P(X > x).
#[must_use]
pub fn normal_tail(x: f64) -> f64 {
    0.5 * erfc(x / std::f64::consts::SQRT_2)
}

/// Two-sided p-value of a standard normal statistic.
#[must_use]
pub fn normal_two_sided(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Standard normal quantile; infinite at 0 and 1.
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    match Normal::new(0.0, 1.0) {
        Ok(normal) if (0.0..=1.0).contains(&p) => normal.inverse_cdf(p),
        _ => f64::NAN,
    }
}

/// Student's t: P(T <= t) with `df` degrees of freedom (may be fractional or infinite).
#[must_use]
pub fn t_cdf(t: f64, df: f64) -> f64 {
    if df == f64::INFINITY {
        return normal_cdf(t);
    }
    StudentsT::new(0.0, 1.0, df).map_or(f64::NAN, |d| d.cdf(t))
}

/// Two-sided p-value of Student's t.
#[must_use]
pub fn t_two_sided(t: f64, df: f64) -> f64 {
    2.0 * t_cdf(-t.abs(), df)
}

/// Student's t quantile.
#[must_use]
pub fn t_quantile(p: f64, df: f64) -> f64 {
    if df == f64::INFINITY {
        return normal_quantile(p);
    }
    match StudentsT::new(0.0, 1.0, df) {
        Ok(d) if (0.0..=1.0).contains(&p) => d.inverse_cdf(p),
        _ => f64::NAN,
    }
}

/// Upper tail of the F distribution, P(F > f); the denominator's degrees of freedom may be infinite.
#[must_use]
pub fn f_tail(f: f64, df1: f64, df2: f64) -> f64 {
    if df2 == f64::INFINITY {
        return chi_squared_tail(f * df1, df1);
    }
    FisherSnedecor::new(df1, df2).map_or(f64::NAN, |d| d.sf(f))
}

/// Quantile of the F distribution.
#[must_use]
pub fn f_quantile(p: f64, df1: f64, df2: f64) -> f64 {
    if df2 == f64::INFINITY {
        return chi_squared_quantile(p, df1) / df1;
    }
    match FisherSnedecor::new(df1, df2) {
        Ok(d) if (0.0..=1.0).contains(&p) => d.inverse_cdf(p),
        _ => f64::NAN,
    }
}

/// Upper tail of the chi-squared distribution.
#[must_use]
pub fn chi_squared_tail(x: f64, df: f64) -> f64 {
    ChiSquared::new(df).map_or(f64::NAN, |d| d.sf(x))
}

/// Quantile of the chi-squared distribution.
#[must_use]
pub fn chi_squared_quantile(p: f64, df: f64) -> f64 {
    match ChiSquared::new(df) {
        Ok(d) if (0.0..=1.0).contains(&p) => d.inverse_cdf(p),
        _ => f64::NAN,
    }
}

/// Beta distribution function.
#[must_use]
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    Beta::new(a, b).map_or(f64::NAN, |d| d.cdf(x))
}

/// Quantile of the beta distribution, polished to the last digits by Newton steps.
#[must_use]
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let Ok(d) = Beta::new(a, b) else {
        return f64::NAN;
    };
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let mut x = d.inverse_cdf(p);
    for _ in 0..3 {
        let density = d.pdf(x);
        let next = x - (d.cdf(x) - p) / density;
        if next.is_finite() && (0.0..=1.0).contains(&next) && density > 0.0 {
            x = next;
        }
    }
    x
}

/// Binomial probability of at most `k` successes, through the beta distribution.
#[must_use]
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        1.0
    } else if p >= 1.0 {
        0.0
    } else {
        beta_cdf(1.0 - p, (n - k) as f64, k as f64 + 1.0)
    }
}
