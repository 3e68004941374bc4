//! What leaves the device: a structured report and a secondary capture for each sealed decision,
//! with the proof inside. Everything is made from the vault and the ledger, so that a release that a
//! crash prevented is made good later, by the same way.

use candour_dicom::report::{ObjectIdentity, StudyContext};
use candour_dicom::{
    Code, Instance, PatientIdentity, Picture, SourceInstance, Volume, report, uid_from_u128,
    write_capture,
};
use candour_ledger::{Patient, Vault};
use candour_model::{Map, Shapley};
use candour_record::{DecisionOutcome, Digest, Event, Phi, Record, Released, ReleasedObject};
use rayon::prelude::*;

use crate::arrival::{Arrival, Content};
use crate::device::Device;
use crate::index::{DecisionEntry, Index};
use crate::picture::{WINDOW_LUNG, contribution_picture, framed, slice_picture};
use crate::pipeline::Justification;
use crate::workspace::{Workspace, WorkspaceError, World, write_atomic};

const COMPREHENSIVE_3D_SR: &str = "1.2.840.10008.5.1.4.1.1.88.34";
const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";

/// What may be shown of a decision.
pub struct Shown {
    /// Who the patient is, so that a reader can be sure whose result he reads.
    pub patient: PatientIdentity,
    /// The sentences.
    pub sentences: Vec<String>,
    /// Slice (from 0) to show first.
    pub slice: usize,
    /// The coded finding's meaning.
    pub finding: String,
    /// Probabilities in which the device abstains.
    pub abstain_band: Option<(f64, f64)>,
    /// The volume, when the input was one.
    pub volume: Option<Volume>,
    /// The map and its grid's spacing in mm; only when it passed its test.
    pub map: Option<(Map, f64)>,
    /// Names, values and contributions; only when they passed their test.
    pub contributions: Option<(Vec<String>, Shapley)>,
    arrival: Arrival,
    finding_code: Code,
}

/// Opens what the vault keeps of a decision. Takes no lock.
///
/// # Errors
/// When the vault cannot open it: the key is gone (erased), or a blob is missing or altered.
pub fn show(vault: &Vault, index: &Index, entry: &DecisionEntry) -> Result<Shown, WorkspaceError> {
    let patient = vault.patient_by_subject(entry.decided.subject)?;
    shown(vault, &patient, index.received(entry)?, entry)
}

pub(crate) fn open_arrival(
    vault: &Vault,
    patient: &Patient,
    received: &candour_record::Received,
) -> Result<Arrival, WorkspaceError> {
    let part = received.parts.iter().find(|p| p.name == "bytes").ok_or_else(|| {
        WorkspaceError::Misuse("the input of a validation case lies in its cohort, not in the vault; run the validation again to repeat it".into())
    })?;
    Arrival::from_container(&vault.open_part(patient, part)?)
        .map_err(|e| WorkspaceError::Misuse(e.to_string()))
}

fn shown(
    vault: &Vault,
    patient: &Patient,
    received: &candour_record::Received,
    entry: &DecisionEntry,
) -> Result<Shown, WorkspaceError> {
    let arrival = open_arrival(vault, patient, received)?;
    let part = |name: &str| {
        entry
            .decided
            .parts
            .iter()
            .find(|p| p.name == name)
            .map(|p| vault.open_part(patient, p))
            .transpose()
    };
    let words: Justification = part("justification")?
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .ok_or_else(|| {
            WorkspaceError::Misuse("the decision's justification is not in the vault".into())
        })?;
    let saliency = part("saliency")?.filter(|_| entry.decided.explanation.faithful);
    let volume = match &arrival.content {
        Content::Dicom(study) => study.slice_series().iter().find_map(|s| {
            Volume::assemble(s)
                .ok()
                .filter(|v| Some(v.dims[0]) == words.slices)
        }),
        Content::Row(_) => None,
    };
    let map = saliency
        .as_deref()
        .and_then(Map::from_bytes)
        .zip(words.grid_spacing_mm);
    let contributions = saliency
        .as_deref()
        .and_then(|s| serde_json::from_slice::<Shapley>(s).ok())
        .map(|s| (words.measurements.clone(), s));
    let [value, scheme, meaning] = &words.finding;
    let (identity, _) = arrival.identity();
    Ok(Shown {
        patient: identity,
        sentences: words.sentences,
        slice: words.slice.unwrap_or(0),
        finding: meaning.clone(),
        abstain_band: words.abstain_band,
        volume,
        map,
        contributions,
        arrival,
        finding_code: Code::new(value, scheme, meaning),
    })
}

