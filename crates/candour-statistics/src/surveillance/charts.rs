//! Control charts and the sequential probability ratio test.

use crate::catalogue::{Entry, Group, Kind, Need, Role, Sample, Setting, SettingKind};
use crate::distribution::{binomial_cdf, normal_tail};
use crate::number::{Answer, Cell, Curve, Figure, Number, StatisticsError, Table};

/// A chart: its statistic at each time, its limits and where it signals.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// The upper (or only) statistic.
    pub upper: Vec<f64>,
    /// The lower statistic, or empty.
    pub lower: Vec<f64>,
    /// Places (from 0) at which the chart signals.
    pub alarms: Vec<usize>,
}

/// Whether a statistic lies beyond its limit, by more than the rounding of its recursion. A value on the
/// limit does not signal; computed, it may lie a few units in the last place to either side. Each step
/// rounds by half a unit in the last place of what it adds up, which is no larger than `scale` or the
/// limit; 64 units leave room for a hundred steps, and are far below any difference that data show.
/// `scale` is the size of a deviation, never that of values far from 0: at 1e15 their last place is 0.125,
/// and 64 of them would hide every alarm. So each chart runs on deviations from its centre.
pub(super) fn beyond(statistic: f64, limit: f64, scale: f64) -> bool {
    statistic - limit > rounding(limit, scale)
}

/// Whether a statistic reaches its limit, up to the rounding of its recursion: for charts that signal on
/// the limit too.
fn reaches(statistic: f64, limit: f64, scale: f64) -> bool {
    statistic > 0.0 && statistic - limit >= -rounding(limit, scale)
}

fn rounding(limit: f64, scale: f64) -> f64 {
    let scale = if scale.is_finite() { scale.abs() } else { 0.0 };
    64.0 * f64::EPSILON * limit.abs().max(scale)
}

/// Settings of a tabular CUSUM.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CusumSettings {
    /// In-control mean.
    pub target: f64,
    /// In-control standard deviation.
    pub sd: f64,
    /// Reference value in standard deviations: half the shift to find.
    pub k: f64,
    /// Decision limit in standard deviations.
    pub h: f64,
    /// Both sums start here, in standard deviations (fast initial response: h/2).
    pub headstart: f64,
    /// Whether both sums start anew (at the headstart) after a signal.
    pub restart: bool,
}

/// Tabular CUSUM: C+ = max(0, C+ + z - k), C- = max(0, C- - z - k), z = (x - target) / sd; a signal
/// where one exceeds h (Page 1954; Montgomery).
///
/// # Errors
/// When a value is not finite, the standard deviation is not positive, or h or k is negative.
pub fn tabular_cusum(values: &[f64], settings: CusumSettings) -> Result<Chart, StatisticsError> {
    finite(values)?;
    if !(settings.sd > 0.0 && settings.sd.is_finite() && settings.target.is_finite()) {
        return Err(StatisticsError::not_estimable(
            "the in-control standard deviation is not positive, so nothing can be standardised",
        ));
    }
    if settings.h.is_nan() || settings.h <= 0.0 || settings.k.is_nan() || settings.k < 0.0 {
        return Err(StatisticsError::setting(
            "h",
            settings.h,
            "h above 0 and k from 0",
        ));
    }
    let (mut up, mut down) = (settings.headstart, settings.headstart);
    let mut chart = empty(values.len());
    for (at, value) in values.iter().enumerate() {
        let z = (value - settings.target) / settings.sd;
        up = (up + z - settings.k).max(0.0);
        down = (down - z - settings.k).max(0.0);
        chart.upper.push(up);
        chart.lower.push(down);
        if beyond(up.max(down), settings.h, z) {
            chart.alarms.push(at);
            if settings.restart {
                (up, down) = (settings.headstart, settings.headstart);
            }
        }
    }
    Ok(chart)
}

/// Bernoulli CUSUM of log-likelihood ratios: S = max(0, S + w), w = ln(p1/p0) for an event and
/// ln((1 - p1)/(1 - p0)) otherwise; a signal where S reaches h (Reynolds and Stoumbos 1999).
///
/// # Errors
/// When p0 and p1 are equal or lie outside (0, 1), or h is not positive.
pub fn bernoulli_cusum(
    events: &[bool],
    p0: f64,
    p1: f64,
    h: f64,
    restart: bool,
) -> Result<Chart, StatisticsError> {
    let (yes, no) = bernoulli_weights(p0, p1)?;
    one_sided(events.iter().map(|e| if *e { yes } else { no }), h, restart)
}

