//! Average run lengths: how long a chart runs until it signals, in control (a false alarm) and after
//! a shift, and the limit that gives a wanted one.
#![allow(
    clippy::indexing_slicing,
    reason = "matrices: every index runs below the size that the matrix was made with"
)]

use crate::catalogue::{Entry, Group, Sample, Setting, SettingKind};
use crate::distribution::normal_density;
use crate::number::{Answer, Number, StatisticsError};

use super::charts::{P0, P1, bernoulli_weights};

/// Average run length of a tabular CUSUM of independent normal values (standard deviation 1, mean
/// `shift`) with reference value k, limit h and headstart; both sides run when `two_sided`.
///
/// The integral equation of Page (1954), L(s) = 1 + L(0) Phi(k - s - shift) + integral over [0, h] of
/// L(x) phi(x + k - s - shift) dx, by Gauss-Legendre nodes (Nystroem); two sides by
/// (L2(0) L1(s) + L1(0) L2(s) - L1(0) L2(0)) / (L1(0) + L2(0)) (Lucas and Crosier 1982), which for
/// s = 0 is 1/L = 1/L1 + 1/L2.
///
/// # Errors
/// When a setting is out of its range, or the run length is too large for double precision.
pub fn cusum_arl(
    k: f64,
    h: f64,
    shift: f64,
    headstart: f64,
    two_sided: bool,
) -> Result<f64, StatisticsError> {
    if !(h > 0.0 && h <= 100.0 && (0.0..=20.0).contains(&k) && shift.abs() <= 50.0) {
        return Err(StatisticsError::setting(
            "h",
            h,
            "h above 0 and at most 100, k from 0 to 20, shift within 50 standard deviations",
        ));
    }
    if !(0.0..=h).contains(&headstart) {
        return Err(StatisticsError::setting(
            "headstart",
            headstart,
            "from 0 to h",
        ));
    }
    let (up_0, up_s) = one_sided_cusum(k, h, shift, headstart)?;
    if !two_sided {
        return plausible(up_s);
    }
    let (down_0, down_s) = one_sided_cusum(k, h, -shift, headstart)?;
    // A side beyond 1e15 adds nothing that counts.
    let lost = |length: f64| !(1.0 - 1e-9..=1e15).contains(&length);
    plausible(if lost(down_0) {
        up_s
    } else if lost(up_0) {
        down_s
    } else {
        (up_s / up_0 + down_s / down_0 - 1.0) / (1.0 / up_0 + 1.0 / down_0)
    })
}

/// Run lengths from 0 and from the headstart.
fn one_sided_cusum(
    k: f64,
    h: f64,
    shift: f64,
    headstart: f64,
) -> Result<(f64, f64), StatisticsError> {
    let (x, w) = gauss_legendre(40 + (6.0 * h) as usize, 0.0, h);
    let size = x.len() + 1;
    // States: 0, then the nodes.
    let mut chain = vec![vec![0.0; size]; size];
    let mut exit = vec![0.0; size];
    for (i, row) in chain.iter_mut().enumerate() {
        let s = if i == 0 { 0.0 } else { x[i - 1] };
        row[0] = normal_below(k - s - shift);
        for j in 1..size {
            row[j] = w[j - 1] * normal_density(x[j - 1] + k - s - shift);
        }
        exit[i] = normal_below(s + shift - k - h);
    }
    let solution = times_to_exit(chain, exit)?;
    let from = |s: f64| {
        1.0 + solution[0] * normal_below(k - s - shift)
            + (1..size)
                .map(|j| solution[j] * w[j - 1] * normal_density(x[j - 1] + k - s - shift))
                .sum::<f64>()
    };
    Ok((solution[0], from(headstart)))
}

/// The limit h at which a CUSUM without headstart has the wanted in-control average run length.
///
/// # Errors
/// When k is out of its range, or no limit up to 100 reaches the wanted length.
pub fn cusum_threshold(k: f64, wanted: f64, two_sided: bool) -> Result<f64, StatisticsError> {
    solve_for(wanted, 1e-6, 1.0, 100.0, |h| {
        cusum_arl(k, h, 0.0, 0.0, two_sided)
    })
}

