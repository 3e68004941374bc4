//! Plans applied to data: who was analysed, what missing and indeterminate results do to a number,
//! what multiplicity decides, subgroups, and the place that an error names.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::collections::BTreeMap;

use candour_record::Digest;
use candour_statistics::{Number, catalogue};
use candour_validation::analysis::{
    Analysis, AnalysisError, Counted, DataFile, analyse, assemble, single,
};
use candour_validation::plan::{DataPlan, Endpoint, Handle, Handling, Plan, Weight};
use candour_validation::table::Table;
use proptest::prelude::*;
use serde_json::Value;

const HEAD: &str = r#"title = "t"
version = "1"
[report]
target_population = "p"
reference_standard = "r"
"#;
const INDEPENDENT: &str = "[data]\nindependent = \"one row each\"\n";

fn plan(text: &str) -> Plan {
    let data = if text.contains("[data]") {
        ""
    } else {
        INDEPENDENT
    };
    Plan::read("plan.toml", format!("{HEAD}{data}{text}").as_bytes())
        .unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn csv(name: &str, text: &str) -> Table {
    Table::read(name, text.as_bytes().to_vec()).unwrap_or_else(|e| panic!("{e}"))
}

fn attempt(plan: &Plan, tables: &[Table]) -> Result<Analysis, AnalysisError> {
    let files = tables.iter().map(DataFile::of).collect();
    let (table, flow) = assemble(plan, tables)?;
    analyse(plan, files, &table, flow, &mut |_, _| {})
}

fn run(plan: &Plan, table: &Table) -> Analysis {
    attempt(plan, std::slice::from_ref(table)).unwrap_or_else(|e| panic!("{e}"))
}

fn number<'a>(analysis: &'a Analysis, id: &str) -> &'a Number {
    &analysis
        .endpoints
        .iter()
        .find(|e| e.id == id)
        .unwrap()
        .number
}

fn value(analysis: &Analysis, id: &str) -> f64 {
    number(analysis, id).value.unwrap()
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!(
        (a - b).abs() <= tolerance,
        "{a} is not {b} within {tolerance}"
    );
}

/// Rows of `truth,call` in these numbers.
fn rows(list: &[(&str, &str, usize)]) -> Table {
    let mut text = String::from("truth,call\n");
    for (truth, call, n) in list {
        for _ in 0..*n {
            text.push_str(&format!("{truth},{call}\n"));
        }
    }
    csv("rows.csv", &text)
}

const BOTH: &str = r#"
[[endpoint]]
id = "sensitivity"
statistic = "accuracy"
number = "sensitivity"
truth = "truth"
call = "call"
[[endpoint]]
id = "specificity"
statistic = "accuracy"
number = "specificity"
truth = "truth"
call = "call"
"#;

/// 16 positive rows: 10 found, 3 not, 2 without a result, 1 that says neither. 20 negative rows: 12 right,
/// 4 wrong, 1 without a result, 3 that say neither. 2 rows without a reference standard.
fn incomplete() -> Table {
    rows(&[
        ("1", "1", 10),
        ("1", "0", 3),
        ("0", "0", 12),
        ("0", "1", 4),
        ("1", "", 1),
        ("1", "NA", 1),
        ("1", "indeterminate", 1),
        ("0", "?", 1),
        ("0", "indeterminate", 3),
        ("", "1", 1),
        ("NA", "", 1),
    ])
}

// Missing and indeterminate results.

#[test]
fn missing_and_indeterminate_results_count_as_the_plan_says() {
    // By hand from `incomplete`: (missing, indeterminate, found of positive, right of negative).
    for (missing, indeterminate, (tp, p), (tn, n)) in [
        ("worst-case", "worst-case", (10.0, 16.0), (12.0, 20.0)),
        ("best-case", "best-case", (13.0, 16.0), (16.0, 20.0)),
        ("complete-case", "complete-case", (10.0, 13.0), (12.0, 16.0)),
        ("worst-case", "complete-case", (10.0, 15.0), (12.0, 17.0)),
        ("complete-case", "best-case", (11.0, 14.0), (15.0, 19.0)),
        ("best-case", "worst-case", (12.0, 16.0), (13.0, 20.0)),
    ] {
        let plan = plan(&format!(
            "[handling]\nmissing = \"{missing}\"\nindeterminate = \"{indeterminate}\"\n{BOTH}"
        ));
        let analysis = run(&plan, &incomplete());
        assert_eq!(
            value(&analysis, "sensitivity"),
            tp / p,
            "{missing} {indeterminate}"
        );
        assert_eq!(
            value(&analysis, "specificity"),
            tn / n,
            "{missing} {indeterminate}"
        );
        let counted = analysis.endpoints[0].counted;
        assert_eq!(
            counted,
            Counted {
                rows: 38,
                no_truth: 2,
                missing: 3,
                indeterminate: 4,
                used: (p + n) as usize
            }
        );
        assert_eq!(number(&analysis, "sensitivity").n, p as u64);
        // The other ways stand beside the planned one.
        let variants: BTreeMap<&str, f64> = analysis.endpoints[0]
            .variants
            .iter()
            .map(|v| (v.handling.word(), v.number.value.unwrap()))
            .collect();
        for (word, share) in [
            ("worst-case", 10.0 / 16.0),
            ("best-case", 13.0 / 16.0),
            ("complete-case", 10.0 / 13.0),
        ] {
            let planned = missing == word && indeterminate == word;
            assert_eq!(
                variants.get(word).copied(),
                (!planned).then_some(share),
                "{word}"
            );
        }
    }
}

#[test]
fn complete_data_have_no_variants() {
    let analysis = run(
        &plan(BOTH),
        &rows(&[("1", "1", 4), ("0", "0", 4), ("1", "0", 1)]),
    );
    assert!(analysis.endpoints.iter().all(|e| e.variants.is_empty()));
}

#[test]
fn a_result_that_the_plan_refuses_ends_the_analysis_at_its_row() {
    let table = rows(&[
        ("1", "1", 3),
        ("0", "0", 2),
        ("1", "", 1),
        ("0", "indeterminate", 1),
    ]);
    // The header is line 1, so the sixth row is line 7.
    let refuse = |missing: &str, indeterminate: &str| {
        let plan = plan(&format!(
            "[handling]\nmissing = \"{missing}\"\nindeterminate = \"{indeterminate}\"\n{BOTH}"
        ));
        attempt(&plan, std::slice::from_ref(&table))
            .unwrap_err()
            .to_string()
    };
    let said = refuse("refuse", "worst-case");
    assert!(
        said.contains("the result in row 7 of rows.csv is missing"),
        "{said}"
    );
    // 5 lines of head, 2 of data, 3 of handling, an empty one.
    assert!(
        said.starts_with("plan.toml:12: endpoint `sensitivity`"),
        "{said}"
    );
    let said = refuse("worst-case", "refuse");
    assert!(
        said.contains("row 8 of rows.csv is indeterminate"),
        "{said}"
    );
}

