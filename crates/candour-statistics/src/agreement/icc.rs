//! Intraclass correlation: the six forms of Shrout and Fleiss with F tests and intervals.
#![allow(
    clippy::indexing_slicing,
    reason = "every index runs over the rows and columns that sized the table it reads"
)]

use crate::catalogue::{
    CLUSTER, Entry, Group, Kind, LEVEL, Need, REPLICATES, Role, SEED, Sample, Setting, SettingKind,
};
use crate::distribution::{f_quantile, f_tail};
use crate::number::{Answer, Cell, Interval, Number, StatisticsError, Table};
use crate::resample::Units;

use super::{
    INTERVAL, MISSING, RATER, SUBJECT, bootstrapped, check_finite, check_level, clip, left_out,
    mean, wanted_bootstrap,
};

const RATING: Role = Role {
    name: "rating",
    what: "measurement by one rater or method (one column each), or all in one column with `subject` and `rater`",
    kind: Kind::Finite,
    need: Need::Many(1),
    missing: true,
};

/// Intraclass correlation.
pub(super) const ICC: Entry = Entry {
    id: "icc",
    group: Group::Agreement,
    title: "Intraclass correlation ICC(1,1) to ICC(3,k)",
    formula: "from the mean squares of subjects BMS, raters JMS, error EMS and within subjects WMS of n subjects and k raters: ICC(1,1) = (BMS-WMS)/(BMS+(k-1)WMS); ICC(2,1) = (BMS-EMS)/(BMS+(k-1)EMS+k(JMS-EMS)/n); ICC(3,1) = (BMS-EMS)/(BMS+(k-1)EMS); ICC(1,k) = (BMS-WMS)/BMS; ICC(2,k) = (BMS-EMS)/(BMS+(JMS-EMS)/n); ICC(3,k) = (BMS-EMS)/BMS; F intervals, for form 2 with Satterthwaite's degrees of freedom. Standard error of one measurement by the form: sqrt(WMS) (1), sqrt((JMS-EMS)/n + EMS) (2), sqrt(EMS) (3)",
    source: "Shrout and Fleiss 1979; McGraw and Wong 1996 (names ICC(A,1), ICC(C,1)); de Vet et al. 2006, J Clin Epidemiol 59:1033 (standard error of measurement)",
    assumptions: "Form 1: each subject has raters of its own; form 2: the same random raters rate all, absolute agreement; form 3: fixed raters, consistency. Normal effects. Every subject has every rating: an incomplete table is refused, or its incomplete subjects are left out on request (`missing`). Not estimable without spread, nor where the denominator is not positive; no interval of the mean of k ratings where a limit for one rating is not above -1/(k-1). A negative value is kept: it says that raters differ more than subjects",
    compared_with: "psych 2.2.9 ICC; pingouin 0.7.0 intraclass_corr; the published .17 .29 .71 .44 .62 .91",
    roles: &[RATING, SUBJECT, RATER, CLUSTER],
    settings: &[
        Setting {
            name: "form",
            what: "which form is the main number: 1, 2 or 3 of Shrout and Fleiss, of one rating (1) or of the mean of all (k)",
            kind: SettingKind::Choice(&["1-1", "2-1", "3-1", "1-k", "2-k", "3-k"]),
            default: Some("2-1"),
        },
        Setting {
            what: "subjects without all ratings: refused, or left out (complete-case)",
            ..MISSING
        },
        LEVEL,
        INTERVAL,
        REPLICATES,
        SEED,
    ],
    numbers: &[
        "icc",
        "icc_1_1",
        "icc_2_1",
        "icc_3_1",
        "icc_1_k",
        "icc_2_k",
        "icc_3_k",
        "standard_error_of_measurement",
        "left_out",
    ],
    run: run_icc,
};

/// The mean squares of a complete two-way table without replication.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanSquares {
    /// Between subjects.
    pub subjects: f64,
    /// Between raters.
    pub raters: f64,
    /// Residual.
    pub error: f64,
    /// Within subjects.
    pub within: f64,
    /// Subjects.
    pub n: usize,
    /// Raters.
    pub k: usize,
}

