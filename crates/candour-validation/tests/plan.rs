//! Plans: what is read, and that every fault is named with its line and what mends it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

use std::collections::BTreeSet;

use candour_record::Digest;
use candour_statistics::catalogue;
use candour_validation::checklist::Checklist;
use candour_validation::draft::draft;
use candour_validation::plan::{Goal, Handle, Method, Plan, PlanError, PlanFault, Weight};
use proptest::prelude::*;

const GOOD: &str = r#"# A plan.
title = "Accuracy of a device"
version = "2"

[amendment]
of = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
reason = "The second reader left."

[report]
target_population = "Adults."
reference_standard = "Biopsy."

[data]
key = ["patient", "lesion"]
cluster = "patient"
positive = ["malignant", 1]
negative = "benign"
missing = []
unmatched = "exclude"
include = { site = ["A", "B"], year = 2026 }

[[data.file]]
key = "id"

[[data.file]]
key = "patient"

[handling]
missing = "complete-case"
indeterminate = "best-case"
indeterminate_words = ["unclear"]

[statistics]
level = 0.9
seed = 7
replicates = 1_000

[[endpoint]]
id = "sensitivity"
title = "Sensitivity of the call"
weight = "primary"
statistic = "accuracy"
number = "sensitivity"
truth = "truth"
call = "call"
method = "clopper-pearson"
goal = { at_least = 0.85 }
rationale = "Readers reach 0.85."
include = { quality = "good" }
missing = "refuse"

[[endpoint]]
id = "false alarms"
weight = "secondary"
statistic = "accuracy"
number = "specificity"
truth = "truth"
call = "call"
cluster = "reader"
goal = { at_least = 0.7, at_most = 0.9 }

[[endpoint]]
id = "auc"
weight = "exploratory"
statistic = "roc-auc"
truth = "truth"
score = "score"

[[subgroup]]
column = "scanner"
title = "Scanner"
endpoints = ["auc", "sensitivity"]
minimum = 25

[[subgroup]]
column = "sex"

[multiplicity]
method = "fixed-sequence"
order = ["sensitivity", "false alarms"]

[site]
minimum_cell = 11
bins = 50
low = -1
high = 1.5
"#;

fn read(text: &str) -> Result<Plan, PlanError> {
    Plan::read("validation.toml", text.as_bytes())
}

fn good(text: &str) -> Plan {
    read(text).unwrap_or_else(|e| panic!("{e}"))
}

fn faults(text: &str) -> Vec<PlanFault> {
    match read(text) {
        Ok(_) => panic!("was read:\n{text}"),
        Err(e) => e.faults,
    }
}

/// The line, from 1, on which these words first stand.
fn line_of(text: &str, words: &str) -> usize {
    let at = text.find(words).unwrap_or_else(|| panic!("no {words}"));
    text[..at].matches('\n').count() + 1
}

/// The plan with one part put in the place of another.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}

/// Among the faults one on the line where `there` stands, that says all of `says`; others may follow from it.
fn among(text: &str, there: &str, says: &[&str]) {
    let list = faults(text);
    let line = line_of(text, there);
    assert!(
        list.iter()
            .any(|f| f.line == line && says.iter().all(|w| f.what.contains(w))),
        "{line}, {says:?}: {list:#?}"
    );
}

/// One fault, on the line where `there` stands, that says all of `says`.
fn one(text: &str, there: &str, says: &[&str]) {
    let list = faults(text);
    assert_eq!(list.len(), 1, "{list:#?}");
    let fault = &list[0];
    assert_eq!(fault.line, line_of(text, there), "{fault:?}");
    for words in says {
        assert!(fault.what.contains(words), "{words}: {fault:?}");
    }
}

const SHORT: &str = r#"title = "t"
version = "1"
[report]
target_population = "p"
reference_standard = "r"
[data]
independent = "one row each"
[[endpoint]]
id = "e"
statistic = "accuracy"
truth = "truth"
call = "call"
"#;

#[test]
fn a_whole_plan_reads_as_it_is_written() {
    let plan = good(GOOD);
    assert_eq!(plan.file, "validation.toml");
    assert_eq!(plan.digest, Digest::of(GOOD.as_bytes()));
    assert_eq!(
        (plan.title.as_str(), plan.version.as_str()),
        ("Accuracy of a device", "2")
    );
    let amends = plan.amends.as_ref().unwrap();
    assert_eq!(
        amends.plan.to_string(),
        format!("sha256:{}", "0".repeat(64))
    );
    assert_eq!(amends.reason, "The second reader left.");
    assert_eq!(plan.text("target_population").unwrap().text, "Adults.");
    assert_eq!(
        plan.text("reference_standard").unwrap().line,
        line_of(GOOD, "reference_standard")
    );
    assert_eq!(plan.text("funding"), None);
    assert_eq!(plan.data.key, ["patient", "lesion"]);
    assert_eq!(plan.data.file_keys, [vec!["id"], vec!["patient"]]);
    assert_eq!(plan.data.cluster.as_deref(), Some("patient"));
    assert_eq!(plan.data.independent, None);
    assert_eq!(plan.data.positive, ["malignant", "1"]);
    assert_eq!(plan.data.negative, ["benign"]);
    assert!(plan.data.missing.is_empty());
    assert!(plan.data.exclude_unmatched);
    assert_eq!(plan.data.include["site"], ["A", "B"]);
    assert_eq!(plan.data.include["year"], ["2026"]);
    assert_eq!(plan.handling.missing, Handle::CompleteCase);
    assert_eq!(plan.handling.indeterminate, Handle::BestCase);
    assert_eq!(plan.handling.indeterminate_words, ["unclear"]);
    assert_eq!((plan.level, plan.seed, plan.replicates), (0.9, 7, 1000));
    let [sensitivity, false_alarms, auc] = plan.endpoints.as_slice() else {
        panic!("{:?}", plan.endpoints)
    };
    assert_eq!(sensitivity.line, line_of(GOOD, "[[endpoint]]"));
    assert_eq!(sensitivity.title, "Sensitivity of the call");
    assert_eq!(sensitivity.weight, Weight::Primary);
    assert_eq!(sensitivity.number.as_deref(), Some("sensitivity"));
    assert_eq!(sensitivity.goal, Some(Goal::AtLeast(0.85)));
    assert_eq!(sensitivity.missing, Some(Handle::Refuse));
    assert_eq!(sensitivity.include["quality"], ["good"]);
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    // The plan's cluster is that of every endpoint whose statistic takes one, and that names none.
    assert_eq!(
        sensitivity.columns,
        [
            pair("truth", "truth"),
            pair("call", "call"),
            pair("cluster", "patient")
        ]
    );
    assert_eq!(sensitivity.settings, [pair("method", "clopper-pearson")]);
    assert!(false_alarms.columns.contains(&pair("cluster", "reader")));
    assert_eq!(false_alarms.goal, Some(Goal::Within(0.7, 0.9)));
    assert_eq!(auc.goal, None);
    assert_eq!(auc.entry().unwrap().id, "roc-auc");
    // Where no title is given, the catalogue's stands.
    assert_eq!(auc.title, catalogue::entry("roc-auc").unwrap().title);
    assert_eq!(plan.subgroups[0].endpoints, ["auc", "sensitivity"]);
    assert_eq!(
        (plan.subgroups[0].minimum, plan.subgroups[1].minimum),
        (25, 10)
    );
    assert_eq!(plan.subgroups[1].title, "sex");
    assert_eq!(plan.subgroups[0].line, line_of(GOOD, "[[subgroup]]"));
    assert_eq!(plan.multiplicity.method, Method::FixedSequence);
    assert_eq!(
        (plan.site.minimum_cell, plan.site.bins, plan.site.range),
        (11, 50, (-1.0, 1.5))
    );
    let order: Vec<&str> = plan.decisive().iter().map(|e| e.id.as_str()).collect();
    assert_eq!(order, ["sensitivity", "false alarms"]);
}

