//! Surveillance against testdata/statistics/surveillance (SciPy, river, statsmodels, R spc, NumPy).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use candour_statistics::catalogue::{Column, Labels};
use candour_statistics::random::Philox;
use candour_statistics::surveillance::{
    Adwin, BernoulliCusum, CusumSettings, ENTRIES, Ewma, KsP, PageHinkley, SprtOutcome,
    adwin_bifet, adwin_river, bernoulli_cusum, bernoulli_cusum_arl, bernoulli_cusum_threshold,
    category_drift, cusum_arl, cusum_threshold, energy_distance, ewma_arl, ewma_chart, ewma_limit,
    expected_performance, jensen_shannon, kolmogorov_smirnov, maximum_mean_discrepancy, p_chart,
    page_hinkley, poisson_cusum, risk_adjusted_cusum, sprt, tabular_cusum, wasserstein_1,
};
use candour_statistics::{Answer, StatisticsError};
use common::run;
use proptest::prelude::*;
use serde_json::Value;

fn reference(name: &str) -> Value {
    let path = format!(
        "{}/../../testdata/statistics/surveillance/{name}.json",
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

fn places(v: &Value) -> Vec<usize> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_u64().unwrap() as usize)
        .collect()
}

fn counts(v: &Value) -> Vec<u64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap() as u64)
        .collect()
}

fn flags(v: &Value) -> Vec<bool> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_bool().unwrap())
        .collect()
}

fn close(got: f64, expected: &Value, what: &str) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs().max(1e-12),
        "{what}: {got} against {expected}"
    );
}

fn all_close(got: &[f64], expected: &Value, what: &str) {
    let expected = reals(expected);
    assert_eq!(got.len(), expected.len());
    for (a, b) in got.iter().zip(expected) {
        assert!(
            (a - b).abs() <= 1e-9 * b.abs().max(1.0),
            "{what}: {a} against {b}"
        );
    }
}

fn value(answer: &Answer, name: &str) -> f64 {
    answer
        .number(name)
        .unwrap_or_else(|| panic!("{name}"))
        .value
        .unwrap()
}

fn two_periods(reference: &[f64], current: &[f64]) -> Vec<(&'static str, Column)> {
    let values = reference.iter().chain(current).copied().collect();
    let labels = reference
        .iter()
        .map(|_| false)
        .chain(current.iter().map(|_| true))
        .collect();
    vec![
        ("value", Column::Real(values)),
        ("current", Column::Binary(labels)),
    ]
}

#[test]
fn drift_agrees_with_scipy() {
    for case in reference("surveillance")["drift"].as_array().unwrap() {
        let (a, b) = (reals(&case["reference"]), reals(&case["current"]));
        let exact = kolmogorov_smirnov(&a, &b, KsP::Exact).unwrap();
        close(exact.distance, &case["ks"]["distance"], "distance");
        close(exact.p, &case["ks"]["exact"], "exact p");
        let limit = kolmogorov_smirnov(&a, &b, KsP::Asymptotic).unwrap();
        close(limit.p, &case["ks"]["limit"], "limit p");
        close(
            wasserstein_1(&a, &b).unwrap(),
            &case["wasserstein"],
            "wasserstein",
        );
        close(energy_distance(&a, &b).unwrap(), &case["energy"], "energy");
        if case.get("psi").is_some() {
            let psi = |settings: &[(&str, &str)]| {
                run("drift-psi", two_periods(&a, &b), settings).unwrap()
            };
            close(value(&psi(&[]), "psi"), &case["psi"], "psi");
            close(
                value(&psi(&[("zero_cells", "add-half")]), "psi"),
                &case["psi_half"],
                "psi half",
            );
            close(
                value(&psi(&[("closed", "right")]), "psi"),
                &case["psi_right"],
                "psi right",
            );
            close(
                value(&psi(&[]), "jensen_shannon_distance"),
                &case["js"],
                "js",
            );
        }
    }
    for case in reference("run_length")["ks"].as_array().unwrap() {
        let test = kolmogorov_smirnov(
            &reals(&case["reference"]),
            &reals(&case["current"]),
            KsP::Asymptotic,
        )
        .unwrap();
        close(test.p, &case["p"], "R ks.test");
    }
}

