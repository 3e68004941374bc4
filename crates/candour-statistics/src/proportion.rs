//! Proportions: intervals, one-sided bounds and tests against a goal.

use serde::Serialize;
use statrs::function::gamma::ln_gamma;

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, Role, Sample, Setting, SettingKind,
};
use crate::clustered;
use crate::distribution::{
    beta_quantile, normal_cdf, normal_quantile, normal_tail, normal_two_sided, t_quantile,
    t_two_sided, two_sided_z,
};
use crate::number::{Answer, Interval, Number, StatisticsError};

/// A proportion of trials, with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Proportion {
    /// How many trials succeeded.
    pub successes: u64,
    /// How many trials there were; at least 1.
    pub trials: u64,
    /// `successes / trials`.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

/// A proportion with Wilson's score interval, without continuity correction (Wilson 1927;
/// method 3 of Newcombe 1998). `None` when there are no trials.
///
/// # Errors
/// When the counts contradict each other or the level lies outside (0, 1).
pub fn wilson_interval(
    successes: u64,
    trials: u64,
    level: f64,
) -> Result<Option<Proportion>, StatisticsError> {
    let z = two_sided_z(level)?;
    check_counts(successes, trials)?;
    if trials == 0 {
        return Ok(None);
    }
    let value = successes as f64 / trials as f64;
    let (lower, upper) = wilson_limits(value, trials as f64, z);
    Ok(Some(Proportion {
        successes,
        trials,
        value,
        interval: Interval {
            lower,
            upper,
            level,
        },
    }))
}

/// How the interval of a proportion is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProportionMethod {
    /// Wilson's score interval (Wilson 1927), the default.
    Wilson,
    /// Wilson's interval with continuity correction (Newcombe 1998, method 4; R `prop.test`).
    WilsonContinuity,
    /// The exact interval of Clopper and Pearson (1934); never below its nominal coverage.
    ClopperPearson,
    /// Equal tails of the Beta(x + 1/2, n - x + 1/2) posterior; end points 0 at x = 0 and 1 at
    /// x = n (Brown, Cai and DasGupta 2001).
    Jeffreys,
    /// The same without the change of the end points (statsmodels `jeffreys`).
    JeffreysUnmodified,
    /// Agresti and Coull (1998) with z squared added trials; the value stays the sample proportion.
    AgrestiCoull,
    /// Clopper and Pearson with half the probability of the observed count (Lancaster 1961).
    MidP,
    /// Normal approximation; undercovers, on request only.
    Wald,
}

impl ProportionMethod {
    /// The words of the `method` setting.
    pub const WORDS: &'static [&'static str] = &[
        "wilson",
        "wilson-continuity",
        "clopper-pearson",
        "jeffreys",
        "jeffreys-unmodified",
        "agresti-coull",
        "mid-p",
        "wald",
    ];

    /// By its word; Wilson for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "wilson-continuity" => Self::WilsonContinuity,
            "clopper-pearson" => Self::ClopperPearson,
            "jeffreys" => Self::Jeffreys,
            "jeffreys-unmodified" => Self::JeffreysUnmodified,
            "agresti-coull" => Self::AgrestiCoull,
            "mid-p" => Self::MidP,
            "wald" => Self::Wald,
            _ => Self::Wilson,
        }
    }

    /// Its id in results.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Wilson => "wilson",
            Self::WilsonContinuity => "wilson-continuity",
            Self::ClopperPearson => "clopper-pearson",
            Self::Jeffreys => "jeffreys",
            Self::JeffreysUnmodified => "jeffreys-unmodified",
            Self::AgrestiCoull => "agresti-coull",
            Self::MidP => "mid-p",
            Self::Wald => "wald",
        }
    }
}

/// Which ends of an interval are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Both, each with half the error.
    TwoSided,
    /// The lower bound alone with all the error; the upper end is 1.
    Lower,
    /// The upper bound alone with all the error; the lower end is 0.
    Upper,
}

