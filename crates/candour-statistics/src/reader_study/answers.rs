//! The entries: from a sample to an answer.

use super::merit::{Merit, Method, Range, roc_points};
use super::obuchowski_rockette::{Analysis, Contrast, Global, ObuchowskiRockette};
use super::power::Plan;
use super::pseudovalues::Pseudovalues;
use super::reading_time::ReadingTime;
use super::standalone::Standalone;
use super::study::{Columns, Design, Study};
use super::ustatistic::{DfRule, Estimator, UStatistics};
use crate::catalogue::{Labels, Sample};
use crate::number::{Answer, Cell, Curve, Figure, Interval, Number, StatisticsError, Table};
use crate::proportion::digits;

type Outcome<T> = Result<T, StatisticsError>;

pub(super) fn obuchowski_rockette(sample: &Sample) -> Outcome<Answer> {
    let study = study(sample)?;
    let merit = merit(sample, &study)?;
    let method = Method::from_word(sample.word("covariance"));
    let mut or = ObuchowskiRockette::new(&study, merit, method)?;
    or.keep_negative = sample.word("negative_excess") == "keep";
    let results = Results {
        tests: &or.tests,
        means: &or.means,
        cases: or.merits.cases,
        family: format!("or.{}", method.word()),
        merit: merit.definition(),
        level: sample.real("level"),
        chi_squared: true,
        global: &|a| or.global(a),
        difference: &|i, j, a, level| or.difference(i, j, a, level),
        single: &|i, a, level| or.single(i, a, level),
    };
    let mut answer = results.answer(sample)?;
    let n = or.merits.cases;
    let id = format!("or.{}", method.word());
    let (reader, error) = or.reader_components();
    let c = &or.components;
    let interaction = if or.nested {
        ("ms_reader_in_test", "var_reader_in_test")
    } else {
        ("ms_test_reader", "var_test_reader")
    };
    let one_test = "there is one test only";
    let one_reader = "needs two readers";
    for (name, value, reason) in [
        ("ms_test", or.ms_t, one_test),
        ("ms_reader", or.ms_r, one_reader),
        (
            interaction.0,
            or.ms_error,
            "needs two tests and two readers",
        ),
        ("var_reader", reader, one_reader),
        (interaction.1, error, "needs two tests and two readers"),
        ("var_error", Some(c.var_error), ""),
        (
            "cov1",
            (or.tests.len() > 1 && !or.nested).then_some(c.cov1),
            "no reader read in two tests",
        ),
        ("cov2", (or.readers.len() > 1).then_some(c.cov2), one_reader),
        (
            "cov3",
            (or.tests.len() > 1 && or.readers.len() > 1).then_some(c.cov3),
            "needs two tests and two readers",
        ),
    ] {
        answer.numbers.push(match value {
            Some(v) => Number::plain(name, id.clone(), v, n),
            None => Number::none(name, id.clone(), n, reason),
        });
    }
    let rows = or
        .merits
        .cells
        .iter()
        .enumerate()
        .map(|(i, (t, r))| {
            let (positive, negative) = or.merits.counts.get(i).copied().unwrap_or_default();
            vec![
                text(&or.tests, *t),
                text(&or.readers, *r),
                whole(positive),
                whole(negative),
                Cell::Real(or.merits.values.get(i).copied().unwrap_or(f64::NAN)),
                Cell::Real(or.merits.covariance.at(i, i).max(0.0).sqrt()),
            ]
        })
        .collect();
    answer.tables.push(table(
        "estimates by test and reader",
        &[
            "test",
            "reader",
            "positive",
            "negative",
            "estimate",
            "standard_error",
        ],
        rows,
    ));
    let mut rows = Vec::new();
    for (name, value) in [
        ("reader", reader),
        (
            if or.nested {
                "reader(test)"
            } else {
                "test:reader"
            },
            error,
        ),
        ("Error", Some(c.var_error)),
        ("Cov1", Some(c.cov1)),
        ("Cov2", Some(c.cov2)),
        ("Cov3", Some(c.cov3)),
    ] {
        let correlation = if name.starts_with("Cov") && c.var_error > 0.0 {
            value.map_or(Cell::None, |v| Cell::Real(v / c.var_error))
        } else {
            Cell::None
        };
        rows.push(vec![
            Cell::Text(name.into()),
            value.map_or(Cell::None, Cell::Real),
            correlation,
        ]);
    }
    answer.tables.push(table(
        "variance components and covariances",
        &["component", "estimate", "correlation"],
        rows,
    ));
    if or.tests.len() > 1 && !or.nested {
        let mut rows = Vec::new();
        for r in 0..or.readers.len() {
            for (a, b) in pairs(or.tests.len(), reference(sample, &or.tests)?) {
                let mut row = vec![text(&or.readers, r), Cell::Text(versus(&or.tests, a, b))];
                row.extend(contrast_cells(or.reader_difference(
                    r,
                    a,
                    b,
                    sample.real("level"),
                ))?);
                rows.push(row);
            }
        }
        answer.tables.push(table(
            "differences by reader (this reader only; random cases)",
            &[
                "reader",
                "comparison",
                "estimate",
                "standard_error",
                "df",
                "lower",
                "upper",
                "p_value",
            ],
            rows,
        ));
    }
    if or.merits.cells.len() <= 20 {
        let label = |(t, r): &(usize, usize)| {
            format!("{} / {}", name_of(&or.tests, *t), name_of(&or.readers, *r))
        };
        let mut columns = vec!["cell".to_owned()];
        columns.extend(or.merits.cells.iter().map(label));
        let rows = or
            .merits
            .cells
            .iter()
            .enumerate()
            .map(|(i, cell)| {
                let mut row = vec![Cell::Text(label(cell))];
                row.extend(
                    (0..or.merits.cells.len()).map(|j| Cell::Real(or.merits.covariance.at(i, j))),
                );
                row
            })
            .collect();
        answer.tables.push(Table {
            name: "error covariances".into(),
            columns,
            rows,
        });
    }
    said(&mut answer, &study, or.merits.design);
    if or.tests.len() > 1 && or.readers.len() > 1 && or.negative() {
        answer.notes.push(if or.keep_negative {
            "Cov2 - Cov3 is negative: it counts as 0 for random readers and is kept for fixed readers, as MRMCaov does".into()
        } else {
            "Cov2 - Cov3 is negative and counts as 0".into()
        });
    }
    answer.curves.extend(rocs(&study, merit));
    Ok(answer)
}

