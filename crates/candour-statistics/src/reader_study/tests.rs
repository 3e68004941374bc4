//! Reader studies against published output, definitions in R, and their own properties.

#![allow(
    clippy::collapsible_if,
    reason = "a guard that does not hold is no failure"
)]
use super::*;
use crate::catalogue::{Column, Labels, Sample};
use crate::number::{Answer, Cell, StatisticsError};
use crate::random::Philox;
use proptest::prelude::*;
use serde_json::Value;

const FOLDER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../testdata/statistics/reader_study/"
);

/// Rows of reader, test, case, truth, rating.
type Row = (String, String, String, bool, f64);

fn read(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(format!("{FOLDER}{name}")).unwrap()).unwrap()
}

fn van_dyke() -> Vec<Row> {
    std::fs::read_to_string(format!("{FOLDER}van_dyke.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|l| {
            let f: Vec<&str> = l.split(',').collect();
            (
                f[0].into(),
                f[1].into(),
                f[2].into(),
                f[3] == "1",
                f[4].parse().unwrap(),
            )
        })
        .collect()
}

fn set(reference: &Value, name: &str) -> Vec<Row> {
    if name == "van_dyke" {
        return van_dyke();
    }
    let d = &reference["sets"][name];
    let n = d["case"].as_array().unwrap().len();
    let at = |k: &str, i: usize| d[k][i].as_f64().unwrap();
    (0..n)
        .map(|i| {
            let word = |k: &str| format!("{}", at(k, i));
            (
                word("reader"),
                word("test"),
                word("case"),
                at("truth", i) == 1.0,
                at("rating", i),
            )
        })
        .collect()
}

fn study(rows: &[Row]) -> Result<Study, StatisticsError> {
    let column = |f: fn(&Row) -> &String| Labels::of(&rows.iter().map(f).collect::<Vec<_>>());
    Study::new(&Columns {
        reader: &column(|r| &r.0),
        test: Some(&column(|r| &r.1)),
        case: &column(|r| &r.2),
        truth: &rows.iter().map(|r| r.3).collect::<Vec<_>>(),
        rating: &rows.iter().map(|r| r.4).collect::<Vec<_>>(),
    })
}

fn run(id: &str, rows: &[Row], settings: &[(&str, &str)]) -> Result<Answer, StatisticsError> {
    let entry = ENTRIES.iter().find(|e| e.id == id).unwrap();
    let label =
        |f: fn(&Row) -> &String| Column::Label(Labels::of(&rows.iter().map(f).collect::<Vec<_>>()));
    let mut columns = Vec::new();
    for role in entry.roles {
        let column = match role.name {
            "reader" => label(|r| &r.0),
            "test" => label(|r| &r.1),
            "case" => label(|r| &r.2),
            "truth" => Column::Binary(rows.iter().map(|r| r.3).collect()),
            _ => Column::Real(rows.iter().map(|r| r.4).collect()),
        };
        columns.push((role.name.to_owned(), role.name.to_owned(), column));
    }
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(a, b)| ((*a).into(), (*b).into()))
        .collect();
    (entry.run)(&Sample::new(entry, columns, &settings)?)
}

/// The worst relative difference seen, and a check of each.
#[derive(Default)]
struct Check {
    worst: f64,
    at: String,
    count: usize,
}

impl Check {
    fn near(&mut self, what: &str, got: f64, expected: &Value) {
        let Some(expected) = expected.as_f64() else {
            panic!("{what}: no expected value, got {got}");
        };
        self.near_within(what, got, expected, 1e-9);
    }

    fn near_within(&mut self, what: &str, got: f64, expected: f64, tolerance: f64) {
        let difference = (got - expected).abs() / expected.abs().max(1e-6);
        assert!(
            difference <= tolerance,
            "{what}: {got} against {expected}, off by {difference:e}"
        );
        self.count += 1;
        if difference > self.worst {
            (self.worst, self.at) = (difference, what.to_owned());
        }
    }
}

fn list(v: &Value) -> Vec<f64> {
    match v {
        Value::Array(a) => a.iter().flat_map(list).collect(),
        Value::Number(n) => vec![n.as_f64().unwrap()],
        _ => Vec::new(),
    }
}

fn number(a: &Answer, name: &str) -> f64 {
    a.number(name)
        .unwrap_or_else(|| panic!("no {name}"))
        .value
        .unwrap()
}

fn merit_of(case: &Value) -> Merit {
    let threshold = case["threshold"].as_f64().unwrap_or(f64::NAN);
    let range = |of_sensitivity| {
        Merit::PartialAuc(Range {
            of_sensitivity,
            lower: 0.7,
            upper: 1.0,
            normalised: false,
        })
    };
    match case["kind"].as_str().unwrap() {
        "sensitivity" => Merit::Sensitivity { threshold },
        "specificity" => Merit::Specificity { threshold },
        "partial-auc-specificity" => range(false),
        "partial-auc-sensitivity" => range(true),
        _ => Merit::Auc,
    }
}

/// reference.json: definitions in R, mean squares by aov.
#[test]
fn obuchowski_rockette_agrees_with_the_definitions_in_r() {
    let reference = read("reference.json");
    let mut check = Check::default();
    let mut negative = 0;
    for case in reference["or"].as_array().unwrap() {
        let name = case["set"].as_str().unwrap();
        let method = Method::from_word(case["covariance"].as_str().unwrap());
        let mut or = ObuchowskiRockette::new(
            &study(&set(&reference, name)).unwrap(),
            merit_of(case),
            method,
        )
        .unwrap();
        let what = |w: &str| format!("{name} {} {method:?} {w}", case["kind"]);
        // R orders cells by reader, then test.
        let (t, r) = (or.tests.len(), or.readers.len());
        let order: Vec<usize> = (0..r)
            .flat_map(|j| (0..t).map(move |i| i * r + j))
            .collect();
        let matrix = list(&case["matrix"]);
        for (a, i) in order.iter().enumerate() {
            check.near(&what("theta"), or.merits.values[*i], &case["theta"][a]);
            for (b, j) in order.iter().enumerate() {
                let expected = matrix[a * order.len() + b];
                check.near_within(
                    &what("covariance"),
                    or.merits.covariance.at(*i, *j),
                    expected,
                    1e-8,
                );
            }
        }
        let c = or.components;
        let (reader, interaction) = or.reader_components();
        for (key, got) in [
            ("ms_t", or.ms_t.unwrap()),
            ("ms_r", or.ms_r.unwrap()),
            ("ms_tr", or.ms_error.unwrap()),
            ("var_error", c.var_error),
            ("cov1", c.cov1),
            ("cov2", c.cov2),
            ("cov3", c.cov3),
            ("var_r", reader.unwrap()),
            ("var_tr", interaction.unwrap()),
        ] {
            check.near(&what(key), got, &case[key]);
        }
        negative += usize::from(or.negative());
        for analysis in Analysis::ALL {
            let e = &case[analysis.word()];
            let g = or.global(analysis).unwrap();
            check.near(&what("f"), g.statistic, &e["f"]);
            check.near(&what("p"), g.p_value, &e["p"]);
            if let Some(df) = g.df2 {
                check.near(&what("df2"), df, &e["df2"]);
            }
            let mut pair = 0;
            for a in 0..t {
                for b in a + 1..t {
                    let d = or.difference(a, b, analysis, 0.95).unwrap();
                    let at = |k: &str| {
                        let v = &e[format!("diff.{k}")];
                        if v.is_array() { &v[pair] } else { v }
                    };
                    check.near(&what("se"), d.standard_error, at("se"));
                    check.near(&what("lower"), d.interval.lower, at("lower"));
                    check.near(&what("upper"), d.interval.upper, at("upper"));
                    check.near(&what("p"), d.p_value, at("p"));
                    pair += 1;
                }
                let s = or.single(a, analysis, 0.95).unwrap().within_unit().0;
                let e = &case["single"][a];
                check.near(&what("mean"), s.estimate, &e["estimate"]);
                check.near(
                    &what("single se"),
                    s.standard_error,
                    &e[format!("{}_se", analysis.word())],
                );
                check.near(
                    &what("single lower"),
                    s.interval.lower,
                    &e[analysis.word()][0],
                );
                check.near(
                    &what("single upper"),
                    s.interval.upper,
                    &e[analysis.word()][1],
                );
                if analysis == Analysis::Rrrc {
                    check.near(&what("single df"), s.df, &e["rrrc_df"]);
                }
            }
        }
        or.keep_negative = true;
        if case["frrc_unclamped"].is_number() {
            check.near(
                &what("unclamped"),
                or.global(Analysis::Frrc).unwrap().statistic,
                &case["frrc_unclamped"],
            );
        }
    }
    println!(
        "OR: {} numbers, worst {:e} at {}; {negative} with Cov2 < Cov3",
        check.count, check.worst, check.at
    );
    assert!(check.count > 3000 && negative > 0);
}