/// Verifies SRS-043.
#[test]
fn an_endpoint_may_count_missing_results_in_its_own_way() {
    let text = BOTH.replacen(
        "number = \"sensitivity\"",
        "number = \"sensitivity\"\nmissing = \"complete-case\"",
        1,
    );
    let analysis = run(&plan(&text), &incomplete());
    assert_eq!(value(&analysis, "sensitivity"), 10.0 / 13.0);
    assert_eq!(value(&analysis, "specificity"), 12.0 / 20.0);
    assert_eq!(analysis.endpoints[0].missing, Handle::CompleteCase);
    assert_eq!(analysis.endpoints[1].missing, Handle::WorstCase);
}

#[test]
fn a_missing_score_ranks_last_or_first() {
    // Positive: 0.9 and none; negative: 0.1 and 0.5. At worst the positive without a score lies below both
    // negatives: 2 of 4 pairs. At best it lies above: 4 of 4.
    let table = csv("s.csv", "truth,score\n1,0.9\n1,\n0,0.1\n0,0.5\n");
    let auc = |how: &str| {
        let text = format!(
            "[handling]\nmissing = \"{how}\"\n[[endpoint]]\nid = \"auc\"\nstatistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"\n"
        );
        value(&run(&plan(&text), &table), "auc")
    };
    assert_eq!(auc("worst-case"), 0.5);
    assert_eq!(auc("best-case"), 1.0);
    // Negative: 0.1 and none; at worst it lies above both positives.
    let table = csv("s.csv", "truth,score\n1,0.9\n1,0.2\n0,0.1\n0,unclear\n");
    let text = "[handling]\nindeterminate_words = \"unclear\"\n[[endpoint]]\nid = \"auc\"\nstatistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"\n";
    assert_eq!(value(&run(&plan(text), &table), "auc"), 0.5);
}

#[test]
fn a_missing_probability_is_certain_and_wrong_or_right() {
    let table = csv("p.csv", "truth,p\n1,0.8\n1,\n0,0.2\n0,0.4\n");
    // Squares of p - truth: 0.04, then 1 or 0, 0.04, 0.16.
    for (how, brier) in [
        ("worst-case", 1.24 / 4.0),
        ("best-case", 0.24 / 4.0),
        ("complete-case", 0.24 / 3.0),
    ] {
        let text = format!(
            "[handling]\nmissing = \"{how}\"\n[[endpoint]]\nid = \"b\"\nstatistic = \"brier\"\ntruth = \"truth\"\nprobability = \"p\"\n"
        );
        close(value(&run(&plan(&text), &table), "b"), brier, 1e-15);
    }
}

#[test]
fn without_a_reference_standard_only_leaving_out_has_a_meaning() {
    let text = |how: &str| {
        format!(
            "[[endpoint]]\nid = \"e\"\nstatistic = \"performance-without-labels\"\nprobability = \"p\"\nmissing = \"{how}\"\n"
        )
    };
    let table = csv("p.csv", "p,q\n0.8,1\n0.1,1\n,1\n0.3,1\n0.9,1\n");
    let said = attempt(&plan(&text("worst-case")), std::slice::from_ref(&table))
        .unwrap_err()
        .to_string();
    assert!(said.contains("row 4 of p.csv"), "{said}");
    assert!(
        said.contains("no reference standard to be right or wrong against"),
        "{said}"
    );
    assert!(said.contains("missing = \"complete-case\""), "{said}");
    let analysis = run(&plan(&text("complete-case")), &table);
    assert_eq!(
        (
            analysis.endpoints[0].counted.missing,
            analysis.endpoints[0].counted.used
        ),
        (1, 4)
    );
}

#[test]
fn rows_without_any_reference_standard_leave_nothing_to_estimate() {
    let analysis = run(&plan(BOTH), &rows(&[("", "1", 3), ("NA", "0", 2)]));
    let result = &analysis.endpoints[0];
    assert_eq!((result.counted.no_truth, result.counted.used), (5, 0));
    assert_eq!(result.number.value, None);
    assert!(result.number.not_estimable.is_some());
}

#[test]
fn words_of_the_reference_standard_are_read_whatever_their_capitals() {
    let table = csv("w.csv", "truth,call\nYes,1.0\nTRUE,0\nNo,0.0\nnegative,1\n");
    let analysis = run(&plan(BOTH), &table);
    assert_eq!(value(&analysis, "sensitivity"), 0.5);
    assert_eq!(value(&analysis, "specificity"), 0.5);
}

#[test]
fn a_measurement_that_is_missing_is_left_out_or_refused_at_its_row() {
    let table = csv("m.csv", "a,b\n1,1\n2,3\n,4\n5,5\n7,6\n");
    let text = |how: &str| {
        format!(
            "[[endpoint]]\nid = \"c\"\nstatistic = \"ccc\"\nfirst = \"a\"\nsecond = \"b\"\nmissing = \"{how}\"\n"
        )
    };
    let said = attempt(&plan(&text("refuse")), std::slice::from_ref(&table))
        .unwrap_err()
        .to_string();
    assert!(said.contains("m.csv:4: column `a`: is empty"), "{said}");
    assert!(said.contains("`missing` to complete-case"), "{said}");
    let analysis = run(&plan(&text("complete-case")), &table);
    let counted = analysis.endpoints[0].counted;
    assert_eq!((counted.rows, counted.missing, counted.used), (5, 1, 4));
    // What the plan says of all endpoints holds where the endpoint says nothing.
    let general = format!(
        "{}[handling]\nmissing = \"complete-case\"\n",
        text("refuse").replace("missing = \"refuse\"\n", "")
    );
    let analysis = run(&plan(&general), &table);
    let counted = analysis.endpoints[0].counted;
    assert_eq!((counted.rows, counted.missing, counted.used), (5, 1, 4));
    let ccc = analysis.endpoints[0].answer.as_ref().unwrap();
    assert_eq!(ccc.numbers[0].n, 4);
}

// Goals and multiplicity.

fn reference() -> Value {
    serde_json::from_str(include_str!("../../../testdata/validation/analysis.json")).unwrap()
}