#[test]
fn a_short_plan_has_the_defaults_that_the_manual_states() {
    let plan = good(SHORT);
    assert_eq!((plan.level, plan.seed, plan.replicates), (0.95, 1, 2000));
    assert_eq!(plan.handling.missing, Handle::WorstCase);
    assert_eq!(plan.handling.indeterminate, Handle::WorstCase);
    assert_eq!(plan.handling.indeterminate_words, ["indeterminate"]);
    assert_eq!(plan.data.positive, ["1", "true", "yes", "positive"]);
    assert_eq!(plan.data.negative, ["0", "false", "no", "negative"]);
    assert!(!plan.data.exclude_unmatched);
    assert_eq!(plan.endpoints[0].weight, Weight::Secondary);
    assert_eq!(plan.multiplicity.method, Method::CoPrimary);
    assert_eq!((plan.site.minimum_cell, plan.site.bins), (5, 0));
    assert!(plan.decisive().is_empty());
}

#[test]
fn the_plans_of_the_example_devices_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../devices");
    let Ok(devices) = std::fs::read_dir(&folder) else {
        return;
    };
    for device in devices {
        let path = device.unwrap().path().join("validation.toml");
        if let Ok(bytes) = std::fs::read(&path) {
            Plan::read("validation.toml", &bytes).unwrap_or_else(|e| panic!("{e}"));
        }
    }
}

#[test]
fn a_byte_order_mark_and_windows_line_ends_change_no_line() {
    let text = format!("\u{feff}{}", GOOD.replace('\n', "\r\n"));
    let plan = good(&text);
    assert_eq!(plan.endpoints[0].line, line_of(GOOD, "[[endpoint]]"));
}

#[test]
fn what_is_no_utf_8_or_no_toml_is_refused_with_its_line() {
    let mut bytes = SHORT.as_bytes().to_vec();
    let at = SHORT.find("reference_standard").unwrap();
    bytes[at] = 0xff;
    let e = Plan::read("p.toml", &bytes).unwrap_err();
    assert_eq!((e.faults.len(), e.faults[0].line), (1, 5));
    assert!(e.faults[0].what.contains("UTF-8"), "{e}");

    let e = Plan::read("p.toml", SHORT.replace("[data]", "[data").as_bytes()).unwrap_err();
    assert_eq!(e.faults[0].line, 6, "{e}");
    assert!(e.faults[0].what.contains("mend the TOML"), "{e}");
    assert!(e.to_string().starts_with("p.toml:6: "), "{e}");

    // A key that is there twice is a fault of TOML.
    let e = read(&SHORT.replace("version = \"1\"", "version = \"1\"\ntitle = \"u\"")).unwrap_err();
    assert_eq!(e.faults[0].line, 3, "{e}");
}

#[test]
fn a_plan_that_is_too_long_is_refused() {
    let text = format!("{SHORT}# {}", "x".repeat(1 << 20));
    let list = faults(&text);
    assert!(list[0].what.contains("longer than 1 MiB"), "{list:?}");
}

#[test]
fn each_unknown_key_is_named_with_the_nearest() {
    for (from, to, near) in [
        (
            "title = \"Accuracy",
            "titel = \"x\"\ntitle = \"Accuracy",
            "did you mean `title`?",
        ),
        (
            "reason = ",
            "reasons = \"x\"\nreason = ",
            "did you mean `reason`?",
        ),
        (
            "target_population = ",
            "target_populaton = \"x\"\ntarget_population = ",
            "did you mean `target_population`?",
        ),
        (
            "cluster = \"patient\"",
            "clusters = \"x\"\ncluster = \"patient\"",
            "did you mean `cluster`?",
        ),
        (
            "indeterminate_words",
            "indeterminate_word = \"x\"\nindeterminate_words",
            "did you mean `indeterminate_words`?",
        ),
        ("seed = 7", "sed = 1\nseed = 7", "did you mean `seed`?"),
        (
            "call = \"call\"",
            "cal = \"x\"\ncall = \"call\"",
            "did you mean `call`?",
        ),
        (
            "minimum = 25",
            "minimun = 3\nminimum = 25",
            "did you mean `minimum`?",
        ),
        (
            "method = \"fixed-sequence\"",
            "methd = \"x\"\nmethod = \"fixed-sequence\"",
            "did you mean `method`?",
        ),
        ("bins = 50", "bin = 1\nbins = 50", "did you mean `bins`?"),
    ] {
        let text = with(from, to);
        let key = to.lines().next().unwrap();
        let name = key.split(' ').next().unwrap();
        one(&text, key, &[&format!("unknown key `{name}`"), near]);
    }
    // Nothing is near: all keys are listed.
    let text = with("bins = 50", "quetzalcoatl = 1\nbins = 50");
    one(
        &text,
        "quetzalcoatl",
        &["[site] has: minimum_cell, bins, low, high"],
    );
    let text = with("[site]", "[quetzalcoatl]\n[site]");
    one(&text, "[quetzalcoatl]", &["a plan has: title, version"]);
    // A setting of another statistic is no key of this one.
    let text = with(
        "score = \"score\"",
        "score = \"score\"\nyouden_interval = \"square-and-add\"",
    );
    one(&text, "youden_interval", &["an endpoint of `roc-auc` has:"]);
}

