//! The ROC group against pROC, scikit-learn, MLstatkit and confidenceinterval:
//! testdata/statistics/roc, made by roc.R and roc.py.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use candour_statistics::catalogue::{Column, Labels, Sample};
use candour_statistics::random::Philox;
use candour_statistics::resample::BootstrapInterval;
use candour_statistics::roc::*;
use candour_statistics::{Answer, StatisticsError};
use serde_json::Value;

fn read(name: &str) -> Value {
    let path = format!(
        "{}/../../testdata/statistics/roc/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn number(v: &Value) -> f64 {
    match v.as_str() {
        Some("Inf") => f64::INFINITY,
        Some("-Inf") => f64::NEG_INFINITY,
        _ => v.as_f64().unwrap_or(f64::NAN),
    }
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array()
        .map_or_else(|| vec![number(v)], |a| a.iter().map(number).collect())
}

fn flags(v: &Value) -> Vec<bool> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|b| b.as_bool().unwrap())
        .collect()
}

#[track_caller]
fn close(got: f64, expected: f64, what: &str) {
    close_to(got, expected, 1e-10, what);
}

#[track_caller]
fn close_to(got: f64, expected: f64, relative: f64, what: &str) {
    let far = (got - expected).abs();
    assert!(
        got == expected || far <= relative * expected.abs() + 1e-13,
        "{what}: {got} against {expected}, off by {:e}",
        far / expected.abs()
    );
}

fn classes(truth: &[bool], score: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let of = |c: bool| {
        truth
            .iter()
            .zip(score)
            .filter(|(t, _)| **t == c)
            .map(|(_, s)| *s)
            .collect()
    };
    (of(true), of(false))
}

fn entry(id: &str) -> &'static candour_statistics::catalogue::Entry {
    ENTRIES.iter().find(|e| e.id == id).unwrap()
}

fn answer(
    id: &str,
    columns: &[(&str, &str, Column)],
    settings: &[(&str, &str)],
) -> Result<Answer, StatisticsError> {
    let columns = columns
        .iter()
        .map(|(r, n, c)| ((*r).to_owned(), (*n).to_owned(), c.clone()))
        .collect();
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    let entry = entry(id);
    entry.answer(&Sample::new(entry, columns, &settings)?, &[])
}

fn truth_score(truth: &[bool], score: &[f64]) -> Vec<(&'static str, &'static str, Column)> {
    vec![
        ("truth", "truth", Column::Binary(truth.to_vec())),
        ("score", "score", Column::Real(score.to_vec())),
    ]
}

#[test]
fn areas_and_intervals_agree_with_proc() {
    let all = read("roc.json");
    let python = read("roc-python.json");
    for (at, case) in all["singles"].as_array().unwrap().iter().enumerate() {
        let what = case["name"].as_str().unwrap();
        let (truth, score) = (flags(&case["truth"]), numbers(&case["score"]));
        let (p, n) = classes(&truth, &score);
        let auc = delong_auc(&p, &n, 0.95).unwrap();
        close(auc.value, number(&case["auc"]), what);
        close(auc.value, number(&python["singles"][at]["auc"]), what);
        close(auc.variance, number(&case["variance"]), what);
        let ci = numbers(&case["delong"]);
        close(auc.interval.lower, ci[0], what);
        close(auc.interval.upper, ci[1], what);
        // confidenceinterval keeps scores and ranks in 32 bits: seven digits, and no 1e300.
        if what != "extreme numbers" {
            let ci = numbers(&python["confidenceinterval"][at]["interval"]);
            close_to(auc.interval.lower, ci[0].max(0.0), 1e-6, what);
            close_to(auc.interval.upper, ci[1].min(1.0), 1e-6, what);
        }
        let logit = logit_interval(auc.value, auc.variance, 0.95).unwrap();
        close(logit.lower, numbers(&case["logit"])[0], what);
        close(logit.upper, numbers(&case["logit"])[1], what);
        let newcombe = newcombe_interval(auc.value, p.len(), n.len(), 0.95).unwrap();
        close(newcombe.lower, numbers(&case["newcombe"])[0], what);
        close(newcombe.upper, numbers(&case["newcombe"])[1], what);
        close(
            hanley_mcneil_variance(auc.value, p.len(), n.len()),
            number(&case["hanley_mcneil"]),
            what,
        );
        close(
            average_precision(&truth, &score).unwrap(),
            number(&python["singles"][at]["average_precision"]),
            what,
        );
        if let Some(precision) = python["singles"][at]["precision"].as_array() {
            let points = precision_recall_curve(&truth, &score).unwrap();
            let recall = numbers(&python["singles"][at]["recall"]);
            assert_eq!(points.len(), precision.len());
            for ((point, p), r) in points.iter().rev().zip(precision).zip(recall) {
                close(point.precision, number(p), what);
                close(point.recall, r, what);
            }
        }
    }
    for case in all["boundary"].as_array().unwrap() {
        let m = |k: &str| case[k].as_u64().unwrap() as usize;
        let got = newcombe_interval(number(&case["auc"]), m("m"), m("n"), 0.95).unwrap();
        close(got.lower, numbers(&case["interval"])[0], "boundary");
        close(got.upper, numbers(&case["interval"])[1], "boundary");
    }
}

#[test]
fn partial_areas_agree_with_proc() {
    for case in read("roc.json")["singles"].as_array().unwrap() {
        let (truth, score) = (flags(&case["truth"]), numbers(&case["score"]));
        let table = &case["partial"];
        for row in 0..table["from"].as_array().unwrap().len() {
            let focus = if table["focus"][row] == "sensitivity" {
                Focus::Sensitivity
            } else {
                Focus::Specificity
            };
            let range = (number(&table["from"][row]), number(&table["to"][row]));
            let what = format!("{} {range:?} {focus:?}", case["name"]);
            close(
                partial_auc(&truth, &score, range, focus, false).unwrap(),
                number(&table["area"][row]),
                &what,
            );
            let corrected = partial_auc(&truth, &score, range, focus, true);
            if table["corrected"][row] == "NA" {
                assert!(
                    matches!(corrected, Err(StatisticsError::NotEstimable(_))),
                    "{what}: {corrected:?}"
                );
            } else {
                close(corrected.unwrap(), number(&table["corrected"][row]), &what);
            }
        }
    }
}

