//! Regressions of method comparison: linearity by least squares or Theil-Sen, Deming, Passing-Bablok.

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, REPLICATES, Role, SEED, Sample, Setting,
    SettingKind,
};
use crate::distribution::{t_quantile, t_two_sided, two_sided_z};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::resample::Units;

use super::concordance::{FIRST, SECOND};
use super::{
    INTERVAL, MISSING, bootstrapped, check_pairs, complete_rows, constant, from_resamples, largest,
    mean, median, on_line, products, resamples, squares, take, variance, wanted_bootstrap,
    with_interval_or_reason, with_left_out, without_rounding,
};

/// Methods that look at every pair of points keep as many slopes in memory; more are refused.
const MOST_POINTS: usize = 5000;

/// The same methods look at every pair in each bootstrap replicate; more looks than this are refused
/// (some ten seconds on two cores).
const MOST_LOOKS: f64 = 2e9;

/// Linearity.
pub(super) const LINEARITY: Entry = Entry {
    id: "linearity",
    group: Group::Agreement,
    title: "Linearity and bias against true values",
    formula: "slope and intercept of measurement on true value by least squares (t intervals), or Theil-Sen: median of slopes of pairs with unequal true values, intercept median(y) - slope median(x), interval by the variance of Kendall's S with ties; curvature: t test of the quadratic term; bias = mean (measurement - true), percent bias = mean 100 (measurement - true) / true",
    source: "Raunig et al. 2015 (QIBA); Theil 1950; Sen 1968",
    assumptions: "True values known without error. Least squares: normal errors of one spread. Rows independent unless `cluster` is given. Not estimable: fewer than three rows or one true value only. Percent bias needs positive true values. Theil-Sen takes up to 5000 rows",
    compared_with: "R 4.2.2 lm; scipy 1.17.1 theilslopes",
    roles: &[
        Role {
            name: "measurement",
            what: "measured value",
            kind: Kind::Finite,
            need: Need::One,
            missing: true,
        },
        Role {
            name: "reference",
            what: "true value",
            kind: Kind::Finite,
            need: Need::One,
            missing: true,
        },
        CLUSTER,
    ],
    settings: &[
        Setting {
            name: "fit",
            what: "least squares, or Theil-Sen, which a few wild values do not move",
            kind: SettingKind::Choice(&["ols", "theil-sen"]),
            default: Some("ols"),
        },
        MISSING,
        LEVEL,
        INTERVAL,
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "slope",
        "intercept",
        "r_squared",
        "curvature_p_value",
        "quadratic_coefficient",
        "bias",
        "bias_percent",
        "left_out",
    ],
    run: run_linearity,
};

/// Deming regression.
pub(super) const DEMING: Entry = Entry {
    id: "deming",
    group: Group::Agreement,
    title: "Deming regression",
    formula: "with L = var(error of first) / var(error of second): slope = (L Syy - Sxx + sqrt((L Syy - Sxx)^2 + 4 L Sxy^2)) / (2 L Sxy), intercept = mean y - slope mean x; weighted: the same with weights 1 / ((x' + L y')/(1 + L))^2 of the fitted points, repeated until they settle (constant CV); interval: jackknife standard error with t of n - 2 degrees of freedom",
    source: "Deming 1943; Linnet 1990, 1993; CLSI EP09",
    assumptions: "Both methods err, with a known ratio of error variances that holds over the range (plain) or with constant CV (weighted, positive values). Rows independent unless `cluster` is given. Not estimable: fewer than three pairs, a constant method, or no correlation",
    compared_with: "independent R 4.2.2 (maximum likelihood by optim, and the closed form)",
    roles: &[FIRST, SECOND, CLUSTER],
    settings: &[
        Setting {
            name: "error_ratio",
            what: "error variance of `first` over that of `second`",
            kind: SettingKind::Real(1e-6, 1e6),
            default: Some("1"),
        },
        Setting {
            name: "weighted",
            what: "weights for a constant coefficient of variation",
            kind: SettingKind::Flag,
            default: Some("false"),
        },
        MISSING,
        LEVEL,
        Setting {
            name: "interval",
            what: "jackknife, or the bootstrap; with `cluster` the bootstrap always",
            kind: SettingKind::Choice(&["jackknife", "percentile", "bca", "basic"]),
            default: Some("jackknife"),
        },
        REPLICATES,
        SEED,
    ],
    numbers: &["slope", "intercept", "left_out"],
    run: run_deming,
};

/// Passing-Bablok regression.
pub(super) const PASSING_BABLOK: Entry = Entry {
    id: "passing-bablok",
    group: Group::Agreement,
    title: "Passing-Bablok regression",
    formula: "slopes S_ij of all pairs i < j, without pairs of identical points and without slopes of exactly -1; K = number of slopes below -1; slope = median shifted by K; interval: the M1 + K th and M2 + K th slope, M1 = round((N - C)/2), M2 = N - M1 + 1, C = z sqrt(n (n-1) (2n+5)/18); intercept = median(y - slope x), its limits from the slope's; a limit among infinite slopes is infinite (inf, -inf), the other stands; linearity: largest cumulative sum over sqrt(L + 1) against Kolmogorov",
    source: "Passing and Bablok 1983, J Clin Chem Clin Biochem 21:709",
    assumptions: "Positively correlated methods, linear relation, errors of any one shape with a constant ratio of spreads. A vertical pair has an infinite slope: its sign follows the pair (paper) or the correlation (default; does not depend on the order of rows). Up to 5000 pairs. Not estimable: fewer than three pairs, a constant method, or a middle slope that is infinite",
    compared_with: "independent definitions in R 4.2.2 and NumPy written from the paper",
    roles: &[FIRST, SECOND, CLUSTER],
    settings: &[
        Setting {
            name: "vertical",
            what: "sign of the infinite slope of a vertical pair",
            kind: SettingKind::Choice(&["correlation", "paper"]),
            default: Some("correlation"),
        },
        MISSING,
        LEVEL,
        INTERVAL,
        REPLICATES,
        SEED,
    ],
    numbers: &["slope", "intercept", "linearity_p_value", "left_out"],
    run: run_passing_bablok,
};

