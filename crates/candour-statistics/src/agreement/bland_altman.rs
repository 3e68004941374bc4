//! Bland-Altman limits of agreement.

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Labels, Need, REPLICATES, Role, SEED, Sample, Setting,
    SettingKind,
};
use crate::distribution::{
    chi_squared_quantile, noncentral_t_cdf, noncentral_t_tail, normal_quantile, t_quantile,
    t_two_sided, two_sided_z,
};
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::resample::{BootstrapInterval, Units};

use super::{
    MISSING, ROUNDING, bootstrapped, check_finite, check_pairs, complete_rows, constant, largest,
    mean, on_line, products, squares, take, variance, with_left_out, without_rounding,
};

/// Limits of agreement.
pub(super) const BLAND_ALTMAN: Entry = Entry {
    id: "bland-altman",
    group: Group::Agreement,
    title: "Bland-Altman limits of agreement",
    formula: "d = first - second; bias = mean d; limits = bias -/+ z s with s the standard deviation of d (z = 1.96 for coverage 0.95), or bias -/+ t s sqrt(1 + 1/n) (prediction). Interval of bias: t s / sqrt(n); of limits: t s sqrt(3/n) (1986), t s sqrt(1/n + z^2/(2(n-1))) (1999), or exact by the noncentral t. Repeated: s^2 = between + within subject variance of d (varying true value), or var of subject means + (1 - mean 1/m) within variance of each method (constant true value)",
    source: "Bland and Altman 1986, 1999, 2007; Carkeet 2015 (exact); Zou 2013 (MOVER, repeated); Donner and Zou 2012",
    assumptions: "Differences are normal with one spread over the range (test beside it; else log or regression limits). Rows independent unless `subject` (repeated pairs) or `cluster` is given. Log scale: positive values only, limits as ratios. Not estimable: fewer than two subjects; differences that are constant but for the rounding of the measured values have no limits",
    compared_with: "published PEFR data of Bland and Altman 1986 (bias -2.1, SD 38.8 l/min); closed forms in R 4.2.2 written from the papers; lme4 1.1.31 for balanced replicates; epiR 2.0.57 epi.ccc(rep.measure = TRUE)",
    roles: &[
        super::concordance::FIRST,
        super::concordance::SECOND,
        Role {
            name: "subject",
            what: "the subject, where subjects have several pairs",
            kind: Kind::Label,
            need: Need::Optional,
            missing: false,
        },
        CLUSTER,
    ],
    settings: &[
        Setting {
            name: "scale",
            what: "difference in the unit of measurement, ratio by logarithms, or percent of the pair's mean",
            kind: SettingKind::Choice(&["difference", "ratio", "percent"]),
            default: Some("difference"),
        },
        Setting {
            name: "coverage",
            what: "share of differences between the limits",
            kind: SettingKind::Open(0.0, 1.0),
            default: Some("0.95"),
        },
        Setting {
            name: "limits",
            what: "factor of the limits: normal quantile (1.96), or the t prediction interval",
            kind: SettingKind::Choice(&["normal", "t"]),
            default: Some("normal"),
        },
        Setting {
            name: "limits_interval",
            what: "interval of the limits, one pair for each subject",
            kind: SettingKind::Choice(&["1999", "1986", "exact"]),
            default: Some("1999"),
        },
        Setting {
            name: "true_value",
            what: "with `subject`: whether the true value varies between a subject's pairs (which then belong together) or is constant",
            kind: SettingKind::Choice(&["varying", "constant"]),
            default: Some("varying"),
        },
        MISSING,
        LEVEL,
        Setting {
            name: "interval",
            what: "intervals by formula, or by the bootstrap over rows, subjects or clusters",
            kind: SettingKind::Choice(&["formula", "percentile", "bca", "basic"]),
            default: Some("formula"),
        },
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "bias",
        "standard_deviation",
        "lower_limit",
        "upper_limit",
        "variance_between_subjects",
        "variance_within_subjects",
        "variance_subject_means",
        "variance_within_first",
        "variance_within_second",
        "proportional_bias",
        "proportional_bias_p_value",
        "spread_slope",
        "spread_slope_p_value",
        "left_out",
    ],
    run: run_bland_altman,
};