#[test]
fn operating_points_and_curves_agree_with_proc() {
    let quick = Bootstrap {
        cluster: None,
        replicates: 100,
        seed: 1,
        level: 0.95,
    };
    for case in read("roc.json")["singles"].as_array().unwrap() {
        let what = case["name"].as_str().unwrap();
        let (truth, score) = (flags(&case["truth"]), numbers(&case["score"]));
        for (name, rule) in [
            ("youden", OperatingRule::Youden { r: 1.0 }),
            ("topleft", OperatingRule::ClosestTopLeft { r: 1.0 }),
            ("youden_weighted", OperatingRule::Youden { r: 2.0 }),
        ] {
            let got = operating_points(&truth, &score, rule, Thresholds::Midpoint).unwrap();
            // pROC compares without a tolerance and may miss one of several equal maxima: each of
            // its points must be among ours.
            for (t, (sp, se)) in numbers(&case[name]["threshold"]).iter().zip(
                numbers(&case[name]["specificity"])
                    .iter()
                    .zip(numbers(&case[name]["sensitivity"])),
            ) {
                let found = got.iter().any(|p| {
                    (p.sensitivity() - se).abs() < 1e-12
                        && (p.specificity() - sp).abs() < 1e-12
                        && (p.threshold == *t || (p.threshold - t).abs() <= 1e-12 * t.abs())
                });
                assert!(found, "{what} {name}: {t} not among {got:?}");
            }
        }
        let at = numbers(&case["at"]);
        for (x, (se, sp)) in at.iter().zip(
            numbers(&case["se_at_sp"])
                .iter()
                .zip(numbers(&case["sp_at_se"])),
        ) {
            let what = format!("{what} at {x}");
            close(
                sensitivity_at_specificity(&truth, &score, *x, quick)
                    .unwrap()
                    .0,
                *se,
                &what,
            );
            close(
                specificity_at_sensitivity(&truth, &score, *x, quick)
                    .unwrap()
                    .0,
                sp,
                &what,
            );
        }
        let table = &case["thresholds"];
        for (t, (sp, se)) in numbers(&table["threshold"]).iter().zip(
            numbers(&table["specificity"])
                .iter()
                .zip(numbers(&table["sensitivity"])),
        ) {
            let got = operating_points(
                &truth,
                &score,
                OperatingRule::Threshold(*t),
                Thresholds::Midpoint,
            )
            .unwrap();
            close(got[0].sensitivity(), se, what);
            close(got[0].specificity(), *sp, what);
        }
        if !case["curve"].is_null() && case["curve"].as_object().is_some_and(|o| !o.is_empty()) {
            let points = roc_curve(&truth, &score, Thresholds::Midpoint).unwrap();
            let thresholds = numbers(&case["curve"]["threshold"]);
            assert_eq!(points.len(), thresholds.len(), "{what}");
            for (point, ((t, sp), se)) in points.iter().zip(
                thresholds
                    .iter()
                    .zip(numbers(&case["curve"]["specificity"]))
                    .zip(numbers(&case["curve"]["sensitivity"])),
            ) {
                close(point.threshold, *t, what);
                close(point.specificity, sp, what);
                close(point.sensitivity, se, what);
            }
        }
    }
}

#[test]
fn comparisons_agree_with_proc_and_mlstatkit() {
    let all = read("roc.json");
    let python = read("roc-python.json");
    for (at, case) in all["paired"].as_array().unwrap().iter().enumerate() {
        let what = case["name"].as_str().unwrap();
        let (truth, a, b) = (
            flags(&case["truth"]),
            numbers(&case["first"]),
            numbers(&case["second"]),
        );
        let got = paired_areas(&truth, &[&a, &b], None, 0.95).unwrap();
        let pair = got.pairs[0].2.clone().unwrap();
        close(pair.z, number(&case["z"]), what);
        close(pair.p_value, number(&case["p"]), what);
        close(pair.interval.lower, numbers(&case["ci"])[0], what);
        close(pair.interval.upper, numbers(&case["ci"])[1], what);
        close(got.covariance[0][1], number(&case["cov"]), what);
        close(
            pair.z.abs(),
            number(&python["mlstatkit"][at]["z"]).abs(),
            what,
        );
        close(pair.p_value, number(&python["mlstatkit"][at]["p"]), what);
        let swapped = paired_areas(&truth, &[&b, &a], None, 0.95).unwrap().pairs[0]
            .2
            .clone()
            .unwrap();
        assert_eq!(swapped.z, -pair.z);
        let whole = venkatraman_paired(&truth, &a, &b, RankTies::First, 100, 1).unwrap();
        close(whole.statistic, number(&case["venkatraman"]), what);
    }
    let case = &all["overall"];
    let scores: Vec<Vec<f64>> = case["scores"]
        .as_array()
        .unwrap()
        .iter()
        .map(numbers)
        .collect();
    let columns: Vec<&[f64]> = scores.iter().map(Vec::as_slice).collect();
    let got = paired_areas(&flags(&case["truth"]), &columns, None, 0.95).unwrap();
    let (chi, df, p) = got.overall.unwrap();
    close(chi, number(&case["chi_squared"]), "chi-squared");
    assert_eq!(df, 2);
    close(p, number(&case["p"]), "overall p");
    for case in all["unpaired"].as_array().unwrap() {
        let what = case["name"].as_str().unwrap();
        let (t1, s1, t2, s2) = (
            flags(&case["truth1"]),
            numbers(&case["score1"]),
            flags(&case["truth2"]),
            numbers(&case["score2"]),
        );
        let got = unpaired_areas((&t1, &s1, None), (&t2, &s2, None)).unwrap();
        close(got.d, number(&case["d"]), what);
        close(got.degrees_of_freedom, number(&case["df"]), what);
        close(got.p_value, number(&case["p"]), what);
        let back = unpaired_areas((&t2, &s2, None), (&t1, &s1, None)).unwrap();
        assert_eq!(back.d, -got.d);
        let (whole, proc_statistic) =
            venkatraman_unpaired((&t1, &s1), (&t2, &s2), RankTies::First, 100, 1).unwrap();
        close(proc_statistic.unwrap(), number(&case["venkatraman"]), what);
        if t1.len() == t2.len() {
            assert_eq!(whole.statistic, proc_statistic.unwrap());
        }
    }
}

#[test]
fn clustered_variances_agree_with_the_definition() {
    for case in read("roc.json")["clustered"].as_array().unwrap() {
        let (truth, a, b) = (
            flags(&case["truth"]),
            numbers(&case["first"]),
            numbers(&case["second"]),
        );
        let cluster: Vec<usize> = numbers(&case["cluster"])
            .iter()
            .map(|c| *c as usize)
            .collect();
        let got = paired_areas(&truth, &[&a, &b], Some(&cluster), 0.95).unwrap();
        for i in 0..2 {
            close(got.areas[i], number(&case["area"][i]), "area");
            for j in 0..2 {
                close(
                    got.covariance[i][j],
                    number(&case["cov"][i][j]),
                    "covariance",
                );
            }
        }
        let one = clustered_auc(&truth, &a, &cluster, 0.95).unwrap();
        close(one.variance, number(&case["cov"][0][0]), "variance");
        let pair = got.pairs[0].2.clone().unwrap();
        let c = &got.covariance;
        close_to(
            pair.standard_error.powi(2),
            c[0][0] + c[1][1] - 2.0 * c[0][1],
            1e-9,
            "difference",
        );
    }
}

