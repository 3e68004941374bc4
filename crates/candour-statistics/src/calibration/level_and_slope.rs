//! Calibration in the large, calibration slope and the ratio of observed to expected events: the
//! logistic recalibration framework of Cox (1958), in the words of Van Calster et al. (2019).

use nalgebra::{DMatrix, Matrix2, Vector2};

use super::logistic::{LogisticFit, log_likelihood, logistic, logistic_regression};
use super::{
    AT_BOUNDS, AtBounds, CLIP, SANDWICH, attach, check, indicator, influence_error, inner, mean,
};
use crate::catalogue::{
    CLUSTER, Entry, Group, LEVEL, PROBABILITY, Sample, Setting, SettingKind, TRUTH,
};
use crate::distribution::{chi_squared_quantile, chi_squared_tail, normal_two_sided, two_sided_z};
use crate::number::{Answer, Interval, Number, StatisticsError};
use crate::resample::Units;

/// A coefficient of a calibration model, on the log-odds scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficient {
    /// The maximum-likelihood estimate.
    pub estimate: f64,
    /// Its standard error: from the information, or by the sandwich when clusters are given.
    pub standard_error: f64,
    /// The log likelihood at the maximum, in nats.
    pub log_likelihood: f64,
}

/// Intercept and slope fitted together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JointCalibration {
    /// The intercept at the fitted slope: not the calibration in the large.
    pub intercept: f64,
    /// The slope.
    pub slope: f64,
    /// Covariance of (intercept, slope).
    pub covariance: Matrix2<f64>,
    /// The log likelihood at the maximum, in nats.
    pub log_likelihood: f64,
}

/// Observed over expected events.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObservedExpected {
    /// Positive cases.
    pub observed: usize,
    /// Sum of the probabilities.
    pub expected: f64,
    /// Their ratio.
    pub ratio: f64,
}

/// Clusters and the small-sample factor of their sandwich variance.
type Clusters<'a> = Option<(&'a [Vec<usize>], bool)>;

/// Calibration in the large: the `a` of logit P(positive) = a + logit p, the slope fixed at 1 by an
/// offset (Cox 1958; Steyerberg 2010; R: `glm(y ~ offset(logit), binomial)`). 0 is right, above 0 the
/// probabilities are too low. `clusters` give a sandwich variance, with G/(G - 1) when true.
///
/// # Errors
/// Not estimable with one class only; data when lengths differ or a logit is infinite.
pub fn calibration_in_the_large(
    truth: &[bool],
    logit: &[f64],
    clusters: Clusters<'_>,
) -> Result<Coefficient, StatisticsError> {
    two_classes(truth)?;
    let design = DMatrix::from_element(truth.len(), 1, 1.0);
    let fit = logistic_regression(&design, truth, Some(logit))?;
    let covariance = covariance(&fit, &design, truth, clusters)?;
    Ok(Coefficient {
        estimate: fit.coefficients.iter().next().copied().unwrap_or(f64::NAN),
        standard_error: covariance.iter().next().copied().unwrap_or(f64::NAN).sqrt(),
        log_likelihood: fit.log_likelihood,
    })
}

/// Intercept and slope of logit P(positive) = a + b logit p, fitted together (Cox 1958; R:
/// `glm(y ~ logit, binomial)`). A slope below 1 means predictions too extreme.
///
/// # Errors
/// Not estimable with one class, a constant probability, or classes that the probability separates
/// (wholly, or but for one shared value: the slope is infinite). Data as above.
pub fn calibration_slope(
    truth: &[bool],
    logit: &[f64],
    clusters: Clusters<'_>,
) -> Result<JointCalibration, StatisticsError> {
    two_classes(truth)?;
    if truth.len() == logit.len() && separated(truth, logit) {
        return Err(StatisticsError::not_estimable(
            "the probabilities separate the positives from the negatives, so the slope is infinite",
        ));
    }
    let design = DMatrix::from_iterator(
        logit.len(),
        2,
        std::iter::repeat_n(1.0, logit.len()).chain(logit.iter().copied()),
    );
    let fit = logistic_regression(&design, truth, None)?;
    let full = covariance(&fit, &design, truth, clusters)?;
    let mut coefficients = fit.coefficients.iter().copied();
    Ok(JointCalibration {
        intercept: coefficients.next().unwrap_or(f64::NAN),
        slope: coefficients.next().unwrap_or(f64::NAN),
        covariance: Matrix2::from_iterator(full.iter().copied()),
        log_likelihood: fit.log_likelihood,
    })
}

