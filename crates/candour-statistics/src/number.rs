//! What a statistic answers: numbers with intervals, or the reason why there is none.

use serde::{Serialize, Serializer};

use crate::proportion::digits;

/// An interval with its nominal coverage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Lower limit.
    #[serde(serialize_with = "real")]
    pub lower: f64,
    /// Upper limit.
    #[serde(serialize_with = "real")]
    pub upper: f64,
    /// Nominal coverage, such as 0.95.
    pub level: f64,
}

impl Interval {
    /// Whether it bounds anything: its limits are in order, and one of them at least is finite.
    pub(crate) fn bounds(&self) -> bool {
        self.lower < self.upper && (self.lower.is_finite() || self.upper.is_finite())
    }
}

/// Why a statistic was not computed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StatisticsError {
    /// The data are sound, but this statistic has no value for them: one class only, no cases,
    /// a constant score. Not a fault of the caller: it is printed where the number would stand.
    #[error("not estimable: {0}")]
    NotEstimable(String),
    /// A setting or argument out of its range.
    #[error("{setting} is {found}; {allowed}")]
    Setting {
        /// Its name.
        setting: String,
        /// What was given.
        found: String,
        /// What is allowed, and an example.
        allowed: String,
    },
    /// A value that the column cannot hold.
    #[error("column `{column}`, row {}: {what}", .row + 1)]
    Value {
        /// The column's role or name.
        column: String,
        /// The row, from 0.
        row: usize,
        /// What is wrong, and what mends it.
        what: String,
    },
    /// Columns or counts that contradict each other, or one that is missing.
    #[error("{0}")]
    Data(String),
}

impl StatisticsError {
    /// The data are sound, but the statistic has no value for them.
    #[must_use]
    pub fn not_estimable(reason: impl Into<String>) -> Self {
        Self::NotEstimable(reason.into())
    }

    /// A setting out of its range.
    #[must_use]
    pub fn setting(
        setting: impl Into<String>,
        found: impl std::fmt::Display,
        allowed: impl Into<String>,
    ) -> Self {
        Self::Setting {
            setting: setting.into(),
            found: found.to_string(),
            allowed: allowed.into(),
        }
    }
}

/// What was computed, or nothing where it is merely not estimable.
///
/// # Errors
/// Every error but [`StatisticsError::NotEstimable`].
pub fn estimable<T>(result: Result<T, StatisticsError>) -> Result<Option<T>, StatisticsError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StatisticsError::NotEstimable(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

const OUT_OF_RANGE: &str =
    "it came out as no number: the arithmetic left the range of double precision";
const NO_LIMIT: &str =
    "a limit came out as no number: the arithmetic left the range of double precision";
const NO_WIDTH: &str = "its lower limit does not lie below its upper, and an interval without width would claim certainty";

/// An empty sum and a difference turned round may give -0, which is 0 to every reader.
fn without_sign_of_zero(value: f64) -> f64 {
    value + 0.0
}

/// One number of an answer, by name, with what is needed to read it: definition, interval, n.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Number {
    /// Its name, unique within the answer: `sensitivity`, `auc`, `difference`, `p_value`.
    pub name: String,
    /// The definition or estimator, for rivals that share a name: `auc.mann-whitney`,
    /// `ece.event.equal-width.l1`, `hd95.max-of-directed`.
    pub definition: String,
    /// The estimate; none where it is not estimable.
    #[serde(serialize_with = "optional_real")]
    pub value: Option<f64>,
    /// Standard error, where the method gives one.
    #[serde(serialize_with = "optional_real")]
    pub standard_error: Option<f64>,
    /// Its interval, where there is one.
    pub interval: Option<Interval>,
    /// How the interval is made: `wilson`, `delong`, `bootstrap.percentile`.
    pub interval_method: Option<String>,
    /// How many units it rests on (cases, lesions, readings: whatever the entry counts).
    pub n: u64,
    /// Why there is no value or no interval.
    pub not_estimable: Option<String>,
}

