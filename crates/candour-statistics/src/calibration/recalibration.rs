//! Fits that recalibrate: temperature, logistic, Platt, beta and isotonic, in a form that can be
//! sealed as a model change.

use nalgebra::DMatrix;

use super::logistic::{LogisticFit, fit_targets, logistic};
use super::smoother::isotonic;
use super::{
    AT_BOUNDS, AtBounds, CLIP, SANDWICH, brier_score, check, indicator, inner, log_loss, logit,
};
use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, Role, Sample, Setting, SettingKind, TRUTH,
};
use crate::distribution::two_sided_z;
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::resample::Units;

/// What the recalibration reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covariate {
    /// The logit of a probability.
    Logit,
    /// A raw score as it is.
    Score,
}

/// How is recalibrated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// logit p' = logit p / T (Guo 2017).
    Temperature,
    /// logit p' = a + b x, by maximum likelihood (Cox's recalibration; x is the logit or the score).
    Logistic,
    /// The same with the smoothed targets of Platt (1999): (N+ + 1)/(N+ + 2) and 1/(N- + 2).
    Platt,
    /// logit p' = c + a ln p - b ln(1 - p), a and b not negative (Kull 2017).
    Beta,
    /// The isotonic curve, a step function.
    Isotonic,
}

impl Method {
    const WORDS: &'static [&'static str] =
        &["logistic", "temperature", "platt", "beta", "isotonic"];

    fn from_word(word: &str) -> Self {
        match word {
            "temperature" => Self::Temperature,
            "platt" => Self::Platt,
            "beta" => Self::Beta,
            "isotonic" => Self::Isotonic,
            _ => Self::Logistic,
        }
    }

    fn id(self, covariate: Covariate) -> String {
        let on = match covariate {
            Covariate::Logit => "on-logit",
            Covariate::Score => "on-score",
        };
        match self {
            Self::Temperature => "temperature.guo-2017".into(),
            Self::Logistic => format!("logistic.maximum-likelihood.{on}"),
            Self::Platt => format!("platt-1999.smoothed-targets.{on}"),
            Self::Beta => "beta.kull-2017.three-parameters".into(),
            Self::Isotonic => "isotonic.pav".into(),
        }
    }
}

/// A parameter's name, value and standard error; no error where it sits on its boundary.
pub type Parameter = (&'static str, f64, Option<f64>);

/// A fitted recalibration.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalibration {
    /// How.
    pub method: Method,
    /// Of what.
    pub covariate: Covariate,
    /// Its parameters; none for the isotonic curve.
    pub parameters: Vec<Parameter>,
    /// The isotonic curve's blocks: lowest and highest input, output.
    pub blocks: Vec<(f64, f64, f64)>,
}

impl Recalibration {
    fn parameter(&self, name: &str) -> f64 {
        self.parameters
            .iter()
            .find(|p| p.0 == name)
            .map_or(f64::NAN, |p| p.1)
    }

    /// The recalibrated probability of an input: a probability where the covariate is the logit
    /// (0 and 1 map to their limits), else a score. Between blocks of the isotonic curve the lower
    /// block's value holds; below the first, the first's.
    #[must_use]
    pub fn apply(&self, input: f64) -> f64 {
        let x = match self.covariate {
            Covariate::Logit => logit(input),
            Covariate::Score => input,
        };
        match self.method {
            Method::Temperature => logistic(x / self.parameter("temperature")),
            Method::Logistic | Method::Platt => {
                logistic(self.parameter("intercept") + self.parameter("slope") * x)
            }
            Method::Beta => {
                let term = |weight: f64, log: f64| if weight == 0.0 { 0.0 } else { weight * log };
                logistic(
                    self.parameter("c") + term(self.parameter("a"), input.ln())
                        - term(self.parameter("b"), (-input).ln_1p()),
                )
            }
            Method::Isotonic => {
                let above = self.blocks.partition_point(|b| b.0 <= input);
                let block = self.blocks.get(above.saturating_sub(1));
                block.map_or(f64::NAN, |b| b.2)
            }
        }
    }

