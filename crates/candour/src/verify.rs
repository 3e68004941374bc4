//! `candour verify`: what was checked, what was not, in words.

use std::path::Path;

use candour_device::Workspace;
use candour_dossier::{attached, verify_evidence};
use candour_ledger::{TlogProof, View, Vkey};
use candour_record::{Digest, Event, Record};

use crate::failure::Failure;
use crate::{Done, cli, commands, say};

/// The result of a verification: what holds, and what was not checked.
pub(crate) struct Findings {
    /// What was checked and holds.
    pub(crate) checked: Vec<String>,
    /// What was not checked.
    pub(crate) unchecked: Vec<String>,
    /// The key that signed.
    pub(crate) vkey: Vkey,
}

/// Verifies a file by its content. `beside` is the `.tlog-proof` that came with it, if any.
pub(crate) fn verify(
    bytes: &[u8],
    beside: Option<&str>,
    expected: Option<&Vkey>,
) -> Result<Findings, String> {
    let mut unchecked = Vec::new();
    if expected.is_none() {
        unchecked.push(
            "whose key it is: compare it with the one the manufacturer published, or give --key"
                .to_owned(),
        );
    }
    unchecked.push(
        "whether what was sealed is true: a seal shows when and what, not that it is right"
            .to_owned(),
    );
    if bytes.starts_with(b"c2sp.org/tlog-proof") {
        let text = std::str::from_utf8(bytes).map_err(|_| "the proof is not UTF-8")?;
        let proof = TlogProof::parse(text).map_err(|e| e.to_string())?;
        let vkey = expected.ok_or("a .tlog-proof does not hold the key; give it with --key")?;
        let checkpoint = proof.verify(None, vkey).map_err(|e| e.to_string())?;
        let entry = proof.extra.unwrap_or_default();
        let kind = Record::parse(&entry).map_or_else(
            |_| "entry".to_owned(),
            |r| format!("{} of {}", r.event.kind(), r.at),
        );
        return Ok(Findings {
            checked: vec![
                format!(
                    "record {} ({kind}) is in the log {} of size {}: inclusion proof and signature hold",
                    proof.index, checkpoint.origin, checkpoint.size
                ),
                String::from_utf8_lossy(&entry).into_owned(),
            ],
            unchecked,
            vkey: vkey.clone(),
        });
    }
    let dicom = bytes.get(128..132) == Some(b"DICM");
    if dicom {
        let report = candour_device::check_report(bytes, expected).map_err(|e| e.to_string())?;
        unchecked.push("the report's other content: patient, study and wording are in the vault, not in the record".into());
        return Ok(Findings {
            checked: vec![
                format!(
                    "the decision is record {} of the log {} of size {}: inclusion proof and signature hold",
                    report.index, report.checkpoint.origin, report.checkpoint.size
                ),
                format!(
                    "the report's outcome and probability are the sealed ones: {}, {}",
                    commands::outcome_name(report.decided.outcome),
                    report.decided.probability
                ),
                format!(
                    "decided by {} (package {})",
                    report.decided.model_version, report.decided.model
                ),
            ],
            unchecked,
            vkey: report.vkey,
        });
    }
    let evidence = attached(bytes).map_err(|e| e.to_string())?;
    let verified = verify_evidence(&evidence, expected).map_err(|e| e.to_string())?;
    let content = &verified.content;
    let mut checked = vec![
        format!("device: {}{}", content.device, if content.demonstration { " (demonstration)" } else { "" }),
        format!(
            "{} records are in the log {} of size {}: each inclusion proof and the checkpoint's signature hold",
            verified.records, verified.checkpoint.origin, verified.checkpoint.size
        ),
        format!(
            "{} numbers were computed again from those records and agree; {} answer an analysis plan and stand as sealed; {} decisions are listed as sealed",
            content.claims.iter().filter(|c| c.statistic != "analysed").count(),
            content.claims.iter().filter(|c| c.statistic == "analysed").count(),
            content.decisions.len()
        ),
        "the content is the one that was sealed when it was compiled; every plan was sealed before its data".to_owned(),
    ];
    if evidence != bytes {
        match beside {
            Some(proof) => {
                checked.push(rendered(proof, bytes, &verified.vkey)?);
            }
            None => unchecked.push("the visible pages: only the attached evidence was checked, for the file's .tlog-proof does not lie beside it".into()),
        }
    }
    unchecked.push("whether a study was left out: that shows only against the whole ledger (candour ledger check)".into());
    Ok(Findings {
        checked,
        unchecked,
        vkey: verified.vkey,
    })
}

