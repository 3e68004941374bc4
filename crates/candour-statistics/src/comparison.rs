//! Comparison of two proportions: unpaired (difference, ratio, odds ratio, margins) and paired
//! (McNemar, score and square-and-add intervals, predictive values, clusters).

use statrs::function::factorial::ln_binomial;

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, Role, Sample, Setting, SettingKind, TRUTH,
};
use crate::clustered::{
    ClusterTotal, ClusteredMethod, clustered_interval, clustered_proportion, few_clusters_note,
};
use crate::distribution::{
    chi_squared_tail, normal_cdf, normal_tail, normal_two_sided, two_sided_z,
};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::proportion::{
    Bound, LARGEST_COUNT, OUTCOME, ProportionMethod, binomial_at_most, binomial_pmf, check_counts,
    count_setting, crossing, idle, proportion_number, wilson_limits,
};

/// Successes and trials of one group.
pub type Counts = (u64, u64);

/// How the interval of a difference of two independent proportions is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceMethod {
    /// Square-and-add of Wilson's limits (Newcombe 1998, method 10).
    Newcombe,
    /// Inverted score test with factor N / (N - 1) (Miettinen and Nurminen 1985).
    MiettinenNurminen,
    /// Inverted score test without the factor (Mee 1984), dual to the test of Farrington and Manning.
    Mee,
    /// One success and one failure more in each group (Agresti and Caffo 2000).
    AgrestiCaffo,
    /// Normal approximation; undercovers, on request only.
    Wald,
}

impl DifferenceMethod {
    const WORDS: &'static [&'static str] = &[
        "newcombe",
        "miettinen-nurminen",
        "mee",
        "agresti-caffo",
        "wald",
    ];

    fn from_word(word: &str) -> Self {
        match word {
            "miettinen-nurminen" => Self::MiettinenNurminen,
            "mee" => Self::Mee,
            "agresti-caffo" => Self::AgrestiCaffo,
            "wald" => Self::Wald,
            _ => Self::Newcombe,
        }
    }

    /// Its id in results.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Newcombe => "newcombe-hybrid",
            Self::MiettinenNurminen => "miettinen-nurminen",
            Self::Mee => "mee-score",
            Self::AgrestiCaffo => "agresti-caffo",
            Self::Wald => "wald",
        }
    }
}

/// Interval of the difference p1 - p2 of two independent proportions.
///
/// # Errors
/// Not estimable when a group has no trials, and for Wald when both proportions are 0 or 1.
pub fn difference_interval(
    first: Counts,
    second: Counts,
    level: f64,
    method: DifferenceMethod,
) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    let (x1, n1, x2, n2) = both(first, second)?;
    let (p1, p2) = (x1 / n1, x2 / n2);
    let d = p1 - p2;
    let (lower, upper) = match method {
        DifferenceMethod::Newcombe => {
            let ((l1, u1), (l2, u2)) = (wilson_limits(p1, n1, z), wilson_limits(p2, n2, z));
            (d - (p1 - l1).hypot(u2 - p2), d + (u1 - p1).hypot(p2 - l2))
        }
        DifferenceMethod::MiettinenNurminen | DifferenceMethod::Mee => {
            let corrected = method == DifferenceMethod::MiettinenNurminen;
            let at = |delta: f64| difference_z(x1, n1, x2, n2, delta, corrected);
            (
                if d <= -1.0 {
                    -1.0
                } else {
                    crossing(-1.0, d, |delta| z - at(delta))
                },
                if d >= 1.0 {
                    1.0
                } else {
                    crossing(d, 1.0, |delta| -z - at(delta))
                },
            )
        }
        DifferenceMethod::AgrestiCaffo => {
            let (a, b) = ((x1 + 1.0) / (n1 + 2.0), (x2 + 1.0) / (n2 + 2.0));
            let half = z * (a * (1.0 - a) / (n1 + 2.0) + b * (1.0 - b) / (n2 + 2.0)).sqrt();
            ((a - b - half).max(-1.0), (a - b + half).min(1.0))
        }
        DifferenceMethod::Wald => {
            let variance = p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2;
            if variance <= 0.0 {
                return Err(StatisticsError::not_estimable(
                    "the Wald interval has no width when both proportions are 0 or 1; use newcombe",
                ));
            }
            let half = z * variance.sqrt();
            ((d - half).max(-1.0), (d + half).min(1.0))
        }
    };
    Ok(Interval {
        lower,
        upper,
        level,
    })
}

/// Score statistic of p1 - p2 = delta for independent proportions: (p1 - p2 - delta) over its
/// standard error at the restricted maximum of the likelihood (Farrington and Manning 1990);
/// `corrected` multiplies the variance by N / (N - 1) (Miettinen and Nurminen 1985).
///
/// # Errors
/// Not estimable when a group has no trials or the statistic has no variance; refused when delta
/// lies outside (-1, 1).
pub fn difference_score(
    first: Counts,
    second: Counts,
    delta: f64,
    corrected: bool,
) -> Result<f64, StatisticsError> {
    let (x1, n1, x2, n2) = both(first, second)?;
    if !(delta > -1.0 && delta < 1.0) {
        return Err(StatisticsError::setting(
            "margin",
            delta,
            "a difference lies between -1 and 1",
        ));
    }
    let z = difference_z(x1, n1, x2, n2, delta, corrected);
    if z.is_finite() {
        Ok(z)
    } else {
        Err(StatisticsError::not_estimable(
            "all outcomes are the same, so the score has no variance",
        ))
    }
}

fn both(first: Counts, second: Counts) -> Result<(f64, f64, f64, f64), StatisticsError> {
    check_counts(first.0, first.1)?;
    check_counts(second.0, second.1)?;
    if first.1 == 0 || second.1 == 0 {
        return Err(StatisticsError::not_estimable("a group has no trials"));
    }
    Ok((
        first.0 as f64,
        first.1 as f64,
        second.0 as f64,
        second.1 as f64,
    ))
}

fn difference_z(x1: f64, n1: f64, x2: f64, n2: f64, delta: f64, corrected: bool) -> f64 {
    // The likelihood is concave in p2, so its slope falls and has one root (or pushes to an end).
    let (low, high) = ((-delta).max(0.0), (1.0 - delta).min(1.0));
    let term = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count / p };
    let p2 = crossing(low, high, |p| {
        let q = p + delta;
        term(n2 - x2, 1.0 - p) + term(n1 - x1, 1.0 - q) - term(x2, p) - term(x1, q)
    });
    let p1 = (p2 + delta).clamp(0.0, 1.0);
    let variance = p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2;
    let factor = if corrected {
        (n1 + n2) / (n1 + n2 - 1.0)
    } else {
        1.0
    };
    (x1 / n1 - x2 / n2 - delta) / (variance * factor).sqrt()
}

/// How the interval of a ratio of two independent proportions is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RatioMethod {
    /// Inverted score test (Koopman 1984).
    Koopman,
    /// The same with factor N / (N - 1) (Miettinen and Nurminen 1985).
    MiettinenNurminen,
    /// Normal on the log scale (Katz 1978).
    Log,
    /// The same with one half added to counts and trials (Walter 1975).
    LogAdjusted,
}

impl RatioMethod {
    const WORDS: &'static [&'static str] =
        &["koopman", "miettinen-nurminen", "log", "log-adjusted"];

    fn from_word(word: &str) -> Self {
        match word {
            "miettinen-nurminen" => Self::MiettinenNurminen,
            "log" => Self::Log,
            "log-adjusted" => Self::LogAdjusted,
            _ => Self::Koopman,
        }
    }

    /// Its id in results.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Koopman => "koopman-score",
            Self::MiettinenNurminen => "miettinen-nurminen",
            Self::Log => "log-normal",
            Self::LogAdjusted => "log-normal.adjusted",
        }
    }
}

/// Interval of the ratio p1 / p2 of two independent proportions. The score intervals reach from 0
/// when x1 is 0 and to infinity when x2 is 0.
///
/// # Errors
/// Not estimable when a group has no trials, when both counts are 0, and for the log interval when
/// one is.
pub fn ratio_interval(
    first: Counts,
    second: Counts,
    level: f64,
    method: RatioMethod,
) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    let (x1, n1, x2, n2) = both(first, second)?;
    if x1 == 0.0 && x2 == 0.0 {
        return Err(StatisticsError::not_estimable(
            "neither group has a success, so their ratio can be anything",
        ));
    }
    let log = |x1: f64, n1: f64, x2: f64, n2: f64| {
        let half = z * ((n1 - x1) / (x1 * n1) + (n2 - x2) / (x2 * n2)).sqrt();
        let ratio = (x1 / n1 / (x2 / n2)).ln();
        ((ratio - half).exp(), (ratio + half).exp(), half)
    };
    let (lower, upper) = match method {
        RatioMethod::Log | RatioMethod::LogAdjusted => {
            let add = if method == RatioMethod::Log { 0.0 } else { 0.5 };
            let (lower, upper, half) = log(x1 + add, n1 + add, x2 + add, n2 + add);
            if !(half.is_finite() && half > 0.0) {
                return Err(StatisticsError::not_estimable(
                    "the log interval needs a success in each group and a failure in one; use koopman",
                ));
            }
            (lower, upper)
        }
        RatioMethod::Koopman | RatioMethod::MiettinenNurminen => {
            let corrected = method == RatioMethod::MiettinenNurminen;
            let at = |log_ratio: f64| ratio_z(x1, n1, x2, n2, log_ratio.exp(), corrected);
            let middle = (x1 / n1 / (x2 / n2)).ln();
            let (from, to) = (-600.0, 600.0);
            (
                if x1 == 0.0 {
                    0.0
                } else {
                    crossing(from, middle.clamp(from, to), |r| z - at(r)).exp()
                },
                if x2 == 0.0 {
                    f64::INFINITY
                } else {
                    crossing(middle.clamp(from, to), to, |r| -z - at(r)).exp()
                },
            )
        }
    };
    Ok(Interval {
        lower,
        upper,
        level,
    })
}