    /// The map as a formula with every digit, to be sealed.
    #[must_use]
    pub fn formula(&self) -> String {
        let x = match self.covariate {
            Covariate::Logit => "logit(p)",
            Covariate::Score => "score",
        };
        match self.method {
            Method::Temperature => format!("logit(p') = logit(p) / {:?}", self.parameter("temperature")),
            Method::Logistic | Method::Platt => {
                format!("logit(p') = {:?} + {:?} * {x}", self.parameter("intercept"), self.parameter("slope"))
            }
            Method::Beta => format!(
                "logit(p') = {:?} + {:?} * ln(p) - {:?} * ln(1 - p)",
                self.parameter("c"),
                self.parameter("a"),
                self.parameter("b")
            ),
            Method::Isotonic => "p' = value of the block of table `isotonic blocks` that holds the input, or of the one below it".into(),
        }
    }
}

/// Fits a recalibration of `input` (probabilities strictly between 0 and 1 for [`Covariate::Logit`],
/// else finite scores) to the truth. `clusters` (with G/(G - 1) when true) give sandwich standard
/// errors.
///
/// # Errors
/// Not estimable: one class; separation (except Platt and isotonic); a temperature that is not
/// positive; a beta map whose slopes are both negative. Setting: temperature or beta of a score. Data:
/// lengths, values.
pub fn recalibrate(
    truth: &[bool],
    input: &[f64],
    covariate: Covariate,
    method: Method,
    clusters: Option<(&[Vec<usize>], bool)>,
) -> Result<Recalibration, StatisticsError> {
    let x: Vec<f64> = match covariate {
        Covariate::Logit => {
            check(truth, input)?;
            input.iter().map(|p| logit(*p)).collect()
        }
        Covariate::Score => input.to_vec(),
    };
    if truth.len() != x.len() {
        return Err(StatisticsError::Data(format!(
            "{} truths and {} inputs",
            truth.len(),
            x.len()
        )));
    }
    // The isotonic curve needs order only, so infinite logits do no harm there.
    if input.iter().any(|v| !v.is_finite())
        || (method != Method::Isotonic && x.iter().any(|v| !v.is_finite()))
    {
        return Err(StatisticsError::Data(
            "an input (or its logit) is not finite".into(),
        ));
    }
    if !(truth.contains(&true) && truth.contains(&false)) {
        return Err(StatisticsError::not_estimable(
            "one class only, so nothing can be recalibrated",
        ));
    }
    if covariate == Covariate::Score && matches!(method, Method::Temperature | Method::Beta) {
        return Err(StatisticsError::setting(
            "method",
            "temperature or beta",
            "these take a probability; a raw score takes logistic, platt or isotonic",
        ));
    }
    let made = |parameters| Recalibration {
        method,
        covariate,
        parameters,
        blocks: Vec::new(),
    };
    let ones = vec![1.0; x.len()];
    let y = indicator(truth);
    match method {
        Method::Temperature => {
            let fit = Fit::new(&[&x], &y, clusters)?;
            let (slope, error) = fit.coefficient(0);
            if slope <= 0.0 {
                return Err(StatisticsError::not_estimable(
                    "the likelihood is highest at no positive temperature: the probabilities rank the wrong way",
                ));
            }
            Ok(made(vec![(
                "temperature",
                1.0 / slope,
                Some(error / (slope * slope)),
            )]))
        }
        Method::Logistic | Method::Platt => {
            let target = if method == Method::Platt {
                smoothed(truth)
            } else {
                y
            };
            let fit = Fit::new(&[&ones, &x], &target, clusters)?;
            let (intercept, slope) = (fit.coefficient(0), fit.coefficient(1));
            Ok(made(vec![
                ("intercept", intercept.0, Some(intercept.1)),
                ("slope", slope.0, Some(slope.1)),
            ]))
        }
        Method::Beta => Ok(made(beta(input, &y, clusters)?)),
        Method::Isotonic => {
            let curve = isotonic(input, &y)?;
            let pairs: Vec<(f64, f64)> = curve.x.into_iter().zip(curve.y).collect();
            let blocks = pairs
                .chunk_by(|a, b| a.1 == b.1)
                .filter_map(|block| Some((block.first()?.0, block.last()?.0, block.first()?.1)))
                .collect();
            Ok(Recalibration {
                method,
                covariate,
                parameters: Vec::new(),
                blocks,
            })
        }
    }
}

