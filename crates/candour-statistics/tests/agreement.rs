//! Agreement against statsmodels, krippendorff, pingouin, SciPy, irrCAC, psych, epiR, lme4 and
//! published tables (testdata/statistics/agreement).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr
)]

use candour_statistics::agreement::{
    self, bland_altman, categorical, concordance, icc, regression, repeatability,
};
use candour_statistics::catalogue::{Column, Labels, Sample};
use candour_statistics::random::Philox;
use candour_statistics::resample::{Units, quantile};
use candour_statistics::{Answer, Cell, StatisticsError};
use proptest::prelude::*;
use serde_json::Value;

fn load(file: &str) -> Value {
    let path = format!(
        "{}/../../testdata/statistics/agreement/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn reals(v: &Value) -> Vec<f64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap())
        .collect()
}

fn words(v: &Value) -> Vec<String> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_i64().map_or(String::new(), |v| v.to_string()))
        .collect()
}

fn label(role: &str, cells: &[String]) -> (String, String, Column) {
    (role.into(), role.into(), Column::Label(Labels::of(cells)))
}

fn real(role: &str, values: &[f64]) -> (String, String, Column) {
    (role.into(), role.into(), Column::Real(values.to_vec()))
}

fn try_run(
    id: &str,
    columns: Vec<(String, String, Column)>,
    settings: &[(&str, &str)],
) -> Result<Answer, StatisticsError> {
    let entry = agreement::ENTRIES.iter().find(|e| e.id == id).unwrap();
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(a, b)| ((*a).into(), (*b).into()))
        .collect();
    entry.answer(&Sample::new(entry, columns, &settings)?, &[])
}

fn run(id: &str, columns: Vec<(String, String, Column)>, settings: &[(&str, &str)]) -> Answer {
    try_run(id, columns, settings).unwrap_or_else(|e| panic!("{id}: {e}"))
}

fn value(a: &Answer, name: &str) -> f64 {
    a.number(name)
        .unwrap_or_else(|| panic!("no {name}"))
        .value
        .unwrap_or_else(|| panic!("{name}: {:?}", a.number(name)))
}

fn limits(a: &Answer, name: &str) -> (f64, f64) {
    let i = a
        .number(name)
        .unwrap()
        .interval
        .unwrap_or_else(|| panic!("{name}: {:?}", a.number(name)));
    (i.lower, i.upper)
}

/// Relative difference, or the absolute one below `floor`.
fn near(got: f64, expected: f64, tolerance: f64, what: &str) {
    let gap = (got - expected).abs();
    assert!(
        gap <= tolerance * expected.abs().max(1e-6),
        "{what}: {got} against {expected}"
    );
}

fn same(got: f64, expected: &Value, tolerance: f64, what: &str) {
    near(
        got,
        expected
            .as_f64()
            .unwrap_or_else(|| panic!("{what}: {expected}")),
        tolerance,
        what,
    );
}

fn case<'a>(list: &'a Value, name: &Value) -> &'a Value {
    list.as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == *name)
        .unwrap()
}

#[test]
fn kappa_agrees_with_statsmodels_and_psych() {
    let (data, python, r) = (load("data.json"), load("python.json"), load("r.json"));
    for row in python["kappa"].as_array().unwrap() {
        let c = case(&data["kappa"], &row["name"]);
        let k = c["k"].as_i64().unwrap();
        let order: Vec<String> = (0..k).map(|i| i.to_string()).collect();
        let weights = row["weights"].as_str().unwrap();
        let a = run(
            "kappa",
            vec![
                label("rating", &words(&c["a"])),
                label("rating", &words(&c["b"])),
            ],
            &[("weights", weights), ("categories", &order.join(","))],
        );
        let what = format!("{} {weights}", row["name"]);
        same(value(&a, "kappa"), &row["kappa"], 1e-10, &what);
        if row["name"] == "one-sided" {
            // Kappa is 0 whatever happens: its standard error is 0, and there is no interval.
            assert!(a.number("kappa").unwrap().interval.is_none());
            continue;
        }
        same(
            a.number("kappa").unwrap().standard_error.unwrap(),
            &row["se"],
            1e-10,
            &what,
        );
        // statsmodels does not end its interval where kappa ends.
        let end = |name: &str| row[name].as_f64().unwrap().clamp(-1.0, 1.0);
        near(limits(&a, "kappa").0, end("lower"), 1e-10, &what);
        near(limits(&a, "kappa").1, end("upper"), 1e-10, &what);
        let passed = row["lower"].as_f64().unwrap() < -1.0 || row["upper"].as_f64().unwrap() > 1.0;
        let said = a
            .notes
            .iter()
            .any(|n| n.contains("`kappa`") && n.contains("clipped"));
        assert_eq!(passed, said, "{what}");
        same(value(&a, "null_standard_error"), &row["se0"], 1e-10, &what);
        same(value(&a, "z"), &row["z"], 1e-9, &what);
        if row["p"].as_f64().unwrap() > 1e-12 {
            near(
                value(&a, "p_value"),
                row["p"].as_f64().unwrap(),
                1e-9,
                &what,
            );
        }
        if !row["max"].is_null() {
            same(value(&a, "kappa_maximum"), &row["max"], 1e-10, &what);
        }
        let p = case(&r["kappa"], &row["name"]);
        let v = match weights {
            "none" => &p["kappa"],
            other => &p[other],
        };
        same(value(&a, "kappa"), v, 1e-10, &what);
        // psych 2.2.9 weighs rows by their sum of weights in its weighted standard error.
        if weights == "none" {
            same(
                a.number("kappa").unwrap().standard_error.unwrap(),
                &p["se"],
                1e-9,
                &what,
            );
        }
    }
}

fn wide(c: &Value) -> Vec<(String, String, Column)> {
    let rows = c["rows"].as_array().unwrap();
    let m = rows[0].as_array().unwrap().len();
    (0..m)
        .map(|j| {
            label(
                "rating",
                &rows
                    .iter()
                    .map(|r| r[j].as_i64().map_or(String::new(), |v| v.to_string()))
                    .collect::<Vec<_>>(),
            )
        })
        .collect()
}

fn order(c: &Value) -> String {
    (1..=c["k"].as_i64().unwrap())
        .map(|i| i.to_string())
        .collect::<Vec<_>>()
        .join(",")
}

#[test]
fn fleiss_agrees_with_the_published_value_and_statsmodels() {
    let (data, python) = (load("data.json"), load("python.json"));
    let counts: Vec<Vec<f64>> = data["fleiss_1971"]
        .as_array()
        .unwrap()
        .iter()
        .map(reals)
        .collect();
    let f = categorical::fleiss_kappa(&counts).unwrap();
    near(f.value, 0.430, 1.2e-3, "Fleiss 1971");
    // Fleiss, Nee and Landis 1979 write the same standard error as in R's irr: z = 17.7 for these data.
    near(
        f.value / f.null_standard_error,
        17.7,
        3e-3,
        "z of irr 0.84's diagnoses example",
    );
    for (k, expected) in [0.245, 0.245, 0.520, 0.471, 0.566].iter().enumerate() {
        near(
            f.by_category[k].unwrap(),
            *expected,
            2.1e-3,
            "Fleiss 1971 by category",
        );
    }
    for row in python["fleiss"].as_array().unwrap() {
        let got = if row["name"] == "fleiss-1971" {
            f.value
        } else {
            value(
                &run("kappa-fleiss", wide(case(&data["many"], &row["name"])), &[]),
                "kappa",
            )
        };
        same(got, &row["kappa"], 1e-12, "statsmodels");
    }
}

#[test]
fn krippendorff_agrees_with_python() {
    let (data, python) = (load("data.json"), load("python.json"));
    for row in python["alpha"].as_array().unwrap() {
        let c = case(&data["many"], &row["name"]);
        let a = run(
            "krippendorff-alpha",
            wide(c),
            &[
                ("measurement", row["level"].as_str().unwrap()),
                ("replicates", "200"),
            ],
        );
        same(value(&a, "alpha"), &row["alpha"], 1e-11, &format!("{row}"));
        let (low, high) = limits(&a, "alpha");
        assert!(low < high);
    }
}

