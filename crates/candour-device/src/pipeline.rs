//! From what arrives to what is sealed and released, a few studies at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;

use candour_model::{
    Explanation, ExplanationMethod, Prediction, explain_map, explain_measurements, sentences,
};
use candour_record::canonical::{self, Value};
use candour_record::{
    CaseId, Decided, DecisionOutcome, Digest, Event, ExplanationSummary, Loaded, Purpose, Real,
    Received, Record, Refused,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::arrival::{Arrival, ArrivalError, Content, sources};
use crate::decide::decide;
use crate::device::{Device, DeviceError};
use crate::intake::{Eligible, Refusal, intake};
use crate::release::release_pending;
use crate::workspace::{Workspace, WorkspaceError, World};

/// How many studies are read, decided and sealed together.
const BATCH: usize = 8;

/// What came of one study.
#[derive(Clone, Debug, PartialEq)]
pub enum StudyOutcome {
    /// Decided.
    Decided {
        /// The outcome.
        outcome: DecisionOutcome,
        /// The calibrated probability.
        probability: f64,
    },
    /// Refused.
    Refused(Refusal),
}

/// One study whose record is durable.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// Index of its `Decided` or `Refused` record.
    pub index: u64,
    /// Leaf hash of that record.
    pub leaf: Digest,
    /// The study's pseudonym, if a study could be made out.
    pub case: Option<CaseId>,
    /// What came of it.
    pub outcome: StudyOutcome,
    /// Deviations from the standard that were tolerated: code and how often.
    pub deviations: BTreeMap<String, u32>,
    /// Files released for it, in the workspace's `out` folder.
    pub released: Vec<String>,
}

/// Why a run ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The workspace.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// The device.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// A path that cannot be listed.
    #[error(transparent)]
    Source(#[from] candour_dicom::source::SourceError),
}

/// What the vault keeps beside a decision: the words and what they rest on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Justification {
    /// The sentences shown.
    pub(crate) sentences: Vec<String>,
    /// Slice (from 0) to show first, where there is a volume.
    pub(crate) slice: Option<usize>,
    /// How many slices there are.
    pub(crate) slices: Option<usize>,
    /// Isotropic spacing of the map's grid in mm; it is centred on the volume.
    pub(crate) grid_spacing_mm: Option<f64>,
    /// The coded finding: value, scheme, meaning.
    pub(crate) finding: [String; 3],
    /// Probabilities in which the device abstains.
    pub(crate) abstain_band: Option<(f64, f64)>,
    /// Names of the measurements, in the order of the contributions.
    pub(crate) measurements: Vec<String>,
}

/// Seals the result of a device's golden vectors on this machine.
///
/// # Errors
/// When it cannot be sealed, or the model did not qualify (then it was sealed that it did not).
pub fn install(
    workspace: &mut Workspace,
    device: &Device,
    world: &World<'_>,
) -> Result<(), RunError> {
    let q = &device.qualification;
    let real = |v: f64| {
        Real::new(v).ok_or_else(|| WorkspaceError::Misuse("a golden vector gave no number".into()))
    };
    let event = Event::Loaded(Loaded {
        model: device.model.digest,
        model_version: device.model_version(),
        engine: q.engine.clone(),
        software: world.software.to_owned(),
        vectors: q.vectors,
        max_abs_diff: real(q.max_abs_diff)?,
        tolerance: real(q.tolerance)?,
        passed: q.passed,
    });
    workspace.append(&[Record {
        at: (world.now)(),
        by: "candour".into(),
        device: Some(device.digest),
        event,
    }])?;
    q.require().map_err(DeviceError::Model)?;
    Ok(())
}

/// Takes studies in, decides, seals and releases. `settled` hears of each study once its record and
/// its release are durable; `progress` of how many are done and how many were found.
///
/// # Errors
/// When a path cannot be listed, the model did not qualify, or the workspace fails. Everything
/// `settled` heard of is durable all the same.
pub fn run(
    workspace: &mut Workspace,
    device: &Device,
    world: &World<'_>,
    paths: &[PathBuf],
    progress: &mut dyn FnMut(usize, usize),
    settled: &mut dyn FnMut(&Settled),
) -> Result<(), RunError> {
    let found = sources(paths, &mut |n| progress(0, n))?;
    install(workspace, device, world)?;
    // What an earlier run sealed but could not release any more.
    release_pending(workspace, device, world)?;
    for (batch, done) in found.chunks(BATCH).zip((0..).step_by(BATCH)) {
        progress(done, found.len());
        let processed = batch
            .par_iter()
            .flat_map_iter(|source| source.read())
            .map(|arrival| process(workspace, device, world, arrival, Purpose::Use))
            .collect::<Result<Vec<_>, WorkspaceError>>()?;
        let mut sealed = seal(workspace, processed)?;
        let released = release_pending(workspace, device, world)?;
        for study in &mut sealed {
            if let Some((_, files)) = released.iter().find(|(index, _)| *index == study.index) {
                study.released.clone_from(files);
            }
            settled(study);
        }
    }
    progress(found.len(), found.len());
    Ok(())
}