/// (weight of an event, weight of none) of the Bernoulli log-likelihood ratio.
pub(super) fn bernoulli_weights(p0: f64, p1: f64) -> Result<(f64, f64), StatisticsError> {
    let inside = |p: f64| p > 0.0 && p < 1.0;
    if !(inside(p0) && inside(p1)) || p0 == p1 {
        return Err(StatisticsError::setting(
            "p0 and p1",
            format!("{p0}, {p1}"),
            "two different numbers between 0 and 1",
        ));
    }
    Ok(((p1 / p0).ln(), ((1.0 - p1) / (1.0 - p0)).ln()))
}

/// Risk-adjusted CUSUM (Steiner 2000): with r the predicted risk of the case and R the odds ratio to
/// find, w = ln(R / (1 - r + R r)) for an event and -ln(1 - r + R r) otherwise.
///
/// # Errors
/// When lengths differ, a risk lies outside [0, 1], R is 1 or not positive, or h is not positive.
pub fn risk_adjusted_cusum(
    events: &[bool],
    risk: &[f64],
    odds_ratio: f64,
    h: f64,
    restart: bool,
) -> Result<Chart, StatisticsError> {
    if events.len() != risk.len() {
        return Err(StatisticsError::Data(
            "outcomes and risks differ in length".into(),
        ));
    }
    if !(odds_ratio > 0.0 && odds_ratio.is_finite()) || odds_ratio == 1.0 {
        return Err(StatisticsError::setting(
            "odds_ratio",
            odds_ratio,
            "above 0 and not 1, such as 2",
        ));
    }
    if let Some(row) = risk.iter().position(|r| !(0.0..=1.0).contains(r)) {
        return Err(StatisticsError::Value {
            column: "probability".into(),
            row,
            what: "lies outside 0 to 1".into(),
        });
    }
    let weights = events.iter().zip(risk).map(|(event, r)| {
        let scale = (1.0 - r + odds_ratio * r).ln();
        if *event {
            odds_ratio.ln() - scale
        } else {
            -scale
        }
    });
    one_sided(weights, h, restart)
}

/// Poisson CUSUM of log-likelihood ratios: w = x ln(m1/m0) - (m1 - m0) (Lucas 1985).
///
/// # Errors
/// When a count is not a whole number from 0, the means are equal or not positive, or h is not
/// positive.
pub fn poisson_cusum(
    counts: &[f64],
    m0: f64,
    m1: f64,
    h: f64,
    restart: bool,
) -> Result<Chart, StatisticsError> {
    finite(counts)?;
    if let Some(row) = counts.iter().position(|c| *c < 0.0 || c.fract() != 0.0) {
        return Err(StatisticsError::Value {
            column: "value".into(),
            row,
            what: "is no count; the Poisson kind takes whole numbers from 0".into(),
        });
    }
    if !(m0 > 0.0 && m1 > 0.0 && m0.is_finite() && m1.is_finite()) || m0 == m1 {
        return Err(StatisticsError::setting(
            "p0 and p1",
            format!("{m0}, {m1}"),
            "two different means above 0",
        ));
    }
    one_sided(
        counts.iter().map(|x| x * (m1 / m0).ln() - (m1 - m0)),
        h,
        restart,
    )
}

fn one_sided(
    weights: impl Iterator<Item = f64>,
    h: f64,
    restart: bool,
) -> Result<Chart, StatisticsError> {
    if h.is_nan() || h <= 0.0 {
        return Err(StatisticsError::setting("h", h, "above 0, such as 4.5"));
    }
    let mut chart = empty(0);
    let mut sum = 0.0_f64;
    for (at, weight) in weights.enumerate() {
        sum = (sum + weight).max(0.0);
        chart.upper.push(sum);
        if reaches(sum, h, weight) {
            chart.alarms.push(at);
            if restart {
                sum = 0.0;
            }
        }
    }
    Ok(chart)
}

/// Settings of an EWMA chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ewma {
    /// In-control mean.
    pub target: f64,
    /// In-control standard deviation.
    pub sd: f64,
    /// Weight of the newest value, above 0 to 1.
    pub lambda: f64,
    /// Limit in standard deviations of the statistic.
    pub limit: f64,
    /// Limits by the exact variance at each time; otherwise by its limit.
    pub exact_limits: bool,
}

