//! The command line on a bad day: files that are not there, disks that are full, processes that are
//! killed. Each has one clear error and its exit code; nothing acknowledged is lost.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods
)]

mod common;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use candour_dicom::phantom::{Case, Flaw};
use common::{BINARY, candour, copy_tree, root, table, text};

fn stderr(output: &Output) -> String {
    text(&output.stderr)
}

/// Runs the command, and checks its exit code and that its one error says `says`.
fn check(arguments: &[&str], code: i32, says: &str) {
    let output = candour(arguments);
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    assert!(said.contains(says), "{arguments:?}: {said}");
    assert!(!said.contains("panicked"), "{said}");
}

/// Takes `inputs` in with the CT device and gives its lines; all of them must be decided or refused.
fn ct(workspace: &Path, inputs: &[&Path]) -> Vec<serde_json::Value> {
    let mut command = Command::new(BINARY);
    command.current_dir(root()).args([
        "run",
        "--json",
        "--device",
        "devices/ct-nodule-phantom",
        "--workspace",
    ]);
    let output = command.arg(workspace).args(inputs).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    text(&output.stdout)
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect()
}

#[test]
fn misuse_is_answered_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::create_dir(folder.path().join("full")).unwrap();
    fs::write(folder.path().join("full/other.txt"), "x").unwrap();
    fs::write(folder.path().join("junk.bin"), "not a dossier").unwrap();
    table(&folder.path().join("one.csv"), 1);
    let fna = "devices/breast-fna";
    check(
        &[
            "run",
            "--device",
            "nowhere",
            "--workspace",
            &at("w"),
            &at("one.csv"),
        ],
        2,
        "device.toml",
    );
    check(
        &[
            "run",
            "--device",
            fna,
            "--workspace",
            &at("w"),
            &at("absent"),
        ],
        2,
        "absent",
    );
    check(
        &[
            "run",
            "--device",
            fna,
            "--workspace",
            &at("full"),
            &at("one.csv"),
        ],
        2,
        "not a workspace",
    );
    check(
        &["run", "--device", fna, "--workspace", &at("w")],
        2,
        "PATHS",
    );
    check(
        &["validate", "--device", fna, "--workspace", &at("full")],
        2,
        "not a workspace",
    );
    check(
        &["dossier", "--device", fna, "--workspace", &at("absent")],
        2,
        "no workspace",
    );
    check(
        &["replay", "1", "--device", fna, "--workspace", &at("absent")],
        2,
        "no workspace",
    );
    check(&["verify", &at("absent.pdf")], 2, "absent.pdf");
    check(&["verify", &at("junk.bin")], 1, "NOT GENUINE");
    check(
        &["verify", &at("junk.bin"), "--key", "nonsense"],
        2,
        "--key",
    );
    check(&["ledger", "check", &at("absent")], 2, "no folder");
    check(
        &["serve", "--workspace", &at("absent"), "--port", "0"],
        2,
        "not a workspace",
    );
    check(
        &[
            "demo",
            "--once",
            "--workspace",
            &at("d"),
            "--devices",
            &at("absent"),
        ],
        2,
        "example devices",
    );
}

/// A device file with faults names all of them, and nothing is made.
#[test]
fn a_faulty_device_file_stops_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device");
    fs::create_dir_all(&device).unwrap();
    let text = fs::read_to_string(root().join("devices/breast-fna/device.toml")).unwrap();
    fs::write(
        device.join("device.toml"),
        text.replace("class = \"C\"", "class = \"Z\"")
            .replace("level = 0.95", "level = 9.5"),
    )
    .unwrap();
    let workspace = folder.path().join("w");
    let output = candour(&[
        "validate",
        "--device",
        device.to_str().unwrap(),
        "--workspace",
        workspace.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(
        said.contains("`Z` is no class") && said.contains("level is not a share"),
        "{said}"
    );
    assert!(!workspace.exists());
}

/// A model that does not qualify here seals that it did not, and decides nothing.
#[test]
fn a_model_that_does_not_qualify_decides_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("device");
    copy_tree(&root().join("devices/breast-fna"), &device);
    let golden = device.join("model/golden.json");
    let text = fs::read_to_string(&golden).unwrap();
    let at = text.find("\"outputs\"").unwrap();
    let changed = format!(
        "{}{}",
        &text[..at],
        text[at..].replacen(|c: char| ('1'..='8').contains(&c), "9", 1)
    );
    fs::write(&golden, changed).unwrap();
    let (table_path, workspace) = (folder.path().join("t.csv"), folder.path().join("w"));
    table(&table_path, 3);
    let ws = workspace.to_str().unwrap();
    check(
        &[
            "run",
            "--device",
            device.to_str().unwrap(),
            "--workspace",
            ws,
            table_path.to_str().unwrap(),
        ],
        5,
        "must not decide here",
    );
    let shown = String::from_utf8(candour(&["ledger", "show", ws]).stdout).unwrap();
    assert!(
        shown.contains("\"passed\":false") && !shown.contains("Decided"),
        "{shown}"
    );
}