fn floats(v: &Value) -> Vec<f64> {
    v.as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

/// Three calls on the same rows, the sensitivity of each against its goal.
fn family(case: &Value, multiplicity: &str) -> (Plan, Table) {
    let n = case["n"].as_u64().unwrap();
    let hits: Vec<u64> = floats(&case["hits"]).iter().map(|h| *h as u64).collect();
    let mut text = String::from("truth,call_0,call_1,call_2\n");
    for i in 0..n {
        let cells: Vec<&str> = hits
            .iter()
            .map(|h| if i < *h { "1" } else { "0" })
            .collect();
        text.push_str(&format!("1,{}\n", cells.join(",")));
    }
    text.push_str(&"0,0,0,0\n".repeat(10));
    let mut endpoints = String::new();
    for (i, goal) in floats(&case["goals"]).iter().enumerate() {
        endpoints.push_str(&format!(
            "[[endpoint]]\nid = \"e{i}\"\nweight = \"primary\"\nrationale = \"r\"\nstatistic = \"accuracy\"\nnumber = \"sensitivity\"\ntruth = \"truth\"\ncall = \"call_{i}\"\ngoal = {{ at_least = {goal} }}\n"
        ));
    }
    (
        plan(&format!("{endpoints}[multiplicity]\n{multiplicity}\n")),
        csv("family.csv", &text),
    )
}

/// Expected values: statsmodels and SciPy, `testdata/validation/analysis.py`.
#[test]
fn adjusted_p_values_and_decisions_are_those_of_statsmodels() {
    let cases = reference();
    for case in cases["families"].as_array().unwrap() {
        for method in ["holm", "hochberg", "bonferroni"] {
            let (plan, table) = family(case, &format!("method = \"{method}\""));
            let analysis = run(&plan, &table);
            let (p, adjusted) = (floats(&case["p"]), floats(&case[method]));
            for (i, decision) in analysis.decisions.iter().enumerate() {
                assert_eq!(decision.endpoint, format!("e{i}"));
                close(decision.p.unwrap(), p[i], 1e-9);
                close(decision.adjusted.unwrap(), adjusted[i], 3e-9);
                assert_eq!(
                    decision.shown,
                    adjusted[i] <= 0.025,
                    "{} {method} {i}",
                    case["name"]
                );
                assert_eq!(decision.because.is_empty(), decision.shown);
            }
            assert_eq!(analysis.shown, Some(adjusted.iter().any(|a| *a <= 0.025)));
        }
    }
}

#[test]
fn co_primary_endpoints_are_shown_together_or_not_at_all() {
    for case in reference()["families"].as_array().unwrap() {
        let (plan, table) = family(case, "method = \"co-primary\"");
        let analysis = run(&plan, &table);
        // The lower limit of the Wilson interval by statsmodels.
        let (lower, goals) = (floats(&case["lower"]), floats(&case["goals"]));
        let met: Vec<bool> = lower.iter().zip(&goals).map(|(l, g)| l >= g).collect();
        for (i, result) in analysis.endpoints.iter().enumerate() {
            close(result.number.interval.unwrap().lower, lower[i], 1e-12);
            assert_eq!(result.met, Some(met[i]));
            assert_eq!(analysis.decisions[i].shown, met[i]);
            assert_eq!(analysis.decisions[i].p, None);
        }
        assert_eq!(
            analysis.shown,
            Some(met.iter().all(|m| *m)),
            "{}",
            case["name"]
        );
    }
}

#[test]
fn a_fixed_sequence_ends_at_the_first_goal_that_is_not_met() {
    let cases = reference();
    // In `one fails` the second call misses its goal; the first and the third reach theirs.
    let case = cases["families"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == "one fails")
        .unwrap();
    for (order, shown, any) in [
        ("\"e0\", \"e2\", \"e1\"", [true, true, false], true),
        ("\"e0\", \"e1\", \"e2\"", [true, false, false], true),
        ("\"e1\", \"e0\", \"e2\"", [false, false, false], false),
    ] {
        let (plan, table) = family(
            case,
            &format!("method = \"fixed-sequence\"\norder = [{order}]"),
        );
        let analysis = run(&plan, &table);
        let got: Vec<bool> = analysis.decisions.iter().map(|d| d.shown).collect();
        assert_eq!(got, shown[..got.len()], "{order}");
        assert_eq!(analysis.shown, Some(any));
        for decision in analysis.decisions.iter().filter(|d| !d.shown) {
            if decision.endpoint == "e1" {
                continue;
            }
            assert!(
                decision.because.contains("not tested: `e1`"),
                "{decision:?}"
            );
        }
    }
}

fn one_goal(goal: &str, x: u64, n: u64) -> (Plan, Table) {
    let text = format!(
        "[[endpoint]]\nid = \"e\"\nweight = \"primary\"\nrationale = \"r\"\nstatistic = \"accuracy\"\nnumber = \"sensitivity\"\ntruth = \"truth\"\ncall = \"call\"\ngoal = {{ {goal} }}\n[multiplicity]\nmethod = \"bonferroni\"\n"
    );
    let table = rows(&[
        ("1", "1", x as usize),
        ("1", "0", (n - x) as usize),
        ("0", "0", 5),
    ]);
    (plan(&text), table)
}

/// The Wilson interval is the score test turned over, so its p-value has a closed form:
/// z = (x/n - goal) / sqrt(goal (1 - goal) / n). SciPy's tail stands in `analysis.json`.
#[test]
fn the_p_value_of_a_wilson_interval_is_that_of_the_score_test() {
    for case in reference()["grid"].as_array().unwrap() {
        let (x, n) = (case["x"].as_u64().unwrap(), case["n"].as_u64().unwrap());
        for direction in ["at_least", "at_most"] {
            let (plan, table) = one_goal(&format!("{direction} = {}", case["goal"]), x, n);
            let p = run(&plan, &table).decisions[0].p.unwrap();
            let want = case[direction].as_f64().unwrap();
            // Halving stops at an error of 1e-12; what is smaller reads as that.
            assert!((p - want).abs() < 1e-9, "{case} {direction}: {p}");
        }
    }
}

#[test]
fn equivalence_has_the_larger_of_both_p_values() {
    // 50 of 100 within 0.35 and 0.7: z is 0.15 / sqrt(0.35 0.65 / 100) = 3.1449 below and
    // 0.2 / sqrt(0.7 0.3 / 100) = 4.3644 above; the larger p is that of 3.1449: 0.000830847 (SciPy's norm.sf).
    let (plan, table) = one_goal("at_least = 0.35, at_most = 0.7", 50, 100);
    let analysis = run(&plan, &table);
    close(analysis.decisions[0].p.unwrap(), 0.000_830_847_2, 1e-9);
    assert!(analysis.decisions[0].shown);
    assert_eq!(analysis.endpoints[0].met, Some(true));
}

/// Statistics whose level is set by a one-sided error are inverted by it. Expected: SciPy 1.17, by the
/// definitions: the score statistic of Tango (1998) with the constrained estimate as root of the
/// likelihood equation (9 and 6 discordant of 120, margin 0.05: z 2.160448), and the score test of a
/// proportion (90 of 100 against 0.82: z 2.082316).
#[test]
fn a_test_with_an_error_of_its_own_has_the_p_value_of_its_interval() {
    let mut text = String::from("new,old,truth,call\n");
    for (row, n) in [
        ("1,0,1,1", 9),
        ("0,1,1,1", 6),
        ("1,1,1,1", 75),
        ("1,1,1,0", 5),
        ("0,0,1,0", 5),
        ("0,0,0,0", 20),
    ] {
        text.push_str(&format!("{row}\n").repeat(n));
    }
    let table = csv("pairs.csv", &text);
    let endpoints = "[[endpoint]]\nid = \"pairs\"\nweight = \"primary\"\nrationale = \"r\"\nstatistic = \"paired-noninferiority\"\nnumber = \"difference\"\noutcome = [\"new\", \"old\"]\nmargin = 0.05\ngoal = { at_least = -0.05 }\n[[endpoint]]\nid = \"goals\"\nweight = \"primary\"\nrationale = \"r\"\nstatistic = \"accuracy-goals\"\nnumber = \"sensitivity\"\ntruth = \"truth\"\ncall = \"call\"\nmethod = \"wilson\"\nsensitivity_goal = 0.82\nspecificity_goal = 0.5\ngoal = { at_least = 0.82 }\n";
    let analysis = run(
        &plan(&format!(
            "{endpoints}[multiplicity]\nmethod = \"bonferroni\"\n"
        )),
        &table,
    );
    let p: Vec<f64> = analysis.decisions.iter().map(|d| d.p.unwrap()).collect();
    close(p[0], 0.015_369_001_363, 1e-9);
    close(p[1], 0.018_656_770_037, 1e-9);
    // Twice either is above 0.025, though each interval of 95 % clears its goal.
    assert!(analysis.decisions.iter().all(|d| !d.shown));
    assert!(analysis.endpoints.iter().all(|e| e.met == Some(true)));
    // The plan's level is that of these intervals too.
    let wide =
        format!("[statistics]\nlevel = 0.9\n{endpoints}[multiplicity]\nmethod = \"co-primary\"\n");
    let analysis = run(&plan(&wide), &table);
    for id in ["pairs", "goals"] {
        close(number(&analysis, id).interval.unwrap().level, 0.9, 1e-12);
    }
}

/// Thirty Dice values of two decimals, all above 0.7: so is every mean of a resample, whatever is drawn,
/// and the p-value is the least that so many replicates can give.
#[test]
fn the_p_value_of_a_bootstrap_is_no_lower_than_its_replicates_can_tell() {
    let mut text = String::from("dice\n");
    for i in 0..30 {
        text.push_str(&format!("0.{}\n", 75 + (i * 7) % 20));
    }
    let table = csv("dice.csv", &text);
    let decided = |replicates: u64| {
        let mut endpoints = format!("[statistics]\nreplicates = {replicates}\n");
        for id in ["a", "b", "c"] {
            endpoints.push_str(&format!("[[endpoint]]\nid = \"{id}\"\nweight = \"primary\"\nrationale = \"r\"\nstatistic = \"segmentation-summary\"\nnumber = \"mean\"\nvalue = \"dice\"\ngoal = {{ at_least = 0.7 }}\n"));
        }
        run(
            &plan(&format!(
                "{endpoints}[multiplicity]\nmethod = \"bonferroni\"\n"
            )),
            &table,
        )
        .decisions
    };
    for decision in decided(2000) {
        close(decision.p.unwrap(), 1.0 / 2001.0, 1e-12);
        assert!(decision.shown, "{decision:?}");
    }
    // 3 / 101 is above 0.025.
    for decision in decided(100) {
        close(decision.p.unwrap(), 1.0 / 101.0, 1e-12);
        assert!(!decision.shown);
        assert!(
            decision.because.contains("so few `replicates`"),
            "{decision:?}"
        );
    }
}

#[test]
fn an_endpoint_that_cannot_be_estimated_shows_nothing() {
    for method in ["co-primary", "holm", "hochberg", "bonferroni"] {
        let text = format!(
            "[[endpoint]]\nid = \"e\"\nweight = \"primary\"\nrationale = \"r\"\nstatistic = \"accuracy\"\nnumber = \"sensitivity\"\ntruth = \"truth\"\ncall = \"call\"\ngoal = {{ at_least = 0.5 }}\n[multiplicity]\nmethod = \"{method}\"\n"
        );
        let analysis = run(&plan(&text), &rows(&[("0", "0", 9)]));
        assert_eq!(analysis.shown, Some(false), "{method}");
        assert_eq!(analysis.decisions[0].p, None);
        assert!(!analysis.decisions[0].because.is_empty());
    }
}

#[test]
fn a_plan_without_goals_decides_nothing() {
    let analysis = run(&plan(BOTH), &incomplete());
    assert_eq!(analysis.shown, None);
    assert!(analysis.decisions.is_empty());
    assert!(analysis.endpoints.iter().all(|e| e.met.is_none()));
}

// Subgroups.

#[test]
fn levels_are_estimated_from_the_stated_minimum_on() {
    let mut text = String::from("truth,call,site\n");
    // B: 45 of 50; A: 30 of 40; C: 24 of 30; tiny: 4 rows; not stated: 7 of 12.
    for (site, hits, n) in [
        ("B", 45, 50),
        ("A", 30, 40),
        ("C", 24, 30),
        ("tiny", 4, 4),
        ("", 4, 7),
        ("NA", 3, 5),
    ] {
        for i in 0..n {
            text.push_str(&format!("1,{},{site}\n", u8::from(i < hits)));
        }
    }
    let plan = plan(&format!(
        "{}[[subgroup]]\ncolumn = \"site\"\nendpoints = \"sensitivity\"\nminimum = 5\n",
        BOTH
    ));
    let analysis = run(&plan, &csv("s.csv", &text));
    let group = &analysis.subgroups[0];
    let levels: Vec<(&str, usize, Option<f64>)> = group
        .levels
        .iter()
        .map(|l| (l.name.as_str(), l.n, l.number.value))
        .collect();
    assert_eq!(
        levels,
        [
            ("(not stated)", 12, Some(7.0 / 12.0)),
            ("A", 40, Some(0.75)),
            ("B", 50, Some(0.9)),
            ("C", 30, Some(0.8)),
            ("tiny", 4, None),
        ]
    );
    let why = group.levels[4].number.not_estimable.as_deref().unwrap();
    assert!(why.contains("4 rows") && why.contains("from 5 on"), "{why}");
}

fn three_levels(want: &Value) -> Table {
    let mut text = String::from("truth,call,site\n");
    for (site, level) in want["levels"].as_array().unwrap().iter().enumerate() {
        let (hits, n) = (level[0].as_u64().unwrap(), level[1].as_u64().unwrap());
        for i in 0..n {
            text.push_str(&format!("1,{},{site}\n", u8::from(i < hits)));
        }
    }
    csv("s.csv", &text)
}

#[test]
fn the_interaction_of_a_sensitivity_is_the_likelihood_ratio_test() {
    let want = &reference()["cochran"];
    let plan = plan(&format!(
        "{BOTH}[[subgroup]]\ncolumn = \"site\"\nendpoints = \"sensitivity\"\n"
    ));
    let analysis = run(&plan, &three_levels(want));
    let interaction = analysis.subgroups[0].interaction.as_ref().unwrap();
    close(interaction.statistic, want["g"].as_f64().unwrap(), 1e-8);
    close(interaction.df, want["df"].as_f64().unwrap(), 0.0);
    close(interaction.p, want["g_p"].as_f64().unwrap(), 1e-8);
}

#[test]
fn the_interaction_of_any_other_share_is_cochrans_q_on_the_logit_scale() {
    let want = &reference()["cochran"];
    let plan = plan(
        "[[endpoint]]\nid = \"rate\"\nstatistic = \"proportion\"\noutcome = \"call\"\n[[subgroup]]\ncolumn = \"site\"\nendpoints = \"rate\"\n",
    );
    let analysis = run(&plan, &three_levels(want));
    let interaction = analysis.subgroups[0].interaction.as_ref().unwrap();
    close(interaction.statistic, want["q"].as_f64().unwrap(), 1e-9);
    close(interaction.df, want["df"].as_f64().unwrap(), 0.0);
    close(interaction.p, want["p"].as_f64().unwrap(), 1e-9);
    assert!(interaction.method.contains("logit"), "{interaction:?}");
}

#[test]
fn the_interaction_of_means_is_cochrans_q_as_they_are() {
    // Against zero the bias of Bland and Altman is the mean: of 1, 2, 3 it is 2 with variance 1 / 3, of
    // 5, 7, 9, 11 it is 8 with variance (20 / 3) / 4 = 5 / 3.
    let table = csv(
        "m.csv",
        "a,b,site\n1,0,x\n2,0,x\n3,0,x\n5,0,y\n7,0,y\n9,0,y\n11,0,y\n",
    );
    let text = "[[endpoint]]\nid = \"bias\"\nstatistic = \"bland-altman\"\nfirst = \"a\"\nsecond = \"b\"\n[[subgroup]]\ncolumn = \"site\"\nendpoints = \"bias\"\nminimum = 2\n";
    let analysis = run(&plan(text), &table);
    let interaction = analysis.subgroups[0].interaction.as_ref().unwrap();
    // Q of two levels is (8 - 2)^2 / (1 / 3 + 5 / 3) = 18.
    close(interaction.statistic, 18.0, 1e-9);
    assert!(!interaction.method.contains("logit"), "{interaction:?}");
}

#[test]
fn one_level_has_no_interaction() {
    let plan = plan(&format!(
        "{}[[subgroup]]\ncolumn = \"truth\"\nendpoints = [\"sensitivity\"]\n",
        BOTH
    ));
    let analysis = run(
        &plan,
        &rows(&[("1", "1", 12), ("1", "0", 3), ("0", "0", 12)]),
    );
    // Negative rows alone have no sensitivity.
    assert_eq!(analysis.subgroups[0].interaction, None);
    assert_eq!(analysis.subgroups[0].levels[0].number.value, None);
}

#[test]
fn a_column_with_a_level_for_each_row_is_no_subgroup() {
    let text: String = (0..201).map(|i| format!("1,1,{i}\n")).collect();
    let plan = plan(&format!(
        "{}[[subgroup]]\ncolumn = \"id\"\nendpoints = \"sensitivity\"\n",
        BOTH
    ));
    let said = attempt(&plan, &[csv("s.csv", &format!("truth,call,id\n{text}"))])
        .unwrap_err()
        .to_string();
    assert!(said.contains("`id` has 201 levels"), "{said}");
    // 5 lines of head, 2 of data, an empty one, 12 of endpoints.
    assert!(said.starts_with("plan.toml:21:"), "{said}");
}

#[test]
fn a_subgroup_without_endpoints_takes_all_primary_ones() {
    let text = BOTH.replacen(
        "id = \"specificity\"",
        "id = \"specificity\"\nweight = \"primary\"",
        1,
    );
    let plan = plan(&format!("{text}[[subgroup]]\ncolumn = \"truth\"\n"));
    let mut heard = Vec::new();
    let table = rows(&[("1", "1", 12), ("0", "0", 12)]);
    let (joined, flow) = assemble(&plan, std::slice::from_ref(&table)).unwrap();
    let analysis = analyse(&plan, Vec::new(), &joined, flow, &mut |done, of| {
        heard.push((done, of))
    })
    .unwrap();
    let ids: Vec<&str> = analysis
        .subgroups
        .iter()
        .map(|s| s.endpoint.as_str())
        .collect();
    assert_eq!(ids, ["specificity"]);
    assert_eq!(heard, [(0, 3), (1, 3), (2, 3), (3, 3)]);
}

// Clusters.

#[test]
fn clusters_widen_the_interval_by_the_ratio_estimator() {
    // Hits of positive rows by patient: 3 of 3, 0 of 2, 4 of 5, 1 of 2, 2 of 3: R = 10 / 15.
    let by_patient = [(3, 3), (0, 2), (4, 5), (1, 2), (2, 3)];
    let mut text = String::from("truth,call,patient\n");
    for (patient, (hits, n)) in by_patient.iter().enumerate() {
        for i in 0..*n {
            text.push_str(&format!("1,{},p{patient}\n", u8::from(i < *hits)));
        }
    }
    let plan = plan(&format!("[data]\ncluster = \"patient\"\n{BOTH}"));
    let analysis = run(&plan, &csv("c.csv", &text));
    assert_eq!(analysis.flow.clusters, Some(5));
    assert!(
        analysis.notes.iter().any(|n| n.contains("Only 5 clusters")),
        "{:?}",
        analysis.notes
    );
    let number = number(&analysis, "sensitivity");
    close(number.value.unwrap(), 10.0 / 15.0, 1e-15);
    // m / (m - 1) sum (y - R x)^2 / X^2
    let r = 10.0 / 15.0;
    let sum: f64 = by_patient
        .iter()
        .map(|(y, x)| (f64::from(*y) - r * f64::from(*x)).powi(2))
        .sum();
    close(
        number.standard_error.unwrap(),
        (5.0 / 4.0 * sum / 225.0).sqrt(),
        1e-12,
    );
}

#[test]
fn a_row_without_its_cluster_is_refused_at_its_line() {
    let plan = plan(&format!("[data]\ncluster = \"patient\"\n{BOTH}"));
    let said = attempt(
        &plan,
        &[csv("c.csv", "truth,call,patient\n1,1,a\n1,1,\n0,0,b\n")],
    )
    .unwrap_err()
    .to_string();
    assert!(
        said.contains("c.csv:3: column `patient`: is empty"),
        "{said}"
    );
}

#[test]
fn independent_rows_are_noted() {
    let analysis = run(&plan(BOTH), &incomplete());
    assert!(analysis.notes.iter().any(|n| n.contains("one row each")));
    assert_eq!(analysis.flow.clusters, None);
}

// Files, filters and places.

#[test]
fn files_are_joined_and_rows_counted_as_they_leave() {
    let text = format!(
        "[data]\nkey = \"case\"\nunmatched = \"exclude\"\nindependent = \"x\"\ninclude = {{ quality = [\"good\", \"fair\"] }}\n[[data.file]]\n[[data.file]]\nkey = \"case\"\n[[data.file]]\nkey = \"patient\"\n{BOTH}"
    );
    let tables = [
        csv(
            "truth.csv",
            "case,patient,truth\n1,a,1\n2,a,1\n3,b,0\n4,b,0\n5,c,1\n",
        ),
        csv("device.csv", "case,call\n5,1\n4,0\n3,1\n2,1\n9,1\n"),
        csv(
            "patients.csv",
            "patient,quality\nc,poor\na,good\nb,fair\nz,good\n",
        ),
    ];
    let analysis = attempt(&plan(&text), &tables).unwrap();
    // Case 1 has no call, case 9 no truth, patient z no case, patient c is of poor quality.
    assert_eq!(analysis.flow.rows, 5);
    let left: Vec<usize> = analysis.flow.excluded.iter().map(|(_, n)| *n).collect();
    assert_eq!(left, [1, 1], "{:?}", analysis.flow.excluded);
    let beside = analysis
        .flow
        .unmatched
        .iter()
        .map(|(f, n)| (f.as_str(), *n));
    assert_eq!(
        beside.collect::<Vec<_>>(),
        [("device.csv", 1), ("patients.csv", 1)]
    );
    assert_eq!(
        analysis.flow.analysed,
        analysis.flow.rows - left.iter().sum::<usize>()
    );
    assert!(
        analysis.flow.excluded[0]
            .0
            .contains("no partner in device.csv")
    );
    assert!(
        analysis.flow.excluded[1]
            .0
            .contains("`quality` is not good or fair")
    );
    assert_eq!(analysis.flow.analysed, 3);
    assert_eq!(value(&analysis, "sensitivity"), 1.0);
    assert_eq!(value(&analysis, "specificity"), 0.5);
    let names: Vec<(&str, usize)> = analysis
        .data
        .iter()
        .map(|d| (d.name.as_str(), d.rows))
        .collect();
    assert_eq!(
        names,
        [("truth.csv", 5), ("device.csv", 5), ("patients.csv", 4)]
    );
}

#[test]
fn files_that_cannot_be_put_together_are_refused() {
    let both = plan(BOTH);
    let one = csv("a.csv", "id,truth\n1,1\n");
    let two = csv("b.csv", "id,call\n1,1\n");
    let said = attempt(&both, &[]).unwrap_err().to_string();
    assert!(said.contains("no data"), "{said}");
    let said = attempt(&both, &[one.clone(), two]).unwrap_err().to_string();
    assert!(said.contains("several files and no data.key"), "{said}");
    let keyed = plan(&format!(
        "[data]\nkey = \"id\"\nindependent = \"x\"\n{BOTH}"
    ));
    let said = attempt(&keyed, &[csv("a.csv", "id,truth,call\n1,1,1\n1,0,0\n")])
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("a.csv:3: has the key (id) of row 2"),
        "{said}"
    );
    let filtered = plan(&format!(
        "[data]\nindependent = \"x\"\ninclude = {{ truth = \"9\" }}\n{BOTH}"
    ));
    let said = attempt(&filtered, &[one]).unwrap_err().to_string();
    assert!(said.contains("no row is left"), "{said}");
}