#[test]
fn what_is_missing_is_named_with_why_it_is_needed() {
    let cut = |line: &str| SHORT.replacen(&format!("{line}\n"), "", 1);
    one(
        &cut("title = \"t\""),
        "",
        &["`title` is missing", "title = \"...\""],
    );
    one(&cut("version = \"1\""), "", &["`version` is missing"]);
    one(
        &cut("target_population = \"p\""),
        "[report]",
        &["`target_population` is missing"],
    );
    one(
        &cut("reference_standard = \"r\""),
        "[report]",
        &["`reference_standard` is missing"],
    );
    one(
        &cut("independent = \"one row each\""),
        "[data]",
        &["neither `cluster` nor `independent`"],
    );
    one(&cut("id = \"e\""), "[[endpoint]]", &["`id` is missing"]);
    one(
        &cut("statistic = \"accuracy\"\ntruth = \"truth\"\ncall = \"call\""),
        "[[endpoint]]",
        &["`statistic` is missing"],
    );
    one(
        &cut("truth = \"truth\""),
        "[[endpoint]]",
        &[
            "`accuracy` needs the column `truth`",
            "write truth = \"column\"",
        ],
    );
    let at = SHORT.find("[[endpoint]]").unwrap();
    one(&SHORT[..at], "", &["no [[endpoint]]"]);
    let report = "[report]\ntarget_population = \"p\"\nreference_standard = \"r\"";
    one(
        &cut(report),
        "",
        &["[report] is missing", "target_population"],
    );
    one(
        &cut("[data]\nindependent = \"one row each\""),
        "",
        &["[data] is missing"],
    );
}

#[test]
fn a_cluster_and_independent_rows_contradict_each_other() {
    let text = with(
        "cluster = \"patient\"",
        "cluster = \"patient\"\nindependent = \"x\"",
    );
    one(&text, "[data]", &["both `cluster` and `independent`"]);
}

#[test]
fn a_value_of_the_wrong_type_is_named_at_its_own_line() {
    for (from, to, says) in [
        (
            "title = \"Accuracy of a device\"",
            "title = 3",
            "`title` is not a text",
        ),
        (
            "title = \"Accuracy of a device\"",
            "title = \"  \"",
            "`title` is not a text, or empty",
        ),
        ("version = \"2\"", "version = 2", "write version = \"...\""),
        (
            "target_population = \"Adults.\"",
            "target_population = [\"Adults.\"]",
            "`target_population` is not a text",
        ),
        (
            "key = [\"patient\", \"lesion\"]",
            "key = [\"patient\", []]",
            "`key` is not a word",
        ),
        (
            "unmatched = \"exclude\"",
            "unmatched = \"drop\"",
            "`unmatched` is none of: refuse, exclude",
        ),
        (
            "unmatched = \"exclude\"",
            "unmatched = true",
            "`unmatched` is none of",
        ),
        (
            "include = { site = [\"A\", \"B\"], year = 2026 }",
            "include = \"A\"",
            "`include` is not a table",
        ),
        (
            "missing = \"complete-case\"",
            "missing = \"ignore\"",
            "`missing` is none of: worst-case, best-case, complete-case, refuse",
        ),
        (
            "indeterminate = \"best-case\"",
            "indeterminate = 1",
            "`indeterminate` is none of",
        ),
        (
            "level = 0.9",
            "level = \"0.9\"",
            "`level` is not a finite number",
        ),
        (
            "level = 0.9",
            "level = nan",
            "`level` is not a finite number",
        ),
        (
            "level = 0.9",
            "level = inf",
            "`level` is not a finite number",
        ),
        (
            "seed = 7",
            "seed = -7",
            "`seed` is not a whole number from 0",
        ),
        ("seed = 7", "seed = 7.0", "`seed` is not a whole number"),
        (
            "replicates = 1_000",
            "replicates = 99",
            "`replicates` is not a whole number from 100 to 1000000",
        ),
        (
            "weight = \"primary\"",
            "weight = \"main\"",
            "`weight` is none of: primary, secondary, exploratory",
        ),
        (
            "method = \"clopper-pearson\"",
            "method = \"exact\"",
            "one of: ",
        ),
        (
            "goal = { at_least = 0.85 }",
            "goal = 0.85",
            "`goal` is not a table",
        ),
        (
            "goal = { at_least = 0.85 }",
            "goal = {}",
            "`goal` says nothing",
        ),
        (
            "at_least = 0.7, at_most = 0.9",
            "at_least = 0.9, at_most = 0.7",
            "its limits cross",
        ),
        (
            "at_least = 0.7, at_most = 0.9",
            "at_least = 0.9, at_most = 0.9",
            "its limits cross",
        ),
        (
            "missing = \"refuse\"",
            "missing = \"none\"",
            "`missing` is none of",
        ),
        (
            "minimum = 25",
            "minimum = 0",
            "`minimum` is not a whole number from 1",
        ),
        (
            "method = \"fixed-sequence\"",
            "method = \"bonferoni\"",
            "`method` is none of: co-primary, fixed-sequence, holm, hochberg, bonferroni",
        ),
        (
            "minimum_cell = 11",
            "minimum_cell = 0",
            "`minimum_cell` is not a whole number from 1 to 1000",
        ),
        (
            "bins = 50",
            "bins = 100001",
            "`bins` is not a whole number from 0 to 100000",
        ),
    ] {
        among(&with(from, to), to, &[says]);
    }
    for (name, to) in [
        ("handling", "handling = 1"),
        ("statistics", "statistics = []"),
        ("endpoint", "endpoint = 1"),
        ("subgroup", "subgroup = \"sex\""),
        ("multiplicity", "multiplicity = \"holm\""),
        ("segmentation", "segmentation = true"),
        ("site", "site = 1"),
        ("amendment", "amendment = \"x\""),
    ] {
        let mut text = SHORT.replacen("version", &format!("{to}\nversion"), 1);
        if name == "endpoint" {
            text.truncate(text.find("[[endpoint]]").unwrap());
        }
        let list = faults(&text);
        assert!(
            list.iter().any(|f| f.line == 2
                && (f.what.contains(&format!("`{name}` is not a table"))
                    || f.what.contains(&format!("[[{name}]]")))),
            "{name}: {list:?}"
        );
    }
}