/// published.json: output of OR-DBM MRMC, MRMCaov and RJafroc, to the digits they print.
#[test]
fn van_dyke_agrees_with_the_published_output() {
    let p = read("published.json");
    let rows = van_dyke();
    let half = |digits: i32| 0.5001 * 10f64.powi(-digits);
    let near = |what: &str, got: f64, expected: &Value, digits: i32| {
        let e = expected.as_f64().unwrap();
        assert!((got - e).abs() <= half(digits), "{what}: {got} against {e}");
    };
    // Published as test 1 less test 2.
    let a = run("mrmc-or", &rows, &[("reference", "2")]).unwrap();
    let iowa = &p["or_dbm_mrmc"];
    for (name, key) in [
        ("difference", "difference"),
        ("estimate.1", "mean_1"),
        ("estimate.2", "mean_2"),
        ("ms_test", "ms_t"),
        ("ms_reader", "ms_r"),
        ("ms_test_reader", "ms_tr"),
        ("var_reader", "var_r"),
        ("var_test_reader", "var_tr"),
        ("cov1", "cov1"),
        ("cov2", "cov2"),
        ("cov3", "cov3"),
        ("var_error", "var_error"),
    ] {
        near(name, number(&a, name), &iowa[key], 8);
    }
    let m = &p["mrmcaov"];
    near("f", number(&a, "f_statistic"), &m["f"], 6);
    near("df", number(&a, "df_denominator"), &m["df2"], 5);
    near("p", number(&a, "p_value"), &m["p"], 8);
    let d = a.number("difference").unwrap();
    assert_eq!(a.numbers[0].name, "difference");
    near("se", d.standard_error.unwrap(), &m["standard_error"], 8);
    near("lower", d.interval.unwrap().lower, &m["lower"], 10);
    near("upper", d.interval.unwrap().upper, &m["upper"], 10);
    assert!(
        a.notes
            .iter()
            .any(|n| n.contains("factorial: every reader read every case")),
        "{:?}",
        a.notes
    );
    for analysis in Analysis::ALL {
        let a = run(
            "mrmc-or",
            &rows,
            &[("analysis", analysis.word()), ("reference", "2")],
        )
        .unwrap();
        for test in 1..=2 {
            let n = a.number(&format!("estimate.{test}")).unwrap();
            let e = &iowa[format!("{}_single_{test}", analysis.word())];
            near("estimate", n.value.unwrap(), &e[0], 8);
            near("se", n.standard_error.unwrap(), &e[1], 8);
            near("lower", n.interval.unwrap().lower, &e[2], 8);
            near("upper", n.interval.unwrap().upper, &e[3], 8);
        }
        if analysis == Analysis::Frrc {
            near(
                "chi",
                number(&a, "chi_squared"),
                &iowa["frrc_chi_squared"],
                5,
            );
            assert!((number(&a, "p_value") - 0.01928).abs() < 5e-6);
            let readers = a
                .tables
                .iter()
                .find(|t| t.name.starts_with("differences by reader"))
                .unwrap();
            for (j, row) in readers.rows.iter().enumerate() {
                for (column, key, digits) in [
                    (2, "reader_difference", 5),
                    (3, "reader_standard_error", 5),
                    (7, "reader_p", 4),
                ] {
                    let Cell::Real(v) = row[column] else { panic!() };
                    near(key, v, &iowa[key][j], digits);
                }
            }
        }
    }
    let dbm = run("mrmc-dbm", &rows, &[]).unwrap();
    for (name, key) in [
        ("var_reader", "dbm_var_r"),
        ("var_case", "dbm_var_c"),
        ("var_test_reader", "dbm_var_tr"),
        ("var_test_case", "dbm_var_tc"),
        ("var_reader_case", "dbm_var_rc"),
        ("var_error", "dbm_var_error"),
    ] {
        near(name, number(&dbm, name), &iowa[key], 8);
    }
    let r = &p["rjafroc"];
    near("dbm f", number(&dbm, "f_statistic"), &r["dbm_f"], 6);
    near("dbm p", number(&dbm, "p_value"), &r["dbm_p"], 8);
    for (analysis, key) in [("frrc", "dbm_frrc"), ("rrfc", "dbm_rrfc")] {
        let a = run(
            "mrmc-dbm",
            &rows,
            &[("analysis", analysis), ("reference", "2")],
        )
        .unwrap();
        near(key, number(&a, "p_value"), &r[key][0], 8);
        let i = a.number("difference").unwrap().interval.unwrap();
        near(key, i.lower, &r[key][1], 8);
        near(key, i.upper, &r[key][2], 8);
    }
    let plan = Plan {
        effect: r["power_effect"].as_f64().unwrap(),
        var_test_reader: number(&a, "var_test_reader"),
        var_error: number(&a, "var_error"),
        cov1: number(&a, "cov1"),
        cov2: number(&a, "cov2"),
        cov3: number(&a, "cov3"),
        pilot_cases: 114.0,
        alpha: 0.05,
    };
    for analysis in Analysis::ALL {
        let e = list(&r[format!("power_{}", analysis.word())]);
        let power = plan.power(e[0], e[1], analysis).unwrap().power;
        assert!(
            (power / e[2] - 1.0).abs() < 2e-8,
            "{analysis:?} {power} {}",
            e[2]
        );
    }
    near(
        "power",
        plan.power(6.0, 111.0, Analysis::Rrrc).unwrap().power,
        &r["power_6_111"],
        7,
    );
    let (cases, _) = plan
        .cases_needed(6.0, 0.8, 2000, Analysis::Rrrc)
        .unwrap()
        .unwrap();
    assert_eq!(cases, r["cases_for_6_readers"].as_u64().unwrap());
}