/// Verifies SRS-015 on input that cannot be read: every file has its record and the exit code is 3.
#[test]
fn unreadable_input_leaves_a_record_each() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    fs::create_dir(&input).unwrap();
    let slice = Case::from_seed(3).series().unwrap().remove(0);
    fs::write(input.join("empty.dcm"), "").unwrap();
    fs::write(input.join("text.txt"), "Smith^John is not DICOM").unwrap();
    fs::write(input.join("cut.dcm"), &slice[..700]).unwrap();
    fs::write(input.join("broken.zip"), b"PK\x03\x04 and nothing of a ZIP").unwrap();
    fs::write(input.join("ragged.csv"), "case,radius_mean\nA\nB,1,2\n,3\n").unwrap();
    fs::write(input.join("nothing.csv"), "case,radius_mean\n").unwrap();
    fs::write(input.join("binary.csv"), [0xff, 0xfe, 0x00, 0x0a]).unwrap();
    let workspace = folder.path().join("w");
    let ws = workspace.to_str().unwrap();
    let output = candour(&[
        "run",
        "--json",
        "--device",
        "devices/ct-nodule-phantom",
        "--workspace",
        ws,
        input.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), 9, "{lines}");
    assert!(lines.lines().all(|l| l.contains("\"readable\"")) && !lines.contains("Smith"));
    check(&["ledger", "check", ws], 0, "");
}

/// Every flaw of a CT study is refused by its own criterion, in use as in validation.
#[test]
fn flawed_studies_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().join("w");
    for (flaw, criterion) in [
        (Flaw::MissingSlice, "gap"),
        (Flaw::ThickSlices, "slices_min"),
        (Flaw::ZeroSpacing, "impossible_spacing"),
        (Flaw::MixedPatient, "one_patient"),
    ] {
        let input = folder.path().join(criterion);
        fs::create_dir(&input).unwrap();
        for (n, file) in Case::from_seed(70)
            .flawed_series(flaw)
            .unwrap()
            .iter()
            .enumerate()
        {
            fs::write(input.join(format!("{n}.dcm")), file).unwrap();
        }
        let line = ct(&workspace, &[&input]).remove(0);
        assert_eq!(line["criterion"], criterion, "{line}");
    }
}

/// Two different instances under one SOP Instance UID; an image that is no slice; a table of other
/// measurements.
#[test]
fn studies_of_another_kind_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let workspace = folder.path().join("w");
    let slices = Case::from_seed(71).series().unwrap();
    let conflicting = folder.path().join("conflicting");
    fs::create_dir(&conflicting).unwrap();
    for (n, file) in slices.iter().enumerate() {
        fs::write(conflicting.join(format!("{n}.dcm")), file).unwrap();
    }
    let mut other = slices[0].clone();
    let last = other.len() - 1;
    other[last] ^= 1;
    fs::write(conflicting.join("again.dcm"), other).unwrap();
    let few = folder.path().join("few");
    fs::create_dir(&few).unwrap();
    fs::write(few.join("0.dcm"), &Case::from_seed(72).series().unwrap()[0]).unwrap();
    table(&folder.path().join("rows.csv"), 1);
    for (input, criterion) in [
        ("conflicting", "unique_instances"),
        ("few", "slices_min"),
        ("rows.csv", "modality"),
    ] {
        let line = ct(&workspace, &[&folder.path().join(input)]).remove(0);
        assert_eq!(line["criterion"], criterion, "{line}");
    }
}