/// How the interval of a limit of agreement is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitInterval {
    /// Standard error s sqrt(3/n) (Bland and Altman 1986).
    BlandAltman1986,
    /// Standard error s sqrt(1/n + z^2 / (2 (n - 1))) (Bland and Altman 1999).
    BlandAltman1999,
    /// Exact for normal differences, by the noncentral t (Carkeet 2015, each limit on its own).
    Exact,
}

impl LimitInterval {
    fn id(self) -> &'static str {
        match self {
            Self::BlandAltman1986 => "t.bland-altman-1986",
            Self::BlandAltman1999 => "t.bland-altman-1999",
            Self::Exact => "noncentral-t.carkeet-2015",
        }
    }
}

/// Bias and limits of agreement with their intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Mean difference.
    pub bias: f64,
    /// Standard deviation of differences (total, with repeated pairs).
    pub deviation: f64,
    /// Lower limit of agreement.
    pub lower: f64,
    /// Upper limit of agreement.
    pub upper: f64,
    /// Interval of the bias.
    pub bias_interval: Interval,
    /// Interval of the lower limit.
    pub lower_interval: Interval,
    /// Interval of the upper limit.
    pub upper_interval: Interval,
    /// Standard error of the bias.
    pub bias_standard_error: f64,
    /// Standard error of a limit, where the method has one.
    pub limit_standard_error: f64,
}

/// Limits of agreement of independent differences: `coverage` of them lie between the limits.
///
/// # Errors
/// Not estimable: fewer than two differences, or all the same. Setting: coverage or level.
pub fn limits_of_agreement(
    differences: &[f64],
    coverage: f64,
    prediction: bool,
    method: LimitInterval,
    level: f64,
) -> Result<Limits, StatisticsError> {
    check_finite("difference", differences)?;
    let z = two_sided_z(coverage)?;
    two_sided_z(level)?;
    let n = differences.len() as f64;
    if differences.len() < 2 {
        return Err(StatisticsError::not_estimable("fewer than two differences"));
    }
    if constant(differences) {
        return Err(StatisticsError::not_estimable(
            "all differences are the same, so the limits have no width",
        ));
    }
    let bias = mean(differences);
    let s = variance(differences).sqrt();
    let df = n - 1.0;
    let upper_half = f64::midpoint(1.0, level);
    let t = t_quantile(upper_half, df);
    let factor = if prediction {
        t_quantile(f64::midpoint(1.0, coverage), df) * (1.0 + 1.0 / n).sqrt()
    } else {
        z
    };
    let around = |at: f64, half: f64| Interval {
        lower: at - half,
        upper: at + half,
        level,
    };
    let (low, high) = (bias - factor * s, bias + factor * s);
    let se = match method {
        LimitInterval::BlandAltman1986 => s * (3.0 / n).sqrt(),
        LimitInterval::BlandAltman1999 => s * (1.0 / n + factor * factor / (2.0 * df)).sqrt(),
        LimitInterval::Exact => f64::NAN,
    };
    let (lower_interval, upper_interval) = if method == LimitInterval::Exact {
        // (population limit - bias) sqrt(n) / s is noncentral t with noncentrality z sqrt(n).
        let inner = noncentral_t_quantile((1.0 - level) / 2.0, df, z * n.sqrt()) / n.sqrt();
        let outer = noncentral_t_quantile(upper_half, df, z * n.sqrt()) / n.sqrt();
        (
            Interval {
                lower: bias - outer * s,
                upper: bias - inner * s,
                level,
            },
            Interval {
                lower: bias + inner * s,
                upper: bias + outer * s,
                level,
            },
        )
    } else {
        (around(low, t * se), around(high, t * se))
    };
    Ok(Limits {
        bias,
        deviation: s,
        lower: low,
        upper: high,
        bias_interval: around(bias, t * s / n.sqrt()),
        lower_interval,
        upper_interval,
        bias_standard_error: s / n.sqrt(),
        limit_standard_error: se,
    })
}