/// A fitted line with intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Slope.
    pub slope: f64,
    /// Intercept.
    pub intercept: f64,
    /// Interval of the slope.
    pub slope_interval: Option<Interval>,
    /// Interval of the intercept.
    pub intercept_interval: Option<Interval>,
    /// Standard error of the slope; NaN where the method has none.
    pub slope_standard_error: f64,
    /// Standard error of the intercept; NaN where the method has none.
    pub intercept_standard_error: f64,
}

/// The least-squares line of `y` on `x` with t intervals.
///
/// # Errors
/// Not estimable: fewer than three points or constant `x`.
pub fn least_squares(x: &[f64], y: &[f64], level: f64) -> Result<Fit, StatisticsError> {
    check_line(x, y, 3)?;
    two_sided_z(level)?;
    if constant(x) {
        return Err(StatisticsError::not_estimable(
            "there is one true value only",
        ));
    }
    let n = x.len() as f64;
    let sxx = squares(x);
    let slope = products(x, y) / sxx;
    let intercept = mean(y) - slope * mean(x);
    let residual = if on_line(x, y, slope, intercept) {
        0.0
    } else {
        x.iter()
            .zip(y)
            .map(|(x, y)| (y - intercept - slope * x).powi(2))
            .sum::<f64>()
            / (n - 2.0)
    };
    let se = (residual / sxx).sqrt();
    let se_intercept = (residual * (1.0 / n + mean(x).powi(2) / sxx)).sqrt();
    let t = t_quantile(f64::midpoint(1.0, level), n - 2.0);
    Ok(Fit {
        slope,
        intercept,
        slope_interval: around(slope, t * se, level),
        intercept_interval: around(intercept, t * se_intercept, level),
        slope_standard_error: se,
        intercept_standard_error: se_intercept,
    })
}

/// The t statistic and p-value of the quadratic term of `y` on `x`; none where it has no estimate.
#[must_use]
pub fn curvature(x: &[f64], y: &[f64]) -> Option<(f64, f64, f64)> {
    let n = x.len() as f64;
    if n < 4.0 || x.len() != y.len() || constant(x) {
        return None;
    }
    // Orthogonalise: centred x, then its square against 1 and x.
    let m = mean(x);
    let scale = x.iter().map(|v| (v - m).abs()).fold(0.0, f64::max);
    let u: Vec<f64> = x.iter().map(|v| (v - m) / scale).collect();
    let q: Vec<f64> = u.iter().map(|v| v * v).collect();
    let b = products(&u, &q) / squares(&u);
    let (mq, mu) = (mean(&q), mean(&u));
    let w: Vec<f64> = u
        .iter()
        .zip(&q)
        .map(|(u, q)| q - mq - b * (u - mu))
        .collect();
    let ww: f64 = w.iter().map(|v| v * v).sum();
    if ww < 1e-18 * n {
        return None;
    }
    let slope = products(&u, y) / squares(&u);
    let my = mean(y);
    let gamma = w.iter().zip(y).map(|(w, y)| w * (y - my)).sum::<f64>() / ww;
    let rest: f64 = u
        .iter()
        .zip(y)
        .zip(&w)
        .map(|((u, y), w)| (y - my - slope * (u - mu) - gamma * w).powi(2))
        .sum();
    // What is left of a line or a parabola is its rounding.
    let most = y.iter().map(|v| v.abs()).fold(0.0, f64::max);
    if rest.sqrt() <= 1e-13 * most * n.sqrt() {
        return None;
    }
    let se = (rest / (n - 3.0) / ww).sqrt();
    if se.is_nan() || se <= 0.0 {
        return None;
    }
    let t = gamma / se;
    Some((gamma / (scale * scale), t, t_two_sided(t, n - 3.0)))
}