#[test]
fn mmd_and_categories_agree() {
    let data = reference("surveillance");
    for case in data["mmd"].as_array().unwrap() {
        let rows = |v: &Value| v.as_array().unwrap().iter().map(reals).collect::<Vec<_>>();
        let mmd =
            maximum_mean_discrepancy(&rows(&case["x"]), &rows(&case["y"]), None, 1, 99).unwrap();
        close(mmd.bandwidth, &case["bandwidth"], "bandwidth");
        assert!((mmd.unbiased - case["unbiased"].as_f64().unwrap()).abs() < 1e-12);
        assert!((mmd.biased - case["biased"].as_f64().unwrap()).abs() < 1e-12);
    }
    for case in data["categories"].as_array().unwrap() {
        let (a, b) = (counts(&case["reference"]), counts(&case["current"]));
        let drift = category_drift(&a, &b).unwrap();
        close(drift.chi_squared, &case["chi_squared"], "chi squared");
        close(drift.p, &case["p"], "p");
        close(drift.df, &case["df"], "df");
        close(drift.cramers_v, &case["v"], "v");
        close(jensen_shannon(&a, &b).unwrap().sqrt(), &case["js"], "js");
    }
}

#[test]
fn charts_agree_with_their_recursions() {
    let data = reference("surveillance");
    let case = &data["charts"];
    let values = reals(&case["values"]);
    let settings = CusumSettings {
        target: 10.0,
        sd: 2.0,
        k: 0.5,
        h: 4.0,
        headstart: 0.0,
        restart: false,
    };
    let chart = tabular_cusum(&values, settings).unwrap();
    all_close(&chart.upper, &case["upper"], "upper");
    all_close(&chart.lower, &case["lower"], "lower");
    assert_eq!(chart.alarms, places(&case["alarms"]));
    let settings = Ewma {
        target: 10.0,
        sd: 2.0,
        lambda: 0.2,
        limit: 2.86,
        exact_limits: true,
    };
    let (chart, _) = ewma_chart(&values, settings).unwrap();
    all_close(&chart.upper, &case["ewma"], "ewma");
    assert_eq!(chart.alarms, places(&case["ewma_alarms"]));

    let case = &data["llr"];
    let (outcome, risk) = (flags(&case["outcome"]), reals(&case["risk"]));
    let chart = risk_adjusted_cusum(&outcome, &risk, 2.0, 4.5, false).unwrap();
    all_close(&chart.upper, &case["risk_adjusted"], "risk-adjusted");
    all_close(
        &bernoulli_cusum(&outcome, 0.15, 0.25, 3.0, false)
            .unwrap()
            .upper,
        &case["bernoulli"],
        "bernoulli",
    );
    all_close(
        &poisson_cusum(&reals(&case["counts"]), 3.0, 4.0, 3.0, false)
            .unwrap()
            .upper,
        &case["poisson"],
        "poisson",
    );
    let test = sprt(&outcome, 0.15, 0.25, 0.05, 0.1).unwrap();
    let expected = &data["sprt"];
    close(test.upper, &expected["upper"], "upper");
    close(test.lower, &expected["lower"], "lower");
    close(*test.path.last().unwrap(), &expected["llr"], "llr");
    match expected["stop"].as_u64() {
        Some(stop) => assert_eq!(test.path.len() as u64, stop),
        None => assert_eq!(test.outcome, SprtOutcome::Undecided),
    }
    let case = &data["p_chart"];
    let (events, totals) = (counts(&case["events"]), counts(&case["total"]));
    for (rule, exact) in [("normal", false), ("binomial", true)] {
        let chart = p_chart(&events, &totals, Some(0.12), 3.0, exact).unwrap();
        assert_eq!(chart.alarms, places(&case[rule]), "{rule}");
    }
}