#[test]
fn permutations_and_bootstraps_agree_within_monte_carlo_error() {
    let all = read("roc.json");
    let pair = &all["paired"][0];
    let (truth, a, b) = (
        flags(&pair["truth"]),
        numbers(&pair["first"]),
        numbers(&pair["second"]),
    );
    let near = |got: f64, expected: f64, most: f64, what: &str| {
        assert!(
            (got - expected).abs() < most,
            "{what}: {got} against {expected}"
        );
    };
    let whole = venkatraman_paired(&truth, &a, &b, RankTies::First, 4000, 7).unwrap();
    near(
        whole.p_value_proc(),
        number(&all["permutation"]["paired"]),
        0.04,
        "paired",
    );
    let case = &all["unpaired"][0];
    let (t1, s1, t2, s2) = (
        flags(&case["truth1"]),
        numbers(&case["score1"]),
        flags(&case["truth2"]),
        numbers(&case["score2"]),
    );
    let (whole, _) =
        venkatraman_unpaired((&t1, &s1), (&t2, &s2), RankTies::First, 4000, 7).unwrap();
    near(
        whole.p_value_proc(),
        number(&all["permutation"]["unpaired"]),
        0.04,
        "unpaired",
    );

    let boot = &all["bootstrap"];
    let got = bootstrap_auc(
        &truth,
        &a,
        None,
        BootstrapInterval::Percentile,
        10_000,
        3,
        0.95,
    )
    .unwrap();
    near(got.lower, number(&boot["auc"][0]), 0.004, "lower");
    near(got.upper, number(&boot["auc"][2]), 0.004, "upper");
    let bootstrap = Bootstrap {
        cluster: None,
        replicates: 5000,
        seed: 3,
        level: 0.95,
    };
    let grid: Vec<f64> = (0..=10).map(|k| f64::from(k) / 10.0).collect();
    let band = sensitivity_band(&truth, &a, &grid, Band::Pointwise, bootstrap).unwrap();
    for (k, row) in boot["se"].as_array().unwrap().iter().enumerate() {
        near(band.lower[k], number(&row[0]), 0.026, "band, lower");
        near(band.upper[k], number(&row[1]), 0.026, "band, upper");
    }
    let simultaneous = sensitivity_band(&truth, &a, &grid, Band::Simultaneous, bootstrap).unwrap();
    let width = |b: &SensitivityBand| {
        b.upper
            .iter()
            .zip(&b.lower)
            .map(|(u, l)| u - l)
            .sum::<f64>()
    };
    assert!(width(&simultaneous) > width(&band));
    let got = partial_auc_interval(
        &truth,
        &a,
        (0.9, 1.0),
        Focus::Specificity,
        true,
        BootstrapInterval::Percentile,
        bootstrap,
    )
    .unwrap();
    near(
        got.lower,
        number(&boot["partial"][0]),
        0.01,
        "partial, lower",
    );
    near(
        got.upper,
        number(&boot["partial"][2]),
        0.01,
        "partial, upper",
    );
    // BCa and its jackknife by counting again agree with the closed form of the area.
    let bca = bootstrap_auc(&truth, &a, None, BootstrapInterval::Bca, 2000, 3, 0.95).unwrap();
    let whole_range = partial_auc_interval(
        &truth,
        &a,
        (0.0, 1.0),
        Focus::Specificity,
        false,
        BootstrapInterval::Bca,
        Bootstrap {
            replicates: 2000,
            ..bootstrap
        },
    )
    .unwrap();
    close_to(bca.lower, whole_range.lower, 1e-9, "bca");
    close_to(bca.upper, whole_range.upper, 1e-9, "bca");
}

#[test]
fn several_classes_agree_with_proc_and_scikit_learn() {
    let (all, python) = (read("roc.json"), read("roc-python.json"));
    let case = &all["multiclass"];
    let names: Vec<String> = case["class"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap().to_owned())
        .collect();
    let labels = Labels::of(&names);
    let columns: Vec<(&str, &str, Column)> = vec![
        ("truth", "class", Column::Label(labels.clone())),
        ("score", "c", Column::Real(numbers(&case["c"]))),
        ("score", "a", Column::Real(numbers(&case["a"]))),
        ("score", "b", Column::Real(numbers(&case["b"]))),
    ];
    let got = answer("roc-multiclass", &columns, &[("replicates", "200")]).unwrap();
    let value = |a: &Answer, n: &str| a.number(n).unwrap().value.unwrap();
    close(
        value(&got, "hand_till"),
        number(&case["hand_till"]),
        "Hand and Till",
    );
    for (ours, theirs) in [
        ("hand_till", "ovo_macro"),
        ("hand_till_weighted", "ovo_weighted"),
        ("one_vs_rest_macro", "ovr_macro"),
        ("one_vs_rest_weighted", "ovr_weighted"),
    ] {
        close(
            value(&got, ours),
            number(&python["multiclass"][theirs]),
            ours,
        );
        let i = got.number(ours).unwrap().interval.unwrap();
        assert!(i.lower < value(&got, ours) && value(&got, ours) < i.upper);
    }
    let one = vec![
        ("truth", "class", Column::Label(labels)),
        ("score", "marker", Column::Real(numbers(&case["one"]))),
    ];
    let got = answer("roc-multiclass", &one, &[("replicates", "200")]).unwrap();
    close(
        value(&got, "hand_till"),
        number(&case["univariate"]),
        "one score",
    );
    let got = answer(
        "roc-multiclass",
        &one,
        &[("replicates", "200"), ("direction", "ascending")],
    )
    .unwrap();
    close(
        value(&got, "hand_till"),
        number(&case["ascending"]),
        "one score, ascending",
    );
}

#[test]
fn histograms_give_the_area_with_a_bound_and_exactly_by_distinct_scores() {
    let all = read("roc.json");
    let python = read("roc-python.json");
    let case = &all["singles"][0];
    let (truth, score) = (flags(&case["truth"]), numbers(&case["score"]));
    let half = truth.len() / 2;
    let edges = numbers(&python["binned"]["edges"]);
    let site = |r: std::ops::Range<usize>| {
        ScoreHistogram::by_edges(&truth[r.clone()], &score[r], &edges).unwrap()
    };
    let binned = site(0..half)
        .merged(&site(half..truth.len()))
        .unwrap()
        .auc(0.95)
        .unwrap();
    close(binned.value, number(&python["binned"]["auc"]), "binned");
    assert!((binned.value - number(&case["auc"])).abs() <= binned.error_at_most);
    let site = |r: std::ops::Range<usize>| {
        ScoreHistogram::by_distinct_scores(&truth[r.clone()], &score[r]).unwrap()
    };
    let (one, two) = (site(0..half), site(half..truth.len()));
    let exact = one.merged(&two).unwrap().auc(0.95).unwrap();
    close(exact.value, number(&case["auc"]), "exact");
    close(exact.variance, number(&case["variance"]), "exact");
    assert_eq!(exact.error_at_most, 0.0);
    assert!(
        one.merged(&ScoreHistogram::by_edges(&truth, &score, &edges).unwrap())
            .is_err()
    );
    // The same through the entry, rows of both sites under each other.
    let rows: Vec<(f64, f64, f64, &str)> = [(&one, "a"), (&two, "b")]
        .iter()
        .flat_map(|(h, s)| {
            h.lowest
                .iter()
                .zip(&h.positive)
                .zip(&h.negative)
                .map(|((l, p), n)| (*l, *p as f64, *n as f64, *s))
                .collect::<Vec<_>>()
        })
        .collect();
    let column = |f: fn(&(f64, f64, f64, &str)) -> f64| Column::Real(rows.iter().map(f).collect());
    let columns = [
        ("bin", "bin", column(|r| r.0)),
        ("positives", "positives", column(|r| r.1)),
        ("negatives", "negatives", column(|r| r.2)),
        (
            "site",
            "site",
            Column::Label(Labels::of(&rows.iter().map(|r| r.3).collect::<Vec<_>>())),
        ),
    ];
    let got = answer("roc-federated", &columns, &[("exact", "true")]).unwrap();
    close(got.numbers[0].value.unwrap(), number(&case["auc"]), "entry");
    assert_eq!(got.tables[0].rows.len(), 2);
}