#[test]
fn an_endpoint_may_look_at_some_rows_only() {
    let text = BOTH.replacen(
        "call = \"call\"",
        "call = \"call\"\ninclude = { site = [\"A\", \"B\"], year = 2026 }",
        1,
    );
    let table = csv(
        "i.csv",
        "truth,call,site,year\n1,1,A,2026\n1,0,B,2026\n1,0,C,2026\n1,0,A,2025\n0,0,C,2020\n",
    );
    let analysis = run(&plan(&text), &table);
    assert_eq!(analysis.endpoints[0].counted.rows, 2);
    assert_eq!(value(&analysis, "sensitivity"), 0.5);
    assert_eq!(analysis.endpoints[1].counted.rows, 5);
}

#[test]
fn two_endpoints_may_read_other_columns() {
    let text = BOTH
        .replacen("call = \"call\"", "call = \"reader\"", 1)
        .replacen("truth = \"truth\"", "truth = \"biopsy\"", 1);
    let table = csv(
        "o.csv",
        "biopsy,truth,reader,call\n1,0,1,1\n1,0,1,0\n0,1,1,1\n1,0,0,0\n",
    );
    let analysis = run(&plan(&text), &table);
    // biopsy against reader: 2 of 3; truth against call: rows 1, 2 and 4 are negative, 2 of 3 called so.
    assert_eq!(value(&analysis, "sensitivity"), 2.0 / 3.0);
    assert_eq!(value(&analysis, "specificity"), 2.0 / 3.0);
}