impl Number {
    /// A number without an interval, such as a p-value or a count.
    #[must_use]
    pub fn plain(
        name: impl Into<String>,
        definition: impl Into<String>,
        value: f64,
        n: usize,
    ) -> Self {
        Self {
            name: name.into(),
            definition: definition.into(),
            value: Some(value),
            standard_error: None,
            interval: None,
            interval_method: None,
            n: n as u64,
            not_estimable: None,
        }
    }

    /// The place of a number that is not estimable, with the reason.
    #[must_use]
    pub fn none(
        name: impl Into<String>,
        definition: impl Into<String>,
        n: usize,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            definition: definition.into(),
            value: None,
            standard_error: None,
            interval: None,
            interval_method: None,
            n: n as u64,
            not_estimable: Some(reason.into()),
        }
    }

    /// With this interval, made by `method`.
    #[must_use]
    pub fn with_interval(mut self, interval: Interval, method: impl Into<String>) -> Self {
        self.interval = Some(interval);
        self.interval_method = Some(method.into());
        self
    }

    /// With this standard error. One of 0 is left out: it says that all units are alike, not that the
    /// estimate is certain; and so is what is no finite number.
    #[must_use]
    pub fn with_standard_error(mut self, standard_error: f64) -> Self {
        self.standard_error = Some(standard_error).filter(|e| *e > 0.0 && e.is_finite());
        self
    }

    /// Whether its interval was drawn at random, so that its limits are no finer than the replicates.
    #[must_use]
    pub fn is_resampled(&self) -> bool {
        let drawn = |m: &String| ["bootstrap", "percentile"].iter().any(|w| m.contains(w));
        self.interval_method.as_ref().is_some_and(drawn)
    }

    /// A value without an interval, and why there is none.
    #[must_use]
    pub fn without_interval(mut self, reason: impl Into<String>) -> Self {
        self.not_estimable = Some(reason.into());
        self
    }

    /// The number as it may be shown, whatever the arithmetic made of it. A value that is no number is
    /// none; an interval that has no number as a limit, or whose lower limit is not below its upper, is
    /// left out. An infinite value and a limit that is infinite on
    /// one side are answers (a ratio over 0) and stay. Limits that fall together would claim certainty: no
    /// entry gives such an interval by design, for a parameter known without error has none.
    pub(crate) fn sound(mut self) -> Self {
        if self.value.is_some_and(f64::is_nan) {
            return Self {
                n: self.n,
                ..Self::none(self.name, self.definition, 0, OUT_OF_RANGE)
            };
        }
        self.value = self.value.map(without_sign_of_zero);
        let Some(interval) = self.interval else {
            return self;
        };
        let why = if interval.lower.is_nan() || interval.upper.is_nan() {
            NO_LIMIT
        } else if interval.lower >= interval.upper {
            NO_WIDTH
        } else {
            self.interval = Some(Interval {
                lower: without_sign_of_zero(interval.lower),
                upper: without_sign_of_zero(interval.upper),
                ..interval
            });
            return self;
        };
        Self {
            interval: None,
            interval_method: None,
            ..self
        }
        .without_interval(why)
    }

    /// What a reader of its interval must be told: that it leaves out the estimate, which it does where
    /// the method centres elsewhere (a correction, an extreme or a mean of absolute values, which grows in
    /// resamples), and that it has no end on a side.
    pub(crate) fn remarks_on_interval(&self) -> Vec<String> {
        let Some(Interval { lower, upper, .. }) = self.interval else {
            return Vec::new();
        };
        let (name, mut remarks) = (&self.name, Vec::new());
        let method = self.interval_method.as_deref().unwrap_or("");
        // A limit on the estimate but for rounding contains it.
        let beyond = |low: f64, high: f64| high - low > 1e-12 * low.abs().max(high.abs());
        if let Some(value) = self.value
            && (beyond(value, lower) || beyond(upper, value))
        {
            remarks.push(format!(
                "the interval of `{name}` ({method}), {} to {}, does not contain its estimate {}: the method does not centre on the estimate (it corrects it, or resamples of the figure are biased)",
                digits(lower),
                digits(upper),
                digits(value)
            ));
        }
        for (side, open) in [("lower", lower), ("upper", upper)] {
            if open.is_infinite() {
                remarks.push(format!(
                    "the interval of `{name}` ({method}) has no {side} limit: it is unbounded on that side"
                ));
            }
        }
        remarks
    }

    /// The number that a computation gave, or its place with the reason when it is not estimable.
    ///
    /// # Errors
    /// Every error but [`StatisticsError::NotEstimable`] passes through.
    pub fn from_result(
        name: impl Into<String>,
        definition: impl Into<String>,
        n: usize,
        result: Result<Number, StatisticsError>,
    ) -> Result<Self, StatisticsError> {
        match result {
            Ok(number) => Ok(number),
            Err(StatisticsError::NotEstimable(reason)) => {
                Ok(Self::none(name, definition, n, reason))
            }
            Err(other) => Err(other),
        }
    }
}