/// The outcome as a code of our own scheme.
pub(crate) fn outcome_code(outcome: DecisionOutcome) -> Code {
    let (value, meaning) = match outcome {
        DecisionOutcome::Finding => ("FINDING", "Finding"),
        DecisionOutcome::NoFinding => ("NO-FINDING", "No finding"),
        DecisionOutcome::Abstained => ("ABSTAINED", "The device abstained"),
    };
    Code::new(value, "99CANDOUR", meaning)
}

/// Releases every sealed decision in use of this device and model that has not left yet. Gives the
/// index and the files of each.
///
/// # Errors
/// When the vault cannot open a decision, a file cannot be written, or the release cannot be sealed.
pub fn release_pending(
    workspace: &mut Workspace,
    device: &Device,
    world: &World<'_>,
) -> Result<Vec<(u64, Vec<String>)>, WorkspaceError> {
    let mine: Vec<DecisionEntry> = workspace
        .index()
        .unreleased()
        .filter(|e| e.device == Some(device.digest) && e.decided.model == device.model.digest)
        .cloned()
        .collect();
    if mine.is_empty() {
        return Ok(Vec::new());
    }
    let proofs = workspace.ledger().proofs(mine.iter().map(|e| e.index))?;
    let vkey = workspace.ledger().vkey().to_string();
    let made = mine
        .par_iter()
        .zip(proofs)
        .map(|(entry, proof)| {
            let seal = report::Seal {
                vkey: vkey.clone(),
                index: entry.index,
                leaf: entry.leaf,
                proof: proof.print(),
            };
            objects(
                workspace,
                device,
                world,
                entry,
                workspace.index().received(entry)?,
                &seal,
            )
        })
        .collect::<Result<Vec<_>, WorkspaceError>>()?;
    let at = (world.now)();
    let records: Vec<Record> = mine
        .iter()
        .zip(&made)
        .map(|(entry, objects)| Record {
            at,
            by: "candour".into(),
            device: Some(device.digest),
            event: Event::Released(Released {
                case: entry.decided.case,
                decision: entry.leaf,
                decision_index: entry.index,
                objects: objects.iter().map(|(o, _)| o.clone()).collect(),
            }),
        })
        .collect();
    workspace.append(&records)?;
    Ok(mine
        .iter()
        .zip(made)
        .map(|(e, objects)| (e.index, objects.into_iter().map(|(_, f)| f).collect()))
        .collect())
}

fn objects(
    workspace: &Workspace,
    device: &Device,
    world: &World<'_>,
    entry: &DecisionEntry,
    received: &candour_record::Received,
    seal: &report::Seal,
) -> Result<Vec<(ReleasedObject, String)>, WorkspaceError> {
    let patient = workspace.vault.patient_by_subject(entry.decided.subject)?;
    let shown = shown(&workspace.vault, &patient, received, entry)?;
    let equipment = device.equipment(world.software);
    let uid = |purpose: &str, context: &[u8]| {
        uid_from_u128(u128::from_be_bytes(patient.keyed_id(purpose, context)))
    };
    let (context, sources, source_series) = study_context(&shown, entry, &uid);
    let leaf = entry.leaf.as_bytes();
    let identity = |kind: &str| ObjectIdentity {
        sop_instance: uid(kind, leaf),
        series: uid(&format!("{kind} series"), entry.decided.case.as_bytes()),
        at: entry.at,
    };
    let failed = |e: candour_dicom::DicomError| {
        WorkspaceError::Misuse(format!("a result cannot be written as DICOM: {e}"))
    };
    let result = report::Report {
        finding: shown.finding_code.clone(),
        outcome: outcome_code(entry.decided.outcome),
        probability: entry.decided.probability.get(),
        threshold: entry.decided.threshold.get(),
        justification: shown.sentences.join("\n"),
        algorithm: (
            device.model.spec.name.clone(),
            device.model.spec.version.clone(),
        ),
        seal: seal.clone(),
        sources: sources.clone(),
        source_series,
    };
    let sr = report::write_report(
        &context,
        &identity("structured_report"),
        &equipment,
        &result,
    )
    .map_err(failed)?;
    let sc = write_capture(
        &context,
        &identity("secondary_capture"),
        &equipment,
        &capture(&shown, entry, device),
        &format!(
            "AI explanation ({}), sealed as record {}",
            entry.decided.explanation.method, entry.index
        ),
        &sources,
        seal,
    )
    .map_err(failed)?;
    let mut out = Vec::new();
    for (object, sop_class, name, bytes) in [
        ("structured_report", COMPREHENSIVE_3D_SR, "report", sr),
        ("secondary_capture", SECONDARY_CAPTURE, "capture", sc),
    ] {
        let file = format!("{:08}-{name}.dcm", entry.index);
        write_atomic(&workspace.dir.join("out").join(&file), &bytes)?;
        out.push((
            ReleasedObject {
                object: object.into(),
                sop_class: sop_class.into(),
                digest: Digest::of(&bytes),
            },
            file,
        ));
    }
    Ok(out)
}