/// The Theil-Sen line of `y` on `x`, its slope's interval by Sen (1968) with ties, as in SciPy.
///
/// # Errors
/// Not estimable: fewer than two points, constant `x`, more than 5000 points.
pub fn theil_sen(x: &[f64], y: &[f64], level: f64) -> Result<Fit, StatisticsError> {
    check_line(x, y, 2)?;
    check_size(x.len())?;
    let z = two_sided_z(level)?;
    let mut slopes = Vec::new();
    for (i, (xi, yi)) in x.iter().zip(y).enumerate() {
        for (xj, yj) in x.iter().zip(y).take(i) {
            if xi != xj {
                // A level pair from right to left has the slope 0, not -0.
                slopes.push((yi - yj) / (xi - xj) + 0.0);
            }
        }
    }
    if slopes.is_empty() {
        return Err(StatisticsError::not_estimable(
            "there is one true value only",
        ));
    }
    slopes.sort_unstable_by(f64::total_cmp);
    let slope = median(&slopes);
    let sorted = |v: &[f64]| {
        let mut v: Vec<f64> = v.iter().map(|v| v + 0.0).collect();
        v.sort_unstable_by(f64::total_cmp);
        v
    };
    let (xs, ys) = (sorted(x), sorted(y));
    let ties = |v: &[f64]| -> f64 {
        v.chunk_by(|a, b| a == b)
            .map(|c| c.len() as f64)
            .map(|k| k * (k - 1.0) * (2.0 * k + 5.0))
            .sum()
    };
    let n = y.len() as f64;
    let sigma = ((n * (n - 1.0) * (2.0 * n + 5.0) - ties(&xs) - ties(&ys)) / 18.0)
        .max(0.0)
        .sqrt();
    let count = slopes.len() as f64;
    let high = ((count + z * sigma) / 2.0)
        .round_ties_even()
        .min(count - 1.0);
    let low = (((count - z * sigma) / 2.0).round_ties_even() - 1.0).max(0.0);
    let at = |i: f64| slopes.get(i as usize).copied().unwrap_or(f64::NAN);
    let (lower, upper) = (at(low), at(high));
    let intercept = median(&ys) - slope * median(&xs);
    Ok(Fit {
        slope,
        intercept,
        slope_interval: (lower < upper && !on_line(x, y, slope, intercept)).then_some(Interval {
            lower,
            upper,
            level,
        }),
        intercept_interval: None,
        slope_standard_error: f64::NAN,
        intercept_standard_error: f64::NAN,
    })
}

/// The Deming line: slope and intercept. `ratio` is the error variance of `x` over that of `y`.
///
/// # Errors
/// Not estimable: fewer than two pairs, a constant method, no correlation, or weights that do not
/// settle. Data: weighted with values that are not positive.
pub fn deming_line(
    x: &[f64],
    y: &[f64],
    ratio: f64,
    weighted: bool,
) -> Result<(f64, f64), StatisticsError> {
    check_line(x, y, 2)?;
    if !(ratio > 0.0 && ratio.is_finite()) {
        return Err(StatisticsError::setting(
            "error_ratio",
            ratio,
            "a positive number, such as 1",
        ));
    }
    if constant(x) || constant(y) {
        return Err(StatisticsError::not_estimable("one method is constant"));
    }
    if !weighted {
        return weighted_deming(x, y, &vec![1.0; x.len()], ratio);
    }
    if x.iter().chain(y).any(|v| *v <= 0.0) {
        return Err(StatisticsError::not_estimable(
            "weights for a constant CV need positive values",
        ));
    }
    let weight = |x: f64, y: f64| ((1.0 + ratio) / (x + ratio * y)).powi(2);
    let mut weights: Vec<f64> = x.iter().zip(y).map(|(x, y)| weight(*x, *y)).collect();
    let (mut slope, mut intercept) = weighted_deming(x, y, &weights, ratio)?;
    for _ in 0..500 {
        let shrink = 1.0 + ratio * slope * slope;
        weights = x
            .iter()
            .zip(y)
            .map(|(x, y)| {
                let d = y - intercept - slope * x;
                weight(x + ratio * slope * d / shrink, y - d / shrink)
            })
            .collect();
        let (b, a) = weighted_deming(x, y, &weights, ratio)?;
        let moved = (b - slope).abs() / (1.0 + b.abs()) + (a - intercept).abs() / (1.0 + a.abs());
        (slope, intercept) = (b, a);
        if moved < 1e-14 {
            return Ok((slope, intercept));
        }
    }
    Err(StatisticsError::not_estimable(
        "the weights did not settle within 500 rounds",
    ))
}

fn weighted_deming(
    x: &[f64],
    y: &[f64],
    weights: &[f64],
    ratio: f64,
) -> Result<(f64, f64), StatisticsError> {
    let total: f64 = weights.iter().sum();
    let centre = |v: &[f64]| v.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>() / total;
    let (mx, my) = (centre(x), centre(y));
    let (mut sxx, mut syy, mut sxy) = (0.0, 0.0, 0.0);
    for ((x, y), w) in x.iter().zip(y).zip(weights) {
        sxx += w * (x - mx).powi(2);
        syy += w * (y - my).powi(2);
        sxy += w * (x - mx) * (y - my);
    }
    let slope = direction(sxx, syy, sxy, ratio)?;
    Ok((slope, my - slope * mx))
}

/// The slope from the sums of squares and products.
fn direction(sxx: f64, syy: f64, sxy: f64, ratio: f64) -> Result<f64, StatisticsError> {
    if sxy.abs() <= 1e-14 * sxx.sqrt() * syy.sqrt() || !sxy.is_finite() {
        return Err(StatisticsError::not_estimable(
            "the methods are not correlated, so the line has no direction",
        ));
    }
    let gap = ratio * syy - sxx;
    let root = gap.hypot(2.0 * ratio.sqrt() * sxy);
    // The form without cancellation, whichever the sign of the gap.
    Ok(if gap >= 0.0 {
        (gap + root) / (2.0 * ratio * sxy)
    } else {
        2.0 * sxy / (root - gap)
    })
}