/// A logistic fit with the covariance asked for.
struct Fit {
    fit: LogisticFit,
    covariance: DMatrix<f64>,
}

impl Fit {
    fn new(
        columns: &[&[f64]],
        target: &[f64],
        clusters: Option<(&[Vec<usize>], bool)>,
    ) -> Result<Self, StatisticsError> {
        let design = DMatrix::from_iterator(
            target.len(),
            columns.len(),
            columns.iter().flat_map(|c| c.iter().copied()),
        );
        let fit = fit_targets(&design, target, None)?;
        let covariance = match clusters {
            None => fit.covariance.clone(),
            Some((clusters, adjusted)) => fit.sandwich(&design, target, clusters, adjusted)?,
        };
        Ok(Self { fit, covariance })
    }

    fn coefficient(&self, at: usize) -> (f64, f64) {
        (
            self.fit.coefficients.get(at).copied().unwrap_or(f64::NAN),
            self.covariance.get((at, at)).map_or(f64::NAN, |v| v.sqrt()),
        )
    }
}

fn smoothed(truth: &[bool]) -> Vec<f64> {
    let positive = truth.iter().filter(|y| **y).count() as f64;
    let negative = truth.len() as f64 - positive;
    truth
        .iter()
        .map(|y| {
            if *y {
                (positive + 1.0) / (positive + 2.0)
            } else {
                1.0 / (negative + 2.0)
            }
        })
        .collect()
}

/// The beta map; a slope that comes out negative is set to 0 and the rest is fitted again, first `a`,
/// then `b`, as the authors' `betacal` does.
fn beta(
    p: &[f64],
    y: &[f64],
    clusters: Option<(&[Vec<usize>], bool)>,
) -> Result<Vec<Parameter>, StatisticsError> {
    let ones = vec![1.0; p.len()];
    let log: Vec<f64> = p.iter().map(|p| p.ln()).collect();
    let other: Vec<f64> = p.iter().map(|p| -(-p).ln_1p()).collect();
    let full = Fit::new(&[&log, &other, &ones], y, clusters)?;
    let (a, b, c) = (
        full.coefficient(0),
        full.coefficient(1),
        full.coefficient(2),
    );
    if a.0 >= 0.0 && b.0 >= 0.0 {
        return Ok(vec![
            ("a", a.0, Some(a.1)),
            ("b", b.0, Some(b.1)),
            ("c", c.0, Some(c.1)),
        ]);
    }
    let kept = if a.0 < 0.0 { &other } else { &log };
    let part = Fit::new(&[kept, &ones], y, clusters)?;
    let (slope, constant) = (part.coefficient(0), part.coefficient(1));
    if slope.0 < 0.0 {
        return Err(StatisticsError::not_estimable(
            "both slopes of the beta map come out negative: the probabilities rank the wrong way",
        ));
    }
    let constant = ("c", constant.0, Some(constant.1));
    Ok(if a.0 < 0.0 {
        vec![("a", 0.0, None), ("b", slope.0, Some(slope.1)), constant]
    } else {
        vec![("a", slope.0, Some(slope.1)), ("b", 0.0, None), constant]
    })
}

const PROBABILITY: Role = Role {
    name: "probability",
    what: "predicted probability of being positive; or give `score`",
    kind: Kind::Probability,
    need: Need::Optional,
    missing: false,
};