pub(super) fn pseudovalues(sample: &Sample) -> Outcome<Answer> {
    let study = study(sample)?;
    let merit = merit(sample, &study)?;
    let dbm = Pseudovalues::new(&study, merit)?;
    let cases = if matches!(merit, Merit::Sensitivity { .. }) {
        study.cases.0
    } else if matches!(merit, Merit::Specificity { .. }) {
        study.cases.1
    } else {
        study.cases.0 + study.cases.1
    };
    let results = Results {
        tests: &dbm.tests,
        means: &dbm.means,
        cases,
        family: "dbm".into(),
        merit: merit.definition(),
        level: sample.real("level"),
        chi_squared: false,
        global: &|a| dbm.global(a),
        difference: &|i, j, a, level| dbm.difference(i, j, a, level),
        single: &|i, a, level| dbm.single(i, a, level),
    };
    let mut answer = results.answer(sample)?;
    let m = &dbm.ms;
    let (t, r, k) = (
        dbm.tests.len() as f64 - 1.0,
        dbm.readers.len() as f64 - 1.0,
        cases as f64 - 1.0,
    );
    let mut rows = Vec::new();
    for (name, source, ms, df) in [
        ("ms_test", "T", m.t, t),
        ("ms_reader", "R", m.r, r),
        ("ms_case", "C", m.c, k),
        ("ms_test_reader", "TR", m.tr, t * r),
        ("ms_test_case", "TC", m.tc, t * k),
        ("ms_reader_case", "RC", m.rc, r * k),
        ("ms_test_reader_case", "TRC", m.trc, t * r * k),
    ] {
        if df > 0.0 {
            answer.numbers.push(Number::plain(name, "dbm", ms, cases));
            rows.push(vec![
                Cell::Text(source.into()),
                Cell::Real(ms * df),
                Cell::Real(df),
                Cell::Real(ms),
            ]);
        }
    }
    answer.tables.push(table(
        "analysis of variance of pseudovalues",
        &["source", "sum_of_squares", "df", "mean_square"],
        rows,
    ));
    for (name, value) in dbm.components().into_iter().flatten() {
        answer
            .numbers
            .push(Number::plain(name, "dbm", value, cases));
    }
    let rows = dbm
        .merits
        .iter()
        .enumerate()
        .map(|(i, v)| {
            vec![
                text(&dbm.tests, i / dbm.readers.len()),
                text(&dbm.readers, i % dbm.readers.len()),
                Cell::Real(*v),
            ]
        })
        .collect();
    answer.tables.push(table(
        "estimates by test and reader",
        &["test", "reader", "estimate"],
        rows,
    ));
    said(&mut answer, &study, Design::Factorial);
    if dbm.tests.len() > 1 && dbm.readers.len() > 1 && m.tc < m.trc {
        answer
            .notes
            .push("MS(TC) - MS(TRC) is negative and counts as 0".into());
    }
    answer.notes.push("fixed readers are tested by F on (t - 1)(K - 1) degrees of freedom, as RJafroc does; mrmc-or uses chi-squared".into());
    answer.curves.extend(rocs(&study, merit));
    Ok(answer)
}