#[test]
fn ac_agrees_with_irrcac() {
    let (data, irrcac) = (load("data.json"), load("irrcac.json"));
    for row in irrcac["rows"].as_array().unwrap() {
        let c = case(&data["many"], &row["name"]);
        let names = order(c);
        let (id, name, settings) = if row["kind"] == "gwet" {
            (
                "agreement-ac1",
                "ac",
                vec![
                    ("weights", row["weights"].as_str().unwrap()),
                    ("categories", names.as_str()),
                ],
            )
        } else {
            (
                "kappa-fleiss",
                "kappa",
                vec![("categories", names.as_str())],
            )
        };
        let a = run(id, wide(c), &settings);
        let what = format!("{row}");
        same(value(&a, name), &row["value"], 1e-9, &what);
        same(value(&a, "observed_agreement"), &row["pa"], 1e-9, &what);
        same(value(&a, "expected_agreement"), &row["pe"], 1e-9, &what);
        same(
            a.number(name).unwrap().standard_error.unwrap(),
            &row["se"],
            1e-9,
            &what,
        );
        // The t quantile of its SciPy 1.12 is off by 4e-9 (R agrees with ours).
        same(limits(&a, name).0, &row["lower"], 1e-7, &what);
        same(limits(&a, name).1, &row["upper"], 1e-7, &what);
    }
}

#[test]
fn icc_agrees_with_shrout_and_fleiss_psych_and_pingouin() {
    let (data, python, r) = (load("data.json"), load("python.json"), load("r.json"));
    for c in data["icc"].as_array().unwrap() {
        let rows: Vec<Vec<f64>> = c["rows"].as_array().unwrap().iter().map(reals).collect();
        let forms = icc::mean_squares(&rows).unwrap().forms(0.95).unwrap();
        if c["name"] == "shrout-fleiss-1979" {
            for (f, published) in forms.iter().zip([0.17, 0.29, 0.71, 0.44, 0.62, 0.91]) {
                assert!((f.value - published).abs() < 0.005001, "{f:?}");
            }
        }
        let (p, t) = (
            case(&python["icc"], &c["name"]),
            case(&r["icc"], &c["name"]),
        );
        // With a mean of 1e4 and an SD of 1e-3 the reference tools are off by 1e-10 (against 40 digits).
        let tolerance = if c["name"] == "large-mean" {
            1e-8
        } else {
            1e-9
        };
        for (i, f) in forms.iter().enumerate() {
            let what = format!("{} {}", c["name"], f.name);
            same(f.value, &t["icc"][i], tolerance, &what);
            same(f.f, &t["f"][i], tolerance, &what);
            same(f.df2, &t["df2"][i], 1e-12, &what);
            if c["name"] != "large-mean" {
                near(f.p_value, t["p"][i].as_f64().unwrap(), 1e-8, &what);
            }
            let interval = f.interval.unwrap();
            same(interval.lower, &t["lower"][i], tolerance, &what);
            same(interval.upper, &t["upper"][i], tolerance, &what);
            same(
                f.value,
                &p["icc"][i],
                tolerance,
                &format!("pingouin {what}"),
            );
        }
    }
}

#[test]
fn ccc_agrees_with_epir() {
    let (data, r) = (load("data.json"), load("r.json"));
    for c in data["pairs"].as_array().unwrap() {
        let (x, y) = (reals(&c["first"]), reals(&c["second"]));
        let t = case(&r["ccc"], &c["name"]);
        let columns = || vec![real("first", &x), real("second", &y)];
        let a = run("ccc", columns(), &[]);
        let what = format!("{}", c["name"]);
        same(value(&a, "ccc"), &t["ccc"], 1e-9, &what);
        same(limits(&a, "ccc").0, &t["zl"], 1e-8, &what);
        same(limits(&a, "ccc").1, &t["zu"], 1e-8, &what);
        same(value(&a, "scale_shift"), &t["scale"], 1e-9, &what);
        same(value(&a, "location_shift"), &t["location"], 1e-9, &what);
        same(value(&a, "accuracy"), &t["accuracy"], 1e-9, &what);
        let a = run("ccc", columns(), &[("interval", "asymptotic")]);
        same(limits(&a, "ccc").0, &t["al"], 1e-8, &what);
        let upper = t["au"].as_f64().unwrap();
        near(limits(&a, "ccc").1, upper.min(1.0), 1e-8, &what);
        let said = a.notes.iter().any(|n| n.contains("clipped"));
        assert_eq!(upper > 1.0, said, "{what}");
    }
}

#[test]
fn bland_altman_agrees_with_the_papers() {
    let (data, r) = (load("data.json"), load("r.json"));
    for c in data["pairs"].as_array().unwrap() {
        let (x, y) = (reals(&c["first"]), reals(&c["second"]));
        let t = case(&r["bland_altman"], &c["name"]);
        let columns = || vec![real("first", &x), real("second", &y)];
        let what = format!("{}", c["name"]);
        let a = run("bland-altman", columns(), &[]);
        if c["name"] == "pefr-1986" {
            // Bland and Altman 1986: bias -2.1, SD 38.8; bias -22.0 to 17.8. Their limits use 2 SD.
            assert!(
                (value(&a, "bias") + 2.1).abs() < 0.05
                    && (value(&a, "standard_deviation") - 38.8).abs() < 0.05
            );
            let (low, high) = limits(&a, "bias");
            assert!(
                (low + 22.0).abs() < 0.1 && (high - 17.8).abs() < 0.1,
                "{low} {high}"
            );
        }
        same(value(&a, "bias"), &t["bias"], 1e-9, &what);
        same(value(&a, "standard_deviation"), &t["sd"], 1e-10, &what);
        same(limits(&a, "bias").0, &t["bias_ci"][0], 1e-9, &what);
        same(value(&a, "lower_limit"), &t["lower"], 1e-9, &what);
        same(value(&a, "upper_limit"), &t["upper"], 1e-9, &what);
        same(
            limits(&a, "upper_limit").0,
            &t["upper_1999"][0],
            1e-9,
            &what,
        );
        same(
            limits(&a, "upper_limit").1,
            &t["upper_1999"][1],
            1e-9,
            &what,
        );
        same(value(&a, "proportional_bias"), &t["slope"], 1e-8, &what);
        same(
            value(&a, "proportional_bias_p_value"),
            &t["slope_p"],
            1e-8,
            &what,
        );
        same(value(&a, "spread_slope"), &t["spread"], 1e-8, &what);
        same(
            value(&a, "spread_slope_p_value"),
            &t["spread_p"],
            1e-8,
            &what,
        );
        let b = run("bland-altman", columns(), &[("limits_interval", "1986")]);
        same(
            limits(&b, "upper_limit").1,
            &t["upper_1986"][1],
            1e-9,
            &what,
        );
        let b = run("bland-altman", columns(), &[("limits_interval", "exact")]);
        same(
            limits(&b, "upper_limit").0,
            &t["upper_exact"][0],
            1e-8,
            &what,
        );
        same(
            limits(&b, "upper_limit").1,
            &t["upper_exact"][1],
            1e-8,
            &what,
        );
        let b = run("bland-altman", columns(), &[("limits", "t")]);
        same(value(&b, "upper_limit"), &t["t_upper"], 1e-9, &what);
        let b = run("bland-altman", columns(), &[("scale", "ratio")]);
        same(value(&b, "bias"), &t["ratio"], 1e-10, &what);
        same(value(&b, "upper_limit"), &t["ratio_upper"], 1e-10, &what);
        let b = run("bland-altman", columns(), &[("scale", "percent")]);
        same(value(&b, "bias"), &t["percent"], 1e-9, &what);
    }
    for c in data["repeated"].as_array().unwrap() {
        let (x, y) = (reals(&c["first"]), reals(&c["second"]));
        let t = case(&r["repeated"], &c["name"]);
        for kind in ["varying", "constant"] {
            let e = &t[kind];
            let columns = vec![
                real("first", &x),
                real("second", &y),
                label("subject", &words(&c["subject"])),
            ];
            let a = run("bland-altman", columns, &[("true_value", kind)]);
            let what = format!("{} {kind}", c["name"]);
            same(value(&a, "bias"), &e["bias"], 1e-9, &what);
            same(value(&a, "standard_deviation"), &e["sd"], 1e-9, &what);
            same(limits(&a, "upper_limit").0, &e["upper_ci"][0], 1e-9, &what);
            same(limits(&a, "upper_limit").1, &e["upper_ci"][1], 1e-9, &what);
            if kind == "varying" {
                same(value(&a, "lower_limit"), &e["lower"], 1e-9, &what);
                same(value(&a, "upper_limit"), &e["upper"], 1e-9, &what);
                same(
                    value(&a, "variance_between_subjects"),
                    &e["between"],
                    1e-9,
                    &what,
                );
            }
        }
    }
}