#[test]
fn detectors_agree_with_river() {
    for stream in reference("surveillance")["streams"].as_array().unwrap() {
        let values = reals(&stream["values"]);
        for case in stream["page_hinkley"].as_array().unwrap() {
            let s = &case["settings"];
            let mode = s[4].as_str().unwrap();
            let settings = PageHinkley {
                min_instances: s[0].as_u64().unwrap(),
                delta: s[1].as_f64().unwrap(),
                threshold: s[2].as_f64().unwrap(),
                alpha: s[3].as_f64().unwrap(),
                up: mode != "down",
                down: mode != "up",
            };
            assert_eq!(
                page_hinkley(&values, settings).unwrap().alarms,
                places(&case["alarms"]),
                "{s}"
            );
        }
        for case in stream["adwin"].as_array().unwrap() {
            let s = &case["settings"];
            let settings = Adwin {
                delta: s[0].as_f64().unwrap(),
                clock: s[1].as_u64().unwrap(),
                max_buckets: s[2].as_u64().unwrap() as usize,
                min_window_length: s[3].as_u64().unwrap(),
                grace_period: s[4].as_u64().unwrap(),
            };
            let windows = adwin_river(&values, settings).unwrap();
            assert_eq!(windows.alarms, places(&case["alarms"]), "{s}");
            assert_eq!(
                windows.width.iter().sum::<f64>(),
                case["widths_sum"].as_f64().unwrap(),
                "{s}"
            );
            let mean = *windows.mean.last().unwrap();
            assert!((mean - case["mean"].as_f64().unwrap()).abs() < 1e-9);
        }
        if let Some(case) = stream.get("bifet") {
            let windows = adwin_bifet(&values, 0.002).unwrap();
            assert_eq!(windows.alarms, places(&case["alarms"]));
            assert_eq!(
                *windows.width.last().unwrap(),
                case["width"].as_f64().unwrap()
            );
        }
    }
}

#[test]
fn run_lengths_agree_with_spc() {
    let data = reference("run_length");
    for case in data["cusum"].as_array().unwrap() {
        let f = |k: &str| case[k].as_f64().unwrap();
        let two = case["sides"] == "two";
        // spc solves 1 - P by elimination, which loses digits in proportion to the run length.
        let close = |got: f64, expected: &Value, what: &str| {
            let expected = expected.as_f64().unwrap();
            let tolerance = 1e-9f64.max(1e-15 * expected) * expected;
            assert!(
                (got - expected).abs() <= tolerance,
                "{what}: {got} against {expected}"
            );
        };
        close(
            cusum_arl(f("k"), f("h"), f("shift"), 0.0, two).unwrap(),
            &case["arl"],
            &case.to_string(),
        );
        if case["arl_headstart"].is_number() {
            let got = cusum_arl(f("k"), f("h"), f("shift"), f("h") / 4.0, two).unwrap();
            close(got, &case["arl_headstart"], &case.to_string());
        }
    }
    for case in data["ewma"].as_array().unwrap() {
        let f = |k: &str| case[k].as_f64().unwrap();
        close(
            ewma_arl(f("lambda"), f("limit"), f("shift")).unwrap(),
            &case["arl"],
            &case.to_string(),
        );
    }
    for case in data["crit"]["cusum"].as_array().unwrap() {
        let wanted = case["wanted"].as_f64().unwrap();
        for (side, two) in [("one", false), ("two", true)] {
            let h = cusum_threshold(0.5, wanted, two).unwrap();
            // spc stops its secant steps at 1e-8 or so.
            assert!(
                (h - case[side].as_f64().unwrap()).abs() < 1e-7,
                "{wanted} {side}: {h}"
            );
            assert!((cusum_arl(0.5, h, 0.0, 0.0, two).unwrap() / wanted - 1.0).abs() < 1e-9);
        }
    }
    for case in data["crit"]["ewma"].as_array().unwrap() {
        let wanted = case["wanted"].as_f64().unwrap();
        let limit = ewma_limit(0.1, wanted).unwrap();
        assert!(
            (limit - case["limit"].as_f64().unwrap()).abs() < 1e-6,
            "{wanted}: {limit}"
        );
    }
}

/// Montgomery, Introduction to Statistical Quality Control: k = 0.5, two sides: 168 at h = 4, 465 at
/// h = 5. Lucas and Saccucci (1990), lambda = 0.1, L = 2.814: 500, 31.3, 10.3, 4.36 at shifts 0, 0.5,
/// 1, 2.
#[test]
fn run_lengths_agree_with_published_tables() {
    for (h, printed) in [(4.0, 168.0), (5.0, 465.0)] {
        let got = cusum_arl(0.5, h, 0.0, 0.0, true).unwrap();
        assert!((got - printed).abs() < 0.5, "{got}");
    }
    for (shift, printed, half) in [
        (0.0, 500.0, 0.5),
        (0.5, 31.3, 0.05),
        (1.0, 10.3, 0.05),
        (2.0, 4.36, 0.005),
    ] {
        let got = ewma_arl(0.1, 2.814, shift).unwrap();
        assert!((got - printed).abs() <= half, "{shift}: {got}");
    }
}

