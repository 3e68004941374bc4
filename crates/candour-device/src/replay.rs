//! Computing a decision again from what the vault kept, and comparing it with what was sealed.

use candour_record::{Event, Real, Record, ReplayResult, Replayed};

use crate::device::Device;
use crate::pipeline::{answer, summary};
use crate::release::open_arrival;
use crate::workspace::{Workspace, WorkspaceError, World};

/// How a replay came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Replay {
    /// The comparison.
    pub result: ReplayResult,
    /// Absolute difference of the logits.
    pub abs_diff: f64,
    /// Index of the `Replayed` record.
    pub index: u64,
    /// What was compared and what differs, in words.
    pub why: Vec<String>,
}

/// Computes the decision at `index` again with `device` and seals how it compares.
///
/// # Errors
/// When there is no such decision, its input is not in the vault, the device is another one than
/// decided, or the result cannot be sealed.
pub fn replay(
    workspace: &mut Workspace,
    device: &Device,
    world: &World<'_>,
    index: u64,
) -> Result<Replay, WorkspaceError> {
    let entry = workspace
        .index()
        .decision(index)
        .ok_or(WorkspaceError::NoDecision(index))?
        .clone();
    let decided = &entry.decided;
    if decided.model != device.model.digest {
        return Err(WorkspaceError::Misuse(format!(
            "record {index} was decided by the model package {}, the device's is {}; replay needs the same package",
            decided.model, device.model.digest
        )));
    }
    let patient = workspace.vault.patient_by_subject(decided.subject)?;
    let arrival = open_arrival(
        &workspace.vault,
        &patient,
        workspace.index().received(&entry)?,
    )?;
    let sealed_map = decided
        .parts
        .iter()
        .find(|p| p.name == "saliency")
        .map(|p| workspace.vault.open_part(&patient, p))
        .transpose()?;
    let mut why = vec!["input: opened from the vault, its commitment holds".to_owned()];
    let (result, abs_diff) = match answer(&arrival, device, decided.seed, true) {
        Err(refusal) => {
            why.push(format!(
                "now refused: {} is {}, allowed is {}",
                refusal.criterion, refusal.found, refusal.allowed
            ));
            (ReplayResult::Different, 0.0)
        }
        Ok(again) => {
            let abs_diff = (again.logit.get() - decided.logit.get()).abs();
            let same_outcome = again.outcome == decided.outcome;
            let same_explanation = summary(again.explanation.as_ref()) == decided.explanation
                && again
                    .explanation
                    .as_ref()
                    .map(candour_model::Explanation::to_bytes)
                    == sealed_map;
            let engine = device.model.engine().identity();
            if engine != decided.engine {
                why.push(format!(
                    "engine: sealed with `{}`, replayed with `{engine}`",
                    decided.engine
                ));
            }
            why.push(format!(
                "logit: sealed {}, now {}, difference {abs_diff:e}",
                decided.logit, again.logit
            ));
            why.push(format!(
                "outcome: {}",
                if same_outcome { "the same" } else { "another" }
            ));
            why.push(format!(
                "explanation: {}",
                if same_explanation {
                    "the same to the bit"
                } else {
                    "another"
                }
            ));
            let identical = again.logit == decided.logit
                && again.probability == decided.probability
                && same_outcome
                && same_explanation;
            let result = if identical {
                ReplayResult::Identical
            } else if abs_diff <= device.qualification.tolerance && same_outcome {
                ReplayResult::WithinTolerance
            } else {
                ReplayResult::Different
            };
            (result, abs_diff)
        }
    };
    let record = Record {
        at: (world.now)(),
        by: "candour".into(),
        device: Some(device.digest),
        event: Event::Replayed(Replayed {
            case: decided.case,
            decision: entry.leaf,
            decision_index: index,
            result,
            abs_diff: Real::new(abs_diff)
                .ok_or_else(|| WorkspaceError::Misuse("the difference is not a number".into()))?,
            engine: device.model.engine().identity(),
        }),
    };
    let sealed = workspace.append(&[record])?;
    Ok(Replay {
        result,
        abs_diff,
        index: sealed.first().map_or(0, |s| s.index),
        why,
    })
}
