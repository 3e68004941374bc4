//! Validation from the command line: the plan before the data, amendments, sites, single numbers.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods
)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use candour_ledger::View;
use candour_record::{Digest, Event};
use candour_statistics::catalogue;
use common::{candour, copy_tree, root, table, text};

const PLAN: &str = "examples/validation/validation.toml";
const SCORES: &str = "examples/validation/scores.csv";
const TRUTH: &str = "examples/validation/truth.csv";

fn good(arguments: &[&str]) -> String {
    let output = candour(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn refused(output: &Output, code: i32, says: &str) {
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(said.contains(says), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

fn events(workspace: &Path) -> Vec<Event> {
    View::open(&workspace.join("ledger"))
        .unwrap()
        .records()
        .unwrap()
        .into_iter()
        .map(|(_, r)| r.event)
        .collect()
}

/// Verifies SRS-042.
#[test]
fn the_plan_is_sealed_before_its_data_and_a_changed_one_needs_a_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (ws, out) = (dir.path().join("ws"), dir.path().join("out"));
    let (ws_text, out_text) = (ws.to_str().unwrap(), out.to_str().unwrap());
    // Sealed while the data are not there: the plan stays, and nothing else.
    refused(
        &candour(&[
            "validate",
            PLAN,
            "--data",
            "not-there.csv",
            "--workspace",
            ws_text,
            "--out",
            out_text,
        ]),
        2,
        "not-there.csv",
    );
    assert!(matches!(
        events(&ws).as_slice(),
        [Event::Opened(_), Event::AnalysisPlanned(_)]
    ));
    let all = [
        "validate",
        PLAN,
        "--data",
        SCORES,
        "--data",
        TRUTH,
        "--workspace",
        ws_text,
        "--out",
        out_text,
    ];
    good(&all);
    let sealed = events(&ws);
    let [
        _,
        Event::AnalysisPlanned(plan),
        Event::DataEntered(data),
        Event::Analysed(result),
    ] = sealed.as_slice()
    else {
        panic!("{sealed:?}");
    };
    assert_eq!(plan.plan, Digest::of(&fs::read(root().join(PLAN)).unwrap()));
    assert_eq!(
        data.files[0].digest,
        Digest::of(&fs::read(root().join(SCORES)).unwrap())
    );
    assert_eq!(data.openings, 0);
    let json = fs::read(out.join("result.json")).unwrap();
    assert_eq!(result.result, Digest::of(&json));
    for (name, begins) in [("report.html", "<!doctype html>"), ("report.pdf", "%PDF")] {
        assert!(
            fs::read(out.join(name))
                .unwrap()
                .starts_with(begins.as_bytes())
        );
    }
    // The same data again: allowed, and counted.
    good(&all);
    assert!(matches!(&events(&ws)[4], Event::DataEntered(d) if d.openings == 1));
    // A changed plan under the same title.
    let changed = dir.path().join("validation.toml");
    let words = fs::read_to_string(root().join(PLAN)).unwrap();
    fs::write(
        &changed,
        words.replace("at_least = 0.75", "at_least = 0.70"),
    )
    .unwrap();
    let mut again = all;
    again[1] = changed.to_str().unwrap();
    refused(&candour(&again), 2, "[amendment]");
    let amendment = format!(
        "[amendment]\nof = \"{}\"\nreason = \"The comparator's area was misread.\"\n",
        plan.plan
    );
    fs::write(
        &changed,
        words
            .replace("at_least = 0.75", "at_least = 0.70")
            .replace("[report]", &format!("{amendment}[report]")),
    )
    .unwrap();
    good(&again);
    let last = events(&ws);
    assert!(last.iter().any(
        |e| matches!(e, Event::AnalysisPlanned(p) if p.amends.is_some() && p.reason.is_some())
    ));
    assert!(
        fs::read_to_string(out.join("report.html"))
            .unwrap()
            .contains("The comparator&#39;s area was misread.")
    );
}

/// Verifies SRS-046.
#[test]
fn the_same_plan_and_data_give_the_same_digits_on_any_number_of_threads() {
    let digits = |threads: &str| {
        let dir = tempfile::tempdir().unwrap();
        let output = std::process::Command::new(common::BINARY)
            .current_dir(root())
            .env("RAYON_NUM_THREADS", threads)
            .args([
                "validate", PLAN, "--data", SCORES, "--data", TRUTH, "--json", "--out",
            ])
            .arg(dir.path())
            .output()
            .unwrap();
        assert!(output.status.success());
        output.stdout
    };
    assert_eq!(digits("1"), digits("3"));
}

#[test]
fn summaries_of_sites_are_pooled_only_with_their_keys_and_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let (mut files, mut keys) = (Vec::new(), Vec::new());
    let scores = fs::read_to_string(root().join(SCORES)).unwrap();
    let truth = fs::read_to_string(root().join(TRUTH)).unwrap();
    for hospital in ["A", "B", "C"] {
        let here: Vec<&str> = scores
            .lines()
            .filter(|l| l.starts_with("nodule") || l.split(',').nth(2) == Some(hospital))
            .collect();
        let names: BTreeSet<&str> = here.iter().filter_map(|l| l.split(',').next()).collect();
        let known: Vec<&str> = truth
            .lines()
            .filter(|l| l.split(',').next().is_some_and(|n| names.contains(n)))
            .collect();
        let own = dir.path().join(hospital);
        fs::create_dir(&own).unwrap();
        fs::write(own.join("s.csv"), here.join("\n")).unwrap();
        fs::write(own.join("t.csv"), known.join("\n")).unwrap();
        let path = |name: &str| own.join(name).to_str().unwrap().to_owned();
        let said = good(&[
            "validate",
            PLAN,
            "--data",
            &path("s.csv"),
            "--data",
            &path("t.csv"),
            "--workspace",
            &path("ws"),
            "--site",
            hospital,
            "--out",
            &path("out"),
        ]);
        let key = said
            .lines()
            .find_map(|l| l.strip_prefix("signed with "))
            .unwrap();
        keys.push(key.to_owned());
        files.push(path("out/site-summary.txt"));
    }
    let note = fs::read_to_string(&files[0]).unwrap();
    assert!(!note.contains("N0001") && !note.contains("P000"), "{note}");
    let pooled = dir.path().join("pooled");
    let mut arguments: Vec<&str> = vec!["pool"];
    arguments.extend(files.iter().map(String::as_str));
    arguments.extend(["--plan", PLAN, "--json", "--out", pooled.to_str().unwrap()]);
    for key in &keys {
        arguments.extend(["--key", key]);
    }
    let answer: serde_json::Value = serde_json::from_str(&good(&arguments)).unwrap();
    assert_eq!(answer["pooled"]["sites"].as_array().unwrap().len(), 3);
    // The counts of all rows together, by the very statistic.
    let whole: serde_json::Value = serde_json::from_str(&good(&[
        "validate",
        PLAN,
        "--data",
        SCORES,
        "--data",
        TRUTH,
        "--json",
        "--out",
        pooled.to_str().unwrap(),
    ]))
    .unwrap();
    let joint = |id: &str| {
        answer["pooled"]["endpoints"]
            .as_array()
            .unwrap()
            .iter()
            .find(|e| e["id"] == id)
            .unwrap()["joint"]["value"]
            .as_f64()
            .unwrap()
    };
    let central = whole["endpoints"][1]["number"]["value"].as_f64().unwrap();
    assert!((joint("sensitivity") - central).abs() < 1e-12);
    fs::write(&files[1], note.replace("\"site\":\"A\"", "\"site\":\"B\"")).unwrap();
    refused(&candour(&arguments), 1, "signed by none of the keys");
}

/// Verifies SRS-041.
#[test]
fn every_entry_of_the_catalogue_says_what_it_is_and_takes_arguments_that_can_be_told_apart() {
    // Of the words of a table an entry may have its own; then the command line's are not added.
    let taken = ["data", "html", "json", "help", "missing-results", "list"];
    let mut ids = BTreeSet::new();
    for entry in catalogue::entries() {
        assert!(ids.insert(entry.id), "{} twice", entry.id);
        for words in [
            entry.title,
            entry.formula,
            entry.source,
            entry.assumptions,
            entry.compared_with,
        ] {
            assert!(!words.trim().is_empty(), "{}", entry.id);
        }
        assert!(!entry.numbers.is_empty(), "{}", entry.id);
        let mut names = BTreeSet::new();
        for name in entry.arguments() {
            let flag = name.replace('_', "-");
            assert!(names.insert(flag.clone()), "{}: {name} twice", entry.id);
            assert!(!taken.contains(&flag.as_str()), "{}: {name}", entry.id);
        }
        for setting in entry.settings {
            if let Some(default) = setting.default {
                catalogue::check_setting(setting, default)
                    .unwrap_or_else(|e| panic!("{}: {e}", entry.id));
            }
        }
    }
    let listed = good(&["statistics", "--list"]);
    assert!(ids.iter().all(|id| listed.contains(id)));
}

/// Words of the table reach the statistics that read words themselves, and the answer says which were read.
#[test]
fn words_of_the_table_reach_every_statistic() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("t.csv");
    fs::write(&file, "outcome\ncancer\nhealthy\ncancer\n\"\"\n").unwrap();
    let file = file.to_str().unwrap();
    let look = |more: &[&str]| {
        let head = ["statistics", "missing-bounds", "--data", file, "--json"];
        candour(&[&head[..], more].concat())
    };
    let said = look(&["--positive", "cancer", "--negative", "healthy"]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["settings"]["positive_words"], "cancer");
    // Two of four cells are successes, one is empty.
    let worst = said["answer"]["numbers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|n| n["name"] == "proportion_worst_case")
        .unwrap();
    assert_eq!(worst["value"], 0.5);
    let own = look(&[
        "--positive",
        "x",
        "--positive-words",
        "cancer",
        "--negative-words",
        "healthy",
    ]);
    assert!(own.status.success(), "{}", text(&own.stderr));
    refused(&look(&[]), 3, "t.csv:2: column `outcome`");
}

#[test]
fn one_number_needs_no_plan() {
    let answer: serde_json::Value = serde_json::from_str(&good(&[
        "statistics",
        "proportion",
        "--successes",
        "81",
        "--trials",
        "263",
        "--json",
    ]))
    .unwrap();
    // Newcombe 1998, table I, method 3: 0.2553 to 0.3662.
    let interval = &answer["answer"]["numbers"][0]["interval"];
    assert!((interval["lower"].as_f64().unwrap() - 0.2553).abs() < 5e-5);
    assert!((interval["upper"].as_f64().unwrap() - 0.3662).abs() < 5e-5);
    refused(&candour(&["statistics", "roc-acu"]), 2, "roc-auc");
    refused(
        &candour(&[
            "statistics",
            "roc-auc",
            "--data",
            SCORES,
            "--truth",
            "hospital",
            "--score",
            "ai",
        ]),
        3,
        "scores.csv:2",
    );
    refused(&candour(&["validate"]), 2, "give a plan");
}

/// Two patients of one kind each, ten rows apiece: rows that are taken as independent claim far too much.
#[test]
fn a_cluster_is_never_left_aside_for_want_of_an_argument() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("t.csv");
    let mut rows = String::from("truth,score,cluster\n");
    for i in 0..80 {
        let patient = i / 10;
        rows.push_str(&format!(
            "{},0.{},p{patient}\n",
            patient % 2,
            30 + (patient * 13 + i) % 41
        ));
    }
    fs::write(&data, rows).unwrap();
    let ask = |more: &[&str]| -> serde_json::Value {
        let head = [
            "statistics",
            "roc-auc",
            "--json",
            "--data",
            data.to_str().unwrap(),
        ];
        serde_json::from_str(&good(&[&head[..], more].concat())).unwrap()
    };
    let named = ask(&["--cluster", "cluster"]);
    let without = ask(&["--cluster", ""]);
    assert_ne!(without["answer"]["numbers"], named["answer"]["numbers"]);
    assert!(!without["answer"]["notes"].to_string().contains("cluster"));
    for more in [&[][..], &["--truth", "truth", "--score", "score"]] {
        let own = ask(more);
        assert_eq!(own["answer"]["numbers"], named["answer"]["numbers"]);
        let notes = own["answer"]["notes"].to_string();
        assert!(
            notes.contains("the column `cluster` was taken for what it is called"),
            "{notes}"
        );
    }
}

#[test]
fn a_fault_of_the_data_ends_as_unreadable_and_not_as_misuse() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("t.csv");
    let file = data.to_str().unwrap();
    for (entry, rows, says) in [
        (
            "brier",
            "1,0.5,a\n0,1.5,b\n",
            "t.csv:3: column `probability`: ",
        ),
        (
            "roc-auc",
            "1,0.5,a\n0,0.4,\n",
            "t.csv:3: column `patient`: ",
        ),
        (
            "roc-auc",
            "1,0.5,a\n0,1e999,b\n",
            "t.csv:3: `probability` is beyond the largest number",
        ),
    ] {
        fs::write(&data, format!("truth,probability,patient\n{rows}")).unwrap();
        let score = if entry == "brier" {
            "--probability"
        } else {
            "--score"
        };
        let mut arguments = vec!["statistics", entry, "--data", file, "--truth", "truth"];
        arguments.extend([score, "probability"]);
        if entry == "roc-auc" {
            arguments.extend(["--cluster", "patient"]);
        }
        refused(&candour(&arguments), 3, says);
    }
    // What was asked wrongly is the command's fault.
    fs::write(&data, "truth,score\n1,0.5\n0,0.4\n").unwrap();
    let arguments = ["statistics", "roc-auc", "--data", file, "--level", "2"];
    refused(&candour(&arguments), 2, "level");
}

