//! Requirements, contradictions, changes and deadlines on whole device files.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use candour_regulation::{
    ChangeReport, Description, Files, Findings, Interview, Law, OnHand, Report, State, Truth,
    Version, assess_change, check, classify, deadlines, events,
};

const CT: &str = include_str!("../../../devices/ct-nodule-phantom/device.toml");

fn law() -> &'static Law {
    Law::get().unwrap()
}

fn read(text: &str) -> Description {
    let none = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    Description::read(law(), "device.toml", text.as_bytes().to_vec(), &none)
}

fn on_hand(texts: &[&str], records: &[&str]) -> OnHand {
    let set = |list: &[&str]| {
        list.iter()
            .map(|t| (*t).to_owned())
            .collect::<BTreeSet<_>>()
    };
    OnHand {
        texts: set(texts),
        records: Some(set(records)),
        today: "2026-11-25".into(),
        device: "device".into(),
        workspace: "ws".into(),
        unreadable: BTreeMap::new(),
    }
}

fn findings(text: &str) -> (Report, Findings) {
    let device = read(text);
    assert_eq!(device.faults.errors(), 0, "{}", device.faults);
    let report = classify(law(), &device);
    let found = check(law(), &device, &report, &on_hand(&[], &[]));
    (report, found)
}

fn change(from: &str, to: &str) -> String {
    assert!(CT.contains(from), "{from}");
    CT.replacen(from, to, 1)
}

fn codes(found: &Findings) -> BTreeSet<&str> {
    found.diagnostics.iter().map(|d| d.code.as_str()).collect()
}

