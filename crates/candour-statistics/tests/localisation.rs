//! Localisation against testdata/statistics/localisation (NumPy by the definitions, RJafroc's book).

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod common;

use candour_statistics::StatisticsError;
use candour_statistics::catalogue::{Column, Labels};
use candour_statistics::localisation::{
    Case, Fate, FigureOfMerit, Mark, Region, TrueLesion, figure_of_merit, match_by_overlap,
    match_by_radius,
};
use candour_statistics::random::Philox;
use common::run;
use proptest::prelude::*;
use serde_json::Value;

fn reference() -> Value {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/statistics/localisation/localisation.json"
    );
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn column(name: &str, values: &Value) -> Column {
    let values = values.as_array().unwrap();
    match name {
        "score" | "weight" => Column::Real(
            values
                .iter()
                .map(|v| v.as_f64().unwrap_or(f64::NAN))
                .collect(),
        ),
        "truth" | "correct" => {
            Column::Binary(values.iter().map(|v| v.as_bool().unwrap()).collect())
        }
        _ => {
            let cells: Vec<&str> = values.iter().map(|v| v.as_str().unwrap()).collect();
            Column::Label(Labels::of(&cells))
        }
    }
}

fn of_object(object: &Value) -> Vec<(&str, Column)> {
    object
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.as_str(), column(k, v)))
        .collect()
}

fn close(got: f64, expected: f64, what: &str) {
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs().max(1e-3),
        "{what}: {got} against {expected}"
    );
}

#[test]
fn figures_of_merit_agree_with_the_definitions() {
    for case in reference()["afroc"].as_array().unwrap() {
        let answer = run("afroc", of_object(&case["columns"]), &[]).unwrap();
        for (name, expected) in case["expected"].as_object().unwrap() {
            let number = answer.number(name).unwrap();
            close(
                number.value.unwrap(),
                expected["value"].as_f64().unwrap(),
                name,
            );
            match expected["standard_error"].as_f64() {
                Some(se) if se > 1e-12 => {
                    close(number.standard_error.unwrap(), se, name);
                    let half = 1.959_963_984_540_054 * se;
                    close(
                        number.interval.unwrap().upper,
                        (number.value.unwrap() + half).min(if name.starts_with("max_nlf") {
                            f64::INFINITY
                        } else {
                            1.0
                        }),
                        name,
                    );
                }
                _ => assert!(
                    number.standard_error.is_none() && number.not_estimable.is_some(),
                    "{name}"
                ),
            }
        }
    }
}

#[test]
fn figures_of_merit_agree_with_the_book() {
    let n = f64::NEG_INFINITY;
    let case = |lesions: Vec<f64>, false_marks: Vec<f64>| Case {
        weights: vec![1.0 / lesions.len() as f64; lesions.len()],
        lesions,
        false_marks,
        cluster: 0,
    };
    let first = [
        case(vec![5.0, n], vec![5.5, 1.2]),
        case(vec![6.1, 7.1, n, 2.3], vec![7.0, 2.3, 2.1]),
        case(vec![5.7], vec![1.4, 6.1]),
    ];
    let mut second = first.clone();
    second[2].lesions = vec![10.0];
    // File3: the mark of 7 on case 17 moves to its third lesion.
    let mut third = first.clone();
    third[1] = case(vec![6.1, 7.1, 7.0, 2.3], vec![2.3, 2.1]);
    for (cases, printed) in [
        (first, 0.236_111_1),
        (second, 0.458_333_3),
        (third, 0.527_777_8),
    ] {
        let got = figure_of_merit(FigureOfMerit::WAfroc1, &cases).unwrap();
        assert!((got - printed).abs() < 5e-8, "{got} against {printed}");
        assert!(matches!(
            figure_of_merit(FigureOfMerit::WAfroc, &cases),
            Err(StatisticsError::NotEstimable(_))
        ));
    }
}