#[test]
fn every_entry_answers_and_says_why_it_cannot() {
    let case = &read("roc.json")["singles"][0];
    let (truth, score) = (flags(&case["truth"]), numbers(&case["score"]));
    let base = truth_score(&truth, &score);
    let cluster: Vec<String> = (0..truth.len()).map(|i| (i / 2).to_string()).collect();
    let with =
        |more: &[(&'static str, &'static str, Column)]| [base.clone(), more.to_vec()].concat();
    let clustered = with(&[("cluster", "patient", Column::Label(Labels::of(&cluster)))]);
    let group: Vec<String> = (0..truth.len())
        .map(|i| if i % 3 == 0 { "x".into() } else { "y".into() })
        .collect();
    let grouped = with(&[("group", "scanner", Column::Label(Labels::of(&group)))]);
    let second = with(&[(
        "score",
        "other",
        Column::Real(score.iter().map(|s| (s * 7.0).sin()).collect()),
    )]);
    let fast = ("replicates", "200");
    for interval in ["delong", "logit", "newcombe", "hanley_mcneil", "bootstrap"] {
        for method in ["percentile", "bca", "basic"] {
            let got = answer(
                "roc-auc",
                &base,
                &[
                    ("interval", interval),
                    ("bootstrap", method),
                    fast,
                    ("band", "pointwise"),
                ],
            )
            .unwrap();
            let auc = &got.numbers[0];
            let i = auc.interval.unwrap();
            assert!(
                auc.name == "auc" && i.lower < auc.value.unwrap() && auc.value.unwrap() < i.upper
            );
            assert_eq!(got.curves.len(), 2);
            let same = answer(
                "roc-auc",
                &clustered,
                &[("interval", interval), ("bootstrap", method), fast],
            );
            assert_eq!(
                same.is_err(),
                interval == "newcombe" || interval == "hanley_mcneil"
            );
        }
    }
    for rule in [
        "youden",
        "closest_topleft",
        "fixed_specificity",
        "fixed_sensitivity",
        "given",
    ] {
        for interval in ["wilson", "bootstrap"] {
            for columns in [&base, &clustered] {
                let mut settings = vec![("rule", rule), ("interval", interval), fast];
                if rule.starts_with("fixed") {
                    settings.push(("target", "0.9"));
                } else if rule == "given" {
                    settings.push(("threshold", "0.2"));
                }
                let got = answer("roc-operating-point", columns, &settings).unwrap();
                assert!(got.numbers[0].interval.is_some(), "{rule} {interval}");
            }
        }
    }
    assert!(answer("roc-operating-point", &base, &[("rule", "given")]).is_err());
    for columns in [&base, &clustered] {
        for method in ["percentile", "bca", "basic"] {
            let settings = [fast, ("bootstrap", method)];
            assert!(
                answer("roc-partial-auc", columns, &settings)
                    .unwrap()
                    .numbers[0]
                    .interval
                    .is_some()
            );
            assert!(
                answer("precision-recall", columns, &settings)
                    .unwrap()
                    .numbers[0]
                    .interval
                    .is_some()
            );
        }
    }
    let got = answer("roc-compare-paired", &second, &[("margin", "0.05")]).unwrap();
    assert!(
        got.number("difference").unwrap().interval.is_some()
            && got.number("non_inferiority_p_value").is_some()
    );
    let got = answer("roc-compare-unpaired", &grouped, &[("margin", "0.05")]).unwrap();
    assert!(got.number("difference").unwrap().interval.is_some());
    assert!(
        answer("roc-venkatraman", &grouped, &[fast])
            .unwrap()
            .number("statistic_proc")
            .is_some()
    );
    assert!(answer("roc-venkatraman", &second, &[fast]).is_ok());
    assert!(answer("roc-venkatraman", &base, &[fast]).is_err());
    // The same score twice has no test, but its difference is 0 and its areas are there.
    let twice = with(&[(
        "score",
        "again",
        Column::Real(score.iter().map(|s| s + 1.0).collect()),
    )]);
    let got = answer("roc-compare-paired", &twice, &[("margin", "0.05")]).unwrap();
    assert!(
        got.number("difference").unwrap().not_estimable.is_some()
            && got.number("z").unwrap().value.is_none()
    );

    // One class, no rows, perfect separation, a constant score, one positive.
    let one_class = truth_score(&[true, true, true], &[0.1, 0.2, 0.3]);
    let nothing = truth_score(&[], &[]);
    for id in [
        "roc-auc",
        "roc-partial-auc",
        "roc-operating-point",
        "precision-recall",
    ] {
        for columns in [&one_class, &nothing] {
            assert!(
                matches!(
                    answer(id, columns, &[fast]),
                    Err(StatisticsError::NotEstimable(_))
                ),
                "{id}"
            );
        }
    }
    let perfect = truth_score(
        &[true, true, true, false, false],
        &[3.0, 4.0, 5.0, 1.0, 2.0],
    );
    let constant = truth_score(&[true, true, true, false, false], &[1.0; 5]);
    let single = truth_score(
        &[true, false, false, false, false],
        &[3.0, 1.0, 2.0, 5.0, 0.0],
    );
    for interval in ["delong", "logit", "hanley_mcneil", "bootstrap"] {
        let got = answer(
            "roc-auc",
            &perfect,
            &[("interval", interval), fast, ("band", "pointwise")],
        )
        .unwrap();
        assert_eq!(got.numbers[0].value, Some(1.0));
        assert!(
            got.numbers[0].interval.is_none() && got.numbers[0].not_estimable.is_some(),
            "{interval}"
        );
        let boundary = got.number("auc_boundary").unwrap().interval.unwrap();
        assert!(
            boundary.lower > 0.3 && boundary.lower < 0.9 && boundary.upper == 1.0,
            "{boundary:?}"
        );
    }
    for interval in ["delong", "logit", "bootstrap"] {
        let got = answer("roc-auc", &constant, &[("interval", interval), fast]).unwrap();
        assert!(
            got.numbers[0].value == Some(0.5) && got.numbers[0].interval.is_none(),
            "{interval}"
        );
        assert!(got.number("auc_boundary").is_none());
    }
    let got = answer("roc-auc", &single, &[]).unwrap();
    assert!(got.numbers[0].value == Some(0.75) && got.numbers[0].interval.is_none());
    assert!(got.number("auc_boundary").unwrap().interval.is_some());
    for id in ["roc-partial-auc", "precision-recall"] {
        let got = answer(id, &perfect, &[fast]).unwrap();
        assert!(
            got.numbers[0].interval.is_none() && got.numbers[0].not_estimable.is_some(),
            "{id}"
        );
    }
}

