//! `classify`, `check` and `deadlines` as a developer, a pipeline and an auditor use them.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods
)]

mod common;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use candour_record::{Answer, Digest, Event, Record};
use common::{BINARY, candour, copy_tree, root, text};
use serde_json::Value;

const CT: &str = "devices/ct-nodule-phantom";
const FNA: &str = "devices/breast-fna";

fn json(arguments: &[&str]) -> Value {
    let output = candour(arguments);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| {
        panic!(
            "{arguments:?}: {e}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        )
    })
}

fn said(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// Verifies SRS-036: the members that a pipeline reads are there, on both example devices.
#[test]
fn the_report_has_what_a_pipeline_reads() {
    // MDCG 2019-11 rev.1 Annex III Table 1 cell III.i and MDR Annex VIII Rule 11; IVDR Annex VIII 2.3(h).
    for (device, regulation, class, rule) in [
        (CT, "MDR", "IIb", "MDR Annex VIII Rule 11(a)"),
        (FNA, "IVDR", "C", "IVDR Annex VIII Rule 3(h)"),
    ] {
        let report = json(&["classify", device, "--json"]);
        assert_eq!(report["qualifies"], true);
        assert_eq!(report["regulation"], regulation);
        assert_eq!(report["class"], class);
        assert_eq!(report["rule"], rule);
        assert_eq!(report["notified_body"], true);
        assert_eq!(report["open_questions"], serde_json::json!([]));
        let file = fs::read_to_string(root().join(device).join("device.toml")).unwrap();
        let lines: Vec<&str> = file.lines().collect();
        for step in report["steps"].as_array().unwrap() {
            for member in ["clause", "question", "answer", "because"] {
                assert!(!step[member].as_str().unwrap().is_empty(), "{step}");
            }
            // The line is that of the key that decided it.
            for fact in step["facts"].as_array().unwrap() {
                if let Some(line) = fact["place"]["line"].as_u64() {
                    let key = fact["key"].as_str().unwrap().rsplit('.').next().unwrap();
                    assert!(lines[line as usize - 1].starts_with(key), "{fact}");
                }
            }
        }
        let rules = report["rules"].as_array().unwrap();
        assert!(
            rules.len() > 20
                && rules
                    .iter()
                    .all(|r| !r["reason"].as_str().unwrap().is_empty())
        );
        assert!(
            rules
                .iter()
                .any(|r| r["id"] == rule && r["applies"] == true && r["class"] == class)
        );
        assert!(
            report["routes"]
                .as_array()
                .unwrap()
                .iter()
                .all(|r| !r["annexes"].as_array().unwrap().is_empty())
        );
    }
}

/// What is not answered is a range and a question, and a file with faults is not classified.
#[test]
fn what_is_uncertain_is_said_and_what_is_faulty_refused() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device.toml");
    let shipped = fs::read_to_string(root().join(CT).join("device.toml")).unwrap();
    fs::write(
        &device,
        shipped.replace(
            "worst_harm = \"serious_deterioration\"",
            "worst_harm = \"unknown\"",
        ),
    )
    .unwrap();
    let path = device.to_str().unwrap();
    let report = json(&["classify", path, "--json"]);
    assert_eq!(report["class"], Value::Null);
    // The table's cell gives IIb; the text of Rule 11 could give III.
    assert_eq!(report["class_range"], serde_json::json!(["IIb", "III"]));
    assert_eq!(report["open_questions"][0]["key"], "information.worst_harm");
    let output = candour(&["classify", path]);
    assert!(output.status.success() && said(&output).contains("OPEN QUESTIONS"));

    fs::write(
        &device,
        shipped
            .replace("worst_harm", "worst_ham")
            .replace("benefit = \"individual_patients\"", "benefit = 3"),
    )
    .unwrap();
    let output = candour(&["classify", path]);
    assert_eq!(output.status.code(), Some(2));
    let all = said(&output);
    assert!(
        all.contains("did you mean `worst_harm`?") && all.contains("benefit is integer"),
        "{all}"
    );
    assert!(all.contains(":51:1\n"), "{all}");
    assert!(output.stdout.is_empty());
    let faults = json(&["classify", path, "--json"]);
    assert_eq!(faults["diagnostics"].as_array().unwrap().len(), 2);
    assert_eq!(faults["diagnostics"][0]["place"]["line"], 33);
}