#[test]
fn pseudovalues_agree_with_aov_in_r() {
    let reference = read("reference.json");
    let mut check = Check::default();
    for case in reference["dbm"].as_array().unwrap() {
        let name = case["set"].as_str().unwrap();
        let dbm =
            Pseudovalues::new(&study(&set(&reference, name)).unwrap(), merit_of(case)).unwrap();
        let m = dbm.ms;
        for (key, got) in [
            ("t", m.t),
            ("r", m.r),
            ("c", m.c),
            ("tr", m.tr),
            ("tc", m.tc),
            ("rc", m.rc),
            ("trc", m.trc),
        ] {
            check.near(&format!("{name} {key}"), got, &case["ms"][key]);
        }
        for analysis in Analysis::ALL {
            let g = dbm.global(analysis).unwrap();
            let e = &case[analysis.word()];
            check.near("f", g.statistic, &e["f"]);
            check.near("p", g.p_value, &e["p"]);
            check.near("df2", g.df2.unwrap(), &e["df2"]);
        }
        for (t, e) in case["single"].as_array().unwrap().iter().enumerate() {
            let s = dbm.single(t, Analysis::Rrrc, 0.95).unwrap().within_unit().0;
            check.near("single df", s.df, &e["df"]);
            check.near("single lower", s.interval.lower, &e["rrrc"][0]);
            check.near("single upper", s.interval.upper, &e["rrrc"][1]);
            let s = dbm.single(t, Analysis::Frrc, 0.95).unwrap().within_unit().0;
            check.near("single lower", s.interval.lower, &e["frrc"][0]);
            check.near("single upper", s.interval.upper, &e["frrc"][1]);
        }
    }
    println!(
        "DBM: {} numbers, worst {:e} at {}",
        check.count, check.worst, check.at
    );
}

#[test]
fn u_statistics_agree_with_the_moments_by_definition_in_r() {
    let reference = read("reference.json");
    let mut check = Check::default();
    for case in reference["u_statistics"].as_array().unwrap() {
        let name = case["set"].as_str().unwrap();
        let u = UStatistics::new(&study(&set(&reference, name)).unwrap()).unwrap();
        let df = |check: &mut Check, got: Option<f64>, e: &Value| match got {
            Some(d) => check.near(&format!("{name} df"), d, e),
            None => assert!(!e.is_number(), "{name}: no df, {e}"),
        };
        for ((m, s), e) in u
            .tests
            .iter()
            .zip(&u.estimates)
            .zip(case["single"].as_array().unwrap())
        {
            check.near(&format!("{name} auc"), s.value, &e["auc"]);
            check.near(&format!("{name} variance"), s.variance, &e["variance"]);
            check.near(
                &format!("{name} v"),
                s.variance_biased,
                &e["variance_biased"],
            );
            df(&mut check, s.df, &e["df"]);
            df(&mut check, s.df_biased, &e["df_biased"]);
            for k in 0..8 {
                check.near(&format!("{name} m{k}"), m.unbiased[k], &e["moments"][k]);
                check.near(
                    &format!("{name} c{k}"),
                    m.coefficients[k],
                    &e["coefficients"][k],
                );
            }
            if let Ok(i) = s.infer(Estimator::U, DfRule::Imrmc, 0.5, 0.95) {
                check.near(&format!("{name} ci"), i.interval.lower, &e["ci"][0]);
                check.near(&format!("{name} ci"), i.interval.upper, &e["ci"][1]);
            }
        }
        for ((_, _, m, s), e) in u.pairs.iter().zip(case["pairs"].as_array().unwrap()) {
            check.near(&format!("{name} difference"), s.value, &e["difference"]);
            check.near(
                &format!("{name} covariance"),
                m.covariance,
                &e["covariance"],
            );
            check.near(&format!("{name} pair variance"), s.variance, &e["variance"]);
            check.near(
                &format!("{name} pair v"),
                s.variance_biased,
                &e["variance_biased"],
            );
            df(&mut check, s.df, &e["df"]);
            df(&mut check, s.df_biased, &e["df_biased"]);
            for (estimator, key) in [(Estimator::U, "test"), (Estimator::V, "test_biased")] {
                match s.infer(estimator, DfRule::Imrmc, 0.0, 0.95) {
                    Ok(i) => {
                        check.near(&format!("{name} p"), i.p_value, &e[key][0]);
                        check.near(&format!("{name} lower"), i.interval.lower, &e[key][1]);
                        check.near(&format!("{name} upper"), i.interval.upper, &e[key][2]);
                    }
                    Err(e2) => assert!(!e[key][0].is_number(), "{name} {e2} {e}"),
                }
            }
        }
    }
    println!(
        "BDG: {} numbers, worst {:e} at {}",
        check.count, check.worst, check.at
    );
    assert!(check.count > 300);
}