/// Verifies SRS-037: each contradiction is found where it stands, and only there.
#[test]
fn contradictions_are_found_on_one_side_and_not_on_the_other() {
    let tables = |text: &str| format!("{CT}\n{text}");
    let cases: Vec<(&str, String)> = vec![
        (
            "claimed-class",
            change("class = \"IIb\"", "class = \"IIa\""),
        ),
        (
            "claimed-regulation",
            change(
                "regulation = \"MDR\"\nclass = \"IIb\"",
                "regulation = \"IVDR\"\nclass = \"C\"",
            ),
        ),
        (
            "claimed-rule",
            change(
                "rule = \"MDR Annex VIII Rule 11(a)\"",
                "rule = \"MDR Annex VIII Rule 10\"",
            ),
        ),
        (
            "claim-purpose",
            change("purpose = \"diagnosis\"", "purpose = \"treatment\""),
        ),
        (
            "claim-indication",
            tables("[[claim]]\ntext = \"finds fractures\"\nindication = \"rib fracture\""),
        ),
        (
            "claim-users",
            tables("[[claim]]\ntext = \"for the patient at home\"\nusers = \"lay_person\""),
        ),
        (
            "claim-significance",
            tables(
                "[[claim]]\ntext = \"gives the diagnosis\"\nsignificance = \"treat_or_diagnose\"",
            ),
        ),
        (
            "indication-not-validated",
            change("indications = [", "indications = [\"Pleural effusion.\", "),
        ),
        (
            "covers-unknown-indication",
            change("covers = [", "covers = [\"Pneumonia.\", "),
        ),
        (
            "users-without-instructions",
            change(
                "user_groups = [\"healthcare_professional\"]",
                "user_groups = [\"healthcare_professional\", \"lay_person\"]",
            ),
        ),
        (
            "risk-without-control",
            tables("[[risk]]\nid = \"R9\"\nhazard = \"h\"\nharm = \"x\"\nseverity = \"minor\""),
        ),
        (
            "risk-not-accepted",
            tables(
                "[[risk]]\nid = \"R9\"\nhazard = \"h\"\nharm = \"x\"\nseverity = \"minor\"\ncontrols = [\"c\"]\nacceptable = false",
            ),
        ),
        (
            "risk-above-worst-harm",
            tables(
                "[[risk]]\nid = \"R9\"\nhazard = \"h\"\nharm = \"x\"\nseverity = \"death\"\ncontrols = [\"c\"]\nacceptable = true",
            ),
        ),
        (
            "diagnosis-without-decision",
            change("supports_decisions = true", "supports_decisions = false"),
        ),
        (
            "monitoring-without-processes",
            change(
                "monitors_physiology = false",
                "monitors_physiology = false\nvital_parameters = true",
            ),
        ),
        (
            "danger-without-vital",
            change(
                "monitors_physiology = false",
                "monitors_physiology = true\nvital_parameters = false\nimmediate_danger = true",
            ),
        ),
        (
            "treats-or-diagnoses-without-harm",
            change(
                "significance = \"drive_management\"\nsituation = \"critical\"\nworst_harm = \"serious_deterioration\"",
                "significance = \"treat_or_diagnose\"\nsituation = \"critical\"\nworst_harm = \"minor\"",
            ),
        ),
        (
            "device-class-without-role",
            tables("[control]\ndevice_class = \"IIb\""),
        ),
        (
            "driver-without-device",
            tables("[control]\nrole = \"drives\"\ndevice_class = \"IIb\""),
        ),
        (
            "mobile-implants",
            tables(
                "[control]\nrole = \"drives\"\ndevice = \"pacemaker\"\ndevice_class = \"IIb\"\ntargets = [\"active_implantable\"]",
            ),
        ),
        (
            "beyond-storage-without-purpose",
            change("medical_purpose = [\"diagnosis\"]", "medical_purpose = []"),
        ),
        (
            "ivd-purpose-without-ivd-data",
            change(
                "medical_purpose = [\"diagnosis\"]",
                "medical_purpose = [\"diagnosis\", \"predisposition\"]",
            ),
        ),
        (
            "specimen-without-ivd",
            change("part_of_body = ", "specimen = \"blood\"\npart_of_body = "),
        ),
        (
            "ivd-only-with-body-image",
            change("from_ivd = \"none\"", "from_ivd = \"only\""),
        ),
        (
            "self-test-without-lay-users",
            tables("[characteristics]\nivdr = [\"self_testing\"]"),
        ),
        (
            "self-test-exception-alone",
            tables("[characteristics]\nivdr = [\"self_testing\", \"self_testing_class_b\"]"),
        ),
        (
            "lay-users-of-a-reading-aid",
            change(
                "user_groups = [\"healthcare_professional\"]",
                "user_groups = [\"lay_person\"]",
            ),
        ),
        (
            "decisions-without-purpose",
            change("medical_purpose = [\"diagnosis\"]", "medical_purpose = []"),
        ),
        (
            "treats-without-decision",
            change(
                "medical_purpose = [\"diagnosis\"]",
                "medical_purpose = [\"treatment\"]",
            )
            .replace("\"detection\", \"analysis\"", "\"therapy\"")
            .replace("supports_decisions = true", "supports_decisions = false"),
        ),
        (
            "significance-without-decision",
            change(
                "medical_purpose = [\"diagnosis\"]",
                "medical_purpose = [\"prognosis\"]",
            )
            .replace("supports_decisions = true", "supports_decisions = false"),
        ),
        (
            "purpose-of-what-only-keeps",
            change(
                "\"image_processing\", \"detection\", \"analysis\"",
                "\"display\", \"archival\"",
            ),
        ),
        (
            "instrument-with-own-purpose",
            tables("[characteristics]\nivdr = [\"instrument\"]")
                .replace("from_ivd = \"none\"", "from_ivd = \"only\""),
        ),
        (
            "hardware-under-the-other-regulation",
            tables("[control]\nrole = \"drives\"\ndevice = \"analyser\"\ndevice_class = \"C\""),
        ),
        (
            "driven-class-below-its-rule",
            tables(
                "[control]\nrole = \"drives\"\ndevice = \"linac\"\ndevice_class = \"IIa\"\ntargets = [\"therapeutic_ionising_radiation\"]",
            ),
        ),
        (
            "purpose-yet-no-device",
            change(
                "benefit = \"individual_patients\"",
                "benefit = \"population\"",
            ),
        ),
        (
            "monitoring-denied",
            change(
                "medical_purpose = [\"diagnosis\"]",
                "medical_purpose = [\"diagnosis\", \"monitoring\"]",
            ),
        ),
        (
            "learning-without-ai",
            change(
                "artificial_intelligence = true",
                "artificial_intelligence = false",
            ),
        ),
        (
            "claim-without-reference",
            tables("[[claim]]\ntext = \"Cures without supervision\""),
        ),
        (
            "continuous-learning",
            change("learning = \"locked\"", "learning = \"continuous\""),
        ),
        (
            "no-human-decides",
            change(
                "decision_without_human = false",
                "decision_without_human = true",
            ),
        ),
        (
            "not_applicable",
            tables("[not_applicable]\nGSPR-99 = \"because\""),
        ),
    ];
    let (_, plain) = findings(CT);
    let plain = codes(&plain);
    let mut tried = BTreeSet::new();
    for (code, text) in &cases {
        assert!(
            !plain.contains(code),
            "{code} is found in the device as shipped"
        );
        let (_, found) = findings(text);
        let hit = found.diagnostics.iter().find(|d| d.code == *code);
        let hit = hit.unwrap_or_else(|| panic!("{code} is not found: {:?}", codes(&found)));
        assert!(
            hit.place.line > 1 && !hit.clause.is_empty() && !hit.remedy.is_empty(),
            "{hit:?}"
        );
        assert!(
            !hit.what.contains('{') && !hit.remedy.contains('{'),
            "{hit:?}"
        );
        tried.insert(*code);
    }
    // Every check of the data is tried.
    for act in law().in_force() {
        for c in &act.consistency {
            assert!(tried.contains(c.id.as_str()), "{} is not tried", c.id);
        }
    }
}