/// Limits of agreement of repeated pairs, with the parts of the variance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RepeatedLimits {
    /// Bias and limits.
    pub limits: Limits,
    /// Variance of differences between subjects (varying), or of the subjects' mean differences
    /// (constant).
    pub between: f64,
    /// Variance of differences within subjects (varying), or the first method's within subjects
    /// (constant).
    pub within: f64,
    /// The second method's variance within subjects (constant only; else NaN).
    pub within_second: f64,
    /// Whether a negative between-subject component was set to 0.
    pub at_boundary: bool,
}

/// Limits of agreement where the true value varies between a subject's pairs (Bland and Altman 2007,
/// section 3): one-way analysis of variance of the differences; intervals by MOVER (Zou 2013).
/// `subjects` holds the differences of each.
///
/// # Errors
/// Not estimable: fewer than two subjects, no subject with two pairs, no spread.
pub fn limits_varying(
    subjects: &[Vec<f64>],
    coverage: f64,
    level: f64,
) -> Result<RepeatedLimits, StatisticsError> {
    let z = two_sided_z(coverage)?;
    let all: Vec<f64> = subjects.iter().flatten().copied().collect();
    check_finite("difference", &all)?;
    let (g, n) = (subjects.len() as f64, all.len() as f64);
    check_repeats(subjects)?;
    let within_squares: f64 = subjects.iter().map(|s| squares(s)).sum();
    let grand = mean(&all);
    let between_squares: f64 = subjects
        .iter()
        .map(|s| s.len() as f64 * (mean(s) - grand).powi(2))
        .sum();
    let msw = within_squares / (n - g);
    let msb = between_squares / (g - 1.0);
    let square_sizes: f64 = subjects.iter().map(|s| (s.len() as f64).powi(2)).sum();
    let size = (n * n - square_sizes) / ((g - 1.0) * n);
    let raw = (msb - msw) / size;
    let between = raw.max(0.0);
    let total = between + msw;
    if total.is_nan() || total <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "all differences are the same, so the limits have no width",
        ));
    }
    let bias_variance = square_sizes / (n * n) * between + msw / n;
    // total = msb / size + (1 - 1/size) msw: a sum of two scaled chi-squared variables.
    let parts = [(msb / size, g - 1.0), ((1.0 - 1.0 / size) * msw, n - g)];
    let limits = mover(grand, bias_variance, total, &parts, g - 1.0, z, level)?;
    Ok(RepeatedLimits {
        limits,
        between,
        within: msw,
        within_second: f64::NAN,
        at_boundary: raw < 0.0,
    })
}

