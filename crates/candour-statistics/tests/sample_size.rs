//! Sample sizes against pROC, pwr, epiR, enumeration in R (testdata/statistics/sample_size) and
//! published examples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use candour_statistics::catalogue::Sample;
use candour_statistics::random::Philox;
use candour_statistics::sample_size::{self, GoalTest};
use candour_statistics::{Answer, StatisticsError};
use proptest::prelude::*;
use serde_json::Value;

fn try_run(id: &str, settings: &[(String, String)]) -> Result<Answer, StatisticsError> {
    let entry = sample_size::ENTRIES.iter().find(|e| e.id == id).unwrap();
    entry.answer(&Sample::new(entry, Vec::new(), settings)?, &[])
}

fn run(id: &str, settings: &[(&str, &str)]) -> Result<Answer, StatisticsError> {
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(a, b)| ((*a).into(), (*b).into()))
        .collect();
    try_run(id, &settings)
}

fn value(a: &Answer, name: &str) -> f64 {
    a.number(name)
        .unwrap_or_else(|| panic!("no {name}"))
        .value
        .unwrap()
}

#[test]
fn sizes_agree_with_r() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/statistics/sample_size/r.json"
    );
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for row in all["rows"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        seen.insert(id.to_owned());
        let settings: Vec<(String, String)> = row["settings"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
            .collect();
        let a = try_run(id, &settings).unwrap_or_else(|e| panic!("{row}: {e}"));
        for (name, expected) in row["values"].as_object().unwrap() {
            let (got, expected) = (value(&a, name), expected.as_f64().unwrap());
            // pwr and the search of the restricted likelihood stop at about eight digits; R's pt with
            // ncp is good to 1e-11.
            let tolerance = if id == "size-two-proportions" {
                2e-7
            } else {
                1e-9
            };
            assert!(
                (got - expected).abs() <= tolerance * expected.abs(),
                "{row} {name}: {got} against {expected}"
            );
        }
        assert!(
            !a.tables.is_empty()
                && a.tables
                    .iter()
                    .all(|t| t.rows.iter().all(|r| r.len() == t.columns.len()))
        );
    }
    assert_eq!(seen.len(), sample_size::ENTRIES.len());
}

#[test]
fn published_examples_come_out() {
    // Walter, Eliasziw and Donner 1998: rho 0.8 against 0.6, two ratings, alpha 0.05 one-sided, power 0.8.
    let a = run("size-icc", &[("icc", "0.8"), ("null", "0.6")]).unwrap();
    assert_eq!(value(&a, "n"), 39.0);
    // Documentation of SimplyAgree's blandPowerCurve (method of Lu et al. 2016): power 0.800 at 145.
    let a = run(
        "size-bland-altman",
        &[("sd", "3.3"), ("max_difference", "8")],
    )
    .unwrap();
    assert_eq!(value(&a, "n_lu_2016"), 145.0);
    // Documentation of MedCalc, sample size for Bland-Altman (after Lu et al. 2016): 83.
    let a = run(
        "size-bland-altman",
        &[
            ("mean", "0.001167"),
            ("sd", "0.001129"),
            ("max_difference", "0.004"),
        ],
    )
    .unwrap();
    assert_eq!(value(&a, "n"), 83.0);
    // R's help of power.prop.test: 0.50 against 0.75 with power 0.90 gives 76.7 in each group.
    let a = run(
        "size-two-proportions",
        &[("first", "0.5"), ("second", "0.75"), ("power", "0.9")],
    )
    .unwrap();
    assert!((value(&a, "n_first_unrounded") - 76.7).abs() < 0.05);
}

/// The power of limits of agreement is that of drawn studies, in which both limits' intervals lie inside.
#[test]
fn power_of_limits_is_that_of_drawn_studies() {
    for (n, mean, sd, max) in [(30_u64, 0.0, 1.0, 3.2), (12, 0.7, 1.0, 4.0)] {
        let mut random = Philox::new(7, n);
        let rows = n as f64;
        // scipy.stats.t.ppf(0.975, n - 1).
        let t = if n == 30 {
            2.045_229_642_132_703
        } else {
            2.200_985_160_091_639
        };
        let z: f64 = 1.959_963_984_540_054;
        let half = t * (1.0 / rows + z * z / (2.0 * (rows - 1.0))).sqrt();
        let draws = 100_000;
        let inside = (0..draws)
            .filter(|_| {
                let x: Vec<f64> = (0..n).map(|_| mean + sd * random.normal()).collect();
                let m = x.iter().sum::<f64>() / rows;
                let s = (x.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (rows - 1.0)).sqrt();
                m + (z + half) * s <= max && m - (z + half) * s >= -max
            })
            .count();
        let found = inside as f64 / f64::from(draws);
        let power = sample_size::bland_altman_power(n, mean, sd, max, 0.95, 0.95);
        // Four standard errors of the simulated share.
        let error = (power * (1.0 - power) / f64::from(draws)).sqrt();
        assert!((found - power).abs() < 4.0 * error, "{n}: {found}, {power}");
    }
}