#[test]
fn the_pub_functions_refuse_what_is_no_number() {
    let (truth, nan, good) = (
        [true, true, false, false],
        [0.1, f64::NAN, 0.3, 0.4],
        [0.1, 0.4, 0.3, 0.4],
    );
    let quick = Bootstrap {
        cluster: None,
        replicates: 100,
        seed: 1,
        level: 0.95,
    };
    assert!(roc_curve(&truth, &nan, Thresholds::Midpoint).is_err());
    assert!(partial_auc(&truth, &nan, (0.5, 1.0), Focus::Specificity, false).is_err());
    assert!(partial_auc(&truth, &good, (1.0, 0.5), Focus::Specificity, false).is_err());
    assert!(partial_auc(&truth, &good, (f64::NAN, 0.5), Focus::Specificity, false).is_err());
    assert!(average_precision(&truth, &nan).is_err());
    assert!(paired_areas(&truth, &[&good, &nan], None, 0.95).is_err());
    assert!(paired_areas(&truth, &[&good, &good[..3]], None, 0.95).is_err());
    assert!(venkatraman_paired(&truth, &good, &nan, RankTies::First, 10, 1).is_err());
    assert!(ScoreHistogram::by_edges(&truth, &nan, &[0.1]).is_err());
    assert!(ScoreHistogram::by_edges(&truth, &good, &[0.3, 0.1]).is_err());
    assert!(sensitivity_at_specificity(&truth, &good, 1.1, quick).is_err());
    assert!(clustered_auc(&truth, &good, &[1, 2, 3], 0.95).is_err());
    assert!(clustered_auc(&truth, &good, &[1, 1, 1, 1], 0.95).is_err());
    assert!(hand_till(&[0, 1, 2], &[&[0.1, 0.2, 0.3], &[0.1, 0.2, 0.3]]).is_err());
    assert!(margin_tests(0.01, 0.0, f64::INFINITY, 0.05, 0.025).is_err());
}

#[test]
fn a_margin_is_tested_in_closed_order() {
    // By hand: z = (0.01 + 0.05) / 0.02 = 3, P(Z > 3) = 0.001349898; superiority z = 0.5.
    let t = margin_tests(0.01, 0.02, f64::INFINITY, 0.05, 0.025).unwrap();
    close_to(
        t.non_inferiority_p,
        0.001_349_898_031_630_09,
        1e-9,
        "non-inferiority",
    );
    close_to(t.superiority_p, 0.308_537_538_725_987, 1e-9, "superiority");
    close_to(
        t.equivalence_p,
        0.022_750_131_948_179_2,
        1e-9,
        "equivalence",
    );
    assert!(t.non_inferior && !t.superior && t.equivalent);
    // Superior only with non-inferiority shown.
    assert!(
        margin_tests(0.05, 0.02, f64::INFINITY, 0.05, 0.025)
            .unwrap()
            .superior
    );
}

#[test]
fn infinite_scores_rank_and_have_thresholds_where_one_exists() {
    let inf = f64::INFINITY;
    let (truth, score) = ([false, true, false, true], [-inf, 1.0, 2.0, inf]);
    let points = roc_curve(&truth, &score, Thresholds::Midpoint).unwrap();
    let (last, others) = points.split_last().unwrap();
    for p in others {
        let tp = truth
            .iter()
            .zip(&score)
            .filter(|(t, s)| **t && **s >= p.threshold)
            .count() as u64;
        let tn = truth
            .iter()
            .zip(&score)
            .filter(|(t, s)| !**t && **s < p.threshold)
            .count() as u64;
        assert_eq!((tp, tn), (p.true_positives, p.true_negatives), "{p:?}");
    }
    // No number lies above +inf; the last cut is printed as it, and no operating point stands there.
    assert_eq!(
        (last.threshold, last.true_positives, last.true_negatives),
        (inf, 0, 2)
    );
    let columns = truth_score(&truth, &score);
    let got = answer("roc-auc", &columns, &[]).unwrap();
    assert!(
        got.curves[0].labels.contains(&"inf".to_owned())
            && !got.curves[0].labels.iter().any(|l| l.contains("NaN"))
    );
    // Negatives above all positives, at +inf: every cut that is some number calls them positive.
    let worst = ([true, true, false, false], [1.0, 2.0, inf, inf]);
    for thresholds in ["midpoint", "observed"] {
        let columns = truth_score(&worst.0, &worst.1);
        let got = answer(
            "roc-operating-point",
            &columns,
            &[("thresholds", thresholds)],
        )
        .unwrap();
        assert!(got.number("threshold").unwrap().value.is_some());
        assert_eq!(got.number("specificity").unwrap().value, Some(0.0));
        let text = format!("{got:?}");
        assert!(!text.contains("NaN"), "{text}");
        // Specificity 1 needs a cut above +inf.
        let fixed = [
            ("thresholds", thresholds),
            ("rule", "fixed_specificity"),
            ("target", "1"),
        ];
        assert!(matches!(
            answer("roc-operating-point", &columns, &fixed),
            Err(StatisticsError::NotEstimable(_))
        ));
    }
}

fn said(a: &Answer, words: &str) -> bool {
    a.notes.iter().any(|n| n.contains(words))
}

#[test]
fn an_operating_point_takes_what_is_given_or_refuses_it() {
    let columns = truth_score(
        &[true, true, false, true, false, false],
        &[0.9, 0.8, 0.7, 0.6, 0.4, 0.1],
    );
    let point = |settings: &[(&str, &str)]| answer("roc-operating-point", &columns, settings);
    let implied = point(&[("threshold", "0.65")]).unwrap();
    assert_eq!(
        implied,
        point(&[("threshold", "0.65"), ("rule", "given")]).unwrap()
    );
    assert_eq!(implied.number("threshold").unwrap().value, Some(0.65));
    assert_eq!(
        implied.number("sensitivity").unwrap().value,
        Some(2.0 / 3.0)
    );
    assert_eq!(point(&[]).unwrap(), point(&[("rule", "youden")]).unwrap());
    for settings in [
        &[("target", "0.9")][..],
        &[("target", "0.9"), ("rule", "youden")],
        &[("target", "0.9"), ("threshold", "0.5")],
        &[("threshold", "0.5"), ("rule", "youden")],
        &[
            ("threshold", "0.5"),
            ("rule", "fixed_specificity"),
            ("target", "0.5"),
        ],
        &[("rule", "fixed_specificity")],
        &[
            ("rule", "fixed_specificity"),
            ("target", "0.5"),
            ("cost", "2"),
        ],
        &[("threshold", "0.5"), ("prevalence", "0.1")],
    ] {
        assert!(
            matches!(point(settings), Err(StatisticsError::Setting { .. })),
            "{settings:?}"
        );
    }
}

/// One positive: areas and their difference are counts of pairs, only the variance is missing. By hand:
/// the first score exceeds 3 of 4 negatives, the second 1 of 4, the third 2 and a half.
#[test]
fn one_positive_has_areas_and_no_test() {
    let truth = [true, false, false, false, false];
    let columns = |scores: &[[f64; 5]], truth: &[bool]| {
        let names = ["a", "b", "c"];
        let mut all = vec![("truth", "truth", Column::Binary(truth.to_vec()))];
        for (name, score) in names.into_iter().zip(scores) {
            all.push(("score", name, Column::Real(score.to_vec())));
        }
        all
    };
    let scores = [
        [4.0, 1.0, 2.0, 3.0, 5.0],
        [2.0, 1.0, 3.0, 4.0, 5.0],
        [3.0, 1.0, 2.0, 3.0, 4.0],
    ];
    let a = answer(
        "roc-compare-paired",
        &columns(&scores[..2], &truth),
        &[("margin", "0.1")],
    )
    .unwrap();
    for (name, expected) in [("difference", 0.5), ("auc_a", 0.75), ("auc_b", 0.25)] {
        let n = a.number(name).unwrap();
        assert_eq!(n.value, Some(expected), "{name}");
        assert!(n.interval.is_none() && n.standard_error.is_none(), "{n:?}");
        assert!(
            n.not_estimable
                .as_ref()
                .unwrap()
                .contains("two of each are needed"),
            "{n:?}"
        );
    }
    for name in ["z", "non_inferior"] {
        assert!(a.number(name).unwrap().value.is_none(), "{name}");
    }
    let a = answer("roc-compare-paired", &columns(&scores, &truth), &[]).unwrap();
    assert_eq!(a.number("auc_c").unwrap().value, Some(0.625));
    assert_eq!(a.number("difference_a_c").unwrap().value, Some(0.125));
    assert!(a.number("chi_squared").unwrap().value.is_none());
    // One negative, which is the mirror.
    let turned: Vec<bool> = truth.iter().map(|t| !t).collect();
    let a = answer("roc-compare-paired", &columns(&scores[..2], &turned), &[]).unwrap();
    assert_eq!(a.number("difference").unwrap().value, Some(-0.5));
}