/// Average run length of a two-sided EWMA chart of independent normal values (standard deviation 1,
/// mean `shift`) with fixed limits +- limit sqrt(lambda / (2 - lambda)), started at the target.
///
/// The integral equation of Crowder (1987), L(z) = 1 + 1/lambda times the integral over the limits of
/// L(x) phi((x - (1 - lambda) z)/lambda - shift) dx, by Gauss-Legendre nodes.
///
/// # Errors
/// When a setting is out of its range, or the run length is too large for double precision.
pub fn ewma_arl(lambda: f64, limit: f64, shift: f64) -> Result<f64, StatisticsError> {
    if !(0.001..=1.0).contains(&lambda) {
        return Err(StatisticsError::setting(
            "lambda",
            lambda,
            "from 0.001 to 1, such as 0.1",
        ));
    }
    if !(limit > 0.0 && limit <= 20.0 && shift.abs() <= 50.0) {
        return Err(StatisticsError::setting(
            "limit",
            limit,
            "above 0 and at most 20; shift within 50 standard deviations",
        ));
    }
    let half = limit * (lambda / (2.0 - lambda)).sqrt();
    let nodes = (40 + (8.0 * half / lambda) as usize).min(800);
    let (x, w) = gauss_legendre(nodes, -half, half);
    let kernel =
        |from: f64, to: f64| normal_density((to - (1.0 - lambda) * from) / lambda - shift) / lambda;
    let mut chain = vec![vec![0.0; nodes]; nodes];
    let mut exit = vec![0.0; nodes];
    for (i, row) in chain.iter_mut().enumerate() {
        for j in 0..nodes {
            row[j] = w[j] * kernel(x[i], x[j]);
        }
        let middle = (1.0 - lambda) * x[i];
        exit[i] = normal_below((-half - middle) / lambda - shift)
            + normal_below((middle - half) / lambda + shift);
    }
    let solution = times_to_exit(chain, exit)?;
    plausible(
        1.0 + (0..nodes)
            .map(|j| solution[j] * w[j] * kernel(0.0, x[j]))
            .sum::<f64>(),
    )
}

/// The limit at which an EWMA chart has the wanted in-control average run length.
///
/// # Errors
/// When lambda is out of its range, or no limit up to 20 reaches the wanted length.
pub fn ewma_limit(lambda: f64, wanted: f64) -> Result<f64, StatisticsError> {
    solve_for(wanted, 1e-3, 1.0, 20.0, |limit| {
        ewma_arl(lambda, limit, 0.0)
    })
}

/// A Bernoulli CUSUM: in-control rate, rate to find and decision limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BernoulliCusum {
    /// Event rate in control.
    pub p0: f64,
    /// Event rate to find.
    pub p1: f64,
    /// Decision limit of the log-likelihood ratio; the chart signals from it on.
    pub h: f64,
}

/// Average run length of a Bernoulli CUSUM at the true event rate `p`, by the Markov chain on a
/// lattice (Brook and Evans 1972; Reynolds and Stoumbos 1999): the smaller step is q units and the
/// larger the nearest whole number of units, q up to 20 (fewer for rare events) chosen for the best fit. Exact where the
/// ratio of the two weights is such a fraction; the second number is the relative error of the larger
/// step.
///
/// # Errors
/// When a rate is out of its range, or the chain is too large.
pub fn bernoulli_cusum_arl(chart: BernoulliCusum, p: f64) -> Result<(f64, f64), StatisticsError> {
    if !(0.0..=1.0).contains(&p) {
        return Err(StatisticsError::setting("p", p, "from 0 to 1"));
    }
    if !(chart.h > 0.0 && chart.h.is_finite()) {
        return Err(StatisticsError::setting("h", chart.h, "above 0"));
    }
    let lattice = Lattice::of(chart.p0, chart.p1)?;
    let states = (chart.h / lattice.unit - 1e-9).ceil().max(1.0);
    Ok((lattice.run_length(states, p)?, lattice.error))
}