/// Limits of agreement where a subject's true value is constant, so that replicates of the two
/// methods are not paired (Bland and Altman 1999, section 5.2; 2007, section 2).
///
/// # Errors
/// Not estimable: fewer than two subjects, no replicates of a method, no spread.
pub fn limits_constant(
    first: &[Vec<f64>],
    second: &[Vec<f64>],
    coverage: f64,
    level: f64,
) -> Result<RepeatedLimits, StatisticsError> {
    let z = two_sided_z(coverage)?;
    for side in [first, second] {
        check_finite(
            "measurement",
            &side.iter().flatten().copied().collect::<Vec<f64>>(),
        )?;
        if side.iter().any(Vec::is_empty) || side.len() != first.len() {
            return Err(StatisticsError::Data(
                "each subject needs a measurement by each method".into(),
            ));
        }
        check_repeats(side)?;
    }
    let g = first.len() as f64;
    let differences: Vec<f64> = first
        .iter()
        .zip(second)
        .map(|(a, b)| mean(a) - mean(b))
        .collect();
    let bias = mean(&differences);
    let between = variance(&differences);
    // The pooled variance within subjects, its degrees of freedom, and the mean of 1 / m.
    let within = |side: &[Vec<f64>]| {
        let df = side.iter().map(|s| s.len() as f64 - 1.0).sum::<f64>();
        let pooled = side.iter().map(|s| squares(s)).sum::<f64>() / df;
        (
            pooled,
            df,
            side.iter().map(|s| 1.0 / s.len() as f64).sum::<f64>() / g,
        )
    };
    let (wx, dfx, hx) = within(first);
    let (wy, dfy, hy) = within(second);
    let total = between + (1.0 - hx) * wx + (1.0 - hy) * wy;
    let size = first.iter().chain(second).map(|s| largest(s));
    if total.is_nan() || total.sqrt() <= ROUNDING * size.fold(0.0, f64::max) {
        return Err(StatisticsError::not_estimable(
            "all differences are the same, so the limits have no width",
        ));
    }
    let parts = [
        (between, g - 1.0),
        ((1.0 - hx) * wx, dfx),
        ((1.0 - hy) * wy, dfy),
    ];
    let limits = mover(bias, between / g, total, &parts, g - 1.0, z, level)?;
    Ok(RepeatedLimits {
        limits,
        between,
        within: wx,
        within_second: wy,
        at_boundary: false,
    })
}

fn check_repeats(subjects: &[Vec<f64>]) -> Result<(), StatisticsError> {
    if subjects.iter().any(Vec::is_empty) {
        return Err(StatisticsError::Data("a subject has no pair".into()));
    }
    if subjects.len() < 2 {
        return Err(StatisticsError::not_estimable("fewer than two subjects"));
    }
    if subjects.iter().all(|s| s.len() < 2) {
        return Err(StatisticsError::not_estimable(
            "no subject has two measurements; leave `subject` out",
        ));
    }
    Ok(())
}

/// Limits with intervals by the method of variance estimates recovery (Zou 2013): intervals of the
/// mean and of the standard deviation are joined without assuming a symmetric variance.
fn mover(
    bias: f64,
    bias_variance: f64,
    total: f64,
    parts: &[(f64, f64)],
    df: f64,
    z: f64,
    level: f64,
) -> Result<Limits, StatisticsError> {
    let (p_low, p_high) = ((1.0 - level) / 2.0, f64::midpoint(1.0, level));
    let z_level = two_sided_z(level)?;
    let reach = |p: f64| {
        parts
            .iter()
            .map(|(v, df)| (v / total * (1.0 - df / chi_squared_quantile(p, *df))).powi(2))
            .sum::<f64>()
            .sqrt()
            * total
    };
    let s = total.sqrt();
    let low_variance = (total - reach(p_high)).max(0.0);
    let high_variance = total + reach(p_low);
    let wide = z * (high_variance.sqrt() - s);
    let narrow = z * (s - low_variance.sqrt());
    let mean_reach = z_level * z_level * bias_variance;
    let outward = (mean_reach + wide * wide).sqrt();
    let inward = (mean_reach + narrow * narrow).sqrt();
    let (low, high) = (bias - z * s, bias + z * s);
    let half = t_quantile(p_high, df) * bias_variance.sqrt();
    Ok(Limits {
        bias,
        deviation: s,
        lower: low,
        upper: high,
        bias_interval: Interval {
            lower: bias - half,
            upper: bias + half,
            level,
        },
        lower_interval: Interval {
            lower: low - outward,
            upper: low + inward,
            level,
        },
        upper_interval: Interval {
            lower: high - inward,
            upper: high + outward,
            level,
        },
        bias_standard_error: bias_variance.sqrt(),
        limit_standard_error: f64::NAN,
    })
}