/// Of 20 negatives 12 score 0 and 8 score 10; all positives score 5. A specificity of 0.9 needs a
/// threshold above 5, unless 18 of 20 drawn negatives score 0: P(Binomial(20, 0.6) >= 18) = 0.0036
/// (scipy 1.17.1, binom.sf(17, 20, 0.6)). So some replicates differ, but not 2.5% of them, and both
/// percentiles are 0: an interval from 0 to 0 would claim certainty.
#[test]
fn coinciding_percentiles_are_no_interval() {
    let truth: Vec<bool> = (0..26).map(|i| i < 6).collect();
    let score: Vec<f64> = (0..26)
        .map(|i| match i {
            0..6 => 5.0,
            6..18 => 0.0,
            _ => 10.0,
        })
        .collect();
    let cluster: Vec<String> = (0..26).map(|i| i.to_string()).collect();
    let mut clustered = truth_score(&truth, &score);
    clustered.push(("cluster", "patient", Column::Label(Labels::of(&cluster))));
    let rule = [("rule", "fixed_specificity"), ("target", "0.9")];
    let boot = [rule[0], rule[1], ("interval", "bootstrap")];
    for (columns, settings) in [
        (truth_score(&truth, &score), &boot[..]),
        (clustered, &rule[..]),
    ] {
        let a = answer("roc-operating-point", &columns, settings).unwrap();
        let n = a.number("sensitivity").unwrap();
        assert_eq!(n.value, Some(0.0));
        assert!(n.interval.is_none(), "{n:?}");
        let why = n.not_estimable.as_ref().unwrap();
        assert!(why.contains("no width"), "{why}");
        assert!(
            a.numbers
                .iter()
                .filter_map(|n| n.interval)
                .all(|i| i.lower < i.upper)
        );
    }
}

/// Two of ten negatives lie above all positives, so the area at specificities from 0.9 is 0; in a tenth of
/// the replicates (0.8^10) neither is drawn and it is more. The basic interval then ends at 0 and starts
/// below, where no area lies: cut to the range it would be a point.
#[test]
fn an_interval_outside_the_range_is_none() {
    let truth: Vec<bool> = (0..20).map(|i| i < 10).collect();
    let score: Vec<f64> = (0..20)
        .map(|i| match i {
            0..10 => 5.0,
            10..18 => 0.0,
            _ => 10.0,
        })
        .collect();
    let settings = [("from", "0.9"), ("to", "1"), ("bootstrap", "basic")];
    let a = answer("roc-partial-auc", &truth_score(&truth, &score), &settings).unwrap();
    let n = a.number("partial_auc").unwrap();
    assert_eq!(n.value, Some(0.0));
    assert!(n.interval.is_none(), "{n:?}");
    assert!(
        n.not_estimable
            .as_ref()
            .unwrap()
            .contains("outside the possible range")
    );
}

/// One positive among a hundred negatives: every replicate holds that one, which says nothing about
/// others.
#[test]
fn a_bootstrap_wants_two_of_each_class() {
    let truth: Vec<bool> = (0..101).map(|i| i == 0).collect();
    let score: Vec<f64> = (0..101)
        .map(|i| if i == 0 { 97.5 } else { f64::from(i) })
        .collect();
    let one = truth_score(&truth, &score);
    // The same where all positives are of one cluster.
    let truth: Vec<bool> = (0..100).map(|i| i < 5).collect();
    let score: Vec<f64> = (0..100).map(|i| f64::from((i * 37) % 41)).collect();
    let cluster: Vec<String> = (0..100).map(|i| (i / 5).to_string()).collect();
    let mut clustered = truth_score(&truth, &score);
    clustered.push(("cluster", "patient", Column::Label(Labels::of(&cluster))));
    let fast = ("replicates", "200");
    for columns in [&one, &clustered] {
        for (id, number, settings) in [
            ("roc-auc", "auc", vec![("interval", "bootstrap"), fast]),
            ("roc-partial-auc", "partial_auc", vec![fast]),
            ("precision-recall", "average_precision", vec![fast]),
            (
                "roc-operating-point",
                "sensitivity",
                vec![("interval", "bootstrap"), fast],
            ),
            (
                "roc-operating-point",
                "sensitivity_at_specificity",
                vec![("rule", "fixed_specificity"), ("target", "0.9"), fast],
            ),
        ] {
            let got = answer(id, columns, &settings).unwrap();
            let n = got.number(number).unwrap();
            assert!(n.value.is_some() && n.interval.is_none(), "{id} {n:?}");
            assert!(
                n.not_estimable
                    .as_ref()
                    .unwrap()
                    .contains("a bootstrap needs two"),
                "{id} {n:?}"
            );
        }
        let got = answer("roc-auc", columns, &[("band", "pointwise"), fast]).unwrap();
        assert!(got.curves.len() == 1 && said(&got, "no band: a bootstrap needs two"));
    }
}

/// Near 1 twice the estimate less the quantiles lies above 1.
#[test]
fn basic_intervals_are_clipped_and_constant_bands_left_out() {
    let truth: Vec<bool> = (0..24).map(|i| i >= 12).collect();
    let mut score: Vec<f64> = (0..24).map(f64::from).collect();
    score[12] = 9.5;
    let columns = truth_score(&truth, &score);
    let settings = [("bootstrap", "basic"), ("replicates", "500")];
    for (id, settings) in [
        (
            "roc-auc",
            [&settings[..], &[("interval", "bootstrap")]].concat(),
        ),
        (
            "roc-partial-auc",
            [&settings[..], &[("from", "0.5")]].concat(),
        ),
        ("precision-recall", settings.to_vec()),
    ] {
        let got = answer(id, &columns, &settings).unwrap();
        let most = if id == "roc-partial-auc" { 0.5 } else { 1.0 };
        assert_eq!(got.numbers[0].interval.unwrap().upper, most, "{id}");
        assert!(said(&got, "was clipped"), "{id} {:?}", got.notes);
    }
    // A constant score: a band without a width is none.
    let constant = truth_score(&truth, &[1.0; 24]);
    for band in ["pointwise", "simultaneous"] {
        let got = answer(
            "roc-auc",
            &constant,
            &[("band", band), ("replicates", "200")],
        )
        .unwrap();
        assert!(got.curves.len() == 1 && said(&got, "no band"), "{band}");
        assert!(
            got.numbers[0]
                .not_estimable
                .as_ref()
                .unwrap()
                .contains("interval `newcombe`"),
            "{:?}",
            got.numbers[0]
        );
    }
}