#[test]
fn standalone_power_and_reading_time_agree_with_r() {
    let reference = read("reference.json");
    let mut check = Check::default();
    for case in reference["standalone"].as_array().unwrap() {
        let test = format!("{}", case["test"]);
        let rows: Vec<Row> = set(&reference, case["set"].as_str().unwrap())
            .into_iter()
            .filter(|r| r.1 == test)
            .collect();
        let s = Standalone::new(
            &study(&rows).unwrap(),
            &format!("{}", case["who"]),
            Merit::Auc,
            Method::Jackknife,
        )
        .unwrap();
        check.near("standalone", s.standalone, &case["standalone"]);
        check.near("readers", s.mean, &case["readers"]);
        check.near("var", s.var_error, &case["var_error"]);
        check.near("cov2", s.cov2, &case["cov2"]);
        let d = s.difference(Analysis::Rrrc, 0.95).unwrap();
        check.near("t", d.statistic, &case["t"]);
        check.near("df", d.df, &case["df"]);
        check.near("p", d.p_value, &case["p"]);
        check.near("lower", d.interval.lower, &case["ci"][0]);
        check.near("upper", d.interval.upper, &case["ci"][1]);
        let d = s.difference(Analysis::Rrfc, 0.95).unwrap();
        check.near("rrfc p", d.p_value, &case["rrfc_p"]);
        check.near("rrfc lower", d.interval.lower, &case["rrfc_ci"][0]);
        let d = s.difference(Analysis::Frrc, 0.95).unwrap();
        check.near("frrc p", d.p_value, &case["frrc_p"]);
        check.near("frrc se", d.standard_error, &case["frrc_se"]);
    }
    for case in reference["power"].as_array().unwrap() {
        let v = |k: &str| case[k].as_f64().unwrap();
        let plan = Plan {
            effect: v("effect"),
            var_test_reader: v("var_tr"),
            var_error: v("var_error"),
            cov1: v("cov1"),
            cov2: v("cov2"),
            cov3: v("cov3"),
            pilot_cases: v("pilot"),
            alpha: v("alpha"),
        };
        // R's pf(ncp) stops at 1e-9.
        for analysis in Analysis::ALL {
            let p = plan.power(v("readers"), v("cases"), analysis).unwrap();
            check.near_within("power", p.power, v(analysis.word()), 2e-8);
        }
    }
    for case in reference["noncentral_f"].as_array().unwrap() {
        let v = |k: &str| case[k].as_f64().unwrap();
        let got = noncentral_f_cdf(v("x"), v("d1"), v("d2"), v("ncp"));
        assert!((got - v("cdf")).abs() < 3e-9, "{case} {got}");
    }
    let time = &reference["reading_time"];
    let d = &time["data"];
    let times = list(&d["time"]);
    let n = |k: &str| list(&d[k]).into_iter().fold(0.0, f64::max) as usize;
    // R's expand.grid has cases fastest, then readers, then tests.
    let result = ReadingTime::new(n("test"), n("reader"), n("case"), &times).unwrap();
    let c = result.difference(0, 1, 0.95).unwrap();
    check.near("time difference", c.estimate, &time["difference"]);
    check.near("time se", c.standard_error, &time["se"]);
    check.near("time df", c.df, &time["df"]);
    check.near("time p", c.p_value, &time["p"]);
    check.near("time ratio", c.interval.lower.exp(), &time["ratio"][1]);
    check.near("time ratio", c.interval.upper.exp(), &time["ratio"][2]);
    check.near_within(
        "lme4",
        c.standard_error,
        time["lme4_se"].as_f64().unwrap(),
        1e-4,
    );
    let rows: Vec<Row> = (0..times.len())
        .map(|i| {
            let word = |k: &str| format!("{}", d[k][i]);
            (word("reader"), word("test"), word("case"), false, times[i])
        })
        .collect();
    let a = run("reading-time", &rows, &[("reference", "2")]).unwrap();
    check.near("entry", number(&a, "time_ratio"), &time["ratio"][0]);
    assert!(run("reading-time", &rows[1..], &[]).is_err());
    println!(
        "standalone, power, time: {} numbers, worst {:e} at {}",
        check.count, check.worst, check.at
    );
}

#[test]
fn designs_are_read_off_the_data() {
    let reference = read("reference.json");
    for (name, design) in [
        ("van_dyke", Design::Factorial),
        ("nested_readers", Design::CasesInReaders),
        ("nested_tests", Design::CasesInTests),
        ("missing", Design::Unbalanced),
        ("readers_in_tests", Design::ReadersInTests),
    ] {
        assert_eq!(
            study(&set(&reference, name)).unwrap().design(),
            design,
            "{name}"
        );
    }
    // A reader without a test; the U-statistic covers it, the analysis of variance says why not.
    let mut rows = van_dyke();
    rows.retain(|r| !(r.0 == "3" && r.1 == "2"));
    assert_eq!(study(&rows).unwrap().design(), Design::Arbitrary);
    assert!(
        run("mrmc-or", &rows, &[])
            .unwrap_err()
            .to_string()
            .contains("mrmc-ustatistic")
    );
    assert!(
        run("mrmc-dbm", &rows, &[])
            .unwrap_err()
            .to_string()
            .contains("fully crossed")
    );
    assert!(number(&run("mrmc-ustatistic", &rows, &[]).unwrap(), "variance") > 0.0);
    // Missing ratings are readings not made.
    let mut rows = van_dyke();
    rows[7].4 = f64::NAN;
    let a = run("mrmc-or", &rows, &[]).unwrap();
    assert!(
        a.notes.iter().any(|n| n.contains("1 rows have no rating")),
        "{:?}",
        a.notes
    );
    assert!(a.notes.iter().any(|n| n.contains("not fully crossed")));
    let mut left_out = van_dyke();
    left_out.remove(7);
    assert_eq!(
        number(&run("mrmc-or", &left_out, &[]).unwrap(), "p_value"),
        number(&a, "p_value")
    );
}

#[test]
fn readers_nested_in_tests_weigh_as_the_balanced_formula() {
    let reference = read("reference.json");
    let or = ObuchowskiRockette::new(
        &study(&set(&reference, "readers_in_tests")).unwrap(),
        Merit::Auc,
        Method::Unbiased,
    )
    .unwrap();
    assert!(or.nested);
    assert_eq!(or.reader_weight(), 2.0);
    // MS(T) and MS(R(T)) by hand from the cell values.
    let v = &or.merits.values;
    let (m1, m2) = ((v[0] + v[1]) / 2.0, (v[2] + v[3]) / 2.0);
    assert!((or.ms_t.unwrap() - (m1 - m2).powi(2)).abs() < 1e-14);
    assert!(
        (or.ms_error.unwrap() - ((v[0] - v[1]).powi(2) + (v[2] - v[3]).powi(2)) / 4.0).abs()
            < 1e-14
    );
    let g = or.global(Analysis::Rrrc).unwrap();
    let d = or.difference(0, 1, Analysis::Rrrc, 0.95).unwrap();
    assert!((d.statistic.powi(2) - g.statistic).abs() < 1e-9);
    assert!((d.p_value - g.p_value).abs() < 1e-12);
}

#[test]
fn non_inferiority_follows_the_lower_limit() {
    let rows = van_dyke();
    let with = |margin: &str, reference: &str| {
        run(
            "mrmc-or",
            &rows,
            &[("margin", margin), ("reference", reference)],
        )
        .unwrap()
    };
    let a = with("0.05", "1");
    assert!(number(&a, "difference") > 0.0);
    assert!(number(&a, "non_inferiority_p_value") < 0.001);
    // At a margin equal to minus the lower limit the one-sided p-value is 2.5 %.
    let lower = a.number("difference").unwrap().interval.unwrap().lower;
    let at = run(
        "mrmc-or",
        &rows,
        &[("margin", &format!("{}", -lower)), ("reference", "1")],
    )
    .unwrap();
    assert!((number(&at, "non_inferiority_p_value") - 0.025).abs() < 1e-9);
    assert!(number(&with("0.05", "2"), "difference") < 0.0);
    assert!(run("mrmc-or", &rows, &[("margin", "0.05")]).is_err());
    assert!(run("mrmc-or", &rows, &[("reference", "3")]).is_err());
    let s = run(
        "standalone-vs-readers",
        &rows
            .iter()
            .filter(|r| r.1 == "1")
            .cloned()
            .collect::<Vec<_>>(),
        &[("standalone", "4"), ("margin", "0.05")],
    )
    .unwrap();
    assert!(number(&s, "non_inferiority_p_value") < 0.05);
    assert!(
        run(
            "standalone-vs-readers",
            &rows[..228],
            &[("standalone", "9")]
        )
        .is_err()
    );
    let u = run(
        "mrmc-ustatistic",
        &rows,
        &[("margin", "0.05"), ("reference", "1")],
    )
    .unwrap();
    assert!(number(&u, "non_inferiority_p_value") < 0.01);
    assert!(u.number("df_hillis").is_some());
}