/// Checks that these very bytes were sealed as rendered.
fn rendered(proof: &str, bytes: &[u8], vkey: &Vkey) -> Result<String, String> {
    let wrong = |e: String| format!("the .tlog-proof beside the file: {e}");
    let proof = TlogProof::parse(proof).map_err(|e| wrong(e.to_string()))?;
    proof.verify(None, vkey).map_err(|e| wrong(e.to_string()))?;
    let record =
        Record::parse(&proof.extra.unwrap_or_default()).map_err(|e| wrong(e.to_string()))?;
    match record.event {
        Event::Rendered(r) if r.digest == Digest::of(bytes) => Ok(format!(
            "the whole file, byte for byte, is the one that was sealed as rendered (record {})",
            proof.index
        )),
        Event::Rendered(_) => Err(
            "the file is not the one that was sealed as rendered: its bytes were changed".into(),
        ),
        _ => Err(wrong("it proves another kind of record".into())),
    }
}

/// What a workspace's ledger says of these very bytes; an error in words when it knows them not.
fn looked_up(view: &View, bytes: &[u8]) -> Result<Result<String, &'static str>, Failure> {
    if let Some(proof) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| TlogProof::parse(text).ok())
    {
        let there = proof.index < view.size() && view.proof(proof.index)?.extra == proof.extra;
        return Ok(if there {
            Ok(format!("record {} is this very entry", proof.index))
        } else {
            Err("the workspace's ledger has another entry at this index, or none")
        });
    }
    let digest = Digest::of(bytes);
    for ((_, record), index) in view.records()?.into_iter().zip(0u64..) {
        let found = match record.event {
            Event::Released(r) => r
                .objects
                .into_iter()
                .find(|o| o.digest == digest)
                .map(|o| format!("released, byte for byte, as {}", o.object.replace('_', " "))),
            Event::Rendered(r) if r.digest == digest => {
                Some(format!("rendered, byte for byte, as {}", r.medium))
            }
            _ => None,
        };
        if let Some(how) = found {
            return Ok(Ok(format!("{how} (record {index})")));
        }
    }
    Ok(Err(
        "what is sealed inside holds, but these bytes did not leave this workspace: the rest of the file was changed since (an archive may have corrected the patient's data)",
    ))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|e| Failure::Misuse(format!("{}: {e}", path.display())))
}

/// As [`verify`], for a file on disk with the proof that lies beside it.
pub(crate) fn verify_file(path: &Path, expected: Option<&Vkey>) -> Result<Findings, Failure> {
    verify_bytes(path, &read(path)?, expected)
}

fn verify_bytes(path: &Path, bytes: &[u8], expected: Option<&Vkey>) -> Result<Findings, Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".tlog-proof");
    let beside = std::fs::read_to_string(name).ok();
    verify(bytes, beside.as_deref(), expected)
        .map_err(|e| Failure::Wrong(format!("NOT GENUINE: {}: {e}", path.display())))
}

pub(crate) fn command(args: &cli::Verify) -> Done {
    let expected = args.key.as_deref().map(commands::key).transpose()?;
    if args.file.is_dir() {
        return commands::ledger(&cli::LedgerCommand::Check {
            dir: args.file.clone(),
            key: args.key.clone(),
        });
    }
    let bytes = read(&args.file)?;
    let mut findings = verify_bytes(&args.file, &bytes, expected.as_ref())?;
    if let Some(dir) = &args.workspace {
        let (view, _) = Workspace::view(dir)?;
        if *view.vkey() != findings.vkey {
            return Err(Failure::Wrong(format!(
                "NOT GENUINE: the workspace's ledger has the key {}, the file has {}",
                view.vkey(),
                findings.vkey
            )));
        }
        let found = looked_up(&view, &bytes)?
            .map_err(|e| Failure::Wrong(format!("NOT GENUINE: {}: {e}", args.file.display())))?;
        findings.checked.push(format!(
            "in the ledger in {}, which has {} records: {found}",
            dir.display(),
            view.size()
        ));
    }
    say(format_args!("GENUINE: {}", args.file.display()));
    for line in &findings.checked {
        say(format_args!("  checked: {line}"));
    }
    for line in &findings.unchecked {
        say(format_args!("  not checked: {line}"));
    }
    say(format_args!("  signed by: {}", findings.vkey));
    Ok(())
}