/// The log likelihood of logit P(positive) = a + b logit p, in nats.
#[must_use]
pub fn likelihood_at(truth: &[bool], logit: &[f64], a: f64, b: f64) -> f64 {
    let eta: Vec<f64> = logit.iter().map(|l| a + b * l).collect();
    log_likelihood(&indicator(truth), &eta)
}

/// The profile-likelihood interval of the calibration in the large: the `a` whose deviance lies
/// within the chi-squared quantile (1 df) of the maximum.
///
/// # Errors
/// As [`calibration_in_the_large`].
pub fn profile_in_the_large(
    truth: &[bool],
    logit: &[f64],
    level: f64,
) -> Result<Interval, StatisticsError> {
    let fit = calibration_in_the_large(truth, logit, None)?;
    profile(
        fit.estimate,
        fit.standard_error,
        fit.log_likelihood,
        level,
        |a| Ok(likelihood_at(truth, logit, a, 1.0)),
    )
}

/// The profile-likelihood interval of the calibration slope: at each slope the intercept is fitted
/// anew.
///
/// # Errors
/// As [`calibration_slope`].
pub fn profile_slope(
    truth: &[bool],
    logit: &[f64],
    level: f64,
) -> Result<Interval, StatisticsError> {
    let fit = calibration_slope(truth, logit, None)?;
    profile(
        fit.slope,
        fit.covariance.m22.sqrt(),
        fit.log_likelihood,
        level,
        |b| {
            let offset: Vec<f64> = logit.iter().map(|l| b * l).collect();
            let a = best_intercept(truth, &offset);
            Ok(likelihood_at(truth, &offset, a, 1.0))
        },
    )
}

/// The intercept `a` of greatest likelihood beside a fixed part: the sum of expit(a + offset) is the
/// number of positives k. Where steep slopes all but separate the classes, that sum is flat in `a` but
/// for far tails, and Newton's method on the likelihood strays. So the sum is split: the k greatest
/// offsets lack expit(-a - offset) of 1 each, the others have expit(a + offset) too much, and the
/// logarithm of the ratio of both sums, which falls all the way, nearly in straight lines, is led to 0
/// by Newton steps within a bracket. NaN with one class only.
fn best_intercept(truth: &[bool], offset: &[f64]) -> f64 {
    let positives = truth.iter().filter(|y| **y).count();
    if positives == 0 || positives >= offset.len() {
        return f64::NAN;
    }
    let mut falling = offset.to_vec();
    falling.select_nth_unstable_by(positives, |a, b| b.total_cmp(a));
    let (top, rest) = falling.split_at(positives);
    let most = offset.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let least = offset.iter().copied().fold(f64::INFINITY, f64::min);
    // With all offsets alike at an end of their range, this is the intercept.
    let odds = (top.len() as f64 / rest.len() as f64).ln();
    let (mut low, mut high) = (odds - most, odds - least);
    let sums = |values: &[f64], sign: f64, a: f64| {
        values.iter().fold((0.0, 0.0), |(sum, slope), o| {
            let p = logistic(sign * (a + o));
            (sum + p, slope + p * (1.0 - p))
        })
    };
    let mut a = f64::midpoint(low, high);
    for _ in 0..200 {
        let ((lack, lack_slope), (excess, excess_slope)) = (sums(top, -1.0, a), sums(rest, 1.0, a));
        let value = lack.ln() - excess.ln();
        if value > 0.0 {
            low = a;
        } else {
            high = a;
        }
        let newton = a + value / (lack_slope / lack + excess_slope / excess);
        let next = if low < newton && newton < high {
            newton
        } else {
            f64::midpoint(low, high)
        };
        if (next - a).abs() <= 1e-14 * (1.0 + a.abs()) {
            return next;
        }
        a = next;
    }
    a
}

/// Observed over expected events, O:E = (number of positives) / (sum of the probabilities).
///
/// # Errors
/// Not estimable when nothing is expected. Data: lengths, values.
pub fn observed_expected(
    truth: &[bool],
    probability: &[f64],
) -> Result<ObservedExpected, StatisticsError> {
    check(truth, probability)?;
    let observed = truth.iter().filter(|y| **y).count();
    let expected: f64 = probability.iter().sum();
    if expected <= 0.0 {
        return Err(StatisticsError::not_estimable(
            "every probability is 0, so nothing is expected",
        ));
    }
    Ok(ObservedExpected {
        observed,
        expected,
        ratio: observed as f64 / expected,
    })
}