/// The plain Deming line with each pair left out in turn, from the sums of all: linear in the pairs.
/// Where a pair makes up nearly all of a sum, the difference would have no digits, and the sums are
/// taken anew.
fn lines_left_out(x: &[f64], y: &[f64], ratio: f64) -> Option<Vec<(f64, f64)>> {
    let n = x.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let (sxx, syy, sxy) = (squares(x), squares(y), products(x, y));
    let factor = n / (n - 1.0);
    x.iter()
        .zip(y)
        .enumerate()
        .map(|(at, (vx, vy))| {
            let (dx, dy) = (vx - mx, vy - my);
            let (rx, ry) = (sxx - factor * dx * dx, syy - factor * dy * dy);
            if rx < 1e-3 * sxx || ry < 1e-3 * syy {
                let rows: Vec<usize> = (0..x.len()).filter(|r| *r != at).collect();
                return deming_line(&take(x, &rows), &take(y, &rows), ratio, false).ok();
            }
            let slope = direction(rx, ry, sxy - factor * dx * dy, ratio).ok()?;
            Some((slope, my - dy / (n - 1.0) - slope * (mx - dx / (n - 1.0))))
        })
        .collect()
}

/// Deming regression with jackknife intervals (t with n - 2 degrees of freedom); none for points on
/// one line, nor for more than 5000 weighted ones, each of which needs a fit of its own.
///
/// # Errors
/// As [`deming_line`]; not estimable with fewer than three pairs.
pub fn deming(
    x: &[f64],
    y: &[f64],
    ratio: f64,
    weighted: bool,
    level: f64,
) -> Result<Fit, StatisticsError> {
    check_line(x, y, 3)?;
    two_sided_z(level)?;
    let (slope, intercept) = deming_line(x, y, ratio, weighted)?;
    let n = x.len() as f64;
    let left: Option<Vec<(f64, f64)>> =
        if on_line(x, y, slope, intercept) || (weighted && x.len() > MOST_POINTS) {
            None
        } else if weighted {
            Units::independent(x.len())
                .jackknife(|rows| deming_line(&take(x, rows), &take(y, rows), ratio, weighted).ok())
                .into_iter()
                .collect()
        } else {
            lines_left_out(x, y, ratio)
        };
    let spread = |values: Vec<f64>| ((n - 1.0) / n * squares(&values)).sqrt();
    let (se, se_intercept) = left.map_or((f64::NAN, f64::NAN), |left| {
        (
            spread(left.iter().map(|l| l.0).collect()),
            spread(left.iter().map(|l| l.1).collect()),
        )
    });
    let t = t_quantile(f64::midpoint(1.0, level), n - 2.0);
    Ok(Fit {
        slope,
        intercept,
        slope_interval: around(slope, t * se, level),
        intercept_interval: around(intercept, t * se_intercept, level),
        slope_standard_error: se,
        intercept_standard_error: se_intercept,
    })
}