#[test]
fn binary_endpoints_and_many_tests() {
    let binary: Vec<Row> = van_dyke()
        .into_iter()
        .map(|mut r| {
            r.4 = f64::from(u8::from(r.4 >= 4.0));
            r
        })
        .collect();
    let a = run("mrmc-or", &binary, &[("figure_of_merit", "sensitivity")]).unwrap();
    let b = run(
        "mrmc-or",
        &van_dyke(),
        &[("figure_of_merit", "sensitivity"), ("threshold", "4")],
    )
    .unwrap();
    assert_eq!(number(&a, "p_value"), number(&b, "p_value"));
    let unbiased = run(
        "mrmc-or",
        &binary,
        &[
            ("figure_of_merit", "sensitivity"),
            ("covariance", "unbiased"),
        ],
    )
    .unwrap();
    assert!((number(&a, "p_value") - number(&unbiased, "p_value")).abs() < 1e-10);
    assert_eq!(a.numbers[0].n, 45);
    assert!(
        run(
            "mrmc-or",
            &van_dyke(),
            &[("figure_of_merit", "sensitivity")]
        )
        .is_err()
    );
    assert!(
        run(
            "mrmc-or",
            &binary,
            &[("figure_of_merit", "specificity"), ("covariance", "delong")]
        )
        .is_err()
    );
    let full = run(
        "mrmc-or",
        &van_dyke(),
        &[("figure_of_merit", "partial-auc-specificity")],
    )
    .unwrap();
    assert!((number(&full, "p_value") - 0.05166569).abs() < 1e-8);
    let reference = read("reference.json");
    let a = run("mrmc-or", &set(&reference, "tri"), &[]).unwrap();
    assert!(a.number("difference.3-1").is_some() && a.number("p_value.3-2").is_some());
    for id in ["mrmc-dbm", "mrmc-ustatistic"] {
        assert!(
            run(id, &set(&reference, "tri"), &[])
                .unwrap()
                .number("difference.2-1")
                .is_some()
        );
    }
}

#[test]
fn degenerate_studies_say_why() {
    let row = |r: &str, t: &str, c: usize, truth: bool, x: f64| {
        (r.to_owned(), t.to_owned(), format!("{c}"), truth, x)
    };
    let all = |cases: &[(bool, f64)]| -> Vec<Row> {
        ["a", "b"]
            .iter()
            .flat_map(|t| {
                ["x", "y", "z"].iter().flat_map(move |r| {
                    cases
                        .iter()
                        .enumerate()
                        .map(move |(c, (p, v))| row(r, t, c, *p, *v))
                })
            })
            .collect()
    };
    let ids = ["mrmc-or", "mrmc-dbm", "mrmc-ustatistic"];
    let one_class = all(&[(true, 1.0), (true, 2.0), (true, 3.0)]);
    let tiny = all(&[(true, 1.0), (false, 0.0)]);
    for id in ids {
        for rows in [&one_class, &tiny] {
            assert!(
                matches!(run(id, rows, &[]), Err(StatisticsError::NotEstimable(_))),
                "{id}"
            );
        }
        assert!(run(id, &[], &[]).is_err());
        // Perfect separation and constant ratings: values, but no interval and no p-value.
        for (high, auc) in [(5.0, 1.0), (1.0, 0.5)] {
            let rows = all(&[
                (true, high),
                (true, high),
                (true, high),
                (false, 1.0),
                (false, 1.0),
            ]);
            let a = run(id, &rows, &[]).unwrap();
            let d = a.number("difference").unwrap();
            assert!(
                d.value == Some(0.0) && d.interval.is_none() && d.not_estimable.is_some(),
                "{id} {d:?}"
            );
            assert!(a.number("p_value").unwrap().value.is_none());
            let single = a
                .numbers
                .iter()
                .find(|n| n.name == "estimate.a" || n.name == "auc.a")
                .unwrap();
            assert!(single.value == Some(auc) && single.interval.is_none());
        }
        let mut twice = van_dyke();
        twice.push(twice[0].clone());
        assert!(matches!(
            run(id, &twice, &[]),
            Err(StatisticsError::Value { .. })
        ));
        let mut both = van_dyke();
        both[0].3 = true;
        assert!(matches!(
            run(id, &both, &[]),
            Err(StatisticsError::Value { .. })
        ));
        // Infinite ratings only rank.
        let mut infinite = van_dyke();
        for r in &mut infinite {
            if r.4 == 5.0 {
                r.4 = f64::INFINITY;
            }
        }
        assert_eq!(
            number(&run(id, &infinite, &[]).unwrap(), "p_value"),
            number(&run(id, &van_dyke(), &[]).unwrap(), "p_value")
        );
    }
    // One reader: fixed readers only. One test: no comparison.
    let one: Vec<Row> = van_dyke().into_iter().filter(|r| r.0 == "1").collect();
    let a = run("mrmc-or", &one, &[]).unwrap();
    assert!(a.number("difference").unwrap().interval.is_none());
    let a = run("mrmc-or", &one, &[("analysis", "frrc")]).unwrap();
    assert!((number(&a, "p_value") - 0.2693).abs() < 5e-5);
    assert!(
        number(
            &run("mrmc-dbm", &one, &[("analysis", "frrc")]).unwrap(),
            "p_value"
        ) > 0.2
    );
    assert!(matches!(
        run("mrmc-ustatistic", &one, &[]),
        Err(StatisticsError::NotEstimable(_))
    ));
    let single: Vec<Row> = van_dyke().into_iter().filter(|r| r.1 == "1").collect();
    for id in ids {
        let a = run(id, &single, &[]).unwrap();
        assert!(
            a.number("p_value").is_none() && a.numbers[0].interval.is_some(),
            "{id}"
        );
    }
    let a = run("reader-study-power", &[], &POWER).unwrap();
    assert!((number(&a, "power") - 0.80541995).abs() < 1e-4);
    let mut impossible = POWER;
    impossible[7].1 = "0.0001";
    assert!(matches!(
        run("reader-study-power", &[], &impossible),
        Err(StatisticsError::NotEstimable(_))
    ));
    let mut small = POWER;
    small[2].1 = "0.001";
    assert!(
        run("reader-study-power", &[], &small)
            .unwrap()
            .number("cases_needed")
            .unwrap()
            .value
            .is_none()
    );
    assert!(
        noncentral_f_cdf(f64::NAN, 1.0, 2.0, 3.0).is_nan()
            && noncentral_f_cdf(1.0, 1.0, 2.0, -1.0).is_nan()
    );
}