#[test]
fn bernoulli_run_lengths_agree_with_the_chain_and_with_simulation() {
    for case in reference("surveillance")["bernoulli_arl"]
        .as_array()
        .unwrap()
    {
        let f = |k: &str| case[k].as_f64().unwrap();
        let chart = BernoulliCusum {
            p0: f("p0"),
            p1: f("p1"),
            h: f("h"),
        };
        let (length, error) = bernoulli_cusum_arl(chart, chart.p0).unwrap();
        assert!(error < 1e-9);
        close(length, &case["in_control"], "in control");
        close(
            bernoulli_cusum_arl(chart, chart.p1).unwrap().0,
            &case["at_p1"],
            "at p1",
        );
    }
    // A ratio that no lattice fits, against 4000 simulated runs.
    let (h, length) = bernoulli_cusum_threshold(0.1, 0.2, 200.0).unwrap();
    assert!(length >= 200.0);
    let chart = BernoulliCusum {
        p0: 0.1,
        p1: 0.2,
        h,
    };
    let (length, _) = bernoulli_cusum_arl(chart, 0.1).unwrap();
    let (yes, no) = ((0.2f64 / 0.1).ln(), (0.8f64 / 0.9).ln());
    let total: u64 = (0..4000)
        .map(|run| {
            let mut random = Philox::new(5, run);
            let (mut sum, mut steps) = (0.0f64, 0);
            while sum < h {
                sum = (sum + if random.unit() < 0.1 { yes } else { no }).max(0.0);
                steps += 1;
            }
            steps
        })
        .sum();
    let simulated = total as f64 / 4000.0;
    assert!(
        (simulated / length - 1.0).abs() < 0.06,
        "{simulated} against {length}"
    );
}

#[test]
fn estimates_without_labels_agree() {
    let data = reference("surveillance");
    let case = &data["cbpe"];
    let p = reals(&case["probability"]);
    let e = expected_performance(&p, 0.5).unwrap();
    for (got, name) in [
        (e.accuracy, "accuracy"),
        (e.sensitivity, "sensitivity"),
        (e.specificity, "specificity"),
        (e.ppv, "ppv"),
        (e.npv, "npv"),
        (e.auc, "auc"),
        (e.prevalence, "prevalence"),
    ] {
        close(got.unwrap(), &case[name], name);
    }
    let answer = run(
        "performance-without-labels",
        vec![("probability", Column::Real(p))],
        &[],
    )
    .unwrap();
    assert!(answer.notes[0].starts_with("ESTIMATE WITHOUT LABELS"));
    assert!(
        answer
            .numbers
            .iter()
            .all(|n| n.name.starts_with("estimated_") && n.interval.is_some())
    );
    for case in data["override"].as_array().unwrap() {
        let (x, n) = (case["x"].as_u64().unwrap(), case["n"].as_u64().unwrap());
        let rows: Vec<bool> = (0..n).map(|i| i < x).collect();
        let group = Column::Label(Labels::of(&vec!["g"; n as usize]));
        let answer = run(
            "override-rate",
            vec![("overridden", Column::Binary(rows)), ("group", group)],
            &[],
        )
        .unwrap();
        for number in &answer.numbers {
            let interval = number.interval.unwrap();
            assert!((interval.lower - case["ci"][0].as_f64().unwrap()).abs() < 1e-9);
            assert!((interval.upper - case["ci"][1].as_f64().unwrap()).abs() < 1e-9);
        }
    }
}