/// Hostile files in a process that may have no more than 2 GiB: bounds hold before allocation.
#[cfg(target_os = "linux")]
#[test]
fn hostile_input_stays_within_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    fs::create_dir(&input).unwrap();
    let head = |body: &[u8]| {
        [&[0; 128][..], b"DICM\x02\x00\x00\x00UL\x04\x00\x1c\x00\x00\x00\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00", body].concat()
    };
    fs::write(
        input.join("huge.dcm"),
        head(b"\xe0\x7f\x10\x00OW\x00\x00\xfe\xff\xff\xff\x00\x00"),
    )
    .unwrap();
    let level = b"\x40\x00\x75\x02SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff";
    fs::write(input.join("deep.dcm"), head(&level.repeat(500_000))).unwrap();
    // 65,535 by 65,535 pixels of 32 bits in 65,535 frames, said to be there.
    let mut slice = Case::from_seed(73).series().unwrap().remove(0);
    for tag in [b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x11\x00US\x02\x00"] {
        let at = slice.windows(8).position(|w| w == tag).unwrap() + 8;
        slice[at..at + 2].fill(0xff);
    }
    fs::write(input.join("large.dcm"), slice).unwrap();
    let script = format!(
        "ulimit -v 2097152; exec '{BINARY}' run --json --device devices/ct-nodule-phantom --workspace '{}' '{}'",
        folder.path().join("w").display(),
        input.display()
    );
    let output = Command::new("sh")
        .current_dir(root())
        .args(["-c", &script])
        .output()
        .unwrap();
    let lines = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(3), "{lines} {}", stderr(&output));
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.lines().all(|l| l.contains("refused")), "{lines}");
}

/// A ZIP of a study gives the very decision that its folder gives.
#[test]
fn an_archive_decides_as_its_folder_does() {
    use std::io::Write as _;
    let folder = tempfile::tempdir().unwrap();
    let (input, archive) = (folder.path().join("study"), folder.path().join("study.zip"));
    fs::create_dir(&input).unwrap();
    let series = Case::from_seed(42).series().unwrap();
    let mut zip = zip::ZipWriter::new(fs::File::create(&archive).unwrap());
    for (n, file) in series.iter().enumerate() {
        fs::write(input.join(format!("{n}.dcm")), file).unwrap();
        zip.start_file(format!("a/b/{n}"), zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(file).unwrap();
    }
    zip.finish().unwrap();
    let workspace = folder.path().join("w");
    let lines = ct(&workspace, &[&input, &archive]);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["case"], lines[1]["case"]);
    assert_eq!(lines[0]["probability"], lines[1]["probability"]);
}

/// Verifies SRS-024: a newer workspace, one that is not ours to write, a full disk.
#[cfg(unix)]
#[test]
fn storage_that_refuses_is_one_clear_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    table(&folder.path().join("ten.csv"), 10);
    let (ws, input) = (path("w"), path("ten.csv"));
    let arguments = [
        "run",
        "--device",
        "devices/breast-fna",
        "--workspace",
        &ws,
        &input,
    ];
    check(&arguments, 0, "");
    let before = candour(&["ledger", "show", &ws]).stdout;

    fs::write(
        folder.path().join("w/candour-workspace"),
        "candour-workspace@v2\n",
    )
    .unwrap();
    check(&arguments, 4, "newer release");
    fs::write(
        folder.path().join("w/candour-workspace"),
        "candour-workspace@v1\n",
    )
    .unwrap();
    assert_eq!(candour(&["ledger", "show", &ws]).stdout, before);

    // Not ours to write: as another user where the tests run as root, for root may write anything.
    let copy = path("candour");
    fs::copy(BINARY, &copy).unwrap();
    copy_tree(
        &root().join("devices/breast-fna"),
        &folder.path().join("device"),
    );
    let root_user =
        fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    let script = format!(
        "chmod -R a-w '{ws}' && chmod -R a+rX '{ws}' && {} '{copy}' run --device '{}' --workspace '{ws}' '{input}'",
        if root_user {
            "setpriv --reuid=65534 --regid=65534 --clear-groups"
        } else {
            ""
        },
        path("device")
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("nothing that was acknowledged is lost")
            || stderr(&output).contains("restore"),
        "{}",
        stderr(&output)
    );
    Command::new("chmod")
        .args(["-R", "u+w", &ws])
        .status()
        .unwrap();
    assert_eq!(candour(&["ledger", "show", &ws]).stdout, before);

    // A full disk: no file may grow beyond some blocks. Every size is tried until one lets it pass.
    let mut refused = 0;
    for blocks in [8, 16, 24, 32, 48, 64, 96, 128] {
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec '{BINARY}' run --device devices/breast-fna --workspace '{ws}' '{input}'"
        );
        let output = Command::new("sh")
            .current_dir(root())
            .args(["-c", &script])
            .output()
            .unwrap();
        match output.status.code() {
            Some(0) => {}
            Some(4) => refused += 1,
            other => panic!("{blocks} blocks: {other:?} {}", stderr(&output)),
        }
        check(&["ledger", "check", &ws], 0, "");
        let after = candour(&["ledger", "show", &ws]).stdout;
        assert!(after.starts_with(&before), "a record was lost");
    }
    assert!(refused > 0, "no limit was tight enough");
    check(&arguments, 0, "");
}