/// Score statistic of p1 / p2 = ratio (Koopman 1984; Miettinen and Nurminen 1985 when corrected).
fn ratio_z(x1: f64, n1: f64, x2: f64, n2: f64, ratio: f64, corrected: bool) -> f64 {
    let term = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count / p };
    let p2 = crossing(0.0, (1.0 / ratio).min(1.0), |p| {
        ratio * term(n1 - x1, 1.0 - ratio * p) + term(n2 - x2, 1.0 - p) - term(x1 + x2, p)
    });
    let p1 = (ratio * p2).min(1.0);
    let variance = p1 * (1.0 - p1) / n1 + ratio * ratio * p2 * (1.0 - p2) / n2;
    let factor = if corrected {
        (n1 + n2) / (n1 + n2 - 1.0)
    } else {
        1.0
    };
    (x1 / n1 - ratio * x2 / n2) / (variance * factor).sqrt()
}

/// How the interval of an odds ratio is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddsRatioMethod {
    /// Normal on the log scale (Woolf 1955).
    Woolf,
    /// The same with one half added to each cell (Haldane 1956, Anscombe 1956).
    WoolfAdjusted,
    /// Inverted score test with factor N / (N - 1) (Miettinen and Nurminen 1985).
    MiettinenNurminen,
    /// Inverted score test without the factor (Cornfield 1956 without continuity correction).
    Score,
    /// Exact given the margins (Cornfield 1956; R `fisher.test`).
    Exact,
}

impl OddsRatioMethod {
    const WORDS: &'static [&'static str] = &[
        "woolf",
        "woolf-adjusted",
        "miettinen-nurminen",
        "score",
        "exact",
    ];

    fn from_word(word: &str) -> Self {
        match word {
            "woolf-adjusted" => Self::WoolfAdjusted,
            "miettinen-nurminen" => Self::MiettinenNurminen,
            "score" => Self::Score,
            "exact" => Self::Exact,
            _ => Self::Woolf,
        }
    }

    /// Its id in results.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Woolf => "woolf",
            Self::WoolfAdjusted => "woolf.adjusted",
            Self::MiettinenNurminen => "miettinen-nurminen",
            Self::Score => "score",
            Self::Exact => "exact-conditional",
        }
    }
}

/// Interval of the odds ratio of two independent proportions.
///
/// # Errors
/// Not estimable when a group has no trials, when all outcomes are the same, and for Woolf when a
/// cell is empty.
pub fn odds_ratio_interval(
    first: Counts,
    second: Counts,
    level: f64,
    method: OddsRatioMethod,
) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    let (x1, n1, x2, n2) = both(first, second)?;
    let total = x1 + x2;
    if total == 0.0 || total == n1 + n2 {
        return Err(StatisticsError::not_estimable(
            "all outcomes are the same, so the odds ratio can be anything",
        ));
    }
    let (least, most) = (x1 == 0.0 || x2 == n2, x1 == n1 || x2 == 0.0);
    let (lower, upper) = match method {
        OddsRatioMethod::Woolf | OddsRatioMethod::WoolfAdjusted => {
            let add = if method == OddsRatioMethod::Woolf {
                0.0
            } else {
                0.5
            };
            let (a, b, c, d) = (x1 + add, n1 - x1 + add, x2 + add, n2 - x2 + add);
            let half = z * (1.0 / a + 1.0 / b + 1.0 / c + 1.0 / d).sqrt();
            if !half.is_finite() {
                return Err(StatisticsError::not_estimable(
                    "a cell is empty; use exact or miettinen-nurminen",
                ));
            }
            let log = (a * d / (b * c)).ln();
            ((log - half).exp(), (log + half).exp())
        }
        OddsRatioMethod::MiettinenNurminen | OddsRatioMethod::Score => {
            let corrected = method == OddsRatioMethod::MiettinenNurminen;
            let at = |log_ratio: f64| odds_ratio_z(x1, n1, x2, n2, log_ratio, corrected);
            (
                if least {
                    0.0
                } else {
                    crossing(-600.0, 600.0, |r| z - at(r)).exp()
                },
                if most {
                    f64::INFINITY
                } else {
                    crossing(-600.0, 600.0, |r| -z - at(r)).exp()
                },
            )
        }
        OddsRatioMethod::Exact => {
            let table = Hypergeometric::new(first, second);
            let tail = (1.0 - level) / 2.0;
            (
                if least {
                    0.0
                } else {
                    crossing(-600.0, 600.0, |r| table.at_least(first.0, r) - tail).exp()
                },
                if most {
                    f64::INFINITY
                } else {
                    crossing(-600.0, 600.0, |r| tail - table.at_most(first.0, r)).exp()
                },
            )
        }
    };
    Ok(Interval {
        lower,
        upper,
        level,
    })
}

fn odds_ratio_z(x1: f64, n1: f64, x2: f64, n2: f64, log_ratio: f64, corrected: bool) -> f64 {
    // On the scale of logits the constraint is a shift, and nothing overflows.
    let expit = |x: f64| 1.0 / (1.0 + (-x).exp());
    let total = x1 + x2;
    let logit = crossing(-1400.0, 1400.0, |l| {
        n1 * expit(l + log_ratio) + n2 * expit(l) - total
    });
    let spread = |l: f64| expit(l) * expit(-l);
    let (v1, v2) = (n1 * spread(logit + log_ratio), n2 * spread(logit));
    let factor = if corrected {
        (n1 + n2 - 1.0) / (n1 + n2)
    } else {
        1.0
    };
    // The margins hold, so the residual is the same in all four cells: the one with the smallest
    // expected count keeps its digits.
    let (l1, l2) = (logit + log_ratio, logit);
    let cells = [
        (n1 * expit(l1), x1, 1.0),
        (n1 * expit(-l1), n1 - x1, -1.0),
        (n2 * expit(l2), x2, -1.0),
        (n2 * expit(-l2), n2 - x2, 1.0),
    ];
    let (_, residual) = cells.iter().fold(
        (f64::INFINITY, 0.0),
        |(least, residual), (expected, seen, sign)| {
            if *expected < least {
                (*expected, sign * (seen - expected))
            } else {
                (least, residual)
            }
        },
    );
    residual * ((1.0 / v1 + 1.0 / v2) * factor).sqrt()
}

/// The count of successes in the first group given the margins of a 2x2 table.
struct Hypergeometric {
    least: u64,
    /// Logarithms of the central probabilities, from `least` up.
    log_weight: Vec<f64>,
}

impl Hypergeometric {
    fn new((x1, n1): Counts, (x2, n2): Counts) -> Self {
        let total = x1 + x2;
        let least = total.saturating_sub(n2);
        let most = total.min(n1);
        let all = ln_binomial(n1 + n2, total);
        Self {
            least,
            log_weight: (least..=most)
                .map(|k| ln_binomial(n1, k) + ln_binomial(n2, total - k) - all)
                .collect(),
        }
    }

    /// Probabilities at this log odds ratio, with their counts.
    fn at(&self, log_ratio: f64) -> Vec<(u64, f64)> {
        let logs: Vec<(u64, f64)> = (self.least..)
            .zip(&self.log_weight)
            .map(|(k, w)| (k, w + log_ratio * (k - self.least) as f64))
            .collect();
        let top = logs
            .iter()
            .map(|(_, w)| *w)
            .fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|(_, w)| (w - top).exp()).sum();
        logs.into_iter()
            .map(|(k, w)| (k, (w - top).exp() / sum))
            .collect()
    }

    fn at_least(&self, x: u64, log_ratio: f64) -> f64 {
        self.at(log_ratio)
            .iter()
            .filter(|(k, _)| *k >= x)
            .map(|(_, p)| p)
            .sum()
    }

    fn at_most(&self, x: u64, log_ratio: f64) -> f64 {
        self.at(log_ratio)
            .iter()
            .filter(|(k, _)| *k <= x)
            .map(|(_, p)| p)
            .sum()
    }
}

/// Two-sided p-value of Fisher's exact test: the probability of all tables no likelier than the
/// observed one, with R's tolerance of 1e-7.
///
/// # Errors
/// Not estimable when a group has no trials.
pub fn fisher_exact(first: Counts, second: Counts) -> Result<f64, StatisticsError> {
    both(first, second)?;
    let central = Hypergeometric::new(first, second).at(0.0);
    let own = central
        .iter()
        .find(|(k, _)| *k == first.0)
        .map_or(0.0, |(_, p)| *p);
    Ok(central
        .iter()
        .map(|(_, p)| *p)
        .filter(|p| *p <= own * (1.0 + 1e-7))
        .sum::<f64>()
        .min(1.0))
}

/// Counts of paired binary outcomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PairedTable {
    /// Both positive.
    pub both: u64,
    /// The first positive, the second negative.
    pub first_only: u64,
    /// The second positive, the first negative.
    pub second_only: u64,
    /// Neither positive.
    pub neither: u64,
}

impl PairedTable {
    /// Counts rows.
    ///
    /// # Errors
    /// When the columns differ in length.
    pub fn count(first: &[bool], second: &[bool]) -> Result<Self, StatisticsError> {
        if first.len() != second.len() {
            return Err(StatisticsError::Data(format!(
                "{} outcomes against {}",
                first.len(),
                second.len()
            )));
        }
        let mut table = Self::default();
        for (a, b) in first.iter().zip(second) {
            *match (a, b) {
                (true, true) => &mut table.both,
                (true, false) => &mut table.first_only,
                (false, true) => &mut table.second_only,
                (false, false) => &mut table.neither,
            } += 1;
        }
        Ok(table)
    }

    fn n(&self) -> u64 {
        self.both + self.first_only + self.second_only + self.neither
    }

    fn difference(&self) -> f64 {
        (self.first_only as f64 - self.second_only as f64) / self.n() as f64
    }
}