/// The smallest limit (on the chain's lattice) at which a Bernoulli CUSUM has at least the wanted
/// in-control average run length, with that length.
///
/// # Errors
/// As [`bernoulli_cusum_arl`], or when no limit in reach is enough.
pub fn bernoulli_cusum_threshold(
    p0: f64,
    p1: f64,
    wanted: f64,
) -> Result<(f64, f64), StatisticsError> {
    if !(wanted > 1.0 && wanted <= 1e10) {
        return Err(StatisticsError::setting(
            "wanted_arl",
            wanted,
            "above 1 and at most 1e10, such as 500",
        ));
    }
    let lattice = Lattice::of(p0, p1)?;
    // A length beyond what can be computed is longer than wanted.
    let length = |states: u64| {
        lattice
            .run_length(states as f64, p0)
            .unwrap_or(f64::INFINITY)
    };
    let (mut low, mut high) = (0u64, 1u64);
    let mut reached = length(1);
    while reached < wanted {
        low = high;
        high *= 2;
        reached = length(high);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let at = length(middle);
        if at < wanted {
            low = middle;
        } else {
            (high, reached) = (middle, at);
        }
    }
    if reached.is_infinite() {
        return Err(StatisticsError::not_estimable(
            "no limit in reach of the chain is enough",
        ));
    }
    Ok((high as f64 * lattice.unit, reached))
}

/// Steps of a Bernoulli CUSUM in whole units.
struct Lattice {
    unit: f64,
    up: usize,
    down: usize,
    /// Whether an event moves the sum up (p1 above p0).
    event_up: bool,
    error: f64,
}

impl Lattice {
    fn of(p0: f64, p1: f64) -> Result<Self, StatisticsError> {
        let (yes, no) = bernoulli_weights(p0, p1)?;
        let (up, down, event_up) = if yes > 0.0 {
            (yes, -no, true)
        } else {
            (no, -yes, false)
        };
        let (larger, smaller) = (up.max(down), up.min(down));
        let ratio = larger / smaller;
        let mut best = (f64::INFINITY, 1.0);
        // Rare events make long steps; a finer lattice would only make the chain large.
        let finest = (1000.0 / ratio).clamp(1.0, 20.0) as u32;
        for q in 1..=finest {
            let exact = ratio * f64::from(q);
            let error = (exact - exact.round()).abs() / exact;
            // A finer lattice has to fit clearly better.
            if error < best.0 * 0.9 && error + 1e-13 < best.0 {
                best = (error, f64::from(q));
            }
        }
        let (error, q) = best;
        let large = (ratio * q).round();
        if large > 1e6 {
            return Err(StatisticsError::not_estimable(
                "the rates are too small for the chain",
            ));
        }
        let (up, down) = if up >= down {
            (large as usize, q as usize)
        } else {
            (q as usize, large as usize)
        };
        Ok(Self {
            unit: smaller / q,
            up,
            down,
            event_up,
            error,
        })
    }

