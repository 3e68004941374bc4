//! `spec/verify.py`, which shares no code with this crate, must agree with it: on genuine ledgers
//! and proofs, and on tampered ones.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::path::Path;
use std::process::Command;

use candour_ledger::{Ledger, Signer, check};

fn python(arguments: &[&str]) -> bool {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/verify.py");
    let out = Command::new("python3").arg(script).args(arguments).output();
    let out = out.expect("python3 is needed for this test: the second verifier is a Python script");
    assert!(
        matches!(out.status.code(), Some(0 | 1)),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    out.status.success()
}

#[test]
fn both_verifiers_agree_on_genuine_and_tampered_ledgers() {
    let dir = tempfile::tempdir().unwrap();
    let signer = || Signer::new("candour.local/second", &[11; 32]).unwrap();
    let key = signer().vkey().to_string();
    for (n, batches) in [
        vec![],
        vec![1],
        vec![5, 250, 1],
        vec![200, 100],
        vec![256],
        vec![700],
    ]
    .into_iter()
    .enumerate()
    {
        let at = dir.path().join(n.to_string());
        let mut ledger = Ledger::create(&at, signer()).unwrap();
        let mut next = 0;
        for batch in batches {
            let entries: Vec<Vec<u8>> = (next..next + batch)
                .map(|i: usize| format!("entry {i}").into_bytes())
                .collect();
            next += batch;
            ledger.append_entries(&entries).unwrap();
        }
        let path = at.to_str().unwrap();
        assert!(check(&at, None).is_ok() && python(&[path]) && python(&[path, "--key", &key]));
        let mut stack = vec![at.clone()];
        while let Some(file) = stack.pop() {
            if file.is_dir() {
                stack.extend(std::fs::read_dir(&file).unwrap().map(|e| e.unwrap().path()));
                continue;
            }
            // The lock is empty and no part of the log.
            if file.ends_with("lock") {
                continue;
            }
            let good = std::fs::read(&file).unwrap();
            // First, middle and last byte of every file.
            for byte in [0, good.len() / 2, good.len() - 1] {
                let mut bad = good.clone();
                bad[byte] ^= 4;
                std::fs::write(&file, &bad).unwrap();
                assert!(check(&at, None).is_err(), "{} byte {byte}", file.display());
                assert!(!python(&[path]), "{} byte {byte}", file.display());
            }
            std::fs::write(&file, &good).unwrap();
        }
        if next > 0 {
            let proof = ledger.view().proof(next as u64 / 2).unwrap();
            let file = dir.path().join("p.tlog-proof");
            let text = proof.print();
            for at in (0..text.len()).step_by(29) {
                let mut bad = text.clone().into_bytes();
                bad[at] ^= 1;
                std::fs::write(&file, &bad).unwrap();
                let rust = String::from_utf8(bad).is_ok_and(|t| {
                    candour_ledger::TlogProof::parse(&t)
                        .is_ok_and(|p| p.verify(None, &signer().vkey()).is_ok())
                });
                assert!(
                    !rust && !python(&[file.to_str().unwrap(), "--key", &key]),
                    "byte {at}"
                );
            }
            std::fs::write(&file, text).unwrap();
            assert!(python(&[file.to_str().unwrap(), "--key", &key]));
        }
    }
}

/// What a kill leaves between a batch's commit and its publication: files ahead of the checkpoint, and
/// some not there yet. It is genuine, and every file of it still counts.
#[test]
fn both_verifiers_agree_on_a_batch_that_a_kill_kept_from_being_published() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("l");
    let mut ledger =
        Ledger::create(&at, Signer::new("candour.local/second", &[11; 32]).unwrap()).unwrap();
    let entries = |n: std::ops::Range<u32>| -> Vec<Vec<u8>> {
        n.map(|i| format!("entry {i}").into_bytes()).collect()
    };
    ledger.append_entries(&entries(0..200)).unwrap();
    let published = std::fs::read(at.join("checkpoint")).unwrap();
    ledger.append_entries(&entries(200..300)).unwrap();
    std::fs::write(at.join("checkpoint"), published).unwrap();
    let path = at.to_str().unwrap();
    for gone in ["", "tile/entries/001.p/44", "tile/1/000.p/1", "tile/0/000"] {
        if !gone.is_empty() {
            std::fs::remove_file(at.join(gone)).unwrap();
        }
        let report = check(&at, None).unwrap();
        assert_eq!((report.entries, report.unpublished), (300, 100));
        assert!(python(&[path]), "{gone}");
    }
    for file in ["tile/0/001.p/44", "tile/entries/000", "private/pending"] {
        let good = std::fs::read(at.join(file)).unwrap();
        let mut bad = good.clone();
        bad[good.len() - 1] ^= 1;
        std::fs::write(at.join(file), bad).unwrap();
        assert_eq!(check(&at, None).unwrap_err().file, file);
        assert!(!python(&[path]), "{file}");
        std::fs::write(at.join(file), good).unwrap();
    }
    // Without the batch nothing accounts for what lies ahead.
    std::fs::remove_file(at.join("private/pending")).unwrap();
    assert!(check(&at, None).is_err() && !python(&[path]));
}