#[test]
fn decisions_of_two_models_are_never_mixed() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let newer = dir.path().join("newer");
    copy_tree(&root().join("devices/breast-fna"), &newer);
    let model = newer.join("model/model.toml");
    let changed = fs::read_to_string(&model)
        .unwrap()
        .replace("version = \"1.0.0\"", "version = \"1.1.0\"");
    fs::write(&model, changed).unwrap();
    table(&dir.path().join("rows.csv"), 3);
    let run = |device: &str| {
        good(&[
            "run",
            "--device",
            device,
            "--workspace",
            &at("ws"),
            &at("rows.csv"),
        ]);
    };
    let monitor = |model: &[&str]| {
        let workspace = at("ws");
        let mut all = vec!["monitor", "--workspace", &workspace, "--json"];
        all.extend(model);
        candour(&all)
    };
    run("devices/breast-fna");
    // One model needs no name.
    let one: serde_json::Value = serde_json::from_slice(&monitor(&[]).stdout).unwrap();
    assert_eq!(
        (one["model"].as_str(), one["decisions"].as_u64()),
        (Some("breast-fna 1.0.0"), Some(3))
    );
    run(newer.to_str().unwrap());
    refused(&monitor(&[]), 2, "`breast-fna 1.0.0`, `breast-fna 1.1.0`");
    refused(
        &monitor(&["--model", "breast-fna"]),
        2,
        "no decision in use is by this model",
    );
    let named = monitor(&["--model", "breast-fna 1.1.0"]);
    let named: serde_json::Value = serde_json::from_slice(&named.stdout).unwrap();
    assert_eq!(named["decisions"].as_u64(), Some(3));
    let sealed = events(&dir.path().join("ws"));
    let Some(Event::Monitored(last)) = sealed.last() else {
        panic!("no record of the monitor");
    };
    assert_eq!(
        (last.model_version.as_str(), last.decisions),
        ("breast-fna 1.1.0", 3)
    );
    // A plan says which model it means.
    let plan = |include: &str| {
        let path = dir.path().join("plan.toml");
        fs::write(
            &path,
            format!(
                "title = \"{0}\"\nversion = \"1\"\n[report]\ntarget_population = \"x\"\nreference_standard = \"y\"\n[data]\nindependent = \"one row each\"\n{include}\n[[endpoint]]\nid = \"findings\"\nstatistic = \"proportion\"\noutcome = \"call\"\n",
                include.len()
            ),
        )
        .unwrap();
        candour(&[
            "validate",
            path.to_str().unwrap(),
            "--sealed",
            "--workspace",
            &at("ws"),
            "--out",
            &at("out"),
        ])
    };
    refused(&plan(""), 2, "[data.include] model = \"breast-fna 1.0.0\"");
    let output = plan("include = { model = \"breast-fna 1.1.0\" }");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        text(&output.stdout).contains("n = 3"),
        "{}",
        text(&output.stdout)
    );
    // The decisions were there before the plan, and a second look is counted whatever was added to them.
    let page = || fs::read_to_string(dir.path().join("out/report.html")).unwrap();
    assert!(page().contains("sealed AFTER the data were first in this ledger"));
    assert!(!page().contains("sealed before the data"));
    let decision = View::open(&dir.path().join("ws/ledger"))
        .unwrap()
        .records()
        .unwrap()
        .iter()
        .rposition(|(_, r)| matches!(r.event, Event::Decided(_)))
        .unwrap()
        .to_string();
    for (reference, before) in [("negative", ""), ("positive", "(negative)")] {
        let told = candour(&[
            "outcome",
            &decision,
            "--reference",
            reference,
            "--standard",
            "histology",
            "--workspace",
            &at("ws"),
        ]);
        let said = text(&told.stderr);
        assert!(told.status.success(), "{said}");
        // A second outcome of one study is taken, and never in silence.
        assert_eq!(said.is_empty(), before.is_empty(), "{said}");
        assert!(said.contains(before), "{said}");
    }
    let output = plan("include = { model = \"breast-fna 1.1.0\" }");
    let said = text(&output.stdout);
    assert!(said.contains("had been entered 1 time(s) before"), "{said}");
    assert!(
        said.contains("Of 1 case(s) the reference standard was sealed more than once"),
        "{said}"
    );
    assert!(page().contains("had been entered 1 time(s) before"));
}