/// What a figure shows; the page and the report draw each kind in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Figure {
    /// x: 1 - specificity, y: sensitivity.
    Roc,
    /// x: recall, y: precision.
    PrecisionRecall,
    /// x: predicted probability, y: observed share.
    Calibration,
    /// x: predicted probability (left edge of the bin), y: count.
    Histogram,
    /// x: threshold probability, y: net benefit.
    DecisionCurve,
    /// x: mean of two measurements, y: their difference.
    BlandAltman,
    /// x: false positives per image, y: share of lesions found.
    Froc,
    /// x: index in time, y: the chart's statistic.
    ControlChart,
    /// One point each row with its interval; x: estimate, y: row number; labels in `labels`.
    Forest,
    /// x: coverage, y: risk.
    RiskCoverage,
}

/// A line or a cloud of points of a figure.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// The figure it belongs to.
    pub figure: Figure,
    /// What the legend says: `model A`, `all`, `lower limit`.
    pub label: String,
    /// Horizontal positions.
    #[serde(serialize_with = "reals")]
    pub x: Vec<f64>,
    /// Vertical positions, as many.
    #[serde(serialize_with = "reals")]
    pub y: Vec<f64>,
    /// Lower limits of `y` (of `x` in a forest plot), as many, or none.
    #[serde(serialize_with = "reals")]
    pub lower: Vec<f64>,
    /// Upper limits, as many, or none.
    #[serde(serialize_with = "reals")]
    pub upper: Vec<f64>,
    /// A label for each point, or none (rows of a forest plot; thresholds of an ROC curve).
    pub labels: Vec<String>,
}

impl Curve {
    /// A curve without limits and labels.
    #[must_use]
    pub fn line(figure: Figure, label: impl Into<String>, x: Vec<f64>, y: Vec<f64>) -> Self {
        Self {
            figure,
            label: label.into(),
            x,
            y,
            lower: Vec::new(),
            upper: Vec::new(),
            labels: Vec::new(),
        }
    }
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// A count or index.
    Whole(i64),
    /// A real number.
    #[serde(serialize_with = "real")]
    Real(f64),
    /// A word.
    Text(String),
    /// Nothing to show, or not estimable.
    None,
}

/// A table of an answer: per group, per bin, per threshold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Table {
    /// What it shows.
    pub name: String,
    /// Names of its columns.
    pub columns: Vec<String>,
    /// Its rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// Everything one entry of the catalogue answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Answer {
    /// The numbers, the main one first.
    pub numbers: Vec<Number>,
    /// Tables, where there are any.
    pub tables: Vec<Table>,
    /// Figures, where there are any.
    pub curves: Vec<Curve>,
    /// What the reader must know: a boundary hit, a convention chosen, a limit clipped.
    pub notes: Vec<String>,
}

