//! Device files as people write them: the shipped ones, and one for each fault.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::io;

use candour_regulation::{
    Act, Class, Description, DeviceFile, DeviceFileError, Diagnostics, Law, Severity, classify,
};

fn shipped(device: &str) -> String {
    std::fs::read_to_string(format!(
        "{}/../../devices/{device}/device.toml",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

fn read(bytes: &[u8]) -> Description {
    let none = |_: &str| Err(io::Error::from(io::ErrorKind::NotFound));
    Description::read(Law::get().unwrap(), "device.toml", bytes.to_vec(), &none)
}

fn faults(text: &str) -> Diagnostics {
    match DeviceFile::parse("device.toml", text).unwrap_err() {
        DeviceFileError::Faults(faults) => faults,
        other => panic!("{other}"),
    }
}

#[test]
fn the_shipped_device_files_hold_all_they_must() {
    for (device, act, class) in [
        ("ct-nodule-phantom", Act::Mdr, Class::IIb),
        ("breast-fna", Act::Ivdr, Class::C),
    ] {
        let file = DeviceFile::parse("device.toml", &shipped(device)).unwrap();
        assert_eq!(
            (file.classification.act, file.classification.class),
            (act, class)
        );
        assert!(file.identification.demonstration);
        assert!(
            file.description.faults.0.is_empty(),
            "{}",
            file.description.faults
        );
        // What the file claims is what the rules give.
        let report = classify(Law::get().unwrap(), &file.description);
        assert_eq!(report.class, Some(class));
        assert_eq!(
            report.rule.as_deref(),
            Some(file.classification.rule.as_str())
        );
        assert!(
            report.open_questions.is_empty(),
            "{:?}",
            report.open_questions
        );
    }
}

/// Verifies SRS-025.
#[test]
fn each_fault_is_named_with_place_clause_and_remedy() {
    for (from, to, expect) in [
        (
            "medical_purpose = [\"diagnosis\"]",
            "medical_purpose = [\"diagnose\"]",
            "device.toml:16:20: `diagnose` is no medical_purpose; MDR Art. 2(1); IVDR Art. 2(2); did you mean `diagnosis`?",
        ),
        (
            "medical_purpose = [\"diagnosis\"]",
            "medical_purpose = \"diagnosis\"",
            "medical_purpose is string, not a list",
        ),
        (
            "medical_purpose = [\"diagnosis\"]",
            "medical_purpose = [\"\"]",
            "medical_purpose is empty",
        ),
        (
            "medical_purpose = [\"diagnosis\"]",
            "medical_purpose = [\"diagnosis\", \"diagnosis\"]",
            "stands twice",
        ),
        (
            "class = \"IIb\"",
            "class = \"C\"",
            "`C` is no class of the MDR",
        ),
        (
            "class = \"IIb\"",
            "class = \"2b\"",
            "`2b` is no class; MDR Annex II 1.1(f)",
        ),
        (
            "regulation = \"MDR\"",
            "regulation = \"GDPR\"",
            "one of: MDR, IVDR",
        ),
        (
            "manufacturer =",
            "manufacturr =",
            "did you mean `manufacturer`?",
        ),
        (
            "worst_harm = ",
            "worst_ham = ",
            "did you mean `worst_harm`?",
        ),
        (
            "[data]\n",
            "[data]\nsignificance = \"inform_management\"\n",
            "`significance` belongs into [information]",
        ),
        ("level = 0.95", "level = 95", "level is not a share"),
        ("level = 0.95", "level = 1.0", "level is not a share"),
        (
            "indeterminate = \"worst_case\"",
            "indeterminate = \"ignore\"",
            "one of: worst_case",
        ),
        (
            "statistic = \"auc\"",
            "statistic = \"f1\"",
            "`f1` is no statistic",
        ),
        (
            "statistic = \"auc\", ",
            "",
            "statistic is missing in endpoints",
        ),
        (
            "cohort = \"cohort/cohort.csv\"",
            "cohort = \"../cohort.csv\"",
            "without `..`",
        ),
        (
            "warnings = \"texts/warnings.md\"",
            "warnings = \"/etc/passwd\"",
            "without `..`",
        ),
        ("format = 1", "format = 9", "newer release"),
        ("format = 1", "", "format is missing"),
        ("[oversight]", "[oversite]", "[oversight] is missing"),
        ("[oversight]", "[[oversight]]", "write it as [oversight]"),
        ("[[risk]]\nid = \"R1\"", "[risk]\nid = \"R1\"", "TOML"),
        ("id = \"R4\"\n", "", "id is missing in [[risk]]"),
        ("name = \"Candour CT", "name = Candour CT", "TOML"),
        (
            "demonstration = true",
            "demonstration = \"yes\"",
            "true, false or \"unknown\"",
        ),
        (
            "processes_input = true",
            "processes_input = 1",
            "processes_input is integer, not true or false",
        ),
        (
            "benefit = \"individual_patients\"",
            "benefit = \"Individual patients\"",
            "did you mean `individual_patients`?",
        ),
        (
            "benefit = \"individual_patients\"",
            "benefit = \"\"",
            "benefit is empty",
        ),
        // A Cyrillic letter (U+0430) that looks like the Latin one.
        (
            "part_of_body = \"chest",
            "part_of_body = \"ch\u{435}st",
            "U+0435 is a Cyrillic letter",
        ),
        (
            "part_of_body = \"chest",
            "part_of_body = \"ch\u{200b}est",
            "invisible character U+200B",
        ),
        (
            "instruction = \"Read every study yourself. The answer is a second opinion; agree with it or overrule it, with a reason.\"",
            "instruction = \"Lesen Sie jede Untersuchung selbst und vollständig. Die Antwort des Geräts ist nur eine zweite Meinung; stimmen Sie ihr zu oder verwerfen Sie sie mit einer Begründung.\"",
            "reads as German",
        ),
    ] {
        let text = shipped("ct-nodule-phantom");
        assert!(text.contains(from), "{from}");
        let changed = text.replacen(from, to, 1);
        let faults = match DeviceFile::parse("device.toml", &changed) {
            Ok(file) => file.description.faults,
            Err(DeviceFileError::Faults(faults)) => faults,
            Err(other) => panic!("{other}"),
        };
        assert!(faults.to_string().contains(expect), "{to}:\n{faults}");
        for fault in &faults.0 {
            assert!(
                !fault.clause.is_empty() && !fault.remedy.is_empty(),
                "{fault:?}"
            );
            assert!(fault.place.line > 0 && fault.place.column > 0, "{fault:?}");
        }
    }
}

/// Verifies SRS-025: all faults in one pass, in order of place.
#[test]
fn all_faults_come_at_once() {
    let text = shipped("ct-nodule-phantom")
        .replace("manufacturer = \"Candour (demonstration)\"", "")
        .replace("class = \"IIb\"", "class = \"IIx\"")
        .replace("supports_decisions = true", "supports_decisions = \"ja\"")
        .replace("level = 0.95", "level = 2.0");
    let faults = faults(&text).0;
    let named: Vec<&str> = faults.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(named.len(), 4, "{named:?}");
    assert!(faults.is_sorted_by_key(|f| f.place.line));
}

#[test]
fn garbage_is_answered_not_crashed_on() {
    for text in [
        "",
        "\u{0}",
        "[[[[",
        "format",
        "=",
        "a = [",
        &"[a".repeat(10_000),
        "[identification]\nname = 1e999",
        &format!("a = {}", "[".repeat(50_000)),
        &"a.".repeat(50_000),
    ] {
        assert!(DeviceFile::parse("device.toml", text).is_err());
    }
}

/// Bytes that are no UTF-8 are each named, and the rest of the file is still checked.
#[test]
fn invalid_utf8_does_not_hide_the_other_faults() {
    let mut bytes = b"format = 1\n[identification]\nname = \"Ger\xe4t\"\n".to_vec();
    bytes.extend_from_slice(b"[software]\nbenefitt = \"none\"\nplatform = [\"sever\"]\n");
    let found = read(&bytes).faults;
    let text = found.to_string();
    assert!(
        text.contains("device.toml:3:12: byte 0xE4 is not UTF-8"),
        "{text}"
    );
    assert!(
        text.contains("device.toml:5:1: unknown key `benefitt`")
            && text.contains("did you mean `server`?"),
        "{text}"
    );
}

#[test]
fn a_text_of_a_megabyte_is_refused_and_not_echoed() {
    let long = "x".repeat(1 << 20);
    for (text, expect) in [
        (
            format!("format = 1\n[identification]\nname = \"{long}\"\n"),
            "name has 1048576 characters; at most 20000",
        ),
        (format!("format = 1\n{long} = 1\n"), "unknown key `xxx"),
        (
            format!("format = 1\n[intended_purpose]\nmedical_purpose = [\"{long}\"]\n"),
            "medical_purpose has 1048576",
        ),
        (
            format!("format = 1\n[not_applicable]\n{long} = \"a\"\n"),
            "is longer than 200 characters",
        ),
        (
            format!("format = 1\ninclude = [\"{long}\"]\n"),
            "cannot be read",
        ),
        (
            format!("format = 1\n# {}\n", long.repeat(4)),
            "longer than 4 MiB",
        ),
    ] {
        let found = read(text.as_bytes()).faults;
        assert_eq!(found.0.len(), 1, "{found}");
        assert!(found.to_string().contains(expect), "{found}");
        assert!(found.to_string().len() < 5000 && found.0[0].long().len() < 5000);
    }
}

#[test]
fn a_flood_of_faults_is_cut_and_counted() {
    use std::fmt::Write as _;
    let mut text = "format = 1\n".to_owned();
    for n in 0..20_000 {
        let _ = writeln!(text, "key{n} = {n}");
    }
    let found = read(text.as_bytes()).faults;
    assert!(found.0.len() <= 501);
    assert!(
        found.to_string().contains("19500 further faults"),
        "{}",
        found.0.last().unwrap()
    );
}

#[test]
fn includes_are_joined_and_their_faults_named() {
    let files = |name: &str| -> io::Result<Vec<u8>> {
        Ok(match name {
            "risk.toml" => {
                "[[risk]]\nid = \"R1\"\nhazard = \"h\"\nharm = \"x\"\nseverity = \"minor\"\n"
                    .as_bytes()
                    .to_vec()
            }
            "loop.toml" => b"include = [\"back.toml\"]\n".to_vec(),
            "back.toml" => b"include = [\"loop.toml\"]\n".to_vec(),
            "self.toml" => b"include = [\"device.toml\"]\n".to_vec(),
            "twice.toml" => b"[software]\nbenefit = \"none\"\nplatform = [\"cloud\"]\n".to_vec(),
            _ => return Err(io::Error::from(io::ErrorKind::NotFound)),
        })
    };
    let law = Law::get().unwrap();
    let read =
        |text: &str| Description::read(law, "d/device.toml", text.as_bytes().to_vec(), &files);
    let good = read("format = 1\ninclude = [\"risk.toml\"]\n[software]\nbenefit = \"none\"\n");
    assert!(good.faults.0.is_empty(), "{}", good.faults);
    assert_eq!(good.each("risk").len(), 1);
    for (text, expect) in [
        (
            "format = 1\ninclude = [\"loop.toml\"]",
            "d/back.toml:1:12: loop.toml includes itself, by way of loop.toml, back.toml, loop.toml",
        ),
        ("format = 1\ninclude = [\"self.toml\"]", "includes itself"),
        (
            "format = 1\ninclude = [\"gone.toml\"]",
            "d/device.toml:2:12: gone.toml cannot be read",
        ),
        (
            "format = 1\ninclude = [\"../up.toml\"]",
            "does not name a file in the device's folder",
        ),
        (
            "format = 1\ninclude = \"risk.toml\"",
            "include is not a list",
        ),
        (
            "format = 1\ninclude = [\"risk.toml\", \"risk.toml\"]",
            "is included twice",
        ),
        (
            "format = 1\ninclude = [\"twice.toml\"]\n[software]\nbenefit = \"population\"\n",
            "d/twice.toml:2:1: benefit of [software] is answered twice; first at d/device.toml:4:1",
        ),
    ] {
        let found = read(text).faults;
        assert!(found.to_string().contains(expect), "{text}: {found}");
        assert!(found.0.iter().all(|f| f.severity == Severity::Error
            && !f.clause.is_empty()
            && !f.remedy.is_empty()));
    }
    // What a digest of the device file covers changes with an included file, and not without one.
    assert_ne!(good.bytes, b"format = 1\n".to_vec());
    let alone = "format = 1\n";
    assert_eq!(read(alone).bytes, alone.as_bytes());
}

/// One line of megabytes, lists of a million entries, a million blocks: answered in bounded time.
#[test]
fn floods_of_values_are_bounded() {
    let list = format!(
        "format = 1\n[software]\nplatform = [{}]\n",
        "1,".repeat(1 << 20)
    );
    let found = read(list.as_bytes()).faults.to_string();
    assert!(
        found.contains("platform has 1048576 entries; at most 1000"),
        "{found}"
    );
    let wide = format!(
        "format = 1\n[software]\nplatform = [{}]\n",
        "\"ä\",".repeat(1 << 19)
    );
    assert!(read(wide.as_bytes()).faults.errors() > 100);
    let blocks = format!("format = 1\n{}", "[[risk]]\n".repeat(300_000));
    let found = read(blocks.as_bytes());
    assert!(found.faults.to_string().contains("risk has 300000 entries"));
    assert!(found.each("risk").len() <= 1000);
}

/// Columns count characters, also far into a line.
#[test]
fn places_count_characters() {
    let text = format!(
        "format = 1\n[software]\nplatform = [{}\"sever\"]\n",
        "\"cloud\", ".repeat(300).replace('o', "ö")
    );
    let found = read(text.as_bytes()).faults.0;
    let last = found.iter().find(|f| f.what.contains("sever")).unwrap();
    // `platform = [` has 12 characters, each `"clöud", ` nine.
    assert_eq!((last.place.line, last.place.column), (3, 12 + 300 * 9 + 1));
}

/// Bytes changed, cut and doubled anywhere in a device file never crash the reader, the
/// classification or the check (a fixed linear congruential sequence, so that it can be repeated).
#[test]
fn broken_files_never_crash() {
    let law = Law::get().unwrap();
    let original = shipped("ct-nodule-phantom").into_bytes();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below.max(1)
    };
    for _ in 0..1500 {
        let mut bytes = original.clone();
        for _ in 0..=next(4) {
            let at = next(bytes.len());
            match next(4) {
                0 => bytes[at] = u8::try_from(next(256)).unwrap(),
                1 => bytes.truncate(at.max(1)),
                2 => {
                    let end = (at + next(200)).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
                _ => {
                    let end = (at + next(60)).min(bytes.len());
                    bytes.drain(at..end);
                }
            }
        }
        let device = read(&bytes);
        let report = classify(law, &device);
        let found = candour_regulation::check(
            law,
            &device,
            &report,
            &candour_regulation::OnHand::default(),
        );
        for d in found.diagnostics.iter().chain(&device.faults.0) {
            assert!(
                !d.clause.is_empty() && !d.remedy.is_empty() && d.place.line > 0,
                "{d:?}"
            );
        }
    }
}