/// The digests of the masks are data as much as the table that names them.
#[test]
fn masks_are_entered_with_their_digests() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let from = root().join("testdata/validation/masks");
    for (name, to) in [("b.nii", "truth.nii"), ("b.nii", "made.nii")] {
        fs::copy(from.join(name), dir.path().join(to)).unwrap();
    }
    fs::write(
        at("m.csv"),
        "case,truth,made\n1,truth.nii,made.nii\n2,truth.nii,made.nii\n",
    )
    .unwrap();
    fs::write(
        at("plan.toml"),
        "title = \"Masks\"\nversion = \"1\"\n[report]\ntarget_population = \"x\"\nreference_standard = \"y\"\n[data]\nkey = \"case\"\nindependent = \"one each\"\n[segmentation]\nreference = \"truth\"\nprediction = \"made\"\n[[endpoint]]\nid = \"dice\"\nstatistic = \"segmentation-summary\"\nvalue = \"dice\"\n",
    )
    .unwrap();
    let answer = || {
        let (plan, data, ws, out) = (at("plan.toml"), at("m.csv"), at("ws"), at("out"));
        good(&[
            "validate",
            &plan,
            "--data",
            &data,
            "--workspace",
            &ws,
            "--out",
            &out,
        ])
    };
    answer();
    let digests = || {
        let entered = events(&dir.path().join("ws"))
            .into_iter()
            .rev()
            .find_map(|e| match e {
                Event::DataEntered(d) => Some(d),
                _ => None,
            });
        entered
            .unwrap()
            .files
            .iter()
            .map(|f| f.digest)
            .collect::<Vec<_>>()
    };
    let first = digests();
    assert_eq!(first.len(), 2);
    let list = fs::read(at("out/masks.sha256")).unwrap();
    assert_eq!(first[1], Digest::of(&list));
    let mask = Digest::of(&fs::read(from.join("b.nii")).unwrap()).to_string();
    assert_eq!(String::from_utf8(list).unwrap().matches(&mask).count(), 4);
    // Another mask under the same name is other data.
    let mut other = fs::read(at("made.nii")).unwrap();
    let last = other.len() - 1;
    other[last] ^= 1;
    fs::write(at("made.nii"), other).unwrap();
    answer();
    assert_eq!(digests()[0], first[0]);
    assert_ne!(digests()[1], first[1]);
}
