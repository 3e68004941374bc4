//! Subgroups against R (testdata/statistics/subgroup/subgroup.R), and type-I error by simulation.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout
)]

use candour_statistics::catalogue::{Column, Labels, Sample};
use candour_statistics::random::Philox;
use candour_statistics::subgroup::*;
use candour_statistics::{Answer, Cell, StatisticsError};
use proptest::prelude::*;
use serde_json::Value;

fn list(v: &Value) -> Vec<f64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

fn words(v: &Value) -> Vec<String> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_str().map_or_else(|| x.to_string(), str::to_owned))
        .collect()
}

fn run(
    columns: Vec<(&str, &str, Column)>,
    settings: &[(&str, &str)],
) -> Result<Answer, StatisticsError> {
    let entry = &ENTRIES[0];
    let columns = columns
        .into_iter()
        .map(|(r, n, c)| (r.to_owned(), n.to_owned(), c))
        .collect();
    let settings: Vec<(String, String)> = settings
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    entry.answer(&Sample::new(entry, columns, &settings)?, &[])
}

fn near(got: f64, expected: f64, what: &str) {
    let d = (got - expected).abs() / expected.abs().max(1e-6);
    assert!(d < 1e-9, "{what}: {got} against {expected} ({d:e})");
}

fn statistic(answer: &Answer, row: usize) -> (f64, f64, f64) {
    let table = answer
        .tables
        .iter()
        .find(|t| t.name == "interaction")
        .unwrap();
    let real = |i: usize| match table.rows[row][i] {
        Cell::Real(v) => v,
        _ => panic!("{:?}", table.rows[row]),
    };
    (real(3), real(5), real(6))
}

#[test]
fn subgroups_agree_with_r() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../testdata/statistics/subgroup/subgroup.json"
    );
    let data: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let d = &data["data"];
    let binary = |k: &str| Column::Binary(list(&d[k]).iter().map(|v| *v == 1.0).collect());
    let columns = |clustered: bool| {
        let mut c = vec![
            ("truth", "truth", binary("truth")),
            ("score", "score", Column::Real(list(&d["score"]))),
            ("value", "value", Column::Real(list(&d["value"]))),
            (
                "stratum",
                "site",
                Column::Label(Labels::of(&words(&d["site"]))),
            ),
            (
                "stratum",
                "sex",
                Column::Label(Labels::of(&words(&d["sex"]))),
            ),
        ];
        if clustered {
            c.push((
                "cluster",
                "patient",
                Column::Label(Labels::of(&words(&d["patient"]))),
            ));
        }
        c
    };
    let get = |clustered: bool, measure: &str, test: &str, scale: &str| {
        let mut settings = vec![
            ("measure", measure),
            ("test", test),
            ("scale", scale),
            ("minimum", "2"),
        ];
        if measure != "auc" && measure != "mean" {
            settings.push(("threshold", "0.7"));
        }
        run(columns(clustered), &settings).unwrap()
    };
    for (row, factor) in ["site", "sex"].into_iter().enumerate() {
        let e = &data["factors"][factor];
        let expected = |k: &str| e[k].as_f64().unwrap();
        let check = |answer: &Answer, stat: &str, p: &str| {
            let s = statistic(answer, row);
            near(s.0, expected(stat), stat);
            if !p.is_empty() {
                near(s.2, expected(p), p);
            }
        };
        check(
            &get(false, "sensitivity", "pearson", "logit"),
            "pearson",
            "pearson_p",
        );
        check(
            &get(false, "sensitivity", "likelihood-ratio", "logit"),
            "lr",
            "lr_p",
        );
        check(&get(false, "sensitivity", "wald", "logit"), "wald", "");
        check(&get(true, "sensitivity", "wald", "logit"), "gee", "");
        check(&get(false, "mean", "wald", "logit"), "welch", "welch_p");
        near(
            statistic(&get(false, "mean", "wald", "logit"), row).1,
            expected("welch_df"),
            "welch df",
        );
        check(&get(true, "mean", "wald", "logit"), "gee_mean", "");
        let identity = get(false, "auc", "wald", "identity");
        check(&identity, "q", "");
        check(&get(false, "auc", "wald", "logit"), "q_logit", "q_logit_p");
        let clustered = get(true, "auc", "wald", "identity");
        let means = get(false, "mean", "wald", "logit");
        for (at, level) in words(&e["levels"]).iter().enumerate() {
            let n = identity.number(&format!("{factor} = {level}")).unwrap();
            near(n.value.unwrap(), list(&e["auc"])[at], "auc");
            near(
                n.standard_error.unwrap().powi(2),
                list(&e["auc_var"])[at],
                "auc variance",
            );
            near(
                n.interval.unwrap().lower,
                list(&e["auc_lower"])[at],
                "auc lower",
            );
            near(
                n.interval.unwrap().upper,
                list(&e["auc_upper"])[at],
                "auc upper",
            );
            let n = clustered.number(&format!("{factor} = {level}")).unwrap();
            near(
                n.standard_error.unwrap().powi(2),
                list(&e["obuchowski"])[at],
                "obuchowski",
            );
            let n = means.number(&format!("{factor} = {level}")).unwrap();
            near(
                n.interval.unwrap().lower,
                list(&e["t_lower"])[at],
                "t lower",
            );
        }
        // The permutation test is that of `chisq.test(simulate.p.value = TRUE)`, to its Monte-Carlo error.
        let p = statistic(&get(false, "sensitivity", "permutation", "logit"), row).2;
        assert!(
            (p - expected("perm_p")).abs() < 0.04,
            "{p} {}",
            expected("perm_p")
        );
    }
    let p = get(true, "auc", "permutation", "logit");
    assert!(
        p.number("interaction_p_value(site)")
            .unwrap()
            .value
            .is_some()
    );
    // Sex varies within patients: whole clusters cannot be permuted.
    let sex = p.number("interaction_p_value(sex)").unwrap();
    assert!(
        sex.not_estimable.as_deref().unwrap().contains("two levels"),
        "{sex:?}"
    );
}