/// Verifies SRS-037: a requirement is missing, then partly, then met, as its evidence comes.
#[test]
fn evidence_turns_a_requirement_from_missing_to_met() {
    let device = read(CT);
    let report = classify(law(), &device);
    let state = |texts: &[&str], records: &[&str]| {
        let found = check(law(), &device, &report, &on_hand(texts, records));
        let r = found
            .requirements
            .iter()
            .find(|r| r.id == "2019-11-8")
            .unwrap();
        let diagnosed = found.diagnostics.iter().any(|d| d.code == r.id);
        (r.state, diagnosed)
    };
    assert_eq!(state(&[], &[]), (State::Missing, true));
    assert_eq!(state(&[], &["Classified"]), (State::Met, false));
    let found = check(law(), &device, &report, &on_hand(&[], &[]));
    for d in &found.diagnostics {
        assert!(
            !d.clause.is_empty() && !d.remedy.is_empty() && !d.place.file.is_empty(),
            "{d:?}"
        );
        assert!(d.long().contains(&format!("--> {}", d.place)), "{d:?}");
    }
    // The numbers of the summary are those of the requirements.
    let summed: usize = found.summary.iter().flat_map(|g| g.counts.values()).sum();
    assert_eq!(summed, found.requirements.len());
    assert!(found.requirements.len() > 100);
    // What would close most is counted from the requirements themselves.
    let next = found.next.first().unwrap();
    let named = found
        .requirements
        .iter()
        .filter(|r| {
            r.severity > candour_regulation::Severity::Note
                && matches!(r.state, State::Missing | State::Partly)
                && r.lack.contains(&next.evidence)
        })
        .count();
    assert_eq!(named, next.requirements.len());
}

/// A requirement that the maker declares not applicable is so with his reason, unless it never may.
#[test]
fn the_makers_reason_is_taken_where_it_may_be() {
    let always = law()
        .in_force()
        .flat_map(|a| &a.entry)
        .find(|e| e.always && e.cite.starts_with("MDR Annex I"));
    let text = format!("{CT}\n[not_applicable]\n\"2019-11-8\" = \"first version\"\n");
    let (_, found) = findings(&text);
    let r = found
        .requirements
        .iter()
        .find(|r| r.id == "2019-11-8")
        .unwrap();
    assert_eq!(
        (r.state, r.why.as_str()),
        (State::NotApplicable, "the manufacturer: first version")
    );
    if let Some(entry) = always {
        let text = format!("{CT}\n[not_applicable]\n\"{}\" = \"no\"\n", entry.id);
        let (_, found) = findings(&text);
        assert!(codes(&found).contains("not_applicable"));
        let r = found
            .requirements
            .iter()
            .find(|r| r.id == entry.id)
            .unwrap();
        assert_ne!(r.state, State::NotApplicable);
    }
}