impl Bound {
    /// The words of the `bound` setting.
    pub const WORDS: &'static [&'static str] = &["two-sided", "lower", "upper"];

    /// By its word; two-sided for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "lower" => Self::Lower,
            "upper" => Self::Upper,
            _ => Self::TwoSided,
        }
    }
}

/// A proportion with the interval of the given method. A one-sided bound at level 0.975 equals the
/// end of the two-sided interval at level 0.95.
///
/// # Errors
/// Not estimable without trials, and for Wald at 0 or n successes, where it has no width. Refused:
/// counts that contradict each other; a level outside (0, 1), or a one-sided one not above 0.5.
pub fn proportion_interval(
    successes: u64,
    trials: u64,
    level: f64,
    method: ProportionMethod,
    bound: Bound,
) -> Result<Proportion, StatisticsError> {
    check_counts(successes, trials)?;
    two_sided_z(level)?;
    let two_sided_level = match bound {
        Bound::TwoSided => level,
        Bound::Lower | Bound::Upper if level > 0.5 => 2.0 * level - 1.0,
        Bound::Lower | Bound::Upper => {
            return Err(StatisticsError::setting(
                "level",
                level,
                "a one-sided bound needs a level above 0.5, such as 0.975",
            ));
        }
    };
    if trials == 0 {
        return Err(StatisticsError::not_estimable("there are no trials"));
    }
    if matches!(
        method,
        ProportionMethod::ClopperPearson
            | ProportionMethod::Jeffreys
            | ProportionMethod::JeffreysUnmodified
            | ProportionMethod::MidP
    ) {
        countable(trials)?;
    }
    let z = two_sided_z(two_sided_level)?;
    let tail = match bound {
        Bound::TwoSided => (1.0 - level) / 2.0,
        Bound::Lower | Bound::Upper => 1.0 - level,
    };
    let (x, n) = (successes as f64, trials as f64);
    let value = x / n;
    let (none, all) = (successes == 0, successes == trials);
    let (lower, upper) = match method {
        ProportionMethod::Wilson => wilson_limits(value, n, z),
        ProportionMethod::WilsonContinuity => {
            let limit = |p: f64, sign: f64| {
                let spread = p * (1.0 - p) / n + z * z / (4.0 * n * n);
                (p + z * z / (2.0 * n) + sign * z * spread.max(0.0).sqrt()) / (1.0 + z * z / n)
            };
            let (down, up) = (value - 0.5 / n, value + 0.5 / n);
            (
                if down <= 0.0 { 0.0 } else { limit(down, -1.0) },
                if up >= 1.0 { 1.0 } else { limit(up, 1.0) },
            )
        }
        ProportionMethod::ClopperPearson => (
            if none {
                0.0
            } else {
                beta_at(tail, x, n - x + 1.0)
            },
            if all {
                1.0
            } else {
                beta_at(1.0 - tail, x + 1.0, n - x)
            },
        ),
        ProportionMethod::Jeffreys | ProportionMethod::JeffreysUnmodified => {
            let modified = method == ProportionMethod::Jeffreys;
            let limit = |p: f64| beta_at(p, x + 0.5, n - x + 0.5);
            (
                if none && modified { 0.0 } else { limit(tail) },
                if all && modified {
                    1.0
                } else {
                    limit(1.0 - tail)
                },
            )
        }
        ProportionMethod::AgrestiCoull => {
            let trials = n + z * z;
            let centre = (x + z * z / 2.0) / trials;
            let half = z * (centre * (1.0 - centre) / trials).sqrt();
            ((centre - half).max(0.0), (centre + half).min(1.0))
        }
        ProportionMethod::MidP => (
            if none {
                0.0
            } else {
                crossing(0.0, value, |p| {
                    binomial_at_least(successes, trials, p)
                        - 0.5 * binomial_pmf(successes, trials, p)
                        - tail
                })
            },
            if all {
                1.0
            } else {
                crossing(value, 1.0, |p| {
                    tail - binomial_at_most(successes, trials, p)
                        + 0.5 * binomial_pmf(successes, trials, p)
                })
            },
        ),
        ProportionMethod::Wald => {
            if none || all {
                return Err(StatisticsError::not_estimable(
                    "the Wald interval has no width at 0 or n successes; use wilson",
                ));
            }
            let half = z * (value * (1.0 - value) / n).sqrt();
            ((value - half).max(0.0), (value + half).min(1.0))
        }
    };
    let (lower, upper) = match bound {
        Bound::TwoSided => (lower, upper),
        Bound::Lower => (lower, 1.0),
        Bound::Upper => (0.0, upper),
    };
    if !(lower.is_finite() && upper.is_finite()) {
        return Err(StatisticsError::not_estimable(
            "the limits could not be computed",
        ));
    }
    Ok(Proportion {
        successes,
        trials,
        value,
        interval: Interval {
            lower,
            upper,
            level,
        },
    })
}

