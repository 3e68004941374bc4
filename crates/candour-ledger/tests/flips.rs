//! Every byte of a ledger of 1,000 records is flipped, one at a time: every flip is found, and the
//! file named is the one that was flipped.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use candour_ledger::{Ledger, LedgerError, Signer, TlogProof, View, check, check_files};
use candour_record::{Event, Record, Timestamp};

fn record(i: i64) -> Record {
    Record {
        at: Timestamp::from_millis(1_795_429_230_000 + i).unwrap(),
        by: "t".into(),
        device: None,
        event: Event::Other("T".into(), BTreeMap::new()),
    }
}

fn signer() -> Signer {
    Signer::new("candour.local/flips", &[5; 32]).unwrap()
}

fn ledger(dir: &std::path::Path, batches: &[i64]) {
    let mut ledger = Ledger::create(dir, signer()).unwrap();
    let mut next = 0;
    for n in batches {
        let records: Vec<Record> = (next..next + n).map(record).collect();
        ledger.append(&records).unwrap();
        next += n;
    }
}

fn load(dir: &std::path::Path, below: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for item in std::fs::read_dir(dir.join(below)).unwrap() {
        let name = item.unwrap().file_name().into_string().unwrap();
        let path = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if path == "private/lock" {
        } else if dir.join(&path).is_dir() {
            load(dir, &path, files);
        } else {
            files.insert(path.clone(), std::fs::read(dir.join(&path)).unwrap());
        }
    }
}

#[test]
// Verifies SRS-004.
fn every_flipped_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    ledger(&dir.path().join("l"), &[990, 10]);
    let mut files = BTreeMap::new();
    load(&dir.path().join("l"), "", &mut files);
    let names: BTreeSet<String> = files.keys().cloned().collect();
    assert!(
        names.contains("tile/0/003.p/232")
            && names.contains("tile/entries/003.p/222")
            && names.contains("private/pending"),
        "{names:?}"
    );
    let places: Vec<(&String, usize)> = files
        .iter()
        .flat_map(|(f, b)| (0..b.len()).map(move |i| (f, i)))
        .collect();
    let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
    std::thread::scope(|scope| {
        for part in places.chunks(places.len().div_ceil(threads)) {
            let (files, names) = (&files, &names);
            scope.spawn(move || {
                let flipped = RefCell::new((String::new(), 0));
                let read = |path: &str| {
                    let bytes = files.get(path).cloned();
                    let mut bytes = bytes.ok_or(std::io::ErrorKind::NotFound)?;
                    let (file, at) = &*flipped.borrow();
                    if file == path {
                        bytes[*at] ^= if at % 2 == 0 { 0x01 } else { 0x80 };
                    }
                    Ok(bytes)
                };
                check_files(names, &read, None).unwrap();
                for (file, at) in part {
                    *flipped.borrow_mut() = ((*file).clone(), *at);
                    let fault =
                        check_files(names, &read, None).expect_err(&format!("{file} byte {at}"));
                    // A flip in the key shows as a checkpoint nobody signed, if the key still parses.
                    let named = fault.file == **file
                        || file.as_str() == "vkey" && fault.file == "checkpoint";
                    assert!(named, "{file} byte {at}: {fault}");
                    let offset = fault.offset.unwrap_or(0) as usize;
                    if file.starts_with("tile/") && !file.starts_with("tile/entries") {
                        assert_eq!(offset, *at, "{file}");
                    } else {
                        assert!(offset <= *at, "{file} byte {at}: {fault}");
                    }
                }
            });
        }
    });
}

#[test]
fn surplus_missing_and_truncated_files_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("l");
    ledger(&at, &[3, 4]);
    check(&at, Some(&signer().vkey())).unwrap();
    let stranger = Signer::new("candour.local/flips", &[6; 32]).unwrap().vkey();
    assert_eq!(check(&at, Some(&stranger)).unwrap_err().file, "vkey");
    for name in [
        "note.txt",
        "tile/0/001",
        "tile/0/000.p/9",
        "tile/0/000.p/x",
        "tile/entries/001.p/3",
    ] {
        std::fs::create_dir_all(at.join(name).parent().unwrap()).unwrap();
        std::fs::write(at.join(name), b"x").unwrap();
        assert_eq!(check(&at, None).unwrap_err().file, name);
        std::fs::remove_file(at.join(name)).unwrap();
    }
    for name in [
        "tile/0/000.p/7",
        "tile/entries/000.p/7",
        "checkpoint",
        "vkey",
        "format",
    ] {
        let good = std::fs::read(at.join(name)).unwrap();
        for bad in [&good[..good.len() - 1], &[]] {
            std::fs::write(at.join(name), bad).unwrap();
            assert_eq!(check(&at, None).unwrap_err().file, name);
        }
        std::fs::remove_file(at.join(name)).unwrap();
        assert_eq!(check(&at, None).unwrap_err().file, name);
        std::fs::write(at.join(name), good).unwrap();
    }
    check(&at, None).unwrap();
}

#[test]
// Verifies SRS-003.
fn one_writer_no_step_back_in_time_no_newer_format() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("l");
    let mut first = Ledger::create(&at, signer()).unwrap();
    assert!(matches!(
        Ledger::open(&at, signer()),
        Err(LedgerError::Locked(_))
    ));
    assert!(matches!(
        Ledger::create(&at, signer()),
        Err(LedgerError::Exists(_))
    ));
    let sealed = first.append(&[record(5), record(5)]).unwrap();
    assert!(matches!(
        first.append(&[record(4)]),
        Err(LedgerError::Backwards { .. })
    ));
    assert!(matches!(
        first.append(&[record(6), record(5)]),
        Err(LedgerError::Backwards { .. })
    ));
    assert_eq!(first.view().size(), 2);
    // A reader works beside the writer, and its proofs are those the writer gave.
    let view = View::open(&at).unwrap();
    assert_eq!(view.proof(1).unwrap(), sealed[1].proof);
    assert_eq!(
        TlogProof::parse(&sealed[1].proof.print()).unwrap(),
        sealed[1].proof
    );
    assert!(view.proof(2).is_err());
    first
        .append(&(6..400).map(record).collect::<Vec<_>>())
        .unwrap();
    assert_eq!(
        view.proof(1).unwrap(),
        sealed[1].proof,
        "partial tiles have become full ones"
    );
    assert_eq!(view.records().unwrap().len(), 2);
    drop(first);
    let reopened = Ledger::open(&at, signer()).unwrap();
    assert_eq!(reopened.last_at(), Some(record(399).at));
    let now = View::open(&at).unwrap();
    let old = view.checkpoint();
    candour_ledger::tree::verify_consistency(
        2,
        &old.root,
        now.size(),
        &now.checkpoint().root,
        &now.consistency(2).unwrap(),
    )
    .unwrap();
    drop(reopened);
    let other = Signer::new("candour.local/flips", &[6; 32]).unwrap();
    assert!(matches!(
        Ledger::open(&at, other),
        Err(LedgerError::OtherKey(_))
    ));
    std::fs::write(at.join("format"), "candour-ledger@v2\n").unwrap();
    assert!(matches!(
        Ledger::open(&at, signer()),
        Err(LedgerError::Newer { .. })
    ));
    assert!(matches!(View::open(&at), Err(LedgerError::Newer { .. })));
}