pub(super) fn ustatistic(sample: &Sample) -> Outcome<Answer> {
    let study = study(sample)?;
    let all = UStatistics::new(&study)?;
    let level = sample.real("level");
    let (estimator, id) = if sample.word("variance") == "v" {
        (Estimator::V, "bdg.v-statistic")
    } else {
        (Estimator::U, "bdg.u-statistic")
    };
    let rule = if sample.word("df_rule") == "fractional" {
        DfRule::Fractional
    } else {
        DfRule::Imrmc
    };
    let rule_id = if rule == DfRule::Imrmc {
        "t-bdg-imrmc"
    } else {
        "t-bdg"
    };
    let n = study.cases.0 + study.cases.1;
    let reference = reference(sample, &study.tests)?;
    let margin = margin(sample, reference)?;
    let mut answer = Answer::default();
    let (mut singles, mut rows) = (Vec::new(), Vec::new());
    let mut clipped = false;
    let two = study.tests.len() == 2;
    for (a, b) in pairs(study.tests.len(), reference) {
        let Some((_, _, moments, estimate)) = all
            .pairs
            .iter()
            .find(|p| (p.0, p.1) == (a.min(b), a.max(b)))
        else {
            continue;
        };
        let mut estimate = *estimate;
        if a > b && estimate.value != 0.0 {
            estimate.value = -estimate.value;
        }
        let suffix = if two {
            String::new()
        } else {
            format!(".{}", versus_id(&study.tests, a, b))
        };
        let name = format!("difference{suffix}");
        let definition = format!("auc.pair-weighted.{}", versus_id(&study.tests, a, b));
        let df = if estimator == Estimator::U {
            estimate.df
        } else {
            estimate.df_biased
        };
        match estimate.infer(estimator, rule, 0.0, level) {
            Ok(i) => {
                let (interval, cut) = within(i.interval, -1.0, 1.0);
                clipped |= cut;
                if let Some(d) = df {
                    df_notes(
                        &mut answer,
                        &versus(&study.tests, a, b),
                        d,
                        i.df,
                        estimate.least_df,
                    );
                }
                answer.numbers.push(
                    Number::plain(name, definition, estimate.value, n)
                        .with_standard_error(i.standard_error)
                        .with_interval(interval, format!("{id}.{rule_id}")),
                );
                answer.numbers.push(Number::plain(
                    format!("p_value{suffix}"),
                    format!("{id}.{rule_id}.two-sided"),
                    i.p_value,
                    n,
                ));
                if let Some(margin) = margin {
                    let p =
                        super::student::t_tail((estimate.value + margin) / i.standard_error, i.df);
                    answer.numbers.push(Number::plain(
                        format!("non_inferiority_p_value{suffix}"),
                        format!("{id}.{rule_id}.one-sided"),
                        p,
                        n,
                    ));
                }
            }
            Err(StatisticsError::NotEstimable(reason)) => {
                answer.numbers.push(
                    Number::plain(name, definition, estimate.value, n)
                        .without_interval(reason.clone()),
                );
                answer
                    .numbers
                    .push(Number::none(format!("p_value{suffix}"), id, n, reason));
            }
            Err(other) => return Err(other),
        }
        for (name, value) in [
            ("variance", estimate.variance),
            ("variance_v", estimate.variance_biased),
            ("covariance", moments.covariance),
        ] {
            answer
                .numbers
                .push(Number::plain(format!("{name}{suffix}"), "bdg", value, n));
        }
        answer.numbers.push(match df {
            Some(d) if d.is_finite() => Number::plain(format!("df_bdg{suffix}"), id, d, n),
            _ => Number::none(
                format!("df_bdg{suffix}"),
                id,
                n,
                "the variance estimate is not positive",
            ),
        });
        rows.push(moment_row(versus(&study.tests, a, b), moments));
    }
    for (t, (moments, estimate)) in all.tests.iter().zip(&all.estimates).enumerate() {
        let test = name_of(&study.tests, t);
        let number = Number::plain(
            format!("auc.{test}"),
            "auc.pair-weighted",
            estimate.value,
            n,
        );
        match estimate.infer(estimator, rule, 0.5, level) {
            Ok(mut i) => {
                let (interval, cut) = within(i.interval, 0.0, 1.0);
                clipped |= cut;
                i.interval = interval;
                answer.numbers.push(
                    number
                        .with_standard_error(i.standard_error)
                        .with_interval(i.interval, format!("{id}.{rule_id}")),
                );
                singles.push(vec![
                    Cell::Text(test.into()),
                    Cell::Real(estimate.value),
                    Cell::Real(estimate.variance),
                    Cell::Real(estimate.variance_biased),
                    Cell::Real(i.df),
                    Cell::Real(i.interval.lower),
                    Cell::Real(i.interval.upper),
                    Cell::Real(i.p_value),
                ]);
            }
            Err(StatisticsError::NotEstimable(reason)) => {
                answer.numbers.push(number.without_interval(reason));
                singles.push(vec![
                    Cell::Text(test.into()),
                    Cell::Real(estimate.value),
                    Cell::Real(estimate.variance),
                    Cell::Real(estimate.variance_biased),
                    Cell::None,
                    Cell::None,
                    Cell::None,
                    Cell::None,
                ]);
            }
            Err(other) => return Err(other),
        }
        rows.push(moment_row(test.to_owned(), moments));
    }
    if study.design() == Design::Factorial && study.tests.len() > 1 {
        let or = ObuchowskiRockette::new(&study, Merit::Auc, Method::Unbiased)?;
        match or.global(Analysis::Rrrc) {
            Ok(g) => {
                answer.numbers.push(Number::plain(
                    "df_hillis",
                    "or.unbiased.rrrc",
                    g.df2.unwrap_or(f64::INFINITY),
                    n,
                ));
                answer.numbers.push(Number::plain(
                    "p_value_hillis",
                    "or.unbiased.rrrc.f",
                    g.p_value,
                    n,
                ));
            }
            Err(StatisticsError::NotEstimable(reason)) => {
                answer
                    .numbers
                    .push(Number::none("df_hillis", "or.unbiased.rrrc", n, reason));
            }
            Err(other) => return Err(other),
        }
    }
    answer.tables.push(table(
        "areas by test (p-value of 0.5)",
        &[
            "test",
            "auc",
            "variance_u",
            "variance_v",
            "df",
            "lower",
            "upper",
            "p_value",
        ],
        singles,
    ));
    answer.tables.push(table(
        "moments and their coefficients",
        &[
            "test", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "c1", "c2", "c3", "c4", "c5",
            "c6", "c7", "c8",
        ],
        rows,
    ));
    let rows = all
        .cells
        .iter()
        .map(|(t, r, v, p, q)| {
            vec![
                text(&study.tests, *t),
                text(&study.readers, *r),
                whole(*p),
                whole(*q),
                Cell::Real(*v),
            ]
        })
        .collect();
    answer.tables.push(table(
        "areas by test and reader",
        &["test", "reader", "positive", "negative", "auc"],
        rows,
    ));
    said(&mut answer, &study, study.design());
    if two && let [(a, b)] = pairs(2, reference).as_slice() {
        answer
            .notes
            .push(pair_note(&study.tests, *a, *b, reference));
    }
    if clipped {
        answer
            .notes
            .push("a limit lay outside 0 to 1 (of a difference: -1 to 1) and was clipped".into());
    }
    if all.estimates.iter().any(|e| e.variance < 0.0)
        || all.pairs.iter().any(|p| p.3.variance < 0.0)
    {
        answer.notes.push(
            "an unbiased variance estimate is negative; the V-statistic (variance v) never is"
                .into(),
        );
    }
    answer.curves.extend(rocs(&study, Merit::Auc));
    Ok(answer)
}

/// An interval cut to a range, and whether it was.
fn within(interval: Interval, least: f64, most: f64) -> (Interval, bool) {
    let cut = Interval {
        lower: interval.lower.clamp(least, most),
        upper: interval.upper.clamp(least, most),
        ..interval
    };
    (cut, cut != interval)
}