/// EWMA chart: z = lambda x + (1 - lambda) z from the target; a signal where |z - target| exceeds
/// limit * sd * sqrt(lambda / (2 - lambda) (1 - (1 - lambda)^(2t))) (Roberts 1959). Computed as e = lambda
/// (x - target) + (1 - lambda) e from 0 with z = target + e, whose digits do not sink in a large target.
/// Returns the chart and the half widths of the limits.
///
/// # Errors
/// When a value is not finite, lambda lies outside (0, 1], or the deviation or limit is not positive.
pub fn ewma_chart(values: &[f64], settings: Ewma) -> Result<(Chart, Vec<f64>), StatisticsError> {
    finite(values)?;
    let Ewma {
        target,
        sd,
        lambda,
        limit,
        exact_limits,
    } = settings;
    if !(sd > 0.0 && sd.is_finite() && target.is_finite()) {
        return Err(StatisticsError::not_estimable(
            "the in-control standard deviation is not positive",
        ));
    }
    if !(lambda > 0.0 && lambda <= 1.0) {
        return Err(StatisticsError::setting(
            "lambda",
            lambda,
            "above 0 and at most 1, such as 0.1",
        ));
    }
    if limit.is_nan() || limit <= 0.0 {
        return Err(StatisticsError::setting(
            "limit",
            limit,
            "above 0, such as 2.814",
        ));
    }
    let mut chart = empty(values.len());
    let mut widths = Vec::with_capacity(values.len());
    let mut deviation = 0.0;
    let mut left = 1.0;
    for (at, value) in values.iter().enumerate() {
        let added = lambda * (value - target);
        deviation = added + (1.0 - lambda) * deviation;
        left *= (1.0 - lambda).powi(2);
        let share = if exact_limits { 1.0 - left } else { 1.0 };
        let width = limit * sd * (lambda / (2.0 - lambda) * share).sqrt();
        chart.upper.push(target + deviation);
        widths.push(width);
        if beyond(deviation.abs(), width, added) {
            chart.alarms.push(at);
        }
    }
    Ok((chart, widths))
}

/// A Shewhart p-chart.
#[derive(Clone, Debug, PartialEq)]
pub struct PChart {
    /// Centre: the target, or the pooled share.
    pub centre: f64,
    /// Share at each time.
    pub share: Vec<f64>,
    /// Lower limits, from 0.
    pub lower: Vec<f64>,
    /// Upper limits, up to 1.
    pub upper: Vec<f64>,
    /// Places beyond the limits.
    pub alarms: Vec<usize>,
}

/// Shewhart's p-chart: limits centre +- width sqrt(centre (1 - centre) / n), cut at 0 and 1. With
/// `exact` a place signals where a binomial tail beyond it has at most the normal tail of `width`
/// instead (the drawn limits stay).
///
/// # Errors
/// When lengths differ or counts contradict each other; not estimable when no group has a trial, or
/// the centre is 0 or 1 without a target.
pub fn p_chart(
    events: &[u64],
    totals: &[u64],
    target: Option<f64>,
    width: f64,
    exact: bool,
) -> Result<PChart, StatisticsError> {
    if events.len() != totals.len() {
        return Err(StatisticsError::Data(
            "events and totals differ in length".into(),
        ));
    }
    if let Some(row) = events
        .iter()
        .zip(totals)
        .position(|(e, t)| e > t || *t == 0)
    {
        return Err(StatisticsError::Value {
            column: "total".into(),
            row,
            what: "is 0 or below the events; leave empty groups out".into(),
        });
    }
    if totals.is_empty() {
        return Err(StatisticsError::not_estimable("there is no group"));
    }
    let centre =
        target.unwrap_or(events.iter().sum::<u64>() as f64 / totals.iter().sum::<u64>() as f64);
    if !(centre > 0.0 && centre < 1.0) {
        return Err(StatisticsError::not_estimable(
            "the centre is 0 or 1, so the limits have no width; set a target",
        ));
    }
    let tail = normal_tail(width);
    let mut chart = PChart {
        centre,
        share: Vec::new(),
        lower: Vec::new(),
        upper: Vec::new(),
        alarms: Vec::new(),
    };
    for (at, (x, n)) in events.iter().zip(totals).enumerate() {
        let share = *x as f64 / *n as f64;
        let half = width * (centre * (1.0 - centre) / *n as f64).sqrt();
        let beyond = if exact {
            let above = x
                .checked_sub(1)
                .map_or(1.0, |x| 1.0 - binomial_cdf(x, *n, centre));
            above <= tail || binomial_cdf(*x, *n, centre) <= tail
        } else {
            // The share and the centre are rounded in the last place of 1 at most; 64 such units are far
            // below 1/n, the step from one share to the next.
            beyond((share - centre).abs(), half, centre)
        };
        if beyond {
            chart.alarms.push(at);
        }
        chart.share.push(share);
        chart.lower.push((centre - half).max(0.0));
        chart.upper.push((centre + half).min(1.0));
    }
    Ok(chart)
}