#[test]
fn a_range_that_is_empty_is_refused() {
    for low in ["1.5", "2"] {
        one(
            &with("low = -1", &format!("low = {low}")),
            "[site]",
            &["`low` is not below `high`"],
        );
    }
    for level in ["0", "1", "1.5", "-0.1"] {
        let list = faults(&with("level = 0.9", &format!("level = {level}")));
        assert_eq!(list.len(), 1);
        assert!(
            list[0].what.contains("`level` lies outside 0 to 1"),
            "{list:?}"
        );
        assert_eq!(list[0].line, line_of(GOOD, "level = 0.9"));
    }
}

#[test]
fn a_word_that_means_positive_and_negative_is_refused() {
    one(
        &with("negative = \"benign\"", "negative = [\"benign\", \"1\"]"),
        "negative = [\"benign\", \"1\"]",
        &["positive and negative at once"],
    );
}

/// Words are compared as cells are: capitals do not matter, and 1.0 is 1.
#[test]
fn a_word_that_means_a_class_and_nothing_is_refused() {
    for (word, key) in [
        ("BENIGN", "negative"),
        ("malignant", "positive"),
        ("1.0", "positive"),
    ] {
        let missing = format!("missing = [\"NA\", \"{word}\"]");
        one(
            &with("missing = []", &missing),
            &missing,
            &["missing at once", key],
        );
        let unclear = format!("indeterminate_words = [\"{word}\"]");
        one(
            &with("indeterminate_words = [\"unclear\"]", &unclear),
            &unclear,
            &["indeterminate at once", key],
        );
    }
    // The words that hold where none are given count too.
    let unclear = "negative = \"NA\"";
    one(
        &SHORT.replace("[data]", &format!("[data]\n{unclear}")),
        unclear,
        &["negative and missing at once"],
    );
    let unclear = "positive = \"indeterminate\"";
    one(
        &SHORT.replace("[data]", &format!("[data]\n{unclear}")),
        unclear,
        &["positive and indeterminate at once"],
    );
}

/// What is wrong with an endpoint is said once: not again where its id is used.
#[test]
fn a_faulty_endpoint_has_no_follow_on_faults() {
    // An unknown statistic of an endpoint that a subgroup names, and of one that the order of testing names.
    for (from, to) in [
        ("statistic = \"roc-auc\"", "statistic = \"roc-acu\""),
        ("goal = { at_least = 0.85 }", "goal = { at_least = true }"),
        (
            "statistic = \"accuracy\"\nnumber = \"sensitivity\"",
            "number = \"sensitivity\"",
        ),
        ("id = \"auc\"", "id = 7"),
    ] {
        let text = with(from, to);
        let list = faults(&text);
        assert!(
            list.iter()
                .all(|f| !f.what.contains("no endpoint is called")
                    && !f.what.contains("has no goal, so")),
            "{to}: {list:?}"
        );
        assert!(!list.is_empty());
    }
    // One that is declared nowhere is still named.
    let text = with("statistic = \"roc-auc\"", "statistic = \"roc-acu\"").replace(
        "order = [\"sensitivity\",",
        "order = [\"nothing\", \"sensitivity\",",
    );
    let list = faults(&text);
    assert!(
        list.iter()
            .any(|f| f.what.contains("no endpoint is called `nothing`")),
        "{list:?}"
    );
    // A table or value of the wrong kind is not missing as well.
    for (from, to) in [
        ("cluster = \"patient\"", "cluster = 3"),
        ("low = -1", "low = \"x\""),
        ("truth = \"truth\"\ncall", "truth = { a = 1 }\ncall"),
    ] {
        if GOOD.contains(from) {
            let list = faults(&GOOD.replacen(from, to, 1));
            assert_eq!(list.len(), 1, "{list:?}");
        }
    }
}

#[test]
fn a_further_file_without_a_key_is_refused() {
    one(
        &with("[[data.file]]\nkey = \"patient\"", "[[data.file]]\n# none"),
        "[[data.file]]\n# none",
        &["a further file needs `key`"],
    );
    // The first file may go by data.key.
    good(&with("[[data.file]]\nkey = \"id\"", "[[data.file]]"));
}

#[test]
fn a_number_that_the_statistic_never_gives_is_named_with_the_nearest() {
    among(
        &with("number = \"specificity\"", "number = \"specifity\""),
        "number = \"specifity\"",
        &[
            "`accuracy` gives no number `specifity`; nearest: specificity, ",
            "; it gives: sensitivity, specificity, ppv, npv, ",
        ],
    );
    // A number that comes with some data only, and one with a name of the data in it, may be planned.
    good(&with(
        "number = \"specificity\"",
        "number = \"design_effect_specificity\"",
    ));
    let models = |number: &str| {
        with(
            "statistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"",
            &format!(
                "statistic = \"roc-compare-paired\"\nnumber = \"{number}\"\ntruth = \"truth\"\nscore = [\"score\", \"old\"]"
            ),
        )
    };
    good(&models("auc_old"));
    among(
        &models("area_old"),
        "number = \"area_old\"",
        &[
            "nearest: ",
            "auc_{score} (braces stand for what data and settings decide)",
        ],
    );
}