#[test]
fn missing_and_small_levels_are_shown() {
    let n = 60;
    let truth = Column::Binary((0..n).map(|i| i % 2 == 0).collect());
    let call = Column::Binary((0..n).map(|i| i % 3 != 0).collect());
    let site: Vec<&str> = (0..n)
        .map(|i| {
            if i < 4 {
                "tiny"
            } else if i < 30 {
                "A"
            } else if i < 40 {
                // The same level as an empty cell's.
                "(not recorded)"
            } else {
                ""
            }
        })
        .collect();
    let sex: Vec<&str> = (0..n).map(|i| if i % 5 < 2 { "f" } else { "m" }).collect();
    let answer = run(
        vec![
            ("truth", "truth", truth),
            ("call", "call", call),
            ("stratum", "site", Column::Label(Labels::of(&site))),
            ("stratum", "sex", Column::Label(Labels::of(&sex))),
        ],
        &[("minimum", "5"), ("two_way", "true")],
    )
    .unwrap();
    let tiny = answer.number("site = tiny").unwrap();
    assert_eq!((tiny.value, tiny.n), (None, 2));
    assert!(
        tiny.not_estimable
            .as_deref()
            .unwrap()
            .contains("minimum of 5")
    );
    assert_eq!(answer.number("site = (not recorded)").unwrap().n, 15);
    assert!(
        answer
            .tables
            .iter()
            .any(|t| t.name == "site by sex, lowest first" && t.rows.len() == 6)
    );
    assert_eq!(answer.numbers[0].name, "sensitivity");
    let holm = answer
        .number("interaction_p_value_holm(site)")
        .unwrap()
        .value
        .unwrap();
    assert!(
        holm >= answer
            .number("interaction_p_value(site)")
            .unwrap()
            .value
            .unwrap()
    );
}