    /// Solves L(s) = 1 + P(up) L(s + up) + P(down) L(max(0, s - down)) over 0 <= s < states, L = 0
    /// beyond, by elimination within the band.
    fn run_length(&self, states: f64, p: f64) -> Result<f64, StatisticsError> {
        let up = self.up.min(states as usize);
        let down = self.down.min(states as usize);
        let width = up + down + 1;
        if states * width as f64 > 2e7 || states * up as f64 * down as f64 > 4e9 {
            return Err(StatisticsError::not_estimable(
                "the chain has too many states; lower the limit",
            ));
        }
        let n = states as usize;
        let (p_up, p_down) = if self.event_up {
            (p, 1.0 - p)
        } else {
            (1.0 - p, p)
        };
        // band[s][down + t - s] holds the probability of going from s to t.
        let mut band = vec![vec![0.0; width]; n];
        let (mut time, mut exit, mut leave) = (vec![1.0; n], vec![0.0; n], vec![0.0; n]);
        for (s, row) in band.iter_mut().enumerate() {
            if s + self.up < n {
                row[down + self.up] += p_up;
            } else {
                exit[s] = p_up;
            }
            row[down + s.saturating_sub(self.down) - s] += p_down;
        }
        // As in `times_to_exit`, within the band.
        for s in 0..n {
            let (head, tail) = band.split_at_mut(s + 1);
            let eliminated = &head[s];
            leave[s] = eliminated[down + 1..].iter().sum::<f64>() + exit[s];
            if leave[s].is_nan() || leave[s] <= 0.0 {
                return Err(StatisticsError::not_estimable(
                    "the run length is infinite or too large",
                ));
            }
            for (offset, row) in (1..=down).zip(tail) {
                let factor = row[down - offset] / leave[s];
                if factor == 0.0 {
                    continue;
                }
                for c in down + 1..width {
                    row[c - offset] += factor * eliminated[c];
                }
                time[s + offset] += factor * time[s];
                exit[s + offset] += factor * exit[s];
            }
        }
        for s in (0..n).rev() {
            let sum: f64 = (1..=up)
                .filter(|d| s + d < n)
                .map(|d| band[s][down + d] * time[s + d])
                .sum();
            time[s] = (time[s] + sum) / leave[s];
        }
        plausible(time[0])
    }
}

fn plausible(length: f64) -> Result<f64, StatisticsError> {
    if length.is_finite() && (1.0 - 1e-9..=1e15).contains(&length) {
        Ok(length.max(1.0))
    } else {
        Err(StatisticsError::not_estimable(
            "the average run length is above 1e15, beyond what can be computed",
        ))
    }
}

/// The argument at which the rising `length` is `wanted`, by bisection.
fn solve_for(
    wanted: f64,
    low: f64,
    start: f64,
    most: f64,
    length: impl Fn(f64) -> Result<f64, StatisticsError>,
) -> Result<f64, StatisticsError> {
    if !(wanted > 1.0 && wanted <= 1e10) {
        return Err(StatisticsError::setting(
            "wanted_arl",
            wanted,
            "above 1 and at most 1e10, such as 500",
        ));
    }
    // A length beyond what can be computed is longer than wanted.
    let distance = |x: f64| match length(x) {
        Ok(length) => Ok((length / wanted).ln()),
        Err(StatisticsError::NotEstimable(_)) => Ok(f64::INFINITY),
        Err(other) => Err(other),
    };
    let (mut low, mut high) = (low, start);
    let (mut below, mut above) = (distance(low)?, distance(high)?);
    if below > 0.0 {
        return Err(StatisticsError::not_estimable(
            "even the narrowest limit runs longer than wanted",
        ));
    }
    while above < 0.0 {
        (low, below) = (high, above);
        high *= 1.5;
        if high > most {
            return Err(StatisticsError::not_estimable(
                "no limit in range reaches the wanted run length",
            ));
        }
        above = distance(high)?;
    }
    // The logarithm is nearly straight: false position, halving the weight of an end that stays
    // (Dowell and Jarratt 1971).
    for _ in 0..200 {
        let guess = if above.is_finite() && below < above {
            low - below * (high - low) / (above - below)
        } else {
            f64::midpoint(low, high)
        };
        let inside = low < guess && guess < high;
        if !inside || high - low <= 1e-14 * high {
            break;
        }
        let at = distance(guess)?;
        if at.abs() < 1e-14 {
            return Ok(guess);
        }
        if at < 0.0 {
            (low, below) = (guess, at);
            above /= 2.0;
        } else {
            (high, above) = (guess, at);
            below /= 2.0;
        }
    }
    Ok(if above.is_finite() && -below > above {
        high
    } else {
        low
    })
}