fn two_classes(truth: &[bool]) -> Result<(), StatisticsError> {
    match (truth.contains(&true), truth.contains(&false)) {
        (true, true) => Ok(()),
        (false, false) => Err(StatisticsError::not_estimable("no rows")),
        (true, false) => Err(StatisticsError::not_estimable(
            "every row is positive, so the log odds are infinite",
        )),
        (false, true) => Err(StatisticsError::not_estimable(
            "no row is positive, so the log odds are infinite",
        )),
    }
}

/// Whether all positives lie at or above all negatives, or at or below.
fn separated(truth: &[bool], logit: &[f64]) -> bool {
    let range = |class: bool| {
        truth
            .iter()
            .zip(logit)
            .filter(|(y, _)| **y == class)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), (_, x)| {
                (l.min(*x), h.max(*x))
            })
    };
    let ((low1, high1), (low0, high0)) = (range(true), range(false));
    // A constant is no separation; the fit refuses it by its own name.
    let constant = low1 == high1 && low0 == high0 && low1 == low0;
    !constant && (low1 >= high0 || high1 <= low0)
}

fn covariance(
    fit: &LogisticFit,
    design: &DMatrix<f64>,
    truth: &[bool],
    clusters: Clusters<'_>,
) -> Result<DMatrix<f64>, StatisticsError> {
    match clusters {
        None => Ok(fit.covariance.clone()),
        Some((clusters, adjusted)) => fit.clustered_covariance(design, truth, clusters, adjusted),
    }
}

/// Both ends at which twice the loss of log likelihood reaches the chi-squared quantile, by
/// bracketing outwards in standard errors and bisection.
fn profile(
    estimate: f64,
    error: f64,
    maximum: f64,
    level: f64,
    likelihood: impl Fn(f64) -> Result<f64, StatisticsError>,
) -> Result<Interval, StatisticsError> {
    two_sided_z(level)?;
    let allowed = chi_squared_quantile(level, 1.0);
    let excess =
        |v: f64| -> Result<f64, StatisticsError> { Ok(2.0 * (maximum - likelihood(v)?) - allowed) };
    let end = |direction: f64| -> Result<f64, StatisticsError> {
        let (mut inside, mut inside_value) = (estimate, -allowed);
        let mut step = direction * error * two_sided_z(level)?;
        let mut outside = estimate + step;
        let mut outside_value = excess(outside)?;
        let mut tries = 0;
        while outside_value < 0.0 {
            tries += 1;
            if tries > 60 || !outside_value.is_finite() {
                return Err(StatisticsError::not_estimable(
                    "the profile likelihood has no limit on one side",
                ));
            }
            (inside, inside_value) = (outside, outside_value);
            step *= 1.6;
            outside = estimate + step;
            outside_value = excess(outside)?;
        }
        // Regula falsi with the Illinois rule: as safe as bisection, and quick on this smooth curve.
        let mut side = 0;
        for _ in 0..200 {
            let next = inside - inside_value * (outside - inside) / (outside_value - inside_value);
            if (inside - outside).abs() <= 1e-13 * (1.0 + next.abs()) {
                break;
            }
            let value = excess(next)?;
            if value.abs() < 1e-12 {
                return Ok(next);
            }
            if value < 0.0 {
                (inside, inside_value) = (next, value);
                if side == -1 {
                    outside_value *= 0.5;
                }
                side = -1;
            } else {
                (outside, outside_value) = (next, value);
                if side == 1 {
                    inside_value *= 0.5;
                }
                side = 1;
            }
        }
        Ok(f64::midpoint(inside, outside))
    };
    Ok(Interval {
        lower: end(-1.0)?,
        upper: end(1.0)?,
        level,
    })
}

const INTERVAL: Setting = Setting {
    name: "interval",
    what: "interval of intercept and slope: Wald, or profile likelihood (independent rows only)",
    kind: SettingKind::Choice(&["wald", "profile"]),
    default: Some("wald"),
};

const RATIO_INTERVAL: Setting = Setting {
    name: "ratio_interval",
    what: "interval of O:E for independent rows: on the log scale with variance 1/O - 1/n (log), or exact Poisson limits of O over E (poisson); with a cluster column always log with the clusters' linearised variance",
    kind: SettingKind::Choice(&["log", "poisson"]),
    default: Some("log"),
};

