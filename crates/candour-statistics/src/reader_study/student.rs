//! Student's t and F with fractional and very large degrees of freedom, as the analyses of variance
//! give them: quantiles to the last digits, and limits where continued fractions lose theirs.

use crate::distribution::{chi_squared_tail, f_tail, normal_quantile, normal_tail, t_cdf};
use statrs::function::gamma::ln_gamma;

/// Above this many degrees of freedom t is mapped to the normal distribution.
const LARGE: f64 = 1e4;

/// Upper tail P(T > t).
pub(super) fn t_tail(t: f64, df: f64) -> f64 {
    if df == f64::INFINITY {
        normal_tail(t)
    } else if df > LARGE {
        normal_tail(as_normal(t, df))
    } else {
        t_cdf(-t, df)
    }
}

/// Two-sided p-value.
pub(super) fn t_two_sided(t: f64, df: f64) -> f64 {
    2.0 * t_tail(t.abs(), df)
}

/// Quantile for `p` above 1/2: bisection closed by Newton steps; NaN out of range.
pub(super) fn t_quantile(p: f64, df: f64) -> f64 {
    if !(p > 0.5 && p < 1.0 && df > 0.0) {
        return f64::NAN;
    }
    if df == f64::INFINITY {
        return normal_quantile(p);
    }
    let tail = 1.0 - p;
    let (mut low, mut high) = (0.0, 1.0);
    while t_tail(high, df) > tail {
        low = high;
        high *= 2.0;
        if high > 1e300 {
            return f64::NAN;
        }
    }
    let scale = (ln_gamma(f64::midpoint(df, 1.0)) - ln_gamma(df / 2.0)).exp()
        / (df * std::f64::consts::PI).sqrt();
    let density = |t: f64| {
        if df > LARGE {
            (-0.5 * t * t).exp() / (2.0 * std::f64::consts::PI).sqrt()
        } else {
            scale * (-f64::midpoint(df, 1.0) * (t * t / df).ln_1p()).exp()
        }
    };
    let mut t = f64::midpoint(low, high);
    for _ in 0..200 {
        let excess = t_tail(t, df) - tail;
        if excess > 0.0 {
            low = t;
        } else {
            high = t;
        }
        let newton = t + excess / density(t);
        let next = if newton > low && newton < high {
            newton
        } else {
            f64::midpoint(low, high)
        };
        if (next - t).abs() <= 1e-15 * t {
            return next;
        }
        t = next;
    }
    t
}

/// Upper tail of F.
pub(super) fn f_upper(f: f64, df1: f64, df2: f64) -> f64 {
    if df1 == 1.0 {
        t_two_sided(f.max(0.0).sqrt(), df2)
    } else if df2 > 1e5 && df2 != f64::INFINITY && f > 0.0 {
        // The denominator is a chi-squared by its degrees of freedom: Taylor's series of the tail in its
        // central moments 2/df2, 8/df2^2 and 12/df2^2.
        let (x, half) = (f * df1, df1 / 2.0);
        let density =
            ((half - 1.0) * x.ln() - x / 2.0 - half * std::f64::consts::LN_2 - ln_gamma(half))
                .exp();
        // Logarithmic derivatives of the density.
        let (s0, s1, s2) = (
            (half - 1.0) / x - 0.5,
            -(half - 1.0) / (x * x),
            2.0 * (half - 1.0) / x.powi(3),
        );
        let first = x * x * s0 / df2;
        let second = (4.0 / 3.0 * x.powi(3) * (s0 * s0 + s1)
            + 0.5 * x.powi(4) * (s0.powi(3) + 3.0 * s0 * s1 + s2))
            / (df2 * df2);
        (chi_squared_tail(x, df1) - density * (first + second)).clamp(0.0, 1.0)
    } else {
        f_tail(f, df1, df2)
    }
}

/// The normal deviate of the same tail (Hill 1970, ACM algorithm 395).
fn as_normal(t: f64, df: f64) -> f64 {
    let a = df - 0.5;
    let b = 48.0 * a * a;
    let y2 = a * (t * t / df).ln_1p();
    let y = y2.sqrt();
    let correction = (((-0.4 * y2 - 3.3) * y2 - 24.0) * y2 - 85.5) / (0.8 * y2 * y2 + 100.0 + b);
    let z = ((correction + y2 + 3.0) / b + 1.0) * y;
    if t < 0.0 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R 4.2.2: qt(0.975, df) and 2 * pt(-2, df). Above `LARGE` the normal tail's own error (5e-11)
    /// shows.
    #[test]
    fn quantiles_and_tails_agree_with_r() {
        for (df, quantile) in [
            (1.0, 12.706204736174694),
            (1.5, 6.016663104427929),
            (2.5, 3.574654842003692),
            (4.7, 2.6207260753531694),
            (8.3, 2.2915762675950186),
            (17.3, 2.1070320037534676),
            (88.8, 1.9870403643733119),
            (999.5, 1.962340270383845),
            (12345.6, 1.96015615825951),
            (1e5, 1.9599877075346088),
            (1e6, 1.9599663568141066),
            (1e8, 1.9599640082627663),
            (1e10, 1.9599639847772807),
            (1e30, 1.9599639845400536),
        ] {
            let got = t_quantile(0.975, df);
            assert!(
                (got / quantile - 1.0).abs() < if df > LARGE { 3e-11 } else { 1e-12 },
                "{df}: {got} against {quantile}"
            );
        }
        for (df, p) in [
            (1e5, 0.045502963457506464),
            (1e7, 0.045500290891842946),
            (1e10, 0.045500263923353795),
        ] {
            let got = t_two_sided(2.0, df);
            assert!((got / p - 1.0).abs() < 1e-10, "{df}: {got} against {p}");
            assert_eq!(got, t_two_sided(-2.0, df));
        }
        // Across the seams.
        for (df, step) in [(LARGE, 1e-6), (1e5, 1e-5)] {
            for f in [0.1, 1.0, 3.7, 9.0] {
                for df1 in [1.0, 2.0, 5.0] {
                    let (a, b) = (f_upper(f, df1, df), f_upper(f, df1, df + step));
                    assert!((a - b).abs() < 1e-9 * b + 1e-15, "{df} {f} {df1}: {a} {b}");
                }
            }
        }
        assert!(
            t_quantile(0.5, 3.0).is_nan()
                && t_quantile(0.9, 0.0).is_nan()
                && t_quantile(f64::NAN, 3.0).is_nan()
        );
    }
}