/// What a test against a goal wants to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alternative {
    /// The true value exceeds the goal.
    Greater,
    /// The true value lies below the goal.
    Less,
    /// They differ.
    TwoSided,
}

impl Alternative {
    /// The words of the `alternative` setting.
    pub const WORDS: &'static [&'static str] = &["greater", "less", "two-sided"];

    /// By its word; two-sided for any other.
    #[must_use]
    pub fn from_word(word: &str) -> Self {
        match word {
            "greater" => Self::Greater,
            "less" => Self::Less,
            _ => Self::TwoSided,
        }
    }

    /// The p-value of a standard normal statistic that is large under "greater".
    #[must_use]
    pub fn normal_p(self, z: f64) -> f64 {
        match self {
            Self::Greater => normal_tail(z),
            Self::Less => normal_cdf(z),
            Self::TwoSided => normal_two_sided(z),
        }
    }
}

/// Exact binomial test of a proportion against a goal. Two-sided: the probability of all counts no
/// likelier than the observed one, with R's tolerance of 1e-7 (R `binom.test`).
///
/// # Errors
/// Not estimable without trials; refused when the counts contradict each other or the goal lies
/// outside [0, 1].
pub fn binomial_test(
    successes: u64,
    trials: u64,
    goal: f64,
    alternative: Alternative,
) -> Result<f64, StatisticsError> {
    check_goal(successes, trials, goal)?;
    countable(trials)?;
    let p = match alternative {
        Alternative::Greater => binomial_at_least(successes, trials, goal),
        Alternative::Less => binomial_at_most(successes, trials, goal),
        Alternative::TwoSided => two_sided_binomial(successes, trials, goal),
    };
    Ok(p.clamp(0.0, 1.0))
}

/// The fraction of the incomplete beta function takes about the root of n steps, so exact sums end
/// somewhere; far below that end they agree with the score methods.
const EXACT_AT_MOST: u64 = 1_000_000_000;

fn countable(trials: u64) -> Result<(), StatisticsError> {
    if trials <= EXACT_AT_MOST {
        return Ok(());
    }
    Err(StatisticsError::not_estimable(format!(
        "exact binomial sums are taken up to {EXACT_AT_MOST} trials; at {trials} the score methods (wilson, score test) agree with them"
    )))
}

/// Score test of a proportion against a goal, z = (p - goal) / sqrt(goal (1 - goal) / n): the
/// statistic and its p-value (R `prop.test` without correction, where z squared is the statistic).
///
/// # Errors
/// Not estimable without trials or with a goal of 0 or 1; refused when the counts contradict each
/// other or the goal lies outside [0, 1].
pub fn score_test(
    successes: u64,
    trials: u64,
    goal: f64,
    alternative: Alternative,
) -> Result<(f64, f64), StatisticsError> {
    check_goal(successes, trials, goal)?;
    if goal == 0.0 || goal == 1.0 {
        return Err(StatisticsError::not_estimable(
            "the score test has no variance at a goal of 0 or 1",
        ));
    }
    let n = trials as f64;
    let z = (successes as f64 / n - goal) / (goal * (1.0 - goal) / n).sqrt();
    Ok((z, alternative.normal_p(z)))
}