/// Standard output that is full is an error; a reader who went away is none.
#[cfg(target_os = "linux")]
#[test]
fn a_full_standard_output_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    table(&folder.path().join("ten.csv"), 10);
    let (ws, input, plan) = (path("w"), path("ten.csv"), path("plan.toml"));
    let fna = "devices/breast-fna";
    check(&["run", "--device", fna, "--workspace", &ws, &input], 0, "");
    fs::write(
        folder.path().join("two.csv"),
        "truth,score\n1,0.9\n0,0.2\n1,0.7\n0,0.8\n",
    )
    .unwrap();
    fs::write(
        &plan,
        "title = \"t\"\nversion = \"1\"\n[report]\ntarget_population = \"p\"\nreference_standard = \"r\"\n[data]\nindependent = \"one row each\"\n[[endpoint]]\nid = \"e\"\nstatistic = \"roc-auc\"\ntruth = \"truth\"\nscore = \"score\"\n",
    )
    .unwrap();
    let (data, out) = (path("two.csv"), path("out"));
    for arguments in [
        vec!["validate", &plan, "--data", &data, "--out", &out, "--json"],
        vec!["validate", "--draft", "--data", &data],
        vec!["statistics", "--list"],
        vec!["statistics", "roc-auc", "--help"],
        vec!["ledger", "show", &ws],
        vec!["--version"],
    ] {
        let to = |file: fs::File| {
            Command::new(BINARY)
                .current_dir(root())
                .args(&arguments)
                .stdout(file)
                .output()
                .unwrap()
        };
        let full = to(fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap());
        let said = stderr(&full);
        assert_eq!(full.status.code(), Some(4), "{arguments:?}: {said}");
        assert_eq!(
            said.matches("standard output could not be written").count(),
            1,
            "{said}"
        );
        assert!(!said.contains("panicked"), "{said}");
        // The reader is gone before anything is written.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let closed = Command::new(BINARY)
            .current_dir(root())
            .args(&arguments)
            .stdout(writer)
            .output()
            .unwrap();
        let said = stderr(&closed);
        assert_eq!(closed.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("standard output"), "{said}");
    }
}