/// The quantile of the noncentral t distribution by bisection between far limits, then secant steps.
fn noncentral_t_quantile(p: f64, df: f64, ncp: f64) -> f64 {
    // The nearer tail keeps its digits.
    let gap = |t: f64| {
        if p <= 0.5 {
            noncentral_t_cdf(t, df, ncp) - p
        } else {
            (1.0 - p) - noncentral_t_tail(t, df, ncp)
        }
    };
    // Patnaik-like start: noncentral t is near (z + ncp) / chi.
    let chi = |q: f64| (chi_squared_quantile(q, df) / df).sqrt();
    let z = normal_quantile(p);
    let (mut low, mut high) = (ncp - z.abs() - 1.0, ncp + z.abs() + 1.0);
    let spread = (high.abs() + low.abs() + 1.0) / chi(0.001).max(1e-3);
    let mut step = spread;
    while gap(low) > 0.0 && step < 1e12 {
        low -= step;
        step *= 2.0;
    }
    step = spread;
    while gap(high) < 0.0 && step < 1e12 {
        high += step;
        step *= 2.0;
    }
    let (mut g_low, mut g_high) = (gap(low), gap(high));
    for round in 0..200 {
        // Regula falsi with halving (Illinois), and a bisection every third round.
        let mut at = (low * g_high - high * g_low) / (g_high - g_low);
        if round % 3 == 2 || !(at > low && at < high) {
            at = f64::midpoint(low, high);
        }
        let g = gap(at);
        if g == 0.0 || (high - low) <= 1e-15 * (low.abs() + high.abs()) {
            return at;
        }
        if g < 0.0 {
            low = at;
            g_low = g;
            g_high *= 0.5;
        } else {
            high = at;
            g_high = g;
            g_low *= 0.5;
        }
    }
    f64::midpoint(low, high)
}

/// A straight line by least squares with the test of its slope; NaN where the points lie on it.
struct Line {
    intercept: f64,
    slope: f64,
    p_value: f64,
}

/// `size` is that of the values from which `y` was computed: their rounding is in it.
fn line(x: &[f64], y: &[f64], size: f64) -> Option<Line> {
    let n = x.len() as f64;
    if n < 3.0 || constant(x) {
        return None;
    }
    let slope = products(x, y) / squares(x);
    let intercept = mean(y) - slope * mean(x);
    let rest: f64 = x
        .iter()
        .zip(y)
        .map(|(x, y)| (y - intercept - slope * x).powi(2))
        .sum();
    let se = (rest / (n - 2.0) / squares(x)).sqrt();
    Some(Line {
        intercept,
        slope,
        p_value: if se > 0.0
            && (rest / n).sqrt() > ROUNDING * size
            && !on_line(x, y, slope, intercept)
        {
            t_two_sided(slope / se, n - 2.0)
        } else {
            f64::NAN
        },
    })
}