/// MDR Art. 5(5): a device made and used in one institution keeps Annex I and leaves the rest.
#[test]
fn a_device_made_in_house_keeps_annex_i() {
    let (report, found) = findings(&change(
        "demonstration = true",
        "demonstration = true\nin_house = true",
    ));
    assert_eq!(report.notified_body, Some(false));
    assert_eq!(report.ai_high_risk, Some(false));
    let of = |id: &str| found.requirements.iter().find(|r| r.id == id).unwrap();
    assert_ne!(of("GSPR-17.2").state, State::NotApplicable);
    let left = of("MDR-86");
    assert_eq!(left.state, State::NotApplicable);
    assert!(left.why.contains("health institution"), "{}", left.why);
    // A reason that has nothing to do with it stays the entry's own.
    let (_, placed) = findings(CT);
    let why = |id: &str| {
        placed
            .requirements
            .iter()
            .find(|r| r.id == id)
            .unwrap()
            .why
            .clone()
    };
    assert!(
        !why("MDR-85").contains("health institution"),
        "{}",
        why("MDR-85")
    );
}

/// What applies from a later day is a note until that day.
#[test]
fn later_duties_wait_for_their_day() {
    let device = read(CT);
    let report = classify(law(), &device);
    let later = law().in_force().flat_map(|a| &a.entry).find(|e| {
        !e.from.is_empty()
            && e.outside.is_empty()
            && report.holds(law(), &device, &e.when) == Truth::Yes
    });
    let later = later.expect("the AI Act has such duties");
    let state = |today: &str| {
        let hand = OnHand {
            today: today.into(),
            ..on_hand(&[], &[])
        };
        let found = check(law(), &device, &report, &hand);
        found
            .requirements
            .iter()
            .find(|r| r.id == later.id)
            .unwrap()
            .state
    };
    assert_eq!(state("2026-11-25"), State::Later);
    assert_ne!(state("2099-01-01"), State::Later);
}

fn assess(before: &str, after: &str, files: [&str; 2]) -> ChangeReport {
    let (old, new) = (read(before), read(after));
    let (old_report, new_report) = (classify(law(), &old), classify(law(), &new));
    let [old_files, new_files] =
        files.map(|d| Files::from([("files.model".to_owned(), d.to_owned())]));
    assess_change(
        law(),
        &Version {
            device: &old,
            report: &old_report,
            files: &old_files,
        },
        &Version {
            device: &new,
            report: &new_report,
            files: &new_files,
        },
    )
}