/// Probability of exactly `k` successes in `n` trials, by the saddle point expansion (Loader 2000), which
/// keeps its digits at any n.
#[must_use]
pub fn binomial_pmf(k: u64, n: u64, p: f64) -> f64 {
    if k > n || p.is_nan() {
        return f64::NAN;
    }
    if p <= 0.0 {
        return if k == 0 { 1.0 } else { 0.0 };
    }
    if p >= 1.0 {
        return if k == n { 1.0 } else { 0.0 };
    }
    saddle_point(k as f64, n as f64, p)
}

/// Probability of at most `k` successes in `n` trials.
#[must_use]
pub fn binomial_at_most(k: u64, n: u64, p: f64) -> f64 {
    if k >= n || p <= 0.0 {
        1.0
    } else if p >= 1.0 {
        0.0
    } else {
        beta_below(1.0 - p, (n - k) as f64, k as f64 + 1.0)
    }
}

/// Probability of at least `k` successes in `n` trials.
#[must_use]
pub fn binomial_at_least(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 || p >= 1.0 {
        1.0
    } else if p <= 0.0 || k > n {
        0.0
    } else {
        beta_below(p, k as f64, (n - k) as f64 + 1.0)
    }
}

/// The beta distribution function by its continued fraction, carried on until it stands still: near
/// the mean that takes about sqrt(a + b) steps, more than the library allows itself.
fn beta_below(x: f64, a: f64, b: f64) -> f64 {
    if x.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    let front = saddle_point(a, a + b, x) / (a + b);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * b * continued_fraction(a, b, x)
    } else {
        1.0 - front * a * continued_fraction(b, a, 1.0 - x)
    }
}

/// The quantile to [`beta_below`], by Newton steps that stay within halving brackets.
pub(crate) fn beta_at(p: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    let start = beta_quantile(p, a, b);
    let mut x = if start > 0.0 && start < 1.0 {
        start
    } else {
        a / (a + b)
    };
    for _ in 0..200 {
        // The smaller tail keeps its digits, but 1 - x must not lose those of a small x.
        let above = if p <= 0.5 || x < 0.5 {
            beta_below(x, a, b) - p
        } else {
            1.0 - p - beta_below(1.0 - x, b, a)
        };
        if above == 0.0 {
            return x;
        }
        if above > 0.0 {
            high = x
        } else {
            low = x
        }
        let density = saddle_point(a, a + b, x) * a * b / (a + b) / (x * (1.0 - x));
        let newton = x - above / density;
        let next = if newton > low && newton < high {
            newton
        } else {
            f64::midpoint(low, high)
        };
        if (next - x).abs() <= 1e-16 * x || next <= low || next >= high {
            return next;
        }
        x = next;
    }
    x
}

/// Student's t quantile to full precision at any degrees of freedom, for `p` of one half or more.
pub(crate) fn t_at(p: f64, df: f64) -> f64 {
    if df >= 2e4 {
        // Expansion about the normal quantile (Abramowitz and Stegun 26.7.5); what is left out is below
        // 1e-17 here.
        let z = -normal_quantile(1.0 - p);
        let s = z * z;
        let g1 = z * (s + 1.0) / 4.0;
        let g2 = z * ((5.0 * s + 16.0) * s + 3.0) / 96.0;
        let g3 = z * (((3.0 * s + 19.0) * s + 17.0) * s - 15.0) / 384.0;
        return if df.is_finite() {
            z + (g1 + (g2 + g3 / df) / df) / df
        } else {
            z
        };
    }
    let tail = 1.0 - p;
    let mut t = t_quantile(p, df);
    for _ in 0..3 {
        let log_constant = ln_gamma((df + 1.0) / 2.0) - ln_gamma(df / 2.0);
        let density = (log_constant - (df + 1.0) / 2.0 * (t * t / df).ln_1p()).exp()
            / (df * std::f64::consts::PI).sqrt();
        let next = t + (t_both_tails(t, df) / 2.0 - tail) / density;
        if !next.is_finite() {
            break;
        }
        t = next;
    }
    t
}