/// A study with its records, not yet sealed.
pub(crate) struct Processed {
    /// `Received`, then `Decided` or `Refused`.
    pub(crate) records: Vec<Record>,
    pub(crate) case: Option<CaseId>,
    pub(crate) outcome: StudyOutcome,
    pub(crate) deviations: BTreeMap<String, u32>,
}

/// Seals what was processed in one batch, in order of time.
pub(crate) fn seal(
    workspace: &mut Workspace,
    processed: Vec<Processed>,
) -> Result<Vec<Settled>, WorkspaceError> {
    let mut records = Vec::new();
    let mut answers = Vec::new();
    for study in processed {
        answers.push((
            records.len() + study.records.len() - 1,
            study.case,
            study.outcome,
            study.deviations,
        ));
        records.extend(study.records);
    }
    // Studies ran in parallel, so their records' times interleave; the ledger keeps the order of time.
    // The times themselves stay: records refer to each other by leaf hash.
    let mut order: Vec<usize> = (0..records.len()).collect();
    order.sort_by_key(|i| records.get(*i).map(|r| r.at));
    let sorted: Vec<Record> = order
        .iter()
        .filter_map(|i| records.get(*i).cloned())
        .collect();
    let sealed = workspace.append(&sorted)?;
    Ok(answers
        .into_iter()
        .filter_map(|(at, case, outcome, deviations)| {
            let place = order.iter().position(|i| *i == at)?;
            let s = sealed.get(place)?;
            Some(Settled {
                index: s.index,
                leaf: s.leaf,
                case,
                outcome,
                deviations,
                released: Vec::new(),
            })
        })
        .collect())
}

/// Takes one arrival through intake, prediction, explanation and decision, and puts what is
/// personal into the vault.
pub(crate) fn process(
    workspace: &Workspace,
    device: &Device,
    world: &World<'_>,
    arrival: Result<Arrival, ArrivalError>,
    purpose: Purpose,
) -> Result<Processed, WorkspaceError> {
    let by = || "candour".to_owned();
    let received_at = (world.now)();
    let arrival = match arrival {
        Ok(arrival) => arrival,
        Err(e) => {
            let refusal = Refusal::new(
                "readable",
                e.to_string(),
                "DICOM, ZIP of DICOM, or CSV of measurements",
            );
            let event = Event::Refused(refused(device, world, &refusal, None, purpose));
            return Ok(Processed {
                records: vec![Record {
                    at: received_at,
                    by: by(),
                    device: Some(device.digest),
                    event,
                }],
                case: None,
                outcome: StudyOutcome::Refused(refusal),
                deviations: BTreeMap::new(),
            });
        }
    };
    let patient = workspace
        .vault
        .patient(&arrival.patient_key(), world.entropy)?;
    let (_, uid) = arrival.identity();
    let case = patient.case(&uid);
    let vault_part =
        |name: &str, body: &[u8]| workspace.vault.seal(&patient, name, body, world.entropy);
    let (content, manifest) = describe(&arrival);
    let mut parts = vec![vault_part("manifest", &manifest)?];
    // A validation's cases lie in its cohort, which the plan pins by digest; they are not kept twice.
    if purpose == Purpose::Use {
        parts.push(vault_part("bytes", &arrival.container())?);
    }
    let deviations: BTreeMap<String, u32> = match &arrival.content {
        Content::Dicom(study) => study
            .deviations
            .iter()
            .map(|(d, n)| (d.code().to_owned(), *n))
            .collect(),
        Content::Row(_) => BTreeMap::new(),
    };
    let received = Record {
        at: received_at,
        by: by(),
        device: Some(device.digest),
        event: Event::Received(Received {
            case,
            subject: patient.subject(),
            purpose,
            instances: arrival.count(),
            content,
            deviations: deviations.clone(),
            parts,
        }),
    };
    let leaf = received.leaf_hash()?;
    let seed = leaf
        .as_bytes()
        .iter()
        .take(4)
        .fold(0u32, |n, b| (n << 8) | u32::from(*b));
    let answer = answer(&arrival, device, seed, purpose == Purpose::Use);
    let at = (world.now)().max(received_at);
    let (event, outcome) = match answer {
        Err(refusal) => (
            Event::Refused(refused(
                device,
                world,
                &refusal,
                Some((case, patient.subject(), leaf)),
                purpose,
            )),
            StudyOutcome::Refused(refusal),
        ),
        Ok(answer) => {
            let mut parts = Vec::new();
            if purpose == Purpose::Use {
                let words = serde_json::to_vec(&answer.justification).unwrap_or_default();
                parts.push(vault_part("justification", &words)?);
                if let Some(e) = &answer.explanation {
                    parts.push(vault_part("saliency", &e.to_bytes())?);
                }
            }
            let decided = Decided {
                case,
                subject: patient.subject(),
                received: leaf,
                purpose,
                model: device.model.digest,
                model_version: device.model_version(),
                software: world.software.to_owned(),
                engine: device.model.engine().identity(),
                outcome: answer.outcome,
                logit: answer.logit,
                probability: answer.probability,
                threshold: answer.threshold,
                seed,
                explanation: summary(answer.explanation.as_ref()),
                parts,
            };
            let probability = answer.probability.get();
            (
                Event::Decided(decided),
                StudyOutcome::Decided {
                    outcome: answer.outcome,
                    probability,
                },
            )
        }
    };
    let decided = Record {
        at,
        by: by(),
        device: Some(device.digest),
        event,
    };
    Ok(Processed {
        records: vec![received, decided],
        case: Some(case),
        outcome,
        deviations,
    })
}