/// Rows of tests, readers and cases, all crossed.
fn crossed_rows(
    tests: &[&str],
    readers: &[&str],
    cases: usize,
    rating: impl Fn(usize, usize, usize) -> f64,
) -> Vec<Row> {
    let mut rows = Vec::new();
    for (t, test) in tests.iter().enumerate() {
        for (r, reader) in readers.iter().enumerate() {
            for c in 0..cases {
                rows.push((
                    (*reader).to_owned(),
                    (*test).to_owned(),
                    format!("{c}"),
                    c % 2 == 0,
                    rating(t, r, c),
                ));
            }
        }
    }
    rows
}

fn said(a: &Answer, words: &str) -> bool {
    a.notes.iter().any(|n| n.contains(words))
}

/// The same readings in both tests: a difference of 0 with no error, and what rounding leaves of it is
/// no inference.
#[test]
fn rounding_is_no_inference() {
    let rating = |r: usize, c: usize| {
        ((c * 37 + r * 11) % 17) as f64 + if c.is_multiple_of(2) { 4.0 } else { 0.0 }
    };
    let same = crossed_rows(&["a", "b"], &["x", "y", "z"], 41, |_, r, c| rating(r, c));
    for id in ["mrmc-or", "mrmc-dbm"] {
        for analysis in ["rrrc", "frrc", "rrfc"] {
            for extra in [("reference", "a"), ("reference", "b")] {
                let a = run(id, &same, &[("analysis", analysis), extra]).unwrap();
                let d = a.number("difference").unwrap();
                assert!(
                    d.value == Some(0.0) && d.interval.is_none(),
                    "{id} {analysis} {d:?}"
                );
                assert!(
                    a.number("p_value").unwrap().value.is_none(),
                    "{id} {analysis}"
                );
            }
        }
    }
    for covariance in ["delong", "unbiased"] {
        let a = run(
            "mrmc-or",
            &same,
            &[("covariance", covariance), ("analysis", "frrc")],
        )
        .unwrap();
        assert!(a.number("p_value").unwrap().value.is_none(), "{covariance}");
    }
    for variance in ["u", "v"] {
        let a = run("mrmc-ustatistic", &same, &[("variance", variance)]).unwrap();
        let d = a.number("difference").unwrap();
        assert!(
            d.value == Some(0.0) && d.interval.is_none(),
            "{variance} {d:?}"
        );
    }
    // Three readers that rate alike: MS(TR) is 0 and the degrees of freedom are infinite, and that is said.
    let alike = crossed_rows(&["a", "b"], &["x", "y", "z"], 41, |t, _, c| {
        rating(3 * t, c)
    });
    for id in ["mrmc-or", "mrmc-dbm"] {
        let a = run(id, &alike, &[]).unwrap();
        assert_eq!(number(&a, "ms_test_reader"), 0.0, "{id}");
        assert!(
            said(&a, "degrees of freedom are infinite"),
            "{id} {:?}",
            a.notes
        );
        let p = number(&a, "p_value");
        assert!(p > 0.0 && p <= 1.0, "{id} {p}");
    }
    // Times that do not vary within a condition have a ratio, but no error.
    for (a, b) in [(5.0, 6.1), (5.3, 5.3)] {
        let times = crossed_rows(&["aided", "unaided"], &["x", "y", "z"], 13, |t, _, _| {
            if t == 0 { a } else { b }
        });
        let got = run("reading-time", &times, &[]).unwrap();
        let ratio = got.number("time_ratio").unwrap();
        assert!((ratio.value.unwrap() - b / a).abs() < 1e-12, "{ratio:?}");
        assert!(ratio.interval.is_none() && ratio.not_estimable.is_some());
        assert!(got.number("p_value").is_none() && !said(&got, "negative"));
    }
    // Readers that equal the algorithm.
    let equal = crossed_rows(&["a"], &["ai", "x", "y"], 41, |_, _, c| rating(0, c));
    let a = run("standalone-vs-readers", &equal, &[("standalone", "ai")]).unwrap();
    let d = a.number("readers_minus_standalone").unwrap();
    assert!(d.value == Some(0.0) && d.interval.is_none(), "{d:?}");
}

/// Intervals of areas end within 0 to 1, of differences within -1 to 1, and what was done is said.
#[test]
fn u_statistics_are_clipped_and_their_degrees_of_freedom_explained() {
    let few = crossed_rows(&["a", "b"], &["x", "y"], 6, |t, r, c| {
        let own = [
            [9.0, 1.0, 8.0, 2.0, 3.0, 4.0],
            [5.0, 1.0, 2.0, 3.0, 9.0, 8.0],
        ];
        own[(t + r) % 2][c] + t as f64 * (c % 3) as f64
    });
    let a = run(
        "mrmc-ustatistic",
        &few,
        &[("variance", "v"), ("df_rule", "fractional")],
    )
    .unwrap();
    let mut cut = false;
    for n in &a.numbers {
        let (least, most) = if n.name.starts_with("auc.") {
            (0.0, 1.0)
        } else if n.name == "difference" {
            (-1.0, 1.0)
        } else {
            continue;
        };
        let i = n.interval.unwrap();
        assert!(i.lower >= least && i.upper <= most, "{n:?}");
        cut |= i.lower == least || i.upper == most;
    }
    assert!(cut && said(&a, "was clipped"), "{:?}", a.notes);
    // Readers that disagree about which test is better, by far: their component is all there is.
    let torn = crossed_rows(&["a", "b"], &["x", "y", "z"], 40, |t, r, c| {
        let noise = ((c * 37 + r * 11 + t * 5) % 17) as f64 / 17.0;
        noise
            + if (t == 0) == (r == 0) && c % 2 == 0 {
                0.9
            } else {
                0.0
            }
    });
    let a = run("mrmc-ustatistic", &torn, &[]).unwrap();
    assert!(said(&a, "df_bdg stands at its floor, 2"), "{:?}", a.notes);
    // Van Dyke: the degrees of freedom are a fraction, which the rule of iMRMC rounds down.
    let a = run("mrmc-ustatistic", &van_dyke(), &[]).unwrap();
    let df = number(&a, "df_bdg");
    assert!(df.fract() != 0.0 && df < 50.0);
    assert!(
        said(&a, &format!("is rounded down to {}", df.floor())),
        "{:?}",
        a.notes
    );
    assert!(!said(&a, "clipped"));
}