fn said(a: &Answer, words: &str) -> bool {
    a.notes.iter().any(|n| n.contains(words))
}

/// A width makes it precision, and where a setting would do nothing it is refused.
#[test]
fn settings_imply_what_they_are_for() {
    // By hand: 1 + 8 * 1.959964^2 * (0.2 * 1.8)^2 / (2 * 0.2^2) = 50.785.
    let a = run("size-icc", &[("icc", "0.8"), ("width", "0.2")]).unwrap();
    assert_eq!(value(&a, "n"), 51.0);
    assert!(said(&a, "have no part in it"));
    for method in ["walter", "exact"] {
        assert!(matches!(
            run(
                "size-icc",
                &[("icc", "0.8"), ("width", "0.2"), ("method", method)]
            ),
            Err(StatisticsError::Setting { .. })
        ));
    }
    assert!(matches!(
        run(
            "size-bland-altman",
            &[("sd", "3.3"), ("max_difference", "8"), ("half_width", "1")]
        ),
        Err(StatisticsError::Setting { .. })
    ));
    let a = run(
        "size-kappa",
        &[
            ("first_rate", "0.3"),
            ("second_rate", "0.3"),
            ("kappa", "0.4"),
            ("width", "0.2"),
        ],
    )
    .unwrap();
    assert!(said(&a, "have no part in it"));
    // A margin alone: non-inferiority, one-sided, by Farrington and Manning, and that is said.
    let margin = [("first", "0.9"), ("second", "0.9"), ("margin", "0.1")];
    let a = run("size-two-proportions", &margin).unwrap();
    let b = run(
        "size-two-proportions",
        &[
            margin[0],
            margin[1],
            margin[2],
            ("method", "farrington-manning"),
            ("sides", "one"),
        ],
    )
    .unwrap();
    assert_eq!(a.numbers, b.numbers);
    assert!(
        said(&a, "one-sided at 0.05") && said(&a, "level 0.9 "),
        "{:?}",
        a.notes
    );
}

/// scipy 1.17.1: the exact unconditional power of the conditional test by enumeration of binom.sf; 92 and
/// 84 are the smallest n such that they and the fifty above them have power 0.8.
#[test]
fn pairs_by_the_exact_test_are_given() {
    for (gain, loss, n, power, exact) in [
        ("0.2", "0.05", 85.0, 0.765_649_591_626_849_5, 92.0),
        ("0.3", "0.1", 77.0, 0.760_706_885_954_309, 84.0),
    ] {
        let a = run("size-paired-proportions", &[("gain", gain), ("loss", loss)]).unwrap();
        assert_eq!(value(&a, "n"), n);
        assert!((value(&a, "power_exact") - power).abs() < 1e-9);
        assert_eq!(value(&a, "n_exact"), exact);
        assert!(
            said(&a, &format!("it needs {exact} (n_exact)")),
            "{:?}",
            a.notes
        );
    }
}

#[test]
fn few_cases_of_a_class_are_noted() {
    let a = run("size-auc", &[("auc", "0.9")]).unwrap();
    assert!(value(&a, "n_positive") < 20.0 && said(&a, "below about 20 of a class"));
    let a = run("size-auc", &[("auc", "0.6")]).unwrap();
    assert!(value(&a, "n_positive") > 20.0 && !said(&a, "below about 20"));
}

#[test]
fn what_no_study_can_show_is_said() {
    let refused = |r: Result<Answer, StatisticsError>| {
        assert!(matches!(r, Err(StatisticsError::NotEstimable(_))), "{r:?}")
    };
    refused(run(
        "size-proportion-goal",
        &[("goal", "0.8"), ("expected", "0.8")],
    ));
    refused(run(
        "size-two-proportions",
        &[("first", "0.8"), ("second", "0.8")],
    ));
    refused(run(
        "size-two-proportions",
        &[
            ("first", "0.7"),
            ("second", "0.8"),
            ("margin", "0.05"),
            ("method", "unpooled"),
            ("sides", "one"),
        ],
    ));
    refused(run(
        "size-paired-proportions",
        &[("gain", "0.1"), ("loss", "0.1")],
    ));
    refused(run("size-auc", &[("auc", "0.5")]));
    refused(run("size-auc", &[("auc", "0.4"), ("sides", "one")]));
    refused(run(
        "size-bland-altman",
        &[("sd", "1"), ("max_difference", "1.9")],
    ));
    refused(run("size-icc", &[("icc", "0.5"), ("null", "0.6")]));
    refused(run(
        "size-kappa",
        &[
            ("first_rate", "0.1"),
            ("second_rate", "0.6"),
            ("kappa", "0.9"),
        ],
    ));
    refused(run(
        "size-se-sp-goals",
        &[
            ("sensitivity", "0.7"),
            ("sensitivity_goal", "0.8"),
            ("specificity", "0.9"),
            ("specificity_goal", "0.8"),
            ("prevalence", "0.2"),
        ],
    ));
    refused(run(
        "size-proportion-goal",
        &[("goal", "0.8"), ("expected", "0.8000001")],
    ));
    for extra in [("sides", "two"), ("method", "pooled")] {
        assert!(
            run(
                "size-two-proportions",
                &[
                    ("first", "0.8"),
                    ("second", "0.8"),
                    ("margin", "0.05"),
                    extra
                ]
            )
            .is_err()
        );
    }
    // A one-sided test in the wrong direction.
    refused(run(
        "size-two-proportions",
        &[("first", "0.7"), ("second", "0.8"), ("sides", "one")],
    ));
    refused(run(
        "size-paired-proportions",
        &[("gain", "0.05"), ("loss", "0.2"), ("sides", "one")],
    ));
    refused(run(
        "size-kappa",
        &[
            ("first_rate", "0.3"),
            ("second_rate", "0.3"),
            ("kappa", "0.4"),
            ("null", "0.6"),
            ("sides", "one"),
        ],
    ));
    assert!(
        run(
            "size-paired-proportions",
            &[("gain", "0.9"), ("loss", "0.3")]
        )
        .is_err()
    );
    assert!(run("size-icc", &[("icc", "0.5"), ("method", "precision")]).is_err());
}

