//! The rules of the house, checked on the source itself: arrows between crates, absences, module
//! docs, and requirements with their tests.
#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Which crates each crate may depend on (ARCHITECTURE.md, "Arrows").
const ARROWS: &[(&str, &[&str])] = &[
    ("record", &[]),
    ("statistics", &[]),
    ("regulation", &[]),
    ("ledger", &["record"]),
    ("dicom", &["record"]),
    ("validation", &["record", "statistics", "dicom"]),
    ("model", &["record", "statistics", "dicom"]),
    (
        "device",
        &[
            "record",
            "statistics",
            "regulation",
            "dicom",
            "model",
            "ledger",
        ],
    ),
    ("dossier", &["record", "statistics", "regulation", "ledger"]),
    (
        "",
        &[
            "record",
            "statistics",
            "regulation",
            "ledger",
            "dicom",
            "validation",
            "model",
            "device",
            "dossier",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn files(dir: &Path, extension: &str, into: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    for entry in entries.map(|e| e.unwrap().path()) {
        if entry.is_dir() {
            if !entry.ends_with("target") {
                files(&entry, extension, into);
            }
        } else if entry.extension().is_some_and(|e| e == extension) {
            into.push(entry);
        }
    }
}

fn sources(under: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&root().join(under), extension, &mut found);
    found.sort();
    assert!(!found.is_empty(), "no *.{extension} under {under}");
    found
}

fn package(short: &str) -> String {
    if short.is_empty() {
        "candour".into()
    } else {
        format!("candour-{short}")
    }
}

#[test]
fn arrows_between_crates_point_one_way() {
    let known: BTreeSet<String> = ARROWS.iter().map(|(name, _)| package(name)).collect();
    let present: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(known, present, "crates/ and the table of arrows differ");
    for (name, allowed) in ARROWS {
        let manifest = root().join("crates").join(package(name)).join("Cargo.toml");
        let table: toml::Table = fs::read_to_string(&manifest).unwrap().parse().unwrap();
        let allowed: BTreeSet<String> = allowed.iter().map(|a| package(a)).collect();
        for section in ["dependencies", "build-dependencies"] {
            let Some(dependencies) = table.get(section).and_then(|d| d.as_table()) else {
                continue;
            };
            for dependency in dependencies.keys().filter(|d| d.starts_with("candour")) {
                assert!(
                    allowed.contains(dependency),
                    "{}: a forbidden arrow to {dependency}",
                    manifest.display()
                );
            }
        }
    }
}

#[test]
fn libraries_do_not_ask_the_world() {
    // Split so that this file does not match itself.
    let forbidden = [
        concat!("SystemTime", "::now"),
        concat!("Instant", "::now"),
        concat!("env", "::var"),
        concat!("env", "::args"),
        concat!("Zoned", "::now"),
        concat!("Timestamp", "::now"),
        concat!("getrandom", "::"),
        concat!("std", "::net"),
        concat!("tok", "io::"),
    ];
    for (name, _) in ARROWS.iter().filter(|(name, _)| !name.is_empty()) {
        for file in sources(&format!("crates/{}/src", package(name)), "rs") {
            let text = fs::read_to_string(&file).unwrap();
            for word in forbidden {
                assert!(
                    !text.contains(word),
                    "{}: uses {word}; take it as an argument",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let mut all = sources("crates", "rs");
    all.extend(sources("benches", "rs"));
    for file in all {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//! "),
            "{}: has no module doc",
            file.display()
        );
    }
}

#[test]
fn every_requirement_has_a_test_and_every_reference_a_requirement() {
    let table: toml::Table = fs::read_to_string(root().join("docs/requirements.toml"))
        .unwrap()
        .parse()
        .unwrap();
    let required: BTreeSet<String> = table.keys().cloned().collect();
    let mut verified: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut all = sources("crates", "rs");
    all.extend(sources("tests", "py"));
    let marker = concat!("Verifies", " SRS-");
    for file in all.iter().filter(|f| !f.ends_with("tidy.rs")) {
        let text = fs::read_to_string(file).unwrap();
        for (at, _) in text.match_indices(marker) {
            // One marker may name several: `Verifies SRS-001, SRS-002.`
            let line = text[at..].lines().next().unwrap();
            for id in line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')) {
                if id.starts_with("SRS-") {
                    verified
                        .entry(id.to_owned())
                        .or_insert_with(|| file.clone());
                }
            }
        }
    }
    let without: Vec<_> = required
        .iter()
        .filter(|r| !verified.contains_key(*r))
        .collect();
    assert!(
        without.is_empty(),
        "requirements without a test: {without:?}"
    );
    let unknown: Vec<_> = verified
        .iter()
        .filter(|(r, _)| !required.contains(*r))
        .collect();
    assert!(
        unknown.is_empty(),
        "tests that verify no known requirement: {unknown:?}"
    );
}

#[test]
fn nothing_committed_is_large() {
    for file in sources("devices", "onnx") {
        let bytes = fs::metadata(&file).unwrap().len();
        assert!(bytes < 1_000_000, "{}: {bytes} bytes", file.display());
    }
    let mut total = 0;
    for extension in ["onnx", "toml", "csv", "json", "md", "txt", "py"] {
        let mut found = Vec::new();
        files(&root().join("devices"), extension, &mut found);
        total += found
            .iter()
            .map(|f| fs::metadata(f).unwrap().len())
            .sum::<u64>();
    }
    assert!(total < 10_000_000, "devices/ holds {total} bytes");
}