/// A claim is made at the plan's level: an endpoint with a lower one would show what the plan does not.
#[test]
fn an_endpoint_that_decides_has_no_level_of_its_own() {
    let primary = "rationale = \"r\"\nweight = \"primary\"\ngoal = { at_least = 0.5 }";
    let endpoint = |more: &str| {
        format!(
            "{SHORT}[[endpoint]]\nid = \"own\"\nstatistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"\nlevel = 0.5\n{more}\n"
        )
    };
    let lone = |text: &str| faults(text).into_iter().map(|f| f.what).collect::<Vec<_>>();
    let said = lone(&endpoint(primary));
    assert!(
        said.iter().any(|w| w.starts_with(
            "`level` of an endpoint that decides: a claim is made at the plan's level"
        )),
        "{said:?}"
    );
    let pairs = format!(
        "{SHORT}[[endpoint]]\nid = \"own\"\nstatistic = \"paired-noninferiority\"\nnumber = \"difference\"\noutcome = [\"a\", \"b\"]\nmargin = 0.1\nalpha = 0.4\n{primary}\n"
    );
    let said = lone(&pairs);
    assert!(
        said.iter()
            .any(|w| w.starts_with("`alpha` of an endpoint that decides")),
        "{said:?}"
    );
    // What only describes may be told at any level.
    good(&endpoint(
        "weight = \"exploratory\"\ngoal = { at_least = 0.5 }",
    ));
    let ordered = format!(
        "{}[multiplicity]\nmethod = \"fixed-sequence\"\norder = [\"own\"]\n",
        endpoint("weight = \"secondary\"\ngoal = { at_least = 0.5 }")
    );
    let said = lone(&ordered);
    assert!(
        said.iter()
            .any(|w| w.starts_with("`own`: `level` of an endpoint that decides")),
        "{said:?}"
    );
}

#[test]
fn an_unknown_statistic_is_named_with_the_three_nearest() {
    let text = with("statistic = \"roc-auc\"", "statistic = \"roc-acu\"");
    among(
        &text,
        "statistic = \"roc-acu\"",
        &[
            "`roc-acu` is not in the catalogue; nearest: roc-auc",
            "candour statistics --list",
        ],
    );
}

#[test]
fn a_role_with_too_many_columns_is_refused() {
    let text = with("score = \"score\"", "score = [\"a\", \"b\"]");
    one(
        &text,
        "score = [",
        &[
            "`roc-auc` takes one column as `score`",
            "not 2: write score = \"column\"",
        ],
    );
}

#[test]
fn a_setting_out_of_its_range_is_named_at_its_line() {
    for (to, says) in [
        ("level = 1", "between 0 and 1, both excluded"),
        ("interval = \"wald\"", "one of: delong, logit"),
        ("replicates = 5", "a whole number from 100 to 1000000"),
        (
            "specificities = [0.1, \"x\"]",
            "numbers separated by commas",
        ),
        ("seed = -1", "a whole number from 0"),
        ("interval = {}", "is not a word, number, true or false"),
    ] {
        let text = with("score = \"score\"", &format!("score = \"score\"\n{to}"));
        one(&text, to, &[says]);
    }
    let text = with(
        "score = \"score\"",
        "score = \"score\"\nspecificities = [0.1, 0.5]",
    );
    let plan = good(&text);
    assert_eq!(
        plan.endpoints[2].settings,
        [("specificities".to_owned(), "0.1,0.5".to_owned())]
    );
}

#[test]
fn two_endpoints_of_one_id_are_refused() {
    let text = with("id = \"auc\"", "id = \"sensitivity\"")
        .replace("endpoints = [\"auc\", ", "endpoints = [");
    let list = faults(&text);
    assert_eq!(list.len(), 1, "{list:?}");
    assert!(
        list[0]
            .what
            .contains("two endpoints are called `sensitivity`"),
        "{list:?}"
    );
    assert_eq!(
        list[0].line,
        line_of(
            &text,
            "[[endpoint]]\nid = \"sensitivity\"\nweight = \"exploratory\""
        )
    );
}

#[test]
fn a_primary_goal_without_a_rationale_is_refused() {
    let text = with("rationale = \"Readers reach 0.85.\"\n", "");
    one(
        &text,
        "[[endpoint]]\nid = \"sensitivity\"",
        &["needs `rationale`"],
    );
}

#[test]
fn a_subgroup_of_an_endpoint_that_is_not_there_is_refused() {
    let text = with(
        "endpoints = [\"auc\", \"sensitivity\"]",
        "endpoints = [\"aux\"]",
    );
    one(
        &text,
        "endpoints = [\"aux\"]",
        &["no endpoint is called `aux`"],
    );
}

#[test]
fn several_primary_goals_need_a_rule_for_multiplicity() {
    let text = with(
        "weight = \"secondary\"",
        "weight = \"primary\"\nrationale = \"r\"",
    );
    let at = text.find("[multiplicity]").unwrap();
    let end = text.find("[site]").unwrap();
    let text = format!("{}{}", &text[..at], &text[end..]);
    one(
        &text,
        "",
        &[
            "several primary endpoints with goals and no [multiplicity]",
            "co-primary",
            "holm",
        ],
    );
    for method in ["co-primary", "holm", "hochberg", "bonferroni"] {
        let plan = good(&format!("{text}[multiplicity]\nmethod = \"{method}\"\n"));
        assert_eq!(plan.multiplicity.method.word(), method);
        assert_eq!(plan.decisive().len(), 2);
    }
}

#[test]
fn an_order_of_testing_names_each_endpoint_with_a_goal_once() {
    for (order, says) in [
        (
            "[\"sensitivity\", \"nothing\"]",
            "no endpoint is called `nothing`",
        ),
        (
            "[\"sensitivity\", \"auc\"]",
            "`auc` has no goal, so it cannot be tested",
        ),
        (
            "[\"sensitivity\", \"sensitivity\"]",
            "`sensitivity` stands twice",
        ),
        ("[]", "a fixed sequence needs `order`"),
    ] {
        let order = format!("order = {order}");
        let text = with("order = [\"sensitivity\", \"false alarms\"]", &order);
        one(&text, &order, &[says]);
    }
    let text = with("method = \"fixed-sequence\"\n", "");
    one(&text, "[multiplicity]", &["`method` is missing"]);
}