const SOURCE: &str = "Cox 1958 Biometrika 45:562; Miller, Hui and Tierney 1991 Stat Med 10:1213; Van Calster et al. 2019 BMC Medicine 17:230; O:E: Debray et al. 2017 BMJ 356:i6460";
const COMPARED: &str = "R 4.2 glm, anova (LR), uniroot on the deviance (profile; near separation, over optimize); sandwich 3.0-2 vcovCL; rms 6.5-0 val.prob";

/// `calibration-in-the-large`.
pub(super) const IN_THE_LARGE: Entry = Entry {
    id: "calibration-in-the-large",
    group: Group::Calibration,
    title: "Calibration in the large and O:E ratio",
    formula: "a of logit P(y = 1) = a + logit p (slope fixed at 1); tests of a = 0: Wald z = a/SE, likelihood ratio 2(l(a) - l(0)), 1 df; O:E = sum y / sum p; beside it the intercept fitted together with the slope, which is another quantity",
    source: SOURCE,
    assumptions: "rows independent, or by cluster; refused: one class; probabilities of exactly 0 or 1 unless at_bounds says otherwise. Wald intervals are poor with few events or non-events; profile intervals hold better",
    compared_with: COMPARED,
    roles: &[TRUTH, PROBABILITY, CLUSTER],
    settings: &[LEVEL, INTERVAL, RATIO_INTERVAL, SANDWICH, AT_BOUNDS, CLIP],
    numbers: &[
        "calibration_in_the_large",
        "wald_p_value",
        "likelihood_ratio",
        "likelihood_ratio_p_value",
        "joint_intercept",
        "observed_expected_ratio",
        "observed_minus_predicted",
        "observed_share",
        "mean_predicted",
    ],
    run: run_in_the_large,
};

/// `calibration-slope`.
pub(super) const SLOPE: Entry = Entry {
    id: "calibration-slope",
    group: Group::Calibration,
    title: "Calibration slope and joint intercept",
    formula: "b (and a) of logit P(y = 1) = a + b logit p; tests: Wald z = (b - 1)/SE; likelihood ratio of b = 1 with a free (1 df); of a = 0 and b = 1 together (2 df, the U statistic of rms::val.prob)",
    source: SOURCE,
    assumptions: "rows independent, or by cluster (then likelihood-ratio tests and profile intervals are refused, for the likelihood takes rows as independent); refused: one class, constant probabilities, classes that the probability separates; probabilities of exactly 0 or 1 unless at_bounds says otherwise",
    compared_with: COMPARED,
    roles: &[TRUTH, PROBABILITY, CLUSTER],
    settings: &[LEVEL, INTERVAL, SANDWICH, AT_BOUNDS, CLIP],
    numbers: &[
        "slope",
        "joint_intercept",
        "calibration_in_the_large",
        "slope_wald_p_value",
        "slope_likelihood_ratio",
        "slope_likelihood_ratio_p_value",
        "joint_likelihood_ratio",
        "joint_likelihood_ratio_p_value",
        "joint_wald",
        "joint_wald_p_value",
    ],
    run: run_slope,
};

const IN_THE_LARGE_ID: &str = "calibration-in-the-large.offset.slope-1";
const JOINT_INTERCEPT_ID: &str = "calibration-intercept.joint-with-slope";
const SLOPE_ID: &str = "calibration-slope.joint-with-intercept";
const CLUSTERED: &str = "with clusters the likelihood, which takes rows as independent, gives no valid test or interval; use the Wald one";

/// The columns of an entry after `at_bounds`.
struct Prepared {
    truth: Vec<bool>,
    logit: Vec<f64>,
    units: Option<Units>,
    adjusted: bool,
    level: f64,
    profile: bool,
    notes: Vec<String>,
}

impl Prepared {
    fn new(sample: &Sample) -> Result<Self, StatisticsError> {
        let (truth, probability) = (sample.binary("truth"), sample.reals("probability"));
        check(truth, probability)?;
        let at_bounds = AtBounds::from_sample(sample);
        let kept = inner(probability, at_bounds)?;
        let cluster = super::clusters_of(sample).map(|c| kept.take(&c));
        let units = cluster.map(|c| Units::new(kept.rows.len(), Some(&c), None));
        if let Some(units) = &units
            && units.len() < 2
        {
            return Err(StatisticsError::not_estimable("fewer than two clusters"));
        }
        Ok(Self {
            truth: kept.take(truth),
            logit: kept.logits(),
            units,
            adjusted: sample.word("sandwich") != "cr0",
            level: sample.real("level"),
            profile: sample.word("interval") == "profile",
            notes: kept.note(at_bounds).into_iter().collect(),
        })
    }