fn run_bland_altman(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let coverage = sample.real("coverage");
    let scale = sample.word("scale");
    let rows = complete_rows(sample, &["first", "second"])?;
    let given = (
        take(sample.reals("first"), &rows),
        take(sample.reals("second"), &rows),
    );
    let (first, second) = scaled(&given.0, &given.1, &rows, scale)?;
    let differences: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a - b).collect();
    let percent = scale == "percent";
    // A logarithm errs by what its value errs relative to it, whose size is 1.
    let size = largest(&first)
        .max(largest(&second))
        .max(if scale == "ratio" { 1.0 } else { 0.0 });
    let differences = without_rounding(&differences, size);
    let means: Vec<f64> = if percent {
        given
            .0
            .iter()
            .zip(&given.1)
            .map(|(a, b)| f64::midpoint(*a, *b))
            .collect()
    } else {
        first
            .iter()
            .zip(&second)
            .map(|(a, b)| f64::midpoint(*a, *b))
            .collect()
    };
    let n = differences.len();
    let codes = |role: &str| {
        sample
            .labels(role)
            .map(|l| take(&Labels::complete(l), &rows))
    };
    let (subject, cluster) = (codes("subject"), codes("cluster"));
    let constant_value = sample.word("true_value") == "constant";
    if subject.is_some() && constant_value && percent {
        return Err(StatisticsError::setting(
            "scale",
            "percent",
            "with a constant true value the pairs do not belong together; use difference or ratio",
        ));
    }
    let prediction = sample.word("limits") == "t";
    let method = match sample.word("limits_interval") {
        "1986" => LimitInterval::BlandAltman1986,
        "exact" => LimitInterval::Exact,
        _ => LimitInterval::BlandAltman1999,
    };
    if prediction && subject.is_some() {
        return Err(StatisticsError::setting(
            "limits",
            "t",
            "repeated pairs have limits by the normal quantile only",
        ));
    }
    if prediction && method == LimitInterval::Exact {
        return Err(StatisticsError::setting(
            "limits_interval",
            "exact",
            "it belongs to limits by the normal quantile; set `limits` to normal",
        ));
    }
    let all: Vec<usize> = (0..n).collect();
    let repeated = match &subject {
        None => None,
        Some(codes) if constant_value => Some(limits_constant(
            &by_subject(&first, codes, &all),
            &by_subject(&second, codes, &all),
            coverage,
            level,
        )?),
        Some(codes) => Some(limits_varying(
            &by_subject(&differences, codes, &all),
            coverage,
            level,
        )?),
    };
    let limits = match &repeated {
        Some(r) => r.limits,
        None => limits_of_agreement(&differences, coverage, prediction, method, level)?,
    };
    // Replicates need the limits only, not their exact intervals.
    let quick = LimitInterval::BlandAltman1999;
    let definition = match (&repeated, constant_value, prediction) {
        (None, _, false) => format!("limits.normal.{scale}"),
        (None, _, true) => format!("limits.t-prediction.{scale}"),
        (Some(_), true, _) => format!("limits.repeated.constant.{scale}"),
        (Some(_), false, _) => format!("limits.repeated.varying.{scale}"),
    };
    let limit_method = if repeated.is_some() {
        "mover.zou-2013"
    } else {
        method.id()
    };
    let back = |v: f64| if scale == "ratio" { v.exp() } else { v };
    let back_interval = |i: Interval| Interval {
        lower: back(i.lower),
        upper: back(i.upper),
        level,
    };
    let pick = |l: &Limits, which: usize| match which {
        0 => l.bias,
        1 => l.deviation,
        2 => l.lower,
        _ => l.upper,
    };
    let mut answer = Answer::default();
    let boot_word = sample.word("interval");
    let boot = (cluster.is_some() || boot_word != "formula")
        .then(|| BootstrapInterval::from_word(boot_word));
    let units = Units::new(n, cluster.as_deref().or(subject.as_deref()), None);
    let units_of = subject.as_ref().map_or(n, |s| {
        let mut seen = s.clone();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    });
    for (which, name, interval, how) in [
        (0, "bias", Some(limits.bias_interval), "t"),
        (1, "standard_deviation", None, ""),
        (2, "lower_limit", Some(limits.lower_interval), limit_method),
        (3, "upper_limit", Some(limits.upper_interval), limit_method),
    ] {
        let on_log = which == 1 && scale == "ratio";
        let value = pick(&limits, which);
        let mut number = Number::plain(
            name,
            if which == 0 {
                format!("bias.{scale}")
            } else if on_log {
                "sd.log".into()
            } else {
                definition.clone()
            },
            if on_log { value } else { back(value) },
            units_of,
        );
        if let Some(interval) = interval {
            number = number.with_interval(back_interval(interval), how);
        }
        if scale != "ratio" && which == 0 {
            number = number.with_standard_error(limits.bias_standard_error);
        }
        if scale != "ratio" && which > 1 {
            number = number.with_standard_error(limits.limit_standard_error);
        }
        if let (Some(kind), true) = (boot, which != 1) {
            number = bootstrapped(number, sample, &units, kind, |rows| {
                let l = match &subject {
                    Some(subject) => {
                        let codes = relabelled(subject, rows);
                        let places: Vec<usize> = (0..rows.len()).collect();
                        let split = |v: &[f64]| by_subject(&take(v, rows), &codes, &places);
                        let repeated = if constant_value {
                            limits_constant(&split(&first), &split(&second), coverage, level)
                        } else {
                            limits_varying(&split(&differences), coverage, level)
                        };
                        repeated.ok()?.limits
                    }
                    None => limits_of_agreement(
                        &take(&differences, rows),
                        coverage,
                        prediction,
                        quick,
                        level,
                    )
                    .ok()?,
                };
                Some(back(pick(&l, which)))
            })?;
        }
        answer.numbers.push(number);
    }
    if let Some(r) = &repeated {
        let names = if constant_value {
            ("variance_subject_means", "variance_within_first")
        } else {
            ("variance_between_subjects", "variance_within_subjects")
        };
        answer
            .numbers
            .push(Number::plain(names.0, "anova", r.between, units_of));
        answer
            .numbers
            .push(Number::plain(names.1, "anova", r.within, units_of));
        if constant_value {
            answer.numbers.push(Number::plain(
                "variance_within_second",
                "anova",
                r.within_second,
                units_of,
            ));
        }
        if r.at_boundary {
            answer
                .notes
                .push("the between-subject variance came out negative and was set to 0".into());
        }
    }
    if scale == "ratio" {
        answer.notes.push("values are ratios first / second: the logarithms were analysed and taken back; standard_deviation is that of the logarithms".into());
    }
    trend(&mut answer, &means, &differences, size, coverage)?;
    let shown: Vec<f64> = differences.iter().map(|d| back(*d)).collect();
    let across: Vec<f64> = means.iter().map(|m| back(*m)).collect();
    let ends = [
        across.iter().copied().fold(f64::INFINITY, f64::min),
        across.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    ];
    answer
        .curves
        .push(Curve::line(Figure::BlandAltman, "pairs", across, shown));
    for (label, value, interval) in [
        ("bias", limits.bias, limits.bias_interval),
        ("lower limit", limits.lower, limits.lower_interval),
        ("upper limit", limits.upper, limits.upper_interval),
    ] {
        let mut curve = Curve::line(
            Figure::BlandAltman,
            label,
            ends.to_vec(),
            vec![back(value); 2],
        );
        if boot.is_none() {
            curve.lower = vec![back(interval.lower); 2];
            curve.upper = vec![back(interval.upper); 2];
        }
        answer.curves.push(curve);
    }
    Ok(with_left_out(answer, sample, rows.len()))
}