/// Verifies SRS-038. MDR Annex VI Part C 6.5.2 and 6.5.3 name which changes need a new UDI-DI and for
/// which a new UDI-PI is enough; Annex IX 4.10 which the notified body approves.
#[test]
fn changes_mean_what_the_annexes_say() {
    let same = assess(CT, CT, ["a", "a"]);
    assert!(same.differences.is_empty() && same.findings.is_empty() && same.stale.is_empty());
    assert!(!same.significant && !same.new_udi_di && !same.reclassified);

    let model = assess(CT, CT, ["a", "b"]);
    assert!(model.new_udi_di && model.significant && !model.reclassified);
    assert!(model.stale.iter().any(|s| s.evidence == "record:Validated"));

    let version = change("version = \"1.0.0\"", "version = \"1.0.1\"");
    for (kind, di, pi) in [
        ("bug_fix", false, true),
        ("usability", false, true),
        ("security_patch", false, true),
        ("efficiency", false, true),
        ("algorithm", true, false),
        ("database_structure", true, false),
        ("operating_platform", true, false),
        ("architecture", true, false),
        ("user_interface", true, false),
        ("interoperability", true, false),
    ] {
        let after = format!(
            "{version}\n[change]\nkinds = [\"{kind}\"]\naffects_performance_or_safety = false\n"
        );
        let found = assess(CT, &after, ["a", "a"]);
        assert_eq!(
            (found.new_udi_di, found.new_udi_pi, found.significant),
            (di, pi, false),
            "{kind}"
        );
    }
    let after = format!(
        "{version}\n[change]\nkinds = [\"bug_fix\"]\naffects_performance_or_safety = true\n"
    );
    let found = assess(CT, &after, ["a", "a"]);
    assert!(found.new_udi_di && found.significant);

    let purpose = assess(
        CT,
        &change("indications = [", "indications = [\"Pleural effusion.\", "),
        ["a", "a"],
    );
    assert!(purpose.significant && purpose.new_udi_di && !purpose.reclassified);
    let difference = &purpose.differences[0];
    assert_eq!(difference.key, "intended_purpose.indications");
    assert!(difference.place.is_some() && difference.after.contains("Pleural"));

    let class = assess(
        CT,
        &change(
            "worst_harm = \"serious_deterioration\"",
            "worst_harm = \"death\"",
        ),
        ["a", "a"],
    );
    assert!(class.reclassified && class.significant);
    assert!(class.findings.iter().any(|f| f.id == "change-class"));
    assert!(
        class
            .stale
            .iter()
            .any(|s| s.evidence == "record:Classified")
    );

    let module = assess(
        CT,
        &format!(
            "{CT}\n[[module]]\nname = \"Viewer\"\n[module.software]\nactions = [\"display\"]\n"
        ),
        ["a", "a"],
    );
    assert!(
        module.findings.iter().any(|f| f.id == "change-modules"),
        "{:?}",
        module.differences
    );
}

/// Verifies SRS-039. The periods are those of the articles; days count by Regulation 1182/71 Art. 3.
#[test]
fn deadlines_are_those_of_the_articles() {
    let aware: jiff::ZonedDateTime = moment("2026-01-30T10:15:00+01:00");
    let all = |event: &str| deadlines(law(), event, &aware, &|_| Truth::Unknown).unwrap();
    let until = |event: &str, id: &str| {
        all(event)
            .into_iter()
            .find(|d| d.id == id)
            .unwrap_or_else(|| panic!("{id}"))
            .until
    };
    for (event, id, expect) in [
        // MDR Art. 87(3): 15 days; 87(5): 10 days; 87(4): 2 days; IVDR Art. 82 likewise.
        (
            "serious_incident",
            "MDR-87.3",
            Some("2026-02-14T23:59:59+01:00"),
        ),
        (
            "death_or_unanticipated_serious_deterioration",
            "MDR-87.5",
            Some("2026-02-09T23:59:59+01:00"),
        ),
        (
            "public_health_threat",
            "MDR-87.4",
            Some("2026-02-01T23:59:59+01:00"),
        ),
        (
            "serious_incident",
            "IVDR-82.3",
            Some("2026-02-14T23:59:59+01:00"),
        ),
        ("field_safety_corrective_action", "MDR-87.8", None),
        // NIS2 Art. 23(4): 24 hours, 72 hours, one month after the notification.
        (
            "significant_security_incident",
            "NIS2-23.4a",
            Some("2026-01-31T10:15:00+01:00"),
        ),
        (
            "significant_security_incident",
            "NIS2-23.4b",
            Some("2026-02-02T10:15:00+01:00"),
        ),
        (
            "significant_security_incident",
            "NIS2-23.4d",
            Some("2026-03-02T23:59:59+01:00"),
        ),
        // GDPR Art. 33(1): 72 hours.
        (
            "personal_data_breach",
            "GDPR-33.1-clock",
            Some("2026-02-02T10:15:00+01:00"),
        ),
        // AI Act Art. 73(2): 15 days; 73(3): 2 days.
        (
            "fundamental_rights_breach",
            "AIA-73.2",
            Some("2026-02-14T23:59:59+01:00"),
        ),
        (
            "widespread_infringement",
            "AIA-73.3",
            Some("2026-02-01T23:59:59+01:00"),
        ),
    ] {
        assert_eq!(until(event, id).as_deref(), expect, "{id}");
    }
    for (event, _) in events(law()) {
        assert!(
            all(event)
                .iter()
                .all(|d| !d.clause.is_empty() && !d.to.is_empty())
        );
    }
    let error = deadlines(law(), "earthquake", &aware, &|_| Truth::Unknown).unwrap_err();
    assert!(error.to_string().contains("serious_incident"));
    // Only the clocks that run for the device.
    let device = read(CT);
    let report = classify(law(), &device);
    let mine = deadlines(law(), "serious_incident", &aware, &|c| {
        c.when
            .as_ref()
            .map_or(Truth::Yes, |w| report.holds(law(), &device, w))
    })
    .unwrap();
    assert!(mine.iter().all(|d| d.act == "MDR") && !mine.is_empty());
    // A month that ends earlier: 31 January plus one month is 28 February.
    let late: jiff::ZonedDateTime = moment("2026-01-28T10:00:00+00:00");
    let nis = deadlines(law(), "significant_security_incident", &late, &|_| {
        Truth::Unknown
    })
    .unwrap();
    let last = nis.iter().find(|d| d.id == "NIS2-23.4d").unwrap();
    assert_eq!(last.until.as_deref(), Some("2026-02-28T23:59:59+00:00"));
    // The end of the calendar is an error, not a crash.
    let end: jiff::ZonedDateTime = moment("9999-12-30T00:00:00+00:00");
    assert!(deadlines(law(), "serious_incident", &end, &|_| Truth::Unknown).is_err());
}