/// McNemar's tests of two paired proportions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct McNemar {
    /// Two-sided exact p-value, from the binomial distribution of the discordant pairs.
    pub exact: f64,
    /// Two-sided mid-P value (Fagerland, Lydersen and Laake 2013).
    pub mid_p: f64,
    /// (b - c)^2 / (b + c).
    pub chi_squared: f64,
    /// Its p-value.
    pub asymptotic: f64,
    /// (|b - c| - 1)^2 / (b + c), the continuity-corrected form (Edwards 1948; R `mcnemar.test`).
    pub chi_squared_corrected: f64,
    /// Its p-value.
    pub corrected: f64,
}

/// McNemar's tests (McNemar 1947).
///
/// # Errors
/// Not estimable without discordant pairs.
pub fn mcnemar(table: &PairedTable) -> Result<McNemar, StatisticsError> {
    let (b, c) = (table.first_only, table.second_only);
    let m = b + c;
    if m == 0 {
        return Err(StatisticsError::not_estimable(
            "there are no discordant pairs",
        ));
    }
    let least = b.min(c);
    let point = binomial_pmf(least, m, 0.5);
    let exact = if b == c {
        1.0
    } else {
        (2.0 * binomial_at_most(least, m, 0.5)).min(1.0)
    };
    let mid_p = if b == c {
        1.0 - 0.5 * point
    } else {
        exact - point
    };
    let gap = b.abs_diff(c) as f64;
    let chi_squared = gap * gap / m as f64;
    // R corrects only where the counts differ.
    let chi_squared_corrected = if b == c {
        0.0
    } else {
        (gap - 1.0).powi(2) / m as f64
    };
    Ok(McNemar {
        exact,
        mid_p,
        chi_squared,
        asymptotic: chi_squared_tail(chi_squared, 1.0),
        chi_squared_corrected,
        corrected: chi_squared_tail(chi_squared_corrected, 1.0),
    })
}

/// How the interval of a difference of paired proportions is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairedMethod {
    /// Inverted score test (Tango 1998).
    Tango,
    /// Square-and-add of Wilson's limits with corrected phi (Newcombe 1998, paired, method 10).
    Newcombe,
    /// The same with phi as it is (Newcombe 1998, paired, method 8).
    NewcombeUncorrected,
    /// Laplace-adjusted Wald (Bonett and Price 2012).
    BonettPrice,
    /// Normal approximation; undercovers, on request only.
    Wald,
}

impl PairedMethod {
    const WORDS: &'static [&'static str] = &[
        "tango",
        "newcombe",
        "newcombe-uncorrected",
        "bonett-price",
        "wald",
    ];

    fn from_word(word: &str) -> Self {
        match word {
            "newcombe" => Self::Newcombe,
            "newcombe-uncorrected" => Self::NewcombeUncorrected,
            "bonett-price" => Self::BonettPrice,
            "wald" => Self::Wald,
            _ => Self::Tango,
        }
    }

    /// Its id in results.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Tango => "tango-score",
            Self::Newcombe => "newcombe-paired-10",
            Self::NewcombeUncorrected => "newcombe-paired-8",
            Self::BonettPrice => "bonett-price",
            Self::Wald => "wald",
        }
    }
}

/// Interval of the difference of two paired proportions, first less second.
///
/// # Errors
/// Not estimable without pairs, and for Wald without spread among them.
pub fn paired_interval(
    table: &PairedTable,
    level: f64,
    method: PairedMethod,
) -> Result<Interval, StatisticsError> {
    let z = two_sided_z(level)?;
    if table.n() == 0 {
        return Err(StatisticsError::not_estimable("there are no pairs"));
    }
    let (a, b, c, e) = (
        table.both as f64,
        table.first_only as f64,
        table.second_only as f64,
        table.neither as f64,
    );
    let n = a + b + c + e;
    let d = table.difference();
    let (lower, upper) = match method {
        PairedMethod::Tango => (
            if d <= -1.0 {
                -1.0
            } else {
                crossing(-1.0, d, |delta| z - tango_z(b, c, n, delta))
            },
            if d >= 1.0 {
                1.0
            } else {
                crossing(d, 1.0, |delta| -z - tango_z(b, c, n, delta))
            },
        ),
        PairedMethod::Newcombe | PairedMethod::NewcombeUncorrected => {
            let (p1, p2) = ((a + b) / n, (a + c) / n);
            let ((l1, u1), (l2, u2)) = (wilson_limits(p1, n, z), wilson_limits(p2, n, z));
            let below = (a + b) * (c + e) * (a + c) * (b + e);
            let mut above = a * e - b * c;
            if method == PairedMethod::Newcombe && above > 0.0 {
                above = (above - n / 2.0).max(0.0);
            }
            let phi = if below > 0.0 {
                above / below.sqrt()
            } else {
                0.0
            };
            let half = |x: f64, y: f64| (x * x - 2.0 * phi * x * y + y * y).max(0.0).sqrt();
            let (down, up) = (half(p1 - l1, u2 - p2), half(u1 - p1, p2 - l2));
            // Equal margins and phi 1 leave nothing but rounding.
            if down + up <= 1e-9 * (u1 - l1) {
                return Err(StatisticsError::not_estimable(
                    "without discordant pairs this method has no width (phi is 1 and the margins are equal); use tango or newcombe",
                ));
            }
            (d - down, d + up)
        }
        PairedMethod::BonettPrice => {
            let (p, q) = ((b + 1.0) / (n + 2.0), (c + 1.0) / (n + 2.0));
            let half = z * ((p + q - (p - q).powi(2)) / (n + 2.0)).sqrt();
            ((p - q - half).max(-1.0), (p - q + half).min(1.0))
        }
        PairedMethod::Wald => {
            let variance = (b + c - (b - c).powi(2) / n) / (n * n);
            if variance <= 0.0 {
                return Err(StatisticsError::not_estimable(
                    "the Wald interval has no width here; use tango",
                ));
            }
            let half = z * variance.sqrt();
            ((d - half).max(-1.0), (d + half).min(1.0))
        }
    };
    Ok(Interval {
        lower,
        upper,
        level,
    })
}

/// Tango's score statistic of paired proportions at difference `delta` (Tango 1998). At -margin it is
/// the non-inferiority test with the restricted variance of Liu et al. 2002.
///
/// # Errors
/// Not estimable without pairs or without variance; refused when delta lies outside (-1, 1).
pub fn paired_score(table: &PairedTable, delta: f64) -> Result<f64, StatisticsError> {
    if !(delta > -1.0 && delta < 1.0) {
        return Err(StatisticsError::setting(
            "margin",
            delta,
            "a difference lies between -1 and 1",
        ));
    }
    if table.n() == 0 {
        return Err(StatisticsError::not_estimable("there are no pairs"));
    }
    let z = tango_z(
        table.first_only as f64,
        table.second_only as f64,
        table.n() as f64,
        delta,
    );
    if z.is_finite() {
        Ok(z)
    } else {
        Err(StatisticsError::not_estimable(
            "there are no discordant pairs, so the score has no variance",
        ))
    }
}

fn tango_z(b: f64, c: f64, n: f64, delta: f64) -> f64 {
    let (qa, qb, qc) = (
        2.0 * n,
        (2.0 * n - b + c) * delta - b - c,
        -c * delta * (1.0 - delta),
    );
    let root = (qb * qb - 4.0 * qa * qc).max(0.0).sqrt();
    // The root without cancellation, whichever sign qb has.
    let q21 = if qb > 0.0 {
        -2.0 * qc / (qb + root)
    } else {
        (root - qb) / (2.0 * qa)
    };
    (b - c - n * delta) / (n * (2.0 * q21 + delta * (1.0 - delta))).max(0.0).sqrt()
}

/// The difference of paired proportions in clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusteredPair {
    /// First less second proportion.
    pub difference: f64,
    /// Its variance m / (m - 1) * sum (d_k - n_k difference)^2 / N^2.
    pub variance: f64,
    /// Obuchowski's chi-squared, (sum d_k)^2 / (m / (m - 1) sum d_k^2).
    pub obuchowski: f64,
    /// Its p-value.
    pub obuchowski_p: f64,
    /// Durkalski's chi-squared, (sum d_k / n_k)^2 / sum (d_k / n_k)^2.
    pub durkalski: f64,
    /// Its p-value.
    pub durkalski_p: f64,
    /// Clusters.
    pub clusters: usize,
}

/// Tests and variance of the difference of paired proportions when pairs come in clusters
/// (Obuchowski 1998; Durkalski et al. 2003).
///
/// # Errors
/// Not estimable with fewer than two clusters or when no cluster has a net difference; refused when
/// the columns differ in length.
pub fn clustered_pairs(
    first: &[bool],
    second: &[bool],
    cluster: &[usize],
) -> Result<ClusteredPair, StatisticsError> {
    if first.len() != second.len() || first.len() != cluster.len() {
        return Err(StatisticsError::Data("the columns differ in length".into()));
    }
    let mut sums: std::collections::BTreeMap<usize, (f64, f64)> = std::collections::BTreeMap::new();
    for ((a, b), code) in first.iter().zip(second).zip(cluster) {
        let sum = sums.entry(*code).or_default();
        sum.0 += f64::from(u8::from(*a)) - f64::from(u8::from(*b));
        sum.1 += 1.0;
    }
    let m = sums.len() as f64;
    if sums.len() < 2 {
        return Err(StatisticsError::not_estimable("it needs two clusters"));
    }
    let n: f64 = sums.values().map(|(_, n)| n).sum();
    let total: f64 = sums.values().map(|(d, _)| d).sum();
    let squares: f64 = sums.values().map(|(d, _)| d * d).sum();
    if squares == 0.0 {
        return Err(StatisticsError::not_estimable(
            "no cluster has a net difference",
        ));
    }
    let difference = total / n;
    let obuchowski = total * total / (m / (m - 1.0) * squares);
    let share: f64 = sums.values().map(|(d, n)| d / n).sum();
    let durkalski = share * share / sums.values().map(|(d, n)| (d / n).powi(2)).sum::<f64>();
    Ok(ClusteredPair {
        difference,
        variance: m / (m - 1.0)
            * sums
                .values()
                .map(|(d, k)| (d - k * difference).powi(2))
                .sum::<f64>()
            / (n * n),
        obuchowski,
        obuchowski_p: chi_squared_tail(obuchowski, 1.0),
        durkalski,
        durkalski_p: chi_squared_tail(durkalski, 1.0),
        clusters: sums.len(),
    })
}