/// How a sequential test ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SprtOutcome {
    /// The limit of p1 was reached.
    AcceptP1,
    /// The limit of p0 was reached.
    AcceptP0,
    /// Neither.
    Undecided,
}

/// A sequential probability ratio test.
#[derive(Clone, Debug, PartialEq)]
pub struct Sprt {
    /// Cumulative log-likelihood ratio, to the decision or the end.
    pub path: Vec<f64>,
    /// Lower limit ln(beta / (1 - alpha)).
    pub lower: f64,
    /// Upper limit ln((1 - beta) / alpha).
    pub upper: f64,
    /// How it ends.
    pub outcome: SprtOutcome,
    /// Wald's approximation of the expected number of observations under p0 and p1.
    pub expected_number: (f64, f64),
}

/// Wald's sequential probability ratio test of a proportion, p0 against p1.
///
/// # Errors
/// When p0 and p1 are equal or outside (0, 1), or alpha + beta is not below 1.
pub fn sprt(
    events: &[bool],
    p0: f64,
    p1: f64,
    alpha: f64,
    beta: f64,
) -> Result<Sprt, StatisticsError> {
    let (yes, no) = bernoulli_weights(p0, p1)?;
    if !(alpha > 0.0 && beta > 0.0 && alpha + beta < 1.0) {
        return Err(StatisticsError::setting(
            "alpha and beta",
            format!("{alpha}, {beta}"),
            "above 0, their sum below 1",
        ));
    }
    let (lower, upper) = ((beta / (1.0 - alpha)).ln(), ((1.0 - beta) / alpha).ln());
    let (mut sum, mut path, mut outcome) = (0.0, Vec::new(), SprtOutcome::Undecided);
    for event in events {
        sum += if *event { yes } else { no };
        path.push(sum);
        if reaches(sum, upper, yes) {
            outcome = SprtOutcome::AcceptP1;
            break;
        }
        if reaches(-sum, -lower, yes) {
            outcome = SprtOutcome::AcceptP0;
            break;
        }
    }
    let step = |p: f64| p * yes + (1.0 - p) * no;
    Ok(Sprt {
        path,
        lower,
        upper,
        outcome,
        expected_number: (
            ((1.0 - alpha) * lower + alpha * upper) / step(p0),
            (beta * lower + (1.0 - beta) * upper) / step(p1),
        ),
    })
}

fn empty(rows: usize) -> Chart {
    Chart {
        upper: Vec::with_capacity(rows),
        lower: Vec::new(),
        alarms: Vec::new(),
    }
}

fn finite(values: &[f64]) -> Result<(), StatisticsError> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(row) => Err(StatisticsError::Value {
            column: "value".into(),
            row,
            what: "is not finite".into(),
        }),
        None => Ok(()),
    }
}

/// The first alarm (counted from 1, as the chart's x), and how many there are.
pub(super) fn alarm_numbers(alarms: &[usize], definition: &str, n: usize) -> Vec<Number> {
    let first = match alarms.first() {
        Some(at) => Number::plain("first_alarm", definition, *at as f64 + 1.0, n),
        None => Number::none("first_alarm", definition, n, "the chart does not signal"),
    };
    vec![
        first,
        Number::plain("alarms", definition, alarms.len() as f64, n),
    ]
}

pub(super) fn alarm_table(alarms: &[usize]) -> Table {
    Table {
        name: "alarms".into(),
        columns: vec!["index".into()],
        rows: alarms
            .iter()
            .map(|a| vec![Cell::Whole(*a as i64 + 1)])
            .collect(),
    }
}

/// Times 1, 2, ...
pub(super) fn times(n: usize) -> Vec<f64> {
    (1..=n).map(|i| i as f64).collect()
}