/// One form of the intraclass correlation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Form {
    /// Its name with Shrout and Fleiss, with hyphens: `1-1` to `3-k`.
    pub name: &'static str,
    /// The estimate; NaN where the mean squares leave none.
    pub value: f64,
    /// F statistic against no correlation.
    pub f: f64,
    /// Its numerator degrees of freedom.
    pub df1: f64,
    /// Its denominator degrees of freedom.
    pub df2: f64,
    /// Its p-value.
    pub p_value: f64,
    /// The interval; none where the mean squares leave none.
    pub interval: Option<Interval>,
    /// Why there is no value, or no interval; empty where both are there.
    pub why_none: &'static str,
}

/// A ratio of variance components is a correlation only over a positive variance. The difference in form
/// 2 of k ratings can be 0 or negative, and what is left of it by rounding is no variance either.
const NO_VARIANCE: &str = "its denominator, which estimates the variance of a mean or a rating over all subjects, is not positive for these mean squares";

const NO_F: &str = "a mean square is 0, so F and its limits are not finite";

/// One step of the Spearman-Brown formula, r k / (1 + (k - 1) r), rises from minus infinity at its pole
/// -1/(k - 1), below which no k ratings can all be correlated.
const BEYOND_POLE: &str = "a limit for one rating is not above -1/(k - 1), the least correlation that k ratings can have, so the mean of k ratings has no limit there";

const OUT_OF_ORDER: &str =
    "the limits by the F distribution are out of order for these mean squares";

/// Mean squares of a table of subjects (rows) by raters.
///
/// # Errors
/// Data: rows of unequal length. Not estimable: fewer than two subjects or raters, or no spread at
/// all. Value: a cell that is not finite.
pub fn mean_squares(table: &[Vec<f64>]) -> Result<MeanSquares, StatisticsError> {
    let (n, k) = (table.len(), table.first().map_or(0, Vec::len));
    if table.iter().any(|r| r.len() != k) {
        return Err(StatisticsError::Data(
            "each subject needs as many ratings".into(),
        ));
    }
    if n < 2 || k < 2 {
        return Err(StatisticsError::not_estimable(format!(
            "{n} subjects with {k} ratings; at least two of each are needed"
        )));
    }
    let all: Vec<f64> = table.iter().flatten().copied().collect();
    check_finite("rating", &all)?;
    if super::constant(&all) {
        return Err(StatisticsError::not_estimable("all ratings are the same"));
    }
    let grand = mean(&all);
    let of_row: Vec<f64> = table.iter().map(|r| mean(r)).collect();
    let of_column: Vec<f64> = (0..k)
        .map(|j| mean(&table.iter().map(|r| r[j]).collect::<Vec<f64>>()))
        .collect();
    let subjects = k as f64 * of_row.iter().map(|m| (m - grand).powi(2)).sum::<f64>();
    let raters = n as f64 * of_column.iter().map(|m| (m - grand).powi(2)).sum::<f64>();
    let (mut error, mut within) = (0.0, 0.0);
    for (row, m) in table.iter().zip(&of_row) {
        for (v, c) in row.iter().zip(&of_column) {
            error += (v - m - c + grand).powi(2);
            within += (v - m).powi(2);
        }
    }
    let (nf, kf) = (n as f64, k as f64);
    // Rounding must not turn perfect consistency into a tiny spread.
    let total: f64 = all.iter().map(|v| (v - grand).powi(2)).sum();
    let clean = |v: f64| {
        if v <= 1e-26 * (total + nf * grand * grand) {
            0.0
        } else {
            v
        }
    };
    Ok(MeanSquares {
        subjects: clean(subjects) / (nf - 1.0),
        raters: clean(raters) / (kf - 1.0),
        error: clean(error) / ((nf - 1.0) * (kf - 1.0)),
        within: clean(within) / (nf * (kf - 1.0)),
        n,
        k,
    })
}

impl MeanSquares {
    /// The standard error of one measurement, as the form of the coefficient sees error, and whether
    /// a negative component of the raters was set to 0. Form 1: sqrt(WMS); form 2 (absolute
    /// agreement): sqrt(rater + error component), rater = (JMS - EMS) / n (de Vet et al. 2006);
    /// form 3 (consistency): sqrt(EMS).
    fn standard_error_of_measurement(&self, form: &str, n: usize) -> (Number, bool) {
        let raters = (self.raters - self.error) / self.n as f64;
        let (definition, square) = match form.chars().next() {
            Some('1') => ("sem.one-way.root-wms", self.within),
            Some('2') => (
                "sem.absolute-agreement.root-rater-plus-error-variance.de-vet-2006",
                raters.max(0.0) + self.error,
            ),
            _ => ("sem.consistency.root-ems", self.error),
        };
        let name = "standard_error_of_measurement";
        let number = if square > 0.0 {
            Number::plain(name, definition, square.sqrt(), n)
        } else {
            Number::none(
                name,
                definition,
                n,
                "no error was seen, which is no proof that there is none",
            )
        };
        (
            number,
            definition.starts_with("sem.absolute") && raters < 0.0,
        )
    }