fn moment(text: &str) -> jiff::ZonedDateTime {
    let timestamp: jiff::Timestamp = text.parse().unwrap();
    let pieces = jiff::fmt::temporal::Pieces::parse(text).unwrap();
    timestamp.to_zoned_datetime(jiff::tz::TimeZone::fixed(
        pieces.to_numeric_offset().unwrap(),
    ))
}

/// Verifies SRS-040: the interview asks until nothing that matters is open, and what it writes reads.
#[test]
fn the_interview_writes_a_file_that_classifies() {
    let answers = BTreeMap::from([
        ("identification.name", "Example \"quoted\" \\ device"),
        (
            "intended_purpose.statement",
            "Marks suspected haemorrhage on head CT.",
        ),
        ("intended_purpose.medical_purpose", "1"),
        (
            "intended_purpose.indications",
            "intracranial haemorrhage; suspected stroke",
        ),
        ("software.processes_input", "yes"),
        ("software.actions", "detection, analysis"),
        ("software.benefit", "1"),
        ("data.from_ivd", "none"),
        ("information.supports_decisions", "y"),
        ("information.significance", "drive_management"),
        ("information.situation", "critical"),
        ("information.worst_harm", "serious_deterioration"),
        ("information.monitors_physiology", "no"),
        ("information.direct_diagnosis", "no"),
        ("software.personal_data", "unknown"),
    ]);
    let alone = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    let mut interview = Interview::new(law(), "device.toml", "", &alone);
    let mut asked = BTreeSet::new();
    while let Some(question) = interview.next() {
        assert!(
            asked.insert(question.path.clone()),
            "{} is asked twice",
            question.path
        );
        match answers.get(question.path.as_str()) {
            Some(answer) => interview.answer(&question, answer).unwrap(),
            None => interview.skip(&question),
        }
    }
    let device = interview.description();
    assert!(
        device.faults.0.is_empty(),
        "{}\n{}",
        device.faults,
        interview.text()
    );
    assert_eq!(
        device.sections["identification"].text("name"),
        Some("Example \"quoted\" \\ device")
    );
    let report = classify(law(), &device);
    // MDCG 2019-11 rev.1 Annex III Table 1, cell III.i.
    assert_eq!(report.class.map(|c| c.name()), Some("IIb"));
    assert!(
        asked.contains("information.worst_harm") && !asked.contains("information.vital_parameters")
    );
    // Going on from a file keeps it, comments and all, and asks only what is missing.
    let text = CT.replace("worst_harm = \"serious_deterioration\"\n", "");
    let mut again = Interview::new(law(), "device.toml", &text, &alone);
    let mut found = false;
    while let Some(question) = again.next() {
        if question.path == "information.worst_harm" {
            found = true;
            assert!(
                again.answer(&question, "9").is_err() && again.answer(&question, "bad").is_err()
            );
            again.answer(&question, "3").unwrap();
        } else {
            again.skip(&question);
        }
    }
    assert!(
        found
            && again
                .text()
                .contains("# The device file of a demonstration.")
    );
    assert_eq!(
        classify(law(), &again.description())
            .class
            .map(|c| c.name()),
        Some("IIb")
    );
    for line in text.lines() {
        assert!(again.text().contains(line), "{line}");
    }
    assert_eq!(again.description().faults.errors(), 0);
}