/// Comparison of a predictive value of two tests on the same cases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedPredictive {
    /// The first test's value.
    pub first: f64,
    /// The second test's.
    pub second: f64,
    /// Variance of the difference by the delta method.
    pub difference_variance: f64,
    /// Variance of the log ratio by the delta method (Moskowitz and Pepe 2006).
    pub log_ratio_variance: f64,
    /// Weighted generalised score statistic (Kosinski 2013), chi-squared with one degree of freedom;
    /// NaN when the calls never differ.
    pub weighted_score: f64,
    /// Generalised score statistic (Leisenring, Alonzo and Pepe 2000); NaN when the calls never differ.
    pub generalised_score: f64,
    /// How many cases one of the two tests called.
    pub cases: usize,
    /// Right calls and calls of the first test.
    pub first_calls: Counts,
    /// Of the second.
    pub second_calls: Counts,
}

/// Compares the positive predictive values of two tests on the same cases. For negative predictive
/// values negate all three columns.
///
/// # Errors
/// Not estimable when a test has no positive call; refused when the columns differ in length.
pub fn paired_predictive(
    truth: &[bool],
    first: &[bool],
    second: &[bool],
) -> Result<PairedPredictive, StatisticsError> {
    if truth.len() != first.len() || truth.len() != second.len() {
        return Err(StatisticsError::Data("the columns differ in length".into()));
    }
    // (called by first, called by second, diseased, how many cases)
    let mut cells = [(true, true), (true, false), (false, true)]
        .into_iter()
        .flat_map(|(a, b)| [(a, b, true, 0.0f64), (a, b, false, 0.0)])
        .collect::<Vec<_>>();
    for ((t, a), b) in truth.iter().zip(first).zip(second) {
        if let Some(cell) = cells.iter_mut().find(|c| (c.0, c.1, c.2) == (*a, *b, *t)) {
            cell.3 += 1.0;
        }
    }
    let sum = |wanted: &dyn Fn(bool, bool, bool) -> f64| -> f64 {
        cells
            .iter()
            .map(|(a, b, t, n)| wanted(*a, *b, *t) * n)
            .sum()
    };
    let one = |v: bool| f64::from(u8::from(v));
    let n1 = sum(&|a, _, _| one(a));
    let n2 = sum(&|_, b, _| one(b));
    if n1 == 0.0 || n2 == 0.0 {
        return Err(StatisticsError::not_estimable(
            "one of the tests has no call of this kind",
        ));
    }
    let (x1, x2) = (sum(&|a, _, t| one(a && t)), sum(&|_, b, t| one(b && t)));
    let (p1, p2, pooled) = (x1 / n1, x2 / n2, (x1 + x2) / (n1 + n2));
    let difference_variance =
        sum(&|a, b, t| (one(a) * (one(t) - p1) / n1 - one(b) * (one(t) - p2) / n2).powi(2));
    let log_ratio_variance =
        sum(&|a, b, t| (one(a) * (one(t) - p1) / x1 - one(b) * (one(t) - p2) / x2).powi(2));
    let shared = sum(&|a, b, t| one(a && b) * (one(t) - pooled).powi(2));
    let weighted = (p1 - p2).powi(2)
        / (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2) - 2.0 * shared / (n1 * n2));
    // Where both tests call the same cases the difference is 0 for certain, and no test has a value.
    let differ = sum(&|a, b, _| one(a != b)) > 0.0;
    let or_none = |statistic: f64| if differ { statistic } else { f64::NAN };
    let second_share = n2 / (n1 + n2);
    let score = sum(&|a, b, t| one(t) * (one(b) * (1.0 - second_share) - one(a) * second_share));
    let spread = sum(&|a, b, t| {
        ((one(t) - pooled) * (one(b) * (1.0 - second_share) - one(a) * second_share)).powi(2)
    });
    Ok(PairedPredictive {
        first: p1,
        second: p2,
        difference_variance,
        log_ratio_variance,
        weighted_score: or_none(weighted),
        generalised_score: or_none(score * score / spread),
        cases: cells.iter().map(|c| c.3).sum::<f64>() as usize,
        first_calls: (x1 as u64, n1 as u64),
        second_calls: (x2 as u64, n2 as u64),
    })
}

struct TwoGroups {
    first: Counts,
    second: Counts,
    names: (String, String),
}

/// The two groups of a sample, from columns or from counts; the reference is second.
fn two_groups(sample: &Sample) -> Result<TwoGroups, StatisticsError> {
    let outcome = sample.binary("outcome");
    let given = (
        count_setting(sample, "successes")?,
        count_setting(sample, "trials")?,
        count_setting(sample, "successes_reference")?,
        count_setting(sample, "trials_reference")?,
    );
    match (sample.labels("group"), given) {
        (None, (Some(x1), Some(n1), Some(x2), Some(n2))) if outcome.is_empty() => {
            if !sample.word("reference").is_empty() {
                return Err(StatisticsError::setting(
                    "reference",
                    sample.word("reference"),
                    "counts name the reference themselves: `successes_reference` and `trials_reference`",
                ));
            }
            check_counts(x1, n1)?;
            check_counts(x2, n2)?;
            Ok(TwoGroups { first: (x1, n1), second: (x2, n2), names: ("group".into(), "reference".into()) })
        }
        (Some(group), (None, None, None, None)) if !outcome.is_empty() => {
            let [a, b] = group.names.as_slice() else {
                return Err(StatisticsError::Data(format!(
                    "`group` has {} groups; a comparison needs two",
                    group.names.len()
                )));
            };
            let word = sample.word("reference");
            let reference = if word.is_empty() || word == a {
                0
            } else if word == b {
                1
            } else {
                return Err(StatisticsError::setting("reference", word, "one of the two labels of the column `group`"));
            };
            let (mut first, mut second) = ((0, 0), (0, 0));
            for (positive, code) in outcome.iter().zip(group.complete()) {
                let counts = if code == reference { &mut second } else { &mut first };
                counts.0 += u64::from(*positive);
                counts.1 += 1;
            }
            let names = if reference == 0 { (b.clone(), a.clone()) } else { (a.clone(), b.clone()) };
            Ok(TwoGroups { first, second, names })
        }
        _ => Err(StatisticsError::Data(
            "give either the columns `outcome` and `group`, or the settings `successes`, `trials`, \
             `successes_reference` and `trials_reference`"
                .into(),
        )),
    }
}

fn group_numbers(g: &TwoGroups, level: f64) -> Result<[Number; 2], StatisticsError> {
    let number = |name: &str, (x, n): Counts| {
        proportion_number(
            name,
            "proportion.sample",
            x,
            n,
            level,
            ProportionMethod::Wilson,
            Bound::TwoSided,
        )
    };
    Ok([
        number("proportion", g.first)?,
        number("proportion_reference", g.second)?,
    ])
}

fn groups_note(g: &TwoGroups) -> String {
    format!("first `{}`, reference `{}`", g.names.0, g.names.1)
}

fn total(g: &TwoGroups) -> usize {
    (g.first.1 + g.second.1) as usize
}

fn plain_or_none(
    name: &str,
    definition: &str,
    n: usize,
    value: Result<f64, StatisticsError>,
) -> Result<Number, StatisticsError> {
    Number::from_result(
        name,
        definition,
        n,
        value.map(|v| Number::plain(name, definition, v, n)),
    )
}

pub(crate) fn attach(
    number: Number,
    interval: Result<Interval, StatisticsError>,
    method: &str,
) -> Result<Number, StatisticsError> {
    match interval {
        Ok(i) => Ok(number.with_interval(i, method)),
        Err(StatisticsError::NotEstimable(reason)) => Ok(number.without_interval(reason)),
        Err(other) => Err(other),
    }
}

fn difference_number(
    g: &TwoGroups,
    level: f64,
    method: DifferenceMethod,
) -> Result<Number, StatisticsError> {
    let n = total(g);
    let definition = "difference.first-less-reference";
    if g.first.1 == 0 || g.second.1 == 0 {
        return Ok(Number::none(
            "difference",
            definition,
            n,
            "a group has no trials",
        ));
    }
    let share = |(x, n): Counts| x as f64 / n as f64;
    let mut number = Number::plain(
        "difference",
        definition,
        share(g.first) - share(g.second),
        n,
    );
    let spread = |c: Counts| share(c) * (1.0 - share(c)) / c.1 as f64;
    let variance = spread(g.first) + spread(g.second);
    number = number.with_standard_error(variance.sqrt());
    attach(
        number,
        difference_interval(g.first, g.second, level, method),
        method.id(),
    )
}

const WALD_NOTE: &str = "the Wald interval undercovers at small n and extreme proportions; use newcombe or a score interval";

fn run_difference(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let g = two_groups(sample)?;
    let method = DifferenceMethod::from_word(sample.word("method"));
    let n = total(&g);
    let mut answer = Answer::default();
    answer.numbers.push(difference_number(&g, level, method)?);
    answer.numbers.extend(group_numbers(&g, level)?);
    let score = difference_score(g.first, g.second, 0.0, false);
    answer
        .numbers
        .push(plain_or_none("z", "score.pooled", n, score.clone())?);
    answer.numbers.push(plain_or_none(
        "p_value",
        "score.pooled.two-sided",
        n,
        score.map(normal_two_sided),
    )?);
    answer.numbers.push(plain_or_none(
        "p_value_fisher",
        "fisher.exact.two-sided",
        n,
        fisher_exact(g.first, g.second),
    )?);
    let mut rows = Vec::new();
    for word in DifferenceMethod::WORDS {
        let m = DifferenceMethod::from_word(word);
        let (lower, upper) = match difference_interval(g.first, g.second, level, m) {
            Ok(i) => (Cell::Real(i.lower), Cell::Real(i.upper)),
            Err(StatisticsError::NotEstimable(_)) => (Cell::None, Cell::None),
            Err(other) => return Err(other),
        };
        rows.push(vec![Cell::Text(m.id().into()), lower, upper]);
    }
    answer.tables.push(Table {
        name: "intervals by method".into(),
        columns: vec!["method".into(), "lower".into(), "upper".into()],
        rows,
    });
    answer.notes.push(groups_note(&g));
    if method == DifferenceMethod::Wald {
        answer.notes.push(WALD_NOTE.into());
    }
    Ok(answer)
}