/// The two columns on the scale of the analysis; `rows` are their places in the table.
fn scaled(
    first: &[f64],
    second: &[f64],
    rows: &[usize],
    scale: &str,
) -> Result<(Vec<f64>, Vec<f64>), StatisticsError> {
    check_pairs(first, second)?;
    let row_of = |at: usize| rows.get(at).copied().unwrap_or(at);
    if scale == "ratio" {
        for (name, column) in [("first", first), ("second", second)] {
            if let Some(at) = column.iter().position(|v| *v <= 0.0) {
                return Err(StatisticsError::Value {
                    column: name.into(),
                    row: row_of(at),
                    what: "is not positive, so it has no logarithm; use the difference".into(),
                });
            }
        }
        let log = |v: &[f64]| v.iter().map(|v| v.ln()).collect::<Vec<f64>>();
        return Ok((log(first), log(second)));
    }
    if scale == "percent" {
        let mut a = Vec::new();
        let mut b = Vec::new();
        for (at, (x, y)) in first.iter().zip(second).enumerate() {
            let m = f64::midpoint(*x, *y);
            if m.is_nan() || m <= 0.0 {
                return Err(StatisticsError::Value {
                    column: "first".into(),
                    row: row_of(at),
                    what: "has with its partner a mean that is not positive, so no percentage; use the difference".into(),
                });
            }
            a.push(100.0 * x / m);
            b.push(100.0 * y / m);
        }
        return Ok((a, b));
    }
    Ok((first.to_vec(), second.to_vec()))
}