#[test]
fn repeatability_agrees() {
    let (data, python, r) = (load("data.json"), load("python.json"), load("r.json"));
    for c in data["repeated"].as_array().unwrap() {
        let t = case(&python["within"], &c["name"]);
        let a = run(
            "repeatability",
            vec![
                real("measurement", &reals(&c["first"])),
                label("subject", &words(&c["subject"])),
            ],
            &[],
        );
        for (name, field) in [
            ("wsd", "wsd"),
            ("repeatability_coefficient", "rc"),
            ("wcv", "wcv"),
            ("repeatability_coefficient_percent", "rc_percent"),
            ("wcv_log", "wcv_log"),
            ("change_percent_lower", "change_lower"),
            ("change_percent_upper", "change_upper"),
        ] {
            same(value(&a, name), &t[field], 1e-10, name);
        }
        same(limits(&a, "wsd").0, &t["wsd_ci"][0], 1e-10, "wsd");
        same(limits(&a, "wsd").1, &t["wsd_ci"][1], 1e-10, "wsd");
        same(limits(&a, "wcv").1, &t["wcv_ci"][1], 1e-10, "wcv");
    }
    let c = &data["cross"];
    let a = run(
        "repeatability",
        vec![
            real("measurement", &reals(&c["measurement"])),
            label("subject", &words(&c["subject"])),
            label("condition", &words(&c["condition"])),
        ],
        &[],
    );
    same(
        value(&a, "reproducibility_coefficient"),
        &r["cross"]["rdc"],
        1e-9,
        "rdc",
    );
    same(
        limits(&a, "reproducibility_coefficient").0,
        &r["cross"]["ci"][0],
        1e-9,
        "rdc",
    );
    same(
        limits(&a, "reproducibility_coefficient").1,
        &r["cross"]["ci"][1],
        1e-9,
        "rdc",
    );
    let table = a.tables.iter().find(|t| t.name == "variance").unwrap();
    for (row, field) in [(0, "s"), (1, "c"), (2, "s:c"), (3, "Residual")] {
        let Cell::Real(v) = table.rows[row][1] else {
            panic!()
        };
        // lme4's optimiser stops at about six digits.
        same(v, &r["cross_lme4"][field], 1e-4, field);
    }
}

#[test]
fn lines_agree() {
    let (data, python, r) = (load("data.json"), load("python.json"), load("r.json"));
    for c in data["pairs"].as_array().unwrap() {
        let (x, y) = (reals(&c["first"]), reals(&c["second"]));
        let what = format!("{}", c["name"]);
        let t = case(&r["linear"], &c["name"]);
        let columns = || vec![real("reference", &x), real("measurement", &y)];
        let a = run("linearity", columns(), &[]);
        same(value(&a, "slope"), &t["slope"], 1e-9, &what);
        same(value(&a, "intercept"), &t["intercept"], 1e-9, &what);
        same(limits(&a, "slope").0, &t["slope_ci"][0], 1e-9, &what);
        same(
            limits(&a, "intercept").1,
            &t["intercept_ci"][1],
            1e-9,
            &what,
        );
        same(value(&a, "r_squared"), &t["r2"], 1e-9, &what);
        same(
            value(&a, "quadratic_coefficient"),
            &t["quadratic"],
            1e-7,
            &what,
        );
        same(
            value(&a, "curvature_p_value"),
            &t["quadratic_p"],
            1e-7,
            &what,
        );
        same(value(&a, "bias"), &t["bias"], 1e-9, &what);
        same(limits(&a, "bias").1, &t["bias_ci"][1], 1e-9, &what);
        same(value(&a, "bias_percent"), &t["percent"], 1e-9, &what);
        let s = case(&python["theil_sen"], &c["name"]);
        let a = run("linearity", columns(), &[("fit", "theil-sen")]);
        same(value(&a, "slope"), &s["slope"], 1e-10, &what);
        same(value(&a, "intercept"), &s["intercept"], 1e-9, &what);
        if let Some(i) = a.number("slope").unwrap().interval {
            same(i.lower, &s["lower"], 1e-10, &what);
            same(i.upper, &s["upper"], 1e-10, &what);
        }
    }
    let columns = |c: &Value| {
        vec![
            real("first", &reals(&c["first"])),
            real("second", &reals(&c["second"])),
        ]
    };
    for t in r["deming"].as_array().unwrap() {
        let c = case(&data["pairs"], &t["name"]);
        let ratio = t["ratio"].as_f64().unwrap().to_string();
        let a = run("deming", columns(c), &[("error_ratio", &ratio)]);
        let what = format!("{t}");
        same(value(&a, "slope"), &t["slope"], 1e-9, &what);
        same(value(&a, "slope"), &t["optimised"], 1e-4, &what);
        same(value(&a, "intercept"), &t["intercept"], 1e-9, &what);
        same(
            a.number("slope").unwrap().standard_error.unwrap(),
            &t["slope_se"],
            1e-8,
            &what,
        );
        same(
            a.number("intercept").unwrap().standard_error.unwrap(),
            &t["intercept_se"],
            1e-8,
            &what,
        );
        if !t["weighted_slope"].is_null() {
            let a = run(
                "deming",
                columns(c),
                &[("error_ratio", &ratio), ("weighted", "true")],
            );
            same(value(&a, "slope"), &t["weighted_slope"], 1e-9, &what);
            same(
                value(&a, "intercept"),
                &t["weighted_intercept"],
                1e-8,
                &what,
            );
        }
    }
    for t in python["passing_bablok"].as_array().unwrap() {
        let c = case(&data["pairs"], &t["name"]);
        let vertical = if t["by_pair"] == true {
            "paper"
        } else {
            "correlation"
        };
        let a = run("passing-bablok", columns(c), &[("vertical", vertical)]);
        let what = format!("{t}");
        same(value(&a, "slope"), &t["slope"], 1e-11, &what);
        same(value(&a, "intercept"), &t["intercept"], 1e-10, &what);
        match a.number("slope").unwrap().interval {
            Some(i) => {
                same(i.lower, &t["lower"], 1e-11, &what);
                same(i.upper, &t["upper"], 1e-11, &what);
                same(limits(&a, "intercept").0, &t["alower"], 1e-10, &what);
                same(limits(&a, "intercept").1, &t["aupper"], 1e-10, &what);
            }
            None => assert!(t["lower"].is_null() || t["upper"].is_null(), "{what}"),
        }
    }
}

fn refused(result: Result<Answer, StatisticsError>) {
    assert!(
        matches!(result, Err(StatisticsError::NotEstimable(_))),
        "{result:?}"
    );
}