fn claim(
    holds: Result<f64, StatisticsError>,
    name: &str,
    definition: &str,
    alpha: f64,
    n: usize,
) -> Result<Number, StatisticsError> {
    plain_or_none(
        name,
        definition,
        n,
        holds.map(|p| f64::from(u8::from(p <= alpha))),
    )
}

/// One-sided p of "first is better than reference by more than `-margin`".
fn margin_test(
    z_at: impl Fn(f64) -> Result<f64, StatisticsError>,
    margin: f64,
    higher: bool,
) -> (Result<f64, StatisticsError>, Result<f64, StatisticsError>) {
    let z = z_at(if higher { -margin } else { margin });
    let p = z.clone().map(|z| {
        if higher {
            normal_tail(z)
        } else {
            normal_cdf(z)
        }
    });
    (z, p)
}

fn margin_numbers(
    answer: &mut Answer,
    z_at: impl Fn(f64) -> Result<f64, StatisticsError>,
    sample: &Sample,
    definition: &str,
    n: usize,
) -> Result<(), StatisticsError> {
    let (alpha, margin) = (sample.real("alpha"), sample.real("margin"));
    let higher = sample.word("better") != "lower";
    let (z, p) = margin_test(&z_at, margin, higher);
    let (z0, p0) = margin_test(&z_at, 0.0, higher);
    let met = matches!(&p, Ok(p) if *p <= alpha);
    answer
        .numbers
        .push(claim(p.clone(), "non_inferior", definition, alpha, n)?);
    answer.numbers.push(plain_or_none("z", definition, n, z)?);
    answer.numbers.push(plain_or_none(
        "p_value",
        &format!("{definition}.one-sided"),
        n,
        p.clone(),
    )?);
    let closed = format!("{definition}.margin-0.closed");
    let superior = match (&p, &p0) {
        // What has no test is not shown and not refuted.
        (Err(e), _) | (_, Err(e)) => Err(e.clone()),
        (Ok(_), Ok(p0)) if met => Ok(*p0),
        _ => Ok(1.0),
    };
    answer
        .numbers
        .push(claim(superior, "superior", &closed, alpha, n)?);
    answer.numbers.push(plain_or_none(
        "superiority_z",
        &format!("{definition}.margin-0"),
        n,
        z0,
    )?);
    answer.numbers.push(plain_or_none(
        "superiority_p_value",
        &format!("{definition}.margin-0.one-sided"),
        n,
        p0,
    )?);
    answer.notes.push(
        "superiority counts only after non-inferiority is shown (closed test), so alpha is spent once".into(),
    );
    Ok(())
}

fn run_noninferiority(sample: &Sample) -> Result<Answer, StatisticsError> {
    let g = two_groups(sample)?;
    let level = 1.0 - 2.0 * sample.real("alpha");
    let mut answer = Answer::default();
    answer.numbers.push(difference_number(
        &g,
        level,
        DifferenceMethod::from_word(sample.word("method")),
    )?);
    margin_numbers(
        &mut answer,
        |delta| difference_score(g.first, g.second, delta, false),
        sample,
        "farrington-manning",
        total(&g),
    )?;
    answer.numbers.extend(group_numbers(&g, level)?);
    answer.notes.push(groups_note(&g));
    Ok(answer)
}

fn equivalence_numbers(
    answer: &mut Answer,
    z_at: impl Fn(f64) -> Result<f64, StatisticsError>,
    sample: &Sample,
    definition: &str,
    n: usize,
) -> Result<(), StatisticsError> {
    let (alpha, margin) = (sample.real("alpha"), sample.real("margin"));
    let low = z_at(-margin).map(normal_tail);
    let high = z_at(margin).map(normal_cdf);
    let p = match (&low, &high) {
        (Ok(a), Ok(b)) => Ok(a.max(*b)),
        (Err(e), _) | (_, Err(e)) => Err(e.clone()),
    };
    answer.numbers.push(claim(
        p.clone(),
        "equivalent",
        &format!("tost.{definition}"),
        alpha,
        n,
    )?);
    answer.numbers.push(plain_or_none(
        "p_value",
        &format!("tost.{definition}"),
        n,
        p,
    )?);
    answer.numbers.push(plain_or_none(
        "p_value_lower",
        &format!("{definition}.above-minus-margin"),
        n,
        low,
    )?);
    answer.numbers.push(plain_or_none(
        "p_value_upper",
        &format!("{definition}.below-margin"),
        n,
        high,
    )?);
    Ok(())
}

fn run_equivalence(sample: &Sample) -> Result<Answer, StatisticsError> {
    let g = two_groups(sample)?;
    let level = 1.0 - 2.0 * sample.real("alpha");
    let mut answer = Answer::default();
    answer.numbers.push(difference_number(
        &g,
        level,
        DifferenceMethod::from_word(sample.word("method")),
    )?);
    equivalence_numbers(
        &mut answer,
        |delta| difference_score(g.first, g.second, delta, false),
        sample,
        "farrington-manning",
        total(&g),
    )?;
    answer.numbers.extend(group_numbers(&g, level)?);
    answer.notes.push(groups_note(&g));
    Ok(answer)
}

/// A ratio with its interval; where the denominator is zero, its limits alone.
pub(crate) fn ratio_number(
    name: &str,
    definition: &str,
    (above, below): (f64, f64),
    n: usize,
    interval: Result<Interval, StatisticsError>,
    method: &str,
) -> Result<Number, StatisticsError> {
    match interval {
        Err(StatisticsError::NotEstimable(reason)) if below == 0.0 => {
            Ok(Number::none(name, definition, n, reason))
        }
        // An infinite ratio has no value, but its lower limit means something.
        Ok(i) if below == 0.0 => Ok(Number::none(
            name,
            definition,
            n,
            "the denominator is zero, so the ratio is infinite",
        )
        .with_interval(i, method)),
        other => attach(
            Number::plain(name, definition, above / below, n),
            other,
            method,
        ),
    }
}

fn run_ratio(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let g = two_groups(sample)?;
    let method = RatioMethod::from_word(sample.word("method"));
    let n = total(&g);
    let mut answer = Answer::default();
    if g.first.1 == 0 || g.second.1 == 0 {
        answer.numbers.push(Number::none(
            "ratio",
            "ratio.first-over-reference",
            n,
            "a group has no trials",
        ));
    } else {
        let share = |(x, n): Counts| x as f64 / n as f64;
        answer.numbers.push(ratio_number(
            "ratio",
            "ratio.first-over-reference",
            (share(g.first), share(g.second)),
            n,
            ratio_interval(g.first, g.second, level, method),
            method.id(),
        )?);
    }
    answer.numbers.extend(group_numbers(&g, level)?);
    let score = difference_score(g.first, g.second, 0.0, false);
    answer.numbers.push(plain_or_none(
        "p_value",
        "score.pooled.two-sided",
        n,
        score.map(normal_two_sided),
    )?);
    answer.notes.push(groups_note(&g));
    Ok(answer)
}

fn run_odds_ratio(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let g = two_groups(sample)?;
    let method = OddsRatioMethod::from_word(sample.word("method"));
    let n = total(&g);
    let (x1, x2) = (g.first.0 as f64, g.second.0 as f64);
    let (y1, y2) = (g.first.1 as f64 - x1, g.second.1 as f64 - x2);
    let mut answer = Answer::default();
    answer.numbers.push(ratio_number(
        "odds_ratio",
        "odds-ratio.sample",
        (x1 * y2, y1 * x2),
        n,
        odds_ratio_interval(g.first, g.second, level, method),
        method.id(),
    )?);
    answer.numbers.extend(group_numbers(&g, level)?);
    answer.numbers.push(plain_or_none(
        "p_value_fisher",
        "fisher.exact.two-sided",
        n,
        fisher_exact(g.first, g.second),
    )?);
    answer.notes.push(groups_note(&g));
    Ok(answer)
}

/// The two columns of a role, with their names.
fn two_columns<'a>(
    sample: &'a Sample,
    role: &str,
) -> Result<[(&'a str, &'a [bool]); 2], StatisticsError> {
    let columns = sample.all_binary(role);
    match columns.as_slice() {
        [a, b] => Ok([*a, *b]),
        other => Err(StatisticsError::Data(format!(
            "a paired comparison needs two columns `{role}`; {} given",
            other.len()
        ))),
    }
}

fn paired_difference_number(
    name: &str,
    t: &PairedTable,
    level: f64,
    method: PairedMethod,
) -> Result<Number, StatisticsError> {
    let n = t.n() as usize;
    if n == 0 {
        return Ok(Number::none(
            name,
            "difference.first-less-second.paired",
            0,
            "there are no pairs",
        ));
    }
    let mut number = Number::plain(
        name,
        "difference.first-less-second.paired",
        t.difference(),
        n,
    );
    let (b, c, m) = (t.first_only as f64, t.second_only as f64, n as f64);
    let variance = (b + c - (b - c).powi(2) / m) / (m * m);
    number = number.with_standard_error(variance.sqrt());
    attach(number, paired_interval(t, level, method), method.id())
}