/// What was done to the BDG degrees of freedom before they entered an interval.
fn df_notes(answer: &mut Answer, of: &str, bdg: f64, used: f64, least: f64) {
    if bdg == least {
        answer.notes.push(format!(
            "{of}: df_bdg stands at its floor, {least}, the smallest of the effective readers and cases less 1 (Gaylor and Hopper 1969)"
        ));
    }
    if used.is_infinite() && bdg.is_finite() {
        answer.notes.push(format!(
            "{of}: df_bdg {} lies above 50, and the normal distribution is taken (df_rule imrmc)",
            digits(bdg)
        ));
    } else if used != bdg {
        answer.notes.push(format!(
            "{of}: df_bdg {} is rounded down to {used} (df_rule imrmc)",
            digits(bdg)
        ));
    }
}

pub(super) fn standalone(sample: &Sample) -> Outcome<Answer> {
    let study = study(sample)?;
    let merit = merit(sample, &study)?;
    let algorithm = sample.word("standalone");
    if algorithm.is_empty() {
        return Err(StatisticsError::setting(
            "standalone",
            "not given",
            format!(
                "name the algorithm's label among the {} readers",
                study.readers.len()
            ),
        ));
    }
    let method = Method::from_word(sample.word("covariance"));
    let analysis = Analysis::from_word(sample.word("analysis"));
    let level = sample.real("level");
    let result = Standalone::new(&study, algorithm, merit, method)?;
    let n = study.cases.0 + study.cases.1;
    let id = format!("1t.{}.{}", method.word(), analysis.word());
    let (definition, method_id) = (
        merit.definition(),
        format!("{id}.{}", kind(analysis, false)),
    );
    let mut answer = Answer::default();
    let estimate = super::obuchowski_rockette::less(result.mean, result.standalone);
    match result.difference(analysis, level) {
        Ok(c) => {
            answer.numbers.push(number(
                "readers_minus_standalone",
                &definition,
                &c,
                n,
                &method_id,
            ));
            answer.numbers.push(Number::plain(
                "p_value",
                format!("{method_id}.two-sided"),
                c.p_value,
                n,
            ));
            answer.numbers.push(Number::plain(
                "statistic",
                method_id.clone(),
                c.statistic,
                n,
            ));
            answer
                .numbers
                .push(Number::plain("df", method_id.clone(), c.df, n));
            answer.numbers.push(number(
                "standalone_minus_readers",
                &definition,
                &c.turned(),
                n,
                &method_id,
            ));
            if let Some(margin) = sample.optional_real("margin") {
                let p = c.turned().non_inferiority(margin);
                answer.numbers.push(Number::plain(
                    "non_inferiority_p_value",
                    format!("{method_id}.standalone-not-worse.one-sided"),
                    p,
                    n,
                ));
            }
        }
        Err(StatisticsError::NotEstimable(reason)) => {
            answer.numbers.push(
                Number::plain("readers_minus_standalone", definition.clone(), estimate, n)
                    .without_interval(reason.clone()),
            );
            answer
                .numbers
                .push(Number::none("p_value", method_id.clone(), n, reason));
        }
        Err(other) => return Err(other),
    }
    let mut clipped = false;
    for (name, value, own, method) in [
        (
            "standalone",
            result.standalone,
            result.own(analysis, level),
            format!("{id}.z.algorithm-alone"),
        ),
        (
            "readers_mean",
            result.mean,
            result.readers_mean(analysis, level),
            format!("{method_id}.readers-alone"),
        ),
    ] {
        answer.numbers.push(match own {
            Ok(c) => {
                let (c, cut) = c.within_unit();
                clipped |= cut;
                number(name, &definition, &c, n, &method)
            }
            Err(StatisticsError::NotEstimable(reason)) => {
                Number::plain(name, definition.clone(), value, n).without_interval(reason)
            }
            Err(other) => return Err(other),
        });
    }
    if clipped {
        answer
            .notes
            .push("an interval of the algorithm or of the readers was cut to 0 to 1".into());
    }
    for (name, value) in [
        (
            "readers_below_standalone",
            result
                .readers
                .iter()
                .filter(|r| r.1 < result.standalone)
                .count() as f64,
        ),
        ("readers", result.readers.len() as f64),
    ] {
        answer
            .numbers
            .push(Number::plain(name, definition.clone(), value, n));
    }
    for (name, value) in [
        ("ms_reader", result.ms_r),
        ("var_error", result.var_error),
        ("cov2", result.cov2),
    ] {
        answer.numbers.push(Number::plain(
            name,
            format!("{id}.of-differences"),
            value,
            n,
        ));
    }
    let mut rows = vec![vec![
        Cell::Text(algorithm.into()),
        Cell::Real(result.standalone),
        Cell::Real(0.0),
    ]];
    rows.extend(result.readers.iter().map(|(r, v)| {
        vec![
            Cell::Text(r.clone()),
            Cell::Real(*v),
            Cell::Real(v - result.standalone),
        ]
    }));
    answer.tables.push(table(
        "readers",
        &["reader", "estimate", "minus_standalone"],
        rows,
    ));
    let mut rows = Vec::new();
    for a in Analysis::ALL {
        let mut row = vec![Cell::Text(a.words().into())];
        row.extend(contrast_cells(result.difference(a, level))?);
        rows.push(row);
    }
    answer.tables.push(table(
        "readers less stand-alone by analysis",
        &[
            "analysis",
            "estimate",
            "standard_error",
            "df",
            "lower",
            "upper",
            "p_value",
        ],
        rows,
    ));
    said(&mut answer, &study, Design::Factorial);
    answer.notes.push(format!(
        "`{algorithm}` is the stand-alone algorithm, fixed; {}",
        analysis.words()
    ));
    if result.cov2 < 0.0 {
        answer
            .notes
            .push("Cov2 of the differences is negative and counts as 0".into());
    }
    answer.curves.extend(rocs(&study, merit));
    Ok(answer)
}