/// Of 15 slopes in order, -2, 0, 0, 0.75, 1 (four times), 7/6, 4/3, 1.5, 1.5, 5/3, 2.5 and the vertical
/// pair's infinity, one lies below -1; C = 1.96 sqrt(6 * 5 * 17 / 18) = 10.43 and M1 = round((15 - C)/2)
/// = 2. So the slope is the 9th, 7/6, and its limits the 3rd, 0, and the 15th, infinity. The median of
/// y - slope x is 1/6.
#[test]
fn an_infinite_limit_leaves_the_other() {
    let x = [-1.0, 1.0, -1.0, 5.0, -2.0, 2.0];
    let y = [-3.0, 2.0, -1.0, 6.0, -1.0, 2.0];
    let moved = |by: f64| -> Vec<f64> { x.iter().map(|x| x + by).collect() };
    let a = run(
        "passing-bablok",
        vec![real("first", &x), real("second", &y)],
        &[],
    );
    near(value(&a, "slope"), 7.0 / 6.0, 1e-12, "slope");
    near(value(&a, "intercept"), 1.0 / 6.0, 1e-12, "intercept");
    assert_eq!(limits(&a, "slope"), (0.0, f64::INFINITY));
    // Half of the points lie to each side of x = 0: ever steeper lines have no median there.
    let why = a
        .number("intercept")
        .unwrap()
        .not_estimable
        .clone()
        .unwrap();
    assert!(why.contains("both sides of 0"), "{why}");
    // All to the right of 0: steeper lines start lower without end. The line of slope 0 meets the axis at
    // the median of y, which is 0.5.
    let a = run(
        "passing-bablok",
        vec![real("first", &moved(10.0)), real("second", &y)],
        &[],
    );
    assert_eq!(limits(&a, "slope"), (0.0, f64::INFINITY));
    assert_eq!(limits(&a, "intercept"), (f64::NEG_INFINITY, 0.5));
}

#[test]
fn what_has_no_value_says_so() {
    let w = |s: &str| {
        s.split(' ')
            .map(|v| {
                if v == "-" {
                    String::new()
                } else {
                    v.to_owned()
                }
            })
            .collect::<Vec<_>>()
    };
    let two = |a: &str, b: &str| vec![label("rating", &w(a)), label("rating", &w(b))];
    refused(try_run("kappa", two("a a a", "a a a"), &[]));
    refused(try_run("kappa", two("a - b", "- a -"), &[]));
    refused(try_run("kappa-fleiss", two("a a a", "a a a"), &[]));
    refused(try_run("agreement-ac1", two("a a a", "a a a"), &[]));
    refused(try_run("krippendorff-alpha", two("a a a", "a a a"), &[]));
    refused(try_run("krippendorff-alpha", two("a - b", "- a -"), &[]));
    // Perfect agreement has a value and no interval.
    for id in [
        "kappa",
        "kappa-fleiss",
        "agreement-ac1",
        "krippendorff-alpha",
    ] {
        let a = run(id, two("a b a b", "a b a b"), &[]);
        assert_eq!(a.numbers[0].value, Some(1.0), "{id}");
        assert!(a.numbers[0].interval.is_none(), "{id}: {:?}", a.numbers[0]);
        assert!(a.numbers[0].not_estimable.is_some());
    }
    // AC1 when a category named in the settings never occurs: agreement is perfect, and has a value.
    let a = run(
        "agreement-ac1",
        two("a a a", "a a a"),
        &[("categories", "a,b")],
    );
    assert_eq!(a.numbers[0].value, Some(1.0));
    assert!(try_run("kappa", two("a b", "a c"), &[("categories", "a,b")]).is_err());
    assert!(
        try_run(
            "krippendorff-alpha",
            two("a b", "a c"),
            &[("measurement", "interval")]
        )
        .is_err()
    );
    assert!(
        try_run(
            "krippendorff-alpha",
            two("-1 2", "1 2"),
            &[("measurement", "ratio")]
        )
        .is_err()
    );

    let columns = |rows: &[&[f64]]| rows.iter().map(|r| real("rating", r)).collect::<Vec<_>>();
    refused(try_run("icc", columns(&[&[1.0, 1.0], &[1.0, 1.0]]), &[]));
    refused(try_run("icc", columns(&[&[1.0], &[2.0]]), &[]));
    assert!(
        try_run(
            "icc",
            columns(&[&[1.0, f64::NAN, 3.0], &[2.0, 1.0, 4.0]]),
            &[]
        )
        .is_err()
    );
    let a = run(
        "icc",
        columns(&[&[1.0, f64::NAN, 3.0, 7.0], &[2.0, 1.0, 4.0, 5.0]]),
        &[("missing", "complete-case")],
    );
    assert_eq!(a.numbers[0].n, 3);
    let a = run("icc", columns(&[&[1.0, 2.0, 5.0], &[1.0, 2.0, 5.0]]), &[]);
    assert_eq!(a.numbers[0].value, Some(1.0));
    assert!(a.numbers[0].interval.is_none());
    let a = run(
        "icc",
        columns(&[&[0.1, 0.2, 0.7], &[1.1, 1.2, 1.7]]),
        &[("form", "3-1")],
    );
    assert_eq!(a.numbers[0].value, Some(1.0));
    assert!(a.numbers[0].interval.is_none(), "{:?}", a.numbers[0]);

    let pair = |x: &[f64], y: &[f64]| vec![real("first", x), real("second", y)];
    for id in ["bland-altman", "ccc", "deming", "passing-bablok"] {
        refused(try_run(id, pair(&[], &[]), &[]));
        refused(try_run(id, pair(&[1.0], &[2.0]), &[]));
        assert!(try_run(id, pair(&[1.0, f64::NAN], &[2.0, 2.0]), &[]).is_err());
    }
    refused(try_run(
        "bland-altman",
        pair(&[1.0, 2.0, 3.0], &[2.0, 3.0, 4.0]),
        &[],
    ));
    refused(try_run(
        "ccc",
        pair(&[1.0, 1.0, 1.0], &[1.0, 1.0, 1.0]),
        &[],
    ));
    let a = run("ccc", pair(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]), &[]);
    assert_eq!(a.numbers[0].value, Some(1.0));
    assert!(a.numbers[0].interval.is_none());
    assert!(
        run("ccc", pair(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), &[]).numbers[0]
            .interval
            .is_none()
    );
    for id in ["deming", "passing-bablok"] {
        refused(try_run(id, pair(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]), &[]));
        refused(try_run(id, pair(&[1.0, 2.0, 3.0], &[1.0, 1.0, 1.0]), &[]));
        let a = run(
            id,
            pair(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1.0, 2.0, 3.0, 4.0, 5.0]),
            &[],
        );
        assert!((value(&a, "slope") - 1.0).abs() < 1e-12);
        assert!(a.numbers[0].interval.is_none(), "{id} {:?}", a.numbers[0]);
    }
    refused(try_run(
        "deming",
        pair(&[1.0, 2.0, 1.0, 2.0], &[1.0, 1.0, 2.0, 2.0]),
        &[],
    ));
    refused(try_run(
        "deming",
        pair(&[0.0, 2.0, 1.0, 2.0], &[1.0, 1.0, 2.0, 2.0]),
        &[("weighted", "true")],
    ));
    assert!(
        try_run(
            "bland-altman",
            pair(&[0.0, 2.0], &[1.0, 1.0]),
            &[("scale", "ratio")]
        )
        .is_err()
    );
    let once = vec![
        real("measurement", &[1.0, 2.0]),
        label("subject", &w("a b")),
    ];
    refused(try_run("repeatability", once, &[]));
    let still = vec![
        real("measurement", &[1.0, 1.0, 2.0, 2.0]),
        label("subject", &w("a a b b")),
    ];
    refused(try_run("repeatability", still, &[]));
    let negative = vec![
        real("measurement", &[-1.0, 1.0, 2.0, 3.0]),
        label("subject", &w("a a b b")),
    ];
    let a = run("repeatability", negative, &[]);
    assert!(a.number("wcv").unwrap().value.is_none() && a.number("wsd").unwrap().value.is_some());
    refused(try_run(
        "linearity",
        vec![
            real("measurement", &[1.0, 2.0, 3.0]),
            real("reference", &[1.0, 1.0, 1.0]),
        ],
        &[],
    ));
    assert!(regression::theil_sen(&[f64::INFINITY, 1.0], &[1.0, 2.0], 0.95).is_err());
    assert!(concordance::concordance(&[1.0], &[1.0, 2.0]).is_err());
}