fn mcnemar_numbers(suffix: &str, t: &PairedTable) -> Result<Vec<Number>, StatisticsError> {
    let n = t.n() as usize;
    let m = mcnemar(t);
    let take = |f: fn(&McNemar) -> f64| m.as_ref().map(f).map_err(Clone::clone);
    [
        ("p_value_exact", "mcnemar.exact", take(|m| m.exact)),
        ("p_value_mid_p", "mcnemar.mid-p", take(|m| m.mid_p)),
        (
            "chi_squared",
            "mcnemar.chi-squared",
            take(|m| m.chi_squared),
        ),
        (
            "p_value_asymptotic",
            "mcnemar.chi-squared",
            take(|m| m.asymptotic),
        ),
        (
            "p_value_corrected",
            "mcnemar.chi-squared.continuity-corrected",
            take(|m| m.corrected),
        ),
    ]
    .into_iter()
    .map(|(name, definition, value)| {
        plain_or_none(&format!("{name}{suffix}"), definition, n, value)
    })
    .collect()
}

fn marginal_numbers(
    names: [&str; 2],
    definition: &str,
    t: &PairedTable,
    level: f64,
) -> Result<[Number; 2], StatisticsError> {
    let number = |name: &str, x: u64| {
        proportion_number(
            name,
            definition,
            x,
            t.n(),
            level,
            ProportionMethod::Wilson,
            Bound::TwoSided,
        )
    };
    let [a, b] = names;
    Ok([
        number(a, t.both + t.first_only)?,
        number(b, t.both + t.second_only)?,
    ])
}

fn paired_counts(name: &str, t: &PairedTable) -> Table {
    let cell = |v: u64| Cell::Whole(v as i64);
    Table {
        name: name.into(),
        columns: vec![
            "first".into(),
            "second positive".into(),
            "second negative".into(),
        ],
        rows: vec![
            vec![
                Cell::Text("positive".into()),
                cell(t.both),
                cell(t.first_only),
            ],
            vec![
                Cell::Text("negative".into()),
                cell(t.second_only),
                cell(t.neither),
            ],
        ],
    }
}

fn run_paired(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let [(a, first), (b, second)] = two_columns(sample, "outcome")?;
    let t = PairedTable::count(first, second)?;
    let method = PairedMethod::from_word(sample.word("method"));
    let mut answer = Answer::default();
    answer
        .numbers
        .push(paired_difference_number("difference", &t, level, method)?);
    answer.numbers.extend(mcnemar_numbers("", &t)?);
    answer.numbers.extend(marginal_numbers(
        ["proportion_first", "proportion_second"],
        "proportion.sample",
        &t,
        level,
    )?);
    answer
        .tables
        .push(paired_counts("first against second", &t));
    answer.notes.push(format!("first `{a}`, second `{b}`"));
    if method == PairedMethod::Wald {
        answer.notes.push(WALD_NOTE.into());
    }
    Ok(answer)
}

fn run_paired_noninferiority(sample: &Sample) -> Result<Answer, StatisticsError> {
    let [(a, first), (b, second)] = two_columns(sample, "outcome")?;
    let t = PairedTable::count(first, second)?;
    let level = 1.0 - 2.0 * sample.real("alpha");
    let n = t.n() as usize;
    let mut answer = Answer::default();
    answer.numbers.push(paired_difference_number(
        "difference",
        &t,
        level,
        PairedMethod::from_word(sample.word("interval")),
    )?);
    let sample_variance = sample.word("test") == "liu-sample";
    let definition = if sample_variance {
        "liu-2002.sample-variance"
    } else {
        "tango-1998.restricted-variance"
    };
    let z_at = |delta: f64| {
        if !sample_variance {
            return paired_score(&t, delta);
        }
        let (b, c, n) = (t.first_only as f64, t.second_only as f64, t.n() as f64);
        let variance = b + c - (b - c).powi(2) / n;
        if variance > 0.0 {
            Ok((b - c - n * delta) / variance.sqrt())
        } else {
            Err(StatisticsError::not_estimable(
                "the sample variance is zero; use tango",
            ))
        }
    };
    if sample.word("claim") == "equivalence" {
        equivalence_numbers(&mut answer, z_at, sample, definition, n)?;
    } else {
        margin_numbers(&mut answer, z_at, sample, definition, n)?;
    }
    answer.numbers.extend(marginal_numbers(
        ["proportion_first", "proportion_second"],
        "proportion.sample",
        &t,
        level,
    )?);
    answer
        .tables
        .push(paired_counts("first against second", &t));
    answer.notes.push(format!("first `{a}`, second `{b}`"));
    Ok(answer)
}

/// Numbers of [`clustered_pairs`].
fn cluster_numbers(
    suffix: &str,
    first: &[bool],
    second: &[bool],
    cluster: &[usize],
    level: f64,
) -> Result<Vec<Number>, StatisticsError> {
    let z = two_sided_z(level)?;
    let n = first.len();
    let name = |stem: &str| format!("{stem}{suffix}");
    let found = clustered_pairs(first, second, cluster);
    let definition = "difference.first-less-second.ratio-estimator";
    let main = match &found {
        Ok(c) => {
            let number = Number::plain(name("difference"), definition, c.difference, n);
            if c.variance > 0.0 {
                let se = c.variance.sqrt();
                number.with_standard_error(se).with_interval(
                    Interval {
                        lower: (c.difference - z * se).max(-1.0),
                        upper: (c.difference + z * se).min(1.0),
                        level,
                    },
                    "ratio-estimator.wald",
                )
            } else {
                number.without_interval("every cluster shows the same difference")
            }
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            Number::none(name("difference"), definition, n, reason.clone())
        }
        Err(other) => return Err(other.clone()),
    };
    let take = |f: fn(&ClusteredPair) -> f64| found.as_ref().map(f).map_err(Clone::clone);
    Ok(vec![
        main,
        plain_or_none(
            &name("chi_squared_obuchowski"),
            "obuchowski-1998",
            n,
            take(|c| c.obuchowski),
        )?,
        plain_or_none(
            &name("p_value_obuchowski"),
            "obuchowski-1998",
            n,
            take(|c| c.obuchowski_p),
        )?,
        plain_or_none(
            &name("chi_squared_durkalski"),
            "durkalski-2003",
            n,
            take(|c| c.durkalski),
        )?,
        plain_or_none(
            &name("p_value_durkalski"),
            "durkalski-2003",
            n,
            take(|c| c.durkalski_p),
        )?,
    ])
}

fn clustered_marginal(
    name: &str,
    outcome: &[bool],
    cluster: &[usize],
    level: f64,
) -> Result<Number, StatisticsError> {
    let totals: Vec<ClusterTotal> = crate::clustered::cluster_totals(outcome, cluster)?;
    let definition = "proportion.ratio-estimator";
    let method = ClusteredMethod::WilsonEffective;
    let value = clustered_proportion(&totals).and_then(|p| {
        let number = Number::plain(name, definition, p.value, outcome.len());
        let number = match p.variance {
            Some(v) => number.with_standard_error(v.sqrt()),
            None => number,
        };
        attach(number, clustered_interval(&p, level, method), method.id())
    });
    Number::from_result(name, definition, outcome.len(), value)
}

/// How many clusters there are, and what must be said of them.
fn clusters_number(answer: &mut Answer, name: &str, cluster: &[usize], of: &str) -> Number {
    let clusters = cluster
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .len();
    answer
        .notes
        .extend(few_clusters_note(clusters).map(|note| format!("{of}{note}")));
    Number::plain(name, "count", clusters as f64, cluster.len())
}

fn run_paired_clustered(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let [(a, first), (b, second)] = two_columns(sample, "outcome")?;
    let cluster = sample
        .labels("cluster")
        .map(|l| l.complete())
        .unwrap_or_default();
    let mut answer = Answer::default();
    answer
        .numbers
        .extend(cluster_numbers("", first, second, &cluster, level)?);
    for (name, column) in [("proportion_first", first), ("proportion_second", second)] {
        answer
            .numbers
            .push(clustered_marginal(name, column, &cluster, level)?);
    }
    let clusters = clusters_number(&mut answer, "clusters", &cluster, "");
    answer.numbers.push(clusters);
    answer.notes.push(format!("first `{a}`, second `{b}`"));
    Ok(answer)
}

fn run_paired_accuracy(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let method = PairedMethod::from_word(sample.word("method"));
    let [(a, first), (b, second)] = two_columns(sample, "call")?;
    let truth = sample.binary("truth");
    let cluster = sample.labels("cluster").map(|l| l.complete());
    let mut answer = Answer::default();
    for (suffix, names, wanted) in [
        (
            "_sensitivity",
            ["sensitivity_first", "sensitivity_second"],
            true,
        ),
        (
            "_specificity",
            ["specificity_first", "specificity_second"],
            false,
        ),
    ] {
        let rows: Vec<usize> = truth
            .iter()
            .enumerate()
            .filter(|(_, t)| **t == wanted)
            .map(|(i, _)| i)
            .collect();
        // A call is right when it says what the truth is.
        let right = |calls: &[bool]| -> Vec<bool> {
            rows.iter()
                .filter_map(|r| calls.get(*r))
                .map(|c| *c == wanted)
                .collect()
        };
        let (one, two) = (right(first), right(second));
        let t = PairedTable::count(&one, &two)?;
        match &cluster {
            None => {
                answer.numbers.push(paired_difference_number(
                    &format!("difference{suffix}"),
                    &t,
                    level,
                    method,
                )?);
                answer.numbers.extend(mcnemar_numbers(suffix, &t)?);
                answer
                    .numbers
                    .extend(marginal_numbers(names, "proportion.sample", &t, level)?);
            }
            Some(codes) => {
                let codes: Vec<usize> =
                    rows.iter().filter_map(|r| codes.get(*r)).copied().collect();
                answer
                    .numbers
                    .extend(cluster_numbers(suffix, &one, &two, &codes, level)?);
                for (name, column) in names.into_iter().zip([&one, &two]) {
                    answer
                        .numbers
                        .push(clustered_marginal(name, column, &codes, level)?);
                }
                let clusters = clusters_number(
                    &mut answer,
                    &format!("clusters{suffix}"),
                    &codes,
                    if wanted { "diseased: " } else { "healthy: " },
                );
                answer.numbers.push(clusters);
            }
        }
        answer.tables.push(paired_counts(
            if wanted {
                "right calls, diseased"
            } else {
                "right calls, healthy"
            },
            &t,
        ));
    }
    answer.notes.push(format!("first `{a}`, second `{b}`"));
    if cluster.is_some() {
        idle(
            &mut answer,
            sample,
            "method",
            "tango",
            "with clusters the interval is Wald's by the ratio estimator; `method` concerns independent rows",
        );
    }
    Ok(answer)
}