#[test]
fn degenerate_strata_are_not_estimable() {
    let case = |value: f64, positive: bool, cluster: usize| Case {
        value,
        positive,
        cluster,
    };
    for clustered in [false, true] {
        assert!(share(&[], clustered, 0.95).is_err());
        assert!(mean(&[], clustered, 0.95).is_err());
        assert!(auc(&[case(1.0, true, 0)], clustered, true, 0.95).is_err());
        let one = share(&[case(1.0, true, 0)], clustered, 0.95).unwrap();
        assert_eq!(one.interval.unwrap().upper, 1.0);
        assert!(
            mean(&[case(1.0, true, 0)], clustered, 0.95)
                .unwrap()
                .interval
                .is_none()
        );
        let separated: Vec<Case> = (0..8)
            .map(|i| case(f64::from(i), i >= 4, i as usize))
            .collect();
        let e = auc(&separated, clustered, false, 0.95).unwrap();
        assert_eq!(
            (e.value, e.interval, e.standard_error),
            (Some(1.0), None, None)
        );
        let tied: Vec<Case> = (0..8).map(|i| case(1.0, i >= 4, i as usize)).collect();
        assert_eq!(auc(&tied, clustered, true, 0.95).unwrap().interval, None);
    }
    // One cluster only: no variance.
    let same = [case(1.0, true, 7), case(0.0, true, 7)];
    assert!(share(&same, true, 0.95).unwrap().interval.is_none());
    // All succeed in 5 clusters of 4: the interval is that of 5, not of 20.
    let all: Vec<Case> = (0..20).map(|i| case(1.0, true, i / 4)).collect();
    let lower = share(&all, true, 0.95).unwrap().interval.unwrap().lower;
    assert!((lower - 5.0 / (5.0 + 3.841_458_820_694_124)).abs() < 1e-9);
    assert!(pearson(&[(0, 5), (0, 6)]).is_err() && likelihood_ratio(&[(5, 5)]).is_err());
    assert!(logistic_wald(&[(5, 5), (3, 6)]).is_err());
    assert!(welch(&[(5, 1.0, 0.0), (5, 2.0, 1.0)]).is_err());
    assert!(
        auc(
            &[case(f64::NAN, true, 0), case(1.0, false, 1)],
            false,
            true,
            0.95
        )
        .is_err()
    );
}

/// 1000 studies without interaction; the test of the 5 % level rejects in 5 % of them within three
/// Monte-Carlo standard errors (2.9 % to 7.1 %), with clusters as well; ignoring the clusters does not.
#[test]
fn tests_of_interaction_hold_their_level() {
    let mut random = Philox::new(20261125, 1);
    let (mut independent, mut sandwich, mut naive, mut area) = (0, 0, 0, 0);
    for _ in 0..1000 {
        let mut plain = vec![(0, 0); 3];
        for _ in 0..180 {
            let level = random.below(3);
            plain[level].1 += 1;
            plain[level].0 += usize::from(random.unit() < 0.7);
        }
        independent += u32::from(pearson(&plain).unwrap().p_value < 0.05);
        // 120 patients of three lesions, site by patient, patients differ.
        let mut truth = Vec::new();
        let (mut call, mut site, mut patient) = (Vec::new(), Vec::new(), Vec::new());
        for p in 0..120 {
            let effect = random.normal();
            for _ in 0..3 {
                truth.push(true);
                call.push(0.8 + effect + random.normal() > 0.0);
                site.push(["a", "b"][p % 2]);
                patient.push(p.to_string());
            }
        }
        let columns = |clustered: bool| {
            let mut c = vec![
                ("truth", "truth", Column::Binary(truth.clone())),
                ("call", "call", Column::Binary(call.clone())),
                ("stratum", "site", Column::Label(Labels::of(&site))),
            ];
            if clustered {
                c.push(("cluster", "patient", Column::Label(Labels::of(&patient))));
            }
            c
        };
        let p = |clustered: bool| {
            run(columns(clustered), &[])
                .unwrap()
                .number("interaction_p_value(site)")
                .unwrap()
                .value
                .unwrap()
        };
        sandwich += u32::from(p(true) < 0.05);
        naive += u32::from(p(false) < 0.05);
        let levels: Vec<(f64, f64)> = (0..3)
            .map(|_| {
                let cases: Vec<Case> = (0..80)
                    .map(|i| Case {
                        value: random.normal() + if i < 40 { 1.2 } else { 0.0 },
                        positive: i < 40,
                        cluster: i,
                    })
                    .collect();
                let e = auc(&cases, false, true, 0.95).unwrap();
                let a = e.value.unwrap();
                (
                    (a / (1.0 - a)).ln(),
                    (e.standard_error.unwrap() / (a * (1.0 - a))).powi(2),
                )
            })
            .collect();
        let (y, v): (Vec<f64>, Vec<f64>) = levels.into_iter().unzip();
        let v = nalgebra::DMatrix::from_diagonal(&nalgebra::DVector::from_vec(v));
        area += u32::from(equality(&y, &v).unwrap().p_value < 0.05);
    }
    println!(
        "per 1000: pearson {independent}, sandwich {sandwich}, ignoring clusters {naive}, auc {area}"
    );
    for rejections in [independent, sandwich, area] {
        assert!((29..=71).contains(&rejections), "{rejections}");
    }
    assert!(naive > 90, "{naive}");
}