/// Two-sided p-value of Student's t to full precision.
pub(crate) fn t_both_tails(t: f64, df: f64) -> f64 {
    if df > 1e6 {
        return t_two_sided(t, df);
    }
    let s = t * t;
    if s < df {
        1.0 - beta_below(s / (df + s), 0.5, df / 2.0)
    } else {
        beta_below(df / (df + s), df / 2.0, 0.5)
    }
}

/// The fraction of the incomplete beta function, by Lentz's method (Numerical Recipes 6.4).
fn continued_fraction(a: f64, b: f64, x: f64) -> f64 {
    let away = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut h = d;
    for step in 1..200_000 {
        let m = f64::from(step);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        h *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        h *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    h
}

/// Gamma(n+1) / (Gamma(x+1) Gamma(n-x+1)) p^x (1-p)^(n-x) for real x and n (Loader 2000).
fn saddle_point(x: f64, n: f64, p: f64) -> f64 {
    let q = 1.0 - p;
    if x <= 0.0 {
        return (n * (-p).ln_1p()).exp();
    }
    if x >= n {
        return (n * p.ln()).exp();
    }
    let log = stirling_error(n)
        - stirling_error(x)
        - stirling_error(n - x)
        - deviance(x, n * p)
        - deviance(n - x, n * q);
    log.exp() * (n / (2.0 * std::f64::consts::PI * x * (n - x))).sqrt()
}

/// ln Gamma(z + 1) less Stirling's formula.
fn stirling_error(z: f64) -> f64 {
    if z < 16.0 {
        return ln_gamma(z + 1.0) - (z + 0.5) * z.ln() + z
            - 0.5 * (2.0 * std::f64::consts::PI).ln();
    }
    let s = 1.0 / (z * z);
    (1.0 / 12.0
        - s * (1.0 / 360.0
            - s * (1.0 / 1260.0 - s * (1.0 / 1680.0 - s * (1.0 / 1188.0 - s * 691.0 / 360_360.0)))))
        / z
}

/// x ln(x / m) + m - x without cancellation near x = m.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = (x - m) / (x + m);
    let mut sum = (x - m) * v;
    let mut term = 2.0 * x * v;
    for j in 1..1000 {
        term *= v * v;
        let next = sum + term / f64::from(2 * j + 1);
        if next == sum {
            break;
        }
        sum = next;
    }
    sum
}

/// Wilson's limits for a proportion of a number of trials that need not be whole (an effective
/// sample size).
pub(crate) fn wilson_limits(p: f64, n: f64, z: f64) -> (f64, f64) {
    let scale = 1.0 + z * z / n;
    let centre = (p + z * z / (2.0 * n)) / scale;
    let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    // At 0 and 1 the limit is exactly 0 and 1; rounding must not move it.
    (
        if p <= 0.0 {
            0.0
        } else {
            (centre - half).max(0.0)
        },
        if p >= 1.0 {
            1.0
        } else {
            (centre + half).min(1.0)
        },
    )
}

/// Where an increasing function crosses zero between two ends, by up to 160 bisections.
pub(crate) fn crossing(low: f64, high: f64, increasing: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (low, high);
    for _ in 0..160 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        if increasing(middle) < 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    f64::midpoint(low, high)
}

pub(crate) fn check_counts(successes: u64, trials: u64) -> Result<(), StatisticsError> {
    if successes > trials {
        return Err(StatisticsError::Data(format!(
            "{successes} successes in {trials} trials; count again"
        )));
    }
    Ok(())
}

fn check_goal(successes: u64, trials: u64, goal: f64) -> Result<(), StatisticsError> {
    check_counts(successes, trials)?;
    if !(0.0..=1.0).contains(&goal) {
        return Err(StatisticsError::setting(
            "goal",
            goal,
            "it lies between 0 and 1, such as 0.8",
        ));
    }
    if trials == 0 {
        return Err(StatisticsError::not_estimable("there are no trials"));
    }
    Ok(())
}