#[test]
fn long_form_equals_wide_form_and_clusters_are_drawn_whole() {
    let data = load("data.json");
    let c = case(&data["many"], &Value::from("holes"));
    let (mut subject, mut rater, mut rating) = (vec![], vec![], vec![]);
    for (i, row) in c["rows"].as_array().unwrap().iter().enumerate() {
        for (j, v) in row.as_array().unwrap().iter().enumerate() {
            subject.push(i.to_string());
            rater.push(j.to_string());
            rating.push(v.as_i64().map_or(String::new(), |v| v.to_string()));
        }
    }
    for id in ["kappa-fleiss", "agreement-ac1", "krippendorff-alpha"] {
        let long = run(
            id,
            vec![
                label("rating", &rating),
                label("subject", &subject),
                label("rater", &rater),
            ],
            &[],
        );
        let wide = run(id, wide(c), &[]);
        assert_eq!(long.numbers[0], wide.numbers[0]);
    }
    let c = case(&data["pairs"], &Value::from("close"));
    let (x, y) = (reals(&c["first"]), reals(&c["second"]));
    // Every row twice, as a cluster: the interval must be as wide as with each row once.
    let twice = |v: &[f64]| v.iter().flat_map(|v| [*v, *v]).collect::<Vec<f64>>();
    let cluster: Vec<String> = (0..x.len())
        .flat_map(|i| [i.to_string(), i.to_string()])
        .collect();
    for id in ["ccc", "bland-altman", "deming"] {
        let once = run(
            id,
            vec![real("first", &x), real("second", &y)],
            &[("interval", "percentile"), ("replicates", "500")],
        );
        let both = run(
            id,
            vec![
                real("first", &twice(&x)),
                real("second", &twice(&y)),
                label("cluster", &cluster),
            ],
            &[("replicates", "500")],
        );
        let width = |a: &Answer| limits(a, &a.numbers[0].name).1 - limits(a, &a.numbers[0].name).0;
        assert!(
            (width(&once) / width(&both) - 1.0).abs() < 0.02,
            "{id}: {} {}",
            width(&once),
            width(&both)
        );
    }
}

/// Share of `trials` in which the interval holds the truth.
fn coverage(trials: u64, one: impl Fn(&mut Philox) -> Option<bool>) -> f64 {
    let (mut held, mut all) = (0.0, 0.0);
    for t in 0..trials {
        if let Some(h) = one(&mut Philox::new(20_261_125, t)) {
            held += f64::from(u8::from(h));
            all += 1.0;
        }
    }
    held / all
}

#[test]
fn intervals_cover_as_they_say() {
    // Monte-Carlo standard error at 2000 trials and 0.95: 0.005.
    let normal = |n: usize, r: &mut Philox| (0..n).map(|_| r.normal()).collect::<Vec<f64>>();
    let limit = 1.959_963_984_540_054;
    for (method, low, high) in [
        (bland_altman::LimitInterval::Exact, 0.935, 0.965),
        // The symmetric intervals are off at n = 10: each limit is covered a little too seldom.
        (bland_altman::LimitInterval::BlandAltman1999, 0.90, 0.965),
    ] {
        // The interval is bias + factor s, with factors that depend on n alone.
        let one = bland_altman::limits_of_agreement(
            &normal(10, &mut Philox::new(1, 1)),
            0.95,
            false,
            method,
            0.95,
        )
        .unwrap();
        let factor = |v: f64| (v - one.bias) / one.deviation;
        let (inner, outer) = (
            factor(one.upper_interval.lower),
            factor(one.upper_interval.upper),
        );
        let c = coverage(2000, |r| {
            let l = bland_altman::limits_of_agreement(
                &normal(10, r),
                0.95,
                false,
                bland_altman::LimitInterval::BlandAltman1999,
                0.95,
            )
            .ok()?;
            Some(l.bias + inner * l.deviation <= limit && limit <= l.bias + outer * l.deviation)
        });
        assert!((low..high).contains(&c), "{method:?} {c}");
    }
    let c = coverage(2000, |r| {
        let rows: Vec<Vec<f64>> = (0..12)
            .map(|_| {
                let t = r.normal();
                (0..3).map(|_| t + 0.7 * r.normal()).collect()
            })
            .collect();
        let f = icc::mean_squares(&rows).ok()?.forms(0.95).ok()?[0].interval?;
        let truth = 1.0 / 1.49;
        Some(f.lower <= truth && truth <= f.upper)
    });
    assert!((0.935..0.965).contains(&c), "icc {c}");
    let c = coverage(2000, |r| {
        let s: Vec<Vec<f64>> = (0..15).map(|_| normal(2, r)).collect();
        let w = repeatability::within_deviation(&s, 0.95).ok()?.interval;
        Some(w.lower <= 1.0 && 1.0 <= w.upper)
    });
    assert!((0.935..0.965).contains(&c), "wsd {c}");
    // Repeated pairs, true value varying: MOVER is close to nominal with 20 subjects of 3.
    let c = coverage(2000, |r| {
        let s: Vec<Vec<f64>> = (0..20)
            .map(|_| {
                let b = r.normal();
                (0..3).map(|_| b + r.normal()).collect()
            })
            .collect();
        let l = bland_altman::limits_varying(&s, 0.95, 0.95)
            .ok()?
            .limits
            .upper_interval;
        let truth = limit * 2f64.sqrt();
        Some(l.lower <= truth && truth <= l.upper)
    });
    assert!((0.93..0.97).contains(&c), "mover {c}");
    // Kappa's Wald interval undercovers a little at n = 50; the null test keeps its size.
    let table = |n: usize, agree: f64, r: &mut Philox| {
        let mut t = vec![vec![0.0; 2]; 2];
        for _ in 0..n {
            let a = usize::from(r.unit() < 0.4);
            let b = if r.unit() < agree {
                a
            } else {
                usize::from(r.unit() < 0.4)
            };
            t[a][b] += 1.0;
        }
        t
    };
    let weights = categorical::Weights::Identity.table(&[0.0, 1.0]);
    let c = coverage(2000, |r| {
        let k = categorical::cohen_kappa(&table(50, 0.6, r), &weights).ok()?;
        Some((k.value - 0.6).abs() <= limit * k.standard_error)
    });
    assert!((0.92..0.96).contains(&c), "kappa {c}");
    let c = coverage(2000, |r| {
        let k = categorical::cohen_kappa(&table(50, 0.0, r), &weights).ok()?;
        Some(k.value.abs() <= limit * k.null_standard_error)
    });
    assert!((0.935..0.965).contains(&c), "kappa null {c}");
    let c = coverage(1000, |r| {
        let t: Vec<f64> = (0..40).map(|_| 10.0 + 3.0 * r.normal()).collect();
        let x: Vec<f64> = t.iter().map(|t| t + 0.5 * r.normal()).collect();
        let y: Vec<f64> = t.iter().map(|t| 1.0 + 1.2 * t + 0.5 * r.normal()).collect();
        let d = regression::deming(&x, &y, 1.0, false, 0.95)
            .ok()?
            .slope_interval?;
        Some(d.lower <= 1.2 && 1.2 <= d.upper)
    });
    assert!((0.925..0.97).contains(&c), "deming {c}");
    let c = coverage(1000, |r| {
        let t: Vec<f64> = (0..40).map(|_| 10.0 + 3.0 * r.normal()).collect();
        let x: Vec<f64> = t.iter().map(|t| t + 0.5 * r.normal()).collect();
        let y: Vec<f64> = t.iter().map(|t| 1.0 + t + 0.5 * r.normal()).collect();
        let d = regression::passing_bablok(&x, &y, false, 0.95)
            .ok()?
            .0
            .slope_interval?;
        Some(d.lower <= 1.0 && 1.0 <= d.upper)
    });
    assert!((0.925..0.97).contains(&c), "passing-bablok {c}");
    let c = coverage(2000, |r| {
        let (mut x, mut y) = (vec![], vec![]);
        for _ in 0..30 {
            let t = r.normal();
            x.push(t + 0.5 * r.normal());
            y.push(t + 0.5 * r.normal());
        }
        let k = concordance::concordance(&x, &y).ok()?;
        let (at, half) = (
            k.value.atanh(),
            limit * k.standard_error / (1.0 - k.value * k.value),
        );
        let truth = 1.0 / 1.25f64;
        Some(((at - half).tanh()..=(at + half).tanh()).contains(&truth))
    });
    assert!((0.92..0.965).contains(&c), "ccc {c}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn kappa_ignores_who_comes_first_and_quadratic_kappa_is_icc_like(cells in prop::collection::vec(0u32..20, 9)) {
        let table: Vec<Vec<f64>> = cells.chunks(3).map(|r| r.iter().map(|c| f64::from(*c)).collect()).collect();
        let flipped: Vec<Vec<f64>> = (0..3).map(|i| (0..3).map(|j| table[j][i]).collect()).collect();
        for w in [categorical::Weights::Identity, categorical::Weights::Linear, categorical::Weights::Quadratic] {
            let w = w.table(&[0.0, 1.0, 2.0]);
            match (categorical::cohen_kappa(&table, &w), categorical::cohen_kappa(&flipped, &w)) {
                (Ok(a), Ok(b)) => {
                    prop_assert!((a.value - b.value).abs() < 1e-12);
                    prop_assert!((a.standard_error - b.standard_error).abs() < 1e-9);
                    prop_assert!(a.value <= 1.0 + 1e-12 && a.value.is_finite() && a.standard_error.is_finite());
                }
                (a, b) => prop_assert!(a.is_err() && b.is_err()),
            }
        }
    }

    #[test]
    fn interval_alpha_and_consistency_ignore_shift_and_scale(values in prop::collection::vec(-50i32..50, 12), shift in -20i32..20, scale in 1i32..9) {
        let rows: Vec<Vec<f64>> = values.chunks(3).map(|r| r.iter().map(|v| f64::from(*v)).collect()).collect();
        let moved: Vec<Vec<f64>> = rows.iter().map(|r| r.iter().map(|v| v * f64::from(scale) + f64::from(shift)).collect()).collect();
        let level = categorical::Measurement::Interval;
        match (categorical::krippendorff_alpha(&rows, level), categorical::krippendorff_alpha(&moved, level)) {
            (Ok(a), Ok(b)) => prop_assert!((a - b).abs() < 1e-9),
            (a, b) => prop_assert!(a.is_err() && b.is_err()),
        }
        if let (Ok(a), Ok(b)) = (icc::mean_squares(&rows), icc::mean_squares(&moved)) {
            for (a, b) in a.forms(0.9).unwrap().iter().zip(&b.forms(0.9).unwrap()) {
                prop_assert!((a.value - b.value).abs() < 1e-6 * (1.0 + a.value.abs()) || a.value.is_nan() || a.value.abs() > 1e6);
            }
        }
    }

    #[test]
    fn lines_turn_over_with_their_axes(points in prop::collection::vec((0i32..60, 0i32..60), 5..25)) {
        let x: Vec<f64> = points.iter().map(|p| f64::from(p.0)).collect();
        let y: Vec<f64> = points.iter().map(|p| f64::from(p.0 * 2 + p.1 % 7)).collect();
        if let (Ok((b, a)), Ok((d, c))) = (regression::deming_line(&x, &y, 2.0, false), regression::deming_line(&y, &x, 0.5, false)) {
            prop_assert!((b * d - 1.0).abs() < 1e-9);
            prop_assert!((c + a / b).abs() < 1e-6 * (1.0 + c.abs()));
        }
        // Swapping methods negates the bias and exchanges the limits.
        let d: Vec<f64> = x.iter().zip(&y).map(|(a, b)| a - b).collect();
        let e: Vec<f64> = d.iter().map(|v| -v).collect();
        let method = bland_altman::LimitInterval::BlandAltman1999;
        if let (Ok(p), Ok(q)) = (bland_altman::limits_of_agreement(&d, 0.95, false, method, 0.95), bland_altman::limits_of_agreement(&e, 0.95, false, method, 0.95)) {
            prop_assert!((p.lower + q.upper).abs() < 1e-9 && (p.bias + q.bias).abs() < 1e-9);
        }
        if let (Ok(p), Ok(q)) = (concordance::concordance(&x, &y), concordance::concordance(&y, &x)) {
            prop_assert!((p.value - q.value).abs() < 1e-12 && p.value.abs() <= 1.0 + 1e-12);
        }
    }
}