fn refused(
    device: &Device,
    world: &World<'_>,
    refusal: &Refusal,
    study: Option<(CaseId, candour_record::SubjectId, Digest)>,
    purpose: Purpose,
) -> Refused {
    Refused {
        case: study.map(|s| s.0),
        subject: study.map(|s| s.1),
        received: study.map(|s| s.2),
        purpose,
        model: device.model.digest,
        model_version: device.model_version(),
        software: world.software.to_owned(),
        criterion: refusal.criterion.clone(),
        found: refusal.found.clone(),
        allowed: refusal.allowed.clone(),
    }
}

/// The explanation as a record states it.
pub(crate) fn summary(explanation: Option<&Explanation>) -> ExplanationSummary {
    explanation.map_or_else(
        || ExplanationSummary {
            method: "none".into(),
            faithful: false,
            figures: BTreeMap::new(),
        },
        |e| ExplanationSummary {
            method: e.method().into(),
            faithful: e.faithful(),
            figures: e
                .figures()
                .into_iter()
                .filter_map(|(k, v)| Some((k, Real::new(v)?)))
                .collect(),
        },
    )
}

/// What the device answers, before anything is sealed.
pub(crate) struct Answer {
    pub(crate) outcome: DecisionOutcome,
    pub(crate) logit: Real,
    pub(crate) probability: Real,
    pub(crate) threshold: Real,
    pub(crate) explanation: Option<Explanation>,
    pub(crate) justification: Justification,
}

/// Intake, prediction, explanation and decision: the same for a first decision and for a replay.
pub(crate) fn answer(
    arrival: &Arrival,
    device: &Device,
    seed: u32,
    explain: bool,
) -> Result<Answer, Refusal> {
    let eligible = intake(arrival, device)?;
    let failed = |e: candour_model::ModelError| {
        Refusal::new(
            "computable",
            e.to_string(),
            "an input the network gives a score for",
        )
    };
    let prediction = device.model.predict(&eligible.input).map_err(failed)?;
    let no_number = || Refusal::new("computable", "the score is not a number", "a finite score");
    let outcome = decide(prediction.probability, &device.policy()).ok_or_else(no_number)?;
    let real = |v: f64| Real::new(v).ok_or_else(no_number);
    let explanation = if explain {
        Some(explanation(device, &eligible, seed).map_err(failed)?)
    } else {
        None
    };
    let justification = justify(
        device,
        &eligible,
        &prediction,
        outcome,
        explanation.as_ref(),
    );
    Ok(Answer {
        outcome,
        logit: real(prediction.logit)?,
        probability: real(prediction.probability)?,
        threshold: real(device.policy().threshold)?,
        explanation,
        justification,
    })
}

