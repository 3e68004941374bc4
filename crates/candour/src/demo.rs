//! `candour demo`: the whole path on the example devices, in a fresh workspace.

use std::path::{Path, PathBuf};

use candour_device::{Device, Reading, Settled, StudyOutcome, Workspace};
use candour_dicom::phantom::{Case, Flaw};
use candour_dicom::report::{
    Equipment, Measurement, ObjectIdentity, StudyContext, write_measurements,
};
use candour_dicom::{Code, PatientIdentity};
use candour_record::{DecisionOutcome, Phi, Reference, Verdict};

use crate::commands::{self, Tally};
use crate::failure::Failure;
use crate::world::{SOFTWARE, world};
use crate::{Done, cli, dossier, pages, regulation, say, validation, verify};

/// Seeds of the phantom studies that are taken in: outside every split of the cohort.
const SEEDS: std::ops::Range<u64> = 41..49;
const MARKER: &str = "candour-demo";

pub(crate) fn demo(args: &cli::Demo) -> Done {
    let began = jiff::Timestamp::now();
    let dir = &args.workspace;
    fresh(dir)?;
    let (ct, fna) = (
        args.devices.join("ct-nodule-phantom"),
        args.devices.join("breast-fna"),
    );
    if !ct.is_dir() || !fna.is_dir() {
        return Err(Failure::Misuse(format!(
            "{}: the example devices are not here; run from the repository's root or give --devices",
            args.devices.display()
        )));
    }
    let (ct, fna) = (Device::open(&ct)?, Device::open(&fna)?);
    let mut workspace = Workspace::open_or_create(dir, &world())?;
    std::fs::write(
        dir.join(MARKER),
        "made by `candour demo`, which removes this folder when it runs again\n",
    )?;
    say(
        "Candour demonstration. Generated phantoms and a public research table; not for clinical use.\n",
    );

    let input = dir.join("input");
    let ct_paths = write_ct(&input.join("ct"))?;
    say(format_args!(
        "1. CT phantom studies arrive as DICOM ({})",
        input.join("ct").display()
    ));
    let ct_tally = commands::take_in(&mut workspace, &ct, &ct_paths, &mut |s| {
        say(format_args!("   {}", commands::line(s, false)))
    })?;
    say(format_args!("   {}\n", ct_tally.words()));

    let fna_paths = write_fna(&input.join("fna"), &fna)?;
    say(format_args!(
        "2. Cytology measurements arrive as CSV and as DICOM SR ({})",
        input.join("fna").display()
    ));
    let fna_tally = commands::take_in(&mut workspace, &fna, &fna_paths, &mut |s| {
        say(format_args!("   {}", commands::line(s, false)))
    })?;
    say(format_args!("   {}\n", fna_tally.words()));

    say(
        "3. A reader agrees with one decision, edits one and overrules one; one decision is computed again",
    );
    oversee(&mut workspace, &ct_tally, &fna_tally)?;
    if let Some(first) = ct_tally
        .settled
        .iter()
        .find(|s| matches!(s.outcome, StudyOutcome::Decided { .. }))
    {
        let replay = candour_device::replay(&mut workspace, &ct, &world(), first.index)?;
        say(format_args!(
            "   replay of record {}: {}",
            first.index,
            commands::replay_words(replay.result)
        ));
    }

    let (mut dossiers, mut maps, mut reports) = (Vec::new(), Vec::new(), Vec::new());
    for (n, device) in (4..).zip([&ct, &fna]) {
        say(format_args!(
            "\n{n}. Validation of {} by plans that are sealed first",
            device.model_version()
        ));
        let done = validation::on_cohort(&mut workspace, device)?;
        for line in commands::validation_lines(&done.validation) {
            say(format_args!("   {line}"));
        }
        if let Some((plan, answered, paths)) = &done.answered {
            say("   and by its statistical analysis plan:");
            for line in validation::lines(plan, &answered.analysis) {
                say(format_args!("   {line}"));
            }
            reports.extend(
                paths
                    .iter()
                    .filter(|p| p.extension().is_some_and(|e| e == "pdf"))
                    .cloned(),
            );
        }
        let opened = regulation::open(&device.folder)?;
        let report = regulation::report(&opened)?;
        let index = regulation::seal(&mut workspace, &opened, &report)?;
        say(format_args!(
            "   classified, as record {index}: {}",
            regulation::verdict(&report)
        ));
        let compiled = dossier::compile(&mut workspace, device)?;
        say(format_args!(
            "   dossier: {} claims, {} decisions, {} requirements met, {} gaps listed as gaps",
            compiled.content.claims.len(),
            compiled.content.decisions.len(),
            compiled.content.met.len(),
            compiled.content.gaps.len()
        ));
        dossiers.push(compiled);
        maps.push(regulation::write_page(&workspace, &opened, &report)?);
    }
    let vkey = workspace.ledger().vkey().clone();
    let size = workspace.ledger().size();
    drop(workspace);

    say("\n6. Verification, offline");
    for dossier in &dossiers {
        for path in [&dossier.pdf, &dossier.html] {
            verify::verify_file(path, Some(&vkey))?;
            say(format_args!("   genuine: {}", path.display()));
        }
        tampered(&dossier.pdf, &vkey)?;
    }
    let report = candour_ledger::check(&dir.join("ledger"), Some(&vkey))
        .map_err(|f| Failure::Wrong(f.to_string()))?;
    say(format_args!(
        "   genuine: the ledger, {} records in {} files",
        report.entries, report.files
    ));

    let seconds = jiff::Timestamp::now().duration_since(began).as_secs();
    say(format_args!("\nSummary ({seconds} s)"));
    say(format_args!(
        "   decided and refused  CT phantom: {}",
        ct_tally.words()
    ));
    say(format_args!(
        "                        cytology:   {}",
        fna_tally.words()
    ));
    say(format_args!(
        "   sealed               {size} records in {}",
        dir.join("ledger").display()
    ));
    say(format_args!(
        "   released             {} DICOM objects in {}",
        released(&ct_tally) + released(&fna_tally),
        dir.join("out").display()
    ));
    for dossier in &dossiers {
        say(format_args!(
            "   dossier              {}",
            dossier.pdf.display()
        ));
    }
    for report in &reports {
        say(format_args!("   validation report    {}", report.display()));
    }
    for map in &maps {
        say(format_args!("   class, requirements  {}", map.display()));
    }
    if let Some(dossier) = dossiers.first() {
        say(format_args!(
            "   verify it            candour verify {} --key {}",
            dossier.pdf.display(),
            dossier.pdf.with_file_name("key.vkey").display()
        ));
        say(format_args!(
            "   or with Python       python3 spec/verify.py {} --key '{vkey}'",
            dossier.pdf.display()
        ));
    }
    if args.once {
        say(format_args!(
            "   pages                candour serve --workspace {}",
            dir.display()
        ));
        return Ok(());
    }
    pages::serve(dir, args.port)
}

