//! What the tests of the binary share.

#![allow(dead_code, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_candour");

/// The repository's root, where the binary is run.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Runs the binary to its end.
pub(crate) fn candour(arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .current_dir(root())
        .args(arguments)
        .output()
        .unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub(crate) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_tree(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// `rows` of the research table, as they might arrive.
pub(crate) fn table(path: &Path, rows: usize) {
    let text = fs::read_to_string(root().join("devices/breast-fna/cohort/cohort.csv")).unwrap();
    let mut out = String::new();
    for (n, line) in text.lines().take(rows + 1).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        let case = if n == 0 {
            "case".to_owned()
        } else {
            format!("KILL{n:04}")
        };
        out += &format!("{case},{}\n", fields[3..].join(","));
    }
    fs::write(path, out).unwrap();
}
