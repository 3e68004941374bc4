//! Qualification and classification on whole device files. Each case in `cases/expected.toml` cites
//! the guidance's worked example or the clause that its expected result comes from; the files were
//! written from those sources, not from what the engine said.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use candour_regulation::{Class, Description, Law, Report, classify};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    file: String,
    cite: String,
    qualifies: Option<bool>,
    regulation: Option<String>,
    class: Option<Class>,
    class_range: Option<(Class, Class)>,
    rule: Option<String>,
    notified_body: Option<bool>,
    #[serde(default)]
    open: Vec<String>,
    #[serde(default)]
    modules: BTreeMap<String, String>,
    #[serde(default)]
    note: String,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

fn expected() -> Vec<Case> {
    let text = std::fs::read_to_string(folder().join("expected.toml")).unwrap();
    toml::from_str::<Expected>(&text).unwrap().case
}

fn report(file: &str) -> (Report, Description) {
    let law = Law::get().unwrap();
    let description = Description::open(law, &folder().join(file)).unwrap();
    (classify(law, &description), description)
}

/// Verifies SRS-036.
#[test]
fn every_case_comes_out_as_its_source_says() {
    let cases = expected();
    assert!(cases.len() >= 60, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        assert!(!case.cite.is_empty(), "{}: no source", case.file);
        let (report, description) = report(&case.file);
        assert!(
            description.faults.0.is_empty(),
            "{}: {}",
            case.file,
            description.faults
        );
        let mut differ = |what: &str, found: String, wanted: String| {
            if found != wanted {
                wrong.push(format!(
                    "{}: {what} is {found}, not {wanted} ({}) {}",
                    case.file, case.cite, case.note
                ));
            }
        };
        let uncertain = case.class_range.is_some() || !case.open.is_empty();
        differ(
            "qualifies",
            format!("{:?}", report.qualifies),
            format!("{:?}", case.qualifies),
        );
        if case.regulation.is_some() || !uncertain {
            differ(
                "regulation",
                format!("{:?}", report.regulation),
                format!("{:?}", case.regulation),
            );
        }
        differ(
            "class",
            format!("{:?}", report.class),
            format!("{:?}", case.class),
        );
        if case.class_range.is_some() {
            differ(
                "range",
                format!("{:?}", report.class_range),
                format!("{:?}", case.class_range),
            );
        }
        if case.rule.is_some() {
            differ(
                "rule",
                format!("{:?}", report.rule),
                format!("{:?}", case.rule),
            );
        }
        if case.notified_body.is_some() {
            differ(
                "notified body",
                format!("{:?}", report.notified_body),
                format!("{:?}", case.notified_body),
            );
        }
        let open: BTreeSet<&str> = report
            .open_questions
            .iter()
            .map(|q| q.key.as_str())
            .collect();
        for key in &case.open {
            if !open.contains(key.as_str()) {
                differ(
                    "open questions",
                    format!("{open:?}"),
                    format!("holding {key}"),
                );
            }
        }
        if !uncertain && !open.is_empty() {
            differ("open questions", format!("{open:?}"), "none".into());
        }
        for (name, class) in &case.modules {
            let module = report.modules.iter().find(|m| m.name == *name);
            let found = module.map(|m| {
                m.class.map_or_else(
                    || m.regulation.clone().unwrap_or_default(),
                    |c| c.name().to_owned(),
                )
            });
            differ(name, format!("{found:?}"), format!("{:?}", Some(class)));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn every_file_of_the_folder_is_a_case() {
    let listed: BTreeSet<String> = expected().into_iter().map(|c| c.file).collect();
    let there: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|f| f.ends_with(".toml") && f != "expected.toml")
        .collect();
    assert_eq!(listed, there);
}

/// Every rule of both regulations is taken by one case and not by another, and so is every step.
#[test]
fn every_rule_and_step_is_tried_on_both_sides() {
    let law = Law::get().unwrap();
    let mut rules: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    let mut steps: BTreeMap<&str, [bool; 2]> = BTreeMap::new();
    for act in law.in_force() {
        rules.extend(act.rule.iter().map(|r| (r.id.as_str(), [false; 2])));
        steps.extend(act.step.iter().map(|s| (s.id.as_str(), [false; 2])));
    }
    for case in expected() {
        let (report, _) = report(&case.file);
        let all = report
            .modules
            .iter()
            .flat_map(|m| &m.rules)
            .chain(&report.rules);
        for rule in all {
            if let Some(applies) = rule.applies {
                let seen = rules.get_mut(rule.id.as_str()).unwrap();
                seen[usize::from(applies)] = true;
            }
        }
        for step in report
            .modules
            .iter()
            .flat_map(|m| &m.steps)
            .chain(&report.steps)
        {
            let seen = steps.get_mut(step.id.as_str()).unwrap();
            match step.answer {
                "yes" => seen[1] = true,
                "no" => seen[0] = true,
                _ => {}
            }
        }
    }
    let untried = |of: &BTreeMap<&str, [bool; 2]>| -> Vec<String> {
        of.iter()
            .filter(|(_, s)| **s != [true; 2])
            .map(|(id, s)| format!("{id}: not applying {}, applying {}", s[0], s[1]))
            .collect()
    };
    let missing = [untried(&rules), untried(&steps)].concat();
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// Every case of every rule, each cell of the table included, is the one that some device meets, and
/// there is a device that its rule reaches without it, unless it holds whenever the rule does.
#[test]
fn every_case_of_every_rule_is_met_by_some_device() {
    let law = Law::get().unwrap();
    let mut all: BTreeMap<(String, String), bool> = BTreeMap::new();
    for act in law.in_force() {
        for rule in &act.rule {
            let own = rule
                .case
                .iter()
                .map(|c| (rule.id.clone(), c.because.clone()));
            all.extend(own.map(|k| (k, false)));
        }
        all.extend(
            act.case
                .iter()
                .map(|c| ((c.rule.clone(), c.because.clone()), false)),
        );
    }
    for case in expected() {
        let (report, _) = report(&case.file);
        for rule in report
            .modules
            .iter()
            .flat_map(|m| &m.rules)
            .chain(&report.rules)
        {
            for met in rule.cases.iter().filter(|c| c.holds == Some(true)) {
                if let Some(seen) = all.get_mut(&(rule.id.clone(), met.because.clone())) {
                    *seen = true;
                }
            }
        }
    }
    let unmet: Vec<String> = all
        .iter()
        .filter(|(_, seen)| !**seen)
        .map(|((rule, case), _)| format!("{rule}: {case}"))
        .collect();
    assert!(unmet.is_empty(), "{}", unmet.join("\n"));
}