/// A case without a recorded group is a group of its own, as in `subgroups` and `fairness`.
#[test]
fn overrides_without_a_group_are_counted_apart() {
    // The table may say so in words, in every such row or in some.
    for group in [
        ["nurse", "nurse", "", ""],
        ["nurse", "nurse", "", "(not recorded)"],
        ["nurse", "nurse", "(not recorded)", "(not recorded)"],
    ] {
        let columns = vec![
            ("overridden", Column::Binary(vec![true, false, true, true])),
            ("group", Column::Label(Labels::of(&group))),
        ];
        let answer = run("override-rate", columns, &[]).unwrap();
        for (name, expected, n) in [
            ("override_rate", 0.75, 4),
            ("override_rate_nurse", 0.5, 2),
            ("override_rate_(not recorded)", 1.0, 2),
        ] {
            let number = answer.number(name).unwrap();
            assert_eq!((number.value, number.n), (Some(expected), n));
        }
        assert_eq!(answer.numbers.len(), 3);
    }
}

/// A statistic on its limit does not signal, however the arithmetic rounds; one beyond it does.
#[test]
fn values_on_the_limit_do_not_signal() {
    // The first value at target + K sd: the statistic is lambda K sd from the target, and so is its
    // limit, K sd sqrt(lambda/(2 - lambda) (1 - (1 - lambda)^2)) = K sd lambda.
    for lambda in [0.05, 0.1, 0.2, 0.3, 0.4, 0.7] {
        for limit in [1.0, 2.0, 2.7, 3.0] {
            for (target, sd) in [(0.0, 1.0), (0.0, 0.1), (100.0, 4.0)] {
                let at = |k: f64| {
                    let settings = Ewma {
                        target,
                        sd,
                        lambda,
                        limit,
                        exact_limits: true,
                    };
                    let (chart, _) = ewma_chart(&[target + k * sd], settings).unwrap();
                    chart.alarms.len()
                };
                assert_eq!(at(limit), 0, "{lambda} {limit} {target}");
                assert_eq!(at(limit + 1e-9), 1, "{lambda} {limit} {target}");
                assert_eq!(at(-limit), 0, "{lambda} {limit} {target}");
            }
        }
    }
    // Three steps of 0.8 - 0.7 make 0.3; four make more.
    let cusum = |rows: usize, sign: f64| {
        let settings = CusumSettings {
            target: 0.0,
            sd: 1.0,
            k: 0.7,
            h: 0.3,
            headstart: 0.0,
            restart: false,
        };
        let values = vec![0.8 * sign; rows];
        tabular_cusum(&values, settings).unwrap().alarms
    };
    for sign in [1.0, -1.0] {
        assert!(cusum(3, sign).is_empty());
        assert_eq!(cusum(4, sign), [3]);
    }
    // A p-chart at 0.1 with 100 cases: 0.1 + L sqrt(0.1 0.9 / 100) = 0.1 + 0.03 L.
    for (limit, events) in [
        (1.0, 13),
        (2.0, 16),
        (3.0, 19),
        (4.0, 22),
        (1.0, 7),
        (2.0, 4),
    ] {
        let chart = |events: u64| {
            p_chart(&[events], &[100], Some(0.1), limit, false)
                .unwrap()
                .alarms
        };
        assert!(chart(events).is_empty(), "{limit}");
        let beyond = if events > 10 { events + 1 } else { events - 1 };
        assert_eq!(chart(beyond), [0], "{limit}");
    }
    // A Bernoulli CUSUM signals on its limit: three events weigh 3 ln(p1/p0), however it is typed.
    for (p0, p1) in [(0.1, 0.2), (0.05, 0.15), (0.01, 0.03), (0.1, 0.7)] {
        let h = f64::powi(p1 / p0, 3).ln();
        let chart = bernoulli_cusum(&[true, true, true], p0, p1, h, false).unwrap();
        assert_eq!(chart.alarms, [2], "{p0} {p1}");
    }
    // Page-Hinkley: 0, 1 from a mean of 0.5 deviates by 0.5 - 0.1, so U - min U = 0.4 exactly.
    let page = |threshold: f64| {
        let settings = PageHinkley {
            min_instances: 1,
            delta: 0.1,
            threshold,
            alpha: 1.0,
            up: true,
            down: false,
        };
        page_hinkley(&[0.0, 1.0], settings).unwrap().alarms
    };
    assert!(page(0.4).is_empty());
    assert_eq!(page(0.4 - 1e-9), [1]);
}