fn run_paired_predictive(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let z = two_sided_z(level)?;
    let [(a, first), (b, second)] = two_columns(sample, "call")?;
    let truth = sample.binary("truth");
    let negate = |v: &[bool]| -> Vec<bool> { v.iter().map(|x| !x).collect() };
    let mut answer = Answer::default();
    for (stem, found) in [
        ("ppv", paired_predictive(truth, first, second)),
        (
            "npv",
            paired_predictive(&negate(truth), &negate(first), &negate(second)),
        ),
    ] {
        let n = truth.len();
        let found = match found {
            Ok(f) => f,
            Err(StatisticsError::NotEstimable(reason)) => {
                answer.numbers.push(Number::none(
                    format!("{stem}_difference"),
                    "difference.first-less-second",
                    n,
                    reason,
                ));
                continue;
            }
            Err(other) => return Err(other),
        };
        let n = found.cases;
        let difference = found.first - found.second;
        let number = Number::plain(
            format!("{stem}_difference"),
            "difference.first-less-second",
            difference,
            n,
        );
        let se = found.difference_variance.sqrt();
        answer.numbers.push(if se > 0.0 {
            number.with_standard_error(se).with_interval(
                Interval {
                    lower: (difference - z * se).max(-1.0),
                    upper: (difference + z * se).min(1.0),
                    level,
                },
                "delta",
            )
        } else {
            number.without_interval("the variance of the difference vanishes")
        });
        let ratio_name = format!("{stem}_ratio");
        let half = z * found.log_ratio_variance.sqrt();
        answer
            .numbers
            .push(if found.first > 0.0 && found.second > 0.0 && half > 0.0 {
                let ratio = found.first / found.second;
                Number::plain(ratio_name, "ratio.first-over-second", ratio, n)
                    .with_standard_error(ratio * half / z)
                    .with_interval(
                        Interval {
                            lower: (ratio.ln() - half).exp(),
                            upper: (ratio.ln() + half).exp(),
                            level,
                        },
                        "log-normal.moskowitz-pepe-2006",
                    )
            } else {
                Number::none(
                    ratio_name,
                    "ratio.first-over-second",
                    n,
                    "a value is zero or the variance vanishes",
                )
            });
        for (name, definition, statistic) in [
            (
                "weighted_score",
                "kosinski-2013.weighted-generalised-score",
                found.weighted_score,
            ),
            (
                "generalised_score",
                "leisenring-2000.generalised-score",
                found.generalised_score,
            ),
        ] {
            let value = if statistic.is_finite() {
                Ok(statistic)
            } else {
                Err(StatisticsError::not_estimable(
                    "the calls agree, or the score has no variance",
                ))
            };
            answer.numbers.push(plain_or_none(
                &format!("{stem}_{name}"),
                definition,
                n,
                value.clone(),
            )?);
            answer.numbers.push(plain_or_none(
                &format!("{stem}_p_value_{name}"),
                definition,
                n,
                value.map(|x| chi_squared_tail(x, 1.0)),
            )?);
        }
        for (place, (right, calls)) in
            [("first", found.first_calls), ("second", found.second_calls)]
        {
            answer.numbers.push(proportion_number(
                &format!("{stem}_{place}"),
                &format!("{stem}.at-study-prevalence"),
                right,
                calls,
                level,
                ProportionMethod::Wilson,
                Bound::TwoSided,
            )?);
        }
    }
    answer.notes.push(format!(
        "first `{a}`, second `{b}`; predictive values hold at this study's prevalence"
    ));
    Ok(answer)
}

const GROUP: Role = Role {
    name: "group",
    what: "which of the two groups a row belongs to",
    kind: Kind::Label,
    need: Need::Optional,
    missing: false,
};

const PAIR: Role = Role {
    name: "outcome",
    what: "the two outcomes of each pair, one column each: first, then second",
    kind: Kind::Binary,
    need: Need::Many(2),
    missing: false,
};

const CALLS: Role = Role {
    name: "call",
    what: "the calls of the two tests, one column each: first, then second",
    kind: Kind::Binary,
    need: Need::Many(2),
    missing: false,
};

const fn count_of(name: &'static str, what: &'static str) -> Setting {
    Setting {
        name,
        what,
        kind: SettingKind::OptionalReal(0.0, LARGEST_COUNT),
        default: None,
    }
}

const SUCCESSES: Setting = count_of(
    "successes",
    "successes of the first group, when no column is given",
);
const TRIALS: Setting = count_of(
    "trials",
    "trials of the first group, when no column is given",
);
const SUCCESSES_REFERENCE: Setting = count_of(
    "successes_reference",
    "successes of the reference group, when no column is given",
);
const TRIALS_REFERENCE: Setting = count_of(
    "trials_reference",
    "trials of the reference group, when no column is given",
);

const REFERENCE: Setting = Setting {
    name: "reference",
    what: "the group to compare with; without it the one that sorts first",
    kind: SettingKind::OptionalWord,
    default: None,
};

const ALPHA: Setting = Setting {
    name: "alpha",
    what: "one-sided error of the test; the interval has level 1 - 2 alpha",
    kind: SettingKind::OneSidedError,
    default: Some("0.025"),
};

const ALPHA_EQUIVALENCE: Setting = Setting {
    default: Some("0.05"),
    ..ALPHA
};

const MARGIN: Setting = Setting {
    name: "margin",
    what: "the margin, as a difference of proportions above 0",
    kind: SettingKind::Open(0.0, 1.0),
    default: None,
};

const BETTER: Setting = Setting {
    name: "better",
    what: "whether a higher or a lower proportion is better",
    kind: SettingKind::Choice(&["higher", "lower"]),
    default: Some("higher"),
};

const fn difference_method(default: &'static str) -> Setting {
    Setting {
        name: "method",
        what: "interval of the difference",
        kind: SettingKind::Choice(DifferenceMethod::WORDS),
        default: Some(default),
    }
}

const PAIRED_METHOD: Setting = Setting {
    name: "method",
    what: "interval of the paired difference",
    kind: SettingKind::Choice(PairedMethod::WORDS),
    default: Some("tango"),
};

const INDEPENDENT: &str = "Rows are independent within and between groups; the margin, method and reference are fixed before \
    the data are seen. A group without trials: not estimable.";