/// P(Z <= x) to the last digits, which long run lengths magnify: the series of Marsaglia (2004) in the
/// middle, Laplace's continued fraction in the tails.
fn normal_below(x: f64) -> f64 {
    let size = x.abs();
    if size < 3.0 {
        let (mut term, mut sum, mut n) = (x, x, 1.0);
        while term.abs() > 1e-18 {
            n += 2.0;
            term *= x * x / n;
            sum += term;
        }
        return 0.5 + normal_density(x) * sum;
    }
    let fraction = (1..=100).rev().fold(size, |f, n| size + f64::from(n) / f);
    let tail = normal_density(size) / fraction;
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// Gauss-Legendre nodes and weights on [a, b], by Newton steps on the Legendre polynomial.
pub(crate) fn gauss_legendre(n: usize, a: f64, b: f64) -> (Vec<f64>, Vec<f64>) {
    let (mut x, mut w) = (vec![0.0; n], vec![0.0; n]);
    let (middle, half) = (f64::midpoint(a, b), (b - a) / 2.0);
    for i in 0..n.div_ceil(2) {
        let mut z = (std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut p, mut before) = (1.0, 0.0);
            for j in 0..n {
                let j = j as f64;
                (p, before) = (((2.0 * j + 1.0) * z * p - j * before) / (j + 1.0), p);
            }
            slope = n as f64 * (z * p - before) / (z * z - 1.0);
            let step = p / slope;
            z -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        x[i] = middle - half * z;
        x[n - 1 - i] = middle + half * z;
        w[i] = 2.0 * half / ((1.0 - z * z) * slope * slope);
        w[n - 1 - i] = w[i];
    }
    (x, w)
}

/// Mean times until a chain leaves its states, by elimination without subtraction (Grassmann, Taksar and
/// Heyman 1985): what stays is never computed as 1 less the rest, so that long times keep their digits.
fn times_to_exit(
    mut chain: Vec<Vec<f64>>,
    mut exit: Vec<f64>,
) -> Result<Vec<f64>, StatisticsError> {
    let n = exit.len();
    let mut time = vec![1.0; n];
    let mut leave = vec![0.0; n];
    for c in 0..n {
        leave[c] = chain[c][c + 1..].iter().sum::<f64>() + exit[c];
        if leave[c].is_nan() || leave[c] <= 0.0 {
            return Err(StatisticsError::not_estimable(
                "the run length is infinite or too large",
            ));
        }
        let (head, tail) = chain.split_at_mut(c + 1);
        let eliminated = &head[c];
        for (below, row) in tail.iter_mut().enumerate() {
            let factor = row[c] / leave[c];
            for k in c + 1..n {
                row[k] += factor * eliminated[k];
            }
            time[c + 1 + below] += factor * time[c];
            exit[c + 1 + below] += factor * exit[c];
        }
    }
    for r in (0..n).rev() {
        let sum: f64 = (r + 1..n).map(|k| chain[r][k] * time[k]).sum();
        time[r] = (time[r] + sum) / leave[r];
    }
    Ok(time)
}

/// The wanted in-control run length: as set, or from the budget of false alarms.
fn wanted_length(sample: &Sample) -> Result<f64, StatisticsError> {
    if let Some(wanted) = sample.optional_real("wanted_arl") {
        return Ok(wanted);
    }
    match (
        sample.optional_real("alarm_budget"),
        sample.optional_real("observations_per_year"),
    ) {
        (Some(budget), Some(yearly)) if budget > 0.0 => {
            Ok(yearly * sample.whole("monitors") as f64 / budget)
        }
        _ => Err(StatisticsError::setting(
            "wanted_arl",
            "not given",
            "set the limit, or wanted_arl, or alarm_budget with observations_per_year",
        )),
    }
}

fn yearly(sample: &Sample, in_control: f64, numbers: &mut Vec<Number>) {
    if let Some(yearly) = sample.optional_real("observations_per_year") {
        let monitors = sample.whole("monitors");
        let alarms = yearly * monitors as f64 / in_control;
        numbers.push(Number::plain(
            "false_alarms_per_year",
            "observations-per-year.times-monitors.over-arl",
            alarms,
            monitors as usize,
        ));
    }
}

fn run_cusum(sample: &Sample) -> Result<Answer, StatisticsError> {
    let given = sample.optional_real("h");
    let mut notes = Vec::new();
    let (mut numbers, in_control) = if sample.word("kind") == "bernoulli" {
        let rate = |name: &str| {
            sample.optional_real(name).ok_or_else(|| {
                StatisticsError::setting(name, "not given", "a Bernoulli CUSUM needs it")
            })
        };
        let (p0, p1) = (rate("p0")?, rate("p1")?);
        let h = match given {
            Some(h) => h,
            None => bernoulli_cusum_threshold(p0, p1, wanted_length(sample)?)?.0,
        };
        let chart = BernoulliCusum { p0, p1, h };
        let true_rate = sample.optional_real("p").unwrap_or(p0);
        let (length, error) = bernoulli_cusum_arl(chart, true_rate)?;
        let (in_control, _) = bernoulli_cusum_arl(chart, p0)?;
        let (found, _) = bernoulli_cusum_arl(chart, p1)?;
        if error > 1e-9 {
            notes.push(format!(
                "the weights are rounded to a lattice; the larger one is off by {error:.1e} of itself"
            ));
        }
        let id = "arl.bernoulli-cusum.markov-chain";
        (
            vec![
                Number::plain("arl", id, length, 0),
                Number::plain("threshold", "cusum.bernoulli.llr", h, 0),
                Number::plain("arl_in_control", id, in_control, 0),
                Number::plain("arl_at_p1", id, found, 0),
            ],
            in_control,
        )
    } else {
        let (k, two) = (sample.real("k"), sample.word("sides") == "two");
        let (shift, headstart) = (sample.real("shift"), sample.real("headstart"));
        let h = match given {
            Some(h) => h,
            None => cusum_threshold(k, wanted_length(sample)?, two)?,
        };
        let id = "arl.cusum.integral-equation";
        let in_control = cusum_arl(k, h, 0.0, headstart, two)?;
        (
            vec![
                Number::plain("arl", id, cusum_arl(k, h, shift, headstart, two)?, 0),
                Number::plain("threshold", "cusum.tabular", h, 0),
                Number::plain("arl_in_control", id, in_control, 0),
            ],
            in_control,
        )
    };
    yearly(sample, in_control, &mut numbers);
    notes.push("run lengths are means of a skewed distribution: a false alarm long before the mean is common".into());
    Ok(Answer {
        numbers,
        notes,
        ..Answer::default()
    })
}

fn run_ewma(sample: &Sample) -> Result<Answer, StatisticsError> {
    let lambda = sample.real("lambda");
    let limit = match sample.optional_real("limit") {
        Some(limit) => limit,
        None => ewma_limit(lambda, wanted_length(sample)?)?,
    };
    let id = "arl.ewma.integral-equation";
    let in_control = ewma_arl(lambda, limit, 0.0)?;
    let mut numbers = vec![
        Number::plain("arl", id, ewma_arl(lambda, limit, sample.real("shift"))?, 0),
        Number::plain("limit", "ewma.asymptotic-limits", limit, 0),
        Number::plain("arl_in_control", id, in_control, 0),
    ];
    yearly(sample, in_control, &mut numbers);
    Ok(Answer {
        numbers,
        notes: vec![
            "asymptotic limits; the chart with exact limits signals a little sooner at its start"
                .into(),
        ],
        ..Answer::default()
    })
}

const SHIFT: Setting = Setting {
    name: "shift",
    what: "shift of the mean in standard deviations at which `arl` is computed; 0: in control",
    kind: SettingKind::Real(-50.0, 50.0),
    default: Some("0"),
};

const WANTED: Setting = Setting {
    name: "wanted_arl",
    what: "wanted in-control average run length, in observations, where the limit is to be found",
    kind: SettingKind::OptionalReal(1.0, 1e10),
    default: None,
};

const YEARLY: Setting = Setting {
    name: "observations_per_year",
    what: "observations a year and monitor, for the expected false alarms a year",
    kind: SettingKind::OptionalReal(0.0, 1e12),
    default: None,
};

const MONITORS: Setting = Setting {
    name: "monitors",
    what: "monitors run alongside with the same design",
    kind: SettingKind::Whole(1, 1_000_000),
    default: Some("1"),
};

const BUDGET: Setting = Setting {
    name: "alarm_budget",
    what: "false alarms a year over all monitors, from which the wanted run length follows",
    kind: SettingKind::OptionalReal(0.0, 1e9),
    default: None,
};

/// CUSUM design.
pub(super) const ARL_CUSUM: Entry = Entry {
    id: "arl-cusum",
    group: Group::Surveillance,
    title: "Average run length of a CUSUM, and the limit for a wanted one",
    formula: "normal: L(s) = 1 + L(0) Phi(k - s - shift) + integral of L(x) phi(x + k - s - shift) over [0, h]; two sides 1/L = 1/L+ + 1/L-; Bernoulli: Markov chain",
    source: "Page 1954; Lucas and Crosier 1982; Montgomery (k = 0.5: 168 at h = 4, 465 at h = 5); Reynolds and Stoumbos 1999",
    assumptions: "Independent normal (or Bernoulli) observations whose in-control values are known, not estimated.",
    compared_with: "R spc 0.6.7 xcusum.arl, xcusum.crit; NumPy 2 dense Markov chain (Bernoulli)",
    roles: &[],
    settings: &[
        Setting {
            name: "kind",
            what: "normal or bernoulli observations",
            kind: SettingKind::Choice(&["normal", "bernoulli"]),
            default: Some("normal"),
        },
        Setting {
            name: "h",
            what: "decision limit; absent: found for wanted_arl or alarm_budget",
            kind: SettingKind::OptionalReal(0.0, 1e6),
            default: None,
        },
        Setting {
            name: "k",
            what: "normal: reference value in standard deviations",
            kind: SettingKind::Real(0.0, 20.0),
            default: Some("0.5"),
        },
        Setting {
            name: "sides",
            what: "normal: one or two sides",
            kind: SettingKind::Choice(&["one", "two"]),
            default: Some("two"),
        },
        Setting {
            name: "headstart",
            what: "normal: where the sums start, in standard deviations",
            kind: SettingKind::Real(0.0, 100.0),
            default: Some("0"),
        },
        SHIFT,
        Setting {
            kind: SettingKind::OptionalReal(0.0, 1.0),
            ..P0
        },
        Setting {
            kind: SettingKind::OptionalReal(0.0, 1.0),
            ..P1
        },
        Setting {
            name: "p",
            what: "bernoulli: true event rate at which `arl` is computed; absent: p0",
            kind: SettingKind::OptionalReal(0.0, 1.0),
            default: None,
        },
        WANTED,
        YEARLY,
        MONITORS,
        BUDGET,
    ],
    numbers: &[
        "arl",
        "threshold",
        "arl_in_control",
        "arl_at_p1",
        "false_alarms_per_year",
    ],
    run: run_cusum,
};

/// EWMA design.
pub(super) const ARL_EWMA: Entry = Entry {
    id: "arl-ewma",
    group: Group::Surveillance,
    title: "Average run length of an EWMA chart, and the limit for a wanted one",
    formula: "L(z) = 1 + 1/lambda integral over the limits of L(x) phi((x - (1 - lambda) z)/lambda - shift) dx, two-sided, fixed limits",
    source: "Crowder 1987; Lucas and Saccucci 1990 (lambda = 0.1, L = 2.814: 500, 31.3, 10.3, 4.36)",
    assumptions: "Independent normal observations whose in-control values are known, not estimated.",
    compared_with: "R spc 0.6.7 xewma.arl, xewma.crit",
    roles: &[],
    settings: &[
        Setting {
            name: "lambda",
            what: "weight of the newest value",
            kind: SettingKind::Real(0.001, 1.0),
            default: Some("0.1"),
        },
        Setting {
            name: "limit",
            what: "limit in standard deviations of the statistic; absent: found for wanted_arl or alarm_budget",
            kind: SettingKind::OptionalReal(0.0, 20.0),
            default: None,
        },
        SHIFT,
        WANTED,
        YEARLY,
        MONITORS,
        BUDGET,
    ],
    numbers: &["arl", "limit", "arl_in_control", "false_alarms_per_year"],
    run: run_ewma,
};