const SECRET: &str = "SECRETMARKER";

#[test]
fn an_error_names_the_line_of_the_file_and_no_cell() {
    let score = "[data]\nindependent = \"x\"\ninclude = { use = \"y\" }\n[[endpoint]]\nid = \"auc\"\nstatistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"\ninclude = { part = \"a\" }\n";
    let table = |rows: &str| csv("d.csv", &format!("truth,score,use,part\n{rows}"));
    for (rows, line, says) in [
        // Rows that are filtered away before do not shift the line.
        (
            format!("1,0.1,n,a\n1,0.2,y,b\n0,0.3,y,a\n1,{SECRET},y,a\n"),
            5,
            "`score` is not a number",
        ),
        (
            format!("1,0.1,n,a\n{SECRET},0.2,y,a\n0,0.3,y,a\n"),
            3,
            "`truth` is neither positive (1, true, yes, positive) nor negative",
        ),
        (
            format!("0,{SECRET},n,b\n1,0.5,y,a\n0,\"0,5\",y,a\n"),
            4,
            "a point separates decimals",
        ),
    ] {
        let said = attempt(&plan(score), &[table(&rows)])
            .unwrap_err()
            .to_string();
        assert!(said.starts_with(&format!("d.csv:{line}: ")), "{said}");
        assert!(said.contains(says), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
    // A value out of its range, found by the statistic among the rows that are left.
    let probability = score
        .replace("roc-auc", "brier")
        .replace("score = ", "probability = ");
    let said = attempt(
        &plan(&probability),
        &[table(
            "1,0.1,n,a\n,0.5,y,a\n1,0.2,y,b\n0,0.3,y,a\n1,1.5,y,a\n",
        )],
    )
    .unwrap_err()
    .to_string();
    assert!(said.starts_with("d.csv:6: column `score`"), "{said}");
    assert!(said.contains("lies between 0 and 1"), "{said}");
    assert!(said.contains("(endpoint `auc`, plan.toml:"), "{said}");
}

#[test]
fn infinite_scores_are_told_and_digits_beyond_the_largest_number_refused() {
    let score = "[data]\nindependent = \"x\"\nmissing = \"NA\"\n[[endpoint]]\nid = \"auc\"\nstatistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"\n";
    let table = |last: &str| {
        csv(
            "d.csv",
            &format!("truth,score\n1,0.9\n0,0.2\n1,0.7\n0,{last}\n"),
        )
    };
    let notes = |text: &str, last: &str| {
        let analysis = run(&plan(text), &table(last));
        analysis.endpoints[0]
            .answer
            .as_ref()
            .unwrap()
            .notes
            .join(" ")
    };
    let told = notes(score, "Infinity");
    assert!(
        told.contains("1 result(s) are infinite in d.csv (first in row 5)"),
        "{told}"
    );
    assert!(!notes(score, "0.3").contains("infinite"));
    // Where the word is named as missing it is no score.
    let missing = score.replace("\"NA\"", "\"Infinity\"") + "missing = \"complete-case\"\n";
    assert!(!notes(&missing, "Infinity").contains("infinite"));
    let said = attempt(&plan(score), &[table("-1e999")])
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("d.csv:5: `score` is beyond the largest number"),
        "{said}"
    );
}

/// The design effect comes with clusters only: without them the endpoint stands with the reason, and
/// its claim is not shown.
#[test]
fn a_number_that_did_not_come_is_not_estimable_and_shows_no_goal() {
    let text = BOTH.replacen(
        "number = \"sensitivity\"",
        "number = \"design_effect_sensitivity\"",
        1,
    );
    assert_ne!(text, BOTH);
    let analysis = run(
        &plan(&format!(
            "{text}[[subgroup]]\ncolumn = \"call\"\nendpoints = \"sensitivity\"\nminimum = 1\n"
        )),
        &rows(&[("1", "1", 30), ("0", "0", 30), ("1", "0", 5)]),
    );
    let reason = "`accuracy` gives no `design_effect_sensitivity` with these data and settings";
    let own = number(&analysis, "sensitivity");
    assert_eq!(own.name, "design_effect_sensitivity");
    assert_eq!((own.value, own.interval), (None, None));
    assert_eq!(own.not_estimable.as_deref(), Some(reason));
    assert_eq!(own.n, 65);
    assert_ne!(analysis.endpoints[0].met, Some(true));
    assert!(analysis.endpoints[0].answer.is_some());
    assert!(number(&analysis, "specificity").value.is_some());
    for level in &analysis.subgroups[0].levels {
        assert_eq!(level.number.not_estimable.as_deref(), Some(reason));
    }
}

#[test]
fn a_column_that_is_not_there_is_named() {
    let table = rows(&[("1", "1", 2), ("0", "0", 2)]);
    let said = attempt(
        &plan(&BOTH.replace("call = \"call\"", "call = \"cal\"")),
        std::slice::from_ref(&table),
    )
    .unwrap_err()
    .to_string();
    assert!(
        said.contains("rows.csv: has no column `cal`; it has, the nearest first: call, truth"),
        "{said}"
    );
    let said = attempt(
        &plan(&format!(
            "{BOTH}[[subgroup]]\ncolumn = \"sex\"\nendpoints = \"sensitivity\"\n"
        )),
        std::slice::from_ref(&table),
    )
    .unwrap_err()
    .to_string();
    assert!(said.contains("has no column `sex`"), "{said}");
}

#[test]
fn one_statistic_can_be_computed_without_a_plan() {
    let data = DataPlan {
        key: Vec::new(),
        file_keys: Vec::new(),
        cluster: None,
        independent: None,
        positive: vec!["p".into()],
        negative: vec!["n".into()],
        missing: Vec::new(),
        exclude_unmatched: false,
        include: BTreeMap::new(),
    };
    let handling = Handling {
        missing: Handle::CompleteCase,
        indeterminate: Handle::CompleteCase,
        indeterminate_words: Vec::new(),
    };
    let plan = Plan::bare(data, handling);
    let endpoint = Endpoint {
        id: "e".into(),
        line: 0,
        title: String::new(),
        weight: Weight::Exploratory,
        statistic: "accuracy".into(),
        number: None,
        columns: vec![("truth".into(), "t".into()), ("call".into(), "c".into())],
        settings: vec![("level".into(), "0.8".into())],
        goal: None,
        rationale: String::new(),
        include: BTreeMap::new(),
        missing: None,
    };
    let table = csv("b.csv", "t,c\np,p\np,n\nn,n\np,\n");
    let (answer, counted) = single(&plan, &table, &endpoint).unwrap();
    let answer = answer.unwrap();
    let sensitivity = answer.number("sensitivity").unwrap();
    assert_eq!(sensitivity.value, Some(0.5));
    assert_eq!(sensitivity.interval.unwrap().level, 0.8);
    assert_eq!((counted.missing, counted.used), (1, 3));
}

#[test]
fn the_same_plan_and_data_give_the_same_bytes_on_any_number_of_threads() {
    let mut text = String::from("truth,score,patient\n");
    for i in 0..80u64 {
        // A linear congruence: spread, with ties.
        let score = (i * 37 + 11) % 50;
        text.push_str(&format!(
            "{},{score},p{}\n",
            u8::from((score + i % 7) > 28),
            i / 2
        ));
    }
    let table = csv("d.csv", &text);
    let plan = plan(
        "[data]\ncluster = \"patient\"\n[statistics]\nseed = 3\nreplicates = 200\n[[endpoint]]\nid = \"auc\"\nstatistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"\ninterval = \"bootstrap\"\n[[endpoint]]\nid = \"mean\"\nstatistic = \"segmentation-summary\"\nvalue = \"score\"\n",
    );
    let bytes = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| serde_json::to_string(&run(&plan, &table)).unwrap())
    };
    let first = bytes(1);
    assert_eq!(first, bytes(1));
    assert_eq!(first, bytes(4));
    assert!(first.contains("bootstrap"));
    // What names plan and data in the result are their digests.
    assert!(
        first.contains(&Digest::of(text.as_bytes()).to_string()),
        "{first}"
    );
    assert!(first.contains(&plan.digest.to_string()));
}