/// The goal test keeps its size and has the power that is stated.
#[test]
fn simulated_studies_reach_the_stated_power() {
    let test = GoalTest::new(0.8, 0.9, 0.025).unwrap();
    let (n, _) = test.sizes(0.8).unwrap();
    let critical = test.critical(n);
    let share = |p: f64| {
        let trials = 4000;
        let won = (0..trials)
            .filter(|t| {
                let mut r = Philox::new(7, *t);
                (0..n).filter(|_| r.unit() < p).count() as u64 >= critical
            })
            .count();
        won as f64 / trials as f64
    };
    assert!((share(0.9) - test.power(n)).abs() < 0.02);
    assert!(share(0.8) <= 0.025 + 0.0075);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_larger_study_falls_below_the_power(goal in 0.05f64..0.9, gain in 0.05f64..0.3, power in 0.5f64..0.95) {
        let expected = (goal + gain).min(0.99);
        let test = GoalTest::new(goal, expected, 0.025).unwrap();
        let (safe, first) = test.sizes(power).unwrap();
        prop_assert!(first <= safe);
        prop_assert!(test.power(first) >= power);
        for n in safe..safe + 60 {
            prop_assert!(test.power(n) >= power);
            prop_assert!(test.size(n) <= 0.025);
        }
        if safe > 1 { prop_assert!(test.power(safe - 1) < power); }
        for n in 1..first { prop_assert!(test.power(n) < power); }
    }

    #[test]
    fn failures_mirror_successes(goal in 0.1f64..0.9, shift in 0.06f64..0.3) {
        let expected = (goal + shift).min(0.98);
        let up = GoalTest::new(goal, expected, 0.05).unwrap().sizes(0.8).unwrap();
        let down = GoalTest::new(1.0 - goal, 1.0 - expected, 0.05).unwrap().sizes(0.8).unwrap();
        prop_assert!(up.0.abs_diff(down.0) <= 1, "{up:?} {down:?}");
    }
}

#[test]
fn no_settings_make_an_entry_panic() {
    use candour_statistics::catalogue::SettingKind;
    let mut answered = 0;
    for entry in sample_size::ENTRIES {
        for seed in 0..60 {
            let mut r = Philox::new(seed, 3);
            let settings: Vec<(String, String)> = entry
                .settings
                .iter()
                .filter_map(|s| {
                    if s.default.is_some() && r.below(2) == 0 {
                        return None;
                    }
                    let between = |low: f64, high: f64, u: f64| {
                        let (low, high) = (low.max(-9.0), high.min(9.0));
                        low + (high - low) * (0.001 + 0.998 * u)
                    };
                    let text = match s.kind {
                        SettingKind::Real(a, b)
                        | SettingKind::Open(a, b)
                        | SettingKind::OptionalReal(a, b) => between(a, b, r.unit()).to_string(),
                        SettingKind::Whole(a, b) => {
                            (a + r.below((b - a).min(500) as usize + 1) as u64).to_string()
                        }
                        SettingKind::Choice(words) => words[r.below(words.len())].to_owned(),
                        _ => return None,
                    };
                    Some((s.name.to_owned(), text))
                })
                .collect();
            let Ok(a) = try_run(entry.id, &settings) else {
                continue;
            };
            answered += 1;
            for n in &a.numbers {
                assert!(
                    n.value.is_none_or(f64::is_finite),
                    "{} {settings:?} {n:?}",
                    entry.id
                );
            }
            assert!(a.numbers[0].value.unwrap() >= 1.0);
        }
    }
    assert!(answered > 200, "{answered}");
}
