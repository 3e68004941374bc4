//! Entries of proportions, accuracy, comparison, clusters, multiplicity and missing data against the
//! reference tools, through the one door. `testdata/statistics/proportions/cases.py` and `cases.R`
//! write the expected values.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests stop at the first surprise"
)]

use candour_statistics::catalogue::{Column, Entry, Labels, Sample};
use candour_statistics::{Answer, StatisticsError};
use serde_json::Value;

fn entries() -> Vec<&'static Entry> {
    use candour_statistics::{accuracy, clustered, comparison, missing, multiplicity, proportion};
    [
        proportion::ENTRIES,
        accuracy::ENTRIES,
        comparison::ENTRIES,
        clustered::ENTRIES,
        multiplicity::ENTRIES,
        missing::ENTRIES,
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn run(
    id: &str,
    columns: Vec<(String, String, Column)>,
    settings: &[(String, String)],
) -> Result<Answer, StatisticsError> {
    let all = entries();
    let entry = all
        .iter()
        .find(|e| e.id == id)
        .unwrap_or_else(|| panic!("no entry {id}"));
    entry.answer(&Sample::new(entry, columns, settings)?, &[])
}

fn column(c: &Value) -> (String, String, Column) {
    let text = |k: &str| c[k].as_str().unwrap().to_owned();
    let column = match c["kind"].as_str().unwrap() {
        "binary" => Column::Binary(text("values").chars().map(|v| v == '1').collect()),
        "label" => Column::Label(Labels::of(&text("values").split(',').collect::<Vec<_>>())),
        _ => Column::Real(
            c["values"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v.as_f64().unwrap())
                .collect(),
        ),
    };
    (
        text("role"),
        c["name"].as_str().unwrap_or("column").to_owned(),
        column,
    )
}

fn field(answer: &Answer, path: &str) -> Option<f64> {
    if let Some(n) = answer.number(path) {
        return n.value;
    }
    let (name, part) = path
        .rsplit_once('.')
        .unwrap_or_else(|| panic!("no number {path}"));
    let n = answer
        .number(name)
        .unwrap_or_else(|| panic!("no number {name}"));
    match part {
        "lower" => n.interval.map(|i| i.lower),
        "upper" => n.interval.map(|i| i.upper),
        _ => n.standard_error,
    }
}

fn compare(file: &str, least: usize) {
    let path = format!(
        "{}/../../testdata/statistics/proportions/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let cases = all["cases"].as_array().unwrap();
    assert!(cases.len() >= least);
    let mut worst: std::collections::BTreeMap<String, f64> = std::collections::BTreeMap::new();
    let mut wrong = Vec::new();
    for case in cases {
        // Columns and tools are shared between cases, by their place in a list.
        let shared = |list: &str, at: &Value| all[list][at.as_u64().unwrap() as usize].clone();
        let columns = case["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| column(&shared("columns", c)))
            .collect();
        let tool = shared("tools", &case["tool"]);
        let settings: Vec<(String, String)> = match case["settings"].as_object() {
            Some(map) => map
                .iter()
                .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
                .collect(),
            None => Vec::new(),
        };
        let id = case["entry"].as_str().unwrap();
        let what = format!("{id} {settings:?} ({tool})");
        let answer = run(id, columns, &settings).unwrap_or_else(|e| panic!("{what}: {e}"));
        let tolerance = case["tol"].as_f64().unwrap_or(1e-9);
        for (name, expected) in case["expect"].as_object().unwrap() {
            let got = field(&answer, name);
            match (got, expected.as_f64()) {
                (None, None) => {}
                (Some(got), Some(expected)) => {
                    let gap = (got - expected).abs();
                    let relative = gap / expected.abs().max(f64::MIN_POSITIVE);
                    // Near zero a relative difference means nothing: 1e-15 of the unit is rounding.
                    if gap > 1e-15 {
                        let key = format!("{id} {}", tool);
                        let slot = worst.entry(key).or_default();
                        *slot = slot.max(relative);
                        if relative.is_nan() || relative > tolerance {
                            wrong.push(format!(
                                "{what} {name}: {got} against {expected} ({relative:e})"
                            ));
                        }
                    }
                }
                other => wrong.push(format!("{what} {name}: {other:?}")),
            }
        }
    }
    for (key, value) in &worst {
        println!("{value:.1e}  {key}");
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn entries_agree_with_the_python_tools() {
    compare("cases-python.json", 300);
}

#[test]
fn entries_agree_with_r() {
    compare("cases-r.json", 100);
}

/// Newcombe RG (1998), Interval estimation for the difference between independent proportions,
/// Statistics in Medicine 17:873-890, table II: Mee, Miettinen-Nurminen and method 10.
#[test]
fn differences_agree_with_newcombe_table_two() {
    use candour_statistics::comparison::{DifferenceMethod as M, difference_interval};
    for (first, second, method, lower, upper) in [
        ((56, 70), (48, 80), M::Mee, 0.0533, 0.3377),
        ((56, 70), (48, 80), M::MiettinenNurminen, 0.0528, 0.3382),
        ((56, 70), (48, 80), M::Newcombe, 0.0524, 0.3339),
        ((9, 10), (3, 10), M::Mee, 0.1821, 0.8370),
        ((9, 10), (3, 10), M::MiettinenNurminen, 0.1700, 0.8406),
        ((9, 10), (3, 10), M::Newcombe, 0.1705, 0.8090),
    ] {
        let got = difference_interval(first, second, 0.95, method).unwrap();
        assert!(
            (got.lower - lower).abs() < 6e-5 && (got.upper - upper).abs() < 6e-5,
            "{method:?} {got:?}"
        );
    }
}

/// Fagerland, Lydersen and Laake (2013), BMC Med Res Methodol 13:91, table 1 (Bentur et al.): exact
/// 0.0703, mid-P 0.0391, asymptotic 0.0339, corrected 0.0771.
#[test]
fn mcnemar_agrees_with_fagerland_2013() {
    use candour_statistics::comparison::{PairedTable, mcnemar};
    let t = PairedTable {
        both: 1,
        first_only: 1,
        second_only: 7,
        neither: 12,
    };
    let m = mcnemar(&t).unwrap();
    for (got, expected) in [
        (m.exact, 0.0703),
        (m.mid_p, 0.0391),
        (m.asymptotic, 0.0339),
        (m.corrected, 0.0771),
    ] {
        assert!((got - expected).abs() < 6e-5, "{got} {expected}");
    }
}

/// Coverage of a 95 % interval by enumeration of all counts at a true proportion.
fn coverage(n: u64, p: f64, limits: &[(f64, f64)]) -> f64 {
    use candour_statistics::proportion::binomial_pmf;
    limits
        .iter()
        .zip(0..)
        .filter(|((l, u), _)| *l <= p && p <= *u)
        .map(|(_, x)| binomial_pmf(x, n, p))
        .sum()
}

#[test]
fn intervals_cover_as_their_papers_say() {
    use candour_statistics::proportion::{Bound, ProportionMethod as M, proportion_interval};
    for n in [10, 50] {
        let of = |method: M| {
            let limits: Vec<(f64, f64)> = (0..=n)
                .map(
                    |x| match proportion_interval(x, n, 0.95, method, Bound::TwoSided) {
                        Ok(p) => (p.interval.lower, p.interval.upper),
                        // Wald at 0 or n: the point itself, which covers nothing.
                        Err(_) => (x as f64 / n as f64, x as f64 / n as f64),
                    },
                )
                .collect();
            let all: Vec<f64> = (1..400)
                .map(|i| coverage(n, f64::from(i) / 400.0, &limits))
                .collect();
            (
                all.iter().copied().fold(1.0, f64::min),
                all.iter().sum::<f64>() / all.len() as f64,
            )
        };
        // Exact never below, Wilson near on average and never far, Wald far below (Brown, Cai and
        // DasGupta 2001).
        assert!(of(M::ClopperPearson).0 >= 0.95);
        // Continuity-corrected Wilson is nearly exact.
        assert!(of(M::WilsonContinuity).0 >= 0.945);
        for method in [M::Wilson, M::MidP, M::Jeffreys, M::AgrestiCoull] {
            let (least, mean) = of(method);
            assert!((0.945..0.98).contains(&mean), "{method:?} {mean}");
            assert!(least > 0.82, "{method:?} {least}");
        }
        let (least, mean) = of(M::Wald);
        assert!(least < 0.2 && mean < 0.93, "{least} {mean}");
    }
}

/// Coverage of differences and type-I error of the non-inferiority test, by enumeration of all pairs of
/// counts.
#[test]
fn differences_cover_and_tests_hold_their_level() {
    use candour_statistics::comparison::{
        DifferenceMethod as M, difference_interval, difference_score,
    };
    use candour_statistics::proportion::binomial_pmf;
    let (n1, n2) = (20u64, 15u64);
    for method in [M::Newcombe, M::MiettinenNurminen, M::Mee, M::AgrestiCaffo] {
        let limits: Vec<Vec<(f64, f64)>> = (0..=n1)
            .map(|x1| {
                (0..=n2)
                    .map(|x2| difference_interval((x1, n1), (x2, n2), 0.95, method).unwrap())
                    .map(|i| (i.lower, i.upper))
                    .collect()
            })
            .collect();
        for (p1, p2) in [
            (0.5, 0.5),
            (0.9, 0.7),
            (0.95, 0.95),
            (0.3, 0.1),
            (0.99, 0.9),
        ] {
            let mut covered = 0.0;
            for (x1, row) in (0..).zip(&limits) {
                for (x2, (l, u)) in (0..).zip(row) {
                    if *l <= p1 - p2 && p1 - p2 <= *u {
                        covered += binomial_pmf(x1, n1, p1) * binomial_pmf(x2, n2, p2);
                    }
                }
            }
            assert!(covered > 0.92, "{method:?} {p1} {p2} {covered}");
        }
    }
    // On the edge of the null, p1 = p2 - margin.
    for p2 in [0.6, 0.8, 0.9] {
        let p1 = p2 - 0.1;
        let mut error = 0.0;
        for x1 in 0..=40 {
            for x2 in 0..=40 {
                let z = difference_score((x1, 40), (x2, 40), -0.1, false);
                if z.is_ok_and(|z| z > 1.959_963_984_540_054) {
                    error += binomial_pmf(x1, 40, p1) * binomial_pmf(x2, 40, p2);
                }
            }
        }
        assert!((0.012..0.036).contains(&error), "{p2} {error}");
    }
}

/// Coverage of Tango's and Newcombe's paired intervals and the level of McNemar's tests, by enumeration
/// of the discordant counts.
#[test]
fn paired_methods_hold_their_level() {
    use candour_statistics::comparison::{PairedMethod, PairedTable, mcnemar, paired_interval};
    use candour_statistics::proportion::binomial_pmf;
    let n = 25u64;
    // P(b, c) with b ~ Bin(n, p12), c | b ~ Bin(n - b, p21 / (1 - p12)).
    let each = |p12: f64, p21: f64, f: &dyn Fn(&PairedTable) -> bool| -> f64 {
        let mut sum = 0.0;
        for b in 0..=n {
            for c in 0..=(n - b) {
                // The concordant pairs are half and half; Tango's interval does not see them.
                let rest = n - b - c;
                let t = PairedTable {
                    both: rest / 2,
                    first_only: b,
                    second_only: c,
                    neither: rest - rest / 2,
                };
                if f(&t) {
                    sum += binomial_pmf(b, n, p12) * binomial_pmf(c, n - b, p21 / (1.0 - p12));
                }
            }
        }
        sum
    };
    for (p12, p21) in [(0.2, 0.2), (0.3, 0.1), (0.05, 0.05), (0.1, 0.02)] {
        for method in [
            PairedMethod::Tango,
            PairedMethod::Newcombe,
            PairedMethod::BonettPrice,
        ] {
            let covered = each(p12, p21, &|t| {
                let i = paired_interval(t, 0.95, method).unwrap();
                i.lower <= p12 - p21 && p12 - p21 <= i.upper
            });
            // The square-and-add interval is a little liberal where discordant pairs are few and uneven.
            let least = if method == PairedMethod::Newcombe {
                0.91
            } else {
                0.925
            };
            assert!(covered > least, "{method:?} {p12} {p21} {covered}");
        }
    }
    for p in [0.05, 0.2] {
        let exact = each(p, p, &|t| mcnemar(t).is_ok_and(|m| m.exact <= 0.05));
        let mid = each(p, p, &|t| mcnemar(t).is_ok_and(|m| m.mid_p <= 0.05));
        assert!(
            exact <= 0.05 && mid <= 0.055 && exact <= mid,
            "{exact} {mid}"
        );
    }
}

/// 400 data sets of 40 patients with up to 6 correlated lesions: the clustered interval covers, the one
/// that ignores patients does not.
#[test]
fn clustered_intervals_cover_and_naive_ones_do_not() {
    use candour_statistics::clustered::{
        ClusterTotal, ClusteredMethod, clustered_interval, clustered_proportion,
    };
    use candour_statistics::random::Philox;
    use candour_statistics::wilson_interval;
    let (mut clustered, mut naive) = (0, 0);
    let truth = 0.8;
    for replicate in 0..400 {
        let mut random = Philox::new(7, replicate);
        let totals: Vec<ClusterTotal> = (0..40)
            .map(|_| {
                let trials = 1 + random.below(6);
                let own = random.unit() < truth;
                // Each lesion follows its patient with probability 0.7: ICC 0.49.
                let successes = (0..trials)
                    .filter(|_| {
                        if random.unit() < 0.7 {
                            own
                        } else {
                            random.unit() < truth
                        }
                    })
                    .count();
                ClusterTotal {
                    successes: successes as f64,
                    trials: trials as f64,
                }
            })
            .collect();
        let p = clustered_proportion(&totals).unwrap();
        let i = clustered_interval(&p, 0.95, ClusteredMethod::WilsonEffective).unwrap();
        clustered += u32::from(i.lower <= truth && truth <= i.upper);
        let i = wilson_interval((p.value * p.trials).round() as u64, p.trials as u64, 0.95)
            .unwrap()
            .unwrap()
            .interval;
        naive += u32::from(i.lower <= truth && truth <= i.upper);
    }
    // 380 of 400, less three standard errors and the small-sample loss of a variance from 40 clusters.
    assert!(clustered >= 364, "{clustered}");
    assert!(naive < 350, "{naive}");
}

/// Familywise error of Holm, Hochberg, Hommel and a graph under the complete null.
#[test]
fn multiplicity_holds_the_familywise_error() {
    use candour_statistics::multiplicity::{
        Adjustment as A, adjust, fallback, parallel_gatekeeping,
    };
    use candour_statistics::random::Philox;
    let mut wrong = [0u32; 5];
    let runs = 4000;
    for r in 0..runs {
        let mut random = Philox::new(11, r);
        let p: Vec<f64> = (0..4).map(|_| random.unit()).collect();
        let hit = |v: Vec<f64>| u32::from(v.iter().any(|a| *a <= 0.05));
        wrong[0] += hit(adjust(&p, A::Holm).unwrap());
        wrong[1] += hit(adjust(&p, A::Hochberg).unwrap());
        wrong[2] += hit(adjust(&p, A::Hommel).unwrap());
        wrong[3] += hit(fallback(&p, &[0.25; 4]).unwrap());
        wrong[4] += hit(parallel_gatekeeping(&p, &[0, 0, 1, 1], 0.5).unwrap());
    }
    // 5 % and three standard errors: 200 + 3 * 13.8.
    assert!(wrong.iter().all(|w| *w <= 241), "{wrong:?}");
}

fn binary(role: &str, name: &str, v: &[bool]) -> (String, String, Column) {
    (role.into(), name.into(), Column::Binary(v.to_vec()))
}

/// Empty, single-class and single-row tables give a reason, never NaN, and every interval has a width.
#[test]
fn degenerate_tables_are_said_to_be_so() {
    let sets: [(&[bool], &[bool], &[bool]); 6] = [
        (&[], &[], &[]),
        (&[true], &[true], &[false]),
        (&[true, true], &[true, false], &[true, false]),
        (&[false, false], &[false, false], &[false, false]),
        (&[true, false], &[true, false], &[true, false]),
        (
            &[true, false, true],
            &[false, true, false],
            &[true, false, true],
        ),
    ];
    let labels = |v: &[bool]| {
        Labels::of(
            &v.iter()
                .map(|b| if *b { "1" } else { "0" })
                .collect::<Vec<_>>(),
        )
    };
    for (truth, one, two) in sets {
        let cluster = || {
            (
                "cluster".to_owned(),
                "id".to_owned(),
                Column::Label(labels(truth)),
            )
        };
        let mut answers = Vec::new();
        let t = || binary("truth", "truth", truth);
        let pair = |role: &str| vec![binary(role, "a", one), binary(role, "b", two)];
        let with = |mut v: Vec<(String, String, Column)>, more: (String, String, Column)| {
            v.push(more);
            v
        };
        let set = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs
                .iter()
                .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
                .collect()
        };
        let group = || {
            (
                "group".to_owned(),
                "g".to_owned(),
                Column::Label(labels(two)),
            )
        };
        let text =
            |role: &str, v: &[bool]| (role.to_owned(), role.to_owned(), Column::Label(labels(v)));
        for (id, columns, settings) in [
            ("proportion", vec![binary("outcome", "o", one)], set(&[])),
            ("accuracy", vec![t(), binary("call", "c", one)], set(&[])),
            (
                "accuracy",
                vec![t(), binary("call", "c", one), cluster()],
                set(&[]),
            ),
            (
                "accuracy",
                vec![t(), binary("call", "c", one)],
                set(&[("method", "wald"), ("f1_interval", "delta")]),
            ),
            (
                "accuracy-goals",
                vec![t(), binary("call", "c", one)],
                set(&[("sensitivity_goal", "0.5"), ("specificity_goal", "0.5")]),
            ),
            (
                "predictive-values",
                vec![t(), binary("call", "c", one)],
                set(&[("prevalence", "0.1")]),
            ),
            (
                "predictive-values",
                vec![t(), binary("call", "c", one)],
                set(&[("prevalence", "0.1"), ("adjusted", "true")]),
            ),
            (
                "likelihood-ratios",
                vec![t(), binary("call", "c", one)],
                set(&[]),
            ),
            (
                "likelihood-ratios",
                vec![t(), binary("call", "c", one)],
                set(&[("interval", "score")]),
            ),
            ("indeterminate", vec![t(), text("result", one)], set(&[])),
            (
                "partial-verification",
                vec![text("truth", truth), binary("call", "c", one)],
                set(&[]),
            ),
            (
                "proportion-clustered",
                vec![binary("outcome", "o", one), cluster()],
                set(&[]),
            ),
            (
                "proportion-clustered",
                vec![binary("outcome", "o", one), cluster()],
                set(&[("method", "bootstrap-bca"), ("replicates", "100")]),
            ),
            (
                "proportions-difference",
                vec![binary("outcome", "o", one), group()],
                set(&[]),
            ),
            (
                "proportions-noninferiority",
                vec![binary("outcome", "o", one), group()],
                set(&[("margin", "0.1")]),
            ),
            (
                "proportions-equivalence",
                vec![binary("outcome", "o", one), group()],
                set(&[("margin", "0.1")]),
            ),
            (
                "proportions-ratio",
                vec![binary("outcome", "o", one), group()],
                set(&[]),
            ),
            (
                "proportions-odds-ratio",
                vec![binary("outcome", "o", one), group()],
                set(&[("method", "exact")]),
            ),
            ("paired-difference", pair("outcome"), set(&[])),
            (
                "paired-noninferiority",
                pair("outcome"),
                set(&[("margin", "0.1")]),
            ),
            ("paired-accuracy", with(pair("call"), t()), set(&[])),
            (
                "paired-accuracy",
                with(with(pair("call"), t()), cluster()),
                set(&[]),
            ),
            (
                "paired-predictive-values",
                with(pair("call"), t()),
                set(&[]),
            ),
            (
                "paired-clustered",
                with(pair("outcome"), cluster()),
                set(&[]),
            ),
            ("missing-bounds", vec![text("outcome", one)], set(&[])),
            (
                "missing-tipping-point",
                vec![text("outcome", one)],
                set(&[("goal", "0.5")]),
            ),
        ] {
            match run(id, columns, &settings) {
                Ok(answer) => answers.push((id, answer)),
                Err(StatisticsError::NotEstimable(_) | StatisticsError::Data(_)) => {}
                Err(other) => panic!("{id}: {other}"),
            }
        }
        for (id, answer) in answers {
            for n in &answer.numbers {
                assert!(n.value.is_none_or(|v| v.is_finite()), "{id} {n:?}");
                assert!(n.value.is_some() || n.not_estimable.is_some(), "{id} {n:?}");
                assert!(
                    n.standard_error.is_none_or(|v| v.is_finite() && v > 0.0),
                    "{id} {n:?}"
                );
                if let Some(i) = n.interval {
                    assert!(i.lower < i.upper, "{id} {n:?}");
                    assert!(
                        n.value.is_none_or(|v| n.name.starts_with("uncertainty")
                            || (i.lower - 1e-12..=i.upper + 1e-12).contains(&v)),
                        "{id} {n:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn settings_that_contradict_are_refused() {
    let set = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    };
    assert!(run("proportion", vec![], &set(&[])).is_err());
    assert!(run("proportion", vec![], &set(&[("successes", "3")])).is_err());
    assert!(
        run(
            "proportion",
            vec![],
            &set(&[("successes", "3"), ("trials", "2")])
        )
        .is_err()
    );
    assert!(
        run(
            "proportion",
            vec![],
            &set(&[("successes", "0.5"), ("trials", "2")])
        )
        .is_err()
    );
    assert!(
        run(
            "proportion",
            vec![binary("outcome", "o", &[true])],
            &set(&[("successes", "3"), ("trials", "5")])
        )
        .is_err()
    );
    assert!(run("accuracy", vec![binary("truth", "t", &[true])], &set(&[])).is_err());
}

#[test]
fn a_score_at_the_threshold_is_a_positive_call() {
    let answer = run(
        "accuracy",
        vec![
            binary("truth", "t", &[true, true, false]),
            (
                "score".into(),
                "s".into(),
                Column::Real(vec![0.5, 0.4, f64::NEG_INFINITY]),
            ),
        ],
        &[("threshold".into(), "0.5".into())],
    )
    .unwrap();
    assert_eq!(answer.number("sensitivity").unwrap().value, Some(0.5));
    assert_eq!(answer.number("specificity").unwrap().value, Some(1.0));
}

fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

fn words(role: &str, cells: &[&str]) -> (String, String, Column) {
    (role.into(), role.into(), Column::Label(Labels::of(cells)))
}

/// Truth and call of a 2x2 table.
fn two_by_two(tp: usize, fp: usize, missed: usize, tn: usize) -> Vec<(String, String, Column)> {
    let cells = [
        (true, true, tp),
        (false, true, fp),
        (true, false, missed),
        (false, false, tn),
    ];
    let rows = || {
        cells
            .iter()
            .flat_map(|(t, c, n)| std::iter::repeat_n((*t, *c), *n))
    };
    vec![
        binary("truth", "t", &rows().map(|r| r.0).collect::<Vec<_>>()),
        binary("call", "c", &rows().map(|r| r.1).collect::<Vec<_>>()),
    ]
}

fn said(a: &Answer, words: &str) -> bool {
    a.notes.iter().any(|n| n.contains(words))
}

fn near(got: Option<f64>, expected: f64) {
    let got = got.unwrap();
    assert!(
        (got - expected).abs() <= 1e-9 * expected.abs(),
        "{got} against {expected}"
    );
}

/// A sensitivity or specificity of 0 or 1 has an estimated variance of 0, which is no estimate: no
/// log-normal interval of a ratio and none of the MCC, but the values stay.
#[test]
fn an_empty_cell_leaves_ratios_without_an_interval() {
    for (tp, fp, missed, tn) in [
        (0, 10, 20, 60),
        (20, 10, 0, 60),
        (20, 0, 5, 60),
        (20, 60, 5, 0),
    ] {
        let a = run("accuracy", two_by_two(tp, fp, missed, tn), &[]).unwrap();
        for name in ["lr_positive", "lr_negative", "diagnostic_odds_ratio", "mcc"] {
            let n = a.number(name).unwrap();
            assert!(n.interval.is_none() && n.standard_error.is_none(), "{n:?}");
            let why = n.not_estimable.as_ref().unwrap();
            assert!(why.contains("a cell of the table is empty"), "{why}");
            assert_eq!(
                why.contains("`likelihood-ratios` with interval score"),
                name != "mcc"
            );
        }
        let score = run(
            "likelihood-ratios",
            two_by_two(tp, fp, missed, tn),
            &settings(&[("interval", "score")]),
        )
        .unwrap();
        for name in ["lr_positive", "lr_negative", "diagnostic_odds_ratio"] {
            let n = score.number(name).unwrap();
            assert!(n.interval.is_some(), "{n:?}");
            // Only that the ratio is infinite may stand beside an interval.
            assert_eq!(n.value.is_none(), n.not_estimable.is_some(), "{n:?}");
        }
    }
    // By hand: (20/20) / (60/70).
    let a = run("accuracy", two_by_two(0, 10, 20, 60), &[]).unwrap();
    near(a.number("lr_negative").unwrap().value, 7.0 / 6.0);
    let full = run("accuracy", two_by_two(20, 10, 5, 60), &[]).unwrap();
    assert!(full.number("lr_negative").unwrap().interval.is_some());
    // scipy 1.17.1, inversion of the score test of the odds ratio by brentq.
    let score = settings(&[("interval", "score")]);
    let a = run("likelihood-ratios", two_by_two(19, 0, 1, 30), &score).unwrap();
    let dor = a.number("diagnostic_odds_ratio").unwrap();
    near(dor.interval.map(|i| i.lower), 75.3136458307861);
    assert_eq!(dor.interval.unwrap().upper, f64::INFINITY);
    let a = run("likelihood-ratios", two_by_two(45, 6, 5, 94), &score).unwrap();
    let dor = a.number("diagnostic_odds_ratio").unwrap();
    near(dor.interval.map(|i| i.lower), 41.65846246474006);
    near(dor.interval.map(|i| i.upper), 476.820527048453);
}

/// scipy 1.17.1, inversion of the score test of the odds ratio by brentq, 19 of 20 against 0 of 30: the
/// residual of a large cell alone would drown in rounding.
#[test]
fn odds_ratios_with_an_empty_cell_keep_their_digits() {
    use candour_statistics::comparison::{OddsRatioMethod, odds_ratio_interval};
    let i = odds_ratio_interval((19, 20), (0, 30), 0.95, OddsRatioMethod::Score).unwrap();
    near(Some(i.lower), 75.3136458307861);
    assert_eq!(i.upper, f64::INFINITY);
    // The mirror images.
    let i = odds_ratio_interval((0, 30), (19, 20), 0.95, OddsRatioMethod::Score).unwrap();
    near(Some(i.upper), 1.0 / 75.3136458307861);
    let i = odds_ratio_interval((30, 30), (1, 20), 0.95, OddsRatioMethod::Score).unwrap();
    near(Some(i.lower), 75.3136458307861);
}

/// Each predictive value has what it can have. NPV by the formula of Mercaldo in Python.
#[test]
fn a_predictive_value_does_not_wait_for_the_other() {
    let prevalence = settings(&[("prevalence", "0.1")]);
    let a = run("predictive-values", two_by_two(19, 0, 1, 30), &prevalence).unwrap();
    let (ppv, npv) = (a.number("ppv").unwrap(), a.number("npv").unwrap());
    assert!(ppv.value == Some(1.0) && ppv.interval.is_none());
    assert!(ppv.not_estimable.as_ref().unwrap().contains("adjusted"));
    near(npv.value, 0.994475138121547);
    near(npv.interval.map(|i| i.lower), 0.9638277471077337);
    near(npv.interval.map(|i| i.upper), 0.9991782838122676);
    assert!(said(&a, "takes it as certain"));
    // Nothing called positive: no PPV, but an NPV of 1 less the prevalence.
    let a = run("predictive-values", two_by_two(0, 0, 20, 30), &prevalence).unwrap();
    let ppv = a.number("ppv").unwrap();
    assert!(
        ppv.value.is_none()
            && ppv
                .not_estimable
                .as_ref()
                .unwrap()
                .contains("called positive")
    );
    near(a.number("npv").unwrap().value, 0.9);
}

#[test]
fn agreement_without_discordant_pairs_has_no_zero_width() {
    let same = [true, true, true, false, false, true, false, false];
    let columns = || vec![binary("outcome", "a", &same), binary("outcome", "b", &same)];
    let method = settings(&[("method", "newcombe-uncorrected")]);
    let a = run("paired-difference", columns(), &method).unwrap();
    let d = a.number("difference").unwrap();
    assert!(d.value == Some(0.0) && d.interval.is_none());
    assert!(
        d.not_estimable
            .as_ref()
            .unwrap()
            .contains("use tango or newcombe")
    );
    let a = run(
        "paired-noninferiority",
        columns(),
        &settings(&[("margin", "0.1"), ("interval", "newcombe-uncorrected")]),
    )
    .unwrap();
    assert!(a.number("difference").unwrap().interval.is_none());
    // Superiority has no test here, so it is neither shown nor refuted.
    assert!(a.number("superiority_z").unwrap().value.is_none());
    let superior = a.number("superior").unwrap();
    assert!(
        superior.value.is_none() && superior.not_estimable.is_some(),
        "{superior:?}"
    );
    let call = vec![
        binary("truth", "t", &[true; 8]),
        binary("call", "a", &same),
        binary("call", "b", &same),
    ];
    let a = run("paired-accuracy", call, &method).unwrap();
    assert!(
        a.number("difference_sensitivity")
            .unwrap()
            .interval
            .is_none()
    );
    // The other methods keep a width.
    for word in ["tango", "newcombe", "bonett-price"] {
        let a = run(
            "paired-difference",
            columns(),
            &settings(&[("method", word)]),
        )
        .unwrap();
        let i = a.number("difference").unwrap().interval.unwrap();
        assert!(i.lower < 0.0 && i.upper > 0.0, "{word}");
    }
}

#[test]
fn predictive_values_rest_on_their_calls() {
    let truth: Vec<bool> = (0..60).map(|i| i % 3 == 0).collect();
    let one: Vec<bool> = (0..60)
        .map(|i| i % 3 == 0 && i % 5 != 0 || i % 7 == 0)
        .collect();
    let two: Vec<bool> = (0..60).map(|i| i % 4 == 0).collect();
    let a = run(
        "paired-predictive-values",
        vec![
            binary("truth", "t", &truth),
            binary("call", "a", &one),
            binary("call", "b", &two),
        ],
        &[],
    )
    .unwrap();
    for (place, call) in [("first", &one), ("second", &two)] {
        for (stem, wanted) in [("ppv", true), ("npv", false)] {
            let calls = call.iter().filter(|c| **c == wanted).count();
            let right = call
                .iter()
                .zip(&truth)
                .filter(|(c, t)| **c == wanted && **t == wanted)
                .count();
            let n = a.number(&format!("{stem}_{place}")).unwrap();
            assert_eq!(n.n as usize, calls, "{n:?}");
            let w =
                candour_statistics::proportion::wilson_interval(right as u64, calls as u64, 0.95);
            assert_eq!(n.interval, w.unwrap().map(|p| p.interval), "{n:?}");
        }
    }
}

/// Few clusters, outcomes that differ more within clusters than chance would, settings that clusters
/// leave without a part: said in every entry that takes clusters.
#[test]
fn clusters_are_commented() {
    // Twelve clusters of four, half of each positive: the design effect is far below 1.
    let cluster: Vec<String> = (0..48).map(|i| (i / 4).to_string()).collect();
    let cluster = || {
        (
            "cluster".to_owned(),
            "id".to_owned(),
            Column::Label(Labels::of(&cluster)),
        )
    };
    let truth: Vec<bool> = (0..48).map(|i| i < 40).collect();
    let call: Vec<bool> = (0..48).map(|i| i % 2 == 0 || i == 7).collect();
    let columns = || {
        vec![
            binary("truth", "t", &truth),
            binary("call", "c", &call),
            cluster(),
        ]
    };
    let a = run(
        "accuracy",
        columns(),
        &settings(&[("method", "clopper-pearson")]),
    )
    .unwrap();
    assert!(
        said(&a, "sensitivity: 10 clusters") && said(&a, "specificity: 2 clusters"),
        "{:?}",
        a.notes
    );
    assert!(
        said(&a, "design effect of sensitivity is below 1"),
        "{:?}",
        a.notes
    );
    assert!(said(&a, "`method` clopper-pearson is not used") && said(&a, "wilson-effective"));
    let a = run(
        "accuracy",
        columns(),
        &settings(&[("f1_interval", "delta")]),
    )
    .unwrap();
    assert!(said(&a, "`f1_interval` delta is not used") && !said(&a, "`method`"));
    let goals = [
        ("sensitivity_goal", "0.3"),
        ("specificity_goal", "0.3"),
        ("method", "wald"),
    ];
    let a = run("accuracy-goals", columns(), &settings(&goals)).unwrap();
    assert!(said(&a, "sensitivity: 10 clusters") && said(&a, "`method` wald is not used"));
    let other: Vec<bool> = (0..48).map(|i| i % 3 == 0).collect();
    let pair = |role: &str| {
        vec![
            binary(role, "a", &call),
            binary(role, "b", &other),
            cluster(),
        ]
    };
    let a = run("paired-clustered", pair("outcome"), &[]).unwrap();
    assert!(said(&a, "12 clusters: variances from fewer than about 20"));
    for name in ["proportion_first", "proportion_second"] {
        let n = a.number(name).unwrap();
        assert!(n.interval.unwrap().lower < n.value.unwrap(), "{n:?}");
    }
    let mut all = pair("call");
    all.push(binary("truth", "t", &truth));
    let a = run("paired-accuracy", all, &settings(&[("method", "newcombe")])).unwrap();
    assert!(said(&a, "diseased: 10 clusters") && said(&a, "`method` newcombe is not used"));
    for name in ["sensitivity_first", "sensitivity_second"] {
        assert!(a.number(name).unwrap().interval.is_some(), "{name}");
    }
    let a = run(
        "proportion",
        vec![binary("outcome", "o", &call), cluster()],
        &settings(&[("method", "clopper-pearson")]),
    )
    .unwrap();
    assert!(said(&a, "`method` clopper-pearson is not used"));
    // All outcomes the same: only wilson-effective counts each cluster as one trial.
    let ones = || vec![binary("outcome", "o", &[true; 48]), cluster()];
    let a = run("proportion-clustered", ones(), &[]).unwrap();
    assert!(a.numbers[0].interval.is_some() && said(&a, "the interval counts each cluster"));
    let a = run(
        "proportion-clustered",
        ones(),
        &settings(&[("method", "logit-t")]),
    )
    .unwrap();
    assert!(a.numbers[0].interval.is_none() && !said(&a, "the interval counts each cluster"));
    assert!(said(&a, "so this method has no interval"), "{:?}", a.notes);
}

/// Three successes, a failure and a missing outcome: by hand the worst case is 3/5, the best 4/5, and the
/// width of what lies between is 1/5. The region has limits, those of the two cases, and no estimate.
#[test]
fn the_region_of_missing_outcomes_is_apart_from_its_width() {
    let a = run(
        "missing-bounds",
        vec![words("outcome", &["1", "1", "1", "0", ""])],
        &[],
    )
    .unwrap();
    near(a.number("uncertainty_width").unwrap().value, 0.2);
    assert!(a.number("uncertainty_width").unwrap().interval.is_none());
    let region = a.number("uncertainty_region").unwrap();
    assert!(region.value.is_none());
    let limits = |name: &str| a.number(name).unwrap().interval.unwrap();
    assert_eq!(
        region.interval.map(|i| (i.lower, i.upper)),
        Some((
            limits("proportion_worst_case").lower,
            limits("proportion_best_case").upper
        ))
    );
}

/// The words of the command line, in capitals or not, are the words here.
#[test]
fn words_are_read_as_everywhere() {
    let cells = [
        "1", "true", "YES", "Positive", "0", "False", "no", "negative", "",
    ];
    let a = run("missing-bounds", vec![words("outcome", &cells)], &[]).unwrap();
    assert_eq!(
        a.number("proportion_complete_case").unwrap().value,
        Some(0.5)
    );
    assert_eq!(a.number("missing").unwrap().value, Some(1.0));
    let goal = settings(&[("goal", "0.2")]);
    assert!(
        run(
            "missing-tipping-point",
            vec![words("outcome", &cells)],
            &goal
        )
        .is_ok()
    );
    let call = [true, true, true, false, false, false, true, false, true];
    let a = run(
        "partial-verification",
        vec![words("truth", &cells), binary("call", "c", &call)],
        &[],
    )
    .unwrap();
    near(a.number("sensitivity_verified_only").unwrap().value, 0.75);
    let result = ["positive", "NEGATIVE", "yes", "0", "Indeterminate", ""];
    let truth = || binary("truth", "t", &[true, true, true, false, false, true]);
    let a = run(
        "indeterminate",
        vec![truth(), words("result", &result)],
        &[],
    )
    .unwrap();
    near(
        a.number("sensitivity_complete_case").unwrap().value,
        2.0 / 3.0,
    );
    near(a.number("indeterminate").unwrap().value, 2.0 / 6.0);
    let own = settings(&[
        ("positive_words", "cancer,suspicious"),
        ("negative_words", "benign"),
        ("indeterminate_words", "unclear,poor"),
    ]);
    let result = [
        "cancer",
        "benign",
        "Suspicious",
        "benign",
        "poor",
        "unclear",
    ];
    let b = run(
        "indeterminate",
        vec![truth(), words("result", &result)],
        &own,
    )
    .unwrap();
    assert_eq!(a.numbers, b.numbers);
    // No word, or one of two kinds.
    let odd = || vec![words("outcome", &["maybe", "1"])];
    assert!(run("missing-bounds", odd(), &[]).is_err());
    let both = settings(&[("negative_words", "1,0")]);
    assert!(run("missing-bounds", vec![words("outcome", &["1", "0"])], &both).is_err());
    // The names of these settings are no arguments of the command line itself.
    for entry in entries() {
        for setting in entry.settings {
            assert!(!["positive", "negative", "indeterminate", "missing"].contains(&setting.name));
        }
    }
}

#[test]
fn settings_without_a_part_are_refused_or_noted() {
    let one = || vec![words("outcome", &["1", "0", "1", ""])];
    let two = || vec![one().remove(0), words("group", &["a", "a", "b", "b"])];
    assert!(
        run(
            "missing-tipping-point",
            two(),
            &settings(&[("goal", "0.5")])
        )
        .is_err()
    );
    let both = settings(&[("goal", "0.5"), ("margin", "0.1")]);
    assert!(run("missing-tipping-point", one(), &both).is_err());
    assert!(run("missing-bounds", one(), &settings(&[("reference", "a")])).is_err());
    let counts = [
        ("successes", "3"),
        ("trials", "9"),
        ("successes_reference", "4"),
        ("trials_reference", "8"),
    ];
    assert!(run("proportions-difference", vec![], &settings(&counts)).is_ok());
    let named = [&counts[..], &[("reference", "x")]].concat();
    assert!(run("proportions-difference", vec![], &settings(&named)).is_err());
    let imputed = || {
        ["estimate", "variance"]
            .map(|r| {
                (
                    r.to_owned(),
                    r.to_owned(),
                    Column::Real(vec![0.2, 0.25, 0.3]),
                )
            })
            .to_vec()
    };
    let rubin = settings(&[("df", "rubin-1987"), ("complete_df", "50")]);
    let a = run("missing-rubin-pooling", imputed(), &rubin).unwrap();
    assert!(said(&a, "`complete_df` is not used"));
    // Any finite value may be tested, and help does not print the largest number there is.
    for bad in ["inf", "-inf"] {
        assert!(
            run(
                "missing-rubin-pooling",
                imputed(),
                &settings(&[("null", bad)])
            )
            .is_err()
        );
    }
    // Ends that can be read, and kept.
    for (name, bad, says) in [
        (
            "null",
            "1e13",
            "a number from -1000000000000 to 1000000000000",
        ),
        ("complete_df", "inf", "a number from 1 to 1000000000"),
        ("complete_df", "0", "a number from 1 to 1000000000"),
    ] {
        let e = run(
            "missing-rubin-pooling",
            imputed(),
            &settings(&[(name, bad)]),
        )
        .unwrap_err();
        assert!(e.to_string().contains(says), "{e}");
    }
    for entry in entries() {
        assert!(
            !format!("{entry:?}").contains("179769313486231"),
            "{}",
            entry.id
        );
    }
    let family = || {
        vec![
            (
                "p_value".to_owned(),
                "p".to_owned(),
                Column::Real(vec![0.01, 0.02]),
            ),
            words("family", &["1", "2"]),
        ]
    };
    let truncated = settings(&[("truncation", "0.5")]);
    assert!(run("multiplicity-gatekeeping", family(), &truncated).is_err());
    let parallel = settings(&[("gate", "parallel"), ("method", "hommel")]);
    let a = run("multiplicity-gatekeeping", family(), &parallel).unwrap();
    assert!(said(&a, "`method` hommel is not used"));
}

/// Leaving one of many clusters out costs one subtraction, and gives what adding up again gives.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test may look at the clock")]
fn bca_over_many_clusters_is_quick() {
    use candour_statistics::clustered::{ClusterTotal, clustered_bootstrap};
    use candour_statistics::resample::{BootstrapInterval, Units};
    let totals = |m: u64| -> Vec<ClusterTotal> {
        (0..m)
            .map(|i| {
                let trials = 1 + i * 7 % 5;
                let successes = (i * i + i * 3) % (trials + 1);
                ClusterTotal {
                    successes: successes as f64,
                    trials: trials as f64,
                }
            })
            .collect()
    };
    let few = totals(60);
    let share = |rows: &[usize]| {
        let of = |f: fn(&ClusterTotal) -> f64| rows.iter().map(|r| f(&few[*r])).sum::<f64>();
        Some(of(|t| t.successes) / of(|t| t.trials))
    };
    let units = Units::independent(few.len());
    let all: Vec<usize> = (0..few.len()).collect();
    let expected = BootstrapInterval::Bca
        .of(
            share(&all).unwrap(),
            &units.bootstrap(3, 500, share),
            &units.jackknife(share),
            0.95,
        )
        .unwrap();
    let got = clustered_bootstrap(&few, 0.95, 3, 500, BootstrapInterval::Bca).unwrap();
    near(Some(got.lower), expected.lower);
    near(Some(got.upper), expected.upper);
    let start = std::time::Instant::now();
    assert!(clustered_bootstrap(&totals(300_000), 0.95, 3, 100, BootstrapInterval::Bca).is_ok());
    // Quadratic, it takes minutes.
    assert!(start.elapsed().as_secs() < 60);
}

/// Exact sums end somewhere; there the score methods stand in, and it is said.
#[test]
fn exact_binomials_of_astronomic_numbers_are_refused() {
    use candour_statistics::proportion::*;
    let (x, n) = (4_503_599_700_000_000, 9_007_199_254_740_992);
    assert!(matches!(
        binomial_test(x, n, 0.5, Alternative::TwoSided),
        Err(StatisticsError::NotEstimable(_))
    ));
    for method in ["clopper-pearson", "jeffreys", "mid-p"] {
        let method = ProportionMethod::from_word(method);
        assert!(proportion_interval(x, n, 0.95, method, Bound::TwoSided).is_err());
        // At the end of what is computed it agrees with the score interval.
        let exact = proportion_interval(500_020_000, 1_000_000_000, 0.95, method, Bound::TwoSided);
        let wilson = wilson_interval(500_020_000, 1_000_000_000, 0.95)
            .unwrap()
            .unwrap();
        let exact = exact.unwrap().interval;
        assert!((exact.lower - wilson.interval.lower).abs() < 2e-9);
        assert!((exact.upper - wilson.interval.upper).abs() < 2e-9);
    }
    let p = binomial_test(500_020_000, 1_000_000_000, 0.5, Alternative::TwoSided).unwrap();
    let (_, score) = score_test(500_020_000, 1_000_000_000, 0.5, Alternative::TwoSided).unwrap();
    assert!((p - score).abs() < 1e-4, "{p} {score}");
    assert!(wilson_interval(x, n, 0.95).is_ok());
}

mod properties {
    use candour_statistics::clustered::{ClusterTotal, clustered_proportion};
    use candour_statistics::comparison::{
        DifferenceMethod, OddsRatioMethod, PairedMethod, PairedTable, RatioMethod,
        difference_interval, difference_score, odds_ratio_interval, paired_interval,
        ratio_interval,
    };
    use candour_statistics::multiplicity::{
        Adjustment, adjust, parallel_gatekeeping, serial_gatekeeping,
    };
    use candour_statistics::proportion::{Bound, ProportionMethod, proportion_interval};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn intervals_contain_the_value_and_mirror(x in 0u64..80, extra in 0u64..80, word in prop::sample::select(ProportionMethod::WORDS)) {
            let n = x + extra;
            prop_assume!(n > 0);
            let method = ProportionMethod::from_word(word);
            let of = |x| proportion_interval(x, n, 0.95, method, Bound::TwoSided);
            if let (Ok(a), Ok(b)) = (of(x), of(n - x)) {
                if method != ProportionMethod::JeffreysUnmodified {
                    prop_assert!(a.interval.lower <= a.value + 1e-12 && a.value <= a.interval.upper + 1e-12);
                }
                prop_assert!((a.interval.lower - (1.0 - b.interval.upper)).abs() < 1e-9);
                let low = proportion_interval(x, n, 0.975, method, Bound::Lower).unwrap();
                prop_assert!((low.interval.lower - a.interval.lower).abs() < 1e-9);
            }
        }

        /// Swapping arms negates z and mirrors the interval.
        #[test]
        fn swapping_groups_mirrors(x1 in 0u64..25, e1 in 1u64..25, x2 in 0u64..25, e2 in 1u64..25, delta in -0.5f64..0.5) {
            let (a, b) = ((x1, x1 + e1), (x2, x2 + e2));
            if let (Ok(z), Ok(w)) = (difference_score(a, b, delta, true), difference_score(b, a, -delta, true)) {
                prop_assert!((z + w).abs() < 1e-8 * (1.0 + z.abs()));
            }
            for method in [DifferenceMethod::Newcombe, DifferenceMethod::MiettinenNurminen] {
                let i = difference_interval(a, b, 0.95, method).unwrap();
                let j = difference_interval(b, a, 0.95, method).unwrap();
                prop_assert!((i.lower + j.upper).abs() < 1e-9 && (i.upper + j.lower).abs() < 1e-9);
            }
            if x1 > 0 && x2 > 0 {
                let i = ratio_interval(a, b, 0.95, RatioMethod::Koopman).unwrap();
                let j = ratio_interval(b, a, 0.95, RatioMethod::Koopman).unwrap();
                prop_assert!((i.lower * j.upper - 1.0).abs() < 1e-8);
                let i = odds_ratio_interval(a, b, 0.95, OddsRatioMethod::Exact).unwrap();
                let j = odds_ratio_interval(b, a, 0.95, OddsRatioMethod::Exact).unwrap();
                prop_assert!((i.lower * j.upper - 1.0).abs() < 1e-8);
            }
        }

        #[test]
        fn swapping_the_pair_mirrors(both in 0u64..20, first_only in 0u64..20, second_only in 0u64..20, neither in 1u64..20) {
            let t = PairedTable { both, first_only, second_only, neither };
            let u = PairedTable { first_only: second_only, second_only: first_only, ..t };
            for method in [PairedMethod::Tango, PairedMethod::Newcombe, PairedMethod::BonettPrice] {
                let i = paired_interval(&t, 0.95, method).unwrap();
                let j = paired_interval(&u, 0.95, method).unwrap();
                prop_assert!((i.lower + j.upper).abs() < 1e-9 && (i.upper + j.lower).abs() < 1e-9);
            }
        }

        /// Clusters of size one: the binomial variance up to m / (m - 1).
        #[test]
        fn clusters_of_one_are_independent(outcomes in prop::collection::vec(any::<bool>(), 2..40)) {
            let totals: Vec<ClusterTotal> = outcomes
                .iter()
                .map(|o| ClusterTotal { successes: f64::from(u8::from(*o)), trials: 1.0 })
                .collect();
            let p = clustered_proportion(&totals).unwrap();
            let m = totals.len() as f64;
            if let Some(effect) = p.design_effect {
                prop_assert!((effect - m / (m - 1.0)).abs() < 1e-9);
            }
        }

        #[test]
        fn adjusted_p_values_keep_their_order(p in prop::collection::vec(0.0f64..1.0, 1..9), word in prop::sample::select(Adjustment::WORDS)) {
            let a = adjust(&p, Adjustment::from_word(word)).unwrap();
            for (x, y) in p.iter().zip(&a) {
                prop_assert!(y >= &(x - 1e-15) && *y <= 1.0);
                for (v, w) in p.iter().zip(&a) {
                    prop_assert!(x > v || y <= &(w + 1e-15));
                }
            }
            let hommel = adjust(&p, Adjustment::Hommel).unwrap();
            let hochberg = adjust(&p, Adjustment::Hochberg).unwrap();
            let holm = adjust(&p, Adjustment::Holm).unwrap();
            for ((a, b), c) in hommel.iter().zip(&hochberg).zip(&holm) {
                prop_assert!(a <= &(b + 1e-12) && b <= &(c + 1e-12));
            }
            // One family alone is Holm in either gate.
            let one = vec![0; p.len()];
            for (x, y) in serial_gatekeeping(&p, &one, Adjustment::Holm).unwrap().iter().zip(&holm) {
                prop_assert!((x - y).abs() < 1e-12);
            }
            for (x, y) in parallel_gatekeeping(&p, &one, 0.3).unwrap().iter().zip(&holm) {
                prop_assert!((x - y).abs() < 1e-12);
            }
        }
    }
}