    fn clusters(&self) -> Clusters<'_> {
        self.units.as_ref().map(|u| (u.clusters(), self.adjusted))
    }

    fn method(&self) -> &'static str {
        match (&self.units, self.adjusted) {
            (None, _) => "wald",
            (Some(_), true) => "wald.sandwich-cr1",
            (Some(_), false) => "wald.sandwich-cr0",
        }
    }

    fn wald(&self, value: f64, error: f64) -> Result<Interval, StatisticsError> {
        if !(error > 0.0 && error.is_finite()) {
            return Err(StatisticsError::not_estimable(
                "the standard error is 0 or not a number",
            ));
        }
        let z = two_sided_z(self.level)?;
        Ok(Interval {
            lower: value - z * error,
            upper: value + z * error,
            level: self.level,
        })
    }

    /// A coefficient with its interval by Wald or by the profile.
    fn coefficient(
        &self,
        name: &str,
        definition: &str,
        value: f64,
        error: f64,
        profile: impl Fn() -> Result<Interval, StatisticsError>,
    ) -> Result<Number, StatisticsError> {
        let number =
            Number::plain(name, definition, value, self.truth.len()).with_standard_error(error);
        if self.profile && self.units.is_some() {
            return Ok(number.without_interval(CLUSTERED));
        }
        if self.profile {
            attach(number, profile(), "profile-likelihood")
        } else {
            attach(number, self.wald(value, error), self.method())
        }
    }

    fn in_the_large(&self) -> Result<Number, StatisticsError> {
        let name = "calibration_in_the_large";
        let number =
            calibration_in_the_large(&self.truth, &self.logit, self.clusters()).and_then(|fit| {
                self.coefficient(
                    name,
                    IN_THE_LARGE_ID,
                    fit.estimate,
                    fit.standard_error,
                    || profile_in_the_large(&self.truth, &self.logit, self.level),
                )
            });
        Number::from_result(name, IN_THE_LARGE_ID, self.truth.len(), number)
    }

    fn joint(&self) -> Result<[Number; 2], StatisticsError> {
        let n = self.truth.len();
        match calibration_slope(&self.truth, &self.logit, self.clusters()) {
            Ok(fit) => Ok([
                self.coefficient(
                    "slope",
                    SLOPE_ID,
                    fit.slope,
                    fit.covariance.m22.sqrt(),
                    || profile_slope(&self.truth, &self.logit, self.level),
                )?,
                self.coefficient(
                    "joint_intercept",
                    JOINT_INTERCEPT_ID,
                    fit.intercept,
                    fit.covariance.m11.sqrt(),
                    || {
                        Err(StatisticsError::not_estimable(
                            "no profile interval is made for the joint intercept; use Wald",
                        ))
                    },
                )?,
            ]),
            Err(StatisticsError::NotEstimable(reason)) => Ok([
                Number::none("slope", SLOPE_ID, n, reason.clone()),
                Number::none("joint_intercept", JOINT_INTERCEPT_ID, n, reason),
            ]),
            Err(other) => Err(other),
        }
    }

    /// A likelihood-ratio statistic with its p-value, refused for clustered rows.
    fn ratio_test(
        &self,
        name: &str,
        definition: &str,
        df: f64,
        statistic: Result<f64, StatisticsError>,
    ) -> Result<[Number; 2], StatisticsError> {
        let n = self.truth.len();
        let (p_name, p_definition) = (
            format!("{name}_p_value"),
            format!("{definition}.chi-squared-{df}-df"),
        );
        let statistic = if self.units.is_some() {
            Err(StatisticsError::not_estimable(CLUSTERED))
        } else {
            statistic
        };
        match statistic {
            // Rounding may take a difference of equal likelihoods below zero.
            Ok(value) => Ok([
                Number::plain(name, definition, value.max(0.0), n),
                Number::plain(
                    p_name,
                    p_definition,
                    chi_squared_tail(value.max(0.0), df),
                    n,
                ),
            ]),
            Err(StatisticsError::NotEstimable(reason)) => Ok([
                Number::none(name, definition, n, reason.clone()),
                Number::none(p_name, p_definition, n, reason),
            ]),
            Err(other) => Err(other),
        }
    }
}

