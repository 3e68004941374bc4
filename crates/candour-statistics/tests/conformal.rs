//! Conformal prediction against testdata/statistics/conformal (MAPIE, crepes, SciPy, NumPy).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use candour_statistics::catalogue::{Column, Labels, Sample};
use candour_statistics::conformal::{
    ClassScore, ENTRIES, class_scores, conformal_rank, conformal_threshold, coverage_band,
    risk_coverage,
};
use candour_statistics::random::Philox;
use candour_statistics::{Answer, StatisticsError};
use proptest::prelude::*;
use serde_json::Value;

fn reference() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/statistics/conformal/conformal.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn reals(v: &Value) -> Column {
    Column::Real(
        v.as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_f64().unwrap())
            .collect(),
    )
}

fn flags(v: &Value) -> Column {
    Column::Binary(
        v.as_array()
            .unwrap()
            .iter()
            .map(|v| v.as_bool().unwrap())
            .collect(),
    )
}

fn labels(v: &Value) -> Column {
    let cells: Vec<&str> = v
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_str().unwrap())
        .collect();
    Column::Label(Labels::of(&cells))
}

type Columns = Vec<(String, String, Column)>;

fn run(id: &str, columns: Columns, settings: &[(&str, &str)]) -> Result<Answer, StatisticsError> {
    let entry = ENTRIES.iter().find(|e| e.id == id).unwrap();
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();
    entry.answer(&Sample::new(entry, columns, &settings)?, &[])
}

fn named(role: &str, column: Column) -> (String, String, Column) {
    (role.to_owned(), role.to_owned(), column)
}

fn close(answer: &Answer, name: &str, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    let got = answer
        .number(name)
        .unwrap_or_else(|| panic!("{name}"))
        .value
        .unwrap();
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
        "{name}: {got} against {expected}"
    );
}

#[test]
fn ranks_agree_with_decimal_arithmetic() {
    for case in reference()["rank"].as_array().unwrap() {
        let (n, alpha) = (
            case["n"].as_u64().unwrap() as usize,
            case["alpha"].as_f64().unwrap(),
        );
        assert_eq!(
            conformal_rank(n, alpha).unwrap() as u64,
            case["rank"].as_u64().unwrap(),
            "{n} {alpha}"
        );
    }
    for bad in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY, 1e-30] {
        assert!(conformal_rank(9, bad).is_err(), "{bad}");
    }
    assert_eq!(conformal_threshold(&[0.3], 0.1).unwrap(), f64::INFINITY);
    assert_eq!(conformal_threshold(&[], 0.1).unwrap(), f64::INFINITY);
    assert!(conformal_threshold(&[f64::NAN], 0.5).is_err());
}

