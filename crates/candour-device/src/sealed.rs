//! Sealed decisions joined with what became known of them, one row for each study: what a validation
//! or a monitor counts.

use std::collections::{BTreeMap, BTreeSet};

use candour_record::{
    CaseId, DecisionOutcome, Digest, Event, Purpose, Record, Reference, SubjectId, Timestamp,
    Verdict,
};

use crate::workspace::{Workspace, WorkspaceError, World};

/// One study as the ledger tells of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SealedCase {
    /// Index of the `Decided` or `Refused` record.
    pub index: u64,
    /// When.
    pub at: Timestamp,
    /// The study's pseudonym; none where no study could be made out.
    pub case: Option<CaseId>,
    /// The patient's pseudonym.
    pub subject: Option<SubjectId>,
    /// The device file in force.
    pub device: Option<Digest>,
    /// Name and version of the model package.
    pub model_version: String,
    /// What was decided; none where it was refused.
    pub outcome: Option<DecisionOutcome>,
    /// The calibrated probability.
    pub probability: Option<f64>,
    /// Of a refusal: the criterion.
    pub criterion: Option<String>,
    /// What the reference standard says, where it is known.
    pub reference: Option<Reference>,
    /// Whether the reference standard was sealed more than once, and not always alike.
    pub reference_changed: bool,
    /// The latest reader's verdict.
    pub verdict: Option<Verdict>,
    /// The latest record that tells of it: the decision, its outcome or its reading.
    pub known_at: u64,
}

impl SealedCase {
    /// The names of [`SealedCase::cells`].
    pub const COLUMNS: [&'static str; 11] = [
        "record",
        "at",
        "month",
        "case",
        "patient",
        "model",
        "call",
        "probability",
        "refused",
        "truth",
        "verdict",
    ];

    /// The case as a row of a table. `call` is `positive`, `negative`, `indeterminate` where the
    /// device abstained, and empty where it refused.
    #[must_use]
    pub fn cells(&self) -> Vec<String> {
        let at = self.at.to_string();
        vec![
            self.index.to_string(),
            at.clone(),
            at.chars().take(7).collect(),
            self.case.map_or_else(String::new, |c| c.to_string()),
            self.subject.map_or_else(String::new, |s| s.to_string()),
            self.model_version.clone(),
            match self.outcome {
                Some(DecisionOutcome::Finding) => "positive",
                Some(DecisionOutcome::NoFinding) => "negative",
                Some(DecisionOutcome::Abstained) => "indeterminate",
                None => "",
            }
            .to_owned(),
            self.probability.map_or_else(String::new, |p| p.to_string()),
            self.criterion.clone().unwrap_or_default(),
            match self.reference {
                Some(Reference::Positive) => "positive",
                Some(Reference::Negative) => "negative",
                None => "",
            }
            .to_owned(),
            self.verdict
                .map_or_else(String::new, |v| v.key().to_owned()),
        ]
    }
}

/// The studies of one purpose among `records` (index and record, in order). Where a study was decided
/// more than once, each decision is a row.
#[must_use]
pub fn sealed_cases(records: &[(u64, Record)], purpose: Purpose) -> Vec<SealedCase> {
    let mut outcomes: BTreeMap<CaseId, (u64, Reference)> = BTreeMap::new();
    let mut changed: BTreeSet<CaseId> = BTreeSet::new();
    let mut verdicts: BTreeMap<u64, (u64, Verdict)> = BTreeMap::new();
    for (at, record) in records {
        match &record.event {
            Event::Outcome(o) if o.purpose == purpose => {
                let before = outcomes.insert(o.case, (*at, o.reference));
                if before.is_some_and(|(_, reference)| reference != o.reference) {
                    changed.insert(o.case);
                }
            }
            Event::Overseen(o) => {
                verdicts.insert(o.decision_index, (*at, o.verdict));
            }
            _ => {}
        }
    }
    records
        .iter()
        .filter_map(|(index, record)| match &record.event {
            Event::Decided(d) if d.purpose == purpose => Some(SealedCase {
                index: *index,
                at: record.at,
                case: Some(d.case),
                subject: Some(d.subject),
                device: record.device,
                model_version: d.model_version.clone(),
                outcome: Some(d.outcome),
                probability: Some(d.probability.get()),
                criterion: None,
                reference: outcomes.get(&d.case).map(|o| o.1),
                reference_changed: changed.contains(&d.case),
                verdict: verdicts.get(index).map(|v| v.1),
                known_at: (*index)
                    .max(outcomes.get(&d.case).map_or(0, |o| o.0))
                    .max(verdicts.get(index).map_or(0, |v| v.0)),
            }),
            Event::Refused(r) if r.purpose == purpose => Some(SealedCase {
                index: *index,
                at: record.at,
                case: r.case,
                subject: r.subject,
                device: record.device,
                model_version: r.model_version.clone(),
                outcome: None,
                probability: None,
                criterion: Some(r.criterion.clone()),
                reference: r.case.and_then(|c| outcomes.get(&c).map(|o| o.1)),
                reference_changed: r.case.is_some_and(|c| changed.contains(&c)),
                verdict: None,
                known_at: *index,
            }),
            _ => None,
        })
        .collect()
}

/// An outcome that was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// Index of the new record.
    pub index: u64,
    /// The last record that had told an outcome of this study, and what it said.
    pub before: Option<(u64, Reference)>,
}

/// Seals what the reference standard says of the study that the decision at `index` was about.
///
/// # Errors
/// When there is no such decision, the standard is not named, or it cannot be sealed.
pub fn outcome(
    workspace: &mut Workspace,
    world: &World<'_>,
    index: u64,
    reference: Reference,
    standard: &str,
) -> Result<Told, WorkspaceError> {
    let standard = standard.trim();
    if standard.is_empty() || standard.chars().count() > 300 {
        return Err(WorkspaceError::Misuse(
            "name the reference standard in at most 300 characters, such as `histology`; no names or numbers of patients".into(),
        ));
    }
    let entry = workspace
        .index()
        .decision(index)
        .ok_or(WorkspaceError::NoDecision(index))?;
    let (case, purpose) = (entry.decided.case, entry.decided.purpose);
    let mut before = None;
    for (at, (_, known)) in (0u64..).zip(workspace.ledger().records()?) {
        if let Event::Outcome(o) = &known.event
            && (o.case, o.purpose) == (case, purpose)
        {
            before = Some((at, o.reference));
        }
    }
    let record = Record {
        at: (world.now)(),
        by: "candour".into(),
        device: entry.device,
        event: Event::Outcome(candour_record::Outcome {
            case,
            reference,
            standard: standard.to_owned(),
            purpose,
        }),
    };
    let sealed = workspace.append(&[record])?;
    Ok(Told {
        index: sealed.first().map_or(0, |s| s.index),
        before,
    })
}