/// An answer goes into the device file itself, also where the section stands in an included one.
#[test]
fn the_interview_leaves_included_files_alone() {
    let files = |name: &str| match name {
        "what.toml" => Ok(b"# a comment\n\n[software]\nprocesses_input = true\n".to_vec()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let text = "format = 1\ninclude = [\"what.toml\"]\n[identification]\nname = \"x\"\n";
    let mut interview = Interview::new(law(), "device.toml", text, &files);
    while let Some(question) = interview.next() {
        assert_ne!(question.path, "software.processes_input");
        match question.path.as_str() {
            "software.benefit" => interview.answer(&question, "1").unwrap(),
            _ => interview.skip(&question),
        }
    }
    assert_eq!(
        interview.text(),
        format!("{text}\n[software]\nbenefit = \"individual_patients\"\n")
    );
    assert!(interview.description().faults.0.is_empty());
}

/// However a file is written, an answer is added whole or refused; what stood there stays.
#[test]
fn the_interview_never_damages_a_file() {
    let alone = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    for text in [
        "format=1\n[identification]\nname = \"x\"",
        "format=1\n[identification]\nname = \"\"\"x\nabc\ndef\"\"\"\n",
        "format=1\nidentification={name=\"x\"}\n",
        "format=1\nidentification = { name = \"x\" }\n",
        "format=1\nidentification.name=\"x\"\n",
        "format=1\n[identification]\nname = 'see [1'\n[data]\nfrom_ivd = \"none\"\n",
        "format=1\r\n[identification]\r\nname = \"x\"\r\n",
    ] {
        let mut interview = Interview::new(law(), "device.toml", text, &alone);
        let before = interview.description();
        let question = interview.next().unwrap();
        assert_eq!(question.path, "identification.model");
        let answered = interview.answer(&question, "a model \"quoted\"");
        let after = interview.description();
        assert_eq!(
            after.faults.errors(),
            before.faults.errors(),
            "{text}:\n{}",
            interview.text()
        );
        let name = |d: &Description| d.sections["identification"].text("name").map(str::to_owned);
        assert_eq!(name(&after), name(&before), "{}", interview.text());
        match answered {
            Ok(()) => assert_eq!(
                after.sections["identification"].text("model"),
                Some("a model \"quoted\"")
            ),
            Err(why) => assert!(why.contains("by hand") && interview.text() == text, "{why}"),
        }
    }
    // Nothing that the reader would refuse is written.
    let mut interview = Interview::new(law(), "device.toml", "", &alone);
    let question = interview.next().unwrap();
    assert!(interview.answer(&question, &"x".repeat(1 << 20)).is_err());
    let question = loop {
        let q = interview.next().unwrap();
        if q.path == "intended_purpose.medical_purpose" {
            break q;
        }
        interview.skip(&q);
    };
    assert!(interview.answer(&question, ",").is_err());
    interview.answer(&question, "1,1").unwrap();
    assert!(
        interview
            .text()
            .contains("medical_purpose = [\"diagnosis\"]")
    );
}