fn explanation(
    device: &Device,
    eligible: &Eligible,
    seed: u32,
) -> Result<Explanation, candour_model::ModelError> {
    let engine = device.model.engine();
    match (&device.model.spec.explanation, device.model.spec.input()) {
        (
            ExplanationMethod::Occlusion {
                patch,
                stride,
                baseline,
                faithfulness_random_orders,
            },
            candour_model::InputKind::Volume { dims, .. },
        ) => explain_map(
            engine,
            &eligible.input,
            dims,
            (*patch, *stride, *baseline),
            *faithfulness_random_orders,
            seed,
        ),
        (
            ExplanationMethod::ShapleyAdditive {
                baseline_values,
                faithfulness_random_orders,
            },
            _,
        ) => explain_measurements(
            engine,
            &eligible.input,
            baseline_values,
            *faithfulness_random_orders,
            seed,
        ),
        (ExplanationMethod::Occlusion { .. }, _) => Err(candour_model::ModelError::Input(
            "occlusion needs a volume".into(),
        )),
    }
}

fn justify(
    device: &Device,
    eligible: &Eligible,
    prediction: &Prediction,
    outcome: DecisionOutcome,
    explanation: Option<&Explanation>,
) -> Justification {
    let finding = device.model.spec.finding();
    let mut words = Justification {
        sentences: Vec::new(),
        slice: None,
        slices: None,
        grid_spacing_mm: None,
        finding: [
            finding.value.clone(),
            finding.scheme.clone(),
            finding.meaning.clone(),
        ],
        abstain_band: device.model.spec.abstain_band(),
        measurements: device
            .model
            .measurements()
            .iter()
            .map(|m| m.name.clone())
            .collect(),
    };
    let mut place = None;
    if let Some(volume) = &eligible.volume {
        let [slices, ..] = volume.dims;
        words.slices = Some(slices);
        words.slice = Some(slices / 2);
        if let (Some(Explanation::Map(o)), candour_model::InputKind::Volume { preprocess, .. }) = (
            explanation.filter(|e| e.faithful()),
            device.model.spec.input(),
        ) {
            words.grid_spacing_mm = Some(preprocess.spacing_mm);
            let at = crate::picture::peak_voxel(volume, &o.map, preprocess.spacing_mm);
            let [z, ..] = at;
            let slice = (z.round().max(0.0) as usize).min(slices.saturating_sub(1));
            words.slice = Some(slice);
            let [left, posterior, superior] = volume.patient_mm(at);
            let side = |v: f64, plus: &str, minus: &str| {
                format!("{} {:.0}", if v >= 0.0 { plus } else { minus }, v.abs())
            };
            place = Some(format!(
                "around slice {} of {slices} ({}, {}, {} mm from the frame's origin)",
                slice + 1,
                side(left, "left", "right"),
                side(posterior, "posterior", "anterior"),
                side(superior, "superior", "inferior"),
            ));
        }
    }
    words.sentences = sentences(
        &device.model.spec,
        prediction,
        outcome,
        explanation,
        place.as_deref(),
    );
    words
}

/// What a study is made of, in a word, and the manifest: digest and SOP Instance UID of each
/// instance.
fn describe(arrival: &Arrival) -> (String, Vec<u8>) {
    let text = |t: String| Value::Text(t);
    let (content, rows): (&str, Vec<Value>) = match &arrival.content {
        Content::Row(_) => (
            "measurements",
            arrival
                .bytes
                .iter()
                .map(|b| text(Digest::of(b).to_string()))
                .collect(),
        ),
        Content::Dicom(study) => {
            let content = if study.slice_series().is_empty() {
                if study.reports().next().is_some() {
                    "measurements"
                } else {
                    "image"
                }
            } else {
                "volume"
            };
            let rows = study
                .instances
                .iter()
                .map(|i| {
                    let members = [
                        ("digest", i.digest.to_string()),
                        ("sop_class", i.sop_class()),
                        ("sop_instance", i.sop_instance().expose().clone()),
                    ];
                    Value::Object(
                        members
                            .into_iter()
                            .map(|(k, v)| (k.to_owned(), text(v)))
                            .collect(),
                    )
                })
                .collect();
            (content, rows)
        }
    };
    (content.to_owned(), canonical::print(&Value::Array(rows)))
}