fn wald_p(number: &Number, null: f64, name: &str) -> Number {
    let definition = format!("{}.wald.two-sided.null-{null}", number.definition);
    let n = usize::try_from(number.n).unwrap_or(usize::MAX);
    match (number.value, number.standard_error) {
        (Some(value), Some(error)) => Number::plain(
            name,
            definition,
            normal_two_sided((value - null) / error),
            n,
        ),
        _ => Number::none(
            name,
            definition,
            n,
            number
                .not_estimable
                .clone()
                .unwrap_or_else(|| "there is no standard error".into()),
        ),
    }
}

fn run_in_the_large(sample: &Sample) -> Result<Answer, StatisticsError> {
    let (mut numbers, mut notes, modelled) = match Prepared::new(sample) {
        Ok(data) => {
            let main = data.in_the_large()?;
            let wald = wald_p(&main, 0.0, "wald_p_value");
            let statistic = calibration_in_the_large(&data.truth, &data.logit, None).map(|fit| {
                2.0 * (fit.log_likelihood - likelihood_at(&data.truth, &data.logit, 0.0, 1.0))
            });
            let lr = data.ratio_test(
                "likelihood_ratio",
                "likelihood-ratio.intercept-0.slope-1",
                1.0,
                statistic,
            )?;
            let [_, joint_intercept] = data.joint()?;
            let mut numbers = vec![main, wald];
            numbers.extend(lr);
            numbers.push(joint_intercept);
            (numbers, data.notes, data.truth.len())
        }
        // Without logits there is no model, but means and O:E still stand.
        Err(StatisticsError::NotEstimable(reason)) if sample.rows() > 0 => (
            vec![Number::none(
                "calibration_in_the_large",
                IN_THE_LARGE_ID,
                sample.rows(),
                reason,
            )],
            Vec::new(),
            sample.rows(),
        ),
        Err(other) => return Err(other),
    };

    // O:E and the means use the probabilities as given, so 0 and 1 need no treatment there.
    let (truth, probability) = (sample.binary("truth"), sample.reals("probability"));
    let cluster = super::clusters_of(sample);
    numbers.push(ratio_number(
        sample,
        truth,
        probability,
        cluster.as_deref(),
    )?);
    let y = indicator(truth);
    let rows = truth.len() as f64;
    let of_mean = |name: &str, definition: &str, values: &[f64]| {
        let centre = mean(values);
        let influence: Vec<f64> = values.iter().map(|v| (v - centre) / rows).collect();
        super::wald(
            Number::plain(name, definition, centre, truth.len()),
            &influence,
            cluster.as_deref(),
            sample.real("level"),
        )
    };
    let difference: Vec<f64> = y.iter().zip(probability).map(|(y, p)| y - p).collect();
    numbers.push(of_mean(
        "observed_minus_predicted",
        "mean.observed-minus-predicted",
        &difference,
    )?);
    numbers.push(Number::plain(
        "observed_share",
        "share.positive",
        mean(&y),
        truth.len(),
    ));
    numbers.push(Number::plain(
        "mean_predicted",
        "mean.probability",
        mean(probability),
        truth.len(),
    ));
    notes.push(format!(
        "calibration_in_the_large ({IN_THE_LARGE_ID}) fixes the slope at 1; joint_intercept ({JOINT_INTERCEPT_ID}) is the intercept at the fitted slope: two quantities that share the name `intercept` in the literature"
    ));
    if modelled != truth.len() {
        notes.push(format!(
            "models rest on {modelled} rows, means and O:E on all {}",
            truth.len()
        ));
    }
    Ok(Answer {
        numbers,
        notes,
        ..Answer::default()
    })
}