pub(super) fn reading_time(sample: &Sample) -> Outcome<Answer> {
    let (Some(reader), Some(test), Some(case)) = (
        sample.labels("reader"),
        sample.labels("test"),
        sample.labels("case"),
    ) else {
        return Err(StatisticsError::Data(
            "reader, test and case are needed".into(),
        ));
    };
    let times = sample.reals("time");
    let (t, r, k) = (test.names.len(), reader.names.len(), case.names.len());
    let incomplete = || {
        StatisticsError::Data(format!(
            "{} times for {t} conditions, {r} readers and {k} cases: every reader must have read every case once in every condition",
            times.len()
        ))
    };
    if Some(times.len()) != t.checked_mul(r).and_then(|n| n.checked_mul(k)) {
        return Err(incomplete());
    }
    if let Some(row) = times.iter().position(|t| *t <= 0.0) {
        return Err(StatisticsError::Value {
            column: "time".into(),
            row,
            what: "is not positive; the logarithm of a reading time does not exist then".into(),
        });
    }
    let mut dense = vec![f64::NAN; times.len()];
    for (((time, t), r_), c) in times
        .iter()
        .zip(test.complete())
        .zip(reader.complete())
        .zip(case.complete())
    {
        match dense.get_mut((t * r + r_) * k + c) {
            Some(slot) if slot.is_nan() => *slot = *time,
            _ => return Err(incomplete()),
        }
    }
    let result = ReadingTime::new(t, r, k, &dense)?;
    let level = sample.real("level");
    let reference = reference(sample, &test.names)?;
    let n = times.len();
    let id = "log-anova.satterthwaite.t";
    let mut answer = Answer::default();
    let mut rows = Vec::new();
    for (a, b) in pairs(t, reference) {
        let suffix = if t == 2 {
            String::new()
        } else {
            format!(".{}", versus_id(&test.names, a, b))
        };
        let definition = format!(
            "geometric-means.{}/{}",
            name_of(&test.names, a),
            name_of(&test.names, b)
        );
        let of = |i: usize| result.means.get(i).copied().unwrap_or(f64::NAN);
        match result.difference(a, b, level) {
            Ok(c) => {
                let interval = Interval {
                    lower: c.interval.lower.exp(),
                    upper: c.interval.upper.exp(),
                    level,
                };
                answer.numbers.push(
                    Number::plain(
                        format!("time_ratio{suffix}"),
                        definition,
                        c.estimate.exp(),
                        n,
                    )
                    .with_interval(interval, id),
                );
                answer.numbers.push(Number::plain(
                    format!("p_value{suffix}"),
                    format!("{id}.two-sided"),
                    c.p_value,
                    n,
                ));
                answer.numbers.push(number(
                    &format!("log_difference{suffix}"),
                    "natural-log",
                    &c,
                    n,
                    id,
                ));
                answer
                    .numbers
                    .push(Number::plain(format!("df{suffix}"), id, c.df, n));
                let mut row = vec![Cell::Text(versus(&test.names, a, b))];
                row.extend(contrast_cells(Ok(c))?);
                rows.push(row);
            }
            Err(StatisticsError::NotEstimable(reason)) => {
                answer.numbers.push(
                    Number::plain(
                        format!("time_ratio{suffix}"),
                        definition,
                        super::obuchowski_rockette::less(of(a), of(b)).exp(),
                        n,
                    )
                    .without_interval(reason),
                );
            }
            Err(other) => return Err(other),
        }
    }
    for (name, mean) in test.names.iter().zip(&result.means) {
        answer.numbers.push(Number::plain(
            format!("geometric_mean.{name}"),
            "geometric-mean",
            mean.exp(),
            r * k,
        ));
    }
    let m = &result.ms;
    let rows_ms = [
        ("T", m.t),
        ("R", m.r),
        ("C", m.c),
        ("TR", m.tr),
        ("TC", m.tc),
        ("RC", m.rc),
        ("TRC", m.trc),
    ]
    .map(|(s, v)| vec![Cell::Text(s.into()), Cell::Real(v)])
    .to_vec();
    answer.tables.push(table(
        "differences of log times",
        &[
            "comparison",
            "estimate",
            "standard_error",
            "df",
            "lower",
            "upper",
            "p_value",
        ],
        rows,
    ));
    answer.tables.push(table(
        "mean squares of log times",
        &["source", "mean_square"],
        rows_ms,
    ));
    if let [(a, b)] = pairs(t, reference).as_slice() {
        answer.notes.push(format!(
            "the ratio is new by reference: `{}` by `{}`",
            name_of(&test.names, *a),
            name_of(&test.names, *b)
        ));
    }
    if result.at_boundary() {
        answer
            .notes
            .push("a variance component of the error was negative and counts as 0".into());
    }
    if answer.numbers.is_empty() {
        return Err(StatisticsError::not_estimable(
            "there is no time to compare",
        ));
    }
    Ok(answer)
}