fn two_sided_binomial(x: u64, n: u64, p: f64) -> f64 {
    if p == 0.0 {
        return if x == 0 { 1.0 } else { 0.0 };
    }
    if p == 1.0 {
        return if x == n { 1.0 } else { 0.0 };
    }
    let mean = n as f64 * p;
    let x_real = x as f64;
    if x_real == mean {
        return 1.0;
    }
    let limit = binomial_pmf(x, n, p) * (1.0 + 1e-7);
    // Beyond the mean the probabilities fall away from it, so the counts no likelier than the
    // observed one start at one place, found by halving.
    if x_real < mean {
        let (mut low, mut high) = (mean.ceil() as u64, n + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if binomial_pmf(middle, n, p) <= limit {
                high = middle
            } else {
                low = middle + 1
            }
        }
        let far = if low > n {
            0.0
        } else {
            binomial_at_least(low, n, p)
        };
        binomial_at_most(x, n, p) + far
    } else {
        // `low` counts how many of 0, 1, ..., floor(mean) are no likelier.
        let (mut low, mut high) = (0, mean.floor() as u64 + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if binomial_pmf(middle, n, p) <= limit {
                low = middle + 1
            } else {
                high = middle
            }
        }
        let far = if low == 0 {
            0.0
        } else {
            binomial_at_most(low - 1, n, p)
        };
        binomial_at_least(x, n, p) + far
    }
}

/// Binary outcomes.
pub(crate) const OUTCOME: Role = Role {
    name: "outcome",
    what: "the outcome of each trial: positive (success) or negative",
    kind: Kind::Binary,
    need: Need::Optional,
    missing: false,
};

/// How proportions get their intervals.
pub(crate) const METHOD: Setting = Setting {
    name: "method",
    what: "interval of a proportion",
    kind: SettingKind::Choice(ProportionMethod::WORDS),
    default: Some("wilson"),
};

pub(crate) const LARGEST_COUNT: f64 = 9_007_199_254_740_992.0;

/// A whole number given as a setting; none when it is absent.
pub(crate) fn count_setting(sample: &Sample, name: &str) -> Result<Option<u64>, StatisticsError> {
    match sample.optional_real(name) {
        None => Ok(None),
        Some(v) if v >= 0.0 && v.fract() == 0.0 && v <= LARGEST_COUNT => Ok(Some(v as u64)),
        Some(v) => Err(StatisticsError::setting(name, v, "a whole number from 0")),
    }
}

/// A proportion as a number of an answer, with the reason where it has no interval.
pub(crate) fn proportion_number(
    name: &str,
    definition: &str,
    successes: u64,
    trials: u64,
    level: f64,
    method: ProportionMethod,
    bound: Bound,
) -> Result<Number, StatisticsError> {
    let n = trials as usize;
    if trials == 0 {
        check_counts(successes, trials)?;
        return Ok(Number::none(name, definition, 0, "there are no trials"));
    }
    let value = successes as f64 / trials as f64;
    let mut number = Number::plain(name, definition, value, n);
    if successes > 0 && successes < trials {
        number = number.with_standard_error((value * (1.0 - value) / trials as f64).sqrt());
    }
    match proportion_interval(successes, trials, level, method, bound) {
        Ok(p) => Ok(number.with_interval(p.interval, method_id(method, bound))),
        Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
        Err(other) => Err(other),
    }
}

fn method_id(method: ProportionMethod, bound: Bound) -> String {
    match bound {
        Bound::TwoSided => method.id().to_owned(),
        Bound::Lower => format!("{}.one-sided-lower", method.id()),
        Bound::Upper => format!("{}.one-sided-upper", method.id()),
    }
}

/// Why a binomial method is not used with clusters.
pub(crate) const CLUSTERED_METHOD: &str = "with clusters the interval is the effective-sample Wilson interval of the ratio estimator (wilson-effective); `method` concerns independent rows";

/// A number as it is printed in a note: twelve significant digits, so that rounding does not show.
pub(crate) fn digits(value: f64) -> f64 {
    format!("{value:.11e}").parse().unwrap_or(value)
}