#[test]
fn designs_come_with_false_alarms_per_year() {
    let answer = run(
        "arl-cusum",
        vec![],
        &[
            ("alarm_budget", "2"),
            ("observations_per_year", "5000"),
            ("monitors", "4"),
        ],
    )
    .unwrap();
    assert!((value(&answer, "arl_in_control") / 10_000.0 - 1.0).abs() < 1e-8);
    assert!((value(&answer, "false_alarms_per_year") - 2.0).abs() < 1e-7);
    assert!(run("arl-cusum", vec![], &[]).is_err());
    let answer = run("arl-ewma", vec![], &[("limit", "2.814"), ("shift", "1")]).unwrap();
    assert!((value(&answer, "arl") - 10.3).abs() < 0.05);
    let bernoulli = [
        ("kind", "bernoulli"),
        ("p0", "0.05"),
        ("p1", "0.1"),
        ("wanted_arl", "1000"),
    ];
    let answer = run("arl-cusum", vec![], &bernoulli).unwrap();
    assert!(value(&answer, "arl_in_control") >= 1000.0 && value(&answer, "arl_at_p1") < 200.0);
}

#[test]
fn degenerate_data_have_reasons_instead_of_numbers() {
    let not =
        |r: Result<Answer, StatisticsError>| matches!(r, Err(StatisticsError::NotEstimable(_)));
    assert!(not(run(
        "drift-psi",
        two_periods(&[1.0; 20], &[1.0, 2.0]),
        &[]
    )));
    assert!(not(run("drift-psi", two_periods(&[], &[1.0, 2.0]), &[])));
    assert!(not(run(
        "drift-psi",
        two_periods(&[1.0, 2.0, 3.0], &[]),
        &[]
    )));
    assert!(not(run("drift-ks", two_periods(&[1.0], &[]), &[])));
    assert!(not(run("drift-wasserstein", two_periods(&[], &[1.0]), &[])));
    let same = run("drift-wasserstein", two_periods(&[2.0, 2.0], &[2.0]), &[]).unwrap();
    assert_eq!(value(&same, "distance"), 0.0);
    assert_eq!(value(&same, "p_value"), 1.0);
    assert!(same.number("distance_in_sd").unwrap().value.is_none());
    assert!(matches!(
        maximum_mean_discrepancy(
            &[vec![1.0], vec![1.0]],
            &[vec![1.0], vec![1.0]],
            None,
            1,
            99
        ),
        Err(StatisticsError::NotEstimable(_))
    ));
    assert!(category_drift(&[5], &[3]).is_err());
    for id in ["monitor-page-hinkley", "monitor-adwin"] {
        let quiet = run(id, vec![("value", Column::Real(vec![0.5; 100]))], &[]).unwrap();
        assert!(quiet.number("first_alarm").unwrap().value.is_none());
        assert_eq!(value(&quiet, "alarms"), 0.0);
    }
    let constant = vec![("value", Column::Real(vec![0.5; 100]))];
    assert!(not(run(
        "monitor-cusum",
        constant.clone(),
        &[("baseline", "50")]
    )));
    assert!(not(run("monitor-ewma", constant, &[("baseline", "50")])));
    assert!(
        run(
            "monitor-cusum",
            vec![("value", Column::Real(vec![1.0]))],
            &[]
        )
        .is_err()
    );
    assert!(
        run(
            "monitor-ewma",
            vec![("value", Column::Real(vec![]))],
            &[("target", "0"), ("sd", "1")]
        )
        .is_ok()
    );
    assert!(
        tabular_cusum(
            &[f64::NAN],
            CusumSettings {
                target: 0.0,
                sd: 1.0,
                k: 0.5,
                h: 5.0,
                headstart: 0.0,
                restart: false
            }
        )
        .is_err()
    );
    assert!(expected_performance(&[f64::NAN], 0.5).is_err());
    assert!(matches!(
        expected_performance(&[], 0.5),
        Err(StatisticsError::NotEstimable(_))
    ));
    let all_negative = expected_performance(&[0.0, 0.0], 0.5).unwrap();
    assert!(all_negative.sensitivity.is_none() && all_negative.auc.is_none());
    assert!(cusum_arl(0.5, 60.0, 0.0, 0.0, true).is_err());
    // Wide steps of the search pass beyond what can be computed and come back.
    let h = cusum_threshold(3.0, 1e10, false).unwrap();
    assert!((cusum_arl(3.0, h, 0.0, 0.0, false).unwrap() / 1e10 - 1.0).abs() < 1e-9);
    assert!(cusum_threshold(5.0, 100.0, false).is_err() && ewma_limit(0.1, f64::NAN).is_err());
    assert!(bernoulli_cusum_threshold(0.1, 0.1, 100.0).is_err());
    assert!(bernoulli_cusum_threshold(0.1, 0.2, f64::NAN).is_err());
    let rare = bernoulli_cusum_threshold(0.001, 0.003, 5000.0).unwrap();
    assert!(rare.1 >= 5000.0);
    let improvement = bernoulli_cusum_threshold(0.2, 0.1, 500.0).unwrap();
    assert!(improvement.1 >= 500.0);
}