pub(super) fn control(label: &str, y: Vec<f64>) -> Curve {
    Curve::line(Figure::ControlChart, label, times(y.len()), y)
}

/// Target and standard deviation: as set, or of the first `baseline` rows.
fn in_control(
    sample: &Sample,
    values: &[f64],
    notes: &mut Vec<String>,
) -> Result<(f64, f64), StatisticsError> {
    let (target, sd) = (sample.optional_real("target"), sample.optional_real("sd"));
    for (name, value) in [("target", target), ("sd", sd)] {
        if value.is_some_and(f64::is_infinite) {
            return Err(StatisticsError::setting(
                name,
                "infinite",
                "a finite number",
            ));
        }
    }
    if let (Some(target), Some(sd)) = (target, sd) {
        return Ok((target, sd));
    }
    let first = sample.whole("baseline") as usize;
    if first >= values.len() && first > 0 {
        return Err(StatisticsError::setting(
            "baseline",
            first,
            format!(
                "fewer than the {} rows there are: the rows after the baseline are the ones monitored",
                values.len()
            ),
        ));
    }
    let baseline: Vec<f64> = values.iter().take(first).copied().collect();
    if baseline.len() < 2 {
        return Err(StatisticsError::setting(
            "target and sd",
            "not given",
            "set both, or `baseline`: the number of first rows that are in control, 2 at least",
        ));
    }
    let n = baseline.len() as f64;
    let mean = baseline.iter().sum::<f64>() / n;
    let square = baseline.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let used = baseline.len();
    notes.push(format!(
        "in-control values estimated from the first {} rows; the designed run length then holds only nearly",
        used
    ));
    Ok((target.unwrap_or(mean), sd.unwrap_or(square.sqrt())))
}

fn run_cusum(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (h, restart) = (sample.real("h"), sample.flag("restart"));
    let mut notes = Vec::new();
    let outcome = || {
        sample
            .all_binary("outcome")
            .first()
            .map(|(_, v)| *v)
            .ok_or_else(|| {
                StatisticsError::Data("this kind of CUSUM reads the column `outcome`".into())
            })
    };
    let value = || {
        sample.optional_reals("value").ok_or_else(|| {
            StatisticsError::Data("this kind of CUSUM reads the column `value`".into())
        })
    };
    let need = |name: &str| {
        sample.optional_real(name).ok_or_else(|| {
            StatisticsError::setting(name, "not given", "this kind of CUSUM needs it")
        })
    };
    let (chart, definition) = match sample.word("kind") {
        "bernoulli" => (
            bernoulli_cusum(outcome()?, need("p0")?, need("p1")?, h, restart)?,
            "cusum.bernoulli.llr",
        ),
        "risk-adjusted" => {
            let risk = sample.optional_reals("probability").ok_or_else(|| {
                StatisticsError::Data("a risk-adjusted CUSUM reads the column `probability`".into())
            })?;
            (
                risk_adjusted_cusum(outcome()?, risk, sample.real("odds_ratio"), h, restart)?,
                "cusum.risk-adjusted.steiner",
            )
        }
        "poisson" => (
            poisson_cusum(value()?, need("p0")?, need("p1")?, h, restart)?,
            "cusum.poisson.llr",
        ),
        _ => {
            let values = value()?;
            let (target, sd) = in_control(sample, values, &mut notes)?;
            let settings = CusumSettings {
                target,
                sd,
                k: sample.real("k"),
                h,
                headstart: sample.real("headstart"),
                restart,
            };
            (tabular_cusum(values, settings)?, "cusum.tabular")
        }
    };
    let n = sample.rows();
    let mut numbers = alarm_numbers(&chart.alarms, definition, n);
    let last = |v: &[f64]| v.last().copied();
    if let Some(v) = last(&chart.upper) {
        numbers.push(Number::plain("last_upper", definition, v, n));
    }
    if let Some(v) = last(&chart.lower) {
        numbers.push(Number::plain("last_lower", definition, v, n));
    }
    let mut curves = vec![control("upper CUSUM", chart.upper)];
    if !chart.lower.is_empty() {
        curves.push(control("lower CUSUM", chart.lower));
    }
    curves.push(control("decision limit", vec![h; n]));
    Ok(Answer {
        numbers,
        tables: vec![alarm_table(&chart.alarms)],
        curves,
        notes,
    })
}