    /// The six forms in the order 1-1, 2-1, 3-1, 1-k, 2-k, 3-k.
    ///
    /// # Errors
    /// When the level lies outside (0, 1).
    pub fn forms(&self, level: f64) -> Result<[Form; 6], StatisticsError> {
        check_level(level)?;
        let (n, k) = (self.n as f64, self.k as f64);
        let MeanSquares {
            subjects: bms,
            raters: jms,
            error: ems,
            within: wms,
            ..
        } = *self;
        let upper = f64::midpoint(1.0, level);
        // Of all terms of the denominator, so that rounding does not make it positive.
        let over = |value: f64, terms: &[f64]| {
            let below: f64 = terms.iter().sum();
            let size: f64 = terms.iter().map(|t| t.abs()).sum();
            if below > 1e-13 * size {
                value / below
            } else {
                f64::NAN
            }
        };
        let (one, two, three) = (
            over(bms - wms, &[bms, (k - 1.0) * wms]),
            over(
                bms - ems,
                &[bms, (k - 1.0) * ems, k * jms / n, -k * ems / n],
            ),
            over(bms - ems, &[bms, (k - 1.0) * ems]),
        );
        let stepped = |f: f64| (f - 1.0) / (f + k - 1.0);
        let whole = |f: f64| 1.0 - 1.0 / f;
        let (df1, dfw, dfe) = (n - 1.0, n * (k - 1.0), (n - 1.0) * (k - 1.0));
        let limits = |f: f64, df2: f64| {
            (
                f / f_quantile(upper, df1, df2),
                f * f_quantile(upper, df2, df1),
            )
        };
        let f1 = bms / wms;
        let f3 = bms / ems;
        let (l1, u1) = limits(f1, dfw);
        let (l3, u3) = limits(f3, dfe);
        // Shrout and Fleiss 1979, p. 424: Satterthwaite's degrees of freedom.
        let fj = jms / ems;
        let rest = n * (1.0 + (k - 1.0) * two) - k * two;
        let v = (k - 1.0) * (n - 1.0) * (k * two * fj + rest).powi(2)
            / ((n - 1.0) * (k * two * fj).powi(2) + rest * rest);
        let (fu, fl) = (f_quantile(upper, df1, v), f_quantile(upper, v, df1));
        let others = k * jms + (k * n - k - n) * ems;
        let lower2 = n * (bms - fu * ems) / (fu * others + n * bms);
        let upper2 = n * (fl * bms - ems) / (others + n * fl * bms);
        // Past its pole the formula gives limits above 1, and in turned order.
        let many = |r: f64| {
            if 1.0 + r * (k - 1.0) > 1e-13 {
                r * k / (1.0 + r * (k - 1.0))
            } else {
                f64::NEG_INFINITY
            }
        };
        let form = |name, value: f64, f: f64, df2: f64, lower: f64, upper: f64| {
            let why_none = if value.is_nan() {
                NO_VARIANCE
            } else if !(f > 0.0 && f.is_finite()) {
                NO_F
            } else if !(lower.is_finite() && upper.is_finite()) {
                BEYOND_POLE
            } else if lower >= upper {
                OUT_OF_ORDER
            } else {
                ""
            };
            Form {
                name,
                value,
                f,
                df1,
                df2,
                p_value: if f.is_infinite() {
                    0.0
                } else {
                    f_tail(f, df1, df2)
                },
                interval: why_none.is_empty().then_some(Interval {
                    lower,
                    upper,
                    level,
                }),
                why_none,
            }
        };
        let mean_one = over(bms - wms, &[bms]);
        let mean_two = over(bms - ems, &[bms, jms / n, -ems / n]);
        let mean_three = over(bms - ems, &[bms]);
        Ok([
            form("1-1", one, f1, dfw, stepped(l1), stepped(u1)),
            form("2-1", two, f3, dfe, lower2, upper2),
            form("3-1", three, f3, dfe, stepped(l3), stepped(u3)),
            form("1-k", mean_one, f1, dfw, whole(l1), whole(u1)),
            form("2-k", mean_two, f3, dfe, many(lower2), many(upper2)),
            form("3-k", mean_three, f3, dfe, whole(l3), whole(u3)),
        ])
    }
}