/// The notes of one look, as on the command line.
fn noted(
    statistic: &str,
    columns: &[(&str, &str)],
    settings: &[(&str, &str)],
    table: &Table,
) -> Vec<String> {
    let (plan, endpoint) = bare(statistic, columns, settings);
    single(&plan, table, &endpoint).unwrap().0.unwrap().notes
}

fn bare(statistic: &str, columns: &[(&str, &str)], settings: &[(&str, &str)]) -> (Plan, Endpoint) {
    let words = |w: &[&str]| w.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
    let pairs = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect::<Vec<_>>()
    };
    let plan = Plan::bare(
        DataPlan {
            key: Vec::new(),
            file_keys: Vec::new(),
            cluster: None,
            independent: None,
            positive: words(&["cancer"]),
            negative: words(&["healthy"]),
            missing: words(&["NA"]),
            exclude_unmatched: false,
            include: BTreeMap::new(),
        },
        Handling {
            missing: Handle::Refuse,
            indeterminate: Handle::Refuse,
            indeterminate_words: words(&["unclear"]),
        },
    );
    let endpoint = Endpoint {
        id: "e".into(),
        line: 0,
        title: "e".into(),
        weight: Weight::Exploratory,
        statistic: statistic.into(),
        number: None,
        columns: pairs(columns),
        settings: pairs(settings),
        goal: None,
        rationale: String::new(),
        include: BTreeMap::new(),
        missing: None,
    };
    (plan, endpoint)
}