/// The values of each subject, over some rows.
fn by_subject(values: &[f64], codes: &[usize], rows: &[usize]) -> Vec<Vec<f64>> {
    let mut groups: std::collections::BTreeMap<usize, Vec<f64>> = std::collections::BTreeMap::new();
    for row in rows {
        if let (Some(code), Some(value)) = (codes.get(*row), values.get(*row)) {
            groups.entry(*code).or_default().push(*value);
        }
    }
    groups.into_values().collect()
}

/// Subject codes of drawn rows in which a subject drawn twice counts as two: rows come cluster by
/// cluster, so a row that comes again opens a new round of codes.
fn relabelled(subject: &[usize], rows: &[usize]) -> Vec<usize> {
    let mut times: std::collections::BTreeMap<usize, usize> = std::collections::BTreeMap::new();
    let most = subject.iter().max().map_or(1, |m| m + 1);
    rows.iter()
        .map(|row| {
            let seen = times.entry(*row).or_insert(0);
            let code = subject.get(*row).copied().unwrap_or(0) + *seen * most;
            *seen += 1;
            code
        })
        .collect()
}

fn slope_p_value(name: &str, definition: &str, p: f64, n: usize) -> Number {
    if p.is_finite() {
        Number::plain(name, definition, p, n)
    } else {
        Number::none(
            name,
            definition,
            n,
            "the points lie on one line but for rounding, which leaves no spread to test against",
        )
    }
}

/// Does the difference, or its spread, change over the range? And the limits by regression (Bland
/// and Altman 1999, section 3.2).
fn trend(
    answer: &mut Answer,
    means: &[f64],
    differences: &[f64],
    size: f64,
    coverage: f64,
) -> Result<(), StatisticsError> {
    let n = differences.len();
    let Some(level_line) = line(means, differences, size) else {
        answer.numbers.push(Number::none(
            "proportional_bias",
            "slope.difference-on-mean",
            n,
            "fewer than three pairs, or all of one size",
        ));
        return Ok(());
    };
    let rest: Vec<f64> = means
        .iter()
        .zip(differences)
        .map(|(m, d)| {
            let rest = (d - level_line.intercept - level_line.slope * m).abs();
            // What rounding leaves of points on one line has no spread.
            if level_line.p_value.is_nan() {
                0.0
            } else {
                rest
            }
        })
        .collect();
    answer.numbers.push(Number::plain(
        "proportional_bias",
        "slope.difference-on-mean",
        level_line.slope,
        n,
    ));
    answer.numbers.push(slope_p_value(
        "proportional_bias_p_value",
        "t.ols-slope",
        level_line.p_value,
        n,
    ));
    let Some(spread) = line(means, &rest, size) else {
        return Ok(());
    };
    answer.numbers.push(Number::plain(
        "spread_slope",
        "slope.absolute-residual-on-mean",
        spread.slope,
        n,
    ));
    answer.numbers.push(slope_p_value(
        "spread_slope_p_value",
        "t.ols-slope.glejser",
        spread.p_value,
        n,
    ));
    let factor = two_sided_z(coverage)? * std::f64::consts::FRAC_PI_2.sqrt();
    let low = means.iter().copied().fold(f64::INFINITY, f64::min);
    let high = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    answer.tables.push(Table {
        name: "regression_limits".into(),
        columns: ["mean", "bias", "lower_limit", "upper_limit"]
            .map(str::to_owned)
            .to_vec(),
        rows: (0..=10)
            .map(|i| {
                let at = low + (high - low) * f64::from(i) / 10.0;
                let middle = level_line.intercept + level_line.slope * at;
                let half = factor * (spread.intercept + spread.slope * at);
                let real = |v: f64| {
                    if half > 0.0 {
                        Cell::Real(v)
                    } else {
                        Cell::None
                    }
                };
                vec![
                    Cell::Real(at),
                    Cell::Real(middle),
                    real(middle - half),
                    real(middle + half),
                ]
            })
            .collect(),
    });
    Ok(())
}