impl Answer {
    /// The answer as it may be shown: see [`Number::sound`]; a cell that is no number is empty.
    pub(crate) fn sound(mut self) -> Self {
        self.numbers = self.numbers.into_iter().map(Number::sound).collect();
        for cell in self.tables.iter_mut().flat_map(|t| &mut t.rows).flatten() {
            match cell {
                Cell::Real(v) if v.is_nan() => *cell = Cell::None,
                Cell::Real(v) => *v = without_sign_of_zero(*v),
                _ => {}
            }
        }
        for curve in &mut self.curves {
            let Curve {
                x, y, lower, upper, ..
            } = curve;
            for v in [x, y, lower, upper].into_iter().flatten() {
                *v = without_sign_of_zero(*v);
            }
        }
        self
    }

    /// The number of this name.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<&Number> {
        self.numbers.iter().find(|n| n.name == name)
    }
}

/// JSON has no infinity: an infinite number is written as the word `inf` or `-inf`, and one that is
/// not a number as `nan`, never as null.
fn real<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if value.is_finite() {
        serializer.serialize_f64(*value)
    } else if value.is_nan() {
        serializer.serialize_str("nan")
    } else if *value > 0.0 {
        serializer.serialize_str("inf")
    } else {
        serializer.serialize_str("-inf")
    }
}

fn optional_real<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(v) => real(v, serializer),
        None => serializer.serialize_none(),
    }
}

fn reals<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    struct One<'a>(&'a f64);
    impl Serialize for One<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            real(self.0, serializer)
        }
    }
    serializer.collect_seq(values.iter().map(One))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn with(value: f64, lower: f64, upper: f64) -> Number {
        Number::plain("x", "d", value, 7)
            .with_standard_error(1.0)
            .with_interval(
                Interval {
                    lower,
                    upper,
                    level: 0.95,
                },
                "wald",
            )
            .sound()
    }

    #[test]
    fn what_is_no_number_is_withheld_with_a_reason() {
        let none = with(f64::NAN, 0.0, 1.0);
        assert_eq!(none, Number::none("x", "d", 7, OUT_OF_RANGE));
        for (lower, upper, reason) in [
            (f64::NAN, 1.0, NO_LIMIT),
            (0.0, f64::NAN, NO_LIMIT),
            (1.0, 1.0, NO_WIDTH),
            (2.0, 1.0, NO_WIDTH),
            (f64::INFINITY, f64::INFINITY, NO_WIDTH),
            (0.0, -0.0, NO_WIDTH),
        ] {
            let n = with(1.0, lower, upper);
            assert_eq!((n.value, n.standard_error), (Some(1.0), Some(1.0)));
            assert!(n.interval.is_none() && n.interval_method.is_none());
            assert_eq!(n.not_estimable.as_deref(), Some(reason));
        }
        for error in [f64::INFINITY, f64::NAN] {
            let n = Number::plain("x", "d", 1.0, 7).with_standard_error(error);
            assert_eq!(n.sound().standard_error, None);
        }
    }

    #[test]
    fn infinite_answers_stay_and_zero_has_no_sign() {
        for (value, lower, upper) in [
            (f64::INFINITY, 3.0, f64::INFINITY),
            (0.0, f64::NEG_INFINITY, 1.0),
            (5.0, 2.0, f64::INFINITY),
        ] {
            let n = with(value, lower, upper);
            let i = n.interval.unwrap();
            assert_eq!((n.value, i.lower, i.upper), (Some(value), lower, upper));
        }
        let n = with(-0.0, -0.0, 1.0);
        assert!(n.value.unwrap().is_sign_positive());
        assert!(n.interval.unwrap().lower.is_sign_positive());
        let cells = vec![Cell::Real(f64::NAN), Cell::Real(-0.0), Cell::Whole(3)];
        let answer = Answer {
            tables: vec![Table {
                name: "t".into(),
                columns: vec!["a".into(), "b".into(), "c".into()],
                rows: vec![cells],
            }],
            ..Answer::default()
        };
        let answer = answer.sound();
        let row = answer.tables.first().and_then(|t| t.rows.first()).unwrap();
        assert_eq!(row, &[Cell::None, Cell::Real(0.0), Cell::Whole(3)]);
        assert!(matches!(row.get(1), Some(Cell::Real(v)) if v.is_sign_positive()));
    }
}