/// Random columns of any entry's roles; small and full of ties, gaps and constants.
fn random_columns(
    entry: &candour_statistics::catalogue::Entry,
    rows: usize,
    seed: u64,
) -> Vec<(String, String, Column)> {
    use candour_statistics::catalogue::{Kind, Need};
    let mut r = Philox::new(seed, 0);
    let mut columns = Vec::new();
    for role in entry.roles {
        let times = match role.need {
            Need::One => 1,
            Need::Optional => r.below(2),
            Need::Many(_) => 1 + r.below(3),
        };
        for _ in 0..times {
            let spread = 1 + r.below(6);
            let gap = role.missing && r.below(3) == 0;
            let column = if role.kind == Kind::Label {
                let cells: Vec<String> = (0..rows)
                    .map(|_| {
                        if gap && r.below(4) == 0 {
                            String::new()
                        } else {
                            r.below(spread).to_string()
                        }
                    })
                    .collect();
                Column::Label(Labels::of(&cells))
            } else {
                Column::Real(
                    (0..rows)
                        .map(|_| {
                            if gap && r.below(4) == 0 {
                                f64::NAN
                            } else {
                                r.below(spread) as f64 - (spread % 2) as f64
                            }
                        })
                        .collect(),
                )
            };
            columns.push((role.name.to_owned(), role.name.to_owned(), column));
        }
    }
    columns
}

#[test]
fn no_data_make_an_entry_panic_or_pass_off_a_boundary_as_an_interval() {
    let mut answered = 0;
    for entry in agreement::ENTRIES {
        for seed in 0..150 {
            let columns = random_columns(entry, (seed % 9) as usize, seed);
            let mut settings = vec![];
            if entry.settings.iter().any(|s| s.name == "replicates") {
                settings.push(("replicates".to_owned(), "100".to_owned()));
            }
            let Ok(sample) = Sample::new(entry, columns, &settings) else {
                continue;
            };
            let Ok(a) = entry.answer(&sample, &[]) else {
                continue;
            };
            answered += 1;
            for n in &a.numbers {
                assert!(
                    n.value.is_none_or(f64::is_finite),
                    "{} {seed} {n:?}",
                    entry.id
                );
                assert!(
                    n.value.is_some() || n.not_estimable.is_some(),
                    "{} {n:?}",
                    entry.id
                );
                if let Some(i) = n.interval {
                    assert!(i.lower < i.upper, "{} {seed} {n:?}", entry.id);
                }
            }
        }
    }
    assert!(answered > 300, "{answered}");
}

/// The columns with an empty cell each in the rows 2 and 5 (from 0), those rows taken out of the others.
fn with_gaps(columns: &[(String, String, Column)]) -> [Vec<(String, String, Column)>; 2] {
    let gaps = [2usize, 5];
    let keep = |n: usize| (0..n).filter(|i| !gaps.contains(i)).collect::<Vec<_>>();
    let mut real = 0;
    let mut holed = Vec::new();
    let mut without = Vec::new();
    for (role, name, column) in columns {
        let (a, b) = match column {
            Column::Real(v) => {
                let mut w = v.clone();
                w[gaps[real % 2]] = f64::NAN;
                if real == 0
                    && columns
                        .iter()
                        .filter(|c| matches!(c.2, Column::Real(_)))
                        .count()
                        == 1
                {
                    w[gaps[1]] = f64::NAN;
                }
                real += 1;
                (
                    Column::Real(w),
                    Column::Real(keep(v.len()).iter().map(|i| v[*i]).collect()),
                )
            }
            Column::Label(l) => {
                let cells: Vec<&str> = l
                    .codes
                    .iter()
                    .map(|c| l.names[c.unwrap()].as_str())
                    .collect();
                let kept: Vec<&str> = keep(cells.len()).iter().map(|i| cells[*i]).collect();
                (column.clone(), Column::Label(Labels::of(&kept)))
            }
            other => (other.clone(), other.clone()),
        };
        holed.push((role.clone(), name.clone(), a));
        without.push((role.clone(), name.clone(), b));
    }
    [holed, without]
}