fn study_context(
    shown: &Shown,
    entry: &DecisionEntry,
    uid: &dyn Fn(&str, &[u8]) -> String,
) -> (StudyContext, Vec<SourceInstance>, String) {
    match &shown.arrival.content {
        Content::Dicom(study) => {
            let of = |i: &Instance| SourceInstance {
                sop_class: i.sop_class(),
                sop_instance: i.sop_instance().expose().clone(),
                digest: i.digest,
            };
            let first = study.instances.first();
            let (sources, series) = match &shown.volume {
                Some(volume) => {
                    let used = volume.sources.first().map(|s| s.sop_instance.clone());
                    let series = study
                        .instances
                        .iter()
                        .find(|i| Some(i.sop_instance().expose()) == used.as_ref());
                    (volume.sources.clone(), series)
                }
                None => {
                    let reports: Vec<&Instance> = study.reports().collect();
                    (
                        reports.iter().map(|i| of(i)).collect(),
                        reports.first().copied(),
                    )
                }
            };
            let series = series
                .or(first)
                .map_or_else(String::new, |i| i.series_uid().expose().clone());
            let context = first.map_or_else(|| nobody(shown, entry, uid), StudyContext::of);
            (context, sources, series)
        }
        Content::Row(_) => (nobody(shown, entry, uid), Vec::new(), String::new()),
    }
}

/// The study that a row of a table stands for: its case is the patient, its UID comes from the key.
fn nobody(
    shown: &Shown,
    entry: &DecisionEntry,
    uid: &dyn Fn(&str, &[u8]) -> String,
) -> StudyContext {
    let (identity, _): (PatientIdentity, Phi<String>) = shown.arrival.identity();
    StudyContext::new(
        identity,
        &uid("study", entry.decided.case.as_bytes()),
        entry.at,
    )
}

fn capture(shown: &Shown, entry: &DecisionEntry, device: &Device) -> Picture {
    let outcome = entry.decided.outcome;
    let (colour, sign) = match outcome {
        DecisionOutcome::Finding => ([255, 159, 28], "FINDING"),
        DecisionOutcome::NoFinding => ([220, 220, 220], "NO FINDING"),
        DecisionOutcome::Abstained => ([130, 190, 255], "ABSTAINED"),
    };
    let mut lines = vec![
        format!("{sign}: {}", shown.finding),
        format!(
            "probability {:.3}, threshold {:.2}",
            entry.decided.probability.get(),
            entry.decided.threshold.get()
        ),
        format!(
            "AI result of {}, record {}. Not diagnostic.",
            device.model_version(),
            entry.index
        ),
    ];
    if device.file.identification.demonstration {
        lines.push("DEMONSTRATION, NOT FOR CLINICAL USE".into());
    }
    let body = match (&shown.volume, &shown.contributions) {
        (Some(volume), _) => {
            lines.push(match &shown.map {
                Some(_) => format!(
                    "slice {}, overlay: where the score is sensitive",
                    shown.slice + 1
                ),
                None => format!(
                    "slice {}, no map: it did not pass its test",
                    shown.slice + 1
                ),
            });
            slice_picture(
                volume,
                shown.slice,
                WINDOW_LUNG,
                shown.map.as_ref().map(|(m, s)| (m, *s, 0.45)),
            )
        }
        (None, Some((names, shapley))) => contribution_picture(names, shapley, 12),
        (None, None) => {
            lines.push("no explanation is shown: it did not pass its test".into());
            Picture {
                rows: 8,
                columns: 512,
                rgb: vec![[0; 3]; 8 * 512],
            }
        }
    };
    framed(&body, &lines, colour)
}