fn released(tally: &Tally) -> usize {
    tally.settled.iter().map(|s| s.released.len()).sum()
}

/// Removes what an earlier demonstration made, and nothing else.
fn fresh(dir: &Path) -> Done {
    let occupied = std::fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if !occupied {
        return Ok(());
    }
    if !dir.join(MARKER).is_file() {
        return Err(Failure::Misuse(format!(
            "{}: not empty and not made by `candour demo`; give another folder with --workspace",
            dir.display()
        )));
    }
    Ok(std::fs::remove_dir_all(dir)?)
}

/// Phantom studies: whole ones, and one for each flaw that a PACS really sends.
fn write_ct(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |e: candour_dicom::DicomError| Failure::Storage(e.to_string());
    for seed in SEEDS {
        commands::write_study(
            &dir.join(format!("study-{seed}")),
            &Case::from_seed(seed).series().map_err(failed)?,
        )?;
    }
    for (n, flaw) in (60u64..).zip([
        Flaw::MissingSlice,
        Flaw::ThickSlices,
        Flaw::MixedPatient,
        Flaw::Truncated,
    ]) {
        let name = format!("flawed-{n}");
        commands::write_study(
            &dir.join(name),
            &Case::from_seed(n).flawed_series(flaw).map_err(failed)?,
        )?;
    }
    Ok(vec![dir.to_owned()])
}