/// The readers' mean beside the algorithm is the analysis of one test of these readers, and the
/// algorithm's own error is that of one fixed reader.
#[test]
fn standalone_and_readers_have_intervals() {
    let rows: Vec<Row> = van_dyke().into_iter().filter(|r| r.1 == "1").collect();
    let others: Vec<Row> = rows.iter().filter(|r| r.0 != "4").cloned().collect();
    let own: Vec<Row> = rows.iter().filter(|r| r.0 == "4").cloned().collect();
    for analysis in Analysis::ALL {
        let word = ("analysis", analysis.word());
        let a = run("standalone-vs-readers", &rows, &[("standalone", "4"), word]).unwrap();
        let same = |name: &str, other: &Answer| {
            let (x, y) = (a.number(name).unwrap(), other.number("estimate.1").unwrap());
            assert!((x.value.unwrap() - y.value.unwrap()).abs() < 1e-12);
            assert!((x.standard_error.unwrap() - y.standard_error.unwrap()).abs() < 1e-12);
            let (i, j) = (x.interval.unwrap(), y.interval.unwrap());
            assert!((i.lower - j.lower).abs() < 1e-12 && (i.upper - j.upper).abs() < 1e-12);
        };
        same("readers_mean", &run("mrmc-or", &others, &[word]).unwrap());
        if analysis == Analysis::Rrfc {
            assert!(a.number("standalone").unwrap().not_estimable.is_some());
        } else {
            same(
                "standalone",
                &run("mrmc-or", &own, &[("analysis", "frrc")]).unwrap(),
            );
        }
    }
}

/// Everywhere the difference is new less reference, and the reference is the test that sorts first
/// unless one is named.
#[test]
fn differences_are_new_less_reference() {
    let rows = van_dyke();
    for id in ["mrmc-or", "mrmc-dbm", "mrmc-ustatistic"] {
        let bare = run(id, &rows, &[]).unwrap();
        let named = run(id, &rows, &[("reference", "1")]).unwrap();
        let turned = run(id, &rows, &[("reference", "2")]).unwrap();
        assert_eq!(
            number(&bare, "difference"),
            number(&named, "difference"),
            "{id}"
        );
        assert!((number(&bare, "difference") + number(&turned, "difference")).abs() < 1e-15);
        assert!(
            said(&bare, "`2` less `1`") && said(&turned, "`1` less `2`"),
            "{:?}",
            bare.notes
        );
    }
}

/// A setting that would do nothing is refused.
#[test]
fn settings_without_a_part_are_refused() {
    let rows = van_dyke();
    for settings in [
        [("threshold", "3"), ("figure_of_merit", "auc")],
        [("range_lower", "0.5"), ("figure_of_merit", "auc")],
        [("normalise", "true"), ("figure_of_merit", "auc")],
    ] {
        assert!(matches!(
            run("mrmc-or", &rows, &settings),
            Err(StatisticsError::Setting { .. })
        ));
    }
    // 1 - 0.95 is not printed with its rounding.
    let a = run("reader-study-power", &[], &POWER).unwrap();
    assert!(
        said(&a, "two-sided test at 0.05") && !said(&a, "0.0500000"),
        "{:?}",
        a.notes
    );
}

const POWER: [(&str, &str); 10] = [
    ("readers", "10"),
    ("cases", "165"),
    ("effect", "-0.0438003"),
    ("var_test_reader", "0.0002004025"),
    ("cov1", "0.0003466137"),
    ("cov2", "0.0003440748"),
    ("cov3", "0.0002390284"),
    ("var_error", "0.0008022883"),
    ("pilot_cases", "114"),
    ("goal", "0.8"),
];

/// Roe and Metz (1997), low data correlation with high reader variance (HL, mean area about 0.86), 2 tests, 5 readers, 25 + 25 cases.
fn roe_metz(seed: u64, replicate: u64, shift: f64) -> Vec<Row> {
    let mut random = Philox::new(seed, replicate);
    let (readers, cases) = (5, 50);
    let [c, tc, rc, e]: [f64; 4] = [0.1, 0.1, 0.2, 0.6];
    let (r, tr): (f64, f64) = (0.03, 0.03);
    let mut draw =
        |n: usize, v: f64| -> Vec<f64> { (0..n).map(|_| random.normal() * v.sqrt()).collect() };
    let case = draw(cases, c);
    let by_test = draw(2 * cases, tc);
    let by_reader = draw(readers * cases, rc);
    let reader = draw(2 * readers, r);
    let interaction = draw(4 * readers, tr);
    let error = draw(2 * readers * cases, e);
    let mut rows = Vec::new();
    for t in 0..2 {
        for j in 0..readers {
            for k in 0..cases {
                let truth = k % 2 == 1;
                let class = usize::from(truth);
                let mean = if truth { 1.5 + shift * t as f64 } else { 0.0 };
                let rating = mean
                    + reader[class * readers + j]
                    + interaction[(class * 2 + t) * readers + j]
                    + case[k]
                    + by_test[t * cases + k]
                    + by_reader[j * cases + k]
                    + error[(t * readers + j) * cases + k];
                rows.push((
                    format!("{j}"),
                    format!("{t}"),
                    format!("{k}"),
                    truth,
                    rating,
                ));
            }
        }
    }
    rows
}

/// Type-I error at 5 % over 600 studies (Monte-Carlo standard error 0.009): random readers and cases
/// within 3.5 of it from nominal; U within 0.09; V-statistic conservative. Fixed readers or cases
/// reject too often where readers and cases are random, as they must.
#[test]
fn type_one_error_is_nominal_under_roe_and_metz() {
    let mut rejected = [0u32; 6];
    let runs = 600;
    for replicate in 0..runs {
        let study = study(&roe_metz(7, replicate, 0.0)).unwrap();
        let jackknife = ObuchowskiRockette::new(&study, Merit::Auc, Method::Jackknife).unwrap();
        let p = |or: &ObuchowskiRockette, a| or.global(a).unwrap().p_value;
        let u = UStatistics::new(&study).unwrap().pairs[0].3;
        let by = |estimator| {
            u.infer(estimator, DfRule::Imrmc, 0.0, 0.95)
                .map_or(1.0, |i| i.p_value)
        };
        let delong = ObuchowskiRockette::new(&study, Merit::Auc, Method::DeLong).unwrap();
        for (slot, p) in rejected.iter_mut().zip([
            p(&jackknife, Analysis::Rrrc),
            p(&delong, Analysis::Rrrc),
            p(&jackknife, Analysis::Frrc),
            p(&jackknife, Analysis::Rrfc),
            by(Estimator::U),
            by(Estimator::V),
        ]) {
            *slot += u32::from(p < 0.05);
        }
    }
    let rate = rejected.map(|r| f64::from(r) / f64::from(u32::try_from(runs).unwrap()));
    println!(
        "type-I error: RRRC {} {}, FRRC {}, RRFC {}, U {}, V {}",
        rate[0], rate[1], rate[2], rate[3], rate[4], rate[5]
    );
    for r in [rate[0], rate[1]] {
        assert!((0.05 - 0.031..=0.05 + 0.031).contains(&r), "{rate:?}");
    }
    assert!(rate[4] < 0.09 && rate[5] <= rate[4], "{rate:?}");
}