const SCORE: Role = Role {
    name: "score",
    what: "raw score that is no probability (logistic, platt, isotonic)",
    kind: Kind::Finite,
    need: Need::Optional,
    missing: false,
};

const METHOD: Setting = Setting {
    name: "method",
    what: "logistic (intercept and slope), temperature, platt (smoothed targets), beta, isotonic",
    kind: SettingKind::Choice(Method::WORDS),
    default: Some("logistic"),
};

/// `recalibrate`.
pub(super) const RECALIBRATE: Entry = Entry {
    id: "recalibrate",
    group: Group::Calibration,
    title: "Recalibration: temperature, logistic, Platt, beta, isotonic",
    formula: "temperature: logit p' = logit p / T; logistic and platt: logit p' = a + b x; beta: logit p' = c + a ln p - b ln(1 - p), a, b >= 0; isotonic: monotone step function. Fitted by maximum likelihood (platt: targets (N+ + 1)/(N+ + 2), 1/(N- + 2); isotonic: least squares); temperature's standard error by the delta method, its interval on the log scale: T exp(-/+ z se(T) / T)",
    source: "Cox 1958; Platt 1999; Zadrozny and Elkan 2002; Guo 2017 ICML; Kull, Silva Filho and Flach 2017 AISTATS",
    assumptions: "fit on data set apart for it, never on the test data: losses after are on the same rows and so too good. Rows independent, or sandwich errors by cluster. Refused: one class, separation (but for platt and isotonic)",
    compared_with: "R 4.2 glm (temperature, logistic, beta); statsmodels 0.15.0 GLM on Platt's targets, scikit-learn 1.9.1 IsotonicRegression and _sigmoid_calibration (to its optimiser's tolerance)",
    roles: &[TRUTH, PROBABILITY, SCORE, CLUSTER],
    settings: &[METHOD, AT_BOUNDS, CLIP, SANDWICH, LEVEL],
    // The first parameter of the `method` comes first; isotonic has none, and `log_loss_after` leads.
    numbers: &[
        "intercept",
        "slope",
        "temperature",
        "a",
        "b",
        "c",
        "log_loss_before",
        "brier_before",
        "log_loss_after",
        "brier_after",
    ],
    run: run_recalibrate,
};

/// Wald's interval, and how it is made. A temperature is positive and its likelihood skewed, so its limits
/// are those of ln T, whose standard error is se(T) / T by the delta method, taken back: T exp(-/+ z se(T) /
/// T). It is the usual choice for a positive parameter, never leaves the range, and is the same for T as for
/// the slope 1 / T that is fitted; cutting the plain interval off at 0 would claim a limit that no case
/// supports.
fn wald(name: &str, value: f64, half: f64, level: f64, method: &str) -> (Interval, String) {
    if name == "temperature" {
        let factor = (half / value).exp();
        let interval = Interval {
            lower: value / factor,
            upper: value * factor,
            level,
        };
        return (interval, format!("{method}.log"));
    }
    let interval = Interval {
        lower: value - half,
        upper: value + half,
        level,
    };
    (interval, method.to_owned())
}