#[test]
fn an_amendment_needs_a_digest_and_a_reason() {
    let zeros = "0".repeat(64);
    for of in ["abc", "sha256:00", "sha512:00"] {
        let text = with(&format!("sha256:{zeros}"), of);
        one(&text, "of = ", &["`of` is no digest"]);
    }
    one(
        &with("reason = \"The second reader left.\"\n", ""),
        "[amendment]",
        &["`reason` is missing"],
    );
    one(
        &with(&format!("of = \"sha256:{zeros}\"\n"), ""),
        "[amendment]",
        &["`of` is missing"],
    );
}

#[test]
fn masks_need_both_columns_and_settings_in_their_range() {
    let with_masks = |more: &str| format!("{SHORT}[segmentation]\n{more}\n");
    let plan = good(&with_masks(
        "reference = \"a\"\nprediction = \"b\"\nlabel = 2\ntolerance_mm = 1.5\nsurface = \"voxel-faces\"",
    ));
    let spec = plan.segmentation.unwrap();
    assert_eq!(
        (
            spec.reference.as_str(),
            spec.prediction.as_str(),
            spec.label
        ),
        ("a", "b", Some(2))
    );
    assert_eq!(spec.settings.len(), 2);
    for (more, says) in [
        ("reference = \"a\"", "`prediction` is missing"),
        ("prediction = \"b\"", "`reference` is missing"),
        (
            "reference = \"a\"\nprediction = \"b\"\nlabel = 0",
            "`label` is not a whole number from 1",
        ),
        (
            "reference = \"a\"\nprediction = \"b\"\nsurface = \"smooth\"",
            "one of: marching",
        ),
        (
            "reference = \"a\"\nprediction = \"b\"\ntolerance_mm = -1",
            "a number from 0 to 1000",
        ),
        (
            "reference = \"a\"\nprediction = \"b\"\ntolerence_mm = 1",
            "did you mean `tolerance_mm`?",
        ),
    ] {
        let list = faults(&with_masks(more));
        assert_eq!(list.len(), 1, "{list:?}");
        assert!(list[0].what.contains(says), "{list:?}");
        assert!(
            list[0].line >= line_of(&with_masks(more), "[segmentation]"),
            "{list:?}"
        );
    }
}

#[test]
fn every_fault_is_found_in_one_pass_and_stands_by_line() {
    let text = GOOD
        .replace("version = \"2\"", "version = 2")
        .replace("reference_standard = \"Biopsy.\"\n", "")
        .replace("unmatched = \"exclude\"", "unmatched = \"maybe\"")
        .replace("level = 0.9", "level = 9")
        .replace("call = \"call\"\nmethod", "cal = \"call\"\nmethod")
        .replace("statistic = \"roc-auc\"", "statistic = \"auc\"")
        .replace("column = \"sex\"", "colum = \"sex\"")
        .replace("bins = 50", "bins = -1");
    let e = read(&text).unwrap_err();
    let said = e.to_string();
    for words in [
        "`version` is not a text",
        "`reference_standard` is missing",
        "`unmatched` is none of",
        "`level` lies outside",
        "unknown key `cal`",
        "`auc` is not in the catalogue",
        "unknown key `colum`",
        "`bins` is not a whole number",
    ] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    let lines: Vec<usize> = e.faults.iter().map(|f| f.line).collect();
    assert!(lines.is_sorted(), "{lines:?}");
    let last = text.lines().count();
    assert!(lines.iter().all(|l| (1..=last).contains(l)));
    assert_eq!(said.lines().count(), e.faults.len());
    assert!(said.lines().all(|l| l.starts_with("validation.toml:")));
}

#[test]
fn no_more_faults_are_listed_than_one_reads() {
    let many: String = (0..300).map(|i| format!("wrong_{i} = 1\n")).collect();
    assert_eq!(faults(&format!("{many}{SHORT}")).len(), 100);
    let many: String = (0..501)
        .map(|i| format!("[[subgroup]]\ncolumn = \"c{i}\"\n"))
        .collect();
    let list = faults(&format!("{SHORT}{many}"));
    assert!(
        list[0].what.contains("more than 500 [[subgroup]]"),
        "{list:?}"
    );
}

#[test]
fn a_long_or_odd_name_is_cut_in_a_message() {
    let name = "x".repeat(5000);
    let text = SHORT.replacen("version", &format!("{name} = 1\nversion"), 1);
    let list = faults(&text);
    assert!(list[0].what.len() < 500, "{}", list[0].what);
    let text = SHORT.replacen("version", "\"a\\u001b[31m\" = 1\nversion", 1);
    assert!(!faults(&text)[0].what.contains('\u{1b}'));
}

#[test]
fn every_text_of_the_checklist_may_stand_in_a_plan() {
    let keys: Vec<&str> = Checklist::keys().collect();
    let distinct: BTreeSet<&str> = keys.iter().copied().collect();
    assert_eq!(distinct.len(), keys.len());
    let texts: String = keys
        .iter()
        .map(|k| format!("{k} = \"text of {k}\"\n"))
        .collect();
    let text = SHORT.replace(
        "target_population = \"p\"\nreference_standard = \"r\"\n",
        &texts,
    );
    let plan = good(&text);
    for key in keys {
        assert_eq!(plan.text(key).unwrap().text, format!("text of {key}"));
    }
}