pub(super) fn power(sample: &Sample) -> Outcome<Answer> {
    let analysis = Analysis::from_word(sample.word("analysis"));
    let plan = Plan {
        effect: sample.real("effect"),
        var_test_reader: sample.real("var_test_reader"),
        var_error: sample.real("var_error"),
        cov1: sample.real("cov1"),
        cov2: sample.real("cov2"),
        cov3: sample.real("cov3"),
        pilot_cases: sample.whole("pilot_cases") as f64,
        alpha: 1.0 - sample.real("level"),
    };
    let (readers, cases) = (sample.whole("readers"), sample.whole("cases"));
    let (goal, most) = (sample.real("goal"), sample.whole("most_cases"));
    let n = usize::try_from(cases).unwrap_or(usize::MAX);
    let id = format!("hillis-2011.{}", analysis.word());
    let own = plan.power(readers as f64, cases as f64, analysis)?;
    let mut answer = Answer::default();
    answer
        .numbers
        .push(Number::plain("power", id.clone(), own.power, n));
    let needed = |r: u64| plan.cases_needed(r as f64, goal, most, analysis);
    let unreachable = format!("{most} cases do not reach {goal}; more readers are needed");
    answer.numbers.push(match needed(readers)? {
        Some((k, _)) => Number::plain("cases_needed", id.clone(), k as f64, n),
        None => Number::none("cases_needed", id.clone(), n, unreachable),
    });
    for (name, value) in [
        ("noncentrality", own.noncentrality),
        ("df_denominator", own.df),
        ("critical_value", own.critical),
    ] {
        answer
            .numbers
            .push(Number::plain(name, id.clone(), value, n));
    }
    let least = if analysis == Analysis::Frrc { 1 } else { 2 };
    let mut rows = Vec::new();
    for r in readers.saturating_sub(2).max(least)..=readers.saturating_add(4) {
        let here = plan.power(r as f64, cases as f64, analysis)?;
        let (k, p) = needed(r)?.map_or((Cell::None, Cell::None), |(k, p)| {
            (
                whole(usize::try_from(k).unwrap_or(usize::MAX)),
                Cell::Real(p.power),
            )
        });
        rows.push(vec![
            whole(usize::try_from(r).unwrap_or(usize::MAX)),
            Cell::Real(here.power),
            k,
            p,
        ]);
    }
    answer.tables.push(table(
        "power and cases needed by readers",
        &["readers", "power", "cases_needed", "power_at_cases_needed"],
        rows,
    ));
    if plan.var_test_reader < 0.0 && analysis != Analysis::Frrc {
        answer
            .notes
            .push("var_test_reader is negative and counts as 0".into());
    }
    if plan.cov2 < plan.cov3 {
        answer
            .notes
            .push("Cov2 - Cov3 is negative and counts as 0".into());
    }
    answer.notes.push(format!(
        "{}; two-sided test at {}",
        analysis.words(),
        digits(plan.alpha)
    ));
    Ok(answer)
}

/// What the analyses of variance share: a test of equal tests, differences and single tests.
struct Results<'a> {
    tests: &'a [String],
    means: &'a [f64],
    cases: usize,
    family: String,
    merit: String,
    level: f64,
    /// Whether fixed readers are tested by chi-squared and z.
    chi_squared: bool,
    global: &'a dyn Fn(Analysis) -> Outcome<Global>,
    difference: &'a dyn Fn(usize, usize, Analysis, f64) -> Outcome<Contrast>,
    single: &'a dyn Fn(usize, Analysis, f64) -> Outcome<Contrast>,
}