fn run_recalibrate(sample: &Sample) -> Result<Answer, StatisticsError> {
    let method = Method::from_word(sample.word("method"));
    let at_bounds = AtBounds::from_sample(sample);
    let mut notes = Vec::new();
    let all = sample.binary("truth");
    let (covariate, rows, input) = match (
        sample.optional_reals("probability"),
        sample.optional_reals("score"),
    ) {
        (Some(p), None) => {
            check(all, p)?;
            if method == Method::Isotonic && at_bounds == AtBounds::Refuse {
                (
                    Covariate::Logit,
                    (0..p.len()).collect::<Vec<_>>(),
                    p.to_vec(),
                )
            } else {
                let kept = inner(p, at_bounds)?;
                notes.extend(kept.note(at_bounds));
                (Covariate::Logit, kept.rows, kept.probability)
            }
        }
        (None, Some(s)) => (Covariate::Score, (0..s.len()).collect(), s.to_vec()),
        _ => {
            return Err(StatisticsError::Data(
                "give either `probability` or `score`".into(),
            ));
        }
    };
    let truth = super::pick(all, &rows);
    let units = super::clusters_of(sample)
        .map(|c| Units::new(rows.len(), Some(&super::pick(&c, &rows)), None));
    let adjusted = sample.word("sandwich") != "cr0";
    let clusters = units.as_ref().map(|u| (u.clusters(), adjusted));
    let fit = recalibrate(&truth, &input, covariate, method, clusters)?;
    let n = truth.len();
    let z = two_sided_z(sample.real("level"))?;
    let id = method.id(covariate);
    let interval_method = match (&units, adjusted) {
        (None, _) => "wald",
        (Some(_), true) => "wald.sandwich-cr1",
        (Some(_), false) => "wald.sandwich-cr0",
    };
    let mut numbers: Vec<Number> = fit
        .parameters
        .iter()
        .map(|(name, value, error)| {
            let number = Number::plain(*name, format!("{name}.{id}"), *value, n);
            match error {
                Some(e) if *e > 0.0 && e.is_finite() => {
                    let (interval, how) =
                        wald(name, *value, z * e, sample.real("level"), interval_method);
                    number.with_interval(interval, how).with_standard_error(*e)
                }
                _ => number.without_interval("on its boundary 0, where Wald intervals do not hold"),
            }
        })
        .collect();
    if fit.parameters.iter().any(|p| p.2.is_none()) {
        notes
            .push("a slope of the beta map came out negative and was set to its boundary 0".into());
    }
    let after: Vec<f64> = input.iter().map(|v| fit.apply(*v)).collect();
    if covariate == Covariate::Logit {
        numbers.push(loss(
            "log_loss_before",
            "log-loss.nats.in-sample",
            log_loss(&truth, &input),
            n,
        )?);
        numbers.push(loss(
            "brier_before",
            "brier.in-sample",
            brier_score(&truth, &input),
            n,
        )?);
    }
    numbers.push(loss(
        "log_loss_after",
        "log-loss.nats.in-sample",
        log_loss(&truth, &after),
        n,
    )?);
    numbers.push(loss(
        "brier_after",
        "brier.in-sample",
        brier_score(&truth, &after),
        n,
    )?);
    if method == Method::Isotonic {
        // The curve has no parameter; its main number is the loss it reaches.
        numbers.rotate_right(2);
    }
    notes.push(fit.formula());
    notes.push(
        "losses before and after are on the rows the fit was made on; judge it on others".into(),
    );
    let tables = if fit.blocks.is_empty() {
        Vec::new()
    } else {
        vec![Table {
            name: "isotonic blocks".into(),
            columns: ["lower", "upper", "value"].map(str::to_owned).to_vec(),
            rows: fit
                .blocks
                .iter()
                .map(|b| vec![Cell::Real(b.0), Cell::Real(b.1), Cell::Real(b.2)])
                .collect(),
        }]
    };
    let (low, high) = match covariate {
        Covariate::Logit => (0.005, 0.995),
        Covariate::Score => input
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| {
                (l.min(*v), h.max(*v))
            }),
    };
    let x: Vec<f64> = (0..=100)
        .map(|i| low + (high - low) * f64::from(i) / 100.0)
        .collect();
    let y = x.iter().map(|v| fit.apply(*v)).collect();
    Ok(Answer {
        numbers,
        tables,
        curves: vec![Curve::line(Figure::Calibration, id, x, y)],
        notes,
    })
}

fn loss(
    name: &str,
    definition: &str,
    value: Result<f64, StatisticsError>,
    n: usize,
) -> Result<Number, StatisticsError> {
    Number::from_result(
        name,
        definition,
        n,
        value.map(|v| Number::plain(name, definition, v, n)),
    )
}