fn scored() -> Table {
    let mut text = String::from("truth,score\n");
    for i in 0..60u32 {
        text.push_str(&format!(
            "{},{}\n",
            if i * 7 % 5 < 2 { "cancer" } else { "healthy" },
            i * 31 % 60
        ));
    }
    csv("s.csv", &text)
}

#[test]
fn settings_without_effect_are_noted() {
    let table = scored();
    let columns = [("truth", "truth"), ("score", "score")];
    let idle = |settings: &[(&str, &str)]| -> Vec<String> {
        noted("roc-auc", &columns, settings, &table)
            .into_iter()
            .filter(|n| n.contains("has no effect here"))
            .collect()
    };
    // DeLong's variance draws nothing.
    let delong = idle(&[("seed", "3"), ("replicates", "500")]);
    assert_eq!(
        delong,
        [
            "`seed` was given and has no effect here",
            "`replicates` was given and has no effect here"
        ]
    );
    assert_eq!(idle(&[("level", "0.9")]), [""; 0]);
    assert_eq!(idle(&[]), [""; 0]);
    // A bootstrap does.
    assert_eq!(
        idle(&[
            ("interval", "bootstrap"),
            ("seed", "3"),
            ("replicates", "500")
        ]),
        [""; 0]
    );
    // Specificities are those of a band, and there is none.
    let curve = |settings: &[(&str, &str)]| noted("roc-auc", &columns, settings, &table).join(" ");
    assert!(
        curve(&[("specificities", "0.5,0.9")])
            .contains("`specificities` was given and has no effect here")
    );
    assert!(
        !curve(&[("specificities", "0.5,0.9"), ("band", "pointwise")])
            .contains("`specificities` was")
    );
}