/// Verifies SRS-037: diagnostics as a compiler gives them, with an exit code for a pipeline.
#[test]
fn check_reads_as_a_compiler_does() {
    let output = candour(&["check", CT]);
    assert_eq!(output.status.code(), Some(1));
    let all = said(&output);
    for part in [
        "error[",
        "--> devices/ct-nodule-phantom/device.toml:",
        "= clause: MDR Annex I",
        "= why: applies because",
        "= remedy: ",
        "= run: candour validate",
        "Summary",
        "What closes most:",
    ] {
        assert!(all.contains(part), "{part}");
    }
    let found = json(&["check", CT, "--json"]);
    for d in found["diagnostics"].as_array().unwrap() {
        for member in ["code", "what", "clause", "remedy"] {
            assert!(!d[member].as_str().unwrap().is_empty(), "{d}");
        }
        assert!(
            d["place"]["line"].as_u64().unwrap() > 0 && d["place"]["column"].as_u64().unwrap() > 0
        );
    }
    // No contradiction in what is shipped.
    assert!(
        found["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .all(|d| !d["code"].as_str().unwrap().starts_with("claim"))
    );
    let long = said(&candour(&["check", "--explain", "GSPR-17.2"]));
    for part in [
        "MDR Annex I 17.2",
        "Asks",
        "Applies when",
        "Met by",
        "Remedy",
    ] {
        assert!(long.contains(part), "{long}");
    }
    let output = candour(&["check", "--explain", "GSPR-17.9"]);
    assert_eq!(output.status.code(), Some(2));
    let output = candour(&["check", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("give a device's folder"));
}

/// Verifies SRS-038, with the model's bytes.
#[test]
fn a_changed_model_is_a_change() {
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new");
    copy_tree(&root().join(FNA), &new);
    let output = candour(&["check", new.to_str().unwrap(), "--against", FNA]);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("Nothing differs."));
    let model = new.join("model/model.toml");
    let changed = fs::read_to_string(&model).unwrap() + "\n# another\n";
    fs::write(&model, changed).unwrap();
    let output = candour(&["check", new.to_str().unwrap(), "--against", FNA]);
    assert_eq!(output.status.code(), Some(1));
    let all = said(&output);
    for part in [
        "Significant change",
        "A new UDI-DI is needed",
        "files.model",
        "record:Validated",
        "Annex VI Part C",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let change = json(&["check", new.to_str().unwrap(), "--against", FNA, "--json"]);
    assert_eq!(change["significant"], true);
    assert_eq!(change["reclassified"], false);
}

/// Verifies SRS-039.
#[test]
fn deadlines_are_printed_with_their_clauses() {
    let output = candour(&["deadlines"]);
    assert!(output.status.success() && said(&output).contains("serious_incident: "));
    let arguments = [
        "deadlines",
        "serious_incident",
        "--aware",
        "2026-11-25T09:30:00+01:00",
        "--device",
        CT,
    ];
    let all = said(&candour(&arguments));
    // MDR Art. 87(3): not later than 15 days after awareness.
    assert!(
        all.contains("until 2026-12-10T23:59:59+01:00 (15 days after awareness)  MDR Art. 87(3)"),
        "{all}"
    );
    assert!(!all.contains("IVDR Art. 82"));
    for wrong in [
        [
            "deadlines",
            "earthquake",
            "--aware",
            "2026-11-25T09:30:00+01:00",
        ],
        ["deadlines", "serious_incident", "--aware", "yesterday"],
        [
            "deadlines",
            "serious_incident",
            "--aware",
            "2026-11-25T09:30:00",
        ],
    ] {
        let output = candour(&wrong);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{wrong:?}: {}",
            said(&output)
        );
    }
}

/// Verifies SRS-036: the classification is sealed, and the sealed digest is that of the report printed.
#[test]
fn a_classification_is_sealed_with_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().join("ws");
    let ws = workspace.to_str().unwrap();
    assert!(
        candour(&["classify", CT, "--workspace", ws])
            .status
            .success()
    );
    let records: Vec<Record> = candour_ledger::View::open(&workspace.join("ledger"))
        .unwrap()
        .records()
        .unwrap()
        .into_iter()
        .map(|(_, r)| r)
        .collect();
    let Some(Event::Classified(sealed)) = records.last().map(|r| &r.event) else {
        panic!("not sealed");
    };
    assert_eq!(
        (sealed.qualifies, sealed.notified_body),
        (Answer::Yes, Answer::Yes)
    );
    assert_eq!(
        (sealed.class.as_deref(), sealed.rule.as_deref()),
        (Some("IIb"), Some("MDR Annex VIII Rule 11(a)"))
    );
    let report =
        fs::read(workspace.join("regulation/ct-nodule-phantom/classification.json")).unwrap();
    assert_eq!(sealed.report, Digest::of(&report));
    let printed = candour(&["classify", CT, "--json"]).stdout;
    assert_eq!(text(&printed).trim_end(), text(&report));
    // The record counts as evidence in the check, for this very device file and no other.
    let state = |device: &str| {
        let found = json(&["check", device, "--workspace", ws, "--json"]);
        let list = found["requirements"].as_array().unwrap().clone();
        list.into_iter().find(|r| r["id"] == "2019-11-8").unwrap()["state"].clone()
    };
    assert_eq!(state(CT), "met");
    assert_eq!(state(FNA), "missing");
    let page =
        fs::read_to_string(workspace.join("regulation/ct-nodule-phantom/regulation.html")).unwrap();
    for part in [
        "The decision path",
        "The map of requirements",
        "MDR Annex VIII Rule 11(a)",
        "aria-label=\"GSPR-17.2",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

/// What a device file says is text on the page, never markup.
#[test]
fn a_hostile_device_file_stays_text_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device.toml");
    let page = folder.path().join("page.html");
    let shipped = fs::read_to_string(root().join(CT).join("device.toml")).unwrap();
    let hostile = shipped
        .replace(
            "name = \"Candour CT",
            "name = \"<script>alert(1)</script> CT",
        )
        .replace(
            "indication = \"Simulated",
            "indication = \"<img src=x onerror=alert(1)>Simulated",
        );
    fs::write(&device, hostile).unwrap();
    let output = candour(&[
        "check",
        device.to_str().unwrap(),
        "--summary",
        "--html",
        page.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("&#60;script&#62;") || page.contains("&lt;script&gt;"));
    assert!(!page.contains("<script") && !page.contains("<img"));
}

/// Verifies SRS-040: the interview over a pipe writes the file, answer by answer.
#[test]
fn the_interview_writes_the_device_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/device.toml");
    fs::create_dir(folder.path().join("new")).unwrap();
    let ask = |answers: &str| -> Output {
        let mut child = Command::new(BINARY)
            .current_dir(path.parent().unwrap())
            .args(["classify", "device.toml", "--ask"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(answers.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    let output = ask("Lung aid\nstop\n");
    assert!(output.status.success(), "{}", said(&output));
    let file = fs::read_to_string(&path).unwrap();
    assert!(file.starts_with("format = 1\n") && file.contains("name = \"Lung aid\""));
    // Ended by the end of input: what was answered is kept.
    let output = ask("\n\n\n\n\n\n\n\n");
    assert!(output.status.success() && said(&output).contains("OPEN QUESTIONS"));
    assert_eq!(fs::read_to_string(&path).unwrap(), file);
    assert!(Path::new(&path).is_file());
}

/// A module takes nothing away from what the product does besides, and two regulations are two
/// conformity assessments (MDCG 2019-11 rev.1 section 7).
#[test]
fn modules_add_and_both_regulations_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device.toml");
    let shipped = fs::read_to_string(root().join(CT).join("device.toml")).unwrap();
    let archive = "\n[[module]]\nname = \"Archive\"\n[module.software]\nactions = [\"archival\"]\n";
    let cytology = "\n[[module]]\nname = \"Cytology\"\n[module.intended_purpose]\nmedical_purpose = [\"physiological_or_pathological_process\"]\n[module.data]\nfrom_ivd = \"only\"\n[module.characteristics]\nivdr = [\"cancer\"]\n";
    fs::write(&device, format!("{shipped}{archive}")).unwrap();
    let report = json(&["classify", device.to_str().unwrap(), "--json"]);
    assert_eq!(
        (&report["qualifies"], &report["class"]),
        (&Value::from(true), &Value::from("IIb"))
    );
    assert_eq!(report["modules"][0]["regulation"], "none");
    fs::write(&device, format!("{shipped}{cytology}")).unwrap();
    let report = json(&["classify", device.to_str().unwrap(), "--json"]);
    let clauses: Vec<&str> = report["routes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["clause"].as_str().unwrap())
        .collect();
    // MDR Art. 52(4) for class IIb; IVDR Art. 48(7), (8) for class C.
    assert!(
        clauses.iter().any(|c| c.starts_with("MDR Art. 52(4)")),
        "{clauses:?}"
    );
    assert!(
        clauses.iter().any(|c| c.starts_with("IVDR Art. 48(7)")),
        "{clauses:?}"
    );
}

/// Files that the device file names are looked at; what cannot serve is no evidence.
#[test]
fn files_that_cannot_serve_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("d");
    copy_tree(&root().join(CT), &device);
    fs::remove_file(device.join("texts/instructions_for_use.md")).unwrap();
    fs::write(device.join("texts/warnings.md"), "  \n").unwrap();
    fs::write(device.join("texts/qualification.md"), b"\xff\xfe").unwrap();
    let found = json(&["check", device.to_str().unwrap(), "--json"]);
    let list = found["diagnostics"].as_array().unwrap();
    let code = |code: &str| {
        list.iter()
            .find(|d| d["code"] == code)
            .unwrap_or_else(|| panic!("{code}"))
    };
    assert!(
        code("texts.warnings")["what"]
            .as_str()
            .unwrap()
            .contains("it is empty")
    );
    assert!(
        code("texts.qualification")["what"]
            .as_str()
            .unwrap()
            .contains("not UTF-8")
    );
    assert!(
        code("instructions_for_use.healthcare_professional")["place"]["line"]
            .as_u64()
            .unwrap()
            > 80
    );
    code("users-without-instructions");
    let state = |id: &str| {
        found["requirements"]
            .as_array()
            .unwrap()
            .iter()
            .find(|r| r["id"] == id)
            .unwrap()["lack"]
            .clone()
    };
    assert!(state("GSPR-23.4s").to_string().contains("text:warnings"));
}

/// A page is written where a page or nothing stands, and nowhere else.
#[test]
fn a_page_never_replaces_a_device_file() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device.toml");
    fs::copy(root().join(CT).join("device.toml"), &device).unwrap();
    let path = device.to_str().unwrap();
    let before = fs::read(&device).unwrap();
    let output = candour(&["classify", path, "--html", path]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert_eq!(fs::read(&device).unwrap(), before);
    let page = folder.path().join("page.html");
    for _ in 0..2 {
        assert!(
            candour(&["classify", path, "--html", page.to_str().unwrap()])
                .status
                .success()
        );
    }
}

/// What a change means is not said to be nothing where it was not answered.
#[test]
fn an_unanswered_change_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let shipped = fs::read_to_string(root().join(CT).join("device.toml")).unwrap();
    let (old, new) = (
        folder.path().join("old.toml"),
        folder.path().join("new.toml"),
    );
    fs::write(&old, &shipped).unwrap();
    let changed = shipped.replace("version = \"1.0.0\"", "version = \"1.1.0\"");
    fs::write(
        &new,
        format!("{changed}\n[change]\nkinds = [\"bug_fix\"]\n"),
    )
    .unwrap();
    let arguments = [
        "check",
        new.to_str().unwrap(),
        "--against",
        old.to_str().unwrap(),
    ];
    let output = candour(&arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("change.affects_performance_or_safety"),
        "{}",
        said(&output)
    );
    fs::write(
        &new,
        format!(
            "{changed}\n[change]\nkinds = [\"bug_fix\"]\naffects_performance_or_safety = false\n"
        ),
    )
    .unwrap();
    let output = candour(&arguments);
    assert!(output.status.success(), "{}", said(&output));
    assert!(said(&output).contains("A new UDI-PI (version) is enough."));
}