fn run_ewma(sample: &Sample) -> Result<Answer, StatisticsError> {
    let values = sample.reals("value");
    let mut notes = Vec::new();
    let (target, sd) = in_control(sample, values, &mut notes)?;
    let exact = sample.word("limits") == "exact";
    let (chart, widths) = ewma_chart(
        values,
        Ewma {
            target,
            sd,
            lambda: sample.real("lambda"),
            limit: sample.real("limit"),
            exact_limits: exact,
        },
    )?;
    let n = values.len();
    let definition = if exact {
        "ewma.exact-limits"
    } else {
        "ewma.asymptotic-limits"
    };
    let mut numbers = alarm_numbers(&chart.alarms, definition, n);
    if let Some(last) = chart.upper.last() {
        numbers.push(Number::plain("last", definition, *last, n));
    }
    Ok(Answer {
        numbers,
        tables: vec![alarm_table(&chart.alarms)],
        curves: vec![
            control("EWMA", chart.upper),
            control("lower limit", widths.iter().map(|w| target - w).collect()),
            control("upper limit", widths.iter().map(|w| target + w).collect()),
        ],
        notes,
    })
}

fn run_sprt(sample: &Sample) -> Result<Answer, StatisticsError> {
    let events = sample.binary("outcome");
    let test = sprt(
        events,
        sample.real("p0"),
        sample.real("p1"),
        sample.real("alpha"),
        sample.real("beta"),
    )?;
    let n = events.len();
    let definition = "sprt.wald.bernoulli";
    let (decision, word) = match test.outcome {
        SprtOutcome::AcceptP1 => (1.0, "p1 is accepted"),
        SprtOutcome::AcceptP0 => (-1.0, "p0 is accepted"),
        SprtOutcome::Undecided => (0.0, "undecided: neither limit is reached"),
    };
    let used = test.path.len();
    let decided = if test.outcome == SprtOutcome::Undecided {
        Number::none("decision_at", definition, n, "neither limit is reached")
    } else {
        Number::plain("decision_at", definition, used as f64, n)
    };
    let last = test.path.last().copied();
    let ratio = match last {
        Some(v) => Number::plain("log_likelihood_ratio", definition, v, used),
        None => Number::none(
            "log_likelihood_ratio",
            definition,
            0,
            "there is no observation",
        ),
    };
    Ok(Answer {
        numbers: vec![
            Number::plain(
                "decision",
                "sprt.1-is-p1.-1-is-p0.0-is-undecided",
                decision,
                used,
            ),
            decided,
            ratio,
            Number::plain("lower_limit", definition, test.lower, n),
            Number::plain("upper_limit", definition, test.upper, n),
            Number::plain(
                "expected_number_p0",
                "wald.approximation",
                test.expected_number.0,
                n,
            ),
            Number::plain(
                "expected_number_p1",
                "wald.approximation",
                test.expected_number.1,
                n,
            ),
        ],
        tables: Vec::new(),
        curves: vec![
            control("log-likelihood ratio", test.path),
            control("accept p0", vec![test.lower; used]),
            control("accept p1", vec![test.upper; used]),
        ],
        notes: vec![word.into()],
    })
}

fn run_p_chart(sample: &Sample) -> Result<Answer, StatisticsError> {
    let counts =
        |role: &str| -> Vec<u64> { sample.reals(role).iter().map(|v| *v as u64).collect() };
    let (events, totals) = (counts("events"), counts("total"));
    let exact = sample.word("rule") == "binomial";
    let chart = p_chart(
        &events,
        &totals,
        sample.optional_real("target"),
        sample.real("limit"),
        exact,
    )?;
    let n = events.len();
    let definition = if exact {
        "p-chart.binomial"
    } else {
        "p-chart.normal"
    };
    let mut numbers = alarm_numbers(&chart.alarms, definition, n);
    numbers.push(Number::plain("centre", definition, chart.centre, n));
    let mut notes = Vec::new();
    if sample.optional_real("target").is_none() {
        notes.push("the centre is the pooled share of these very rows; set `target` from the validation data".into());
    }
    let centre = vec![chart.centre; n];
    Ok(Answer {
        numbers,
        tables: vec![alarm_table(&chart.alarms)],
        curves: vec![
            control("share", chart.share),
            control("centre", centre),
            control("lower limit", chart.lower),
            control("upper limit", chart.upper),
        ],
        notes,
    })
}