/// Scores by severity: the alphabet puts mild, moderate, none, severe.
#[test]
fn classes_are_ordered_as_said() {
    let words = ["none", "mild", "moderate", "severe"];
    let class: Vec<&str> = (0..40).map(|i| words[i % 4]).collect();
    let score: Vec<f64> = (0..40)
        .map(|i| ((i % 4) * 2 + (i * 7 % 5)) as f64)
        .collect();
    let columns = [
        ("truth", "grade", Column::Label(Labels::of(&class))),
        ("score", "score", Column::Real(score.clone())),
    ];
    let ascending = [("direction", "ascending"), ("replicates", "200")];
    let run = |more: &[(&'static str, &'static str)]| {
        answer("roc-multiclass", &columns, &[&ascending[..], more].concat())
    };
    let got = run(&[("order", "none,mild,moderate,severe")]).unwrap();
    // By definition: the mean over pairs of classes of the share of pairs in which the higher scores more.
    let mut sum = 0.0;
    for low in 0..4 {
        for high in low + 1..4 {
            let (mut wins, mut pairs) = (0.0, 0.0);
            for i in 0..40 {
                for j in 0..40 {
                    if i % 4 == low && j % 4 == high {
                        wins += if score[j] > score[i] {
                            1.0
                        } else if score[j] == score[i] {
                            0.5
                        } else {
                            0.0
                        };
                        pairs += 1.0;
                    }
                }
            }
            sum += wins / pairs;
        }
    }
    close(got.numbers[0].value.unwrap(), sum / 6.0, "ordered");
    assert!(
        said(&got, "none < mild < moderate < severe"),
        "{:?}",
        got.notes
    );
    let bare = run(&[]).unwrap();
    assert!(bare.numbers[0].value.unwrap() < sum / 6.0 - 0.1);
    assert!(
        said(&bare, "mild < moderate < none < severe") && said(&bare, "by their names alone"),
        "{:?}",
        bare.notes
    );
    for bad in [
        "none,mild",
        "none,mild,moderate,grave",
        "none,mild,moderate,severe,severe",
    ] {
        assert!(matches!(
            run(&[("order", bad)]),
            Err(StatisticsError::Setting { .. })
        ));
    }
}

#[test]
fn a_perfect_area_makes_no_claim() {
    let truth: Vec<bool> = (0..20).map(|i| i >= 10).collect();
    let perfect: Vec<f64> = (0..20).map(f64::from).collect();
    let other: Vec<f64> = (0..20)
        .map(|i| f64::from(i) + f64::from((i * 7) % 13))
        .collect();
    let mut columns = truth_score(&truth, &perfect);
    columns.push(("score", "other", Column::Real(other.clone())));
    let got = answer("roc-compare-paired", &columns, &[("margin", "0.05")]).unwrap();
    assert!(said(&got, "CAUTION"), "{:?}", got.notes);
    for claim in [
        "non_inferior",
        "superior",
        "equivalent",
        "non_inferiority_p_value",
    ] {
        let n = got.number(claim).unwrap();
        assert!(n.value.is_none() && n.not_estimable.is_some(), "{n:?}");
    }
    // Both vary: claims, and the level of the tests without its rounding.
    let rival: Vec<f64> = (0..20)
        .map(|i| f64::from(i) + f64::from((i * 5) % 17))
        .collect();
    let mut columns = truth_score(&truth, &rival);
    columns.push(("score", "other", Column::Real(other)));
    let got = answer("roc-compare-paired", &columns, &[("margin", "0.05")]).unwrap();
    assert!(!said(&got, "CAUTION") && got.number("non_inferior").unwrap().value.is_some());
    assert!(said(&got, "one-sided level 0.025;"), "{:?}", got.notes);
    assert!(said(
        &got,
        "new less reference: `score` (first column) less `other`"
    ));
    // No remedy is named that the entry does not have.
    for id in ["roc-compare-paired", "roc-compare-unpaired"] {
        assert!(!entry(id).settings.iter().any(|s| s.name == "interval"));
    }
    let same = truth_score(&truth, &perfect);
    let group: Vec<&str> = (0..20)
        .map(|i| if i % 2 == 0 { "x" } else { "y" })
        .collect();
    let grouped = [
        &same[..],
        &[("group", "g", Column::Label(Labels::of(&group)))],
    ]
    .concat();
    let got = answer("roc-compare-unpaired", &grouped, &[("margin", "0.1")]).unwrap();
    assert!(
        !format!("{got:?}").contains("newcombe")
            && got.number("non_inferior").unwrap().value.is_none()
    );
    let cluster: Vec<String> = (0..20).map(|i| (i / 2).to_string()).collect();
    let clustered = [
        &same[..],
        &[("cluster", "c", Column::Label(Labels::of(&cluster)))],
    ]
    .concat();
    let got = answer("roc-auc", &clustered, &[]).unwrap();
    assert!(got.numbers[0].interval.is_none() && !format!("{got:?}").contains("newcombe"));
}

#[test]
fn unpaired_areas_are_new_less_reference() {
    let truth: Vec<bool> = (0..60).map(|i| i % 3 == 0).collect();
    let score: Vec<f64> = (0..60)
        .map(|i| {
            f64::from((i * 17) % 29)
                + if i % 3 == 0 {
                    f64::from(4 + i % 2 * 9)
                } else {
                    0.0
                }
        })
        .collect();
    let group: Vec<&str> = (0..60)
        .map(|i| if i % 2 == 0 { "x" } else { "y" })
        .collect();
    let mut columns = truth_score(&truth, &score);
    columns.push(("group", "scanner", Column::Label(Labels::of(&group))));
    let run = |settings: &[(&str, &str)]| answer("roc-compare-unpaired", &columns, settings);
    let value = |a: &Answer, name: &str| a.number(name).unwrap().value.unwrap();
    let bare = run(&[]).unwrap();
    close(
        value(&bare, "difference"),
        value(&bare, "auc_y") - value(&bare, "auc_x"),
        "other less the first by name",
    );
    assert!(said(&bare, "group `y` less reference `x`"));
    let turned = run(&[("reference_group", "y")]).unwrap();
    close(
        value(&turned, "difference"),
        -value(&bare, "difference"),
        "turned",
    );
    close(value(&turned, "d"), -value(&bare, "d"), "turned");
    assert!(said(&turned, "group `x` less reference `y`"));
    let width = |a: &Answer| {
        let i = a.numbers[0].interval.unwrap();
        i.upper - i.lower
    };
    assert!(width(&run(&[("distribution", "normal")]).unwrap()) < width(&bare));
    assert!(run(&[("reference_group", "z")]).is_err() && run(&[("reference", "t")]).is_err());
}

#[test]
fn settings_that_are_not_used_are_noted() {
    let case = &read("roc.json")["singles"][0];
    let base = truth_score(&flags(&case["truth"]), &numbers(&case["score"]));
    let got = answer("roc-auc", &base, &[("bootstrap", "bca")]).unwrap();
    assert!(said(&got, "`bootstrap` bca is not used"), "{:?}", got.notes);
    let got = answer(
        "precision-recall",
        &base,
        &[("bootstrap", "bca"), ("interval", "logit")],
    )
    .unwrap();
    assert!(said(&got, "`bootstrap` bca is not used"));
    let got = answer("roc-auc", &base, &[]).unwrap();
    assert!(!said(&got, "not used"));
    // Partial area and average precision at the boundary say what to do.
    let perfect = truth_score(
        &[true, true, true, false, false],
        &[3.0, 4.0, 5.0, 1.0, 2.0],
    );
    for id in ["roc-partial-auc", "precision-recall"] {
        let got = answer(id, &perfect, &[("replicates", "200")]).unwrap();
        assert!(
            got.numbers[0]
                .not_estimable
                .as_ref()
                .unwrap()
                .contains("`roc-auc`")
        );
    }
    // Perfect separation in counts: Newcombe's interval stands beside.
    let columns = [
        ("bin", "bin", Column::Real(vec![0.0, 1.0])),
        ("positives", "p", Column::Real(vec![0.0, 10.0])),
        ("negatives", "n", Column::Real(vec![10.0, 0.0])),
    ];
    let got = answer("roc-federated", &columns, &[]).unwrap();
    let i = got.number("auc_boundary").unwrap().interval.unwrap();
    let expected = newcombe_interval(1.0, 10, 10, 0.95).unwrap();
    assert_eq!(i, expected);
}