/// With `missing` complete-case the answer is that of the table without the incomplete rows, and says how
/// many they are; else the first incomplete row is named.
#[test]
fn rows_without_a_value_are_refused_or_left_out_and_counted() {
    let random = &mut Philox::new(21, 0);
    let x: Vec<f64> = (0..24)
        .map(|i| 10.0 + f64::from(i) + random.normal())
        .collect();
    let y: Vec<f64> = x.iter().map(|v| 1.0 + 0.9 * v + random.normal()).collect();
    let subject: Vec<String> = (0..24).map(|i| (i / 3).to_string()).collect();
    let condition: Vec<String> = (0..24).map(|i| (i % 2).to_string()).collect();
    let pair = || vec![real("first", &x), real("second", &y)];
    let with = |mut c: Vec<(String, String, Column)>, role: &str| {
        c.push(label(role, &subject));
        c
    };
    type Case<'a> = (
        &'a str,
        Vec<(String, String, Column)>,
        Vec<(&'a str, &'a str)>,
    );
    let cases: Vec<Case> = vec![
        ("bland-altman", pair(), vec![]),
        (
            "bland-altman",
            with(pair(), "subject"),
            vec![("interval", "percentile")],
        ),
        ("bland-altman", pair(), vec![("scale", "percent")]),
        ("ccc", with(pair(), "cluster"), vec![]),
        ("ccc", pair(), vec![]),
        ("deming", with(pair(), "cluster"), vec![]),
        ("deming", pair(), vec![]),
        ("passing-bablok", pair(), vec![("interval", "percentile")]),
        (
            "linearity",
            vec![real("measurement", &y), real("reference", &x)],
            vec![],
        ),
        (
            "repeatability",
            vec![
                real("measurement", &y),
                label("subject", &subject),
                label("condition", &condition),
            ],
            vec![],
        ),
    ];
    for (id, columns, settings) in cases {
        let mut settings = settings;
        if agreement::ENTRIES
            .iter()
            .any(|e| e.id == id && e.settings.iter().any(|s| s.name == "replicates"))
        {
            settings.push(("replicates", "100"));
        }
        let [holed, without] = with_gaps(&columns);
        let error = try_run(id, holed.clone(), &settings).unwrap_err();
        assert!(
            matches!(&error, StatisticsError::Value { row: 2, .. }),
            "{id}: {error}"
        );
        let expected = run(id, without, &settings);
        settings.push(("missing", "complete-case"));
        let mut a = run(id, holed, &settings);
        let left_out = a.numbers.pop().unwrap();
        assert_eq!(
            (left_out.name.as_str(), left_out.value, left_out.n),
            ("left_out", Some(2.0), 24)
        );
        assert!(a.notes.pop().unwrap().starts_with("2 of 24 rows"));
        assert_eq!(a, expected, "{id}");
        let whole = run(id, columns, &settings);
        assert_eq!(value(&whole, "left_out"), 0.0);
    }
}