/// Passing and Bablok's line with its intervals, the p-value of their linearity test, and why the slope
/// and the intercept have no interval where they have none. Vertical pairs: infinite with the sign of the
/// pair (`by_pair`) or of the correlation. A limit of the slope that falls among them is infinite, and
/// the intercept's is then that of ever steeper lines.
///
/// # Errors
/// Not estimable: fewer than three pairs, a constant method, too many points, a middle slope that is
/// infinite.
pub fn passing_bablok(
    x: &[f64],
    y: &[f64],
    by_pair: bool,
    level: f64,
) -> Result<(Fit, f64, [&'static str; 2]), StatisticsError> {
    check_line(x, y, 3)?;
    check_size(x.len())?;
    let z = two_sided_z(level)?;
    if constant(x) || constant(y) {
        return Err(StatisticsError::not_estimable("one method is constant"));
    }
    let n = x.len() as f64;
    let mut slopes = Vec::new();
    let mut vertical = 0usize;
    let mut concord = 0i64;
    for (j, (xj, yj)) in x.iter().zip(y).enumerate() {
        for (xi, yi) in x.iter().zip(y).take(j) {
            let (dx, dy) = (xi - xj, yi - yj);
            if dx == 0.0 {
                if dy == 0.0 {
                    continue;
                }
                if by_pair {
                    slopes.push(f64::INFINITY.copysign(dy));
                } else {
                    vertical += 1;
                }
                continue;
            }
            let slope = dy / dx;
            concord += if dy == 0.0 {
                0
            } else if slope > 0.0 {
                1
            } else {
                -1
            };
            if slope != -1.0 {
                slopes.push(slope + 0.0);
            }
        }
    }
    let sign = if concord >= 0 {
        f64::INFINITY
    } else {
        f64::NEG_INFINITY
    };
    slopes.extend(std::iter::repeat_n(sign, vertical));
    slopes.sort_unstable_by(f64::total_cmp);
    let below = slopes.iter().filter(|s| **s < -1.0).count();
    let count = slopes.len();
    // Places count from 1, as in the paper.
    let at = |place: usize| {
        place
            .checked_sub(1)
            .and_then(|i| slopes.get(i))
            .copied()
            .unwrap_or(f64::NAN)
    };
    let slope = if count % 2 == 1 {
        at(count.div_ceil(2) + below)
    } else {
        f64::midpoint(at(count / 2 + below), at(count / 2 + 1 + below))
    };
    if !slope.is_finite() {
        return Err(StatisticsError::not_estimable(
            "the shifted median of the slopes is not finite; the methods are not positively related",
        ));
    }
    let middle = |b: f64| {
        // On an infinitely steep line a point at x = 0 keeps its intercept.
        let mut rest: Vec<f64> = x
            .iter()
            .zip(y)
            .map(|(x, y)| if *x == 0.0 { *y } else { y - b * x })
            .collect();
        rest.sort_unstable_by(f64::total_cmp);
        median(&rest)
    };
    let intercept = middle(slope);
    let c = z * (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let m1 = ((count as f64 - c) / 2.0).round();
    let (lower, upper) = if m1 >= 1.0 {
        let m1 = m1 as usize;
        (at(m1 + below), at(count - m1 + 1 + below))
    } else {
        (f64::NAN, f64::NAN)
    };
    let between = |lower: f64, upper: f64| {
        let interval = Interval {
            lower,
            upper,
            level,
        };
        interval.bounds().then_some(interval)
    };
    let slope_interval = between(lower, upper).filter(|_| !on_line(x, y, slope, intercept));
    let intercept_interval = slope_interval.and_then(|i| between(middle(i.upper), middle(i.lower)));
    let without = if slope_interval.is_some() {
        [
            "",
            "the limits of the slope give the intercept no lower and upper limit: measured values on both sides of 0, below it, or all but equal",
        ]
    } else if lower.is_infinite() && upper.is_infinite() {
        ["both limits of the slope are infinite: too many points share one value of the first method";
            2]
    } else {
        [ON_ONE_LINE; 2]
    };
    let fit = Fit {
        slope,
        intercept,
        slope_interval,
        intercept_interval,
        slope_standard_error: f64::NAN,
        intercept_standard_error: f64::NAN,
    };
    Ok((fit, cusum_p_value(x, y, slope, intercept), without))
}

/// The cumulative-sum test of linearity of Passing and Bablok (1983).
fn cusum_p_value(x: &[f64], y: &[f64], slope: f64, intercept: f64) -> f64 {
    let scale = y.iter().map(|v| v.abs()).fold(1e-300, f64::max);
    let signs: Vec<f64> = x
        .iter()
        .zip(y)
        .map(|(x, y)| {
            let d = y - intercept - slope * x;
            // A point on the line up to rounding has no side.
            if d.abs() <= 1e-13 * scale {
                0.0
            } else {
                d.signum()
            }
        })
        .collect();
    let above = signs.iter().filter(|s| **s > 0.0).count() as f64;
    let below = signs.iter().filter(|s| **s < 0.0).count() as f64;
    if above == 0.0 || below == 0.0 {
        return f64::NAN;
    }
    let mut order: Vec<(f64, f64)> = x
        .iter()
        .zip(y)
        .zip(&signs)
        .map(|((x, y), s)| {
            let score = if *s > 0.0 {
                (below / above).sqrt()
            } else if *s < 0.0 {
                -(above / below).sqrt()
            } else {
                0.0
            };
            (
                (y + x / slope - intercept) / (1.0 + 1.0 / (slope * slope)).sqrt(),
                score,
            )
        })
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut sum, mut most) = (0.0, 0.0f64);
    for (_, score) in order {
        sum += score;
        most = most.max(f64::abs(sum));
    }
    kolmogorov_tail(most / (below + 1.0).sqrt())
}

/// P(K > x) of Kolmogorov's limit distribution.
fn kolmogorov_tail(x: f64) -> f64 {
    if x < 0.2 {
        return 1.0;
    }
    let mut sum = 0.0;
    for k in 1..=100 {
        let k = f64::from(k);
        let term = (-2.0 * k * k * x * x).exp();
        sum += if k % 2.0 == 1.0 { term } else { -term };
        if term < 1e-18 {
            break;
        }
    }
    (2.0 * sum).clamp(0.0, 1.0)
}

fn around(at: f64, half: f64, level: f64) -> Option<Interval> {
    (half.is_finite() && half > 0.0).then_some(Interval {
        lower: at - half,
        upper: at + half,
        level,
    })
}

fn check_line(x: &[f64], y: &[f64], least: usize) -> Result<(), StatisticsError> {
    check_pairs(x, y)?;
    if x.len() < least {
        return Err(StatisticsError::not_estimable(format!(
            "{} points; at least {least} are needed",
            x.len()
        )));
    }
    Ok(())
}

fn check_size(n: usize) -> Result<(), StatisticsError> {
    if n > MOST_POINTS {
        return Err(StatisticsError::not_estimable(format!(
            "{n} points; this method compares all pairs and takes up to {MOST_POINTS}: draw that many at random, or use least squares or Deming"
        )));
    }
    Ok(())
}

/// Slopes of all pairs of points with different x, sorted once; resamples weigh them by how often
/// their points were drawn, so that none needs a sort.
struct PairSlopes {
    sorted: Vec<(f64, u32, u32)>,
}

impl PairSlopes {
    fn new(x: &[f64], y: &[f64], keep: impl Fn(f64) -> bool) -> Self {
        let mut sorted = Vec::new();
        for (j, (xj, yj)) in (0u32..).zip(x.iter().zip(y)) {
            for (i, (xi, yi)) in (0..j).zip(x.iter().zip(y)) {
                let slope = (yi - yj) / (xi - xj) + 0.0;
                if xi != xj && keep(slope) {
                    sorted.push((slope, i, j));
                }
            }
        }
        sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Self { sorted }
    }

    /// How many slopes there are, and how many lie below -1.
    fn count(&self, times: &[u64]) -> (u64, u64) {
        let (mut all, mut below) = (0, 0);
        for (slope, i, j) in &self.sorted {
            let weight = weight(times, *i, *j);
            all += weight;
            if *slope < -1.0 {
                below += weight;
            }
        }
        (all, below)
    }

    /// The slopes at this place (from 1) and the next.
    fn at(&self, times: &[u64], place: u64) -> (Option<f64>, Option<f64>) {
        let (mut so_far, mut first) = (0, None);
        for (slope, i, j) in &self.sorted {
            so_far += weight(times, *i, *j);
            if first.is_none() && so_far >= place {
                first = Some(*slope);
            }
            if so_far > place {
                return (first, Some(*slope));
            }
        }
        (first, None)
    }
}

fn weight(times: &[u64], i: u32, j: u32) -> u64 {
    let of = |at: u32| times.get(at as usize).copied().unwrap_or(0);
    of(i) * of(j)
}

fn times_drawn(points: usize, rows: &[usize]) -> Vec<u64> {
    let mut times = vec![0; points];
    for row in rows {
        if let Some(slot) = times.get_mut(*row) {
            *slot += 1;
        }
    }
    times
}

/// The Theil-Sen line of resamples.
fn theil_sen_again(x: &[f64], y: &[f64]) -> impl Fn(&[usize]) -> Option<(f64, f64)> + Sync {
    let pairs = PairSlopes::new(x, y, |_| true);
    let (x, y) = (x.to_vec(), y.to_vec());
    move |rows| {
        let times = times_drawn(x.len(), rows);
        let (count, _) = pairs.count(&times);
        let (first, second) = pairs.at(&times, count.div_ceil(2));
        let slope = if count == 0 {
            return None;
        } else if count % 2 == 1 {
            first?
        } else {
            f64::midpoint(first?, second?)
        };
        let middle = |v: &[f64]| {
            let mut drawn = take(v, rows);
            drawn.sort_unstable_by(f64::total_cmp);
            median(&drawn)
        };
        Some((slope, middle(&y) - slope * middle(&x)))
    }
}

/// The Passing-Bablok line of resamples. A vertical pair keeps the order of its points in the data.
fn passing_bablok_again(
    x: &[f64],
    y: &[f64],
    by_pair: bool,
) -> impl Fn(&[usize]) -> Option<(f64, f64)> + Sync {
    let pairs = PairSlopes::new(x, y, |slope| slope != -1.0);
    // With their signs: vertical pairs by the pair, and pairs of slope -1, which count for the
    // correlation only.
    let (mut vertical, mut falling) = (Vec::new(), Vec::new());
    for (j, (xj, yj)) in (0u32..).zip(x.iter().zip(y)) {
        for (i, (xi, yi)) in (0..j).zip(x.iter().zip(y)) {
            let (dx, dy) = (xi - xj, yi - yj);
            if dx == 0.0 && dy != 0.0 {
                vertical.push((dy > 0.0, i, j));
            } else if dx != 0.0 && dy / dx == -1.0 {
                falling.push((i, j));
            }
        }
    }
    let (x, y) = (x.to_vec(), y.to_vec());
    move |rows| {
        if constant(&take(&x, rows)) || constant(&take(&y, rows)) {
            return None;
        }
        let times = times_drawn(x.len(), rows);
        let (mut up, mut down) = (0u64, 0u64);
        for (rises, i, j) in &vertical {
            let side = if *rises { &mut up } else { &mut down };
            *side += weight(&times, *i, *j);
        }
        if !by_pair && !vertical.is_empty() {
            let (mut rising, mut sinking) = (0u64, 0u64);
            for (slope, i, j) in &pairs.sorted {
                let side = if *slope > 0.0 {
                    &mut rising
                } else if *slope < 0.0 {
                    &mut sinking
                } else {
                    continue;
                };
                *side += weight(&times, *i, *j);
            }
            sinking += falling
                .iter()
                .map(|(i, j)| weight(&times, *i, *j))
                .sum::<u64>();
            (up, down) = if rising >= sinking {
                (up + down, 0)
            } else {
                (0, up + down)
            };
        }
        let (finite, low) = pairs.count(&times);
        let (count, below) = (finite + up + down, low + down);
        // Places run over the falling vertical pairs, then the finite slopes, then the rising ones.
        let place = count.div_ceil(2) + below;
        let inside = place.checked_sub(down).filter(|p| *p > 0 && *p <= finite)?;
        let (first, second) = pairs.at(&times, inside);
        let slope = if count % 2 == 1 {
            first?
        } else {
            f64::midpoint(first?, second?)
        };
        let mut rest: Vec<f64> = take(&x, rows)
            .iter()
            .zip(take(&y, rows))
            .map(|(x, y)| y - slope * x)
            .collect();
        rest.sort_unstable_by(f64::total_cmp);
        Some((slope, median(&rest)))
    }
}

/// Why the bootstrap of a method that looks at all pairs is not done.
fn too_many_looks(sample: &Sample, points: usize) -> Option<String> {
    let pairs = points as f64 * (points as f64 - 1.0) / 2.0;
    let replicates = sample.whole("replicates") as f64;
    (pairs * replicates > MOST_LOOKS).then(|| format!(
        "each of {replicates} replicates looks at all {pairs} pairs of points, which is more than {MOST_LOOKS:e} in all; take the interval by formula, fewer replicates, or fewer points"
    ))
}

/// What the two numbers of a fitted line are made from.
struct LineOf<'a> {
    sample: &'a Sample,
    fit: Fit,
    definition: &'a str,
    method: &'a str,
    rows: usize,
    /// Whether all points lie on the line but for rounding: resamples then differ by rounding only.
    on_line: bool,
    cluster: Option<&'a [usize]>,
    /// Why the formula may have no interval of the slope and of the intercept.
    no_interval: [&'a str; 2],
    /// Why the bootstrap is not done, where it is not.
    no_bootstrap: Option<String>,
}

const ON_ONE_LINE: &str = "too few points, or all on one line, for an interval by this method";

impl LineOf<'_> {
    /// Slope and intercept; `again` makes both for a resample, and is made only where one is wanted.
    fn numbers<F: Fn(&[usize]) -> Option<(f64, f64)> + Sync>(
        &self,
        again: impl FnOnce() -> F,
    ) -> Result<Vec<Number>, StatisticsError> {
        let sample = self.sample;
        let boot = match sample.word("interval") {
            "jackknife" if self.cluster.is_none() => None,
            "jackknife" => Some(crate::resample::BootstrapInterval::Percentile),
            _ => wanted_bootstrap(sample, self.cluster.is_some()),
        };
        let plain = |name: &str, value: f64| {
            Number::plain(
                name,
                format!("{name}.{}", self.definition),
                value,
                self.rows,
            )
        };
        let both = [
            plain("slope", self.fit.slope),
            plain("intercept", self.fit.intercept),
        ];
        if let Some(kind) = boot {
            let units = Units::new(self.rows, self.cluster, None);
            let refused = if units.len() < 2 {
                Some("one cluster only: nothing to draw from".to_owned())
            } else if self.on_line {
                Some(
                    "all points lie on one line but for rounding, so the bootstrap shows no spread"
                        .to_owned(),
                )
            } else {
                self.no_bootstrap.clone()
            };
            if let Some(reason) = refused {
                return Ok(both
                    .into_iter()
                    .map(|n| n.without_interval(reason.clone()))
                    .collect());
            }
            let (replicates, left_out) = resamples(sample, &units, kind, again());
            type Line = (f64, f64);
            let picks: [fn(Line) -> f64; 2] = [|l| l.0, |l| l.1];
            return both
                .into_iter()
                .zip(picks)
                .map(|(number, pick)| {
                    let of = |all: &[Option<Line>]| all.iter().map(|l| l.map(pick)).collect();
                    let left_out: Vec<Option<f64>> = of(&left_out);
                    let estimate = number.value.unwrap_or(f64::NAN);
                    from_resamples(number, estimate, kind, of(&replicates), &left_out, sample)
                })
                .collect();
        }
        let spreads = [
            (self.fit.slope_interval, self.fit.slope_standard_error),
            (
                self.fit.intercept_interval,
                self.fit.intercept_standard_error,
            ),
        ];
        Ok(both
            .into_iter()
            .zip(spreads)
            .zip(self.no_interval)
            .map(|((number, (interval, se)), no_interval)| match interval {
                Some(interval) => with_interval_or_reason(
                    number,
                    interval,
                    self.method,
                    "the interval has no width",
                )
                .with_standard_error(se),
                None => number.without_interval(no_interval),
            })
            .collect())
    }
}