/// The entries of this module.
pub const ENTRIES: &[Entry] = &[
    Entry {
        id: "proportions-difference",
        group: Group::Proportions,
        title: "Difference of two independent proportions",
        formula: "d = p1 - p2. Newcombe: d - sqrt((p1-l1)^2 + (u2-p2)^2), d + sqrt((u1-p1)^2 + (p2-l2)^2) with Wilson \
            limits. Score: all delta with |d - delta| <= z sqrt(p1~q1~/n1 + p2~q2~/n2 [* N/(N-1)]) at the restricted \
            maximum likelihood. z = score at delta 0.",
        source: "Newcombe 1998 Stat Med 17:873; Miettinen and Nurminen 1985; Mee 1984; Agresti and Caffo 2000",
        assumptions: INDEPENDENT,
        compared_with: "statsmodels 0.15.0 confint_proportions_2indep (newcombe, agresti-caffo, wald); score test inverted by scipy 1.17.1 brentq; Newcombe 1998, table II; scipy fisher_exact",
        roles: &[OUTCOME, GROUP],
        settings: &[
            SUCCESSES,
            TRIALS,
            SUCCESSES_REFERENCE,
            TRIALS_REFERENCE,
            REFERENCE,
            difference_method("newcombe"),
            LEVEL,
        ],
        numbers: &[
            "difference",
            "proportion",
            "proportion_reference",
            "z",
            "p_value",
            "p_value_fisher",
        ],
        run: run_difference,
    },
    Entry {
        id: "proportions-noninferiority",
        group: Group::Proportions,
        title: "Non-inferiority, then superiority, of a proportion (independent groups)",
        formula: "z = (p1 - p2 + margin) / sqrt(p1~q1~/n1 + p2~q2~/n2) at the maximum likelihood under p1 - p2 = -margin; \
            superiority: the same at margin 0",
        source: "Farrington and Manning 1990 Stat Med 9:1447; Morikawa and Yoshida 1995 (closed test)",
        assumptions: INDEPENDENT,
        compared_with: "restricted likelihood maximised by scipy 1.17.1 brentq (statsmodels 0.15.0 is wrong here: issue 10269)",
        roles: &[OUTCOME, GROUP],
        settings: &[
            SUCCESSES,
            TRIALS,
            SUCCESSES_REFERENCE,
            TRIALS_REFERENCE,
            REFERENCE,
            MARGIN,
            ALPHA,
            BETTER,
            difference_method("mee"),
        ],
        numbers: &[
            "difference",
            "non_inferior",
            "z",
            "p_value",
            "superior",
            "superiority_z",
            "superiority_p_value",
            "proportion",
            "proportion_reference",
        ],
        run: run_noninferiority,
    },
    Entry {
        id: "proportions-equivalence",
        group: Group::Proportions,
        title: "Equivalence of two independent proportions (two one-sided tests)",
        formula: "p = max of the Farrington-Manning tests of p1 - p2 > -margin and p1 - p2 < margin",
        source: "Schuirmann 1987; Farrington and Manning 1990",
        assumptions: INDEPENDENT,
        compared_with: "restricted likelihood maximised by scipy 1.17.1 brentq (statsmodels 0.15.0 is wrong here: issue 10269)",
        roles: &[OUTCOME, GROUP],
        settings: &[
            SUCCESSES,
            TRIALS,
            SUCCESSES_REFERENCE,
            TRIALS_REFERENCE,
            REFERENCE,
            MARGIN,
            ALPHA_EQUIVALENCE,
            difference_method("mee"),
        ],
        numbers: &[
            "difference",
            "equivalent",
            "p_value",
            "p_value_lower",
            "p_value_upper",
            "proportion",
            "proportion_reference",
        ],
        run: run_equivalence,
    },
    Entry {
        id: "proportions-ratio",
        group: Group::Proportions,
        title: "Ratio of two independent proportions",
        formula: "p1 / p2; score interval: all r with |p1 - r p2| <= z sqrt(p1~q1~/n1 + r^2 p2~q2~/n2 [* N/(N-1)]); log: \
            exp(log r -+ z sqrt(1/x1 - 1/n1 + 1/x2 - 1/n2))",
        source: "Koopman 1984; Miettinen and Nurminen 1985; Katz 1978; Walter 1975",
        assumptions: INDEPENDENT,
        compared_with: "statsmodels 0.15.0 confint_proportions_2indep; inversion by scipy 1.17.1 brentq",
        roles: &[OUTCOME, GROUP],
        settings: &[
            SUCCESSES,
            TRIALS,
            SUCCESSES_REFERENCE,
            TRIALS_REFERENCE,
            REFERENCE,
            Setting {
                name: "method",
                what: "interval of the ratio",
                kind: SettingKind::Choice(RatioMethod::WORDS),
                default: Some("koopman"),
            },
            LEVEL,
        ],
        numbers: &["ratio", "proportion", "proportion_reference", "p_value"],
        run: run_ratio,
    },
    Entry {
        id: "proportions-odds-ratio",
        group: Group::Proportions,
        title: "Odds ratio of two independent proportions",
        formula: "x1 (n2-x2) / ((n1-x1) x2); Woolf: log -+ z sqrt(sum of 1/cell); score: inverted score test; exact: \
            inverted tails of the noncentral hypergeometric distribution",
        source: "Woolf 1955; Miettinen and Nurminen 1985; Cornfield 1956; Fisher 1935",
        assumptions: INDEPENDENT,
        compared_with: "statsmodels 0.15.0 confint_proportions_2indep, score_test_proportions_2indep; scipy 1.17.1 nchypergeom_fisher, fisher_exact",
        roles: &[OUTCOME, GROUP],
        settings: &[
            SUCCESSES,
            TRIALS,
            SUCCESSES_REFERENCE,
            TRIALS_REFERENCE,
            REFERENCE,
            Setting {
                name: "method",
                what: "interval of the odds ratio",
                kind: SettingKind::Choice(OddsRatioMethod::WORDS),
                default: Some("woolf"),
            },
            LEVEL,
        ],
        numbers: &[
            "odds_ratio",
            "proportion",
            "proportion_reference",
            "p_value_fisher",
        ],
        run: run_odds_ratio,
    },
    Entry {
        id: "paired-difference",
        group: Group::Proportions,
        title: "Difference of two paired proportions, with McNemar's tests",
        formula: "d = (b - c)/n; Tango: all delta with |b - c - n delta| <= z sqrt(n (2 q21 + delta (1-delta))); Newcombe 10: \
            square-and-add of Wilson limits with corrected phi; McNemar exact: 2 P(X <= min(b,c)), X ~ Bin(b+c, 1/2); \
            mid-P: exact less P(X = min); chi-squared (b-c)^2/(b+c)",
        source: "McNemar 1947; Tango 1998 Stat Med 17:891; Newcombe 1998 Stat Med 17:2635; Fagerland, Lydersen and Laake \
            2013; Bonett and Price 2012",
        assumptions: "Pairs are independent (else `paired-clustered`). No discordant pairs: the tests are not estimable, \
            the score interval remains.",
        compared_with: "statsmodels 0.15.0 mcnemar; R 4.2 mcnemar.test; score interval by scipy 1.17.1 brentq; Fagerland 2013",
        roles: &[PAIR],
        settings: &[PAIRED_METHOD, LEVEL],
        numbers: &[
            "difference",
            "p_value_exact",
            "p_value_mid_p",
            "chi_squared",
            "p_value_asymptotic",
            "p_value_corrected",
            "proportion_first",
            "proportion_second",
        ],
        run: run_paired,
    },
    Entry {
        id: "paired-noninferiority",
        group: Group::Proportions,
        title: "Non-inferiority, superiority or equivalence of paired proportions",
        formula: "z = (b - c + n margin) / sqrt(n (2 q21 - margin (1 + margin))), q21 the restricted maximum likelihood; \
            sample variance: b + c - (b-c)^2/n below the root",
        source: "Tango 1998; Liu, Hsueh, Hsieh and Chen 2002 Stat Med 21:231",
        assumptions: "Pairs are independent; margin fixed before the data are seen; first is the new method.",
        compared_with: "the formulas of the papers in Python with scipy 1.17.1",
        roles: &[PAIR],
        settings: &[
            MARGIN,
            ALPHA,
            BETTER,
            Setting {
                name: "claim",
                what: "non-inferiority (then superiority), or equivalence",
                kind: SettingKind::Choice(&["noninferiority", "equivalence"]),
                default: Some("noninferiority"),
            },
            Setting {
                name: "test",
                what: "restricted variance (Tango), or sample variance (Liu)",
                kind: SettingKind::Choice(&["tango", "liu-sample"]),
                default: Some("tango"),
            },
            Setting {
                name: "interval",
                ..PAIRED_METHOD
            },
        ],
        numbers: &[
            "difference",
            "non_inferior",
            "equivalent",
            "z",
            "p_value",
            "superior",
            "superiority_z",
            "superiority_p_value",
            "p_value_lower",
            "p_value_upper",
            "proportion_first",
            "proportion_second",
        ],
        run: run_paired_noninferiority,
    },
    Entry {
        id: "paired-accuracy",
        group: Group::Proportions,
        title: "Sensitivity and specificity of two tests on the same cases",
        formula: "paired differences among diseased and among healthy, as `paired-difference`; with clusters as `paired-clustered`",
        source: "McNemar 1947; Tango 1998; Newcombe 1998; Obuchowski 1998",
        assumptions: "Both tests were done on every case; rows are independent unless `cluster` is given. Two tests at two \
            hypotheses: name the primary one or adjust.",
        compared_with: "statsmodels 0.15.0 mcnemar; scipy 1.17.1",
        roles: &[TRUTH, CALLS, CLUSTER],
        settings: &[PAIRED_METHOD, LEVEL],
        numbers: &[
            "difference_sensitivity",
            "p_value_exact_sensitivity",
            "p_value_mid_p_sensitivity",
            "chi_squared_sensitivity",
            "p_value_asymptotic_sensitivity",
            "p_value_corrected_sensitivity",
            "chi_squared_obuchowski_sensitivity",
            "p_value_obuchowski_sensitivity",
            "chi_squared_durkalski_sensitivity",
            "p_value_durkalski_sensitivity",
            "sensitivity_first",
            "sensitivity_second",
            "clusters_sensitivity",
            "difference_specificity",
            "p_value_exact_specificity",
            "p_value_mid_p_specificity",
            "chi_squared_specificity",
            "p_value_asymptotic_specificity",
            "p_value_corrected_specificity",
            "chi_squared_obuchowski_specificity",
            "p_value_obuchowski_specificity",
            "chi_squared_durkalski_specificity",
            "p_value_durkalski_specificity",
            "specificity_first",
            "specificity_second",
            "clusters_specificity",
        ],
        run: run_paired_accuracy,
    },
    Entry {
        id: "paired-predictive-values",
        group: Group::Proportions,
        title: "Predictive values of two tests on the same cases",
        formula: "weighted generalised score (PPV1-PPV2)^2 / ((p(1-p) - 2C)(1/n1 + 1/n2)), p pooled, C = sum over cases that \
            both call of (D-p)^2 / (n1+n2); generalised score of Leisenring; log ratio with delta variance",
        source: "Kosinski 2013 Stat Med 32:964; Leisenring, Alonzo and Pepe 2000 Biometrics 56:345; Moskowitz and Pepe 2006",
        assumptions: "Cases are independent; both tests were done on every case; values hold at the study's prevalence.",
        compared_with: "the case-wise sums of the papers in NumPy 2.2.6",
        roles: &[TRUTH, CALLS],
        settings: &[LEVEL],
        numbers: &[
            "ppv_difference",
            "ppv_ratio",
            "ppv_weighted_score",
            "ppv_p_value_weighted_score",
            "ppv_generalised_score",
            "ppv_p_value_generalised_score",
            "ppv_first",
            "ppv_second",
            "npv_difference",
            "npv_ratio",
            "npv_weighted_score",
            "npv_p_value_weighted_score",
            "npv_generalised_score",
            "npv_p_value_generalised_score",
            "npv_first",
            "npv_second",
        ],
        run: run_paired_predictive,
    },
    Entry {
        id: "paired-clustered",
        group: Group::Proportions,
        title: "Difference of paired proportions when pairs come in clusters",
        formula: "d_k = net difference of cluster k; Obuchowski (sum d_k)^2 / (m/(m-1) sum d_k^2); Durkalski (sum d_k/n_k)^2 / \
            sum (d_k/n_k)^2; var d = m/(m-1) sum (d_k - n_k d)^2 / N^2",
        source: "Obuchowski 1998 Stat Med 17:1495; Durkalski et al. 2003 Stat Med 22:2417",
        assumptions: "Clusters are independent; at least two. Durkalski weighs clusters alike, Obuchowski by size.",
        compared_with: "R survey 4.1-1 (variance of the difference); the formulas of the papers in R 4.2",
        roles: &[
            PAIR,
            Role {
                need: Need::One,
                ..CLUSTER
            },
        ],
        settings: &[LEVEL],
        numbers: &[
            "difference",
            "chi_squared_obuchowski",
            "p_value_obuchowski",
            "chi_squared_durkalski",
            "p_value_durkalski",
            "proportion_first",
            "proportion_second",
            "clusters",
        ],
        run: run_paired_clustered,
    },
];
