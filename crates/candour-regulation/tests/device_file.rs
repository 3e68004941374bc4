//! Device files as people write them: the shipped ones, and one for each fault.

#![allow(clippy::unwrap_used)]

use candour_regulation::{Act, Class, DeviceFile};

fn shipped(device: &str) -> String {
    std::fs::read_to_string(format!(
        "{}/../../devices/{device}/device.toml",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap()
}

#[test]
fn the_shipped_device_files_hold_all_they_must() {
    let ct = DeviceFile::parse("device.toml", &shipped("ct-nodule-phantom")).unwrap();
    assert_eq!(
        (ct.intended_purpose.act, ct.classification.class),
        (Act::Mdr, Class::IIb)
    );
    let fna = DeviceFile::parse("device.toml", &shipped("breast-fna")).unwrap();
    assert_eq!(
        (fna.intended_purpose.act, fna.classification.class),
        (Act::Ivdr, Class::C)
    );
    assert!(ct.identification.demonstration && fna.identification.demonstration);
}

/// Verifies SRS-025.
#[test]
fn each_fault_is_named_with_place_clause_and_remedy() {
    for (from, to, expect) in [
        (
            "medical_purpose = [\"diagnosis\"]",
            "medical_purpose = []",
            "device.toml:13:19: medical_purpose is empty; MDR Art. 2(1); needs at least one of: diagnosis, prevention",
        ),
        (
            "medical_purpose = [\"diagnosis\"]",
            "medical_purpose = [\"diagnose\"]",
            "did you mean `diagnosis`?",
        ),
        (
            "class = \"IIb\"",
            "class = \"C\"",
            "`C` is no class of the act",
        ),
        ("act = \"MDR\"", "act = \"GDPR\"", "write MDR or IVDR"),
        ("act = \"MDR\"", "act = \"IVDR\"", "IVDR Art. 2(2)"),
        (
            "part_of_body = \"chest (generated)\"",
            "",
            "part_of_body is missing in [intended_purpose]; MDR Annex II 1.1(c)",
        ),
        (
            "manufacturer =",
            "manufacturr =",
            "did you mean `manufacturer`?",
        ),
        ("level = 0.95", "level = 95", "level is not a share"),
        ("level = 0.95", "level = 1.0", "level is not a share"),
        (
            "indeterminate = \"worst_case\"",
            "indeterminate = \"ignore\"",
            "only worst_case",
        ),
        (
            "statistic = \"auc\"",
            "statistic = \"f1\"",
            "`f1` is no statistic",
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
        ("[oversight]", "[oversite]", "[oversight] is missing"),
        ("name = \"Candour CT", "name = Candour CT", "TOML"),
        (
            "demonstration = true",
            "demonstration = \"yes\"",
            "true or false",
        ),
    ] {
        let text = shipped("ct-nodule-phantom");
        assert!(text.contains(from), "{from}");
        let faults = DeviceFile::parse("device.toml", &text.replacen(from, to, 1)).unwrap_err();
        assert!(faults.to_string().contains(expect), "{to}: {faults}");
    }
}

/// Verifies SRS-025: all faults in one pass, in order of place.
#[test]
fn all_faults_come_at_once() {
    let text = shipped("ct-nodule-phantom")
        .replace("manufacturer = \"Candour (demonstration)\"", "")
        .replace("class = \"IIb\"", "class = \"IIx\"")
        .replace("level = 0.95", "level = 2.0");
    let faults = DeviceFile::parse("device.toml", &text).unwrap_err().0;
    let named: Vec<&str> = faults.iter().map(|f| f.what.as_str()).collect();
    assert_eq!(named.len(), 3, "{named:?}");
    assert!(faults.is_sorted_by_key(|f| (f.line, f.column)));
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
    ] {
        assert!(DeviceFile::parse("device.toml", text).is_err());
    }
}