fn ratio_number(
    sample: &Sample,
    truth: &[bool],
    probability: &[f64],
    cluster: Option<&[usize]>,
) -> Result<Number, StatisticsError> {
    let (name, definition, n) = (
        "observed_expected_ratio",
        "oe-ratio.sum-y-over-sum-p",
        truth.len(),
    );
    let level = sample.real("level");
    let z = two_sided_z(level)?;
    let found = observed_expected(truth, probability).map(|oe| {
        let number = Number::plain(name, definition, oe.ratio, n);
        let observed = oe.observed as f64;
        if cluster.is_none() && sample.word("ratio_interval") == "poisson" {
            // Garwood's exact limits by the gamma distribution; E counts as known.
            let tail = (1.0 - level) / 2.0;
            let lower = if oe.observed == 0 {
                0.0
            } else {
                chi_squared_quantile(tail, 2.0 * observed) / 2.0
            };
            let upper = chi_squared_quantile(1.0 - tail, 2.0 * observed + 2.0) / 2.0;
            let interval = Interval {
                lower: lower / oe.expected,
                upper: upper / oe.expected,
                level,
            };
            return number.with_interval(interval, "poisson-exact.expected-fixed");
        }
        if oe.observed == 0 {
            return number.without_interval(
                "no positives, so the log ratio is infinite; set ratio_interval = poisson",
            );
        }
        let (error, method) = match cluster {
            None => {
                let variance = 1.0 / observed - 1.0 / n as f64;
                if variance <= 0.0 {
                    return number
                        .without_interval("every row is positive, so the binomial variance is 0");
                }
                (variance.sqrt(), "log-wald.binomial")
            }
            Some(_) => {
                let influence: Vec<f64> = truth
                    .iter()
                    .zip(probability)
                    .map(|(y, p)| f64::from(u8::from(*y)) / observed - p / oe.expected)
                    .collect();
                match influence_error(&influence, cluster, 1.0) {
                    Ok(error) => (error, "log-wald.linearised.by-cluster"),
                    Err(_) => {
                        return number
                            .without_interval("the clusters do not vary, so there is no variance");
                    }
                }
            }
        };
        let interval = Interval {
            lower: oe.ratio * (-z * error).exp(),
            upper: oe.ratio * (z * error).exp(),
            level,
        };
        number.with_interval(interval, method)
    });
    Number::from_result(name, definition, n, found)
}

fn run_slope(sample: &Sample) -> Result<Answer, StatisticsError> {
    let data = Prepared::new(sample)?;
    let n = data.truth.len();
    let [slope, joint_intercept] = data.joint()?;
    let large = data.in_the_large()?;
    let slope_p = wald_p(&slope, 1.0, "slope_wald_p_value");
    let joint = calibration_slope(&data.truth, &data.logit, data.clusters());
    let chi = joint.clone().and_then(|fit| {
        let away = Vector2::new(fit.intercept, fit.slope - 1.0);
        let inverse = fit.covariance.try_inverse().ok_or_else(|| {
            StatisticsError::not_estimable(
                "the covariance of intercept and slope has no inverse (too few clusters)",
            )
        })?;
        Ok(away.dot(&(inverse * away)))
    });
    let (chi_name, chi_definition) = ("joint_wald", "wald.intercept-0.slope-1");
    let p_definition = format!("{chi_definition}.chi-squared-2-df");
    let chi = match chi {
        Ok(value) => [
            Number::plain(chi_name, chi_definition, value, n),
            Number::plain(
                "joint_wald_p_value",
                p_definition,
                chi_squared_tail(value, 2.0),
                n,
            ),
        ],
        Err(StatisticsError::NotEstimable(reason)) => [
            Number::none(chi_name, chi_definition, n, reason.clone()),
            Number::none("joint_wald_p_value", p_definition, n, reason),
        ],
        Err(other) => return Err(other),
    };
    let free = joint.map(|fit| fit.log_likelihood);
    let fixed =
        calibration_in_the_large(&data.truth, &data.logit, None).map(|fit| fit.log_likelihood);
    let of_slope = free.clone().and_then(|free| Ok(2.0 * (free - fixed?)));
    let of_both = free.map(|free| 2.0 * (free - likelihood_at(&data.truth, &data.logit, 0.0, 1.0)));
    let mut numbers = vec![slope, joint_intercept, large, slope_p];
    numbers.extend(data.ratio_test(
        "slope_likelihood_ratio",
        "likelihood-ratio.slope-1.intercept-free",
        1.0,
        of_slope,
    )?);
    numbers.extend(data.ratio_test(
        "joint_likelihood_ratio",
        "likelihood-ratio.intercept-0.slope-1.unreliability-u",
        2.0,
        of_both,
    )?);
    numbers.extend(chi);
    Ok(Answer {
        numbers,
        notes: data.notes,
        ..Answer::default()
    })
}