/// That no monitor alarms is no good news where none could be judged.
#[test]
fn a_monitor_that_judged_nothing_is_not_green() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    table(&folder.path().join("ten.csv"), 10);
    let (ws, input) = (path("w"), path("ten.csv"));
    let fna = "devices/breast-fna";
    check(&["run", "--device", fna, "--workspace", &ws, &input], 0, "");
    let output = candour(&["monitor", "--workspace", &ws]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let lines = text(&output.stdout);
    assert!(lines.contains("not judged"), "{lines}");
    let page = fs::read_dir(folder.path().join("w/monitoring"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    let page = fs::read_to_string(page.path()).unwrap();
    assert!(page.contains("could not be judged."), "{page}");
    assert!(page.contains("No monitor alarms; ") && !page.contains("No monitor alarms."));
}

/// Two writers: the second is told, and loses nothing.
#[test]
fn a_second_writer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    table(&folder.path().join("many.csv"), 560);
    table(&folder.path().join("one.csv"), 1);
    let mut first = Command::new(BINARY)
        .current_dir(root())
        .args([
            "run",
            "--json",
            "--device",
            "devices/breast-fna",
            "--workspace",
            &path("w"),
            &path("many.csv"),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(first.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    check(
        &[
            "run",
            "--device",
            "devices/breast-fna",
            "--workspace",
            &path("w"),
            &path("one.csv"),
        ],
        4,
        "another process is writing",
    );
    first.kill().unwrap();
    first.wait().unwrap();
    check(
        &[
            "run",
            "--device",
            "devices/breast-fna",
            "--workspace",
            &path("w"),
            &path("one.csv"),
        ],
        0,
        "",
    );
}

/// Verifies SRS-002 on the whole program: `kill -9` at a random moment of a run on 200 studies, ten
/// times on one workspace; then the ledger checks and every acknowledged decision is in it, with its
/// released objects or to be released by the next run.
#[test]
fn killed_ten_times_and_nothing_acknowledged_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    table(&folder.path().join("studies.csv"), 200);
    let ws = path("w");
    let seed = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .subsec_nanos();
    println!("seed {seed}");
    let mut state = u64::from(seed) | 1;
    let mut acknowledged: Vec<(u64, String)> = Vec::new();
    let (mut killed, mut rounds) = (0, 0);
    // A run that ended before it was killed does not count; another takes its place.
    while killed < 10 {
        rounds += 1;
        assert!(
            rounds <= 100,
            "only {killed} of {rounds} runs could be killed"
        );
        let mut child = Command::new(BINARY)
            .current_dir(root())
            .args([
                "run",
                "--json",
                "--device",
                "devices/breast-fna",
                "--workspace",
                &ws,
                &path("studies.csv"),
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        let (tell, told) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut random = |below: u64| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        // By how far it has come, and a little later: so that kills fall anywhere in the run on any
        // machine. Every fourth falls before the first acknowledgement.
        let wait_for = if random(4) == 0 { 0 } else { 1 + random(180) };
        let lines: Vec<String> = (0..wait_for).map_while(|_| told.recv().ok()).collect();
        std::thread::sleep(Duration::from_micros(random(40_000)));
        if child.try_wait().unwrap().is_none() {
            killed += 1;
        }
        let _ = child.kill();
        child.wait().unwrap();
        reader.join().unwrap();
        for line in lines.into_iter().chain(told) {
            // A line that was being written when the process died is no acknowledgement.
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&line) {
                acknowledged.push((
                    value["record"].as_u64().unwrap(),
                    value["leaf"].as_str().unwrap().to_owned(),
                ));
            }
        }
        let checked = candour(&["ledger", "check", &ws]);
        // Before the first record there may be no ledger to check; its format file comes last.
        let made = folder.path().join("w/ledger/format").exists();
        assert!(
            !made || checked.status.success(),
            "round {rounds}: {}",
            stderr(&checked)
        );
    }
    assert!(!acknowledged.is_empty());
    let records = candour_ledger::View::open(&folder.path().join("w/ledger"))
        .unwrap()
        .records()
        .unwrap();
    for (index, leaf) in &acknowledged {
        assert_eq!(
            records[usize::try_from(*index).unwrap()].0.to_string(),
            *leaf,
            "record {index}"
        );
    }
    // The next run goes on, and releases what was sealed but not released.
    table(&folder.path().join("one.csv"), 1);
    check(
        &[
            "run",
            "--device",
            "devices/breast-fna",
            "--workspace",
            &ws,
            &path("one.csv"),
        ],
        0,
        "",
    );
    let (_, index) = candour_device::Workspace::view(&folder.path().join("w")).unwrap();
    assert_eq!(index.unreleased().count(), 0);
    println!(
        "{killed} of {rounds} runs were killed; {} decisions were acknowledged and all are there",
        acknowledged.len()
    );
}