#[test]
fn sets_agree_with_mapie_and_the_definition() {
    for case in reference()["classification"].as_array().unwrap() {
        let columns = || -> Columns {
            let mut columns: Columns = case["p"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(k, v)| ("class_probability".to_owned(), k.clone(), reals(v)))
                .collect();
            columns.push(named("class", labels(&case["class"])));
            columns.push(named("evaluation", flags(&case["evaluation"])));
            columns.push(named("group", labels(&case["group"])));
            columns.push(named("stratum", labels(&case["group"])));
            columns
        };
        let alpha = case["alpha"].as_str().unwrap();
        for method in ["lac", "aps"] {
            let expected = &case["expected"][method];
            let with = |more: &[(&str, &str)]| {
                let mut settings = vec![("method", method), ("alpha", alpha)];
                settings.extend_from_slice(more);
                run("conformal-coverage", columns(), &settings).unwrap()
            };
            let answer = with(&[]);
            match expected["threshold"].as_f64() {
                Some(_) => close(&answer, "threshold", &expected["threshold"]),
                None => assert_eq!(
                    answer.number("threshold").unwrap().value,
                    Some(f64::INFINITY)
                ),
            }
            for (name, key) in [
                ("rank", "rank"),
                ("coverage", "coverage"),
                ("mean_size", "mean_size"),
                ("empty_sets", "empty"),
                ("single_sets", "single"),
                ("coverage_in_a", "coverage_in_a"),
                ("coverage_in_b", "coverage_in_b"),
            ] {
                close(&answer, name, &expected[key]);
            }
            let interval = answer.number("coverage").unwrap().interval.unwrap();
            assert!((interval.lower - expected["lower"].as_f64().unwrap()).abs() < 1e-9);
            assert!((interval.upper - expected["upper"].as_f64().unwrap()).abs() < 1e-9);
            match expected["band"].as_array() {
                Some(band) => {
                    close(&answer, "band_lower", &band[0]);
                    close(&answer, "band_upper", &band[1]);
                }
                None => assert!(answer.number("band_lower").unwrap().value.is_none()),
            }
            let by_class = with(&[("mondrian", "class")]);
            close(&by_class, "coverage", &expected["class_coverage"]);
            close(&by_class, "mean_size", &expected["class_mean_size"]);
            for (class, threshold) in expected["class_thresholds"]
                .as_array()
                .unwrap()
                .iter()
                .enumerate()
            {
                let name = format!("threshold_k{class}");
                match threshold.as_f64() {
                    Some(_) => close(&by_class, &name, threshold),
                    None => assert_eq!(by_class.number(&name).unwrap().value, Some(f64::INFINITY)),
                }
            }
            close(
                &with(&[("mondrian", "stratum")]),
                "coverage",
                &expected["stratum_coverage"],
            );
            if expected.get("mean_size_include_last").is_some() {
                close(
                    &with(&[("include_last", "true")]),
                    "mean_size",
                    &expected["mean_size_include_last"],
                );
            }
            if method == "lac"
                && let Some(mapie) = case.get("mapie_lac")
            {
                close(&answer, "coverage", &mapie["coverage"]);
                close(&answer, "mean_size", &mapie["mean_size"]);
            }
        }
    }
}

#[test]
fn intervals_agree_with_crepes() {
    for case in reference()["regression"].as_array().unwrap() {
        for method in ["absolute-residual", "normalised-residual"] {
            let columns: Columns = ["outcome", "prediction", "difficulty"]
                .map(|k| named(k, reals(&case[k])))
                .into_iter()
                .chain([named("evaluation", flags(&case["evaluation"]))])
                .collect();
            let alpha = case["alpha"].as_str().unwrap();
            let answer = run(
                "conformal-coverage",
                columns,
                &[("method", method), ("alpha", alpha)],
            )
            .unwrap();
            for name in ["threshold", "coverage", "mean_width"] {
                close(&answer, name, &case[method][name]);
            }
            close(&answer, "mean_width", &case[method]["crepes_mean_width"]);
        }
    }
}

#[test]
fn risk_and_coverage_agree_with_the_definition() {
    for case in reference()["risk"].as_array().unwrap() {
        let columns = vec![
            named("confidence", reals(&case["confidence"])),
            named("correct", flags(&case["correct"])),
        ];
        let answer = run(
            "risk-coverage",
            columns,
            &[("threshold", "0.6"), ("replicates", "100")],
        )
        .unwrap();
        for name in ["aurc", "risk", "coverage", "referred", "answered_wrong"] {
            close(&answer, name, &case[name]);
        }
        let excess = answer.number("excess_aurc").unwrap().value.unwrap();
        assert!((excess - case["excess_aurc"].as_f64().unwrap()).abs() < 1e-12);
        match case["accuracy_of_answered"].as_f64() {
            Some(_) => close(
                &answer,
                "accuracy_of_answered",
                &case["accuracy_of_answered"],
            ),
            None => assert!(
                answer
                    .number("accuracy_of_answered")
                    .unwrap()
                    .value
                    .is_none()
            ),
        }
    }
    assert!(risk_coverage(&[], &[]).is_err());
    assert!(risk_coverage(&[f64::NAN], &[1.0]).is_err());
}

#[test]
fn bands_agree_with_scipy() {
    for case in reference()["band"].as_array().unwrap() {
        let n = |k: &str| case[k].as_u64().unwrap() as usize;
        assert_eq!(
            coverage_band(n("n"), n("k"), n("m"), 0.95).unwrap(),
            (n("low"), n("high"))
        );
    }
    assert!(matches!(
        coverage_band(5, 6, 10, 0.95),
        Err(StatisticsError::NotEstimable(_))
    ));
}