#[test]
fn what_a_plan_says_for_all_is_not_noted_and_what_an_endpoint_says_is() {
    let table = csv(
        "p.csv",
        "truth,score\n1,0.9\n0,0.1\n1,0.4\n0,0.6\n1,0.8\n0,0.2\n",
    );
    let text = |own: &str| {
        format!(
            "[statistics]\nseed = 9\nreplicates = 300\nlevel = 0.9\n[[endpoint]]\nid = \"e\"\nstatistic = \"brier\"\ntruth = \"truth\"\nprobability = \"score\"\n{own}"
        )
    };
    let notes = |own: &str| {
        run(&plan(&text(own)), &table).endpoints[0]
            .answer
            .clone()
            .unwrap()
            .notes
            .join(" ")
    };
    assert!(!notes("").contains("has no effect"));
    assert!(notes("replicates = 500\n").contains("`replicates` was given and has no effect here"));
}

#[test]
fn words_of_the_plan_reach_entries_that_read_words_themselves() {
    let table = csv(
        "w.csv",
        "outcome,truth,result\ncancer,cancer,cancer\nhealthy,healthy,unclear\nNA,cancer,healthy\ncancer,healthy,healthy\n",
    );
    // Two of three known outcomes are successes, one is missing.
    let (plan, endpoint) = bare("missing-bounds", &[("outcome", "outcome")], &[]);
    let answer = single(&plan, &table, &endpoint).unwrap().0.unwrap();
    let value = |name: &str| answer.number(name).unwrap().value.unwrap();
    assert_eq!(
        (
            value("proportion_worst_case"),
            value("proportion_best_case")
        ),
        (0.5, 0.75)
    );
    let (plan, endpoint) = bare(
        "indeterminate",
        &[("truth", "truth"), ("result", "result")],
        &[],
    );
    let answer = single(&plan, &table, &endpoint).unwrap().0.unwrap();
    assert_eq!(answer.number("indeterminate").unwrap().value, Some(0.25));
    // The entry's own setting goes first.
    let (plan, endpoint) = bare(
        "missing-bounds",
        &[("outcome", "outcome")],
        &[("positive_words", "healthy"), ("negative_words", "cancer")],
    );
    let answer = single(&plan, &table, &endpoint).unwrap().0.unwrap();
    assert_eq!(
        answer.number("proportion_worst_case").unwrap().value,
        Some(0.25)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    /// Sensitivity and specificity of any table, by counting here.
    #[test]
    fn counts_of_any_table_give_its_sensitivity(cells in prop::collection::vec((0u8..3, 0u8..4), 1..40), how in prop::sample::select(vec!["worst-case", "best-case", "complete-case"])) {
        let mut text = String::from("truth,call\n");
        let (mut found, mut positive) = (0u32, 0u32);
        for (truth, call) in &cells {
            text.push_str(&format!("{},{}\n", ["0", "1", "NA"][*truth as usize], ["0", "1", "NA", "indeterminate"][*call as usize]));
            if *truth != 1 {
                continue;
            }
            let seen = match (call, how) {
                (0, _) => Some(false),
                (1, _) => Some(true),
                (_, "worst-case") => Some(false),
                (_, "best-case") => Some(true),
                _ => None,
            };
            if let Some(seen) = seen {
                positive += 1;
                found += u32::from(seen);
            }
        }
        let plan = plan(&format!("[handling]\nmissing = \"{how}\"\nindeterminate = \"{how}\"\n{BOTH}"));
        let analysis = run(&plan, &csv("p.csv", &text));
        let want = (positive > 0).then(|| f64::from(found) / f64::from(positive));
        prop_assert_eq!(number(&analysis, "sensitivity").value, want);
    }

    /// Every entry of the catalogue, on a table of words that are secret and of numbers.
    #[test]
    fn no_error_of_any_entry_repeats_a_cell(cells in prop::collection::vec(prop::collection::vec(0usize..9, 8), 1..14), which in any::<prop::sample::Index>(), numbers in any::<bool>()) {
        let entries: Vec<_> = catalogue::entries().filter(|e| !e.roles.is_empty()).collect();
        let entry = entries[which.index(entries.len())];
        let mut text = (0..8).map(|n| format!("c{n}")).collect::<Vec<_>>().join(",");
        for row in &cells {
            let words: Vec<String> = row.iter().enumerate().map(|(n, cell)| {
                let label = entry.roles.get(n).is_none_or(|r| r.kind == catalogue::Kind::Label);
                match cell {
                    0 if !numbers || label => format!("{SECRET}{}", row[0] % 3),
                    1..4 if label => format!("{SECRET}{cell}"),
                    1 => String::new(),
                    2 => "unclear".into(),
                    3 => "cancer".into(),
                    4 => "healthy".into(),
                    _ if entry.roles.get(n).is_some_and(|r| r.kind == catalogue::Kind::Binary) => ["cancer", "healthy"][cell % 2].into(),
                    other => format!("{}", *other as f64 / 8.0),
                }
            }).collect();
            text.push_str(&format!("\n{}", words.join(",")));
        }
        let names: Vec<String> = (0..8).map(|n| format!("c{n}")).collect();
        let columns: Vec<(&str, &str)> = entry.roles.iter().zip(&names).map(|(r, c)| (r.name, c.as_str())).collect();
        let given: Vec<(&str, &str)> = entry.settings.iter().filter(|s| s.name == "replicates").map(|s| (s.name, "100")).collect();
        let (plan, endpoint) = bare(entry.id, &columns, &given);
        let said = match single(&plan, &csv("x.csv", &text), &endpoint) {
            Ok((Err(reason), _)) => reason,
            Err(e) => format!("{e} {e:?}"),
            Ok(_) => String::new(),
        };
        prop_assert!(!said.contains(SECRET), "{}: {}", entry.id, said);
    }

    #[test]
    fn no_error_repeats_a_cell(cells in prop::collection::vec((0u8..4, 0u8..4, 0u8..4), 2..12), statistic in 0usize..4) {
        let word = |n: u8, good: [&str; 3]| good.get(n as usize).map_or_else(|| SECRET.to_owned(), |w| (*w).to_owned());
        let mut text = String::from("truth,result,patient\n");
        for (a, b, c) in &cells {
            text.push_str(&format!("{},{},{}\n", word(*a, ["0", "1", ""]), word(*b, ["0", "1", ""]), word(*c, [SECRET, "p1", ""])));
        }
        let (statistic, role) = [("accuracy", "call"), ("roc-auc", "score"), ("brier", "probability"), ("calibration-slope", "probability")][statistic];
        let plan = plan(&format!("[data]\ncluster = \"patient\"\n[[endpoint]]\nid = \"e\"\nstatistic = \"{statistic}\"\ntruth = \"truth\"\n{role} = \"result\"\n"));
        if let Err(e) = attempt(&plan, &[csv("x.csv", &text)]) {
            let said = format!("{e} {e:?}");
            prop_assert!(!said.contains(SECRET), "{}", said);
        }
    }
}