/// A note when a setting has not its default and is not used; `instead` says what holds.
pub(crate) fn idle(
    answer: &mut Answer,
    sample: &Sample,
    setting: &str,
    default: &str,
    instead: &str,
) {
    let word = sample.word(setting);
    if word != default {
        answer
            .notes
            .push(format!("`{setting}` {word} is not used: {instead}"));
    }
}

/// What must be said beside an interval of this method.
pub(crate) fn method_note(method: ProportionMethod) -> Option<&'static str> {
    match method {
        ProportionMethod::Wald => {
            Some("the Wald interval undercovers, badly so near 0 and 1 and at small n; use wilson")
        }
        ProportionMethod::ClopperPearson => {
            Some("the Clopper-Pearson interval is conservative: it covers at least its level")
        }
        ProportionMethod::AgrestiCoull => Some(
            "limits of the Agresti-Coull interval are clipped to [0, 1]; the value is the sample proportion",
        ),
        _ => None,
    }
}

fn run_proportion(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let method = ProportionMethod::from_word(sample.word("method"));
    let bound = Bound::from_word(sample.word("bound"));
    let given = (
        count_setting(sample, "successes")?,
        count_setting(sample, "trials")?,
    );
    let outcome = sample.binary("outcome");
    let (successes, trials) = match (outcome.is_empty(), given) {
        (true, (Some(successes), Some(trials))) => (successes, trials),
        (false, (None, None)) => (
            outcome.iter().filter(|o| **o).count() as u64,
            outcome.len() as u64,
        ),
        (true, (None, None)) => {
            return Err(StatisticsError::Data(
                "`proportion` needs a column `outcome` with rows, or the settings `successes` and `trials`".into(),
            ));
        }
        _ => {
            return Err(StatisticsError::Data(
                "give either a column `outcome` or both settings `successes` and `trials`".into(),
            ));
        }
    };
    let goal = sample.optional_real("goal");
    let alternative = Alternative::from_word(sample.word("alternative"));
    if let Some(cluster) = sample.labels("cluster") {
        if outcome.is_empty() {
            return Err(StatisticsError::Data(
                "clusters need a column `outcome`".into(),
            ));
        }
        let totals = clustered::cluster_totals(outcome, &cluster.complete())?;
        let mut answer =
            clustered::proportion_answer(&totals, level, bound, goal.map(|g| (g, alternative)))?;
        idle(&mut answer, sample, "method", "wilson", CLUSTERED_METHOD);
        return Ok(answer);
    }
    let mut answer = Answer::default();
    answer.numbers.push(proportion_number(
        "proportion",
        "proportion.sample",
        successes,
        trials,
        level,
        method,
        bound,
    )?);
    answer.numbers.push(Number::plain(
        "successes",
        "count",
        successes as f64,
        trials as usize,
    ));
    answer.numbers.push(Number::plain(
        "trials",
        "count",
        trials as f64,
        trials as usize,
    ));
    answer.notes.extend(method_note(method).map(str::to_owned));
    if let Some(goal) = goal {
        let n = trials as usize;
        answer.numbers.push(Number::from_result(
            "p_value_exact",
            "binomial.exact",
            n,
            binomial_test(successes, trials, goal, alternative)
                .map(|p| Number::plain("p_value_exact", "binomial.exact", p, n)),
        )?);
        let score = score_test(successes, trials, goal, alternative);
        answer.numbers.push(Number::from_result(
            "z_score",
            "score-test.z",
            n,
            score
                .clone()
                .map(|(z, _)| Number::plain("z_score", "score-test.z", z, n)),
        )?);
        answer.numbers.push(Number::from_result(
            "p_value_score",
            "score-test.normal",
            n,
            score.map(|(_, p)| Number::plain("p_value_score", "score-test.normal", p, n)),
        )?);
    }
    Ok(answer)
}

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[Entry {
    id: "proportion",
    group: Group::Proportions,
    title: "Proportion with interval and test against a goal",
    formula: "p = x / n. Wilson: (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n). Clopper-Pearson: \
        quantiles of Beta(x, n-x+1) and Beta(x+1, n-x). Jeffreys: quantiles of Beta(x+1/2, n-x+1/2). Tests: exact \
        binomial; score z = (p - goal) / sqrt(goal(1-goal)/n).",
    source: "Wilson 1927; Clopper and Pearson 1934; Agresti and Coull 1998; Newcombe 1998 Stat Med 17:857; Brown, \
        Cai and DasGupta 2001; Lancaster 1961",
    assumptions: "Trials are independent unless `cluster` is given (then the ratio estimator of \
        `proportion-clustered` is used, with the effective-sample Wilson interval). No trials: not estimable.",
    compared_with: "R 4.2 binom.test, prop.test; statsmodels 0.15.0 proportion_confint; scipy 1.17.1",
    roles: &[OUTCOME, CLUSTER],
    settings: &[
        Setting {
            name: "successes",
            what: "number of successes, when no column is given",
            kind: SettingKind::OptionalReal(0.0, LARGEST_COUNT),
            default: None,
        },
        Setting {
            name: "trials",
            what: "number of trials, when no column is given",
            kind: SettingKind::OptionalReal(0.0, LARGEST_COUNT),
            default: None,
        },
        METHOD,
        Setting {
            name: "bound",
            what: "both ends of the interval, or one end with all the error",
            kind: SettingKind::Choice(Bound::WORDS),
            default: Some("two-sided"),
        },
        LEVEL,
        Setting {
            name: "goal",
            what: "performance goal to test against",
            kind: SettingKind::OptionalReal(0.0, 1.0),
            default: None,
        },
        Setting {
            name: "alternative",
            what: "what the test against the goal is to show",
            kind: SettingKind::Choice(Alternative::WORDS),
            default: Some("greater"),
        },
    ],
    numbers: &[
        "proportion",
        "successes",
        "trials",
        "clusters",
        "design_effect",
        "effective_trials",
        "intraclass_correlation",
        "p_value_exact",
        "z_score",
        "p_value_score",
        "p_value",
    ],
    run: run_proportion,
}];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Newcombe RG (1998), Two-sided confidence intervals for the single proportion, Statistics in
    /// Medicine 17:857-872, table I, method 3 (score, no continuity correction), 95 %.
    #[test]
    fn wilson_agrees_with_newcombe_table_one() {
        for (x, n, lower, upper) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let got = wilson_interval(x, n, 0.95).unwrap().unwrap().interval;
            assert!((got.lower - lower).abs() < 5.1e-5, "{x}/{n}: {got:?}");
            assert!((got.upper - upper).abs() < 5.1e-5, "{x}/{n}: {got:?}");
        }
    }

    /// NIST/SEMATECH handbook and any normal table: z(0.95) = 1.959964, z(0.99) = 2.575829.
    #[test]
    fn quantiles_agree_with_the_normal_table() {
        assert!((two_sided_z(0.95).unwrap() - 1.959_964).abs() < 5e-7);
        assert!((two_sided_z(0.99).unwrap() - 2.575_829).abs() < 5e-7);
        for bad in [0.0, 1.0, -1.0, 2.0, f64::NAN] {
            assert!(two_sided_z(bad).is_err());
        }
    }

    /// Verifies SRS-020.
    #[test]
    fn no_trials_is_not_estimable_and_bad_counts_are_named() {
        assert_eq!(wilson_interval(0, 0, 0.95), Ok(None));
        assert!(matches!(
            wilson_interval(3, 2, 0.95),
            Err(StatisticsError::Data(_))
        ));
    }

    proptest! {
        #[test]
        fn wilson_contains_the_estimate_and_mirrors(x in 0u64..500, extra in 0u64..500, level in 0.5f64..0.999) {
            let n = x + extra;
            prop_assume!(n > 0);
            let a = wilson_interval(x, n, level).unwrap().unwrap();
            prop_assert!(0.0 <= a.interval.lower && a.interval.lower <= a.value);
            prop_assert!(a.value <= a.interval.upper && a.interval.upper <= 1.0);
            let b = wilson_interval(n - x, n, level).unwrap().unwrap();
            prop_assert!((a.interval.lower - (1.0 - b.interval.upper)).abs() < 1e-12);
        }
    }
}