fn run_icc(sample: &Sample) -> Result<Answer, StatisticsError> {
    let level = sample.real("level");
    let wide = read(sample)?;
    let complete: Vec<bool> = wide
        .rows
        .iter()
        .map(|r| r.iter().all(|v| !v.is_nan()))
        .collect();
    let dropped = complete.iter().filter(|c| !**c).count();
    if dropped > 0 && sample.word("missing") == "refuse" {
        // Of one column for each rater a row is a subject; in long form a rating may have no row at all.
        let lacks = |values: &[f64]| values.iter().position(|v| v.is_nan());
        let first = sample
            .all_reals("rating")
            .into_iter()
            .filter_map(|(name, values)| Some((lacks(values)?, name)))
            .min_by_key(|(row, _)| *row);
        if let Some((row, name)) = first {
            return Err(StatisticsError::Value {
                column: name.to_owned(),
                row,
                what: "is empty or not a number, and these forms need complete tables; fit a mixed model, or set `missing` to complete-case and say so in the plan".into(),
            });
        }
        return Err(StatisticsError::Data(format!(
            "{dropped} of {} subjects lack a rating, and these forms need complete tables; fit a mixed model, or set `missing` to complete-case and say so in the plan",
            wide.rows.len()
        )));
    }
    let keep = |at: &usize| complete.get(*at) == Some(&true);
    let kept: Vec<usize> = (0..wide.rows.len()).filter(keep).collect();
    let table: Vec<Vec<f64>> = kept.iter().map(|r| wide.rows[*r].clone()).collect();
    let squares = mean_squares(&table)?;
    let forms = squares.forms(level)?;
    let wanted = sample.word("form");
    let main = forms
        .iter()
        .find(|f| f.name == wanted)
        .copied()
        .unwrap_or(forms[1]);
    let n = squares.n;
    let title = |f: &Form| format!("icc.shrout-fleiss.{}", f.name);
    let number = |name: String, f: &Form| {
        if f.value.is_nan() {
            return Number::none(name, title(f), n, f.why_none);
        }
        let number = Number::plain(name, title(f), f.value, n);
        match f.interval {
            Some(interval) => number.with_interval(interval, "f.shrout-fleiss-1979"),
            None => number.without_interval(f.why_none),
        }
    };
    let mut answer = Answer::default();
    let mut first = number("icc".into(), &main);
    let cluster = wide.cluster.as_ref().map(|c| super::take(c, &kept));
    if let Some(method) = wanted_bootstrap(sample, cluster.is_some()) {
        let units = Units::new(kept.len(), cluster.as_deref(), None);
        let place = forms.iter().position(|f| f.name == main.name).unwrap_or(1);
        first = bootstrapped(first, sample, &units, method, |rows| {
            let drawn: Vec<Vec<f64>> = rows.iter().map(|r| table[*r].clone()).collect();
            let value = mean_squares(&drawn).ok()?.forms(level).ok()?[place].value;
            value.is_finite().then_some(value)
        })?;
    }
    answer
        .numbers
        .push(clip(first, f64::NEG_INFINITY, 1.0, &mut answer.notes));
    for f in &forms {
        let mut one = number(format!("icc_{}", f.name.replace('-', "_")), f);
        if cluster.is_some() && one.value.is_some() {
            one.interval = None;
            one.interval_method = None;
            one = one.without_interval("the F interval counts subjects as independent, which `cluster` denies; make this form the main one");
        }
        answer.numbers.push(one);
    }
    let (sem, below) = squares.standard_error_of_measurement(main.name, n);
    answer.numbers.push(sem);
    if below {
        answer.notes.push("the raters' variance component came out negative and counts as 0 in standard_error_of_measurement".into());
    }
    answer.tables.push(Table {
        name: "forms".into(),
        columns: [
            "form",
            "mcgraw_wong",
            "icc",
            "lower",
            "upper",
            "f",
            "df1",
            "df2",
            "p_value",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: forms
            .iter()
            .zip([
                "ICC(1)", "ICC(A,1)", "ICC(C,1)", "ICC(k)", "ICC(A,k)", "ICC(C,k)",
            ])
            .map(|(f, name)| {
                let real = |v: f64| {
                    if v.is_nan() {
                        Cell::None
                    } else {
                        Cell::Real(v)
                    }
                };
                vec![
                    Cell::Text(f.name.into()),
                    Cell::Text(name.into()),
                    real(f.value),
                    f.interval.map_or(Cell::None, |i| Cell::Real(i.lower)),
                    f.interval.map_or(Cell::None, |i| Cell::Real(i.upper)),
                    real(f.f),
                    Cell::Real(f.df1),
                    Cell::Real(f.df2),
                    real(f.p_value),
                ]
            })
            .collect(),
    });
    let (nf, kf) = (n as f64, squares.k as f64);
    answer.tables.push(Table {
        name: "variance".into(),
        columns: ["source", "df", "mean_square", "component"]
            .map(str::to_owned)
            .to_vec(),
        rows: [
            (
                "subjects",
                nf - 1.0,
                squares.subjects,
                (squares.subjects - squares.error) / kf,
            ),
            (
                "raters",
                kf - 1.0,
                squares.raters,
                (squares.raters - squares.error) / nf,
            ),
            (
                "error",
                (nf - 1.0) * (kf - 1.0),
                squares.error,
                squares.error,
            ),
        ]
        .into_iter()
        .map(|(name, df, ms, component)| {
            vec![
                Cell::Text(name.into()),
                Cell::Real(df),
                Cell::Real(ms),
                Cell::Real(component),
            ]
        })
        .collect(),
    });
    if sample.word("missing") != "refuse" {
        left_out(
            &mut answer,
            dropped,
            wide.rows.len(),
            "subjects lack a rating",
        );
    }
    if forms[1].value <= -1.0 / (kf - 1.0) {
        answer.notes.push("`icc_2_1` is not above -1/(k - 1), the least correlation that k ratings can have: its variance components come out negative".into());
    }
    if main.value < 0.0 {
        answer.notes.push(
            "the estimate is negative: ratings of one subject differ more than subjects do".into(),
        );
    }
    Ok(answer)
}

/// Measurements of subjects (rows) by raters; NaN where missing.
struct Wide {
    rows: Vec<Vec<f64>>,
    cluster: Option<Vec<usize>>,
}

fn read(sample: &Sample) -> Result<Wide, StatisticsError> {
    let columns = sample.all_reals("rating");
    let cluster = sample
        .labels("cluster")
        .map(crate::catalogue::Labels::complete);
    if let (Some(subject), Some(rater)) = (sample.labels("subject"), sample.labels("rater")) {
        let [(_, values)] = columns.as_slice() else {
            return Err(StatisticsError::Data(
                "with `subject` and `rater` (long form) give one `rating` column".into(),
            ));
        };
        let mut rows = vec![vec![f64::NAN; rater.names.len()]; subject.names.len()];
        let mut of_subject = vec![0; subject.names.len()];
        for (at, ((s, r), v)) in subject
            .codes
            .iter()
            .zip(&rater.codes)
            .zip(*values)
            .enumerate()
        {
            let (Some(s), Some(r)) = (*s, *r) else {
                continue;
            };
            if !rows[s][r].is_nan() && !v.is_nan() {
                return Err(StatisticsError::Value {
                    column: "rating".into(),
                    row: at,
                    what: "is a second rating of this subject by this rater; give one each".into(),
                });
            }
            if !v.is_nan() {
                rows[s][r] = *v;
            }
            if let Some(c) = &cluster {
                of_subject[s] = c.get(at).copied().unwrap_or(0);
            }
        }
        return Ok(Wide {
            rows,
            cluster: cluster.map(|_| of_subject),
        });
    }
    if columns.len() < 2 {
        return Err(StatisticsError::Data(
            "give two `rating` columns at least, or one with `subject` and `rater`".into(),
        ));
    }
    let rows = (0..sample.rows())
        .map(|row| columns.iter().map(|(_, c)| c[row]).collect())
        .collect();
    Ok(Wide { rows, cluster })
}