/// Section 6 of the sheet: coverage over 10^4 exchangeable draws lies inside the beta-binomial band.
/// Each of 20 calibrations is followed by 500 draws; the band at level 1 - 1e-6 holds in all, and
/// the average is 1 - alpha. Plain APS gives the last class the score 1 always, and these ties let it
/// cover more: known, and bounded below only.
#[test]
fn coverage_of_exchangeable_draws_lies_inside_the_band() {
    let draw = |random: &mut Philox, score: ClassScore| {
        // A calibrated classifier of three classes.
        let raw = [
            random.unit() + 0.05,
            random.unit() + 0.05,
            random.unit() + 0.05,
        ];
        let sum: f64 = raw.iter().sum();
        let p = raw.map(|v| v / sum);
        let u = random.unit();
        let class = if u < p[0] {
            0
        } else if u < p[0] + p[1] {
            1
        } else {
            2
        };
        class_scores(&p, score, random.unit())[class]
    };
    for score in [ClassScore::Lac, ClassScore::Aps, ClassScore::ApsRandomised] {
        let (mut total, n, m) = (0, 199, 500);
        for run in 0..20 {
            let mut random = Philox::new(3, run);
            let scores: Vec<f64> = (0..n).map(|_| draw(&mut random, score)).collect();
            let threshold = conformal_threshold(&scores, 0.1).unwrap();
            let covered = (0..m)
                .filter(|_| draw(&mut random, score) <= threshold)
                .count();
            let (low, high) =
                coverage_band(n, conformal_rank(n, 0.1).unwrap(), m, 1.0 - 1e-6).unwrap();
            assert!(
                covered >= low && (covered <= high || score == ClassScore::Aps),
                "{score:?}: {covered}"
            );
            total += covered;
        }
        let share = total as f64 / 10_000.0;
        assert!(
            share > 0.88 && (share < 0.92 || score == ClassScore::Aps),
            "{score:?}: {share}"
        );
    }
}

#[test]
fn one_probability_column_means_two_classes() {
    let columns = vec![
        (
            "class_probability".to_owned(),
            "malignant".to_owned(),
            Column::Real(vec![0.9, 0.2, 0.7, 0.4]),
        ),
        named("class", Column::Label(Labels::of(&["1", "0", "1", "0"]))),
    ];
    let answer = run("conformal-calibrate", columns, &[("alpha", "0.2")]).unwrap();
    // Scores 0.1, 0.2, 0.3, 0.4; rank ceil(5 x 0.8) = 4.
    assert!((answer.numbers[0].value.unwrap() - 0.4).abs() < 1e-15);
    let wrong = vec![
        (
            "class_probability".to_owned(),
            "a".to_owned(),
            Column::Real(vec![0.9]),
        ),
        named("class", Column::Label(Labels::of(&["z"]))),
    ];
    assert!(run("conformal-calibrate", wrong, &[]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn rank_is_the_smallest_that_covers(n in 0usize..5000, percent in 1u32..100) {
        let rank = conformal_rank(n, f64::from(percent) / 100.0).unwrap();
        // In whole numbers: rank >= (n + 1)(100 - percent)/100, and rank - 1 is below.
        let wanted = (n + 1) * (100 - percent as usize);
        prop_assert!(rank * 100 >= wanted && (rank - 1) * 100 < wanted);
    }

    #[test]
    fn best_order_is_the_least_area(confidence in prop::collection::vec(0u8..20, 1..40), seed in 0u64..100) {
        let mut random = Philox::new(seed, 0);
        let loss: Vec<f64> = confidence.iter().map(|_| f64::from(u8::from(random.unit() < 0.3))).collect();
        let confidence: Vec<f64> = confidence.iter().map(|c| f64::from(*c)).collect();
        let curve = risk_coverage(&confidence, &loss).unwrap();
        prop_assert!(curve.aurc >= curve.optimal_aurc - 1e-12);
        let last = curve.points.last().unwrap();
        prop_assert!((last.coverage - 1.0).abs() < 1e-12 && (last.risk - curve.risk).abs() < 1e-12);
    }
}