/// A few rows of the research table's test split as CSV, one of them with a measurement missing, and
/// two as DICOM structured reports.
fn write_fna(dir: &Path, device: &Device) -> Result<Vec<PathBuf>, Failure> {
    std::fs::create_dir_all(dir)?;
    let cohort =
        candour_device::Cohort::open(device).map_err(|e| Failure::Misuse(e.to_string()))?;
    let rows: Vec<(Reference, String)> = cohort
        .cases
        .iter()
        .filter_map(|c| match &c.material {
            candour_device::Material::Row(text) => {
                Some((c.reference, String::from_utf8_lossy(text).into_owned()))
            }
            _ => None,
        })
        .step_by(9)
        .take(12)
        .collect();
    let split = |text: &str| {
        text.split_once('\n')
            .map(|(h, r)| (h.to_owned(), r.trim_end().to_owned()))
    };
    let mut table = String::new();
    for (n, (_, text)) in rows.iter().take(9).enumerate() {
        let Some((header, row)) = split(text) else {
            continue;
        };
        if n == 0 {
            table.push_str(&header);
            table.push('\n');
        }
        table.push_str(&row);
        table.push('\n');
    }
    if let Some((_, row)) = rows.get(9).and_then(|(_, t)| split(t)) {
        let mut fields: Vec<&str> = row.split(',').collect();
        if let Some(field) = fields.get_mut(5) {
            *field = "";
        }
        table.push_str(&fields.join(","));
        table.push('\n');
    }
    std::fs::write(dir.join("measurements.csv"), table)?;
    let at = (world().now)();
    for (n, (_, text)) in rows.iter().skip(10).enumerate() {
        let Some((_, row)) = split(text) else {
            continue;
        };
        let mut fields = row.split(',');
        let case = fields.next().unwrap_or("").to_owned();
        let list: Vec<Measurement> = device
            .model
            .measurements()
            .iter()
            .zip(fields)
            .filter_map(|(spec, value)| {
                Some(Measurement {
                    concept: Code::new(&spec.code, &spec.scheme, &spec.name.replace('_', " ")),
                    value: value.parse().ok()?,
                    unit: Code::new(&spec.unit, "UCUM", "no units"),
                })
            })
            .collect();
        let text = |t: &str| Phi::new(t.to_owned());
        let patient = PatientIdentity {
            id: text(&case),
            issuer: text("DEMO"),
            name: text("Research^Table"),
            birth_date: text(""),
            sex: text("F"),
        };
        let uid =
            |part: u128| candour_dicom::uid_from_u128(0x5ca1_ab1e_0000 + 16 * n as u128 + part);
        let equipment = Equipment {
            manufacturer: "Candour (demonstration)".into(),
            model: "measurement bench".into(),
            serial: "1".into(),
            versions: vec![SOFTWARE.into()],
            uid: uid(1),
        };
        let context = StudyContext::new(patient, &uid(2), at);
        let identity = ObjectIdentity {
            sop_instance: uid(3),
            series: uid(4),
            at,
        };
        let bytes = write_measurements(&context, &identity, &equipment, &list)
            .map_err(|e| Failure::Storage(e.to_string()))?;
        std::fs::write(dir.join(format!("report-{n}.dcm")), bytes)?;
    }
    Ok(vec![dir.to_owned()])
}

fn oversee(workspace: &mut Workspace, ct: &Tally, fna: &Tally) -> Done {
    let world = world();
    let finding = |s: &&Settled| {
        matches!(
            s.outcome,
            StudyOutcome::Decided {
                outcome: DecisionOutcome::Finding,
                ..
            }
        )
    };
    let mut findings = fna.settled.iter().filter(finding);
    let readings = [
        (
            findings.next(),
            Verdict::Agree,
            "agrees with",
            "Agrees with my reading of the smear.",
        ),
        (
            findings.next(),
            Verdict::Edit,
            "edits",
            "Malignant cells seen; reported as suspicious only, for the smear is scanty.",
        ),
        (
            ct.settled.iter().rev().find(finding),
            Verdict::Overrule,
            "overrules",
            "Vessel crossing, no nodule to my eye; compared with the neighbouring slices.",
        ),
    ];
    for (study, verdict, does, reason) in readings {
        let Some(study) = study else { continue };
        let reading = Reading {
            by: "Dr. A. Demo".into(),
            reason: reason.into(),
        };
        let index = candour_device::oversee(workspace, &world, study.index, verdict, &reading)?;
        say(format_args!(
            "   record {index}: {does} record {}",
            study.index
        ));
    }
    Ok(())
}

/// Shows that a changed byte is found: in the middle of the embedded evidence of a copy in memory.
fn tampered(pdf: &Path, vkey: &candour_ledger::Vkey) -> Done {
    let mut evidence = candour_dossier::attached(&std::fs::read(pdf)?)
        .map_err(|e| Failure::Wrong(e.to_string()))?;
    let middle = evidence.len() / 2;
    if let Some(byte) = evidence.get_mut(middle) {
        *byte ^= 1;
    }
    match candour_dossier::verify_evidence(&evidence, Some(vkey)) {
        Err(e) => {
            say(format_args!(
                "   refused, as it must be, with byte {middle} of its evidence changed: {e}"
            ));
            Ok(())
        }
        Ok(_) => Err(Failure::Wrong("a changed byte was not found".into())),
    }
}