#[test]
fn froc_agrees_with_the_definition() {
    for case in reference()["froc"].as_array().unwrap() {
        for images in ["all", "normal"] {
            for way in ["interpolated", "step"] {
                let settings = [
                    ("images", images),
                    ("operating_point", way),
                    ("threshold", "0.5"),
                    ("replicates", "200"),
                ];
                let mut columns = of_object(&case["columns"]);
                columns.retain(|(k, _)| *k != "weight");
                let answer = run("froc", columns, &settings).unwrap();
                let expected = &case[images];
                let cpm = if way == "step" { "cpm_step" } else { "cpm" };
                close(
                    answer.numbers[0].value.unwrap(),
                    expected[cpm].as_f64().unwrap(),
                    "cpm",
                );
                for (number, value) in answer.numbers[1..8]
                    .iter()
                    .zip(expected[way].as_array().unwrap())
                {
                    close(number.value.unwrap(), value.as_f64().unwrap(), &number.name);
                }
                for name in ["sensitivity", "false_positives_per_image"] {
                    close(
                        answer.number(name).unwrap().value.unwrap(),
                        expected[name].as_f64().unwrap(),
                        name,
                    );
                }
            }
        }
    }
}

#[test]
fn comparison_agrees_with_the_definition() {
    for case in reference()["compare"].as_array().unwrap() {
        let figure = case["figure_of_merit"].as_str().unwrap().replace('_', "-");
        let expected = &case["expected"];
        for (kind, analysis, distribution) in [
            ("frrc_z", "frrc", "z"),
            ("frrc_t", "frrc", "t"),
            ("rrrc", "rrrc", "t"),
            ("rrfc", "rrfc", "t"),
        ] {
            let Some(of_kind) = expected.get(kind) else {
                continue;
            };
            let answer = run(
                "froc-compare",
                of_object(&case["columns"]),
                &[
                    ("figure_of_merit", &figure),
                    ("analysis", analysis),
                    ("distribution", distribution),
                ],
            )
            .unwrap();
            let first = &answer.numbers[0];
            close(
                first.value.unwrap(),
                of_kind["difference"].as_f64().unwrap(),
                "difference",
            );
            close(
                first.standard_error.unwrap(),
                of_kind["standard_error"].as_f64().unwrap(),
                "se",
            );
            close(
                first.interval.unwrap().lower,
                of_kind["lower"].as_f64().unwrap(),
                "lower",
            );
            for (name, theirs) in [
                ("f_statistic", "f"),
                ("p_value", "p_value"),
                ("df_numerator", "df1"),
            ] {
                close(
                    answer.number(name).unwrap().value.unwrap(),
                    of_kind[theirs].as_f64().unwrap(),
                    name,
                );
            }
            if let Some(df2) = of_kind["df2"].as_f64() {
                close(
                    answer.number("df_denominator").unwrap().value.unwrap(),
                    df2,
                    "df2",
                );
            }
            for name in ["variance", "covariance_1", "covariance_2", "covariance_3"] {
                close(
                    answer.number(name).unwrap().value.unwrap(),
                    expected[name].as_f64().unwrap(),
                    name,
                );
            }
            if kind == "rrrc" {
                for (at, single) in expected["rrrc_single"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .enumerate()
                {
                    let name = format!("{}_{}", figure.replace('-', "_"), at + 1);
                    let number = answer.number(&name).unwrap();
                    close(
                        number.value.unwrap(),
                        single["value"].as_f64().unwrap(),
                        &name,
                    );
                    close(
                        number.standard_error.unwrap(),
                        single["standard_error"].as_f64().unwrap(),
                        &name,
                    );
                    close(
                        number.interval.unwrap().upper,
                        single["upper"].as_f64().unwrap().min(1.0),
                        &name,
                    );
                }
            }
        }
    }
}

#[test]
fn lroc_agrees_with_the_definition() {
    for case in reference()["lroc"].as_array().unwrap() {
        let fraction = case["fraction"].as_f64().unwrap().to_string();
        let columns = ["truth", "score", "correct"]
            .map(|k| (k, column(k, &case[k])))
            .to_vec();
        let answer = run("lroc", columns, &[("false_positive_fraction", &fraction)]).unwrap();
        for name in ["alroc", "pcl", "partial_alroc", "localised"] {
            close(
                answer.number(name).unwrap().value.unwrap(),
                case["expected"][name].as_f64().unwrap(),
                name,
            );
        }
        let se = case["expected"]["standard_error"].as_f64().unwrap();
        close(answer.numbers[0].standard_error.unwrap(), se, "se");
    }
}

fn labels(cells: &[&str]) -> Column {
    Column::Label(Labels::of(cells))
}

#[test]
fn degenerate_data_have_reasons_instead_of_numbers() {
    let nan = f64::NAN;
    // One normal case without marks only.
    let none = run(
        "afroc",
        vec![
            ("case", labels(&["a"])),
            ("lesion", labels(&[""])),
            ("score", Column::Real(vec![nan])),
        ],
        &[],
    )
    .unwrap();
    assert!(none.numbers[0].value.is_none() && none.numbers[0].not_estimable.is_some());
    // Perfect separation: a value, but no interval of width zero.
    let columns = || {
        vec![
            ("case", labels(&["a", "b", "c", "d"])),
            ("lesion", labels(&["", "", "x", "x"])),
            ("score", Column::Real(vec![nan, 0.1, 0.9, 0.8])),
        ]
    };
    for interval in ["jackknife", "percentile", "bca"] {
        let perfect = run("afroc", columns(), &[("interval", interval)]).unwrap();
        assert_eq!(perfect.numbers[0].value, Some(1.0));
        assert!(
            perfect.numbers[0].interval.is_none() && perfect.numbers[0].not_estimable.is_some()
        );
    }
    // No rows at all, no lesion for FROC.
    assert!(matches!(
        run(
            "froc",
            vec![
                ("case", labels(&[])),
                ("lesion", labels(&[])),
                ("score", Column::Real(vec![]))
            ],
            &[]
        ),
        Err(StatisticsError::NotEstimable(_))
    ));
    // Without a lesion no sensitivity has a value, but false marks do: by hand, of the marks of two
    // images 0.9 and 0.6 reach 0.5, so 2 / 2 = 1, and 0.9 alone reaches 0.7, so 1 / 2.
    let no_lesion = |threshold: &str| {
        run(
            "froc",
            vec![
                ("case", labels(&["a", "a", "b"])),
                ("lesion", labels(&["", "", ""])),
                ("score", Column::Real(vec![0.9, 0.2, 0.6])),
            ],
            &[("threshold", threshold), ("replicates", "200")],
        )
        .unwrap()
    };
    for (threshold, expected) in [("0.5", 1.0), ("0.7", 0.5)] {
        let a = no_lesion(threshold);
        let marks = a.number("false_positives_per_image").unwrap();
        assert_eq!(marks.value, Some(expected));
        for name in ["cpm", "sensitivity_at_1", "sensitivity"] {
            let n = a.number(name).unwrap();
            assert!(n.value.is_none(), "{n:?}");
            assert_eq!(n.not_estimable.as_deref(), Some("there is no lesion"));
        }
        assert!(a.notes.iter().any(|n| n.contains("there is no lesion")));
        assert!(a.curves.is_empty());
    }
    // The check of `diseased` finds a forgotten lesion.
    let mut forgotten = columns();
    forgotten.push(("diseased", Column::Binary(vec![true, false, true, true])));
    let error = run("afroc", forgotten, &[]).unwrap_err().to_string();
    assert!(
        error.contains("no row of the case names a lesion"),
        "{error}"
    );
    // A case that one test lacks.
    let error = run(
        "froc-compare",
        vec![
            ("test", labels(&["s", "s", "t"])),
            ("case", labels(&["a", "b", "a"])),
            ("lesion", labels(&["", "x", ""])),
            ("score", Column::Real(vec![0.1, 0.4, 0.3])),
        ],
        &[],
    )
    .unwrap_err()
    .to_string();
    assert!(error.contains("row 2: this case has no row"), "{error}");
    // Equal tests: the difference does not vary.
    let twice = |v: &[&'static str]| -> Vec<&'static str> { v.iter().chain(v).copied().collect() };
    let score = [0.3, 0.1, 0.9, 0.2];
    let same = run(
        "froc-compare",
        vec![
            ("test", labels(&["s", "s", "s", "s", "t", "t", "t", "t"])),
            ("case", labels(&twice(&["a", "b", "c", "d"]))),
            ("lesion", labels(&twice(&["", "", "x", "x"]))),
            (
                "score",
                Column::Real(score.iter().chain(&score).copied().collect()),
            ),
        ],
        &[],
    )
    .unwrap();
    assert_eq!(same.numbers[0].value, Some(0.0));
    assert!(same.numbers[0].interval.is_none() && same.number("p_value").unwrap().value.is_none());
}

#[test]
fn duplicate_marks_count_once() {
    let answer = run(
        "froc",
        vec![
            ("case", labels(&["a", "a", "a", "b"])),
            ("lesion", labels(&["x", "x", "", ""])),
            ("score", Column::Real(vec![0.2, 0.9, 0.5, 0.1])),
        ],
        &[("threshold", "0.6"), ("replicates", "100")],
    )
    .unwrap();
    assert_eq!(answer.number("sensitivity").unwrap().value, Some(1.0));
    assert!(
        answer
            .notes
            .iter()
            .any(|n| n.starts_with("1 marks hit a lesion"))
    );
}

#[test]
fn marks_are_matched_greedily() {
    let mark = |x: f64, score: f64| Mark {
        position: [x, 0.0, 0.0],
        score,
    };
    let lesion = |x: f64, radius: Option<f64>| TrueLesion {
        position: [x, 0.0, 0.0],
        radius,
    };
    let lesions = [
        lesion(0.0, None),
        lesion(4.0, None),
        lesion(20.0, Some(1.0)),
    ];
    let marks = [
        mark(1.0, 0.9),
        mark(2.5, 0.8),
        mark(0.5, 0.7),
        mark(22.0, 0.6),
        mark(19.0, 0.1),
    ];
    let fates = match_by_radius(&marks, &lesions, 5.0).unwrap();
    assert_eq!(
        fates,
        [
            Fate::Hit(0),
            Fate::Hit(1),
            Fate::Duplicate(0),
            Fate::False,
            Fate::Hit(2)
        ]
    );
    assert!(match_by_radius(&marks, &lesions, f64::NAN).is_err());

    let region = |low: f64, high: f64| Region {
        low: [low, low, 0.0],
        high: [high, high, 0.0],
    };
    let fates = match_by_overlap(
        &[(region(0.0, 2.0), 0.5), (region(1.0, 3.0), 0.9)],
        &[region(0.0, 2.0)],
        1.0 / 7.0,
    )
    .unwrap();
    assert_eq!(fates, [Fate::Duplicate(0), Fate::Hit(0)]);
    let fates = match_by_overlap(
        &[(region(0.0, 2.0), 0.5), (region(1.0, 3.0), 0.9)],
        &[region(0.0, 2.0)],
        0.2,
    )
    .unwrap();
    assert_eq!(fates, [Fate::Hit(0), Fate::False]);
}

/// Coverage of the jackknife interval at 20 + 20 cases over 600 runs: nominal within Monte-Carlo error,
/// a little short at most (a normal quantile on 40 patients).
#[test]
fn jackknife_intervals_cover() {
    let make = |random: &mut Philox, shift: f64| -> Vec<Case> {
        (0..40)
            .map(|at| Case {
                lesions: if at < 20 {
                    vec![]
                } else {
                    vec![random.normal() + shift, random.normal() + shift]
                },
                weights: if at < 20 { vec![] } else { vec![0.5, 0.5] },
                false_marks: vec![random.normal()],
                cluster: at,
            })
            .collect()
    };
    let truth = candour_statistics::distribution::normal_cdf(1.0 / 2f64.sqrt());
    let (mut covered, runs) = (0, 600);
    for run in 0..runs {
        let cases = make(&mut Philox::new(11, run), 1.0);
        let value = |cases: &[Case]| figure_of_merit(FigureOfMerit::WAfroc, cases).unwrap();
        let all = value(&cases);
        let left: Vec<f64> = (0..40)
            .map(|k| {
                value(
                    &cases
                        .iter()
                        .filter(|c| c.cluster != k)
                        .cloned()
                        .collect::<Vec<_>>(),
                )
            })
            .collect();
        let mean = left.iter().sum::<f64>() / 40.0;
        let se = (39.0 / 40.0 * left.iter().map(|v| (v - mean).powi(2)).sum::<f64>()).sqrt();
        covered += u32::from((all - truth).abs() <= 1.96 * se);
    }
    let share = f64::from(covered) / runs as f64;
    assert!((0.91..=0.97).contains(&share), "{share}");
}

/// Two tests of equal merit, one reader, 15 + 15 cases that share their difficulty: the paired test
/// rejects 5 % of 400 runs within Monte-Carlo error (four standard errors are 4.4 %).
#[test]
fn the_paired_test_keeps_its_level() {
    let (mut rejected, runs) = (0, 400);
    for number in 0..runs {
        let mut random = Philox::new(17, number);
        let difficulty: Vec<f64> = (0..30).map(|_| random.normal()).collect();
        let (mut test, mut case, mut lesion, mut score) = (vec![], vec![], vec![], vec![]);
        for arm in ["s", "t"] {
            for (at, common) in difficulty.iter().enumerate() {
                test.push(arm.to_owned());
                case.push(format!("c{at}"));
                lesion.push(if at < 15 {
                    String::new()
                } else {
                    "x".to_owned()
                });
                score.push(common + random.normal() + if at < 15 { 0.0 } else { 1.2 });
            }
        }
        let label = |v: &[String]| Column::Label(Labels::of(v));
        let columns = vec![
            ("test", label(&test)),
            ("case", label(&case)),
            ("lesion", label(&lesion)),
            ("score", Column::Real(score)),
        ];
        let answer = run("froc-compare", columns, &[]).unwrap();
        rejected += u32::from(answer.number("p_value").unwrap().value.unwrap() < 0.05);
    }
    let share = f64::from(rejected) / runs as f64;
    assert!((0.006..=0.094).contains(&share), "{share}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Strictly rising transforms of the scores change nothing; equal weights and one lesion a case
    /// make wAFROC and AFROC one.
    #[test]
    fn figures_of_merit_are_ranks(
        marks in prop::collection::vec((0u8..2, prop::collection::vec(-3i8..4, 0..3), prop::option::of(-3i8..4)), 2..12)
    ) {
        let build = |f: &dyn Fn(i8) -> f64| -> Vec<Case> {
            marks
                .iter()
                .enumerate()
                .map(|(cluster, (sick, nl, ll))| Case {
                    lesions: if *sick == 1 { vec![ll.map_or(f64::NEG_INFINITY, f)] } else { vec![] },
                    weights: if *sick == 1 { vec![1.0] } else { vec![] },
                    false_marks: nl.iter().map(|v| f(*v)).collect(),
                    cluster,
                })
                .collect()
        };
        let plain = build(&|v| f64::from(v));
        let moved = build(&|v| f64::from(v).exp() * 10.0 - 5.0);
        for figure in [FigureOfMerit::WAfroc, FigureOfMerit::WAfroc1, FigureOfMerit::HrAuc, FigureOfMerit::MaxNlf] {
            prop_assert_eq!(figure_of_merit(figure, &plain), figure_of_merit(figure, &moved));
        }
        prop_assert_eq!(
            figure_of_merit(FigureOfMerit::WAfroc, &plain),
            figure_of_merit(FigureOfMerit::Afroc, &plain)
        );
    }
}

/// A study of 25 cases with two lesions each and 25 without, three false marks on each.
fn free_response(random: &mut Philox) -> Vec<(&'static str, Column)> {
    let (mut case, mut lesion, mut score) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..50 {
        for mark in 0..5 {
            if mark < 2 && at >= 25 {
                continue;
            }
            case.push(at.to_string());
            lesion.push(if mark < 2 {
                mark.to_string()
            } else {
                String::new()
            });
            score.push(random.normal() + if mark < 2 { 1.5 } else { 0.0 });
        }
    }
    vec![
        ("case", Column::Label(Labels::of(&case))),
        ("lesion", Column::Label(Labels::of(&lesion))),
        ("score", Column::Real(score)),
    ]
}

/// The standard error of a sensitivity read off the curve is that of repeated studies; the jackknife's
/// is two to three times as large and is refused.
#[test]
fn standard_errors_off_the_froc_are_those_of_repeated_studies() {
    let names = ["cpm", "sensitivity_at_0.25", "sensitivity_at_1"];
    let mut values = vec![Vec::new(); names.len()];
    let mut errors = vec![0.0; names.len()];
    let runs = 100;
    for study in 0..runs {
        let columns = free_response(&mut Philox::new(5, study));
        let answer = run("froc", columns, &[("replicates", "100")]).unwrap();
        for ((name, values), error) in names.iter().zip(&mut values).zip(&mut errors) {
            let number = answer.number(name).unwrap();
            values.push(number.value.unwrap());
            *error += number.standard_error.unwrap() / runs as f64;
        }
    }
    for ((name, values), error) in names.iter().zip(values).zip(errors) {
        let mean = values.iter().sum::<f64>() / runs as f64;
        let sd =
            (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (runs - 1) as f64).sqrt();
        // 100 studies know their own deviation to about 7 %.
        assert!((0.75..1.3).contains(&(error / sd)), "{name}: {error} {sd}");
    }
    let columns = free_response(&mut Philox::new(5, 0));
    let settings = [("interval", "jackknife"), ("threshold", "1")];
    let answer = run("froc", columns, &settings).unwrap();
    for name in names {
        let number = answer.number(name).unwrap();
        assert!(
            number.value.is_some() && number.interval.is_none() && number.standard_error.is_none()
        );
        assert!(number.not_estimable.as_ref().unwrap().contains("jackknife"));
    }
    let plain = answer.number("sensitivity").unwrap();
    assert_eq!(plain.interval_method.as_deref(), Some("jackknife.normal"));
    // Fifty lesions, 50 images.
    assert_eq!(answer.number("sensitivity_at_1").unwrap().n, 50);
    assert_eq!(plain.n, 50);
    let columns = free_response(&mut Philox::new(5, 0));
    let settings = [
        ("images", "normal"),
        ("threshold", "1"),
        ("replicates", "100"),
    ];
    let answer = run("froc", columns, &settings).unwrap();
    assert_eq!(answer.number("false_positives_per_image").unwrap().n, 25);
    assert_eq!(answer.number("cpm").unwrap().n, 50);
}

/// Three of four diseased cases localised: Wilson 0.3006 to 0.9544 (by hand; R prop.test without
/// correction), n the diseased; `pcl` stays within 0 and 1.
#[test]
fn lroc_shares_keep_within_their_range() {
    let score = vec![0.1, 0.2, 0.3, 0.4, 0.5, 0.35, 0.7, 0.8, 0.9];
    let columns = || {
        vec![
            (
                "truth",
                Column::Binary([false; 5].into_iter().chain([true; 4]).collect()),
            ),
            ("score", Column::Real(score.clone())),
            (
                "correct",
                Column::Binary([false; 6].into_iter().chain([true; 3]).collect()),
            ),
        ]
    };
    let answer = run("lroc", columns(), &[]).unwrap();
    let localised = answer.number("localised").unwrap();
    assert_eq!((localised.value, localised.n), (Some(0.75), 4));
    let interval = localised.interval.unwrap();
    assert_eq!(localised.interval_method.as_deref(), Some("wilson"));
    // z = 1.959963984540054: centre (p + z^2/8) / (1 + z^2/4), half-width by Wilson's formula.
    close(interval.lower, 0.300_641_842_582_402, "lower");
    close(interval.upper, 0.954_412_739_190_299_5, "upper");
    let pcl = answer.number("pcl").unwrap();
    assert_eq!(pcl.n, 4);
    assert_eq!(pcl.interval_method.as_deref(), Some("bootstrap.percentile"));
    let interval = pcl.interval.unwrap();
    assert!(interval.lower >= 0.0 && interval.upper <= 1.0);
    assert!(answer.notes.iter().any(|n| n.contains("`pcl`")));
    assert_eq!(answer.number("alroc").unwrap().n, 9);
    for interval in ["jackknife", "basic", "bca"] {
        let answer = run("lroc", columns(), &[("interval", interval)]).unwrap();
        for number in &answer.numbers {
            if let Some(i) = number.interval {
                let most = if number.name == "partial_alroc" {
                    0.2
                } else {
                    1.0
                };
                assert!(i.lower >= 0.0 && i.upper <= most, "{}: {i:?}", number.name);
            }
        }
    }
}

/// Every figure's interval is looked at, not the first alone, and ends where the figure ends.
#[test]
fn intervals_of_figures_of_merit_end_where_the_figures_do() {
    let mut seen = 0;
    for study in 0..20 {
        let random = &mut Philox::new(8, study);
        // Nearly every diseased case is marked, nearly no normal one.
        let (mut case, mut lesion, mut score) = (Vec::new(), Vec::new(), Vec::new());
        for at in 0..16 {
            case.push(at.to_string());
            lesion.push(if at < 8 { "x" } else { "" });
            score.push(match at {
                0 => f64::NAN,
                1..=7 => 1.0 + random.normal(),
                8 => random.normal(),
                _ => f64::NAN,
            });
        }
        for interval in ["jackknife", "basic"] {
            let columns = vec![
                ("case", Column::Label(Labels::of(&case))),
                ("lesion", Column::Label(Labels::of(&lesion))),
                ("score", Column::Real(score.clone())),
            ];
            let settings = [("interval", interval), ("replicates", "200")];
            let answer = run("afroc", columns, &settings).unwrap();
            for number in &answer.numbers {
                let Some(i) = number.interval else { continue };
                let most = if number.name.starts_with("max_nlf") {
                    f64::INFINITY
                } else {
                    1.0
                };
                assert!(i.lower >= 0.0 && i.upper <= most, "{}: {i:?}", number.name);
                if i.lower == 0.0 || i.upper == 1.0 {
                    assert!(
                        answer
                            .notes
                            .iter()
                            .any(|n| n.contains(&format!("`{}`", number.name)))
                    );
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 100, "{seen}");
}
