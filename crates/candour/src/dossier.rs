//! `candour dossier`: compile, seal, render, and prove the rendered files.

use std::path::PathBuf;

use candour_device::{Device, Workspace};
use candour_dossier::Content;
use candour_record::{Digest, Event, Record, Rendered};

use crate::failure::Failure;
use crate::world::world;
use crate::{Done, cli, commands, say};

/// What was compiled and where it lies.
pub(crate) struct Compiled {
    pub(crate) content: Content,
    pub(crate) index: u64,
    pub(crate) pdf: PathBuf,
    pub(crate) html: PathBuf,
}

/// The files of a dossier, as they may be asked for.
pub(crate) const FILES: [&str; 7] = [
    "technical-documentation.pdf",
    "technical-documentation.pdf.tlog-proof",
    "technical-documentation.html",
    "technical-documentation.html.tlog-proof",
    "evidence.json",
    "evidence.json.tlog-proof",
    "key.vkey",
];

/// The folder of a device's dossier: its model name, made fit for a file name.
pub(crate) fn folder(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        })
        .collect();
    if plain.is_empty() {
        "device".into()
    } else {
        plain
    }
}

/// Compiles the technical file of a device, seals it, renders it and seals what was rendered.
pub(crate) fn compile(workspace: &mut Workspace, device: &Device) -> Result<Compiled, Failure> {
    let world = world();
    let content = candour_dossier::compile(
        workspace.ledger(),
        &device.file,
        device.digest,
        &device.texts,
    )?;
    let record = |event| Record {
        at: (world.now)(),
        by: "candour".into(),
        device: Some(device.digest),
        event,
    };
    let event = content
        .compiled()
        .map_err(|e| Failure::Storage(e.to_string()))?;
    let sealed = workspace.append(&[record(event)])?;
    let (index, leaf, at) = sealed
        .first()
        .map(|s| (s.index, s.leaf, s.record.at))
        .ok_or_else(|| Failure::Storage("nothing was sealed".into()))?;
    let view = workspace.ledger();
    let evidence = candour_dossier::evidence(view, &content, index)?;
    let pdf = candour_dossier::render_pdf(view, &content, index, &evidence, at)?;
    let html = candour_dossier::render_html(view, &content, index, &evidence, at)?;
    let dir = workspace
        .dir
        .join("dossier")
        .join(folder(&device.file.identification.model));
    std::fs::create_dir_all(&dir)?;
    let files = [
        ("pdf", dir.join("technical-documentation.pdf"), pdf),
        (
            "html",
            dir.join("technical-documentation.html"),
            html.into_bytes(),
        ),
        ("evidence", dir.join("evidence.json"), evidence),
    ];
    let mut records = Vec::new();
    for (medium, path, bytes) in &files {
        candour_device::write_atomic(path, bytes)?;
        records.push(record(Event::Rendered(Rendered {
            compiled: leaf,
            medium: (*medium).into(),
            digest: Digest::of(bytes),
        })));
    }
    for (sealed, (_, path, _)) in workspace.append(&records)?.iter().zip(&files) {
        let mut name = path.clone().into_os_string();
        name.push(".tlog-proof");
        candour_device::write_atomic(&PathBuf::from(name), sealed.proof.print().as_bytes())?;
    }
    candour_device::write_atomic(
        &dir.join("key.vkey"),
        format!("{}\n", workspace.ledger().vkey()).as_bytes(),
    )?;
    let [(_, pdf, _), (_, html, _), _] = files;
    Ok(Compiled {
        content,
        index,
        pdf,
        html,
    })
}

pub(crate) fn command(args: &cli::Dossier) -> Done {
    let device = Device::open(&args.device)?;
    let mut workspace = commands::open_existing(&args.workspace)?;
    let done = compile(&mut workspace, &device)?;
    say(format_args!(
        "sealed as record {}: {} claims, {} decisions, {} requirements met, {} gaps",
        done.index,
        done.content.claims.len(),
        done.content.decisions.len(),
        done.content.met.len(),
        done.content.gaps.len()
    ));
    say(done.pdf.display());
    say(done.html.display());
    say(format_args!(
        "to verify: candour verify {} --key '{}'",
        done.pdf.display(),
        workspace.ledger().vkey()
    ));
    Ok(())
}