/// Binormal scores: `cases` positives around `shift`, others around 0.
fn binormal(
    random: &mut Philox,
    cases: usize,
    controls: usize,
    shift: f64,
) -> (Vec<f64>, Vec<f64>) {
    let of = |n: usize, at: f64, random: &mut Philox| {
        (0..n).map(|_| at + random.normal()).collect::<Vec<f64>>()
    };
    (of(cases, shift, random), of(controls, 0.0, random))
}

/// Area .76 and .95, 12 to 40 cases a class: DeLong's Wald interval covers too seldom near 1 (as is
/// known: Newcombe 2006, Qin and Hotilovac 2008), logit and Newcombe's hold the level.
#[test]
fn coverage_of_the_intervals() {
    let share = |shift: f64,
                 m: usize,
                 n: usize,
                 make: &dyn Fn(f64, f64, usize, usize) -> Option<(f64, f64)>| {
        let area = candour_statistics::distribution::normal_cdf(shift / std::f64::consts::SQRT_2);
        let (mut covered, mut made) = (0, 0);
        for run in 0..1500 {
            let (p, q) = binormal(&mut Philox::new(20_261_125, run), m, n, shift);
            let value = mann_whitney_auc(&p, &q).unwrap();
            let variance = delong_auc(&p, &q, 0.95).map_or(f64::NAN, |a| a.variance);
            if let Some((lower, upper)) = make(value, variance, m, n) {
                made += 1;
                covered += usize::from(lower <= area && area <= upper);
            }
        }
        covered as f64 / f64::from(made)
    };
    let wald = |v: f64, s: f64, _: usize, _: usize| {
        wald_interval(v, s, 0.95)
            .ok()
            .filter(|_| !s.is_nan())
            .map(|(i, _)| (i.lower, i.upper))
    };
    let logit = |v: f64, s: f64, _: usize, _: usize| {
        logit_interval(v, s, 0.95)
            .ok()
            .filter(|_| !s.is_nan())
            .map(|i| (i.lower, i.upper))
    };
    let newcombe = |v: f64, _: f64, m: usize, n: usize| {
        newcombe_interval(v, m, n, 0.95)
            .ok()
            .map(|i| (i.lower, i.upper))
    };
    // The Monte-Carlo standard error is 0.0056.
    for (shift, m, n) in [(1.0, 20, 40), (1.0, 12, 12), (2.33, 15, 40)] {
        let (w, l, c) = (
            share(shift, m, n, &wald),
            share(shift, m, n, &logit),
            share(shift, m, n, &newcombe),
        );
        assert!((0.82..0.965).contains(&w), "wald {shift} {m} {n}: {w}");
        assert!((0.93..0.985).contains(&l), "logit {shift} {m} {n}: {l}");
        assert!((0.935..0.985).contains(&c), "newcombe {shift} {m} {n}: {c}");
    }
    assert!(share(2.33, 15, 40, &wald) < 0.94);
}

/// Two scores of equal area on the same 60 cases, correlated: the level of the test is .05.
#[test]
fn type_one_error_of_the_tests() {
    let runs = 1500;
    let (mut paired, mut unpaired, mut clustered, mut naive) = (0, 0, 0, 0);
    for run in 0..runs {
        let mut random = Philox::new(42, run);
        let truth: Vec<bool> = (0..60).map(|i| i % 3 == 0).collect();
        let shared: Vec<f64> = (0..60).map(|_| random.normal()).collect();
        let mut noisy = || -> Vec<f64> {
            truth
                .iter()
                .zip(&shared)
                .map(|(t, s)| f64::from(u8::from(*t)) * 1.2 + s + random.normal())
                .collect()
        };
        let (a, b) = (noisy(), noisy());
        let p = |r: PairedAreas| r.pairs[0].2.clone().map_or(1.0, |d| d.p_value);
        paired += u32::from(p(paired_areas(&truth, &[&a, &b], None, 0.95).unwrap()) < 0.05);
        // Clusters of four rows that share what only one score sees.
        let cluster: Vec<usize> = (0..120).map(|i| i / 4).collect();
        let truth: Vec<bool> = (0..120).map(|i| i / 4 % 3 == 0).collect();
        let mut own = || -> Vec<f64> {
            let common: Vec<f64> = (0..30).map(|_| random.normal()).collect();
            (0..120)
                .map(|i| f64::from(u8::from(truth[i])) + common[i / 4] + random.normal())
                .collect()
        };
        let (c, d) = (own(), own());
        clustered +=
            u32::from(p(paired_areas(&truth, &[&c, &d], Some(&cluster), 0.95).unwrap()) < 0.05);
        naive += u32::from(p(paired_areas(&truth, &[&c, &d], None, 0.95).unwrap()) < 0.05);
        let (t1, t2) = truth.split_at(60);
        let (x, y) = (&a, noisy_of(&mut random, t2));
        let (t0, _) = (t1, ());
        let x: Vec<f64> = x
            .iter()
            .zip(t0)
            .map(|(_, t)| f64::from(u8::from(*t)) + random.normal())
            .collect();
        unpaired += u32::from(
            unpaired_areas((t0, &x, None), (t2, &y, None)).is_ok_and(|u| u.p_value < 0.05),
        );
    }
    let share = |k: u32| f64::from(k) / runs as f64;
    // Standard error .0056; normal tests on few cases run a little liberal.
    assert!(
        (0.03..0.075).contains(&share(paired)),
        "paired {}",
        share(paired)
    );
    assert!(
        (0.03..0.075).contains(&share(unpaired)),
        "unpaired {}",
        share(unpaired)
    );
    assert!(
        (0.03..0.085).contains(&share(clustered)),
        "clustered {}",
        share(clustered)
    );
    assert!(share(naive) > 0.12, "naive {}", share(naive));
    // Whole-curve permutation, 20 positives and 40 negatives.
    let mut whole = 0;
    for run in 0..400 {
        let mut random = Philox::new(43, run);
        let truth: Vec<bool> = (0..60).map(|i| i % 3 == 0).collect();
        let (a, b) = (noisy_of(&mut random, &truth), noisy_of(&mut random, &truth));
        let test = venkatraman_paired(&truth, &a, &b, RankTies::First, 199, run).unwrap();
        whole += u32::from(test.p_value() <= 0.05);
    }
    assert!(
        (0.02..0.09).contains(&(f64::from(whole) / 400.0)),
        "whole curve {whole} of 400"
    );
}

fn noisy_of(random: &mut Philox, truth: &[bool]) -> Vec<f64> {
    truth
        .iter()
        .map(|t| f64::from(u8::from(*t)) + random.normal())
        .collect()
}