/// The columns of two roles and the clusters, over the rows that the setting `missing` keeps.
struct Kept {
    first: Vec<f64>,
    second: Vec<f64>,
    cluster: Option<Vec<usize>>,
    rows: usize,
}

fn kept(sample: &Sample, first: &str, second: &str) -> Result<Kept, StatisticsError> {
    let rows = complete_rows(sample, &[first, second])?;
    Ok(Kept {
        first: take(sample.reals(first), &rows),
        second: take(sample.reals(second), &rows),
        cluster: sample
            .labels("cluster")
            .map(|l| take(&Labels::complete(l), &rows)),
        rows: rows.len(),
    })
}

fn run_linearity(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let kept = kept(sample, "measurement", "reference")?;
    let (y, x) = (kept.first.as_slice(), kept.second.as_slice());
    let n = x.len();
    let robust = sample.word("fit") == "theil-sen";
    let fit = if robust {
        theil_sen(x, y, level)?
    } else {
        least_squares(x, y, level)?
    };
    let (definition, method) = if robust {
        ("theil-sen", "sen-1968.scipy")
    } else {
        ("ols", "t")
    };
    let line = LineOf {
        sample,
        fit,
        definition,
        method,
        rows: n,
        on_line: on_line(x, y, fit.slope, fit.intercept),
        cluster: kept.cluster.as_deref(),
        no_interval: [ON_ONE_LINE; 2],
        no_bootstrap: if robust {
            too_many_looks(sample, n)
        } else {
            None
        },
    };
    let numbers = if robust {
        line.numbers(|| theil_sen_again(x, y))?
    } else {
        line.numbers(|| {
            |rows: &[usize]| {
                least_squares(&take(x, rows), &take(y, rows), level)
                    .ok()
                    .map(|f| (f.slope, f.intercept))
            }
        })?
    };
    let mut answer = Answer {
        numbers,
        ..Answer::default()
    };
    if !constant(y) && !constant(x) {
        let r = products(x, y) / (squares(x).sqrt() * squares(y).sqrt());
        answer
            .numbers
            // Rounding may leave a perfect line above 1.
            .push(Number::plain(
                "r_squared",
                "pearson-squared",
                (r * r).min(1.0),
                n,
            ));
    }
    answer.numbers.push(match curvature(x, y) {
        Some((_, _, p)) => Number::plain("curvature_p_value", "t.quadratic-term", p, n),
        None => Number::none(
            "curvature_p_value",
            "t.quadratic-term",
            n,
            "fewer than three true values, or no spread about the curve beyond rounding",
        ),
    });
    if let Some((gamma, _, _)) = curvature(x, y) {
        answer.numbers.push(Number::plain(
            "quadratic_coefficient",
            "ols.quadratic-term",
            gamma,
            n,
        ));
    }
    let cluster = &kept.cluster;
    let units = Units::new(n, cluster.as_deref(), None);
    let gaps: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - x).collect();
    let percent: Option<Vec<f64>> = x.iter().all(|v| *v > 0.0).then(|| {
        let of = |v: &[f64]| -> Vec<f64> { x.iter().zip(v).map(|(x, v)| 100.0 * v / x).collect() };
        without_rounding(&of(&gaps), largest(&of(y)).max(100.0))
    });
    let gaps = without_rounding(&gaps, largest(x).max(largest(y)));
    for (name, definition, values) in [
        ("bias", "mean-difference", Some(&gaps)),
        ("bias_percent", "mean-percent-difference", percent.as_ref()),
    ] {
        let Some(values) = values else {
            answer.numbers.push(Number::none(
                name,
                definition,
                n,
                "a true value is not positive, so it has no percentage",
            ));
            continue;
        };
        let number = Number::plain(name, definition, mean(values), n);
        answer
            .numbers
            .push(match wanted_bootstrap(sample, cluster.is_some()) {
                Some(kind) => bootstrapped(number, sample, &units, kind, |rows| {
                    Some(mean(&take(values, rows)))
                })?,
                None => {
                    let se = (variance(values) / n as f64).sqrt();
                    match around(
                        mean(values),
                        t_quantile(f64::midpoint(1.0, level), n as f64 - 1.0) * se,
                        level,
                    ) {
                        Some(interval) if !constant(values) => {
                            number.with_standard_error(se).with_interval(interval, "t")
                        }
                        _ => number.without_interval("the differences have no spread"),
                    }
                }
            });
    }
    let mut at: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
    at.sort_by(|a, b| a.0.total_cmp(&b.0));
    let groups: Vec<&[(f64, f64)]> = at.chunk_by(|a, b| a.0 == b.0).collect();
    if groups.len() <= 50 {
        answer.tables.push(Table {
            name: "true_values".into(),
            columns: ["true_value", "n", "mean", "bias", "standard_deviation"]
                .map(str::to_owned)
                .to_vec(),
            rows: groups
                .iter()
                .map(|g| {
                    let truth = g.first().map_or(f64::NAN, |p| p.0);
                    let values: Vec<f64> = g.iter().map(|p| p.1).collect();
                    vec![
                        Cell::Real(truth),
                        Cell::Whole(values.len() as i64),
                        Cell::Real(mean(&values)),
                        Cell::Real(mean(&values) - truth),
                        if values.len() > 1 {
                            Cell::Real(variance(&values).sqrt())
                        } else {
                            Cell::None
                        },
                    ]
                })
                .collect(),
        });
    }
    Ok(with_left_out(answer, sample, kept.rows))
}