/// The values of a chart, in the order of time.
pub(super) const SERIES: Role = Role {
    name: "value",
    what: "the value watched, rows in the order of time",
    kind: Kind::Finite,
    need: Need::One,
    missing: false,
};

const OUTCOME: Role = Role {
    name: "outcome",
    what: "whether the event watched (an error, a disagreement) happened, rows in the order of time",
    kind: Kind::Binary,
    need: Need::One,
    missing: false,
};

const TARGET: Setting = Setting {
    name: "target",
    what: "in-control mean; absent: of the first `baseline` rows",
    kind: SettingKind::OptionalReal(f64::NEG_INFINITY, f64::INFINITY),
    default: None,
};

const SD: Setting = Setting {
    name: "sd",
    what: "in-control standard deviation; absent: of the first `baseline` rows",
    kind: SettingKind::OptionalReal(0.0, f64::INFINITY),
    default: None,
};

const BASELINE: Setting = Setting {
    name: "baseline",
    what: "number of first rows that are in control, from which a target or deviation not set is estimated",
    kind: SettingKind::Whole(0, 1_000_000_000),
    default: Some("0"),
};

/// Rate in control.
pub(super) const P0: Setting = Setting {
    name: "p0",
    what: "event rate (Poisson: mean count) in control",
    kind: SettingKind::Open(0.0, 1.0),
    default: None,
};

/// Rate to find.
pub(super) const P1: Setting = Setting {
    name: "p1",
    what: "event rate (Poisson: mean count) to find",
    kind: SettingKind::Open(0.0, 1.0),
    default: None,
};

const SERIES_ASSUMPTION: &str = "Rows are in the order of time and independent while in control. A chart in control signals too, once in its average run length: see arl-cusum and arl-ewma. Statistics are compared with their limits up to rounding (64 units in the last place).";

/// CUSUM.
pub(super) const CUSUM: Entry = Entry {
    id: "monitor-cusum",
    group: Group::Surveillance,
    title: "CUSUM chart: tabular, Bernoulli, risk-adjusted, Poisson",
    formula: "tabular: C+ = max(0, C+ + (x - target)/sd - k), C- likewise, signal above h; others: S = max(0, S + log-likelihood ratio), signal from h",
    source: "Page 1954; Montgomery; Reynolds and Stoumbos 1999; Steiner 2000; Lucas 1985",
    assumptions: SERIES_ASSUMPTION,
    compared_with: "NumPy 2 by the recursion (testdata/statistics/surveillance)",
    roles: &[
        Role {
            need: Need::Optional,
            ..SERIES
        },
        Role {
            need: Need::Optional,
            ..OUTCOME
        },
        Role {
            name: "probability",
            what: "predicted risk of the event, for the risk-adjusted kind",
            kind: Kind::Probability,
            need: Need::Optional,
            missing: false,
        },
    ],
    settings: &[
        Setting {
            name: "kind",
            what: "tabular and poisson read `value`, bernoulli `outcome`, risk-adjusted `outcome` and `probability`",
            kind: SettingKind::Choice(&["tabular", "bernoulli", "risk-adjusted", "poisson"]),
            default: Some("tabular"),
        },
        Setting {
            name: "h",
            what: "decision limit; tabular: in standard deviations; others: in log-likelihood ratio",
            kind: SettingKind::Open(0.0, 1e6),
            default: Some("5"),
        },
        Setting {
            name: "k",
            what: "tabular: reference value in standard deviations, half the shift to find",
            kind: SettingKind::Real(0.0, 100.0),
            default: Some("0.5"),
        },
        Setting {
            name: "headstart",
            what: "tabular: where both sums start, in standard deviations (fast initial response: h/2)",
            kind: SettingKind::Real(0.0, 1e6),
            default: Some("0"),
        },
        TARGET,
        SD,
        BASELINE,
        Setting {
            kind: SettingKind::OptionalReal(0.0, 1e9),
            ..P0
        },
        Setting {
            kind: SettingKind::OptionalReal(0.0, 1e9),
            ..P1
        },
        Setting {
            name: "odds_ratio",
            what: "risk-adjusted: odds ratio to find (above 1: deterioration)",
            kind: SettingKind::Open(0.0, 1e6),
            default: Some("2"),
        },
        Setting {
            name: "restart",
            what: "whether the chart starts anew after a signal; otherwise it runs on and every row beyond the limit is listed",
            kind: SettingKind::Flag,
            default: Some("false"),
        },
    ],
    numbers: &["first_alarm", "alarms", "last_upper", "last_lower"],
    run: run_cusum,
};