impl Results<'_> {
    fn answer(&self, sample: &Sample) -> Outcome<Answer> {
        let analysis = Analysis::from_word(sample.word("analysis"));
        let n = self.cases;
        let reference = reference(sample, self.tests)?;
        let margin = margin(sample, reference)?;
        let id = format!("{}.{}", self.family, analysis.word());
        let method = format!("{id}.{}", kind(analysis, self.chi_squared));
        let mut answer = Answer::default();
        let (mut rows, mut forest) = (Vec::new(), Forest::default());
        let two = self.tests.len() == 2;
        let mut endless = false;
        let mean = |i: usize| self.means.get(i).copied().unwrap_or(f64::NAN);
        for (a, b) in pairs(self.tests.len(), reference) {
            let suffix = if two {
                String::new()
            } else {
                format!(".{}", versus_id(self.tests, a, b))
            };
            let name = format!("difference{suffix}");
            let outcome = (self.difference)(a, b, analysis, self.level);
            match &outcome {
                Ok(c) => {
                    answer
                        .numbers
                        .push(number(&name, &self.merit, c, n, &method));
                    if !two {
                        answer.numbers.push(Number::plain(
                            format!("p_value{suffix}"),
                            format!("{method}.two-sided"),
                            c.p_value,
                            n,
                        ));
                    }
                    if c.df.is_infinite() && analysis != Analysis::Frrc {
                        endless = true;
                    }
                    if let Some(margin) = margin {
                        answer.numbers.push(Number::plain(
                            format!("non_inferiority_p_value{suffix}"),
                            format!("{method}.one-sided"),
                            c.non_inferiority(margin),
                            n,
                        ));
                    }
                    forest.add(versus(self.tests, a, b), c);
                }
                Err(StatisticsError::NotEstimable(reason)) => {
                    answer.numbers.push(
                        Number::plain(
                            name,
                            self.merit.clone(),
                            super::obuchowski_rockette::less(mean(a), mean(b)),
                            n,
                        )
                        .without_interval(reason.clone()),
                    );
                }
                Err(_) => {}
            }
            let mut row = vec![Cell::Text(versus(self.tests, a, b))];
            row.extend(contrast_cells(outcome)?);
            rows.push(row);
        }
        let statistic = if self.chi_squared && analysis == Analysis::Frrc {
            "chi_squared"
        } else {
            "f_statistic"
        };
        if self.tests.len() > 1 {
            match (self.global)(analysis) {
                Ok(g) => {
                    answer.numbers.push(Number::plain(
                        "p_value",
                        format!("{id}.equal-tests"),
                        g.p_value,
                        n,
                    ));
                    answer
                        .numbers
                        .push(Number::plain(statistic, id.clone(), g.statistic, n));
                    answer
                        .numbers
                        .push(Number::plain("df_numerator", id.clone(), g.df1, n));
                    if let Some(df) = g.df2 {
                        answer
                            .numbers
                            .push(Number::plain("df_denominator", id.clone(), df, n));
                    }
                    answer
                        .numbers
                        .push(Number::plain("denominator", id.clone(), g.denominator, n));
                }
                Err(StatisticsError::NotEstimable(reason)) => {
                    answer.numbers.push(Number::none(
                        "p_value",
                        format!("{id}.equal-tests"),
                        n,
                        reason,
                    ));
                }
                Err(other) => return Err(other),
            }
        }
        let mut singles = Vec::new();
        let mut clipped = false;
        for (t, name) in self.tests.iter().enumerate() {
            let outcome = (self.single)(t, analysis, self.level).map(|c| {
                let (c, cut) = c.within_unit();
                clipped |= cut;
                c
            });
            match &outcome {
                Ok(c) => {
                    answer.numbers.push(number(
                        &format!("estimate.{name}"),
                        &self.merit,
                        c,
                        n,
                        &format!("{method}.this-test-only"),
                    ));
                    forest.add(name.clone(), c);
                }
                Err(StatisticsError::NotEstimable(reason)) => {
                    answer.numbers.push(
                        Number::plain(format!("estimate.{name}"), self.merit.clone(), mean(t), n)
                            .without_interval(reason.clone()),
                    );
                }
                Err(_) => {}
            }
            let mut row = vec![Cell::Text(name.clone())];
            row.extend(contrast_cells(outcome)?.into_iter().take(5));
            singles.push(row);
        }
        if self.tests.len() > 1 {
            let mut tests = Vec::new();
            for a in Analysis::ALL {
                tests.push(match (self.global)(a) {
                    Ok(g) => vec![
                        Cell::Text(a.words().into()),
                        Cell::Real(g.statistic),
                        Cell::Real(g.df1),
                        g.df2.map_or(Cell::None, Cell::Real),
                        Cell::Real(g.denominator),
                        Cell::Real(g.p_value),
                    ],
                    Err(StatisticsError::NotEstimable(_)) => {
                        let mut row = vec![Cell::Text(a.words().into())];
                        row.extend(std::iter::repeat_n(Cell::None, 5));
                        row
                    }
                    Err(other) => return Err(other),
                });
            }
            answer.tables.push(table(
                "equal tests, by analysis",
                &[
                    "analysis",
                    "statistic",
                    "df_numerator",
                    "df_denominator",
                    "denominator",
                    "p_value",
                ],
                tests,
            ));
            answer.tables.push(table(
                "differences",
                &[
                    "comparison",
                    "estimate",
                    "standard_error",
                    "df",
                    "lower",
                    "upper",
                    "p_value",
                ],
                rows,
            ));
        }
        answer.tables.push(table(
            "single tests, each from its own data",
            &["test", "estimate", "standard_error", "df", "lower", "upper"],
            singles,
        ));
        answer.notes.push(analysis.words().to_owned());
        if two && let [(a, b)] = pairs(2, reference).as_slice() {
            answer.notes.push(pair_note(self.tests, *a, *b, reference));
        }
        if self.tests.len() > 2 {
            answer.notes.push(
                "the p-values and intervals of the differences are not adjusted for their number"
                    .into(),
            );
        }
        if let Some(margin) = margin {
            answer.notes.push(format!(
                "non-inferior when the lower limit lies above -{margin}"
            ));
        }
        if endless {
            answer.notes.push("the readers do not differ in how they respond to the tests (the mean square of test by reader is 0): the degrees of freedom are infinite, and the normal distribution is taken".into());
        }
        if clipped {
            answer
                .notes
                .push("an interval of a single test was cut to 0 to 1".into());
        }
        answer.curves.push(forest.curve());
        Ok(answer)
    }
}