/// Shrout and Fleiss' table: WMS 6.263889, JMS 32.486111, EMS 1.019444 (their table 3, to more digits by
/// R 4.2.2 aov).
#[test]
fn the_error_of_measurement_follows_the_form() {
    let ratings = [
        [9.0, 6.0, 8.0, 7.0, 10.0, 6.0],
        [2.0, 1.0, 4.0, 1.0, 5.0, 2.0],
        [5.0, 3.0, 6.0, 2.0, 6.0, 4.0],
        [8.0, 2.0, 8.0, 6.0, 9.0, 7.0],
    ];
    let of = |rows: &[[f64; 6]; 4], form: &str| {
        let a = run(
            "icc",
            rows.iter().map(|r| real("rating", r)).collect(),
            &[("form", form)],
        );
        let n = a.number("standard_error_of_measurement").unwrap().clone();
        (n.value.unwrap(), n.definition, a.notes)
    };
    let (wms, jms, ems) = (
        6.263_888_888_888_889,
        32.486_111_111_111_11,
        1.019_444_444_444_444_4,
    );
    for (form, id, square) in [
        ("1-1", "sem.one-way", wms),
        ("1-k", "sem.one-way", wms),
        ("2-1", "sem.absolute-agreement", (jms - ems) / 6.0 + ems),
        ("3-k", "sem.consistency", ems),
    ] {
        let (got, definition, _) = of(&ratings, form);
        near(got, f64::sqrt(square), 1e-12, form);
        assert!(definition.starts_with(id), "{definition}");
    }
    // Raters that differ less than their error: the component counts as 0, which a note says.
    let even = [
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        [2.0, 1.0, 4.0, 3.0, 6.0, 5.0],
        [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        [2.0, 1.0, 4.0, 3.0, 6.0, 5.0],
    ];
    let (two, _, notes) = of(&even, "2-1");
    near(two, of(&even, "3-1").0, 1e-12, "boundary");
    assert!(
        notes
            .iter()
            .any(|n| n.contains("standard_error_of_measurement"))
    );
}

#[test]
fn values_beyond_the_range_of_squares_have_the_right_reason() {
    let pair = |x: &[f64], y: &[f64]| vec![real("first", x), real("second", y)];
    let huge = (
        [1e308, 1.2e308, 1.1e308, 0.9e308],
        [1.1e308, 1.0e308, 1.3e308, 0.8e308],
    );
    let tiny = (
        [1e-301, 3e-301, 2e-301, 5e-301],
        [2e-301, 1e-301, 4e-301, 3e-301],
    );
    let shared = ([1.0, 2.0, 3.0, 1e-301], [1.0, 2.0, 3.0, 2e-301]);
    let reason = |r: Result<Answer, StatisticsError>| match r {
        Err(StatisticsError::NotEstimable(reason)) => reason,
        other => panic!("{other:?}"),
    };
    for (x, y) in [huge, tiny] {
        for id in ["bland-altman", "ccc", "deming", "passing-bablok"] {
            assert!(
                reason(try_run(id, pair(&x, &y), &[])).contains("another unit"),
                "{id}"
            );
        }
        let line = vec![real("measurement", &x), real("reference", &y)];
        assert!(reason(try_run("linearity", line, &[])).contains("another unit"));
    }
    // Differences that vanish beside their values.
    let a = reason(try_run("bland-altman", pair(&shared.0, &shared.1), &[]));
    assert!(a.contains("another unit"), "{a}");
    // Large values that still fit give what a change of unit says.
    let (x, y) = ([1.0, 2.5, 3.0, 4.5, 5.2], [1.1, 2.0, 3.4, 4.4, 5.6]);
    let scaled = |v: &[f64]| v.iter().map(|v| v * 1e140).collect::<Vec<f64>>();
    for (id, name, factor) in [
        ("bland-altman", "upper_limit", 1e140),
        ("ccc", "ccc", 1.0),
        ("deming", "slope", 1.0),
        ("linearity", "r_squared", 1.0),
    ] {
        let columns = |x: &[f64], y: &[f64]| {
            if id == "linearity" {
                vec![real("measurement", y), real("reference", x)]
            } else {
                pair(x, y)
            }
        };
        let (a, b) = (
            run(id, columns(&x, &y), &[]),
            run(id, columns(&scaled(&x), &scaled(&y)), &[]),
        );
        near(value(&b, name), factor * value(&a, name), 1e-9, id);
        if id != "linearity" {
            near(limits(&b, name).0, factor * limits(&a, name).0, 1e-9, id);
        }
    }
}

#[test]
fn a_slope_of_points_on_one_line_has_no_p_value() {
    let a = run(
        "bland-altman",
        vec![
            real("first", &[1.0, 2.0, 3.0, 4.0]),
            real("second", &[4.0, 3.0, 2.0, 1.0]),
        ],
        &[("scale", "ratio")],
    );
    let p = a.number("spread_slope_p_value").unwrap();
    assert!(p.value.is_none() && p.not_estimable.as_ref().unwrap().contains("one line"));
    // 0.1 + 0.3 x in floating point: nothing but rounding about the line.
    let x: Vec<f64> = (0..20).map(|i| 0.7 * f64::from(i)).collect();
    let y: Vec<f64> = x.iter().map(|x| 0.1 + 0.3 * x).collect();
    let a = run(
        "linearity",
        vec![real("measurement", &y), real("reference", &x)],
        &[],
    );
    assert!(a.number("slope").unwrap().interval.is_none());
    assert!(a.number("curvature_p_value").unwrap().value.is_none());
    let a = run("deming", vec![real("first", &x), real("second", &y)], &[]);
    assert!(a.number("slope").unwrap().interval.is_none());
}

/// The linear jackknife of the Deming line is the jackknife by leaving out, also with a point that makes
/// up nearly all of the spread.
#[test]
fn the_deming_jackknife_is_that_of_leaving_out() {
    let random = &mut Philox::new(31, 0);
    for study in 0..4 {
        let mut x: Vec<f64> = (0..30).map(|_| 50.0 + 10.0 * random.normal()).collect();
        let mut y: Vec<f64> = x
            .iter()
            .map(|v| 3.0 + 1.1 * v + 2.0 * random.normal())
            .collect();
        if study > 1 {
            (x[4], y[4]) = (1e5, 1.05e5);
        }
        let ratio = [1.0, 0.4, 2.5, 1.0][study];
        let fit = regression::deming(&x, &y, ratio, false, 0.95).unwrap();
        let lines: Vec<(f64, f64)> = (0..30)
            .map(|k| {
                let rest = |v: &[f64]| -> Vec<f64> {
                    v.iter()
                        .enumerate()
                        .filter(|(i, _)| *i != k)
                        .map(|(_, v)| *v)
                        .collect()
                };
                regression::deming_line(&rest(&x), &rest(&y), ratio, false).unwrap()
            })
            .collect();
        let error = |pick: fn(&(f64, f64)) -> f64| {
            let mean = lines.iter().map(pick).sum::<f64>() / 30.0;
            (29.0 / 30.0 * lines.iter().map(|l| (pick(l) - mean).powi(2)).sum::<f64>()).sqrt()
        };
        near(fit.slope_standard_error, error(|l| l.0), 1e-9, "slope");
        near(
            fit.intercept_standard_error,
            error(|l| l.1),
            1e-9,
            "intercept",
        );
    }
    let x: Vec<f64> = (0..100_000)
        .map(|_| 50.0 + 10.0 * random.normal())
        .collect();
    let y: Vec<f64> = x.iter().map(|v| v + random.normal()).collect();
    // Leaving each out in turn would keep this test for minutes.
    regression::deming(&x, &y, 1.0, false, 0.95).unwrap();
}

/// The bootstrap from slopes sorted once is that of fitting each replicate anew, also with ties and
/// vertical pairs.
#[test]
fn the_bootstrap_of_pairwise_lines_is_that_of_fitting_anew() {
    let random = &mut Philox::new(41, 0);
    let x: Vec<f64> = (0..25).map(|_| (10.0 * random.unit()).round()).collect();
    let y: Vec<f64> = x
        .iter()
        .map(|v| (v + 2.0 * random.normal()).round())
        .collect();
    let units = Units::independent(25);
    let take = |v: &[f64], rows: &[usize]| rows.iter().map(|r| v[*r]).collect::<Vec<f64>>();
    let refit = |id: &str, rows: &[usize]| {
        let (x, y) = (take(&x, rows), take(&y, rows));
        if id == "passing-bablok" {
            regression::passing_bablok(&x, &y, false, 0.95)
                .ok()
                .map(|f| f.0)
        } else {
            regression::theil_sen(&x, &y, 0.95).ok()
        }
    };
    for (id, columns, settings) in [
        (
            "passing-bablok",
            vec![real("first", &x), real("second", &y)],
            vec![("interval", "percentile"), ("replicates", "400")],
        ),
        (
            "linearity",
            vec![real("measurement", &y), real("reference", &x)],
            vec![
                ("fit", "theil-sen"),
                ("interval", "percentile"),
                ("replicates", "400"),
            ],
        ),
    ] {
        let a = run(id, columns, &settings);
        let replicates = units.bootstrap(1, 400, |rows| refit(id, rows));
        for name in ["slope", "intercept"] {
            let mut values: Vec<f64> = replicates
                .iter()
                .flatten()
                .map(|f| {
                    if name == "slope" {
                        f.slope
                    } else {
                        f.intercept
                    }
                })
                .collect();
            values.sort_unstable_by(f64::total_cmp);
            let (low, high) = limits(&a, name);
            near(low, quantile(&values, 0.025), 1e-12, id);
            near(high, quantile(&values, 0.975), 1e-12, id);
        }
    }
}

/// More looks at pairs than ten seconds' worth are refused by their number.
#[test]
fn the_bootstrap_of_very_many_pairs_is_refused() {
    let random = &mut Philox::new(43, 0);
    let x: Vec<f64> = (0..1500).map(|_| random.normal()).collect();
    let y: Vec<f64> = x.iter().map(|v| v + 0.1 * random.normal()).collect();
    let columns = || vec![real("first", &x), real("second", &y)];
    let many = [("interval", "percentile"), ("replicates", "10000")];
    let a = run("passing-bablok", columns(), &many);
    let slope = a.number("slope").unwrap();
    assert!(slope.value.is_some() && slope.interval.is_none());
    assert!(
        slope
            .not_estimable
            .as_ref()
            .unwrap()
            .contains("pairs of points")
    );
}

/// The bootstrap by sums is that of alpha on each replicate, at each level, with missing ratings.
#[test]
fn the_bootstrap_of_alpha_is_that_of_counting_anew() {
    let random = &mut Philox::new(51, 0);
    let cell = |random: &mut Philox, base: f64| {
        if random.unit() < 0.15 {
            String::new()
        } else {
            ((base + 1.5 * random.normal()).round().clamp(1.0, 6.0)).to_string()
        }
    };
    let mut columns = vec![Vec::new(); 3];
    for _ in 0..40 {
        let base = 1.0 + 5.0 * random.unit();
        for column in &mut columns {
            column.push(cell(random, base));
        }
    }
    let units: Vec<Vec<f64>> = (0..40)
        .map(|i| columns.iter().filter_map(|c| c[i].parse().ok()).collect())
        .collect();
    for (word, level) in [
        ("nominal", categorical::Measurement::Nominal),
        ("ordinal", categorical::Measurement::Ordinal),
        ("interval", categorical::Measurement::Interval),
        ("ratio", categorical::Measurement::Ratio),
    ] {
        let a = run(
            "krippendorff-alpha",
            columns.iter().map(|c| label("rating", c)).collect(),
            &[("measurement", word), ("replicates", "300")],
        );
        let mut values: Vec<f64> = Units::independent(40).bootstrap(1, 300, |rows| {
            let drawn: Vec<Vec<f64>> = rows.iter().map(|r| units[*r].clone()).collect();
            categorical::krippendorff_alpha(&drawn, level).unwrap()
        });
        values.sort_unstable_by(f64::total_cmp);
        let (low, high) = limits(&a, "alpha");
        near(low, quantile(&values, 0.025), 1e-9, word);
        near(high, quantile(&values, 0.975), 1e-9, word);
    }
}

/// The category that counts as positive has a name of its own: `positive` is the command line's.
#[test]
fn the_positive_category_can_be_named() {
    let (x, y) = (["a", "b", "a", "a", "b"], ["a", "b", "b", "a", "a"]);
    let columns = || {
        [x, y]
            .map(|c| label("rating", &c.map(str::to_owned)))
            .to_vec()
    };
    let a = run("kappa", columns(), &[("positive_category", "a")]);
    near(value(&a, "positive_agreement"), 4.0 / 6.0, 1e-12, "a");
    assert!(try_run("kappa", columns(), &[("positive", "a")]).is_err());
}