fn run_deming(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let kept = kept(sample, "first", "second")?;
    let (x, y) = (kept.first.as_slice(), kept.second.as_slice());
    let (ratio, weighted) = (sample.real("error_ratio"), sample.flag("weighted"));
    let fit = deming(x, y, ratio, weighted, level)?;
    let line = LineOf {
        sample,
        fit,
        on_line: on_line(x, y, fit.slope, fit.intercept),
        definition: if weighted {
            "deming.weighted.constant-cv"
        } else {
            "deming"
        },
        method: "jackknife.t",
        rows: x.len(),
        cluster: kept.cluster.as_deref(),
        no_interval: [if weighted && x.len() > MOST_POINTS {
            "the weighted jackknife fits anew without each pair and takes up to 5000 of them; set interval to percentile"
        } else {
            ON_ONE_LINE
        }; 2],
        no_bootstrap: None,
    };
    let numbers = line.numbers(|| {
        |rows: &[usize]| deming_line(&take(x, rows), &take(y, rows), ratio, weighted).ok()
    })?;
    let answer = Answer {
        numbers,
        ..Answer::default()
    };
    Ok(with_left_out(answer, sample, kept.rows))
}

fn run_passing_bablok(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let kept = kept(sample, "first", "second")?;
    let (x, y) = (kept.first.as_slice(), kept.second.as_slice());
    let by_pair = sample.word("vertical") == "paper";
    let (fit, p, no_interval) = passing_bablok(x, y, by_pair, level)?;
    let line = LineOf {
        sample,
        fit,
        definition: if by_pair {
            "passing-bablok-1983"
        } else {
            "passing-bablok-1983.vertical-by-correlation"
        },
        method: "passing-bablok-1983",
        rows: x.len(),
        on_line: on_line(x, y, fit.slope, fit.intercept),
        cluster: kept.cluster.as_deref(),
        no_interval,
        no_bootstrap: too_many_looks(sample, x.len()),
    };
    let mut numbers = line.numbers(|| passing_bablok_again(x, y, by_pair))?;
    numbers.push(if p.is_nan() {
        Number::none(
            "linearity_p_value",
            "cusum.kolmogorov",
            x.len(),
            "no point lies above, or none below the line",
        )
    } else {
        Number::plain("linearity_p_value", "cusum.kolmogorov", p, x.len())
    });
    let answer = Answer {
        numbers,
        ..Answer::default()
    };
    Ok(with_left_out(answer, sample, kept.rows))
}