/// EWMA.
pub(super) const EWMA: Entry = Entry {
    id: "monitor-ewma",
    group: Group::Surveillance,
    title: "EWMA chart",
    formula: "z = lambda x + (1 - lambda) z from the target; limits target +- L sd sqrt(lambda/(2 - lambda) (1 - (1 - lambda)^(2t)))",
    source: "Roberts 1959; Lucas and Saccucci 1990",
    assumptions: SERIES_ASSUMPTION,
    compared_with: "NumPy 2 by the recursion (testdata/statistics/surveillance)",
    roles: &[SERIES],
    settings: &[
        Setting {
            name: "lambda",
            what: "weight of the newest value",
            kind: SettingKind::Real(1e-6, 1.0),
            default: Some("0.1"),
        },
        Setting {
            name: "limit",
            what: "limit in standard deviations of the statistic",
            kind: SettingKind::Open(0.0, 100.0),
            default: Some("2.814"),
        },
        Setting {
            name: "limits",
            what: "by the exact variance at each time, or asymptotic",
            kind: SettingKind::Choice(&["exact", "asymptotic"]),
            default: Some("exact"),
        },
        TARGET,
        SD,
        BASELINE,
    ],
    numbers: &["first_alarm", "alarms", "last"],
    run: run_ewma,
};

/// SPRT.
pub(super) const SPRT: Entry = Entry {
    id: "monitor-sprt",
    group: Group::Surveillance,
    title: "Sequential probability ratio test of a proportion",
    formula: "sum of x ln(p1/p0) + (1 - x) ln((1 - p1)/(1 - p0)) against ln(beta/(1 - alpha)) and ln((1 - beta)/alpha); limits included",
    source: "Wald 1945, 1947",
    assumptions: SERIES_ASSUMPTION,
    compared_with: "NumPy 2 by the recursion (testdata/statistics/surveillance)",
    roles: &[OUTCOME],
    settings: &[
        P0,
        P1,
        Setting {
            name: "alpha",
            what: "probability of accepting p1 when p0 holds",
            kind: SettingKind::Open(0.0, 0.5),
            default: Some("0.05"),
        },
        Setting {
            name: "beta",
            what: "probability of accepting p0 when p1 holds",
            kind: SettingKind::Open(0.0, 0.5),
            default: Some("0.1"),
        },
    ],
    numbers: &[
        "decision",
        "decision_at",
        "log_likelihood_ratio",
        "lower_limit",
        "upper_limit",
        "expected_number_p0",
        "expected_number_p1",
    ],
    run: run_sprt,
};

/// p-chart.
pub(super) const P_CHART: Entry = Entry {
    id: "monitor-p-chart",
    group: Group::Surveillance,
    title: "Shewhart p-chart",
    formula: "limits centre +- L sqrt(centre (1 - centre)/n); binomial rule: signal where a binomial tail is at most the normal tail of L",
    source: "Shewhart 1931; Montgomery",
    assumptions: "One row a period (week, month), in the order of time; cases independent. A share on a limit, up to rounding, does not signal.",
    compared_with: "NumPy 2, SciPy 1.17 binom (testdata/statistics/surveillance)",
    roles: &[
        Role {
            name: "events",
            what: "events of the period",
            kind: Kind::Count,
            need: Need::One,
            missing: false,
        },
        Role {
            name: "total",
            what: "cases of the period",
            kind: Kind::Count,
            need: Need::One,
            missing: false,
        },
    ],
    settings: &[
        Setting {
            name: "target",
            what: "rate in control; absent: the pooled share of the rows",
            kind: SettingKind::OptionalReal(0.0, 1.0),
            default: None,
        },
        Setting {
            name: "limit",
            what: "width of the limits in standard deviations",
            kind: SettingKind::Open(0.0, 100.0),
            default: Some("3"),
        },
        Setting {
            name: "rule",
            what: "normal: beyond the drawn limits; binomial: exact tails",
            kind: SettingKind::Choice(&["normal", "binomial"]),
            default: Some("normal"),
        },
    ],
    numbers: &["first_alarm", "alarms", "centre"],
    run: run_p_chart,
};