fn crossed() -> impl Strategy<Value = (Vec<Row>, usize)> {
    (2usize..4, 2usize..4, 2usize..6, 2usize..6).prop_flat_map(|(t, r, m, n)| {
        prop::collection::vec(-3i32..4, t * r * (m + n)).prop_map(move |v| {
            let rows = v
                .iter()
                .enumerate()
                .map(|(i, x)| {
                    let (cell, k) = (i / (m + n), i % (m + n));
                    (
                        format!("r{}", cell % r),
                        format!("t{}", cell / r),
                        format!("{k}"),
                        k < m,
                        f64::from(*x),
                    )
                })
                .collect();
            (rows, t)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn pseudovalues_equal_the_jackknife_for_random_readers_and_cases((rows, _) in crossed()) {
        let study = study(&rows).unwrap();
        let or = ObuchowskiRockette::new(&study, Merit::Auc, Method::Jackknife).unwrap();
        let dbm = Pseudovalues::new(&study, Merit::Auc).unwrap();
        for analysis in [Analysis::Rrrc, Analysis::Rrfc] {
            if let (Ok(a), Ok(b)) = (or.global(analysis), dbm.global(analysis)) {
                if a.denominator > 1e-9 {
                    prop_assert!((a.statistic - b.statistic).abs() <= 1e-7 * (1.0 + a.statistic), "{a:?} {b:?}");
                    prop_assert!((a.p_value - b.p_value).abs() < 1e-7);
                }
            }
            if let (Ok(a), Ok(b)) = (or.single(0, analysis, 0.9), dbm.single(0, analysis, 0.9)) {
                if a.standard_error > 1e-6 {
                    prop_assert!((a.standard_error - b.standard_error).abs() < 1e-8);
                }
            }
        }
    }

    #[test]
    fn monotone_ratings_row_order_and_swapped_tests((rows, tests) in crossed(), seed in 0u64..1000) {
        let one = ObuchowskiRockette::new(&study(&rows).unwrap(), Merit::Auc, Method::Unbiased).unwrap();
        let mut moved = rows.clone();
        Philox::new(seed, 0).shuffle(&mut moved);
        for r in &mut moved {
            r.4 = (r.4 / 2.0).exp() - 9.0;
        }
        let two = ObuchowskiRockette::new(&study(&moved).unwrap(), Merit::Auc, Method::Unbiased).unwrap();
        prop_assert_eq!(&one, &two);
        let mut swapped = rows.clone();
        for r in &mut swapped {
            let t: usize = r.1[1..].parse().unwrap();
            r.1 = format!("t{}", tests - 1 - t);
        }
        let back = ObuchowskiRockette::new(&study(&swapped).unwrap(), Merit::Auc, Method::Unbiased).unwrap();
        for analysis in Analysis::ALL {
            if let (Ok(a), Ok(b)) = (one.difference(0, tests - 1, analysis, 0.95), back.difference(0, tests - 1, analysis, 0.95)) {
                if a.standard_error > 1e-6 {
                    prop_assert!((a.estimate + b.estimate).abs() < 1e-12);
                    prop_assert!((a.standard_error - b.standard_error).abs() < 1e-9);
                }
            }
        }
        // Turning the ratings mirrors the area and keeps the covariance.
        let mut turned = rows.clone();
        for r in &mut turned {
            r.4 = -r.4;
        }
        let other = ObuchowskiRockette::new(&study(&turned).unwrap(), Merit::Auc, Method::Jackknife).unwrap();
        let same = ObuchowskiRockette::new(&study(&rows).unwrap(), Merit::Auc, Method::Jackknife).unwrap();
        for (i, (a, b)) in same.merits.values.iter().zip(&other.merits.values).enumerate() {
            prop_assert!((a + b - 1.0).abs() < 1e-12);
            prop_assert!((same.merits.covariance.at(i, 0) - other.merits.covariance.at(i, 0)).abs() < 1e-12);
        }
    }

    #[test]
    fn one_test_against_the_algorithm_equals_two_tests_with_the_algorithm_repeated((rows, _) in crossed()) {
        let rows: Vec<Row> = rows.into_iter().filter(|r| r.1 == "t0").collect();
        let mut with: Vec<Row> = rows.clone();
        with.extend(rows.iter().filter(|r| r.0 == "r0").map(|r| ("ai".into(), r.1.clone(), r.2.clone(), r.3, r.4 * if r.2 == "0" { -1.0 } else { 1.0 })));
        let one = Standalone::new(&study(&with).unwrap(), "ai", Merit::Auc, Method::Jackknife).unwrap();
        let mut two = rows.clone();
        for r in with.iter().filter(|r| r.0 == "ai") {
            for reader in rows.iter().map(|r| &r.0).collect::<std::collections::BTreeSet<_>>() {
                two.push((reader.clone(), "ai".into(), r.2.clone(), r.3, r.4));
            }
        }
        let or = ObuchowskiRockette::new(&study(&two).unwrap(), Merit::Auc, Method::Jackknife).unwrap();
        if let (Ok(a), Ok(b)) = (one.difference(Analysis::Rrrc, 0.95), or.difference(1, 0, Analysis::Rrrc, 0.95)) {
            if a.standard_error > 1e-6 {
                prop_assert!((a.estimate - b.estimate).abs() < 1e-10);
                prop_assert!((a.standard_error - b.standard_error).abs() < 1e-9, "{a:?} {b:?}");
                if one.ms_r > 1e-9 {
                    prop_assert!((a.df / b.df - 1.0).abs() < 1e-6);
                }
            }
        }
    }

    #[test]
    fn unbiased_variance_of_crossed_studies_is_the_same_by_moments_and_by_covariances((rows, _) in crossed()) {
        // Both estimate from the same products: MS(R)/r + Cov2 is the U-statistic variance of a mean.
        let study = study(&rows).unwrap();
        let or = ObuchowskiRockette::new(&study, Merit::Auc, Method::Unbiased).unwrap();
        let u = UStatistics::new(&study).unwrap();
        for (t, e) in u.estimates.iter().enumerate() {
            let (_, cov2, ms) = or.within_test(t);
            let r = or.readers.len() as f64;
            prop_assert!((ms.unwrap() / r + cov2 - e.variance).abs() < 1e-10);
        }
    }

    #[test]
    fn nothing_panics(values in prop::collection::vec((0u8..3, 0u8..3, 0u8..6, prop::sample::select(vec![0.0, 1.0, 2.0, f64::INFINITY, f64::NAN])), 0..40), fom in 0usize..5) {
        let rows: Vec<Row> = values.iter().map(|(r, t, c, x)| (format!("{r}"), format!("{t}"), format!("{c}"), c % 2 == 0, *x)).collect();
        let word = ["auc", "sensitivity", "specificity", "partial-auc-specificity", "partial-auc-sensitivity"][fom];
        for covariance in Method::WORDS {
            for analysis in Analysis::WORDS {
                let _ = run("mrmc-or", &rows, &[("figure_of_merit", word), ("threshold", "1"), ("covariance", covariance), ("analysis", analysis)]);
            }
        }
        let _ = run("mrmc-dbm", &rows, &[("figure_of_merit", word), ("threshold", "1")]);
        let _ = run("mrmc-ustatistic", &rows, &[("variance", "v"), ("df_rule", "fractional")]);
        let _ = run("standalone-vs-readers", &rows, &[("standalone", "0")]);
    }
}