/// Wilson at the effective size: 95 % within what 600 studies of 40 unequal clusters can tell.
#[test]
fn clustered_shares_are_covered() {
    let mut random = Philox::new(5, 2);
    let (mut covered, mut naive) = (0, 0);
    const STUDIES: u32 = 2000;
    // Normal threshold model: P(N(0, 2) > -1.8) = 0.8985...
    let p = 1.0 - 0.5 * statrs::function::erf::erfc(1.8 / 2.0);
    for _ in 0..STUDIES {
        let mut cases = Vec::new();
        for cluster in 0..40 {
            let effect = random.normal();
            for _ in 0..(1 + random.below(5)) {
                let hit = 1.8 + effect + random.normal() > 0.0;
                cases.push(Case {
                    value: f64::from(u8::from(hit)),
                    positive: true,
                    cluster,
                });
            }
        }
        let holds = |clustered: bool| {
            let i = share(&cases, clustered, 0.95).unwrap().interval.unwrap();
            u32::from(i.lower <= p && p <= i.upper)
        };
        covered += holds(true);
        naive += holds(false);
    }
    println!("covered {covered} of {STUDIES}; ignoring clusters {naive}");
    assert!((1860..=1940).contains(&covered), "{covered}");
    assert!(naive < covered);
}

proptest! {
    #[test]
    fn singletons_as_clusters_change_only_the_factor(hits in prop::collection::vec(any::<bool>(), 3..40)) {
        prop_assume!(hits.iter().any(|h| *h) && hits.iter().any(|h| !*h));
        let cases: Vec<Case> = hits.iter().enumerate().map(|(i, h)| Case { value: f64::from(u8::from(*h)), positive: *h, cluster: i }).collect();
        let n = hits.len() as f64;
        let (a, b) = (share(&cases, false, 0.95).unwrap(), share(&cases, true, 0.95).unwrap());
        let ratio = b.standard_error.unwrap().powi(2) / a.standard_error.unwrap().powi(2);
        prop_assert!((ratio - n / (n - 1.0)).abs() < 1e-9);
    }

    #[test]
    fn tests_of_equality_do_not_depend_on_the_order(x in prop::collection::vec((1usize..20, 1usize..20), 2..6)) {
        let levels: Vec<(usize, usize)> = x.iter().map(|(a, b)| (*a, a + b)).collect();
        let back: Vec<(usize, usize)> = levels.iter().rev().copied().collect();
        for test in [pearson, likelihood_ratio, logistic_wald] {
            let (a, b) = (test(&levels).unwrap(), test(&back).unwrap());
            prop_assert!((a.statistic - b.statistic).abs() < 1e-9 * (1.0 + a.statistic));
            // Successes and failures may change places.
            let turned: Vec<(usize, usize)> = levels.iter().map(|(x, n)| (n - x, *n)).collect();
            prop_assert!((a.statistic - test(&turned).unwrap().statistic).abs() < 1e-9 * (1.0 + a.statistic));
        }
    }

    #[test]
    fn the_auc_ignores_monotone_changes_of_the_score(s in prop::collection::vec((-20i32..20, any::<bool>(), 0usize..6), 8..40)) {
        let cases = |f: fn(f64) -> f64| -> Vec<Case> { s.iter().map(|(v, t, c)| Case { value: f(f64::from(*v)), positive: *t, cluster: *c }).collect() };
        if let (Ok(a), Ok(b)) = (auc(&cases(|x| x), true, true, 0.9), auc(&cases(|x| (x / 9.0).exp()), true, true, 0.9)) {
            prop_assert_eq!(a, b);
        }
    }
}
