//! The reader's verdict on a decision, with name and reason in the vault.

use candour_ledger::Vault;
use candour_record::{Event, Overseen, Record, Verdict};
use serde::{Deserialize, Serialize};

use crate::index::DecisionEntry;
use crate::workspace::{Workspace, WorkspaceError, World};

/// Who read a decision and why they ruled as they did: personal data, in the vault only.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The reader's name.
    pub by: String,
    /// Their reason; may be empty when they agree.
    pub reason: String,
}

/// Longest name and longest reason in characters.
const LONGEST: (usize, usize) = (120, 1000);

/// Seals a reader's verdict on the decision at `index`. Gives the index of the new record.
///
/// # Errors
/// When there is no such decision, the name is missing, an edit or overruling has no reason, or it cannot be
/// sealed.
pub fn oversee(
    workspace: &mut Workspace,
    world: &World<'_>,
    index: u64,
    verdict: Verdict,
    reading: &Reading,
) -> Result<u64, WorkspaceError> {
    let misuse = |what: &str| Err(WorkspaceError::Misuse(what.into()));
    let (by, reason) = (reading.by.trim(), reading.reason.trim());
    if by.is_empty() {
        return misuse("a reading needs the reader's name");
    }
    match verdict {
        Verdict::Edit if reason.is_empty() => {
            return misuse("an edit needs a reason; say what the report will say instead");
        }
        Verdict::Overrule if reason.is_empty() => {
            return misuse("overruling needs a reason; say what the device got wrong");
        }
        _ => {}
    }
    if by.chars().count() > LONGEST.0 || reason.chars().count() > LONGEST.1 {
        return misuse("a name has at most 120 characters and a reason at most 1000");
    }
    let entry = workspace
        .index()
        .decision(index)
        .ok_or(WorkspaceError::NoDecision(index))?
        .clone();
    let patient = workspace.vault.patient_by_subject(entry.decided.subject)?;
    let kept = Reading {
        by: by.to_owned(),
        reason: reason.to_owned(),
    };
    let body = serde_json::to_vec(&kept).map_err(|e| WorkspaceError::Misuse(e.to_string()))?;
    let part = workspace
        .vault
        .seal(&patient, "reading", &body, world.entropy)?;
    let pseudonym = patient.keyed_id("reader", by.as_bytes());
    let record = Record {
        at: (world.now)(),
        by: format!(
            "reader:{}",
            candour_record::SubjectId::from_bytes(pseudonym)
        ),
        device: entry.device,
        event: Event::Overseen(Overseen {
            case: entry.decided.case,
            decision: entry.leaf,
            decision_index: index,
            verdict,
            parts: vec![part],
        }),
    };
    let sealed = workspace.append(&[record])?;
    sealed
        .first()
        .map(|s| s.index)
        .ok_or(WorkspaceError::NoDecision(index))
}

/// Opens the name and reason of a verdict.
///
/// # Errors
/// When the vault cannot open it.
pub fn reading(
    vault: &Vault,
    entry: &DecisionEntry,
    overseen: &Overseen,
) -> Result<Reading, WorkspaceError> {
    let patient = vault.patient_by_subject(entry.decided.subject)?;
    let part = overseen
        .parts
        .first()
        .ok_or(WorkspaceError::NoDecision(entry.index))?;
    serde_json::from_slice(&vault.open_part(&patient, part)?)
        .map_err(|_| WorkspaceError::Misuse("the reading in the vault is malformed".into()))
}