/// The designed chart has its run length: 1500 simulated in-control CUSUM runs at h for 100.
#[test]
fn the_designed_chart_runs_as_long_as_designed() {
    let h = cusum_threshold(0.5, 100.0, true).unwrap();
    let total: u64 = (0..1500)
        .map(|run| {
            let mut random = Philox::new(9, run);
            let (mut up, mut down, mut steps) = (0.0f64, 0.0f64, 0);
            while up <= h && down <= h {
                let z = random.normal();
                up = (up + z - 0.5).max(0.0);
                down = (down - z - 0.5).max(0.0);
                steps += 1;
            }
            steps
        })
        .sum();
    let mean = total as f64 / 1500.0;
    // Standard deviation of a run about 97: five standard errors are 12.5.
    assert!((mean - 100.0).abs() < 12.5, "{mean}");
}

/// Tests of drift keep their level on equal distributions: 5 % within Monte-Carlo error.
#[test]
fn drift_tests_keep_their_level() {
    let (mut ks, mut mmd, mut w, runs) = (0, 0, 0, 400);
    for run_number in 0..runs {
        let mut random = Philox::new(21, run_number);
        let mut draw = |n: usize| -> Vec<f64> { (0..n).map(|_| random.normal()).collect() };
        let (a, b) = (draw(23), draw(17));
        ks += u32::from(kolmogorov_smirnov(&a, &b, KsP::Exact).unwrap().p <= 0.05);
        let rows = |v: &[f64]| v.iter().map(|x| vec![*x]).collect::<Vec<_>>();
        mmd += u32::from(
            maximum_mean_discrepancy(&rows(&a), &rows(&b), None, run_number, 99)
                .unwrap()
                .p
                <= 0.05,
        );
        let answer = run(
            "drift-wasserstein",
            two_periods(&a, &b),
            &[("replicates", "99")],
        )
        .unwrap();
        w += u32::from(value(&answer, "p_value") <= 0.05);
    }
    // The exact Kolmogorov-Smirnov test is discrete and stays below; permutation tests are exact.
    assert!(ks <= 32, "{ks}");
    assert!((8..=34).contains(&mmd), "{mmd}");
    assert!((8..=34).contains(&w), "{w}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn distances_are_symmetric_and_zero_on_themselves(
        a in prop::collection::vec(-20i32..20, 1..30), b in prop::collection::vec(-20i32..20, 1..30)
    ) {
        let f = |v: &[i32]| v.iter().map(|x| f64::from(*x) / 4.0).collect::<Vec<_>>();
        let (a, b) = (f(&a), f(&b));
        prop_assert!((wasserstein_1(&a, &b).unwrap() - wasserstein_1(&b, &a).unwrap()).abs() < 1e-12);
        prop_assert!(wasserstein_1(&a, &a).unwrap() == 0.0 && energy_distance(&b, &b).unwrap() == 0.0);
        let (one, two) = (kolmogorov_smirnov(&a, &b, KsP::Exact).unwrap(), kolmogorov_smirnov(&b, &a, KsP::Exact).unwrap());
        prop_assert!((one.distance - two.distance).abs() < 1e-15 && (one.p - two.p).abs() < 1e-12);
        prop_assert!((0.0..=1.0).contains(&one.p));
        // Shifting one sample moves Wasserstein-1 by at most the shift.
        let moved: Vec<f64> = a.iter().map(|v| v + 3.0).collect();
        prop_assert!((wasserstein_1(&a, &moved).unwrap() - 3.0).abs() < 1e-12);
    }

    #[test]
    fn run_length_rises_with_the_limit(k in 0.1f64..1.0, h in 1.0f64..6.0, step in 0.1f64..1.0) {
        let short = cusum_arl(k, h, 0.0, 0.0, true).unwrap();
        prop_assert!(cusum_arl(k, h + step, 0.0, 0.0, true).unwrap() > short);
        prop_assert!(cusum_arl(k, h, 1.0, 0.0, true).unwrap() < short);
    }
}