#[derive(Default)]
struct Forest {
    labels: Vec<String>,
    estimates: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl Forest {
    fn add(&mut self, label: String, c: &Contrast) {
        self.labels.push(label);
        self.estimates.push(c.estimate);
        self.lower.push(c.interval.lower);
        self.upper.push(c.interval.upper);
    }

    fn curve(self) -> Curve {
        let y = (1..=self.labels.len()).map(|i| i as f64).collect();
        let mut curve = Curve::line(Figure::Forest, "tests and differences", self.estimates, y);
        curve.labels = self.labels;
        curve.lower = self.lower;
        curve.upper = self.upper;
        curve
    }
}

fn study(sample: &Sample) -> Outcome<Study> {
    let (Some(reader), Some(case)) = (sample.labels("reader"), sample.labels("case")) else {
        return Err(StatisticsError::Data("reader and case are needed".into()));
    };
    Study::new(&Columns {
        reader,
        test: sample
            .labels("test")
            .filter(|l: &&Labels| !l.codes.is_empty()),
        case,
        truth: sample.binary("truth"),
        rating: sample.reals("rating"),
    })
}

fn merit(sample: &Sample, study: &Study) -> Outcome<Merit> {
    let word = sample.word("figure_of_merit");
    let binary = matches!(word, "sensitivity" | "specificity");
    if let (false, Some(t)) = (binary, sample.optional_real("threshold")) {
        return Err(StatisticsError::setting(
            "threshold",
            format!("{t} with figure_of_merit `{word}`"),
            "it belongs to sensitivity and specificity",
        ));
    }
    let partial = word.starts_with("partial");
    if !partial
        && (sample.real("range_lower") != 0.0
            || sample.real("range_upper") != 1.0
            || sample.flag("normalise"))
    {
        return Err(StatisticsError::setting(
            "range_lower, range_upper, normalise",
            format!("given with figure_of_merit `{word}`"),
            "they belong to partial-auc-specificity and partial-auc-sensitivity",
        ));
    }
    match word {
        "sensitivity" | "specificity" => {
            let threshold = match sample.optional_real("threshold") {
                Some(t) => t,
                None => {
                    let binary = study.occupied().iter().all(|(t, r)| {
                        let cell = study.readings(*t, *r);
                        cell.positive
                            .iter()
                            .chain(&cell.negative)
                            .all(|x| x.rating == 0.0 || x.rating == 1.0)
                    });
                    if !binary {
                        return Err(StatisticsError::setting(
                            "threshold",
                            "not given",
                            "ratings other than 0 and 1 need the lowest rating that counts as positive",
                        ));
                    }
                    1.0
                }
            };
            Ok(if word == "sensitivity" {
                Merit::Sensitivity { threshold }
            } else {
                Merit::Specificity { threshold }
            })
        }
        "partial-auc-specificity" | "partial-auc-sensitivity" => {
            let (lower, upper) = (sample.real("range_lower"), sample.real("range_upper"));
            if lower >= upper {
                return Err(StatisticsError::setting(
                    "range_lower",
                    lower,
                    format!("it lies below range_upper, {upper}"),
                ));
            }
            Ok(Merit::PartialAuc(Range {
                of_sensitivity: word == "partial-auc-sensitivity",
                lower,
                upper,
                normalised: sample.flag("normalise"),
            }))
        }
        _ => Ok(Merit::Auc),
    }
}

fn reference(sample: &Sample, tests: &[String]) -> Outcome<Option<usize>> {
    let word = sample.word("reference");
    if word.is_empty() {
        return Ok(None);
    }
    tests
        .iter()
        .position(|t| t == word)
        .map(Some)
        .ok_or_else(|| {
            StatisticsError::setting(
                "reference",
                format!("`{word}`"),
                format!("one of the {} labels of the column `test`", tests.len()),
            )
        })
}

fn margin(sample: &Sample, reference: Option<usize>) -> Outcome<Option<f64>> {
    let margin = sample.optional_real("margin");
    if margin.is_some() && reference.is_none() {
        return Err(StatisticsError::setting(
            "margin",
            "given without a reference",
            "name the test that the others must not be worse than: reference",
        ));
    }
    Ok(margin)
}

/// Pairs of tests, the new one less the reference: each other against the reference, or all pairs, where
/// the one that sorts first is the reference.
fn pairs(tests: usize, reference: Option<usize>) -> Vec<(usize, usize)> {
    match reference {
        Some(r) => (0..tests).filter(|t| *t != r).map(|t| (t, r)).collect(),
        None => (0..tests)
            .flat_map(|first| (first + 1..tests).map(move |other| (other, first)))
            .collect(),
    }
}

/// Which is new and which the reference.
fn pair_note(names: &[String], a: usize, b: usize, reference: Option<usize>) -> String {
    format!(
        "the difference is new less reference: `{}` less `{}`{}",
        name_of(names, a),
        name_of(names, b),
        if reference.is_none() {
            " (the test that sorts first; name it by `reference`)"
        } else {
            ""
        }
    )
}

fn name_of(names: &[String], at: usize) -> &str {
    names.get(at).map_or("", String::as_str)
}

fn text(names: &[String], at: usize) -> Cell {
    Cell::Text(name_of(names, at).to_owned())
}

fn versus(names: &[String], a: usize, b: usize) -> String {
    format!("{} - {}", name_of(names, a), name_of(names, b))
}

fn versus_id(names: &[String], a: usize, b: usize) -> String {
    format!("{}-{}", name_of(names, a), name_of(names, b))
}

fn whole(value: usize) -> Cell {
    i64::try_from(value).map_or(Cell::None, Cell::Whole)
}

fn kind(analysis: Analysis, chi_squared: bool) -> &'static str {
    match analysis {
        Analysis::Rrrc => "t-hillis",
        Analysis::Frrc if chi_squared => "z",
        _ => "t",
    }
}

fn number(name: &str, definition: &str, c: &Contrast, n: usize, method: &str) -> Number {
    Number::plain(name, definition, c.estimate, n)
        .with_standard_error(c.standard_error)
        .with_interval(c.interval, method)
}

/// Estimate, standard error, df, limits and p-value; empty where it is not estimable.
fn contrast_cells(outcome: Outcome<Contrast>) -> Outcome<Vec<Cell>> {
    match outcome {
        Ok(c) => Ok([
            c.estimate,
            c.standard_error,
            c.df,
            c.interval.lower,
            c.interval.upper,
            c.p_value,
        ]
        .map(Cell::Real)
        .to_vec()),
        Err(StatisticsError::NotEstimable(_)) => Ok(vec![Cell::None; 6]),
        Err(other) => Err(other),
    }
}

fn table(name: &str, columns: &[&str], rows: Vec<Vec<Cell>>) -> Table {
    Table {
        name: name.to_owned(),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        rows,
    }
}

fn moment_row(name: String, moments: &super::ustatistic::Moments) -> Vec<Cell> {
    let mut row = vec![Cell::Text(name)];
    row.extend(moments.unbiased.map(Cell::Real));
    row.extend(moments.coefficients.map(Cell::Real));
    row
}

fn said(answer: &mut Answer, study: &Study, design: Design) {
    answer.notes.push(format!(
        "design: {} ({} tests, {} readers, {} positive and {} negative cases)",
        design.words(),
        study.tests.len(),
        study.readers.len(),
        study.cases.0,
        study.cases.1
    ));
    if study.missing > 0 {
        answer.notes.push(format!(
            "{} rows have no rating and count as not read: the results hold if that has nothing to do with the rating",
            study.missing
        ));
    }
}

/// The empirical ROC curve of each reader in each test, unless there are too many to look at.
fn rocs(study: &Study, merit: Merit) -> Vec<Curve> {
    let cells = study.occupied();
    if cells.len() > 40 || matches!(merit, Merit::Sensitivity { .. } | Merit::Specificity { .. }) {
        return Vec::new();
    }
    cells
        .iter()
        .map(|(t, r)| {
            let cell = study.readings(*t, *r);
            let (x, y) = roc_points(&cell.positive, &cell.negative, None)
                .into_iter()
                .unzip();
            Curve::line(
                Figure::Roc,
                format!(
                    "{} / {}",
                    name_of(&study.tests, *t),
                    name_of(&study.readers, *r)
                ),
                x,
                y,
            )
        })
        .collect()
}