#[test]
fn an_entry_of_each_kind_of_the_catalogue_can_be_planned() {
    // With a column for each role that is needed, and a word or number for each setting that has no default.
    for entry in catalogue::entries().filter(|e| !e.roles.is_empty()) {
        let mut text = String::from("[[endpoint]]\nid = \"e\"\n");
        text.push_str(&format!("statistic = \"{}\"\n", entry.id));
        for role in entry.roles {
            match role.need {
                catalogue::Need::One => text.push_str(&format!("{} = \"c\"\n", role.name)),
                catalogue::Need::Many(least) => {
                    let list: Vec<String> = (0..least).map(|i| format!("\"c{i}\"")).collect();
                    text.push_str(&format!("{} = [{}]\n", role.name, list.join(", ")));
                }
                catalogue::Need::Optional => {}
            }
        }
        for setting in entry.settings.iter().filter(|s| s.default.is_none()) {
            match setting.kind {
                catalogue::SettingKind::Real(a, b) | catalogue::SettingKind::Open(a, b) => {
                    text.push_str(&format!(
                        "{} = {:?}\n",
                        setting.name,
                        f64::midpoint(a.max(-1e6), b.min(1e6))
                    ));
                }
                catalogue::SettingKind::OneSidedError => {
                    text.push_str(&format!("{} = 0.05\n", setting.name));
                }
                catalogue::SettingKind::Whole(a, _) => {
                    text.push_str(&format!("{} = {a}\n", setting.name))
                }
                catalogue::SettingKind::Choice(words) => {
                    text.push_str(&format!("{} = \"{}\"\n", setting.name, words[0]))
                }
                catalogue::SettingKind::Reals => {
                    text.push_str(&format!("{} = [0.5]\n", setting.name))
                }
                catalogue::SettingKind::Words => {
                    text.push_str(&format!("{} = [\"a\"]\n", setting.name))
                }
                catalogue::SettingKind::Flag => {
                    text.push_str(&format!("{} = true\n", setting.name))
                }
                catalogue::SettingKind::OptionalReal(..) | catalogue::SettingKind::OptionalWord => {
                }
            }
        }
        let at = SHORT.find("[[endpoint]]").unwrap();
        let plan = good(&format!("{}{text}", &SHORT[..at]));
        assert_eq!(plan.endpoints[0].entry().unwrap().id, entry.id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_bytes_of_a_plan_never_panic(changes in prop::collection::vec((0usize..3000, any::<u8>(), 0u8..3), 1..6)) {
        let mut bytes = GOOD.as_bytes().to_vec();
        for (at, byte, how) in changes {
            let at = at % bytes.len();
            match how {
                0 => bytes[at] = byte,
                1 => { bytes.remove(at); }
                _ => bytes.insert(at, byte),
            }
        }
        if let Err(e) = Plan::read("p.toml", &bytes) {
            let lines = bytes.iter().filter(|b| **b == b'\n').count() + 1;
            prop_assert!(!e.faults.is_empty());
            prop_assert!(e.faults.iter().all(|f| (1..=lines).contains(&f.line) && !f.what.is_empty()));
        }
    }

    #[test]
    fn lines_that_change_places_never_panic(order in Just((0..GOOD.lines().count()).collect::<Vec<_>>()).prop_shuffle(), keep in 1usize..100) {
        let lines: Vec<&str> = GOOD.lines().collect();
        let text: Vec<&str> = order.iter().take(keep).map(|i| lines[*i]).collect();
        let _ = read(&text.join("\n"));
    }

    #[test]
    fn any_value_at_any_key_never_panics(
        which in 0usize..200,
        value in prop::sample::select(vec!["1", "-1", "1e308", "nan", "inf", "true", "\"\"", "[]", "[[]]", "{}", "{ a = 1 }", "2026-01-01", "0xff", "9223372036854775808", "'x'"]),
    ) {
        let lines: Vec<String> = GOOD.lines().map(str::to_owned).collect();
        let keyed: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].contains(" = ")).collect();
        let at = keyed[which % keyed.len()];
        let mut lines = lines;
        let key = lines[at].split(" = ").next().unwrap().to_owned();
        lines[at] = format!("{key} = {value}");
        let _ = read(&lines.join("\n"));
    }
}

/// A slip in the name of a key is one fault: what was meant is not missing as well.
#[test]
fn a_misspelt_key_is_not_missing_too() {
    for (from, to) in [
        ("title = \"Accuracy", "titel = \"Accuracy"),
        ("reference_standard = ", "reference_standart = "),
        ("[report]", "[reprot]"),
        ("cluster = \"patient\"", "clustr = \"patient\""),
        ("reason = ", "reasn = "),
        ("rationale = ", "rationalle = "),
        ("score = \"score\"", "scor = \"score\""),
        ("column = \"sex\"", "colum = \"sex\""),
        ("method = \"fixed-sequence\"", "methd = \"fixed-sequence\""),
    ] {
        one(&with(from, to), to, &["unknown key", "did you mean"]);
    }
    // A key that has hardly a letter of it hides nothing.
    let text = with("id = \"auc\"", "xy = 1");
    among(&text, "xy = 1", &["unknown key `xy`"]);
    among(&text, "[[endpoint]]\nxy", &["`id` is missing"]);
}

#[test]
fn a_wrong_limit_of_a_goal_is_one_fault() {
    for (goal, says) in [
        (
            "{ at_least = \"0.5\" }",
            "`at_least` is not a finite number",
        ),
        ("{ at_least = nan }", "`at_least` is not a finite number"),
        ("{ atleast = 0.5 }", "did you mean `at_least`?"),
        (
            "{ at_least = 0.5, at_mots = 0.9 }",
            "did you mean `at_most`?",
        ),
        ("0.5", "write goal = { at_least = 0.5 }"),
        ("inf", "write goal = { at_least = 0.5 }"),
        ("{}", "`goal` says nothing"),
    ] {
        let to = format!("goal = {goal}");
        one(&with("goal = { at_least = 0.85 }", &to), &to, &[says]);
    }
    // Its reason is asked for all the same.
    let text = with("goal = { at_least = 0.85 }", "goal = { at_least = nan }")
        .replace("rationale = \"Readers reach 0.85.\"\n", "");
    among(&text, "[[endpoint]]", &["needs `rationale`"]);
}

#[test]
fn a_column_given_twice_for_one_is_named_at_its_line() {
    for (entry, score) in [("One", "[\"score\", \"score\"]"), ("none", "[]")] {
        let to = format!("score = {score}");
        let text = with("score = \"score\"", &to);
        let says = if entry == "One" {
            "`roc-auc` takes one column as `score`"
        } else {
            "`roc-auc` needs the column `score`"
        };
        one(&text, &to, &[says, "write score = \"column\""]);
    }
}