/// A baseline that leaves no row to monitor is refused; a shorter one is named in the note.
#[test]
fn a_baseline_leaves_rows_to_monitor() {
    let series = [1.0, 2.0, 1.5, 1.2, 1.8, 2.2, 0.9, 1.1];
    let columns = || vec![("value", Column::Real(series.to_vec()))];
    for id in ["monitor-cusum", "monitor-ewma"] {
        for baseline in ["8", "9", "1000"] {
            let error = run(id, columns(), &[("baseline", baseline)]).unwrap_err();
            let StatisticsError::Setting { setting, .. } = &error else {
                panic!("{error}")
            };
            assert_eq!(setting, "baseline");
        }
        let answer = run(id, columns(), &[("baseline", "7")]).unwrap();
        assert!(answer.notes.iter().any(|n| n.contains("first 7 rows")));
        assert!(run(id, columns(), &[("target", "inf"), ("sd", "1")]).is_err());
        // The range of an unbounded setting is written in a word.
        let entry = ENTRIES.iter().find(|e| e.id == id).unwrap();
        for setting in entry.settings {
            assert!(format!("{:?}", setting.kind).len() < 80, "{setting:?}");
        }
    }
}

/// Rows without a value are refused by the first of them, or left out and counted.
#[test]
fn drift_leaves_out_rows_without_a_value_on_request() {
    let random = &mut Philox::new(61, 0);
    let rows = 60;
    let full: Vec<f64> = (0..rows).map(|_| random.normal()).collect();
    let current: Vec<bool> = (0..rows).map(|i| i >= 30).collect();
    let gaps = [7usize, 41];
    let holed: Vec<f64> = (0..rows)
        .map(|i| if gaps.contains(&i) { f64::NAN } else { full[i] })
        .collect();
    let words = |values: &[f64]| -> Vec<String> {
        values
            .iter()
            .map(|v| {
                if v.is_nan() {
                    String::new()
                } else {
                    (*v > 0.0).to_string()
                }
            })
            .collect()
    };
    let kept = |i: &usize| !gaps.contains(i);
    let shorter: Vec<f64> = (0..rows).filter(kept).map(|i| full[i]).collect();
    let periods: Vec<bool> = (0..rows).filter(kept).map(|i| current[i]).collect();
    for id in [
        "drift-psi",
        "drift-ks",
        "drift-wasserstein",
        "drift-mmd",
        "drift-categories",
    ] {
        let columns = |values: &[f64], current: &[bool]| {
            let watched = match id {
                "drift-mmd" => ("feature", Column::Real(values.to_vec())),
                "drift-categories" => ("category", Column::Label(Labels::of(&words(values)))),
                _ => ("value", Column::Real(values.to_vec())),
            };
            vec![watched, ("current", Column::Binary(current.to_vec()))]
        };
        let error = run(id, columns(&holed, &current), &[]).unwrap_err();
        assert!(
            matches!(error, StatisticsError::Value { row: 7, .. }),
            "{id}: {error}"
        );
        let expected = run(id, columns(&shorter, &periods), &[]).unwrap();
        let mut answer = run(
            id,
            columns(&holed, &current),
            &[("missing", "complete-case")],
        )
        .unwrap();
        let left_out = answer.numbers.pop().unwrap();
        assert_eq!(
            (left_out.name.as_str(), left_out.value),
            ("left_out", Some(2.0))
        );
        assert!(answer.notes.pop().unwrap().starts_with("2 of 60 rows"));
        assert_eq!(answer, expected, "{id}");
    }
}