#[test]
fn two_subgroups_of_one_column_are_refused() {
    let text = with("column = \"sex\"", "column = \"scanner\" # again");
    one(
        &text,
        "# again",
        &["two [[subgroup]] have the column `scanner`", "keep one"],
    );
}

#[test]
fn unknown_endpoints_are_named_beside_other_faults() {
    let text = GOOD
        .replace("version = \"2\"", "version = 2")
        .replace("statistic = \"roc-auc\"", "statistic = \"roc-acu\"")
        .replace("endpoints = [\"auc\",", "endpoints = [\"aux\", \"auc\",")
        .replace("order = [\"sens", "order = [\"nothing\", \"auc\", \"sens");
    let list = faults(&text);
    assert_eq!(list.len(), 4, "{list:#?}");
    among(
        &text,
        "endpoints = [\"aux",
        &["no endpoint is called `aux`"],
    );
    among(&text, "order = [", &["no endpoint is called `nothing`"]);
    // Any name may be that of an endpoint whose id cannot be read.
    let text = with("id = \"auc\"", "id = 7");
    one(&text, "id = 7", &["`id` is not a text"]);
    // An endpoint without a goal cannot be tested, whatever else is wrong with it.
    let text = with("score = \"score\"", "score = 7\ncall = 7")
        .replace("order = [\"sens", "order = [\"auc\", \"sens");
    among(&text, "order = [", &["`auc` has no goal"]);
    // Each entry of a list that cannot be read is named.
    let text = with("positive = [\"malignant\", 1]", "positive = [{}, []]");
    assert_eq!(faults(&text).len(), 2);
}

/// What a draft leaves where it cannot guess must not be sealed.
#[test]
fn a_column_that_was_not_filled_in_is_refused() {
    for (from, to) in [
        (
            "key = [\"patient\", \"lesion\"]",
            "key = [\"patient\", \"?\"]",
        ),
        ("cluster = \"patient\"", "cluster = \"?\""),
        ("key = \"id\"", "key = \"?\""),
        ("score = \"score\"", "score = \"?\""),
        ("cluster = \"reader\"", "cluster = \"?\""),
        ("column = \"sex\"", "column = \" ? \""),
        (
            "include = { quality = \"good\" }",
            "include = { \"?\" = \"good\" }",
        ),
    ] {
        one(&with(from, to), to, &["fill in the column"]);
    }
    let masks = "[segmentation]\nreference = \"a\"\nprediction = \"?\"\n";
    one(
        &format!("{SHORT}{masks}"),
        "prediction",
        &["fill in the column"],
    );
    // A word may be "?".
    good(&with("missing = []", "missing = \"?\""));
    // A draft whose columns were not guessed asks for each of them.
    let text = filled_but_columns(&drafted(&[("a.csv", &["x", "z"])]));
    let list = faults(&text);
    assert_eq!(list.len(), 6, "{list:#?}");
    assert!(list.iter().all(|f| f.what.contains("fill in the column")));
}

// Drafts.

fn drafted(files: &[(&str, &[&str])]) -> String {
    let files: Vec<(String, Vec<String>)> = files
        .iter()
        .map(|(name, columns)| {
            let columns = columns.iter().map(|c| (*c).to_owned()).collect();
            ((*name).to_owned(), columns)
        })
        .collect();
    draft(&files)
}

fn filled(text: &str) -> String {
    filled_but_columns(text).replace(" = \"?\"", " = \"c\"")
}

fn filled_but_columns(text: &str) -> String {
    text.replace("title = \"\"", "title = \"T\"")
        .replace("\ntarget_population = \"\"", "\ntarget_population = \"P\"")
        .replace(
            "\nreference_standard = \"\"",
            "\nreference_standard = \"R\"",
        )
        .replace("\nrationale = \"\"", "\nrationale = \"W\"")
        .replace("\nindependent = \"\"", "\nindependent = \"I\"")
}

#[test]
fn a_draft_asks_for_what_cannot_be_guessed_and_is_a_plan_once_filled() {
    let text = drafted(&[
        (
            "scores.csv",
            &["nodule", "patient", "hospital", "sex", "ai", "reader"],
        ),
        ("truth.csv", &["nodule", "histology"]),
    ]);
    for key in Checklist::keys() {
        assert!(text.contains(&format!("{key} = \"\"")), "{key}");
    }
    let said = Plan::read("v.toml", text.as_bytes())
        .unwrap_err()
        .to_string();
    for wanted in [
        "`title`",
        "`target_population`",
        "`reference_standard`",
        "`rationale`",
    ] {
        assert!(said.contains(wanted), "{said}");
    }
    let plan = Plan::read("v.toml", filled(&text).as_bytes()).unwrap();
    assert_eq!(plan.data.key, ["nodule"]);
    assert_eq!(plan.data.cluster.as_deref(), Some("patient"));
    let columns = &plan.endpoints[0].columns;
    assert!(columns.contains(&("truth".to_owned(), "histology".to_owned())));
    assert!(columns.contains(&("score".to_owned(), "ai".to_owned())));
    let groups: Vec<&str> = plan.subgroups.iter().map(|s| s.column.as_str()).collect();
    assert_eq!(groups, ["hospital", "sex"]);
}

#[test]
fn a_draft_of_any_columns_can_be_filled() {
    for files in [
        vec![],
        vec![("a.csv", vec!["x", "y"])],
        vec![("a.csv", vec!["x"]), ("b.csv", vec!["z"])],
        vec![(
            "a\n[b].csv",
            vec![
                "\"",
                "\\",
                "a = 1\n[c]",
                "#",
                "",
                "patient",
                "Truth",
                "SCORE",
                "sex",
            ],
        )],
    ] {
        let files: Vec<(&str, &[&str])> = files.iter().map(|(f, c)| (*f, c.as_slice())).collect();
        let text = filled(&drafted(&files));
        Plan::read("v.toml", text.as_bytes()).unwrap_or_else(|e| panic!("{e}\n{text}"));
    }
}
